"""Clouds and their shadows, and a scene classification that misses part of both."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from floodfuse.catalogs.simulated.fields import (
    BoolArray,
    FloatArray,
    fractal_field,
    smooth_field,
    smoothstep,
    stream,
)
from floodfuse.catalogs.simulated.lattice import Lattice
from floodfuse.catalogs.simulated.river import valley_scale

CLOUD_SHARE = 0.13
"""Share of the scene under cloud."""
OMISSION = 0.065
"""Share of clouded, and of shaded, pixels that the scene classification takes for clear: the thin edges."""
SUN_ELEVATION_DEG = 42.0
SUN_AZIMUTH_DEG = 152.0
_CLOUD_HEIGHT_M = 1300.0
_VISIBLE = 0.03


@dataclass(frozen=True)
class Clouds:
    """What clouds take away from the camera.

    Attributes
    ----------
    opacity
        Share of the light from the ground that the cloud hides, 0 to 1.
    shade
        Share of the direct sun that the cloud takes away, 0 to 1.
    """

    opacity: FloatArray
    shade: FloatArray

    def cloud_flags(self) -> BoolArray:
        """Where the scene classification sees cloud: everywhere but in the thinnest 6.5 % of it."""
        return _all_but_thinnest(self.opacity)

    def shade_flags(self) -> BoolArray:
        """Where the scene classification sees shadow."""
        return _all_but_thinnest(self.shade)


def make_clouds(lattice: Lattice, seed: int) -> Clouds:
    """Cumulus with soft edges, and its shadow, moved away from the sun."""
    scale = valley_scale(lattice)
    far = _CLOUD_HEIGHT_M * min(scale, 1.5) / math.tan(math.radians(SUN_ELEVATION_DEG)) / lattice.resolution
    down = round(far * math.cos(math.radians(SUN_AZIMUTH_DEG)))
    right = round(-far * math.sin(math.radians(SUN_AZIMUTH_DEG)))
    margin = math.ceil(far)
    size = lattice.size + 2 * margin
    billows = fractal_field(size, 0.85, 130.0 * scale, stream(seed, "clouds/billows"))
    masses = smooth_field(size, 260.0 * scale, stream(seed, "clouds/masses"))
    thickness = 0.8 * billows + 0.9 * masses
    rim = float(np.quantile(_window(thickness, margin, margin, lattice.size), 1.0 - CLOUD_SHARE))
    opacity = smoothstep((thickness - np.float32(rim)) / np.float32(0.55))
    return Clouds(
        opacity=_window(opacity, margin, margin, lattice.size),
        shade=_window(opacity, margin - down, margin - right, lattice.size),
    )


def _window(field: FloatArray, row: int, column: int, size: int) -> FloatArray:
    """The square of `size` pixels whose first pixel is (row, column)."""
    return np.ascontiguousarray(field[row : row + size, column : column + size])


def _all_but_thinnest(field: FloatArray) -> BoolArray:
    visible = field > _VISIBLE
    if not visible.any():
        return visible
    flags: npt.NDArray[np.bool_] = field > np.quantile(field[visible], OMISSION)
    return flags
