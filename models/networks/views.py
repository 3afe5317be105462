"""What goes into a network: views, each an image of one sensor at one time, with where it was seen.

In a batch a view is a tensor (chip, channel + 1, y, x): values, 0 where nothing was seen, and last the mask of what was, 0 or 1. A view
that is missing from a batch, one that is masked everywhere, and one with other values under its mask are the same input: absent equals not
supplied. In a stack an image comes before its parts (`models/view_names.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from floodfuse.models.view_names import sensor_of, sensors_in

GROUND = "ground"
"""What is known of a place before any sensor looks at it: a sensor like the others, where a dataset has it."""
_LEAST_SUM = 1e-30  # of weights, which may all be tiny

Batch = Mapping[str, Tensor]
Views = dict[str, int]


class Stacks(nn.Module):
    """Puts views together, one stack a sensor: values of all its views and their masks; zeros for what is absent.

    Parameters
    ----------
    views : channels by view, masks not counted
    """

    def __init__(self, views: Views) -> None:
        super().__init__()
        self.views = dict(sorted(views.items()))
        self.sensors = sensors_in(views)

    def channels(self, sensor: str) -> int:
        """Channels of a sensor's stack, masks included."""
        return sum(n + 1 for view, n in self.views.items() if sensor_of(view) == sensor)

    def forward(self, batch: Batch) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Stacks (chip, channel, y, x) and masks (chip, 1, y, x) by sensor; a sensor is seen where any view of it is.

        Raises
        ------
        ValueError
            If the batch holds no view, one that the network does not know, or one with other channels.
        """
        self._check(batch)
        like = next(iter(batch.values()))
        stacks: dict[str, list[Tensor]] = {sensor: [] for sensor in self.sensors}
        masks: dict[str, Tensor] = {}
        for view, n in self.views.items():
            sensor, given = sensor_of(view), batch.get(view)
            if given is None:
                given = like.new_zeros((like.shape[0], n + 1, *like.shape[2:]))
            mask = given[:, -1:]
            stacks[sensor] += [torch.where(mask > 0, given[:, :-1], 0.0), mask]
            masks[sensor] = torch.maximum(masks[sensor], mask) if sensor in masks else mask
        return {sensor: torch.cat(parts, dim=1) for sensor, parts in stacks.items()}, masks

    def _check(self, batch: Batch) -> None:
        known = ", ".join(self.views)
        if not batch:
            raise ValueError(f"no view was given; the network takes {known}")
        for view, values in batch.items():
            if view not in self.views:
                raise ValueError(f"view '{view}' is unknown to the network, which takes {known}")
            if values.shape[1] != self.views[view] + 1:
                raise ValueError(
                    f"view '{view}' has {values.shape[1] - 1} channels, and the network takes {self.views[view]}"
                )


def shares(weights: Tensor) -> Tensor:
    """Weights of sensors, (chip, sensor, y, x), >= 0, as shares that sum to 1; 0 where all are 0."""
    return weights / weights.sum(dim=1, keepdim=True).clamp_min(_LEAST_SUM)


def share_seen(mask: Tensor, like: Tensor) -> Tensor:
    """The mask at a coarser scale: the share of its pixels that were seen, 0 to 1."""
    return adaptive_avg_pool2d(mask, (like.shape[-2], like.shape[-1]))
