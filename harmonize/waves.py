"""Wind waves as radar sees them: spectra of the water surface, and the backscatter of ripples riding on longer waves.

The two-scale model (tilted Bragg): facets tilted by the waves longer than four times the resonant ones each scatter like
a slightly rough plane,

    sigma0 = < 16 pi k^4 cos^4(t) |g_pp|^2 Psi(2 k sin t, phi) w > over slopes,   t the local incidence,

with Gaussian slopes, alike along and across the look direction. It is far too slow for images and is not meant for them:
it made the compact function of `water`, and it simulates water by other physics than that which reads it.
Sources: Romeiser, Alpers & Wismann (1997), JGR 102(C11), eqs. 3-10 and 38-42; Elfouhaily et al. (1997), JGR 102(C7);
Durden & Vesecky (1985), IEEE JOE 10(4), with the amplitude of Yueh (1997), IEEE TGRS 35(6).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import ArrayLike, NDArray

from floodfuse.harmonize.dielectric import require_inside, water_permittivity
from floodfuse.harmonize.radiometry import PALSAR2_GHZ, to_db, wavenumber_rad_m
from floodfuse.harmonize.soil import bragg_amplitudes
from floodfuse.harmonize.water import COMPACT_INCIDENCE_DEG, Polarization, compact_terms

SpectrumName = Literal["romeiser", "elfouhaily", "durden_vesecky"]

FREQUENCY_GHZ = (0.4, 10.0)
INCIDENCE_DEG = (20.0, 60.0)  # nearer nadir facets outshine ripples, beyond it waves hide each other
WIND_M_S = (1.0, 30.0)
SLOPE_NODES = 15  # Gauss-Hermite, each way

_GRAVITY_M_S2 = 9.80665
_SPLIT = 4.0  # resonant wavenumber over that of the shortest wave that tilts
_DIRECTIONS_DEG = np.arange(0.0, 180.0, 30.0)  # the other half is the same: up- and downwind look alike
_LONGEST_RAD_M, _INTEGRATION_STEPS = 1e-3, 3000
_ELFOUHAILY_RAD_M = 370.0  # wavenumber of the slowest wave
_ELFOUHAILY_AGE = 0.84  # inverse wave age of a fully grown sea
_DURDEN_VESECKY_AMPLITUDE = 0.008  # twice that of 1985

Float = NDArray[np.floating]


def friction_velocity_m_s(wind_m_s: ArrayLike) -> Float:
    """u* = U sqrt((0.8 + 0.065 U) 1e-3), wind at 10 m (Wu 1982)."""
    u = np.asarray(wind_m_s, dtype=float)
    return u * np.sqrt((0.8 + 0.065 * u) * 1e-3)


def romeiser_elevation(wavenumber_rad_m: ArrayLike, wind_m_s: ArrayLike) -> Float:
    """S(k) [m3] of Romeiser et al.: peak times high-wavenumber shape times U^beta(k) over k^3 (eqs. 38-41)."""
    k, u = np.asarray(wavenumber_rad_m, dtype=float), np.asarray(wind_m_s, dtype=float)
    peak = _GRAVITY_M_S2 / np.sqrt(2.0) / u**2
    bump = 0.53 * np.exp(-((np.sqrt(k) - np.sqrt(peak)) ** 2) / (0.32 * peak))
    low = 0.00195 * np.exp(-((peak / k) ** 2) + bump)
    beta = (1.0 - np.exp(-((k / 183.0) ** 2))) * np.exp(-k / 3333.0)
    beta = beta + (1.0 - np.exp(-k / 33.0)) * np.exp(-(((k - 140.0) / 220.0) ** 2))
    high = np.sqrt(1.0 + (k / 280.0) ** 7.2) / ((1.0 + (k / 75.0) ** 2.2) * (1.0 + (k / 1300.0) ** 3.2) ** 2)
    return low * high * np.exp(-((k / 8885.0) ** 2)) * u**beta / k**3


def romeiser_spreading(wavenumber_rad_m: Float, azimuth_rad: Float, wind_m_s: Float) -> Float:
    """Share of waves by direction, 1/rad: a Gaussian about the wind, half of it turned round (eq. 42)."""
    k, u = wavenumber_rad_m, wind_m_s
    at_low_wind = 5.0 * np.exp(2.5 - 2.6 * np.log(u) - 1.3 * np.log(k))
    narrow = 0.14 + 0.5 * (1.0 - np.exp(-k * u / 400.0)) + at_low_wind
    along = np.angle(np.exp(1j * azimuth_rad))
    against = np.angle(-np.exp(1j * azimuth_rad))
    both = np.exp(-(along**2) * narrow) + np.exp(-(against**2) * narrow)
    return 0.5 * both / np.sqrt(np.pi / narrow)


def _phase_speed_m_s(wavenumber_rad_m: Float) -> Float:
    """sqrt(g / k (1 + (k / km)^2)): gravity and surface tension."""
    return np.sqrt(_GRAVITY_M_S2 / wavenumber_rad_m * (1.0 + (wavenumber_rad_m / _ELFOUHAILY_RAD_M) ** 2))


def elfouhaily_elevation(wavenumber_rad_m: ArrayLike, wind_m_s: ArrayLike) -> Float:
    """S(k) [m3] of Elfouhaily et al., fully grown sea: (long waves + short waves) / k^3 (eqs. 30, 31, 40, 44)."""
    k, u = np.asarray(wavenumber_rad_m, dtype=float), np.asarray(wind_m_s, dtype=float)
    age, speed = _ELFOUHAILY_AGE, _phase_speed_m_s(k)
    slowest = np.sqrt(2.0 * _GRAVITY_M_S2 / _ELFOUHAILY_RAD_M)
    peak = _GRAVITY_M_S2 / u**2 * age**2
    ratio = np.sqrt(k / peak)
    width = 0.08 * (1.0 + 4.0 * age**-3)
    shape = 1.7 ** np.exp(-((ratio - 1.0) ** 2) / (2.0 * width**2)) * np.exp(-1.25 * (peak / k) ** 2)
    decline = np.exp(-age / np.sqrt(10.0) * (ratio - 1.0))
    long = 0.5 * 6e-3 * np.sqrt(age) * _phase_speed_m_s(peak) / speed * decline
    friction = friction_velocity_m_s(u)
    growth = np.where(friction < slowest, 1.0, 3.0)
    amplitude = np.maximum(0.01 * (1.0 + growth * np.log(friction / slowest)), 1e-6)
    short = 0.5 * amplitude * slowest / speed * np.exp(-0.25 * (k / _ELFOUHAILY_RAD_M - 1.0) ** 2)
    return shape * (long + short) / k**3


def elfouhaily_spreading(wavenumber_rad_m: Float, azimuth_rad: Float, wind_m_s: Float) -> Float:
    """Share of waves by direction, 1/rad: (1 + D(k) cos(2 phi)) / 2 pi (eq. 57)."""
    speed, slowest = _phase_speed_m_s(wavenumber_rad_m), np.sqrt(2.0 * _GRAVITY_M_S2 / _ELFOUHAILY_RAD_M)
    of_peak = _phase_speed_m_s(np.asarray(_GRAVITY_M_S2 / wind_m_s**2 * _ELFOUHAILY_AGE**2))
    short = 0.13 * friction_velocity_m_s(wind_m_s) / slowest * (slowest / speed) ** 2.5
    delta = np.tanh(np.log(2.0) / 4.0 + 4.0 * (speed / of_peak) ** 2.5 + short)
    return (1.0 + delta * np.cos(2.0 * azimuth_rad)) / (2.0 * np.pi)


def durden_vesecky_elevation(wavenumber_rad_m: ArrayLike, wind_m_s: ArrayLike) -> Float:
    """S(k) [m3] of Durden & Vesecky with twice their amplitude b: gravity waves up to 2 rad/m, wind's hold beyond.

    b k^-3 exp(-0.74 (kc / k)^2)  and  b k^-3 (1.25 k u*^2 / (g + 7.25e-5 k^2))^(0.225 log10(k / 2))
    """
    k, u = np.asarray(wavenumber_rad_m, dtype=float), np.asarray(wind_m_s, dtype=float)
    cut = _GRAVITY_M_S2 / (1.026 * u) ** 2
    forcing = 1.25 * k * friction_velocity_m_s(u) ** 2 / (_GRAVITY_M_S2 + 7.25e-5 * k**2)
    short = forcing ** (0.225 * np.log10(np.maximum(k, 2.0) / 2.0))
    return _DURDEN_VESECKY_AMPLITUDE / k**3 * np.where(k <= 2.0, np.exp(-0.74 * (cut / k) ** 2), short)


def isotropic_spreading(wavenumber_rad_m: Float, azimuth_rad: Float, wind_m_s: Float) -> Float:
    """Waves alike in all directions: 1 / 2 pi."""
    return np.full(np.broadcast(wavenumber_rad_m, azimuth_rad, wind_m_s).shape, 0.5 / np.pi)


@dataclass(frozen=True)
class WaveSpectrum:
    """How much surface stands in waves of each length and direction, at a wind; k [rad/m], U [m/s] > 0."""

    elevation: Callable[[ArrayLike, ArrayLike], Float]
    """S(k, U) [m3]; its integral over k is the variance of the surface."""
    spreading: Callable[[Float, Float, Float], Float]
    """D(k, phi, U) [1/rad] about the wind, even in phi and the same turned round; integrates to 1."""

    def directional(self, wavenumber_rad_m: Float, azimuth_rad: Float, wind_m_s: Float) -> Float:
        """Psi(k, phi) = S(k) D(k, phi) / k, in m4."""
        spread = self.spreading(wavenumber_rad_m, azimuth_rad, wind_m_s)
        return self.elevation(wavenumber_rad_m, wind_m_s) * spread / wavenumber_rad_m


SPECTRA: dict[SpectrumName, WaveSpectrum] = {
    "romeiser": WaveSpectrum(romeiser_elevation, romeiser_spreading),
    "elfouhaily": WaveSpectrum(elfouhaily_elevation, elfouhaily_spreading),
    "durden_vesecky": WaveSpectrum(durden_vesecky_elevation, isotropic_spreading),
}


class _Facets(NamedTuple):
    """Tilted facets, one along each of the two last axes, and how they are seen."""

    cos_incidence: Float
    turned_rad: Float
    """How far the plane of incidence turns against that of the untilted surface."""
    own: Float
    """Share of the wanted polarization that stays so on the facet; the rest turns into the other one."""
    weight: Float
    """Probability times the ground that the facet covers; 0 where it can't be seen."""


def slope_deviation(spectrum: WaveSpectrum, cut_rad_m: ArrayLike, wind_m_s: ArrayLike) -> Float:
    """Standard deviation of the slope in one direction, of waves longer than the cut: sqrt(int k^2 S dk / 2)."""
    k = np.geomspace(_LONGEST_RAD_M, np.asarray(cut_rad_m, dtype=float), _INTEGRATION_STEPS, axis=-1)
    elevation = spectrum.elevation(k, np.asarray(wind_m_s, dtype=float)[..., None])
    return np.sqrt(np.trapezoid(k**2 * elevation, k, axis=-1) / 2.0)


def _facets(theta: Float, slope: Float, slope_nodes: int) -> _Facets:
    nodes, weights = hermegauss(slope_nodes)
    weights = weights / weights.sum()
    tilt = np.arctan(slope[..., None] * nodes)
    along, across = tilt[..., :, None], tilt[..., None, :]
    level = theta[..., None, None]
    towards = level - along
    cos_incidence = np.cos(towards) * np.cos(across)
    own = np.sin(towards) ** 2 * np.cos(across) ** 2 / np.maximum(1.0 - cos_incidence**2, 1e-12)
    seen = (towards > 0.0) & (towards < np.pi / 2.0)
    area = np.cos(towards) / (np.cos(level) * np.cos(along))
    turned = np.arctan2(-np.cos(towards) * np.sin(across), np.sin(towards))
    return _Facets(cos_incidence, turned, own, np.where(seen, weights[:, None] * weights * area, 0.0))


def two_scale(
    frequency_ghz: float,
    incidence_deg: ArrayLike,
    wind_m_s: ArrayLike,
    direction_deg: ArrayLike,
    polarization: Polarization = "VV",
    spectrum: SpectrumName = "durden_vesecky",
    permittivity: complex | None = None,
    slope_nodes: int = SLOPE_NODES,
) -> Float:
    """sigma0 of water by the two-scale model, linear power, in the shape that the arrays broadcast to.

    Parameters
    ----------
    frequency_ghz : 0.4 … 10
    incidence_deg : 20 … 60
    wind_m_s : at 10 m; 1 … 30
    direction_deg : where the wind comes from against the look direction; upwind and downwind are the same
    polarization : VV or HH
    spectrum : of the waves. "romeiser" agrees best with CMOD5.N at C band (bias 0.12, rmse 0.97 dB); "durden_vesecky"
        with the rise of L-HH observed between 5 and 25 m/s; at L band the three differ by 1.4 dB (standard deviation)
    permittivity : of the water; fresh at 20 C if not given
    slope_nodes : tilts along and across. 15 made the published figures and are within 0.01 dB of 101 with "romeiser".
        Facets that face the radar drop out of the model at once, so steeper seas go in steps: with 15 nodes up to
        0.2 dB ("durden_vesecky", 38 deg), 1 dB (25 deg, 10 m/s and more)

    Raises
    ------
    ValueError : a value outside its range, a polarization or spectrum that isn't one of those
    """
    if polarization not in ("VV", "HH") or spectrum not in SPECTRA:
        known = ", ".join(SPECTRA)
        raise ValueError(f"no waves for {polarization!r} and {spectrum!r}; there are VV, HH and {known}")
    k = wavenumber_rad_m(float(require_inside("frequency", frequency_ghz, *FREQUENCY_GHZ, unit="GHz")))
    theta = np.deg2rad(require_inside("incidence", incidence_deg, *INCIDENCE_DEG, unit="deg"))
    wind = require_inside("wind", wind_m_s, *WIND_M_S, unit="m/s")
    waves = SPECTRA[spectrum]
    water = water_permittivity(frequency_ghz) if permittivity is None else permittivity
    cut = 2.0 * k * np.sin(theta) / _SPLIT
    facets = _facets(theta, slope_deviation(waves, cut, wind), slope_nodes)
    vv, hh = bragg_amplitudes(water, facets.cos_incidence)
    wanted, other = (vv, hh) if polarization == "VV" else (hh, vv)
    amplitude = facets.own * wanted + (1.0 - facets.own) * other
    resonant = 2.0 * k * np.sqrt(np.maximum(1.0 - facets.cos_incidence**2, 1e-12))
    azimuth = np.deg2rad(np.asarray(direction_deg, dtype=float))[..., None, None] + facets.turned_rad
    ripples = waves.directional(resonant, azimuth, wind[..., None, None])
    each = 16.0 * np.pi * k**4 * facets.cos_incidence**4 * np.abs(amplitude) ** 2 * ripples * facets.weight
    return np.where(resonant > cut[..., None, None], each, 0.0).sum(axis=(-2, -1))


def two_scale_mean(
    frequency_ghz: float,
    incidence_deg: ArrayLike,
    wind_m_s: ArrayLike,
    polarization: Polarization = "VV",
    spectrum: SpectrumName = "durden_vesecky",
    permittivity: complex | None = None,
    slope_nodes: int = SLOPE_NODES,
) -> Float:
    """Mean of `two_scale` over wind directions, every 30 deg, linear power."""
    theta = np.asarray(incidence_deg, dtype=float)[..., None]
    wind = np.asarray(wind_m_s, dtype=float)[..., None]
    around = _DIRECTIONS_DEG
    each = two_scale(frequency_ghz, theta, wind, around, polarization, spectrum, permittivity, slope_nodes)
    return each.mean(axis=-1)


class CompactFit(NamedTuple):
    """A compact function fitted to the model, and how far it stays from it [dB]."""

    coefficients: Float
    rms_db: float
    max_db: float


def fit_compact(
    polarization: Polarization, frequency_ghz: float = PALSAR2_GHZ, spectrum: SpectrumName = "durden_vesecky"
) -> CompactFit:
    """Coefficients of `water.l_water_db`: least squares to the model in dB, every 2.5 deg, 2 … 15 m/s."""
    theta = np.arange(COMPACT_INCIDENCE_DEG[0], COMPACT_INCIDENCE_DEG[1] + 0.1, 2.5)[:, None]
    wind = np.array([2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0])
    level_db = to_db(two_scale_mean(frequency_ghz, theta, wind, polarization, spectrum)).ravel()
    terms = compact_terms(theta, wind).reshape(-1, 8)
    coefficients, *_ = np.linalg.lstsq(terms, level_db, rcond=None)
    error = terms @ coefficients - level_db
    return CompactFit(coefficients, float(np.sqrt(np.mean(error**2))), float(np.abs(error).max()))
