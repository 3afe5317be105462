"""Early fusion: one encoder over the stack of all sensors and their masks."""

from __future__ import annotations

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

from floodfuse.models.networks.finest import FEATURES, Head, finest
from floodfuse.models.networks.fusion import FusionNetwork, Told
from floodfuse.models.networks.views import Views


class UNet(nn.Module):
    """A U-Net with random weights, whose last layers see each pixel itself, too.

    Parameters
    ----------
    encoder : of segmentation-models-pytorch
    decoder : its channels, coarsest first
    fold : pixels a side folded into channels
    channels_in, channels_out : of the stack and of the scores, folded
    """

    def __init__(
        self, encoder: str, decoder: tuple[int, ...], fold: int, channels_in: int, channels_out: int
    ) -> None:
        super().__init__()
        self.around = smp.Unet(
            encoder,
            encoder_weights=None,
            in_channels=channels_in,
            encoder_depth=len(decoder),
            decoder_channels=decoder,
        )
        self.around.segmentation_head = nn.Identity()
        self.finest = finest(channels_in, fold)
        self.head = Head(decoder[-1], fold, channels_out)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What the last layer gets, (chip, feature, y, x), and what it makes of it."""
        told: tuple[Tensor, Tensor] = self.head(self.around(x), self.finest(x))
        return told


class Early(FusionNetwork):
    """A U-Net whose first layer sees every sensor at once."""

    def __init__(
        self, views: Views, classes: int, encoder: str, decoder: tuple[int, ...], fold: int = 1
    ) -> None:
        super().__init__(views, classes, fold)
        channels = sum(self.channels_of(sensor) for sensor in self.sensors)
        self.unet = UNet(encoder, decoder, fold, channels, self.scores_out)
        self.known_features(FEATURES)

    def fuse(self, stacks: dict[str, Tensor], masks: dict[str, Tensor]) -> Told:
        """Scores of the U-Net."""
        features, logits = self.unet(torch.cat([stacks[sensor] for sensor in self.sensors], dim=1))
        return Told(logits, None, {}, masks, features)
