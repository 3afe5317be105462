"""Archives over HTTP, against real servers on 127.0.0.1: searching, reading what was found, refusals."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pystac
import pytest
import rasterio
import shapely
from rasterio.errors import RasterioIOError
from requests.adapters import HTTPAdapter

from floodfuse.catalogs import archives, products, static
from floodfuse.catalogs.acquisition import Acquisition, Asset, Sensor
from floodfuse.catalogs.archives import ARCHIVES, Archive
from floodfuse.catalogs.static import CatalogError

Serve = Callable[..., str]
Make = Callable[..., Acquisition]
AREA = shapely.box(-0.9, 37.9, -0.8, 38.0)
TIME = datetime(2019, 9, 17, 6, 0, tzinfo=UTC)


def item(
    name: str, collection: str, days: float, assets: dict[str, str], west: float = -1.0, **said: Any
) -> dict[str, Any]:
    """An item as an API gives it, so many days after `TIME`."""
    box = shapely.box(west, 37.8, west + 0.5, 38.1)
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": collection,
        "geometry": json.loads(shapely.to_geojson(box)),
        "bbox": list(box.bounds),
        "properties": {"datetime": (TIME + timedelta(days=days)).isoformat().replace("+00:00", "Z")} | said,
        "assets": {key: {"href": href} for key, href in assets.items()},
        "links": [],
    }


def sentinel2(name: str, days: float, **said: Any) -> dict[str, Any]:
    return item(
        name, "sentinel-2-l2a", days, {"green": "https://host/g.tif", "nir": "https://host/n.tif"}, **said
    )


def some_items() -> list[dict[str, Any]]:
    return [
        sentinel2("s2-day-1", 1),
        sentinel2("s2-day-4", 4),
        sentinel2("s2-day-9", -9),
        sentinel2("s2-day-29", 29),
        sentinel2("s2-day-40", 40),
        item("s2-elsewhere", "sentinel-2-l2a", 1, {"green": "g.tif"}, west=10.0),
        item("s1", "sentinel-1-rtc", 0, {"vv": "https://host/vv.tif"}),
        item("grd", "sentinel-1-grd", 0, {"vv": "https://host/vv.tif"}),
        item("dem", "cop-dem-glo-30", 600, {"data": "https://host/dem.tif"}),
    ]


def ids(found: list[Acquisition]) -> list[str]:
    return [acquisition.id for acquisition in found]


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize("archive", ARCHIVES.values(), ids=ARCHIVES)
def test_known_archives_are_asked_for_what_can_be_read(archive: Archive) -> None:
    assert archive.url.startswith("https://")
    assert set(archive.collections) <= set(products.BY_COLLECTION)


@pytest.mark.parametrize("name", ARCHIVES)
def test_known_archives_are_known_by_name_and_url(name: str) -> None:
    assert archives.known(name) == archives.known(ARCHIVES[name].url + "/") == ARCHIVES[name]


@pytest.mark.parametrize("methods", [("GET", "POST"), ("POST",), ("GET",)], ids="+".join)
def test_an_api_is_searched(serve_api: Serve, methods: tuple[str, ...]) -> None:
    log: list[dict[str, Any]] = []
    found = archives.search(serve_api(some_items(), methods, log), AREA, TIME, 5.0)
    # Days beyond the window too, for the caller to name; terrain whatever its time; other places not.
    assert sorted(ids(found)) == ["dem", "s1", "s2-day-1", "s2-day-29", "s2-day-4", "s2-day-9"]
    assert {query["method"] for query in log} == {"POST" if "POST" in methods else "GET"}
    assert not any("sentinel-1-grd" in query["collections"] for query in log)
    assert len(log) == 4  # five observations in three pages, one of terrain


def test_a_wide_window_is_searched_whole(serve_api: Serve) -> None:
    assert "s2-day-40" in ids(archives.search(serve_api(some_items()), AREA, TIME, 45.0))


def test_an_archive_is_asked_for_its_collections_only(serve_api: Serve) -> None:
    archive = Archive(serve_api(some_items()), collections=("sentinel-1-rtc",))
    assert ids(archives.search(archive, AREA, TIME, 5.0)) == ["s1"]


def test_items_floodfuse_wrote_are_found_in_any_api(serve_api: Serve, make_acquisition: Make) -> None:
    written = static.to_item(make_acquisition(assets={"vv": Asset(href="https://host/vv.tif")})).to_dict()
    found = archives.search(serve_api([written | {"collection": "mine"}]), AREA, TIME, 5.0)
    assert ids(found) == ["s1-a"]
    assert found[0].sensor is Sensor.SENTINEL1


def test_a_busy_server_is_asked_again(serve_api: Serve) -> None:
    assert len(archives.search(serve_api(some_items(), fail_first=2), AREA, TIME, 5.0)) == 6


def test_a_server_that_stays_busy_is_given_up(serve_api: Serve) -> None:
    url = serve_api(some_items(), fail_first=100)
    with pytest.raises(CatalogError, match=rf"{url}: HTTP 503: busy\. Try again later"):
        archives.search(url, AREA, TIME, 5.0)


def test_waiting_has_an_end() -> None:
    reader = static.http_io()
    assert reader.timeout == static.HTTP_TIMEOUT_S
    adapter = reader.session.get_adapter("https://host")
    assert isinstance(adapter, HTTPAdapter)
    retries = adapter.max_retries
    assert (retries.total, retries.respect_retry_after_header) == (2, False)


def test_a_long_outline_is_sent_as_its_hull(serve_api: Serve) -> None:
    log: list[dict[str, Any]] = []
    archives.search(serve_api(some_items(), log=log), AREA.segmentize(0.0001), TIME, 5.0)
    assert len(log[0]["intersects"]["coordinates"][0]) == 5


def test_a_static_catalogue_on_the_web(
    serve: Serve, tmp_path: Path, make_raster: Callable[..., Path], make_acquisition: Make
) -> None:
    file = make_raster(tmp_path / "data" / "s1 a.tif", 0.25)
    static.add(tmp_path, [make_acquisition(id="s1 é", assets={"vv": Asset(href=str(file))})])
    url = serve(tmp_path)
    (found,) = archives.search(f"{url}/catalog.json", AREA, TIME, 5.0)
    assert found.id == "s1 é"
    assert found.assets["vv"].href == f"{url}/data/s1%20a.tif"
    with rasterio.Env(**archives.GDAL_HTTP), rasterio.open(found.assets["vv"].href) as dataset:
        assert dataset.read(1).mean() == 0.25
        assert dataset.crs.to_epsg() == 32630


def test_a_static_catalogue_of_real_items(
    serve: Serve, tmp_path: Path, real_data: Callable[[str], Path]
) -> None:
    names = ("palsar2_scansar_ALOS2_20220630", "s1grd_S1A_IW_20210809")
    catalog = pystac.Catalog(id="theirs", description="real items")
    for name in names:
        theirs = pystac.Item.from_file(real_data(f"stac_items/stactools_{name}.json"))
        theirs.clear_links()  # to a collection that is not at hand
        catalog.add_item(theirs)
    catalog.normalize_and_save(str(tmp_path), pystac.CatalogType.SELF_CONTAINED)
    (found,) = archives.search(serve(tmp_path) + "/catalog.json", AREA, TIME, 5.0)
    assert (found.sensor, found.polarizations) == (Sensor.ALOS2, ("hh", "hv"))


def test_rasters_need_a_server_that_answers_ranges(
    serve: Serve, tmp_path: Path, make_raster: Callable[..., Path]
) -> None:
    make_raster(tmp_path / "a.tif")
    url = serve(tmp_path, ranges=False)
    with rasterio.Env(**archives.GDAL_HTTP), pytest.raises(RasterioIOError):
        rasterio.open(f"{url}/a.tif")


def test_planetary_computers_urls_are_signed_when_read(
    serve: Serve, serve_api: Serve, tmp_path: Path, make_raster: Callable[..., Path]
) -> None:
    make_raster(tmp_path / "vv.tif", 0.125)
    files = serve(tmp_path, token="abc")
    with rasterio.Env(**archives.GDAL_HTTP), pytest.raises(RasterioIOError):
        rasterio.open(f"{files}/vv.tif?unsigned")
    api = serve_api([item("s1", "sentinel-1-rtc", 0, {"vv": f"{files}/vv.tif"})])
    (found,) = archives.search(Archive(api, ("sentinel-1-rtc",), signed=True), AREA, TIME, 5.0)
    href = found.assets["vv"].href
    assert href == f"/vsicurl?pc_url_signing=yes&pc_collection=sentinel-1-rtc&url={files}/vv.tif"
    assert "abc" not in found.model_dump_json()
    env = archives.GDAL_HTTP | {"VSICURL_PC_SAS_TOKEN_URL": f"{files}/token/"}
    with rasterio.Env(**env), rasterio.open(href) as dataset:
        assert dataset.read(1).mean() == 0.125


@pytest.mark.parametrize("named", [False, True], ids=["server", "host"])
def test_no_connection(named: bool) -> None:
    url = "http://no-such-host.invalid/stac" if named else f"http://127.0.0.1:{closed_port()}/stac"
    with pytest.raises(CatalogError, match=f"{url}: .*Check the address and the network"):
        archives.search(url, AREA, TIME, 5.0)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, r"not found \(HTTP 404\)\. Give the URL of a STAC API"),
        ("<html>a web page</html>", "no JSON, so no STAC"),
        ("[1, 2]", "JSON, but no STAC"),
        ('{"links": []}', "not a readable STAC catalogue"),
        ('{"links": [{"rel": "search", "href": "./search"}]}', "not the STAC expected"),
        ('{"links": 5}', "JSON, but no STAC"),
    ],
)
def test_what_is_no_stac(serve: Serve, tmp_path: Path, content: str | None, why: str) -> None:
    if content is not None:
        (tmp_path / "catalog.json").write_text(content)
    url = serve(tmp_path) + "/catalog.json"
    with pytest.raises(CatalogError, match=why) as refusal:
        archives.search(url, AREA, TIME, 5.0)
    assert str(refusal.value).startswith(url)


def test_an_item_that_is_missing_on_the_web(serve: Serve, tmp_path: Path, make_acquisition: Make) -> None:
    static.add(tmp_path, [make_acquisition()])
    (tmp_path / "items" / "s1-a.json").unlink()
    with pytest.raises(CatalogError, match="an item can't be read"):
        archives.search(serve(tmp_path) + "/catalog.json", AREA, TIME, 5.0)


def editions(*given: dict[str, Any]) -> list[str]:
    return [kept.id for kept in archives.newest(pystac.Item.from_dict(one) for one in given)]


def test_a_scene_processed_twice_counts_once() -> None:
    name = "S2B_MSIL2A_20190917T105619_{}_R094_T30SXG_{}.SAFE"
    old = sentinel2("old", 0, **{"s2:product_uri": name.format("N0213", "20190917T132000")})
    new = sentinel2("new", 0, **{"s2:product_uri": name.format("N0500", "20230429T151300")})
    part = sentinel2("part", 0, **{"s2:product_uri": name.format("N0500", "20230429T151301")})
    tile = sentinel2(
        "tile", 0, **{"s2:product_uri": name.format("N0213", "20190917T132000").replace("T30SXG", "T30SXH")}
    )
    unnamed = [sentinel2("x", 0), sentinel2("y", 0)]
    assert editions(old, new, part, tile, *unnamed) == ["new", "part", "tile", "x", "y"]
    assert editions(new, old) == ["new"]


def test_of_a_tile_of_terrain_the_newest_counts() -> None:
    given = []
    for tile, year in (("A", 2021), ("A", 2020), ("B", 2020), ("B", 2021)):
        said: dict[str, Any] = {"grid:code": tile, "start_datetime": f"{year}-01-01T00:00:00Z"}
        given.append(item(f"{tile}-{year}", "esa-worldcover", 0, {"map": "https://host/map.tif"}, **said))
    assert editions(*given) == ["A-2021", "B-2021"]
