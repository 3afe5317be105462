"""The ground of a chip: a few kilometres of country, what grows there, what floods it when, and what maps say of it.

A quick sketch of what `landscape`, `cover` and `flood` make with care for whole scenes: same codes, same order of sizes.
Arrays have a margin of `MARGIN` pixels around the chip, so that sensors may be shifted.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from floodfuse.catalogs.simulated import chip_lands
from floodfuse.catalogs.simulated.chip_lands import Land, Noise, Relief
from floodfuse.catalogs.simulated.chip_relief import (
    PARCEL_KINDS,
    Parcels,
    draw_parcels,
    draw_river,
    slope_deg,
)
from floodfuse.catalogs.simulated.cover import BARE, BUILT_UP, CROPS, GRASS, TREES, WATER, WETLAND
from floodfuse.catalogs.simulated.fields import FloatArray
from floodfuse.catalogs.simulated.flood import Mechanism
from floodfuse.catalogs.simulated.spline import SplineField, draw

Codes = npt.NDArray[np.uint8]

MARGIN = 6
_NEVER_M = -50.0
_DRY_BANK_M = 1.2


class Ground(NamedTuple):
    """The ground of a chip, margin included.

    Attributes
    ----------
    hand
        Height above the ordinary water surface, metres; negative in water.
    slope
        Degrees.
    cover
        True WorldCover codes.
    permanent
        1 where water is usual.
    parcels
        Fields.
    depth
        Of the flood at product time, metres, negative above it.
    fall_m_day
        By which the flood falls.
    mechanism
        Codes of `flood.Mechanism`.
    """

    hand: FloatArray
    slope: FloatArray
    cover: Codes
    permanent: Codes
    parcels: Parcels
    depth: FloatArray
    fall_m_day: float
    mechanism: Codes

    def states_at(self, hours: float, flooded: bool = True) -> Codes:
        """`State` of each pixel `hours` after product time; without the flood if not `flooded`."""
        out = np.empty(self.cover.shape, np.uint8)
        fallen = self.fall_m_day * hours / 24.0 if flooded else -2.0 * _NEVER_M
        _states(
            self.cover,
            self.permanent,
            self.parcels.number,
            self.parcels.kind,
            self.depth,
            np.float32(fallen),
            self.mechanism,
            out,
        )
        return out


class Maps(NamedTuple):
    """What an archive would hold of the ground, with its errors: as `landscape.TerrainMaps`."""

    hand: FloatArray
    slope: FloatArray
    landcover: Codes
    permanent_water: Codes


def make_ground(
    size: int,
    dry: bool,
    mechanisms: tuple[Mechanism, ...],
    rng: np.random.Generator,
    land: Land = Land.VALLEY,
) -> Ground:
    """Draw the ground of a chip of `size` pixels, `MARGIN` more on each side.

    All that is random is drawn whether it is used or not, so the same generator gives the same ground with and without a
    flood or held-out mechanisms. What only another country has is drawn from a generator of its own.
    """
    side = size + 2 * MARGIN
    window = (0, side), (0, side)
    parcels = draw_parcels(side, rng)
    river = draw_river(side, rng)
    stands, patches, shore, hills, swamps, hollows, grain = (
        draw(side, length, rng).window(*window) for length in (60.0, 24.0, 16.0, 90.0, 50.0, 14.0, 4.0)
    )
    noise = Noise(hills, patches, swamps, hollows, grain)
    relief = chip_lands.valley(river, noise, rng)
    if land is not Land.VALLEY:
        relief = _elsewhere(land, parcels, noise, rng.spawn(1)[0])
    hand, permanent = relief.hand, relief.permanent
    slope = slope_deg(hand)
    cover = _cover(hand, slope, permanent, relief.beyond, stands, patches, shore, parcels, rng)
    depth = _depth(hand + relief.held, permanent, hills, dry, rng)
    code = _mechanisms(hand, depth, cover, permanent, parcels, dry, mechanisms, rng)
    # On the ground and on the map, as `mechanisms.place` has it.
    cover[code == Mechanism.FLOODED_REEDS] = WETLAND
    fall = float(np.exp(rng.uniform(np.log(0.05), np.log(0.5))))
    return Ground(hand, slope, cover, permanent.astype(np.uint8), parcels, depth, fall, code)


def _elsewhere(land: Land, parcels: Parcels, noise: Noise, rng: np.random.Generator) -> Relief:
    if land is Land.POLDERS:
        return chip_lands.polders(parcels, noise, rng)
    if land is Land.PADDIES:
        return chip_lands.paddies(parcels, noise, rng)
    return chip_lands.hollows(noise, rng) if land is Land.HOLLOWS else chip_lands.coast(noise, rng)


def _cover(
    hand: FloatArray,
    slope: FloatArray,
    permanent: npt.NDArray[np.bool_],
    beyond: FloatArray,
    stands: FloatArray,
    patches: FloatArray,
    shore: FloatArray,
    parcels: Parcels,
    rng: np.random.Generator,
) -> Codes:
    """True land cover, drawn so that woods take 5 to 60 % of a chip, and half of the chips hold part of a town."""
    kind = np.where(parcels.kind > 0.84, GRASS, CROPS).astype(np.uint8)
    cover = kind[parcels.number]
    wooded = stands + 0.45 * patches + 0.25 * parcels.normal[0][parcels.number] + 0.06 * slope
    wooded += np.float32(rng.uniform(0.0, 1.4)) * (hand < 3.0)
    cover[wooded > rng.uniform(0.0, 2.0)] = TREES
    wet = (hand < 2.4) & (shore + 0.4 * patches > rng.uniform(0.1, 1.6))
    cover[wet] = WETLAND
    cover[(beyond < 2.6 * (shore - 0.6)) & (hand < 3.0)] = BARE
    town = rng.random() < 0.5
    row, column = rng.uniform(0.0, len(hand), 2)
    radius = rng.uniform(12.0, 60.0)
    if town:
        line = np.arange(len(hand), dtype=np.float32)
        away = np.hypot(line[:, None] - np.float32(row), line[None, :] - np.float32(column))
        cover[away / np.float32(radius) + 0.35 * patches + 0.2 * shore < 1.0] = BUILT_UP
    cover[permanent] = WATER
    return cover


def _depth(
    height: FloatArray,
    permanent: npt.NDArray[np.bool_],
    uneven: FloatArray,
    dry: bool,
    rng: np.random.Generator,
) -> FloatArray:
    """Depth of a flood that covers 2 to 55 % of the land at product time, metres; `height` is above where its water stands."""
    share = np.exp(rng.uniform(np.log(0.02), np.log(0.55)))
    if dry:
        return np.full(height.shape, np.float32(_NEVER_M))
    above = height - np.float32(0.15) * uneven
    land = above[::3, ::3][~permanent[::3, ::3]]
    stage = np.float32(np.quantile(land, share)) if land.size else np.float32(0.0)
    return stage - above


def _mechanisms(
    hand: FloatArray,
    depth: FloatArray,
    cover: Codes,
    permanent: npt.NDArray[np.bool_],
    parcels: Parcels,
    dry: bool,
    wanted: tuple[Mechanism, ...],
    rng: np.random.Generator,
) -> Codes:
    """Where held-out mechanisms lie: patches of some 400 m in their kind of place, and whole fields of snow."""
    side = len(hand)
    where: dict[Mechanism, SplineField] = {kind: draw(side, 40.0, rng) for kind in Mechanism}
    code = np.zeros(hand.shape, np.uint8)
    if not wanted:
        return code
    above = hand - np.float32(0.25) if dry else -depth
    open_ground = (cover != TREES) & (cover != BUILT_UP) & ~permanent
    for kind in wanted:
        patches = where[kind].window((0, side), (0, side))
        if kind is Mechanism.MUD_FLATS:
            here = open_ground & (above > 0.0) & (above < _DRY_BANK_M) & (patches > -0.5)
        elif kind is Mechanism.WINDY_LAKE:
            here = (permanent | (above < -0.1)) & (patches > -0.2)
        elif kind is Mechanism.FLOODED_REEDS:
            here = open_ground & (np.abs(above) < _DRY_BANK_M) & (patches > -0.2)
        else:
            farmed = (cover == CROPS) | (cover == GRASS) | (cover == BARE)
            here = farmed & parcels.snowed[parcels.number] & (above > 0.0)
        code[here] = kind
    return code


@numba.njit(nogil=True, cache=True)
def _states(
    cover: Codes,
    permanent: Codes,
    number: npt.NDArray[np.int32],
    kind: FloatArray,
    depth: FloatArray,
    fallen: np.float32,
    mechanism: Codes,
    out: Codes,
) -> None:
    """The state of each pixel from its cover and the water on it, as `flood` has it; then what mechanisms change."""
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            code, field = cover[y, x], kind[number[y, x]]
            here = depth[y, x] - fallen
            wet = here > np.float32(0.03)
            if permanent[y, x]:
                state = 0
            elif code == 10:
                state = 1 if wet else 4
            elif code == 50:
                state = 3 if wet else 7
            elif wet:
                herbs = code == 90 and here < np.float32(1.1)
                crop = code == 40 and np.float32(0.45) < field < np.float32(0.62) and here < np.float32(0.45)
                state = 2 if herbs or crop else 0
            else:
                state = 6 if code == 60 or (code == 40 and field < np.float32(0.34)) else 5
            what = mechanism[y, x]
            if what == 1 and not wet and state >= 5:
                state = 8
            elif what == 2 and state == 0:
                state = 9
            elif (
                what == 3
                and wet
                and here < np.float32(1.6)
                and (state == 0 or state == 2)
                and not permanent[y, x]
            ):
                state = 10
            elif what == 3 and not wet and state == 6:
                state = 5
            elif what == 4 and not wet and (state == 5 or state == 6):
                state = 11
            out[y, x] = state


def make_maps(ground: Ground, rng: np.random.Generator) -> Maps:
    """Maps of the ground, margin cut off: HAND with correlated error and part of the canopy, cover with confused fields."""
    side = len(ground.hand)
    window = (MARGIN, side - MARGIN), (MARGIN, side - MARGIN)
    inner = slice(*window[0]), slice(*window[1])
    wide, fine, wobble = (draw(side, length, rng).window(*window) for length in (40.0, 4.0, 5.0))
    cover, usual = ground.cover[inner], ground.permanent[inner] > 0
    error = 0.45 * wide + 0.40 * fine + 1.6 * (cover == TREES)
    hand = np.where(usual, 0.0, np.maximum(ground.hand[inner] + error, 0.0)).astype(np.float32)
    mapped = np.ascontiguousarray(
        ground.cover[_moved(wobble, MARGIN, side, 0), _moved(fine, MARGIN, side, 1)]
    )
    confused = (rng.random(PARCEL_KINDS) < 0.09)[ground.parcels.number[inner]]
    mapped[confused & (mapped == CROPS)] = GRASS
    percent = np.where(
        usual, 93.0 + 4.0 * fine, np.maximum(7.0 - 6.0 * ground.hand[inner] + 2.0 * wobble, 0.0)
    )
    return Maps(hand, slope_deg(hand), mapped, np.clip(percent, 0.0, 100.0).astype(np.uint8))


def _moved(wobble: FloatArray, margin: int, side: int, axis: int) -> npt.NDArray[np.intp]:
    """Index along an axis, up to a pixel or two off: edges of land cover on a map."""
    line = np.arange(margin, side - margin, dtype=np.intp)
    line = line[:, None] if axis == 0 else line[None, :]
    off: npt.NDArray[np.intp] = np.rint(0.7 * wobble).astype(np.intp)
    return line + np.clip(off, -2, 2)
