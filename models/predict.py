"""What a network says of whole chips: padded to what it takes, turned and flipped, and averaged."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from floodfuse.models.chips import View
from floodfuse.models.inputs.registry import Inputs
from floodfuse.models.networks.fusion import FusionNetwork, Told
from floodfuse.models.view_names import names_of

Float32 = NDArray[np.float32]


def tensor_of(view: View) -> Tensor:
    """(channel + 1, y, x): values, 0 where unseen, and the mask."""
    stack = np.empty((len(view.values) + 1, *view.seen.shape), np.float32)
    stack[:-1], stack[-1] = view.values, view.seen
    values = stack[:-1].view(np.uint32)
    values &= np.negative(view.seen.astype(np.uint32))  # all bits of what was seen, no bit of a NaN elsewhere
    return torch.from_numpy(stack)


def prepared(
    views: Mapping[str, tuple[NDArray[np.generic], NDArray[np.bool_]]],
    inputs: Inputs,
    dropped: Collection[str] = (),
    taken: Collection[str] | None = None,
) -> dict[str, View]:
    """Views as channels of a network.

    Parameters
    ----------
    dropped : left out, named by view (`s2/after`, whose parts go with it) or sensor (`s2`)
    taken : by the network, which is spared the making of others; all where None
    """
    return {
        name: View(inputs.prepare(name, values, seen), seen)
        for name, (values, seen) in sorted(views.items())
        if (taken is None or name in taken) and not any(called in dropped for called in names_of(name))
    }


@torch.inference_mode()
def predict(network: FusionNetwork, views: Mapping[str, View], turns: bool = True) -> Float32:
    """Probability of each class, (class, y, x).

    Parameters
    ----------
    network : in evaluation mode
    views : prepared; at least one
    turns : mean over the eight turns and reflections of the picture, else the picture as it is
    """
    batch = _batch_of(network, views)
    height, width = next(iter(batch.values())).shape[-2:]
    total = torch.zeros((network.classes, height, width), device=network.device)
    ways = [(k, flip) for k in range(4) for flip in (False, True)] if turns else [(0, False)]
    for k, flip in ways:
        given = {name: _padded(_turned(values, k, flip), network.stride_px) for name, values in batch.items()}
        sides = (height, width) if k % 2 == 0 else (width, height)
        logits = network(given).logits[..., : sides[0], : sides[1]]
        total += _turned_back(torch.softmax(logits.float(), dim=1), k, flip)[0]
    return np.asarray((total / len(ways)).cpu().numpy(), np.float32)


@torch.inference_mode()
def tell(network: FusionNetwork, views: Mapping[str, View]) -> Told:
    """All that a network says of a chip as it is; logits cut to the chip, features as wide as the network needs."""
    batch = _batch_of(network, views)
    height, width = next(iter(batch.values())).shape[-2:]
    told = network({name: _padded(values, network.stride_px) for name, values in batch.items()})
    return told._replace(logits=told.logits[..., :height, :width].float())


def _batch_of(network: FusionNetwork, views: Mapping[str, View]) -> dict[str, Tensor]:
    """Views of one chip that the network takes, (1, channel + 1, y, x), where it is; a chip may have others."""
    taken = {name: view for name, view in views.items() if name in network.stacks.views}
    if not taken:
        raise ValueError("no view that the network takes was given to predict from")
    return {name: tensor_of(view)[None].to(network.device) for name, view in taken.items()}


def _turned(x: Tensor, k: int, flip: bool) -> Tensor:
    turned = torch.rot90(x, k, (-2, -1))
    return turned.flip(-1) if flip else turned


def _turned_back(x: Tensor, k: int, flip: bool) -> Tensor:
    return torch.rot90(x.flip(-1) if flip else x, -k, (-2, -1))


def _padded(x: Tensor, stride_px: int) -> Tensor:
    """Widened by unseen pixels to sides that the network takes."""
    down, right = (-n % stride_px for n in x.shape[-2:])
    return pad(x, (0, right, 0, down))
