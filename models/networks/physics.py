"""Bayes' rule as a network without weights, so that it is scored as the others are.

    scores_k = ln prior_k + sum over sensors of l_s[k]

Views are those of `inputs.evidence`, whose first channels are nats by class; unseen pixels hold 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

from floodfuse.models.networks.fusion import FusionNetwork, Told
from floodfuse.models.networks.views import Views, sensor_of

GROUND = "ground"


class Physics(FusionNetwork):
    """The sum of evidence and prior.

    Raises
    ------
    ValueError
        If views do not hold evidence.
    """

    def __init__(self, views: Views, classes: int) -> None:
        super().__init__(views, classes)
        if any(n < classes for n in views.values()) or GROUND not in self.sensors:
            raise ValueError(
                "views hold no evidence: nats by class first in every view, and a view of the ground"
            )

    def fuse(self, stacks: dict[str, Tensor], masks: dict[str, Tensor]) -> Told:
        """Bayes' rule."""
        return Told(self.sum_of_nats(stacks), None, {}, masks)

    def sum_of_nats(self, stacks: dict[str, Tensor]) -> Tensor:
        """ln prior and nats of all sensors, by class."""
        return torch.stack([self._nats(stacks[sensor], sensor) for sensor in self.sensors]).sum(dim=0)

    def _nats(self, stack: Tensor, sensor: str) -> Tensor:
        """Nats by class of a sensor's views, 0 where unseen."""
        first, total = 0, stack.new_zeros(())
        for view, n in self.stacks.views.items():
            if sensor_of(view) == sensor:
                total = total + stack[:, first : first + self.classes]
                first += n + 1
        return total
