"""Evidence of the polarizations of one pass together: a joint density per class, tabulated.

The polarizations of a pass share the ground, so within a class they vary together. What they share is latent and is summed
over; given it they are independent, each with its own spread and speckle:

    p(S_a, S_b | k) = sum_z w_z p(S_a | z, k) p(S_b | z, k)

For open water z is the wind, which brightens the co-polarization and leaves the cross-polarization at the noise floor
(`wind`). For any other class it is texture: both levels move by sqrt(rho) s_k z, with rho = 0.6 and less under trees at L band (`correlation`), and what
they do not share is s_k sqrt(1 - rho). Each factor is the exact Gamma-lognormal density of `likelihood`, per dB.

Then the joint density is made fit for maps as in `likelihood`: an outlier share, and no turning over in the tails.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from floodfuse.harmonize.classes import COUNTERPARTS, DRY, EvidenceClass
from floodfuse.harmonize.correlation import texture_correlation
from floodfuse.harmonize.densities import (
    CROSS_POLARIZED,
    GroundLevel,
    class_mean_db,
    class_slope_db,
    level_and_spread_db,
)
from floodfuse.harmonize.likelihood import (
    OUTLIER_DENSITY_PER_DB,
    OUTLIER_SHARE,
    URBAN_CAP_NATS,
    hermite_nodes,
    make_monotone,
)
from floodfuse.harmonize.radiometry import noise_gamma0
from floodfuse.harmonize.wind import (
    CROSS_OFFSETS_DB,
    usual_weights,
    water_level_db,
    water_spread_db,
    wind_nodes,
)

POWER_AXIS_DB = np.arange(-38.0, 10.0 + 1e-9, 0.2)
INCIDENCE_STEP_DEG = 1.0
INCIDENCE_LIMITS_DEG = (15, 70)
NATS_PER_UNIT = 1.0 / 2048.0  # of tables, which are 16-bit integers: half the memory, and steps of 0.0005 nat
_TEXTURE_NODES = 19
_REACH = 5.0  # of texture nodes, in spreads
_CLEAR_OF_OUTLIERS_NATS = 0.7
_LN10_10 = float(np.log(10.0) / 10.0)

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]


class Floor(NamedTuple):
    """Noise floor of one channel: its name such as "C_VV", and its level as sigma0 [dB]."""

    channel: str
    nesz_db: float


def leading(names: Sequence[str]) -> tuple[str, ...]:
    """The channels of a pass whose joint density is used: the first co-polarization and the first cross-polarization.

    L band prefers HH, which carries the double bounce. Further polarizations of a quad-polarized pass add little that these
    two don't say, and are left out.
    """
    co = sorted((n for n in names if n not in CROSS_POLARIZED), key=lambda n: n != "L_HH")
    cross = [n for n in names if n in CROSS_POLARIZED]
    return (*co[:1], *cross[:1])


def power_cell(power: NDArray[np.floating]) -> NDArray[np.intp]:
    """Nearest place of a total power, linear and > 0, on `POWER_AXIS_DB`."""
    place = np.rint((10.0 * np.log10(power) - POWER_AXIS_DB[0]) / (POWER_AXIS_DB[1] - POWER_AXIS_DB[0]))
    return np.clip(place, 0, POWER_AXIS_DB.size - 1).astype(np.intp)


@numba.njit(nogil=True, cache=True)
def _densities(  # pragma: no cover
    power: Float, level_db: Float, sd_db: float, noise: float, looks: float, log_gamma: float,
    nodes: Float, weights: Float, per_db: float, out: Float,
) -> None:  # fmt: skip
    """p per dB of total power at each level: out (level, power)."""
    log_power = np.log(power)
    for m in range(level_db.size):
        for t in range(nodes.size):
            mean = 10.0 ** ((level_db[m] + sd_db * nodes[t]) / 10.0) + noise
            constant = looks * np.log(looks / mean) - log_gamma
            for i in range(power.size):
                out[m, i] += weights[t] * np.exp(constant + looks * (log_power[i] - power[i] / mean)) * per_db


def _given_latent(floor: Floor, level_db: Float, sd_db: float, looks: float, incidence_deg: float) -> Float:
    """(latent, power): density per dB of a channel at each value of the latent."""
    power = 10.0 ** (POWER_AXIS_DB / 10.0)
    noise = float(noise_gamma0(floor.nesz_db, incidence_deg))
    nodes, log_weights = hermite_nodes(sd_db, looks)
    out = np.zeros((level_db.size, power.size))
    _densities(
        power, level_db, sd_db, noise, looks, float(gammaln(looks)), nodes, np.exp(log_weights), _LN10_10, out
    )
    return out


@numba.njit(nogil=True, cache=True)
def _sum_of_products(mass: Float, first: Float, second: Float, out: Float) -> None:  # pragma: no cover
    """out[a, b] = sum over z of mass[z] first[z, a] second[z, b]; a library's threads would cost more than the sum."""
    for a in range(out.shape[0]):
        for z in range(mass.size):
            w = mass[z] * first[z, a]
            for b in range(out.shape[1]):
                out[a, b] += w * second[z, b]


def _together(parts: Sequence[Float], mass: Float) -> Float:
    """Sum over the latent; the last row and column are the densities of one channel without the other."""
    alone = np.ones((mass.size, 1))
    first = np.concatenate([parts[0], alone], axis=1)
    second = np.concatenate([parts[1], alone], axis=1) if len(parts) == 2 else alone
    out = np.zeros((first.shape[1], second.shape[1]))
    _sum_of_products(mass, first, second, out)
    return out


def water_densities(
    floors: Sequence[Floor], looks: float, incidence_deg: float, incidence_sd_deg: float = 0.0
) -> Float:
    """Joint densities of open water in each regime of `wind.usual_weights`, (regime, power_a + 1, power_b + 1), per dB each."""
    winds, mass = wind_nodes()
    parts = [_water_given_wind(f, winds, looks, incidence_deg, incidence_sd_deg) for f in floors]
    return np.stack(
        [
            _together([part[offset] for part in parts], by_scale)
            for by_scale in mass
            for offset in range(len(CROSS_OFFSETS_DB))
        ]
    )


def mean_water_density(
    floors: Sequence[Floor],
    looks: float,
    weights: Float,
    incidence_deg: float,
    incidence_sd_deg: float = 0.0,
) -> Float:
    """The same over all regimes by their weights, (power_a + 1, power_b + 1): sums over winds first, which is cheaper."""
    winds, mass = wind_nodes()
    parts = [_water_given_wind(f, winds, looks, incidence_deg, incidence_sd_deg) for f in floors]
    by_offset = weights.reshape(mass.shape[0], -1).T @ mass
    return np.asarray(
        sum(_together([part[n] for part in parts], of_winds) for n, of_winds in enumerate(by_offset))
    )


def _water_given_wind(
    floor: Floor, winds: Float, looks: float, incidence_deg: float, incidence_sd_deg: float
) -> list[Float]:
    """(wind, power) for each offset of the cross-polarization, which a co-polarization does not have."""
    level = water_level_db(floor.channel, incidence_deg, winds)
    sd = _with_angle(
        water_spread_db(floor.channel), floor.channel, EvidenceClass.OPEN_WATER, incidence_sd_deg
    )
    if floor.channel not in CROSS_POLARIZED:
        return [_given_latent(floor, level, sd, looks, incidence_deg)] * len(CROSS_OFFSETS_DB)
    return [_given_latent(floor, level + offset, sd, looks, incidence_deg) for offset in CROSS_OFFSETS_DB]


def ground_density(
    floors: Sequence[Floor],
    k: EvidenceClass,
    looks: float,
    incidence_deg: float,
    incidence_sd_deg: float = 0.0,
    levels: Sequence[GroundLevel] = (),
) -> Float:
    """Joint density of a class other than open water, (power_a + 1, power_b + 1), per dB each.

    `levels` are those that the acquisition told of dry ground; those of the prior where it told none.
    """
    texture = np.linspace(-_REACH, _REACH, _TEXTURE_NODES)
    mass = np.exp(-0.5 * texture**2)
    rho = texture_correlation(k, floors[0].channel, floors[-1].channel)
    shared, own = np.sqrt(rho), np.sqrt(1.0 - rho)
    parts = []
    for f in floors:
        mean, sd = level_and_spread_db(f.channel, k, incidence_deg, levels)
        sd = _with_angle(sd, f.channel, k, incidence_sd_deg)
        level = mean + shared * sd * texture
        parts.append(_given_latent(f, level, own * sd, looks, incidence_deg))
    return _together(parts, mass / mass.sum())


def shifted_densities(
    floor: Floor, k: EvidenceClass, shifts_db: Float, sd_db: float, looks: float, incidence_deg: float
) -> Float:
    """(shift, power): density per dB of one channel if the class's level were shifted, and its spread another."""
    mean = float(class_mean_db(floor.channel, k, incidence_deg))
    return _given_latent(floor, mean + shifts_db, sd_db, looks, incidence_deg)


def independent_density(
    floors: Sequence[Floor], level_db: Sequence[float], sd_db: float, looks: float, incidence_deg: float
) -> Float:
    """Joint density of ground whose polarizations vary each on their own, (power_a + 1, power_b + 1), per dB each."""
    parts = [
        _given_latent(f, np.array([level]), sd_db, looks, incidence_deg)
        for f, level in zip(floors, level_db, strict=True)
    ]
    return _together(parts, np.ones(1))


def _with_angle(sd_db: float, channel: str, k: EvidenceClass, incidence_sd_deg: float) -> float:
    """Spread of a class seen at an angle that is not known exactly: s^2 + (slope sd_theta)^2 (harmonization.md 2.4)."""
    return float(np.hypot(sd_db, class_slope_db(channel, k) * incidence_sd_deg))


class JointTable(NamedTuple):
    """Evidence of a pass for all classes, tabulated.

    Attributes
    ----------
    values : (incidence, power_a + 1, power_b + 1, class) int16, `NATS_PER_UNIT` each: ln p per dB of total power on `POWER_AXIS_DB`
        x `POWER_AXIS_DB`; the last row and the last column are for a value that is missing. With one channel the third axis has
        that column only. Only differences between classes carry meaning, across angles too.
    first_deg : incidence of the first plane; the next ones follow by `INCIDENCE_STEP_DEG`
    """

    values: NDArray[np.int16]
    first_deg: float

    def incidence_deg(self) -> Float:
        """Incidence of each plane."""
        return np.asarray(self.first_deg + INCIDENCE_STEP_DEG * np.arange(self.values.shape[0]), float)

    def nats(self) -> Float:
        """The values as nats."""
        return np.asarray(self.values * NATS_PER_UNIT, float)


def joint_table(
    floors: tuple[Floor, ...],
    looks: float,
    water_weights: Sequence[float] | None = None,
    incidence_sd_deg: float = 0.0,
    incidence_range_deg: tuple[float, float] = INCIDENCE_LIMITS_DEG,
    levels: Sequence[GroundLevel] = (),
) -> JointTable:
    """Tabulate the evidence of a pass.

    Parameters
    ----------
    floors : one or two channels, see `leading`, with their noise floors
    looks : equivalent number of looks of the values to be looked up
    water_weights : of the wind regimes, from `wind_regime`; the usual ones where None
    incidence_sd_deg : how well the angle is known; 0 where a raster gives it
    incidence_range_deg : angles that occur, within 15 … 70; those beyond count as the nearest
    levels : of dry ground, from `scene_levels`; those of the prior where there are none
    """
    low, high = np.clip(incidence_range_deg, *INCIDENCE_LIMITS_DEG)
    first = min(np.floor(low), INCIDENCE_LIMITS_DEG[1] - 1.0)
    angles = np.arange(first, max(np.ceil(high), first + 1.0) + 0.5, INCIDENCE_STEP_DEG)
    weights = np.asarray(usual_weights() if water_weights is None else water_weights)
    planes = []
    for theta in angles:
        curves = [mean_water_density(floors, looks, weights, float(theta), incidence_sd_deg)]
        curves += [
            ground_density(floors, k, looks, float(theta), incidence_sd_deg, levels)
            for k in list(EvidenceClass)[1:]
        ]
        planes.append(_fit_for_maps(robust(np.stack(curves, axis=-1)), len(floors)).astype(np.float32))
    table = np.stack(planes)
    table -= table.max(axis=(0, 3), keepdims=True)  # the same for every angle and class
    least = np.iinfo(np.int16).min * NATS_PER_UNIT
    return JointTable(np.rint(np.maximum(table, least) / NATS_PER_UNIT).astype(np.int16), float(first))


def robust(density: Float) -> Float:
    """ln of the density if each channel may be an outlier, anything anywhere, on its own: (power_a + 1, power_b + 1, ...).

    (1 - e)^2 p(a, b) + e (1 - e) u [p(a) + p(b)] + e^2 u^2,   e = 0.02, u = 1/45 per dB

    A pair that fits no class is then judged by each of its values. For one channel alone it is (1 - e) p + e u.
    """
    e, u = OUTLIER_SHARE, OUTLIER_DENSITY_PER_DB
    out = (1.0 - e) * density
    out[:-1, -1] += e * u
    out[-1, :-1] += e * u
    out[-1, -1] = 1.0
    if density.shape[1] > 1:
        first, second = density[:-1, -1:], density[-1:, :-1]
        out[:-1, :-1] *= 1.0 - e
        out[:-1, :-1] += e * (1.0 - e) * u * (first + second) + (e * u) ** 2
    return np.asarray(np.log(out))


def _fit_for_maps(curves: Float, channels: int) -> Float:
    """Evidence that does not turn over where densities end: (power_a, power_b, class) in, the same out.

    Water against each dry class falls with the last channel, cross-polarization where there is one: beyond its largest value
    the difference is kept towards dark, beyond its smallest towards bright. Flooded forest against dry forest likewise rises
    with the first channel. The evidence of towns is capped. One channel alone is made monotone as in `likelihood`.
    """
    out = curves.copy()
    if channels == 2:
        out[:-1, :-1] = _without_turns(curves)[:-1, :-1]
        out[-1, :-1] = make_monotone(curves[-1, :-1])
    out[:-1, -1] = make_monotone(curves[:-1, -1])
    return out


def _without_turns(curves: Float) -> Float:
    out = curves.copy()
    water = curves[..., EvidenceClass.OPEN_WATER]
    for k in DRY:
        out[..., k] = water - _held(water - curves[..., k], _tells(water, curves[..., k]), 1, falling=True)
    for flooded, dry in COUNTERPARTS:
        change = curves[..., flooded] - curves[..., dry]
        if flooded is EvidenceClass.FLOODED_FOREST:
            change = _held(change, _tells(curves[..., flooded], curves[..., dry]), 0, falling=False)
        if flooded is EvidenceClass.FLOODED_URBAN:
            change = np.clip(change, -URBAN_CAP_NATS, URBAN_CAP_NATS)
        out[..., flooded] = out[..., dry] + change
    return out


def _tells(a: Float, b: Float) -> NDArray[np.bool_]:
    """Where at least one of two classes is likelier than an outlier; elsewhere their difference means nothing."""
    outlier = 2.0 * np.log(OUTLIER_SHARE * OUTLIER_DENSITY_PER_DB)
    return np.maximum(a, b) > outlier + _CLEAR_OF_OUTLIERS_NATS


def _held(difference: Float, tells: NDArray[np.bool_], axis: int, falling: bool) -> Float:
    """Differences kept beyond their extremes along an axis, where they tell something; its last place, a missing value, stays.

    A line on which nothing tells stays as it is.
    """
    moved = np.moveaxis(difference if falling else -difference, axis, -1)
    known = np.moveaxis(tells, axis, -1)[..., :-1]
    curve, place = moved[..., :-1], np.arange(moved.shape[-1] - 1)
    any_known = known.any(axis=-1, keepdims=True)
    high = np.where(known, curve, -np.inf)
    top = high.argmax(axis=-1)[..., None]
    after = np.where(known & (place >= top), curve, np.inf)
    low = after.argmin(axis=-1)[..., None]
    kept = np.where(place > low, after.min(axis=-1, keepdims=True), curve)
    kept = np.where(place < top, high.max(axis=-1, keepdims=True), kept)
    kept = np.where(any_known, kept, curve)
    out = np.moveaxis(np.concatenate([kept, moved[..., -1:]], axis=-1), -1, axis)
    return out if falling else -out
