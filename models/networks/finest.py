"""The finest scale: what a pixel itself is, beside what surrounds it.

A U-Net hands nothing from its encoder to its decoder that is finer than half the resolution of its input, so that edges and
narrow things are guessed from features two pixels wide, four where pixels are folded. Here the input goes to the last layers, too.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_A_PIXEL = 8
FEATURES = 32
"""Features that the last layer gets."""


def width(fold: int) -> int:
    """Channels that `finest` makes of fold x fold pixels."""
    return _A_PIXEL * fold**2


def finest(channels_in: int, fold: int) -> nn.Sequential:
    """What each pixel of a stack is: (chip, channel, y, x) to (chip, `width(fold)`, y, x), folded both."""
    return nn.Sequential(
        nn.Conv2d(channels_in, width(fold), 1, bias=False), nn.BatchNorm2d(width(fold)), nn.ReLU()
    )


class Head(nn.Module):
    """The last layers: class scores from what surrounds a pixel and from what it is.

    Parameters
    ----------
    around : channels of the decoder
    fold : pixels a side folded into channels
    channels_out : classes times fold squared
    """

    def __init__(self, around: int, fold: int, channels_out: int) -> None:
        super().__init__()
        self.mix = nn.Sequential(
            nn.Conv2d(around + width(fold), FEATURES, 1, bias=False), nn.BatchNorm2d(FEATURES), nn.ReLU()
        )
        self.scores = nn.Conv2d(FEATURES, channels_out, 3, padding=1)

    def forward(self, around: Tensor, at_pixel: Tensor) -> tuple[Tensor, Tensor]:
        """What the last layer gets, (chip, feature, y, x), and what it makes of it, (chip, score, y, x).

        Parameters
        ----------
        around : (chip, channel, y, x), from the decoder
        at_pixel : (chip, `width(fold)`, y, x), from `finest`
        """
        features: Tensor = self.mix(torch.cat([around, at_pixel], dim=1))
        return features, self.scores(features)
