"""Calibration to the acquisition: what its own footprint tells of wind and dry ground, never what the area asked for shows.

Windows spread over the whole footprint are read at a few native pixels a sample. What is found goes into the acquisition, so that it
is stored with the product, and is kept for the rest of the process: a batch over many areas estimates a scene once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import pyproj
import shapely
import xarray as xr
from numpy.typing import NDArray

from floodfuse.catalogs.acquisition import RADARS, Acquisition
from floodfuse.harmonize.classes import EvidenceClass
from floodfuse.harmonize.densities import GroundLevel
from floodfuse.harmonize.joint import Floor
from floodfuse.harmonize.radiometry import total_power
from floodfuse.harmonize.scene_levels import Samples, ground_levels
from floodfuse.harmonize.wind_regime import WindRegime, wind_regime
from floodfuse.pipeline.area import Area
from floodfuse.pipeline.grid import Grid, utm_of
from floodfuse.pipeline.ground import prior_of
from floodfuse.pipeline.ingest.kept_open import keeping_open
from floodfuse.pipeline.ingest.reading import geometry_of, opened, pixels_per_pixel, stamps
from floodfuse.pipeline.looks import looks_on
from floodfuse.pipeline.scene import node_path, read_scene
from floodfuse.pipeline.weigh import channels_of, incidence_sd_deg

NATIVE_PER_SAMPLE = 4
WINDOW_SAMPLES = 32  # a side
MOST_WINDOWS = 64  # 8 x 8 over a whole Sentinel-1 scene: 65 536 samples, a million native pixels

Float = NDArray[np.float64]
Known = tuple[tuple[str, tuple[str, ...]], ...]
"""Of each terrain layer all that is stated, and when its files last changed."""


def calibrated(
    acquisitions: Sequence[Acquisition], workers: int = 2, terrain: Sequence[Acquisition] = ()
) -> tuple[Acquisition, ...]:
    """The same prepared acquisitions, radars with the levels of dry ground, dual-polarized ones with their wind regime.

    Radars with one polarization keep the usual winds: a bright co-polarization alone does not tell windy water from soil.

    Parameters
    ----------
    terrain : prepared layers, all that lie beneath the radars' footprints and not only beneath the area that is mapped
    """
    ground = tuple((a.model_dump_json(), stamps(a)) for a in terrain)
    with keeping_open(), ThreadPoolExecutor(workers) as pool:
        return tuple(pool.map(lambda a: _calibrated(a, ground), acquisitions))


def _calibrated(acquisition: Acquisition, ground: Known) -> Acquisition:
    if acquisition.sensor not in RADARS:
        return acquisition
    wind, levels = _told(acquisition.model_dump_json(), stamps(acquisition), ground)
    update: dict[str, object] = {"ground_levels": levels}
    if wind is not None:
        update["water_weights"] = tuple(round(w, 6) for w in wind.weights)
    return acquisition.model_copy(update=update)


@lru_cache(maxsize=256)
def _told(
    acquisition_json: str, _: tuple[str, ...], ground: Known
) -> tuple[WindRegime | None, tuple[GroundLevel, ...]]:
    """By everything that is known of the acquisition and when its files last changed: read in another way it is another."""
    acquisition = Acquisition.model_validate_json(acquisition_json)
    terrain = [Acquisition.model_validate_json(known) for known, _ in ground]
    channels = channels_of(acquisition)
    floors = tuple(Floor(name, acquisition.nesz_db[pol]) for name, pol in channels.items())
    if len(floors) < 2 and not terrain:
        return None, ()
    samples = _samples(acquisition, terrain, tuple(channels.values()))
    levels = ground_levels(samples, floors)
    if len(floors) < 2:
        return None, levels
    first, second = samples.total_power
    wind = wind_regime(
        (first, second), samples.incidence_deg, floors, samples.looks, incidence_sd_deg(acquisition), levels
    )
    return wind, levels


def _samples(acquisition: Acquisition, terrain: Sequence[Acquisition], pols: Sequence[str]) -> Samples:
    """Samples of an acquisition from windows all over it, and what the ground beneath is."""
    powers: list[list[Float]] = [[np.empty(0)] for _ in pols]
    angles, shares = [np.empty(0)], [np.empty((0, len(EvidenceClass)))]
    looks, side_m = float(acquisition.looks or 1.0), 0.0
    for grid in footprint_windows(acquisition, NATIVE_PER_SAMPLE, WINDOW_SAMPLES):
        looks, side_m = looks_on(acquisition, grid), grid.metres_per_pixel
        scene = read_scene([acquisition, *terrain], grid)
        node = scene[node_path(acquisition)].dataset
        below = scene["terrain"].dataset if terrain else xr.Dataset()
        theta = node["incidence"].values.astype(float)
        for which, pol in enumerate(pols):
            subtracted = acquisition.noise_subtracted(pol)
            total = total_power(node[pol].values, subtracted, theta)
            powers[which].append(np.asarray(total, float).ravel())
        angles.append(theta.ravel())
        shares.append(prior_of(below, grid.shape).reshape(-1, len(EvidenceClass)).astype(float))
    whole = tuple(np.concatenate(parts) for parts in powers)
    return Samples(whole, np.concatenate(angles), np.concatenate(shares), side_m, looks)


def footprint_windows(
    acquisition: Acquisition, native_per_sample: int, samples: int, most_windows: int = MOST_WINDOWS
) -> Iterator[Grid]:
    """Windows of so many samples a side, spread evenly over an acquisition's footprint, in its UTM zone.

    They lie side by side on the absolute lattice; of those that meet the footprint every n-th along rows and columns is
    taken, so that there are at most so many.
    """
    area = Area(acquisition.outline, acquisition.id)
    crs = utm_of(area)
    resolution = native_per_sample * _native_m(acquisition, crs)
    outline = area.in_crs(crs)
    side = samples * resolution
    west, south, east, north = outline.bounds
    columns = np.arange(int(np.floor(west / side)), int(np.ceil(east / side)))
    rows = np.arange(int(np.floor(-north / side)), int(np.ceil(-south / side)))
    most = int(np.sqrt(most_windows))
    for row in _spread(rows, most):
        for column in _spread(columns, most):
            box = shapely.box(column * side, -(row + 1) * side, (column + 1) * side, -row * side)
            if outline.intersects(box):
                yield Grid(
                    crs,
                    resolution,
                    int(row) * samples,
                    int(column) * samples,
                    samples,
                    samples,
                )


def _spread(places: NDArray[np.int_], most: int) -> NDArray[np.int_]:
    """At most so many of them, evenly spread."""
    if places.size <= most:
        return places
    return places[np.linspace(0, places.size - 1, most).round().astype(int)]


def _native_m(acquisition: Acquisition, crs: pyproj.CRS) -> float:
    """Native pixel size [m], rounded so that like rasters share a lattice."""
    asset = acquisition.assets[acquisition.polarizations[0]]
    with opened(asset) as dataset:
        geometry = geometry_of(dataset, asset.href)
    across, down = pixels_per_pixel(geometry, Grid(crs, 10.0, 0, 0, 1, 1))
    return max(round(10.0 / max(across, down)), 1)
