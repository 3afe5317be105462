"""Moving seven bands of one raster to a grid: one set of coordinates for all, beside GDAL's warper band by band.

Files are made here, uncompressed reading is taken out of the comparison by handing both the same arrays.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pyproj
from affine import Affine
from rasterio.warp import Resampling, reproject

from floodfuse.pipeline.grid import Grid
from floodfuse.pipeline.ingest.resample import resample, source_coordinates

BANDS, SIDE = 7, 2048


def seconds(work: Callable[[], object]) -> float:
    """Wall time, the better of two."""
    best = np.inf
    for _ in range(2):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def main() -> None:
    rng = np.random.default_rng(0)
    source = rng.gamma(4.4, 0.02, (BANDS, SIDE + 200, SIDE + 200)).astype(np.float32)
    degrees = 9e-5
    transform = Affine(degrees, 0, -1.0, 0, -degrees, 42.0)
    grid = Grid(pyproj.CRS("EPSG:32630"), 10.0, -464_900, 66_600, SIDE, SIDE)
    wgs84 = pyproj.CRS("EPSG:4326")

    def shared() -> None:
        at = source_coordinates(grid, wgs84, transform)
        resample(source, at, (0, 0), (1.0, 1.0))

    def band_by_band() -> None:
        for band in source:
            out = np.empty(grid.shape, np.float32)
            reproject(
                band,
                out,
                src_transform=transform,
                src_crs="EPSG:4326",
                dst_transform=grid.transform,
                dst_crs="EPSG:32630",
                resampling=Resampling.bilinear,
                src_nodata=np.nan,
                dst_nodata=np.nan,
            )

    shared()
    ours, gdal = seconds(shared), seconds(band_by_band)
    rate = BANDS * SIDE * SIDE / 1e6
    print(
        f"resampling, {BANDS} bands to UTM, one core: shared coordinates {rate / ours:.0f} Mband-px/s, "
        f"warper band by band {rate / gdal:.0f} Mband-px/s, ratio {gdal / ours:.1f}"
    )


if __name__ == "__main__":
    main()
