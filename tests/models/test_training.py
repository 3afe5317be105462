"""Training: it learns, it can be killed and resumed, and it refuses what can't be right (models/training)."""

from __future__ import annotations

import csv
import pickle
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import zoom

from floodfuse.catalogs.datasets.chip import Chip
from floodfuse.models.chips import UNLABELLED
from floodfuse.models.evaluation import score_chips
from floodfuse.models.inputs.registry import INPUTS
from floodfuse.models.networks.build import NetworkSettings, build
from floodfuse.models.networks.fusion import FusionNetwork
from floodfuse.models.predict import predict, prepared
from floodfuse.models.train_settings import TrainSettings
from floodfuse.models.training import Stopped, Training, TrainingError, rate_at
from floodfuse.models.weights.files import Card, load, read_card

reproducible = settings(deadline=None, derandomize=True, max_examples=60)
SIDE = 64
Values = tuple[NDArray[np.generic], NDArray[np.bool_]]


@pytest.fixture(autouse=True)
def on_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equality to the bit is a promise of the processor: accelerators add up in any order."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@dataclass
class Toy:
    """Chips whose radar is dark after the flood where it is flooded; every third has no optical picture."""

    count: int = 24
    name: str = "toy"
    split: str = "train"
    inputs: str = "stretched"
    classes: tuple[str, ...] = ("dry", "flood")
    flooded: tuple[int, ...] = (1,)
    groups: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    views: tuple[str, ...] = ("s1/before", "s1/after", "s2/before", "s2/after")
    events: Mapping[str, str] = field(default_factory=dict)
    labelled: slice = field(default_factory=lambda: slice(None))
    reading: Callable[[str], None] = lambda chip: None

    @property
    def chips(self) -> tuple[str, ...]:
        return tuple(f"chip{k:02d}" for k in range(self.count))

    def read(self, chip: str) -> Chip:
        self.reading(chip)
        number = int(chip[4:])
        rng = np.random.default_rng(number)
        ground = zoom(rng.normal(size=(4, 4)), SIDE // 4, order=3)
        flood = ground > np.quantile(ground, rng.uniform(0.4, 0.8))
        seen = np.ones((SIDE, SIDE), bool)

        def radar(water: NDArray[np.bool_]) -> NDArray[np.uint8]:
            level = rng.normal(np.where(water, 50.0, 160.0), 15.0)
            return np.clip(level, 0.0, 255.0).astype(np.uint8)[None]

        views: dict[str, Values] = {
            "s1/before": (radar(np.zeros_like(flood)), seen),
            "s1/after": (radar(flood), seen),
        }
        if number % 3:
            views["s2/after"] = (rng.integers(60, 120, (3, SIDE, SIDE)).astype(np.uint8), seen)
        truth = np.full((SIDE, SIDE), UNLABELLED, np.uint8)
        truth[self.labelled, self.labelled] = flood[self.labelled, self.labelled]
        return Chip(chip, f"event{number // 4}", views, truth)


def network_of(strategy: str) -> dict[str, Any]:
    return {"strategy": strategy, "encoder": "tu-test_resnet", "decoder": (8, 8, 8), "fold": 2}


def settings_of(**changes: Any) -> TrainSettings:
    """A short run: 4 chips in batches of 2 for 3 epochs, 6 steps; looked at after the second and the third."""
    stated = {
        "network": network_of("early"),
        "augment": {"crop": 64, "vary": 0.5, "holes": 0.3, "drop": {"s2": 0.2, "s1/before": 0.2}},
        "split": {"blocks": 3, "choosing": (1,)},
        "epochs": 3,
        "batch": 2,
        "learning_rate": 3e-3,
        "average": 0.7,
        "choose_every": 2,
        "save_every": 100,
    }
    return TrainSettings.model_validate(stated | changes)


def training(out: Path, source: Toy | None = None, **changes: Any) -> Training:
    return Training(settings_of(**changes), source or Toy(6), out, "CC0", "floodfuse train toy.yaml")


def silent(what: str, done: int, total: int) -> None:
    """Tells nobody."""


@dataclass
class Made:
    """What a run leaves behind."""

    weights: dict[str, torch.Tensor]
    card: Card
    log: str
    best: float


def made(out: Path, best: float) -> Made:
    net, card = load(out)
    return Made(net.state_dict(), card, out.with_name(f"{out.name}.csv").read_text(), best)


def same(a: Made, b: Made) -> None:
    """To the bit."""
    assert list(a.weights) == list(b.weights)
    assert [name for name, value in a.weights.items() if not torch.equal(value, b.weights[name])] == []
    assert (a.card, a.log, a.best) == (b.card, b.log, b.best)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The run that others are compared with."""
    out = tmp_path_factory.mktemp("whole") / "w.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cuda, "is_available", lambda: False)
        return made(out, training(out).run(silent))


# ---- it learns


@pytest.mark.parametrize(
    "strategy",
    [
        "early",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("intermediate", "attention", "late")),
    ],
)
def test_every_strategy_learns_that_dark_radar_is_flood(strategy: str, tmp_path: Path) -> None:
    out = tmp_path / "w.safetensors"
    run = training(
        out,
        Toy(24),
        network=network_of(strategy),
        augment={"crop": 64, "vary": 0.2, "holes": 0.1, "drop": {"s2": 0.2}},
        split={"blocks": 6, "choosing": (2,)},
        epochs=6,
        batch=4,
        learning_rate=1e-2,
        choose_every=6,
    )
    best = run.run(silent)
    assert best > 0.8
    net, _ = load(out)
    again = score_chips(net, Toy(24), run.parts.choosing, run.inputs, turns=False).miou_tile
    assert again == pytest.approx(best, abs=5e-3)  # kernels are kept to 11 bits


def test_the_best_weights_are_kept_with_a_card_and_a_log_and_the_state_is_gone(
    uninterrupted: Made, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "w.safetensors"
    run = training(out)
    steps: list[tuple[str, int, int]] = []
    best = run.run(lambda what, done, total: steps.append((what, done, total)))
    same(made(out, best), uninterrupted)  # the seed is all there is to chance
    assert steps == [("training", k, 6) for k in range(1, 7)]
    assert sorted(path.name for path in out.parent.iterdir()) == ["w.safetensors", "w.safetensors.csv"]
    rows = list(csv.DictReader(run.log_file.read_text().splitlines()))
    assert [float(row["epoch"]) for row in rows] == [2.0, 3.0]  # every second, and the last
    assert all(np.isfinite(float(row["loss"])) for row in rows)
    scores = [float(row["score"]) for row in rows]
    card = read_card(out)
    assert best == max(scores)
    assert card.epoch == float(rows[scores.index(best)]["epoch"])
    assert card.scores["all"]["miou_tile"] == pytest.approx(best, abs=5e-3)  # kernels are kept to 11 bits
    assert (card.dataset, card.split, card.classes) == ("toy", "train", ("dry", "flood"))
    assert card.licence == "CC0"
    assert card.command == "floodfuse train toy.yaml"
    assert (card.learning, card.choosing, card.judging) == (4, ("chip02", "chip03"), ())


def test_another_seed_gives_other_weights(uninterrupted: Made, tmp_path: Path) -> None:
    out = tmp_path / "w.safetensors"
    other = made(out, training(out, seed=1).run(silent))
    assert not any(
        torch.equal(value, uninterrupted.weights[name])
        for name, value in other.weights.items()
        if name.endswith("conv1.weight")
    )


def test_weights_are_chosen_by_the_mean_over_what_is_left_out(tmp_path: Path) -> None:
    out = tmp_path / "w.safetensors"
    run = training(out, choose_without=((), ("s2",), ("s1/before", "s2")), epochs=1)
    best = run.run(silent)
    (row,) = csv.DictReader(run.log_file.read_text().splitlines())
    singles = [float(value) for name, value in row.items() if name.startswith("miou_tile")]
    assert list(row)[3:] == ["miou_tile", "miou_tile without s2", "miou_tile without s1/before without s2"]
    assert float(row["score"]) == best == pytest.approx(np.mean(singles), abs=1e-12)
    assert list(read_card(out).scores) == ["all", "without s2", "without s1/before, without s2"]


def test_every_chip_is_read_from_disk_once(tmp_path: Path) -> None:
    read: list[str] = []
    training(tmp_path / "w.safetensors", Toy(6, reading=read.append), choose_every=1).run(silent)
    assert sorted(read) == list(Toy(6).chips)


def test_training_ends_when_no_better_score_comes_within_its_patience(tmp_path: Path) -> None:
    """One labelled pixel scores 0 or 1, so that there is soon no better score."""
    out = tmp_path / "w.safetensors"
    run = training(out, Toy(6, labelled=slice(0, 1)), epochs=6, patience=1, choose_every=1)
    run.run(silent)
    epochs = [float(row["epoch"]) for row in csv.DictReader(run.log_file.read_text().splitlines())]
    assert epochs[-1] == read_card(out).epoch + 1 < 6
    assert not run.state_file.exists()


# ---- it is killed, and resumes


def stopped(run: Training, tell: Callable[[str, int, int], None] = silent) -> None:
    """Run until somebody stops it; nothing half-written is left."""
    with pytest.raises(KeyboardInterrupt):
        run.run(tell)
    left = {path.name for path in run.out.parent.iterdir()}
    assert left <= {run.out.name, run.state_file.name, run.log_file.name}


def stop_at(step: int) -> Callable[[str, int, int], None]:
    def tell(what: str, done: int, total: int) -> None:
        if done == step:
            raise KeyboardInterrupt

    return tell


@pytest.mark.parametrize("step", [1, 3])
def test_a_run_that_is_stopped_and_resumed_ends_as_if_it_had_not_been(
    step: int, uninterrupted: Made, tmp_path: Path
) -> None:
    out = tmp_path / "w.safetensors"
    stopped(training(out), stop_at(step))
    told: list[int] = []
    best = training(out).run(lambda what, done, total: told.append(done))
    assert told == list(range(step + 1, 7))  # it goes on where it was
    same(made(out, best), uninterrupted)
    assert not training(out).state_file.exists()


@pytest.mark.parametrize("step", [2, 4, 6])
def test_a_run_that_is_stopped_at_the_end_of_an_epoch_still_looks_at_the_chips_that_choose(
    step: int, uninterrupted: Made, tmp_path: Path
) -> None:
    out = tmp_path / "w.safetensors"
    stopped(training(out), stop_at(step))
    same(made(out, training(out).run(silent)), uninterrupted)


def test_a_run_that_is_asked_to_stop_stops_between_steps_and_resumes(
    uninterrupted: Made, tmp_path: Path
) -> None:
    out = tmp_path / "w.safetensors"
    run, told = training(out), list[int]()
    with pytest.raises(Stopped):
        run.run(lambda what, done, total: told.append(done), stop=lambda: len(told) == 3)
    assert told == [1, 2, 3]
    best = training(out).run(lambda what, done, total: told.append(done))
    assert told == [1, 2, 3, 4, 5, 6]
    same(made(out, best), uninterrupted)


def test_weights_that_could_not_be_written_are_written_when_the_run_resumes(tmp_path: Path) -> None:
    """As on a full disk."""
    one, two = tmp_path / "one" / "w.safetensors", tmp_path / "two" / "w.safetensors"
    whole = made(one, training(one, epochs=1).run(silent))
    two.mkdir(parents=True)
    with pytest.raises(OSError, match="w\\.safetensors"):
        training(two, epochs=1).run(silent)
    two.rmdir()
    same(made(two, training(two, epochs=1).run(silent)), whole)


def test_a_run_may_be_stopped_more_than_once(uninterrupted: Made, tmp_path: Path) -> None:
    out = tmp_path / "w.safetensors"
    for step in (1, 3, 5):
        stopped(training(out), stop_at(step))
    same(made(out, training(out).run(silent)), uninterrupted)


@pytest.mark.parametrize("chip", ["chip01", "chip03"])
def test_a_run_that_is_stopped_while_a_chip_is_read_ends_as_if_it_had_not_been(
    chip: str, uninterrupted: Made, tmp_path: Path
) -> None:
    """One to learn from, and one by which weights are chosen."""
    out = tmp_path / "w.safetensors"

    def stop(name: str) -> None:
        if name == chip:
            raise KeyboardInterrupt

    stopped(training(out, Toy(6, reading=stop)))
    same(made(out, training(out).run(silent)), uninterrupted)


@pytest.mark.parametrize("place", ["forward", "optimizer"])
def test_a_run_that_is_stopped_within_a_step_takes_that_step_once(
    place: str, uninterrupted: Made, tmp_path: Path
) -> None:
    """Ctrl-C comes at any time, mostly while a step is computed."""
    out = tmp_path / "w.safetensors"
    run, steps = training(out), [0]

    def stop(*_: object) -> None:
        steps[0] += 1
        if steps[0] == 3:
            raise KeyboardInterrupt

    if place == "forward":
        run.network.register_forward_hook(stop)
    else:
        run.optimizer.register_step_post_hook(stop)
    stopped(run)
    same(made(out, training(out).run(silent)), uninterrupted)


def test_a_run_that_is_killed_without_warning_resumes_from_its_last_state(tmp_path: Path) -> None:
    out, copy = tmp_path / "one" / "w.safetensors", tmp_path / "two" / "w.safetensors"

    def tell(what: str, done: int, total: int) -> None:
        if done == 6:  # the state on disk is that of step 5
            shutil.copytree(out.parent, copy.parent)

    whole = made(out, training(out, save_every=5).run(tell))
    told: list[int] = []
    best = training(copy, save_every=5).run(lambda what, done, total: told.append(done))
    assert told == [6]
    same(made(copy, best), whole)


@pytest.mark.slow
def test_networks_that_draw_at_random_resume_too(tmp_path: Path) -> None:
    """EfficientNet leaves out layers at random while it learns."""
    one, two = tmp_path / "one" / "w.safetensors", tmp_path / "two" / "w.safetensors"
    chance: dict[str, Any] = {
        "network": {"strategy": "early", "encoder": "efficientnet-b0", "decoder": (8,) * 5},
        "epochs": 1,
    }
    whole = made(one, training(one, **chance).run(silent))
    two.parent.mkdir()
    stopped(training(two, **chance), stop_at(1))
    torch.rand(7)  # what else the process draws does not matter
    same(made(two, training(two, **chance).run(silent)), whole)


# ---- states that can't be used


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Of a run that was stopped after a step."""
    out = tmp_path_factory.mktemp("state") / "w.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cuda, "is_available", lambda: False)
        run = training(out)
        stopped(run, stop_at(1))
    return run.state_file.read_bytes()


def refused(run: Training, says: str) -> None:
    """The file is named, and left as it is."""
    before = run.state_file.read_bytes()
    with pytest.raises(TrainingError, match=says) as caught:
        run.run(silent)
    assert str(caught.value).startswith(f"{run.state_file}: ") and "\n" not in str(caught.value)
    assert run.state_file.read_bytes() == before
    assert not run.out.exists()


@pytest.mark.parametrize(
    ("changes", "source"),
    [
        ({"learning_rate": 1e-4}, Toy(6)),
        ({"epochs": 4}, Toy(6)),
        ({"seed": 1}, Toy(6)),
        ({"network": network_of("late")}, Toy(6)),
        ({}, Toy(7)),
        ({}, Toy(6, name="other")),
        ({}, Toy(6, classes=("dry", "water", "flood"))),
    ],
)
def test_a_state_of_other_settings_or_chips_is_refused(
    changes: dict[str, Any], source: Toy, state: bytes, tmp_path: Path
) -> None:
    run = training(tmp_path / "w.safetensors", source, **changes)
    run.state_file.write_bytes(state)
    refused(run, "of other settings or other chips; delete it")


@pytest.mark.parametrize("share", [0.0, 1e-5, 0.1, 0.5, 0.9, 0.9999])
def test_a_truncated_state_is_refused(share: float, state: bytes, tmp_path: Path) -> None:
    run = training(tmp_path / "w.safetensors")
    run.state_file.write_bytes(state[: int(share * len(state))])
    refused(run, "damaged.*delete it")


@pytest.mark.parametrize(
    "content", [b"This is no state.\n", b"{}", b"\0" * 500, b"\x80\x02.", b"PK\x03\x04" + b"0" * 90]
)
def test_a_file_that_is_no_state_is_refused(content: bytes, tmp_path: Path) -> None:
    run = training(tmp_path / "w.safetensors")
    run.state_file.write_bytes(content)
    refused(run, "damaged.*delete it")


@pytest.mark.parametrize("content", [{}, [1, 2], None, {"network": {}}])
def test_another_file_of_torch_is_refused(content: object, tmp_path: Path) -> None:
    run = training(tmp_path / "w.safetensors")
    torch.save(content, run.state_file)
    refused(run, "damaged.*delete it")


def test_a_state_without_one_of_its_parts_is_refused(state: bytes, tmp_path: Path) -> None:
    run = training(tmp_path / "w.safetensors")
    run.state_file.write_bytes(state)
    whole = torch.load(run.state_file, weights_only=True)
    del whole["optimizer"]
    torch.save(whole, run.state_file)
    refused(run, "damaged.*delete it")


class Trap:
    """What a pickle may hold: a call."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return (Path.touch, (self.place,))


@pytest.mark.parametrize("write", [torch.save, lambda trap, path: path.write_bytes(pickle.dumps(trap, 2))])
def test_nothing_in_a_state_is_run(write: Callable[[Trap, Path], object], tmp_path: Path) -> None:
    run = training(tmp_path / "w.safetensors")
    write(Trap(tmp_path / "sprung"), run.state_file)
    refused(run, "damaged.*delete it")
    assert not (tmp_path / "sprung").exists()


# ---- runs that can't be


def test_fewer_chips_than_a_batch_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"^4 chips to learn from are fewer than a batch of 5; give more"):
        training(tmp_path / "w.safetensors", batch=5)


def test_a_split_that_can_not_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"^split: block 3 .*; change the split of the settings"):
        training(tmp_path / "w.safetensors", split={"blocks": 3, "choosing": (3,)})


@pytest.mark.parametrize("encoder", ["no_such_net", "tu-no_such_net"])
def test_encoders_that_there_are_not_are_refused(encoder: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=f"encoder '{encoder}' can't be built .*; choose others"):
        training(tmp_path / "w.safetensors", network=network_of("early") | {"encoder": encoder})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"augment": {"crop": 64, "drop": {"s3": 0.1}}},
            r"augment\.drop 's3': there is no such view or sensor",
        ),
        ({"choose_without": ((), ("s2/then",))}, "choose_without 's2/then': there is no such view or sensor"),
        ({"choose_without": (("s1", "s2"),)}, "choose_without 's1, s2' leaves no view"),
    ],
)
def test_views_that_there_are_not_can_not_be_left_out(
    changes: dict[str, Any], says: str, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match=says):
        training(tmp_path / "w.safetensors", **changes)


def test_a_loss_that_is_no_number_ends_training_with_a_cure(tmp_path: Path) -> None:
    run = training(tmp_path / "w.safetensors", learning_rate=1e20)
    with pytest.raises(
        TrainingError, match=r"^the loss is (nan|inf) at step \d; take a smaller learning rate"
    ):
        run.run(silent)
    assert not run.out.exists()


@pytest.mark.parametrize(
    "wrong",
    [{"seed": -1}, {"epochs": 0}, {"batch": 1}, {"average": 1.0}, {"rate": 1.0}, {"choose_without": ()}],
)
def test_settings_that_can_not_be_right_are_refused(wrong: dict[str, Any]) -> None:
    """No seed below 0: the generators of numpy take none."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        settings_of(**wrong)


# ---- its parts


@reproducible
@given(steps=st.integers(1, 3000))
def test_the_learning_rate_rises_then_falls_and_is_never_nothing(steps: int) -> None:
    rates = np.array([rate_at(step, steps) for step in range(steps)])
    assert (rates > 0.0).all() and (rates <= 1.0).all()
    top = int(rates.argmax())
    assert (np.diff(rates[: top + 1]) > 0).all() and (np.diff(rates[top:]) < 0).all()
    assert top <= 0.05 * steps + 1
    if steps >= 100:
        assert rates.max() > 0.99 and rates[-1] < 0.01 and rates[0] < 0.2


def untrained(*views: str) -> FusionNetwork:
    """Of some of the views that pictures have, or of all."""
    torch.manual_seed(2)
    chosen = NetworkSettings.model_validate(network_of("early"))
    channels = INPUTS["stretched"].CHANNELS
    return build(chosen, {view: channels[view] for view in views or channels}, 2).eval()


def test_chips_are_scored_one_by_one_without_what_is_left_out() -> None:
    net, told = untrained(), list[tuple[str, int, int]]()
    source, inputs, chips = Toy(6), INPUTS["stretched"], ("chip01", "chip02", "chip03")
    full = score_chips(net, source, chips, inputs, turns=False, tell=lambda *what: told.append(what))
    assert told == [("scoring", 1, 3), ("scoring", 2, 3), ("scoring", 3, 3)]
    assert (full.tiles, full.pixels) == (3, 3 * SIDE * SIDE)
    assert score_chips(net, source, chips, inputs, ("s2",), turns=False).brier != full.brier
    assert score_chips(net, source, chips, inputs, ("s2/before",), turns=False) == full  # no chip has it


def test_a_chip_without_any_image_left_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="chip chip03 has no image left without s1"):
        score_chips(untrained(), Toy(6), ("chip01", "chip03"), INPUTS["stretched"], ("s1",))
    with pytest.raises(ValueError, match="chip chip03 has no image that the network takes"):
        score_chips(untrained("s2/after"), Toy(6), ("chip01", "chip03"), INPUTS["stretched"])


def test_chips_without_labels_can_not_be_scored() -> None:
    nowhere = Toy(6, labelled=slice(0, 0))
    with pytest.raises(ValueError, match="no chip has a labelled pixel"):
        score_chips(untrained(), nowhere, ("chip01",), INPUTS["stretched"])


# ---- which views are learned from


def test_a_network_learns_from_the_views_named_and_takes_no_others(tmp_path: Path) -> None:
    few: dict[str, Any] = {
        "views": ("s1/after", "s1/before"),
        "augment": {"crop": 64, "drop": {"s1/before": 0.2}},
    }
    run = training(tmp_path / "few.safetensors", **few)
    run.run(silent)
    network, card = load(tmp_path / "few.safetensors")
    assert card.views == {"s1/after": 2, "s1/before": 2} == network.stacks.views
    chip = Toy(6).read("chip01")
    assert "s2/after" in chip.views
    radar = {name: view for name, view in chip.views.items() if name in card.views}
    inputs = INPUTS["stretched"]
    np.testing.assert_array_equal(
        predict(network, prepared(chip.views, inputs)), predict(network, prepared(radar, inputs))
    )
    with pytest.raises(ValueError, match="no view that the network takes"):
        predict(network, prepared(chip.views, inputs, ["s1"]))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"views": ("s1/after", "s3/after")}, "views 's3/after': there is no such view; known are s1/after"),
        ({"views": ("s1/before",)}, "augment.drop 's2'"),
    ],
)
def test_views_that_are_not_there_are_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(TrainingError, match=said):
        training(tmp_path / "w.safetensors", **changes)
