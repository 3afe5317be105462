"""`floodfuse catalog simulate`: options reach the scene, and values that can't be are refused with their cure."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio

Outcome = subprocess.CompletedProcess[str]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--references", 13], ("references 13", "0 to 12")),
        (["--references", -1], ("references -1", "0 to 12")),
        (["--mechanism", "fog"], ("mechanism 'fog'", "mud_flats", "snow_fields")),
        (["--dry", "--mechanism", "flooded_reeds"], ("flooded_reeds", "without a flood")),
        (["--shift", "sentinel1=0.6"], ("shift 'sentinel1=0.6'", "SENSOR=DOWN,RIGHT")),
        (["--shift", "sentinel1=0.6,-1.3,2"], ("shift 'sentinel1=0.6,-1.3,2'", "SENSOR=DOWN,RIGHT")),
        (["--shift", "landsat=0.6,1"], ("shift 'landsat=0.6,1'", "sentinel1, alos2, sentinel2")),
        (["--shift", "0.6,-1.3"], ("shift '0.6,-1.3'", "SENSOR=DOWN,RIGHT")),
        (["--shift", "terrain=1,1"], ("shift of terrain", "sentinel1")),
        (["--shift", "alos2=0,9"], ("shift 9 of alos2", "-5 to 5")),
        (["--shift", "alos2=nan,0"], ("shift nan of alos2", "-5 to 5")),
        (["--world", "C"], ("world 'C'", "A and B")),
        (["--seed", -3], ("seed -3",)),
        (["--size", 257], ("size 257", "even")),
    ],
)
def test_values_that_can_not_be_are_refused(
    floodfuse: Callable[..., Outcome],
    refused: Callable[..., None],
    tmp_path: Path,
    options: list[object],
    words: tuple[str, ...],
) -> None:
    out = tmp_path / "archive"
    refused(floodfuse("catalog", "simulate", out, "--size", 256, *options), *words, out=out)


def test_options_reach_the_scene(floodfuse: Callable[..., Outcome], tmp_path: Path) -> None:
    out = tmp_path / "archive"
    options = ("--dry", "--references", 1, "--artefacts", "--mechanism", "mud_flats", "--seed", 3)
    shifts = ("--shift", "sentinel1=0.6,-1.3", "--shift", "random")
    outcome = floodfuse("catalog", "simulate", out, "--size", 256, *options, *shifts, "--json")
    assert outcome.returncode == 0, outcome.stderr
    answer = json.loads(outcome.stdout)
    with rasterio.open(answer["truth"]) as truth:
        assert set(np.unique(truth.read(1))) == {0, 1}
    record = json.loads((out / "scenario.json").read_text())
    assert record["flooded"] is False and record["artefacts"] is True
    assert record["mechanisms"] == ["mud_flats"]
    assert record["shift_px"]["sentinel1"] == [0.6, -1.3]
    assert record["shift_px"]["alos2"] != [0.0, 0.0] != record["shift_px"]["sentinel2"]
    listed = json.loads(floodfuse("catalog", "list", out, "--json").stdout)
    assert {"synthetic-sentinel1-ref1", "synthetic-palsar2-ref1"} < {row["id"] for row in listed}
    assert floodfuse("catalog", "check", out).returncode == 0
