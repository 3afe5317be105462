"""Open water by L band alone: who bears it out, and what is left of it where nobody does."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from floodfuse.catalogs.simulated.chips import chip_seed, simulate_chip
from floodfuse.catalogs.simulated.flood import Mechanism
from floodfuse.harmonize.classes import Decider, EvidenceClass, Exclusion
from floodfuse.harmonize.history import Pass
from floodfuse.harmonize.prior import log_prior
from floodfuse.models.bayes import fuse
from floodfuse.models.decision import WET_FROM
from floodfuse.pipeline import chip_evidence
from floodfuse.pipeline.smooth_ground import borne_nats, borne_out
from floodfuse.pipeline.weigh import Evidence

W, SOIL, LOW = EvidenceClass.OPEN_WATER, EvidenceClass.BARE_SOIL, EvidenceClass.DRY_LOW_VEG
L, C, EYES = Decider.ALOS2, Decider.SENTINEL1, Decider.SENTINEL2
FIVE_DAYS = np.asarray(5.0)


def said(water_over_soil: float, hours: float = 0.0, other: float = 4.0) -> Evidence:
    """One pixel: open water best, bare soil so far behind it, all else further; or soil best where that is negative."""
    nats = np.full((1, 1, 8), -other, np.float32)
    nats[..., W], nats[..., SOIL] = 0.0, -water_over_soil
    nats -= nats.max()
    llr = np.full((1, 1), 1.0, np.float32)
    unseen = np.zeros((1, 1), bool)
    return Evidence(
        nats, np.full((1, 1), abs(hours), np.float32), unseen, {"a": ~unseen}, (Pass("a", hours / 24.0, llr),)
    )


def over_soil(evidence: dict[Decider, Evidence]) -> float:
    nats = evidence[L].nats[0, 0]
    return float(nats[W] - nats[SOIL])


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ({}, None),
        ({C: said(-0.5)}, 0.0),
        ({C: said(0.9)}, 0.9),
        ({C: said(0.2), EYES: said(0.4, 20.0)}, 0.4),
        ({C: said(-0.5, 119.0)}, 0.0),
        ({C: said(-0.5, -119.0)}, 0.0),
        ({C: said(-0.5, 121.0)}, np.inf),
        ({C: said(0.3), EYES: said(1.5, 121.0)}, 1.5),  # the ground was water then, which speaks for it
    ],
)
def test_by_how_much_others_bear_l_band_out(others: dict[Decider, Evidence], expected: float | None) -> None:
    found = borne_nats({L: said(3.0), **others}, FIVE_DAYS)
    assert (None if found is None else float(found[0, 0])) == (
        None if expected is None else pytest.approx(expected)
    )


def test_without_l_band_there_is_nothing_to_bear_out() -> None:
    alone = {C: said(2.0), EYES: said(1.0)}
    assert borne_nats(alone, FIVE_DAYS) is None
    assert borne_out(alone, FIVE_DAYS) is alone


@pytest.mark.parametrize(("c_band", "left"), [(-0.5, 0.0), (0.3, 0.3), (2.0, 2.0), (3.5, 3.0)])
def test_l_band_then_tells_no_more_of_water_against_soil_and_all_else_as_before(
    c_band: float, left: float
) -> None:
    before = {L: said(3.0, other=3.5), C: said(c_band)}
    after = borne_out(before, FIVE_DAYS)
    assert over_soil(after) == pytest.approx(left, abs=1e-6)
    others = [int(k) for k in EvidenceClass if k is not SOIL]
    np.testing.assert_array_equal(after[L].nats[..., others], before[L].nats[..., others])
    np.testing.assert_array_equal(after[L].unpooled, before[L].unpooled)
    assert after[C] is before[C]
    assert over_soil(before) == 3.0  # what was given is left alone


@pytest.mark.parametrize("others", [{}, {C: said(3.0)}, {C: said(-0.5, 200.0)}, {EYES: said(3.5)}])
def test_l_band_is_believed_alone_and_where_others_bear_it_out(others: dict[Decider, Evidence]) -> None:
    assert over_soil(borne_out({L: said(3.0), **others}, FIVE_DAYS)) == 3.0


def test_soil_that_l_band_prefers_stays_preferred() -> None:
    assert over_soil(borne_out({L: said(-2.0), C: said(0.0)}, FIVE_DAYS)) == -2.0


def test_what_was_pooled_stays_pooled_and_unpooled_is_what_l_band_says_alone() -> None:
    whole = said(3.0)
    pooled = whole._replace(nats=np.float32(0.6) * whole.nats, before_pooling=whole.nats)
    after = borne_out({L: pooled, C: said(0.3)}, FIVE_DAYS)[L]
    assert float(after.nats[0, 0, W] - after.nats[0, 0, SOIL]) == pytest.approx(0.3, abs=1e-6)
    np.testing.assert_array_equal(after.unpooled, whole.nats)
    assert after.nats[0, 0, LOW] == np.float32(0.6) * whole.nats[0, 0, LOW]


def test_unseen_pixels_stay_unseen() -> None:
    nothing = np.full((1, 1, 8), np.nan, np.float32)
    blind = said(0.0)._replace(nats=nothing, age_hours=np.full((1, 1), np.nan, np.float32), passes=())
    assert np.isnan(borne_out({L: blind, C: said(0.0)}, FIVE_DAYS)[L].nats).all()
    assert over_soil(borne_out({L: said(3.0), C: blind}, FIVE_DAYS)) == 3.0


def test_fresh_mud_is_less_surely_water_and_lakes_as_surely_as_before() -> None:
    """Bare ground: L band as sure as it can be, C band in two minds over mud and not over a lake."""
    share = log_prior((1, 1), np.full((1, 1), 60, np.uint8), np.zeros((1, 1), np.float32))

    def water(c_band: Evidence) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        evidence = {L: said(4.0), C: c_band}
        return tuple(  # type: ignore[return-value]
            fuse({who: e.nats for who, e in told.items()}, share).water
            for told in (evidence, borne_out(evidence, FIVE_DAYS))
        )

    before, after = water(said(0.0))
    assert before[0, 0] > 0.95 and after[0, 0] < 0.6
    before, after = water(said(2.5))
    assert before[0, 0] > 0.95 and after[0, 0] > 0.95


def test_most_mud_of_other_physics_is_no_answer_and_water_stays_one() -> None:
    """What would be called open water, summed over chips of world B: what of it is excluded as smooth ground, on mud and on flood water."""
    taken = np.zeros((2, 2))
    for number in range(3):
        for row, mechanisms in enumerate(((), ("mud_flats",))):
            chip = simulate_chip(chip_seed(11, number), "B", 256, mechanisms)
            share = chip_evidence.prior_of(chip)
            made = chip_evidence.answer(chip, chip_evidence.evidence_of(chip, share), share)
            if mechanisms:
                here = (chip.mechanism == Mechanism.MUD_FLATS) & (chip.truth == EvidenceClass.BARE_SOIL)
            else:
                here = (chip.truth == EvidenceClass.OPEN_WATER) & ~chip.terrain.permanent_water
            called = here & (made.posterior.water > WET_FROM)
            taken[row] += called.sum(), (called & (made.bits & Exclusion.SMOOTH_GROUND > 0)).sum()
    assert (taken[:, 0] > 500).all()
    water, mud = taken[:, 1] / taken[:, 0]
    assert mud > 0.4 and water < 0.03
