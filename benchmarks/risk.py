"""What it costs and what it saves to let a map answer only at a risk: the demo's scene at several risks, against its truth.

    python benchmarks/risk.py DEMO [STRATEGY ...]

DEMO is the folder that `make demo` or `floodfuse demo` made. Synthetic.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray

from floodfuse.harmonize.classes import WATER_CLASSES, MapClass
from floodfuse.pipeline.map_area import map_area
from floodfuse.pipeline.open_product import load_record, open_layers
from floodfuse.pipeline.settings import MapSettings

RISKS = (None, 0.2, 0.1, 0.05, 0.02)


def classes_and_truth(product: Path, truth: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Map classes, and the truth on the same pixels."""
    classes = open_layers(product)["flood_class"].values
    _, _, left, _, _, top = load_record(product).grid.transform
    with rasterio.open(truth) as raster:
        column, row = (round(v) for v in ~raster.transform @ (left, top))
        rows, columns = classes.shape
        return classes, raster.read(1)[row : row + rows, column : column + columns]


def main() -> None:
    archive, strategies = Path(sys.argv[1], "archive"), sys.argv[2:] or ["bayes"]
    date = load_record(Path(sys.argv[1], "flood")).product_time.isoformat()
    water = [int(k) for k in WATER_CLASSES]
    print("strategy      risk   answered   of water, called dry   of dry ground, called water")
    for strategy in strategies:
        for risk in RISKS:
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder, "product")
                asked = {"area": str(archive / "aoi.geojson"), "date": date, "catalog": str(archive)}
                asked |= {"out": str(out), "fusion": strategy}
                map_area(MapSettings.model_validate(asked | ({"risk": risk} if risk else {})))
                classes, truth = classes_and_truth(out, archive / "truth.tif")
            known = (classes != MapClass.NOT_OBSERVED) & (truth != MapClass.NOT_OBSERVED)
            answers, wet = known & (classes != MapClass.EXCLUDED), np.isin(classes, water)
            truly, dry = known & np.isin(truth, water), known & (truth == MapClass.DRY_LAND)
            missed, false = (
                (answers & ~wet & truly).sum() / truly.sum(),
                (answers & wet & dry).sum() / dry.sum(),
            )
            asked_for = f"{risk:.2f}" if risk else "none"
            print(
                f"{strategy:12s} {asked_for:>5s}   {answers.sum() / known.sum():8.3f}   {missed:20.4f}   {false:27.4f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
