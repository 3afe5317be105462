"""Temperature and quantiles from chips (models/calibration)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from floodfuse.catalogs.datasets.chip import Chip, Views
from floodfuse.models.calibration import calibrate, temperature_of
from floodfuse.models.chips import UNLABELLED
from floodfuse.models.evaluation import score_chips
from floodfuse.models.inputs import evidence as inputs
from floodfuse.models.inputs.registry import INPUTS
from floodfuse.models.networks.build import NetworkSettings, build
from floodfuse.models.networks.fusion import FusionNetwork
from floodfuse.models.networks.physics import Physics
from floodfuse.models.predict import predict, prepared

SIDE = 128
CLASSES = inputs.CLASSES


class Boastful:
    """Chips whose radar claims `boast` times the evidence that its errors allow."""

    name = split = "boastful"
    views = ("c/now", inputs.GROUND)
    inputs = "evidence"
    classes = tuple(f"class {k}" for k in range(CLASSES))
    flooded = (0, 1, 2, 3)
    groups: Mapping[str, tuple[int, ...]] = {}
    events: Mapping[str, str] = {}
    chips = ("0", "1", "2", "3")

    def __init__(self, boast: float) -> None:
        self.boast = boast

    def read(self, chip: str) -> Chip:
        rng = np.random.default_rng(int(chip))
        truth = rng.integers(0, CLASSES, (SIDE, SIDE))
        score = rng.normal(size=(CLASSES, SIDE, SIDE))  # ln of a density ratio of unit normals a step apart
        np.put_along_axis(score, truth[None], np.take_along_axis(score, truth[None], 0) + 1.0, 0)
        seen = np.ones((SIDE, SIDE), bool)
        radar = np.concatenate([self.boast * score, np.zeros((1, SIDE, SIDE))]).astype(np.float32)
        even = np.full((SIDE, SIDE, CLASSES), -np.log(CLASSES), np.float32)
        views: Views = {"c/now": (radar, seen), inputs.GROUND: (inputs.stack_ground(even, None, None), seen)}
        truth[:5] = UNLABELLED
        return Chip(chip, chip, views, truth.astype(np.uint8))


def untrained() -> FusionNetwork:
    """A gray box before it has learned: Bayes' rule, with a temperature of its own."""
    torch.manual_seed(0)
    made = NetworkSettings(strategy="graybox", encoder="tu-test_resnet", fold=1, decoder=(16, 8, 8, 8, 8))
    return build(made, dict(inputs.CHANNELS), CLASSES).eval()


@settings(max_examples=15, deadline=None)
@given(st.floats(0.4, 4.0), st.integers(0, 100))
def test_the_temperature_takes_back_what_scores_overstate(boast: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(0.0, 2.0, (20_000, 3))
    honest = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    truth = (rng.uniform(size=(20_000, 1)) > honest.cumsum(axis=1)[:, :2]).sum(axis=1)
    told = np.exp(boast * scores) / np.exp(boast * scores).sum(axis=1, keepdims=True)
    assert temperature_of(told, truth) == pytest.approx(boast, rel=0.08)


@pytest.mark.parametrize("boast", [0.5, 3.0])
def test_a_calibrated_network_means_what_it_says(boast: float) -> None:
    source, network = Boastful(boast), untrained()
    before = score_chips(network, source, ("2", "3"), INPUTS["evidence"], turns=False)
    views = prepared(source.read("2").views, INPUTS["evidence"])
    likeliest = predict(network, views, turns=False).argmax(axis=0)
    conformal = calibrate(network, source, ("0", "1"), INPUTS["evidence"])
    after = score_chips(network, source, ("2", "3"), INPUTS["evidence"], turns=False)
    assert float(network.temperature) == pytest.approx(boast, rel=0.1)
    assert after.ece < 0.02 and before.ece > 0.05
    # Dividing all scores moves no class past another.
    np.testing.assert_array_equal(predict(network, views, turns=False).argmax(axis=0), likeliest)
    again = calibrate(network, source, ("0", "1"), INPUTS["evidence"])
    assert again == conformal and float(network.temperature) == pytest.approx(boast, rel=0.1)


def test_bayes_rule_keeps_its_temperature_and_gets_quantiles() -> None:
    physics = Physics(dict(inputs.CHANNELS), CLASSES).eval()
    conformal = calibrate(physics, Boastful(1.0), ("0", "1"), INPUTS["evidence"])
    assert float(physics.temperature) == 1.0
    water = _water(physics, "2")
    truth = Boastful(1.0).read("2").truth
    wet = np.isin(truth, (0, 1, 2, 3))
    missed = conformal.answered(water, 0.1) & (water <= 0.5)
    assert missed[wet].mean() <= 0.12


def _water(network: FusionNetwork, chip: str) -> NDArray[np.floating]:
    views = prepared(Boastful(1.0).read(chip).views, INPUTS["evidence"])
    return predict(network, views, turns=False)[:4].sum(axis=0)
