"""Physics alone: the evidence of all sensors summed class by class, and the prior once (Bayes' rule).

    ln P(k | all) = ln prior_k + sum over sensors of l_s[k] - ln(sum over k of the same)

Summing happens per class, before anything is summed over classes: sensors look at the same ground. A sensor
without a value contributes exactly 0 (harmonization.md 4.2 and 6).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from floodfuse.harmonize.classes import FLOODED, Decider

Float32 = NDArray[np.float32]

_N_FLOODED = len(FLOODED)
UNDECIDED_NATS = 0.2  # a sensor that moves the odds by less did not decide


class Posterior(NamedTuple):
    """What is known after all sensors: probability of each class, of water, and who decided."""

    classes: Float32  # (y, x, class), sums to 1
    water: Float32  # (y, x), probability of water in any form
    decider: NDArray[np.uint8]  # (y, x), values of `Decider`
    sensors: NDArray[np.uint8]  # (y, x), number of sensors with a value


def log_sum_exp(x: Float32) -> Float32:
    """ln of the sum of exponentials along the last axis."""
    highest = x.max(axis=-1)
    return np.asarray(highest + np.log(np.exp(x - highest[..., None]).sum(axis=-1)))


def log_odds(log_weight: Float32) -> Float32:
    """ln odds of water in any form, from ln weights of all classes."""
    return log_sum_exp(log_weight[..., :_N_FLOODED]) - log_sum_exp(log_weight[..., _N_FLOODED:])


def fuse(evidence: dict[Decider, Float32], log_prior: Float32) -> Posterior:
    """Posterior from the evidence of each sensor, (y, x, class) nats with NaN where it saw nothing.

    The deciding sensor is the one that, alone with the prior, moves the odds furthest towards the outcome;
    `PRIOR` where none moves them by 0.2 nat, `NONE` where there is no sensor.
    """
    total = log_prior.copy()
    count = np.zeros(log_prior.shape[:2], np.uint8)
    for values in evidence.values():
        valid = np.isfinite(values[..., 0])
        total += np.where(valid[..., None], values, np.float32(0.0))
        count += valid
    outcome = log_odds(total)
    classes = np.exp(total - log_sum_exp(total)[..., None])
    water = np.minimum(classes[..., :_N_FLOODED].sum(axis=-1), np.float32(1.0))
    return Posterior(classes, water, _decider(evidence, log_prior, outcome, count), count)


def _decider(
    evidence: dict[Decider, Float32], log_prior: Float32, outcome: Float32, count: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    before = log_odds(log_prior)
    towards = np.sign(outcome)
    best = np.full(count.shape, UNDECIDED_NATS, np.float32)
    decider = np.where(count > 0, Decider.PRIOR, Decider.NONE).astype(np.uint8)
    for sensor, values in evidence.items():
        valid = np.isfinite(values[..., 0])
        moved = (log_odds(log_prior + np.where(valid[..., None], values, np.float32(0.0))) - before) * towards
        wins = valid & (moved > best)
        decider[wins] = sensor
        best = np.where(wins, moved, best)
    return decider


def flooded_class(posterior: Posterior) -> NDArray[np.uint8]:
    """The likeliest flooded class of each pixel, as its index in `EvidenceClass`."""
    return np.asarray(posterior.classes[..., :_N_FLOODED].argmax(axis=-1), np.uint8)
