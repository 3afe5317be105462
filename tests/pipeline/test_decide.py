"""From posterior to map: which class, and when none is given."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from floodfuse.harmonize.classes import Advisory, Decider, EvidenceClass, Exclusion, MapClass
from floodfuse.harmonize.history import Pass
from floodfuse.models.bayes import fuse
from floodfuse.pipeline import decide
from floodfuse.pipeline.ground import prior_of
from floodfuse.pipeline.weigh import Evidence

TREES, CROPS, TOWN, WETLAND = 10, 40, 50, 90


def evidence_for(
    k: EvidenceClass, nats: float, shape: tuple[int, int] = (1, 1), hours: float = 6.0
) -> Evidence:
    """Evidence of one sensor that prefers one class to all others by so many nats."""
    values = np.full((*shape, len(EvidenceClass)), -nats, np.float32)
    values[..., k] = 0.0
    seen = np.ones(shape, bool)
    return Evidence(values, np.full(shape, hours, np.float32), ~seen, {"a": seen})


def blind(shape: tuple[int, int] = (1, 1), hidden: bool = False) -> Evidence:
    """Evidence of a sensor that saw nothing."""
    nothing = np.full(shape, np.nan, np.float32)
    values = np.full((*shape, len(EvidenceClass)), np.nan, np.float32)
    return Evidence(values, nothing, np.full(shape, hidden), {"a": np.zeros(shape, bool)})


def terrain(**layers: float) -> xr.Dataset:
    """One pixel of ground."""
    kinds = {"landcover": np.uint8}
    return xr.Dataset(
        {
            name: (("y", "x"), np.full((1, 1), value, kinds.get(name, np.float32)))
            for name, value in layers.items()
        }
    )


def decided(
    evidence: dict[Decider, Evidence], ground: xr.Dataset, inside: bool = True
) -> dict[str, NDArray[np.generic]]:
    share = prior_of(ground, (1, 1))
    posterior = fuse({who: e.nats for who, e in evidence.items()}, share)
    return decide.layers(evidence, posterior, ground, np.full((1, 1), inside), share)


def class_of(evidence: dict[Decider, Evidence], ground: xr.Dataset, inside: bool = True) -> int:
    return int(decided(evidence, ground, inside)["flood_class"][0, 0])


@pytest.mark.parametrize(
    ("k", "expected"),
    [
        (EvidenceClass.OPEN_WATER, MapClass.OPEN_FLOOD_WATER),
        (EvidenceClass.FLOODED_FOREST, MapClass.FLOODED_VEGETATION),
        (EvidenceClass.FLOODED_HERB, MapClass.FLOODED_VEGETATION),
        (EvidenceClass.FLOODED_URBAN, MapClass.FLOODED_URBAN),
        (EvidenceClass.BARE_SOIL, MapClass.DRY_LAND),
    ],
)
def test_overwhelming_evidence_for_a_class_gives_its_map_class(k: EvidenceClass, expected: MapClass) -> None:
    assert class_of({Decider.SENTINEL1: evidence_for(k, 20.0)}, terrain()) == expected


def test_open_water_is_permanent_only_where_the_layer_says_so() -> None:
    water = {Decider.SENTINEL1: evidence_for(EvidenceClass.OPEN_WATER, 4.0)}
    assert class_of(water, terrain(permanent_water=90.0)) == MapClass.PERMANENT_WATER
    assert class_of(water, terrain(permanent_water=40.0)) == MapClass.OPEN_FLOOD_WATER
    assert class_of(water, terrain()) == MapClass.OPEN_FLOOD_WATER


def test_trees_are_excluded_unless_a_sensor_reached_the_ground() -> None:
    canopy = np.full((1, 1, 8), -4.0, np.float32)
    canopy[..., [EvidenceClass.FLOODED_FOREST, EvidenceClass.DRY_FOREST]] = 0.0
    c_band = {Decider.SENTINEL1: evidence_for(EvidenceClass.DRY_FOREST, 4.0)._replace(nats=canopy)}
    low, high = terrain(landcover=TREES, hand=1.0), terrain(landcover=TREES, hand=40.0)
    found = decided(c_band, low)
    assert found["flood_class"][0, 0] == MapClass.EXCLUDED
    assert int(found["exclusion"][0, 0]) & Exclusion.CANOPY_HIDES_GROUND
    assert class_of(c_band, high) == MapClass.DRY_LAND  # no flood could be there
    dry = c_band | {Decider.ALOS2: evidence_for(EvidenceClass.DRY_FOREST, 2.0)}
    wet = c_band | {Decider.ALOS2: evidence_for(EvidenceClass.FLOODED_FOREST, 2.0)}
    assert class_of(dry, low) == MapClass.DRY_LAND
    assert class_of(wet, low) == MapClass.FLOODED_VEGETATION


def test_a_town_on_low_ground_is_never_called_dry() -> None:
    dry = {Decider.SENTINEL1: evidence_for(EvidenceClass.URBAN, 4.0)}
    assert class_of(dry, terrain(landcover=TOWN, hand=1.0)) == MapClass.EXCLUDED
    assert class_of(dry, terrain(landcover=TOWN, hand=40.0)) == MapClass.DRY_LAND


def test_reeds_on_low_ground_are_dry_only_where_a_radar_says_so() -> None:
    plants = np.full((1, 1, 8), -4.0, np.float32)
    plants[..., [EvidenceClass.FLOODED_HERB, EvidenceClass.DRY_LOW_VEG]] = 0.0
    either = {Decider.SENTINEL1: evidence_for(EvidenceClass.DRY_LOW_VEG, 4.0)._replace(nats=plants)}
    found = decided(either, terrain(landcover=WETLAND, hand=0.5))
    assert found["flood_class"][0, 0] == MapClass.EXCLUDED
    assert int(found["exclusion"][0, 0]) & Exclusion.REEDS_HIDE_WATER
    assert class_of(either, terrain(landcover=WETLAND, hand=40.0)) == MapClass.DRY_LAND
    assert class_of(either, terrain(landcover=CROPS, hand=0.5)) == MapClass.DRY_LAND
    dry = {Decider.SENTINEL1: evidence_for(EvidenceClass.DRY_LOW_VEG, 4.0)}
    assert class_of(dry, terrain(landcover=WETLAND, hand=0.5)) == MapClass.DRY_LAND
    # Rarely flooded ground where no sensor tells: the prior alone makes no plant of a wetland dry.
    assert class_of(either, terrain(landcover=WETLAND, hand=8.0)) == MapClass.EXCLUDED


def test_where_snow_is_seen_a_radar_alone_finds_no_water() -> None:
    radar = {Decider.SENTINEL1: evidence_for(EvidenceClass.OPEN_WATER, 4.0)}
    snow = {"snow": np.ones((1, 1), np.float32)}
    scene = radar | {Decider.SENTINEL2: blind(hidden=True)._replace(hints=snow)}
    found = decided(scene, terrain(hand=0.5))
    assert found["flood_class"][0, 0] == MapClass.EXCLUDED
    assert int(found["exclusion"][0, 0]) & Exclusion.SNOW_OR_FROST
    assert class_of(scene, terrain(permanent_water=95.0)) == MapClass.PERMANENT_WATER
    assert class_of(radar, terrain(hand=0.5)) == MapClass.OPEN_FLOOD_WATER
    land = scene | {Decider.SENTINEL1: evidence_for(EvidenceClass.BARE_SOIL, 4.0)}
    assert class_of(land, terrain(hand=0.5)) == MapClass.DRY_LAND


def test_not_observed_is_never_dry() -> None:
    for ground in (terrain(), terrain(landcover=CROPS, hand=30.0, permanent_water=100.0)):
        found = decided({Decider.SENTINEL1: blind()}, ground)
        assert found["flood_class"][0, 0] == MapClass.NOT_OBSERVED
        assert np.isnan(found["probability"][0, 0])
        assert int(found["exclusion"][0, 0]) & Exclusion.NO_VALID_SENSOR
    assert class_of({}, terrain()) == MapClass.NOT_OBSERVED


@pytest.mark.parametrize("nats", [0.0, 0.01])
def test_a_prior_alone_floods_nothing(nats: float) -> None:
    """Evidence that says next to nothing, as that of another fortnight does, leaves the pixel without an answer."""
    found = decided({Decider.SENTINEL1: evidence_for(EvidenceClass.BARE_SOIL, nats)}, terrain())
    assert found["flood_class"][0, 0] == MapClass.EXCLUDED
    assert int(found["exclusion"][0, 0]) & Exclusion.EVIDENCE_TOO_WEAK
    assert found["probability"][0, 0] == pytest.approx(0.5, abs=0.01)
    clear = decided({Decider.SENTINEL1: evidence_for(EvidenceClass.BARE_SOIL, 1.0)}, terrain())
    assert clear["flood_class"][0, 0] == MapClass.DRY_LAND


def test_where_the_prior_is_sure_weak_evidence_does_not_matter() -> None:
    nothing = {Decider.SENTINEL1: evidence_for(EvidenceClass.BARE_SOIL, 0.0)}
    assert class_of(nothing, terrain(hand=40.0, slope=12.0)) == MapClass.DRY_LAND
    assert class_of(nothing, terrain(permanent_water=95.0)) == MapClass.PERMANENT_WATER


def test_masks_say_why() -> None:
    radar = int(decided({Decider.SENTINEL1: blind(hidden=True)}, terrain())["exclusion"][0, 0])
    optical = int(decided({Decider.SENTINEL2: blind(hidden=True)}, terrain())["exclusion"][0, 0])
    assert radar & Exclusion.LAYOVER_OR_SHADOW and not radar & Exclusion.CLOUD
    assert optical & Exclusion.CLOUD and not optical & Exclusion.LAYOVER_OR_SHADOW


def test_outside_the_area_nothing_is_said() -> None:
    found = decided({Decider.SENTINEL1: evidence_for(EvidenceClass.OPEN_WATER, 4.0)}, terrain(), inside=False)
    assert found["flood_class"][0, 0] == MapClass.NOT_OBSERVED
    assert np.isnan(found["probability"][0, 0])
    assert found["deciding_sensor"][0, 0] == Decider.NONE
    assert int(found["exclusion"][0, 0]) & Exclusion.OUTSIDE_AREA


def test_age_is_that_of_the_sensor_that_decided() -> None:
    weak = evidence_for(EvidenceClass.OPEN_WATER, 0.5, hours=2.0)
    strong = evidence_for(EvidenceClass.OPEN_WATER, 3.5, hours=30.0)
    found = decided({Decider.SENTINEL1: weak, Decider.SENTINEL2: strong}, terrain())
    assert found["deciding_sensor"][0, 0] == Decider.SENTINEL2
    assert found["evidence_age"][0, 0] == 30.0
    assert found["sensor_count"][0, 0] == 2


def at(who: Decider, k: EvidenceClass, nats: float, hours: float) -> dict[Decider, Evidence]:
    """One sensor with its own pass, so many hours from the product's time."""
    told = evidence_for(k, nats, hours=abs(hours))
    llr = np.full((1, 1), nats if k == EvidenceClass.OPEN_WATER else -nats, np.float32)
    return {who: told._replace(passes=(Pass("a", hours / 24.0, llr),))}


W, SOIL = EvidenceClass.OPEN_WATER, EvidenceClass.BARE_SOIL


def test_conflict_is_between_sensors_that_see_and_none_where_one_sees() -> None:
    wet, dry = at(Decider.SENTINEL1, W, 4.0, -2.0), at(Decider.SENTINEL2, SOIL, 4.0, 5.0)
    assert decided(wet | dry, terrain())["conflict"][0, 0] > 4.0
    assert decided(wet, terrain())["conflict"][0, 0] == 0.0
    assert decided(wet | {Decider.ALOS2: blind()}, terrain())["conflict"][0, 0] == 0.0
    assert np.isnan(decided({Decider.SENTINEL1: blind()}, terrain())["conflict"][0, 0])
    assert np.isnan(decided({}, terrain())["conflict"][0, 0])
    agreed = decided(wet | at(Decider.SENTINEL2, W, 4.0, 5.0), terrain())["conflict"][0, 0]
    assert agreed == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize(
    ("hours", "flag"),
    [(5.0, Advisory.SENSORS_DISAGREE), (30.0, Advisory.CHANGED_BETWEEN_PASSES)],
)
def test_sensors_that_contradict_each_other_are_flagged_by_how_far_their_passes_lie_apart(
    hours: float, flag: Advisory
) -> None:
    wet, dry = at(Decider.SENTINEL1, W, 4.0, -2.0), at(Decider.SENTINEL2, SOIL, 4.0, hours)
    both = Advisory.SENSORS_DISAGREE | Advisory.CHANGED_BETWEEN_PASSES
    assert Advisory(int(decided(wet | dry, terrain())["advisory"][0, 0])) & both == flag
    weak = at(Decider.SENTINEL1, W, 2.0, -2.0) | at(Decider.SENTINEL2, SOIL, 1.0, hours)
    assert not Advisory(int(decided(weak, terrain())["advisory"][0, 0])) & both


def test_equal_ages_before_and_after_are_far_apart_in_time() -> None:
    wet, dry = at(Decider.SENTINEL1, W, 4.0, -20.0), at(Decider.SENTINEL2, SOIL, 4.0, 20.0)
    assert decide.hours_apart(wet | dry, (1, 1))[0, 0] == pytest.approx(40.0)
    assert Advisory.CHANGED_BETWEEN_PASSES in Advisory(int(decided(wet | dry, terrain())["advisory"][0, 0]))


def test_old_evidence_is_flagged_by_how_long_water_stays_there() -> None:
    water = at(Decider.SENTINEL1, W, 3.0, -80.0)
    high, low = (int(decided(water, terrain(hand=h))["advisory"][0, 0]) for h in (5.0, 0.5))
    assert high & Advisory.EVIDENCE_OLD and not low & Advisory.EVIDENCE_OLD


def both_radars(c_water: float, c_hours: float = 6.0, l_water: float = 3.0) -> dict[Decider, Evidence]:
    """L band that says open water by `l_water` nats over all else, and C band that says it by `c_water` over bare soil."""
    radars = at(Decider.ALOS2, W, l_water, 0.0) | at(Decider.SENTINEL1, W, 3.0, c_hours)
    values = radars[Decider.SENTINEL1].nats.copy()
    values[..., SOIL] = -c_water
    return radars | {Decider.SENTINEL1: radars[Decider.SENTINEL1]._replace(nats=values)}


def test_open_water_by_l_band_alone_is_no_answer_where_another_sensor_looked_in_vain() -> None:
    found = decided(both_radars(-1.5), terrain(hand=0.5))
    assert found["flood_class"][0, 0] == MapClass.EXCLUDED
    assert int(found["exclusion"][0, 0]) & Exclusion.SMOOTH_GROUND
    assert found["probability"][0, 0] > 0.6  # what evidence comes to is told all the same
    assert class_of(both_radars(1.5), terrain(hand=0.5)) == MapClass.OPEN_FLOOD_WATER
    assert class_of(both_radars(0.5), terrain(hand=0.5)) == MapClass.EXCLUDED  # half a nat is no witness
    assert class_of(both_radars(0.5, l_water=0.4), terrain(hand=0.5)) == MapClass.OPEN_FLOOD_WATER
    alone = at(Decider.ALOS2, W, 3.0, 0.0)
    assert class_of(alone, terrain(hand=0.5)) == MapClass.OPEN_FLOOD_WATER
    assert class_of(alone | {Decider.SENTINEL1: blind()}, terrain(hand=0.5)) == MapClass.OPEN_FLOOD_WATER
    camera = at(Decider.SENTINEL2, W, 3.0, 30.0)
    assert class_of(both_radars(-1.5) | camera, terrain(hand=0.5)) == MapClass.OPEN_FLOOD_WATER
    assert class_of(both_radars(-1.5), terrain(permanent_water=95.0)) == MapClass.PERMANENT_WATER


def test_a_sensor_was_asked_only_while_the_ground_was_the_same() -> None:
    """Floods stay ten days on the lowest ground and two on higher: what looked later is no witness against water."""
    for days, hand, expected in (
        (4.0, 0.5, MapClass.EXCLUDED),
        (-4.0, 0.5, MapClass.EXCLUDED),
        (11.0, 0.5, MapClass.OPEN_FLOOD_WATER),
        (4.0, 3.5, MapClass.OPEN_FLOOD_WATER),
    ):
        assert class_of(both_radars(-1.5, 24.0 * days), terrain(hand=hand)) == expected, (days, hand)


def test_optical_tells_sand_from_water_only_within_a_day_of_the_radar() -> None:
    """Later the water may be gone: that is a change between passes, and no sand."""
    for hours, flag in ((10.0, Advisory.DRY_SAND_OR_SMOOTH_FIELD), (40.0, Advisory.CHANGED_BETWEEN_PASSES)):
        both = at(Decider.SENTINEL1, W, 4.0, -2.0) | at(Decider.SENTINEL2, SOIL, 4.0, hours)
        found = Advisory(int(decided(both, terrain())["advisory"][0, 0]))
        other = Advisory.DRY_SAND_OR_SMOOTH_FIELD | Advisory.CHANGED_BETWEEN_PASSES
        assert found & other == flag


def test_flags_change_no_class_and_are_none_where_nothing_is_said() -> None:
    water = at(Decider.SENTINEL1, W, 4.0, -2.0)
    sand = {
        Decider.SENTINEL1: water[Decider.SENTINEL1]._replace(
            hints={"near_hidden": np.ones((1, 1), np.float32)}
        )
    }
    plain, flagged = decided(water, terrain(landcover=60)), decided(sand, terrain(landcover=60))
    assert (
        int(flagged["advisory"][0, 0])
        == Advisory.DRY_SAND_OR_SMOOTH_FIELD | Advisory.LAYOVER_OR_SHADOW_NEARBY
    )
    for name in set(plain) - {"advisory"}:
        assert np.array_equal(plain[name], flagged[name], equal_nan=True), name
    for nothing in (decided(sand, terrain(), inside=False), decided({Decider.SENTINEL1: blind()}, terrain())):
        assert nothing["advisory"][0, 0] == 0 and np.isnan(nothing["ever_flooded"][0, 0])


def test_water_of_another_day_shows_as_ever_flooded_and_not_as_flooded_now() -> None:
    dry_now = at(Decider.SENTINEL1, SOIL, 4.0, 0.0)
    alone = decided(dry_now, terrain())
    assert alone["ever_flooded"][0, 0] == alone["probability"][0, 0]
    wet_before = Pass("b", -4.0, np.full((1, 1), 4.0, np.float32))
    both = dry_now[Decider.SENTINEL1]._replace(passes=(*dry_now[Decider.SENTINEL1].passes, wet_before))
    found = decided({Decider.SENTINEL1: both}, terrain())
    assert found["probability"][0, 0] == alone["probability"][0, 0] < 0.1
    assert found["ever_flooded"][0, 0] > 0.4


def test_uncertainty_is_one_bit_at_even_odds_and_none_at_certainty() -> None:
    bits = decide.entropy_bits(np.array([0.5, 0.0, 1.0, 0.11], np.float32))
    assert bits == pytest.approx([1.0, 0.0, 0.0, 0.49992], abs=1e-4)
