"""Double bounce: cylinders, tilt, roughness, the reference stand of trees, reeds and streets (harmonization.md 3.5).

Permittivities are those of reference.py: wood at moisture .5 and stems at .7 (Ulaby & El-Rayes 1987), fresh water at
20 C (double Debye), soil at .25 and .3 (Mironov et al. 2009), asphalt 5 + .3j; at C band, then at L band.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from floodfuse.harmonize import double_bounce as db
from floodfuse.harmonize.radiometry import PALSAR2_GHZ, SENTINEL1_GHZ, from_db, to_db, wavenumber_rad_m
from floodfuse.harmonize.soil import oh_1992
from floodfuse.harmonize.vegetation import b_factor, canopy_volume, two_way_transmissivity

Float = NDArray[np.floating]
reproducible = settings(deadline=None, derandomize=True, max_examples=40)
SIX_DIGITS = 5.1e-6  # what rounding leaves of reference_values.json
C, L = SENTINEL1_GHZ, PALSAR2_GHZ

WATER = {C: 73.13972739517477 + 21.78264242336371j, L: 79.76084460035187 + 5.566482314796936j}
WOOD = {C: 14.156671585536737 + 5.03185317946075j, L: 17.40621960032939 + 7.311099551489845j}
STEM = {C: 24.86599108419152 + 8.771351596978393j, L: 29.349183976743255 + 12.435867341453637j}
SOIL_25 = {C: 12.325548736633774 + 2.690331037354251j, L: 12.975842912948641 + 1.5414775126969138j}
SOIL_30 = {C: 15.540251887825896 + 3.5806977380461515j, L: 16.411344602377515 + 2.0386252491939083j}
ASPHALT = 5.0 + 0.3j


def fresnel(permittivity: complex, incidence_deg: float) -> dict[str, float]:
    """Power reflectivity of a smooth half space by polarization."""
    theta = np.deg2rad(incidence_deg)
    c, r = np.cos(theta), np.sqrt(permittivity - np.sin(theta) ** 2)
    v, h = (permittivity * c - r) / (permittivity * c + r), (c - r) / (c + r)
    return {"v": float(np.abs(v) ** 2), "h": float(np.abs(h) ** 2)}


def soil_sigma0(frequency_ghz: float, theta: float, polarization: str, rms_m: float, eps: complex) -> float:
    g = fresnel(eps, theta)
    nadir = fresnel(eps, 0.0)["v"]
    model = oh_1992(theta, wavenumber_rad_m(frequency_ghz) * rms_m, nadir, g["v"], g["h"])
    return float(model.vv if polarization == "v" else model.hh)


@pytest.mark.parametrize(
    ("ka", "v", "h"),
    [
        (0.05, 0.0445632, 0.000326544),
        (0.3, 2.60703, 0.0539145),
        (1, 0.585055, 0.350324),
        (5, 0.418553, 0.390164),
        (20, 0.415008, 0.41482),
    ],
)
def test_backward_width_tends_to_fresnel_at_normal_incidence(ka: float, v: float, h: float) -> None:
    """reference_values.json db/cyl_limit_check: width / (pi a) of 20 + 6j at 89.9 deg; Fresnel is 0.415176."""
    sine = np.sin(np.deg2rad(89.9))
    radius = ka / (wavenumber_rad_m(L) * sine)
    normal = fresnel(20 + 6j, 0.0)["v"]
    assert normal == pytest.approx(0.415176, rel=SIX_DIGITS)
    for polarization, expected in (("v", v), ("h", h)):
        widths = db.cylinder_widths(L, radius, 20 + 6j, 89.9, "v" if polarization == "v" else "h")
        ratio = float(widths.backward_m) / (np.pi * ka / wavenumber_rad_m(L))
        assert ratio == pytest.approx(expected, rel=SIX_DIGITS)
        if ka >= 20:
            assert ratio == pytest.approx(normal, rel=2e-3)


@pytest.mark.parametrize("polarization", ["v", "h"])
@pytest.mark.parametrize(("frequency_ghz", "radius_m"), [(C, 0.003), (L, 0.003), (C, 0.05), (C, 0.6)])
def test_extinction_is_scattering_without_loss_and_more_with_it(
    polarization: db.Polarization, frequency_ghz: float, radius_m: float
) -> None:
    """Property 10; reference_values.json db/cyl_energy_conservation_lossless: 1."""
    lossless = db.cylinder_widths(frequency_ghz, radius_m, 25.0, 38.0, polarization)
    assert lossless.extinction_m == pytest.approx(float(lossless.scattering_m), rel=1e-9)
    lossy = db.cylinder_widths(frequency_ghz, radius_m, STEM[frequency_ghz], 38.0, polarization)
    assert lossy.extinction_m > 1.01 * lossy.scattering_m > 0.0


@pytest.mark.parametrize(("frequency_ghz", "v_mm", "h_mm"), [(C, 40.7453, 0.366114), (L, 7.78766, 0.024628)])
def test_extinction_of_a_stem_of_3_millimetres(frequency_ghz: float, v_mm: float, h_mm: float) -> None:
    """reference_values.json db/cyl_ext_mm_3mm_stem(mg.7)."""
    v = db.cylinder_widths(frequency_ghz, 0.003, STEM[frequency_ghz], 38.0, "v")
    h = db.cylinder_widths(frequency_ghz, 0.003, STEM[frequency_ghz], 38.0, "h")
    assert 1e3 * v.extinction_m == pytest.approx(v_mm, rel=SIX_DIGITS)
    assert 1e3 * h.extinction_m == pytest.approx(h_mm, rel=SIX_DIGITS)


def test_cylinders_of_all_sizes_in_one_array_are_those_computed_one_by_one() -> None:
    """Each keeps its own number of orders: the longest series of the array overflows for thin ones, unseen."""
    radius = np.array([1e-5, 0.003, 0.05, 0.5])[:, None]
    eps = np.array([25.0, STEM[C], 5 + 40j])
    together = db.cylinder_widths(C, radius, eps, 38.0, "v")
    assert together.backward_m.shape == (4, 3)
    for i in range(4):
        for j in range(3):
            alone = db.cylinder_widths(C, radius[i, 0], eps[j], 38.0, "v")
            np.testing.assert_allclose([w[i, j] for w in together], [float(w) for w in alone], rtol=1e-12)


def test_a_cylinder_thin_against_the_wave_is_a_dipole() -> None:
    """For x << 1, V: c_0 = i pi x^2 (e - 1) / 4 alone, so the backward width is pi^2 x^4 |e - 1|^2 / (4 k)."""
    k = wavenumber_rad_m(L)
    x, eps = 1e-4, 5 + 1j
    widths = db.cylinder_widths(L, x / k, eps, 90.0, "v")
    assert widths.backward_m == pytest.approx(np.pi**2 * x**4 * abs(eps - 1) ** 2 / (4 * k), rel=1e-5)
    assert widths.extinction_m == pytest.approx(np.pi * x**2 * eps.imag / k, rel=1e-5)


def test_tilt_of_the_reference_stand() -> None:
    """Property 12: F_C / F_L is k_L / k_C within 5 %, so h^2 k F does not know the band."""
    el, c = (float(db.tilt_factor(f, 8.0, 38.0, 5.0)) for f in (L, C))
    assert el == pytest.approx(0.106744, rel=SIX_DIGITS)
    assert c == pytest.approx(0.0255301, rel=SIX_DIGITS)
    assert c / el == pytest.approx(0.239172, rel=SIX_DIGITS)
    ratio = wavenumber_rad_m(L) / wavenumber_rad_m(C)
    assert ratio == pytest.approx(0.232655, rel=SIX_DIGITS)
    assert c / el == pytest.approx(ratio, rel=0.05)


def test_tall_trunks_reach_the_limit_without_frequency() -> None:
    """k h sin(theta) F tends to sqrt(pi / 2) / tilt: sigma0 to 4 N a h sqrt(pi / 2) / tilt."""
    for f in (L, C):
        stand = db.Stand(0.06, 0.12, 2000.0, 5.0, 0.0)
        sigma0 = db.trunk_ground(f, 38.0, stand, 1.0, db.Ground(1.0, 0.0))
        limit = 4 * 0.06 * 0.12 * 2000.0 * np.sqrt(np.pi / 2) / np.deg2rad(5.0)
        assert sigma0 == pytest.approx(limit, rel=5e-3)


def test_upright_trunks_lose_nothing() -> None:
    assert db.tilt_factor(L, 1e-6, 38.0, 6e-5) == pytest.approx(1.0, abs=1e-12)
    assert db.tilt_factor(L, 8.0, 38.0, 0.0) == pytest.approx(1.0, abs=1e-11)


@pytest.mark.parametrize(("frequency_ghz", "tilt_sd_deg"), [(L, 1.0), (L, 5.0), (C, 3.0)])
def test_tilt_factor_is_the_mean_over_tilts(frequency_ghz: float, tilt_sd_deg: float) -> None:
    """Monte Carlo of sinc^2(k h sin(theta) D), within four standard errors."""
    tilt = np.deg2rad(tilt_sd_deg) * np.random.default_rng(3).standard_normal(200_000)
    k_h = wavenumber_rad_m(frequency_ghz) * 8.0 * np.sin(np.deg2rad(38.0))
    drawn = np.sinc(k_h * tilt / np.pi) ** 2
    expected = float(db.tilt_factor(frequency_ghz, 8.0, 38.0, tilt_sd_deg))
    assert drawn.mean() == pytest.approx(expected, abs=4 * drawn.std() / np.sqrt(drawn.size))


@pytest.mark.parametrize(
    ("rms_cm", "c_db", "l_db"),
    [
        (0.1, -0.138426, -0.00749278),
        (0.2, -0.553705, -0.0299711),
        (0.5, -3.46066, -0.187319),
        (1.0, -13.8426, -0.749278),
        (2.0, -55.3705, -2.99711),
        (3.0, -124.584, -6.7435),
    ],
)
def test_coherent_loss_at_38_degrees(rms_cm: float, c_db: float, l_db: float) -> None:
    """reference_values.json db/coh_rough_db_38."""
    cosine = np.cos(np.deg2rad(38.0))
    for f, expected in ((C, c_db), (L, l_db)):
        assert to_db(db.coherent_share(f, rms_cm / 100, cosine)) == pytest.approx(expected, rel=SIX_DIGITS)


@reproducible
@given(frequency_ghz=st.sampled_from((C, L)), rms_m=st.floats(0.0, 0.2), cosine=st.floats(0.0, 1.0))
def test_rough_reflection_keeps_between_its_floor_and_all(
    frequency_ghz: float, rms_m: float, cosine: float
) -> None:
    """Property 10: q lies in [kappa, 1]."""
    q = db.rough_reflection(frequency_ghz, rms_m, cosine)
    assert db.KAPPA <= q <= 1.0
    assert db.rough_reflection(frequency_ghz, 0.0, cosine) == 1.0
    assert db.rough_reflection(frequency_ghz, rms_m, cosine, 0.0) == db.coherent_share(
        frequency_ghz, rms_m, cosine
    )


class Change(NamedTuple):
    """Of a stand of trees: gamma0 dry and flooded, their difference, double bounce dry and flooded, volume; all dB."""

    dry: float
    flooded: float
    delta: float
    bounce_dry: float
    bounce_flooded: float
    volume: float


STAND = db.Stand(0.06, 0.12, 8.0, 5.0, 0.005)  # 600 stems/ha
CROWNS = {"C_VV": (C, 1.8, 0.178), "C_HH": (C, 1.8, 0.178), "L_HH": (L, 0.6, 0.22), "L_VV": (L, 0.75, 0.20)}


def flooding(channel: str, theta: float, extra_tau: float = 0.0, flooded_rms_m: float = 0.003) -> Change:
    """The reference stand of 3.5: ground of 3 cm rms height dry and .3 cm flooded, soil of 2 cm and moisture .25."""
    f, tau, volume = CROWNS[channel]
    tau, p = tau + extra_tau, "v" if channel.endswith("V") else "h"
    wood = fresnel(WOOD[f], 90.0 - theta)[p]
    crowns = canopy_volume(theta, tau, volume)
    soil = soil_sigma0(f, theta, p, 0.02, SOIL_25[f]) * two_way_transmissivity(tau, theta)
    grounds = (
        db.Ground(fresnel(SOIL_25[f], theta)[p], 0.03),
        db.Ground(fresnel(WATER[f], theta)[p], flooded_rms_m),
    )
    bounce = [db.trunk_ground(f, theta, STAND, wood, ground, tau) for ground in grounds]
    dry, flooded = crowns + soil + bounce[0], crowns + bounce[1]
    cosine = np.cos(np.deg2rad(theta))
    return Change(
        *(float(to_db(x)) for x in (dry / cosine, flooded / cosine, flooded / dry, *bounce, crowns))
    )


@pytest.mark.parametrize(
    ("channel", "theta", "expected"),
    [  # reference_values.json db/flooded_forest
        ("C_VV", 25.0, Change(-7.41366, -7.5361, -0.122443, -39.9699, -28.102, -8.00561)),
        ("C_VV", 38.0, Change(-7.46943, -7.48662, -0.0171869, -40.2932, -27.5649, -8.57577)),
        ("C_VV", 45.0, Change(-7.48763, -7.48337, 0.00426278, -42.8656, -29.4501, -9.02775)),
        ("C_HH", 25.0, Change(-7.3948, -7.17776, 0.217042, -29.4447, -18.1544, -8.00561)),
        ("C_HH", 38.0, Change(-7.46342, -7.34722, 0.116197, -33.2715, -21.9813, -8.57577)),
        ("C_HH", 45.0, Change(-7.48421, -7.4104, 0.0738076, -36.1114, -24.8496, -9.02775)),
        ("L_HH", 25.0, Change(-6.49064, -2.48096, 4.00967, -13.6626, -4.37049, -8.34638)),
        ("L_HH", 38.0, Change(-6.22384, -2.91684, 3.307, -13.4038, -5.73451, -8.67892)),
        ("L_HH", 45.0, Change(-5.98108, -3.16733, 2.81375, -13.2363, -6.69713, -8.95988)),
        ("L_VV", 25.0, Change(-7.41242, -6.95665, 0.45577, -24.2964, -14.4346, -8.33788)),
        ("L_VV", 38.0, Change(-7.22567, -6.13916, 1.0865, -21.4846, -12.397, -8.7253)),
        ("L_VV", 45.0, Change(-7.13745, -5.99966, 1.1378, -21.4072, -12.7439, -9.0494)),
    ],
)
def test_flooding_of_the_reference_stand(channel: str, theta: float, expected: Change) -> None:
    """3.5 and property 11."""
    np.testing.assert_allclose(flooding(channel, theta), expected, rtol=SIX_DIGITS)


def test_l_band_sees_the_flood_and_c_band_does_not() -> None:
    """Property 11: 10 dB > L-HH > L-VV > about C-VV > about nothing."""
    for theta in (25.0, 38.0, 45.0):
        hh, vv, c = (flooding(channel, theta).delta for channel in ("L_HH", "L_VV", "C_VV"))
        assert 10.0 > hh > vv > c
        assert abs(c) < 0.2


def test_flooding_shows_less_under_more_crowns_at_larger_angles_and_on_rough_water() -> None:
    """Property 11."""
    crowns = [flooding("L_HH", 38.0, extra_tau=t).delta for t in (0.0, 0.2, 0.5, 1.0, 2.0)]
    angles = [flooding("L_HH", t).delta for t in (25.0, 30.0, 38.0, 45.0)]
    waves = [flooding("L_HH", 38.0, flooded_rms_m=s).delta for s in (0.001, 0.003, 0.01, 0.03)]
    for falling in (crowns, angles, waves):
        assert (np.diff(falling) < 0).all()
    assert 0.0 <= crowns[-1] < 0.2


def test_a_stand_may_be_an_array_of_stands() -> None:
    many = db.Stand(np.array([0.03, 0.06]), 0.12, np.array([[5.0], [8.0], [11.0]]), 5.0)
    sigma0 = db.trunk_ground(L, 38.0, many, 0.5, db.Ground(0.7, 0.003), np.array([0.3, 0.6]))
    assert sigma0.shape == (3, 2)
    assert sigma0[1, 1] == pytest.approx(
        float(db.trunk_ground(L, 38.0, STAND, 0.5, db.Ground(0.7, 0.003), 0.6)), rel=1e-12
    )


# Open water beside the stems, sigma0 [dB] at 38 deg: TU Wien's line and the compact L band functions at 3 m/s
# (reference_values.json water/tuw_db, LHH_compact_coef, LVV_compact_coef); C-HH by Thompson's ratio.
def compact_water_db(coefficients: tuple[float, ...]) -> float:
    x, wind = 0.3, np.log10(3.0)
    terms = (1.0, x, x**2, x**3, wind, x * wind, x**2 * wind, wind**2)
    return float(np.dot(coefficients, terms))


TANGENT2 = np.tan(np.deg2rad(38.0)) ** 2
THOMPSON_DB = 20 * np.log10((1 + 2 * TANGENT2) / (1 + 0.6 * TANGENT2))
TUW_DB = -0.394181 * 38.0 - 4.142015
OPEN_WATER_DB = {
    "C_VV": TUW_DB,
    "C_HH": TUW_DB - THOMPSON_DB,
    "L_HH": compact_water_db((-26.0019, -6.0384, 0.4725, -0.308, 7.742, -1.0672, 0.7596, 1.2636)),
    "L_VV": compact_water_db((-20.7435, -3.2802, 0.7814, -0.3438, 5.8836, -1.2452, 0.7381, 1.148)),
}


@pytest.mark.parametrize(
    ("channel", "volume", "dry", "flooded", "delta", "stems_db", "loss_db"),
    [  # reference_values.json db/flooded_herb_stems3mm_100m2_60cm
        ("C_VV", 0.10, -7.26077, -8.70052, -1.43975, -11.6071, 16.5902),
        ("C_HH", 0.09, -8.2032, -11.4029, -3.19967, -15.5998, 0.149071),
        ("L_HH", 0.03, -17.4302, -20.7238, -3.29365, -32.3398, 0.0100278),
        ("L_VV", 0.03, -14.3464, -9.54913, 4.79725, -11.3666, 3.1709),
    ],
)
def test_flooded_herbs_have_no_fixed_sign(
    channel: str, volume: float, dry: float, flooded: float, delta: float, stems_db: float, loss_db: float
) -> None:
    """3.5: 100 stems of 3 mm and 60 cm a square metre, 38 deg."""
    f = C if channel.startswith("C") else L
    polarization: db.Polarization = "v" if channel.endswith("V") else "h"
    tau, cosine = b_factor(f) * 0.4, np.cos(np.deg2rad(38.0))
    stems = db.Stand(100.0, 0.003, 0.6, 15.0)
    widths = db.cylinder_widths(f, 0.003, STEM[f], 38.0, polarization)
    water = db.Ground(fresnel(WATER[f], 38.0)[polarization], 0.002)
    bounce = db.stem_ground(f, 38.0, stems, widths, water, tau)
    leaves, through = canopy_volume(38.0, tau, volume), two_way_transmissivity(tau, 38.0)
    soil = leaves + soil_sigma0(f, 38.0, polarization, 0.012, SOIL_30[f]) * through
    wet = leaves + bounce + from_db(OPEN_WATER_DB[channel]) * through
    loss = 10 / np.log(10) * db.stem_layer_depth(38.0, stems, widths)
    values = [*(float(to_db(x)) for x in (soil / cosine, wet / cosine, wet / soil, bounce)), float(loss)]
    np.testing.assert_allclose(values, [dry, flooded, delta, stems_db, loss_db], rtol=SIX_DIGITS)


def test_thick_stems_are_trunks() -> None:
    """Trunk and stem agree once k a is large, at the angle of normal incidence on the bark, without losses."""
    stand = db.Stand(0.06, 0.8, 8.0, 5.0, 0.0)
    theta, ground = 89.0, db.Ground(0.7, 0.0)
    exact = db.cylinder_widths(L, 0.8, WOOD[L], theta, "h")._replace(extinction_m=np.array(0.0))
    stems = db.stem_ground(L, theta, stand, exact, ground)
    trunks = db.trunk_ground(L, theta, stand, fresnel(WOOD[L], 1.0)["h"], ground)
    assert to_db(stems) == pytest.approx(float(to_db(trunks)), abs=0.05)


@pytest.mark.parametrize(
    ("frequency_ghz", "polarization", "expected_db"),
    [  # reference_values.json db/urban_delta_db at 30, 38, 45 deg
        (C, "v", (14.2544, 14.2454, 14.4421)),
        (C, "h", (12.5125, 11.2476, 9.83162)),
        (L, "v", (7.83644, 8.54092, 9.5818)),
        (L, "h", (6.08698, 5.53059, 4.95301)),
    ],
)
def test_water_in_a_street(frequency_ghz: float, polarization: str, expected_db: tuple[float, ...]) -> None:
    for theta, expected in zip((30.0, 38.0, 45.0), expected_db, strict=True):
        dry = db.Ground(fresnel(ASPHALT, theta)[polarization], 0.008)
        wet = db.Ground(fresnel(WATER[frequency_ghz], theta)[polarization], 0.002)
        change = db.urban_change_db(frequency_ghz, theta, dry, wet)
        assert change == pytest.approx(expected, rel=SIX_DIGITS)
        half = db.urban_change_db(frequency_ghz, theta, dry, wet, drowned_share=0.5)
        assert half - change == pytest.approx(10 * np.log10(0.5), rel=1e-9)
        assert np.isnan(db.urban_change_db(frequency_ghz, theta, dry, wet, np.array([1.0, -0.1]))).all()


@pytest.mark.parametrize(
    ("change_db", "expected_db"),
    [(6.0, (1.13311, 2.77454, 4.45393)), (9.0, (2.28998, 4.88971, 7.13152))],
)
def test_a_pixel_holds_more_than_the_corner(change_db: float, expected_db: tuple[float, ...]) -> None:
    """reference_values.json db/urban_pixel_delta_db for shares of .1, .3, .6."""
    change = db.pixel_change_db(change_db, np.array([0.1, 0.3, 0.6]))
    np.testing.assert_allclose(change, expected_db, rtol=SIX_DIGITS)
    np.testing.assert_allclose(db.pixel_change_db(change_db, [0.0, 1.0]), [0.0, change_db], atol=1e-12)
