"""Acquisitions laid over one another: each radar's shift against sensors that lie better, found once for the whole scene.

Optical images are taken to lie where they say, or where there is none the radar with the finest pixels; acquisitions of
one sensor are taken to lie alike. Every other radar acquisition is held against each sensor before its own (L band against
optics and against C band), and what they say is joined. Of a sensor's acquisitions the nearest in time that gives an answer
speaks, of three at most. Windows are spread over what two footprints share: the area asked for plays no part, so any part
of a scene is moved like the whole of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from floodfuse.catalogs.acquisition import RADARS, Acquisition, Sensor, Shift
from floodfuse.catalogs.errors import BadRequest
from floodfuse.harmonize import alignment
from floodfuse.harmonize.alignment import HALO_PX, REACH_PX, WINDOW_PX, Estimate
from floodfuse.pipeline.area import Area
from floodfuse.pipeline.grid import Grid, grid_for
from floodfuse.pipeline.ingest.kept_open import keeping_open
from floodfuse.pipeline.ingest.reading import geometry_of, opened, pixels_per_pixel, stamps
from floodfuse.pipeline.scene import node_path, prepare, read_scene

WORKING_M = 10.0
_FINER = 2.5  # working pixels across a pixel of the coarser image, where that exceeds 25 m
_READ_PX = 256  # side of what is read at once, four by four of the windows that are compared
_ENOUGH, _MOST, _BATCH = (
    16,
    32,
    8,
)  # places with common values, places read, places read before counting again
_ANCHORS_TRIED = 3
_MOST_CANDIDATES = 4096
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
_DARKEST_REFLECTANCE = 0.001
_FLOOR_DB = -30.0  # of a polarization without a stated noise floor

Float32 = NDArray[np.float32]
ORDER = (
    Sensor.SENTINEL2,
    Sensor.SENTINEL1,
    Sensor.ALOS2,
)  # those that lie best first: optics, then the finer pixels
_known: dict[tuple[str, ...], Estimate | None] = {}


def aligned(
    acquisitions: Sequence[Acquisition], workers: int = 2, beside: Sequence[Acquisition] = ()
) -> tuple[Acquisition, ...]:
    """The same prepared acquisitions in the same order, radars with their `shift` found, recorded and, if sound, applied.

    Parameters
    ----------
    acquisitions : prepared, those to be mapped
    beside : not prepared, any that share ground with them, the same whatever area is mapped; they may be anchors, unless
        preparing refuses them
    """
    search = _Search(beside, workers)
    for acquisition in acquisitions:
        search.ready[acquisition.id] = acquisition
    return tuple(search.placed(a) for a in acquisitions)


class _Search:
    """Acquisitions that may be anchors, prepared when they are needed, and where each radar was found to lie."""

    def __init__(self, beside: Sequence[Acquisition], workers: int) -> None:
        self.beside, self.workers = beside, workers
        self.ready: dict[str, Acquisition | None] = {}
        self._placed: dict[str, Acquisition] = {}

    def placed(self, target: Acquisition) -> Acquisition:
        """A prepared acquisition with its shift; optical ones, and terrain, lie where they say."""
        if target.sensor not in RADARS:
            return target
        if target.id not in self._placed:
            better = [
                s for s in ORDER[: ORDER.index(target.sensor)] if any(a.sensor is s for a in self._known())
            ]
            anchors = [self._anchors(sensor, target) for sensor in better]
            shift = _shift(target, better, anchors, self.workers) if better else None
            self._placed[target.id] = target.model_copy(update={"shift": shift})
        return self._placed[target.id]

    def _anchors(self, sensor: Sensor, target: Acquisition) -> list[Acquisition]:
        """Nearest in time first, at most as many as are tried, all of which share ground with the target."""
        outline = target.outline
        near = sorted(
            (a for a in self._known() if a.sensor is sensor and a.outline.intersection(outline).area > 0.0),
            key=lambda a: (abs(a.time - target.time), a.id),
        )
        found: list[Acquisition] = []
        for candidate in near:
            if len(found) == _ANCHORS_TRIED:
                break
            if (usable := self._prepared(candidate)) is not None:
                found.append(self.placed(usable))
        return found

    def _known(self) -> list[Acquisition]:
        return list({a.id: a for a in (*self.beside, *filter(None, self.ready.values()))}.values())

    def _prepared(self, acquisition: Acquisition) -> Acquisition | None:
        if acquisition.id not in self.ready:
            try:
                self.ready[acquisition.id] = prepare([acquisition])[0]
            except BadRequest:
                self.ready[acquisition.id] = None
        return self.ready[acquisition.id]


class _Answer(NamedTuple):
    """What one anchor says of a target: the shift in pixels of `ground`, and why it can't be trusted, if so."""

    anchor: Acquisition
    ground: Grid
    found: Estimate | None
    doubt: str | None


def _shift(
    target: Acquisition, sensors: Sequence[Sensor], anchors: Sequence[Sequence[Acquisition]], workers: int
) -> Shift:
    """What the anchors, by sensor, say together; where none does, why the first that shares ground did not."""
    answers = [answer for of_sensor in anchors for answer in _answers(target, of_sensor, workers)]
    if not answers:
        names = ", ".join(sensors)
        return Shift(applied=False, reason=f"no acquisition of {names} shares ground with it")
    sure = [a for a in answers if a.doubt is None]
    if not sure:
        return _record(answers[0], answers[:1])
    alike = [a for a in sure if _like(a.ground, sure[0].ground)]
    together = alignment.combined([a.found for a in alike if a.found is not None])
    return _record(sure[0]._replace(found=together), alike)


def _like(one: Grid, other: Grid) -> bool:
    """Whether pixels of two lattices are the same metres in the same directions."""
    return one.crs == other.crs and one.resolution == other.resolution


def _answers(target: Acquisition, anchors: Sequence[Acquisition], workers: int) -> list[_Answer]:
    """Of anchors of one sensor: the one that gives an answer, or the first if none does; empty where none shares ground."""
    shared = [(anchor, ground) for anchor in anchors if (ground := _shared(target, anchor)) is not None]
    tried: list[_Answer] = []
    for anchor, ground in shared[:_ANCHORS_TRIED]:
        found = _measured(target, anchor, ground, workers)
        tried.append(_Answer(anchor, ground, found, alignment.doubt(found)))
        if tried[-1].doubt is None:
            return tried[-1:]
    return tried[:1]


def _record(answer: _Answer, heard: Sequence[_Answer]) -> Shift:
    """What was measured, turned round into what has to be added to coordinates, in metres."""
    _, ground, found, doubt = answer
    authority = ground.crs.to_authority()
    crs = ":".join(authority) if authority else ground.crs.to_wkt()
    anchors = tuple(a.anchor.id for a in heard)
    if found is None:
        return Shift(anchors=anchors, crs=crs, applied=False, reason=str(doubt))
    metres = ground.metres_per_pixel
    applied = doubt is None and alignment.significant(found)
    return Shift(
        anchors=anchors,
        crs=crs,
        east_m=round(-found.column * metres, 3),
        north_m=round(found.row * metres, 3),
        east_se_m=round(found.column_se * metres, 3),
        north_se_m=round(found.row_se * metres, 3),
        windows=found.windows,
        applied=applied,
        reason=doubt or ("significant" if applied else "not significant"),
    )


def _shared(target: Acquisition, anchor: Acquisition) -> Grid | None:
    """The lattice over what two footprints share; None where that is nothing, or less than a window."""
    common = target.outline.intersection(anchor.outline)
    if common.area == 0.0:
        return None
    coarser = max(pixel_m(target), pixel_m(anchor))
    try:
        grid = grid_for(Area(common, "footprints"), round(max(WORKING_M, coarser / _FINER), 1))
    except BadRequest:  # a sliver, or so far from any UTM zone's middle that a metre is no metre
        return None
    return grid if min(grid.shape) >= WINDOW_PX else None


def pixel_m(acquisition: Acquisition) -> float:
    """Size of the acquisition's pixels on the ground, the longer side [m]."""
    name = acquisition.polarizations[0] if acquisition.sensor in RADARS else "green"
    asset = acquisition.assets[name]
    west, south, east, north = shapely.geometry.shape(acquisition.footprint).bounds
    lon, lat = (west + east) / 2, (south + north) / 2
    near = Area(shapely.box(lon - 0.01, lat - 0.01, lon + 0.01, lat + 0.01), acquisition.id)
    grid = grid_for(near, WORKING_M)
    with opened(asset) as dataset:
        return WORKING_M / min(pixels_per_pixel(geometry_of(dataset, asset.href), grid))


def places(ground: Grid, footprints: Sequence[BaseGeometry]) -> list[Grid]:
    """Where to look, in an order that is spread from the first few on: at most 32 squares of 256 px.

    They depend on what two acquisitions share and on nothing else. `footprints` are in degrees.
    """
    outlines = [Area(f, "footprint").in_crs(ground.crs) for f in footprints]
    count = -(-ground.rows // _READ_PX) * -(-ground.columns // _READ_PX)
    step = -(-count // _MOST_CANDIDATES)
    found = []
    for i, (_, _, place) in enumerate(ground.blocks(_READ_PX)):
        if i % step == 0 and min(place.shape) >= WINDOW_PX:
            left, top, size = place.transform.c, place.transform.f, place.resolution
            box = shapely.box(left, top - place.rows * size, left + place.columns * size, top)
            if all(shapely.intersects(outline, box) for outline in outlines):
                found.append(place)
    order = np.argsort([(i * _GOLDEN) % 1.0 for i in range(len(found))], kind="stable")
    return [found[i] for i in order[:_MOST]]


def _measured(target: Acquisition, anchor: Acquisition, ground: Grid, workers: int) -> Estimate | None:
    """The shift between two acquisitions in pixels of `ground`; measured once for the same files in a process."""
    key = (target.model_dump_json(), anchor.model_dump_json(), *stamps(target), *stamps(anchor))
    if key not in _known:
        where = places(ground, [target.outline, anchor.outline])
        _known[key] = _measure(target, anchor, where, workers)
    return _known[key]


def _measure(
    target: Acquisition, anchor: Acquisition, where: Sequence[Grid], workers: int
) -> Estimate | None:
    """Surfaces of places in turn, until enough of them had something to compare, and what they agree on."""
    size = 2 * REACH_PX + 1
    surfaces = [np.empty((0, size, size))]
    useful = 0
    with keeping_open(), ThreadPoolExecutor(max(workers, 1)) as pool:
        for start in range(0, len(where), _BATCH):
            for found in pool.map(partial(_compared, target, anchor), where[start : start + _BATCH]):
                surfaces.append(found)
                useful += bool(np.isfinite(found).all(axis=(1, 2)).any())
            if useful >= _ENOUGH:
                break
    return alignment.estimate(np.concatenate(surfaces))


def _compared(target: Acquisition, anchor: Acquisition, place: Grid) -> NDArray[np.float64]:
    """Surfaces of the windows of one place; empty where the anchor has no values there, and then nothing else is read."""
    around = place.padded(REACH_PX + HALO_PX)
    properties = [_inner(p, REACH_PX + HALO_PX) for p in _properties(anchor, around)]
    if not any(np.isfinite(p).any() for p in properties):
        return np.empty((0, 2 * REACH_PX + 1, 2 * REACH_PX + 1))
    powers = _log_powers(target, _read(target, around))
    structures = [_inner(alignment.structure(power), HALO_PX) for power in powers]
    return alignment.agreements(properties, structures)


def _inner(values: Float32, margin: int) -> Float32:
    return values[margin:-margin, margin:-margin]


def _read(acquisition: Acquisition, grid: Grid) -> xr.Dataset:
    return read_scene([acquisition], grid)[node_path(acquisition)].to_dataset()


def _properties(anchor: Acquisition, grid: Grid) -> list[Float32]:
    """What an anchor is cut into strata by: wetness and brightness in optics, power by polarization in radar."""
    node = _read(anchor, grid)
    if anchor.sensor in RADARS:
        return _log_powers(anchor, node)
    green, nir = (np.maximum(node[b].values, np.float32(_DARKEST_REFLECTANCE)) for b in ("green", "nir"))
    return [np.log(green / nir), nir]


def _log_powers(acquisition: Acquisition, node: xr.Dataset) -> list[Float32]:
    """Up to two polarizations, the co-polarized first; more would add little but time."""
    pols = sorted(acquisition.polarizations, key=lambda pol: pol[0] != pol[1])[:2]
    floors = {pol: 10.0 ** (acquisition.nesz_db.get(pol, _FLOOR_DB) / 10.0) for pol in pols}
    return [alignment.log_power(node[pol].values, floors[pol]) for pol in pols]
