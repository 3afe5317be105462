"""Open a project in real QGIS and say what it finds. Run by QGIS's own Python, not by the project's.

usage: qgis_open.py PROJECT.qgz FOLDER

Writes FOLDER/report.json, FOLDER/opened.png (the map as the project opens) and FOLDER/<layer id>.png (each alone).
"""

# mypy: ignore-errors
# QGIS's modules are the system's, and have no types here.
import json
import sys
from collections import Counter
from pathlib import Path

sys.path.append("/usr/share/qgis/python")
from qgis.core import (
    QgsApplication,
    QgsLayerTreeLayer,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsProject,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor, QImage


def render(project, layers, path):
    """Draw layers over the project's extent, and return the share of the picture of each colour."""
    settings = QgsMapSettings()
    settings.setDestinationCrs(project.crs())
    settings.setLayers(layers)
    settings.setExtent(project.viewSettings().defaultViewExtent())
    settings.setOutputSize(QSize(840, 600))
    settings.setBackgroundColor(QColor(255, 255, 255))
    settings.setFlag(QgsMapSettings.Antialiasing, False)
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    picture = job.renderedImage().convertToFormat(QImage.Format_RGB32)
    picture.save(str(path))
    bits = picture.constBits()
    bits.setsize(picture.sizeInBytes())
    counts = Counter(memoryview(bytes(bits)).cast("I").tolist())
    pixels = picture.width() * picture.height()
    return {f"#{colour & 0xFFFFFF:06x}": count / pixels for colour, count in counts.items() if count > 20}


def legend(node):
    """Names in a layer's legend."""
    model_nodes = node.layer().renderer()
    if isinstance(node.layer(), QgsVectorLayer):
        return [category.label() for category in model_nodes.categories()]
    return [str(label) for label, _ in model_nodes.legendSymbologyItems()]


def describe(project, folder):
    """Everything that the tests ask about, as JSON types."""
    nodes = [node for node in project.layerTreeRoot().findLayers() if isinstance(node, QgsLayerTreeLayer)]
    layers = {}
    for node in nodes:
        layer = node.layer()
        layers[node.layerId()] = {
            "name": node.name(),
            "group": node.parent().name(),
            "valid": bool(layer and layer.isValid()),
            "visible": node.isVisible(),
            "crs": layer.crs().authid() if layer else None,
            "source": layer.source() if layer else None,
            "legend": legend(node) if layer else [],
            "colours": render(project, [layer], folder / f"{node.layerId()}.png") if layer else {},
        }
    shown = [node.layer() for node in nodes if node.isVisible()]
    extent = project.viewSettings().defaultViewExtent()
    return {
        "title": project.title(),
        "crs": project.crs().authid(),
        "extent": [extent.xMinimum(), extent.yMinimum(), extent.xMaximum(), extent.yMaximum()],
        "layers": layers,
        "opened": render(project, shown, folder / "opened.png"),
    }


def polygons_alone(file):
    """The legend of the GeoPackage's layer when it is added by itself: its own style must be found."""
    layer = QgsVectorLayer(f"{file}|layername=flood", "alone", "ogr")
    renderer = layer.renderer()
    return (
        [category.label() for category in renderer.categories()]
        if renderer.type() == "categorizedSymbol"
        else []
    )


def main():
    """Open the project given on the command line."""
    project_file, folder = Path(sys.argv[1]), Path(sys.argv[2])
    QgsApplication.setPrefixPath("/usr", True)
    application = QgsApplication([], False)
    application.initQgis()
    project = QgsProject.instance()
    found = {"read": project.read(str(project_file)), "error": project.error()}
    found |= describe(project, folder)
    found["polygons_alone"] = polygons_alone(project_file.with_name("flood.gpkg"))
    (folder / "report.json").write_text(json.dumps(found, indent=1))
    project.clear()
    application.exitQgis()


if __name__ == "__main__":
    main()
