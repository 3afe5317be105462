"""Fields: the straight-edged parcels that farmed land is divided into, and what each carries this season."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import spatial

from floodfuse.catalogs.simulated.fields import FloatArray, stream, stretch
from floodfuse.catalogs.simulated.lattice import Lattice

_KINDS = 1 << 16
_DISTRICT_M = 2400.0
_STRIP_M = (90.0, 260.0)
_FIELD_M = (160.0, 620.0)
_BARE_SHARE = 0.34
_MEADOW_SHARE = 0.16


@dataclass(frozen=True)
class Parcels:
    """The fields of a scene; what they carry is in tables, one entry a field.

    Attributes
    ----------
    number
        Field of each pixel, an index into the tables below.
    bare
        Per field: ploughed or harvested, no plants above ground.
    meadow
        Per field: grass, not crops.
    tall
        Per field: crop tall enough to stand out of shallow water.
    green
        Per field: 0 ripe and dry to 1 lush.
    wooded
        Per field: standard normal; woods and orchards keep to the fields where it is high.
    backscatter
        Per field and band (C, L): standard normal departure of row direction, roughness and biomass from usual.
    """

    number: npt.NDArray[np.uint16]
    bare: npt.NDArray[np.bool_]
    meadow: npt.NDArray[np.bool_]
    tall: npt.NDArray[np.bool_]
    green: FloatArray
    wooded: FloatArray
    backscatter: FloatArray


def make_parcels(lattice: Lattice, seed: int) -> Parcels:
    """Divide the scene into fields: districts of one direction each, strips within them, fields along the strips."""
    rng = stream(seed, "parcels/tables")
    kind = rng.uniform(size=_KINDS)
    common = rng.standard_normal(_KINDS)
    own = rng.standard_normal((2, _KINDS))
    return Parcels(
        number=_numbers(lattice, seed),
        bare=kind < _BARE_SHARE,
        meadow=kind > 1.0 - _MEADOW_SHARE,
        tall=(kind > 0.45) & (kind < 0.62),
        green=rng.beta(2.0, 1.4, _KINDS).astype(np.float32),
        wooded=rng.standard_normal(_KINDS).astype(np.float32),
        backscatter=(0.55 * common + 0.83 * own).astype(np.float32),
    )


def _numbers(lattice: Lattice, seed: int) -> npt.NDArray[np.uint16]:
    """Number of the field each pixel lies in, drawn so that neighbours rarely share one."""
    district, angle = _districts(lattice, seed)
    rng = stream(seed, "parcels/lines")
    extent = lattice.size * lattice.resolution
    strips = np.cumsum(rng.uniform(*_STRIP_M, size=int(4.0 * extent / _STRIP_M[0]) + 8)) - 1.6 * extent
    length = rng.uniform(*_FIELD_M, size=len(strips) + 1).astype(np.float32)
    shift = rng.uniform(0.0, 1.0e4, size=len(strips) + 1).astype(np.float32)
    place = np.arange(lattice.size, dtype=np.float32) * np.float32(lattice.resolution)
    number = np.empty((lattice.size, lattice.size), np.uint16)
    for first in range(0, lattice.size, 256):
        rows = slice(first, first + 256)
        turn = angle[district[rows]]
        south, east = place[rows, None], place[None, :]
        across = np.cos(turn) * south - np.sin(turn) * east
        along = np.sin(turn) * south + np.cos(turn) * east
        strip = np.searchsorted(strips, across.ravel()).reshape(across.shape)
        field = np.floor((along + shift[strip]) / length[strip]).astype(np.int64)
        number[rows] = _mix(district[rows].astype(np.int64), strip.astype(np.int64), field)
    return number


def _districts(lattice: Lattice, seed: int) -> tuple[npt.NDArray[np.intp], FloatArray]:
    """Voronoi districts: number of each pixel's district, and the direction of its fields (radians)."""
    rng = stream(seed, "parcels/districts")
    extent = lattice.size * lattice.resolution
    count = max(3, round((extent / _DISTRICT_M) ** 2))
    seeds = rng.uniform(0.0, extent, (count, 2))
    angle = (rng.uniform(-0.5, 0.5) + 0.45 * rng.standard_normal(count)).astype(np.float32)
    side = min(lattice.size, 512)
    centres = (np.arange(side) + 0.5) * extent / side
    grid = np.stack(np.meshgrid(centres, centres, indexing="ij"), axis=-1)
    tree = spatial.KDTree(seeds)
    coarse = tree.query(grid.reshape(-1, 2))[1].reshape(side, side)
    nearest = np.rint(stretch(np.arange(side, dtype=np.float32)[None, :].repeat(side, 0), lattice.size)[0])
    index = np.clip(nearest.astype(np.intp), 0, side - 1)
    return coarse[np.ix_(index, index)], angle


def _mix(
    district: npt.NDArray[np.int64], strip: npt.NDArray[np.int64], field: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint16]:
    """Hash three whole numbers into 16 bits (multiplicative hashing, Knuth 1973)."""
    with np.errstate(over="ignore"):
        mixed = district * 73_856_093 ^ strip * 19_349_663 ^ field * 83_492_791
        mixed = (mixed ^ (mixed >> 13)) * 2_654_435_761
    number: npt.NDArray[np.uint16] = ((mixed >> 16) & (_KINDS - 1)).astype(np.uint16)
    return number
