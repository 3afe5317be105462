"""The dry level of a pixel from earlier scenes: recovery of a known truth, robustness, seasons (harmonization.md 4.2)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from floodfuse.harmonize.dry_level import (
    MOST_SCENES,
    YEAR_DAYS,
    dry_level,
    harmonics,
    median_leverage,
    speckle_variance_db2,
    trusted,
)

Float32 = NDArray[np.float32]
reproducible = settings(deadline=None, derandomize=True, max_examples=40)
SHAPE = (100, 200)


def drawn(
    rng: np.random.Generator, levels_db: NDArray[np.float64], weather_db: float, looks: float
) -> Float32:
    """Speckled scenes (scene, y, x) in dB about one level each."""
    shape = (levels_db.size, *SHAPE)
    level = levels_db[:, None, None] + weather_db * rng.standard_normal(shape)
    return (level + 10.0 * np.log10(rng.gamma(looks, 1.0 / looks, shape))).astype(np.float32)


@pytest.mark.parametrize("looks", [2.0, 4.4, 24.0])
@pytest.mark.parametrize("count", [1, 4, 5, 12])
def test_level_and_spread_of_a_known_truth(looks: float, count: int) -> None:
    rng = np.random.default_rng(1)
    found = dry_level(drawn(rng, np.full(count, -11.0), 1.2, looks), np.arange(count), looks)
    scatter = 1.2**2 + float(speckle_variance_db2(looks))
    tolerance = 4.0 * np.sqrt(scatter * median_leverage(count) / np.prod(SHAPE))
    assert found.level_db.mean() == pytest.approx(-11.0, abs=tolerance + (0.1 if looks < 5 else 0.02))
    assert np.var(found.level_db) == pytest.approx(
        scatter * median_leverage(count), rel=0.05 if count < 3 else 0.12 * (1.0 + 1.0 / looks)
    )
    assert (found.freedom == count - 1).all()
    if count > 3:
        assert found.variance_db2.mean() == pytest.approx(1.2**2, abs=0.25 * scatter)


def test_a_flood_among_the_references_does_not_move_the_level() -> None:
    rng = np.random.default_rng(2)
    stack = drawn(rng, np.full(9, -9.0), 0.7, 4.4)
    flooded = stack.copy()
    flooded[3] -= 9.0
    clean, found = (dry_level(s, np.arange(9), 4.4) for s in (stack, flooded))
    assert abs(float((found.level_db - clean.level_db).mean())) < 0.5
    assert (flooded.mean() - stack.mean()) == pytest.approx(-1.0, abs=1e-3)  # a mean is moved by all of it
    assert (
        np.median(found.variance_db2) < 12.0
    )  # the plain variance would hold 81 * 8 / 81 = 8 dB^2 of it and more


@given(st.permutations(range(9)), st.booleans(), st.integers(0, 50))
@reproducible
def test_the_order_of_scenes_changes_nothing(order: list[int], seasonal: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    days = np.cumsum(rng.uniform(20.0, 60.0, 9))
    stack = rng.normal(-10.0, 3.0, (9, 5, 7)).astype(np.float32)
    stack[rng.random(stack.shape) < 0.15] = np.nan
    one = dry_level(stack, days, 4.4, 400.0, seasonal)
    two = dry_level(stack[order], days[order], 4.4, 400.0, seasonal)
    for a, b in zip(one, two, strict=True):
        assert np.array_equal(a, b, equal_nan=True)


@pytest.mark.parametrize("seasonal", [False, True])
def test_a_pixel_depends_on_no_other(seasonal: bool) -> None:
    rng = np.random.default_rng(3)
    stack = rng.normal(-10.0, 3.0, (12, 40, 31)).astype(np.float32)
    stack[rng.random(stack.shape) < 0.1] = np.nan
    days = np.arange(12) * 31.0
    whole = dry_level(stack, days, 4.4, 380.0, seasonal)
    part = dry_level(stack[:, 11:18, 5:6], days, 4.4, 380.0, seasonal)
    for a, b in zip(whole, part, strict=True):
        assert np.array_equal(a[11:18, 5:6], b, equal_nan=True)


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ([0.0], 0),
        (list(np.arange(12) * 12.0), 0),  # one season
        (list(np.arange(5) * 73.0), 1),
        (list(np.arange(7) * 52.0), 2),
        (list(np.arange(12) * 30.5), 3),
        (list(np.arange(12) * YEAR_DAYS), 0),  # one day of many years
    ],
)
def test_harmonics_need_dates_through_the_year(days: list[float], expected: int) -> None:
    assert harmonics(days) == expected


def test_a_season_is_followed() -> None:
    """A field that is 3 dB brighter in summer: the median is off by 3 dB in winter, the harmonic level is not."""
    rng = np.random.default_rng(4)
    days = np.arange(12) * 30.5
    season = -10.0 - 3.0 * np.cos(2.0 * np.pi * days / YEAR_DAYS)
    stack = drawn(rng, season, 0.5, 12.0)
    winter = dry_level(stack, days, 12.0, 365.25, seasonal=True)
    flat = dry_level(stack, days, 12.0, 365.25, seasonal=False)
    assert winter.level_db.mean() == pytest.approx(-13.0, abs=0.6)  # ridge keeps a sixth of the season back
    assert flat.level_db.mean() == pytest.approx(-10.0, abs=0.4)
    assert np.sqrt(np.square(winter.level_db + 13.0).mean()) < 0.5 * np.sqrt(
        np.square(flat.level_db + 13.0).mean()
    )
    assert winter.variance_db2.mean() < 0.3 * flat.variance_db2.mean()


def test_the_harmonic_level_is_the_ridge_regression_written_down() -> None:
    """Float64 and plain matrices, on values near enough to one another that none is pulled in."""
    rng = np.random.default_rng(5)
    days, looks, day = np.arange(9) * 40.0, 30.0, 371.0
    stack = rng.normal(-10.0, 0.3, (9, 4, 6)).astype(np.float32)
    found = dry_level(stack, days, looks, day, seasonal=True)
    spread2 = 1.0 + float(speckle_variance_db2(looks))
    turn = 2.0 * np.pi * (days - day)[:, None] * [1, 2, 3] / YEAR_DAYS
    x = np.hstack([np.ones((9, 1)), np.cos(turn), np.sin(turn)])
    penalty = np.diag([0.0, *2 * [spread2 * j**2 / 1.5**2 for j in (1, 2, 3)]])
    theta = np.linalg.solve(x.T @ x + penalty, x.T @ stack.reshape(9, -1).astype(float))
    at = np.array([1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    draws = 10.0 * np.log10(rng.gamma(looks, 1.0 / looks, 2_000_000))
    expected = (at @ theta).reshape(4, 6) - draws.mean()
    assert found.level_db == pytest.approx(expected, abs=2e-3)
    assert found.leverage == pytest.approx(at @ np.linalg.solve(x.T @ x + penalty, at), rel=1e-5)


def test_what_has_no_value_has_no_level() -> None:
    stack = np.full((3, 2, 2), -10.0, np.float32)
    stack[:, 0, 0] = np.nan
    stack[1:, 0, 1] = np.nan
    found = dry_level(stack, [0.0, 1.0, 2.0], 4.4)
    assert np.isnan(found.level_db[0, 0]) and np.isfinite(found.level_db[0, 1])
    assert (found.freedom[0, 1], found.leverage[0, 1]) == (0.0, 1.0)
    assert (found.freedom[1, 1], found.leverage[1, 1]) == (2.0, np.float32(median_leverage(3)))


@pytest.mark.parametrize(("looks", "enough"), [(4.4, 4), (6.6, 2), (24.0, 1)])
def test_a_level_counts_from_so_many_dates(looks: float, enough: int) -> None:
    for count in range(1, 8):
        found = trusted(dry_level(np.full((count, 1, 1), -9.0, np.float32), np.arange(count), looks), looks)
        assert np.isfinite(found.level_db[0, 0]) == (count >= enough)


@pytest.mark.parametrize("count", [0, MOST_SCENES + 1])
def test_too_many_or_no_scenes_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match=r"give 1 to 16"):
        dry_level(np.zeros((count, 2, 2), np.float32), np.arange(count), 4.4)
