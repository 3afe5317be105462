"""The STAC item: valid, complete, and true.

The core schemas come with pystac and are used here. Those of the extensions are on the net only, so what they
ask of the fields used is asserted one by one.
"""

import hashlib
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pystac
import pytest
from pystac.validation.stac_validator import JsonSchemaSTACValidator

from floodfuse.harmonize.classes import ADVISORY_LABELS, EXCLUSION_LABELS, LEGEND
from floodfuse.pipeline.product import ITEM_FILE, ZARR_FILE, RunRecord
from floodfuse.pipeline.publish.formats import publish
from floodfuse.pipeline.publish.stac_item import ASSETS, folder_digest, item_id


@pytest.fixture(scope="module")
def folder(make_product: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_product(tmp_path_factory.mktemp("item") / "product")
    publish(made)
    return made


@pytest.fixture(scope="module")
def item(folder: Path) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads((folder / ITEM_FILE).read_text())
    return fields


def test_is_valid_by_the_core_schemas(item: dict[str, Any]) -> None:
    validator = JsonSchemaSTACValidator()
    assert item["stac_version"] == "1.1.0"
    validator.validate_core(item, pystac.STACObjectType.ITEM, item["stac_version"])


def test_pystac_reads_it(folder: Path) -> None:
    read = pystac.Item.from_file(folder / ITEM_FILE)
    assert read.datetime == RunRecord.load(folder).product_time
    assert {name: Path(asset.get_absolute_href() or "").exists() for name, asset in read.assets.items()} == (
        dict.fromkeys((asset.key for asset in ASSETS), True)
    )


def test_every_file_of_the_folder_is_an_asset_with_its_checksum(folder: Path, item: dict[str, Any]) -> None:
    hrefs = {asset["href"] for asset in item["assets"].values()}
    assert hrefs == {path.name for path in folder.iterdir()} - {ITEM_FILE}
    for asset in item["assets"].values():
        path = folder / asset["href"]
        assert asset["roles"] and asset["type"] and asset["title"]
        if path.is_file():
            assert asset["file:checksum"] == "1220" + hashlib.sha256(path.read_bytes()).hexdigest()
            assert asset["file:size"] == path.stat().st_size


def test_the_checksum_of_the_zarr_can_be_made_with_plain_tools(folder: Path, item: dict[str, Any]) -> None:
    command = "find * -type f | LC_ALL=C sort | xargs sha256sum | sha256sum"
    done = subprocess.run(
        command, shell=True, cwd=folder / ZARR_FILE, capture_output=True, text=True, check=True
    )
    assert item["assets"]["zarr"]["floodfuse:folder_sha256"] == done.stdout.split()[0]
    assert folder_digest(folder / ZARR_FILE)[0] == done.stdout.split()[0]


def test_every_input_is_named(folder: Path, item: dict[str, Any]) -> None:
    record = RunRecord.load(folder)
    linked = {link["href"] for link in item["links"] if link["rel"] == "derived_from"}
    assert linked == {href for given in record.inputs for href in given.assets.values()}
    assert [given["id"] for given in item["properties"]["floodfuse:inputs"]] == [g.id for g in record.inputs]


def test_fields_of_the_extensions_are_as_their_schemas_ask(item: dict[str, Any]) -> None:
    properties = item["properties"]
    assert properties["proj:code"] == "EPSG:32630"
    assert properties["proj:shape"] == [300, 420]
    assert len(properties["proj:transform"]) == 6 and len(properties["proj:bbox"]) == 4
    assert all(isinstance(version, str) for version in properties["processing:software"].values())
    allowed = ("proj:", "raster:", "classification:", "processing:", "file:", "floodfuse:")
    names = {name for holder in (properties, *item["assets"].values()) for name in holder if ":" in name}
    assert all(name.startswith(allowed) for name in names)
    assert len(item["stac_extensions"]) == 5


def test_classes_are_those_of_the_class_table(item: dict[str, Any]) -> None:
    (band,) = item["assets"]["flood"]["bands"]
    classes = band["classification:classes"]
    assert {c["value"]: c["title"] for c in classes} == {int(c): e.label for c, e in LEGEND.items()}
    assert [c["value"] for c in classes if c.get("nodata")] == [255]
    for entry in classes:
        assert re.fullmatch(r"[0-9A-Za-z_-]+", entry["name"])
        assert re.fullmatch(r"[0-9A-F]{6}", entry.get("color_hint", "000000"))
    bands = item["assets"]["diagnostics"]["bands"]
    for number, labels in ((3, EXCLUSION_LABELS), (5, ADVISORY_LABELS)):
        bits = bands[number]["classification:bitfields"]
        assert {1 << bit["offset"]: bit["description"] for bit in bits} == {
            int(bit): label for bit, label in labels.items()
        }
        assert len({bit["name"] for bit in bits}) == len(labels)
    assert bands[4]["raster:scale"] == 0.01


def test_advisories_are_told_with_their_shares(folder: Path, item: dict[str, Any]) -> None:
    told = item["properties"]["floodfuse:advisories"]
    assert [flag["label"] for flag in told] == list(ADVISORY_LABELS.values())
    assert [flag["share"] for flag in told] == [flag.share for flag in RunRecord.load(folder).advisories]
    assert any(flag["share"] > 0 for flag in told)


def test_synthetic_is_said(item: dict[str, Any]) -> None:
    assert item["properties"]["description"].startswith("SYNTHETIC")
    assert item["properties"]["floodfuse:synthetic"] is True


def test_id_tells_requests_apart(folder: Path) -> None:
    record = RunRecord.load(folder)
    other = record.model_copy(update={"fusion": "late"})
    assert (
        item_id(record) == item_id(record.model_copy(update={"seconds": {"ingest": 9.0}})) != item_id(other)
    )
