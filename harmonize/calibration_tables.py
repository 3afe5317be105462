"""Sentinel-1's coarse tables brought to every pixel: calibration, thermal noise, incidence; and what they make of DN.

    value = (DN^2 - eta) / A^2,        eta = range noise x azimuth noise                       (harmonization.md 1.2)

Tables are given along some lines at some pixels and are interpolated bilinearly; beyond their last line or pixel the
nearest value is kept, never a line extended. A position is worked out from its own line and pixel alone, in double
precision, so any window holds the bits of the whole image. Positions broadcast: lines (y, 1) and pixels (1, x) give a
window, lines and pixels of one shape give scattered points.
Sources: Sentinel-1 product format specification (EOPF), 4.3.3.1; SNAP, ThermalNoiseRemoval.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import minimum_filter

from floodfuse.harmonize.radiometry import sentinel1_power

AZIMUTH_NOISE_SINCE_IPF = 2.9  # products from 2018-03-13; before it noise is given across the swath only
BORDER_MARGIN_PX = 4
BORDER_NOISE_PX = (
    1000  # each side in range, before IPF 2.9: values that are noise and not 0 (s1tiling's default)
)

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Mask = NDArray[np.bool_]


class Table(NamedTuple):
    """Values known on lines x pixels of an image.

    Attributes
    ----------
    lines, pixels : rising positions, (n,) and (m,), in pixels of the image, the first being 0
    values : (n, m)
    """

    lines: Float
    pixels: Float
    values: Float


class AzimuthNoise(NamedTuple):
    """How noise changes along the track within one window of one sub-swath.

    Attributes
    ----------
    first_line, last_line, first_pixel, last_pixel : the window, both ends inside
    lines, factors : rising lines and the factor on the range noise there, (n,)
    """

    first_line: float
    last_line: float
    first_pixel: float
    last_pixel: float
    lines: Float
    factors: Float


class Noise(NamedTuple):
    """Thermal noise of one polarization, in units of DN^2; `along` is empty before IPF 2.9."""

    across: Table
    along: tuple[AzimuthNoise, ...] = ()


def rising(positions: ArrayLike, what: str) -> Float:
    """Positions of a vector as float64.

    Raises
    ------
    ValueError
        If there are none, or they do not rise.
    """
    axis = np.asarray(positions, dtype=np.float64)
    if axis.size == 0:
        raise ValueError(f"there are no {what}")
    fallen = np.flatnonzero(~(np.diff(axis) > 0.0))
    if not np.isfinite(axis).all() or fallen.size:
        at = int(fallen[0]) if fallen.size else int(np.flatnonzero(~np.isfinite(axis))[0])
        raise ValueError(f"its {what} do not rise: {', '.join(f'{v:g}' for v in axis[at : at + 2])}")
    return axis


def join(lines: ArrayLike, pixels: Sequence[ArrayLike], values: Sequence[ArrayLike]) -> Table:
    """One table of vectors across the swath, each with pixels of its own.

    Vectors that differ in their pixels are brought onto those of all: linear interpolation between more points that
    lie on the same straight lines is the same function.

    Raises
    ------
    ValueError
        If positions do not rise, counts differ, or a value is not finite.
    """
    at = rising(lines, "lines")
    axes = [rising(p, "pixels") for p in pixels]
    rows = [np.asarray(v, dtype=np.float64) for v in values]
    for line, axis, row in zip(at, axes, rows, strict=True):
        if axis.shape != row.shape:
            raise ValueError(f"line {line:g} has {row.size} values at {axis.size} pixels")
        if not np.isfinite(row).all():
            raise ValueError(f"line {line:g} holds {row[~np.isfinite(row)][0]:g}")
    if all(np.array_equal(axis, axes[0]) for axis in axes):
        return Table(at, axes[0], np.stack(rows))
    every = np.unique(np.concatenate(axes))
    return Table(
        at, every, np.stack([_linear(axis, row, every) for axis, row in zip(axes, rows, strict=True)])
    )


def _locate(axis: Float, at: ArrayLike) -> tuple[NDArray[np.intp], NDArray[np.intp], Float]:
    """The two neighbours of each position on a rising axis, and the share of the second; clamped to the axis."""
    held = np.clip(np.asarray(at, dtype=np.float64), axis[0], axis[-1])
    low = np.clip(np.searchsorted(axis, held, side="right") - 1, 0, max(axis.size - 2, 0))
    high = np.minimum(low + 1, axis.size - 1)
    width = np.where(high > low, axis[high] - axis[low], 1.0)
    return low, high, (held - axis[low]) / width


def _linear(axis: Float, values: Float, at: ArrayLike) -> Float:
    low, high, share = _locate(axis, at)
    return np.asarray((1.0 - share) * values[low] + share * values[high])


def bilinear(table: Table, line: ArrayLike, pixel: ArrayLike) -> Float:
    """The table at any lines and pixels, whole or not; `line` and `pixel` broadcast.

    (1 - u)(1 - v) T[i, j] + u (1 - v) T[i+1, j] + (1 - u) v T[i, j+1] + u v T[i+1, j+1], with u and v the way from line
    i to i+1 and from pixel j to j+1. With 400, 420 at line 0, 410, 430 at line 100 and pixels 0, 40: 407.5 at (25, 10).
    """
    i, i_next, u = _locate(table.lines, line)
    j, j_next, v = _locate(table.pixels, pixel)
    values = table.values
    near = (1.0 - u) * (1.0 - v) * values[i, j] + u * (1.0 - v) * values[i_next, j]
    return np.asarray(near + (1.0 - u) * v * values[i, j_next] + u * v * values[i_next, j_next])


def azimuth_factor(along: Sequence[AzimuthNoise], line: ArrayLike, pixel: ArrayLike) -> Float:
    """Factor on the range noise: that of the window a position lies in, of the nearest one where it lies in none.

    1 where there are no windows. Lines beyond the vector of a window keep its nearest value.
    """
    at_line, at_pixel = np.asarray(line, dtype=np.float64), np.asarray(pixel, dtype=np.float64)
    shape = np.broadcast_shapes(at_line.shape, at_pixel.shape)
    factor, nearest = np.ones(shape), np.full(shape, np.inf)
    for window in along:
        off_lines = np.maximum(np.maximum(window.first_line - at_line, at_line - window.last_line), 0.0)
        off_pixels = np.maximum(np.maximum(window.first_pixel - at_pixel, at_pixel - window.last_pixel), 0.0)
        distance = off_lines + off_pixels
        here = _linear(window.lines, window.factors, at_line)
        factor = np.where(distance < nearest, here, factor)
        nearest = np.minimum(distance, nearest)
    return factor


def noise_power(noise: Noise, line: ArrayLike, pixel: ArrayLike) -> Float:
    """eta, to be subtracted from DN^2: range noise times azimuth noise; range noise alone before IPF 2.9."""
    return bilinear(noise.across, line, pixel) * azimuth_factor(noise.along, line, pixel)


def nesz_sigma0(noise: Noise, sigma_nought: Table, line: ArrayLike, pixel: ArrayLike) -> Float:
    """Noise floor as sigma0, linear power: eta / A^2, A from the `sigmaNought` table."""
    return noise_power(noise, line, pixel) / np.square(bilinear(sigma_nought, line, pixel))


def calibrate(dn: ArrayLike, lut: ArrayLike, noise: ArrayLike = 0.0) -> Float32:
    """Linear power (DN^2 - eta) / A^2 as float32, NaN where DN is 0: no data. Negative values stay.

    Computed in double precision: over dark water DN^2 and eta nearly cancel.
    """
    number = np.asarray(dn)
    return np.where(number > 0, sentinel1_power(number, lut, noise), np.nan).astype(np.float32)


def border_px(ipf: float) -> int:
    """Columns to leave out at each side of the image: 1000 before IPF 2.9, where noise stands instead of 0; else 0."""
    return 0 if ipf >= AZIMUTH_NOISE_SINCE_IPF else BORDER_NOISE_PX


def valid_pixels(dn: ArrayLike, first_pixel: int = 0, width: int | None = None, border: int = 0) -> Mask:
    """Where an image (y, x) has data: DN above 0, away from both sides, and 4 px from anything that has none.

    Parameters
    ----------
    dn : digital numbers, with a halo of `BORDER_MARGIN_PX`; beyond the array there is no data
    first_pixel : of the image, where the array begins
    width : of the image, pixels; None: the array is as wide as the image
    border : from `border_px`
    """
    number = np.asarray(dn)
    pixel = first_pixel + np.arange(number.shape[-1])
    end = number.shape[-1] if width is None else width
    data = (number > 0) & (pixel >= border) & (pixel < end - border)
    return np.asarray(minimum_filter(data, size=2 * BORDER_MARGIN_PX + 1, mode="constant", cval=0))
