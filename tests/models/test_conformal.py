"""Answers at a risk (models/conformal)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from floodfuse.models.conformal import LEVELS, Conformal, quantiles


def ground(
    seed: int, pixels: int = 20_000, sharp: float = 1.5
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Probability of water of pixels, and whether there is any: honest odds, overlapping."""
    rng = np.random.default_rng(seed)
    wet = rng.uniform(size=pixels) < 0.3
    odds = rng.normal(np.where(wet, sharp, -sharp), 1.5)
    return 1.0 / (1.0 + np.exp(-odds)), wet


@given(st.floats(0.01, 0.45), st.integers(0, 1000))
def test_each_error_stays_within_the_risk_on_other_pixels_of_the_same_kind(risk: float, seed: int) -> None:
    conformal = quantiles(*ground(seed))
    water, wet = ground(seed + 5000)
    answered = conformal.answered(water, risk)
    called_dry, called_wet = answered & (water <= 0.5), answered & (water > 0.5)
    assert called_dry[wet].mean() <= risk + 0.02
    assert called_wet[~wet].mean() <= risk + 0.02


@pytest.mark.parametrize("risk", [0.05, 0.1, 0.2])
def test_sets_cover_the_truth_as_often_as_promised(risk: float) -> None:
    """Of either kind, the share of pixels whose set holds the truth is 1 - risk within 2 points."""
    conformal = quantiles(*ground(1, 200_000))
    water, wet = ground(2, 200_000)
    levels = np.linspace(0.0, 1.0, LEVELS)
    wet_allowed = 1.0 - water <= np.interp(1.0 - risk, levels, conformal.wet)
    dry_allowed = water <= np.interp(1.0 - risk, levels, conformal.dry)
    assert wet_allowed[wet].mean() == pytest.approx(1.0 - risk, abs=0.02)
    assert dry_allowed[~wet].mean() == pytest.approx(1.0 - risk, abs=0.02)


def test_the_less_risk_the_fewer_answers_and_errors_where_classes_overlap() -> None:
    conformal = quantiles(*ground(3))
    water, wet = ground(4)
    answered = [conformal.answered(water, risk) for risk in (0.02, 0.05, 0.1, 0.2)]
    shares = [float(a.mean()) for a in answered]
    wrong = [float(((water > 0.5) != wet)[a].mean()) for a in answered]
    assert shares == sorted(shares) and wrong == sorted(wrong)
    assert shares[0] < 0.7 < shares[-1]


def test_rare_floods_keep_their_own_promise() -> None:
    """Quantiles are by kind of truth: floods ten times as rare are missed no more often."""
    conformal = quantiles(*ground(5))
    water, wet = ground(6, 200_000)
    kept = ~wet | (np.random.default_rng(7).uniform(size=wet.size) < 0.1)
    water, wet = water[kept], wet[kept]
    missed = conformal.answered(water, 0.1) & (water <= 0.5) & wet
    assert missed.sum() / wet.sum() <= 0.12


def test_an_answer_is_the_likelier_one() -> None:
    """Where quantiles allow the less likely answer, none is given."""
    even = tuple(np.linspace(0.0, 0.2, LEVELS))
    lopsided = Conformal(wet=tuple(np.linspace(0.0, 0.9, LEVELS)), dry=even)
    assert not lopsided.answered(np.array([0.3]), 0.05)[0]
    assert lopsided.answered(np.array([0.99]), 0.05)[0]


def test_one_kind_of_ground_tells_nothing_of_the_other() -> None:
    for wet in (np.ones(50, bool), np.zeros(50, bool)):
        with pytest.raises(ValueError, match="all water or all dry"):
            quantiles(np.full(50, 0.5), wet)


@pytest.mark.parametrize("values", [(0.0, 1.0), tuple(np.linspace(1.0, 0.0, LEVELS)), (2.0,) * LEVELS])
def test_what_is_no_set_of_quantiles_is_refused(values: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError, match="quantiles of a probability"):
        Conformal(wet=values, dry=tuple(np.linspace(0.0, 1.0, LEVELS)))


@given(st.integers(0, 1000), st.floats(0.01, 0.4), st.floats(0.01, 0.4))
def test_whoever_risks_more_is_answered_where_others_are_and_elsewhere_too(
    seed: int, one: float, other: float
) -> None:
    conformal, (water, _) = quantiles(*ground(seed, 2000)), ground(seed + 1, 2000)
    less, more = sorted((one, other))
    assert not (conformal.answered(water, less) & ~conformal.answered(water, more)).any()
