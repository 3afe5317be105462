"""What every format is written from: the layers in `product.zarr`, read piece by piece, and the run's record.

Nothing here holds a whole layer, so a product of 100 000 x 100 000 pixels needs no more memory than a small one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.windows import Window

from floodfuse.pipeline.product import ZARR_FILE, GridRecord, RunRecord

Array = NDArray[Any]
CACHE_BYTES = 128 << 20
TILE = 2048


class Tile(NamedTuple):
    """A rectangle of pixels: first row and column, number of rows and columns."""

    row: int
    column: int
    rows: int
    columns: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """The tile as an index into a (y, x) array."""
        return slice(self.row, self.row + self.rows), slice(self.column, self.column + self.columns)

    @property
    def window(self) -> Window:
        """The tile as rasterio takes it."""
        return Window(self.column, self.row, self.columns, self.rows)


def tiles(shape: tuple[int, int], side: int = TILE) -> Iterator[Tile]:
    """Cover (rows, columns) by tiles of at most `side` pixels, row by row."""
    rows, columns = shape
    for row in range(0, rows, side):
        for column in range(0, columns, side):
            yield Tile(row, column, min(side, rows - row), min(side, columns - column))


class Product:
    """The layers and the record of a product's folder, open for reading.

    Raises
    ------
    ValueError
        If a layer is missing, or does not have the shape that the record gives.
    """

    def __init__(self, folder: Path) -> None:
        self.record = RunRecord.load(folder)
        self._layers = xr.open_zarr(folder / ZARR_FILE, chunks=None, consolidated=True, mask_and_scale=False)
        self._types = {name: layer.dtype for name, layer in self.record.layers.items()}
        for name in self._types:
            if name not in self._layers:
                raise ValueError(f"{folder / ZARR_FILE}: layer `{name}` is missing; run the map again.")
            if self._layers[name].shape != self.shape:
                raise ValueError(
                    f"{folder / ZARR_FILE}: `{name}` has shape {self._layers[name].shape}, "
                    f"but run.json says {self.shape}; the two are not from one run."
                )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return self.record.grid.shape

    def read(self, layer: str, tile: Tile) -> Array:
        """The values of one layer in one tile, exactly as stored."""
        values: Array = self._layers[layer][tile.slices].to_numpy()
        return values.astype(self._types[layer], copy=False)

    def values_in(self, layer: str) -> list[int]:
        """The values that occur in a layer of codes (unsigned integers), sorted; read tile by tile."""
        seen = np.zeros(np.iinfo(self._types[layer]).max + 1, bool)
        for tile in tiles(self.shape):
            seen[np.unique(self.read(layer, tile))] = True
        return [int(value) for value in np.flatnonzero(seen)]


def crs_of(grid: GridRecord) -> CRS:
    """The coordinate system of the product."""
    return CRS.from_user_input(grid.crs)


def transform_of(grid: GridRecord) -> Affine:
    """Pixel (column, row) to map coordinates."""
    return Affine(*grid.transform)


def bounds_of(grid: GridRecord) -> tuple[float, float, float, float]:
    """West, south, east, north in the product's CRS."""
    transform = transform_of(grid)
    rows, columns = grid.shape
    x0, y0 = transform @ (0.0, 0.0)
    x1, y1 = transform @ (float(columns), float(rows))
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def pixel_area_m2(grid: GridRecord) -> float:
    """Area of one pixel in m2, in the plane of the projection.

    Raises
    ------
    ValueError
        If the CRS is in degrees: its pixels do not have one area.
    """
    crs = crs_of(grid)
    if not crs.is_projected:
        raise ValueError(f"CRS {grid.crs} is in degrees; areas need a projected one, such as UTM.")
    _, metres = crs.linear_units_factor
    return float(abs(transform_of(grid).determinant) * metres**2)


@contextlib.contextmanager
def raster_environment() -> Iterator[None]:
    """GDAL with a small block cache, so that memory does not grow with the product."""
    with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES, GDAL_NUM_THREADS="2"):
        yield
