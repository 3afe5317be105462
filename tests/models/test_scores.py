"""Scores of class maps and probabilities (models/scores)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from floodfuse.models.chips import UNLABELLED
from floodfuse.models.conformal import quantiles
from floodfuse.models.flood_scores import ECE_BINS
from floodfuse.models.scores import Scores, Tally

Float = NDArray[np.float64]
Chip = tuple[Float, NDArray[np.uint8]]
NAMES = ("dry", "water", "flood")
reproducible = settings(deadline=None, derandomize=True, max_examples=50)
NUMBERS = ("miou_tile", "miou_global", "pixel_accuracy", "fw_iou", "iou_flood", "f1_flood", "ece", "brier")


def chips_of(seed: int, count: int = 4, classes: int = 3, skill: float = 1.5) -> list[Chip]:
    """Random chips of several sizes, some without one of the classes, some pixels unlabelled."""
    rng = np.random.default_rng(seed)
    chips = []
    for _ in range(count):
        shape = (int(rng.integers(3, 12)), int(rng.integers(3, 12)))
        truth = rng.integers(0, int(rng.integers(1, classes + 1)), shape).astype(np.uint8)
        scores = rng.normal(0.0, 1.5, (classes, *shape))
        scores += skill * (np.arange(classes)[:, None, None] == truth)
        share = np.exp(scores) / np.exp(scores).sum(axis=0)
        truth[rng.random(shape) < 0.2] = UNLABELLED
        chips.append((share, truth))
    chips[0][1][0, 0] = 0  # at least one labelled pixel
    return chips


def scored(
    chips: list[Chip],
    classes: tuple[str, ...] = NAMES,
    flooded: tuple[int, ...] | None = None,
    groups: Mapping[str, tuple[int, ...]] | None = None,
) -> Scores:
    tally = Tally(classes, flooded, groups)
    for share, truth in chips:
        tally.add(share, truth)
    return tally.scores()


def certain(truth: NDArray[np.uint8], classes: int) -> Float:
    return np.asarray(np.arange(classes)[:, None, None] == np.where(truth == UNLABELLED, 0, truth), float)


def iou(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    either = (found | true).sum()
    return float((found & true).sum() / either) if either else 1.0


def calls(share: Float, flooded: tuple[int, ...]) -> NDArray[np.intp]:
    """Pixel by pixel: the likeliest wet class where water is likelier than not, else the likeliest dry one."""
    found = []
    for pixel in share.T:
        is_wet = sum(pixel[k] for k in flooded) > 0.5
        among = [k for k in range(len(pixel)) if (k in flooded) == is_wet]
        found.append(max(among, key=lambda k: pixel[k]))
    return np.array(found, np.intp)


def oracle(chips: list[Chip], flooded: tuple[int, ...]) -> dict[str, float]:
    """Every score from its definition, over all labelled pixels in one row."""
    tiles, all_true, all_found, all_flood = [], [], [], []
    for share, truth in chips:
        known = truth != UNLABELLED
        if not known.any():
            continue
        true, found = truth[known], calls(share[:, known], flooded)
        tiles.append(np.mean([iou(found == k, true == k) for k in np.unique(true)]))
        all_true.append(true)
        all_found.append(found)
        all_flood.append(sum(share[k][known] for k in flooded))
    true, found, flood = (np.concatenate(x) for x in (all_true, all_found, all_flood))
    n = len(chips[0][0])
    there = [k for k in range(n) if (true == k).any() or (found == k).any()]
    wet, called = np.isin(true, flooded), np.isin(found, flooded)
    tp, fp, fn = (wet & called).sum(), (~wet & called).sum(), (wet & ~called).sum()
    edges, error = np.linspace(0.0, 1.0, ECE_BINS + 1), 0.0
    for k in range(ECE_BINS):
        inside = (flood >= edges[k]) & ((flood < edges[k + 1]) | (k == ECE_BINS - 1))
        if inside.any():
            error += inside.mean() * abs(wet[inside].mean() - flood[inside].mean())
    return {
        "miou_tile": float(np.mean(tiles)),
        "miou_global": float(np.mean([iou(found == k, true == k) for k in there])),
        "pixel_accuracy": float((true == found).mean()),
        "fw_iou": float(sum((true == k).mean() * iou(found == k, true == k) for k in there)),
        "iou_flood": float(tp / (tp + fp + fn)) if tp + fp + fn else 1.0,
        "f1_flood": float(2 * tp / (2 * tp + fp + fn)) if tp + fp + fn else 1.0,
        "ece": float(error),
        "brier": float(((flood - wet) ** 2).mean()),
        "tiles": len(tiles),
        "pixels": len(true),
    }


@reproducible
@given(seed=st.integers(0, 10_000), flooded=st.sampled_from([None, (1, 2), (2,), (0, 2)]))
def test_scores_are_those_of_their_definitions(seed: int, flooded: tuple[int, ...] | None) -> None:
    chips = chips_of(seed)
    found, expected = scored(chips, flooded=flooded)._asdict(), oracle(chips, flooded or (1, 2))
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-12), name


@reproducible
@given(seed=st.integers(0, 10_000))
def test_recall_precision_and_iou_of_each_class_and_group(seed: int) -> None:
    chips = chips_of(seed)
    found = scored(chips, groups={"wet": (1, 2)})
    true = np.concatenate([truth[truth != UNLABELLED] for _, truth in chips])
    told = np.concatenate([calls(share[:, truth != UNLABELLED], (1, 2)) for share, truth in chips])
    assert set(found.iou_by_class) == {*NAMES, "wet"}
    for name, members in (("dry", (0,)), ("water", (1,)), ("flood", (2,)), ("wet", (1, 2))):
        is_true, is_told = np.isin(true, members), np.isin(told, members)
        both = (is_true & is_told).sum()
        assert found.iou_by_class[name] == pytest.approx(iou(is_told, is_true), abs=1e-12)
        recall = both / is_true.sum() if is_true.any() else 1.0
        precision = both / is_told.sum() if is_told.any() else 1.0
        assert found.recall_by_class[name] == pytest.approx(recall, abs=1e-12)
        assert found.precision_by_class[name] == pytest.approx(precision, abs=1e-12)


@reproducible
@given(seed=st.integers(0, 10_000), precision=st.sampled_from([0.3, 0.5, 0.7, 0.95]))
def test_recall_at_a_precision_is_the_best_that_any_threshold_has(seed: int, precision: float) -> None:
    chips = chips_of(seed)
    tally = Tally(NAMES, None, {"wet": (1, 2)})
    for share, truth in chips:
        tally.add(share, truth)
    true = np.concatenate([truth[truth != UNLABELLED] for _, truth in chips])
    share = np.concatenate([share[:, truth != UNLABELLED] for share, truth in chips], axis=1)
    found = tally.recall_at(precision)
    assert set(found) == {*NAMES, "wet"}
    for name, members in (("dry", [0]), ("flood", [2]), ("wet", [1, 2])):
        is_true, said = np.isin(true, members), np.floor(share[members].sum(axis=0) * 1000)
        recalls = [
            (is_true & (said >= level)).sum() / is_true.sum()
            for level in range(1000)
            if is_true.any() and (said >= level).any() and is_true[said >= level].mean() >= precision
        ]
        assert found[name] == pytest.approx(max(recalls, default=0.0 if is_true.any() else 1.0), abs=1e-12)


@reproducible
@given(seed=st.integers(0, 10_000))
def test_the_best_threshold_is_the_best_of_all(seed: int) -> None:
    chips = chips_of(seed)
    found = scored(chips, NAMES)
    wet = np.concatenate([truth[truth != UNLABELLED] > 0 for _, truth in chips])
    share = np.concatenate([share[1:, truth != UNLABELLED].sum(axis=0) for share, truth in chips])
    level = np.floor(share * 1000)
    ious = (
        [(wet & (level >= k)).sum() / (wet | (level >= k)).sum() for k in range(1000)] if wet.any() else [1.0]
    )
    assert found.iou_flood_best == pytest.approx(max(ious), abs=1e-12)
    if wet.any():
        assert ious[round(found.best_from * 1000)] == pytest.approx(max(ious), abs=1e-12)
    else:
        assert found.best_from == 1.0


def test_two_by_two_pixels_by_hand() -> None:
    """Truth 0 1 / 1 unlabelled; flood is given 0.1, 0.9, 0.3 and 1: one hit, one miss, one rightly dry."""
    flood = np.array([[0.1, 0.9], [0.3, 1.0]])
    truth = np.array([[0, 1], [1, UNLABELLED]], np.uint8)
    found = scored([(np.stack([1.0 - flood, flood]), truth)], ("dry", "flood"))
    assert found.iou_by_class == {"dry": 0.5, "flood": 0.5}
    assert found.recall_by_class == {"dry": 1.0, "flood": 0.5}
    assert found.precision_by_class == {"dry": 0.5, "flood": 1.0}
    assert found.miou_tile == found.miou_global == found.iou_flood == found.fw_iou == 0.5
    assert found.pixel_accuracy == pytest.approx(2 / 3)
    assert found.f1_flood == pytest.approx(2 / 3)
    assert found.iou_flood_best == 1.0
    assert found.best_from == pytest.approx(0.3)
    assert found.ece == pytest.approx((0.1 + 0.1 + 0.7) / 3)  # each in a bin of its own
    assert found.brier == pytest.approx((0.01 + 0.01 + 0.49) / 3)
    assert (found.tiles, found.pixels) == (1, 3)


def test_means_over_tiles_and_pooled_scores_differ() -> None:
    """A small tile that is wrong weighs as much as a large one that is right."""
    right, wrong = np.zeros((10, 10), np.uint8), np.zeros((1, 1), np.uint8)
    right[:5] = 1
    chips = [(certain(right, 2), right), (certain(wrong + np.uint8(1), 2), wrong)]
    found = scored(chips, ("dry", "flood"))
    assert found.miou_tile == pytest.approx(0.5)
    assert found.miou_global == pytest.approx((50 / 51 + 50 / 51) / 2)


@reproducible
@given(seed=st.integers(0, 10_000))
def test_a_perfect_map_has_perfect_scores(seed: int) -> None:
    chips = [(certain(truth, 3), truth) for _, truth in chips_of(seed)]
    found = scored(chips)
    for name in NUMBERS:
        assert getattr(found, name) == pytest.approx(0.0 if name in ("ece", "brier") else 1.0, abs=1e-12), (
            name
        )
    for by_class in (found.iou_by_class, found.recall_by_class, found.precision_by_class):
        assert set(by_class.values()) == {1.0}


@reproducible
@given(seed=st.integers(0, 10_000), data=st.data())
def test_the_order_of_chips_changes_nothing(seed: int, data: st.DataObject) -> None:
    chips = chips_of(seed, count=6)
    order = data.draw(st.permutations(range(6)))
    one, other = scored(chips), scored([chips[k] for k in order])
    for name in NUMBERS:
        assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-12), name
    counted = set(Scores._fields) - set(NUMBERS)  # counts, and scores from counts, to the last bit
    assert {name: getattr(one, name) for name in counted} == {name: getattr(other, name) for name in counted}


@reproducible
@given(seed=st.integers(0, 10_000))
def test_what_is_said_of_unlabelled_pixels_does_not_count(seed: int) -> None:
    chips = chips_of(seed)
    others = [
        (np.where(truth == UNLABELLED, other, share), truth)
        for (share, truth), other in zip(chips, (np.nan, 0.0, 1.0, 7.0), strict=True)
    ]
    empty = (np.full((3, 4, 4), np.nan), np.full((4, 4), UNLABELLED, np.uint8))
    assert scored([*others, empty]) == scored(chips)


def test_scores_may_be_asked_at_any_time_and_go_on() -> None:
    chips = chips_of(3)
    tally = Tally(NAMES)
    for k, (share, truth) in enumerate(chips):
        tally.add(share, truth)
        assert tally.scores() == scored(chips[: k + 1])


def test_a_calibrated_forecast_has_no_calibration_error_and_an_overconfident_one_has() -> None:
    rng = np.random.default_rng(5)
    flood = rng.random((300, 300))
    truth = (rng.random((300, 300)) < flood).astype(np.uint8)
    assert scored([(np.stack([1 - flood, flood]), truth)], ("dry", "flood")).ece < 0.01
    bold = (flood > 0.5).astype(float)
    assert scored([(np.stack([1 - bold, bold]), truth)], ("dry", "flood")).ece == pytest.approx(
        0.25, abs=0.01
    )


def test_probabilities_a_rounding_error_beyond_their_limits_are_taken() -> None:
    """Float32 means of softmaxes are."""
    share = np.array([[[1.0 + 2e-7, -1e-7, 0.5]], [[-1e-7, 1.0 + 2e-7, 0.5]]], np.float32)
    truth = np.array([[0, 1, 1]], np.uint8)
    found = scored([(share.astype(float), truth)], ("dry", "flood"))
    assert found.ece == pytest.approx(0.5 / 3, abs=1e-6)


@pytest.mark.parametrize("groups", [{"a": (1, 2), "b": (2,)}, {"mixed": (0, 1)}])
def test_groups_that_are_no_kinds_are_refused(groups: dict[str, tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="a class is in two, or one has wet and dry classes"):
        Tally(NAMES, (1, 2), groups)


def test_where_there_is_no_flood_and_none_is_found_all_is_right() -> None:
    truth = np.zeros((4, 4), np.uint8)
    found = scored([(certain(truth, 2), truth)], ("dry", "flood"))
    assert (found.iou_flood, found.f1_flood, found.miou_global, found.fw_iou) == (1.0, 1.0, 1.0, 1.0)


@pytest.mark.parametrize("chips", [[], [(np.full((3, 2, 2), 1 / 3), np.full((2, 2), UNLABELLED, np.uint8))]])
def test_nothing_labelled_is_refused(chips: list[Chip]) -> None:
    with pytest.raises(ValueError, match="no chip has a labelled pixel"):
        scored(chips)


def test_what_answering_within_a_risk_comes_to_is_what_pixel_by_pixel_counting_gives() -> None:
    rng = np.random.default_rng(8)
    truth = (rng.uniform(size=(200, 200)) < 0.3).astype(np.uint8)
    odds = rng.normal(np.where(truth == 1, 1.5, -1.5), 1.5)
    water = 1.0 / (1.0 + np.exp(-odds))
    conformal = quantiles(water.ravel(), truth.ravel() == 1)
    tally = Tally(("dry", "flood"))
    tally.add(np.stack([1.0 - water, water]), truth)
    for risk in (0.05, 0.2):
        found, wet = tally.at_risk(conformal, risk), truth == 1
        answered, (wet_allowed, dry_allowed) = conformal.answered(water, risk), conformal.allowed(water, risk)
        assert found.answered == pytest.approx(answered.mean(), abs=2e-3)
        assert found.wet_covered == pytest.approx(wet_allowed[wet].mean(), abs=2e-3)
        assert found.dry_covered == pytest.approx(dry_allowed[~wet].mean(), abs=2e-3)
        assert found.wet_covered == pytest.approx(1.0 - risk, abs=0.01)
        assert found.wet_called_dry == pytest.approx((answered & (water <= 0.5))[wet].mean(), abs=2e-3)
        assert found.dry_called_wet == pytest.approx((answered & (water > 0.5))[~wet].mean(), abs=2e-3)
