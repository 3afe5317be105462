"""Searching archives: a known name, a STAC API by its URL, or a static catalogue on a web server.

Assets keep URLs that GDAL opens itself, through `/vsicurl/`; the server has to answer range requests.
Planetary Computer wants its URLs signed with a token that ends within the hour. GDAL does that, and renews
it, for paths of the form `/vsicurl?pc_url_signing=yes&pc_collection=ID&url=URL`: no token is stored with a
product, and none runs out in the middle of a long run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import quote

import pystac
import shapely
from pystac_client import Client, ConformanceClasses
from pystac_client.exceptions import APIError
from shapely.geometry.base import BaseGeometry

from floodfuse.catalogs import products, static
from floodfuse.catalogs.acquisition import Acquisition, Sensor
from floodfuse.catalogs.errors import BadRequest
from floodfuse.catalogs.static import CatalogError

SEARCH_DAYS = 30.0
"""Searched before and after even where the window is narrower: to be able to name the nearest dates."""
GDAL_HTTP = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no listing of the remote folder for side files
    "GDAL_HTTP_CONNECTTIMEOUT": "10",
    "GDAL_HTTP_TIMEOUT": "60",
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "1",
}
"""For `rasterio.Env` around files that lie behind a URL."""
_ANY_YEAR = frozenset(c for p in products.PRODUCTS if p.sensor is Sensor.TERRAIN for c in p.collections)
_MOST_VERTICES = 500  # of a searched geometry; servers refuse long ones
_WHAT_TO_GIVE = "Give the URL of a STAC API's landing page or of a catalog.json."
_PAGE = 100
_MOST_ITEMS = 5000

_SENTINEL2_NAME = re.compile(r"(S2\w_MSIL2A_\d{8}T\d{6})_N(\d{4})_(R\d{3}_T\w{5})_")

T = TypeVar("T")


@dataclass(frozen=True)
class Archive:
    """Where an archive is and what of it is used.

    Attributes
    ----------
    url
        Landing page of its STAC API, or a static catalogue.
    collections
        Those searched; none: those of `products.PRODUCTS` that it has.
    signed
        Whether its URLs are signed the way of Planetary Computer.
    """

    url: str
    collections: tuple[str, ...] = ()
    signed: bool = False


ARCHIVES: dict[str, Archive] = {
    "earth-search": Archive(
        "https://earth-search.aws.element84.com/v1", collections=("sentinel-2-l2a", "cop-dem-glo-30")
    ),
    "planetary-computer": Archive(
        "https://planetarycomputer.microsoft.com/api/stac/v1",
        collections=("sentinel-1-rtc", "sentinel-2-l2a", "esa-worldcover", "cop-dem-glo-30", "jrc-gsw"),
        signed=True,
    ),
}


def search(
    catalog: str | Archive, geometry: BaseGeometry, time: datetime, window_days: float
) -> list[Acquisition]:
    """Acquisitions of an archive that touch a geometry, from a window around a time; terrain of any time.

    The window is never narrower than `SEARCH_DAYS` on both sides, and a static catalogue is given whole: the
    caller filters. Of a scene processed twice, and of a tile of terrain, an API's newest is given.

    Parameters
    ----------
    catalog : a name of `ARCHIVES`, an archive, or the URL of a STAC API or of a static catalogue
    geometry : longitude and latitude in degrees
    time : timezone-aware
    window_days : days before and after

    Raises
    ------
    BadRequest
        If the archive can't be reached, is not STAC, or refuses the search; with the URL and the cure.
    """
    archive = catalog if isinstance(catalog, Archive) else known(catalog)
    landing = _asked(archive.url, lambda: static.http_io().read_text(archive.url))
    if not _is_api(landing, archive.url):
        return list(static.acquisitions(archive.url, products.to_acquisition))
    reach = timedelta(days=max(window_days, SEARCH_DAYS))
    found = _asked(archive.url, lambda: list(_items(archive, geometry, (time - reach, time + reach))))
    if len(found) >= _MOST_ITEMS:
        raise CatalogError(f"{archive.url}: {len(found)} items or more. Choose a smaller area, or --window.")
    acquisitions = (products.to_acquisition(item) for item in newest(found))
    return [_signed(a) if archive.signed else a for a in acquisitions if a is not None]


def known(name: str) -> Archive:
    """The archive of a name or a URL; a known one's URL means the known one."""
    by_url = {archive.url: archive for archive in ARCHIVES.values()}
    return ARCHIVES.get(name) or by_url.get(name.rstrip("/")) or Archive(name)


def _asked(url: str, ask: Callable[[], T]) -> T:
    """The answer, or a `CatalogError` that says what to do about there being none."""
    try:
        return ask()
    except BadRequest:
        raise
    except APIError as error:
        status = getattr(error, "status_code", None)
        if status is None:
            why, cure = static.one_line(error), "Check the address and the network, or use files of your own."
        elif status == 404:
            why, cure = "not found (HTTP 404)", _WHAT_TO_GIVE
        elif status in (401, 403):
            why, cure = f"access refused (HTTP {status})", "floodfuse reads open archives only."
        else:
            why, cure = f"HTTP {status}: {static.one_line(error)}", "Try again later, or use another archive."
        raise CatalogError(f"{url}: {why}. {cure}") from error
    except Exception as error:  # what pystac raises on answers that are no STAC has no common type
        raise CatalogError(
            f"{url}: its answer is not the STAC expected ({static.one_line(error)}). Check the URL."
        ) from error


def _is_api(landing: str, url: str) -> bool:
    """Whether a landing page is that of a STAC API with item search; if not, it is a catalogue of files."""
    try:
        content = json.loads(landing)
    except ValueError as error:
        raise CatalogError(f"{url}: no JSON, so no STAC. {_WHAT_TO_GIVE}") from error
    if not isinstance(content, dict) or not isinstance(content.get("links"), list):
        raise CatalogError(f"{url}: JSON, but no STAC. {_WHAT_TO_GIVE}")
    return any(isinstance(link, dict) and link.get("rel") == "search" for link in content["links"])


def _items(
    archive: Archive, geometry: BaseGeometry, interval: tuple[datetime, datetime]
) -> Iterator[pystac.Item]:
    """Items that touch the geometry: observations of the interval, then terrain of any time."""
    client = Client.from_file(archive.url, stac_io=static.http_io(), timeout=static.HTTP_TIMEOUT_S)
    client.add_conforms_to(ConformanceClasses.ITEM_SEARCH.name)  # a search link is enough
    collections = archive.collections or _known_collections(client)
    observed = [c for c in collections if c not in _ANY_YEAR]
    terrain = [c for c in collections if c in _ANY_YEAR]
    common: dict[str, Any] = {
        "method": _method(client),
        "intersects": shapely.geometry.mapping(_outline(geometry)),
        "limit": _PAGE,
        "max_items": _MOST_ITEMS,
    }
    if observed or not collections:
        yield from client.search(collections=observed or None, datetime=interval, **common).items()
    if terrain:
        yield from client.search(collections=terrain, **common).items()


def _known_collections(client: Client) -> tuple[str, ...]:
    """The API's collections that stand in `products`; none where it lists none, or none of those."""
    href = next((link.absolute_href for link in client.links if link.rel == "data"), None)
    if href is None:
        return ()
    listed = json.loads(static.http_io().read_text(href)).get("collections", [])
    return tuple(c["id"] for c in listed if c.get("id") in products.BY_COLLECTION)


def _method(client: Client) -> str:
    """POST where the API says so: a geometry in a query string may grow too long."""
    offered = {link.extra_fields.get("method", "GET") for link in client.links if link.rel == "search"}
    return "POST" if "POST" in offered else "GET"


def _outline(geometry: BaseGeometry) -> BaseGeometry:
    """The geometry, or its convex hull where it has too many vertices to be sent."""
    return geometry if shapely.get_num_coordinates(geometry) <= _MOST_VERTICES else geometry.convex_hull


def newest(items: Iterable[pystac.Item]) -> list[pystac.Item]:
    """The items in their order, without older processings of a scene and older editions of terrain.

    The same pass over the same tile, processed twice, is one observation: used twice it would count twice.
    Items of one edition all stay: a tile cut by the end of a data strip comes in two parts.
    """
    found = list(items)
    editions: dict[tuple[object, ...], str] = {}
    for item in found:
        scene, edition = _edition(item)
        editions[scene] = max(edition, editions.get(scene, edition))
    return [item for item in found if editions[_edition(item)[0]] == _edition(item)[1]]


def _edition(item: pystac.Item) -> tuple[tuple[object, ...], str]:
    """What editions of one thing share, and which of them this is: a processing baseline, or a year."""
    properties, collection = item.properties, item.collection_id
    tile = properties.get("grid:code") or properties.get("esa_worldcover:product_tile")
    if collection in _ANY_YEAR and tile:
        return (collection, tile), str(properties.get("start_datetime") or properties.get("datetime"))
    name = properties.get("s2:product_uri") or properties.get("sentinel:product_id") or ""
    parts = _SENTINEL2_NAME.match(name)
    if parts:
        return (collection, parts[1], parts[3]), parts[2]
    return (collection, item.id), ""


def _signed(acquisition: Acquisition) -> Acquisition:
    """The acquisition with paths for which GDAL fetches Planetary Computer's tokens."""
    prefix = f"/vsicurl?pc_url_signing=yes&pc_collection={quote(acquisition.collection or '', safe='')}&url="
    assets = {
        name: asset.model_copy(update={"href": prefix + quote(asset.href, safe=":/")})
        for name, asset in acquisition.assets.items()
    }
    return acquisition.model_copy(update={"assets": assets})
