"""Votes, reliability without truth, correlated errors, robust summaries (harmonization.md 6)."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logit
from scipy.stats import norm, trim_mean

from floodfuse.models import reliability

Float = NDArray[np.float64]
reproducible = settings(deadline=None, derandomize=True, max_examples=60)
nats = st.floats(-6.0, 6.0)
maybe = st.one_of(nats, st.just(np.nan))


def correlations(n: int, seed: int) -> Float:
    """A random correlation matrix, of positive and negative entries."""
    x = np.random.default_rng(seed).normal(size=(n, n + 2))
    s = x @ x.T
    return s / np.sqrt(np.outer(np.diag(s), np.diag(s)))


# ---- sums and votes


def test_a_missing_sensor_adds_exactly_nothing() -> None:
    assert reliability.pooled([1.2, np.nan, -0.4], logit(0.1)) == pytest.approx(-1.3972246, abs=1e-7)
    assert reliability.pooled([1.2, np.nan, -0.4], logit(0.1)) == reliability.pooled([1.2, -0.4], logit(0.1))
    assert reliability.pooled([np.nan, np.nan], logit(0.1)) == logit(0.1) == pytest.approx(-2.1972246)


@reproducible
@given(evidence=st.lists(maybe, min_size=1, max_size=5), prior=nats)
def test_the_order_of_sensors_changes_no_bit(evidence: list[float], prior: float) -> None:
    sums = {float(reliability.pooled(order, prior)) for order in itertools.permutations(evidence)}
    assert len(sums) == 1
    present = [value for value in evidence if not np.isnan(value)]
    assert sums.pop() == pytest.approx(prior + sum(present), abs=1e-12)


def test_votes_of_a_map_of_known_reliability() -> None:
    told = reliability.vote_evidence([[1.0, 0.0, np.nan]], 0.9, 0.95)
    assert told[0, :2] == pytest.approx([2.890372, -2.251292], abs=1e-6)
    assert np.isnan(told[0, 2])
    assert reliability.vote_evidence([1.0, 0.0], 0.5, 0.5) == pytest.approx([0.0, 0.0])


@reproducible
@given(se=st.floats(0.51, 0.99), sp=st.floats(0.51, 0.99), share=st.floats(0.05, 0.95))
def test_votes_are_calibrated(se: float, sp: float, share: float) -> None:
    """Bayes' rule in probabilities gives the same posterior."""
    posterior = se * share / (se * share + (1 - sp) * (1 - share))
    odds = reliability.vote_evidence(1.0, se, sp) + logit(share)
    assert odds == pytest.approx(float(logit(posterior)), abs=1e-9)


@pytest.mark.parametrize(("se", "sp"), [(1.0, 0.9), (0.9, 1.0), (0.0, 0.5), (np.nan, 0.5)])
def test_no_map_is_always_right(se: float, sp: float) -> None:
    with pytest.raises(ValueError, match="no map is always right"):
        reliability.vote_evidence([1.0], se, sp)


# ---- Dawid and Skene

TRUE_SE, TRUE_SP = (0.9, 0.8, 0.7), (0.95, 0.9, 0.85)


def votes_of_seed_7(n: int = 4000) -> tuple[Float, NDArray[np.bool_]]:
    rng = np.random.default_rng(7)
    z = rng.random(n) < 0.3
    columns = [
        np.where(z, rng.random(n) < se, rng.random(n) > sp) for se, sp in zip(TRUE_SE, TRUE_SP, strict=True)
    ]
    return np.stack(columns, 1).astype(float), z


def test_reliability_without_truth_is_that_of_the_reference() -> None:
    votes, z = votes_of_seed_7()
    plain = reliability.dawid_skene(votes, prior=(1.0, 1.0))
    assert plain.sensitivity == pytest.approx([0.897658, 0.829948, 0.721778], abs=2e-6)
    assert plain.specificity == pytest.approx([0.947032, 0.906844, 0.833308], abs=2e-6)
    assert plain.prevalence == pytest.approx(0.296005, abs=2e-6)
    assert ((plain.probability > 0.5) == z).mean() == 0.9495
    usual = reliability.dawid_skene(votes)
    assert usual.sensitivity == pytest.approx(plain.sensitivity, abs=0.003)
    assert usual.specificity == pytest.approx(plain.specificity, abs=0.003)


def test_anchors_help_and_are_kept() -> None:
    votes, z = votes_of_seed_7()
    anchors = np.full(z.size, np.nan)
    anchors[:1000] = z[:1000]
    told = reliability.dawid_skene(votes, anchors)
    np.testing.assert_array_equal(told.probability[:1000], z[:1000])
    assert told.sensitivity == pytest.approx(TRUE_SE, abs=0.03)
    everything = reliability.dawid_skene(votes, z.astype(float), prior=(1.0, 1.0))
    assert everything.sensitivity == pytest.approx(votes[z].mean(axis=0))
    assert everything.specificity == pytest.approx(1.0 - votes[~z].mean(axis=0))


def test_few_raters_are_refused() -> None:
    votes, _ = votes_of_seed_7()
    with pytest.raises(ValueError, match="reliability takes 3"):
        reliability.dawid_skene(votes[:, :2])
    votes[:, 2] = np.nan
    with pytest.raises(ValueError, match="2 raters"):
        reliability.dawid_skene(votes)


def test_missing_votes_tell_nothing_and_the_order_of_raters_changes_nothing() -> None:
    votes, _ = votes_of_seed_7(40_000)
    votes[np.random.default_rng(1).random(votes.shape) < 0.3] = np.nan
    unseen = np.concatenate([votes, np.full((500, 3), np.nan)])
    whole, longer = reliability.dawid_skene(votes), reliability.dawid_skene(unseen)
    assert whole.sensitivity == pytest.approx(TRUE_SE, abs=0.05)
    turned = reliability.dawid_skene(votes[:, ::-1])
    assert turned.sensitivity[::-1] == pytest.approx(whole.sensitivity, abs=1e-9)
    assert longer.prevalence == pytest.approx(whole.prevalence, abs=1e-9)
    assert longer.probability[-1] == pytest.approx(
        whole.prevalence, abs=1e-6
    )  # nothing seen: the share of water


def test_all_dry_votes_stay_dry_and_sensitivity_stays_near_its_prior() -> None:
    """Property 30: nothing to learn of sensitivity; the prior's mode is 7/8."""
    told = reliability.dawid_skene(np.zeros((1000, 3)))
    assert told.prevalence < 0.01 and told.probability.max() < 0.01
    assert told.sensitivity == pytest.approx([0.875] * 3, abs=0.01)


# ---- correlated errors


@pytest.mark.parametrize(("rho", "factor"), [(0.0, 1.0), (0.3, 0.769231), (0.5, 0.666667), (1.0, 0.5)])
def test_two_equal_sensors_count_by_what_they_do_not_share(rho: float, factor: float) -> None:
    matrix = np.array([[1.0, rho], [rho, 1.0]])
    assert reliability.pool_weights(matrix) == pytest.approx([factor] * 2, abs=1e-6)
    assert reliability.pool_weights(matrix).sum() == pytest.approx(reliability.effective_number(matrix))


@pytest.mark.parametrize("rho", [0.0, 0.4, 0.8])
@pytest.mark.parametrize("n", [2, 3, 4])
def test_the_pool_of_equal_gaussian_sensors_is_exact(n: int, rho: float) -> None:
    """Joint log-likelihood ratio of y ~ N(+-d, R) against the pool of the marginal ones."""
    matrix = np.full((n, n), rho) + (1 - rho) * np.eye(n)
    y, d = np.random.default_rng(2).normal(size=(50, n)), 0.7
    marginal = norm.logpdf(y, d) - norm.logpdf(y, -d)
    joint = 2.0 * d * (y @ np.linalg.solve(matrix, np.ones(n)))
    np.testing.assert_allclose(reliability.log_opinion_pool(marginal, matrix), joint, atol=1e-9)


@reproducible
@given(evidence=arrays(float, (7, 2), elements=maybe), rho=st.floats(-0.5, 0.99))
def test_a_copy_adds_nothing(evidence: Float, rho: float) -> None:
    """Property 24, to the last bit, also where another sensor stands beside it."""
    alone = reliability.log_opinion_pool(evidence[:, :1], [[1.0]])
    np.testing.assert_array_equal(reliability.log_opinion_pool(evidence[:, [0, 0]], np.ones((2, 2))), alone)
    pair = np.array([[1.0, rho], [rho, 1.0]])
    three = pair[np.ix_([0, 0, 1], [0, 0, 1])]
    np.testing.assert_allclose(
        reliability.log_opinion_pool(evidence[:, [0, 0, 1]], three),
        reliability.log_opinion_pool(evidence, pair),
        atol=1e-12,
    )


@reproducible
@given(evidence=arrays(float, (5, 4), elements=maybe), seed=st.integers(0, 1000))
def test_missing_is_not_supplied_and_order_does_not_matter(evidence: Float, seed: int) -> None:
    rho = correlations(4, seed)
    whole = reliability.log_opinion_pool(evidence, rho, 0.3)
    turn = np.random.default_rng(seed).permutation(4)
    np.testing.assert_allclose(
        reliability.log_opinion_pool(evidence[:, turn], rho[np.ix_(turn, turn)], 0.3), whole, atol=1e-9
    )
    for row, value in zip(evidence, whole, strict=True):
        seen = np.flatnonzero(~np.isnan(row))
        if seen.size == 0:
            assert value == 0.3
        else:
            own = reliability.log_opinion_pool(row[seen], rho[np.ix_(seen, seen)], 0.3)
            assert own == pytest.approx(value, abs=1e-9)


@reproducible
@given(n=st.integers(2, 5), seed=st.integers(0, 1000))
def test_pool_weights_are_never_negative_and_worth_no_less_than_even_ones(n: int, seed: int) -> None:
    rho = correlations(n, seed)
    w = reliability.pool_weights(rho)
    assert (w >= 0.0).all()
    assert w.sum() >= reliability.effective_number(rho) - 1e-9
    assert w.sum() == pytest.approx(w @ rho @ w, rel=1e-6)  # the worth of the pool is its own signal to noise


def test_error_correlation_is_taken_over_what_both_saw() -> None:
    rng = np.random.default_rng(3)
    shared = rng.normal(size=20_000)
    error = np.stack(
        [shared + rng.normal(size=20_000), shared + rng.normal(size=20_000), rng.normal(size=20_000)], 1
    )
    error[::3, 0] = np.nan
    rho = reliability.error_correlation(np.column_stack([error, np.full(20_000, np.nan)]))
    assert rho[0, 1] == rho[1, 0] == pytest.approx(0.5, abs=0.02)
    assert rho[0, 2] == pytest.approx(0.0, abs=0.03)
    np.testing.assert_array_equal(rho[3], [0.0, 0.0, 0.0, 1.0])


# ---- weights of probability maps


def covariance(rho: float) -> Float:
    return np.array([[1.0, 2.0 * rho], [2.0 * rho, 4.0]])


@pytest.mark.parametrize(
    ("rho", "free", "constrained"), [(0.5, [1.0, 0.0], [1.0, 0.0]), (0.8, [4 / 3, -1 / 3], [1.0, 0.0])]
)
def test_weights_of_least_variance(rho: float, free: list[float], constrained: list[float]) -> None:
    assert reliability.minimum_variance_weights(covariance(rho), False) == pytest.approx(free, abs=1e-9)
    assert reliability.minimum_variance_weights(covariance(rho)) == pytest.approx(constrained, abs=1e-9)


@reproducible
@given(n=st.integers(2, 5), seed=st.integers(0, 1000))
def test_constrained_weights_are_those_a_general_solver_finds(n: int, seed: int) -> None:
    sd = np.random.default_rng(seed).uniform(0.3, 2.0, n)
    s = correlations(n, seed) * np.outer(sd, sd)
    w = reliability.minimum_variance_weights(s)
    assert (w >= 0.0).all() and w.sum() == pytest.approx(1.0)
    solved = minimize(
        lambda v: v @ s @ v,
        np.full(n, 1.0 / n),
        jac=lambda v: 2.0 * s @ v,
        bounds=[(0.0, 1.0)] * n,
        constraints={"type": "eq", "fun": lambda v: v.sum() - 1.0},
        options={"ftol": 1e-14},
    )
    assert w @ s @ w <= solved.fun + 1e-8


def test_shrinking_a_covariance_brings_it_closer_to_the_truth() -> None:
    truth = np.full((6, 6), 0.3) + 0.7 * np.eye(6)
    rng = np.random.default_rng(4)
    errors = []
    for _ in range(200):
        x = rng.multivariate_normal(np.zeros(6), truth, 12)
        shrunk, plain = reliability.ledoit_wolf(x), np.cov(x.T, bias=True)
        assert np.trace(shrunk) == pytest.approx(np.trace(plain))
        errors.append((((shrunk - truth) ** 2).sum(), ((plain - truth) ** 2).sum()))
    assert np.mean(errors, axis=0)[0] < 0.7 * np.mean(errors, axis=0)[1]
    many = rng.multivariate_normal(np.zeros(6), truth, 100_000)
    np.testing.assert_allclose(reliability.ledoit_wolf(many), np.cov(many.T), atol=1e-3)


def test_shrinking_is_by_the_share_of_the_paper() -> None:
    """Ledoit and Wolf's d^2, b^2 written out over samples; incomplete samples are left out."""
    x = np.random.default_rng(5).normal(size=(12, 3)) * [1.0, 2.0, 0.5]
    c = x - x.mean(axis=0)
    s = c.T @ c / 12
    m = np.trace(s) / 3
    d2 = ((s - m * np.eye(3)) ** 2).sum() / 3
    b2 = min(sum(((np.outer(row, row) - s) ** 2).sum() for row in c) / 3 / 12**2, d2)
    expected = b2 / d2 * m * np.eye(3) + (1 - b2 / d2) * s
    with_gap = np.vstack([x, [np.nan, 0.0, 0.0]])
    np.testing.assert_allclose(reliability.ledoit_wolf(with_gap), expected, atol=1e-12)
    with pytest.raises(ValueError, match="takes two"):
        reliability.ledoit_wolf(x[:1])


# ---- robust summaries, conflict, entropy


@reproducible
@given(evidence=arrays(float, (6, 5), elements=maybe))
def test_median_and_trimmed_mean_are_those_of_what_is_there(evidence: Float) -> None:
    median, mean = reliability.robust_median(evidence), reliability.trimmed_mean(evidence)
    for i, row in enumerate(evidence):
        present = row[~np.isnan(row)]
        if present.size < 3:
            assert np.isnan(median[i]) and np.isnan(mean[i])
        else:
            assert median[i] == pytest.approx(np.median(present), abs=1e-12)
            assert mean[i] == pytest.approx(trim_mean(present, 0.2), abs=1e-12)


def test_one_mad_sensor_of_three_does_not_move_the_median() -> None:
    assert reliability.robust_median([1.0, 1.2, -50.0]) == 1.0
    assert reliability.trimmed_mean([1.0, 1.2, 1.1, 0.9, -50.0]) == pytest.approx(1.0)


def test_conflict_is_the_range_of_evidence() -> None:
    told = reliability.conflict([[2.0, -1.5, np.nan], [np.nan, 0.7, np.nan], [np.nan] * 3])
    assert told[:2] == pytest.approx([3.5, 0.0])
    assert np.isnan(told[2])


def test_entropy_of_certain_and_even_classes() -> None:
    told = reliability.entropy_bits([[1.0, 0.0, 0.0, 0.0], [0.25] * 4, [0.5, 0.5, 0.0, 0.0], [np.nan] * 4])
    assert told[:3] == pytest.approx([0.0, 2.0, 1.0])
    assert np.isnan(told[3])
