"""Two products of the same ground: what changed, by pair of classes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from floodfuse.catalogs.errors import BadRequest
from floodfuse.harmonize.classes import LEGEND, Exclusion, MapClass
from floodfuse.pipeline.grid import Grid
from floodfuse.pipeline.open_product import grid_of, load_record, open_layers

_STRIP_ROWS = 1024


@dataclass(frozen=True)
class Change:
    """Pixels that one product has as one class and the other as another."""

    before: str
    after: str
    pixels: int
    area_km2: float


@dataclass(frozen=True)
class Difference:
    """What two products say of the ground they share."""

    common_pixels: int
    changed_pixels: int
    changed_km2: float
    agreement: float
    water_iou: float | None
    largest_probability_difference: float
    changes: list[Change]


def compare(first: Path, second: Path) -> Difference:
    """Compare the ground that lies in the areas of both products, strip by strip.

    Raises
    ------
    BadRequest
        If either is no product, they lie on different lattices, or share no ground.
    """
    a, b = grid_of(load_record(first)), grid_of(load_record(second))
    if a.crs != b.crs or a.resolution != b.resolution:
        raise BadRequest(
            f"{first} is in {a.crs.to_string()} at {a.resolution:g}, {second} in {b.crs.to_string()} at "
            f"{b.resolution:g}: their pixels are not the same ground. Map one again with the other's --crs and --resolution."
        )
    common = _overlap(a, b)
    if common is None:
        raise BadRequest(f"{first} and {second} share no ground, so there is nothing to compare.")
    pairs, worst = _count(first, second, a, b, common)
    if not pairs:
        raise BadRequest(f"{first} and {second} share no ground, so there is nothing to compare.")
    return _summary(pairs, worst, common.pixel_km2)


def _overlap(a: Grid, b: Grid) -> Grid | None:
    row, column = max(a.row, b.row), max(a.column, b.column)
    rows = min(a.row + a.rows, b.row + b.rows) - row
    columns = min(a.column + a.columns, b.column + b.columns) - column
    return Grid(a.crs, a.resolution, row, column, rows, columns) if rows > 0 and columns > 0 else None


def _count(
    first: Path, second: Path, a: Grid, b: Grid, common: Grid
) -> tuple[Counter[tuple[int, int]], float]:
    one, two = open_layers(first), open_layers(second)
    pairs: Counter[tuple[int, int]] = Counter()
    worst = 0.0
    for top in range(0, common.rows, _STRIP_ROWS):
        rows = min(_STRIP_ROWS, common.rows - top)
        parts = []
        for dataset, grid in ((one, a), (two, b)):
            r, c = common.row + top - grid.row, common.column - grid.column
            parts.append(dataset.isel(y=slice(r, r + rows), x=slice(c, c + common.columns)))
        outside = np.uint8(Exclusion.OUTSIDE_AREA)
        both = ((parts[0]["exclusion"].values | parts[1]["exclusion"].values) & outside) == 0
        x, y = (part["flood_class"].values[both].astype(np.int64) for part in parts)
        codes, counts = np.unique(x * 256 + y, return_counts=True)
        pairs.update({(int(k) // 256, int(k) % 256): int(n) for k, n in zip(codes, counts, strict=True)})
        apart = np.abs(parts[0]["probability"].values - parts[1]["probability"].values)
        worst = max(worst, float(np.nanmax(apart))) if np.isfinite(apart).any() else worst
    return pairs, worst


def _summary(pairs: Counter[tuple[int, int]], worst: float, km2: float) -> Difference:
    total = sum(pairs.values())
    changed = {pair: n for pair, n in pairs.items() if pair[0] != pair[1]}
    water = {1, 2, 3, 4}
    both = sum(n for (i, j), n in pairs.items() if i in water and j in water)
    either = sum(n for (i, j), n in pairs.items() if i in water or j in water)
    moved = sum(changed.values())
    return Difference(
        common_pixels=total,
        changed_pixels=moved,
        changed_km2=moved * km2,
        agreement=1.0 - moved / total,
        water_iou=both / either if either else None,
        largest_probability_difference=worst,
        changes=[
            Change(LEGEND[MapClass(i)].label, LEGEND[MapClass(j)].label, n, n * km2)
            for (i, j), n in sorted(changed.items(), key=lambda item: -item[1])
        ],
    )
