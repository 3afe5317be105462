"""Sentinel-1 and PALSAR-2 as they would see a synthetic flood: scattering, angles, texture, wind, speckle and noise.

What the ground sends back comes from the scattering models of a world (`scattering`), of which world B shares none with
inference (harmonization.md 9, anti-circularity).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from floodfuse.catalogs.simulated import artefacts, lookup
from floodfuse.catalogs.simulated.fields import BoolArray, FloatArray, decibel_to_power, smooth_field, stream
from floodfuse.catalogs.simulated.flood import Flood, Mechanism
from floodfuse.catalogs.simulated.latents import LATENTS, State
from floodfuse.catalogs.simulated.lattice import Lattice, averaged
from floodfuse.catalogs.simulated.scene_latents import SceneFields, scene_departures, states_at
from floodfuse.catalogs.simulated.season import drift_db
from floodfuse.catalogs.simulated.speckle import detected
from floodfuse.catalogs.simulated.spline import draw
from floodfuse.catalogs.simulated.worlds import world_named


@dataclass(frozen=True)
class Channel:
    """One polarization of one radar.

    Attributes
    ----------
    name
        `vv`, `vh`, `hh` or `hv`.
    nesz_db
        Receiver noise, equivalent sigma0, dB.
    """

    name: str
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
    subswaths
        Each with its own noise profile, where a product has artefacts; 0 for even noise and no blank borders.
    scalloped
        Whether azimuth scalloping is among its artefacts.
    interfered
        Polarizations in which ground radio leaves stripes.
    """

    name: str
    channels: tuple[Channel, Channel]
    near_deg: float
    far_deg: float
    from_east: bool
    looks: float
    blur: float
    noise_removed: bool
    subswaths: int = 0
    scalloped: bool = False
    interfered: tuple[str, ...] = ()


@dataclass(frozen=True)
class Overpass:
    """What sets one pass of a radar apart from another over the same ground.

    Attributes
    ----------
    number
        0 for the pass during the flood, from 1 on for dry references, each with wind and speckle of its own.
    days_before
        From the pass to that during the flood.
    shift_px
        How far the image content lies from its georeference, (rows, columns) in pixels of 10 m.
    artefacts
        Whether the product has the flaws of a real one.
    """

    number: int = 0
    days_before: float = 0.0
    shift_px: tuple[float, float] = (0.0, 0.0)
    artefacts: bool = False

    @property
    def suffix(self) -> str:
        """Of the names of this pass's random streams."""
        return f"/reference{self.number}" if self.number else ""


SENTINEL1 = Radar(
    name="sentinel1",
    channels=(
        Channel("vv", -24.0),
        Channel("vh", -26.0),
    ),
    near_deg=36.0,
    far_deg=40.0,
    from_east=False,
    looks=4.4,
    blur=0.79,
    noise_removed=True,
    subswaths=3,
)
"""Interferometric Wide swath, ground range detected, ascending (looking east), gamma0 at 10 m."""

PALSAR2 = Radar(
    name="palsar2",
    channels=(
        Channel("hh", -28.0),
        Channel("hv", -32.0),
    ),
    near_deg=33.0,
    far_deg=38.0,
    from_east=True,
    looks=16.0,
    blur=0.66,
    noise_removed=False,
    scalloped=True,
    interfered=("hv",),
)
"""Fine Beam dual polarization, 25 m with 16 looks, descending (looking west), laid out as Level 2.2."""

_PASS_WIND_SD = (
    0.4  # of ln U from pass to pass; half that of chips, for a scene is to look like one more often than not
)
_STORM_MS = 12.0
_STRIP_ROWS = 256


def incidence_deg(radar: Radar, lattice: Lattice, scene: Lattice) -> FloatArray:
    """Incidence angle over flat ground, degrees: a ramp across the scene along range, which runs a little askew."""
    side = scene.size * scene.resolution
    centre = (np.arange(lattice.size) + 0.5) * lattice.resolution
    east = ((lattice.west - scene.west + centre) / side).astype(np.float32)[None, :]
    south = ((scene.north - lattice.north + centre) / side).astype(np.float32)[:, None]
    ranged = (1.0 - east if radar.from_east else east) * 0.85 + 0.15 * south
    angle: FloatArray = (radar.near_deg + (radar.far_deg - radar.near_deg) * ranged).astype(np.float32)
    return angle


USUAL_PASS = Overpass()


def observe(
    radar: Radar,
    flood: Flood,
    hours: float,
    lattice: Lattice,
    seed: int,
    overpass: Overpass = USUAL_PASS,
    *,
    world: str = "B",
) -> dict[str, FloatArray]:
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
    overpass
        Which pass it is, and what is wrong with its product.
    world
        Set of scattering models, "A" or "B".
    """
    means = expected(radar, flood, hours, seed, overpass, world=world)
    return {
        channel.name: _product(
            radar, channel, means[channel.name], flood.landscape.lattice, lattice, seed, overpass
        )
        for channel in radar.channels
    }


def expected(
    radar: Radar,
    flood: Flood,
    hours: float,
    seed: int,
    overpass: Overpass = USUAL_PASS,
    *,
    world: str = "B",
) -> dict[str, FloatArray]:
    """Expected linear gamma0 of each polarization on the 10 m lattice: no speckle or noise, but shifted.

    Parameters as in `observe`.
    """
    world_named(world)
    scene = flood.landscape.lattice
    surface = states_at(flood, hours)
    common = _common_texture(radar, scene, seed)
    wind = wind_ms(flood, radar.name + overpass.suffix, seed)
    hiding = _hidden_by_slopes(radar, flood) if overpass.artefacts else None
    means = {}
    for channel in radar.channels:
        mean = mean_gamma0(radar, channel, flood, surface, common, wind, seed, world=world)
        if overpass.number:
            name = f"{radar.name}/{channel.name}"
            mean *= decibel_to_power(drift_db(flood, name, overpass.number, overpass.days_before, seed))
        if hiding is not None:
            mean = artefacts.on_slopes(mean, *hiding)
        means[channel.name] = artefacts.shifted(mean, overpass.shift_px)
    return means


def _hidden_by_slopes(radar: Radar, flood: Flood) -> tuple[BoolArray, BoolArray]:
    scene = flood.landscape.lattice
    angle = incidence_deg(radar, scene, scene)
    return artefacts.hidden(flood.landscape.height, angle, scene.resolution, radar.from_east)


def _product(
    radar: Radar,
    channel: Channel,
    mean: FloatArray,
    scene: Lattice,
    lattice: Lattice,
    seed: int,
    overpass: Overpass,
) -> FloatArray:
    """The image of one polarization on the product's lattice, of the power expected on that of the scene."""
    if lattice != scene:
        mean = averaged(mean, scene, lattice)
    angle = incidence_deg(radar, lattice, scene)
    noise = _noise_gamma0(channel, angle)
    rng = stream(seed, f"{radar.name}/{channel.name}/speckle{overpass.suffix}")
    if not overpass.artefacts:
        image = detected(mean + noise, radar.looks, radar.blur, rng)
        return image - noise if radar.noise_removed else image
    flaws = stream(seed, f"{radar.name}/{channel.name}/artefacts{overpass.suffix}")
    received, noise = _with_flaws(radar, channel, mean, angle, lattice, flaws)
    image = detected(received, radar.looks, radar.blur, rng)
    image = image - noise if radar.noise_removed else image
    return (
        _bordered(image, stream(seed, f"{radar.name}/border{overpass.suffix}")) if radar.subswaths else image
    )


def _with_flaws(
    radar: Radar,
    channel: Channel,
    mean: FloatArray,
    angle: FloatArray,
    lattice: Lattice,
    rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """Power that reaches the processor, scalloped, interfered and with uneven noise; and the noise it believes in."""
    noise = true_noise = _noise_gamma0(channel, angle)
    if radar.subswaths:
        place = artefacts.range_fraction(angle, radar.near_deg, radar.far_deg)
        noise = noise * decibel_to_power(artefacts.noise_profile_db(place, radar.subswaths))
        true_noise = noise * decibel_to_power(artefacts.noise_error_db(place, radar.subswaths, rng))
    if radar.scalloped:
        mean = mean * decibel_to_power(artefacts.scalloping_db(lattice.size, lattice.resolution, rng))
    received = mean + true_noise
    if channel.name in radar.interfered:
        received += artefacts.interference(received.shape, rng)
    return received, noise


def _bordered(image: FloatArray, rng: np.random.Generator) -> FloatArray:
    """The image with blank sides (NaN) and border noise beside them: a little power where there is no signal."""
    blank, border = artefacts.borders(image.shape, rng)
    level = np.float32(10.0 ** (artefacts.BORDER_NOISE_DB / 10.0))
    image[border] = level * rng.standard_exponential(int(border.sum()), dtype=np.float32)
    image[blank] = np.nan
    return image


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
    *,
    world: str = "B",
) -> FloatArray:
    """Expected linear gamma0 on the 10 m lattice, before speckle and noise.

    Parameters
    ----------
    radar, channel
        Sensor and polarization.
    flood
        The ground and the water on it.
    surface
        `latents.State` of each pixel; evidence classes are states.
    common
        Texture that both polarizations share, standard normal.
    wind
        Wind at 10 m, m/s.
    seed
        Of the scene.
    world
        Whose scattering models, "A" or "B".
    """
    scene = flood.landscape.lattice
    fields = SceneFields(flood.landscape, seed)
    own = draw(scene.size, 7.0, stream(seed, f"{radar.name}/{channel.name}/texture"))
    angle = incidence_deg(radar, scene, scene)
    scale = lookup.scaling(scene_departures(seed))
    band, index = "C" if radar.name == "sentinel1" else "L", radar.channels.index(channel)
    gamma0 = np.empty(surface.shape, np.float32)
    for first in range(0, scene.size, _STRIP_ROWS):
        last = min(first + _STRIP_ROWS, scene.size)
        rows = slice(first, last)
        single = own.window((first, last), (0, scene.size))
        texture = np.float32(0.8) * common[rows] + np.float32(0.6) * single
        latents = fields.rows(first, last, wind[rows])
        both = np.broadcast_to(texture, (2, *texture.shape))
        read = lookup.mean_gamma0(world, band, surface[rows], latents, both, angle[rows], scale)
        gamma0[rows] = read[index]
    return gamma0


def wind_ms(flood: Flood, name: str, seed: int) -> FloatArray:
    """Wind speed at 10 m height over the scene, m/s: lognormal about the pass's own, calmer behind trees and houses."""
    landscape = flood.landscape
    gusts = smooth_field(landscape.lattice.size, 90.0, stream(seed, f"{name}/wind"))
    streaks = smooth_field(landscape.lattice.size, 18.0, stream(seed, f"{name}/gusts"))
    shelter = ndimage.uniform_filter(landscape.cover.trees.astype(np.float32), 31, mode="nearest")
    (usual,) = LATENTS[State.OPEN_WATER]
    departure = np.clip(stream(seed, f"{name}/wind_level").standard_normal(), -2.0, 2.0)
    speed = (
        usual.median
        * np.exp(_PASS_WIND_SD * departure + 0.26 * gusts + 0.10 * streaks)
        * (1.0 - 0.45 * shelter)
    )
    if flood.mechanism is not None:
        windy = flood.mechanism == Mechanism.WINDY_LAKE
        speed = np.where(windy, _STORM_MS * np.exp(0.10 * streaks), speed)
    wind: FloatArray = np.clip(speed, usual.low, usual.high).astype(np.float32)
    return wind


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
