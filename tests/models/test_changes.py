"""What two dates of a sensor tell together (models/inputs/changes, `together` of stretched, `completed`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from benchmarks.proof_statistics import area_under_curve
from floodfuse.catalogs.datasets.ombria import Ombria
from floodfuse.models.chips import View
from floodfuse.models.inputs import changes, stretched
from floodfuse.models.inputs.changes import change, line_between
from floodfuse.models.inputs.registry import INPUTS, completed, fingerprint
from floodfuse.models.predict import prepared

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]
reproducible = settings(deadline=None, derandomize=True, max_examples=40)
SIDE = 96
IMAGES = ("s1/before", "s1/after", "s2/before", "s2/after")


def ground(seed: int) -> Float32:
    """Levels of country, -0.6 to 0.6 or so, with fields of some pixels."""
    smooth = gaussian_filter(np.random.default_rng(seed).normal(size=(SIDE, SIDE)), 6.0, mode="wrap")
    return np.asarray(0.3 * smooth / smooth.std(), np.float32)


def flood(seed: int, share: float) -> Bool:
    """A share of the picture, in pieces."""
    field = gaussian_filter(np.random.default_rng([seed, 1]).normal(size=(SIDE, SIDE)), 8.0, mode="wrap")
    return np.asarray(field > np.quantile(field, 1.0 - share))


def everywhere() -> Bool:
    return np.ones((SIDE, SIDE), bool)


def two_dates(
    seed: int, share: float = 0.2, slope: float = 0.7, offset: float = 0.1, speckle: float = 0.05
) -> tuple[Float32, Float32, Bool]:
    """Pictures before and after, with speckle, and where water came: there the later one is as dark as it gets."""
    rng, first, wet = np.random.default_rng([seed, 2]), ground(seed), flood(seed, share)
    second = slope * first + offset
    second[wet] = second.min() - 0.3
    speckled = (band + rng.normal(0.0, speckle, band.shape) for band in (first, second))
    before, after = (np.asarray(band, np.float32) for band in speckled)
    return before, after, wet


@reproducible
@given(
    seed=st.integers(0, 1000),
    share=st.floats(0.0, 0.3),
    slope=st.floats(0.4, 2.0),
    offset=st.floats(-0.5, 0.5),
)
def test_a_flood_does_not_draw_the_line(seed: int, share: float, slope: float, offset: float) -> None:
    before, after, _ = two_dates(seed, share, slope, offset)
    line = line_between(before, after, everywhere())
    assert line is not None
    assert line.slope == pytest.approx(slope, rel=0.12)
    assert line.offset == pytest.approx(offset, abs=0.06)


@reproducible
@given(seed=st.integers(0, 1000), share=st.floats(0.05, 0.3))
def test_water_that_came_lies_far_below_ground_that_stayed(seed: int, share: float) -> None:
    before, after, wet = two_dates(seed, share)
    found, known = change(before[None], after[None], everywhere())
    assert known.all()
    assert np.median(found[0][wet]) < -1.0
    assert abs(np.median(found[0][~wet])) < 0.3


@reproducible
@given(
    seed=st.integers(0, 1000),
    gains=st.tuples(st.floats(0.7, 1.4), st.floats(0.7, 1.4)),
    offsets=st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)),
)
def test_a_change_knows_neither_stretch(
    seed: int, gains: tuple[float, float], offsets: tuple[float, float]
) -> None:
    before, after, _ = two_dates(seed, speckle=0.15)  # so that spreads lie above the least one
    first, second = (
        np.float32(gain) * band + np.float32(offset)
        for band, gain, offset in zip((before, after), gains, offsets, strict=True)
    )
    one, _ = change(before[None], after[None], everywhere())
    other, _ = change(first[None], second[None], everywhere())
    np.testing.assert_allclose(other, one, atol=0.05)


def test_two_pictures_of_the_same_ground_show_no_change() -> None:
    same = ground(3)
    found, _ = change(same[None], same[None], everywhere())
    assert np.abs(found).max() < 0.05


def test_even_pictures_have_no_slope_and_a_finite_change() -> None:
    even = np.zeros((1, SIDE, SIDE), np.float32)
    found, known = change(even, even + np.float32(0.4), everywhere())
    assert known.all()
    np.testing.assert_array_equal(found, 0.0)


def test_each_band_has_a_line_of_its_own() -> None:
    before, after, _ = two_dates(5)
    both, _ = change(np.stack([before, after]), np.stack([after, before]), everywhere())
    np.testing.assert_array_equal(both[0], change(before[None], after[None], everywhere())[0][0])
    np.testing.assert_array_equal(both[1], change(after[None], before[None], everywhere())[0][0])


@pytest.mark.parametrize("hidden", [np.nan, 1e6])
def test_what_was_not_seen_on_both_dates_does_not_count(hidden: float) -> None:
    before, after, _ = two_dates(7)
    seen = everywhere()
    seen[:40] = False
    other = after.copy()
    other[:40] = hidden
    one, known = change(before[None], after[None], seen)
    two, _ = change(before[None], other[None], seen)
    np.testing.assert_array_equal(two, one)
    np.testing.assert_array_equal(known, seen)
    assert (one[0][~seen] == 0.0).all()


def test_too_little_in_common_tells_no_change() -> None:
    before, after, _ = two_dates(9)
    seen = np.zeros((SIDE, SIDE), bool)
    seen[:56, :56] = True  # 14 x 14 cells
    assert line_between(before, after, seen) is None
    found, known = change(before[None], after[None], seen)
    assert not known.any() and not found.any()


# ---- as a view


def images(seed: int = 0, hidden: dict[str, Bool] | None = None) -> dict[str, View]:
    """Prepared pictures of both sensors on both dates."""
    rng = np.random.default_rng(seed)
    made = {}
    for view in IMAGES:
        values = rng.integers(0, 256, (stretched.RAW_CHANNELS[view], SIDE, SIDE)).astype(np.uint8)
        seen = everywhere() if hidden is None or view not in hidden else ~hidden[view]
        made[view] = View(stretched.prepare(view, values, seen), seen)
    return made


def test_both_dates_of_a_sensor_tell_a_view_with_the_channels_announced() -> None:
    views = completed(INPUTS["stretched"], images())
    assert set(views) == set(stretched.CHANNELS)
    for name, view in views.items():
        assert view.values.shape == (stretched.CHANNELS[name], SIDE, SIDE)
        assert view.values.dtype == np.float32


def test_a_change_is_seen_where_both_dates_were() -> None:
    first, second = np.zeros((SIDE, SIDE), bool), np.zeros((SIDE, SIDE), bool)
    first[:20], second[:, :30] = True, True
    views = completed(INPUTS["stretched"], images(1, {"s2/before": first, "s2/after": second}))
    np.testing.assert_array_equal(views["s2/change"].seen, ~first & ~second)
    assert views["s1/change"].seen.all()


@pytest.mark.parametrize("lost", IMAGES)
def test_one_date_alone_tells_no_change(lost: str) -> None:
    left = {name: view for name, view in images().items() if name != lost}
    views = completed(INPUTS["stretched"], left)
    assert set(views) - set(left) == {f"{'s2' if lost[:2] == 's1' else 's1'}/change"}


@pytest.mark.parametrize(("dropped", "told"), [("s1/change", {"s2/change"}), ("s2", {"s1/change"})])
def test_a_change_can_be_left_out(dropped: str, told: set[str]) -> None:
    views = completed(INPUTS["stretched"], images(), [dropped])
    assert set(views) & set(stretched.TOGETHER) == told


@pytest.mark.parametrize("inputs", ["evidence", "backscatter"])
def test_other_inputs_tell_nothing_together(inputs: str) -> None:
    given_images = images()
    assert completed(INPUTS[inputs], given_images) == given_images


def test_the_fingerprint_tells_changes_that_are_taken_and_no_others() -> None:
    assert fingerprint("stretched", IMAGES) == stretched.FINGERPRINT
    told = fingerprint("stretched", stretched.CHANNELS)
    assert told.startswith(stretched.FINGERPRINT) and changes.VERSION in told
    assert told != fingerprint("stretched", (*IMAGES, "s1/change"))


def test_on_real_tiles_it_tells_water_that_came_better_than_the_difference_of_levels(
    real_data: Callable[[str], Path],
) -> None:
    """Mean over tiles of the chance that a flooded pixel is darker than a dry one, Sentinel-1 alone."""
    tiles = Ombria(real_data("ombria"))
    found, plain = [], []
    for name in tiles.chips[::8]:
        chip = tiles.read(name)
        wet = chip.truth == 1
        if not 0.02 < wet.mean() < 0.98:
            continue
        views = prepared(chip.views, INPUTS["stretched"])
        before, after, told = (
            np.asarray(views[f"s1/{name}"].values[0], float) for name in ("before", "after", "change")
        )
        found.append(area_under_curve(-told.ravel(), wet.ravel()))
        plain.append(area_under_curve((before - after).ravel(), wet.ravel()))
    assert len(found) > 30
    assert np.mean(found) > 0.8
    assert np.mean(found) > np.mean(plain) + 0.02
