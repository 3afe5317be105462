"""From posterior to map: one class a pixel, how sure, why a pixel has none, and what to keep in mind about it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from floodfuse.harmonize import advisory, decay, history
from floodfuse.harmonize.classes import FLOODED, Advisory, Decider, EvidenceClass, Exclusion, MapClass
from floodfuse.harmonize.prior import BUILT_UP, PERMANENT_FROM_PERCENT, TREE_COVER, WETLAND_COVER, log_prior
from floodfuse.models import reliability
from floodfuse.models.bayes import Posterior, flooded_class
from floodfuse.pipeline.product import LAYERS
from floodfuse.pipeline.weigh import Evidence

WET_FROM = 0.5
SPOKE_NATS = 0.5  # evidence below which no sensor has told flooded from dry under trees
POSSIBLE_FROM = (
    0.05  # prior share of flooding below which there is nothing that trees or buildings could hide
)
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
)
STEEP_FROM_DEG = 10.0
HIGH_FROM_M = 20.0
_NEAR = "near_hidden"  # the one hint that both radars give

Bool = NDArray[np.bool_]
_MAP_CLASS = {
    EvidenceClass.OPEN_WATER: MapClass.OPEN_FLOOD_WATER,
    EvidenceClass.FLOODED_FOREST: MapClass.FLOODED_VEGETATION,
    EvidenceClass.FLOODED_HERB: MapClass.FLOODED_VEGETATION,
    EvidenceClass.FLOODED_URBAN: MapClass.FLOODED_URBAN,
}


def permanent_water(terrain: xr.Dataset) -> Bool | None:
    """Where water is in most years, or None where no layer says."""
    if "permanent_water" not in terrain:
        return None
    return np.asarray(terrain["permanent_water"].values >= PERMANENT_FROM_PERCENT)


def prior_of(terrain: xr.Dataset, shape: tuple[int, int]) -> NDArray[np.float32]:
    """ln prior of every class from the terrain at hand."""

    def layer(name: str) -> NDArray[Any] | None:
        return terrain[name].values if name in terrain else None

    return log_prior(shape, layer("landcover"), layer("hand"), layer("slope"), permanent_water(terrain))


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
    }
    bits = np.zeros(inside.shape, np.uint16)
    for who, values in evidence.items():
        reason = Exclusion.CLOUD if who is Decider.SENTINEL2 else Exclusion.LAYOVER_OR_SHADOW
        bits[values.hidden] |= np.uint16(reason)
    if "landcover" in terrain:
        reasons |= _hiding_cover(seen, posterior, terrain["landcover"].values, before)
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
    seen: advisory.Seen,
    posterior: Posterior,
    cover: NDArray[np.uint8],
    before: NDArray[np.float32],
) -> dict[Exclusion, Bool]:
    """Where "dry" is no answer, for what stands there hides water that terrain lets in.

    Trees, unless a sensor reached the ground; the plants of wetlands, unless dry ground is sure (water between stems
    brightens or darkens with their spacing, harmonization.md 3.5); buildings always: intensity is no proof of dry streets.
    """
    dry = (posterior.sensors > 0) & (posterior.water < WET_FROM)
    dry &= before > POSSIBLE_FROM
    told = (
        np.zeros(dry.shape, bool) if seen.l_under_trees is None else np.abs(seen.l_under_trees) >= SPOKE_NATS
    )
    unsure = posterior.water > UNTOLD[0]
    return {
        Exclusion.CANOPY_HIDES_GROUND: dry & np.isin(cover, TREE_COVER) & ~told,
        Exclusion.REEDS_HIDE_WATER: dry & np.isin(cover, WETLAND_COVER) & unsure,
        Exclusion.BUILT_UP: dry & np.isin(cover, BUILT_UP),
    }


def _may_be_snow(seen: advisory.Seen, posterior: Posterior, terrain: xr.Dataset) -> Bool:
    """Where radars alone say water, and wet snow or frost, as dark to them, is at hand."""
    shape = (posterior.water.shape[0], posterior.water.shape[1])
    told = np.zeros(shape, bool) if seen.optical_water is None else seen.optical_water >= advisory.SAYS_NATS
    cold = advisory.frost_or_snow(seen, _ground(terrain), shape)
    always = permanent_water(terrain)
    return (posterior.water > WET_FROM) & cold & ~told & (True if always is None else ~always)


def _rests_on_prior(posterior: Posterior, before: NDArray[np.float32]) -> Bool:
    """Where the answer is open and evidence did not give it: it moved the odds by next to nothing, or towards dry
    ground where water is still the likelier. A prior alone floods nothing."""
    moved = _logit(posterior.water) - _logit(before)
    unmoved = (np.abs(moved) < WEAKEST_NATS) | ((posterior.water > WET_FROM) & (moved < 0.0))
    return unmoved & (posterior.water > UNTOLD[0]) & (posterior.water < UNTOLD[1])


def _logit(p: NDArray[np.float32]) -> NDArray[np.float32]:
    q = np.clip(p, np.float32(1e-6), np.float32(1.0 - 1e-6))
    return np.log(q / (1.0 - q))


def _under_trees(evidence: dict[Decider, Evidence], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Evidence for flooded over dry forest from L band, the only one that reaches the ground, nats."""
    l_band = evidence.get(Decider.ALOS2)
    if l_band is None:
        return np.zeros(shape, np.float32)
    return np.nan_to_num(
        l_band.nats[..., EvidenceClass.FLOODED_FOREST] - l_band.nats[..., EvidenceClass.DRY_FOREST]
    )


def against_physics(posterior: Posterior, physics: NDArray[np.float32], terrain: xr.Dataset) -> Bool:
    """Where a network calls wet what physics calls dry, or the reverse, on ground of unknown height above drainage.

    (y, x) all. Networks learn mostly from ground whose height is known. On real chips of which it was not, physics was mostly right
    where the two disagreed (`docs/fusion.md`, `benchmarks/real_floods.py`).
    """
    against = np.asarray((posterior.water > WET_FROM) != (physics > WET_FROM))
    return against & np.isnan(terrain["hand"].values) if "hand" in terrain else against


def map_classes(posterior: Posterior, bits: NDArray[np.uint16], permanent: Bool | None) -> NDArray[np.uint8]:
    """Values of `MapClass`: water where it is likelier than not, by its likeliest kind; then what can't be told."""
    kinds = np.array([_MAP_CLASS[k] for k in FLOODED], np.uint8)
    classes = np.where(posterior.water > WET_FROM, kinds[flooded_class(posterior)], MapClass.DRY_LAND).astype(
        np.uint8
    )
    if permanent is not None:
        classes[permanent & (classes == MapClass.OPEN_FLOOD_WATER)] = MapClass.PERMANENT_WATER
    hidden = (bits & np.uint16(UNTELLABLE)) > 0
    classes[hidden] = MapClass.EXCLUDED
    classes[posterior.sensors == 0] = MapClass.NOT_OBSERVED
    classes[(bits & np.uint16(Exclusion.OUTSIDE_AREA)) > 0] = MapClass.NOT_OBSERVED
    return classes


def entropy_bits(probability: NDArray[np.float32]) -> NDArray[np.float32]:
    """Entropy of a yes-or-no question, 0 to 1 bit: -p log2 p - (1 - p) log2 (1 - p)."""
    p = np.clip(probability, np.float32(1e-7), np.float32(1.0 - 1e-7))
    return np.asarray(-(p * np.log2(p) + (1.0 - p) * np.log2(1.0 - p)), np.float32)


def conflict_nats(evidence: dict[Decider, Evidence], log_share: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far the sensors contradict each other at the product's time, nats; NaN where none sees."""
    if not evidence:
        return np.full(log_share.shape[:2], np.nan, np.float32)
    llrs = [history.flood_llr(e.nats, log_share) for e in evidence.values()]
    return np.asarray(reliability.conflict(np.stack(llrs), axis=0), np.float32)


def hours_apart(evidence: dict[Decider, Evidence], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Time between the earliest and the latest of the acquisitions that speak for their sensors; NaN where none does."""
    first, last = np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)
    for values in evidence.values():
        spoke = _spoke_hours(values)
        first, last = np.fmin(first, spoke), np.fmax(last, spoke)
    return np.asarray(last - first, np.float32)


def _spoke_hours(values: Evidence) -> NDArray[np.float32]:
    """When the acquisition that speaks for a sensor saw the pixel, hours after the product's time; NaN where none did."""
    spoke = np.full(values.age_hours.shape, np.nan, np.float32)
    for passed in values.passes:  # nearest in time first
        spoke = np.where(np.isnan(spoke) & np.isfinite(passed.llr), np.float32(24.0 * passed.days), spoke)
    return spoke


def _seen_by_day(evidence: dict[Decider, Evidence], water: NDArray[np.floating]) -> NDArray[np.floating]:
    """What optical says of water where a radar looked within a day of it, else NaN: later the ground may have changed."""
    eyes = _spoke_hours(evidence[Decider.SENTINEL2])
    near = np.zeros(eyes.shape, bool)
    for who in (Decider.SENTINEL1, Decider.ALOS2):
        if who in evidence:
            near |= np.abs(_spoke_hours(evidence[who]) - eyes) <= advisory.SAME_DAY_HOURS
    return np.where(near, water, np.nan)


def half_life_of(terrain: xr.Dataset) -> NDArray[np.floating]:
    """Days that half of the floods stay on this ground."""
    return decay.half_life_days(terrain["hand"].values if "hand" in terrain else None)


def _ground(terrain: xr.Dataset) -> advisory.Ground:
    landcover, hand, slope = (
        terrain[name].values if name in terrain else None for name in ("landcover", "hand", "slope")
    )
    return advisory.Ground(landcover, hand, slope, permanent_water(terrain))


def seen_of(evidence: dict[Decider, Evidence], shape: tuple[int, int]) -> advisory.Seen:
    """What the rules of `advisory` ask of the sensors at hand."""
    water = {who: advisory.water_nats(e.nats) for who, e in evidence.items()}
    if Decider.SENTINEL2 in water:
        water[Decider.SENTINEL2] = _seen_by_day(evidence, water[Decider.SENTINEL2])
    hints = {name: values for e in evidence.values() for name, values in e.hints.items() if name != _NEAR}
    near = [e.hints[_NEAR] for e in evidence.values() if _NEAR in e.hints]
    return advisory.Seen(
        c_water=water.get(Decider.SENTINEL1),
        l_water=water.get(Decider.ALOS2),
        optical_water=water.get(Decider.SENTINEL2),
        l_under_trees=_under_trees(evidence, shape),
        near_hidden=np.fmax.reduce(near) if near else None,
        **hints,
    )


def advisories(
    evidence: dict[Decider, Evidence],
    seen: advisory.Seen,
    terrain: xr.Dataset,
    conflict: NDArray[np.float32],
    age_hours: NDArray[np.float32],
) -> NDArray[np.uint16]:
    """Bits of `Advisory`: what sensors and ground say by `advisory.flags`, and what time and conflict add."""
    shape = (conflict.shape[0], conflict.shape[1])
    bits = advisory.flags(seen, _ground(terrain), shape)
    same_day, changed = advisory.disagreement(conflict, hours_apart(evidence, conflict.shape))
    for flag, where in (
        (Advisory.EVIDENCE_OLD, advisory.evidence_old(age_hours, half_life_of(terrain))),
        (Advisory.SENSORS_DISAGREE, same_day),
        (Advisory.CHANGED_BETWEEN_PASSES, changed),
    ):
        bits[where] |= np.uint16(flag)
    return bits


def layers(
    evidence: dict[Decider, Evidence],
    posterior: Posterior,
    terrain: xr.Dataset,
    inside: Bool,
    log_share: NDArray[np.float32],
    withheld: Mapping[Exclusion, Bool] = MappingProxyType({}),
) -> dict[str, NDArray[np.generic]]:
    """Every layer of the product for one block, by the names of `product.LAYERS`.

    `withheld` is where, for further reasons, no answer is to be given of what was observed.
    """
    seen = seen_of(evidence, (inside.shape[0], inside.shape[1]))
    bits = exclusions(evidence, seen, posterior, terrain, inside, log_share)
    for reason, where in withheld.items():
        bits[where & (posterior.sensors > 0)] |= np.uint16(reason)
    unseen = (posterior.sensors == 0) | ~inside
    age = np.full(inside.shape, np.nan, np.float32)
    for who, values in evidence.items():
        age = np.where(posterior.decider == who, values.age_hours, age)
    nothing = np.float32(np.nan)
    passes = [passed for values in evidence.values() for passed in values.passes]
    ever = history.ever_flooded(posterior.water, passes, half_life_of(terrain))
    conflict = conflict_nats(evidence, log_share)
    found: dict[str, NDArray[np.generic]] = {
        "flood_class": map_classes(posterior, bits, permanent_water(terrain)),
        "probability": np.where(unseen, nothing, posterior.water),
        "uncertainty": np.where(unseen, nothing, entropy_bits(posterior.water)),
        "deciding_sensor": np.where(inside, posterior.decider, Decider.NONE),
        "sensor_count": np.where(inside, posterior.sensors, 0),
        "evidence_age": np.where(inside, age, nothing),
        "exclusion": bits,
        "ever_flooded": np.where(unseen, nothing, ever),
        "conflict": np.where(unseen, nothing, conflict),
        "advisory": np.where(unseen, np.uint16(0), advisories(evidence, seen, terrain, conflict, age)),
    }
    return {name: values.astype(LAYERS[name].dtype) for name, values in found.items()}
