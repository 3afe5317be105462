"""Scores of flood event by event, and by land cover: means over all pixels hide where a map is wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from floodfuse.harmonize.prior import COVER_LABELS
from floodfuse.models.chips import UNLABELLED, LabelledChip
from floodfuse.models.flood_scores import FloodScores, FloodTally

UNKNOWN_COVER = "unknown"


class Breakdown:
    """Adds up chips by the event that they are of, and by what a map of land cover has of their pixels.

    Parameters
    ----------
    flooded : numbers of the classes that are flooded
    """

    def __init__(self, flooded: Sequence[int]) -> None:
        self._flooded = list(flooded)
        self._events: dict[str, FloodTally] = {}
        self._covers: dict[str, FloodTally] = {}

    def add(self, probability: NDArray[np.floating], chip: LabelledChip) -> None:
        """One chip and the probability of each class, (class, y, x)."""
        known = chip.truth != UNLABELLED
        if not known.any():
            return
        water = np.asarray(probability, np.float64)[self._flooded].sum(axis=0)[known]
        flooded = np.isin(chip.truth[known], self._flooded)
        self._events.setdefault(chip.event, FloodTally()).add(water, flooded)
        if chip.cover is None:
            return
        codes = chip.cover[known]
        for code in np.unique(codes):
            here, label = codes == code, COVER_LABELS.get(int(code), UNKNOWN_COVER)
            self._covers.setdefault(label, FloodTally()).add(water[here], flooded[here])

    def by_event(self) -> dict[str, FloodScores]:
        """Scores of each event, in the order in which they came."""
        return {event: tally.scores() for event, tally in self._events.items()}

    def by_cover(self) -> dict[str, FloodScores]:
        """Scores on each land cover, in the order of their codes; none where no chip tells of any."""
        order = [*COVER_LABELS.values(), UNKNOWN_COVER]
        return {label: self._covers[label].scores() for label in order if label in self._covers}
