"""Real web servers on 127.0.0.1, each in a thread: files with or without ranges, and a small STAC API."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from floodfuse.catalogs.acquisition import Acquisition, Asset, Radiometry, Sensor


def outline(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    """A box as GeoJSON, in lists as JSON has them."""
    mapping: dict[str, Any] = json.loads(
        json.dumps(shapely.geometry.mapping(shapely.box(west, south, east, north)))
    )
    return mapping


@contextmanager
def serving(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Quiet(BaseHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, content: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            with suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(content)


class Files(Quiet, SimpleHTTPRequestHandler):
    """Files of a folder; with `ranges` or without; with `token`, rasters only to those who bring it."""

    def __init__(self, *args: Any, ranges: bool, token: str | None, **kwargs: Any) -> None:
        self.ranges, self.token = ranges, token
        super().__init__(*args, **kwargs)

    def do_GET(self) -> None:
        if self.token and self.path.startswith("/token/"):
            self.answer(
                json.dumps({"msft:expiry": "2099-01-01T00:00:00Z", "token": f"sig={self.token}"}).encode()
            )
            return
        file = Path(self.translate_path(self.path))
        if self.token and file.suffix == ".tif" and f"sig={self.token}" not in self.path:
            self.answer(b"sign it", 403)
        elif not file.is_file():
            self.answer(b"nothing there", 404)
        else:
            self._send(file.read_bytes())

    do_HEAD = do_GET

    def _send(self, content: bytes) -> None:
        asked = re.match(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if not (self.ranges and asked):
            self.answer(content)
            return
        first, last = int(asked[1]), min(int(asked[2]), len(content) - 1)
        part = {"Content_Range": f"bytes {first}-{last}/{len(content)}", "Accept_Ranges": "bytes"}
        self.answer(content[first : last + 1], 206, **part)


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """`serve(folder, ranges=True, token=None)` puts a folder on the web and gives its URL."""
    with _stack() as enter:

        def start(folder: Path, ranges: bool = True, token: str | None = None) -> str:
            return enter(serving(partial(Files, directory=str(folder), ranges=ranges, token=token)))

        yield start


@pytest.fixture
def serve_api() -> Iterator[Callable[..., str]]:
    """`serve_api(items, methods, log, fail_first)` puts a STAC API on the web and gives its URL."""
    with _stack() as enter:

        def start(
            items: list[dict[str, Any]],
            methods: tuple[str, ...] = ("GET", "POST"),
            log: list[dict[str, Any]] | None = None,
            fail_first: int = 0,
        ) -> str:
            failures = [503] * fail_first
            return enter(serving(partial(Api, items=items, methods=methods, log=log, failures=failures)))

        yield start


@contextmanager
def _stack() -> Iterator[Callable[..., str]]:
    with ExitStack() as stack:
        yield stack.enter_context


class Api(Quiet):
    """A STAC API with item search, as little as the specification asks for; pages of two items."""

    page = 2

    def __init__(
        self,
        *args: Any,
        items: list[dict[str, Any]],
        methods: tuple[str, ...],
        log: list[dict[str, Any]] | None,
        failures: list[int],
    ) -> None:
        self.items, self.methods, self.log, self.failures = items, methods, log, failures
        super().__init__(*args)

    @property
    def root(self) -> str:
        return f"http://{self.headers['Host']}"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/":
            self._json(self._landing())
        elif url.path == "/collections":
            ids = sorted({item["collection"] for item in self.items} | {"unknown-to-floodfuse"})
            self._json({"collections": [{"id": name} for name in ids], "links": []})
        elif url.path == "/search" and "GET" in self.methods:
            query: dict[str, Any] = {name: values[0] for name, values in parse_qs(url.query).items()}
            if "collections" in query:
                query["collections"] = query["collections"].split(",")
            if "intersects" in query:
                query["intersects"] = json.loads(query["intersects"])
            self._search(query)
        else:
            self.answer(b"nothing there", 404)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "POST" not in self.methods:
            self.answer(b"no POST here", 405)
        else:
            self._search(body)

    def _json(self, content: dict[str, Any]) -> None:
        self.answer(json.dumps(content).encode(), Content_Type="application/json")

    def _landing(self) -> dict[str, Any]:
        links = [{"rel": "self", "href": f"{self.root}/"}, {"rel": "root", "href": f"{self.root}/"}]
        links += [{"rel": "data", "href": f"{self.root}/collections"}]
        search = {"rel": "search", "href": f"{self.root}/search", "type": "application/geo+json"}
        links += [search | {"method": method} for method in self.methods]
        conforms = ["https://api.stacspec.org/v1.0.0/core", "https://api.stacspec.org/v1.0.0/item-search"]
        basics = {"type": "Catalog", "id": "test", "stac_version": "1.0.0", "description": "test"}
        return basics | {"conformsTo": conforms, "links": links}

    def _search(self, query: dict[str, Any]) -> None:
        if self.failures:
            self.answer(b"busy", self.failures.pop())
            return
        if self.log is not None:
            self.log.append({"method": self.command} | query)
        found = [item for item in self.items if _matches(item, query)]
        start = int(query.get("token", 0))
        links = []
        if start + self.page < len(found):
            links = [self._next(query | {"token": start + self.page})]
        page = found[start : start + self.page]
        self._json({"type": "FeatureCollection", "features": page, "links": links})

    def _next(self, query: dict[str, Any]) -> dict[str, Any]:
        link = {"rel": "next", "href": f"{self.root}/search", "method": self.command}
        if self.command == "POST":
            return link | {"body": query}
        token = query["token"]
        return link | {"href": f"{self.root}{re.sub('&token=[0-9]+', '', self.path)}&token={token}"}


def _matches(item: dict[str, Any], query: dict[str, Any]) -> bool:
    if query.get("collections") and item["collection"] not in query["collections"]:
        return False
    if "intersects" in query and not shapely.geometry.shape(item["geometry"]).intersects(
        shapely.geometry.shape(query["intersects"])
    ):
        return False
    if "datetime" in query:
        start, end = (datetime.fromisoformat(text) for text in query["datetime"].split("/"))
        text = item["properties"]["datetime"] or item["properties"]["start_datetime"]
        return start <= datetime.fromisoformat(text) <= end
    return True


@pytest.fixture
def make_raster() -> Callable[..., Path]:
    """`make_raster(file, value)` writes a GeoTIFF of one value, 512 x 512, tiled, half a megabyte."""

    def make(file: Path, value: float = 0.05) -> Path:
        file.parent.mkdir(parents=True, exist_ok=True)
        values = np.full((1, 512, 512), value, np.float32)
        place = {"crs": "EPSG:32630", "transform": Affine(10, 0, 680_000, 0, -10, 4_206_000)}
        size = {"width": 512, "height": 512, "count": 1, "dtype": "float32", "tiled": True}
        with rasterio.open(file, "w", driver="GTiff", **size, **place) as target:
            target.write(values)
        return file

    return make


@pytest.fixture
def make_acquisition() -> Callable[..., Acquisition]:
    """`make_acquisition(**fields)`: a Sentinel-1 acquisition, but for the fields given."""

    def make(**fields: Any) -> Acquisition:
        usual: dict[str, Any] = {
            "id": "s1-a",
            "sensor": Sensor.SENTINEL1,
            "time": datetime(2019, 9, 17, 6, 10, tzinfo=UTC),
            "footprint": outline(-0.9, 37.9, -0.8, 38.0),
            "assets": {"vv": Asset(href="/data/s1.tif"), "vh": Asset(href="/data/s1.tif", band=2)},
            "radiometry": Radiometry.GAMMA0,
        }
        return Acquisition(**usual | fields)

    return make
