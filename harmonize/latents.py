"""What a pixel's radar brightness hangs on and no map shows: wind, soil, plants and stands, drawn from their priors.

One draw of every latent serves both bands and all polarizations, so that whatever correlates two channels within a class
(one wind, one soil, one crown) does so here. Draws are quasi-random (Sobol, scrambled under a fixed seed): a thousand of
them give means to 0.05 dB.
Source: harmonization.md 3.2 to 3.5; ranges are priors.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import qmc

from floodfuse.harmonize.water import wind_quantile

SAMPLES_LOG2 = 10  # 1024: a power of two keeps a Sobol sequence balanced
SEED = 20
WIND_M_S = (1.0, 15.0)  # clipped to it: what is calmer is the noise floor's matter, see `push_forward`

_EDGE = 1e-6  # of a quantile, so that normal deviates stay within 4.8 spreads

Float = NDArray[np.float64]


class Wind(NamedTuple):
    """Over open water: speed at 10 m [m/s], direction against the look direction [deg, 0 upwind]."""

    speed_m_s: Float
    direction_deg: Float


class Soil(NamedTuple):
    """Moisture [m3/m3] and rms height [m] of open ground."""

    moisture: Float
    rms_m: Float


class Canopy(NamedTuple):
    """Of low plants or of crowns, the four arrays by channel: what an opaque canopy sends back, and its opacity.

    Attributes
    ----------
    depth_c, depth_l : optical depth at nadir, one way, nepers
    volume_c, volume_l : co-polarized volume amplitude C of `vegetation.canopy_volume`
    cross_c, cross_l : cross- over co-polarized amplitude
    """

    depth_c: Float
    depth_l: Float
    volume_c: Float
    volume_l: Float
    cross_c: Float
    cross_l: Float


class Forest(NamedTuple):
    """Trunks [1/m2, m, m, deg] and the rms height [m] of the forest floor and of water that stands in it."""

    density_m2: Float
    radius_m: Float
    height_m: Float
    tilt_sd_deg: Float
    floor_rms_m: Float
    flood_rms_m: Float


class Reeds(NamedTuple):
    """Thin stems [1/m2, m, m, deg] above the water, and the rms height [m] of the water among them."""

    density_m2: Float
    radius_m: Float
    height_m: Float
    tilt_sd_deg: Float
    flood_rms_m: Float


class Latents(NamedTuple):
    """All of them; every array is (sample, 1), to be broadcast against incidence angles.

    `error` is a standard normal deviate, the same for all channels: by how much the models themselves are off.
    """

    wind: Wind
    soil: Soil
    low: Canopy
    crowns: Canopy
    forest: Forest
    reeds: Reeds
    error: Float


def _uniform(u: Float, low: float, high: float) -> Float:
    return low + (high - low) * u


def _lognormal(u: Float, median: float, sd_of_ln: float) -> Float:
    return np.asarray(median * np.exp(sd_of_ln * ndtri(np.clip(u, _EDGE, 1.0 - _EDGE))))


def _canopies(u: Float, b_c: float, b_l: float) -> tuple[Canopy, Canopy]:
    """Low plants and crowns from seven columns; cross-polarization is a third of a cloud of thin dipoles, or less."""
    water_kg_m2 = _uniform(u[0], 0.3, 4.0)
    low = Canopy(
        depth_c=0.8 * b_c * water_kg_m2,  # leaves hide one another at C band
        depth_l=b_l * water_kg_m2,
        volume_c=_lognormal(u[1], 0.10, 0.35),
        volume_l=_lognormal(u[2], 0.045, 0.45),
        cross_c=_lognormal(u[4], 0.22, 0.2),
        cross_l=_lognormal(u[5], 0.18, 0.2),
    )
    depth = _uniform(u[0], 0.3, 0.9)
    crowns = Canopy(
        depth_c=depth * _uniform(u[3], 2.0, 4.0),
        depth_l=depth,
        volume_c=_lognormal(u[1], 0.178, 0.25),
        volume_l=_lognormal(u[2], 0.22, 0.25),
        cross_c=_lognormal(u[4], 0.28, 0.15),
        cross_l=_lognormal(u[5], 0.32, 0.15),
    )
    return low, crowns


@lru_cache(maxsize=4)
def draw_latents(b_c: float, b_l: float, samples_log2: int = SAMPLES_LOG2, seed: int = SEED) -> Latents:
    """Draws from the priors of all latents.

    Wind Weibull(2, 4 m/s), clipped to 1 … 15; moisture U(.05, .40); rms height LogN(1.5 cm, .4); plant water
    U(.3, 4) kg/m2; crowns U(.3, .9) nepers at L band and 2 to 4 times that at C band; 300 to 900 trunks a hectare of
    radius 8 to 16 cm, coherent over 5 to 11 m and tilted by 3 to 8 deg; stems of 1 to 5 mm, LogN(100, .7) a square
    metre, 20 to 120 cm out of the water.

    Parameters
    ----------
    b_c, b_l : optical depth per plant water at either band [m2/kg], see `vegetation.b_factor`
    samples_log2 : binary logarithm of the number of draws
    seed : of the scrambling

    Classes share columns where their latents never meet (soil moisture and wind; plant water and crowns).
    """
    sobol = qmc.Sobol(15, seed=seed).random_base2(samples_log2)
    u: Float = np.ascontiguousarray(sobol.T[:, :, None])
    low, crowns = _canopies(u[[3, 4, 5, 6, 10, 11]], b_c, b_l)
    floods = _uniform(u[2], 0.001, 0.005)
    return Latents(
        wind=Wind(np.clip(wind_quantile(u[0]), *WIND_M_S), 360.0 * u[1]),
        soil=Soil(_uniform(u[0], 0.05, 0.40), _lognormal(u[1], 0.015, 0.4)),
        low=low,
        crowns=crowns,
        forest=Forest(
            density_m2=_uniform(u[7], 0.03, 0.09),
            radius_m=_uniform(u[8], 0.08, 0.16),
            height_m=_uniform(u[9], 5.0, 11.0),
            tilt_sd_deg=_uniform(u[1], 3.0, 8.0),
            floor_rms_m=_uniform(u[2], 0.015, 0.04),
            flood_rms_m=floods,
        ),
        reeds=Reeds(
            density_m2=_lognormal(u[7], 100.0, 0.7),
            radius_m=_uniform(u[8], 0.001, 0.005),
            height_m=_uniform(u[12], 0.2, 1.2),
            tilt_sd_deg=_uniform(u[13], 5.0, 20.0),
            flood_rms_m=floods,
        ),
        error=ndtri(np.clip(u[14], _EDGE, 1.0 - _EDGE)),
    )
