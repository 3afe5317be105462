"""The command line's manners: where results, progress and errors go, and with which exit code.

Results go to standard output (tables, or JSON with `--json`), progress and messages to standard error.
Exit codes: 0 done, 1 failed or differs, 2 a request that can't be met as it stands.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from typer.core import TyperCommand

from floodfuse.catalogs.errors import BadRequest

FAILED, BAD_REQUEST, INTERRUPTED = 1, 2, 130
TRACEBACK_VARIABLE = "FLOODFUSE_TRACEBACK"

results = Console()
messages = Console(stderr=True)
_NUMBER = re.compile(r"-[\d.]")


class NumbersCommand(TyperCommand):
    """A command whose arguments may begin with a negative number: `map -0.9,37.9,-0.8,38.0` works as typed.

    The parser takes a leading minus for an option; a leading space, which numbers do not mind, keeps it from that.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Protect negative numbers, then parse as usual."""
        return super().parse_args(ctx, [f" {arg}" if _NUMBER.match(arg) else arg for arg in args])


def show_json(value: Any) -> None:
    """Print a record as JSON, for machines."""
    if isinstance(value, BaseModel):
        print(value.model_dump_json(indent=2))
        return
    print(
        json.dumps(
            asdict(value) if is_dataclass(value) and not isinstance(value, type) else value,
            indent=2,
            default=str,
        )
    )


def say(message: str) -> None:
    """Print a line of plain text as a result: never wrapped, and brackets in file names are no markup."""
    results.print(message, markup=False, highlight=False, soft_wrap=True)


def note(message: str) -> None:
    """Print a warning among the messages."""
    messages.print("[yellow]note:[/]", end=" ")
    messages.print(message, markup=False, highlight=False, soft_wrap=True)


def make_folder_of(file: Path, option: str) -> None:
    """Make the folder of a file that is to be written, before the work begins.

    Raises
    ------
    BadRequest
        If it can't be made, or if there is a folder where the file should be.
    """
    if file.is_dir():
        raise BadRequest(f"{option} '{file}': is a folder; give the name of a file.")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadRequest(
            f"{option} '{file}': its folder can't be made ({error.strerror}); give another."
        ) from None


@contextmanager
def progress(quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar on standard error; yields a function of step, done and total."""
    if quiet or not messages.is_terminal:
        yield lambda step, done, total: None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<22}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=messages, transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def tell(step: str, done: int, total: int) -> None:
            bar.update(task, description=step, completed=done, total=total)

        yield tell


def run(app: typer.Typer) -> None:
    """Run the command line and turn what goes wrong into one message and an exit code."""
    try:
        app(prog_name="floodfuse")
    except BadRequest as error:
        sys.exit(_say(str(error), BAD_REQUEST))
    except SystemExit as leaving:
        if leaving.code == INTERRUPTED:  # typer leaves with it, in silence
            _say("interrupted; nothing half-written was left.", INTERRUPTED)
        raise
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except Exception as error:
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        kind = type(error).__name__
        cure = f"This is a fault of floodfuse or its surroundings; {TRACEBACK_VARIABLE}=1 shows where."
        sys.exit(_say(f"{kind}: {error}. {cure}", FAILED))


def _say(message: str, code: int) -> int:
    messages.print("[bold red]error:[/]", end=" ")
    messages.print(message, markup=False, highlight=False, soft_wrap=True)
    return code
