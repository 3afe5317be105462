"""The ground of a synthetic scene: relief, drainage, land cover and fields, as they are and as maps show them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from floodfuse.catalogs.simulated.cover import Cover, make_cover
from floodfuse.catalogs.simulated.fields import (
    BoolArray,
    FloatArray,
    fractal_field,
    smooth_field,
    smoothstep,
    stream,
)
from floodfuse.catalogs.simulated.lattice import Lattice
from floodfuse.catalogs.simulated.parcels import Parcels, make_parcels
from floodfuse.catalogs.simulated.river import River, make_river, valley_scale
from floodfuse.catalogs.simulated.standing import make_standing_water

_BANK_M = 1.5
_CANOPY_BIAS_M = 2.0


@dataclass(frozen=True)
class TerrainMaps:
    """The terrain layers as an archive would hold them, errors included.

    Attributes
    ----------
    dem
        Surface height, metres: the true height plus correlated error (sd 0.6 m) and part of the canopy.
    hand
        Height above nearest drainage, metres, from `dem` and the water surface at the nearest river point.
    slope
        Degrees, from `dem` smoothed over 30 m.
    permanent_water
        Share of the year under water, percent, after the manner of the JRC occurrence layer (Pekel et al. 2016).
    landcover
        WorldCover codes: 10 trees, 30 grass, 40 crops, 50 built-up, 60 bare, 80 water, 90 herbaceous wetland.
    """

    dem: FloatArray
    hand: FloatArray
    slope: FloatArray
    permanent_water: npt.NDArray[np.uint8]
    landcover: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Landscape:
    """The ground as it is.

    Attributes
    ----------
    lattice
        Where it lies.
    river
        Its river and valley.
    height
        Bare ground, metres.
    hand
        Height above the ordinary water surface at the nearest river point, metres; negative in the channel.
    permanent
        Whether a pixel is river or lake in most years.
    cover
        What grows or stands there.
    parcels
        Field each pixel belongs to, with what is grown.
    maps
        What the archive delivers of all that.
    """

    lattice: Lattice
    river: River
    height: FloatArray
    hand: FloatArray
    permanent: BoolArray
    cover: Cover
    parcels: Parcels
    maps: TerrainMaps


def make_landscape(lattice: Lattice, seed: int) -> Landscape:
    """Draw the ground of a scene; the same lattice and seed always give the same ground."""
    river = make_river(lattice, seed)
    valley = _valley_position(river, lattice, seed)
    standing = make_standing_water(river, valley, lattice, seed)
    height = _relief(river, valley, lattice, seed)
    height = np.where(
        standing.inside > 0, np.minimum(height, river.surface + 0.1 - 1.5 * standing.inside), height
    )
    permanent = (river.distance < river.half_width) | (standing.inside > 0)
    parcels = make_parcels(lattice, seed)
    slope = slope_deg(height, lattice.resolution)
    hand = height - river.surface
    cover = make_cover(hand, slope, permanent, standing.edge_distance, river, parcels, lattice, seed)
    maps = _terrain_maps(height, river, cover, permanent, lattice, seed)
    return Landscape(lattice, river, height, hand, permanent, cover, parcels, maps)


def slope_deg(height: FloatArray, resolution: float) -> FloatArray:
    """Steepest slope of the surface, degrees, by central differences after smoothing over 30 m."""
    smooth: FloatArray = ndimage.uniform_filter(height, 3, mode="nearest")
    fall_y = np.gradient(smooth, resolution, axis=0)
    fall_x = np.gradient(smooth, resolution, axis=1)
    slope: FloatArray = np.degrees(np.arctan(np.hypot(fall_y, fall_x))).astype(np.float32)
    return slope


def _valley_position(river: River, lattice: Lattice, seed: int) -> FloatArray:
    """0 at the valley axis, 1 where the floodplain meets the hills, and beyond."""
    scale = valley_scale(lattice)
    ragged = smooth_field(lattice.size, 220.0 * scale, stream(seed, "valley/width"))
    half_width = 1650.0 * scale * np.exp(0.20 * ragged)
    position: FloatArray = (river.axis_distance / half_width).astype(np.float32)
    return position


def _relief(river: River, valley: FloatArray, lattice: Lattice, seed: int) -> FloatArray:
    """Height of the ground: hills, a flat valley with levees, scroll bars and backswamps, and the channel."""
    scale = valley_scale(lattice)
    size = lattice.size
    hills = fractal_field(size, 0.8, 420.0 * scale, stream(seed, "relief/hills"))
    upland = np.float32(10.0 * scale) + 38.0 * scale**0.5 * np.logaddexp(0.0, 1.3 * hills + 0.2)
    rise = smoothstep((valley - 0.92) / 0.75)
    height = river.surface + _floodplain(river, valley, lattice, seed) + rise * upland.astype(np.float32)
    depth = 3.0 * scale**0.5 * (1.0 - (river.distance / river.half_width) ** 2)
    channel: FloatArray = np.where(depth > 0, river.surface - depth, height).astype(np.float32)
    return channel


def _floodplain(river: River, valley: FloatArray, lattice: Lattice, seed: int) -> FloatArray:
    """Height of the valley floor above the ordinary water surface, metres."""
    scale = valley_scale(lattice)
    size = lattice.size
    beyond = np.maximum(river.distance - river.half_width, 0.0)
    levee = 0.9 * np.exp(-beyond / (110.0 * scale))
    bend = smooth_field(size, 60.0, stream(seed, "relief/bend"))
    ridged = np.clip(0.5 + smooth_field(size, 50.0 * scale, stream(seed, "relief/ridged")), 0.0, 1.5)
    scroll = (
        0.22 * ridged * np.sin(2.0 * np.pi * beyond / 105.0 + 2.4 * bend) * np.exp(-beyond / (420.0 * scale))
    )
    swamps = 0.60 * smooth_field(size, 55.0 * scale, stream(seed, "relief/swamps"))
    hollows = 0.28 * smooth_field(size, 14.0, stream(seed, "relief/hollows"))
    grain = 0.10 * smooth_field(size, 4.0, stream(seed, "relief/grain"))
    terrace = 1.3 * valley**2
    floor = _BANK_M + levee + scroll + swamps + hollows + grain + terrace
    held: FloatArray = np.maximum(floor, 0.25).astype(np.float32)
    return held


def _terrain_maps(
    height: FloatArray, river: River, cover: Cover, permanent: BoolArray, lattice: Lattice, seed: int
) -> TerrainMaps:
    """What a global elevation model and global maps would show of this ground."""
    size = lattice.size
    error = 0.45 * smooth_field(size, 40.0, stream(seed, "maps/dem_wide"))
    error += 0.40 * smooth_field(size, 4.0, stream(seed, "maps/dem_fine"))
    canopy = ndimage.gaussian_filter(cover.trees.astype(np.float32), 1.5)
    surface = np.where(permanent, river.surface, height)
    dem = (surface + np.where(permanent, 0.15, 1.0) * error + _CANOPY_BIAS_M * canopy).astype(np.float32)
    return TerrainMaps(
        dem=dem,
        hand=np.maximum(dem - river.surface, 0.0).astype(np.float32),
        slope=slope_deg(dem, lattice.resolution),
        permanent_water=_occurrence(permanent, height - river.surface, lattice, seed),
        landcover=cover.mapped,
    )


def _occurrence(permanent: BoolArray, hand: FloatArray, lattice: Lattice, seed: int) -> npt.NDArray[np.uint8]:
    """Percent of the time under water: near 100 in mid-channel, less at the banks, a few percent in low ground."""
    inside = ndimage.gaussian_filter(permanent.astype(np.float32), 1.2)
    noise = smooth_field(lattice.size, 6.0, stream(seed, "maps/occurrence"))
    percent = 104.0 * smoothstep((inside - 0.15) / 0.75) + 2.5 * noise * (inside > 0.15)
    low = np.clip(9.0 - 8.0 * hand + 2.0 * noise, 0.0, 12.0) * ~permanent
    occurrence: npt.NDArray[np.uint8] = np.clip(np.maximum(percent, low), 0.0, 100.0).astype(np.uint8)
    return occurrence
