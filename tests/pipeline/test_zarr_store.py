"""`product.zarr` opens anywhere: CRS, units, coordinates, and its chunks can be written apart."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rioxarray  # noqa: F401  registers `.rio`
import xarray as xr
import zarr

from floodfuse.pipeline.grid import Grid
from floodfuse.pipeline.product import LAYERS, ZARR_FILE
from floodfuse.pipeline.publish import zarr_store

GRID = Grid(pyproj.CRS("EPSG:32630"), 10.0, -462_000, 66_000, 70, 90)


def test_xarray_finds_crs_units_and_pixel_centres(tmp_path: Path) -> None:
    zarr_store.create(tmp_path, GRID, 64, {"title": "a test"})
    with xr.open_zarr(tmp_path / ZARR_FILE, decode_coords="all") as product:
        assert {n for n, v in product.data_vars.items() if v.dims} == set(LAYERS)
        assert product.rio.crs.to_epsg() == 32630
        geotransform = tuple(float(v) for v in product["spatial_ref"].attrs["GeoTransform"].split())
        assert geotransform == GRID.transform.to_gdal()
        assert np.array_equal(product["x"], GRID.x())
        assert np.array_equal(product["y"], GRID.y())
        assert product["x"].attrs["units"] == "metre"
        assert product.attrs["Conventions"].startswith("CF-")
        for name, layer in LAYERS.items():
            assert product[name].attrs["units"] == layer.units
            assert product[name].attrs["long_name"] == layer.long_name
        assert product["flood_class"].attrs["flag_values"] == [0, 1, 2, 3, 4, 250, 255]
        assert len(product["flood_class"].attrs["flag_meanings"].split()) == 7
        assert product["advisory"].attrs["flag_masks"] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
        assert len(product["advisory"].attrs["flag_meanings"].split()) == 10


def test_it_is_consolidated_zarr_v3_at_its_fill_values(tmp_path: Path) -> None:
    zarr_store.create(tmp_path, GRID, 64, {})
    group = zarr.open_consolidated(tmp_path / ZARR_FILE)
    assert group.metadata.zarr_format == 3
    raw = zarr_store.open_product(tmp_path)
    assert (raw["flood_class"].values == 255).all()
    assert np.isnan(raw["probability"].values).all()


@pytest.mark.parametrize("first", [None, -461_990])
def test_blocks_written_apart_make_the_whole_whether_they_are_chunks_or_not(
    tmp_path: Path, first: int | None
) -> None:
    zarr_store.create(tmp_path, GRID, 32, {})
    rng = np.random.default_rng(0)
    whole = {name: rng.integers(0, 5, GRID.shape).astype(layer.dtype) for name, layer in LAYERS.items()}
    writer = zarr_store.BlockWriter(tmp_path)

    def write(block: tuple[slice, slice, Grid]) -> None:
        rows, columns, _ = block
        writer.write(rows, columns, {name: v[rows, columns] for name, v in whole.items()})

    size = 32 if first is None else 13  # many blocks to a chunk
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, GRID.blocks(size, first)))
    product = zarr_store.open_product(tmp_path)
    for name, values in whole.items():
        assert np.array_equal(product[name].values, values)
        assert product[name].dtype == values.dtype
