"""Local files as one acquisition: what the user declares, with footprint and asset names taken from the files."""

from __future__ import annotations

import re
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyproj
import rasterio
import shapely
from pydantic import ValidationError
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from floodfuse.catalogs.acquisition import ASSET_NAMES, Acquisition, Asset, Sensor
from floodfuse.catalogs.errors import BadRequest

NO_TIME = datetime(2000, 1, 1, tzinfo=UTC)  # STAC wants one even of terrain
_EDGE_POINTS = 21
_IDENTITY = re.compile(r"[\w.+-]+")  # it becomes a file name and a node of the scene


def parse_asset(text: str, sensor: Sensor) -> tuple[str, Asset]:
    """`vv=file.tif:2` as a name and an asset; the band is 1 where none is given.

    Raises
    ------
    BadRequest
        If it is not of that form, or the sensor has no such asset.
    """
    name, separator, location = text.partition("=")
    known = ASSET_NAMES[sensor]
    if not separator or not location:
        raise BadRequest(
            f"asset '{text}': write it as NAME=FILE or NAME=FILE:BAND, e.g. {known[0]}=scene.tif:1."
        )
    if name not in known:
        raise BadRequest(f"asset '{text}': {sensor} has no '{name}'; it takes {', '.join(known)}.")
    path, colon, band = location.rpartition(":")
    if colon and band.isdigit() and path:
        if int(band) < 1:
            raise BadRequest(f"asset '{text}': bands count from 1.")
        return name, Asset(href=_absolute(path), band=int(band))
    return name, Asset(href=_absolute(location))


def _absolute(location: str) -> str:
    return location if "://" in location or location.startswith("/vsi") else str(Path(location).resolve())


def acquisition_of(
    sensor: Sensor, assets: dict[str, Asset], time: datetime | None, **declared: Any
) -> Acquisition:
    """An acquisition of local files; `declared` holds fields of `Acquisition`, None where the user said nothing.

    Raises
    ------
    BadRequest
        If there are no assets, no time, a file can't be placed, or a declared value can't be right.
    """
    if not assets:
        raise BadRequest(
            f"no assets: give at least one --asset, e.g. --asset {ASSET_NAMES[sensor][0]}=FILE:1."
        )
    if time is None and sensor is not Sensor.TERRAIN:
        raise BadRequest(f"no time: {sensor} needs --time, e.g. --time 2019-09-17T06:10.")
    when = time or NO_TIME
    first = next(iter(assets.values()))
    fields = {key: value for key, value in declared.items() if value is not None}
    identity = fields.pop("id", None) or _default_id(sensor, when, first)
    if not _IDENTITY.fullmatch(identity):
        raise BadRequest(
            f"id '{identity}': only letters, digits and . _ + - may be in it. Give another with --id."
        )
    try:
        return Acquisition(
            id=identity, sensor=sensor, time=when, footprint=footprint(first.href), assets=assets, **fields
        )
    except ValidationError as error:
        problem = error.errors()[0]
        field, reason = ".".join(map(str, problem["loc"])), problem["msg"]
        raise BadRequest(
            f"{field} '{problem['input']}': {reason[0].lower()}{reason[1:]}. Correct it and add again."
        ) from error


def _default_id(sensor: Sensor, time: datetime, asset: Asset) -> str:
    stem = Path(asset.href).stem
    name = f"{sensor}-{stem}" if sensor is Sensor.TERRAIN else f"{sensor}-{time:%Y%m%dT%H%M%S}-{stem}"
    return "_".join(_IDENTITY.findall(name))


def footprint(href: str) -> dict[str, Any]:
    """The raster's outline as a GeoJSON polygon in degrees, with points along its edges."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(href) as dataset:
                crs, transform, width, height = dataset.crs, dataset.transform, dataset.width, dataset.height
    except RasterioError as error:
        raise BadRequest(
            f"{href}: missing, damaged or not a raster ({error}). Check the path, or get the file again."
        ) from error
    if crs is None:
        raise BadRequest(
            f"{href}: has no CRS, so it can't be placed. Assign the one it was made in (gdal_edit -a_srs)."
        )
    steps = [i / (_EDGE_POINTS - 1) for i in range(_EDGE_POINTS)]
    pixels = (
        [(s * width, 0) for s in steps]
        + [(width, s * height) for s in steps[1:]]
        + [(width - s * width, height) for s in steps[1:]]
        + [(0, height - s * height) for s in steps[1:]]
    )
    x, y = zip(*[transform @ pixel for pixel in pixels], strict=True)
    try:
        to_degrees = pyproj.Transformer.from_crs(
            pyproj.CRS.from_wkt(crs.to_wkt()), "EPSG:4326", always_xy=True
        )
        lon, lat = to_degrees.transform(x, y)
    except pyproj.exceptions.ProjError as error:
        raise BadRequest(
            f"{href}: its CRS ({crs.to_wkt()[:40]}…) is of no place on Earth. Assign the one it was made in (gdal_edit -a_srs)."
        ) from error
    if not all(abs(a) <= 180.0 and abs(b) <= 90.0 for a, b in zip(lon, lat, strict=True)):
        raise BadRequest(
            f"{href}: its corners lie at {lon[0]:.6g}, {lat[0]:.6g} degrees, off the globe: its CRS ({crs.to_string()}) does "
            "not fit its transform, metres labelled as degrees perhaps. Assign the right one (gdal_edit -a_srs)."
        )
    outline = shapely.Polygon([(round(a, 7), round(b, 7)) for a, b in zip(lon, lat, strict=True)])
    mapping: dict[str, Any] = shapely.geometry.mapping(outline)
    return mapping
