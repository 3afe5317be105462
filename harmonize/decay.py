"""Time: what evidence of one day is still worth on another.

Each pixel is wet or dry and changes by a two-state Markov chain: it dries with rate ln 2 / half-life and is
flooded with a small constant rate. Evidence seen dt days away is weaker, never of the other sign, and bounded by
what could have changed meanwhile (harmonization.md 4.6).
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from floodfuse.harmonize.classes import FLOODED, EvidenceClass

ONSET_PER_DAY = 0.01
HALF_LIFE_DAYS = 5.0  # where height above drainage is not known
HALF_LIFE_BY_HAND = ((1.0, 10.0), (3.0, 5.0), (np.inf, 2.0))  # (HAND below [m], half-life [d])

Float = NDArray[np.floating]

_W, _FF, _FH, _FU, _DF, _DV, _BS, _U = EvidenceClass
# Which dry ground a flooded class becomes, and which flooded class may have covered it.
_COUNTERPARTS: dict[EvidenceClass, tuple[EvidenceClass, ...]] = {
    _W: (_DV, _BS),
    _FF: (_DF,),
    _FH: (_DV,),
    _FU: (_U,),
    _DF: (_FF,),
    _DV: (_W,),
    _BS: (_W,),
    _U: (_FU,),
}
_N_FLOODED = len(FLOODED)


# Low plants are the ground of two floods and change places with open water; what sets flooded herbs apart from them fades by itself.
_RIDER, _CARRIER = int(_FH), int(_DV)
# Behind the best class: ten times what one sensor may say, and a likelihood that float32 holds.
_FURTHEST_NATS = -40.0

# The same as two indices for each class, one twice where there is but one, for the loop over pixels.
_PAIR = np.array([(others[0], others[-1]) for _, others in sorted(_COUNTERPARTS.items())])


class Persistence(NamedTuple):
    """Probability that a pixel wet (dry) on one day is wet (dry) on the other."""

    wet: Float
    dry: Float


def half_life_days(hand_m: ArrayLike | None) -> Float:
    """How long a flood stays, by height above nearest drainage: 10 d below 1 m, 5 d below 3 m, else 2 d; 5 d unknown."""
    if hand_m is None:
        return np.asarray(HALF_LIFE_DAYS)
    hand = np.asarray(hand_m)
    (low, longest), (middle, usual), (_, shortest) = HALF_LIFE_BY_HAND
    days = np.where(hand < low, longest, np.where(hand < middle, usual, shortest))
    return np.where(np.isfinite(hand), days, HALF_LIFE_DAYS)


def persistence(
    days: float, half_life: ArrayLike = HALF_LIFE_DAYS, onset_per_day: float = ONSET_PER_DAY
) -> Persistence:
    """Persistence over |days| of the stationary chain: p11 = pi + (1 - pi) e^(-r |dt|), p00 = (1 - pi) + pi e^(-r |dt|).

    r = onset + ln 2 / half-life, pi = onset / r. The chain is reversible: before or after makes no difference.
    """
    rate = onset_per_day + np.log(2.0) / np.asarray(half_life, dtype=float)
    wet_share = onset_per_day / rate
    kept = np.exp(-rate * abs(days))
    return Persistence(wet_share + (1.0 - wet_share) * kept, (1.0 - wet_share) + wet_share * kept)


def decay_llr(llr: ArrayLike, p: Persistence) -> Float:
    """Log-likelihood ratio wet : dry moved to the product's time.

    l' = ln[(p11 e^l + 1 - p11) / ((1 - p00) e^l + p00)]
    """
    odds = np.exp(np.clip(np.asarray(llr, dtype=float), -700.0, 700.0))
    return np.log(p.wet * odds + (1.0 - p.wet)) - np.log((1.0 - p.dry) * odds + p.dry)


def decay_evidence(evidence: NDArray[np.float32], p: Persistence) -> NDArray[np.float32]:
    """Evidence per class, (y, x, class) in nats, moved to the product's time.

    A class keeps its likelihood with the persistence of its state, and takes that of its counterparts (water for
    drowned ground, dry forest for flooded forest) with the rest: the class-wise form of `decay_llr`. Flooded herbs keep over dry
    low plants what `decay_llr` leaves of it.
    """
    shape = evidence.shape[:2]
    flat = np.ascontiguousarray(evidence, np.float32).reshape(-1, evidence.shape[2])
    wet = np.ascontiguousarray(np.broadcast_to(p.wet, shape), np.float64).ravel()
    dry = np.ascontiguousarray(np.broadcast_to(p.dry, shape), np.float64).ravel()
    out = np.empty_like(flat)
    _behind_best(flat, out)
    # NumPy takes exponentials and logarithms of whole arrays many at a time, compiled loops one by one.
    np.exp(out, out=out)
    _mix(out, wet, dry, _PAIR, _N_FLOODED)
    return np.log(out, out=out).reshape(evidence.shape)


@numba.njit(nogil=True, cache=True)
def _behind_best(evidence: NDArray[np.float32], out: NDArray[np.float32]) -> None:  # pragma: no cover
    """Nats behind the best class of each pixel, (pixel, class), none further than `_FURTHEST_NATS`."""
    for i in range(evidence.shape[0]):
        best = evidence[i, 0]
        for k in range(1, evidence.shape[1]):
            best = max(best, evidence[i, k])
        for k in range(evidence.shape[1]):
            out[i, k] = max(evidence[i, k] - best, np.float32(_FURTHEST_NATS))


@numba.njit(nogil=True, cache=True)
def _mix(  # pragma: no cover
    likelihood: NDArray[np.float32],
    wet: NDArray[np.float64],
    dry: NDArray[np.float64],
    pair: NDArray[np.int64],
    n_flooded: int,
) -> None:
    """Likelihoods of every class, (pixel, class), at another time, in place."""
    n_class = likelihood.shape[1]
    before = np.empty(n_class)
    for i in range(likelihood.shape[0]):
        for k in range(n_class):
            before[k] = likelihood[i, k]
        for k in range(n_class):
            other = 0.5 * (before[pair[k, 0]] + before[pair[k, 1]])
            stay = wet[i] if k < n_flooded else dry[i]
            likelihood[i, k] = stay * before[k] + (1.0 - stay) * other
        rider, carrier = before[_RIDER], before[_CARRIER]
        faded = (wet[i] * rider + (1.0 - wet[i]) * carrier) / ((1.0 - dry[i]) * rider + dry[i] * carrier)
        likelihood[i, _RIDER] = likelihood[i, _CARRIER] * faded
