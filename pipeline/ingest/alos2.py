"""ALOS-2 PALSAR-2, L band: yearly mosaic and ScanSAR Level 2.2 as gamma nought, with what they leave unsaid."""

from __future__ import annotations

import numpy as np
import xarray as xr

from floodfuse.catalogs.acquisition import Acquisition, Asset, MaskConvention
from floodfuse.catalogs.errors import BadRequest
from floodfuse.harmonize.radiometry import PALSAR2_GHZ
from floodfuse.pipeline.grid import Grid
from floodfuse.pipeline.ingest import radar
from floodfuse.pipeline.ingest.interference import find_stripes
from floodfuse.pipeline.ingest.reading import sample

LOOKS = 4.0  # cautious: Level 2.2 does not state it
MOSAIC_NESZ_DB = {"hh": -34.0, "hv": -36.0, "vv": -34.0, "vh": -36.0}  # sea in HV goes down to -37 dB there
MOSAIC_LOOKS = (
    7.0  # measured over open sea in a tile of 2020: 7.1 in HH, 7.9 in HV (harmonize.speckle.estimate_looks)
)
NESZ_DB = {"hh": -28.0, "hv": -30.0, "vv": -28.0, "vh": -30.0}  # fallback; the CARD4L XML states it by scene

_L22_CODES, _MOSAIC_CODES = {1, 2, 3, 4, 5}, {50, 100, 150, 255}


def prepare(acquisition: Acquisition) -> Acquisition:
    """Check the acquisition, fill in what it does not state, and find its lines with interference."""
    mosaic = acquisition.mask_convention is MaskConvention.PALSAR2_MOSAIC
    looks, nesz_db = (MOSAIC_LOOKS, MOSAIC_NESZ_DB) if mosaic else (LOOKS, NESZ_DB)
    return find_stripes(radar.prepare(acquisition, radar.Defaults(looks, nesz_db, PALSAR2_GHZ)))


def mask_convention(mask: Asset) -> MaskConvention:
    """How a PALSAR-2 mask is coded, from its values: 0, 50, 100, 150, 255 is the mosaic's, 0 to 5 that of Level 2.2.

    Raises
    ------
    BadRequest
        If it is neither.
    """
    values = set(np.unique(sample(mask)).astype(int).tolist()) - {0}
    for convention, codes in (
        (MaskConvention.PALSAR2_L22, _L22_CODES),
        (MaskConvention.PALSAR2_MOSAIC, _MOSAIC_CODES),
    ):
        if values <= codes:
            return convention
    strange = min(values - _L22_CODES - _MOSAIC_CODES, default=min(values))
    raise BadRequest(
        f"{mask.href} (mask): holds {strange}, which neither the mosaic nor Level 2.2 uses. "
        "Declare --mask-convention (valid: 0 is invalid, all else valid)."
    )


def read(acquisition: Acquisition, grid: Grid) -> xr.Dataset:
    """gamma0 by polarization, incidence and hidden ground on the grid; see `radar.read`."""
    return radar.read(acquisition, grid)
