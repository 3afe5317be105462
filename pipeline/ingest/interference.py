"""Stripes of interference of an acquisition: found once on the overview of its whole raster, then looked up by block."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling

from floodfuse.catalogs.acquisition import Acquisition
from floodfuse.harmonize.interference import runs, striped_lines
from floodfuse.harmonize.radiometry import to_db
from floodfuse.pipeline.grid import Grid
from floodfuse.pipeline.ingest.radar import decoder
from floodfuse.pipeline.ingest.reading import decoded, geometry_of, opened, relocated
from floodfuse.pipeline.ingest.resample import source_coordinates

CROSS_POLARIZATIONS = ("hv", "vh")
OVERVIEW_PX = 2048  # at most, along the longer side

Lines = tuple[tuple[int, int], ...]


def find_stripes(acquisition: Acquisition) -> Acquisition:
    """The acquisition with `striped_rows` and `striped_columns` of its cross-polarization, whole raster, native lines."""
    pol = _cross(acquisition)
    if pol is None:
        return acquisition
    asset = acquisition.assets[pol]
    with opened(asset) as dataset:
        shrink = max(1.0, max(dataset.width, dataset.height) / OVERVIEW_PX)
        shape = (max(1, round(dataset.height / shrink)), max(1, round(dataset.width / shrink)))
        stored = dataset.read(
            asset.band, out_shape=shape, out_dtype=np.float32, resampling=Resampling.average
        )
        no_data = dataset.nodatavals[asset.band - 1]
        scale = dataset.height / shape[0], dataset.width / shape[1]
    power = decoded(stored, no_data, decoder(acquisition))
    level = np.asarray(to_db(np.where(power > 0.0, power, np.nan)))
    rows, columns = _native(striped_lines(level), scale[0]), _native(striped_lines(level.T), scale[1])
    return acquisition.model_copy(update={"striped_rows": rows, "striped_columns": columns})


def striped(acquisition: Acquisition, grid: Grid) -> NDArray[np.bool_]:
    """Pixels of a grid that lie on striped lines of the acquisition."""
    pol = _cross(acquisition)
    if pol is None or not (acquisition.striped_rows or acquisition.striped_columns):
        return np.zeros(grid.shape, bool)
    asset = acquisition.assets[pol]
    with opened(asset) as dataset:
        geometry = relocated(geometry_of(dataset, asset.href), acquisition.shift)
    at = source_coordinates(grid, geometry.crs, geometry.transform)
    return _on(np.floor(at.row), acquisition.striped_rows) | _on(
        np.floor(at.column), acquisition.striped_columns
    )


def _cross(acquisition: Acquisition) -> str | None:
    return next((p for p in CROSS_POLARIZATIONS if p in acquisition.assets), None)


def _native(lines: NDArray[np.bool_], scale: float) -> Lines:
    return tuple((int(first * scale), int(np.ceil((last + 1) * scale)) - 1) for first, last in runs(lines))


def _on(line: NDArray[np.float64], stripes: Lines) -> NDArray[np.bool_]:
    found = np.zeros(line.shape, bool)
    for first, last in stripes:
        found |= (line >= first) & (line <= last)
    return found
