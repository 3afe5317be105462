"""Moving bands from a raster's own lattice to the product's, all bands of one raster by one set of coordinates.

The value of a ground pixel depends on its absolute position alone: coordinates come from control points on the
absolute lattice, fractions are taken before the window's origin is subtracted. So windows of any size and place
agree to the last bit.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import pyproj
from affine import Affine
from numpy.typing import NDArray

from floodfuse.pipeline.grid import Grid

CONTROL_SPACING_PX = (
    64  # at 10 m: 640 m, over which a map projection bends by less than a hundredth of a pixel
)
AVERAGE_FROM = 1.5  # source pixels per target pixel from which values are averaged instead of interpolated
_LEAST_VALID_WEIGHT = 0.5

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]


class SourceCoordinates(NamedTuple):
    """Where each pixel centre of a grid lies on a raster: fractional column and row of its pixel edges."""

    column: Float64
    row: Float64


def source_coordinates(grid: Grid, crs: pyproj.CRS, transform: Affine) -> SourceCoordinates:
    """Source position of every pixel centre of the grid."""
    to_source = ~transform
    if crs == grid.crs:
        x, y = np.meshgrid(grid.x(), grid.y())
        return SourceCoordinates(*_apply(to_source, x, y))
    step = CONTROL_SPACING_PX
    node_columns = np.arange(grid.column // step, (grid.column + grid.columns) // step + 2)
    node_rows = np.arange(grid.row // step, (grid.row + grid.rows) // step + 2)
    x, y = np.meshgrid(node_columns * step * grid.resolution, -node_rows * step * grid.resolution)
    moved = pyproj.Transformer.from_crs(grid.crs, crs, always_xy=True).transform(x, y)
    column, row = _apply(to_source, np.asarray(moved[0]), np.asarray(moved[1]))
    across = _position(np.arange(grid.column, grid.column + grid.columns), node_columns[0])
    down = _position(np.arange(grid.row, grid.row + grid.rows), node_rows[0])
    return SourceCoordinates(_between(column, down, across), _between(row, down, across))


def _apply(a: Affine, x: Float64, y: Float64) -> tuple[Float64, Float64]:
    return a.a * x + a.b * y + a.c, a.d * x + a.e * y + a.f


def _position(pixels: NDArray[np.int64], first_node: int) -> tuple[NDArray[np.int64], Float64]:
    """Node before each pixel centre, and how far past it, the latter from absolute pixel numbers only."""
    node = pixels // CONTROL_SPACING_PX
    return node - first_node, (pixels - node * CONTROL_SPACING_PX + 0.5) / CONTROL_SPACING_PX


def _between(
    nodes: Float64, down: tuple[NDArray[np.int64], Float64], across: tuple[NDArray[np.int64], Float64]
) -> Float64:
    (i, u), (j, v) = down, across
    i, u = i[:, None], u[:, None]
    top = nodes[i, j] * (1.0 - v) + nodes[i, j + 1] * v
    bottom = nodes[i + 1, j] * (1.0 - v) + nodes[i + 1, j + 1] * v
    return top * (1.0 - u) + bottom * u


@numba.njit(nogil=True, cache=True)
def _bilinear(  # pragma: no cover
    source: Float32, column: Float64, row: Float64, first_column: int, first_row: int, out: Float32
) -> None:
    n_band, height, width = source.shape
    for y in range(out.shape[1]):
        for x in range(out.shape[2]):
            c, r = column[y, x] - 0.5, row[y, x] - 0.5
            c0, r0 = int(np.floor(c)), int(np.floor(r))
            u, v = c - c0, r - r0
            c0, r0 = c0 - first_column, r0 - first_row
            for b in range(n_band):
                total, weight = 0.0, 0.0
                for dr in range(2):
                    for dc in range(2):
                        w = (v if dr else 1.0 - v) * (u if dc else 1.0 - u)
                        rr, cc = r0 + dr, c0 + dc
                        if w == 0.0 or rr < 0 or cc < 0 or rr >= height or cc >= width:
                            continue
                        value = source[b, rr, cc]
                        if np.isfinite(value):
                            total += w * value
                            weight += w
                out[b, y, x] = total / weight if weight >= _LEAST_VALID_WEIGHT else np.nan


@numba.njit(nogil=True, cache=True)
def _average(  # pragma: no cover
    source: Float32,
    column: Float64,
    row: Float64,
    size: tuple[float, float],
    first_column: int,
    first_row: int,
    out: Float32,
) -> None:
    n_band, height, width = source.shape
    for y in range(out.shape[1]):
        for x in range(out.shape[2]):
            c_low = int(np.ceil(column[y, x] - size[0] / 2 - 0.5)) - first_column
            c_high = int(np.ceil(column[y, x] + size[0] / 2 - 0.5)) - first_column
            r_low = int(np.ceil(row[y, x] - size[1] / 2 - 0.5)) - first_row
            r_high = int(np.ceil(row[y, x] + size[1] / 2 - 0.5)) - first_row
            asked = (c_high - c_low) * (r_high - r_low)
            for b in range(n_band):
                total, count = 0.0, 0
                for r in range(max(r_low, 0), min(r_high, height)):
                    for c in range(max(c_low, 0), min(c_high, width)):
                        value = source[b, r, c]
                        if np.isfinite(value):
                            total += value
                            count += 1
                out[b, y, x] = total / count if count >= _LEAST_VALID_WEIGHT * asked and count > 0 else np.nan


@numba.njit(nogil=True, cache=True)
def _nearest(  # pragma: no cover
    source: Float32, column: Float64, row: Float64, first_column: int, first_row: int, out: Float32
) -> None:
    n_band, height, width = source.shape
    for y in range(out.shape[1]):
        for x in range(out.shape[2]):
            c = int(np.floor(column[y, x])) - first_column
            r = int(np.floor(row[y, x])) - first_row
            inside = 0 <= r < height and 0 <= c < width
            for b in range(n_band):
                out[b, y, x] = source[b, r, c] if inside else np.nan


def resample(
    source: Float32,
    at: SourceCoordinates,
    origin: tuple[int, int],
    pixels_per_pixel: tuple[float, float],
    nearest: bool = False,
) -> Float32:
    """Values of a stack of bands at the given positions.

    Parameters
    ----------
    source : (band, y, x), NaN where invalid; the window that was read
    at : positions on the whole raster
    origin : first column and first row of the window on the raster
    pixels_per_pixel : source pixels per target pixel, across and down
    nearest : take the nearest value, for codes

    Returns
    -------
    (band, y, x): the mean over the target pixel where the source is finer by 1.5 or more, bilinear else; NaN where
    less than half of the weight is valid. Power goes in, so power is averaged.
    """
    out = np.empty((source.shape[0], *at.column.shape), np.float32)
    first_column, first_row = origin
    if nearest:
        _nearest(source, at.column, at.row, first_column, first_row, out)
    elif max(pixels_per_pixel) >= AVERAGE_FROM:
        size = (max(pixels_per_pixel[0], 1.0), max(pixels_per_pixel[1], 1.0))
        _average(source, at.column, at.row, size, first_column, first_row, out)
    else:
        _bilinear(source, at.column, at.row, first_column, first_row, out)
    return out
