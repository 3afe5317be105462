"""Weights on disk and the card that they carry (models/weights)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from floodfuse.models.chips import View
from floodfuse.models.inputs import stretched
from floodfuse.models.networks.build import Strategy, build
from floodfuse.models.networks.fusion import FusionNetwork
from floodfuse.models.predict import predict
from floodfuse.models.weights.files import Card, WeightsError, load, read_card, save

strategies: tuple[Strategy, ...] = ("early", "intermediate", "attention", "late")


def card_of(strategy: Strategy = "early", **changes: object) -> Card:
    stated: dict[str, object] = {
        "network": {"strategy": strategy, "encoder": "tu-test_resnet", "decoder": (16, 8, 8, 8, 8)},
        "inputs": "stretched",
        "fingerprint": stretched.FINGERPRINT,
        "views": stretched.CHANNELS,
        "classes": ("dry", "flood"),
        "dataset": "toy",
        "split": "train",
        "licence": "CC0, of Łódź",
        "command": "floodfuse train toy.yaml",
        "seed": 4,
        "epoch": 7,
        "learning": 20,
        "choosing": ("chip1", "chip2"),
        "judging": (),
        "scores": {"all": {"miou_tile": 0.1 + 0.2, "iou_by_class": {"dry": 1.0, "flood": 0.5}, "tiles": 2}},
    }
    return Card.model_validate(stated | changes)


def network_of(card: Card) -> FusionNetwork:
    torch.manual_seed(card.seed)
    net = build(card.network, card.views, len(card.classes))
    with torch.no_grad():  # as after training: no buffer is at its default
        for name, value in net.named_buffers():
            if value.is_floating_point():
                value.add_(torch.rand(value.shape) * 0.1)
            else:
                value.fill_(len(name))
    return net.eval()


def chip() -> dict[str, View]:
    rng = np.random.default_rng(1)
    return {
        name: View(rng.normal(size=(n, 32, 40)).astype(np.float32), rng.random((32, 40)) < 0.8)
        for name, n in stretched.CHANNELS.items()
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A good file of weights."""
    path = tmp_path / "good.safetensors"
    save(network_of(card_of()), card_of(), path)
    return path


@pytest.mark.parametrize("strategy", strategies)
def test_what_was_saved_is_read_back_kernels_to_11_bits_and_the_rest_to_the_bit(
    strategy: Strategy, tmp_path: Path
) -> None:
    path = tmp_path / "new" / "folder" / "w.safetensors"
    card = card_of(strategy)
    net = network_of(card)
    save(net, card, path)
    assert read_card(path) == card
    again, read = load(path)
    assert read == card and not again.training
    assert list(again.state_dict()) == list(net.state_dict())
    for name, value in net.state_dict().items():
        kept = value.half().float() if value.ndim == 4 else value
        assert torch.equal(again.state_dict()[name], kept), name
    for turns in (False, True):
        np.testing.assert_allclose(predict(again, chip(), turns), predict(net, chip(), turns), atol=2e-3)
    twice = tmp_path / "twice.safetensors"
    save(again, card, twice)
    assert twice.read_bytes() == path.read_bytes()


def test_weights_of_another_memory_layout_are_the_same_weights(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    save(network_of(card_of()).to(memory_format=torch.channels_last), card_of(), other)
    assert other.read_bytes() == file.read_bytes()


def test_a_file_is_plain_safetensors_with_the_card_in_its_header(file: Path) -> None:
    """Nothing in it is run when it is read."""
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()
        assert len(list(opened.keys())) == len(network_of(card_of()).state_dict())
    assert set(metadata) == {"floodfuse"}
    assert json.loads(metadata["floodfuse"])["licence"] == "CC0, of Łódź"


# ---- saving


def test_saving_replaces_what_was_there_and_leaves_nothing_beside_it(file: Path) -> None:
    later = card_of(epoch=9)
    save(network_of(later), later, file)
    assert read_card(file).epoch == 9
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_when_writing_fails_the_file_that_was_there_stays_and_nothing_half_written(file: Path) -> None:
    """Two names for the same numbers are what safetensors refuses."""
    before = file.read_bytes()
    net = network_of(card_of())
    net.register_parameter("again", next(p for p in net.parameters() if p.ndim == 1))
    with pytest.raises(RuntimeError, match="share memory"):
        save(net, card_of(), file)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_when_the_place_is_taken_by_a_folder_nothing_half_written_is_left(tmp_path: Path) -> None:
    place = tmp_path / "w.safetensors"
    place.mkdir()
    (place / "kept").touch()
    with pytest.raises(OSError, match=r"w\.safetensors"):
        save(network_of(card_of()), card_of(), place)
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]
    assert (place / "kept").exists()


# ---- files that can't be used


def refused(path: Path, says: str) -> None:
    """Both ways of reading name the file and the reason, on one line."""
    for read in (read_card, load):
        with pytest.raises(WeightsError, match=says) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)


def rewritten(file: Path, change: Callable[[dict[str, object]], object]) -> None:
    """The same weights with another card."""
    with safe_open(file, "pt") as opened:
        card = json.loads(opened.metadata()["floodfuse"])
        state = {name: opened.get_tensor(name) for name in list(opened.keys())}
    changed = change(card)
    save_file(state, file, {"floodfuse": changed if isinstance(changed, str) else json.dumps(changed)})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    refused(tmp_path / "none.safetensors", "no such file")
    refused(tmp_path, "no such file")


@pytest.mark.parametrize("share", [0.0, 1e-5, 0.001, 0.5, 0.999])
def test_a_truncated_file_is_named(file: Path, share: float) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * share)])
    refused(file, "no readable safetensors file")


def test_a_file_with_something_behind_its_end_is_named(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"more")
    refused(file, "no readable safetensors file")


@pytest.mark.parametrize("content", ["", "a", "These are no weights.\n" * 100, "{}", "\0" * 64])
def test_a_text_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "text.safetensors"
    path.write_text(content)
    refused(path, "no readable safetensors file")


def test_weights_of_others_have_no_card_and_are_named(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    for metadata in (None, {"format": "pt"}):
        save_file({"weight": torch.zeros(3)}, path, metadata)
        refused(path, "without a card")


@pytest.mark.parametrize(
    "change",
    [
        lambda card: "no json",
        lambda card: "[" * 5 + "]" * 5,
        lambda card: "null",
        lambda card: {name: value for name, value in card.items() if name != "classes"},
        lambda card: card | {"colour": "blue"},
        lambda card: card | {"epoch": "late"},
        lambda card: card | {"network": card["network"] | {"strategy": "psychic"}},
    ],
)
def test_a_card_that_can_not_be_read_is_named(
    file: Path, change: Callable[[dict[str, object]], object]
) -> None:
    rewritten(file, change)
    refused(file, "its card can't be read")


def test_weights_of_inputs_that_are_prepared_in_another_way_today_are_refused(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stretched, "FINGERPRINT", "stretched/0: another radiometry")
    refused(file, "trained on inputs 'stretched/2.*prepares 'stretched/0: another radiometry'")


@pytest.mark.parametrize("fingerprint", ["hidden/1", "unknown"])
def test_weights_of_inputs_that_are_unknown_are_refused(file: Path, fingerprint: str) -> None:
    rewritten(file, lambda card: card | {"inputs": "hidden", "fingerprint": fingerprint})
    refused(file, f"trained on inputs '{fingerprint}'")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"classes": ["dry", "water", "flood"]}, "not those of its network"),
        ({"views": {"s1/after": 2}}, "not those of its network"),
        ({"network": {"strategy": "late", "encoder": "tu-test_resnet"}}, "not those of its network"),
        ({"network": {"strategy": "early", "encoder": "tu-no_such_net"}}, "no_such_net"),
        ({"network": {"strategy": "early", "encoder": "no_such_net"}}, "no_such_net"),
    ],
)
def test_a_card_of_another_network_than_its_weights_is_named(
    file: Path, change: dict[str, object], says: str
) -> None:
    rewritten(file, lambda card: card | change)
    with pytest.raises(WeightsError, match=says) as caught:
        load(file)
    assert str(caught.value).startswith(f"{file}: ")
