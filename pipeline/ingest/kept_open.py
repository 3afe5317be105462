"""Rasters that stay open while a step of a run reads them again and again.

A block and its halo touch tiles of a file that its neighbours touch too. A file that is closed forgets the tiles it has decoded,
and one behind a URL asks for its header anew; so within `keeping_open` files stay open. GDAL's datasets are not to be
shared by threads: each thread has its own.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

import rasterio
from rasterio.errors import RasterioError

MOST_FILES = 64  # a thread; more are closed, the one used longest ago first
TILES_BYTES = 256 * 2**20  # of decoded tiles of all files; GDAL's own limit is a share of all memory there is

_Files = OrderedDict[str, rasterio.DatasetReader]


class _Kept:
    """Files kept open by threads, as long as somebody asks for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._askers = 0
        self._all: list[_Files] = []
        self._mine = threading.local()

    def start(self) -> None:
        """One more asks for it."""
        with self._lock:
            self._askers += 1

    def end(self) -> None:
        """One less; with the last, all files are closed."""
        with self._lock:
            self._askers -= 1
            if self._askers:
                return
            for files in self._all:
                for dataset in files.values():
                    dataset.close()
                files.clear()
            self._all = []
            self._mine = threading.local()

    def files(self) -> _Files | None:
        """Those of this thread; None where none are kept."""
        with self._lock:
            if not self._askers:
                return None
            if not hasattr(self._mine, "files"):
                self._mine.files = OrderedDict()
                self._all.append(self._mine.files)
            files: _Files = self._mine.files
            return files


_KEPT = _Kept()


@contextmanager
def keeping_open() -> Iterator[None]:
    """Within it `dataset_of` keeps files open; on leaving all are closed. No thread may read any longer by then."""
    with rasterio.Env(GDAL_CACHEMAX=TILES_BYTES):
        _KEPT.start()
        try:
            yield
        finally:
            _KEPT.end()


@contextmanager
def dataset_of(href: str) -> Iterator[rasterio.DatasetReader]:
    """A raster, opened for this use or kept open; one that could not be read is not kept."""
    files = _KEPT.files()
    if files is None:
        with rasterio.open(href) as dataset:
            yield dataset
        return
    if href not in files:
        files[href] = rasterio.open(href)
    files.move_to_end(href)
    while len(files) > MOST_FILES:
        files.popitem(last=False)[1].close()
    try:
        yield files[href]
    except RasterioError:
        files.pop(href).close()
        raise
