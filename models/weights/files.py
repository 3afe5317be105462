"""Weights on disk: safetensors, never pickle, with a card inside that says what they are.

The card travels in the file's header: settings of the network, the fingerprint of its inputs, its classes, what it was
trained on, and how it scored. A file whose inputs are prepared in another way today is refused.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor

from floodfuse.models.conformal import Conformal
from floodfuse.models.inputs.registry import INPUTS, fingerprint
from floodfuse.models.networks.build import NetworkSettings, build
from floodfuse.models.networks.fusion import FusionNetwork
from floodfuse.models.whole_file import write_whole

_CARD = "floodfuse"


class WeightsError(ValueError):
    """Weights that can't be used, with the file, the reason and the cure."""


class Card(BaseModel):
    """What a file of weights says of itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    network: NetworkSettings
    inputs: str = Field(description="name of the inputs, in models/inputs")
    fingerprint: str = Field(description="of the inputs as they were prepared in training")
    views: dict[str, int] = Field(description="channels by view")
    classes: tuple[str, ...]
    dataset: str
    split: str = Field(description="part of the dataset that it was trained on")
    licence: str = Field(description="of the data that it was trained on")
    command: str = Field(description="the command that made it")
    seed: int
    epoch: int = Field(description="after which the weights were taken")
    learning: int = Field(description="number of chips learned from")
    choosing: tuple[str, ...] = Field(description="chips by which the weights were chosen")
    judging: tuple[str, ...] = Field(description="chips held out altogether")
    scores: dict[str, Any] = Field(description="on the chips by which they were chosen")
    conformal: Conformal | None = Field(
        default=None, description="what it takes to answer at a risk, by the chips it was calibrated by"
    )
    calibrated_by: str | None = Field(
        default=None,
        description="chips of a calibration of its own; None where those that chose the weights did it",
    )


def save(network: FusionNetwork, card: Card, path: Path) -> None:
    """Write weights, kernels as 16-bit floats, and card; the file appears whole or not at all."""
    state = {name: _short(value.detach().cpu()).contiguous() for name, value in network.state_dict().items()}
    write_whole(path, serialize(state, {_CARD: card.model_dump_json()}))


def _short(value: Tensor) -> Tensor:
    """Kernels in half the bytes: 11 bits are far finer than training is. What would overflow is kept as it is."""
    short = value.half() if value.is_floating_point() and value.ndim == 4 else value
    return short if bool(short.isfinite().all()) else value


def checksum(path: Path) -> str:
    """SHA-256 of a file of weights, in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_card(path: Path) -> Card:
    """The card of a file of weights.

    Raises
    ------
    WeightsError
        If the file is missing, damaged, not of floodfuse, or of inputs that are prepared in another way today.
    """
    card, _ = _read(path)
    return card


def load(path: Path) -> tuple[FusionNetwork, Card]:
    """The network in evaluation mode, and its card; raises as `read_card` does."""
    card, state = _read(path, weights=True)
    try:
        network = build(card.network, card.views, len(card.classes))
        network.load_state_dict(state)
    except (RuntimeError, KeyError, ValueError) as error:
        raise WeightsError(
            f"{path}: its weights are not those of its network as this version builds it ({_first(error)}); train anew, or use the "
            "version that made them."
        ) from None
    return network.eval(), card


def _read(path: Path, weights: bool = False) -> tuple[Card, dict[str, Tensor]]:
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; `floodfuse train` makes weights.")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()} if weights else {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{path}: no readable safetensors file ({_first(error)}); fetch or train it anew."
        ) from None
    if _CARD not in metadata:
        raise WeightsError(
            f"{path}: weights without a card, so not of floodfuse; `floodfuse train` makes some."
        )
    try:
        card = Card.model_validate(json.loads(metadata[_CARD]))
    except (ValidationError, json.JSONDecodeError) as error:
        raise WeightsError(
            f"{path}: its card can't be read ({_first(error)}); made by another version, train anew."
        ) from None
    _check(card, path)
    return card, state


def _check(card: Card, path: Path) -> None:
    today = fingerprint(card.inputs, card.views) if card.inputs in INPUTS else None
    if today != card.fingerprint:
        raise WeightsError(
            f"{path}: trained on inputs '{card.fingerprint}', and this version prepares '{today or 'no such'}'; train anew, or use "
            "the version that made them."
        )


def _first(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
