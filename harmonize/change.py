"""Evidence of change against a dry reference: the likelihood that sees water under trees best (harmonization.md 4.2).

What a pixel's backscatter was, at the same geometry, before the flood, takes out what makes its absolute level uncertain:
calibration, canopy, slope, soil. With y the value now, r the dry level before, c(k) the dry counterpart of class k (dry
forest of flooded forest, …) and W open water,

    p(y, r | k) = (1 - q) p(r | c(k)) p(y | r, k) + q p(r | W) p(y | k)

The reference tells twice: what kind of ground this was, by its level, p(r | c(k)), and what became of it, by the change,
p(y | r, k), see `change_densities`. With the small probability q the reference itself showed water, and then says nothing of
dry ground: the second term hands back the absolute evidence p(y | k), so that permanent water is no "dry, for unchanged".
Open water keeps its absolute density, p(y | r, W) = p(y | W), and can follow any dry ground: p(r | c(W)) is the mean over
dry classes by their prior shares at the pixel, so that the level before is in itself no evidence of flood.

Polarizations share the weather between dates and not the speckle: their changes are joined by a Gaussian copula of
correlation rho s_a s_b / (sigma_a sigma_b), rho = 0.6, sigma^2 with speckle; levels of ground likewise, by their texture.
"""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np
from numpy.typing import NDArray

from floodfuse.harmonize.change_densities import (
    CHANGE_AXIS_DB,
    FREEDOM_AXIS,
    GROUND_ANGLE_AXIS_DEG,
    LEAST_SPREAD_DB,
    LEVEL_AXIS_DB,
    PRIOR_FREEDOM,
    SPREAD_AXIS_DB,
    ChangeModel,
)
from floodfuse.harmonize.classes import DRY, EvidenceClass
from floodfuse.harmonize.dry_level import DryLevel
from floodfuse.harmonize.evidence import SENSOR_CAP_NATS
from floodfuse.harmonize.joint import INCIDENCE_STEP_DEG, NATS_PER_UNIT, POWER_AXIS_DB
from floodfuse.harmonize.likelihood import URBAN_CAP_NATS
from floodfuse.harmonize.radiometry import total_power_db

WATER_BEFORE_SHARE = (
    0.1  # q: of land near water, wet in the median of earlier dates though no map says so [P]
)
_WIDEST = 2.5  # standard deviations at which the copula of changes stops: it is not to be trusted in tails

Float32 = NDArray[np.float32]


def _axis(values: NDArray[np.float64]) -> tuple[np.float32, np.float32]:
    return np.float32(values[0]), np.float32(1.0 / (values[1] - values[0]))


# Compiled code keeps the values that imported names had when it was compiled, so they go in as arguments.
_AXES = (
    _axis(POWER_AXIS_DB),
    _axis(GROUND_ANGLE_AXIS_DEG),
    _axis(LEVEL_AXIS_DB),
    _axis(FREEDOM_AXIS),
    _axis(np.log(SPREAD_AXIS_DB)),
    _axis(CHANGE_AXIS_DB),
)
_NUMBERS = (
    np.float32(WATER_BEFORE_SHARE),
    np.float32(URBAN_CAP_NATS),
    np.float32(SENSOR_CAP_NATS),
    np.float32(_WIDEST),
    np.float32(PRIOR_FREEDOM),
    np.float32(LEAST_SPREAD_DB**2),
    np.float32(NATS_PER_UNIT),
)
_ZERO, _HALF, _ONE, _LEAST = np.float32(0.0), np.float32(0.5), np.float32(1.0), np.float32(1e-9)


@numba.njit(nogil=True, cache=True)
def _place(x, axis, last):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Cell of an even axis (start, cells per unit) and place in it, 0 to 1; beyond the ends the ends."""
    f = min(max((x - axis[0]) * axis[1], _ZERO), np.float32(last))
    j = min(int(f), last - 1)
    return j, f - np.float32(j)


@numba.njit(nogil=True, cache=True)
def _place_of_two(a, b, axis, last_a, last_b):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Places of two values in a table whose last row and column are for one that is missing."""
    j, u, k, v = last_a + 1, _ZERO, last_b + 1, _ZERO
    if np.isfinite(a):
        j, u = _place(a, axis, last_a)
    if np.isfinite(b):
        k, v = _place(b, axis, last_b)
    return j, min(j + 1, last_a + 1), u, k, min(k + 1, last_b + 1), v


@numba.njit(nogil=True, cache=True)
def _at(table, row, place, layer):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Trilinear value of one layer of a table (angle, a, b, layer)."""
    g, w = row
    j, j_next, u, k, k_next, v = place
    near = (_ONE - u) * table[g, j, k, layer] + u * table[g, j_next, k, layer]
    near = (_ONE - v) * near + v * (
        (_ONE - u) * table[g, j, k_next, layer] + u * table[g, j_next, k_next, layer]
    )
    g += 1
    far = (_ONE - u) * table[g, j, k, layer] + u * table[g, j_next, k, layer]
    far = (_ONE - v) * far + v * (
        (_ONE - u) * table[g, j, k_next, layer] + u * table[g, j_next, k_next, layer]
    )
    return (_ONE - w) * near + w * far


@numba.njit(nogil=True, cache=True)
def _copula(za, zb, terms, widest):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Density of a Gaussian copula at two standard deviates, which are held within `widest`."""
    a, b = min(max(za, -widest), widest), min(max(zb, -widest), widest)
    return terms[2] * np.exp(terms[1] * a * b - terms[0] * (a * a + b * b))


@numba.njit(nogil=True, cache=True)
def _times_change(change, about, c, model, axes, numbers, dry, wet, off):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Multiply p of four grounds, left `dry` and made `wet`, by that of channel c's change.

    `about` is (variance, freedom, leverage) of the level. `off` (channel, 5) takes how many standard deviations the change
    is off for each ground left dry, and last for flooded forest.
    """
    tables, centres, per_spread, usual_db2, speckle_db2 = model
    variance, freedom, leverage = about
    nu = min(max(int((numbers[4] + freedom - axes[4][0]) * axes[4][1] + _HALF), 0), tables.shape[1] - 1)
    j, u = _place(change, axes[6], tables.shape[3] - 1)
    per_freedom, sum_of_squares = _ONE / (numbers[4] + freedom), freedom * variance
    for g in range(4):
        s2 = max((numbers[4] * usual_db2[g] + sum_of_squares) * per_freedom, numbers[5])
        total = s2 * (_ONE + leverage) + speckle_db2 * leverage
        m, v = _place(_HALF * np.log(total), axes[5], tables.shape[2] - 1)
        w00, w01, w10, w11 = (_ONE - v) * (_ONE - u), (_ONE - v) * u, v * (_ONE - u), v * u
        dry[g] *= (
            w00 * tables[c, nu, m, j, 0] + w01 * tables[c, nu, m, j + 1, 0]
            + w10 * tables[c, nu, m + 1, j, 0] + w11 * tables[c, nu, m + 1, j + 1, 0]
        )  # fmt: skip
        off[c, g] = (change - centres[c, 0]) * (
            (_ONE - v) * per_spread[c, m, 0] + v * per_spread[c, m + 1, 0]
        )
        if g == 2:  # on bare soil water is open water
            continue
        k = min(g + 1, 3)
        wet[g] *= (
            w00 * tables[c, nu, m, j, k] + w01 * tables[c, nu, m, j + 1, k]
            + w10 * tables[c, nu, m + 1, j, k] + w11 * tables[c, nu, m + 1, j + 1, k]
        )  # fmt: skip
        if g == 0:
            off[c, 4] = (change - centres[c, 1]) * (
                (_ONE - v) * per_spread[c, m, 1] + v * per_spread[c, m + 1, 1]
            )


@numba.njit(nogil=True, cache=True)
def _combine(y_db, before, angles, shares, model, axes, numbers, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Pixels with a value and a level, written over the absolute evidence in `out` (pixel, class).

    `y_db` is (channel, pixel), `before` (channel, level variance freedom leverage, pixel); always two channels.
    `shares` is (pixel, dry class), or (1, dry class) for all of them.
    """
    now, water_now, grounds, tables, centres, per_spread, weather, usual_db2, speckle_db2 = model
    last = (now.shape[1] - 2, now.shape[2] - 2, grounds.shape[1] - 2)
    moves = (tables, centres, per_spread, usual_db2, speckle_db2)
    missing = np.float32(np.nan)
    p, dry, wet = np.empty(8, np.float32), np.empty(4, np.float32), np.empty(4, np.float32)
    off = np.empty((2, 5), np.float32)
    for i in range(out.shape[0]):
        y, r = (y_db[0, i], y_db[1, i]), (before[0, 0, i], before[1, 0, i])
        changes = (y[0] - r[0], y[1] - r[1])
        told = (np.isfinite(changes[0]), np.isfinite(changes[1]))
        if np.isnan(out[i, 0]) or not (told[0] or told[1]):
            continue
        flat = angles[1][i]
        seen = _place_of_two(y[0], y[1], axes[1], last[0], last[1])
        at = _place(flat, axes[0], now.shape[0] - 1)
        water = _at(water_now, at, seen, 0)
        was = _place_of_two(
            r[0] if told[0] else missing, r[1] if told[1] else missing, axes[3], last[2], last[2]
        )
        row = _place(angles[0][i], axes[2], grounds.shape[0] - 1)
        any_ground, all_shares = _ZERO, _ZERO
        s = i if shares.shape[0] > 1 else 0
        for g in range(4):
            dry[g] = wet[g] = _at(grounds, row, was, g + 1)
            any_ground += shares[s, g] * dry[g]
            all_shares += shares[s, g]
        for c in range(2):
            if told[c]:
                about = (before[c, 1, i], before[c, 2, i], before[c, 3, i])
                _times_change(changes[c], about, c, moves, axes, numbers, dry, wet, off)
        if told[0] and told[1]:
            for g in range(4):
                dry[g] *= _copula(off[0, g], off[1, g], weather[g], numbers[3])
            wet[0] *= _copula(off[0, 4], off[1, 4], weather[4], numbers[3])
        p[1], p[2], p[3] = wet[0], wet[1], wet[3]
        p[4], p[5], p[6], p[7] = dry[0], dry[1], dry[2], dry[3]
        if (np.isfinite(y[0]) and not told[0]) or (np.isfinite(y[1]) and not told[1]):
            alone = _place_of_two(
                missing if told[0] else y[0], missing if told[1] else y[1], axes[1], last[0], last[1]
            )
            anchor = _at(water_now, at, alone, 0)
            least = numbers[6] * _at(now, at, alone, 0)
            at = _place(angles[0][i], axes[0], now.shape[0] - 1)
            for k in range(1, 8):
                p[k] *= anchor * np.exp(numbers[6] * _at(now, at, alone, k) - least)
        p[0] = any_ground / max(all_shares, _LEAST) * water
        wet_before = numbers[0] * _at(grounds, _place(flat, axes[2], grounds.shape[0] - 1), was, 0) * water
        for k in range(8):
            p[k] = np.log((_ONE - numbers[0]) * p[k] + wet_before * np.exp(out[i, k] - out[i, 0]))
        p[3] = p[7] + min(max(p[3] - p[7], -numbers[1]), numbers[1])
        best = p[0]
        for k in range(1, 8):
            best = max(best, p[k])
        for k in range(8):
            out[i, k] = max(p[k] - best, -numbers[2])


def combine(
    absolute: Float32,
    gamma0: Sequence[Float32],
    before: Sequence[DryLevel | None],
    incidence_deg: Float32,
    model: ChangeModel,
    level_ground_deg: tuple[float, float] | None = None,
    log_share: Float32 | None = None,
) -> Float32:
    """Evidence of one radar pass given what the ground was before: (y, x, class) nats.

    Parameters
    ----------
    absolute : evidence of the pass without a reference, from `evidence.radar_evidence`
    gamma0 : the channels of the model, linear power (y, x), as given to `evidence.radar_evidence`
    before : dry level of each, of total power with the same noise floor; None where there is none
    incidence_deg : (y, x)
    model : from `change_densities.change_model`
    level_ground_deg : as given to `evidence.radar_evidence`: open water is level, whatever the slope
    log_share : ln of the prior share of every class, (y, x, class); None: of dry classes any is as likely

    Where no channel has a dry level, `absolute` to the last bit; a channel without one counts by its absolute density.
    No class falls more than 4 nats behind the best.
    """
    if all(level is None for level in before):
        return absolute
    angle = np.ascontiguousarray(incidence_deg, np.float32).ravel()
    limits = level_ground_deg or (0.0, 90.0)
    y_db = np.full((2, angle.size), np.nan, np.float32)
    levels = np.full((2, len(DryLevel._fields), angle.size), np.nan, np.float32)
    for c, (power, level) in enumerate(zip(gamma0, before, strict=True)):
        y_db[c] = total_power_db(power, model.noise[c], incidence_deg).ravel()
        if level is not None:
            levels[c] = [np.asarray(layer).ravel() for layer in level]
    out = absolute.reshape(angle.size, len(EvidenceClass)).copy()
    sloped = (angle, np.clip(angle, np.float32(limits[0]), np.float32(limits[1])))
    axes = ((np.float32(model.now.first_deg), np.float32(1.0 / INCIDENCE_STEP_DEG)), *_AXES)
    shares = np.ones((1, len(DRY)), np.float32)
    if log_share is not None:
        shares = np.exp(log_share.reshape(angle.size, -1)[:, DRY]).astype(np.float32)
    usual_db2 = np.square(model.spread_db).astype(np.float32)
    arrays = (
        model.now.values,
        model.water,
        model.grounds,
        model.tables,
        model.centres,
        model.per_spread,
        model.weather,
    )
    _combine(
        y_db, levels, sloped, shares, (*arrays, usual_db2, np.float32(model.speckle_db2)), axes, _NUMBERS, out
    )
    return out.reshape(absolute.shape)
