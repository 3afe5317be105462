"""Physics alone: the evidence of all sensors summed class by class, and the prior once (Bayes' rule).

    ln P(k | all) = ln prior_k + sum over sensors of l_s[k] - ln(sum over k of the same)

Summing happens per class, before anything is summed over classes: sensors look at the same ground. A sensor
without a value contributes exactly 0 (harmonization.md 4.2 and 6).
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from floodfuse.harmonize.classes import FLOODED, PLANTS_IN_WATER, Decider
from floodfuse.harmonize.evidence import likelihoods
from floodfuse.models.decision import likeliest

Float32 = NDArray[np.float32]

_N_FLOODED = len(FLOODED)
_NONE, _PRIOR = int(Decider.NONE), int(Decider.PRIOR)
UNDECIDED_NATS = 0.2  # a sensor that moves the odds by less did not decide
_DECIDES = float(np.exp(UNDECIDED_NATS))


class Posterior(NamedTuple):
    """What is known after all sensors: probability of each class, of water, and who decided."""

    classes: Float32  # (y, x, class), sums to 1
    water: Float32  # (y, x), probability of water in any form
    decider: NDArray[np.uint8]  # (y, x), values of `Decider`
    sensors: NDArray[np.uint8]  # (y, x), number of sensors with a value


def fuse(evidence: dict[Decider, Float32], log_prior: Float32, decided: Float32 | None = None) -> Posterior:
    """Posterior from the evidence of each sensor, (y, x, class) nats with NaN where it saw nothing.

    The deciding sensor is the one that, alone with the prior, moves the odds furthest towards the outcome;
    `PRIOR` where none moves them by 0.2 nat, `NONE` where there is no sensor. The outcome is the posterior's, or that of `decided`,
    the probability of water, (y, x), that someone else came to.
    """
    shape = log_prior.shape[:2]
    share = likelihoods(log_prior)
    classes = np.empty_like(share)
    water = np.empty(share.shape[0], np.float32)
    decider = np.empty(share.shape[0], np.uint8)
    count = np.empty(share.shape[0], np.uint8)
    ordered = sorted(evidence)  # sums round by order: the order of a dict changes nothing
    outcome = share[:0, 0] if decided is None else np.ascontiguousarray(decided, np.float32).ravel()
    _fuse(
        share,
        tuple(likelihoods(evidence[who]) for who in ordered) or (share[:0],),
        np.array(ordered, np.uint8),
        outcome,
        classes,
        water,
        decider,
        count,
        _N_FLOODED,
        _NONE,
        _PRIOR,
    )
    return Posterior(
        classes.reshape(log_prior.shape), water.reshape(shape), decider.reshape(shape), count.reshape(shape)
    )


@numba.njit(nogil=True, cache=True)
def _fuse(  # pragma: no cover
    share: Float32,
    of_sensor: tuple[Float32, ...],
    sensors: NDArray[np.uint8],
    outcome: Float32,
    classes: Float32,
    water: Float32,
    decider: NDArray[np.uint8],
    count: NDArray[np.uint8],
    n_flooded: int,
    none_code: int,
    prior_code: int,
) -> None:
    """`fuse`, pixel by pixel: (pixel, class) arrays in, the rest filled in.

    Works on exp(nats): sums and products in float64, for the nats of all sensors add up to tens.
    """
    n_class, n_sensor = share.shape[1], sensors.size
    weight, moved = np.empty(n_class), np.empty(n_sensor)
    for i in range(share.shape[0]):
        wet, dry = 0.0, 0.0
        for k in range(n_class):
            weight[k] = share[i, k]
            if k < n_flooded:
                wet += weight[k]
            else:
                dry += weight[k]
        before, seen = wet / dry, 0
        for s in range(n_sensor):
            moved[s] = 1.0  # by which factor the odds
            if not np.isfinite(of_sensor[s][i, 0]):
                continue
            seen, wet, dry = seen + 1, 0.0, 0.0
            for k in range(n_class):
                likelihood = np.float64(of_sensor[s][i, k])
                weight[k] *= likelihood
                if k < n_flooded:
                    wet += share[i, k] * likelihood
                else:
                    dry += share[i, k] * likelihood
            moved[s] = wet / dry / before
        wet, dry = 0.0, 0.0
        for k in range(n_class):
            if k < n_flooded:
                wet += weight[k]
            else:
                dry += weight[k]
        for k in range(n_class):
            classes[i, k] = weight[k] / (wet + dry)
        water[i], count[i] = wet / (wet + dry), seen
        decider[i] = prior_code if seen > 0 else none_code
        furthest = _DECIDES
        flooded = outcome[i] > 0.5 if outcome.size else wet > dry
        for s in range(n_sensor):
            towards = moved[s] if flooded else 1.0 / moved[s]
            if towards > furthest:
                furthest, decider[i] = towards, sensors[s]


def flooded_class(posterior: Posterior, where: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The likeliest flooded class of the likeliest kind of water, as its index in `EvidenceClass`, of the pixels where asked, in order."""
    return likeliest(posterior.classes[where].T, FLOODED, (PLANTS_IN_WATER,))
