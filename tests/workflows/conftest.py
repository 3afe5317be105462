"""A small synthetic scene in files, the program run on it, and what every refused request must look like."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer

from floodfuse.workflows import console
from floodfuse.workflows.run import app

Outcome = subprocess.CompletedProcess[str]
Layers = dict[str, NDArray[np.float32]]

SIZE, PIXEL, WEST, NORTH = 128, 10.0, 680_000.0, 4_210_000.0
DATE = "2021-03-04"
TIMES = {"sentinel1": "2021-03-04T06:00", "alos2": "2021-03-03T23:00", "sentinel2": "2021-03-05T11:00"}
QUANTITIES = {
    "sentinel1": ("gamma0", "power"),
    "alos2": ("gamma0", "dn"),
    "sentinel2": ("reflectance", "dn"),
}
# dB, and reflectance: on land and on water
_LEVELS_DB = {"vv": (-9.0, -16.0), "vh": (-15.5, -22.0), "hh": (-10.0, -22.0), "hv": (-17.0, -31.0)}
_REFLECTANCES = {"green": (0.07, 0.06), "nir": (0.30, 0.02), "swir": (0.20, 0.01)}
_LOOKS = {"vv": 4.4, "vh": 4.4, "hh": 4.0, "hv": 4.0}


def _in_process(*arguments: object) -> Outcome:
    """The command line from argument list to exit code, in this process."""
    command = ["floodfuse", *map(str, arguments)]
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        mock.patch.object(sys, "argv", command),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            console.run(app)
        except SystemExit as leaving:
            code = int(leaving.code or 0)
    return Outcome(command, code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def floodfuse() -> Callable[..., Outcome]:
    """Run `floodfuse` with these arguments in this process: the program's own entry, without its start-up time."""
    return _in_process


@pytest.fixture(scope="session")
def program() -> Callable[..., Outcome]:
    """Run the installed `floodfuse` command with these arguments, in a process of its own."""
    script = Path(sys.executable).parent / "floodfuse"

    def run(*arguments: object, **environment: str) -> Outcome:
        command = [str(script), *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=120, env=os.environ | environment, check=False
        )

    return run


@pytest.fixture(scope="session")
def refused() -> Callable[..., None]:
    """Check that a request was refused as it should be, with these words in the one message, and left nothing."""

    def check(outcome: Outcome, *words: str, out: Path | None = None) -> None:
        message = outcome.stderr
        assert outcome.returncode == 2, outcome
        assert "Traceback" not in message and "pydantic" not in message
        assert message.startswith("error: ") and message.count("\n") == 1, message
        assert outcome.stdout == ""
        for word in words:
            assert word in message, f"no {word!r} in: {message}"
        if out is not None:
            assert not out.exists()
            assert not list(out.parent.glob(f".{out.name}.*"))

    return check


@pytest.fixture(scope="session")
def raster() -> Callable[..., Path]:
    """Write bands as a GeoTIFF on the scene's lattice, tiled and compressed; keywords go over its profile."""

    def write(file: Path, *bands: NDArray[np.generic], **profile: object) -> Path:
        height, width = bands[0].shape
        where = {"crs": "EPSG:32630", "transform": Affine(PIXEL, 0.0, WEST, 0.0, -PIXEL, NORTH)}
        tiles = {"tiled": True, "blockxsize": 64, "blockysize": 64, "compress": "deflate"}
        kind = {"driver": "GTiff", "count": len(bands), "height": height, "width": width}
        file.parent.mkdir(parents=True, exist_ok=True)
        with rasterio.open(
            file, "w", **{**kind, **where, **tiles, "dtype": bands[0].dtype, **profile}
        ) as target:
            for number, band in enumerate(bands, start=1):
                target.write(band, number)
        return file

    return write


@pytest.fixture(scope="session")
def water() -> NDArray[np.bool_]:
    """Where the synthetic scene is flooded."""
    wet = np.zeros((SIZE, SIZE), bool)
    wet[40:100, 30:80] = True
    return wet


@pytest.fixture(scope="session")
def scene(water: NDArray[np.bool_]) -> Layers:
    """Values of every band: radar in linear power with speckle, optical as reflectance."""
    rng = np.random.default_rng(11)
    layers: Layers = {}
    for name, (land, wet) in _LEVELS_DB.items():
        speckle = rng.gamma(_LOOKS[name], 1.0 / _LOOKS[name], water.shape)
        layers[name] = (10.0 ** (np.where(water, wet, land) / 10.0) * speckle).astype(np.float32)
    for name, (land, wet) in _REFLECTANCES.items():
        noise = rng.normal(1.0, 0.05, water.shape)
        layers[name] = (np.where(water, wet, land) * noise).astype(np.float32)
    return layers


@pytest.fixture(scope="session")
def files(
    scene: Layers, raster: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The scene as an archive would hand it over: a file for each sensor."""
    folder = tmp_path_factory.mktemp("scene")
    digital = {p: np.sqrt(scene[p] * 10.0**8.3).round().astype(np.uint16) for p in ("hh", "hv")}
    optical = [(scene[b] * 1e4).round().astype(np.uint16) for b in ("green", "nir", "swir")]
    return {
        "sentinel1": raster(folder / "s1.tif", scene["vv"], scene["vh"]),
        "alos2": raster(folder / "alos2.tif", digital["hh"], digital["hv"]),
        "sentinel2": raster(folder / "s2.tif", *optical),
    }


@pytest.fixture(scope="session")
def add(floodfuse: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """Put a file into a catalogue the way the scene's files are put there; further options go over the usual ones."""
    names = {"sentinel1": ("vv", "vh"), "alos2": ("hh", "hv"), "sentinel2": ("green", "nir", "swir")}

    def run(folder: Path, sensor: str, file: Path | str, *options: object) -> Outcome:
        radiometry, scale = QUANTITIES[sensor]
        known: list[object] = ["--sensor", sensor, "--time", TIMES[sensor]]
        known += ["--radiometry", radiometry, "--scale", scale]
        known += [] if sensor == "sentinel2" else ["--incidence", 38]
        for band, name in enumerate(names[sensor], start=1):
            known += ["--asset", f"{name}={file}:{band}"]
        return floodfuse("catalog", "add", folder, *known, *options)

    return run


@pytest.fixture(scope="session")
def area() -> str:
    """A box within the scene, `w,s,e,n` in degrees."""
    to = Transformer.from_crs("EPSG:32630", "EPSG:4326", always_xy=True)
    west, south = to.transform(WEST + 150, NORTH - SIZE * PIXEL + 150)
    east, north = to.transform(WEST + SIZE * PIXEL - 150, NORTH - 150)
    return f"{west:.6f},{south:.6f},{east:.6f},{north:.6f}"


@pytest.fixture(scope="session")
def catalog(
    files: dict[str, Path], add: Callable[..., Outcome], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """All three sensors in a catalogue. Not to be changed by a test."""
    folder = tmp_path_factory.mktemp("catalog") / "data"
    for sensor, file in files.items():
        outcome = add(folder, sensor, file)
        assert outcome.returncode == 0, outcome
    return folder


@pytest.fixture(scope="session")
def map_to(floodfuse: Callable[..., Outcome], area: str) -> Callable[..., Outcome]:
    """Map the scene's area on its date from a catalogue into a folder; further options go over the usual ones."""

    def run(catalog: Path | str, out: Path, *options: object) -> Outcome:
        usual = ["--date", DATE, "--catalog", catalog, "--out", out]
        return floodfuse("map", area, *usual, *options)

    return run


@pytest.fixture(scope="session")
def product(catalog: Path, map_to: Callable[..., Outcome], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scene, mapped from all three sensors. Not to be changed by a test."""
    folder = tmp_path_factory.mktemp("product") / "flood"
    outcome = map_to(catalog, folder)
    assert outcome.returncode == 0, outcome
    return folder
