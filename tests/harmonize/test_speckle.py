"""Speckle: looks, shared looks, filters that keep the mean and know no blocks, clipping at zero (harmonization.md 8)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import polygamma

from floodfuse.harmonize import speckle as sp
from floodfuse.harmonize.radiometry import to_db

Float = NDArray[np.floating]
Filter = Callable[[Float], Float]
reproducible = settings(deadline=None, derandomize=True, max_examples=40)
SIX_DIGITS = 5.1e-6  # what rounding leaves of reference_values.json


def speckle(shape: tuple[int, ...], looks: float, seed: int) -> Float:
    """Power of mean 1."""
    return np.random.default_rng(seed).gamma(looks, 1.0 / looks, shape)


def grdh(side: int, looks: int, seed: int) -> Float:
    """Power of mean 1 as Sentinel-1 GRDH would have it: complex noise through a band-limited system, 10 m pixels."""
    rng = np.random.default_rng(seed)
    pass_band = [np.abs(np.fft.fftfreq(side, 10.0)) < 0.5 / r for r in sp.SENTINEL1_GRDH_RESOLUTION_M]
    keep = pass_band[1][:, None] & pass_band[0]
    power = np.zeros((side, side))
    for _ in range(looks):
        white = rng.standard_normal((side, side)) + 1j * rng.standard_normal((side, side))
        power += np.abs(np.fft.ifft2(np.fft.fft2(white) * keep)) ** 2
    return power / power.mean()


def edges(side: int = 96) -> Float:
    """Fields, a diagonal river, a bright point."""
    y, x = np.mgrid[:side, :side]
    scene = np.where(x < side // 2, 0.05, 0.2)
    scene = np.where(np.abs(y - x) < 5, 0.01, scene)
    scene[side // 4, 3 * side // 4] = 30.0
    return scene


@pytest.mark.parametrize(
    ("looks", "mean_db", "sd_db"),
    [  # reference_values.json speckle/logmoments_db
        (1, -2.50682, 5.57004),
        (2, -1.17417, 3.48772),
        (3, -0.763611, 2.72927),
        (4.4, -0.512116, 2.19324),
        (10, -0.220763, 1.40839),
        (20, -0.109478, 0.983376),
        (50, -0.0435742, 0.617269),
    ],
)
def test_speckle_in_decibels(looks: float, mean_db: float, sd_db: float) -> None:
    np.testing.assert_allclose(sp.log_moments_db(looks), (mean_db, sd_db), rtol=SIX_DIGITS)


@reproducible
@given(looks=st.floats(0.3, 500.0))
def test_looks_from_the_spread_of_logarithms(looks: float) -> None:
    assert sp.looks_of_log_variance(polygamma(1, looks)) == pytest.approx(looks, rel=1e-9)


@pytest.mark.parametrize("looks", [1.0, 2.5, 4.4, 16.0, 60.0])
def test_looks_of_uniform_ground(looks: float) -> None:
    """Property 27: within 5 %."""
    assert sp.estimate_looks(speckle((500, 500), looks, 1)) == pytest.approx(looks, rel=0.05)


def test_looks_of_correlated_speckle() -> None:
    assert sp.estimate_looks(grdh(500, 4, 2)) == pytest.approx(4.0, rel=0.05)


def test_texture_edges_and_gaps_do_not_lower_the_looks() -> None:
    """Property 27: the common spread counts, though half of the windows hold texture, edges or nothing."""
    power = speckle((750, 750), 4.4, 3)
    power[:, :250] *= np.random.default_rng(4).gamma(3.0, 1 / 3, (750, 250))
    power[250:300] *= np.linspace(0.01, 10.0, 750)
    power[700:] = np.nan
    power[::40, ::40] = -0.001
    assert sp.estimate_looks(power) == pytest.approx(4.4, rel=0.05)


def test_looks_of_nothing() -> None:
    assert np.isnan(sp.estimate_looks(np.full((60, 60), np.nan)))
    assert np.isnan(sp.estimate_looks(speckle((20, 60), 4.4, 1)))
    assert np.isnan(sp.estimate_looks(np.ones((60, 60))))


def test_correlation_and_independent_samples_of_sentinel1() -> None:
    """reference_values.json speckle/rho_int_S1GRDH_10m and n_eff_box: 7 x 7 is worth 14.1 looks and not 49."""
    rho = [float(sp.intensity_correlation(10.0, r)) for r in sp.SENTINEL1_GRDH_RESOLUTION_M]
    np.testing.assert_allclose(rho, (0.421258, 0.497472), rtol=SIX_DIGITS)
    worth = [sp.effective_samples(w, 10.0) for w in (3, 5, 7, 9, 25)]
    np.testing.assert_allclose(worth, (3.44353, 7.87958, 14.1276, 22.1648, 150.132), rtol=SIX_DIGITS)
    assert sp.effective_samples(7, 10.0, (1e-6, 1e-6)) == pytest.approx(49.0)


def test_independent_samples_of_a_simulated_image() -> None:
    """8: simulated 14.06 for 7 x 7; a box's looks are those of a pixel times this."""
    power = grdh(1024, 1, 5)
    mean = sp.box_mean(power)[3:-3, 3:-3]
    assert 1.0 / mean.var() == pytest.approx(sp.effective_samples(7, 10.0), rel=0.05)


def test_lee_weights() -> None:
    """reference_values.json speckle/lee_weight_*."""
    assert sp.lee_weight(0.5, 4.4) == pytest.approx(0.444444, rel=SIX_DIGITS)
    assert sp.lee_weight(1 / 4.4, 4.4) == pytest.approx(0.0, abs=1e-15)
    assert sp.lee_weight(0.0, 4.4) == 0.0
    assert sp.lee_weight(1e9, 4.4) == pytest.approx(1 / (1 + 1 / 4.4))


FILTERS: dict[str, tuple[Filter, int]] = {
    "box": (sp.box_mean, sp.halo_px(7)),
    "lee": (lambda x: sp.lee(x, 4.4), sp.halo_px(7)),
    "refined_lee": (lambda x: sp.refined_lee(x, 4.4), sp.REFINED_LEE_HALO_PX),
    "gamma_map": (lambda x: sp.gamma_map(x, 4.4, 5), sp.halo_px(5)),
}


@pytest.mark.parametrize("name", FILTERS)
def test_filters_keep_the_mean_and_raise_the_looks(name: str) -> None:
    """Property 27: box and Lee within 1 %; those that pick a side or a mode within 2 and 5 %."""
    power = speckle((256, 256), 4.4, 6)
    out = FILTERS[name][0](power)
    tolerance = {"refined_lee": 0.02, "gamma_map": 0.05}.get(name, 0.01)
    assert out.mean() == pytest.approx(power.mean(), rel=tolerance)
    assert out.mean() ** 2 / out.var() > 3 * 4.4


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_block_with_its_halo_is_the_whole_bit_for_bit(name: str, dtype: type) -> None:
    """Property 27, stricter: blocks of odd sizes, gaps, and bright points that must not reach beyond the window."""
    run, halo = FILTERS[name]
    power: Float = (edges() * speckle((96, 96), 4.4, 7)).astype(dtype)
    power[10:14, 20:50] = np.nan
    whole = run(power)
    assert whole.dtype == dtype
    for top, left, rows, columns in ((0, 0, 31, 40), (31, 40, 30, 29), (61, 0, 35, 96), (5, 17, 1, 1)):
        up, before = max(top - halo, 0), max(left - halo, 0)
        block = run(power[up : top + rows + halo, before : left + columns + halo])
        block = block[top - up :, left - before :][:rows, :columns]
        np.testing.assert_array_equal(block, whole[top : top + rows, left : left + columns])


@pytest.mark.parametrize("name", FILTERS)
def test_invalid_pixels_stay_so_and_spread_no_further(name: str) -> None:
    power = speckle((40, 40), 4.4, 8)
    power[15:25, 15:25] = np.nan
    out = FILTERS[name][0](power)
    np.testing.assert_array_equal(np.isnan(out), np.isnan(power))
    beyond = np.pad(power, 5, constant_values=np.nan)
    np.testing.assert_array_equal(FILTERS[name][0](beyond)[5:-5, 5:-5], out)
    assert np.isnan(FILTERS[name][0](np.full((9, 9), np.nan))).all()


@pytest.mark.parametrize("name", FILTERS)
def test_filters_commute_with_gain_and_leave_flat_ground(name: str) -> None:
    power = edges() * speckle((96, 96), 4.4, 9)
    run = FILTERS[name][0]
    np.testing.assert_allclose(run(4.0 * power), 4.0 * run(power), rtol=1e-9)
    np.testing.assert_allclose(run(np.full((20, 20), 0.3)), 0.3, rtol=1e-12)


def test_adaptive_filters_keep_a_bright_point_and_refined_lee_an_edge() -> None:
    clean = edges()
    power = clean * speckle(clean.shape, 4.4, 10)
    at = (24, 72)
    for name in ("lee", "gamma_map"):
        assert FILTERS[name][0](power)[at] > 0.5 * power[at]
    assert sp.gamma_map(power, 4.4)[at] == power[at]
    beside = np.s_[60:90, 44:52]  # both sides of the upright edge
    error = {
        name: float(np.abs(FILTERS[name][0](power)[beside] / clean[beside] - 1).mean())
        for name in ("box", "lee", "refined_lee")
    }
    assert error["refined_lee"] < min(error["box"], error["lee"])


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("diagonal", [False, True])
def test_refined_lee_takes_the_half_on_the_pixels_own_side(turns: int, diagonal: bool) -> None:
    """Without speckle, edges in all eight directions stay as they are."""
    y, x = np.mgrid[:31, :31]
    step = np.rot90(np.where((x + y if diagonal else 2 * x) < 30, 1.0, 9.0), turns)
    np.testing.assert_allclose(sp.refined_lee(step, 4.4)[4:-4, 4:-4], step[4:-4, 4:-4], rtol=1e-12)


@pytest.mark.parametrize("looks", [1.0, 4.4])
def test_gamma_map_is_the_most_probable_reflectivity(looks: float) -> None:
    """At the returned value the derivative of ln p(I | R) + ln p(R) is zero, both Gamma (Lopes et al. 1993)."""
    power = speckle((64, 64), looks, 11) * np.random.default_rng(12).gamma(12.0, 1 / 12, (64, 64))
    best = sp.gamma_map(power, looks)
    mean, variance = sp._window_moments(power, 7)
    ci2 = variance / mean**2
    textured = (ci2 > 1 / looks) & (ci2 < 2 / looks)
    assert textured.mean() > 0.2
    alpha = (1 + 1 / looks) / (ci2 - 1 / looks)
    slope = looks * power / best**2 - looks / best + (alpha - 1) / best - alpha / mean
    assert np.abs(slope * best)[textured].max() < 1e-6 * alpha[textured].max()


def test_multitemporal_filter_keeps_every_mean_and_gains_looks() -> None:
    """Property 27: unbiased; 8 images of 4.4 looks become about 8 times as many, less what their windows share."""
    level = np.array([0.02, 0.1, 0.05, 0.3, 0.08, 0.1, 0.2, 0.01])[:, None, None]
    stack = level * speckle((8, 128, 128), 4.4, 13)
    out = sp.quegan(stack)
    np.testing.assert_allclose(out.mean(axis=(1, 2)), stack.mean(axis=(1, 2)), rtol=0.01)
    looks = out.mean(axis=(1, 2)) ** 2 / out.var(axis=(1, 2))
    assert (looks > 5.5 * 4.4).all()


def test_multitemporal_filter_knows_no_blocks_and_no_gaps() -> None:
    stack = edges(48) * speckle((3, 48, 48), 4.4, 14)
    stack[1, :20] = np.nan
    stack[:, 30, 30] = np.nan
    whole = sp.quegan(stack)
    np.testing.assert_array_equal(np.isnan(whole), np.isnan(stack))
    halo = sp.halo_px(7)
    block = sp.quegan(stack[:, 10 : 31 + halo, 17 : 40 + halo])[:, halo:-halo, halo:-halo]
    np.testing.assert_array_equal(block, whole[:, 10 + halo : 31, 17 + halo : 40])


def test_a_flood_left_out_of_the_sum_does_not_change_the_others() -> None:
    stack = speckle((4, 40, 40), 4.4, 15)
    flooded = stack.copy()
    flooded[3, 10:20, 10:20] *= 0.01
    summed = [True, True, True, False]
    before, after = sp.quegan(stack, summed=summed), sp.quegan(flooded, summed=summed)
    np.testing.assert_array_equal(before[:3], after[:3])
    assert not np.array_equal(sp.quegan(stack)[:3], sp.quegan(flooded)[:3])


def test_multilooking_keeps_the_mean_and_skips_gaps() -> None:
    """Property 27, 1e-6."""
    power = speckle((60, 80), 1.0, 16)
    assert sp.multilook(power, 3, 4).mean() == pytest.approx(power.mean(), rel=1e-12)
    power[0, 0] = np.nan
    power[3:6, :4] = np.nan
    out = sp.multilook(power[:58, :79], 3, 4)
    assert out.shape == (19, 19)
    assert out[0, 0] == pytest.approx(np.nanmean(power[:3, :4]), rel=1e-12)
    assert np.isnan(out[1, 0]) and np.isfinite(out).sum() == out.size - 1


@pytest.mark.parametrize("window", [1, 4, 0, -3])
def test_windows_have_a_middle(window: int) -> None:
    with pytest.raises(ValueError, match="middle pixel"):
        sp.lee(np.ones((9, 9)), 4.4, window)


@pytest.mark.parametrize(
    ("power", "clipped_db"),
    [  # reference_values.json speckle/slc_clip_db_rel_to_nesz, in units of the noise floor
        (0.0, -4.34294),
        (0.1, -3.5342),
        (0.3, -2.20129),
        (1.0, 0.838828),
        (3.0, 4.93486),
        (10.0, 10.0191),
    ],
)
def test_clipping_single_looks(power: float, clipped_db: float) -> None:
    """Property 28: (mu + n) exp(-n / (mu + n)), at least 4.34 dB below the noise floor."""
    mean = sp.clipped_mean(power * 0.004, 0.004)
    assert to_db(mean / 0.004) == pytest.approx(clipped_db, rel=SIX_DIGITS)
    total = (power + 1.0) * 0.004
    assert mean == pytest.approx(total * np.exp(-0.004 / total), rel=1e-12)


@pytest.mark.parametrize(
    ("ratio", "bias"), [(0.1, 2.52784), (0.25, 1.45644), (0.5, 1.14401), (1.0, 1.03166), (2.0, 1.00422)]
)
def test_clipping_4_4_looks(ratio: float, bias: float) -> None:
    """1.2, reference_values.json lik/clip_bias_mu_over_n."""
    assert sp.clip_bias(ratio, 4.4) == pytest.approx(bias, rel=SIX_DIGITS)


@pytest.mark.parametrize("looks", [1.0, 4.4])
@pytest.mark.parametrize("power", [0.0, 0.3, 2.0])
def test_clipping_simulated_speckle(looks: float, power: float) -> None:
    kept = np.maximum((power + 1.0) * speckle((400_000,), looks, 17) - 1.0, 0.0)
    four_sigma = 4 * kept.std() / np.sqrt(kept.size)
    assert sp.clipped_mean(power, 1.0, looks) == pytest.approx(kept.mean(), abs=four_sigma)


@reproducible
@given(power=st.floats(1e-5, 10.0), nesz=st.floats(1e-5, 0.1))
def test_clipping_of_single_looks_can_be_undone(power: float, nesz: float) -> None:
    """Property 28, 1e-6; reference_values.json speckle/slc_clip_invert."""
    back = sp.unclipped_power(sp.clipped_mean(power, nesz), nesz)
    assert back == pytest.approx(power, rel=1e-6, abs=1e-9 * nesz)


def test_what_clipping_leaves_of_nothing_is_nothing() -> None:
    nesz = 0.004
    back = sp.unclipped_power(
        np.array([0.0, nesz / np.e, 0.5 * nesz / np.e, np.nan, 0.2]), [nesz] * 4 + [0.0]
    )
    np.testing.assert_array_equal(back, [0.0, 0.0, 0.0, np.nan, 0.2])
    np.testing.assert_allclose(
        sp.unclipped_power(sp.clipped_mean([0.001, 0.01, 0.1], nesz), nesz), [0.001, 0.01, 0.1], rtol=1e-9
    )
