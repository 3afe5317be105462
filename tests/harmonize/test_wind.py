"""Open water under wind in every channel, and the wind of an acquisition (harmonization.md 3.2 and 4.4)."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from floodfuse.harmonize.classes import EvidenceClass
from floodfuse.harmonize.densities import class_mean_db, class_sd_db
from floodfuse.harmonize.joint import Floor
from floodfuse.harmonize.water import cmod5n_mean, l_water_db
from floodfuse.harmonize.wind import (
    CROSS_OFFSETS_DB,
    WIND_SCALES_M_S,
    usual_weights,
    water_level_db,
    water_spread_db,
    wind_nodes,
)
from floodfuse.harmonize.wind_regime import MOST_LOOK_ALIKE, WindRegime, wind_regime

Float = NDArray[np.float64]
C_PAIR = (Floor("C_VV", -24.0), Floor("C_VH", -26.0))
L_PAIR = (Floor("L_HH", -28.0), Floor("L_HV", -32.0))
LOOKS = 20.0
TO_GAMMA_DB = -10 * np.log10(np.cos(np.deg2rad(38.0)))


def test_weights_and_masses_are_shares() -> None:
    winds, mass = wind_nodes()
    assert sum(usual_weights()) == pytest.approx(1.0)
    assert len(usual_weights()) == len(WIND_SCALES_M_S) * len(CROSS_OFFSETS_DB)
    np.testing.assert_allclose(mass.sum(axis=1), 1.0)
    assert (np.diff(winds) > 0).all()


@pytest.mark.parametrize("regime", range(1, len(WIND_SCALES_M_S) - 1))
def test_a_regime_is_a_weibull_of_shape_two(regime: int) -> None:
    """Mean of a Rayleigh wind of scale A is A sqrt(pi) / 2."""
    winds, mass = wind_nodes()
    assert (winds * mass[regime]).sum() == pytest.approx(
        WIND_SCALES_M_S[regime] * np.sqrt(np.pi) / 2, rel=0.02
    )


def test_co_polarizations_follow_their_model_functions() -> None:
    vv = 10 * np.log10(cmod5n_mean(38.0, 5.0)) + TO_GAMMA_DB
    assert water_level_db("C_VV", 38.0, 5.0) == pytest.approx(float(vv))
    assert water_level_db("L_HH", 38.0, 5.0) == pytest.approx(float(l_water_db(38.0, 5.0)) + TO_GAMMA_DB)


@pytest.mark.parametrize("channel", ["C_VV", "C_VH", "C_HH", "L_HH", "L_HV", "L_VV"])
@pytest.mark.parametrize("theta", [15.0, 30.0, 45.0, 70.0])
def test_water_brightens_with_wind_at_every_angle(channel: str, theta: float) -> None:
    level = water_level_db(channel, theta, np.geomspace(0.5, 32.0, 40))
    assert np.isfinite(level).all()
    assert (np.diff(level) >= -1e-9).all()


@pytest.mark.parametrize(("wind", "expected"), [(5.0, -39.0), (10.0, -32.0)])
def test_waves_in_vh_are_those_of_the_sentinel_1_function(wind: float, expected: float) -> None:
    """-38.7 and -31.5 dB at 30 deg, -39.2 and -32.2 at 40 deg; below what is left of the noise floor up to 13 m/s."""
    level = 10 ** ((water_level_db("C_VH", 38.0, wind) - TO_GAMMA_DB) / 10) - 10**-2.8
    assert 10 * np.log10(level) == pytest.approx(expected, abs=0.3)


def test_usual_winds_give_the_prior_tables_water() -> None:
    """Prior table 3.6: -18.1 dB at C-VV, -27 at C-VH, -22.5 at L-HH, -31 at L-HV; within its own uncertainty of 2 dB."""
    winds, mass = wind_nodes()
    share = np.reshape(usual_weights(), (len(WIND_SCALES_M_S), -1)).sum(axis=1) @ mass
    open_wind = np.where(winds > 2.0, share, 0.0) / share[winds > 2.0].sum()
    for channel, expected in {"C_VV": -18.1, "C_VH": -27.0, "L_HH": -22.5, "L_HV": -31.0}.items():
        assert (open_wind * water_level_db(channel, 38.0, winds)).sum() == pytest.approx(expected, abs=2.0)


def water(
    rng: np.random.Generator, pair: tuple[Floor, Floor], scale: float, n: int, cross_offset_db: float = 0.0
) -> tuple[Float, Float]:
    wind = scale * np.sqrt(-np.log(rng.random(n)))
    levels = [
        water_level_db(f.channel, 38.0, wind) + water_spread_db(f.channel) * rng.standard_normal(n)
        for f in pair
    ]
    return with_speckle(rng, pair, [levels[0], levels[1] + cross_offset_db])


def ground(
    rng: np.random.Generator, pair: tuple[Floor, Floor], k: EvidenceClass, n: int
) -> tuple[Float, Float]:
    shared = rng.standard_normal(n)
    levels = [
        class_mean_db(f.channel, k, 38.0)
        + class_sd_db(f.channel, k) * (np.sqrt(0.6) * shared + np.sqrt(0.4) * rng.standard_normal(n))
        for f in pair
    ]
    return with_speckle(rng, pair, levels)


def with_speckle(
    rng: np.random.Generator, pair: tuple[Floor, Floor], levels: list[Float]
) -> tuple[Float, Float]:
    made = [
        (10 ** (level / 10) + 10 ** (f.nesz_db / 10) / np.cos(np.deg2rad(38.0)))
        * rng.gamma(LOOKS, 1 / LOOKS, level.size)
        for f, level in zip(pair, levels, strict=True)
    ]
    return made[0], made[1]


def joined(*parts: tuple[Float, Float]) -> tuple[Float, Float]:
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


@pytest.mark.parametrize("pair", [C_PAIR, L_PAIR])
@pytest.mark.parametrize("scale", [2.8, 4.0, 11.3])
def test_wind_of_an_acquisition_is_recovered(pair: tuple[Floor, Floor], scale: float) -> None:
    """Simulated truth: half water, half low vegetation and soil; in the right order, drawn to the usual scale."""
    rng = np.random.default_rng(1)
    n = 5000
    low, soil = (ground(rng, pair, k, n // 2) for k in (EvidenceClass.DRY_LOW_VEG, EvidenceClass.BARE_SOIL))
    found = wind_regime(joined(water(rng, pair, scale, n), low, soil), np.full(2 * n, 38.0), pair, LOOKS)
    usual_scale = WindRegime(usual_weights(), 0.0, 0).scale_m_s
    assert abs(np.log(found.scale_m_s / scale)) < 0.45
    assert abs(found.scale_m_s - scale) < abs(usual_scale - scale)
    assert 0.25 < found.water_share < 0.6  # under strong wind much of it could as well be soil
    assert sum(found.weights) == pytest.approx(1.0)


@pytest.mark.parametrize("offset", [-3.0, 0.0, 3.0])
def test_level_of_cross_polarization_over_water_is_recovered(offset: float) -> None:
    """What is left of the noise floor, and what waves add, differ from scene to scene."""
    rng = np.random.default_rng(6)
    quiet = (Floor("L_HH", -34.0), Floor("L_HV", -38.0))
    low = ground(rng, quiet, EvidenceClass.DRY_LOW_VEG, 5000)
    found = wind_regime(
        joined(water(rng, quiet, 5.6, 5000, offset), low), np.full(10_000, 38.0), quiet, LOOKS
    )
    assert found.cross_offset_db == pytest.approx(offset, abs=1.0)


@pytest.mark.parametrize("pair", [C_PAIR, L_PAIR])
def test_an_acquisition_without_water_keeps_the_usual_winds(pair: tuple[Floor, Floor]) -> None:
    """Property 30: no collapse on an all-dry scene."""
    rng = np.random.default_rng(2)
    parts = [ground(rng, pair, k, 4000) for k in (EvidenceClass.DRY_FOREST, EvidenceClass.DRY_LOW_VEG)]
    found = wind_regime(joined(*parts), np.full(8000, 38.0), pair, LOOKS)
    assert found.water_share < 0.03
    np.testing.assert_allclose(found.weights, usual_weights(), atol=0.03)


def test_all_of_an_acquisition_may_be_water() -> None:
    rng = np.random.default_rng(3)
    found = wind_regime(water(rng, C_PAIR, 11.3, 8000), np.full(8000, 38.0), C_PAIR, LOOKS)
    assert found.water_share > 0.85
    assert found.scale_m_s > 9.0


def test_a_little_ground_that_looks_like_windy_water_tells_nothing_of_the_wind() -> None:
    """Mud flats on less than a twentieth of the scene: VV as soil's, VH near the noise floor."""
    rng = np.random.default_rng(4)
    n = 10_000
    few = int(0.8 * MOST_LOOK_ALIKE * n)
    mud = with_speckle(rng, C_PAIR, [m + 1.5 * rng.standard_normal(few) for m in (-10.0, -24.0)])
    dry = ground(rng, C_PAIR, EvidenceClass.DRY_LOW_VEG, n - few)
    found = wind_regime(joined(mud, dry), np.full(n, 38.0), C_PAIR, LOOKS)
    np.testing.assert_allclose(found.weights, usual_weights(), atol=0.03)


def test_too_few_samples_keep_the_usual_winds() -> None:
    nothing = np.full(1000, np.nan)
    found = wind_regime((nothing, nothing), np.full(1000, 38.0), C_PAIR, LOOKS)
    assert found.weights == pytest.approx(usual_weights())
    assert found.samples == 0
