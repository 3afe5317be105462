"""Joint densities of the polarizations of a pass, tabulated (harmonization.md 3.2, 4.2 and 6)."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import gammaln

from floodfuse.harmonize.classes import DRY, EvidenceClass
from floodfuse.harmonize.correlation import TEXTURE_CORRELATION
from floodfuse.harmonize.densities import class_mean_db, class_sd_db, class_slope_db
from floodfuse.harmonize.joint import (
    NATS_PER_UNIT,
    POWER_AXIS_DB,
    Floor,
    ground_density,
    joint_table,
    leading,
    mean_water_density,
    robust,
    water_densities,
)
from floodfuse.harmonize.likelihood import log_density, per_db
from floodfuse.harmonize.wind import usual_weights

Float = NDArray[np.float64]

W, FF, FH, FU, DF, DV, BS, U = EvidenceClass
PAIR = (Floor("C_VV", -24.0), Floor("C_VH", -26.0))
L_PAIR = (Floor("L_HH", -28.0), Floor("L_HV", -32.0))
STEP = float(POWER_AXIS_DB[1] - POWER_AXIS_DB[0])
POWER = 10.0 ** (POWER_AXIS_DB / 10.0)


@pytest.fixture(scope="module")
def table() -> Float:
    return joint_table(PAIR, 6.5, incidence_range_deg=(29.0, 46.0)).nats()


@pytest.mark.parametrize("k", list(EvidenceClass)[1:])
@pytest.mark.parametrize("pair", [PAIR, L_PAIR])
def test_a_joint_density_integrates_to_its_marginals_and_they_to_one(
    k: EvidenceClass, pair: tuple[Floor, Floor]
) -> None:
    """Property 13; bright town reaches beyond the axis. The marginals are the one-channel densities of `likelihood`."""
    joint = ground_density(pair, k, 6.5, 38.0)
    town = k in (FU, U)
    assert joint[:-1, -1].sum() * STEP == pytest.approx(1.0, abs=1e-2 if town else 1e-3)
    assert joint[:-1, :-1].sum() * STEP**2 == pytest.approx(1.0, abs=1e-2 if town else 1e-3)
    if not town:
        np.testing.assert_allclose(joint[:-1, :-1].sum(axis=1) * STEP, joint[:-1, -1], atol=1e-5)
    for axis, floor in enumerate(pair):
        noise = 10 ** (floor.nesz_db / 10) / np.cos(np.deg2rad(38.0))
        mean, sd = class_mean_db(floor.channel, k, 38.0), class_sd_db(floor.channel, k)
        exact = np.exp(per_db(log_density(POWER, mean, sd, 6.5, noise), POWER))
        marginal = joint[:-1, -1] if axis == 0 else joint[-1, :-1]
        np.testing.assert_allclose(marginal, exact, atol=2e-4)


@pytest.mark.parametrize("pair", [PAIR, L_PAIR])
def test_water_integrates_to_one_in_every_wind_regime(pair: tuple[Floor, Floor]) -> None:
    for regime in water_densities(pair, 6.5, 38.0):
        assert regime[:-1, :-1].sum() * STEP**2 == pytest.approx(1.0, abs=5e-3)
        assert regime[:-1, -1].sum() * STEP == pytest.approx(1.0, abs=5e-3)


@pytest.mark.parametrize("pair", [PAIR, L_PAIR, PAIR[:1], PAIR[1:]])
def test_mean_over_regimes_is_that_of_the_regimes(pair: tuple[Floor, ...]) -> None:
    weights = np.random.default_rng(0).dirichlet(np.ones(len(usual_weights())))
    each = np.tensordot(weights, water_densities(pair, 6.5, 33.0, 1.0), 1)
    np.testing.assert_allclose(
        mean_water_density(pair, 6.5, weights, 33.0, 1.0), each, rtol=1e-10, atol=1e-300
    )


def test_polarizations_of_a_class_correlate_as_their_texture_and_speckle_let_them() -> None:
    """corr = rho s_a s_b / sqrt((s_a^2 + v)(s_b^2 + v)), v the variance of ln speckle, far above the noise floor."""
    looks = 40.0
    joint = ground_density((Floor("C_VV", -60.0), Floor("C_VH", -60.0)), DV, looks, 38.0)[:-1, :-1]
    joint = joint / joint.sum()
    a, b = POWER_AXIS_DB[:, None], POWER_AXIS_DB[None, :]
    mean_a, mean_b = (a * joint).sum(), (b * joint).sum()
    covariance = ((a - mean_a) * (b - mean_b) * joint).sum()
    sd = [class_sd_db(f.channel, DV) for f in PAIR]
    assert covariance == pytest.approx(TEXTURE_CORRELATION * sd[0] * sd[1], rel=0.02)


def simulated(rng: np.random.Generator, k: EvidenceClass, n: int) -> tuple[Float, Float]:
    """Total power of `n` pixels of a ground class in both channels."""
    shared = rng.standard_normal(n)
    out = []
    for floor in PAIR:
        own = rng.standard_normal(n)
        mix = np.sqrt(TEXTURE_CORRELATION) * shared + np.sqrt(1 - TEXTURE_CORRELATION) * own
        level = class_mean_db(floor.channel, k, 38.0) + class_sd_db(floor.channel, k) * mix
        noise = 10 ** (floor.nesz_db / 10) / np.cos(np.deg2rad(38.0))
        out.append((10 ** (level / 10) + noise) * rng.gamma(6.5, 1 / 6.5, n))
    return out[0], out[1]


def test_density_is_that_of_simulated_pixels() -> None:
    rng = np.random.default_rng(5)
    first, second = simulated(rng, BS, 400_000)
    edges = POWER_AXIS_DB[::10]
    counts, _, _ = np.histogram2d(10 * np.log10(first), 10 * np.log10(second), bins=[edges, edges])
    joint = ground_density(PAIR, BS, 6.5, 38.0)[:-1, :-1]
    cumulative = np.zeros((POWER_AXIS_DB.size,) * 2)
    inner = 0.25 * (joint[1:, 1:] + joint[1:, :-1] + joint[:-1, 1:] + joint[:-1, :-1]) * STEP**2
    cumulative[1:, 1:] = inner.cumsum(axis=0).cumsum(axis=1)
    expected = np.diff(np.diff(cumulative[::10, ::10], axis=0), axis=1) * 400_000
    many = expected > 50
    assert many.sum() > 20
    z = (counts[many] - expected[many]) / np.sqrt(expected[many])
    assert np.abs(z).max() < 5.0
    assert np.sqrt((z**2).mean()) < 1.4


def quadrature(first: Float, second: Float, k: EvidenceClass) -> Float:
    """ln p per dB^2 at 38 deg, summed over 201 values of the shared texture with 101 of each own: no table, no nodes."""
    rho, looks = TEXTURE_CORRELATION, 6.5
    z = np.linspace(-6, 6, 201)
    w = np.exp(-0.5 * z**2)
    own, v = np.linspace(-6, 6, 101), np.exp(-0.5 * np.linspace(-6, 6, 101) ** 2)
    parts = []
    for floor, s in zip(PAIR, (first, second), strict=True):
        noise = 10 ** (floor.nesz_db / 10) / np.cos(np.deg2rad(38.0))
        sd = class_sd_db(floor.channel, k)
        level = class_mean_db(floor.channel, k, 38.0) + sd * (
            np.sqrt(rho) * z[:, None] + np.sqrt(1 - rho) * own[None, :]
        )
        mean = (10 ** (level / 10) + noise)[None]
        x = s[:, None, None]
        p = np.exp(looks * np.log(looks / mean) + looks * np.log(x) - looks * x / mean - gammaln(looks))
        parts.append((p * np.log(10) / 10 * v).sum(axis=-1) / v.sum())
    return np.asarray(np.log(((parts[0] * parts[1]) * w).sum(axis=-1) / w.sum()))


@pytest.mark.parametrize("k", [DF, DV, BS, FF])
def test_table_equals_quadrature_between_its_points(k: EvidenceClass) -> None:
    """Within 0.01 nat inside 6 deviations, by bilinear interpolation."""
    density = ground_density(PAIR, k, 6.5, 38.0)[..., None]
    curves = robust(density)[:-1, :-1, 0]
    rng = np.random.default_rng(3)
    means = [float(class_mean_db(f.channel, k, 38.0)) for f in PAIR]
    sds = [float(np.hypot(class_sd_db(f.channel, k), 1.75)) for f in PAIR]
    at = np.stack([m + s * rng.uniform(-4.2, 4.2, 300) for m, s in zip(means, sds, strict=True)])
    at = at[:, (at > POWER_AXIS_DB[0]).all(axis=0) & (at < POWER_AXIS_DB[-1]).all(axis=0)]
    f = (at - POWER_AXIS_DB[0]) / STEP
    i, u = f.astype(int), f - f.astype(int)
    looked = sum(
        (u[0] if di else 1 - u[0]) * (u[1] if dj else 1 - u[1]) * curves[i[0] + di, i[1] + dj]
        for di in (0, 1)
        for dj in (0, 1)
    )
    alone = [
        np.exp(
            per_db(
                log_density(10 ** (x / 10), m, sd, 6.5, 10 ** (f.nesz_db / 10) / np.cos(np.deg2rad(38.0))),
                10 ** (x / 10),
            )
        )
        for x, m, sd, f in zip(at, means, [class_sd_db(f.channel, k) for f in PAIR], PAIR, strict=True)
    ]
    p, e, u = np.exp(quadrature(10 ** (at[0] / 10), 10 ** (at[1] / 10), k)), 0.02, 1 / 45
    exact = np.log((1 - e) ** 2 * p + e * (1 - e) * u * (alone[0] + alone[1]) + (e * u) ** 2)
    assert np.abs(looked - exact).max() < 0.01


def test_angles_between_the_tabulated_ones_are_interpolated_to_a_hundredth_of_a_nat() -> None:
    for k in DRY:
        low, mid, high = (robust(ground_density(PAIR, k, 6.5, t)[..., None]) for t in (37.0, 37.5, 38.0))
        likely = np.exp(mid) > 1e-3
        assert np.abs(0.5 * (low + high) - mid)[likely].max() < 0.01


def test_no_difference_between_two_classes_exceeds_what_outliers_allow(table: Float) -> None:
    """Robust: no class lies further behind the best than its density over that of two outliers would have it."""
    behind = (table.max(axis=-1) - table.min(axis=-1))[:, :-1, :-1]
    peak = max(ground_density(PAIR, k, 6.5, 38.0)[:-1, :-1].max() for k in list(EvidenceClass)[1:])
    assert behind.max() < np.log(peak / (0.02 / 45.0) ** 2) + 0.5
    alone = (table.max(axis=-1) - table.min(axis=-1))[:, :-1, -1]
    assert alone.max() < 5.75


@pytest.mark.parametrize("k", DRY)
@pytest.mark.parametrize("pair", [PAIR, L_PAIR])
def test_towards_dark_cross_polarization_water_never_loses(
    pair: tuple[Floor, Floor], k: EvidenceClass
) -> None:
    """From the likeliest cross-polarization of the dry class on, darker is never worth less, and brighter never more, than it."""
    table = joint_table(pair, 6.5, incidence_range_deg=(38.0, 38.0)).nats()[0, :-1, :-1]
    ratio = table[..., W] - table[..., k]
    for co_db in np.arange(-16.0, -4.0, 1.0):
        row = ratio[int(np.argmin(np.abs(POWER_AXIS_DB - co_db)))]
        at = int(np.argmin(np.abs(POWER_AXIS_DB - class_mean_db(pair[1].channel, k, 38.0))))
        assert row[0] >= row[at:].max() - 2 * NATS_PER_UNIT
        assert row[-1] <= row[:at].min() + 2 * NATS_PER_UNIT


def test_flooded_forest_never_loses_towards_bright_hh() -> None:
    made = joint_table(L_PAIR, 16.0, incidence_range_deg=(30.0, 40.0))
    at_38 = made.nats()[int(np.flatnonzero(made.incidence_deg() == 38.0)[0]), :-1, :-1]
    ratio = at_38[..., FF] - at_38[..., DF]
    cell = {db: int(np.argmin(np.abs(POWER_AXIS_DB - db))) for db in (-3.0, -4.0, -8.0, -12.0)}
    hv = cell[-12.0]
    assert (np.diff(ratio[:, hv]) >= -2 * NATS_PER_UNIT).all()
    assert ratio[cell[-3.0], hv] > 1.0
    assert ratio[cell[-8.0], hv] < 0.0


def test_noise_that_drowns_the_scene_leaves_no_evidence() -> None:
    """Property 15: at a noise floor of +14 dB differences vanish wherever the value may lie."""
    deaf = (Floor("C_VV", 14.0), Floor("C_VH", 14.0))
    curves = np.stack([ground_density(deaf, k, 6.5, 38.0) for k in (DF, DV, BS)], axis=-1)[:-1, :-1]
    likely = curves[..., 0] > 1e-4
    spread = np.log(curves[likely]).max(axis=-1) - np.log(curves[likely]).min(axis=-1)
    assert spread.max() < 0.05


def test_an_angle_known_badly_widens_a_class() -> None:
    """2.4: variance grows by (slope times the angle's own deviation)^2, at each value of the latent."""
    quiet = (Floor("C_VV", -60.0),)

    def variance(incidence_sd_deg: float) -> float:
        p = ground_density(quiet, BS, 400.0, 38.0, incidence_sd_deg)[:-1, 0]
        mean = (POWER_AXIS_DB * p).sum() / p.sum()
        return float(((POWER_AXIS_DB - mean) ** 2 * p).sum() / p.sum())

    expected = (10.0 * class_slope_db("C_VV", BS)) ** 2
    assert variance(10.0) - variance(0.0) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("C_VV", "C_VH"), ("C_VV", "C_VH")),
        (("L_HV", "L_HH"), ("L_HH", "L_HV")),
        (("L_VV", "L_VH", "L_HH", "L_HV"), ("L_HH", "L_VH")),
        (("C_VH",), ("C_VH",)),
        (("C_HH",), ("C_HH",)),
    ],
)
def test_leading_channels(names: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert leading(names) == expected
