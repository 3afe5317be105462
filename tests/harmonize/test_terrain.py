"""Slopes: angles, area factors, what is hidden, and how far around a block has to be looked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodfuse.harmonize import terrain as tr
from floodfuse.harmonize.radiometry import to_db

reproducible = settings(deadline=None, derandomize=True, max_examples=60)
SIX_DIGITS = 5.1e-6  # what rounding leaves of reference_values.json


@pytest.mark.parametrize(
    ("slope_deg", "facing_deg", "expected_deg"),
    [(10.0, 0.0, 28.0), (10.0, 180.0, 48.0), (10.0, 90.0, 39.1007), (0.0, 0.0, 38.0)],
)
def test_local_incidence_at_38_degrees(slope_deg: float, facing_deg: float, expected_deg: float) -> None:
    """7, reference_values.json terrain/lia."""
    assert tr.local_incidence_deg(38.0, slope_deg, facing_deg) == pytest.approx(expected_deg, rel=SIX_DIGITS)


@reproducible
@given(theta=st.floats(20.0, 50.0), slope=st.floats(0.0, 60.0), facing=st.floats(-180.0, 180.0))
def test_local_incidence_is_the_angle_between_two_vectors(theta: float, slope: float, facing: float) -> None:
    t, s, f = np.deg2rad([theta, slope, facing])
    to_sensor = np.array([np.sin(t), 0.0, np.cos(t)])
    normal = np.array([np.sin(s) * np.cos(f), np.sin(s) * np.sin(f), np.cos(s)])
    angle = np.rad2deg(np.arctan2(np.linalg.norm(np.cross(to_sensor, normal)), to_sensor @ normal))
    assert tr.local_incidence_deg(theta, slope, facing) == pytest.approx(angle, abs=1e-5)


@pytest.mark.parametrize(
    ("slope_deg", "expected_db"),
    [
        (-20.0, 3.11401),
        (-10.0, 1.52753),
        (-5.0, 0.76846),
        (0.0, 0.0),
        (5.0, -0.802925),
        (10.0, -1.67135),
        (20.0, -3.81034),
    ],
)
def test_area_factor_of_a_plane_at_38_degrees(slope_deg: float, expected_db: float) -> None:
    """Property 26, reference_values.json terrain/rtc_planar_db_38."""
    factor = to_db(tr.planar_rtc_factor(38.0, slope_deg))
    assert factor == pytest.approx(expected_db, rel=SIX_DIGITS, abs=1e-12)


@reproducible
@given(theta=st.floats(25.0, 48.0), slope=st.floats(0.0, 20.0), facing=st.floats(-180.0, 180.0))
def test_area_factor_of_any_plane_is_a_ratio_of_projected_areas(
    theta: float, slope: float, facing: float
) -> None:
    """Property 26: the facet's area in the slant-range plane over that across the look, relative to flat ground."""
    t, s, f = np.deg2rad([theta, slope, facing])
    look, slant = np.array([np.sin(t), 0.0, np.cos(t)]), np.array([-np.cos(t), 0.0, np.sin(t)])
    normal = np.array([np.sin(s) * np.cos(f), np.sin(s) * np.sin(f), np.cos(s)])
    expected = (normal @ slant) / (normal @ look) / np.tan(t)
    factor = tr.planar_rtc_factor(theta, tr.slope_towards_deg(slope, facing))
    assert to_db(factor) == pytest.approx(float(to_db(expected)), abs=1e-6)


def test_slope_as_the_sensor_sees_it() -> None:
    np.testing.assert_allclose(
        tr.slope_towards_deg(10.0, [0.0, 180.0, 90.0, 60.0]),
        [10.0, -10.0, 0.0, np.rad2deg(np.arctan(0.5 * np.tan(np.deg2rad(10.0))))],
        atol=1e-12,
    )


def test_layover_and_shadow_at_38_degrees() -> None:
    """7, reference_values.json terrain/layover_shadow_38."""
    assert [bool(tr.is_layover(38.0, s)) for s in (40.0, 30.0)] == [True, False]
    assert [bool(tr.is_shadow(38.0, s)) for s in (-55.0, -45.0)] == [True, False]


@reproducible
@given(theta=st.floats(20.0, 50.0), slope=st.floats(0.0, 85.0), facing=st.floats(-180.0, 180.0))
def test_shadow_is_where_the_wave_meets_the_back_of_the_ground(
    theta: float, slope: float, facing: float
) -> None:
    lia = float(tr.local_incidence_deg(theta, slope, facing))
    if abs(lia - 90.0) > 1e-6:
        assert bool(tr.is_shadow(theta, tr.slope_towards_deg(slope, facing))) == (lia > 90.0)


def test_no_power_belongs_to_hidden_ground_alone_and_factors_have_a_floor() -> None:
    factor = tr.planar_rtc_factor(38.0, np.array([40.0, 37.99999, 37.0, -51.0, -53.0]))
    np.testing.assert_array_equal(np.isnan(factor), [True, False, False, False, True])
    assert to_db(factor[1]) == pytest.approx(tr.RTC_FLOOR_DB)
    assert to_db(factor[2]) > tr.RTC_FLOOR_DB


def test_hidden_ground_has_a_margin_of_one_pixel_also_across_blocks() -> None:
    """Property 26 and 27: with the halo a block masks what the whole masks."""
    slope = np.zeros((12, 14))
    slope[3, 4], slope[8, 9] = 45.0, -60.0
    whole = tr.hidden(38.0, slope)
    assert whole.sum() == 18
    assert whole[2:5, 3:6].all() and whole[7:10, 8:11].all()
    h = tr.MASK_MARGIN_PX
    for rows in (slice(0, 5), slice(5, 8), slice(8, 12)):
        padded = slice(max(rows.start - h, 0), rows.stop + h)
        block = tr.hidden(38.0, slope[padded])[rows.start - padded.start :][: rows.stop - rows.start]
        np.testing.assert_array_equal(block, whole[rows])


def test_halos_of_layover_and_shadow() -> None:
    """7: 1804 m at 29 deg and 1036 m at 46 deg for 1000 m of relief; 61 px of 30 m and one of margin."""
    assert tr.layover_halo_m(29.0) == pytest.approx(1804.0, abs=0.5)
    assert tr.shadow_halo_m(46.0) == pytest.approx(1036.0, abs=0.6)
    assert tr.halo_px((29.0, 46.0), 30.0) == 62
    assert tr.halo_px((29.0, 46.0), 30.0, relief_m=100.0) == 8
    assert tr.halo_px((40.0, 60.0), 10.0, relief_m=100.0) == int(np.ceil(10 * np.tan(np.deg2rad(60)))) + 1


@pytest.mark.parametrize("angles", [(0.0, 40.0), (46.0, 29.0), (30.0, 90.0)])
def test_halos_need_a_range_of_angles(angles: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="lowest, highest"):
        tr.halo_px(angles, 30.0)
