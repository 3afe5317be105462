"""The dry reference of a pixel: the level it had, at this very geometry, before the flood, and how far that can be trusted.

Earlier scenes of one sensor, orbit and beam share what makes absolute levels uncertain: calibration, slope, canopy, soil
texture. What is left between dates is speckle, weather and season. The level is the median of the dates, which a flood
among fewer than half of them doesn't move; or, where dates are many and cover the year, a harmonic model of the season

    y(t) = a_0 + sum_{j=1..k} a_j cos(2 pi j t / year) + b_j sin(2 pi j t / year),   k <= 3

by ridge regression, taken at the day of the flood. Powers are total (noise floor included), in dB.
Sources: harmonization.md 4.2; Bauer-Marschallinger et al. (2022), Remote Sens. 14, 3673 (harmonic dry reference at C band).
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma, gammaincinv, polygamma

YEAR_DAYS = 365.25
MOST_HARMONICS = 3
MOST_SCENES = 16  # that fit into the bits of a pattern of validity
MOST_ERROR_DB = 1.5  # as stands of one kind differ (harmonization.md 3.6)
_SEASON_SD_DB = 1.5  # of the first harmonic's amplitude, 1 / j of the j-th's [P]
_WEATHER_SD_DB = 1.0  # of dry ground from date to date [P]
_MOST_SEASON_DB = 6.0  # farther from the median than any season takes dry ground
_CLIP_SPREADS = 3.0
_DB_PER_NEPER = 10.0 / np.log(10.0)

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]


class DryLevel(NamedTuple):
    """The dry level of each pixel in one polarization, all (y, x) float32.

    Attributes
    ----------
    level_db : 10 log10 of mean total power, free of the bias of logarithms; NaN where no reference has a value
    variance_db2 : from date to date, what speckle explains taken off; may be < 0, 0 where nothing is known
    freedom : degrees of freedom of that variance, 0 where there is but one date
    leverage : variance of the level over that of a single date, 1 for one date, about 1.4 / n for a median of n
    """

    level_db: Float32
    variance_db2: Float32
    freedom: Float32
    leverage: Float32


def speckle_variance_db2(looks: ArrayLike) -> Float:
    """Variance of 10 log10 of L-look power: (10 / ln 10)^2 psi1(L)."""
    return np.asarray(_DB_PER_NEPER**2 * polygamma(1, np.asarray(looks, float)))


def median_leverage(scenes: int) -> float:
    """Variance of the median of n Gaussian values over that of one, to 2 %: 1 / n up to two, where it is the mean, then
    pi / (2 n + pi - 2) for odd n and pi / (2 n + 2.54) for even ones, which average the middle two.
    """
    if scenes < 3:
        return 1.0 / max(scenes, 1)
    return float(np.pi / (2.0 * scenes + (np.pi - 2.0 if scenes % 2 else 2.54)))


def harmonics(days: ArrayLike) -> int:
    """How many harmonics of the year dates can carry: the largest k <= 3 with n >= 2 k + 3 dates, no gap of the season
    longer than year / (2 k + 1); 0 where a median is all there can be.
    """
    phase = np.sort(np.mod(np.asarray(days, float), YEAR_DAYS))
    if phase.size < 5:
        return 0
    gap = float(np.max(np.diff(np.append(phase, phase[0] + YEAR_DAYS))))
    fits = [
        k for k in range(1, MOST_HARMONICS + 1) if phase.size >= 2 * k + 3 and gap <= YEAR_DAYS / (2 * k + 1)
    ]
    return max(fits, default=0)


def dry_level(
    total_db: Float32, days: ArrayLike, looks: float, day: float = 0.0, seasonal: bool = False
) -> DryLevel:
    """The dry level of each pixel from earlier scenes of one geometry.

    Parameters
    ----------
    total_db : (scene, y, x), 10 log10 of total power, NaN where a scene has no value; at most 16 scenes
    days : time of each scene [days], the same origin as `day`
    looks : equivalent number of looks of every scene's values
    day : for which the level holds; matters to the harmonic model only
    seasonal : fit the harmonic model wherever a pixel's own dates carry one

    The order of scenes changes nothing.
    """
    when = np.asarray(days, float)
    if not 0 < when.size <= MOST_SCENES or total_db.shape[0] != when.size:
        raise ValueError(
            f"{total_db.shape[0]} scenes at {when.size} times: give 1 to {MOST_SCENES}, a time for each"
        )
    order = np.argsort(when, kind="stable")
    when = when[order]
    count, shape = when.size, total_db.shape[1:]
    values = np.ascontiguousarray(total_db[order], np.float32).reshape(count, -1)
    variance = float(speckle_variance_db2(looks))
    out = np.empty((4, values.shape[1]), np.float32)
    bias = np.array([_median_bias_db(n, looks) for n in range(count + 1)])
    spread = float(np.hypot(_WEATHER_SD_DB, np.sqrt(variance)))
    leverage = np.array([median_leverage(n) for n in range(count + 1)])
    _median(values, bias, variance, _CLIP_SPREADS * spread, leverage, out)
    if seasonal and harmonics(when):
        pattern = (np.isfinite(values).T @ (1 << np.arange(count))).astype(np.int64)
        for held in np.unique(pattern):
            having = np.flatnonzero((int(held) >> np.arange(count)) & 1)
            k = harmonics(when[having])
            if k:
                hat, at_day, scale = _regression(when[having], day, k, spread)
                freedom = having.size - float(np.trace(hat))
                clip = _CLIP_SPREADS * spread
                numbers = np.array(
                    [bias[having.size], bias[1], variance, _MOST_SEASON_DB, clip, freedom, scale]
                )
                _harmonic(values, np.flatnonzero(pattern == held), having, hat, at_day, numbers, out)
    return DryLevel(*(layer.reshape(shape) for layer in out))


def trusted(level: DryLevel, looks: float) -> DryLevel:
    """The levels known to 1.5 dB: sqrt(h (weather^2 + speckle)); the others, NaN, say less than a table of stands does.

    One date is enough from 18 looks on, two from 6, four at 4.4.
    """
    error_db2 = level.leverage * np.float32(_WEATHER_SD_DB**2 + float(speckle_variance_db2(looks)))
    known = error_db2 <= np.float32(MOST_ERROR_DB**2)
    return level._replace(level_db=np.where(known, level.level_db, np.float32(np.nan)))


def _median_bias_db(scenes: int, looks: float) -> float:
    """How far the median of n values of 10 log10 of speckle lies below 10 log10 of its mean, in expectation.

    Up to two values it is their mean, psi(L) - ln L; of many ln(median / mean) of a Gamma variate; between them as 1 / n.
    """
    mean = float(digamma(looks) - np.log(looks))
    median = float(np.log(gammaincinv(looks, 0.5) / looks))
    return _DB_PER_NEPER * (mean if scenes < 3 else median + (mean - median) / scenes)


def _regression(days: Float, day: float, k: int, spread_db: float) -> tuple[Float, Float, float]:
    """Ridge regression on k harmonics: hat matrix, weights of the scenes at `day`, and the level's relative variance.

    theta = (X' X + spread^2 diag(0, 1 / tau_j^2))^-1 X' y,   tau_j = 1.5 dB / j; phases are counted from `day`.
    """
    turn = 2.0 * np.pi * (days - day)[:, None] / YEAR_DAYS * np.arange(1, k + 1)
    x = np.hstack([np.ones((days.size, 1)), np.cos(turn), np.sin(turn)])
    at = np.concatenate([[1.0], np.ones(k), np.zeros(k)])
    amplitude = np.tile(_SEASON_SD_DB / np.arange(1, k + 1), 2)
    inverse = np.linalg.inv(x.T @ x + spread_db**2 * np.diag(np.concatenate([[0.0], 1.0 / amplitude**2])))
    return x @ inverse @ x.T, at @ inverse @ x.T, float(at @ inverse @ at)


@numba.njit(nogil=True, cache=True)
def _median(  # pragma: no cover
    values: Float32, bias: Float, speckle: float, clip: float, leverage: Float, out: Float32
) -> None:
    """Median of each column; spread about it of values clipped, so that a flood among them can't inflate it."""
    scenes, pixels = values.shape
    ordered = np.empty(scenes)
    for i in range(pixels):
        n = 0
        for s in range(scenes):
            value = values[s, i]
            if not np.isfinite(value):
                continue
            place = n
            while place > 0 and ordered[place - 1] > value:
                ordered[place] = ordered[place - 1]
                place -= 1
            ordered[place] = value
            n += 1
        if n == 0:
            out[0, i], out[1, i], out[2, i], out[3, i] = np.nan, 0.0, 0.0, 1.0
            continue
        middle = 0.5 * (ordered[(n - 1) // 2] + ordered[n // 2])
        square = 0.0
        for s in range(n):
            departure = min(max(ordered[s] - middle, -clip), clip)
            square += departure * departure
        out[0, i] = middle - bias[n]
        out[1, i] = square / (n - 1) - speckle if n > 1 else 0.0
        out[2, i] = n - 1
        out[3, i] = leverage[n]


@numba.njit(nogil=True, cache=True)
def _fitted(hat: Float, y: Float, fit: Float) -> None:  # pragma: no cover
    """fit = hat y, in one order of adding: a library's might depend on how many pixels there are."""
    for s in range(y.size):
        fit[s] = 0.0
        for t in range(y.size):
            fit[s] += hat[s, t] * y[t]


@numba.njit(nogil=True, cache=True)
def _harmonic(  # pragma: no cover
    values: Float32,
    pixels: NDArray[np.intp],
    having: NDArray[np.intp],
    hat: Float,
    at_day: Float,
    numbers: Float,
    out: Float32,
) -> None:
    """The harmonic level of pixels that share their dates: what departs too far from the fit is pulled in, twice."""
    median_bias, mean_bias, speckle, widest, clip, freedom, leverage = numbers
    n = having.size
    y, fit = np.empty(n), np.empty(n)
    for i in pixels:
        middle = out[0, i] + median_bias
        for s in range(n):
            y[s] = min(max(values[having[s], i] - middle, -widest), widest)
        for _ in range(2):
            _fitted(hat, y, fit)
            for s in range(n):
                y[s] = fit[s] + min(max(y[s] - fit[s], -clip), clip)
        _fitted(hat, y, fit)
        level, square = 0.0, 0.0
        for s in range(n):
            level += at_day[s] * y[s]
            square += (y[s] - fit[s]) ** 2
        out[0, i] = middle + level - mean_bias
        out[1, i] = square / freedom - speckle
        out[2, i] = freedom
        out[3, i] = leverage
