"""Smooth random fields: between deviates linearly, independent of each other, the same from the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from floodfuse.models.smooth_noise import smooth_noise


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 1000),
    cells=st.integers(2, 12),
    shape=st.tuples(st.integers(13, 70), st.integers(13, 70)),
)
def test_it_is_what_an_independent_library_draws_between_the_same_deviates(
    seed: int, cells: int, shape: tuple[int, int]
) -> None:
    field = smooth_noise(np.random.default_rng(seed), shape, cells)
    deviates = np.random.default_rng(seed).normal(size=(cells, cells))
    along = np.arange(cells, dtype=float)
    rows, columns = (np.linspace(0.0, cells - 1.0, n) for n in shape)
    between = RegularGridInterpolator((along, along), deviates)
    expected = between(np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1))
    assert field.dtype == np.float32 and field.shape == shape
    np.testing.assert_allclose(field, expected, atol=1e-4)


def drawn(times: int, side: int, cells: int) -> NDArray[np.float32]:
    """So many fields from one generator, (time, y, x)."""
    rng = np.random.default_rng(1)
    return np.stack([smooth_noise(rng, (side, side), cells) for _ in range(times)])


def test_fields_have_mean_0_and_are_independent() -> None:
    fields = drawn(400, 48, 6)
    corners = fields[:, 0, 0]
    assert corners.mean() == pytest.approx(0.0, abs=0.15) and corners.std() == pytest.approx(1.0, abs=0.1)
    assert np.corrcoef(fields[::2, 24, 24], fields[1::2, 24, 24])[0, 1] == pytest.approx(0.0, abs=0.2)


def test_neighbours_share_it_and_pixels_cells_apart_do_not() -> None:
    fields = drawn(500, 60, 7)  # a deviate every 9.8 px
    near = np.corrcoef(fields[:, 30, 30], fields[:, 30, 31])[0, 1]
    far = np.corrcoef(fields[:, 30, 30], fields[:, 30, 55])[0, 1]
    assert near > 0.9 and abs(far) < 0.15
