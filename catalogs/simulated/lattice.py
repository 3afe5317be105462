"""Where a synthetic scene lies: pixel lattices in UTM, and area averaging from one to another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyproj
import shapely
from affine import Affine
from scipy import sparse

from floodfuse.catalogs.simulated.fields import FloatArray

CRS = "EPSG:32630"
RESOLUTION_M = 10.0
WEST_M = 660_020.0
NORTH_M = 4_629_980.0
"""Upper left corner: inland, on the 10 and 20 m lattices and, on purpose, not on the 25 m one. The ground is invented."""


@dataclass(frozen=True)
class Lattice:
    """A north-up square of pixels.

    Attributes
    ----------
    west, north
        Upper left corner, metres in `CRS`.
    resolution
        Side of a pixel, metres.
    size
        Rows and columns.
    """

    west: float
    north: float
    resolution: float
    size: int

    @property
    def transform(self) -> Affine:
        """From (column, row) to (x, y)."""
        return Affine(self.resolution, 0.0, self.west, 0.0, -self.resolution, self.north)

    def footprint(self, margin: float = 0.0) -> dict[str, Any]:
        """Outline, `margin` metres inside the edge, as a GeoJSON polygon in longitude and latitude (degrees)."""
        side = self.resolution * self.size
        outline = shapely.box(
            self.west + margin, self.north - side + margin, self.west + side - margin, self.north - margin
        )
        to_degrees = pyproj.Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
        dense = shapely.get_coordinates(shapely.segmentize(outline, max(side / 4.0, 1000.0)))
        lon, lat = to_degrees.transform(dense[:, 0], dense[:, 1])
        polygon = shapely.Polygon(np.column_stack([lon, lat]).round(9))
        mapping: dict[str, Any] = shapely.geometry.mapping(shapely.geometry.polygon.orient(polygon))
        return {"type": "Polygon", "coordinates": [[list(point) for point in mapping["coordinates"][0]]]}


def scene_lattice(size: int) -> Lattice:
    """The 10 m lattice of a scene of `size` x `size` pixels."""
    return Lattice(WEST_M, NORTH_M, RESOLUTION_M, size)


def within(scene: Lattice, resolution: float) -> Lattice:
    """The largest square on the absolute lattice of `resolution` metres that lies wholly inside `scene`."""
    west = math.ceil(scene.west / resolution) * resolution
    north = math.floor(scene.north / resolution) * resolution
    side = scene.resolution * scene.size
    room = min(scene.west + side - west, north - (scene.north - side))
    return Lattice(west, north, resolution, int(room // resolution))


def averaged(field: FloatArray, source: Lattice, target: Lattice) -> FloatArray:
    """Mean of `field` over each pixel of `target`, weighted by area. For linear power and reflectance, never dB."""
    rows = _overlap(source.north - target.north, source, target)
    columns = _overlap(target.west - source.west, source, target)
    mean: FloatArray = (columns @ (rows @ field).T).T.astype(np.float32, copy=False)
    return np.ascontiguousarray(mean)


def _overlap(offset: float, source: Lattice, target: Lattice) -> sparse.csr_array:
    """Share of each target cell (rows) that each source cell (columns) makes up, along one axis."""
    edges = (offset + target.resolution * np.arange(target.size + 1)) / source.resolution
    first = np.floor(edges[:-1]).astype(np.int64)
    reach = int(np.ceil(target.resolution / source.resolution)) + 1
    index = first[:, None] + np.arange(reach)
    overlap = np.minimum(index + 1, edges[1:, None]) - np.maximum(index, edges[:-1, None])
    share = np.clip(overlap, 0.0, None) * source.resolution / target.resolution
    row = np.repeat(np.arange(target.size), reach)
    keep = share.ravel() > 0
    entries = (share.ravel()[keep].astype(np.float32), (row[keep], index.ravel()[keep]))
    return sparse.csr_array(entries, shape=(target.size, source.size))
