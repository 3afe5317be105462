"""Settings that can't be right: in a file or typed, the message names the value, where it stands and the cure."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Outcome = subprocess.CompletedProcess[str]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("resolutoin: 20\n", ("unknown setting 'resolutoin'", "did you mean 'resolution'?")),
        ("sensor: sentinel1\n", ("unknown setting 'sensor'", "did you mean 'sensors'?")),
        ("Date: 2021-03-04\n", ("unknown setting 'Date'", "did you mean 'date'?")),
        ("zzz: 1\n", ("unknown setting 'zzz'", "area, date, window")),
        ("2021: 1\n", ("unknown setting '2021'", "known are")),
        ("date: [2021\n", ("not YAML", "line", "key: value")),
        ("- date\n- area\n", ("`key: value`", "date: 2019-09-17")),
        ("resolution: fine\n", ("resolution 'fine'", "valid number", "pixel size")),
        ("resolution: {x: 10}\n", ("resolution '{'x': 10}'", "valid number")),
        ("workers: 1.5\n", ("workers '1.5'", "valid integer")),
        ("block: 7\n", ("block '7'", "64")),
        ("overwrite: perhaps\n", ("overwrite 'perhaps'", "boolean")),
        ("window: 1000\n", ("window '1000'", "366", "days")),
        ("crs: 32630\n", ("crs '32630'", "string", "EPSG:n")),
        ("sensors: sentinel9\n", ("sentinel9", "'sentinel1', 'alos2', 'sentinel2'")),
        ("sensors: []\n", ("sensors '[]'", "at least 1")),
        ("fusion: magic\n", ("fusion 'magic'", "'bayes'")),
    ],
)
def test_settings_file(
    map_to: Callable[..., Outcome],
    refused: Callable[..., None],
    catalog: Path,
    tmp_path: Path,
    content: str,
    words: tuple[str, ...],
) -> None:
    file, out = tmp_path / "run.yaml", tmp_path / "flood"
    file.write_text(content)
    refused(map_to(catalog, out, "--settings", file), f"settings {file}", *words, out=out)


@pytest.mark.parametrize(
    "make", [lambda file: None, Path.mkdir, lambda file: file.write_bytes(b"\xff\xfe\xfa\x80")]
)
def test_settings_file_that_is_none(
    map_to: Callable[..., Outcome],
    refused: Callable[..., None],
    catalog: Path,
    tmp_path: Path,
    make: Callable[[Path], object],
) -> None:
    file, out = tmp_path / "run.yaml", tmp_path / "flood"
    make(file)
    refused(map_to(catalog, out, "--settings", file), f"settings {file}", "YAML", out=out)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--sensors", "sentinel9"], ("sensors 'sentinel9'", "'sentinel1', 'alos2', 'sentinel2'")),
        (["--sensors", "sentinel1,"], ("sensors ''", "'sentinel1'")),
        (["--sensors", "terrain"], ("terrain", "sentinel1, alos2, sentinel2")),
        (["--fusion", "magic"], ("fusion 'magic'", "'bayes'")),
        (["--block", "10"], ("block '10'", "64")),
        (["--workers", "0"], ("workers '0'", "1")),
    ],
)
def test_as_typed(
    map_to: Callable[..., Outcome],
    refused: Callable[..., None],
    catalog: Path,
    tmp_path: Path,
    options: list[str],
    words: tuple[str, ...],
) -> None:
    out = tmp_path / "flood"
    refused(map_to(catalog, out, *options), *words, out=out)


@pytest.mark.parametrize("missing", ["date", "catalog", "out", "area"])
def test_something_missing(
    floodfuse: Callable[..., Outcome],
    refused: Callable[..., None],
    catalog: Path,
    area: str,
    tmp_path: Path,
    missing: str,
) -> None:
    given = {"date": "2021-03-04", "catalog": str(catalog), "out": str(tmp_path / "flood")}
    options = [part for name, value in given.items() if name != missing for part in (f"--{name}", value)]
    outcome = floodfuse("map", *([] if missing == "area" else [area]), *options)
    option = "first argument" if missing == "area" else f"--{missing}"
    refused(outcome, f"'{missing}' is missing", option, f"`{missing}:`", out=tmp_path / "flood")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["map", "--resolutoin", "20"], ("--resolutoin", "--resolution")),
        (["mapp"], ("mapp", "map")),
        (["map", "--resolution", "fine"], ("--resolution", "valid number")),
        (
            ["catalog", "add", "data", "--sensor", "sentinel9", "--asset", "vv=x.tif"],
            ("sentinel9", "sentinel1"),
        ),
        (["catalog", "add", "data", "--sensor", "sentinel1"], ("--asset",)),
        (["explain", "flood"], ("--at",)),
        (["diff", "flood"], ("B",)),
    ],
)
def test_usage(floodfuse: Callable[..., Outcome], arguments: list[str], words: tuple[str, ...]) -> None:
    """What the parser itself refuses: usage and reason on standard error, code 2."""
    outcome = floodfuse(*arguments)
    assert outcome.returncode == 2 and outcome.stdout == ""
    assert outcome.stderr.startswith("Usage: floodfuse") and "Traceback" not in outcome.stderr
    for word in words:
        assert word in outcome.stderr


def test_settings_through_the_real_program(
    program: Callable[..., Outcome], refused: Callable[..., None], catalog: Path, area: str, tmp_path: Path
) -> None:
    file, out = tmp_path / "run.yaml", tmp_path / "flood"
    file.write_text(f"date: 2021-03-04\ncatalog: {catalog}\nout: {out}\nwindows: 3\n")
    refused(program("map", area, "--settings", file), f"settings {file}", "did you mean 'window'?", out=out)
