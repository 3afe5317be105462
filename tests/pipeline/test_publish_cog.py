"""The GeoTIFFs: valid, described, and the same values as `product.zarr`."""

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import rasterio
import xarray as xr
from rio_cogeo.cogeo import cog_validate

from floodfuse.harmonize.classes import (
    ADVISORY_LABELS,
    DECIDER_LABELS,
    EXCLUSION_LABELS,
    LEGEND,
    MapClass,
)
from floodfuse.pipeline.product import DIAGNOSTICS_FILE, FLOOD_FILE, PROBABILITY_FILE, ZARR_FILE
from floodfuse.pipeline.publish.cog import AGE_NODATA, CONFLICT_STEP, write_rasters

RASTERS = (FLOOD_FILE, PROBABILITY_FILE, DIAGNOSTICS_FILE)


@pytest.fixture(scope="module")
def folder(make_product: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A product larger than a tile of the GeoTIFF, so that it has overviews, and not a multiple of it."""
    made = make_product(tmp_path_factory.mktemp("cog") / "product", (700, 1100), chunk=256)
    write_rasters(made)
    return made


@pytest.fixture(scope="module")
def layers(folder: Path) -> xr.Dataset:
    opened: xr.Dataset = xr.open_zarr(folder / ZARR_FILE, chunks=None, mask_and_scale=False)
    return opened


@pytest.mark.parametrize("name", RASTERS)
def test_is_a_strictly_valid_cog_with_overviews(folder: Path, name: str) -> None:
    valid, errors, warnings = cog_validate(folder / name, strict=True)
    assert (valid, errors, warnings) == (True, [], [])
    with rasterio.open(folder / name) as source:
        assert source.overviews(1)
        assert source.crs.to_epsg() == 32630


def test_flood_has_values_palette_and_names(folder: Path, layers: xr.Dataset) -> None:
    with rasterio.open(folder / FLOOD_FILE) as source:
        assert source.dtypes == ("uint8",)
        assert source.nodata == MapClass.NOT_OBSERVED
        np.testing.assert_array_equal(source.read(1), layers["flood_class"])
        colours = source.colormap(1)
        notes = source.tags(1)
        assert source.tags()["SYNTHETIC"].startswith("yes")
    for map_class, entry in LEGEND.items():
        assert colours[int(map_class)] == entry.rgba
        assert notes[f"CLASS_{int(map_class)}"].startswith(entry.label)


def test_category_names_are_where_gdal_looks_for_them(folder: Path) -> None:
    sidecar = ET.parse(folder / f"{FLOOD_FILE}.aux.xml").getroot()
    names = [category.text or "" for category in sidecar.iter("Category")]
    assert len(names) == 256
    assert {v: name for v, name in enumerate(names) if name} == {int(c): e.label for c, e in LEGEND.items()}


def test_flood_overviews_hold_only_classes_of_the_map(folder: Path) -> None:
    with rasterio.open(folder / FLOOD_FILE, overview_level=0) as source:
        assert set(np.unique(source.read(1))) <= {int(c) for c in MapClass}


def test_probability_is_between_0_and_1_and_missing_where_not_observed(
    folder: Path, layers: xr.Dataset
) -> None:
    with rasterio.open(folder / PROBABILITY_FILE) as source:
        assert source.descriptions == ("probability", "uncertainty", "ever_flooded")
        assert source.units[1] == "bit"
        assert np.isnan(source.nodata)
        probability, uncertainty, ever = source.read()
    np.testing.assert_array_equal(probability, layers["probability"])
    np.testing.assert_array_equal(uncertainty, layers["uncertainty"])
    np.testing.assert_array_equal(ever, layers["ever_flooded"])
    unseen = layers["flood_class"].to_numpy() == MapClass.NOT_OBSERVED
    np.testing.assert_array_equal(np.isnan(probability), unseen)
    assert np.nanmin(probability) >= 0 and np.nanmax(probability) <= 1


def test_diagnostics_are_described(folder: Path, layers: xr.Dataset) -> None:
    with rasterio.open(folder / DIAGNOSTICS_FILE) as source:
        assert source.descriptions == (
            "deciding_sensor",
            "sensor_count",
            "evidence_age",
            "exclusion",
            "conflict",
            "advisory",
        )
        assert source.units[2] == "hour"
        assert source.nodata == AGE_NODATA
        decider, count, age, exclusion, conflict, advisory = source.read()
        legends = [source.tags(band) for band in (1, 4, 6)]
        assert source.scales == (1.0, 1.0, 1.0, 1.0, CONFLICT_STEP, 1.0)
    for band, layer in (
        (decider, "deciding_sensor"),
        (count, "sensor_count"),
        (exclusion, "exclusion"),
        (advisory, "advisory"),
    ):
        np.testing.assert_array_equal(band, layers[layer])
    assert set(np.unique(advisory)) > {0}
    nats = layers["conflict"].to_numpy()
    np.testing.assert_array_equal(conflict == AGE_NODATA, np.isnan(nats))
    told = np.isfinite(nats)
    np.testing.assert_allclose(
        conflict[told] * CONFLICT_STEP, np.maximum(nats[told], 0.0), atol=CONFLICT_STEP / 2 + 1e-5
    )
    hours = layers["evidence_age"].to_numpy()
    np.testing.assert_array_equal(age == AGE_NODATA, np.isnan(hours))
    np.testing.assert_allclose(age[age != AGE_NODATA], hours[np.isfinite(hours)], atol=0.5)
    assert {legends[0][f"VALUE_{int(d)}"] for d in DECIDER_LABELS} == set(DECIDER_LABELS.values())
    for bit, label in EXCLUSION_LABELS.items():
        assert legends[1][f"BIT_{int(bit).bit_length() - 1}"] == f"{int(bit)}: {label}"
    for flag, label in ADVISORY_LABELS.items():
        assert legends[2][f"BIT_{int(flag).bit_length() - 1}"] == f"{int(flag)}: {label}"


def test_leaves_nothing_but_its_files(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [*RASTERS, f"{FLOOD_FILE}.aux.xml", ZARR_FILE, "run.json"]
    )


def test_a_product_smaller_than_a_tile_is_valid_too(
    make_product: Callable[..., Path], tmp_path: Path
) -> None:
    write_rasters(make_product(tmp_path / "small", (7, 5)))
    for name in RASTERS:
        assert cog_validate(tmp_path / "small" / name, strict=True)[0]
