"""Bayes' rule as a network without weights, so that it is scored as the others are.

    scores_k = ln prior_k + sum over sensors of l_s[k]

Views are those of `inputs.evidence`, one a sensor, whose first channels are nats by class; unseen pixels hold 0. Where both radars
see a pixel they see one wind and one soil, and each counts at 1 / (1 + rho), as `harmonize.correlation.discounted` has it.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from floodfuse.harmonize.correlation import DOUBLE_BOUNCE, WIND_HOURS, band_correlation
from floodfuse.models.inputs.evidence import DAYS
from floodfuse.models.networks.fusion import FusionNetwork, Told
from floodfuse.models.networks.views import Views

GROUND, RADARS = "ground", ("c", "l")
_RHO_AT_ONCE, _RHO_LATER = (float(band_correlation(hours)) for hours in (0.0, 1e6))


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
        if len(self.sensors) < len(views):
            raise ValueError("evidence is of one time a sensor: the product's")

    def fuse(self, stacks: dict[str, Tensor], masks: dict[str, Tensor]) -> Told:
        """Bayes' rule."""
        return Told(bayes_scores(stacks, self.classes), None, {}, masks)


def bayes_scores(stacks: Mapping[str, Tensor], classes: int) -> Tensor:
    """ln prior plus nats of all sensors, (chip, class, y, x).

    Parameters
    ----------
    stacks : by sensor, (chip, channel + 1, y, x): values, 0 where unseen, and last the mask
    """
    nats = {sensor: stack[:, :classes] for sensor, stack in stacks.items()}
    if all(radar in stacks for radar in RADARS):
        first, second = (stacks[radar] for radar in RADARS)
        apart = (_days(first) - _days(second)).abs() * 24.0
        rho = _RHO_LATER + (_RHO_AT_ONCE - _RHO_LATER) * torch.exp(-apart / WIND_HOURS)
        rho = rho * first[:, -1:] * second[:, -1:]
        nats |= {radar: _discounted(nats[radar], rho) for radar in RADARS}
    return torch.stack([nats[sensor] for sensor in sorted(nats)]).sum(dim=0)


def _days(stack: Tensor) -> Tensor:
    """When a sensor looked, days after the product's time, (chip, 1, y, x)."""
    told = stack[:, DAYS : DAYS + 1]
    return told.sign() * torch.expm1(told.abs())


def _discounted(nats: Tensor, rho: Tensor) -> Tensor:
    weight = 1.0 / (1.0 + rho)
    out = nats * weight
    for flooded, dry in DOUBLE_BOUNCE:
        out[:, flooded] = out[:, dry] + (nats[:, flooded] - nats[:, dry])
    return out
