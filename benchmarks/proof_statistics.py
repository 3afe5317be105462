"""Statistics of calibration and separation, with intervals that respect that pixels of one chip are not independent.

Intervals come from drawing chips, not pixels, with replacement: what a chip's pixels share (wind, stands, calibration,
noise floor) is then drawn anew each time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, logsumexp
from scipy.stats import rankdata

from floodfuse.harmonize.classes import FLOODED

DRAWS = 400
_STEP, _REACH = 0.1, 16.0  # nats, of the fine bins behind fits
_FEWEST_CHIPS, _FEWEST_PIXELS = 8, 60  # of a bin whose share is worth stating
_N_FLOODED = len(FLOODED)

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]


def shares_of(truth: NDArray[np.integer]) -> Float:
    """Share of each class among samples."""
    return np.bincount(truth, minlength=8) / truth.size


def class_llr(nats: NDArray[np.floating], share: Float) -> Float:
    """ln p(value | flooded) - ln p(value | dry) with classes in the shares given: (n, class) -> (n,)."""
    with np.errstate(divide="ignore"):
        told = np.asarray(nats, float) + np.log(share)
        prior = np.log(share[:_N_FLOODED].sum()) - np.log(share[_N_FLOODED:].sum())
    wet, dry = told[:, :_N_FLOODED], told[:, _N_FLOODED:]
    return np.asarray(logsumexp(wet, axis=1) - logsumexp(dry, axis=1) - prior)


def area_under_curve(score: NDArray[np.floating], positive: Bool) -> float:
    """Share of pairs of a positive and a negative sample in the right order, ties as halves."""
    n = int(positive.sum())
    if n in (0, positive.size):
        return float("nan")
    rank = rankdata(score)[positive].sum()
    return float((rank - n * (n + 1) / 2) / (n * (positive.size - n)))


class Calibration(NamedTuple):
    """How well evidence is calibrated.

    Attributes
    ----------
    slope, intercept : of logit P = slope l + intercept + logit prior, maximum likelihood
    slope_range, intercept_range : 95 %, chips drawn
    ece : mean distance of observed share from probability over bins of 1 nat, weighted by their pixels
    ece_range : 95 %, chips drawn
    samples, chips : how many
    """

    slope: float
    slope_range: tuple[float, float]
    intercept: float
    intercept_range: tuple[float, float]
    ece: float
    ece_range: tuple[float, float]
    samples: int
    chips: int


class Curve(NamedTuple):
    """Observed share of flooded pixels in bins of evidence, each (bin,): NaN where pixels or chips are too few.

    Attributes
    ----------
    nats : mean evidence
    share, low, high : flooded, and 95 % by drawing chips
    excess : logit share - nats - logit prior: by how much more is flooded than the evidence says, in nats
    excess_drawn : (draw, bin), the same of chips drawn
    pixels : how many
    """

    nats: Float
    share: Float
    low: Float
    high: Float
    excess: Float
    excess_drawn: Float
    pixels: NDArray[np.int64]


def _counts(values: Float, flooded: Bool, chip: NDArray[np.intp], edges: Float) -> tuple[Float, Float, Float]:
    """(chip, bin): pixels, flooded ones, and sum of values."""
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, edges.size - 2)
    number = int(chip.max()) + 1
    flat, size = chip * (edges.size - 1) + place, number * (edges.size - 1)
    shape = (number, edges.size - 1)

    def summed(weight: NDArray[np.generic]) -> Float:
        return np.asarray(np.bincount(flat, weight, size).reshape(shape), np.float64)

    return summed(np.ones(flat.size)), summed(flooded), summed(values)


def _chips_drawn(number: int, seed: int) -> Float:
    """(draw, chip): how often each chip is drawn."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(number, np.full(number, 1.0 / number), DRAWS).astype(float)


def _line(middle: Float, pixels: Float, flooded: Float, offset: float) -> tuple[float, float]:
    """Logistic regression by Newton's method on binned data: slope and intercept."""
    slope, intercept = 1.0, 0.0
    for _ in range(30):
        p = expit(slope * middle + intercept + offset)
        weight = pixels * p * (1.0 - p) + 1e-9
        residual = flooded - pixels * p
        gradient = np.array([residual @ middle, residual.sum()])
        s1, s2 = weight @ middle, weight @ middle**2
        hessian = np.array([[s2, s1], [s1, weight.sum()]])
        step = np.linalg.solve(hessian, gradient)
        slope, intercept = slope + step[0], intercept + step[1]
        if np.abs(step).max() < 1e-7:
            break
    return float(slope), float(intercept)


def _range(values: Float) -> tuple[float, float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def calibration(
    llr: Float, flooded: Bool, chip: NDArray[np.intp], prior_log_odds: float | Float, seed: int = 0
) -> Calibration:
    """Slope, intercept and calibration error of evidence, or of log-odds where the prior is 0.

    Parameters
    ----------
    llr : (n,) nats
    flooded : (n,) truth
    chip : (n,) number of the chip each sample is from, 0 ...
    prior_log_odds : of flooded ground among the samples
    """
    fine = np.arange(-_REACH, _REACH + _STEP, _STEP)
    n, k, total = _counts(llr, flooded, chip, fine)
    offset = float(np.mean(prior_log_odds))
    drawn = _chips_drawn(n.shape[0], seed)
    middle = total.sum(0) / np.maximum(n.sum(0), 1.0)
    slope, intercept = _line(middle, n.sum(0), k.sum(0), offset)
    fits = np.array([_line(middle, w @ n, w @ k, offset) for w in drawn])
    probability = expit(llr + offset)
    coarse = np.arange(-_REACH, _REACH + 1.0)
    bins, wet, _ = _counts(llr + offset, flooded, chip, coarse)
    _, expected, _ = _counts(llr + offset, probability, chip, coarse)

    def error(w: Float) -> float:
        return float(np.abs(w @ wet - w @ expected).sum() / (w @ bins).sum())

    return Calibration(
        slope, _range(fits[:, 0]), intercept, _range(fits[:, 1]), error(np.ones(n.shape[0])),
        _range(np.array([error(w) for w in drawn])), llr.size, n.shape[0],
    )  # fmt: skip


def reliability(
    llr: Float,
    flooded: Bool,
    chip: NDArray[np.intp],
    edges: Float,
    prior_log_odds: float | Float,
    seed: int = 0,
) -> Curve:
    """Observed share of flooded pixels against evidence, in bins between edges."""
    inside = (llr >= edges[0]) & (llr < edges[-1])
    n, k, total = _counts(llr[inside], flooded[inside], chip[inside], edges)
    drawn = _chips_drawn(n.shape[0], seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        share, draws, nats = k.sum(0) / n.sum(0), (drawn @ k) / (drawn @ n), total.sum(0) / n.sum(0)
    few = (n.sum(0) < _FEWEST_PIXELS) | ((n > 0).sum(0) < _FEWEST_CHIPS)
    share[few], draws[:, few] = np.nan, np.nan
    low, high = np.full((2, edges.size - 1), np.nan)
    low[~few], high[~few] = np.nanquantile(draws[:, ~few], [0.025, 0.975], axis=0)
    expected = nats + float(np.mean(prior_log_odds))
    return Curve(
        nats,
        share,
        low,
        high,
        _logits(share) - expected,
        _logits(draws) - expected,
        n.sum(0).astype(np.int64),
    )


def agreement(a: Curve, b: Curve, paired: bool = False) -> tuple[Bool, Bool]:
    """Per bin whether two curves can be compared, and whether they agree within 95 %.

    They are held against each other at the same evidence and the same prior: in a bin the evidence of one may lie higher, and
    floods had shrunk when the other looked, so what is compared is `excess`. Binomial, with the number of independent pixels that
    drawing chips shows: |a - b| <= 1.96 sqrt(var a + var b). `paired` asks for more: both curves drew the same chips (the same
    seed), and 0 lies within 95 % of the differences, in which what is common to a chip cancels.
    """
    both = np.isfinite(a.excess) & np.isfinite(b.excess)
    agree = np.zeros(both.shape, bool)
    if both.any() and paired:
        low, high = np.nanquantile((a.excess_drawn - b.excess_drawn)[:, both], [0.025, 0.975], axis=0)
        agree[both] = (low <= 0.0) & (high >= 0.0)
    elif both.any():
        error = np.sqrt(
            np.nanvar(a.excess_drawn[:, both], axis=0) + np.nanvar(b.excess_drawn[:, both], axis=0)
        )
        agree[both] = np.abs(a.excess - b.excess)[both] <= 1.96 * error
    return both, agree


def _logits(share: Float) -> Float:
    return np.asarray(logit(np.clip(share, 1e-3, 1.0 - 1e-3)))


def risk_coverage(probability: Float, flooded: Bool, points: int = 40) -> tuple[Float, Float]:
    """Error rate of the most certain pixels against the share of pixels taken: (coverage, error).

    Certainty is max(p, 1 - p); p above 0.5 is called flooded. Where nothing was answered, nothing is wrong.
    """
    if not probability.size:
        return np.zeros(points), np.zeros(points)
    order = np.argsort(-np.maximum(probability, 1.0 - probability), kind="stable")
    wrong = np.cumsum(((probability > 0.5) != flooded)[order])
    coverage = np.linspace(1.0 / points, 1.0, points)
    taken = np.maximum((coverage * probability.size).astype(int), 1)
    return coverage, wrong[taken - 1] / taken
