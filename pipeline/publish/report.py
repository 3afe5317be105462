"""report.html: the product on a page, for a reader who has no map program; one file, for paper and phone."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import jinja2
import numpy as np
import shapely
from numpy.typing import NDArray

from floodfuse.harmonize.classes import (
    DECIDER_LABELS,
    EXCLUSION_LABELS,
    FLOOD_CLASSES,
    LEGEND,
    Advisory,
    Decider,
    Exclusion,
    MapClass,
)
from floodfuse.pipeline.product import REPORT_FILE, ClassArea, RunRecord
from floodfuse.pipeline.publish.palettes import (
    ADVISORY_COLOURS,
    DECIDER_COLOURS,
    EXCLUSION_COLOURS,
    PROBABILITY_RAMP,
    hexadecimal,
)
from floodfuse.pipeline.publish.preview import (
    Picture,
    class_picture,
    decider_picture,
    png,
    probability_picture,
    scale_bar,
)
from floodfuse.pipeline.publish.source import Product, tiles

TEMPLATES = Path(__file__).parent / "templates"
MAP_WIDTH, SMALL_WIDTH = 1400, 700


class ShareRow(NamedTuple):
    """One line of a table of shares: its name, colour, and shares of the pixels (0 to 1)."""

    label: str
    colour: str
    of_observed: float
    of_flooded: float


class ReasonRow(NamedTuple):
    """One reason of the exclusion layer, and its share of the excluded or unobserved pixels."""

    label: str
    colour: str
    share: float


class AdvisoryRow(NamedTuple):
    """One advisory flag, and its share of the observed pixels."""

    label: str
    colour: str
    share: float


class ClassRow(NamedTuple):
    """One line of the table of classes."""

    label: str
    meaning: str
    colour: str
    hatched: bool
    area: ClassArea


def write_report(folder: Path) -> None:
    """Write `report.html` into a product's folder, from its GeoTIFFs, `product.zarr` and `run.json`.

    Everything it shows is inside the one file. The same product gives the same bytes.
    """
    product = Product(folder)
    record = product.record
    counts = _counts(product)
    kilometres, share = scale_bar(record)
    page = _environment().get_template("report.html.j2")
    html = page.render(
        record=record,
        place=_place(record),
        classes=_class_rows(record),
        deciders=_decider_rows(counts),
        reasons=_reason_rows(counts),
        advisories=_advisory_rows(record),
        flood_map=_inline(class_picture(folder, MAP_WIDTH)),
        probability_map=_inline(probability_picture(folder, SMALL_WIDTH)),
        decider_map=_inline(decider_picture(folder, SMALL_WIDTH)),
        probability_ramp=", ".join(f"{hexadecimal(c)} {stop:.0%}" for stop, c in PROBABILITY_RAMP),
        scale_km=f"{kilometres:g}",
        scale_share=f"{share:.2%}",
        settings=_flat(record.settings),
        parameters=_flat(record.parameters),
    )
    (folder / REPORT_FILE).write_text(html)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"km2": km2, "percent": percent, "moment": moment, "age": age}
    return environment


def km2(area: float) -> str:
    """An area in km2 with three figures that mean something: 0, 0.0123, 4.56, 78.9, 12 345."""
    if area == 0:
        return "0"
    digits = max(0, 2 - int(np.floor(np.log10(abs(area)))))
    return f"{area:,.{min(digits, 4)}f}".replace(",", "\u202f")


def percent(share: float) -> str:
    """A share of 0 to 1 in percent; what is there but small is never shown as 0."""
    if 0 < share < 0.001:
        return "< 0.1 %"
    return f"{100 * share:.1f} %"


def moment(time: datetime) -> str:
    """A time as people write it, in UTC."""
    return f"{time.astimezone(UTC):%d %b %Y, %H:%M} UTC"


def age(hours: float | None) -> str:
    """How long before or after the product's time."""
    if hours is None:
        return "\u2013"
    length = f"{abs(hours):.0f} h" if abs(hours) < 72 else f"{abs(hours) / 24:.1f} days"
    return f"{length} {'before' if hours >= 0 else 'after'}"


def _inline(picture: Picture) -> str:
    return "data:image/png;base64," + base64.b64encode(png(picture)).decode()


def _place(record: RunRecord) -> str:
    centre = shapely.geometry.shape(record.area_of_interest).centroid
    north = f"{abs(centre.y):.3f}° {'N' if centre.y >= 0 else 'S'}"
    east = f"{abs(centre.x):.3f}° {'E' if centre.x >= 0 else 'W'}"
    return f"{north}, {east}"


def _class_rows(record: RunRecord) -> list[ClassRow]:
    """All classes of the class table, in its order; one that the record does not list has no area."""
    areas = {area.value: area for area in record.classes}
    rows = []
    for map_class, entry in LEGEND.items():
        nothing = ClassArea(value=int(map_class), label=entry.label, pixels=0, area_km2=0.0, share=0.0)
        area = areas.get(int(map_class), nothing)
        hatched = map_class == MapClass.NOT_OBSERVED
        rows.append(ClassRow(entry.label, entry.meaning, hexadecimal(entry.rgba), hatched, area))
    return rows


_CODES = 2 * max(Exclusion)  # more than any set of reasons, and any sensor


class _Counts(NamedTuple):
    """Pixels by deciding sensor, and left-out pixels (excluded or not observed) by exclusion bits."""

    observed: NDArray[np.int64]
    flooded: NDArray[np.int64]
    left_out: NDArray[np.int64]


def _counts(product: Product) -> _Counts:
    """Counted tile by tile, over the area of interest."""
    counts = _Counts(*np.zeros((3, _CODES), np.int64))
    for tile in tiles(product.shape):
        classes = product.read("flood_class", tile)
        deciders, exclusion = product.read("deciding_sensor", tile), product.read("exclusion", tile)
        out = np.isin(classes, [MapClass.EXCLUDED, MapClass.NOT_OBSERVED])
        out &= exclusion & Exclusion.OUTSIDE_AREA == 0
        for count, codes in zip(
            counts,
            (
                deciders[classes != MapClass.NOT_OBSERVED],
                deciders[np.isin(classes, FLOOD_CLASSES)],
                exclusion[out],
            ),
            strict=True,
        ):
            count += np.bincount(codes, minlength=_CODES)
    return counts


def _decider_rows(counts: _Counts) -> list[ShareRow]:
    observed = counts.observed / max(counts.observed.sum(), 1)
    flooded = counts.flooded / max(counts.flooded.sum(), 1)
    return [
        ShareRow(label, hexadecimal(DECIDER_COLOURS[code]), float(observed[code]), float(flooded[code]))
        for code, label in DECIDER_LABELS.items()
        if code != Decider.NONE
    ]


def _reason_rows(counts: _Counts) -> list[ReasonRow]:
    bits = np.arange(_CODES)
    pixels = {reason: int(counts.left_out[bits & reason > 0].sum()) for reason in EXCLUSION_LABELS}
    return [
        ReasonRow(label, hexadecimal(EXCLUSION_COLOURS[reason]), pixels[reason] / int(counts.left_out.sum()))
        for reason, label in EXCLUSION_LABELS.items()
        if pixels[reason]
    ]


def _advisory_rows(record: RunRecord) -> list[AdvisoryRow]:
    """The flags that are raised anywhere, most frequent first."""
    raised = sorted((flag for flag in record.advisories if flag.pixels), key=lambda flag: -flag.share)
    return [
        AdvisoryRow(flag.label, hexadecimal(ADVISORY_COLOURS[Advisory(flag.value)]), flag.share)
        for flag in raised
    ]


def _flat(values: dict[str, object], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as lines of name and value."""
    lines: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            lines += _flat(value, f"{prefix}{name}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, default=str)
            lines.append((prefix + name, text))
    return lines
