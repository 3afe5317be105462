"""Radar brightness: from stored numbers to linear-power gamma nought, and back where a test needs it.

Everything averages, resamples and adds in linear power. Decibels are for people and for tables.
Source of the conventions: Small (2011), IEEE TGRS 49(8), and the calibration pages of ESA and JAXA.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import polygamma

SPEED_OF_LIGHT_M_S = 299_792_458.0
SENTINEL1_GHZ = 5.405
PALSAR2_GHZ = 1.2575  # 1.2365 and 1.2785 for the other two centre frequencies

PALSAR2_CF_DB = -83.0  # JAXA EORC calibration, 2014-11-20 and 2017-03-28
PALSAR2_SLC_A_DB = 32.0  # L1.1 only

_FILL_BELOW = -100.0  # undeclared fill, such as -9999; neither power nor dB goes there
_BRIGHTEST_MEDIAN_DB = -1.0

Quantity = Literal["beta0", "sigma0", "gamma0"]
Float = NDArray[np.floating]


def wavelength_m(frequency_ghz: float) -> float:
    """Wavelength in metres: c / f."""
    return SPEED_OF_LIGHT_M_S / (frequency_ghz * 1e9)


def wavenumber_rad_m(frequency_ghz: float) -> float:
    """Wavenumber in rad/m: 2 pi f / c."""
    return 2.0 * np.pi / wavelength_m(frequency_ghz)


def to_db(power: ArrayLike) -> Float:
    """10 log10(power). Power <= 0 has no decibels and becomes NaN."""
    x = np.asarray(power, dtype=np.result_type(np.float32, np.asarray(power).dtype))
    return np.where(x > 0, 10.0 * np.log10(np.where(x > 0, x, 1.0)), np.nan)


def from_db(db: ArrayLike) -> Float:
    """10^(db / 10)."""
    return np.power(10.0, np.asarray(db, dtype=float) / 10.0)


def palsar2_power(dn: ArrayLike, calibration_db: float = PALSAR2_CF_DB) -> Float:
    """Linear power of PALSAR-2 digital numbers: DN^2 10^(CF/10).

    gamma0 for the yearly mosaic and ScanSAR Level 2.2, sigma0 for L1.5 and L2.1.
    DN 1 -> -83 dB, DN 5000 -> -9.0206 dB at CF = -83.
    """
    return np.square(np.asarray(dn, dtype=float)) * from_db(calibration_db)


def palsar2_dn(power: ArrayLike, calibration_db: float = PALSAR2_CF_DB) -> Float:
    """Digital number of a linear power, not rounded: sqrt(power / 10^(CF/10))."""
    return np.sqrt(np.asarray(power, dtype=float) / from_db(calibration_db))


def palsar2_slc_power(i: ArrayLike, q: ArrayLike, calibration_db: float = PALSAR2_CF_DB) -> Float:
    """sigma0 of a PALSAR-2 L1.1 sample: (I^2 + Q^2) 10^((CF - A)/10), A = 32 dB."""
    amplitude2 = np.square(np.asarray(i, dtype=float)) + np.square(np.asarray(q, dtype=float))
    return amplitude2 * from_db(calibration_db - PALSAR2_SLC_A_DB)


def sentinel1_power(dn: ArrayLike, lut: ArrayLike, noise: ArrayLike = 0.0) -> Float:
    """Linear power of Sentinel-1 GRD: (DN^2 - eta) / A^2.

    Parameters
    ----------
    dn : digital number
    lut : A, calibration table of the wanted quantity interpolated to the pixel
    noise : eta, range noise times azimuth noise interpolated to the pixel (range only before IPF 2.9)

    Values may be negative after noise removal and must stay so: clipping biases dark water bright.
    """
    return (np.square(np.asarray(dn, dtype=float)) - noise) / np.square(np.asarray(lut, dtype=float))


def convert(power: ArrayLike, source: Quantity, target: Quantity, incidence_deg: ArrayLike) -> Float:
    """Convert linear power between beta0, sigma0 and gamma0 of a locally planar cell.

    sigma0 = beta0 sin(theta);  gamma0 = sigma0 / cos(theta) = beta0 tan(theta)   (Small 2011)
    At 38 deg: gamma0 - sigma0 = +1.0347 dB, beta0 - sigma0 = +2.1066 dB.
    """
    theta = np.deg2rad(np.asarray(incidence_deg))
    to_sigma: dict[Quantity, Float] = {
        "beta0": np.sin(theta),
        "sigma0": np.ones_like(theta),
        "gamma0": np.cos(theta),
    }
    return np.asarray(power) * (to_sigma[source] / to_sigma[target])


def noise_gamma0(nesz_sigma0_db: float, incidence_deg: ArrayLike) -> NDArray[np.floating]:
    """Noise floor as gamma0, linear power, from its sigma0 in dB: 10^(nesz / 10) / cos(theta), in the angle's precision."""
    return np.asarray(10.0 ** (nesz_sigma0_db / 10.0) / np.cos(np.deg2rad(incidence_deg)))


def total_power(gamma0: ArrayLike, noise_sigma0: float, incidence_deg: ArrayLike) -> NDArray[np.floating]:
    """What was received: gamma0 and the noise that was subtracted from it, all linear; the noise is sigma0, 0 where it was left in."""
    return np.asarray(gamma0) + noise_sigma0 / np.cos(np.deg2rad(incidence_deg))


def total_power_db(
    gamma0: NDArray[np.float32], noise_sigma0: float, incidence_deg: NDArray[np.float32]
) -> NDArray[np.float32]:
    """10 log10 of `total_power`, no less than -60 dB."""
    total = total_power(gamma0, noise_sigma0, incidence_deg)
    return np.asarray(10.0 * np.log10(np.maximum(total, 1e-6)), np.float32)


def refusal(sample: ArrayLike, declared: Literal["power", "amplitude", "db", "dn"]) -> str | None:
    """Why values can't be what they are declared to be, or None (harmonization.md 1.5).

    Only grounds for refusal, never for guessing: `sample` holds valid values of one channel, from all over
    the file. Decibels are negative nearly everywhere; power and amplitude of land and water are never
    far below 0, and their median lies far below 10.
    """
    x = np.asarray(sample, dtype=float)
    x = x[np.isfinite(x)]
    if declared == "dn":
        return f"holds negative digital numbers (lowest {x.min():g})" if (x < 0).any() else None
    x = x[x > _FILL_BELOW]
    if x.size == 0:
        return None
    low, median = np.percentile(x, [1, 50])
    if declared == "db":
        if median > _BRIGHTEST_MEDIAN_DB:
            return f"the median is {median:.4g}, brighter than any scene in dB, so these are not dB"
        return None
    if low < -3.0:
        return f"1 % of the values lie below {low:.4g}, so these are dB and not {declared}"
    if declared == "amplitude" and low < 0.0:
        return f"1 % of the values lie below {low:.4g}, and an amplitude is never negative"
    if median > 30.0:
        return f"the median is {median:.4g}, far too bright for {declared}: these look like digital numbers"
    return None


def declared_power_or_amplitude(sample: ArrayLike, looks: float) -> Literal["power", "amplitude"] | None:
    """Tell power from amplitude by the spread of speckle, or None where it can't be told.

    var(ln x) of L looks is psi1(L) for power and psi1(L)/4 for amplitude; a homogeneous sample (one window
    of forest or field) decides where it lies within a factor 1.5 of one and beyond it of the other.
    """
    x = np.asarray(sample, dtype=float)
    x = x[np.isfinite(x) & (x > 0)]
    if x.size < 200:
        return None
    spread = float(np.var(np.log(x)))
    as_power = float(polygamma(1, looks))
    if as_power / 1.5 <= spread <= as_power * 1.5:
        return "power"
    if as_power / 6.0 <= spread <= as_power / 4.0 * 1.5:
        return "amplitude"
    return None
