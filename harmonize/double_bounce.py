"""Double bounce: down to the ground, on to a trunk, stem or wall, and straight back, or the other way round.

Flooding turns rough soil into a mirror, so this path brightens, if the canopy lets the wave through and the trunk
reflects it. Where tilt limits the coherent height, 4 N k a h^2 sin(theta) F tends to 4 N a h sqrt(pi/2) / tilt: the bands
differ only through canopy, roughness and reflectivity. Changes are trusted in sign and order, levels are priors.
Sources: harmonization.md 3.5 (derived there); Bohren & Huffman (1983), section 8, for cylinders; Richards (1987),
IEEE TGRS 25(3), and Hess et al. (1990), Int. J. Remote Sens. 11(7), for forests; Ferro et al. (2011), IEEE TGRS 49(9),
for walls.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf, h1vp, hankel1, jv, jve, jvp

from floodfuse.harmonize.radiometry import wavenumber_rad_m
from floodfuse.harmonize.vegetation import two_way_transmissivity

KAPPA = 0.10  # share of diffusely forward-scattered power that the corner still collects; a prior
PATHS = 4.0  # two paths of equal length add in amplitude

Float = NDArray[np.floating]
Polarization = Literal["v", "h"]


class Stand(NamedTuple):
    """Upright trunks or stems, all alike.

    Attributes
    ----------
    density_m2 : how many a square metre
    radius_m : of each
    height_m : over which a trunk reflects coherently
    tilt_sd_deg : standard deviation of its angle to the vertical, in the plane of incidence
    bark_rms_m : rms roughness of its surface
    """

    density_m2: ArrayLike
    radius_m: ArrayLike
    height_m: ArrayLike
    tilt_sd_deg: ArrayLike
    bark_rms_m: ArrayLike = 0.005


class Ground(NamedTuple):
    """What lies at the foot: Fresnel power reflectivity at the incidence angle, and rms height [m]."""

    reflectivity: ArrayLike
    rms_m: ArrayLike


class CylinderWidths(NamedTuple):
    """Widths of an infinite cylinder [m]: back towards the source, taken from the wave, scattered everywhere."""

    backward_m: Float
    extinction_m: Float
    scattering_m: Float


def coherent_share(frequency_ghz: float, rms_m: ArrayLike, cos_local: ArrayLike) -> Float:
    """Share of reflected power that stays in the mirror direction: exp(-4 k^2 s^2 cos^2) (Rayleigh)."""
    phase = (
        wavenumber_rad_m(frequency_ghz) * np.asarray(rms_m, dtype=float) * np.asarray(cos_local, dtype=float)
    )
    return np.asarray(np.exp(-4.0 * phase**2))


def rough_reflection(
    frequency_ghz: float, rms_m: ArrayLike, cos_local: ArrayLike, kappa: float = KAPPA
) -> Float:
    """Share of the mirror's power that a rough surface hands on to the corner: rho + kappa (1 - rho), kappa … 1.

    Parameters
    ----------
    frequency_ghz : of the wave
    rms_m : rms height of the surface
    cos_local : cosine of the angle to the surface normal
    kappa : share of the diffuse power that is still collected, 0 … 1
    """
    rho = coherent_share(frequency_ghz, rms_m, cos_local)
    return np.asarray(rho + kappa * (1.0 - rho))


def tilt_factor(
    frequency_ghz: float, height_m: ArrayLike, incidence_deg: ArrayLike, tilt_sd_deg: ArrayLike
) -> Float:
    """What tilt leaves of the coherent return: mean of sinc^2(k h sin(theta) D) over tilts D ~ N(0, sd^2), 0 … 1.

    F = sqrt(pi) erf(b) / b + (exp(-b^2) - 1) / b^2,   b = sqrt(2) k h sin(theta) sd

    1 for upright trunks; for b >> 1 it falls as 1 / k, which takes the frequency out of h^2 k F.
    """
    slant = np.asarray(height_m, dtype=float) * np.sin(np.deg2rad(np.asarray(incidence_deg, dtype=float)))
    b = np.sqrt(2.0) * wavenumber_rad_m(frequency_ghz) * slant * np.deg2rad(tilt_sd_deg)
    b = np.maximum(b, 1e-6)  # where F is 1 to twelve digits
    return np.asarray(np.sqrt(np.pi) * erf(b) / b + np.expm1(-(b**2)) / b**2)


def _corner(
    frequency_ghz: float, incidence_deg: ArrayLike, stand: Stand, radius_m: ArrayLike, ground: Ground
) -> Float:
    """4 N k a h^2 sin(theta) F G q: upright reflectors of a radius over ground, before losses on the way."""
    theta = np.deg2rad(np.asarray(incidence_deg, dtype=float))
    height = np.asarray(stand.height_m, dtype=float)
    core = PATHS * np.asarray(stand.density_m2, dtype=float) * wavenumber_rad_m(frequency_ghz)
    core = core * np.asarray(radius_m, dtype=float) * height**2 * np.sin(theta)
    tilt = tilt_factor(frequency_ghz, height, incidence_deg, stand.tilt_sd_deg)
    foot = np.asarray(ground.reflectivity, dtype=float)
    return np.asarray(core * tilt * foot * rough_reflection(frequency_ghz, ground.rms_m, np.cos(theta)))


def trunk_ground(
    frequency_ghz: float,
    incidence_deg: ArrayLike,
    stand: Stand,
    trunk_reflectivity: ArrayLike,
    ground: Ground,
    optical_depth: ArrayLike = 0.0,
) -> Float:
    """sigma0 of the double bounce between trunks and ground, linear, for trunks thick against the wavelength.

    4 N k a h^2 sin(theta) F G_ground q(s_ground cos theta) G_trunk q(s_bark sin theta) exp(-2 tau / cos theta)

    Parameters
    ----------
    frequency_ghz : of the wave
    incidence_deg : theta, 0 … 90
    stand : of trunks with k a sin(theta) above about 2; thinner ones are the matter of `stem_ground`
    trunk_reflectivity : Fresnel power reflectivity of wood at 90 deg - theta. HH takes that of H, VV that of V, which
        nearly vanishes close to the Brewster angle
    ground : at theta, of the same polarization
    optical_depth : tau of the crowns at nadir, one way, nepers
    """
    theta = np.deg2rad(np.asarray(incidence_deg, dtype=float))
    corner = _corner(frequency_ghz, incidence_deg, stand, stand.radius_m, ground)
    bark = rough_reflection(frequency_ghz, stand.bark_rms_m, np.sin(theta))
    wood = np.asarray(trunk_reflectivity, dtype=float) * bark
    return np.asarray(corner * wood * two_way_transmissivity(optical_depth, incidence_deg))


def cylinder_widths(
    frequency_ghz: float,
    radius_m: ArrayLike,
    permittivity: ArrayLike,
    incidence_deg: ArrayLike,
    polarization: Polarization,
) -> CylinderWidths:
    """Exact series of an upright dielectric cylinder across its axis, of transverse wavenumber kt = k sin(theta).

    backward 4/kt |sum c_n (-1)^n|^2,   extinction -4/kt Re(sum c_n),   scattering 4/kt sum |c_n|^2
    c_n = -(m J'(y) J(x) - J(y) J'(x)) / (m J'(y) H(x) - J(y) H'(x)) for V (field along the axis), and with m moved to
    the other term for H;   x = kt a,   y = m x,   m = sqrt(permittivity)

    Parameters
    ----------
    frequency_ghz : of the wave
    radius_m : a; above 0
    permittivity : relative, loss as a positive imaginary part
    incidence_deg : theta from the axis of the cylinder, above 0
    polarization : "v" or "h", of the wave

    Tends to pi a times the Fresnel reflectivity at normal incidence once x is above 5. Without loss extinction is
    scattering. Source: Bohren & Huffman (1983), section 8.4, and Wiscombe (1980) for where the series may end.
    """
    sine = np.sin(np.deg2rad(np.asarray(incidence_deg, dtype=float)))
    a, m, kt = np.broadcast_arrays(
        np.asarray(radius_m, dtype=float),
        np.sqrt(np.asarray(permittivity, dtype=complex)),
        wavenumber_rad_m(frequency_ghz) * sine,
    )
    x = kt * a
    last = np.ceil(x + 4.0 * np.cbrt(x) + 6.0)
    order = np.arange(int(last.max()) + 1).reshape(-1, *(1,) * x.ndim)
    c = np.where(order <= last, _coefficients(order, x, m, polarization), 0.0)
    twice = np.where(order == 0, 1.0, 2.0)  # c_-n = c_n
    backward = np.abs((twice * (-1.0) ** order * c).sum(axis=0)) ** 2
    scattering = (twice * np.abs(c) ** 2).sum(axis=0)
    return CylinderWidths(*(4.0 / kt * w for w in (backward, -(twice * c.real).sum(axis=0), scattering)))


def _coefficients(
    order: NDArray[np.integer], x: Float, m: NDArray[np.complexfloating], polarization: Polarization
) -> NDArray[np.complexfloating]:
    """c_n; inside the cylinder J is scaled by exp(-|Im y|), which cancels, so that lossy wood doesn't overflow.

    Orders beyond the end of a cylinder's own series may be NaN: they overflow, and nobody asks for them.
    """
    y = m * x
    j, dj, h, dh = jv(order, x), jvp(order, x), hankel1(order, x), h1vp(order, x)
    inside = jve(order, y)
    d_inside = jve(order - 1, y) - order / y * inside
    p, q = (m * d_inside, inside) if polarization == "v" else (d_inside, m * inside)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        return np.asarray(-(p * j - q * dj) / (p * h - q * dh))


def stem_layer_depth(incidence_deg: ArrayLike, stems: Stand, widths: CylinderWidths) -> Float:
    """Power that stems themselves take from both ways, in nepers: 2 N C_ext h tan(theta)."""
    tangent = np.tan(np.deg2rad(np.asarray(incidence_deg, dtype=float)))
    crossed = np.asarray(stems.density_m2, dtype=float) * np.asarray(stems.height_m, dtype=float)
    return np.asarray(2.0 * crossed * widths.extinction_m * tangent)


def stem_ground(
    frequency_ghz: float,
    incidence_deg: ArrayLike,
    stems: Stand,
    widths: CylinderWidths,
    ground: Ground,
    optical_depth: ArrayLike = 0.0,
) -> Float:
    """sigma0 of the double bounce between thin stems and ground, linear: reeds, rice, other plants that stand in water.

    As `trunk_ground` with the radius and reflectivity of a trunk replaced by backward width / pi, and with the
    extinction of the same cylinders, exp(-2 N C_ext h tan theta).

    Parameters
    ----------
    frequency_ghz, incidence_deg, ground : as in `trunk_ground`
    stems : its bark does not count
    widths : from `cylinder_widths`, of the same frequency, angle and polarization
    optical_depth : tau of leaves at nadir, one way, nepers

    Stems count as independent, so the value is no more than indicative where they stand closer than a wavelength.
    The sign of the change with flooding depends on polarization, thickness and density: herbs have no fixed sign.
    """
    corner = _corner(frequency_ghz, incidence_deg, stems, widths.backward_m / np.pi, ground)
    loss = np.exp(-stem_layer_depth(incidence_deg, stems, widths))
    return np.asarray(corner * loss * two_way_transmissivity(optical_depth, incidence_deg))


def urban_change_db(
    frequency_ghz: float,
    incidence_deg: ArrayLike,
    dry: Ground,
    wet: Ground,
    drowned_share: ArrayLike = 0.0,
    exponent: float = 1.0,
) -> Float:
    """Change [dB] of the double bounce between walls and street when water comes to stand in the street.

    10 log10(G_wet / G_dry) + 10 log10(q_wet / q_dry) + 10 p log10(1 - d / H)

    Parameters
    ----------
    frequency_ghz, incidence_deg : of the wave
    dry, wet : the street before and after, of the same polarization
    drowned_share : d / H, depth of water over height of walls; NaN outside 0 … below 1
    exponent : p

    An upper bound: walls that don't face the sensor show far less of it.
    """
    cosine = np.cos(np.deg2rad(np.asarray(incidence_deg, dtype=float)))
    before, after = (
        np.asarray(g.reflectivity, dtype=float) * rough_reflection(frequency_ghz, g.rms_m, cosine)
        for g in (dry, wet)
    )
    share = np.asarray(drowned_share, dtype=float)
    share = np.where((share >= 0.0) & (share < 1.0), share, np.nan)
    return np.asarray(10.0 * np.log10(after / before) + 10.0 * exponent * np.log10(1.0 - share))


def pixel_change_db(change_db: ArrayLike, affected_share: ArrayLike) -> Float:
    """Change [dB] of a pixel of which only a share of the dry power changes: 10 log10(1 - f + f 10^(change/10)).

    `affected_share` is f, 0 … 1, a share of power and not of area.
    """
    f = np.asarray(affected_share, dtype=float)
    return np.asarray(10.0 * np.log10(1.0 - f + f * 10.0 ** (np.asarray(change_db, dtype=float) / 10.0)))
