"""What is wrong with real products: misplaced content, uneven noise, blank borders, scalloping, interference, hidden slopes.

Each is a function of arrays and a generator, so that a test can ask for one flaw alone. None is modelled to the last
detail of a processor: what counts is that it has the shape and the size that a mapper meets.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from floodfuse.catalogs.simulated.fields import BoolArray, FloatArray

NOISE_RIPPLE_DB = 3.0
NOISE_ERROR_SD_DB = 0.25
SCALLOPING_DB = 0.3
"""Amplitude of azimuth scalloping of PALSAR-2 ScanSAR (harmonization.md 1.4)."""
BURST_M = 1000.0
"""Period of scalloping along azimuth. Shorter than real bursts, so that a scene of a few kilometres has several."""
INTERFERENCE_DB = -14.0
"""Median strength of an interference stripe, gamma0."""
INTERFERED_SHARE = 0.02
BLANK_PX, BORDER_PX = (2, 6), 3
"""Widths of what carries no data along each side of the swath, and of the border noise beside it, pixels."""
BORDER_NOISE_DB = -38.0
LAYOVER_GAIN_DB = 3.0
_STRIP_ROWS = 512


def shifted(field: FloatArray, shift_px: tuple[float, float]) -> FloatArray:
    """The field moved down and right by fractions of a pixel; what lies at its edges is held beyond them.

    What was at (row, column) is then at (row + shift_px[0], column + shift_px[1]). A pixel is the mean of the ground
    over its shifted area, the ground being what it is throughout each pixel of the field: that is bilinear
    interpolation. It keeps the mean and stays positive, for linear power and reflectance; a spline in power swings
    below zero beside an edge of 20 dB, and one in dB misplaces such edges.
    """
    if shift_px == (0.0, 0.0):
        return field
    moved: FloatArray = ndimage.shift(field, shift_px, order=1, mode="nearest")
    return moved


def noise_profile_db(range_fraction: FloatArray, subswaths: int) -> FloatArray:
    """Departure of the noise floor from its mean across the swath, dB: a parabola in each sub-swath, -1 to +2.

    The antenna's elevation pattern, which the processor levels out, lifts the noise towards both ends of each
    sub-swath; between two of them is a cusp.

    Parameters
    ----------
    range_fraction
        0 at near range to 1 at far range.
    subswaths
        Of equal width: 3 in Interferometric Wide swath.
    """
    place = 2.0 * np.mod(range_fraction * subswaths, 1.0) - 1.0
    profile: FloatArray = (NOISE_RIPPLE_DB * (place**2 - 1.0 / 3.0)).astype(np.float32)
    return profile


def noise_error_db(range_fraction: FloatArray, subswaths: int, rng: np.random.Generator) -> FloatArray:
    """By how much the annotated noise misses the true noise, dB: sd 0.25, one value a sub-swath, at most 0.5."""
    errors = np.clip(NOISE_ERROR_SD_DB * rng.standard_normal(subswaths), -0.5, 0.5).astype(np.float32)
    number = np.clip((range_fraction * subswaths).astype(np.intp), 0, subswaths - 1)
    return errors[number]


def scalloping_db(rows: int, resolution_m: float, rng: np.random.Generator) -> FloatArray:
    """Gain along azimuth, dB, (y, 1): 0.3 sin(2 pi y / burst + phase), as bursts are left after their correction."""
    phase = rng.uniform(0.0, 2.0 * np.pi)
    along = np.arange(rows) * (resolution_m / BURST_M)
    gain: FloatArray = (SCALLOPING_DB * np.sin(2.0 * np.pi * along + phase)).astype(np.float32)
    return gain[:, None]


def interference(shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
    """Power that ground radio adds, linear gamma0, (y, x): a few whole rows, and one narrow column.

    At least three rows; each -14 dB (sd 2) at its strongest, fading by half from one end to the other.
    """
    rows, columns = shape
    power = np.zeros(shape, np.float32)
    lines = rng.choice(rows, size=max(3, round(INTERFERED_SHARE * rows)), replace=False)
    strength = 10.0 ** ((INTERFERENCE_DB + 2.0 * rng.standard_normal(len(lines))) / 10.0)
    fading = np.linspace(1.0, 0.5, columns)[:: 1 if rng.uniform() < 0.5 else -1]
    power[lines] = strength[:, None] * fading
    power[:, rng.integers(columns)] += 10.0 ** ((INTERFERENCE_DB - 2.0) / 10.0)
    return power


def borders(shape: tuple[int, int], rng: np.random.Generator) -> tuple[BoolArray, BoolArray]:
    """Along the near and far side of a swath: what carries no data, and the border noise beside it, (y, x) each.

    The edge is ragged, 2 to 6 px wide, in steps of some ten lines as products have; border noise is 3 px wide.
    """
    rows, columns = shape
    width = np.empty((2, rows), np.intp)
    for side in width:
        steps = rng.integers(BLANK_PX[0], BLANK_PX[1] + 1, size=rows // 10 + 1)
        side[:] = np.repeat(steps, 10)[:rows]
    line = np.arange(columns)
    near, far = line[None, :] - width[0][:, None], columns - 1 - line[None, :] - width[1][:, None]
    inside = np.minimum(near, far)
    return inside < 0, (inside >= 0) & (inside < BORDER_PX)


def hidden(
    height: FloatArray, incidence_deg: FloatArray, resolution_m: float, from_east: bool
) -> tuple[BoolArray, BoolArray]:
    """Layover and shadow, each (y, x), along rows that run in range.

    A plane wave comes in at theta from the vertical. Along a row, from near to far range x over ground of height h,

        slant range  r = x sin(theta) - h cos(theta),      across the wave  p = x cos(theta) + h sin(theta).

    Ground is laid over where another point of the row comes at the same r, which is where r falls back behind a
    nearer point or ahead of a farther one; it lies in shadow where a nearer point already reached its p.

    Parameters
    ----------
    height
        Metres, (y, x).
    incidence_deg
        theta over level ground, (y, x).
    resolution_m
        Side of a pixel.
    from_east
        Whether range runs from east to west.
    """
    layover, shadow = np.zeros(height.shape, np.bool_), np.zeros(height.shape, np.bool_)
    step = -1 if from_east else 1
    for first in range(0, len(height), _STRIP_ROWS):
        rows = slice(first, first + _STRIP_ROWS)
        theta = np.radians(incidence_deg[rows, ::step].astype(np.float64))
        rise = np.diff(height[rows, ::step].astype(np.float64), axis=1, prepend=height[rows, ::step][:, :1])
        slant = np.cumsum(resolution_m * np.sin(theta) - rise * np.cos(theta), axis=1)
        across = np.cumsum(resolution_m * np.cos(theta) + rise * np.sin(theta), axis=1)
        nearer = np.maximum.accumulate(slant, axis=1)
        farther = np.minimum.accumulate(slant[:, ::-1], axis=1)[:, ::-1]
        layover[rows] = ((slant < nearer) | (slant > farther))[:, ::step]
        shadow[rows] = (across < np.maximum.accumulate(across, axis=1))[:, ::step]
    return layover, shadow


def on_slopes(power: FloatArray, layover: BoolArray, shadow: BoolArray) -> FloatArray:
    """Signal where slopes hide ground: none in shadow, and that of several places at once (+3 dB) in layover."""
    gain = np.where(layover, np.float32(10.0 ** (LAYOVER_GAIN_DB / 10.0)), np.float32(1.0))
    seen: FloatArray = (power * np.where(shadow, np.float32(1.0e-4), gain)).astype(np.float32, copy=False)
    return seen


def widened(mask: BoolArray) -> BoolArray:
    """The mask and the pixels beside it, as masks of products have a margin."""
    wide: BoolArray = ndimage.binary_dilation(mask, structure=np.ones((3, 3), np.bool_))
    return wide


def range_fraction(incidence_deg: FloatArray, near_deg: float, far_deg: float) -> FloatArray:
    """Where a pixel lies between near (0) and far range (1)."""
    fraction: FloatArray = np.clip((incidence_deg - near_deg) / (far_deg - near_deg), 0.0, 1.0 - 1e-6)
    return fraction.astype(np.float32, copy=False)
