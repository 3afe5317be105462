"""Scores of flood against dry ground, whatever the kinds of both: for all pixels, or for those of one event or one land cover.

iou             |A and B| / |A or B|, A called wet and B flooded
dry_called_wet  share of the dry pixels
ece             |observed share of flood - mean probability| over 15 equal bins, weighted by their pixels
brier           mean (p - flood)^2
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from floodfuse.models.decision import WET_FROM

ECE_BINS = 15


class FloodScores(NamedTuple):
    """See the module; None where there is nothing to take a share of.

    Attributes
    ----------
    pixels : that are labelled
    flooded : share of them
    """

    pixels: int
    flooded: float
    iou: float | None
    recall: float | None
    precision: float | None
    dry_called_wet: float | None
    ece: float
    brier: float


class FloodTally:
    """Adds up pixels; `scores` may be asked at any time."""

    def __init__(self) -> None:
        self._called = np.zeros((2, 2), np.int64)  # dry and flooded, called dry and wet
        self._bins = np.zeros((3, ECE_BINS))  # pixels, flooded, sum of probability
        self._squared = 0.0

    def add(self, water: NDArray[np.floating], flooded: NDArray[np.bool_]) -> None:
        """Labelled pixels: probability of water in any form, and whether they are flooded, (pixel,)."""
        told = 2 * flooded + (water > WET_FROM)
        self._called += np.bincount(told, minlength=4).reshape(2, 2)
        place = np.minimum((water * ECE_BINS).astype(np.int64), ECE_BINS - 1)
        for row, weight in enumerate((np.ones(flooded.size), flooded, water)):
            self._bins[row] += np.bincount(place, weight, ECE_BINS)
        self._squared += float(((water - flooded) ** 2).sum())

    def scores(self) -> FloodScores:
        """Scores of what was added.

        Raises
        ------
        ValueError
            If nothing was.
        """
        pixels = int(self._called.sum())
        if not pixels:
            raise ValueError("no pixel is labelled: there is nothing to score")
        (right_dry, false), (missed, found) = self._called.tolist()
        return FloodScores(
            pixels=pixels,
            flooded=(missed + found) / pixels,
            iou=_share(found, missed + found + false),
            recall=_share(found, missed + found),
            precision=_share(found, found + false),
            dry_called_wet=_share(false, right_dry + false),
            ece=float(np.abs(self._bins[1] - self._bins[2]).sum()) / pixels,
            brier=self._squared / pixels,
        )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
