"""Pictures as channels, and how they are varied (models/inputs/stretched)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.proof_statistics import area_under_curve
from floodfuse.catalogs.datasets.ombria import Ombria
from floodfuse.models.inputs import stretched
from floodfuse.models.inputs.registry import INPUTS

Float32 = NDArray[np.float32]
reproducible = settings(deadline=None, derandomize=True, max_examples=60)
every_view = pytest.mark.parametrize("view", sorted(stretched.CHANNELS))
RADAR, OPTICAL = "s1/after", "s2/after"


def picture(view: str, seed: int = 0, side: int = 32) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (stretched.RAW_CHANNELS[view], side, side)).astype(np.uint8)


def everywhere(side: int = 32) -> NDArray[np.bool_]:
    return np.ones((side, side), bool)


def test_inputs_are_found_by_their_name_and_carry_a_fingerprint() -> None:
    assert INPUTS["stretched"].FINGERPRINT == stretched.FINGERPRINT
    fingerprints = [inputs.FINGERPRINT for inputs in INPUTS.values()]
    assert all(fingerprints) and len(set(fingerprints)) == len(fingerprints)


@every_view
def test_a_view_has_the_channels_that_are_announced(view: str) -> None:
    made = stretched.prepare(view, picture(view), everywhere())
    assert made.shape == (stretched.CHANNELS[view], 32, 32)
    assert made.dtype == np.float32
    assert stretched.is_radar(view) == (view.split("/")[0] == "s1")


# ---- radar


@reproducible
@given(
    seed=st.integers(0, 1000),
    gain=st.floats(0.7, 2.0),
    offset=st.floats(-60.0, 60.0),
    share=st.floats(0.5, 1.0),
)
def test_the_level_below_land_does_not_know_an_offset_and_grows_with_a_gain(
    seed: int, gain: float, offset: float, share: float
) -> None:
    rng = np.random.default_rng(seed)
    values, seen = rng.normal(120.0, 20.0, (1, 32, 32)), rng.random((32, 32)) < share
    one, other = (stretched.prepare(RADAR, v, seen)[1] for v in (values, gain * values + offset))
    np.testing.assert_allclose(other, gain * one, atol=2e-5)
    assert np.ptp(one[seen]) > 1.0


def test_a_fifth_of_a_picture_lies_above_its_land() -> None:
    values = np.random.default_rng(1).normal(120.0, 15.0, (1, 128, 128))
    level, below = stretched.prepare(RADAR, values, everywhere(128))
    assert (below > 0.0).mean() == pytest.approx(0.2, abs=0.01)
    assert below.std() == pytest.approx(4.0 * 15.0 / 255.0, abs=0.01)
    np.testing.assert_allclose(level, 2.0 * values[0] / 255.0 - 1.0, atol=1e-6)


@reproducible
@given(seed=st.integers(0, 1000), flooded=st.floats(0.0, 0.7), depth=st.floats(60.0, 120.0))
def test_land_is_land_whether_a_flood_covers_nothing_or_most_of_a_picture(
    seed: int, flooded: float, depth: float
) -> None:
    """Of normal land its 80th percentile at most moves to its 33rd: by 1.3 standard deviations."""
    rng = np.random.default_rng(seed)
    dry = rng.normal(150.0, 10.0, (1, 64, 64))
    wet = rng.random((64, 64)) < flooded
    before, after = (stretched.prepare(RADAR, v, everywhere(64))[1] for v in (dry, dry - depth * wet))
    assert np.abs((after - before)[~wet]).max() < 1.5 * 10.0 * 4.0 / 255.0
    if wet.any():
        assert after[wet].mean() < after[~wet].mean() - 0.9 * depth * 4.0 / 255.0


def test_over_real_tiles_the_level_below_land_tells_water_better_than_the_level_does(
    real_data: Callable[[str], Path],
) -> None:
    """All tiles together: what counts is whether the same number means the same in every picture."""
    source = Ombria(real_data("ombria"))
    level, below, median, wet = list[Float32](), list[Float32](), list[Float32](), list[NDArray[np.bool_]]()
    for name in source.chips[::4]:
        chip = source.read(name)
        made = stretched.prepare(RADAR, *chip.views[RADAR])[:, ::4, ::4]
        level.append(made[0].ravel())
        below.append(made[1].ravel())
        median.append(made[0].ravel() - np.median(made[0]))
        wet.append(chip.truth[::4, ::4].ravel() == 1)
    truth = np.concatenate(wet)
    areas = [area_under_curve(-np.concatenate(told), truth) for told in (level, median, below)]
    print("area under the curve of level, level below the median, level below land:", np.round(areas, 3))
    assert areas[2] > areas[0] + 0.02 and areas[2] > areas[1] + 0.02


def test_the_level_of_a_radar_picture_is_kept_beside_it() -> None:
    values = picture(RADAR)
    low, high = (stretched.prepare(RADAR, v, everywhere())[0] for v in (values // 4, values // 4 + 100))
    np.testing.assert_allclose(high - low, 200.0 / 255.0, atol=1e-6)


def test_only_what_was_seen_tells_land() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(120.0, 20.0, (1, 32, 32))
    seen = rng.random((32, 32)) < 0.6
    other = np.where(seen, values, 255.0)
    one, two = stretched.prepare(RADAR, values, seen), stretched.prepare(RADAR, other, seen)
    assert np.array_equal(one[:, seen], two[:, seen])


def test_a_few_seen_pixels_tell_their_own_land_wherever_they_lie() -> None:
    values = np.random.default_rng(7).normal(120.0, 30.0, (1, 32, 32))
    for row, column in ((0, 0), (7, 7), (13, 19)):
        seen = np.zeros((32, 32), bool)
        seen[row : row + 2, column : column + 2] = True
        one, other = (stretched.prepare(RADAR, v, seen)[1][seen] for v in (values, values + 40.0))
        np.testing.assert_allclose(other, one, atol=2e-5)


# ---- optical


def test_optical_channels_are_bands_and_two_indices_of_water() -> None:
    values = picture(OPTICAL, seed=3)
    made = stretched.prepare(OPTICAL, values, everywhere())
    swir, nir, green = values.astype(np.float64) / 255.0
    for channel, band in zip(made[:3], (swir, nir, green), strict=True):
        np.testing.assert_allclose(channel, (band - 0.3) / 0.25, atol=1e-5)
    np.testing.assert_allclose(made[3], (green - nir) / (green + nir + 0.02), atol=1e-6)
    np.testing.assert_allclose(made[4], (green - swir) / (green + swir + 0.02), atol=1e-6)


def test_water_has_high_indices_and_plants_have_low_ones() -> None:
    values = np.zeros((3, 1, 2), np.uint8)
    values[:, 0, 0], values[:, 0, 1] = (5, 8, 30), (60, 110, 25)  # water, plants: B11, B8, B3
    made = stretched.prepare(OPTICAL, values, np.ones((1, 2), bool))
    assert (made[3:, 0, 0] > 0.4).all() and (made[3:, 0, 1] < -0.2).all()


# ---- extremes


@every_view
@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_black_and_white_and_empty_pictures_are_numbers(view: str, value: int, share: float) -> None:
    seen = np.random.default_rng(4).random((32, 32)) < share
    flat = np.full((stretched.RAW_CHANNELS[view], 32, 32), value, np.uint8)
    made = stretched.prepare(view, flat, seen)
    assert np.isfinite(made).all() and np.abs(made).max() < 5.0
    varied = stretched.vary(view, flat, np.random.default_rng(5))
    assert np.isfinite(stretched.prepare(view, varied, seen)).all()


@every_view
def test_one_seen_pixel_is_enough(view: str) -> None:
    seen = np.zeros((32, 32), bool)
    seen[3, 4] = True
    assert np.isfinite(stretched.prepare(view, picture(view), seen)).all()


# ---- varied


@reproducible
@given(view=st.sampled_from(sorted(stretched.CHANNELS)), seed=st.integers(0, 100_000))
def test_a_varied_picture_is_a_picture(view: str, seed: int) -> None:
    values = picture(view, seed)
    varied = stretched.vary(view, values, np.random.default_rng(seed))
    assert varied.shape == values.shape and varied.dtype == np.float32
    assert varied.min() >= 0.0 and varied.max() <= 255.0
    assert not np.array_equal(varied, values)
    assert np.array_equal(varied, stretched.vary(view, values, np.random.default_rng(seed)))
    assert np.array_equal(values, picture(view, seed))  # left as it was


@every_view
def test_a_picture_may_have_unequal_sides(view: str) -> None:
    values = picture(view)[:, :20, :31]
    for seed in range(20):  # some with clouds
        assert stretched.vary(view, values, np.random.default_rng(seed)).shape == values.shape


def test_a_varied_radar_picture_keeps_its_order_of_dark_and_bright() -> None:
    """The ground stays the same: only the stretch and the speckle are others."""
    rng = np.random.default_rng(6)
    ground = np.repeat(np.linspace(60.0, 180.0, 8), 128).reshape(1, 32, 32)
    for seed in range(20):
        varied = stretched.vary(
            RADAR, ground + rng.normal(0.0, 3.0, ground.shape), np.random.default_rng(seed)
        )
        steps = varied.reshape(8, 128).mean(axis=1)
        assert (np.diff(steps) > -1.0).all() and steps[-1] > steps[0] + 20.0


def test_absolute_radar_levels_are_made_worthless() -> None:
    means = [
        stretched.vary(RADAR, np.full((1, 16, 16), 120.0), np.random.default_rng(k)).mean()
        for k in range(200)
    ]
    assert np.std(means) > 15.0


def test_clouds_come_over_some_optical_pictures_and_cover_a_part() -> None:
    dark = np.full((3, 64, 64), 40.0)
    varied = np.array([stretched.vary(OPTICAL, dark, np.random.default_rng(k)) for k in range(200)])
    cloudy = np.ptp(varied[:, 2], axis=(1, 2)) > 0.0  # light and haze lie evenly on an even picture
    assert 0.1 < cloudy.mean() < 0.6
    covered = np.array([(green != np.median(green)).mean() for green in varied[cloudy, 2]])
    assert (covered > 0.02).all()
    assert np.median(varied[cloudy].max(axis=(1, 2, 3))) > 100.0
