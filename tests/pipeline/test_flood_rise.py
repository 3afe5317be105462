"""Rise of the flood over an area: the same at a pixel whatever the area, smooth, none without heights, low where all is dry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyproj
import pytest
import shapely
import xarray as xr

from floodfuse.catalogs.simulated.archive import write_archive
from floodfuse.catalogs.simulated.scenario import Scenario
from floodfuse.harmonize.prior import log_prior
from floodfuse.pipeline.area import Area
from floodfuse.pipeline.flood_rise import prior_with
from floodfuse.pipeline.grid import Grid, covering, grid_for
from floodfuse.pipeline.ground import has_stage
from floodfuse.pipeline.map_area import map_area
from floodfuse.pipeline.rise_field import CELL_SAMPLES, FloodRise, cells_around
from floodfuse.pipeline.settings import MapSettings

CRS = pyproj.CRS.from_epsg(32630)
SIDE = 5120.0
RISE = FloodRise(cell=SIDE, row=-3, column=7, nats=((-2.0, -1.0, 0.5), (0.0, 1.0, 2.0), (0.3, 0.2, 0.1)))


def grid(row: int, column: int, rows: int, columns: int, resolution: float = 10.0) -> Grid:
    return Grid(CRS, resolution, row, column, rows, columns)


def test_at_the_middle_of_a_cell_it_is_the_cell_s_own() -> None:
    per_cell = 512
    for r in range(3):
        for c in range(3):
            middle = grid((-3 + r) * per_cell + per_cell // 2, (7 + c) * per_cell + per_cell // 2, 1, 1)
            assert RISE.at(middle)[0, 0] == pytest.approx(RISE.nats[r][c], abs=0.01)


def test_between_middles_it_is_linear() -> None:
    row = RISE.at(grid(-3 * 512 + 256, 7 * 512 + 256, 1, 512))[0]
    np.testing.assert_allclose(np.diff(row), 1.0 / 512, atol=1e-5)
    assert row[0] == pytest.approx(-2.0, abs=0.01) and row[-1] == pytest.approx(-1.0, abs=0.01)


def test_a_window_has_the_bits_of_the_whole() -> None:
    whole, part = grid(-1100, 4000, 700, 600), grid(-900, 4100, 33, 57)
    rows, columns = whole.place_of(part)
    np.testing.assert_array_equal(RISE.at(part), RISE.at(whole)[rows, columns])


@pytest.mark.parametrize(
    "place", [(-1400, 3800, 10, 10), (0, 0, 1, 1), (-77, -901, 700, 1300), (255, 256, 2, 600)]
)
@pytest.mark.parametrize("resolution", [10.0, 25.0])
def test_every_pixel_lies_between_the_middles_of_cells(
    place: tuple[int, int, int, int], resolution: float
) -> None:
    asked = grid(*place, resolution)
    cells = cells_around(asked)
    assert cells.resolution == SIDE and min(cells.shape) >= 2
    for values, first, count in (
        (asked.x(), cells.column, cells.columns),
        (-asked.y(), cells.row, cells.rows),
    ):
        middles = (first + 0.5) * SIDE, (first + count - 0.5) * SIDE
        assert middles[0] <= values.min() and values.max() < middles[1]
        assert (
            values.min() < middles[0] + SIDE and values.max() >= middles[1] - SIDE
        )  # and no more than needed


def test_cells_are_covered_by_their_area() -> None:
    cells = cells_around(grid(-1400, 3800, 10, 10))
    small = Area(shapely.box(-3.0, 0.1, -2.9, 0.2), "small")
    box = covering(cells, small).in_crs(CRS).bounds
    expected = (cells.column, -(cells.row + cells.rows), cells.column + cells.columns, -cells.row)
    np.testing.assert_allclose(box, SIDE * np.array(expected), atol=1.0)


def test_cells_across_the_antimeridian_are_left_at_the_area() -> None:
    area = Area(shapely.box(179.95, -17.0, 179.99, -16.9), "Taveuni")
    around = cells_around(grid_for(area, 10.0))
    assert covering(around, area) is area


def test_permanent_water_and_ground_of_unknown_height_do_not_follow() -> None:
    hand = np.array([[0.0, np.nan, 1.0]], np.float32)
    terrain = xr.Dataset(
        {
            "hand": (("y", "x"), hand),
            "permanent_water": (("y", "x"), np.array([[0.0, 0.0, 100.0]], np.float32)),
        }
    )
    assert has_stage(terrain).tolist() == [[True, False, False]]
    share = log_prior((1, 3), None, hand, None, np.array([[False, False, True]]))
    where = grid(-1400, 3800, 1, 3)
    moved = prior_with(RISE, share, terrain, where)
    np.testing.assert_array_equal(moved[0, 1:], share[0, 1:])
    assert (moved[0, 0] != share[0, 0]).all()
    np.testing.assert_array_equal(prior_with(None, share, terrain, where), share)
    np.testing.assert_array_equal(prior_with(RISE, share, xr.Dataset(), where), share)


@pytest.mark.slow
@pytest.mark.parametrize("sensors", [(), ("sentinel1",), ("alos2",)])
def test_a_flooded_scene_stands_higher_than_the_same_one_dry(
    tmp_path: Path, sensors: tuple[str, ...]
) -> None:
    told = {}
    for name, flooded in (("wet", True), ("dry", False)):
        made = write_archive(tmp_path / name, 512, 1, Scenario(flooded=flooded))
        asked = (
            made.request | {"out": str(tmp_path / f"{name} map")} | ({"sensors": sensors} if sensors else {})
        )
        rise = map_area(MapSettings.model_validate(asked)).flood_rise
        assert rise is not None and rise.cell == SIDE == CELL_SAMPLES * 40.0
        told[name] = np.asarray(rise.nats)
    at = np.unravel_index(np.abs(told["dry"]).argmax(), told["dry"].shape)
    print(f"SYNTHETIC {sensors}: rise {told['wet'][at]:+.2f} flooded, {told['dry'][at]:+.2f} dry")
    assert told["dry"][at] < -0.5 and told["dry"][at] + 0.3 < told["wet"][at]
