"""Map real chips of Sen1Floods11 by the command line and score them against their hand labels.

    python benchmarks/real_floods.py DIR [STRATEGY[=WEIGHTS] ...]

Strategies are those of `map --fusion`; physics alone where none is given. DIR holds S1Hand/, S2Hand/ and LabelHand/ with the chips named below. Nothing in floodfuse was fitted to them. The label is
sampled on the product's pixels at the label's pixel centres, and pixels without a label are left out. The best threshold is that on the probability
of water whose IoU is highest, excluded pixels and all: it tells what a map knows, whatever it calls.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path

import numpy as np
import pyproj
import rasterio
from numpy.typing import NDArray

from floodfuse.harmonize.classes import WATER_CLASSES, MapClass
from floodfuse.models.chips import UNLABELLED
from floodfuse.models.scores import Tally

PROGRAM = Path(sys.executable).parent / "floodfuse"
CHIPS = {
    "Spain_7370579": ("2019-09-17", "2019-09-18T11:00"),
    "Ghana_53713": ("2018-09-18", None),
    "Paraguay_34417": ("2018-10-31", None),
    "Sri-Lanka_534068": ("2017-05-30", None),
    "Spain_6860600": ("2019-09-17", None),
}


def run(*arguments: object) -> None:
    """Run the real program; its complaints are shown, its results are in its files."""
    subprocess.run([PROGRAM, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


def add_chip(root: Path, chip: str, catalog: Path) -> None:
    """Put a chip's radar, and its optical image where there is one, into a catalogue."""
    day, optical_time = CHIPS[chip]
    s1 = root / "S1Hand" / f"{chip}_S1Hand.tif"
    radar = ("--sensor", "sentinel1", "--time", f"{day}T06:00", "--radiometry", "sigma0", "--scale", "db")
    run(
        "catalog", "add", catalog, *radar, "--incidence", 38, "--asset", f"vv={s1}:1", "--asset", f"vh={s1}:2"
    )
    if optical_time:
        s2 = root / "S2Hand" / f"{chip}_S2Hand.tif"
        bands = [
            part
            for name, band in (("green", 3), ("nir", 8), ("swir", 12))
            for part in ("--asset", f"{name}={s2}:{band}")
        ]
        optical = (
            "--sensor",
            "sentinel2",
            "--time",
            optical_time,
            "--radiometry",
            "reflectance",
            "--scale",
            "dn",
        )
        run("catalog", "add", catalog, *optical, *bands)


def sampled(made: Path, label: rasterio.DatasetReader) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The product's classes, and its probability of water (NaN where none is told), at the label's pixel centres."""
    rows, columns = np.mgrid[0 : label.height, 0 : label.width]
    lon, lat = label.transform @ (columns + 0.5, rows + 0.5)
    with rasterio.open(made / "flood.tif") as classes, rasterio.open(made / "probability.tif") as probability:
        x, y = pyproj.Transformer.from_crs(
            label.crs.to_wkt(), classes.crs.to_wkt(), always_xy=True
        ).transform(lon, lat)
        column, row = ~classes.transform @ (x, y)
        column, row = np.floor(column).astype(int), np.floor(row).astype(int)
        inside = (row >= 0) & (column >= 0) & (row < classes.height) & (column < classes.width)
        found = np.full(label.shape, int(MapClass.NOT_OBSERVED), np.uint8)
        water = np.full(label.shape, np.nan, np.float32)
        for values, layer in ((found, classes), (water, probability)):
            values[inside] = layer.read(1)[row[inside], column[inside]]
    return found, water


def best_threshold(water: NDArray[np.float32], truth: NDArray[np.int16]) -> str:
    """What IoU any threshold on the probability of water would have, excluded pixels and all (not observed ones are not called), and that threshold."""
    known = np.where(truth >= 0, truth, UNLABELLED).astype(np.uint8)
    if not (known == 1).any() or not np.isfinite(water[truth >= 0]).any():
        return ""
    told = np.nan_to_num(water)
    tally = Tally(("dry", "water"))
    tally.add(np.stack([1.0 - told, told]), known)
    scores = tally.scores()
    return f"  by the best threshold {scores.iou_flood_best:.3f}, from {scores.best_from:.2f}"


def score(found: NDArray[np.uint8], truth: NDArray[np.int16]) -> str:
    """IoU and recall of water, and shares: mapped as water, not observed, of what has a label answered, and wrong."""
    known, wet, true = truth >= 0, np.isin(found, [int(k) for k in WATER_CLASSES]), truth == 1
    union = ((wet | true) & known).sum()
    iou = (wet & true).sum() / union if true.any() else np.nan
    recall = wet[true].mean() if true.any() else np.nan
    unseen, excluded = found == MapClass.NOT_OBSERVED, found == MapClass.EXCLUDED
    answered = known & ~unseen & ~excluded
    of = max(known.sum(), 1)
    return (
        f"water IoU {iou:.3f}  recall {recall:.3f}  mapped as water {wet.mean():.2%}  not observed {unseen.mean():.2%}  "
        f"answered {answered.sum() / of:.1%}  wrong {(answered & (wet != true)).sum() / of:.1%}"
    )


def main() -> None:
    root, strategies = Path(sys.argv[1]), sys.argv[2:] or ["bayes"]
    for chip, (day, optical_time) in CHIPS.items():
        with (
            tempfile.TemporaryDirectory() as folder,
            rasterio.open(root / "LabelHand" / f"{chip}_LabelHand.tif") as label,
        ):
            catalog = Path(folder, "catalog")
            add_chip(root, chip, catalog)
            area = ",".join(f"{v:.7f}" for v in label.bounds)
            choices = ["sentinel1", "sentinel2", "sentinel1,sentinel2"] if optical_time else ["sentinel1"]
            for number, (sensors, asked) in enumerate(product(choices, strategies)):
                fusion, _, weights = asked.partition("=")
                out = Path(folder, str(number))
                where = ("--date", day, "--catalog", catalog, "--sensors", sensors, "--out", out)
                how = ("--fusion", fusion, *(("--weights", weights) if weights else ()))
                run("map", area, *where, *how, "--quiet")
                truth, (found, water) = label.read(1), sampled(out, label)
                said = f"{score(found, truth)}{best_threshold(water, truth)}"
                print(f"{chip:17} {sensors:20} {asked:12} {said}", flush=True)


if __name__ == "__main__":
    main()
