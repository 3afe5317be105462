"""Bayes' rule as a network without weights, so that it is scored as the others are.

    scores_k = ln prior_k + sum over sensors of l_s[k]

Views are those of `inputs.evidence`, one a sensor, whose first channels are nats by class; unseen pixels hold 0. Parts are let be. Where both radars
see a pixel they see one wind and one soil, and each counts at 1 / (1 + rho), as `harmonize.correlation.discounted` has it; what L band says
of water against soil counts as far as another sensor bears it out, or none was asked, as in `pipeline.smooth_ground`. How far
a flood rose (`harmonize.flood_rise`) is told by all ground at once, so only what sees a chip whole can follow it.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from floodfuse.harmonize.classes import FLOODED, EvidenceClass
from floodfuse.harmonize.correlation import DOUBLE_BOUNCE, WIND_HOURS, band_correlation
from floodfuse.harmonize.decay import HALF_LIFE_BY_HAND, HALF_LIFE_DAYS
from floodfuse.harmonize.flood_rise import SAMPLE_M, rise_nats, sampled, support
from floodfuse.models.inputs.evidence import DAYS, HAND, HAND_KNOWN, HAND_SCALE_M, PERMANENT, PIXEL_M, SEEN
from floodfuse.models.networks.fusion import FusionNetwork, Told
from floodfuse.models.networks.views import GROUND, Views
from floodfuse.models.view_names import image_of

L_BAND = "l"
RADARS = ("c", L_BAND)
_FLOODED = len(FLOODED)
_WATER, _SOIL = int(EvidenceClass.OPEN_WATER), int(EvidenceClass.BARE_SOIL)
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
        images = [view for view in views if view == image_of(view)]
        if any(views[image] < classes for image in images) or GROUND not in self.sensors:
            raise ValueError(
                "views hold no evidence: nats by class first in every view, and a view of the ground"
            )
        if len(self.sensors) < len(images):
            raise ValueError("evidence is of one time a sensor: the product's")

    def fuse(self, stacks: dict[str, Tensor], masks: dict[str, Tensor]) -> Told:
        """Bayes' rule."""
        return Told(bayes_scores(stacks, self.classes), None, {}, masks)


class Bayes(Physics):
    """The same over whole chips, each of which tells how far its flood rose: what a map by Bayes' rule says of it."""

    def fuse(self, stacks: dict[str, Tensor], masks: dict[str, Tensor]) -> Told:
        """Bayes' rule once the rise is known."""
        scores, ground = bayes_scores(stacks, self.classes), stacks[GROUND]
        share = ground[:, : self.classes]
        follows = (ground[:, HAND_KNOWN] > 0) & (ground[:, PERMANENT] <= 0)
        rises = [_rise_nats(*chip) for chip in zip(scores - share, share, follows, strict=True)]
        moved = follows[:, None] * torch.as_tensor(rises).to(scores)[:, None, None, None]
        scores = torch.cat([scores[:, :_FLOODED] + moved, scores[:, _FLOODED:]], dim=1)
        return Told(scores, None, {}, masks)


def bayes_scores(stacks: Mapping[str, Tensor], classes: int) -> Tensor:
    """ln prior plus nats of all sensors, (chip, class, y, x).

    Parameters
    ----------
    stacks : by sensor, (chip, channel, y, x): values of its image of `inputs.evidence`, 0 where unseen, then its mask; parts follow
    """
    nats = {sensor: stack[:, :classes] for sensor, stack in stacks.items()}
    if all(radar in stacks for radar in RADARS):
        first, second = (stacks[radar] for radar in RADARS)
        apart = (_days(first) - _days(second)).abs() * 24.0
        rho = _RHO_LATER + (_RHO_AT_ONCE - _RHO_LATER) * torch.exp(-apart / WIND_HOURS)
        rho = rho * first[:, SEEN, None] * second[:, SEEN, None]
        nats |= {radar: _discounted(nats[radar], rho) for radar in RADARS}
    if L_BAND in stacks:
        nats[L_BAND] = _borne_out(nats[L_BAND], stacks)
    return torch.stack([nats[sensor] for sensor in sorted(nats)]).sum(dim=0)


def _borne_out(l_nats: Tensor, stacks: Mapping[str, Tensor]) -> Tensor:
    """L band's nats, of which those for water over soil are no more than others bear out who looked while the ground was the same."""
    l_band = stacks[L_BAND]
    asked, borne = torch.zeros_like(l_band[:, :1], dtype=torch.bool), torch.zeros_like(l_band[:, :1])
    for sensor, other in stacks.items():
        if sensor in (L_BAND, GROUND):
            continue
        near = (_days(other) - _days(l_band)).abs() <= _half_life_days(stacks[GROUND])
        asked |= (other[:, SEEN, None] > 0) & near
        borne = torch.maximum(borne, other[:, _WATER, None] - other[:, _SOIL, None])  # 0 where it saw nothing
    water, soil = l_nats[:, _WATER, None], l_nats[:, _SOIL, None]
    soil = torch.where(asked, torch.maximum(soil, water - borne), soil)
    return torch.cat([l_nats[:, :_SOIL], soil, l_nats[:, _SOIL + 1 :]], dim=1)


def _rise_nats(nats: Tensor, log_share: Tensor, tells: Tensor) -> float:
    """Rise of the flood of one chip, told by samples among the pixels that `tells` marks, (y, x)."""
    at = (..., sampled(PIXEL_M), sampled(PIXEL_M))
    here = tells[at]
    if not here.any():
        return 0.0
    told, share = (values[at][:, here].T.float().cpu().numpy() for values in (nats, log_share))
    return rise_nats(support(told, share, SAMPLE_M))


def _half_life_days(ground: Tensor) -> Tensor:
    """That of floods at each height above drainage, as `harmonize.decay.half_life_days` has it, (chip, 1, y, x)."""
    hand_m = ground[:, HAND : HAND + 1] * HAND_SCALE_M
    (low, longest), (middle, usual), (_, shortest) = HALF_LIFE_BY_HAND
    days = torch.full_like(hand_m, shortest)
    days = torch.where(hand_m < middle, usual, days)
    days = torch.where(hand_m < low, longest, days)
    return torch.where(ground[:, HAND_KNOWN : HAND_KNOWN + 1] > 0, days, HALF_LIFE_DAYS)


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
