"""Radiometric terrain correction by area: how much ground shares a radar cell (Small 2011, IEEE TGRS 49(8)).

Facets by themselves have `terrain.planar_rtc_factor`; here areas are summed where slopes fold over each other.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from floodfuse.harmonize.relief import relief_masks
from floodfuse.harmonize.terrain import RTC_FLOOR_DB

Float = NDArray[np.float64]


def gamma_area_m2(
    elevation_m: ArrayLike, incidence_deg: ArrayLike, sensor_azimuth_deg: float, resolution_m: float
) -> Float:
    """Area of each facet across the look, m2: its area vector along the way to the sensor; 0 where it faces away.

    A facet is a pixel of two triangles between its corners, whose heights are means of four pixels (at the border
    extended linearly); halo 1 px. dx dy (cos(theta) - sin(theta) dz/ds), s the ground distance towards the sensor.
    Source: Small (2011); the same as sarsen's `compute_gamma_area` on a plane Earth.
    """
    down, right = _corner_slopes(np.asarray(elevation_m, dtype=np.float64))
    azimuth, theta = np.deg2rad(sensor_azimuth_deg), np.deg2rad(np.asarray(incidence_deg, dtype=np.float64))
    rise = (right * np.sin(azimuth) - down * np.cos(azimuth)) / resolution_m
    return np.asarray(np.maximum(resolution_m**2 * (np.cos(theta) - np.sin(theta) * rise), 0.0))


def _corner_slopes(z: Float) -> tuple[Float, Float]:
    """Rise of each pixel from its upper to its lower edge and from its left to its right edge, in the unit of z."""
    wide = np.pad(z, 1, mode="reflect", reflect_type="odd")
    corners = (wide[:-1, :-1] + wide[1:, :-1] + wide[:-1, 1:] + wide[1:, 1:]) / 4.0
    down, right = np.diff(corners, axis=0), np.diff(corners, axis=1)
    return (down[:, :-1] + down[:, 1:]) / 2.0, (right[:-1] + right[1:]) / 2.0


def integrated_rtc_factor(
    elevation_m: ArrayLike, incidence_deg: float, resolution_m: float, cell_m: float
) -> Float:
    """gamma0 corrected for terrain over gamma0 of the ellipsoid, from the areas that share each radar cell; linear.

    (A_beta / A_gamma) / tan(theta), A_gamma the sum of `gamma_area_m2` of all ground in the cell (Small 2011).

    Parameters
    ----------
    elevation_m : (line, ground range), range growing away from the sensor; finite
    incidence_deg : theta on the ellipsoid, one for all
    resolution_m : of a square pixel
    cell_m : slant range of a radar cell

    Each facet is spread evenly over the slant range it spans, so a plane gives `planar_rtc_factor` whatever the cells.
    Ground in shadow adds nothing and is NaN. Not below -30 dB. A cell gathers from all along its line: compute it once
    over the whole model, not by blocks.
    """
    z, theta = np.ascontiguousarray(elevation_m, dtype=np.float64), np.deg2rad(incidence_deg)
    dark = relief_masks(z, incidence_deg, 270.0, resolution_m, float(np.ptp(z)) + 1.0).shadow
    area = np.where(dark, 0.0, gamma_area_m2(z, incidence_deg, 270.0, resolution_m))
    _, rise = _corner_slopes(z)
    middle = np.arange(z.shape[1]) * resolution_m * np.sin(theta) - z * np.cos(theta)
    half = 0.5 * np.abs(resolution_m * np.sin(theta) - rise * np.cos(theta))
    start = float((middle - half).min())
    near, far = (middle - half - start) / cell_m, (middle + half - start) / cell_m
    gathered = np.empty_like(z)
    _share_cells(near, far, area, np.zeros(int(far.max()) + 2), gathered)
    with np.errstate(divide="ignore"):
        factor = cell_m * resolution_m / (gathered * np.tan(theta))
    return np.where(dark | ~(area > 0.0), np.nan, np.maximum(factor, 10.0 ** (RTC_FLOOR_DB / 10.0)))


@numba.njit(nogil=True, cache=True)
def _share_cells(  # pragma: no cover
    near: Float,
    far: Float,
    area: Float,
    cells: Float,
    gathered: Float,
) -> None:
    """Areas of facets that span `near` to `far` [cells] summed into the cells of each line, and averaged back."""
    for r in range(area.shape[0]):
        cells[:] = 0.0
        for back in (False, True):
            for c in range(area.shape[1]):
                first, last = int(near[r, c]), int(far[r, c])
                span = far[r, c] - near[r, c]
                total = 0.0
                for k in range(first, last + 1):
                    inside = min(far[r, c], k + 1.0) - max(near[r, c], float(k))
                    share = inside / span if span > 1e-9 else 1.0 / (last + 1 - first)
                    if back:
                        total += share * cells[k]
                    else:
                        cells[k] += share * area[r, c]
                if back:
                    gathered[r, c] = total
