"""Files that are missing, damaged or not what they should be: found when added, and again when mapped."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

Outcome = subprocess.CompletedProcess[str]
Layers = dict[str, NDArray[np.float32]]
Damage = Callable[[Path], None]


def missing(file: Path) -> None:
    file.unlink()


def no_raster(file: Path) -> None:
    file.write_text("dear diary")


def zero_bytes(file: Path) -> None:
    file.write_bytes(b"")


def truncated(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def header_only(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:64])


def one_band(file: Path) -> None:
    with rasterio.open(file) as source:
        profile, values = source.profile | {"count": 1}, source.read(1)
    with rasterio.open(file, "w", **profile) as target:
        target.write(values, 1)


def without_crs(file: Path) -> None:
    with rasterio.open(file) as source:
        profile, values = dict(source.profile), source.read()
    del profile["crs"]
    with rasterio.open(file, "w", **profile) as target:
        target.write(values)


def without_transform(file: Path) -> None:
    with rasterio.open(file) as source:
        profile, values = dict(source.profile), source.read()
    del profile["transform"]
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning), rasterio.open(file, "w", **profile) as target:
        target.write(values)


DAMAGES = [
    (missing, ("missing, damaged or not a raster",)),
    (no_raster, ("missing, damaged or not a raster",)),
    (zero_bytes, ("missing, damaged or not a raster",)),
    (header_only, ("missing, damaged or not a raster",)),
    (truncated, ("missing, damaged or not a raster", "Get the file again")),
    (one_band, ("has 1 band(s)", "band 2 was asked for", "from 1 to 1")),
    (without_crs, ("has no CRS", "Assign the one it was made in")),
    (without_transform, ("no transform", "Save it with its geotransform")),
]


@pytest.mark.parametrize(("damage", "words"), DAMAGES)
@pytest.mark.parametrize("sensor", ["sentinel1", "sentinel2"])
def test_when_added(
    files: dict[str, Path],
    add: Callable[..., Outcome],
    refused: Callable[..., None],
    tmp_path: Path,
    sensor: str,
    damage: Damage,
    words: tuple[str, ...],
) -> None:
    file = Path(shutil.copy(files[sensor], tmp_path / "scene.tif"))
    damage(file)
    refused(add(tmp_path / "data", sensor, file), str(file), *words, out=tmp_path / "data")


@pytest.mark.parametrize(("damage", "words"), DAMAGES)
@pytest.mark.parametrize("sensor", ["sentinel1", "sentinel2"])
def test_when_mapped(
    files: dict[str, Path],
    add: Callable[..., Outcome],
    map_to: Callable[..., Outcome],
    refused: Callable[..., None],
    tmp_path: Path,
    sensor: str,
    damage: Damage,
    words: tuple[str, ...],
) -> None:
    file = Path(shutil.copy(files[sensor], tmp_path / "scene.tif"))
    assert add(tmp_path / "data", sensor, file).returncode == 0
    damage(file)
    out = tmp_path / "flood"
    refused(map_to(tmp_path / "data", out), str(file), *words, out=out)


@pytest.mark.parametrize(
    ("sensor", "name"), [("sentinel1", "mask"), ("sentinel1", "incidence"), ("sentinel2", "scl")]
)
@pytest.mark.parametrize("damage", [missing, truncated, without_crs])
def test_a_lesser_asset(
    files: dict[str, Path],
    add: Callable[..., Outcome],
    map_to: Callable[..., Outcome],
    refused: Callable[..., None],
    raster: Callable[..., Path],
    tmp_path: Path,
    sensor: str,
    name: str,
    damage: Damage,
) -> None:
    """What is not sampled beforehand is found when it is added, and else in the middle of the run."""
    noisy = np.random.default_rng(1).integers(30, 45, (128, 128)).astype(np.uint8)
    file = raster(tmp_path / f"{name}.tif", noisy)
    damage(file)
    asset = ["--asset", f"{name}={file}"]
    refused(add(tmp_path / "data", sensor, files[sensor], *asset), str(file), out=tmp_path / "data")
    raster(file, noisy)
    assert add(tmp_path / "data", sensor, files[sensor], *asset).returncode == 0
    damage(file)
    refused(map_to(tmp_path / "data", tmp_path / "flood"), str(file), out=tmp_path / "flood")


@pytest.mark.parametrize("damage", [missing, truncated, without_crs])
def test_terrain(
    catalog: Path,
    floodfuse: Callable[..., Outcome],
    map_to: Callable[..., Outcome],
    refused: Callable[..., None],
    raster: Callable[..., Path],
    tmp_path: Path,
    damage: Damage,
) -> None:
    folder = shutil.copytree(catalog, tmp_path / "data")
    heights = np.random.default_rng(1).random((128, 128), np.float32)
    file = raster(tmp_path / "hand.tif", heights)
    add_hand = ("catalog", "add", folder, "--sensor", "terrain", "--asset", f"hand={file}")
    damage(file)
    refused(floodfuse(*add_hand), str(file))
    raster(file, heights)
    assert floodfuse(*add_hand).returncode == 0
    damage(file)
    refused(map_to(folder, tmp_path / "flood"), str(file), out=tmp_path / "flood")


def test_a_damaged_file_elsewhere_does_not_matter(
    files: dict[str, Path], add: Callable[..., Outcome], map_to: Callable[..., Outcome], tmp_path: Path
) -> None:
    """Only what is used is opened: a broken file of another date stops nothing."""
    file = Path(shutil.copy(files["sentinel1"], tmp_path / "old.tif"))
    assert add(tmp_path / "data", "sentinel1", file, "--time", "2020-01-01T06:00").returncode == 0
    assert add(tmp_path / "data", "sentinel1", files["sentinel1"]).returncode == 0
    truncated(file)
    assert map_to(tmp_path / "data", tmp_path / "flood", "--quiet").returncode == 0


def test_polarizations_of_different_size(
    scene: Layers,
    floodfuse: Callable[..., Outcome],
    refused: Callable[..., None],
    raster: Callable[..., Path],
    tmp_path: Path,
) -> None:
    vv, vh = raster(tmp_path / "vv.tif", scene["vv"]), raster(tmp_path / "vh.tif", scene["vh"][:100])
    outcome = floodfuse(
        *("catalog", "add", tmp_path / "data", "--sensor", "sentinel1", "--time", "2021-03-04T06:00"),
        *("--radiometry", "gamma0", "--scale", "power", "--incidence", 38),
        *("--asset", f"vv={vv}", "--asset", f"vh={vh}"),
    )
    words = ("different size", f"{vv} is 128 x 128", f"{vh} is 128 x 100", "two acquisitions")
    refused(outcome, *words, out=tmp_path / "data")


@pytest.mark.parametrize(
    ("asset", "words"),
    [
        ("vv={file}:3", ("has 2 band(s)", "band 3", "from 1 to 2")),
        ("vv={file}:0", ("vv=", "count from 1")),
        ("xx={file}", ("'xx'", "vv, vh, hh, hv, incidence, mask")),
        ("green={file}", ("sentinel1 has no 'green'", "vv, vh, hh, hv, incidence, mask")),
        ("{file}", ("NAME=FILE", "vv=scene.tif:1")),
        ("vv=", ("NAME=FILE", "vv=scene.tif:1")),
        ("mask={file}", ("no polarization", "--asset vv=FILE:1")),
    ],
)
def test_assets_as_typed(
    files: dict[str, Path],
    floodfuse: Callable[..., Outcome],
    refused: Callable[..., None],
    tmp_path: Path,
    asset: str,
    words: tuple[str, ...],
) -> None:
    outcome = floodfuse(
        *("catalog", "add", tmp_path / "data", "--sensor", "sentinel1", "--time", "2021-03-04T06:00"),
        *("--radiometry", "gamma0", "--scale", "power", "--incidence", 38),
        *("--asset", asset.format(file=files["sentinel1"])),
    )
    refused(outcome, *words, out=tmp_path / "data")


def test_damaged_files_through_the_real_program(
    files: dict[str, Path],
    add: Callable[..., Outcome],
    program: Callable[..., Outcome],
    refused: Callable[..., None],
    area: str,
    tmp_path: Path,
) -> None:
    file, folder, out = tmp_path / "scene.tif", tmp_path / "data", tmp_path / "flood"
    shutil.copy(files["sentinel1"], file)
    assert add(folder, "sentinel1", file).returncode == 0
    truncated(file)
    outcome = program("map", area, "--date", "2021-03-04", "--catalog", folder, "--out", out)
    refused(outcome, str(file), "damaged", "floodfuse catalog check", out=out)
    checked = program("catalog", "check", folder)
    assert checked.returncode == 2 and "Traceback" not in checked.stderr
    assert str(file) in checked.stdout and "damaged" in checked.stdout
