"""Permittivities and reflectivities against the reference (harmonization.md 3.1), and what they can never do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodfuse.harmonize import dielectric
from floodfuse.harmonize.dielectric import reflectivity
from floodfuse.harmonize.radiometry import PALSAR2_GHZ, SENTINEL1_GHZ

reproducible = settings(deadline=None, derandomize=True, max_examples=60)
SIX_DIGITS = 1e-5  # relative; the reference is rounded to six digits
angles = st.floats(0.0, 90.0)
bands = st.sampled_from([PALSAR2_GHZ, SENTINEL1_GHZ])
permittivities = st.builds(complex, st.floats(1.0, 90.0), st.floats(0.0, 80.0))

Permittivity = Callable[[float], complex]

# reference_values.json, eps/1.2575 and eps/5.405
MATERIALS: dict[str, tuple[Permittivity, complex, complex]] = {
    "fresh water": (
        lambda f: complex(dielectric.water_permittivity(f, 20.0)),
        79.7608 + 5.56648j,
        73.1397 + 21.7826j,
    ),
    "fresh water, Klein & Swift": (
        lambda f: complex(dielectric.water_permittivity_klein_swift(f, 20.0)),
        79.723 + 5.4833j,
        73.3348 + 21.5562j,
    ),
    "sea": (
        lambda f: complex(dielectric.water_permittivity(f, 20.0, 35.0)),
        70.3067 + 73.0984j,
        65.0184 + 34.1092j,
    ),
    "sea, Klein & Swift": (
        lambda f: complex(dielectric.water_permittivity_klein_swift(f, 20.0, 35.0)),
        72.1267 + 73.2735j,
        66.5925 + 34.9718j,
    ),
    "dry soil": (
        lambda f: complex(dielectric.soil_permittivity(f, 0.05, 20.0)),
        3.55756 + 0.248706j,
        3.4834 + 0.376157j,
    ),
    "moist soil": (
        lambda f: complex(dielectric.soil_permittivity(f, 0.20, 20.0)),
        9.94314 + 1.11196j,
        9.48198 + 1.92269j,
    ),
    "wet soil": (
        lambda f: complex(dielectric.soil_permittivity(f, 0.40, 20.0)),
        24.4907 + 3.23581j,
        23.0831 + 5.72962j,
    ),
    "moist soil, Dobson": (
        lambda f: complex(dielectric.soil_permittivity_dobson(f, 0.20, 40.0, 20.0)),
        11.5024 + 1.18528j,
        10.8877 + 1.72712j,
    ),
    "wood": (
        lambda f: complex(dielectric.vegetation_permittivity(f, 0.5)),
        17.4062 + 7.3111j,
        14.1567 + 5.03185j,
    ),
    "leaves": (
        lambda f: complex(dielectric.vegetation_permittivity(f, 0.7)),
        29.3492 + 12.4359j,
        24.866 + 8.77135j,
    ),
}


@pytest.mark.parametrize("material", MATERIALS)
def test_permittivity_at_both_bands(material: str) -> None:
    model, at_l, at_c = MATERIALS[material]
    for frequency_ghz, expected in ((PALSAR2_GHZ, at_l), (SENTINEL1_GHZ, at_c)):
        value = model(frequency_ghz)
        assert value.real == pytest.approx(expected.real, rel=SIX_DIGITS)
        assert value.imag == pytest.approx(expected.imag, rel=SIX_DIGITS)


def test_permittivity_of_soil_from_moisture_alone() -> None:
    assert dielectric.soil_permittivity_topp(0.2) == pytest.approx(10.1164, rel=SIX_DIGITS)


@pytest.mark.parametrize(
    ("frequency_ghz", "theta", "water", "soil", "asphalt"),
    [  # reference_values.json, fresnel/<GHz>/<deg>: v, h
        (PALSAR2_GHZ, 30.0, (0.595534, 0.677739), (0.221651, 0.320928), (0.109591, 0.186584)),
        (PALSAR2_GHZ, 38.0, (0.565634, 0.701842), (0.190054, 0.354706), (0.0868281, 0.215475)),
        (PALSAR2_GHZ, 45.0, (0.529641, 0.727765), (0.155046, 0.393758), (0.0628382, 0.250675)),
        (SENTINEL1_GHZ, 30.0, (0.59143, 0.674237), (0.21718, 0.316027), (0.109591, 0.186584)),
        (SENTINEL1_GHZ, 38.0, (0.561354, 0.698543), (0.18583, 0.349761), (0.0868281, 0.215475)),
        (SENTINEL1_GHZ, 45.0, (0.525184, 0.724696), (0.151178, 0.388817), (0.0628382, 0.250675)),
    ],
)
def test_reflectivity_of_water_soil_and_asphalt(
    frequency_ghz: float,
    theta: float,
    water: tuple[float, float],
    soil: tuple[float, float],
    asphalt: tuple[float, float],
) -> None:
    of_water = reflectivity(dielectric.water_permittivity(frequency_ghz), theta)
    of_soil = reflectivity(dielectric.soil_permittivity(frequency_ghz, 0.20), theta)
    of_asphalt = reflectivity(5.0 + 0.3j, theta)
    assert of_water == pytest.approx(water, rel=SIX_DIGITS)
    assert of_soil == pytest.approx(soil, rel=SIX_DIGITS)
    assert of_asphalt == pytest.approx(asphalt, rel=SIX_DIGITS)


@reproducible
@given(permittivity=permittivities, theta=angles)
def test_no_surface_reflects_more_than_it_gets_nor_v_more_than_h(permittivity: complex, theta: float) -> None:
    v, h = reflectivity(permittivity, theta)
    assert 0.0 <= v <= h + 1e-12
    assert h <= 1.0 + 1e-12


@reproducible
@given(permittivity=permittivities)
def test_polarizations_agree_straight_down_and_mirrors_are_perfect_at_grazing(permittivity: complex) -> None:
    v, h = reflectivity(permittivity, np.array([0.0, 90.0]))
    nadir = abs((1.0 - np.sqrt(permittivity)) / (1.0 + np.sqrt(permittivity))) ** 2
    assert v[0] == pytest.approx(nadir, abs=1e-12)
    assert h[0] == pytest.approx(nadir, abs=1e-12)
    if abs(permittivity - 1.0) > 1e-3:  # a surface that isn't there mirrors nothing
        assert v[1] == pytest.approx(1.0, abs=1e-9)
        assert h[1] == pytest.approx(1.0, abs=1e-9)


@reproducible
@given(real=st.floats(1.5, 90.0))
def test_at_brewsters_angle_nothing_vertical_comes_back(real: float) -> None:
    brewster = float(np.rad2deg(np.arctan(np.sqrt(real))))
    assert reflectivity(real, brewster).v == pytest.approx(0.0, abs=1e-20)
    v = reflectivity(real, np.linspace(0.0, brewster, 50)).v
    beyond = reflectivity(real, np.linspace(brewster, 90.0, 50)).v
    assert (np.diff(v) < 0.0).all()
    assert (np.diff(beyond) > 0.0).all()


@reproducible
@given(permittivity=permittivities.filter(lambda e: abs(e - 1.0) > 0.1))
def test_horizontal_reflectivity_only_rises_with_angle(permittivity: complex) -> None:
    assert (np.diff(reflectivity(permittivity, np.linspace(0.0, 90.0, 91)).h) > 0.0).all()


@reproducible
@given(frequency_ghz=bands, drier=st.floats(0.0, 0.55), more=st.floats(1e-3, 0.05), clay=st.floats(0.0, 60.0))
def test_wetter_soil_reflects_more(frequency_ghz: float, drier: float, more: float, clay: float) -> None:
    pair = dielectric.soil_permittivity(frequency_ghz, np.array([drier, drier + more]), clay)
    assert np.diff(pair.real)[0] > 0.0
    assert np.diff(reflectivity(pair, 38.0).h)[0] > 0.0


@reproducible
@given(frequency_ghz=bands, temperature=st.floats(0.0, 30.0), salinity=st.floats(0.0, 40.0))
def test_the_two_models_of_water_agree(frequency_ghz: float, temperature: float, salinity: float) -> None:
    one = dielectric.water_permittivity(frequency_ghz, temperature, salinity)
    other = dielectric.water_permittivity_klein_swift(frequency_ghz, temperature, salinity)
    assert abs(one / other - 1.0) < 0.06
    assert reflectivity(one, 38.0) == pytest.approx(reflectivity(other, 38.0), abs=0.01)


@reproducible
@given(
    frequency_ghz=bands, moisture=st.floats(0.05, 0.4), sand=st.floats(10.0, 60.0), clay=st.floats(5.0, 40.0)
)
def test_nothing_gains_energy(frequency_ghz: float, moisture: float, sand: float, clay: float) -> None:
    for e in (
        dielectric.water_permittivity(frequency_ghz),
        dielectric.soil_permittivity(frequency_ghz, moisture, clay),
        dielectric.soil_permittivity_dobson(frequency_ghz, moisture, sand, clay),
        dielectric.vegetation_permittivity(frequency_ghz, moisture),
    ):
        assert e.real > 1.0
        assert e.imag > 0.0


def test_water_mirrors_the_same_at_both_bands() -> None:
    """Why the contrast between the bands must come from elsewhere: Fresnel changes by less than 0.05 dB."""
    l_band, c_band = (
        reflectivity(dielectric.water_permittivity(f), 38.0) for f in (PALSAR2_GHZ, SENTINEL1_GHZ)
    )
    assert np.abs(10.0 * np.log10(np.array(l_band) / np.array(c_band))).max() < 0.05


def test_models_work_on_whole_images_and_let_missing_values_through() -> None:
    moisture = np.array([[0.1, 0.2, np.nan], [0.3, 0.4, 0.5]])
    e = dielectric.soil_permittivity(SENTINEL1_GHZ, moisture)
    assert e.shape == (2, 3)
    assert np.isnan(reflectivity(e, np.full((2, 3), 38.0)).v).tolist() == np.isnan(moisture).tolist()
    assert np.isnan(reflectivity(5.0, np.array([-1.0, 90.1, np.nan])).h).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dielectric.water_permittivity(0.01), "frequency of 0.01 GHz is outside 0.1 to 1000 GHz"),
        (lambda: dielectric.water_permittivity(5.4, -3.0), "water temperature of -3 C is outside 0 to 30 C"),
        (lambda: dielectric.water_permittivity(5.4, 20.0, 41.0), "salinity of 41 psu"),
        (
            lambda: dielectric.water_permittivity_klein_swift(12.0),
            "frequency of 12 GHz is outside 0.1 to 10 GHz",
        ),
        (lambda: dielectric.soil_permittivity(5.4, [0.2, 35.0, np.nan]), "soil moisture of 35 m3/m3"),
        (lambda: dielectric.soil_permittivity(5.4, 0.2, -1.0), "clay of -1 % is outside 0 to 76 %"),
        (lambda: dielectric.soil_permittivity_dobson(5.4, 0.0), "soil moisture of 0 m3/m3"),
        (lambda: dielectric.soil_permittivity_topp(0.7), "soil moisture of 0.7"),
        (
            lambda: dielectric.vegetation_permittivity(5.4, 0.9),
            "plant moisture of 0.9 kg/kg is outside 0.05 to 0.7",
        ),
    ],
)
def test_values_outside_a_models_range_are_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
