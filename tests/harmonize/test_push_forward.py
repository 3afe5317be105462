"""Class levels from the forward models against an independent draw of the same priors, and the orderings of physics.

The numbers are those of reference_values.json `priors/mc`: 4096 other draws, through other code.
"""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from floodfuse.harmonize import push_forward as pf
from floodfuse.harmonize.classes import EvidenceClass
from floodfuse.harmonize.densities import TABLE
from floodfuse.harmonize.dielectric import vegetation_permittivity
from floodfuse.harmonize.double_bounce import Polarization, cylinder_widths
from floodfuse.harmonize.latents import draw_latents
from floodfuse.harmonize.reeds import STEM_MOISTURE, stem_widths

W, FF, FH, FU, DF, DV, BS, U = EvidenceClass
ANGLES = pf.INCIDENCE_DEG
SEEN = np.isin(ANGLES, (30.0, 34.0, 38.0, 42.0, 46.0))
CO = ("C_VV", "C_HH", "L_HH", "L_VV")


def at(values: NDArray[np.floating], theta: float) -> NDArray[np.floating]:
    """The row of an angle."""
    return np.asarray(values[int(theta - ANGLES[0])])


def sigma0_slope(channel: str, k: EvidenceClass) -> float:
    """Straight line through the means of sigma0 at 30, 34 … 46 deg, dB/deg."""
    theta = ANGLES[SEEN]
    sigma0 = pf.model_levels(channel).mean_db[SEEN, k] + 10 * np.log10(np.cos(np.deg2rad(theta)))
    return float(np.polyfit(theta - 38.0, sigma0, 1)[0])


@pytest.mark.parametrize(
    ("k", "channel", "mean_db", "sd_db", "slope"),
    [
        (W, "C_VV", -20.88, 3.48, -0.522),
        (W, "L_HH", -22.57, 2.74, -0.632),
        (BS, "C_VV", -6.11, 2.87, -0.164),
        (BS, "L_HH", -15.67, 3.81, -0.213),
        (BS, "C_VH", -16.44, 3.83, -0.164),
        (BS, "L_HV", -27.56, 5.50, -0.134),
        (DV, "C_VV", -8.74, 1.82, -0.114),
        (DV, "L_HH", -14.20, 2.28, -0.123),
        (DF, "C_VV", -7.44, 1.05, -0.066),
        (FF, "C_VV", -7.50, 1.06, -0.056),
        (DF, "L_HH", -6.03, 1.18, -0.039),
        (FF, "L_HH", -3.12, 1.76, -0.089),
    ],
)
def test_levels_spreads_and_slopes(
    k: EvidenceClass, channel: str, mean_db: float, sd_db: float, slope: float
) -> None:
    levels = pf.model_levels(channel)
    assert at(levels.mean_db, 38)[k] == pytest.approx(mean_db, abs=0.1)
    assert at(levels.sd_db, 38)[k] == pytest.approx(sd_db, abs=0.1)
    assert sigma0_slope(channel, k) == pytest.approx(slope, abs=0.005)


@pytest.mark.parametrize(
    ("channel", "quantiles_db"), [("L_HH", (1.06, 2.71, 5.45)), ("C_VV", (-0.34, -0.01, 0.09))]
)
def test_change_of_a_forest_that_is_flooded(channel: str, quantiles_db: tuple[float, ...]) -> None:
    np.testing.assert_allclose(pf.flooding_change_db(channel), quantiles_db, atol=0.1)


@pytest.mark.parametrize(("k", "correlation"), [(W, 0.948), (BS, 0.751), (FF, 0.050)])
def test_correlation_between_the_bands(k: EvidenceClass, correlation: float) -> None:
    """Water and soil are one latent seen twice; under crowns L band tells something new."""
    assert pf.class_correlation(k, "C_VV", "L_HH") == pytest.approx(correlation, abs=0.03)
    assert pf.class_correlation(k, "L_HH", "C_VV") == pytest.approx(
        pf.class_correlation(k, "C_VV", "L_HH"), abs=1e-12
    )
    assert pf.class_correlation(k, "C_VV", "C_VV") == pytest.approx(1.0, abs=1e-12)


def test_more_draws_under_another_seed_say_the_same() -> None:
    """Of 1024 quasi-random draws each mean is good to 0.05 dB, so the seed is no physics."""
    few, many = (draw_latents(0.46, 0.11, n, seed) for n, seed in ((10, 1), (14, 2)))
    for a, b in (
        (np.log(few.wind.speed_m_s), np.log(many.wind.speed_m_s)),
        (np.log(few.low.volume_l), np.log(many.low.volume_l)),
        (few.error, many.error),
    ):
        assert a.mean() == pytest.approx(b.mean(), abs=0.005)
        assert a.std() == pytest.approx(b.std(), abs=0.01)


def test_draws_keep_within_their_ranges_and_are_the_same_every_time() -> None:
    one, two = (draw_latents.__wrapped__(0.46, 0.11) for _ in range(2))
    for first, second in zip(one[:-1], two[:-1], strict=True):
        for x, y in zip(first, second, strict=True):
            assert x.shape == (1024, 1)
            assert np.isfinite(x).all() and (x >= 0).all()
            np.testing.assert_array_equal(x, y)
    assert 1.0 <= one.wind.speed_m_s.min() and one.wind.speed_m_s.max() <= 15.0
    assert (one.crowns.depth_c >= 2 * one.crowns.depth_l).all()
    assert (one.forest.flood_rms_m < one.forest.floor_rms_m).all()


@pytest.mark.parametrize("channel", CO)
def test_water_darkens_with_angle(channel: str) -> None:
    mean = pf.model_levels(channel).mean_db[:, W]
    sigma0 = mean + 10 * np.log10(np.cos(np.deg2rad(ANGLES)))
    assert (np.diff(sigma0) < 0).all()
    assert (np.diff(mean[ANGLES <= 50]) < 0).all()


def test_water_is_brighter_in_vertical_polarization() -> None:
    """Bragg: VV >= HH at either band, also where lines go on beyond the functions."""
    seen = ANGLES >= 18
    for vv, hh in (("C_VV", "C_HH"), ("L_VV", "L_HH")):
        assert (pf.model_levels(vv).mean_db[seen, W] > pf.model_levels(hh).mean_db[seen, W]).all()


def test_flooding_shows_at_l_band_and_fades_with_angle() -> None:
    """Property 11: L-HH in 0 … 10 dB, above L-VV, above C-VV, which is about nothing."""
    angles = np.arange(20.0, 50.1, 5.0)
    hh, vv, c = (pf.flooding_change_db(channel, angles)[:, 1] for channel in ("L_HH", "L_VV", "C_VV"))
    assert ((hh > vv) & (vv > c)).all()
    assert (np.abs(c[angles >= 25]) < 0.15).all()
    assert (np.diff(hh) < 0).all()
    spread = pf.flooding_change_db("L_HH", angles, (0.01, 0.99))
    assert (spread > 0).all() and (spread < 10).all()


def test_flooded_herbs_go_both_ways() -> None:
    """3.5: no fixed sign where the field lies along the stems; where it lies across them there is no model."""
    for channel in ("C_VV", "L_VV"):
        for low, middle, high in pf.flooding_change_db(channel, [25.0, 38.0, 50.0], flooded=FH):
            assert low < -1.0 and high > 1.0
            assert abs(middle) < 1.5
    assert np.isnan(pf.flooding_change_db("L_HH", flooded=FH)).all()


@pytest.mark.parametrize("channel", pf.CHANNELS)
def test_every_angle_has_a_value_where_there_is_a_model(channel: str) -> None:
    levels = pf.model_levels(channel)
    assert levels.mean_db.shape == levels.sd_db.shape == (ANGLES.size, len(EvidenceClass))
    without = {FU, U} | (
        {W, FH} if channel in ("C_VH", "L_HV") else {FH} if channel.endswith("HH") else set()
    )
    for k in EvidenceClass:
        values = np.stack([levels.mean_db[:, k], levels.sd_db[:, k]])
        assert np.isnan(values).all() if k in without else np.isfinite(values).all()
    known = [k for k in EvidenceClass if k not in without]
    assert (levels.sd_db[:, known] > 0.5).all() and (levels.sd_db[:, known] < 6.0).all()
    np.testing.assert_array_equal(at(levels.shift_db, 38)[known], 0.0)
    np.testing.assert_array_equal(at(levels.spread_ratio, 38)[known], 1.0)


@pytest.mark.parametrize("channel", pf.CHANNELS)
def test_levels_are_continuous_where_the_models_end(channel: str) -> None:
    """The means bend nowhere by more than within the models' own range; nothing jumps at 18, 25, 50 or 58 deg."""
    levels = pf.model_levels(channel)
    bend = np.abs(np.diff(levels.mean_db, 2, axis=0))
    assert np.nanmax(bend) < 0.15
    assert np.nanmax(np.abs(np.diff(levels.sd_db, axis=0))) < 0.3


def test_models_and_table_agree_where_the_table_was_blended_from_them() -> None:
    """The table's slopes are those of the models, and its levels never further than the models are known to be off."""
    for channel in ("C_VV", "L_HH"):
        levels = pf.model_levels(channel)
        for k in (W, FF, DF, DV, BS):
            row = TABLE[channel][k]
            assert sigma0_slope(channel, k) == pytest.approx(row.sigma0_slope_db_deg, abs=0.13)
            assert at(levels.mean_db, 38)[k] == pytest.approx(row.mean_db, abs=4.0)


def test_what_has_no_model_says_so() -> None:
    assert np.isnan(pf.class_correlation(U, "C_VV", "L_HH"))
    assert np.isnan(pf.class_correlation(W, "C_VV", "C_VH"))
    with pytest.raises(ValueError, match=r"X_VV.*has no model.*C_VV"):
        pf.model_levels("X_VV")
    with pytest.raises(ValueError, match="no dry counterpart"):
        pf.flooding_change_db("L_HH", flooded=W)


def test_reciprocity_and_read_only() -> None:
    np.testing.assert_array_equal(pf.model_levels("L_VH").mean_db, pf.model_levels("L_HV").mean_db)
    with pytest.raises(ValueError, match="read-only"):
        pf.model_levels("C_VV").mean_db[0, 0] = 0.0


@settings(deadline=None, derandomize=True, max_examples=30)
@given(
    radius_mm=st.floats(1.0, 5.0),
    theta=st.floats(16.0, 69.0),
    frequency_ghz=st.sampled_from((5.405, 1.2575)),
    polarization=st.sampled_from(("v", "h")),
)
def test_interpolated_stems_are_the_exact_series(
    radius_mm: float, theta: float, frequency_ghz: float, polarization: Polarization
) -> None:
    radius, angle = np.array([[1e-3 * radius_mm]]), np.array([theta])
    stem = vegetation_permittivity(frequency_ghz, STEM_MOISTURE)
    exact = cylinder_widths(frequency_ghz, radius, stem, angle, polarization)
    for width, expected in zip(stem_widths(frequency_ghz, radius, angle, polarization), exact, strict=True):
        np.testing.assert_allclose(width, expected, rtol=0.03)


def test_all_channels_are_built_in_a_moment() -> None:
    """Every map starts with it."""
    pf.model_levels.cache_clear()
    start = time.perf_counter()
    for channel in pf.CHANNELS:
        pf.model_levels(channel)
    assert time.perf_counter() - start < 6.0
