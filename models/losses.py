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
    true = torch.where(known, truth.long(), 0)[:, None]
    known = known[:, None]
    entropy = -(log_share.gather(1, true) * known).sum() / known.sum()
    return entropy + _dice_loss(log_share.exp(), true, known)


def _dice_loss(share: Tensor, true: Tensor, known: Tensor) -> Tensor:
    """Mean (1 - Dice) over the classes that each chip has, without a picture of the truth for every class.

    Parameters
    ----------
    share : (chip, class, y, x), probability
    true : (chip, 1, y, x), number of the class; any where not known
    known : (chip, 1, y, x), whether the pixel is labelled
    """
    given = (share * known).sum(dim=(2, 3))  # (chip, class), pixels
    zero, classes = torch.zeros_like(given), true.flatten(1)
    both = zero.scatter_add(1, classes, (share.gather(1, true) * known).flatten(1))
    there = zero.scatter_add(1, classes, known.to(share.dtype).flatten(1))
    dice = (2.0 * both + _SMOOTH) / (given + there + _SMOOTH)
    return (1.0 - dice)[there > 0].mean()


def fusion_loss(told: Told, truth: Tensor) -> Tensor:
    """The loss of what is fused, and of late fusion also that of each sensor alone where it was seen, halved."""
    loss = segmentation_loss(told.logits, truth)
    for sensor, scores in told.alone.items():
        blind = told.masks[sensor][:, 0] <= 0
        loss = loss + 0.5 * segmentation_loss(scores, truth.masked_fill(blind, UNLABELLED))
    return loss
