"""Fusion between encoders: one encoder a sensor, met at every scale, by gates (`Intermediate`) or attention (`Attention`).

What a sensor hands on at a scale is multiplied by the share of its pixels that were seen there, so that a sensor that saw
nothing hands on exactly nothing, whatever its encoder makes of zeros.
"""

from __future__ import annotations

import segmentation_models_pytorch as smp
import torch
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
from torch import Tensor, nn
from torch.nn.functional import interpolate

from floodfuse.models.networks.finest import FEATURES, Head, finest
from floodfuse.models.networks.fusion import FusionNetwork, Told
from floodfuse.models.networks.views import Views, share_seen, shares

_HEADS = 4
_LEAST = 1e-6


class Meeting(nn.Module):
    """Joins what sensors hand on at one scale: (features, weights), weights (chip, sensor, y, x) summing to 1."""

    def forward(self, features: list[Tensor], seen: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Features (chip, channel, y, x) and share seen (chip, 1, y, x) of each sensor."""
        raise NotImplementedError


class Gates(Meeting):
    """Sum over sensors of gate times share seen times projected features.

    The gate of a sensor, 0 to 1, is a function of what all sensors see: cloud shows in one and is contradicted by the other.
    """

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        out = max(channels)
        self.gate = nn.Conv2d(sum(channels) + len(channels), len(channels), 1)
        self.project = nn.ModuleList([nn.Conv2d(n, out, 1, bias=False) for n in channels])
        self.after = nn.Sequential(nn.BatchNorm2d(out), nn.ReLU())

    def forward(self, features: list[Tensor], seen: list[Tensor]) -> tuple[Tensor, Tensor]:
        """See `Meeting`."""
        there = [f * m for f, m in zip(features, seen, strict=True)]
        gates = torch.sigmoid(self.gate(torch.cat([*there, *seen], dim=1))) * torch.cat(seen, dim=1)
        told = [
            project(f) * gates[:, k : k + 1]
            for k, (project, f) in enumerate(zip(self.project, there, strict=True))
        ]
        return self.after(torch.stack(told).sum(dim=0)), shares(gates)


class AcrossSensors(Meeting):
    """Attention across sensors at each pixel: what all of them see asks, each sensor answers.

    a_s = softmax over sensors of (q . k_s / sqrt(d) + ln share seen_s), q from the mean over sensors that are there; a
    sensor that saw nothing has weight 0 exactly. Several heads; weights told are their mean.
    """

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        out = max(channels)
        width = max(_HEADS, min(out, 64) // _HEADS * _HEADS)
        self.width = width
        self.query = nn.ModuleList([nn.Conv2d(n, width, 1) for n in channels])
        self.key = nn.ModuleList([nn.Conv2d(n, width, 1) for n in channels])
        self.value = nn.ModuleList([nn.Conv2d(n, out // _HEADS * _HEADS, 1, bias=False) for n in channels])
        self.after = nn.Sequential(
            nn.Conv2d(out // _HEADS * _HEADS, out, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU()
        )

    def forward(self, features: list[Tensor], seen: list[Tensor]) -> tuple[Tensor, Tensor]:
        """See `Meeting`."""
        mask = torch.stack(seen)  # (sensor, chip, 1, y, x)
        asked = torch.stack([q(f) * m for q, f, m in zip(self.query, features, seen, strict=True)])
        query = asked.sum(dim=0) / mask.sum(dim=0).clamp_min(_LEAST)
        keys = torch.stack([key(f) for key, f in zip(self.key, features, strict=True)])
        score = (self._by_head(keys) * self._by_head(query[None])).sum(dim=3) / (self.width / _HEADS) ** 0.5
        score = score + torch.log(mask.clamp_min(_LEAST))
        score = score.masked_fill(mask <= 0, -1e4)
        weight = torch.softmax(score, dim=0) * (mask > 0)  # (sensor, chip, head, y, x)
        values = self._by_head(torch.stack([value(f) for value, f in zip(self.value, features, strict=True)]))
        met = (weight[:, :, :, None] * values).sum(dim=0).flatten(1, 2)
        return self.after(met), weight.mean(dim=2).transpose(0, 1)

    @staticmethod
    def _by_head(x: Tensor) -> Tensor:
        """(sensor, chip, channel, y, x) to (sensor, chip, head, channel of the head, y, x)."""
        return x.reshape(*x.shape[:2], _HEADS, -1, *x.shape[3:])


class Between(FusionNetwork):
    """A U-Net with an encoder a sensor, whose skips are meetings of sensors; its last layers see each pixel itself, too."""

    meeting: type[Meeting]
    tells_weights = True

    def __init__(
        self, views: Views, classes: int, encoder: str, decoder: tuple[int, ...], fold: int = 1
    ) -> None:
        super().__init__(views, classes, fold)
        depth = len(decoder)
        encoders = {
            sensor: smp.encoders.get_encoder(encoder, self.channels_of(sensor), depth, None)
            for sensor in self.sensors
        }
        self.encoders = nn.ModuleDict(encoders)
        scales = [[each.out_channels[k] for each in encoders.values()] for k in range(1, depth + 1)]
        self.meetings = nn.ModuleList(
            [self.meeting(scale) if max(scale) else nn.Identity() for scale in scales]
        )
        self.finest = finest(sum(map(self.channels_of, self.sensors)), fold)
        self.decoder = UnetDecoder([0, *(max(scale) for scale in scales)], decoder, n_blocks=depth)
        self.head = Head(decoder[-1], fold, self.scores_out)
        self.known_features(FEATURES)

    def fuse(self, stacks: dict[str, Tensor], masks: dict[str, Tensor]) -> Told:
        """Scores, and as weights the mean over scales."""
        features = [self.encoders[sensor](stacks[sensor]) for sensor in self.sensors]
        first = stacks[self.sensors[0]]
        fused, weights = [first], []
        for k, meeting in enumerate(self.meetings, start=1):
            at_scale = [f[k] for f in features]
            if not at_scale[0].shape[1]:  # encoders that begin with patches have no such scale
                fused.append(at_scale[0])
                continue
            seen = [share_seen(masks[sensor], at_scale[0]) for sensor in self.sensors]
            met, weight = meeting(at_scale, seen)
            fused.append(met)
            weights.append(interpolate(weight, first.shape[-2:], mode="nearest"))
        at_pixel = self.finest(torch.cat([stacks[sensor] for sensor in self.sensors], dim=1))
        features, scores = self.head(self.decoder(fused), at_pixel)
        there = torch.cat([masks[sensor] for sensor in self.sensors], dim=1)
        counted = shares(torch.stack(weights).mean(dim=0) * there)
        return Told(scores, counted, {}, masks, features)


class Intermediate(Between):
    """Gates between encoders."""

    meeting = Gates


class Attention(Between):
    """Attention across sensors between encoders."""

    meeting = AcrossSensors
