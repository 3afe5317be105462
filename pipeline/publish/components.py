"""Connected areas of one class as polygons, found tile by tile and never cut at a tile's edge.

Each tile is labelled and traced for itself. A piece that touches no edge is done; the others wait until the
component they belong to can't grow any more, and are then joined. So what is held in memory is one row of
tiles' edges and the components that are still open, not the raster.

All geometry is in whole pixel coordinates (column, row), where joining is exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import shapes
from scipy import ndimage
from shapely.geometry.base import BaseGeometry

from floodfuse.pipeline.publish.source import Array, Product, Tile, tiles

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Component:
    """A 4-connected area of one class: its polygon in pixels, its number of pixels, and its mean probability."""

    value: int
    polygon: shapely.Polygon
    pixels: int
    mean_probability: float


@dataclass
class _Open:
    """A component that reaches an edge: its pieces so far."""

    value: int
    pixels: int = 0
    known: int = 0
    probability: float = 0.0
    pieces: list[shapely.Polygon] = field(default_factory=list)

    def absorb(self, other: _Open) -> None:
        self.pixels += other.pixels
        self.known += other.known
        self.probability += other.probability
        self.pieces += other.pieces


class _Joined:
    """Which labels are one component (union by the smaller label, paths halved)."""

    def __init__(self) -> None:
        self._parent: dict[int, int] = {}

    def add(self, label: int) -> None:
        self._parent[label] = label

    def __contains__(self, label: object) -> bool:
        return label in self._parent

    def root(self, label: int) -> int:
        parent = self._parent
        while parent[label] != label:
            parent[label] = parent[parent[label]]
            label = parent[label]
        return label

    def join(self, a: int, b: int) -> tuple[int, int]:
        """Make one of two components; returns the label that stays and the label that goes."""
        keep, gone = sorted((self.root(a), self.root(b)))
        self._parent[gone] = keep
        return keep, gone


def components(product: Product, values: tuple[int, ...], side: int) -> Iterator[list[Component]]:
    """The components of the classes `values`, in batches, each once it is complete.

    Parameters
    ----------
    product
        Where `flood_class` and `probability` are read from.
    values
        Map classes to trace. Pixels of different classes never join.
    side
        Pixels a side of a tile. It changes the order of the components, never what they are.
    """
    tracer = _Tracer(product, values)
    for tile in tiles(product.shape, side):
        tracer.add(tile)
        if tile.column + tile.columns == product.shape[1]:
            tracer.finish_row(last=tile.row + tile.rows == product.shape[0])
        yield tracer.take()


class _Tracer:
    def __init__(self, product: Product, values: tuple[int, ...]) -> None:
        self._product = product
        self._values = values
        self._next = 1
        self._joined = _Joined()
        self._open: dict[int, _Open] = {}
        self._done: list[_Open] = []
        # Labels and classes of the last row of tiles so far, and of the last column of the tile to the left.
        self._above = np.zeros(product.shape[1], np.int64), np.zeros(product.shape[1], np.uint8)
        self._left = np.zeros(0, np.int64), np.zeros(0, np.uint8)

    def add(self, tile: Tile) -> None:
        """Label and trace one tile, and join it to the tiles above and to the left."""
        classes = self._product.read("flood_class", tile)
        labels = label_classes(classes, self._values)
        offset, count = self._next - 1, int(labels.max(initial=0))
        self._next += count
        if count:
            self._trace(tile, classes, labels, offset)
        named = np.where(labels > 0, labels + np.int64(offset), 0)
        above, above_classes = self._above[0][tile.slices[1]], self._above[1][tile.slices[1]]
        self._join(named[0], classes[0], above, above_classes)
        if tile.column:
            self._join(named[:, 0], classes[:, 0], *self._left)
        above[:], above_classes[:] = named[-1], classes[-1]
        self._left = named[:, -1].copy(), classes[:, -1].copy()

    def _trace(self, tile: Tile, classes: Array, labels: NDArray[np.int32], offset: int) -> None:
        count = int(labels.max())
        chance = self._product.read("probability", tile)
        known = np.isfinite(chance)
        pixels = np.bincount(labels.ravel(), minlength=count + 1)
        knowns = np.bincount(labels[known], minlength=count + 1)
        sums = np.bincount(labels[known], weights=chance[known], minlength=count + 1)
        value_of = np.zeros(count + 1, np.uint8)
        value_of[labels.ravel()] = classes.ravel()
        touches = self._touches_next(tile, labels, count)
        for label, polygon in trace(labels, tile):
            piece = _Open(
                int(value_of[label]), int(pixels[label]), int(knowns[label]), float(sums[label]), [polygon]
            )
            if touches[label]:
                self._joined.add(label + offset)
                self._open[label + offset] = piece
            else:
                self._done.append(piece)

    def _touches_next(self, tile: Tile, labels: NDArray[np.int32], count: int) -> NDArray[np.bool_]:
        """Which labels touch an edge beyond which there is another tile."""
        rows, columns = self._product.shape
        touches = np.zeros(count + 1, bool)
        if tile.row:
            touches[labels[0]] = True
        if tile.column:
            touches[labels[:, 0]] = True
        if tile.row + tile.rows < rows:
            touches[labels[-1]] = True
        if tile.column + tile.columns < columns:
            touches[labels[:, -1]] = True
        return touches

    def _join(self, labels: Labels, classes: Array, others: Labels, other_classes: Array) -> None:
        same = (labels > 0) & (others > 0) & (classes == other_classes)
        for a, b in np.unique(np.stack([labels[same], others[same]], axis=1), axis=0).tolist():
            keep, gone = self._joined.join(a, b)
            if keep != gone:
                self._open[keep].absorb(self._open.pop(gone))

    def take(self) -> list[Component]:
        """Hand over what is complete."""
        done, self._done = self._done, []
        return [_finished(piece) for piece in done]

    def finish_row(self, last: bool) -> None:
        """Complete what does not reach the bottom edge of this row of tiles; all, if it is the last row."""
        labels, _ = self._above
        growing = set() if last else {label for label in np.unique(labels).tolist() if label in self._joined}
        root = {label: self._joined.root(label) for label in growing}
        labels[:] = _renamed(labels, root)
        kept = {label: self._open[label] for label in sorted(set(root.values()))}
        self._done += [piece for label, piece in self._open.items() if label not in kept]
        self._open, self._joined = kept, _Joined()
        for label in kept:
            self._joined.add(label)


def label_classes(classes: Array, values: tuple[int, ...]) -> NDArray[np.int32]:
    """Number the 4-connected areas of each class from 1; 0 where the class is none of `values`."""
    labels = np.zeros(classes.shape, np.int32)
    count = 0
    for value in values:
        of_class, number = ndimage.label(classes == value)
        labels += np.where(of_class > 0, of_class + count, 0).astype(np.int32)
        count += number
    return labels


def trace(labels: NDArray[np.int32], tile: Tile) -> Iterator[tuple[int, shapely.Polygon]]:
    """The outline of each label, in pixel coordinates of the whole raster."""
    place = Affine.translation(tile.column, tile.row)
    for geometry, label in shapes(labels, mask=labels > 0, connectivity=4, transform=place):
        outer, *holes = geometry["coordinates"]
        yield int(label), shapely.Polygon(outer, holes)


def _renamed(labels: Labels, names: dict[int, int]) -> Labels:
    unique, where = np.unique(labels, return_inverse=True)
    renamed: Labels = np.array([names.get(label, 0) for label in unique.tolist()], np.int64)[where]
    return renamed


def _finished(piece: _Open) -> Component:
    polygon = piece.pieces[0] if len(piece.pieces) == 1 else _corners_only(shapely.union_all(piece.pieces))
    mean = piece.probability / piece.known if piece.known else float("nan")
    return Component(piece.value, shapely.normalize(polygon), piece.pixels, mean)


def _corners_only(polygon: BaseGeometry) -> shapely.Polygon:
    """Without the vertices on straight edges that joining leaves where tiles met."""
    if not isinstance(polygon, shapely.Polygon):
        raise TypeError(f"The pieces of one component made a {polygon.geom_type}; they must share edges.")
    outer, *holes = (_corners(ring) for ring in (polygon.exterior, *polygon.interiors))
    return shapely.Polygon(outer, holes)


def _corners(ring: shapely.LinearRing) -> Array:
    points = shapely.get_coordinates(ring)[:-1]
    before, after = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    turns = before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]
    return np.asarray(points[turns])
