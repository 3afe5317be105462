"""How many looks an acquisition's values have once they lie on a grid."""

from __future__ import annotations

import numpy as np

from floodfuse.catalogs.acquisition import Acquisition
from floodfuse.pipeline.grid import Grid
from floodfuse.pipeline.ingest.reading import RasterGeometry, geometry_of, opened, pixels_per_pixel
from floodfuse.pipeline.ingest.resample import AVERAGE_FROM

_INDEPENDENT_SHARE = (
    0.25  # of averaged pixels: products are sampled finer than they resolve (harmonization.md 8)
)
# Looks gained by interpolating between four pixels, over all places between them, where neighbours correlate by 0.45:
# ((2 + 0.45) / 3)^-2.
_INTERPOLATED = 1.5


def looks_on(acquisition: Acquisition, grid: Grid) -> float:
    """Looks of the acquisition's values once they are on the grid: more where pixels are averaged or interpolated."""
    asset = acquisition.assets[acquisition.polarizations[0]]
    with opened(asset) as dataset:
        geometry = geometry_of(dataset, asset.href)
    across, down = pixels_per_pixel(geometry, grid)
    if max(across, down) >= AVERAGE_FROM:
        gained = max(1.0, _INDEPENDENT_SHARE * across * down)
    else:
        gained = 1.0 if _on_lattice(geometry, grid) else _INTERPOLATED
    return float(acquisition.looks or 1.0) * gained


def _on_lattice(geometry: RasterGeometry, grid: Grid) -> bool:
    """Whether the raster's pixels are those of the grid's lattice, so that none is interpolated."""
    t, size = geometry.transform, grid.resolution
    offsets = np.array([t.c / size, t.f / size])
    same = geometry.crs == grid.crs and np.allclose([t.a, t.b, t.d, t.e], [size, 0.0, 0.0, -size])
    return bool(same and np.allclose(offsets, np.round(offsets), atol=1e-6))
