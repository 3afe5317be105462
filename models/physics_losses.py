"""Terms of the loss that physics asks for, on top of what labels ask for. Each is off until it is given a weight.

    hand         water does not stand on a pixel and leave its lower neighbour dry:
                 mean over pairs of neighbours of max(0, P_upper - P_lower) where HAND_upper - HAND_lower > 0.5 m
    evidence     what physics is sure of is not to be unsaid: mean of max(0, 1 - s f) over pixels at which the log-odds of water
                 by Bayes' rule exceed 3 in size; s their sign, f the network's log-odds
    calibration  mean of (P - y)^2, which is least where probabilities are honest (Brier 1950)

P is the probability of water in any form. The first two need evidence and terrain in the inputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from floodfuse.models.chips import UNLABELLED
from floodfuse.models.inputs import evidence as inputs
from floodfuse.models.networks.physics import bayes_scores
from floodfuse.models.view_names import sensor_of

STEP_M = 0.5  # smaller steps are errors of the height model
SURE_NATS = 3.0
_MARGIN_NATS = 1.0


class PhysicsLossSettings(BaseModel):
    """Weights of the terms."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hand: float = Field(default=0.0, ge=0)
    evidence: float = Field(default=0.0, ge=0)
    calibration: float = Field(default=0.0, ge=0)

    @property
    def needs_evidence(self) -> bool:
        """Whether inputs must hold evidence and terrain."""
        return self.hand > 0 or self.evidence > 0


def physics_loss(
    logits: Tensor,
    truth: Tensor,
    views: Mapping[str, Tensor],
    flooded: Sequence[int],
    weights: PhysicsLossSettings,
) -> Tensor:
    """The weighted sum of the terms that are on.

    Parameters
    ----------
    logits : (chip, class, y, x)
    truth : (chip, y, x), 255 unlabelled
    views : as the network got them, (chip, channel + 1, y, x)
    flooded : numbers of flooded classes
    """
    total = logits.new_zeros(())
    if weights == PhysicsLossSettings():
        return total
    odds = water_odds(logits, flooded)
    if weights.hand:
        total = total + weights.hand * hand_term(torch.sigmoid(odds), views[inputs.GROUND])
    if weights.evidence:
        total = total + weights.evidence * evidence_term(odds, views, flooded)
    if weights.calibration:
        total = total + weights.calibration * brier_term(torch.sigmoid(odds), truth, flooded)
    return total


def water_odds(scores: Tensor, flooded: Sequence[int]) -> Tensor:
    """Log-odds of any flooded class, (chip, y, x), of scores by class, (chip, class, y, x)."""
    dry = [k for k in range(scores.shape[1]) if k not in flooded]
    return scores[:, list(flooded)].logsumexp(dim=1) - scores[:, dry].logsumexp(dim=1)


def hand_term(water: Tensor, ground: Tensor) -> Tensor:
    """Water above its dry lower neighbour, mean over the pairs that differ in height; 0 where there are none."""
    height = ground[:, inputs.HAND] * inputs.HAND_SCALE_M
    known = (ground[:, inputs.HAND_KNOWN] > 0) & (ground[:, -1] > 0) & (height < inputs.HIGHEST_M)
    total, pairs = water.new_zeros(()), water.new_zeros(())
    for axis in (1, 2):
        n = water.shape[axis] - 1
        one, two = (torch.arange(k, k + n, device=water.device) for k in (0, 1))
        rise = height.index_select(axis, two) - height.index_select(axis, one)
        apart = known.index_select(axis, one) & known.index_select(axis, two) & (rise.abs() > STEP_M)
        ahead = (water.index_select(axis, two) - water.index_select(axis, one)) * rise.sign()
        total = total + (ahead.clamp_min(0.0) * apart).sum()
        pairs = pairs + apart.sum()
    return total / pairs.clamp_min(1.0)


def evidence_term(odds: Tensor, views: Mapping[str, Tensor], flooded: Sequence[int]) -> Tensor:
    """How far what physics is sure of is unsaid, mean over the pixels where it is; 0 where there are none."""
    said = {name: view for name, view in views.items() if name in inputs.SAID}
    stacks = {sensor_of(name): view * (view[:, -1:] > 0) for name, view in said.items()}
    physics = water_odds(bayes_scores(stacks, inputs.CLASSES), flooded)
    seen = torch.stack([view[:, -1] > 0 for name, view in said.items() if name != inputs.GROUND]).any(dim=0)
    sure = seen & (physics.abs() > SURE_NATS)
    unsaid = (_MARGIN_NATS - physics.sign() * odds).clamp_min(0.0)
    return (unsaid * sure).sum() / sure.sum().clamp_min(1)


def brier_term(water: Tensor, truth: Tensor, flooded: Sequence[int]) -> Tensor:
    """Mean squared error of the probability of water over labelled pixels."""
    known = truth != UNLABELLED
    wet = torch.isin(truth, torch.tensor(list(flooded), dtype=truth.dtype, device=truth.device))
    return ((water - wet.to(water.dtype)).square() * known).sum() / known.sum().clamp_min(1)
