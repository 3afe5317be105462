"""Angular slopes estimated from a dry archive, never from the flood image; laws themselves are in `incidence`.

A pixel's own slope needs orbits at least 3 degrees apart and a standard error below 0.05 dB per degree; it is then
drawn towards the slope of its class. Where one track is all there is, a class slope comes from the median line across
the swath, or the values of each degree are mapped onto those at 38 degrees by their quantiles, provided that every
degree holds the same mix of land cover. Source: harmonization.md 2.3; Mladenova et al. (2013) for quantile mapping.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog

from floodfuse.harmonize.incidence import REFERENCE_DEG

LARGEST_SE_DB_DEG = 0.05
LEAST_SPREAD_DEG = 3.0
CLASS_SPREAD_DB_DEG = 0.06  # tau, of pixels' slopes within a class
_LEAST_PAIR_DEG = 1.0  # two looks closer than this tell of noise, not of angle
_HUBER_K = 1.345  # 95 % efficient for normal errors
_MAD_TO_SD = 1.4826
_LP_SAMPLES = 20_000  # beyond, the median line is found on every n-th sample in order of angle

Float = NDArray[np.floating]


class Slope(NamedTuple):
    """Slope in dB per degree, its standard error, and how wide the angles lie; NaN where it can't be told."""

    slope: Float
    se: Float
    spread_deg: Float

    @property
    def accepted(self) -> NDArray[np.bool_]:
        """Where it is fit for use: angles 3 degrees apart or more, standard error below 0.05 dB per degree."""
        return np.asarray((self.spread_deg >= LEAST_SPREAD_DEG) & (self.se < LARGEST_SE_DB_DEG))


def _stack(value_db: ArrayLike, incidence_deg: ArrayLike) -> tuple[Float, Float]:
    y, theta = np.broadcast_arrays(np.asarray(value_db, float), np.asarray(incidence_deg, float))
    seen = np.isfinite(y) & np.isfinite(theta)
    return np.where(seen, y, np.nan), np.where(seen, theta, np.nan)


def _nan_median(x: Float) -> Float:
    """Median along the first axis of what is finite; NaN where nothing is."""
    ordered = np.sort(x, axis=0)  # NaN last
    n = np.isfinite(ordered).sum(axis=0)
    if not n.size or not x.shape[0]:
        return np.full(x.shape[1:], np.nan)
    low, high = np.maximum((n - 1) // 2, 0)[None], np.minimum(n // 2, x.shape[0] - 1)[None]
    pair = np.take_along_axis(ordered, low, 0) + np.take_along_axis(ordered, high, 0)
    return np.where(n > 0, 0.5 * pair[0], np.nan)


def _spread(theta: Float) -> Float:
    seen = np.isfinite(theta)
    top = np.where(seen, theta, -np.inf).max(axis=0)
    bottom = np.where(seen, theta, np.inf).min(axis=0)
    return np.where(seen.any(axis=0), top - np.where(seen.any(axis=0), bottom, 0.0), 0.0)


def _centred_squares(theta: Float) -> tuple[Float, Float]:
    """Number of looks and sum of squares of their angles about the mean."""
    seen = np.isfinite(theta)
    n = seen.sum(axis=0)
    x = np.where(seen, theta, 0.0)
    mean = x.sum(axis=0) / np.maximum(n, 1)
    return n, np.where(seen, (x - mean) ** 2, 0.0).sum(axis=0)


def theil_sen(value_db: ArrayLike, incidence_deg: ArrayLike) -> Slope:
    """Median of the slopes of all pairs of looks at least one degree apart, pixel by pixel.

    Parameters
    ----------
    value_db : (look, …) dry backscatter, seasonal course taken out; NaN where there is none
    incidence_deg : (look, …), broadcast against it

    SE = sd sqrt(pi / 3) / sqrt(sum (theta - mean)^2), sd from the median absolute residual; 29 % of looks may be wild.
    NaN for fewer than three looks. Source: Sen (1968).
    """
    y, theta = _stack(value_db, incidence_deg)
    first, second = np.triu_indices(y.shape[0], 1)
    run = theta[second] - theta[first]
    far = np.abs(run) >= _LEAST_PAIR_DEG
    slope = _nan_median(np.where(far, (y[second] - y[first]) / np.where(far, run, 1.0), np.nan))
    residual = y - slope * theta
    n, squares = _centred_squares(theta)
    sd = _MAD_TO_SD * _nan_median(np.abs(residual - _nan_median(residual)))
    sd = sd * np.sqrt(n / np.maximum(n - 2, 1))
    told = (n > 2) & np.isfinite(slope)
    se = np.where(told, sd * np.sqrt(np.pi / 3.0 / np.where(squares > 0.0, squares, np.inf)), np.nan)
    return Slope(np.where(told, slope, np.nan), se, _spread(theta))


def huber(value_db: ArrayLike, incidence_deg: ArrayLike, iterations: int = 30) -> Slope:
    """Straight line with Huber's weights, min(1, 1.345 sd / |residual|), pixel by pixel; shapes as in `theil_sen`.

    More exact than `theil_sen` for few wild looks, misled by many at one angle. The spread of residuals is that of the
    Theil-Sen line and stays, so that the answer is the one minimum of a convex loss. NaN for fewer than three looks.
    """
    y, theta = _stack(value_db, incidence_deg)
    start = theil_sen(y, theta)
    seen = np.isfinite(y)
    x, v = np.where(seen, theta - REFERENCE_DEG, 0.0), np.where(seen, y, 0.0)
    residual = y - start.slope * theta
    departure = np.abs(residual - _nan_median(residual))
    n, squares = _centred_squares(theta)
    sd = np.maximum(_MAD_TO_SD * _nan_median(departure) * np.sqrt(n / np.maximum(n - 2, 1)), 1e-9)
    weight = np.where(seen, np.minimum(1.0, _HUBER_K * sd / np.maximum(departure, 1e-12)), 0.0)
    slope = start.slope
    for _ in range(iterations):
        mass = np.maximum(weight.sum(axis=0), 1e-12)
        mx, mv = (weight * x).sum(axis=0) / mass, (weight * v).sum(axis=0) / mass
        sxx = (weight * (x - mx) ** 2).sum(axis=0)
        slope = (weight * (x - mx) * (v - mv)).sum(axis=0) / np.where(sxx > 0.0, sxx, np.inf)
        left = np.abs(v - mv - slope * (x - mx))
        weight = np.where(seen, np.minimum(1.0, _HUBER_K * sd / np.maximum(left, 1e-12)), 0.0)
    psi2 = np.where(seen, np.minimum(left, _HUBER_K * sd) ** 2, 0.0).sum(axis=0) / np.maximum(n - 2, 1)
    inside = (seen & (left <= _HUBER_K * sd)).sum(axis=0) / np.maximum(n, 1)
    told = np.isfinite(start.slope) & (squares > 0.0)
    se = np.sqrt(psi2 / np.where(told, squares, np.inf)) / np.maximum(inside, 1e-12)
    return Slope(np.where(told, slope, np.nan), np.where(told, se, np.nan), start.spread_deg)


def shrunk(own: Slope, class_slope: ArrayLike, tau: float = CLASS_SPREAD_DB_DEG) -> tuple[Float, Float]:
    """Slope to be used, and its standard deviation: a pixel's own drawn towards its class's.

    (own / SE^2 + class / tau^2) / (1 / SE^2 + 1 / tau^2); the class's, with tau, where the own one is not accepted.
    """
    level = np.asarray(class_slope, dtype=float)
    precision = np.where(own.accepted, 1.0 / np.maximum(own.se, 1e-6) ** 2, 0.0)
    total = precision + 1.0 / tau**2
    mean = (np.where(own.accepted, own.slope, 0.0) * precision + level / tau**2) / total
    return mean, 1.0 / np.sqrt(total)


class Line(NamedTuple):
    """Quantile line: value at 38 degrees [dB], slope [dB per degree], standard error of the slope."""

    level_db: float
    slope: float
    se: float


def quantile_line(value_db: ArrayLike, incidence_deg: ArrayLike, quantile: float = 0.5) -> Line:
    """The line with this share of samples below it: least sum of q r for r > 0, (q - 1) r for r < 0.

    Solved exactly, as the dual linear programme. SE = sqrt(q (1 - q)) / f(0) / sqrt(sum (theta - mean)^2), with f(0)
    the density of residuals at the line. Samples count as independent: use few enough that they are. Source: Koenker &
    Bassett (1978).

    Raises
    ------
    ValueError
        For fewer than three finite samples, or angles less than 3 degrees apart.
    """
    y, theta = (np.ravel(a) for a in _stack(value_db, incidence_deg))
    keep = np.isfinite(y)
    y, theta = y[keep], theta[keep]
    if y.size < 3 or np.ptp(theta) < LEAST_SPREAD_DEG:
        raise ValueError(
            f"{y.size} samples: a slope takes three, and angles {LEAST_SPREAD_DEG:g} degrees apart"
        )
    order = np.lexsort((y, theta))[:: max(1, -(-y.size // _LP_SAMPLES))]
    y, theta = y[order], theta[order]
    x = np.stack([np.ones_like(theta), theta - REFERENCE_DEG])
    solved = linprog(-y, A_eq=x, b_eq=(1.0 - quantile) * x.sum(axis=1), bounds=(0.0, 1.0), method="highs")
    level, slope = -solved.eqlin.marginals
    residual = y - level - slope * x[1]
    width = 1.06 * np.std(residual) * y.size**-0.2
    width = min(width, 1.06 * _MAD_TO_SD * float(np.median(np.abs(residual))) * y.size**-0.2) or width
    density = np.exp(-0.5 * (residual / max(width, 1e-9)) ** 2).mean() / (
        max(width, 1e-9) * np.sqrt(2.0 * np.pi)
    )
    squares = float(((theta - theta.mean()) ** 2).sum())
    return Line(float(level), float(slope), float(np.sqrt(quantile * (1.0 - quantile) / squares) / density))


def class_slopes(
    value_db: ArrayLike, incidence_deg: ArrayLike, classes: ArrayLike, prior: Mapping[int, float]
) -> dict[int, tuple[float, float]]:
    """Slope of each class and its standard deviation, from dry samples of known land cover and a prior slope.

    The median line of the samples of a class, shrunk to the prior as a pixel's slope to its class; the prior with tau
    where the samples give none. dB per degree.
    """
    y, theta, which = (np.ravel(a) for a in np.broadcast_arrays(value_db, incidence_deg, classes))
    found = {}
    for k, prior_slope in prior.items():
        own = (which == k) & np.isfinite(y) & np.isfinite(theta)
        slope, se, spread = np.nan, np.nan, 0.0
        if own.sum() >= 3 and np.ptp(theta[own]) >= LEAST_SPREAD_DEG:
            line = quantile_line(y[own], theta[own])
            slope, se, spread = line.slope, line.se, float(np.ptp(theta[own]))
        mean, sd = shrunk(Slope(np.array(slope), np.array(se), np.array(spread)), prior_slope)
        found[k] = (float(mean), float(sd))
    return found


def gamma0_at_38(gamma0: ArrayLike, incidence_deg: ArrayLike, slope_db_deg: ArrayLike) -> Float:
    """Linear gamma0 as it would be at 38 degrees, for display and as a feature of networks; evidence never uses it.

    gamma0 10^(-beta (theta - 38) / 10), beta the slope of gamma0 of the pixel's land cover (0 for closed forest). Powers
    of 0 or less, left by noise removal, keep their sign. Of no use where a pixel changes its class: a flooded field is
    moved by the slope of a field.
    """
    distance = np.asarray(incidence_deg, dtype=float) - REFERENCE_DEG
    return np.asarray(gamma0) * np.power(10.0, -0.1 * np.asarray(slope_db_deg, dtype=float) * distance)
