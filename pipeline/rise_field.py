"""Rise of the flood as a field: one number a cell of the absolute lattice, linear between the cells' middles."""

from __future__ import annotations

from math import floor

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from floodfuse.harmonize.flood_rise import SAMPLE_M
from floodfuse.pipeline.grid import Grid

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
