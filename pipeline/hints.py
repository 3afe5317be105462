"""What advisory flags need to know of one acquisition, pixel by pixel, besides its evidence.

Measured on power averaged as evidence is (5 x 5 px, sd 1 px); halo 2 px. NaN where the acquisition saw nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from floodfuse.catalogs.acquisition import Acquisition, Sensor
from floodfuse.harmonize import advisory
from floodfuse.harmonize.densities import CROSS_POLARIZED, channel_name
from floodfuse.harmonize.dry_level import DryLevel
from floodfuse.harmonize.radiometry import PALSAR2_GHZ, SENTINEL1_GHZ, total_power_db
from floodfuse.harmonize.water import WaterChannel
from floodfuse.pipeline.grid import Grid
from floodfuse.pipeline.ingest.interference import striped
from floodfuse.pipeline.measured import mean_power

Float32 = NDArray[np.float32]
Hints = dict[str, Float32]

_WAVES: dict[str, WaterChannel] = {"C_VV": "C_VV", "C_HH": "C_HH"}
_FREQUENCY_GHZ = {"C": SENTINEL1_GHZ, "L": PALSAR2_GHZ}


def hints_of(
    acquisition: Acquisition, node: xr.Dataset, grid: Grid, dry: Sequence[DryLevel | None] = ()
) -> Hints:
    """Fields of `advisory.Seen` that one acquisition can fill, by their names.

    `dry` are the dry levels of its polarizations, the first one's first; empty where it has no references.
    """
    if acquisition.sensor is Sensor.SENTINEL2:
        return {"snow": node["snow"].values.astype(np.float32)} if "snow" in node else {}
    found = _of_radar(acquisition, node, grid)
    if acquisition.sensor is Sensor.SENTINEL1 and dry:
        drop = drop_db(acquisition, node, dry[0])
        found["c_drop_db"] = drop
        if acquisition.cold is not None:
            found["cold_scene"] = _where(np.isfinite(drop), np.full(drop.shape, acquisition.cold))
    return found


def drop_db(acquisition: Acquisition, node: xr.Dataset, dry: DryLevel | None) -> Float32:
    """How far the first polarization lies below its dry reference, dB of total power; NaN where either has no value."""
    pol, theta = acquisition.polarizations[0], node["incidence"].values
    if dry is None:
        return np.full(theta.shape, np.nan, np.float32)
    total = total_power_db(mean_power(node[pol].values), acquisition.noise_subtracted(pol), theta)
    return np.asarray(dry.level_db - total, np.float32)


def _of_radar(acquisition: Acquisition, node: xr.Dataset, grid: Grid) -> Hints:
    band = acquisition.band
    frequency = acquisition.frequency_ghz or _FREQUENCY_GHZ[band]
    theta = node["incidence"].values
    square = np.ones((2 * advisory.NEARBY_PX + 1,) * 2, bool)
    found: Hints = {"near_hidden": binary_dilation(node["hidden"].values, square).astype(np.float32)}
    for pol in acquisition.polarizations:
        name, power = channel_name(band, pol), mean_power(node[pol].values)
        seen = np.isfinite(power) & np.isfinite(theta)
        if name in CROSS_POLARIZED:
            found[f"{band.lower()}_canopy"] = _where(
                seen, advisory.canopy_water_kg_m2(name, power, theta, frequency)
            )
            if band == "C":
                low = advisory.at_noise_floor(
                    power, acquisition.nesz_db[pol], theta, acquisition.noise_removed
                )
                found["cross_at_floor"] = _where(seen, low)
        elif name in _WAVES:
            found["waves"] = _where(seen, advisory.waves_like(_WAVES[name], power, theta))
    if band == "L":
        found["striped"] = striped(acquisition, grid).astype(np.float32)
    return found


def _where(seen: NDArray[np.bool_], values: NDArray[np.generic]) -> Float32:
    return np.where(seen, values, np.nan).astype(np.float32)


def merged(nearer: Hints, known: NDArray[np.bool_], further: Hints) -> Hints:
    """Hints of a further acquisition put where the nearer ones saw nothing; what either has seen there stays."""
    out: Hints = {}
    for name in nearer.keys() | further.keys():
        missing = np.full(known.shape, np.nan, np.float32)
        first, second = nearer.get(name, missing), further.get(name, missing)
        out[name] = np.where(known, first, np.fmax(first, second))
    return dict(sorted(out.items()))
