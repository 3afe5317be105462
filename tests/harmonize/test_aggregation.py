"""Evidence averaged over neighbours: speckle goes, edges and gaps stay, and no block border shows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from floodfuse.harmonize.evidence import AGGREGATION_HALO_PX, aggregate

Float32 = NDArray[np.float32]
reproducible = settings(deadline=None, derandomize=True, max_examples=25)


def scene(seed: int, shape: tuple[int, int] = (20, 23), missing: float = 0.2) -> Float32:
    rng = np.random.default_rng(seed)
    evidence = rng.uniform(-4.0, 0.0, (*shape, 8)).astype(np.float32)
    evidence[rng.random(shape) < missing] = np.nan
    return evidence


def plain(evidence: Float32) -> NDArray[np.float64]:
    """Weighted mean over valid pixels of a 5 x 5 window, one window at a time."""
    kernel = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256.0
    padded = np.pad(evidence.astype(float), ((2, 2), (2, 2), (0, 0)), constant_values=np.nan)
    out = np.full(evidence.shape, np.nan)
    for r, c in np.argwhere(np.isfinite(evidence[..., 0])):
        window = padded[r : r + 5, c : c + 5]
        weight = np.where(np.isfinite(window[..., 0]), kernel, 0.0)
        out[r, c] = (weight[..., None] * np.nan_to_num(window)).sum(axis=(0, 1)) / weight.sum()
    return out


@pytest.mark.parametrize("missing", [0.0, 0.2, 0.9])
def test_kernels_equal_the_plain_weighted_mean_in_double_precision(missing: float) -> None:
    evidence = scene(1, missing=missing)
    np.testing.assert_allclose(aggregate(evidence), plain(evidence), atol=1e-5)


@reproducible
@given(seed=st.integers(0, 1000), missing=st.floats(0.0, 0.95))
def test_invalid_pixels_stay_invalid_and_never_leak(seed: int, missing: float) -> None:
    evidence = scene(seed, missing=missing)
    valid = np.isfinite(evidence[..., 0])
    out = aggregate(evidence)
    assert np.isnan(out[~valid]).all()
    assert np.isfinite(out[valid]).all()
    low, high = evidence[valid].min(initial=0.0), evidence[valid].max(initial=-4.0)
    assert (out[valid] >= low - 1e-5).all() and (out[valid] <= high + 1e-5).all()


@reproducible
@given(seed=st.integers(0, 1000), value=st.floats(-4.0, 0.0, width=32))
def test_constant_in_constant_out_also_beside_gaps_and_at_the_border(seed: int, value: float) -> None:
    evidence = scene(seed)
    valid = np.isfinite(evidence[..., 0])
    evidence[valid] = value
    np.testing.assert_allclose(aggregate(evidence)[valid], value, rtol=1e-6, atol=1e-7)


def test_one_pixel_reaches_two_pixels_far_and_no_further() -> None:
    evidence = scene(2, missing=0.0)
    changed = evidence.copy()
    changed[10, 11] -= 1.0
    moved = np.argwhere((aggregate(changed) != aggregate(evidence)).any(axis=-1)) - (10, 11)
    assert np.abs(moved).max() == AGGREGATION_HALO_PX == 2
    assert len(moved) == 25


def test_a_pixel_going_missing_changes_nothing_three_pixels_away() -> None:
    evidence = scene(3)
    evidence[10, 11] = -1.0
    changed = evidence.copy()
    changed[10, 11] = np.nan
    before, after = aggregate(evidence), aggregate(changed)
    rows, columns = np.mgrid[: before.shape[0], : before.shape[1]]
    far = np.maximum(np.abs(rows - 10), np.abs(columns - 11)) >= 3
    np.testing.assert_array_equal(before[far], after[far])


@reproducible
@given(seed=st.integers(0, 1000), top=st.integers(0, 8), left=st.integers(0, 8), size=st.integers(6, 11))
def test_a_window_cut_anywhere_gives_the_same_bytes_inside_its_halo(
    seed: int, top: int, left: int, size: int
) -> None:
    evidence = scene(seed)
    whole = aggregate(evidence)
    part = aggregate(evidence[top : top + size, left : left + size])
    halo = AGGREGATION_HALO_PX
    inside = part[halo : size - halo, halo : size - halo]
    expected = whole[top + halo : top + size - halo, left + halo : left + size - halo]
    assert inside.tobytes() == expected.tobytes()


def test_speckle_in_evidence_falls_as_the_window_says() -> None:
    """Independent pixels: the standard deviation falls by the norm of the kernel, 70 / 256."""
    evidence = np.random.default_rng(4).normal(0.0, 1.0, (200, 200, 8)).astype(np.float32)
    inner = aggregate(evidence)[2:-2, 2:-2]
    assert inner.std() == pytest.approx(70 / 256, rel=0.02)


def test_agreeing_neighbours_do_not_count_as_more_looks() -> None:
    evidence = np.tile(np.linspace(-4.0, 0.0, 8, dtype=np.float32), (9, 9, 1))
    np.testing.assert_allclose(aggregate(evidence), evidence, atol=1e-6)


def test_nothing_seen_stays_nothing() -> None:
    assert np.isnan(aggregate(np.full((6, 7, 8), np.nan, np.float32))).all()
