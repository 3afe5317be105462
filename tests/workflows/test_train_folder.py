"""`floodfuse train` and `evaluate` on a few small chips that a chips.yaml describes, and on Sen1Floods11's."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from floodfuse.models.inputs.registry import INPUTS
from floodfuse.models.view_names import sensor_of
from floodfuse.models.weights.files import read_card
from floodfuse.workflows.experiment import load_experiment

Outcome = subprocess.CompletedProcess[str]

SIDE = 64
NAMES = (*(f"Spain_{k}" for k in range(4)), *(f"Ghana_{k}" for k in range(3)), "Bolivia_0")
EXPERIMENT = Path(__file__).parents[2] / "workflows" / "experiments" / "sen1floods11-intermediate.yaml"
STATED: dict[str, Any] = {
    "name": "my-floods",
    "licence": "made by a test",
    "inputs": "backscatter",
    "classes": ["dry", "water"],
    "flooded": ["water"],
    "truth": {"path": "LabelHand/{chip}_LabelHand.tif", "values": {0: "dry", 1: "water"}},
    "views": {
        "s1/now": {"path": "S1Hand/{chip}_S1Hand.tif", "scale": "db"},
        "s2/now": {"path": "S2Hand/{chip}_S2Hand.tif", "bands": [3, 8, 12], "factor": 1e-4, "nodata": 0},
    },
    "event": "^([A-Za-z-]+_[0-9]+)",
    "splits": {"train": ["Spain_*", "Ghana_*"], "test": ["Bolivia_*"]},
}
TRAINING: dict[str, Any] = {
    "network": {"strategy": "early", "encoder": "tu-resnet10t", "decoder": [16, 8, 8, 8, 8]},
    "augment": {"crop": SIDE, "drop": {"s2": 0.5}},
    "split": {"blocks": 3, "choosing": [0]},
    "choose_every": 1,
    "epochs": 1,
    "batch": 2,
}


def settings(folder: Path, dataset: str = "folder") -> Path:
    """A small experiment as a file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "small.yaml"
    content = {"dataset": dataset, "licence": "made by a test", "training": TRAINING}
    file.write_text(yaml.safe_dump(content))
    return file


def chip(root: Path, raster: Callable[..., Path], name: str) -> None:
    """Water that is dark in both radar channels and in infrared, with an unlabelled edge; Ghana_0 has no optical image."""
    rng = np.random.default_rng(list(name.encode()))
    wet = np.zeros((SIDE, SIDE), bool)
    wet[10 : rng.integers(30, 50), 5 : rng.integers(25, 60)] = True

    def image(land: float, water: float, spread: float) -> NDArray[np.float32]:
        return (np.where(wet, water, land) + rng.normal(0.0, spread, wet.shape)).astype(np.float32)

    place = {"crs": "EPSG:32630"}
    radar = [image(-9.0, -17.0, 1.5), image(-16.0, -24.0, 1.5)]
    raster(root / "S1Hand" / f"{name}_S1Hand.tif", *radar, **place)
    bands = [image(2500.0, 300.0, 80.0).clip(1.0).astype(np.uint16) for _ in range(13)]
    if name != "Ghana_0":
        raster(root / "S2Hand" / f"{name}_S2Hand.tif", *bands, **place)
    truth = wet.astype(np.int16)
    truth[:2] = -1
    raster(root / "LabelHand" / f"{name}_LabelHand.tif", truth, **place)


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory, raster: Callable[..., Path]) -> Path:
    """Eight chips of three floods, laid out as Sen1Floods11's, with a description. Not to be changed by a test."""
    root = tmp_path_factory.mktemp("described") / "chips"
    for name in NAMES:
        chip(root, raster, name)
    (root / "chips.yaml").write_text(yaml.safe_dump(STATED))
    return root


@pytest.fixture
def own(described: Path, tmp_path: Path) -> Path:
    """A copy of the chips that a test may change."""
    return Path(shutil.copytree(described, tmp_path / "own"))


@pytest.fixture(scope="module")
def weights(
    described: Path, floodfuse: Callable[..., Outcome], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Weights of one epoch on the described chips. Not to be changed by a test."""
    folder = tmp_path_factory.mktemp("trained")
    out = folder / "small.safetensors"
    outcome = floodfuse(
        "train", settings(folder), "--root", described, "--out", out, "--hold-out", 2, "--quiet"
    )
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "", "")
    return out


def scores(floodfuse: Callable[..., Outcome], weights: Path, root: Path, *options: object) -> dict[str, Any]:
    """What `floodfuse evaluate` writes."""
    out = root.parent / "scores.json"
    usual = ("--weights", weights, "--root", root, "--json", out, "--quiet", "--no-turns")
    outcome = floodfuse("evaluate", *usual, *(options or ("--dataset", "folder")))
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "", ""), outcome
    record: dict[str, Any] = json.loads(out.read_text())
    return record


def test_the_card_has_the_name_and_the_classes_of_the_described_chips(weights: Path) -> None:
    card = read_card(weights)
    assert (card.dataset, card.split, card.inputs) == ("my-floods", "train", "backscatter")
    assert card.classes == ("dry", "water") and card.fingerprint == INPUTS["backscatter"].FINGERPRINT
    # in blocks of their order, which is by flood
    assert card.choosing == ("Ghana_0", "Ghana_1", "Ghana_2") and card.judging == ("Spain_2", "Spain_3")


def test_chips_are_scored_without_an_image_as_if_it_had_never_been_there(
    floodfuse: Callable[..., Outcome], weights: Path, own: Path
) -> None:
    with_all = scores(floodfuse, weights, own)
    assert (with_all["split"], with_all["tiles"], with_all["pixels"]) == ("test", 1, SIDE * (SIDE - 2))
    assert set(with_all["iou_by_class"]) == {"dry", "water"}
    dropped = scores(floodfuse, weights, own, "--dataset", "folder", "--drop", "s2")
    assert dropped["dropped"] == ["s2"] and dropped["brier"] != with_all["brier"]
    shutil.rmtree(own / "S2Hand")
    assert scores(floodfuse, weights, own)["brier"] == dropped["brier"]


def test_chips_that_chose_score_as_the_card_says(
    floodfuse: Callable[..., Outcome], weights: Path, own: Path
) -> None:
    asked = ("--dataset", "folder", "--split", "train", "--part", "choosing")
    record = scores(floodfuse, weights, own, *asked)
    assert record["tiles"] == 3
    # not of probabilities: those may be calibrated after the card's scores are taken
    assert record["miou_tile"] == pytest.approx(read_card(weights).scores["all"]["miou_tile"], abs=1e-5)


def test_the_same_files_as_sen1floods11_score_the_same(
    floodfuse: Callable[..., Outcome], weights: Path, own: Path
) -> None:
    """The reader of Sen1Floods11 reads them as a description of its layout does."""
    (own / "flood_bolivia_data.csv").write_text("Bolivia_0_S1Hand.tif,Bolivia_0_LabelHand.tif\n")
    record = scores(floodfuse, weights, own, "--dataset", "sen1floods11", "--split", "bolivia")
    assert record["brier"] == scores(floodfuse, weights, own)["brier"]


def test_scores_are_told_by_event_and_by_land_cover(
    floodfuse: Callable[..., Outcome], raster: Callable[..., Path], weights: Path, own: Path
) -> None:
    """As those of the chips of an event alone, and only where there is a map of land cover."""
    half = np.full((SIDE, SIDE), 10, np.uint8)
    half[:, SIDE // 2 :] = 40
    raster(own / "cover" / "Spain_1.tif", half, crs="EPSG:32630")
    stated = STATED | {"cover": {"path": "cover/{chip}.tif"}, "event": "^(.+)_"}
    (own / "chips.yaml").write_text(yaml.safe_dump(stated))
    record = scores(floodfuse, weights, own, "--dataset", "folder", "--split", "all")
    events = record["by_event"]
    assert list(events) == ["Bolivia", "Ghana", "Spain"]
    assert sum(found["pixels"] for found in events.values()) == record["pixels"]
    bolivia = scores(floodfuse, weights, own)  # the one chip of the test split
    for name in ("ece", "brier"):
        assert events["Bolivia"][name] == pytest.approx(bolivia[name])
    assert events["Bolivia"]["iou"] == pytest.approx(bolivia["iou_flood"])
    assert {cover: found["pixels"] for cover, found in record["by_cover"].items()} == {
        "trees": SIDE // 2 * (SIDE - 2),
        "cropland": SIDE // 2 * (SIDE - 2),
    }
    shown = floodfuse(
        "evaluate", "--dataset", "folder", "--split", "all", "--root", own, "--weights", weights
    )
    assert all(
        word in shown.stdout for word in ("Flood by event", "Ghana", "Flood by land cover", "cropland")
    )
    (own / "chips.yaml").write_text(yaml.safe_dump(STATED))
    assert scores(floodfuse, weights, own)["by_cover"] == {}


# What can't be right.


def evaluated(floodfuse: Callable[..., Outcome], weights: Path, root: Path, *options: object) -> Outcome:
    """`floodfuse evaluate` of the weights on all chips."""
    usual = ("--weights", weights, "--root", root, "--split", "all")
    return floodfuse("evaluate", *usual, *(options or ("--dataset", "folder")))


def test_a_raster_that_was_cut_off_and_one_of_another_size(
    floodfuse: Callable[..., Outcome],
    refused: Callable[..., None],
    raster: Callable[..., Path],
    weights: Path,
    own: Path,
) -> None:
    file = own / "S1Hand" / "Spain_1_S1Hand.tif"
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    for dataset in ("folder", "sen1floods11"):
        outcome = evaluated(floodfuse, weights, own, "--dataset", dataset)
        refused(outcome, f"{file}: can't be read as a raster", "replace the file")
    half = np.full((SIDE, SIDE // 2), -9.0, np.float32)
    raster(file, half, half)
    refused(evaluated(floodfuse, weights, own), f"{file}: 64 x 32 px", "put both on one grid")


def test_a_truth_with_an_unknown_number_stops_training_too(
    floodfuse: Callable[..., Outcome],
    refused: Callable[..., None],
    raster: Callable[..., Path],
    own: Path,
    tmp_path: Path,
) -> None:
    file = raster(own / "LabelHand" / "Spain_1_LabelHand.tif", np.full((SIDE, SIDE), 3, np.uint8))
    for dataset in ("folder", "sen1floods11"):
        out = tmp_path / "made" / f"{dataset}.safetensors"
        asked = settings(tmp_path, dataset)
        asked.write_text(asked.read_text() + "split: all\n")
        outcome = floodfuse("train", asked, "--root", own, "--out", out)
        refused(outcome, f"{file}: holds 3", "replace the file", out=out)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, ("no chips.yaml in it", "write one")),
        ("", ("'name' is missing", "chips.yaml")),
        ("name: [", ("not YAML", "chips.yaml")),
        (yaml.safe_dump(STATED | {"view": {}}), ("unknown key 'view'; did you mean 'views'?",)),
        (yaml.safe_dump(STATED | {"splits": {}}), ("no split 'train'; there is all",)),
    ],
)
def test_a_description_that_is_none(
    floodfuse: Callable[..., Outcome],
    refused: Callable[..., None],
    own: Path,
    tmp_path: Path,
    content: str | None,
    words: tuple[str, ...],
) -> None:
    file, out = own / "chips.yaml", tmp_path / "made" / "w.safetensors"
    file.unlink()
    if content is not None:
        file.write_text(content)
    refused(floodfuse("train", settings(tmp_path), "--root", own, "--out", out), str(own), *words, out=out)


def test_a_root_that_is_no_folder_and_one_without_chips(
    floodfuse: Callable[..., Outcome], refused: Callable[..., None], weights: Path, tmp_path: Path
) -> None:
    for dataset, word in (("folder", "chips.yaml"), ("sen1floods11", "LabelHand")):
        asked = ("--dataset", dataset)
        refused(evaluated(floodfuse, weights, tmp_path / "gone", *asked), "no such folder")
        refused(evaluated(floodfuse, weights, tmp_path, *asked), str(tmp_path), f"no {word} in it")


def test_weights_of_other_inputs(
    floodfuse: Callable[..., Outcome], refused: Callable[..., None], weights: Path, own: Path
) -> None:
    views = {"s1/after": {"path": "S1Hand/{chip}_S1Hand.tif"}}
    (own / "chips.yaml").write_text(yaml.safe_dump(STATED | {"inputs": "stretched", "views": views}))
    refused(evaluated(floodfuse, weights, own), "takes inputs 'backscatter'", "has 'stretched'")


# What is shipped.


def test_the_shipped_experiment_names_what_there_is() -> None:
    experiment = load_experiment(EXPERIMENT, {})
    views = INPUTS["backscatter"].CHANNELS
    known = {*views, *(sensor_of(view) for view in views)}
    assert experiment.dataset == "sen1floods11" and experiment.split == "train"
    assert set(experiment.training.augment.drop) <= known
    assert {what for without in experiment.training.choose_without for what in without} <= known
