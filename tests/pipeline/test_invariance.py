"""The same ground gives the same bits, whatever area is asked for, however it is cut and however many work on it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import shapely
import xarray as xr
from pyproj import Transformer

from floodfuse.catalogs.acquisition import OBSERVING
from floodfuse.catalogs.simulated.archive import Archive, write_archive
from floodfuse.pipeline.area import parse_area
from floodfuse.pipeline.compare import compare
from floodfuse.pipeline.explain import explain
from floodfuse.pipeline.grid import Grid, area_mask, grid_for
from floodfuse.pipeline.map_area import map_area
from floodfuse.pipeline.open_product import grid_of, load_record
from floodfuse.pipeline.publish import zarr_store
from floodfuse.pipeline.scene import node_path, open_scene, prepare, read_scene
from floodfuse.pipeline.search import find
from floodfuse.pipeline.settings import MapSettings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return write_archive(tmp_path_factory.mktemp("simulated") / "archive", size=384, seed=3)


def run(archive: Archive, out: Path, area: str | None = None, block: int = 512, workers: int = 2) -> Path:
    asked = {"area": area or str(archive.aoi), "out": str(out), "block": block, "workers": workers}
    map_area(MapSettings.model_validate(archive.request | asked))
    return out


@pytest.fixture(scope="module")
def whole(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(archive, tmp_path_factory.mktemp("whole") / "product")


def layers(product: Path) -> tuple[Grid, xr.Dataset]:
    return grid_of(load_record(product)), zarr_store.open_product(product).load()


def assert_same_ground(first: Path, second: Path, inside: shapely.Geometry) -> int:
    """Every layer bit-identical on pixels inside both areas; returns how many there are."""
    (a, one), (b, two) = layers(first), layers(second)
    top, left = b.row - a.row, b.column - a.column
    assert top >= 0 and left >= 0 and top + b.rows <= a.rows and left + b.columns <= a.columns
    part = one.isel(y=slice(top, top + b.rows), x=slice(left, left + b.columns))
    both = area_mask(inside, b)
    for name in two.data_vars:
        if two[name].dims != ("y", "x"):
            continue
        assert np.array_equal(
            part[name].values[both], two[name].values[both], equal_nan=two[name].dtype.kind == "f"
        ), name
    return int(both.sum())


@pytest.mark.parametrize(("block", "workers"), [(64, 1), (100, 2), (512, 1)])
def test_blocks_and_workers_change_nothing(
    archive: Archive, whole: Path, tmp_path: Path, block: int, workers: int
) -> None:
    other = run(archive, tmp_path / "product", block=block, workers=workers)
    outline = parse_area(str(archive.aoi)).in_crs(grid_of(load_record(whole)).crs)
    assert assert_same_ground(whole, other, outline) > 100_000
    if block != 100:  # the same files, not only the same values; the Zarr's chunks follow the block
        for name in ("flood.tif", "probability.tif", "diagnostics.tif"):
            assert (whole / name).read_bytes() == (other / name).read_bytes(), name


def test_five_crops_hold_the_same_bits_as_the_whole(archive: Archive, whole: Path, tmp_path: Path) -> None:
    west, south, east, north = parse_area(str(archive.aoi)).bounds
    rng = np.random.default_rng(11)
    for i in range(5):
        w, e = np.sort(rng.uniform(west + 0.002, east - 0.002, 2))
        s, n = np.sort(rng.uniform(south + 0.002, north - 0.002, 2))
        e, n = max(e, w + 0.004), max(n, s + 0.004)
        box = f"{w:.6f},{s:.6f},{min(e, east - 0.001):.6f},{min(n, north - 0.001):.6f}"
        crop = run(archive, tmp_path / f"crop{i}", area=box, block=(64, 128, 512)[i % 3], workers=1 + i % 2)
        grid = grid_of(load_record(whole))
        inside = parse_area(box).in_crs(grid.crs).intersection(parse_area(str(archive.aoi)).in_crs(grid.crs))
        pixels = assert_same_ground(whole, crop, inside)
        assert pixels > 500
        difference = compare(whole, crop)
        assert (difference.common_pixels, difference.changed_pixels) == (pixels, 0)
        assert difference.largest_probability_difference == 0.0


def test_threads_share_an_outline_of_many_vertices_without_harm(archive: Archive, tmp_path: Path) -> None:
    """GEOS prepares geometries in place; two threads at one and the same would end the process."""
    west, south, east, north = parse_area(str(archive.aoi)).bounds
    turn = np.linspace(0, 2 * np.pi, 4000, endpoint=False)
    radius = 0.45 + 0.02 * np.sin(60 * turn)
    lon = (west + east) / 2 + (east - west) * radius * np.cos(turn)
    lat = (south + north) / 2 + (north - south) * radius * np.sin(turn)
    ring = [[float(a), float(b)] for a, b in zip(lon, lat, strict=True)]
    polygon = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    area = tmp_path / "wiggly.geojson"
    feature = {"type": "Feature", "properties": {}, "geometry": polygon}
    area.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    first = run(archive, tmp_path / "first", area=str(area), block=64, workers=4)
    second = run(archive, tmp_path / "second", area=str(area), block=64, workers=1)
    assert (first / "flood.tif").read_bytes() == (second / "flood.tif").read_bytes()


def test_a_scene_is_lazy_and_equals_what_is_read_at_once(archive: Archive) -> None:
    area = parse_area(str(archive.aoi))
    grid = grid_for(area, 10.0)
    acquisitions = prepare(find(str(archive.folder), area, archive.time, 3.0, OBSERVING))
    lazy = open_scene(acquisitions, grid, block=128)
    for node in lazy.subtree:
        for variable in node.dataset.data_vars.values():
            assert variable.chunks is not None
    eager = read_scene(acquisitions, grid)
    for acquisition in acquisitions:
        path = "/terrain" if acquisition.sensor == "terrain" else node_path(acquisition)
        now, later = eager[path].to_dataset(), lazy[path].to_dataset()
        for name, variable in now.data_vars.items():
            assert np.array_equal(
                later[name].values, variable.values, equal_nan=variable.dtype.kind == "f"
            ), name


def test_explaining_a_pixel_gives_what_the_map_holds(whole: Path) -> None:
    grid, product = layers(whole)
    rng = np.random.default_rng(4)
    to_degrees = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    for row, column in zip(
        rng.integers(20, grid.rows - 20, 6), rng.integers(20, grid.columns - 20, 6), strict=True
    ):
        lon, lat = to_degrees.transform(grid.x()[column], grid.y()[row])
        found = explain(whole, lon, lat)
        assert found.matches_product
        stored = float(product["probability"][row, column])
        assert (found.probability is None and np.isnan(stored)) or found.probability == stored
        assert sum(found.posterior.values()) == pytest.approx(1.0, abs=1e-5)
        assert sum(found.prior.values()) == pytest.approx(1.0, abs=1e-5)
