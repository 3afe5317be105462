"""Inputs from calibrated images: backscatter of C- and L-band radar in dB, and reflectance in green, near and short-wave infrared.

Radiometry is kept: fixed constants make numbers of order one of dB and of reflectance, the same in every picture, so that a dB
is the same step everywhere and levels of two dates may be compared. In training every radar image is off by what its
calibration may be off by, and has more speckle; optical images have other light and haze. Values where nothing was seen
may be NaN.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

RAW_CHANNELS = {"s1/now": 2, "s1/before": 2, "l/now": 2, "s2/now": 3}
CHANNELS = {"s1/now": 2, "s1/before": 2, "l/now": 2, "s2/now": 5}
_MIDDLE_DB, _STEP_DB = (-10.0, -17.0), 5.0  # of VV or HH, and of VH or HV: land in either band
_MIDDLE, _SCALE = 0.15, 0.15  # of reflectance
_REFLECTANCE_FLOOR = 0.02  # keeps the index of a black pixel finite
FINGERPRINT = (
    f"backscatter/1: radar: (dB - {_MIDDLE_DB}) / {_STEP_DB}; optical: green nir swir cut to 0 ... 1, "
    f"(x - {_MIDDLE}) / {_SCALE}, NDWI, MNDWI over sum + {_REFLECTANCE_FLOOR}"
)

_CALIBRATION_SD_DB, _CHANNEL_SD_DB = 0.3, 0.15  # of an image, and of each polarization in it
_SPECKLE_SD_DB = 1.0  # at most; that of four looks, which is in the image already, is 2.3
_LIGHT_SD, _BAND_SD = 0.10, 0.05
_HAZE_SHARE = 0.2
_HAZE = np.array([0.40, 0.30, 0.15], np.float32)  # green, nir, swir: haze scatters short waves


def is_radar(view: str) -> bool:
    """Whether a view is of a radar."""
    return not view.startswith("s2/")


def prepare(view: str, values: NDArray[np.generic], seen: Bool) -> Float32:
    """Channels of a view, (channel, y, x), of order one; 0 where unseen.

    Radar, dB of (VV, VH) or (HH, HV): about the middle of each, 5 dB to one. Optical, reflectance of (green, nir, swir): bands
    about their middle, NDWI, MNDWI.
    """
    x = np.asarray(values, np.float32)
    if is_radar(view):
        made = (x - _each(_MIDDLE_DB)) / np.float32(_STEP_DB)
    else:
        x = np.clip(x, 0.0, 1.0)
        green, nir, swir = x
        indices = [(green - band) / (green + band + _REFLECTANCE_FLOOR) for band in (nir, swir)]
        made = np.concatenate([(x - _MIDDLE) / _SCALE, np.stack(indices)])
    return np.where(seen, made, 0.0).astype(np.float32)


def vary(view: str, values: NDArray[np.generic], rng: np.random.Generator) -> Float32:
    """The same ground by another instrument or another day: radar off by a few tenths of a dB, with more speckle; other light, haze."""
    x = np.asarray(values, np.float32)
    if is_radar(view):
        off = rng.normal(0.0, _CALIBRATION_SD_DB) + rng.normal(0.0, _CHANNEL_SD_DB, len(x))
        speckle = rng.standard_normal(x.shape, np.float32) * np.float32(_SPECKLE_SD_DB * rng.uniform())
        return np.asarray(x + _each(off) + speckle, np.float32)
    light = rng.normal(0.0, _LIGHT_SD) + rng.normal(0.0, _BAND_SD, len(x))
    x = x * _each(np.exp(light))
    if rng.uniform() < _HAZE_SHARE:
        opacity = np.float32(rng.uniform(0.05, 0.4))
        x = x * (1.0 - opacity) + _each(_HAZE) * opacity
    return np.asarray(x, np.float32)


def _each(numbers: NDArray[np.floating] | tuple[float, ...]) -> Float32:
    """One number a channel."""
    return np.asarray(numbers, np.float32)[:, None, None]
