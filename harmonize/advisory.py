"""Advisory flags: where a known trap of a sensor may be at work. Each rule is a function of the pixels given to it.

Flags change no class. A rule speaks where the physics says that a value has a second reading which the evidence can't
rule out, or where what the evidence rests on is weak; thresholds are chosen so that a rule is silent on usual ground.
Arrays are (y, x); NaN and unknown land cover (0) raise no flag. Combined by `flags`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from floodfuse.harmonize.classes import Advisory, EvidenceClass
from floodfuse.harmonize.densities import class_mean_db
from floodfuse.harmonize.prior import BUILT_UP, TREE_COVER
from floodfuse.harmonize.radiometry import noise_gamma0, to_db
from floodfuse.harmonize.vegetation import C_BAND_SEES_THROUGH_KG_M2, b_factor
from floodfuse.harmonize.water import WaterChannel, water_db

ROUGH_WIND_M_S = (6.0, 15.0)  # 90 % of winds over inland water are lighter than the first: Weibull(2, 4 m/s)
NEAR_FLOOR_DB = 3.0  # signal no stronger than the noise it was freed from
SAYS_NATS = 1.0  # evidence from which a sensor is taken to say water, or dry
BARE_COVER = (60,)
DRAINED_HAND_M = 10.0
DRAINED_SLOPE_DEG = 5.0
WATER_OF_COVER_KG_M2 = {10: 8.0, 20: 1.5, 30: 0.5, 40: 1.5, 90: 1.5, 95: 8.0}  # canopies, priors; others 0
MOST_CANOPY_WATER_KG_M2 = 15.0
TELLS_NATS = 0.5  # of L band on flooded against dry forest
DROP_DB = 3.0
CONFLICT_NATS = 4.0
SAME_DAY_HOURS = 24.0
NEARBY_PX = 2

Float = NDArray[np.floating]
Bool = NDArray[np.bool_]

_ANGLES_DEG = np.arange(15.0, 71.0)


class Ground(NamedTuple):
    """What does not change: WorldCover codes, height above drainage [m], slope [deg], permanent water; None unknown."""

    landcover: NDArray[np.uint8] | None = None
    hand: Float | None = None
    slope: Float | None = None
    permanent: Bool | None = None


class Seen(NamedTuple):
    """What the sensors at hand say of each pixel, (y, x); None where there is no such sensor.

    Attributes
    ----------
    c_water, l_water, optical_water : `water_nats` of each; of optical where it saw within a day of a radar
    waves : 1 where C-band co-polarization is as `waves_like` describes, else 0; NaN unseen
    cross_at_floor : 1 where C-band cross-polarization is as `at_noise_floor` describes, else 0; NaN unseen
    l_under_trees : evidence of L band for flooded over dry forest, nats
    c_canopy, l_canopy : canopy water [kg/m2] from cross-polarization, `canopy_water_kg_m2`
    snow : 1 where an optical scene shows snow or ice, else 0; NaN unseen
    c_drop_db : C band below its dry reference [dB], NaN where there is none
    cold_scene : 1 where the whole C-band acquisition is `cold`, forest included, else 0; NaN unknown
    striped : 1 on lines of the L-band acquisition with interference, else 0; NaN unseen
    near_hidden : 1 within 2 px of layover or shadow, else 0; NaN unseen
    """

    c_water: Float | None = None
    l_water: Float | None = None
    optical_water: Float | None = None
    waves: Float | None = None
    cross_at_floor: Float | None = None
    l_under_trees: Float | None = None
    c_canopy: Float | None = None
    l_canopy: Float | None = None
    snow: Float | None = None
    c_drop_db: Float | None = None
    cold_scene: Float | None = None
    striped: Float | None = None
    near_hidden: Float | None = None


def water_nats(evidence: NDArray[np.float32]) -> Float:
    """Evidence for open water over open ground, nats: l_W - ln[(e^l_lowveg + e^l_soil) / 2]. (y, x, class) in."""
    ground = np.exp(evidence[..., EvidenceClass.DRY_LOW_VEG]) + np.exp(evidence[..., EvidenceClass.BARE_SOIL])
    return np.asarray(evidence[..., EvidenceClass.OPEN_WATER] - np.log(0.5 * ground))


def waves_like(channel: WaterChannel, gamma0: ArrayLike, incidence_deg: ArrayLike) -> Bool:
    """Where a co-polarization lies between water under 6 and under 15 m/s of wind: brighter than calm, no storm.

    `gamma0` is linear, `incidence_deg` 18 … 58 for C band (False beyond). At 38 deg and C-VV: -17.0 … -10.1 dB. Bare and
    overgrown ground lies there too, so this is half of a rule only. Source: CMOD5.N, see `water.water_db`.
    """
    theta = np.asarray(incidence_deg, dtype=float)
    to_gamma = to_db(np.cos(np.deg2rad(_ANGLES_DEG)))
    low, high = (
        np.interp(theta, _ANGLES_DEG, water_db(channel, _ANGLES_DEG, wind) - to_gamma)
        for wind in ROUGH_WIND_M_S
    )
    level = to_db(np.where(np.asarray(gamma0) > 0.0, gamma0, np.nan))
    return np.asarray((level > low) & (level < high))


def at_noise_floor(
    gamma0: ArrayLike, nesz_sigma0_db: float, incidence_deg: ArrayLike, noise_removed: bool = True
) -> Bool:
    """Where a value holds no more signal than noise: power, noise included, within 3 dB of the floor.

    Water sends cross-polarization of -31 dB and less at C band, below the floor, whatever the wind; soil and plants send
    -27 … -10 dB (harmonization.md 3.2, 3.6).
    """
    floor = noise_gamma0(nesz_sigma0_db, np.asarray(incidence_deg, dtype=float))
    total = np.asarray(gamma0, dtype=float) + (floor if noise_removed else 0.0)
    return np.asarray(total <= floor * 10.0 ** (NEAR_FLOOR_DB / 10.0))


def canopy_water_kg_m2(
    channel: str, gamma0: ArrayLike, incidence_deg: ArrayLike, frequency_ghz: float
) -> Float:
    """Water in the canopy [kg/m2] from the volume it sends back in cross-polarization, water cloud turned round.

    gamma0 = gamma0_opaque (1 - T^2), T^2 = exp(-2 b VWC / cos theta)  =>  VWC = -cos theta ln(1 - gamma0 / opaque) / (2 b)

    with the class level of dry forest for the opaque canopy. 0 … 15; a canopy at or above the opaque level gets 15. The
    ground's own cross-polarization counts as canopy, so it is an upper bound over rough soil. L band still tells 2 from
    4 kg/m2 (1.8 dB apart at 38 deg); C band is within 0.5 dB of opaque from 2 kg/m2 on.
    """
    cosine = np.cos(np.deg2rad(np.asarray(incidence_deg, dtype=float)))
    opaque = 10.0 ** (class_mean_db(channel, EvidenceClass.DRY_FOREST, incidence_deg) / 10.0)
    closed = np.maximum(np.asarray(gamma0, dtype=float), 0.0) / opaque
    most = -np.expm1(-2.0 * b_factor(frequency_ghz) * MOST_CANOPY_WATER_KG_M2 / cosine)
    return np.asarray(-cosine * np.log1p(-np.minimum(closed, most)) / (2.0 * b_factor(frequency_ghz)))


def wind_roughened(seen: Seen, ground: Ground, shape: tuple[int, int]) -> Bool:
    """Water likely roughened by wind: waves in co-polarization, and cross-polarization at the floor or optical water.

    Bragg waves brighten co-polarization by 8 dB from 5 to 15 m/s and leave cross-polarization at the noise floor, where no
    soil or plant with so bright a co-polarization is (VV - VH of soil 9.5 dB, of low plants 6.5). Not where optical says
    dry or where the ground drains.
    """
    wet = _on(seen.cross_at_floor, shape) | _above(seen.optical_water, SAYS_NATS, shape)
    wet &= ~_below(seen.optical_water, -SAYS_NATS, shape) & ~_drained(ground, shape)
    return _on(seen.waves, shape) & wet


def looks_like_water(seen: Seen, ground: Ground, shape: tuple[int, int]) -> Bool:
    """Ground that radar may take for water: smooth mud, dry sand, tarmac, fields just rolled.

    A radar says water (1 nat), and
    - optical sees the ground and says dry; or
    - the land cover is bare or the ground drains (HAND above 10 m or slope above 5 deg), and optical does not say water; or
    - L band says water and C band says dry: roughness of a centimetre is smooth at 24 cm and rough at 5.5 cm, so that
      C-VV minus L-HH is 7 … 13 dB on soil and 2 … 5 dB on water (harmonization.md 3.3, 4.7).
    Never on permanent water.
    """
    c, l_band = (_above(nats, SAYS_NATS, shape) for nats in (seen.c_water, seen.l_water))
    dry_to_c = _below(seen.c_water, -SAYS_NATS, shape)
    wet_to_eyes = _above(seen.optical_water, SAYS_NATS, shape)
    unlikely = (_cover_in(ground, BARE_COVER, shape) | _drained(ground, shape)) & ~wet_to_eyes
    found = (c | l_band) & (_below(seen.optical_water, -SAYS_NATS, shape) | unlikely)
    found |= l_band & dry_to_c & ~wet_to_eyes
    return found & ~_permanent(ground, shape)


def canopy_too_dense(seen: Seen, ground: Ground, shape: tuple[int, int]) -> Bool:
    """C band speaks under more than 2 kg/m2 of canopy water, which takes 10 dB on the two ways, and no L band tells.

    The water is that of L-HV's volume where L band sees, else of the land cover, else (cover unknown) of C-VH. L band tells
    where its evidence on flooded against dry forest is 0.5 nat. Not among buildings, whose walls are bright in
    cross-polarization too.
    """
    if seen.c_water is None:
        return np.zeros(shape, bool)
    if ground.landcover is None:
        water = np.full(shape, np.nan)
    else:
        table = np.zeros(256)
        table[0] = np.nan
        for code, kg_m2 in WATER_OF_COVER_KG_M2.items():
            table[code] = kg_m2
        water = table[ground.landcover]
    if seen.c_canopy is not None:
        water = np.where(np.isfinite(water), water, seen.c_canopy)
    if seen.l_canopy is not None:
        water = np.where(np.isfinite(seen.l_canopy), seen.l_canopy, water)
    told = _above(seen.l_under_trees, TELLS_NATS, shape) | _below(seen.l_under_trees, -TELLS_NATS, shape)
    dense = np.isfinite(seen.c_water) & (water > C_BAND_SEES_THROUGH_KG_M2)
    return np.asarray(dense & ~told & ~_cover_in(ground, BUILT_UP, shape))


def cold(drop_db: ArrayLike, of_forest: Bool) -> bool:
    """Whether a whole acquisition is 3 dB and more below its dry reference, forest included.

    Frozen ground and wood, and wet snow, darken C band everywhere; a flood never darkens forest (C-VV changes by
    -0.3 … +0.1 dB under it, harmonization.md 3.5). `drop_db` and `of_forest` are samples of the whole acquisition, never
    of a block. Medians over forest and over all land must both reach 3 dB; False without forest.
    """
    drop = np.asarray(drop_db, dtype=float)
    known = np.isfinite(drop)
    if not (known & of_forest).any():
        return False
    return bool(np.median(drop[known & of_forest]) >= DROP_DB and np.median(drop[known]) >= DROP_DB)


def frost_or_snow(seen: Seen, ground: Ground, shape: tuple[int, int]) -> Bool:
    """Snow that an optical scene shows; or C band 3 dB below its dry reference in an acquisition that is all `cold`, or
    on trees, which no flood darkens."""
    trees = _cover_in(ground, TREE_COVER, shape)
    return _on(seen.snow, shape) | (
        _above(seen.c_drop_db, DROP_DB, shape) & (_on(seen.cold_scene, shape) | trees)
    )


def evidence_old(age_hours: Float, half_life_days: ArrayLike) -> Bool:
    """Deciding evidence further away in time than half of the floods stay on such ground."""
    return np.asarray(age_hours > 24.0 * np.asarray(half_life_days, dtype=float))


def disagreement(conflict: NDArray[np.float32], hours_apart: Float) -> tuple[Bool, Bool]:
    """Where sensors contradict each other by more than 4 nats: within a day; and from passes further apart than that.

    4 nats is all that one sensor may say alone, so this takes two that speak against each other. Over more than a day the
    ground itself may have changed, and neither need be wrong.
    """
    strong = conflict > CONFLICT_NATS
    apart = hours_apart > SAME_DAY_HOURS
    return np.asarray(strong & ~apart), np.asarray(strong & apart)


def flags(seen: Seen, ground: Ground, shape: tuple[int, int]) -> NDArray[np.uint16]:
    """Bits of `Advisory` from what sensors and ground say; those of time and of conflict are added by the caller."""
    rules = {
        Advisory.WIND_ROUGHENED_WATER: wind_roughened(seen, ground, shape),
        Advisory.DRY_SAND_OR_SMOOTH_FIELD: looks_like_water(seen, ground, shape),
        Advisory.CANOPY_TOO_DENSE_FOR_C: canopy_too_dense(seen, ground, shape),
        Advisory.FROST_OR_WET_SNOW: frost_or_snow(seen, ground, shape),
        Advisory.RADIO_INTERFERENCE: _on(seen.striped, shape),
        Advisory.LAYOVER_OR_SHADOW_NEARBY: _on(seen.near_hidden, shape),
    }
    bits = np.zeros(shape, np.uint16)
    for flag, where in rules.items():
        bits[where] |= np.uint16(flag)
    return bits


def _above(values: Float | None, limit: float, shape: tuple[int, int]) -> Bool:
    return np.zeros(shape, bool) if values is None else np.asarray(values >= limit)


def _below(values: Float | None, limit: float, shape: tuple[int, int]) -> Bool:
    return np.zeros(shape, bool) if values is None else np.asarray(values <= limit)


def _on(values: Float | None, shape: tuple[int, int]) -> Bool:
    return _above(values, 0.5, shape)


def _cover_in(ground: Ground, codes: tuple[int, ...], shape: tuple[int, int]) -> Bool:
    return np.zeros(shape, bool) if ground.landcover is None else np.isin(ground.landcover, codes)


def _drained(ground: Ground, shape: tuple[int, int]) -> Bool:
    return _above(ground.hand, DRAINED_HAND_M, shape) | _above(ground.slope, DRAINED_SLOPE_DEG, shape)


def _permanent(ground: Ground, shape: tuple[int, int]) -> Bool:
    return np.zeros(shape, bool) if ground.permanent is None else ground.permanent
