"""Two worlds of radar physics, as data. What one infers with, the other can simulate (harmonization.md 9, rule 1).

World A is close to what inference is built on: CMOD5.N and the compact L-band function, Oh 1992, the water cloud,
physical-optics trunks, lognormal texture. World B has other physics for each of them: tilted Bragg waves with the spectrum
of Romeiser et al., Oh 2004 blended into small perturbations, canopies that interact with the ground, exact cylinders with
their own extinction, another law of optical depth with frequency, gamma texture (so that speckle upon it is K-distributed).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from floodfuse.harmonize.double_bounce import Stand
from floodfuse.harmonize.waves import SpectrumName

CHANNELS = ("C_VV", "C_VH", "L_HH", "L_HV")
"""The channels that sensors here have; their order is that of every last axis."""
ByChannel = tuple[float, float, float, float]

STAND = Stand(density_m2=0.06, radius_m=0.12, height_m=8.0, tilt_sd_deg=5.0)
"""Reference stand (harmonization.md 3.5): what the latent `stems` multiplies the density of."""

SOIL_PRACTICE_DB: ByChannel = (-4.0, -3.1, 0.0, 0.0)
"""Fields against models: Oh overshoots C-VV soil by about 4 dB against practice (harmonization.md 3.6), C-VH by 3.1."""


@dataclass(frozen=True)
class World:
    """Which scattering models make the radar images of a scene. Volumes are gamma0 of an opaque canopy, linear.

    Attributes
    ----------
    name
        "A" or "B".
    spectrum
        Of waves in the two-scale model; None for CMOD5.N and the compact function.
    water_cross
        sigma0 (dB) at 5 m/s and 38 deg, and rise (dB per tenfold wind), at C-VH and L-HV.
    soil
        Model of bare soil.
    soil_bias_db
        Added to the model: its mean error against numerical solutions, taken off.
    b_exponent
        Exponent of the optical depth of herbs with frequency.
    ground_paths
        Whether canopies interact with the ground beneath.
    cylinders
        Whether trunks, and the stems of flooded herbs, are exact cylinders that take from the wave what they scatter.
    crown_ratio
        Optical depth of tree crowns at C band over that at L band.
    crops, herbs, trees
        Volume by channel.
    tilt_cross
        Cross-polarized share of the double bounce of trunks.
    walls
        gamma0 of a pixel full of buildings, by channel.
    aligned
        Share of the power of walls that answers to water in the street, and how much of the ideal change (dB) it shows.
    texture
        Distribution of what no latent explains.
    """

    name: Literal["A", "B"]
    spectrum: SpectrumName | None
    water_cross: tuple[tuple[float, float], tuple[float, float]]
    soil: Literal["oh_1992", "oh_2004_spm"]
    soil_bias_db: float
    b_exponent: float
    ground_paths: bool
    cylinders: bool
    crown_ratio: float
    crops: ByChannel
    herbs: ByChannel
    trees: ByChannel
    tilt_cross: float
    walls: ByChannel
    aligned: tuple[float, float]
    texture: Literal["lognormal", "gamma"]


WORLDS: dict[str, World] = {
    "A": World(
        name="A",
        spectrum=None,
        water_cross=(
            (-39.0, 23.6),
            (-33.0, 8.0),
        ),  # C-VH: Sentinel-1's own wind function, harmonization.md 3.2
        soil="oh_1992",
        soil_bias_db=1.3,
        b_exponent=1.0,
        ground_paths=False,
        cylinders=False,
        crown_ratio=3.0,
        crops=(0.105, 0.024, 0.085, 0.020),
        herbs=(0.100, 0.020, 0.075, 0.026),
        trees=(0.180, 0.050, 0.200, 0.066),
        tilt_cross=0.03,
        walls=(0.75, 0.145, 0.80, 0.080),
        aligned=(0.08, 1.0),
        texture="lognormal",
    ),
    "B": World(
        name="B",
        spectrum="romeiser",
        water_cross=((-37.0, 18.0), (-33.0, 12.0)),
        soil="oh_2004_spm",
        soil_bias_db=1.2,
        b_exponent=1.25,
        ground_paths=True,
        cylinders=True,
        crown_ratio=2.3,
        crops=(0.090, 0.021, 0.060, 0.026),
        herbs=(0.085, 0.018, 0.140, 0.050),
        trees=(0.165, 0.044, 0.165, 0.055),
        tilt_cross=0.05,
        walls=(0.65, 0.130, 0.90, 0.095),
        aligned=(0.22, 0.55),
        texture="gamma",
    ),
}


def world_named(name: str) -> World:
    """The world of that name, else a ValueError that names those there are."""
    if name not in WORLDS:
        raise ValueError(f"world '{name}': there are {' and '.join(WORLDS)}")
    return WORLDS[name]
