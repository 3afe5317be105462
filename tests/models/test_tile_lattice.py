"""Where tiles lie (models/tile_lattice)."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from floodfuse.models.tile_lattice import (
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


@given(spans, spans)
def test_a_part_of_a_window_lies_where_it_is_said_to_lie(rows: Span, columns: Span) -> None:
    part = Window(rows, columns)
    whole = covering(part, places(part))
    lattice = np.add.outer(np.arange(whole.rows.length), 10_000 * np.arange(whole.columns.length))
    at = lattice[part.within(whole)]
    assert at.shape == part.shape
    assert at[0, 0] == rows.first - whole.rows.first + 10_000 * (columns.first - whole.columns.first)
