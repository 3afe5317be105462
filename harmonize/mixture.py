"""Mixture of classes, fitted to one acquisition without losing the prior: MAP-EM with Normal-inverse-Gamma priors.

    p(y | theta) = sum_k w_k N(y; m_k + beta_k (theta - 38), s_k^2 + v) + outlier density

y is a level in dB (or an index), v the known variance of its observation (speckle, noise), so that s_k is the spread
of the ground alone. The prior counts as `kappa0` pixels for m_k and `nu0` for s_k: a class that the acquisition does
not hold keeps its prior, and no class collapses upon a few pixels (harmonization.md 2.3 v and 4.4).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from floodfuse.harmonize.incidence import REFERENCE_DEG

KAPPA0 = 500.0
NU0 = 500.0
OUTLIER_DENSITY = 0.02 / 45.0  # as in `likelihood`: 2 % anywhere within 45 dB
UNLABELLED = -1
_LARGEST_STEP = 1e-4  # of means and spreads, in units of y: no further iterations
_MAX_ITERATIONS = 500

Float = NDArray[np.float64]


class Mixture(NamedTuple):
    """Classes fitted to a sample; arrays (class,).

    Attributes
    ----------
    means : m_k at the reference angle, units of y
    sds : s_k, of the ground alone
    slopes : beta_k, units of y per degree
    weights : w_k, shares of the classes among samples without a label; sum 1
    n : samples that went into each class, responsibilities summed, outliers left out
    iterations : done; 0 where there was no sample
    """

    means: Float
    sds: Float
    slopes: Float
    weights: Float
    n: Float
    iterations: int


class _Sample(NamedTuple):
    """Finite samples (sample,): value, angle from the reference, label, observation variance, pixels they stand for."""

    y: Float
    distance: Float
    label: NDArray[np.intp]
    variance: Float
    pixels: Float


class _Strength(NamedTuple):
    """How many pixels the prior counts as, and how free slopes are."""

    kappa0: float
    nu0: float
    weight: float
    slope_sd: float
    outlier_density: float


def fit_mixture(
    y_db: ArrayLike,
    theta_deg: ArrayLike,
    means: ArrayLike,
    sds: ArrayLike,
    slopes: ArrayLike,
    weights: ArrayLike,
    kappa0: float = KAPPA0,
    nu0: float = NU0,
    *,
    labels: ArrayLike | None = None,
    observation_variance: ArrayLike = 0.0,
    counts: ArrayLike = 1.0,
    effective_size: float | None = None,
    slope_sd: float = 0.0,
    outlier_density: float = OUTLIER_DENSITY,
) -> Mixture:
    """Most probable class means, spreads and shares of a sample, given their prior.

    Parameters
    ----------
    y_db : levels, any shape; not finite ones are left out. Take speckle's bias in dB, (10/ln10)(psi(L) - ln L), out
        first, and leave out values near the noise floor, which are not linear in the class level
    theta_deg : incidence angle, broadcast against `y_db`
    means, sds, slopes, weights : prior of each class, (class,): m_k at 38 deg, s_k, beta_k per degree, w_k (any scale)
    kappa0, nu0 : pixels that the prior counts as, for means and shares, and for spreads
    labels : class of each sample where it is known (permanent water, high ground), -1 elsewhere
    observation_variance : v, units of y squared, broadcast against `y_db`
    counts : how many pixels each sample stands for, such as the counts of a histogram
    effective_size : the sample counts as no more than so many independent pixels: neighbours share field, stand and
        wind, so that a million pixels do not outvote the prior two thousand to one. None: each counts as one
    slope_sd : how far slopes may stray from their prior, one standard deviation; 0 keeps them
    outlier_density : of values that belong to no class, per unit of y

    Returns
    -------
    Mixture
        The prior, exactly, where nothing can be learnt. Deterministic.

    Raises
    ------
    ValueError
        If a prior spread or strength is not positive, or a label names no class.
    """
    prior = Mixture(*_prior(means, sds, slopes, weights), np.zeros(np.size(means)), 0)
    sample = _sample(y_db, theta_deg, labels, observation_variance, counts)
    if min(kappa0, nu0) <= 0.0:
        raise ValueError(f"kappa0 {kappa0:g} and nu0 {nu0:g}: the prior counts as more than 0 pixels")
    if sample.label.size and sample.label.max() >= prior.means.size:
        raise ValueError(f"label {sample.label.max()}: there are {prior.means.size} classes")
    total = float(sample.pixels.sum())
    if total <= 0.0:
        return prior
    if effective_size is not None and total > effective_size:
        sample = sample._replace(pixels=sample.pixels * (effective_size / total))
    strength = _Strength(kappa0, nu0, kappa0, slope_sd, outlier_density)
    fit = prior
    for iteration in range(1, _MAX_ITERATIONS + 1):
        shares = responsibilities(
            sample.y, sample.distance, fit, sample.variance, sample.label, outlier_density
        )
        update = _maximise(sample, shares, fit, prior, strength)
        step = max(np.abs(update.means - fit.means).max(), np.abs(update.sds - fit.sds).max())
        fit = update._replace(iterations=iteration)
        if step < _LARGEST_STEP:
            break
    return fit


def _prior(
    means: ArrayLike, sds: ArrayLike, slopes: ArrayLike, weights: ArrayLike
) -> tuple[Float, Float, Float, Float]:
    m, s, b, w = (np.array(x, dtype=float) for x in np.broadcast_arrays(means, sds, slopes, weights))
    if m.ndim != 1 or not (s > 0.0).all() or not (w >= 0.0).all() or w.sum() <= 0.0:
        raise ValueError(
            "a prior is one row of classes, with spreads above 0 and shares of 0 or more, not all 0"
        )
    return m, s, b, w / w.sum()


def _sample(
    y: ArrayLike, theta: ArrayLike, labels: ArrayLike | None, variance: ArrayLike, counts: ArrayLike
) -> _Sample:
    label = UNLABELLED if labels is None else labels
    flat = [np.ravel(x) for x in np.broadcast_arrays(y, theta, label, variance, counts)]
    keep = np.isfinite(flat[0]) & np.isfinite(flat[1]) & np.isfinite(flat[3]) & (flat[4] > 0)
    value, angle, which, v, count = (x[keep] for x in flat)
    return _Sample(
        value.astype(float),
        angle.astype(float) - REFERENCE_DEG,
        which.astype(np.intp),
        v.astype(float),
        count.astype(float),
    )


def responsibilities(
    y: Float,
    distance_deg: Float,
    mixture: Mixture,
    observation_variance: ArrayLike = 0.0,
    labels: ArrayLike = UNLABELLED,
    outlier_density: float = OUTLIER_DENSITY,
) -> Float:
    """Probability of each class for each sample, (class, sample); what sums up to less than 1 is outlier.

    `distance_deg` is theta - 38; a labelled sample is of its class, or an outlier.
    """
    variance = mixture.sds[:, None] ** 2 + np.asarray(observation_variance)
    centre = mixture.means[:, None] + mixture.slopes[:, None] * distance_deg
    density = np.exp(-0.5 * (y - centre) ** 2 / variance) / np.sqrt(2.0 * np.pi * variance)
    label = np.broadcast_to(labels, y.shape)
    own = np.arange(mixture.means.size)[:, None] == label
    density *= np.where(label == UNLABELLED, mixture.weights[:, None], own)
    total = density.sum(axis=0) + outlier_density
    return np.asarray(density / np.where(total > 0.0, total, 1.0))


def _maximise(sample: _Sample, shares: Float, fit: Mixture, prior: Mixture, strength: _Strength) -> Mixture:
    """Means and slopes that are best given the spreads, then spreads and shares (one ECM step)."""
    mass = shares * sample.pixels
    n = mass.sum(axis=1)
    observed = fit.sds[:, None] ** 2 + sample.variance
    means, slopes = _lines(sample, mass / observed, fit, prior, strength)
    residual = sample.y - means[:, None] - slopes[:, None] * sample.distance
    kept = fit.sds[:, None] ** 2 / observed  # the share of a departure that is ground and not observation
    ground = (kept * residual) ** 2 + kept * sample.variance
    squares = strength.nu0 * prior.sds**2 + strength.kappa0 * (means - prior.means) ** 2
    variance = (squares + (mass * ground).sum(axis=1)) / (strength.nu0 + n)
    free = np.where(sample.label == UNLABELLED, mass, 0.0).sum(axis=1) + strength.weight * prior.weights
    return Mixture(means, np.sqrt(variance), slopes, free / free.sum(), n, fit.iterations)


def _lines(
    sample: _Sample, precision: Float, fit: Mixture, prior: Mixture, strength: _Strength
) -> tuple[Float, Float]:
    """Weighted least squares of y on angle, each class, with the prior as further observations."""
    own = strength.kappa0 / fit.sds**2
    d = sample.distance
    p0 = precision.sum(axis=1) + own
    if strength.slope_sd <= 0.0:
        level = sample.y - prior.slopes[:, None] * d
        return ((precision * level).sum(axis=1) + own * prior.means) / p0, prior.slopes
    slack = 1.0 / strength.slope_sd**2
    p1, p2 = (precision * d).sum(axis=1), (precision * d**2).sum(axis=1) + slack
    q0 = (precision * sample.y).sum(axis=1) + own * prior.means
    q1 = (precision * d * sample.y).sum(axis=1) + slack * prior.slopes
    determinant = p0 * p2 - p1**2
    return (p2 * q0 - p1 * q1) / determinant, (p0 * q1 - p1 * q0) / determinant
