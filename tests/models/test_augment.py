"""How chips are varied in training (models/augment)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from floodfuse.catalogs.datasets.chip import Chip
from floodfuse.models.augment import AugmentSettings, augmented
from floodfuse.models.chips import View
from floodfuse.models.inputs.registry import INPUTS, Inputs

reproducible = settings(deadline=None, derandomize=True, max_examples=60)
VIEWS = ("s1/after", "s1/before", "s2/after", "s2/before")
RADAR, OPTICAL = {"s1/after", "s1/before"}, {"s2/after", "s2/before"}
PRIME = 251  # largest below 255: truth repeats after rows of other lengths than the picture's


class AsTheyAre:
    """Inputs that change nothing, so that what `augmented` itself does shows."""

    FINGERPRINT = "as they are"
    CHANNELS: Mapping[str, int] = dict.fromkeys(VIEWS, 1)

    def prepare(self, view: str, values: NDArray[np.generic], seen: NDArray[np.bool_]) -> NDArray[np.float32]:
        return np.asarray(values, np.float32)

    def vary(self, view: str, values: NDArray[np.generic], rng: np.random.Generator) -> NDArray[np.float32]:
        return np.asarray(values, np.float32)


class Darker(AsTheyAre):
    """Inputs whose pictures, when varied, are negative."""

    def vary(self, view: str, values: NDArray[np.generic], rng: np.random.Generator) -> NDArray[np.float32]:
        return -1.0 - np.asarray(values, np.float32)


PLAIN: Inputs = AsTheyAre()
STILL = AugmentSettings(crop=64, vary=0.0, holes=0.0)


def places(height: int, width: int) -> NDArray[np.int64]:
    """Each pixel has its own number."""
    return np.arange(height * width).reshape(height, width)


def chip_of(
    height: int = 64, width: int = 64, views: tuple[str, ...] = VIEWS, seen: NDArray[np.bool_] | None = None
) -> Chip:
    """A chip whose views hold the place of each pixel, and whose truth is that modulo a prime."""
    place = places(height, width)
    mask = np.ones((height, width), bool) if seen is None else seen
    return Chip(
        "a", "a", {v: (place[None].astype(np.float32), mask) for v in views}, (place % PRIME).astype(np.uint8)
    )


def picture(seed: int, side: int = 72) -> Chip:
    """A chip of the stretched radiometry."""
    rng = np.random.default_rng(seed)
    views: dict[str, tuple[NDArray[np.generic], NDArray[np.bool_]]] = {}
    for name in VIEWS:
        values = rng.integers(0, 256, (1 if name in RADAR else 3, side, side)).astype(np.uint8)
        views[name] = (values, rng.random((side, side)) < 0.9)
    return Chip("a", "a", views, rng.integers(0, 2, (side, side)).astype(np.uint8))


def same(a: tuple[dict[str, View], NDArray[np.uint8]], b: tuple[dict[str, View], NDArray[np.uint8]]) -> bool:
    """Bit by bit."""
    return (
        list(a[0]) == list(b[0])
        and np.array_equal(a[1], b[1])
        and all(
            np.array_equal(x.values, y.values) and np.array_equal(x.seen, y.seen)
            for x, y in zip(a[0].values(), b[0].values(), strict=True)
        )
    )


# ---- a function of its key


BUSY = AugmentSettings(crop=64, vary=0.7, holes=0.5, drop={"s1": 0.2, "s2/after": 0.2})


@reproducible
@given(seed=st.integers(0, 2**31), epoch=st.integers(0, 500), number=st.integers(0, 5000))
def test_a_variation_is_a_function_of_its_key_alone(seed: int, epoch: int, number: int) -> None:
    """Neither of what was drawn before, nor of the order of a chip's views, nor of the object that holds them."""
    inputs, key = INPUTS["stretched"], (seed, epoch, number)
    first = augmented(picture(1), inputs, BUSY, key)
    augmented(picture(2), inputs, BUSY, (seed, epoch, number + 1))
    again = picture(1)
    again = replace(again, views=dict(reversed(list(again.views.items()))))
    assert same(augmented(again, inputs, BUSY, key), first)


def test_every_number_of_a_key_counts() -> None:
    keys = [(5, 3, 7), (6, 3, 7), (5, 4, 7), (5, 3, 8), (7, 3, 5), (3, 5, 7)]
    made = [augmented(picture(1), INPUTS["stretched"], BUSY, key) for key in keys]
    for k, one in enumerate(made):
        assert not any(same(one, other) for other in made[k + 1 :])


def test_a_chip_is_left_as_it_was() -> None:
    """Training holds it in memory and varies it again in every epoch."""
    chip, untouched = picture(1), picture(1)
    for k in range(20):
        made, truth = augmented(chip, INPUTS["stretched"], BUSY, (k,))
        truth[:] = 9
        for view in made.values():
            view.seen[:] = False
    assert np.array_equal(chip.truth, untouched.truth)
    for name in VIEWS:
        assert np.array_equal(chip.views[name][0], untouched.views[name][0])
        assert np.array_equal(chip.views[name][1], untouched.views[name][1])


# ---- turned and cropped


@reproducible
@given(
    key=st.integers(0, 10_000),
    height=st.integers(64, 127),
    width=st.integers(64, 127),
    seen=st.integers(0, 100),
)
def test_truth_and_all_views_are_cropped_and_turned_together(
    key: int, height: int, width: int, seen: int
) -> None:
    mask = np.random.default_rng(seen).random((height, width)) < 0.7
    chip = chip_of(height, width, seen=mask)
    views, truth = augmented(chip, PLAIN, AugmentSettings(crop=64, vary=1.0, holes=0.0), (key,))
    assert list(views) == list(VIEWS)
    for view in views.values():
        place = view.values[0].astype(np.int64)
        assert place.shape == truth.shape == view.seen.shape == (64, 64)
        assert np.array_equal(place % PRIME, truth)
        assert np.array_equal(mask.ravel()[place], view.seen)
        steps = {abs(int(step)) for step in (place[1, 0] - place[0, 0], place[0, 1] - place[0, 0])}
        assert steps == {1, width}  # neighbours stay neighbours: nothing but turned and mirrored


def test_all_eight_turns_and_many_places_occur_about_equally_often() -> None:
    chip = chip_of(72, 72)
    turns: dict[tuple[int, int], int] = {}
    corners = set()
    for key in range(400):
        views, _ = augmented(chip, PLAIN, STILL, (key,))
        place = views["s1/after"].values[0].astype(np.int64)
        turn = (int(place[1, 0] - place[0, 0]), int(place[0, 1] - place[0, 0]))
        turns[turn] = turns.get(turn, 0) + 1
        corners.add(int(place.min()))
    assert len(turns) == 8
    assert min(turns.values()) > 50 - 4 * np.sqrt(50 * 7 / 8)
    assert len(corners) > 70  # of the 9 x 9 that a window of 64 in 72 px has
    assert min(corners) == 0 and max(corners) == 8 * 72 + 8


@pytest.mark.parametrize(
    ("size", "crop", "expected"),
    [
        ((96, 96), 64, 64),
        ((70, 70), 128, 64),
        ((64, 64), 64, 64),
        ((70, 90), 192, 64),
        ((256, 256), 192, 192),
    ],
)
def test_what_is_cut_out_is_as_large_as_asked_for_or_as_a_network_can_take(
    size: tuple[int, int], crop: int, expected: int
) -> None:
    chosen = AugmentSettings(crop=crop, vary=0.0, holes=0.0)
    for key in range(6):
        views, truth = augmented(chip_of(*size), PLAIN, chosen, (key,))
        assert truth.shape == views["s2/after"].seen.shape == (expected, expected)


# ---- pictured anew


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_views_are_pictured_anew_as_often_as_asked_for_and_each_for_itself(share: float) -> None:
    chosen = AugmentSettings(crop=64, vary=share, holes=0.0)
    drawn = []
    for key in range(500):
        views, _ = augmented(chip_of(), Darker(), chosen, (key,))
        drawn.append([bool(view.values.min() < 0) for view in views.values()])
    count, spread = np.sum(drawn), np.sqrt(2000 * share * (1 - share))
    assert abs(count - 2000 * share) <= 4 * spread
    if 0 < share < 1:
        assert len({tuple(row) for row in drawn}) == 16


# ---- robbed of sensors


def test_sensors_and_views_are_lost_as_often_as_asked_for_and_one_choice_at_a_time() -> None:
    chosen = STILL.model_copy(update={"drop": {"s2/after": 0.3, "s1": 0.2}})
    count, lost = 500, {"s1": 0, "s2/after": 0}
    for key in range(count):
        missing = set(VIEWS) - set(augmented(chip_of(), PLAIN, chosen, (key,))[0])
        assert missing in (set(), {"s2/after"}, RADAR)
        lost["s1"] += missing == RADAR
        lost["s2/after"] += missing == {"s2/after"}
    for what, share in (("s1", 0.2), ("s2/after", 0.3)):
        assert abs(lost[what] - count * share) <= 4 * np.sqrt(count * share * (1 - share)), what


def test_what_is_lost_does_not_change_what_is_left() -> None:
    lossy = BUSY.model_copy(update={"drop": {"s1": 1.0}})
    whole = BUSY.model_copy(update={"drop": {}})
    for key in range(10):
        left, _ = augmented(picture(1), INPUTS["stretched"], lossy, (key,))
        full, _ = augmented(picture(1), INPUTS["stretched"], whole, (key,))
        assert set(left) == OPTICAL
        for name, view in left.items():
            assert np.array_equal(view.values, full[name].values)
            assert np.array_equal(view.seen, full[name].seen)


@reproducible
@given(
    views=st.sets(st.sampled_from(VIEWS), min_size=1),
    drop=st.dictionaries(st.sampled_from([*VIEWS, "s1", "s2"]), st.floats(0.0, 1.0), max_size=4),
    key=st.integers(0, 1000),
)
def test_never_are_all_views_lost(views: set[str], drop: dict[str, float], key: int) -> None:
    chosen = STILL.model_copy(update={"drop": drop})
    left = augmented(chip_of(views=tuple(sorted(views))), PLAIN, chosen, (key,))[0]
    assert left and set(left) <= views


# ---- robbed of pieces


@reproducible
@given(key=st.integers(0, 10_000), seen=st.floats(0.0, 1.0))
def test_a_hole_only_ever_hides(key: int, seen: float) -> None:
    """Values stay, and nothing that was unseen is seen."""
    mask = np.random.default_rng(3).random((64, 64)) < seen
    chip = chip_of(64, 64, seen=mask)
    views, _ = augmented(chip, PLAIN, AugmentSettings(crop=64, vary=0.0, holes=1.0), (key,))
    whole, _ = augmented(chip, PLAIN, AugmentSettings(crop=64, vary=0.0, holes=0.0), (key,))
    for name, view in views.items():
        assert view.seen.dtype == bool
        before = mask.ravel()[view.values[0].astype(np.int64)]
        assert not (view.seen & ~before).any()
        assert np.array_equal(view.values, whole[name].values)


def test_holes_are_as_many_and_as_large_as_said() -> None:
    """Of about 5 to 60 % of the picture, in their share of views, each with its own."""
    chosen = AugmentSettings(crop=64, vary=0.0, holes=0.25)
    hidden = np.array(
        [
            [1.0 - view.seen.mean() for view in augmented(chip_of(64, 64), PLAIN, chosen, (key,))[0].values()]
            for key in range(150)
        ]
    )
    holes = hidden[hidden > 0]
    assert abs(holes.size - 150) <= 4 * np.sqrt(600 * 0.25 * 0.75)
    assert 0.0 < holes.min() < 0.1 and 0.55 < holes.max() < 0.75
    assert holes.mean() == pytest.approx(0.325, abs=4 * 0.16 / np.sqrt(holes.size))
    assert np.unique(holes).size > 100


def test_a_hole_is_in_few_pieces_as_a_cloud_is() -> None:
    """Neighbours of what is hidden are mostly hidden."""
    chosen = AugmentSettings(crop=64, vary=0.0, holes=1.0)
    for key in range(10):
        seen = augmented(chip_of(64, 64), PLAIN, chosen, (key,))[0]["s1/after"].seen
        edges = (seen[1:] != seen[:-1]).mean() + (seen[:, 1:] != seen[:, :-1]).mean()
        assert edges < 0.25


def test_a_hidden_piece_does_not_count_when_a_picture_is_prepared() -> None:
    """As a cloud would: the land of a radar picture is that of what is left."""
    inputs, chip = INPUTS["stretched"], picture(4)
    chosen = AugmentSettings(crop=64, vary=0.0, holes=1.0)
    values, seen = chip.views["s1/after"]
    chip.views["s1/after"] = (
        np.sort(values, axis=None).reshape(values.shape),
        seen,
    )  # dark above, bright below
    views, _ = augmented(chip, inputs, chosen, (2,))
    view = views["s1/after"]
    assert abs(np.quantile(view.values[1], 0.8)) > 0.05  # of all pixels, hidden ones too
    assert np.quantile(view.values[1][view.seen], 0.8) == pytest.approx(0.0, abs=0.02)


@pytest.mark.parametrize(
    "wrong",
    [
        {"crop": 96},
        {"crop": 32},
        {"vary": 1.5},
        {"holes": -0.1},
        {"dropp": {}},
        {"drop": {"s1": -0.5}},
        {"drop": {"s1": 1.5}},
        {"drop": {"s1": 0.7, "s2": 0.7}},
    ],
)
def test_settings_that_can_not_be_right_are_refused(wrong: dict[str, object]) -> None:
    """Of `drop`, at most one is lost, so that shares add up to 1 at most."""
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        AugmentSettings.model_validate(wrong)


# ---- parts of an image

PARTS = ("s1/after", "s1/after:change", "s1/after:vv", "s2/after")


def test_parts_lose_the_piece_that_their_image_loses_and_no_other() -> None:
    """What a cloud hides of an image it hides of all that the image holds."""
    asked = AugmentSettings(crop=64, vary=0.0, holes=0.5)
    lost, apart = 0, 0
    for k in range(60):
        views, _ = augmented(chip_of(views=PARTS), PLAIN, asked, (k,))
        image = views["s1/after"].seen
        for part in PARTS[1:3]:
            np.testing.assert_array_equal(views[part].seen, image)
        lost += not image.all()
        apart += not np.array_equal(image, views["s2/after"].seen)
    assert 15 < lost < 45 and apart > 15


def test_parts_are_pictured_anew_with_their_image() -> None:
    asked = AugmentSettings(crop=64, vary=0.5, holes=0.0)
    anew = []
    for k in range(60):
        views, _ = augmented(chip_of(views=PARTS), Darker(), asked, (k,))
        varied = {name: bool((np.asarray(view.values, np.float32) < 0).all()) for name, view in views.items()}
        assert len({varied[part] for part in PARTS[:3]}) == 1
        anew.append(varied["s1/after"])
    assert 15 < sum(anew) < 45


@pytest.mark.parametrize(
    ("what", "left"),
    [
        ("s1/after:vv", {"s1/after", "s1/after:change", "s2/after"}),
        ("s1/after", {"s2/after"}),
        ("s1", {"s2/after"}),
    ],
)
def test_an_image_is_lost_with_its_parts_and_a_part_alone(what: str, left: set[str]) -> None:
    asked = AugmentSettings(crop=64, vary=0.0, holes=0.0, drop={what: 1.0})
    assert set(augmented(chip_of(views=PARTS), PLAIN, asked, (1,))[0]) == left


def test_views_that_are_not_taken_change_nothing_of_the_others() -> None:
    busy = AugmentSettings(crop=64, vary=0.5, holes=0.5, drop={"s1": 0.3})
    taken = ("s1/after", "s2/after")
    for k in range(20):
        whole = augmented(chip_of(views=PARTS), Darker(), busy, (k,), taken)
        assert same(whole, augmented(chip_of(views=taken), Darker(), busy, (k,)))
