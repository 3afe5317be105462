"""Scores of a network over the chips of a dataset."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from floodfuse.models.breakdown import Breakdown
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
    tally: Tally | None = None,
    breakdown: Breakdown | None = None,
) -> Scores:
    """Scores of a network over chips, with views or sensors left out; added to those of a tally and a breakdown, where they are given.

    Raises
    ------
    ValueError
        If a chip has no view left, or none has a labelled pixel.
    """
    tally = tally or Tally(source.classes, source.flooded, source.groups)
    for done, name in enumerate(chips, start=1):
        chip = source.read(name)
        views = prepared(chip.views, inputs, without, network.stacks.views)
        if not views:
            takes = f" that the network takes ({', '.join(network.stacks.views)})"
            raise ValueError(
                f"chip {name} has no image" + (f" left without {', '.join(without)}" if without else takes)
            )
        probability = predict(network, views, turns)
        tally.add(probability, chip.truth)
        if breakdown is not None:
            breakdown.add(probability, chip)
        tell("scoring", done, len(chips))
    return tally.scores()
