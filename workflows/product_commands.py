"""`floodfuse inspect`, `diff` and `explain`: looking into products."""

from __future__ import annotations

import hashlib
import json as json_module
import math
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from floodfuse.catalogs.errors import BadRequest
from floodfuse.harmonize.classes import LEGEND
from floodfuse.pipeline.compare import compare
from floodfuse.pipeline.explain import Explanation, explain
from floodfuse.pipeline.open_product import load_record
from floodfuse.pipeline.product import ITEM_FILE, RunRecord
from floodfuse.pipeline.publish.stac_item import folder_digest
from floodfuse.workflows import console
from floodfuse.workflows.map_command import areas_table
from floodfuse.workflows.options import AsJson, ProductFolder

_SHA256_MULTIHASH = "1220"


def inspect_command(product: ProductFolder, json: AsJson = False) -> None:
    """Show a product's legend, areas, sensors, dates and whether its files are as they were published.

    Example: floodfuse inspect flood
    """
    record = load_record(product)
    checks = checksums(product)
    if json:
        console.show_json({"record": record.model_dump(mode="json"), "files": checks})
    else:
        console.results.print(areas_table(record))
        console.results.print(_legend())
        console.results.print(_inputs(record))
        console.results.print(_files(checks))
    if not all(state == "as published" for state in checks.values()):
        raise typer.Exit(console.FAILED)


def checksums(product: Path) -> dict[str, str]:
    """Every file that `item.json` has a checksum for: as published, changed, or missing."""
    try:
        assets = json_module.loads((product / ITEM_FILE).read_text())["assets"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadRequest(
            f"{product / ITEM_FILE}: can't be read ({error}). The product is not whole; map the area again."
        ) from error
    states = {}
    for asset in assets.values():
        if (expected := asset.get("floodfuse:folder_sha256")) is not None:
            folder = product / asset["href"]
            same = folder.is_dir() and folder_digest(folder)[0] == expected
            states[asset["href"]] = "as published" if same else "changed" if folder.is_dir() else "missing"
            continue
        if (expected := asset.get("file:checksum")) is None:
            continue
        file = product / asset["href"]
        if not file.is_file():
            states[asset["href"]] = "missing"
            continue
        with file.open("rb") as opened:
            found = _SHA256_MULTIHASH + hashlib.file_digest(opened, "sha256").hexdigest()
        states[asset["href"]] = "as published" if found == expected else "changed"
    return states


def _legend() -> Table:
    table = Table(title="Legend", title_justify="left")
    for name in ("value", "class", "meaning"):
        table.add_column(name, overflow="fold")
    for value, legend in LEGEND.items():
        r, g, b, alpha = legend.rgba
        swatch = f"[rgb({r},{g},{b})]██[/] " if alpha else "   "
        table.add_row(str(int(value)), swatch + legend.label, legend.meaning)
    return table


def _inputs(record: RunRecord) -> Table:
    table = Table(title="Inputs", title_justify="left")
    for name in ("sensor", "acquisition", "time (UTC)", "hours before product", "valid"):
        table.add_column(name, overflow="fold")
    for row in record.inputs:
        terrain = row.age_hours is None
        table.add_row(
            row.sensor,
            row.id,
            "" if terrain else f"{row.time:%Y-%m-%d %H:%M}",
            "" if row.age_hours is None else f"{row.age_hours:+.1f}",
            "" if row.valid_fraction is None else f"{row.valid_fraction:.1%}",
        )
    return table


def _files(checks: dict[str, str]) -> Table:
    table = Table(title="Files", title_justify="left")
    table.add_column("file")
    table.add_column("checksum")
    for name, state in checks.items():
        table.add_row(name, state if state == "as published" else f"[red]{state}[/]")
    return table


def diff_command(
    first: Annotated[Path, typer.Argument(metavar="A", help="A product.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another product of the same ground.")],
    tolerance: Annotated[
        float, typer.Option(help="Share of pixels that may differ.", min=0.0, max=1.0)
    ] = 0.0,
    json: AsJson = False,
) -> None:
    """Compare two products: changed area by pair of classes, and agreement. Exit code 1 beyond the tolerance.

    Example: floodfuse diff monday tuesday --tolerance 0.01
    """
    found = compare(first, second)
    if json:
        console.show_json(found)
    else:
        table = Table(
            title=f"Agreement {found.agreement:.4%} of {found.common_pixels} pixels", title_justify="left"
        )
        for name in ("in A", "in B", "km2", "pixels"):
            table.add_column(name, justify="right" if name in ("km2", "pixels") else "left")
        for change in found.changes:
            table.add_row(change.before, change.after, f"{change.area_km2:.3f}", str(change.pixels))
        console.results.print(table)
        console.results.print(
            f"Largest difference in probability: {found.largest_probability_difference:.3g}"
        )
    if 1.0 - found.agreement > tolerance:
        raise typer.Exit(console.FAILED)


def explain_command(
    product: ProductFolder,
    at: Annotated[str, typer.Option(help="Longitude,latitude in degrees.", metavar="LON,LAT")],
    json: AsJson = False,
) -> None:
    """Explain one pixel: what each sensor saw, what that says about every class, and how the map came out of it.

    Example: floodfuse explain flood --at -0.85,37.95
    """
    lon, lat = _position(at)
    found = explain(product, lon, lat)
    if json:
        console.show_json(found)
        return
    _show_explanation(found)


def _position(text: str) -> tuple[float, float]:
    try:
        lon, lat = (float(part) for part in text.split(","))
    except ValueError:
        lon = lat = math.nan
    if not (abs(lon) <= 180 and abs(lat) <= 90):
        raise BadRequest(f"at '{text.strip()}': give longitude,latitude in degrees, e.g. --at -0.85,37.95.")
    return lon, lat


def _show_explanation(found: Explanation) -> None:
    say = console.results.print
    probability = (
        "no probability" if found.probability is None else f"probability of water {found.probability:.1%}"
    )
    say(
        f"[bold]{found.map_class}[/] at {found.lon:g}, {found.lat:g}: {probability}; decided by {found.decider}."
    )
    for reason in found.reasons:
        say(f"  - {reason}")
    if not found.matches_product:
        say("[red]The inputs no longer give what the product holds: one of them has changed since.[/]")
    for view in found.sensors:
        if view.acquisition is None:
            say(f"{view.sensor}: saw nothing here.", highlight=False)
            continue
        observed = ", ".join(f"{name} {_number(name, value)}" for name, value in view.observed.items())
        say(
            f"{view.sensor}: {observed}; {view.age_hours:.1f} h from the product's time ({view.acquisition}).",
            highlight=False,
        )
    if found.terrain:
        say(
            "terrain: " + ", ".join(f"{name} {value:.3g}" for name, value in found.terrain.items()),
            highlight=False,
        )
    say(_evidence_table(found))


def _number(name: str, value: float) -> str:
    if name.endswith("_db"):
        return f"{value:.2f} dB"
    return f"{value:.1f} deg" if name == "incidence" else f"{value:.4f}"


def _evidence_table(found: Explanation) -> Table:
    table = Table(
        title="Evidence in nats (0 is the best class of a sensor), prior and posterior", title_justify="left"
    )
    table.add_column("class")
    spoke = [view for view in found.sensors if view.acquisition]
    for view in spoke:
        table.add_column(view.sensor, justify="right")
    table.add_column("prior", justify="right")
    table.add_column("posterior", justify="right")
    for name, posterior in found.posterior.items():
        cells: list[Any] = [f"{view.evidence_nats[name]:+.2f}" for view in spoke]
        table.add_row(name.replace("_", " "), *cells, f"{found.prior[name]:.3f}", f"{posterior:.3f}")
    return table
