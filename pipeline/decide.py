"""From posterior to map: one class a pixel, how sure, and what to keep in mind about it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from floodfuse.harmonize import advisory, history
from floodfuse.harmonize.classes import FLOODED, Advisory, Decider, EvidenceClass, Exclusion, MapClass
from floodfuse.models import reliability
from floodfuse.models.bayes import Posterior, flooded_class
from floodfuse.models.decision import WET_FROM
from floodfuse.pipeline.exclusions import UNTELLABLE, exclusions
from floodfuse.pipeline.ground import ground_of, half_life_of, permanent_water
from floodfuse.pipeline.product import LAYERS
from floodfuse.pipeline.weigh import Evidence

_NEAR = "near_hidden"  # the one hint that both radars give

Bool = NDArray[np.bool_]
_MAP_CLASS = {
    EvidenceClass.OPEN_WATER: MapClass.OPEN_FLOOD_WATER,
    EvidenceClass.FLOODED_FOREST: MapClass.FLOODED_VEGETATION,
    EvidenceClass.FLOODED_HERB: MapClass.FLOODED_VEGETATION,
    EvidenceClass.FLOODED_URBAN: MapClass.FLOODED_URBAN,
}


def _under_trees(evidence: dict[Decider, Evidence], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Evidence for flooded over dry forest from L band, the only one that reaches the ground, nats."""
    l_band = evidence.get(Decider.ALOS2)
    if l_band is None:
        return np.zeros(shape, np.float32)
    return np.nan_to_num(
        l_band.nats[..., EvidenceClass.FLOODED_FOREST] - l_band.nats[..., EvidenceClass.DRY_FOREST]
    )


def map_classes(posterior: Posterior, bits: NDArray[np.uint16], permanent: Bool | None) -> NDArray[np.uint8]:
    """Values of `MapClass`: water where it is likelier than not, by its likeliest kind; then what can't be told."""
    kinds = np.array([_MAP_CLASS[k] for k in FLOODED], np.uint8)
    wet = posterior.water > WET_FROM
    classes = np.full(wet.shape, MapClass.DRY_LAND, np.uint8)
    classes[wet] = kinds[flooded_class(posterior, wet)]
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
        spoke = values.spoke_hours
        first, last = np.fmin(first, spoke), np.fmax(last, spoke)
    return np.asarray(last - first, np.float32)


def _seen_by_day(evidence: dict[Decider, Evidence], water: NDArray[np.floating]) -> NDArray[np.floating]:
    """What optical says of water where a radar looked within a day of it, else NaN: later the ground may have changed."""
    eyes = evidence[Decider.SENTINEL2].spoke_hours
    near = np.zeros(eyes.shape, bool)
    for who in (Decider.SENTINEL1, Decider.ALOS2):
        if who in evidence:
            near |= np.abs(evidence[who].spoke_hours - eyes) <= advisory.SAME_DAY_HOURS
    return np.where(near, water, np.nan)


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
    bits = advisory.flags(seen, ground_of(terrain), shape)
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
