"""The `floodfuse` command."""

from __future__ import annotations

import signal
from importlib.metadata import version
from typing import Annotated

import typer

from floodfuse.workflows import catalog_commands, console
from floodfuse.workflows.ablate_command import ablate_command
from floodfuse.workflows.calibrate_command import calibrate_command
from floodfuse.workflows.compare_command import HELP as COMPARE_HELP
from floodfuse.workflows.compare_command import compare_command
from floodfuse.workflows.console import NumbersCommand
from floodfuse.workflows.demo_command import demo_command
from floodfuse.workflows.evaluate_command import evaluate_command
from floodfuse.workflows.map_command import HELP as MAP_HELP
from floodfuse.workflows.map_command import map_command
from floodfuse.workflows.product_commands import diff_command, explain_command, inspect_command
from floodfuse.workflows.train_command import train_command

app = typer.Typer(
    name="floodfuse",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Flood maps from C-band radar, L-band radar and optical imagery, fused as physical evidence.",
)
app.command("map", cls=NumbersCommand, help=MAP_HELP)(map_command)
app.command("demo")(demo_command)
app.command("inspect")(inspect_command)
app.command("diff")(diff_command)
app.command("compare", cls=NumbersCommand, help=COMPARE_HELP)(compare_command)
app.command("explain", cls=NumbersCommand)(explain_command)
app.command("train")(train_command)
app.command("evaluate")(evaluate_command)
app.command("calibrate")(calibrate_command)
app.command("ablate")(ablate_command)
app.add_typer(catalog_commands.app, name="catalog")


def _show_version(wanted: bool) -> None:
    if wanted:
        print(version("floodfuse"))
        raise typer.Exit


@app.callback()
def floodfuse(
    show_version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and leave.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Flood maps from C-band radar, L-band radar and optical imagery, fused as physical evidence."""


def main() -> None:
    """Entry point of the console script."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `kill` leaves no more behind than Ctrl-C
    console.run(app)
