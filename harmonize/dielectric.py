"""How strongly matter answers a microwave: permittivity of water, soil and plants, and the mirror they make.

Permittivities are relative and complex, loss as a positive imaginary part: e' + j e''. They hardly differ between C and
L band, and so do reflectivities; what tells the bands apart is roughness, attenuation and the size of what scatters.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

EPSILON_0_F_M = 8.8541878128e-12
_EPSILON_0_ROUNDED = 8.854e-12  # with which the soil models were fitted
_HIGH_FREQUENCY_WATER = (
    4.9  # permittivity of water far above its relaxation, as the single-Debye models take it
)
_SOLID_DENSITY = 2.664  # of soil particles, g/cm3
_MIXING = 0.65  # exponent of Dobson's mixing rule

Float = NDArray[np.floating]
Complex = NDArray[np.complexfloating]


class Reflectivity(NamedTuple):
    """Power reflectivity of a smooth surface at both polarizations, 0 … 1."""

    v: Float
    h: Float


def require_inside(name: str, value: ArrayLike, low: float, high: float, unit: str = "") -> Float:
    """`value` as floats, or a ValueError naming the value furthest outside and the range. NaN passes.

    Parameters
    ----------
    name, unit : for the message
    low, high : limits, both inside the range
    """
    x = np.asarray(value, dtype=float)
    outside = np.fmax(low - x, x - high)
    if np.any(outside > 0.0):
        worst = x.flat[int(np.nanargmax(outside))]
        raise ValueError(
            f"{name} of {worst:g} {unit}".rstrip() + f" is outside {low:g} to {high:g} {unit}".rstrip()
        )
    return x


def _conductivity_s_m(temperature_c: Float, salinity_psu: Float) -> Float:
    """Ionic conductivity of sea water [S/m] (Stogryn et al. 1995, as in Ulaby & Long 2014, code 4.2)."""
    t, s = temperature_c, salinity_psu
    at_35 = 2.903602 + 8.607e-2 * t + 4.738817e-4 * t**2 - 2.991e-6 * t**3 + 4.3041e-9 * t**4
    at_15_c = s * (37.5109 + 5.45216 * s + 0.014409 * s**2) / (1004.75 + 182.283 * s + s**2)
    a0 = (6.9431 + 3.2841 * s - 0.099486 * s**2) / (84.85 + 69.024 * s + s**2)
    a1 = 49.843 - 0.2276 * s + 0.00198 * s**2
    return at_35 * at_15_c * (1.0 + a0 * (t - 15.0) / (t + a1))


def water_permittivity(
    frequency_ghz: ArrayLike, temperature_c: ArrayLike = 20.0, salinity_psu: ArrayLike = 0.0
) -> Complex:
    """Permittivity of fresh or sea water with two relaxations.

    e = (es - e1) / (1 - j 2 pi f t1) + (e1 - ei) / (1 - j 2 pi f t2) + ei + j 17.9751 s / f

    Parameters
    ----------
    frequency_ghz : f; 0.1 … 1000
    temperature_c : 0 … 30
    salinity_psu : 0 (rivers) … 40; s, the conductivity [S/m], follows from it

    Raises
    ------
    ValueError : a value outside its range

    Fresh water at 20 C: 79.76 + 5.57j at L band, 73.14 + 21.78j at C band.
    Source: Ellison (2007), as in Ulaby & Long (2014), codes 4.1 and 4.2.
    """
    f = require_inside("frequency", frequency_ghz, 0.1, 1000.0, "GHz")
    t = require_inside("water temperature", temperature_c, 0.0, 30.0, "C")
    s = require_inside("salinity", salinity_psu, 0.0, 40.0, "psu")
    static = 87.85306 * np.exp(
        -0.00456992 * t - 0.46606917e-2 * s + 0.26087876e-4 * s**2 + 0.63926782e-5 * s * t
    )
    middle = 6.3000075 * np.exp(-0.26242021e-2 * t + 0.42984155e-2 * s - 0.34414691e-4 * s * t)
    slow_ns = (0.17667420e-3 - 0.20491560e-6 * s) * np.exp(583.66888 / (t + 126.34992))
    fast_ns = (0.69227972e-4 + 0.38957681e-6 * s) * np.exp(307.42330 / (t + 126.34992))
    optical = 3.7245044 + 0.92609781e-2 * t - 0.26093754e-1 * s
    first = (static - middle) / (1.0 - 2j * np.pi * f * slow_ns)
    second = (middle - optical) / (1.0 - 2j * np.pi * f * fast_ns)
    return np.asarray(first + second + optical + 17.9751j * _conductivity_s_m(t, s) / f)


def water_permittivity_klein_swift(
    frequency_ghz: ArrayLike, temperature_c: ArrayLike = 20.0, salinity_psu: ArrayLike = 0.0
) -> Complex:
    """Permittivity of fresh or sea water with one relaxation.

    e = 4.9 + (es - 4.9) / (1 - j w tau) + j s / (w e0),   w = 2 pi f

    Parameters
    ----------
    frequency_ghz : f; 0.1 … 10
    temperature_c : 0 … 30
    salinity_psu : 0 … 40; measured on 4 … 35, pure water apart

    Raises
    ------
    ValueError : a value outside its range

    Within 0.4 % (fresh) and 2.5 % (35 psu) of `water_permittivity`, in the complex plane, at C and L band and 20 C.
    Source: Klein & Swift (1977), IEEE TAP 25(1).
    """
    f = require_inside("frequency", frequency_ghz, 0.1, 10.0, "GHz")
    t = require_inside("water temperature", temperature_c, 0.0, 30.0, "C")
    s = require_inside("salinity", salinity_psu, 0.0, 40.0, "psu")
    w, cold = 2e9 * np.pi * f, 25.0 - t
    static = 87.134 - 1.949e-1 * t - 1.276e-2 * t**2 + 2.491e-4 * t**3
    static = static * (1.0 + 1.613e-5 * s * t - 3.656e-3 * s + 3.210e-5 * s**2 - 4.232e-7 * s**3)
    tau = 1.768e-11 - 6.086e-13 * t + 1.104e-14 * t**2 - 8.111e-17 * t**3
    tau = tau * (1.0 + 2.282e-5 * s * t - 7.638e-4 * s - 7.760e-6 * s**2 + 1.105e-8 * s**3)
    b = (
        2.0333e-2
        + 1.266e-4 * cold
        + 2.464e-6 * cold**2
        - s * (1.849e-5 - 2.551e-7 * cold + 2.551e-8 * cold**2)
    )
    at_25_c = s * (0.182521 - 1.46192e-3 * s + 2.09324e-5 * s**2 - 1.28205e-7 * s**3)
    ionic = 1j * at_25_c * np.exp(-cold * b) / (w * EPSILON_0_F_M)
    return np.asarray(_HIGH_FREQUENCY_WATER + (static - _HIGH_FREQUENCY_WATER) / (1.0 - 1j * w * tau) + ionic)


def _soil_water_index(
    static: ArrayLike, tau_s: ArrayLike, conductivity_s_m: ArrayLike, f_hz: Float
) -> Complex:
    """Complex refractive index n + j k of water in soil, which relaxes once and conducts."""
    w = 2.0 * np.pi * f_hz
    relaxing = (np.asarray(static, dtype=float) - _HIGH_FREQUENCY_WATER) / (1.0 - 1j * w * np.asarray(tau_s))
    return np.sqrt(
        _HIGH_FREQUENCY_WATER + relaxing + 1j * np.asarray(conductivity_s_m) / (w * _EPSILON_0_ROUNDED)
    )


def soil_permittivity(
    frequency_ghz: ArrayLike, moisture: ArrayLike, clay_percent: ArrayLike = 20.0
) -> Complex:
    """Permittivity of moist soil: refractive indices of dry soil, bound and free water, added by volume.

    n* = nd + (nb - 1) min(m, mt) + (nu - 1) max(m - mt, 0),   e = n*^2

    with nd, nb, nu complex and mt, the most water the soil can bind, growing with clay (the 1 is real).

    Parameters
    ----------
    frequency_ghz : 0.3 … 26.5
    moisture : m, m3 of water in m3 of soil; 0 … 0.6
    clay_percent : share of clay by mass; 0 … 76

    Raises
    ------
    ValueError : a value outside its range

    Measured at 20 to 22 C. Source: Mironov, Kosolapova & Fomin (2009), IEEE TGRS 47(7).
    """
    f = 1e9 * require_inside("frequency", frequency_ghz, 0.3, 26.5, "GHz")
    m = require_inside("soil moisture", moisture, 0.0, 0.6, "m3/m3")
    c = require_inside("clay", clay_percent, 0.0, 76.0, "%")
    bound = _soil_water_index(
        79.8 - 85.4e-2 * c + 32.7e-4 * c**2, 1.062e-11 + 3.45e-14 * c, 0.3112 + 0.467e-2 * c, f
    )
    free = _soil_water_index(100.0, 8.5e-12, 0.3631 + 1.217e-2 * c, f)
    dry = 1.634 - 0.539e-2 * c + 0.2748e-4 * c**2 + 1j * (0.03952 - 0.04038e-2 * c)
    most_bound = 0.02863 + 0.30673e-2 * c
    index = dry + (bound - 1.0) * np.minimum(m, most_bound) + (free - 1.0) * np.maximum(m - most_bound, 0.0)
    return np.asarray(index**2)


def soil_permittivity_dobson(
    frequency_ghz: ArrayLike,
    moisture: ArrayLike,
    sand_percent: ArrayLike = 40.0,
    clay_percent: ArrayLike = 20.0,
    temperature_c: ArrayLike = 20.0,
    bulk_density_g_cm3: ArrayLike = 1.3,
) -> Complex:
    """Permittivity of moist soil by a mixing rule, a second opinion beside `soil_permittivity`.

    e'^a = 1 + (rb / rs) (4.7^a - 1) + m^b1 ew'^a - m,   e''^a = m^b2 ew''^a,   a = 0.65

    Parameters
    ----------
    frequency_ghz : 0.3 … 18; up to 1.3 the conductivity of Peplinski et al., above it that of Dobson et al.
    moisture : m, m3/m3; 0.01 … 0.6
    sand_percent, clay_percent : shares by mass; 0 … 100
    temperature_c : 0 … 40
    bulk_density_g_cm3 : rb; 0.8 … 2.0

    Raises
    ------
    ValueError : a value outside its range

    Source: Dobson et al. (1985), IEEE TGRS 23(1); Peplinski, Ulaby & Dobson (1995), IEEE TGRS 33(3).
    """
    f = require_inside("frequency", frequency_ghz, 0.3, 18.0, "GHz")
    m = require_inside("soil moisture", moisture, 0.01, 0.6, "m3/m3")
    sand = require_inside("sand", sand_percent, 0.0, 100.0, "%") / 100.0
    clay = require_inside("clay", clay_percent, 0.0, 100.0, "%") / 100.0
    t = require_inside("soil temperature", temperature_c, 0.0, 40.0, "C")
    density = require_inside("bulk density", bulk_density_g_cm3, 0.8, 2.0, "g/cm3")
    conducting = np.where(
        f <= 1.3,
        0.0467 + 0.2204 * density - 0.4111 * sand + 0.6614 * clay,
        -1.645 + 1.939 * density - 2.25622 * sand + 1.594 * clay,
    )
    static = 87.134 - 1.949e-1 * t - 1.276e-2 * t**2 + 2.491e-4 * t**3
    w = 2e9 * np.pi * f
    w_tau = 1e9 * f * (1.1109e-10 - 3.824e-12 * t + 6.938e-14 * t**2 - 5.096e-16 * t**3)
    relaxing = (static - _HIGH_FREQUENCY_WATER) / (1.0 + w_tau**2)
    pores = (_SOLID_DENSITY - density) / (_SOLID_DENSITY * m)
    loss = np.maximum(w_tau * relaxing + conducting * pores / (w * _EPSILON_0_ROUNDED), 1e-6)
    mixed = 1.0 + density / _SOLID_DENSITY * (4.7**_MIXING - 1.0) - m
    real = mixed + m ** (1.2748 - 0.519 * sand - 0.152 * clay) * (_HIGH_FREQUENCY_WATER + relaxing) ** _MIXING
    imaginary = m ** ((1.33797 - 0.603 * sand - 0.166 * clay) / _MIXING) * loss
    return np.asarray(real ** (1.0 / _MIXING) + 1j * imaginary)


def soil_permittivity_topp(moisture: ArrayLike) -> Float:
    """Real permittivity of soil from its moisture alone: 3.03 + 9.3 m + 146 m^2 - 76.7 m^3.

    `moisture` is m3/m3 from 0 to 0.6, else ValueError; fitted at 20 MHz … 1 GHz, so at L band only a check of others.
    Source: Topp, Davis & Annan (1980), Water Resources Research 16(3).
    """
    m = require_inside("soil moisture", moisture, 0.0, 0.6, "m3/m3")
    return 3.03 + 9.3 * m + 146.0 * m**2 - 76.7 * m**3


def vegetation_permittivity(frequency_ghz: ArrayLike, moisture_by_mass: ArrayLike) -> Complex:
    """Permittivity of leaves, stems and wood: a residue, free water that conducts, and bound water.

    e = 1.7 - 0.74 m + 6.16 m^2 + vf ef + vb eb,   vf = max(m (0.55 m - 0.076), 0), vb = 4.64 m^2 / (1 + 7.36 m^2)

    Parameters
    ----------
    frequency_ghz : 0.2 … 20
    moisture_by_mass : m, kg of water in kg of fresh plant; 0.05 … 0.7

    Raises
    ------
    ValueError : a value outside its range

    At 22 C. The published vf is negative below m = 0.138, where the plant would then give energy; there it is 0.
    Source: Ulaby & El-Rayes (1987), IEEE TGRS 25(5), as in Ulaby & Long (2014), code 4.8 (salinity of sap 15 psu).
    """
    f = require_inside("frequency", frequency_ghz, 0.2, 20.0, "GHz")
    m = require_inside("plant moisture", moisture_by_mass, 0.05, 0.7, "kg/kg")
    conductivity_s_m = 0.17 * 15.0 - 0.0013 * 15.0**2
    free = _HIGH_FREQUENCY_WATER + 74.4 / (1.0 - 1j * f / 18.0) + 18j * conductivity_s_m / f
    bound = 2.9 + 55.0 / (1.0 + np.sqrt(-1j * f / 0.18))
    residue = 1.7 - 0.74 * m + 6.16 * m**2
    share_free = np.maximum(m * (0.55 * m - 0.076), 0.0)
    return np.asarray(residue + share_free * free + 4.64 * m**2 / (1.0 + 7.36 * m**2) * bound)


def reflectivity(permittivity: ArrayLike, incidence_deg: ArrayLike) -> Reflectivity:
    """Fresnel power reflectivity of a smooth half-space below air.

    v = |(e c - r) / (e c + r)|^2,   h = |(c - r) / (c + r)|^2,   c = cos(theta), r = sqrt(e - sin^2(theta))

    Parameters
    ----------
    permittivity : e
    incidence_deg : theta from the normal of the surface, 0 … 90; NaN comes back where it is outside

    At 38 deg water reflects v 0.56, h 0.70; moist soil 0.19, 0.35; asphalt 0.09, 0.22, at either band.
    v falls to a minimum at Brewster's angle, arctan(sqrt(e)) without loss: 64 deg for e = 4, 84 deg for water.
    Source: Ulaby & Long (2014), section 2-7.
    """
    theta = np.asarray(incidence_deg, dtype=float)
    theta = np.deg2rad(np.where((theta >= 0.0) & (theta <= 90.0), theta, np.nan))
    e, c = np.asarray(permittivity, dtype=complex), np.cos(theta)
    r = np.sqrt(e - np.sin(theta) ** 2)
    with np.errstate(invalid="ignore"):  # dividing complex NaN, which missing pixels are, would warn
        return Reflectivity(np.abs((e * c - r) / (e * c + r)) ** 2, np.abs((c - r) / (c + r)) ** 2)
