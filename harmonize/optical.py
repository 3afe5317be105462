"""Optical evidence: water indices as log-ratios, what they say, and where the sky hides the ground.

An index (a - b) / (a + b) becomes x = atanh(index) = 0.5 ln(a / b): unbounded, and blind to a common gain, so to
illumination. It is not blind to an additive offset or to haze; both are guarded against where files are read.
AWEI is no ratio: it grows with the light, and only its sign stays. It is an index to look at and a feature of networks,
and no evidence: how sure its sign is depends on the light, and green less infrared is in NDWI and MNDWI already.
Sources: McFeeters (1996), NDWI; Xu (2006), MNDWI; Feyisa et al. (2014), AWEI; harmonization.md 5 for densities, masks and the offset guard.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import distance_transform_edt

REFLECTANCE_SD = 0.01
OUTLIER_SHARE = 0.05
OUTLIER_DENSITY = 1.0 / 6.0  # x lies within about -3 … 3
DARKEST_REFLECTANCE = 0.001  # darker says nothing more: the observation error already covers all indices
TOO_BRIGHT_FOR_WATER = 0.25  # in green and near infrared at once: cloud the mask missed, snow, bright sand
INDEX_CORRELATION = 0.6  # NDWI and MNDWI share the green band
SENSOR_CAP_NATS = 4.0

SCL_CLEAR = (4, 5, 6, 7)
SCL_DARK = 2
LEAST_SUN_ELEVATION_DEG = 30.0  # lower, and dark ground may be in the shade of anything
SCL_CLOUD = (8, 9, 10)
SCL_SHADOW = 3
SCL_SNOW = 11
CLOUD_DILATION_M = 150.0
SHADOW_DILATION_M = 60.0

OFFSET_FROM_BASELINE = 4.0  # processing baseline 04.00, 2022-01-25
OFFSET_DN = -1000.0
QUANTIFICATION = 10_000.0
_OFFSET_STILL_IN_ABOVE_DN = 900.0
_OFFSET_TAKEN_OUT_BELOW_DN = 600.0


class IndexDensity(NamedTuple):
    """Two-part normal mixtures of x = atanh(index), for water and for everything else.

    Each part is (share, mean, sd). `low` and `high` are where the curves end: beyond them x counts as there,
    so that evidence never turns back.
    """

    water: tuple[tuple[float, float, float], tuple[float, float, float]]
    dry: tuple[tuple[float, float, float], tuple[float, float, float]]
    low: float
    high: float


# NDWI: clear and turbid water; vegetation, and soil or asphalt.
NDWI_DENSITY = IndexDensity(
    ((0.7, 0.45, 0.25), (0.3, 0.10, 0.15)), ((0.6, -0.90, 0.30), (0.4, -0.25, 0.15)), -0.9, 0.45
)
# MNDWI: the same surfaces, from the spectra of harmonization.md 5 (.724, .630; -.538, -.273).
MNDWI_DENSITY = IndexDensity(
    ((0.7, 0.90, 0.30), (0.3, 0.70, 0.25)), ((0.6, -0.60, 0.25), (0.4, -0.25, 0.15)), -0.6, 0.9
)


def normalised_difference(a: ArrayLike, b: ArrayLike) -> NDArray[np.floating]:
    """(a - b) / (a + b): NDWI of green and near infrared, MNDWI of green and short-wave infrared."""
    x, y = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    return (x - y) / (x + y)


def awei_nsh(green: ArrayLike, nir: ArrayLike, swir1: ArrayLike, swir2: ArrayLike) -> NDArray[np.floating]:
    """Water index for scenes without shadow: 4 (green - swir1) - (0.25 nir + 2.75 swir2); above 0 over water.

    Both infrared terms are subtracted. Reflectances of 0.56, 0.84, 1.6 and 2.2 um; degree-1 homogeneous in them.
    """
    g, n, s1, s2 = (np.asarray(band, dtype=float) for band in (green, nir, swir1, swir2))
    return 4.0 * (g - s1) - (0.25 * n + 2.75 * s2)


def awei_sh(
    blue: ArrayLike, green: ArrayLike, nir: ArrayLike, swir1: ArrayLike, swir2: ArrayLike
) -> NDArray[np.floating]:
    """Water index for scenes with shadow: blue + 2.5 green - 1.5 (nir + swir1) - 0.25 swir2; above 0 over water."""
    b, g, n, s1, s2 = (np.asarray(band, dtype=float) for band in (blue, green, nir, swir1, swir2))
    return b + 2.5 * g - 1.5 * (n + s1) - 0.25 * s2


def reflectance(dn: ArrayLike, offset_dn: float) -> NDArray[np.floating]:
    """Sentinel-2 reflectance: (DN + offset) / 10000."""
    return (np.asarray(dn, dtype=np.float32) + np.float32(offset_dn)) / np.float32(QUANTIFICATION)


def offset_still_in(green_dn: ArrayLike) -> bool | None:
    """Whether digital numbers still carry the +1000 of baseline 04.00 and later: yes, no, or None: can't be told.

    The 0.1 percentile of valid green DN over a whole scene, its darkest targets, lies above 900 where they do and
    below 600 where they do not.
    """
    dn = np.asarray(green_dn, dtype=float)
    dn = dn[np.isfinite(dn) & (dn > 0)]
    if dn.size == 0:
        return None
    darkest = float(np.percentile(dn, 0.1))
    if darkest > _OFFSET_STILL_IN_ABOVE_DN:
        return True
    return False if darkest < _OFFSET_TAKEN_OUT_BELOW_DN else None


@numba.njit(nogil=True, cache=True)
def _mixture(x: float, variance: float, parts: tuple) -> float:  # type: ignore[type-arg]  # pragma: no cover
    total = 0.0
    for share, mean, sd in parts:
        v = sd * sd + variance
        total += share * np.exp(-0.5 * (x - mean) ** 2 / v) / np.sqrt(2.0 * np.pi * v)
    return (1.0 - OUTLIER_SHARE) * total + OUTLIER_SHARE * OUTLIER_DENSITY


@numba.njit(nogil=True, cache=True)
def _index_evidence(  # pragma: no cover
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    water: tuple,  # type: ignore[type-arg]
    dry: tuple,  # type: ignore[type-arg]
    low: float,
    high: float,
    out: NDArray[np.float32],
) -> None:
    for i in range(a.size):
        p, q = max(a[i], DARKEST_REFLECTANCE), max(b[i], DARKEST_REFLECTANCE)
        if not (np.isfinite(a[i]) and np.isfinite(b[i])):
            out[i] = np.nan
            continue
        variance = 0.25 * REFLECTANCE_SD**2 * (1.0 / p**2 + 1.0 / q**2)
        x = min(max(0.5 * np.log(p / q), low), high)
        out[i] = np.log(_mixture(x, variance, water) / _mixture(x, variance, dry))


def index_evidence(a: ArrayLike, b: ArrayLike, density: IndexDensity) -> NDArray[np.float32]:
    """ln p(x | water) - ln p(x | dry) of one index, in nats.

    x = 0.5 ln(a / b), with the error of reflectance (0.01 in each band) in the densities:
    var(x) = 0.25 sd^2 (1/a^2 + 1/b^2), so that very dark pixels say little. NaN where a band is NaN.
    """
    shape = np.shape(a)
    flat_a = np.ascontiguousarray(a, dtype=np.float32).ravel()
    flat_b = np.ascontiguousarray(b, dtype=np.float32).ravel()
    out = np.empty(flat_a.size, np.float32)
    _index_evidence(flat_a, flat_b, density.water, density.dry, density.low, density.high, out)
    return out.reshape(shape)


def water_evidence(green: ArrayLike, nir: ArrayLike, swir: ArrayLike | None) -> NDArray[np.float32]:
    """Evidence for open water against everything dry or under plants, in nats, within +-4.

    NDWI alone, or NDWI and MNDWI pooled by 1 / (1 + rho) for what they share; a pixel without short-wave infrared
    falls back to NDWI. NaN where green or near infrared is missing or where both are too bright to be land or water.
    """
    evidence = index_evidence(green, nir, NDWI_DENSITY)
    if swir is not None:
        second = index_evidence(green, swir, MNDWI_DENSITY)
        both = (evidence + second) / np.float32(1.0 + INDEX_CORRELATION)
        evidence = np.where(np.isfinite(second), both, evidence)
    bright = (np.asarray(green) > TOO_BRIGHT_FOR_WATER) & (np.asarray(nir) > TOO_BRIGHT_FOR_WATER)
    evidence[bright] = np.nan
    return np.clip(evidence, -SENSOR_CAP_NATS, SENSOR_CAP_NATS)


def within(distance_m: float, of: NDArray[np.bool_], resolution_m: float) -> NDArray[np.bool_]:
    """Pixels whose centre lies within a distance of a marked pixel's centre."""
    if not of.any():
        return of.copy()
    return np.asarray(distance_transform_edt(~of) * resolution_m <= distance_m)


def clear_sky(
    scl: ArrayLike,
    resolution_m: float,
    sun_elevation_deg: float | None = None,
    terrain_shadow: ArrayLike | None = None,
) -> NDArray[np.bool_]:
    """Where the ground is seen, from the scene classification: clouds widened by 150 m, their shadows by 60 m.

    Parameters
    ----------
    scl : classes, 0 (no data) where nothing is known
    resolution_m : of a pixel
    sun_elevation_deg : dark areas (2), clear deep water often among them, are ground seen where it is above 30 and
        hidden elsewhere. Leave it out for processing baselines from 04.00 on, whose class 2 is the shadow of terrain
    terrain_shadow : where the sun does not reach the ground; dark areas there stay hidden
    """
    classes = np.asarray(scl)
    hidden = within(CLOUD_DILATION_M, np.isin(classes, SCL_CLOUD), resolution_m)
    hidden |= within(SHADOW_DILATION_M, classes == SCL_SHADOW, resolution_m)
    seen = np.isin(classes, SCL_CLEAR)
    if sun_elevation_deg is not None and sun_elevation_deg > LEAST_SUN_ELEVATION_DEG:
        lit = classes == SCL_DARK
        seen |= lit if terrain_shadow is None else lit & ~np.asarray(terrain_shadow, bool)
    return seen & ~hidden
