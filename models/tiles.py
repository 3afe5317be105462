"""A network over any window of a lattice, tile by tile, so that a pixel's value depends neither on the window nor on its blocks.

Each tile (`tile_lattice`) is seen whole by the network, whatever part of it was asked for, and told once (`tile_memory`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from floodfuse.models.chips import View
from floodfuse.models.networks.fusion import FusionNetwork
from floodfuse.models.novelty import novelty
from floodfuse.models.predict import tensor_of
from floodfuse.models.tile_lattice import Place, Window, taper
from floodfuse.models.tile_memory import Claim, Told
from floodfuse.models.view_names import sensor_of

BATCH = {"cpu": 1, "cuda": 8}
"""Tiles to a pass through the network. A core is busy with one, and one alone is told by the same kernels whatever was asked for with it."""

Float32 = NDArray[np.float32]


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


def speak(network: FusionNetwork, views: Mapping[str, View], claim: Claim, ground: str) -> Spoken:
    """What a network in evaluation mode says of the window claimed; tells the tiles that are the claim's own.

    Parameters
    ----------
    views : prepared, over `claim.seen`
    ground : view that is known everywhere; tiles in which no other sees anything are left out
    """
    around = claim.seen
    for name, view in views.items():
        if view.seen.shape != around.shape:
            raise ValueError(f"view '{name}' is {view.seen.shape} px, and the tiles need {around.shape} px")
    sees = [place for place in claim.mine if _sees(views, place.whole.within(around), ground)]
    for place in set(claim.mine) - set(sees):
        claim.told[place].set_result({})
    size = BATCH[network.device.type]
    for first in range(0, len(sees), size):
        batch = sees[first : first + size]
        for place, told in zip(batch, _through(network, views, batch, around), strict=True):
            claim.told[place].set_result(told)
    cut = _blended(claim, network.classes)
    new = cut.get("novelty")
    return Spoken(cut["probability"], cut.get("weights"), None if new is None else new[0])


def _blended(claim: Claim, classes: int) -> dict[str, Float32]:
    """All tiles over the window claimed, (channel, y, x) by name; waits for those that others tell."""
    wanted, weight = claim.wanted, taper()
    total: dict[str, Float32] = {"probability": np.zeros((classes, *wanted.shape), np.float32)}
    for place, tile in claim.told.items():
        common = place.counting.common(wanted)
        rows, columns = common.within(place.counting)
        at, share = common.within(wanted), weight[rows, None] * weight[None, columns]
        for name, values in tile.result().items():
            if name not in total:
                total[name] = np.zeros((len(values), *wanted.shape), np.float32)
            total[name][(..., *at)] += values[:, rows, columns] * share
    return total


@torch.inference_mode()
def _through(
    network: FusionNetwork, views: Mapping[str, View], places: Sequence[Place], around: Window
) -> list[Told]:
    """What is said of some tiles."""
    batch = {
        name: torch.stack([tensor_of(_part(view, place.whole.within(around))) for place in places]).to(
            network.device, memory_format=torch.channels_last
        )
        for name, view in views.items()
    }
    device = network.device.type
    with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
        said = network(batch)
    told = {
        "probability": torch.softmax(said.logits.float(), dim=1),
        "weights": said.weights,
        "novelty": novelty(network, said),
    }
    on_cpu = {name: values.float().cpu().numpy() for name, values in told.items() if values is not None}
    return [
        {name: _counting(values[k], place) for name, values in on_cpu.items()}
        for k, place in enumerate(places)
    ]


def _counting(values: Float32, place: Place) -> Float32:
    """What counts of a tile, as an array of its own: a piece of a batch would keep all of it."""
    return np.ascontiguousarray(values[(..., *place.counting.within(place.whole))])


def _part(view: View, at: tuple[slice, slice]) -> View:
    return View(view.values[(..., *at)], view.seen[at])


def _sees(views: Mapping[str, View], at: tuple[slice, slice], ground: str) -> bool:
    """Whether any view but the ground's sees anything there."""
    return any(
        bool(view.seen[at].any()) for name, view in views.items() if sensor_of(name) != sensor_of(ground)
    )
