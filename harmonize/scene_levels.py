"""Levels of dry ground in an acquisition, told from ground that a flood hardly reaches: a hierarchical prior and its posterior.

The prior table gives each class one level and one spread per channel. The spread holds two things: how fields differ within a
scene, and how scenes differ from one another (region, season, moisture of the day, calibration of the radar),

    y_i = m_k + d_k + w_k x_i,    d_k ~ N(0, t_k^2),    E w_k^2 + t_k^2 = s_k^2                                        (1)

Ground well above the drainage is dry whatever the radar shows. What an acquisition holds of it tells d_k and w_k; evidence
then takes the level m_k + E d_k with the spread

    sqrt(E w_k^2 + Var d_k)                                                                                       (2)

Where there is no such ground, or no map of heights, m_k and s_k stay. Neighbouring samples are of one field and count by their
area, so that a scene with a few fields tells little, however many its pixels. Ground whose prior share of water is larger has no
say: levels must never follow the water. And a class is told only where it is usual of the land cover, and found about as often as is usual, by the
prior table's levels: where a class is not there, what looks most like it is another. Source: harmonization.md 4.4, with high ground as the anchor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from floodfuse.harmonize.classes import DRY, FLOODED, EvidenceClass
from floodfuse.harmonize.densities import GroundLevel, class_sd_db
from floodfuse.harmonize.joint import (
    POWER_AXIS_DB,
    Floor,
    ground_density,
    mean_water_density,
    power_cell,
    robust,
    shifted_densities,
)
from floodfuse.harmonize.wind import usual_weights

SCENE_SHARE = 0.445  # t^2 / s^2: how much of a class's variance sets scenes apart [P]
FIELD_M = 300.0  # side of ground that varies as one [P]
MOST_WATER = 0.2  # prior share of water up to which ground has a say: 5.5 m above the drainage and more
LEAST_SHARE = 0.1  # of a class among dry ground, from which ground has a say on it
# Of what is usual of a class on the ground that has a say on it, from which the class counts as there: half of it where the cover is
# mostly that class, all of it where the class is one of several, some of which always look like it.
MOSTLY_FOUND, AMONG_OTHERS_FOUND = 0.5, 1.0
_SHIFTS = np.arange(-2.0, 2.0 + 1e-9, 0.25)  # d / s, at which densities are taken
_FINE_SHIFTS = np.arange(-2.0, 2.0 + 1e-9, 0.025)  # and between which their logarithms are smooth
# w / s and its prior, of mean w^2 / s^2 = 1 - SCENE_SHARE. Samples average what is finer than they are: they may tell that fields
# differ more than half of s^2 allows, and never that pixels differ less.
_WIDTHS = np.sqrt(np.array([0.5, 0.7, 1.0]))
_WIDTH_MASS = np.array([0.8, 0.15, 0.05])
_ROUNDS = 2
_ANGLE_STEP_DEG = 2.0
_LEAST_DENSITY = 1e-6  # per dB

Float = NDArray[np.float64]
Cells = tuple[NDArray[np.intp], ...]


class Samples(NamedTuple):
    """Samples of the ground of one acquisition.

    Attributes
    ----------
    total_power : by channel, (n,) linear, noise floor included
    incidence_deg : (n,)
    log_share : (n, class), ln prior share of every class
    side_m : of the ground that a sample stands for
    looks : equivalent number, of a sample
    """

    total_power: tuple[Float, ...]
    incidence_deg: Float
    log_share: NDArray[np.floating]
    side_m: float
    looks: float


def ground_levels(samples: Samples, floors: Sequence[Floor]) -> tuple[GroundLevel, ...]:
    """Levels of dry classes by channel, equations (1) and (2), of those that any sample has a say on.

    Expectation-maximization over what each sample is, with the mean over the posterior of d and w in place of its mode.
    Samples that lack a value are left out.

    Parameters
    ----------
    samples : from all over the acquisition
    floors : of its channels, one or two, in the order of `samples.total_power`
    """
    share = np.exp(samples.log_share)
    usable = np.isfinite(samples.incidence_deg) & (share[:, : len(FLOODED)].sum(axis=1) <= MOST_WATER)
    for power in samples.total_power:
        usable &= np.isfinite(power) & (power > 0)
    if not usable.any():
        return ()
    looks, share = samples.looks, share[usable]
    angle = _ANGLE_STEP_DEG * np.rint(samples.incidence_deg[usable] / _ANGLE_STEP_DEG)
    cells = tuple(power_cell(power[usable]) for power in samples.total_power)
    counts_for = min((samples.side_m / FIELD_M) ** 2, 1.0)
    dry = share[:, len(FLOODED) :].sum(axis=1, keepdims=True)
    has_say = share >= LEAST_SHARE * dry
    usual = (share * has_say).sum(axis=0)
    least = usual * np.where(usual > 0.5 * (dry * has_say).sum(axis=0), MOSTLY_FOUND, AMONG_OTHERS_FOUND)
    weights = np.asarray(usual_weights())
    water = _densities_at(lambda deg: [mean_water_density(floors, looks, weights, deg)], angle, cells)

    def belonging(levels: tuple[GroundLevel, ...]) -> Float:
        """(n, class): what share of each sample is of each class that it has a say on."""

        def ground(deg: float) -> list[Float]:
            return [ground_density(floors, k, looks, deg, levels=levels) for k in list(EvidenceClass)[1:]]

        found = share * np.concatenate([water, _densities_at(ground, angle, cells)], axis=1)
        return np.asarray(found * has_say / found.sum(axis=1, keepdims=True))

    belongs = belonging(())
    there = [k for k in DRY if usual[k] > 0 and belongs[:, k].sum() >= least[k]]
    tables = {(f, k): _log_densities(f, k, looks, np.unique(angle)) for f in floors for k in there}

    def told(belongs: Float) -> tuple[GroundLevel, ...]:
        return tuple(
            _posterior(floor, k, tables[floor, k], angle, cell, counts_for * belongs[:, k])
            for floor, cell in zip(floors, cells, strict=True)
            for k in there
        )

    levels = told(belongs)
    for _ in range(_ROUNDS - 1):
        levels = told(belonging(levels))
    return levels


def _densities_at(densities: Callable[[float], list[Float]], angle: Float, cells: Cells) -> Float:
    """(n, class): robust density of each sample's powers, of classes whose joint densities at an angle are given."""
    parts = []
    for deg in np.unique(angle):
        here = np.flatnonzero(angle == deg)
        at = cells[0][here], cells[1][here] if len(cells) == 2 else 0
        parts.append((here, np.exp(robust(np.stack(densities(float(deg)), axis=-1)))[at]))
    out = np.empty((angle.size, parts[0][1].shape[1]))
    for here, values in parts:
        out[here] = values
    return out


def _log_densities(floor: Floor, k: EvidenceClass, looks: float, angles: Float) -> dict[float, Float]:
    """ln density of a channel by angle: (width, shift, power)."""
    sd = class_sd_db(floor.channel, k)
    found = {}
    for deg in angles:
        by_width = [shifted_densities(floor, k, sd * _SHIFTS, sd * w, looks, float(deg)) for w in _WIDTHS]
        found[float(deg)] = np.log(np.stack(by_width) + _LEAST_DENSITY)
    return found


def _posterior(
    floor: Floor,
    k: EvidenceClass,
    tables: dict[float, Float],
    angle: Float,
    cell: NDArray[np.intp],
    weight: Float,
) -> GroundLevel:
    """What samples that weigh so much say of a class's level in a channel."""
    likelihood = np.zeros((_WIDTHS.size, _SHIFTS.size))
    for deg, table in tables.items():
        here = angle == deg
        likelihood += table @ np.bincount(cell[here], weight[here], POWER_AXIS_DB.size)
    log_mass = CubicSpline(_SHIFTS, likelihood, axis=1)(_FINE_SHIFTS)
    log_mass += np.log(_WIDTH_MASS)[:, None] - 0.5 * _FINE_SHIFTS**2 / SCENE_SHARE
    mass = np.exp(log_mass - log_mass.max())
    mass /= mass.sum()
    shift = float(mass.sum(axis=0) @ _FINE_SHIFTS)
    variance = float(mass.sum(axis=1) @ _WIDTHS**2 + mass.sum(axis=0) @ (_FINE_SHIFTS - shift) ** 2)
    sd = class_sd_db(floor.channel, k)
    return GroundLevel(floor.channel, int(k), round(shift * sd, 3), round(float(np.sqrt(variance)), 4))
