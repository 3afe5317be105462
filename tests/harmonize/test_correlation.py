"""What channels of one pass are worth together (harmonization.md 6)."""

from __future__ import annotations

import pytest

from floodfuse.harmonize.correlation import channel_correlation, channel_weights
from floodfuse.harmonize.densities import CROSS_POLARIZED


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
