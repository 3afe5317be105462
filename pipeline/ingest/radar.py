"""What Sentinel-1 and PALSAR-2 have in common: stored numbers to gamma nought in linear power, with angle and mask."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from floodfuse.catalogs.acquisition import Acquisition, Asset, MaskConvention, Radiometry, Scale
from floodfuse.catalogs.errors import BadRequest
from floodfuse.harmonize import radiometry
from floodfuse.pipeline.grid import Grid
from floodfuse.pipeline.ingest.reading import Band, Decode, Float32, geometry_of, opened, read_bands, sample

_RADIANS_BELOW = 1.6  # no imaging radar looks at less than 1.6 degrees
_LAYOVER_OR_SHADOW: dict[MaskConvention, tuple[int, ...]] = {
    MaskConvention.VALID: (),
    MaskConvention.PALSAR2_MOSAIC: (100, 150),
    MaskConvention.PALSAR2_L22: (2, 3),
    MaskConvention.OPERA_RTC: (1, 2, 3),
}
_INVALID: dict[MaskConvention, tuple[int, ...]] = {
    MaskConvention.VALID: (0,),
    MaskConvention.PALSAR2_MOSAIC: (0,),
    MaskConvention.PALSAR2_L22: (0, 5),
    MaskConvention.OPERA_RTC: (255,),
}


def decoder(acquisition: Acquisition) -> Decode:
    """How this acquisition's stored numbers become linear power. Exact zeros are borders and become NaN."""
    scale = acquisition.scale
    factor = np.float32(radiometry.from_db(acquisition.calibration_db or 0.0))

    def decode(values: Float32) -> Float32:
        if scale is Scale.DB:
            return np.power(np.float32(10.0), values / np.float32(10.0))
        values[values == 0.0] = np.nan
        if scale is Scale.AMPLITUDE:
            return np.square(values)
        return np.square(values) * factor if scale is Scale.DN else values

    return decode


def read(acquisition: Acquisition, grid: Grid) -> xr.Dataset:
    """gamma0 in linear power by polarization, incidence in degrees, and where layover or shadow hide the ground.

    Values may be <= 0 where noise was removed; NaN where there is none. Converting from sigma0 or beta0 uses the
    pixel's own angle (harmonization.md 1.1).
    """
    pols = acquisition.polarizations
    bands = [Band(pol, acquisition.assets[pol], decoder(acquisition)) for pol in pols]
    if "incidence" in acquisition.assets:
        bands.append(Band("incidence", acquisition.assets["incidence"], _angle(acquisition.incidence_scale)))
    if "mask" in acquisition.assets:
        bands.append(Band("mask", acquisition.assets["mask"], nearest=True))
    values = read_bands(bands, grid)
    incidence = values.get("incidence")
    if incidence is None:
        incidence = np.full(grid.shape, acquisition.incidence_deg, np.float32)
    valid, hidden = _usable(values.get("mask"), acquisition.mask_convention, grid.shape)
    layers = {}
    for pol in pols:
        gamma0 = _gamma0(values[pol], acquisition, incidence)
        layers[pol] = np.where(valid, gamma0, np.float32(np.nan))
    return xr.Dataset(
        {name: (("y", "x"), layer) for name, layer in layers.items()}
        | {"incidence": (("y", "x"), incidence), "hidden": (("y", "x"), hidden)}
    )


def _gamma0(power: Float32, acquisition: Acquisition, incidence: Float32) -> Float32:
    quantity = acquisition.radiometry
    if quantity is Radiometry.GAMMA0:
        return power
    source: radiometry.Quantity = "sigma0" if quantity is Radiometry.SIGMA0 else "beta0"
    return radiometry.convert(power, source, "gamma0", incidence).astype(np.float32)


def _angle(scale: float) -> Decode:
    def decode(values: Float32) -> Float32:
        values[values <= 0.0] = np.nan
        return values * np.float32(scale)

    return decode


def _usable(
    mask: Float32 | None, convention: MaskConvention, shape: tuple[int, int]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where the product's own mask lets values count, and where it says layover or shadow."""
    if mask is None:
        return np.ones(shape, bool), np.zeros(shape, bool)
    hidden = np.isin(mask, _LAYOVER_OR_SHADOW[convention])
    invalid = np.isin(mask, _INVALID[convention]) | ~np.isfinite(mask)
    return ~(invalid | hidden), hidden


def check(acquisition: Acquisition) -> None:
    """Refuse an acquisition whose values can't be what they are declared to be.

    Raises
    ------
    BadRequest
        No polarization; scale or radiometry not declared or contradicted by the values; polarizations of different
        size; no angle, or one in radians.
    """
    name, pols = acquisition.id, acquisition.polarizations
    if not pols:
        raise BadRequest(
            f"{name}: no polarization among its assets. Declare at least one, e.g. --asset vv=FILE:1."
        )
    if acquisition.radiometry not in (Radiometry.GAMMA0, Radiometry.SIGMA0, Radiometry.BETA0):
        raise BadRequest(
            f"{name}: radiometry {acquisition.radiometry} is not one of gamma0, sigma0, beta0. "
            "Declare it with --radiometry, as the product's metadata states it."
        )
    if acquisition.scale is Scale.DN and acquisition.calibration_db is None:
        raise BadRequest(
            f"{name}: digital numbers without a calibration constant. PALSAR-2 takes --calibration -83; "
            "Sentinel-1 GRD needs its calibration tables: use an analysis-ready (RTC) product."
        )
    _same_size(acquisition)
    for pol in pols:
        why = radiometry.refusal(sample(acquisition.assets[pol]), acquisition.scale.value)
        if why:
            raise BadRequest(
                f"{acquisition.assets[pol].href} ({name}, {pol}), declared as {acquisition.scale}: {why}. "
                "Declare the right --scale (power, amplitude, db, dn)."
            )
    _check_angle(acquisition)


def _same_size(acquisition: Acquisition) -> None:
    sizes: dict[tuple[int, int], Asset] = {}
    for pol in acquisition.polarizations:
        asset = acquisition.assets[pol]
        with opened(asset) as dataset:
            geometry_of(dataset, asset.href)
            sizes.setdefault((dataset.width, dataset.height), asset)
    if len(sizes) > 1:
        parts = ", ".join(f"{asset.href} is {w} x {h}" for (w, h), asset in sizes.items())
        raise BadRequest(
            f"{acquisition.id}: polarizations of different size ({parts}). They must be one acquisition on one lattice; "
            "add them as two acquisitions if they are not."
        )


def _check_angle(acquisition: Acquisition) -> None:
    asset = acquisition.assets.get("incidence")
    if asset is None:
        angle, source = acquisition.incidence_deg, f"{acquisition.id}: declared incidence"
        if angle is None:
            raise BadRequest(
                f"{acquisition.id}: no incidence angle. Declare --incidence FILE or --incidence DEGREES (e.g. 38)."
            )
        largest = angle
    else:
        source = f"{asset.href} ({acquisition.id}, incidence)"
        values = sample(asset) * acquisition.incidence_scale
        if values.size == 0:
            return
        largest = float(np.percentile(values, 99))
    if largest < _RADIANS_BELOW:
        raise BadRequest(
            f"{source}: {largest:.3g} is no angle in degrees; it looks like radians. Multiply by 57.2958."
        )
    if largest >= 90.0:
        cure = "Declare --incidence-scale 0.01 if it holds hundredths of a degree."
        raise BadRequest(f"{source}: {largest:.4g} is no incidence angle in degrees (0 to 90). {cure}")
