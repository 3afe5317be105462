"""What sensors measured as inputs beside evidence: scales, variation, fingerprint, and that Bayes' rule lets it be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from floodfuse.models.inputs import evidence, measured
from floodfuse.models.inputs.registry import INPUTS, fingerprint
from floodfuse.models.networks.build import NetworkSettings, Strategy, build
from floodfuse.models.networks.physics import Bayes, Physics
from floodfuse.models.networks.views import Stacks
from floodfuse.models.view_names import image_of, names_of, sensor_of

SIDE = 64
every_part = pytest.mark.parametrize("view", sorted(measured.PARTS))
EVERYWHERE = np.ones((SIDE, SIDE), bool)


def values_of(view: str, seed: int = 0) -> NDArray[np.float32]:
    """Ordinary values of a part in its own units."""
    part, rng = measured.PARTS[view], np.random.default_rng(seed)
    of_order_one = rng.normal(0.0, 1.0, (len(part.middle), SIDE, SIDE))
    scale, middle = (np.reshape(x, (-1, 1, 1)) for x in (part.scale, part.middle))
    return np.asarray(of_order_one * scale + middle, np.float32)


def batch_of(views: dict[str, int], seed: int = 0) -> dict[str, Tensor]:
    """Random views, each with a mask of its own; parts are seen where their image is."""
    rng = np.random.default_rng(seed)
    seen = {image: rng.uniform(size=(SIDE, SIDE)) < 0.7 for image in sorted(map(image_of, views))}
    seen[evidence.GROUND] = EVERYWHERE
    batch = {}
    for view, channels in views.items():
        known = seen[image_of(view)] & (rng.uniform(size=(SIDE, SIDE)) < (0.8 if ":" in view else 1.1))
        made = np.where(known, rng.normal(0.0, 1.5, (channels, SIDE, SIDE)), 0.0)
        batch[view] = torch.from_numpy(np.concatenate([made, known[None]])[None].astype(np.float32))
    return batch


def test_every_part_is_of_an_image_that_evidence_has() -> None:
    assert {image_of(view) for view in measured.PARTS} == set(evidence.SAID)
    assert evidence.CHANNELS == evidence.SAID | measured.CHANNELS
    assert names_of("c/now:vv") == ("c/now:vv", "c/now", "c") and sensor_of("c/now:vv") == "c"


def test_in_a_stack_an_image_comes_before_its_parts() -> None:
    """Bayes' rule takes the first channels of a sensor's stack for its nats, and the next for their mask."""
    stacks = Stacks(dict(evidence.CHANNELS))
    batch = batch_of(dict(evidence.CHANNELS))
    found, masks = stacks(batch)
    for view, channels in evidence.SAID.items():
        torch.testing.assert_close(found[sensor_of(view)][:, : channels + 1], batch[view], rtol=0.0, atol=0.0)
        assert torch.equal(masks[sensor_of(view)], batch[view][:, -1:])
    assert evidence.SEEN == evidence.SAID["c/now"]


@every_part
def test_a_part_is_made_of_order_one_and_is_0_where_unseen(view: str) -> None:
    part = measured.PARTS[view]
    middle = np.broadcast_to(np.reshape(part.middle, (-1, 1, 1)), (len(part.middle), SIDE, SIDE))
    step = middle + np.reshape(part.scale, (-1, 1, 1))
    np.testing.assert_allclose(measured.prepare(view, middle, EVERYWHERE), 0.0, atol=1e-6)
    np.testing.assert_allclose(measured.prepare(view, step, EVERYWHERE), 1.0, atol=1e-5)
    far = np.where(np.arange(SIDE) % 2 == 0, 1e6, np.nan) * np.ones_like(middle)
    half = np.isfinite(far[0])
    made = measured.prepare(view, far, half)
    assert (made[:, half] == 4.0).all() and (made[:, ~half] == 0.0).all() and made.dtype == np.float32
    np.testing.assert_array_equal(
        evidence.prepare(view, step, EVERYWHERE), measured.prepare(view, step, EVERYWHERE)
    )


@every_part
def test_what_varies_is_the_first_channel_by_the_errors_told(view: str) -> None:
    part, values = measured.PARTS[view], values_of(view)
    untouched, rng = values.copy(), np.random.default_rng(5)
    offs = np.stack([measured.vary(view, values, rng) - values for _ in range(200)])
    np.testing.assert_array_equal(values, untouched)
    assert (offs[:, 1:] == 0.0).all(), "an angle is known"
    means, spreads = offs[:, 0].mean(axis=(1, 2)), offs[:, 0].std(axis=(1, 2))
    assert means.std() == pytest.approx(part.offset_sd, rel=0.2, abs=1e-3)
    assert spreads.max() <= part.grain_sd * 1.1 + 1e-5
    assert spreads.mean() == pytest.approx(part.grain_sd / 2.0, rel=0.25, abs=1e-5)
    one, other = (evidence.vary(view, values, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_a_fingerprint_names_the_parts_that_are_taken_and_no_others() -> None:
    assert fingerprint("evidence", evidence.SAID) == evidence.FINGERPRINT
    assert fingerprint("stretched", INPUTS["stretched"].CHANNELS) == INPUTS["stretched"].FINGERPRINT
    with_two = fingerprint("evidence", [*evidence.SAID, "c/now:vv", "optical/now:ndwi"])
    assert with_two == (
        f"{evidence.FINGERPRINT}; measured/1: c/now:vv (x - (-12.0, 38.0)) / (7.0, 8.0), optical/now:ndwi (x - (0.0,)) / (0.5,)"
    )
    assert with_two == fingerprint("evidence", ["optical/now:ndwi", "c/now:vv", *evidence.SAID])


def test_bayes_rule_lets_what_was_measured_be() -> None:
    batch = batch_of(dict(evidence.CHANNELS), 3)
    said = {view: values for view, values in batch.items() if view in evidence.SAID}
    with torch.inference_mode():
        whole = Bayes(dict(evidence.CHANNELS), evidence.CLASSES).eval()(batch).logits
        alone = Bayes(dict(evidence.SAID), evidence.CLASSES).eval()(said).logits
    assert torch.equal(whole, alone)


@pytest.mark.parametrize("fold", [1, 2])
def test_a_gray_box_that_has_learned_nothing_is_bayes_rule_whatever_was_measured(fold: int) -> None:
    settings = NetworkSettings(
        strategy="graybox", encoder="tu-test_resnet", decoder=(16, 8, 8, 8, 8), fold=2 if fold == 2 else 1
    )
    batch = batch_of(dict(evidence.CHANNELS), 4)
    with torch.inference_mode():
        found = build(settings, dict(evidence.CHANNELS), evidence.CLASSES).eval()(batch).logits
        expected = Physics(dict(evidence.CHANNELS), evidence.CLASSES).eval()(batch).logits
    torch.testing.assert_close(found, expected, rtol=0.0, atol=1e-5)


@pytest.mark.parametrize("strategy", ["early", "intermediate", "attention", "late", "graybox"])
def test_a_part_that_is_unseen_is_the_same_as_one_never_supplied(strategy: Strategy) -> None:
    torch.manual_seed(0)
    settings = NetworkSettings(strategy=strategy, encoder="tu-test_resnet", decoder=(16, 8, 8, 8, 8))
    network = build(settings, dict(evidence.CHANNELS), evidence.CLASSES).eval()
    batch = batch_of(dict(evidence.CHANNELS), 6)
    lost = ("c/now:vh", "l/now:hh", "optical/now:mndwi", "ground/prior:slope")
    without = {view: values for view, values in batch.items() if view not in lost}
    unseen = {view: torch.zeros_like(x) if view in lost else x for view, x in batch.items()}
    with torch.inference_mode():
        absent, masked, whole = (network(views).logits for views in (without, unseen, batch))
    assert torch.equal(absent, masked)
    if strategy != "graybox":  # whose correction has learned nothing
        assert not torch.equal(absent, whole)
