"""Tiles that are told once (models/tile_memory)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodfuse.models.tile_lattice import Place, Span, Window, covering, places
from floodfuse.models.tile_memory import Claim, TileMemory, Told


def window(row: int, column: int, rows: int, columns: int) -> Window:
    return Window(Span(row, rows), Span(column, columns))


def of(place: Place) -> Told:
    return {"at": np.array(place, np.float32)}


def tell(claim: Claim) -> None:
    for place in claim.mine:
        claim.told[place].set_result(of(place))


def blocks(side: int, block: int) -> list[Window]:
    return [window(r, c, block, block) for r in range(0, side, block) for c in range(0, side, block)]


def test_every_tile_of_an_area_is_told_once_however_it_is_cut() -> None:
    memory = TileMemory()
    told: list[Place] = []
    for block in blocks(1200, 300):
        with memory.claim(block) as claim:
            tell(claim)
            assert {place: tile.result()["at"].tolist() for place, tile in claim.told.items()} == {
                place: list(place) for place in places(block)
            }
            told += claim.mine
    assert sorted(told) == places(window(0, 0, 1200, 1200))


def test_a_block_whose_tiles_are_known_needs_nothing_around_it() -> None:
    memory = TileMemory()
    block = window(50, 60, 20, 20)  # within one tile, and counting in no block but those beside it
    with memory.claim(block) as claim:
        assert claim.seen == covering(block, places(block))
        tell(claim)
    with memory.claim(window(50, 80, 20, 20)) as beside:
        assert beside.mine == () and beside.seen == beside.wanted


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 12))
def test_what_was_forgotten_is_told_anew(room: int) -> None:
    memory = TileMemory(room)
    for block in blocks(900, 300):
        with memory.claim(block) as claim:
            tell(claim)
            assert [tile.result()["at"].tolist() for tile in claim.told.values()] == [
                list(place) for place in places(block)
            ]
        assert len(memory._kept) <= room


def test_threads_side_by_side_wait_for_one_another_and_tell_nothing_twice() -> None:
    memory, both = TileMemory(), Barrier(2)

    def work(block: Window) -> tuple[Place, ...]:
        with memory.claim(block) as claim:
            both.wait(timeout=20)  # each has claimed before either tells
            tell(claim)
            for place, tile in claim.told.items():
                assert tile.result(timeout=20)["at"].tolist() == list(place)
            return claim.mine

    left, right = window(0, 0, 300, 300), window(0, 300, 300, 300)
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(work, (left, right)))
    assert set(told[0]).isdisjoint(told[1]) and len(told[0]) + len(told[1]) == len(
        {*places(left), *places(right)}
    )


def test_who_waits_for_a_block_that_failed_learns_why_and_others_begin_anew() -> None:
    memory = TileMemory()
    left, right = window(0, 0, 300, 300), window(0, 300, 300, 300)
    with pytest.raises(OSError, match="disk"), memory.claim(left):
        with memory.claim(right) as waiting:
            tell(waiting)
        raise OSError("disk")
    failed = [tile for tile in waiting.told.values() if tile.exception() is not None]
    assert failed and all(isinstance(tile.exception(), OSError) for tile in failed)
    with memory.claim(left) as again:
        assert set(again.mine) == set(places(left)) - set(waiting.mine)
        tell(again)


def test_a_claim_that_tells_nothing_is_no_silent_hang() -> None:
    memory, block = TileMemory(), window(0, 0, 64, 64)
    with memory.claim(block) as claim:
        pass
    with pytest.raises(RuntimeError, match="never told"):
        next(iter(claim.told.values())).result(timeout=1)
