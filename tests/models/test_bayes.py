"""Fusion by Bayes' rule: sums per class, abstention, the prior once, and who decided (harmonization.md 6)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import logsumexp

from floodfuse.harmonize.classes import DRY, FLOODED, Decider, EvidenceClass
from floodfuse.harmonize.correlation import discounted
from floodfuse.harmonize.decay import decay_evidence, persistence
from floodfuse.harmonize.evidence import aggregate, optical_evidence
from floodfuse.harmonize.history import flood_llr
from floodfuse.harmonize.prior import log_prior
from floodfuse.models.bayes import (
    UNDECIDED_NATS,
    Posterior,
    flooded_class,
    fuse,
)

Float32 = NDArray[np.float32]
W, FF, FH, FU, DF, DV, BS, U = EvidenceClass
SENSORS = (Decider.SENTINEL1, Decider.ALOS2, Decider.SENTINEL2)
reproducible = settings(deadline=None, derandomize=True, max_examples=40)
seeds = st.integers(0, 10_000)


def two_classes(*water_nats: float) -> Float32:
    """Evidence that only tells water in any form from everything dry; one pixel a value."""
    nats = np.zeros((1, len(water_nats), 8), np.float32)
    nats[..., : len(FLOODED)] = np.array(water_nats, np.float32)[:, None]
    nats[np.isnan(np.array(water_nats))[None]] = np.nan
    return nats


def prior_of_water(share: float, pixels: int = 1) -> Float32:
    log_share = np.empty((1, pixels, 8), np.float32)
    log_share[..., : len(FLOODED)] = np.log(share / len(FLOODED))
    log_share[..., len(FLOODED) :] = np.log((1 - share) / len(DRY))
    return log_share


def logit(p: NDArray[np.floating]) -> NDArray[np.float64]:
    q = p.astype(float)
    return np.asarray(np.log(q / (1 - q)))


def scene(
    seed: int, sensors: int = 3, shape: tuple[int, int] = (5, 6)
) -> tuple[dict[Decider, Float32], Float32]:
    """Evidence of sensors as they leave it, with gaps, and a prior with terrain."""
    rng = np.random.default_rng(seed)
    evidence = {}
    for who in SENSORS[:sensors]:
        nats = rng.uniform(-6.0, 0.0, (*shape, 8))
        nats = np.maximum(nats - nats.max(axis=-1, keepdims=True), -4.0)
        nats[rng.random(shape) < 0.3] = np.nan
        evidence[who] = nats.astype(np.float32)
    hand = rng.gamma(1.0, 4.0, shape).astype(np.float32)
    return evidence, log_prior(shape, rng.choice([10, 40, 50, 80], shape).astype(np.uint8), hand)


def same(a: Posterior, b: Posterior) -> bool:
    layers: list[tuple[NDArray[Any], NDArray[Any]]] = list(zip(a, b, strict=True))
    return all(x.dtype == y.dtype and x.tobytes() == y.tobytes() for x, y in layers)


def test_a_sensor_that_saw_nothing_contributes_exactly_nothing() -> None:
    """6: [1.2, nan, -.4] at a prior of .1 -> -1.3972; all nan -> -2.1972."""
    prior = prior_of_water(0.1)
    evidence = dict(zip(SENSORS, map(two_classes, (1.2, np.nan, -0.4)), strict=True))
    assert logit(fuse(evidence, prior).water) == pytest.approx(-1.39722, abs=1e-5)
    nothing = {who: two_classes(np.nan) for who in SENSORS}
    assert logit(fuse(nothing, prior).water) == pytest.approx(-2.19722, abs=1e-5)
    assert logit(fuse({}, prior).water) == pytest.approx(-2.19722, abs=1e-5)


@reproducible
@given(seed=seeds)
def test_a_sensor_that_saw_nothing_is_as_good_as_not_supplied(seed: int) -> None:
    """Property 24, to the last bit."""
    evidence, prior = scene(seed)
    without = dict(evidence)
    blind = np.full_like(without.pop(Decider.ALOS2), np.nan)
    assert same(fuse({**evidence, Decider.ALOS2: blind}, prior), fuse(without, prior))


@reproducible
@given(seed=seeds)
def test_order_of_sensors_changes_no_bit(seed: int) -> None:
    evidence, prior = scene(seed)
    expected = fuse(evidence, prior)
    for order in permutations(evidence):
        assert same(fuse({who: evidence[who] for who in order}, prior), expected)


def test_order_of_sensors_does_not_settle_a_tie() -> None:
    """Two sensors that say the same moved the odds equally far; the one of lower number is named, in any order."""
    evidence = {who: two_classes(2.0) for who in SENSORS}
    for order in permutations(evidence):
        assert fuse({who: evidence[who] for who in order}, prior_of_water(0.5)).decider[0, 0] == SENSORS[0]


@reproducible
@given(seed=seeds)
def test_posterior_is_bayes_rule_in_double_precision(seed: int) -> None:
    evidence, prior = scene(seed)
    total = prior.astype(float) + sum(np.nan_to_num(nats.astype(float)) for nats in evidence.values())
    expected = np.exp(total - logsumexp(total, axis=-1, keepdims=True))
    posterior = fuse(evidence, prior)
    np.testing.assert_allclose(posterior.classes, expected, atol=1e-6)
    np.testing.assert_allclose(posterior.water, expected[..., : len(FLOODED)].sum(axis=-1), atol=1e-6)
    np.testing.assert_allclose(posterior.classes.sum(axis=-1), 1.0, atol=1e-6)
    assert posterior.water.min() >= 0.0 and posterior.water.max() <= 1.0
    seen = sum(np.isfinite(nats[..., 0]).astype(int) for nats in evidence.values())
    np.testing.assert_array_equal(posterior.sensors, seen)


@reproducible
@given(seed=seeds, sensors=st.integers(0, 3))
def test_terrain_counts_once_however_many_sensors_there_are(seed: int, sensors: int) -> None:
    """Property 25: what the prior says of height is not multiplied by the sensors."""
    evidence, _ = scene(seed, sensors)
    shape = (5, 6)

    def water_against_soil(hand_m: float) -> NDArray[np.float64]:
        prior = log_prior(shape, hand_m=np.full(shape, hand_m, np.float32))
        log_classes = np.log(fuse(evidence, prior).classes.astype(float))
        return np.asarray(log_classes[..., W] - log_classes[..., BS])

    np.testing.assert_allclose(water_against_soil(0.0) - water_against_soil(8.0), 8.0 / 4.0, atol=2e-4)


def test_silent_sensors_leave_the_prior_as_it_is() -> None:
    _, prior = scene(1)
    silent = {who: np.zeros_like(prior) for who in SENSORS}
    posterior = fuse(silent, prior)
    np.testing.assert_allclose(posterior.classes, np.exp(prior), atol=1e-6)
    assert (posterior.decider == Decider.PRIOR).all()


def test_constants_added_to_the_evidence_of_a_pixel_say_nothing() -> None:
    evidence, prior = scene(2)
    shifted = {who: nats - np.float32(3.0) for who, nats in evidence.items()}
    np.testing.assert_allclose(fuse(shifted, prior).classes, fuse(evidence, prior).classes, atol=1e-5)


def test_fusing_leaves_its_input_as_it_was() -> None:
    evidence, prior = scene(3)
    before = [nats.tobytes() for nats in (*evidence.values(), prior)]
    fuse(evidence, prior)
    assert [nats.tobytes() for nats in (*evidence.values(), prior)] == before


def test_light_can_not_veto_a_flood_under_trees_that_l_band_saw() -> None:
    """Property 23: however dry NDWI looks, flooded : dry forest stays as L-HH left it."""
    _, prior = scene(4, shape=(1, 1))
    l_band = np.full((1, 1, 8), -2.0, np.float32)
    l_band[..., FF] = 0.0
    odds = []
    for water_nats in (-4.0, 0.0, 4.0):
        light = optical_evidence(np.full((1, 1), water_nats, np.float32))
        classes = fuse({Decider.ALOS2: l_band, Decider.SENTINEL2: light}, prior).classes.astype(float)
        odds.append(np.log(classes[0, 0, FF] / classes[0, 0, DF]))
    np.testing.assert_allclose(odds, odds[1], atol=1e-5)


def test_one_sensor_at_its_cap_does_not_overrule_two_that_agree() -> None:
    """6: 4 nats against twice 2.5."""
    evidence = dict(zip(SENSORS, map(two_classes, (-4.0, 2.5, 2.5)), strict=True))
    assert fuse(evidence, prior_of_water(0.5)).water[0, 0] > 0.5


@pytest.mark.parametrize(
    ("nats", "who"),
    [
        ((1.5, 1.0, -3.0), Decider.SENTINEL2),
        ((2.0, 1.5, -3.0), Decider.SENTINEL1),
        ((1.0, 2.0, -0.5), Decider.ALOS2),
        ((-1.0, -2.0, 2.5), Decider.ALOS2),
        ((0.1, 0.15, -0.1), Decider.PRIOR),
        ((np.nan, 0.5, np.nan), Decider.ALOS2),
        ((np.nan, np.nan, np.nan), Decider.NONE),
    ],
)
def test_who_decided(nats: tuple[float, float, float], who: Decider) -> None:
    """Whose evidence moved the odds furthest towards the outcome, at a prior of one to one."""
    evidence = dict(zip(SENSORS, map(two_classes, nats), strict=True))
    assert fuse(evidence, prior_of_water(0.5)).decider[0, 0] == who


def test_a_sensor_that_moves_the_odds_by_a_fifth_of_a_nat_has_not_decided() -> None:
    below, above = two_classes(UNDECIDED_NATS - 0.01), two_classes(UNDECIDED_NATS + 0.01)
    prior = prior_of_water(0.6)
    assert fuse({Decider.SENTINEL1: below}, prior).decider[0, 0] == Decider.PRIOR
    assert fuse({Decider.SENTINEL1: above}, prior).decider[0, 0] == Decider.SENTINEL1


def test_a_strong_prior_against_all_sensors_is_named_as_the_decider() -> None:
    evidence = dict(zip(SENSORS, map(two_classes, (1.0, 1.0, 1.0)), strict=True))
    posterior = fuse(evidence, prior_of_water(1e-4))
    assert posterior.water[0, 0] < 0.01
    assert posterior.decider[0, 0] == Decider.PRIOR


@reproducible
@given(seed=seeds)
def test_decider_is_a_sensor_that_saw_the_pixel_or_says_why_not(seed: int) -> None:
    evidence, prior = scene(seed)
    posterior = fuse(evidence, prior)
    for who, nats in evidence.items():
        assert np.isfinite(nats[..., 0])[posterior.decider == who].all()
    np.testing.assert_array_equal(posterior.decider == Decider.NONE, posterior.sensors == 0)


def test_flooded_class_is_the_likeliest_of_the_flooded_ones_only() -> None:
    nats = np.full((1, 4, 8), -4.0, np.float32)
    for pixel, k in enumerate(FLOODED):
        nats[0, pixel, k] = -1.0
    nats[..., DF] = 0.0
    posterior = fuse({Decider.ALOS2: nats}, np.full((1, 4, 8), np.log(1 / 8), np.float32))
    assert (posterior.classes.argmax(axis=-1) == DF).all()
    assert flooded_class(posterior, np.ones((1, 4), bool)).tolist() == [W, FF, FH, FU]
    assert flooded_class(posterior, np.array([[False, True, False, True]])).tolist() == [FF, FU]


def test_plants_in_water_speak_as_one_kind() -> None:
    """Trees 0.2 and herbs 0.25 together are likelier than open water at 0.3; which of the two it is, is told by the likelier."""
    share = np.array([0.3, 0.2, 0.25, 0.05, 0.05, 0.05, 0.05, 0.05])
    prior = np.log(share).astype(np.float32).reshape(1, 1, 8)
    posterior = fuse({Decider.ALOS2: np.zeros((1, 1, 8), np.float32)}, prior)
    assert flooded_class(posterior, np.ones((1, 1), bool)).tolist() == [FH]


@pytest.mark.parametrize(
    "laid_out", [np.asfortranarray, lambda x: np.moveaxis(np.moveaxis(x, -1, 0).copy(), 0, -1)]
)
def test_how_arrays_lie_in_memory_changes_nothing(laid_out: Callable[[Float32], Float32]) -> None:
    """Evidence that comes class by class, as networks hold it, or column by column."""
    evidence, prior = scene(3)
    moved = {who: laid_out(nats) for who, nats in evidence.items()}
    assert not any(nats.flags.c_contiguous for nats in moved.values())
    assert same(fuse(moved, laid_out(prior)), fuse(evidence, prior))
    p, rho = persistence(0.7), np.full((5, 6), 0.4, np.float32)
    for who, nats in evidence.items():
        for once, again in (
            (flood_llr(nats, prior), flood_llr(moved[who], laid_out(prior))),
            (decay_evidence(nats, p), decay_evidence(moved[who], p)),
            (discounted(nats, rho), discounted(moved[who], rho)),
            (aggregate(nats), aggregate(moved[who])),
        ):
            np.testing.assert_array_equal(again, once)
