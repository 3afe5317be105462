"""Early fusion: one encoder over the stack of all sensors and their masks."""

from __future__ import annotations

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

from floodfuse.models.networks.fusion import FusionNetwork, Told
from floodfuse.models.networks.views import Views


def unet(encoder: str, decoder: tuple[int, ...], channels_in: int, channels_out: int) -> smp.Unet:
    """A U-Net with random weights; `decoder` are its channels, coarsest first."""
    return smp.Unet(
        encoder,
        encoder_weights=None,
        in_channels=channels_in,
        classes=channels_out,
        encoder_depth=len(decoder),
        decoder_channels=decoder,
    )


def through(network: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """What the last layer of a U-Net gets, (chip, feature, y, x), and what it makes of it."""
    assert isinstance(network, smp.Unet)
    features: Tensor = network.decoder(network.encoder(x))
    return features, network.segmentation_head(features)


class Early(FusionNetwork):
    """A U-Net whose first layer sees every sensor at once."""

    def __init__(
        self, views: Views, classes: int, encoder: str, decoder: tuple[int, ...], fold: int = 1
    ) -> None:
        super().__init__(views, classes, fold)
        channels = sum(self.channels_of(sensor) for sensor in self.sensors)
        self.unet = unet(encoder, decoder, channels, self.scores_out)
        self.known_features(decoder[-1])

    def fuse(self, stacks: dict[str, Tensor], masks: dict[str, Tensor]) -> Told:
        """Scores of the U-Net."""
        features, logits = through(self.unet, torch.cat([stacks[sensor] for sensor in self.sensors], dim=1))
        return Told(logits, None, {}, masks, features)
