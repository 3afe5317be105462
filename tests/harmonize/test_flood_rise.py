"""How far a flood rose: told right from ground of known odds, careful where little is told, and exact in what it does to a prior."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit, logit

from floodfuse.harmonize.classes import FLOODED, EvidenceClass
from floodfuse.harmonize.flood_rise import (
    FIELD_M,
    SAMPLE_M,
    STEPS_NATS,
    rise_nats,
    risen,
    sampled,
    support,
)

W, LOW = EvidenceClass.OPEN_WATER, EvidenceClass.DRY_LOW_VEG
FLOODED_FIRST = slice(0, len(FLOODED))
reproducible = settings(deadline=None, derandomize=True, max_examples=40)


def prior_of(water: NDArray[np.floating]) -> NDArray[np.float32]:
    """ln prior in which flooded classes have so much together, shared unequally, as have the dry ones."""
    within = np.array([0.6, 0.2, 0.15, 0.05])
    share = np.concatenate([np.multiply.outer(water, within), np.multiply.outer(1 - water, within[::-1])], -1)
    return np.log(share).astype(np.float32)


def seen_of(flooded: NDArray[np.bool_], apart: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Evidence of values that are normal about -1/2 and 1/2, in units in which the difference is `apart`."""
    value = np.where(flooded, 0.5, -0.5) * apart + rng.normal(size=flooded.size)
    nats = np.zeros((flooded.size, len(EvidenceClass)))
    nats[:, FLOODED_FIRST] = (apart * value)[:, None]  # ln N(value; +) - ln N(value; -)
    return nats


@pytest.mark.parametrize("true", [-3.0, -1.0, 0.0, 1.5])
@pytest.mark.parametrize("apart", [1.5, 4.0])
def test_the_rise_that_made_the_flood_is_found(true: float, apart: float) -> None:
    rng = np.random.default_rng(4)
    water = expit(-rng.uniform(0.0, 4.0, 6000))
    flooded = rng.uniform(size=water.size) < expit(logit(water) + true)
    found = rise_nats(support(seen_of(flooded, apart, rng), prior_of(water), FIELD_M))
    assert found == pytest.approx(true, abs=0.25)


def test_support_is_the_plain_sum_over_samples() -> None:
    rng = np.random.default_rng(1)
    nats = rng.normal(0.0, 2.0, (7, 8)).astype(np.float32)
    log_share = prior_of(rng.uniform(0.1, 0.9, 7))
    expected = []
    for step in STEPS_NATS:
        total = 0.0
        for seen, share in zip(np.exp(nats.astype(float)), np.exp(log_share.astype(float)), strict=True):
            moved = share * np.where(np.arange(8) < len(FLOODED), np.exp(step), 1.0)
            total += np.log((moved / moved.sum() * seen).sum() / share.sum())
        expected.append((SAMPLE_M / FIELD_M) ** 2 * total)
    np.testing.assert_allclose(support(nats, log_share, SAMPLE_M), expected, rtol=1e-5, atol=1e-6)


def test_nothing_seen_is_nothing_told() -> None:
    log_share = prior_of(np.linspace(0.1, 0.9, 50))
    assert rise_nats(support(np.zeros((50, 8)), log_share, FIELD_M)) == pytest.approx(0.0, abs=1e-9)
    assert rise_nats(support(np.zeros((0, 8)), log_share[:0], FIELD_M)) == pytest.approx(0.0, abs=1e-12)


def test_a_few_fields_tell_less_than_many() -> None:
    rng = np.random.default_rng(2)
    nats = seen_of(np.zeros(400, bool), 4.0, rng)
    log_share = prior_of(np.full(400, 0.5))
    few, many = (rise_nats(support(nats, log_share, side)) for side in (SAMPLE_M / 4, SAMPLE_M))
    assert many < few - 0.5 < few < 0.0


@reproducible
@given(seed=st.integers(0, 1000), more=st.floats(0.0, 3.0), offset=st.floats(-5.0, 5.0))
def test_more_water_seen_is_no_lower_a_flood_and_common_factors_cancel(
    seed: int, more: float, offset: float
) -> None:
    rng = np.random.default_rng(seed)
    nats = rng.normal(0.0, 2.0, (60, 8))
    log_share = prior_of(rng.uniform(0.05, 0.95, 60))
    wetter = nats.copy()
    wetter[:, FLOODED_FIRST] += more
    before = rise_nats(support(nats, log_share, FIELD_M / 3))
    assert rise_nats(support(wetter, log_share, FIELD_M / 3)) >= before - 1e-9
    assert rise_nats(support(nats + offset, log_share, FIELD_M / 3)) == pytest.approx(before, abs=1e-6)


@reproducible
@given(seed=st.integers(0, 1000), rise=st.floats(-6.0, 6.0, width=32).filter(lambda r: r != 0.0))
def test_a_risen_prior_has_its_log_odds_moved_and_nothing_else(seed: int, rise: float) -> None:
    log_share = prior_of(np.random.default_rng(seed).uniform(0.02, 0.98, (4, 5)))
    moved = risen(log_share, np.full((4, 5), rise, np.float32)).astype(float)
    np.testing.assert_allclose(np.exp(moved).sum(axis=-1), 1.0, atol=1e-6)

    def odds(values: NDArray[np.floating]) -> NDArray[np.float64]:
        share = np.exp(values.astype(float))
        return np.asarray(np.log(share[..., FLOODED_FIRST].sum(-1) / share[..., len(FLOODED) :].sum(-1)))

    np.testing.assert_allclose(odds(moved) - odds(log_share), rise, atol=2e-5)
    for some in (FLOODED_FIRST, slice(len(FLOODED), None)):
        before, after = log_share[..., some].astype(float), moved[..., some]
        np.testing.assert_allclose(after - after[..., :1], before - before[..., :1], atol=2e-5)


def test_where_the_flood_is_a_usual_one_the_prior_stays_to_the_last_bit() -> None:
    log_share = prior_of(np.random.default_rng(3).uniform(size=(3, 4)))
    rise = np.zeros((3, 4), np.float32)
    rise[1, 2] = -2.0
    moved = risen(log_share, rise)
    same = rise == 0.0
    np.testing.assert_array_equal(moved[same], log_share[same])
    assert moved[1, 2, W] < log_share[1, 2, W] and moved[1, 2, LOW] > log_share[1, 2, LOW]


@pytest.mark.parametrize(
    ("pixel_m", "expected"), [(10.0, slice(2, None, 4)), (20.0, slice(1, None, 2)), (50.0, slice(0, None, 1))]
)
def test_samples_are_forty_metres_apart(pixel_m: float, expected: slice) -> None:
    assert sampled(pixel_m) == expected
