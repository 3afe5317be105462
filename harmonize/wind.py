"""Open water in every channel of a pass at once: one wind roughens it for all of them.

Wind is latent. Within a scene it is Weibull distributed; how strong it blows that day, nobody says, so the scale of the
Weibull is itself uncertain, and told over a whole acquisition by `wind_regime`. Given the wind, a co-polarization follows
its model function; a cross-polarization hardly rises above the noise floor until it blows hard. So a bright VV beside a VH
at the noise floor is windy water, and not soil (harmonization.md 3.2).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from floodfuse.harmonize.densities import CROSS_POLARIZED
from floodfuse.harmonize.water import (
    CALM_WIND_M_S,
    CMOD5N_INCIDENCE_DEG,
    COMPACT_INCIDENCE_DEG,
    COMPACT_SD_DB,
    COMPACT_WIND_M_S,
    POLARIZATION_RATIO_SD_DB,
    WIND_SHAPE,
    WaterChannel,
    water_db,
)

WIND_SCALES_M_S = (2.0, 2.8, 4.0, 5.6, 8.0, 11.3, 16.0)
"""Scales of the Weibull winds between which an acquisition lies: sheltered water in calm, to a storm over open water."""
_USUAL_SCALE_M_S, _SCALE_SPREAD = (
    5.0,
    0.7,
)  # lognormal: CMOD5.N at 5 m/s is as bright as floods are (3.2); a factor of two

_STILL_M_S = 1.0
_LEAST_M_S, _MOST_M_S, _NODES = 0.5, 32.0, 28

# sigma0 of water in cross-polarization: level at 5 m/s and rise per decade of wind [dB], and what is left of the noise
# floor once it is subtracted. C band: -38.7 and -31.5 dB at 5 and 10 m/s; -27 dB gamma0 in products (3.2, 3.6). L band: -31
# dB gamma0 (3.6), rising 6 to 7 dB from 5 to 25 m/s as HH does (Yueh et al. 2010).
_CROSS_DB = {"C": (-39.0, 23.3, -28.0), "L": (-32.5, 9.3, -40.0)}
# How far the level of a scene may lie from these, and how much water then still differs within it [dB]: together the 2.5 dB of
# the prior table.
CROSS_OFFSETS_DB = (-3.5, -1.75, 0.0, 1.75, 3.5)
_CROSS_OFFSET_SD_DB, _CROSS_SD_DB = 2.1, 1.35
_CO_SD_DB = {
    "C_VV": 2.0,  # shelter, slicks and plants within a pixel
    "C_HH": float(np.hypot(2.0, POLARIZATION_RATIO_SD_DB)),
    "L_HH": COMPACT_SD_DB,
    "L_VV": COMPACT_SD_DB,
}

Float = NDArray[np.float64]


def usual_weights() -> tuple[float, ...]:
    """Prior weights of the regimes, `WIND_SCALES_M_S` by `CROSS_OFFSETS_DB`, the latter running faster; they sum to 1.

    Scales are lognormal about 5 m/s, a factor of two either way; offsets normal with 2.1 dB.
    """
    scales, offsets = np.log(np.asarray(WIND_SCALES_M_S)), np.asarray(CROSS_OFFSETS_DB)
    by_scale = np.exp(-0.5 * ((scales - np.log(_USUAL_SCALE_M_S)) / _SCALE_SPREAD) ** 2)
    by_offset = np.exp(-0.5 * (offsets / _CROSS_OFFSET_SD_DB) ** 2)
    mass = np.outer(by_scale / by_scale.sum(), by_offset / by_offset.sum())
    return tuple(float(w) for w in mass.ravel())


def wind_nodes() -> tuple[Float, Float]:
    """Winds [m/s], evenly spaced in their logarithm, and the mass of each regime at them.

    Returns
    -------
    winds : (node,)
    mass : (regime, node), each row sums to 1; the first and last node hold what lies beyond them
    """
    edges = np.geomspace(_LEAST_M_S, _MOST_M_S, _NODES + 1)
    winds = np.sqrt(edges[:-1] * edges[1:])
    below = 1.0 - np.exp(-((edges[None, 1:-1] / np.asarray(WIND_SCALES_M_S)[:, None]) ** WIND_SHAPE))
    ends = np.zeros((len(WIND_SCALES_M_S), 1))
    return winds, np.diff(np.concatenate([ends, below, ends + 1.0], axis=1), axis=1)


def water_level_db(channel: str, incidence_deg: ArrayLike, wind_m_s: ArrayLike) -> Float:
    """Mean gamma0 [dB] of open water in a channel such as "C_VV" at a wind.

    Co-polarizations by `water.water_db`, cross-polarizations as above. Between 1 and 2 m/s, where the first ripples rise,
    dB pass over from still water to that of 2 m/s in proportion to the wind's logarithm: water is not of two kinds. Where a
    function ends (18 … 58 deg at C band, 25 … 50 deg and 15 m/s at L band) its value at the end is kept, as sigma0.
    """
    theta, wind = np.broadcast_arrays(np.asarray(incidence_deg, float), np.asarray(wind_m_s, float))
    if channel in CROSS_POLARIZED:
        level, rise, left = _CROSS_DB[channel[0]]
        waves = level + rise * np.log10(np.maximum(wind, CALM_WIND_M_S) / 5.0)
        sigma0 = 10.0 * np.log10(10.0 ** (waves / 10.0) + 10.0 ** (left / 10.0))
    else:
        known: WaterChannel = channel  # type: ignore[assignment]  # water_db names those it knows
        limits = CMOD5N_INCIDENCE_DEG if channel[0] == "C" else COMPACT_INCIDENCE_DEG
        most = _MOST_M_S if channel[0] == "C" else COMPACT_WIND_M_S[1]
        at = np.clip(theta, *limits)
        calm, ripples = (
            water_db(known, at, _STILL_M_S),
            water_db(known, at, np.clip(wind, CALM_WIND_M_S, most)),
        )
        rippled = np.clip(np.log(wind / _STILL_M_S) / np.log(CALM_WIND_M_S / _STILL_M_S), 0.0, 1.0)
        sigma0 = (1.0 - rippled) * calm + rippled * ripples
    return np.asarray(sigma0 - 10.0 * np.log10(np.cos(np.deg2rad(theta))))


def water_spread_db(channel: str) -> float:
    """Spread [dB] of water at a given wind, without speckle."""
    return _CROSS_SD_DB if channel in CROSS_POLARIZED else _CO_SD_DB[channel]
