"""The files of a synthetic archive: complete, reproducible, labelled, and read back through the catalogue."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
import shapely

from floodfuse.catalogs import static
from floodfuse.catalogs.acquisition import ASSET_NAMES, RADARS, Acquisition, MaskConvention, Sensor
from floodfuse.catalogs.simulated import Archive, Scenario, optical, write_archive
from floodfuse.catalogs.simulated.archive import make_scene
from floodfuse.catalogs.simulated.flood import Mechanism
from floodfuse.catalogs.simulated.lattice import scene_lattice
from floodfuse.catalogs.simulated.mechanisms import MECHANISMS, WET_MECHANISMS, place
from floodfuse.catalogs.simulated.scenario import days_before
from floodfuse.harmonize.classes import LEGEND, WATER_CLASSES, EvidenceClass, MapClass

SIZE = 256
FLAWED = Scenario(
    shift_px={Sensor.SENTINEL1: (0.6, -1.3)}, shift_sd_px=0.4, references=2, artefacts=True, world="A"
)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return write_archive(tmp_path_factory.mktemp("archive"), SIZE, seed=0)


@pytest.fixture(scope="module")
def acquisitions(archive: Archive) -> dict[Sensor, Acquisition]:
    return {acquisition.sensor: acquisition for acquisition in static.acquisitions(archive.catalog)}


@pytest.fixture(scope="module")
def flawed(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return write_archive(tmp_path_factory.mktemp("flawed"), SIZE, 3, FLAWED)


def read(file: Path | str) -> npt.NDArray[Any]:
    with rasterio.open(file) as source:
        values: npt.NDArray[Any] = source.read(1)
        return values


def rasters(archive: Archive) -> dict[str, Path]:
    return {str(file.relative_to(archive.folder)): file for file in sorted(archive.folder.rglob("*.tif"))}


def test_same_seed_same_values_and_another_seed_others(archive: Archive, tmp_path: Path) -> None:
    again = rasters(write_archive(tmp_path / "again", SIZE, seed=0))
    other = rasters(write_archive(tmp_path / "other", SIZE, seed=1))
    without_chance = {"sentinel1/incidence.tif", "palsar2/LIN.tif", "palsar2/MSK.tif"}
    for name, file in rasters(archive).items():
        values = read(file)
        assert values.tobytes() == read(again[name]).tobytes(), name
        assert (values.tobytes() == read(other[name]).tobytes()) == (name in without_chance), name


def test_catalogue_has_every_sensor_with_files_that_open(acquisitions: dict[Sensor, Acquisition]) -> None:
    assert set(acquisitions) == set(Sensor)
    for acquisition in acquisitions.values():
        assert acquisition.synthetic
        for asset in acquisition.assets.values():
            assert Path(asset.href).is_absolute()
            with rasterio.open(asset.href) as source:
                assert source.count >= asset.band
                assert source.crs.to_epsg() == 32630
    assert set(acquisitions[Sensor.TERRAIN].assets) == set(ASSET_NAMES[Sensor.TERRAIN])
    assert acquisitions[Sensor.SENTINEL1].polarizations == ("vv", "vh")
    assert acquisitions[Sensor.ALOS2].polarizations == ("hh", "hv")


def test_acquisition_times_differ_and_lie_within_two_days(
    archive: Archive, acquisitions: dict[Sensor, Acquisition]
) -> None:
    hours = {
        (acquisitions[sensor].time - archive.time).total_seconds() / 3600.0
        for sensor in (Sensor.SENTINEL1, Sensor.ALOS2, Sensor.SENTINEL2)
    }
    assert len(hours) == 3
    assert max(abs(hour) for hour in hours) <= 48.0


def test_every_file_says_that_it_is_synthetic(archive: Archive) -> None:
    for file in rasters(archive).values():
        with rasterio.open(file) as source:
            assert source.tags()["SYNTHETIC"] == "yes"
            assert all("synthetic" in description for description in source.descriptions)


def test_truth_has_every_class_with_its_colour(archive: Archive) -> None:
    truth = read(archive.truth)
    assert set(np.unique(truth)) == {MapClass.DRY_LAND, *WATER_CLASSES}
    with rasterio.open(archive.truth) as source:
        colours = source.colormap(1)
        assert source.tags()["CLASS_2"] == LEGEND[MapClass.OPEN_FLOOD_WATER].label
    assert all(colours[int(value)][:3] == legend.rgba[:3] for value, legend in LEGEND.items() if value != 255)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_shares_of_the_classes_are_those_of_a_flood(seed: int, tmp_path: Path) -> None:
    truth = read(write_archive(tmp_path, SIZE, seed).truth)
    share = {value: float(np.mean(truth == value)) for value in WATER_CLASSES}
    assert 0.08 < sum(share.values()) - share[MapClass.PERMANENT_WATER] < 0.20
    assert 0.02 < share[MapClass.FLOODED_VEGETATION] < 0.08
    assert 0.001 < share[MapClass.FLOODED_URBAN] < 0.03


def test_area_lies_inside_the_scene_and_carries_the_time(
    archive: Archive, acquisitions: dict[Sensor, Acquisition]
) -> None:
    collection = json.loads(archive.aoi.read_text())
    (feature,) = collection["features"]
    area = shapely.geometry.shape(feature["geometry"])
    assert feature["properties"]["synthetic"] is True
    assert datetime.fromisoformat(feature["properties"]["date"]) == archive.time
    for acquisition in acquisitions.values():
        assert shapely.geometry.shape(acquisition.footprint).contains(area)


def test_palsar2_lies_on_the_25_metre_lattice(acquisitions: dict[Sensor, Acquisition]) -> None:
    with rasterio.open(acquisitions[Sensor.ALOS2].assets["hh"].href) as source:
        assert source.res == (25.0, 25.0)
        assert source.transform.c % 25.0 == 0.0
        assert source.transform.f % 25.0 == 0.0


def test_angles_are_in_the_units_declared(acquisitions: dict[Sensor, Acquisition]) -> None:
    for sensor in (Sensor.SENTINEL1, Sensor.ALOS2):
        acquisition = acquisitions[sensor]
        angle = read(acquisition.assets["incidence"].href) * acquisition.incidence_scale
        assert 30.0 < angle.min() < angle.max() < 45.0
        assert angle.max() - angle.min() > 3.0


def test_permanent_water_layer_agrees_with_the_truth(
    archive: Archive, acquisitions: dict[Sensor, Acquisition]
) -> None:
    occurrence = read(acquisitions[Sensor.TERRAIN].assets["permanent_water"].href)
    permanent = read(archive.truth) == MapClass.PERMANENT_WATER
    assert np.median(occurrence[permanent]) > 80
    assert np.median(occurrence[~permanent]) < 5
    assert occurrence.max() <= 100


@pytest.mark.parametrize(("size", "seed"), [(255, 0), (257, 0), (10_000, 0), (256, -1)])
def test_a_size_or_seed_that_can_not_be_is_refused(size: int, seed: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=str(size if seed >= 0 else seed)):
        write_archive(tmp_path / "none", size, seed)
    assert not (tmp_path / "none").exists()


def test_without_options_nothing_but_the_flood_is_written(archive: Archive, tmp_path: Path) -> None:
    usual = rasters(write_archive(tmp_path, SIZE, 0, Scenario()))
    assert set(usual) == set(rasters(archive))
    assert {name.split("/")[0] for name in usual} == {
        "truth.tif",
        "terrain",
        "sentinel1",
        "palsar2",
        "sentinel2",
    }
    for name, file in rasters(archive).items():
        assert file.read_bytes() == usual[name].read_bytes(), name


def test_a_scenario_with_everything_is_reproduced(flawed: Archive, tmp_path: Path) -> None:
    again = rasters(write_archive(tmp_path, SIZE, 3, FLAWED))
    assert set(again) == set(rasters(flawed))
    for name, file in rasters(flawed).items():
        assert read(file).tobytes() == read(again[name]).tobytes(), name


def test_references_come_from_the_same_orbit_and_beam(flawed: Archive) -> None:
    found = {acquisition.id: acquisition for acquisition in static.acquisitions(flawed.catalog)}
    assert len(found) == 4 + 2 * FLAWED.references
    for sensor, name in zip(RADARS, ("sentinel1", "palsar2"), strict=True):
        flood = found[f"synthetic-{name}"]
        assert flood.relative_orbit and flood.beam and flood.orbit_state
        for number in (1, 2):
            reference = found[f"synthetic-{name}-ref{number}"]
            assert (flood.time - reference.time).total_seconds() == 86400.0 * days_before(sensor, number)
            same = {"relative_orbit", "beam", "orbit_state", "footprint", "looks", "nesz_db", "frequency_ghz"}
            assert reference.model_dump(include=same) == flood.model_dump(include=same)
            for asset in reference.assets:
                with (
                    rasterio.open(reference.assets[asset].href) as one,
                    rasterio.open(flood.assets[asset].href) as other,
                ):
                    assert (one.transform, one.shape, one.crs) == (other.transform, other.shape, other.crs)
            assert reference.assets["incidence"] == flood.assets["incidence"]


def test_references_show_the_ground_dry(flawed: Archive) -> None:
    """Where open flood water stands, the flood's date is darker than its references; on dry land they agree."""
    truth = read(flawed.truth)
    inner = (slice(8, -8), slice(16, -16))
    vh = {n: read(flawed.folder / f"sentinel1{n}" / "vh.tif")[inner] for n in ("", "-ref1", "-ref2")}
    wet, dry = (truth[inner] == value for value in (MapClass.OPEN_FLOOD_WATER, MapClass.DRY_LAND))
    before = 0.5 * (vh["-ref1"] + vh["-ref2"])
    assert 10.0 * np.log10(before[wet].mean() / vh[""][wet].mean()) > 4.0
    assert abs(10.0 * np.log10(before[dry].mean() / vh[""][dry].mean())) < 0.3


def test_passes_repeat_as_the_satellites_do() -> None:
    assert [days_before(Sensor.SENTINEL1, n) for n in range(4)] == [0.0, 12.0, 24.0, 36.0]
    assert [days_before(Sensor.ALOS2, n) for n in range(5)] == [0.0, 14.0, 56.0, 70.0, 112.0]
    with pytest.raises(ValueError, match="sentinel2"):
        days_before(Sensor.SENTINEL2, 1)


def test_masks_carry_layover_in_the_codes_of_their_products(flawed: Archive) -> None:
    found = {acquisition.id: acquisition for acquisition in static.acquisitions(flawed.catalog)}
    palsar2, sentinel1 = found["synthetic-palsar2"], found["synthetic-sentinel1"]
    assert palsar2.mask_convention is MaskConvention.PALSAR2_L22
    assert sentinel1.mask_convention is MaskConvention.OPERA_RTC
    codes = read(palsar2.assets["mask"].href)
    slope = read(found["synthetic-terrain"].assets["slope"].href)
    assert {1, 2} <= set(np.unique(codes)) <= {1, 2, 3}
    assert 0.0 < (codes != 1).mean() < 0.05
    codes = read(sentinel1.assets["mask"].href)
    assert {0, 2} <= set(np.unique(codes)) <= {0, 1, 2, 3}
    assert np.median(slope[codes == 2]) > 20.0


def test_the_record_of_a_scenario_holds_the_shifts_that_were_drawn(flawed: Archive, archive: Archive) -> None:
    record = json.loads((flawed.folder / "scenario.json").read_text())
    assert record["synthetic"] is True and record["references"] == 2
    assert record["shift_px"]["sentinel1"] == [0.6, -1.3]
    assert record["shift_px"]["alos2"] == list(FLAWED.shift_of(Sensor.ALOS2, 3)) != [0.0, 0.0]
    usual = json.loads((archive.folder / "scenario.json").read_text())
    assert all(shift == [0.0, 0.0] for shift in usual["shift_px"].values())


def test_without_a_flood_only_rivers_and_lakes_are_water(archive: Archive, tmp_path: Path) -> None:
    dry = write_archive(tmp_path, SIZE, 0, Scenario(flooded=False))
    truth, flooded = read(dry.truth), read(archive.truth)
    assert set(np.unique(truth)) == {MapClass.DRY_LAND, MapClass.PERMANENT_WATER}
    np.testing.assert_array_equal(truth == MapClass.PERMANENT_WATER, flooded == MapClass.PERMANENT_WATER)
    was_wet = flooded == MapClass.OPEN_FLOOD_WATER
    levels = [read(a.folder / "sentinel1" / "vh.tif")[was_wet].mean() for a in (dry, archive)]
    assert levels[0] > 2.0 * levels[1]


@pytest.mark.parametrize(
    ("name", "flooded"),
    [*((name, True) for name in MECHANISMS), *((n, False) for n in MECHANISMS if n not in WET_MECHANISMS)],
)
def test_mechanisms_keep_their_true_class(name: str, flooded: bool) -> None:
    flood = make_scene(scene_lattice(SIZE), 0, Scenario(flooded=flooded, mechanisms=(name,)))
    at_work = flood.mechanism_at(0.0) == Mechanism[name.upper()]
    assert 0.004 < at_work.mean() < 0.4
    truth, surface = set(np.unique(flood.truth_at()[at_work])), set(np.unique(flood.surface_at(0.0)[at_work]))
    if name == "windy_lake":
        lake = {MapClass.PERMANENT_WATER} | ({MapClass.OPEN_FLOOD_WATER} if flooded else set())
        assert (truth, surface) == (lake, {EvidenceClass.OPEN_WATER})
    elif name == "flooded_reeds":
        assert (truth, surface) == ({MapClass.FLOODED_VEGETATION}, {EvidenceClass.FLOODED_HERB})
    else:
        assert (truth, surface) == ({MapClass.DRY_LAND}, {EvidenceClass.BARE_SOIL})


def test_mechanisms_leave_the_rest_of_the_scene_alone() -> None:
    plain = make_scene(scene_lattice(SIZE), 0)
    held_out = place(plain, MECHANISMS, 0)
    assert held_out.mechanism is not None
    elsewhere = held_out.mechanism == Mechanism.NONE
    for hours in (-20.0, 0.0, 30.0):
        np.testing.assert_array_equal(
            held_out.surface_at(hours)[elsewhere], plain.surface_at(hours)[elsewhere]
        )
        assert set(np.unique(held_out.mechanism_at(hours))) == set(Mechanism)
    assert place(plain, (), 0) is plain
    assert not plain.mechanism_at(0.0).any()


def test_snow_is_bright_and_mud_dark_to_the_camera() -> None:
    flood = make_scene(scene_lattice(SIZE), 0, Scenario(mechanisms=("mud_flats", "snow_fields")))
    seen = optical.observe(flood, 30.0, 0)
    kind = np.where(seen.clouded, Mechanism.NONE, flood.mechanism_at(30.0))
    green = seen.reflectance["green"]
    assert np.median(green[kind == Mechanism.SNOW_FIELDS]) > 0.5
    assert np.median(green[kind == Mechanism.MUD_FLATS]) < 0.12
    flagged = np.repeat(np.repeat(seen.scl == optical.SCL_SNOW, 2, 0), 2, 1)
    assert flagged[kind == Mechanism.SNOW_FIELDS].mean() > 0.7
    assert flagged[kind != Mechanism.SNOW_FIELDS].mean() < 0.1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"world": "C"}, "world 'C'"),
        ({"mechanisms": ("fog",)}, "mechanism 'fog': choose of mud_flats"),
        ({"mechanisms": ("flooded_reeds",), "flooded": False}, "flooded_reeds.*without a flood"),
        ({"references": 13}, "references 13: give 0 to 12"),
        ({"references": -1}, "references -1"),
        ({"shift_sd_px": 9.0}, "shift sd 9"),
        ({"shift_px": {Sensor.TERRAIN: (0.0, 0.0)}}, "shift of terrain"),
        ({"shift_px": {Sensor.ALOS2: (0.0, 5.1)}}, "shift 5.1 of alos2"),
        ({"shift_px": {Sensor.ALOS2: (float("nan"), 0.0)}}, "shift nan of alos2"),
    ],
)
def test_a_scenario_that_can_not_be_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Scenario(**wrong)
