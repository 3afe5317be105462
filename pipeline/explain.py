"""Why one pixel got its class: every sensor's value, angle, evidence and age, the prior and the posterior.

The pixel is worked out again from the inputs that the product names, on a window just large enough: a pixel's value
does not depend on the window, so this is what the map holds, and it is checked against it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from floodfuse.catalogs.acquisition import RADARS, Acquisition
from floodfuse.catalogs.errors import BadRequest
from floodfuse.harmonize.classes import (
    DECIDER_LABELS,
    EXCLUSION_LABELS,
    LEGEND,
    Decider,
    EvidenceClass,
    Exclusion,
    MapClass,
)
from floodfuse.harmonize.radiometry import to_db
from floodfuse.models import bayes
from floodfuse.pipeline import decide
from floodfuse.pipeline.area import Area
from floodfuse.pipeline.execution import Job, weigh_block
from floodfuse.pipeline.grid import Grid, area_mask
from floodfuse.pipeline.open_product import grid_of, load_record, open_layers
from floodfuse.pipeline.scene import node_path, read_scene
from floodfuse.pipeline.weigh import DECIDER_OF, HALO_PX


@dataclass(frozen=True)
class SensorView:
    """What one sensor has to say at the pixel; `observed` is empty where it saw nothing."""

    sensor: str
    acquisition: str | None
    age_hours: float | None
    observed: dict[str, float] = field(default_factory=dict)
    evidence_nats: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Explanation:
    """One pixel, explained."""

    lon: float
    lat: float
    map_class: str
    probability: float | None
    decider: str
    reasons: list[str]
    sensors: list[SensorView]
    terrain: dict[str, float]
    prior: dict[str, float]
    posterior: dict[str, float]
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
    acquisitions = tuple(Acquisition.model_validate(i.acquisition) for i in record.inputs)
    geometry = shapely.geometry.shape(record.area_of_interest)
    area = Area(geometry, record.settings["area"])
    job = Job(acquisitions, record.product_time, area, shapely.to_wkb(area.in_crs(grid.crs)))
    evidence, terrain = weigh_block(job, pixel)
    share = decide.prior_of(terrain, (1, 1))
    posterior = bayes.fuse({who: e.nats for who, e in evidence.items()}, share)
    inside = area_mask(shapely.from_wkb(job.outline), pixel)
    layers = decide.layers(evidence, posterior, terrain, inside, share)
    stored = int(_stored(folder, grid, pixel))
    value = MapClass(int(layers["flood_class"][0, 0]))
    probability = float(layers["probability"][0, 0])
    return Explanation(
        lon=lon,
        lat=lat,
        map_class=LEGEND[MapClass(stored)].label,
        probability=None if np.isnan(probability) else probability,
        decider=DECIDER_LABELS[Decider(int(layers["deciding_sensor"][0, 0]))],
        reasons=[EXCLUSION_LABELS[bit] for bit in Exclusion(int(layers["exclusion"][0, 0]))],
        sensors=[_view(job, pixel, who, evidence) for who in evidence],
        terrain={str(name): float(terrain[name].values[0, 0]) for name in terrain.data_vars},
        prior=_by_class(np.exp(share[0, 0])),
        posterior=_by_class(posterior.classes[0, 0]),
        matches_product=stored == value,
    )


def _stored(folder: Path, grid: Grid, pixel: Grid) -> Any:
    layer = open_layers(folder)["flood_class"]
    return layer[pixel.row - grid.row, pixel.column - grid.column].values


def _by_class(values: Any) -> dict[str, float]:
    return {k.name.lower(): float(values[k]) for k in EvidenceClass}


def _view(job: Job, pixel: Grid, who: Decider, evidence: dict[Decider, Any]) -> SensorView:
    found = evidence[who]
    sensor = next(s for s, d in DECIDER_OF.items() if d is who)
    speaker = next((a for a in job.acquisitions if a.sensor is sensor and found.seen[a.id][0, 0]), None)
    if speaker is None:
        return SensorView(str(sensor), None, None)
    return SensorView(
        sensor=str(sensor),
        acquisition=speaker.id,
        age_hours=float(found.age_hours[0, 0]),
        observed=_observed(speaker, pixel),
        evidence_nats=_by_class(found.nats[0, 0]),
    )


def _observed(acquisition: Acquisition, pixel: Grid) -> dict[str, float]:
    """Values at the pixel itself: gamma0 in dB and angle, or reflectance."""
    node = read_scene([acquisition], pixel.padded(HALO_PX))[node_path(acquisition)].dataset
    values = {
        str(name): float(node[name].values[HALO_PX, HALO_PX]) for name in node.data_vars if name != "hidden"
    }
    if acquisition.sensor not in RADARS:
        return values
    return {
        (name if name == "incidence" else f"{name}_gamma0_db"): value
        if name == "incidence"
        else float(to_db(value))
        for name, value in values.items()
    }
