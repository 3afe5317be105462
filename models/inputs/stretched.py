"""Inputs from pictures: 8-bit radar stretched tile by tile, and 8-bit optical composites (B11, B8, B3).

The radiometry is gone: a stretch of each radar image by its own darkest and brightest pixel moves with what is in the
picture, so levels of two dates can't be compared. Networks get each image as it is and below its own land: the level that a
fifth of it exceeds. Water is dark, so that level is land's whether a flood covers nothing or most of the picture; a median would be
the flood's own where it covers half, and a spread grows with it. In training every image is stretched anew, at random, so that
no absolute level is worth learning. Optical composites keep a common scale but carry no cloud mask: haze and cloud are laid
over them in training, unmasked.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from floodfuse.models.smooth_noise import smooth_noise

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

FINGERPRINT = "stretched/2: uint8 / 255; radar: level, below land; optical: B11 B8 B3, NDWI, MNDWI"
CHANNELS = {"s1/before": 2, "s1/after": 2, "s2/before": 5, "s2/after": 5}
RAW_CHANNELS = {"s1/before": 1, "s1/after": 1, "s2/before": 3, "s2/after": 3}
_FULL = np.float32(255.0)
_LAND = 0.8  # quantile of a radar picture
_LAND_SCALE = 0.25  # of levels below it
_FEW = 1000  # pixels, below which all are taken
_STRIDE = 3  # of pixels that land is told from: enough, and nine times as fast
_REFLECTANCE_FLOOR = 0.02  # keeps the index of a black pixel finite
_MIDDLE, _SCALE = 0.3, 0.25  # of optical levels

_GAIN_SD, _OFFSET_SD, _GAMMA_SD = 0.15, 0.06, 0.15
_SPECKLE_SD = 0.06
_LIGHT_SD, _BAND_SD, _LIGHT_GAMMA_SD = 0.27, 0.13, 0.20
_DARKEST, _BRIGHTEST = -0.05, 0.08  # taken off: haze that was corrected too little, or too much
_HAZE_SHARE, _CLOUD_SHARE = 0.2, 0.25
_WRAPPED_SHARE = 0.4  # of clouds too bright for 8 bits, whose pictures begin again at 0
_HAZE_COLOUR = np.array([0.35, 0.55, 0.75], np.float32)  # B11, B8, B3: haze scatters short waves
_CLOUD_COLOUR = np.array([0.75, 0.95, 0.95], np.float32)
_CLOUD_CELLS = (3, 8)


def is_radar(view: str) -> bool:
    """Whether a view is of a radar."""
    return view.startswith("s1/")


def prepare(view: str, values: NDArray[np.generic], seen: Bool) -> Float32:
    """Channels of a view: (band, y, x), 0 … 255, to (channel, y, x), of order one.

    Radar: x = v / 255 about its middle, and (x - land) / 0.25, land being the 80th percentile of what was seen. Optical: bands
    about their middle, NDWI of B3 and B8, MNDWI of B3 and B11.
    """
    x = np.asarray(values, np.float32) / _FULL
    if is_radar(view):
        known = x[0, ::_STRIDE, ::_STRIDE][seen[::_STRIDE, ::_STRIDE]]
        if known.size < _FEW:
            known = x[0][seen]
        land = np.quantile(known, _LAND) if known.size else 0.5
        return np.stack([2.0 * x[0] - 1.0, (x[0] - land) / _LAND_SCALE]).astype(np.float32)
    swir, nir, green = x
    ndwi = (green - nir) / (green + nir + _REFLECTANCE_FLOOR)
    mndwi = (green - swir) / (green + swir + _REFLECTANCE_FLOOR)
    return np.concatenate([(x - _MIDDLE) / _SCALE, ndwi[None], mndwi[None]]).astype(np.float32)


def vary(view: str, values: NDArray[np.generic], rng: np.random.Generator) -> Float32:
    """Another picture that the same ground could have given: another stretch, more speckle; other light, haze, cloud."""
    x = np.asarray(values, np.float32) / _FULL
    if is_radar(view):
        gain, gamma = np.exp(rng.normal(0.0, [_GAIN_SD, _GAMMA_SD]))
        x = np.clip(x, 0.0, 1.0) ** np.float32(gamma) * np.float32(gain) + np.float32(
            rng.normal(0.0, _OFFSET_SD)
        )
        x = x + rng.normal(0.0, _SPECKLE_SD * rng.uniform(), x.shape).astype(np.float32)
    else:
        light = np.exp(rng.normal(0.0, _LIGHT_SD) + rng.normal(0.0, _BAND_SD, 3)).astype(np.float32)
        gamma = np.float32(np.exp(rng.normal(0.0, _LIGHT_GAMMA_SD)))
        x = (x * light[:, None, None]) ** gamma - np.float32(rng.uniform(_DARKEST, _BRIGHTEST))
        if rng.uniform() < _HAZE_SHARE:
            x = _over(x, _HAZE_COLOUR, np.float32(rng.uniform(0.05, 0.4)))
        if rng.uniform() < _CLOUD_SHARE:
            x = _over(x, _CLOUD_COLOUR * np.float32(rng.uniform(0.4, 1.6)), _clouds(x.shape[1:], rng))
            if rng.uniform() < _WRAPPED_SHARE:
                x = np.maximum(x, 0.0) % np.float32(256.0 / 255.0)
    return np.asarray(np.clip(x, 0.0, 1.0) * _FULL, np.float32)


def _over(x: Float32, colour: Float32, opacity: Float32 | np.float32) -> Float32:
    return np.asarray(x * (1.0 - opacity) + colour[:, None, None] * opacity, np.float32)


def _clouds(shape: tuple[int, ...], rng: np.random.Generator) -> Float32:
    """Opacity of a broken cover, 0 to 1, over 5 to 80 % of the picture."""
    cells = int(rng.integers(*_CLOUD_CELLS))
    field = smooth_noise(rng, shape, cells)
    edge = np.quantile(field[::8, ::8], 1.0 - rng.uniform(0.05, 0.8))
    return np.clip((field - edge) * np.float32(rng.uniform(0.7, 3.0)), 0.0, 1.0).astype(np.float32)
