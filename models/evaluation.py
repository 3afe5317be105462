"""Scores of a network over the chips of a dataset."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from floodfuse.models.chips import ChipSource
from floodfuse.models.inputs.registry import Inputs
from floodfuse.models.networks.fusion import FusionNetwork
from floodfuse.models.predict import predict, prepared
from floodfuse.models.scores import Scores, Tally

Tell = Callable[[str, int, int], None]
"""Told of progress: the step, what is done, and of how much."""


def score_chips(
    network: FusionNetwork,
    source: ChipSource,
    chips: Sequence[str],
    inputs: Inputs,
    without: Sequence[str] = (),
    turns: bool = True,
    tell: Tell = lambda step, done, total: None,
) -> Scores:
    """Scores of a network over chips, with views or sensors left out; raises as `tally_chips` does."""
    return tally_chips(network, source, chips, inputs, without, turns, tell).scores()


def tally_chips(
    network: FusionNetwork,
    source: ChipSource,
    chips: Sequence[str],
    inputs: Inputs,
    without: Sequence[str] = (),
    turns: bool = True,
    tell: Tell = lambda step, done, total: None,
) -> Tally:
    """What a network says of chips, added up.

    Raises
    ------
    ValueError
        If a chip has no view left, or none has a labelled pixel.
    """
    tally = Tally(source.classes, source.flooded, source.groups)
    for done, name in enumerate(chips, start=1):
        chip = source.read(name)
        views = prepared(chip.views, inputs, without)
        if not views:
            raise ValueError(f"chip {name} has no image left without {', '.join(without)}")
        tally.add(predict(network, views, turns), chip.truth)
        tell("scoring", done, len(chips))
    if not tally.pixels:
        raise ValueError("no chip has a labelled pixel: there is nothing to score")
    return tally
