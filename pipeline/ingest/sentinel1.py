"""Sentinel-1, C band: analysis-ready rasters as gamma nought, with what its products leave unsaid."""

from __future__ import annotations

import xarray as xr

from floodfuse.catalogs.acquisition import Acquisition
from floodfuse.harmonize.radiometry import SENTINEL1_GHZ
from floodfuse.pipeline.grid import Grid
from floodfuse.pipeline.ingest import radar

LOOKS = 4.4  # IW GRDH (CLS 2016)
NESZ_DB = {"vv": -24.0, "vh": -26.0, "hh": -24.0, "hv": -26.0}  # usual values; the requirement is -22


def prepare(acquisition: Acquisition) -> Acquisition:
    """Check the acquisition and fill in what it does not state."""
    return radar.prepare(acquisition, radar.Defaults(LOOKS, NESZ_DB, SENTINEL1_GHZ))


def read(acquisition: Acquisition, grid: Grid) -> xr.Dataset:
    """gamma0 by polarization, incidence and hidden ground on the grid; see `radar.read`."""
    return radar.read(acquisition, grid)
