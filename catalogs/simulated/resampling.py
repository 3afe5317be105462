"""Moving small images by parts of a pixel, and between pixels of 10 and 25 m. For power and reflectance, never dB.

An image shifted by (down, right) shows at a position what lies that much up and left of it.
"""

from __future__ import annotations

import numba
import numpy as np

from floodfuse.catalogs.simulated.fields import FloatArray

COARSE_PX = 2.5  # side of a 25 m pixel in pixels of 10 m


@numba.njit(nogil=True, cache=True)
def shifted(image: FloatArray, down: float, right: float, margin: int) -> FloatArray:
    """The image moved by (down, right) pixels by bilinear interpolation, without its outer `margin` pixels.

    `margin` is at least the shift, rounded up, plus one. Interpolation smooths a little, as an impulse response does.
    """
    rows, columns = image.shape
    top, left = int(np.floor(-down)), int(np.floor(-right))
    b = np.float32(-down - top)
    d = np.float32(-right - left)
    a, c = np.float32(1.0) - b, np.float32(1.0) - d
    out = np.empty((rows - 2 * margin, columns - 2 * margin), np.float32)
    for y in range(out.shape[0]):
        upper = image[y + margin + top, margin + left :]
        lower = image[y + margin + top + 1, margin + left :]
        line = out[y]
        for x in range(out.shape[1]):
            line[x] = a * (c * upper[x] + d * upper[x + 1]) + b * (c * lower[x] + d * lower[x + 1])
    return out


@numba.njit(nogil=True, cache=True)
def coarsened(image: FloatArray, first_row: float, first_column: float, ratio: float) -> FloatArray:
    """Mean over square cells of `ratio` pixels, by area; the first begins at (first_row, first_column).

    As many cells as begin within the image, both ways; those that reach beyond it take its edge as going on.
    """
    rows = int((image.shape[0] - max(first_row, 0.0)) / ratio)
    columns = int((image.shape[1] - max(first_column, 0.0)) / ratio)
    strip = np.empty(image.shape[1], np.float32)
    out = np.empty((rows, columns), np.float32)
    for y in range(rows):
        top = first_row + ratio * y
        strip[:] = 0.0
        for i in range(int(np.floor(top)), int(np.ceil(top + ratio))):
            share = np.float32((min(i + 1.0, top + ratio) - max(float(i), top)) / ratio)
            line = image[min(max(i, 0), image.shape[0] - 1)]
            for x in range(image.shape[1]):
                strip[x] += share * line[x]
        for x in range(columns):
            left = first_column + ratio * x
            total = np.float32(0.0)
            for j in range(int(np.floor(left)), int(np.ceil(left + ratio))):
                share = np.float32((min(j + 1.0, left + ratio) - max(float(j), left)) / ratio)
                total += share * strip[min(max(j, 0), image.shape[1] - 1)]
            out[y, x] = total
    return out


@numba.njit(nogil=True, cache=True)
def refined(coarse: FloatArray, first_row: float, first_column: float, ratio: float, size: int) -> FloatArray:
    """Bilinear values at `size` x `size` fine pixels, of cells as `coarsened` makes them: the reverse of its geometry."""
    out = np.empty((size, size), np.float32)
    line = np.empty(coarse.shape[1], np.float32)
    last_row, last_column = coarse.shape[0] - 1, coarse.shape[1] - 1
    index, share = np.empty(size, np.int64), np.empty(size, np.float32)
    for x in range(size):
        at = min(max((x + 0.5 - first_column) / ratio - 0.5, 0.0), float(last_column))
        index[x] = min(int(at), last_column - 1)
        share[x] = np.float32(at - index[x])
    for y in range(size):
        at = min(max((y + 0.5 - first_row) / ratio - 0.5, 0.0), float(last_row))
        i = min(int(at), last_row - 1)
        part = np.float32(at - i)
        for j in range(coarse.shape[1]):
            line[j] = coarse[i, j] * (np.float32(1.0) - part) + coarse[i + 1, j] * part
        for x in range(size):
            j = index[x]
            out[y, x] = line[j] + share[x] * (line[j + 1] - line[j])
    return out
