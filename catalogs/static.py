"""A folder of local files as a static STAC catalogue: written here, read like any other.

An item carries what floodfuse needs to read the values in properties named `floodfuse:*`, one for each
field of `Acquisition` that STAC has no word for, so that nothing is guessed when it is read again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pystac
import shapely
from pystac.stac_io import DefaultStacIO

from floodfuse.catalogs.acquisition import Acquisition, Asset, Sensor
from floodfuse.catalogs.errors import BadRequest

PREFIX = "floodfuse:"
CATALOG_FILE = "catalog.json"
_IN_PROPERTIES = (
    "radiometry",
    "scale",
    "calibration_db",
    "incidence_deg",
    "incidence_scale",
    "mask_convention",
    "nesz_db",
    "noise_removed",
    "reflectance_offset",
    "synthetic",
)
_STAC_NAMES = {
    "frequency_ghz": "sar:center_frequency",
    "looks": "sar:looks_equivalent_number",
    "processing_baseline": "s2:processing_baseline",
    "orbit_state": "sat:orbit_state",
    "licence": "license",
}


class CatalogError(BadRequest):
    """A catalogue that can't be read, or can't take what it is given. The message names the file and the cure."""


def to_item(acquisition: Acquisition) -> pystac.Item:
    """The acquisition as a STAC item; hrefs stay as they are."""
    fields = acquisition.model_dump(mode="json", exclude_none=True)
    properties: dict[str, Any] = {f"{PREFIX}sensor": str(acquisition.sensor)}
    properties |= {PREFIX + name: fields[name] for name in _IN_PROPERTIES if name in fields}
    properties |= {stac: fields[name] for name, stac in _STAC_NAMES.items() if name in fields}
    item = pystac.Item(
        id=acquisition.id,
        geometry=acquisition.footprint,
        bbox=list(shapely.geometry.shape(acquisition.footprint).bounds),
        datetime=acquisition.time,
        properties=properties,
    )
    for name, asset in acquisition.assets.items():
        extra = {PREFIX + "band": asset.band}
        item.add_asset(name, pystac.Asset(href=asset.href, roles=["data"], extra_fields=extra))
    return item


def from_item(item: pystac.Item) -> Acquisition:
    """The acquisition that `to_item` wrote, with absolute hrefs.

    Raises
    ------
    CatalogError
        If the item was not written by floodfuse, or its properties do not make sense.
    """
    properties = item.properties
    where = item.get_self_href() or item.id
    if f"{PREFIX}sensor" not in properties:
        raise CatalogError(
            f"{where}: no `{PREFIX}sensor` property, so it can't be told how to read its values. "
            "Add the files with `floodfuse catalog add`, or name a known archive."
        )
    fields = {name: properties[PREFIX + name] for name in _IN_PROPERTIES if PREFIX + name in properties}
    fields |= {name: properties[stac] for name, stac in _STAC_NAMES.items() if stac in properties}
    assets = {}
    for name, asset in item.assets.items():
        href = asset.get_absolute_href() or asset.href
        assets[name] = Asset(href=href, band=asset.extra_fields.get(PREFIX + "band", 1))
    try:
        return Acquisition(
            id=item.id,
            sensor=Sensor(properties[f"{PREFIX}sensor"]),
            time=item.datetime,
            footprint=item.geometry,
            assets=assets,
            collection=item.collection_id,
            **fields,
        )
    except ValueError as error:
        raise CatalogError(f"{where}: {error}") from error


def open_catalog(location: str | Path) -> pystac.Catalog:
    """Open a static catalogue: a folder with `catalog.json`, the file itself, or its URL.

    Raises
    ------
    CatalogError
        If there is none, or it is no catalogue.
    """
    href = str(location)
    if "://" not in href and Path(href).is_dir():
        href = str(Path(href) / CATALOG_FILE)
    if "://" not in href and not Path(href).exists():
        raise CatalogError(f"{href}: no catalogue there. Make one with `floodfuse catalog add DIR …`.")
    try:
        return pystac.Catalog.from_file(href, stac_io=DefaultStacIO())
    except Exception as error:  # whatever a broken JSON or a lost server raises, the user can do one thing
        raise CatalogError(f"{href}: not a readable STAC catalogue ({error}).") from error


def acquisitions(location: str | Path) -> Iterator[Acquisition]:
    """Every acquisition of a static catalogue, in the order of its links."""
    catalog = open_catalog(location)
    try:
        for item in catalog.get_items(recursive=True):
            yield from_item(item)
    except CatalogError:
        raise
    except Exception as error:
        raise CatalogError(f"{location}: an item can't be read ({error}).") from error


def add(folder: Path, new: list[Acquisition]) -> Path:
    """Add acquisitions to the static catalogue in `folder`, made where there is none; one of the same id is replaced.

    Hrefs of files are stored relative to the item, so that the folder can be moved with its data.
    Returns the path of `catalog.json`. The catalogue file is replaced in one step, after the items.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / CATALOG_FILE
    known = list(acquisitions(file)) if file.exists() else []
    replaced = {acquisition.id for acquisition in new}
    catalog = pystac.Catalog(id=folder.resolve().name, description="Local files for floodfuse")
    catalog.set_self_href(str(file.resolve()))
    for acquisition in [a for a in known if a.id not in replaced] + new:
        item = to_item(acquisition)
        item_file = folder.resolve() / "items" / f"{acquisition.id}.json"
        item.set_self_href(str(item_file))
        for asset in item.assets.values():
            if "://" not in asset.href:
                asset.href = os.path.relpath(Path(asset.href).resolve(), item_file.parent)
        catalog.add_item(item, set_parent=True)
        link = catalog.get_item_links()[-1]
        link.target = str(item_file)
        content = item.to_dict(include_self_link=False)
        content["links"] = [
            {"rel": rel, "href": f"../{CATALOG_FILE}", "type": "application/json"}
            for rel in ("root", "parent")
        ]
        _write_json(item_file, content)
    _write_json(file, _relative_links(catalog, file))
    return file


def _relative_links(catalog: pystac.Catalog, file: Path) -> dict[str, Any]:
    content = catalog.to_dict(include_self_link=False)
    for link in content["links"]:
        if link["rel"] == "item":
            link["href"] = "./" + os.path.relpath(link["href"], file.resolve().parent)
        elif link["rel"] == "root":
            link["href"] = "./" + file.name
    return content


def _write_json(file: Path, content: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_suffix(".json.partial")
    aside.write_text(json.dumps(content, indent=2) + "\n")
    aside.replace(file)
