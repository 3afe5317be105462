"""Why one pixel got its class: every sensor's value, angle, evidence and age, what contradicts, the prior and the posterior.

The pixel is worked out again from the inputs that the product names, on a window just large enough: a pixel's value
does not depend on the window, so this is what the map holds, and it is checked against it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from pydantic import ValidationError

from floodfuse.catalogs.acquisition import RADARS, Acquisition
from floodfuse.catalogs.errors import BadRequest
from floodfuse.harmonize.classes import (
    ADVISORY_LABELS,
    DECIDER_LABELS,
    EXCLUSION_LABELS,
    LEGEND,
    Advisory,
    Decider,
    EvidenceClass,
    Exclusion,
    MapClass,
)
from floodfuse.harmonize.densities import channel_name
from floodfuse.harmonize.radiometry import noise_gamma0, to_db, total_power
from floodfuse.models import bayes
from floodfuse.pipeline.area import Area
from floodfuse.pipeline.execution import Job, judge_block, layers_of_block
from floodfuse.pipeline.flood_rise import rise_on
from floodfuse.pipeline.grid import Grid, area_mask
from floodfuse.pipeline.looks import looks_on
from floodfuse.pipeline.open_product import grid_of, load_record, open_layers
from floodfuse.pipeline.product import RUN_FILE, RunRecord
from floodfuse.pipeline.scene import node_path, read_scene
from floodfuse.pipeline.strategy import conformal_for, network_for
from floodfuse.pipeline.weigh import DECIDER_OF, HALO_PX, Speckle
from floodfuse.pipeline.weighed import Weighed

if TYPE_CHECKING:
    from floodfuse.pipeline.network_fusion import NetworkFusion

# What a reader is told elsewhere, or need not be told of one pixel.
_NOT_FACTS = {
    "id",
    "sensor",
    "time",
    "footprint",
    "assets",
    "looks",
    "nesz_db",
    "noise_removed",
    "synthetic",
    "references",
    "licence",
}


@dataclass(frozen=True)
class ChannelView:
    """One radar channel at the pixel; levels are gamma0 in dB, None where power is not above 0.

    `total_db` has the noise floor in it: it is what likelihoods are of.
    """

    channel: str
    gamma0_db: float | None
    total_db: float | None
    nesz_sigma0_db: float
    noise_floor_db: float


@dataclass(frozen=True)
class PassView:
    """What one acquisition said of water at the pixel at its own time; None where it saw nothing."""

    acquisition: str
    sensor: str
    hours_from_product: float
    llr_nats: float | None


@dataclass(frozen=True)
class SensorView:
    """What one sensor has to say at the pixel; `observed` is empty where it saw nothing."""

    sensor: str
    acquisition: str | None
    age_hours: float | None
    time: str | None = None
    observed: dict[str, float] = field(default_factory=dict)
    channels: list[ChannelView] = field(default_factory=list)
    looks: float | None = None
    evidence_nats: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Explanation:
    """One pixel, explained.

    `rise_nats` is by how much the rise of the flood moved the prior; None where it did not. `by_bayes` is the probability of water by
    Bayes' rule, which a network may have left; `weights` are how much it let each sensor count, where it tells.
    """

    lon: float
    lat: float
    map_class: str
    probability: float | None
    uncertainty_bits: float | None
    ever_flooded: float | None
    conflict_nats: float | None
    decider: str
    reasons: list[str]
    flags: list[str]
    sensors: list[SensorView]
    passes: list[PassView]
    terrain: dict[str, float]
    rise_nats: float | None
    prior: dict[str, float]
    posterior: dict[str, float]
    fusion: str
    by_bayes: float | None
    weights: dict[str, float]
    matches_product: bool


def explain(folder: Path, lon: float, lat: float) -> Explanation:
    """Explain the pixel of a product at a position in degrees.

    Raises
    ------
    BadRequest
        If there is no product, the position lies outside, or an input is no longer where it was.
    """
    record = load_record(folder)
    grid = grid_of(record)
    pixel = grid.pixel_at(lon, lat)
    if not grid.holds(pixel):
        raise BadRequest(
            f"at {lon:g},{lat:g}: outside the product. Give longitude,latitude in degrees within its area."
        )
    acquisitions = _inputs(folder, record)
    geometry = shapely.geometry.shape(record.area_of_interest)
    area = Area(geometry, record.settings["area"])
    speckle: Speckle = record.settings.get("speckle", "evidence")
    network = _network(folder, record)
    job = Job(
        acquisitions,
        record.product_time,
        area,
        shapely.to_wkb(area.in_crs(grid.crs)),
        speckle,
        network,
        conformal_for(record.risk, network),
        record.risk,
        record.flood_rise,
    )
    weighed, fused = judge_block(job, pixel)
    evidence, terrain, share = weighed
    physics = bayes.fuse({who: e.nats for who, e in evidence.items()}, share)
    inside = area_mask(shapely.from_wkb(job.outline), pixel)
    layers = layers_of_block(job, weighed, fused, inside)
    at_pixel = {name: values[0, 0].item() for name, values in layers.items()}
    moved = rise_on(job.rise, terrain, pixel)
    stored = int(_stored(folder, grid, pixel))
    return Explanation(
        lon=lon,
        lat=lat,
        map_class=LEGEND[MapClass(stored)].label,
        probability=_known(at_pixel["probability"]),
        uncertainty_bits=_known(at_pixel["uncertainty"]),
        ever_flooded=_known(at_pixel["ever_flooded"]),
        conflict_nats=_known(at_pixel["conflict"]),
        decider=DECIDER_LABELS[Decider(at_pixel["deciding_sensor"])],
        reasons=[EXCLUSION_LABELS[bit] for bit in Exclusion(at_pixel["exclusion"])],
        flags=[ADVISORY_LABELS[bit] for bit in Advisory(at_pixel["advisory"])],
        sensors=[_view(job, pixel, who, weighed) for who in evidence],
        passes=_passes(job, weighed),
        terrain={str(name): float(terrain[name].values[0, 0]) for name in terrain.data_vars},
        rise_nats=None if moved is None else float(moved[0, 0]) or None,
        prior=_by_class(np.exp(share[0, 0])),
        posterior=_by_class(fused.posterior.classes[0, 0]),
        fusion=record.fusion,
        by_bayes=_known(float(physics.water[0, 0])) if physics.sensors[0, 0] else None,
        weights={DECIDER_LABELS[who]: float(share[0, 0]) for who, share in fused.weights.items()},
        matches_product=stored == at_pixel["flood_class"],
    )


def _network(folder: Path, record: RunRecord) -> NetworkFusion | None:
    """The network that fused; it must be the very one."""
    network = network_for(record.fusion, record.settings.get("weights"), workers=1)
    if network is not None and record.weights is not None and network.record.sha256 != record.weights.sha256:
        raise BadRequest(
            f"{folder / RUN_FILE}: was made with other weights than {record.weights.file} is today. Map the area again."
        )
    return network


def _inputs(folder: Path, record: RunRecord) -> tuple[Acquisition, ...]:
    try:
        return tuple(Acquisition.model_validate(i.acquisition) for i in record.inputs)
    except ValidationError as error:
        raise BadRequest(
            f"{folder / RUN_FILE}: its inputs are not as this version writes them ({error.errors()[0]['msg']}). "
            "Map the area again."
        ) from error


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _stored(folder: Path, grid: Grid, pixel: Grid) -> Any:
    layer = open_layers(folder)["flood_class"]
    return layer[pixel.row - grid.row, pixel.column - grid.column].values


def _by_class(values: Any) -> dict[str, float]:
    return {k.name.lower(): float(values[k]) for k in EvidenceClass}


def _passes(job: Job, weighed: Weighed) -> list[PassView]:
    """Every acquisition of the window, earliest first."""
    sensors = {a.id: str(a.sensor) for a in job.acquisitions}
    views = [
        PassView(p.name, sensors[p.name], 24.0 * p.days, _known(float(p.llr[0, 0])))
        for e in weighed.evidence.values()
        for p in e.passes
    ]
    return sorted(views, key=lambda view: (view.hours_from_product, view.acquisition))


def _view(job: Job, pixel: Grid, who: Decider, weighed: Weighed) -> SensorView:
    found = weighed.evidence[who]
    sensor = next(s for s, d in DECIDER_OF.items() if d is who)
    speaker = next((a for a in job.acquisitions if a.sensor is sensor and found.seen[a.id][0, 0]), None)
    if speaker is None:
        return SensorView(str(sensor), None, None)
    observed, channels = _observed(speaker, pixel)
    return SensorView(
        sensor=str(sensor),
        acquisition=speaker.id,
        age_hours=float(found.age_hours[0, 0]),
        time=f"{speaker.time:%Y-%m-%d %H:%M} UTC",
        observed=observed,
        channels=channels,
        looks=looks_on(speaker, pixel) if speaker.sensor in RADARS else None,
        evidence_nats=_by_class(found.nats[0, 0]),
        facts=_facts(speaker),
    )


def _facts(acquisition: Acquisition) -> dict[str, Any]:
    """Whatever else is stated or was estimated of an acquisition, by the names of its fields."""
    facts = acquisition.model_dump(mode="json", exclude=_NOT_FACTS, exclude_defaults=True)
    if acquisition.references:
        facts["dry_references"] = [f"{a.id} ({a.time:%Y-%m-%d})" for a in acquisition.references]
    return facts


def _observed(acquisition: Acquisition, pixel: Grid) -> tuple[dict[str, float], list[ChannelView]]:
    """Values at the pixel itself: gamma0 in dB and angle, with channels; or reflectance."""
    node = read_scene([acquisition], pixel.padded(HALO_PX))[node_path(acquisition)].dataset
    values = {
        str(name): float(node[name].values[HALO_PX, HALO_PX])
        for name in node.data_vars
        if node[name].dtype.kind == "f"
    }
    if acquisition.sensor not in RADARS:
        return values, []
    theta = values["incidence"]
    channels = [_channel(acquisition, pol, values[pol], theta) for pol in acquisition.polarizations]
    levels = {f"{pol}_gamma0_db": float(to_db(values[pol])) for pol in acquisition.polarizations}
    return levels | {"incidence": theta}, channels


def _channel(acquisition: Acquisition, pol: str, gamma0: float, theta: float) -> ChannelView:
    nesz_db = acquisition.nesz_db[pol]
    total = total_power(gamma0, acquisition.noise_subtracted(pol), theta)
    return ChannelView(
        channel_name(acquisition.band, pol),
        _known(float(to_db(gamma0))),
        _known(float(to_db(total))),
        nesz_db,
        float(to_db(noise_gamma0(nesz_db, theta))),
    )
