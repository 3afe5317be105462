"""Colours of what is not a map class: ramps and codes, the same in QGIS and in the report.

Map classes have theirs in `harmonize/classes.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from floodfuse.harmonize.classes import (
    ADVISORY_LABELS,
    EXCLUSION_LABELS,
    Advisory,
    Decider,
    EvidenceClass,
    Exclusion,
)

Rgba = tuple[int, int, int, int]
Ramp = tuple[tuple[float, Rgba], ...]

CLEAR: Rgba = (0, 0, 0, 0)

PROBABILITY_RAMP: Ramp = (
    (0.0, (243, 240, 231, 255)),
    (0.25, (208, 222, 222, 255)),
    (0.5, (140, 184, 206, 255)),
    (0.75, (62, 128, 176, 255)),
    (1.0, (20, 62, 112, 255)),
)
UNCERTAINTY_RAMP: Ramp = (
    (0.0, (246, 243, 236, 255)),
    (0.5, (218, 190, 148, 255)),
    (1.0, (126, 78, 46, 255)),
)
AGE_RAMP: Ramp = (
    (0.0, (240, 238, 243, 255)),
    (0.5, (178, 164, 196, 255)),
    (1.0, (86, 68, 116, 255)),
)
CONFLICT_RAMP: Ramp = (
    (0.0, (244, 240, 238, 255)),
    (0.5, (222, 170, 142, 255)),
    (1.0, (152, 58, 52, 255)),
)
WEIGHT_RAMP: Ramp = (
    (0.0, (242, 241, 236, 255)),
    (0.5, (164, 196, 168, 255)),
    (1.0, (38, 96, 80, 255)),
)
COUNT_COLOURS: dict[int, Rgba] = {
    0: CLEAR,
    1: (222, 232, 216, 255),
    2: (150, 190, 150, 255),
    3: (62, 124, 92, 255),
}
DECIDER_COLOURS: dict[Decider, Rgba] = {
    Decider.NONE: CLEAR,
    Decider.SENTINEL1: (96, 142, 190, 255),
    Decider.ALOS2: (78, 150, 116, 255),
    Decider.SENTINEL2: (226, 178, 94, 255),
    Decider.PRIOR: (198, 194, 186, 255),
}
EXCLUSION_COLOURS: dict[Exclusion, Rgba] = {
    Exclusion.OUTSIDE_AREA: (226, 226, 226, 255),
    Exclusion.NO_VALID_SENSOR: (176, 176, 176, 255),
    Exclusion.CLOUD: (166, 196, 221, 255),
    Exclusion.LAYOVER_OR_SHADOW: (206, 168, 128, 255),
    Exclusion.CANOPY_HIDES_GROUND: (126, 166, 122, 255),
    Exclusion.BUILT_UP: (200, 140, 158, 255),
    Exclusion.STEEP_OR_HIGH: (158, 142, 120, 255),
    Exclusion.EVIDENCE_TOO_WEAK: (190, 178, 206, 255),
    Exclusion.REEDS_HIDE_WATER: (172, 186, 110, 255),
    Exclusion.SNOW_OR_FROST: (196, 220, 232, 255),
    Exclusion.BEYOND_RISK: (224, 208, 176, 255),
    Exclusion.NETWORK_AGAINST_PHYSICS: (232, 168, 150, 255),
    Exclusion.SMOOTH_GROUND: (150, 132, 110, 255),
}
EVIDENCE_COLOURS: dict[EvidenceClass, Rgba] = {
    EvidenceClass.OPEN_WATER: (46, 142, 210, 255),
    EvidenceClass.FLOODED_FOREST: (38, 150, 108, 255),
    EvidenceClass.FLOODED_HERB: (126, 190, 96, 255),
    EvidenceClass.FLOODED_URBAN: (214, 74, 120, 255),
    EvidenceClass.DRY_FOREST: (58, 84, 52, 255),
    EvidenceClass.DRY_LOW_VEG: (176, 168, 62, 255),
    EvidenceClass.BARE_SOIL: (186, 124, 66, 255),
    EvidenceClass.URBAN: (128, 120, 134, 255),
}
ADVISORY_COLOURS: dict[Advisory, Rgba] = {
    Advisory.WIND_ROUGHENED_WATER: (88, 156, 204, 255),
    Advisory.DRY_SAND_OR_SMOOTH_FIELD: (222, 190, 120, 255),
    Advisory.CANOPY_TOO_DENSE_FOR_C: (96, 146, 92, 255),
    Advisory.FROST_OR_WET_SNOW: (178, 208, 226, 255),
    Advisory.RADIO_INTERFERENCE: (204, 96, 168, 255),
    Advisory.LAYOVER_OR_SHADOW_NEARBY: (190, 150, 112, 255),
    Advisory.EVIDENCE_OLD: (146, 128, 176, 255),
    Advisory.SENSORS_DISAGREE: (192, 82, 70, 255),
    Advisory.CHANGED_BETWEEN_PASSES: (226, 136, 92, 255),
    Advisory.NEW_TO_NETWORK: (122, 92, 122, 255),
}


def exclusion_entry(bits: int) -> tuple[str, Rgba]:
    """Name and colour of a set of exclusion bits: the names joined, the colours averaged."""
    return _entry(bits, EXCLUSION_LABELS, EXCLUSION_COLOURS, "no reason recorded")


def advisory_entry(bits: int) -> tuple[str, Rgba]:
    """Name and colour of a set of advisory bits, in the same way."""
    return _entry(bits, ADVISORY_LABELS, ADVISORY_COLOURS, "nothing to keep in mind")


def _entry(bits: int, labels: Mapping[Any, str], colours: Mapping[Any, Rgba], none: str) -> tuple[str, Rgba]:
    raised = [flag for flag in labels if bits & flag]
    if not raised:
        return none, CLEAR
    red, green, blue, alpha = np.mean([colours[flag] for flag in raised], axis=0).round()
    return " + ".join(labels[flag] for flag in raised), (int(red), int(green), int(blue), int(alpha))


def scaled(ramp: Ramp, low: float, high: float) -> Ramp:
    """A ramp of 0 to 1 stretched over `low` to `high`."""
    return tuple((low + stop * (high - low), colour) for stop, colour in ramp)


def coloured(values: NDArray[np.float32], ramp: Ramp) -> NDArray[np.uint8]:
    """Values as RGBA, linear between the stops of a ramp; NaN is transparent."""
    stops = [stop for stop, _ in ramp]
    known = np.isfinite(values)
    filled = np.where(known, values, stops[0])
    channels = [np.interp(filled, stops, [colour[i] for _, colour in ramp]) for i in range(4)]
    rgba = np.stack(channels, axis=-1).round().astype(np.uint8)
    rgba[~known] = 0
    return rgba


def hexadecimal(colour: Rgba) -> str:
    """#rrggbb, as HTML and QGIS write it."""
    return "#{:02x}{:02x}{:02x}".format(*colour[:3])
