"""Properties of harmonization.md 10 that hold across modules: whole scenes, blocks, precision, limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit, logsumexp

from floodfuse.harmonize import optical, radiometry, water
from floodfuse.harmonize.classes import Decider, EvidenceClass
from floodfuse.harmonize.densities import TABLE
from floodfuse.harmonize.evidence import aggregate, optical_evidence, radar_evidence
from floodfuse.harmonize.joint import Floor, JointTable, joint_table
from floodfuse.harmonize.likelihood import log_density, per_db, robust
from floodfuse.harmonize.prior import log_prior
from floodfuse.models.bayes import Posterior, fuse

Float32 = NDArray[np.float32]
Float = NDArray[np.float64]
Tables = dict[Decider, JointTable]

W, FF, FH, FU, DF, DV, BS, U = EvidenceClass
LOOKS = 4.4
NESZ_DB = {"C_VV": -24.0, "C_VH": -26.0, "L_HH": -28.0, "L_HV": -30.0}  # sigma0
PASSES = {Decider.SENTINEL1: ("C_VV", "C_VH"), Decider.ALOS2: ("L_HH", "L_HV")}
reproducible = settings(deadline=None, derandomize=True, max_examples=60)
levels = st.tuples(st.floats(-30.0, 0.0), st.floats(0.5, 5.0))


@pytest.fixture(scope="module")
def passes() -> Tables:
    """Tables of a pass of each radar, both polarizations together."""
    return {
        who: joint_table(tuple(Floor(n, NESZ_DB[n]) for n in names), LOOKS) for who, names in PASSES.items()
    }


def llr(y_db: float, a: tuple[float, float], b: tuple[float, float], noise: float = 0.004) -> float:
    """ln p(y | a) - ln p(y | b), classes given by mean and spread in dB, at 4.4 looks."""
    total = 10 ** (y_db / 10)
    return float(log_density(total, *a, LOOKS, noise) - log_density(total, *b, LOOKS, noise))


@pytest.mark.parametrize(
    ("channel", "wind", "largest_departure_db", "bound_db"),
    [  # reference_values.json angle/model_sigma0_slopes_30_46
        ("C_VV", 5.0, 0.782044, 1.0),
        ("C_VV", 3.0, 0.946094, 1.0),
        ("L_HH", 5.0, 0.516536, 0.55),
    ],
)
def test_what_a_line_leaves_of_the_angle_at_38_degrees(
    channel: water.WaterChannel, wind: float, largest_departure_db: float, bound_db: float
) -> None:
    """Property 4: water is curved, so a line that is held at 38 deg misses by up to so much."""
    theta = np.arange(30.0, 46.1)
    level = water.water_db(channel, theta, wind)
    slope = np.polyfit(theta - 38.0, level, 1)[0]
    departure = np.abs(level - slope * (theta - 38.0) - level[theta == 38.0]).max()
    assert departure == pytest.approx(largest_departure_db, rel=1e-5)
    assert departure < bound_db


@reproducible
@given(a=levels, b=levels, y_db=st.floats(-40.0, 10.0))
def test_evidence_for_one_is_evidence_against_the_other(
    a: tuple[float, float], b: tuple[float, float], y_db: float
) -> None:
    """Property 14: antisymmetric, and nothing between a class and itself; robust ratios too."""
    assert llr(y_db, a, b) == pytest.approx(-llr(y_db, b, a), abs=1e-10)
    assert llr(y_db, a, a) == 0.0
    total = 10 ** (y_db / 10)
    of_a, of_b = (robust(per_db(log_density(total, *k, LOOKS), total)) for k in (a, b))
    assert abs(of_a - of_b) < 40.0  # finite, however far off


def test_a_class_that_can_be_anything_is_no_evidence() -> None:
    """Property 15: means 6 dB apart say less the wider the classes, and nothing in the end."""
    strength = [
        max(abs(llr(y, (-6.0, s), (-12.0, s), noise=0.0)) for y in (-30.0, -9.0, 3.0))
        for s in (3, 10, 30, 100, 400)
    ]
    assert (np.diff(strength) < 0).all()
    assert strength[0] > 1.0 and strength[-1] < 1e-3


@reproducible
@given(y_db=st.floats(-40.0, 5.0))
def test_noise_above_every_class_leaves_no_evidence(y_db: float) -> None:
    """Property 15: below 1e-3 at a noise floor of +14 dB, whatever was measured."""
    noise = 10**1.4
    total = 10 ** (y_db / 10) + noise
    dark, darker = (log_density(total, m, 1.0, LOOKS, noise) for m in (-30.0, -36.0))
    assert abs(dark - darker) < 1e-3


@reproducible
@given(dn=st.integers(1, 65535), theta=st.floats(20.0, 60.0))
def test_digital_numbers_come_back_through_every_quantity(dn: int, theta: float) -> None:
    """Properties 1 and 2: DN -> gamma0 -> dB -> beta0 -> sigma0 -> gamma0 -> DN."""
    gamma = radiometry.from_db(radiometry.to_db(radiometry.palsar2_power(np.uint16(dn))))
    beta = radiometry.convert(gamma, "gamma0", "beta0", theta)
    again = radiometry.convert(radiometry.convert(beta, "beta0", "sigma0", theta), "sigma0", "gamma0", theta)
    assert radiometry.palsar2_dn(again) == pytest.approx(dn, rel=1e-6)


@reproducible
@given(green=st.integers(1100, 6000), nir=st.integers(1050, 6000))
def test_a_forgotten_offset_always_pulls_the_index_towards_zero(green: int, nir: int) -> None:
    """Property 22: |NDWI| shrinks by (G + N) / (G + N + 2000) with its sign kept, so it is no gain that cancels."""
    dn = np.array([green, nir], np.uint16)
    right = float(optical.normalised_difference(*optical.reflectance(dn, optical.OFFSET_DN)))
    wrong = float(optical.normalised_difference(*optical.reflectance(dn, 0.0)))
    share = (green + nir - 2000) / (green + nir)
    assert wrong == pytest.approx(right * share, abs=1e-6)


def drawn(rng: np.random.Generator, k: EvidenceClass, shape: tuple[int, int]) -> dict[str, Float32]:
    """Speckled gamma0 of a scene all of one class, noise subtracted, in the four main channels at 38 deg."""
    power = {}
    for name, nesz_db in NESZ_DB.items():
        level = TABLE[name][k].mean_db + TABLE[name][k].sd_db * rng.standard_normal(shape)
        noise = 10 ** (nesz_db / 10) / np.cos(np.deg2rad(38.0))
        total = (10 ** (level / 10) + noise) * rng.gamma(LOOKS, 1.0 / LOOKS, shape)
        power[name] = (total - noise).astype(np.float32)
    return power


def of_pass(passes: Tables, power: Mapping[str, Float32], who: Decider, angle: Float32) -> Float32:
    names = PASSES[who]
    return radar_evidence(
        [power[n] for n in names], [10 ** (NESZ_DB[n] / 10) for n in names], angle, passes[who]
    )


def posterior(passes: Tables, power: Mapping[str, Float32], *sensors: Decider) -> Posterior:
    """The whole physical way with an open prior: evidence, its mean over 5 x 5 px, Bayes."""
    shape = next(iter(power.values())).shape
    angle = np.full(shape, 38.0, np.float32)
    nats = {who: aggregate(of_pass(passes, power, who, angle)) for who in sensors}
    return fuse(nats, log_prior((shape[0], shape[1])))


BOTH = (Decider.SENTINEL1, Decider.ALOS2)


@pytest.mark.parametrize("sensors", [BOTH, BOTH[:1], BOTH[1:]])
def test_a_dry_scene_stays_dry_and_a_flooded_one_is_flooded(
    passes: Tables, sensors: tuple[Decider, ...]
) -> None:
    """Property 30: fields all over, and open water all over; with both radars and with each alone."""
    rng = np.random.default_rng(12)
    fields = posterior(passes, drawn(rng, DV, (80, 80)), *sensors)
    sea = posterior(passes, drawn(rng, W, (80, 80)), *sensors)
    assert (fields.water > 0.5).mean() < (0.01 if len(sensors) == 2 else 0.03)
    assert (sea.water > 0.5).mean() > 0.98
    assert (sea.classes.argmax(axis=-1) == W).mean() > 0.9
    for scene in (fields, sea):
        assert set(np.unique(scene.sensors)) == {len(sensors)}
        np.testing.assert_allclose(scene.classes.sum(axis=-1), 1.0, atol=1e-6)


def test_a_scene_without_a_value_is_the_prior_and_names_no_sensor(passes: Tables) -> None:
    """Property 30."""
    nothing = {name: np.full((9, 8), np.nan, np.float32) for name in NESZ_DB}
    empty = posterior(passes, nothing, *BOTH)
    np.testing.assert_allclose(empty.classes, np.exp(log_prior((9, 8))), atol=1e-6)
    assert (empty.sensors == 0).all() and (empty.decider == Decider.NONE).all()


def test_one_sensor_alone_equals_it_beside_a_blind_one(passes: Tables) -> None:
    """Properties 24 and 30, to the last bit and through aggregation."""
    power = drawn(np.random.default_rng(3), FF, (20, 21))
    blind = power | {name: np.full((20, 21), np.nan, np.float32) for name in PASSES[Decider.ALOS2]}
    for alone, beside in zip(
        posterior(passes, power, Decider.SENTINEL1), posterior(passes, blind, *BOTH), strict=True
    ):
        np.testing.assert_array_equal(alone, beside)


def ramp_scene(rows: int = 37, columns: int = 53) -> tuple[dict[str, Float32], Float32]:
    rng = np.random.default_rng(8)
    power = {}
    for name in NESZ_DB:
        level = rng.uniform(-35.0, 5.0, (rows, columns))
        level[rng.random(level.shape) < 0.05] = np.nan
        power[name] = (10 ** (level / 10) * rng.gamma(LOOKS, 1 / LOOKS, level.shape)).astype(np.float32)
    return power, np.broadcast_to(np.linspace(29.0, 46.0, columns, dtype=np.float32), (rows, columns)).copy()


@pytest.mark.parametrize("who", PASSES)
@pytest.mark.parametrize("chunks", [(10, 17), (37, 9), (1, 53)])
def test_evidence_in_dask_chunks_has_the_bits_of_the_whole(
    passes: Tables, who: Decider, chunks: tuple[int, int]
) -> None:
    """Property 29, stricter: 0 and not 1e-4 nat, in any chunks and order of threads."""
    power, angle = ramp_scene()
    names = PASSES[who]
    whole = of_pass(passes, power, who, angle)

    def block(theta: Float32, *values: Float32) -> Float32:
        return of_pass(passes, dict(zip(names, values, strict=True)), who, theta)

    lazy = da.map_blocks(
        block,
        *(da.from_array(a, chunks) for a in (angle, *(power[n] for n in names))),
        new_axis=2,
        chunks=(*da.core.normalize_chunks(chunks, angle.shape), (8,)),
        dtype=np.float32,
    )
    np.testing.assert_array_equal(lazy.compute(scheduler="threads", num_workers=2), whole)


@pytest.mark.parametrize("index", [optical.NDWI_DENSITY, optical.MNDWI_DENSITY])
def test_optical_evidence_in_single_precision_is_that_of_double(index: optical.IndexDensity) -> None:
    """Property 29: reflectances that lost their last bits move evidence by less than 1e-3, a hundredth of its error."""
    rng = np.random.default_rng(1)
    a, b = rng.uniform(0.01, 0.5, (2, 4000))
    single = optical.index_evidence(a.astype(np.float32), b.astype(np.float32), index)
    double = optical.index_evidence(a, b, index)
    assert np.abs(single.astype(float) - double.astype(float)).max() < 1e-4


@pytest.mark.parametrize("name", NESZ_DB)
def test_densities_of_values_in_single_precision_are_those_of_double(name: str) -> None:
    """Property 29: float32 in, 1e-4 nat between any two classes within 6 spreads of either."""
    y_db = np.linspace(-40.0, 5.0, 2000)
    power = 10 ** (y_db / 10)
    rounded = power.astype(np.float32)
    curves = [
        [log_density(x, TABLE[name][k].mean_db, TABLE[name][k].sd_db, LOOKS, 0.003) for k in EvidenceClass]
        for x in (power, rounded)
    ]
    exact, single = (np.asarray(c) - c[0] for c in curves)
    assert np.abs(exact - single).max() < 1e-4


def test_what_optical_leaves_open_the_prior_and_radar_decide_alone(passes: Tables) -> None:
    """Property 23, through fusion: flooded against dry forest is the same to 1e-5 however dry light looks."""
    power = drawn(np.random.default_rng(5), FF, (12, 12))
    angle = np.full((12, 12), 38.0, np.float32)
    l_band = of_pass(passes, power, Decider.ALOS2, angle)
    prior = log_prior((12, 12))

    def odds(water_nats: float) -> Float:
        light = optical_evidence(np.full((12, 12), water_nats, np.float32))
        classes = fuse({Decider.ALOS2: l_band, Decider.SENTINEL2: light}, prior).classes.astype(float)
        return np.asarray(np.log(classes[..., FF] / classes[..., DF]))

    np.testing.assert_allclose(odds(-4.0), odds(0.0), atol=1e-5)


SHARE_FLOODED = {  # reference_values.json id/calibration_equality: of the bin from -3, -2, … nats, one wide
    "C_VV": (np.nan, 0.209023, 0.384268, 0.584003, 0.804878, 0.921573),
    "L_HH": (0.079478, 0.191373, 0.375272, 0.617023, 0.81312, 0.921666),
}


class Bin(NamedTuple):
    """Pixels whose evidence of flood lies within one nat: their share of floods, what it should be, its error."""

    share: float
    expected: float
    sampling: float


def reliability(name: str, looks: float = 10.0, n: int = 20_000) -> dict[int, Bin]:
    """Of one channel on the reference mixture: two flooded classes and three dry ones, floods and dry one to one."""
    rng, noise = np.random.default_rng(31), 10 ** (NESZ_DB[name] / 10)
    flooded, dry = (W, FF), (DF, DV, BS)
    level = [TABLE[name][k] for k in (*flooded, *dry)]
    mean = [10 ** ((k.mean_db + k.sd_db * rng.standard_normal(n)) / 10) + noise for k in level]
    total = np.concatenate([m * rng.gamma(looks, 1.0 / looks, n) for m in mean])
    each = np.stack([log_density(total, k.mean_db, k.sd_db, looks, noise) for k in level])
    nats = logsumexp(each[:2], axis=0) - np.log(2.0) - logsumexp(each[2:], axis=0) + np.log(3.0)
    wet = np.arange(5).repeat(n) < len(flooded)
    weight = np.where(wet, 1.0 / len(flooded), 1.0 / len(dry))
    bins = {}
    for low in range(-3, 3):
        here = (nats >= low) & (nats < low + 1)
        if here.any():
            w, z = weight[here], wet[here]
            share, expected = np.average(z, weights=w), np.average(expit(nats[here]), weights=w)
            sampling = np.sqrt((w**2 * (z - share) ** 2).sum()) / w.sum()
            bins[low] = Bin(float(share), float(expected), float(sampling))
    return bins


def test_a_bin_of_evidence_holds_the_same_share_of_floods_at_either_band() -> None:
    """Property 19 and 4.3: as in the reference, as sigmoid(l) says, and alike at C and L, to 3 sigma of sampling."""
    found = {name: reliability(name) for name in SHARE_FLOODED}
    for name, shares in SHARE_FLOODED.items():
        for low, share in zip(range(-3, 3), shares, strict=True):
            if np.isnan(share):
                assert low not in found[name]
                continue
            here = found[name][low]
            assert here.share == pytest.approx(share, abs=0.02)
            assert here.share == pytest.approx(here.expected, abs=3.0 * here.sampling)
            assert here.sampling < 0.008
    for low in range(-2, 3):
        c, el = found["C_VV"][low], found["L_HH"][low]
        between = (c.share - c.expected) - (el.share - el.expected)
        assert abs(between) < 3.0 * np.hypot(c.sampling, el.sampling)
