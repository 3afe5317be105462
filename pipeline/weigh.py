"""From a scene to evidence: what each sensor says about every class, moved to the product's time.

Within a sensor the acquisition nearest in time that sees a pixel speaks for it. Halo: 2 px (spatial aggregation).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from floodfuse.catalogs.acquisition import RADARS, Acquisition, Sensor
from floodfuse.harmonize import decay, optical
from floodfuse.harmonize.classes import Decider, EvidenceClass
from floodfuse.harmonize.densities import channel_name
from floodfuse.harmonize.evidence import (
    AGGREGATION_HALO_PX,
    Channel,
    aggregate,
    optical_evidence,
    radar_evidence,
)
from floodfuse.harmonize.likelihood import evidence_table
from floodfuse.pipeline.grid import Grid
from floodfuse.pipeline.ingest.reading import geometry_of, opened, pixels_per_pixel
from floodfuse.pipeline.scene import node_path

HALO_PX = AGGREGATION_HALO_PX
DECIDER_OF = {
    Sensor.SENTINEL1: Decider.SENTINEL1,
    Sensor.ALOS2: Decider.ALOS2,
    Sensor.SENTINEL2: Decider.SENTINEL2,
}
_BAND_OF = {Sensor.SENTINEL1: "C", Sensor.ALOS2: "L"}
_INDEPENDENT_SHARE = (
    0.25  # of averaged pixels: products are sampled finer than they resolve (harmonization.md 8)
)

Float32 = NDArray[np.float32]


class Evidence(NamedTuple):
    """Evidence of one sensor on a grid.

    Attributes
    ----------
    nats : (y, x, class), at the product's time, NaN where the sensor saw nothing
    age_hours : (y, x), distance in time of the acquisition that spoke; NaN where none did
    hidden : (y, x), where a mask of the product hid the ground (layover, shadow, cloud) and nothing else saw it
    seen : for each acquisition, in order, where it had a valid value
    """

    nats: Float32
    age_hours: Float32
    hidden: NDArray[np.bool_]
    seen: dict[str, NDArray[np.bool_]]


@lru_cache(maxsize=512)  # half a megabyte each
def _table(channel: str, looks: float, nesz_db: float) -> Float32:
    return evidence_table(channel, looks, nesz_db)


def looks_on(acquisition: Acquisition, grid: Grid) -> float:
    """Looks of the acquisition's values once they are on the grid: more where native pixels are averaged."""
    asset = acquisition.assets[acquisition.polarizations[0]]
    with opened(asset) as dataset:
        across, down = pixels_per_pixel(geometry_of(dataset, asset.href), grid)
    gained = max(1.0, _INDEPENDENT_SHARE * across * down)
    return float(acquisition.looks or 1.0) * gained


def _radar(acquisition: Acquisition, node: xr.Dataset, grid: Grid) -> Float32:
    if not any(np.isfinite(node[pol].values).any() for pol in acquisition.polarizations):
        return np.full((*grid.shape, len(EvidenceClass)), np.nan, np.float32)
    band, looks = _BAND_OF[acquisition.sensor], looks_on(acquisition, grid)
    channels = []
    for pol in acquisition.polarizations:
        name, floor_db = channel_name(band, pol), acquisition.nesz_db[pol]
        table = _table(name, looks, floor_db)
        channels.append(Channel(name, node[pol].values, 10.0 ** (floor_db / 10.0), table))
    nats = radar_evidence(
        channels, node["incidence"].values, acquisition.noise_removed, looks, acquisition.water_incidence_deg
    )
    return aggregate(nats)


def _optical(node: xr.Dataset) -> Float32:
    swir = node["swir"].values if "swir" in node else None
    return optical_evidence(optical.water_evidence(node["green"].values, node["nir"].values, swir))


def weigh(
    acquisitions: Sequence[Acquisition], scene: xr.DataTree, grid: Grid, time: datetime
) -> dict[Decider, Evidence]:
    """Evidence of every sensor in the scene.

    `scene` must have been read on `grid`; within `HALO_PX` of its edge values are not final, and are cropped by the
    caller. Acquisitions come nearest in time first.
    """
    ground = scene["terrain"].dataset if "terrain" in scene else xr.Dataset()
    hand = ground["hand"].values if "hand" in ground else None
    half_life = decay.half_life_days(hand)
    result: dict[Decider, Evidence] = {}
    for acquisition in acquisitions:
        if acquisition.sensor is Sensor.TERRAIN:
            continue
        node = scene[node_path(acquisition)].dataset
        nats = _radar(acquisition, node, grid) if acquisition.sensor in RADARS else _optical(node)
        hours = abs((acquisition.time - time).total_seconds()) / 3600.0
        moved = decay.decay_evidence(nats, decay.persistence(hours / 24.0, half_life))
        who = DECIDER_OF[acquisition.sensor]
        result[who] = _over(result.get(who), acquisition.id, moved, hours, node["hidden"].values)
    return result


def _over(
    earlier: Evidence | None, name: str, nats: Float32, hours: float, hidden: NDArray[np.bool_]
) -> Evidence:
    """Evidence of a further acquisition put where the nearer ones saw nothing."""
    seen = np.isfinite(nats[..., 0])
    if earlier is None:
        age = np.where(seen, np.float32(hours), np.float32(np.nan))
        return Evidence(nats, age, hidden & ~seen, {name: seen})
    known = np.isfinite(earlier.age_hours)
    return Evidence(
        np.where(known[..., None], earlier.nats, nats),
        np.where(known, earlier.age_hours, np.where(seen, np.float32(hours), np.float32(np.nan))),
        (earlier.hidden | hidden) & ~(known | seen),
        {**earlier.seen, name: seen},
    )
