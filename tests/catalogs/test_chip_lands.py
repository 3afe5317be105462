"""Countries of chips: sound ground and floods in each, and height that tells less of the flood outside valleys."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from floodfuse.catalogs.simulated.chip_lands import OF_MIXED, Land
from floodfuse.catalogs.simulated.chip_landscape import Ground, make_ground
from floodfuse.catalogs.simulated.chips import LANDS, MIXED, chip_seed, simulate_chip
from floodfuse.catalogs.simulated.cover import WATER

SIZE = 192
SEEDS = range(16)


def _ground(seed: int, land: Land, dry: bool = False) -> Ground:
    return make_ground(SIZE, dry, (), np.random.default_rng(seed), land)


def _wet_land(ground: Ground) -> np.ndarray:
    return (ground.depth > 0.0)[ground.permanent == 0]


def _height_tells(ground: Ground) -> float:
    """Share of pairs of a flooded and a dry pixel of which the flooded one is the lower."""
    land = ground.permanent == 0
    wet, rank = ground.depth[land] > 0.0, rankdata(-ground.hand[land])
    n = int(wet.sum())
    return float((rank[wet].sum() - n * (n + 1) / 2) / (n * (wet.size - n)))


@pytest.mark.parametrize("land", Land)
def test_ground_is_sound_in_every_country(land: Land) -> None:
    shares = []
    for seed in SEEDS:
        ground, dry = _ground(seed, land), _ground(seed, land, dry=True)
        usual = ground.permanent > 0
        assert (ground.hand[usual] == -1.5).all() and ground.hand[~usual].min() >= 0.25
        assert np.isfinite(ground.hand).all() and np.isfinite(ground.depth).all()
        np.testing.assert_array_equal(ground.cover == WATER, usual)
        for name in ("hand", "cover", "permanent", "slope"):
            np.testing.assert_array_equal(getattr(ground, name), getattr(dry, name))
        assert not _wet_land(dry).any()
        assert usual.mean() < 0.9
        shares.append(_wet_land(ground).mean())
    assert 0.01 < min(shares) and max(shares) < 0.6 and max(shares) > 5.0 * min(shares)


def test_a_generator_gives_the_same_fields_in_every_country_and_a_valley_unless_asked() -> None:
    valley = make_ground(SIZE, False, (), np.random.default_rng(5))
    np.testing.assert_array_equal(valley.hand, _ground(5, Land.VALLEY).hand)
    for land in Land:
        ground = _ground(5, land)
        np.testing.assert_array_equal(ground.parcels.number, valley.parcels.number)
        np.testing.assert_array_equal(ground.hand, _ground(5, land).hand)
        assert np.array_equal(ground.hand, valley.hand) == (land is Land.VALLEY)


def test_height_tells_the_flood_in_valleys_and_less_elsewhere() -> None:
    told = {land: np.mean([_height_tells(_ground(seed, land)) for seed in SEEDS]) for land in Land}
    assert told[Land.VALLEY] > 0.97
    assert told[Land.POLDERS] < 0.85 and told[Land.HOLLOWS] < 0.95 and told[Land.PADDIES] < 0.85


def test_in_polders_a_dike_keeps_lower_ground_dry() -> None:
    lower_but_dry = []
    for seed in SEEDS:
        ground = _ground(seed, Land.POLDERS)
        land = ground.permanent == 0
        wet = ground.depth > 0.0
        lower_but_dry.append((ground.hand[land & ~wet] < np.median(ground.hand[land & wet])).mean())
    assert np.mean(lower_but_dry) > 0.1


def test_in_paddies_a_dry_strip_lies_between_wet_fields() -> None:
    """Narrow ground that stands out: dry where a step of 3 px to one side and to the other leads into water."""
    strips, changes = [], []
    for seed in SEEDS:
        ground = _ground(seed, Land.PADDIES)
        wet, field = ground.depth > 0.0, ground.parcels.number
        between = np.zeros_like(wet)
        for axis in (0, 1):
            between |= np.roll(wet, 3, axis) & np.roll(wet, -3, axis)
        strips.append((between & ~wet).sum() / max(between.sum(), 1))
        apart = field[:, 8:] != field[:, :-8]
        changes.append((wet[:, 8:] != wet[:, :-8])[apart].mean() / max(wet.mean(), 1e-3))
    assert np.mean(strips) > 0.1, "bunds"
    assert np.mean(changes) > 0.5, "of neighbouring fields often only one is under water"


def test_any_of_them_is_drawn_by_the_seed() -> None:
    found = []
    for number in range(24):
        chip = simulate_chip(chip_seed(3, number), size=64, land=MIXED)
        found.append(chip.land)
        if number < 4:
            same = simulate_chip(chip_seed(3, number), size=64, land=chip.land)
            np.testing.assert_array_equal(chip.truth, same.truth)
            np.testing.assert_array_equal(chip.sentinel1.gamma0["vv"], same.sentinel1.gamma0["vv"])
    assert set(found) == set(OF_MIXED) == set(Land) - {Land.PADDIES}
    assert simulate_chip(0, size=64).land == Land.VALLEY


def test_an_unknown_country_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match=f"land 'desert': choose of {', '.join(LANDS)}"):
        simulate_chip(0, size=64, land="desert")
