"""Slopes from a dry archive, quantile maps, and what both leave of the angle (harmonization.md 2)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import theilslopes

from floodfuse.harmonize import angle, angle_map
from floodfuse.harmonize.angle import Slope
from floodfuse.harmonize.incidence import normalise_linear
from floodfuse.harmonize.radiometry import to_db
from floodfuse.harmonize.water import cmod5n_mean, l_water_db

Float = NDArray[np.float64]
Estimator = Callable[[Float, Float], Slope]
reproducible = settings(deadline=None, derandomize=True, max_examples=40)
ESTIMATORS = pytest.mark.parametrize("estimate", [angle.theil_sen, angle.huber])


def archive(
    looks: int = 30, pixels: int = 1000, slope: float = -0.13, sd: float = 0.8
) -> tuple[Float, Float]:
    """Three orbits, about 31, 38 and 44 degrees."""
    rng = np.random.default_rng(4)
    theta = np.repeat([31.0, 38.0, 44.0], looks // 3)[:, None] + rng.normal(0.0, 0.1, (looks, pixels))
    return -10.0 + slope * (theta - 38.0) + sd * rng.normal(size=theta.shape), theta


@ESTIMATORS
def test_a_slope_is_found_with_the_error_it_states(estimate: Estimator) -> None:
    found = estimate(*archive())
    assert found.slope.mean() == pytest.approx(-0.13, abs=3 * found.slope.std() / np.sqrt(1000))
    assert found.se.mean() == pytest.approx(found.slope.std(), rel=0.12)
    assert found.accepted.mean() > 0.97


@ESTIMATORS
def test_wild_looks_move_it_little(estimate: Estimator) -> None:
    """Every sixth look 15 dB up: least squares scatter ten times as much."""
    y, theta = archive()
    y[::6] += 15.0
    least_squares = np.array([np.polyfit(theta[:, i], y[:, i], 1)[0] for i in range(300)])
    wild = estimate(y, theta).slope[:300]
    assert abs(np.median(wild) + 0.13) < 0.03
    assert np.abs(wild + 0.13).mean() < 0.4 * np.abs(least_squares + 0.13).mean()


def test_theil_sen_is_that_of_scipy() -> None:
    rng = np.random.default_rng(5)
    theta = np.arange(9) * 2.0 + 30.0
    y = rng.normal(size=(9, 20))
    ours = angle.theil_sen(y, theta[:, None]).slope
    assert ours == pytest.approx([theilslopes(y[:, i], theta).slope for i in range(20)], abs=1e-12)


@ESTIMATORS
@reproducible
@given(slope=st.floats(-0.6, 0.1), level=st.floats(-25.0, 0.0), tilt=st.floats(-0.3, 0.3))
def test_exact_lines_come_back_and_a_tilt_adds(
    estimate: Estimator, slope: float, level: float, tilt: float
) -> None:
    theta = np.array([30.0, 33.0, 37.0, 41.0, 45.0])[:, None]
    assert estimate(level + slope * theta, theta).slope[0] == pytest.approx(slope, abs=1e-9)
    y = level + np.sin(theta)
    assert estimate(y + tilt * theta, theta).slope[0] == pytest.approx(
        estimate(y, theta).slope[0] + tilt, abs=1e-7
    )


@ESTIMATORS
def test_missing_looks_are_left_out_and_too_few_say_nothing(estimate: Estimator) -> None:
    y, theta = archive(pixels=3)
    y[::2, 0] = np.nan
    y[2:, 1] = np.nan
    y[:, 2] = np.nan
    found = estimate(y, theta)
    alone = estimate(y[1::2, :1], theta[1::2, :1])
    assert found.slope[0] == pytest.approx(alone.slope[0], abs=1e-12)
    assert found.se[0] == pytest.approx(alone.se[0], abs=1e-12)
    assert np.isnan(found.slope[1:]).all() and not found.accepted[1:].any()


@ESTIMATORS
def test_one_track_is_not_accepted(estimate: Estimator) -> None:
    rng = np.random.default_rng(6)
    theta = 38.0 + rng.uniform(-1.2, 1.2, (400, 5))
    found = estimate(-10.0 + 0.01 * rng.normal(size=theta.shape), theta)
    assert (found.se < angle.LARGEST_SE_DB_DEG).all() and not found.accepted.any()


def test_shrinking_weighs_by_precision() -> None:
    own = Slope(np.array([-0.20, -0.20, np.nan]), np.array([0.03, 0.08, np.nan]), np.array([6.0, 6.0, 0.0]))
    mean, sd = angle.shrunk(own, -0.10)
    expected = (-0.20 / 0.03**2 - 0.10 / 0.06**2) / (1 / 0.03**2 + 1 / 0.06**2)
    assert mean == pytest.approx([expected, -0.10, -0.10])  # the second is too uncertain to count
    assert sd == pytest.approx([1 / np.sqrt(1 / 0.03**2 + 1 / 0.06**2), 0.06, 0.06])


@reproducible
@given(own=st.floats(-0.7, 0.2), se=st.floats(1e-4, 0.049), of_class=st.floats(-0.7, 0.2))
def test_a_shrunk_slope_lies_between_its_own_and_its_class(own: float, se: float, of_class: float) -> None:
    mean, sd = angle.shrunk(Slope(np.array(own), np.array(se), np.array(5.0)), of_class)
    assert min(own, of_class) - 1e-12 <= mean <= max(own, of_class) + 1e-12
    assert sd <= min(se, angle.CLASS_SPREAD_DB_DEG)


@pytest.mark.parametrize("quantile", [0.25, 0.5, 0.9])
def test_quantile_line_leaves_its_share_below_and_no_line_is_better(quantile: float) -> None:
    rng = np.random.default_rng(7)
    theta = rng.uniform(30.0, 46.0, 1500)
    y = -11.0 - 0.12 * (theta - 38.0) + rng.gumbel(0.0, 1.5, theta.size)
    line = angle.quantile_line(y, theta, quantile)

    def loss(level: float, slope: float) -> float:
        r = y - level - slope * (theta - 38.0)
        return float(np.where(r > 0, quantile * r, (quantile - 1.0) * r).sum())

    best = loss(line.level_db, line.slope)
    assert (y < line.level_db + line.slope * (theta - 38.0)).mean() == pytest.approx(quantile, abs=0.003)
    for d_level, d_slope in ((0.01, 0), (-0.01, 0), (0, 0.002), (0, -0.002), (0.01, 0.001), (-0.01, -0.001)):
        assert loss(line.level_db + d_level, line.slope + d_slope) > best
    assert line.slope == pytest.approx(-0.12, abs=4 * line.se)


def test_quantile_line_states_its_error() -> None:
    rng = np.random.default_rng(8)
    theta = rng.uniform(30.0, 46.0, (400, 300))
    y = -0.1 * theta + rng.normal(0.0, 2.0, theta.shape)
    lines = [angle.quantile_line(a, b) for a, b in zip(y, theta, strict=True)]
    assert np.mean([line.se for line in lines]) == pytest.approx(
        np.std([line.slope for line in lines]), rel=0.15
    )


def test_quantile_line_needs_a_swath() -> None:
    with pytest.raises(ValueError, match="3 degrees apart"):
        angle.quantile_line(np.arange(10.0), np.linspace(38.0, 39.0, 10))


def test_class_slopes_keep_the_prior_of_a_class_that_is_missing() -> None:
    rng = np.random.default_rng(9)
    theta = rng.uniform(30.0, 46.0, 4000)
    k = rng.integers(0, 2, 4000)
    y = np.where(k == 0, -0.02, -0.20) * (theta - 38.0) - 8.0 + rng.normal(0.0, 1.5, 4000)
    found = angle.class_slopes(y, theta, k, {0: -0.06, 1: -0.16, 2: -0.39})
    assert found[0][0] == pytest.approx(-0.02, abs=0.02) and found[1][0] == pytest.approx(-0.20, abs=0.02)
    assert found[0][1] < 0.02
    assert found[2] == pytest.approx((-0.39, angle.CLASS_SPREAD_DB_DEG))


@pytest.mark.parametrize(
    ("surface", "largest_db"), [("C water, line", 1.0), ("L water, line", 0.55), ("C water, model", 0.01)]
)
def test_what_is_left_of_the_angle_over_water(surface: str, largest_db: float) -> None:
    """Property 4, 30 to 46 degrees; soil is in `test_soil`. A line leaves the curve, the model function nothing.

    The model is taken in whole degrees, as tables of class means are, and looked up at angles between.
    """
    fine = np.arange(30.0, 46.01, 0.1)
    y = l_water_db(fine, 5.0) if surface.startswith("L") else to_db(cmod5n_mean(fine, 5.0))
    whole = np.arange(29.0, 47.1)
    if surface.endswith("line"):
        level = normalise_linear(y, fine, np.polyfit(fine, y, 1)[0])
    else:
        level = y - np.interp(fine, whole, to_db(cmod5n_mean(whole, 5.0)))
    left = np.abs(level - level[np.abs(fine - 38.0).argmin()]).max()
    assert left < largest_db
    if surface.endswith("line"):
        assert left > 0.5 * largest_db  # the bound is not idle


@reproducible
@given(theta=st.floats(20.0, 60.0), slope=st.floats(-0.6, 0.1), power=st.floats(-0.01, 2.0))
def test_gamma0_at_38_is_the_linear_law_in_power_and_keeps_signs(
    theta: float, slope: float, power: float
) -> None:
    moved = angle.gamma0_at_38(power, theta, slope)
    assert np.sign(moved) == np.sign(power)
    if power > 1e-6:
        assert to_db(moved) == pytest.approx(float(normalise_linear(to_db(power), theta, slope)), abs=1e-9)
    assert angle.gamma0_at_38(power, 38.0, slope) == power


# ---- quantile maps


def dry_swath(n: int = 60_000, slope: float = -0.15) -> tuple[Float, Float, NDArray[np.int64]]:
    rng = np.random.default_rng(10)
    theta = rng.uniform(32.0, 44.0, n)
    cover = rng.choice([10, 30, 40], n, p=[0.3, 0.3, 0.4])
    y = np.select([cover == 10, cover == 30], [-7.0, -10.0], -13.0) + slope * (theta - 38.0)
    return y + rng.normal(0.0, 1.0, n), theta, cover


def test_a_quantile_map_takes_the_angle_out() -> None:
    y, theta, cover = dry_swath()
    fitted = angle_map.fit_angle_map(y, theta, cover)
    flat = fitted(y, theta)
    assert abs(np.polyfit(theta, flat, 1)[0]) < 0.01
    assert abs(np.polyfit(theta, y, 1)[0]) > 0.1
    for k in (10, 30, 40):
        assert abs(np.polyfit(theta[cover == k], flat[cover == k], 1)[0]) < 0.03


def test_a_frozen_map_keeps_a_flood_on_one_side_of_the_swath() -> None:
    """Each flooded value falls by 8 dB and stays 8 dB below; a map made from the flood image would lift it."""
    y, theta, cover = dry_swath()
    fitted = angle_map.fit_angle_map(y, theta, cover)
    flooded = theta < 36.0
    fall = fitted(y, theta)[flooded] - fitted(np.where(flooded, y - 8.0, y), theta)[flooded]
    assert np.median(fall) == pytest.approx(8.0, abs=0.5)
    with_flood = angle_map.fit_angle_map(np.where(flooded, y - 8.0, y), theta, cover)
    erased = fitted(y, theta)[flooded] - with_flood(np.where(flooded, y - 8.0, y), theta)[flooded]
    assert np.median(erased) == pytest.approx(0.0, abs=0.5)


def test_at_38_degrees_a_map_changes_nothing_and_values_do_not_depend_on_company() -> None:
    y, theta, cover = dry_swath()
    fitted = angle_map.fit_angle_map(y, theta, cover)
    wide = np.linspace(-40.0, 10.0, 101)
    np.testing.assert_allclose(fitted(wide, 38.0), wide, atol=1e-12)
    together = fitted(wide, np.linspace(30.0, 46.0, 101))
    alone = [float(fitted(a, b)) for a, b in zip(wide, np.linspace(30.0, 46.0, 101), strict=True)]
    np.testing.assert_array_equal(together, alone)
    assert np.isnan(fitted([np.nan, -10.0], [38.0, np.nan])).all()


@reproducible
@given(theta=st.floats(28.0, 48.0))
def test_a_map_keeps_the_order_of_values(theta: float) -> None:
    fitted = angle_map.fit_angle_map(*dry_swath(20_000))
    assert (np.diff(fitted(np.linspace(-30.0, 5.0, 200), theta)) > 0.0).all()


def test_a_swath_whose_land_cover_changes_is_refused() -> None:
    y, theta, cover = dry_swath()
    cover = np.where((theta > 43.0) & (cover == 10), 40, cover)
    with pytest.raises(ValueError, match=r"land cover at 4[34] degrees differs"):
        angle_map.fit_angle_map(y, theta, cover)


def test_a_swath_without_38_degrees_or_with_a_gap_is_refused() -> None:
    y, theta, cover = dry_swath()
    for keep, words in (
        (theta > 39.0, "nothing to map onto"),
        (np.abs(theta - 41.0) > 0.5, "at 41 degrees, between"),
    ):
        with pytest.raises(ValueError, match=words):
            angle_map.fit_angle_map(y[keep], theta[keep], cover[keep])


def test_mix_distance_is_the_largest_difference_of_any_set_of_classes() -> None:
    a, b = np.repeat([1, 2, 3], [5, 3, 2]), np.repeat([1, 3, 4], [5, 2, 3])
    assert angle_map.mix_distance(a, b) == pytest.approx(0.3)
    assert angle_map.mix_distance(a, a[::-1]) == 0.0
    assert angle_map.mix_distance([1], [2]) == 1.0
