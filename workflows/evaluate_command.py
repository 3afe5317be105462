"""`floodfuse evaluate`: scores of weights on labelled chips."""

from __future__ import annotations

import json as json_module
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from floodfuse.catalogs.errors import BadRequest
from floodfuse.models.view_names import names_of
from floodfuse.workflows import console, score_tables
from floodfuse.workflows.options import Quiet
from floodfuse.workflows.weights_option import BAYES, open_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from floodfuse.models.chips import ChipSource
    from floodfuse.models.conformal import Conformal
    from floodfuse.models.weights.files import Card

RISKS = (0.02, 0.05, 0.1, 0.2)
PRECISION = 0.7  # at which the recall of every class is told


class Part(StrEnum):
    """Which chips are scored, as the card of the weights has them."""

    ALL = "all"
    CHOOSING = "choosing"
    JUDGING = "judging"


def evaluate_command(
    dataset: Annotated[str, typer.Option(help="Name of the dataset, such as ombria.")],
    root: Annotated[Path, typer.Option(help="Folder that holds it.", metavar="DIR")],
    weights: Annotated[
        Path,
        typer.Option(help="Weights made by `floodfuse train`; bayes where chips hold evidence.", metavar="W"),
    ],
    split: Annotated[
        str, typer.Option(help="Part of the dataset, where it has parts: train, test.")
    ] = "test",
    part: Annotated[
        Part, typer.Option(help="All chips, those that chose the weights, or those that were held out.")
    ] = Part.ALL,
    drop: Annotated[
        list[str] | None,
        typer.Option(
            help="A sensor or an image to leave out: s1, s2, s2-post, s1-post, s1-pre, s2-pre; may be repeated."
        ),
    ] = None,
    turns: Annotated[
        bool,
        typer.Option(
            "--turns/--no-turns", help="Mean over eight turns and reflections, or the chip as it is."
        ),
    ] = True,
    json: Annotated[Path | None, typer.Option(help="File to write the scores to.", metavar="OUT")] = None,
    quiet: Quiet = False,
) -> None:
    """Score weights on labelled chips.

    Example: floodfuse evaluate --dataset ombria --root ombria --split test --weights early.safetensors --json scores.json
    """
    # torch takes seconds to load, and no other command needs it
    from floodfuse.models.breakdown import Breakdown
    from floodfuse.models.evaluation import score_chips
    from floodfuse.models.inputs.registry import INPUTS
    from floodfuse.models.scores import Tally
    from floodfuse.pipeline.datasets import open_dataset

    source = open_dataset(dataset, root, split)
    network, card = open_weights(weights, source)
    dropped = tuple(_view(name, network.stacks.views) for name in drop or ())
    _something_left(dropped, network.stacks.views)
    chips = _chips(part, card, source)
    if json:
        console.make_folder_of(json, "json")
    tally, breakdown = Tally(source.classes, source.flooded, source.groups), Breakdown(source.flooded)
    with console.progress(quiet) as tell:
        try:
            scores = score_chips(
                network, source, chips, INPUTS[source.inputs], dropped, turns, tell, tally, breakdown
            )
        except ValueError as error:
            raise BadRequest(f"{root}: {error}.") from None
    recall_at = tally.recall_at(PRECISION)
    events, covers = breakdown.by_event(), breakdown.by_cover()
    conformal = _conformal(card, source)
    risks = [] if conformal is None else [tally.at_risk(conformal, risk) for risk in RISKS]
    if json:
        record: dict[str, object] = {
            "dataset": dataset,
            "split": split,
            "part": part.value,
            "dropped": list(dropped),
        }
        record |= {"strategy": card.network.strategy if card else BAYES} | scores._asdict()
        record[f"recall_at_precision_{PRECISION:g}"] = recall_at
        record["by_event"] = {event: found._asdict() for event, found in events.items()}
        record["by_cover"] = {cover: found._asdict() for cover, found in covers.items()}
        record["at_risk"] = [risk._asdict() for risk in risks]
        json.write_text(json_module.dumps(record, indent=1) + "\n")
    if not quiet:
        title = f"{weights.name} on {dataset}, {split}" + "".join(f", without {name}" for name in dropped)
        score_tables.show(title, scores, recall_at, PRECISION)
        score_tables.show_parts(events, covers)
        score_tables.show_risks(risks)


def _conformal(card: Card | None, source: ChipSource) -> Conformal | None:
    """What it takes to answer at a risk, where that is known."""
    from floodfuse.models.weights.shipped import conformal_of_bayes

    if card is not None:
        return card.conformal
    return conformal_of_bayes() if source.name == "simulated" else None


def _view(name: str, views: dict[str, int]) -> str:
    """`s2-post` and `s2/after` are one view, `s2` is a sensor."""
    wanted = name.replace("-post", "/after").replace("-pre", "/before")
    names = {called for view in views for called in names_of(view)}
    if wanted not in names:
        known = sorted(called.replace("/after", "-post").replace("/before", "-pre") for called in names)
        raise BadRequest(f"drop '{name}': known are {', '.join(known)}.")
    return wanted


def _something_left(dropped: Sequence[str], views: dict[str, int]) -> None:
    if all(any(called in dropped for called in names_of(view)) for view in views):
        raise BadRequest(f"drop '{', '.join(dropped)}': no image is left; leave out less.")


def _chips(part: Part, card: Card | None, source: ChipSource) -> Sequence[str]:
    if part is Part.ALL:
        return source.chips
    if card is None:
        raise BadRequest(f"part '{part.value}': {BAYES} has learned from no chips; score all.")
    wanted = set(card.choosing if part is Part.CHOOSING else card.judging)
    found = [chip for chip in source.chips if chip in wanted]
    if card.dataset != source.name or card.split != source.split or len(found) < len(wanted) or not found:
        raise BadRequest(
            f"part '{part.value}': these are not the chips of its card; point --root and --split to what the weights were trained on"
            + (", and train with --hold-out." if part is Part.JUDGING else ".")
        )
    return found
