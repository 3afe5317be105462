"""Fusion networks of all strategies: absent equals not supplied, weights of sensors, refusals (models/networks)."""

from __future__ import annotations

import copy
import functools
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from floodfuse.models.losses import fusion_loss
from floodfuse.models.networks.between import AcrossSensors, Between, Gates, Meeting
from floodfuse.models.networks.build import NetworkSettings, Strategy, build
from floodfuse.models.networks.fusion import FusionNetwork, Told
from floodfuse.models.networks.late import Late
from floodfuse.models.networks.views import Batch, share_seen
from floodfuse.models.view_names import sensor_of, sensors_in

VIEWS = {"s1/before": 2, "s1/after": 2, "s2/before": 5, "s2/after": 5, "l/after": 3}
SENSORS = ("l", "s1", "s2")
SOME_VIEWS = (
    ("s1/before", "s2/before", "s2/after", "l/after"),
    ("s1/before", "s1/after", "s2/before", "s2/after"),
    ("s1/before", "s1/after", "l/after"),
    ("s1/after", "s2/after"),
    ("s2/before",),
    ("l/after",),
)
CLASSES, SIDE = 3, 64
reproducible = settings(deadline=None, derandomize=True, max_examples=12)
Kind = tuple[Strategy, Literal[1, 2]]  # and how many pixels a side are folded into channels
by_sensor: tuple[Kind, ...] = (
    ("intermediate", 1),
    ("attention", 1),
    ("late", 1),
    ("attention", 2),
    ("late", 2),
)
kinds: tuple[Kind, ...] = (("early", 1), ("early", 2), *by_sensor)
every_kind = pytest.mark.parametrize("kind", kinds, ids=str)
every_kind_by_sensor = pytest.mark.parametrize("kind", by_sensor, ids=str)


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


def made(
    kind: Kind,
    views: dict[str, int] | None = None,
    seed: int = 0,
    encoder: str = "tu-test_resnet",
    decoder: tuple[int, ...] = (16, 8, 8, 8, 8),
) -> FusionNetwork:
    torch.manual_seed(seed)
    chosen = NetworkSettings(strategy=kind[0], fold=kind[1], encoder=encoder, decoder=decoder)
    return as_trained(build(chosen, VIEWS if views is None else views, CLASSES), seed)


@functools.cache
def network(kind: Kind) -> FusionNetwork:
    """One for all tests of a kind: none changes it."""
    return made(kind)


def batch(seed: int = 0, chips: int = 2, hidden: float = 0.0, side: tuple[int, int] = (SIDE, SIDE)) -> Batch:
    """All views, each with a share of its pixels unseen, at random."""
    rng = torch.Generator().manual_seed(seed)
    views = {}
    for name, channels in VIEWS.items():
        mask = (torch.rand((chips, 1, *side), generator=rng) >= hidden).float()
        views[name] = torch.cat([torch.randn((chips, channels, *side), generator=rng) * mask, mask], dim=1)
    return views


@torch.inference_mode()
def told(net: FusionNetwork, views: Batch) -> Told:
    return net(views)


def logits(net: FusionNetwork, views: Batch) -> Tensor:
    return told(net, views).logits


def with_values_under_mask(view: Tensor, value: float) -> Tensor:
    """The view with other values where nothing was seen."""
    seen = view[:, -1:]
    return torch.cat([torch.where(seen > 0, view[:, :-1], value), seen], dim=1)


# ---- what a pixel itself is


@pytest.mark.parametrize("kind", [("early", 1), ("intermediate", 2), ("late", 2)], ids=str)
def test_what_a_pixel_is_can_be_learned_of_pixels_that_have_no_neighbour_alike(kind: Kind) -> None:
    """A U-Net alone sees pairs of pixels at its finest; noise that is its own truth is nothing to it."""
    torch.manual_seed(0)
    net = build(
        NetworkSettings(strategy=kind[0], fold=kind[1], encoder="tu-test_resnet", decoder=(16, 8, 8, 8, 8)),
        {"s1/after": 1, "s2/after": 1},
        2,
    )
    optimizer = torch.optim.AdamW(net.parameters(), 0.01)
    for _ in range(90):
        values = torch.randn((2, 1, SIDE, SIDE))
        shown = torch.cat([values, torch.ones_like(values)], dim=1)
        said = net({"s1/after": shown, "s2/after": shown})
        loss = fusion_loss(said, (values[:, 0] > 0.0).to(torch.uint8))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    right = said.logits.argmax(dim=1) == (values[:, 0] > 0.0)
    assert right.float().mean() > 0.95


# ---- what is seen counts, what is not does not


@every_kind
def test_what_is_seen_changes_what_is_said(kind: Kind) -> None:
    """Else the tests below would hold of a network that is deaf."""
    given_ = batch()
    for name in VIEWS:
        other = dict(given_) | {name: torch.cat([given_[name][:, :-1] + 1.0, given_[name][:, -1:]], dim=1)}
        assert not torch.equal(logits(network(kind), other), logits(network(kind), given_)), name


@every_kind
def test_absent_equals_not_supplied_exactly(kind: Kind) -> None:
    """Missing, masked, and masked over junk or no number are the same input, for one and for several absent views."""
    net, full = network(kind), batch()
    for kept in SOME_VIEWS:
        expected = logits(net, {name: full[name] for name in kept})
        assert torch.isfinite(expected).all()
        masked = {name: values if name in kept else torch.zeros_like(values) for name, values in full.items()}
        assert torch.equal(logits(net, masked), expected), kept
        for value in (7.0, float("nan")):
            junk = {name: with_values_under_mask(values, value) for name, values in masked.items()}
            assert torch.equal(logits(net, junk), expected), (kept, value)


@every_kind
def test_nothing_seen_by_anyone_is_the_same_input_however_it_is_said(kind: Kind) -> None:
    net, full = network(kind), batch()
    zeros = {name: torch.zeros_like(values) for name, values in full.items()}
    expected = logits(net, zeros)
    assert torch.isfinite(expected).all()
    for name, values in zeros.items():
        assert torch.equal(logits(net, {name: values}), expected)


@reproducible
@given(
    kind=st.sampled_from(kinds),
    view=st.sampled_from(sorted(VIEWS)),
    row=st.integers(0, SIDE - 1),
    column=st.integers(0, SIDE - 1),
    value=st.sampled_from([1e-3, 5.0, -1e20, float("nan"), float("-inf")]),
)
def test_the_value_of_one_masked_pixel_changes_nothing(
    kind: Kind, view: str, row: int, column: int, value: float
) -> None:
    plain = dict(batch(seed=1, chips=1, hidden=0.2))
    hidden = plain[view].clone()
    hidden[:, :, row, column] = 0.0
    other = hidden.clone()
    other[:, :-1, row, column] = value
    expected = logits(network(kind), plain | {view: hidden})
    assert torch.equal(logits(network(kind), plain | {view: other}), expected)


@every_kind
def test_no_number_under_a_mask_reaches_no_gradient(kind: Kind) -> None:
    net = copy.deepcopy(network(kind))
    spoiled = {
        name: with_values_under_mask(values, float("nan")) for name, values in batch(hidden=0.4).items()
    }
    fusion_loss(net(spoiled), torch.zeros((2, SIDE, SIDE), dtype=torch.uint8)).backward()  # type: ignore[no-untyped-call]
    gradients = [p.grad for p in net.parameters() if p.grad is not None]
    assert gradients and all(bool(torch.isfinite(gradient).all()) for gradient in gradients)


@every_kind_by_sensor
@pytest.mark.parametrize("sensor", sensors_in(VIEWS))
def test_the_encoder_of_an_absent_sensor_changes_nothing(kind: Kind, sensor: str) -> None:
    net = copy.deepcopy(network(kind))
    part = (net.unets if isinstance(net, Late) else net.get_submodule("encoders")).get_submodule(sensor)
    present = {name: values for name, values in batch().items() if sensor_of(name) != sensor}
    before, all_before = told(net, present), logits(net, batch())
    other = made(kind, seed=9)
    part.load_state_dict(
        (other.unets if isinstance(other, Late) else other.get_submodule("encoders"))
        .get_submodule(sensor)
        .state_dict()
    )
    after = told(net, present)
    assert torch.equal(after.logits, before.logits)
    assert before.weights is not None and after.weights is not None
    assert torch.equal(after.weights, before.weights)
    assert not torch.equal(logits(net, batch()), all_before)  # where it is there, its encoder counts


@every_kind_by_sensor
def test_a_sensor_that_saw_only_some_chips_of_a_batch_counts_in_those_alone(kind: Kind) -> None:
    net, full = network(kind), batch(chips=3)
    some = dict(full)
    for name in ("s2/before", "s2/after"):
        some[name] = full[name].clone()
        some[name][1] = 0.0
    radar_alone = {name: values for name, values in full.items() if sensor_of(name) != "s2"}
    mixed = torch.softmax(logits(net, some), dim=1)
    torch.testing.assert_close(mixed[1], torch.softmax(logits(net, radar_alone), dim=1)[1], rtol=0, atol=1e-5)
    torch.testing.assert_close(mixed[0], torch.softmax(logits(net, full), dim=1)[0], rtol=0, atol=1e-5)


# ---- order, batches, shapes


@every_kind
def test_the_order_of_views_changes_nothing(kind: Kind) -> None:
    """Neither that of a batch nor that of the network's own views."""
    net, full = network(kind), batch(hidden=0.3)
    expected = logits(net, full)
    assert torch.equal(logits(net, dict(reversed(list(full.items())))), expected)
    turned = made(kind, dict(reversed(list(VIEWS.items()))))
    assert list(turned.state_dict()) == list(net.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(turned.parameters(), net.parameters(), strict=True))
    assert turned.sensors == net.sensors == SENSORS
    assert torch.equal(logits(turned, full), expected)


@every_kind
def test_a_chip_alone_gives_what_it_gives_in_a_batch(kind: Kind) -> None:
    net, full = network(kind), batch(seed=2, chips=4, hidden=0.3)
    together = torch.softmax(logits(net, full), dim=1)
    for k in range(4):
        alone = torch.softmax(logits(net, {name: values[k : k + 1] for name, values in full.items()}), dim=1)
        torch.testing.assert_close(alone[0], together[k], rtol=0, atol=1e-5)


@every_kind
@pytest.mark.parametrize("depth", [3, 4])
def test_scores_have_the_size_of_the_picture_at_every_depth(kind: Kind, depth: int) -> None:
    net = made(kind, decoder=(12, 8, 8, 8)[4 - depth :])
    assert net.stride_px == 32 * kind[1]
    said = told(net, batch(chips=1, side=(128, 64)))
    assert said.logits.shape == (1, CLASSES, 128, 64)
    assert {sensor: mask.shape for sensor, mask in said.masks.items()} == {
        sensor: (1, 1, 128, 64) for sensor in SENSORS
    }


@every_kind
def test_a_network_of_one_sensor_is_a_network(kind: Kind) -> None:
    net = made(kind, {"s1/after": 2})
    said = told(net, {"s1/after": batch()["s1/after"]})
    assert said.logits.shape == (2, CLASSES, SIDE, SIDE)
    if said.weights is not None:
        torch.testing.assert_close(said.weights, torch.ones((2, 1, SIDE, SIDE)))


@pytest.mark.parametrize("kind", [("early", 1), ("intermediate", 1), ("attention", 1), ("late", 1)], ids=str)
def test_encoders_without_a_scale_of_half_the_sides_are_encoders_too(kind: Kind) -> None:
    """Those that begin with patches of 4 px, such as ConvNeXt, hand on nothing there."""
    said = told(made(kind, encoder="tu-test_convnext"), batch(chips=1))
    assert said.logits.shape == (1, CLASSES, SIDE, SIDE)


def test_a_sensor_is_seen_where_any_of_its_views_is() -> None:
    full = batch(seed=3, hidden=0.6)
    masks = told(network(("early", 1)), full).masks
    for sensor in ("s1", "s2"):
        either = (full[f"{sensor}/before"][:, -1:] > 0) | (full[f"{sensor}/after"][:, -1:] > 0)
        assert torch.equal(masks[sensor] > 0, either)


def test_the_share_seen_at_a_coarser_scale_is_the_mean_of_the_mask() -> None:
    mask = (torch.rand((2, 1, 8, 8), generator=torch.Generator().manual_seed(1)) < 0.5).float()
    share = share_seen(mask, torch.zeros((2, 7, 2, 4))).numpy()
    blocks = mask.numpy().reshape(2, 1, 2, 4, 4, 2)
    np.testing.assert_allclose(share, blocks.mean(axis=(3, 5)), atol=1e-7)


# ---- weights of sensors


def test_early_fusion_has_no_weights_and_only_late_says_what_each_sensor_says_alone() -> None:
    for kind in kinds:
        said = told(network(kind), batch())
        assert (said.weights is None) == (kind[0] == "early")
        assert set(said.alone) == (set(SENSORS) if kind[0] == "late" else set())
        assert all(scores.shape == said.logits.shape for scores in said.alone.values())


@reproducible
@given(
    kind=st.sampled_from(by_sensor),
    seed=st.integers(0, 100),
    hidden=st.floats(0.0, 0.99),
)
def test_weights_sum_to_one_where_any_sensor_is_seen_and_are_none_where_unseen(
    kind: Kind, seed: int, hidden: float
) -> None:
    full = batch(seed, hidden=hidden)
    said = told(network(kind), full)
    assert said.weights is not None
    assert said.weights.shape == (2, len(SENSORS), SIDE, SIDE)  # chip, sensor, y, x
    there = torch.cat([said.masks[sensor] for sensor in SENSORS], dim=1) > 0
    assert (said.weights >= 0).all()
    assert (said.weights[~there] == 0.0).all()
    total, anyone = said.weights.sum(dim=1), there.any(dim=1)
    torch.testing.assert_close(total[anyone], torch.ones_like(total[anyone]), rtol=0, atol=1e-5)
    assert (total[~anyone] == 0.0).all()


@every_kind_by_sensor
def test_a_sensor_that_saw_a_single_pixel_has_a_weight_there_and_nowhere_else(kind: Kind) -> None:
    full = dict(batch(chips=1))
    for name in ("s2/before", "s2/after"):
        lonely = torch.zeros_like(full[name])
        lonely[..., 20, 30] = full[name][..., 20, 30]
        full[name] = lonely
    weights = told(network(kind), full).weights
    assert weights is not None
    assert 0.0 < float(weights[0, 2, 20, 30]) < 1.0
    assert int((weights[0, 2] > 0).sum()) == 1
    only_optical = {name: values for name, values in full.items() if sensor_of(name) == "s2"}
    weights = told(network(kind), only_optical).weights
    assert weights is not None
    assert float(weights[0, 2, 20, 30]) == pytest.approx(1.0, abs=1e-5)
    assert float(weights.sum()) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("kind", [("intermediate", 1), ("late", 1), ("late", 2)], ids=str)
def test_weights_are_shares_however_little_any_sensor_counts(kind: Kind) -> None:
    net = copy.deepcopy(network(kind))
    last = (
        [meeting.gate for meeting in net.meetings if isinstance(meeting, Gates)]
        if isinstance(net, Between)
        else [net.get_submodule("pool.stacker.2")]
    )
    for layer in last:
        assert isinstance(layer, nn.Conv2d) and layer.bias is not None
        nn.init.zeros_(layer.weight)
        nn.init.constant_(layer.bias, -20.0)
    weights = told(net, batch()).weights
    assert weights is not None
    torch.testing.assert_close(weights, torch.full_like(weights, 1.0 / len(SENSORS)), rtol=0, atol=1e-3)


def test_late_fusion_pools_what_each_sensor_says_alone() -> None:
    """Scores = sum of weight, at least 0, times what a sensor says; one alone keeps its order of classes."""
    full = batch(hidden=0.3)
    radar = told(
        network(("late", 1)), {name: values for name, values in full.items() if sensor_of(name) == "s1"}
    )
    assert (radar.alone["s2"] == 0.0).all() and (radar.alone["l"] == 0.0).all()
    seen = (radar.masks["s1"] > 0).expand_as(radar.logits)
    ratio = radar.logits[seen] / radar.alone["s1"][seen]
    assert (ratio[torch.isfinite(ratio)] > 0).all()
    assert (radar.logits[~seen] == 0.0).all()
    both = told(network(("late", 1)), full)
    torch.testing.assert_close(both.alone["s1"], radar.alone["s1"], rtol=0, atol=1e-5)


# ---- where sensors meet

CHANNELS = [8, 8, 12]


def handed_on(seed: int) -> tuple[list[Tensor], list[Tensor]]:
    """Features of three sensors, and shares seen, of which many are 0."""
    rng = torch.Generator().manual_seed(seed)
    features = [torch.randn((2, n, 6, 6), generator=rng) for n in CHANNELS]
    seen = [torch.rand((2, 1, 6, 6), generator=rng) for _ in CHANNELS]
    return features, [m * (torch.rand(m.shape, generator=rng) < 0.5) for m in seen]


@pytest.mark.parametrize("meeting", [Gates, AcrossSensors])
def test_where_sensors_meet_what_was_unseen_counts_nothing_exactly(meeting: type[Meeting]) -> None:
    torch.manual_seed(1)
    met = meeting(CHANNELS).eval()
    features, seen = handed_on(4)
    others, _ = handed_on(5)
    spoiled = [torch.where(m > 0, f, other) for f, m, other in zip(features, seen, others, strict=True)]
    with torch.inference_mode():
        (joined, weights), (joined_too, weights_too) = met(features, seen), met(spoiled, seen)
        no_sensor, no_weights = met(features, [torch.zeros_like(m) for m in seen])
    assert joined.shape == (2, max(CHANNELS), 6, 6) and weights.shape == (2, 3, 6, 6)
    assert torch.equal(joined, joined_too) and torch.equal(weights, weights_too)
    share = torch.cat(seen, dim=1)
    assert (weights[share == 0] == 0.0).all() and (weights[share > 0] > 0.0).all()
    anyone = (share > 0).any(dim=1)
    total = weights.sum(dim=1)[anyone]
    torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=1e-6)
    assert (no_weights == 0.0).all()
    assert torch.equal(no_sensor, no_sensor[:1, :, :1, :1].expand_as(no_sensor))  # of no sensor, nothing


def test_without_preference_attention_weighs_sensors_by_the_share_that_they_saw() -> None:
    met = AcrossSensors(CHANNELS).eval()
    for key in met.key:
        assert isinstance(key, nn.Conv2d) and key.bias is not None
        nn.init.zeros_(key.weight)
        nn.init.zeros_(key.bias)
    features, seen = handed_on(6)
    with torch.inference_mode():
        _, weights = met(features, seen)
    share = torch.cat(seen, dim=1)
    expected = share / share.sum(dim=1, keepdim=True).clamp_min(1e-9)
    torch.testing.assert_close(weights, expected, rtol=0, atol=1e-5)


# ---- refusals


@every_kind
def test_a_batch_without_views_is_refused(kind: Kind) -> None:
    with pytest.raises(ValueError, match=r"no view was given.*s2/before"):
        network(kind)({})


@every_kind
def test_an_unknown_view_is_refused_by_name(kind: Kind) -> None:
    with pytest.raises(ValueError, match=r"'s3/after' is unknown.*s2/before"):
        network(kind)(dict(batch()) | {"s3/after": torch.zeros((2, 3, SIDE, SIDE))})


@every_kind
@pytest.mark.parametrize("channels", [1, 3])
def test_other_channels_are_refused_by_view_and_number(kind: Kind, channels: int) -> None:
    wrong = torch.zeros((2, channels + 1, SIDE, SIDE))
    with pytest.raises(ValueError, match=f"'s1/after' has {channels} channels, and the network takes 2"):
        network(kind)(dict(batch()) | {"s1/after": wrong})
