"""`floodfuse calibrate`: weights whose probabilities mean what they say, and that know when to answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from floodfuse.catalogs.errors import BadRequest
from floodfuse.models.view_names import names_of
from floodfuse.models.whole_file import write_whole
from floodfuse.workflows import console
from floodfuse.workflows.options import Quiet
from floodfuse.workflows.weights_option import BAYES, open_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from floodfuse.models.chips import ChipSource
    from floodfuse.models.networks.fusion import FusionNetwork
    from floodfuse.models.weights.files import Card


def calibrate_command(
    weights: Annotated[
        Path,
        typer.Argument(metavar="W", help="Weights made by `floodfuse train`, or bayes."),
    ],
    dataset: Annotated[str, typer.Option(help="Name of the dataset to calibrate by.")],
    root: Annotated[Path, typer.Option(help="Folder that holds it.", metavar="DIR")],
    out: Annotated[
        Path, typer.Option(help="File to make: .safetensors; of bayes, quantiles as .json.", metavar="FILE")
    ],
    split: Annotated[str, typer.Option(help="Part of the dataset, where it has parts.")] = "test",
    without: Annotated[
        list[str] | None,
        typer.Option(
            help="Look at each chip without these as well, such as l or l,optical; may be repeated."
        ),
    ] = None,
    pool: Annotated[
        str | None,
        typer.Option(
            help="Of late fusion: stacker, opinion, minimum-variance, median or dawid-skene. (default: as it is)"
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Calibrate weights by labelled chips that they have not learned from. Training does it by the chips that chose the weights.

    Example: floodfuse calibrate graybox.safetensors --dataset simulated --root chips --split A-303-60 --out calibrated.safetensors
    """
    # torch takes seconds to load, and no other command needs it
    from floodfuse.models.calibration import calibrate
    from floodfuse.models.inputs.registry import INPUTS
    from floodfuse.models.weights.files import save
    from floodfuse.pipeline.datasets import open_dataset

    suffix = ".json" if str(weights) == BAYES else ".safetensors"
    if out.suffix != suffix:
        raise BadRequest(
            f"out '{out}': what is made of {weights} is a {suffix} file; end its name with that."
        )
    if out.exists():
        raise BadRequest(f"out '{out}': there is such a file already; delete it or give another name.")
    source = open_dataset(dataset, root, split)
    network, card = open_weights(weights, source)
    if pool is not None:
        network, card = _pooled_by(pool, network, card, weights)
    views = network.stacks.views
    cases = [(), *(tuple(part.strip() for part in case.split(",")) for case in without or ())]
    for name in (name for case in cases for name in case):
        known = sorted({called for view in views for called in names_of(view)})
        if name not in known:
            raise BadRequest(f"without '{name}': known are {', '.join(known)}.")
    console.make_folder_of(out, "out")
    with console.progress(quiet) as tell:
        try:
            conformal = calibrate(network, source, source.chips, INPUTS[source.inputs], cases, tell)
        except ValueError as error:
            raise BadRequest(f"{root}: {error}; give other chips.") from None
    if card is None:
        write_whole(out, (conformal.model_dump_json() + "\n").encode())
    else:
        told = {"conformal": conformal, "calibrated_by": _chips_in_words(source, cases)}
        save(network, card.model_copy(update=told), out)
    if not quiet:
        of = "" if card is None else f", temperature {float(network.temperature):.2f}"
        console.say(f"{out}: calibrated by {len(source.chips)} chips{of}.")


def _chips_in_words(source: ChipSource, cases: Sequence[Sequence[str]]) -> str:
    """By which chips, and with what left out of them."""
    dropped = ", ".join("without " + " and ".join(case) if case else "whole" for case in cases)
    return f"{len(source.chips)} chips of {source.name} {source.split}: {dropped}"


def _pooled_by(
    pool: str, network: FusionNetwork, card: Card | None, weights: Path
) -> tuple[FusionNetwork, Card]:
    """The same weights with another pool."""
    from floodfuse.models.networks.build import NetworkSettings, build

    if card is None or card.network.strategy != "late":
        raise BadRequest(
            f"pool '{pool}': {weights} is not of late fusion, which alone has pools; leave --pool out."
        )
    try:
        settings = NetworkSettings.model_validate(card.network.model_dump() | {"pool": pool})
    except ValidationError as error:
        raise BadRequest(f"pool '{pool}': {error.errors()[0]['msg'].lower()}.") from None
    other = build(settings, card.views, len(card.classes)).eval()
    other.load_state_dict(network.state_dict())
    return other, card.model_copy(update={"network": settings})
