"""`floodfuse ablate`: what networks lose when sensors go."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from floodfuse.catalogs.errors import BadRequest
from floodfuse.models.whole_file import write_whole
from floodfuse.workflows import console
from floodfuse.workflows.options import Quiet
from floodfuse.workflows.weights_option import check_readable, open_weights, sha256_of

if TYPE_CHECKING:
    from floodfuse.models.ablation_scores import Result
    from floodfuse.models.chips import ChipSource

TABLE, PICTURE = "ablation.csv", "ablation.png"
COLUMNS = (
    *("weights", "sha256", "test", "subset", "sensor", "amount", "unit"),
    *("chips", "pixels", "iou_flood", "ece", "brier"),
)
MOST_WEIGHTS = 6  # that colours tell apart


def ablate_command(
    dataset: Annotated[str, typer.Option(help="Name of the dataset, such as simulated.")],
    root: Annotated[Path, typer.Option(help="Folder that holds it.", metavar="DIR")],
    weights: Annotated[
        list[Path],
        typer.Option(
            help="Weights made by `floodfuse train`; bayes where chips hold evidence. May be repeated, to compare.",
            metavar="W",
        ),
    ],
    out: Annotated[
        Path, typer.Option(help=f"Folder for {TABLE} and {PICTURE}; made where there is none.", metavar="DIR")
    ],
    split: Annotated[
        str, typer.Option(help="Part of the dataset, where it has parts; of simulated chips B-202-48.")
    ] = "test",
    chips: Annotated[
        int | None, typer.Option(help="Take no more than the first N chips.", metavar="N")
    ] = None,
    turns: Annotated[
        bool,
        typer.Option(
            "--turns/--no-turns", help="Mean over eight turns and reflections, or the chip as it is."
        ),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Score weights while sensors are missing, clouded, misplaced, mistaken or old.

    Example: floodfuse ablate --dataset simulated --root chips --split B-202-48 --weights bayes --out ablation
    """
    # torch takes seconds to load, and no other command needs it
    from floodfuse.models.ablation_scores import ablate
    from floodfuse.pipeline.datasets import open_dataset
    from floodfuse.workflows.ablation_plot import write_plot

    names = _names(weights)
    if out.exists() and not out.is_dir():
        raise BadRequest(f"out '{out}': is a file; give the name of a folder.")
    if chips is not None and chips < 1:
        raise BadRequest(f"chips '{chips}': there is nothing to score; give 1 or more.")
    for file in weights:
        check_readable(file)
    source = open_dataset(dataset, root, split)
    taken = _first(chips, source)
    networks = {name: open_weights(file, source)[0] for name, file in zip(names, weights, strict=True)}
    hashes = {name: sha256_of(file) for name, file in zip(names, weights, strict=True)}
    for name in (TABLE, PICTURE):
        console.make_folder_of(out / name, "out")
    with console.progress(quiet) as tell:
        try:
            found = ablate(networks, source, taken, turns, tell)
        except ValueError as error:
            raise BadRequest(f"{root}: {error}.") from None
    if found.left_out:
        console.note(
            f"{len(found.left_out)} of {len(taken)} chips left out: not all sensors have images of them."
        )
    title = f"{source.name}, {source.split}: {found.results[0].scores.tiles} chips"
    try:
        write_whole(out / TABLE, table_of(found.results, source.inputs, hashes).encode())
        write_plot(found.results, title, source.inputs, out / PICTURE)
    except OSError as error:
        raise BadRequest(f"out '{out}': can't be written to ({error.strerror}); give another.") from None
    if not quiet:
        _show(found.results, title)
        console.say(f"{out / TABLE}\n{out / PICTURE}")


def table_of(results: Sequence[Result], inputs: str, hashes: Mapping[str, str]) -> str:
    """All scores as CSV, a line to every network and condition, with the checksum of its weights."""
    from floodfuse.models.ablation import unit_of

    groups = list(results[0].scores.iou_by_class)
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow([*COLUMNS, *(f"iou_{name}" for name in groups)])
    for weights, condition, scores in results:
        asked = [condition.test, "+".join(condition.subset), condition.sensor, f"{condition.amount:g}"]
        values = [scores.iou_flood, scores.ece, scores.brier, *(scores.iou_by_class[name] for name in groups)]
        lines.writerow(
            [weights, hashes[weights], *asked, unit_of(condition.test, inputs), scores.tiles, scores.pixels]
            + [f"{value:.6f}" for value in values]
        )
    return text.getvalue()


def _names(weights: Sequence[Path]) -> list[str]:
    """What weights are called: their file without its ending, or all of its path where two are called alike."""
    if len(weights) > MOST_WEIGHTS:
        raise BadRequest(
            f"weights: {len(weights)} are given, and a picture tells {MOST_WEIGHTS} apart; give fewer."
        )
    for number, file in enumerate(weights):
        if file in weights[:number]:
            raise BadRequest(f"weights '{file}': given twice; give each once.")
    stems = [file.name.removesuffix(".safetensors") for file in weights]
    return [stem if stems.count(stem) == 1 else str(file) for stem, file in zip(stems, weights, strict=True)]


def _first(chips: int | None, source: ChipSource) -> Sequence[str]:
    if chips is not None and chips > len(source.chips):
        raise BadRequest(
            f"chips '{chips}': dataset {source.name}, {source.split}, has {len(source.chips)}; give no more."
        )
    return source.chips[:chips]


def _show(results: Sequence[Result], title: str) -> None:
    from floodfuse.models.ablation_scores import CloudTable

    console.say(f"{title}, IoU of flood")
    table = Table(
        "weights",
        caption="shortfall: best sensor alone less sensors together, the largest of all subsets and clouds",
    )
    for column in ("all sensors", "best alone", "shortfall"):
        table.add_column(column, justify="right")
    table.add_column("where")
    for weights in dict.fromkeys(result.weights for result in results):
        cloud = CloudTable(results, weights)
        sensor, alone = cloud.best_alone(cloud.whole, 0.0)
        row = [weights, f"{cloud.iou[cloud.whole, 0.0]:.3f}", f"{alone:.3f} ({sensor})", "", ""]
        if found := cloud.shortfalls():
            worst = max(found, key=lambda shortfall: shortfall.iou)
            where = f"{' + '.join(worst.subset)} to {worst.best}, cloud {worst.cloud_percent:g} %"
            row[3:] = [f"{worst.iou:.3f}", where]
        table.add_row(*row)
    console.results.print(table)
