"""Stripes of interference: found where they were put, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from floodfuse.harmonize.interference import runs, striped_lines

Float = NDArray[np.float64]


def scene(seed: int, rows: int = 400, columns: int = 300) -> Float:
    """L-HV of a valley with a lake across all its width, in dB, 8 looks."""
    rng = np.random.default_rng(seed)
    level = -16.0 + 3.0 * gaussian_filter(rng.standard_normal((rows, columns)), 12.0) * 20.0
    level[rows // 2 : rows // 2 + 60] -= 10.0
    return np.asarray(level + 10 * np.log10(rng.gamma(8.0, 1 / 8.0, level.shape)))


@pytest.mark.parametrize("seed", range(6))
def test_stripes_are_found_and_edges_of_a_lake_are_none(seed: int) -> None:
    power = scene(seed)
    assert not striped_lines(power).any() and not striped_lines(power.T).any()
    put = [40, 41, 42, 230, 377]
    power[put] = 10 * np.log10(10 ** (power[put] / 10) + 10 ** (-1.4))
    assert np.flatnonzero(striped_lines(power)).tolist() == put
    assert not striped_lines(power.T).any()


def test_a_row_with_more_forest_than_its_neighbours_is_no_stripe() -> None:
    """Woods along a row, 40 % of it, 8 dB brighter; its fields are as dark as all others."""
    power = scene(3)
    power[120, :120] += 8.0
    level = np.median(power, axis=1)
    assert level[120] > level[118:123].mean() + 1.0
    assert not striped_lines(power).any()


def test_margins_without_values_do_not_count() -> None:
    power = scene(1)
    power[:30], power[:, :200] = np.nan, np.nan
    power[100] += 8.0
    assert np.flatnonzero(striped_lines(power)).tolist() == [100]
    power[:, 60:] = np.nan
    assert not striped_lines(power).any()


def test_even_and_small_images_have_none() -> None:
    even = np.full((200, 100), -20.0)
    even[50] += 0.3
    assert not striped_lines(even).any()
    assert not striped_lines(scene(0)[:40]).any()
    assert not striped_lines(np.full((100, 10), np.nan)).any()


def test_runs_are_first_and_last() -> None:
    assert runs(np.array([True, True, False, False, True, False, True])) == [(0, 1), (4, 4), (6, 6)]
    assert runs(np.zeros(4, bool)) == [] and runs(np.ones(3, bool)) == [(0, 2)]
