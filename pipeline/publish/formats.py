"""Every format of a product, in the order in which they need each other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from floodfuse.pipeline.product import (
    ITEM_FILE,
    POLYGONS_FILE,
    PROJECT_FILE,
    REPORT_FILE,
)
from floodfuse.pipeline.publish.cog import write_rasters
from floodfuse.pipeline.publish.polygons import write_polygons
from floodfuse.pipeline.publish.preview import PREVIEW_FILE, write_preview
from floodfuse.pipeline.publish.qgis import write_project
from floodfuse.pipeline.publish.report import write_report
from floodfuse.pipeline.publish.stac_item import write_item

STEPS: tuple[tuple[str, Callable[[Path], None]], ...] = (
    ("GeoTIFFs", write_rasters),
    (POLYGONS_FILE, write_polygons),
    (PROJECT_FILE, write_project),
    (PREVIEW_FILE, write_preview),
    (REPORT_FILE, write_report),
    (ITEM_FILE, write_item),  # last: it holds the checksums of the others
)


def publish(folder: Path, progress: Callable[[str], None] | None = None) -> None:
    """Write every format of a product into its folder, from the `product.zarr` and `run.json` there.

    The same two inputs give the same bytes. Files of an earlier publication are replaced.

    Parameters
    ----------
    folder
        A product's folder. It is best a staging folder: what is in it is only complete when this returns.
    progress
        Told the name of each format before it is written.
    """
    for name, write in STEPS:
        if progress is not None:
            progress(name)
        write(folder)
