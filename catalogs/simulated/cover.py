"""What grows or stands on the ground: woods, fields, meadows, wetland, gravel and a town."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from floodfuse.catalogs.simulated.fields import BoolArray, FloatArray, smooth_field, stream
from floodfuse.catalogs.simulated.lattice import Lattice
from floodfuse.catalogs.simulated.parcels import Parcels
from floodfuse.catalogs.simulated.river import River, valley_scale

TREES, GRASS, CROPS, BUILT_UP, BARE, WATER, WETLAND = 10, 30, 40, 50, 60, 80, 90
"""ESA WorldCover 2021 codes (product user manual v2.0)."""

_TOWN_M = 620.0
_TOWN_LEVEL_QUANTILE = 0.20


@dataclass(frozen=True)
class Cover:
    """Land cover, as it is and as a map has it.

    Attributes
    ----------
    code
        True land cover, WorldCover codes.
    mapped
        Land cover as the archive has it: some fields confused, edges of woods and towns a pixel off.
    """

    code: npt.NDArray[np.uint8]
    mapped: npt.NDArray[np.uint8]

    @property
    def trees(self) -> BoolArray:
        """Where trees stand."""
        trees: BoolArray = self.code == TREES
        return trees


def make_cover(
    hand: FloatArray,
    slope: FloatArray,
    permanent: BoolArray,
    shore_distance: FloatArray,
    river: River,
    parcels: Parcels,
    lattice: Lattice,
    seed: int,
) -> Cover:
    """Lay out the land cover on the relief, drainage and fields."""
    number = parcels.number
    code = np.where(parcels.meadow[number], GRASS, CROPS).astype(np.uint8)
    patches = smooth_field(lattice.size, 40.0, stream(seed, "cover/patches"))
    code[(patches > 1.35) & (slope > 2.5)] = GRASS
    code[_woods(hand, slope, river, parcels, lattice, seed)] = TREES
    shore = 110.0 + 70.0 * smooth_field(lattice.size, 22.0, stream(seed, "cover/wetland"))
    code[(shore_distance < shore) & (hand < 3.5)] = WETLAND
    code[_gravel(river, lattice, seed)] = BARE
    town = _town(hand, river, permanent, lattice, seed)
    code[town] = BUILT_UP
    code[permanent] = WATER
    return Cover(code, _mapped(code, parcels, lattice, seed))


def _woods(
    hand: FloatArray, slope: FloatArray, river: River, parcels: Parcels, lattice: Lattice, seed: int
) -> BoolArray:
    """Woods on steep ground and along the river, partly with the straight edges of fields."""
    size = lattice.size
    scale = valley_scale(lattice)
    stands = smooth_field(size, 70.0 * scale, stream(seed, "cover/stands"))
    ragged = smooth_field(size, 7.0, stream(seed, "cover/edges"))
    by_field = parcels.wooded[parcels.number]
    steep = ndimage.uniform_filter(slope, 13, mode="nearest")
    upland = 1.1 * stands + 0.5 * by_field + 0.22 * ragged + 0.30 * (steep - 4.5)
    belt = smooth_field(size, 48.0 * scale, stream(seed, "cover/belt"))
    beyond = np.maximum(river.distance - river.half_width, 0.0)
    riparian = 1.2 * belt + 0.25 * by_field + 0.22 * ragged + 1.1 * np.exp(-beyond / (260.0 * scale))
    woods: BoolArray = np.where(hand < 6.0, riparian > 1.15, upland > 1.5)
    return woods


def _gravel(river: River, lattice: Lattice, seed: int) -> BoolArray:
    """Gravel bars along the inner banks, a few pixels wide."""
    bars = smooth_field(lattice.size, 30.0, stream(seed, "cover/gravel"))
    gravel: BoolArray = river.distance < river.half_width + np.maximum(26.0 * (bars - 0.5), 0.0)
    return gravel


def _town(hand: FloatArray, river: River, permanent: BoolArray, lattice: Lattice, seed: int) -> BoolArray:
    """A town at the edge of the highest floods, near the river and the middle; villages; farmsteads."""
    scale = valley_scale(lattice)
    step = max(1, lattice.size // 512)
    level = ndimage.gaussian_filter(hand[::step, ::step], 22.0 * scale / step, mode="nearest")
    edge = float(np.quantile(level[~permanent[::step, ::step]], _TOWN_LEVEL_QUANTILE))
    place = (np.arange(len(level)) + 0.5) / len(level) - 0.5
    far = np.hypot(place[:, None], place[None, :])
    cost = np.abs(level - edge) / 0.5 + (far / 0.22) ** 2 + river.distance[::step, ::step] / (900.0 * scale)
    outline = smooth_field(lattice.size, 26.0, stream(seed, "cover/outline"))
    street = smooth_field(lattice.size, 3.0, stream(seed, "cover/streets"))
    town = np.zeros(hand.shape, np.bool_)
    for radius in (_TOWN_M, 0.42 * _TOWN_M, 0.36 * _TOWN_M, 0.30 * _TOWN_M):
        row, column = np.unravel_index(int(np.argmin(cost)), cost.shape)
        away = _distance_to((int(row) * step, int(column) * step), lattice)
        reach = radius * scale**0.75
        town |= away / reach + 0.30 * outline + 0.14 * street < 1.0
        cost = cost + 40.0 * np.exp(-((away[::step, ::step] / (2200.0 * scale)) ** 2))
    return town


def _distance_to(centre: tuple[int, int], lattice: Lattice) -> FloatArray:
    """Metres from a pixel."""
    line = np.arange(lattice.size, dtype=np.float32)
    apart = np.hypot(line[:, None] - np.float32(centre[0]), line[None, :] - np.float32(centre[1]))
    metres: FloatArray = apart * np.float32(lattice.resolution)
    return metres


def _mapped(
    code: npt.NDArray[np.uint8], parcels: Parcels, lattice: Lattice, seed: int
) -> npt.NDArray[np.uint8]:
    """Land cover with the errors of a global map: a wobble of about one pixel, and one field in eleven confused."""
    wobble_y = np.rint(0.7 * smooth_field(lattice.size, 5.0, stream(seed, "cover/map_y"))).astype(np.int32)
    wobble_x = np.rint(0.7 * smooth_field(lattice.size, 5.0, stream(seed, "cover/map_x"))).astype(np.int32)
    line = np.arange(lattice.size, dtype=np.int32)
    last = lattice.size - 1
    mapped: npt.NDArray[np.uint8] = code[
        np.clip(line[:, None] + wobble_y, 0, last), np.clip(line[None, :] + wobble_x, 0, last)
    ]
    confused = (stream(seed, "cover/confused").uniform(size=len(parcels.bare)) < 0.09)[parcels.number]
    mapped[confused & (mapped == CROPS)] = GRASS
    return mapped
