"""Evidence of a scene: which acquisition speaks, how age weakens it, and that absent is the same as not supplied."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio

from floodfuse.catalogs.acquisition import Acquisition, Asset, Radiometry, Scale, Sensor
from floodfuse.harmonize.classes import Decider, EvidenceClass
from floodfuse.models.bayes import fuse
from floodfuse.pipeline import ground
from floodfuse.pipeline.grid import Grid
from floodfuse.pipeline.looks import looks_on
from floodfuse.pipeline.scene import prepare, read_scene
from floodfuse.pipeline.weigh import Evidence, weigh

GRID = Grid(pyproj.CRS("EPSG:32630"), 10.0, -462_000, 66_000, 48, 48)
TIME = datetime(2024, 3, 12, 12, tzinfo=UTC)
OUTLINE = {"type": "Polygon", "coordinates": [[[-2, 41], [0, 41], [0, 42], [-2, 42], [-2, 41]]]}


def write(file: Path, values: np.ndarray, resolution: float = 10.0) -> str:
    transform = rasterio.Affine(resolution, 0, GRID.transform.c, 0, -resolution, GRID.transform.f)
    height, width = values.shape
    with rasterio.open(
        file, "w", "GTiff", width, height, 1, "EPSG:32630", transform, values.dtype, nodata=np.nan
    ) as dataset:
        dataset.write(values, 1)
    return str(file)


def radar(folder: Path, name: str, db: float, hours: float, hole: bool = False) -> Acquisition:
    """A Sentinel-1 acquisition of one level everywhere, its left half missing if there is a hole."""
    values = np.full(GRID.shape, 10 ** (db / 10), np.float32)
    if hole:
        values[:, :24] = np.nan
    return Acquisition(
        id=name,
        sensor=Sensor.SENTINEL1,
        time=TIME + timedelta(hours=hours),
        footprint=OUTLINE,
        assets={"vv": Asset(href=write(folder / f"{name}.tif", values))},
        radiometry=Radiometry.GAMMA0,
        scale=Scale.POWER,
        incidence_deg=38.0,
    )


def weighed(*acquisitions: Acquisition) -> dict[Decider, Evidence]:
    ready = prepare(acquisitions)
    return weigh(ready, read_scene(ready, GRID), GRID, TIME)


def water_over_soil(e: Evidence) -> np.ndarray:
    return e.nats[..., EvidenceClass.OPEN_WATER] - e.nats[..., EvidenceClass.BARE_SOIL]


def test_the_nearest_in_time_speaks_and_an_older_one_fills_its_holes(tmp_path: Path) -> None:
    near, far = radar(tmp_path, "near", -20.0, -2, hole=True), radar(tmp_path, "far", -8.0, -40)
    found = weighed(near, far)[Decider.SENTINEL1]
    assert (found.age_hours[:, 24:] == 2.0).all()
    assert (found.age_hours[:, :24] == 40.0).all()
    assert (water_over_soil(found)[:, 26:] > 0).all()
    assert (water_over_soil(found)[:, :22] < 0).all()
    assert found.seen["near"][:, 24:].all() and not found.seen["near"][:, :24].any()


def test_age_weakens_evidence_and_never_turns_it(tmp_path: Path) -> None:
    strength = [
        float(
            water_over_soil(weighed(radar(tmp_path, f"a{hours}", -20.0, -hours))[Decider.SENTINEL1])[20, 20]
        )
        for hours in (0, 24, 72, 240)
    ]
    assert strength == sorted(strength, reverse=True)
    assert strength[-1] > 0.0


def test_before_and_after_weigh_the_same(tmp_path: Path) -> None:
    before = weighed(radar(tmp_path, "before", -20.0, -30))[Decider.SENTINEL1]
    after = weighed(radar(tmp_path, "after", -20.0, 30))[Decider.SENTINEL1]
    assert np.array_equal(before.nats, after.nats)


def test_a_sensor_without_values_equals_one_not_supplied_to_the_last_bit(tmp_path: Path) -> None:
    seen = radar(tmp_path, "seen", -17.0, -5)
    reflectance = write(tmp_path / "nothing.tif", np.full(GRID.shape, np.nan, np.float32))
    clouded = Acquisition(
        id="clouded",
        sensor=Sensor.SENTINEL2,
        time=TIME,
        footprint=OUTLINE,
        assets={"green": Asset(href=reflectance), "nir": Asset(href=reflectance)},
        radiometry=Radiometry.REFLECTANCE,
    )
    share = ground.prior_of(read_scene([], GRID).to_dataset(), GRID.shape)
    alone = fuse({who: e.nats for who, e in weighed(seen).items()}, share)
    with_clouds = fuse({who: e.nats for who, e in weighed(seen, clouded).items()}, share)
    for name in alone._fields:
        assert np.array_equal(getattr(alone, name), getattr(with_clouds, name)), name


@pytest.mark.parametrize(("resolution", "expected"), [(10.0, 4.4), (5.0, 4.4), (2.5, 4.4 * 4)])
def test_averaging_native_pixels_gains_looks_but_not_one_for_each(
    tmp_path: Path, resolution: float, expected: float
) -> None:
    """2.5 m pixels on 10 m: 16 are averaged, a quarter counts."""
    n = int(480 / resolution)
    values = np.full((n, n), 0.1, np.float32)
    acquisition = radar(tmp_path, "x", -10.0, 0).model_copy(
        update={"assets": {"vv": Asset(href=write(tmp_path / "fine.tif", values, resolution))}, "looks": 4.4}
    )
    assert looks_on(acquisition, GRID) == pytest.approx(expected)


def test_a_lower_noise_floor_makes_dark_values_say_more(tmp_path: Path) -> None:
    dark = radar(tmp_path, "dark", -26.0, 0)
    quiet = weighed(dark.model_copy(update={"nesz_db": {"vv": -35.0}}))[Decider.SENTINEL1]
    noisy = weighed(dark.model_copy(update={"nesz_db": {"vv": -15.0}}))[Decider.SENTINEL1]
    assert water_over_soil(quiet)[20, 20] > water_over_soil(noisy)[20, 20] > 0.0
