"""The main job: one area of interest, end to end."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import shapely

from floodfuse.catalogs import products
from floodfuse.catalogs.acquisition import RADARS, Acquisition, Sensor
from floodfuse.catalogs.errors import BadRequest
from floodfuse.harmonize import correlation, decay, evidence, likelihood, optical, prior
from floodfuse.harmonize.classes import ADVISORY_LABELS, FLOOD_CLASSES, LEGEND, MapClass
from floodfuse.harmonize.flood_rise import RISE_SD_NATS
from floodfuse.models import decision
from floodfuse.pipeline import reference, search
from floodfuse.pipeline.align import aligned
from floodfuse.pipeline.area import Area, parse_area
from floodfuse.pipeline.calibrate import calibrated
from floodfuse.pipeline.cold import told_cold
from floodfuse.pipeline.execution import Job, Tally, run_blocks
from floodfuse.pipeline.flood_rise import flood_rise
from floodfuse.pipeline.grid import Grid, covering, grid_for, parse_crs
from floodfuse.pipeline.product import (
    LAYERS,
    ClassArea,
    FlagShare,
    GridRecord,
    InputRecord,
    RunRecord,
    network_layers,
)
from floodfuse.pipeline.publish import formats, zarr_store
from floodfuse.pipeline.rise_field import cells_around
from floodfuse.pipeline.scene import prepare
from floodfuse.pipeline.settings import MapSettings
from floodfuse.pipeline.staging import check_target, staged
from floodfuse.pipeline.strategy import conformal_for, network_for
from floodfuse.pipeline.weigh import HALO_PX

Tell = Callable[[str, int, int], None]  # step, done, total

_MOSTLY = 0.95  # share of the area on which a terrain layer must have a value to count as known
_LACKS = {
    "permanent_water": "No permanent-water layer: all open water is reported as flood water (class 2).",
    "hand": "No height above drainage: the prior can't tell slopes and terraces from floodplains.",
    "landcover": "No land cover: ground hidden by trees or among buildings is not excluded but reported as dry.",
}
_UNSURE_NETWORK = (
    "The network learned from ground whose height above drainage is mostly known. Here it is not: where network and physics disagree the "
    "map gives no answer. --fusion bayes answers more."
)


def map_area(settings: MapSettings, tell: Tell | None = None) -> RunRecord:
    """Map one area: search, prepare, work through blocks, publish. Returns the record that is in `run.json`.

    Raises
    ------
    BadRequest
        For whatever a user can mend; no output folder is left behind.
    """
    report = tell or (lambda *_: None)
    seconds: dict[str, float] = {}
    out = Path(settings.out)
    area = parse_area(settings.area)
    grid = grid_for(area, settings.resolution, parse_crs(settings.crs) if settings.crs else None)
    check_target(out, settings.overwrite)
    job, skipped = _job(settings, area, grid, report, seconds)
    layers = LAYERS | network_layers(job.network.record if job.network else None)
    with staged(out, settings.overwrite) as folder:
        with _timed(seconds, "map"):
            zarr_store.create(
                folder, grid, settings.chunk_px, _attributes(settings, job.acquisitions), layers
            )
            tally = run_blocks(
                job,
                grid,
                settings.block_px,
                settings.workers,
                folder,
                lambda done, total: report("mapping", done, total),
            )
        record = _record(settings, job, grid, tally, seconds)
        record.warnings[:0] = skipped
        record.save(folder)
        with _timed(seconds, "publish"):
            formats.publish(folder, lambda step: report(step, 0, 1))
    return record


def _job(
    settings: MapSettings, area: Area, grid: Grid, report: Tell, seconds: dict[str, float]
) -> tuple[Job, list[str]]:
    """All that blocks share, told before the first of them, and a sentence for whatever was left out."""
    time = settings.product_time()
    network = network_for(settings.fusion, settings.weights, settings.workers)
    conformal = conformal_for(settings.risk, network)
    # What a network sees of an area, and what tells how far floods rose in it, lies around it too, the same however it is cut.
    if network is None:
        cells = cells_around(grid.padded(HALO_PX))
        around = covering(cells, area)
    else:
        around = area.widened(grid.crs, network.reach_px * grid.resolution)
    with _timed(seconds, "search"):
        report("searching", 0, 1)
        found = search.find(settings.catalog, area, time, settings.window, settings.sensors, around)
        acquisitions, skipped = _prepared(found, may_skip=not Path(settings.catalog).exists())
    if settings.align:
        with _timed(seconds, "align"):
            report("aligning", 0, 1)
            acquisitions = _aligned(settings, time, acquisitions)
    with _timed(seconds, "calibrate"):
        report("calibrating", 0, 1)
        acquisitions = calibrated(acquisitions, settings.workers, _terrain(settings, time, acquisitions))
    rise = None
    if network is None:
        with _timed(seconds, "rise"):
            report("telling how far the flood rose", 0, 1)
            rise = flood_rise(acquisitions, time, cells, settings.workers)
        acquisitions = tuple(a for a in acquisitions if search.touches(a, area.geometry))
    if settings.reference == "auto":
        with _timed(seconds, "references"):
            report("finding references", 0, 1)
            acquisitions, missed = _with_references(settings, time, acquisitions)
            skipped += missed
    outline = shapely.to_wkb(area.in_crs(grid.crs))
    job = Job(acquisitions, time, area, outline, settings.speckle, network, conformal, settings.risk, rise)
    return job, skipped


def _aligned(
    settings: MapSettings, time: datetime, acquisitions: tuple[Acquisition, ...]
) -> tuple[Acquisition, ...]:
    """Against all that share ground with them; where an archive can't be asked for it, against one another."""
    try:
        others = search.beside(settings.catalog, acquisitions, time, settings.window, settings.sensors)
    except BadRequest:
        if Path(settings.catalog).exists():
            raise
        others = []
    return aligned(acquisitions, settings.workers, others)


def _terrain(
    settings: MapSettings, time: datetime, acquisitions: Sequence[Acquisition]
) -> Sequence[Acquisition]:
    """All terrain that the catalogue has beneath the radars; none where an archive can't be asked for it.

    What it gave for the area alone will not do: levels must not hang on the area asked for.
    """
    try:
        return prepare(search.terrain_beneath(settings.catalog, acquisitions, time))
    except BadRequest:
        if Path(settings.catalog).exists():
            raise
        return []


def _with_references(
    settings: MapSettings, time: datetime, acquisitions: Sequence[Acquisition]
) -> tuple[tuple[Acquisition, ...], list[str]]:
    """The acquisitions with their dry references, and a sentence where an archive can't be asked for them.

    A map can be made without: what an archive does not give is left out, as it is with scenes.
    """
    since, until = reference.before_the_flood(time, settings.window, settings.reference_days)
    sensors = [a.sensor for a in acquisitions]
    ground = search.ground_of(acquisitions)
    if ground is None:
        return tuple(acquisitions), []
    try:
        earlier = search.find_earlier(settings.catalog, ground, since, until, sensors)
        attached = reference.attach(acquisitions, earlier, prepare)
        return told_cold(attached, settings.workers), []
    except BadRequest as error:
        if Path(settings.catalog).exists():
            raise
        return tuple(acquisitions), [f"No dry references: {error}"]


def _prepared(found: Sequence[Acquisition], may_skip: bool) -> tuple[tuple[Acquisition, ...], list[str]]:
    """Checked acquisitions, and a sentence for each that was left out.

    What is wrong with a file of one's own is to be mended; a scene of an archive can only be done without.
    """
    if not may_skip:
        return tuple(prepare(found)), []
    good: list[Acquisition] = []
    skipped: list[str] = []
    for acquisition in found:
        try:
            good += prepare([acquisition])
        except BadRequest as error:
            skipped.append(f"Left out {acquisition.id}: {error}")
    if not any(a.sensor is not Sensor.TERRAIN for a in good):
        raise BadRequest("No scene found can be used. " + " ".join(skipped))
    return tuple(good), skipped


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    start = clock.perf_counter()
    yield
    seconds[step] = round(clock.perf_counter() - start, 2)


def _attributes(settings: MapSettings, acquisitions: tuple[Acquisition, ...]) -> dict[str, str]:
    synthetic = " SYNTHETIC" if any(a.synthetic for a in acquisitions) else ""
    return {
        "title": f"floodfuse flood map{synthetic}",
        "source": ", ".join(a.id for a in acquisitions),
        "product_time": settings.product_time().isoformat(),
        "fusion": settings.fusion,
    }


def _record(
    settings: MapSettings, job: Job, grid: Grid, tally: Tally, seconds: dict[str, float]
) -> RunRecord:
    if tally.pixels == 0:
        raise BadRequest(
            f"area '{job.area.source}': smaller than a pixel of {grid.resolution:g}. Give a finer --resolution or a larger area."
        )
    known = {name: count / tally.pixels for name, count in tally.known.items()}
    km2 = grid.pixel_km2
    authority = grid.crs.to_authority()
    flooded = sum(tally.classes[int(k)] for k in FLOOD_CLASSES)
    return RunRecord(
        floodfuse_version=version("floodfuse"),
        created=datetime.now(UTC).replace(microsecond=0),
        product_time=job.time,
        window_days=settings.window,
        fusion=settings.fusion,
        weights=job.network.record if job.network else None,
        risk=settings.risk,
        flood_rise=job.rise,
        sensors=[str(s) for s in settings.sensors],
        area_of_interest=shapely.geometry.mapping(job.area.geometry),
        catalog=settings.catalog,
        grid=GridRecord(
            crs=":".join(authority) if authority else grid.crs.to_wkt(),
            resolution=grid.resolution,
            transform=tuple(grid.transform)[:6],
            shape=grid.shape,
            block=settings.block_px,
        ),
        settings=settings.model_dump(mode="json"),
        inputs=[_input(a, job.time, tally) for a in job.acquisitions],
        classes=[
            ClassArea(
                value=int(k),
                label=legend.label,
                pixels=tally.classes[int(k)],
                area_km2=round(tally.classes[int(k)] * km2, 6),
                share=tally.classes[int(k)] / tally.pixels,
            )
            for k, legend in LEGEND.items()
        ],
        flooded_km2=round(flooded * km2, 6),
        expected_flooded_km2=round(tally.flooded * km2, 6),
        expected_ever_flooded_km2=round(tally.ever_flooded * km2, 6),
        advisories=_advisories(tally),
        observed_fraction=1.0 - tally.classes[int(MapClass.NOT_OBSERVED)] / tally.pixels,
        permanent_water_known=known.get("permanent_water", 0.0) >= _MOSTLY,
        terrain_known=known,
        synthetic=any(a.synthetic for a in job.acquisitions),
        warnings=_warnings(job, tally, known),
        parameters=_parameters(),
        seconds=dict(seconds),
    )


def _advisories(tally: Tally) -> list[FlagShare]:
    observed = max(tally.pixels - tally.classes[int(MapClass.NOT_OBSERVED)], 1)
    counts = {flag: tally.advisories[int(flag)] for flag in ADVISORY_LABELS}
    return [
        FlagShare(value=int(flag), label=label, pixels=counts[flag], share=counts[flag] / observed)
        for flag, label in ADVISORY_LABELS.items()
    ]


def _input(acquisition: Acquisition, time: datetime, tally: Tally) -> InputRecord:
    ground = acquisition.sensor is Sensor.TERRAIN
    return InputRecord(
        id=acquisition.id,
        sensor=str(acquisition.sensor),
        time=acquisition.time,
        age_hours=None if ground else round((time - acquisition.time).total_seconds() / 3600.0, 3),
        valid_fraction=None if ground else tally.seen[acquisition.id] / tally.pixels,
        radiometry=str(acquisition.radiometry) if acquisition.radiometry else None,
        assets={name: asset.href for name, asset in acquisition.assets.items()},
        acquisition=acquisition.model_dump(mode="json"),
    )


def _warnings(job: Job, tally: Tally, known: dict[str, float]) -> list[str]:
    radars = {a.collection or "" for a in job.acquisitions if a.sensor in RADARS}
    found = sorted(p.note for name, p in products.BY_COLLECTION.items() if name in radars)
    unseen = tally.classes[int(MapClass.NOT_OBSERVED)] / tally.pixels
    if unseen == 1.0:
        found.append("No sensor has a valid value anywhere in the area: all of it is 'not observed'.")
    elif unseen > 0.5:
        found.append(f"{unseen:.0%} of the area was not observed.")
    for layer, lack in _LACKS.items():
        share = known.get(layer, 0.0)
        if share < _MOSTLY:
            found.append(
                lack if share == 0.0 else f"On {1.0 - share:.0%} of the area: {lack[0].lower()}{lack[1:]}"
            )
    if job.network and known.get("hand", 0.0) < _MOSTLY:
        found.append(_UNSURE_NETWORK)
    if not any(a.sensor is Sensor.ALOS2 for a in job.acquisitions):
        found.append("No L-band radar: flooding under trees can't be seen.")
    return found


def _parameters() -> dict[str, Any]:
    """The physics' assumptions that shaped the map, so that a reader need not look them up in code."""
    return {
        "wet_from_probability": decision.WET_FROM,
        "prior_hand_scale_m": prior.HAND_SCALE_M,
        "permanent_water_from_percent": prior.PERMANENT_FROM_PERCENT,
        "outlier_share": likelihood.OUTLIER_SHARE,
        "sensor_cap_nats": evidence.SENSOR_CAP_NATS,
        "texture_correlation": correlation.TEXTURE_CORRELATION,
        "index_correlation": optical.INDEX_CORRELATION,
        "flood_rise_sd_nats": RISE_SD_NATS,
        "half_life_days": decay.HALF_LIFE_DAYS,
        "onset_per_day": decay.ONSET_PER_DAY,
    }
