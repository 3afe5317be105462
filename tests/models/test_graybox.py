"""Bayes' rule as a network, and the bounded correction on it."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from floodfuse.harmonize.classes import Decider, EvidenceClass
from floodfuse.harmonize.correlation import band_correlation, discounted
from floodfuse.harmonize.decay import half_life_days
from floodfuse.models import bayes
from floodfuse.models.inputs import evidence as inputs
from floodfuse.models.networks.build import NetworkSettings, build
from floodfuse.models.networks.graybox import BOUND_NATS, GrayBox
from floodfuse.models.networks.physics import Physics
from floodfuse.models.view_names import image_of

SIDE = 64
WATER, SOIL = int(EvidenceClass.OPEN_WATER), int(EvidenceClass.BARE_SOIL)
SENSORS = {"c/now": Decider.SENTINEL1, "l/now": Decider.ALOS2, "optical/now": Decider.SENTINEL2}


def drawn(seed: int = 0) -> dict[str, Tensor]:
    """One chip of random evidence in every view, with holes; the ground is seen everywhere."""
    rng = np.random.default_rng(seed)
    batch = {}
    of_image = {inputs.GROUND: np.ones((SIDE, SIDE), bool)}
    for view, channels in inputs.CHANNELS.items():
        seen = rng.uniform(size=(SIDE, SIDE)) < 0.6
        seen = of_image.setdefault(view, seen) if view in inputs.SAID else seen & of_image[image_of(view)]
        values = rng.normal(0.0, 2.0, (channels, SIDE, SIDE))
        stacked = np.concatenate([np.where(seen, values, 0.0), seen[None]])
        batch[view] = torch.from_numpy(stacked[None].astype(np.float32))
    return batch


def graybox(fold: int = 1) -> GrayBox:
    torch.manual_seed(0)
    settings = NetworkSettings(
        strategy="graybox", encoder="tu-test_resnet", decoder=(16, 8, 8, 8, 8), fold=2 if fold == 2 else 1
    )
    return cast(GrayBox, build(settings, dict(inputs.CHANNELS), inputs.CLASSES)).eval()


def taught(fold: int = 1) -> GrayBox:
    """A correction that says something."""
    network = graybox(fold)
    torch.nn.init.normal_(network.correction.head.scores.weight, std=2.0)
    return network


def physics() -> Physics:
    return Physics(dict(inputs.CHANNELS), inputs.CLASSES).eval()


def borne(
    nats: dict[Decider, NDArray[np.float32]],
    days: dict[Decider, NDArray[np.float32]],
    ground: NDArray[np.float32],
) -> NDArray[np.float32]:
    """The most that another sensor than L band says for water over soil; no limit where none looked within half of the floods' stay."""
    hand_m = np.where(ground[inputs.HAND_KNOWN] > 0, ground[inputs.HAND] * inputs.HAND_SCALE_M, np.nan)
    asked, most = np.zeros((SIDE, SIDE), bool), np.zeros((SIDE, SIDE), np.float32)
    for who in (Decider.SENTINEL1, Decider.SENTINEL2):
        seen = np.isfinite(nats[who][..., 0])
        asked |= seen & (np.abs(days[who] - days[Decider.ALOS2]) <= half_life_days(hand_m))
        most = np.maximum(most, np.where(seen, nats[who][..., WATER] - nats[who][..., SOIL], 0.0))
    return np.where(asked, most, np.float32(np.inf))


def test_physics_is_what_bayes_rule_gives() -> None:
    batch = drawn()
    found = torch.softmax(physics()(batch).logits, dim=1)[0].numpy()
    log_prior = np.moveaxis(batch[inputs.GROUND][0, : inputs.CLASSES].numpy(), 0, -1)
    nats = {}
    for view, who in SENSORS.items():
        values, seen = batch[view][0, : inputs.CLASSES].numpy(), batch[view][0, -1].numpy() > 0
        nats[who] = np.moveaxis(np.where(seen, values, np.nan), 0, -1).astype(np.float32)
    days = {who: batch[view][0, inputs.DAYS].numpy() for view, who in SENSORS.items()}
    days = {who: np.sign(t) * np.expm1(np.abs(t)) for who, t in days.items()}
    radars = (Decider.SENTINEL1, Decider.ALOS2)
    both = np.isfinite(nats[radars[0]][..., 0]) & np.isfinite(nats[radars[1]][..., 0])
    rho = np.where(both, band_correlation(24.0 * (days[radars[0]] - days[radars[1]])), 0.0).astype(np.float32)
    assert 0.2 < both.mean() < 0.6 and rho[both].min() < 0.35 and rho.max() > 0.5
    alone = dict(nats)
    nats |= {who: discounted(nats[who], rho) for who in radars}
    l_band = nats[radars[1]]
    least = l_band[..., WATER] - borne(alone, days, batch[inputs.GROUND][0].numpy())
    assert 0.05 < (least > l_band[..., SOIL]).mean() < 0.6
    l_band[..., SOIL] = np.maximum(l_band[..., SOIL], least)
    expected = bayes.fuse(nats, np.ascontiguousarray(log_prior)).classes
    np.testing.assert_allclose(np.moveaxis(found, 0, -1), expected, atol=2e-6)


@torch.inference_mode()
@pytest.mark.parametrize("fold", [1, 2])
def test_before_it_has_learned_it_is_physics(fold: int) -> None:
    assert torch.equal(graybox(fold)(drawn()).logits, physics()(drawn()).logits)


@torch.inference_mode()
@pytest.mark.parametrize("fold", [1, 2])
def test_no_class_leaves_physics_by_more_than_the_bound(fold: int) -> None:
    moved = taught(fold)(drawn()).logits - physics()(drawn()).logits
    assert 0.5 < float(moved.abs().max()) <= BOUND_NATS + 1e-5


@torch.inference_mode()
def test_where_no_sensor_sees_nothing_is_corrected() -> None:
    batch = drawn()
    seen = torch.stack([batch[view][0, -1] for view in SENSORS]).amax(dim=0) > 0
    moved = (taught()(batch).logits - physics()(batch).logits)[0]
    assert bool((moved[:, ~seen] == 0.0).all()) and not bool(seen.all())
    ground_only = {inputs.GROUND: batch[inputs.GROUND]}
    assert torch.equal(taught()(ground_only).logits, physics()(ground_only).logits)


@torch.inference_mode()
@pytest.mark.parametrize("view", SENSORS)
def test_a_sensor_that_is_absent_equals_one_that_saw_nothing(view: str) -> None:
    batch = drawn()
    without = {name: values for name, values in batch.items() if name != view}
    blind = batch | {
        view: torch.cat([batch[view][:, :-1] + 5.0, torch.zeros_like(batch[view][:, -1:])], dim=1)
    }
    network = taught()
    assert torch.equal(network(without).logits, network(blind).logits)


def test_views_that_hold_no_evidence_are_refused() -> None:
    with pytest.raises(ValueError, match="hold no evidence"):
        Physics({"s1/after": 2, "ground/prior": 10}, 8)
    with pytest.raises(ValueError, match="hold no evidence"):
        Physics({"c/now": 9}, 8)
