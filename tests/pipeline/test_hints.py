"""What flags rest on, from files to bits: stripes, snow, layover, frost; and that further passes fill only holes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from floodfuse.catalogs.acquisition import Acquisition, Asset, MaskConvention, Radiometry, Scale, Sensor
from floodfuse.harmonize.classes import Advisory, EvidenceClass
from floodfuse.harmonize.densities import class_mean_db
from floodfuse.pipeline.area import Area
from floodfuse.pipeline.cold import told_cold
from floodfuse.pipeline.execution import Job, map_block, weigh_block
from floodfuse.pipeline.grid import Grid
from floodfuse.pipeline.hints import merged
from floodfuse.pipeline.ingest.interference import striped
from floodfuse.pipeline.product import LAYERS
from floodfuse.pipeline.scene import prepare

SIDE, PIXEL = 192, 10.0
GRID = Grid(pyproj.CRS("EPSG:32630"), PIXEL, -462_000, 66_000, SIDE, SIDE)
TIME = datetime(2024, 3, 12, 12, tzinfo=UTC)
THETA = 38.0
WEST, NORTH = GRID.transform.c, GRID.transform.f
BOX = shapely.box(WEST, NORTH - SIDE * PIXEL, WEST + SIDE * PIXEL, NORTH)
_TO = Transformer.from_crs("EPSG:32630", "EPSG:4326", always_xy=True)
OUTLINE = shapely.transform(BOX, lambda xy: np.column_stack(_TO.transform(*xy.T)))
REFERENCES = 8
FOREST = np.zeros((SIDE, SIDE), bool)
FOREST[:, :96] = True
Values = NDArray[np.generic]


def write(file: Path, values: Values, pixel: float = PIXEL) -> Asset:
    height, width = values.shape
    where = rasterio.Affine(pixel, 0, WEST, 0, -pixel, NORTH)
    with rasterio.open(
        file, "w", "GTiff", width, height, 1, "EPSG:32630", where, values.dtype.name
    ) as target:
        target.write(values, 1)
    return Asset(href=str(file))


def level(channel: str, below_db: float = 0.0) -> NDArray[np.float64]:
    """Forest in the west and crops in the east, dB."""
    forest, crops = (
        float(class_mean_db(channel, k, THETA)) for k in (EvidenceClass.DRY_FOREST, EvidenceClass.DRY_LOW_VEG)
    )
    return np.where(FOREST, forest, crops) - below_db


def c_band(folder: Path, name: str, days: float, below_db: float = 0.0, **further: object) -> Acquisition:
    rng = np.random.default_rng(len(name) * 100 + ord(name[-1]))
    assets = {}
    for pol in ("vv", "vh"):
        speckle = rng.gamma(4.4, 1 / 4.4, FOREST.shape)
        power = 10 ** (level(f"C_{pol.upper()}", below_db) / 10) * speckle
        assets[pol] = write(folder / f"{name}-{pol}.tif", power.astype(np.float32))
    return radar(name, Sensor.SENTINEL1, days, assets).model_copy(update=further)


def radar(name: str, sensor: Sensor, days: float, assets: dict[str, Asset]) -> Acquisition:
    return Acquisition(
        id=name,
        sensor=sensor,
        time=TIME + timedelta(days=days),
        footprint=shapely.geometry.mapping(OUTLINE),
        assets=assets,
        radiometry=Radiometry.GAMMA0,
        scale=Scale.POWER,
        incidence_deg=THETA,
    )


def flags_of(*acquisitions: Acquisition, grid: Grid = GRID) -> NDArray[np.uint16]:
    return np.asarray(map_block(job_of(*acquisitions), grid)[0]["advisory"], np.uint16)


def job_of(*acquisitions: Acquisition) -> Job:
    return Job(acquisitions, TIME, Area(OUTLINE, "all"), shapely.to_wkb(BOX))


def terrain(folder: Path) -> Acquisition:
    cover = write(folder / "cover.tif", np.where(FOREST, 10, 40).astype(np.uint8))
    return Acquisition(
        id="ground",
        sensor=Sensor.TERRAIN,
        time=TIME,
        footprint=shapely.geometry.mapping(OUTLINE),
        assets={"landcover": cover},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hints")


@pytest.fixture(scope="module")
def l_band(folder: Path) -> Acquisition:
    """PALSAR-2 at 25 m with a stripe of interference in HV over two native rows."""
    rng = np.random.default_rng(8)
    n = 77
    assets = {}
    for pol, db in (("hh", -10.0), ("hv", -17.0)):
        power = 10 ** (db / 10) * rng.gamma(16.0, 1 / 16.0, (n, n))
        if pol == "hv":
            power[30:32] += 10**-1.2
        assets[pol] = write(folder / f"l-{pol}.tif", power.astype(np.float32), 25.0)
    return prepare([radar("l", Sensor.ALOS2, -0.5, assets)])[0]


def test_stripes_are_found_once_and_flagged_where_they_lie(l_band: Acquisition) -> None:
    assert l_band.striped_rows == ((30, 31),) and l_band.striped_columns == ()
    bits = flags_of(l_band)
    rows = np.flatnonzero(((bits & Advisory.RADIO_INTERFERENCE) > 0).all(axis=1))
    assert rows.tolist() == list(range(75, 80))  # 750 m to 800 m from the top
    stored = Acquisition.model_validate_json(l_band.model_dump_json())
    assert stored.striped_rows == l_band.striped_rows


def test_stripes_belong_to_the_acquisition_and_not_to_the_block(l_band: Acquisition) -> None:
    whole = striped(l_band, GRID)
    part = Grid(GRID.crs, PIXEL, GRID.row + 70, GRID.column + 40, 20, 30)
    assert np.array_equal(striped(l_band, part), whole[70:90, 40:70])
    assert not striped(l_band.model_copy(update={"striped_rows": ()}), GRID).any()


def test_snow_is_flagged_where_another_sensor_sees(folder: Path) -> None:
    scl = np.full(FOREST.shape, 4, np.uint8)
    scl[20:60, 20:60] = 11
    reflectance = write(folder / "reflectance.tif", np.full(FOREST.shape, 0.1, np.float32))
    eyes = Acquisition(
        id="eyes",
        sensor=Sensor.SENTINEL2,
        time=TIME,
        footprint=shapely.geometry.mapping(OUTLINE),
        assets={"green": reflectance, "nir": reflectance, "scl": write(folder / "scl.tif", scl)},
        radiometry=Radiometry.REFLECTANCE,
    )
    snowy = (flags_of(*prepare([c_band(folder, "s1", -0.2), eyes])) & Advisory.FROST_OR_WET_SNOW) > 0
    assert np.array_equal(snowy, scl == 11)
    assert not flags_of(*prepare([eyes]))[
        20:60, 20:60
    ].any()  # nothing is said there, so there is nothing to mind


def test_ground_beside_layover_is_flagged_the_same_in_any_block(folder: Path) -> None:
    mask = np.zeros(FOREST.shape, np.uint8)
    mask[64:70, 64:70] = 2
    seen = c_band(folder, "relief", -0.2, mask_convention=MaskConvention.OPERA_RTC)
    seen = seen.model_copy(update={"assets": seen.assets | {"mask": write(folder / "mask.tif", mask)}})
    (ready,) = prepare([seen])
    near = flags_of(ready) & Advisory.LAYOVER_OR_SHADOW_NEARBY > 0
    expected = np.zeros(FOREST.shape, bool)
    expected[61:73, 61:73], expected[63:71, 63:71] = (
        True,
        False,
    )  # masked and widened by one pixel: not observed
    assert np.array_equal(near, expected)
    corner = Grid(GRID.crs, PIXEL, GRID.row + 70, GRID.column + 70, 16, 16)
    assert np.array_equal(flags_of(ready, grid=corner), flags_of(ready)[70:86, 70:86])


@pytest.mark.parametrize(("below_db", "cold"), [(4.5, True), (0.0, False)])
def test_frost_darkens_all_the_scene_against_its_references(
    folder: Path, below_db: float, cold: bool
) -> None:
    earlier = prepare([c_band(folder, f"r{n}", -30.0 - 12.0 * n) for n in range(REFERENCES)])
    (now,) = prepare([c_band(folder, f"now{below_db:.0f}", -0.2, below_db)])
    (told,) = told_cold([now.model_copy(update={"references": tuple(earlier)})])
    assert told.cold is cold
    frost = flags_of(told, terrain(folder)) & Advisory.FROST_OR_WET_SNOW > 0
    assert frost.mean() > 0.7 if cold else frost.mean() < 0.02


def test_a_flood_of_the_fields_is_no_frost(folder: Path) -> None:
    earlier = prepare([c_band(folder, f"r{n}", -30.0 - 12.0 * n) for n in range(REFERENCES)])
    flooded = c_band(folder, "flood", -0.2)
    for pol, water_db in (("vv", -19.0), ("vh", -28.0)):
        with rasterio.open(flooded.assets[pol].href, "r+") as target:
            power = target.read(1)
            power[:, 96:] = 10 ** (water_db / 10)
            target.write(power, 1)
    (told,) = told_cold([prepare([flooded])[0].model_copy(update={"references": tuple(earlier)})])
    assert told.cold is False
    found = weigh_block(job_of(told, terrain(folder)), GRID)
    (evidence,) = found.evidence.values()
    assert np.nanmedian(evidence.hints["c_drop_db"][:, 100:]) > 6.0
    assert abs(np.nanmedian(evidence.hints["c_drop_db"][:, :92])) < 0.7
    assert (flags_of(told, terrain(folder)) & Advisory.FROST_OR_WET_SNOW > 0).mean() < 0.01


def test_a_scene_without_references_says_nothing_of_frost(folder: Path) -> None:
    (now,) = prepare([c_band(folder, "alone", -0.2, 5.0)])
    assert told_cold([now])[0] == now and now.cold is None
    assert not (flags_of(now) & Advisory.FROST_OR_WET_SNOW).any()


def test_further_passes_fill_holes_only() -> None:
    known = np.array([[True, False, False, False]])
    nan = float("nan")
    near = {"waves": np.array([[0.0, nan, nan, 1.0]], np.float32)}
    far = {
        "waves": np.array([[1.0, 1.0, nan, 0.0]], np.float32),
        "snow": np.array([[1.0, 1.0, nan, 0.0]], np.float32),
    }
    found = merged(near, known, far)
    assert list(found) == ["snow", "waves"]
    np.testing.assert_array_equal(found["waves"], [[0.0, 1.0, nan, 1.0]])
    np.testing.assert_array_equal(found["snow"], [[nan, 1.0, nan, 0.0]])


def test_water_of_an_earlier_pass_of_the_same_sensor_counts_for_ever_flooded_and_not_for_now(
    folder: Path,
) -> None:
    """Within a sensor the nearest pass speaks for now; what the other saw is kept for the question of ever."""
    now, before = c_band(folder, "dry", -0.2), c_band(folder, "wet", -5.0, 12.0)
    both, alone = (map_block(job_of(*prepare(list(given))), GRID)[0] for given in ((now, before), (now,)))
    crops = (slice(10, 180), slice(110, 180))
    assert np.array_equal(both["probability"], alone["probability"])
    ever, without = (np.asarray(found["ever_flooded"], np.float32) for found in (both, alone))
    assert np.median(ever[crops]) > np.median(without[crops]) + 0.15
    assert (ever >= np.asarray(both["probability"], np.float32)).all()


def test_every_layer_of_a_block_has_its_type(folder: Path) -> None:
    layers, tally = map_block(job_of(*prepare([c_band(folder, "types", -0.2)])), GRID)
    assert set(layers) == set(LAYERS)
    assert all(values.dtype == LAYERS[name].dtype for name, values in layers.items())
    assert sum(tally.advisories.values()) == sum(int(bits).bit_count() for bits in layers["advisory"].ravel())
    assert tally.ever_flooded >= tally.flooded > 0.0
