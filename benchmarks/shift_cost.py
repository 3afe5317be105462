"""What a misplaced radar costs: scores of a map against how far one sensor lies off, with and without alignment.

    python benchmarks/shift_cost.py [sentinel1|alos2] [size]

Files of one sensor of a simulated archive are made to say that they lie 0 to 2 px of 10 m further east; both maps are scored
against the known truth. Synthetic: it shows what a shift costs here, not how accurate a map is elsewhere.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import rasterio
from affine import Affine
from rich.console import Console
from rich.table import Table

from floodfuse.catalogs.acquisition import Sensor
from floodfuse.catalogs.simulated.archive import Archive, write_archive
from floodfuse.harmonize.classes import MapClass
from floodfuse.pipeline.map_area import map_area
from floodfuse.pipeline.open_product import grid_of, load_record
from floodfuse.pipeline.product import RunRecord
from floodfuse.pipeline.publish import zarr_store
from floodfuse.pipeline.score import score
from floodfuse.pipeline.settings import MapSettings

SHIFTS_PX = (0.0, 0.5, 1.0, 1.5, 2.0)
PIXEL_M = 10.0
FOLDERS = {Sensor.SENTINEL1: "sentinel1", Sensor.ALOS2: "palsar2"}


def displace(archive: Archive, sensor: Sensor, east_m: float) -> None:
    """Let every file of a sensor say that it lies further east."""
    for file in (archive.folder / FOLDERS[sensor]).glob("*.tif"):
        with rasterio.open(file, "r+") as dataset:
            dataset.transform = Affine.translation(east_m, 0.0) @ dataset.transform


def mapped(archive: Archive, out: Path, align: bool) -> RunRecord:
    """One map of the whole archive."""
    asked = {"out": str(out), "align": align, "overwrite": True}
    return map_area(MapSettings.model_validate(archive.request | asked))


def vegetation_iou(product: Path, truth: Path) -> float:
    """Intersection over union of flooded vegetation, over the product's window."""
    grid = grid_of(load_record(product))
    found = zarr_store.open_product(product)["flood_class"].values == MapClass.FLOODED_VEGETATION
    with rasterio.open(truth) as dataset:
        left = round((grid.transform.c - dataset.transform.c) / grid.resolution)
        top = round((dataset.transform.f - grid.transform.f) / grid.resolution)
        true = dataset.read(1)[top : top + grid.rows, left : left + grid.columns]
    flooded = true == MapClass.FLOODED_VEGETATION
    return float((found & flooded).sum() / max((found | flooded).sum(), 1))


def undone_px(record: RunRecord, sensor: Sensor) -> str:
    """Shift that was found for the sensor, as the displacement it undoes, pixels."""
    shift = next(i.acquisition["shift"] for i in record.inputs if i.sensor == sensor)
    if not shift or shift["east_m"] is None:
        return "none"
    text = f"{-shift['east_m'] / PIXEL_M:+.2f}, {-shift['north_m'] / PIXEL_M:+.2f}"
    return text if shift["applied"] else f"({text})"


def main() -> None:
    sensor = Sensor(sys.argv[1]) if len(sys.argv) > 1 else Sensor.SENTINEL1
    size = int(sys.argv[2]) if len(sys.argv) > 2 else 1024
    table = Table(title=f"{sensor} displaced, {size} px, all sensors mapped (synthetic)")
    for head in (
        "east, px",
        "open water",
        "aligned",
        "flooded veg.",
        "aligned",
        "found (east, north)",
        "seconds",
    ):
        table.add_column(head, justify="right")
    with tempfile.TemporaryDirectory() as folder:
        archive = write_archive(Path(folder, "archive"), size=size)
        before = 0.0
        for shift in SHIFTS_PX:
            displace(archive, sensor, (shift - before) * PIXEL_M)
            before = shift
            water, vegetation = [], []
            for align in (False, True):
                record = mapped(archive, out := Path(folder, "out"), align)
                water.append(f"{score(out, archive.truth).open_water_iou or 0.0:.3f}")
                vegetation.append(f"{vegetation_iou(out, archive.truth):.3f}")
            took = f"{record.seconds['align']:.1f}"
            table.add_row(f"{shift:.1f}", *water, *vegetation, undone_px(record, sensor), took)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
