"""Evidence of one sensor for every class, pixel by pixel: table look-up and aggregation in space.

Arrays of evidence are (y, x, class) float32 in nats; only differences between classes carry meaning, and the best
class has 0. A pixel without a valid value is NaN in every class.
"""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np
from numpy.typing import NDArray

from floodfuse.harmonize.classes import EvidenceClass
from floodfuse.harmonize.joint import INCIDENCE_STEP_DEG, NATS_PER_UNIT, POWER_AXIS_DB, JointTable

SENSOR_CAP_NATS = 4.0
AGGREGATION_KERNEL = (1.0 / 16, 4.0 / 16, 6.0 / 16, 4.0 / 16, 1.0 / 16)  # binomial, sd 1 px
AGGREGATION_HALO_PX = len(AGGREGATION_KERNEL) // 2

Float32 = NDArray[np.float32]

_N_CLASS = len(EvidenceClass)  # a constant to the compiler, so that classes are looked up side by side
# Compiled code keeps the values that imported names had when it was compiled, so they go in as arguments.
_POWER_AXIS = (
    np.float32(POWER_AXIS_DB[0]),
    np.float32(1.0 / (POWER_AXIS_DB[1] - POWER_AXIS_DB[0])),
)
_PER_DEG = np.float32(1.0 / INCIDENCE_STEP_DEG)


@numba.njit(nogil=True, cache=True)
def _place(power, noise, start, per_step, last):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Cell and fraction of a power on its axis; the cell past the last is that of a missing value."""
    if not np.isfinite(power):
        return last + 1, np.float32(0.0)
    db = np.float32(10.0) * np.log10(max(power + noise, np.float32(1e-6)))
    f = min(max((db - start) * per_step, np.float32(0.0)), np.float32(last))
    cell = min(int(f), last - 1)
    return cell, f - np.float32(cell)


@numba.njit(nogil=True, cache=True, inline="always")
def _plane(theta, first, per_step, planes):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Plane before an angle, and fraction to the next."""
    g = min(max((theta - first) * per_step, np.float32(0.0)), np.float32(planes - 1))
    plane = min(int(g), planes - 2)
    return plane, g - np.float32(plane)


@numba.njit(nogil=True, cache=True, inline="always")
def _between(table, plane, a, a_next, b, b_next, c, w00, w10, w01, w11, w):  # type: ignore[no-untyped-def]  # pragma: no cover
    """One class between the eight cells around a pixel, in the table's units."""
    near = (
        w00 * table[plane, a, b, c] + w10 * table[plane, a_next, b, c]
        + w01 * table[plane, a, b_next, c] + w11 * table[plane, a_next, b_next, c]
    )  # fmt: skip
    far = (
        w00 * table[plane + 1, a, b, c] + w10 * table[plane + 1, a_next, b, c]
        + w01 * table[plane + 1, a, b_next, c] + w11 * table[plane + 1, a_next, b_next, c]
    )  # fmt: skip
    return near + w * (far - near)


@numba.njit(nogil=True, cache=True)
def _look_up(  # pragma: no cover
    first: Float32,
    second: Float32,
    noise: tuple[float, float],
    incidence: Float32,
    water_range: tuple[float, float],
    table: NDArray[np.int16],
    axes: tuple[np.float32, np.float32, np.float32, np.float32, np.float32],
    cap: float,
    out: Float32,
) -> None:
    """Evidence of each pixel: trilinear in angle and both powers, best class 0, none below -cap; NaN where unseen."""
    planes, n_first, n_second, _ = table.shape
    power_start, per_db, angle_start, per_deg, unit = axes
    one = np.float32(1.0)
    radian = np.float32(np.pi / 180.0)
    for i in range(incidence.size):
        theta = incidence[i]
        if not np.isfinite(theta) or not (np.isfinite(first[i]) or np.isfinite(second[i])):
            for c in range(_N_CLASS):
                out[i, c] = np.nan
            continue
        per_cos = one / np.cos(theta * radian)
        a, u = _place(first[i], np.float32(noise[0]) * per_cos, power_start, per_db, n_first - 2)
        a_next = a + 1 if a < n_first - 1 else a
        b, v, b_next = 0, np.float32(0.0), 0
        if n_second > 1:
            b, v = _place(second[i], np.float32(noise[1]) * per_cos, power_start, per_db, n_second - 2)
            b_next = b + 1 if b < n_second - 1 else b
        w00, w10, w01, w11 = (one - u) * (one - v), u * (one - v), (one - u) * v, u * v
        k, w = _plane(theta, angle_start, per_deg, planes)
        for c in range(_N_CLASS):
            out[i, c] = unit * _between(table, k, a, a_next, b, b_next, c, w00, w10, w01, w11, w)
        level = min(max(theta, np.float32(water_range[0])), np.float32(water_range[1]))
        if level != theta:  # open water is level, whatever the slope
            k, w = _plane(level, angle_start, per_deg, planes)
            out[i, 0] = unit * _between(table, k, a, a_next, b, b_next, 0, w00, w10, w01, w11, w)
        best = out[i, 0]
        for c in range(1, _N_CLASS):
            best = max(best, out[i, c])
        for c in range(_N_CLASS):
            out[i, c] = max(out[i, c] - best, np.float32(-cap))


def radar_evidence(
    gamma0: Sequence[Float32],
    nesz: Sequence[float],
    incidence_deg: Float32,
    table: JointTable,
    level_ground_deg: tuple[float, float] | None = None,
) -> Float32:
    """Evidence of one radar pass, (y, x, class) nats.

    Parameters
    ----------
    gamma0 : one or two polarizations as the table has them, linear power (y, x), may be <= 0, NaN invalid
    nesz : noise floor of each as sigma0, linear, to be added for the total power; 0 where it was never subtracted
    incidence_deg : (y, x), local or ellipsoidal
    table : from `joint.joint_table`
    level_ground_deg : smallest and largest angle at which level ground is seen; open water is judged within them, for
        it is level whatever the slope beneath (harmonization.md 2.1)

    A pixel that lacks one polarization is judged by the other. No class falls more than 4 nats behind the best: one
    sensor can't overrule two.
    """
    shape = incidence_deg.shape
    flat = [np.ascontiguousarray(power, np.float32).ravel() for power in gamma0]
    flat += [np.full(flat[0].size, np.nan, np.float32)] * (2 - len(flat))
    out = np.empty((flat[0].size, _N_CLASS), np.float32)
    _look_up(
        flat[0],
        flat[1],
        (float(nesz[0]), float(nesz[-1])),
        np.ascontiguousarray(incidence_deg, np.float32).ravel(),
        level_ground_deg or (0.0, 90.0),
        table.values,
        (*_POWER_AXIS, np.float32(table.first_deg), _PER_DEG, np.float32(NATS_PER_UNIT)),
        SENSOR_CAP_NATS,
        out,
    )
    return out.reshape((*shape, _N_CLASS))


def likelihoods(nats: Float32) -> Float32:
    """exp(nats) of (y, x, class), laid out as (pixel, class) for a loop over pixels; NaN stays NaN.

    NumPy takes exponentials of whole arrays many at a time, compiled loops one by one.
    """
    return np.exp(np.asarray(nats, np.float32), order="C").reshape(-1, nats.shape[-1])


def optical_evidence(water_nats: Float32) -> Float32:
    """Evidence per class of an optical sensor that sees open water and nothing under plants.

    Open water gets `water_nats` over all other classes, which are equal: optical can't veto flooded forest.
    """
    out = np.zeros((*water_nats.shape, len(EvidenceClass)), np.float32)
    out[..., EvidenceClass.OPEN_WATER] = water_nats
    out -= np.maximum(water_nats, 0.0)[..., None]
    return out


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _smooth(  # pragma: no cover
    values: Float32, n_class: int, kernel: tuple[float, ...], out: Float32
) -> None:
    """Means of (row, column x class) weighted down and across over numbers that are there; the others stay NaN.

    Row by row, so that what is summed down stays at hand to be summed across.
    """
    rows, width = values.shape
    columns = width // n_class
    half, zero = len(kernel) // 2, np.float32(0.0)
    down, across = np.empty(width, np.float32), np.empty(width, np.float32)
    mass, total = np.empty(columns, np.float32), np.empty(columns, np.float32)
    for r in range(rows):
        down[:] = zero
        across[:] = zero
        mass[:] = zero
        total[:] = zero
        for t in range(len(kernel)):
            s, w = r + t - half, np.float32(kernel[t])
            if s < 0 or s >= rows:
                continue
            for c in range(width):
                down[c] += w * (values[s, c] if values[s, c] == values[s, c] else zero)
            for c in range(columns):
                mass[c] += w if values[s, c * n_class] == values[s, c * n_class] else zero
        for t in range(len(kernel)):
            away, w = t - half, np.float32(kernel[t])
            first, last = max(0, -away), min(columns, columns - away)
            for c in range(first * n_class, last * n_class):
                across[c] += w * down[c + away * n_class]
            for c in range(first, last):
                total[c] += w * mass[c + away]
        for c in range(columns):
            for k in range(c * n_class, (c + 1) * n_class):
                out[r, k] = across[k] / total[c] if values[r, k] == values[r, k] else np.float32(np.nan)


def aggregate(evidence: Float32) -> Float32:
    """Mean evidence over a binomial window of 5 x 5 px (sd 1 px), over valid pixels only; halo 2 px.

    Speckle is averaged as evidence and not as power, which would mix classes at edges. The mean, and not the
    sum: neighbours are not independent, so agreement is not counted as more looks. Invalid pixels stay invalid.
    """
    rows, columns, n_class = evidence.shape
    values = np.ascontiguousarray(evidence, np.float32).reshape(rows, columns * n_class)
    out = np.empty_like(values)
    _smooth(values, n_class, AGGREGATION_KERNEL, out)
    return out.reshape(evidence.shape)
