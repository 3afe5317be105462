"""Shifts of whole acquisitions: found on simulated scenes to a tenth of a pixel, the same for any area, refused in words."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine

from floodfuse.catalogs.acquisition import OBSERVING, Acquisition, Asset, Sensor, Shift
from floodfuse.catalogs.simulated.archive import Archive, write_archive
from floodfuse.pipeline import align
from floodfuse.pipeline.align import aligned
from floodfuse.pipeline.area import parse_area
from floodfuse.pipeline.compare import compare
from floodfuse.pipeline.explain import explain
from floodfuse.pipeline.grid import Grid, grid_for
from floodfuse.pipeline.ingest.reading import RasterGeometry, relocated
from floodfuse.pipeline.map_area import map_area
from floodfuse.pipeline.open_product import load_record
from floodfuse.pipeline.scene import node_path, prepare, read_scene
from floodfuse.pipeline.search import find
from floodfuse.pipeline.settings import MapSettings

TENTH_M = 1.0  # of a pixel of 10 m
EAST_M, NORTH_M = 6.0, -13.0  # the products lie 0.6 px too far east and 1.3 px too far south
UTM = "EPSG:32630"
SEEDS = (0, 1, 2)

Archives = dict[int, Archive]


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Archives:
    """Three scenes of 10 km."""
    folder = tmp_path_factory.mktemp("archives")
    return {seed: write_archive(folder / str(seed), size=1024, seed=seed) for seed in SEEDS}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """A scene of 4 km whose Sentinel-1 files lie 0.6 px too far east and 1.3 px too far south."""
    archive = write_archive(tmp_path_factory.mktemp("small") / "archive", size=384, seed=3)
    for file in (archive.folder / "sentinel1").glob("*.tif"):
        displace(file, EAST_M, NORTH_M)
    return archive


def displace(file: Path, east: float, north: float) -> None:
    """Let a raster say that it lies elsewhere."""
    with rasterio.open(file, "r+") as dataset:
        dataset.transform = Affine.translation(east, north) @ dataset.transform


def found_in(archive: Archive, *sensors: Sensor) -> list[Acquisition]:
    area = parse_area(str(archive.aoi))
    return prepare(find(str(archive.folder), area, archive.time, 3.0, sensors or OBSERVING))


def displaced(acquisition: Acquisition, folder: Path, east: float, north: float) -> Acquisition:
    """A copy of the acquisition whose files say that they lie elsewhere."""
    folder.mkdir()
    assets = {}
    for name, asset in acquisition.assets.items():
        file = Path(shutil.copy(asset.href, folder))
        displace(file, east, north)
        assets[name] = Asset(href=str(file), band=asset.band)
    return acquisition.model_copy(update={"assets": assets})


def shifts(acquisitions: Sequence[Acquisition]) -> dict[Sensor, Shift | None]:
    return {a.sensor: a.shift for a in acquisitions}


def of(acquisitions: Sequence[Acquisition], sensor: Sensor) -> Acquisition:
    return next(a for a in acquisitions if a.sensor is sensor)


def offset(shift: Shift | None) -> tuple[float, float]:
    assert shift is not None and shift.east_m is not None and shift.north_m is not None
    return shift.east_m, shift.north_m


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_none_is_invented_where_nothing_is_displaced(archives: Archives, seed: int) -> None:
    """With optics 36 and 50 hours after C and L band: the water has moved, the fields have not."""
    found = shifts(aligned(found_in(archives[seed])))
    assert found[Sensor.SENTINEL2] is None and found[Sensor.TERRAIN] is None
    for radar in (Sensor.SENTINEL1, Sensor.ALOS2):
        shift = found[radar]
        assert offset(shift) == pytest.approx((0.0, 0.0), abs=TENTH_M)
        assert shift is not None and not shift.applied and shift.reason == "not significant"
        assert shift.anchors[0] == "synthetic-sentinel2" and shift.windows > 100
    assert found[Sensor.ALOS2].anchors == ("synthetic-sentinel2", "synthetic-sentinel1")  # type: ignore[union-attr]


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_displacement_of_each_radar_against_optics_is_found_to_a_tenth_of_a_pixel(
    archives: Archives, seed: int, tmp_path: Path
) -> None:
    acquisitions = [
        displaced(a, tmp_path / a.id, EAST_M, NORTH_M) if a.sensor in (Sensor.SENTINEL1, Sensor.ALOS2) else a
        for a in found_in(archives[seed])
    ]
    for radar in (Sensor.SENTINEL1, Sensor.ALOS2):
        acquisition = of(aligned(acquisitions), radar)
        assert offset(acquisition.shift) == pytest.approx((-EAST_M, -NORTH_M), abs=TENTH_M)
        assert acquisition.shift is not None and acquisition.shift.applied
        assert acquisition.shift_m == offset(acquisition.shift)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_l_band_is_held_against_c_band_where_there_are_no_optics(
    archives: Archives, seed: int, tmp_path: Path
) -> None:
    still = found_in(archives[seed], Sensor.SENTINEL1, Sensor.ALOS2)
    found = shifts(aligned(still))
    assert found[Sensor.SENTINEL1] is None
    assert offset(found[Sensor.ALOS2]) == pytest.approx((0.0, 0.0), abs=TENTH_M)
    palsar = displaced(of(still, Sensor.ALOS2), tmp_path / "l", EAST_M, NORTH_M)
    found = shifts(aligned([palsar if a.sensor is Sensor.ALOS2 else a for a in still]))
    shift = found[Sensor.ALOS2]
    assert offset(shift) == pytest.approx((-EAST_M, -NORTH_M), abs=TENTH_M)
    assert shift is not None and shift.applied and shift.anchors == ("synthetic-sentinel1",)


@pytest.mark.slow
def test_once_applied_nothing_is_left(archives: Archives, tmp_path: Path) -> None:
    """Values read are those of the files that were not displaced, moved by a tenth of a pixel at most; measured again, none."""
    still = found_in(archives[0])
    acquisitions = [
        displaced(a, tmp_path / a.id, EAST_M, NORTH_M) if a.sensor is Sensor.ALOS2 else a for a in still
    ]
    done = aligned(acquisitions)
    grid = replace_window(grid_for(parse_area(str(archives[0].aoi)), 10.0), 200, 400)
    before, wrong, right = (
        read_scene([of(all_, Sensor.ALOS2)], grid)["/alos2/synthetic-palsar2"].dataset["hh"].values
        for all_ in (still, acquisitions, done)
    )
    error = [np.nanmedian(np.abs(np.log(after / before))) for after in (wrong, right)]
    assert error[1] < 0.2 * error[0]
    for layer in ("incidence", "hidden"):
        now = read_scene([of(done, Sensor.ALOS2)], grid)["/alos2/synthetic-palsar2"].dataset[layer].values
        assert np.isfinite(now).all()
    again = align._measure(
        of(done, Sensor.ALOS2),
        of(done, Sensor.SENTINEL2),
        align.places(grid, [shapely.geometry.shape(of(done, Sensor.ALOS2).footprint)]),
        2,
    )
    assert again is not None
    assert np.hypot(again.row, again.column) < 0.15


def replace_window(grid: Grid, offset_px: int, side: int) -> Grid:
    return Grid(grid.crs, grid.resolution, grid.row + offset_px, grid.column + offset_px, side, side)


def a_map(archive: Archive, out: Path, area: str | None = None, block: int = 512, align: bool = True) -> Path:
    asked = {"area": area or str(archive.aoi), "out": str(out), "block": block, "align": align}
    map_area(MapSettings.model_validate(archive.request | asked))
    return out


@pytest.mark.slow
def test_any_part_of_a_scene_is_moved_like_the_whole(small: Archive, tmp_path: Path) -> None:
    """The recorded shift is that of the acquisition, and the bits are those of the whole, whatever the blocks."""
    whole = a_map(small, tmp_path / "whole")
    west, south, east, north = parse_area(str(small.aoi)).bounds
    box = f"{west + 0.4 * (east - west)},{south + 0.3 * (north - south)},{east - 0.002},{north - 0.004}"
    align._known.clear()
    part = a_map(small, tmp_path / "part", area=box, block=64)
    records = load_record(whole), load_record(part)
    (one, other) = (
        {i.id: i.acquisition["shift"] for i in r.inputs if i.sensor != "terrain"} for r in records
    )
    assert one == other
    applied = Acquisition.model_validate(
        next(i.acquisition for i in records[0].inputs if i.sensor == "sentinel1")
    )
    assert applied.shift_m == pytest.approx((-EAST_M, -NORTH_M), abs=2.0)
    difference = compare(whole, part)
    assert difference.common_pixels > 30_000
    assert (difference.changed_pixels, difference.largest_probability_difference) == (0, 0.0)
    lon, lat = west + 0.6 * (east - west), south + 0.5 * (north - south)
    assert explain(whole, lon, lat).matches_product


@pytest.mark.slow
def test_without_alignment_nothing_is_looked_for(small: Archive, tmp_path: Path) -> None:
    record = load_record(a_map(small, tmp_path / "plain", align=False))
    assert record.settings["align"] is False
    assert all(i.acquisition["shift"] is None for i in record.inputs)


def test_order_and_workers_change_nothing(small: Archive) -> None:
    acquisitions = found_in(small)
    first = shifts(aligned(acquisitions, workers=1))
    align._known.clear()
    second = shifts(aligned(acquisitions[::-1], workers=3))
    assert first == second
    shift = first[Sensor.SENTINEL1]
    assert shift is not None and shift.applied
    assert Shift.model_validate_json(shift.model_dump_json()) == shift


def test_one_acquisition_alone_or_two_of_a_sensor_are_left_as_they_are(small: Archive) -> None:
    (radar,) = [a for a in found_in(small) if a.sensor is Sensor.SENTINEL1]
    twin = radar.model_copy(update={"id": "twin"})
    assert aligned([radar]) == (radar,)
    assert aligned([radar, twin]) == (radar, twin)
    assert aligned([]) == ()


def test_acquisitions_that_share_no_ground_are_left_where_they_are(small: Archive) -> None:
    acquisitions = found_in(small)
    elsewhere = shapely.geometry.mapping(shapely.box(40.0, 10.0, 40.1, 10.1))
    apart = [
        a.model_copy(update={"footprint": elsewhere}) if a.sensor is Sensor.SENTINEL2 else a
        for a in acquisitions
    ]
    found = shifts(aligned(apart))
    assert found[Sensor.SENTINEL1] == Shift(
        applied=False, reason="no acquisition of sentinel2 shares ground with it"
    )
    palsar = found[Sensor.ALOS2]
    assert palsar is not None and palsar.anchors == ("synthetic-sentinel1",)


def test_a_clouded_sky_leaves_radar_to_radar(small: Archive, tmp_path: Path) -> None:
    acquisitions = found_in(small)
    optical = of(acquisitions, Sensor.SENTINEL2)
    cloud = Path(shutil.copy(optical.assets["scl"].href, tmp_path / "scl.tif"))
    with rasterio.open(cloud, "r+") as dataset:
        dataset.write(np.full(dataset.shape, 9, np.uint8), 1)
    clouded = optical.model_copy(update={"assets": optical.assets | {"scl": Asset(href=str(cloud))}})
    found = aligned([clouded if a is optical else a for a in acquisitions])
    c_band, l_band = of(found, Sensor.SENTINEL1).shift, of(found, Sensor.ALOS2).shift
    assert c_band is not None and c_band.anchors == (optical.id,)
    assert not c_band.applied and "no distinct maximum" in c_band.reason
    assert l_band is not None and l_band.anchors == ("synthetic-sentinel1",)


def test_images_that_do_not_belong_together_are_refused(small: Archive, tmp_path: Path) -> None:
    """A product a kilometre off, as with a wrong datum, and one of noise."""
    acquisitions = found_in(small)
    far = displaced(of(acquisitions, Sensor.ALOS2), tmp_path / "far", 700.0, -900.0)
    noise = displaced(of(acquisitions, Sensor.SENTINEL1), tmp_path / "noise", 0.0, 0.0)
    rng = np.random.default_rng(0)
    for pol in noise.polarizations:
        with rasterio.open(noise.assets[pol].href, "r+") as dataset:
            dataset.write(rng.gamma(4.4, 0.02, dataset.shape).astype(np.float32), 1)
    found = shifts(aligned([far, noise, of(acquisitions, Sensor.SENTINEL2)]))
    for sensor in (Sensor.ALOS2, Sensor.SENTINEL1):
        shift = found[sensor]
        assert shift is not None and not shift.applied
        assert shift.reason not in ("significant", "not significant"), shift


def test_footprints_smaller_than_a_window_are_no_ground_to_compare(small: Archive) -> None:
    acquisitions = found_in(small)
    west, south, _, _ = shapely.geometry.shape(acquisitions[0].footprint).bounds
    sliver = shapely.geometry.mapping(shapely.box(west + 0.01, south + 0.01, west + 0.0101, south + 0.03))
    found = shifts(
        aligned(
            [
                a.model_copy(update={"footprint": sliver}) if a.sensor is Sensor.SENTINEL1 else a
                for a in acquisitions
            ]
        )
    )
    shift = found[Sensor.SENTINEL1]
    assert shift is not None and not shift.applied and "shares ground" in shift.reason


@pytest.mark.parametrize("side_km", [5, 250])
def test_places_are_few_spread_and_on_the_ground_of_both(side_km: int) -> None:
    centre = shapely.Point(500_000.0, 4_600_000.0)
    square = shapely.affinity.rotate(centre.buffer(500.0 * side_km, cap_style="square"), 12.0)
    back = pyproj.Transformer.from_crs(UTM, "EPSG:4326", always_xy=True)
    corners = [back.transform(x, y) for x, y in square.exterior.coords]
    outline = shapely.Polygon(corners)
    ground = grid_for(parse_area(",".join(map(str, outline.bounds))), 10.0)
    found = align.places(ground, [outline])
    assert 4 <= len(found) <= 32
    assert len({(p.row, p.column) for p in found}) == len(found)
    for place in found:
        assert ground.holds(place)
        middle = shapely.box(
            place.transform.c,
            place.transform.f - place.rows * 10.0,
            place.transform.c + place.columns * 10.0,
            place.transform.f,
        )
        assert square.buffer(100.0).intersects(middle)
    if side_km == 250:
        x, y = (np.array([getattr(p, axis) for p in found[:16]]) * 10.0 for axis in ("column", "row"))
        assert x.std() > 40_000.0 and y.std() > 40_000.0


@pytest.mark.parametrize("crs", [UTM, "EPSG:32631", "EPSG:4326", "EPSG:3035"])
def test_a_raster_in_any_projection_is_moved_by_the_same_metres(crs: str) -> None:
    """Corner pixels, there and back: within 3 cm of what was asked for over 20 km."""
    to = pyproj.Transformer.from_crs(UTM, crs, always_xy=True)
    left, top = to.transform(660_000.0, 4_630_000.0)
    size = 2e-4 if crs == "EPSG:4326" else 20.0
    geometry = RasterGeometry(pyproj.CRS(crs), Affine(size, 0.0, left, 0.0, -size, top), 1000, 1000)
    shift = Shift(crs=UTM, east_m=-6.2, north_m=13.1, applied=True, reason="significant")
    moved = relocated(geometry, shift)
    for corner in ((0, 0), (1000, 0), (0, 1000), (1000, 1000)):
        before = to.transform(*(geometry.transform @ corner), direction="INVERSE")
        after = to.transform(*(moved.transform @ corner), direction="INVERSE")
        assert np.subtract(after, before) == pytest.approx((-6.2, 13.1), abs=0.03)
    assert moved._replace(transform=geometry.transform) == geometry
    assert relocated(geometry, None) is geometry
    assert relocated(geometry, shift.model_copy(update={"applied": False})) is geometry


def test_what_is_read_does_not_depend_on_the_window(small: Archive) -> None:
    acquisition = of(found_in(small), Sensor.ALOS2).model_copy(
        update={
            "shift": Shift(crs="EPSG:32631", east_m=-6.2, north_m=13.1, applied=True, reason="significant")
        }
    )
    grid = replace_window(grid_for(parse_area(str(small.aoi)), 10.0), 20, 200)
    whole = read_scene([acquisition], grid)[node_path(acquisition)].dataset
    part = read_scene([acquisition], replace_window(grid, 70, 37))[node_path(acquisition)].dataset
    for name in ("hh", "hv", "incidence"):
        assert np.array_equal(whole[name].values[70:107, 70:107], part[name].values, equal_nan=True)


def test_the_record_says_nothing_where_nothing_was_looked_for(small: Archive) -> None:
    acquisition = found_in(small)[0]
    assert acquisition.shift is None and acquisition.shift_m is None
    again = Acquisition.model_validate(json.loads(acquisition.model_dump_json()))
    assert again.shift is None
