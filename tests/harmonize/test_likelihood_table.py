"""Tables of evidence: what they keep of the exact densities, and the order that physics asks of them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from floodfuse.harmonize.classes import DRY, EvidenceClass
from floodfuse.harmonize.densities import CHANNELS, class_mean_db, class_sd_db
from floodfuse.harmonize.likelihood import (
    INCIDENCE_AXIS_DEG,
    POWER_AXIS_DB,
    URBAN_CAP_NATS,
    evidence_table,
    log_density,
    per_db,
    robust,
)

W, FF, FH, FU, DF, DV, BS, U = EvidenceClass
NESZ_DB = -26.0
ROUNDING = 1e-5  # of float32 values of some tens of nats


@pytest.fixture(
    scope="module", params=[("C_VV", 4.4), ("C_VH", 1.0), ("L_HH", 4.0), ("L_HV", 110.0), ("L_VV", 20.0)]
)
def table(request: pytest.FixtureRequest) -> NDArray[np.float32]:
    channel, looks = request.param
    return evidence_table(channel, looks, NESZ_DB)


def test_table_covers_all_angles_powers_and_classes_with_finite_values(table: NDArray[np.float32]) -> None:
    assert table.shape == (INCIDENCE_AXIS_DEG.size, POWER_AXIS_DB.size, len(EvidenceClass))
    assert table.dtype == np.float32
    assert np.isfinite(table).all()


@pytest.mark.parametrize("dry", DRY)
def test_water_against_dry_ground_never_rises_with_power(
    table: NDArray[np.float32], dry: EvidenceClass
) -> None:
    """Property 16, at every angle of the table."""
    difference = table[..., W] - table[..., dry]
    assert (np.diff(difference, axis=1) <= ROUNDING).all()
    assert (difference[:, 0] > difference[:, -1]).all()


def test_flooded_against_dry_forest_never_falls_with_power(table: NDArray[np.float32]) -> None:
    difference = table[..., FF] - table[..., DF]
    assert (np.diff(difference, axis=1) >= -ROUNDING).all()


def test_urban_flood_is_never_worth_more_than_a_nat_against_urban(table: NDArray[np.float32]) -> None:
    assert np.abs(table[..., FU] - table[..., U]).max() <= URBAN_CAP_NATS + ROUNDING


def test_no_pair_that_physics_orders_differs_by_more_than_the_robust_cap(table: NDArray[np.float32]) -> None:
    peak_per_db = 0.4  # the narrowest curve: 1.3 dB, and no speckle
    cap = np.log1p(0.98 * peak_per_db / (0.02 / 45.0))
    for dry in DRY:
        assert np.abs(table[..., W] - table[..., dry]).max() <= cap


@pytest.mark.parametrize("channel", CHANNELS)
def test_darkest_values_speak_for_water_and_brightest_against_it(channel: str) -> None:
    at_38 = evidence_table(channel, 4.4, -40.0)[int(np.flatnonzero(INCIDENCE_AXIS_DEG == 38.0)[0])]
    darkest, brightest = at_38[POWER_AXIS_DB == -38.0][0], at_38[POWER_AXIS_DB == 5.0][0]
    assert all(darkest[W] > darkest[k] for k in DRY)
    assert all(brightest[W] < brightest[k] for k in DRY)


@pytest.mark.parametrize(
    ("channel", "looks"), [("C_VV", 4.4), ("C_VH", 20.0), ("L_HH", 4.0), ("L_HV", 110.0)]
)
@pytest.mark.parametrize("theta", [20.0, 38.0, 55.0])
def test_classes_without_a_rule_keep_their_exact_density(channel: str, looks: float, theta: float) -> None:
    """The table is robust(ln p per dB) with the noise floor as gamma0 at that angle: as it is for water, and as its
    difference to dry low plants, which it moves with, for flooded herbs."""
    table = evidence_table(channel, looks, NESZ_DB)[int(np.flatnonzero(INCIDENCE_AXIS_DEG == theta)[0])]
    power = 10.0 ** (POWER_AXIS_DB / 10.0)
    noise = 10.0 ** (NESZ_DB / 10.0) / np.cos(np.deg2rad(theta))

    def exact(k: EvidenceClass) -> np.ndarray:
        density = log_density(power, class_mean_db(channel, k, theta), class_sd_db(channel, k), looks, noise)
        return robust(per_db(density, power))

    np.testing.assert_allclose(table[:, W], exact(W), atol=1e-4)
    np.testing.assert_allclose(table[:, FH] - table[:, DV], exact(FH) - exact(DV), atol=1e-4)


@pytest.mark.parametrize("channel", ["C_VV", "L_HH"])
def test_order_is_enforced_only_in_the_tails(channel: str) -> None:
    """Between the two class means, and below 3.5 nats, the exact ratio is in order already and must be left alone."""
    theta, looks = 38.0, 4.4
    table = evidence_table(channel, looks, NESZ_DB)[int(np.flatnonzero(INCIDENCE_AXIS_DEG == theta)[0])]
    power = 10.0 ** (POWER_AXIS_DB / 10.0)
    noise = 10.0 ** (NESZ_DB / 10.0) / np.cos(np.deg2rad(theta))

    def exact(k: EvidenceClass) -> NDArray[np.float64]:
        mean, sd = class_mean_db(channel, k, theta), class_sd_db(channel, k)
        return robust(per_db(log_density(power, mean, sd, looks, noise), power))

    for dry in DRY:
        low, high = (float(class_mean_db(channel, k, theta)) for k in (W, dry))
        expected = exact(W) - exact(dry)
        middle = (POWER_AXIS_DB > low) & (POWER_AXIS_DB < high) & (np.abs(expected) < 3.5)
        assert middle.sum() >= 10
        np.testing.assert_allclose((table[:, W] - table[:, dry])[middle], expected[middle], atol=1e-4)


def test_higher_noise_floor_never_makes_the_darkest_value_speak_louder() -> None:
    """What lies under the noise can't be told: evidence at total power = noise shrinks as noise rises."""
    nats = []
    for nesz_db in (-30.0, -24.0, -18.0, -12.0):
        table = evidence_table("C_VH", 4.4, nesz_db)
        angle = int(np.flatnonzero(INCIDENCE_AXIS_DEG == 38.0)[0])
        power = int(np.abs(POWER_AXIS_DB - (nesz_db + 1.0347)).argmin())
        nats.append(float(table[angle, power, W] - table[angle, power, BS]))
    assert nats == sorted(nats, reverse=True)
    assert 0 <= nats[-1] < 0.25 < nats[0]
