"""`product.zarr`: Zarr v3, written block by block in parallel, with CF and GeoZarr metadata, consolidated."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from enum import IntFlag
from itertools import product
from pathlib import Path
from threading import Lock

import dask.array as da
import numpy as np
import rioxarray  # noqa: F401  registers `.rio`
import xarray as xr
import zarr
from numpy.typing import NDArray
from zarr.errors import ZarrUserWarning

from floodfuse.harmonize.classes import ADVISORY_LABELS, DECIDER_LABELS, EXCLUSION_LABELS, LEGEND
from floodfuse.pipeline.grid import Grid
from floodfuse.pipeline.product import LAYERS, ZARR_FILE, Layer

_CONVENTIONS = "CF-1.11"


def create(
    folder: Path,
    grid: Grid,
    chunk: int,
    attributes: dict[str, str],
    layers: Mapping[str, Layer] = LAYERS,
) -> None:
    """Lay out an empty product: every layer at its fill value, coordinates, CRS; chunks of so many pixels a side."""
    dataset = xr.Dataset(
        {
            name: (
                ("y", "x"),
                da.full(grid.shape, layer.fill, dtype=layer.dtype, chunks=grid.shape),
                _attributes(name, layer),
            )
            for name, layer in layers.items()
        },
        coords={"y": ("y", grid.y()), "x": ("x", grid.x())},
        attrs={"Conventions": _CONVENTIONS, **attributes},
    )
    dataset = (
        dataset.rio.write_crs(grid.crs.to_wkt())
        .rio.write_transform(grid.transform)
        .rio.write_coordinate_system()
    )
    chunks = (min(chunk, grid.rows), min(chunk, grid.columns))
    encoding = {
        name: {
            "chunks": chunks,
            "_FillValue": _fill(layer),
            "fill_value": _fill(layer),
            "grid_mapping": dataset.rio.grid_mapping,  # what is passed here replaces what rioxarray noted
        }
        for name, layer in layers.items()
    }
    with warnings.catch_warnings():
        # consolidated metadata is not in the v3 specification yet
        warnings.simplefilter("ignore", ZarrUserWarning)
        dataset.to_zarr(
            folder / ZARR_FILE, mode="w", compute=False, encoding=encoding, zarr_format=3, consolidated=True
        )


class BlockWriter:
    """Writes blocks of a product that was laid out, from any number of threads.

    A block that is a chunk waits for nobody. One that holds part of a chunk reads the rest of it first, and of two that share a chunk one waits
    for the other.
    """

    def __init__(self, folder: Path) -> None:
        group = zarr.open_group(folder / ZARR_FILE, mode="r+")
        self._arrays = {name: array for name, array in group.arrays() if array.ndim == 2}
        a_layer = next(iter(self._arrays.values()))
        self._chunk = a_layer.chunks
        self._locks = [[Lock() for _ in range(a_layer.cdata_shape[1])] for _ in range(a_layer.cdata_shape[0])]

    def write(self, rows: slice, columns: slice, layers: Mapping[str, NDArray[np.generic]]) -> None:
        """One block of every layer."""
        held = product(
            *(
                range(at.start // n, -(-at.stop // n))
                for at, n in zip((rows, columns), self._chunk, strict=True)
            )
        )
        with ExitStack() as stack:
            for i, j in held:  # row by row, in every thread: nobody waits for who waits for him
                stack.enter_context(self._locks[i][j])
            for name, values in layers.items():
                self._arrays[name][rows, columns] = values


def open_product(folder: Path) -> xr.Dataset:
    """Open a product's layers, lazily."""
    dataset: xr.Dataset = xr.open_zarr(folder / ZARR_FILE, consolidated=True, mask_and_scale=False)
    return dataset


def _fill(layer: Layer) -> float | int:
    return layer.fill if layer.dtype.startswith("float") else int(layer.fill)


def _attributes(name: str, layer: Layer) -> dict[str, object]:
    attributes: dict[str, object] = {"long_name": layer.long_name, "units": layer.units}
    if name == "flood_class":
        attributes |= _flags({int(k): legend.label for k, legend in LEGEND.items()})
    elif name == "deciding_sensor":
        attributes |= _flags({int(k): label for k, label in DECIDER_LABELS.items()})
    elif name == "exclusion":
        attributes |= _masks(EXCLUSION_LABELS)
    elif name == "advisory":
        attributes |= _masks(ADVISORY_LABELS)
    return attributes


def _masks(flags: Iterable[IntFlag]) -> dict[str, object]:
    bits = list(flags)
    return {
        "flag_masks": [int(bit) for bit in bits],
        "flag_meanings": " ".join(bit.name.lower() for bit in bits if bit.name),
    }


def _flags(labels: dict[int, str]) -> dict[str, object]:
    meanings = (label.lower().translate(str.maketrans(" -", "__", "(),")) for label in labels.values())
    return {"flag_values": list(labels), "flag_meanings": " ".join(meanings)}
