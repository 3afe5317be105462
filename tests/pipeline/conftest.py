"""A small product as the pipeline leaves it before the other formats are written: `product.zarr` and `run.json`."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import rioxarray  # noqa: F401  (adds `.rio`)
import shapely
import xarray as xr
from affine import Affine
from pyproj import Transformer
from rasterio.crs import CRS

from floodfuse.harmonize.classes import (
    ADVISORY_LABELS,
    FLOOD_CLASSES,
    LEGEND,
    Advisory,
    Decider,
    Exclusion,
    MapClass,
)
from floodfuse.pipeline.product import (
    LAYERS,
    ZARR_FILE,
    ClassArea,
    FlagShare,
    GridRecord,
    InputRecord,
    RunRecord,
)

CRS_NAME = "EPSG:32630"
WEST, NORTH, PIXEL = 680_000.0, 4_206_000.0, 10.0
TIME = datetime(2019, 9, 13, 6, tzinfo=UTC)


def _classes(shape: tuple[int, int], flood: bool) -> np.ndarray:
    """A river that bursts its banks across the whole width, woods, a town, hills, and an unseen corner."""
    rows, columns = shape
    y, x = np.mgrid[0:rows, 0:columns] / np.array([rows, columns])[:, None, None]
    middle = 0.5 + 0.12 * np.sin(7 * x) + 0.04 * np.sin(23 * x)
    away = np.abs(y - middle)
    ragged = 0.03 * np.sin(61 * x + 9 * y) * np.sin(47 * y)
    classes = np.full(shape, MapClass.DRY_LAND, np.uint8)
    if flood:
        classes[away + ragged < 0.12] = MapClass.OPEN_FLOOD_WATER
        classes[(away + ragged < 0.16) & (x > 0.55) & (x < 0.8)] = MapClass.FLOODED_VEGETATION
        town = (np.hypot(x - 0.3, y - 0.36) < 0.07) & ((np.floor(x * 80) + np.floor(y * 80)) % 3 == 0)
        classes[town] = MapClass.FLOODED_URBAN
        ponds = np.random.default_rng(7).random(shape) < 0.003
        classes[ponds & (classes == MapClass.DRY_LAND)] = MapClass.OPEN_FLOOD_WATER
    classes[away < 0.03] = MapClass.PERMANENT_WATER
    classes[np.hypot(x - 0.85, y - 0.12) < 0.1] = MapClass.EXCLUDED
    classes[x + y < 0.12] = MapClass.NOT_OBSERVED
    return classes


def _layers(classes: np.ndarray) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    wet = np.isin(classes, [*FLOOD_CLASSES, MapClass.PERMANENT_WATER])
    unseen = classes == MapClass.NOT_OBSERVED
    probability = np.clip(np.where(wet, 0.9, 0.06) + rng.normal(0, 0.03, classes.shape), 0.001, 0.999)
    probability[unseen] = np.nan
    entropy = -probability * np.log2(probability) - (1 - probability) * np.log2(1 - probability)
    decider = np.full(classes.shape, Decider.SENTINEL1, np.uint8)
    decider[classes == MapClass.FLOODED_VEGETATION] = Decider.ALOS2
    decider[:, : classes.shape[1] // 4] = Decider.SENTINEL2
    decider[classes == MapClass.EXCLUDED] = Decider.PRIOR
    decider[unseen] = Decider.NONE
    exclusion = np.zeros(classes.shape, np.uint8)
    exclusion[classes == MapClass.EXCLUDED] = Exclusion.CANOPY_HIDES_GROUND | Exclusion.CLOUD
    exclusion[unseen] = Exclusion.NO_VALID_SENSOR
    conflict = np.where(unseen, np.nan, np.where(wet, 4.3, 0.8) + rng.normal(0, 0.1, classes.shape))
    advisory = np.zeros(classes.shape, np.uint16)
    advisory[classes == MapClass.EXCLUDED] = Advisory.CANOPY_TOO_DENSE_FOR_C | Advisory.EVIDENCE_OLD
    advisory[conflict > 4.4] |= np.uint16(Advisory.CHANGED_BETWEEN_PASSES)
    return {
        "flood_class": classes,
        "probability": probability.astype(np.float32),
        "uncertainty": entropy.astype(np.float32),
        "deciding_sensor": decider,
        "sensor_count": np.where(unseen, 0, 2).astype(np.uint8),
        "evidence_age": np.where(unseen, np.nan, 4.0 + 30.6 * (decider == Decider.ALOS2)).astype(np.float32),
        "exclusion": exclusion,
        "ever_flooded": (1.0 - 0.9 * (1.0 - probability)).astype(np.float32),
        "conflict": conflict.astype(np.float32),
        "advisory": advisory,
    }


def _inputs() -> list[InputRecord]:
    seen = [
        ("sentinel1", 4.0, "gamma0", "vv"),
        ("alos2", 34.6, "gamma0", "hh"),
        ("sentinel2", -19.0, None, "green"),
    ]
    inputs = [
        InputRecord(
            id=f"{sensor}-2019",
            sensor=sensor,
            time=TIME - timedelta(hours=age),
            age_hours=age,
            valid_fraction=0.94,
            radiometry=radiometry,
            assets={asset: f"/archive/{sensor}/{asset}.tif"},
            acquisition={"id": f"{sensor}-2019"},
        )
        for sensor, age, radiometry, asset in seen
    ]
    terrain = InputRecord(
        id="terrain",
        sensor="terrain",
        time=TIME,
        age_hours=None,
        valid_fraction=None,
        radiometry=None,
        assets={"dem": "https://example.org/dem.tif"},
        acquisition={},
    )
    return [*inputs, terrain]


def _flags(layers: dict[str, np.ndarray]) -> list[FlagShare]:
    observed = max(int((layers["flood_class"] != MapClass.NOT_OBSERVED).sum()), 1)
    counts = {flag: int(((layers["advisory"] & np.uint16(flag)) > 0).sum()) for flag in ADVISORY_LABELS}
    return [
        FlagShare(value=flag, label=ADVISORY_LABELS[flag], pixels=n, share=n / observed)
        for flag, n in counts.items()
    ]


def _record(layers: dict[str, np.ndarray], synthetic: bool) -> RunRecord:
    classes, probability = layers["flood_class"], layers["probability"]
    rows, columns = classes.shape
    km2 = PIXEL**2 / 1e6
    counts = {c: int((classes == c).sum()) for c in MapClass}
    box = shapely.box(WEST, NORTH - rows * PIXEL, WEST + columns * PIXEL, NORTH)
    to_degrees = Transformer.from_crs(CRS_NAME, "OGC:CRS84", always_xy=True)
    area = shapely.transform(box, lambda xy: np.column_stack(to_degrees.transform(*xy.T)))
    return RunRecord(
        floodfuse_version="0.1.0",
        created=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        product_time=TIME,
        window_days=10.0,
        fusion="bayes",
        sensors=["sentinel1", "alos2", "sentinel2"],
        area_of_interest=shapely.geometry.mapping(area),
        catalog="/archive/catalog.json",
        grid=GridRecord(
            crs=CRS_NAME,
            resolution=PIXEL,
            transform=(PIXEL, 0.0, WEST, 0.0, -PIXEL, NORTH),
            shape=(rows, columns),
            block=512,
        ),
        settings={"fusion": "bayes", "resolution": 10},
        inputs=_inputs(),
        classes=[
            ClassArea(value=c, label=LEGEND[c].label, pixels=n, area_km2=n * km2, share=n / classes.size)
            for c, n in counts.items()
        ],
        flooded_km2=sum(counts[c] for c in FLOOD_CLASSES) * km2,
        expected_flooded_km2=float(np.nansum(probability[classes != MapClass.PERMANENT_WATER])) * km2,
        expected_ever_flooded_km2=float(
            np.nansum(layers["ever_flooded"][classes != MapClass.PERMANENT_WATER])
        )
        * km2,
        advisories=_flags(layers),
        observed_fraction=1 - counts[MapClass.NOT_OBSERVED] / classes.size,
        permanent_water_known=True,
        synthetic=synthetic,
        warnings=["alos2-2019: 34.6 h before the product; water may have moved since."],
        parameters={"sentinel1": {"looks": 4.4}, "prior_flood": 0.05},
        seconds={"ingest": 1.5},
    )


def write_product(
    folder: Path,
    shape: tuple[int, int] = (300, 420),
    *,
    flood: bool = True,
    synthetic: bool = True,
    chunk: int = 512,
) -> Path:
    """Write `product.zarr` and `run.json` into `folder`, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    layers = _layers(_classes(shape, flood))
    rows, columns = shape
    data = xr.Dataset(
        {
            name: (("y", "x"), values, {"units": LAYERS[name].units, "long_name": LAYERS[name].long_name})
            for name, values in layers.items()
        },
        coords={
            "y": NORTH - PIXEL * (np.arange(rows) + 0.5),
            "x": WEST + PIXEL * (np.arange(columns) + 0.5),
        },
    )
    data = data.rio.write_crs(CRS.from_user_input(CRS_NAME))
    data = data.rio.write_transform(Affine(PIXEL, 0, WEST, 0, -PIXEL, NORTH))
    encoding = {
        name: {"chunks": (min(chunk, rows), min(chunk, columns)), "fill_value": LAYERS[name].fill}
        for name in LAYERS
    }
    data.to_zarr(folder / ZARR_FILE, mode="w", zarr_format=3, consolidated=False, encoding=encoding)
    import zarr

    with pytest.warns(match="onsolidated"):
        zarr.consolidate_metadata(folder / ZARR_FILE, zarr_format=3)
    _record(layers, synthetic).save(folder)
    return folder


@pytest.fixture(scope="session")
def make_product() -> Callable[..., Path]:
    """`write_product`, for tests that want a product of their own."""
    return write_product
