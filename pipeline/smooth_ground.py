"""Where L band alone tells open water from bare soil: smooth wet ground is as dark to it, and others that looked do not bear it out.

Roughness of a centimetre, as of fresh mud, is smooth at 24 cm and rough at 5.5 cm: without another sensor no claim of L band to tell
water from soil can be defended (harmonization.md 3.3, 4.7, 11). So its claim counts for no more than another sensor's own, of those that looked no
further from L band's pass than half of the floods stay.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from floodfuse.harmonize.classes import Decider, EvidenceClass
from floodfuse.pipeline.weigh import Evidence

Bool = NDArray[np.bool_]
_WATER, _SOIL = EvidenceClass.OPEN_WATER, EvidenceClass.BARE_SOIL


def borne_nats(
    evidence: Mapping[Decider, Evidence], half_life_days: NDArray[np.floating]
) -> NDArray[np.float32] | None:
    """By how many nats others bear out that what L band sees is open water and no bare soil; None where there is no such other.

    The most that any other says, 0 or more where one was asked, and no limit where none was; where L band saw nothing it means nothing.

    Parameters
    ----------
    evidence : of each sensor
    half_life_days : that half of the floods stay, (y, x)
    """
    l_band = evidence.get(Decider.ALOS2)
    others = [e for who, e in evidence.items() if who is not Decider.ALOS2]
    if l_band is None or not others:
        return None
    hours = l_band.spoke_hours
    asked, borne = np.zeros(hours.shape, bool), np.zeros(hours.shape, np.float32)
    for other in others:
        asked |= np.abs(other.spoke_hours - hours) <= 24.0 * half_life_days
        borne = np.fmax(borne, water_over_soil(other))
    return np.where(asked, borne, np.float32(np.inf))


def water_over_soil(evidence: Evidence) -> NDArray[np.float32]:
    """Evidence of a sensor, were it alone, for open water over bare soil, (y, x) nats."""
    return evidence.unpooled[..., _WATER] - evidence.unpooled[..., _SOIL]


def borne_out(
    evidence: dict[Decider, Evidence], half_life_days: NDArray[np.floating]
) -> dict[Decider, Evidence]:
    """The same evidence, of which L band's for open water over bare soil is no more than others bear out.

    What it says of plants and trees stays, and so does `unpooled`, what L band says were it alone.
    """
    borne = borne_nats(evidence, half_life_days)
    if borne is None:
        return evidence
    l_band = evidence[Decider.ALOS2]
    nats = l_band.nats.copy()
    nats[..., _SOIL] = np.maximum(nats[..., _SOIL], nats[..., _WATER] - borne)
    return {**evidence, Decider.ALOS2: l_band._replace(nats=nats, before_pooling=l_band.unpooled)}
