"""Backscatter of open water at C and L band, tied together by the one thing that both depend on: the wind.

Quantities end in `_db` where they are decibels and are linear power otherwise; all are sigma0. These are functions for
images, so a pixel outside a function's range gets NaN, never a guess. Cross-polarization has no function here: Sentinel-1
sees -31 dB and less over water, below its noise floor, which the likelihood models exactly.
Sources: harmonization.md 3.2 and 4.5, and those named at each function.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from floodfuse.harmonize.dielectric import require_inside
from floodfuse.harmonize.radiometry import to_db

WaterChannel = Literal["C_VV", "C_HH", "L_HH", "L_VV"]
Polarization = Literal["HH", "VV"]

CMOD5N_INCIDENCE_DEG = (18.0, 58.0)
CMOD5N_WIND_M_S = (0.2, 50.0)
COMPACT_INCIDENCE_DEG = (25.0, 50.0)
COMPACT_WIND_M_S = (2.0, 15.0)
COMPACT_SD_DB = 2.0  # spread between wave spectra: standard deviation 1.4 dB, range 3.3 dB
POLARIZATION_RATIO_SD_DB = 1.5  # spread between the three ratios

CALM_WIND_M_S = 2.0  # below it hardly any Bragg waves
CALM_DB = -35.0

WIND_SHAPE = 2.0
WIND_SCALE_M_S = 4.0
INLAND_FETCH = 0.7  # wind at a flood over that at 10 m over open land; 0.6 to 0.8

# c1 … c28 of CMOD5.N (Hersbach 2010; Verhoef et al. 2008), in the order of the formula.
_A0 = (-0.6878, -0.7957, 0.3380, -0.1728)
_A1, _A2 = (0.0, 0.0040), (0.1103, 0.0159)
_GAMMA, _S0 = (6.7329, 2.7713, -2.2885), (0.4971, -0.7250)
_B1 = (0.0450, 0.0066, 0.3222, 0.0120, 22.7000)
_Y0, _POWER = 2.0813, 3.0000
_V0, _D1, _D2 = (8.3659, -3.3428, 1.3236), (6.2437, 2.3893, 0.3249), (4.1590, 1.6930)

# Fits of `waves.fit_compact` to the two-scale model at 1.2575 GHz with the spectrum of Durden & Vesecky.
COMPACT_COEFFICIENTS: dict[Polarization, tuple[float, ...]] = {
    "HH": (-26.0019, -6.0384, 0.4725, -0.3080, 7.7420, -1.0672, 0.7596, 1.2636),
    "VV": (-20.7435, -3.2802, 0.7814, -0.3438, 5.8836, -1.2452, 0.7381, 1.1480),
}

_EDGE = 1e-9  # how far beyond the ends of a range a value may be by rounding

Float = NDArray[np.floating]


def _within(value: ArrayLike, limits: tuple[float, float]) -> Float:
    """The value, NaN where it is outside the limits."""
    x = np.asarray(value, dtype=float)
    return np.where((x >= limits[0]) & (x <= limits[1]), x, np.nan)


def _polynomial(x: Float, coefficients: tuple[float, ...]) -> Float:
    return np.polynomial.polynomial.polyval(x, coefficients)


def _isotropic(x: Float, u: Float) -> Float:
    """b0 of CMOD5.N: how bright without regard to direction."""
    gamma, s0 = _polynomial(x, _GAMMA), _polynomial(x, _S0)
    s = _polynomial(x, _A2) * u
    weak = s < s0
    sigmoid = 1.0 / (1.0 + np.exp(-np.maximum(s, s0)))
    below = np.divide(s, s0, out=np.ones(np.broadcast(s, s0).shape), where=weak) ** (s0 * (1.0 - sigmoid))
    return (sigmoid * below) ** gamma * 10.0 ** (_polynomial(x, _A0) + _polynomial(x, _A1) * u)


def _harmonics(incidence_deg: ArrayLike, wind_m_s: ArrayLike) -> tuple[Float, Float, Float]:
    """b0, b1, b2 of CMOD5.N; NaN outside its ranges."""
    x = (_within(incidence_deg, CMOD5N_INCIDENCE_DEG) - 40.0) / 25.0
    u = _within(wind_m_s, CMOD5N_WIND_M_S)
    rise = _B1[1] * u * (0.5 + x - np.tanh(4.0 * (x + _B1[2] + _B1[3] * u)))
    b1 = (_B1[0] * (1.0 + x) - rise) / (np.exp(0.34 * (u - _B1[4])) + 1.0)
    v2 = u / _polynomial(x, _V0) + 1.0
    slow = _Y0 - (_Y0 - 1.0) / _POWER + (v2 - 1.0) ** _POWER / (_POWER * (_Y0 - 1.0) ** (_POWER - 1.0))
    v2 = np.where(v2 < _Y0, slow, v2)
    b2 = (-_polynomial(x, _D1) + _polynomial(x, _D2) * v2) * np.exp(-v2)
    return _isotropic(x, u), b1, b2


def cmod5n(incidence_deg: ArrayLike, wind_m_s: ArrayLike, direction_deg: ArrayLike) -> Float:
    """sigma0 of the sea at C-VV: b0 (1 + b1 cos(phi) + b2 cos(2 phi))^1.6, linear power.

    Parameters
    ----------
    incidence_deg : 18 … 58
    wind_m_s : neutral, at 10 m; 0.2 … 50
    direction_deg : phi, where the wind comes from against the look direction, 0 upwind

    NaN outside the ranges. Source: Hersbach (2010), J. Atmos. Oceanic Technol. 27; Verhoef et al. (2008).
    """
    b0, b1, b2 = _harmonics(incidence_deg, wind_m_s)
    cosine = np.cos(np.deg2rad(np.asarray(direction_deg, dtype=float)))
    return b0 * (1.0 + b1 * cosine + b2 * (2.0 * cosine**2 - 1.0)) ** 1.6


def cmod5n_mean(incidence_deg: ArrayLike, wind_m_s: ArrayLike) -> Float:
    """Mean of `cmod5n` over all wind directions, linear power: 36 of them, the two halves being alike."""
    b0, b1, b2 = _harmonics(incidence_deg, wind_m_s)
    total = np.zeros(b0.shape)
    for direction_deg in range(0, 181, 10):
        weight = 1.0 if direction_deg in (0, 180) else 2.0
        cosine = np.cos(np.deg2rad(direction_deg))
        total += weight * (1.0 + b1 * cosine + b2 * (2.0 * cosine**2 - 1.0)) ** 1.6
    return b0 * total / 36.0


def polarization_ratio_thompson(incidence_deg: ArrayLike, alpha: float = 0.6) -> Float:
    """sigma_VV / sigma_HH, linear: (1 + 2 tan^2(theta))^2 / (1 + alpha tan^2(theta))^2.

    `alpha` is 0 for Bragg waves on a perfect conductor, 1 for facets, 0.6 as observed; theta 0 … 70 deg, else NaN.
    2.85 dB at 30 deg, 4.57 dB at 40 deg. Source: Thompson, Elfouhaily & Chapron (1998), IGARSS.
    """
    tan2 = np.tan(np.deg2rad(_within(incidence_deg, (0.0, 70.0)))) ** 2
    return ((1.0 + 2.0 * tan2) / (1.0 + alpha * tan2)) ** 2


def polarization_ratio_zhang(incidence_deg: ArrayLike, wind_m_s: ArrayLike) -> Float:
    """sigma_VV / sigma_HH, linear: (1.3794 - 0.0319 theta + 0.0014 theta^2) U^(-0.1711 + 0.0026 theta), theta in deg.

    20 … 50 deg, the angles of RADARSAT-2's quad-polarization, and 1 … 25 m/s, else NaN.
    Source: Zhang, Perrie & He (2011), JGR Oceans 116, C08008.
    """
    theta, u = _within(incidence_deg, (20.0, 50.0)), _within(wind_m_s, (1.0, 25.0))
    return _polynomial(theta, (1.3794, -3.19e-2, 1.4e-3)) * u ** (-0.1711 + 2.6e-3 * theta)


def polarization_ratio_mouche(incidence_deg: ArrayLike, direction_deg: ArrayLike) -> Float:
    """sigma_VV / sigma_HH, linear, from that seen upwind p0, crosswind p2 and downwind p1, each A exp(B theta) + C.

    (p0 + p1 + 2 p2) / 4 + (p0 - p1) / 2 cos(phi) + (p0 + p1 - 2 p2) / 4 cos(2 phi)

    10 … 50 deg, else NaN; measured up to 43 deg. `direction_deg` as in `cmod5n`.
    Source: Mouche et al. (2005), IEEE TGRS 43(4), PR1.
    """
    theta, phi = _within(incidence_deg, (10.0, 50.0)), np.deg2rad(np.asarray(direction_deg, dtype=float))
    up = 0.00650704 * np.exp(0.128983 * theta) + 0.992839
    cross = 0.00782194 * np.exp(0.121405 * theta) + 0.992839
    down = 0.00598416 * np.exp(0.140952 * theta) + 0.992885
    return (
        (up + down + 2.0 * cross) / 4.0
        + (up - down) / 2.0 * np.cos(phi)
        + (up + down - 2.0 * cross) / 4.0 * np.cos(2.0 * phi)
    )


def flood_line_db(incidence_deg: ArrayLike) -> Float:
    """Mean sigma0 of flood water at C-VV in the Copernicus flood service: -0.394181 theta - 4.142015, in dB.

    As bright as `cmod5n_mean` at 3.5 m/s (30 deg) to 5.3 m/s (45 deg); spread 2.75 dB. Sentinel-1's 29 … 46 deg.
    Source: Bauer-Marschallinger et al. (2022), Remote Sensing 14(15).
    """
    return -0.394181 * np.asarray(incidence_deg, dtype=float) - 4.142015


def compact_terms(incidence_deg: ArrayLike, wind_m_s: ArrayLike) -> Float:
    """1, x, x^2, x^3, l, x l, x^2 l, l^2 along a new last axis, x = (theta - 35) / 10, l = log10(U)."""
    x = (_within(incidence_deg, COMPACT_INCIDENCE_DEG) - 35.0) / 10.0
    x, ell = np.broadcast_arrays(x, np.log10(_within(wind_m_s, COMPACT_WIND_M_S)))
    return np.stack([np.ones(x.shape), x, x**2, x**3, ell, x * ell, x**2 * ell, ell**2], axis=-1)


def _compact_coefficients(polarization: Polarization) -> tuple[float, ...]:
    if polarization not in COMPACT_COEFFICIENTS:
        raise ValueError(f"L-band water has no function for {polarization!r}; those that have: HH, VV")
    return COMPACT_COEFFICIENTS[polarization]


def l_water_db(incidence_deg: ArrayLike, wind_m_s: ArrayLike, polarization: Polarization = "HH") -> Float:
    """sigma0 of water at L band in dB, mean over wind directions: a polynomial in angle and log10 of wind.

    c0 + c1 x + c2 x^2 + c3 x^3 + (c4 + c5 x + c6 x^2) l + c7 l^2,   x = (theta - 35) / 10, l = log10(U)

    Parameters
    ----------
    incidence_deg : 25 … 50
    wind_m_s : 2 … 15
    polarization : HH or VV

    NaN outside the ranges, ValueError for another polarization. Fits the two-scale model of `waves` to 0.08 dB rms and
    0.30 dB (HH) or 0.37 dB (VV) at most; the model itself is known to +-2 dB. Source: harmonization.md 3.2.
    """
    return compact_terms(incidence_deg, wind_m_s) @ np.asarray(_compact_coefficients(polarization))


def water_db(channel: WaterChannel, incidence_deg: ArrayLike, wind_m_s: ArrayLike) -> Float:
    """sigma0 of water in dB, mean over wind directions, in any co-polarized channel and any wind there is.

    C_VV is CMOD5.N, C_HH that over the ratio of Thompson et al., L_HH and L_VV the compact function. Below 2 m/s, where
    Bragg waves vanish, it is the value at 2 m/s but at most -35 dB: what is seen then is the noise floor.
    NaN outside 18 … 58 deg and 50 m/s at C band, 25 … 50 deg and 15 m/s at L band, and for negative wind.
    """
    wind = np.asarray(wind_m_s, dtype=float)
    blowing = np.where(wind >= 0.0, np.maximum(wind, CALM_WIND_M_S), np.nan)
    if channel == "L_HH" or channel == "L_VV":
        level = l_water_db(incidence_deg, blowing, "HH" if channel == "L_HH" else "VV")
    elif channel == "C_VV" or channel == "C_HH":
        level = to_db(cmod5n_mean(incidence_deg, blowing))
        if channel == "C_HH":
            level = level - to_db(polarization_ratio_thompson(incidence_deg))
    else:
        raise ValueError(
            f"channel {channel!r} has no water function; those that have: C_VV, C_HH, L_HH, L_VV"
        )
    return np.where(wind < CALM_WIND_M_S, np.minimum(level, CALM_DB), level)


def wind_density(wind_m_s: ArrayLike, fetch: float = 1.0) -> Float:
    """Prior density of wind, per m/s: Weibull of shape 2 and scale 4 m/s times `fetch`; 0 for negative wind.

    `fetch` is 1 in the open and about 0.7 (0.6 to 0.8) over inland water; in (0, 1], else ValueError.
    """
    scale = WIND_SCALE_M_S * float(require_inside("fetch", fetch, 1e-3, 1.0))
    u = np.maximum(np.asarray(wind_m_s, dtype=float), 0.0) / scale
    return WIND_SHAPE / scale * u ** (WIND_SHAPE - 1.0) * np.exp(-(u**WIND_SHAPE))


def wind_quantile(probability: ArrayLike, fetch: float = 1.0) -> Float:
    """Wind [m/s] that is not exceeded with this probability, 0 … below 1: fetch 4 (-ln(1 - p))^(1/2)."""
    scale = WIND_SCALE_M_S * float(require_inside("fetch", fetch, 1e-3, 1.0))
    p = require_inside("probability", probability, 0.0, float(np.nextafter(1.0, 0.0)))
    return scale * (-np.log1p(-p)) ** (1.0 / WIND_SHAPE)


def _latent(wind_m_s: Float) -> Float:
    """Winds at the ends of the compact range, but for rounding, put on them; those beyond become NaN."""
    low, high = COMPACT_WIND_M_S
    return np.clip(_within(wind_m_s, (low * (1.0 - _EDGE), high * (1.0 + _EDGE))), low, high)


def wind_from_l_water(
    sigma0_db: ArrayLike, incidence_deg: ArrayLike, polarization: Polarization = "HH"
) -> Float:
    """Wind [m/s] at which `l_water_db` gives this value: the larger root of a parabola in l = log10(U).

    NaN flags a value that no wind of 2 … 15 m/s makes at that angle, and angles outside 25 … 50 deg.
    """
    c = _compact_coefficients(polarization)
    x = (_within(incidence_deg, COMPACT_INCIDENCE_DEG) - 35.0) / 10.0
    constant = _polynomial(x, c[0:4]) - np.asarray(sigma0_db, dtype=float)
    linear = _polynomial(x, c[4:7])
    root = np.sqrt(np.maximum(linear**2 - 4.0 * c[7] * constant, 0.0))
    return _latent(10.0 ** np.clip((root - linear) / (2.0 * c[7]), -3.0, 3.0))


def wind_from_c_water(sigma0_db: ArrayLike, incidence_deg: ArrayLike) -> Float:
    """Wind [m/s] at which `cmod5n_mean` (C-VV) gives this value, by 48 bisections of 2 … 15 m/s, where it only rises.

    NaN flags a value that no such wind makes at that angle, and angles outside 18 … 58 deg. About 1000 evaluations a
    value: for tables and samples rather than whole images.
    """
    y, theta = np.broadcast_arrays(np.asarray(sigma0_db, float), np.asarray(incidence_deg, float))
    low, high = (np.full(y.shape, u) for u in COMPACT_WIND_M_S)
    floor_db, top_db = to_db(cmod5n_mean(theta, low)), to_db(cmod5n_mean(theta, high))
    inside = (y >= floor_db - _EDGE) & (y <= top_db + _EDGE)
    for _ in range(48):
        middle = 0.5 * (low + high)
        darker = to_db(cmod5n_mean(theta, middle)) < y
        low, high = np.where(darker, middle, low), np.where(darker, high, middle)
    return np.where(inside, 0.5 * (low + high), np.nan)


def c_from_l_water(
    sigma0_db: ArrayLike, incidence_deg: ArrayLike, polarization: Polarization = "HH"
) -> Float:
    """sigma0 at C-VV [dB] of water that has this sigma0 [dB] at L band: through the wind that makes both.

    Holds for water and nothing else; no function joins the bands across classes. At 38 deg -24 dB at L-HH becomes
    -22.14 dB and -20 becomes -16.05; an error at L band grows 1.65-fold, so the +-2 dB of the L-band function become
    +-3.3 dB. `l_from_c_water` undoes it to 1e-6 dB. NaN flags values that no wind of 2 … 15 m/s makes.
    """
    return to_db(cmod5n_mean(incidence_deg, wind_from_l_water(sigma0_db, incidence_deg, polarization)))


def l_from_c_water(
    sigma0_db: ArrayLike, incidence_deg: ArrayLike, polarization: Polarization = "HH"
) -> Float:
    """sigma0 at L band [dB] of water that has this sigma0 [dB] at C-VV, the inverse of `c_from_l_water`; NaN likewise."""
    return l_water_db(incidence_deg, wind_from_c_water(sigma0_db, incidence_deg), polarization)
