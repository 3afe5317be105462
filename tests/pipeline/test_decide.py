"""From posterior to map: which class, and when none is given."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from floodfuse.harmonize.classes import Decider, EvidenceClass, Exclusion, MapClass
from floodfuse.models.bayes import fuse
from floodfuse.pipeline import decide
from floodfuse.pipeline.weigh import Evidence

TREES, CROPS, TOWN = 10, 40, 50


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
    share = decide.prior_of(ground, (1, 1))
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


def test_uncertainty_is_one_bit_at_even_odds_and_none_at_certainty() -> None:
    bits = decide.entropy_bits(np.array([0.5, 0.0, 1.0, 0.11], np.float32))
    assert bits == pytest.approx([1.0, 0.0, 0.0, 0.49992], abs=1e-4)
