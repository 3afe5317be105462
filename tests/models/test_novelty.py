"""How new a pixel is to a network (models/novelty)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from floodfuse.models.networks.build import NetworkSettings, Strategy, build
from floodfuse.models.networks.finest import FEATURES
from floodfuse.models.networks.fusion import FusionNetwork, Told
from floodfuse.models.networks.physics import Physics
from floodfuse.models.novelty import RARE, novelty, remember

VIEWS = {"c/now": 9, "l/now": 9, "ground/prior": 12}


def network(strategy: Strategy = "early") -> FusionNetwork:
    torch.manual_seed(0)
    made = NetworkSettings(strategy=strategy, encoder="tu-test_resnet", fold=2, decoder=(16, 8, 8, 8, 8))
    return build(made, VIEWS, 8).eval()


def drawn(count: int, seed: int) -> Tensor:
    """Features that vary together."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(7).normal(size=(FEATURES, FEATURES))
    return torch.from_numpy((rng.normal(size=(count, FEATURES)) @ mixing + 3.0).astype(np.float32))


def of(net: FusionNetwork, features: Tensor) -> Tensor:
    """Novelty of features (pixel, feature), as if they were a row of a chip."""
    row = features.T[None, :, None, :]
    logits = torch.zeros((1, 8, 1, features.shape[0]))
    found = novelty(net, Told(logits, None, {}, {}, row))
    assert found is not None
    return found.flatten()


def test_one_of_a_thousand_known_pixels_looks_newer_than_one() -> None:
    net = network()
    remember(net, drawn(50_000, 1))
    assert float((of(net, drawn(50_000, 2)) > 1.0).float().mean()) == pytest.approx(RARE, rel=0.5)


def test_the_distance_is_mahalanobis() -> None:
    net, known, asked = network(), drawn(5000, 3), drawn(50, 4)
    remember(net, known)
    covariance = np.cov(known.double().numpy().T)
    covariance += 1e-3 * covariance.diagonal().mean() * np.eye(FEATURES)
    off = asked.double().numpy() - known.double().numpy().mean(axis=0)
    expected = np.sqrt(np.einsum("nf,fg,ng->n", off, np.linalg.inv(covariance), off))
    ratio = of(net, asked).numpy() / expected
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-3)


def test_what_lies_off_the_usual_relation_is_new_though_each_feature_is_usual() -> None:
    line = torch.linspace(-1.0, 1.0, 2000)[:, None].expand(-1, FEATURES) + 0.01 * drawn(2000, 5)
    net = network()
    remember(net, line)
    turned = torch.ones((1, FEATURES)) * 0.5
    turned[0, ::2] *= -1.0
    assert float(of(net, turned)[0]) > 3.0 > float(of(net, line[1500:1501])[0])


def test_a_feature_that_never_varies_does_not_make_everything_new() -> None:
    known = drawn(5000, 6)
    known[:, 0] = 0.0
    net = network()
    remember(net, known)
    assert torch.isfinite(of(net, known)).all() and float(of(net, known).median()) < 1.0


@torch.inference_mode()
@pytest.mark.parametrize("strategy", ["early", "intermediate", "attention", "late", "graybox"])
def test_every_strategy_tells_a_novelty_for_every_pixel_and_none_before_it_is_calibrated(
    strategy: Strategy,
) -> None:
    net = network(strategy)
    batch = {view: torch.rand((2, n + 1, 64, 64)).round() for view, n in VIEWS.items()}
    told = net(batch)
    found = novelty(net, told)
    assert found is not None and found.shape == (2, 1, 64, 64)
    assert float(found.max()) < 1e-6
    assert told.features is not None
    remember(net, told.features.movedim(1, -1).flatten(0, 2))
    assert 0.0 < float(novelty(net, told).median()) < 1.0  # type: ignore[union-attr]


@torch.inference_mode()
def test_physics_has_no_features() -> None:
    batch = {view: torch.rand((1, n + 1, 64, 64)).round() for view, n in VIEWS.items()}
    physics = Physics(VIEWS, 8).eval()
    assert novelty(physics, physics(batch)) is None
