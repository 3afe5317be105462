"""From stored numbers to linear power: constants, round trips, and refusals (harmonization.md 1)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodfuse.harmonize import radiometry as rm

reproducible = settings(deadline=None, derandomize=True, max_examples=60)


@pytest.mark.parametrize(
    ("frequency_ghz", "wavelength_m", "wavenumber_rad_m"),
    [
        (rm.SENTINEL1_GHZ, 0.0554658, 113.280),  # 1.5, constants
        (rm.PALSAR2_GHZ, 0.238404, 26.3553),
        (1.2365, 0.242452, 25.9151),
        (1.2785, 0.234488, 26.7954),
    ],
)
def test_wavelength_and_wavenumber(
    frequency_ghz: float, wavelength_m: float, wavenumber_rad_m: float
) -> None:
    assert rm.wavelength_m(frequency_ghz) == pytest.approx(wavelength_m, rel=1e-5)
    assert rm.wavenumber_rad_m(frequency_ghz) == pytest.approx(wavenumber_rad_m, rel=1e-5)


@pytest.mark.parametrize(
    ("dn", "gamma0_db"),
    [(1, -83.0), (100, -43.0), (1000, -23.0), (5000, -9.0206), (14125, -0.00023087), (20000, 3.0206)],
)
def test_palsar2_digital_numbers_in_decibels(dn: int, gamma0_db: float) -> None:
    """1.4: gamma0 = 10 log10(DN^2) - 83.0; unsigned 16-bit squares must not wrap around."""
    assert rm.to_db(rm.palsar2_power(np.uint16(dn))) == pytest.approx(gamma0_db, abs=1e-6)


def test_palsar2_early_scansar_orders_are_four_decibels_brighter() -> None:
    early, later = rm.palsar2_power(5000, -79.0), rm.palsar2_power(5000)
    assert rm.to_db(early) - rm.to_db(later) == pytest.approx(4.0, abs=1e-9)


def test_palsar2_single_look_complex() -> None:
    """1.4: I = Q = 100 is -71.9897 dB, and L1.1 amplitudes scaled by 10^1.6 equal L2.1."""
    assert rm.to_db(rm.palsar2_slc_power(100, 100)) == pytest.approx(-71.9897, abs=1e-6)
    i, q = 300.0, -400.0
    scaled = rm.palsar2_slc_power(i * 10**1.6, q * 10**1.6)
    assert scaled == pytest.approx(rm.palsar2_power(500.0), rel=1e-12)


@reproducible
@given(dn=st.floats(1.0, 65535.0), calibration_db=st.floats(-90.0, -70.0))
def test_palsar2_round_trip(dn: float, calibration_db: float) -> None:
    power = rm.palsar2_power(dn, calibration_db)
    assert rm.palsar2_dn(power, calibration_db) == pytest.approx(dn, rel=1e-6)


@reproducible
@given(db=st.floats(-60.0, 30.0))
def test_decibel_round_trip(db: float) -> None:
    assert rm.to_db(rm.from_db(db)) == pytest.approx(db, abs=1e-6)


def test_power_without_decibels_becomes_nan_and_nothing_else_does() -> None:
    db = rm.to_db(np.array([-0.01, 0.0, np.nan, 1.0, 0.01], np.float32))
    np.testing.assert_allclose(db, [np.nan, np.nan, np.nan, 0.0, -20.0], atol=1e-5)


def test_integers_have_decibels_too() -> None:
    np.testing.assert_allclose(rm.to_db([1, 10, 1000]), [0.0, 10.0, 30.0])


def test_sentinel1_calibration_and_denoising() -> None:
    """1.2: DN 500, A 500, eta 2500 is 1.000 raw and 0.990 without noise."""
    assert rm.sentinel1_power(500, 500.0) == pytest.approx(1.0, abs=1e-12)
    assert rm.sentinel1_power(500, 500.0, 2500.0) == pytest.approx(0.99, abs=1e-12)


def test_sentinel1_keeps_negative_power_so_that_dark_water_is_not_biased() -> None:
    rng = np.random.default_rng(5)
    looks, signal, noise, lut = 4.4, 1000.0, 4000.0, 500.0
    measured = (signal + noise) * rng.gamma(looks, 1.0 / looks, 200_000)
    power = rm.sentinel1_power(np.sqrt(measured), lut, noise)
    assert (power < 0).mean() > 0.3
    spread = (signal + noise) / lut**2 / np.sqrt(looks * power.size)
    assert power.mean() == pytest.approx(signal / lut**2, abs=4 * spread)
    assert np.maximum(power, 0.0).mean() > 1.3 * signal / lut**2  # what clipping would do


@pytest.mark.parametrize(
    ("source", "target", "difference_db"),
    [
        ("sigma0", "gamma0", 1.03468),
        ("sigma0", "beta0", 2.10658),
        ("beta0", "gamma0", -1.07190),
        ("gamma0", "sigma0", -1.03468),
        ("beta0", "sigma0", -2.10658),
        ("gamma0", "beta0", 1.07190),
    ],
)
def test_radiometric_quantities_at_38_degrees(
    source: rm.Quantity, target: rm.Quantity, difference_db: float
) -> None:
    assert rm.to_db(rm.convert(1.0, source, target, 38.0)) == pytest.approx(difference_db, abs=1e-5)


@reproducible
@given(power=st.floats(-0.01, 10.0), theta=st.floats(15.0, 70.0))
def test_the_triangle_of_quantities_closes(power: float, theta: float) -> None:
    sigma = rm.convert(power, "beta0", "sigma0", theta)
    gamma = rm.convert(sigma, "sigma0", "gamma0", theta)
    assert rm.convert(gamma, "gamma0", "beta0", theta) == pytest.approx(power, rel=1e-12, abs=1e-15)
    assert rm.convert(power, "beta0", "gamma0", theta) == pytest.approx(float(gamma), rel=1e-12, abs=1e-15)


POWER = np.random.default_rng(1).gamma(4.4, 0.1 / 4.4, 2000) - 0.002


def test_honest_declarations_are_not_refused() -> None:
    db = rm.to_db(np.abs(POWER))
    assert rm.refusal(POWER, "power") is None
    assert rm.refusal(np.sqrt(np.abs(POWER)), "amplitude") is None
    assert rm.refusal(db, "db") is None
    assert rm.refusal(rm.palsar2_dn(np.abs(POWER)), "dn") is None
    assert rm.refusal([np.nan, np.inf], "power") is None


def test_decibels_declared_as_anything_else_are_refused() -> None:
    db = rm.to_db(np.abs(POWER))
    assert "dB and not power" in str(rm.refusal(db, "power"))
    assert "dB and not amplitude" in str(rm.refusal(db, "amplitude"))
    assert "negative digital numbers" in str(rm.refusal(db, "dn"))


def test_digital_numbers_and_power_declared_as_something_else_are_refused() -> None:
    dn = rm.palsar2_dn(np.abs(POWER))
    assert "digital numbers" in str(rm.refusal(dn, "power"))
    assert "digital numbers" in str(rm.refusal(dn, "amplitude"))
    assert "not dB" in str(rm.refusal(np.abs(POWER), "db"))
    assert "never negative" in str(rm.refusal(POWER - 0.1, "amplitude"))


@pytest.mark.parametrize("looks", [1.0, 4.4, 20.0])
def test_power_and_amplitude_are_told_apart_by_their_speckle(looks: float) -> None:
    """1.5: var(ln amplitude) = var(ln power) / 4."""
    power = 0.2 * np.random.default_rng(3).gamma(looks, 1.0 / looks, 5000)
    assert rm.declared_power_or_amplitude(power, looks) == "power"
    assert rm.declared_power_or_amplitude(np.sqrt(power), looks) == "amplitude"


def test_power_or_amplitude_stays_open_for_few_or_mixed_values() -> None:
    rng = np.random.default_rng(3)
    power = rng.gamma(4.4, 1.0 / 4.4, 5000)
    assert rm.declared_power_or_amplitude(power[:199], 4.4) is None
    mixed = power * 10 ** (rng.normal(0.0, 8.0, power.size) / 10)
    assert rm.declared_power_or_amplitude(mixed, 4.4) is None
    assert rm.declared_power_or_amplitude(np.full(500, 0.1), 4.4) is None


@reproducible
@given(st.floats(-35.0, 5.0), st.floats(-32.0, -16.0), st.floats(0.0, 75.0))
def test_what_was_received_is_what_is_left_and_the_noise_that_was_subtracted(
    signal_db: float, nesz_db: float, angle_deg: float
) -> None:
    received = rm.from_db(signal_db) + rm.noise_gamma0(nesz_db, angle_deg)
    left = received - rm.noise_gamma0(nesz_db, angle_deg)
    noise = float(rm.from_db(nesz_db))
    assert rm.total_power(left, noise, angle_deg) == pytest.approx(received, rel=1e-6)
    assert rm.total_power(received, 0.0, angle_deg) == received
    there = np.array([received], np.float32), 0.0, np.array([angle_deg], np.float32)
    assert rm.total_power_db(*there)[0] == pytest.approx(rm.to_db(received), abs=1e-4)


def test_no_power_received_is_told_as_minus_60_decibels_and_none_known_stays_unknown() -> None:
    nothing = np.array([-0.1, 0.0, np.nan], np.float32)
    told = rm.total_power_db(nothing, 0.0, np.full(3, 30.0, np.float32))
    np.testing.assert_allclose(told, np.array([-60.0, -60.0, np.nan]), atol=1e-4)
