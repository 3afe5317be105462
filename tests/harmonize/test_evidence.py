"""Evidence of one radar pass: look-up of its joint table, missing polarizations, and the cap (harmonization.md 4.2 and 6)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from floodfuse.harmonize.classes import DRY, EvidenceClass
from floodfuse.harmonize.evidence import SENSOR_CAP_NATS, optical_evidence, radar_evidence
from floodfuse.harmonize.joint import POWER_AXIS_DB, Floor, JointTable, joint_table

Float32 = NDArray[np.float32]
Float = NDArray[np.float64]

W, FF, FH, FU, DF, DV, BS, U = EvidenceClass
LOOKS = 6.5
PAIRS = {
    "C": (Floor("C_VV", -24.0), Floor("C_VH", -26.0)),
    "L": (Floor("L_HH", -28.0), Floor("L_HV", -30.0)),
}
reproducible = settings(deadline=None, derandomize=True, max_examples=60)


@pytest.fixture(scope="module")
def tables() -> dict[str, JointTable]:
    return {band: joint_table(pair, LOOKS) for band, pair in PAIRS.items()}


@pytest.fixture(scope="module")
def hh_alone() -> JointTable:
    return joint_table(PAIRS["L"][:1], LOOKS)


def nesz(band: str) -> list[float]:
    return [10.0 ** (floor.nesz_db / 10.0) for floor in PAIRS[band]]


def scene(seed: int, shape: tuple[int, int] = (24, 31)) -> tuple[list[Float32], Float32]:
    """Speckled power over four decades in two polarizations, some of it negative or missing, and a ramp of angles."""
    rng = np.random.default_rng(seed)
    powers = []
    for _ in range(2):
        power = 10.0 ** rng.uniform(-3.5, 0.8, shape) * rng.gamma(LOOKS, 1 / LOOKS, shape) - 0.001
        power[rng.random(shape) < 0.1] = np.nan
        powers.append(power.astype(np.float32))
    angle = np.broadcast_to(np.linspace(12.0, 73.0, shape[1]), shape)
    return powers, np.ascontiguousarray(angle, np.float32)


def plain(powers: list[Float32], noise: list[float], angle: Float32, table: JointTable) -> Float:
    """`radar_evidence` as one would write it down: float64, scipy's interpolation, one case after another."""
    theta = angle.astype(float)
    angles, values_at = table.incidence_deg(), table.nats()
    at = np.clip(theta, angles[0], angles[-1])
    total = [p.astype(float) + n / np.cos(np.deg2rad(theta)) for p, n in zip(powers, noise, strict=True)]
    db = [
        np.clip(
            10 * np.log10(np.maximum(np.nan_to_num(s, nan=1.0), 1e-6)), POWER_AXIS_DB[0], POWER_AXIS_DB[-1]
        )
        for s in total
    ]
    first, second = (np.isfinite(s) for s in total)
    axes = (angles, POWER_AXIS_DB)
    out = np.full((*angle.shape, 8), np.nan)
    cases: list[tuple[NDArray[np.bool_], Float, list[Float]]] = [
        (first & second, values_at[:, :-1, :-1], [at, *db]),
        (first & ~second, values_at[:, :-1, -1], [at, db[0]]),
        (~first & second, values_at[:, -1, :-1], [at, db[1]]),
    ]
    for here, part, place in cases:
        points = np.stack([p[here] for p in place], axis=-1)
        grid = (*axes, POWER_AXIS_DB) if len(place) == 3 else axes
        values = RegularGridInterpolator(grid, part)(points)
        out[here] = np.maximum(values - values.max(axis=-1, keepdims=True), -SENSOR_CAP_NATS)
    return out


@pytest.mark.parametrize("band", PAIRS)
def test_kernel_equals_the_plain_formula_in_double_precision(
    tables: dict[str, JointTable], band: str
) -> None:
    """Property 29: float32 against float64 within 1e-4 nat, with either polarization missing here and there."""
    powers, angle = scene(0)
    fast = radar_evidence(powers, nesz(band), angle, tables[band])
    assert fast.dtype == np.float32
    steepest = np.abs(
        np.diff(tables[band].nats(), axis=1)
    ).max()  # nats a cell: what float32 decibels may move a look-up
    np.testing.assert_allclose(
        fast, plain(powers, nesz(band), angle, tables[band]), atol=1e-4 * max(1.0, steepest)
    )


def test_water_is_judged_at_the_angle_of_level_ground_and_the_rest_at_its_own(hh_alone: JointTable) -> None:
    """2.1: on a slope that faces the radar, water would still be seen at the swath's angle."""
    power, angle = [np.full((1, 1), 10**-1.1, np.float32)], np.full((1, 1), 20.0, np.float32)
    at_slope = radar_evidence(power, [0.0], angle, hh_alone)
    level = radar_evidence(power, [0.0], angle, hh_alone, (36.0, 40.0))
    inside = radar_evidence(power, [0.0], angle, hh_alone, (18.0, 40.0))
    assert at_slope[0, 0, W] > level[0, 0, W] + 1.0
    np.testing.assert_array_equal(inside, at_slope)


@reproducible
@given(
    co=st.floats(-1.0, 100.0, width=32),
    cross=st.floats(-1.0, 100.0, width=32),
    theta=st.floats(0.0, 89.0, width=32),
)
def test_every_finite_value_has_finite_evidence_within_the_cap(
    tables: dict[str, JointTable], co: float, cross: float, theta: float
) -> None:
    """Properties 15 and 16: also for I <= 0 and for angles off the table."""
    values, angle = [np.full((1, 1), v, np.float32) for v in (co, cross)], np.full((1, 1), theta, np.float32)
    for band, table in tables.items():
        nats = radar_evidence(values, nesz(band), angle, table)
        assert np.isfinite(nats).all()
        assert nats.max() == 0.0
        assert nats.min() >= -SENSOR_CAP_NATS == -4.0


@pytest.mark.parametrize("missing", [np.nan, np.inf])
def test_missing_power_or_angle_leaves_no_evidence_for_any_class(
    hh_alone: JointTable, missing: float
) -> None:
    power = np.array([[0.1, missing, 0.1]], np.float32)
    angle = np.array([[38.0, 38.0, np.nan]], np.float32)
    nats = radar_evidence([power], [0.001], angle, hh_alone)
    assert np.isfinite(nats[0, 0]).all()
    assert np.isnan(nats[0, 1:]).all()


def test_a_polarization_left_alone_says_what_it_says_without_the_other(
    tables: dict[str, JointTable], hh_alone: JointTable
) -> None:
    (power, _), angle = scene(4)
    nothing = np.full_like(power, np.nan)
    both = radar_evidence([power, nothing], nesz("L"), angle, tables["L"])
    np.testing.assert_allclose(both, radar_evidence([power], nesz("L")[:1], angle, hh_alone), atol=1e-3)


def at(table: JointTable, co_db: float, cross_db: float) -> Float32:
    powers = [np.full((1, 1), 10 ** (db / 10), np.float32) for db in (co_db, cross_db)]
    return radar_evidence(powers, [0.0, 0.0], np.full((1, 1), 38.0, np.float32), table)[0, 0]


def test_a_bright_vv_beside_a_vh_at_the_noise_floor_is_windy_water_rather_than_soil(
    tables: dict[str, JointTable],
) -> None:
    """3.2: wind is one latent of both; the same VV beside a VH of soil is soil."""
    windy, soil = at(tables["C"], -13.0, -25.0), at(tables["C"], -13.0, -20.0)
    assert windy[W] > max(windy[k] for k in DRY) + 0.5
    assert soil[W] < soil[BS] - 1.0


def test_rough_water_is_told_by_cross_polarization_and_flooded_forest_by_co_polarization(
    tables: dict[str, JointTable], hh_alone: JointTable
) -> None:
    rough = at(tables["L"], -19.0, -28.0)
    assert rough[W] > max(rough[k] for k in DRY)
    alone = radar_evidence(
        [np.full((1, 1), 10**-0.3, np.float32)], [0.0], np.full((1, 1), 38.0, np.float32), hh_alone
    )[0, 0]
    both = at(tables["L"], -3.0, -12.2)
    assert both[FF] - both[DF] > 0.8 * (alone[FF] - alone[DF]) > 0.5


def test_optical_evidence_can_not_tell_a_flooded_forest_from_a_dry_one() -> None:
    """Property 23, exactly: plants hide water from light, so NDWI can never veto L-HH."""
    water = np.array([[-4.0, -0.3, 0.0, 1.7, 4.0, np.nan]], np.float32)
    nats = optical_evidence(water)
    for k in (FF, FH, FU, DV, BS, U):
        np.testing.assert_array_equal(nats[..., k], nats[..., DF])
    np.testing.assert_allclose((nats[..., W] - nats[..., DF])[0, :5], water[0, :5], atol=1e-6)
    assert nats[0, :5].max(axis=-1).tolist() == [0.0] * 5
    assert np.isnan(nats[0, 5]).all()
