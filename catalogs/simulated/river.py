"""A meandering river, the valley it runs in, and how far from both every pixel is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage, spatial

from floodfuse.catalogs.simulated.fields import FloatArray, smooth_field, stream, stretch, work_size
from floodfuse.catalogs.simulated.lattice import Lattice

LONGITUDINAL_SLOPE = 4.0e-4
"""Fall of the water surface along the valley, metres per metre: a lowland river."""
RIVER_MOUTH_M = 190.0
_STEP_M = 8.0
_REFERENCE_M = 10_240.0
_SHRINK_POWER = 0.85


def valley_scale(lattice: Lattice) -> float:
    """Size of river and valley relative to those of a 1024 pixel scene: (size/1024)^0.85, no unit.

    Larger scenes show more of a larger river. Fields, trees and buildings do not grow.
    """
    return float((lattice.size * lattice.resolution / _REFERENCE_M) ** _SHRINK_POWER)


@dataclass(frozen=True)
class River:
    """Course of the river and what follows from it on the pixel lattice.

    Attributes
    ----------
    course
        Points along the centre line, (n, 2) pixel coordinates (row, column).
    distance
        To the centre line, metres, (y, x).
    half_width
        Of the channel at the nearest point of the centre line, metres, (y, x).
    surface
        Height of the ordinary water surface at the nearest point of the centre line, metres, (y, x).
    axis_distance
        To the axis of the valley, metres, (y, x).
    """

    course: npt.NDArray[np.float64]
    distance: FloatArray
    half_width: FloatArray
    surface: FloatArray
    axis_distance: FloatArray


def make_river(lattice: Lattice, seed: int) -> River:
    """Draw a river through the scene and measure distances from it.

    The centre line is a sine-generated curve (Langbein & Leopold 1966): its direction swings as
    omega sin(2 pi s / wavelength) along the course s, with omega and wavelength drifting.
    """
    scale = valley_scale(lattice)
    course, axis = _courses(lattice, scale, stream(seed, "river/course"))
    half_width = _half_width(len(course), scale, stream(seed, "river/width"))
    downstream = axis @ _downstream(axis)
    surface = RIVER_MOUTH_M + LONGITUDINAL_SLOPE * lattice.resolution * (downstream.max() - downstream)

    side = work_size(lattice.size)
    distance, nearest = _nearest(course, lattice.size, side)
    wobble = smooth_field(lattice.size, 9.0, stream(seed, "river/banks"))
    axis_distance, _ = _nearest_on(axis, lattice.size, max(128, side // 8))
    reach = ndimage.uniform_filter(surface[nearest].astype(np.float32), 5, mode="nearest")
    return River(
        course=course,
        distance=np.abs(stretch(distance, lattice.size) * lattice.resolution + 4.0 * wobble),
        half_width=stretch(half_width[nearest], lattice.size),
        surface=stretch(reach, lattice.size),
        axis_distance=stretch(axis_distance, lattice.size) * np.float32(lattice.resolution),
    )


def _courses(
    lattice: Lattice, scale: float, rng: np.random.Generator
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Centre line and valley axis, (n, 2) pixel coordinates (row, column) each, through the middle of the scene."""
    extent = lattice.size * lattice.resolution
    count = int(6.0 * extent / _STEP_M)
    wavelength = 4600.0 * scale / _STEP_M
    drift = _wander(count, 1.2 * wavelength, rng)
    swing = np.radians(70.0 + 15.0 * np.clip(_wander(count, 1.1 * wavelength, rng), -1.8, 1.8))
    phase = 2.0 * np.pi * np.cumsum(1.0 + 0.26 * drift) / wavelength + rng.uniform(0.0, 2.0 * np.pi)
    valley = np.radians(rng.uniform(-28.0, 28.0) + 16.0 * _wander(count, 4.0 * wavelength, rng))
    skew = 0.20 * np.sin(2.0 * phase + 0.9)
    crook = np.radians(13.0) * _wander(count, 0.22 * wavelength, rng)
    direction = valley + swing * np.sin(phase + skew) + crook
    steps = _STEP_M / lattice.resolution * np.column_stack([np.sin(direction), np.cos(direction)])
    course = np.cumsum(steps, axis=0)
    axis = ndimage.gaussian_filter1d(course, 0.9 * wavelength, axis=0, mode="nearest")
    middle = axis[count // 2] - lattice.size * (0.5 + rng.uniform(-0.06, 0.06, 2))
    return course - middle, axis - middle


def _wander(count: int, length: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """A smooth random walk along the course, mean 0 and sd 1; `length` in steps."""
    line = ndimage.gaussian_filter1d(rng.standard_normal(count), 0.5 * length, mode="wrap")
    wandering: npt.NDArray[np.float64] = (line - line.mean()) / max(line.std(), 1e-12)
    return wandering


def _half_width(count: int, scale: float, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Half the width of the channel along the course, metres."""
    ordinary = max(24.0, 44.0 * scale)
    width: npt.NDArray[np.float32] = (ordinary * np.exp(0.16 * _wander(count, 60.0, rng))).astype(np.float32)
    return width


def _downstream(axis: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Unit vector (row, column) from the first point of the axis to the last."""
    along = axis[-1] - axis[0]
    unit: npt.NDArray[np.float64] = along / np.linalg.norm(along)
    return unit


def _nearest(line: npt.NDArray[np.float64], size: int, side: int) -> tuple[FloatArray, npt.NDArray[np.intp]]:
    """As `_nearest_on`, but searched pixel by pixel only near the line; further off, stretched from a coarser lattice.

    Distance is smooth away from the line, so the difference stays well below a pixel.
    """
    coarse_side = max(64, side // 8)
    coarse_distance, coarse_index = _nearest_on(line, size, coarse_side)
    distance = stretch(coarse_distance, side)
    cell = np.minimum(np.arange(side) * coarse_side // side, coarse_side - 1)
    index = coarse_index[np.ix_(cell, cell)]
    near = np.nonzero(distance < 4.0 * size / coarse_side)
    centres = (np.column_stack(near) + 0.5) * (size / side)
    found, which = spatial.KDTree(line).query(centres)
    distance[near] = found
    index[near] = which
    return distance, index


def _nearest_on(
    line: npt.NDArray[np.float64], size: int, side: int
) -> tuple[FloatArray, npt.NDArray[np.intp]]:
    """Distance (pixels of the scene) to the nearest point of `line`, and its index, on a `side` x `side` lattice."""
    centres = (np.arange(side) + 0.5) * (size / side)
    points = np.stack(np.meshgrid(centres, centres, indexing="ij"), axis=-1)
    distance, index = spatial.KDTree(line).query(points)
    return distance.astype(np.float32), index
