"""The prior table of class levels, and how it moves with the angle (harmonization.md 2.2 and 3.6)."""

from __future__ import annotations

import numpy as np
import pytest

from floodfuse.harmonize import densities
from floodfuse.harmonize.classes import DRY, EvidenceClass
from floodfuse.harmonize.incidence import gamma0_slope_db_deg
from floodfuse.harmonize.push_forward import model_levels

W, FF, FH, FU, DF, DV, BS, U = EvidenceClass
CO_POLARIZED = ("C_VV", "C_HH", "L_HH", "L_VV")

# 3.6, class prior table v0: mean / sd of gamma0 [dB] at 38 deg.
PRIORS_V0 = {
    W: {"C_VV": (-18.1, 2.9), "C_VH": (-27.0, 2.5), "L_HH": (-22.5, 3.0), "L_HV": (-31.0, 3.0)},
    FF: {"C_VV": (-7.0, 1.6), "C_VH": (-13.0, 1.6), "L_HH": (-4.0, 2.0), "L_HV": (-12.0, 2.0)},
    FH: {"C_VV": (-9.0, 3.0), "C_VH": (-17.0, 2.5), "L_HH": (-13.0, 4.0), "L_HV": (-20.0, 3.5)},
    DF: {"C_VV": (-7.5, 1.3), "C_VH": (-13.0, 1.5), "L_HH": (-7.5, 1.5), "L_HV": (-12.5, 1.8)},
    DV: {"C_VV": (-10.0, 2.0), "C_VH": (-16.5, 2.2), "L_HH": (-12.5, 2.5), "L_HV": (-20.0, 3.0)},
    BS: {"C_VV": (-10.0, 2.6), "C_VH": (-19.5, 3.0), "L_HH": (-15.5, 3.2), "L_HV": (-27.0, 4.0)},
    U: {"C_VV": (-4.0, 4.0), "C_VH": (-11.0, 3.5), "L_HH": (-4.0, 4.5), "L_HV": (-14.0, 4.0)},
}


@pytest.mark.parametrize("k", PRIORS_V0)
def test_levels_are_those_of_the_prior_table(k: EvidenceClass) -> None:
    for channel, (mean_db, sd_db) in PRIORS_V0[k].items():
        assert densities.class_mean_db(channel, k, 38.0) == pytest.approx(mean_db, abs=1e-12)
        regions = (
            1.5 if channel[0] == "L" and k in (FF, DF) else 0.0
        )  # between the table's stands and the models'
        assert densities.TABLE[channel][k].sd_db == sd_db
        assert densities.class_sd_db(channel, k) == pytest.approx(np.hypot(sd_db, regions))


def test_every_channel_describes_every_class() -> None:
    assert set(densities.CHANNELS) == {"C_VV", "C_VH", "C_HH", "C_HV", "L_HH", "L_HV", "L_VV", "L_VH"}
    for channel in densities.CHANNELS:
        assert set(densities.TABLE[channel]) == set(EvidenceClass)
        assert all(level.sd_db > 0 for level in densities.TABLE[channel].values())


@pytest.mark.parametrize(
    ("theta", "sigma0_db"),
    [(30, -15.9674), (35, -17.9383), (38, -19.1209), (40, -19.9093), (45, -21.8802)],
)
def test_c_band_water_follows_the_measured_flood_signature(theta: float, sigma0_db: float) -> None:
    """3.2, TUW line: -0.394181 theta - 4.142015 dB (Bauer-Marschallinger 2022), of which 3.6 rounds the level."""
    gamma0_db = densities.class_mean_db("C_VV", W, theta)
    assert gamma0_db + 10 * np.log10(np.cos(np.deg2rad(theta))) == pytest.approx(sigma0_db, abs=0.02)


@pytest.mark.parametrize("channel", densities.CHANNELS)
def test_slope_of_a_class_without_a_model_is_that_of_gamma0(channel: str) -> None:
    for k in (W, U, FU):
        mean = densities.class_mean_db(channel, k, [37.99, 38.01])
        expected = float(gamma0_slope_db_deg(densities.TABLE[channel][k].sigma0_slope_db_deg, 38.0))
        assert (mean[1] - mean[0]) / 0.02 == pytest.approx(expected, abs=1e-6)
        assert densities.class_sd_db(channel, k, 30.0) == densities.class_sd_db(channel, k)


@pytest.mark.parametrize("channel", ["C_VV", "C_VH", "L_HH", "L_HV"])
@pytest.mark.parametrize("theta", [28.0, 38.0, 46.0])
def test_classes_with_a_model_move_with_angle_as_it_says(channel: str, theta: float) -> None:
    """Level from the table at 38 deg; differences with angle, and the spread's ratio, from the models."""
    levels = model_levels(channel)
    at, ref = int(theta) - 15, 38 - 15
    for k in (DF, DV, BS, FF):
        moved = levels.mean_db[at, k] - levels.mean_db[ref, k]
        level = densities.TABLE[channel][k]
        assert densities.class_mean_db(channel, k, theta) == pytest.approx(level.mean_db + moved, abs=1e-9)
        ratio = levels.sd_db[at, k] / levels.sd_db[ref, k]
        regions = 1.5 if channel[0] == "L" and k in (FF, DF) else 0.0
        expected = np.hypot(level.sd_db * ratio, regions)
        assert densities.class_sd_db(channel, k, theta) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("channel", densities.CHANNELS)
@pytest.mark.parametrize("theta", [28.0, 38.0, 46.0])
def test_open_water_is_the_darkest_class_in_every_channel_and_at_every_angle(
    channel: str, theta: float
) -> None:
    water = densities.class_mean_db(channel, W, theta)
    for k in set(EvidenceClass) - {W}:
        apart = 0.5 if channel == "L_VV" else 1.5  # where the models of water and soil meet at steep angles
        assert water + apart < densities.class_mean_db(channel, k, theta), k


def test_flooding_a_forest_shows_in_l_hh_less_in_l_vv_and_hardly_in_c_band() -> None:
    """3.5: +3.3 dB in L-HH, +1.1 in L-VV, about nothing in C; property 11."""

    def rise(channel: str) -> float:
        return float(densities.class_mean_db(channel, FF, 38.0) - densities.class_mean_db(channel, DF, 38.0))

    assert 3.0 <= rise("L_HH") <= 5.5
    assert 0.5 <= rise("L_VV") <= 2.0
    assert abs(rise("C_VV")) <= 0.5
    assert rise("L_HH") > rise("L_VV") > rise("C_VV") >= rise("C_VH")


def test_smooth_soil_is_dark_to_l_band_and_bright_to_c_band() -> None:
    """3.3: the offset between bands depends on the class, so no constant moves one band to the other."""
    offset = {
        k: float(densities.class_mean_db("C_VV", k, 38.0) - densities.class_mean_db("L_HH", k, 38.0))
        for k in (DF, DV, BS)
    }
    assert offset[BS] > 5.0 > offset[DV] > 1.0 > offset[DF]


def water_sigma0_db(channel: str, theta: float) -> float:
    return float(densities.class_mean_db(channel, W, theta) + 10 * np.log10(np.cos(np.deg2rad(theta))))


@pytest.mark.parametrize(("theta", "ratio_db"), [(30, 2.85335), (40, 4.57301)])
def test_c_band_water_keeps_the_polarization_ratio_of_thompson(theta: float, ratio_db: float) -> None:
    """3.2, sigma_VV / sigma_HH (Thompson 1998)."""
    ratio = water_sigma0_db("C_VV", theta) - water_sigma0_db("C_HH", theta)
    assert ratio == pytest.approx(ratio_db, abs=0.05)


@pytest.mark.parametrize(
    ("channel", "at_30_db", "at_45_db"),
    [("L_HH", -16.3054, -26.0676), ("L_VV", -13.6508, -19.2735)],
)
def test_l_band_water_falls_as_the_two_scale_model_does(
    channel: str, at_30_db: float, at_45_db: float
) -> None:
    """3.2, two-scale model with the Durden-Vesecky spectrum at 5 m/s; its level is known to +-2 dB."""
    fall = water_sigma0_db(channel, 45.0) - water_sigma0_db(channel, 30.0)
    assert fall == pytest.approx(at_45_db - at_30_db, abs=0.5)
    assert water_sigma0_db(channel, 45.0) == pytest.approx(at_45_db, abs=2.5)


@pytest.mark.parametrize("channel", CO_POLARIZED)
def test_water_falls_with_angle_more_steeply_than_any_ground(channel: str) -> None:
    slope = {k: level.sigma0_slope_db_deg for k, level in densities.TABLE[channel].items()}
    assert all(slope[W] < 2 * slope[k] < 0 for k in set(EvidenceClass) - {W} if k is not BS)
    assert all(slope[W] < slope[k] for k in DRY)


@pytest.mark.parametrize("channel", densities.CHANNELS)
def test_flooded_urban_is_no_narrower_than_urban(channel: str) -> None:
    assert densities.class_sd_db(channel, FU) >= densities.class_sd_db(channel, U)


def test_derived_channels_are_wider_than_their_source_and_cross_polarization_is_reciprocal() -> None:
    for derived, source in (("C_HH", "C_VV"), ("L_VV", "L_HH")):
        for k in EvidenceClass:
            assert densities.class_sd_db(derived, k) > densities.class_sd_db(source, k)
    assert densities.TABLE["C_HV"] == densities.TABLE["C_VH"]
    assert densities.TABLE["L_VH"] == densities.TABLE["L_HV"]


def test_water_is_brighter_in_vv_than_in_hh() -> None:
    """Bragg scattering, property 9."""
    for vv, hh in (("C_VV", "C_HH"), ("L_VV", "L_HH")):
        assert densities.class_mean_db(vv, W, 38.0) > densities.class_mean_db(hh, W, 38.0) + 2.0


def test_channel_names_and_image_shapes() -> None:
    assert densities.channel_name("c", "vh") == "C_VH"
    assert densities.class_mean_db("L_HH", FF, np.full((2, 3), 40.0)).shape == (2, 3)
    with pytest.raises(KeyError, match="X_HH"):
        densities.class_mean_db("X_HH", FF, 38.0)
