"""The class tables: complete, consistent, and fit for the formats that carry them."""

from __future__ import annotations

import numpy as np

from floodfuse.harmonize.classes import (
    ADVISORY_LABELS,
    DECIDER_LABELS,
    DRY,
    EXCLUSION_LABELS,
    FLOOD_CLASSES,
    FLOODED,
    LEGEND,
    WATER_CLASSES,
    Advisory,
    Decider,
    EvidenceClass,
    Exclusion,
    MapClass,
)


def test_evidence_classes_are_the_class_axis_flooded_ones_first() -> None:
    """Fusion slices the class axis: [: len(FLOODED)] is water in any form."""
    assert [int(k) for k in (*FLOODED, *DRY)] == list(range(len(EvidenceClass)))


def test_every_map_class_has_a_legend_that_tells_it_from_the_others() -> None:
    assert set(LEGEND) == set(MapClass)
    assert len({legend.label for legend in LEGEND.values()}) == len(MapClass)
    assert len({legend.rgba for legend in LEGEND.values()}) == len(MapClass)
    assert len({legend.meaning for legend in LEGEND.values()}) == len(MapClass)
    assert all(0 <= part <= 255 for legend in LEGEND.values() for part in legend.rgba)


def test_map_values_fit_a_byte_and_excluded_or_unobserved_ground_is_no_kind_of_water() -> None:
    assert all(0 <= value <= np.iinfo(np.uint8).max for value in MapClass)
    neither = {MapClass.EXCLUDED, MapClass.NOT_OBSERVED, MapClass.DRY_LAND}
    assert not neither & set(WATER_CLASSES)
    assert len(neither) == 3


def test_permanent_water_is_water_but_never_flood() -> None:
    assert MapClass.PERMANENT_WATER in WATER_CLASSES
    assert MapClass.PERMANENT_WATER not in FLOOD_CLASSES
    assert set(FLOOD_CLASSES) < set(WATER_CLASSES)


def test_only_unobserved_ground_is_transparent() -> None:
    assert [k for k, legend in LEGEND.items() if legend.rgba[3] < 255] == [MapClass.NOT_OBSERVED]


def test_every_decider_and_every_reason_for_exclusion_has_its_words() -> None:
    assert set(DECIDER_LABELS) == set(Decider)
    assert set(EXCLUSION_LABELS) == set(Exclusion)
    assert len(set(DECIDER_LABELS.values())) == len(Decider)
    assert len(set(EXCLUSION_LABELS.values())) == len(Exclusion)


def test_advisories_are_single_bits_with_their_words() -> None:
    assert set(ADVISORY_LABELS) == set(Advisory)
    assert len(set(ADVISORY_LABELS.values())) == len(Advisory)
    assert all(int(flag).bit_count() == 1 for flag in Advisory)
    assert (
        sum(int(flag) for flag in Advisory) < np.iinfo(np.uint16).max
    )  # which marks "no value" in a GeoTIFF


def test_exclusion_reasons_are_single_bits_that_leave_room_for_no_value() -> None:
    bits = [int(reason) for reason in Exclusion]
    assert all(bit.bit_count() == 1 for bit in bits)
    assert sum(bits) < np.iinfo(np.uint16).max  # which marks "no value" in a GeoTIFF
    both = Exclusion.CLOUD | Exclusion.BUILT_UP
    assert Exclusion.CLOUD in both and Exclusion.STEEP_OR_HIGH not in both
