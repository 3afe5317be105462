"""Opening a product that is there: its record, its lattice, its layers."""

from __future__ import annotations

from pathlib import Path

import pyproj
import xarray as xr

from floodfuse.catalogs.errors import BadRequest
from floodfuse.pipeline.grid import Grid
from floodfuse.pipeline.product import RUN_FILE, ZARR_FILE, RunRecord
from floodfuse.pipeline.publish import zarr_store


def load_record(folder: Path) -> RunRecord:
    """The record of a product, or a `BadRequest` where the folder holds none."""
    if not (folder / RUN_FILE).is_file():
        raise BadRequest(
            f"{folder}: no product there (no {RUN_FILE}). Give the folder that `floodfuse map` made."
        )
    try:
        return RunRecord.load(folder)
    except ValueError as error:
        raise BadRequest(
            f"{folder / RUN_FILE}: not a record this version can read ({str(error).splitlines()[0]}). "
            "Map the area again."
        ) from error


def open_layers(folder: Path) -> xr.Dataset:
    """The layers of a product, lazily, or a `BadRequest` where they can't be read."""
    try:
        return zarr_store.open_product(folder)
    except (OSError, ValueError, KeyError) as error:
        raise BadRequest(
            f"{folder / ZARR_FILE}: missing or damaged. The product is not whole; map the area again."
        ) from error


def grid_of(record: RunRecord) -> Grid:
    """The lattice window of a product."""
    _, _, left, _, _, top = record.grid.transform
    step = record.grid.resolution
    rows, columns = record.grid.shape
    return Grid(pyproj.CRS(record.grid.crs), step, -round(top / step), round(left / step), rows, columns)
