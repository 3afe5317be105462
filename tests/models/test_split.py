"""Contiguous blocks of chips to learn from, to choose by and to judge by (models/split)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from floodfuse.models.split import SplitSettings, split

reproducible = settings(deadline=None, derandomize=True, max_examples=100)


def names(count: int) -> list[str]:
    return [f"chip{k:04d}" for k in range(count)]


@st.composite
def cuts(draw: st.DrawFn) -> tuple[list[str], SplitSettings]:
    """Chips and a split that leaves some to learn from and some to choose by."""
    blocks = draw(st.integers(3, 15))
    order = draw(st.permutations(range(blocks)))
    choosing = draw(st.integers(1, blocks - 1))
    judging = draw(st.integers(0, blocks - 1 - choosing))
    chips = names(draw(st.integers(blocks, 200)))
    return chips, SplitSettings(
        blocks=blocks,
        choosing=tuple(order[:choosing]),
        judging=tuple(order[choosing : choosing + judging]),
    )


@reproducible
@given(cut=cuts())
def test_every_chip_is_in_exactly_one_part(cut: tuple[list[str], SplitSettings]) -> None:
    chips, chosen = cut
    parts = split(chips, chosen)
    assert sorted((*parts.learning, *parts.choosing, *parts.judging)) == chips
    assert parts.learning and parts.choosing
    assert bool(parts.judging) == bool(chosen.judging)


@reproducible
@given(cut=cuts())
def test_chips_that_are_held_out_lie_in_as_few_runs_as_blocks_were_asked_for(
    cut: tuple[list[str], SplitSettings],
) -> None:
    """Contiguous: random chips of one flood would be learned from and judged by."""
    chips, chosen = cut
    parts = split(chips, chosen)
    for part, asked in ((parts.choosing, chosen.choosing), (parts.judging, chosen.judging)):
        places = sorted(chips.index(chip) for chip in part)
        runs = sum(a + 1 != b for a, b in itertools.pairwise(places)) + bool(places)
        assert runs <= len(asked)
        shortest, longest = len(chips) // chosen.blocks, -(-len(chips) // chosen.blocks)
        assert shortest * len(asked) <= len(places) <= longest * len(asked)


def test_blocks_by_hand() -> None:
    parts = split(names(8), SplitSettings(blocks=4, choosing=(1,), judging=(3,)))
    assert parts.learning == ("chip0000", "chip0001", "chip0004", "chip0005")
    assert parts.choosing == ("chip0002", "chip0003")
    assert parts.judging == ("chip0006", "chip0007")


def test_without_blocks_to_judge_by_nothing_is_held_out() -> None:
    parts = split(names(24), SplitSettings())
    assert (len(parts.learning), len(parts.choosing), parts.judging) == (20, 4, ())


@pytest.mark.parametrize(
    ("choosing", "judging", "named"),
    [((0, 2), (2,), 2), ((5,), (), 5), ((0,), (7,), 7), ((-1,), (), -1)],
)
def test_blocks_that_are_not_there_or_in_two_parts_are_refused(
    choosing: tuple[int, ...], judging: tuple[int, ...], named: int
) -> None:
    with pytest.raises(ValueError, match=rf"^block {named} is in two parts, or not one of the 5 blocks"):
        split(names(20), SplitSettings(blocks=5, choosing=choosing, judging=judging))


@pytest.mark.parametrize(
    ("count", "choosing", "judging"),
    [(10, (), ()), (10, (0, 1, 2), ()), (10, (0,), (1, 2)), (2, (2,), ()), (0, (0,), ())],
)
def test_a_split_that_leaves_none_to_learn_from_or_to_choose_by_is_refused(
    count: int, choosing: tuple[int, ...], judging: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=f"^{count} chips in 3 blocks leave none"):
        split(names(count), SplitSettings(blocks=3, choosing=choosing, judging=judging))


def test_blocks_to_judge_by_that_hold_no_chip_are_refused() -> None:
    """They were asked for, and there would be nothing to judge by."""
    with pytest.raises(ValueError, match="2 chips in 4 blocks"):
        split(names(2), SplitSettings(blocks=4, choosing=(1,), judging=(3,)))


def test_a_block_named_twice_is_counted_once() -> None:
    chips = names(12)
    twice = split(chips, SplitSettings(blocks=4, choosing=(1, 1)))
    assert twice.choosing == split(chips, SplitSettings(blocks=4, choosing=(1,))).choosing


@pytest.mark.parametrize("wrong", [{"blocks": 2}, {"block": 5}, {"choosing": "all"}])
def test_settings_that_can_not_be_right_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        SplitSettings.model_validate(wrong)


def test_an_event_goes_whole_to_the_block_of_its_middle_chip() -> None:
    chips = [f"{n:02d}" for n in range(12)]
    events = {chip: "first" if n < 5 else "second" if n < 9 else "third" for n, chip in enumerate(chips)}
    settings = SplitSettings(blocks=3, choosing=(1,))
    without, whole = split(chips, settings), split(chips, settings, events)
    assert without.choosing == tuple(chips[4:8])
    assert whole.choosing == tuple(chips[5:9])
    assert whole.learning == (*chips[:5], *chips[9:])


@given(st.lists(st.integers(1, 9), min_size=3, max_size=30), st.integers(3, 8))
def test_no_event_is_in_two_parts_and_no_chip_is_lost(sizes: list[int], blocks: int) -> None:
    events = {f"{e}-{n}": f"event {e}" for e, size in enumerate(sizes) for n in range(size)}
    try:
        parts = split(list(events), SplitSettings(blocks=blocks, choosing=(0,), judging=(2,)), events)
    except ValueError as error:
        assert "leave none" in str(error)
        return
    assert sorted([*parts.learning, *parts.choosing, *parts.judging]) == sorted(events)
    told = [{events[chip] for chip in part} for part in parts]
    assert not (told[0] & told[1] or told[0] & told[2] or told[1] & told[2])
