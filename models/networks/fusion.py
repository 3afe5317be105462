"""What every fusion network is: views in, log-odds of classes out, and what it says of its sensors.

Strategies differ in where sensors meet: `early` in the first layer, `intermediate` and `attention` at every scale of
their encoders, `late` in what each says alone.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d, pixel_shuffle, pixel_unshuffle

from floodfuse.models.networks.views import Batch, Stacks, Views, shares

ENCODER_STRIDE_PX = 32


class Told(NamedTuple):
    """What a network says.

    Attributes
    ----------
    logits : (chip, class, y, x), before the softmax
    weights : (chip, sensor, y, x), how much each sensor counted, summing to 1 over those that are there and 0 where
        none is; sensors in alphabetical order. None where a strategy has no such thing
    alone : by sensor, what it says alone, as `logits`; empty but for late fusion
    masks : by sensor, (chip, 1, y, x), where it was seen
    features : (chip, feature, y, x), fused, as the last layer gets them; folded where the network folds. None where it has none
    """

    logits: Tensor
    weights: Tensor | None
    alone: dict[str, Tensor]
    masks: dict[str, Tensor]
    features: Tensor | None = None


class FusionNetwork(nn.Module):
    """A network over views. Subclasses say how stacks of sensors become class scores in `fuse`.

    Parameters
    ----------
    views : channels by view, masks not counted
    classes : number of classes it scores
    fold : pixels a side that are folded into channels before the network and unfolded after it. Nothing is lost, and a
        step takes less than half the time (`benchmarks/bench_networks.py`), for most of it goes into the finest scale
    """

    tells_weights = False
    """Whether it tells how much each sensor counted."""

    def __init__(self, views: Views, classes: int, fold: int = 1) -> None:
        super().__init__()
        self.stacks = Stacks(views)
        self.sensors = self.stacks.sensors
        self.classes = classes
        self.fold = fold
        self.register_buffer("temperature", torch.ones(()))

    feature_mean: Tensor
    feature_precision: Tensor
    feature_scale: Tensor
    temperature: Tensor
    """Of the softmax: scores are divided by it, 1 until calibrated (`models/calibration.py`)."""

    def known_features(self, width: int) -> None:
        """Make room for what `novelty` knows of this many features: their mean, the inverse of their covariance, and a scale.

        Until it is calibrated nothing is new to it.
        """
        self.register_buffer("feature_mean", torch.zeros(width))
        self.register_buffer("feature_precision", torch.eye(width))
        self.register_buffer("feature_scale", torch.tensor(1e30))

    @property
    def device(self) -> torch.device:
        """Where it works."""
        return self.temperature.device

    @property
    def inner_fold(self) -> int:
        """Pixels a side to one of its features."""
        return self.fold

    @property
    def stride_px(self) -> int:
        """Sides of what it takes are multiples of it."""
        return ENCODER_STRIDE_PX * self.fold

    def channels_of(self, sensor: str) -> int:
        """Channels of a sensor's stack as `fuse` gets it."""
        return self.stacks.channels(sensor) * self.fold**2

    @property
    def scores_out(self) -> int:
        """Channels of scores that `fuse` must tell."""
        return self.classes * self.fold**2

    def forward(self, batch: Batch) -> Told:
        """Scores of a batch whose sides are multiples of `stride_px`."""
        stacks, masks = self.stacks(batch)
        return self.told(stacks, masks)

    def told(self, stacks: dict[str, Tensor], masks: dict[str, Tensor]) -> Told:
        """Scores from the stack and the mask of each sensor, folded where the network folds."""
        said = self.fuse(stacks, masks) if self.fold == 1 else self._unfolded(stacks, masks)
        return said._replace(logits=said.logits / self.temperature)

    def _unfolded(self, stacks: dict[str, Tensor], masks: dict[str, Tensor]) -> Told:
        folded = self.fuse(
            {sensor: pixel_unshuffle(stack, self.fold) for sensor, stack in stacks.items()},
            {sensor: max_pool2d(mask, self.fold) for sensor, mask in masks.items()},
        )
        weights = folded.weights
        if weights is not None:
            fine = interpolate(weights, scale_factor=float(self.fold), mode="nearest")
            weights = shares(fine * torch.cat([masks[sensor] for sensor in self.sensors], dim=1))
        alone = {sensor: pixel_shuffle(scores, self.fold) for sensor, scores in folded.alone.items()}
        return Told(pixel_shuffle(folded.logits, self.fold), weights, alone, masks, folded.features)

    def fuse(self, stacks: dict[str, Tensor], masks: dict[str, Tensor]) -> Told:
        """Scores from the stack and the mask of each sensor."""
        raise NotImplementedError
