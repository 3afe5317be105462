"""Simulated chips as training takes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from floodfuse.catalogs.errors import BadRequest
from floodfuse.catalogs.simulated.chips import chip_seed, simulate_chip
from floodfuse.harmonize.classes import FLOODED
from floodfuse.models.inputs import evidence as inputs
from floodfuse.models.inputs.registry import INPUTS
from floodfuse.models.networks.physics import Bayes
from floodfuse.models.predict import predict, prepared
from floodfuse.pipeline import chip_evidence
from floodfuse.pipeline.datasets import open_dataset
from floodfuse.pipeline.simulated_chips import DRY_EVERY, SIDE_PX, SimulatedChips

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> SimulatedChips:
    return SimulatedChips(tmp_path_factory.mktemp("chips"), "B", 5, DRY_EVERY)


def test_a_chip_is_kept_and_comes_back_as_it_was_made(source: SimulatedChips, tmp_path: Path) -> None:
    first, again = source.read("00001"), source.read("00001")
    anew = SimulatedChips(tmp_path, "B", 5, 2).read("00001")
    changes = {"c/now:change", "l/now:change"}  # of chips with dry references, every fourth
    assert set(first.views) == set(inputs.CHANNELS) - changes
    assert set(source.read("00000").views) == set(inputs.CHANNELS)
    for view, channels in {view: inputs.CHANNELS[view] for view in first.views}.items():
        assert first.views[view][0].shape == (channels, SIDE_PX, SIDE_PX)
        assert np.isfinite(first.views[view][0].astype(np.float32)).all()
        for other in (again, anew):
            np.testing.assert_array_equal(first.views[view][0], other.views[view][0])
            np.testing.assert_array_equal(first.views[view][1], other.views[view][1])
    assert first.views[inputs.GROUND][1].all() and not first.views["optical/now"][1].all()
    assert {path.suffix for path in source.root.iterdir()} == {".npz"}


def test_bayes_rule_over_a_chip_is_the_product_of_the_chip(source: SimulatedChips) -> None:
    chip = source.read("00001")
    simulated = simulate_chip(chip_seed(5, 1), "B", SIDE_PX)
    share = chip_evidence.prior_of(simulated)
    answer = chip_evidence.answer(simulated, chip_evidence.evidence_of(simulated, share), share)
    network = Bayes(dict(inputs.CHANNELS), inputs.CLASSES).eval()
    with torch.inference_mode():
        found = predict(network, prepared(chip.views, INPUTS["evidence"]), turns=False)
    water = found[: len(FLOODED)].sum(axis=0)
    np.testing.assert_allclose(water, answer.posterior.water, atol=0.01)  # kept in half precision
    np.testing.assert_array_equal(chip.truth, simulated.truth)


def test_every_tenth_chip_has_no_flood_beside_its_usual_water(source: SimulatedChips) -> None:
    dry = simulate_chip(chip_seed(5, DRY_EVERY - 1), "B", SIDE_PX, dry=True)
    np.testing.assert_array_equal(source.read(f"{DRY_EVERY - 1:05d}").truth, dry.truth)


@pytest.mark.parametrize("split", ["train", "C-1-2", "A-1", "A-1-0", "A--1-2", "A-1-2-desert"])
def test_a_split_that_names_no_set_of_chips_is_refused(split: str, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=f"split '{split}'.*A-101-500"):
        open_dataset("simulated", tmp_path, split)
    assert not any(tmp_path.iterdir())


def test_chips_of_another_country_are_kept_apart(tmp_path: Path) -> None:
    valley, mixed = (open_dataset("simulated", tmp_path, split) for split in ("B-5-1", "B-5-1-mixed"))
    assert (valley.split, mixed.split) == ("B-5-1", "B-5-1-mixed")
    assert len({path.name for path in tmp_path.iterdir()}) == 2
    again = simulate_chip(chip_seed(5, 0), "B", SIDE_PX, land="mixed")
    np.testing.assert_array_equal(mixed.read("00000").truth, again.truth)
