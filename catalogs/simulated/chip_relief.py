"""The bones of a chip: fields in strips, a winding river, and the relief about it, in loops of their own for speed."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from floodfuse.catalogs.simulated.fields import FloatArray

PARCEL_KINDS = 1024


class Parcels(NamedTuple):
    """Fields of a chip: number of each pixel's, and tables by number.

    Attributes
    ----------
    number
        (y, x)
    kind
        0 to 1: bare below 0.34, crops that stand out of shallow water 0.45 to 0.62, grass above 0.84.
    green
        0 ripe to 1 lush.
    normal
        Standard normal, (2, number): what the radar latents `PARCEL_A` and `PARCEL_B` follow.
    snowed
        Whether snow lies there where it lies on fields.
    """

    number: npt.NDArray[np.int32]
    kind: FloatArray
    green: FloatArray
    normal: FloatArray
    snowed: npt.NDArray[np.bool_]


def draw_parcels(side: int, rng: np.random.Generator) -> Parcels:
    """Fields in one direction, of one usual size."""
    number = number_fields(side, (9.0, 26.0), (16.0, 62.0), rng)
    kind = rng.random(PARCEL_KINDS, dtype=np.float32)
    green = rng.beta(2.0, 1.4, PARCEL_KINDS).astype(np.float32)
    normal = rng.standard_normal((2, PARCEL_KINDS), dtype=np.float32)
    return Parcels(number, kind, green, normal, rng.random(PARCEL_KINDS) < 0.5)


def number_fields(
    side: int, widths_px: tuple[float, float], lengths_px: tuple[float, float], rng: np.random.Generator
) -> npt.NDArray[np.int32]:
    """Number, 0 to `PARCEL_KINDS` - 1, of the piece of ground each pixel is in: pieces in one direction, of one usual size."""
    turn = rng.uniform(0.0, np.pi)
    width, length = rng.uniform(*widths_px), rng.uniform(*lengths_px)
    number = np.empty((side, side), np.int32)
    _number(np.cos(turn), np.sin(turn), width, length, int(rng.integers(1 << 30)), number)
    return number


@numba.njit(nogil=True, cache=True)
def _number(
    cosine: float, sine: float, width: float, length: float, salt: int, number: npt.NDArray[np.int32]
) -> None:
    """Strips across, fields along them, each strip's fields of their own length and offset; numbers by hashing."""
    for y in range(number.shape[0]):
        for x in range(number.shape[1]):
            strip = int(np.floor((cosine * y - sine * x) / width))
            mixed = (strip * 73_856_093 ^ salt) & 0x7FFFFFFF
            own = 0.6 + 0.8 * ((mixed >> 4) & 255) / 255.0
            along = (sine * y + cosine * x) / (length * own) + ((mixed >> 12) & 255) / 37.0
            field = int(np.floor(along))
            mixed = (mixed * 31 + field * 19_349_663) & 0x7FFFFFFF
            mixed = (mixed ^ (mixed >> 13)) * 1_540_483_477 & 0x7FFFFFFF
            number[y, x] = (mixed >> 15) & 1023


def draw_river(side: int, rng: np.random.Generator) -> tuple[FloatArray, float]:
    """Distance (pixels) to the middle of a winding river, and half its width; a quarter of chips have none near."""
    turn, place = rng.uniform(0.0, np.pi), rng.uniform(-0.42, 0.42) * side
    swing = rng.uniform((8.0, 3.0), (38.0, 12.0))
    wavelength = rng.uniform((130.0, 50.0), (320.0, 110.0))
    phase = rng.uniform(0.0, 2.0 * np.pi, 2)
    half_width = float(np.exp(rng.uniform(np.log(2.5), np.log(14.0))))
    if rng.random() < 0.25:
        place = float(np.copysign(1.2 * side, place))
    distance = np.empty((side, side), np.float32)
    _distance(turn, place, swing, wavelength, phase, distance)
    return distance, half_width


@numba.njit(nogil=True, cache=True)
def _distance(
    turn: float,
    place: float,
    swing: npt.NDArray[np.float64],
    wavelength: npt.NDArray[np.float64],
    phase: npt.NDArray[np.float64],
    distance: FloatArray,
) -> None:
    """|across - course| / sqrt(1 + slope^2), with the course tabulated along the valley."""
    side = distance.shape[0]
    middle, steps = 0.5 * side, 2 * side
    course = np.empty(steps, np.float32)
    inverse = np.empty(steps, np.float32)
    for k in range(steps):
        at, slope = 0.0, 0.0
        for w in range(2):
            argument = 2.0 * np.pi * (k - side) / wavelength[w] + phase[w]
            at += swing[w] * np.sin(argument)
            slope += swing[w] * 2.0 * np.pi / wavelength[w] * np.cos(argument)
        course[k] = at + place
        inverse[k] = 1.0 / np.sqrt(1.0 + slope * slope)
    cosine, sine = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    for y in range(side):
        for x in range(side):
            south, east = np.float32(y - middle), np.float32(x - middle)
            k = int(cosine * south + sine * east + side)
            across = cosine * east - sine * south
            distance[y, x] = abs(across - course[k]) * inverse[k]


@numba.njit(nogil=True, cache=True)
def raise_relief(
    distance: FloatArray,
    permanent: npt.NDArray[np.bool_],
    noise: tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray],
    shape: tuple[float, float, float],
    hand: FloatArray,
) -> None:
    """Height above the river: a plain with levees, swamps and hollows, and hills beyond it."""
    hills, patches, swamps, hollows, grain = noise
    half_width, reach, upland = np.float32(shape[0]), np.float32(shape[1]), np.float32(shape[2])
    f = np.float32
    for y in range(hand.shape[0]):
        for x in range(hand.shape[1]):
            valley = distance[y, x] / reach
            low = f(1.6) + f(0.9) * np.exp(-max(distance[y, x] - half_width, f(0.0)) / f(11.0))
            low += f(0.6) * swamps[y, x] + f(0.28) * hollows[y, x] + f(0.10) * grain[y, x]
            low += f(1.3) * min(valley, f(2.0)) ** 2
            step = min(max((valley - f(0.8)) / f(0.7), f(0.0)), f(1.0))
            high = f(0.0)
            if step > f(0.0):
                up = np.exp(f(1.5) * hills[y, x] + f(0.5) * patches[y, x])
                high = step * step * (f(3.0) - f(2.0) * step) * upland * np.log(f(1.0) + up)
            hand[y, x] = f(-1.5) if permanent[y, x] else max(low, f(0.25)) + high


@numba.njit(nogil=True, cache=True)
def slope_deg(height: FloatArray) -> FloatArray:
    """Degrees, by differences over 40 m; edges take their neighbours' value."""
    rows, columns = height.shape
    out = np.empty(height.shape, np.float32)
    for y in range(rows):
        up, down = max(y - 2, 0), min(y + 2, rows - 1)
        per_m = np.float32(0.1 / (down - up))
        here, above, below, line = height[y], height[up], height[down], out[y]
        for x in range(columns - 4):
            south = (below[x + 2] - above[x + 2]) * per_m
            east = (here[x + 4] - here[x]) * np.float32(0.025)
            line[x + 2] = np.sqrt(south * south + east * east)
        line[:2] = line[2]
        line[columns - 2 :] = line[columns - 3]
    return np.float32(57.29578) * np.arctan(out)
