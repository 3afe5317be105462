"""Scores of networks under every condition of `ablation`, and how far they fall short of the best single sensor."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from floodfuse.models.ablation import CLOUD_PERCENT, Condition, conditions, degraded, observing
from floodfuse.models.chips import ChipSource, LabelledChip, View
from floodfuse.models.evaluation import Tell
from floodfuse.models.inputs.registry import INPUTS
from floodfuse.models.networks.fusion import FusionNetwork
from floodfuse.models.predict import predict, prepared
from floodfuse.models.scores import Scores, Tally


class Result(NamedTuple):
    """Scores of a network, by its name, under a condition."""

    weights: str
    condition: Condition
    scores: Scores


class Ablation(NamedTuple):
    """All results, network by network, and the chips left out because a sensor has no image of them."""

    results: tuple[Result, ...]
    left_out: tuple[str, ...]


class Shortfall(NamedTuple):
    """How far a subset of sensors stays below the best of its sensors alone, under a cover of cloud.

    Attributes
    ----------
    iou : of flood, best sensor alone less the subset; negative where the subset is better
    """

    iou: float
    subset: tuple[str, ...]
    cloud_percent: float
    best: str


def ablate(
    networks: Mapping[str, FusionNetwork],
    source: ChipSource,
    chips: Sequence[str],
    turns: bool = False,
    tell: Tell = lambda step, done, total: None,
) -> Ablation:
    """Scores of networks under all conditions. The same input is predicted from once.

    Raises
    ------
    ValueError
        If no chip has images of all sensors and a labelled pixel.
    """
    taken = {view for network in networks.values() for view in network.stacks.views}
    sensors = sensors_of(source, chips)
    asked = conditions(sensors, source.inputs)
    distinct = list(dict.fromkeys(condition.simplest() for condition in asked))
    tallies = {
        (name, condition): Tally(source.classes, source.flooded, source.groups)
        for name in networks
        for condition in distinct
    }
    left_out = []
    for done, chip_name in enumerate(chips):
        chip = source.read(chip_name)
        if not set(sensors).issubset(observing(chip.views)):
            left_out.append(chip_name)
            continue
        ready = _Ready(chip, source.inputs, taken)
        for number, condition in enumerate(distinct, start=1):
            views = ready.under(condition)
            for name, network in networks.items():
                tallies[name, condition].add(predict(network, views, turns), chip.truth)
            tell(f"chip {chip_name}", done * len(distinct) + number, len(chips) * len(distinct))
    if len(left_out) == len(chips):
        raise ValueError(
            f"no chip has images of {', '.join(sensors)}, all of them: there is nothing to compare"
        )
    scores = {which: tally.scores() for which, tally in tallies.items()}
    results = (Result(name, asking, scores[name, asking.simplest()]) for name in networks for asking in asked)
    return Ablation(tuple(results), tuple(left_out))


def sensors_of(source: ChipSource, chips: Sequence[str]) -> tuple[str, ...]:
    """Observing sensors that any of the chips has an image of."""
    found: set[str] = set()
    for chip in chips:
        found.update(observing(source.read(chip).views))
        if found.issuperset(observing(source.views)):
            break
    return tuple(sorted(found))


class _Ready:
    """Views of a chip as networks take them, those that a condition leaves alone prepared once; what none takes is not made."""

    def __init__(self, chip: LabelledChip, radiometry: str, taken: Collection[str]) -> None:
        self._chip, self._radiometry, self._taken = chip, radiometry, taken
        self._usual = self._prepared(chip.views)

    def under(self, condition: Condition) -> dict[str, View]:
        """Views that a condition leaves."""
        found = degraded(self._chip, condition, self._radiometry)
        usual = {name for name, view in found.items() if view is self._chip.views[name]}
        anew = self._prepared({name: view for name, view in found.items() if name not in usual})
        return anew | {name: view for name, view in self._usual.items() if name in usual}

    def _prepared(
        self, views: Mapping[str, tuple[NDArray[np.generic], NDArray[np.bool_]]]
    ) -> dict[str, View]:
        return prepared(views, INPUTS[self._radiometry], taken=self._taken)


class CloudTable:
    """IoU of flood of one network by subset of sensors and percent of cloud; at 0 % alone where no sensor is optical."""

    def __init__(self, results: Sequence[Result], weights: str) -> None:
        own = [result for result in results if result.weights == weights]
        table = [result for result in own if result.condition.test == "cloud"]
        self._hidden = {result.condition.sensor for result in table}
        table = table or [result for result in own if result.condition.test == "subset"]
        self.iou = {(r.condition.subset, r.condition.amount): r.scores.iou_flood for r in table}
        self.subsets = tuple(dict.fromkeys(subset for subset, _ in self.iou))
        self.percents = tuple(dict.fromkeys(percent for _, percent in self.iou))

    @property
    def whole(self) -> tuple[str, ...]:
        """All sensors."""
        return max(self.subsets, key=len)

    def left(self, subset: tuple[str, ...], percent: float) -> tuple[str, ...]:
        """Sensors of a subset that this much cloud does not hide altogether."""
        return tuple(s for s in subset if s not in self._hidden or percent < CLOUD_PERCENT[-1])

    def best_alone(self, subset: tuple[str, ...], percent: float) -> tuple[str, float]:
        """The best of the sensors left (of all where none is), each taken alone under the same cloud, and its IoU."""
        left = self.left(subset, percent) or subset
        alone = {sensor: self.iou[(sensor,), percent] for sensor in left}
        best = max(alone, key=alone.__getitem__)
        return best, alone[best]

    def shortfalls(self) -> list[Shortfall]:
        """Of every subset of which two sensors or more are left, under every cover of cloud."""
        found = []
        for (subset, percent), iou in self.iou.items():
            if len(self.left(subset, percent)) > 1:
                best, alone = self.best_alone(subset, percent)
                found.append(Shortfall(alone - iou, subset, percent, best))
        return found
