"""Tiles of a run, each told by the first block that asks for it and kept for its neighbours.

Tiles lap over the edges of blocks. Told by every block anew, and their evidence weighed anew, they cost more than blocks themselves.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from floodfuse.models.tile_lattice import Place, Window, covering, places

ROOM = 64  # tiles; of 13 layers, 770 MB

Told = Mapping[str, NDArray[np.float32]]
"""What is said of a tile where it counts, (channel, y, x) by name; empty where no sensor sees anything of it."""


class Claim(NamedTuple):
    """The tiles that count in a window, each to be told by one claim alone.

    Attributes
    ----------
    wanted : the window
    mine : tiles that this claim must tell, by setting what they come to in `told`
    told : all tiles, row by row; others may still be at work on theirs, and tell them without waiting for anyone
    """

    wanted: Window
    mine: tuple[Place, ...]
    told: Mapping[Place, Future[Told]]

    @property
    def seen(self) -> Window:
        """What must be seen: the window, and whole tiles that are to be told."""
        return covering(self.wanted, self.mine)


class TileMemory:
    """Tiles of one run. Threads may ask side by side; of tiles that went unasked the longest are forgotten first.

    Parameters
    ----------
    room : tiles kept at most
    """

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._kept: OrderedDict[Place, Future[Told]] = OrderedDict()
        self._lock = Lock()

    @contextmanager
    def claim(self, wanted: Window) -> Iterator[Claim]:
        """Claim the tiles of a window that no one has claimed. If they are not told in the end, whoever waits for them learns why."""
        mine: list[Place] = []
        told: dict[Place, Future[Told]] = {}
        with self._lock:
            for place in places(wanted):
                known = self._kept.get(place)
                if known is None:
                    mine.append(place)
                    known = Future()
                told[place] = known
                self._keep(place, known, wanted)
        why: BaseException = RuntimeError("a tile was claimed and never told")
        try:
            yield Claim(wanted, tuple(mine), told)
        except BaseException as error:
            why = error
            raise
        finally:
            for place in mine:
                self._give_up(place, told[place], why)

    def _keep(self, place: Place, tile: Future[Told], wanted: Window) -> None:
        if place.counting.common(wanted) == place.counting:
            return  # it counts in no other block
        self._kept[place] = tile
        self._kept.move_to_end(place)
        if len(self._kept) > self._room:
            self._kept.popitem(last=False)

    def _give_up(self, place: Place, tile: Future[Told], why: BaseException) -> None:
        """Let others claim a tile anew if it was not told, and tell those who wait for it why."""
        if tile.done():
            return
        with self._lock:
            if self._kept.get(place) is tile:
                del self._kept[place]
        tile.set_exception(why)
