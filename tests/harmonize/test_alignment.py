"""Shifts between images of different physics: a naive oracle, known shifts found again, and nothing found in nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import fourier_shift, gaussian_filter

from floodfuse.harmonize import alignment
from floodfuse.harmonize.alignment import HALO_PX, LARGEST_SE_PX, REACH_PX, WINDOW_PX, Estimate

reproducible = settings(deadline=None, derandomize=True, max_examples=8)
Float32 = NDArray[np.float32]
SIDE = 8 * WINDOW_PX
MARGIN = REACH_PX + HALO_PX
LEVELS_DB = (
    -20.0,
    -8.0,
    -14.0,
    -5.0,
)  # of water, woods, fields and town in radar: no order in wetness or brightness
LOOKS = 8.8  # as two polarizations of 4.4


def _ground(rng: np.random.Generator, side: int = SIDE + 2 * MARGIN) -> NDArray[np.int_]:
    """Four kinds of ground in patches of some 12 px."""
    fields = [gaussian_filter(rng.standard_normal((side, side)), 5.0, mode="wrap") for _ in range(4)]
    return np.argmax(fields, axis=0)


def _optical(ground: NDArray[np.int_], rng: np.random.Generator) -> list[Float32]:
    """Two properties, with noise, on the part without margin."""
    core = ground[MARGIN:-MARGIN, MARGIN:-MARGIN]
    means = np.array([[1.2, 0.03], [-1.0, 0.3], [-0.5, 0.25], [-0.3, 0.2]])[core]
    noisy = means + rng.standard_normal(means.shape) * np.array([0.2, 0.03])
    return [noisy[..., 0].astype(np.float32), noisy[..., 1].astype(np.float32)]


def _radar(ground: NDArray[np.int_], shift: tuple[float, float], rng: np.random.Generator) -> Float32:
    """Power with speckle; the ground's content lies `shift` (rows, columns) further down and right."""
    power = 10.0 ** (np.array(LEVELS_DB) / 10.0)[ground]
    blurred = gaussian_filter(power, 0.8, mode="wrap")
    moved = np.fft.ifft2(fourier_shift(np.fft.fft2(blurred), shift)).real
    speckled = np.maximum(moved, 1e-4) * rng.gamma(LOOKS, 1.0 / LOOKS, power.shape)
    return speckled.astype(np.float32)


def _structure(power: Float32) -> Float32:
    whole = alignment.structure(alignment.log_power(power, 1e-3))
    return whole[HALO_PX:-HALO_PX, HALO_PX:-HALO_PX]


def _found(shift: tuple[float, float], seed: int) -> Estimate:
    rng = np.random.default_rng(seed)
    ground = _ground(rng)
    found = alignment.estimate(
        alignment.agreements(_optical(ground, rng), [_structure(_radar(ground, shift, rng))])
    )
    assert found is not None
    return found


def _naive(anchor: NDArray[np.int16], target: Float32, i: int, j: int, reach: int) -> float:
    """l(s) at one shift in float64, from variances within strata as the definition has them."""
    rows, columns = anchor.shape
    part = target[reach + i : reach + i + rows, reach + j : reach + j + columns].astype(np.float64)
    valid = np.isfinite(part) & (anchor >= 0)
    within = sum(
        part[valid & (anchor == k)].var() * (valid & (anchor == k)).sum() for k in np.unique(anchor[valid])
    )
    return float(-0.5 * valid.sum() * np.log(within / (part[valid].var() * valid.sum())))


@pytest.mark.parametrize("holes", [0.0, 0.1])
def test_agreement_is_the_correlation_ratio(holes: float) -> None:
    rng = np.random.default_rng(2)
    reach = 2
    anchor = rng.integers(0, 5, (20, 24)).astype(np.int16)
    target = rng.normal(3.0, 1.0, (24, 28)).astype(np.float32)
    target[reach:-reach, reach:-reach] += anchor
    anchor[rng.random(anchor.shape) < holes] = -1
    target[rng.random(target.shape) < holes] = np.nan
    found = alignment.agreement(anchor, target, reach)
    for i in range(-reach, reach + 1):
        for j in range(-reach, reach + 1):
            expected = _naive(anchor, target, i, j, reach)
            assert found[reach + i, reach + j] == pytest.approx(expected, rel=1e-5, abs=1e-4)
    assert found.argmax() == found.size // 2


@reproducible
@given(row=st.floats(-4.0, 4.0), column=st.floats(-4.0, 4.0), seed=st.integers(0, 1000))
def test_a_known_shift_is_found_to_a_tenth_of_a_pixel(row: float, column: float, seed: int) -> None:
    found = _found((row, column), seed)
    assert found.row == pytest.approx(row, abs=0.1)
    assert found.column == pytest.approx(column, abs=0.1)
    assert alignment.doubt(found) is None


def test_standard_errors_are_honest_and_nothing_is_invented() -> None:
    found = [_found((0.0, 0.0), seed) for seed in range(10)]
    z = np.array([(f.row / f.row_se, f.column / f.column_se) for f in found])
    assert 0.6 < np.sqrt((z**2).mean()) < 1.5
    assert not any(alignment.significant(f) for f in found)
    assert max(f.row_se for f in found) < 0.1


@pytest.mark.parametrize("tenths", [2, 5, 8])
def test_there_is_no_pull_towards_whole_pixels(tenths: int) -> None:
    """The same scene at a fraction of a pixel and at none: the difference is the fraction, to a fiftieth of a pixel."""
    still, moved = _found((0.0, 0.0), 5), _found((tenths / 10.0, -tenths / 10.0), 5)
    assert moved.row - still.row == pytest.approx(tenths / 10.0, abs=0.02)
    assert moved.column - still.column == pytest.approx(-tenths / 10.0, abs=0.02)


@reproducible
@given(seed=st.integers(0, 100), gain=st.floats(-30.0, 30.0).filter(lambda g: abs(g) > 0.1))
def test_neither_sign_nor_gain_nor_any_increasing_function_matters(seed: int, gain: float) -> None:
    rng = np.random.default_rng(seed)
    side = 2 * WINDOW_PX
    ground = _ground(rng, side + 2 * MARGIN)
    optical, target = _optical(ground, rng), _structure(_radar(ground, (0.0, 0.0), rng))
    plain = alignment.agreements(optical, [target])
    bent = alignment.agreements([np.exp(optical[0]), optical[1] ** 3], [target * np.float32(gain)])
    np.testing.assert_allclose(bent, plain, rtol=1e-3, atol=0.05)


def test_a_mirrored_pair_has_the_mirrored_shift() -> None:
    rng = np.random.default_rng(8)
    ground = _ground(rng)
    optical, target = _optical(ground, rng), _structure(_radar(ground, (1.3, -0.6), rng))
    straight = alignment.estimate(alignment.agreements(optical, [target]))
    mirrored = alignment.estimate(alignment.agreements([p[::-1] for p in optical], [target[::-1]]))
    assert straight is not None and mirrored is not None
    assert mirrored.row == pytest.approx(-straight.row, abs=1e-3)
    assert mirrored.column == pytest.approx(straight.column, abs=1e-3)


def test_holes_in_either_image_do_no_harm() -> None:
    rng = np.random.default_rng(3)
    ground = _ground(rng)
    optical, power = _optical(ground, rng), _radar(ground, (-0.4, 2.2), rng)
    cloud = gaussian_filter(rng.standard_normal(optical[0].shape), 12.0) > 0.02
    optical[0][cloud] = np.nan
    power[:, 100:130] = np.nan
    found = alignment.estimate(alignment.agreements(optical, [_structure(power)]))
    assert found is not None and alignment.doubt(found) is None
    assert found.row == pytest.approx(-0.4, abs=0.1)
    assert found.column == pytest.approx(2.2, abs=0.1)


def test_windows_whose_water_moved_pull_little() -> None:
    """A fifth of the windows say 2 px: the mean of all would be off by 0.4 px."""
    rng = np.random.default_rng(9)
    ground = _ground(rng)
    optical = _optical(ground, rng)
    still, moved = (
        alignment.agreements(optical, [_structure(_radar(ground, s, rng))]) for s in ((0.0, 0.0), (0.0, 2.0))
    )
    some = np.arange(len(still)) % 5 == 0
    found = alignment.estimate(np.where(some[:, None, None], moved, still))
    assert found is not None
    assert abs(found.column) < 0.25
    assert abs(found.row) < 0.1


def test_images_of_different_places_have_no_shift() -> None:
    for seed in range(6):
        rng = np.random.default_rng(seed)
        optical = _optical(_ground(rng), rng)
        target = _structure(_radar(_ground(rng), (0.0, 0.0), rng))
        assert alignment.doubt(alignment.estimate(alignment.agreements(optical, [target]))) is not None


def test_nothing_to_see_gives_nothing() -> None:
    rng = np.random.default_rng(1)
    optical = _optical(_ground(rng), rng)
    blank = np.full((SIDE + 2 * REACH_PX, SIDE + 2 * REACH_PX), np.nan, np.float32)
    assert np.isnan(alignment.agreements(optical, [blank])).all()
    assert alignment.estimate(alignment.agreements(optical, [blank])) is None
    flat = alignment.agreements(optical, [np.zeros_like(blank)])
    assert (flat == 0.0).all()
    assert alignment.doubt(alignment.estimate(flat)) is not None
    unseen = [np.full_like(p, np.nan) for p in optical]
    assert np.isnan(alignment.agreements(unseen, [np.zeros_like(blank)])).all()
    too_small = alignment.agreements([p[:50, :50] for p in optical], [blank[:62, :62]])
    assert too_small.shape == (0, 2 * REACH_PX + 1, 2 * REACH_PX + 1)
    assert alignment.estimate(too_small) is None


def test_a_shift_out_of_reach_is_not_brought_within() -> None:
    for shift in ((0.0, 5.6), (9.0, 0.0)):
        rng = np.random.default_rng(4)
        ground = _ground(rng)
        surfaces = alignment.agreements(_optical(ground, rng), [_structure(_radar(ground, shift, rng))])
        assert alignment.doubt(alignment.estimate(surfaces)) is not None


def test_doubts_are_said_in_words() -> None:
    sound = Estimate(0.5, -0.2, 0.03, 0.03, 18.0, 200, 12.0)
    assert alignment.doubt(sound) is None and alignment.significant(sound)
    assert "no distinct maximum" in str(alignment.doubt(None))
    assert "5 windows" in str(alignment.doubt(sound._replace(windows=5)))
    assert "resemble" in str(alignment.doubt(sound._replace(distinctness=2.0)))
    assert "disagree" in str(alignment.doubt(sound._replace(row_se=LARGEST_SE_PX + 0.1)))
    assert "5.5 px are more than misregistration" in str(alignment.doubt(sound._replace(row=5.5)))
    assert not alignment.significant(sound._replace(significance=3.0))
    assert not alignment.significant(sound._replace(row=0.06, column=0.05))


def test_a_margin_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="takes a margin of 3 px"):
        alignment.agreement(np.zeros((8, 8), np.int16), np.zeros((10, 10), np.float32), 3)


def test_power_is_smoothed_as_power_and_not_below_the_floor() -> None:
    power = np.full((40, 40), 0.1, np.float32)
    power[:, 20:] = 1e-6
    power[5, 5] = np.nan
    logs = alignment.log_power(power, 1e-3)
    assert np.isnan(logs[5, 5]) and np.isfinite(logs[5, 6])
    assert logs[20, 2] == pytest.approx(np.log(0.1), abs=1e-5)
    assert logs[20, 35] == pytest.approx(np.log(1e-3), abs=1e-5)
    assert np.abs(alignment.structure(logs)[20, [9, 31]]).max() < 0.05
    changed = power.copy()
    changed[20, 20] = 5.0
    reach = np.argwhere(
        np.nan_to_num(alignment.structure(alignment.log_power(changed, 1e-3)))
        != np.nan_to_num(alignment.structure(logs))
    )
    assert np.abs(reach - 20).max() == HALO_PX


def test_estimates_that_agree_are_joined_and_others_are_not() -> None:
    one = Estimate(0.50, -0.20, 0.04, 0.04, 13.0, 200, 12.0)
    two = Estimate(0.56, -0.14, 0.02, 0.04, 20.0, 150, 9.0)
    both = alignment.combined([one, two])
    assert both.row == pytest.approx((0.50 / 0.04**2 + 0.56 / 0.02**2) / (1 / 0.04**2 + 1 / 0.02**2))
    assert both.column == pytest.approx(-0.17)
    assert (both.row_se, both.column_se) == pytest.approx((0.04 / np.sqrt(5.0), 0.04 / np.sqrt(2.0)))
    assert (both.windows, both.distinctness) == (350, 9.0)
    assert alignment.combined([one]) == one
    assert alignment.combined([one, two._replace(row=0.9)]) == one


@pytest.mark.parametrize("windows", [1, 2, 3])
@pytest.mark.parametrize("seed", range(6))
def test_few_windows_give_a_doubted_shift_or_none_and_never_an_error(windows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    axis = np.arange(-REACH_PX, REACH_PX + 1)
    peak = -0.1 * (axis[:, None] ** 2 + axis[None, :] ** 2) + 0.01 * rng.standard_normal((axis.size,) * 2)
    found = alignment.estimate(np.repeat(peak[None], windows, axis=0))
    assert alignment.doubt(found) is not None
