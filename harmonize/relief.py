"""Layover and cast shadow of an elevation model, found by walking along the look direction.

Waves are plane: over the few kilometres that relief reaches, neither the angle nor the Earth's curvature matters.
Source: Kropatsch & Strobl (1990), IEEE TGRS 28(1).
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from floodfuse.harmonize.terrain import RELIEF_M, with_margin

Mask = NDArray[np.bool_]


class Relief(NamedTuple):
    """What relief does to each pixel, (y, x) each; without the margin of `hidden_by_relief`.

    Attributes
    ----------
    active_layover : the ground itself, on either side of the pixel, comes back top first
    layover : active layover, and ground before, behind or between that returns together with it (passive)
    shadow : nothing arrives: the ground faces away too steeply, or higher ground stands in the way
    """

    active_layover: Mask
    layover: Mask
    shadow: Mask


def relief_masks(
    elevation_m: ArrayLike,
    incidence_deg: ArrayLike,
    sensor_azimuth_deg: float,
    resolution_m: float,
    relief_m: float = RELIEF_M,
) -> Relief:
    """Layover and shadow of an elevation model, by walking from each pixel along the look direction.

    Shadow: higher ground towards the sensor, z' - z > d / tan(theta). Layover: ground further away that is higher, or
    ground nearer to the sensor that is lower, by more than d tan(theta): its slant range d sin(theta) - z cos(theta)
    is on the wrong side.

    Parameters
    ----------
    elevation_m : (y, x), north up; NaN hides nothing and is not hidden
    incidence_deg : on the ellipsoid, broadcast to (y, x), above 0 and below 90; NaN where not seen
    sensor_azimuth_deg : from `towards_sensor_deg`, clockwise from the y axis
    resolution_m : of a square pixel
    relief_m : higher differences are not looked for; the halo is `halo_px` of the same

    Between pixels heights are linear along rows and columns, and the walk stops wherever it crosses one: along them it
    is exact. Beyond the array nothing is known, and nothing hides.
    """
    z = np.ascontiguousarray(elevation_m, dtype=np.float64)
    angle = np.broadcast_to(np.asarray(incidence_deg, dtype=np.float64), z.shape)
    seen = angle[np.isfinite(angle)]
    if seen.size and not 0.0 < seen.min() <= seen.max() < 90.0:
        raise ValueError(f"incidence from {seen.min():g} to {seen.max():g} deg is no range of a radar")
    steepness = np.ascontiguousarray(np.tan(np.deg2rad(angle)))
    reach = float(np.nanmax(np.maximum(steepness, 1.0 / steepness))) * relief_m if seen.size else 0.0
    masks = Relief(*(np.zeros(z.shape, bool) for _ in Relief._fields))
    _walk(z, steepness, *_path(sensor_azimuth_deg, reach / resolution_m), resolution_m, relief_m, *masks)
    return masks


def hidden_by_relief(
    elevation_m: ArrayLike,
    incidence_deg: ArrayLike,
    sensor_azimuth_deg: float,
    resolution_m: float,
    relief_m: float = RELIEF_M,
) -> Mask:
    """Layover or shadow of `relief_masks` with a margin of 1 px in all eight directions; halo `halo_px`."""
    masks = relief_masks(elevation_m, incidence_deg, sensor_azimuth_deg, resolution_m, relief_m)
    return with_margin(masks.layover | masks.shadow)


def _path(azimuth_deg: float, reach_px: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Where a ray from a pixel's centre crosses rows and columns: offsets of two neighbours, and share and distance.

    Returns (k, 4) rows and columns of the two neighbours, relative to the pixel, and (k, 2) the second's share and the
    distance in pixels, rising. Where the ray meets a pixel's centre its share is 0 and it is both neighbours.
    """
    azimuth = np.deg2rad(azimuth_deg)
    step = np.round([-np.cos(azimuth), np.sin(azimuth)], 12)  # (row, column) per pixel of distance
    crossings = [np.arange(1.0, np.floor(reach_px * abs(s)) + 1.0) / abs(s) for s in step if s != 0.0]
    distance = np.unique(np.round(np.concatenate(crossings), 9))
    at = distance[:, None] * step
    near = np.round(at)
    at = np.where(np.abs(at - near) < 1e-6, near, at)
    first, second = np.floor(at).astype(np.int64), np.ceil(at).astype(np.int64)
    share = (at - first).max(axis=1)
    return np.hstack([first, second]), np.stack([share, distance], axis=1)


@numba.njit(nogil=True, cache=True)
def _walk(  # pragma: no cover
    z: NDArray[np.float64],
    steepness: NDArray[np.float64],
    neighbours: NDArray[np.int64],
    steps: NDArray[np.float64],
    resolution: float,
    relief: float,
    active: Mask,
    layover: Mask,
    shadow: Mask,
) -> None:
    """Fill the masks: on each pixel's way, `side` 1 is towards the sensor and -1 away from it."""
    rows, columns = z.shape
    for r in range(rows):
        for c in range(columns):
            here, tangent = z[r, c], steepness[r, c]
            reach = relief * max(tangent, 1.0 / tangent)
            for side in (1, -1):
                for k in range(steps.shape[0]):
                    distance = steps[k, 1] * resolution
                    if distance > reach:
                        break
                    r0, c0 = r + side * neighbours[k, 0], c + side * neighbours[k, 1]
                    r1, c1 = r + side * neighbours[k, 2], c + side * neighbours[k, 3]
                    if min(r0, r1) < 0 or max(r0, r1) >= rows or min(c0, c1) < 0 or max(c0, c1) >= columns:
                        break
                    share = steps[k, 0]
                    rise = (1.0 - share) * z[r0, c0] + share * z[r1, c1] - here
                    if side == 1 and rise * tangent > distance and distance <= relief * tangent:
                        shadow[r, c] = True
                    if -side * rise > distance * tangent and distance * tangent <= relief:
                        layover[r, c] = True
                        active[r, c] |= k == 0
