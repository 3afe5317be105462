"""`floodfuse catalog`: adding, listing, showing and checking; the same scene however it is written."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pystac
import pytest
import rasterio
from numpy.typing import NDArray

Outcome = subprocess.CompletedProcess[str]
Layers = dict[str, NDArray[np.float32]]


def test_list(floodfuse: Callable[..., Outcome], catalog: Path) -> None:
    table = floodfuse("catalog", "list", catalog).stdout
    assert all(name in table for name in ("sentinel1", "alos2", "sentinel2", "2021-03-04", "gamma0, power"))
    found = json.loads(floodfuse("catalog", "list", catalog, "--json").stdout)
    assert {row["sensor"] for row in found} == {"sentinel1", "alos2", "sentinel2"}
    assert "…" not in table  # an id must be whole to be of use


def test_list_of_archives(floodfuse: Callable[..., Outcome]) -> None:
    known = json.loads(floodfuse("catalog", "list", "--json").stdout)
    assert all(url.startswith("https://") for url in known.values()) and known


def test_show(floodfuse: Callable[..., Outcome], refused: Callable[..., None], catalog: Path) -> None:
    first = json.loads(floodfuse("catalog", "list", catalog, "--json").stdout)[0]
    assert json.loads(floodfuse("catalog", "show", catalog, first["id"]).stdout) == first
    refused(floodfuse("catalog", "show", catalog, "nothing"), "id 'nothing'", first["id"])


def test_a_catalogue_is_valid_stac_and_can_be_moved(
    files: dict[str, Path], add: Callable[..., Outcome], map_to: Callable[..., Outcome], tmp_path: Path
) -> None:
    folder = tmp_path / "here" / "data"
    file = folder / "s1.tif"
    folder.mkdir(parents=True)
    shutil.copy(files["sentinel1"], file)
    assert add(folder, "sentinel1", file).returncode == 0
    moved = (tmp_path / "here").rename(tmp_path / "there") / "data"
    catalog = pystac.Catalog.from_file(str(moved / "catalog.json"))
    assert [item.id for item in catalog.get_items(recursive=True)] == ["sentinel1-20210304T060000-s1"]
    assert map_to(moved, tmp_path / "flood", "--quiet").returncode == 0


def test_adding_again_replaces_and_says_so(
    floodfuse: Callable[..., Outcome], files: dict[str, Path], add: Callable[..., Outcome], tmp_path: Path
) -> None:
    assert add(tmp_path / "data", "sentinel1", files["sentinel1"]).stdout.startswith("Added ")
    outcome = add(tmp_path / "data", "sentinel1", files["sentinel1"], "--radiometry", "sigma0")
    assert outcome.stdout == f"Replaced sentinel1-20210304T060000-s1 in {tmp_path / 'data'}.\n"
    found = json.loads(floodfuse("catalog", "list", tmp_path / "data", "--json").stdout)
    assert [row["radiometry"] for row in found] == ["sigma0"]


def test_refused_addition_leaves_the_catalogue_as_it_was(
    add: Callable[..., Outcome], files: dict[str, Path], tmp_path: Path
) -> None:
    assert add(tmp_path / "data", "sentinel1", files["sentinel1"]).returncode == 0
    before = {path: path.read_bytes() for path in (tmp_path / "data").rglob("*.json")}
    assert add(tmp_path / "data", "sentinel1", files["sentinel1"], "--scale", "db").returncode == 2
    assert {path: path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()} == before


def test_check(floodfuse: Callable[..., Outcome], catalog: Path) -> None:
    outcome = floodfuse("catalog", "check", catalog)
    assert outcome.returncode == 0 and outcome.stdout.count(": ok\n") == 3


def test_check_finds_what_is_wrong(
    floodfuse: Callable[..., Outcome], files: dict[str, Path], add: Callable[..., Outcome], tmp_path: Path
) -> None:
    good, bad = files["sentinel1"], Path(shutil.copy(files["sentinel2"], tmp_path / "s2.tif"))
    assert add(tmp_path / "data", "sentinel1", good).returncode == 0
    assert add(tmp_path / "data", "sentinel2", bad).returncode == 0
    bad.write_bytes(bad.read_bytes()[: bad.stat().st_size // 2])
    outcome = floodfuse("catalog", "check", tmp_path / "data", "--json")
    assert outcome.returncode == 2 and outcome.stderr == ""
    faults = json.loads(outcome.stdout)
    assert faults["sentinel1-20210304T060000-s1"] == []
    assert all(str(bad) in fault for fault in faults["sentinel2-20210305T110000-s2"])
    assert len(faults["sentinel2-20210305T110000-s2"]) >= 1
    lines = floodfuse("catalog", "check", tmp_path / "data").stdout.splitlines()
    assert "sentinel1-20210304T060000-s1: ok" in lines


def test_brackets_in_names_are_printed(
    floodfuse: Callable[..., Outcome], files: dict[str, Path], add: Callable[..., Outcome], tmp_path: Path
) -> None:
    """Brackets are markup to the printer of tables, and part of names to everybody else."""
    folder = tmp_path / "data[red]"
    file = Path(shutil.copy(files["sentinel1"], tmp_path / "s1[bold].tif"))
    assert f"to {folder}.\n" in add(folder, "sentinel1", file).stdout
    file.unlink()
    assert str(file) in floodfuse("catalog", "check", folder).stdout


Written = Callable[[NDArray[np.float32]], NDArray[np.generic]]
COS = np.float32(np.cos(np.deg2rad(38.0)))
SIN = np.float32(np.sin(np.deg2rad(38.0)))
ENCODINGS: dict[str, tuple[Written, list[str]]] = {
    "gamma0 power, float64": (lambda gamma0: gamma0.astype(np.float64), []),
    "gamma0 dB": (lambda gamma0: 10 * np.log10(gamma0), ["--scale", "db"]),
    "gamma0 amplitude": (np.sqrt, ["--scale", "amplitude"]),
    "sigma0 dB": (lambda gamma0: 10 * np.log10(gamma0 * COS), ["--radiometry", "sigma0", "--scale", "db"]),
    "sigma0 power": (lambda gamma0: gamma0 * COS, ["--radiometry", "sigma0"]),
    "beta0 power": (lambda gamma0: gamma0 * COS / SIN, ["--radiometry", "beta0"]),
}


@pytest.fixture(scope="module")
def reference(
    files: dict[str, Path],
    add: Callable[..., Outcome],
    map_to: Callable[..., Outcome],
    tmp_path_factory: pytest.TempPathFactory,
) -> NDArray[np.float32]:
    """Probability from gamma0 in power."""
    folder = tmp_path_factory.mktemp("reference")
    assert add(folder / "data", "sentinel1", files["sentinel1"]).returncode == 0
    return _probability(map_to, folder)


def _probability(map_to: Callable[..., Outcome], folder: Path) -> NDArray[np.float32]:
    outcome = map_to(folder / "data", folder / "flood", "--quiet")
    assert outcome.returncode == 0, outcome
    with rasterio.open(folder / "flood" / "probability.tif") as found:
        values: NDArray[np.float32] = found.read(1)
    return values


@pytest.mark.parametrize("name", ENCODINGS)
def test_encodings_of_a_scene_give_one_map(
    scene: Layers,
    raster: Callable[..., Path],
    add: Callable[..., Outcome],
    map_to: Callable[..., Outcome],
    reference: NDArray[np.float32],
    tmp_path: Path,
    name: str,
) -> None:
    written, options = ENCODINGS[name]
    file = raster(tmp_path / "s1.tif", written(scene["vv"]), written(scene["vh"]))
    assert add(tmp_path / "data", "sentinel1", file, *options).returncode == 0
    found = _probability(map_to, tmp_path)
    np.testing.assert_allclose(found, reference, atol=0.01)  # one number is known to some degrees only


def test_angle_from_a_raster_is_the_declared_one(
    files: dict[str, Path],
    raster: Callable[..., Path],
    add: Callable[..., Outcome],
    map_to: Callable[..., Outcome],
    reference: NDArray[np.float32],
    tmp_path: Path,
) -> None:
    file = raster(tmp_path / "angle.tif", np.full((128, 128), 3800, np.uint16))
    angle = ("--incidence", file, "--incidence-scale", 0.01)
    assert add(tmp_path / "data", "sentinel1", files["sentinel1"], *angle).returncode == 0
    found = _probability(map_to, tmp_path)
    np.testing.assert_allclose(found, reference, atol=0.01)  # one number is known to some degrees only
