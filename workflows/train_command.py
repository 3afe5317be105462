"""`floodfuse train`: weights from a settings file and a folder of labelled chips."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Annotated, Any

import typer

from floodfuse.catalogs.errors import BadRequest
from floodfuse.workflows import console
from floodfuse.workflows.options import Quiet


def train_command(
    settings: Annotated[
        Path, typer.Argument(metavar="FILE", help="YAML file that says what to train, and how.")
    ],
    root: Annotated[Path, typer.Option(help="Folder that holds the dataset.", metavar="DIR")],
    out: Annotated[Path, typer.Option(help="File of weights to make, .safetensors.", metavar="W")],
    hold_out: Annotated[
        str | None,
        typer.Option(
            help="Blocks of chips neither to learn from nor to choose by, such as 1,6,10.", metavar="N,N"
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed than the file's.")] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Another number of epochs than the file's.", min=1)
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Train a network. A run that was interrupted goes on where it stopped when the same command is given again.

    Example: floodfuse train workflows/experiments/ombria-early.yaml --root ombria --out early.safetensors
    """
    # torch takes seconds to load, and no other command needs it
    from floodfuse.models.training import Stopped, Training, TrainingError
    from floodfuse.pipeline.datasets import open_dataset
    from floodfuse.workflows.experiment import load_experiment

    given: dict[str, Any] = {"seed": seed, "epochs": epochs}
    given = {name: value for name, value in given.items() if value is not None}
    if hold_out is not None:
        given["split"] = {"judging": _blocks(hold_out)}
    experiment = load_experiment(settings, given)
    source = open_dataset(experiment.dataset, root, experiment.split)
    command = f"floodfuse train {settings.name} --root {root.name} --out {out.name}"
    options = {"--hold-out": hold_out, "--seed": seed, "--epochs": epochs}
    command += "".join(f" {name} {value}" for name, value in options.items() if value is not None)
    _refuse_to_replace(out)
    try:
        training = Training(experiment.training, source, out, experiment.licence, command)
        console.make_folder_of(out, "out")
        with console.progress(quiet) as tell, _between_steps() as stopping:
            best = training.run(tell, stopping.is_set)
    except TrainingError as error:
        raise BadRequest(f"{error}.") from None
    except Stopped:
        console.note(
            f"stopped; the same command goes on after step {training.progress.step} of {training.steps}."
        )
        raise KeyboardInterrupt from None
    if not quiet:
        console.say(
            f"{out}: after epoch {training.progress.best_epoch} of {experiment.training.epochs}, mean IoU by tile {best:.3f} "
            f"over the {len(training.parts.choosing)} chips by which it was chosen. Epochs: {training.log_file}"
        )


@contextmanager
def _between_steps() -> Iterator[Event]:
    """Ctrl-C and `kill` set the event, so that no step is cut in half; a second one leaves at once."""
    stopping = Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if stopping.is_set():
            signal.default_int_handler(number, frame)
        stopping.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _refuse_to_replace(out: Path) -> None:
    state = out.with_name(f"{out.name}.state")
    if out.suffix != ".safetensors":
        raise BadRequest(f"out '{out}': weights are .safetensors files; end its name with that.")
    if out.exists() and not state.exists():
        raise BadRequest(f"out '{out}': there is such a file already; delete it or give another name.")


def _blocks(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise BadRequest(f"hold-out '{text}': give numbers of blocks, such as 1,6,10.") from None
