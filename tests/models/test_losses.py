"""What training minimises (models/losses)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import log_softmax
from torch import Tensor

from floodfuse.models.chips import UNLABELLED
from floodfuse.models.losses import fusion_loss, segmentation_loss
from floodfuse.models.networks.fusion import Told

CLASSES = 3
reproducible = settings(deadline=None, derandomize=True, max_examples=40)


def truth_of(seed: int, chips: int = 2, side: int = 6, unlabelled: float = 0.3) -> Tensor:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, CLASSES, (chips, side, side)).astype(np.uint8)
    truth[rng.random(truth.shape) < unlabelled] = UNLABELLED
    return torch.from_numpy(truth)


def scores_of(seed: int, truth: Tensor, spread: float = 2.0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    chips, *sides = truth.shape
    return spread * torch.randn((chips, CLASSES, *sides), generator=rng, dtype=torch.float64)


def sure_of(truth: Tensor, scale: float = 30.0) -> Tensor:
    """Scores of a network that knows the truth."""
    known = torch.where(truth == UNLABELLED, 0, truth.long())
    return scale * torch.nn.functional.one_hot(known, CLASSES).movedim(-1, 1).double()


def gradient(logits: Tensor, truth: Tensor) -> tuple[float, Tensor]:
    leaf = logits.clone().requires_grad_()
    loss = segmentation_loss(leaf, truth)
    loss.backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    return float(loss.detach()), leaf.grad


def oracle(logits: NDArray[np.float64], truth: NDArray[np.uint8]) -> float:
    """Cross-entropy over all labelled pixels, and 1 - Dice over the classes of each chip, one pixel at a time."""
    log_share = log_softmax(logits, axis=1)
    entropies, losses = [], []
    for chip in range(len(truth)):
        for y, x in np.argwhere(truth[chip] != UNLABELLED):
            entropies.append(-log_share[chip, truth[chip, y, x], y, x])
        for k in range(logits.shape[1]):
            found = both = true = 0.0
            for y, x in np.argwhere(truth[chip] != UNLABELLED):
                share = np.exp(log_share[chip, k, y, x])
                found, true = found + share, true + (truth[chip, y, x] == k)
                both += share * (truth[chip, y, x] == k)
            if true:
                losses.append(1.0 - (2.0 * both + 1.0) / (found + true + 1.0))
    return float(np.mean(entropies) + np.mean(losses))


@reproducible
@given(seed=st.integers(0, 1000), unlabelled=st.sampled_from([0.0, 0.3, 0.9]))
def test_the_loss_is_cross_entropy_and_dice_of_the_classes_that_each_chip_has(
    seed: int, unlabelled: float
) -> None:
    truth = truth_of(seed, unlabelled=unlabelled)
    truth[0, 0, 0] = 1  # at least one labelled pixel
    logits = scores_of(seed + 1, truth)
    assert float(segmentation_loss(logits, truth)) == pytest.approx(
        oracle(logits.numpy(), truth.numpy()), abs=1e-9
    )


def test_dice_by_hand() -> None:
    """Two pixels, one of each class, each given its class at 3 to 1: Dice (2 * 0.75 + 1) / (1 + 1 + 1)."""
    logits = torch.log(torch.tensor([[[[0.75, 0.25]], [[0.25, 0.75]]]], dtype=torch.float64))
    truth = torch.tensor([[[0, 1]]], dtype=torch.uint8)
    expected = -np.log(0.75) + 1.0 - 2.5 / 3.0
    assert float(segmentation_loss(logits, truth)) == pytest.approx(expected, abs=1e-12)


@reproducible
@given(seed=st.integers(0, 1000))
def test_unlabelled_pixels_carry_no_gradient_and_their_scores_do_not_count(seed: int) -> None:
    truth = truth_of(seed)
    truth[0, 0, 0], truth[0, 0, 1] = 0, UNLABELLED
    logits = scores_of(seed, truth)
    loss, slope = gradient(logits, truth)
    hidden = (truth == UNLABELLED)[:, None].expand_as(logits)
    assert (slope[hidden] == 0.0).all()
    assert (slope[~hidden] != 0.0).all()
    other = torch.where(hidden, scores_of(seed + 1, truth, spread=9.0), logits)
    assert float(segmentation_loss(other, truth)) == loss


def test_a_perfect_prediction_costs_almost_nothing_and_a_wrong_one_much() -> None:
    truth = truth_of(3)
    loss, slope = gradient(sure_of(truth), truth)
    assert 0.0 <= loss < 1e-9
    assert slope.abs().max() < 1e-9
    assert float(segmentation_loss(-sure_of(truth), truth)) > 5.0


def test_a_step_down_the_gradient_lowers_the_loss() -> None:
    truth = truth_of(4)
    logits = scores_of(4, truth)
    loss, slope = gradient(logits, truth)
    assert float(segmentation_loss(logits - 0.1 * slope, truth)) < loss


def test_nothing_labelled_costs_nothing_and_has_a_gradient_of_zeros() -> None:
    truth = torch.full((2, 6, 6), UNLABELLED, dtype=torch.uint8)
    loss, slope = gradient(scores_of(1, truth), truth)
    assert loss == 0.0
    assert torch.equal(slope, torch.zeros_like(slope))


def test_a_chip_without_labels_does_not_change_what_another_costs() -> None:
    truth = truth_of(5)
    truth[1] = UNLABELLED
    logits = scores_of(5, truth)
    alone = float(segmentation_loss(logits[:1], truth[:1]))
    both, slope = gradient(logits, truth)
    assert both == pytest.approx(alone, abs=1e-12)
    assert (slope[1] == 0.0).all()


def test_a_small_flood_that_is_missed_costs_more_than_its_few_pixels() -> None:
    """4 of 256 pixels are wrong: cross-entropy alone is 8 * 4 / 256, Dice 0.8 of one of two classes."""
    flooded = torch.zeros((1, 16, 16), dtype=torch.uint8)
    flooded[0, :2, :2] = 1
    missed = sure_of(torch.zeros_like(flooded), 8.0)
    assert float(segmentation_loss(missed, flooded)) == pytest.approx(0.125 + 0.4, abs=0.02)


# ---- fusion


def told(alone: bool, seen: float, truth: Tensor) -> Told:
    sensors = ("s1", "s2")
    rng = torch.Generator().manual_seed(8)
    masks = {
        s: (torch.rand((truth.shape[0], 1, *truth.shape[1:]), generator=rng) < seen).double() for s in sensors
    }
    scores = {s: scores_of(k, truth).requires_grad_() for k, s in enumerate(sensors)} if alone else {}
    return Told(scores_of(7, truth).requires_grad_(), None, scores, masks)


def test_what_is_fused_is_all_that_counts_where_no_sensor_speaks_alone() -> None:
    truth = truth_of(6)
    said = told(False, 0.5, truth)
    assert float(fusion_loss(said, truth).detach()) == float(segmentation_loss(said.logits.detach(), truth))


def test_each_sensor_alone_counts_half_and_only_where_it_was_seen() -> None:
    truth = truth_of(6)
    said = told(True, 0.5, truth)
    loss = fusion_loss(said, truth)
    expected = float(segmentation_loss(said.logits.detach(), truth))
    for sensor, scores in said.alone.items():
        seen = torch.where(said.masks[sensor][:, 0] > 0, truth, torch.tensor(UNLABELLED, dtype=torch.uint8))
        expected += 0.5 * float(segmentation_loss(scores.detach(), seen))
    assert float(loss.detach()) == pytest.approx(expected, abs=1e-12)
    loss.backward()  # type: ignore[no-untyped-call]
    for sensor, scores in said.alone.items():
        assert scores.grad is not None
        blind = (said.masks[sensor] <= 0).expand_as(scores)
        assert (scores.grad[blind] == 0.0).all() and (scores.grad[~blind] != 0.0).any()


def test_sensors_that_saw_nothing_cost_nothing_and_learn_nothing() -> None:
    truth = truth_of(6)
    said = told(True, 0.0, truth)
    loss = fusion_loss(said, truth)
    assert float(loss.detach()) == float(segmentation_loss(said.logits.detach(), truth))
    loss.backward()  # type: ignore[no-untyped-call]
    for scores in said.alone.values():
        assert scores.grad is not None and torch.equal(scores.grad, torch.zeros_like(scores))
