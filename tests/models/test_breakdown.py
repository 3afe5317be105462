"""Scores of flood by event and by land cover (models/breakdown, models/flood_scores)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from floodfuse.catalogs.datasets.chip import Chip
from floodfuse.models.breakdown import UNKNOWN_COVER, Breakdown
from floodfuse.models.chips import UNLABELLED
from floodfuse.models.flood_scores import FloodScores, FloodTally
from floodfuse.models.scores import Tally

Float = NDArray[np.float64]
FLOODED = (0, 1)
COVERS = {0: UNKNOWN_COVER, 10: "trees", 40: "cropland", 90: "herbaceous wetland", 7: UNKNOWN_COVER}
reproducible = settings(deadline=None, derandomize=True, max_examples=40)


def chips_of(seed: int, covered: bool = True) -> list[tuple[Chip, Float]]:
    """Chips of two events, some pixels unlabelled, each with the probability of four classes."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(5):
        shape = (int(rng.integers(3, 9)), int(rng.integers(3, 9)))
        truth = rng.integers(0, 4, shape).astype(np.uint8)
        share = rng.dirichlet(np.full(4, 0.6), shape).transpose(2, 0, 1)
        truth[rng.random(shape) < 0.2] = UNLABELLED
        truth[0, 0] = 3
        cover = rng.choice(list(COVERS), shape).astype(np.uint8) if covered else None
        made.append((Chip(str(number), "even" if number % 2 == 0 else "odd", {}, truth, cover), share))
    return made


def broken_down(chips: list[tuple[Chip, Float]]) -> Breakdown:
    breakdown = Breakdown(FLOODED)
    for chip, share in chips:
        breakdown.add(share, chip)
    return breakdown


def pixels_of(
    chips: list[tuple[Chip, Float]],
) -> tuple[Float, NDArray[np.bool_], NDArray[np.str_], NDArray[np.str_]]:
    """Of all labelled pixels in one row: probability of water, whether flooded, event, land cover."""
    water, flooded, event, cover = [], [], [], []
    for chip, share in chips:
        for row, column in np.argwhere(chip.truth != UNLABELLED):
            water.append(share[0, row, column] + share[1, row, column])
            flooded.append(chip.truth[row, column] in FLOODED)
            event.append(chip.event)
            cover.append("" if chip.cover is None else COVERS[int(chip.cover[row, column])])
    return np.array(water), np.array(flooded), np.array(event), np.array(cover)


def oracle(water: Float, flooded: NDArray[np.bool_]) -> FloodScores:
    """From definitions, pixel by pixel where that is plain."""
    wet = water > 0.5
    found, missed, false = (wet & flooded).sum(), (~wet & flooded).sum(), (wet & ~flooded).sum()
    error = 0.0
    for k in range(15):
        inside = np.minimum(np.floor(water * 15), 14) == k
        error += abs(flooded[inside].sum() - water[inside].sum()) / water.size

    def share(part: int, whole: int) -> float | None:
        return part / whole if whole else None

    return FloodScores(
        pixels=water.size,
        flooded=float(flooded.mean()),
        iou=share(found, found + missed + false),
        recall=share(found, found + missed),
        precision=share(found, found + false),
        dry_called_wet=share(false, (~flooded).sum()),
        ece=error,
        brier=float(((water - flooded) ** 2).mean()),
    )  # fmt: skip


def assert_same(found: FloodScores, wanted: FloodScores) -> None:
    assert found._asdict() == pytest.approx(wanted._asdict(), abs=1e-12)


@reproducible
@given(seed=st.integers(0, 10_000))
def test_parts_are_scored_as_their_pixels_would_be_alone(seed: int) -> None:
    chips = chips_of(seed)
    found, (water, flooded, event, cover) = broken_down(chips), pixels_of(chips)
    events, covers = found.by_event(), found.by_cover()
    assert list(events) == ["even", "odd"] and set(covers) == set(cover)
    for name, scores in events.items():
        assert_same(scores, oracle(water[event == name], flooded[event == name]))
    for name, scores in covers.items():
        assert_same(scores, oracle(water[cover == name], flooded[cover == name]))


@reproducible
@given(seed=st.integers(0, 10_000))
def test_parts_add_up_to_the_whole_that_the_tally_tells(seed: int) -> None:
    chips = chips_of(seed)
    tally, found = Tally(tuple("abcd"), FLOODED), broken_down(chips)
    for chip, share in chips:
        tally.add(share, chip.truth)
    whole = tally.scores()
    for parts in (found.by_event().values(), found.by_cover().values()):
        assert sum(part.pixels for part in parts) == whole.pixels
        assert sum(part.brier * part.pixels for part in parts) / whole.pixels == pytest.approx(whole.brier)
        hits = sum((part.recall or 0.0) * part.flooded * part.pixels for part in parts)
        all_flooded = sum(part.flooded * part.pixels for part in parts)
        false = sum((part.dry_called_wet or 0.0) * (1.0 - part.flooded) * part.pixels for part in parts)
        assert hits / (all_flooded + false) == pytest.approx(whole.iou_flood)


def test_chips_without_a_map_of_land_cover_are_no_part_of_it() -> None:
    with_cover, without = chips_of(1), chips_of(2, covered=False)
    assert broken_down(without).by_cover() == {}
    assert broken_down(with_cover + without).by_cover() == broken_down(with_cover).by_cover()


def test_chips_that_nobody_labelled_are_no_event() -> None:
    chip, share = chips_of(3)[0]
    blank = Chip("blank", "nowhere", {}, np.full_like(chip.truth, UNLABELLED), chip.cover)
    assert broken_down([(blank, share)]).by_event() == {}


def test_shares_of_nothing_are_not_told() -> None:
    tally = FloodTally()
    with pytest.raises(ValueError, match="no pixel is labelled"):
        tally.scores()
    tally.add(np.array([0.1, 0.2]), np.array([False, False]))
    dry = tally.scores()
    assert (dry.flooded, dry.iou, dry.recall, dry.precision, dry.dry_called_wet) == (
        0.0,
        None,
        None,
        None,
        0.0,
    )
    tally.add(np.array([0.9]), np.array([False]))
    assert (tally.scores().iou, tally.scores().precision) == (0.0, 0.0)
