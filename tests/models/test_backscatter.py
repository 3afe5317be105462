"""Calibrated images as channels, and how they are varied (models/inputs/backscatter)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from floodfuse.models.inputs import backscatter
from floodfuse.models.inputs.registry import INPUTS

Float32 = NDArray[np.float32]
reproducible = settings(deadline=None, derandomize=True, max_examples=40)
every_view = pytest.mark.parametrize("view", sorted(backscatter.CHANNELS))
RADARS = ("l/now", "s1/before", "s1/now")
every_radar = pytest.mark.parametrize("view", RADARS)
OPTICAL = "s2/now"
SIDE = 32


def image(view: str, seed: int = 0) -> Float32:
    """dB of land and water, or reflectance of anything."""
    rng = np.random.default_rng([seed, len(view)])
    if view == OPTICAL:
        return rng.uniform(0.0, 0.6, (3, SIDE, SIDE)).astype(np.float32)
    return rng.normal(-14.0, 5.0, (2, SIDE, SIDE)).astype(np.float32)


def some(seed: int = 1, share: float = 0.6) -> NDArray[np.bool_]:
    """Where something was seen."""
    return np.random.default_rng(seed).random((SIDE, SIDE)) < share


EVERYWHERE = np.ones((SIDE, SIDE), bool)


def test_inputs_are_found_by_their_name_and_carry_a_fingerprint_of_their_own() -> None:
    assert INPUTS["backscatter"].FINGERPRINT == backscatter.FINGERPRINT
    fingerprints = [inputs.FINGERPRINT for inputs in INPUTS.values()]
    assert len(set(fingerprints)) == len(fingerprints)


def test_the_fingerprint_stands_for_these_numbers() -> None:
    """Where these change, weights trained before must be refused: the fingerprint has to change with them."""
    assert backscatter.FINGERPRINT == (
        "backscatter/1: radar: (dB - (-10.0, -17.0)) / 5.0; optical: green nir swir cut to 0 ... 1, "
        "(x - 0.15) / 0.15, NDWI, MNDWI over sum + 0.02"
    )
    one = np.ones((1, 1), bool)
    for view in RADARS:
        made = backscatter.prepare(view, np.array([[[-20.0]], [[-17.5]]]), one)
        np.testing.assert_allclose(made[:, 0, 0], [-2.0, -0.1], atol=1e-6)
    made = backscatter.prepare(OPTICAL, np.array([[[0.06]], [[0.02]], [[0.30]]]), one)
    np.testing.assert_allclose(made[:, 0, 0], [-0.6, -0.13 / 0.15, 1.0, 0.4, -0.24 / 0.38], atol=1e-6)


@every_view
def test_a_view_has_the_channels_that_are_announced(view: str) -> None:
    values = image(view)
    assert values.shape[0] == backscatter.RAW_CHANNELS[view]
    made = backscatter.prepare(view, values, EVERYWHERE)
    assert made.shape == (backscatter.CHANNELS[view], SIDE, SIDE)
    assert made.dtype == np.float32
    assert backscatter.is_radar(view) == (view in RADARS)


# ---- what is kept


@reproducible
@given(
    view=st.sampled_from(RADARS),
    level=st.floats(-60.0, 30.0),
    step=st.floats(-15.0, 15.0),
    seed=st.integers(0, 99),
)
def test_a_step_in_db_is_the_same_step_wherever_and_in_whatever_picture_it_stands(
    view: str, level: float, step: float, seed: int
) -> None:
    """In either polarization and band, at any level: there is no stretch by what else is in the picture."""
    values, seen = image(view, seed).astype(np.float64) + level + 14.0, some(seed)
    low, high = (backscatter.prepare(view, v, seen) for v in (values, values + step))
    np.testing.assert_allclose((high - low)[:, seen], step / 5.0, atol=2e-5)


@every_view
def test_a_pixel_is_prepared_without_regard_to_the_others(view: str) -> None:
    values, seen = image(view), some()
    whole = backscatter.prepare(view, values, seen)
    part = backscatter.prepare(view, values[:, 5:9, 3:20], seen[5:9, 3:20])
    assert np.array_equal(whole[:, 5:9, 3:20], part)


@every_view
@pytest.mark.parametrize("absent", [np.nan, np.inf, -np.inf, -9999.0, 1e30])
def test_values_where_nothing_was_seen_do_not_leak(view: str, absent: float) -> None:
    values, seen = image(view), some()
    with_absent = np.where(seen, values, np.float32(absent))
    made = backscatter.prepare(view, with_absent, seen)
    assert np.array_equal(made, backscatter.prepare(view, values, seen))
    assert (made[:, ~seen] == 0.0).all() and np.isfinite(made).all()
    varied = backscatter.vary(view, with_absent, np.random.default_rng(3))
    same = backscatter.vary(view, values, np.random.default_rng(3))
    assert np.array_equal(varied[:, seen], same[:, seen])


@every_view
def test_nothing_seen_at_all_is_zero(view: str) -> None:
    made = backscatter.prepare(view, np.full_like(image(view), np.nan), ~EVERYWHERE)
    assert not made.any()


def test_water_has_high_indices_and_plants_have_low_ones() -> None:
    values = np.array([[[0.06, 0.05]], [[0.02, 0.40]], [[0.01, 0.20]]])  # green, nir, swir: water, plants
    ndwi, mndwi = backscatter.prepare(OPTICAL, values, np.ones((1, 2), bool))[3:, 0]
    assert ndwi[0] > 0.3 and mndwi[0] > 0.3 and ndwi[1] < -0.6 and mndwi[1] < -0.4


@pytest.mark.parametrize("value", [-0.1, 0.0, 1.0, 1.8])
def test_optical_images_darker_than_black_and_brighter_than_white_are_numbers_of_order_one(
    value: float,
) -> None:
    made = backscatter.prepare(OPTICAL, np.full((3, SIDE, SIDE), value), EVERYWHERE)
    assert np.isfinite(made).all() and np.abs(made).max() < 6.0


# ---- varied


@reproducible
@given(view=st.sampled_from(sorted(backscatter.CHANNELS)), seed=st.integers(0, 100_000))
def test_a_varied_image_is_a_function_of_what_is_drawn_and_leaves_the_first_one_as_it_was(
    view: str, seed: int
) -> None:
    values = image(view, seed % 7)
    varied = backscatter.vary(view, values, np.random.default_rng(seed))
    assert varied.shape == values.shape and varied.dtype == np.float32
    assert np.isfinite(varied).all() and not np.array_equal(varied, values)
    assert np.array_equal(varied, backscatter.vary(view, values, np.random.default_rng(seed)))
    assert np.array_equal(values, image(view, seed % 7))


@every_radar
def test_levels_are_off_by_tenths_of_a_db_and_no_more(view: str) -> None:
    values = image(view)
    off = np.array(
        [
            (backscatter.vary(view, values, np.random.default_rng(k)) - values).mean(axis=(1, 2))
            for k in range(300)
        ]
    )
    assert np.abs(off.mean(axis=0)).max() < 0.08
    assert (0.25 < off.std(axis=0)).all() and (off.std(axis=0) < 0.45).all()
    # the instrument is off more than one polarization against the other, whose ratio tells plants from water
    assert 0.1 < (off[:, 0] - off[:, 1]).std() < off[:, 0].std()


@every_radar
def test_speckle_is_added_pixel_by_pixel_and_is_weaker_than_that_of_the_image(view: str) -> None:
    values = image(view)
    spread = [
        (backscatter.vary(view, values, np.random.default_rng(k)) - values).std(axis=(1, 2)).max()
        for k in range(50)
    ]
    assert max(spread) < 1.2 and np.mean(spread) > 0.3


def test_light_moves_all_bands_together_more_than_apart_and_haze_lifts_what_is_dark() -> None:
    dark = np.full((3, SIDE, SIDE), 0.02, np.float32)
    varied = np.array(
        [backscatter.vary(OPTICAL, dark, np.random.default_rng(k))[:, 4, 4] for k in range(300)]
    )
    hazy = varied[:, 0] > 0.035
    assert 0.1 < hazy.mean() < 0.3
    gains = np.log(varied[~hazy] / 0.02)
    assert 0.08 < gains[:, 0].std() < 0.15
    assert 0.03 < (gains[:, 0] - gains[:, 1]).std() < gains[:, 0].std()
    green, nir, swir = varied[hazy].T
    assert (green > nir).all() and (nir > swir).all()  # haze scatters short waves
    assert varied.max() < 0.2
