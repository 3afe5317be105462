"""How far sensors and maps can be trusted, and what their evidence is worth together.

Evidence arrays are (…, sensor) in nats, for water against not; NaN where a sensor saw nothing, which counts as exactly
0. Source: harmonization.md 6.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import nnls
from scipy.special import entr, expit, logit

LEAST_RATERS = 3
LEAST_FOR_MONITOR = 3
BETA_PRIOR = (8.0, 2.0)  # of sensitivity and specificity: a rater right 8 times in 10
_LARGEST_STEP = 1e-8
_MAX_ITERATIONS = 1000
_SAME = 1.0 - 1e-12  # correlation of a sensor with its copy

Float = NDArray[np.floating]


def pooled(evidence: ArrayLike, prior_log_odds: ArrayLike = 0.0, weights: ArrayLike = 1.0) -> Float:
    """Log-odds after all sensors: prior + sum of weight x evidence over the last axis. The order changes no bit."""
    told = np.asarray(evidence, dtype=float) * np.asarray(weights, dtype=float)
    present = np.where(np.isnan(told), 0.0, told)
    return np.asarray(prior_log_odds + np.sort(present, axis=-1).sum(axis=-1))


def vote_evidence(vote: ArrayLike, sensitivity: ArrayLike, specificity: ArrayLike) -> Float:
    """Evidence of a hard map, nats: ln(se / (1 - sp)) where it says 1, ln((1 - se) / sp) where 0, NaN where NaN.

    Sensitivity and specificity lie strictly between 0 and 1: no map is right always.
    """
    se, sp = np.asarray(sensitivity, dtype=float), np.asarray(specificity, dtype=float)
    if not (((se > 0) & (se < 1)).all() and ((sp > 0) & (sp < 1)).all()):
        raise ValueError(
            "sensitivity and specificity lie between 0 and 1, both left out: no map is always right"
        )
    v = np.asarray(vote, dtype=float)
    told = np.where(v > 0.5, np.log(se) - np.log1p(-sp), np.log1p(-se) - np.log(sp))
    return np.where(np.isnan(v), np.nan, told)


class Raters(NamedTuple):
    """Found by `dawid_skene`: (rater,) sensitivity and specificity, share of water, (item,) probability of water."""

    sensitivity: Float
    specificity: Float
    prevalence: float
    probability: Float
    iterations: int


def dawid_skene(
    votes: ArrayLike, anchors: ArrayLike | None = None, prior: tuple[float, float] = BETA_PRIOR
) -> Raters:
    """Sensitivity and specificity of maps that nobody has the truth for, from how they agree.

    Parameters
    ----------
    votes : (item, rater), 1 water, 0 not, NaN where a rater did not see the item
    anchors : (item,) truth where it is known (1 permanent water, 0 high ground), NaN elsewhere
    prior : Beta(a, b) of sensitivity and of specificity; (1, 1) for none

    EM, started at the share of votes for water. Raters must err independently given the truth: maps of one sensor do
    not, and are then trusted too much. The share of water is that of items without an anchor.

    Raises
    ------
    ValueError
        For fewer than three raters: two can't be told apart from a coin and its copy.

    Source: Dawid & Skene (1979), two classes.
    """
    v = np.asarray(votes, dtype=float)
    seen = ~np.isnan(v)
    if v.ndim != 2 or int(seen.any(axis=0).sum()) < LEAST_RATERS:
        raise ValueError(f"{int(seen.any(axis=0).sum())} raters with votes: reliability takes {LEAST_RATERS}")
    known = np.full(v.shape[0], np.nan) if anchors is None else np.asarray(anchors, dtype=float)
    fixed, rated = ~np.isnan(known), seen.any(axis=1)
    yes, no = np.where(seen, v, 0.0), np.where(seen, 1.0 - v, 0.0)
    q = np.where(fixed, known, yes.sum(axis=1) / np.maximum(seen.sum(axis=1), 1))
    judged = rated & ~fixed
    a, b = prior[0] - 1.0, prior[1] - 1.0
    step, iteration = np.inf, 0
    while step > _LARGEST_STEP and iteration < _MAX_ITERATIONS:
        iteration += 1
        share = float(q[judged].mean()) if judged.any() else float(q.mean())
        share = min(max(share, 1e-6), 1.0 - 1e-6)
        se = _proportion(q @ yes + a, q @ seen + a + b)
        sp = _proportion((1.0 - q) @ no + a, (1.0 - q) @ seen + a + b)
        log_odds = logit(share) + yes @ (np.log(se) - np.log1p(-sp)) + no @ (np.log1p(-se) - np.log(sp))
        update = np.where(fixed, known, expit(log_odds))
        step, q = float(np.abs(update - q).max()), update
    return Raters(se, sp, share, q, iteration)


def _proportion(part: Float, whole: Float) -> Float:
    """part / whole, never quite 0 or 1; a half where nothing is known."""
    ratio = np.where(whole > 0.0, part / np.where(whole > 0.0, whole, 1.0), 0.5)
    return np.clip(ratio, 1e-6, 1.0 - 1e-6)


def error_correlation(error: ArrayLike) -> Float:
    """Correlation of sensors' errors, (sample, sensor) to (sensor, sensor), each pair over what both saw.

    Take it on anchors of one class at a time (permanent water, high ground): between classes it is the signal.
    Pairs with fewer than three samples in common, or without spread, count as independent.
    """
    e = np.asarray(error, dtype=float)
    rho = np.eye(e.shape[1])
    for i in range(e.shape[1]):
        for j in range(i):
            both = np.isfinite(e[:, i]) & np.isfinite(e[:, j])
            a, b = e[both, i], e[both, j]
            if both.sum() >= 3 and np.ptp(a) > 0.0 and np.ptp(b) > 0.0:
                rho[i, j] = rho[j, i] = np.corrcoef(a, b)[0, 1]
    return rho


def effective_number(correlation: ArrayLike) -> float:
    """Independent sensors that n equally weighted ones are worth: n^2 / sum of their correlations."""
    rho = np.asarray(correlation, dtype=float)
    return float(len(rho) ** 2 / rho.sum())


def _least_norm(matrix: Float) -> Float:
    """w >= 0 that minimises w' M w / 2 - sum w, for M symmetric and not negative."""
    values, vectors = np.linalg.eigh(matrix)
    values = np.maximum(values, 1e-12 * values[-1])
    root = np.sqrt(values)[:, None] * vectors.T
    return np.asarray(nnls(root, (vectors.T @ np.ones(len(matrix))) / np.sqrt(values))[0])


def pool_weights(correlation: ArrayLike) -> Float:
    """Weights of equally good sensors in a log-opinion pool; their sum is the number of independent ones.

    w = R^-1 1, none below 0: the discriminant of equally informative Gaussian sensors. 1 / (1 + (n - 1) rho) each
    where all correlate by rho, so 1, .769, .667, .5 for two and rho 0, .3, .5, 1. Their sum equals `effective_number`
    for sensors that are alike, and is larger where one is more independent than the others. Copies (rho = 1) share
    the weight of one.
    """
    rho = np.asarray(correlation, dtype=float)
    first = (rho >= _SAME).argmax(axis=1)  # the first copy stands for all
    heads, member = np.unique(first, return_inverse=True)
    weight = _least_norm(rho[np.ix_(heads, heads)])
    return weight[member] / np.bincount(member)[member]


def log_opinion_pool(evidence: ArrayLike, correlation: ArrayLike, prior_log_odds: ArrayLike = 0.0) -> Float:
    """Log-odds of sensors whose errors correlate: `pool_weights` of those that saw the pixel. (…, sensor) to (…)."""
    told = np.asarray(evidence, dtype=float)
    rho = np.asarray(correlation, dtype=float)
    present = ~np.isnan(told)
    pattern = present @ (1 << np.arange(told.shape[-1]))
    weights = np.zeros(told.shape)
    for code in np.unique(pattern[pattern > 0]):
        index = np.flatnonzero((code >> np.arange(told.shape[-1])) & 1)
        row = np.zeros(told.shape[-1])
        row[index] = pool_weights(rho[np.ix_(index, index)])
        weights[pattern == code] = row
    return pooled(np.where(present, told, 0.0), prior_log_odds, weights)


def ledoit_wolf(samples: ArrayLike) -> Float:
    """Covariance of (sample, sensor), shrunk to a multiple of the identity by the share that is least in error.

    S* = d m I + (1 - d) S, m = trace S / p. Samples with NaN are left out. Source: Ledoit & Wolf (2004).
    """
    x = np.asarray(samples, dtype=float)
    x = x[np.isfinite(x).all(axis=1)]
    if len(x) < 2:
        raise ValueError(f"{len(x)} complete samples: a covariance takes two")
    n, p = x.shape
    x = x - x.mean(axis=0)
    s = x.T @ x / n
    target = np.trace(s) / p * np.eye(p)
    spread = float(((s - target) ** 2).sum())
    noise = float((((x**2).sum(axis=1)) ** 2).sum() / n**2 - (s**2).sum() / n)
    share = min(max(noise / spread, 0.0), 1.0) if spread > 0.0 else 1.0
    return np.asarray(share * target + (1.0 - share) * s)


def minimum_variance_weights(covariance: ArrayLike, constrained: bool = True) -> Float:
    """Weights, sum 1, of the mean of probability maps that varies least, given the covariance of their errors.

    S^-1 1 / (1' S^-1 1); none below 0 unless `constrained` is off. Free weights chase errors in S: for spreads of 1 and 2
    and a correlation of .8 they are 1.333 and -.333, constrained ones 1 and 0. Shrink S first (`ledoit_wolf`).
    """
    s = np.asarray(covariance, dtype=float)
    w = _least_norm(s) if constrained else np.linalg.solve(s, np.ones(len(s)))
    return np.asarray(w / w.sum())


def robust_median(evidence: ArrayLike) -> Float:
    """Median of at least three sensors, (…, sensor) to (…); NaN where fewer saw the pixel.

    A monitor of disagreement and not a fusion: it does not add up evidence.
    """
    return _trimmed(evidence, 0.5)


def trimmed_mean(evidence: ArrayLike, share: float = 0.2) -> Float:
    """Mean without the lowest and the highest `share` of at least three sensors, rounded down to whole sensors."""
    return _trimmed(evidence, share)


def _trimmed(evidence: ArrayLike, share: float) -> Float:
    """Mean of the ordered sensors from cut to n - cut - 1; never fewer than the one or two in the middle."""
    told = np.sort(np.asarray(evidence, dtype=float), axis=-1)  # NaN last
    n = (~np.isnan(told)).sum(axis=-1)[..., None]
    cut = np.minimum(np.floor(share * n + 1e-9).astype(int), np.maximum(n - 1, 0) // 2)
    place = np.arange(told.shape[-1])
    kept = (place >= cut) & (place < n - cut)
    total = np.where(kept, told, 0.0).sum(axis=-1)
    return np.where(
        n[..., 0] >= LEAST_FOR_MONITOR, total / np.maximum(n[..., 0] - 2 * cut[..., 0], 1), np.nan
    )


def conflict(evidence: ArrayLike, axis: int = -1) -> Float:
    """Largest less smallest evidence of a pixel over the axis of sensors, nats; 0 where one sensor saw it, NaN where none did."""
    told = np.asarray(evidence)
    return np.asarray(np.fmax.reduce(told, axis=axis) - np.fmin.reduce(told, axis=axis))


def entropy_bits(probability: ArrayLike) -> Float:
    """What is left unknown of classes whose probabilities, (…, class), sum to 1: - sum p log2 p; NaN stays."""
    return np.asarray(entr(np.asarray(probability, dtype=float)).sum(axis=-1) / np.log(2.0))
