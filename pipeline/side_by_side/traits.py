"""Where strategies differ, and why: what marks the pixels on which they do, against all pixels that could have differed.

What sensors saw of a pixel, and which of them decided, is taken from the product of the first strategy; a flag counts if any
strategy raises it, for networks have one of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from floodfuse.catalogs.acquisition import Acquisition
from floodfuse.harmonize.advisory import CONFLICT_NATS
from floodfuse.harmonize.classes import ADVISORY_LABELS, DECIDER_LABELS, Decider
from floodfuse.harmonize.prior import COVER_LABELS
from floodfuse.pipeline.ingest import terrain
from floodfuse.pipeline.open_product import grid_of
from floodfuse.pipeline.product import RunRecord
from floodfuse.pipeline.publish.source import Product, Tile
from floodfuse.pipeline.side_by_side import verdicts
from floodfuse.pipeline.side_by_side.verdicts import Bool, Verdicts, Votes

EDGE_PX = 2
AT_EDGE = f"within {EDGE_PX} px of a water's edge"
SOME_NATS = 1.0
DAY_HOURS, OLD_HOURS = 24.0, 72.0
_DECIDED = {who: f"where {label} decided" for who, label in DECIDER_LABELS.items()} | {
    Decider.NONE: "where nothing was observed",
    Decider.PRIOR: "where no sensor spoke clearly",
}

Named = tuple[str, str]  # kind of trait, and where that is, in words that follow "they lie ..."


@dataclass(frozen=True)
class Trait:
    """A trait of pixels: its share of those on which strategies differ, and of all that two or more of them answer.

    Attributes
    ----------
    kind : edge, sensors, decider, conflict, age, advisory or landcover; advisories overlap, the others divide the pixels
    where : in words that follow "they lie ..."
    lift : share of those that differ over the share of all
    """

    kind: str
    where: str
    differing_pixels: int
    compared_pixels: int
    share_of_differing: float
    share_of_compared: float
    lift: float


class Traits:
    """Counts of traits over tiles."""

    def __init__(self, products: Mapping[str, Product]) -> None:
        self._products = products
        self._first = next(iter(products.values()))
        self._cover = _Cover(self._first.record)
        self._all: Counter[Named] = Counter()
        self._apart: Counter[Named] = Counter()
        self.compared = self.differing = 0

    def around(self, tile: Tile) -> Tile:
        """What must be seen for a tile: as far as a water's edge counts, within the product."""
        top, left = max(tile.row - EDGE_PX, 0), max(tile.column - EDGE_PX, 0)
        bottom = min(tile.row + tile.rows + EDGE_PX, self._first.shape[0])
        right = min(tile.column + tile.columns + EDGE_PX, self._first.shape[1])
        return Tile(top, left, bottom - top, right - left)

    def add(self, said: Verdicts, around: Verdicts, tile: Tile) -> None:
        """Count a tile: what was said in it, and in the tile `around` it."""
        votes = said.votes()
        compared, differing = votes.compared, votes.differing
        self.compared += int(compared.sum())
        self.differing += int(differing.sum())
        wide = self.around(tile)
        top, left = tile.row - wide.row, tile.column - wide.column
        edge = at_edge(around.votes())[top : top + tile.rows, left : left + tile.columns]
        apart = differing[compared]
        for named, marked in self._marks(edge, compared, tile):
            self._all[named] += int(marked.sum())
            self._apart[named] += int((marked & apart).sum())

    def _marks(self, edge: Bool, where: Bool, tile: Tile) -> Iterator[tuple[Named, Bool]]:
        """Which of the pixels selected have each trait."""

        def layer(name: str) -> NDArray[Any]:
            return self._first.read(name, tile)[where]

        yield ("edge", AT_EDGE), edge[where]
        yield ("edge", "away from any water's edge"), ~edge[where]
        yield from _sensors(layer("sensor_count"))
        decider = layer("deciding_sensor")
        for who, where_of_it in _DECIDED.items():
            yield ("decider", where_of_it), decider == who
        yield from _conflict(layer("conflict"))
        yield from _age(layer("evidence_age"))
        bits = np.bitwise_or.reduce(verdicts.read_each(self._products, "advisory", tile), axis=0)[where]
        for flag, label in ADVISORY_LABELS.items():
            yield ("advisory", f"under the flag '{label}'"), (bits & np.uint16(flag)) > 0
        yield ("advisory", "under no flag"), bits == 0
        codes = self._cover.read(tile)
        if codes is not None:
            for code, label in COVER_LABELS.items():
                yield ("landcover", f"on {label}"), codes[where] == code

    def told(self) -> tuple[Trait, ...]:
        """Traits that some pixel has, the largest lift first; none where strategies do not differ."""
        if not self.differing:
            return ()
        found = [self._trait(named) for named, pixels in self._all.items() if pixels]
        return tuple(sorted(found, key=lambda t: (-t.lift, -t.share_of_differing, t.where)))

    def _trait(self, named: Named) -> Trait:
        apart, pixels = self._apart[named], self._all[named]
        of_differing, of_compared = apart / self.differing, pixels / self.compared
        return Trait(*named, apart, pixels, of_differing, of_compared, of_differing / of_compared)


def at_edge(votes: Votes) -> Bool:
    """Pixels within 2 px, diagonals too, both of water and of dry land on which all that answer agree, two or more.

    What lies there is a matter of where the edge is drawn; what lies elsewhere, a body that one sees and another does not.
    No strategy counts more than another.
    """
    agreed = votes.compared & ~votes.differing
    return _near(agreed & (votes.water > 0)) & _near(agreed & (votes.water == 0))


def _near(where: Bool) -> Bool:
    side = 2 * EDGE_PX + 1
    return np.asarray(maximum_filter(where.view(np.uint8), size=side, mode="constant") > 0)


def _sensors(count: NDArray[Any]) -> Iterator[tuple[Named, Bool]]:
    yield ("sensors", "where one sensor saw"), count == 1
    yield ("sensors", "where two sensors saw"), count == 2
    yield ("sensors", "where three sensors saw"), count >= 3


def _conflict(nats: NDArray[Any]) -> Iterator[tuple[Named, Bool]]:
    low, high = f"{SOME_NATS:g}", f"{CONFLICT_NATS:g}"
    some, strong = nats >= SOME_NATS, nats > CONFLICT_NATS
    yield ("conflict", f"where sensors contradict each other by less than {low} nat"), nats < SOME_NATS
    yield ("conflict", f"where sensors contradict each other by {low} to {high} nats"), some & ~strong
    yield ("conflict", f"where sensors contradict each other by more than {high} nats"), strong


def _age(hours: NDArray[Any]) -> Iterator[tuple[Named, Bool]]:
    away = np.abs(hours)
    yield ("age", "where the deciding evidence is of within a day"), away < DAY_HOURS
    yield (
        ("age", "where the deciding evidence is one to three days away"),
        (away >= DAY_HOURS) & (away < OLD_HOURS),
    )
    yield ("age", "where the deciding evidence is three days away or more"), away >= OLD_HOURS


class _Cover:
    """Land cover, which is no layer of a product: read from the files that its record names."""

    def __init__(self, record: RunRecord) -> None:
        self._files = [
            _only_cover(Acquisition.model_validate(entry.acquisition))
            for entry in record.inputs
            if entry.sensor == "terrain" and "landcover" in entry.assets
        ]
        self._grid = grid_of(record)

    def read(self, tile: Tile) -> NDArray[np.uint8] | None:
        """Codes of a tile, 0 where unknown; None where no file has any."""
        if not self._files:
            return None
        grid = replace(
            self._grid,
            row=self._grid.row + tile.row,
            column=self._grid.column + tile.column,
            rows=tile.rows,
            columns=tile.columns,
        )
        return np.asarray(terrain.read(self._files, grid)["landcover"].values)


def _only_cover(ground: Acquisition) -> Acquisition:
    return ground.model_copy(update={"assets": {"landcover": ground.assets["landcover"]}})


def distinct(traits: Sequence[Trait]) -> list[Trait]:
    """Traits without those that hold for as many pixels as an earlier one: the same pixels by another name."""
    first = {(t.differing_pixels, t.compared_pixels): t for t in reversed(traits)}
    return [t for t in traits if first[t.differing_pixels, t.compared_pixels] is t]
