"""Evidence of change against a dry reference (harmonization.md 4.2): what physics, and a simulated truth, ask of it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import t, truncnorm

from floodfuse.harmonize.change import combine
from floodfuse.harmonize.change_densities import (
    CHANGE_AXIS_DB,
    DRY_SPREAD_DB,
    FOREST_STEP,
    FREEDOM_AXIS,
    LEAST_SPREAD_DB,
    PRIOR_FREEDOM,
    SPREAD_AXIS_DB,
    ChangeModel,
    change_model,
    change_table,
    ground_table,
    shrunk_variance,
    step_moments,
)
from floodfuse.harmonize.classes import EvidenceClass
from floodfuse.harmonize.dry_level import DryLevel, dry_level
from floodfuse.harmonize.evidence import SENSOR_CAP_NATS, radar_evidence
from floodfuse.harmonize.joint import Floor, joint_table
from floodfuse.harmonize.likelihood import gamma_log_density, per_db, robust

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]

W, FF, FH, FU, DF, DV, BS, U = EvidenceClass
THETA = 38.0
NESZ_DB = {"C_VV": -24.0, "C_VH": -26.0, "L_HH": -28.0, "L_HV": -30.0}
reproducible = settings(deadline=None, derandomize=True, max_examples=60)


@lru_cache
def model(*names: str, looks: float = 4.4, scenes: int = 6) -> ChangeModel:
    """Of a pass at 38 degrees whose values hold their noise floor."""
    floors = tuple(Floor(name, NESZ_DB[name]) for name in names)
    table = joint_table(floors, looks, None, 0.0, (37.0, 39.0))
    return change_model(floors, looks, False, table, scenes)


def level(db: Float, scenes: int = 6, variance: float = 0.3) -> DryLevel:
    """A level that six scenes agree on."""
    value = np.asarray(db, np.float32)
    one = np.ones_like(value)
    return DryLevel(value, one * np.float32(variance), one * (scenes - 1), one * np.float32(1.4 / scenes))


def weighed(m: ChangeModel, y_db: list[Float], before: list[DryLevel | None]) -> tuple[Float32, Float32]:
    """Absolute evidence, and what the reference makes of it, (…, class)."""
    powers = [np.atleast_2d(10.0 ** (np.asarray(y, float) / 10.0)).astype(np.float32) for y in y_db]
    before = [None if b is None else DryLevel(*(np.atleast_2d(x) for x in b)) for b in before]
    angle = np.full(powers[0].shape, THETA, np.float32)
    absolute = radar_evidence(powers, m.noise, angle, m.now)
    return absolute, combine(absolute, powers, before, angle, m)


def scattered(seed: int, shape: tuple[int, int] = (13, 17)) -> tuple[list[Float], list[DryLevel | None]]:
    """Values and levels of two channels over all there is, some missing."""
    rng = np.random.default_rng(seed)
    y = [rng.uniform(-32.0, 2.0, shape) for _ in range(2)]
    r = [rng.uniform(-32.0, 2.0, shape) for _ in range(2)]
    for x in (*y, *r):
        x[rng.random(shape) < 0.15] = np.nan
    return y, [level(x) for x in r]


# What is tabulated


@pytest.mark.parametrize("channel", ["L_HH", "C_VV", "C_VH"])
@pytest.mark.parametrize("looks", [3.0, 24.0])
def test_densities_of_change_integrate_to_one(channel: str, looks: float) -> None:
    table = change_table(channel, looks).astype(float)
    narrow, usual = SPREAD_AXIS_DB < 2.0, np.abs(CHANGE_AXIS_DB) < 9.0
    mass = np.trapezoid(table[:, narrow], CHANGE_AXIS_DB, axis=2)
    assert mass[..., [0, 2, 3]] == pytest.approx(0.98 + 0.02 * 60.0 / 45.0, abs=2e-3)
    held = np.trapezoid(table[:, narrow][:, :, usual, 1], CHANGE_AXIS_DB[usual], axis=2)
    assert held == pytest.approx(0.98, abs=0.08)  # made monotone, it stays high where no change ever was


@pytest.mark.parametrize(
    ("change", "spread", "nu"), [(0.0, 1.0, 0), (-4.0, 0.5, 2), (2.5, 2.2, 8), (7.0, 3.0, 1)]
)
def test_dry_change_is_t_with_exact_speckle(change: float, spread: float, nu: int) -> None:
    """The convolution by quadrature, in double precision."""
    looks = 4.4

    def integrand(x: float) -> float:
        power = 10.0 ** ((change - x) / 10.0)
        speckle = np.exp(per_db(gamma_log_density(power, 1.0, looks), power))
        return float(speckle * t.pdf(x / spread, FREEDOM_AXIS[nu]) / spread)

    expected = robust(np.log(quad(integrand, -60.0, 60.0, limit=400, points=[0.0, change])[0]))
    m = np.log(spread / SPREAD_AXIS_DB[0]) / np.log(SPREAD_AXIS_DB[1] / SPREAD_AXIS_DB[0])
    place = round((change - CHANGE_AXIS_DB[0]) / 0.125)
    near, far = (np.log(change_table("L_HH", looks)[nu, k, place, 0]) for k in (int(m), int(m) + 1))
    assert near + (m - int(m)) * (far - near) == pytest.approx(float(expected), abs=0.02)


def test_steps_have_the_moments_of_their_priors() -> None:
    mean, sd = step_moments(FOREST_STEP["L_HH"])
    cut = truncnorm(-3.5 / 1.7, np.inf, 3.5, 1.7)
    assert (mean, sd) == pytest.approx((cut.mean(), cut.std()), abs=5e-3)
    assert step_moments(FOREST_STEP["C_VV"]) == pytest.approx((0.0, 0.5), abs=2e-3)


def test_variances_are_shrunk_to_what_is_usual() -> None:
    assert shrunk_variance(0.0, 0.0, 1.3) == pytest.approx(1.69)
    assert shrunk_variance(4.0, 6.0, 1.0) == pytest.approx((PRIOR_FREEDOM + 24.0) / (PRIOR_FREEDOM + 6.0))
    assert shrunk_variance(4.0, 1e9, 1.0) == pytest.approx(4.0)
    assert shrunk_variance(-5.0, 11.0, 0.7) == pytest.approx(LEAST_SPREAD_DB**2)


def test_levels_of_ground_integrate_to_one_and_order_as_in_the_table() -> None:
    floors = (Floor("L_HH", -28.0), Floor("L_HV", -30.0))
    table = ground_table(floors, 0.5).astype(float)
    expected = 0.98 + 0.02 * (48.0 / 45.0) ** 2
    assert 0.25 * table[9, :-1, :-1].sum(axis=(0, 1)) == pytest.approx(expected, abs=0.03)
    alone = 0.5 * table[9, :-1, -1].sum(axis=0)
    assert alone == pytest.approx(0.98 + 0.02 * 48.0 / 45.0, abs=0.03)
    brightest = table[9, :-1, -1].argmax(axis=0)  # water, forest, low vegetation, soil, town
    assert list(np.argsort(brightest)) == [0, 3, 2, 1, 4]


# What the evidence says


@given(st.integers(0, 100))
@reproducible
def test_without_a_reference_evidence_is_absolute_to_the_last_bit(seed: int) -> None:
    m = model("C_VV", "C_VH")
    y, before = scattered(seed)
    absolute, found = weighed(m, y, before)
    told = np.zeros(absolute.shape[:-1], bool)
    for value, reference in zip(y, before, strict=True):
        assert reference is not None
        told |= np.isfinite(value) & np.isfinite(reference.level_db)
    assert np.array_equal(found[~told], absolute[~told], equal_nan=True)
    assert not np.array_equal(found[told], absolute[told])
    nothing = weighed(m, y, [None, None])
    assert np.array_equal(nothing[1], nothing[0], equal_nan=True)


@given(st.integers(0, 100))
@reproducible
def test_evidence_is_finite_capped_and_best_zero(seed: int) -> None:
    y, before = scattered(seed)
    for m in (model("C_VV", "C_VH"), model("L_HH", "L_HV", looks=24.0)):
        absolute, found = weighed(m, y, before)
        valid = np.isfinite(absolute[..., 0])
        assert np.isfinite(found[valid]).all() and np.isnan(found[~valid]).all()
        assert (found[valid].max(axis=-1) == 0.0).all()
        assert found[valid].min() >= -SENSOR_CAP_NATS
        town = found[valid][:, FU] - found[valid][:, U]
        assert np.abs(town).max() <= 1.0 + 1e-5


@given(st.integers(0, 100))
@reproducible
def test_pixels_are_told_one_by_one(seed: int) -> None:
    m = model("L_HH", "L_HV", looks=24.0)
    y, before = scattered(seed)
    _, whole = weighed(m, y, before)
    part = [DryLevel(*(x[4:9, 3:4] for x in b)) for b in before if b is not None]
    _, cut = weighed(m, [x[4:9, 3:4] for x in y], list(part))
    assert np.array_equal(whole[4:9, 3:4], cut, equal_nan=True)


@given(st.permutations(range(6)), st.integers(0, 100))
@reproducible
def test_the_order_of_references_changes_nothing(order: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    stack, days = rng.normal(-8.0, 2.0, (6, 4, 4)).astype(np.float32), -12.0 * np.arange(1, 7)
    y = [rng.normal(-6.0, 3.0, (4, 4))]
    m = model("L_HH", looks=24.0)
    _, one = weighed(m, y, [dry_level(stack, days, 24.0)])
    _, two = weighed(m, y, [dry_level(stack[order], days[order], 24.0)])
    assert np.array_equal(one, two)


def test_unchanged_forest_is_dry_at_l_hh_and_anything_at_c_vv() -> None:
    for r in (-9.0, -7.5, -6.0):
        _, at_l = weighed(model("L_HH", looks=24.0), [np.array([r])], [level(np.array([r]))])
        _, at_c = weighed(model("C_VV"), [np.array([r])], [level(np.array([r]))])
        assert at_l[0, 0, FF] - at_l[0, 0, DF] < -1.3
        assert abs(float(at_c[0, 0, FF] - at_c[0, 0, DF])) < 0.05


@pytest.mark.parametrize(("looks", "low", "high"), [(4.4, 0.7, 1.3), (24.0, 2.3, 3.6)])
def test_a_rise_of_3_5_db_at_l_hh_is_flooded_forest_wherever_it_started(
    looks: float, low: float, high: float
) -> None:
    r = np.linspace(-10.0, -5.0, 11)
    _, found = weighed(model("L_HH", looks=looks), [r + 3.5], [level(r)])
    rise = found[0, :, FF] - found[0, :, DF]
    assert low < rise.min() and rise.max() < high
    absolute, _ = weighed(model("L_HH", looks=looks), [r + 3.5], [None])
    spread = np.ptp(absolute[0, :, FF] - absolute[0, :, DF])
    assert np.ptp(rise) < 0.1 < spread  # without a reference it hangs on the stand's own level


@pytest.mark.parametrize("names", [("L_HH",), ("L_HH", "L_HV")])
def test_flooded_forest_gains_with_every_rise_of_l_hh(names: tuple[str, ...]) -> None:
    y = np.linspace(-20.0, 6.0, 261)
    before = [level(np.full(261, -7.5)), level(np.full(261, -12.5))][: len(names)]
    _, found = weighed(model(*names, looks=24.0), [y, np.full(261, -12.5)][: len(names)], list(before))
    uncapped = found[0][(found[0, :, FF] > -3.999) & (found[0, :, DF] > -3.999)]
    assert np.diff(uncapped[:, FF] - uncapped[:, DF]).min() > -0.02  # what tables of finite cells leave


@given(st.floats(-12.0, -4.0), st.floats(-3.0, 6.0))
@reproducible
def test_a_common_calibration_offset_cancels(r: float, change: float) -> None:
    m = model("L_HH", looks=24.0)
    _, found = weighed(m, [np.array([r, r + 1.0]) + change], [level(np.array([r, r + 1.0]))])
    one, other = found[0, :, FF] - found[0, :, DF]
    deepest = min(float(found[0, :, k].min()) for k in (FF, DF))
    if deepest > -SENSOR_CAP_NATS + 1e-3:  # where neither is cut off
        assert one == pytest.approx(other, abs=0.02)  # but for the small share of water before


def test_water_before_hands_back_the_absolute_evidence() -> None:
    """A lake in the reference is no dry ground: what is there now counts, whichever way it went."""
    y = np.array([-24.0, -18.0, -12.0])
    for names in (("C_VV", "C_VH"), ("L_HH", "L_HV")):
        floor = -24.0 if names[0] == "C_VV" else -27.5
        values = [y if names[0] == "C_VV" else y - 2.0, np.array([floor, floor, -17.0])]
        before = [level(np.full(3, -21.0 if names[0] == "C_VV" else -24.0)), level(np.full(3, floor))]
        absolute, found = weighed(model(*names), values, list(before))
        assert found[0, 0, W] == 0.0  # permanent water is not dry for being unchanged
        assert found[0, 2, [DV, BS]].max() == 0.0  # and land is not water for having been
        assert np.abs(found[0, 2] - absolute[0, 2]).max() < 0.5


def test_a_field_that_was_always_dark_is_not_water() -> None:
    absolute, found = weighed(model("L_HH", looks=24.0), [np.array([-18.5])], [level(np.array([-18.5]))])
    assert absolute[0, 0, W] - absolute[0, 0, BS] > -0.6
    assert found[0, 0, W] - found[0, 0, BS] < -1.5
    _, fallen = weighed(model("L_HH", looks=24.0), [np.array([-21.0])], [level(np.array([-12.0]))])
    assert fallen[0, 0, W] - fallen[0, 0, [DF, DV, BS, U]].max() > 2.5


def test_a_channel_without_reference_still_counts() -> None:
    """HH alone among the references, as of a single-polarized archive: HV of a lake still says water."""
    m = model("L_HH", "L_HV", looks=24.0)
    r = level(np.array([-15.5, -15.5]))
    _, found = weighed(m, [np.array([-19.0, -19.0]), np.array([-31.0, -20.0])], [r, None])
    wet = found[0, :, W] - found[0, :, [DF, DV, BS, U]].max(axis=0)
    assert wet[0] - wet[1] > 2.0


def test_the_level_before_is_in_itself_no_evidence_of_flood() -> None:
    """Water, against all dry ground by its shares, hangs on what is seen now and not on how usual the level was."""
    m, y = model("L_HH", looks=24.0), np.full((1, 2), -13.0)
    angle = np.full((1, 2), THETA, np.float32)
    power = (10.0 ** (y / 10.0)).astype(np.float32)
    absolute = radar_evidence([power], m.noise, angle, m.now)
    share = np.log(np.full((1, 2, 8), 1e-6, np.float32))
    share[..., DV] = np.log(0.999)
    before = [level(np.array([[-13.0, -13.0]]))]
    even = combine(absolute, [power], before, angle, m)
    known = combine(absolute, [power], before, angle, m, log_share=share)
    assert (known[..., W] - known[..., DV] > even[..., W] - even[..., DV]).all()
    assert known[..., FF] - known[..., DF] == pytest.approx(even[..., FF] - even[..., DF], abs=1e-4)


# Against a simulated truth


class Draw:
    """Stands whose level is their own, weather, flooding as 3.5 has it, and speckle: half of them flooded."""

    def __init__(self, seed: int, looks: float, scenes: int, count: int = 40_000) -> None:
        rng = np.random.default_rng(seed)
        shape = (200, count // 200)
        self.flooded = rng.random(shape) < 0.5
        stand = -7.5 + 1.5 * rng.standard_normal(shape)
        weather = DRY_SPREAD_DB["L"][0] * np.sqrt(6.0 / rng.chisquare(6.0, shape))
        rise = truncnorm(-3.5 / 1.7, np.inf, 3.5, 1.7).rvs(shape, random_state=rng)
        seen = stand + weather * rng.standard_normal((scenes + 1, *shape))
        seen += 10.0 * np.log10(rng.gamma(looks, 1.0 / looks, seen.shape))
        self.y: Float = seen[0] + rise * self.flooded
        self.before = seen[1:].astype(np.float32)
        self.looks, self.scenes = looks, scenes

    def evidence(self, used: int | None = None) -> tuple[Float, Float]:
        """ln odds of flooded forest against dry, absolute and with `used` of the references."""
        stack = self.before[:used]
        m = model("L_HH", looks=self.looks, scenes=len(stack))
        dry = dry_level(stack, np.arange(len(stack)), self.looks)
        return tuple((e[..., FF] - e[..., DF]).astype(float) for e in weighed(m, [self.y], [dry]))  # type: ignore[return-value]


def roc_area(score: Float, flooded: NDArray[np.bool_]) -> float:
    rank = np.argsort(np.argsort(score.ravel(), kind="stable"), kind="stable") + 1.0
    wet = flooded.ravel()
    n = wet.sum()
    return float((rank[wet].sum() - n * (n + 1) / 2) / (n * (wet.size - n)))


@pytest.mark.parametrize("looks", [4.4, 24.0])
def test_evidence_of_change_means_what_it_says(looks: float) -> None:
    """P(flooded | l) = sigmoid(l): expected calibration error below 0.03 in twenty bins."""
    draw = Draw(1, looks, 6)
    _, llr = draw.evidence()
    edges = np.quantile(llr, np.linspace(0.0, 1.0, 21))
    which = np.clip(np.searchsorted(edges, llr, side="right") - 1, 0, 19)
    error = sum(
        abs(float(draw.flooded[which == b].mean() - expit(llr[which == b]).mean())) * (which == b).mean()
        for b in np.unique(which)
    )
    assert error < 0.03


def test_a_reference_finds_flooded_forest_that_levels_alone_do_not() -> None:
    """Measured: area 0.866 and 0.925, recall 0.752 and 0.816, precision 0.813 and 0.890."""
    draw = Draw(2, 24.0, 6)
    absolute, llr = draw.evidence()
    assert roc_area(absolute, draw.flooded) < 0.88
    assert roc_area(llr, draw.flooded) > 0.92
    found, before = llr > 0.0, absolute > 0.0
    assert found[draw.flooded].mean() > before[draw.flooded].mean() + 0.05
    assert draw.flooded[found].mean() > draw.flooded[before].mean() + 0.06


def test_more_references_never_take_evidence_away() -> None:
    draw = Draw(3, 8.0, 12, 100_000)
    sign = np.where(draw.flooded, 1.0, -1.0)
    expected, error = [], []
    for used in (1, 2, 3, 4, 6, 8, 12):
        gain = sign * draw.evidence(used)[1]
        expected.append(float(gain.mean()))
        error.append(float(gain.std() / np.sqrt(gain.size)))
    for k in range(1, len(expected)):
        assert expected[k] > expected[k - 1] - 3.0 * np.hypot(error[k], error[k - 1])
    assert expected[-1] > expected[0] + 10.0 * error[0]
