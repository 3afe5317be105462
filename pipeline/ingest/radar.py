"""What Sentinel-1 and PALSAR-2 have in common: stored numbers to gamma nought in linear power, with angle and mask."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from floodfuse.catalogs.acquisition import Acquisition, Asset, MaskConvention, Radiometry, Scale
from floodfuse.catalogs.errors import BadRequest
from floodfuse.harmonize import radiometry
from floodfuse.pipeline.grid import Grid
from floodfuse.pipeline.ingest.reading import (
    Band,
    Decode,
    Float32,
    geometry_of,
    opened,
    pixels_per_pixel,
    read_bands,
    sample,
    sample_windows,
)

_PATCH_PX = 32  # a side: large enough for the spread of speckle, small enough to be one kind of ground
_LEAST_PATCHES = 8
_MOSTLY = 0.5  # of a window that must have an angle
_DARKEST_DB, _LOWEST_POWER, _HIGHEST_POWER = -60.0, -1.0, 1000.0
_STEEPEST_DEG = 80.0  # beyond it a facet is all but in shadow, and no angle law holds
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
    """How this acquisition's stored numbers become linear power.

    Exact zeros are borders, and numbers that no ground sends back are fill that the file does not declare: NaN.
    """
    scale = acquisition.scale
    factor = np.float32(radiometry.from_db(acquisition.calibration_db or 0.0))

    def decode(values: Float32) -> Float32:
        if scale is Scale.DB:
            power = np.power(np.float32(10.0), values / np.float32(10.0))
            power[values < _DARKEST_DB] = np.nan
        else:
            values[values == 0.0] = np.nan
            power = values if scale is Scale.POWER else np.square(values) * factor
        power[(power < _LOWEST_POWER) | (power > _HIGHEST_POWER)] = np.nan
        return power

    return decode


def read(acquisition: Acquisition, grid: Grid) -> xr.Dataset:
    """gamma0 in linear power by polarization, incidence in degrees, and where layover or shadow hide the ground.

    Values may be <= 0 where noise was removed; NaN where there is none. Converting from sigma0 or beta0 uses the
    pixel's own angle (harmonization.md 1.1).
    """
    pols = acquisition.polarizations
    shift = acquisition.shift
    bands = [Band(pol, acquisition.assets[pol], decoder(acquisition), shift=shift) for pol in pols]
    if "incidence" in acquisition.assets:
        decode = _angle(acquisition.incidence_scale)
        bands.append(Band("incidence", acquisition.assets["incidence"], decode, shift=shift))
    values = read_bands(bands, grid)
    incidence = values.get("incidence")
    if incidence is None:
        incidence = np.full(grid.shape, acquisition.incidence_deg, np.float32)
    valid, hidden = _usable(acquisition, grid)
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
        degrees = values * np.float32(scale)
        degrees[(degrees <= 0.0) | (degrees > _STEEPEST_DEG)] = np.nan
        return degrees

    return decode


def _usable(acquisition: Acquisition, grid: Grid) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where the product's own mask lets values count, and where it says layover or shadow.

    What is masked is widened by one native pixel: values beside it were resampled together with it.
    """
    if "mask" not in acquisition.assets:
        return np.ones(grid.shape, bool), np.zeros(grid.shape, bool)
    asset, convention = acquisition.assets["mask"], acquisition.mask_convention
    with opened(asset) as dataset:
        native = pixels_per_pixel(geometry_of(dataset, asset.href), grid)
    margin = max(1, math.ceil(1.0 / min(native)))
    band = Band("mask", asset, nearest=True, shift=acquisition.shift)
    mask = read_bands([band], grid.padded(margin))["mask"]
    hidden = np.isin(mask, _LAYOVER_OR_SHADOW[convention])
    invalid = hidden | np.isin(mask, _INVALID[convention]) | ~np.isfinite(mask)
    size, core = 2 * margin + 1, (slice(margin, -margin), slice(margin, -margin))
    return ~maximum_filter(invalid, size)[core], maximum_filter(hidden, size)[core]


class Defaults(NamedTuple):
    """What a sensor's products leave unsaid: looks, noise floor [sigma0 dB] by polarization, frequency [GHz]."""

    looks: float
    nesz_db: dict[str, float]
    frequency_ghz: float


def prepare(acquisition: Acquisition, defaults: Defaults) -> Acquisition:
    """Check the acquisition and fill in what it does not state."""
    check(acquisition)
    return acquisition.model_copy(
        update={
            "looks": acquisition.looks or defaults.looks,
            "nesz_db": defaults.nesz_db | acquisition.nesz_db,
            "frequency_ghz": acquisition.frequency_ghz or defaults.frequency_ghz,
            "water_incidence_deg": _angles_of_level_ground(acquisition),
        }
    )


def _angles_of_level_ground(acquisition: Acquisition) -> tuple[float, float] | None:
    """Smallest and largest angle of the swath, as far as windows of 128 px average slopes out.

    Water is level: on a slope that faces the sensor it would still be seen at the swath's angle and not at the slope's
    (harmonization.md 2.1). None where no raster gives angles.
    """
    if "incidence" not in acquisition.assets:
        return None
    decode = _angle(acquisition.incidence_scale)
    windows = [decode(window) for window in sample_windows(acquisition.assets["incidence"])]
    medians = [float(np.nanmedian(w)) for w in windows if np.isfinite(w).mean() > _MOSTLY]
    return (round(min(medians), 3), round(max(medians), 3)) if medians else None


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


def check_spread(acquisition: Acquisition) -> None:
    """Refuse amplitude declared as power, or the reverse, where the declared looks give it away (harmonization.md 1.5).

    For files whose looks a user vouches for: the looks that archives state are those of the product before it was
    resampled, so the spread in its pixels proves nothing.

    Raises
    ------
    BadRequest
        If the spread of speckle on even ground is that of the other scale.
    """
    if acquisition.looks is None or acquisition.scale not in (Scale.POWER, Scale.AMPLITUDE):
        return
    for pol in acquisition.polarizations:
        asset = acquisition.assets[pol]
        even = _even_ground(sample_windows(asset))
        told = None if even is None else radiometry.declared_power_or_amplitude(even, acquisition.looks)
        if told is not None and told != acquisition.scale.value:
            raise BadRequest(
                f"{asset.href} ({acquisition.id}, {pol}), declared as {acquisition.scale} of {acquisition.looks:g} looks: "
                f"the speckle on even ground has the spread of {told}. Declare --scale {told}, or the right --looks; "
                "leave --looks out where it is not known."
            )


def _even_ground(windows: list[Float32]) -> Float32 | None:
    """The patch at the lower quartile of spread: nearly one kind of ground, yet no flat fill. None where few are valid."""
    side = _PATCH_PX
    patches = [
        window[top : top + side, left : left + side]
        for window in windows
        for top in range(0, window.shape[0] - side + 1, side)
        for left in range(0, window.shape[1] - side + 1, side)
    ]
    spreads = sorted(
        ((float(np.var(np.log(patch))), i) for i, patch in enumerate(patches) if (patch > 0).all()),
    )
    return patches[spreads[len(spreads) // 4][1]] if len(spreads) >= _LEAST_PATCHES else None


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
    else:
        source = f"{asset.href} ({acquisition.id}, incidence)"
        values = sample(asset) * acquisition.incidence_scale
        values = values[values != 0.0]
        if values.size == 0:
            return
        angle = float(np.median(values))
    if 0.0 < angle < _RADIANS_BELOW and acquisition.incidence_scale == 1.0:
        raise BadRequest(
            f"{source}: {angle:.3g} is no angle in degrees; it looks like radians. Multiply by 57.2958"
            + ("." if asset is None else ", or declare --incidence-scale 57.2958.")
        )
    if not _RADIANS_BELOW <= angle < 90.0:
        cure = "Declare it in degrees."
        if asset is not None:
            cure = (
                "Declare --incidence-scale, the degrees of one unit: 0.01 for hundredths of a degree, else 1."
            )
        raise BadRequest(f"{source}: {angle:.4g} is no incidence angle in degrees (0 to 90). {cure}")
