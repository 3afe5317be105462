"""The finest scale: what a pixel itself is, beside what surrounds it.

A U-Net hands nothing from its encoder to its decoder that is finer than half the resolution of its input, so that edges and
narrow things are guessed from features two pixels wide, four where pixels are folded. Here the input goes to the last layers, too.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_A_PIXEL = 8
MIXED = 32
"""Features that the last layer gets."""


def width(fold: int) -> int:
    """Channels of what `finest` tells of a place of fold x fold pixels."""
    return _A_PIXEL * fold**2


def finest(channels_in: int, fold: int) -> nn.Sequential:
    """Features of each pixel of a stack, which is folded."""
    return nn.Sequential(
        nn.Conv2d(channels_in, width(fold), 1, bias=False), nn.BatchNorm2d(width(fold)), nn.ReLU()
    )


class Head(nn.Module):
    """The last layers: class scores from what surrounds a pixel and from what it is.

    Parameters
    ----------
    around : channels of the decoder
    fold : of the pixels
    channels_out : scores
    """

    def __init__(self, around: int, fold: int, channels_out: int) -> None:
        super().__init__()
        self.mix = nn.Sequential(
            nn.Conv2d(around + width(fold), MIXED, 1, bias=False), nn.BatchNorm2d(MIXED), nn.ReLU()
        )
        self.scores = nn.Conv2d(MIXED, channels_out, 3, padding=1)

    def forward(self, around: Tensor, at_pixel: Tensor) -> tuple[Tensor, Tensor]:
        """What the last layer gets, (chip, feature, y, x), and what it makes of it."""
        features: Tensor = self.mix(torch.cat([around, at_pixel], dim=1))
        return features, self.scores(features)
