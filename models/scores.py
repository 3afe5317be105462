"""Scores of class maps and probabilities, pooled over pixels and as means over tiles; they differ by up to 0.09.

    miou_tile       mean over tiles of the mean over the classes present in the tile's truth of |A and B| / |A or B|
    miou_global     mean over classes of IoU from one confusion matrix
    pixel_accuracy  correct / all
    fw_iou          sum over classes of their share of the truth times IoU
    iou_flood       IoU of all flooded classes as one
    f1_flood        its F1
    iou_flood_best  the highest IoU of flood by any threshold on its probability, in thousandths, and
    best_from       that threshold: where it lies far below 0.5, a map misses water of which the probability does tell
    ece, brier      of the probability of a flood (`flood_scores`)

Pixels are called as maps call them (`decision`). Unlabelled ones (255) count nowhere. Source of the first: Drakonakis et al. (2022).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from floodfuse.models.chips import UNLABELLED
from floodfuse.models.conformal import Conformal
from floodfuse.models.decision import called
from floodfuse.models.flood_scores import FloodTally

PROBABILITY_BINS = 1000

Float = NDArray[np.float64]


class Scores(NamedTuple):
    """See the module."""

    miou_tile: float
    miou_global: float
    pixel_accuracy: float
    fw_iou: float
    iou_flood: float
    f1_flood: float
    iou_flood_best: float
    best_from: float
    ece: float
    brier: float
    tiles: int
    pixels: int
    iou_by_class: dict[str, float]
    recall_by_class: dict[str, float]
    precision_by_class: dict[str, float]


class AtRisk(NamedTuple):
    """What answering only within a risk comes to.

    Attributes
    ----------
    risk : asked for
    answered : share of pixels
    wet_covered, dry_covered : share of flooded (dry) pixels whose set of allowed answers holds the truth
    wet_called_dry, dry_called_wet : share of flooded (dry) pixels that are answered, wrongly
    """

    risk: float
    answered: float
    wet_covered: float
    dry_covered: float
    wet_called_dry: float
    dry_called_wet: float


class Tally:
    """Adds up chips; `scores` may be asked at any time.

    Parameters
    ----------
    classes : names of the classes
    flooded : numbers of those that are flooded; all but class 0 where nothing is said
    groups : kinds of several classes, by name, that are scored as one besides and called as one; each all wet or all dry
    """

    def __init__(
        self,
        classes: tuple[str, ...],
        flooded: tuple[int, ...] | None = None,
        groups: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:
        self.classes = classes
        n = len(classes)
        self.flooded = tuple(range(1, n)) if flooded is None else flooded
        self.kinds = tuple((groups or {}).values())
        together = [k for kind in self.kinds for k in kind]
        mixed = any(0 < len({*kind} & {*self.flooded}) < len(kind) for kind in self.kinds)
        if mixed or len(set(together)) < len(together):
            raise ValueError(
                f"groups {dict(groups or {})}: a class is in two, or one has wet and dry classes"
            )
        self.groups = {name: (k,) for k, name in enumerate(classes)} | dict(groups or {})
        self._confusion = np.zeros((n, n), np.int64)  # truth, found
        self._tile_ious: list[float] = []
        self._flood = FloodTally()
        # Dry and flooded pixels by probability of a flood; and the same of every group.
        self._water = np.zeros((2, PROBABILITY_BINS), np.int64)
        self._group = {name: np.zeros((2, PROBABILITY_BINS), np.int64) for name in self.groups}

    def add(self, probability: NDArray[np.floating], truth: NDArray[np.uint8]) -> None:
        """One chip: probability of each class (class, y, x), and its truth (y, x)."""
        known = truth != UNLABELLED
        if not known.any():
            return
        n = len(self.classes)
        true, share = truth[known].astype(np.int64), np.asarray(probability, np.float64)[:, known]
        told = called(share, self.flooded, self.kinds)
        confusion = np.bincount(true * n + told, minlength=n * n).reshape(n, n)
        self._confusion += confusion
        self._tile_ious.append(float(np.mean(_iou(confusion)[confusion.sum(axis=1) > 0])))
        flood, wet = share[list(self.flooded)].sum(axis=0), np.isin(true, self.flooded)
        self._flood.add(flood, wet)
        self._water += _by_probability(flood, wet)
        for name, members in self.groups.items():
            self._group[name] += _by_probability(share[list(members)].sum(axis=0), np.isin(true, members))

    def at_risk(self, conformal: Conformal, risk: float) -> AtRisk:
        """What answering only within a risk comes to, to half a thousandth of probability."""
        water = (np.arange(PROBABILITY_BINS) + 0.5) / PROBABILITY_BINS
        answered, (wet_allowed, dry_allowed) = conformal.answered(water, risk), conformal.allowed(water, risk)
        dry, wet = (counts / max(counts.sum(), 1) for counts in self._water)
        both = self._water.sum(axis=0)
        return AtRisk(
            risk=risk,
            answered=float(both[answered].sum() / max(both.sum(), 1)),
            wet_covered=float(wet[wet_allowed].sum()),
            dry_covered=float(dry[dry_allowed].sum()),
            wet_called_dry=float(wet[answered & (water <= 0.5)].sum()),
            dry_called_wet=float(dry[answered & (water > 0.5)].sum()),
        )

    def recall_at(self, precision: float) -> dict[str, float]:
        """The highest recall of every group whose precision is as high as asked, by a threshold of its own on its probability.

        Thresholds are thousandths; 0 where none is precise enough, 1 where there is nothing to find.
        """
        return {name: _recall_at(precision, *counts) for name, counts in self._group.items()}

    def scores(self) -> Scores:
        """Scores of what was added.

        Raises
        ------
        ValueError
            If no labelled pixel was added.
        """
        total = self._confusion.sum()
        if total == 0:
            raise ValueError("no chip has a labelled pixel: there is nothing to score")
        iou, share = _iou(self._confusion), self._confusion.sum(axis=1) / total
        there = (self._confusion.sum(axis=0) + self._confusion.sum(axis=1)) > 0
        flood = self._flood.scores()
        flood_iou = 1.0 if flood.iou is None else flood.iou
        by_group = {name: self._of(members) for name, members in self.groups.items()}
        best_iou, best_from = _best_threshold(*self._water)
        return Scores(
            miou_tile=float(np.mean(self._tile_ious)),
            miou_global=float(iou[there].mean()),
            pixel_accuracy=float(np.trace(self._confusion) / total),
            fw_iou=float((share * np.where(there, iou, 0.0)).sum()),
            iou_flood=flood_iou,
            f1_flood=2.0 * flood_iou / (1.0 + flood_iou),
            iou_flood_best=best_iou,
            best_from=best_from,
            ece=flood.ece,
            brier=flood.brier,
            tiles=len(self._tile_ious),
            pixels=int(total),
            iou_by_class={name: values[0] for name, values in by_group.items()},
            recall_by_class={name: values[1] for name, values in by_group.items()},
            precision_by_class={name: values[2] for name, values in by_group.items()},
        )

    def _of(self, members: tuple[int, ...]) -> tuple[float, float, float]:
        """IoU, recall and precision of several classes as one; 1 where there is nothing to find or nothing found."""
        at = list(members)
        both = float(self._confusion[np.ix_(at, at)].sum())
        true, found = float(self._confusion[at].sum()), float(self._confusion[:, at].sum())
        either = true + found - both
        return tuple(both / of if of else 1.0 for of in (either, true, found))  # type: ignore[return-value]


def _by_probability(probability: Float, true: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(2, bin), pixels that are not of a kind, and those that are, by its probability."""
    level = np.minimum((probability * PROBABILITY_BINS).astype(np.int64), PROBABILITY_BINS - 1)
    return np.bincount(true * PROBABILITY_BINS + level, minlength=2 * PROBABILITY_BINS).reshape(2, -1)


def _best_threshold(dry: NDArray[np.int64], flooded: NDArray[np.int64]) -> tuple[float, float]:
    """The highest IoU of flood by any threshold, and the highest such threshold; 1 and 1 where nothing is flooded."""
    if not flooded.any():
        return 1.0, 1.0
    right, wrong = (counts[::-1].cumsum() for counts in (flooded, dry))
    iou = right / (flooded.sum() + wrong)
    best = int(iou.argmax())
    return float(iou[best]), 1.0 - (best + 1) / PROBABILITY_BINS


def _recall_at(precision: float, false: NDArray[np.int64], true: NDArray[np.int64]) -> float:
    if not true.sum():
        return 1.0
    right, wrong = (counts[::-1].cumsum() for counts in (true, false))  # of all thresholds, highest first
    enough = right >= precision * np.maximum(right + wrong, 1)
    return float(right[enough & (right > 0)].max(initial=0) / true.sum())


def _iou(confusion: NDArray[np.int64]) -> Float:
    """Intersection over union of each class; 1 where there is neither truth nor finding."""
    both = np.diag(confusion).astype(np.float64)
    either = confusion.sum(axis=0) + confusion.sum(axis=1) - both
    return np.divide(both, either, out=np.ones_like(both), where=either > 0)
