"""Terms of the loss that physics asks for (models/physics_losses)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from floodfuse.models.chips import UNLABELLED
from floodfuse.models.inputs import evidence as inputs
from floodfuse.models.physics_losses import (
    PhysicsLossSettings,
    brier_term,
    evidence_term,
    hand_term,
    physics_loss,
    water_odds,
)

SIDE, FLOODED = 16, (0, 1, 2, 3)


def ground(hand_m: np.ndarray[tuple[int, int], np.dtype[np.float32]] | None) -> Tensor:
    """The ground's view of one chip, with its mask."""
    share = np.full((SIDE, SIDE, inputs.CLASSES), -np.log(inputs.CLASSES), np.float32)
    made = inputs.stack_ground(share, hand_m, None)
    return torch.from_numpy(np.concatenate([made, np.ones((1, SIDE, SIDE), np.float32)]))[None]


def slope() -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Ground that rises by 1 m a row."""
    return np.repeat(np.arange(SIDE, dtype=np.float32)[:, None], SIDE, axis=1)


def radar(nats: float, seen: bool = True) -> Tensor:
    """A radar that says `nats` for open water everywhere, or sees nothing."""
    view = torch.zeros((1, inputs.CLASSES + 2, SIDE, SIDE))
    view[:, 0] = nats
    view[:, -1] = float(seen)
    return view


def test_water_that_fills_from_below_costs_nothing_and_water_on_a_slope_does() -> None:
    height = torch.from_numpy(slope())[None]
    flat = ground(slope())
    assert float(hand_term((height < 5).float(), flat)) == 0.0
    on_top = hand_term((height > 5).float(), flat)
    assert float(on_top) == pytest.approx(1.0 / (SIDE - 1))  # one of the steps down a column is wrong
    assert float(hand_term(torch.full((1, SIDE, SIDE), 0.7), flat)) == 0.0


def test_heights_that_are_unknown_or_differ_by_less_than_their_error_say_nothing() -> None:
    water = torch.rand((1, SIDE, SIDE), generator=torch.Generator().manual_seed(1))
    assert float(hand_term(water, ground(None))) == 0.0
    assert float(hand_term(water, ground(slope() * 0.4))) == 0.0
    assert float(hand_term(water, ground(slope()))) > 0.0


def test_the_hand_term_pulls_a_slope_dry_and_its_foot_wet() -> None:
    odds = torch.zeros((1, SIDE, SIDE), requires_grad=True)
    water = torch.sigmoid(odds + torch.from_numpy(slope())[None] * 0.1)
    hand_term(water, ground(slope())).backward()  # type: ignore[no-untyped-call]
    assert odds.grad is not None
    assert odds.grad[0, -1].min() > 0.0 and odds.grad[0, 0].max() < 0.0


def test_what_physics_is_sure_of_must_not_be_unsaid() -> None:
    views = {"c/now": radar(6.0), inputs.GROUND: ground(slope())}
    agreeing, unsaying = torch.full((1, SIDE, SIDE), 3.0), torch.full((1, SIDE, SIDE), -3.0)
    assert float(evidence_term(agreeing, views, FLOODED)) == 0.0
    assert float(evidence_term(unsaying, views, FLOODED)) == pytest.approx(4.0)
    unsure = {"c/now": radar(1.0), inputs.GROUND: ground(slope())}
    assert float(evidence_term(unsaying, unsure, FLOODED)) == 0.0


def test_evidence_that_was_not_seen_is_not_defended() -> None:
    views = {"c/now": radar(6.0, seen=False), inputs.GROUND: ground(slope())}
    assert float(evidence_term(torch.full((1, SIDE, SIDE), -3.0), views, FLOODED)) == 0.0


def test_what_was_measured_is_no_evidence_to_be_defended() -> None:
    views = {"c/now": radar(6.0), inputs.GROUND: ground(slope())}
    part = torch.cat([torch.full((1, 2, SIDE, SIDE), 3.0), torch.ones((1, 1, SIDE, SIDE))], dim=1)
    unsaying = torch.full((1, SIDE, SIDE), -3.0)
    beside = evidence_term(unsaying, views | {"c/now:vv": part}, FLOODED)
    assert torch.equal(beside, evidence_term(unsaying, views, FLOODED))


def test_odds_of_water_are_those_of_the_softmax() -> None:
    scores = torch.randn((2, 8, 4, 4), generator=torch.Generator().manual_seed(0))
    water = torch.softmax(scores, dim=1)[:, :4].sum(dim=1)
    torch.testing.assert_close(torch.sigmoid(water_odds(scores, FLOODED)), water)


def test_the_brier_term_is_least_where_probabilities_are_honest_and_leaves_out_the_unlabelled() -> None:
    generator = torch.Generator().manual_seed(2)
    truth = torch.where(torch.rand((1, 100, 100), generator=generator) < 0.3, 0, 7).to(torch.uint8)
    costs = [float(brier_term(torch.full((1, 100, 100), p), truth, FLOODED)) for p in (0.1, 0.3, 0.6)]
    assert costs[1] < costs[0] and costs[1] < costs[2]
    known = truth.clone()
    known[:, :50] = UNLABELLED
    half = float(brier_term(torch.full((1, 100, 100), 0.3), known, FLOODED))
    assert half == pytest.approx(float(brier_term(torch.full((1, 50, 100), 0.3), truth[:, 50:], FLOODED)))


def test_the_loss_is_the_sum_of_what_is_on() -> None:
    scores = torch.randn((1, 8, SIDE, SIDE), generator=torch.Generator().manual_seed(0))
    truth = torch.zeros((1, SIDE, SIDE), dtype=torch.uint8)
    views = {"c/now": radar(6.0), inputs.GROUND: ground(slope())}

    def loss(**weights: float) -> float:
        return float(physics_loss(scores, truth, views, FLOODED, PhysicsLossSettings(**weights)))

    assert loss() == 0.0
    parts = loss(hand=1.0), loss(evidence=2.0), loss(calibration=3.0)
    assert min(parts) > 0.0
    assert loss(hand=1.0, evidence=2.0, calibration=3.0) == pytest.approx(sum(parts), rel=1e-5)
