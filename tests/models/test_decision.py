"""What a pixel is called (models/decision)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from floodfuse.harmonize.classes import FLOODED, PLANTS_IN_WATER, EvidenceClass, MapClass
from floodfuse.models.bayes import Posterior
from floodfuse.models.decision import called, likeliest
from floodfuse.pipeline.decide import map_classes

Float = NDArray[np.float64]
WET, KINDS = tuple(int(k) for k in FLOODED), (tuple(int(k) for k in PLANTS_IN_WATER),)
MAPPED = {
    EvidenceClass.OPEN_WATER: MapClass.OPEN_FLOOD_WATER,
    EvidenceClass.FLOODED_FOREST: MapClass.FLOODED_VEGETATION,
    EvidenceClass.FLOODED_HERB: MapClass.FLOODED_VEGETATION,
    EvidenceClass.FLOODED_URBAN: MapClass.FLOODED_URBAN,
}
weights = arrays(np.float64, (8, 3, 4), elements=st.floats(0.001, 1.0))


def shares(weights: Float) -> Float:
    return np.asarray(weights / weights.sum(axis=0))


def by_hand(share: Float) -> int:
    """One pixel, case by case."""
    if share[:4].sum() > 0.5:
        of_kind = {0: share[0], 1: share[1] + share[2], 3: share[3]}
        kind = max(of_kind, key=lambda k: of_kind[k])
        return kind if kind != 1 else 1 + int(share[2] > share[1])
    return 4 + max(range(4), key=lambda k: share[4 + k])


@given(weights)
def test_pixels_are_called_as_case_by_case(weights: Float) -> None:
    share = shares(weights)
    found = called(share, WET, KINDS)
    for place in np.ndindex(found.shape):
        assert found[place] == by_hand(share[(slice(None), *place)])


@given(weights)
def test_scores_call_a_pixel_what_a_map_shows(weights: Float) -> None:
    share = shares(weights).astype(np.float32)
    classes = np.moveaxis(share, 0, -1)
    water = share[:4].sum(axis=0)
    nothing = np.zeros(water.shape, np.uint16)
    posterior = Posterior(classes, water, nothing.astype(np.uint8), np.ones(water.shape, np.uint8))
    shown = map_classes(posterior, nothing, None)
    expected = [
        MAPPED.get(EvidenceClass(k), MapClass.DRY_LAND) for k in called(share, WET, KINDS).ravel().tolist()
    ]
    assert shown.ravel().tolist() == expected


def test_water_of_several_kinds_is_not_outvoted_by_one_dry_class() -> None:
    share = np.array([0.2, 0.2, 0.2, 0.0, 0.4, 0.0, 0.0, 0.0])[:, None]
    assert called(share, WET).tolist() == [0] and share.argmax(axis=0).tolist() == [4]
    assert called(share, WET, KINDS).tolist() == [1]


@pytest.mark.parametrize("flooded", [(), (0, 1, 2)])
def test_where_all_or_nothing_is_water_the_likeliest_is_called(flooded: tuple[int, ...]) -> None:
    share = np.array([[0.3, 0.1], [0.3, 0.2], [0.4, 0.7]])
    assert called(share, flooded).tolist() == [2, 2]
    assert called(share, flooded, ((0, 1),)).tolist() == [0, 2]


@given(st.floats(0.0, 1.0))
def test_of_two_classes_the_likelier_is_called(p: float) -> None:
    assert called(np.array([1.0 - p, p]), (1,)) == int(p > 0.5)


def test_of_equals_the_first_is_called() -> None:
    assert likeliest(np.array([0.2, 0.1, 0.1, 0.2]), (0, 1, 2, 3), ((1, 2),)) == 0
