"""Canopies: optical depth and frequency, what two ways leave, and the limits of no plants and of opaque ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodfuse.harmonize import vegetation as vg
from floodfuse.harmonize.radiometry import PALSAR2_GHZ, SENTINEL1_GHZ, to_db

reproducible = settings(deadline=None, derandomize=True, max_examples=60)
SIX_DIGITS = 5.1e-6  # what rounding leaves of reference_values.json

# Im of the permittivity of plant water, 22 C and 6 psu (double Debye), as printed by reference.py.
C_PLANT_WATER_LOSS, L_PLANT_WATER_LOSS = 23.245636329037744, 19.301585258965186


def test_optical_depth_is_proportional_to_frequency() -> None:
    """3.4, reference_values.json veg/b_ratio_C_over_L."""
    c, el = vg.b_factor(SENTINEL1_GHZ), vg.b_factor(PALSAR2_GHZ)
    assert el == pytest.approx(0.107786, rel=SIX_DIGITS)
    assert c == pytest.approx(0.463286, rel=SIX_DIGITS)
    assert c / el == pytest.approx(4.29821, rel=SIX_DIGITS)
    assert vg.b_factor(SENTINEL1_GHZ, exponent=0.0) == pytest.approx(0.12)


def test_optical_depth_of_an_effective_medium() -> None:
    """3.4: a ratio of 5.18 between the bands for stalks, and leaves twice as opaque."""
    c = vg.b_factor_kirdyashev(SENTINEL1_GHZ, C_PLANT_WATER_LOSS)
    el = vg.b_factor_kirdyashev(PALSAR2_GHZ, L_PLANT_WATER_LOSS)
    assert el == pytest.approx(0.169566, rel=SIX_DIGITS)
    assert c == pytest.approx(0.877759, rel=SIX_DIGITS)
    assert c / el == pytest.approx(5.1765, rel=SIX_DIGITS)
    assert vg.b_factor_kirdyashev(SENTINEL1_GHZ, C_PLANT_WATER_LOSS, vg.LEAVES) == pytest.approx(2 * c)


@pytest.mark.parametrize(
    ("water_kg_m2", "l_db", "c_db"),
    [
        (0.5, -0.594037, -2.5533),
        (1, -1.18807, -5.10659),
        (2, -2.37615, -10.2132),
        (4, -4.75229, -20.4264),
        (8, -9.50459, -40.8527),
    ],
)
def test_two_way_loss_at_38_degrees(water_kg_m2: float, l_db: float, c_db: float) -> None:
    """3.4, reference_values.json veg/two_way_loss_db_38."""
    for frequency_ghz, expected in ((PALSAR2_GHZ, l_db), (SENTINEL1_GHZ, c_db)):
        left = vg.two_way_transmissivity(vg.b_factor(frequency_ghz) * water_kg_m2, 38.0)
        assert to_db(left) == pytest.approx(expected, rel=SIX_DIGITS)


def test_the_limit_of_c_band_is_ten_decibels() -> None:
    left = vg.two_way_transmissivity(vg.b_factor(SENTINEL1_GHZ) * vg.C_BAND_SEES_THROUGH_KG_M2, 38.0)
    assert -11.0 < to_db(left) < -10.0


@reproducible
@given(tau=st.floats(0.0, 5.0), theta=st.floats(0.0, 60.0))
def test_two_ways_are_one_way_twice(tau: float, theta: float) -> None:
    once = vg.transmissivity(tau, theta)
    assert 0.0 < once <= 1.0
    assert vg.two_way_transmissivity(tau, theta) == pytest.approx(once**2, rel=1e-12)
    assert vg.transmissivity(tau, 60.0) <= once


@reproducible
@given(theta=st.floats(10.0, 60.0), ground=st.floats(1e-4, 1.0), volume=st.floats(0.01, 0.3))
def test_no_plants_are_ground_and_opaque_plants_are_volume(
    theta: float, ground: float, volume: float
) -> None:
    """Property 10."""
    assert vg.water_cloud(theta, 0.0, volume, ground) == pytest.approx(ground, rel=1e-12)
    opaque = vg.water_cloud(theta, 50.0, volume, ground)
    assert opaque == pytest.approx(volume * np.cos(np.deg2rad(theta)), rel=1e-12)
    between = vg.water_cloud(theta, np.linspace(0.0, 5.0, 30), volume, ground)
    step = np.diff(between) * np.sign(opaque - ground)
    assert (step >= -1e-12).all()
    assert vg.water_cloud(theta, 0.5, volume, 0.0) == vg.canopy_volume(theta, 0.5, volume)


def test_volume_and_ground_together() -> None:
    """s2rtr of reference.py at (38, .5, .1, .35, .05) and (30, .2, .15, .6, .02)."""
    theta, tau, albedo = np.array([38.0, 30.0]), np.array([0.5, 0.2]), np.array([0.1, 0.15])
    sigma0 = vg.volume_ground(theta, tau, albedo, np.array([0.35, 0.6]), np.array([0.05, 0.02]))
    np.testing.assert_allclose(sigma0, [0.08752185903467312, 0.1248661615617449], rtol=1e-12)


def test_limits_of_volume_and_ground() -> None:
    """Property 10: no layer is ground, an opaque one volume; without scattering only the ground is left."""
    assert vg.volume_ground(38.0, 0.0, 0.1, 0.5, 0.03) == pytest.approx(0.03, rel=1e-12)
    opaque = vg.volume_ground(38.0, 60.0, 0.1, 0.5, 0.03)
    assert opaque == pytest.approx(0.75 * 0.1 * np.cos(np.deg2rad(38.0)), rel=1e-12)
    bare = vg.two_way_transmissivity(0.7, 38.0) * 0.03
    assert vg.volume_ground(38.0, 0.7, 0.0, 0.5, 0.03) == pytest.approx(bare, rel=1e-12)


def test_water_under_thin_plants_brightens_the_path_that_touches_both() -> None:
    """Reflectivities of soil and water at 38 deg, L-HH (reference_values.json fresnel); the ground itself left out."""
    soil, water = (vg.volume_ground(38.0, 0.2, 0.1, g, 0.0) for g in (0.354706, 0.701842))
    assert water > 1.4 * soil


def test_scattering_twice_is_refused() -> None:
    assert np.isnan(vg.volume_ground(38.0, 0.5, np.array([0.21, -0.01]), 0.5, 0.03)).all()
