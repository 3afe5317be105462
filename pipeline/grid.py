"""The lattice a product is made on: the same ground pixel whatever area is asked for.

Pixels are squares of `resolution` with edges at whole multiples of it in the CRS, counted from the CRS's own origin:
pixel (row, column) covers x in [column, column + 1) * resolution and y in (-row - 1, -row] * resolution.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pyproj
import shapely
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from floodfuse.catalogs.errors import BadRequest
from floodfuse.pipeline.area import WGS84, WIDEST_DEG, Area

_LARGEST_AREA_ERROR = 0.05
_FINEST_PX = 2_000_000  # pixels a side beyond which resolution and CRS can't be meant together


@dataclass(frozen=True)
class Grid:
    """A window on the absolute lattice: `row`, `column` of its upper left pixel, and its size in pixels."""

    crs: pyproj.CRS
    resolution: float
    row: int
    column: int
    rows: int
    columns: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return self.rows, self.columns

    @property
    def transform(self) -> Affine:
        """Affine from (column, row) within the window to CRS coordinates."""
        return Affine(
            self.resolution,
            0.0,
            self.column * self.resolution,
            0.0,
            -self.resolution,
            -self.row * self.resolution,
        )

    @property
    def geobox(self) -> GeoBox:
        """The same as an odc-geo GeoBox."""
        return GeoBox(self.shape, self.transform, self.crs)

    @property
    def metres_per_pixel(self) -> float:
        """Pixel size in metres of the projection."""
        return self.resolution * float(self.crs.axis_info[0].unit_conversion_factor)

    @property
    def pixel_km2(self) -> float:
        """Area of a pixel in km2 of the projection."""
        return self.metres_per_pixel**2 / 1e6

    def x(self) -> NDArray[np.float64]:
        """x of pixel centres."""
        return (np.arange(self.column, self.column + self.columns, dtype=np.float64) + 0.5) * self.resolution

    def y(self) -> NDArray[np.float64]:
        """y of pixel centres, from the top."""
        return -(np.arange(self.row, self.row + self.rows, dtype=np.float64) + 0.5) * self.resolution

    def padded(self, pixels: int) -> Grid:
        """The window widened on all sides."""
        return replace(
            self,
            row=self.row - pixels,
            column=self.column - pixels,
            rows=self.rows + 2 * pixels,
            columns=self.columns + 2 * pixels,
        )

    def refined(self, times: int) -> Grid:
        """The same window in pixels so many times smaller."""
        return replace(
            self,
            resolution=self.resolution / times,
            row=self.row * times,
            column=self.column * times,
            rows=self.rows * times,
            columns=self.columns * times,
        )

    def blocks(self, size: int, first: int | None = None) -> Iterator[tuple[slice, slice, Grid]]:
        """The window cut into blocks of at most `size` pixels a side: where each lies within it, and its grid.

        Parameters
        ----------
        first : a row, and column, of the lattice at which a block begins; those of the window's corner where None
        """
        across = list(_cuts(self.column, self.columns, size, first))
        for rows in _cuts(self.row, self.rows, size, first):
            for columns in across:
                block = replace(
                    self,
                    row=self.row + rows.start,
                    column=self.column + columns.start,
                    rows=rows.stop - rows.start,
                    columns=columns.stop - columns.start,
                )
                yield rows, columns, block

    def pixel_at(self, lon: float, lat: float) -> Grid:
        """The one-pixel window that holds a position in degrees, anywhere on the lattice."""
        x, y = pyproj.Transformer.from_crs(WGS84, self.crs, always_xy=True).transform(lon, lat)
        row, column = math.floor(-y / self.resolution), math.floor(x / self.resolution)
        return replace(self, row=row, column=column, rows=1, columns=1)

    def place_of(self, part: Grid) -> tuple[slice, slice]:
        """Rows and columns of this window that a window inside takes."""
        top, left = part.row - self.row, part.column - self.column
        return slice(top, top + part.rows), slice(left, left + part.columns)

    def holds(self, other: Grid) -> bool:
        """Whether another window of the same lattice lies wholly inside."""
        return (
            self.row <= other.row
            and self.column <= other.column
            and other.row + other.rows <= self.row + self.rows
            and other.column + other.columns <= self.column + self.columns
        )


def _cuts(begin: int, length: int, size: int, first: int | None) -> Iterator[slice]:
    """A stretch of the lattice from `begin`, cut into pieces of at most `size`, one of which would begin at `first`."""
    at = 0 if first is None else (first - begin) % size
    edges = [0, *range(at or size, length, size), length]
    return (slice(start, end) for start, end in pairwise(edges))


def utm_of(area: Area) -> pyproj.CRS:
    """The UTM zone of the area's middle, WGS 84."""
    west, south, east, north = area.bounds
    lon, lat = (west + east) / 2, (south + north) / 2
    zone = min(int((lon + 180) // 6) + 1, 60)
    return pyproj.CRS.from_epsg((32600 if lat >= 0 else 32700) + zone)


def parse_crs(text: str) -> pyproj.CRS:
    """A CRS from `EPSG:n` or WKT.

    Raises
    ------
    BadRequest
        If there is no such CRS, or its unit is no length: pixels must be squares on the ground.
    """
    try:
        crs = pyproj.CRS.from_user_input(text)
    except pyproj.exceptions.CRSError as error:
        raise BadRequest(
            f"crs '{text}': no such coordinate system. Give e.g. EPSG:32630, the UTM zone."
        ) from error
    if not crs.is_projected:
        raise BadRequest(
            f"crs '{text}' ({crs.name}): its unit is the {crs.axis_info[0].unit_name if crs.axis_info else 'unknown'}, so "
            "pixels would not be squares on the ground. Give a projected one, e.g. EPSG:32630, or none for the UTM zone."
        )
    return crs


def grid_for(area: Area, resolution: float, crs: pyproj.CRS | None = None) -> Grid:
    """The smallest window of the lattice that covers the area.

    Raises
    ------
    BadRequest
        If the resolution makes no sense in the CRS's units, or the area can't be placed in the CRS.
    """
    crs = crs or utm_of(area)
    if not (math.isfinite(resolution) and resolution > 0):
        raise BadRequest(f"resolution {resolution:g}: give a positive number in units of the CRS.")
    left, bottom, right, top = area.in_crs(crs).bounds
    if not all(map(math.isfinite, (left, bottom, right, top))):
        raise BadRequest(
            f"area '{area.source}' can't be placed in {crs.name}. Choose a CRS that covers it, or none."
        )
    unit = crs.axis_info[0].unit_name
    extent = max(right - left, top - bottom)
    if extent / resolution > _FINEST_PX or resolution > extent:
        raise BadRequest(
            f"resolution {resolution:g} in {crs.name}, whose unit is the {unit}: the area is {extent:g} {unit}s wide. "
            f"Give the resolution in {unit}s, or another --crs."
        )
    _check_scale(crs, area)
    column, row = math.floor(left / resolution), math.floor(-top / resolution)
    rows, columns = math.ceil(-bottom / resolution) - row, math.ceil(right / resolution) - column
    return Grid(crs, resolution, row, column, rows, columns)


def _check_scale(crs: pyproj.CRS, area: Area) -> None:
    """Refuse a projection whose metres are not metres here: areas, slopes and distances would all be wrong."""
    west, south, east, north = area.bounds
    factors = pyproj.Proj(crs).get_factors((west + east) / 2, (south + north) / 2)
    if not abs(factors.areal_scale - 1.0) <= _LARGEST_AREA_ERROR:
        raise BadRequest(
            f"crs '{crs.to_string()}' ({crs.name}): draws areas {factors.areal_scale:.2f} times as large as they are here, "
            f"so km2 would be wrong. Leave --crs out for the UTM zone ({utm_of(area).to_string()}), or give an equal-area one."
        )


def covering(grid: Grid, area: Area) -> Area:
    """What a grid around an area covers, in degrees; the area alone where the grid crosses the antimeridian."""
    west, north = grid.column * grid.resolution, -grid.row * grid.resolution
    east, south = west + grid.columns * grid.resolution, north - grid.rows * grid.resolution
    whole = Area.of_shape(shapely.box(west, south, east, north), grid.crs, area.source, area.date)
    return whole if whole.bounds[2] - whole.bounds[0] < WIDEST_DEG else area


def area_mask(area_in_crs: shapely.Geometry, grid: Grid) -> NDArray[np.bool_]:
    """Which pixels of the window have their centre inside the area."""
    window = shapely.box(
        grid.transform.c,
        grid.transform.f - grid.rows * grid.resolution,
        grid.transform.c + grid.columns * grid.resolution,
        grid.transform.f,
    )
    if shapely.contains(area_in_crs, window):
        return np.ones(grid.shape, bool)
    x, y = np.meshgrid(grid.x(), grid.y())
    return np.asarray(shapely.contains_xy(area_in_crs, x, y))
