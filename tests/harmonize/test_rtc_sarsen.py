"""Terrain correction beside sarsen, an independent implementation (bopen, Apache-2.0), on made-up ground.

sarsen works on the globe; the ground is put far from its centre, so that up is up, and waves are made plane.
"""

from __future__ import annotations

import numpy as np
import pytest
import sarsen.radiometry
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from floodfuse.harmonize.radiometry import to_db
from floodfuse.harmonize.rtc import gamma_area_m2, integrated_rtc_factor
from floodfuse.harmonize.terrain import local_incidence_deg, planar_rtc_factor

Float = NDArray[np.float64]
WEST = 270.0
FAR_M = 6.4e6
START = np.datetime64("2020-01-01T00:00:00", "ns")


def ground(z: Float, resolution_m: float) -> xr.DataArray:
    """Cartesian positions (axis, y, x), north up, as sarsen takes them."""
    y, x = -np.arange(z.shape[0]) * resolution_m, np.arange(z.shape[1]) * resolution_m
    east, north = np.meshgrid(x, y)
    coords = {"axis": [0, 1, 2], "y": y, "x": x}
    return xr.DataArray(np.stack([east, north, FAR_M + z]), dims=("axis", "y", "x"), coords=coords)


def look(theta_deg: float, azimuth_deg: float) -> xr.DataArray:
    """Unit vector from the sensor to the ground."""
    t, a = np.deg2rad([theta_deg, azimuth_deg])
    way = -np.array([np.sin(t) * np.sin(a), np.sin(t) * np.cos(a), np.cos(t)])
    return xr.DataArray(way, dims="axis", coords={"axis": [0, 1, 2]})


def gamma_area(z: Float, theta_deg: float, azimuth_deg: float, resolution_m: float) -> xr.DataArray:
    area = sarsen.radiometry.compute_gamma_area(ground(z, resolution_m), look(theta_deg, azimuth_deg))
    return area.transpose("y", "x")


def simulated_beta0(z: Float, theta_deg: float, resolution_m: float, posts: int) -> float:
    """sarsen's beta0 of ground of gamma0 = 1 in mid-image, for radar cells that hold whole posts and one line."""
    t = np.deg2rad(theta_deg)
    slant = np.arange(z.shape[1]) * resolution_m * np.sin(t) - z * np.cos(t)
    cell = posts * float(slant[0, 1] - slant[0, 0])
    lines = np.arange(z.shape[0])[:, None] + np.zeros(z.shape)
    coordinates = xr.Dataset(
        {
            "gamma_area": gamma_area(z, theta_deg, WEST, resolution_m),
            "slant_range_time": (("y", "x"), slant + 0.1 * cell),  # off the seams of cells
            "azimuth_time": (("y", "x"), START + (1000.0 * (lines + 0.1)).astype("timedelta64[ms]")),
        }
    )
    beta0 = sarsen.radiometry.gamma_weights_bilinear(
        coordinates, 0.0, START, cell, 1.0, slant_range_spacing_m=cell, azimuth_spacing_m=resolution_m
    )
    return float(beta0[z.shape[0] // 2, z.shape[1] // 2])


@pytest.mark.parametrize("theta", [30.0, 38.0, 45.0])
@pytest.mark.parametrize("slope_deg", [-20.0, -10.0, -5.0, 5.0, 10.0, 20.0])
def test_factor_of_a_plane_is_sarsens(theta: float, slope_deg: float) -> None:
    """Property 26 and section 7: below 1e-4 dB."""
    z = np.tile(np.tan(np.deg2rad(slope_deg)) * 10.0 * np.arange(160), (30, 1))
    sarsens = simulated_beta0(0.0 * z, theta, 10.0, posts=4) / simulated_beta0(z, theta, 10.0, posts=4)
    assert to_db(planar_rtc_factor(theta, slope_deg)) == pytest.approx(float(to_db(sarsens)), abs=1e-6)
    integrated = integrated_rtc_factor(z, theta, 10.0, cell_m=25.0)[15, 80]
    assert to_db(integrated) == pytest.approx(float(to_db(sarsens)), abs=1e-6)


@pytest.mark.parametrize("azimuth", [258.0, 102.0, 31.0])
@pytest.mark.parametrize("facing_deg", [0.0, 90.0, 200.0])
def test_area_of_a_plane_is_the_cosine_of_its_local_incidence(azimuth: float, facing_deg: float) -> None:
    """sarsen's area across the look over the plane's own area is cos(lia), so both bend the angle alike."""
    theta, slope, downhill = 38.0, np.deg2rad(15.0), np.deg2rad(azimuth + facing_deg)
    rows, columns = np.indices((12, 14))
    z = -np.tan(slope) * (columns * np.sin(downhill) - rows * np.cos(downhill)) * 30.0
    cosine = gamma_area(z, theta, azimuth, 30.0) * np.cos(slope) / 30.0**2
    expected = np.cos(np.deg2rad(local_incidence_deg(theta, 15.0, facing_deg)))
    np.testing.assert_allclose(cosine, expected, rtol=1e-8)


@pytest.mark.parametrize("azimuth", [270.0, 258.0, 102.0, 31.0])
def test_areas_of_rough_ground_are_sarsens(azimuth: float) -> None:
    z = gaussian_filter(np.random.default_rng(0).normal(size=(60, 70)), 3.0) * 1200.0
    theirs = gamma_area(z, 38.0, azimuth, 30.0).to_numpy()
    assert (theirs == 0.0).any() and theirs.max() > 2.0 * theirs[theirs > 0].mean()
    np.testing.assert_allclose(gamma_area_m2(z, 38.0, azimuth, 30.0), theirs, atol=1e-4)
