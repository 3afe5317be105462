"""What a chip's images are robbed of, and what that must not touch (models/ablation, models/ablation_scores)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from floodfuse.catalogs.datasets.chip import Chip
from floodfuse.harmonize.classes import EvidenceClass
from floodfuse.harmonize.decay import decay_evidence, persistence
from floodfuse.models import ablation
from floodfuse.models.ablation import (
    AGE_DAYS,
    CLOUD_PERCENT,
    Condition,
    cloud,
    clouded,
    conditions,
    degraded,
    half_life_of,
    mistaken,
    moved,
    observing,
    older,
    speckled,
    unit_of,
)
from floodfuse.models.ablation_scores import CloudTable, Result, ablate
from floodfuse.models.evaluation import score_chips
from floodfuse.models.inputs import backscatter, evidence, measured, stretched
from floodfuse.models.inputs.registry import INPUTS
from floodfuse.models.networks.build import NetworkSettings, Strategy, build
from floodfuse.models.networks.fusion import FusionNetwork
from floodfuse.models.networks.graybox import GrayBox
from floodfuse.models.networks.physics import Physics
from floodfuse.models.predict import predict, prepared
from floodfuse.models.scores import Scores, Tally
from floodfuse.models.view_names import image_of, sensor_of

W, FF, FH, FU, DF, DV, BS, U = EvidenceClass
SIDE = 40
CLASSES = evidence.CLASSES
SENSORS = {"evidence": ("c", "l", "optical"), "stretched": ("s1", "s2"), "backscatter": ("l", "s1", "s2")}
reproducible = settings(deadline=None, derandomize=True, max_examples=60)
every_input = pytest.mark.parametrize("inputs", SENSORS)
Image = tuple[NDArray[np.generic], NDArray[np.bool_]]


@dataclass
class Toy:
    """Random chips, of which every one is a flood of its own; `without` names the chips that lack a sensor."""

    inputs: str = "evidence"
    count: int = 2
    without: Mapping[str, str] = field(default_factory=dict)
    name: str = "toy"
    split: str = "train"
    read_so_far: list[str] = field(default_factory=list)

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(k.name.lower() for k in EvidenceClass) if self.inputs == "evidence" else ("dry", "flood")

    @property
    def flooded(self) -> tuple[int, ...]:
        return (0, 1, 2, 3) if self.inputs == "evidence" else (1,)

    @property
    def groups(self) -> Mapping[str, tuple[int, ...]]:
        return {"plants": (1, 2)} if self.inputs == "evidence" else {}

    @property
    def views(self) -> tuple[str, ...]:
        return tuple(INPUTS[self.inputs].CHANNELS)

    @property
    def events(self) -> Mapping[str, str]:
        return {chip: chip for chip in self.chips}

    @property
    def chips(self) -> tuple[str, ...]:
        return tuple(f"chip{k}" for k in range(self.count))

    def read(self, chip: str) -> Chip:
        self.read_so_far.append(chip)
        made = chip_of(self.inputs, chip)
        lost = self.without.get(chip)
        views = {name: view for name, view in made.views.items() if sensor_of(name) != lost}
        return Chip(chip, chip, views, made.truth)


def of_evidence(name: str = "chip") -> Chip:
    """Random evidence with holes, as chips are kept: half precision, zeros where nothing was seen."""
    rng = np.random.default_rng(sum(name.encode()))
    views: dict[str, Image] = {}
    for view in ("c/now", "l/now", "optical/now"):
        seen = rng.uniform(size=(SIDE, SIDE)) < 0.8
        nats = rng.normal(0.0, 1.5, (SIDE, SIDE, CLASSES)).astype(np.float32)
        age = np.full((SIDE, SIDE), rng.uniform(0.0, 60.0), np.float32)
        values = np.where(seen, evidence.stack_evidence(nats, age), np.float32(0.0))
        views[view] = values.astype(np.float16), seen
    prior = np.log(rng.dirichlet(np.ones(CLASSES), (SIDE, SIDE))).astype(np.float32)
    hand = rng.uniform(0.0, 12.0, (SIDE, SIDE)).astype(np.float32)
    ground = evidence.stack_ground(prior, hand, rng.uniform(size=(SIDE, SIDE)) < 0.1)
    views[evidence.GROUND] = ground.astype(np.float16), np.ones((SIDE, SIDE), bool)
    for view, part in measured.PARTS.items():
        known = views[image_of(view)][1] & (rng.uniform(size=(SIDE, SIDE)) < 0.9)
        middle, scale = (np.reshape(x, (-1, 1, 1)) for x in (part.middle, part.scale))
        values = middle + scale * rng.normal(size=(len(part.middle), SIDE, SIDE))
        views[view] = np.where(known, values, 0.0).astype(np.float16), known
    return Chip(name, name, views, rng.integers(0, CLASSES, (SIDE, SIDE)).astype(np.uint8))


def of_pictures(name: str = "chip") -> Chip:
    """Random 8-bit pictures with holes."""
    rng = np.random.default_rng(sum(name.encode()))
    views: dict[str, Image] = {
        view: (
            rng.integers(0, 256, (bands, SIDE, SIDE)).astype(np.uint8),
            rng.uniform(size=(SIDE, SIDE)) < 0.8,
        )
        for view, bands in stretched.RAW_CHANNELS.items()
    }
    return Chip(name, name, views, rng.integers(0, 2, (SIDE, SIDE)).astype(np.uint8))


def of_images(name: str = "chip") -> Chip:
    """Random levels in dB, and reflectance, with holes of NaN."""
    rng = np.random.default_rng(sum(name.encode()))
    views: dict[str, Image] = {}
    for view, bands in backscatter.RAW_CHANNELS.items():
        seen = rng.uniform(size=(SIDE, SIDE)) < 0.8
        middle, spread = (-12.0, 4.0) if backscatter.is_radar(view) else (0.2, 0.05)
        values = rng.normal(middle, spread, (bands, SIDE, SIDE)).astype(np.float32)
        views[view] = np.where(seen, values, np.float32(np.nan)), seen
    return Chip(name, name, views, rng.integers(0, 2, (SIDE, SIDE)).astype(np.uint8))


def chip_of(inputs: str, name: str = "chip") -> Chip:
    return {"evidence": of_evidence, "stretched": of_pictures, "backscatter": of_images}[inputs](name)


def network_of(inputs: str) -> FusionNetwork:
    """A network that looks around, and answers something."""
    torch.manual_seed(5)
    strategy: Strategy = "graybox" if inputs == "evidence" else "late"
    small = NetworkSettings(strategy=strategy, encoder="tu-test_resnet", decoder=(16, 8, 8, 8, 8))
    classes = CLASSES if inputs == "evidence" else 2
    network = build(small, dict(INPUTS[inputs].CHANNELS), classes)
    if isinstance(network, GrayBox):
        torch.nn.init.normal_(network.correction.head.scores.weight, std=0.5)
    return network.eval()


def said(network: FusionNetwork, views: Mapping[str, Image], inputs: str) -> NDArray[np.float32]:
    return predict(network, prepared(views, INPUTS[inputs]), turns=False)


def generator(seed: int = 3) -> np.random.Generator:
    return np.random.default_rng(seed)


# Which conditions there are.


@every_input
def test_the_ground_observes_nothing(inputs: str) -> None:
    assert observing(INPUTS[inputs].CHANNELS) == SENSORS[inputs]


@every_input
def test_every_subset_is_judged_under_every_cloud(inputs: str) -> None:
    sensors = SENSORS[inputs]
    found = conditions(sensors, inputs)
    subsets = [c.subset for c in found if c.test == "subset"]
    assert len(set(subsets)) == len(subsets) == 2 ** len(sensors) - 1 and () not in subsets
    table = [(c.subset, c.amount) for c in found if c.test == "cloud"]
    assert table == [(subset, percent) for subset in subsets for percent in CLOUD_PERCENT]
    assert CLOUD_PERCENT == tuple(range(0, 101, 10))
    assert {c.sensor for c in found if c.test == "cloud"} == {sensors[-1]}


@pytest.mark.parametrize(
    ("inputs", "test", "degraded_sensors", "amounts"),
    [
        ("evidence", "misregistration", ("c", "l"), (0, 0.5, 1, 2, 4)),
        ("evidence", "noise", ("c", "l", "optical"), (0, 0.5, 1, 2)),
        ("evidence", "age", ("c", "l", "optical"), (0, 1, 3, 7)),
        ("stretched", "misregistration", ("s1",), (0, 0.5, 1, 2, 4)),
        ("stretched", "noise", ("s1",), (0, 5, 10, 20)),
        ("stretched", "age", (), ()),
        ("backscatter", "misregistration", ("l", "s1"), (0, 0.5, 1, 2, 4)),
        ("backscatter", "noise", ("l", "s1"), (0, 1, 2, 4)),
        ("backscatter", "age", (), ()),
    ],
)
def test_all_else_happens_to_one_sensor_while_all_are_at_hand(
    inputs: str, test: ablation.Test, degraded_sensors: tuple[str, ...], amounts: tuple[float, ...]
) -> None:
    found = [c for c in conditions(SENSORS[inputs], inputs) if c.test == test]
    assert [(c.sensor, c.amount) for c in found] == [(s, a) for s in degraded_sensors for a in amounts]
    assert all(c.subset == SENSORS[inputs] for c in found)
    assert all(unit_of(c.test, inputs) for c in found)


@every_input
def test_the_simplest_form_of_a_condition_is_the_same_input_to_a_network(inputs: str) -> None:
    """What is scored once in place of many: no cloud, cloud over nobody, and all cloud, which is no sensor."""
    chip, network, shared = chip_of(inputs), network_of(inputs), 0
    for condition in conditions(SENSORS[inputs], inputs):
        simplest = condition.simplest()
        assert simplest.simplest() == simplest
        if simplest != condition:
            shared += 1
            found = said(network, degraded(chip, condition, inputs), inputs)
            expected = said(network, degraded(chip, simplest, inputs), inputs)
            np.testing.assert_array_equal(found, expected, str(condition))
    assert shared > 10


@every_input
def test_conditions_of_another_simplest_form_are_other_inputs(inputs: str) -> None:
    chip, network = chip_of(inputs), network_of(inputs)
    distinct = dict.fromkeys(c.simplest() for c in conditions(SENSORS[inputs], inputs))
    answers = {said(network, degraded(chip, c, inputs), inputs).tobytes() for c in distinct}
    assert len(answers) == len(distinct)


# What a condition leaves alone.


@every_input
def test_only_the_sensor_named_is_touched_and_the_chip_never(inputs: str) -> None:
    chip, before = chip_of(inputs), chip_of(inputs)
    for condition in conditions(SENSORS[inputs], inputs):
        views = degraded(chip, condition, inputs)
        at_hand = {view for view in chip.views if sensor_of(view) in (*condition.subset, "ground")}
        assert set(views) == at_hand
        for name, view in views.items():
            touched = sensor_of(name) == condition.sensor and condition.amount > 0
            assert (view is not chip.views[name]) == touched, condition
    for name, (values, seen) in chip.views.items():
        np.testing.assert_array_equal(values, before.views[name][0])
        np.testing.assert_array_equal(seen, before.views[name][1])


@every_input
def test_what_lies_under_a_mask_changes_nothing(inputs: str) -> None:
    """Values where nothing was seen must leak neither into pixels beside them nor into what is hidden."""
    chip, network = chip_of(inputs), network_of(inputs)
    other = chip_of(inputs)
    for name, (values, seen) in chip.views.items():
        worst = {"evidence": np.nan, "stretched": 255, "backscatter": 9e4}[inputs]
        other.views[name] = np.where(seen, values, np.asarray(worst).astype(values.dtype)), seen
    for condition in conditions(SENSORS[inputs], inputs):
        if condition.subset == SENSORS[inputs] and condition.amount in (0.5, 1.0, 3.0, 10.0, 50.0):
            found = degraded(other, condition, inputs)
            expected = degraded(chip, condition, inputs)
            np.testing.assert_array_equal(
                said(network, found, inputs), said(network, expected, inputs), str(condition)
            )
            for name, (values, seen) in found.items():
                if sensor_of(name) == condition.sensor:
                    assert np.isfinite(np.asarray(values, np.float32)).all()
                    assert not values[:, ~seen].any()


@every_input
def test_the_same_chip_is_always_degraded_alike_and_another_one_otherwise(inputs: str) -> None:
    for condition in conditions(SENSORS[inputs], inputs):
        if condition.simplest() != condition or condition.test in ("subset", "age", "misregistration"):
            continue
        again, anew = (
            degraded(chip_of(inputs), condition, inputs),
            degraded(chip_of(inputs), condition, inputs),
        )
        other = degraded(replace(chip_of(inputs), name="another"), condition, inputs)
        name = next(view for view in again if sensor_of(view) == condition.sensor)
        np.testing.assert_array_equal(again[name][0], anew[name][0])
        if condition.amount < CLOUD_PERCENT[-1] or condition.test != "cloud":
            assert not np.array_equal(again[name][0], other[name][0]), condition


# Cloud.

shapes = st.tuples(st.integers(1, 50), st.integers(1, 50))
percents = st.floats(0.0, 100.0)


@reproducible
@given(shape=shapes, some=percents, more=percents, seed=st.integers(0, 2**32 - 1))
def test_more_cloud_hides_what_less_hides_and_exactly_its_share(
    shape: tuple[int, int], some: float, more: float, seed: int
) -> None:
    some, more = sorted((some, more))
    less, all_of_it = (cloud(shape, percent, generator(seed)) for percent in (some, more))
    for hidden, percent in ((less, some), (all_of_it, more)):
        assert hidden.sum() == round(shape[0] * shape[1] * percent / 100.0)
    assert not (less & ~all_of_it).any()
    assert not cloud(shape, 0.0, generator(seed)).any()
    assert cloud(shape, 100.0, generator(seed)).all()


@pytest.mark.parametrize("percent", [20.0, 50.0, 80.0])
def test_cloud_comes_in_pieces_and_not_as_dots(percent: float) -> None:
    hidden = cloud((128, 128), percent, generator())
    edges = (hidden[1:] != hidden[:-1]).mean()
    of_dots = 2.0 * percent / 100.0 * (1.0 - percent / 100.0)
    assert 0.0 < edges < 0.2 * of_dots


def test_cloud_takes_what_was_seen_and_gives_nothing_back() -> None:
    values, seen = of_pictures().views["s2/after"]
    left, clear = clouded(values, seen, 40.0, generator())
    hidden = cloud(seen.shape, 40.0, generator())
    np.testing.assert_array_equal(clear, seen & ~hidden)
    np.testing.assert_array_equal(left[:, clear], values[:, clear])
    assert left.dtype == values.dtype and not left[:, hidden].any()


def test_both_optical_dates_have_clouds_of_their_own() -> None:
    found = degraded(of_pictures(), Condition("cloud", ("s1", "s2"), "s2", 50.0), "stretched")
    before, after = (found[view][1] for view in ("s2/before", "s2/after"))
    usual = of_pictures().views
    shared = ~before & ~after & usual["s2/before"][1] & usual["s2/after"][1]
    assert 0.05 < shared.mean() < 0.6 * 0.5  # not half of what both saw, as under one cloud


# Misregistration.


def test_a_point_is_moved_by_whole_pixels_and_split_by_halves() -> None:
    values, seen = np.zeros((1, 9, 9), np.float32), np.ones((9, 9), bool)
    values[0, 4, 4] = 8.0
    for by, expected in (
        ((1.0, 0.0), {(5, 4): 8.0}),
        ((0.0, -2.0), {(4, 2): 8.0}),
        ((0.5, 0.0), {(4, 4): 4.0, (5, 4): 4.0}),
        ((0.0, -0.5), {(4, 4): 4.0, (4, 3): 4.0}),
    ):
        found, _ = moved(values, seen, by)
        assert {place: found[0][place] for place in zip(*np.nonzero(found[0]), strict=True)} == expected


@reproducible
@given(y=st.integers(-6, 6), x=st.integers(-6, 6), seed=st.integers(0, 1000))
def test_whole_pixels_move_values_and_mask_as_they_are(y: int, x: int, seed: int) -> None:
    rng = generator(seed)
    values = rng.normal(size=(2, 11, 13)).astype(np.float32)
    seen = rng.uniform(size=(11, 13)) < 0.7
    found, left = moved(values, seen, (float(y), float(x)))
    rows, columns = (slice(max(0, d), min(0, d) or None) for d in (y, x))
    from_rows, from_columns = (slice(max(0, -d), min(0, -d) or None) for d in (y, x))
    expected = np.zeros_like(seen)
    expected[rows, columns] = seen[from_rows, from_columns]
    np.testing.assert_array_equal(left, expected)  # beyond the frame nothing was seen
    rolled = np.roll(values, (y, x), (1, 2))
    np.testing.assert_allclose(np.asarray(found, np.float32)[:, left], rolled[:, left], rtol=1e-6)


@pytest.mark.parametrize("by", [(0.5, 0.0), (0.0, -0.5), (0.25, 0.5)])
def test_between_pixels_only_what_was_seen_on_all_sides_is_left(by: tuple[float, float]) -> None:
    values, seen = np.full((1, 12, 12), 3.0, np.float32), np.ones((12, 12), bool)
    seen[6, 6] = False
    values[0, 6, 6] = np.nan
    found, left = moved(values, seen, by)
    touched = [(6 + dy, 6 + dx) for dy in {0, int(np.sign(by[0]))} for dx in {0, int(np.sign(by[1]))}]
    inside = left[2:-2, 2:-2]
    assert sorted(zip(*np.nonzero(~inside), strict=True)) == sorted((y - 2, x - 2) for y, x in touched)
    np.testing.assert_allclose(found[0][left], 3.0, rtol=1e-6)


def test_a_radar_lies_off_by_the_amount_alike_on_both_dates_and_somewhere_else_in_every_chip() -> None:
    ways = set()
    for number in range(12):
        chip = of_pictures(f"chip{number}")
        point = np.zeros((1, SIDE, SIDE), np.uint8)
        point[0, 20, 20] = 100
        for view in ("s1/before", "s1/after"):
            chip.views[view] = point, np.ones((SIDE, SIDE), bool)
        found = degraded(chip, Condition("misregistration", ("s1", "s2"), "s1", 4.0), "stretched")
        after, before = (np.argwhere(found[view][0][0])[0] - 20 for view in ("s1/after", "s1/before"))
        assert tuple(before) == tuple(after) and np.abs(after).sum() == 4
        ways.add(tuple(after))
    assert len(ways) == 4


# Noise.


def test_a_cloud_hides_the_same_of_an_image_and_of_its_parts() -> None:
    chip = of_evidence()
    left = degraded(chip, Condition("cloud", SENSORS["evidence"], "optical", 50.0), "evidence")
    image = left["optical/now"][1]
    assert not np.array_equal(image, chip.views["optical/now"][1])
    for part in ("optical/now:ndwi", "optical/now:mndwi"):
        np.testing.assert_array_equal(left[part][1], image & chip.views[part][1])
    assert left["c/now:vv"] is chip.views["c/now:vv"]


def test_what_was_measured_is_as_far_off_as_the_evidence_of_it() -> None:
    """1 dB where evidence is off by 1 nat, half of the variance alike in all pixels; an angle stays, and so does what was not seen."""
    of_sensor = ("c/now", "c/now:vv", "c/now:vh", "c/now:change")
    offsets, grains = [], []
    for k in range(60):
        chip = of_evidence(f"chip{k}")
        left = degraded(chip, Condition("noise", SENSORS["evidence"], "c", 2.0), "evidence")
        values, seen = left["c/now:vv"]
        before, known = chip.views["c/now:vv"]
        np.testing.assert_array_equal(seen, known)
        off = (np.asarray(values, np.float32) - np.asarray(before, np.float32))[:, seen]
        assert (np.abs(off[1]) < 0.02).all() and (np.asarray(values)[:, ~seen] == 0).all()
        offsets.append(off[0].mean())
        grains.append(off[0].std())
        assert all(left[view] is not chip.views[view] for view in of_sensor)
        assert left["l/now:hh"] is chip.views["l/now:hh"]
    assert np.std(offsets) == pytest.approx(np.sqrt(2.0), rel=0.3)
    assert np.mean(grains) == pytest.approx(np.sqrt(2.0), rel=0.05)


def test_days_change_what_evidence_says_and_nothing_that_was_measured() -> None:
    chip = of_evidence()
    left = degraded(chip, Condition("age", SENSORS["evidence"], "c", 3.0), "evidence")
    assert not np.array_equal(left["c/now"][0], chip.views["c/now"][0])
    for part in ("c/now:vv", "c/now:vh", "c/now:change"):
        for now, before in zip(left[part], chip.views[part], strict=True):
            np.testing.assert_array_equal(now, before)


def test_evidence_is_mistaken_by_the_spread_asked_for_half_of_it_alike_in_all_pixels() -> None:
    values, seen = np.zeros((CLASSES + 1, 64, 64), np.float32), np.ones((64, 64), bool)
    values[CLASSES] = 0.7
    errors = np.stack([mistaken(values, seen, 2.0, generator(seed))[0] for seed in range(200)])
    assert (errors[:, CLASSES] == np.float32(0.7)).all()  # its age is known
    nats = errors[:, :CLASSES]
    assert nats.var() == pytest.approx(4.0, rel=0.05)
    assert nats.mean(axis=(2, 3)).var() == pytest.approx(2.0, rel=0.1)
    assert nats.var(axis=(2, 3)).mean() == pytest.approx(2.0, rel=0.05)


def test_speckle_has_the_spread_asked_for_and_pictures_stay_within_eight_bits() -> None:
    middle, seen = np.full((1, 128, 128), 128, np.uint8), np.ones((128, 128), bool)
    found, _ = speckled(middle, seen, 10.0, generator(), picture=True)
    assert found.std() == pytest.approx(25.5, rel=0.03) and found.mean() == pytest.approx(128.0, abs=1.0)
    black = np.zeros((1, 64, 64), np.uint8)
    dark, _ = speckled(black, np.ones((64, 64), bool), 20.0, generator(), picture=True)
    assert dark.min() == 0.0 and 0.4 < (dark == 0.0).mean() < 0.6 and dark.max() <= 255.0
    levels, _ = speckled(np.full((2, 128, 128), -20.0), seen, 4.0, generator(), picture=False)
    assert levels.std() == pytest.approx(4.0, rel=0.03) and levels.mean() == pytest.approx(-20.0, abs=0.1)


@pytest.mark.parametrize(
    "add", [mistaken, functools.partial(speckled, picture=True), functools.partial(speckled, picture=False)]
)
def test_more_noise_is_more_of_the_same(add: Callable[..., Image]) -> None:
    values = np.full((CLASSES + 1, 20, 20), 100.0, np.float32)
    seen = np.ones((20, 20), bool)
    one, two = (np.asarray(add(values, seen, sd, generator())[0], float) for sd in (0.5, 1.0))
    np.testing.assert_allclose(two - values, 2.0 * (one - values), atol=1e-4)
    assert np.abs(one - values).max() > 0.1


# Age.

nats_of_a_pixel = st.lists(st.floats(-8.0, 8.0), min_size=CLASSES, max_size=CLASSES)
CLOSED = [W, FF, FU, DF, U]  # classes that trade with one other, or with the mean of others, alone


def as_image(nats: list[float], age_days: float = 2.0) -> Image:
    values = evidence.stack_evidence(
        np.asarray(nats, np.float32)[None, None], np.full((1, 1), age_days, np.float32)
    )
    return values, np.ones((1, 1), bool)


@reproducible
@given(nats=nats_of_a_pixel, half_life=st.sampled_from([2.0, 5.0, 10.0]))
def test_no_days_change_nothing(nats: list[float], half_life: float) -> None:
    values, seen = as_image(nats)
    found, left = older(values, seen, 0.0, half_life)
    np.testing.assert_allclose(np.asarray(found, float), np.asarray(values, float), atol=2e-5)
    assert left.all()


def odds(nats: NDArray[Any]) -> list[float]:
    """Of what a closed pair of classes says of wet or dry: water against low ground, forest, town."""
    low_ground = np.logaddexp(nats[DV], nats[BS]) - np.log(2.0)
    pairs = [nats[FF] - nats[DF], nats[FH] - nats[DV], nats[FU] - nats[U]]
    return [float(nats[W] - low_ground), *map(float, pairs)]


@reproducible
@given(nats=nats_of_a_pixel, half_life=st.sampled_from([2.0, 5.0, 10.0]))
def test_what_is_said_of_wet_or_dry_fades_to_nothing_and_never_turns(
    nats: list[float], half_life: float
) -> None:
    values, seen = as_image(nats)
    aged = [
        np.asarray(older(values, seen, days, half_life)[0], float)[:, 0, 0] for days in (0.0, 1.0, 7.0, 400.0)
    ]
    for fresh, stale in pairwise(np.array([odds(nats_then) for nats_then in aged])):
        assert (np.abs(stale) <= np.abs(fresh) + 1e-4).all()
        assert (stale * fresh >= -1e-4).all()
    np.testing.assert_allclose(odds(aged[-1]), 0.0, atol=1e-3)


@reproducible
@given(nats=nats_of_a_pixel, first=st.floats(0.0, 6.0), then=st.sampled_from(AGE_DAYS))
def test_days_add_up_to_the_evidence_of_an_older_image(nats: list[float], first: float, then: float) -> None:
    """Which is what the product would have had from an image that is older by these days."""
    raw = np.asarray(nats, np.float32)[None, None]
    at_first, at_last = (decay_evidence(raw, persistence(days)) for days in (first, first + then))
    found, _ = older(*as_image(list(at_first[0, 0]), first), then, 5.0)
    said_then = np.asarray(found, float)[CLOSED, 0, 0]
    np.testing.assert_allclose(said_then, at_last[0, 0, CLOSED].astype(float), atol=1e-4)
    assert np.asarray(found)[CLASSES, 0, 0] == pytest.approx(np.log1p(first + then), abs=1e-5)


def test_the_half_life_is_that_of_the_height_above_drainage_where_it_is_known() -> None:
    hand = np.array([[0.5, 2.0, 20.0, np.nan]], np.float32)
    prior, seen = np.zeros((1, 4, CLASSES), np.float32), np.ones((1, 4), bool)
    known = {evidence.GROUND: (evidence.stack_ground(prior, hand, None).astype(np.float16), seen)}
    assert half_life_of(known).tolist() == [[10.0, 5.0, 2.0, 5.0]]
    unknown = {evidence.GROUND: (evidence.stack_ground(prior, None, None), seen)}
    assert half_life_of(unknown).tolist() == [[5.0, 5.0, 5.0, 5.0]]
    assert half_life_of({}) == 5.0


def test_low_ground_holds_its_flood_longer() -> None:
    chip = of_evidence()
    found = degraded(chip, Condition("age", SENSORS["evidence"], "c", 7.0), "evidence")
    values, seen = chip.views["c/now"]
    hand = np.asarray(chip.views[evidence.GROUND][0], np.float32)[CLASSES] * 10.0
    strong = seen & (np.asarray(values[FF] - values[DF], float) > 1.0)
    kept = np.asarray(found["c/now"][0][FF] - found["c/now"][0][DF], float) / np.asarray(
        values[FF] - values[DF], float
    ).clip(1.0)
    assert kept[strong & (hand < 1.0)].min() > kept[strong & (hand > 3.0)].max() * 1.1


# Scores.


def scores_of(iou: float) -> Scores:
    return Scores(0.0, 0.0, 0.0, 0.0, iou, 0.0, iou, 0.5, 0.0, 0.0, 1, 1, {}, {}, {})


def results_of(table: Mapping[tuple[str, float], float]) -> list[Result]:
    return [
        Result("net", Condition("cloud", tuple(subset.split("+")), "optical", percent), scores_of(iou))
        for (subset, percent), iou in table.items()
    ]


def test_the_shortfall_is_against_the_best_sensor_alone_under_the_same_cloud() -> None:
    table = CloudTable(
        results_of(
            {
                ("c", 0.0): 0.5,
                ("optical", 0.0): 0.7,
                ("c+optical", 0.0): 0.66,
                ("c", 50.0): 0.5,
                ("optical", 50.0): 0.3,
                ("c+optical", 50.0): 0.55,
                ("c", 100.0): 0.5,
                ("optical", 100.0): 0.9,  # nothing is left of it, whatever is said without it
                ("c+optical", 100.0): 0.5,
            }
        ),
        "net",
    )
    found = {s.cloud_percent: s for s in table.shortfalls()}
    assert set(found) == {0.0, 50.0}
    assert found[0.0].iou == pytest.approx(0.04) and found[0.0].best == "optical"
    assert found[50.0].iou == pytest.approx(-0.05) and found[50.0].best == "c"
    assert found[0.0].subset == table.whole == ("c", "optical")
    assert table.best_alone(table.whole, 100.0) == ("c", 0.5)


def test_without_an_optical_sensor_subsets_are_compared_as_they_are() -> None:
    subsets = {("c",): 0.5, ("l",): 0.6, ("c", "l"): 0.58}
    results = [Result("net", Condition("subset", part), scores_of(iou)) for part, iou in subsets.items()]
    (found,) = CloudTable(results, "net").shortfalls()
    assert (found.subset, found.best) == (("c", "l"), "l") and found.iou == pytest.approx(0.02)


@every_input
def test_scores_are_those_of_evaluation_and_chips_are_read_as_they_are_needed(inputs: str) -> None:
    source, network = Toy(inputs), network_of(inputs)
    told: list[tuple[int, int]] = []
    found = ablate({"net": network}, source, source.chips, tell=lambda _, done, of: told.append((done, of)))
    # the first tells which sensors there are
    assert source.read_so_far == [source.chips[0], *source.chips] and found.left_out == ()
    assert told[-1][0] == told[-1][1] and [done for done, _ in told] == list(range(1, len(told) + 1))
    scores = {result.condition: result.scores for result in found.results}
    assert list(scores) == conditions(SENSORS[inputs], inputs)
    for subset in {condition.subset for condition in scores}:
        gone = tuple(sensor for sensor in SENSORS[inputs] if sensor not in subset)
        expected = score_chips(network, source, source.chips, INPUTS[inputs], gone, turns=False)
        assert scores[Condition("subset", subset)] == expected


def test_scores_under_a_condition_are_those_of_what_it_leaves() -> None:
    source = Toy()
    physics = Physics(dict(evidence.CHANNELS), CLASSES).eval()
    other = Physics(dict(evidence.CHANNELS), CLASSES).eval()
    other.temperature.fill_(3.0)
    found = ablate({"other": other, "bayes": physics}, source, source.chips)
    for condition in (
        Condition("cloud", ("c", "optical"), "optical", 30.0),
        Condition("misregistration", SENSORS["evidence"], "l", 2.0),
        Condition("age", SENSORS["evidence"], "optical", 7.0),
    ):
        tally = Tally(source.classes, source.flooded, source.groups)
        for name in source.chips:
            chip = source.read(name)
            tally.add(said(physics, degraded(chip, condition, "evidence"), "evidence"), chip.truth)
        (scores,) = (r.scores for r in found.results if (r.weights, r.condition) == ("bayes", condition))
        assert scores == tally.scores()


def test_a_sensor_that_no_chip_has_an_image_of_is_not_asked_for() -> None:
    source = Toy("backscatter", without={"chip0": "l", "chip1": "l"})
    found = ablate({"net": network_of("backscatter")}, source, source.chips)
    assert found.left_out == ()
    assert [r.condition for r in found.results] == conditions(("s1", "s2"), "backscatter")


def test_chips_that_a_sensor_has_no_image_of_are_left_out_of_all_conditions() -> None:
    source = Toy("stretched", without={"chip1": "s2"})
    network = network_of("stretched")
    found = ablate({"net": network}, source, source.chips)
    assert found.left_out == ("chip1",)
    assert {result.scores.tiles for result in found.results} == {1}
    with pytest.raises(ValueError, match="no chip has images of s1, s2"):
        ablate({"net": network}, Toy("stretched", without={"chip0": "s1", "chip1": "s2"}), source.chips)
