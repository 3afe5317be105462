"""Who can see what: seeded simulations of the reference mixture (harmonization.md 0, 3.6, 4.3, 10).

The generator is the inference model, so these are upper bounds and regression values, never claims of accuracy.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit, logsumexp

from benchmarks.proof_statistics import area_under_curve
from floodfuse.harmonize.classes import Decider, EvidenceClass
from floodfuse.harmonize.densities import TABLE
from floodfuse.harmonize.evidence import radar_evidence
from floodfuse.harmonize.joint import Floor, joint_table
from floodfuse.harmonize.likelihood import log_density
from floodfuse.models.bayes import fuse

Float = NDArray[np.float64]

W, FF, FH, FU, DF, DV, BS, U = EvidenceClass
FLOOD, DRY = (W, FF), (DF, DV, BS)
NOISE = {"C_VV": 10**-2.4, "C_VH": 10**-2.6, "L_HH": 10**-2.8, "L_HV": 10**-3.0}  # gamma0


def drawn(rng: np.random.Generator, k: EvidenceClass, channel: str, looks: float, n: int) -> Float:
    """Total power (noise not yet subtracted) of `n` pixels of a class."""
    level_db = TABLE[channel][k].mean_db + TABLE[channel][k].sd_db * rng.standard_normal(n)
    mean = 10 ** (level_db / 10) + NOISE[channel]
    return np.asarray(mean * rng.gamma(looks, 1.0 / looks, n))


def density(total: Float, k: EvidenceClass, channel: str, looks: float) -> Float:
    level = TABLE[channel][k]
    return log_density(total, level.mean_db, level.sd_db, looks, NOISE[channel])


def ratios(
    a: EvidenceClass, b: EvidenceClass, channel: str, looks: float, n: int = 20_000
) -> tuple[Float, Float]:
    """Log-likelihood ratio a : b of pixels of a, and of pixels of b."""
    rng = np.random.default_rng(11)
    of_a, of_b = (drawn(rng, k, channel, looks, n) for k in (a, b))

    def llr(total: Float) -> Float:
        return density(total, a, channel, looks) - density(total, b, channel, looks)

    return llr(of_a), llr(of_b)


@pytest.mark.parametrize(
    ("a", "b", "channel", "looks", "area", "information_nats"),
    [
        (W, BS, "C_VV", 4.4, 0.940443, 2.16153),
        (W, BS, "C_VV", 40.0, 0.977772, 4.29825),
        (W, BS, "L_HH", 4.4, 0.89203, 1.32854),
        (W, BS, "L_HV", 4.4, 0.7048, 0.291825),
        (W, DV, "C_VH", 4.4, 0.970783, 2.7761),
        (FF, DF, "C_VV", 4.4, 0.555345, 0.0319042),
        (FF, DF, "C_VV", 40.0, 0.592908, 0.0909507),
        (FF, DF, "C_VH", 4.4, 0.506915, 0.000391115),
        (FF, DF, "L_HH", 4.4, 0.810618, 1.05731),
        (FF, DF, "L_HH", 40.0, 0.902943, 2.32758),
        (FH, DV, "C_VV", 4.4, 0.599942, 0.135916),
        (FH, DV, "L_HH", 4.4, 0.603598, 0.118081),
    ],
)
def test_how_well_a_channel_tells_two_classes_apart(
    a: EvidenceClass, b: EvidenceClass, channel: str, looks: float, area: float, information_nats: float
) -> None:
    """3.6: area under the curve, and mean evidence under the true class."""
    true, false = ratios(a, b, channel, looks)
    wet = np.arange(true.size + false.size) < true.size
    assert area_under_curve(np.concatenate([true, false]), wet) == pytest.approx(area, abs=0.01)
    three_sigma = 3 * true.std() / np.sqrt(true.size)
    assert true.mean() == pytest.approx(information_nats, abs=0.02 * information_nats + 1.5 * three_sigma)


@pytest.mark.parametrize(("a", "b"), [(W, BS), (W, DV), (FF, DF), (FH, DV), (FU, U)])
@pytest.mark.parametrize("channel", NOISE)
def test_evidence_favours_the_true_class_on_average(a: EvidenceClass, b: EvidenceClass, channel: str) -> None:
    """Property 17, 3 sigma: also the classes that a channel hardly tells apart."""
    true, false = ratios(a, b, channel, 4.4, n=5000)
    assert true.mean() > -3 * true.std() / np.sqrt(true.size)
    assert false.mean() < 3 * false.std() / np.sqrt(false.size)


@pytest.mark.parametrize(("a", "b", "channel"), [(W, BS, "C_VV"), (W, DV, "C_VH"), (FF, DF, "L_HH")])
def test_more_looks_never_tell_less(a: EvidenceClass, b: EvidenceClass, channel: str) -> None:
    """Property 17: the expected strength of evidence rises with the number of looks."""
    strength, three_sigma = [], []
    for looks in (1.0, 2.0, 4.4, 10.0, 40.0, 160.0):
        both = np.abs(np.concatenate(ratios(a, b, channel, looks, n=5000)))
        strength.append(both.mean())
        three_sigma.append(3 * both.std() / np.sqrt(both.size))
    assert (np.diff(strength) > -np.hypot(three_sigma[1:], three_sigma[:-1])).all()
    assert strength[-1] > 1.5 * strength[0]


class Mixture(NamedTuple):
    """Total power of the same pixels in both bands, and whether they are flooded."""

    c_vv: Float
    l_hh: Float
    flood: NDArray[np.bool_]


@pytest.fixture(scope="module")
def mixture() -> Mixture:
    """10 looks; flood is water and flooded forest, dry is forest, low vegetation and soil, in equal shares."""
    rng, n = np.random.default_rng(23), 12_000
    parts = [(drawn(rng, k, "C_VV", 10.0, n), drawn(rng, k, "L_HH", 10.0, n)) for k in (*FLOOD, *DRY)]
    c_vv, l_hh = (np.concatenate(channel) for channel in zip(*parts, strict=True))
    return Mixture(c_vv, l_hh, np.arange(5).repeat(n) < len(FLOOD))


def joint(c: Float, el: Float, classes: tuple[EvidenceClass, ...], c_on: float, l_on: float) -> Float:
    """ln density of the pair under an equal mix of classes, with either sensor switched on or off."""
    each = [c_on * density(c, k, "C_VV", 10.0) + l_on * density(el, k, "L_HH", 10.0) for k in classes]
    return np.asarray(logsumexp(each, axis=0) - np.log(len(classes)))


def flood_llr(c: Float, el: Float, c_on: float = 1.0, l_on: float = 1.0) -> Float:
    return joint(c, el, FLOOD, c_on, l_on) - joint(c, el, DRY, c_on, l_on)


def test_averaging_bands_is_chance_and_adding_evidence_per_class_is_not(mixture: Mixture) -> None:
    """0.4 and property 20: .530 against .961, with each sensor alone and the sum of ratios between."""
    c, el, flood = mixture
    c_db, l_db = (10 * np.log10(np.maximum(t - NOISE[ch], 1e-5)) for t, ch in ((c, "C_VV"), (el, "L_HH")))
    alone_c, alone_l = flood_llr(c, el, l_on=0.0), flood_llr(c, el, c_on=0.0)
    for score, expected in (
        (-(c_db + l_db) / 2, 0.529768),
        (alone_c, 0.795156),
        (alone_l, 0.920715),
        (alone_c + alone_l, 0.947251),
        (flood_llr(c, el), 0.960509),
    ):
        assert area_under_curve(score, flood) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("band", ["C", "L"])
def test_a_value_of_evidence_means_the_same_from_either_band(mixture: Mixture, band: str) -> None:
    """Property 19: P(flood | evidence) is the logistic curve for C and for L; calibration error below .03."""
    c, el, flood = mixture
    llr = flood_llr(c, el, c_on=float(band == "C"), l_on=float(band == "L"))
    weight = np.where(flood, 1.0 / flood.sum(), 1.0 / (~flood).sum()) / 2.0
    error = 0.0
    for low in np.arange(-6.0, 6.0):
        inside = (llr >= low) & (llr < low + 1.0)
        if inside.sum() > 50:
            share = weight[inside & flood].sum() / weight[inside].sum()
            error += weight[inside].sum() * abs(
                share - np.average(expit(llr[inside]), weights=weight[inside])
            )
    assert error < 0.03


def test_tables_and_fusion_lose_hardly_anything_of_the_exact_evidence(mixture: Mixture) -> None:
    """The whole way, with look-up, caps and 32 bits: the posterior orders pixels as the exact evidence does."""
    c, el, flood = mixture
    angle = np.full((1, c.size), 38.0, np.float32)
    nats = {}
    for who, name, total in ((Decider.SENTINEL1, "C_VV", c), (Decider.ALOS2, "L_HH", el)):
        sigma0 = NOISE[name] * np.cos(np.deg2rad(38.0))
        floor = Floor(name, float(10 * np.log10(sigma0)))
        table = joint_table((floor,), 10.0, incidence_range_deg=(38.0, 38.0))
        gamma0 = (total - NOISE[name]).astype(np.float32)[None]
        nats[who] = radar_evidence([gamma0], [float(sigma0)], angle, table)
    log_prior = np.full((1, c.size, 8), -20.0, np.float32)
    log_prior[..., list(FLOOD)] = np.log(0.5 / len(FLOOD))
    log_prior[..., list(DRY)] = np.log(0.5 / len(DRY))
    posterior = fuse(nats, log_prior)
    area = area_under_curve(posterior.water[0], flood)
    assert area == pytest.approx(0.960509, abs=0.01)
    found = posterior.water[0] > 0.5
    assert (found == flood).mean() > 0.87
