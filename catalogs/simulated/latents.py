"""What the ground is like under a synthetic radar image: its states, their latent variables, and how widely they vary.

A state is an evidence class or a held-out mechanism. Each has up to three latents (wind, moisture, stems, ...), drawn
in the logarithm: a scene's own departure from the median, common to the whole scene, plus one from place to place. The
total spread is at least 1.5 times that which the class densities of `harmonize.densities` were derived with
(harmonization.md 9, rule 2), up to what is physically possible: `low` and `high` bound every latent.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from floodfuse.harmonize.classes import EvidenceClass

Float32 = npt.NDArray[np.float32]


class State(IntEnum):
    """What a radar finds in a pixel: the evidence classes by their own values, then the held-out mechanisms."""

    OPEN_WATER = 0
    FLOODED_FOREST = 1
    FLOODED_HERB = 2
    FLOODED_URBAN = 3
    DRY_FOREST = 4
    DRY_LOW_VEG = 5
    BARE_SOIL = 6
    URBAN = 7
    MUD_FLATS = 8  # smooth and wet, left by the water: dark at L band
    WINDY_LAKE = 9  # 10 to 14 m/s over open water
    FLOODED_REEDS = 10  # dense thin stems in water
    SNOW_FIELDS = 11  # smooth wet snow: dark at C band, half transparent at L band


HELD_OUT = tuple(State)[len(EvidenceClass) :]
CLASS_OF_STATE = np.array(
    [
        *range(len(EvidenceClass)),
        EvidenceClass.BARE_SOIL,
        EvidenceClass.OPEN_WATER,
        EvidenceClass.FLOODED_HERB,
        EvidenceClass.BARE_SOIL,
    ],
    np.uint8,
)
"""`EvidenceClass` of each state: what it is, not what it looks like."""


class Field(IntEnum):
    """The standard normal fields that latents follow from place to place, by index along the first axis."""

    PARCEL_A = 0  # from field to field
    PARCEL_B = 1
    WET = 2  # some 600 m
    STAND = 3  # some 150 m
    CROWN = 4  # some 250 m
    WIND = 5


class Latent(NamedTuple):
    """One latent variable of a state, lognormal.

    Attributes
    ----------
    name
        Latents of one name share their scene's departure.
    median
        In its own unit.
    between, within
        Standard deviation of its logarithm from scene to scene, and from place to place.
    low, high
        Bounds, and ends of the axis of the tables.
    field
        What it follows from place to place.
    inference_sd
        Standard deviation of its logarithm in the priors behind the class densities; 0 where they hold no such latent.
    """

    name: str
    median: float
    between: float
    within: float
    low: float
    high: float
    field: Field
    inference_sd: float = 0.0


# Inference takes wind as Weibull(2, 4 m/s), whose interquartile range in ln U is that of a normal of sd 0.58;
# moisture as 0.05 ... 0.40, rms height as 1.5 cm with sd 0.4, plant water as 0.3 ... 4, optical depth as 0.3 ... 0.9,
# density x radius x height / tilt as a product of uniforms (harmonization.md 3.6), uniforms here by the sd of their ln.
_WIND = Latent("wind", 4.2, 0.78, 0.42, 0.5, 16.0, Field.WIND, 0.58)  # m/s
_ROUGH = Latent("roughness", 1.5, 0.33, 0.51, 0.15, 5.0, Field.PARCEL_A, 0.40)  # rms height, cm
_MOIST = Latent("moisture", 0.19, 0.62, 0.56, 0.03, 0.50, Field.WET, 0.55)  # m3/m3
_PLANT = Latent("plant_water", 1.3, 0.60, 0.80, 0.08, 7.0, Field.PARCEL_A, 0.66)  # kg/m2
_STEMS = Latent("stems", 1.0, 0.50, 0.62, 0.1, 6.0, Field.CROWN, 0.52)  # relative to `worlds.STAND`
_CROWN = Latent("crown_depth", 0.55, 0.30, 0.38, 0.15, 1.8, Field.STAND, 0.31)  # nepers at L band, one way
_LITTER = Latent(
    "litter", 2.5, 0.30, 0.32, 0.8, 6.0, Field.PARCEL_B, 0.28
)  # rms height of dry forest floor, cm
_RIPPLE = Latent(
    "ripple", 0.28, 0.50, 0.46, 0.05, 1.2, Field.WET, 0.45
)  # rms height of water under trees, cm
_HERB = Latent("herb_water", 1.4, 0.60, 0.80, 0.08, 7.0, Field.STAND, 0.66)  # kg/m2
_SHOOTS = Latent("shoots", 70.0, 0.45, 0.45, 15.0, 300.0, Field.CROWN)  # stems a square metre
_TALL = Latent("shoot_height", 0.7, 0.30, 0.25, 0.2, 2.0, Field.WET)  # m above water
_BUILT = Latent("built_share", 0.48, 0.20, 0.35, 0.08, 1.0, Field.STAND)
_WALLS = Latent(
    "wall_gain", 1.0, 0.30, 0.60, 0.1, 8.0, Field.PARCEL_B
)  # by how walls are turned to the radar
_DROWNED = Latent("drowned_share", 0.12, 0.40, 0.30, 0.01, 0.6, Field.WET)  # of the height of walls

LATENTS: dict[State, tuple[Latent, ...]] = {
    State.OPEN_WATER: (_WIND,),
    State.FLOODED_FOREST: (_STEMS, _CROWN, _RIPPLE),
    State.FLOODED_HERB: (_HERB, _SHOOTS, _TALL),
    State.FLOODED_URBAN: (_BUILT, _WALLS, _DROWNED),
    State.DRY_FOREST: (_STEMS, _CROWN, _LITTER),
    State.DRY_LOW_VEG: (_PLANT, _MOIST, _ROUGH._replace(field=Field.PARCEL_B)),
    State.BARE_SOIL: (_ROUGH, _MOIST),
    State.URBAN: (_BUILT, _WALLS),
    State.MUD_FLATS: (
        Latent("mud_roughness", 0.25, 0.25, 0.20, 0.1, 0.7, Field.STAND),
        Latent("mud_moisture", 0.42, 0.08, 0.08, 0.30, 0.55, Field.WET),
    ),
    State.WINDY_LAKE: (Latent("strong_wind", 11.8, 0.08, 0.05, 10.0, 14.0, Field.WIND),),
    State.FLOODED_REEDS: (
        Latent("reeds", 110.0, 0.40, 0.30, 30.0, 400.0, Field.CROWN),
        Latent("reed_height", 1.3, 0.25, 0.20, 0.5, 3.0, Field.STAND),
        Latent("reed_radius", 3.5, 0.20, 0.10, 2.0, 6.0, Field.WET),  # mm
    ),
    State.SNOW_FIELDS: (
        Latent("snow_roughness", 0.20, 0.25, 0.20, 0.08, 0.5, Field.STAND),
        Latent("snow_wetness", 4.0, 0.30, 0.20, 1.0, 9.0, Field.WET),  # percent by volume
        Latent("snowed_roughness", 1.2, 0.30, 0.30, 0.3, 3.0, Field.PARCEL_A),
    ),
}

# Spread (sd, dB) of gamma0 that no latent explains; the rest of the spread of harmonization.md 3.6 comes from latents.
TEXTURE_DB: dict[State, float] = {
    State.OPEN_WATER: 0.5,
    State.FLOODED_FOREST: 1.0,
    State.FLOODED_HERB: 1.6,
    State.FLOODED_URBAN: 2.4,
    State.DRY_FOREST: 0.8,
    State.DRY_LOW_VEG: 0.8,
    State.BARE_SOIL: 0.8,
    State.URBAN: 2.4,
    State.MUD_FLATS: 0.6,
    State.WINDY_LAKE: 0.5,
    State.FLOODED_REEDS: 1.2,
    State.SNOW_FIELDS: 0.6,
}

# Spread (sd, dB) from scene to scene of what leaves and branches send back: 1.5 times that of inference's canopies.
# A flooded stand is the same stand, so wet and dry share it.
CANOPY_DB: dict[State, float] = {
    State.FLOODED_FOREST: 1.1,
    State.DRY_FOREST: 1.1,
    State.FLOODED_HERB: 1.5,
    State.DRY_LOW_VEG: 1.0,
    State.FLOODED_URBAN: 1.2,
    State.URBAN: 1.2,
}
_SHARED = {
    State.FLOODED_FOREST: "forest",
    State.DRY_FOREST: "forest",
    State.FLOODED_URBAN: "town",
    State.URBAN: "town",
}


class Departures(NamedTuple):
    """How far a scene lies from the medians.

    Attributes
    ----------
    latent
        Departure of each latent's logarithm by name, in units of 1 (not of its sd).
    level
        Departure of ln gamma0 of each state in each channel, (state, channel).
    """

    latent: dict[str, float]
    level: Float32


def draw_departures(rng: np.random.Generator, width: float = 1.0) -> Departures:
    """Draw what is common to a scene. Departures end at 2.2 standard deviations.

    Parameters
    ----------
    rng
        Of this scene; the numbers drawn do not depend on `width`.
    width
        Factor on all spreads; 0 gives the medians.
    """
    named = {latent.name: latent for latents in LATENTS.values() for latent in latents}
    normal = np.clip(rng.standard_normal(len(named)), -2.2, 2.2)
    latent = {
        name: float(width * each.between * z) for (name, each), z in zip(named.items(), normal, strict=True)
    }
    groups = [_SHARED.get(state, state.name) for state in State]
    drawn = {group: np.clip(rng.standard_normal(4), -2.2, 2.2) for group in dict.fromkeys(groups)}
    scale = np.log(10.0) / 10.0 * width
    level = [
        scale * CANOPY_DB.get(state, 0.0) * drawn[group] for state, group in zip(State, groups, strict=True)
    ]
    return Departures(latent, np.asarray(level, np.float32))
