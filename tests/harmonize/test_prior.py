"""What is known before any sensor looks (harmonization.md 7)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from floodfuse.harmonize import prior
from floodfuse.harmonize.classes import DRY, FLOODED, EvidenceClass

Float32 = NDArray[np.float32]
W, FF, FH, FU, DF, DV, BS, U = EvidenceClass
reproducible = settings(deadline=None, derandomize=True, max_examples=60)


def image(*values: float) -> Float32:
    return np.array([values], np.float32)


def water_log_odds(log_prior: Float32) -> NDArray[np.float64]:
    share = np.exp(log_prior.astype(float))
    wet, dry = share[..., : len(FLOODED)].sum(axis=-1), share[..., len(FLOODED) :].sum(axis=-1)
    return np.asarray(np.log(wet / dry))


@pytest.mark.parametrize(
    ("slope_deg", "nats"),
    [(0, 0.0), (1.5, -0.25), (3, -0.5), (4, -1.0), (5, -1.5), (10, -4.0), (15, -6.0), (40, -6.0)],
)
def test_slope_penalty(slope_deg: float, nats: float) -> None:
    """Section 7: -1.5 nats at 5 deg, -4 at 10."""
    assert prior.terrain_nats(None, image(slope_deg), (1, 1))[0, 0] == pytest.approx(nats, abs=1e-6)


@pytest.mark.parametrize(
    ("hand_m", "nats"), [(-2.0, 0.0), (0.0, 0.0), (4.0, -1.0), (10.0, -2.5), (32.0, -8.0), (500.0, -8.0)]
)
def test_height_above_drainage_costs_a_nat_every_four_metres_down_to_a_floor(
    hand_m: float, nats: float
) -> None:
    assert prior.terrain_nats(image(hand_m), None, (1, 1))[0, 0] == pytest.approx(nats, abs=1e-6)


def test_height_and_slope_add_up_and_unknown_terrain_costs_nothing() -> None:
    hand, slope = image(8.0, np.nan, 8.0, np.nan), image(5.0, 5.0, np.nan, np.nan)
    nats = prior.terrain_nats(hand, slope, (1, 4))
    np.testing.assert_allclose(nats, [[-3.5, -1.5, -2.0, 0.0]], atol=1e-6)
    np.testing.assert_array_equal(prior.terrain_nats(None, None, (2, 3)), np.zeros((2, 3)))


def test_terrain_lowers_the_odds_of_water_by_exactly_its_penalty() -> None:
    flat = prior.log_prior((1, 1))
    raised = prior.log_prior((1, 1), hand_m=image(6.0), slope_deg=image(10.0))
    assert water_log_odds(raised) - water_log_odds(flat) == pytest.approx(-1.5 - 4.0, abs=1e-5)


def test_without_any_layer_water_and_dry_ground_are_one_to_one() -> None:
    share = np.exp(prior.log_prior((2, 3)))
    assert share.shape == (2, 3, 8)
    np.testing.assert_allclose(share[..., : len(FLOODED)].sum(axis=-1), 0.5, atol=1e-6)


@reproducible
@given(
    seed=st.integers(0, 10_000),
    layers=st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans()),
)
def test_prior_sums_to_one_whatever_is_known(seed: int, layers: tuple[bool, bool, bool, bool]) -> None:
    rng = np.random.default_rng(seed)
    shape = (5, 6)
    landcover = rng.choice([0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100, 255], shape).astype(np.uint8)
    hand = rng.gamma(1.0, 10.0, shape).astype(np.float32)
    slope = rng.gamma(1.0, 5.0, shape).astype(np.float32)
    hand[0], slope[:, 0] = np.nan, np.nan
    permanent = rng.random(shape) < 0.3
    log_prior = prior.log_prior(
        shape,
        landcover if layers[0] else None,
        hand if layers[1] else None,
        slope if layers[2] else None,
        permanent if layers[3] else None,
    )
    assert log_prior.dtype == np.float32
    np.testing.assert_allclose(np.exp(log_prior.astype(float)).sum(axis=-1), 1.0, atol=1e-6)
    assert log_prior.min() > -20.0  # unlikely, never impossible


@pytest.mark.parametrize("code", prior.BY_LAND_COVER)
def test_shares_by_land_cover_cover_all_classes(code: int) -> None:
    shares = prior.BY_LAND_COVER[code]
    assert len(shares) == len(EvidenceClass)
    assert sum(shares) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(
    ("code", "likeliest_dry"),
    [(10, DF), (95, DF), (20, DV), (30, DV), (40, DV), (60, BS), (50, U), (0, DV), (255, DV)],
)
def test_land_cover_names_the_ground(code: int, likeliest_dry: EvidenceClass) -> None:
    """Codes that WorldCover does not define count as unknown."""
    log_prior = prior.log_prior((1, 1), np.full((1, 1), code, np.uint8))[0, 0]
    assert max(DRY, key=lambda k: float(log_prior[k])) is likeliest_dry


@pytest.mark.parametrize("code", [10, 20, 60, 95])
def test_land_cover_of_land_does_not_by_itself_decide_between_wet_and_dry(code: int) -> None:
    """It tells which kind of flood would be there, and leaves the rest to the sensors."""
    odds = water_log_odds(prior.log_prior((1, 1), np.full((1, 1), code, np.uint8)))
    assert abs(odds[0, 0]) < 0.35


def test_floods_take_the_form_of_the_ground_they_cover() -> None:
    codes = np.array([[10, 40, 50, 80]], np.uint8)
    log_prior = prior.log_prior((1, 4), codes)[0]
    flooded = log_prior[:, : len(FLOODED)].argmax(axis=-1)
    assert flooded.tolist() == [FF, W, FU, W]


def test_permanent_water_is_water_whatever_the_terrain_says() -> None:
    shape = (1, 2)
    landcover = np.full(shape, 10, np.uint8)
    permanent = np.array([[True, False]])
    log_prior = prior.log_prior(shape, landcover, image(300.0, 300.0), image(30.0, 30.0), permanent)
    assert np.exp(log_prior[0, 0, W]) == pytest.approx(0.95, abs=1e-6)
    assert np.exp(log_prior[0, 1, W]) < 1e-3


def test_one_prior_does_not_change_the_next() -> None:
    """The shared table must not be written into."""
    before = prior.log_prior((1, 1), np.full((1, 1), 10, np.uint8))
    prior.log_prior((1, 1), np.full((1, 1), 10, np.uint8), image(100.0), image(20.0))
    prior.log_prior((1, 1), None, image(100.0), image(20.0), np.ones((1, 1), bool))
    np.testing.assert_array_equal(prior.log_prior((1, 1), np.full((1, 1), 10, np.uint8)), before)
