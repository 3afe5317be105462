"""Backscatter of bare soil: reference values, the ranges of the models, and no knowledge of the band.

Permittivities are those of Mironov et al. (2009) for 20 % clay, as printed by reference.py with ten digits.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from floodfuse.harmonize import soil
from floodfuse.harmonize.radiometry import PALSAR2_GHZ, SENTINEL1_GHZ, to_db, wavelength_m, wavenumber_rad_m

Float = NDArray[np.floating]
reproducible = settings(deadline=None, derandomize=True, max_examples=60)
SIX_DIGITS = 5.1e-6  # what rounding leaves of reference_values.json

C_SOIL = {
    0.05: 3.483400981 + 0.3761570266j,
    0.1: 4.908226213 + 0.7556022382j,
    0.2: 9.481976740 + 1.922692887j,
    0.3: 15.54025189 + 3.580697738j,
    0.4: 23.08305165 + 5.729616791j,
}
L_SOIL = {
    0.05: 3.557555241 + 0.2487064491j,
    0.1: 5.086117210 + 0.4558175454j,
    0.2: 9.943137784 + 1.111960317j,
    0.3: 16.41134460 + 2.038625249j,
    0.4: 24.49073767 + 3.235812343j,
}
SOIL = {SENTINEL1_GHZ: C_SOIL, PALSAR2_GHZ: L_SOIL}


def fresnel(permittivity: complex, incidence_deg: ArrayLike) -> tuple[Float, Float]:
    """Power reflectivity of a smooth half space, V and H."""
    theta = np.deg2rad(np.asarray(incidence_deg, dtype=float))
    c, r = np.cos(theta), np.sqrt(permittivity - np.sin(theta) ** 2)
    v, h = (permittivity * c - r) / (permittivity * c + r), (c - r) / (c + r)
    return np.abs(v) ** 2, np.abs(h) ** 2


def oh_1992(
    incidence_deg: ArrayLike, ks: ArrayLike, permittivity: complex, extrapolate: bool = False
) -> soil.SoilSigma0:
    nadir = fresnel(permittivity, 0.0)[0]
    return soil.oh_1992(incidence_deg, ks, nadir, *fresnel(permittivity, incidence_deg), extrapolate)


def dubois_1995_db(
    incidence_deg: float, ks: float, permittivity: float, wavelength_cm: float
) -> tuple[float, float]:
    """Dubois et al. (1995), VV and HH: here as the proof why it must not carry a soil from band to band."""
    theta = np.deg2rad(incidence_deg)
    c, s, t = np.cos(theta), np.sin(theta), np.tan(theta)
    hh = 10 ** (-2.75 + 0.028 * permittivity * t) * c**1.5 / s**5 * (ks * s) ** 1.4 * wavelength_cm**0.7
    vv = 10 ** (-2.35 + 0.046 * permittivity * t) * c**3 / s**3 * (ks * s) ** 1.1 * wavelength_cm**0.7
    return float(to_db(vv)), float(to_db(hh))


@pytest.mark.parametrize(
    ("frequency_ghz", "moisture", "oh_1992_db", "oh_2004_db"),
    [  # reference_values.json soil/s1.2cm_38deg: VV, HH, HV
        (SENTINEL1_GHZ, 0.05, (-13.363, -13.4646, -26.1953), (-13.3906, -13.6835, -24.6698)),
        (SENTINEL1_GHZ, 0.1, (-11.389, -11.7072, -23.2358), (-11.2834, -11.9408, -22.5626)),
        (SENTINEL1_GHZ, 0.2, (-8.66388, -9.45595, -19.2117), (-9.17618, -10.3059, -20.4554)),
        (SENTINEL1_GHZ, 0.3, (-7.22021, -8.29254, -17.0975), (-7.94355, -9.3671, -19.2227)),
        (SENTINEL1_GHZ, 0.4, (-6.32268, -7.56514, -15.7862), (-7.06897, -8.69803, -18.3481)),
        (PALSAR2_GHZ, 0.05, (-22.5211, -22.833, -39.6854), (-20.2647, -20.7774, -35.0044)),
        (PALSAR2_GHZ, 0.1, (-20.3076, -21.2911, -36.4804), (-18.1575, -19.3484, -32.8972)),
        (PALSAR2_GHZ, 0.2, (-17.0761, -19.5989, -31.9646), (-16.0503, -18.2046, -30.79)),
        (PALSAR2_GHZ, 0.3, (-15.2897, -18.8097, -29.5163), (-14.8177, -17.6342, -29.5573)),
        (PALSAR2_GHZ, 0.4, (-14.1643, -18.3308, -27.9827), (-13.9431, -17.2596, -28.6828)),
    ],
)
def test_both_models_at_38_degrees_and_1_2_centimetres(
    frequency_ghz: float,
    moisture: float,
    oh_1992_db: tuple[float, ...],
    oh_2004_db: tuple[float, ...],
) -> None:
    """3.3 and property 7; Oh 2004 knows no moisture above 0.291 unless it is asked to."""
    ks = wavenumber_rad_m(frequency_ghz) * 0.012
    np.testing.assert_allclose(
        to_db(oh_1992(38.0, ks, SOIL[frequency_ghz][moisture])), oh_1992_db, rtol=SIX_DIGITS
    )
    extended = soil.oh_2004(38.0, ks, moisture, extrapolate=True)
    np.testing.assert_allclose(to_db(extended), oh_2004_db, rtol=SIX_DIGITS)
    assert np.isnan(soil.oh_2004(38.0, ks, moisture)).all() == (moisture > 0.291)


@pytest.mark.parametrize(
    ("rms_m", "offset_db"),
    [(0.008, (11.06, 12.35, 13.18)), (0.012, (9.9, 10.94, 11.59)), (0.020, (7.41, 8.13, 8.57))],
)
def test_one_soil_has_no_constant_offset_between_the_bands(
    rms_m: float, offset_db: tuple[float, ...]
) -> None:
    """3.3: C-VV minus L-HH at moisture .1, .2, .3 (reference_values.json bridge, rounded to .01, off a .001 grid)."""
    for moisture, expected in zip((0.1, 0.2, 0.3), offset_db, strict=True):
        c = oh_1992(38.0, wavenumber_rad_m(SENTINEL1_GHZ) * rms_m, C_SOIL[moisture]).vv
        el = oh_1992(38.0, wavenumber_rad_m(PALSAR2_GHZ) * rms_m, L_SOIL[moisture]).hh
        assert float(to_db(c) - to_db(el)) == pytest.approx(expected, abs=0.0055)


@pytest.mark.parametrize(
    ("frequency_ghz", "moisture", "polarization", "slope", "largest_residual_db", "largest_departure_db"),
    [  # reference_values.json angle/model_sigma0_slopes_30_46
        (SENTINEL1_GHZ, 0.1, "vv", -0.152002, 0.0918959, 0.145978),
        (SENTINEL1_GHZ, 0.3, "vv", -0.165898, 0.135065, 0.212751),
        (PALSAR2_GHZ, 0.1, "hh", -0.193199, 0.125421, 0.198908),
        (PALSAR2_GHZ, 0.3, "hh", -0.231867, 0.146091, 0.230104),
    ],
)
def test_soil_is_nearly_a_line_in_incidence(
    frequency_ghz: float,
    moisture: float,
    polarization: str,
    slope: float,
    largest_residual_db: float,
    largest_departure_db: float,
) -> None:
    """Property 4: less than .25 dB is left after the slope of the class is taken out."""
    theta = np.arange(30.0, 46.1)
    model = oh_1992(theta, wavenumber_rad_m(frequency_ghz) * 0.012, SOIL[frequency_ghz][moisture])
    y = to_db(getattr(model, polarization))
    fitted, middle = np.polyfit(theta - 38.0, y, 1)
    assert fitted == pytest.approx(slope, rel=1e-5)
    assert np.abs(y - middle - fitted * (theta - 38.0)).max() == pytest.approx(largest_residual_db, rel=1e-5)
    departure = np.abs(y - fitted * (theta - 38.0) - y[theta == 38.0]).max()
    assert departure == pytest.approx(largest_departure_db, rel=1e-5)
    assert departure < 0.25


def test_small_perturbations_at_30_degrees() -> None:
    """3.3: -10.64 and -13.55 dB at ks .3, kl 2.1, permittivity 9 + 2.5j; IEM gives -11.21 and -14.10."""
    sigma0 = soil.spm_exponential(30.0, 0.3, 2.1, 9 + 2.5j)
    assert to_db(sigma0.vv) == pytest.approx(-10.640053634794342, rel=1e-12)
    assert to_db(sigma0.hh) == pytest.approx(-13.548625893402937, rel=1e-12)
    assert sigma0.hv == 0.0


def test_bragg_amplitudes_of_a_conductor() -> None:
    """Their squared ratio tends to (1 + sin^2)^2 / cos^4, that of Bragg scattering from a perfect conductor."""
    theta = np.deg2rad([20.0, 38.0, 50.0])
    vv, hh = soil.bragg_amplitudes(1e12j, np.cos(theta))
    expected = (1 + np.sin(theta) ** 2) ** 2 / np.cos(theta) ** 4
    np.testing.assert_allclose(np.abs(vv / hh) ** 2, expected, rtol=1e-5)


def test_bragg_amplitudes_at_nadir_have_no_polarization() -> None:
    vv, hh = soil.bragg_amplitudes(9 + 2.5j, 1.0)
    assert vv == pytest.approx(hh, rel=1e-14)


@pytest.mark.parametrize("rms_m", [0.004, 0.008, 0.012, 0.02])
def test_the_same_roughness_in_wavelengths_is_the_same_soil(rms_m: float) -> None:
    """Property 8: sigma0 of the same ks, kl and permittivity does not change from C band to L band."""
    k_c, k_l = wavenumber_rad_m(SENTINEL1_GHZ), wavenumber_rad_m(PALSAR2_GHZ)
    stretched = rms_m * k_c / k_l
    at_c, at_l = (oh_1992(40.0, ks, 10 + 1j) for ks in (k_c * rms_m, k_l * stretched))
    np.testing.assert_allclose(at_c, at_l, rtol=1e-9)
    at_c, at_l = (soil.oh_2004(40.0, ks, 0.2) for ks in (k_c * rms_m, k_l * stretched))
    np.testing.assert_allclose(at_c, at_l, rtol=1e-9)
    at_c, at_l = (
        soil.spm_exponential(40.0, ks, 5 * ks, 10 + 1j, True) for ks in (k_c * rms_m, k_l * stretched)
    )
    np.testing.assert_allclose(at_c, at_l, rtol=1e-9)


def test_dubois_breaks_scale_invariance_by_4_4_decibels() -> None:
    """Property 8: at the same ks, 40 deg, permittivity 10. Oh 1992 gives -14.2284 dB for both."""
    c, el = (dubois_1995_db(40.0, 0.5, 10.0, 100 * wavelength_m(f)) for f in (SENTINEL1_GHZ, PALSAR2_GHZ))
    assert c[0] - el[0] == pytest.approx(-4.43301, rel=SIX_DIGITS)
    assert c[1] - el[1] == pytest.approx(-4.43301, rel=SIX_DIGITS)
    assert to_db(oh_1992(40.0, 0.5, 10 + 1j).vv) == pytest.approx(-14.2284, rel=SIX_DIGITS)


@pytest.mark.parametrize("incidence_deg", [10.0, 25.0, 38.0, 50.0, 60.0])
def test_soil_brightens_with_moisture_and_roughness(incidence_deg: float) -> None:
    """Property 9, for ks up to 2.6: above it VV of Oh 1992 turns back by less than .15 dB."""
    for band in SOIL.values():
        for ks in (0.1, 0.3, 1.0, 2.6):
            wetter = np.array([oh_1992(incidence_deg, ks, e) for e in band.values()])
            assert (np.diff(wetter, axis=0) > 0).all()
        for e in band.values():
            rougher = np.array(oh_1992(incidence_deg, np.linspace(0.1, 2.6, 80), e))
            assert (np.diff(rougher) > 0).all()
            vv = to_db(oh_1992(incidence_deg, np.linspace(0.1, 6.0, 300), e).vv)
            assert vv.max() - vv[-1] < 0.15
    roughness, moisture = np.linspace(0.13, 5.0, 60)[:, None], np.linspace(0.04, 0.29, 40)
    for power in soil.oh_2004(incidence_deg, roughness, moisture):
        assert (np.diff(power, axis=0) > 0).all()
        assert (np.diff(power, axis=1) > 0).all()


@reproducible
@given(
    incidence_deg=st.floats(10.0, 70.0), ks=st.floats(0.13, 6.0), moisture=st.sampled_from((0.05, 0.1, 0.2))
)
def test_co_polarization_outshines_cross_polarization(
    incidence_deg: float, ks: float, moisture: float
) -> None:
    for sigma0 in (oh_1992(incidence_deg, ks, C_SOIL[moisture]), soil.oh_2004(incidence_deg, ks, moisture)):
        assert sigma0.vv >= sigma0.hh > sigma0.hv > 0.0


@pytest.mark.parametrize(("incidence_deg", "ks"), [(9.9, 1.0), (70.1, 1.0), (38.0, 0.09), (38.0, 7.0)])
def test_outside_their_ranges_models_say_nothing(incidence_deg: float, ks: float) -> None:
    assert np.isnan(oh_1992(incidence_deg, ks, C_SOIL[0.2])).all()
    assert np.isnan(soil.oh_2004(incidence_deg, ks, 0.2)).all()
    assert np.isfinite(oh_1992(incidence_deg, ks, C_SOIL[0.2], extrapolate=True)).all()
    assert np.isfinite(soil.oh_2004(incidence_deg, ks, 0.2, extrapolate=True)).all()
    assert np.isnan(soil.oh_1992(np.nan, 1.0, 0.3, 0.2, 0.4)).all()


def test_small_perturbations_are_small() -> None:
    inside = soil.spm_exponential(38.0, [0.1, 0.2], [1.0, 2.0], 9 + 2.5j)
    assert np.isfinite(inside).all()
    outside = soil.spm_exponential(38.0, [0.31, 0.2], [1.0, 3.1], 9 + 2.5j)
    assert np.isnan(outside.vv).all() and np.isnan(outside.hh).all()
    assert np.isfinite(soil.spm_exponential(38.0, 0.5, 4.0, 9 + 2.5j, extrapolate=True)).all()


def test_roughness_and_angle_may_be_arrays_of_any_shapes() -> None:
    sigma0 = oh_1992(np.linspace(20, 45, 3)[:, None], np.array([0.05, 0.3, 1.0, 2.0]), C_SOIL[0.2])
    assert sigma0.vv.shape == (3, 4)
    assert np.isnan(sigma0.hv[:, 0]).all() and np.isfinite(sigma0.hv[:, 1:]).all()
