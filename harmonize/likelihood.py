"""Evidence of a radar value: log-likelihood of each class, in nats, exact in speckle, looks and noise floor.

The measured total power S = I + N (N the noise floor, I what is left after subtracting it, possibly negative)
is Gamma distributed about the class's power plus N, and that power is lognormal within the class:

    p(S | k) = sum_j w_j Gamma(S; L, 10^((m_k + s_k x_j) / 10) + N)       21 Gauss-Hermite nodes x_j

(harmonization.md 4.2); with many looks more nodes, see `hermite_nodes`. Densities are taken per dB of S. Two things make them fit for maps: an outlier density
mixed in, so that no single value is worth more than 5.7 nats, and monotone differences, so that a value darker
than any class does not turn into evidence for a bright one.
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression
from scipy.special import gammaln, logsumexp, polygamma

from floodfuse.harmonize.classes import DRY, EvidenceClass

OUTLIER_SHARE = 0.02
OUTLIER_DENSITY_PER_DB = 1.0 / 45.0
URBAN_CAP_NATS = 1.0  # intensity evidence among buildings is two-sided (harmonization.md 3.5)

_HERMITE_NODES, _weights = hermegauss(21)
_HERMITE_LOG_WEIGHTS = np.log(_weights / _weights.sum())
_HERMITE_GAP = 0.68  # between the middle nodes, in spreads
_WIDEST_GAP = 1.5  # between nodes, in standard deviations of speckle
_REACH = 6.0  # of equally spaced nodes, in spreads
_LN10_10 = np.log(10.0) / 10.0

Float = NDArray[np.float64]


def gamma_log_density(power: ArrayLike, mean: ArrayLike, looks: float) -> Float:
    """ln of the Gamma density of L-look power about its mean, per linear unit of power; power and mean > 0."""
    s, mu = np.asarray(power, dtype=float), np.asarray(mean, dtype=float)
    return looks * np.log(looks / mu) + (looks - 1.0) * np.log(s) - looks * s / mu - gammaln(looks)


def hermite_nodes(sd_db: ArrayLike, looks: float) -> tuple[Float, Float]:
    """Nodes over a class's spread, in spreads, and ln of their weights, which sum to one.

    Many looks leave speckle narrower than the gaps of the 21 nodes, and the sum becomes a comb. The trapezoidal rule
    with nodes one speckle deviation apart then has a ripple of 2 exp(-2 pi^2), below 1e-8.
    """
    speckle_db = float(np.sqrt(polygamma(1, looks))) / _LN10_10
    widest_db = float(np.max(sd_db))
    if _HERMITE_GAP * widest_db <= _WIDEST_GAP * speckle_db:
        return _HERMITE_NODES, _HERMITE_LOG_WEIGHTS
    half = int(np.ceil(_REACH * widest_db / speckle_db))
    nodes = np.linspace(-_REACH, _REACH, 2 * half + 1)
    log_weights = -0.5 * nodes**2
    return nodes, log_weights - logsumexp(log_weights)


def log_density(
    total_power: ArrayLike, mean_db: ArrayLike, sd_db: ArrayLike, looks: float, nesz: float = 0.0
) -> Float:
    """ln p(S | class), per linear unit of S, by quadrature over the class's spread.

    Parameters
    ----------
    total_power : S = I + nesz, linear; values <= 0 count as 1e-12
    mean_db, sd_db : of the class's gamma0, dB, broadcast against `total_power`
    looks : equivalent number of looks, > 0
    nesz : noise floor as gamma0, linear
    """
    s = np.maximum(np.asarray(total_power, dtype=float), 1e-12)[..., None]
    nodes, log_weights = hermite_nodes(sd_db, looks)
    level_db = np.asarray(mean_db, dtype=float)[..., None] + np.asarray(sd_db, dtype=float)[..., None] * nodes
    mean = np.power(10.0, level_db / 10.0) + nesz
    return np.asarray(logsumexp(gamma_log_density(s, mean, looks) + log_weights, axis=-1))


def per_db(log_density_linear: ArrayLike, power: ArrayLike) -> Float:
    """ln density per dB from ln density per linear unit: + ln(S ln10 / 10)."""
    return np.asarray(log_density_linear) + np.log(np.asarray(power, dtype=float) * _LN10_10)


def robust(log_density_per_db: ArrayLike, share: float = OUTLIER_SHARE) -> Float:
    """ln[(1 - eps) p + eps / 45]: any two classes then differ by at most 5.7 nats for densities below 0.14 per dB."""
    outlier = np.log(share * OUTLIER_DENSITY_PER_DB)
    return np.asarray(np.logaddexp(np.log1p(-share) + np.asarray(log_density_per_db), outlier))


def monotone(difference: ArrayLike, weight: ArrayLike, increasing: bool) -> Float:
    """The monotone curve nearest to `difference`, least squares under `weight` (pool adjacent violators)."""
    fit = isotonic_regression(
        np.asarray(difference, float), weights=np.maximum(weight, 1e-9), increasing=increasing
    )
    return np.asarray(fit.x)


def make_monotone(curves: Float) -> Float:
    """Class curves along one power axis, made to fit each other: (power, class) in, (power, class) out.

    Water against each dry class falls with power; flooded forest against dry forest rises. Herbaceous and urban
    flooding have no sign that physics vouches for, and keep theirs; the urban one is capped.
    """
    out = curves.copy()
    water = curves[:, EvidenceClass.OPEN_WATER]
    for k in DRY:
        weight = 0.5 * (np.exp(water) + np.exp(curves[:, k]))
        out[:, k] = water - monotone(water - curves[:, k], weight, increasing=False)
    flooded, dry = curves[:, EvidenceClass.FLOODED_FOREST], curves[:, EvidenceClass.DRY_FOREST]
    weight = 0.5 * (np.exp(flooded) + np.exp(dry))
    out[:, EvidenceClass.FLOODED_FOREST] = out[:, EvidenceClass.DRY_FOREST] + monotone(
        flooded - dry, weight, True
    )
    herb = curves[:, EvidenceClass.FLOODED_HERB] - curves[:, EvidenceClass.DRY_LOW_VEG]
    out[:, EvidenceClass.FLOODED_HERB] = out[:, EvidenceClass.DRY_LOW_VEG] + herb
    urban = curves[:, EvidenceClass.FLOODED_URBAN] - curves[:, EvidenceClass.URBAN]
    capped = np.clip(urban, -URBAN_CAP_NATS, URBAN_CAP_NATS)
    out[:, EvidenceClass.FLOODED_URBAN] = out[:, EvidenceClass.URBAN] + capped
    return out
