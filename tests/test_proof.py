"""A small proof on synthetic chips: evidence means what it says, and what more sensors and references add.

Few chips hold few scenes, so bars here are wider than those of `benchmarks.prove_physics`, which prints the figures.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit, logit

from benchmarks import proof_figures, proof_statistics, proof_tables, prove_physics
from benchmarks.proof_chips import WITH_REFERENCE, Task, examine
from floodfuse.catalogs.simulated.chips import simulate_chip
from floodfuse.harmonize.classes import Decider, MapClass
from floodfuse.pipeline import chip_evidence

pytestmark = pytest.mark.slow
SIDE = 192


@pytest.fixture(scope="module")
def proof() -> prove_physics.Proof:
    size = prove_physics.Sizes(16, 6, 3, 1, 12, SIDE, seed=6)
    return prove_physics.run(size, lambda _: None, processes=1)


def test_evidence_of_both_bands_rises_with_the_share_of_flood_and_is_near_the_truth(
    proof: prove_physics.Proof,
) -> None:
    """Property 19, physics swapped: slope 0.8 to 1.25 within what sixteen scenes can tell."""
    table = proof.tables["same_meaning"]
    for band in "cl":
        row = table[f"pixel {band}"]
        low, high = row["slope_range"]
        assert low < 1.25 and high > 0.8
        assert row["auc"] > 0.75
        curve = proof.curves[f"pixel {band}"]
        seen = np.isfinite(curve.share)
        assert seen.sum() >= 4
        assert np.corrcoef(curve.nats[seen], logit(np.clip(curve.share[seen], 0.01, 0.99)))[0, 1] > 0.85
    agree = table["pixel agreement"]
    assert agree["bins"] >= 3 and agree["agree"] >= agree["bins"] // 2


def test_an_inference_loses_little_in_the_other_world_and_floodfuse_little_in_either(
    proof: prove_physics.Proof,
) -> None:
    table = proof.tables["swap_matrix"]
    assert table["gap of floodfuse"]["C"] < 0.07
    for world in "AB":
        assert table[f"floodfuse on {world}"]["C+L"] > table[f"naive dB average on {world}"]["C+L"] + 0.05
        for area in table[f"labels of {world} shuffled"].values():
            assert area == pytest.approx(0.5, abs=0.05)


def test_l_band_tells_flooded_forest_better_than_c_band_and_a_reference_better_still(
    proof: prove_physics.Proof,
) -> None:
    """C and L by their evidence alone: in few scenes the prior, which knows low ground, hides what bands add to it."""
    told = {
        r["band"]: r["auc"]
        for r in proof.tables["class_pairs"]
        if r["pair"] == "FLOODED_FOREST : DRY_FOREST" and r["form"] == "mean"
    }
    assert told["l"] > max(told["c"] + 0.05, 0.7)
    table = proof.tables["flooded_forest"]
    for peer in ("HydroSAR-like", "DSWx-S1-like", "C"):
        assert table[peer]["recall"] < 0.02
    assert table["C+L"]["recall"] > table["C"]["recall"] + 0.02
    assert table["C"]["recall"] + 0.02 < table["L"]["recall"]
    assert table["L"]["auc"] <= table[WITH_REFERENCE]["auc"]
    assert table[WITH_REFERENCE]["auc"] > table["C+L"]["auc"] + 0.02
    assert table[WITH_REFERENCE]["false_on_dry_forest"] < table["C+L"]["false_on_dry_forest"] < 0.05


def test_errors_fall_with_certainty_where_classes_have_models(proof: prove_physics.Proof) -> None:
    for config in ("C", "L", "C+L", "C+L+optical"):
        row = proof.tables["held_out"][f"flood {config}"]
        assert row["wrong_of_surest_half"] < 0.6 * row["wrong"]
        assert row["certain_and_wrong"] < 0.05


def test_chips_without_a_flood_stay_dry_and_most_of_all_with_a_reference(proof: prove_physics.Proof) -> None:
    for world in "AB":
        flood = {name: row["flood"] for name, row in proof.tables["all_dry"][world].items()}
        assert flood["C"] < 0.05
        assert flood["C+L"] < 0.08
        assert flood[WITH_REFERENCE] < min(0.03, 0.7 * flood["C+L"])


def test_tables_and_figures_are_made_and_say_that_they_are_synthetic(
    proof: prove_physics.Proof, tmp_path: Path
) -> None:
    text = proof_tables.text(proof.tables)
    assert text.count("SYNTHETIC") == 7 and "nan" not in text.split("SYNTHETIC  3")[0]
    json.dumps(proof.tables)
    proof_figures.draw(proof, tmp_path)
    assert len(list(tmp_path.glob("proof_*.png"))) == 4


def test_every_mechanism_was_at_work_and_shares_add_up(proof: prove_physics.Proof) -> None:
    for name, row in proof.tables["held_out"].items():
        assert row["pixels"] > 0, name
        assert row["called_water"] + row["called_dry"] + row["excluded"] == pytest.approx(1.0)


def test_a_chip_is_examined_the_same_whatever_came_before() -> None:
    task = Task("B", 3, 2, 128)
    first = examine(task)
    examine(Task("A", 3, 1, 128, "dry"))
    again = examine(task)
    for name, values in first.sample.items():
        np.testing.assert_array_equal(values, again.sample[name])
    assert first.area == again.area


def test_a_reference_of_the_chip_is_used() -> None:
    chip = simulate_chip(4, "B", 128)
    share = chip_evidence.prior_of(chip)
    told = chip_evidence.told_of(chip.alos2, Decider.ALOS2, share)
    absolute = chip_evidence.radar_nats(chip.alos2, Decider.ALOS2, told)
    against = chip_evidence.radar_nats(chip.alos2, Decider.ALOS2, told, share)
    assert absolute.shape == against.shape == (128, 128, 8)
    assert np.abs(absolute - against).mean() > 0.05
    for nats in (absolute, against):
        assert nats.max() <= 1e-5 and nats.min() >= -4.0 - 1e-5


# Statistics on numbers whose truth is known.


def _drawn(slope: float, intercept: float, n: int = 60_000) -> tuple[Any, Any, NDArray[np.intp]]:
    rng = np.random.default_rng(1)
    llr = 2.0 * rng.standard_normal(n)
    flooded = rng.random(n) < expit(slope * llr + intercept - 1.0)
    return llr, flooded, np.repeat(np.arange(30), n // 30)


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.6, 0.3), (1.4, -0.2)])
def test_calibration_recovers_slope_and_intercept(slope: float, intercept: float) -> None:
    llr, flooded, chip = _drawn(slope, intercept)
    found = proof_statistics.calibration(llr, flooded, chip, -1.0)
    assert found.slope == pytest.approx(slope, abs=0.04)
    assert found.intercept == pytest.approx(intercept, abs=0.04)
    assert found.slope_range[0] < found.slope < found.slope_range[1]
    assert (found.ece < 0.01) == (slope == 1.0)


def test_curves_of_the_same_evidence_agree_and_of_other_evidence_do_not() -> None:
    edges = np.arange(-4.5, 5.0, 1.0)
    curves = [proof_statistics.reliability(*_drawn(a, 0.0), edges, -1.0) for a in (1.0, 1.0, 0.5)]
    both, agree = proof_statistics.agreement(curves[0], curves[1])
    assert both.all() and agree.all()
    both, agree = proof_statistics.agreement(curves[0], curves[2])
    assert (both & ~agree).sum() >= 4


def test_curves_are_held_against_each_other_at_the_same_prior() -> None:
    """Calibrated evidence of rarer floods shows fewer floods, and means the same all the same."""
    edges = np.arange(-4.5, 5.0, 1.0)
    llr, flooded, chip = _drawn(1.0, 0.0)
    rarer = np.random.default_rng(2).random(llr.size) < expit(llr - 2.0)
    usual, rare = (
        proof_statistics.reliability(llr, truth, chip, edges, prior)
        for truth, prior in ((flooded, -1.0), (rarer, -2.0))
    )
    assert np.nanmax(np.abs(usual.share - rare.share)) > 0.15
    both, agree = proof_statistics.agreement(usual, rare)
    assert both.all() and agree.all()


def test_errors_of_a_calibrated_forecast_fall_with_coverage() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(20_000)
    coverage, error = proof_statistics.risk_coverage(p, rng.random(p.size) < p)
    assert coverage[-1] == 1.0 and error[-1] == pytest.approx(0.25, abs=0.02)
    assert (np.diff(error) > -0.01).all() and error[1] < 0.05


def test_map_of_a_chip_holds_classes_of_the_legend() -> None:
    chip = simulate_chip(9, "B", 128)
    share = chip_evidence.prior_of(chip)
    answer = chip_evidence.answer(chip, chip_evidence.evidence_of(chip, share), share)
    assert set(np.unique(answer.map_class)) <= {int(k) for k in MapClass}
    np.testing.assert_allclose(answer.posterior.classes.sum(axis=-1), 1.0, atol=1e-5)
