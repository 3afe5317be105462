"""From area, time and catalogue to the acquisitions that a map is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import shapely
from shapely.geometry.base import BaseGeometry

from floodfuse.catalogs import archives, products, static
from floodfuse.catalogs.acquisition import RADARS, Acquisition, Sensor
from floodfuse.catalogs.errors import BadRequest
from floodfuse.pipeline.area import Area

_DAYS_NAMED = 3


def find(
    catalog: str,
    area: Area,
    time: datetime,
    window_days: float,
    sensors: Sequence[Sensor],
    around: Area | None = None,
) -> list[Acquisition]:
    """Acquisitions of the wanted sensors that touch the area within the window, nearest in time first.

    Where `around`, a wider area, is given, those that touch it are found as well. Terrain has no time. Order is by distance in time, then by id, so that it never depends on the catalogue's.

    Raises
    ------
    BadRequest
        If the catalogue can't be read, nothing touches the area, or nothing falls in the window; the message says
        where data is, or the nearest dates.
    """
    wanted = {*sensors, Sensor.TERRAIN}
    candidates = [a for a in _candidates(catalog, around or area, time, window_days) if a.sensor in wanted]
    observing = [a for a in candidates if a.sensor is not Sensor.TERRAIN]
    if not observing:
        raise BadRequest(
            f"{catalog}: holds nothing of {', '.join(sensors)}. `floodfuse catalog list` shows what it holds."
        )
    touching = [a for a in observing if touches(a, area.geometry)]
    if not touching:
        west, south, east, north = shapely.union_all([a.outline for a in observing]).bounds
        raise BadRequest(
            f"area '{area.source}': outside all data of {catalog}, which covers "
            f"{west:.4f},{south:.4f},{east:.4f},{north:.4f} (w,s,e,n)."
        )
    limit = timedelta(days=window_days)
    if not any(abs(a.time - time) <= limit for a in touching):
        raise BadRequest(
            f"date {time:%Y-%m-%d %H:%M} UTC: no data within {window_days:g} days. Nearest: "
            f"{_nearest(touching, time)}. Choose one of them with --date, or a wider --window."
        )
    near = [a for a in candidates if touches(a, (around or area).geometry)]
    chosen = [a for a in near if a.sensor is not Sensor.TERRAIN and abs(a.time - time) <= limit]
    terrain = [a for a in near if a.sensor is Sensor.TERRAIN]
    return sorted(chosen, key=lambda a: (abs(a.time - time), a.id)) + sorted(terrain, key=lambda a: a.id)


def beside(
    catalog: str, chosen: Sequence[Acquisition], time: datetime, window_days: float, sensors: Sequence[Sensor]
) -> list[Acquisition]:
    """Acquisitions within the window that share ground with the chosen ones, or with those that do, whatever the area.

    What is told of an acquisition against others is told over all of it, so those others may lie wholly outside the area.
    A catalogue on disk gives all it has; an archive is asked once for the ground of the chosen radars.
    """
    ground = ground_of(chosen)
    if ground is None:
        return []
    limit = timedelta(days=window_days)
    wanted = set(sensors) - {Sensor.TERRAIN}
    found = _candidates(catalog, ground, time, window_days)
    near = [a for a in found if a.sensor in wanted and abs(a.time - time) <= limit]
    return sorted(near, key=lambda a: (abs(a.time - time), a.id))


def terrain_beneath(catalog: str, chosen: Sequence[Acquisition], time: datetime) -> list[Acquisition]:
    """Terrain layers that share ground with the radars among the chosen ones, whatever the area."""
    ground = ground_of(chosen)
    if ground is None:
        return []
    found = [a for a in _candidates(catalog, ground, time, 0.0) if a.sensor is Sensor.TERRAIN]
    return sorted((a for a in found if touches(a, ground.geometry)), key=lambda a: a.id)


def ground_of(acquisitions: Sequence[Acquisition]) -> Area | None:
    """What the radars among them cover; None where there are none."""
    shapes = [a.outline for a in acquisitions if a.sensor in RADARS]
    return Area(shapely.union_all(shapes), "footprints") if shapes else None


def find_earlier(
    catalog: str, area: Area, since: datetime, until: datetime, sensors: Sequence[Sensor]
) -> list[Acquisition]:
    """Radar acquisitions between two moments, oldest first, that share ground with an area: that of what is to be mapped, all of it.

    None where the catalogue has none.
    """
    if since >= until:
        return []
    wanted = {sensor for sensor in sensors if sensor in RADARS}
    if "://" not in catalog and Path(catalog).exists():
        found: Iterable[Acquisition] = static.acquisitions(catalog, products.to_acquisition)
    else:
        archive = archives.known(catalog)
        radars = tuple(c for p in products.PRODUCTS if p.sensor in wanted for c in p.collections)
        if archive.collections:
            radars = tuple(c for c in archive.collections if c in radars)
            if not radars:
                return []
            archive = replace(archive, collections=radars)
        middle = since + (until - since) / 2
        found = archives.search(archive, area.geometry, middle, (until - since).total_seconds() / 172800.0)
    chosen = [
        a for a in found if a.sensor in wanted and since <= a.time <= until and touches(a, area.geometry)
    ]
    return sorted(chosen, key=lambda a: (a.time, a.id))


def _candidates(catalog: str, area: Area, time: datetime, window_days: float) -> Iterable[Acquisition]:
    if "://" not in catalog and Path(catalog).exists():
        return static.acquisitions(catalog, products.to_acquisition)
    if "://" in catalog or catalog in archives.ARCHIVES:
        return archives.search(catalog, area.geometry, time, window_days)
    raise BadRequest(
        f"catalog '{catalog}': no folder, file, URL or known archive ({', '.join(archives.ARCHIVES)}). "
        "Make one of your files with `floodfuse catalog add`, or of simulated scenes with `floodfuse catalog simulate`."
    )


def touches(acquisition: Acquisition, geometry: BaseGeometry) -> bool:
    """Whether the acquisition's footprint shares area with a geometry in degrees."""
    return bool(acquisition.outline.intersection(geometry).area > 0)


def _nearest(acquisitions: Iterable[Acquisition], time: datetime) -> str:
    nearest = sorted(acquisitions, key=lambda a: abs(a.time - time))[:_DAYS_NAMED]
    return ", ".join(f"{a.time:%Y-%m-%d} ({a.sensor})" for a in nearest)
