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
from floodfuse.catalogs.acquisition import ASSET_NAMES, Acquisition, Sensor
from floodfuse.catalogs.simulated import Archive, write_archive
from floodfuse.harmonize.classes import LEGEND, WATER_CLASSES, MapClass

SIZE = 256


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return write_archive(tmp_path_factory.mktemp("archive"), SIZE, seed=0)


@pytest.fixture(scope="module")
def acquisitions(archive: Archive) -> dict[Sensor, Acquisition]:
    return {acquisition.sensor: acquisition for acquisition in static.acquisitions(archive.catalog)}


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
