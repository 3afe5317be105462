"""Maps held side by side: counts against loops over pixels, and properties that hold whatever the maps are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product as every
from pathlib import Path

import numpy as np
import pytest
import rasterio
import zarr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from rio_cogeo.cogeo import cog_validate

from floodfuse.catalogs.errors import BadRequest
from floodfuse.harmonize.classes import (
    ADVISORY_LABELS,
    FLOOD_CLASSES,
    WATER_CLASSES,
    Advisory,
    Decider,
    Exclusion,
    MapClass,
)
from floodfuse.pipeline.side_by_side.disagreement import (
    DISAGREEMENT_FILE,
    NONE_ANSWERS,
    SOME_DIFFER,
    SOME_DRY,
    SOME_WATER,
    coded,
    colours,
    labels,
    write_disagreement,
)
from floodfuse.pipeline.side_by_side.measure import SideBySide, agreement, kappa, measure
from floodfuse.pipeline.side_by_side.picture import drawn_traits
from floodfuse.pipeline.side_by_side.traits import AT_EDGE, EDGE_PX, Trait, at_edge, distinct
from floodfuse.pipeline.side_by_side.verdicts import Verdicts, Votes
from floodfuse.pipeline.side_by_side.words import percent, sentences

Make = Callable[..., Path]
Layers = dict[str, NDArray[np.generic]]
SHAPE = (45, 61)
PIXEL_KM2 = 1e-4
ABSTAINS = (MapClass.EXCLUDED, MapClass.NOT_OBSERVED)
TABLES = st.lists(st.integers(0, 40), min_size=4, max_size=4).map(lambda n: np.array(n).reshape(2, 2))


def smooth(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """A field of patches, so that maps have edges and insides."""
    field = np.kron(rng.random((shape[0] // 8 + 1, shape[1] // 8 + 1)), np.ones((8, 8)))
    return field[: shape[0], : shape[1]] + 0.2 * rng.random(shape)


def random_layers(seed: int) -> Layers:
    """A map of its own on ground that all seeds share."""
    rng, ground = np.random.default_rng(seed), np.random.default_rng(99)
    wet = smooth(ground, SHAPE) + 0.3 * smooth(rng, SHAPE) > 0.9
    classes = np.where(wet, rng.choice([int(k) for k in WATER_CLASSES], SHAPE), int(MapClass.DRY_LAND))
    classes[smooth(rng, SHAPE) > 1.05] = MapClass.EXCLUDED
    outside = np.add(*np.indices(SHAPE)) < 15
    classes[outside | (smooth(ground, SHAPE) > 1.1)] = MapClass.NOT_OBSERVED
    probability = np.clip(np.where(wet, 0.8, 0.2) + rng.normal(0.0, 0.1, SHAPE), 0.0, 1.0)
    return {
        "flood_class": classes.astype(np.uint8),
        "probability": np.where(classes == MapClass.NOT_OBSERVED, np.nan, probability),
        "exclusion": np.where(outside, int(Exclusion.OUTSIDE_AREA), 0),
        "sensor_count": ground.integers(1, 4, SHAPE),
        "deciding_sensor": rng.integers(1, 5, SHAPE),
        "evidence_age": ground.uniform(-90.0, 90.0, SHAPE),
        "conflict": ground.uniform(0.0, 8.0, SHAPE),
        "advisory": ground.integers(0, 8, SHAPE) | np.where(smooth(rng, SHAPE) > 0.9, 16, 0),
    }


def written(make_product: Make, folder: Path, layers: Mapping[str, NDArray[np.generic]]) -> Path:
    """A product of these layers; what is not given is as `make_product` has it."""
    shape = layers["flood_class"].shape
    made = make_product(folder, shape, chunk=16)
    group = zarr.open_group(made / "product.zarr", mode="r+")
    for name, values in layers.items():
        array = group[name]
        assert isinstance(array, zarr.Array)
        array[:] = values.astype(array.dtype)
    return made


@pytest.fixture(scope="module")
def three(
    make_product: Make, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Path], list[Layers]]:
    folder = tmp_path_factory.mktemp("three")
    layers = [random_layers(seed) for seed in (1, 2, 3)]
    names = ("bayes", "graybox", "late")
    return {n: written(make_product, folder / n, own) for n, own in zip(names, layers, strict=True)}, layers


@pytest.fixture(scope="module")
def measured(three: tuple[dict[str, Path], list[Layers]]) -> SideBySide:
    return measure(three[0])


def test_areas_and_shares_are_those_of_the_maps(
    three: tuple[dict[str, Path], list[Layers]], measured: SideBySide
) -> None:
    _, layers = three
    inside = layers[0]["exclusion"] == 0
    assert measured.area_km2 == pytest.approx(inside.sum() * PIXEL_KM2)
    for own, found in zip(layers, measured.strategies, strict=True):
        classes = own["flood_class"][inside]
        assert found.flooded_km2 == pytest.approx(np.isin(classes, FLOOD_CLASSES).sum() * PIXEL_KM2)
        assert found.water_km2 == pytest.approx(np.isin(classes, WATER_CLASSES).sum() * PIXEL_KM2)
        assert found.excluded == pytest.approx((classes == MapClass.EXCLUDED).mean())
        assert found.not_observed == pytest.approx((classes == MapClass.NOT_OBSERVED).mean())
        assert found.answered == pytest.approx((~np.isin(classes, ABSTAINS)).mean())
        assert 0.0 < found.excluded < found.answered < 1.0


def test_pairs_are_counted_as_a_loop_over_pixels_counts_them(
    three: tuple[dict[str, Path], list[Layers]], measured: SideBySide
) -> None:
    folders, layers = three
    names = list(folders)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        both = same = wet_both = wet_either = only_i = only_j = wet_i = wet_j = 0
        apart = 0.0
        for where in every(range(SHAPE[0]), range(SHAPE[1])):
            a, b = (MapClass(int(layers[k]["flood_class"][where])) for k in (i, j))
            only_i += a not in ABSTAINS and b in ABSTAINS
            only_j += b not in ABSTAINS and a in ABSTAINS
            if a in ABSTAINS or b in ABSTAINS:
                continue
            both += 1
            same += (a in WATER_CLASSES) == (b in WATER_CLASSES)
            wet_both += a in WATER_CLASSES and b in WATER_CLASSES
            wet_either += a in WATER_CLASSES or b in WATER_CLASSES
            wet_i, wet_j = wet_i + (a in WATER_CLASSES), wet_j + (b in WATER_CLASSES)
            apart += abs(
                float(np.float32(layers[i]["probability"][where]))
                - float(np.float32(layers[j]["probability"][where]))
            )
        found = measured.pair(names[j], names[i])
        area = measured.area_km2 / PIXEL_KM2
        assert (found.first, found.second) == (names[i], names[j])
        assert found.both_answer == pytest.approx(both / area)
        assert found.agreement == pytest.approx(same / both)
        assert found.water_iou == pytest.approx(wet_both / wet_either)
        assert found.only_first_answers == pytest.approx(only_i / area)
        assert found.only_second_answers == pytest.approx(only_j / area)
        assert found.only_first_water_km2 == pytest.approx((wet_i - wet_both) * PIXEL_KM2)
        assert found.only_second_water_km2 == pytest.approx((wet_j - wet_both) * PIXEL_KM2)
        assert found.probability_difference == pytest.approx(apart / both, abs=1e-6)
        chance = (wet_i * wet_j + (both - wet_i) * (both - wet_j)) / both**2
        assert found.kappa == pytest.approx((same / both - chance) / (1 - chance))


def naive_edge(votes: Votes) -> NDArray[np.bool_]:
    """`at_edge`, pixel by pixel."""
    rows, columns = SHAPE
    found = np.zeros(SHAPE, bool)
    for y, x in every(range(rows), range(columns)):
        near = {"water": False, "dry": False}
        for v in range(max(y - EDGE_PX, 0), min(y + EDGE_PX + 1, rows)):
            for u in range(max(x - EDGE_PX, 0), min(x + EDGE_PX + 1, columns)):
                answers, water = int(votes.answers[v, u]), int(votes.water[v, u])
                if answers >= 2 and water in (0, answers):
                    near["water" if water else "dry"] = True
        found[y, x] = near["water"] and near["dry"]
    return found


def of_all(layers: list[Layers]) -> Verdicts:
    return Verdicts(
        np.stack([own["flood_class"].astype(np.uint8) for own in layers]), layers[0]["exclusion"] == 0
    )


def test_traits_are_counted_as_masks_of_the_whole_map_count_them(
    three: tuple[dict[str, Path], list[Layers]], measured: SideBySide
) -> None:
    _, layers = three
    votes, first = of_all(layers).votes(), layers[0]
    compared = votes.answers >= 2
    differing = compared & (votes.water % votes.answers.clip(1) != 0)
    assert measured.differing == pytest.approx(differing.sum() / compared.sum()) and differing.sum() > 50
    flags = np.bitwise_or.reduce([own["advisory"].astype(int) for own in layers])  # of any strategy
    masks = {
        AT_EDGE: naive_edge(votes),
        "where two sensors saw": first["sensor_count"] == 2,
        "where ALOS-2 PALSAR-2 (L-band) decided": first["deciding_sensor"] == Decider.ALOS2,
        "where no sensor spoke clearly": first["deciding_sensor"] == Decider.PRIOR,
        "where sensors contradict each other by more than 4 nats": np.float32(first["conflict"]) > 4.0,
        "where the deciding evidence is one to three days away": (np.abs(first["evidence_age"]) >= 24)
        & (np.abs(first["evidence_age"]) < 72),
        f"under the flag '{ADVISORY_LABELS[Advisory.CANOPY_TOO_DENSE_FOR_C]}'": (flags & 4) > 0,
        f"under the flag '{ADVISORY_LABELS[Advisory.RADIO_INTERFERENCE]}'": (flags & 16) > 0,
        "under no flag": flags == 0,
    }
    found = {trait.where: trait for trait in measured.traits}
    for where, mask in masks.items():
        trait = found[where]
        assert trait.compared_pixels == (mask & compared).sum() > 0, where
        assert trait.differing_pixels == (mask & differing).sum(), where
        assert trait.share_of_differing == pytest.approx(mask[differing].mean())
        assert trait.share_of_compared == pytest.approx(mask[compared].mean())
        assert trait.lift == pytest.approx(mask[differing].mean() / mask[compared].mean())


def test_traits_come_by_lift_and_those_that_exclude_each_other_divide_the_pixels(
    measured: SideBySide,
) -> None:
    lifts = [trait.lift for trait in measured.traits]
    assert lifts == sorted(lifts, reverse=True) and len(lifts) > 10
    assert drawn_traits(measured.traits)[0].where == AT_EDGE
    for kind in ("edge", "sensors", "decider", "conflict", "age"):
        own = [trait for trait in measured.traits if trait.kind == kind]
        assert sum(t.share_of_differing for t in own) == pytest.approx(1.0), kind
        assert sum(t.share_of_compared for t in own) == pytest.approx(1.0), kind


@pytest.mark.parametrize("side_px", [7, 16, 61])
def test_tiles_change_nothing(
    three: tuple[dict[str, Path], list[Layers]], measured: SideBySide, side_px: int
) -> None:
    found = measure(three[0], side_px)
    assert found.traits == measured.traits and found.strategies == measured.strategies
    for a, b in zip(found.pairs, measured.pairs, strict=True):
        assert (a.agreement, a.kappa, a.water_iou) == (b.agreement, b.kappa, b.water_iou)
        assert a.probability_difference == pytest.approx(b.probability_difference, rel=1e-6)


def test_agreement_is_symmetric_and_only_sides_are_swapped(
    three: tuple[dict[str, Path], list[Layers]], measured: SideBySide
) -> None:
    folders, _ = three
    there, back = measured.pair("bayes", "late"), measure(dict(reversed(folders.items()))).pairs[1]
    assert (back.first, back.second) == ("late", "bayes")
    assert (there.agreement, there.kappa, there.water_iou) == (back.agreement, back.kappa, back.water_iou)
    assert there.probability_difference == pytest.approx(back.probability_difference)
    assert there.only_first_answers == back.only_second_answers != there.only_second_answers
    assert there.only_first_water_km2 == back.only_second_water_km2 != there.only_second_water_km2


def test_a_map_agrees_with_itself(three: tuple[dict[str, Path], list[Layers]]) -> None:
    folder = three[0]["bayes"]
    found = measure({"bayes": folder, "again": folder})
    (pair,) = found.pairs
    assert (pair.agreement, pair.kappa, pair.water_iou, pair.probability_difference) == (1.0, 1.0, 1.0, 0.0)
    assert found.differing == 0.0 and found.traits == ()
    assert sentences(found)[0].startswith("They agree on water everywhere")


@given(TABLES)
def test_kappa_is_symmetric_at_most_one_and_one_of_a_diagonal(table: NDArray[np.int64]) -> None:
    value = kappa(table)
    assert value == kappa(table.T) == kappa(table[::-1, ::-1])
    assert agreement(table) == agreement(table.T)
    if value is None:  # all pixels in one cell of the diagonal, or none at all
        assert table.sum() in (table[0, 0], table[1, 1])
    else:
        assert -1.0 <= value <= 1.0
        assert (value == 1.0) == (table[0, 1] == table[1, 0] == 0)


@given(st.tuples(*[st.integers(1, 30)] * 4))
def test_kappa_of_maps_that_know_nothing_of_each_other_is_nought(parts: tuple[int, int, int, int]) -> None:
    a, b, c, d = parts
    assert kappa(np.outer([a, b], [c, d])) == pytest.approx(0.0, abs=1e-12)


def test_kappa_of_a_table_worked_by_hand() -> None:
    assert kappa(np.array([[45, 15], [25, 15]])) == pytest.approx((0.60 - 0.54) / 0.46)


def test_no_pixel_answered_by_two_is_said_and_not_divided_by(make_product: Make, tmp_path: Path) -> None:
    classes = np.full((20, 20), MapClass.EXCLUDED, np.uint8)
    none = written(make_product, tmp_path / "none", {"flood_class": classes})
    some = written(make_product, tmp_path / "some", {"flood_class": np.zeros((20, 20), np.uint8)})
    found = measure({"bayes": none, "late": some})
    (pair,) = found.pairs
    assert pair.agreement is pair.kappa is pair.water_iou is pair.probability_difference is None
    assert (pair.both_answer, pair.only_second_answers) == (0.0, 1.0)
    assert found.differing is None and "nothing to compare" in sentences(found)[0]


def told(make_product: Make, folder: Path, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> list[str]:
    one = written(make_product, folder / "one", {"flood_class": first})
    two = written(make_product, folder / "two", {"flood_class": second})
    return list(sentences(measure({"bayes": one, "graybox": two})))


def test_a_rim_is_called_a_matter_of_the_edge_and_a_lake_one_of_substance(
    make_product: Make, tmp_path: Path
) -> None:
    small, large, lake = (np.zeros((60, 60), np.uint8) for _ in range(3))
    small[20:40, 20:40] = large[19:41, 19:41] = lake[20:40, 20:40] = MapClass.OPEN_FLOOD_WATER
    lake[48:56, 5:20] = MapClass.FLOODED_VEGETATION
    rim, body = (told(make_product, tmp_path / str(k), small, other) for k, other in enumerate((large, lake)))
    rim_px, lake_px = 22**2 - 20**2, 8 * 15
    assert rim[0] == (
        f"They differ on {100 * rim_px / 3600:.1f} % of the 0.360 km² that two strategies or more answer: 0.0084 km²."
    )
    assert rim[1] == (
        "bayes says water on 0 km² that graybox calls dry, and graybox on 0.0084 km² that bayes calls dry."
    )
    ring = 24**2 - 18**2  # 2 px to either side of an edge that is nowhere nearer
    assert (
        f"100 % of the pixels where they differ lie within 2 px of a water's edge, {100 * ring / 3600:.1f} % of all do."
        in rim
    )
    assert any("matter of where the edge of water is drawn" in said for said in rim)
    assert f"{100 * lake_px / 3600:.1f} %" in body[0]
    assert any(said.startswith("0 % of the pixels where they differ lie within 2 px") for said in body)
    assert any("matter of substance" in said for said in body)


def test_what_one_leaves_open_is_said(make_product: Make, tmp_path: Path) -> None:
    first, second = np.zeros((40, 50), np.uint8), np.zeros((40, 50), np.uint8)
    first[:, :5] = MapClass.EXCLUDED
    found = told(make_product, tmp_path, first, second)
    assert "graybox answers on 10 % of the area on which bayes abstains." in found
    assert not any("bayes answers on" in said for said in found)


def test_traits_that_stand_out_are_told_once_with_their_numbers(make_product: Make, tmp_path: Path) -> None:
    first, second = np.zeros((40, 50), np.uint8), np.zeros((40, 50), np.uint8)
    second[:20, :10] = MapClass.OPEN_FLOOD_WATER
    west = np.indices(first.shape)[1] < 10
    layers = {
        "flood_class": first,
        "conflict": np.where(west, 6.0, 0.5),
        "sensor_count": np.where(west, 1, 2),
    }
    one = written(make_product, tmp_path / "one", layers)
    two = written(make_product, tmp_path / "two", {"flood_class": second})
    found = measure({"bayes": one, "graybox": two})
    said = [s for s in sentences(found) if "pixels where they differ lie where" in s]
    alike = [t for t in found.traits if t.differing_pixels == 200 and t.compared_pixels == 400]
    assert {"conflict", "sensors"} <= {t.kind for t in alike} and alike[0].lift == pytest.approx(5.0)
    assert (
        sum(s == f"100 % of the pixels where they differ lie {alike[0].where}, 20 % of all do." for s in said)
        == 1
    )
    assert not any(f"lie {other.where}," in s for other in alike[1:] for s in said)
    assert len(distinct(alike)) == 1


def test_shares_are_never_rounded_to_none_or_to_all() -> None:
    written_as = {
        0.0: "0 %",
        0.0004: "less than 0.1 %",
        0.024: "2.4 %",
        0.0949: "9.5 %",
        0.0999: "10 %",
        0.5: "50 %",
        0.9933: "99.3 %",
        0.99995: "more than 99.9 %",
        1.0: "100 %",
    }
    assert {share: percent(share) for share in written_as} == written_as


def test_votes_of_every_kind_have_their_code() -> None:
    water, dry, none = MapClass.FLOODED_URBAN, MapClass.DRY_LAND, MapClass.EXCLUDED
    cases = {
        (dry, dry, dry): 0,
        (water, dry, dry): 1,
        (dry, water, water): 2,
        (water, water, water): 3,
        (none, dry, dry): SOME_DRY,
        (water, none, none): SOME_WATER,
        (water, none, dry): SOME_DIFFER,
        (none, none, none): NONE_ANSWERS,
    }
    classes = np.array(list(cases), np.uint8).T[:, None, :]
    assert coded(Verdicts(classes, np.ones((1, len(cases)), bool))).ravel().tolist() == list(cases.values())
    nowhere = coded(Verdicts(classes, np.zeros((1, len(cases)), bool)))
    assert (nowhere == NONE_ANSWERS).all()


@given(st.integers(2, 40))
def test_every_code_has_a_label_and_a_colour_of_its_own(strategies: int) -> None:
    values = {*range(strategies + 1), SOME_DRY, SOME_WATER, SOME_DIFFER, NONE_ANSWERS}
    assert set(labels(strategies)) == set(colours(strategies)) == values
    assert len(set(labels(strategies).values())) == len(set(colours(strategies).values())) == len(values)


def test_the_raster_is_a_valid_cog_that_says_what_its_values_mean(
    three: tuple[dict[str, Path], list[Layers]], tmp_path: Path
) -> None:
    folders, layers = three
    write_disagreement(folders, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [DISAGREEMENT_FILE]
    assert cog_validate(tmp_path / DISAGREEMENT_FILE, strict=True) == (True, [], [])
    with rasterio.open(tmp_path / DISAGREEMENT_FILE) as source:
        np.testing.assert_array_equal(source.read(1), coded(of_all(layers)))
        assert source.nodata == NONE_ANSWERS and source.crs.to_epsg() == 32630
        notes, palette = source.tags(1), source.colormap(1)
        assert source.tags()["STRATEGIES"] == "bayes, graybox, late"
    for value, label in labels(3).items():
        assert notes[f"VALUE_{value}"] == label
        assert palette[value][:3] == colours(3)[value][:3]


def test_the_edge_is_that_of_what_all_agree_on() -> None:
    answers = np.full((9, 30), 2, np.uint8)
    water = np.zeros((9, 30), np.uint8)
    water[:, 10:] = 2
    water[:, 20:] = 1  # one says water, the other dry: neither water nor dry is agreed on
    found = at_edge(Votes(answers, water))
    assert found[:, 8:12].all() and not found[:, :8].any() and not found[:, 12:].any()


def test_what_can_not_be_compared_is_refused(make_product: Make, tmp_path: Path) -> None:
    one, other = make_product(tmp_path / "one", (20, 20)), make_product(tmp_path / "other", (20, 30))
    with pytest.raises(BadRequest, match="do not lie on the same pixels"):
        measure({"bayes": one, "late": other})
    with pytest.raises(BadRequest, match="give 2 to"):
        measure({"bayes": one})


def test_the_same_pixels_are_shown_once() -> None:
    traits = [
        Trait(kind, where, n, 100, n / 50, 0.1, n / 5)
        for kind, where, n in (("decider", "a", 40), ("age", "b", 40), ("sensors", "c", 30))
    ]
    assert [t.where for t in distinct(traits)] == ["a", "c"]
