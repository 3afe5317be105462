"""Files stay open while a run reads them, each thread its own, and are closed when it ends."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.errors import RasterioIOError

from floodfuse.pipeline.ingest import kept_open
from floodfuse.pipeline.ingest.kept_open import dataset_of, keeping_open

Make = Callable[[str], str]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes a small raster of a name, and tells where."""

    def written(name: str) -> str:
        path = tmp_path / f"{name}.tif"
        values = np.random.default_rng(len(name)).integers(1, 255, (1, 256, 256), dtype=np.uint8)
        profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "width": 256, "height": 256}
        placed = {"crs": "EPSG:32630", "transform": Affine(10.0, 0.0, 5e5, 0.0, -10.0, 4.2e6)}
        with rasterio.open(path, "w", **profile, **placed, compress="deflate", tiled=True) as file:
            file.write(values)
        return str(path)

    return written


def opened(href: str) -> rasterio.DatasetReader:
    """What is handed out; it may be closed by now."""
    with dataset_of(href) as dataset:
        assert not dataset.closed
        return dataset


def test_by_itself_a_file_is_closed_after_every_use(make: Make) -> None:
    href = make("a")
    first, second = opened(href), opened(href)
    assert first is not second
    assert first.closed and second.closed


def test_within_a_run_a_file_is_opened_once_and_closed_at_its_end(make: Make) -> None:
    href, other = make("a"), make("bb")
    with keeping_open():
        first, second, beside = opened(href), opened(href), opened(other)
        assert first is second and first is not beside
        assert not first.closed and not beside.closed
    assert first.closed and beside.closed
    assert opened(href) is not first


def test_a_run_within_a_run_closes_nothing_of_the_outer_one(make: Make) -> None:
    href = make("a")
    with keeping_open():
        first = opened(href)
        with keeping_open():
            assert opened(href) is first
        assert not first.closed
    assert first.closed


def test_after_a_failure_all_is_closed(make: Make) -> None:
    href = make("a")
    with pytest.raises(RuntimeError, match="half way"), keeping_open():
        first = opened(href)
        raise RuntimeError("half way")
    assert first.closed


def test_threads_share_no_dataset_and_read_the_same(make: Make) -> None:
    href = make("a")

    def read(_: int) -> tuple[int, bytes]:
        with dataset_of(href) as dataset:
            return id(dataset), dataset.read(1).tobytes()

    with rasterio.open(href) as dataset:
        expected = dataset.read(1).tobytes()
    with keeping_open():
        mine = id(opened(href))
        with ThreadPoolExecutor(4) as pool:
            told = list(pool.map(read, range(64)))
    assert {values for _, values in told} == {expected}
    assert mine not in {who for who, _ in told}
    assert len({who for who, _ in told}) <= 4


def test_no_more_files_stay_open_than_a_thread_may_have(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_open, "MOST_FILES", 2)
    first, second, third = make("a"), make("bb"), make("ccc")
    with keeping_open():
        a, b = opened(first), opened(second)
        assert opened(first) is a  # so the second is the one used longest ago
        c = opened(third)
        assert b.closed and not a.closed and not c.closed
        assert not opened(second).closed


def test_a_file_that_cannot_be_read_is_not_kept(make: Make) -> None:
    href = make("a")
    whole = Path(href).read_bytes()
    Path(href).write_bytes(whole[: len(whole) // 3])
    with keeping_open():
        with pytest.raises(RasterioIOError), dataset_of(href) as dataset:
            dataset.read(1)
        assert dataset.closed
        Path(href).write_bytes(whole)  # mended
        with dataset_of(href) as dataset:
            assert dataset.read(1).all()


def test_a_file_that_is_not_there_is_not_kept_either(tmp_path: Path, make: Make) -> None:
    href = str(tmp_path / "a.tif")
    with keeping_open():
        with pytest.raises(RasterioIOError), dataset_of(href):
            pass
        assert make("a") == href
        assert not opened(href).closed
