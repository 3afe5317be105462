"""Mixtures fitted to an acquisition: simulated truth, the prior where there is nothing to learn, and no collapse."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import norm

from floodfuse.harmonize.mixture import OUTLIER_DENSITY, Mixture, fit_mixture

Float = NDArray[np.float64]
reproducible = settings(deadline=None, derandomize=True, max_examples=25)

# Water, forest, soil in C-VV: prior means, spreads and gamma0 slopes.
MEANS, SDS, SLOPES = np.array([-18.1, -7.0, -11.5]), np.array([2.9, 1.3, 2.0]), np.array([-0.33, 0.0, -0.10])
EVEN = np.ones(3)


class Scene(NamedTuple):
    y: Float
    theta: Float
    k: NDArray[np.int64]


def simulated(
    n: int, shares: list[float], means: Float, sds: Float, slopes: Float = SLOPES, speckle: float = 0.0
) -> Scene:
    rng = np.random.default_rng(11)
    k = rng.choice(len(shares), n, p=shares)
    theta = rng.uniform(30.0, 46.0, n)
    y = means[k] + slopes[k] * (theta - 38.0) + sds[k] * rng.normal(size=n) + speckle * rng.normal(size=n)
    return Scene(y, theta, k)


def log_posterior(scene: Scene, fit: Mixture, kappa0: float = 500.0, variance: float = 0.0) -> float:
    """What the fit maximises, term by term from scipy's densities; slopes held."""
    total = np.full(scene.y.size, OUTLIER_DENSITY)
    for k in range(3):
        centre = fit.means[k] + fit.slopes[k] * (scene.theta - 38.0)
        total += fit.weights[k] * norm.pdf(scene.y, centre, np.sqrt(fit.sds[k] ** 2 + variance))
    prior = -0.5 * kappa0 * ((fit.means - MEANS) ** 2 / fit.sds**2 + np.log(fit.sds**2) + SDS**2 / fit.sds**2)
    return float(np.log(total).sum() + prior.sum() + (kappa0 / 3.0 * np.log(fit.weights)).sum())


def test_a_shifted_scene_is_found_again() -> None:
    means, sds = MEANS + np.array([-1.5, -0.8, 0.7]), np.array([2.0, 1.0, 1.6])
    scene = simulated(60_000, [0.15, 0.45, 0.4], means, sds, speckle=1.2)
    fit = fit_mixture(scene.y, scene.theta, MEANS, SDS, SLOPES, EVEN, observation_variance=1.2**2)
    np.testing.assert_allclose(fit.means, means, atol=0.25)
    np.testing.assert_allclose(fit.sds, sds, atol=0.25)  # the ground's, without the 1.2 dB of speckle
    np.testing.assert_allclose(fit.weights, [0.15, 0.45, 0.4], atol=0.03)
    assert fit.weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert fit.n.sum() == pytest.approx(60_000, rel=0.02)  # a hundredth looks like no class
    assert fit.iterations < 300


@pytest.mark.parametrize("speckle", [0.0, 1.5])
def test_the_answer_is_a_maximum_of_the_posterior(speckle: float) -> None:
    """An independent posterior has no slope there: in no mean, spread or share does a step of .02 gain anything."""
    scene = simulated(8000, [0.2, 0.4, 0.4], MEANS - 1.0, SDS, speckle=speckle)
    fit = fit_mixture(scene.y, scene.theta, MEANS, SDS, SLOPES, EVEN, observation_variance=speckle**2)
    best = log_posterior(scene, fit, variance=speckle**2)
    prior = Mixture(MEANS, SDS, SLOPES, EVEN / 3.0, np.zeros(3), 0)
    assert best > log_posterior(scene, prior, variance=speckle**2) + 100.0
    for k in range(3):
        for sign in (-1.0, 1.0):
            step = np.zeros(3)
            step[k] = 0.02 * sign
            share = fit.weights * np.exp(step)
            for other in (
                fit._replace(means=fit.means + step),
                fit._replace(sds=fit.sds + step),
                fit._replace(weights=share / share.sum()),
            ):
                assert log_posterior(scene, other, variance=speckle**2) < best + 1e-3


def test_nothing_to_learn_gives_the_prior_exactly() -> None:
    for y in (np.empty(0), np.full(50, np.nan)):
        fit = fit_mixture(y, 38.0, MEANS, SDS, SLOPES, EVEN)
        assert (fit.means == MEANS).all() and (fit.sds == SDS).all() and fit.iterations == 0
        np.testing.assert_array_equal(fit.weights, EVEN / 3.0)
        assert not fit.n.any()


def test_values_drowned_in_noise_give_the_prior() -> None:
    scene = simulated(20_000, [0.3, 0.3, 0.4], MEANS + 2.0, SDS)
    fit = fit_mixture(scene.y, scene.theta, MEANS, SDS, SLOPES, EVEN, observation_variance=1e6)
    np.testing.assert_allclose(fit.means, MEANS, atol=0.01)
    np.testing.assert_allclose(fit.sds, SDS, atol=0.01)


def test_a_dry_scene_leaves_water_where_it_was() -> None:
    """Property 30: no water, 100 000 pixels, and the dark tail of soil does not become it."""
    scene = simulated(100_000, [0.0, 0.5, 0.5], MEANS, SDS, speckle=1.2)
    fit = fit_mixture(
        scene.y, scene.theta, MEANS, SDS, SLOPES, EVEN, observation_variance=1.44, effective_size=10_000
    )
    assert fit.means[0] == pytest.approx(MEANS[0], abs=0.7)
    assert fit.sds[0] == pytest.approx(SDS[0], abs=0.3)
    assert fit.weights[0] < 0.04
    np.testing.assert_allclose(fit.means[1:], MEANS[1:], atol=0.3)


def test_a_flooded_scene_leaves_the_dry_classes_where_they_were() -> None:
    scene = simulated(50_000, [1.0, 0.0, 0.0], MEANS + np.array([-2.0, 0.0, 0.0]), SDS)
    fit = fit_mixture(scene.y, scene.theta, MEANS, SDS, SLOPES, EVEN, effective_size=10_000)
    assert fit.means[0] == pytest.approx(MEANS[0] - 2.0, abs=0.2)
    np.testing.assert_allclose(fit.means[1:], MEANS[1:], atol=0.6)


def test_one_value_a_million_times_collapses_nothing() -> None:
    fit = fit_mixture([-12.0], [38.0], MEANS, SDS, SLOPES, EVEN, counts=1e6)
    assert (fit.sds > 0.02).all() and np.isfinite(fit.means).all()
    assert fit.means[1] == pytest.approx(MEANS[1], abs=0.1)  # nothing of it is forest


def test_anchors_pull_their_class_and_no_other() -> None:
    """Water brighter than soil's middle can't be told without anchors, and with them it can."""
    means = np.array([-12.5, -7.0, -11.5])
    scene = simulated(20_000, [0.3, 0.3, 0.4], means, np.array([1.0, 1.3, 2.0]))
    labels = np.where((scene.k == 0) & (np.arange(scene.k.size) % 2 == 0), 0, -1)
    blind = fit_mixture(scene.y, scene.theta, MEANS, SDS, SLOPES, EVEN)
    told = fit_mixture(scene.y, scene.theta, MEANS, SDS, SLOPES, EVEN, labels=labels)
    assert abs(told.means[0] - means[0]) < 0.6 < abs(blind.means[0] - means[0])
    every = fit_mixture(
        scene.y, scene.theta, MEANS, SDS, SLOPES, EVEN, 1.0, 1.0, labels=scene.k, outlier_density=0.0
    )
    for k in range(3):  # all labelled, prior of one pixel: moments of each class
        flat = (scene.y - SLOPES[k] * (scene.theta - 38.0))[scene.k == k]
        assert every.means[k] == pytest.approx(flat.mean(), abs=0.01)
        assert every.sds[k] == pytest.approx(flat.std(), abs=0.01)
        assert every.n[k] == pytest.approx(flat.size)


def test_slopes_are_estimated_where_they_are_free() -> None:
    slopes = np.array([-0.25, 0.04, -0.16])
    scene = simulated(60_000, [0.2, 0.4, 0.4], MEANS, SDS, slopes)
    free = fit_mixture(scene.y, scene.theta, MEANS, SDS, SLOPES, EVEN, slope_sd=0.06)
    held = fit_mixture(scene.y, scene.theta, MEANS, SDS, SLOPES, EVEN)
    np.testing.assert_allclose(free.slopes, slopes, atol=0.02)
    np.testing.assert_array_equal(held.slopes, SLOPES)


def test_outliers_belong_to_no_class() -> None:
    scene = simulated(5000, [0.2, 0.4, 0.4], MEANS, SDS)
    wild = fit_mixture(
        np.append(scene.y, np.full(500, 25.0)),
        np.append(scene.theta, np.full(500, 38.0)),
        MEANS,
        SDS,
        SLOPES,
        EVEN,
    )
    clean = fit_mixture(scene.y, scene.theta, MEANS, SDS, SLOPES, EVEN)
    np.testing.assert_allclose(wild.means, clean.means, atol=1e-3)
    assert wild.n.sum() == pytest.approx(clean.n.sum(), abs=0.1)


@reproducible
@given(repeats=st.integers(2, 5), seed=st.integers(0, 50))
def test_counts_are_repetitions_and_order_does_not_matter(repeats: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, theta = rng.normal(-11.0, 4.0, 200), rng.uniform(30.0, 46.0, 200)
    counted = fit_mixture(y, theta, MEANS, SDS, SLOPES, EVEN, 20, 20, counts=repeats)
    mixed = rng.permutation(200 * repeats)
    again = fit_mixture(
        np.tile(y, repeats)[mixed], np.tile(theta, repeats)[mixed], MEANS, SDS, SLOPES, EVEN, 20, 20
    )
    np.testing.assert_allclose(counted.means, again.means, atol=1e-9)
    np.testing.assert_allclose(counted.sds, again.sds, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kappa0": 0.0}, "more than 0 pixels"),
        ({"sds": [1.0, 0.0, 1.0]}, "above 0"),
        ({"labels": [3]}, "label 3"),
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, object], words: str) -> None:
    arguments: dict[str, object] = {"means": MEANS, "sds": SDS, "slopes": SLOPES, "weights": EVEN} | change
    with pytest.raises(ValueError, match=words):
        fit_mixture([-10.0], [38.0], **arguments)  # type: ignore[arg-type]
