"""Mean sigma0 of the ground at C and L band from what it is like, by the scattering models of a world.

    sigma0 = volume + T^2 sigma_surface + double bounce                         (harmonization.md 3.0)

Functions here are exact and slow, for tables: `lookup` tabulates them and reads the tables per pixel. Values are linear
power. Cross-polarization, for which there are no models as good, has a rule in each world: Oh's q for soil, its own volume
for canopies, a share of the double bounce for tilted trunks, and for water a line in the logarithm of the wind, at C band
some 15 dB below Sentinel-1's noise.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from floodfuse.catalogs.simulated.latents import State
from floodfuse.catalogs.simulated.worlds import CHANNELS, SOIL_PRACTICE_DB, STAND, World
from floodfuse.harmonize.dielectric import (
    reflectivity,
    soil_permittivity,
    vegetation_permittivity,
    water_permittivity,
)
from floodfuse.harmonize.double_bounce import (
    Ground,
    Stand,
    cylinder_widths,
    pixel_change_db,
    rough_reflection,
    stem_ground,
    stem_layer_depth,
    trunk_ground,
    urban_change_db,
)
from floodfuse.harmonize.radiometry import PALSAR2_GHZ, SENTINEL1_GHZ, wavenumber_rad_m
from floodfuse.harmonize.soil import SPM_KL, oh_1992, oh_2004, spm_exponential
from floodfuse.harmonize.vegetation import (
    b_factor,
    canopy_volume,
    two_way_transmissivity,
    volume_ground,
    water_cloud,
)
from floodfuse.harmonize.water import CALM_DB, CALM_WIND_M_S, water_db
from floodfuse.harmonize.waves import two_scale_mean

Float = NDArray[np.floating]

GHZ = {"C": SENTINEL1_GHZ, "L": PALSAR2_GHZ}
_COPOL: dict[str, Literal["v", "h"]] = {"C": "v", "L": "h"}
_CALM_CROSS_DB = -45.0
_FLOOR_MOISTURE = 0.25  # under trees
_WOOD_MOISTURE, _SHOOT_MOISTURE = 0.5, 0.7  # by mass
_SHOOT_RADIUS_M = 0.003
_SHOOT_TILT_DEG = 14.0
_REED_TILT_DEG = 9.0
_ASPHALT = Ground(0.0, 0.008)
_ASPHALT_PERMITTIVITY = 5.0 + 0.3j
_SNOW_VOLUME = 0.004
_CORRELATION_PER_HEIGHT, _SLIGHT_CORRELATION_M = 10.0, 0.05
_MUD_ROUGH_CM = 0.7


def _power(level_db: ArrayLike) -> Float:
    return np.asarray(10.0 ** (np.asarray(level_db, dtype=float) / 10.0))


def _parts(channel: str) -> tuple[float, Literal["v", "h"], bool, int]:
    """Frequency, transmitted polarization, whether received crossed, and index of a channel."""
    index, band = CHANNELS.index(channel), channel[0]
    return GHZ[band], _COPOL[band], channel[2] != channel[3], index


def water(world: World, channel: str, theta: Float, wind: Float) -> Float:
    """sigma0 of open water, mean over wind directions. Below 2 m/s waves die out: a straight line in dB down to 1 m/s."""
    frequency, _, crossed, index = _parts(channel)
    blowing = np.maximum(wind, CALM_WIND_M_S)
    calm_db = CALM_DB
    if crossed:
        at_5, rise = world.water_cross[index // 2]
        level_db = at_5 + rise * np.log10(blowing / 5.0) - 0.08 * (theta - 38.0)
        calm_db = _CALM_CROSS_DB
    elif world.spectrum is None:
        ceiling = np.minimum(blowing, 15.0)  # end of the compact function
        level_db = water_db("C_VV" if channel == "C_VV" else "L_HH", theta, ceiling)
    else:
        level_db = _two_scale_db(world, frequency, channel, theta, blowing)
    share = np.clip(np.log2(np.maximum(wind, 1e-3)), 0.0, 1.0)
    return _power(np.minimum(calm_db, level_db) * (1.0 - share) + level_db * share)


def _two_scale_db(world: World, frequency: float, channel: str, theta: Float, wind: Float) -> Float:
    """Two-scale model in dB on the distinct angles and winds, laid out as these are."""
    if world.spectrum is None:
        raise ValueError(f"world {world.name} has no wave spectrum")
    angles, at_angle = np.unique(theta, return_inverse=True)
    winds, at_wind = np.unique(wind, return_inverse=True)
    polarization: Literal["HH", "VV"] = "VV" if channel == "C_VV" else "HH"
    table = two_scale_mean(frequency, angles[:, None], winds, polarization, world.spectrum)
    at = np.broadcast_arrays(at_angle.reshape(np.shape(theta)), at_wind.reshape(np.shape(wind)))
    return 10.0 * np.log10(table[at[0], at[1]])


def soil(world: World, channel: str, theta: Float, height_cm: Float, moisture: Float) -> Float:
    """sigma0 of bare fields. World B goes over into small perturbations between ks 0.3 and 0.1, where Oh 2004 ends.

    Correlation length is ten times the height, at most what the perturbation holds for. The offset against practice
    (`worlds.SOIL_PRACTICE_DB`) is that of tilled fields, which are rougher than the mud that water leaves, so it fades
    out towards 0.35 cm.
    """
    frequency, _, crossed, index = _parts(channel)
    k = wavenumber_rad_m(frequency)
    ks = k * np.asarray(height_cm) / 100.0
    e = soil_permittivity(frequency, moisture)
    if world.soil == "oh_1992":
        at_theta = reflectivity(e, theta)
        model = oh_1992(theta, ks, reflectivity(e, 0.0).h, at_theta.v, at_theta.h, extrapolate=True)
    else:
        model = oh_2004(theta, ks, moisture, extrapolate=True)
    level = model.hv if crossed else (model.vv if channel == "C_VV" else model.hh)
    if world.soil == "oh_2004_spm":
        kl = np.minimum(_CORRELATION_PER_HEIGHT * ks, SPM_KL)
        slight = spm_exponential(theta, ks, kl, e, extrapolate=True)
        copol, oh_copol = (slight.vv, model.vv) if channel == "C_VV" else (slight.hh, model.hh)
        perturbed = copol * (model.hv / oh_copol if crossed else 1.0)
        share = np.clip((ks - 0.1) / 0.2, 0.0, 1.0)
        share = share * share * (3.0 - 2.0 * share)
        level = level**share * perturbed ** (1.0 - share)
    tilled = np.clip((np.asarray(height_cm) - 0.35) / (_MUD_ROUGH_CM - 0.35), 0.0, 1.0)
    return level * _power(world.soil_bias_db + SOIL_PRACTICE_DB[index] * tilled)


def _ground_reflectivity(frequency: float, theta: Float, copol: str, moisture: float | None) -> Float:
    """Fresnel power reflectivity of moist soil, or of water where `moisture` is None."""
    e = water_permittivity(frequency) if moisture is None else soil_permittivity(frequency, moisture)
    both = reflectivity(e, theta)
    return both.v if copol == "v" else both.h


def low_vegetation(
    world: World, channel: str, theta: Float, plant_water: Float, moisture: Float, height_cm: Float
) -> Float:
    """sigma0 of crops and grass over soil."""
    frequency, copol, crossed, index = _parts(channel)
    depth = b_factor(frequency, world.b_exponent) * plant_water
    ground = soil(world, channel, theta, height_cm, moisture)
    if crossed or not world.ground_paths:
        return water_cloud(theta, depth, world.crops[index], ground)
    mirror = _ground_reflectivity(frequency, theta, copol, 0.2)
    share = rough_reflection(frequency, height_cm / 100.0, np.cos(np.deg2rad(theta)))
    return volume_ground(theta, depth, world.crops[index] / 0.75, mirror * share, ground)


def forest(
    world: World, channel: str, theta: Float, stems: Float, crown: Float, height_cm: Float, flooded: bool
) -> Float:
    """sigma0 of trees over soil or water: crowns, ground, and the double bounce of trunks."""
    frequency, copol, crossed, index = _parts(channel)
    depth = crown * (world.crown_ratio if channel[0] == "C" else 1.0)
    moisture = None if flooded else _FLOOR_MOISTURE
    foot = Ground(_ground_reflectivity(frequency, theta, copol, moisture), height_cm / 100.0)
    stand = STAND._replace(density_m2=stems * np.asarray(STAND.density_m2, dtype=float))
    wood = vegetation_permittivity(frequency, _WOOD_MOISTURE)
    if world.cylinders:
        widths = cylinder_widths(frequency, stand.radius_m, wood, theta, copol)
        bounce = stem_ground(frequency, theta, stand, widths, foot, depth)
    else:
        bark = reflectivity(wood, 90.0 - theta)
        bounce = trunk_ground(frequency, theta, stand, bark.v if copol == "v" else bark.h, foot, depth)
    if flooded:
        surface: Float = _power(_CALM_CROSS_DB if crossed else CALM_DB)
    else:
        surface = soil(world, channel, theta, height_cm, np.asarray(_FLOOR_MOISTURE))
    crowns = canopy_volume(theta, depth, world.trees[index])
    if world.ground_paths:
        crowns = crowns * (1.0 + np.asarray(foot.reflectivity) ** 2 * two_way_transmissivity(depth, theta))
    share = world.tilt_cross if crossed else 1.0
    return crowns + two_way_transmissivity(depth, theta) * surface + share * bounce


def flooded_herbs(
    world: World, channel: str, theta: Float, plant_water: Float, shoots: Float, tall: Float
) -> Float:
    """sigma0 of herbs and crops that stand in water.

    World A: a layer of small scatterers over a mirror; world B: leaves, and upright stems as exact cylinders.
    """
    frequency, copol, crossed, index = _parts(channel)
    mirror = _ground_reflectivity(frequency, theta, copol, None)
    volume = world.herbs[index]
    depth = b_factor(frequency, world.b_exponent) * plant_water
    if world.cylinders:
        stems = Stand(shoots, _SHOOT_RADIUS_M, tall, _SHOOT_TILT_DEG)
        return _stems_in_water(channel, theta, stems, 0.5 * depth, volume, world.tilt_cross)
    if crossed:
        return canopy_volume(theta, depth, volume) * (1.0 + mirror * two_way_transmissivity(depth, theta))
    return volume_ground(theta, depth, volume / 0.75, mirror, _power(CALM_DB))


def _stems_in_water(
    channel: str, theta: Float, stems: Stand, leaves: ArrayLike, volume: float, tilt_cross: float
) -> Float:
    """Leaves and exact stems over a mirror; the stems weaken the wave by their own extinction (harmonization.md 3.5)."""
    frequency, copol, crossed, _ = _parts(channel)
    plant = vegetation_permittivity(frequency, _SHOOT_MOISTURE)
    widths = cylinder_widths(frequency, stems.radius_m, plant, theta, copol)
    foot = Ground(_ground_reflectivity(frequency, theta, copol, None), 0.002)
    bounce = stem_ground(frequency, theta, stems, widths, foot, leaves)
    opaque = -np.expm1(-stem_layer_depth(theta, stems, widths)) * two_way_transmissivity(leaves, theta)
    stalks = volume * np.cos(np.deg2rad(theta)) * opaque
    return canopy_volume(theta, leaves, volume) + stalks + (tilt_cross if crossed else 1.0) * bounce


def reeds(world: World, channel: str, theta: Float, density: Float, tall: Float, radius_mm: Float) -> Float:
    """sigma0 of a flooded reed bed, by exact cylinders in both worlds."""
    volume = world.herbs[CHANNELS.index(channel)]
    stems = Stand(density, radius_mm / 1000.0, tall, _REED_TILT_DEG)
    return _stems_in_water(channel, theta, stems, 0.05, volume, world.tilt_cross)


def town(
    world: World, channel: str, theta: Float, built: Float, walls: Float, drowned: Float | None = None
) -> Float:
    """sigma0 of houses among gardens; water in the streets brightens walls, and darkens gardens."""
    frequency, copol, crossed, index = _parts(channel)
    houses = built * world.walls[index] * walls * np.cos(np.deg2rad(theta))
    if drowned is None:
        gardens = low_vegetation(world, channel, theta, np.asarray(0.8), np.asarray(0.2), np.asarray(1.0))
        return houses + (1.0 - built) * gardens
    both = reflectivity(_ASPHALT_PERMITTIVITY, theta)
    street = _ASPHALT._replace(reflectivity=both.v if copol == "v" else both.h)
    pond = Ground(_ground_reflectivity(frequency, theta, copol, None), 0.002)
    change_db = urban_change_db(frequency, theta, street, pond, drowned) * (0.5 if crossed else 1.0)
    share, shown = world.aligned
    level_db = pixel_change_db(shown * change_db, share)
    return houses * _power(level_db) + (1.0 - built) * _power(_CALM_CROSS_DB if crossed else CALM_DB)


def snow(world: World, channel: str, theta: Float, height_cm: Float, wetness: Float, soil_cm: Float) -> Float:
    """sigma0 of a field under smooth wet snow: a slightly rough surface of low permittivity over soil.

    Wet snow takes 0.5 nepers per percent of water at C band, 0.05 at L band, which mostly sees through it.
    """
    frequency, _, crossed, _ = _parts(channel)
    c_band = channel[0] == "C"
    depth = (0.5 if c_band else 0.05) * wetness
    e = 1.7 + 0.12 * wetness + 1j * wetness * (0.08 if c_band else 0.025)
    k = wavenumber_rad_m(frequency)
    ks = k * height_cm / 100.0
    kl = np.minimum(k * _SLIGHT_CORRELATION_M, SPM_KL)
    surface = spm_exponential(theta, ks, kl, e, extrapolate=True)
    top = surface.vv if c_band else surface.hh
    ground = soil(world, channel, theta, soil_cm, np.asarray(0.12))
    volume = canopy_volume(theta, depth, _SNOW_VOLUME * (0.2 if crossed else 1.0))
    return (0.02 if crossed else 1.0) * top + volume + two_way_transmissivity(depth, theta) * ground


_MODELS: dict[State, Callable[..., Float]] = {
    State.OPEN_WATER: water,
    State.FLOODED_FOREST: partial(forest, flooded=True),
    State.FLOODED_HERB: flooded_herbs,
    State.FLOODED_URBAN: town,
    State.DRY_FOREST: partial(forest, flooded=False),
    State.DRY_LOW_VEG: low_vegetation,
    State.BARE_SOIL: soil,
    State.URBAN: town,
    State.MUD_FLATS: soil,
    State.WINDY_LAKE: water,
    State.FLOODED_REEDS: reeds,
    State.SNOW_FIELDS: snow,
}


def gamma0(world: World, state: State, channel: str, incidence_deg: ArrayLike, *latents: ArrayLike) -> Float:
    """Mean gamma0 of a state, linear power, in the shape that angle and latents broadcast to.

    gamma0 = sigma0 / cos(theta)

    Parameters
    ----------
    world
        Whose models.
    state
        What lies there.
    channel
        Of `worlds.CHANNELS`.
    incidence_deg
        25 to 50.
    latents
        In the units and order of `latents.LATENTS[state]`, within their bounds.
    """
    theta, *values = (np.asarray(x, dtype=float) for x in (incidence_deg, *latents))
    sigma0 = _MODELS[state](world, channel, theta, *values)
    return np.asarray(sigma0 / np.cos(np.deg2rad(theta)))
