"""What evidence of one day is worth on another (harmonization.md 4.6)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from floodfuse.harmonize.classes import EvidenceClass
from floodfuse.harmonize.decay import decay_evidence, decay_llr, half_life_days, persistence

Float32 = NDArray[np.float32]
W, FF, FH, FU, DF, DV, BS, U = EvidenceClass
reproducible = settings(deadline=None, derandomize=True, max_examples=80)
days = st.floats(0.0, 400.0)
half_lives = st.sampled_from([2.0, 5.0, 10.0])
nats = st.floats(-30.0, 30.0)

# Onset .01 per day, half-life 5 days: p11, p00, then l' for l = -5, -2, 2, 5, 50.
REFERENCE = {
    1: (0.871181, 0.990708, -1.99551, -1.39143, 1.82423, 4.00028, 4.54066),
    3: (0.664459, 0.975796, -1.05442, -0.833421, 1.51354, 3.07554, 3.31245),
    6: (0.449628, 0.960299, -0.551439, -0.457363, 1.12789, 2.28427, 2.42704),
    12: (0.224015, 0.944025, -0.194476, -0.165687, 0.582664, 1.30224, 1.3868),
    30: (0.0780779, 0.933497, -0.0123869, -0.0106762, 0.0506003, 0.146648, 0.160466),
    365: (0.0672814, 0.932719, 0.0, 0.0, 0.0, 0.0, 0.0),
}


@pytest.mark.parametrize("dt", REFERENCE)
def test_reference_table(dt: int) -> None:
    p11, p00, *expected = REFERENCE[dt]
    p = persistence(dt, 5.0, 0.01)
    assert p.wet == pytest.approx(p11, rel=1e-5)
    assert p.dry == pytest.approx(p00, rel=1e-5)
    np.testing.assert_allclose(decay_llr([-5, -2, 2, 5, 50], p), expected, rtol=1e-5, atol=1e-9)


@reproducible
@given(llr=nats, half_life=half_lives)
def test_no_time_no_change(llr: float, half_life: float) -> None:
    assert decay_llr(llr, persistence(0.0, half_life)) == pytest.approx(llr, abs=1e-9)


@reproducible
@given(llr=st.floats(-8.0, 8.0), first=days, second=days, half_life=half_lives)
def test_two_steps_are_one_step(llr: float, first: float, second: float, half_life: float) -> None:
    """Property 21, semigroup, to 1e-9 for all evidence a sensor can have (capped at 4 nats, robust to 5.7)."""
    stepwise = decay_llr(decay_llr(llr, persistence(first, half_life)), persistence(second, half_life))
    at_once = decay_llr(llr, persistence(first + second, half_life))
    assert stepwise == pytest.approx(float(at_once), abs=1e-9)


@reproducible
@given(llr=nats, dt=days, half_life=half_lives)
def test_decay_keeps_the_sign_shrinks_and_stays_within_bounds(
    llr: float, dt: float, half_life: float
) -> None:
    p = persistence(dt, half_life)
    moved = float(decay_llr(llr, p))
    assert moved * llr >= -1e-12
    assert abs(moved) <= abs(llr) + 1e-9
    if dt > 0.01:
        assert np.log((1 - p.wet) / p.dry) - 1e-9 <= moved <= np.log(p.wet / (1 - p.dry)) + 1e-9


@reproducible
@given(llr=nats, dt=days)
def test_before_or_after_makes_no_difference(llr: float, dt: float) -> None:
    assert decay_llr(llr, persistence(-dt)) == decay_llr(llr, persistence(dt))


def test_no_evidence_stays_none_and_old_evidence_becomes_none() -> None:
    assert decay_llr(0.0, persistence(3.0)) == pytest.approx(0.0, abs=1e-15)
    assert np.abs(decay_llr([-700.0, -4.0, 4.0, 700.0], persistence(365.0))).max() < 1e-9


def test_persistence_are_probabilities_of_a_chain_that_forgets() -> None:
    """Far away both states are left with the stationary share of wet days."""
    p = persistence(1e4, [2.0, 5.0, 10.0])
    np.testing.assert_allclose(p.wet + p.dry, 1.0, atol=1e-12)
    np.testing.assert_allclose(p.wet[1], 0.01 / (0.01 + np.log(2) / 5), rtol=1e-12)
    near = persistence(1.0, [2.0, 5.0, 10.0])
    assert (np.diff(near.wet) > 0).all()
    assert (near.wet > 0.5).all() and (near.dry > 0.9).all()


@pytest.mark.parametrize(
    ("hand_m", "expected"),
    [(0.0, 10.0), (0.99, 10.0), (1.0, 5.0), (2.9, 5.0), (3.0, 2.0), (50.0, 2.0), (np.nan, 5.0)],
)
def test_half_life_by_height_above_drainage(hand_m: float, expected: float) -> None:
    """4.6: 10 d below 1 m, 5 d from 1 to 3 m, 2 d above; 5 d where nobody knows."""
    assert half_life_days([hand_m]).tolist() == [expected]
    assert half_life_days(None) == 5.0


def scene(seed: int, shape: tuple[int, int] = (6, 7)) -> Float32:
    """Evidence as a radar leaves it: the best class at 0, none below -4, some pixels without."""
    rng = np.random.default_rng(seed)
    evidence = rng.uniform(-6.0, 0.0, (*shape, 8))
    evidence = np.maximum(evidence - evidence.max(axis=-1, keepdims=True), -4.0)
    evidence[rng.random(shape) < 0.2] = np.nan
    return evidence.astype(np.float32)


@reproducible
@given(seed=st.integers(0, 1000), dt=days, half_life=half_lives)
def test_classes_that_become_each_other_decay_as_a_ratio_does(seed: int, dt: float, half_life: float) -> None:
    """Flooded and dry forest, flooded and dry town: class by class is the same as by ratio."""
    evidence, p = scene(seed), persistence(dt, half_life)
    moved = decay_evidence(evidence, p)
    for wet, dry in ((FF, DF), (FU, U)):
        np.testing.assert_allclose(
            moved[..., wet] - moved[..., dry],
            decay_llr(evidence[..., wet] - evidence[..., dry], p),
            atol=2e-5,
        )


@reproducible
@given(seed=st.integers(0, 1000), dt=days)
def test_open_water_decays_against_the_ground_it_covers(seed: int, dt: float) -> None:
    """Against the equal mix of low vegetation and bare soil, exactly as a ratio: so it keeps its sign."""
    evidence, p = scene(seed).astype(float), persistence(dt)

    def against_ground(e: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(e[..., W] - np.log(0.5 * (np.exp(e[..., DV]) + np.exp(e[..., BS]))))

    moved = decay_evidence(evidence.astype(np.float32), p).astype(float)
    np.testing.assert_allclose(against_ground(moved), decay_llr(against_ground(evidence), p), atol=2e-5)


def test_evidence_of_the_same_moment_is_unchanged_and_gaps_stay_gaps() -> None:
    evidence = scene(1)
    np.testing.assert_allclose(decay_evidence(evidence, persistence(0.0)), evidence, atol=1e-5)
    moved = decay_evidence(evidence, persistence(2.0))
    assert moved.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(moved), np.isnan(evidence))


def test_each_pixel_decays_with_its_own_half_life() -> None:
    evidence = np.tile(scene(2)[:1, :1], (1, 2, 1))
    evidence[...] = [0.0, -1.0, -2.0, -2.5, -3.0, -4.0, -4.0, -3.5]
    moved = decay_evidence(evidence, persistence(4.0, half_life_days([[0.5, 20.0]])))
    for column, half_life in enumerate((10.0, 2.0)):
        alone = decay_evidence(evidence[:, :1], persistence(4.0, half_life))
        np.testing.assert_allclose(moved[:, column], alone[:, 0], atol=1e-6)
    assert moved[0, 0, W] - moved[0, 0, BS] > moved[0, 1, W] - moved[0, 1, BS] > 0


@reproducible
@given(seed=st.integers(0, 1000))
def test_decay_narrows_the_range_of_classes(seed: int) -> None:
    evidence = scene(seed)
    seen = np.isfinite(evidence[..., 0])
    spread = [np.ptp(decay_evidence(evidence, persistence(dt))[seen], axis=-1) for dt in (0.0, 2.0, 6.0)]
    assert (spread[1] <= spread[0] + 1e-5).all()
    assert (spread[2] <= spread[0] + 1e-5).all()


@reproducible
@given(seed=st.integers(0, 1000), dt=days)
def test_flooded_herbs_decay_against_dry_low_plants(seed: int, dt: float) -> None:
    """As a ratio of their own, which leaves water against the ground that it covers alone; after a long time nothing is left of it."""
    evidence, p = scene(seed).astype(float), persistence(dt)
    moved = decay_evidence(evidence.astype(np.float32), p).astype(float)
    fresh = evidence[..., FH] - evidence[..., DV]
    np.testing.assert_allclose(moved[..., FH] - moved[..., DV], decay_llr(fresh, p), atol=2e-5)
    later = decay_evidence(evidence.astype(np.float32), persistence(1000.0))
    known = np.isfinite(evidence[..., FH])
    np.testing.assert_allclose((later[..., FH] - later[..., DV])[known], 0.0, atol=1e-4)
