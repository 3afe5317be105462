"""Batches to learn from: a function of the seed and the number of the step alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from floodfuse.models.augment import AugmentSettings, augmented
from floodfuse.models.chips import ChipSource
from floodfuse.models.inputs.registry import Inputs
from floodfuse.models.predict import tensor_of

Batch = tuple[dict[str, Tensor], Tensor]
"""Views by name, (chip, channel + 1, y, x), and truth, (chip, y, x)."""
_OF_A_CHIP = 1  # keeps what is drawn for chip 0 apart from what is drawn for the order of an epoch


class Batches:
    """Batches of varied chips, each chip once an epoch; the last chips of an epoch that make no whole batch are left out.

    Parameters
    ----------
    source, chips : dataset, and names of those of its chips that are learned from
    inputs, augment : how they are prepared, and varied
    channels : by view, of all views that chips may have
    size : chips a batch
    seed : of the order and of all variations
    """

    def __init__(
        self,
        source: ChipSource,
        chips: Sequence[str],
        inputs: Inputs,
        channels: Mapping[str, int],
        augment: AugmentSettings,
        size: int,
        seed: int,
    ) -> None:
        self.source, self.chips, self.inputs, self.channels = source, chips, inputs, channels
        self.augment, self.size, self.seed = augment, size, seed

    @property
    def per_epoch(self) -> int:
        """Steps an epoch."""
        return len(self.chips) // self.size

    def between(self, first: int, last: int) -> Iterator[Batch]:
        """Batches of the steps `first` ... `last` - 1; the next one is made while this one is learned from."""
        with ThreadPoolExecutor(1) as pool:
            ahead = pool.submit(self.at, first)
            for step in range(first + 1, last):
                ready, ahead = ahead.result(), pool.submit(self.at, step)
                yield ready
            yield ahead.result()

    def at(self, step: int) -> Batch:
        """The batch of a step."""
        epoch, place = divmod(step, self.per_epoch)
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.chips))
        views: dict[str, list[Tensor]] = {name: [] for name in self.channels}
        truths: list[Tensor] = []
        for number in order[place * self.size : (place + 1) * self.size]:
            key = (self.seed, epoch, _OF_A_CHIP, int(number))
            given, truth = augmented(
                self.source.read(self.chips[number]), self.inputs, self.augment, key, self.channels
            )
            if truths and truth.shape != truths[0].shape:
                raise ValueError(
                    f"chips of {truth.shape[0]} and of {truths[0].shape[0]} px in one batch: augment.crop must not be larger than the "
                    "smallest chip"
                )
            truths.append(torch.from_numpy(truth))
            for name, made in views.items():
                absent = torch.zeros((self.channels[name] + 1, *truth.shape))
                made.append(tensor_of(given[name]) if name in given else absent)
        return {name: torch.stack(made) for name, made in views.items()}, torch.stack(truths)
