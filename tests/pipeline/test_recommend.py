"""Which strategy is recommended: Bayes' rule, unless every condition for another is met."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodfuse.pipeline.product import InputRecord
from floodfuse.pipeline.side_by_side.recommend import (
    BAYES,
    LEAST_GAIN_IOU,
    MOST_DIFFERING,
    Candidate,
    Score,
    Sensors,
    Table,
    read_table,
    recommend,
    sensors_at_hand,
)

ALL: Sensors = frozenset({"c", "l", "optical"})
PHYSICS = Candidate(BAYES, shipped=True, differing=None)
GRAYBOX = Candidate("graybox", shipped=True, differing=0.04)
TABLE: Table = {
    (BAYES, ALL): Score(0.57, 48),
    ("graybox", ALL): Score(0.61, 48),
    ("late", ALL): Score(0.64, 48),
    (BAYES, frozenset({"c"})): Score(0.40, 48),
    ("graybox", frozenset({"c"})): Score(0.41, 48),
}


def test_a_network_that_is_clearly_better_and_stays_near_physics_is_recommended() -> None:
    found = recommend([PHYSICS, GRAYBOX], ALL, TABLE, 1.0)
    assert found.strategy == "graybox" and found.sensors == ("c", "l", "optical")
    assert found.iou_flood == {"bayes": 0.57, "graybox": 0.61}
    better, near, caution = found.reasons
    assert "0.610 on 48 simulated events" in better and "bayes has 0.570" in better
    assert "C band, L band and optical, the sensors that saw more than half of this area" in better
    assert "96.0%" in near and "No real flood" in caution


def test_without_a_table_it_is_physics() -> None:
    found = recommend([PHYSICS, GRAYBOX], ALL, None, 1.0)
    assert found.strategy == BAYES and found.iou_flood == {} and "No table" in found.reasons[0]


def test_where_the_ground_is_not_known_it_is_physics_whatever_the_table_says() -> None:
    found = recommend([PHYSICS, GRAYBOX], ALL, TABLE, 0.5)
    assert found.strategy == BAYES and found.iou_flood == {"bayes": 0.57, "graybox": 0.61}
    assert (
        "graybox: height above drainage is known on 50% of this area" in found.reasons[0]
        and "So it is bayes" in found.reasons[-1]
    )
    assert recommend([PHYSICS, GRAYBOX], ALL, TABLE, 0.51).strategy == "graybox"


@pytest.mark.parametrize(
    ("candidate", "sensors", "words"),
    [
        (GRAYBOX._replace(shipped=False), ALL, "do not come with floodfuse"),
        (GRAYBOX._replace(differing=0.11), ALL, "on 11% of the pixels that both answer, more than 10%"),
        (GRAYBOX._replace(differing=None), ALL, "was not held against bayes"),
        (GRAYBOX._replace(name="early"), ALL, "the table of scores has none of it"),
        (GRAYBOX, frozenset({"c"}), "is 0.410, that of bayes 0.400; it takes 0.02 more"),
        (GRAYBOX, frozenset({"l"}), "none of bayes by L band"),
        (GRAYBOX, frozenset(), "No sensor saw more than half"),
    ],
)
def test_what_is_not_supported_is_not_recommended_and_the_reason_is_said(
    candidate: Candidate, sensors: Sensors, words: str
) -> None:
    found = recommend([PHYSICS, candidate], sensors, TABLE, 1.0)
    assert found.strategy == BAYES
    assert words in found.reasons[0] and "So it is bayes" in found.reasons[-1]


def test_of_several_the_one_that_gains_most_is_recommended_and_the_refused_are_named() -> None:
    late = Candidate("late", shipped=True, differing=0.02)
    assert recommend([PHYSICS, GRAYBOX, late], ALL, TABLE, 1.0).strategy == "late"
    far = recommend([PHYSICS, GRAYBOX, late._replace(differing=0.3)], ALL, TABLE, 1.0)
    assert far.strategy == "graybox" and far.reasons[-1].startswith("late: says other than bayes on 30%")


def test_a_gain_of_just_what_it_takes_is_enough() -> None:
    table = {(BAYES, ALL): Score(0.57, 9), ("graybox", ALL): Score(0.59, 9)}
    assert recommend([PHYSICS, GRAYBOX._replace(differing=0.1)], ALL, table, 1.0).strategy == "graybox"


@given(
    shipped=st.booleans(),
    differing=st.none() | st.floats(0.0, 1.0),
    physics=st.none() | st.floats(0.0, 1.0),
    network=st.none() | st.floats(0.0, 1.0),
)
def test_nothing_but_bayes_is_ever_recommended_without_support(
    shipped: bool, differing: float | None, physics: float | None, network: float | None
) -> None:
    scores = {(BAYES, ALL): physics, ("graybox", ALL): network}
    table = {which: Score(iou, 10) for which, iou in scores.items() if iou is not None}
    found = recommend([PHYSICS, Candidate("graybox", shipped, differing)], ALL, table, 1.0)
    assert found.reasons
    if found.strategy != BAYES:
        assert shipped and differing is not None and differing <= MOST_DIFFERING
        assert physics is not None and network is not None and network - physics >= LEAST_GAIN_IOU - 1e-6


def test_the_table_is_read_as_ablate_writes_it() -> None:
    text = (
        "weights,test,subset,sensor,amount,unit,chips,pixels,iou_flood,ece,brier,iou_open water\n"
        "bayes,subset,c,,0,,48,100,0.400000,0.1,0.1,0.5\n"
        "bayes,subset,c+l+optical,,0,,48,100,0.570000,0.1,0.1,0.5\n"
        "bayes,cloud,c+l+optical,optical,50,%,48,100,0.500000,0.1,0.1,0.5\n"
        "graybox,subset,l+c+optical,,0,,48,100,0.610000,0.1,0.1,0.5\n"
    )
    assert read_table(text) == {
        (BAYES, frozenset({"c"})): Score(0.4, 48),
        (BAYES, ALL): Score(0.57, 48),
        ("graybox", ALL): Score(0.61, 48),
    }


def test_scores_of_other_weights_than_those_that_come_say_nothing() -> None:
    text = (
        "weights,sha256,test,subset,chips,iou_flood\n"
        "bayes,,subset,c,48,0.4\n"
        "graybox,abc,subset,c,48,0.6\n"
        "attention,old,subset,c,48,0.9\n"
        "mine,xyz,subset,c,48,0.9\n"
    )
    found = read_table(text, {"graybox": "abc", "attention": "new"})
    assert {name for name, _ in found} == {BAYES, "graybox"}


@pytest.mark.parametrize(
    "text", ["weights,iou\nbayes,0.5\n", "weights,test,subset,chips,iou_flood\nbayes,subset,c,48,good\n"]
)
def test_what_is_no_such_table_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="floodfuse ablate"):
        read_table(text)


def seen(sensor: str, share: float | None) -> InputRecord:
    return InputRecord(
        id=sensor,
        sensor=sensor,
        time=datetime(2024, 3, 1, tzinfo=UTC),
        age_hours=None if share is None else 1.0,
        valid_fraction=share,
        radiometry=None,
        assets={},
        acquisition={},
    )


def test_sensors_at_hand_are_those_of_which_one_acquisition_saw_more_than_half() -> None:
    inputs = [seen("sentinel1", 0.4), seen("sentinel1", 0.9), seen("alos2", 0.5), seen("sentinel2", 0.51)]
    assert sensors_at_hand([*inputs, seen("terrain", None)]) == {"c", "optical"}
