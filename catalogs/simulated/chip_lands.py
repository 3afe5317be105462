"""Countries in which a chip may lie: the valley of a river, polders, hollows, a coast, and paddies.

In polders a dike keeps one compartment dry beside another that is under water, and among hollows water stands wherever it
can't run off: height above ordinary water tells less of a flood there than in valleys and at coasts. In paddies wet fields lie beside dry
ones, with bunds and roads between them. No set of `mixed` chips has paddies: they are country that networks have not seen.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter, minimum_filter

from floodfuse.catalogs.simulated.chip_relief import (
    PARCEL_KINDS,
    Parcels,
    draw_river,
    number_fields,
    raise_relief,
)
from floodfuse.catalogs.simulated.fields import FloatArray
from floodfuse.catalogs.simulated.spline import draw

_LOWEST_LAND_M, _BED_M = 0.25, -1.5
_SPARED_M = 5.0  # by which water would have to rise to get over a dike that held
_NO_SHORE_PX = 1000.0


class Land(StrEnum):
    """A kind of country."""

    VALLEY = "valley"
    POLDERS = "polders"  # fields at levels of their own behind dikes
    HOLLOWS = "hollows"  # hummocks and ponds without a river
    COAST = "coast"  # marsh and creeks rising slowly from a sea
    PADDIES = "paddies"  # irrigated fields behind bunds, each under water or not by a gate of its own


OF_MIXED = (Land.VALLEY, Land.POLDERS, Land.HOLLOWS, Land.COAST)
"""Countries of `mixed` chips."""


class Relief(NamedTuple):
    """The bones of a chip, margin included; arrays are (y, x).

    Attributes
    ----------
    hand
        Height above ordinary water, metres; negative in water.
    permanent
        Where water is usual.
    beyond
        Pixels from the shore on which ground may lie bare.
    held
        By how many metres a flood stands lower than elsewhere, or is kept out.
    """

    hand: FloatArray
    permanent: npt.NDArray[np.bool_]
    beyond: FloatArray
    held: FloatArray


class Noise(NamedTuple):
    """Smooth fields of mean 0 and sd 1 from which ground is made, named by what they become in a valley."""

    hills: FloatArray
    patches: FloatArray
    swamps: FloatArray
    hollows: FloatArray
    grain: FloatArray


def draw_land(rng: np.random.Generator) -> Land:
    """One country of `OF_MIXED`, each as likely."""
    return OF_MIXED[int(rng.integers(len(OF_MIXED)))]


def valley(river: tuple[FloatArray, float], noise: Noise, rng: np.random.Generator) -> Relief:
    """A river in its plain, with levees, swamps and lakes, and hills beyond; `river` is from `draw_river`."""
    distance, half_width = river
    uneven = noise.swamps + np.float32(0.25) * noise.hollows
    lake = (uneven > rng.uniform(1.1, 3.2)) & (distance > half_width + 6.0)
    permanent = (distance < half_width) | lake
    hand = np.empty(distance.shape, np.float32)
    reach, upland = rng.uniform(60.0, 320.0), rng.uniform(5.0, 60.0)
    fields = noise.hills, noise.patches, noise.swamps, noise.hollows, noise.grain
    raise_relief(distance, permanent, fields, (half_width, reach, upland), hand)
    return Relief(hand, permanent, distance - half_width, np.zeros_like(hand))


def polders(parcels: Parcels, noise: Noise, rng: np.random.Generator) -> Relief:
    """Nearly level fields, each at a level of its own, in compartments between dikes, of which some held; a river may cross."""
    side = len(noise.grain)
    distance, half_width = draw_river(side, rng)
    permanent = distance < half_width
    compartment = number_fields(side, (40.0, 140.0), (60.0, 200.0), rng)
    level = rng.normal(0.0, rng.uniform(0.15, 0.5), PARCEL_KINDS).astype(np.float32)
    hand = np.float32(1.6) + level[parcels.number] + np.float32(0.35) * noise.swamps
    hand += np.float32(0.12) * noise.hollows + np.float32(0.06) * noise.grain
    hand[_edges(compartment, 3) | (np.abs(distance - half_width - 4.0) < 1.5)] += np.float32(
        rng.uniform(0.5, 3.0)
    )
    spared = rng.random(PARCEL_KINDS) < rng.uniform(0.1, 0.6)
    held = rng.normal(0.0, 0.4, PARCEL_KINDS) + _SPARED_M * spared
    return _relief(hand, permanent, distance - half_width, held.astype(np.float32)[compartment])


def hollows(noise: Noise, rng: np.random.Generator) -> Relief:
    """Hummocks a few metres high with ponds between them; each hollow fills to a level of its own."""
    shape = noise.hills + np.float32(0.8) * noise.swamps + np.float32(0.35) * noise.patches
    permanent = shape < np.quantile(shape[::4, ::4], rng.uniform(0.0, 0.06))
    height = np.float32(rng.uniform(1.0, 8.0)) * np.log1p(np.exp(np.float32(1.5) * shape))
    height += np.float32(0.3) * noise.hollows + np.float32(0.1) * noise.grain
    held = np.float32(rng.uniform(0.2, 1.0)) * draw(len(shape), 45.0, rng).window(*_whole(shape))
    return _relief(height, permanent, np.full_like(shape, _NO_SHORE_PX), held)


def coast(noise: Noise, rng: np.random.Generator) -> Relief:
    """Marsh that rises by centimetres a pixel from a ragged shore, cut by creeks, sometimes behind a ridge of dunes."""
    side = len(noise.grain)
    turn, place = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(-0.45, 0.1) * side
    line = np.arange(side, dtype=np.float32) - np.float32(0.5 * side)
    inland = np.float32(np.cos(turn)) * line[:, None] + np.float32(np.sin(turn)) * line[None, :]
    inland = inland - np.float32(place) + np.float32(9.0) * noise.patches + np.float32(3.0) * noise.hollows
    creeks = np.abs(draw(side, 30.0, rng).window(*_whole(inland)))
    reach, width = np.float32(rng.uniform(20.0, 140.0)), np.float32(rng.uniform(0.02, 0.10))
    permanent = (inland < 0.0) | ((creeks < width) & (inland < reach))
    hand = np.float32(0.3) + np.float32(rng.uniform(0.004, 0.03)) * np.maximum(inland, 0.0)
    hand += np.float32(0.4) * noise.swamps + np.float32(0.15) * noise.hollows + np.float32(0.06) * noise.grain
    dunes = np.float32(rng.uniform(1.0, 5.0) * (rng.random() < 0.4))
    hand += dunes * np.exp(-(((inland - np.float32(10.0)) / np.float32(4.0)) ** 2))
    return _relief(hand, permanent, inland, np.zeros_like(hand))


def paddies(parcels: Parcels, noise: Noise, rng: np.random.Generator) -> Relief:
    """Level fields in terraces of decimetres, with bunds around each and roads between blocks of them; ponds here and there."""
    side = len(noise.grain)
    permanent = noise.swamps > rng.uniform(2.0, 4.0)
    terrace = rng.normal(0.0, rng.uniform(0.05, 0.3), PARCEL_KINDS).astype(np.float32)
    hand = np.float32(1.2) + terrace[parcels.number] + np.float32(rng.uniform(0.1, 0.4)) * noise.hills
    hand += np.float32(0.03) * noise.hollows + np.float32(0.03) * noise.grain
    hand[_edges(parcels.number, 2)] += np.float32(rng.uniform(0.2, 0.6))
    hand[_edges(number_fields(side, (20.0, 70.0), (30.0, 120.0), rng), 3)] += np.float32(
        rng.uniform(0.5, 1.5)
    )
    shut = rng.random(PARCEL_KINDS) < rng.uniform(0.2, 0.6)
    held = rng.normal(0.0, 0.1, PARCEL_KINDS) + _SPARED_M * shut
    return _relief(hand, permanent, np.full_like(hand, _NO_SHORE_PX), held.astype(np.float32)[parcels.number])


def _edges(number: npt.NDArray[np.int32], width_px: int) -> npt.NDArray[np.bool_]:
    """Where pieces of ground of different numbers meet."""
    edges: npt.NDArray[np.bool_] = maximum_filter(number, width_px) != minimum_filter(number, width_px)
    return edges


def _relief(
    height: FloatArray, permanent: npt.NDArray[np.bool_], beyond: FloatArray, held: FloatArray
) -> Relief:
    land = np.maximum(height, np.float32(_LOWEST_LAND_M))
    hand: FloatArray = np.where(permanent, np.float32(_BED_M), land).astype(np.float32)
    return Relief(hand, permanent, beyond, held)


def _whole(field: FloatArray) -> tuple[tuple[int, int], tuple[int, int]]:
    return (0, field.shape[0]), (0, field.shape[1])
