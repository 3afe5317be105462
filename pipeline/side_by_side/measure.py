"""Maps of the same ground by several strategies: how much each floods, and how far any two agree.

Counted tile by tile, so that memory does not grow with the area. Shares are of pixels of the area of interest unless said
otherwise. "Water" is any class of water, permanent or flood; a pixel that is excluded or not observed is no answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from floodfuse.harmonize.classes import FLOOD_CLASSES, MapClass
from floodfuse.pipeline.publish.source import Product, pixel_area_m2, tiles
from floodfuse.pipeline.side_by_side import verdicts
from floodfuse.pipeline.side_by_side.traits import Trait, Traits

SIDE_PX = 1024


@dataclass(frozen=True)
class Strategy:
    """One map: km2 of flood and of all water, and the shares of the area that it answers, excludes and did not observe."""

    name: str
    flooded_km2: float
    water_km2: float
    answered: float
    excluded: float
    not_observed: float


@dataclass(frozen=True)
class Pair:
    """Two maps against each other. None where no pixel tells.

    Attributes
    ----------
    both_answer, only_first_answers, only_second_answers : shares of the area
    agreement : of pixels that both answer, the share on which both say water, or both say dry
    kappa : Cohen's, agreement beyond that of chance; None where both say the same of all pixels
    water_iou : of pixels that both answer, those that both call water over those that either does
    probability_difference : mean absolute difference of the probability of water over pixels that both answer
    only_first_water_km2, only_second_water_km2 : called water by one and dry by the other
    """

    first: str
    second: str
    both_answer: float
    only_first_answers: float
    only_second_answers: float
    agreement: float | None
    kappa: float | None
    water_iou: float | None
    probability_difference: float | None
    only_first_water_km2: float
    only_second_water_km2: float


@dataclass(frozen=True)
class SideBySide:
    """What several maps of the same ground say.

    Attributes
    ----------
    area_km2 : of the area of interest
    compared : share of the area that two strategies or more answer
    differing : of the pixels compared, the share on which those that answer do not all say the same of water
    traits : what marks the pixels on which they differ, the most telling first
    """

    area_km2: float
    compared: float
    compared_km2: float
    differing: float | None
    differing_km2: float
    strategies: tuple[Strategy, ...]
    pairs: tuple[Pair, ...]
    traits: tuple[Trait, ...]

    def pair(self, one: str, other: str) -> Pair:
        """The pair of two strategies, in whichever order it is stored."""
        return next(pair for pair in self.pairs if {pair.first, pair.second} == {one, other})


def measure(folders: Mapping[str, Path], side_px: int = SIDE_PX) -> SideBySide:
    """Measure products by the names of their strategies; raises as `verdicts.open_products` does."""
    products = verdicts.open_products(folders)
    counts, traits = _Counts(len(products)), Traits(products)
    for tile in tiles(next(iter(products.values())).shape, side_px):
        said = verdicts.read(products, tile)
        counts.add(said, verdicts.read_each(products, "probability", tile))
        traits.add(said, verdicts.read(products, traits.around(tile)), tile)
    return _summary(products, counts, traits)


class _Counts:
    """Pixels added up over tiles: by product and class, and by pair of products."""

    def __init__(self, products: int) -> None:
        self.pixels = 0
        self.classes = np.zeros((products, 256), np.int64)
        self.pairs = {pair: _PairCounts() for pair in combinations(range(products), 2)}

    def add(self, said: verdicts.Verdicts, probability: NDArray[np.float32]) -> None:
        """Count a tile: what each product says of it, and its probability of water, (product, y, x)."""
        self.pixels += int(said.inside.sum())
        for k, classes in enumerate(said.classes):
            self.classes[k] += np.bincount(classes[said.inside], minlength=256)
        answers, water = said.answers, said.water
        for (i, j), pair in self.pairs.items():
            both = answers[i] & answers[j]
            pair.table += np.bincount(2 * water[i][both] + water[j][both], minlength=4).reshape(2, 2)
            apart = np.abs(probability[i][both] - probability[j][both])
            pair.apart += float(apart.sum(dtype=np.float64))
            pair.only_first += int((answers[i] & ~answers[j]).sum())
            pair.only_second += int((answers[j] & ~answers[i]).sum())


class _PairCounts:
    """Pixels of a pair: (first, second) dry or water where both answer, where one does, and the sum of differences."""

    def __init__(self) -> None:
        self.table = np.zeros((2, 2), np.int64)
        self.only_first = self.only_second = 0
        self.apart = 0.0


def agreement(table: NDArray[np.int64]) -> float | None:
    """Share of pixels on the diagonal of a table of counts; None of an empty one."""
    total = int(table.sum())
    return int(np.trace(table)) / total if total else None


def kappa(table: NDArray[np.int64]) -> float | None:
    """Cohen's kappa, (p - c) / (1 - c), of agreement p and that of chance c; None where chance leaves nothing to tell."""
    total = int(table.sum())
    if not total:
        return None
    by_chance = sum(int(a) * int(b) for a, b in zip(table.sum(axis=1), table.sum(axis=0), strict=True))
    if by_chance == total**2:
        return None
    return (int(np.trace(table)) * total - by_chance) / (total**2 - by_chance)


def _summary(products: Mapping[str, Product], counts: _Counts, traits: Traits) -> SideBySide:
    names = list(products)
    km2 = pixel_area_m2(products[names[0]].record.grid) / 1e6
    pixels = max(counts.pixels, 1)
    return SideBySide(
        area_km2=counts.pixels * km2,
        compared=traits.compared / pixels,
        compared_km2=traits.compared * km2,
        differing=traits.differing / traits.compared if traits.compared else None,
        differing_km2=traits.differing * km2,
        strategies=tuple(_strategy(name, counts.classes[k], km2) for k, name in enumerate(names)),
        pairs=tuple(_pair(names[i], names[j], pair, pixels, km2) for (i, j), pair in counts.pairs.items()),
        traits=traits.told(),
    )


def _strategy(name: str, classes: NDArray[np.int64], km2: float) -> Strategy:
    pixels = max(int(classes.sum()), 1)
    excluded, unseen = int(classes[MapClass.EXCLUDED]), int(classes[MapClass.NOT_OBSERVED])
    flooded = sum(int(classes[k]) for k in FLOOD_CLASSES)
    return Strategy(
        name=name,
        flooded_km2=flooded * km2,
        water_km2=(flooded + int(classes[MapClass.PERMANENT_WATER])) * km2,
        answered=1.0 - (excluded + unseen) / pixels,
        excluded=excluded / pixels,
        not_observed=unseen / pixels,
    )


def _pair(first: str, second: str, counts: _PairCounts, pixels: int, km2: float) -> Pair:
    (dry, only_second), (only_first, water) = counts.table.tolist()
    both, either = dry + only_second + only_first + water, only_second + only_first + water
    return Pair(
        first=first,
        second=second,
        both_answer=both / pixels,
        only_first_answers=counts.only_first / pixels,
        only_second_answers=counts.only_second / pixels,
        agreement=agreement(counts.table),
        kappa=kappa(counts.table),
        water_iou=water / either if either else None,
        probability_difference=counts.apart / both if both else None,
        only_first_water_km2=only_first * km2,
        only_second_water_km2=only_second * km2,
    )
