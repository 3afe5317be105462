"""A folder of local files as a static STAC catalogue: written here, read like any other.

An item carries what floodfuse needs to read the values in properties named `floodfuse:*`, one for each
field of `Acquisition` that STAC has no word for, so that nothing is guessed when it is read again.
A static catalogue of somebody else is read with a `convert` that knows its items (`products.to_acquisition`).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pystac
import shapely
from pydantic import ValidationError
from pystac.stac_io import DefaultStacIO, StacIO
from pystac_client.stac_api_io import StacApiIO
from urllib3 import Retry

from floodfuse.catalogs.acquisition import Acquisition
from floodfuse.catalogs.errors import BadRequest

PREFIX = "floodfuse:"
CATALOG_FILE = "catalog.json"
HTTP_TIMEOUT_S = (10.0, 60.0)  # to connect, to answer
_HTTP_RETRIES = 2
_FILE_NAME = re.compile(r"[^/\\\0]{1,200}")
_IN_URLS = "%:/?#[]@!$&'()*+,;=~"
_SPDX = re.compile(r"[\w.+-]+")  # what STAC takes as `license`
_IN_PROPERTIES = (
    "radiometry",
    "scale",
    "calibration_db",
    "incidence_deg",
    "incidence_scale",
    "water_incidence_deg",
    "mask_convention",
    "nesz_db",
    "noise_removed",
    "reflectance_offset",
    "beam",
    "collection",
    "licence",
    "synthetic",
)
_STAC_NAMES = {
    "frequency_ghz": "sar:center_frequency",
    "looks": "sar:looks_equivalent_number",
    "processing_baseline": "s2:processing_baseline",
    "sun_elevation_deg": "view:sun_elevation",
    "orbit_state": "sat:orbit_state",
    "relative_orbit": "sat:relative_orbit",
}


class CatalogError(BadRequest):
    """A catalogue that can't be read, or can't take what it is given. It names the file and the cure."""


def to_item(acquisition: Acquisition) -> pystac.Item:
    """The acquisition as a STAC item; hrefs stay as they are."""
    fields = acquisition.model_dump(mode="json", exclude_none=True)
    properties: dict[str, Any] = {f"{PREFIX}sensor": str(acquisition.sensor)}
    properties |= {PREFIX + name: fields[name] for name in _IN_PROPERTIES if name in fields}
    properties |= {stac: fields[name] for name, stac in _STAC_NAMES.items() if name in fields}
    if acquisition.licence is not None:
        properties["license"] = acquisition.licence if _SPDX.fullmatch(acquisition.licence) else "other"
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
    fields = {"collection": item.collection_id, "licence": properties.get("license")} | fields
    try:
        return Acquisition.model_validate(
            {
                "id": item.id,
                "sensor": properties[f"{PREFIX}sensor"],
                "time": item.datetime,
                "footprint": item.geometry,
                "assets": {name: _asset(asset) for name, asset in item.assets.items()},
                **fields,
            }
        )
    except ValidationError as error:
        raise CatalogError(f"{where}: {problem(error)}. Correct the item, or add its files anew.") from error


def _asset(asset: pystac.Asset) -> dict[str, Any]:
    return {"href": href_of(asset), "band": asset.extra_fields.get(PREFIX + "band", 1)}


def href_of(asset: pystac.Asset) -> str:
    """Where an asset is, absolute. What must not stand in a web address (a space, an é) is escaped."""
    href = asset.get_absolute_href() or asset.href
    return quote(href, safe=_IN_URLS) if href.startswith(("http://", "https://")) else href


def problem(error: ValidationError) -> str:
    """The first thing wrong with a record, in one line: which field, what was given, why not."""
    first = error.errors()[0]
    given = repr(first["input"])
    field = ".".join(map(str, first["loc"])) or "item"
    return f"{field}{f' = {given}' if len(given) < 60 else ''}: {first['msg'].removeprefix('Value error, ')}"


def http_io() -> StacApiIO:
    """Reads STAC over HTTP: gives up in time, tries again a bounded number of times."""
    retry = Retry(
        total=_HTTP_RETRIES,
        backoff_factor=0.3,
        status_forcelist=(429, 500, 502, 503, 504),
        allowed_methods=None,  # a search may be a POST, and changes nothing
        raise_on_status=False,
        respect_retry_after_header=False,  # it may ask for an hour
    )
    return StacApiIO(timeout=HTTP_TIMEOUT_S, max_retries=retry)


def open_catalog(location: str | Path) -> pystac.Catalog:
    """Open a static catalogue: a folder with `catalog.json`, the file itself, or its URL.

    Raises
    ------
    CatalogError
        If there is none, or it is no catalogue.
    """
    href = str(location)
    remote = "://" in href
    if not remote and Path(href).is_dir():
        href = str(Path(href) / CATALOG_FILE)
    if not remote and not Path(href).exists():
        raise CatalogError(f"{href}: no catalogue there. Make one with `floodfuse catalog add DIR …`.")
    reader: StacIO = http_io() if remote else DefaultStacIO()
    try:
        return pystac.Catalog.from_file(href, stac_io=reader)
    except Exception as error:  # whatever a broken JSON or a lost server raises, the user can do one thing
        raise CatalogError(
            f"{href}: not a readable STAC catalogue ({one_line(error)}). "
            f"Check that it names a `{CATALOG_FILE}`."
        ) from error


def acquisitions(
    location: str | Path, convert: Callable[[pystac.Item], Acquisition | None] = from_item
) -> Iterator[Acquisition]:
    """Every acquisition of a static catalogue, in the order of its links.

    `convert` makes an acquisition of an item, or None of one to be passed over.
    """
    catalog = open_catalog(location)
    try:
        for item in catalog.get_items(recursive=True):
            acquisition = convert(item)
            if acquisition is not None:
                yield acquisition
    except BadRequest:
        raise
    except Exception as error:
        raise CatalogError(
            f"{location}: an item can't be read ({one_line(error)}). "
            "Restore it, or take its link out of the catalogue."
        ) from error


def one_line(error: Exception) -> str:
    """What an error says, fit to stand in a sentence."""
    return " ".join(str(error).split())[:300] or type(error).__name__


def add(folder: Path, new: list[Acquisition]) -> Path:
    """Add acquisitions to the static catalogue in `folder`, made where there is none.

    One of the same id is replaced. Hrefs of files are stored relative to the item, so that the folder can be
    moved with its data. Returns the path of `catalog.json`, which is replaced in one step, after the items.

    Raises
    ------
    CatalogError
        If an id can't name a file, the folder holds a catalogue floodfuse did not write, or can't be written.
    """
    for acquisition in new:
        if not _FILE_NAME.fullmatch(acquisition.id) or acquisition.id.startswith("."):
            raise CatalogError(
                f"id '{acquisition.id}': can't name a file. Choose a short one, no slashes (--id)."
            )
    file = folder / CATALOG_FILE
    known = {a.id: a for a in acquisitions(file)} if file.exists() else {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(file.resolve(), known | {a.id: a for a in new})
    except OSError as error:
        raise CatalogError(
            f"{error.filename or folder}: can't be written ({error.strerror}). Choose another folder."
        ) from error
    return file


def _write(file: Path, held: dict[str, Acquisition]) -> None:
    catalog = pystac.Catalog(id=file.parent.name, description="Local files for floodfuse", href=str(file))
    content = catalog.to_dict(include_self_link=False)
    content["links"] = [_link("root", f"./{CATALOG_FILE}")]
    for acquisition in held.values():
        item_file = file.parent / "items" / f"{acquisition.id}.json"
        item = to_item(acquisition).to_dict(include_self_link=False)
        for asset in item["assets"].values():
            asset["href"] = _relative(asset["href"], item_file.parent)
        item["links"] = [_link("root", f"../{CATALOG_FILE}"), _link("parent", f"../{CATALOG_FILE}")]
        _write_json(item_file, item)
        content["links"].append(_link("item", f"./items/{item_file.name}"))
    _write_json(file, content)


def _link(rel: str, href: str) -> dict[str, str]:
    return {"rel": rel, "href": href, "type": "application/geo+json" if rel == "item" else "application/json"}


def _relative(href: str, folder: Path) -> str:
    """A file's path as seen from a folder; URLs and GDAL's virtual paths stay as they are."""
    if "://" in href or href.startswith("/vsi"):
        return href
    return os.path.relpath(Path(href).resolve(), folder)


def _write_json(file: Path, content: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_suffix(".json.partial")
    try:
        with aside.open("w", encoding="utf-8") as stream:
            stream.write(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(file)
    finally:
        aside.unlink(missing_ok=True)
