"""What varies together, and so may not be counted as if it were two things.

Polarizations of one pass share the ground's texture, and in `joint` a density of their own for each class. C and L band see the
same wind on water and the same roughness of soil; their evidence is pooled at what it is worth together (harmonization.md 6).
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from floodfuse.harmonize.classes import EvidenceClass
from floodfuse.harmonize.push_forward import class_correlation

TEXTURE_CORRELATION = 0.6  # of class texture between polarizations of one pass: .5 to .7 (harmonization.md 6)
WIND_HOURS = 6.0  # over which wind forgets itself, e-fold [P]
DOUBLE_BOUNCE = (
    (EvidenceClass.FLOODED_FOREST, EvidenceClass.DRY_FOREST),
    (EvidenceClass.FLOODED_URBAN, EvidenceClass.URBAN),
)

_BOUNCES = np.array(DOUBLE_BOUNCE, np.int64)

Float = NDArray[np.floating]
Float32 = NDArray[np.float32]


def texture_correlation(k: EvidenceClass, a: str, b: str) -> float:
    """Correlation of a class's texture between two channels of one pass: 0.6, or less where the models have less.

    They have less for forest at L band, 0.4 dry and none flooded: trunks and ground brighten HH and leave HV to the crowns.
    """
    modelled = class_correlation(k, a, b) if a != b else np.nan
    return TEXTURE_CORRELATION if np.isnan(modelled) else float(np.clip(modelled, 0.0, TEXTURE_CORRELATION))


def band_correlation(hours_apart: ArrayLike) -> Float:
    """Correlation of the levels of open ground between C-VV and L-HH, mean over water, low plants and bare soil.

    Water shares the wind (0.95 at the same moment, forgotten within hours), soil its roughness (0.75, for as long as nobody
    ploughs), low plants little (0.19): 0.63 at once, 0.34 after half a day, 0.31 for good.
    """
    water, plants, soil = (
        class_correlation(k, "C_VV", "L_HH")
        for k in (EvidenceClass.OPEN_WATER, EvidenceClass.DRY_LOW_VEG, EvidenceClass.BARE_SOIL)
    )
    forgotten = np.exp(-np.abs(np.asarray(hours_apart, dtype=float)) / WIND_HOURS)
    return np.asarray((water * forgotten + plants + soil) / 3.0)


def discounted(evidence: Float32, correlation: Float32) -> Float32:
    """Evidence of one band, counted at 1 / (1 + rho) where the other band speaks too: two of correlation rho are worth 2 / (1 + rho).

    Flooded forest and town keep what they have over their dry counterparts: of a double bounce C band knows nothing (0.05).

    Parameters
    ----------
    evidence : (y, x, class) nats, NaN where unseen
    correlation : (y, x), 0 where the other band saw nothing, which leaves the evidence as it is to the last bit
    """
    flat = np.ascontiguousarray(evidence, np.float32).reshape(-1, evidence.shape[-1])
    out = np.empty_like(flat)
    _discount(flat, np.ascontiguousarray(correlation, np.float32).ravel(), _BOUNCES, out)
    return out.reshape(evidence.shape)


@numba.njit(nogil=True, cache=True)
def _discount(  # pragma: no cover
    evidence: Float32, correlation: Float32, bounces: NDArray[np.int64], out: Float32
) -> None:
    n_class = evidence.shape[1]
    for i in range(evidence.shape[0]):
        if not correlation[i] > 0.0:
            for k in range(n_class):
                out[i, k] = evidence[i, k]
            continue
        weight = np.float32(1.0) / (np.float32(1.0) + correlation[i])
        for k in range(n_class):
            out[i, k] = evidence[i, k] * weight
        for b in range(bounces.shape[0]):
            flooded, dry = bounces[b, 0], bounces[b, 1]
            out[i, flooded] = out[i, dry] + (evidence[i, flooded] - evidence[i, dry])
        best = out[i, 0]
        for k in range(1, n_class):
            best = max(best, out[i, k])
        for k in range(n_class):
            out[i, k] -= best
