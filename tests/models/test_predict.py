"""What a network says of whole chips (models/predict)."""

from __future__ import annotations

import functools
from typing import Any, Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from floodfuse.models.chips import View
from floodfuse.models.inputs import stretched
from floodfuse.models.inputs.registry import INPUTS
from floodfuse.models.networks.build import NetworkSettings, Strategy, build
from floodfuse.models.networks.fusion import FusionNetwork
from floodfuse.models.predict import predict, prepared, tensor_of

CLASSES = 3
Kind = tuple[Strategy, Literal[1, 2]]  # and how many pixels a side are folded into channels
kinds: tuple[Kind, ...] = (
    ("early", 1),
    ("intermediate", 1),
    ("attention", 1),
    ("late", 1),
    ("early", 2),
    ("late", 2),
)
every_kind = pytest.mark.parametrize("kind", kinds, ids=str)


def as_trained(net: FusionNetwork, seed: int) -> FusionNetwork:
    """Norms with offsets of their own: fresh ones make nothing of nothing, and would hide what absent sensors add."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in net.modules():
            if isinstance(layer, nn.BatchNorm2d):
                assert layer.running_mean is not None and layer.running_var is not None
                layer.bias.copy_(0.4 * torch.rand(layer.bias.shape, generator=rng))
                layer.running_mean.copy_(0.4 * torch.rand(layer.bias.shape, generator=rng) - 0.2)
                layer.running_var.copy_(torch.rand(layer.bias.shape, generator=rng) + 0.5)
    return net.eval()


@functools.cache
def network(kind: Kind) -> FusionNetwork:
    """One for all tests of a kind: none changes it."""
    torch.manual_seed(3)
    chosen = NetworkSettings(
        strategy=kind[0], fold=kind[1], encoder="tu-test_resnet", decoder=(16, 8, 8, 8, 8)
    )
    return as_trained(build(chosen, dict(stretched.CHANNELS), CLASSES), 3)


def chip(height: int, width: int, seed: int = 0, hidden: float = 0.2) -> dict[str, View]:
    """Channels of all views, partly unseen."""
    rng = np.random.default_rng(seed)
    return {
        name: View(
            rng.normal(size=(channels, height, width)).astype(np.float32),
            rng.random((height, width)) >= hidden,
        )
        for name, channels in stretched.CHANNELS.items()
    }


def turned(array: NDArray[Any], k: int, flip: bool) -> NDArray[Any]:
    quarter = np.rot90(array, k, (-2, -1))
    return quarter[..., ::-1] if flip else quarter


def turned_chip(views: dict[str, View], k: int, flip: bool) -> dict[str, View]:
    return {
        name: View(turned(view.values, k, flip), turned(view.seen, k, flip)) for name, view in views.items()
    }


def test_a_tensor_holds_values_where_seen_zeros_elsewhere_and_last_the_mask() -> None:
    values = np.array([[[1.0, np.nan], [3.0, np.inf]]])
    made = tensor_of(View(values, np.array([[True, False], [True, False]])))
    assert made.dtype == torch.float32
    assert made.tolist() == [[[1.0, 0.0], [3.0, 0.0]], [[1.0, 0.0], [1.0, 0.0]]]


@pytest.mark.parametrize(
    ("dropped", "left"),
    [
        ((), {"s1/after", "s1/before", "s2/after", "s2/before"}),
        (("s2",), {"s1/after", "s1/before"}),
        (("s2/after",), {"s1/after", "s1/before", "s2/before"}),
        (("s1", "s2/before"), {"s2/after"}),
        (("s1", "s2"), set()),
    ],
)
def test_views_and_sensors_are_left_out_by_name(dropped: tuple[str, ...], left: set[str]) -> None:
    rng = np.random.default_rng(1)
    seen = rng.random((8, 8)) < 0.8
    raw = {
        name: (rng.integers(0, 256, (n, 8, 8)).astype(np.uint8), seen)
        for name, n in stretched.RAW_CHANNELS.items()
    }
    made = prepared(raw, INPUTS["stretched"], dropped)
    assert set(made) == left
    for name in made:
        assert np.array_equal(made[name].values, stretched.prepare(name, *raw[name]))
        assert np.array_equal(made[name].seen, seen)


@pytest.mark.parametrize(
    ("taken", "made"),
    [
        (("s1/after", "s1/before", "s2/after"), {"s1/after", "s1/before"}),
        (("s2/after",), set()),
    ],
)
def test_what_a_network_does_not_take_is_not_made(
    taken: tuple[str, ...], made: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, asked = stretched.prepare, list[str]()

    def prepare(view: str, values: NDArray[np.generic], seen: NDArray[np.bool_]) -> NDArray[np.float32]:
        asked.append(view)
        return plain(view, values, seen)

    monkeypatch.setattr(stretched, "prepare", prepare)
    seen = np.ones((64, 64), bool)
    raw = {name: (np.zeros((n, 64, 64), np.uint8), seen) for name, n in stretched.RAW_CHANNELS.items()}
    assert set(prepared(raw, INPUTS["stretched"], ["s2"], taken)) == made
    assert set(asked) == made


@every_kind
@pytest.mark.parametrize("turns", [True, False])
@pytest.mark.parametrize("size", [(64, 64), (45, 70), (1, 5)])
def test_a_chip_of_any_size_comes_back_in_its_size_and_sums_to_one(
    kind: Kind, size: tuple[int, int], turns: bool
) -> None:
    share = predict(network(kind), chip(*size), turns)
    assert share.shape == (CLASSES, *size) and share.dtype == np.float32
    assert share.min() >= 0.0
    np.testing.assert_allclose(share.sum(axis=0), 1.0, atol=1e-5)


@every_kind
def test_without_turns_it_is_what_the_network_says(kind: Kind) -> None:
    views = chip(128, 64)
    with torch.inference_mode():
        said = network(kind)({name: tensor_of(view)[None] for name, view in views.items()}).logits
    expected = torch.softmax(said, dim=1)[0].numpy()
    np.testing.assert_allclose(predict(network(kind), views, turns=False), expected, atol=1e-6)


@every_kind
@pytest.mark.parametrize(("k", "flip"), [(1, False), (3, True)])
def test_with_turns_a_turned_chip_gives_the_turned_result(kind: Kind, k: int, flip: bool) -> None:
    views = chip(40, 56, seed=2)
    straight = predict(network(kind), views)
    other = predict(network(kind), turned_chip(views, k, flip))
    np.testing.assert_allclose(other, turned(straight, k, flip), atol=1e-5)


def test_without_turns_a_turned_chip_gives_another_result() -> None:
    """Else the test above would hold of a network that does not see."""
    views = chip(64, 64, seed=2)
    straight = predict(network(("early", 1)), views, turns=False)
    other = predict(network(("early", 1)), turned_chip(views, 1, False), turns=False)
    assert np.abs(other - turned(straight, 1, False)).max() > 1e-3


def test_with_turns_it_is_the_mean_over_eight_turns_and_reflections() -> None:
    views = chip(64, 32, seed=4)
    shares = []
    for k in range(4):
        for flip in (False, True):
            share = predict(network(("attention", 1)), turned_chip(views, k, flip), turns=False)
            back = np.rot90(share[..., ::-1] if flip else share, -k, (-2, -1))
            shares.append(back)
    np.testing.assert_allclose(predict(network(("attention", 1)), views), np.mean(shares, axis=0), atol=1e-5)


@every_kind
def test_padding_is_unseen_ground(kind: Kind) -> None:
    """As if the chip were larger and nothing had been seen beyond its edges."""
    views = chip(40, 50, seed=5)
    larger = {}
    for name, view in views.items():
        values = np.full((view.values.shape[0], 64, 64), np.nan, np.float32)
        seen = np.zeros((64, 64), bool)
        values[:, :40, :50], seen[:40, :50] = view.values, view.seen
        larger[name] = View(values, seen)
    expected = predict(network(kind), larger, turns=False)[:, :40, :50]
    np.testing.assert_allclose(predict(network(kind), views, turns=False), expected, atol=1e-6)


@every_kind
def test_a_view_that_saw_nothing_is_as_good_as_none(kind: Kind) -> None:
    views = chip(40, 50, seed=6)
    missing = {name: view for name, view in views.items() if name != "s2/after"}
    nothing = View(np.full_like(views["s2/after"].values, np.nan), np.zeros((40, 50), bool))
    share = predict(network(kind), missing)
    assert np.array_equal(predict(network(kind), views | {"s2/after": nothing}), share)
    assert not np.array_equal(predict(network(kind), views), share)


def test_a_prediction_leaves_network_and_views_as_they_were() -> None:
    net, views = network(("late", 1)), chip(32, 32)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    predict(net, views)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    for name, view in chip(32, 32).items():
        assert np.array_equal(view.values, views[name].values)


def test_no_view_is_refused() -> None:
    with pytest.raises(ValueError, match="view"):
        predict(network(("early", 1)), {})
