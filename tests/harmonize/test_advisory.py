"""Advisory flags: each rule on ground made for it and on its look-alike, both ways round."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from floodfuse.harmonize import advisory
from floodfuse.harmonize.advisory import Ground, Seen
from floodfuse.harmonize.classes import Advisory, EvidenceClass
from floodfuse.harmonize.densities import class_mean_db, class_sd_db
from floodfuse.harmonize.radiometry import PALSAR2_GHZ, SENTINEL1_GHZ, from_db
from floodfuse.harmonize.vegetation import b_factor, canopy_volume
from floodfuse.harmonize.water import water_db

SHAPE = (40, 50)
THETA = 38.0
NESZ_DB = -26.0
TREES, CROPS, TOWN, BARE = 10, 40, 50, 60
reproducible = settings(deadline=None, derandomize=True, max_examples=60)
Float32 = NDArray[np.float32]


def every(value: float) -> Float32:
    return np.full(SHAPE, value, np.float32)


def cover(code: int) -> NDArray[np.uint8]:
    return np.full(SHAPE, code, np.uint8)


def share(seen: Seen, ground: Ground, flag: Advisory) -> float:
    """Share of the pixels that carry a flag."""
    return float(((advisory.flags(seen, ground, SHAPE) & np.uint16(flag)) > 0).mean())


def spoken(
    rng: np.random.Generator, level_db: float, sd_db: float, looks: float = 60.0
) -> NDArray[np.float64]:
    """Mean power over 5 x 5 px of ground with texture and what is left of speckle, linear."""
    return from_db(rng.normal(level_db, sd_db, SHAPE)) * rng.gamma(looks, 1.0 / looks, SHAPE)


def c_band(k: EvidenceClass, vv_db: float | None = None) -> Seen:
    """What C band measures on ground of one class, drawn from its prior: hints only."""
    rng = np.random.default_rng(int(k))
    vv = spoken(
        rng, float(class_mean_db("C_VV", k, THETA)) if vv_db is None else vv_db, class_sd_db("C_VV", k) * 0.5
    )
    vh = spoken(rng, float(class_mean_db("C_VH", k, THETA)), class_sd_db("C_VH", k) * 0.5)
    return Seen(
        waves=advisory.waves_like("C_VV", vv, THETA).astype(float),
        cross_at_floor=advisory.at_noise_floor(vh, NESZ_DB, THETA).astype(float),
    )


# Wind


def test_water_under_wind_is_flagged_and_calm_water_is_not() -> None:
    to_gamma = 10 * np.log10(np.cos(np.deg2rad(THETA)))
    found = {
        wind: share(
            c_band(EvidenceClass.OPEN_WATER, float(water_db("C_VV", THETA, wind)) - to_gamma),
            Ground(),
            Advisory.WIND_ROUGHENED_WATER,
        )
        for wind in (3.0, 10.0)
    }
    assert found[3.0] < 0.05
    assert found[10.0] > 0.85


@pytest.mark.parametrize(
    "k", [EvidenceClass.DRY_LOW_VEG, EvidenceClass.BARE_SOIL, EvidenceClass.DRY_FOREST, EvidenceClass.URBAN]
)
def test_dry_ground_as_bright_as_waves_is_told_by_its_cross_polarization(k: EvidenceClass) -> None:
    assert share(c_band(k), Ground(), Advisory.WIND_ROUGHENED_WATER) < 0.02


def test_optical_can_say_and_unsay_that_bright_ground_is_water() -> None:
    bright = Seen(waves=every(1.0))
    flag = Advisory.WIND_ROUGHENED_WATER
    assert share(bright, Ground(), flag) == 0.0
    assert share(bright._replace(optical_water=every(2.0)), Ground(), flag) == 1.0
    floor = bright._replace(cross_at_floor=every(1.0))
    assert share(floor, Ground(), flag) == 1.0
    assert share(floor._replace(optical_water=every(-2.0)), Ground(), flag) == 0.0
    assert share(floor, Ground(slope=every(9.0)), flag) == 0.0
    assert share(floor._replace(waves=every(0.0)), Ground(), flag) == 0.0


@reproducible
@given(theta=st.floats(19.0, 57.0), wind=st.floats(2.0, 25.0))
def test_waves_are_those_between_6_and_15_metres_a_second(theta: float, wind: float) -> None:
    gamma0 = from_db(water_db("C_VV", theta, wind)) / np.cos(np.deg2rad(theta))
    if min(abs(wind - 6.0), abs(wind - 15.0)) > 0.3:
        assert bool(advisory.waves_like("C_VV", gamma0, theta)) == (6.0 < wind < 15.0)


def test_waves_say_nothing_where_there_is_no_value_or_no_model() -> None:
    power = from_db([-13.0, np.nan, -13.0, -13.0])
    power[2] = -0.001
    found = advisory.waves_like("C_VV", power, [38.0, 38.0, 38.0, 65.0])
    assert found.tolist() == [True, False, False, False]


@pytest.mark.parametrize("removed", [True, False])
def test_the_noise_floor_is_the_same_before_and_after_its_removal(removed: bool) -> None:
    floor = 10 ** (NESZ_DB / 10) / np.cos(np.deg2rad(THETA))
    signal = floor * np.array([-0.5, 0.0, 0.99, 1.05, 5.0])
    stored = signal if removed else signal + floor
    assert advisory.at_noise_floor(stored, NESZ_DB, THETA, removed).tolist() == [
        True,
        True,
        True,
        False,
        False,
    ]


# Sand and fields


def test_dark_ground_that_optical_sees_dry_is_flagged() -> None:
    flag, dark = Advisory.DRY_SAND_OR_SMOOTH_FIELD, Seen(c_water=every(2.0))
    assert share(dark._replace(optical_water=every(-2.5)), Ground(), flag) == 1.0
    assert share(dark._replace(optical_water=every(2.5)), Ground(landcover=cover(BARE)), flag) == 0.0
    assert share(dark, Ground(landcover=cover(CROPS)), flag) == 0.0
    assert share(Seen(c_water=every(-2.0), optical_water=every(-2.5)), Ground(), flag) == 0.0


@pytest.mark.parametrize(
    ("ground", "expected"),
    [
        (Ground(landcover=cover(BARE)), 1.0),
        (Ground(hand=every(15.0)), 1.0),
        (Ground(slope=every(8.0)), 1.0),
        (Ground(landcover=cover(BARE), permanent=np.ones(SHAPE, bool)), 0.0),
        (Ground(landcover=cover(CROPS), hand=every(1.0), slope=every(1.0)), 0.0),
        (Ground(hand=every(np.nan), slope=every(np.nan), landcover=cover(0)), 0.0),
    ],
)
def test_dark_ground_without_optical_is_judged_by_what_ground_it_is(ground: Ground, expected: float) -> None:
    assert share(Seen(l_water=every(1.5)), ground, Advisory.DRY_SAND_OR_SMOOTH_FIELD) == expected


def test_mud_that_is_smooth_to_l_band_alone_is_flagged_and_water_dark_to_both_is_not() -> None:
    flag = Advisory.DRY_SAND_OR_SMOOTH_FIELD
    assert share(Seen(l_water=every(2.0), c_water=every(-2.0)), Ground(), flag) == 1.0
    assert share(Seen(l_water=every(2.0), c_water=every(2.0)), Ground(), flag) == 0.0
    assert share(Seen(l_water=every(-2.0), c_water=every(2.0)), Ground(), flag) == 0.0


# Canopy


@reproducible
@given(kg_m2=st.floats(0.05, 8.0), theta=st.floats(25.0, 50.0))
def test_canopy_water_is_what_made_the_volume(kg_m2: float, theta: float) -> None:
    """A canopy by the water cloud model, opaque at the level of dry forest, is inverted to what it held."""
    tau = float(b_factor(PALSAR2_GHZ)) * kg_m2
    opaque = from_db(class_mean_db("L_HV", EvidenceClass.DRY_FOREST, theta))
    gamma0 = canopy_volume(theta, tau, opaque) / np.cos(np.deg2rad(theta))
    assert float(advisory.canopy_water_kg_m2("L_HV", gamma0, theta, PALSAR2_GHZ)) == pytest.approx(
        kg_m2, rel=1e-6
    )


def test_c_band_can_not_tell_canopies_above_2_kg_apart_and_l_band_can() -> None:
    """2 and 4 kg/m2: half a decibel at C band, two at L band (harmonization.md 3.4)."""
    steps = {}
    for channel, frequency in (("C_VH", SENTINEL1_GHZ), ("L_HV", PALSAR2_GHZ)):
        levels = [10 * np.log10(canopy_volume(THETA, b_factor(frequency) * w, 1.0)) for w in (2.0, 4.0)]
        steps[channel] = float(levels[1] - levels[0])
    assert steps["C_VH"] < 0.5
    assert steps["L_HV"] > 1.5


def test_dark_bright_and_missing_volume() -> None:
    gamma0 = np.array([-0.01, 0.0, 10.0, np.nan])
    found = advisory.canopy_water_kg_m2("L_HV", gamma0, THETA, PALSAR2_GHZ)
    assert found[:2].tolist() == [0.0, 0.0]
    assert found[2] == pytest.approx(advisory.MOST_CANOPY_WATER_KG_M2)
    assert np.isnan(found[3])


@pytest.mark.parametrize(
    ("seen", "code", "expected"),
    [
        (Seen(c_water=every(-1.0)), TREES, 1.0),
        (Seen(c_water=every(-1.0)), CROPS, 0.0),
        (Seen(c_water=every(np.nan)), TREES, 0.0),  # C band did not see it
        (Seen(), TREES, 0.0),
        (Seen(c_water=every(-1.0), l_under_trees=every(-2.0)), TREES, 0.0),  # L band tells
        (Seen(c_water=every(-1.0), l_under_trees=every(0.1)), TREES, 1.0),  # and here it does not
        (Seen(c_water=every(-1.0), l_canopy=every(5.0)), CROPS, 1.0),  # maize
        (Seen(c_water=every(-1.0), l_canopy=every(0.3)), TREES, 0.0),  # felled since
        (Seen(c_water=every(-1.0), c_canopy=every(9.0)), 0, 1.0),
        (
            Seen(c_water=every(-1.0), c_canopy=every(9.0)),
            CROPS,
            0.0,
        ),  # land cover knows better than a flat curve
        (Seen(c_water=every(-1.0), c_canopy=every(0.5)), 0, 0.0),
        (Seen(c_water=every(-1.0), l_canopy=every(9.0)), TOWN, 0.0),
    ],
)
def test_canopies_that_c_band_does_not_see_through(seen: Seen, code: int, expected: float) -> None:
    assert share(seen, Ground(landcover=cover(code)), Advisory.CANOPY_TOO_DENSE_FOR_C) == expected


def test_without_land_cover_the_volume_alone_tells_canopies() -> None:
    flag = Advisory.CANOPY_TOO_DENSE_FOR_C
    assert share(Seen(c_water=every(0.0), c_canopy=every(9.0)), Ground(), flag) == 1.0
    assert share(Seen(c_water=every(0.0)), Ground(), flag) == 0.0


# Cold


def scene_drop(
    rng: np.random.Generator, land_db: float, forest_db: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    forest = rng.random((60, 60)) < 0.3
    return np.where(forest, forest_db, land_db) + rng.normal(0.0, 1.5, forest.shape), forest


@pytest.mark.parametrize(
    ("land_db", "forest_db", "expected"),
    [(4.5, 4.0, True), (0.0, 0.0, False), (9.0, 0.1, False), (1.0, 4.0, False)],
)
def test_a_scene_is_cold_where_forest_darkens_too_and_not_where_half_the_land_is_flooded(
    land_db: float, forest_db: float, expected: bool
) -> None:
    drop, forest = scene_drop(np.random.default_rng(1), land_db, forest_db)
    assert advisory.cold(drop, forest) is expected
    assert advisory.cold(np.where(forest, np.nan, drop), forest) is False


def test_frost_and_snow() -> None:
    flag = Advisory.FROST_OR_WET_SNOW
    dropped = Seen(c_drop_db=every(4.0))
    assert share(Seen(snow=every(1.0)), Ground(), flag) == 1.0
    assert share(Seen(snow=every(0.0)), Ground(), flag) == 0.0
    assert share(dropped, Ground(landcover=cover(CROPS)), flag) == 0.0  # a flood would do the same
    assert share(dropped, Ground(landcover=cover(TREES)), flag) == 1.0
    assert share(dropped._replace(cold_scene=every(1.0)), Ground(landcover=cover(CROPS)), flag) == 1.0
    assert share(Seen(c_drop_db=every(1.0), cold_scene=every(1.0)), Ground(), flag) == 0.0


# Time and conflict


def test_evidence_is_old_beyond_the_half_life_of_the_ground() -> None:
    hours = np.array([100.0, 130.0, 130.0, np.nan])
    assert advisory.evidence_old(hours, [5.0, 5.0, 10.0, 5.0]).tolist() == [False, True, False, False]


def test_disagreement_needs_two_against_each_other_and_says_whether_time_may_explain_it() -> None:
    conflict = np.array([3.9, 4.5, 4.5, 4.5], np.float32)
    apart = np.array([0.0, 6.0, 40.0, np.nan])
    same_day, changed = advisory.disagreement(conflict, apart)
    assert same_day.tolist() == [False, True, False, True]
    assert changed.tolist() == [False, False, True, False]


# All


def test_water_evidence_is_against_open_ground() -> None:
    nats = np.full((1, 1, 8), -4.0, np.float32)
    nats[..., EvidenceClass.OPEN_WATER], nats[..., EvidenceClass.BARE_SOIL] = -1.0, 0.0
    expected = -1.0 - np.log(0.5 * (np.exp(-4.0) + 1.0))
    assert advisory.water_nats(nats)[0, 0] == pytest.approx(expected, abs=1e-5)


def test_nothing_known_raises_no_flag() -> None:
    assert not advisory.flags(Seen(), Ground(), SHAPE).any()
    unseen = Seen(*(every(np.nan) for _ in Seen._fields))
    ground = Ground(cover(0), every(np.nan), every(np.nan), np.zeros(SHAPE, bool))
    assert not advisory.flags(unseen, ground, SHAPE).any()


@reproducible
@given(seed=st.integers(0, 1000))
def test_flags_are_functions_of_the_pixel(seed: int) -> None:
    rng = np.random.default_rng(seed)
    seen = Seen(*(rng.normal(0, 3, SHAPE) for _ in Seen._fields))
    codes = rng.choice([0, 10, 40, 50, 60], SHAPE).astype(np.uint8)
    hand, slope, permanent = rng.uniform(0, 20, SHAPE), rng.uniform(0, 9, SHAPE), rng.random(SHAPE) < 0.1
    whole = advisory.flags(seen, Ground(codes, hand, slope, permanent), SHAPE)
    part = (slice(3, 17), slice(5, 30))
    cut = advisory.flags(
        Seen(*(v[part] for v in seen if v is not None)),
        Ground(codes[part], hand[part], slope[part], permanent[part]),
        (14, 25),
    )
    assert np.array_equal(whole[part], cut) and whole.dtype == np.uint16
