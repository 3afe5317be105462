"""Where held-out mechanisms lie on the ground: mud flats, windy lakes, flooded reeds and snow on fields.

None of them is among the classes' models, on either side: they ask whether a map abstains or errs with confidence
(harmonization.md 9, rule 3). Each keeps its true class, which is the class of what it is, not of what it looks like.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from floodfuse.catalogs.simulated.cover import BARE, BUILT_UP, CROPS, GRASS, TREES, WETLAND
from floodfuse.catalogs.simulated.fields import BoolArray, FloatArray, smooth_field, stream
from floodfuse.catalogs.simulated.flood import Flood, Mechanism
from floodfuse.catalogs.simulated.landscape import Landscape

MECHANISMS = tuple(kind.name.lower() for kind in Mechanism if kind is not Mechanism.NONE)
"""The names that options take."""
WET_MECHANISMS = ("flooded_reeds",)
"""Those that there are only in a flood."""
_FALLEN_M = 1.2
_REACH_M = 1.2
_DEEP_M = 0.15
_PATCH_PX = 45.0
_SNOWED_SHARE = 0.5
_ORDINARY_QUANTILE = 0.03


def place(flood: Flood, names: Sequence[str], seed: int) -> Flood:
    """The flood with the named mechanisms laid out on its ground, in patches of some 100 m and whole fields.

    Parameters
    ----------
    flood
        With or without water; mud and reeds are laid out beside its water at product time.
    names
        Of `MECHANISMS`. Where two could lie, the later of them does.
    seed
        Of the scene.

    Raises
    ------
    ValueError
        If a name is not known.
    """
    unknown = [name for name in names if name not in MECHANISMS]
    if unknown:
        raise ValueError(f"mechanism '{unknown[0]}': known are {', '.join(MECHANISMS)}")
    if not names:
        return flood
    where = {
        Mechanism.MUD_FLATS: _mud_flats,
        Mechanism.WINDY_LAKE: _windy_lake,
        Mechanism.FLOODED_REEDS: _reeds,
        Mechanism.SNOW_FIELDS: _snow_fields,
    }
    code = np.zeros(flood.depth.shape, np.uint8)
    for name in names:
        kind = Mechanism[name.upper()]
        code[where[kind](flood, seed)] = kind
    landscape = _with_reeds(flood.landscape, code == Mechanism.FLOODED_REEDS)
    return replace(flood, landscape=landscape, mechanism=code)


def _patches(flood: Flood, name: str, share: float, seed: int) -> BoolArray:
    """Patches of some 400 m over about `share` of the scene."""
    field = smooth_field(flood.landscape.lattice.size, _PATCH_PX, stream(seed, f"mechanisms/{name}"))
    patches: BoolArray = field > np.quantile(field, 1.0 - share)
    return patches


def _open_ground(landscape: Landscape) -> BoolArray:
    """Neither trees nor houses nor permanent water."""
    code = landscape.cover.code
    return ~(np.isin(code, (TREES, BUILT_UP)) | landscape.permanent)


def _above_water(flood: Flood) -> FloatArray:
    """Height above the flood at product time, or where there is none, above the banks' lowest ground; metres."""
    if (flood.depth > 0).any():
        return -flood.depth
    land = flood.landscape.hand[~flood.landscape.permanent]
    above: FloatArray = flood.landscape.hand - np.float32(np.quantile(land, _ORDINARY_QUANTILE))
    return above


def _mud_flats(flood: Flood, seed: int) -> BoolArray:
    """Ground that the water left in the last days, which the next high water would cover first."""
    above = _above_water(flood)
    fallen = (above > -_DEEP_M) & (above < _FALLEN_M)
    return fallen & _open_ground(flood.landscape) & _patches(flood, "mud_flats", 0.7, seed)


def _windy_lake(flood: Flood, seed: int) -> BoolArray:
    """Standing water, and wide flood water, that wind reaches; the river keeps its banks' shelter."""
    river = flood.landscape.river.distance < flood.landscape.river.half_width
    lakes = flood.landscape.permanent & ~river
    flooded = (flood.depth > _DEEP_M) & _open_ground(flood.landscape)
    return lakes | (flooded & _patches(flood, "windy_lake", 0.6, seed))


def _reeds(flood: Flood, seed: int) -> BoolArray:
    """Reed beds in and beside shallow water."""
    shallow = np.abs(flood.depth) < _REACH_M
    return shallow & _open_ground(flood.landscape) & _patches(flood, "flooded_reeds", 0.4, seed)


def _snow_fields(flood: Flood, seed: int) -> BoolArray:
    """Whole fields, of crops, meadows or bare, on ground that the flood does not reach."""
    landscape = flood.landscape
    drawn = stream(seed, "mechanisms/snow_fields").uniform(size=len(landscape.parcels.bare)) < _SNOWED_SHARE
    fields = np.isin(landscape.cover.code, (CROPS, GRASS, BARE))
    return drawn[landscape.parcels.number] & fields & (_above_water(flood) > 0.0)


def _with_reeds(landscape: Landscape, reeds: BoolArray) -> Landscape:
    """The landscape with reed beds for what grew there, on the ground and on the map."""
    if not reeds.any():
        return landscape
    cover = replace(
        landscape.cover,
        code=np.where(reeds, WETLAND, landscape.cover.code).astype(np.uint8),
        mapped=np.where(reeds, WETLAND, landscape.cover.mapped).astype(np.uint8),
    )
    return replace(landscape, cover=cover, maps=replace(landscape.maps, landcover=cover.mapped))
