"""How far a pixel moves from its dry level, dry and flooded: densities of change, and levels of ground, tabulated.

With y the value now and r the dry level before (`dry_level`), per dB of total power,

    y - r = d + t_nu(0, s0^2 (1 + h) + v h) + speckle of L looks,      nu = nu0 + f                                (1)
    s0^2 = (nu0 s_pop^2 + f s^2) / (nu0 + f)                                                                       (2)

d is what water adds, 0 for dry ground; s^2 the variance between the dates at f degrees of freedom, shrunk to what is usual
of such ground; h the leverage of the level, v the variance of speckle in dB. Speckle is exact: the log of a Gamma variate,
not a Gaussian. A share of outliers is mixed in, and flooded forest against dry is made to rise with the change wherever
double bounce can only brighten. Source: harmonization.md 3.3, 3.5, 3.6, 4.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import fftconvolve
from scipy.stats import norm, t

from floodfuse.harmonize.classes import EvidenceClass
from floodfuse.harmonize.correlation import TEXTURE_CORRELATION
from floodfuse.harmonize.densities import (
    CROSS_POLARIZED,
    GroundLevel,
    class_mean_db,
    class_sd_db,
    level_and_spread_db,
)
from floodfuse.harmonize.dry_level import median_leverage, speckle_variance_db2
from floodfuse.harmonize.incidence import REFERENCE_DEG
from floodfuse.harmonize.joint import Floor, JointTable, mean_water_density
from floodfuse.harmonize.joint import robust as joint_robust
from floodfuse.harmonize.likelihood import (
    OUTLIER_DENSITY_PER_DB,
    OUTLIER_SHARE,
    gamma_log_density,
    monotone,
    per_db,
)
from floodfuse.harmonize.radiometry import noise_gamma0
from floodfuse.harmonize.speckle import log_moments_db
from floodfuse.harmonize.wind import usual_weights

PRIOR_FREEDOM = 6.0  # nu0: what the usual spread counts, in dates [P]
LEAST_SPREAD_DB = 0.25  # stability of the radars' calibration
WEATHER_CORRELATION = 0.6  # of dry change between polarizations of one pass [P]; as of texture

# Spread [dB] from date to date of dry forest, low vegetation, bare soil and town at one geometry, beyond speckle [P].
# Stands hardly change; soil between 0.1 and 0.3 m3/m3 moves by 4.2 dB at C-VV and 2.5 dB at L-HH (3.3).
DRY_SPREAD_DB: dict[str, tuple[float, float, float, float]] = {
    "C": (0.7, 1.5, 2.0, 0.8),
    "L": (0.7, 1.3, 1.6, 0.8),
}
GROUNDS = (
    EvidenceClass.OPEN_WATER,
    EvidenceClass.DRY_FOREST,
    EvidenceClass.DRY_LOW_VEG,
    EvidenceClass.BARE_SOIL,
    EvidenceClass.URBAN,
)
"""What a pixel can have been, in the order of `ground_table`."""


class Step(NamedTuple):
    """Change [dB] that water makes to a class: mean, spread, and whether it can only rise."""

    mean_db: float
    sd_db: float
    rises: bool = False


# harmonization.md 3.5. L-HH from stands, Monte Carlo and Hess et al. (1990); the others from the reference stand. Reeds,
# rice and towns brighten or darken with structure and alignment: no sign, 4 dB.
NO_STEP = Step(0.0, 0.0)
UNSIGNED_STEP = Step(0.0, 4.0)
FOREST_STEP: dict[str, Step] = {
    "L_HH": Step(3.5, 1.7, rises=True),
    "L_VV": Step(1.1, 1.0, rises=True),
    "C_VV": Step(0.0, 0.5),
    "C_HH": Step(0.1, 0.5),
} | {name: Step(0.0, 1.0) for name in CROSS_POLARIZED}

FREEDOM_AXIS = np.arange(6.0, 22.0 + 1e-9, 2.0)
SPREAD_AXIS_DB = np.geomspace(LEAST_SPREAD_DB, 10.0, 36)
CHANGE_AXIS_DB = np.arange(-30.0, 30.0 + 1e-9, 0.125)
LEVEL_AXIS_DB = np.arange(-38.0, 10.0 + 1e-9, 0.5)
GROUND_ANGLE_AXIS_DEG = np.arange(15.0, 70.0 + 1e-9, 2.5)
_CELL_DB = 0.125
_NODES = np.linspace(-4.0, 4.0, 41)

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]


def steps_of(channel: str) -> tuple[Step, Step, Step, Step]:
    """Steps of dry ground, flooded forest, flooded herbs and flooded town: the last axis of `change_table`."""
    return (NO_STEP, FOREST_STEP[channel], UNSIGNED_STEP, UNSIGNED_STEP)


def shrunk_variance(variance_db2: ArrayLike, freedom: ArrayLike, spread_db: ArrayLike) -> Float:
    """Variance [dB^2] of dry ground between dates, shrunk to what is usual, equation (2); never below (0.25 dB)^2.

    Parameters
    ----------
    variance_db2, freedom : as in `dry_level.DryLevel`
    spread_db : s_pop, what is usual of such ground
    """
    f = np.asarray(freedom, float)
    together = PRIOR_FREEDOM * np.square(spread_db) + f * np.asarray(variance_db2, float)
    return np.asarray(np.maximum(together / (PRIOR_FREEDOM + f), LEAST_SPREAD_DB**2))


def step_density(step: Step) -> Float:
    """Probability of d in cells of 1/8 dB from -20 to 20 dB; cut off below 0 where d can only rise."""
    d = np.arange(-160, 161) * _CELL_DB
    if step.sd_db == 0.0:
        return np.asarray(d == step.mean_db, float)
    density = norm.pdf(d, step.mean_db, step.sd_db)
    if step.rises:
        density *= np.where(
            d > 0.0, 1.0, np.where(d == 0.0, 0.5, 0.0)
        )  # half of the middle cell lies below 0
    return np.asarray(density / density.sum())


def step_moments(step: Step) -> tuple[float, float]:
    """Mean and standard deviation [dB] of `step_density`."""
    d, mass = np.arange(-160, 161) * _CELL_DB, step_density(step)
    mean = float(d @ mass)
    return mean, float(np.sqrt(np.square(d - mean) @ mass))


@lru_cache(maxsize=64)
def change_table(channel: str, looks: float) -> Float32:
    """Density per dB of y - r, equation (1), robust and monotone, tabulated.

    Parameters
    ----------
    channel : band and polarization, such as "L_HH"
    looks : equivalent number of looks of the value now

    Returns
    -------
    (freedom, spread, change, step) float32 on `FREEDOM_AXIS` x `SPREAD_AXIS_DB` (of the t, the value's own speckle not in
    it) x `CHANGE_AXIS_DB` x `steps_of`.
    """
    z = np.arange(-480, 481) * _CELL_DB
    power = np.power(10.0, z / 10.0)
    speckle = np.exp(per_db(gamma_log_density(power, 1.0, looks), power))
    between = t.pdf(z / SPREAD_AXIS_DB[:, None], FREEDOM_AXIS[:, None, None]) / SPREAD_AXIS_DB[:, None]
    still = fftconvolve(between, (speckle / speckle.sum())[None, None], mode="same", axes=-1)
    moved = [fftconvolve(still, step_density(s)[None, None], mode="same", axes=-1) for s in steps_of(channel)]
    density = np.maximum(np.stack(moved, axis=-1)[:, :, 240:-240], 0.0)
    table = (1.0 - OUTLIER_SHARE) * density + OUTLIER_SHARE * OUTLIER_DENSITY_PER_DB
    if FOREST_STEP[channel].rises:
        for curves in table.reshape(-1, *table.shape[2:]):
            rise = np.log(curves[:, 1] / curves[:, 0])
            curves[:, 1] = curves[:, 0] * np.exp(monotone(rise, curves[:, 0] + curves[:, 1], increasing=True))
    return table.astype(np.float32)


def _ground_levels(floor: Floor, levels: Sequence[GroundLevel]) -> tuple[Float, Float]:
    """Mean and spread [dB] of total power of each of `GROUNDS`, (incidence, ground) each.

    The spread is that of the ground, lognormal, pressed together where the noise floor reaches up to it.
    """
    mass = np.exp(-0.5 * _NODES**2)
    mass /= mass.sum()
    noise = noise_gamma0(floor.nesz_db, GROUND_ANGLE_AXIS_DEG)
    mean, spread = np.empty((2, GROUND_ANGLE_AXIS_DEG.size, len(GROUNDS)))
    for g, k in enumerate(GROUNDS):
        middle_db, sd_db = (
            class_mean_db(floor.channel, k, GROUND_ANGLE_AXIS_DEG),
            class_sd_db(floor.channel, k),
        )
        if k is not EvidenceClass.OPEN_WATER:
            told_db, sd_db = level_and_spread_db(floor.channel, k, levels=levels)
            middle_db = middle_db + told_db - class_mean_db(floor.channel, k, REFERENCE_DEG)
        level_db = middle_db[:, None] + sd_db * _NODES
        total_db = 10.0 * np.log10(10.0 ** (level_db / 10.0) + noise[:, None])
        mean[:, g] = total_db @ mass
        spread[:, g] = np.sqrt(np.square(total_db - mean[:, g, None]) @ mass)
    return mean, spread


@lru_cache(maxsize=16)
def water_table(
    floors: tuple[Floor, ...],
    looks: float,
    water_weights: tuple[float, ...] | None,
    incidence_sd_deg: float,
    incidence_deg: tuple[float, ...],
) -> Float32:
    """Density of open water per dB of each channel, robust: (incidence, power_a + 1, power_b + 1, 1).

    As in `joint.joint_table`, on its axes, which keeps but differences between classes.
    """
    weights = np.asarray(usual_weights() if water_weights is None else water_weights)
    planes = []
    for theta in incidence_deg:
        density = mean_water_density(floors, looks, weights, theta, incidence_sd_deg)
        planes.append(np.exp(joint_robust(density[..., None])).astype(np.float32))
    return np.stack(planes)


@lru_cache(maxsize=16)
def ground_table(
    floors: tuple[Floor, ...], error_db2: float, levels: tuple[GroundLevel, ...] = ()
) -> Float32:
    """Density of the levels before under each of `GROUNDS`, robust, per dB of each channel, tabulated.

    A bivariate Gaussian in dB, texture correlated by 0.6 between the channels; water has nothing but its own spread.

    Parameters
    ----------
    floors : one or two channels
    error_db2 : variance of the levels' own error
    levels : of dry ground, where the acquisition told them

    Returns
    -------
    (incidence, level_a + 1, level_b + 1, ground) float32, on `GROUND_ANGLE_AXIS_DEG` x `LEVEL_AXIS_DB` x `LEVEL_AXIS_DB`;
    the last row and column are for a missing level.
    """
    z, density, ratio = [], [], []
    for floor in floors:
        mean, spread = _ground_levels(floor, levels)
        sigma = np.sqrt(spread**2 + error_db2)
        z.append((LEVEL_AXIS_DB[:, None] - mean[:, None, :]) / sigma[:, None, :])
        density.append(norm.pdf(z[-1]) / sigma[:, None, :])
        ratio.append(spread / sigma)
    size = LEVEL_AXIS_DB.size + 1
    table = np.ones((GROUND_ANGLE_AXIS_DEG.size, size, size, len(GROUNDS)))
    outlier = np.ones((size, size))
    outlier[:-1] *= OUTLIER_DENSITY_PER_DB
    table[:, :-1] *= density[0][:, :, None]
    if len(floors) == 2:
        outlier[:, :-1] *= OUTLIER_DENSITY_PER_DB
        table[:, :, :-1] *= density[1][:, None]
        rho = TEXTURE_CORRELATION * ratio[0] * ratio[1]
        rho[:, 0] = 0.0
        table[:, :-1, :-1] *= _copula(z[0][:, :, None], z[1][:, None], rho[:, None, None])
    return ((1.0 - OUTLIER_SHARE) * table + OUTLIER_SHARE * outlier[..., None]).astype(np.float32)


def _copula(za: Float, zb: Float, rho: Float) -> Float:
    """Density of a Gaussian copula at standard deviates."""
    a, b = copula_terms(rho)
    return np.asarray(np.exp(b * za * zb - a * (za**2 + zb**2)) / np.sqrt(1.0 - rho**2))


def copula_terms(rho: ArrayLike) -> tuple[Float, Float]:
    """a, b of exp(b z_a z_b - a (z_a^2 + z_b^2)): rho^2 / (2 (1 - rho^2)) and rho / (1 - rho^2)."""
    r = np.asarray(rho, float)
    return r**2 / (2.0 * (1.0 - r**2)), r / (1.0 - r**2)


class ChangeModel(NamedTuple):
    """All that `change.combine` needs to know of a pass of one or two channels.

    Attributes
    ----------
    noise : noise floor as sigma0, linear, to be added for total power; 0 where it was never subtracted
    now : evidence of the values now, from `joint.joint_table`
    water : density of the values now under open water, `water_table`
    grounds : from `ground_table`
    tables : `change_table`, (channel, freedom, spread, change, step)
    centres : (channel, step), where a change is looked for [dB], the bias of the log of speckle included
    per_spread : (channel, spread, step), 1 / standard deviation of a change [1/dB]
    weather : (5, 3), copula of the changes of the four dry grounds and of flooded forest: `copula_terms`, 1 / sqrt(1 - rho^2)
    spread_db : of dry ground between dates, as `DRY_SPREAD_DB`
    speckle_db2 : variance of the log of speckle now
    """

    noise: tuple[float, ...]
    now: JointTable
    water: Float32
    grounds: Float32
    tables: Float32
    centres: Float32
    per_spread: Float32
    weather: Float32
    spread_db: tuple[float, float, float, float]
    speckle_db2: float


def change_model(
    floors: Sequence[Floor],
    looks: float,
    noise_removed: bool,
    now: JointTable,
    scenes: int,
    water_weights: tuple[float, ...] | None = None,
    incidence_sd_deg: float = 0.0,
    levels: Sequence[GroundLevel] = (),
) -> ChangeModel:
    """The model of a pass.

    Parameters
    ----------
    floors : channels in the order of `now`, one or two, with their noise floors
    looks : equivalent number of looks of the values now
    noise_removed : whether the noise floor was subtracted from the values
    now, water_weights, incidence_sd_deg, levels : from `joint.joint_table`, and as given to it with these channels and looks
    scenes : how many earlier scenes there are
    """
    names = [floor.channel for floor in floors]
    usual = DRY_SPREAD_DB[names[0][0]]
    speckle = float(speckle_variance_db2(looks))
    leverage = median_leverage(scenes)
    moments = np.array([[step_moments(s) for s in steps_of(name)] for name in names])
    sigma = np.sqrt(SPREAD_AXIS_DB[:, None] ** 2 + speckle + moments[:, None, :, 1] ** 2)
    return ChangeModel(
        noise=tuple(10.0 ** (f.nesz_db / 10.0) if noise_removed else 0.0 for f in floors),
        now=now,
        water=water_table(
            tuple(floors), looks, water_weights, incidence_sd_deg, tuple(map(float, now.incidence_deg()))
        ),
        grounds=ground_table(tuple(floors), round(leverage * (speckle + 1.0), 3), tuple(levels)),
        tables=np.stack([change_table(name, looks) for name in names]),
        centres=(moments[..., 0] + float(log_moments_db(looks)[0])).astype(np.float32),
        per_spread=(1.0 / sigma).astype(np.float32),
        weather=_weather(moments, usual, speckle, leverage),
        spread_db=usual,
        speckle_db2=speckle,
    )


def _weather(moments: Float, usual: Sequence[float], speckle: float, leverage: float) -> Float32:
    """Correlation of changes between two channels: rho s^2 (1 + h) / (sigma_a sigma_b), usual spreads; as copulas."""
    cases = [(s, 0) for s in usual] + [(usual[0], 1)]
    rho = []
    for s, step in cases:
        shared = s**2 * (1.0 + leverage)
        sigma2 = shared + speckle * (1.0 + leverage) + moments[:, step, 1] ** 2
        rho.append(WEATHER_CORRELATION * shared / float(np.sqrt(sigma2[0] * sigma2[-1])))
    return np.stack([*copula_terms(rho), 1.0 / np.sqrt(1.0 - np.square(rho))], axis=1).astype(np.float32)
