"""Evidence of one sensor for every class, pixel by pixel: table look-up, pooling of channels, aggregation in space.

Arrays of evidence are (y, x, class) float32 in nats; only differences between classes carry meaning, and the best
class has 0. A pixel without a valid value is NaN in every class.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from floodfuse.harmonize.classes import EvidenceClass
from floodfuse.harmonize.likelihood import INCIDENCE_AXIS_DEG, POWER_AXIS_DB

CHANNEL_CORRELATION = 0.6  # of class texture between polarizations of one pass: .5 to .7 (harmonization.md 6)
SENSOR_CAP_NATS = 4.0
AGGREGATION_KERNEL = (1.0 / 16, 4.0 / 16, 6.0 / 16, 4.0 / 16, 1.0 / 16)  # binomial, sd 1 px
AGGREGATION_HALO_PX = len(AGGREGATION_KERNEL) // 2

Float32 = NDArray[np.float32]

_POWER_START, _POWER_STEP = float(POWER_AXIS_DB[0]), float(POWER_AXIS_DB[1] - POWER_AXIS_DB[0])
_ANGLE_START, _ANGLE_STEP = float(INCIDENCE_AXIS_DEG[0]), float(INCIDENCE_AXIS_DEG[1] - INCIDENCE_AXIS_DEG[0])


@numba.njit(nogil=True, cache=True)
def _add_channel(  # pragma: no cover
    power: Float32,
    noise: float,
    noise_removed: bool,
    incidence: Float32,
    table: Float32,
    out: Float32,
    used: NDArray[np.uint8],
) -> None:
    """Add one channel's evidence to `out` (pixel, class) where the value is finite, and count it in `used`."""
    n_angle, n_power, n_class = table.shape
    for i in range(power.size):
        theta = incidence[i]
        if not (np.isfinite(power[i]) and np.isfinite(theta)):
            continue
        total = power[i] + noise / np.cos(np.deg2rad(theta)) if noise_removed else float(power[i])
        db = 10.0 * np.log10(max(total, 1e-6))
        f = min(max((db - _POWER_START) / _POWER_STEP, 0.0), n_power - 1.0)
        g = min(max((theta - _ANGLE_START) / _ANGLE_STEP, 0.0), n_angle - 1.0)
        j, k = min(int(f), n_power - 2), min(int(g), n_angle - 2)
        u, v = f - j, g - k
        for c in range(n_class):
            near = (1.0 - u) * table[k, j, c] + u * table[k, j + 1, c]
            far = (1.0 - u) * table[k + 1, j, c] + u * table[k + 1, j + 1, c]
            out[i, c] += (1.0 - v) * near + v * far
        used[i] += 1


@numba.njit(nogil=True, cache=True)
def _pool(out: Float32, used: NDArray[np.uint8], correlation: float, cap: float) -> None:  # pragma: no cover
    for i in range(out.shape[0]):
        if used[i] == 0:
            out[i, :] = np.nan
            continue
        weight = 1.0 / (1.0 + (used[i] - 1.0) * correlation)
        best = out[i, 0]
        for c in range(1, out.shape[1]):
            best = max(best, out[i, c])
        for c in range(out.shape[1]):
            out[i, c] = max((out[i, c] - best) * weight, -cap)


def radar_evidence(
    channels: list[tuple[Float32, float, Float32]], incidence_deg: Float32, noise_removed: bool
) -> Float32:
    """Evidence of one radar acquisition from its polarizations.

    Parameters
    ----------
    channels : for each polarization, gamma0 in linear power (y, x; may be <= 0, NaN invalid), its noise floor as
        linear sigma0, and its table from `likelihood.evidence_table`
    incidence_deg : (y, x)
    noise_removed : whether the noise floor was subtracted from the values already

    Returns
    -------
    (y, x, class) nats. Channels of one pass share their texture, so n of them count as n / (1 + (n - 1) rho).
    No class falls more than 4 nats behind the best: one sensor can't overrule two.
    """
    shape = incidence_deg.shape
    angle = np.ascontiguousarray(incidence_deg, np.float32).ravel()
    out = np.zeros((angle.size, len(EvidenceClass)), np.float32)
    used = np.zeros(angle.size, np.uint8)
    for power, noise, table in channels:
        flat = np.ascontiguousarray(power, np.float32).ravel()
        _add_channel(flat, noise, noise_removed, angle, table, out, used)
    _pool(out, used, CHANNEL_CORRELATION, SENSOR_CAP_NATS)
    return out.reshape((*shape, len(EvidenceClass)))


def optical_evidence(water_nats: Float32) -> Float32:
    """Evidence per class of an optical sensor that sees open water and nothing under plants.

    Open water gets `water_nats` over all other classes, which are equal: optical can't veto flooded forest.
    """
    out = np.zeros((*water_nats.shape, len(EvidenceClass)), np.float32)
    out[..., EvidenceClass.OPEN_WATER] = water_nats
    out -= np.maximum(water_nats, 0.0)[..., None]
    return out


@numba.njit(nogil=True, cache=True)
def _smooth_rows(values: Float32, weights: Float32, kernel: tuple, out: Float32, mass: Float32) -> None:  # type: ignore[type-arg]  # pragma: no cover
    rows, columns, n_class = values.shape
    half = len(kernel) // 2
    for r in range(rows):
        for c in range(columns):
            for t in range(len(kernel)):
                s = r + t - half
                if s < 0 or s >= rows or weights[s, c] == 0.0:
                    continue
                w = np.float32(kernel[t]) * weights[s, c]
                mass[r, c] += w
                for k in range(n_class):
                    out[r, c, k] += w * values[s, c, k]


@numba.njit(nogil=True, cache=True)
def _smooth_columns(values: Float32, weights: Float32, kernel: tuple, out: Float32, mass: Float32) -> None:  # type: ignore[type-arg]  # pragma: no cover
    rows, columns, n_class = values.shape
    half = len(kernel) // 2
    for r in range(rows):
        for c in range(columns):
            for t in range(len(kernel)):
                s = c + t - half
                if s < 0 or s >= columns or weights[r, s] == 0.0:
                    continue
                w = np.float32(kernel[t])
                mass[r, c] += w * weights[r, s]
                for k in range(n_class):
                    out[r, c, k] += w * values[r, s, k]


def aggregate(evidence: Float32) -> Float32:
    """Mean evidence over a binomial window of 5 x 5 px (sd 1 px), over valid pixels only; halo 2 px.

    Speckle is averaged as evidence and not as power, which would mix classes at edges. The mean, and not the
    sum: neighbours are not independent, so agreement is not counted as more looks. Invalid pixels stay invalid.
    """
    valid = np.isfinite(evidence[..., 0])
    filled = np.where(valid[..., None], evidence, np.float32(0.0))
    by_row = np.zeros_like(filled)
    row_mass = np.zeros(valid.shape, np.float32)
    _smooth_rows(filled, valid.astype(np.float32), AGGREGATION_KERNEL, by_row, row_mass)
    out = np.zeros_like(filled)
    mass = np.zeros(valid.shape, np.float32)
    _smooth_columns(by_row, row_mass, AGGREGATION_KERNEL, out, mass)
    out /= np.where(valid, mass, np.float32(1.0))[..., None]
    out[~valid] = np.nan
    return out
