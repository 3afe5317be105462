"""Seeded random fields on a square lattice: where every layer of a synthetic scene takes its variety from.

Smooth fields are made on a lattice as coarse as their correlation length allows and stretched bilinearly,
so that cost and memory stay small on large scenes.
"""

from __future__ import annotations

import math
import zlib

import numpy as np
import numpy.typing as npt
from scipy import ndimage

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

LARGEST_WORK_LATTICE = 2048
_SAMPLES_PER_LENGTH = 5.0


def stream(seed: int, layer: str) -> np.random.Generator:
    """The random generator of one named layer: the same seed and name always give the same numbers.

    Layers have independent generators (`numpy.random.SeedSequence` with the layer's name as spawn key), so adding
    or dropping a layer does not change any other.
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(zlib.crc32(layer.encode()),)))


def work_size(size: int) -> int:
    """Side of the lattice on which wide, smooth layers are computed, pixels: `size`, or a whole fraction of it."""
    return size // max(1, math.ceil(size / LARGEST_WORK_LATTICE))


def stretch(field: npt.NDArray[np.floating], size: int) -> FloatArray:
    """Resample a square field bilinearly to `size` x `size` over the same ground (cell centres, edges held)."""
    if field.shape[0] == size:
        return field.astype(np.float32, copy=False)
    factor = size / field.shape[0]
    stretched: FloatArray = ndimage.zoom(
        field.astype(np.float32, copy=False), factor, order=1, mode="nearest", grid_mode=True
    )
    return stretched


def standardised(field: FloatArray) -> FloatArray:
    """The field with sample mean 0 and sample standard deviation 1."""
    scaled: FloatArray = field - np.float32(field.mean(dtype=np.float64))
    variance = np.mean([np.mean(np.square(row, dtype=np.float64)) for row in scaled])
    scaled /= np.float32(max(float(variance) ** 0.5, 1e-12))
    return scaled


def smooth_field(size: int, length: float, rng: np.random.Generator) -> FloatArray:
    """Gaussian random field with sample mean 0 and sd 1.

    Parameters
    ----------
    size
        Side of the lattice, pixels.
    length
        Correlation length, pixels: the lag at which the autocorrelation exp(-(lag/length)^2) falls to 1/e.
    rng
        Generator of this layer.

    Notes
    -----
    White noise filtered by a Gaussian of sd length/2, which has that autocorrelation.
    """
    coarse = min(size, max(12, math.ceil(size * _SAMPLES_PER_LENGTH / length)))
    sigma = 0.5 * length * coarse / size
    pad = math.ceil(3.0 * sigma)
    white = rng.standard_normal((coarse + 2 * pad, coarse + 2 * pad), dtype=np.float32)
    filtered = ndimage.gaussian_filter(white, sigma, mode="wrap", truncate=3.0)
    return standardised(stretch(filtered[pad : pad + coarse, pad : pad + coarse], size))


def fractal_field(size: int, hurst: float, longest: float, rng: np.random.Generator) -> FloatArray:
    """Fractional Brownian surface with sample mean 0 and sd 1.

    Parameters
    ----------
    size
        Side of the lattice, pixels.
    hurst
        Hurst exponent H in (0, 1): spectral density falls as k^-(2H + 2) (Voss 1985; H = 0.8 suits terrain).
    longest
        Outer scale, pixels: wavelengths beyond it carry no more power than it does.
    rng
        Generator of this layer.
    """
    side = work_size(size)
    k_y = np.fft.fftfreq(side).astype(np.float32)[:, None]
    k_x = np.fft.rfftfreq(side).astype(np.float32)[None, :]
    outer = np.float32(size / (side * longest))
    amplitude = (k_y**2 + k_x**2 + outer**2) ** np.float32(-0.5 * (hurst + 1.0))
    amplitude[0, 0] = 0.0
    white = np.fft.rfft2(rng.standard_normal((side, side), dtype=np.float32))
    return standardised(stretch(np.fft.irfft2(white * amplitude, s=(side, side)), size))


def smoothstep(x: FloatArray) -> FloatArray:
    """3 x^2 - 2 x^3 with x held within [0, 1]: a step with soft ends."""
    held = np.clip(x, 0.0, 1.0)
    step: FloatArray = (held * held * (3.0 - 2.0 * held)).astype(np.float32, copy=False)
    return step


def decibel_to_power(level_db: FloatArray) -> FloatArray:
    """10^(x/10), float32."""
    power: FloatArray = np.exp(np.float32(math.log(10.0) / 10.0) * level_db)
    return power
