"""Sentinel-1 and PALSAR-2 as they would see a synthetic flood: class levels, angles, texture, speckle and noise.

A first version: levels per class, not scattering models. They start from harmonization.md 3.6 and are then
moved, per seed, by random offsets; texture and wind are this module's own. So the tables that infer are not
the tables that simulate (harmonization.md 9, anti-circularity).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from floodfuse.catalogs.simulated.fields import FloatArray, decibel_to_power, smooth_field, stream
from floodfuse.catalogs.simulated.flood import Flood
from floodfuse.catalogs.simulated.lattice import Lattice, averaged
from floodfuse.catalogs.simulated.speckle import detected
from floodfuse.harmonize.classes import EvidenceClass

REFERENCE_DEG = 38.0
_OFFSET_SD_DB = 0.7


@dataclass(frozen=True)
class Channel:
    """One polarization of one radar. Class values are in the order of `EvidenceClass`.

    Attributes
    ----------
    name
        `vv`, `vh`, `hh` or `hv`.
    level_db
        gamma0 at 38 degrees, dB.
    slope_db
        Change of gamma0 with incidence angle, dB per degree (harmonization.md 2.2).
    texture_db
        Spread of gamma0 within the class, sd in dB, field-to-field differences aside.
    field_db
        Spread from field to field of crops and bare soil, sd in dB.
    wind_db
        Rise of gamma0 of water per tenfold wind speed, dB.
    nesz_db
        Receiver noise, equivalent sigma0, dB.
    """

    name: str
    level_db: tuple[float, ...]
    slope_db: tuple[float, ...]
    texture_db: tuple[float, ...]
    field_db: float
    wind_db: float
    nesz_db: float


@dataclass(frozen=True)
class Radar:
    """One radar product.

    Attributes
    ----------
    name
        Names its random streams.
    channels
        Co-polarized first.
    near_deg, far_deg
        Incidence angle at the near and far edge of the scene.
    from_east
        Whether the sensor looks west, so that range runs from east to west.
    looks
        Equivalent number of looks of a pixel.
    blur
        Impulse response, sd in pixels of the product.
    noise_removed
        Whether the product has its noise power subtracted.
    """

    name: str
    channels: tuple[Channel, Channel]
    near_deg: float
    far_deg: float
    from_east: bool
    looks: float
    blur: float
    noise_removed: bool


#                   water  f.for  f.herb f.urb  forest lowveg soil   urban
SENTINEL1 = Radar(
    name="sentinel1",
    channels=(
        Channel(
            "vv",
            (-18.6, -7.5, -9.4, -3.4, -7.5, -9.8, -9.6, -4.4),
            (-0.33, 0.0, -0.05, 0.04, 0.0, -0.05, -0.10, 0.04),
            (0.7, 0.8, 1.8, 2.6, 0.8, 0.7, 0.7, 2.6),
            1.5,
            13.5,
            -24.0,
        ),
        Channel(
            "vh",
            (-27.5, -13.2, -17.2, -10.6, -13.2, -16.4, -19.0, -11.4),
            (-0.20, 0.0, -0.05, 0.04, 0.0, -0.05, -0.10, 0.04),
            (0.8, 0.8, 1.6, 2.3, 0.8, 0.8, 0.9, 2.3),
            1.6,
            9.0,
            -26.0,
        ),
    ),
    near_deg=36.0,
    far_deg=40.0,
    from_east=False,
    looks=4.4,
    blur=0.79,
    noise_removed=True,
)
"""Interferometric Wide swath, ground range detected, ascending (looking east), gamma0 at 10 m."""

PALSAR2 = Radar(
    name="palsar2",
    channels=(
        Channel(
            "hh",
            (-22.3, -3.8, -12.6, -3.0, -7.3, -12.9, -15.3, -4.4),
            (-0.50, -0.03, -0.08, 0.04, 0.02, -0.06, -0.15, 0.04),
            (0.7, 1.1, 2.4, 2.9, 0.9, 0.9, 0.9, 2.9),
            2.0,
            9.0,
            -28.0,
        ),
        Channel(
            "hv",
            (-31.0, -12.0, -19.6, -13.2, -12.6, -19.8, -26.0, -14.2),
            (-0.35, 0.0, -0.06, 0.04, 0.02, -0.06, -0.15, 0.04),
            (0.8, 1.1, 2.0, 2.5, 1.0, 1.1, 1.2, 2.5),
            2.2,
            6.0,
            -32.0,
        ),
    ),
    near_deg=33.0,
    far_deg=38.0,
    from_east=True,
    looks=16.0,
    blur=0.66,
    noise_removed=False,
)
"""Fine Beam dual polarization, 25 m with 16 looks, descending (looking west), laid out as Level 2.2."""

_WIND_REFERENCE_MS = 4.0


def incidence_deg(radar: Radar, lattice: Lattice, scene: Lattice) -> FloatArray:
    """Incidence angle over flat ground, degrees: a ramp across the scene along range, which runs a little askew."""
    side = scene.size * scene.resolution
    centre = (np.arange(lattice.size) + 0.5) * lattice.resolution
    east = ((lattice.west - scene.west + centre) / side).astype(np.float32)[None, :]
    south = ((scene.north - lattice.north + centre) / side).astype(np.float32)[:, None]
    ranged = (1.0 - east if radar.from_east else east) * 0.85 + 0.15 * south
    angle: FloatArray = (radar.near_deg + (radar.far_deg - radar.near_deg) * ranged).astype(np.float32)
    return angle


def observe(radar: Radar, flood: Flood, hours: float, lattice: Lattice, seed: int) -> dict[str, FloatArray]:
    """Linear gamma0 of each polarization on `lattice`, as the product would have it.

    Parameters
    ----------
    radar
        Sensor and mode.
    flood
        The ground and the water on it.
    hours
        Acquisition time, hours after product time.
    lattice
        Pixels of the product; the mean power is averaged from 10 m to them by area.
    seed
        Of the scene.
    """
    scene = flood.landscape.lattice
    surface = flood.surface_at(hours)
    common = _common_texture(radar, scene, seed)
    wind = wind_ms(flood, radar.name, seed)
    angle = incidence_deg(radar, lattice, scene)
    images = {}
    for channel in radar.channels:
        mean = mean_gamma0(radar, channel, flood, surface, common, wind, seed)
        if lattice != scene:
            mean = averaged(mean, scene, lattice)
        noise = _noise_gamma0(channel, angle)
        rng = stream(seed, f"{radar.name}/{channel.name}/speckle")
        image = detected(mean + noise, radar.looks, radar.blur, rng)
        images[channel.name] = image - noise if radar.noise_removed else image
    return images


def _noise_gamma0(channel: Channel, angle_deg: FloatArray) -> FloatArray:
    """Receiver noise as gamma0, linear: NESZ, which is a sigma0, over cos(incidence)."""
    noise = np.float32(10.0 ** (channel.nesz_db / 10.0)) / np.cos(np.radians(angle_deg))
    return noise.astype(np.float32, copy=False)


def mean_gamma0(
    radar: Radar,
    channel: Channel,
    flood: Flood,
    surface: npt.NDArray[np.uint8],
    common: FloatArray,
    wind: FloatArray,
    seed: int,
) -> FloatArray:
    """Expected linear gamma0 on the 10 m lattice, before speckle and noise."""
    landscape = flood.landscape
    scene = landscape.lattice
    level = np.asarray(channel.level_db, np.float32) + _class_offsets(radar, channel, seed)
    slope = np.asarray(channel.slope_db, np.float32)
    spread = np.asarray(channel.texture_db, np.float32)
    own = smooth_field(scene.size, 7.0, stream(seed, f"{radar.name}/{channel.name}/texture"))
    gamma0_db = level[surface]
    gamma0_db += slope[surface] * (incidence_deg(radar, scene, scene) - np.float32(REFERENCE_DEG))
    gamma0_db += spread[surface] * (np.float32(0.8) * common + np.float32(0.6) * own)
    del own
    band = landscape.parcels.backscatter[0 if radar.name == "sentinel1" else 1]
    farmed = (surface == EvidenceClass.DRY_LOW_VEG) | (surface == EvidenceClass.BARE_SOIL)
    gamma0_db += np.float32(channel.field_db) * band[landscape.parcels.number] * farmed
    soil = surface == EvidenceClass.BARE_SOIL
    gamma0_db += np.where(soil, 1.6 * np.exp(-np.maximum(landscape.hand - 2.0, 0.0) / 2.0), 0.0)
    water = surface == EvidenceClass.OPEN_WATER
    gamma0_db += np.where(water, np.float32(channel.wind_db) * np.log10(wind / _WIND_REFERENCE_MS), 0.0)
    return decibel_to_power(gamma0_db.astype(np.float32, copy=False))


def wind_ms(flood: Flood, name: str, seed: int) -> FloatArray:
    """Wind speed at 10 m height over the scene, m/s: lognormal about 4 m/s, calmer behind trees and houses."""
    landscape = flood.landscape
    gusts = smooth_field(landscape.lattice.size, 90.0, stream(seed, f"{name}/wind"))
    streaks = smooth_field(landscape.lattice.size, 18.0, stream(seed, f"{name}/gusts"))
    shelter = ndimage.uniform_filter(landscape.cover.trees.astype(np.float32), 31, mode="nearest")
    speed = _WIND_REFERENCE_MS * np.exp(0.26 * gusts + 0.10 * streaks) * (1.0 - 0.45 * shelter)
    wind: FloatArray = np.clip(speed, 1.2, 15.0).astype(np.float32)
    return wind


def _class_offsets(radar: Radar, channel: Channel, seed: int) -> FloatArray:
    """How far this scene's classes lie from the table, dB: sd 0.7 each, but flooding changes a stand's own level.

    A flooded forest is the same forest with water under it, so it shares the forest's offset; what water adds
    varies by 0.4 dB at L-HH and by 0.1 dB elsewhere.
    """
    rng = stream(seed, f"{radar.name}/{channel.name}/levels")
    offsets = np.clip(rng.standard_normal(len(EvidenceClass)), -2.0, 2.0) * _OFFSET_SD_DB
    change_sd = 0.4 if channel.name == "hh" else 0.1
    offsets[EvidenceClass.FLOODED_FOREST] = offsets[EvidenceClass.DRY_FOREST] + np.clip(
        change_sd * rng.standard_normal(), -2.0 * change_sd, 2.0 * change_sd
    )
    offsets[EvidenceClass.FLOODED_URBAN] = offsets[EvidenceClass.URBAN]
    return offsets.astype(np.float32)


def _common_texture(radar: Radar, scene: Lattice, seed: int) -> FloatArray:
    """Texture that both polarizations share, sd 1: stands and rows of some 100 m, and single trees and houses."""
    stands = smooth_field(scene.size, 12.0, stream(seed, f"{radar.name}/stands"))
    single = smooth_field(scene.size, 2.5, stream(seed, f"{radar.name}/single"))
    return np.float32(0.7) * stands + np.float32(0.714) * single


def to_dn(gamma0: FloatArray, calibration_db: float) -> npt.NDArray[np.uint16]:
    """Digital numbers of a PALSAR-2 product: gamma0 (dB) = 10 log10(DN^2) + CF (JAXA EORC), 1 to 65535, 0 no data."""
    dn = np.rint(np.sqrt(np.maximum(gamma0, 0.0) * np.float32(10.0 ** (-calibration_db / 10.0))))
    counts: npt.NDArray[np.uint16] = np.clip(dn, 1, 65535).astype(np.uint16)
    return counts
