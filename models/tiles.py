"""A network over any window of a lattice, tile by tile, so that a pixel's value depends neither on the window nor on its blocks.

Tiles lie at fixed places of the absolute lattice: rows and columns that are multiples of `STEP_PX`. Each is seen whole by
the network, whatever part of it was asked for. The rim of a tile, where a network sees the end of the world, counts nothing;
where two tiles lap over, their weights are the halves of a cosine, which add up to one.

    rim 0 | rise over OVERLAP_PX | 1 | fall over OVERLAP_PX | rim 0
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from floodfuse.models.chips import View
from floodfuse.models.networks.fusion import FusionNetwork
from floodfuse.models.novelty import novelty
from floodfuse.models.predict import tensor_of

SIDE_PX = 256
RIM_PX = 16
OVERLAP_PX = 32
STEP_PX = SIDE_PX - 2 * RIM_PX - OVERLAP_PX
BATCH = 4  # tiles to a pass through the network

Float32 = NDArray[np.float32]


class Span(NamedTuple):
    """A stretch of pixels along one axis of the lattice."""

    first: int
    length: int


class Window(NamedTuple):
    """Rows and columns of the lattice."""

    rows: Span
    columns: Span


class Spoken(NamedTuple):
    """What a network says of a window.

    Attributes
    ----------
    probability : (class, y, x), sums to 1 where any sensor sees in the tiles around, else 0
    weights : (sensor, y, x), share of each sensor in alphabetical order; None where the strategy tells none
    novelty : (y, x), how unlike anything known it looks, 1 is rare; None where the network has no features
    """

    probability: Float32
    weights: Float32 | None
    novelty: Float32 | None


def reach(wanted: Window) -> Window:
    """The window that must be seen for the one wanted: all tiles that count there, whole."""
    return Window(*(_reach(span) for span in wanted))


def speak(network: FusionNetwork, views: Mapping[str, View], wanted: Window, ground: str) -> Spoken:
    """What a network in evaluation mode says of a window.

    Parameters
    ----------
    views : prepared, over `reach(wanted)`
    wanted : window of the lattice
    ground : view that is known everywhere; tiles in which no other sees anything are left out
    """
    around = reach(wanted)
    shape = tuple(span.length for span in around)
    for name, view in views.items():
        if view.seen.shape != shape:
            raise ValueError(f"view '{name}' is {view.seen.shape} px, and the tiles need {shape} px")
    taper = torch.from_numpy(_taper())
    given = {name: tensor_of(view) for name, view in views.items()}
    seen = _seen_tiles(given, wanted, around, ground)
    total: dict[str, Tensor] = {"probability": torch.zeros((network.classes, *shape))}
    for first in range(0, len(seen), BATCH):
        tiles = seen[first : first + BATCH]
        for name, told in _through(network, given, tiles).items():
            blended = total.setdefault(name, torch.zeros((told.shape[1], *shape)))
            for values, (rows, columns) in zip(told, tiles, strict=True):
                blended[:, rows, columns] += values * taper[:, None] * taper[None, :]
    rows, columns = (
        slice(w.first - a.first, w.first - a.first + w.length) for w, a in zip(wanted, around, strict=True)
    )
    cut = {name: values[:, rows, columns].numpy() for name, values in total.items()}
    new = cut.get("novelty")
    return Spoken(cut["probability"], cut.get("weights"), None if new is None else new[0])


@torch.inference_mode()
def _through(
    network: FusionNetwork, given: Mapping[str, Tensor], tiles: list[tuple[slice, slice]]
) -> dict[str, Tensor]:
    """What is said of some tiles, each (tile, channel, y, x), on the CPU."""
    form = torch.channels_last
    batch = {
        name: torch.stack([values[(..., *tile)] for tile in tiles]).to(network.device, memory_format=form)
        for name, values in given.items()
    }
    device = network.device.type
    with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
        said = network(batch)
    told = {
        "probability": torch.softmax(said.logits.float(), dim=1),
        "weights": said.weights,
        "novelty": novelty(network, said),
    }
    return {name: values.float().cpu() for name, values in told.items() if values is not None}


def _seen_tiles(
    given: Mapping[str, Tensor], wanted: Window, around: Window, ground: str
) -> list[tuple[slice, slice]]:
    """Tiles that count in the window wanted and see anything, as places within the window around."""
    found = []
    for corner in product(*(_starts(span) for span in wanted)):
        rows, columns = (
            slice(start - a.first, start - a.first + SIDE_PX) for start, a in zip(corner, around, strict=True)
        )
        if any(bool(values[-1, rows, columns].any()) for name, values in given.items() if name != ground):
            found.append((rows, columns))
    return found


def _starts(span: Span) -> range:
    """Where tiles begin that count anywhere in a span: beyond its rim a tile begins to count."""
    least = span.first - (SIDE_PX - RIM_PX) + 1  # the last pixel of it that counts is the span's first
    most = span.first + span.length - 1 - RIM_PX
    return range(-(-least // STEP_PX) * STEP_PX, most + 1, STEP_PX)


def _reach(span: Span) -> Span:
    starts = _starts(span)
    return Span(starts[0], starts[-1] + SIDE_PX - starts[0])


def _taper() -> Float32:
    """Weight of a tile along one axis; those of all tiles add up to one at every pixel."""
    rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(OVERLAP_PX) + 0.5) / OVERLAP_PX)
    flat = np.ones(SIDE_PX - 2 * (RIM_PX + OVERLAP_PX))
    rim = np.zeros(RIM_PX)
    return np.concatenate([rim, rise, flat, rise[::-1], rim]).astype(np.float32)
