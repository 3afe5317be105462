"""What channels and bands are worth together (harmonization.md 3.6 and 6)."""

from __future__ import annotations

import numpy as np
import pytest

from floodfuse.harmonize.classes import EvidenceClass
from floodfuse.harmonize.correlation import (
    TEXTURE_CORRELATION,
    band_correlation,
    discounted,
    texture_correlation,
)

W, FF, FH, FU, DF, DV, BS, U = EvidenceClass


@pytest.mark.parametrize("k", [DF, DV, BS, FF, U])
def test_c_band_shares_its_texture_and_l_band_forest_does_not(k: EvidenceClass) -> None:
    assert texture_correlation(k, "C_VV", "C_VH") == TEXTURE_CORRELATION
    l_band = texture_correlation(k, "L_HH", "L_HV")
    if k is FF:
        assert l_band == 0.0
    elif k is DF:
        assert l_band == pytest.approx(0.44, abs=0.05)
    else:
        assert l_band == TEXTURE_CORRELATION


@pytest.mark.parametrize(("hours", "expected"), [(0.0, 0.63), (12.0, 0.356), (-12.0, 0.356), (1e4, 0.313)])
def test_bands_share_wind_for_hours_and_soil_for_good(hours: float, expected: float) -> None:
    """3.6: correlations of water .95, soil .75."""
    assert band_correlation(hours) == pytest.approx(expected, abs=0.01)


def evidence(seed: int = 0) -> np.ndarray:
    nats = np.random.default_rng(seed).uniform(-4.0, 0.0, (5, 6, 8)).astype(np.float32)
    nats -= nats.max(axis=-1, keepdims=True)
    nats[0, 0] = np.nan
    return nats


def test_without_the_other_band_evidence_stays_as_it_is_to_the_last_bit() -> None:
    np.testing.assert_array_equal(discounted(evidence(), np.zeros((5, 6), np.float32)), evidence())


@pytest.mark.parametrize("rho", [0.3, 0.5, 1.0])
def test_two_alike_are_worth_what_they_share_leaves(rho: float) -> None:
    """Factors 1 / (1 + rho) = .769, .667, .5 on open ground; double bounce counts in full."""
    nats, correlation = evidence(), np.full((5, 6), rho, np.float32)
    found = discounted(nats, correlation)
    for a, b in ((W, BS), (W, DV), (FH, DV), (DF, BS)):
        np.testing.assert_allclose(
            found[..., a] - found[..., b], (nats[..., a] - nats[..., b]) / (1 + rho), atol=1e-5
        )
    for flooded, dry in ((FF, DF), (FU, U)):
        np.testing.assert_allclose(
            found[..., flooded] - found[..., dry], nats[..., flooded] - nats[..., dry], atol=1e-5
        )
    assert np.nanmax(found) == 0.0
    assert np.isnan(found[0, 0]).all()


def test_a_copy_adds_nothing_on_open_ground() -> None:
    """Property 24: the same evidence twice, wholly correlated, is that evidence once."""
    nats, correlation = evidence(3), np.ones((5, 6), np.float32)
    both = 2.0 * discounted(nats, correlation)
    np.testing.assert_allclose(both[..., W] - both[..., BS], nats[..., W] - nats[..., BS], atol=1e-5)
