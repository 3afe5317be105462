"""Where a network's tiles lie on the lattice, and how much each counts at a pixel.

Tiles lie at fixed places: rows and columns that are multiples of `STEP_PX`. The rim of a tile, where a network sees the end of the
world, counts nothing; where two tiles lap over, their weights are the halves of a cosine, which add up to one.

    rim 0 | rise over OVERLAP_PX | 1 | fall over OVERLAP_PX | rim 0

Networks that see more ground at once find more of a flood (`benchmarks/tile_sides.py`); what lies beyond the area must be read and weighed for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

SIDE_PX = 512
RIM_PX = 16
OVERLAP_PX = 32
STEP_PX = SIDE_PX - 2 * RIM_PX - OVERLAP_PX
BLOCKS_FROM_PX = RIM_PX
"""A row, and column, at which blocks of whole steps may begin: a tile begins to count there. Such a block is the first to ask for the tiles
that begin beside it and for none that lies mostly beyond it, and what it must see ends with them."""


class Span(NamedTuple):
    """A stretch of pixels along one axis of the lattice."""

    first: int
    length: int

    @property
    def end(self) -> int:
        """The pixel after its last."""
        return self.first + self.length

    def within(self, other: Span) -> slice:
        """Where it lies in another that holds it."""
        return slice(self.first - other.first, self.end - other.first)

    def common(self, other: Span) -> Self:
        """What both have; they must lap over."""
        first = max(self.first, other.first)
        return type(self)(first, min(self.end, other.end) - first)


class Window(NamedTuple):
    """Rows and columns of the lattice, pixels."""

    rows: Span
    columns: Span

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, pixels."""
        return self.rows.length, self.columns.length

    def within(self, other: Window) -> tuple[slice, slice]:
        """Where it lies in another that holds it."""
        return self.rows.within(other.rows), self.columns.within(other.columns)

    def common(self, other: Window) -> Window:
        """What both have; they must lap over."""
        return Window(self.rows.common(other.rows), self.columns.common(other.columns))


class Place(NamedTuple):
    """Row and column of a tile's first pixel."""

    row: int
    column: int

    @property
    def whole(self) -> Window:
        """What the network sees of the tile."""
        return Window(Span(self.row, SIDE_PX), Span(self.column, SIDE_PX))

    @property
    def counting(self) -> Window:
        """Where what it says of the tile counts: all but the rim."""
        row, column = self.row + RIM_PX, self.column + RIM_PX
        return Window(Span(row, SIDE_PX - 2 * RIM_PX), Span(column, SIDE_PX - 2 * RIM_PX))


def places(wanted: Window) -> list[Place]:
    """Of all tiles that count anywhere in a window, row by row."""
    return [Place(*corner) for corner in product(*(_starts(span) for span in wanted))]


def covering(window: Window, tiles: Iterable[Place]) -> Window:
    """The least window that holds a window and some tiles, whole."""
    all_of = [window, *(tile.whole for tile in tiles)]
    return Window(*(_hull(spans) for spans in zip(*all_of, strict=True)))


def taper() -> NDArray[np.float32]:
    """How much a tile counts along one axis, where it counts; those of all tiles add up to one at every pixel."""
    rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(OVERLAP_PX) + 0.5) / OVERLAP_PX)
    flat = np.ones(SIDE_PX - 2 * (RIM_PX + OVERLAP_PX))
    return np.concatenate([rise, flat, rise[::-1]]).astype(np.float32)


def _starts(span: Span) -> range:
    """Where tiles begin that count anywhere in a span: beyond its rim a tile begins to count."""
    least = span.first - (SIDE_PX - RIM_PX) + 1  # the last pixel of it that counts is the span's first
    most = span.end - 1 - RIM_PX
    return range(-(-least // STEP_PX) * STEP_PX, most + 1, STEP_PX)


def _hull(spans: Iterable[Span]) -> Span:
    spans = list(spans)
    first = min(span.first for span in spans)
    return Span(first, max(span.end for span in spans) - first)
