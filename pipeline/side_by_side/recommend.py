"""Which strategy to trust on an area: Bayes' rule, unless another is better supported.

The rule. A network is recommended if all of this holds, and the one that gains most if it does of several:

1. Its weights are those that come with floodfuse, and a table of scores comes with them: nothing is known of others.
2. For the sensors that saw more than half of this area the table holds its IoU of flood on simulated events that it has not
   learned from, and that of Bayes' rule on the same; and its IoU is higher by 0.02 or more.
3. Height above drainage is known on more than half of this area, as it is on those events.
4. On this area it says the same of water as Bayes' rule on 90 % or more of the pixels that both answer: a network that leaves
   physics further behind than that may be far from what it has learned.

Otherwise it is Bayes' rule, which needs no training and whose every step can be explained.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from floodfuse.models.inputs.evidence import VIEW_OF
from floodfuse.pipeline.product import InputRecord

BAYES = "bayes"
LEAST_GAIN_IOU = 0.02
MOST_DIFFERING = 0.1  # of the pixels that a strategy and Bayes' rule both answer
SEEN_FROM = 0.5  # share of the area
KNOWN_FROM = 0.5  # share of the area

Sensors = frozenset[str]
_IN_TABLE = {who.name.lower(): view.split("/")[0] for who, view in VIEW_OF.items()}
_NAMES = {"c": "C band", "l": "L band", "optical": "optical"}


class Score(NamedTuple):
    """IoU of flood on events held out, and their number."""

    iou: float
    chips: int


Table = Mapping[tuple[str, Sensors], Score]


class Candidate(NamedTuple):
    """A strategy that was run on the area.

    Attributes
    ----------
    shipped : whether its weights come with floodfuse; Bayes' rule needs none
    differing : share of the pixels that it and Bayes' rule both answer on which they differ; None where that is not known
    """

    name: str
    shipped: bool
    differing: float | None


@dataclass(frozen=True)
class Recommendation:
    """The strategy to trust, and why, in sentences; with the sensors and the scores that it rests on."""

    strategy: str
    reasons: tuple[str, ...]
    sensors: tuple[str, ...]
    iou_flood: dict[str, float]


def read_table(text: str, of: Mapping[str, str] | None = None) -> Table:
    """Scores by strategy and subset of sensors, from a table as `floodfuse ablate` writes it.

    Parameters
    ----------
    text : CSV
    of : checksum of the weights of each strategy; rows of other weights say nothing of these. All rows where None

    Raises
    ------
    ValueError
        If it is no such table.
    """
    try:
        return {
            (row["weights"], frozenset(row["subset"].split("+"))): Score(
                float(row["iou_flood"]), int(row["chips"])
            )
            for row in csv.DictReader(text.splitlines())
            if row["test"] == "subset" and (of is None or of.get(row["weights"], "") == row["sha256"])
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"no table of scores as `floodfuse ablate` writes it ({error})") from error


def sensors_at_hand(inputs: Iterable[InputRecord]) -> Sensors:
    """Sensors of which one acquisition saw more than half of the area, by their names in the table."""
    return frozenset(
        _IN_TABLE[entry.sensor]
        for entry in inputs
        if entry.sensor in _IN_TABLE and (entry.valid_fraction or 0.0) > SEEN_FROM
    )


def recommend(
    candidates: Sequence[Candidate], sensors: Sensors, table: Table | None, height_known: float
) -> Recommendation:
    """Apply the rule of this module.

    Parameters
    ----------
    height_known : share of the area on which height above drainage is known, 0 to 1
    """
    if table is None or (BAYES, sensors) not in table:
        return _physics(sensors, (_nothing_known(sensors, table),), {})
    at_hand = {name: score for (name, subset), score in table.items() if subset == sensors}
    found = {c.name: at_hand[c.name].iou for c in candidates if _known(c, at_hand)} | {
        BAYES: at_hand[BAYES].iou
    }
    objections = {c.name: _objection(c, at_hand, height_known) for c in candidates if c.name != BAYES}
    good = [name for name, objection in objections.items() if objection is None]
    said = tuple(objection for objection in objections.values() if objection)
    if not good:
        return _physics(sensors, said, found)
    best = max(good, key=lambda name: found[name])
    better = (
        f"{best} has an IoU of flood of {found[best]:.3f} on {at_hand[best].chips} simulated events held out, seen by "
        f"{_in_words(sensors)}, the sensors that saw more than half of this area; {BAYES} has {found[BAYES]:.3f}."
    )
    near = next(c.differing for c in candidates if c.name == best) or 0.0
    stays = f"On this area it says the same of water as {BAYES} on {1.0 - near:.1%} of the pixels that both answer."
    caution = "No real flood is among those events: look at where the two differ."
    return Recommendation(best, (better, stays, caution, *said), tuple(sorted(sensors)), found)


def _physics(sensors: Sensors, why: Iterable[str], found: dict[str, float]) -> Recommendation:
    closing = f"So it is {BAYES}: physics alone, which has learned nothing that might not hold here."
    return Recommendation(BAYES, (*why, closing), tuple(sorted(sensors)), found)


def _nothing_known(sensors: Sensors, table: Table | None) -> str:
    if not sensors:
        return "No sensor saw more than half of this area, so no score of events is of its kind."
    if table is None:
        return "No table of scores on events held out comes with the weights, so nothing says that a network is better."
    return f"The table of scores has none of {BAYES} by {_in_words(sensors)}, the sensors that saw more than half of this area."


def _known(candidate: Candidate, at_hand: Mapping[str, Score]) -> bool:
    return candidate.shipped and candidate.name in at_hand


def _objection(candidate: Candidate, at_hand: Mapping[str, Score], height_known: float) -> str | None:
    """What speaks against a strategy other than Bayes' rule, if anything does."""
    name, shipped, differing = candidate
    if not shipped:
        return f"{name}: its weights do not come with floodfuse, so no score of them is known."
    if name not in at_hand:
        return f"{name}: the table of scores has none of it for the sensors at hand."
    if height_known <= KNOWN_FROM:
        return (
            f"{name}: height above drainage is known on {height_known:.0%} of this area, and on all of the simulated events that it was "
            "judged by: its score says nothing of ground like this."
        )
    gain = round(at_hand[name].iou - at_hand[BAYES].iou, 6)  # as the table has them
    if gain < LEAST_GAIN_IOU:
        return (
            f"{name}: its IoU of flood on simulated events held out is {at_hand[name].iou:.3f}, that of {BAYES} "
            f"{at_hand[BAYES].iou:.3f}; it takes {LEAST_GAIN_IOU:g} more to prefer it."
        )
    if differing is None:
        return (
            f"{name}: it was not held against {BAYES} on any pixel of this area, so it can't be trusted here."
        )
    if differing > MOST_DIFFERING:
        return (
            f"{name}: says other than {BAYES} on {differing:.0%} of the pixels that both answer, more than {MOST_DIFFERING:.0%}; "
            "scores of simulated events are not trusted so far from physics."
        )
    return None


def _in_words(sensors: Sensors) -> str:
    *others, last = (_NAMES.get(sensor, sensor) for sensor in sorted(sensors))
    return f"{', '.join(others)} and {last}" if others else last
