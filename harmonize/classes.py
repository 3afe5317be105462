"""The classes: those that evidence is weighed for, and those that a map shows.

One table each, used by the simulator, the fusion and every published format.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag


class EvidenceClass(IntEnum):
    """What a pixel can be, physically. The value is the index along the class axis of evidence arrays."""

    OPEN_WATER = 0
    FLOODED_FOREST = 1
    FLOODED_HERB = 2
    FLOODED_URBAN = 3
    DRY_FOREST = 4
    DRY_LOW_VEG = 5
    BARE_SOIL = 6
    URBAN = 7


FLOODED = (
    EvidenceClass.OPEN_WATER,
    EvidenceClass.FLOODED_FOREST,
    EvidenceClass.FLOODED_HERB,
    EvidenceClass.FLOODED_URBAN,
)
DRY = (
    EvidenceClass.DRY_FOREST,
    EvidenceClass.DRY_LOW_VEG,
    EvidenceClass.BARE_SOIL,
    EvidenceClass.URBAN,
)

PLANTS_IN_WATER = (EvidenceClass.FLOODED_FOREST, EvidenceClass.FLOODED_HERB)
"""One kind of water to a map: `MapClass.FLOODED_VEGETATION`."""

COUNTERPARTS = (
    (EvidenceClass.FLOODED_FOREST, EvidenceClass.DRY_FOREST),
    (EvidenceClass.FLOODED_HERB, EvidenceClass.DRY_LOW_VEG),
    (EvidenceClass.FLOODED_URBAN, EvidenceClass.URBAN),
)
"""What stands in water, and the same without it."""


class MapClass(IntEnum):
    """Values of `flood.tif`. "Excluded" and "not observed" are results, never the same as "dry"."""

    DRY_LAND = 0
    PERMANENT_WATER = 1
    OPEN_FLOOD_WATER = 2
    FLOODED_VEGETATION = 3
    FLOODED_URBAN = 4
    EXCLUDED = 250
    NOT_OBSERVED = 255


@dataclass(frozen=True)
class Legend:
    """How a map class is shown: its name, its colour, and one sentence for a reader who meets it first."""

    label: str
    rgba: tuple[int, int, int, int]
    meaning: str


LEGEND: dict[MapClass, Legend] = {
    MapClass.DRY_LAND: Legend("Dry land", (238, 235, 224, 255), "observed, and no water found"),
    MapClass.PERMANENT_WATER: Legend(
        "Permanent water", (26, 72, 128, 255), "water that is there in most years"
    ),
    MapClass.OPEN_FLOOD_WATER: Legend(
        "Open flood water", (46, 166, 224, 255), "open water where land is usual"
    ),
    MapClass.FLOODED_VEGETATION: Legend(
        "Flooded vegetation", (38, 150, 108, 255), "water under plants or trees"
    ),
    MapClass.FLOODED_URBAN: Legend("Flooded urban", (214, 74, 120, 255), "water among buildings"),
    MapClass.EXCLUDED: Legend(
        "Excluded", (158, 158, 158, 255), "observed, but no sensor at hand can tell here"
    ),
    MapClass.NOT_OBSERVED: Legend("Not observed", (0, 0, 0, 0), "no valid observation"),
}

FLOOD_CLASSES = (MapClass.OPEN_FLOOD_WATER, MapClass.FLOODED_VEGETATION, MapClass.FLOODED_URBAN)
WATER_CLASSES = (MapClass.PERMANENT_WATER, *FLOOD_CLASSES)


EVIDENCE_NAMES = tuple(k.name.lower() for k in EvidenceClass)


class Decider(IntEnum):
    """Values of the deciding-sensor layer: whose evidence moved the flood odds most."""

    NONE = 0
    SENTINEL1 = 1
    ALOS2 = 2
    SENTINEL2 = 3
    PRIOR = 4


DECIDER_LABELS: dict[Decider, str] = {
    Decider.NONE: "No observation",
    Decider.SENTINEL1: "Sentinel-1 (C-band)",
    Decider.ALOS2: "ALOS-2 PALSAR-2 (L-band)",
    Decider.SENTINEL2: "Sentinel-2 (optical)",
    Decider.PRIOR: "Prior (no sensor spoke clearly)",
}


class Exclusion(IntFlag):
    """Bits of the exclusion layer: why a pixel is excluded or was not observed."""

    OUTSIDE_AREA = 1
    NO_VALID_SENSOR = 2
    CLOUD = 4
    LAYOVER_OR_SHADOW = 8
    CANOPY_HIDES_GROUND = 16
    BUILT_UP = 32
    STEEP_OR_HIGH = 64
    EVIDENCE_TOO_WEAK = 128
    REEDS_HIDE_WATER = 256
    SNOW_OR_FROST = 512
    BEYOND_RISK = 1024
    NETWORK_AGAINST_PHYSICS = 2048
    SMOOTH_GROUND = 4096


EXCLUSION_LABELS: dict[Exclusion, str] = {
    Exclusion.OUTSIDE_AREA: "outside the area of interest",
    Exclusion.NO_VALID_SENSOR: "no sensor has a valid value",
    Exclusion.CLOUD: "optical masked: cloud, cloud shadow or snow",
    Exclusion.LAYOVER_OR_SHADOW: "radar masked: layover or shadow",
    Exclusion.CANOPY_HIDES_GROUND: "trees, and no evidence that reaches the ground",
    Exclusion.BUILT_UP: "built-up, and intensity can't tell there",
    Exclusion.STEEP_OR_HIGH: "steep or high above drainage: standing water is unlikely",
    Exclusion.EVIDENCE_TOO_WEAK: "seen, but too weakly or too long ago to tell",
    Exclusion.REEDS_HIDE_WATER: "wetland plants, which may stand in water unseen",
    Exclusion.SNOW_OR_FROST: "dark to radar, but wet snow or frost is at hand, as dark as water",
    Exclusion.BEYOND_RISK: "not sure enough for the risk that was asked for",
    Exclusion.NETWORK_AGAINST_PHYSICS: "network and physics disagree, on ground of unknown height above drainage",
    Exclusion.SMOOTH_GROUND: "water by L band alone, to which smooth wet ground is as dark",
}


class Advisory(IntFlag):
    """Bits of the advisory layer: what to keep in mind about a pixel. They change no class; the rules are in `advisory`."""

    WIND_ROUGHENED_WATER = 1
    DRY_SAND_OR_SMOOTH_FIELD = 2
    CANOPY_TOO_DENSE_FOR_C = 4
    FROST_OR_WET_SNOW = 8
    RADIO_INTERFERENCE = 16
    LAYOVER_OR_SHADOW_NEARBY = 32
    EVIDENCE_OLD = 64
    SENSORS_DISAGREE = 128
    CHANGED_BETWEEN_PASSES = 256
    NEW_TO_NETWORK = 512


ADVISORY_LABELS: dict[Advisory, str] = {
    Advisory.WIND_ROUGHENED_WATER: "likely water roughened by wind: bright to radar, it may be missed",
    Advisory.DRY_SAND_OR_SMOOTH_FIELD: "may be dry sand or a smooth field: as dark to radar as water",
    Advisory.CANOPY_TOO_DENSE_FOR_C: "canopy too dense for C band, and no L band that tells",
    Advisory.FROST_OR_WET_SNOW: "frost or wet snow: as dark to C band as water",
    Advisory.RADIO_INTERFERENCE: "stripes of radio interference in L band",
    Advisory.LAYOVER_OR_SHADOW_NEARBY: "radar layover or shadow within 2 pixels",
    Advisory.EVIDENCE_OLD: "deciding evidence is older than a flood usually stays here",
    Advisory.SENSORS_DISAGREE: "sensors of the same day disagree",
    Advisory.CHANGED_BETWEEN_PASSES: "sensors disagree, passes more than a day apart: it may have changed between them",
    Advisory.NEW_TO_NETWORK: "unlike anything that the network was calibrated on",
}
