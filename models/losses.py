"""What training minimises: cross-entropy and Dice over labelled pixels.

Dice is taken chip by chip over the classes that the chip has, as scores are: a small flood counts as much as a large one.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

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
    entropy = cross_entropy(logits, truth.long(), ignore_index=UNLABELLED)
    return entropy + _dice_loss(logits, truth, known)


def _dice_loss(logits: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    share = torch.softmax(logits, dim=1) * known[:, None]
    classes = logits.shape[1]
    true = one_hot(torch.where(known, truth.long(), 0), classes).movedim(-1, 1) * known[:, None]
    both, total = (share * true).sum(dim=(2, 3)), (share + true).sum(dim=(2, 3))
    dice = (2.0 * both + _SMOOTH) / (total + _SMOOTH)
    there = true.sum(dim=(2, 3)) > 0
    return (1.0 - dice)[there].mean()


def fusion_loss(told: Told, truth: Tensor) -> Tensor:
    """The loss of what is fused, and of late fusion also that of each sensor alone where it was seen, halved."""
    loss = segmentation_loss(told.logits, truth)
    for sensor, scores in told.alone.items():
        blind = told.masks[sensor][:, 0] <= 0
        loss = loss + 0.5 * segmentation_loss(scores, truth.masked_fill(blind, UNLABELLED))
    return loss
