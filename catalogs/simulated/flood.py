"""The flood: how high the water stands when, and what the surface then is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from floodfuse.catalogs.simulated.cover import BARE, BUILT_UP, CROPS, TREES, WETLAND
from floodfuse.catalogs.simulated.fields import FloatArray, smooth_field, stream
from floodfuse.catalogs.simulated.landscape import Landscape
from floodfuse.catalogs.simulated.river import valley_scale
from floodfuse.harmonize.classes import EvidenceClass, MapClass

FLOOD_SHARE = 0.165
"""Share of the land that lies below the water level at product time; a little of it is not reached."""
_FALL_M_PER_DAY = 0.2
_HERB_DEPTH_M = 1.1
_CROP_DEPTH_M = 0.45
_LEAST_DEPTH_M = 0.03
_REED_DEPTH_M = 1.6
_NEVER_M = -50.0


class Mechanism(IntEnum):
    """Held-out mechanisms: ground and water that the models of the classes do not describe (harmonization.md 9, 3).

    The value is the code in `Flood.mechanism`; the name in lower case is what an option takes.
    """

    NONE = 0
    MUD_FLATS = 1  # wet, smooth mud that the water has just left: dry, and as dark as water at L band
    WINDY_LAKE = 2  # open water under 10 to 15 m/s of wind: water as bright as soil at C-VV
    FLOODED_REEDS = 3  # thin stems in water: a sign that changes with band and polarization
    SNOW_FIELDS = 4  # fields under wet, smooth snow: dry land as dark as water at C band


@dataclass(frozen=True)
class Flood:
    """A receding flood on a landscape.

    Attributes
    ----------
    depth
        Water above ground at product time where the flood reached it, metres; negative above the water, and very
        negative where no path leads from the river.
    mechanism
        Code of the held-out `Mechanism` of each pixel, (y, x); None where the scene has none.
    """

    landscape: Landscape
    depth: FloatArray
    mechanism: npt.NDArray[np.uint8] | None = None

    def depth_at(self, hours: float) -> FloatArray:
        """Depth (m) `hours` after product time (negative: before), falling 0.2 m a day."""
        return self.depth - np.float32(_FALL_M_PER_DAY * hours / 24.0)

    def surface_at(self, hours: float) -> npt.NDArray[np.uint8]:
        """`EvidenceClass` of each pixel `hours` after product time: what a radar or a camera would find there."""
        depth = self.depth_at(hours)
        surface = _surface(self.landscape, depth)
        return surface if self.mechanism is None else _as_mechanism(surface, depth, self.mechanism)

    def mechanism_at(self, hours: float) -> npt.NDArray[np.uint8]:
        """Code of the `Mechanism` at work in each pixel `hours` after product time; 0 where none is.

        Mud lies bare, and snow lies, only where it is dry; reeds are flooded only where it is wet; wind raises waves
        only on open water.
        """
        surface = self.surface_at(hours)
        if self.mechanism is None:
            return np.zeros(surface.shape, np.uint8)
        wanted = np.full(len(Mechanism), len(EvidenceClass), np.uint8)
        wanted[Mechanism.MUD_FLATS] = wanted[Mechanism.SNOW_FIELDS] = EvidenceClass.BARE_SOIL
        wanted[Mechanism.WINDY_LAKE] = EvidenceClass.OPEN_WATER
        wanted[Mechanism.FLOODED_REEDS] = EvidenceClass.FLOODED_HERB
        at_work: npt.NDArray[np.uint8] = self.mechanism * (surface == wanted[self.mechanism])
        return at_work

    def truth_at(self, hours: float = 0.0) -> npt.NDArray[np.uint8]:
        """`MapClass` of each pixel `hours` after product time."""
        table = np.full(len(EvidenceClass), MapClass.DRY_LAND, np.uint8)
        table[EvidenceClass.OPEN_WATER] = MapClass.OPEN_FLOOD_WATER
        table[EvidenceClass.FLOODED_FOREST] = MapClass.FLOODED_VEGETATION
        table[EvidenceClass.FLOODED_HERB] = MapClass.FLOODED_VEGETATION
        table[EvidenceClass.FLOODED_URBAN] = MapClass.FLOODED_URBAN
        truth = table[self.surface_at(hours)]
        truth[self.landscape.permanent] = MapClass.PERMANENT_WATER
        return truth


def make_flood(landscape: Landscape, seed: int) -> Flood:
    """Raise the river so that `FLOOD_SHARE` of the land lies below its level, as far as water finds a way.

    The level is not quite parallel to the ordinary surface: it falls away from the river (0.2 m per km) and varies
    by 0.15 m (sd), so that height above drainage alone does not tell where it is wet.
    """
    lattice = landscape.lattice
    uneven = 0.15 * smooth_field(lattice.size, 130.0 * valley_scale(lattice), stream(seed, "flood/level"))
    level = uneven - 2.0e-4 * landscape.river.distance
    above = landscape.hand - level
    stage = float(np.quantile(above[~landscape.permanent], FLOOD_SHARE))
    depth = (np.float32(stage) - above).astype(np.float32)
    return Flood(landscape, np.where(_reached(depth, landscape), depth, np.float32(_NEVER_M)))


def without_flood(landscape: Landscape) -> Flood:
    """The same ground with its rivers and lakes at their ordinary level, at any time."""
    return Flood(landscape, np.full(landscape.hand.shape, _NEVER_M, np.float32))


def _reached(depth: FloatArray, landscape: Landscape) -> npt.NDArray[np.bool_]:
    """Ground with a wet path from the river two days before product time; it may since have become a pond."""
    early = (depth + np.float32(2.0 * _FALL_M_PER_DAY) > 0) | landscape.permanent
    parts, count = ndimage.label(early)
    joined = np.zeros(count + 1, np.bool_)
    joined[np.unique(parts[landscape.permanent])] = True
    joined[0] = False
    reached: npt.NDArray[np.bool_] = joined[parts]
    return reached


def _surface(landscape: Landscape, depth: FloatArray) -> npt.NDArray[np.uint8]:
    """What the surface is, given the depth of water on it: first dry, then what water makes of it."""
    code, parcels = landscape.cover.code, landscape.parcels
    surface = np.full(code.shape, EvidenceClass.DRY_LOW_VEG, np.uint8)
    surface[(code == BARE) | ((code == CROPS) & parcels.bare[parcels.number])] = EvidenceClass.BARE_SOIL
    surface[code == TREES] = EvidenceClass.DRY_FOREST
    surface[code == BUILT_UP] = EvidenceClass.URBAN
    wet = depth > _LEAST_DEPTH_M
    standing = ((code == WETLAND) & (depth < _HERB_DEPTH_M)) | (
        (code == CROPS) & parcels.tall[parcels.number] & (depth < _CROP_DEPTH_M)
    )
    under = np.full(code.shape, EvidenceClass.OPEN_WATER, np.uint8)
    under[standing] = EvidenceClass.FLOODED_HERB
    under[code == TREES] = EvidenceClass.FLOODED_FOREST
    under[code == BUILT_UP] = EvidenceClass.FLOODED_URBAN
    np.copyto(surface, under, where=wet)
    surface[landscape.permanent] = EvidenceClass.OPEN_WATER
    return surface


def _as_mechanism(
    surface: npt.NDArray[np.uint8], depth: FloatArray, mechanism: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint8]:
    """The surface, with what a held-out mechanism makes of it: mud and snow are bare ground, reeds stand in water."""
    wet = (depth > _LEAST_DEPTH_M) | (surface == EvidenceClass.OPEN_WATER)
    bare = (mechanism == Mechanism.MUD_FLATS) | (mechanism == Mechanism.SNOW_FIELDS)
    surface[bare & ~wet] = EvidenceClass.BARE_SOIL
    reeds = mechanism == Mechanism.FLOODED_REEDS
    surface[reeds & ~wet] = EvidenceClass.DRY_LOW_VEG
    surface[reeds & wet & (depth < _REED_DEPTH_M)] = EvidenceClass.FLOODED_HERB
    return surface
