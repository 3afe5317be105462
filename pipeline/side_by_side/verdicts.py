"""What several products of the same ground say, piece by piece: who answers, and who says water."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from floodfuse.catalogs.errors import BadRequest
from floodfuse.harmonize.classes import WATER_CLASSES, Exclusion, MapClass
from floodfuse.pipeline.publish.source import Array, Product, Tile

Bool = NDArray[np.bool_]
LEAST = 2  # products, for fewer can't be held against each other
MOST = 200  # whose counts fit into a byte, with codes to spare
_NO_ANSWER = (MapClass.EXCLUDED, MapClass.NOT_OBSERVED)


class Verdicts(NamedTuple):
    """What products say in one tile.

    Attributes
    ----------
    classes : values of `MapClass`, (product, y, x)
    inside : of the area of interest, (y, x)
    """

    classes: NDArray[np.uint8]
    inside: Bool

    @property
    def answers(self) -> Bool:
        """Where each says water or dry, (product, y, x); elsewhere it abstains."""
        return ~np.isin(self.classes, _NO_ANSWER) & self.inside

    @property
    def water(self) -> Bool:
        """Where each says water of any kind, (product, y, x)."""
        return np.isin(self.classes, WATER_CLASSES) & self.inside

    def votes(self) -> Votes:
        """How many say what."""
        return Votes(_count(self.answers), _count(self.water))


class Votes(NamedTuple):
    """How many products answer, and how many of them say water, (y, x)."""

    answers: NDArray[np.uint8]
    water: NDArray[np.uint8]

    @property
    def compared(self) -> Bool:
        """Where two or more answer."""
        return self.answers >= LEAST

    @property
    def differing(self) -> Bool:
        """Where those that answer do not all say the same of water."""
        return (self.water > 0) & (self.water < self.answers)


def _count(of_each: Bool) -> NDArray[np.uint8]:
    return of_each.sum(axis=0, dtype=np.uint8)


def open_products(folders: Mapping[str, Path]) -> dict[str, Product]:
    """Products by name, in the order given.

    Raises
    ------
    BadRequest
        If they are fewer than two or too many, or do not lie on the same pixels.
    """
    if not LEAST <= len(folders) <= MOST:
        raise BadRequest(f"{len(folders)} products: give {LEAST} to {MOST} to compare.")
    products = {name: Product(folder) for name, folder in folders.items()}
    (first, one), *others = products.items()
    for name, other in others:
        a, b = one.record.grid, other.record.grid
        if (a.crs, a.transform, a.shape) != (b.crs, b.transform, b.shape):
            raise BadRequest(
                f"{folders[first]} and {folders[name]} do not lie on the same pixels; map the same area with the same "
                "--resolution and --crs."
            )
    return products


def read(products: Mapping[str, Product], tile: Tile) -> Verdicts:
    """What products say in a tile; the area is that of the first."""
    first = next(iter(products.values()))
    inside = (first.read("exclusion", tile) & np.uint16(Exclusion.OUTSIDE_AREA)) == 0
    return Verdicts(np.stack([p.read("flood_class", tile) for p in products.values()]), inside)


def read_each(products: Mapping[str, Product], layer: str, tile: Tile) -> Array:
    """One layer of every product in a tile, (product, y, x)."""
    return np.stack([product.read(layer, tile) for product in products.values()])
