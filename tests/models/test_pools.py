"""How late fusion puts together what sensors say (models/networks/pools)."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
from torch import Tensor

from floodfuse.models.networks.build import NetworkSettings, build
from floodfuse.models.networks.pools import Pool, PoolName

SENSORS, CLASSES, SIDE = 3, 4, 6
POOLS: tuple[PoolName, ...] = get_args(PoolName)


def said(seed: int = 0) -> tuple[list[Tensor], Tensor]:
    """Scores of three sensors, 0 where unseen, and where each saw; one pixel is seen by none."""
    generator = torch.Generator().manual_seed(seed)
    seen = (torch.rand((1, SENSORS, SIDE, SIDE), generator=generator) < 0.7).float()
    seen[..., 0, 0] = 0.0
    seen[..., 1, 1] = 1.0
    scores = [torch.randn((1, CLASSES, SIDE, SIDE), generator=generator) * 2.0 for _ in range(SENSORS)]
    return [one * seen[:, k : k + 1] for k, one in enumerate(scores)], seen


def pool(name: PoolName) -> Pool:
    torch.manual_seed(0)
    return Pool(name, SENSORS, CLASSES, 1).eval()


def at(scores: Tensor, row: int, column: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return torch.softmax(scores[0, :, row, column].double(), dim=0).numpy()


@torch.inference_mode()
@pytest.mark.parametrize("name", POOLS)
def test_what_a_sensor_would_say_where_it_does_not_see_counts_nothing(name: PoolName) -> None:
    alone, seen = said()
    expected = pool(name)(alone, seen)
    assert torch.isfinite(expected.scores).all() and (expected.weights[seen == 0] == 0.0).all()
    blind, without = said(1)
    without[:, 2] = 0.0
    blind[2] = blind[2] * 0.0
    two = pool(name)(blind, without)
    if name not in ("stacker",):  # whose net is made for three
        fewer = Pool(name, 2, CLASSES, 1).eval()(blind[:2], without[:, :2])
        torch.testing.assert_close(
            torch.softmax(two.scores, 1), torch.softmax(fewer.scores, 1), atol=1e-5, rtol=1e-4
        )


@torch.inference_mode()
@pytest.mark.parametrize("name", [name for name in POOLS if name != "stacker"])
def test_the_order_of_sensors_changes_nothing(name: PoolName) -> None:
    alone, seen = said()
    turned = pool(name)([alone[k] for k in (2, 0, 1)], seen[:, [2, 0, 1]])
    torch.testing.assert_close(turned.scores, pool(name)(alone, seen).scores)


@torch.inference_mode()
def test_opinions_multiply() -> None:
    alone, seen = said()
    product = np.prod([at(one, 1, 1) for one in alone], axis=0)
    np.testing.assert_allclose(
        at(pool("opinion")(alone, seen).scores, 1, 1), product / product.sum(), rtol=1e-5
    )


@torch.inference_mode()
@pytest.mark.parametrize("ground", range(SENSORS))
@pytest.mark.parametrize("name", ["opinion", "stacker"])
def test_what_all_sensors_are_told_of_the_ground_counts_once(name: PoolName, ground: int) -> None:
    alone, seen = said()
    made = pool(name)
    told, weights = made(alone, seen, ground)
    for row, column in ((1, 1), (2, 3), (4, 0), (5, 5)):
        log_p = np.array([np.log(at(one, row, column)) for one in alone])
        there = seen[0, :, row, column].numpy() > 0
        beyond = log_p - log_p[ground] * (there[ground] & (np.arange(SENSORS) != ground))[:, None]
        expected = np.exp((weights[0, :, row, column].double().numpy()[:, None] * beyond)[there].sum(axis=0))
        np.testing.assert_allclose(at(told, row, column), expected / expected.sum(), rtol=1e-4)


@torch.inference_mode()
def test_one_sensor_that_is_far_off_moves_the_median_nowhere() -> None:
    alone, seen = said()
    wild = [alone[0], alone[1], alone[2].clone()]
    wild[2][0, :, 1, 1] = torch.tensor([50.0, -50.0, -50.0, -50.0])
    agreed = [alone[0], alone[0], wild[2]]
    np.testing.assert_allclose(at(pool("median")(agreed, seen).scores, 1, 1), at(alone[0], 1, 1), rtol=1e-5)


def lessons(errors: tuple[float, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Pixels whose truth is known and what sensors with these shares of errors say of them, sure of it."""
    rng = np.random.default_rng(3)
    truth = rng.integers(0, CLASSES, 20_000)
    votes = [
        np.where(rng.uniform(size=truth.size) < e, rng.integers(0, CLASSES, truth.size), truth)
        for e in errors
    ]
    scores = np.stack([4.0 * np.eye(CLASSES)[vote] for vote in votes], axis=1)
    return (
        torch.from_numpy(scores).float(),
        torch.from_numpy(truth),
        torch.ones((truth.size, len(errors))).bool(),
    )


@torch.inference_mode()
def test_confusions_are_learned_from_the_truth_and_weigh_votes() -> None:
    made = pool("dawid-skene")
    made.learn(*lessons((0.1, 0.4, 1.0)))
    right = made.confusion.diagonal(dim1=1, dim2=2).mean(dim=1)
    np.testing.assert_allclose(right, [0.925, 0.7, 0.25], atol=0.01)
    torch.testing.assert_close(made.confusion.sum(dim=2), torch.ones((SENSORS, CLASSES)))
    vote = [torch.zeros((1, CLASSES, 1, 1)) for _ in range(SENSORS)]
    for k, said_class in enumerate((0, 1, 1)):
        vote[k][0, said_class] = 4.0
    told = at(made(vote, torch.ones((1, SENSORS, 1, 1))).scores, 0, 0)
    a, b, c = (made.confusion[k].double().numpy() for k in range(SENSORS))
    expected = made.share.double().numpy() * a[:, 0] * b[:, 1] * c[:, 1]
    np.testing.assert_allclose(told, expected / expected.sum(), rtol=1e-4)
    assert told.argmax() == 0  # one that is mostly right beats one that is often wrong and one that guesses


@torch.inference_mode()
def test_the_surer_sensor_weighs_more_where_variance_counts() -> None:
    made = pool("minimum-variance")
    made.learn(*lessons((0.05, 0.5, 0.5)))
    assert made.error[0] < 0.2 * made.error[1] and made.error[1] == pytest.approx(
        float(made.error[2]), rel=0.05
    )
    alone, seen = said()
    scores, weights = made(alone, seen)
    logs = [np.log(at(one, 1, 1)) for one in alone]
    w = 1.0 / made.error.double().numpy()
    expected = np.exp(sum(k * one for k, one in zip(w, logs, strict=True)) / w.sum())
    np.testing.assert_allclose(at(scores, 1, 1), expected / expected.sum(), rtol=1e-4)
    np.testing.assert_allclose(weights[0, :, 1, 1], w, rtol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("name", POOLS)
def test_weights_of_late_fusion_take_any_pool(name: PoolName) -> None:
    views = {"s1/after": 2, "s2/after": 5}
    torch.manual_seed(0)
    asked = {"strategy": "late", "encoder": "tu-test_resnet", "fold": 2, "decoder": (16, 8, 8, 8, 8)}
    one = build(NetworkSettings.model_validate(asked), views, 2).eval()
    other = build(NetworkSettings.model_validate(asked | {"pool": name}), views, 2).eval()
    other.load_state_dict(one.state_dict())
    batch = {view: torch.rand((1, n + 1, 64, 64)).round() for view, n in views.items()}
    told = other(batch)
    assert told.logits.shape == (1, 2, 64, 64) and torch.isfinite(told.logits).all()
    assert told.weights is not None
    seen = torch.cat([batch[view][:, -1:] for view in sorted(views)], dim=1).amax(dim=1) > 0
    torch.testing.assert_close(told.weights.sum(dim=1)[seen], torch.ones(int(seen.sum())))


@torch.inference_mode()
def test_a_sensor_alone_is_told_of_the_ground_and_of_no_other_sensor() -> None:
    views = {"c/now": 3, "ground/prior": 4, "l/now": 3}
    torch.manual_seed(0)
    asked = {"strategy": "late", "encoder": "tu-test_resnet", "fold": 2, "decoder": (16, 8, 8, 8, 8)}
    network = build(NetworkSettings.model_validate(asked), views, 2).eval()
    batch = {
        view: torch.cat([torch.randn((1, n, 64, 64)), torch.ones((1, 1, 64, 64))], 1)
        for view, n in views.items()
    }
    before = network(batch).alone
    for changed, hears in {"c/now": {"c"}, "l/now": {"l"}, "ground/prior": {"c", "ground", "l"}}.items():
        other = batch[changed].clone()
        other[:, :-1] += 1.0
        after = network(batch | {changed: other}).alone
        assert {who for who in after if not torch.equal(after[who], before[who])} == hears
