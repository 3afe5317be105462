"""Coarse tables at every pixel: bilinear, kept beyond their ends, the same bits in any window (harmonization.md 1.2)."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator
from scipy.ndimage import binary_erosion

from floodfuse.harmonize import calibration_tables as ct

Float = NDArray[np.float64]
reproducible = settings(deadline=None, derandomize=True, max_examples=60)
seeds = st.integers(0, 10_000)


def random_table(
    rng: np.random.Generator, lines: int = 6, pixels: int = 9, first_line: float = 0.0
) -> ct.Table:
    """A table whose knots are unevenly spaced, as those of real products are at the seams of sub-swaths."""
    return ct.Table(
        first_line + np.cumsum(rng.integers(1, 12, lines)).astype(float),
        np.cumsum(rng.integers(1, 9, pixels)).astype(float) - 1.0,
        rng.uniform(100.0, 900.0, (lines, pixels)),
    )


def two_windows() -> tuple[ct.AzimuthNoise, ct.AzimuthNoise]:
    left = ct.AzimuthNoise(0, 49, 0, 19, np.array([0.0, 10.0, 49.0]), np.array([1.0, 1.2, 0.8]))
    right = ct.AzimuthNoise(0, 49, 20, 39, np.array([0.0, 49.0]), np.array([2.0, 3.0]))
    return left, right


def test_bilinear_example() -> None:
    """reference_values.json radiometry/bilinear_25_10: 407.5."""
    table = ct.join([0, 100], [[0, 40, 80]] * 2, [[400, 420, 440], [410, 430, 450]])
    assert ct.bilinear(table, 25.0, 10.0) == 407.5
    assert ct.bilinear(table, 0, 80) == 440.0


@reproducible
@given(seed=seeds)
def test_bilinear_is_scipys_within_and_the_nearest_value_beyond(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = random_table(rng, first_line=-5.0)
    at = rng.uniform(-20.0, 90.0, (2, 200))
    held = [np.clip(p, axis[0], axis[-1]) for p, axis in zip(at, table[:2], strict=True)]
    expected = RegularGridInterpolator(table[:2], table.values)(np.stack(held, axis=-1))
    np.testing.assert_allclose(ct.bilinear(table, *at), expected, rtol=1e-13)


@reproducible
@given(seed=seeds)
def test_bilinear_meets_its_knots_and_stays_between_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = random_table(rng)
    np.testing.assert_array_equal(ct.bilinear(table, table.lines[:, None], table.pixels), table.values)
    inside = ct.bilinear(table, *rng.uniform(-50.0, 150.0, (2, 200)))
    assert inside.min() >= table.values.min() - 1e-9
    assert inside.max() <= table.values.max() + 1e-9


@reproducible
@given(seed=seeds, cut=st.integers(1, 39))
def test_any_window_holds_the_bits_of_the_whole(seed: int, cut: int) -> None:
    rng = np.random.default_rng(seed)
    noise = ct.Noise(random_table(rng), two_windows())
    sigma = random_table(rng)
    line, pixel = np.arange(60)[:, None], np.arange(45)
    whole = ct.nesz_sigma0(noise, sigma, line, pixel)
    for top, bottom in pairwise((0, cut, 60)):
        for left, right in pairwise((0, min(cut, 44), 45)):
            part = ct.nesz_sigma0(noise, sigma, line[top:bottom], pixel[left:right])
            assert part.tobytes() == whole[top:bottom, left:right].tobytes()
    scattered = ct.nesz_sigma0(noise, sigma, np.array([7, 59, 0]), np.array([44, 3, 20]))
    np.testing.assert_array_equal(scattered, whole[[7, 59, 0], [44, 3, 20]])


@reproducible
@given(seed=seeds)
def test_vectors_of_different_pixels_are_the_function_each_of_them_describes(seed: int) -> None:
    """Oracle: along each vector first, then between the two lines."""
    rng = np.random.default_rng(seed)
    lines = np.array([0.0, 13.0, 20.0])
    pixels = [np.unique(rng.integers(0, 60, n)).astype(float) for n in (5, 9, 14)]
    values = [rng.uniform(1.0, 9.0, p.size) for p in pixels]
    table = ct.join(lines, pixels, values)
    at_line, at_pixel = rng.uniform(-3.0, 25.0, 50), rng.uniform(-3.0, 65.0, 50)
    rows = np.stack([np.interp(at_pixel, p, v) for p, v in zip(pixels, values, strict=True)])
    expected = [np.interp(y, lines, rows[:, n]) for n, y in enumerate(at_line)]
    np.testing.assert_allclose(ct.bilinear(table, at_line, at_pixel), expected, rtol=1e-12)


def test_the_last_range_vector_is_kept_and_not_extrapolated() -> None:
    """xsar issue 3: the last vector need not reach the last lines."""
    across = ct.join([0, 100], [[0, 50]] * 2, [[2000, 1000], [1000, 500]])
    eta = ct.noise_power(ct.Noise(across), np.array([100, 150, 1000]), 25)
    np.testing.assert_array_equal(eta, [750.0, 750.0, 750.0])


def test_one_vector_holds_everywhere() -> None:
    """As noise along the track of the last, short window of real products."""
    single = ct.join([7], [[0, 10]], [[3.0, 5.0]])
    np.testing.assert_array_equal(ct.bilinear(single, [-1, 7, 90], 5), [4.0, 4.0, 4.0])
    window = ct.AzimuthNoise(0, 9, 0, 9, np.array([4.0]), np.array([1.3]))
    np.testing.assert_array_equal(ct.azimuth_factor([window], [0, 4, 9], 3), [1.3, 1.3, 1.3])


def test_noise_is_range_times_azimuth_of_the_sub_swath() -> None:
    across = ct.join([0, 49], [[0, 39]] * 2, [[1000, 1000], [1000, 1000]])
    line, pixel = np.array([10, 0, 49, 10]), np.array([19, 19, 20, 20])
    both = ct.noise_power(ct.Noise(across, two_windows()), line, pixel)
    np.testing.assert_allclose(both, [1200.0, 1000.0, 3000.0, 1000.0 * (2.0 + 10.0 / 49.0)], rtol=1e-14)


def test_before_ipf_2_9_noise_is_that_across_the_swath() -> None:
    across = ct.join([0, 49], [[0, 39]] * 2, [[900, 1000], [1000, 1100]])
    line, pixel = np.arange(50)[:, None], np.arange(40)
    np.testing.assert_array_equal(
        ct.noise_power(ct.Noise(across), line, pixel), ct.bilinear(across, line, pixel)
    )


def test_outside_every_window_the_nearest_one_holds() -> None:
    left, right = two_windows()
    line, pixel = np.array([60, -3, 5, 70]), np.array([3, 30, 45, 44])
    factor = ct.azimuth_factor((left, right), line, pixel)
    np.testing.assert_allclose(factor, [0.8, 2.0, 2.0 + 5.0 / 49.0, 3.0], rtol=1e-14)


def test_noise_floor_is_eta_over_a_squared() -> None:
    """eta 2500 and A 500: 0.01, -20 dB; the raw value of DN = sqrt(eta) is the noise floor itself."""
    across = ct.join([0, 9], [[0, 9]] * 2, [[2500, 2500]] * 2)
    sigma = ct.join([0, 9], [[0, 9]] * 2, [[500, 500]] * 2)
    floor = ct.nesz_sigma0(ct.Noise(across), sigma, 3, 4)
    assert floor == pytest.approx(0.01, rel=1e-15)
    assert ct.calibrate(50, 500.0) == pytest.approx(float(floor), rel=1e-7)


def test_digital_number_500() -> None:
    """reference_values.json radiometry/s1_dn500_A500_eta2500: 1 raw, .99 without noise."""
    assert ct.calibrate(np.uint16(500), 500.0) == np.float32(1.0)
    assert ct.calibrate(np.uint16(500), 500.0, 2500.0) == np.float32(0.99)


def test_no_data_is_nan_and_negative_power_stays() -> None:
    power = ct.calibrate(np.array([[0, 30, 50, 65535]], np.uint16), 500.0, 2500.0)
    assert power.dtype == np.float32
    np.testing.assert_allclose(power, [[np.nan, -0.0064, 0.0, 17179.3449]], rtol=1e-6, atol=1e-12)


def test_noise_alone_calibrates_to_zero_on_average_without_clipping() -> None:
    """Simulated thermal noise of 4.4 looks through whole numbers: unbiased to 3 sigma; clipped it is 18 % of the floor."""
    rng = np.random.default_rng(4)
    eta, lut, n = 2000.0, 500.0, 400_000
    dn = np.rint(np.sqrt(eta * rng.gamma(4.4, 1.0 / 4.4, n))).astype(np.uint16)
    power = ct.calibrate(dn, lut, eta).astype(float)
    floor = eta / lut**2
    assert np.nanmean(power) == pytest.approx(0.0, abs=3 * floor / np.sqrt(4.4 * n) + 0.1 / lut**2)
    assert np.maximum(power, 0.0).mean() > 0.15 * floor


@pytest.mark.parametrize(("ipf", "columns"), [(2.36, 1000), (2.84, 1000), (2.9, 0), (3.31, 0)])
def test_borders_are_noise_before_ipf_2_9(ipf: float, columns: int) -> None:
    assert ct.border_px(ipf) == columns


def test_valid_pixels_keep_four_pixels_from_no_data_and_the_borders_of_the_image() -> None:
    rng = np.random.default_rng(9)
    dn = rng.integers(1, 900, (70, 90)).astype(np.uint16)
    dn[rng.random(dn.shape) < 0.002] = 0
    border = 7
    data = dn > 0
    data[:, :border] = data[:, -border:] = False
    expected = binary_erosion(data, np.ones((9, 9)))
    valid = ct.valid_pixels(dn, border=border)
    np.testing.assert_array_equal(valid, expected)
    assert 0.3 < valid.mean() < 0.8
    halo = ct.BORDER_MARGIN_PX
    for top, bottom in pairwise((0, 33, 70)):
        for left, right in pairwise((0, 15, 61, 90)):
            up, back = max(top - halo, 0), max(left - halo, 0)
            block = dn[up : bottom + halo, back : right + halo]
            part = ct.valid_pixels(block, first_pixel=back, width=90, border=border)
            inside = part[top - up : bottom - up, left - back : right - back]
            np.testing.assert_array_equal(inside, expected[top:bottom, left:right])


@pytest.mark.parametrize(
    ("lines", "pixels", "values", "why"),
    [
        ([], [], [], "no lines"),
        ([0, 0], [[0, 1]] * 2, [[1, 1]] * 2, "lines do not rise: 0, 0"),
        ([5, 3], [[0, 1]] * 2, [[1, 1]] * 2, "lines do not rise: 5, 3"),
        ([0, 1], [[0, 1], [1, 1]], [[1, 1]] * 2, "pixels do not rise: 1, 1"),
        ([0, 1], [[0, 1], [0, np.nan]], [[1, 1]] * 2, "pixels do not rise: 0, nan"),
        ([0, 1], [[0, 1]] * 2, [[1, 1], [1, 1, 1]], "line 1 has 3 values at 2 pixels"),
        ([0, 1], [[0, 1]] * 2, [[1, np.inf], [1, 1]], "line 0 holds inf"),
    ],
)
def test_tables_that_make_no_sense_are_refused(
    lines: list[float], pixels: list[list[float]], values: list[list[float]], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        ct.join(lines, pixels, values)
