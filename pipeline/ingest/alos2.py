"""ALOS-2 PALSAR-2, L band: yearly mosaic and ScanSAR Level 2.2 as gamma nought, with what they leave unsaid."""

from __future__ import annotations

import xarray as xr

from floodfuse.catalogs.acquisition import Acquisition
from floodfuse.harmonize.radiometry import PALSAR2_GHZ
from floodfuse.pipeline.grid import Grid
from floodfuse.pipeline.ingest import radar

BAND = "L"
LOOKS = 4.0  # cautious: products do not state it
NESZ_DB = {"hh": -28.0, "hv": -30.0, "vv": -28.0, "vh": -30.0}  # fallback; the CARD4L XML states it by scene


def prepare(acquisition: Acquisition) -> Acquisition:
    """Check the acquisition and fill in what it does not state."""
    radar.check(acquisition)
    return acquisition.model_copy(
        update={
            "looks": acquisition.looks or LOOKS,
            "nesz_db": NESZ_DB | acquisition.nesz_db,
            "frequency_ghz": acquisition.frequency_ghz or PALSAR2_GHZ,
        }
    )


def read(acquisition: Acquisition, grid: Grid) -> xr.Dataset:
    """gamma0 by polarization, incidence and hidden ground on the grid; see `radar.read`."""
    return radar.read(acquisition, grid)
