"""The absolute lattice, and moving values onto it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from floodfuse.catalogs.errors import BadRequest
from floodfuse.pipeline.area import Area
from floodfuse.pipeline.grid import Grid, area_mask, grid_for, parse_crs, utm_of
from floodfuse.pipeline.ingest.resample import resample, source_coordinates

UTM = pyproj.CRS("EPSG:32630")
WGS84 = pyproj.CRS("EPSG:4326")
LATTICE = Grid(UTM, 10.0, -462_000, 66_000, 200, 240)


def test_pixel_edges_are_whole_multiples_of_the_resolution() -> None:
    grid = grid_for(Area(shapely.box(-0.9, 37.9, -0.8, 38.0), "here"), 10.0)
    assert grid.crs.to_epsg() == 32630
    assert grid.transform.c % 10.0 == 0.0
    assert grid.transform.f % 10.0 == 0.0
    left, bottom, right, top = Area(shapely.box(-0.9, 37.9, -0.8, 38.0), "here").in_crs(grid.crs).bounds
    assert grid.transform.c <= left < grid.transform.c + 10.0
    assert grid.transform.f - 10.0 < top <= grid.transform.f
    assert grid.transform.c + grid.columns * 10.0 >= right
    assert grid.transform.f - grid.rows * 10.0 <= bottom


def test_the_zone_is_that_of_the_middle_and_the_hemisphere() -> None:
    assert utm_of(Area(shapely.box(-160.2, 22.0, -160.1, 22.1), "")).to_epsg() == 32604
    assert utm_of(Area(shapely.box(36.0, -3.5, 36.1, -3.4), "")).to_epsg() == 32737


@given(st.integers(0, 199), st.integers(0, 239), st.sampled_from([64, 100, 512]), st.integers(1, 5))
def test_blocks_tile_the_window_without_gap_or_overlap(row: int, column: int, size: int, halo: int) -> None:
    window = replace(LATTICE, rows=LATTICE.rows - row, columns=LATTICE.columns - column)
    hits = np.zeros(window.shape, int)
    for rows, columns, block in window.blocks(size):
        hits[rows, columns] += 1
        assert block.shape == hits[rows, columns].shape
        assert block.row == window.row + rows.start
        padded = block.padded(halo)
        assert (padded.row, padded.rows) == (block.row - halo, block.rows + 2 * halo)
    assert (hits == 1).all()


@given(
    st.integers(-700, 700),
    st.integers(1, 300),
    st.integers(1, 300),
    st.sampled_from([64, 100]),
    st.integers(-70, 70),
)
def test_blocks_may_begin_at_a_place_of_the_lattice(
    row: int, rows: int, columns: int, size: int, first: int
) -> None:
    window = replace(LATTICE, row=row, rows=rows, columns=columns)
    hits = np.zeros(window.shape, int)
    for at_rows, at_columns, block in window.blocks(size, first):
        hits[at_rows, at_columns] += 1
        assert window.place_of(block) == (at_rows, at_columns)
        assert block.shape == hits[at_rows, at_columns].shape
        for begin, corner, end in (
            (block.row, window.row, block.row + block.rows),
            (block.column, window.column, block.column + block.columns),
        ):
            assert begin == corner or (begin - first) % size == 0
            assert (end - 1 - first) // size == (begin - first) // size  # no cut is left out
    assert (hits == 1).all()


@pytest.mark.parametrize("text", ["EPSG:4326", "EPSG:99999", "not a crs"])
def test_a_crs_that_is_no_map_projection_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="EPSG:32630"):
        parse_crs(text)


@pytest.mark.parametrize("latitude", [38.0, 60.0])
def test_a_projection_that_stretches_areas_is_refused(latitude: float) -> None:
    here = Area(shapely.box(-0.9, latitude, -0.8, latitude + 0.1), "here")
    with pytest.raises(BadRequest, match="EPSG:32630"):
        grid_for(here, 10.0, parse_crs("EPSG:3857"))
    assert grid_for(here, 10.0, parse_crs("EPSG:3035")).crs.to_epsg() == 3035


def test_an_area_mask_does_not_depend_on_the_window() -> None:
    outline = shapely.Point(661_000, 4_619_200).buffer(500)
    whole = area_mask(outline, LATTICE)
    assert 0 < whole.sum() < whole.size
    for rows, columns, block in LATTICE.blocks(64):
        assert np.array_equal(area_mask(outline, block), whole[rows, columns])


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 150),
    st.integers(0, 150),
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([7.0, 13.0, 45.0]),
)
def test_a_ground_pixel_has_the_same_bits_in_every_window(
    row: int, column: int, rows: int, columns: int, metres: float
) -> None:
    rng = np.random.default_rng(5)
    degrees = metres / 111_000.0
    source_transform = Affine(degrees, 0, -1.08, 0, -degrees, 41.74)
    source = rng.gamma(4.0, 0.1, (2, 700, 900)).astype(np.float32)
    source[:, rng.random((700, 900)) < 0.05] = np.nan
    scale = (10.0 / metres, 10.0 / metres)
    whole = resample(source, source_coordinates(LATTICE, WGS84, source_transform), (0, 0), scale)
    part = replace(LATTICE, row=LATTICE.row + row, column=LATTICE.column + column, rows=rows, columns=columns)
    found = resample(source, source_coordinates(part, WGS84, source_transform), (0, 0), scale)
    assert np.array_equal(found, whole[:, row : row + rows, column : column + columns], equal_nan=True)


def test_source_positions_are_those_of_an_exact_transform() -> None:
    transform = Affine(9e-5, 0, -1.08, 0, -9e-5, 41.74)
    at = source_coordinates(LATTICE, WGS84, transform)
    x, y = np.meshgrid(LATTICE.x(), LATTICE.y())
    lon, lat = pyproj.Transformer.from_crs(UTM, WGS84, always_xy=True).transform(x, y)
    assert np.abs(at.column - (lon + 1.08) / 9e-5).max() < 0.01
    assert np.abs(at.row - (41.74 - lat) / 9e-5).max() < 0.01


def test_bilinear_equals_scipy_where_all_is_valid() -> None:
    rng = np.random.default_rng(1)
    source = rng.normal(size=(1, 60, 60)).astype(np.float32)
    grid = Grid(UTM, 10.0, -1040, 1010, 30, 30)
    transform = Affine(9.0, 0, 10_000.0, 0, -9.0, 10_500.0)
    at = source_coordinates(grid, UTM, transform)
    inside = (at.row > 1) & (at.row < 59) & (at.column > 1) & (at.column < 59)
    found = resample(source, at, (0, 0), (10 / 9, 10 / 9))[0]
    expected = map_coordinates(source[0].astype(float), [at.row - 0.5, at.column - 0.5], order=1)
    assert inside.sum() > 500
    assert np.abs(found - expected)[inside].max() < 1e-5


def test_averaging_conserves_the_mean_of_power() -> None:
    rng = np.random.default_rng(2)
    source = rng.gamma(4.4, 0.02, (1, 300, 300)).astype(np.float32)
    grid = Grid(UTM, 30.0, -1000, 1000, 100, 100)
    at = source_coordinates(grid, UTM, Affine(10.0, 0, 30_000.0, 0, -10.0, 30_000.0))
    found = resample(source, at, (0, 0), (3.0, 3.0))[0]
    assert found.mean() == pytest.approx(source.mean(), rel=1e-6)
    blocks = source[0].reshape(100, 3, 100, 3).mean(axis=(1, 3))
    assert np.abs(found - blocks).max() < 1e-6


def test_an_aligned_raster_comes_through_untouched() -> None:
    source = np.random.default_rng(3).normal(size=(1, 200, 240)).astype(np.float32)
    found = resample(source, source_coordinates(LATTICE, UTM, LATTICE.transform), (0, 0), (1.0, 1.0))
    assert np.array_equal(found, source)


def test_no_data_does_not_spread_beyond_half_a_weight_and_never_into_values() -> None:
    source = np.ones((1, 20, 20), np.float32)
    source[0, 10, 10] = np.nan
    grid = Grid(UTM, 10.0, 0, 0, 20, 20)
    at = source_coordinates(grid, UTM, Affine(10.0, 0, 1.0, 0, -10.0, -1.0))
    found = resample(source, at, (0, 0), (1.0, 1.0))[0]
    assert np.nanmax(found) == np.nanmin(found) == 1.0
    assert (
        np.isnan(found[5:15, 5:15]).sum() == 1
    )  # it has 0.81 of the weight of one target, at most 0.09 elsewhere
