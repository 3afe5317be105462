"""What training minimises: cross-entropy and Dice over labelled pixels.

Dice is taken chip by chip over the classes that the chip has, as scores are: a small flood counts as much as a large one.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from floodfuse.models.chips import UNLABELLED
from floodfuse.models.networks.fusion import Told

_SMOOTH = 1.0  # px, keeps a class of no pixels finite


def segmentation_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Mean cross-entropy plus mean (1 - Dice), over labelled pixels.

    Parameters
    ----------
    logits : (chip, class, y, x)
    truth : (chip, y, x), number of the class; 255 is left out
    """
    known = truth != UNLABELLED
    if not known.any():
        return logits.sum() * 0.0
    log_share = log_softmax(logits, dim=1)
    place = torch.where(known, truth.long(), 0)[:, None]  # (chip, 1, y, x)
    known = known[:, None]
    log_true = log_share.gather(1, place) * known  # of the true class
    entropy = -log_true.sum() / known.sum()
    return entropy + _dice_loss(log_share.exp(), log_true.exp(), place, known)


def _dice_loss(share: Tensor, share_true: Tensor, place: Tensor, known: Tensor) -> Tensor:
    """Sums by class of what was given to the true class, told without a picture a class of the truth."""
    given = (share * known).sum(dim=(2, 3))
    zero, classes = torch.zeros_like(given), place.flatten(1)
    both = zero.scatter_add(1, classes, (share_true * known).flatten(1))
    true = zero.scatter_add(1, classes, known.to(share.dtype).flatten(1))
    dice = (2.0 * both + _SMOOTH) / (given + true + _SMOOTH)
    return (1.0 - dice)[true > 0].mean()


def fusion_loss(told: Told, truth: Tensor) -> Tensor:
    """The loss of what is fused, and of late fusion also that of each sensor alone where it was seen, halved."""
    loss = segmentation_loss(told.logits, truth)
    for sensor, scores in told.alone.items():
        blind = told.masks[sensor][:, 0] <= 0
        loss = loss + 0.5 * segmentation_loss(scores, truth.masked_fill(blind, UNLABELLED))
    return loss
