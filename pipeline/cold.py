"""Frost and wet snow: whether a whole C-band acquisition is darker than its dry references, forest included.

Told on windows spread over the acquisition's footprint, from it and its references alone, and stored with it. Forest is
where cross-polarization was as bright as forest on the dry references: land cover would depend on what was searched for.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np

from floodfuse.catalogs.acquisition import Acquisition, Sensor
from floodfuse.harmonize import advisory
from floodfuse.harmonize.classes import EvidenceClass
from floodfuse.harmonize.densities import CROSS_POLARIZED, channel_name, class_mean_db, class_sd_db
from floodfuse.pipeline.calibrate import footprint_windows
from floodfuse.pipeline.hints import drop_db
from floodfuse.pipeline.ingest.kept_open import keeping_open
from floodfuse.pipeline.ingest.reading import stamps
from floodfuse.pipeline.looks import looks_on
from floodfuse.pipeline.reference import levels
from floodfuse.pipeline.scene import node_path, read_scene, references_of

NATIVE_PER_SAMPLE, WINDOW_SAMPLES, MOST_WINDOWS = 4, 32, 16  # every reference is read in each window


def told_cold(acquisitions: Sequence[Acquisition], workers: int = 2) -> tuple[Acquisition, ...]:
    """The same acquisitions with their references, each of C band that has both polarizations with `cold` filled in."""
    with keeping_open(), ThreadPoolExecutor(workers) as pool:
        return tuple(pool.map(_told, acquisitions))


def _told(acquisition: Acquisition) -> Acquisition:
    if (
        acquisition.sensor is not Sensor.SENTINEL1
        or not acquisition.references
        or _cross(acquisition) is None
        or acquisition.polarizations[0] == _cross(acquisition)
    ):
        return acquisition
    return acquisition.model_copy(
        update={"cold": _is_cold(acquisition.model_dump_json(), stamps(acquisition))}
    )


def _cross(acquisition: Acquisition) -> str | None:
    return next(
        (p for p in acquisition.polarizations if channel_name(acquisition.band, p) in CROSS_POLARIZED), None
    )


@lru_cache(maxsize=256)
def _is_cold(acquisition_json: str, _: tuple[str, ...]) -> bool:
    acquisition = Acquisition.model_validate_json(acquisition_json)
    cross = _cross(acquisition)
    assert cross is not None
    channel = channel_name(acquisition.band, cross)
    drops, forests = [], []
    for grid in footprint_windows(acquisition, NATIVE_PER_SAMPLE, WINDOW_SAMPLES, MOST_WINDOWS):
        scene = read_scene([acquisition], grid)
        node, earlier = scene[node_path(acquisition)].dataset, references_of(acquisition, scene)
        theta = node["incidence"].values
        pols = (acquisition.polarizations[0], cross)
        first, dry = levels(acquisition, pols, theta, earlier, looks_on(acquisition, grid))
        if dry is None:
            continue
        forest_db = class_mean_db(channel, EvidenceClass.DRY_FOREST, theta)
        drops.append(drop_db(acquisition, node, first).ravel())
        forests.append((dry.level_db > forest_db - class_sd_db(channel, EvidenceClass.DRY_FOREST)).ravel())
    return bool(drops) and advisory.cold(np.concatenate(drops), np.concatenate(forests))
