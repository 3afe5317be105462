"""Sentinel-2, optical: green, near and short-wave infrared reflectance where the sky is clear."""

from __future__ import annotations

import math
import re

import numpy as np
import xarray as xr

from floodfuse.catalogs.acquisition import Acquisition, Radiometry, Scale
from floodfuse.catalogs.errors import BadRequest
from floodfuse.harmonize import optical
from floodfuse.pipeline.grid import Grid
from floodfuse.pipeline.ingest.reading import Band, Decode, Float32, read_bands, sample

_NEEDED = ("green", "nir")
_BANDS = ("green", "nir", "swir")
_BASELINE = re.compile(r"N?(\d{1,2})\.?(\d{2})")


def prepare(acquisition: Acquisition) -> Acquisition:
    """Check the acquisition and settle its offset.

    The offset stated is held against the darkest values of the whole scene; where none is stated, the processing
    baseline and those values decide, and where they do not, nothing is guessed (harmonization.md 5).
    """
    name = acquisition.id
    missing = [band for band in _NEEDED if band not in acquisition.assets]
    if missing:
        raise BadRequest(
            f"{name}: no `{missing[0]}` among its assets; NDWI needs green and nir. Add --asset {missing[0]}=FILE:n."
        )
    if acquisition.radiometry is not Radiometry.REFLECTANCE:
        raise BadRequest(
            f"{name}: radiometry {acquisition.radiometry}; Sentinel-2 takes --radiometry reflectance."
        )
    values = sample(acquisition.assets["green"])
    if acquisition.scale is not Scale.DN:
        _check_reflectance(acquisition, values)
        return acquisition
    if values.size and (values < 0).any():
        raise BadRequest(
            f"{acquisition.assets['green'].href} ({name}, green): negative digital numbers (lowest {values.min():g}). "
            "Digital numbers are never negative; declare --scale power if these are reflectances."
        )
    return acquisition.model_copy(update={"reflectance_offset": _offset(acquisition, values)})


def _check_reflectance(acquisition: Acquisition, values: Float32) -> None:
    if acquisition.scale is not Scale.POWER:
        raise BadRequest(
            f"{acquisition.id}: scale {acquisition.scale} is none of Sentinel-2's; give dn, or power for reflectance 0 to 1."
        )
    if values.size and float(np.median(values)) > 2.0:
        raise BadRequest(
            f"{acquisition.assets['green'].href} ({acquisition.id}, green): the median is {np.median(values):.4g}, "
            "no reflectance. Declare --scale dn for digital numbers."
        )


def _offset(acquisition: Acquisition, green_dn: Float32) -> float:
    still_in = optical.offset_still_in(green_dn)
    stated = acquisition.reflectance_offset
    where = f"{acquisition.assets['green'].href} ({acquisition.id}, green)"
    if stated is not None:
        if stated not in (0.0, optical.OFFSET_DN):
            raise BadRequest(
                f"{where}: offset '{stated:g}': Sentinel-2 products take -1000 or 0. Declare --offset -1000 or --offset 0."
            )
        if stated == optical.OFFSET_DN and still_in is False:
            raise BadRequest(
                f"{where}: an offset of {stated:g} is stated, but the darkest digital numbers lie below 600, so it was "
                "applied already. Declare --offset 0."
            )
        if stated == 0.0 and still_in and _expects_offset(acquisition):
            raise BadRequest(
                f"{where}: an offset of 0 is stated, but the darkest digital numbers lie above 900, so the 1000 of "
                "processing baseline 04.00 is still in them. Declare --offset -1000."
            )
        return stated
    if not _expects_offset(acquisition):
        if still_in and acquisition.processing_baseline is None:
            raise BadRequest(
                f"{where}: can't tell whether the offset of -1000 was applied: the darkest digital numbers lie above 900, "
                "as in bright scenes, and in old ones that were processed again. Declare --baseline, which the product's "
                "name holds (N0500 is 05.00), or --offset -1000 or --offset 0."
            )
        return 0.0
    if still_in is None and green_dn.size:
        raise BadRequest(
            f"{where}: can't tell whether the offset of -1000 was applied (the darkest digital numbers lie between 600 "
            "and 900). Declare --offset -1000 or --offset 0."
        )
    return optical.OFFSET_DN if still_in else 0.0


def _expects_offset(acquisition: Acquisition) -> bool:
    """Whether the product may carry the offset: baseline 04.00 or later, or taken since then and not stated."""
    if acquisition.processing_baseline is not None:
        return _baseline(acquisition.processing_baseline) >= optical.OFFSET_FROM_BASELINE
    return (acquisition.time.year, acquisition.time.month, acquisition.time.day) >= (2022, 1, 25)


def _baseline(text: str) -> float:
    """05.09, or N0509 as in product names, as a number."""
    parts = _BASELINE.fullmatch(text.strip())
    if parts is None:
        raise BadRequest(f"baseline '{text}': write it as the product states it, e.g. 05.09 or N0509.")
    return float(f"{parts[1]}.{parts[2]}")


def _sun_on_dark_areas(acquisition: Acquisition) -> float | None:
    """Elevation of the sun where class 2 of the scene classification is any dark area; None where it may be shade.

    From baseline 04.00 on the class is the shadow of terrain and nothing else; a product that states no baseline may be
    of that kind. Deep clear water is often class 2 in older ones.
    """
    stated = acquisition.processing_baseline
    if stated is None or _baseline(stated) >= optical.OFFSET_FROM_BASELINE:
        return None
    return acquisition.sun_elevation_deg


def _decoder(acquisition: Acquisition) -> Decode | None:
    if acquisition.scale is not Scale.DN:
        return None
    offset = acquisition.reflectance_offset or 0.0

    def decode(values: Float32) -> Float32:
        values[values == 0.0] = np.nan
        return np.asarray(optical.reflectance(values, offset))

    return decode


def read(acquisition: Acquisition, grid: Grid) -> xr.Dataset:
    """Reflectance of green, nir and swir, NaN where the sky hides the ground; where that is, and where snow lies.

    The scene classification is read with a margin, so that clouds beyond the window cast their dilation into it.
    Without one (Level 1C) only pixels too bright for land or water are left out, by `optical.water_evidence`.
    """
    decode = _decoder(acquisition)
    bands = [Band(name, acquisition.assets[name], decode) for name in _BANDS if name in acquisition.assets]
    values = read_bands(bands, grid)
    clouded, snow = np.zeros(grid.shape, bool), np.zeros(grid.shape, bool)
    if "scl" in acquisition.assets:
        metres = grid.metres_per_pixel
        margin = math.ceil(optical.CLOUD_DILATION_M / metres) + 1
        scl = read_bands([Band("scl", acquisition.assets["scl"], nearest=True)], grid.padded(margin))["scl"]
        classes = np.nan_to_num(scl, nan=0.0).astype(np.uint8)
        core = (slice(margin, -margin), slice(margin, -margin))
        clear = optical.clear_sky(classes, metres, _sun_on_dark_areas(acquisition))[core]
        clouded = ~clear & (classes[core] > 0)
        snow = classes[core] == optical.SCL_SNOW
        values = {name: np.where(clear, layer, np.float32(np.nan)) for name, layer in values.items()}
    return xr.Dataset(
        {name: (("y", "x"), layer) for name, layer in values.items()}
        | {"hidden": (("y", "x"), clouded), "snow": (("y", "x"), snow)}
    )
