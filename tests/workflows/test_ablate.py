"""`floodfuse ablate` on two small simulated chips: what it leaves, that its numbers are right, what it refuses."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from matplotlib.image import imread

from floodfuse.harmonize.classes import EVIDENCE_NAMES
from floodfuse.models.ablation import Condition, Test, conditions, degraded, unit_of
from floodfuse.models.ablation_scores import Result
from floodfuse.models.evaluation import score_chips
from floodfuse.models.inputs.registry import INPUTS, fingerprint
from floodfuse.models.networks.build import NetworkSettings, Strategy, build
from floodfuse.models.networks.graybox import GrayBox
from floodfuse.models.networks.physics import Bayes
from floodfuse.models.predict import predict, prepared
from floodfuse.models.scores import Scores, Tally
from floodfuse.models.weights.files import Card, load, save
from floodfuse.pipeline.simulated_chips import SimulatedChips
from floodfuse.workflows.ablate_command import PICTURE, TABLE
from floodfuse.workflows.ablation_plot import COLOURS, FEW, draw, spread

Outcome = subprocess.CompletedProcess[str]
Ablate = Callable[..., Outcome]

SIDE = 32
SPLIT = "B-5-2"
SENSORS = ("c", "l", "optical")
ROWS = 7 + 7 * 11 + 2 * 5 + 3 * 4 + 3 * 4


@pytest.fixture(scope="module")
def chips(tmp_path_factory: pytest.TempPathFactory) -> SimulatedChips:
    """Two chips, kept as the program keeps them, of which a corner is left to save time. Not to be changed by a test."""
    made = SimulatedChips(tmp_path_factory.mktemp("chips"), "B", 5, 2)
    for number in made.chips:
        made.read(number)
        file = made.root / f"{number}.npz"
        with np.load(file) as kept:
            corner = {name: kept[name][..., -SIDE:, -SIDE:] for name in kept.files}
        np.savez(file, **corner)
    return made


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A file of weights that nothing was learned for."""
    folder = tmp_path_factory.mktemp("weights")

    def make(strategy: Strategy, inputs: str, classes: Sequence[str], name: str = "") -> Path:
        torch.manual_seed(4)
        settings = NetworkSettings(strategy=strategy, encoder="tu-test_resnet", decoder=(16, 8, 8, 8, 8))
        views = dict(INPUTS[inputs].CHANNELS)
        network = build(settings, views, len(classes)).eval()
        if isinstance(network, GrayBox):
            torch.nn.init.normal_(network.correction.head.scores.weight, std=0.5)
        card = Card(
            network=settings, inputs=inputs, fingerprint=fingerprint(inputs, views), views=views, classes=tuple(classes),
            dataset="none", split="none", licence="made by a test", command="none", seed=4, epoch=0, learning=0,
            choosing=(), judging=(), scores={},
        )  # fmt: skip
        file = folder / f"{name or strategy}.safetensors"
        save(network, card, file)
        return file

    return make


@pytest.fixture(scope="module")
def graybox(weights: Callable[..., Path]) -> Path:
    return weights("graybox", "evidence", EVIDENCE_NAMES)


@pytest.fixture(scope="module")
def ablate(floodfuse: Callable[..., Outcome], chips: SimulatedChips) -> Ablate:
    """`floodfuse ablate` of the chips; further options go over the usual ones."""

    def run(*options: object) -> Outcome:
        usual = ("--dataset", "simulated", "--root", chips.root.parent, "--split", SPLIT)
        return floodfuse("ablate", *usual, *options)

    return run


@pytest.fixture(scope="module")
def made(ablate: Ablate, graybox: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """Bayes' rule and a network side by side, and what was said. Not to be changed by a test."""
    folder = tmp_path_factory.mktemp("made") / "deep" / "ablation"
    return folder, ablate("--weights", "bayes", "--weights", graybox, "--out", folder)


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / TABLE).open(newline="") as table:
        return list(csv.DictReader(table))


def row_of(folder: Path, weights: str, condition: Condition) -> dict[str, str]:
    asked = (weights, condition.test, "+".join(condition.subset), condition.sensor, f"{condition.amount:g}")
    (row,) = (
        row
        for row in rows_of(folder)
        if (row["weights"], row["test"], row["subset"], row["sensor"], row["amount"]) == asked
    )
    return row


def same_scores(row: dict[str, str], scores: Scores) -> None:
    for name in ("iou_flood", "ece", "brier"):
        assert float(row[name]) == pytest.approx(getattr(scores, name), abs=1e-6), name
    for name, iou in scores.iou_by_class.items():
        assert float(row[f"iou_{name}"]) == pytest.approx(iou, abs=1e-6), name
    assert (int(row["chips"]), int(row["pixels"])) == (scores.tiles, scores.pixels)


# What it leaves.


def test_a_row_for_every_network_and_condition_and_nothing_else_in_the_folder(
    made: tuple[Path, Outcome],
) -> None:
    folder, outcome = made
    assert outcome.returncode == 0 and outcome.stderr == "", outcome
    assert sorted(path.name for path in folder.iterdir()) == [TABLE, PICTURE]
    rows = rows_of(folder)
    assert [row["weights"] for row in rows] == ["bayes"] * ROWS + ["graybox"] * ROWS
    expected = conditions(SENSORS, "evidence")
    asked = [
        Condition(_test(row["test"]), tuple(row["subset"].split("+")), row["sensor"], float(row["amount"]))
        for row in rows[:ROWS]
    ]
    assert asked == expected
    assert [row["unit"] for row in rows[:ROWS]] == [unit_of(c.test, "evidence") for c in expected]
    for name in ("iou_flood", "ece", "brier", "iou_open_water", "iou_flooded_vegetation"):
        assert all(0.0 <= float(row[name]) <= 1.0 for row in rows)
    assert {(row["chips"], row["pixels"]) for row in rows} == {("2", str(2 * SIDE**2))}


def _test(name: str) -> Test:
    return next(c.test for c in conditions(SENSORS, "evidence") if c.test == name)


@pytest.mark.parametrize("which", ["bayes", "graybox"])
def test_rows_of_subsets_are_what_evaluation_says(
    made: tuple[Path, Outcome], chips: SimulatedChips, graybox: Path, which: str
) -> None:
    inputs = INPUTS["evidence"]
    network = (
        Bayes(dict(inputs.CHANNELS), len(EVIDENCE_NAMES)).eval() if which == "bayes" else load(graybox)[0]
    )
    for subset, gone in ((("c",), ("l", "optical")), (("l", "optical"), ("c",)), (SENSORS, ())):
        expected = score_chips(network, chips, chips.chips, inputs, gone, turns=False)
        same_scores(row_of(made[0], which, Condition("subset", subset)), expected)


@pytest.mark.parametrize(
    "condition",
    [
        Condition("cloud", ("c", "optical"), "optical", 40.0),
        Condition("misregistration", SENSORS, "l", 4.0),
        Condition("noise", SENSORS, "c", 2.0),
        Condition("age", SENSORS, "optical", 7.0),
    ],
)
def test_rows_of_what_goes_wrong_are_scores_of_what_it_leaves(
    made: tuple[Path, Outcome], chips: SimulatedChips, condition: Condition
) -> None:
    inputs = INPUTS["evidence"]
    network = Bayes(dict(inputs.CHANNELS), len(EVIDENCE_NAMES)).eval()
    tally = Tally(chips.classes, chips.flooded, chips.groups)
    for number in chips.chips:
        chip = chips.read(number)
        views = prepared(degraded(chip, condition, "evidence"), inputs)
        tally.add(predict(network, views, turns=False), chip.truth)
    row = row_of(made[0], "bayes", condition)
    same_scores(row, tally.scores())
    usual = row_of(made[0], "bayes", Condition("subset", condition.subset))
    assert row["brier"] != usual["brier"]


def test_all_cloud_is_no_sensor_and_no_amount_is_no_harm(made: tuple[Path, Outcome]) -> None:
    def scores(condition: Condition) -> list[str]:
        row = row_of(made[0], "graybox", condition)
        return [value for name, value in row.items() if name.startswith("iou") or name in ("ece", "brier")]

    for subset in (("c", "optical"), SENSORS):
        without = tuple(sensor for sensor in subset if sensor != "optical")
        assert scores(Condition("cloud", subset, "optical", 100.0)) == scores(Condition("subset", without))
    whole = scores(Condition("subset", SENSORS))
    for test in ("cloud", "misregistration", "noise", "age"):
        sensor = "optical" if test == "cloud" else "c"
        assert scores(Condition(_test(test), SENSORS, sensor, 0.0)) == whole


def test_the_table_on_the_console_tells_the_largest_shortfall(made: tuple[Path, Outcome]) -> None:
    folder, outcome = made
    assert outcome.stdout.startswith("simulated, B-5-2: 2 chips")
    assert outcome.stdout.endswith(f"{folder / TABLE}\n{folder / PICTURE}\n")
    lines = {line.split("│")[1].strip(): line for line in outcome.stdout.splitlines() if "│" in line}
    for which in ("bayes", "graybox"):
        iou = {
            (row["subset"], float(row["amount"])): float(row["iou_flood"])
            for row in rows_of(folder)
            if (row["weights"], row["test"]) == (which, "cloud")
        }
        shortfalls = []
        for (subset, percent), together in iou.items():
            left = [s for s in subset.split("+") if s != "optical" or percent < 100.0]
            if len(left) > 1:
                shortfalls.append(max(iou[s, percent] for s in left) - together)
        cells = [cell.strip() for cell in lines[which].split("│")]
        assert cells[2] == f"{iou['c+l+optical', 0.0]:.3f}"
        assert cells[4] == f"{max(shortfalls):.3f}"


def test_again_it_is_the_same_to_the_byte_and_replaces_what_is_there(
    ablate: Ablate, made: tuple[Path, Outcome], graybox: Path, tmp_path: Path
) -> None:
    (tmp_path / TABLE).write_text("an old table")
    (tmp_path / "notes.txt").write_text("mine")
    outcome = ablate("--weights", "bayes", "--weights", graybox, "--out", tmp_path, "--quiet")
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "", "")
    for name in (TABLE, PICTURE):
        assert (tmp_path / name).read_bytes() == (made[0] / name).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [TABLE, PICTURE, "notes.txt"]


def test_the_first_chips_alone(
    ablate: Ablate, made: tuple[Path, Outcome], chips: SimulatedChips, tmp_path: Path
) -> None:
    assert ablate("--weights", "bayes", "--out", tmp_path, "--chips", 1).returncode == 0
    inputs = INPUTS["evidence"]
    network = Bayes(dict(inputs.CHANNELS), len(EVIDENCE_NAMES)).eval()
    expected = score_chips(network, chips, chips.chips[:1], inputs, turns=False)
    same_scores(row_of(tmp_path, "bayes", Condition("subset", SENSORS)), expected)


def test_turns_are_asked_for(ablate: Ablate, chips: SimulatedChips, graybox: Path, tmp_path: Path) -> None:
    outcome = ablate("--weights", graybox, "--out", tmp_path, "--chips", 1, "--turns")
    assert outcome.returncode == 0, outcome
    expected = score_chips(load(graybox)[0], chips, chips.chips[:1], INPUTS["evidence"], turns=True)
    same_scores(row_of(tmp_path, "graybox", Condition("subset", SENSORS)), expected)


def tiles(root: Path, numbers: Sequence[int], sensors: Sequence[str] = ("1", "2")) -> None:
    """Random pictures where the archive has its tiles."""
    for number in numbers:
        for sensor in sensors:
            for kind in ("before", "after", "mask"):
                bands = 3 if sensor == "2" and kind != "mask" else 1
                rng = np.random.default_rng((number, int(sensor), len(kind)))
                picture = rng.integers(1, 255, (bands, SIDE, SIDE)).astype(np.uint8)
                picture = (picture > 127).astype(np.uint8) * np.uint8(255) if kind == "mask" else picture
                file = (
                    root / f"OmbriaS{sensor}" / "test" / kind.upper() / f"S{sensor}_{kind}_{number:04d}.png"
                )
                file.parent.mkdir(parents=True, exist_ok=True)
                size = {"count": bands, "height": SIDE, "width": SIDE}
                with rasterio.open(file, "w", driver="PNG", dtype="uint8", **size) as target:
                    target.write(picture)


def test_pictures_are_robbed_of_what_they_have_and_chips_that_lack_a_sensor_are_left_out(
    ablate: Ablate, weights: Callable[..., Path], tmp_path: Path
) -> None:
    tiles(tmp_path / "ombria", (1, 2))
    tiles(tmp_path / "ombria", (3,), ("1",))
    file, out = weights("late", "stretched", ("dry", "flood")), tmp_path / "out"
    archive = ("--dataset", "ombria", "--root", tmp_path / "ombria", "--split", "test")
    outcome = ablate(*archive, "--weights", file, "--out", out)
    assert outcome.returncode == 0, outcome
    assert outcome.stderr == "note: 1 of 3 chips left out: not all sensors have images of them.\n"
    rows = rows_of(out)
    assert len(rows) == 3 + 3 * 11 + 5 + 4 and {row["chips"] for row in rows} == {"2"}
    assert {row["test"] for row in rows} == {"subset", "cloud", "misregistration", "noise"}
    assert imread(out / PICTURE).ndim == 3


def test_a_single_sensor_is_compared_with_nobody(
    ablate: Ablate, weights: Callable[..., Path], tmp_path: Path
) -> None:
    tiles(tmp_path / "ombria", (1,), ("2",))
    file, out = weights("late", "stretched", ("dry", "flood")), tmp_path / "out"
    archive = ("--dataset", "ombria", "--root", tmp_path / "ombria", "--split", "test")
    outcome = ablate(*archive, "--weights", file, "--out", out)
    assert outcome.returncode == 0 and outcome.stderr == "", outcome
    rows = rows_of(out)
    assert [row["test"] for row in rows] == ["subset"] + ["cloud"] * 11
    assert {row["subset"] for row in rows} == {"s2"}


# The picture.


def results_of(inputs: str, weights: int) -> list[Result]:
    """As many networks as are asked for, each a bit better than the one before, and worse the more goes wrong."""
    sensors = SENSORS if inputs == "evidence" else ("s1", "s2")
    found = []
    for number in range(weights):
        for k, condition in enumerate(conditions(sensors, inputs)):
            iou = 0.4 + 0.05 * number + 0.1 * len(condition.subset) - 0.001 * condition.amount - 1e-4 * k
            scores = Scores(0.5, 0.5, 0.5, 0.5, iou, 0.5, iou, 0.5, 0.1, 0.1, 3, 3, {}, {}, {})
            found.append(Result(f"net{number}", condition, scores))
    return found


@pytest.mark.parametrize(("inputs", "panels"), [("evidence", 6), ("stretched", 5)])
@pytest.mark.parametrize("weights", [1, FEW, FEW + 1, len(COLOURS)])
def test_a_panel_for_every_test_with_a_line_for_every_network(inputs: str, panels: int, weights: int) -> None:
    figure = draw(results_of(inputs, weights), "some chips", inputs)
    assert len(figure.axes) == panels
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [f"net{n}" for n in range(weights)]
    colours = {line.get_color() for line in figure.axes[3].lines}
    assert colours == set(COLOURS[:weights])
    bars = [patch.get_height() for patch in figure.axes[0].patches]  # type: ignore[attr-defined]
    shown = [r.scores.iou_flood for r in results_of(inputs, weights) if r.condition.test == "subset"]
    assert bars == pytest.approx(shown)


def test_the_picture_shows_the_largest_shortfall() -> None:
    figure = draw(results_of("evidence", 1), "some chips", "evidence")
    margins = figure.axes[2]
    lowest = min(float(np.min(line.get_ydata())) for line in margins.lines if len(line.get_xdata()) > 2)  # type: ignore[arg-type]
    (said,) = (text.get_text() for text in margins.texts if "lowest" in text.get_text())
    assert said.startswith(f"lowest {lowest:+.3f}: ".replace("-", "−"))


@pytest.mark.parametrize(
    ("heights", "expected"),
    [
        ([0.0, 5.0], [0.0, 5.0]),
        ([2.0, 2.0], [1.5, 2.5]),
        ([3.0, 2.5, 0.0], [3.25, 2.25, 0.0]),
        ([9.9, 9.8], [10.0, 9.0]),
    ],
)
def test_labels_are_kept_apart_in_their_order(heights: list[float], expected: list[float]) -> None:
    assert spread(heights, 1.0, 10.0) == pytest.approx(expected)


def test_many_labels_are_kept_apart_too() -> None:
    found = spread(np.random.default_rng(2).uniform(0.0, 3.0, 12).tolist(), 0.5, 10.0)
    assert min(high - low for low, high in pairwise(sorted(found))) > 0.5 - 1e-9


# What it refuses.


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--dataset", "simulate"), ("dataset 'simulate'", "known are")),
        (("--split", "test"), ("split 'test'", "A-101-500")),
        (("--chips", "0"), ("chips '0'", "1 or more")),
        (("--chips", "-3"), ("chips '-3'", "1 or more")),
        (("--chips", "3"), ("chips '3'", "has 2", "give no more")),
        (("--weights", "bayes"), ("weights 'bayes'", "twice")),
        (("--weights", "gone.safetensors"), ("gone.safetensors", "no such file", "floodfuse train")),
        (
            tuple(part for k in range(6) for part in ("--weights", f"{k}.safetensors")),
            ("7 are given", "give fewer"),
        ),
    ],
)
def test_ablate_as_typed(
    ablate: Ablate,
    refused: Callable[..., None],
    tmp_path: Path,
    options: tuple[str, ...],
    words: tuple[str, ...],
) -> None:
    out = tmp_path / "out"
    refused(ablate("--weights", "bayes", "--out", out, *options), *words, out=out)


def test_weights_of_other_inputs_or_classes(
    ablate: Ablate, refused: Callable[..., None], weights: Callable[..., Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    pictures = weights("early", "stretched", ("dry", "flood"))
    refused(ablate("--weights", pictures, "--out", out), str(pictures), "'stretched'", "'evidence'", out=out)
    binary = weights("early", "evidence", ("dry", "flood"), "binary")
    refused(ablate("--weights", binary, "--out", out), str(binary), "tells dry, flood", "take other", out=out)


def test_bayes_needs_evidence(ablate: Ablate, refused: Callable[..., None], tmp_path: Path) -> None:
    tiles(tmp_path / "ombria", (1,))
    archive = ("--dataset", "ombria", "--root", tmp_path / "ombria")
    out = tmp_path / "out"
    refused(
        ablate(*archive, "--split", "test", "--weights", "bayes", "--out", out),
        "weights 'bayes'",
        "give a file",
        out=out,
    )


def test_chips_of_which_none_has_all_sensors(
    ablate: Ablate, refused: Callable[..., None], weights: Callable[..., Path], tmp_path: Path
) -> None:
    tiles(tmp_path / "ombria", (1,), ("1",))
    tiles(tmp_path / "ombria", (2,), ("2",))
    file = weights("late", "stretched", ("dry", "flood"))
    archive = ("--dataset", "ombria", "--root", tmp_path / "ombria", "--split", "test")
    refused(ablate(*archive, "--weights", file, "--out", tmp_path / "out"), "no chip has images of s1, s2")
    assert not list((tmp_path / "out").iterdir())


def test_a_place_where_no_folder_can_be(ablate: Ablate, refused: Callable[..., None], tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file")
    refused(ablate("--weights", "bayes", "--out", taken), f"out '{taken}'", "is a file", "folder")
    refused(ablate("--weights", "bayes", "--out", taken / "deep"), str(taken / "deep"), "can't be made")
    folder = tmp_path / "folder"
    (folder / PICTURE).mkdir(parents=True)
    refused(ablate("--weights", "bayes", "--out", folder), str(folder / PICTURE), "is a folder")
    assert taken.read_text() == "a file" and not list((folder / PICTURE).iterdir())


@pytest.mark.parametrize("missing", ["--dataset", "--root", "--weights", "--out"])
def test_usage_of_ablate(floodfuse: Callable[..., Outcome], missing: str, tmp_path: Path) -> None:
    given = {"--dataset": "simulated", "--root": tmp_path, "--weights": "bayes", "--out": tmp_path / "out"}
    typed = [part for name, value in given.items() if name != missing for part in (name, value)]
    outcome = floodfuse("ablate", *typed)
    assert outcome.returncode == 2 and outcome.stdout == ""
    assert outcome.stderr.startswith("Usage: floodfuse") and missing in outcome.stderr
    assert not any(tmp_path.iterdir())


def test_weights_of_one_name_are_told_apart_by_their_folders(
    ablate: Ablate, graybox: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other" / graybox.name
    other.parent.mkdir()
    other.write_bytes(graybox.read_bytes())
    both = ("--weights", graybox, "--weights", other, "--weights", "bayes")
    assert ablate(*both, "--out", tmp_path / "out", "--chips", 1).returncode == 0
    assert list(dict.fromkeys(row["weights"] for row in rows_of(tmp_path / "out"))) == [
        str(graybox),
        str(other),
        "bayes",
    ]
