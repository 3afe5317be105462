"""`floodfuse compare`: several fusion strategies on one area, where they differ, and which to trust."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer
from rich.table import Table

from floodfuse.catalogs.errors import BadRequest
from floodfuse.models.weights.shipped import shipped
from floodfuse.pipeline.settings import Fusion, MapSettings, load_settings
from floodfuse.pipeline.strategy import BAYES
from floodfuse.workflows import console
from floodfuse.workflows.options import AsJson, Crs, Quiet, Reference, Resolution, Sensors, Window, Workers

if TYPE_CHECKING:
    from floodfuse.pipeline.side_by_side.compare_area import Comparison

HELP = """Map one area by several fusion strategies: how far they agree, where and why they differ, and which to trust.

Each strategy's product goes to DIR/STRATEGY. DIR/comparison.png shows them side by side, DIR/disagreement.tif
how many say water; DIR/comparison.json holds the numbers.

Examples:

  floodfuse compare -0.9,37.9,-0.8,38.0 --date 2019-09-17 --catalog my-data --out compared

  floodfuse compare area.gpkg --date 2019-09-17 --catalog my-data --weights graybox=mine.safetensors --out compared
"""
STRATEGIES: tuple[str, ...] = get_args(Fusion)


def compare_command(
    area: Annotated[str, typer.Argument(metavar="AREA", help="w,s,e,n in degrees, or a vector file.")],
    catalog: Annotated[
        str, typer.Option(help="Archive name, folder of a catalogue, or URL.", metavar="NAME|PATH|URL")
    ],
    out: Annotated[Path, typer.Option(help="Folder to make.", metavar="DIR")],
    date: Annotated[str | None, typer.Option(help="Day (noon UTC) or ISO time to map.", metavar="D")] = None,
    strategies: Annotated[
        str | None,
        typer.Option(
            help="Two or more, comma-separated. (default: bayes, those whose weights come with floodfuse, and those of --weights)"
        ),
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(help="Weights of one strategy; may be repeated.", metavar="STRATEGY=FILE"),
    ] = None,
    window: Window = None,
    sensors: Sensors = None,
    resolution: Resolution = None,
    crs: Crs = None,
    workers: Workers = None,
    reference: Reference = None,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Map one area by several strategies and compare."""
    files = _weights(weights or [])
    names = _strategies(strategies, files)
    given: dict[str, Any] = {
        "area": area.strip(),
        "date": date,
        "catalog": catalog,
        "window": window,
        "sensors": sensors,
        "resolution": resolution,
        "crs": crs,
        "workers": workers,
        "reference": reference,
    }
    settings = {name: _settings(given, name, files.get(name), out) for name in names}
    from floodfuse.pipeline.side_by_side.compare_area import compare_area  # what draws takes its time to load

    with console.progress(quiet) as tell:
        found = compare_area(settings, out, tell)
    if json:
        console.show_json(found)
    elif not quiet:
        _show(found, out)


def _weights(given: Sequence[str]) -> dict[str, str]:
    """Files by strategy."""
    files: dict[str, str] = {}
    for text in given:
        name, equals, file = (part.strip() for part in text.partition("="))
        if not (equals and file):
            raise BadRequest(
                f"weights '{text}': give STRATEGY=FILE, e.g. --weights graybox=mine.safetensors."
            )
        _check_known("weights", name)
        if name == BAYES:
            raise BadRequest(f"weights '{text}': {BAYES} takes none; name a network, such as graybox.")
        if name in files:
            raise BadRequest(f"weights '{text}': {name} has some already; give each strategy's once.")
        files[name] = file
    return files


def _strategies(asked: str | None, files: dict[str, str]) -> list[str]:
    """Names in the order asked for, or all that can be run."""
    if asked is None:
        names = [n for n in STRATEGIES if n == BAYES or n in files or shipped(n) is not None]
    else:
        names = [name.strip() for name in asked.split(",") if name.strip()]
    for name in names:
        _check_known("strategies", name)
        if names.count(name) > 1:
            raise BadRequest(f"strategies '{asked}': {name} is named twice; name each once.")
    for name, file in files.items():
        if name not in names:
            raise BadRequest(
                f"weights '{name}={file}': {name} is not among the strategies compared, {', '.join(names)}; add it to "
                "--strategies or leave its weights out."
            )
    if len(names) < 2:
        what = ", ".join(names) or "none"
        raise BadRequest(
            f"strategies '{what}': it takes two to compare. Give --weights STRATEGY=FILE of a network made by `floodfuse train`."
            if asked is None
            else f"strategies '{asked}': it takes two to compare; name another, such as {BAYES} or graybox."
        )
    return names


def _check_known(option: str, name: str) -> None:
    if name not in STRATEGIES:
        raise BadRequest(f"{option} '{name}': no such strategy. Known are {', '.join(STRATEGIES)}.")


def _settings(given: dict[str, Any], name: str, file: str | None, out: Path) -> MapSettings:
    if file is not None:
        _check_weights(name, Path(file))
    return load_settings(None, given | {"fusion": name, "weights": file, "out": str(out / name)})


def _check_weights(name: str, file: Path) -> None:
    # torch takes seconds to load, and requests that are wrong otherwise need none
    from floodfuse.models.weights.files import WeightsError, read_card

    try:
        strategy = read_card(file).network.strategy
    except WeightsError as error:
        raise BadRequest(f"weights '{name}={file}': {error}") from None
    if strategy != name:
        raise BadRequest(f"weights '{name}={file}': they are of {strategy}; give {strategy}={file}.")


def _show(found: Comparison, out: Path) -> None:
    for warning in found.warnings:
        console.note(warning)
    title = f"Side by side, {found.product_time[:16].replace('T', ' ')} UTC"
    console.results.print(_strategy_table(found, f"{title} (synthetic)" if found.synthetic else title))
    console.results.print(_agreement_table(found))
    for sentence in found.sentences:
        console.say(f"- {sentence}")
    console.say(f"Recommended: {found.recommendation.strategy}")
    for reason in found.recommendation.reasons:
        console.say(f"- {reason}")
    console.say(f"Look at {out / 'comparison.png'}; each map is in {out}/STRATEGY.")


def _strategy_table(found: Comparison, title: str) -> Table:
    table = Table("strategy", title=title, title_justify="left")
    for column in ("flooded km2", "all water km2", "answered", "excluded", "not observed"):
        table.add_column(column, justify="right")
    for row in found.measured.strategies:
        shares = (f"{share:.1%}" for share in (row.answered, row.excluded, row.not_observed))
        table.add_row(row.name, f"{row.flooded_km2:.3f}", f"{row.water_km2:.3f}", *shares)
    return table


def _agreement_table(found: Comparison) -> Table:
    table = Table("first", "second", title="Agreement on water, where both answer", title_justify="left")
    for column in ("same", "kappa", "IoU of water", "difference of probability", "only one answers"):
        table.add_column(column, justify="right")
    for pair in found.measured.pairs:
        numbers = (pair.kappa, pair.water_iou, pair.probability_difference)
        table.add_row(
            *(pair.first, pair.second, "-" if pair.agreement is None else f"{pair.agreement:.2%}"),
            *("-" if number is None else f"{number:.3f}" for number in numbers),
            f"{pair.only_first_answers + pair.only_second_answers:.1%}",
        )
    return table
