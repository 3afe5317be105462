"""How far floods rose over an area, told cell by cell on the absolute lattice.

A cell is weighed like any block, at samples of 40 m and without references, by all acquisitions of the catalogue that see it: so
what it tells does not depend on the area asked for, and a pixel has the same value in any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from floodfuse.catalogs.acquisition import Acquisition, Sensor
from floodfuse.harmonize.classes import Decider
from floodfuse.harmonize.flood_rise import rise_nats, risen, support
from floodfuse.pipeline.grid import Grid
from floodfuse.pipeline.ground import has_stage
from floodfuse.pipeline.ingest.kept_open import keeping_open
from floodfuse.pipeline.rise_field import CELL_SAMPLES, FloodRise
from floodfuse.pipeline.weigh import Evidence
from floodfuse.pipeline.weighed import weighed

Float32 = NDArray[np.float32]


def flood_rise(
    acquisitions: Sequence[Acquisition], time: datetime, cells: Grid, workers: int = 1
) -> FloodRise | None:
    """Rise of the flood in every cell; None where no heights are at hand, for without them there is no stage.

    Parameters
    ----------
    acquisitions : prepared, aligned and calibrated, in the order of `weigh`; all that see the cells
    time : of the product
    cells : from `rise_field.cells_around`
    """
    if not any(a.sensor is Sensor.TERRAIN and "hand" in a.assets for a in acquisitions):
        return None
    without_references = [a.model_copy(update={"references": ()}) for a in acquisitions]

    def told(cell: Grid) -> float:
        return _told(without_references, time, cell.refined(CELL_SAMPLES))

    with keeping_open(), ThreadPoolExecutor(workers) as pool:
        values = np.reshape(list(pool.map(told, (cell for _, _, cell in cells.blocks(1)))), cells.shape)
    nats = tuple(tuple(round(float(v), 3) for v in row) for row in values)
    return FloodRise(cell=cells.resolution, row=cells.row, column=cells.column, nats=nats)


def _told(acquisitions: Sequence[Acquisition], time: datetime, samples: Grid) -> float:
    """Rise of the flood in one cell, nats."""
    evidence, terrain, share = weighed(acquisitions, time, samples, "none")
    tells, nats = has_stage(terrain), total_nats(evidence, share)
    return rise_nats(support(nats[tells], share[tells], samples.metres_per_pixel))


def total_nats(evidence: Mapping[Decider, Evidence], log_share: Float32) -> Float32:
    """Evidence of all sensors together, (y, x, class) nats, in the shape of a prior; 0 where none sees."""
    total = np.zeros_like(log_share)
    for said in evidence.values():
        total += np.nan_to_num(said.nats)
    return total


def rise_on(rise: FloodRise | None, terrain: xr.Dataset, grid: Grid) -> Float32 | None:
    """By how many nats the rise moves the prior's log-odds, (y, x): 0 on ground without a stage; None where nothing is known of it."""
    if rise is None or "hand" not in terrain:
        return None
    return np.where(has_stage(terrain), rise.at(grid), np.float32(0.0))


def prior_with(rise: FloodRise | None, log_share: Float32, terrain: xr.Dataset, grid: Grid) -> Float32:
    """ln prior of every class on a grid, (y, x, class), once it is known how far the flood rose."""
    moved = rise_on(rise, terrain, grid)
    return log_share if moved is None else risen(log_share, moved)
