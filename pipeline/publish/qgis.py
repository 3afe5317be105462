"""flood.qgz: a QGIS project that shows every layer of the product, styled, wherever its folder is moved.

Written as XML here, because those who map floods in bulk have no QGIS on the machine.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pyproj

from floodfuse.harmonize.classes import DECIDER_LABELS
from floodfuse.pipeline.product import (
    DIAGNOSTICS_FILE,
    FLOOD_FILE,
    NETWORK_FILE,
    NOVELTY,
    POLYGONS_FILE,
    PROBABILITY_FILE,
    PROJECT_FILE,
    WEIGHT_LAYERS,
    RunRecord,
    network_layers,
    weight_layer,
)
from floodfuse.pipeline.publish.palettes import (
    AGE_RAMP,
    CONFLICT_RAMP,
    PROBABILITY_RAMP,
    UNCERTAINTY_RAMP,
    WEIGHT_RAMP,
    scaled,
)
from floodfuse.pipeline.publish.polygons import LAYER
from floodfuse.pipeline.publish.qgis_style import (
    QGIS_VERSION,
    advisory_entries,
    categorized,
    class_entries,
    count_entries,
    decider_entries,
    exclusion_entries,
    paletted,
    pseudocolour,
)
from floodfuse.pipeline.publish.source import Product, bounds_of

_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
MOST_CONFLICT_NATS = 8.0  # two sensors of 4 nats each against each other
MOST_NOVEL = 2.0
MAP_GROUP, SURE_GROUP, WHY_GROUP = "Flood map", "How sure", "What it rests on"


@dataclass(frozen=True)
class MapLayer:
    """A layer of the project: where it is, how it is drawn, and whether it is on when the project opens."""

    name: str
    title: str
    group: str
    source: str
    renderer: ET.Element
    bands: int = 0
    visible: bool = False

    @property
    def id(self) -> str:
        """What the project calls the layer; QGIS drops ids of 10 characters or fewer, hence the prefix."""
        return f"floodfuse_{self.name}"

    @property
    def provider(self) -> str:
        """QGIS's data provider: GDAL for rasters, OGR for polygons."""
        return "gdal" if self.bands else "ogr"


def write_project(folder: Path) -> None:
    """Write `flood.qgz` into a product's folder. Its paths are relative, and its bytes the same each time.

    Three groups: the flood map (classes; polygons, off), how sure it is (probability, uncertainty, ever flooded; off) and
    what it rests on (deciding sensor, number of sensors, age of the evidence, exclusion, conflict, advisories; off).
    """
    product = Product(folder)
    record = product.record
    layers = list(_layers(product))
    project = ET.Element("qgis", version=QGIS_VERSION, projectname=_title(record))
    ET.SubElement(project, "homePath", path="")
    ET.SubElement(project, "title").text = _title(record)
    ET.SubElement(project, "projectCrs").append(_crs(record))
    project.append(_tree(layers))
    project.append(_canvas(record))
    described = ET.SubElement(project, "projectlayers")
    for layer in layers:
        described.append(_described(layer, record))
    order = ET.SubElement(project, "layerorder")
    for layer in layers:
        ET.SubElement(order, "layer", id=layer.id)
    properties = ET.SubElement(project, "properties")
    ET.SubElement(ET.SubElement(properties, "Paths"), "Absolute", type="bool").text = "false"
    system = ET.SubElement(properties, "SpatialRefSys")
    ET.SubElement(system, "ProjectionsEnabled", type="int").text = "1"  # else QGIS ignores the project's CRS
    view = ET.SubElement(project, "ProjectViewSettings", UseProjectScales="0", rotation="0")
    west, south, east, north = (repr(edge) for edge in bounds_of(record.grid))
    extent = ET.SubElement(view, "DefaultViewExtent", xmin=west, ymin=south, xmax=east, ymax=north)
    extent.append(_crs(record))
    _save(project, folder / PROJECT_FILE)


def _title(record: RunRecord) -> str:
    title = f"Flood map, {record.product_time:%Y-%m-%d %H:%M} UTC"
    return f"SYNTHETIC: {title}" if record.synthetic else title


def _layers(product: Product) -> Iterator[MapLayer]:
    """The layers from top to bottom."""
    ages = [abs(given.age_hours) for given in product.record.inputs if given.age_hours is not None]
    oldest = max([24.0, *ages])
    age = pseudocolour(3, scaled(AGE_RAMP, 0.0, round(oldest)), " h")
    reasons = exclusion_entries(product.values_in("exclusion"))
    conflict = scaled(CONFLICT_RAMP, 0.0, MOST_CONFLICT_NATS)
    notes = advisory_entries(product.values_in("advisory"))
    polygons = f"{POLYGONS_FILE}|layername={LAYER}"
    yield MapLayer("polygons", "Flood polygons", MAP_GROUP, polygons, categorized())
    yield MapLayer(
        "classes", "Flood classes", MAP_GROUP, FLOOD_FILE, paletted(1, class_entries()), 1, visible=True
    )
    certainty = (
        ("probability", "Probability of water", pseudocolour(1, PROBABILITY_RAMP)),
        ("uncertainty", "Uncertainty (0 sure, 1 even odds)", pseudocolour(2, UNCERTAINTY_RAMP)),
        ("ever_flooded", "Ever flooded within the window", pseudocolour(3, PROBABILITY_RAMP)),
    )
    for name, title, renderer in certainty:
        yield MapLayer(name, title, SURE_GROUP, PROBABILITY_FILE, renderer, 3)
    diagnostics = (
        ("deciding_sensor", "Deciding sensor", paletted(1, decider_entries())),
        ("sensor_count", "Number of sensors", paletted(2, count_entries())),
        ("evidence_age", "Age of the evidence (hours)", age),
        ("exclusion", "Why excluded or not observed", paletted(4, reasons)),
        ("conflict", "Conflict between sensors (nats)", pseudocolour(5, conflict, " nats")),
        ("advisory", "What to keep in mind", paletted(6, notes)),
    )
    for name, title, renderer in diagnostics:
        yield MapLayer(name, title, WHY_GROUP, DIAGNOSTICS_FILE, renderer, 6)
    told = network_layers(product.record.weights)
    names = {weight_layer(who): DECIDER_LABELS[who].partition(" (")[0] for who in WEIGHT_LAYERS}
    for band, name in enumerate(told, start=1):
        new = name == NOVELTY
        title = "New to the network (above 1)" if new else f"Weight: {names[name]}"
        renderer = pseudocolour(band, scaled(CONFLICT_RAMP, 0.0, MOST_NOVEL) if new else WEIGHT_RAMP)
        yield MapLayer(name, title, WHY_GROUP, NETWORK_FILE, renderer, len(told))


def _crs(record: RunRecord) -> ET.Element:
    crs = pyproj.CRS.from_user_input(record.grid.crs)
    authority = crs.to_authority()
    system = ET.Element("spatialrefsys")
    fields = {
        "wkt": crs.to_wkt(),
        "proj4": "",
        "srsid": "0",
        "srid": authority[1] if authority else "0",
        "authid": ":".join(authority) if authority else "",
        "description": crs.name,
        "projectionacronym": "",
        "ellipsoidacronym": "",
        "geographicflag": str(crs.is_geographic).lower(),
    }
    for tag, text in fields.items():
        ET.SubElement(system, tag).text = text
    return system


def _extent(record: RunRecord) -> ET.Element:
    extent = ET.Element("extent")
    for tag, edge in zip(("xmin", "ymin", "xmax", "ymax"), bounds_of(record.grid), strict=True):
        ET.SubElement(extent, tag).text = repr(edge)
    return extent


def _tree(layers: list[MapLayer]) -> ET.Element:
    root = ET.Element("layer-tree-group")
    for group in (MAP_GROUP, SURE_GROUP, WHY_GROUP):
        branch = ET.SubElement(root, "layer-tree-group", name=group, checked="Qt::Checked", expanded="1")
        for layer in (one for one in layers if one.group == group):
            ET.SubElement(
                branch,
                "layer-tree-layer",
                id=layer.id,
                name=layer.title,
                source=f"./{layer.source}",
                providerKey=layer.provider,
                checked="Qt::Checked" if layer.visible else "Qt::Unchecked",
                expanded="1" if layer.visible else "0",
            )
    return root


def _canvas(record: RunRecord) -> ET.Element:
    canvas = ET.Element("mapcanvas", name="theMapCanvas", annotationsVisible="1")
    ET.SubElement(canvas, "units").text = "meters"
    canvas.append(_extent(record))
    ET.SubElement(canvas, "rotation").text = "0"
    ET.SubElement(canvas, "destinationsrs").append(_crs(record))
    return canvas


def _described(layer: MapLayer, record: RunRecord) -> ET.Element:
    kind = (
        {"type": "raster"} if layer.bands else {"type": "vector", "geometry": "Polygon", "wkbType": "Polygon"}
    )
    described = ET.Element("maplayer", kind, hasScaleBasedVisibilityFlag="0", autoRefreshEnabled="0")
    described.append(_extent(record))
    ET.SubElement(described, "id").text = layer.id
    ET.SubElement(described, "datasource").text = f"./{layer.source}"
    ET.SubElement(described, "layername").text = layer.title
    ET.SubElement(described, "srs").append(_crs(record))
    if not layer.bands:
        ET.SubElement(described, "provider", encoding="UTF-8").text = layer.provider
        described.append(layer.renderer)
        ET.SubElement(described, "layerOpacity").text = "1"
        return described
    ET.SubElement(described, "provider").text = layer.provider
    missing = ET.SubElement(described, "noData")
    for band in range(1, layer.bands + 1):
        ET.SubElement(missing, "noDataList", bandNo=str(band), useSrcNoData="1")
    pipe = ET.SubElement(described, "pipe")
    pipe.append(layer.renderer)
    ET.SubElement(pipe, "rasterresampler", maxOversampling="2")
    ET.SubElement(described, "blendMode").text = "0"
    return described


def _save(project: ET.Element, path: Path) -> None:
    ET.indent(project)
    head = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
    text = head + ET.tostring(project, encoding="unicode") + "\n"
    inside = zipfile.ZipInfo(path.with_suffix(".qgs").name, _ZIP_TIME)
    inside.compress_type = zipfile.ZIP_DEFLATED
    inside.external_attr = 0o644 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(inside, text.encode())
