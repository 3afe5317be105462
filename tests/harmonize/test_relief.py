"""Layover and cast shadow: exact on ramps, walls and pyramids, and in any block with its halo."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, gaussian_filter, map_coordinates

from floodfuse.harmonize import relief as rf
from floodfuse.harmonize.terrain import halo_px, is_layover, is_shadow, towards_sensor_deg

Float = NDArray[np.float64]
Mask = NDArray[np.bool_]
reproducible = settings(deadline=None, derandomize=True, max_examples=40)
WEST = 270.0
HIGH = 1e5  # relief to look for, so that nothing is cut off


def hills(seed: int, shape: tuple[int, int] = (40, 50), height_m: float = 60.0) -> Float:
    rough = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2.0)
    return np.asarray(rough / rough.std() * height_m)


def pyramid(height_m: float, resolution_m: float, foot_px: int, shape: tuple[int, int] = (61, 61)) -> Float:
    """A square pyramid in the middle, its foot `foot_px` pixels from its top."""
    rows, columns = np.abs(np.indices(shape) - np.array(shape)[:, None, None] // 2)
    return np.asarray(height_m * np.maximum(1.0 - np.maximum(rows, columns) / foot_px, 0.0))


def along_profile(z: Float, theta_deg: float, spacing_m: float) -> tuple[Mask, Mask]:
    """Layover and shadow of a profile seen from its start, by running extremes of range and of grazing height."""
    theta, x = np.deg2rad(theta_deg), np.arange(z.size) * spacing_m
    height, slant = z + x / np.tan(theta), x * np.sin(theta) - z * np.cos(theta)
    shadow = np.maximum.accumulate(height) > height
    layover = (np.maximum.accumulate(slant) > slant) | (np.minimum.accumulate(slant[::-1])[::-1] < slant)
    return layover, shadow


def seen_from(azimuth_deg: float, z: NDArray[Any]) -> NDArray[Any]:
    """The model turned so that a sensor at this azimuth (a multiple of 90 deg) is on its left."""
    return np.rot90(z, {270: 0, 0: 1, 90: 2, 180: 3}[int(azimuth_deg)])


@pytest.mark.parametrize("slope_deg", [-60.5, -50.5, -30.0, 0.0, 20.0, 30.5, 44.5])
@pytest.mark.parametrize(("theta", "azimuth"), [(30.0, 270.0), (39.0, 258.0), (45.0, 33.0)])
def test_a_ramp_is_judged_as_its_facets_are(slope_deg: float, theta: float, azimuth: float) -> None:
    north, east = -np.cos(np.deg2rad(azimuth)), np.sin(np.deg2rad(azimuth))
    rows, columns = np.indices((40, 40))
    away = -(rows * north + columns * east) * 10.0
    masks = rf.relief_masks(away * np.tan(np.deg2rad(slope_deg)), theta, azimuth, 10.0, HIGH)
    inside = (slice(2, -2),) * 2
    assert (masks.layover[inside] == bool(is_layover(theta, slope_deg))).all()
    assert (masks.active_layover[inside] == bool(is_layover(theta, slope_deg))).all()
    assert (masks.shadow[inside] == bool(is_shadow(theta, slope_deg))).all()


@pytest.mark.parametrize("theta", [25.0, 38.0, 52.0])
@pytest.mark.parametrize("height_m", [3.0, 25.0, 60.0])
def test_a_wall_throws_shadow_behind_and_lies_over_the_ground_before_it(
    theta: float, height_m: float
) -> None:
    """h tan(theta) behind, h / tan(theta) before and upon it."""
    z = np.zeros((5, 80))
    z[:, 40:50] = height_m
    masks = rf.relief_masks(z, theta, WEST, 5.0)
    column, tangent = np.arange(80), np.tan(np.deg2rad(theta))
    behind = (column >= 50) & ((column - 49) * 5.0 < height_m * tangent)
    before = (column < 40) & ((40 - column) * 5.0 < height_m / tangent)
    upon = (column >= 40) & (column < 50) & ((column - 39) * 5.0 < height_m / tangent)
    for row in range(5):
        np.testing.assert_array_equal(masks.shadow[row], behind)
        np.testing.assert_array_equal(masks.layover[row], before | upon)
    if height_m / tangent > 5.0:
        np.testing.assert_array_equal(np.flatnonzero(masks.active_layover[0]), [39, 40])
    else:
        assert not masks.layover.any()


@reproducible
@given(seed=st.integers(0, 10_000), theta=st.floats(20.0, 60.0), azimuth=st.sampled_from([0, 90, 180, 270]))
def test_walking_finds_what_running_extremes_find(seed: int, theta: float, azimuth: int) -> None:
    z = hills(seed)
    masks = rf.relief_masks(z, theta, azimuth, 10.0, HIGH)
    turned = [seen_from(azimuth, m) for m in (masks.layover, masks.shadow)]
    for row, profile in enumerate(seen_from(azimuth, z)):
        for found, expected in zip(turned, along_profile(profile, theta, 10.0), strict=True):
            np.testing.assert_array_equal(found[row], expected)


@pytest.mark.parametrize("theta", [30.0, 45.0, 57.0])
def test_a_pyramid_from_its_corner(theta: float) -> None:
    """Along the diagonal of the grid pixels are sqrt(2) apart; its edge there climbs at 41.5 deg."""
    z = pyramid(150.0, 10.0, 12)
    masks = rf.relief_masks(z, theta, 315.0, 10.0, HIGH)
    assert masks.layover.any() == (theta < 41.0) and masks.shadow.any() == (theta > 49.0)
    for offset in range(-40, 41):
        found = [np.diagonal(m, offset) for m in (masks.layover, masks.shadow)]
        expected = along_profile(np.diagonal(z, offset), theta, 10.0 * np.sqrt(2.0))
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("theta", [25.0, 38.0, 55.0])
def test_a_pyramid_looks_the_same_from_its_four_sides_and_alike_on_either_hand(theta: float) -> None:
    z = pyramid(140.0, 10.0, 11)
    west = rf.relief_masks(z, theta, WEST, 10.0)
    for azimuth in (0.0, 90.0, 180.0):
        other = rf.relief_masks(z, theta, azimuth, 10.0)
        for a, b in zip(west, other, strict=True):
            np.testing.assert_array_equal(seen_from(azimuth, b), a)
    for mask in west:
        np.testing.assert_array_equal(mask, mask[::-1])


@pytest.mark.parametrize("azimuth", [258.0, 283.7, 101.0, 12.0])
def test_any_direction_against_fine_steps_over_the_surface(azimuth: float) -> None:
    """Oracle: heights every .02 px along the ray. Between rows and columns a bilinear surface may bulge, a little."""
    theta, resolution = 42.0, 10.0
    z = hills(3, (45, 45), 70.0)
    tangent, step = np.tan(np.deg2rad(theta)), np.deg2rad(azimuth)
    row, column = np.indices(z.shape).astype(float)
    shadow, layover = np.zeros(z.shape, bool), np.zeros(z.shape, bool)
    for d in np.arange(0.02, 45.0, 0.02):
        for side in (1, -1):
            at = row - side * d * np.cos(step), column + side * d * np.sin(step)
            rise = map_coordinates(z, at, order=1, cval=np.nan) - z
            if side == 1:
                shadow |= rise * tangent > d * resolution
            layover |= -side * rise > d * resolution * tangent
    masks = rf.relief_masks(z, theta, azimuth, resolution, HIGH)
    assert shadow.mean() > 0.05 and layover.mean() > 0.2
    for found, expected in ((masks.shadow, shadow), (masks.layover, layover)):
        assert (found & ~expected).mean() < 0.001
        assert (expected & ~found).mean() < 0.01


@reproducible
@given(seed=st.integers(0, 10_000), cut=st.integers(1, 69), azimuth=st.floats(0.0, 360.0))
def test_a_block_with_its_halo_masks_what_the_whole_masks(seed: int, cut: int, azimuth: float) -> None:
    """Also where heights differ by more than is looked for, and the angle changes along the row."""
    z = hills(seed, (70, 80), 60.0)
    theta = np.linspace(30.0, 45.0, 80) + np.zeros((70, 1))
    h = halo_px((30.0, 45.0), 10.0, relief_m=90.0)
    assert h == int(np.ceil(90.0 / np.tan(np.deg2rad(30.0)) / 10.0)) + 1
    whole = rf.hidden_by_relief(z, theta, azimuth, 10.0, 90.0)
    parts = rf.relief_masks(z, theta, azimuth, 10.0, 90.0)
    np.testing.assert_array_equal(whole, binary_dilation(parts.layover | parts.shadow, np.ones((3, 3))))
    for top, bottom in pairwise((0, cut, 70)):
        up, left = max(top - h, 0), max(40 - h, 0)
        block = (slice(up, bottom + h), slice(left, None))
        found = rf.hidden_by_relief(z[block], theta[block], azimuth, 10.0, 90.0)
        np.testing.assert_array_equal(found[top - up :, 40 - left :][: bottom - top], whole[top:bottom, 40:])


def test_passive_layover_and_shadow_reach_no_further_than_the_halos_say() -> None:
    for theta in (29.0, 46.0):
        z = np.zeros((3, 400))
        z[:, 200:] = 1000.0
        before = rf.relief_masks(z, theta, WEST, 30.0).layover[1, :200].sum()
        behind = rf.relief_masks(z[:, ::-1], theta, WEST, 30.0).shadow[1, 200:].sum()
        assert before == np.ceil(1000.0 / np.tan(np.deg2rad(theta)) / 30.0) - 1
        assert behind == np.ceil(1000.0 * np.tan(np.deg2rad(theta)) / 30.0) - 1
        assert max(before, behind) < halo_px((theta, theta), 30.0)


def test_flat_ground_and_unknown_ground_hide_nothing() -> None:
    z = np.full((30, 30), 12.0)
    z[10:12, 10:12] = np.nan
    assert not np.any(rf.relief_masks(z, 38.0, 258.0, 10.0))
    z[20, 20] = 500.0
    angle = np.full((30, 30), 38.0)
    angle[:, :25] = np.nan
    masks = rf.relief_masks(z, angle, WEST, 10.0)
    assert masks.shadow[20, 25:].all()
    assert not np.any([m[:, :25] for m in masks])
    assert not np.any(rf.relief_masks(z, np.full((30, 30), np.nan), WEST, 10.0))


@pytest.mark.parametrize("theta", [0.0, 90.0, -5.0, 120.0])
def test_an_angle_at_which_no_radar_looks_is_refused(theta: float) -> None:
    with pytest.raises(ValueError, match="no range of a radar"):
        rf.relief_masks(np.zeros((3, 3)), theta, WEST, 10.0)


def test_where_a_right_looking_radar_is() -> None:
    """Sentinel-1 flying north (ascending, heading 345.8) looks east from the west; descending it is in the east."""
    assert towards_sensor_deg(345.8) == pytest.approx(255.8)
    assert towards_sensor_deg(194.2) == pytest.approx(104.2)
    assert towards_sensor_deg(0.0) == WEST
