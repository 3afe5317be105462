"""What plants do to a radar wave on its way down and back: weaken it, and send some of it home themselves.

The optical depth of a canopy grows with its water and with frequency. That is the one reason why L band sees a flood
under plants that C band does not: at 2 kg/m2 of water C band loses 10 dB on the two ways, L band 2.4.
Sources: Attema & Ulaby (1978), Radio Science 13(2); Schmugge & Jackson (1992), Meteorol. Atmos. Phys. 47;
Kirdyashev et al. (1979), as in ECMWF's CMEM; Ulaby & Long (2014), section 11.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from floodfuse.harmonize.radiometry import SPEED_OF_LIGHT_M_S

B_M2_KG = 0.12  # at 1.4 GHz, of crops (harmonization.md 3.4)
B_FREQUENCY_GHZ = 1.4
STALKS, LEAVES = 1.0 / 3.0, 2.0 / 3.0  # geometry factors of Kirdyashev
WATER_DENSITY_KG_M3 = 1000.0
LARGEST_ALBEDO = 0.2  # of single scattering
C_BAND_SEES_THROUGH_KG_M2 = 2.0  # above this the ground is 10 dB down at C band: evidence of it must go to 0

Float = NDArray[np.floating]


def b_factor(frequency_ghz: ArrayLike, exponent: float = 1.0) -> Float:
    """Optical depth per plant water [m2/kg]: 0.12 (f / 1.4 GHz)^x.

    Parameters
    ----------
    frequency_ghz : 1 … 10
    exponent : x, about 1: "b is roughly proportional to the frequency" (Schmugge & Jackson 1992)

    The nadir optical depth is tau = b VWC [kg/m2]. C band over L band: 4.30, for crops within a factor 1.3; in the
    co-polarizations of forest 2 … 4, where branches and trunks are too thick for this law.
    """
    ratio = np.asarray(frequency_ghz, dtype=float) / B_FREQUENCY_GHZ
    return np.asarray(B_M2_KG * ratio**exponent)


def b_factor_kirdyashev(frequency_ghz: ArrayLike, water_loss: ArrayLike, geometry: float = STALKS) -> Float:
    """Optical depth per plant water [m2/kg] of an effective medium: a k Im(e_sw) / rho_w.

    Parameters
    ----------
    frequency_ghz : 1 … 10, while plant parts are thin against the wavelength
    water_loss : Im(e_sw), imaginary part of the permittivity of plant water (22 C, 6 psu)
    geometry : a, 1/3 for stalks and 2/3 for leaves

    Source: Kirdyashev et al. (1979), as VEGKIRD in ECMWF's CMEM.
    """
    k = 2.0 * np.pi * np.asarray(frequency_ghz, dtype=float) * 1e9 / SPEED_OF_LIGHT_M_S
    return np.asarray(geometry * k * np.asarray(water_loss, dtype=float) / WATER_DENSITY_KG_M3)


def transmissivity(optical_depth: ArrayLike, incidence_deg: ArrayLike) -> Float:
    """Power left after one way through a canopy: exp(-tau / cos theta). tau >= 0, theta below 90 deg."""
    cosine = np.cos(np.deg2rad(np.asarray(incidence_deg, dtype=float)))
    return np.asarray(np.exp(-np.asarray(optical_depth, dtype=float) / cosine))


def two_way_transmissivity(optical_depth: ArrayLike, incidence_deg: ArrayLike) -> Float:
    """Power left after the way down and back: exp(-2 tau / cos theta). tau >= 0, theta below 90 deg."""
    return transmissivity(2.0 * np.asarray(optical_depth, dtype=float), incidence_deg)


def canopy_volume(incidence_deg: ArrayLike, optical_depth: ArrayLike, volume: ArrayLike) -> Float:
    """sigma0 of the canopy alone, linear: C cos(theta) (1 - T^2), with T^2 = exp(-2 tau / cos theta).

    `volume` is C, what an opaque canopy sends back: about .18 for forest at C-VV and .22 at L-HH, to be fitted on dry
    scenes. It is not the albedo of passive radiometry.
    """
    cosine = np.cos(np.deg2rad(np.asarray(incidence_deg, dtype=float)))
    opaque = 1.0 - two_way_transmissivity(optical_depth, incidence_deg)
    return np.asarray(np.asarray(volume, dtype=float) * cosine * opaque)


def water_cloud(
    incidence_deg: ArrayLike, optical_depth: ArrayLike, volume: ArrayLike, sigma0_ground: ArrayLike
) -> Float:
    """sigma0 of plants over ground, linear: C cos(theta) (1 - T^2) + T^2 sigma_ground.

    Parameters
    ----------
    incidence_deg : theta, below 90
    optical_depth : tau at nadir, one way, nepers; >= 0
    volume : C, see `canopy_volume`
    sigma0_ground : of the ground without plants, linear

    Without plants it is the ground, through an opaque canopy the volume. Source: Attema & Ulaby (1978).
    """
    ground = two_way_transmissivity(optical_depth, incidence_deg) * np.asarray(sigma0_ground, dtype=float)
    return np.asarray(canopy_volume(incidence_deg, optical_depth, volume) + ground)


def volume_ground(
    incidence_deg: ArrayLike,
    optical_depth: ArrayLike,
    albedo: ArrayLike,
    reflectivity: ArrayLike,
    sigma0_ground: ArrayLike,
) -> Float:
    """sigma0 of a layer of Rayleigh scatterers over ground, linear, with paths that touch both.

    T^2 sigma_ground + 0.75 w cos(theta) (1 - T^2) (1 + G^2 T^2) + 6 w tau G T^2,   T = exp(-tau / cos theta)

    Parameters
    ----------
    incidence_deg : theta, below 90
    optical_depth : tau at nadir, one way, nepers; >= 0
    albedo : w, single-scattering albedo, 0 … 0.2; NaN where it is more, for waves then scatter twice
    reflectivity : G, Fresnel power reflectivity of the ground at theta, 0 … 1
    sigma0_ground : of the ground without plants, linear

    The last term brightens when water, which reflects better than soil, comes under thin plants.
    Source: Ulaby & Long (2014), eq. 11.23 with n = 2: the two directions of the ground path add in phase.
    """
    w, g = np.asarray(albedo, dtype=float), np.asarray(reflectivity, dtype=float)
    tau = np.asarray(optical_depth, dtype=float)
    t2 = two_way_transmissivity(tau, incidence_deg)
    volume = canopy_volume(incidence_deg, tau, 0.75 * w) * (1.0 + g**2 * t2)
    total = t2 * np.asarray(sigma0_ground, dtype=float) + volume + 6.0 * w * tau * g * t2
    return np.where((w >= 0.0) & (w <= LARGEST_ALBEDO), total, np.nan)
