"""How far a flood rose, told from the ground that it could have reached.

The prior has ground level with the drainage flooded at even odds, and every 4 m above it one nat less likely (`prior`). What flood
there was it can't know: none at all, or one that stood metres deeper. Both move the log-odds of all ground that a flood can reach by one
number, the rise r [nats], which is 4 r metres of stage. All that sensors saw of such ground tells it:

    L(r) = c sum_i ln [ (w_i e^r a_i + (1 - w_i) b_i) / (w_i e^r + 1 - w_i) ],    r ~ N(0, 1)                           (1)

with w_i the prior share of flooded classes, a_i and b_i the likelihoods of what was seen if flooded and if dry, and c the share of a
field that a sample stands for: neighbours are of one field and count by their area. The rise is the posterior mean. Permanent water is no
flood, and where no height is known the prior has no stage to be moved: both neither tell nor follow. Source: empirical Bayes
(Efron 2010, Large-Scale Inference, ch. 1) over the prior of harmonization.md 7.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from floodfuse.harmonize.classes import FLOODED
from floodfuse.harmonize.prior import normalised

STEPS_NATS = np.arange(-6.0, 6.0 + 1e-9, 0.25)
RISE_SD_NATS = 1.0  # [P]
FIELD_M = 300.0  # side of ground that varies as one [P]
SAMPLE_M = 40.0  # between samples that tell the rise

Float32 = NDArray[np.float32]
Float = NDArray[np.float64]


def sampled(pixel_m: float) -> slice:
    """Rows, or columns, of pixels of so many metres that are samples."""
    step = max(round(SAMPLE_M / pixel_m), 1)
    return slice(step // 2, None, step)


def support(nats: NDArray[np.floating], log_share: NDArray[np.floating], side_m: float) -> Float:
    """L(r) of equation (1) at every one of `STEPS_NATS`.

    Parameters
    ----------
    nats : (n, class), evidence of all sensors together of each sample
    log_share : (n, class), ln prior share of every class
    side_m : of the ground that a sample stands for
    """
    likelihood = np.exp(np.asarray(nats, float))
    share = np.exp(np.asarray(log_share, float))
    wet, dry = share[:, : len(FLOODED)], share[:, len(FLOODED) :]
    seen_wet = (wet * likelihood[:, : len(FLOODED)]).sum(axis=1)
    seen_dry = (dry * likelihood[:, len(FLOODED) :]).sum(axis=1)
    odds = np.exp(STEPS_NATS)[:, None]
    told = np.log((odds * seen_wet + seen_dry) / (odds * wet.sum(axis=1) + dry.sum(axis=1)))
    return np.asarray(min((side_m / FIELD_M) ** 2, 1.0) * told.sum(axis=1))


def rise_nats(support: Float) -> float:
    """Posterior mean of the rise from its support, (step,); 0 where that is flat."""
    log_mass = support - 0.5 * (STEPS_NATS / RISE_SD_NATS) ** 2
    mass = np.exp(log_mass - log_mass.max())
    return float(mass @ STEPS_NATS / mass.sum())


def risen(log_share: Float32, rise: NDArray[np.floating]) -> Float32:
    """ln prior of every class with flooded ones likelier by so many nats, (y, x, class), summing to one.

    Parameters
    ----------
    log_share : (y, x, class)
    rise : (y, x) nats; where it is 0 the prior stays as it is, to the last bit
    """
    moved = log_share.copy()
    moved[..., : len(FLOODED)] += rise[..., None].astype(np.float32)
    return np.where((rise == 0.0)[..., None], log_share, normalised(moved))
