"""Ever flooded: against a sum over all histories, and against histories drawn from the chain."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from floodfuse.harmonize.classes import FLOODED, Decider
from floodfuse.harmonize.decay import persistence
from floodfuse.harmonize.history import Pass, ever_flooded, flood_llr
from floodfuse.models.bayes import fuse

reproducible = settings(deadline=None, derandomize=True, max_examples=80)
chances = st.floats(0.001, 0.999)
looks = st.lists(st.tuples(st.floats(-12.0, 12.0), st.floats(-4.0, 4.0)), min_size=1, max_size=5)
half_lives = st.sampled_from([2.0, 5.0, 10.0])


def pixel(value: float) -> NDArray[np.float32]:
    return np.full((1, 1), value, np.float32)


def passes_of(seen: list[tuple[float, float]]) -> list[Pass]:
    return [Pass(f"p{n}", days, pixel(llr)) for n, (days, llr) in enumerate(seen)]


def ever(p: float, seen: list[tuple[float, float]], half_life: float = 5.0) -> float:
    return float(ever_flooded(pixel(p), passes_of(seen), half_life)[0, 0])


def by_histories(
    prior: float, seen: list[tuple[float, float]], half_life: float
) -> tuple[float, float, float]:
    """P(wet at t*), the largest P(wet at any time), P(ever wet): every history of the chain weighed, one by one."""
    events = sorted([*seen, (0.0, 0.0)])
    now = events.index((0.0, 0.0))
    total = dry = 0.0
    wet = np.zeros(len(events))
    for states in product((0, 1), repeat=len(events)):
        weight = prior if states[now] else 1.0 - prior
        # Outwards from the product's time on both sides; the chain is reversible.
        for path in (range(now, len(events)), range(now, -1, -1)):
            for a, b in pairwise(path):
                p = persistence(events[b][0] - events[a][0], half_life)
                stays = float(p.wet if states[a] else p.dry)
                weight *= stays if states[a] == states[b] else 1.0 - stays
        weight *= np.exp(sum(llr for (_, llr), state in zip(events, states, strict=True) if state))
        total += weight
        wet += weight * np.array(states)
        dry += weight * (not any(states))
    return wet[now] / total, wet.max() / total, 1.0 - dry / total


@reproducible
@given(prior=chances, seen=looks, half_life=half_lives)
def test_equals_the_sum_over_all_histories(
    prior: float, seen: list[tuple[float, float]], half_life: float
) -> None:
    seen = [(days, llr) for days, llr in seen if days != 0.0]
    at_time, most, expected = by_histories(prior, seen, half_life)
    found = ever(at_time, seen, half_life)
    assert found == pytest.approx(expected, abs=2e-6)
    assert found >= most - 2e-6  # never below the likeliest of its times


@reproducible
@given(p=chances, seen=looks, half_life=half_lives)
def test_lies_between_flooded_now_and_one(
    p: float, seen: list[tuple[float, float]], half_life: float
) -> None:
    found = ever(p, seen, half_life)
    assert np.float32(p) <= found <= 1.0


@reproducible
@given(p=chances, llr=st.floats(-4.0, 4.0))
def test_one_pass_at_the_products_time_says_flooded_now(p: float, llr: float) -> None:
    assert ever(p, [(0.0, llr)]) == np.float32(p)
    assert ever(p, []) == np.float32(p)


@reproducible
@given(p=chances, seen=looks, which=st.integers(0, 4), more=st.floats(0.01, 3.0))
def test_rises_with_the_evidence_of_any_pass(
    p: float, seen: list[tuple[float, float]], which: int, more: float
) -> None:
    n = which % len(seen)
    wetter = [(days, llr + more * (i == n)) for i, (days, llr) in enumerate(seen)]
    assert ever(p, wetter) >= ever(p, seen) - 1e-6


@reproducible
@given(p=chances, seen=looks)
def test_order_and_side_of_time_make_no_difference(p: float, seen: list[tuple[float, float]]) -> None:
    assert ever(p, seen[::-1]) == pytest.approx(ever(p, seen), abs=1e-6)
    assert ever(p, [(-days, llr) for days, llr in seen]) == pytest.approx(ever(p, seen), abs=1e-6)


def test_a_pass_that_saw_nothing_is_as_if_it_had_not_been() -> None:
    seen = [(-6.0, 3.0), (-3.0, float("nan")), (-1.0, -2.0), (4.0, float("nan"))]
    assert ever(0.2, seen) == ever(0.2, [(-6.0, 3.0), (-1.0, -2.0)])
    assert np.isnan(ever(float("nan"), seen))


def test_a_flood_that_came_and_went_shows_although_the_ground_is_dry_now() -> None:
    """Drawn from the chain: of pixels dry now, those whose six-day-old pass says water were flooded as often as said."""
    rng = np.random.default_rng(3)
    n, half_life, separation = 200_000, 5.0, 2.5
    p = persistence(6.0, half_life)
    now = rng.random(n) < 0.3
    earlier = rng.random(n) < np.where(now, p.wet, 1.0 - p.dry)
    at_now, at_earlier = (
        separation * (2.0 * state - 1.0) + rng.normal(0, np.sqrt(2 * separation), n)
        for state in (now, earlier)
    )
    # A normal score of mean +-m and variance 2 m is its own log-likelihood ratio. Posterior at t* from both passes:
    moved = np.log((p.wet * np.exp(at_earlier) + 1 - p.wet) / ((1 - p.dry) * np.exp(at_earlier) + p.dry))
    posterior = 1.0 / (1.0 + np.exp(-(np.log(0.3 / 0.7) + at_now + moved)))
    found = ever_flooded(
        posterior.astype(np.float32)[None],
        [Pass("old", -6.0, at_earlier.astype(np.float32)[None])],
        half_life,
    )[0]
    truly = now | earlier
    for low in np.arange(0.0, 1.0, 0.2):
        within = (found >= low) & (found < low + 0.2)
        assert within.sum() > 500
        spread = 4.0 * np.sqrt(0.25 / within.sum())
        assert truly[within].mean() == pytest.approx(float(found[within].mean()), abs=spread)
    gone = earlier & ~now
    assert found[gone].mean() > posterior[gone].mean() + 0.2


def test_each_pixel_has_its_own_half_life() -> None:
    life = np.array([[2.0, 10.0]])
    both = ever_flooded(
        np.full((1, 2), 0.1, np.float32), [Pass("a", -4.0, np.full((1, 2), 2.0, np.float32))], life
    )
    assert both[0].tolist() == [ever(0.1, [(-4.0, 2.0)], 2.0), ever(0.1, [(-4.0, 2.0)], 10.0)]


@reproducible
@given(seed=st.integers(0, 1000))
def test_the_ratio_of_one_sensor_is_what_bayes_moves_the_odds_by(seed: int) -> None:
    rng = np.random.default_rng(seed)
    evidence = np.maximum(rng.uniform(-6, 0, (3, 4, 8)), -4.0).astype(np.float32)
    evidence -= evidence.max(axis=-1, keepdims=True)
    evidence[0, 0] = np.nan
    share = rng.dirichlet(np.ones(8), (3, 4))
    llr = flood_llr(evidence, np.log(share).astype(np.float32))
    assert np.isnan(llr[0, 0]) and np.abs(llr[1:]).max() <= 4.0 + 1e-5
    water = fuse({Decider.ALOS2: evidence}, np.log(share).astype(np.float32)).water.astype(float)
    before = share[..., : len(FLOODED)].sum(axis=-1)
    moved = np.log(water / (1 - water)) - np.log(before / (1 - before))
    np.testing.assert_allclose(llr[1:], moved[1:], atol=2e-4)


def test_the_ratio_needs_shares_and_not_the_prior_of_a_flood() -> None:
    """Twice as much water in the prior, class shares within flooded and within dry alike: the same ratio."""
    rng = np.random.default_rng(0)
    evidence = -rng.uniform(0, 4, (1, 5, 8)).astype(np.float32)
    shares = rng.dirichlet(np.ones(8))
    likelier = np.where(np.arange(8) < len(FLOODED), 2.0 * shares, shares)
    first, second = (
        flood_llr(evidence, np.log(np.tile(s, (1, 5, 1))).astype(np.float32)) for s in (shares, likelier)
    )
    np.testing.assert_allclose(first, second, atol=1e-5)
