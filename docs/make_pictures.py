"""Pictures of the demo's scene, from the folder that `make demo` leaves: the README's, and the gallery of ways to fuse.

python docs/make_pictures.py demo             images/demo.png: truth, map, and map without L-band radar
python docs/make_pictures.py demo --fusion    images/fusion.png: truth and the maps of every way whose weights come
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import rasterio
from matplotlib.patches import Patch
from numpy.typing import NDArray

from floodfuse.harmonize.classes import LEGEND, MapClass
from floodfuse.models.networks.build import STRATEGIES
from floodfuse.models.weights.shipped import shipped
from floodfuse.pipeline.map_area import map_area
from floodfuse.pipeline.open_product import load_record
from floodfuse.pipeline.settings import MapSettings

IMAGES = Path(__file__).parent / "images"
RISK = 0.05


def coloured(file: Path, bounds: rasterio.coords.BoundingBox) -> NDArray[np.uint8]:
    """A class raster within bounds, in the legend's colours."""
    with rasterio.open(file) as dataset:
        values = dataset.read(1, window=dataset.window(*bounds).round_offsets().round_lengths())
    table = np.zeros((256, 4), np.uint8)
    for value, legend in LEGEND.items():
        table[int(value)] = legend.rgba
    return table[values]


def draw(maps: Mapping[str, Path], columns: int, out: Path) -> None:
    """Maps by their titles, the valley alone: above and below is dry."""
    with rasterio.open(list(maps.values())[-1]) as dataset:
        left, bottom, right, top = dataset.bounds
    quarter = (top - bottom) / 4
    bounds = rasterio.coords.BoundingBox(left, bottom + quarter, right, top - quarter)
    rows = -(-len(maps) // columns)
    width, height = (9.0, 4.4) if columns == 1 else (6.0, 3.3)
    size = (width * columns, 0.7 + height * rows)
    figure, axes = plt.subplots(rows, columns, figsize=size, dpi=90, facecolor="white", squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (title, file) in zip(axes.flat, maps.items(), strict=False):
        axis.imshow(coloured(file, bounds), interpolation="antialiased")
        axis.set_title(title, loc="left", fontsize=12, color="#333333")
    shown = [k for k in LEGEND if k is not MapClass.NOT_OBSERVED]
    handles = [
        Patch(
            facecolor="#{:02x}{:02x}{:02x}".format(*LEGEND[k].rgba[:3]),
            edgecolor="#bbbbbb",
            label=LEGEND[k].label,
        )
        for k in shown
    ]
    figure.legend(
        handles=handles, ncol=3 * columns, loc="lower center", frameon=False, fontsize=10, handlelength=1.2
    )
    figure.tight_layout(rect=(0, 0.05, 1, 1))
    out.parent.mkdir(exist_ok=True)
    figure.savefig(out)


def gallery(demo: Path, scratch: Path) -> dict[str, Path]:
    """Truth, and maps of the demo's archive by every way of fusing, and answers at a risk."""
    archive, time = demo / "archive", load_record(demo / "flood").product_time.isoformat()
    asked = {"area": str(archive / "aoi.geojson"), "date": time, "catalog": str(archive)}
    maps = {"Truth": archive / "truth.tif"}
    ways: dict[str, dict[str, object]] = {"bayes": {}}
    ways |= {name: {"fusion": name} for name in STRATEGIES if shipped(name)}
    last = list(ways)[-1]
    ways |= {f"{name}, at a risk of {RISK:.0%}": ways[name] | {"risk": RISK} for name in ("bayes", last)}
    for title, way in ways.items():
        out = scratch / title
        map_area(MapSettings.model_validate(asked | {"out": str(out)} | way))
        maps[title] = out / "flood.tif"
    return maps


def main() -> None:
    demo = Path(sys.argv[1] if len(sys.argv) > 1 else "demo")
    if "--fusion" in sys.argv:
        with tempfile.TemporaryDirectory() as scratch:
            draw(gallery(demo, Path(scratch)), 3, IMAGES / "fusion.png")
        return
    maps = {
        "Truth": demo / "archive" / "truth.tif",
        "C-band + L-band + optical": demo / "flood" / "flood.tif",
        "without L-band": demo / "flood-without-alos2" / "flood.tif",
    }
    draw(maps, 1, IMAGES / "demo.png")


if __name__ == "__main__":
    main()
