"""A scene: every acquisition of an area on one grid, as an `xarray.DataTree` with a node for each.

Nodes are `/<sensor>/<id>`, `/<sensor>/<id>/before/<id>` for its dry references, and `/terrain`. Radar nodes hold gamma nought in linear power by polarization, `incidence`
in degrees, and `hidden` (layover, shadow); optical nodes hold reflectance and `hidden` (cloud, cloud shadow).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import dask
import dask.array as da
import xarray as xr

from floodfuse.catalogs.acquisition import RADARS, Acquisition, Sensor
from floodfuse.pipeline.grid import Grid
from floodfuse.pipeline.ingest import alos2, sentinel1, sentinel2, terrain

_PREPARE: dict[Sensor, Callable[[Acquisition], Acquisition]] = {
    Sensor.SENTINEL1: sentinel1.prepare,
    Sensor.ALOS2: alos2.prepare,
    Sensor.SENTINEL2: sentinel2.prepare,
    Sensor.TERRAIN: terrain.prepare,
}
_READ: dict[Sensor, Callable[[Acquisition, Grid], xr.Dataset]] = {
    Sensor.SENTINEL1: sentinel1.read,
    Sensor.ALOS2: alos2.read,
    Sensor.SENTINEL2: sentinel2.read,
}
_PROBE_PX = 1


def prepare(acquisitions: Sequence[Acquisition]) -> list[Acquisition]:
    """Check every acquisition over its whole footprint and fill in what it does not state."""
    return [_PREPARE[a.sensor](a) for a in acquisitions]


def node_path(acquisition: Acquisition) -> str:
    """Where an acquisition lies in the tree."""
    return f"/{acquisition.sensor}/{acquisition.id}"


def references_of(acquisition: Acquisition, scene: xr.DataTree) -> list[xr.Dataset]:
    """Nodes of an acquisition's dry references, in their order."""
    return [scene[path].dataset for path, _ in _observed([acquisition])[1:]]


def _observed(acquisitions: Sequence[Acquisition]) -> list[tuple[str, Acquisition]]:
    """Paths and acquisitions of all that is no terrain, each followed by its dry references."""
    found = []
    for a in acquisitions:
        if a.sensor is not Sensor.TERRAIN:
            found.append((node_path(a), a))
            found += [(f"{node_path(a)}/before/{earlier.id}", earlier) for earlier in a.references]
    return found


def read_scene(acquisitions: Sequence[Acquisition], grid: Grid) -> xr.DataTree:
    """Read prepared acquisitions on a grid, now. Order is kept within each sensor."""
    nodes = {path: _read_node(a, grid) for path, a in _observed(acquisitions)}
    ground = [a for a in acquisitions if a.sensor is Sensor.TERRAIN]
    if ground:
        nodes["/terrain"] = terrain.read(ground, grid)
    return xr.DataTree.from_dict(nodes)


def _read_node(acquisition: Acquisition, grid: Grid) -> xr.Dataset:
    return _READ[acquisition.sensor](acquisition, grid).assign_attrs(_attributes(acquisition))


def _attributes(acquisition: Acquisition) -> dict[str, Any]:
    attributes: dict[str, Any] = {"sensor": str(acquisition.sensor), "time": acquisition.time.isoformat()}
    if acquisition.sensor in RADARS:
        attributes |= {
            "quantity": "gamma0, linear power",
            "looks": acquisition.looks,
            "noise_removed": acquisition.noise_removed,
            "nesz_sigma0_db": dict(acquisition.nesz_db),
        }
    return attributes


def open_scene(acquisitions: Sequence[Acquisition], grid: Grid, block: int = 512) -> xr.DataTree:
    """The same scene, lazy: Dask arrays in blocks, nothing read until it is computed.

    For notebooks and for work that needs a scene larger than memory; `read_scene` on a block gives the same bits.
    """
    nodes = {
        path: _lazy(partial(_read_node, a), grid, block).assign_attrs(_attributes(a))
        for path, a in _observed(acquisitions)
    }
    ground = [a for a in acquisitions if a.sensor is Sensor.TERRAIN]
    if ground:
        nodes["/terrain"] = _lazy(partial(terrain.read, ground), grid, block)
    tree = {path: node.assign_coords(y=("y", grid.y()), x=("x", grid.x())) for path, node in nodes.items()}
    return xr.DataTree.from_dict(tree)


def _lazy(read: Callable[[Grid], xr.Dataset], grid: Grid, block: int) -> xr.Dataset:
    probe = read(Grid(grid.crs, grid.resolution, grid.row, grid.column, _PROBE_PX, _PROBE_PX))
    rows: dict[int, list[tuple[Any, Grid]]] = {}
    for vertical, _, window in grid.blocks(block):
        rows.setdefault(vertical.start, []).append((dask.delayed(read)(window), window))
    layers = {}
    for name, variable in probe.data_vars.items():
        pieces = [
            [da.from_delayed(node[name].data, window.shape, variable.dtype) for node, window in line]
            for line in rows.values()
        ]
        layers[name] = (("y", "x"), da.block(pieces))
    return xr.Dataset(layers)
