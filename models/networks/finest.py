"""The finest scale: what a pixel itself is, beside what surrounds it.

A U-Net hands nothing from its encoder to its decoder that is finer than half the resolution of its input, so that edges and
narrow things are guessed from features two pixels wide, four where pixels are folded. Here the input goes to the last layers, too.
"""

from __future__ import annotations

from torch import Tensor, nn

_A_PIXEL = 8
_MIXED = 32


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
        self.features = around + width(fold)
        self.mix = nn.Sequential(
            nn.Conv2d(self.features, _MIXED, 1, bias=False), nn.BatchNorm2d(_MIXED), nn.ReLU()
        )
        self.scores = nn.Conv2d(_MIXED, channels_out, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Scores from (chip, feature, y, x), the decoder's first."""
        scores: Tensor = self.scores(self.mix(features))
        return scores
