"""Sentinel-2 Level-2A as it would see a synthetic flood: mixed endmembers, clouds, scene classification, DN."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from floodfuse.catalogs.simulated.artefacts import shifted
from floodfuse.catalogs.simulated.clouds import Clouds, make_clouds
from floodfuse.catalogs.simulated.fields import BoolArray, FloatArray, smooth_field, stream
from floodfuse.catalogs.simulated.flood import Flood, Mechanism
from floodfuse.catalogs.simulated.lattice import averaged, within
from floodfuse.harmonize.classes import EvidenceClass

BANDS = ("green", "nir", "swir")
"""B3 (560 nm), B8 (842 nm), B11 (1610 nm)."""
CLEAR_WATER = (0.050, 0.020, 0.008)
TURBID_WATER = (0.112, 0.088, 0.024)
LUSH_PLANTS = (0.062, 0.430, 0.190)
RIPE_PLANTS = (0.115, 0.270, 0.285)
TREES = (0.045, 0.310, 0.135)
DRY_SOIL = (0.135, 0.215, 0.300)
WET_SOIL = (0.080, 0.140, 0.145)
ASPHALT = (0.090, 0.112, 0.130)
ROOFS = (0.150, 0.200, 0.235)
CLOUD = (0.560, 0.590, 0.380)
MUD = (0.085, 0.100, 0.050)
SNOW = (0.720, 0.620, 0.110)
"""Reflectance of the endmembers in the order of `BANDS` (NDWI as in harmonization.md 5; SWIR levels are typical)."""
_SHADE_LEFT = (0.42, 0.33, 0.28)
_NOISE = 0.003
_STRIP_ROWS = 512
_Shares = tuple[tuple[tuple[float, ...], FloatArray], ...]

QUANTIFICATION = 10_000.0
OFFSET = -1000
SCL_DARK, SCL_SHADOW, SCL_PLANTS, SCL_BARE, SCL_WATER, SCL_UNCLEAR = 2, 3, 4, 5, 6, 7
SCL_CLOUD_MEDIUM, SCL_CLOUD_HIGH, SCL_CIRRUS, SCL_SNOW = 8, 9, 10, 11


@dataclass(frozen=True)
class OpticalScene:
    """What Sentinel-2 delivers, and what it can't tell.

    Attributes
    ----------
    reflectance
        Bottom-of-atmosphere reflectance by band: green and nir at 10 m, swir at 20 m.
    scl
        Scene classification at 20 m.
    clouded
        Where a cloud or its shadow really is, at 10 m, whatever `scl` says.
    """

    reflectance: dict[str, FloatArray]
    scl: npt.NDArray[np.uint8]
    clouded: BoolArray


def observe(
    flood: Flood, hours: float, seed: int, shift_px: tuple[float, float] = (0.0, 0.0)
) -> OpticalScene:
    """What Sentinel-2 would deliver `hours` after product time, its content `shift_px` (rows, columns) off its place."""
    scene = flood.landscape.lattice
    coarse = within(scene, 2.0 * scene.resolution)
    surface = flood.surface_at(hours)
    unlit = _ground(flood, surface, seed)
    if flood.mechanism is not None:
        _cover(unlit, flood.mechanism_at(hours))
    clouds = _moved(make_clouds(scene, seed), shift_px)
    lit = 1.0 + 0.05 * smooth_field(scene.size, 9.0, stream(seed, "optical/texture"))
    lit += 0.05 * smooth_field(scene.size, 2.0, stream(seed, "optical/grain"))
    reflectance = {}
    for index, band in enumerate(BANDS):
        ground = shifted(unlit[index] * lit, shift_px)
        ground *= 1.0 - np.float32(1.0 - _SHADE_LEFT[index]) * clouds.shade
        mixed = ground + clouds.opacity * (np.float32(CLOUD[index]) - ground)
        seen: FloatArray = ndimage.gaussian_filter(mixed, 0.55)
        if band == "swir":
            seen = averaged(seen, scene, coarse)
        noise = stream(seed, f"optical/{band}/noise").standard_normal(seen.shape, dtype=np.float32)
        reflectance[band] = np.maximum(seen + np.float32(_NOISE) * noise, 0.001)
    green = averaged(reflectance["green"], scene, coarse)
    nir = averaged(reflectance["nir"], scene, coarse)
    cloud = averaged(clouds.opacity, scene, coarse)
    scl = _classify(green, nir, reflectance["swir"], cloud)
    flags = averaged(clouds.shade_flags().astype(np.float32), scene, coarse) > 0.5
    scl[flags & (scl != SCL_WATER)] = SCL_SHADOW
    scl[flags & (cloud < 0.02)] = SCL_SHADOW
    flags = averaged(clouds.cloud_flags().astype(np.float32), scene, coarse) > 0.5
    scl[flags] = np.where(cloud > 0.7, SCL_CLOUD_HIGH, SCL_CLOUD_MEDIUM)[flags]
    scl[flags & (cloud < 0.12)] = SCL_CIRRUS
    return OpticalScene(reflectance, scl, (clouds.opacity > 0.03) | (clouds.shade > 0.03))


def _moved(clouds: Clouds, shift_px: tuple[float, float]) -> Clouds:
    """Clouds and shadows, misplaced as the ground is: the whole image is."""
    return Clouds(opacity=shifted(clouds.opacity, shift_px), shade=shifted(clouds.shade, shift_px))


def _ground(flood: Flood, surface: npt.NDArray[np.uint8], seed: int) -> list[FloatArray]:
    """Reflectance of the ground by band: endmembers mixed by class, field and how turbid the water is there."""
    size = flood.landscape.lattice.size
    gaps = smooth_field(size, 4.0, stream(seed, "optical/gaps"))
    roofs = np.clip(0.45 + 0.3 * smooth_field(size, 2.5, stream(seed, "optical/roofs")), 0.0, 1.0)
    turbid = _turbidity(flood, seed)
    ground = [np.empty((size, size), np.float32) for _ in BANDS]
    for first in range(0, size, _STRIP_ROWS):
        rows = slice(first, first + _STRIP_ROWS)
        shares = _shares(flood, rows, surface[rows], gaps[rows], roofs[rows], turbid[rows])
        for band, values in enumerate(ground):
            values[rows] = _mixed(shares, band)
    return ground


def _cover(ground: list[FloatArray], mechanism: npt.NDArray[np.uint8]) -> None:
    """Lay fresh mud and snow over the ground, in place; reeds and waves show as any wetland and water."""
    for band, values in enumerate(ground):
        values[mechanism == Mechanism.MUD_FLATS] = MUD[band]
        values[mechanism == Mechanism.SNOW_FIELDS] = SNOW[band]


def _shares(
    flood: Flood,
    rows: slice,
    surface: npt.NDArray[np.uint8],
    gaps: FloatArray,
    roofs: FloatArray,
    turbid: FloatArray,
) -> _Shares:
    """Endmembers and their shares in each pixel of a strip of rows.

    Trees hide what is below them: a flooded wood mixes as a dry one does, apart from gaps in the canopy.
    """
    landscape = flood.landscape
    covered = _by_class(surface, water=0.0, forest=0.97, herb=0.55, flooded_urban=0.12, low=0.86, soil=0.05)
    covered[surface == EvidenceClass.URBAN] = 0.12
    covered = np.clip(covered + 0.02 * gaps * (covered > 0.0), 0.0, 1.0).astype(np.float32)
    wet = _by_class(surface, water=1.0, forest=0.0, herb=1.0, flooded_urban=0.45, low=0.0, soil=0.0)
    wet[surface == EvidenceClass.FLOODED_FOREST] = 1.0
    stone = _by_class(surface, water=0.0, forest=0.0, herb=0.0, flooded_urban=0.55, low=0.0, soil=0.0)
    stone[surface == EvidenceClass.URBAN] = 1.0
    trees = _by_class(surface, water=0.0, forest=1.0, herb=0.0, flooded_urban=0.4, low=0.0, soil=0.0)
    green = landscape.parcels.green[landscape.parcels.number[rows]]
    damp = np.exp(-np.maximum(landscape.hand[rows] - 2.0, 0.0) / 2.5).astype(np.float32)
    built = (1.0 - covered) * stone
    water = (1.0 - covered) * np.where(stone > 0, 1.0 - stone, wet)
    soil = 1.0 - covered - built - water
    plants = covered * (1.0 - trees)
    return (
        (TREES, covered * trees),
        (LUSH_PLANTS, plants * green),
        (RIPE_PLANTS, plants * (1.0 - green)),
        (WET_SOIL, soil * damp),
        (DRY_SOIL, soil * (1.0 - damp)),
        (ROOFS, built * roofs),
        (ASPHALT, built * (1.0 - roofs)),
        (TURBID_WATER, water * turbid),
        (CLEAR_WATER, water * (1.0 - turbid)),
    )


def _mixed(shares: _Shares, band: int) -> FloatArray:
    """Sum of endmember reflectance times share; the shares of a pixel add up to 1."""
    total = np.zeros(shares[0][1].shape, np.float32)
    for endmember, share in shares:
        total += np.float32(endmember[band]) * share
    return total


def _by_class(
    surface: npt.NDArray[np.uint8],
    *,
    water: float,
    forest: float,
    herb: float,
    flooded_urban: float,
    low: float,
    soil: float,
) -> FloatArray:
    """One number for each class, laid out on the scene; `forest` wet or dry, dry towns 0 (set where it matters)."""
    table = np.zeros(len(EvidenceClass), np.float32)
    table[EvidenceClass.OPEN_WATER] = water
    table[EvidenceClass.FLOODED_FOREST] = table[EvidenceClass.DRY_FOREST] = forest
    table[EvidenceClass.FLOODED_HERB] = herb
    table[EvidenceClass.FLOODED_URBAN] = flooded_urban
    table[EvidenceClass.DRY_LOW_VEG] = low
    table[EvidenceClass.BARE_SOIL] = soil
    return table[surface]


def _turbidity(flood: Flood, seed: int) -> FloatArray:
    """Share of turbid water, 0 to 0.9: muddy in the river, settling away from it, clear in the lakes."""
    river = flood.landscape.river
    plume = smooth_field(flood.landscape.lattice.size, 35.0, stream(seed, "optical/turbidity"))
    beyond = np.maximum(river.distance - river.half_width, 0.0)
    mud = 0.28 + 0.35 * np.exp(-beyond / 500.0) + 0.16 * plume
    turbidity: FloatArray = np.clip(mud, 0.0, 0.9).astype(np.float32)
    return turbidity


def _classify(
    green: FloatArray, nir: FloatArray, swir: FloatArray, cloud: FloatArray
) -> npt.NDArray[np.uint8]:
    """Clear-sky classes by thresholds on NDVI-like and NDWI contrasts, as Sen2Cor's decision tree ends."""
    ndwi = (green - nir) / (green + nir)
    vigour = (nir - swir) / (nir + swir)
    scl = np.full(green.shape, SCL_UNCLEAR, np.uint8)
    scl[(ndwi < -0.12)] = SCL_BARE
    scl[(ndwi < -0.35) & (vigour > -0.08)] = SCL_PLANTS
    scl[(ndwi > 0.02) & (swir < 0.10)] = SCL_WATER
    scl[(green < 0.03) & (nir < 0.06) & (ndwi <= 0.02)] = SCL_DARK
    scl[((green - swir) > 0.4 * (green + swir)) & (green > 0.35)] = SCL_SNOW
    scl[cloud > 0.5] = SCL_CLOUD_HIGH
    return scl


def to_dn(reflectance: FloatArray) -> npt.NDArray[np.uint16]:
    """Digital numbers of processing baseline 04.00 and later: 10000 rho + 1000, held within 1 to 65535; 0 no data."""
    dn = np.rint(reflectance * np.float32(QUANTIFICATION)) - np.float32(OFFSET)
    counts: npt.NDArray[np.uint16] = np.clip(dn, 1, 65535).astype(np.uint16)
    return counts
