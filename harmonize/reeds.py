"""Stands of thin stems in water, many at once: the exact cylinder of `double_bounce` at each stem radius.

The series is summed at a few radii and its widths interpolated along the logarithm of the radius, for a thousand stands
at fifty angles would need it millions of times.
Source: harmonization.md 3.5.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from floodfuse.harmonize.dielectric import reflectivity, vegetation_permittivity, water_permittivity
from floodfuse.harmonize.double_bounce import (
    CylinderWidths,
    Ground,
    Polarization,
    Stand,
    cylinder_widths,
    stem_ground,
    stem_layer_depth,
)
from floodfuse.harmonize.latents import Reeds

STEM_MOISTURE = 0.7  # kg of water in kg of fresh stem
RADII_M = np.geomspace(0.001, 0.005, 33)  # of the table: interpolated widths are exact to 1 %

Float = NDArray[np.floating]


@lru_cache(maxsize=8)
def _log_widths(frequency_ghz: float, polarization: Polarization, angles: tuple[float, ...]) -> Float:
    """ln of backward, extinction and scattering width, (3, radius, angle)."""
    stem = vegetation_permittivity(frequency_ghz, STEM_MOISTURE)
    widths = cylinder_widths(frequency_ghz, RADII_M[:, None], stem, np.asarray(angles), polarization)
    return np.log(np.stack(widths))


def stem_widths(
    frequency_ghz: float, radius_m: Float, incidence_deg: Float, polarization: Polarization
) -> CylinderWidths:
    """`cylinder_widths` of green stems, (sample, angle).

    Parameters
    ----------
    frequency_ghz : of the wave
    radius_m : (sample, 1), 1 … 5 mm; thinner and thicker ones get the widths of those
    incidence_deg : (angle,), above 0
    polarization : "v" or "h"
    """
    table = _log_widths(frequency_ghz, polarization, tuple(np.asarray(incidence_deg, dtype=float).tolist()))
    position = np.interp(np.log(radius_m[:, 0]), np.log(RADII_M), np.arange(RADII_M.size))
    lower = np.minimum(position.astype(int), RADII_M.size - 2)
    share = (position - lower)[:, None]
    return CylinderWidths(*np.exp(table[:, lower] * (1.0 - share) + table[:, lower + 1] * share))


def reed_bounce(
    frequency_ghz: float, incidence_deg: Float, reeds: Reeds, polarization: Polarization, depth: Float
) -> tuple[Float, Float]:
    """Double bounce of stems and water as sigma0, linear, and what stems leave of any power that crosses them twice.

    Parameters
    ----------
    frequency_ghz, polarization : of the wave
    incidence_deg : (angle,)
    reeds : stems, arrays (sample, 1)
    depth : optical depth of leaves at nadir, one way, nepers, (sample, 1)

    Both are (sample, angle).
    """
    stems = Stand(reeds.density_m2, reeds.radius_m, reeds.height_m, reeds.tilt_sd_deg)
    widths = stem_widths(frequency_ghz, reeds.radius_m, incidence_deg, polarization)
    mirror = reflectivity(water_permittivity(frequency_ghz), incidence_deg)
    water = Ground(mirror.v if polarization == "v" else mirror.h, reeds.flood_rms_m)
    bounce = stem_ground(frequency_ghz, incidence_deg, stems, widths, water, depth)
    return bounce, np.exp(-stem_layer_depth(incidence_deg, stems, widths))
