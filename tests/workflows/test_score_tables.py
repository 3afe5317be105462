"""What the console says of events and land covers (workflows/score_tables)."""

from __future__ import annotations

import numpy as np
import pytest

from floodfuse.models.flood_scores import FloodScores, FloodTally
from floodfuse.workflows import score_tables


def event(found: int, missed: int, false: int, dry: int) -> FloodScores:
    """Scores of an event of so many pixels of each kind."""
    tally = FloodTally()
    water = np.repeat([0.9, 0.1, 0.8, 0.2], [found, missed, false, dry])
    tally.add(water, np.repeat([True, True, False, False], [found, missed, false, dry]))
    return tally.scores()


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_few_events_are_told_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    score_tables.show_parts({"Spain": event(3, 1, 1, 5), "Ghana": event(0, 0, 0, 10)}, {})
    spain, ghana = [
        line for line in capsys.readouterr().out.splitlines() if "Spain" in line or "Ghana" in line
    ]
    assert [cell.strip() for cell in spain.split("│")[1:7]] == [
        "Spain",
        "0.500",
        "0.400",
        "0.600",
        "0.750",
        "0.167",
    ]
    assert [cell.strip() for cell in ghana.split("│")[1:7]] == ["Ghana", "0.500", "0.000", "-", "-", "0.000"]


def test_of_many_events_the_middle_the_worst_tenth_and_the_worst_are_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    wet = {f"wet {k}": event(k, 20 - k, 0, 80) for k in range(1, 21)}  # IoU k / 20
    dry = {"quiet": event(0, 0, 0, 100), "so so": event(0, 0, 1, 99), "noisy": event(0, 0, 4, 96)}
    score_tables.show_parts(wet | dry, {})
    told = said(capsys)
    assert (
        "20 events with water: IoU of flood 0.525 in the middle, at most 0.150 in a tenth, lowest 0.050 (wet 1)"
        in told
    )
    assert "3 events without water: called flood 1.00% in the middle, most 4.00% (noisy)" in told


def test_one_event_is_no_news(capsys: pytest.CaptureFixture[str]) -> None:
    score_tables.show_parts({"Spain": event(3, 1, 1, 5)}, {})
    assert said(capsys) == ""


def test_land_covers_are_told_even_where_there_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    score_tables.show_parts({}, {"trees": event(3, 1, 1, 5)})
    told = said(capsys)
    assert "Flood by land cover" in told and "trees" in told and "0.600" in told
