"""`floodfuse calibrate` on a few simulated chips: what it leaves, what its risks come to, what it refuses."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from floodfuse.models.conformal import Conformal
from floodfuse.models.weights.files import load, read_card
from floodfuse.models.weights.shipped import shipped

Outcome = subprocess.CompletedProcess[str]
Program = Callable[..., Outcome]

SPLIT = "A-6-4"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where four chips are kept, once the program has made them. Not to be changed by a test."""
    return tmp_path_factory.mktemp("chips")


@pytest.fixture
def calibrate(floodfuse: Program, root: Path) -> Program:
    """Run the command on the four chips."""

    def run(weights: object, out: Path, *more: object) -> Outcome:
        chips = ("--dataset", "simulated", "--root", root, "--split", SPLIT)
        return floodfuse("calibrate", weights, *chips, "--out", out, *more)

    return run


def at_risk(floodfuse: Program, root: Path, weights: Path, told: Path) -> list[dict[str, float]]:
    """What `evaluate` says of risks, on the same chips."""
    chips = ("--dataset", "simulated", "--root", root, "--split", SPLIT)
    outcome = floodfuse("evaluate", *chips, "--no-turns", "--weights", weights, "--json", told)
    assert outcome.returncode == 0, outcome.stderr
    found: list[dict[str, float]] = json.loads(told.read_text())["at_risk"]
    return found


def test_risks_hold_on_the_chips_that_calibrated_and_the_card_names_them(
    calibrate: Program, floodfuse: Program, root: Path, tmp_path: Path
) -> None:
    out = tmp_path / "made" / "intermediate.safetensors"
    outcome = calibrate("intermediate", out)
    assert outcome.returncode == 0, outcome.stderr
    assert str(out) in outcome.stdout.replace("\n", "") and "4 chips" in outcome.stdout
    card, before = read_card(out), shipped("intermediate")
    assert before is not None
    assert card.calibrated_by == f"4 chips of simulated {SPLIT}: whole"
    assert card.command == read_card(before).command  # of the training, which stays what made the weights
    assert float(load(out)[0].temperature) != float(load(before)[0].temperature)
    for row in at_risk(floodfuse, root, out, tmp_path / "told.json"):
        for kind in ("wet_covered", "dry_covered"):
            assert row[kind] == pytest.approx(1.0 - row["risk"], abs=0.04), (row["risk"], kind)


def test_what_is_left_out_is_named_and_makes_more_careful(calibrate: Program, tmp_path: Path) -> None:
    whole, fewer = tmp_path / "whole.json", tmp_path / "fewer.json"
    assert calibrate("bayes", whole).returncode == 0
    assert calibrate("bayes", fewer, "--without", "l,optical", "--without", "c").returncode == 0
    doubts = [
        np.mean(Conformal.model_validate_json(file.read_text()).wet)
        + np.mean(Conformal.model_validate_json(file.read_text()).dry)
        for file in (whole, fewer)
    ]
    assert doubts[1] > doubts[0]
    named = tmp_path / "named.safetensors"
    assert calibrate("graybox", named, "--without", "l,optical").returncode == 0
    assert read_card(named).calibrated_by == f"4 chips of simulated {SPLIT}: whole, without l and optical"


@pytest.mark.parametrize(
    ("weights", "name", "more", "words"),
    [
        ("bayes", "bayes.safetensors", (), ("bayes is a .json file",)),
        ("intermediate", "weights.json", (), ("intermediate is a .safetensors file",)),
        (
            "intermediate",
            "w.safetensors",
            ("--without", "radar"),
            ("without 'radar'", "known are c, c/now, ground"),
        ),
        ("intermediate", "w.safetensors", ("--pool", "median"), ("pool 'median'", "not of late fusion")),
        ("none.safetensors", "w.safetensors", (), ("none.safetensors",)),
        ("intermediate", "w.safetensors", ("--split", "C-1-2"), ("C-1-2",)),
    ],
)
def test_bad_requests_are_refused_and_leave_nothing(
    calibrate: Program, tmp_path: Path, weights: str, name: str, more: tuple[str, ...], words: tuple[str, ...]
) -> None:
    outcome = calibrate(weights, tmp_path / name, *more)
    said = " ".join(outcome.stderr.split())
    assert outcome.returncode == 2, outcome.stdout
    assert all(word in said for word in words), said
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_already_stays_as_it_is(calibrate: Program, tmp_path: Path) -> None:
    there = tmp_path / "kept.safetensors"
    there.write_bytes(b"mine")
    outcome = calibrate("intermediate", there)
    assert outcome.returncode == 2 and "there is such a file already" in outcome.stderr
    assert there.read_bytes() == b"mine"
