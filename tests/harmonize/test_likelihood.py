"""The likelihood of a radar value: exact in speckle, looks and noise floor (harmonization.md 4.2)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import digamma, logsumexp, polygamma

from floodfuse.harmonize.classes import EvidenceClass
from floodfuse.harmonize.densities import TABLE
from floodfuse.harmonize.likelihood import (
    gamma_log_density,
    log_density,
    monotone,
    per_db,
    robust,
)

Float = NDArray[np.float64]

W, FF, FH, FU, DF, DV, BS, U = EvidenceClass
DRY_MIX = (DF, DV, BS)  # equal shares, as in the reference values
LOOKS = {"C_VV": 4.4, "L_HH": 4.0}
NESZ_DB = {"C_VV": -24.0, "L_HH": -28.0}
reproducible = settings(deadline=None, derandomize=True, max_examples=60)


def lin(db: float | Float) -> Float:
    return np.asarray(10.0 ** (np.asarray(db) / 10.0))


def of_class(channel: str, k: EvidenceClass, gamma0_db: float, looks: float | None = None) -> float:
    """ln density of a denoised value under a class, with the noise floor of the reference values."""
    noise = float(lin(NESZ_DB[channel]))
    level = TABLE[channel][k]
    total = lin(gamma0_db) + noise
    return float(log_density(total, level.mean_db, level.sd_db, looks or LOOKS[channel], noise))


def curve(mean_db: float, sd_db: float, looks: float, y_db: Float, nesz: float = 0.0) -> Float:
    """ln density per dB on an axis of total power."""
    return per_db(log_density(lin(y_db), mean_db, sd_db, looks, nesz), lin(y_db))


@pytest.mark.parametrize("looks", [1.0, 4.4, 20.0, 400.0])
@pytest.mark.parametrize(("mean_db", "sd_db", "nesz"), [(-12.0, 2.0, 0.0), (-18.1, 2.9, 10**-2.4)])
def test_density_integrates_to_one(looks: float, mean_db: float, sd_db: float, nesz: float) -> None:
    """Property 13, with and without noise floor."""
    y_db = np.arange(-90.0, 25.0, 0.02)
    assert np.exp(curve(mean_db, sd_db, looks, y_db, nesz)).sum() * 0.02 == pytest.approx(1.0, abs=1e-3)
    power = np.concatenate([np.linspace(1e-7, 1e-3, 20_000), np.geomspace(1e-3, 30.0, 20_000)[1:]])
    linear = np.exp(log_density(power, mean_db, sd_db, looks, nesz))
    assert np.trapezoid(linear, power) == pytest.approx(1.0, abs=1e-3)


def distance_from_normal(looks: float, sd_db: float) -> float:
    """Largest difference of ln density to a normal curve in dB, within two of its deviations."""
    to_db = 10.0 / np.log(10.0)
    mean = -12.0 + to_db * (digamma(looks) - np.log(looks))
    variance = sd_db**2 + to_db**2 * polygamma(1, looks)
    y_db = mean + np.linspace(-2.0, 2.0, 801) * np.sqrt(variance)
    normal = -0.5 * (y_db - mean) ** 2 / variance - 0.5 * np.log(2.0 * np.pi * variance)
    return float(np.abs(curve(-12.0, sd_db, looks, y_db) - normal).max())


@pytest.mark.parametrize(("looks", "distance"), [(1.0, 1.05736), (4.4, 0.0992031), (20.0, 0.00969491)])
def test_distance_from_a_normal_curve_in_decibels(looks: float, distance: float) -> None:
    """4.2: 1.06, .099, .0097 within 2 sd, for a spread of 2 dB."""
    assert distance_from_normal(looks, 2.0) == pytest.approx(distance, rel=5e-3)


@pytest.mark.parametrize("looks", [20.0, 40.0, 110.0, 1000.0])
@pytest.mark.parametrize("sd_db", [2.0, 2.9, 5.0])
def test_many_looks_give_a_normal_curve_and_no_comb(looks: float, sd_db: float) -> None:
    """Nodes further apart than speckle is wide would show as ripples of several nats."""
    assert distance_from_normal(looks, sd_db) < 0.01


def test_gamma_density_has_the_moments_of_multilooked_speckle() -> None:
    """sd(I) = mean / sqrt(L), the radiometric resolution."""
    power = np.linspace(1e-6, 4.0, 200_001)
    density = np.exp(gamma_log_density(power, 0.3, 4.4))
    mean = np.trapezoid(power * density, power)
    variance = np.trapezoid((power - mean) ** 2 * density, power)
    assert mean == pytest.approx(0.3, rel=1e-6)
    assert np.sqrt(variance) == pytest.approx(0.3 / np.sqrt(4.4), rel=1e-5)


@pytest.mark.parametrize(
    ("channel", "gamma0_db", "water_vs_dry", "flooded_vs_dry_forest", "herb_vs_low_vegetation"),
    [
        ("C_VV", -26, 5.17311, -0.0981837, 0.569904),
        ("C_VV", -22, 4.29321, -0.109377, 0.390348),
        ("C_VV", -18, 2.62462, -0.132846, 0.0872793),
        ("C_VV", -14, 0.131283, -0.168496, -0.232242),
        ("C_VV", -10, -2.89217, -0.167569, -0.239933),
        ("C_VV", -6, -6.02445, 0.0624766, 0.484434),
        ("C_VV", -3, -7.84827, 0.615271, 1.72017),
        ("L_HH", -26, 3.24734, -2.41294, 1.67156),
        ("L_HH", -22, 2.05138, -2.36782, 1.0397),
        ("L_HH", -18, 0.125489, -2.25605, 0.287448),
        ("L_HH", -14, -2.50895, -1.98546, -0.249297),
        ("L_HH", -10, -6.01422, -1.36418, -0.22931),
        ("L_HH", -6, -10.4708, -0.0683427, 0.59214),
        ("L_HH", -3, -13.4505, 1.59409, 1.82756),
    ],
)
def test_reference_log_likelihood_ratios(
    channel: str,
    gamma0_db: float,
    water_vs_dry: float,
    flooded_vs_dry_forest: float,
    herb_vs_low_vegetation: float,
) -> None:
    """4.2, prior table, NESZ -24 (C) and -28 dB (L), 4.4 and 4 looks; dry is an equal mix of three classes."""
    density = {k: of_class(channel, k, gamma0_db) for k in (W, FF, FH, *DRY_MIX)}
    dry = float(logsumexp([density[k] for k in DRY_MIX])) - np.log(3.0)
    assert density[W] - dry == pytest.approx(water_vs_dry, rel=1e-5)
    assert density[FF] - density[DF] == pytest.approx(flooded_vs_dry_forest, rel=1e-5)
    assert density[FH] - density[DV] == pytest.approx(herb_vs_low_vegetation, rel=1e-5)


@pytest.mark.parametrize(
    ("channel", "gamma0_db", "looks", "nats", "tolerance"),
    [
        ("C_VV", -7.0, 4.4, -0.0349332, 1e-5),
        ("L_HH", -3.5, 4.0, 1.26691, 1e-5),
        # The reference sums 21 nodes, whose gaps show at 40 looks.
        ("L_HH", -3.5, 40.0, 2.73825, 0.005),
    ],
)
def test_one_flooded_forest_seen_by_two_bands(
    channel: str, gamma0_db: float, looks: float, nats: float, tolerance: float
) -> None:
    """4.2: the same trees say nothing in C-VV and speak in L-HH, louder with more looks."""
    llr = of_class(channel, FF, gamma0_db, looks) - of_class(channel, DF, gamma0_db, looks)
    assert llr == pytest.approx(nats, abs=tolerance)


@pytest.mark.parametrize(
    ("nesz_db", "nats"),
    [(-60, 18.4809), (-30, 4.48933), (-24, 0.531755), (-18, 0.0411325), (-10, 0.00110336)],
)
def test_evidence_vanishes_below_the_noise_floor(nesz_db: float, nats: float) -> None:
    """4.2: -30 against -36 dB at -24 dB, 4.4 looks."""
    noise = float(lin(nesz_db))
    total = lin(-24.0) + noise
    llr = log_density(total, -30.0, 1.0, 4.4, noise) - log_density(total, -36.0, 1.0, 4.4, noise)
    assert llr == pytest.approx(nats, rel=1e-4)


def test_evidence_is_gone_once_noise_is_stronger_than_any_class() -> None:
    """Property 15: below 1e-3 at a noise floor of +14 dB."""
    noise = float(lin(14.0))
    total = lin(-24.0) + noise
    assert abs(log_density(total, -30.0, 1.0, 4.4, noise) - log_density(total, -36.0, 1.0, 4.4, noise)) < 1e-3


@reproducible
@given(
    total=st.floats(-0.02, 20.0),
    mean_db=st.floats(-35.0, 0.0),
    looks=st.sampled_from([1.0, 4.4, 20.0]),
    nesz_db=st.floats(-40.0, -20.0),
)
def test_density_is_finite_for_every_value_that_noise_removal_can_leave(
    total: float, mean_db: float, looks: float, nesz_db: float
) -> None:
    assert np.isfinite(log_density(total, mean_db, 2.0, looks, 10 ** (nesz_db / 10)))


@reproducible
@given(gain_db=st.floats(-40.0, 40.0), y_db=st.floats(-35.0, 5.0), nesz_db=st.floats(-40.0, -15.0))
def test_ratios_do_not_depend_on_the_unit_of_power(gain_db: float, y_db: float, nesz_db: float) -> None:
    """Property 14: power, means and noise scaled alike, and densities per dB as per linear unit."""

    def llr(shift_db: float) -> float:
        total, noise = lin(y_db + shift_db), float(lin(nesz_db + shift_db))
        flooded = log_density(total, -4.0 + shift_db, 2.0, 4.0, noise)
        return float(flooded - log_density(total, -7.5 + shift_db, 1.5, 4.0, noise))

    assert llr(gain_db) == pytest.approx(llr(0.0), abs=1e-10)


def test_densities_broadcast_over_images_and_classes() -> None:
    power = np.full((2, 3, 1), 0.1)
    means, spreads = np.array([-18.1, -7.0]), np.array([2.9, 1.6])
    both = log_density(power, means, spreads, 4.4, 0.004)
    assert both.shape == (2, 3, 2)
    assert both[1, 2, 1] == pytest.approx(float(log_density(0.1, -7.0, 1.6, 4.4, 0.004)), abs=1e-12)


Y_DB = np.arange(-35.0, 10.01, 0.5)
FLOODED_FOREST, DRY_FOREST = curve(-4.0, 2.0, 4.0, Y_DB), curve(-7.5, 1.5, 4.0, Y_DB)
ROBUST = robust(FLOODED_FOREST) - robust(DRY_FOREST)


@pytest.mark.parametrize(
    ("gamma0_db", "raw", "robust_nats", "monotone_nats"),
    [
        (-30, -2.46898, -4.95534e-05, -1.75459),
        (-20, -2.3589, -0.290792, -1.75459),
        (-12, -1.7555, -1.71134, -1.71134),
        (-9, -1.12791, -1.12076, -1.12076),
        (-6, -0.06636, -0.0661016, -0.0661016),
        (-4, 0.969131, 0.963553, 0.963553),
        (-2, 2.32784, 2.28619, 2.28619),
        (0, 4.05854, 3.5973, 3.43612),
        (4, 8.8066, 1.45586, 3.43612),
    ],
)
def test_robust_and_monotone_ratios(
    gamma0_db: float, raw: float, robust_nats: float, monotone_nats: float
) -> None:
    """4.2, flooded against dry forest, L-HH, 4 looks: unequal spreads must not turn evidence over in the tails."""
    at = int(np.flatnonzero(Y_DB == gamma0_db)[0])
    weight = 0.5 * (np.exp(FLOODED_FOREST) + np.exp(DRY_FOREST))
    assert FLOODED_FOREST[at] - DRY_FOREST[at] == pytest.approx(raw, rel=1e-4)
    assert ROBUST[at] == pytest.approx(robust_nats, rel=1e-4)
    assert monotone(ROBUST, weight, increasing=True)[at] == pytest.approx(monotone_nats, rel=1e-4)


def test_no_single_value_is_worth_more_than_the_cap() -> None:
    """4.2: 5.678 nats between the peak of a curve and nothing at all."""
    peak = robust(FLOODED_FOREST.max()) - robust(-1e9)
    assert peak == pytest.approx(5.67812, abs=1e-5)
    assert np.abs(ROBUST).max() <= peak


@reproducible
@given(st.lists(st.floats(-5.0, 5.0), min_size=3, max_size=40))
def test_monotone_fit_is_antisymmetric_and_leaves_monotone_curves_alone(values: list[float]) -> None:
    difference = np.array(values)
    weight = 1.0 + np.arange(difference.size) % 3
    up = monotone(difference, weight, increasing=True)
    np.testing.assert_allclose(up, -monotone(-difference, weight, increasing=False), atol=1e-12)
    assert (np.diff(up) >= -1e-12).all()
    np.testing.assert_allclose(monotone(up, weight, increasing=True), up, atol=1e-12)
    assert (up * weight).sum() == pytest.approx((difference * weight).sum(), abs=1e-9)
