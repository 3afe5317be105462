"""Open water at both bands against the reference (harmonization.md 3.2, 4.5), and the orderings that physics demands."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import weibull_min

from floodfuse.harmonize import water
from floodfuse.harmonize.radiometry import to_db
from floodfuse.harmonize.water import Polarization, WaterChannel

reproducible = settings(deadline=None, derandomize=True, max_examples=60)
SIX_DIGITS = 1e-5  # relative; the reference is rounded to six digits
CHANNELS: tuple[WaterChannel, ...] = ("C_VV", "C_HH", "L_HH", "L_VV")
channels = st.sampled_from(CHANNELS)
polarizations = st.sampled_from(["HH", "VV"])
angles = st.floats(25.0, 50.0)
winds = st.floats(2.0, 15.0)

# reference_values.json, water/cmod5n_mean_db: incidence [deg], dB at 2, 3, 5, 8, 10, 15 m/s
CMOD5N_MEAN_DB = [
    (25, [-14.113, -12.1678, -9.73331, -7.5144, -6.46312, -4.4918]),
    (30, [-19.1125, -16.8482, -14.0046, -11.391, -10.0664, -7.56132]),
    (35, [-22.7307, -20.3644, -17.3842, -14.4977, -12.9234, -9.98493]),
    (38, [-24.333, -22.0185, -19.0986, -16.0277, -14.3263, -11.1764]),
    (40, [-25.2078, -22.9766, -20.1374, -16.9222, -15.1461, -11.875]),
    (45, [-26.9301, -25.0772, -22.2885, -18.7669, -16.8399, -13.3333]),
]

# water/LHH_compact_db: incidence [deg], wind [m/s], dB
LHH_DB = [
    (30, 3, -18.4994),
    (30, 5, -16.2916),
    (30, 10, -13.097),
    (38, 3, -23.9178),
    (38, 5, -21.9264),
    (38, 10, -19.0254),
    (45, 3, -28.041),
    (45, 5, -26.062),
    (45, 10, -23.1778),
]


@pytest.mark.parametrize(
    ("theta", "wind", "direction", "sigma0"),
    [  # water/cmod5n_lin
        (30.0, 5.0, 45.0, 0.0405511),
        (40.0, 5.0, 45.0, 0.0102337),
        (40.0, 10.0, 0.0, 0.0507391),
        (25.0, 15.0, 90.0, 0.227776),
    ],
)
def test_cmod5n(theta: float, wind: float, direction: float, sigma0: float) -> None:
    assert water.cmod5n(theta, wind, direction) == pytest.approx(sigma0, rel=SIX_DIGITS)


@pytest.mark.parametrize(("theta", "expected_db"), CMOD5N_MEAN_DB)
def test_cmod5n_over_all_directions(theta: float, expected_db: list[float]) -> None:
    mean = water.cmod5n_mean(theta, [2.0, 3.0, 5.0, 8.0, 10.0, 15.0])
    np.testing.assert_allclose(to_db(mean), expected_db, rtol=SIX_DIGITS)


@pytest.mark.parametrize(
    ("theta", "line_db", "wind"),
    [  # water/tuw_db, water/u_equiv_tuw
        (30, -15.9674, 3.51356),
        (35, -17.9383, 4.54712),
        (38, -19.1209, 4.98057),
        (40, -19.9093, 5.19348),
        (45, -21.8802, 5.31695),
    ],
)
def test_the_flood_services_water_is_cmod5n_at_moderate_wind(
    theta: float, line_db: float, wind: float
) -> None:
    line = water.flood_line_db(theta)
    assert line == pytest.approx(line_db, rel=SIX_DIGITS)
    assert water.wind_from_c_water(line, theta) == pytest.approx(wind, rel=SIX_DIGITS)


@pytest.mark.parametrize(
    ("ratio", "at_30_db", "at_40_db"),
    [  # water/pr_db_30_40
        (lambda t: water.polarization_ratio_thompson(t), 2.85335, 4.57301),
        (lambda t: water.polarization_ratio_thompson(t, 0.0), 4.43697, 7.63377),
        (lambda t: water.polarization_ratio_zhang(t, 5.0), 1.60855, 3.22946),
        (lambda t: water.polarization_ratio_mouche(t, 45.0), 1.09848, 3.02112),
    ],
    ids=["thompson", "bragg", "zhang", "mouche"],
)
def test_polarization_ratios(ratio: Callable[[float], float], at_30_db: float, at_40_db: float) -> None:
    assert to_db(ratio(30.0)) == pytest.approx(at_30_db, rel=SIX_DIGITS)
    assert to_db(ratio(40.0)) == pytest.approx(at_40_db, rel=SIX_DIGITS)


@pytest.mark.parametrize(("theta", "wind", "expected_db"), LHH_DB)
def test_l_hh(theta: float, wind: float, expected_db: float) -> None:
    assert water.l_water_db(theta, wind) == pytest.approx(expected_db, rel=SIX_DIGITS)
    assert water.water_db("L_HH", theta, wind) == pytest.approx(expected_db, rel=SIX_DIGITS)


def test_compact_coefficients_are_those_of_the_reference() -> None:
    """water/LHH_compact_coef, water/LVV_compact_coef."""
    hh = (-26.0019, -6.0384, 0.4725, -0.308, 7.742, -1.0672, 0.7596, 1.2636)
    vv = (-20.7435, -3.2802, 0.7814, -0.3438, 5.8836, -1.2452, 0.7381, 1.148)
    assert water.COMPACT_COEFFICIENTS == {"HH": hh, "VV": vv}


@pytest.mark.parametrize(
    ("channel", "wind", "slope", "residual_db"),
    [  # angle/model_sigma0_slopes_30_46_dBdeg: slope and largest distance from the line
        ("C_VV", 5.0, -0.538992, 0.50091),
        ("C_VV", 3.0, -0.528027, 0.620478),
        ("L_HH", 5.0, -0.639788, 0.342239),
    ],
)
def test_slope_with_angle_between_30_and_46_degrees(
    channel: WaterChannel, wind: float, slope: float, residual_db: float
) -> None:
    theta = np.arange(30.0, 46.5, 1.0)
    level = water.water_db(channel, theta, wind)
    fitted, offset = np.polyfit(theta - 38.0, level, 1)
    assert fitted == pytest.approx(slope, rel=SIX_DIGITS)
    assert np.abs(level - offset - fitted * (theta - 38.0)).max() == pytest.approx(
        residual_db, rel=SIX_DIGITS
    )


@reproducible
@given(channel=channels, theta=angles, wind=st.floats(2.0, 14.9), more=st.floats(0.01, 0.1))
def test_stronger_wind_is_brighter(channel: WaterChannel, theta: float, wind: float, more: float) -> None:
    level = water.water_db(channel, theta, [wind, wind + more])
    assert level[1] > level[0]


@reproducible
@given(channel=channels, theta=st.floats(25.0, 49.0), wind=winds, further=st.floats(0.01, 1.0))
def test_shallower_incidence_is_darker(
    channel: WaterChannel, theta: float, wind: float, further: float
) -> None:
    level = water.water_db(channel, [theta, theta + further], wind)
    assert level[1] < level[0]


@reproducible
@given(theta=st.floats(18.0, 58.0), wind=st.floats(2.0, 25.0), direction=st.floats(0.0, 360.0))
def test_a_single_direction_rises_with_wind_falls_with_angle_and_knows_no_side(
    theta: float, wind: float, direction: float
) -> None:
    here = water.cmod5n(theta, wind, direction)
    assert here > 0.0
    assert water.cmod5n(theta, wind, -direction) == pytest.approx(float(here), rel=1e-12)
    assert water.cmod5n(theta, wind - 0.5, direction) < here
    assert water.cmod5n(min(theta + 0.5, 58.0), wind, direction) <= here


@reproducible
@given(theta=st.floats(25.0, 43.0), wind=winds, direction=st.floats(0.0, 360.0))
def test_vertical_is_brighter_than_horizontal(theta: float, wind: float, direction: float) -> None:
    assert water.water_db("C_VV", theta, wind) > water.water_db("C_HH", theta, wind)
    assert water.l_water_db(theta, wind, "VV") > water.l_water_db(theta, wind, "HH")
    assert water.polarization_ratio_zhang(theta, wind) > 1.0
    assert water.polarization_ratio_mouche(theta, direction) > 1.0
    assert water.polarization_ratio_mouche(theta, -direction) == pytest.approx(
        float(water.polarization_ratio_mouche(theta, direction)), rel=1e-12
    )


@reproducible
@given(theta=angles, alpha=st.floats(0.0, 0.99))
def test_the_ratio_lies_between_facets_and_bragg_waves(theta: float, alpha: float) -> None:
    ratio = water.polarization_ratio_thompson(theta, alpha)
    assert (
        water.polarization_ratio_thompson(theta, 1.0) < ratio <= water.polarization_ratio_thompson(theta, 0.0)
    )
    assert water.polarization_ratio_thompson(0.0, alpha) == pytest.approx(1.0, rel=1e-12)


@reproducible
@given(channel=channels, theta=angles, wind=st.floats(0.0, 1.999))
def test_calm_water_is_dark_in_every_channel(channel: WaterChannel, theta: float, wind: float) -> None:
    calm = water.water_db(channel, theta, [wind, 2.0])
    assert calm[0] <= water.CALM_DB
    assert calm[0] <= calm[1]


@pytest.mark.parametrize(
    ("l_db", "c_db"),
    [
        (-25, -23.68),
        (-24, -22.14),
        (-23, -20.65),
        (-22, -19.2),
        (-21, -17.71),
        (-20, -16.05),
        (-19, -14.28),
        (-18, -12.5),
    ],
)
def test_l_hh_becomes_c_vv_through_the_wind(l_db: float, c_db: float) -> None:
    """bridge/water L_HH->C_VV at 38 deg, rounded to 0.01 dB there; its -26 dB would take less than 2 m/s."""
    assert water.c_from_l_water(l_db, 38.0) == pytest.approx(c_db, abs=0.006)


def test_an_error_at_l_band_grows_at_c_band() -> None:
    """bridge/water dC/dL mean: 1.65 over 1.5 to 15 m/s at 38 deg, which is why +-2 dB become +-3.3 dB."""
    wind = np.linspace(2.0, 15.0, 400)
    l_db = water.l_water_db(38.0, wind)
    assert np.gradient(water.c_from_l_water(l_db, 38.0), l_db).mean() == pytest.approx(1.65, abs=0.05)


@reproducible
@given(theta=angles, wind=winds, polarization=polarizations)
def test_there_and_back_between_the_bands(theta: float, wind: float, polarization: Polarization) -> None:
    """Property 18: exact inside the one wind, to 1e-6 dB."""
    l_db = float(water.l_water_db(theta, wind, polarization))
    c_db = float(water.c_from_l_water(l_db, theta, polarization))
    assert c_db == pytest.approx(float(to_db(water.cmod5n_mean(theta, wind))), abs=1e-6)
    assert water.l_from_c_water(c_db, theta, polarization) == pytest.approx(l_db, abs=1e-6)
    assert water.wind_from_l_water(l_db, theta, polarization) == pytest.approx(wind, rel=1e-9)
    assert water.wind_from_c_water(c_db, theta) == pytest.approx(wind, rel=1e-9)


@reproducible
@given(theta=angles, beyond=st.floats(1e-3, 60.0), polarization=polarizations)
def test_values_that_no_wind_makes_are_flagged(
    theta: float, beyond: float, polarization: Polarization
) -> None:
    """Property 18: outside the latent there is no answer."""
    ends = water.l_water_db(theta, [2.0, 15.0], polarization)
    outside = [ends[0] - beyond, ends[1] + beyond]
    assert np.isnan(water.c_from_l_water(outside, theta, polarization)).all()
    ends = to_db(water.cmod5n_mean(theta, [2.0, 15.0]))
    outside = [ends[0] - beyond, ends[1] + beyond]
    assert np.isnan(water.l_from_c_water(outside, theta, polarization)).all()


def test_outside_the_ranges_there_is_no_guess() -> None:
    assert np.isnan(water.cmod5n([17.9, 58.1, 30.0, 30.0, np.nan], [5.0, 5.0, 0.1, 50.1, 5.0], 0.0)).all()
    assert np.isnan(water.cmod5n_mean([17.9, 58.1], 5.0)).all()
    assert np.isnan(water.l_water_db([24.9, 50.1, 38.0, 38.0, 38.0], [5.0, 5.0, 1.9, 15.1, np.nan])).all()
    assert np.isnan(water.water_db("L_VV", [38.0, 20.0, 38.0], [16.0, 1.0, -1.0])).all()
    assert np.isnan(water.water_db("C_HH", [17.0, 38.0, 38.0], [5.0, 51.0, -1.0])).all()
    assert np.isnan(water.polarization_ratio_zhang([19.0, 30.0], [5.0, 30.0])).all()
    assert np.isnan(water.polarization_ratio_mouche([9.0, 51.0], 0.0)).all()
    assert np.isnan(water.polarization_ratio_thompson([-1.0, 71.0])).all()
    assert np.isnan(water.c_from_l_water([-22.0, -22.0, np.nan], [24.0, 51.0, 38.0])).all()
    assert np.isnan(water.wind_from_c_water(-20.0, 60.0))


def test_channels_without_a_function_are_named() -> None:
    with pytest.raises(ValueError, match="channel 'C_VH' has no water function"):
        water.water_db("C_VH", 38.0, 5.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no function for 'HV'"):
        water.l_water_db(38.0, 5.0, "HV")  # type: ignore[arg-type]


def test_functions_work_on_whole_images() -> None:
    theta = np.linspace(29.0, 46.0, 12, dtype=np.float32).reshape(3, 4)
    for channel in CHANNELS:
        level = water.water_db(channel, theta, 5.0)
        assert level.shape == (3, 4)
        assert np.isfinite(level).all()
    assert water.c_from_l_water(water.l_water_db(theta, 5.0), theta).shape == (3, 4)


@reproducible
@given(fetch=st.floats(0.3, 1.0), probability=st.floats(0.0, 0.9999))
def test_the_winds_prior_is_a_distribution(fetch: float, probability: float) -> None:
    wind = water.wind_quantile(probability, fetch)
    up_to = np.linspace(0.0, float(wind), 2001)
    assert np.trapezoid(water.wind_density(up_to, fetch), up_to) == pytest.approx(probability, abs=1e-5)
    assert wind == pytest.approx(fetch * float(water.wind_quantile(probability)), rel=1e-12)


def test_the_wind_is_weibull_of_shape_2_and_scale_4_m_s() -> None:
    wind = np.linspace(0.0, 15.0, 31)
    np.testing.assert_allclose(
        water.wind_density(wind), weibull_min(2.0, scale=4.0).pdf(wind), rtol=1e-12, atol=1e-15
    )
    assert water.wind_quantile(0.5) == pytest.approx(4.0 * np.sqrt(np.log(2.0)), rel=1e-12)
    assert water.wind_density(-1.0) == 0.0
    with pytest.raises(ValueError, match=r"fetch of 1.5 is outside 0.001 to 1"):
        water.wind_density(3.0, 1.5)
    with pytest.raises(ValueError, match="probability of 1 is outside"):
        water.wind_quantile(1.0)
