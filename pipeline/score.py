"""A product against the truth, where the truth is known: simulated scenes, or a label on the product's own lattice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from floodfuse.harmonize.classes import FLOOD_CLASSES, MapClass
from floodfuse.pipeline.open_product import grid_of, load_record
from floodfuse.pipeline.publish import zarr_store

_STRIP_ROWS = 1024
_OPEN = (MapClass.PERMANENT_WATER, MapClass.OPEN_FLOOD_WATER)


@dataclass(frozen=True)
class Scores:
    """How a map does against the truth, over pixels with an answer and a truth. None where there is none of the class.

    Attributes
    ----------
    open_water_iou : open water, permanent or flood: intersection over union
    vegetation_recall, vegetation_precision : flooded vegetation found, and right where claimed
    urban_recall : flooded urban found
    false_flood : share of truly dry land that is mapped as any kind of flood
    answered : share of pixels with a truth that got an answer (neither excluded nor unobserved)
    """

    open_water_iou: float | None
    vegetation_recall: float | None
    vegetation_precision: float | None
    urban_recall: float | None
    false_flood: float | None
    answered: float


def score(product: Path, truth: Path) -> Scores:
    """Score a product against a raster of `MapClass` values on the same lattice.

    Pixels that the map excludes count as not found in recall: an excluded flood is a flood not mapped.
    """
    confusion = _confusion(product, truth)
    known = [int(k) for k in MapClass if k not in (MapClass.EXCLUDED, MapClass.NOT_OBSERVED)]
    flood = [int(k) for k in FLOOD_CLASSES]
    open_water = [int(k) for k in _OPEN]
    hit = confusion[np.ix_(open_water, open_water)].sum()
    either = confusion[open_water, :].sum() + confusion[np.ix_(known, open_water)].sum() - hit
    vegetation, urban, dry = (
        int(MapClass.FLOODED_VEGETATION),
        int(MapClass.FLOODED_URBAN),
        int(MapClass.DRY_LAND),
    )
    total = confusion[known, :].sum()
    return Scores(
        open_water_iou=_ratio(hit, either),
        vegetation_recall=_ratio(confusion[vegetation, vegetation], confusion[vegetation, :].sum()),
        vegetation_precision=_ratio(confusion[vegetation, vegetation], confusion[known, vegetation].sum()),
        urban_recall=_ratio(confusion[urban, urban], confusion[urban, :].sum()),
        false_flood=_ratio(confusion[dry, flood].sum(), confusion[dry, :].sum()),
        answered=float(confusion[np.ix_(known, known)].sum() / total) if total else 0.0,
    )


def _ratio(part: np.int64, whole: np.int64) -> float | None:
    return float(part / whole) if whole else None


def _confusion(product: Path, truth: Path) -> NDArray[np.int64]:
    """(truth, map) counts over the product's window, 256 x 256."""
    grid = grid_of(load_record(product))
    found = zarr_store.open_product(product)["flood_class"]
    counts = np.zeros(256 * 256, np.int64)
    with rasterio.open(truth) as dataset:
        left = round((grid.transform.c - dataset.transform.c) / grid.resolution)
        top = round((dataset.transform.f - grid.transform.f) / grid.resolution)
        for row in range(0, grid.rows, _STRIP_ROWS):
            rows = min(_STRIP_ROWS, grid.rows - row)
            window = Window(left, top + row, grid.columns, rows)
            true = dataset.read(1, window=window, boundless=True, fill_value=int(MapClass.NOT_OBSERVED))
            mapped = found[row : row + rows].values
            counts += np.bincount((true.astype(np.int64) * 256 + mapped).ravel(), minlength=256 * 256)
    return counts.reshape(256, 256)
