"""Speckle: spatially correlated, with the number of looks that a product declares, in row strips."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from floodfuse.catalogs.simulated.fields import FloatArray

_STRIP_ROWS = 512


def look_weights(looks: float) -> npt.NDArray[np.float32]:
    """Weights of ceil(looks) independent looks whose mean has exactly `looks` equivalent looks.

    The mean sum(w_i I_i), sum(w_i) = 1, of independent looks has 1 / sum(w_i^2) equivalent looks; weights that
    change linearly from look to look give any number between 1 and the count (as processors' weighted looks do).

    Raises
    ------
    ValueError
        If `looks` is below 1.
    """
    if looks < 1.0:
        raise ValueError(f"{looks} looks: there is no product with less than one look")
    count = math.ceil(looks)
    ramp = np.arange(count) - 0.5 * (count - 1)
    spread = float(np.sum(ramp**2))
    tilt = math.sqrt((count**2 / looks - count) / spread) if spread > 0 else 0.0
    weights: npt.NDArray[np.float32] = ((1.0 + tilt * ramp) / count).astype(np.float32)
    return weights


def point_spread(sigma: float) -> npt.NDArray[np.float32]:
    """One-dimensional Gaussian impulse response of sd `sigma` pixels, with sum(h^2) = 1 so that power is kept.

    Intensity one pixel apart then correlates with exp(-1 / (2 sigma^2)): 0.45 at 0.79 pixels, as Sentinel-1 GRDH
    has at 10 m (0.42 in range, 0.50 in azimuth; harmonization.md 8).
    """
    radius = max(1, math.ceil(3.0 * sigma))
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    response: npt.NDArray[np.float32] = (taps / np.sqrt(np.sum(taps**2))).astype(np.float32)
    return response


def detected(power: FloatArray, looks: float, sigma: float, rng: np.random.Generator) -> FloatArray:
    """One detected multilook image of a scene with mean `power` (linear, signal and noise together).

    Each look is circular complex Gaussian noise times sqrt(power), filtered by the impulse response, squared; the
    looks are averaged. Receiver noise goes through the same processor, so its power belongs in `power`.

    Parameters
    ----------
    power
        Expected power, (y, x), above 0.
    looks
        Equivalent number of looks.
    sigma
        Impulse response, sd in pixels.
    rng
        Generator of this band.
    """
    response = point_spread(sigma)
    halo = len(response) // 2
    weights = np.sqrt(look_weights(looks) / 2.0)
    amplitude = np.sqrt(np.pad(power, halo, mode="reflect"))
    rows, columns = amplitude.shape
    image = np.zeros(power.shape, np.float32)
    kept = [rng.standard_normal((2, 2 * halo, columns), dtype=np.float32) for _ in weights]
    for first in range(2 * halo, rows, _STRIP_ROWS):
        last = min(first + _STRIP_ROWS, rows)
        strip = image[first - 2 * halo : last - 2 * halo]
        for look, weight in enumerate(weights):
            fresh = rng.standard_normal((2, last - first, columns), dtype=np.float32)
            noise = np.concatenate([kept[look], fresh], axis=1)
            kept[look] = noise[:, -2 * halo :].copy()
            noise *= weight * amplitude[first - 2 * halo : last]
            across = ndimage.correlate1d(noise, response, axis=2, mode="constant")[:, :, halo:-halo]
            field = ndimage.correlate1d(across, response, axis=1, mode="constant")[:, halo:-halo]
            strip += field[0] ** 2 + field[1] ** 2
    return image
