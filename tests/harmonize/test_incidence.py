"""Angular laws, normalisation and its uncertainty (harmonization.md 2)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodfuse.harmonize import incidence
from floodfuse.harmonize.radiometry import convert, from_db, to_db

reproducible = settings(deadline=None, derandomize=True, max_examples=60)
angles = st.floats(15.0, 65.0)
slopes = st.floats(-0.7, 0.1)
powers = st.floats(1e-4, 10.0)


@pytest.mark.parametrize(
    ("n", "theta", "slope"),
    [
        (1, 30, -0.0437624),
        (1, 35, -0.0530748),
        (1, 38, -0.0592204),
        (1, 40, -0.0636026),
        (1, 45, -0.0757987),
        (2, 30, -0.0875248),
        (2, 38, -0.118441),
        (2, 45, -0.151597),
    ],
)
def test_slope_of_the_cosine_law(n: int, theta: float, slope: float) -> None:
    assert incidence.cosine_slope_db_deg(n, theta) == pytest.approx(slope, rel=1e-5)


@pytest.mark.parametrize(
    ("slope", "n"),
    [
        (-0.05, 0.844303),
        (-0.1, 1.68861),
        (-0.13, 2.19519),
        (-0.2, 3.37721),
        (-0.394181, 6.65617),
        (-0.57, 9.62506),
    ],
)
def test_equivalent_exponent_at_38_degrees(slope: float, n: float) -> None:
    assert incidence.exponent_of_slope(slope, 38.0) == pytest.approx(n, rel=1e-5)


@pytest.mark.parametrize(("theta", "difference"), [(30, 0.0437624), (38, 0.0592204), (45, 0.0757987)])
def test_gamma0_falls_less_than_sigma0(theta: float, difference: float) -> None:
    assert incidence.gamma0_slope_db_deg(-0.3, theta) + 0.3 == pytest.approx(difference, rel=1e-5)


@reproducible
@given(theta=angles, sigma_slope=slopes)
def test_gamma0_slope_is_the_derivative_of_a_converted_line(theta: float, sigma_slope: float) -> None:
    step = 1e-3
    around = theta + np.array([-step, step])
    gamma_db = to_db(convert(from_db(sigma_slope * around), "sigma0", "gamma0", around))
    numeric = (gamma_db[1] - gamma_db[0]) / (2 * step)
    assert incidence.gamma0_slope_db_deg(sigma_slope, theta) == pytest.approx(numeric, abs=1e-6)


def test_lambertian_ground_moved_from_30_to_38_degrees() -> None:
    assert to_db(incidence.normalise_cosine(1.0, 30.0, 2.0)) == pytest.approx(-0.81997, abs=1e-5)


@reproducible
@given(power=powers, theta=angles, reference=angles)
def test_isotropic_normalisation_is_the_conversion_to_gamma0(
    power: float, theta: float, reference: float
) -> None:
    """Property 3: the n = 1 law is exactly what gamma0 takes out."""
    moved = incidence.normalise_cosine(power, theta, 1.0, reference) / np.cos(np.deg2rad(reference))
    assert moved == pytest.approx(float(convert(power, "sigma0", "gamma0", theta)), rel=1e-9)


@reproducible
@given(power=powers, theta=angles, other=angles, n=st.floats(0.0, 10.0), slope=slopes)
def test_normalisation_there_and_back_is_identity(
    power: float, theta: float, other: float, n: float, slope: float
) -> None:
    there = incidence.normalise_cosine(power, theta, n, other)
    assert incidence.normalise_cosine(there, other, n, theta) == pytest.approx(power, rel=1e-9)
    db = float(to_db(power))
    line = incidence.normalise_linear(db, theta, slope, other)
    assert incidence.normalise_linear(line, other, slope, theta) == pytest.approx(db, abs=1e-9)


def test_normalisation_at_the_reference_angle_changes_nothing() -> None:
    assert incidence.normalise_cosine(0.123, 38.0, 6.66) == pytest.approx(0.123, rel=1e-12)
    assert incidence.normalise_linear(-12.3, 38.0, -0.394) == pytest.approx(-12.3, abs=1e-12)


def test_cosine_and_linear_law_agree_near_the_angle_where_they_were_matched() -> None:
    n = incidence.exponent_of_slope(-0.13, 38.0)
    cosine_db = to_db(incidence.normalise_cosine(from_db(-10.0), 38.5, n))
    assert cosine_db == pytest.approx(incidence.normalise_linear(-10.0, 38.5, -0.13), abs=2e-3)


def test_normalised_value_and_variance_of_the_worked_example() -> None:
    """2.4: y -10 dB, theta 44, beta -.13, var .25, sd(beta) .03, sd(theta) .2 -> -9.22 dB, 0.283076 dB^2."""
    assert incidence.normalise_linear(-10.0, 44.0, -0.13) == pytest.approx(-9.22, abs=1e-9)
    variance = incidence.normalised_variance(0.25, 44.0, -0.13, 0.03**2, 0.2**2)
    assert variance == pytest.approx(0.283076, abs=1e-9)


@reproducible
@given(near=st.floats(0.0, 10.0), further=st.floats(0.1, 10.0), slope=slopes)
def test_variance_never_shrinks_and_grows_with_the_distance_moved(
    near: float, further: float, slope: float
) -> None:
    theta = 38.0 + np.array([near, near + further])
    for side in (theta, 76.0 - theta):
        v = incidence.normalised_variance(0.25, side, slope, 0.03**2, 0.2**2)
        assert 0.25 <= v[0] < v[1]


def test_laws_work_on_whole_images() -> None:
    theta = np.linspace(29.0, 46.0, 12).reshape(3, 4)
    assert incidence.normalise_cosine(np.ones((3, 4)), theta, 2.0).shape == (3, 4)
    assert incidence.normalised_variance(np.ones((3, 4)), theta, -0.1, 1e-3, 1e-2).shape == (3, 4)
