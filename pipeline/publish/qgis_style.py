"""How QGIS draws each layer, as the XML that QGIS 3 reads. No QGIS is needed to write it."""

from __future__ import annotations

from typing import NamedTuple
from xml.etree import ElementTree as ET

from floodfuse.harmonize.classes import DECIDER_LABELS, LEGEND, WATER_CLASSES
from floodfuse.pipeline.publish.palettes import (
    COUNT_COLOURS,
    DECIDER_COLOURS,
    Ramp,
    Rgba,
    advisory_entry,
    exclusion_entry,
    hexadecimal,
)

QGIS_VERSION = "3.22.0"


class Entry(NamedTuple):
    """One line of a legend."""

    value: int
    label: str
    colour: Rgba


def class_entries() -> list[Entry]:
    """The map classes."""
    return [Entry(int(c), entry.label, entry.rgba) for c, entry in LEGEND.items()]


def decider_entries() -> list[Entry]:
    """The deciding sensors."""
    return [Entry(int(d), label, DECIDER_COLOURS[d]) for d, label in DECIDER_LABELS.items()]


def count_entries() -> list[Entry]:
    """Numbers of sensors."""
    words = {0: "no sensor", 1: "1 sensor"}
    return [Entry(n, words.get(n, f"{n} sensors"), colour) for n, colour in COUNT_COLOURS.items()]


def exclusion_entries(values: list[int]) -> list[Entry]:
    """The sets of exclusion bits that occur."""
    return [Entry(bits, *exclusion_entry(bits)) for bits in values]


def advisory_entries(values: list[int]) -> list[Entry]:
    """The sets of advisory bits that occur."""
    return [Entry(bits, *advisory_entry(bits)) for bits in values]


def paletted(band: int, entries: list[Entry]) -> ET.Element:
    """A raster renderer with one colour a value."""
    renderer = ET.Element(
        "rasterrenderer", type="paletted", band=str(band), opacity="1", alphaBand="-1", nodataColor=""
    )
    palette = ET.SubElement(renderer, "colorPalette")
    for entry in entries:
        ET.SubElement(
            palette,
            "paletteEntry",
            value=str(entry.value),
            color=hexadecimal(entry.colour),
            alpha=str(entry.colour[3]),
            label=entry.label,
        )
    return renderer


def pseudocolour(band: int, ramp: Ramp, unit: str = "") -> ET.Element:
    """A raster renderer with colours linear between the stops of a ramp."""
    low, high = str(ramp[0][0]), str(ramp[-1][0])
    renderer = ET.Element(
        "rasterrenderer",
        type="singlebandpseudocolor",
        band=str(band),
        opacity="1",
        alphaBand="-1",
        nodataColor="",
        classificationMin=low,
        classificationMax=high,
    )
    shader = ET.SubElement(
        ET.SubElement(renderer, "rastershader"),
        "colorrampshader",
        colorRampType="INTERPOLATED",
        classificationMode="1",
        clip="0",
        minimumValue=low,
        maximumValue=high,
        labelPrecision="2",
    )
    for value, colour in ramp:
        label = f"{value:g}{unit}"
        ET.SubElement(
            shader, "item", value=str(value), color=hexadecimal(colour), alpha=str(colour[3]), label=label
        )
    return renderer


def categorized() -> ET.Element:
    """A vector renderer for the polygons: a light fill and a firm outline in the class colour."""
    renderer = ET.Element(
        "renderer-v2", type="categorizedSymbol", attr="class_value", symbollevels="0", forceraster="0"
    )
    categories = ET.SubElement(renderer, "categories")
    symbols = ET.SubElement(renderer, "symbols")
    for number, map_class in enumerate(WATER_CLASSES):
        entry = LEGEND[map_class]
        ET.SubElement(
            categories,
            "category",
            value=str(int(map_class)),
            symbol=str(number),
            label=entry.label,
            render="true",
        )
        symbols.append(_fill_symbol(str(number), entry.rgba))
    return renderer


def _fill_symbol(name: str, colour: Rgba) -> ET.Element:
    red, green, blue, _ = colour
    symbol = ET.Element("symbol", name=name, type="fill", alpha="1", clip_to_extent="1", force_rhr="0")
    layer = ET.SubElement(
        symbol, "layer", {"class": "SimpleFill", "enabled": "1", "locked": "0", "pass": "0"}
    )
    properties = {
        "color": f"{red},{green},{blue},120",
        "style": "solid",
        "joinstyle": "miter",
        "outline_color": f"{red},{green},{blue},255",
        "outline_style": "solid",
        "outline_width": "0.26",
        "outline_width_unit": "MM",
    }
    options = ET.SubElement(layer, "Option", type="Map")
    for key, value in properties.items():
        ET.SubElement(options, "Option", name=key, type="QString", value=value)
        ET.SubElement(layer, "prop", k=key, v=value)
    return symbol


def polygon_qml() -> str:
    """The style of the polygons as a QML document, for `layer_styles` in the GeoPackage."""
    style = ET.Element("qgis", version=QGIS_VERSION, styleCategories="Symbology")
    style.append(categorized())
    ET.indent(style)
    return f"<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n{ET.tostring(style, encoding='unicode')}\n"
