"""How far floods rose over an area: told cell by cell on the absolute lattice, and interpolated between the cells' middles.

A cell is weighed like any block, at samples of 40 m and without references, by all acquisitions of the catalogue that see it: so
what it tells does not depend on the area asked for, and a pixel has the same value in any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from math import floor

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from floodfuse.catalogs.acquisition import Acquisition, Sensor
from floodfuse.harmonize.classes import Decider
from floodfuse.harmonize.flood_rise import SAMPLE_M, rise_nats, risen, support
from floodfuse.pipeline.grid import Grid
from floodfuse.pipeline.ground import half_life_of, permanent_water, prior_of
from floodfuse.pipeline.ingest.kept_open import keeping_open
from floodfuse.pipeline.scene import read_scene
from floodfuse.pipeline.smooth_ground import borne_out
from floodfuse.pipeline.weigh import Evidence, weigh

CELL_SAMPLES = 128  # a side: cells of 5.12 km, which hold some 300 fields, and hardly two floods

Float32 = NDArray[np.float32]


class FloodRise(BaseModel):
    """Rise of the flood at the middles of cells, as it goes into the record of a run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cell: float = Field(description="side of a cell in units of the CRS")
    row: int = Field(description="of the first row of cells, counted like pixels of the lattice")
    column: int = Field(description="of the first column")
    nats: tuple[tuple[float, ...], ...] = Field(
        description="by row and column: what is added to the prior's log-odds"
    )

    def at(self, grid: Grid) -> Float32:
        """(y, x) nats at pixels, linear between the middles of the four cells around."""
        values = np.asarray(self.nats, np.float64)
        r, v = _between(-grid.y() / self.cell - self.row, values.shape[0])
        c, u = _between(grid.x() / self.cell - self.column, values.shape[1])
        v, u = v[:, None], u[None, :]
        near = values[r][:, c] * (1.0 - u) + values[r][:, c + 1] * u
        far = values[r + 1][:, c] * (1.0 - u) + values[r + 1][:, c + 1] * u
        return np.asarray(near * (1.0 - v) + far * v, np.float32)


def _between(place: NDArray[np.float64], cells: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Cell before a place whose unit is a cell, and the fraction of the way from its middle to the next one's."""
    f = np.clip(place - 0.5, 0.0, cells - 1.0)
    before = np.minimum(f.astype(np.intp), cells - 2)
    return before, f - before


def cells_around(grid: Grid) -> Grid:
    """The cells between whose middles all pixels of a grid lie, as a grid with a pixel a cell."""
    side = CELL_SAMPLES * SAMPLE_M / grid.metres_per_pixel * grid.resolution
    x, y = grid.x(), -grid.y()
    (left, right), (top, bottom) = ((floor(v[0] / side - 0.5), floor(v[-1] / side - 0.5) + 1) for v in (x, y))
    return Grid(grid.crs, side, top, left, bottom - top + 1, right - left + 1)


def flood_rise(
    acquisitions: Sequence[Acquisition], time: datetime, cells: Grid, workers: int = 1
) -> FloodRise | None:
    """Rise of the flood in every cell; None where no terrain is at hand, for without heights there is no stage.

    Parameters
    ----------
    acquisitions : prepared, aligned and calibrated, in the order of `weigh`; all that see the cells
    time : of the product
    cells : from `cells_around`
    """
    if not any(a.sensor is Sensor.TERRAIN and "hand" in a.assets for a in acquisitions):
        return None
    alone = [a.model_copy(update={"references": ()}) for a in acquisitions]
    places = [(cells.row + r, cells.column + c) for r in range(cells.rows) for c in range(cells.columns)]

    def told(place: tuple[int, int]) -> float:
        return _told(alone, time, _samples_of(cells, *place))

    with keeping_open(), ThreadPoolExecutor(workers) as pool:
        values = np.reshape(list(pool.map(told, places)), cells.shape)
    nats = tuple(tuple(round(float(v), 3) for v in row) for row in values)
    return FloodRise(cell=cells.resolution, row=cells.row, column=cells.column, nats=nats)


def _samples_of(cells: Grid, row: int, column: int) -> Grid:
    """Samples of one cell."""
    n = CELL_SAMPLES
    return Grid(cells.crs, cells.resolution / n, row * n, column * n, n, n)


def _told(acquisitions: Sequence[Acquisition], time: datetime, samples: Grid) -> float:
    scene = read_scene(acquisitions, samples)
    terrain = scene["terrain"].dataset
    share = prior_of(terrain, samples.shape)
    evidence = weigh(acquisitions, scene, samples, time, share, "none")
    evidence = borne_out(evidence, half_life_of(terrain))
    tells, nats = follows(terrain), together(evidence, share)
    return rise_nats(support(nats[tells], share[tells], samples.metres_per_pixel))


def together(evidence: Mapping[Decider, Evidence], log_share: Float32) -> Float32:
    """Evidence of all sensors together, (y, x, class) nats, in the shape of a prior; 0 where none sees."""
    total = np.zeros_like(log_share)
    for said in evidence.values():
        total += np.nan_to_num(said.nats)
    return total


def follows(terrain: xr.Dataset) -> NDArray[np.bool_]:
    """Ground whose prior follows the rise of the flood, and tells it: of known height, and not always water."""
    known = np.isfinite(terrain["hand"].values)
    always = permanent_water(terrain)
    return known if always is None else known & ~always


def prior_with(rise: FloodRise | None, log_share: Float32, terrain: xr.Dataset, grid: Grid) -> Float32:
    """ln prior of every class on a grid, once it is known how far the flood rose."""
    if rise is None or "hand" not in terrain:
        return log_share
    return risen(log_share, np.where(follows(terrain), rise.at(grid), np.float32(0.0)))
