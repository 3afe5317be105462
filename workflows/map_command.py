"""`floodfuse map`: one area of interest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from floodfuse.models.tile_lattice import STEP_PX
from floodfuse.pipeline.map_area import map_area
from floodfuse.pipeline.product import PROJECT_FILE, RunRecord
from floodfuse.pipeline.settings import BLOCK_PX, NETWORK_BLOCK_PX, MapSettings, load_settings
from floodfuse.workflows import console
from floodfuse.workflows.options import AsJson, Crs, Quiet, Reference, Resolution, Sensors, Window, Workers

HELP = """Map the flood in one area of interest.

AREA is `west,south,east,north` in degrees, or a GeoJSON, GeoPackage, Shapefile or FlatGeobuf file of polygons.

Examples:

  floodfuse map -0.9,37.9,-0.8,38.0 --date 2019-09-17 --catalog my-data --out flood

  floodfuse map district.gpkg --date 2024-06-05T18:00 --window 2 --catalog my-data --sensors sentinel1,alos2 --out flood

  floodfuse map --settings run.yaml
"""


def map_command(
    area: Annotated[
        str | None, typer.Argument(metavar="AREA", help="w,s,e,n in degrees, or a vector file.")
    ] = None,
    date: Annotated[str | None, typer.Option(help="Day (noon UTC) or ISO time to map.", metavar="D")] = None,
    catalog: Annotated[
        str | None, typer.Option(help="Archive name, folder of a catalogue, or URL.", metavar="NAME|PATH|URL")
    ] = None,
    out: Annotated[str | None, typer.Option(help="Folder to make for the product.", metavar="DIR")] = None,
    window: Window = None,
    fusion: Annotated[
        str | None,
        typer.Option(
            help="bayes, early, intermediate, attention, late or graybox. (default: bayes, physics alone)"
        ),
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="Weights of a network. (default: those that come)", metavar="W")
    ] = None,
    risk: Annotated[
        float | None,
        typer.Option(
            help="Share of errors that is allowed; what is less sure is excluded. (default: none asked)"
        ),
    ] = None,
    sensors: Sensors = None,
    resolution: Resolution = None,
    crs: Crs = None,
    block: Annotated[
        int | None,
        typer.Option(
            help=f"Pixels a side of a block. (default: {BLOCK_PX}; of networks {NETWORK_BLOCK_PX}, by steps of {STEP_PX})"
        ),
    ] = None,
    workers: Workers = None,
    reference: Reference = None,
    reference_days: Annotated[
        float | None, typer.Option(help="Days before the date to look for them. (default: 400)")
    ] = None,
    speckle: Annotated[
        str | None,
        typer.Option(
            help="evidence, none, lee, refined-lee or gamma-map. (default: evidence, averaged over 5 x 5 px)"
        ),
    ] = None,
    align: Annotated[
        bool | None,
        typer.Option(
            "--align/--no-align", help="Move radar images that lie off another sensor's. (default: align)"
        ),
    ] = None,
    settings: Annotated[
        Path | None, typer.Option(help="YAML file with any of these options.", metavar="FILE")
    ] = None,
    overwrite: Annotated[
        bool | None, typer.Option("--overwrite", help="Replace an earlier product in DIR.")
    ] = None,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Map the flood in one area of interest."""
    given: dict[str, Any] = {
        "area": area.strip() if area else None,
        "date": date,
        "catalog": catalog,
        "out": out,
        "window": window,
        "fusion": fusion,
        "weights": weights,
        "risk": risk,
        "sensors": tuple(name.strip() for name in sensors.split(",")) if sensors else None,
        "resolution": resolution,
        "crs": crs,
        "block": block,
        "workers": workers,
        "reference": reference,
        "reference_days": reference_days,
        "speckle": speckle,
        "align": align,
        "overwrite": overwrite or None,
    }
    effective = load_settings(settings, given)
    with console.progress(quiet) as tell:
        record = map_area(effective, tell)
    show(record, effective, json, quiet)


def show(record: RunRecord, settings: MapSettings, json: bool, quiet: bool) -> None:
    """Print what was mapped: areas, warnings, and what to open."""
    if json:
        console.show_json(record)
        return
    for warning in record.warnings:
        if not quiet:
            console.note(warning)
    if quiet:
        return
    console.results.print(areas_table(record))
    console.say(f"Open in QGIS: {Path(settings.out) / PROJECT_FILE}")


def areas_table(record: RunRecord) -> Table:
    """Area of every class as a table."""
    title = f"Flood map, {record.product_time:%Y-%m-%d %H:%M} UTC"
    table = Table(title=f"{title} (synthetic)" if record.synthetic else title, title_justify="left")
    table.add_column("Class")
    table.add_column("km2", justify="right")
    table.add_column("share", justify="right")
    for row in record.classes:
        if row.pixels:
            table.add_row(row.label, f"{row.area_km2:.3f}", f"{row.share:.1%}")
    return table
