"""What may stand after `--weights`: a file made by `floodfuse train`, a strategy whose weights come with floodfuse, or bayes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from floodfuse.catalogs.errors import BadRequest
from floodfuse.models.weights.shipped import shipped

if TYPE_CHECKING:
    from floodfuse.models.chips import ChipSource
    from floodfuse.models.networks.fusion import FusionNetwork
    from floodfuse.models.weights.files import Card

BAYES = "bayes"


def open_weights(weights: Path, source: ChipSource) -> tuple[FusionNetwork, Card | None]:
    """The network in evaluation mode, and its card, which Bayes' rule has not.

    Raises
    ------
    BadRequest
        If the file can't be used, or takes other inputs or tells other classes than the dataset has.
    """
    # torch takes seconds to load, and most commands don't need it
    from floodfuse.models.weights.files import WeightsError, load

    if str(weights) == BAYES:
        return _physics(source), None
    try:
        network, card = load(_file(weights))
    except WeightsError as error:
        raise BadRequest(str(error)) from None
    _check(card, source, weights)
    return network, card


def check_readable(weights: Path) -> None:
    """Refuse what is no file of weights, before a dataset is made for it.

    Raises
    ------
    BadRequest
        As `open_weights` would.
    """
    from floodfuse.models.weights.files import WeightsError, read_card

    if str(weights) != BAYES:
        try:
            read_card(_file(weights))
        except WeightsError as error:
            raise BadRequest(str(error)) from None


def _file(weights: Path) -> Path:
    """The file meant: of a strategy's name, unless a file is called so, the one that comes with floodfuse."""
    return weights if weights.exists() else shipped(str(weights)) or weights


def sha256_of(weights: Path) -> str:
    """Checksum of a file of weights; Bayes' rule has none."""
    from floodfuse.models.weights.files import checksum

    return "" if str(weights) == BAYES else checksum(_file(weights))


def _physics(source: ChipSource) -> FusionNetwork:
    """Bayes' rule, which needs evidence."""
    from floodfuse.models.inputs.registry import INPUTS
    from floodfuse.models.networks.physics import Bayes

    try:
        return Bayes(dict(INPUTS[source.inputs].CHANNELS), len(source.classes)).eval()
    except ValueError as error:
        raise BadRequest(
            f"weights '{BAYES}': of dataset {source.name}, {error}; give a file of weights."
        ) from None


def _check(card: Card, source: ChipSource, weights: Path) -> None:
    if card.inputs != source.inputs:
        raise BadRequest(
            f"{weights}: takes inputs '{card.inputs}', and dataset {source.name} has '{source.inputs}'; take weights trained on "
            "such."
        )
    if card.classes != source.classes:
        raise BadRequest(
            f"{weights}: tells {', '.join(card.classes)}, and dataset {source.name} has {', '.join(source.classes)}; take other "
            "weights."
        )
