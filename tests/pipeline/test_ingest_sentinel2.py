"""Sentinel-2 as the pipeline reads it: what the scene classification hides, and which dark areas count as seen."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray

from floodfuse.catalogs.acquisition import Acquisition, Asset, Radiometry, Scale, Sensor
from floodfuse.harmonize import optical
from floodfuse.pipeline.grid import Grid
from floodfuse.pipeline.ingest import sentinel2

SIZE = 60
WEST, NORTH = 500_000.0, 4_200_000.0
GRID = Grid(pyproj.CRS("EPSG:32630"), 10.0, -420_000, 50_000, SIZE, SIZE)


def write(path: Path, values: NDArray[np.generic]) -> Asset:
    profile = {"driver": "GTiff", "height": SIZE, "width": SIZE, "count": 1, "crs": "EPSG:32630"}
    with rasterio.open(
        path, "w", dtype=values.dtype, transform=Affine(10.0, 0.0, WEST, 0.0, -10.0, NORTH), **profile
    ) as out:
        out.write(values, 1)
    return Asset(href=str(path))


def acquisition(folder: Path, **fields: object) -> Acquisition:
    """Left half dark areas, right half soil, a cloud of one pixel in the lower right corner."""
    scl = np.full((SIZE, SIZE), 5, np.uint8)
    scl[:, : SIZE // 2] = optical.SCL_DARK
    scl[-1, -1] = 9
    dn = np.full((SIZE, SIZE), 600, np.uint16)
    usual: dict[str, object] = {
        "id": "s2",
        "sensor": Sensor.SENTINEL2,
        "time": datetime(2019, 9, 18, 11, tzinfo=UTC),
        "footprint": shapely.geometry.mapping(shapely.box(-3.0, 37.9, -2.9, 38.0)),
        "assets": {
            "green": write(folder / "green.tif", dn),
            "nir": write(folder / "nir.tif", dn),
            "scl": write(folder / "scl.tif", scl),
        },
        "radiometry": Radiometry.REFLECTANCE,
        "scale": Scale.DN,
        "reflectance_offset": 0.0,
    }
    return Acquisition.model_validate(usual | fields)


@pytest.mark.parametrize(
    ("baseline", "sun", "seen"),
    [
        ("02.14", 48.3, True),
        ("03.01", 30.5, True),
        ("02.14", 25.0, False),  # anything throws a long shadow
        ("02.14", None, False),
        ("05.09", 48.3, False),  # class 2 is the shadow of terrain
        ("N0400", 48.3, False),
        (None, 48.3, False),
    ],
)
def test_dark_areas_are_ground_seen_in_old_products_under_a_high_sun(
    tmp_path: Path, baseline: str | None, sun: float | None, seen: bool
) -> None:
    made = acquisition(tmp_path, processing_baseline=baseline, sun_elevation_deg=sun)
    layers = sentinel2.read(made, GRID)
    dark, soil = layers["green"].values[:, : SIZE // 2], layers["green"].values[: SIZE // 2, SIZE // 2 :]
    np.testing.assert_allclose(soil, 0.06, rtol=1e-6)
    assert np.isfinite(dark).all() == seen == (not layers["hidden"].values[:, : SIZE // 2].any())
    assert np.isfinite(dark).any() == seen


def test_a_cloud_hides_150_m_and_does_so_from_outside_the_window(tmp_path: Path) -> None:
    made = acquisition(tmp_path, processing_baseline="02.14", sun_elevation_deg=48.3)
    whole = sentinel2.read(made, GRID)["hidden"].values
    rows, columns = np.mgrid[:SIZE, :SIZE]
    np.testing.assert_array_equal(whole, np.hypot(rows - SIZE + 1, columns - SIZE + 1) <= 15.0)
    _, _, corner = next(iter(GRID.blocks(50)))
    np.testing.assert_array_equal(sentinel2.read(made, corner)["hidden"].values, whole[:50, :50])
