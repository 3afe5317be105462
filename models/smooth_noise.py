"""Smooth random fields: the shapes of clouds that are laid over chips, in training and in ablations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], cells: int) -> NDArray[np.float32]:
    """A field of mean 0, (y, x), bilinear between normal deviates of sd 1.

    Parameters
    ----------
    shape : (y, x)
    cells : deviates along a side, 2 or more
    """
    deviates = rng.normal(size=(cells, cells)).astype(np.float32)
    rows, columns = (_between(cells, n) for n in shape)
    return np.asarray(rows @ deviates @ columns.T, np.float32)


def _between(cells: int, pixels: int) -> NDArray[np.float32]:
    """What each of so many deviates counts for at each pixel of a line, (pixel, cell)."""
    at = np.linspace(0.0, cells - 1.0, pixels, dtype=np.float32)
    return np.maximum(np.float32(0.0), 1.0 - np.abs(at[:, None] - np.arange(cells, dtype=np.float32)))
