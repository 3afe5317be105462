"""The README's picture: truth, map, and map without L-band radar, from the folder that `make demo` leaves.

python docs/make_pictures.py demo
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import rasterio
from matplotlib.patches import Patch
from numpy.typing import NDArray

from floodfuse.harmonize.classes import LEGEND, MapClass

OUT = Path(__file__).parent / "images" / "demo.png"


def coloured(file: Path, bounds: rasterio.coords.BoundingBox) -> NDArray[np.uint8]:
    """A class raster within bounds, in the legend's colours."""
    with rasterio.open(file) as dataset:
        values = dataset.read(1, window=dataset.window(*bounds).round_offsets().round_lengths())
    table = np.zeros((256, 4), np.uint8)
    for value, legend in LEGEND.items():
        table[int(value)] = legend.rgba
    return table[values]


def main() -> None:
    demo = Path(sys.argv[1] if len(sys.argv) > 1 else "demo")
    maps = {
        "Truth": demo / "archive" / "truth.tif",
        "C-band + L-band + optical": demo / "flood" / "flood.tif",
        "without L-band": demo / "flood-without-alos2" / "flood.tif",
    }
    with rasterio.open(maps["without L-band"]) as dataset:
        left, bottom, right, top = dataset.bounds
    quarter = (top - bottom) / 4  # the valley; above and below is dry
    bounds = rasterio.coords.BoundingBox(left, bottom + quarter, right, top - quarter)
    figure, axes = plt.subplots(3, 1, figsize=(9, 14), dpi=90, facecolor="white")
    for axis, (title, file) in zip(axes, maps.items(), strict=True):
        axis.imshow(coloured(file, bounds), interpolation="antialiased")
        axis.set_title(title, loc="left", fontsize=12, color="#333333")
        axis.set_axis_off()
    shown = [k for k in LEGEND if k is not MapClass.NOT_OBSERVED]
    handles = [
        Patch(
            facecolor="#{:02x}{:02x}{:02x}".format(*LEGEND[k].rgba[:3]),
            edgecolor="#bbbbbb",
            label=LEGEND[k].label,
        )
        for k in shown
    ]
    figure.legend(handles=handles, ncol=3, loc="lower center", frameon=False, fontsize=10, handlelength=1.2)
    figure.tight_layout(rect=(0, 0.05, 1, 1))
    OUT.parent.mkdir(exist_ok=True)
    figure.savefig(OUT)


if __name__ == "__main__":
    main()
