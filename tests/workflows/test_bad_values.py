"""Values that can't be what they are declared to be: refused when added, never guessed; holes in them are results."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

Outcome = subprocess.CompletedProcess[str]
Layers = dict[str, NDArray[np.float32]]


def _db(power: NDArray[np.float32]) -> NDArray[np.float32]:
    return (10.0 * np.log10(power)).astype(np.float32)


@pytest.mark.parametrize(
    ("stored", "declared", "words"),
    [
        (_db, "power", ("these are dB and not power", "--scale")),
        (_db, "amplitude", ("these are dB and not amplitude", "--scale")),
        (_db, "dn", ("negative digital numbers", "--scale")),
        (np.asarray, "db", ("these are not dB", "--scale")),
        (np.sqrt, "db", ("these are not dB", "--scale")),
        (lambda power: np.sqrt(power) * 3000, "power", ("look like digital numbers", "--scale")),
        (lambda power: np.sqrt(power) * 3000, "amplitude", ("look like digital numbers", "--scale")),
        (lambda power: -power, "amplitude", ("amplitude is never negative", "--scale")),
    ],
)
def test_scale_against_the_values(
    scene: Layers,
    raster: Callable[..., Path],
    add: Callable[..., Outcome],
    refused: Callable[..., None],
    tmp_path: Path,
    stored: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    declared: str,
    words: tuple[str, ...],
) -> None:
    file = raster(tmp_path / "s1.tif", stored(scene["vv"]), stored(scene["vh"]))
    outcome = add(tmp_path / "data", "sentinel1", file, "--scale", declared, "--calibration", "-83")
    refused(outcome, str(file), f"declared as {declared}", *words, out=tmp_path / "data")


@pytest.mark.parametrize(
    ("stored", "declared", "looks_like"),
    [(np.sqrt, "power", "amplitude"), (np.asarray, "amplitude", "power")],
)
def test_speckle_tells_amplitude_from_power(
    scene: Layers,
    raster: Callable[..., Path],
    add: Callable[..., Outcome],
    refused: Callable[..., None],
    tmp_path: Path,
    stored: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    declared: str,
    looks_like: str,
) -> None:
    """Where the looks are declared, the spread of speckle gives a wrong scale away; where not, nothing is guessed."""
    file = raster(tmp_path / "s1.tif", stored(scene["vv"]), stored(scene["vh"]))
    options = ("--scale", declared)
    outcome = add(tmp_path / "data", "sentinel1", file, *options, "--looks", 4.4)
    refused(
        outcome, str(file), f"declared as {declared}", looks_like, "--scale", "--looks", out=tmp_path / "data"
    )
    assert add(tmp_path / "data", "sentinel1", file, *options).returncode == 0


def test_right_looks_are_taken(files: dict[str, Path], add: Callable[..., Outcome], tmp_path: Path) -> None:
    assert add(tmp_path / "data", "sentinel1", files["sentinel1"], "--looks", 4.4).returncode == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--radiometry", "dn"], ("radiometry 'dn'", "calibration tables", "RTC")),
        (["--radiometry", "reflectance"], ("radiometry 'reflectance'", "gamma0, sigma0, beta0")),
        (["--radiometry", "gamma1"], ("radiometry 'gamma1'", "gamma0, sigma0, beta0", "metadata")),
        (["--scale", "logarithmic"], ("scale 'logarithmic'", "power, amplitude, db, dn")),
        (["--incidence", "0.66"], ("0.66", "radians", "57.29")),
        (["--incidence", "-38"], ("-38", "0 to 90")),
        (["--incidence", "95"], ("95", "0 to 90")),
        (["--incidence", "nan"], ("nan", "finite")),
        (["--incidence", "inf"], ("inf", "finite")),
        (["--incidence", "angle.tif"], ("angle.tif", "missing")),
        (["--looks", "0"], ("looks '0", "greater than 0")),
        (["--nesz", "vv"], ("nesz 'vv'", "vv=-24")),
        (["--nesz", "vv=low"], ("nesz 'vv=low'", "vv=-24")),
        (["--nesz", "xx=-24"], ("nesz 'xx=-24'", "vv=-24")),
        (["--time", "noon"], ("'noon'", "YYYY-MM-DD")),
        (["--id", "../../elsewhere"], ("id '../../elsewhere'", "letters", "--id")),
        (["--scale", "dn"], ("without a calibration constant", "RTC")),
        (["--metadata", "summary.xml"], ("summary.xml", "can't be read")),
    ],
)
def test_radar_as_declared(
    files: dict[str, Path],
    add: Callable[..., Outcome],
    refused: Callable[..., None],
    tmp_path: Path,
    options: list[str],
    words: tuple[str, ...],
) -> None:
    refused(add(tmp_path / "data", "sentinel1", files["sentinel1"], *options), *words, out=tmp_path / "data")


@pytest.mark.parametrize("missing", ["--time", "--radiometry", "--scale", "--incidence"])
def test_radar_with_something_undeclared(
    files: dict[str, Path],
    floodfuse: Callable[..., Outcome],
    refused: Callable[..., None],
    tmp_path: Path,
    missing: str,
) -> None:
    declared = {
        "--time": "2021-03-04T06:00",
        "--radiometry": "gamma0",
        "--scale": "power",
        "--incidence": "38",
    }
    del declared[missing]
    options = [part for pair in declared.items() for part in pair]
    asset = ["--sensor", "sentinel1", "--asset", f"vv={files['sentinel1']}"]
    outcome = floodfuse("catalog", "add", tmp_path / "data", *asset, *options)
    refused(outcome, missing.removeprefix("--"), missing, out=tmp_path / "data")


@pytest.mark.parametrize(
    ("low", "high", "options", "words"),
    [
        (0.52, 0.72, [], ("looks like radians", "57.29")),
        (3000, 4400, [], ("no incidence angle", "--incidence-scale", "0.01")),
        (30, 44, ["--incidence-scale", "0.01"], ("no incidence angle", "--incidence-scale")),
    ],
)
def test_incidence_raster(
    files: dict[str, Path],
    raster: Callable[..., Path],
    add: Callable[..., Outcome],
    refused: Callable[..., None],
    tmp_path: Path,
    low: float,
    high: float,
    options: list[str],
    words: tuple[str, ...],
) -> None:
    angle = np.linspace(low, high, 128 * 128, dtype=np.float32).reshape(128, 128)
    file = raster(tmp_path / "angle.tif", angle)
    outcome = add(tmp_path / "data", "sentinel1", files["sentinel1"], "--incidence", file, *options)
    refused(outcome, str(file), *words, out=tmp_path / "data")


@pytest.mark.parametrize(
    ("darkest", "options", "words"),
    [
        (1100, ["--baseline", "05.09", "--offset", "0"], ("offset of 0 is stated", "--offset -1000")),
        (1100, ["--time", "2023-05-06", "--offset", "0"], ("offset of 0 is stated", "--offset -1000")),
        (100, ["--baseline", "05.09", "--offset", "-1000"], ("applied already", "--offset 0")),
        (750, ["--baseline", "05.09"], ("can't tell", "--offset -1000 or --offset 0")),
        (1100, ["--time", "2019-05-06"], ("can't tell", "--baseline", "--offset")),
        (1100, ["--offset", "1000"], ("offset '1000'", "-1000 or 0")),
        (1100, ["--baseline", "five"], ("baseline 'five'", "05.09")),
        (1100, ["--scale", "power"], ("no reflectance", "--scale dn")),
        (1100, ["--scale", "db"], ("scale db", "dn")),
        (-500, [], ("negative digital numbers", "-500")),
        (1100, ["--radiometry", "gamma0"], ("radiometry 'gamma0'", "reflectance")),
        (1100, ["--incidence", "38"], ("incidence '38'", "Leave --incidence out")),
    ],
)
def test_optical_as_declared(
    raster: Callable[..., Path],
    add: Callable[..., Outcome],
    refused: Callable[..., None],
    tmp_path: Path,
    darkest: int,
    options: list[str],
    words: tuple[str, ...],
) -> None:
    ramp = np.linspace(darkest, 4000, 128 * 128).reshape(128, 128).astype(np.int16)
    file = raster(tmp_path / "s2.tif", ramp, ramp, ramp)
    refused(add(tmp_path / "data", "sentinel2", file, *options), *words, out=tmp_path / "data")


@pytest.mark.parametrize(("darkest", "offset"), [(1100, -1000.0), (100, 0.0)])
def test_offset_is_settled_by_the_values(
    raster: Callable[..., Path],
    add: Callable[..., Outcome],
    floodfuse: Callable[..., Outcome],
    tmp_path: Path,
    darkest: int,
    offset: float,
) -> None:
    ramp = np.linspace(darkest, 4000, 128 * 128).reshape(128, 128).astype(np.int16)
    file = raster(tmp_path / "s2.tif", ramp, ramp, ramp)
    usual = ("--baseline", "05.09")
    assert add(tmp_path / "data", "sentinel2", file, *usual).returncode == 0
    assert add(tmp_path / "data", "sentinel2", file, *usual, "--offset", int(offset)).returncode == 0


def test_all_no_data_is_a_result(
    scene: Layers,
    raster: Callable[..., Path],
    add: Callable[..., Outcome],
    map_to: Callable[..., Outcome],
    tmp_path: Path,
) -> None:
    nothing = np.full_like(scene["vv"], np.nan)
    file = raster(tmp_path / "s1.tif", nothing, nothing, nodata=np.nan)
    assert add(tmp_path / "data", "sentinel1", file).returncode == 0
    outcome = map_to(tmp_path / "data", tmp_path / "flood")
    assert outcome.returncode == 0, outcome
    assert "all of it is 'not observed'" in outcome.stderr
    with rasterio.open(tmp_path / "flood" / "flood.tif") as found:
        assert (found.read(1) == 255).all()


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_holes_in_the_values(
    scene: Layers,
    raster: Callable[..., Path],
    add: Callable[..., Outcome],
    map_to: Callable[..., Outcome],
    tmp_path: Path,
    hole: float,
) -> None:
    """NaN and infinity are not observed; further than the halo from them all but the wind of the scene is as it was."""
    holed = {name: scene[name].copy() for name in ("vv", "vh")}
    for band in holed.values():
        band[50:70, 40:60] = hole
    for name, bands in (("whole", scene), ("holed", holed)):
        file = raster(tmp_path / f"{name}.tif", bands["vv"], bands["vh"])
        assert add(tmp_path / name, "sentinel1", file).returncode == 0
        outcome = map_to(tmp_path / name, tmp_path / f"{name}-flood")
        assert outcome.returncode == 0, outcome
    maps = {}
    for name in ("whole", "holed"):
        with rasterio.open(tmp_path / f"{name}-flood" / "flood.tif") as found:
            maps[name], to_map = found.read(1), ~found.transform
    column, row = to_map @ (680_000.0 + 400, 4_210_000.0 - 500)
    unseen = np.zeros(maps["whole"].shape, bool)
    unseen[round(row) : round(row) + 20, round(column) : round(column) + 20] = True
    inside = maps["whole"] != 255
    assert (maps["holed"][unseen] == 255).all()
    assert (maps["holed"][~unseen & inside] != 255).all()
    near = np.zeros_like(unseen)
    near[round(row) - 2 : round(row) + 22, round(column) - 2 : round(column) + 22] = True
    assert (maps["holed"] == maps["whole"])[~near].mean() > 0.995
