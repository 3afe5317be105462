"""Maps fused by networks: the extent, blocks and workers change nothing; what is published; what is explained."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from pyproj import Transformer

from floodfuse.catalogs.errors import BadRequest
from floodfuse.catalogs.simulated.archive import Archive, write_archive
from floodfuse.harmonize.classes import Decider, Exclusion, MapClass
from floodfuse.models.conformal import LEVELS, Conformal
from floodfuse.models.networks.build import NetworkSettings, Strategy
from floodfuse.models.weights.untrained import write_untrained
from floodfuse.pipeline.area import parse_area
from floodfuse.pipeline.explain import explain
from floodfuse.pipeline.grid import Grid
from floodfuse.pipeline.map_area import map_area
from floodfuse.pipeline.open_product import grid_of, load_record
from floodfuse.pipeline.product import WEIGHT_LAYERS, weight_layer
from floodfuse.pipeline.publish import zarr_store
from floodfuse.pipeline.settings import MapSettings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return write_archive(tmp_path_factory.mktemp("simulated") / "archive", size=320, seed=3)


def weights(folder: Path, strategy: Strategy, conformal: Conformal | None = None) -> Path:
    """A network with random weights; a gray box of these is Bayes' rule."""
    made = NetworkSettings(strategy=strategy, encoder="tu-resnet10t", fold=2, decoder=(16, 16, 8, 8, 8))
    return write_untrained(folder / f"{strategy}.safetensors", made, conformal)


def run(archive: Archive, out: Path, **more: object) -> Path:
    map_area(MapSettings.model_validate(archive.request | {"out": str(out)} | more))
    return out


def layers(product: Path) -> tuple[Grid, xr.Dataset]:
    return grid_of(load_record(product)), zarr_store.open_product(product).load()


@pytest.fixture(scope="module")
def attention(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weights(tmp_path_factory.mktemp("weights"), "attention")


@pytest.fixture(scope="module")
def whole(archive: Archive, attention: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "product"
    return run(archive, out, fusion="attention", weights=str(attention))


def without_heights(archive: Archive, folder: Path) -> Archive:
    """The same scene, of whose ground no height above drainage is known: the prior of Bayes' rule then follows no rise of the flood."""
    copied = Path(shutil.copytree(archive.folder, folder))
    file = copied / "items" / "synthetic-terrain.json"
    item = json.loads(file.read_text())
    del item["assets"]["hand"]
    file.write_text(json.dumps(item))
    return replace(archive, folder=copied)


def test_a_gray_box_that_has_not_learned_maps_as_bayes_rule_does(archive: Archive, tmp_path: Path) -> None:
    """Where heights are known as well, but for the rise of the flood, which networks have to see for themselves."""
    file = weights(tmp_path, "graybox")
    flat = without_heights(archive, tmp_path / "flat")
    _, physics = layers(run(flat, tmp_path / "bayes"))
    _, fused = layers(run(flat, tmp_path / "graybox", fusion="graybox", weights=str(file), block=448))
    np.testing.assert_allclose(fused["probability"], physics["probability"], atol=1e-5)
    for name in ("flood_class", "sensor_count", "exclusion", "advisory"):
        assert (fused[name].values == physics[name].values).mean() > 0.9999, name
    assert (fused["deciding_sensor"].values == physics["deciding_sensor"].values).mean() > 0.999


def test_blocks_workers_and_crops_change_nothing(
    archive: Archive, attention: Path, whole: Path, tmp_path: Path
) -> None:
    west, south, east, north = parse_area(str(archive.aoi)).bounds
    w, s = west + 0.4 * (east - west), south + 0.3 * (north - south)
    box = f"{w:.6f},{s:.6f},{w + 0.01:.6f},{s + 0.008:.6f}"
    given = {"fusion": "attention", "weights": str(attention)}
    others = [
        run(archive, tmp_path / "blocks", block=448, workers=1, **given),
        run(archive, tmp_path / "crop", area=box, block=448, workers=2, **given),
    ]
    a, one = layers(whole)
    for other in others:
        b, two = layers(other)
        top, left = b.row - a.row, b.column - a.column
        part = one.isel(y=slice(top, top + b.rows), x=slice(left, left + b.columns))
        both = np.isfinite(part["probability"].values) & np.isfinite(two["probability"].values)
        assert both.sum() > 5000
        for name in ("probability", "novelty", *map(weight_layer, WEIGHT_LAYERS)):
            np.testing.assert_allclose(part[name].values[both], two[name].values[both], atol=1e-5)
        assert (part["flood_class"].values == two["flood_class"].values)[both].mean() > 0.9999


def test_weights_are_told_where_something_was_seen_and_add_up_to_one(whole: Path) -> None:
    _, product = layers(whole)
    shares = np.stack([product[weight_layer(who)].values for who in WEIGHT_LAYERS])
    seen = product["sensor_count"].values > 0
    assert seen.any()
    np.testing.assert_allclose(shares[:, seen].sum(axis=0), 1.0, atol=1e-5)
    assert np.isnan(shares[:, ~seen]).all()
    with rasterio.open(whole / "network.tif") as raster:
        assert raster.descriptions == ("novelty", *map(weight_layer, WEIGHT_LAYERS))
        stored = raster.read()[1:, seen] * np.array(raster.scales)[1:, None]
    np.testing.assert_allclose(stored, shares[:, seen], atol=0.0051)


def test_sensors_left_out_weigh_nothing(archive: Archive, attention: Path, tmp_path: Path) -> None:
    given = {"fusion": "attention", "weights": str(attention), "sensors": "sentinel1,sentinel2"}
    _, product = layers(run(archive, tmp_path / "product", **given))
    seen = product["sensor_count"].values > 0
    assert np.all(product[weight_layer(Decider.ALOS2)].values[seen] == 0.0)
    assert product[weight_layer(Decider.SENTINEL1)].values[seen].max() > 0.05


def test_a_pixel_is_explained_by_the_network_that_mapped_it(
    whole: Path, attention: Path, tmp_path: Path
) -> None:
    grid, product = layers(whole)
    seen = np.argwhere(product["sensor_count"].values == 3)
    row, column = seen[len(seen) // 2]
    spot = Grid(grid.crs, grid.resolution, grid.row + int(row), grid.column + int(column), 1, 1)
    lon, lat = _degrees(spot)
    found = explain(whole, lon, lat)
    assert found.matches_product and found.fusion == "attention"
    assert found.probability == pytest.approx(float(product["probability"][row, column]), abs=1e-5)
    assert sum(found.weights.values()) == pytest.approx(1.0, abs=1e-5)
    assert found.by_bayes is not None and found.by_bayes != pytest.approx(found.probability, abs=1e-4)
    saved = attention.read_bytes()
    try:
        weights(attention.parent, "attention", Conformal(wet=_even(), dry=_even()))
        with pytest.raises(BadRequest, match="other weights"):
            explain(whole, lon, lat)
    finally:
        attention.write_bytes(saved)


def _degrees(spot: Grid) -> tuple[float, float]:
    lon, lat = Transformer.from_crs(spot.crs, "EPSG:4326", always_xy=True).transform(spot.x()[0], spot.y()[0])
    return float(lon), float(lat)


def _even() -> tuple[float, ...]:
    return tuple(np.linspace(0.0, 1.0, LEVELS))


def test_what_is_beyond_the_risk_is_excluded_with_its_reason(archive: Archive, tmp_path: Path) -> None:
    conformal = Conformal(
        wet=_even(), dry=_even()
    )  # honest odds: at a risk of 0.2 all between 0.2 and 0.8 is too open
    file = weights(tmp_path, "graybox", conformal)
    given = {"fusion": "graybox", "weights": str(file)}
    _, free = layers(run(archive, tmp_path / "free", **given))
    _, product = layers(run(archive, tmp_path / "product", risk=0.2, **given))
    assert load_record(tmp_path / "product").risk == 0.2
    p, seen = product["probability"].values, product["sensor_count"].values > 0
    open_ = seen & ~conformal.answered(np.nan_to_num(p), 0.2)
    assert 0.01 < open_.mean() < 0.9
    flagged = (product["exclusion"].values & Exclusion.BEYOND_RISK) > 0
    inside = (product["exclusion"].values & Exclusion.OUTSIDE_AREA) == 0
    assert np.array_equal(flagged & inside, open_ & inside)
    assert np.all(product["flood_class"].values[flagged & inside] == MapClass.EXCLUDED)
    same = seen & ~flagged
    assert np.array_equal(free["flood_class"].values[same], product["flood_class"].values[same])
    assert np.array_equal(free["probability"].values, product["probability"].values, equal_nan=True)


def test_weights_that_can_not_make_a_map_are_refused_and_leave_nothing(
    archive: Archive, attention: Path, tmp_path: Path
) -> None:
    out = tmp_path / "product"
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(attention.read_bytes()[:1000])
    cases: list[tuple[dict[str, object], str]] = [
        ({"fusion": "early", "weights": str(attention)}, "give --fusion attention"),
        ({"fusion": "attention", "weights": str(tmp_path / "none.safetensors")}, "no such file"),
        ({"fusion": "attention", "weights": str(broken)}, "no readable safetensors file"),
        ({"fusion": "attention", "weights": str(attention), "risk": 0.1}, "were not calibrated"),
    ]
    for given, complaint in cases:
        with pytest.raises(BadRequest, match=complaint):
            run(archive, out, **given)
        assert not out.exists() and not list(tmp_path.glob(".product*"))


def without_terrain(archive: Archive, folder: Path) -> Archive:
    """A copy of the archive whose catalogue has no terrain."""
    copy = Path(shutil.copytree(archive.folder, folder))
    catalog = json.loads((copy / "catalog.json").read_text())
    catalog["links"] = [link for link in catalog["links"] if "terrain" not in link["href"]]
    (copy / "catalog.json").write_text(json.dumps(catalog))
    for item in (copy / "items").glob("*terrain*"):
        item.unlink()
    return replace(archive, folder=copy, aoi=copy / archive.aoi.relative_to(archive.folder))


def test_on_ground_of_unknown_height_a_network_answers_only_where_physics_agrees(
    archive: Archive, attention: Path, whole: Path, tmp_path: Path
) -> None:
    bare = without_terrain(archive, tmp_path / "bare")
    by_network = run(bare, tmp_path / "attention", fusion="attention", weights=str(attention))
    by_physics = run(bare, tmp_path / "bayes")
    records = [load_record(product) for product in (by_network, by_physics, whole)]
    assert "hand" not in records[0].terrain_known and records[2].terrain_known["hand"] > 0.95
    assert [any("--fusion bayes" in w for w in r.warnings) for r in records] == [True, False, False]
    (_, one), (_, two), (_, known) = (layers(product) for product in (by_network, by_physics, whole))
    seen = one["sensor_count"].values > 0
    differ = seen & ((one["probability"].values > 0.5) != (two["probability"].values > 0.5))
    said = (one["exclusion"].values & Exclusion.NETWORK_AGAINST_PHYSICS) > 0
    assert differ.sum() > 1000 and (seen & ~differ).sum() > 1000
    assert np.array_equal(said & seen, differ)
    assert (one["flood_class"].values[differ] == MapClass.EXCLUDED).all()
    for product in (two, known):
        assert not (product["exclusion"].values & Exclusion.NETWORK_AGAINST_PHYSICS).any()
