"""The area of interest: four numbers or a vector file, as one valid polygon in degrees."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyogrio
import pyproj
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from floodfuse.catalogs.errors import BadRequest

WGS84 = "EPSG:4326"
WIDEST_DEG = 180.0  # a polygon wider than half the globe crosses the antimeridian the wrong way round


@dataclass(frozen=True)
class Area:
    """An area of interest.

    Attributes
    ----------
    geometry : polygon or multipolygon, longitude and latitude in degrees (EPSG:4326)
    source : what the user gave, for messages and records
    date : the `date` property of the file's first feature, where there is one
    """

    geometry: BaseGeometry
    source: str
    date: str | None = None

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in degrees."""
        west, south, east, north = self.geometry.bounds
        return west, south, east, north

    def in_crs(self, crs: pyproj.CRS) -> BaseGeometry:
        """The area in another CRS, its edges followed closely (a straight line in degrees bends)."""
        dense = shapely.segmentize(self.geometry, max_segment_length=0.01)
        to = pyproj.Transformer.from_crs(WGS84, crs, always_xy=True)
        return _moved(dense, to)

    @classmethod
    def of_shape(cls, shape: BaseGeometry, crs: pyproj.CRS, source: str, date: str | None = None) -> Area:
        """A shape in another CRS."""
        return cls(_moved(shape, pyproj.Transformer.from_crs(crs, WGS84, always_xy=True)), source, date)

    def widened(self, crs: pyproj.CRS, distance: float) -> Area:
        """The area and all that lies within a distance of it, in units of a CRS."""
        return self.of_shape(self.in_crs(crs).buffer(distance), crs, self.source, self.date)


def _moved(geometry: BaseGeometry, to: pyproj.Transformer) -> BaseGeometry:
    def move(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = to.transform(xy[:, 0], xy[:, 1])
        return np.column_stack([x, y])

    return shapely.transform(geometry, move)


def parse_area(text: str) -> Area:
    """Read `w,s,e,n` in degrees, or a GeoJSON, GeoPackage, Shapefile or FlatGeobuf file.

    Raises
    ------
    BadRequest
        If it is neither, has no area, crosses itself, leaves the globe, or crosses the antimeridian.
    """
    numbers = _four_numbers(text)
    if numbers is not None:
        return Area(_box(numbers, text), text)
    path = Path(text)
    if not path.exists():
        raise BadRequest(
            f"area '{text}': neither four numbers `w,s,e,n` in degrees nor a file that exists. "
            "Give e.g. -0.9,37.9,-0.8,38.0 or the path of a GeoJSON, GeoPackage, Shapefile or FlatGeobuf."
        )
    return _read_file(path)


def date_of(text: str) -> str | None:
    """The date that an area's file states; None for a box, or a file that states none or can't be read."""
    if not Path(text.strip()).is_file():
        return None
    try:
        return parse_area(text.strip()).date
    except BadRequest:
        return None  # said again, properly, when the area itself is read


def _four_numbers(text: str) -> tuple[float, float, float, float] | None:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        return None
    if len(numbers) != 4:
        raise BadRequest(
            f"area '{text}': {len(numbers)} numbers, but a box takes four: west,south,east,north."
        )
    west, south, east, north = numbers
    return west, south, east, north


def _box(bounds: tuple[float, float, float, float], text: str) -> BaseGeometry:
    west, south, east, north = bounds
    past = east > 180 and abs(south) <= 90 and abs(north) <= 90
    if past and -180 <= west < 180 and east - west < WIDEST_DEG:
        raise BadRequest(
            f"area '{text}': goes beyond the globe at 180 degrees, the antimeridian. "
            f"Map it in two runs: {west:g},{south:g},180,{north:g} and -180,{south:g},{east - 360:g},{north:g}."
        )
    if not (-90 <= south <= 90 and -90 <= north <= 90 and -180 <= west <= 180 and -180 <= east <= 180):
        raise BadRequest(
            f"area '{text}': beyond the globe. Longitudes run from -180 to 180, latitudes from -90 to 90, "
            "in the order west,south,east,north."
        )
    if west > east:
        raise BadRequest(
            f"area '{text}': west ({west:g}) lies east of east ({east:g}). If the area crosses the antimeridian, "
            f"map it in two runs: {west:g},{south:g},180,{north:g} and -180,{south:g},{east:g},{north:g}."
        )
    if west == east or south >= north:
        raise BadRequest(
            f"area '{text}': has no area. The order is west,south,east,north, with south below north."
        )
    return shapely.box(west, south, east, north)


def _read_file(path: Path) -> Area:
    try:
        frame, geometries, fields = _read_features(path)
    except BadRequest:
        raise
    except Exception as error:  # pyogrio raises its own kinds for every kind of broken file
        raise BadRequest(
            f"{path}: not a vector file that can be read ({error}). Give a GeoJSON, GeoPackage, Shapefile or FlatGeobuf."
        ) from error
    if not geometries:
        raise BadRequest(f"{path}: holds no features, so there is no area to map. Draw a polygon in it.")
    for geometry in geometries:
        if geometry.geom_type not in ("Polygon", "MultiPolygon"):
            raise BadRequest(
                f"{path}: holds a {geometry.geom_type}; an area of interest is made of polygons."
            )
        if not geometry.is_valid:
            reason = shapely.is_valid_reason(geometry)
            raise BadRequest(
                f"{path}: the polygon crosses or touches itself ({reason}). Repair it, e.g. with a buffer of 0."
            )
    union = shapely.union_all(geometries)
    if union.area == 0:
        raise BadRequest(f"{path}: the polygon has no area.")
    if frame is None:
        raise BadRequest(f"{path}: has no CRS, so its numbers can't be placed. Save it with its CRS.")
    degrees = _to_degrees(union, pyproj.CRS(frame), path)
    return Area(degrees, str(path), fields.get("date"))


def _read_features(path: Path) -> tuple[str | None, list[BaseGeometry], dict[str, str]]:
    meta, _, wkb, columns = pyogrio.raw.read(path, datetime_as_string=True)  # with its time zone
    geometries = [g for g in shapely.from_wkb(wkb) if g is not None and not g.is_empty]
    names = [str(name) for name in meta["fields"]]
    first = {
        name: str(values[0])
        for name, values in zip(names, columns, strict=True)
        if len(values) and values[0] is not None and values[0] == values[0]  # neither null nor NaN nor NaT
    }
    return meta["crs"], geometries, first


def _to_degrees(geometry: BaseGeometry, crs: pyproj.CRS, path: Path) -> BaseGeometry:
    to = pyproj.Transformer.from_crs(crs, WGS84, always_xy=True)
    degrees = _moved(geometry, to)
    west, south, east, north = degrees.bounds
    if west < -180 <= east or (west <= 180 < east <= 360 and max(abs(south), abs(north)) <= 90):
        raise BadRequest(
            f"{path}: longitudes from {west:g} to {east:g} cross the antimeridian. "
            "Cut it at 180 degrees and map the two parts, each between -180 and 180."
        )
    if not all(abs(value) <= limit for value, limit in ((west, 180), (east, 180), (south, 90), (north, 90))):
        raise BadRequest(
            f"{path}: bounds {west:g},{south:g},{east:g},{north:g} are not degrees on the globe. "
            "The file's CRS does not fit its numbers; save it with the CRS they are in."
        )
    if east - west > WIDEST_DEG:
        raise BadRequest(
            f"{path}: spans {east - west:.0f} degrees of longitude, so it crosses the antimeridian. "
            "Cut it at 180 degrees and map the two parts."
        )
    return degrees
