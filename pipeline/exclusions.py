"""Where a map gives no answer, and why: what stands in the way of sensors, and what no evidence tells."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from floodfuse.harmonize import advisory
from floodfuse.harmonize.classes import FLOODED, Decider, EvidenceClass, Exclusion
from floodfuse.harmonize.prior import BUILT_UP, TREE_COVER, WETLAND_COVER
from floodfuse.models.bayes import Posterior, flooded_class
from floodfuse.models.decision import WET_FROM
from floodfuse.pipeline.ground import ground_of, half_life_of, permanent_water
from floodfuse.pipeline.smooth_ground import borne_nats, water_over_soil
from floodfuse.pipeline.weigh import Evidence

SPOKE_NATS = 0.5  # evidence below which no sensor has told flooded from dry under trees, or among herbs
# Prior share of flooding below which there is nothing that trees, plants or buildings could hide.
POSSIBLE_FROM = 0.05
UNTOLD = (0.2, 0.8)  # probabilities between which a map must not rest on the prior alone
WEAKEST_NATS = 0.02  # by which evidence must have moved the odds
UNTELLABLE = (
    Exclusion.CANOPY_HIDES_GROUND
    | Exclusion.BUILT_UP
    | Exclusion.EVIDENCE_TOO_WEAK
    | Exclusion.REEDS_HIDE_WATER
    | Exclusion.SNOW_OR_FROST
    | Exclusion.BEYOND_RISK
    | Exclusion.NETWORK_AGAINST_PHYSICS
    | Exclusion.SMOOTH_GROUND
)
STEEP_FROM_DEG = 10.0
HIGH_FROM_M = 20.0

Bool = NDArray[np.bool_]


def exclusions(
    evidence: dict[Decider, Evidence],
    seen: advisory.Seen,
    posterior: Posterior,
    terrain: xr.Dataset,
    inside: Bool,
    log_share: NDArray[np.float32],
) -> NDArray[np.uint16]:
    """Reasons, as bits of `Exclusion`, why a pixel is not observed, is excluded, or could not be water.

    `seen` is `seen_of` the evidence, `log_share` ln of the prior share of every class, (y, x, class).
    """
    unseen = posterior.sensors == 0
    before = np.exp(log_share[..., : len(FLOODED)]).sum(axis=-1)
    reasons = {
        Exclusion.OUTSIDE_AREA: ~inside,
        Exclusion.NO_VALID_SENSOR: unseen,
        Exclusion.STEEP_OR_HIGH: _steep_or_high(terrain, inside.shape),
        Exclusion.EVIDENCE_TOO_WEAK: ~unseen & _rests_on_prior(posterior, before),
        Exclusion.SNOW_OR_FROST: _may_be_snow(seen, posterior, terrain),
        Exclusion.SMOOTH_GROUND: _may_be_smooth_ground(evidence, posterior, terrain),
    }
    bits = np.zeros(inside.shape, np.uint16)
    for who, values in evidence.items():
        reason = Exclusion.CLOUD if who is Decider.SENTINEL2 else Exclusion.LAYOVER_OR_SHADOW
        bits[values.hidden] |= np.uint16(reason)
    if "landcover" in terrain:
        reasons |= _hiding_cover(evidence, seen, posterior, terrain["landcover"].values, before)
    for reason, where in reasons.items():
        bits[where] |= np.uint16(reason)
    return bits


def _steep_or_high(terrain: xr.Dataset, shape: tuple[int, ...]) -> Bool:
    found = np.zeros(shape, bool)
    if "slope" in terrain:
        found |= terrain["slope"].values > STEEP_FROM_DEG
    if "hand" in terrain:
        found |= terrain["hand"].values > HIGH_FROM_M
    return found


def _hiding_cover(
    evidence: dict[Decider, Evidence],
    seen: advisory.Seen,
    posterior: Posterior,
    cover: NDArray[np.uint8],
    before: NDArray[np.float32],
) -> dict[Exclusion, Bool]:
    """Where "dry" is no answer, for what stands there hides water that terrain lets in.

    Trees, unless a sensor reached the ground; the plants of wetlands, unless sensors told them from plants that stand in water
    (which brightens or darkens with the spacing of stems, harmonization.md 3.5); buildings always: intensity is no proof of dry streets.
    """
    dry = (posterior.sensors > 0) & (posterior.water < WET_FROM)
    dry &= before > POSSIBLE_FROM
    told = (
        np.zeros(dry.shape, bool) if seen.l_under_trees is None else np.abs(seen.l_under_trees) >= SPOKE_NATS
    )
    wetland = dry & np.isin(cover, WETLAND_COVER)
    unsure = (posterior.water > UNTOLD[0])[wetland] | (_flooded_herbs(evidence, wetland) > -SPOKE_NATS)
    wetland[wetland] = unsure
    return {
        Exclusion.CANOPY_HIDES_GROUND: dry & np.isin(cover, TREE_COVER) & ~told,
        Exclusion.REEDS_HIDE_WATER: wetland,
        Exclusion.BUILT_UP: dry & np.isin(cover, BUILT_UP),
    }


def _flooded_herbs(evidence: dict[Decider, Evidence], where: Bool) -> NDArray[np.float32]:
    """Evidence of all sensors for flooded over dry herbs at the pixels asked for, (pixel,) nats."""
    told = np.zeros(int(where.sum()), np.float32)
    for e in evidence.values():
        nats = e.nats[where]
        told += np.nan_to_num(nats[:, EvidenceClass.FLOODED_HERB] - nats[:, EvidenceClass.DRY_LOW_VEG])
    return told


def _may_be_snow(seen: advisory.Seen, posterior: Posterior, terrain: xr.Dataset) -> Bool:
    """Where radars alone say water, and wet snow or frost, as dark to them, is at hand."""
    shape = (posterior.water.shape[0], posterior.water.shape[1])
    told = np.zeros(shape, bool) if seen.optical_water is None else seen.optical_water >= advisory.SAYS_NATS
    cold = advisory.frost_or_snow(seen, ground_of(terrain), shape)
    return (posterior.water > WET_FROM) & cold & ~told & _usually_land(terrain, shape)


def _usually_land(terrain: xr.Dataset, shape: tuple[int, int]) -> Bool:
    """Where water is not permanent, or no layer says whether it is; (y, x)."""
    always = permanent_water(terrain)
    return np.ones(shape, bool) if always is None else ~always


def _may_be_smooth_ground(
    evidence: dict[Decider, Evidence], posterior: Posterior, terrain: xr.Dataset
) -> Bool:
    """Where open water is the answer, L band says so loudest, and no other that looked while the ground was the same says so by a nat.

    Smooth wet ground is as dark to L band as water (`smooth_ground`). Never on permanent water.
    """
    shape = (posterior.water.shape[0], posterior.water.shape[1])
    borne = borne_nats(evidence, half_life_of(terrain))
    if borne is None:
        return np.zeros(shape, bool)
    alone = (borne < advisory.SAYS_NATS) & (borne < water_over_soil(evidence[Decider.ALOS2]))
    found = alone & (posterior.water > WET_FROM) & _usually_land(terrain, shape)
    found[found] = flooded_class(posterior, found) == EvidenceClass.OPEN_WATER
    return found


def _rests_on_prior(posterior: Posterior, before: NDArray[np.float32]) -> Bool:
    """Where the answer is open and evidence did not give it: it moved the odds by next to nothing, or towards dry
    ground where water is still the likelier. A prior alone floods nothing."""
    moved = _logit(posterior.water) - _logit(before)
    unmoved = (np.abs(moved) < WEAKEST_NATS) | ((posterior.water > WET_FROM) & (moved < 0.0))
    return unmoved & (posterior.water > UNTOLD[0]) & (posterior.water < UNTOLD[1])


def _logit(p: NDArray[np.float32]) -> NDArray[np.float32]:
    q = np.clip(p, np.float32(1e-6), np.float32(1.0 - 1e-6))
    return np.log(q / (1.0 - q))


def against_physics(posterior: Posterior, physics: NDArray[np.float32], terrain: xr.Dataset) -> Bool:
    """Where a network calls wet what physics calls dry, or the reverse, on ground of unknown height above drainage.

    (y, x) all. Networks learn mostly from ground whose height is known. On real chips of which it was not, physics was mostly right
    where the two disagreed (`docs/fusion.md`, `benchmarks/real_floods.py`).
    """
    against = np.asarray((posterior.water > WET_FROM) != (physics > WET_FROM))
    return against & np.isnan(terrain["hand"].values) if "hand" in terrain else against
