"""`floodfuse demo`: simulate an archive, map it, and score the map against the truth."""

from __future__ import annotations

import json as json_module
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from floodfuse.catalogs.acquisition import OBSERVING, Sensor
from floodfuse.catalogs.simulated.archive import Archive
from floodfuse.pipeline.map_area import map_area
from floodfuse.pipeline.product import PROJECT_FILE, REPORT_FILE
from floodfuse.pipeline.score import Scores, score
from floodfuse.pipeline.settings import MapSettings
from floodfuse.workflows import console
from floodfuse.workflows.options import AsJson, Quiet
from floodfuse.workflows.simulate_command import check_is_new, simulated_archive

ARCHIVE_FOLDER, PRODUCT_FOLDER, WITHOUT_L_FOLDER = "archive", "flood", "flood-without-alos2"
SCORES_FILE = "scores.json"
_ROWS = {
    "open_water_iou": "open water, IoU",
    "vegetation_recall": "flooded vegetation, recall",
    "vegetation_precision": "flooded vegetation, precision",
    "urban_recall": "flooded urban, recall",
    "false_flood": "false flood on dry land",
    "answered": "pixels answered",
}


def demo_command(
    out: Annotated[
        Path, typer.Option(help="Folder to make for the archive and the maps.", metavar="DIR")
    ] = Path("demo"),
    size: Annotated[int, typer.Option(help="Pixels of 10 m a side.", min=256, max=8192)] = 1024,
    seed: Annotated[int, typer.Option(help="Same seed, same scenes.")] = 0,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Simulate an archive of scenes, map it with and without L-band radar, and score both against the known truth.

    Example: floodfuse demo --out demo --seed 3
    """
    check_is_new(out)
    with console.progress(quiet) as tell:
        tell("simulating scenes", 0, 1)
        archive = simulated_archive(out / ARCHIVE_FOLDER, size, seed)
        scores = {}
        for folder, sensors in (
            (PRODUCT_FOLDER, OBSERVING),
            (WITHOUT_L_FOLDER, (Sensor.SENTINEL1, Sensor.SENTINEL2)),
        ):
            map_area(_settings(archive, out / folder, sensors), tell)
            scores[folder] = score(out / folder, archive.truth)
    report = {
        "synthetic": True,
        "seed": seed,
        "size": size,
        **{name: asdict(s) for name, s in scores.items()},
    }
    (out / SCORES_FILE).write_text(json_module.dumps(report, indent=2) + "\n")
    if json:
        console.show_json(report)
    elif not quiet:
        console.results.print(_table(scores))
        product = out / PRODUCT_FOLDER
        console.say(f"Open in QGIS: {product / PROJECT_FILE}   Read: {product / REPORT_FILE}")


def _settings(archive: Archive, out: Path, sensors: tuple[Sensor, ...]) -> MapSettings:
    return MapSettings.model_validate(archive.request | {"out": str(out), "sensors": sensors})


def _table(scores: dict[str, Scores]) -> Table:
    table = Table(title="Against the known truth (synthetic)", title_justify="left")
    table.add_column("")
    table.add_column("all sensors", justify="right")
    table.add_column("without ALOS-2", justify="right")
    for name, label in _ROWS.items():
        values = (getattr(scores[folder], name) for folder in (PRODUCT_FOLDER, WITHOUT_L_FOLDER))
        table.add_row(label, *("-" if value is None else f"{value:.3f}" for value in values))
    return table
