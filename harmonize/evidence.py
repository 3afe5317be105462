"""Evidence of one sensor for every class, pixel by pixel: table look-up, pooling of channels, aggregation in space.

Arrays of evidence are (y, x, class) float32 in nats; only differences between classes carry meaning, and the best
class has 0. A pixel without a valid value is NaN in every class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.special import polygamma

from floodfuse.harmonize.classes import EvidenceClass
from floodfuse.harmonize.likelihood import INCIDENCE_AXIS_DEG, POWER_AXIS_DB

TEXTURE_CORRELATION = 0.6  # of class texture between polarizations of one pass: .5 to .7 (harmonization.md 6)
_TEXTURE_SD_DB = 2.5  # middle of the class spreads
_LEADING = ("L_HH", "L_VV")
SENSOR_CAP_NATS = 4.0
AGGREGATION_KERNEL = (1.0 / 16, 4.0 / 16, 6.0 / 16, 4.0 / 16, 1.0 / 16)  # binomial, sd 1 px
AGGREGATION_HALO_PX = len(AGGREGATION_KERNEL) // 2

Float32 = NDArray[np.float32]

# Compiled code keeps the values that imported names had when it was compiled, so they go in as arguments.
_AXES = (
    float(POWER_AXIS_DB[0]),
    float(POWER_AXIS_DB[1] - POWER_AXIS_DB[0]),
    float(INCIDENCE_AXIS_DEG[0]),
    float(INCIDENCE_AXIS_DEG[1] - INCIDENCE_AXIS_DEG[0]),
)


@numba.njit(nogil=True, cache=True)
def _add_channel(  # pragma: no cover
    power: Float32,
    noise: float,
    noise_removed: bool,
    incidence: Float32,
    water_incidence: Float32,
    table: Float32,
    axes: tuple[float, float, float, float],
    weight: float,
    out: Float32,
    mass: Float32,
) -> None:
    """Add one channel's weighted evidence to `out` (pixel, class) where the value is finite, and its weight to `mass`."""
    n_angle, n_power, n_class = table.shape
    power_start, power_step, angle_start, angle_step = axes
    for i in range(power.size):
        theta = incidence[i]
        if not (np.isfinite(power[i]) and np.isfinite(theta)):
            continue
        total = power[i] + noise / np.cos(np.deg2rad(theta)) if noise_removed else float(power[i])
        db = 10.0 * np.log10(max(total, 1e-6))
        f = min(max((db - power_start) / power_step, 0.0), n_power - 1.0)
        j = min(int(f), n_power - 2)
        u = f - j
        for c in range(n_class):
            if c == 0:  # open water is level, whatever the slope
                g = min(max((water_incidence[i] - angle_start) / angle_step, 0.0), n_angle - 1.0)
            elif c == 1:
                g = min(max((theta - angle_start) / angle_step, 0.0), n_angle - 1.0)
            k = min(int(g), n_angle - 2)
            v = g - k
            near = (1.0 - u) * table[k, j, c] + u * table[k, j + 1, c]
            far = (1.0 - u) * table[k + 1, j, c] + u * table[k + 1, j + 1, c]
            out[i, c] += weight * ((1.0 - v) * near + v * far)
        mass[i] += weight


def channel_correlation(looks: float) -> float:
    """Correlation between polarizations of one pass, as measured: their texture is shared, their speckle is not.

    rho s^2 / (s^2 + (10/ln10)^2 psi1(L)), with rho = 0.6 and s = 2.5 dB: 0.34 at 4.4 looks, 0.6 at infinitely many.
    """
    texture, speckle = _TEXTURE_SD_DB**2, (10.0 / np.log(10.0)) ** 2 * float(polygamma(1, looks))
    return TEXTURE_CORRELATION * texture / (texture + speckle)


def channel_weights(names: Sequence[str], looks: float) -> list[float]:
    """What each channel of one pass counts, given that they share their texture.

    n channels of correlation rho are worth n_eff = n / (1 + (n - 1) rho) (harmonization.md 6). At C band all
    polarizations tell water from land, and share n_eff equally. At L band the co-polarization alone carries the double
    bounce of flooded forest: it counts in full (two of them what two are worth), and the others share what they add.
    """
    rho = channel_correlation(looks)

    def worth(n: int) -> float:
        return n / (1.0 + (n - 1) * rho)

    leading = sum(name in _LEADING for name in names)
    rest = worth(len(names)) - worth(leading)
    return [worth(leading) / leading if name in _LEADING else rest / (len(names) - leading) for name in names]


@numba.njit(nogil=True, cache=True)
def _pool(out: Float32, mass: Float32, cap: float) -> None:  # pragma: no cover
    """Differences to the best class, no deeper than `cap`; NaN where no channel had a value."""
    for i in range(out.shape[0]):
        if mass[i] == 0.0:
            out[i, :] = np.nan
            continue
        scale = 1.0 / mass[i] if mass[i] < 1.0 else 1.0  # a channel left alone counts in full
        best = out[i, 0]
        for c in range(1, out.shape[1]):
            best = max(best, out[i, c])
        for c in range(out.shape[1]):
            out[i, c] = max((out[i, c] - best) * scale, -cap)


class Channel(NamedTuple):
    """One polarization of one acquisition.

    Attributes
    ----------
    name : such as "C_VV"
    gamma0 : linear power (y, x); may be <= 0, NaN invalid
    nesz : noise floor as sigma0, linear
    table : from `likelihood.evidence_table`
    """

    name: str
    gamma0: Float32
    nesz: float
    table: Float32


def radar_evidence(
    channels: Sequence[Channel],
    incidence_deg: Float32,
    noise_removed: bool,
    looks: float,
    level_ground_deg: tuple[float, float] | None = None,
) -> Float32:
    """Evidence of one radar acquisition from its polarizations, (y, x, class) nats.

    Parameters
    ----------
    channels : the polarizations at hand
    incidence_deg : (y, x), local or ellipsoidal
    noise_removed : whether the noise floor was subtracted from the values already
    looks : equivalent number of looks of the values
    level_ground_deg : smallest and largest angle at which level ground is seen; open water is judged within them, for
        it is level whatever the slope beneath (harmonization.md 2.1)

    Channels are added by `channel_weights`. No class falls more than 4 nats behind the best: one sensor can't overrule
    two.
    """
    shape = incidence_deg.shape
    angle = np.ascontiguousarray(incidence_deg, np.float32).ravel()
    water_angle = angle
    if level_ground_deg is not None:
        water_angle = np.clip(angle, np.float32(level_ground_deg[0]), np.float32(level_ground_deg[1]))
    out = np.zeros((angle.size, len(EvidenceClass)), np.float32)
    mass = np.zeros(angle.size, np.float32)
    weights = channel_weights([channel.name for channel in channels], looks)
    for channel, weight in zip(channels, weights, strict=True):
        power = np.ascontiguousarray(channel.gamma0, np.float32).ravel()
        table = channel.table
        _add_channel(power, channel.nesz, noise_removed, angle, water_angle, table, _AXES, weight, out, mass)
    _pool(out, mass, SENSOR_CAP_NATS)
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
