"""`floodfuse inspect`, `diff` and `explain`: looking into products."""

from __future__ import annotations

import hashlib
import json as json_module
import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from floodfuse.catalogs.errors import BadRequest
from floodfuse.harmonize.classes import LEGEND, EvidenceClass
from floodfuse.harmonize.prior import HAND_SCALE_M
from floodfuse.harmonize.wind_regime import WindRegime
from floodfuse.pipeline.compare import compare
from floodfuse.pipeline.explain import Explanation, SensorView, explain
from floodfuse.pipeline.explain_plot import write_plot
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
        console.results.print(_advisories(record))
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


def _advisories(record: RunRecord) -> Table:
    """The flags that are raised anywhere, and on how much of what was observed."""
    table = Table(title="What to keep in mind", title_justify="left")
    table.add_column("flag", overflow="fold")
    table.add_column("of the observed area", justify="right")
    for flag in record.advisories:
        if flag.pixels:
            table.add_row(flag.label, f"{flag.share:.1%}")
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
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Also draw each sensor's class densities with the value in them.", metavar="FILE.png"
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Explain one pixel: what each sensor saw, what that says about every class, and how the map came out of it.

    Example: floodfuse explain flood --at -0.85,37.95 --plot pixel.png
    """
    lon, lat = _position(at)
    if plot is not None and plot.suffix.lower() != ".png":
        raise BadRequest(f"plot '{plot}': give a file that ends in .png, e.g. --plot pixel.png.")
    found = explain(product, lon, lat)
    if plot is not None:
        write_plot(found, plot)
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
    say(f"[bold]{found.map_class}[/] at {found.lon:g}, {found.lat:g}: {_in_figures(found)}.", highlight=False)
    for reason in found.reasons:
        say(f"  - {reason}", highlight=False)
    if found.fusion != "bayes":
        console.say(_by_network(found))
    for flag in found.flags:
        say(f"  - keep in mind: {flag}", highlight=False)
    if not found.matches_product:
        say("[red]The inputs no longer give what the product holds: one of them has changed since.[/]")
    for view in found.sensors:
        _show_sensor(view, found)
    if found.terrain:
        say(
            "terrain: " + ", ".join(f"{name} {value:.3g}" for name, value in found.terrain.items()),
            highlight=False,
        )
    if found.rise_nats is not None:
        say(f"flood around here: {_rise(found.rise_nats)}", highlight=False)
    say(_evidence_table(found))
    say(_passes_table(found))


def _rise(nats: float) -> str:
    """How far the flood rose, as a stage and as what it does to the prior."""
    metres = abs(nats) * HAND_SCALE_M
    return (
        f"as if it stood {metres:.1f} m {'higher' if nats > 0 else 'lower'} than a usual one, which moves the prior's log-odds by "
        f"{nats:+.2f} nats"
    )


def _in_figures(found: Explanation) -> str:
    parts = [
        "no probability" if found.probability is None else f"probability of water {found.probability:.1%}"
    ]
    if found.uncertainty_bits is not None:
        parts.append(f"uncertainty {found.uncertainty_bits:.2f} bit")
    if found.ever_flooded is not None:
        parts.append(f"ever flooded at a pass of the window {found.ever_flooded:.1%}")
    if found.conflict_nats is not None:
        parts.append(f"conflict between sensors {found.conflict_nats:.1f} nats")
    return "; ".join([*parts, f"decided by {found.decider}"])


def _by_network(found: Explanation) -> str:
    """What the network made of it, beside Bayes' rule."""
    alone = "says nothing" if found.by_bayes is None else f"gives {found.by_bayes:.1%}"
    told = ", ".join(f"{name} {share:.0%}" for name, share in found.weights.items())
    weights = f"; it let count: {told}" if told else ""
    return f"fused by the network `{found.fusion}`; physics alone {alone}{weights}"


def _show_sensor(view: SensorView, found: Explanation) -> None:
    """What a sensor saw, with what it was read by; each line can be searched for by the sensor's name."""
    if view.acquisition is None:
        console.say(f"{view.sensor}: saw nothing here.")
        return
    observed = ", ".join(f"{name} {_number(name, value)}" for name, value in view.observed.items())
    console.say(f"{view.sensor}: {observed}")
    hours = next(p.hours_from_product for p in found.passes if p.acquisition == view.acquisition)
    console.say(f"    {view.acquisition}, {view.time}, {_distance(hours)} the product's time")
    if view.looks is not None:
        floors = ", ".join(f"{c.channel} {c.noise_floor_db:.1f} dB" for c in view.channels)
        console.say(f"    {view.looks:.3g} looks; noise floor at this angle: {floors}")
    for name, fact in view.facts.items():
        called, told = _TOLD_OF_SCENE.get(name, (name.replace("_", " "), _in_words))
        console.say(f"    {called}: {told(fact)}")


def _water(weights: list[float]) -> str:
    """Weights of water's regimes by their means."""
    regime = WindRegime(tuple(weights), 0.0, 0)
    return (
        f"over the whole scene, winds of scale {regime.scale_m_s:.1f} m/s, and a cross-polarized level of water "
        f"{regime.cross_offset_db:+.1f} dB off the usual"
    )


def _dry_ground(levels: list[tuple[str, int, float, float]]) -> str:
    """Levels of dry classes, class by class."""
    told: dict[str, list[str]] = {}
    for channel, ground, shift_db, _ in levels:
        name = EvidenceClass(ground).name.lower().replace("_", " ")
        told.setdefault(name, []).append(f"{channel} {shift_db:+.1f}")
    classes = "; ".join(f"{name} {', '.join(shifts)}" for name, shifts in told.items())
    return f"over the whole scene, on high ground, dB off the usual: {classes}"


_TOLD_OF_SCENE: dict[str, tuple[str, Callable[[Any], str]]] = {
    "water_weights": ("water", _water),
    "ground_levels": ("dry ground", _dry_ground),
}
"""Facts of an acquisition that its whole footprint told, and how they are said."""


def _distance(hours: float) -> str:
    return f"{abs(hours):.1f} h {'after' if hours > 0 else 'before'}"


def _in_words(fact: Any) -> str:
    """Whatever an acquisition states, on one line."""
    if isinstance(fact, dict):
        return ", ".join(f"{name.replace('_', ' ')} {_in_words(value)}" for name, value in fact.items())
    if isinstance(fact, list):
        return ", ".join(_in_words(value) for value in fact)
    return f"{fact:.6g}" if isinstance(fact, float) else str(fact)


def _number(name: str, value: float) -> str:
    if math.isnan(value):
        return "below the noise" if name.endswith("_db") else "missing"
    if name.endswith("_db"):
        return f"{value:.2f} dB"
    return f"{value:.1f} deg" if name == "incidence" else f"{value:.4f}"


def _passes_table(found: Explanation) -> Table:
    table = Table(title="Evidence for a flood of every pass at its own time, nats", title_justify="left")
    table.add_column("acquisition", overflow="fold")
    table.add_column("hours from the product's time", justify="right")
    table.add_column("flooded over dry", justify="right")
    for view in found.passes:
        told = "saw nothing" if view.llr_nats is None else f"{view.llr_nats:+.2f}"
        table.add_row(view.acquisition, f"{view.hours_from_product:+.1f}", told)
    return table


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
