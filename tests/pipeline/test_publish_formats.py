"""All formats together: complete, in order, and the same bytes each time."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from floodfuse.pipeline.product import LAYERS, ZARR_FILE, RunRecord
from floodfuse.pipeline.publish.formats import STEPS, publish
from floodfuse.pipeline.publish.source import Product, Tile, bounds_of, pixel_area_m2, tiles

FILES = {
    "diagnostics.tif",
    "flood.gpkg",
    "flood.qgz",
    "flood.tif",
    "flood.tif.aux.xml",
    "item.json",
    "preview.png",
    "probability.tif",
    "product.zarr",
    "report.html",
    "run.json",
}


def digests(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.is_file()
    }


def test_the_same_product_gives_the_same_bytes(make_product: Callable[..., Path], tmp_path: Path) -> None:
    folders = [
        make_product(tmp_path / name / "product", chunk=chunk) for name, chunk in (("a", 512), ("b", 512))
    ]
    said: list[str] = []
    for folder in folders:
        publish(folder, said.append)
    first, second = (digests(folder) for folder in folders)
    assert first == second
    assert {path.name for path in folders[0].iterdir()} == FILES
    assert said == [name for name, _ in STEPS] * 2
    publish(folders[0])  # over what is there
    assert digests(folders[0]) == first


def test_how_the_zarr_is_chunked_changes_no_other_format(
    make_product: Callable[..., Path], tmp_path: Path
) -> None:
    found = []
    for chunk in (512, 96):
        folder = make_product(tmp_path / f"of {chunk}" / "product", chunk=chunk)
        publish(folder)
        found.append(digests(folder))
    assert {name for name in found[0] if found[0][name] != found[1][name]} == {
        "item.json"
    }  # has the zarr's checksum


def test_layers_that_do_not_belong_to_the_record_are_refused(
    make_product: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_product(tmp_path / "product", (40, 50))
    record = RunRecord.load(folder)
    record.model_copy(update={"grid": record.grid.model_copy(update={"shape": (40, 51)})}).save(folder)
    with pytest.raises(ValueError, match="not from one run"):
        publish(folder)


def test_product_reads_layers_as_they_are(make_product: Callable[..., Path], tmp_path: Path) -> None:
    product = Product(make_product(tmp_path / "product", (40, 50)))
    for name, layer in LAYERS.items():
        assert product.read(name, Tile(3, 4, 5, 6)).shape == (5, 6)
        assert product.read(name, Tile(0, 0, 40, 50)).dtype == layer.dtype
    assert product.values_in("exclusion") == [0, 2, 20]
    assert product.values_in("advisory") == [0, 68, 256]
    assert pixel_area_m2(product.record.grid) == 100
    assert bounds_of(product.record.grid) == (680_000, 4_205_600, 680_500, 4_206_000)


def test_areas_in_degrees_are_refused(make_product: Callable[..., Path], tmp_path: Path) -> None:
    grid = RunRecord.load(make_product(tmp_path / "product", (4, 5))).grid
    with pytest.raises(ValueError, match="degrees"):
        pixel_area_m2(grid.model_copy(update={"crs": "EPSG:4326"}))


@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (8, 4)])
def test_tiles_cover_each_pixel_once(shape: tuple[int, int]) -> None:
    seen = [
        (r, c)
        for t in tiles(shape, 4)
        for r in range(*t.slices[0].indices(99))
        for c in range(*t.slices[1].indices(99))
    ]
    assert sorted(seen) == [(r, c) for r in range(shape[0]) for c in range(shape[1])]
    assert ZARR_FILE in FILES
