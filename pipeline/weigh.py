"""From a scene to evidence: what each sensor says about every class, moved to the product's time.

Within a sensor the acquisition nearest in time that sees a pixel speaks for it. Halo: 3 px, exact for the averaging of evidence
(2) and for every filter of speckle (3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from threading import Lock
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from floodfuse.catalogs.acquisition import RADARS, Acquisition, Sensor
from floodfuse.harmonize import decay, optical, speckle
from floodfuse.harmonize.change import combine
from floodfuse.harmonize.change_densities import change_model
from floodfuse.harmonize.classes import Decider, EvidenceClass
from floodfuse.harmonize.correlation import band_correlation, discounted
from floodfuse.harmonize.densities import channel_name
from floodfuse.harmonize.dry_level import DryLevel
from floodfuse.harmonize.evidence import (
    AGGREGATION_HALO_PX,
    aggregate,
    optical_evidence,
    radar_evidence,
)
from floodfuse.harmonize.history import Pass, flood_llr
from floodfuse.harmonize.joint import Floor, JointTable, joint_table, leading
from floodfuse.harmonize.prior import log_prior
from floodfuse.harmonize.radiometry import total_power
from floodfuse.pipeline.grid import Grid
from floodfuse.pipeline.hints import hints_of
from floodfuse.pipeline.hints import merged as hints_with
from floodfuse.pipeline.looks import looks_on
from floodfuse.pipeline.measured import Parts, measured_of
from floodfuse.pipeline.measured import merged as parts_with
from floodfuse.pipeline.reference import levels
from floodfuse.pipeline.scene import node_path, references_of

Speckle = Literal["evidence", "none", "lee", "refined-lee", "gamma-map"]
"""What is done about speckle: `evidence` averages evidence, `none` nothing, the others filter power before it is weighed."""
_FILTERS: dict[Speckle, Callable[[Float32, float], Any]] = {
    "lee": speckle.lee,
    "refined-lee": speckle.refined_lee,
    "gamma-map": speckle.gamma_map,
}
HALO_PX = max(AGGREGATION_HALO_PX, speckle.halo_px(speckle.WINDOW_PX), speckle.REFINED_LEE_HALO_PX)
DECIDER_OF = {
    Sensor.SENTINEL1: Decider.SENTINEL1,
    Sensor.ALOS2: Decider.ALOS2,
    Sensor.SENTINEL2: Decider.SENTINEL2,
}
_BAND_RADARS = (Decider.SENTINEL1, Decider.ALOS2)
_DECLARED_ANGLE_SD_DEG = 3.0  # a swath of ten degrees, given as one number
_SLOPES_DEG = 5.0  # by which local angles may leave those of level ground; beyond, the nearest angle counts
_LEAST_POWER = 1e-6  # filters divide by it
_TABLES = Lock()

Float32 = NDArray[np.float32]


class Evidence(NamedTuple):
    """Evidence of one sensor on a grid.

    Attributes
    ----------
    nats : (y, x, class), at the product's time, NaN where the sensor saw nothing
    age_hours : (y, x), distance in time of the acquisition that spoke; NaN where none did
    hidden : (y, x), where a mask of the product hid the ground (layover, shadow, cloud) and nothing else saw it
    seen : for each acquisition, in order, where it had a valid value
    passes : what each acquisition, in order, said of water at its own time
    hints : fields of `advisory.Seen`, of the acquisition that spoke
    measured : what the acquisition that spoke measured, where that was asked for
    before_pooling : as `nats`, were there no other radar that sees the same wind and soil; None where it is the same
    """

    nats: Float32
    age_hours: Float32
    hidden: NDArray[np.bool_]
    seen: dict[str, NDArray[np.bool_]]
    passes: tuple[Pass, ...] = ()
    hints: Mapping[str, Float32] = MappingProxyType({})
    before_pooling: Float32 | None = None
    measured: Mapping[str, Float32] = MappingProxyType({})

    @property
    def unpooled(self) -> Float32:
        """(y, x, class) nats, as if the sensor were alone."""
        return self.nats if self.before_pooling is None else self.before_pooling

    @property
    def spoke_hours(self) -> Float32:
        """When the acquisition that speaks for the sensor saw each pixel, hours after the product's time; NaN where none did."""
        spoke = np.full(self.age_hours.shape, np.nan, np.float32)
        for passed in self.passes:  # nearest in time first
            spoke = np.where(np.isnan(spoke) & np.isfinite(passed.llr), np.float32(24.0 * passed.days), spoke)
        return spoke


@lru_cache(maxsize=24)  # one a pass: 25 MB for a whole Sentinel-1 swath
def _table_once(*of: Any) -> JointTable:
    return joint_table(*of)


def _table(acquisition: Acquisition, channels: dict[str, str], looks: float) -> JointTable:
    """The table of a pass, made by the first thread that asks."""
    floors = tuple(Floor(name, acquisition.nesz_db[pol]) for name, pol in channels.items())
    level = acquisition.water_incidence_deg
    declared = acquisition.incidence_deg or 0.0
    angles = (level[0] - _SLOPES_DEG, level[1] + _SLOPES_DEG) if level else (declared, declared)
    with _TABLES:
        return _table_once(
            floors,
            looks,
            acquisition.water_weights,
            incidence_sd_deg(acquisition),
            angles,
            acquisition.ground_levels,
        )


def channels_of(acquisition: Acquisition) -> dict[str, str]:
    """Polarizations whose joint density is used, by their channel, such as {"C_VV": "vv", "C_VH": "vh"}."""
    by_name = {channel_name(acquisition.band, pol): pol for pol in acquisition.polarizations}
    return {name: by_name[name] for name in leading(tuple(by_name))}


def incidence_sd_deg(acquisition: Acquisition) -> float:
    """How well the angle is known: a raster gives it, one number for a whole swath is within some degrees."""
    return 0.0 if "incidence" in acquisition.assets else _DECLARED_ANGLE_SD_DEG


def _radar(
    acquisition: Acquisition,
    node: xr.Dataset,
    grid: Grid,
    looks: float,
    dry: Sequence[DryLevel | None],
    log_share: Float32,
    despeckle: Speckle,
) -> Float32:
    """Evidence of a pass of so many looks, held against the dry level of its channels where it has references.

    A filtered pass is not: its references would need the same filter, and their edges would not be its edges.
    """
    channels = channels_of(acquisition)
    angle = node["incidence"].values
    if not any(np.isfinite(node[pol].values).any() for pol in channels.values()):
        return np.full((*grid.shape, len(EvidenceClass)), np.nan, np.float32)
    if despeckle in _FILTERS:
        node = _filtered(acquisition, node, grid, looks, _FILTERS[despeckle])
        looks *= speckle.effective_samples(speckle.WINDOW_PX, grid.metres_per_pixel)
    table = _table(acquisition, channels, looks)
    subtracted = [acquisition.noise_subtracted(pol) for pol in channels.values()]
    powers = [node[pol].values for pol in channels.values()]
    nats = radar_evidence(powers, subtracted, angle, table, acquisition.water_incidence_deg)
    if dry and despeckle not in _FILTERS:
        nats = _against_dry(acquisition, nats, node, dry, table, looks, log_share)
    return aggregate(nats) if despeckle == "evidence" else nats


def _filtered(
    acquisition: Acquisition,
    node: xr.Dataset,
    grid: Grid,
    looks: float,
    smooth: Callable[[Float32, float], Any],
) -> xr.Dataset:
    """The pass with its polarizations filtered. Filters take total power: what was subtracted is put back for them.

    On even ground a filtered value is worth the looks of its window; edges keep fewer, and are then trusted too much, which is why
    averaging evidence is the usual way.
    """
    angle = node["incidence"].values
    layers = {}
    for pol in acquisition.polarizations:
        power = node[pol].values
        total = total_power(power, acquisition.noise_subtracted(pol), angle)
        filtered = smooth(np.maximum(total, np.float32(_LEAST_POWER)), looks)
        layers[pol] = (("y", "x"), np.asarray(filtered - (total - power), np.float32))
    return node.assign(layers)


def _against_dry(
    acquisition: Acquisition,
    nats: Float32,
    node: xr.Dataset,
    dry: Sequence[DryLevel | None],
    table: JointTable,
    looks: float,
    log_share: Float32,
) -> Float32:
    """The evidence of a pass, given what its references say of the ground before."""
    channels, angle = channels_of(acquisition), node["incidence"].values
    floors = [Floor(name, acquisition.nesz_db[pol]) for name, pol in channels.items()]
    sd_deg = incidence_sd_deg(acquisition)
    model = change_model(
        floors,
        looks,
        acquisition.noise_removed,
        table,
        len(acquisition.references),
        acquisition.water_weights,
        sd_deg,
        acquisition.ground_levels,
    )
    powers = [node[pol].values for pol in channels.values()]
    return combine(nats, powers, dry, angle, model, acquisition.water_incidence_deg, log_share)


def _optical(node: xr.Dataset) -> Float32:
    swir = node["swir"].values if "swir" in node else None
    return optical_evidence(optical.water_evidence(node["green"].values, node["nir"].values, swir))


def weigh(
    acquisitions: Sequence[Acquisition],
    scene: xr.DataTree,
    grid: Grid,
    time: datetime,
    log_share: Float32 | None = None,
    despeckle: Speckle = "evidence",
    measure: bool = False,
) -> dict[Decider, Evidence]:
    """Evidence of every sensor in the scene, and what it measured where `measure` asks for it.

    `scene` must have been read on `grid`; within `HALO_PX` of its edge values are not final, and are cropped by the
    caller. Acquisitions come nearest in time first. `log_share` is ln of the prior share of every class, (y, x, class),
    by which a pass sums over classes; without one, that of unknown ground.
    """
    share = log_prior(grid.shape) if log_share is None else log_share
    ground = scene["terrain"].dataset if "terrain" in scene else xr.Dataset()
    hand = ground["hand"].values if "hand" in ground else None
    half_life = decay.half_life_days(hand)
    result: dict[Decider, Evidence] = {}
    for acquisition in acquisitions:
        if acquisition.sensor is Sensor.TERRAIN:
            continue
        node = scene[node_path(acquisition)].dataset
        dry: list[DryLevel | None] = []
        if acquisition.sensor in RADARS:
            looks, before = looks_on(acquisition, grid), references_of(acquisition, scene)
            if before:
                pols, theta = tuple(channels_of(acquisition).values()), node["incidence"].values
                dry = levels(acquisition, pols, theta, before, looks)
            nats = _radar(acquisition, node, grid, looks, dry, share, despeckle)
        else:
            nats = _optical(node)
        signed_hours = (acquisition.time - time).total_seconds() / 3600.0
        hours = abs(signed_hours)
        moved = decay.decay_evidence(nats, decay.persistence(hours / 24.0, half_life))
        who = DECIDER_OF[acquisition.sensor]
        passed = Pass(acquisition.id, signed_hours / 24.0, flood_llr(nats, share))
        earlier = result.get(who)
        result[who] = _noted(
            earlier,
            _over(earlier, acquisition.id, moved, hours, node["hidden"].values),
            passed,
            hints_of(acquisition, node, grid, dry),
            measured_of(acquisition, node, dry) if measure else {},
        )
    return _counted_once(result)


def _counted_once(evidence: dict[Decider, Evidence]) -> dict[Decider, Evidence]:
    """Where both radars speak of a pixel, each counts for what it adds: they see one wind and one soil."""
    c_band, l_band = evidence.get(Decider.SENTINEL1), evidence.get(Decider.ALOS2)
    if c_band is None or l_band is None:
        return evidence
    apart = 24.0 * np.abs(days_of(c_band) - days_of(l_band))
    both = np.isfinite(apart)
    rho = np.where(both, band_correlation(np.where(both, apart, 0.0)), 0.0).astype(np.float32)
    pooled = {
        who: evidence[who]._replace(
            nats=discounted(evidence[who].nats, rho), before_pooling=evidence[who].nats
        )
        for who in _BAND_RADARS
    }
    return {who: pooled.get(who, e) for who, e in evidence.items()}


def days_of(evidence: Evidence) -> Float32:
    """When each pixel was seen by the pass that spoke for it, days from the product's time; NaN where none did."""
    days = np.full(evidence.age_hours.shape, np.nan, np.float32)
    for passed in evidence.passes:
        days = np.where(np.isnan(days) & evidence.seen[passed.name], np.float32(passed.days), days)
    return days


def _noted(
    earlier: Evidence | None, now: Evidence, passed: Pass, hints: dict[str, Float32], parts: Parts
) -> Evidence:
    """What a further acquisition said at its own time; its hints and what it measured where the nearer ones saw nothing."""
    if earlier is None:
        return now._replace(passes=(passed,), hints=hints, measured=parts)
    known = np.isfinite(earlier.age_hours)
    return now._replace(
        passes=(*earlier.passes, passed),
        hints=hints_with(dict(earlier.hints), known, hints),
        measured=parts_with(dict(earlier.measured), known, parts),
    )


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
