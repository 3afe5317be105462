"""Area that shares a radar cell: exact on planes, and true to a simulated image where slopes fold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from floodfuse.harmonize import rtc
from floodfuse.harmonize.radiometry import to_db
from floodfuse.harmonize.relief import relief_masks
from floodfuse.harmonize.terrain import RTC_FLOOR_DB, planar_rtc_factor

Float = NDArray[np.float64]
reproducible = settings(deadline=None, derandomize=True, max_examples=40)
WEST = 270.0


def ramp(slope_deg: float, resolution_m: float, columns: int = 120) -> Float:
    """Ground that rises away from the sensor, which it faces."""
    rise = np.tan(np.deg2rad(slope_deg)) * resolution_m * np.arange(columns)
    return np.tile(rise, (6, 1))


@reproducible
@given(theta=st.floats(25.0, 50.0), share=st.floats(-0.9, 0.9), cell=st.floats(2.0, 60.0))
def test_a_plane_has_the_planar_factor_whatever_the_cells(theta: float, share: float, cell: float) -> None:
    """Property 26."""
    slope = share * (theta if share > 0 else 90.0 - theta)
    factor = rtc.integrated_rtc_factor(ramp(slope, 10.0, 400), theta, 10.0, cell)
    middle = factor[2:-2, 100:-100]
    np.testing.assert_allclose(to_db(middle), to_db(planar_rtc_factor(theta, slope)), atol=1e-6)


def test_flat_ground_needs_no_correction() -> None:
    factor = rtc.integrated_rtc_factor(np.full((4, 50), 321.0), 38.0, 10.0, 7.3)
    np.testing.assert_allclose(factor[:, 2:-2], 1.0, rtol=1e-12)


@pytest.mark.parametrize(("theta", "azimuth"), [(38.0, 270.0), (30.0, 258.0), (45.0, 20.0)])
def test_area_of_a_facet_is_that_of_its_plane_across_the_look(theta: float, azimuth: float) -> None:
    slope, t, a = np.deg2rad(12.0), np.deg2rad(theta), np.deg2rad(azimuth)
    facing = np.deg2rad(75.0)  # azimuth downhill
    rows, columns = np.indices((9, 11))
    z = -np.tan(slope) * (columns * np.sin(facing) - rows * np.cos(facing)) * 20.0
    normal = np.array([np.sin(facing) * np.sin(slope), np.cos(facing) * np.sin(slope), np.cos(slope)])
    to_sensor = np.array([np.sin(a) * np.sin(t), np.cos(a) * np.sin(t), np.cos(t)])
    expected = 20.0**2 / np.cos(slope) * (normal @ to_sensor)
    np.testing.assert_allclose(rtc.gamma_area_m2(z, theta, azimuth, 20.0), expected, rtol=1e-12)


def test_ground_that_faces_away_has_no_area() -> None:
    area = rtc.gamma_area_m2(ramp(-60.0, 10.0), 38.0, WEST, 10.0)
    np.testing.assert_array_equal(area, np.zeros_like(area))


@pytest.mark.parametrize("height_m", [8.0, 25.0])
def test_ground_of_one_gamma0_is_even_after_correction(height_m: float) -> None:
    """An image of hills of gamma0 = 1, drawn with 400 points a facet, over cells of 15 m; also where slopes fold over."""
    theta, resolution, cell = 38.0, 10.0, 15.0
    rough = gaussian_filter(np.random.default_rng(2).normal(size=(8, 240)), 3.0)
    z = rough / rough.std() * height_m
    factor = rtc.integrated_rtc_factor(z, theta, resolution, cell)
    t = np.deg2rad(theta)
    shadow = relief_masks(z, theta, WEST, resolution).shadow
    area = np.where(shadow, 0.0, rtc.gamma_area_m2(z, theta, WEST, resolution))
    wide = np.pad(z, 1, mode="reflect", reflect_type="odd")
    corners = (wide[:-1, :-1] + wide[1:, :-1] + wide[:-1, 1:] + wide[1:, 1:]) / 4.0
    slope = (np.diff(corners, axis=1)[:-1] + np.diff(corners, axis=1)[1:]) / 2.0 / resolution
    part = (np.arange(400) + 0.5) / 400 - 0.5
    x = np.arange(z.shape[1])[None, :, None] * resolution + part * resolution
    slant = x * np.sin(t) - (z[..., None] + slope[..., None] * part * resolution) * np.cos(t)
    at = np.floor((slant - slant.min()) / cell).astype(int)
    corrected = np.full(z.shape, np.nan)
    for row in range(z.shape[0]):
        weights = np.repeat(area[row] / 400, 400)
        power = np.bincount(at[row].ravel(), weights) / (cell * resolution)  # beta0
        corrected[row] = power[at[row]].mean(axis=1) * np.tan(t) * factor[row]
    seen = np.isfinite(factor)
    assert seen.mean() > 0.7
    np.testing.assert_allclose(corrected[seen], 1.0, rtol=0.03)
    if height_m > 20.0:
        assert relief_masks(z, theta, WEST, resolution).layover.mean() > 0.1


def test_shadow_is_unknown_and_factors_have_a_floor() -> None:
    z = np.zeros((4, 120))
    z[:, 60:64] = 80.0
    factor = rtc.integrated_rtc_factor(z, 38.0, 10.0, 5.0)
    shadow = relief_masks(z, 38.0, WEST, 10.0).shadow
    assert shadow.any()
    assert np.isnan(factor[shadow]).all()
    steep = rtc.integrated_rtc_factor(ramp(37.97, 10.0, 300), 38.0, 10.0, cell_m=0.05)
    assert to_db(np.nanmin(steep)) == pytest.approx(RTC_FLOOR_DB)
