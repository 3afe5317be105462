"""What each class looks like to each radar channel: the prior table, and how it moves with incidence angle.

A channel is a band and a polarization, `C_VV` … `L_HV`. Means and spreads are gamma nought in dB at 38 deg; the
spread is that of the ground within the class, without speckle, which the likelihood adds exactly. How they change with angle
comes from the scattering models (`push_forward`), where a class has one.
Source: harmonization.md 3.6 (table), 2.2 (slopes). Absolute levels are priors, orderings and slopes physics.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from floodfuse.harmonize.classes import COUNTERPARTS, EvidenceClass
from floodfuse.harmonize.incidence import REFERENCE_DEG
from floodfuse.harmonize.push_forward import model_levels

Float = NDArray[np.floating]


class Level(NamedTuple):
    """gamma0 of a class in one channel at 38 deg: mean [dB], spread [dB], slope of sigma0 [dB/deg]."""

    mean_db: float
    sd_db: float
    sigma0_slope_db_deg: float


_W, _FF, _FH, _FU, _DF, _DV, _BS, _U = EvidenceClass

# Flooded urban is the urban row, raised by a dihedral on 30 % of the pixel (3.5) and no narrower: two-sided,
# weak, and capped again in `likelihood`. Slopes without a row in 2.2 take that of the nearest surface.
TABLE: dict[str, dict[EvidenceClass, Level]] = {
    "C_VV": {
        _W: Level(-18.1, 2.9, -0.394181),  # Bauer-Marschallinger et al. 2022
        _FF: Level(-7.0, 1.6, -0.06),
        _FH: Level(-9.0, 3.0, -0.10),
        _FU: Level(-1.5, 4.5, -0.02),
        _DF: Level(-7.5, 1.3, -0.06),
        _DV: Level(-10.0, 2.0, -0.11),
        _BS: Level(-10.0, 2.6, -0.16),
        _U: Level(-4.0, 4.0, -0.02),
    },
    "C_VH": {
        _W: Level(-27.0, 2.5, -0.06),  # at the noise floor: hardly an angle law at all
        _FF: Level(-13.0, 1.6, -0.06),
        _FH: Level(-17.0, 2.5, -0.10),
        _FU: Level(-9.5, 4.0, -0.02),
        _DF: Level(-13.0, 1.5, -0.06),
        _DV: Level(-16.5, 2.2, -0.11),
        _BS: Level(-19.5, 3.0, -0.16),
        _U: Level(-11.0, 3.5, -0.02),
    },
    "L_HH": {
        _W: Level(-22.5, 3.0, -0.640),
        _FF: Level(-4.0, 2.0, -0.09),
        _FH: Level(-13.0, 4.0, -0.12),
        _FU: Level(-2.0, 5.0, -0.02),
        _DF: Level(-7.5, 1.5, -0.04),
        _DV: Level(-12.5, 2.5, -0.12),
        _BS: Level(-15.5, 3.2, -0.21),
        _U: Level(-4.0, 4.5, -0.02),
    },
    "L_HV": {
        _W: Level(-31.0, 3.0, -0.06),
        _FF: Level(-12.0, 2.0, -0.09),
        _FH: Level(-20.0, 3.5, -0.12),
        _FU: Level(-12.5, 4.5, -0.02),
        _DF: Level(-12.5, 1.8, -0.04),
        _DV: Level(-20.0, 3.0, -0.12),
        _BS: Level(-27.0, 4.0, -0.21),
        _U: Level(-14.0, 4.0, -0.02),
    },
}


def _shifted(
    channel: str, shifts_db: dict[EvidenceClass, float], wider_db: float, water_slope_db_deg: float
) -> dict[EvidenceClass, Level]:
    moved = {
        k: level._replace(
            mean_db=level.mean_db + shifts_db.get(k, 0.0), sd_db=float(np.hypot(level.sd_db, wider_db))
        )
        for k, level in TABLE[channel].items()
    }
    moved[_W] = moved[_W]._replace(sigma0_slope_db_deg=water_slope_db_deg)
    return moved


# Co-polarizations without a row of their own are moved from the one that has it, and widened by the model spread.
# Water, C band: sigma_VV / sigma_HH of Thompson et al. 1998, 2.85 dB at 30 deg and 4.57 dB at 40 deg, which makes HH
# steeper. Water, L band: compact function, 4 m/s, 30 to 46 deg, in which VV is much less steep than HH.
# Flooded forest, L-VV: +1.1 dB of flooding instead of +3.3 (3.5). Cross-polarization is reciprocal.
TABLE["C_HH"] = _shifted("C_VV", {_W: -4.2}, 1.5, -0.566)
TABLE["L_VV"] = _shifted("L_HH", {_W: 4.9, _FF: -2.4, _BS: 1.0}, 1.5, -0.361)
TABLE["C_HV"] = TABLE["C_VH"]
TABLE["L_VH"] = TABLE["L_HV"]

CHANNELS = tuple(TABLE)
CROSS_POLARIZED = ("C_VH", "C_HV", "L_HV", "L_VH")


def channel_name(band: str, polarization: str) -> str:
    """`C_VV` from band "C" and polarization "vv"."""
    return f"{band.upper()}_{polarization.upper()}"


@lru_cache
def _model(channel: str, k: EvidenceClass) -> tuple[Float, Float, Float] | None:
    """Angles, shift of the mean from 38 deg [dB] and ratio of the spread to that at 38 deg; None without a model.

    Open water has none here: its wind is a latent of all channels of a pass (`wind`).
    """
    levels = model_levels(channel)
    shift, ratio = levels.shift_db[:, k], levels.spread_ratio[:, k]
    if k is EvidenceClass.OPEN_WATER or not np.isfinite(shift).all():
        return None
    return levels.incidence_deg, shift, ratio


def class_mean_db(channel: str, k: EvidenceClass, incidence_deg: ArrayLike) -> Float:
    """Mean gamma0 [dB] of a class at an incidence angle: the prior table's level at 38 deg, moved as the models say.

    m(theta) = m(38) + model(theta) - model(38)                                        `push_forward`
    m(theta) = m(38) + beta_sigma (theta - 38) - 10 log10(cos theta / cos 38)          where there is no model

    The second is a straight line in sigma0, turned into gamma0.
    """
    level, model = TABLE[channel][k], _model(channel, k)
    theta = np.asarray(incidence_deg, dtype=float)
    if model is not None:
        return np.asarray(level.mean_db + np.interp(theta, model[0], model[1]))
    to_gamma = -10.0 * np.log10(np.cos(np.deg2rad(theta)) / np.cos(np.deg2rad(REFERENCE_DEG)))
    return np.asarray(level.mean_db + level.sigma0_slope_db_deg * (theta - REFERENCE_DEG) + to_gamma)


# Forest at L band lies at -7.5 dB in the table and at -6.0 dB in the models: stands differ between regions by as much, and both
# must be likely. A flooded stand is that stand with water under it.
_FOREST_REGIONS_DB = 1.5


def class_sd_db(channel: str, k: EvidenceClass, incidence_deg: float = REFERENCE_DEG) -> float:
    """Spread [dB] of a class, without speckle: the prior table's at 38 deg, times the models' ratio to it elsewhere.

    Forest at L band has the spread between regions on top.
    """
    model = _model(channel, k)
    ratio = 1.0 if model is None else float(np.interp(incidence_deg, model[0], model[2]))
    regions = _FOREST_REGIONS_DB if channel[0] == "L" and k in (_FF, _DF) else 0.0
    return float(np.hypot(TABLE[channel][k].sd_db * ratio, regions))


class GroundLevel(NamedTuple):
    """What an acquisition told of the level of a dry class in one channel (`scene_levels`).

    Attributes
    ----------
    channel, ground : such as "C_VV", and the value of an `EvidenceClass`
    shift_db : of the class's level from the prior table's
    spread_ratio : of the class's spread to the prior table's
    """

    channel: str
    ground: int
    shift_db: float
    spread_ratio: float


_WITHOUT_WATER = dict(COUNTERPARTS)
# How much of a shift of dry ground the same ground has in water: a stand is that stand, with crowns and trunks (0.96 to 1.04 in the models, 0.78 at L-VV);
# what herbs send back in water is mostly their stems' (0.2 to 0.4).
_KEPT_IN_WATER = {_FF: 1.0, _FH: 0.3, _FU: 1.0}
_LEAST_SPREAD = 0.5  # of a flooded class's own: the step that water makes is not told by dry ground


def level_and_spread_db(
    channel: str,
    k: EvidenceClass,
    incidence_deg: float = REFERENCE_DEG,
    levels: Sequence[GroundLevel] = (),
) -> tuple[float, float]:
    """Mean and spread [dB] of a class other than open water, as the acquisition told them, or else as the prior has them.

    What stands in water is its dry counterpart with a step: it moves by the same shift, or by a share of it, and what is then
    known of the dry ground's variance is known of it too.
    """
    mean, sd = float(class_mean_db(channel, k, incidence_deg)), class_sd_db(channel, k, incidence_deg)
    dry = _WITHOUT_WATER.get(k, k)
    told = next((g for g in levels if g.channel == channel and g.ground == dry), None)
    if told is None:
        return mean, sd
    kept = _KEPT_IN_WATER.get(k, 1.0)
    known = (kept * class_sd_db(channel, dry, incidence_deg)) ** 2 * (1.0 - told.spread_ratio**2)
    least = 0.0 if k == dry else (_LEAST_SPREAD * sd) ** 2
    return mean + kept * told.shift_db, float(np.sqrt(max(sd**2 - known, least)))


def class_slope_db(channel: str, k: EvidenceClass) -> float:
    """Change of a class's mean gamma0 with incidence angle at 38 deg, dB per degree."""
    low, high = class_mean_db(channel, k, np.array([REFERENCE_DEG - 1.0, REFERENCE_DEG + 1.0]))
    return float(high - low) / 2.0
