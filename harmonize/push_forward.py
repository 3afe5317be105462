"""Levels of the classes as the forward models have them: priors of the latents, sent through physics, at every angle.

For each class and channel the models turn every draw of `latents` into gamma nought at every incidence angle; the mean
and the standard deviation of its decibels over the draws are m_k(theta) and s_k(theta).

What of it to trust, and so how a class's density is to be made of it: **levels at 38 deg come from the prior table
(`densities.TABLE`), differences with angle and the ratio s(theta) / s(38) come from these models**,

    m_k(theta) = TABLE mean + `shift_db`(theta),   s_k(theta) = TABLE sd x `spread_ratio`(theta),

for the models are 4 dB off for soil at C-VV and 1.5 dB for forest at L-HH, but know how a surface's law bends with angle.
Where a class has no model (NaN), the table's straight line is all there is.

Models hold where they hold: CMOD5.N at 18 to 58 deg, the L-band water function at 25 to 50, soil at 10 to 70. Beyond, mean
sigma0 goes on in dB along its slope at the edge, and the spread stays that of the edge.
No model: cross-polarization of water (it lies under the noise floor, which the likelihood has exactly); flooded herbs but
in VV, where the field lies along the stems and the change goes both ways, as it does in nature (in HH thin stems hardly
answer, so that the model could only darken, and there is none for HV); towns.
Source: harmonization.md 3.2 to 3.6.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from floodfuse.harmonize import water
from floodfuse.harmonize.classes import EvidenceClass
from floodfuse.harmonize.dielectric import (
    reflectivity,
    soil_permittivity,
    vegetation_permittivity,
    water_permittivity,
)
from floodfuse.harmonize.double_bounce import Ground, Stand, trunk_ground
from floodfuse.harmonize.incidence import REFERENCE_DEG
from floodfuse.harmonize.latents import WIND_M_S, Latents, draw_latents
from floodfuse.harmonize.radiometry import (
    PALSAR2_GHZ,
    SENTINEL1_GHZ,
    from_db,
    to_db,
    wavenumber_rad_m,
)
from floodfuse.harmonize.reeds import reed_bounce
from floodfuse.harmonize.soil import MODEL_SD_DB, oh_1992
from floodfuse.harmonize.vegetation import b_factor, canopy_volume, two_way_transmissivity, water_cloud

CHANNELS = ("C_VV", "C_VH", "C_HH", "L_HH", "L_HV", "L_VV")
INCIDENCE_DEG = np.arange(15.0, 70.0 + 1e-9, 1.0)
QUANTILES = (0.05, 0.5, 0.95)

SOIL_BIAS_DB = 1.3  # that Oh et al. (1992) are too dark against NMM3D, mean of the polarizations
CMOD5N_SD_DB = 1.0
CALMEST_L_M_S = 1.5
WOOD_MOISTURE, BARK_RMS_M = 0.5, 0.006
VERTICAL_DEPTH, VERTICAL_VOLUME = 1.25, 0.91  # of crowns at L-VV, against L-HH: trunks stand upright

Float = NDArray[np.floating]
Band = Literal["C", "L"]
Polarization = Literal["v", "h", "x"]


class ModelLevels(NamedTuple):
    """What the models say of one channel; NaN for classes without a model.

    Attributes
    ----------
    incidence_deg : (angle,), 15 … 70 deg by 1 deg
    mean_db : (angle, class) mean gamma0, dB
    sd_db : (angle, class) its standard deviation within the class, without speckle, with the models' own error
    """

    incidence_deg: Float
    mean_db: Float
    sd_db: Float

    @property
    def shift_db(self) -> Float:
        """(angle, class) mean gamma0 less that at 38 deg, dB."""
        return np.asarray(self.mean_db - self.mean_db[_REFERENCE_INDEX])

    @property
    def spread_ratio(self) -> Float:
        """(angle, class) spread over that at 38 deg."""
        return np.asarray(self.sd_db / self.sd_db[_REFERENCE_INDEX])


_REFERENCE_INDEX = int(np.searchsorted(INCIDENCE_DEG, REFERENCE_DEG))
_SAME = {"C_HV": "C_VH", "L_VH": "L_HV"}  # reciprocity


def _split(channel: str) -> tuple[Band, Polarization]:
    name = _SAME.get(channel, channel)
    if name not in CHANNELS:
        raise ValueError(f"channel {channel!r} has no model; those that have: {', '.join(CHANNELS)}")
    polarization: Polarization = "v" if name.endswith("VV") else "h" if name.endswith("HH") else "x"
    return "C" if name.startswith("C") else "L", polarization


def _latents() -> Latents:
    return draw_latents(float(b_factor(SENTINEL1_GHZ)), float(b_factor(PALSAR2_GHZ)))


class _Channel(NamedTuple):
    """One channel, its draws, and whether the models' own error is among them."""

    band: Band
    polarization: Polarization
    frequency_ghz: float
    draws: Latents
    with_error: bool

    def error(self, sd_db: float, mean_db: float = 0.0) -> Float:
        return np.asarray(mean_db + (sd_db * self.draws.error if self.with_error else 0.0))

    def canopy(self, name: Literal["low", "crowns"]) -> tuple[Float, Float]:
        """Optical depth and volume amplitude of low plants or crowns."""
        canopy = self.draws.low if name == "low" else self.draws.crowns
        at_c = self.band == "C"
        depth, volume = (canopy.depth_c, canopy.volume_c) if at_c else (canopy.depth_l, canopy.volume_l)
        if self.polarization == "x":
            return depth, volume * (canopy.cross_c if at_c else canopy.cross_l)
        if name == "crowns" and self.polarization == "v" and not at_c:
            return VERTICAL_DEPTH * depth, VERTICAL_VOLUME * volume
        return depth, volume


def _nothing(theta: Float, c: _Channel) -> Float:
    return np.full((c.draws.error.shape[0], theta.size), np.nan)


def _water(theta: Float, c: _Channel, fetch: float = 1.0) -> Float:
    """sigma0 of open water, linear; NaN outside the functions' angles, and where cross-polarized."""
    if c.polarization == "x":
        return _nothing(theta, c)
    return from_db(_c_water_db(theta, c, fetch) if c.band == "C" else _l_water_db(theta, c, fetch))


def _c_water_db(theta: Float, c: _Channel, fetch: float) -> Float:
    wind = c.draws.wind
    speed = np.maximum(fetch * wind.speed_m_s, WIND_M_S[0])
    level = to_db(water.cmod5n(theta, speed, wind.direction_deg)) + c.error(CMOD5N_SD_DB)
    if c.polarization == "v":
        return level
    return level - to_db(water.polarization_ratio_thompson(theta)) + c.error(water.POLARIZATION_RATIO_SD_DB)


def _l_water_db(theta: Float, c: _Channel, fetch: float) -> Float:
    """Below 2 m/s along log10(U) down to 1.5: the class's mean is that of ripples, calm is the noise floor's matter."""
    lowest = water.COMPACT_WIND_M_S[0]
    pol: water.Polarization = "VV" if c.polarization == "v" else "HH"
    speed = np.maximum(fetch * c.draws.wind.speed_m_s, CALMEST_L_M_S)
    step = water.l_water_db(theta, 1.01 * lowest, pol) - water.l_water_db(theta, lowest, pol)
    below = np.minimum(np.log10(speed / lowest), 0.0) / np.log10(1.01) * step
    return water.l_water_db(theta, np.maximum(speed, lowest), pol) + below + c.error(water.COMPACT_SD_DB)


def _soil(theta: Float, c: _Channel, rms_m: Float) -> Float:
    """sigma0 of ground of a roughness, linear, corrected for the mean error of the model."""
    e = soil_permittivity(c.frequency_ghz, c.draws.soil.moisture)
    slant = reflectivity(e, theta)
    ks = wavenumber_rad_m(c.frequency_ghz) * rms_m
    model = oh_1992(theta, ks, reflectivity(e, 0.0).v, slant.v, slant.h, extrapolate=True)
    return model.vv if c.polarization == "v" else model.hh if c.polarization == "h" else model.hv


def _bare_soil(theta: Float, c: _Channel) -> Float:
    return _soil(theta, c, c.draws.soil.rms_m) * from_db(c.error(MODEL_SD_DB, SOIL_BIAS_DB))


def _low_plants(theta: Float, c: _Channel) -> Float:
    return water_cloud(theta, *c.canopy("low"), _bare_soil(theta, c))


def _forest(theta: Float, c: _Channel, flooded: bool) -> Float:
    """Crowns, trunks with what they stand in, and the floor, which does not show once it is a mirror."""
    stand, (depth, volume) = c.draws.forest, c.canopy("crowns")
    total = canopy_volume(theta, depth, volume)
    if not flooded:
        total = total + two_way_transmissivity(depth, theta) * _soil(theta, c, stand.floor_rms_m)
    if c.polarization == "x":
        return total  # a corner of upright trunks turns no polarization
    e = (
        water_permittivity(c.frequency_ghz)
        if flooded
        else soil_permittivity(c.frequency_ghz, c.draws.soil.moisture)
    )
    foot = reflectivity(e, theta)
    trunk = reflectivity(vegetation_permittivity(c.frequency_ghz, WOOD_MOISTURE), 90.0 - theta)
    vertical = c.polarization == "v"
    trunks = Stand(stand.density_m2, stand.radius_m, stand.height_m, stand.tilt_sd_deg, BARK_RMS_M)
    ground = Ground(foot.v if vertical else foot.h, stand.flood_rms_m if flooded else stand.floor_rms_m)
    wood = trunk.v if vertical else trunk.h
    return total + trunk_ground(c.frequency_ghz, theta, trunks, wood, ground, depth)


def _flooded_herbs(theta: Float, c: _Channel) -> Float:
    """Leaves as when dry, stems with water, and the water itself, as dark as sheltered water is, through both."""
    if c.polarization != "v":
        return _nothing(theta, c)  # see the head of the module
    depth, volume = c.canopy("low")
    leaves = canopy_volume(theta, depth, volume)
    bounce, left = reed_bounce(c.frequency_ghz, theta, c.draws.reeds, c.polarization, depth)
    surface = _water(theta, c, water.INLAND_FETCH) * left
    return leaves + bounce + two_way_transmissivity(depth, theta) * surface


_MODELS: dict[EvidenceClass, Callable[[Float, _Channel], Float]] = {
    EvidenceClass.OPEN_WATER: _water,
    EvidenceClass.FLOODED_FOREST: partial(_forest, flooded=True),
    EvidenceClass.FLOODED_HERB: _flooded_herbs,
    EvidenceClass.DRY_FOREST: partial(_forest, flooded=False),
    EvidenceClass.DRY_LOW_VEG: _low_plants,
    EvidenceClass.BARE_SOIL: _bare_soil,
}


def _draws_db(k: EvidenceClass, channel: str, incidence_deg: Float, with_error: bool = True) -> Float:
    """gamma0 [dB] of every draw at every angle, (sample, angle); NaN where there is no model."""
    band, polarization = _split(channel)
    frequency_ghz = SENTINEL1_GHZ if band == "C" else PALSAR2_GHZ
    theta = np.atleast_1d(np.asarray(incidence_deg, dtype=float))
    c = _Channel(band, polarization, frequency_ghz, _latents(), with_error)
    model = _MODELS.get(k)
    if model is None:
        return _nothing(theta, c)
    return to_db(model(theta, c) / np.cos(np.deg2rad(theta)))


def _continued(mean_db: Float, sd_db: Float) -> tuple[Float, Float]:
    """Beyond the angles a model has, mean sigma0 along its slope at the edge, the spread of the edge."""
    known = np.flatnonzero(np.isfinite(mean_db))
    if known.size < 2:
        return np.full_like(mean_db, np.nan), np.full_like(sd_db, np.nan)
    to_gamma = -to_db(np.cos(np.deg2rad(INCIDENCE_DEG)))
    sigma0, theta = mean_db - to_gamma, INCIDENCE_DEG
    first, last = known[0], known[-1]
    inside = np.interp(theta, theta[known], sigma0[known])
    low = (sigma0[first + 1] - sigma0[first]) * np.minimum(theta - theta[first], 0.0)
    high = (sigma0[last] - sigma0[last - 1]) * np.maximum(theta - theta[last], 0.0)
    return inside + low + high + to_gamma, np.interp(theta, theta[known], sd_db[known])


@lru_cache(maxsize=16)
def model_levels(channel: str) -> ModelLevels:
    """Mean and spread of gamma0 [dB] of each class in a channel, at 15 … 70 deg; see the head of this module.

    Parameters
    ----------
    channel : C_VV, C_VH, C_HH, L_HH, L_HV or L_VV; C_HV and L_VH are the same as C_VH and L_HV

    Returns
    -------
    arrays (angle, class), not to be written to; NaN for towns, water in cross-polarization, flooded herbs but in VV

    Raises
    ------
    ValueError : a channel without models
    """
    shape = INCIDENCE_DEG.size, len(EvidenceClass)
    mean_db, sd_db = np.full(shape, np.nan), np.full(shape, np.nan)
    _split(channel)
    for k in _MODELS:
        draws = _draws_db(k, channel, INCIDENCE_DEG)
        mean_db[:, k], sd_db[:, k] = _continued(draws.mean(axis=0), draws.std(axis=0))
    levels = ModelLevels(INCIDENCE_DEG.copy(), mean_db, sd_db)
    for array in levels:
        array.setflags(write=False)
    return levels


_BEFORE = {
    EvidenceClass.FLOODED_FOREST: EvidenceClass.DRY_FOREST,
    EvidenceClass.FLOODED_HERB: EvidenceClass.DRY_LOW_VEG,
}


def flooding_change_db(
    channel: str,
    incidence_deg: ArrayLike = REFERENCE_DEG,
    quantiles: tuple[float, ...] = QUANTILES,
    flooded: EvidenceClass = EvidenceClass.FLOODED_FOREST,
) -> Float:
    """Quantiles of the change [dB] when the same stand comes to stand in water: flooded less dry, draw by draw.

    Parameters
    ----------
    channel : as in `model_levels`
    incidence_deg : (angle,) or a scalar; a model's own range, NaN outside
    quantiles : 0 … 1
    flooded : FLOODED_FOREST (against DRY_FOREST) or FLOODED_HERB (against DRY_LOW_VEG)

    Returns
    -------
    (..., quantile). L-HH at 38 deg: about +1.1, +2.7, +5.4 dB; C-VV about nothing.

    Raises
    ------
    ValueError : a channel without models, or another class
    """
    if flooded not in _BEFORE:
        raise ValueError(f"{flooded!r} has no dry counterpart with a model; those that have: forest, herbs")
    theta = np.asarray(incidence_deg, dtype=float)
    change = _draws_db(flooded, channel, theta, False) - _draws_db(_BEFORE[flooded], channel, theta, False)
    result = np.quantile(change, quantiles, axis=0)
    return np.moveaxis(result, 0, -1).reshape(*theta.shape, len(quantiles))


def class_correlation(k: EvidenceClass, a: str, b: str, incidence_deg: float = REFERENCE_DEG) -> float:
    """Correlation, within a class, of gamma0 [dB] in two channels, that shared latents make; NaN without a model.

    C-VV with L-HH at 38 deg: water .95 (one wind), soil .75 (one soil), flooded forest .05 (crowns against trunks). The
    models' own errors are left out.
    """
    first, second = (_draws_db(k, channel, np.asarray(incidence_deg), False)[:, 0] for channel in (a, b))
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])
