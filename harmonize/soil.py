"""Backscatter of bare soil: two empirical models and the small-perturbation limit, none of which knows the band.

For fixed k s, k l and permittivity sigma0 must not depend on wavelength (Maxwell's equations have no length of their
own), so roughness enters only as k s and k l, and one soil can be carried from C band to L band. Dubois et al. (1995)
is left out on purpose: its explicit lambda^0.7 makes the same soil 4.433 dB darker at C band than at L band.
Sources: Oh, Sarabandi & Ulaby (1992), IEEE TGRS 30(2); Oh (2004), IEEE TGRS 42(3); Ulaby, Moore & Fung (1982), vol. 2.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.floating]
Complex = NDArray[np.complexfloating]


class SoilSigma0(NamedTuple):
    """sigma0 of soil, linear power, by polarization."""

    vv: Float
    hh: Float
    hv: Float


# Spread [dB] of either model about 162 numerical solutions of Maxwell's equations (NMM3D, 40 deg; harmonization.md 3.3), which lie
# 1.0 to 1.5 dB above them.
MODEL_SD_DB = 1.8

OH_INCIDENCE_DEG = (10.0, 70.0)
OH_1992_KS = (0.1, 6.0)
OH_2004_KS = (0.13, 6.98)
OH_2004_MOISTURE = (0.04, 0.291)
SPM_KS = 0.3
SPM_KL = 3.0


def _inside(value: ArrayLike, limits: tuple[float, float]) -> NDArray[np.bool_]:
    x = np.asarray(value, dtype=float)
    return np.asarray((x >= limits[0]) & (x <= limits[1]))


def _kept(sigma0: SoilSigma0, valid: NDArray[np.bool_]) -> SoilSigma0:
    return SoilSigma0(*(np.where(valid, power, np.nan) for power in sigma0))


def oh_1992(
    incidence_deg: ArrayLike,
    ks: ArrayLike,
    reflectivity_nadir: ArrayLike,
    reflectivity_v: ArrayLike,
    reflectivity_h: ArrayLike,
    extrapolate: bool = False,
) -> SoilSigma0:
    """sigma0 of bare soil from its reflectivity and roughness.

    p = (1 - (2 theta / pi)^(1 / (3 G0)) exp(-ks))^2,   q = 0.23 sqrt(G0) (1 - exp(-ks))
    vv = 0.7 (1 - exp(-0.65 ks^1.8)) cos^3(theta) (Gv + Gh) / sqrt(p),   hh = p vv,   hv = q vv

    Parameters
    ----------
    incidence_deg : theta; 10 … 70
    ks : wavenumber times rms height; 0.1 … 6
    reflectivity_nadir : G0, Fresnel power reflectivity at 0 deg
    reflectivity_v, reflectivity_h : Gv and Gh, the same at theta
    extrapolate : give values outside the ranges of `incidence_deg` and `ks` too, instead of NaN

    Measured on soils of moisture 0.09 … 0.31 and k l of 2.5 … 20, which the caller has to see to. HH and HV rise with
    ks throughout, VV up to 2.6 and falls again by less than 0.15 dB. HH falls with moisture at 70 deg and low ks.
    Source: Oh, Sarabandi & Ulaby (1992), as in harmonization.md 3.3.
    """
    theta = np.deg2rad(np.asarray(incidence_deg, dtype=float))
    rough = np.asarray(ks, dtype=float)
    nadir = np.asarray(reflectivity_nadir, dtype=float)
    root_p = 1.0 - (2.0 * theta / np.pi) ** (1.0 / (3.0 * nadir)) * np.exp(-rough)
    q = 0.23 * np.sqrt(nadir) * -np.expm1(-rough)
    shape = 0.7 * -np.expm1(-0.65 * rough**1.8) * np.cos(theta) ** 3 / root_p
    vv = shape * (np.asarray(reflectivity_v, dtype=float) + np.asarray(reflectivity_h, dtype=float))
    valid = _inside(incidence_deg, OH_INCIDENCE_DEG) & _inside(ks, OH_1992_KS)
    return _kept(SoilSigma0(vv, root_p**2 * vv, q * vv), valid | extrapolate)


def oh_2004(
    incidence_deg: ArrayLike, ks: ArrayLike, moisture: ArrayLike, extrapolate: bool = False
) -> SoilSigma0:
    """sigma0 of bare soil from its moisture and roughness, without a permittivity.

    p = 1 - (2 theta / pi)^(0.35 mv^-0.65) exp(-0.4 ks^1.4)
    q = 0.095 (0.13 + sin(1.5 theta))^1.4 (1 - exp(-1.3 ks^0.9))
    hv = 0.11 mv^0.7 cos^2.2(theta) (1 - exp(-0.32 ks^1.8)),   vv = hv / q,   hh = p vv

    Parameters
    ----------
    incidence_deg : theta; 10 … 70
    ks : wavenumber times rms height; 0.13 … 6.98
    moisture : mv, m3/m3; 0.04 … 0.291
    extrapolate : give values outside these ranges too, instead of NaN

    Source: Oh (2004), as in harmonization.md 3.3.
    """
    theta = np.deg2rad(np.asarray(incidence_deg, dtype=float))
    rough, mv = np.asarray(ks, dtype=float), np.asarray(moisture, dtype=float)
    p = 1.0 - (2.0 * theta / np.pi) ** (0.35 * mv**-0.65) * np.exp(-0.4 * rough**1.4)
    q = 0.095 * (0.13 + np.sin(1.5 * theta)) ** 1.4 * -np.expm1(-1.3 * rough**0.9)
    hv = 0.11 * mv**0.7 * np.cos(theta) ** 2.2 * -np.expm1(-0.32 * rough**1.8)
    valid = _inside(incidence_deg, OH_INCIDENCE_DEG) & _inside(ks, OH_2004_KS)
    valid = valid & _inside(moisture, OH_2004_MOISTURE)
    return _kept(SoilSigma0(hv / q, p * hv / q, hv), valid | extrapolate)


def bragg_amplitudes(permittivity: ArrayLike, cos_incidence: ArrayLike) -> tuple[Complex, Complex]:
    """First-order polarization amplitudes (vv, hh) of a slightly rough surface.

    hh = (e - 1) / (c + r)^2,   vv = (e - 1) (e (1 + s^2) - s^2) / (e c + r)^2,   r = sqrt(e - s^2), s^2 = 1 - c^2

    Parameters
    ----------
    permittivity : relative, loss as a positive imaginary part
    cos_incidence : cosine of the local incidence angle

    Source: Ulaby, Moore & Fung (1982), section 12.
    """
    e, c = np.asarray(permittivity, dtype=complex), np.asarray(cos_incidence, dtype=float)
    s2 = 1.0 - c**2
    r = np.sqrt(e - s2)
    return (e - 1.0) * (e * (1.0 + s2) - s2) / (e * c + r) ** 2, (e - 1.0) / (c + r) ** 2


def spm_exponential(
    incidence_deg: ArrayLike,
    ks: ArrayLike,
    kl: ArrayLike,
    permittivity: ArrayLike,
    extrapolate: bool = False,
) -> SoilSigma0:
    """sigma0 of a slightly rough surface with exponential correlation, to first order.

    sigma_pp = 8 ks^2 cos^4(theta) |a_pp|^2 W,   W = kl^2 / (1 + (2 kl sin theta)^2)^1.5,   hv = 0

    Parameters
    ----------
    incidence_deg : theta; within 15 deg of nadir facets outshine it
    ks : wavenumber times rms height; below 0.3
    kl : wavenumber times correlation length; below 3
    permittivity : relative, loss as a positive imaginary part
    extrapolate : give values outside the ranges of `ks` and `kl` too, instead of NaN

    Cross-polarization is of second order, so exactly 0 here. Against NMM3D at ks < 0.3: +1.4 dB VV, -0.5 dB HH.
    Source: Ulaby, Moore & Fung (1982), section 12.
    """
    theta = np.deg2rad(np.asarray(incidence_deg, dtype=float))
    rough, length = np.asarray(ks, dtype=float), np.asarray(kl, dtype=float)
    vv, hh = bragg_amplitudes(permittivity, np.cos(theta))
    spectrum = length**2 / (1.0 + (2.0 * length * np.sin(theta)) ** 2) ** 1.5
    common = 8.0 * rough**2 * np.cos(theta) ** 4 * spectrum
    powers = common * np.abs(vv) ** 2, common * np.abs(hh) ** 2
    valid = _inside(ks, (0.0, SPM_KS)) & _inside(kl, (0.0, SPM_KL))
    return _kept(SoilSigma0(*powers, np.zeros_like(powers[0])), valid | extrapolate)
