"""How slopes change what a radar sees: the angle, the area it is spread over, and what falls over or stays dark.

Slopes are described as the sensor sees them: by the angle between the azimuth the ground faces and the azimuth towards
the sensor. Water is level: under the hypothesis of water the incidence on the ellipsoid is the right one. Facets by
themselves are judged by their slope; what others hide takes the whole elevation model (`relief.py`), and so does the
area that shares a radar cell (`rtc.py`).
Sources: Small (2011), IEEE TGRS 49(8); Kropatsch & Strobl (1990), IEEE TGRS 28(1), for layover and shadow.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import binary_dilation

RTC_FLOOR_DB = -30.0  # an area factor below this is an artefact of the elevation model
MASK_MARGIN_PX = 1
RELIEF_M = 1000.0  # between neighbouring ridges and valleys, for halos

Float = NDArray[np.floating]
Mask = NDArray[np.bool_]


def local_incidence_deg(incidence_deg: ArrayLike, slope_deg: ArrayLike, facing_deg: ArrayLike) -> Float:
    """Angle between the way to the sensor and the normal of the ground, 0 … 180 deg; above 90 no wave arrives.

    cos(lia) = cos(theta) cos(slope) + sin(theta) sin(slope) cos(facing)

    Parameters
    ----------
    incidence_deg : theta on the ellipsoid, 0 … 90
    slope_deg : of the ground, 0 … 90
    facing_deg : azimuth that the slope faces (its aspect) minus azimuth towards the sensor

    38 deg on a slope of 10 deg: 28 facing the sensor, 48 facing away, 39.1007 across.
    """
    theta, slope = np.deg2rad(incidence_deg), np.deg2rad(slope_deg)
    across = np.sin(theta) * np.sin(slope) * np.cos(np.deg2rad(facing_deg))
    return np.asarray(np.rad2deg(np.arccos(np.clip(np.cos(theta) * np.cos(slope) + across, -1.0, 1.0))))


def slope_towards_deg(slope_deg: ArrayLike, facing_deg: ArrayLike) -> Float:
    """Slope along the look direction, positive facing the sensor: atan(tan(slope) cos(facing)).

    The area factor, layover and shadow of a plane depend on its slope in this direction alone.
    """
    return np.asarray(np.rad2deg(np.arctan(np.tan(np.deg2rad(slope_deg)) * np.cos(np.deg2rad(facing_deg)))))


def is_layover(incidence_deg: ArrayLike, slope_towards_sensor_deg: ArrayLike) -> Mask:
    """Where ground is so steep towards the sensor that its top comes before its foot: slope > theta."""
    return np.asarray(np.asarray(slope_towards_sensor_deg) > np.asarray(incidence_deg))


def is_shadow(incidence_deg: ArrayLike, slope_towards_sensor_deg: ArrayLike) -> Mask:
    """Where ground falls away more steeply than the wave comes in: -slope > 90 deg - theta.

    This is the ground that shades itself; what lies behind it in its cast shadow takes a walk along the look
    direction, within `shadow_halo_m`: `relief.relief_masks`.
    """
    return np.asarray(-np.asarray(slope_towards_sensor_deg) > 90.0 - np.asarray(incidence_deg))


def hidden(incidence_deg: ArrayLike, slope_towards_sensor_deg: ArrayLike) -> Mask:
    """Layover and shadow of each facet (y, x), with a margin of 1 px in all eight directions; halo 1 px."""
    mask = is_layover(incidence_deg, slope_towards_sensor_deg)
    return with_margin(mask | is_shadow(incidence_deg, slope_towards_sensor_deg))


def with_margin(mask: Mask) -> Mask:
    """A mask and the pixels around it in all eight directions, `MASK_MARGIN_PX` far; halo the same."""
    square = np.ones((2 * MASK_MARGIN_PX + 1,) * 2, dtype=bool)
    return np.asarray(binary_dilation(mask, structure=square))


def towards_sensor_deg(heading_deg: float) -> float:
    """Azimuth from the ground to a radar that flies along `heading_deg` and looks to its right, 0 … 360 deg."""
    return (heading_deg - 90.0) % 360.0


def planar_rtc_factor(incidence_deg: ArrayLike, slope_towards_sensor_deg: ArrayLike) -> Float:
    """gamma0 corrected for terrain over gamma0 of the ellipsoid, for a plane, linear: tan(theta - slope) / tan(theta).

    Parameters
    ----------
    incidence_deg : theta on the ellipsoid, above 0 and below 90
    slope_towards_sensor_deg : from `slope_towards_deg`

    The ratio of the areas in the slant-range and in the perpendicular plane, of the facet and of the ellipsoid. At
    38 deg: -1.6714 dB for 10 deg towards the sensor, +1.5275 dB away from it. Not below -30 dB; NaN in layover and
    shadow, where no power belongs to the facet alone. Source: Small (2011), for uniform slope.
    """
    theta = np.deg2rad(np.asarray(incidence_deg, dtype=float))
    slope = np.deg2rad(np.asarray(slope_towards_sensor_deg, dtype=float))
    factor = np.tan(theta - slope) / np.tan(theta)
    lost = is_layover(incidence_deg, slope_towards_sensor_deg)
    lost = lost | is_shadow(incidence_deg, slope_towards_sensor_deg)
    return np.where(lost, np.nan, np.maximum(factor, 10.0 ** (RTC_FLOOR_DB / 10.0)))


def layover_halo_m(incidence_deg: float, relief_m: float = RELIEF_M) -> float:
    """How far layover reaches over the ground towards the sensor: dH / tan(theta). 1804 m at 29 deg and 1000 m."""
    return float(relief_m / np.tan(np.deg2rad(incidence_deg)))


def shadow_halo_m(incidence_deg: float, relief_m: float = RELIEF_M) -> float:
    """How far shadow reaches over the ground away from the sensor: dH tan(theta). 1036 m at 46 deg and 1000 m."""
    return float(relief_m * np.tan(np.deg2rad(incidence_deg)))


def halo_px(incidence_deg: tuple[float, float], resolution_m: float, relief_m: float = RELIEF_M) -> int:
    """Pixels around a block in which relief can hide its ground, for the (lowest, highest) incidence of a scene.

    Layover reaches furthest at the lowest angle and shadow at the highest; the margin of `hidden` is included.
    """
    low, high = incidence_deg
    if not 0.0 < low <= high < 90.0:
        raise ValueError(
            f"incidence from {low:g} to {high:g} deg is no range of a radar: give (lowest, highest), both between 0 and 90"
        )
    reach = max(layover_halo_m(low, relief_m), shadow_halo_m(high, relief_m))
    return int(np.ceil(reach / resolution_m)) + MASK_MARGIN_PX
