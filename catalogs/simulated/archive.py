"""Write a whole synthetic archive: three sensors and terrain as native products, the truth, and a STAC catalogue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from floodfuse.catalogs import static
from floodfuse.catalogs.acquisition import OBSERVING, RADARS, Acquisition, Sensor
from floodfuse.catalogs.simulated import native
from floodfuse.catalogs.simulated.files import write_truth
from floodfuse.catalogs.simulated.flood import Flood, make_flood, without_flood
from floodfuse.catalogs.simulated.landscape import make_landscape
from floodfuse.catalogs.simulated.lattice import Lattice, scene_lattice
from floodfuse.catalogs.simulated.mechanisms import place
from floodfuse.catalogs.simulated.native import PRODUCT_TIME
from floodfuse.catalogs.simulated.radar import Overpass
from floodfuse.catalogs.simulated.scenario import Scenario, days_before

SMALLEST, LARGEST = 256, 8192
SCENARIO_FILE = "scenario.json"
_USUAL = Scenario()
_AOI_MARGIN_PIXELS = 6


@dataclass(frozen=True)
class Archive:
    """What `write_archive` wrote.

    Attributes
    ----------
    folder
        Holds everything below.
    catalog
        STAC catalogue, `catalog.json`.
    truth
        True map at `time`, values of `MapClass`, on the 10 m lattice.
    aoi
        Area to map, GeoJSON; its `date` property is `time`.
    time
        The time to map.
    seed
        Of the random fields.
    size
        Side of the 10 m lattice, pixels.
    """

    folder: Path
    catalog: Path
    truth: Path
    aoi: Path
    time: datetime
    seed: int
    size: int

    @property
    def request(self) -> dict[str, str]:
        """What `map` is asked for to map all of it, but for where to: settings by name."""
        return {
            "area": str(self.aoi),
            "date": self.time.isoformat(),
            "catalog": str(self.folder),
        }


def write_archive(folder: Path, size: int = 1024, seed: int = 0, scenario: Scenario = _USUAL) -> Archive:
    """Simulate a scene and write it as products of Sentinel-1, PALSAR-2 and Sentinel-2, with terrain and truth.

    What is true of it that a map can't know, the misregistration of each sensor above all, is in `scenario.json`.

    Parameters
    ----------
    folder
        Where to; made where there is none. Files of the same name are replaced.
    size
        Side of the scene in pixels of 10 m, even, 256 to 8192.
    seed
        The same seed, size and scenario always give the same values.
    scenario
        What kind of scene; by default a flood, and no references before it.

    Raises
    ------
    ValueError
        If `size` is odd or out of range, or `seed` is negative.
    """
    if not SMALLEST <= size <= LARGEST or size % 2:
        raise ValueError(
            f"size {size}: a simulated scene has an even number of pixels, {SMALLEST} to {LARGEST}"
        )
    if seed < 0:
        raise ValueError(f"seed {seed}: a seed is a whole number of 0 or more")
    scene = scene_lattice(size)
    flood = make_scene(scene, seed, scenario)
    acquisitions = list(_written(folder, flood, seed, scenario))
    time = PRODUCT_TIME.strftime("%Y-%m-%dT%H:%M:%SZ")
    truth = write_truth(folder / "truth.tif", flood.truth_at(), scene, time)
    aoi = _write_aoi(folder / "aoi.geojson", scene, time, seed)
    _write_scenario(folder / SCENARIO_FILE, scenario, size, seed)
    return Archive(folder, static.add(folder, acquisitions), truth, aoi, PRODUCT_TIME, seed, size)


def make_scene(scene: Lattice, seed: int, scenario: Scenario = _USUAL) -> Flood:
    """The ground of a scenario and the water on it."""
    landscape = make_landscape(scene, seed)
    flood = make_flood(landscape, seed) if scenario.flooded else without_flood(landscape)
    return place(flood, scenario.mechanisms, seed)


def _written(folder: Path, flood: Flood, seed: int, scenario: Scenario) -> Iterator[Acquisition]:
    """Each product, once it is written: terrain, the radars with their references, the camera."""
    yield native.write_terrain(folder, flood)
    dry = without_flood(flood.landscape)
    for sensor in RADARS:
        write = native.write_sentinel1 if sensor is Sensor.SENTINEL1 else native.write_palsar2
        for number in range(scenario.references + 1):
            overpass = Overpass(
                number=number,
                days_before=days_before(sensor, number),
                shift_px=scenario.shift_of(sensor, seed),
                artefacts=scenario.artefacts,
            )
            yield write(folder, dry if number else flood, seed, overpass, scenario.world)
    yield native.write_sentinel2(folder, flood, seed, scenario.shift_of(Sensor.SENTINEL2, seed))


def _write_scenario(file: Path, scenario: Scenario, size: int, seed: int) -> None:
    """What was asked for, and the shifts that were drawn."""
    shifts = {str(sensor): scenario.shift_of(sensor, seed) for sensor in OBSERVING}
    record = {"synthetic": True, "size": size, "seed": seed, **asdict(scenario), "shift_px": shifts}
    file.write_text(json.dumps(record, indent=2) + "\n")


def _write_aoi(file: Path, scene: Lattice, time: str, seed: int) -> Path:
    """The scene less a few pixels along its edge, with the time to map."""
    feature = {
        "type": "Feature",
        "properties": {"date": time, "synthetic": True, "seed": seed},
        "geometry": scene.footprint(margin=_AOI_MARGIN_PIXELS * scene.resolution),
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}, indent=2) + "\n")
    return file
