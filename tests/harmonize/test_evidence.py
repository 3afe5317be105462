"""Evidence of one radar pass: look-up, pooling of its polarizations, and the cap (harmonization.md 4.2 and 6)."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from floodfuse.harmonize.classes import DRY, EvidenceClass
from floodfuse.harmonize.densities import class_mean_db, class_sd_db
from floodfuse.harmonize.evidence import (
    CROSS_POLARIZED,
    SENSOR_CAP_NATS,
    Channel,
    channel_correlation,
    channel_weights,
    optical_evidence,
    radar_evidence,
)
from floodfuse.harmonize.likelihood import (
    INCIDENCE_AXIS_DEG,
    POWER_AXIS_DB,
    log_density,
    per_db,
    robust,
)

Float32 = NDArray[np.float32]
Float = NDArray[np.float64]
Tables = dict[str, Float32]

W, FF, FH, FU, DF, DV, BS, U = EvidenceClass
LOOKS = 4.4
NESZ_DB = {"C_VV": -24.0, "C_VH": -26.0, "L_HH": -28.0, "L_HV": -30.0}  # as in the fixture `tables`
reproducible = settings(deadline=None, derandomize=True, max_examples=60)


def channel(tables: Tables, name: str, power: Float32) -> Channel:
    return Channel(name, power, 10.0 ** (NESZ_DB[name] / 10.0), tables[name])


def scene(seed: int, shape: tuple[int, int] = (24, 31)) -> tuple[Float32, Float32]:
    """Speckled power over five decades, some of it negative or missing, and a ramp of angles."""
    rng = np.random.default_rng(seed)
    power = 10.0 ** rng.uniform(-4.5, 0.8, shape) * rng.gamma(LOOKS, 1 / LOOKS, shape) - 0.002
    power[rng.random(shape) < 0.1] = np.nan
    angle = np.broadcast_to(np.linspace(12.0, 73.0, shape[1]), shape)
    return power.astype(np.float32), np.ascontiguousarray(angle, np.float32)


def looked_up(c: Channel, angle: Float, noise_removed: bool) -> Float:
    """Bilinear look-up of one channel in double precision, (y, x, class)."""
    g = np.clip(angle - INCIDENCE_AXIS_DEG[0], 0, INCIDENCE_AXIS_DEG.size - 1)
    k = np.minimum(g.astype(int), INCIDENCE_AXIS_DEG.size - 2)
    v = (g - k)[..., None]
    s = np.where(np.isfinite(c.gamma0), c.gamma0, 1.0).astype(float)
    if noise_removed:
        s = s + c.nesz / np.cos(np.deg2rad(angle))
    f = np.clip((10 * np.log10(np.maximum(s, 1e-6)) - POWER_AXIS_DB[0]) / 0.25, 0, POWER_AXIS_DB.size - 1)
    j = np.minimum(f.astype(int), POWER_AXIS_DB.size - 2)
    u = (f - j)[..., None]
    t = c.table.astype(float)
    near, far = (t[a, j] * (1 - u) + t[a, j + 1] * u for a in (k, k + 1))
    return np.asarray(near * (1 - v) + far * v)


def plain(channels: list[Channel], angle: Float32, noise_removed: bool) -> Float:
    """`radar_evidence` as one would write it down: float64, no loops over pixels, channel by channel and pixel set."""
    theta = angle.astype(float)
    out = np.full((*angle.shape, 8), np.nan)
    for r in range(1, len(channels) + 1):
        for part in combinations(channels, r):
            here = np.isfinite(theta)
            for c in channels:
                here &= np.isfinite(c.gamma0) == any(c is p for p in part)
            names = [c.name for c in part]
            cross = channel_weights(names, CROSS_POLARIZED, LOOKS)
            co = channel_weights(names, ["C_VV", "L_HH"], LOOKS)
            each = [looked_up(c, theta, noise_removed) for c in part]
            total = np.sum([w * e for w, e in zip(cross, each, strict=True)], axis=0)
            for flooded, dry in ((FF, DF), (FU, U)):
                bounce = sum(w * (e[..., flooded] - e[..., dry]) for w, e in zip(co, each, strict=True))
                total[..., flooded] = total[..., dry] + bounce
            behind = np.maximum(total - total.max(axis=-1, keepdims=True), -SENSOR_CAP_NATS)
            out[here] = behind[here]
    return out


@pytest.mark.parametrize("names", [("C_VV",), ("C_VV", "C_VH"), ("L_HH", "L_HV")])
@pytest.mark.parametrize("noise_removed", [True, False])
def test_kernel_equals_the_plain_formula_in_double_precision(
    tables: Tables, names: tuple[str, ...], noise_removed: bool
) -> None:
    angle = scene(0)[1]
    channels = [channel(tables, name, scene(seed)[0]) for seed, name in enumerate(names)]
    fast = radar_evidence(channels, angle, noise_removed, LOOKS)
    assert fast.dtype == np.float32
    np.testing.assert_allclose(fast, plain(channels, angle, noise_removed), atol=1e-4)


def test_water_is_judged_at_the_angle_of_level_ground_and_the_rest_at_its_own(tables: Tables) -> None:
    """2.1: on a slope that faces the radar, water would still be seen at the swath's angle."""
    power, angle = np.full((1, 1), 10**-1.1, np.float32), np.full((1, 1), 20.0, np.float32)
    at_slope = radar_evidence([channel(tables, "L_HH", power)], angle, False, LOOKS)
    level = radar_evidence([channel(tables, "L_HH", power)], angle, False, LOOKS, (36.0, 40.0))
    inside = radar_evidence([channel(tables, "L_HH", power)], angle, False, LOOKS, (18.0, 40.0))
    assert at_slope[0, 0, W] > -1.0
    assert level[0, 0, W] < -3.0
    np.testing.assert_array_equal(inside, at_slope)


@pytest.mark.parametrize("name", NESZ_DB)
@pytest.mark.parametrize("theta", [29.0, 33.47, 38.0, 45.5])
def test_look_up_equals_quadrature_between_the_grid_points(tables: Tables, name: str, theta: float) -> None:
    """Within 6 deviations 0.01 nat, on a grid ten times as fine; 0.07 within 1 dB of where a plateau begins."""
    y_db = np.arange(-50.0, 15.001, 0.025)
    power, nesz = 10.0 ** (y_db / 10), 10.0 ** (NESZ_DB[name] / 10)
    noise = nesz / np.cos(np.deg2rad(theta))

    def exact(k: EvidenceClass) -> Float:
        mean, sd = class_mean_db(name, k, theta), class_sd_db(name, k)
        return robust(per_db(log_density(power, mean, sd, LOOKS, noise), power))

    def ordered(a: Float, b: Float, increasing: bool) -> Float:
        weight = np.maximum(0.5 * (np.exp(a) + np.exp(b)), 1e-9)
        return np.asarray(isotonic_regression(a - b, weights=weight, increasing=increasing).x)

    angle = np.full((1, y_db.size), theta, np.float32)
    gamma0 = (power - noise).astype(np.float32)[None]
    nats = radar_evidence([channel(tables, name, gamma0)], angle, True, LOOKS)[0].astype(float)
    free = nats > -SENSOR_CAP_NATS + 1e-6  # the cap is tested apart
    for a, b, increasing in [(W, k, False) for k in DRY] + [(FF, DF, True)]:
        expected = ordered(exact(a), exact(b), increasing)
        near = np.zeros(y_db.size, bool)
        for k in (a, b):
            near |= np.abs(y_db - class_mean_db(name, k, theta)) < 6 * class_sd_db(name, k)
        both = near & free[:, a] & free[:, b] & (gamma0[0] > -0.9 * noise)
        error = np.abs(nats[:, a] - nats[:, b] - expected)
        flat = np.abs(np.diff(expected, append=expected[-1])) < 1e-9
        edges = y_db[np.flatnonzero(np.diff(flat.astype(int)))]
        smooth = both & (np.abs(y_db[:, None] - edges).min(axis=1, initial=np.inf) > 1.0)
        assert smooth.sum() > 20
        assert error[smooth].max() < 0.01
        assert error[both].max() < 0.07


@reproducible
@given(power=st.floats(-1.0, 100.0, width=32), theta=st.floats(0.0, 89.0, width=32), removed=st.booleans())
def test_every_finite_value_has_finite_evidence_within_the_cap(
    tables: Tables, power: float, theta: float, removed: bool
) -> None:
    """Properties 15 and 16: also for I <= 0 and for angles off the table."""
    values, angle = np.full((1, 1), power, np.float32), np.full((1, 1), theta, np.float32)
    for name in tables:
        nats = radar_evidence([channel(tables, name, values)], angle, removed, LOOKS)
        assert np.isfinite(nats).all()
        assert nats.max() == 0.0
        assert nats.min() >= -SENSOR_CAP_NATS == -4.0


@pytest.mark.parametrize("missing", [np.nan, np.inf])
def test_missing_power_or_angle_leaves_no_evidence_for_any_class(tables: Tables, missing: float) -> None:
    power = np.array([[0.1, missing, 0.1]], np.float32)
    angle = np.array([[38.0, 38.0, np.nan]], np.float32)
    nats = radar_evidence([channel(tables, "C_VV", power)], angle, True, LOOKS)
    assert np.isfinite(nats[0, 0]).all()
    assert np.isnan(nats[0, 1:]).all()


@pytest.mark.parametrize("names", [("C_VV", "C_VH"), ("L_HH", "L_HV"), ("L_HV", "L_HH")])
def test_a_channel_left_alone_counts_in_full_wherever_the_other_is_missing(
    tables: Tables, names: tuple[str, str]
) -> None:
    power, angle = scene(4)
    nothing = np.full_like(power, np.nan)
    kept, lost = channel(tables, names[0], power), channel(tables, names[1], nothing)
    alone = radar_evidence([kept], angle, True, LOOKS)
    np.testing.assert_allclose(radar_evidence([kept, lost], angle, True, LOOKS), alone, atol=1e-5)
    np.testing.assert_allclose(radar_evidence([lost, kept], angle, True, LOOKS), alone, atol=1e-5)


@pytest.mark.parametrize("names", [tuple(p) for p in permutations(("L_HH", "L_HV"))])
def test_order_of_channels_does_not_matter(tables: Tables, names: tuple[str, ...]) -> None:
    angle = scene(0)[1]
    power = {"L_HH": scene(1)[0], "L_HV": scene(2)[0]}
    nats = radar_evidence([channel(tables, n, power[n]) for n in names], angle, True, LOOKS)
    other = radar_evidence([channel(tables, n, power[n]) for n in sorted(power)], angle, True, LOOKS)
    np.testing.assert_allclose(nats, other, atol=1e-5)


def test_channels_share_their_texture_so_two_are_worth_less_than_two() -> None:
    """6: sum of weights n_eff = n^2 / sum of rho; factors 1/(1+rho) = 1, .769, .667, .5 for rho 0, .3, .5, 1."""
    c_band, l_band = ["C_VV", "C_VH"], ["L_HH", "L_HV"]
    assert channel_correlation(c_band, 4.4) == pytest.approx(0.343, abs=0.001)
    assert channel_correlation(l_band, 4.4) > channel_correlation(
        c_band, 4.4
    )  # wider classes, the same speckle
    assert channel_correlation(c_band, 1e9) == pytest.approx(0.6, abs=1e-6)
    for names in (c_band, l_band):
        for looks in (1.0, 4.4, 40.0):
            rho = channel_correlation(names, looks)
            assert channel_weights(names, [], looks) == pytest.approx([1 / (1 + rho)] * 2)
            co, cross = channel_weights(names, CROSS_POLARIZED, looks)
            assert cross == 1.0
            assert co + cross == pytest.approx(2 / (1 + rho))
            assert channel_weights(names[::-1], CROSS_POLARIZED, looks) == [cross, co]


@pytest.mark.parametrize("name", ["C_VV", "L_HH", "L_HV"])
@pytest.mark.parametrize("leading", [[], CROSS_POLARIZED])
def test_a_single_channel_counts_once(name: str, leading: list[str]) -> None:
    assert channel_weights([name], leading, 4.4) == [1.0]


@pytest.mark.parametrize("names", [["L_HH", "L_HV", "L_VH", "L_VV"], ["L_HH", "L_HV", "L_VV"]])
@pytest.mark.parametrize("looks", [1.0, 4.4, 110.0])
def test_every_channel_of_full_polarimetry_counts_something(names: list[str], looks: float) -> None:
    for leading in (CROSS_POLARIZED, ["L_HH", "L_VV"]):
        weights = channel_weights(names, leading, looks)
        assert all(0.0 < weight <= 1.0 for weight in weights)
        rho = channel_correlation(names, looks)
        assert sum(weights) == pytest.approx(len(names) / (1 + (len(names) - 1) * rho))


def test_rough_water_is_told_by_cross_polarization_and_flooded_forest_by_co_polarization(
    tables: Tables,
) -> None:
    def nats(hh_db: float, hv_db: float) -> Float32:
        pair = [("L_HH", hh_db), ("L_HV", hv_db)]
        made = [channel(tables, n, np.full((1, 1), 10 ** (db / 10), np.float32)) for n, db in pair]
        return radar_evidence(made, np.full((1, 1), 38.0, np.float32), False, LOOKS)[0, 0]

    rough = nats(-16.0, -30.0)
    assert rough[W] > max(rough[k] for k in DRY)
    alone = radar_evidence(
        [channel(tables, "L_HH", np.full((1, 1), 10**-0.3, np.float32))],
        np.full((1, 1), 38.0, np.float32),
        False,
        LOOKS,
    )[0, 0]
    both = nats(-3.0, -12.2)
    assert both[FF] - both[DF] == pytest.approx(alone[FF] - alone[DF], abs=0.15)


def test_optical_evidence_can_not_tell_a_flooded_forest_from_a_dry_one() -> None:
    """Property 23, exactly: plants hide water from light, so NDWI can never veto L-HH."""
    water = np.array([[-4.0, -0.3, 0.0, 1.7, 4.0, np.nan]], np.float32)
    nats = optical_evidence(water)
    for k in (FF, FH, FU, DV, BS, U):
        np.testing.assert_array_equal(nats[..., k], nats[..., DF])
    np.testing.assert_allclose((nats[..., W] - nats[..., DF])[0, :5], water[0, :5], atol=1e-6)
    assert nats[0, :5].max(axis=-1).tolist() == [0.0] * 5
    assert np.isnan(nats[0, 5]).all()
