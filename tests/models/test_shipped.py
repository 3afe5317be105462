"""Weights that come with floodfuse (models/weights)."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest

from floodfuse.models.inputs import evidence as inputs
from floodfuse.models.networks.build import STRATEGIES
from floodfuse.models.tile_lattice import SIDE_PX
from floodfuse.models.weights import shipped
from floodfuse.models.weights.files import load
from floodfuse.models.weights.shipped import conformal_of_bayes

FOLDER = Path(shipped.__file__).parent
MOST_BYTES = 15_000_000
SUBSETS = {"c", "l", "optical", "c+l", "c+optical", "l+optical", "c+l+optical"}
COME = [name for name in STRATEGIES if shipped.shipped(name)]


def test_weights_of_every_strategy_come_and_none_of_another() -> None:
    assert set(COME) == set(STRATEGIES)
    assert {file.stem for file in FOLDER.glob("*.safetensors")} == set(COME)


@pytest.mark.parametrize("strategy", COME)
def test_weights_are_small_and_their_card_says_where_they_are_from(strategy: str) -> None:
    file = FOLDER / f"{strategy}.safetensors"
    assert file.stat().st_size < MOST_BYTES
    network, card = load(file)
    assert card.network.strategy == strategy and SIDE_PX % network.stride_px == 0
    assert card.inputs == "evidence" and card.fingerprint == inputs.FINGERPRINT
    assert card.dataset == "simulated" and card.licence.startswith("Apache-2.0")
    assert card.command.startswith("floodfuse train") and card.learning > 100 and card.scores
    assert card.conformal is not None and 0.2 < float(network.temperature) < 5.0
    assert float(network.feature_scale) < 1e6  # it knows what is new to it


@pytest.mark.parametrize("strategy", ["bayes", *COME])
def test_scores_on_events_held_out_come_with_them_for_every_subset_of_sensors(strategy: str) -> None:
    file = FOLDER / f"{strategy}.safetensors"
    checksum = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
    rows = [
        row
        for row in csv.DictReader((FOLDER / "scores.csv").read_text().splitlines())
        if (row["weights"], row["sha256"], row["test"]) == (strategy, checksum, "subset")
    ]
    assert {row["subset"] for row in rows} == SUBSETS
    assert all(0.0 < float(row["iou_flood"]) < 1.0 and int(row["chips"]) >= 40 for row in rows)


def test_quantiles_of_bayes_rule_leave_more_unanswered_the_less_is_risked() -> None:
    conformal, water = conformal_of_bayes(), np.linspace(0.0, 1.0, 1001)
    shares = [conformal.answered(water, risk).mean() for risk in (0.01, 0.05, 0.2)]
    assert shares == sorted(shares) and shares[0] < 0.5 < shares[-1]
