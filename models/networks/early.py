"""Early fusion: one encoder over the stack of all sensors and their masks."""

from __future__ import annotations

import segmentation_models_pytorch as smp
import torch
from torch import Tensor

from floodfuse.models.networks.fusion import FusionNetwork, Told
from floodfuse.models.networks.views import Views


class Early(FusionNetwork):
    """A U-Net whose first layer sees every sensor at once."""

    def __init__(
        self, views: Views, classes: int, encoder: str, decoder: tuple[int, ...], fold: int = 1
    ) -> None:
        super().__init__(views, classes, fold)
        self.unet = smp.Unet(
            encoder,
            encoder_weights=None,
            in_channels=sum(self.channels_of(sensor) for sensor in self.sensors),
            classes=self.scores_out,
            encoder_depth=len(decoder),
            decoder_channels=decoder,
        )

    def fuse(self, stacks: dict[str, Tensor], masks: dict[str, Tensor]) -> Told:
        """Scores of the U-Net."""
        logits = self.unet(torch.cat([stacks[sensor] for sensor in self.sensors], dim=1))
        return Told(logits, None, {}, masks)
