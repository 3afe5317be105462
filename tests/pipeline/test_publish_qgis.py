"""The QGIS project: its XML, and what real QGIS makes of it."""

import json
import os
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from floodfuse.harmonize.classes import (
    ADVISORY_LABELS,
    DECIDER_LABELS,
    LEGEND,
    WATER_CLASSES,
    Advisory,
    MapClass,
)
from floodfuse.pipeline.product import FLOOD_FILE, PROJECT_FILE
from floodfuse.pipeline.publish.cog import write_rasters
from floodfuse.pipeline.publish.palettes import hexadecimal
from floodfuse.pipeline.publish.polygons import write_polygons
from floodfuse.pipeline.publish.qgis import write_project

QGIS_PYTHON = Path("/usr/bin/python3")
LABELS = [entry.label for entry in LEGEND.values()]


@pytest.fixture(scope="module")
def folder(make_product: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_product(tmp_path_factory.mktemp("qgis") / "product")
    for write in (write_rasters, write_polygons, write_project):
        write(made)
    return made


@pytest.fixture(scope="module")
def project(folder: Path) -> ET.Element:
    with zipfile.ZipFile(folder / PROJECT_FILE) as archive:
        assert archive.namelist() == ["flood.qgs"]
        return ET.fromstring(archive.read("flood.qgs"))


def test_sources_are_relative_and_exist(folder: Path, project: ET.Element) -> None:
    sources = [element.text or "" for element in project.iter("datasource")]
    sources += [layer.attrib["source"] for layer in project.iter("layer-tree-layer")]
    assert len(sources) == 22
    for source in sources:
        assert source.startswith("./")
        assert (folder / source.split("|")[0]).is_file()
    assert project.findtext("properties/Paths/Absolute") == "false"


def test_ids_are_unique_and_long_enough_for_qgis(project: ET.Element) -> None:
    ids = [layer.findtext("id") or "" for layer in project.iter("maplayer")]
    assert len(set(ids)) == len(ids) == 11
    assert all(len(name) > 10 for name in ids)
    assert [layer.attrib["id"] for layer in project.iter("layer-tree-layer")] == ids


def test_only_the_classes_are_on_and_they_have_the_legend(project: ET.Element) -> None:
    shown = [
        e.attrib["name"] for e in project.iter("layer-tree-layer") if e.attrib["checked"] == "Qt::Checked"
    ]
    assert shown == ["Flood classes"]
    entries = project.findall("projectlayers/maplayer[id='floodfuse_classes']//paletteEntry")
    assert [entry.attrib["label"] for entry in entries] == LABELS
    assert [entry.attrib["color"] for entry in entries] == [hexadecimal(e.rgba) for e in LEGEND.values()]


def test_the_advisories_that_occur_are_named(project: ET.Element) -> None:
    entries = project.findall("projectlayers/maplayer[id='floodfuse_advisory']//paletteEntry")
    named = {int(entry.attrib["value"]): entry.attrib["label"] for entry in entries}
    canopy = Advisory.CANOPY_TOO_DENSE_FOR_C | Advisory.EVIDENCE_OLD
    assert named[0] == "nothing to keep in mind"
    assert named[int(canopy)] == " + ".join(
        ADVISORY_LABELS[flag] for flag in ADVISORY_LABELS if flag & canopy
    )
    assert len(named) == len(entries) > 2


def test_a_synthetic_product_says_so_in_its_title(project: ET.Element) -> None:
    assert (project.findtext("title") or "").startswith("SYNTHETIC")


def test_no_style_file_that_would_wipe_the_palette(folder: Path) -> None:
    assert not list(folder.glob("*.qml"))


def _pyqgis_missing() -> str | None:
    """Why QGIS can't be used, or None."""
    if not QGIS_PYTHON.exists():
        return f"no {QGIS_PYTHON}"
    script = "import sys; sys.path.append('/usr/share/qgis/python'); import qgis.core"
    found = subprocess.run([QGIS_PYTHON, "-c", script], capture_output=True, env=_environment(), check=False)
    return (
        None
        if found.returncode == 0
        else f"{QGIS_PYTHON} can't import qgis.core (apt-get install python3-qgis)"
    )


def _environment() -> dict[str, str]:
    """The system's environment, without what belongs to the project's Python and GDAL."""
    ours = ("PYTHON", "GDAL_", "PROJ_", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": "/tmp"}


@pytest.fixture(scope="module")
def opened(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What QGIS says of the project after its folder was moved."""
    reason = _pyqgis_missing()
    if reason:
        pytest.skip(f"real QGIS was not tried: {reason}")
    out = tmp_path_factory.mktemp("opened")
    moved = folder.rename(out / "moved elsewhere")
    try:
        script = Path(__file__).with_name("qgis_open.py")
        command = [str(QGIS_PYTHON), str(script), str(moved / PROJECT_FILE), str(out)]
        done = subprocess.run(
            command, env=_environment(), capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
    finally:
        moved.rename(folder)
    found: dict[str, Any] = json.loads((out / "report.json").read_text())
    return found


@pytest.mark.qgis
def test_qgis_opens_every_layer(opened: dict[str, Any]) -> None:
    layers = opened["layers"]
    assert opened["read"] and not opened["error"]
    assert opened["crs"] == "EPSG:32630"
    assert opened["extent"] == [680_000, 4_203_000, 684_200, 4_206_000]
    assert {name: layer["valid"] for name, layer in layers.items()} == dict.fromkeys(layers, True)
    assert {layer["crs"] for layer in layers.values()} == {"EPSG:32630"}
    assert all("moved elsewhere" in layer["source"] for layer in layers.values())
    assert layers["floodfuse_classes"]["source"].endswith(FLOOD_FILE)


@pytest.mark.qgis
def test_qgis_shows_named_legends(opened: dict[str, Any]) -> None:
    layers = opened["layers"]
    assert layers["floodfuse_classes"]["legend"] == LABELS
    assert layers["floodfuse_polygons"]["legend"] == [LEGEND[value].label for value in WATER_CLASSES]
    assert layers["floodfuse_deciding_sensor"]["legend"] == list(DECIDER_LABELS.values())
    assert opened["polygons_alone"] == [LEGEND[value].label for value in WATER_CLASSES]


@pytest.mark.qgis
def test_qgis_draws_the_colours_of_the_legend(opened: dict[str, Any]) -> None:
    drawn = opened["opened"]
    for map_class, entry in LEGEND.items():
        if map_class != MapClass.NOT_OBSERVED:
            assert drawn.get(hexadecimal(entry.rgba), 0) > 0.001, entry.label
    assert len(opened["layers"]["floodfuse_probability"]["colours"]) > 20
    for layer in opened["layers"].values():
        assert set(layer["colours"]) - {"#ffffff"}, f"{layer['name']} draws nothing"
