"""Late fusion: a network a sensor, and a pool of what they say.

    log-opinion pool: scores = sum over sensors of w_s seen_s scores_s

with w_s >= 0 at each pixel from a stacker, a small network that sees what every sensor says and where it was seen.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from floodfuse.models.networks.early import through, unet
from floodfuse.models.networks.fusion import FusionNetwork, Told
from floodfuse.models.networks.views import Views, shares

_STACKER_WIDTH = 16
_ONE = 0.5413  # softplus of it is 1: before it has learned, the stacker adds scores up


class Late(FusionNetwork):
    """One U-Net a sensor and a stacker over them."""

    def __init__(
        self, views: Views, classes: int, encoder: str, decoder: tuple[int, ...], fold: int = 1
    ) -> None:
        super().__init__(views, classes, fold)
        self.unets = nn.ModuleDict(
            {
                sensor: unet(encoder, decoder, self.channels_of(sensor), self.scores_out)
                for sensor in self.sensors
            }
        )
        count = len(self.sensors)
        self.known_features(count * decoder[-1])
        self.stacker = nn.Sequential(
            nn.Conv2d(count * (self.scores_out + 1), _STACKER_WIDTH, 5, padding=2),
            nn.ReLU(),
            nn.Conv2d(_STACKER_WIDTH, count, 5, padding=2),
        )

    def fuse(self, stacks: dict[str, Tensor], masks: dict[str, Tensor]) -> Told:
        """Scores of the pool; weights are the stacker's, as shares."""
        said_of = {sensor: through(self.unets[sensor], stacks[sensor]) for sensor in self.sensors}
        alone = {sensor: scores * masks[sensor] for sensor, (_, scores) in said_of.items()}
        seen = torch.cat([masks[sensor] for sensor in self.sensors], dim=1)
        # The stacker weighs what is said; it must not change what is said of each sensor alone.
        said = torch.cat([scores.detach() for scores in alone.values()], dim=1)
        weights = softplus(self.stacker(torch.cat([said, seen], dim=1)) + _ONE) * seen
        stacked = torch.stack(list(alone.values()), dim=1)  # (chip, sensor, class, y, x)
        logits = (weights[:, :, None] * stacked).sum(dim=1)
        seen_features = torch.cat([f * masks[sensor] for sensor, (f, _) in said_of.items()], dim=1)
        return Told(logits, shares(weights), alone, masks, seen_features)
