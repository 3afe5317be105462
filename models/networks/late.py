"""Late fusion: a network a sensor, and a pool of what they say (`networks.pools`).

What is known of the ground goes into the network of every sensor, for a sensor alone is read with a map in hand; so that it
counts once, pools that add up are given what a sensor says beyond it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from floodfuse.models.networks.early import UNet
from floodfuse.models.networks.finest import FEATURES
from floodfuse.models.networks.fusion import FusionNetwork, Told
from floodfuse.models.networks.pools import Pool, PoolName
from floodfuse.models.networks.views import GROUND, Views, shares


class Late(FusionNetwork):
    """One U-Net a sensor and a pool over them."""

    tells_weights = True

    def __init__(
        self,
        views: Views,
        classes: int,
        encoder: str,
        decoder: tuple[int, ...],
        fold: int = 1,
        pool: PoolName = "stacker",
    ) -> None:
        super().__init__(views, classes, fold)
        self.ground = self.sensors.index(GROUND) if GROUND in self.sensors else None
        self.unets = nn.ModuleDict(
            {
                sensor: UNet(
                    encoder,
                    decoder,
                    fold,
                    sum(map(self.channels_of, self._known_to(sensor))),
                    self.scores_out,
                )
                for sensor in self.sensors
            }
        )
        self.known_features(len(self.sensors) * FEATURES)
        self.pool = Pool(pool, len(self.sensors), classes, fold**2)

    def fuse(self, stacks: dict[str, Tensor], masks: dict[str, Tensor]) -> Told:
        """Scores of the pool; weights are the pool's, as shares."""
        said_of = {
            sensor: self.unets[sensor](torch.cat([stacks[k] for k in self._known_to(sensor)], dim=1))
            for sensor in self.sensors
        }
        alone = {sensor: scores * masks[sensor] for sensor, (_, scores) in said_of.items()}
        seen = torch.cat([masks[sensor] for sensor in self.sensors], dim=1)
        scores, weights = self.pool(list(alone.values()), seen, self.ground)
        features = torch.cat([f * masks[sensor] for sensor, (f, _) in said_of.items()], dim=1)
        return Told(scores, shares(weights), alone, masks, features)

    def _known_to(self, sensor: str) -> tuple[str, ...]:
        """Sensors whose stacks the network of a sensor gets."""
        return (sensor,) if sensor == GROUND or self.ground is None else (sensor, GROUND)
