"""Fast speckle for chips: gamma distributed to the last digit, correlated from pixel to pixel, one deviate a pixel.

A Gaussian field, correlated by a 3 x 3 filter, is carried through the quantiles of the gamma distribution (a Gaussian
copula). `speckle.detected` instead averages looks of complex fields, as a processor does, at ten times the price; it
also blurs the scene, which chips leave to their resampling.
"""

from __future__ import annotations

from functools import lru_cache

import numba
import numpy as np
from scipy.special import gammaincinv, ndtr

from floodfuse.catalogs.simulated.fields import FloatArray

REACH = 5.0
_NODES = 6001  # the nearest is within 0.1 % of any value at 4 looks


def side_tap(correlation: float) -> float:
    """a of the filter (a, 1, a) that correlates neighbours by 2 a / (1 + 2 a^2); correlation 0 to 0.7.

    Raises
    ------
    ValueError
        If no such filter correlates neighbours that much.
    """
    if not 0.0 <= correlation <= 0.7:
        raise ValueError(f"correlation {correlation:g}: three taps make 0 to 0.7")
    if correlation == 0.0:
        return 0.0
    return float((1.0 - np.sqrt(1.0 - 2.0 * correlation**2)) / (2.0 * correlation))


@lru_cache(maxsize=256)
def _quantiles(looks: float) -> FloatArray:
    """Gamma(looks) of mean 1 at even steps of a standard normal on ±`REACH`."""
    normal = np.linspace(-REACH, REACH, _NODES)
    values = gammaincinv(looks, ndtr(normal)) / looks
    return np.asarray(values, np.float32)


def multilook(
    power: FloatArray, noise: float, looks: float, correlation: float, rng: np.random.Generator
) -> FloatArray:
    """One multilook image of a mean `power` plus receiver noise, both speckled together, noise not subtracted.

    Parameters
    ----------
    power
        Expected signal, linear, (y, x).
    noise
        Expected noise, linear.
    looks
        Equivalent number of looks, above 0.
    correlation
        Of intensities one pixel apart, about (the Gaussian field's own; intensities have 2 % less at 4.4 looks).
    rng
        Of this image.
    """
    white = rng.standard_normal((power.shape[0] + 2, power.shape[1] + 2), dtype=np.float32)
    out = np.empty(power.shape, np.float32)
    _speckle(
        power,
        np.float32(noise),
        white,
        np.float32(side_tap(correlation)),
        _quantiles(looks),
        np.float32(REACH),
        out,
    )
    return out


@numba.njit(nogil=True, cache=True)
def _speckle(
    power: FloatArray,
    noise: np.float32,
    white: FloatArray,
    tap: np.float32,
    quantiles: FloatArray,
    reach: np.float32,
    out: FloatArray,
) -> None:
    middle = np.float32(0.5 * (len(quantiles) - 1))
    per_unit = middle / reach
    norm = per_unit / (np.float32(1.0) + np.float32(2.0) * tap * tap)
    last = np.float32(len(quantiles) - 1)
    down = np.empty(white.shape[1], np.float32)
    for y in range(out.shape[0]):
        for x in range(white.shape[1]):
            down[x] = white[y + 1, x] + tap * (white[y, x] + white[y + 2, x])
        for x in range(out.shape[1]):
            normal = down[x + 1] + tap * (down[x] + down[x + 2])
            at = min(max(normal * norm + middle, np.float32(0.0)), last)
            out[y, x] = (power[y, x] + noise) * quantiles[int(at + np.float32(0.5))]
