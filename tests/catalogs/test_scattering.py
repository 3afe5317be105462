"""Two worlds of scattering: levels, trends and mechanisms that any physics must show, and how far the worlds are apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import polygamma
from scipy.stats import norm, weibull_min

from floodfuse.catalogs.simulated import lookup
from floodfuse.catalogs.simulated.latents import (
    CLASS_OF_STATE,
    HELD_OUT,
    LATENTS,
    Field,
    State,
    draw_departures,
)
from floodfuse.catalogs.simulated.scattering import gamma0
from floodfuse.catalogs.simulated.worlds import CHANNELS, WORLDS, world_named
from floodfuse.harmonize.classes import EvidenceClass
from floodfuse.harmonize.densities import TABLE
from floodfuse.harmonize.water import water_db

# Where a world's mean is further than 2.5 dB from the prior table, and why.
FURTHER_DB = {
    # The table holds what Sentinel-1 measures over water, its noise; here it is the water, 10 dB below (3.2).
    ("A", "C_VH", State.OPEN_WATER): 14.0,
    ("B", "C_VH", State.OPEN_WATER): 14.0,
    # Exact stems weaken L-HH more than they return; the sign is not fixed, and the table spreads 4 dB (3.5).
    ("B", "L_HH", State.FLOODED_HERB): 4.0,
}
NAMES = sorted(WORLDS)


def _db(power: NDArray[np.floating]) -> NDArray[np.float64]:
    return 10.0 * np.log10(np.asarray(power, np.float64))


def _sampled_db(world: str, band: str, state: State, angle: float = 38.0) -> NDArray[np.float64]:
    """gamma0 [dB] of both polarizations over many scenes and places, (2, n)."""
    rng = np.random.default_rng(11)
    drawn = []
    for _ in range(150):
        fields = rng.standard_normal((len(Field), 8, 8), dtype=np.float32)
        texture = rng.standard_normal((2, 8, 8), dtype=np.float32)
        states = np.full((8, 8), state, np.uint8)
        scale = lookup.scaling(draw_departures(rng))
        drawn.append(lookup.mean_gamma0(world, band, states, fields, texture, angle, scale).reshape(2, -1))
    return _db(np.concatenate(drawn, axis=1))


@pytest.fixture(scope="module")
def means_db() -> dict[tuple[str, str, State], float]:
    out = {}
    for world in NAMES:
        for state in State:
            both = [*_sampled_db(world, "C", state), *_sampled_db(world, "L", state)]
            out.update(
                {(world, channel, state): float(x.mean()) for channel, x in zip(CHANNELS, both, strict=True)}
            )
    return out


@pytest.mark.parametrize("world", NAMES)
@pytest.mark.parametrize("channel", CHANNELS)
def test_class_means_are_near_the_prior_table(
    world: str, channel: str, means_db: dict[tuple[str, str, State], float]
) -> None:
    for k in EvidenceClass:
        allowed = FURTHER_DB.get((world, channel, State(k)), 2.5)
        mean = means_db[world, channel, State(k)]
        assert abs(mean - TABLE[channel][k].mean_db) < allowed, f"{k.name}: {mean:.1f} dB"


def test_the_worlds_differ_by_more_than_a_decibel_and_less_than_five(
    means_db: dict[tuple[str, str, State], float],
) -> None:
    apart = np.array(
        [
            means_db["A", channel, State(k)] - means_db["B", channel, State(k)]
            for channel in CHANNELS
            for k in EvidenceClass
        ]
    )
    assert 0.7 < np.sqrt(np.mean(apart**2)) < 2.5
    assert np.abs(apart).max() < 6.0
    winds = np.geomspace(3.0, 12.0, 7)
    water = [_db(gamma0(WORLDS[w], State.OPEN_WATER, "L_HH", 38.0, winds)) for w in NAMES]
    assert (water[0] - water[1] > 1.0).all()  # other spectrum, other water
    few, many = (
        {w: float(_db(gamma0(WORLDS[w], State.FLOODED_HERB, "L_HH", 38.0, 1.4, shoots, 0.7))) for w in NAMES}
        for shoots in (30.0, 200.0)
    )
    assert few["A"] == many["A"]  # in world A stems are part of the plants
    assert abs(few["B"] - many["B"]) > 0.2


def test_world_a_is_the_water_that_inference_knows() -> None:
    theta, wind = np.array([30.0, 38.0, 44.0])[:, None], np.array([3.0, 5.0, 10.0])
    for channel in ("C_VV", "L_HH"):
        sigma0 = gamma0(WORLDS["A"], State.OPEN_WATER, channel, theta, wind) * np.cos(np.deg2rad(theta))
        expected = water_db("C_VV" if channel == "C_VV" else "L_HH", theta, wind)
        np.testing.assert_allclose(_db(sigma0), expected, atol=1e-9)


@pytest.mark.parametrize("world", NAMES)
@pytest.mark.parametrize("channel", CHANNELS)
def test_water_brightens_with_wind_and_darkens_with_angle(world: str, channel: str) -> None:
    wind = np.geomspace(0.5, 15.0, 15)
    theta = np.array([29.0, 34.0, 38.0, 45.0])[:, None]
    level = _db(gamma0(WORLDS[world], State.OPEN_WATER, channel, theta, wind))
    assert (np.diff(level, axis=1) >= -1e-9).all()
    assert level[2, -1] > level[2, 7] > level[2, 3]
    assert (np.diff(level[:, wind > 2.5], axis=0) < 0.1).all()


@pytest.mark.parametrize("world", NAMES)
def test_sentinel1_sees_no_water_in_cross_polarization(world: str) -> None:
    vh = _db(gamma0(WORLDS[world], State.OPEN_WATER, "C_VH", 38.0, np.array([3.0, 5.0, 7.0])))
    assert (vh < -32.0).all()
    assert -42.0 < vh[1] < -34.0


@pytest.mark.parametrize("world", NAMES)
@pytest.mark.parametrize("channel", CHANNELS)
def test_soil_brightens_with_roughness_and_with_moisture(world: str, channel: str) -> None:
    height = np.geomspace(0.2, 4.0, 12)[:, None]
    moisture = np.linspace(0.05, 0.28, 6)  # what Oh 2004 is for
    level = _db(gamma0(WORLDS[world], State.MUD_FLATS, channel, 38.0, height, moisture))
    assert (np.diff(level, axis=1) > -0.05).all()
    smooth = level[height[:, 0] < 0.35]  # before the offset of tilled fields sets in
    assert (np.diff(smooth, axis=0) > 0.0).all()
    if channel[0] == "L":
        assert (np.diff(level, axis=0) > 0.0).all()


@pytest.mark.parametrize("world", NAMES)
def test_water_under_trees_shows_at_l_hh_and_not_at_c_vv(world: str) -> None:
    rng = np.random.default_rng(3)
    change = {}
    for channel in ("C_VV", "L_HH"):
        drawn = {}
        for state in (State.FLOODED_FOREST, State.DRY_FOREST):
            z = np.random.default_rng(4).standard_normal((3, 800))
            latents = [
                np.clip(x.median * np.exp(np.hypot(x.between, x.within) * z[i]), x.low, x.high)
                for i, x in enumerate(LATENTS[state])
            ]
            drawn[state] = _db(gamma0(WORLDS[world], state, channel, rng.uniform(30.0, 44.0, 800), *latents))
        change[channel] = drawn[State.FLOODED_FOREST] - drawn[State.DRY_FOREST]
    assert np.mean(change["L_HH"] > 0.2) > 0.95
    assert 1.8 < np.median(change["L_HH"]) < 4.5
    assert np.percentile(change["L_HH"], 99) < 10.0
    assert abs(np.median(change["C_VV"])) < 0.5


@pytest.mark.parametrize("world", NAMES)
def test_dense_plants_hide_the_soil_at_c_band_first(world: str) -> None:
    rise = {}
    for channel in ("C_VV", "L_HH"):
        dry, wet = (
            _db(gamma0(WORLDS[world], State.DRY_LOW_VEG, channel, 38.0, 3.0, m, 1.5)) for m in (0.08, 0.30)
        )
        rise[channel] = float(wet - dry)
    assert rise["C_VV"] < 0.5
    assert rise["L_HH"] > max(2.5 * rise["C_VV"], 0.3)


@pytest.mark.parametrize("world", NAMES)
def test_held_out_mechanisms_look_like_what_they_are_not(
    world: str, means_db: dict[tuple[str, str, State], float]
) -> None:
    def level(channel: str, state: State) -> float:
        return means_db[world, channel, state]

    assert level("L_HH", State.MUD_FLATS) < level("L_HH", State.OPEN_WATER) + 1.0
    assert level("C_VV", State.MUD_FLATS) > level("C_VV", State.OPEN_WATER) + 4.0
    assert abs(level("C_VV", State.WINDY_LAKE) - level("C_VV", State.BARE_SOIL)) < 3.0
    assert abs(level("C_VV", State.SNOW_FIELDS) - level("C_VV", State.OPEN_WATER)) < 2.5
    assert level("C_VV", State.SNOW_FIELDS) < level("C_VV", State.BARE_SOIL) - 7.0
    assert level("L_HV", State.FLOODED_REEDS) < level("L_HV", State.FLOODED_HERB)
    assert len(HELD_OUT) == 4
    assert CLASS_OF_STATE[list(HELD_OUT)].tolist() == [
        EvidenceClass.BARE_SOIL,
        EvidenceClass.OPEN_WATER,
        EvidenceClass.FLOODED_HERB,
        EvidenceClass.BARE_SOIL,
    ]


def test_latents_spread_half_as_wide_again_as_those_of_inference() -> None:
    checked = 0
    for latents in LATENTS.values():
        for latent in latents:
            if latent.inference_sd:
                checked += 1
                assert np.hypot(latent.between, latent.within) >= 1.5 * latent.inference_sd, latent.name
            assert latent.low < latent.median < latent.high
    assert checked >= 10
    quartiles = np.log(weibull_min(2.0, scale=4.0).ppf([0.25, 0.75]))
    (wind,) = LATENTS[State.OPEN_WATER]
    assert np.diff(quartiles)[0] / np.diff(norm.ppf([0.25, 0.75]))[0] == pytest.approx(
        wind.inference_sd, abs=0.01
    )


@pytest.mark.parametrize("world", NAMES)
@settings(max_examples=25, deadline=None)
@given(
    state=st.sampled_from([s for s in State if s not in (State.OPEN_WATER, State.WINDY_LAKE)]),
    z=st.tuples(*[st.floats(-2.0, 2.0)] * 3),
    angle=st.floats(28.0, 46.0),
)
def test_tables_say_what_the_models_say(
    world: str, state: State, z: tuple[float, float, float], angle: float
) -> None:
    latents = LATENTS[state]
    fields = np.zeros((len(Field), 1, 1), np.float32)
    for latent, each in zip(latents, z, strict=False):
        fields[latent.field] = each  # two latents may follow one field: the last wins, as in the values below
    values = [
        float(np.clip(x.median * np.exp(x.within * fields[x.field, 0, 0]), x.low, x.high)) for x in latents
    ]
    scale = lookup.scaling(draw_departures(np.random.default_rng(0), width=0.0))
    nothing = np.full((2, 1, 1), 0.0, np.float32)
    middle = lookup.tables(world).texture[state, lookup.TEXTURE_NODES // 2]
    for band in ("C", "L"):
        read = lookup.mean_gamma0(
            world, band, np.full((1, 1), state, np.uint8), fields, nothing, angle, scale
        )
        for index, channel in enumerate(c for c in CHANNELS if c[0] == band):
            exact = max(float(gamma0(WORLDS[world], state, channel, angle, *values)), 1e-6)
            assert _db(read[index, 0, 0] / np.exp(middle)) == pytest.approx(_db(np.array(exact)), abs=0.6)


def test_water_tables_say_what_the_models_say() -> None:
    wind = np.geomspace(2.2, 14.0, 9)
    (latent,) = LATENTS[State.OPEN_WATER]
    fields = np.zeros((len(Field), 1, 9), np.float32)
    fields[Field.WIND, 0] = np.log(wind / latent.median) / latent.within
    scale = lookup.scaling(draw_departures(np.random.default_rng(0), width=0.0))
    states = np.zeros((1, 9), np.uint8)
    for world in NAMES:
        middle = lookup.tables(world).texture[State.OPEN_WATER, lookup.TEXTURE_NODES // 2]
        read = lookup.mean_gamma0(world, "C", states, fields, np.zeros((2, 1, 9), np.float32), 36.7, scale)
        exact = gamma0(WORLDS[world], State.OPEN_WATER, "C_VV", 36.7, wind)
        np.testing.assert_allclose(_db(read[0, 0] / np.exp(middle)), _db(exact), atol=0.4)


def test_one_angle_for_all_is_that_angle_everywhere() -> None:
    rng = np.random.default_rng(5)
    fields = rng.standard_normal((len(Field), 20, 30), dtype=np.float32)
    texture = rng.standard_normal((2, 20, 30), dtype=np.float32)
    states = rng.integers(0, len(State), (20, 30)).astype(np.uint8)
    scale = lookup.scaling(draw_departures(rng))
    one = lookup.mean_gamma0("B", "L", states, fields, texture, 36.3, scale)
    each = lookup.mean_gamma0("B", "L", states, fields, texture, np.full((20, 30), 36.3, np.float32), scale)
    np.testing.assert_allclose(one, each, rtol=1e-4)
    assert (one > 0.0).all()


def test_texture_has_mean_one_and_world_b_is_k_distributed() -> None:
    normal = np.linspace(-lookup.TEXTURE_REACH, lookup.TEXTURE_REACH, lookup.TEXTURE_NODES)
    weight = norm.pdf(normal) / norm.pdf(normal).sum()
    skew = {}
    for world in NAMES:
        texture = np.exp(lookup.tables(world).texture[State.URBAN].astype(np.float64))
        assert weight @ texture == pytest.approx(1.0, abs=0.01)
        log = np.log(texture)
        sd = np.sqrt(weight @ log**2 - (weight @ log) ** 2)
        assert sd * 10.0 / np.log(10.0) == pytest.approx(2.4, abs=0.05)
        skew[world] = weight @ ((log - weight @ log) / sd) ** 3
    assert abs(skew["A"]) < 0.01
    assert skew["B"] < -0.3


@given(st.floats(0.005, 2.0))
def test_gamma_order_undoes_the_trigamma_function(variance: float) -> None:
    assert float(polygamma(1, lookup.gamma_order(variance))) == pytest.approx(variance, rel=1e-6)


def test_departures_are_those_of_the_generator_and_stands_share_theirs() -> None:
    first, again = (draw_departures(np.random.default_rng(9)) for _ in range(2))
    assert first.latent == again.latent
    np.testing.assert_array_equal(first.level, again.level)
    np.testing.assert_array_equal(first.level[State.FLOODED_FOREST], first.level[State.DRY_FOREST])
    none = draw_departures(np.random.default_rng(9), width=0.0)
    assert not any(none.latent.values()) and not none.level.any()


def test_an_unknown_world_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="world 'C': there are A and B"):
        world_named("C")
