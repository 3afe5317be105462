"""Tables of evidence: what they keep of the exact densities, and the order that physics asks of them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from floodfuse.harmonize.classes import DRY, EvidenceClass
from floodfuse.harmonize.densities import CHANNELS, class_mean_db, class_sd_db
from floodfuse.harmonize.joint import (
    NATS_PER_UNIT,
    POWER_AXIS_DB,
    Floor,
    joint_table,
    mean_water_density,
    robust,
)
from floodfuse.harmonize.likelihood import URBAN_CAP_NATS, log_density, per_db
from floodfuse.harmonize.likelihood import robust as robust_per_db
from floodfuse.harmonize.wind import usual_weights

W, FF, FH, FU, DF, DV, BS, U = EvidenceClass
NESZ_DB = -26.0
ROUNDING = 2.0 * NATS_PER_UNIT
Float = NDArray[np.float64]


def alone(channel: str, looks: float, nesz_db: float, theta: tuple[float, float] = (15.0, 70.0)) -> Float:
    """Evidence of one channel without another, (incidence, power, class) nats."""
    return joint_table((Floor(channel, nesz_db),), looks, incidence_range_deg=theta).nats()[:, :-1, 0]


def exact(channel: str, k: EvidenceClass, looks: float, theta: float) -> Float:
    """ln p per dB of total power by quadrature, robust; for water over all winds."""
    if k is W:
        floors, weights = (Floor(channel, NESZ_DB),), np.asarray(usual_weights())
        return robust(mean_water_density(floors, looks, weights, theta)[..., None])[:-1, 0, 0]
    power = 10.0 ** (POWER_AXIS_DB / 10.0)
    noise = 10.0 ** (NESZ_DB / 10.0) / np.cos(np.deg2rad(theta))
    mean, sd = class_mean_db(channel, k, theta), class_sd_db(channel, k, theta)
    return robust_per_db(per_db(log_density(power, mean, sd, looks, noise), power))


@pytest.fixture(
    scope="module", params=[("C_VV", 4.4), ("C_VH", 1.0), ("L_HH", 4.0), ("L_HV", 110.0), ("L_VV", 20.0)]
)
def table(request: pytest.FixtureRequest) -> Float:
    channel, looks = request.param
    return alone(channel, looks, NESZ_DB)


def test_table_covers_all_angles_powers_and_classes_with_finite_values(table: Float) -> None:
    assert table.shape == (56, POWER_AXIS_DB.size, len(EvidenceClass))
    assert np.isfinite(table).all()


@pytest.mark.parametrize("dry", DRY)
def test_water_against_dry_ground_never_rises_with_power(table: Float, dry: EvidenceClass) -> None:
    """Property 16, at every angle of the table."""
    difference = table[..., W] - table[..., dry]
    assert (np.diff(difference, axis=1) <= ROUNDING).all()
    assert (difference[:, 0] >= difference[:, -1]).all()
    seen_by_radars = slice(28 - 15, 46 - 15 + 1)  # one look of noise ties them at 64 deg
    assert (difference[seen_by_radars, 0] > difference[seen_by_radars, -1]).all()


def test_flooded_against_dry_forest_never_falls_with_power(table: Float) -> None:
    difference = table[..., FF] - table[..., DF]
    assert (np.diff(difference, axis=1) >= -ROUNDING).all()


def test_urban_flood_is_never_worth_more_than_a_nat_against_urban(table: Float) -> None:
    assert np.abs(table[..., FU] - table[..., U]).max() <= URBAN_CAP_NATS + ROUNDING


def test_no_pair_that_physics_orders_differs_by_more_than_the_robust_cap(table: Float) -> None:
    peak_per_db = 0.4  # the narrowest curve: 1.3 dB, and no speckle
    cap = np.log1p(0.98 * peak_per_db / (0.02 / 45.0))
    for dry in DRY:
        assert np.abs(table[..., W] - table[..., dry]).max() <= cap


@pytest.mark.parametrize("channel", CHANNELS)
def test_darkest_values_speak_for_water_and_brightest_against_it(channel: str) -> None:
    at_38 = alone(channel, 4.4, -40.0, (38.0, 38.0))[0]
    darkest, brightest = at_38[0], at_38[int(np.abs(POWER_AXIS_DB - 5.0).argmin())]
    assert all(darkest[W] > darkest[k] for k in DRY)
    assert all(brightest[W] < brightest[k] for k in DRY)


@pytest.mark.parametrize(
    ("channel", "looks"), [("C_VV", 4.4), ("C_VH", 20.0), ("L_HH", 4.0), ("L_HV", 110.0)]
)
@pytest.mark.parametrize("theta", [20.0, 38.0, 55.0])
def test_classes_without_a_rule_keep_their_exact_density(channel: str, looks: float, theta: float) -> None:
    """The table is robust(ln p per dB) with the noise floor as gamma0 at that angle, here as the difference of flooded herbs to
    dry low plants, which they move with."""
    table = alone(channel, looks, NESZ_DB, (theta, theta))[0]
    expected = exact(channel, FH, looks, theta) - exact(channel, DV, looks, theta)
    np.testing.assert_allclose(table[:, FH] - table[:, DV], expected, atol=0.01)


@pytest.mark.parametrize("channel", ["C_VV", "L_HH"])
def test_order_is_enforced_only_in_the_tails(channel: str) -> None:
    """Between the two class means, and below 3.5 nats, the exact ratio is in order already and must be left alone."""
    theta, looks = 38.0, 4.4
    table = alone(channel, looks, NESZ_DB, (theta, theta))[0]
    for dry in DRY:
        low, high = (float(class_mean_db(channel, k, theta)) for k in (W, dry))
        expected = exact(channel, W, looks, theta) - exact(channel, dry, looks, theta)
        middle = (POWER_AXIS_DB > low) & (POWER_AXIS_DB < high) & (np.abs(expected) < 3.5)
        assert middle.sum() >= 10
        np.testing.assert_allclose((table[:, W] - table[:, dry])[middle], expected[middle], atol=0.01)


def test_higher_noise_floor_never_makes_the_darkest_value_speak_louder() -> None:
    """What lies under the noise can't be told: evidence at total power = noise shrinks as noise rises."""
    nats = []
    for nesz_db in (-30.0, -24.0, -18.0, -12.0):
        table = alone("C_VH", 4.4, nesz_db, (38.0, 38.0))[0]
        power = int(np.abs(POWER_AXIS_DB - (nesz_db + 1.0347)).argmin())
        nats.append(float(table[power, W] - table[power, BS]))
    assert nats == sorted(nats, reverse=True)
    assert 0 <= nats[-1] < 0.25 < nats[0]
