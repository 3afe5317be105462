"""`floodfuse train` and `floodfuse evaluate` on a few small tiles: what they leave, what they score, what they refuse."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import yaml
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from floodfuse.models.inputs.registry import INPUTS
from floodfuse.models.view_names import sensor_of
from floodfuse.models.weights.files import read_card
from floodfuse.pipeline.datasets import DATASETS
from floodfuse.workflows.experiment import load_experiment

Outcome = subprocess.CompletedProcess[str]

SIDE = 64
LEARNED, TESTED = range(8), range(20, 22)
CHOOSING, JUDGING = ("0000", "0001", "0002"), ("0006", "0007")
SCRIPT = Path(sys.executable).parent / "floodfuse"
SHIPPED = sorted((Path(__file__).parents[2] / "workflows" / "experiments").glob("*.yaml"))
SCORES = ("miou_tile", "miou_global", "pixel_accuracy", "fw_iou", "iou_flood", "f1_flood", "ece", "brier")
TRAINING: dict[str, Any] = {
    "network": {"strategy": "early", "encoder": "tu-resnet10t", "decoder": [16, 8, 8, 8, 8]},
    "augment": {"crop": SIDE},
    "split": {"blocks": 3, "choosing": [0]},
    "choose_every": 1,
    "epochs": 2,
    "batch": 2,
}


def over(usual: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Nested settings with others laid over them."""
    merged = dict(usual)
    for name, value in given.items():
        both = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = over(merged[name], value) if both else value
    return merged


def settings(folder: Path, **given: Any) -> Path:
    """A small experiment as a file, with other values of `training` where given."""
    file = folder / "small.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    content = {"dataset": "ombria", "licence": "made by a test", "training": over(TRAINING, given)}
    file.write_text(yaml.safe_dump(content))
    return file


def write(file: Path, *bands: NDArray[np.floating]) -> None:
    """Levels as an 8-bit picture."""
    file.parent.mkdir(parents=True, exist_ok=True)
    stack = np.clip(np.stack(bands), 1, 254).astype(np.uint8)
    if "mask" in file.name or "gt_" in file.name:
        stack = (np.stack(bands) > 0).astype(np.uint8) * np.uint8(255)
    kind = {"driver": "PNG", "count": len(bands), "height": SIDE, "width": SIDE, "dtype": "uint8"}
    with rasterio.open(file, "w", **kind) as target:
        target.write(stack)


def tile(number: int, place: Callable[[str, str], Path]) -> None:
    """A flood that darkens radar and two optical bands; `place` says where a picture of a sensor goes."""
    rng = np.random.default_rng(number)
    wet = np.zeros((SIDE, SIDE), bool)
    wet[5 + number % 7 : 40, 10 : 30 + number % 9] = True
    for sensor, land in (("1", (150.0,)), ("2", (140.0, 160.0, 90.0))):
        for kind in ("before", "after"):
            flooded = wet & (kind == "after")
            write(
                place(sensor, kind),
                *(np.where(flooded, 50.0, level) + rng.normal(0, 12, wet.shape) for level in land),
            )
        write(place(sensor, "mask"), wet.astype(float))


def in_archive(root: Path, split: str, number: int) -> Callable[[str, str], Path]:
    """Where the archive has a tile."""
    return lambda sensor, kind: (
        root / f"OmbriaS{sensor}" / split / kind.upper() / f"S{sensor}_{kind}_{number:04d}.png"
    )


def in_event(root: Path, number: int) -> Callable[[str, str], Path]:
    """Where an event of its own has a tile."""
    names = {"before": "imbefore", "after": "imafter", "mask": "gt"}
    return lambda sensor, kind: root / f"Sentinel{sensor}" / kind.upper() / f"{names[kind]}_{number}.png"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight tiles to learn from and two to test on. Not to be changed by a test."""
    root = tmp_path_factory.mktemp("archive") / "ombria"
    for split, numbers in (("train", LEARNED), ("test", TESTED)):
        for number in numbers:
            tile(number, in_archive(root, split, number))
    return root


@pytest.fixture
def own_archive(archive: Path, tmp_path: Path) -> Path:
    """A copy of the archive that a test may change."""
    return Path(shutil.copytree(archive, tmp_path / "own"))


@pytest.fixture(scope="module")
def train(floodfuse: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """`floodfuse train` with these settings, this root and these weights to make."""

    def run(file: Path, root: Path, out: Path, *options: object) -> Outcome:
        return floodfuse("train", file, "--root", root, "--out", out, *options)

    return run


@pytest.fixture(scope="module")
def evaluate(floodfuse: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """`floodfuse evaluate` of these weights on OMBRIA under this root."""

    def run(weights: Path, root: Path, *options: object) -> Outcome:
        return floodfuse("evaluate", "--dataset", "ombria", "--root", root, "--weights", weights, *options)

    return run


@pytest.fixture(scope="module")
def weights(archive: Path, train: Callable[..., Outcome], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of the small experiment, the last block of chips held out. Not to be changed by a test."""
    folder = tmp_path_factory.mktemp("trained")
    out = folder / "weights" / "small.safetensors"
    outcome = train(settings(folder), archive, out, "--hold-out", "2", "--quiet")
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "", "")
    return out


@pytest.fixture(scope="module")
def scored(
    evaluate: Callable[..., Outcome], weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., dict[str, Any]]:
    """Scores of the weights under a root, as the file of scores has them; of pictures as they lie, to save time."""
    folder = tmp_path_factory.mktemp("scores")

    def run(root: Path, *options: object) -> dict[str, Any]:
        out = folder / "made" / f"{len(list(folder.rglob('*.json')))}.json"
        outcome = evaluate(weights, root, "--json", out, "--quiet", "--no-turns", *options)
        assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "", ""), outcome
        record: dict[str, Any] = json.loads(out.read_text())
        return record

    return run


def scores_in(record: dict[str, Any]) -> dict[str, Any]:
    """What was found, without what was asked."""
    return {name: record[name] for name in (*SCORES, "tiles", "pixels", "iou_by_class")}


def rows_of(weights: Path) -> list[dict[str, str]]:
    """The table of epochs beside weights."""
    with weights.with_name(f"{weights.name}.csv").open() as table:
        return list(csv.DictReader(table))


# What training leaves.


def test_training_leaves_weights_and_a_table_of_epochs_and_nothing_else(weights: Path) -> None:
    assert sorted(path.name for path in weights.parent.iterdir()) == [
        "small.safetensors",
        "small.safetensors.csv",
    ]
    rows = rows_of(weights)
    assert [float(row["epoch"]) for row in rows] == [1.0, 2.0]
    assert all(0.0 <= float(row["score"]) <= 1.0 and float(row["loss"]) > 0.0 for row in rows)


def test_the_card_says_what_the_weights_are(weights: Path) -> None:
    card = read_card(weights)
    assert (card.dataset, card.inputs, card.classes) == ("ombria", "stretched", ("dry", "flood"))
    assert (card.learning, card.choosing, card.judging) == (3, CHOOSING, JUDGING)
    assert (card.licence, card.seed, card.network.encoder) == ("made by a test", 0, "tu-resnet10t")
    best = max(rows_of(weights), key=lambda row: float(row["score"]))
    assert card.epoch == float(best["epoch"])
    assert card.scores["all"]["miou_tile"] == pytest.approx(float(best["score"]), abs=5e-3)


def test_weights_may_be_read_by_whoever_may_read_the_table_of_epochs(weights: Path) -> None:
    table = weights.with_name(f"{weights.name}.csv")
    assert weights.stat().st_mode == table.stat().st_mode


def test_the_same_command_makes_the_same_weights_and_another_seed_others(
    train: Callable[..., Outcome], archive: Path, weights: Path, tmp_path: Path
) -> None:
    again, other = tmp_path / "again" / weights.name, tmp_path / "other" / weights.name
    assert train(settings(tmp_path), archive, again, "--hold-out", "2").returncode == 0
    assert again.read_bytes() == weights.read_bytes()
    assert train(settings(tmp_path), archive, other, "--hold-out", "2", "--seed", 1).returncode == 0
    assert read_card(other).seed == 1
    first, second = load_file(weights), load_file(other)
    assert first.keys() == second.keys()
    assert any(not np.array_equal(first[name], second[name]) for name in first)


def test_the_card_tells_the_command_as_it_was_typed(
    train: Callable[..., Outcome], archive: Path, tmp_path: Path
) -> None:
    out = tmp_path / "w.safetensors"
    outcome = train(settings(tmp_path), archive, out, "--hold-out", "1", "--seed", 5, "--epochs", 1)
    assert outcome.returncode == 0 and outcome.stderr == ""
    assert outcome.stdout.startswith(f"{out}: after epoch 1 of 1, mean IoU by tile 0.")
    assert "3 chips by which it was chosen" in outcome.stdout and f"{out}.csv" in outcome.stdout
    command = read_card(out).command
    assert command.startswith("floodfuse train small.yaml --root ombria --out w.safetensors")
    for typed in ("--hold-out 1", "--seed 5", "--epochs 1"):
        assert typed in command


# What evaluation finds.


@pytest.mark.parametrize(("part", "tiles"), [("all", 8), ("choosing", 3), ("judging", 2)])
def test_scores_of_a_part(
    scored: Callable[..., dict[str, Any]], archive: Path, part: str, tiles: int
) -> None:
    record = scored(archive, "--split", "train", "--part", part)
    asked = {"dataset": "ombria", "split": "train", "part": part, "dropped": [], "strategy": "early"}
    assert asked.items() <= record.items()
    assert (record["tiles"], record["pixels"]) == (tiles, tiles * SIDE**2)
    assert all(0.0 <= record[name] <= 1.0 for name in SCORES)
    by_class = record["iou_by_class"]
    assert record["miou_global"] == pytest.approx((by_class["dry"] + by_class["flood"]) / 2)
    assert record["iou_flood"] == pytest.approx(by_class["flood"])
    # a class's IoU is never above its recall, whose mean by frequency is the share of pixels that are right
    assert record["fw_iou"] <= record["pixel_accuracy"]


def test_what_is_scored_again_on_the_chips_that_chose_is_what_the_card_says(
    scored: Callable[..., dict[str, Any]], archive: Path, weights: Path
) -> None:
    record = scored(archive, "--split", "train", "--part", "choosing")
    said = read_card(weights).scores["all"]
    for name in SCORES:
        assert record[name] == pytest.approx(said[name], abs=1e-5), name
    turned = scored(archive, "--split", "train", "--part", "choosing", "--turns")
    assert turned["brier"] != record["brier"]


def test_the_test_split_is_scored_unless_another_is_asked_for(
    scored: Callable[..., dict[str, Any]], archive: Path
) -> None:
    record = scored(archive)
    assert (record["split"], record["tiles"]) == ("test", len(TESTED))
    assert record == scored(archive, "--split", "test", "--part", "all")


@pytest.mark.parametrize(
    ("drop", "missing"),
    [
        (("s1",), ("OmbriaS1/test/BEFORE", "OmbriaS1/test/AFTER")),
        (("s2-post",), ("OmbriaS2/test/AFTER",)),
        (("s2/after",), ("OmbriaS2/test/AFTER",)),
        (("s2-pre", "s1-pre"), ("OmbriaS1/test/BEFORE", "OmbriaS2/test/BEFORE")),
    ],
)
def test_an_image_left_out_scores_as_one_that_was_never_there(
    scored: Callable[..., dict[str, Any]],
    archive: Path,
    own_archive: Path,
    drop: tuple[str, ...],
    missing: tuple[str, ...],
) -> None:
    options = [part for name in drop for part in ("--drop", name)]
    left_out = scored(archive, *options)
    for folder in missing:
        shutil.rmtree(own_archive / folder)
    assert scores_in(left_out) == scores_in(scored(own_archive))
    assert left_out["brier"] != scored(archive)["brier"]
    assert left_out["dropped"] == [
        name.replace("-post", "/after").replace("-pre", "/before") for name in drop
    ]


def test_tiles_of_an_event_score_as_the_same_tiles_of_the_archive(
    scored: Callable[..., dict[str, Any]], archive: Path, tmp_path: Path
) -> None:
    for number in TESTED:
        tile(number, in_event(tmp_path / "FRANCE", number))
    record = scored(tmp_path / "FRANCE")
    assert record["tiles"] == len(TESTED)
    assert scores_in(record) == scores_in(scored(archive))


def test_evaluating_twice_gives_the_same_file_and_a_table(
    evaluate: Callable[..., Outcome], weights: Path, archive: Path, tmp_path: Path
) -> None:
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    before = {path.name: path.read_bytes() for path in weights.parent.iterdir()}
    first = evaluate(weights, archive, "--json", one, "--drop", "s2-post")
    second = evaluate(weights, archive, "--json", two, "--drop", "s2-post")
    assert one.read_bytes() == two.read_bytes()
    assert first.stdout == second.stdout and first.stderr == second.stderr == ""
    assert "small.safetensors on ombria, test, without s2/after: 2 tiles" in first.stdout
    assert f"{json.loads(one.read_text())['iou_flood']:.3f}" in first.stdout
    assert {path.name: path.read_bytes() for path in weights.parent.iterdir()} == before


def test_other_commands_do_not_wait_for_torch() -> None:
    code = "import sys, floodfuse.workflows.run; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Settings that can't be right.


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"dataset": None}, ("'dataset' is missing",)),
        ({"training": None}, ("'training' is missing",)),
        ({"training": {"network": {"strategy": None}}}, ("training.network.strategy",)),
        ({"datset": "ombria"}, ("unknown setting 'datset'", "did you mean 'dataset'?")),
        ({"training": {"epoch": 3}}, ("unknown setting 'training.epoch'", "did you mean 'epochs'?")),
        (
            {"training": {"network": {"encodr": "resnet18"}}},
            ("unknown setting 'training.network.encodr'", "did you mean 'encoder'?"),
        ),
        ({"training": {"augment": {"hole": 0.1}}}, ("'training.augment.hole'", "did you mean 'holes'?")),
        ({"training": {"split": {"block": 3}}}, ("'training.split.block'", "did you mean 'blocks'?")),
        ({"training": {"epochs": "many"}}, ("training.epochs 'many'", "valid integer")),
        ({"training": {"epochs": 0}}, ("training.epochs '0'", "greater than or equal to 1")),
        ({"training": {"batch": 1.5}}, ("training.batch '1.5'", "valid integer")),
        ({"training": {"learning_rate": -1.0}}, ("training.learning_rate '-1.0'", "greater than 0")),
        ({"training": {"augment": {"crop": 100}}}, ("training.augment.crop '100'", "multiple of")),
        ({"training": {"network": {"strategy": "magic"}}}, ("'magic'", "'early'", "'late'")),
        ({"training": {"network": {"decoder": [16]}}}, ("training.network.decoder", "at least 3")),
        ({"training": [1, 2]}, ("training '[1, 2]'", "dictionary")),
        ({"dataset": "ombra"}, ("dataset 'ombra'", "known are ombria")),
        ({"split": "valid"}, ("no split 'valid'", "there is test, train")),
        ({"training": {"batch": 9}}, ("fewer than a batch of 9", "smaller batch")),
        (
            {"training": {"split": {"blocks": 40, "choosing": [30]}}},
            ("split: ", "8 chips in 40 blocks", "change the split"),
        ),
        ({"training": {"split": {"choosing": [3]}}}, ("split: ", "block 3", "change the split")),
        # what the network, the inputs or the generator of random numbers can't take
        ({"training": {"network": {"encoder": "resnet19"}}}, ("resnet19",)),
        ({"training": {"network": {"encoder": "tu-nothing"}}}, ("tu-nothing",)),
        ({"training": {"network": {"decoder": [16, 8, -8]}}}, ("training.network.decoder",)),
        ({"training": {"network": {"strategy": "graybox"}}}, ("graybox",)),
        ({"training": {"seed": -1}}, ("training.seed '-1'",)),
        ({"training": {"augment": {"drop": {"s2": 1.5}}}}, ("training.augment.drop", "1.5")),
        # a view that no input has would be left out of nothing
        ({"training": {"augment": {"drop": {"s2-post": 0.2}}}}, ("s2-post", "s2/after")),
        ({"training": {"choose_without": [[], ["s3"]]}}, ("s3", "s2")),
        ({"training": {"choose_without": [["s1", "s2"]]}}, ("s1", "s2", "choose_without")),
    ],
)
def test_settings_of_training(
    train: Callable[..., Outcome],
    refused: Callable[..., None],
    archive: Path,
    tmp_path: Path,
    content: dict[str, Any],
    words: tuple[str, ...],
) -> None:
    file, out = settings(tmp_path), tmp_path / "made" / "w.safetensors"
    stated = over(yaml.safe_load(file.read_text()), content)
    file.write_text(yaml.safe_dump(stated))
    refused(train(file, archive, out), *words, out=out)
    assert not out.parent.exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("dataset: [ombria\n", ("not YAML", "line")),
        ("- dataset\n- licence\n", ("`key: value`",)),
        ("", ("'dataset' is missing",)),
        (None, ("can't be read", "YAML")),
    ],
)
def test_settings_file_of_training_that_is_none(
    train: Callable[..., Outcome],
    refused: Callable[..., None],
    archive: Path,
    tmp_path: Path,
    content: str | None,
    words: tuple[str, ...],
) -> None:
    file, out = tmp_path / "small.yaml", tmp_path / "made" / "w.safetensors"
    if content is not None:
        file.write_text(content)
    refused(train(file, archive, out), f"settings {file}", *words, out=out)
    assert not out.parent.exists()


# What is typed.


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--hold-out", "one"), ("hold-out 'one'", "1,6,10")),
        (("--hold-out", "1,"), ("hold-out '1,'", "1,6,10")),
        (("--hold-out", ""), ("hold-out ''", "1,6,10")),
        (("--hold-out", "7"), ("block 7", "3 blocks")),
        (("--hold-out", "0"), ("block 0", "two parts")),
        (("--hold-out", "1,2"), ("none to learn from",)),
        (("--seed", "-1"), ("seed", "-1")),
    ],
)
def test_train_as_typed(
    train: Callable[..., Outcome],
    refused: Callable[..., None],
    archive: Path,
    tmp_path: Path,
    options: tuple[str, ...],
    words: tuple[str, ...],
) -> None:
    out = tmp_path / "made" / "w.safetensors"
    refused(train(settings(tmp_path), archive, out, *options), *words, out=out)
    assert not out.parent.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "small.yaml"], ("--root",)),
        (["train", "small.yaml", "--root", ".", "--out", "w", "--epochs", "0"], ("--epochs", "greater than")),
        (["train", "small.yaml", "--root", ".", "--out", "w", "--holdout", "1"], ("--hold-out",)),
        (["evaluate", "--root", ".", "--weights", "w"], ("--dataset",)),
        (
            ["evaluate", "--dataset", "ombria", "--root", ".", "--weights", "w", "--part", "half"],
            ("choosing", "judging"),
        ),
    ],
)
def test_usage_of_train_and_evaluate(
    floodfuse: Callable[..., Outcome], arguments: list[str], words: tuple[str, ...]
) -> None:
    outcome = floodfuse(*arguments)
    assert outcome.returncode == 2 and outcome.stdout == ""
    assert outcome.stderr.startswith("Usage: floodfuse") and "Traceback" not in outcome.stderr
    for word in words:
        assert word in outcome.stderr


def test_a_root_that_does_not_hold_the_dataset(
    train: Callable[..., Outcome],
    evaluate: Callable[..., Outcome],
    refused: Callable[..., None],
    archive: Path,
    weights: Path,
    tmp_path: Path,
) -> None:
    file, out = settings(tmp_path), tmp_path / "made" / "w.safetensors"
    record = tmp_path / "made" / "scores.json"
    for root, word in ((tmp_path / "gone", "no such folder"), (archive / "OmbriaS1", "--root")):
        refused(train(file, root, out), str(root), word, out=out)
        refused(evaluate(weights, root, "--json", record), str(root), word, out=record)
    assert not out.parent.exists()


def test_weights_to_make_that_have_another_ending_or_are_there_already(
    train: Callable[..., Outcome],
    refused: Callable[..., None],
    archive: Path,
    weights: Path,
    tmp_path: Path,
) -> None:
    file, out = settings(tmp_path), tmp_path / "w.pt"
    refused(train(file, archive, out), f"out '{out}'", ".safetensors", out=out)
    before = weights.read_bytes()
    refused(train(file, archive, weights), f"out '{weights}'", "already", "delete it or give another name")
    assert weights.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {file.name}


def test_weights_to_make_where_no_file_can_be(
    train: Callable[..., Outcome], refused: Callable[..., None], archive: Path, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file")
    out = tmp_path / "taken" / "w.safetensors"
    refused(train(settings(tmp_path), archive, out), str(out))


@pytest.mark.parametrize("damage", [b"", b"dear diary", None])
def test_a_damaged_state_is_refused_and_kept(
    train: Callable[..., Outcome],
    refused: Callable[..., None],
    archive: Path,
    tmp_path: Path,
    damage: bytes | None,
) -> None:
    out, state = tmp_path / "w.safetensors", tmp_path / "w.safetensors.state"
    left = (b"PK\x03\x04" + bytes(5000)) if damage is None else damage
    state.write_bytes(left)
    refused(
        train(settings(tmp_path), archive, out), str(state), "damaged", "delete it to begin anew", out=out
    )
    assert state.read_bytes() == left


@pytest.mark.parametrize("number", [0, 3])
def test_a_picture_that_is_replaced_after_training_stopped_at_it(
    train: Callable[..., Outcome],
    refused: Callable[..., None],
    own_archive: Path,
    tmp_path: Path,
    number: int,
) -> None:
    """Tile 0 is one of those that choose, 3 one of those that are learned from: no look at the former is skipped."""
    file, out = settings(tmp_path), tmp_path / "stopped" / "w.safetensors"
    picture = in_archive(own_archive, "train", number)("2", "after")
    content = picture.read_bytes()
    picture.write_bytes(b"dear diary")
    refused(train(file, own_archive, out), str(picture), "replace the file", out=out)
    picture.write_bytes(content)
    assert train(file, own_archive, out).returncode == 0
    straight = tmp_path / "straight" / "w.safetensors"
    assert train(file, own_archive, straight).returncode == 0
    assert rows_of(out) == rows_of(straight)
    assert out.read_bytes() == straight.read_bytes()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--drop", "s1", "--drop", "s2"), ("no image is left", "s1, s2")),
        (("--drop", "s3"), ("drop 's3'", "s1", "s2-post")),
        (("--drop", "s1,s2"), ("drop 's1,s2'", "known are")),
        (("--drop", ""), ("drop ''", "known are")),
        (("--split", "valid"), ("no split 'valid'", "test, train")),
        (("--dataset", "ombra"), ("dataset 'ombra'", "known are ombria")),
        (("--part", "choosing"), ("part 'choosing'", "--split")),
        (("--part", "judging"), ("part 'judging'", "--split")),
        (("--weights", "bayes"), ("weights 'bayes'", "give a file of weights")),
    ],
)
def test_evaluate_as_typed(
    evaluate: Callable[..., Outcome],
    refused: Callable[..., None],
    weights: Path,
    archive: Path,
    tmp_path: Path,
    options: tuple[str, ...],
    words: tuple[str, ...],
) -> None:
    out = tmp_path / "scores.json"
    refused(evaluate(weights, archive, "--json", out, *options), *words, out=out)


def test_a_part_is_of_the_chips_trained_on_and_not_of_others_with_their_numbers(
    evaluate: Callable[..., Outcome],
    refused: Callable[..., None],
    weights: Path,
    tmp_path: Path,
) -> None:
    """Tiles of every event are numbered from 0: they are not those that were held out of the archive."""
    out = tmp_path / "scores.json"
    for number in LEARNED:
        tile(number, in_event(tmp_path / "FRANCE", number))
    for part in ("choosing", "judging"):
        outcome = evaluate(weights, tmp_path / "FRANCE", "--part", part, "--json", out)
        refused(outcome, f"part '{part}'", "trained on", out=out)


def test_scores_where_no_file_can_be(
    evaluate: Callable[..., Outcome],
    refused: Callable[..., None],
    weights: Path,
    archive: Path,
    tmp_path: Path,
) -> None:
    refused(evaluate(weights, archive, "--json", tmp_path), str(tmp_path))
    (tmp_path / "taken").write_text("a file")
    out = tmp_path / "taken" / "scores.json"
    refused(evaluate(weights, archive, "--json", out), str(out))


# Weights that can't be used.


def missing(file: Path) -> None:
    file.unlink()


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def zero_bytes(file: Path) -> None:
    file.write_bytes(b"")


def text(file: Path) -> None:
    file.write_text("dear diary, today I trained")


def truncated(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def without_card(file: Path) -> None:
    save_file(load_file(file), file)


def with_card(file: Path, **changed: object) -> None:
    card = read_card(file).model_dump(mode="json") | changed
    save_file(load_file(file), file, {"floodfuse": json.dumps(card)})


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (missing, ("no such file", "floodfuse train")),
        (a_folder, ("no such file", "floodfuse train")),
        (zero_bytes, ("no readable safetensors file", "train it anew")),
        (text, ("no readable safetensors file", "train it anew")),
        (truncated, ("no readable safetensors file", "train it anew")),
        (without_card, ("without a card", "floodfuse train")),
        (lambda file: with_card(file, epoch="last"), ("card can't be read", "train anew")),
        (lambda file: with_card(file, fingerprint="old"), ("trained on inputs 'old'", "train anew")),
        (lambda file: with_card(file, classes=["dry", "wet"]), ("tells dry, wet", "has dry, flood")),
        (
            lambda file: with_card(file, network={"strategy": "late", "encoder": "tu-resnet10t"}),
            ("not those of its network", "train anew"),
        ),
    ],
)
def test_weights_that_are_none(
    evaluate: Callable[..., Outcome],
    refused: Callable[..., None],
    weights: Path,
    archive: Path,
    tmp_path: Path,
    damage: Callable[[Path], None],
    words: tuple[str, ...],
) -> None:
    file, out = Path(shutil.copy(weights, tmp_path / "w.safetensors")), tmp_path / "scores.json"
    damage(file)
    refused(evaluate(file, archive, "--json", out), str(file), *words, out=out)


# Interrupted.


def _under_way(file: Path, root: Path, out: Path) -> subprocess.Popen[str]:
    """A training run of its own process, of which some epochs are done, and another one partly."""
    command = [str(SCRIPT), "train", str(file), "--root", str(root), "--out", str(out), "--quiet"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if out.with_name(f"{out.name}.state").exists():
            time.sleep(0.2)  # past what follows a look at the chips that choose, into some step
            return running
        assert running.poll() is None, running.communicate()
        time.sleep(0.02)
    running.kill()
    raise AssertionError(f"no epoch was done in time: {running.communicate()}")


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_training_goes_on_as_if_it_had_not_been(
    train: Callable[..., Outcome],
    refused: Callable[..., None],
    archive: Path,
    tmp_path: Path,
    stop: signal.Signals,
) -> None:
    file, out = settings(tmp_path, epochs=40, choose_every=5, batch=4), tmp_path / "stopped" / "w.safetensors"
    state = out.with_name(f"{out.name}.state")
    running = _under_way(file, archive, out)
    running.send_signal(stop)
    said, told = running.communicate(timeout=60)
    assert running.returncode == 130, told
    assert said == "" and told.startswith("note: stopped; the same command goes on after step ")
    assert sorted(path.name for path in out.parent.iterdir()) == [out.name, f"{out.name}.csv", state.name]
    assert len(rows_of(out)) < 8  # it was stopped, and not done already

    kept = state.read_bytes()
    refused(train(file, archive, out, "--epochs", 7), str(state), "other settings", "delete it to begin anew")
    assert state.read_bytes() == kept

    outcome = train(file, archive, out, "--quiet")
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "", "")
    assert sorted(path.name for path in out.parent.iterdir()) == [out.name, f"{out.name}.csv"]
    assert [float(row["epoch"]) for row in rows_of(out)] == [float(n) for n in range(5, 41, 5)]
    straight = tmp_path / "straight" / "w.safetensors"
    assert train(file, archive, straight, "--quiet").returncode == 0
    assert rows_of(out) == rows_of(straight)
    assert out.read_bytes() == straight.read_bytes()


# What is shipped.


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_a_shipped_experiment_loads_and_names_what_there_is(file: Path) -> None:
    experiment = load_experiment(file, {})
    assert experiment.dataset in DATASETS and experiment.licence
    training = experiment.training
    radiometry = {"ombria": "stretched", "simulated": "evidence", "sen1floods11": "backscatter"}
    views = INPUTS[radiometry[experiment.dataset]].CHANNELS
    known = {*views, *(sensor_of(view) for view in views)}
    assert set(training.augment.drop) <= known
    assert {what for without in training.choose_without for what in without} <= known
    assert 0.0 < sum(training.augment.drop.values()) <= 1.0


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_what_is_typed_goes_over_a_shipped_experiment(file: Path) -> None:
    usual = load_experiment(file, {}).training
    typed = load_experiment(file, {"epochs": 3, "seed": 9, "split": {"judging": (1, 2)}}).training
    assert (typed.epochs, typed.seed, typed.split.judging) == (3, 9, (1, 2))
    assert (typed.network, typed.split.blocks, typed.split.choosing) == (
        usual.network,
        usual.split.blocks,
        usual.split.choosing,
    )


def test_there_is_an_experiment_for_each_way_of_fusion_of_pictures() -> None:
    ways = {load_experiment(file, {}).training.network.strategy for file in SHIPPED}
    assert {"early", "intermediate", "attention", "late"} <= ways
