"""The command line when all is well: what is printed where, help, completion, settings files."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import rasterio
import yaml
from numpy.typing import NDArray

from floodfuse.harmonize.classes import LEGEND, MapClass

Outcome = subprocess.CompletedProcess[str]
COMMANDS = [
    "map",
    "demo",
    "inspect",
    "diff",
    "explain",
    "train",
    "evaluate",
    "calibrate",
    "ablate",
    "compare",
    "catalog add",
    "catalog list",
    "catalog show",
    "catalog check",
    "catalog simulate",
]


def test_the_map_finds_the_water(product: Path, water: NDArray[np.bool_]) -> None:
    """The synthetic scene is the yardstick of everything else here, so it must be mapped right."""
    with rasterio.open(product / "flood.tif") as found:
        classes = found.read(1)
        column, row = ~found.transform @ (680_000.0, 4_210_000.0)
    truth = np.zeros(classes.shape, bool)
    top, left = -round(row), -round(column)
    part = water[top : top + classes.shape[0], left : left + classes.shape[1]]
    truth[: part.shape[0], : part.shape[1]] = part
    seen = classes != MapClass.NOT_OBSERVED
    wet = classes == MapClass.OPEN_FLOOD_WATER
    assert (wet & truth & seen).sum() / ((wet | truth) & seen).sum() > 0.97


@pytest.mark.slow
def test_negative_west_as_typed(
    program: Callable[..., Outcome], catalog: Path, area: str, tmp_path: Path
) -> None:
    assert area.startswith("-0.9")
    usual = ("--date", "2021-03-04", "--catalog", catalog)
    outcome = program("map", area, *usual, "--out", tmp_path / "flood", "--sensors", "sentinel1, sentinel2")
    assert outcome.returncode == 0, outcome
    assert (
        "Open flood water" in outcome.stdout and f"Open in QGIS: {tmp_path}/flood/flood.qgz" in outcome.stdout
    )
    assert "note: No permanent-water layer" in outcome.stderr
    assert "Flood map, 2021-03-04 12:00 UTC" in outcome.stdout


@pytest.mark.slow
def test_json_is_the_record(
    program: Callable[..., Outcome], catalog: Path, area: str, tmp_path: Path
) -> None:
    out = tmp_path / "flood"
    usual = ("--date", "2021-03-04", "--catalog", catalog, "--out", out, "--json")
    outcome = program("map", "--sensors", "sentinel1", *usual, area)
    assert outcome.returncode == 0 and outcome.stderr == ""
    record = json.loads(outcome.stdout)
    assert record == json.loads((out / "run.json").read_text())
    assert {row["value"] for row in record["classes"]} == {int(value) for value in LEGEND}
    assert sum(row["share"] for row in record["classes"]) == pytest.approx(1.0)
    assert sum(row["area_km2"] for row in record["classes"]) == pytest.approx(0.98**2, abs=0.02)
    assert any("permanent-water" in warning for warning in record["warnings"])


@pytest.mark.slow
def test_quiet_is_silent(program: Callable[..., Outcome], catalog: Path, area: str, tmp_path: Path) -> None:
    usual = ("--date", "2021-03-04", "--catalog", catalog, "--out", tmp_path / "flood")
    outcome = program("map", area, *usual, "--quiet")
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "", "")


def test_version(program: Callable[..., Outcome]) -> None:
    outcome = program("--version")
    assert (outcome.returncode, outcome.stdout) == (0, f"{version('floodfuse')}\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command(floodfuse: Callable[..., Outcome], command: str) -> None:
    outcome = floodfuse(*command.split(), "--help")
    assert outcome.returncode == 0 and outcome.stderr == ""
    usage, _, rest = outcome.stdout.strip().partition("\n")
    assert usage.strip().startswith(f"Usage: floodfuse {command}")
    assert len(rest.strip().partition("\n")[0].strip()) > 20  # what the command does
    assert floodfuse(*command.split(), "-h").stdout == outcome.stdout


@pytest.mark.parametrize("command", ["map", "catalog add"])
def test_help_has_examples(floodfuse: Callable[..., Outcome], command: str) -> None:
    text = " ".join(floodfuse(*command.split(), "--help").stdout.split())
    assert "Examples:" in text and f"floodfuse {command} " in text.partition("Examples:")[2]


def test_help_names_every_command(floodfuse: Callable[..., Outcome]) -> None:
    overview = floodfuse("--help").stdout + floodfuse("catalog", "--help").stdout
    assert all(f" {command.split()[-1]} " in overview for command in COMMANDS)


@pytest.mark.parametrize(
    ("typed", "position", "wanted"),
    [
        ("floodfuse ma", 1, "map"),
        ("floodfuse catalog si", 2, "simulate"),
        ("floodfuse map --resol", 2, "--resolution"),
    ],
)
def test_shell_completion(program: Callable[..., Outcome], typed: str, position: int, wanted: str) -> None:
    asked = {"_FLOODFUSE_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(position)}
    outcome = program(**asked)
    assert (outcome.returncode, outcome.stdout.split()) == (0, [wanted])


def test_completion_script(program: Callable[..., Outcome]) -> None:
    outcome = program(_FLOODFUSE_COMPLETE="source_bash")
    assert outcome.returncode == 0 and "complete -o default -F" in outcome.stdout


@pytest.fixture
def settings_file(catalog: Path, area: str, tmp_path: Path) -> Path:
    """All of a run in one file, in the ways that people write YAML."""
    west, south, east, north = area.split(",")
    file = tmp_path / "run.yaml"
    file.write_text(
        f"area: [{west}, {south}, {east}, {north}]\n"
        "date: 2021-03-04\n"
        f"catalog: {catalog}\n"
        f"out: {tmp_path / 'from-file'}\n"
        "sensors: sentinel1, alos2\n"
        "resolution: 20\n"
        "crs: EPSG:32630\n"
        "window:  # as usual\n"
    )
    return file


def test_settings_file_equals_options(
    floodfuse: Callable[..., Outcome],
    map_to: Callable[..., Outcome],
    catalog: Path,
    settings_file: Path,
    tmp_path: Path,
) -> None:
    assert floodfuse("map", "--settings", settings_file, "--quiet").returncode == 0
    options = ("--sensors", "sentinel1,alos2", "--resolution", 20, "--crs", "EPSG:32630")
    assert map_to(catalog, tmp_path / "typed", *options, "--quiet").returncode == 0
    one, two = tmp_path / "from-file", tmp_path / "typed"
    assert (one / "flood.tif").read_bytes() == (two / "flood.tif").read_bytes()
    assert (one / "probability.tif").read_bytes() == (two / "probability.tif").read_bytes()


def test_options_go_over_the_file_and_both_are_recorded(
    floodfuse: Callable[..., Outcome], settings_file: Path, catalog: Path, tmp_path: Path
) -> None:
    out = tmp_path / "typed"
    typed = ("--out", out, "--sensors", "sentinel1", "--workers", 1)
    assert floodfuse("map", "--settings", settings_file, *typed, "--quiet").returncode == 0
    assert not (tmp_path / "from-file").exists()
    stored = json.loads((out / "run.json").read_text())["settings"]
    assert stored["sensors"] == ["sentinel1"] and stored["workers"] == 1
    assert stored["resolution"] == 20 and stored["crs"] == "EPSG:32630" and stored["window"] == 3
    assert stored["date"] == "2021-03-04" and stored["catalog"] == str(catalog)


def test_stored_settings_make_the_same_product_again(
    floodfuse: Callable[..., Outcome], product: Path, tmp_path: Path
) -> None:
    stored = json.loads((product / "run.json").read_text())["settings"]
    file, out = tmp_path / "again.yaml", tmp_path / "again"
    file.write_text(yaml.safe_dump(stored | {"out": str(out)}))
    assert floodfuse("map", "--settings", file, "--quiet").returncode == 0
    for name in ("flood.tif", "probability.tif", "diagnostics.tif"):
        assert (out / name).read_bytes() == (product / name).read_bytes()


def test_sensors_may_be_left_out(map_to: Callable[..., Outcome], catalog: Path, tmp_path: Path) -> None:
    outcome = map_to(catalog, tmp_path / "flood", "--sensors", "alos2", "--json")
    assert [row["sensor"] for row in json.loads(outcome.stdout)["inputs"]] == ["alos2"]


def test_closed_pipe_is_no_traceback(catalog: Path) -> None:
    """A reader that has left already (`floodfuse … | head`) is no fault."""
    script = Path(sys.executable).parent / "floodfuse"
    command = ["bash", "-c", '"$0" "$@" | true', str(script), "catalog", "list", str(catalog)]
    assert subprocess.run(command, capture_output=True, text=True, check=False).stderr == ""
