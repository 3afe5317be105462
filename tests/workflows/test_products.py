"""`floodfuse inspect`, `diff` and `explain`: what they find, and with which exit code they leave."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from pyproj import Transformer

from floodfuse.harmonize.classes import ADVISORY_LABELS

Outcome = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def radar(catalog: Path, map_to: Callable[..., Outcome], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same ground from Sentinel-1 alone."""
    folder = tmp_path_factory.mktemp("radar") / "flood"
    assert map_to(catalog, folder, "--sensors", "sentinel1", "--quiet").returncode == 0
    return folder


def at(product: Path, row: int, column: int) -> str:
    """Position of a pixel's centre, as `--at` takes it."""
    with rasterio.open(product / "flood.tif") as found:
        x, y = found.xy(row, column)
        lon, lat = Transformer.from_crs(found.crs.to_wkt(), "EPSG:4326", always_xy=True).transform(x, y)
    return f"{lon:.7f},{lat:.7f}"


def test_inspect(program: Callable[..., Outcome], product: Path) -> None:
    outcome = program("inspect", product, COLUMNS="200")
    assert outcome.returncode == 0 and outcome.stderr == ""
    for text in (
        "Open flood water",
        "Not observed",
        "Legend",
        "sentinel1-20210304T060000-s1",
        "as published",
    ):
        assert text in outcome.stdout


def test_inspect_as_json(floodfuse: Callable[..., Outcome], product: Path) -> None:
    found = json.loads(floodfuse("inspect", product, "--json").stdout)
    assert found["record"] == json.loads((product / "run.json").read_text())
    assert set(found["files"].values()) == {"as published"} and "flood.tif" in found["files"]


@pytest.mark.parametrize(
    ("alter", "state"),
    [
        (lambda file: file.write_bytes(file.read_bytes() + b"x"), "changed"),
        (lambda file: file.write_bytes(file.read_bytes()[:-1] + b"x"), "changed"),
        (lambda file: file.unlink(), "missing"),
    ],
)
@pytest.mark.parametrize("name", ["flood.tif", "flood.gpkg", "run.json"])
def test_inspect_finds_altered_files(
    floodfuse: Callable[..., Outcome],
    product: Path,
    tmp_path: Path,
    name: str,
    alter: Callable[[Path], object],
    state: str,
) -> None:
    folder = shutil.copytree(product, tmp_path / "flood")
    alter(folder / name)
    outcome = floodfuse("inspect", folder, "--json")
    if name == "run.json":  # nothing can be said without it, or with a broken one
        assert outcome.returncode == (1 if outcome.stdout else 2)
        return
    assert outcome.returncode == 1
    assert json.loads(outcome.stdout)["files"][name] == state
    table = floodfuse("inspect", folder)
    assert table.returncode == 1 and state in table.stdout


def _empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def _broken_record(folder: Path) -> None:
    (folder / "run.json").write_text('{"grid": 7}')


def _other_inputs(folder: Path) -> None:
    record = json.loads((folder / "run.json").read_text())
    record["inputs"][0]["acquisition"]["unheard_of"] = 1
    (folder / "run.json").write_text(json.dumps(record))


def _broken_item(folder: Path) -> None:
    (folder / "item.json").write_text("{}")


def _without_zarr(folder: Path) -> None:
    shutil.rmtree(folder / "product.zarr")


@pytest.mark.parametrize(
    ("damage", "commands", "word"),
    [
        (shutil.rmtree, ("inspect", "diff", "explain"), "no product there"),
        (_empty, ("inspect", "diff", "explain"), "no product there"),
        (_broken_record, ("inspect", "diff", "explain"), "run.json: not a record"),
        (_other_inputs, ("explain",), "run.json: its inputs are not as this version writes them"),
        (_broken_item, ("inspect",), "item.json: can't be read"),
        (_without_zarr, ("diff", "explain"), "product.zarr: missing or damaged"),
    ],
)
def test_what_is_no_product_is_refused(
    floodfuse: Callable[..., Outcome],
    refused: Callable[..., None],
    product: Path,
    tmp_path: Path,
    damage: Callable[[Path], None],
    commands: tuple[str, ...],
    word: str,
) -> None:
    folder = shutil.copytree(product, tmp_path / "flood")
    damage(folder)
    further = {"inspect": (), "diff": (product,), "explain": ("--at", at(product, 50, 50))}
    for command in commands:
        refused(floodfuse(command, folder, *further[command]), str(folder), word, " the ")


def test_diff_with_itself(floodfuse: Callable[..., Outcome], product: Path) -> None:
    outcome = floodfuse("diff", product, product, "--json")
    found = json.loads(outcome.stdout)
    assert outcome.returncode == 0
    assert found["agreement"] == 1.0 and found["changes"] == [] and found["water_iou"] == 1.0
    assert found["largest_probability_difference"] == 0.0


def test_diff_with_another(floodfuse: Callable[..., Outcome], product: Path, radar: Path) -> None:
    outcome = floodfuse("diff", product, radar, "--json")
    found = json.loads(outcome.stdout)
    assert outcome.returncode == 1
    with rasterio.open(product / "flood.tif") as one, rasterio.open(radar / "flood.tif") as two:
        changed = int((one.read(1) != two.read(1)).sum())
    assert found["changed_pixels"] == changed > 0
    assert found["changed_km2"] == pytest.approx(changed * 1e-4)
    assert sum(row["pixels"] for row in found["changes"]) == changed
    assert "Agreement" in floodfuse("diff", product, radar).stdout


def test_diff_within_a_tolerance(program: Callable[..., Outcome], product: Path, radar: Path) -> None:
    assert program("diff", product, radar, "--tolerance", "0.5").returncode == 0


def test_diff_of_different_grids(
    floodfuse: Callable[..., Outcome],
    map_to: Callable[..., Outcome],
    refused: Callable[..., None],
    catalog: Path,
    product: Path,
    tmp_path: Path,
) -> None:
    coarse, other = tmp_path / "coarse", tmp_path / "other"
    assert map_to(catalog, coarse, "--resolution", 20, "--quiet").returncode == 0
    assert map_to(catalog, other, "--crs", "EPSG:32629", "--quiet").returncode == 0
    refused(floodfuse("diff", product, coarse), str(coarse), "at 20", "--resolution")
    refused(floodfuse("diff", product, other), str(other), "EPSG:32629", "--crs")


@pytest.mark.slow
def test_diff_of_different_ground(
    floodfuse: Callable[..., Outcome], refused: Callable[..., None], catalog: Path, area: str, tmp_path: Path
) -> None:
    west, south, east, north = map(float, area.split(","))
    middle = (west + east) / 2
    folders = []
    for name, box in (("left", (west, middle - 0.001)), ("right", (middle + 0.001, east))):
        usual = ("--date", "2021-03-04", "--catalog", catalog, "--out", tmp_path / name, "--quiet")
        assert floodfuse("map", f"{box[0]},{south},{box[1]},{north}", *usual).returncode == 0
        folders.append(tmp_path / name)
    refused(floodfuse("diff", *folders), str(folders[0]), "share no ground", "nothing to compare")


@pytest.mark.parametrize(("row", "column"), [(20, 10), (50, 40), (70, 60), (25, 14), (90, 60)])
def test_explain_agrees_with_the_product(
    floodfuse: Callable[..., Outcome], product: Path, row: int, column: int
) -> None:
    outcome = floodfuse("explain", product, "--at", at(product, row, column), "--json")
    assert outcome.returncode == 0, outcome
    found = json.loads(outcome.stdout)
    assert found["matches_product"] is True
    with rasterio.open(product / "probability.tif") as raster:
        assert found["probability"] == pytest.approx(float(raster.read(1)[row, column]), abs=1e-6)
    assert {view["sensor"] for view in found["sensors"]} == {"sentinel1", "alos2", "sentinel2"}
    assert sum(found["posterior"].values()) == pytest.approx(1.0, abs=1e-4)
    view = next(view for view in found["sensors"] if view["sensor"] == "sentinel1")
    assert view["age_hours"] == 6.0 and view["observed"]["incidence"] == 38.0
    assert -40 < view["observed"]["vv_gamma0_db"] < 0


def test_explain_to_a_reader(program: Callable[..., Outcome], product: Path) -> None:
    outcome = program("explain", product, "--at", at(product, 60, 50), COLUMNS="160")
    assert outcome.returncode == 0 and outcome.stderr == ""
    words = " ".join(outcome.stdout.split())
    for text in (
        "Open flood water at",
        "decided by",
        "ever flooded at a pass of the window",
        "conflict between sensors",
        "sentinel1: vv_gamma0_db",
        "6.0 h before the product's time",
        "23.0 h after the product's time",
        "looks; noise floor at this angle: C_VV -23.0 dB, C_VH -25.0 dB",
        "water: over the whole scene, winds of scale",
        "open water",
        "posterior",
        "flooded over dry",
    ):
        assert text in words, text


def test_explain_tells_every_layer_of_the_pixel(floodfuse: Callable[..., Outcome], product: Path) -> None:
    row, column = 60, 50
    found = json.loads(floodfuse("explain", product, "--at", at(product, row, column), "--json").stdout)
    with rasterio.open(product / "probability.tif") as raster:
        _, uncertainty, ever = (float(band[row, column]) for band in raster.read())
    with rasterio.open(product / "diagnostics.tif") as raster:
        bands = raster.read()[:, row, column]
    assert found["uncertainty_bits"] == pytest.approx(uncertainty, abs=1e-6)
    assert found["ever_flooded"] == pytest.approx(ever, abs=1e-6)
    assert found["conflict_nats"] == pytest.approx(bands[4] * 0.01, abs=0.0051)
    assert found["flags"] == [label for flag, label in ADVISORY_LABELS.items() if int(bands[5]) & int(flag)]
    hours = [p["hours_from_product"] for p in found["passes"]]
    assert hours == [-13.0, -6.0, 23.0]
    s1 = next(view for view in found["sensors"] if view["sensor"] == "sentinel1")
    assert {c["channel"] for c in s1["channels"]} == {"C_VV", "C_VH"} and s1["looks"] >= 4.4
    assert s1["facts"]["radiometry"] == "gamma0" and "footprint" not in s1["facts"]


def test_explain_draws(
    floodfuse: Callable[..., Outcome], refused: Callable[..., None], product: Path, tmp_path: Path
) -> None:
    picture, position = tmp_path / "pixel.png", at(product, 60, 50)
    assert floodfuse("explain", product, "--at", position, "--plot", picture).returncode == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    refused(floodfuse("explain", product, "--at", position, "--plot", "pixel.txt"), "pixel.txt", ".png")
    nowhere = tmp_path / "none" / "pixel.png"
    refused(floodfuse("explain", product, "--at", position, "--plot", nowhere), str(nowhere), "--plot")
    outside = floodfuse("explain", product, "--at", "0,0", "--plot", tmp_path / "other.png")
    refused(outside, "longitude,latitude")
    assert not (tmp_path / "other.png").exists()


def test_inspect_tells_the_flags(floodfuse: Callable[..., Outcome], product: Path) -> None:
    told = json.loads((product / "run.json").read_text())["advisories"]
    with rasterio.open(product / "diagnostics.tif") as raster:
        bits = raster.read(6)
    for flag in told:
        assert flag["pixels"] == int(((bits & flag["value"]) > 0).sum())
    assert "What to keep in mind" in floodfuse("inspect", product).stdout


def test_explain_tells_what_the_scene_told_of_its_dry_ground(
    floodfuse: Callable[..., Outcome], product: Path, tmp_path: Path
) -> None:
    told = Path(shutil.copytree(product, tmp_path / "told"))
    record = json.loads((told / "run.json").read_text())
    radar = next(i["acquisition"] for i in record["inputs"] if i["sensor"] == "sentinel1")
    radar["ground_levels"] = [["C_VV", 4, 1.24, 0.7], ["C_VH", 4, -0.31, 0.8], ["C_VV", 6, 0.5, 0.9]]
    (told / "run.json").write_text(json.dumps(record))
    words = " ".join(floodfuse("explain", told, "--at", at(told, 60, 50)).stdout.split())
    assert "on high ground, dB off the usual: dry forest C_VV +1.2, C_VH -0.3; bare soil C_VV +0.5" in words


def test_explain_says_when_an_input_has_changed(
    files: dict[str, Path],
    add: Callable[..., Outcome],
    map_to: Callable[..., Outcome],
    floodfuse: Callable[..., Outcome],
    refused: Callable[..., None],
    tmp_path: Path,
) -> None:
    file, product = Path(shutil.copy(files["sentinel1"], tmp_path / "s1.tif")), tmp_path / "flood"
    assert add(tmp_path / "data", "sentinel1", file).returncode == 0
    assert map_to(tmp_path / "data", product, "--quiet").returncode == 0
    position = at(product, 60, 50)
    with rasterio.open(file, "r+") as target:
        target.write(np.full((2, 128, 128), 0.2, np.float32))
    outcome = floodfuse("explain", product, "--at", position, "--json")
    assert outcome.returncode == 0 and json.loads(outcome.stdout)["matches_product"] is False
    assert "has changed since" in " ".join(floodfuse("explain", product, "--at", position).stdout.split())
    file.unlink()
    refused(floodfuse("explain", product, "--at", position), str(file), "missing", "Get the file again")


@pytest.mark.parametrize(
    "position", ["0,0", "-0.95,37.9", "200,95", "nan,38", "here", "38.01", "-0.94,38.01,7"]
)
def test_explain_elsewhere(
    floodfuse: Callable[..., Outcome], refused: Callable[..., None], product: Path, position: str
) -> None:
    refused(floodfuse("explain", product, "--at", position), position, "longitude,latitude in degrees")


def test_explain_outside_the_polygon(
    floodfuse: Callable[..., Outcome], catalog: Path, area: str, tmp_path: Path
) -> None:
    """Within the product's raster but outside the area asked for: that is the reason, and no contradiction."""
    west, south, east, north = map(float, area.split(","))
    triangle = shapely.Polygon([(west, south), (east, south), (east, north)])
    file, out = tmp_path / "area.geojson", tmp_path / "flood"
    file.write_text(shapely.to_geojson(triangle))
    usual = ("--date", "2021-03-04", "--catalog", catalog, "--out", out, "--quiet")
    assert floodfuse("map", file, *usual).returncode == 0
    found = json.loads(floodfuse("explain", out, "--at", at(out, 20, 10), "--json").stdout)
    assert found["matches_product"] is True and found["map_class"] == "Not observed"
    assert "outside the area of interest" in found["reasons"]
