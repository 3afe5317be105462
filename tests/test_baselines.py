"""The rules of others, as benchmarks have them: what they find, and what C band alone can't."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from benchmarks import baselines
from floodfuse.catalogs.simulated import radar
from floodfuse.catalogs.simulated.archive import make_scene
from floodfuse.catalogs.simulated.lattice import scene_lattice
from floodfuse.harmonize.classes import EvidenceClass, MapClass

Float32 = npt.NDArray[np.float32]
SIZE = 256


def _level(level_db: float, looks: float = 400.0) -> Float32:
    speckle = np.random.default_rng(0).gamma(looks, 1.0 / looks, (SIZE, SIZE))
    return (10.0 ** (level_db / 10.0) * speckle).astype(np.float32)


def _half(dark_db: float, bright_db: float) -> Float32:
    """Two levels with their edge in the middle of tiles."""
    left = np.arange(SIZE) < SIZE // 2 + baselines.TILE_PX // 2
    return np.where(left, _level(dark_db), _level(bright_db)).astype(np.float32)


def test_threshold_lies_between_two_modes_and_moves_with_them() -> None:
    hand = np.zeros((SIZE, SIZE), np.float32)
    for dark, bright in ((-20.0, -10.0), (-17.0, -12.0)):
        water = baselines.threshold_water(_half(dark, bright), _half(dark - 7.0, bright - 7.0), hand)
        edge = SIZE // 2 + baselines.TILE_PX // 2
        assert water[:, : edge - 3].all() and not water[:, edge + 3 :].any()


def test_water_must_be_dark_in_both_and_low() -> None:
    vv, vh = _half(-20.0, -10.0), _half(-26.0, -17.0)
    hand = np.zeros((SIZE, SIZE), np.float32)
    hand[SIZE // 2 :] = 20.0
    for rule in (baselines.threshold_water, baselines.dark_water):
        water = rule(vv, vh, hand)
        assert water[: SIZE // 2, :100].all() and not water[SIZE // 2 :].any()
        assert not rule(vv, _level(-17.0), hand).any()


def test_missing_values_are_never_water_and_one_level_has_no_threshold_of_its_own() -> None:
    hand = np.zeros((SIZE, SIZE), np.float32)
    vv, vh = _level(-20.0), _level(-27.0)
    vv[:40] = np.nan
    water = baselines.threshold_water(vv, vh, hand)
    assert not water[:40].any() and water[40:].all()
    assert not baselines.threshold_water(_level(-9.0), _level(-15.0), hand).any()


@pytest.mark.parametrize(
    ("copol", "crosspol", "cover", "flooded"),
    [(-8.0, -17.0, 90, True), (-8.0, -15.0, 90, False), (-8.0, -17.0, 40, False), (-17.0, -27.0, 90, False)],
)
def test_inundated_vegetation_by_ratio_level_and_cover(
    copol: float, crosspol: float, cover: int, flooded: bool
) -> None:
    landcover = np.full((SIZE, SIZE), cover, np.uint8)
    found = baselines.inundated_vegetation(_level(copol), _level(crosspol), landcover)
    assert found.mean() == pytest.approx(float(flooded), abs=0.001)


def test_trees_are_looked_at_only_where_asked_for() -> None:
    vv, vh, trees = _level(-8.0), _level(-17.0), np.full((SIZE, SIZE), 10, np.uint8)
    assert not baselines.inundated_vegetation(vv, vh, trees).any()
    assert baselines.inundated_vegetation(vv, vh, trees, baselines.WITH_TREES).mean() > 0.999


def test_open_water_is_found_and_flooded_forest_is_not_on_a_simulated_scene() -> None:
    flood = make_scene(scene_lattice(512), 0)
    maps = flood.landscape.maps
    images = radar.observe(radar.SENTINEL1, flood, -6.0, flood.landscape.lattice, 0)
    water = baselines.threshold_water(images["vv"], images["vh"], maps.hand)
    vegetation = baselines.inundated_vegetation(images["vv"], images["vh"], maps.landcover)
    forest = flood.surface_at(-6.0) == EvidenceClass.FLOODED_FOREST
    simple = baselines.as_map(water, maps.permanent_water)
    ruled = baselines.as_map(
        baselines.dark_water(images["vv"], images["vh"], maps.hand), maps.permanent_water, vegetation
    )
    truth = np.isin(flood.truth_at(), (MapClass.OPEN_FLOOD_WATER, MapClass.PERMANENT_WATER))
    for answer in (simple, ruled):
        found = np.isin(answer, (MapClass.OPEN_FLOOD_WATER, MapClass.PERMANENT_WATER))
        assert (found & truth).sum() > 0.5 * (found | truth).sum()
        assert (answer[forest] == MapClass.FLOODED_VEGETATION).mean() < 0.05
