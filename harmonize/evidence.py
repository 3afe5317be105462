"""Evidence of one sensor for every class, pixel by pixel: table look-up, pooling of channels, aggregation in space.

Arrays of evidence are (y, x, class) float32 in nats; only differences between classes carry meaning, and the best
class has 0. A pixel without a valid value is NaN in every class.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.special import polygamma

from floodfuse.harmonize.classes import EvidenceClass
from floodfuse.harmonize.densities import class_sd_db
from floodfuse.harmonize.likelihood import INCIDENCE_AXIS_DEG, POWER_AXIS_DB

TEXTURE_CORRELATION = 0.6  # of class texture between polarizations of one pass: .5 to .7 (harmonization.md 6)
_OPEN_GROUND = (EvidenceClass.OPEN_WATER, EvidenceClass.DRY_LOW_VEG, EvidenceClass.BARE_SOIL)
CROSS_POLARIZED = ("C_VH", "C_HV", "L_HV", "L_VH")
_DOUBLE_BOUNCE = (
    (EvidenceClass.FLOODED_FOREST, EvidenceClass.DRY_FOREST),
    (EvidenceClass.FLOODED_URBAN, EvidenceClass.URBAN),
)
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
    out: Float32,
) -> None:
    """Add one channel's evidence to `out` (pixel, class) where the value is finite."""
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
            out[i, c] += (1.0 - v) * near + v * far


def channel_correlation(names: Sequence[str], looks: float) -> float:
    """Correlation between polarizations of one pass, as measured: their texture is shared, their speckle is not.

    rho s^2 / (s^2 + (10/ln10)^2 psi1(L)), with rho = 0.6 and s the mean spread of open ground in these channels, 2.5 dB
    at C band and 3.1 dB at L band: 0.35 at C band and 4.4 looks, 0.6 at infinitely many.
    """
    texture = float(np.mean([class_sd_db(name, k) for name in names for k in _OPEN_GROUND])) ** 2
    speckle = (10.0 / np.log(10.0)) ** 2 * float(polygamma(1, looks))
    return TEXTURE_CORRELATION * texture / (texture + speckle)


def channel_weights(names: Sequence[str], leading: Collection[str], looks: float) -> list[float]:
    """What each channel of one pass counts in a question, given that they share their texture.

    n channels of correlation rho are worth n_eff = n / (1 + (n - 1) rho) together (harmonization.md 6). Those that lead
    in the question count what they are worth among themselves; the others share what they add to that.
    """
    rho = channel_correlation(names, looks)

    def worth(n: int) -> float:
        return n / (1.0 + (n - 1) * rho)

    leaders = sum(name in leading for name in names)
    rest = worth(len(names)) - worth(leaders)
    return [worth(leaders) / leaders if name in leading else rest / (len(names) - leaders) for name in names]


@numba.njit(nogil=True, cache=True)
def _normalise(out: Float32, seen: NDArray[np.bool_], cap: float) -> None:  # pragma: no cover
    """Differences to the best class, no deeper than `cap`; NaN where no channel had a value."""
    for i in range(out.shape[0]):
        if not seen[i]:
            out[i, :] = np.nan
            continue
        best = out[i, 0]
        for c in range(1, out.shape[1]):
            best = max(best, out[i, c])
        for c in range(out.shape[1]):
            out[i, c] = max(out[i, c] - best, -cap)


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


def weighted_tables(channels: Sequence[Channel], looks: float) -> list[Float32]:
    """Tables of the channels, weighted so that they can be added.

    Two questions have each their leading channels. *Water or ground*: cross-polarization, which wind hardly roughens,
    where Bragg scatter brightens the co-polarizations. *Flooded or dry, of forest and of town*: co-polarization, which
    alone carries the double bounce. So every class gets the weights of the first question, and flooded forest and town
    stand off their dry counterparts by those of the second.
    """
    names = [channel.name for channel in channels]
    surface = channel_weights(names, CROSS_POLARIZED, looks)
    bounce = channel_weights(names, [name for name in names if name not in CROSS_POLARIZED], looks)
    tables = []
    for channel, w, b in zip(channels, surface, bounce, strict=True):
        table = channel.table * np.float32(w)
        for flooded, dry in _DOUBLE_BOUNCE:
            table[..., flooded] = table[..., dry] + np.float32(b) * (
                channel.table[..., flooded] - channel.table[..., dry]
            )
        tables.append(table)
    return tables


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

    Channels are added by `weighted_tables`, pixel by pixel those that have a value. No class falls more than 4 nats
    behind the best: one sensor can't overrule two.
    """
    shape = incidence_deg.shape
    angle = np.ascontiguousarray(incidence_deg, np.float32).ravel()
    water_angle = angle
    if level_ground_deg is not None:
        water_angle = np.clip(angle, np.float32(level_ground_deg[0]), np.float32(level_ground_deg[1]))
    powers = [np.ascontiguousarray(channel.gamma0, np.float32).ravel() for channel in channels]
    pattern = np.zeros(angle.size, np.uint8)
    for bit, power in enumerate(powers):
        pattern |= (np.isfinite(power) & np.isfinite(angle)).astype(np.uint8) << np.uint8(bit)
    out = np.zeros((angle.size, len(EvidenceClass)), np.float32)
    for present in np.unique(pattern[pattern > 0]):
        having = [n for n in range(len(channels)) if int(present) >> n & 1]
        tables = weighted_tables([channels[n] for n in having], looks)
        for n, table in zip(having, tables, strict=True):
            power = np.where(pattern == present, powers[n], np.float32(np.nan))
            _add_channel(power, channels[n].nesz, noise_removed, angle, water_angle, table, _AXES, out)
    _normalise(out, pattern > 0, SENSOR_CAP_NATS)
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
def _smooth_down(  # pragma: no cover
    values: Float32, mass: Float32, kernel: tuple[float, ...], out: Float32, out_mass: Float32
) -> None:
    """Weighted sums of (y, x, class) and (y, x) along the first axis; what lies beyond the edge counts as nothing."""
    rows, columns, n_class = values.shape
    half = len(kernel) // 2
    for r in range(rows):
        for t in range(len(kernel)):
            s = r + t - half
            if s < 0 or s >= rows:
                continue
            w = np.float32(kernel[t])
            for c in range(columns):
                out_mass[r, c] += w * mass[s, c]
                for k in range(n_class):
                    out[r, c, k] += w * values[s, c, k]


def aggregate(evidence: Float32) -> Float32:
    """Mean evidence over a binomial window of 5 x 5 px (sd 1 px), over valid pixels only; halo 2 px.

    Speckle is averaged as evidence and not as power, which would mix classes at edges. The mean, and not the
    sum: neighbours are not independent, so agreement is not counted as more looks. Invalid pixels stay invalid.
    """
    valid = np.isfinite(evidence[..., 0])
    values, mass = np.where(valid[..., None], evidence, np.float32(0.0)), valid.astype(np.float32)
    for _ in range(2):  # down, then across: each turn hands on the transposed result
        out, out_mass = np.zeros_like(values), np.zeros_like(mass)
        _smooth_down(values, mass, AGGREGATION_KERNEL, out, out_mass)
        values, mass = np.ascontiguousarray(out.transpose(1, 0, 2)), np.ascontiguousarray(out_mass.T)
    values /= np.where(valid, mass, np.float32(1.0))[..., None]
    values[~valid] = np.nan
    return values
