"""flood.gpkg: the water classes as polygons, styled."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyogrio
import pyogrio.raw
import shapely

from floodfuse.harmonize.classes import LEGEND, WATER_CLASSES, MapClass
from floodfuse.pipeline.product import POLYGONS_FILE, GridRecord
from floodfuse.pipeline.publish.components import Component, components
from floodfuse.pipeline.publish.qgis_style import polygon_qml
from floodfuse.pipeline.publish.source import TILE, Array, Product, pixel_area_m2

LAYER = "flood"
FIELDS = ("class_value", "class_name", "pixels", "area_m2", "mean_probability")
_GPKG_VERSION = "1.3"  # the newest that the GDAL of QGIS 3.22 reads without a warning


def write_polygons(folder: Path, tile: int = TILE) -> None:
    """Write `flood.gpkg`: one polygon for each connected area of flood or of permanent water.

    Outlines follow pixel edges exactly; nothing is smoothed or dropped, so areas add up to those of the map.
    Pixels that touch only at a corner are two polygons. Without any water the layer is there, and empty.

    Parameters
    ----------
    folder
        The product's folder, with `product.zarr` and `run.json`.
    tile
        Pixels a side of the tiles that are traced at a time.
    """
    product = Product(folder)
    path = folder / POLYGONS_FILE
    path.unlink(missing_ok=True)
    values = tuple(int(c) for c in WATER_CLASSES)
    with _fixed_date(product.record.created):
        _append(path, [], product.record.grid)
        for batch in components(product, values, tile):
            if batch:
                _append(path, batch, product.record.grid)
    _embed_style(path, product.record.created)


@contextlib.contextmanager
def _fixed_date(moment: datetime) -> Iterator[None]:
    """GeoPackage keeps the time of its last change: that of the run, so that the same run gives the same bytes."""
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _stamp(moment)})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _append(path: Path, batch: list[Component], grid: GridRecord) -> None:
    polygons = np.array([component.polygon for component in batch], dtype=object)
    pyogrio.raw.write(
        path,
        shapely.to_wkb(shapely.transform(polygons, lambda points: _to_map(points, grid))),
        _columns(batch, pixel_area_m2(grid)),
        np.array(FIELDS, dtype=object),
        crs=grid.crs,
        driver="GPKG",
        layer=LAYER,
        geometry_type="Polygon",
        append=path.exists(),
        dataset_options={} if path.exists() else {"VERSION": _GPKG_VERSION},
    )


def _columns(batch: list[Component], pixel_m2: float) -> list[Array]:
    return [
        np.array([component.value for component in batch], np.int32),
        np.array([LEGEND[MapClass(component.value)].label for component in batch], object),
        np.array([component.pixels for component in batch], np.int64),
        np.array([component.pixels * pixel_m2 for component in batch], np.float64),
        np.array([component.mean_probability for component in batch], np.float64),
    ]


def _to_map(points: Array, grid: GridRecord) -> Array:
    """Pixel corners (column, row) as map coordinates."""
    a, b, c, d, e, f = grid.transform
    column, row = points[:, 0], points[:, 1]
    return np.column_stack([a * column + b * row + c, d * column + e * row + f])


_STYLE_TABLE = """
CREATE TABLE layer_styles (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  f_table_catalog TEXT(256), f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256),
  styleName TEXT(30), styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT(30),
  ui TEXT(30), update_time DATETIME DEFAULT CURRENT_TIMESTAMP
)
"""


def _embed_style(path: Path, moment: datetime) -> None:
    """Put the style where QGIS looks for it, so that the layer opens in the legend's colours."""
    stamp = _stamp(moment)
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        (geometry,) = database.execute(
            "SELECT column_name FROM gpkg_geometry_columns WHERE table_name = ?", (LAYER,)
        ).fetchone()
        database.execute(_STYLE_TABLE)
        database.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change) "
            "VALUES ('layer_styles', 'attributes', 'layer_styles', 'QGIS styles', ?)",
            (stamp,),
        )
        database.execute(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, "
            "styleName, styleQML, styleSLD, useAsDefault, description, owner, update_time) "
            "VALUES ('', '', ?, ?, 'flood classes', ?, '', 1, 'Colours of the class table', '', ?)",
            (LAYER, geometry, polygon_qml(), stamp),
        )
