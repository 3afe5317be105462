"""Synthetic layers as tiled GeoTIFF files, each saying that it is synthetic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy.typing as npt
import rasterio
from rasterio.enums import ColorInterp

from floodfuse.catalogs.simulated.lattice import CRS, Lattice
from floodfuse.harmonize.classes import LEGEND, MapClass

_BLOCK = 512
_FLOATING_PREDICTOR, _INTEGER_PREDICTOR = 3, 2


def write_raster(
    file: Path,
    bands: dict[str, npt.NDArray[Any]],
    lattice: Lattice,
    *,
    nodata: float | None = None,
    units: str = "",
    tags: dict[str, str] | None = None,
) -> Path:
    """Write bands of one type to one file, compressed without loss, in tiles of 512 pixels where there is room.

    Parameters
    ----------
    file
        Where to; folders are made.
    bands
        Description of each band and its values, (y, x).
    lattice
        Where its pixels lie.
    nodata
        Value that stands for no data, if any.
    units
        Of all bands.
    tags
        Further tags of the file.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    first = next(iter(bands.values()))
    with rasterio.open(file, "w", **_profile(first, lattice, len(bands), nodata)) as target:
        target.update_tags(SYNTHETIC="yes", SOFTWARE="floodfuse simulated archive", **(tags or {}))
        for band, (description, values) in enumerate(bands.items(), start=1):
            target.write(values, band)
            target.set_band_description(band, f"{description} (synthetic)")
            if units:
                target.set_band_unit(band, units)
    return file


def write_truth(file: Path, truth: npt.NDArray[Any], lattice: Lattice, time: str) -> Path:
    """Write the true map, with the colours and names of the class table."""
    file.parent.mkdir(parents=True, exist_ok=True)
    profile = _profile(truth, lattice, 1, float(MapClass.NOT_OBSERVED)) | {"photometric": "palette"}
    with rasterio.open(file, "w", **profile) as target:
        target.write(truth, 1)
        target.set_band_description(1, "True surface at the time to map (synthetic)")
        target.colorinterp = [ColorInterp.palette]
        target.write_colormap(1, {int(value): legend.rgba for value, legend in LEGEND.items()})
        names = {f"CLASS_{int(value)}": legend.label for value, legend in LEGEND.items()}
        target.update_tags(SYNTHETIC="yes", TIME=time, **names)
    return file


def _profile(values: npt.NDArray[Any], lattice: Lattice, count: int, nodata: float | None) -> dict[str, Any]:
    block = min(_BLOCK, max(16, lattice.size // 16 * 16))
    floating = values.dtype.kind == "f"
    return {
        "driver": "GTiff",
        "width": lattice.size,
        "height": lattice.size,
        "count": count,
        "dtype": values.dtype,
        "crs": CRS,
        "transform": lattice.transform,
        "nodata": nodata,
        "tiled": True,
        "blockxsize": block,
        "blockysize": block,
        "interleave": "band",
        "compress": "deflate",
        "predictor": _FLOATING_PREDICTOR if floating else _INTEGER_PREDICTOR,
        "zlevel": 4,
        "num_threads": "all_cpus",
        "bigtiff": "if_safer",
    }
