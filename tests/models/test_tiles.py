"""A network over a window, tile by tile: the window changes nothing (models/tiles)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from floodfuse.models import tiles
from floodfuse.models.chips import View
from floodfuse.models.inputs import evidence as inputs
from floodfuse.models.networks.build import NetworkSettings, build
from floodfuse.models.networks.fusion import FusionNetwork
from floodfuse.models.networks.physics import Physics
from floodfuse.models.predict import predict
from floodfuse.models.tile_lattice import Span, Window, covering, places
from floodfuse.models.tile_memory import TileMemory
from floodfuse.models.tiles import Spoken, speak

GROUND = inputs.GROUND
VIEWS = {"c/now": 9, "l/now": 9, GROUND: 12}
WORLD_PX = 1100
FIRST = -500  # row and column of the world's corner on the lattice

Float32 = NDArray[np.float32]


@pytest.fixture(scope="module")
def world() -> dict[str, View]:
    """Views over a stretch of the lattice on both sides of its origin; the L band sees half of it."""
    rng = np.random.default_rng(5)
    seen = {name: np.ones((WORLD_PX, WORLD_PX), bool) for name in VIEWS}
    seen["l/now"][:, : WORLD_PX // 2] = False
    seen["c/now"][100:140, 200:260] = False
    return {
        name: View(rng.normal(size=(n, WORLD_PX, WORLD_PX)).astype(np.float32), seen[name])
        for name, n in VIEWS.items()
    }


@pytest.fixture(scope="module")
def network() -> FusionNetwork:
    torch.manual_seed(3)
    made = NetworkSettings(strategy="attention", encoder="tu-resnet10t", fold=2, decoder=(16, 12, 8, 8, 8))
    return build(made, VIEWS, 8).eval()


def window(row: int, column: int, rows: int, columns: int) -> Window:
    return Window(Span(row, rows), Span(column, columns))


def cut(world: dict[str, View], place: Window) -> dict[str, View]:
    rows, columns = (slice(span.first - FIRST, span.first - FIRST + span.length) for span in place)
    assert min(rows.start, columns.start) >= 0 and max(rows.stop, columns.stop) <= WORLD_PX
    return {name: View(v.values[:, rows, columns], v.seen[rows, columns]) for name, v in world.items()}


def said(
    network: FusionNetwork, world: dict[str, View], place: Window, memory: TileMemory | None = None
) -> Spoken:
    with (memory or TileMemory()).claim(place) as claim:
        return speak(network, cut(world, claim.seen), claim, GROUND)


@settings(max_examples=5, deadline=None)
@given(st.integers(-40, 150), st.integers(-40, 150), st.integers(1, 150), st.integers(1, 150))
def test_a_part_is_told_as_in_the_whole(
    network: FusionNetwork, world: dict[str, View], row: int, column: int, rows: int, columns: int
) -> None:
    whole = said(network, world, window(-40, -40, 340, 340))
    part = said(network, world, window(row, column, rows, columns))
    at = (..., slice(row + 40, row + 40 + rows), slice(column + 40, column + 40 + columns))
    np.testing.assert_allclose(part.probability, whole.probability[at], atol=1e-5)
    assert part.weights is not None and whole.weights is not None
    np.testing.assert_allclose(part.weights, whole.weights[at], atol=1e-5)


def test_tiles_to_a_pass_change_nothing(
    network: FusionNetwork, world: dict[str, View], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = window(0, 0, 250, 250)
    alone = said(network, world, place)
    monkeypatch.setitem(tiles.BATCH, "cpu", 3)
    together = said(network, world, place)
    np.testing.assert_allclose(together.probability, alone.probability, atol=1e-5)


def test_probabilities_and_weights_add_up_to_one_and_blind_sensors_weigh_nothing(
    network: FusionNetwork, world: dict[str, View]
) -> None:
    place = window(-60, -60, 300, 300)
    spoken = said(network, world, place)
    assert spoken.weights is not None
    np.testing.assert_allclose(spoken.probability.sum(axis=0), 1.0, atol=1e-5)
    np.testing.assert_allclose(spoken.weights.sum(axis=0), 1.0, atol=1e-5)
    by_sensor = dict(zip(network.sensors, spoken.weights, strict=True))
    blind = ~cut(world, place)["l/now"].seen
    assert blind.any() and not blind.all()
    assert np.all(by_sensor["l"][blind] == 0.0) and by_sensor["l"][~blind].max() > 0.0


def test_what_needs_no_surroundings_is_told_as_without_tiles(world: dict[str, View]) -> None:
    """Blending tiles of Bayes' rule is Bayes' rule."""
    physics, place = Physics(VIEWS, 8).eval(), window(30, -20, 200, 170)
    whole = predict(physics, cut(world, place), turns=False)
    np.testing.assert_allclose(said(physics, world, place).probability, whole, atol=1e-6)


def test_where_no_sensor_sees_nothing_is_told(network: FusionNetwork, world: dict[str, View]) -> None:
    place = window(0, 0, 64, 64)
    given = cut(world, covering(place, places(place)))
    dark = {name: View(v.values, v.seen & (name == GROUND)) for name, v in given.items()}
    with TileMemory().claim(place) as claim:
        assert not speak(network, dark, claim, GROUND).probability.any()


def test_views_that_do_not_reach_far_enough_are_refused(
    network: FusionNetwork, world: dict[str, View]
) -> None:
    place = window(0, 0, 64, 64)
    with pytest.raises(ValueError, match="the tiles need"), TileMemory().claim(place) as claim:
        speak(network, cut(world, place), claim, GROUND)


def test_blocks_that_share_tiles_say_what_they_say_alone_and_see_less(
    network: FusionNetwork, world: dict[str, View]
) -> None:
    memory = TileMemory()
    first, second = window(0, 0, 150, 130), window(0, 130, 150, 120)
    said(network, world, first, memory)
    with memory.claim(second) as claim:
        beside = speak(network, cut(world, claim.seen), claim, GROUND)
    alone = said(network, world, second)
    np.testing.assert_allclose(beside.probability, alone.probability, atol=1e-5)
    assert alone.weights is not None and beside.weights is not None
    np.testing.assert_allclose(beside.weights, alone.weights, atol=1e-5)
    assert len(claim.mine) < len(places(second)) and np.prod(claim.seen.shape) < np.prod(
        covering(second, places(second)).shape
    )
