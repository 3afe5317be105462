"""Catalogues that are missing, broken, empty or unknown: the message names the file at fault and the cure."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Outcome = subprocess.CompletedProcess[str]


def _no_catalog(folder: Path) -> Path:
    (folder / "catalog.json").unlink()
    return folder


def _broken_catalog(folder: Path) -> Path:
    (folder / "catalog.json").write_text('{"type": "Catalog", ')
    return folder / "catalog.json"


def _other_json(folder: Path) -> Path:
    (folder / "catalog.json").write_text('{"colour": "green"}')
    return folder / "catalog.json"


def _empty_catalog(folder: Path) -> Path:
    for item in folder.glob("items/*"):
        item.unlink()
    content = json.loads((folder / "catalog.json").read_text())
    content["links"] = [link for link in content["links"] if link["rel"] != "item"]
    (folder / "catalog.json").write_text(json.dumps(content))
    return folder


def _missing_item(folder: Path) -> Path:
    item = next(folder.glob("items/*"))
    item.unlink()
    return item


def _broken_item(folder: Path) -> Path:
    item = next(folder.glob("items/*"))
    item.write_text(item.read_text()[:200])
    return item


def _unknown_scale(folder: Path) -> Path:
    item = next(folder.glob("items/*"))
    item.write_text(
        item.read_text().replace('"floodfuse:scale": "power"', '"floodfuse:scale": "logarithmic"')
    )
    item.write_text(item.read_text().replace('"floodfuse:scale": "dn"', '"floodfuse:scale": "logarithmic"'))
    return item


def _unknown_sensor(folder: Path) -> Path:
    item = next(folder.glob("items/*"))
    content = json.loads(item.read_text())
    content["properties"]["floodfuse:sensor"] = "sentinel9"
    item.write_text(json.dumps(content))
    return item


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_no_catalog, ("no catalogue there", "floodfuse catalog add")),
        (_broken_catalog, ("not a readable STAC catalogue", "Check")),
        (_other_json, ("not a readable STAC catalogue", "Check")),
        (_empty_catalog, ("holds nothing", "catalog list")),
        (_missing_item, ("can't be read", "Restore it")),
        (_broken_item, ("can't be read", "Restore it")),
        (_unknown_scale, ("scale", "logarithmic", "'power'", "add its files anew")),
        (_unknown_sensor, ("sentinel9", "'sentinel1'", "add its files anew")),
    ],
)
def test_broken_catalogue(
    catalog: Path,
    map_to: Callable[..., Outcome],
    refused: Callable[..., None],
    tmp_path: Path,
    damage: Callable[[Path], Path],
    words: tuple[str, ...],
) -> None:
    named = damage(shutil.copytree(catalog, tmp_path / "data"))
    out = tmp_path / "flood"
    refused(map_to(tmp_path / "data", out), str(named), *words, out=out)


@pytest.mark.parametrize("name", ["nowhere", "gsi"])
def test_unknown_catalogue(
    map_to: Callable[..., Outcome], refused: Callable[..., None], tmp_path: Path, name: str
) -> None:
    refused(map_to(name, tmp_path / "flood"), f"'{name}'", "floodfuse catalog add", out=tmp_path / "flood")
