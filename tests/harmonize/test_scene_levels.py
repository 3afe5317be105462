"""Levels of dry ground told from high ground: simulated truth, what little ground tells, and what must have no say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from floodfuse.harmonize import push_forward
from floodfuse.harmonize.classes import DRY, EvidenceClass
from floodfuse.harmonize.densities import (
    GroundLevel,
    class_mean_db,
    class_sd_db,
    level_and_spread_db,
)
from floodfuse.harmonize.joint import POWER_AXIS_DB, Floor, ground_density, joint_table, robust
from floodfuse.harmonize.prior import log_prior
from floodfuse.harmonize.radiometry import noise_gamma0
from floodfuse.harmonize.scene_levels import FIELD_M, SCENE_SHARE, Samples, ground_levels

PAIR = (Floor("C_VV", -24.0), Floor("C_VH", -26.0))
L_PAIR = (Floor("L_HH", -30.0), Floor("L_HV", -34.0))
LOOKS, THETA = 17.0, 38.0
FOREST, LOW, SOIL = EvidenceClass.DRY_FOREST, EvidenceClass.DRY_LOW_VEG, EvidenceClass.BARE_SOIL
TREES, CROPS, BARE = 10, 40, 60  # land cover
HIGH_M, LOWEST_M = 30.0, 0.0

Float = NDArray[np.float64]


def share_of(cover: int, hand_m: float, n: int) -> NDArray[np.floating]:
    """ln prior share of classes of so many samples of a land cover at a height."""
    at = np.full((1, n), hand_m, np.float32)
    return log_prior((1, n), np.full((1, n), cover, np.uint8), at)[0]


def fields(
    rng: np.random.Generator,
    floors: tuple[Floor, Floor],
    k: EvidenceClass,
    n: int,
    shifts_db: tuple[float, float],
) -> tuple[Float, ...]:
    """Total power of fields that differ as they do within a scene, in a scene whose levels are shifted."""
    shared = rng.standard_normal(n)
    powers = []
    for floor, shift in zip(floors, shifts_db, strict=True):
        within = class_sd_db(floor.channel, k) * np.sqrt(1.0 - SCENE_SHARE)
        x = np.sqrt(0.6) * shared + np.sqrt(0.4) * rng.standard_normal(n)
        level = float(class_mean_db(floor.channel, k, THETA)) + shift + within * x
        mean = 10 ** (level / 10) + noise_gamma0(floor.nesz_db, THETA)
        powers.append(mean * rng.gamma(LOOKS, 1 / LOOKS, n))
    return tuple(powers)


def samples(powers: tuple[Float, ...], log_share: NDArray[np.floating], side_m: float = FIELD_M) -> Samples:
    return Samples(powers, np.full(powers[0].size, THETA), log_share, side_m, LOOKS)


def level_of(levels: tuple[GroundLevel, ...], channel: str, k: EvidenceClass) -> GroundLevel:
    return next(g for g in levels if g.channel == channel and g.ground == k)


@pytest.mark.parametrize("floors", [PAIR, L_PAIR])
@pytest.mark.parametrize("shifts_db", [(2.0, 1.5), (-2.0, -1.0), (0.0, 2.0)])
def test_levels_of_forest_are_recovered_with_their_spread(
    floors: tuple[Floor, Floor], shifts_db: tuple[float, float]
) -> None:
    rng = np.random.default_rng(1)
    powers = fields(rng, floors, FOREST, 3000, shifts_db)
    levels = ground_levels(samples(powers, share_of(TREES, HIGH_M, 3000)), floors)
    for floor, shift in zip(floors, shifts_db, strict=True):
        told = level_of(levels, floor.channel, FOREST)
        assert told.shift_db == pytest.approx(shift, abs=0.25)
        assert told.spread_ratio == pytest.approx(np.sqrt(1.0 - SCENE_SHARE), abs=0.08)


def test_plants_are_told_of_cropland_with_bare_fields_among_them() -> None:
    """A fifth of it ploughed, as the cover's shares have it, and bare ground besides: plants come out brighter, soil darker."""
    rng = np.random.default_rng(2)
    parts = [
        fields(rng, L_PAIR, LOW, 3200, (1.5, 2.0)),
        fields(rng, L_PAIR, SOIL, 800, (-1.5, -2.0)),
        fields(rng, L_PAIR, SOIL, 1500, (-1.5, -2.0)),
    ]
    powers = tuple(np.concatenate(p) for p in zip(*parts, strict=True))
    share = np.concatenate([share_of(CROPS, HIGH_M, 4000), share_of(BARE, HIGH_M, 1500)])
    levels = ground_levels(samples(powers, share), L_PAIR)
    assert level_of(levels, "L_HV", LOW).shift_db == pytest.approx(2.0, abs=0.8)
    assert level_of(levels, "L_HV", SOIL).shift_db == pytest.approx(-2.0, abs=0.8)


def test_a_class_is_told_only_where_it_is_usual() -> None:
    """Bright plants on cropland look like forest, and tell nothing of forest; nor does a forest of soil."""
    rng = np.random.default_rng(12)
    bright = fields(rng, PAIR, LOW, 500, (3.0, 3.0))
    of_crops = ground_levels(samples(bright, share_of(CROPS, HIGH_M, 500)), PAIR)
    of_trees = ground_levels(samples(bright, share_of(TREES, HIGH_M, 500)), PAIR)
    assert {g.ground for g in of_crops} == {LOW}
    assert {g.ground for g in of_trees} == {FOREST}


@pytest.mark.parametrize("floors", [PAIR, L_PAIR])
@pytest.mark.parametrize(
    ("cover", "k", "shift_db"),
    [(0, FOREST, 1.5), (CROPS, LOW, 0.0), (CROPS, LOW, 1.5), (0, LOW, 1.5), (0, SOIL, -2.0)],
)
def test_a_class_that_is_not_there_is_not_told_by_what_looks_most_like_it(
    floors: tuple[Floor, Floor], cover: int, k: EvidenceClass, shift_db: float
) -> None:
    """Else soil of a wooded scene would be as bright as its woods, and bare floodplains below them water."""
    rng = np.random.default_rng(13)
    powers = fields(rng, floors, k, 3000, (shift_db, shift_db))
    levels = ground_levels(samples(powers, share_of(cover, HIGH_M, 3000)), floors)
    for told in levels:
        assert abs(told.shift_db - (shift_db if told.ground == k else 0.0)) < 1.2, told
    assert {FOREST: SOIL, LOW: SOIL, SOIL: FOREST}[k] not in {g.ground for g in levels}
    assert k in {g.ground for g in levels}


def test_a_level_at_the_noise_floor_is_told_through_it() -> None:
    """Soil at L-HV, 7 dB darker than usual, lies below its noise floor: the floor is no level."""
    rng = np.random.default_rng(3)
    floors = (Floor("L_HH", -30.0), Floor("L_HV", -30.0))
    powers = fields(rng, floors, SOIL, 4000, (0.0, -3.0))
    told = level_of(ground_levels(samples(powers, share_of(BARE, HIGH_M, 4000)), floors), "L_HV", SOIL)
    assert told.shift_db == pytest.approx(-3.0, abs=0.8)


def test_the_fewer_fields_the_less_they_tell() -> None:
    """Shrunk to the prior, and as wide as it, as the ground that was sampled shrinks."""
    rng = np.random.default_rng(4)
    powers, share = fields(rng, PAIR, FOREST, 900, (2.0, 2.0)), share_of(TREES, HIGH_M, 900)
    told = [
        level_of(ground_levels(samples(powers, share, side), PAIR), "C_VV", FOREST)
        for side in (300.0, 30.0, 10.0, 0.1)
    ]
    shifts, ratios = [t.shift_db for t in told], [t.spread_ratio for t in told]
    assert shifts == sorted(shifts, reverse=True) and ratios == sorted(ratios)
    assert shifts[0] == pytest.approx(2.0, abs=0.2)
    assert shifts[-1] == pytest.approx(0.0, abs=0.05)
    assert ratios[-1] == pytest.approx(1.0, abs=0.02)


def test_samples_larger_than_a_field_count_once() -> None:
    rng = np.random.default_rng(5)
    powers, share = fields(rng, PAIR, FOREST, 300, (1.0, 1.0)), share_of(TREES, HIGH_M, 300)
    assert ground_levels(samples(powers, share, FIELD_M), PAIR) == ground_levels(
        samples(powers, share, 4 * FIELD_M), PAIR
    )


@pytest.mark.parametrize("cover", [0, CROPS, TREES])
def test_ground_that_may_be_flooded_has_no_say(cover: int) -> None:
    """Bright or dark, water or not: the lowest ground, and ground of unknown height, leave every level as it was."""
    rng = np.random.default_rng(6)
    dry, n = fields(rng, PAIR, FOREST, 500, (1.0, -1.0)), 2000
    anchors = share_of(TREES, HIGH_M, 500)
    alone = ground_levels(samples(dry, anchors), PAIR)
    for hand_m in (LOWEST_M, np.nan):
        for level in (1e-3, 1e-1):
            low = tuple(np.concatenate([p, np.full(n, level)]) for p in dry)
            share = np.concatenate([anchors, share_of(cover, hand_m, n)])
            assert ground_levels(samples(low, share), PAIR) == alone
    flood = tuple(np.full(n, 1e-3) for _ in PAIR)
    assert ground_levels(samples(flood, share_of(cover, LOWEST_M, n)), PAIR) == ()


def test_water_on_high_ground_is_taken_for_water() -> None:
    """A reservoir above the valley: a fifth of the samples, and the levels of plants and soil keep to what is around it."""
    rng = np.random.default_rng(7)
    dry, few = fields(rng, PAIR, LOW, 2000, (0.0, 0.0)), 400
    lake = tuple(m * rng.gamma(LOOKS, 1 / LOOKS, few) for m in (10**-2.0, 10**-2.55))
    powers = tuple(np.concatenate(p) for p in zip(dry, lake, strict=True))
    share = np.concatenate([share_of(CROPS, 8.0, 2000), share_of(CROPS, 8.0, few)])
    for told in ground_levels(samples(powers, share), PAIR):
        if told.ground == LOW:
            assert abs(told.shift_db) < 0.5


def test_samples_without_a_value_are_left_out() -> None:
    rng = np.random.default_rng(8)
    powers, share = fields(rng, PAIR, FOREST, 200, (1.0, 1.0)), share_of(TREES, HIGH_M, 200)
    holes = tuple(np.concatenate([p, [np.nan, 0.0, -1.0]]) for p in powers)
    more = np.concatenate([share, share[:3]])
    assert ground_levels(samples(holes, more), PAIR) == ground_levels(samples(powers, share), PAIR)
    nothing = tuple(np.full(3, np.nan) for _ in PAIR)
    assert ground_levels(samples(nothing, share[:3]), PAIR) == ()


@settings(max_examples=5, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_samples_changes_nothing(random: object) -> None:
    rng = np.random.default_rng(9)
    parts = [fields(rng, PAIR, FOREST, 100, (1.0, 0.5)), fields(rng, PAIR, SOIL, 100, (-1.0, 0.0))]
    powers = tuple(np.concatenate(p) for p in zip(*parts, strict=True))
    share = np.concatenate([share_of(TREES, HIGH_M, 100), share_of(CROPS, HIGH_M, 100)])
    order = list(range(200))
    random.shuffle(order)  # type: ignore[attr-defined]
    mixed = samples(tuple(p[order] for p in powers), share[order])
    for a, b in zip(ground_levels(samples(powers, share), PAIR), ground_levels(mixed, PAIR), strict=True):
        assert a.shift_db == pytest.approx(b.shift_db, abs=2e-3)
        assert a.spread_ratio == pytest.approx(b.spread_ratio, abs=2e-4)


def test_one_channel_alone_tells_its_level() -> None:
    rng = np.random.default_rng(10)
    vv, _ = fields(rng, PAIR, FOREST, 2000, (1.5, 0.0))
    (told,) = (
        g
        for g in ground_levels(samples((vv,), share_of(TREES, HIGH_M, 2000)), PAIR[:1])
        if g.ground == FOREST
    )
    assert told.channel == "C_VV" and told.shift_db == pytest.approx(1.5, abs=0.25)


def test_told_levels_make_other_ground_of_the_scene_likelier() -> None:
    """A proper score on ground that told nothing: mean ln p rises by more than a tenth of a nat where levels were off."""
    rng = np.random.default_rng(11)
    shifts = (2.0, 2.5)
    seen, unseen = (fields(rng, PAIR, FOREST, 2000, shifts) for _ in range(2))
    levels = ground_levels(samples(seen, share_of(TREES, HIGH_M, 2000)), PAIR)
    at = tuple(
        np.rint((10 * np.log10(p) - POWER_AXIS_DB[0]) / (POWER_AXIS_DB[1] - POWER_AXIS_DB[0])).astype(int)
        for p in unseen
    )
    before, after = (
        robust(ground_density(PAIR, FOREST, LOOKS, THETA, levels=told)[..., None])[..., 0][at].mean()
        for told in ((), levels)
    )
    assert after > before + 0.1


# How told levels enter densities.


def test_without_told_levels_the_prior_table_stands() -> None:
    other = (GroundLevel("L_HH", int(FOREST), 3.0, 0.5),)
    for k in DRY:
        prior = (float(class_mean_db("C_VV", k, 33.0)), class_sd_db("C_VV", k, 33.0))
        assert level_and_spread_db("C_VV", k, 33.0) == prior
        assert level_and_spread_db("C_VV", k, 33.0, other) == prior
    a, b = (joint_table(PAIR, 6.5, incidence_range_deg=(38.0, 38.0), levels=told) for told in ((), other))
    np.testing.assert_array_equal(a.values, b.values)


def test_what_stands_in_water_moves_with_its_dry_counterpart() -> None:
    levels = (GroundLevel("L_HH", int(FOREST), 1.2, 0.6),)
    dry_mean, dry_sd = level_and_spread_db("L_HH", FOREST, THETA, levels)
    mean, sd = level_and_spread_db("L_HH", EvidenceClass.FLOODED_FOREST, THETA, levels)
    prior = {k: level_and_spread_db("L_HH", k, THETA) for k in (FOREST, EvidenceClass.FLOODED_FOREST)}
    assert dry_mean - prior[FOREST][0] == pytest.approx(1.2)
    assert mean - prior[EvidenceClass.FLOODED_FOREST][0] == pytest.approx(1.2)
    assert dry_sd == pytest.approx(0.6 * prior[FOREST][1])
    lost = prior[FOREST][1] ** 2 - dry_sd**2
    assert sd**2 == pytest.approx(prior[EvidenceClass.FLOODED_FOREST][1] ** 2 - lost)


def test_herbs_in_water_keep_a_share_of_the_shift() -> None:
    """Models: 0.42 at C-VV, 0.21 at L-VV."""
    levels = (GroundLevel("C_VV", int(LOW), 2.0, 0.7),)
    (mean, sd), (prior_mean, prior_sd) = (
        level_and_spread_db("C_VV", EvidenceClass.FLOODED_HERB, THETA, told) for told in (levels, ())
    )
    assert 0.4 < mean - prior_mean < 0.8
    assert 0.9 * prior_sd < sd < prior_sd


@pytest.mark.parametrize(
    ("channel", "wet", "dry", "low", "high"),
    [(c, EvidenceClass.FLOODED_FOREST, FOREST, 0.95, 1.05) for c in ("C_VV", "C_VH", "C_HH", "L_HH", "L_HV")]
    + [("L_VV", EvidenceClass.FLOODED_FOREST, FOREST, 0.7, 0.85)]
    + [(c, EvidenceClass.FLOODED_HERB, LOW, 0.15, 0.45) for c in ("C_VV", "L_VV")],
)
def test_how_much_of_a_shift_is_kept_in_water_is_what_the_models_say(
    channel: str, wet: EvidenceClass, dry: EvidenceClass, low: float, high: float
) -> None:
    """Slope of the flooded level against the dry one of the same ground, over the models' draws."""
    a, b = (push_forward._draws_db(k, channel, np.array([THETA]))[:, 0] for k in (dry, wet))
    covariance = np.cov(a, b)
    assert low < covariance[0, 1] / covariance[0, 0] < high


def test_the_step_that_water_makes_keeps_a_spread_of_its_own() -> None:
    """However well dry forest is known: C-VV of flooded forest varies hardly more than that of dry forest."""
    levels = (GroundLevel("C_VV", int(FOREST), 0.0, 0.0),)
    sd = level_and_spread_db("C_VV", EvidenceClass.FLOODED_FOREST, THETA, levels)[1]
    assert sd == pytest.approx(0.5 * class_sd_db("C_VV", EvidenceClass.FLOODED_FOREST, THETA), abs=0.5)
    assert sd > 0.5
