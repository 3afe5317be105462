"""Smooth random fields at the price of a few numbers: normal deviates at wide nodes, joined by quadratic B-splines.

A field is a function of position: any window of it has the same values, whatever else is computed. So scenes are made in
strips and chips of many fields cost milliseconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np

from floodfuse.catalogs.simulated.fields import FloatArray

_MARGIN_NODES = 3


@dataclass(frozen=True)
class SplineField:
    """A Gaussian field of mean 0 and, at every pixel, sd 1 over realisations.

    Attributes
    ----------
    nodes
        Standard normal deviates, square.
    spacing
        Of nodes, pixels. Autocorrelation falls to 1/e at about that lag.
    """

    nodes: FloatArray
    spacing: float

    def window(self, rows: tuple[int, int], columns: tuple[int, int]) -> FloatArray:
        """Values of rows and columns from the first of each pair to before the second."""
        out = np.empty((rows[1] - rows[0], columns[1] - columns[0]), np.float32)
        _fill(self.nodes, np.float32(self.spacing), rows[0], columns[0], out)
        return out


def draw(size: int, length: float, rng: np.random.Generator) -> SplineField:
    """A field for pixels 0 to `size`, of correlation length `length` pixels (lag at which it falls to 1/e).

    The lattice of nodes lies at random, so that its lines fall elsewhere in every field.
    """
    spacing = max(length, 1.0)
    count = math.ceil(size / spacing) + _MARGIN_NODES + 1
    return SplineField(rng.standard_normal((count, count), dtype=np.float32), spacing)


@numba.njit(nogil=True, cache=True)
def _weights(position: np.float32) -> tuple[int, np.float32, np.float32, np.float32]:
    """First of three nodes, and their weights, whose squares add up to 1."""
    node = int(np.floor(position))
    t = position - np.float32(node)
    first = np.float32(0.5) * (np.float32(1.0) - t) ** 2
    last = np.float32(0.5) * t * t
    middle = np.float32(1.0) - first - last
    norm = np.float32(1.0) / np.sqrt(first * first + middle * middle + last * last)
    return node, first * norm, middle * norm, last * norm


@numba.njit(nogil=True, cache=True)
def _fill(nodes: FloatArray, spacing: np.float32, row: int, column: int, out: FloatArray) -> None:
    """Rows first, then columns, stretch by stretch between two nodes: 3 + 3 products a pixel."""
    rows, columns = out.shape
    index = np.empty(columns + 1, np.int64)
    weight = np.empty((3, columns), np.float32)
    for x in range(columns):
        index[x], weight[0, x], weight[1, x], weight[2, x] = _weights(np.float32((column + x) / spacing))
    index[columns] = -1
    left, middle, right = weight[0], weight[1], weight[2]
    line = np.empty(nodes.shape[1], np.float32)
    for y in range(rows):
        node, first, second, third = _weights(np.float32((row + y) / spacing))
        for j in range(nodes.shape[1]):
            line[j] = first * nodes[node, j] + second * nodes[node + 1, j] + third * nodes[node + 2, j]
        start = 0
        while start < columns:
            j = index[start]
            stop = start + 1
            while index[stop] == j:
                stop += 1
            a, b, c = line[j], line[j + 1], line[j + 2]
            part, wa, wb, wc = out[y, start:stop], left[start:stop], middle[start:stop], right[start:stop]
            for x in range(stop - start):
                part[x] = wa[x] * a + wb[x] * b + wc[x] * c
            start = stop
