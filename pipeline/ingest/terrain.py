"""What does not change within a flood: height above drainage, slope, land cover, water that is always there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from floodfuse.catalogs.acquisition import Acquisition
from floodfuse.pipeline.grid import Grid
from floodfuse.pipeline.ingest.reading import Band, Decode, Float32, read_bands

_CODES = ("landcover",)


def prepare(acquisition: Acquisition) -> Acquisition:
    """Nothing is assumed of terrain; the files are opened when they are read."""
    return acquisition


def _within(low: float, high: float) -> Decode:
    def decode(values: Float32) -> Float32:
        values[(values < low) | (values > high)] = np.nan
        return values

    return decode


_DECODE = {
    "dem": _within(-500.0, 9000.0),
    "hand": _within(-100.0, 9000.0),
    "slope": _within(0.0, 90.0),
    "permanent_water": _within(0.0, 100.0),
    "landcover": _within(1.0, 254.0),
}


def read(acquisitions: Sequence[Acquisition], grid: Grid) -> xr.Dataset:
    """The layers at hand on the grid: `hand` [m], `slope` [deg], `permanent_water` [%], `landcover` (code, 0 unknown).

    Where several files hold the same layer the first valid one counts. Without a slope it is taken from the DEM.
    """
    layers: dict[str, Float32] = {}
    padded = grid.padded(1)
    for acquisition in acquisitions:
        bands = [Band(n, a, _DECODE[n], nearest=n in _CODES) for n, a in acquisition.assets.items()]
        for name, values in read_bands(bands, padded).items():
            known = layers.get(name)
            layers[name] = values if known is None else np.where(np.isfinite(known), known, values)
    if "slope" not in layers and "dem" in layers:
        layers["slope"] = slope_deg(layers["dem"], grid.metres_per_pixel)
    core = {name: (("y", "x"), values[1:-1, 1:-1]) for name, values in layers.items() if name != "dem"}
    dataset = xr.Dataset(core)
    if "landcover" in dataset:
        codes = np.nan_to_num(dataset["landcover"].values, nan=0.0).astype(np.uint8)
        dataset["landcover"] = (("y", "x"), codes)
    return dataset


def slope_deg(dem_m: Float32, spacing_m: float) -> Float32:
    """Slope from central differences of the DEM, degrees."""
    down, across = np.gradient(dem_m, spacing_m)
    return np.asarray(np.rad2deg(np.arctan(np.hypot(down, across))), np.float32)
