"""Ever flooded: water that was there at some pass, though it may be gone, or not yet there, at the product's time.

The state of a pixel is the two-state chain of `decay`. Given dry ground at the product's time t*, what happened before
and what happens after are independent, and each is a walk away from t* from pass to pass:

    P(ever) = 1 - P(dry at t*) prod_i P(dry at t_i | dry at t_(i-1), evidence of t_i and beyond)
    P(dry at t_i | ...) = p00 / (p00 + (1 - p00) e^(a_i))         a_i = l_i + a_(i+1) moved from t_(i+1) to t_i by 4.6

with p00 of the time between the two passes and l_i the evidence of pass i as it was, not decayed. a_i is found from the
outermost pass inwards, so one sweep a side is enough: exact, and linear in the number of passes. P(dry at t*) is the
map's own, so "ever flooded" can never fall below "flooded at t*" (harmonization.md 4.6).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from floodfuse.harmonize.classes import FLOODED
from floodfuse.harmonize.decay import HALF_LIFE_DAYS, ONSET_PER_DAY
from floodfuse.harmonize.evidence import likelihoods

Float32 = NDArray[np.float32]

_N_FLOODED = len(FLOODED)


class Pass(NamedTuple):
    """What one acquisition said of each pixel at its own time.

    Attributes
    ----------
    name : of the acquisition
    days : its time minus the product's, days
    llr : (y, x), `flood_llr` of its evidence before any decay; NaN where it saw nothing
    """

    name: str
    days: float
    llr: Float32


def flood_llr(evidence: Float32, log_share: Float32) -> Float32:
    """Log-likelihood ratio flooded : dry of one sensor, nats, given what the ground can be.

    ln[sum_flooded pi_k e^(l_k) / sum_flooded pi_k] - ln[the same over dry classes]

    Parameters
    ----------
    evidence : (y, x, class), nats; NaN where the sensor saw nothing, and then the result is NaN
    log_share : (y, x, class), ln of the prior pi; only its shares among flooded and among dry classes count

    Within +-4 where no class of the evidence lies further than 4 nats behind the best.
    """
    out = np.empty(evidence.shape[0] * evidence.shape[1], np.float32)
    _flood_odds(likelihoods(evidence), likelihoods(log_share), _N_FLOODED, out)
    return np.log(out, out=out).reshape(evidence.shape[:2])


@numba.njit(nogil=True, cache=True)
def _flood_odds(  # pragma: no cover
    likelihood: Float32, share: Float32, n_flooded: int, out: Float32
) -> None:
    """Likelihood ratio flooded : dry; NaN stays NaN."""
    for i in range(out.size):
        wet, dry, wet_share, dry_share = 0.0, 0.0, 0.0, 0.0
        for k in range(likelihood.shape[1]):
            if k < n_flooded:
                wet_share += share[i, k]
                wet += share[i, k] * likelihood[i, k]
            else:
                dry_share += share[i, k]
                dry += share[i, k] * likelihood[i, k]
        out[i] = (wet * dry_share) / (dry * wet_share)


def ever_flooded(
    probability: Float32,
    passes: Sequence[Pass],
    half_life: ArrayLike = HALF_LIFE_DAYS,
    onset_per_day: float = ONSET_PER_DAY,
) -> Float32:
    """Probability that a pixel was under water at the product's time or at any pass that saw it, (y, x).

    Parameters
    ----------
    probability : (y, x), of water at the product's time, 0 … 1, from all evidence; NaN stays NaN
    passes : every acquisition within the window, in any order
    half_life : of a flood on this ground, days, (y, x) or one for all
    onset_per_day : rate of flooding, > 0

    At least `probability`, and equal to it where all passes were at the product's time. A pass that saw nothing of a
    pixel is as if it had not been. Passes are independent given the state of the ground at their times, so ground
    that looks like water at every pass is not held against them: that is for flags to say.
    """
    shape = probability.shape
    out = np.ascontiguousarray(probability, np.float32).ravel().copy()
    life = np.ascontiguousarray(np.broadcast_to(np.asarray(half_life, np.float64), shape)).ravel()
    for later in (False, True):  # each side of the product's time on its own, outermost first
        side = [p for p in passes if (p.days > 0.0) == later and p.days != 0.0]
        ordered = sorted(side, key=lambda p: (-abs(p.days), p.name))
        if ordered:
            llrs = tuple(np.ascontiguousarray(p.llr, np.float32).ravel() for p in ordered)
            days = np.array([abs(p.days) for p in ordered])
            _walk(out, llrs, days, life, onset_per_day)
    return out.reshape(shape)


@numba.njit(nogil=True, cache=True)
def _walk(  # pragma: no cover
    probability: Float32,
    llrs: tuple[Float32, ...],
    days: NDArray[np.float64],
    half_life: NDArray[np.float64],
    onset: float,
) -> None:
    """Raise `probability` by what the passes of one side add; they come outermost first."""
    n = days.size
    for i in range(probability.size):
        rate = onset + np.log(2.0) / half_life[i]
        wet_share = onset / rate
        odds, dry = 1.0, 1.0  # e^(a) handed inwards; probability of dry ground at all passes of this side
        for j in range(n):
            if not np.isfinite(llrs[j][i]):
                continue
            inner = j + 1  # the next pass inwards that saw the pixel, or the product's time
            while inner < n and not np.isfinite(llrs[inner][i]):
                inner += 1
            apart = days[j] - (days[inner] if inner < n else 0.0)
            kept = np.exp(-rate * apart)
            wet_stays = wet_share + (1.0 - wet_share) * kept
            dry_stays = (1.0 - wet_share) + wet_share * kept
            odds *= np.exp(np.float64(llrs[j][i]))
            if_dry = (1.0 - dry_stays) * odds + dry_stays
            dry *= dry_stays / if_dry
            odds = (wet_stays * odds + (1.0 - wet_stays)) / if_dry
        probability[i] = 1.0 - (1.0 - probability[i]) * dry
