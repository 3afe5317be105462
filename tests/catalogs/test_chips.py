"""Training chips: speckle, truth, time, clouds, misregistration, and the same bits for the same seed."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from itertools import islice, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from floodfuse.catalogs.simulated import chip_landscape, chip_optical, chip_radar, resampling
from floodfuse.catalogs.simulated.chips import MECHANISMS, Chip, chip_seed, chips, simulate_chip
from floodfuse.catalogs.simulated.cover import WETLAND
from floodfuse.catalogs.simulated.flood import Mechanism
from floodfuse.catalogs.simulated.latents import CLASS_OF_STATE, Field, State
from floodfuse.catalogs.simulated.multilook import multilook, side_tap
from floodfuse.catalogs.simulated.speckle import detected
from floodfuse.catalogs.simulated.spline import draw
from floodfuse.harmonize.classes import DRY, FLOODED, EvidenceClass, MapClass

SIZE = 128
_FLOOD = (MapClass.OPEN_FLOOD_WATER, MapClass.FLOODED_VEGETATION, MapClass.FLOODED_URBAN)


@pytest.fixture(scope="module")
def some() -> list[Chip]:
    return list(chips(7, "A", 24, size=SIZE))


def _arrays(value: object) -> list[NDArray[Any]]:
    """All arrays of a chip, in order."""
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, dict):
        return [array for each in value.values() for array in _arrays(each)]
    if is_dataclass(value):
        return [array for each in fields(value) for array in _arrays(getattr(value, each.name))]
    return [array for each in value for array in _arrays(each)] if isinstance(value, tuple) else []


def _same(first: Chip, second: Chip) -> None:
    pairs = list(zip(_arrays(first), _arrays(second), strict=True))
    assert len(pairs) > 20
    for a, b in pairs:
        np.testing.assert_array_equal(a, b)


def test_a_chip_holds_what_it_says(some: list[Chip]) -> None:
    for chip in some:
        assert chip.synthetic
        for radar, names in ((chip.sentinel1, ["vv", "vh"]), (chip.alos2, ["hh", "hv"])):
            assert list(radar.gamma0) == list(radar.reference) == list(radar.nesz_db) == names
            assert 25.0 < radar.incidence_deg.min() < radar.incidence_deg.max() < 47.0
            assert max(map(abs, radar.shift_px)) <= 1.2
        images = [
            *chip.sentinel1.gamma0.values(),
            *chip.sentinel1.reference.values(),
            *chip.alos2.gamma0.values(),
            *chip.alos2.reference.values(),
            chip.sentinel1.incidence_deg,
            *chip.sentinel2.reflectance.values(),
            chip.terrain.hand,
            chip.terrain.slope,
        ]
        for image in images:
            assert image.dtype == np.float32 and image.shape == (SIZE, SIZE)
            assert np.isfinite(image).all()
        codes = (chip.truth, chip.map_class, chip.sentinel2.scl, chip.terrain.landcover, chip.mechanism)
        assert all(code.dtype == np.uint8 and code.shape == (SIZE, SIZE) for code in codes)
        assert set(np.unique(chip.terrain.landcover)) <= {10, 30, 40, 50, 60, 80, 90}
        assert chip.terrain.permanent_water.max() <= 100 and chip.terrain.hand.min() >= 0.0
        assert not chip.mechanism.any()
    classes = np.unique(np.stack([chip.truth for chip in some]))
    assert classes.tolist() == [*range(len(EvidenceClass))]


def test_the_same_seed_gives_the_same_bits_whatever_came_before(some: list[Chip]) -> None:
    _same(some[5], simulate_chip(chip_seed(7, 5), "A", SIZE))
    _same(some[5], next(chips(7, "A", 1, first=5, size=SIZE)))
    _same(some[2], list(islice(chips(7, size=SIZE), 3))[2])
    assert some[0].seed != some[1].seed
    assert not np.array_equal(some[0].sentinel1.gamma0["vv"], some[1].sentinel1.gamma0["vv"])


def test_both_worlds_see_the_same_ground_at_the_same_times(some: list[Chip]) -> None:
    differ = []
    for number in range(4):
        a, b = some[number], simulate_chip(chip_seed(7, number), "B", SIZE)
        np.testing.assert_array_equal(a.truth, b.truth)
        np.testing.assert_array_equal(a.terrain.hand, b.terrain.hand)
        np.testing.assert_array_equal(a.sentinel2.scl, b.sentinel2.scl)
        assert (a.sentinel1.hours, a.alos2.shift_px, a.latents) == (
            b.sentinel1.hours,
            b.alos2.shift_px,
            b.latents,
        )
        ratio = a.alos2.gamma0["hh"].astype(np.float64) / b.alos2.gamma0["hh"]
        differ.append(10.0 * np.log10(ratio))  # speckle is the same in both and cancels
    assert 0.7 < np.sqrt(np.mean(np.square(differ))) < 5.0


@pytest.mark.parametrize(("looks", "correlation"), [(4.4, 0.46), (16.0, 0.32), (35.2, 0.46)])
def test_speckle_has_its_looks_mean_and_correlation(looks: float, correlation: float) -> None:
    power = np.full((500, 500), 0.2, np.float32)
    image = multilook(power, 0.05, looks, correlation, np.random.default_rng(2)).astype(np.float64)
    assert image.mean() == pytest.approx(0.25, rel=0.01)
    assert image.mean() ** 2 / image.var() == pytest.approx(looks, rel=0.03)
    departure = image - image.mean()
    for axis in (0, 1):
        near, far = (np.mean(departure * np.roll(departure, lag, axis)) / image.var() for lag in (1, 3))
        assert near == pytest.approx(correlation, abs=0.03)
        assert abs(far) < 0.02


def test_fast_speckle_is_distributed_as_that_of_a_processor() -> None:
    power = np.full((400, 400), 0.1, np.float32)
    quantiles = [
        np.quantile(image, [0.01, 0.1, 0.5, 0.9, 0.99])
        for image in (
            multilook(power, 0.0, 4.4, 0.46, np.random.default_rng(1)),
            detected(power, 4.4, 0.79, np.random.default_rng(2)),
        )
    ]
    np.testing.assert_allclose(quantiles[0], quantiles[1], rtol=0.06)


def test_filters_that_cannot_be_are_refused() -> None:
    assert side_tap(0.0) == 0.0
    with pytest.raises(ValueError, match=r"correlation 0\.9"):
        side_tap(0.9)


def test_noise_is_subtracted_from_sentinel1_and_left_in_palsar2(some: list[Chip]) -> None:
    negative = []
    for chip in some:
        assert chip.sentinel1.noise_removed and not chip.alos2.noise_removed
        water = chip.sentinel1.truth == EvidenceClass.OPEN_WATER
        if water.sum() > 200:
            negative.append((chip.sentinel1.gamma0["vh"][water] < 0.0).mean())
        assert chip.alos2.gamma0["hv"].min() > 0.0
        floor = 10.0 ** (chip.alos2.nesz_db["hv"] / 10.0)
        assert chip.alos2.gamma0["hv"].mean() > 0.9 * floor
    assert np.median(negative) > 0.2


def test_a_dry_chip_is_the_same_ground_without_its_flood() -> None:
    flooded = 0
    for seed in range(6):
        wet, dry = simulate_chip(seed, size=SIZE), simulate_chip(seed, size=SIZE, dry=True)
        assert not np.isin(dry.map_class, _FLOOD).any()
        for truth in (dry.truth, dry.sentinel1.truth, dry.alos2.truth, dry.sentinel2.truth):
            land = dry.map_class != MapClass.PERMANENT_WATER
            assert np.isin(truth[land], DRY).all()
        np.testing.assert_array_equal(wet.terrain.hand, dry.terrain.hand)
        np.testing.assert_array_equal(
            wet.sentinel1.reference["vv"].shape, dry.sentinel1.reference["vv"].shape
        )
        flooded += int(np.isin(wet.map_class, _FLOOD).sum())
        spared = np.isin(wet.truth, DRY)
        np.testing.assert_array_equal(wet.truth[spared], dry.truth[spared])
    assert flooded > 1000


def test_the_flood_recedes() -> None:
    for seed in range(5):
        ground = chip_landscape.make_ground(SIZE, False, (), np.random.default_rng(seed))
        hours = (-72.0, -24.0, 0.0, 48.0, 96.0)
        wet = [np.isin(CLASS_OF_STATE[ground.states_at(h)], FLOODED) for h in hours]
        areas = [int(each.sum()) for each in wet]
        assert areas == sorted(areas, reverse=True)
        assert areas[0] > areas[-1]
        assert all((later <= earlier).all() for earlier, later in pairwise(wet))


def test_each_sensor_has_the_truth_of_its_own_time(some: list[Chip]) -> None:
    for chip in some:
        for seen in (chip.sentinel1, chip.alos2, chip.sentinel2):
            now, then = np.isin(chip.truth, FLOODED), np.isin(seen.truth, FLOODED)
            assert (then >= now).all() if seen.hours <= 0.0 else (then <= now).all()


def test_references_are_dry_and_of_many_looks(some: list[Chip]) -> None:
    darker, ratio = [], []
    for chip in some:
        fresh = (chip.sentinel1.truth == EvidenceClass.OPEN_WATER) & (
            chip.map_class != MapClass.PERMANENT_WATER
        )
        if fresh.sum() > 300:
            vh, before = chip.sentinel1.gamma0["vh"][fresh], chip.sentinel1.reference["vh"][fresh]
            darker.append(vh.mean() / before.mean())
        trees = chip.sentinel1.truth == EvidenceClass.DRY_FOREST
        if trees.sum() > 2000 and chip.sentinel1.reference_dates >= 4:
            now, then = (
                x["vh"][trees].astype(np.float64) for x in (chip.sentinel1.gamma0, chip.sentinel1.reference)
            )
            ratio.append((now.std() / now.mean()) / (then.std() / then.mean()))
    assert np.median(darker) < 0.3
    assert min(ratio) > 1.1


def test_held_out_mechanisms_come_only_when_asked_for_and_keep_their_class() -> None:
    share = dict.fromkeys(MECHANISMS, 0)
    expected = {
        "mud_flats": EvidenceClass.BARE_SOIL,
        "windy_lake": EvidenceClass.OPEN_WATER,
        "flooded_reeds": EvidenceClass.FLOODED_HERB,
        "snow_fields": EvidenceClass.BARE_SOIL,
    }
    for seed in range(4):
        for name in MECHANISMS:
            kind = Mechanism[name.upper()]
            ground = chip_landscape.make_ground(SIZE, False, (kind,), np.random.default_rng(seed))
            states = ground.states_at(0.0)
            at_work = states > State.URBAN
            assert set(np.unique(states[at_work])) <= {State.URBAN + kind}
            assert (CLASS_OF_STATE[states[at_work]] == expected[name]).all()
            assert (ground.mechanism[at_work] == kind).all()
            share[name] += int(at_work.sum())
            if kind is Mechanism.FLOODED_REEDS:  # they stand there for years: the map shows them
                assert (ground.cover[ground.mechanism == kind] == WETLAND).all()
    assert min(share.values()) > 500, share
    plain = simulate_chip(3, size=SIZE)
    windy = simulate_chip(3, size=SIZE, mechanisms=["windy_lake"])
    np.testing.assert_array_equal(plain.truth, windy.truth)
    assert windy.mechanism.any() and windy.mechanisms == ("windy_lake",)


def test_clouds_are_missed_by_their_share(some: list[Chip]) -> None:
    cloudy = [chip.sentinel2 for chip in some if chip.sentinel2.cloud_share > 0.05]
    assert 4 < len(cloudy) < len(some)
    missed = []
    for seen in cloudy:
        assert 0.05 <= seen.omission <= 0.10
        flagged = np.isin(seen.scl, (3, 8, 9, 10))
        missed.append(1.0 - flagged[seen.clouded].mean())
        assert flagged[~seen.clouded].mean() < 0.2
    assert 0.03 < np.median(missed) < 0.13
    clear = [chip.sentinel2 for chip in some if chip.sentinel2.cloud_share == 0.0]
    assert clear and all(not np.isin(seen.scl, (8, 9, 10)).any() for seen in clear)


def test_clear_water_has_positive_ndwi_and_trees_hide_the_flood(some: list[Chip]) -> None:
    water: list[NDArray[np.float32]] = []
    wet: list[NDArray[np.float32]] = []
    dry: list[NDArray[np.float32]] = []
    for chip in some:
        seen = chip.sentinel2
        ndwi = (seen.reflectance["green"] - seen.reflectance["nir"]) / (
            seen.reflectance["green"] + seen.reflectance["nir"]
        )
        for kind, values in (
            (EvidenceClass.OPEN_WATER, water),
            (EvidenceClass.FLOODED_FOREST, wet),
            (EvidenceClass.DRY_FOREST, dry),
        ):
            values.append(ndwi[(seen.truth == kind) & ~seen.clouded])
    assert np.median(np.concatenate(water)) > 0.05
    assert abs(np.median(np.concatenate(wet)) - np.median(np.concatenate(dry))) < 0.05


@settings(max_examples=20, deadline=None)
@given(down=st.floats(-1.2, 1.2), right=st.floats(-1.2, 1.2))
def test_a_shift_moves_content_down_and_right(down: float, right: float) -> None:
    y, x = np.mgrid[0:40, 0:40].astype(np.float32)
    moved = resampling.shifted(3.0 * y - 2.0 * x, down, right, 6)
    expected = 3.0 * (y[6:-6, 6:-6] - down) - 2.0 * (x[6:-6, 6:-6] - right)
    np.testing.assert_allclose(moved, expected, atol=2e-4)


def test_pixels_of_25_m_keep_the_mean_and_come_back_in_place() -> None:
    y, x = np.mgrid[0:100, 0:100].astype(np.float32)
    cells = resampling.coarsened(3.0 * y - 2.0 * x, 0.7, 1.9, 2.5)
    rows, columns = np.arange(cells.shape[0]), np.arange(cells.shape[1])
    centre_y, centre_x = 0.7 + 2.5 * (rows + 0.5) - 0.5, 1.9 + 2.5 * (columns + 0.5) - 0.5
    np.testing.assert_allclose(cells, 3.0 * centre_y[:, None] - 2.0 * centre_x, atol=0.1)
    back = resampling.refined(cells, 0.7, 1.9, 2.5, 100)
    np.testing.assert_allclose(back[5:-5, 5:-5], (3.0 * y - 2.0 * x)[5:-5, 5:-5], atol=0.1)
    even = resampling.coarsened(np.full((50, 50), 0.3, np.float32), -0.4, 0.9, 2.5)
    np.testing.assert_allclose(even, 0.3, rtol=1e-5)


@pytest.mark.parametrize("radar", [chip_radar.SENTINEL1, chip_radar.PALSAR2], ids=lambda radar: radar.band)
def test_the_shift_in_a_chip_is_the_one_it_declares(radar: chip_radar.ChipRadar) -> None:
    y, x = np.mgrid[0:140, 0:140].astype(np.float32)
    mean = 0.5 + 0.002 * y - 0.001 * x
    shift, phase = (0.9, -0.6), (1.1, 0.4)
    silent = radar._replace(correlation=0.0)
    image = chip_radar._image(silent, mean, 0.0, 1.0e6, shift, phase, np.random.default_rng(0))
    expected = 0.5 + 0.002 * (y - 0.9) - 0.001 * (x + 0.6)
    np.testing.assert_allclose(image, expected[6:-6, 6:-6], atol=3e-3)
    assert abs((image - expected[6:-6, 6:-6]).mean()) < 1e-4


def test_fields_are_standard_normal_and_do_not_depend_on_the_window() -> None:
    field = draw(600, 9.0, np.random.default_rng(0))
    whole = field.window((0, 600), (0, 600))
    np.testing.assert_array_equal(whole[100:300, 50:90], field.window((100, 300), (50, 90)))
    assert whole.std() == pytest.approx(1.0, abs=0.05)
    lags = [float(np.mean(whole[lag:] * whole[: len(whole) - lag])) for lag in (1, 9, 30)]
    assert lags[0] > 0.95
    assert lags[1] == pytest.approx(np.exp(-1.0), abs=0.12)
    assert abs(lags[2]) < 0.08


def test_woods_shelter_water() -> None:
    ground = chip_landscape.make_ground(SIZE, False, (), np.random.default_rng(3))
    bare = ground._replace(cover=np.full_like(ground.cover, 40))
    wooded = ground._replace(cover=np.full_like(ground.cover, 10))
    winds = [chip_radar.latent_fields(g, np.random.default_rng(0))[Field.WIND] for g in (bare, wooded)]
    assert (winds[1] < winds[0] - 1.0).all()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"seed": -1}, "seed -1"),
        ({"size": 101}, "size 101"),
        ({"size": 32}, "64 to 1024"),
        ({"world": "C"}, "there are A and B"),
        ({"mechanisms": ["ice"]}, "mechanism 'ice': choose of mud_flats"),
    ],
)
def test_bad_requests_are_refused_in_words(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        simulate_chip(**({"seed": 0, "size": SIZE} | wrong))
    with pytest.raises(ValueError, match="chip -1"):
        chip_seed(0, -1)


def test_omission_is_that_of_harmonization() -> None:
    assert chip_optical.OMISSION == (0.05, 0.10)
    assert chip_radar.SHIFT_SD_PX == 0.4
