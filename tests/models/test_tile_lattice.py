"""Where tiles lie (models/tile_lattice)."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from floodfuse.models.tile_lattice import (
    BLOCKS_FROM_PX,
    OVERLAP_PX,
    RIM_PX,
    SIDE_PX,
    STEP_PX,
    Place,
    Span,
    Window,
    covering,
    places,
    taper,
)

spans = st.builds(Span, st.integers(-5000, 5000), st.integers(1, 900))
ONE = Span(0, 1)


@given(spans)
def test_weights_of_tiles_add_up_to_one_at_every_pixel_wanted(span: Span) -> None:
    wanted = Window(span, ONE)
    around = covering(wanted, places(wanted))
    total = np.zeros(around.rows.length)
    for row in {place.row for place in places(wanted)}:
        assert row % STEP_PX == 0
        total[Place(row, 0).counting.rows.within(around.rows)] += taper()
    np.testing.assert_allclose(total[span.within(around.rows)], 1.0, atol=1e-6)
    assert around.rows.first + RIM_PX <= span.first
    assert span.length <= around.rows.length < span.length + 2 * SIDE_PX


@given(spans, spans)
def test_tiles_of_a_window_are_all_that_count_in_it(rows: Span, columns: Span) -> None:
    wanted = Window(rows, columns)
    found = places(wanted)
    assert found == sorted(set(found))
    for place in found:
        common = place.counting.common(wanted)
        assert min(common.shape) > 0
        assert covering(wanted, [place]).rows.first <= min(rows.first, place.row)
    beyond = Place(found[0].row - STEP_PX, found[0].column)
    assert beyond.counting.rows.end <= rows.first  # the next one up counts nowhere in it


@given(st.integers(-20, 20), st.integers(-20, 20), st.integers(1, 3))
def test_a_block_of_whole_steps_sees_hardly_more_than_itself(row: int, column: int, steps: int) -> None:
    """Once the blocks above and to the left have told theirs."""
    side = steps * STEP_PX
    window = Window(Span(row * STEP_PX + BLOCKS_FROM_PX, side), Span(column * STEP_PX + BLOCKS_FROM_PX, side))
    left, above = window.columns.first, window.rows.first
    mine = [p for p in places(window) if p.row + RIM_PX >= above and p.column + RIM_PX >= left]
    assert len(mine) == steps**2
    around = covering(window, mine)
    assert around.shape == (side + 2 * RIM_PX + OVERLAP_PX,) * 2


@given(spans, spans)
def test_a_part_of_a_window_lies_where_it_is_said_to_lie(rows: Span, columns: Span) -> None:
    part = Window(rows, columns)
    whole = covering(part, places(part))
    lattice = np.add.outer(np.arange(whole.rows.length), 10_000 * np.arange(whole.columns.length))
    at = lattice[part.within(whole)]
    assert at.shape == part.shape
    assert at[0, 0] == rows.first - whole.rows.first + 10_000 * (columns.first - whole.columns.first)
