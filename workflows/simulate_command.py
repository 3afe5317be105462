"""`floodfuse catalog simulate`: an archive of simulated scenes, with the truth beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from floodfuse.catalogs.acquisition import OBSERVING, Sensor
from floodfuse.catalogs.errors import BadRequest
from floodfuse.catalogs.simulated.archive import Archive, write_archive
from floodfuse.catalogs.simulated.mechanisms import MECHANISMS
from floodfuse.catalogs.simulated.scenario import RANDOM_SHIFT_SD_PX, Scenario
from floodfuse.workflows import console
from floodfuse.workflows.options import AsJson

_RANDOM = "random"

HELP = """Write an archive of simulated scenes, and the truth.

Beside the catalogue lie `truth.tif`, `aoi.geojson` (its `date` is the day to map) and `scenario.json`, which holds what a
map can't know: how far each image was misplaced.

Examples:

  floodfuse catalog simulate archive --seed 3 --references 4

  floodfuse catalog simulate archive --shift sentinel1=0.6,-1.3 --shift alos2=0,0.5 --artefacts

  floodfuse catalog simulate archive --dry --mechanism mud_flats --mechanism snow_fields
"""


def simulated_archive(folder: Path, size: int, seed: int, scenario: Scenario | None = None) -> Archive:
    """Write a simulated archive; what the simulator, or the disk, can't do is the request's fault."""
    try:
        return write_archive(folder, size, seed, scenario or Scenario())
    except ValueError as error:
        raise BadRequest(f"simulated archive: {error}") from error
    except OSError as error:
        raise BadRequest(
            f"{folder}: can't be written to ({error.strerror or error}). Name another folder, or free some space."
        ) from error


def check_is_new(folder: Path) -> None:
    """Refuse a folder that is there already and not empty, or is a file."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        state = "is not empty" if folder.is_dir() else "is a file"
        raise BadRequest(f"{folder}: {state}. Name a folder that does not exist yet.")


def simulate_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the catalogue to make.")],
    size: Annotated[int, typer.Option(help="Pixels of 10 m a side.", min=256, max=8192)] = 1024,
    seed: Annotated[int, typer.Option(help="Same seed, same archive.")] = 0,
    references: Annotated[int, typer.Option(help="Dry dates of each radar before the flood.")] = 0,
    dry: Annotated[bool, typer.Option("--dry", help="No flood at all.")] = False,
    mechanism: Annotated[
        list[str] | None,
        typer.Option(help=f"What no class describes: {', '.join(MECHANISMS)}; repeat.", metavar="NAME"),
    ] = None,
    shift: Annotated[
        list[str] | None,
        typer.Option(
            help="Misplace a sensor's image by pixels of 10 m, or each by a random shift; repeat.",
            metavar="SENSOR=DOWN,RIGHT|random",
        ),
    ] = None,
    artefacts: Annotated[
        bool,
        typer.Option("--artefacts", help="Uneven noise, borders, scalloping, interference, hidden slopes."),
    ] = False,
    world: Annotated[str, typer.Option(help="Scattering models, A or B.")] = "B",
    json: AsJson = False,
) -> None:
    """Write an archive of simulated scenes."""
    given = shift or []
    try:
        scenario = Scenario(
            world=world,
            flooded=not dry,
            mechanisms=tuple(mechanism or ()),
            shift_px=dict(_shift(text) for text in given if text != _RANDOM),
            shift_sd_px=RANDOM_SHIFT_SD_PX if _RANDOM in given else 0.0,
            references=references,
            artefacts=artefacts,
        )
    except ValueError as error:
        raise BadRequest(f"simulated archive: {error}.") from error
    check_is_new(folder)
    archive = simulated_archive(folder, size, seed, scenario)
    if json:
        console.show_json(
            {
                "catalog": str(folder),
                "area": str(archive.aoi),
                "truth": str(archive.truth),
                "date": archive.time,
            }
        )
    else:
        console.say(f"Synthetic archive in {folder}: map {archive.aoi} on {archive.time.isoformat()}.")


def _shift(text: str) -> tuple[Sensor, tuple[float, float]]:
    """`sentinel1=0.6,-1.3` as a sensor and its shift."""
    name, _, pixels = text.partition("=")
    try:
        down, right = (float(part) for part in pixels.split(","))
        return Sensor(name.strip()), (down, right)
    except ValueError:
        raise BadRequest(
            f"shift '{text}': write it as SENSOR=DOWN,RIGHT in pixels of 10 m, e.g. sentinel1=0.6,-1.3, "
            f"or {_RANDOM}; sensors are {', '.join(OBSERVING)}."
        ) from None
