"""How hard the wind blew over an acquisition, told from all of it: weights of the wind regimes, by expectation-maximization.

One pixel with a bright VV and a dark VH may be windy water or odd soil. A whole acquisition knows more: where many pixels look
like water under a strong wind, and hardly any like such soil, the wind was strong. What is estimated is

    p(y_i) = pi_W sum_r omega_r p(y_i | W, r) + sum_k pi_k p(y_i | k),   k over the dry classes

in pi and omega, with Dirichlet priors: maximum a posteriori (harmonization.md 4.4). Only omega is kept. The levels of dry classes are
those of the prior table, or those told by ground that no flood reaches (`scene_levels`): left free, they follow the water where it is most of the scene. An acquisition without water moves
no omega, for its pixels are not the water's. And because smooth wet soil, such as mud flats, can look like windy water, one more
component stands for it, that takes such pixels first but never more than a twentieth of the acquisition: a little of it tells
nothing of the wind, half a scene of it is no mud.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from floodfuse.harmonize.classes import DRY
from floodfuse.harmonize.densities import GroundLevel
from floodfuse.harmonize.joint import (
    Floor,
    ground_density,
    independent_density,
    power_cell,
    robust,
    water_densities,
)
from floodfuse.harmonize.wind import CROSS_OFFSETS_DB, WIND_SCALES_M_S, usual_weights

PRIOR_SAMPLES = 500.0  # what the usual weights count for, in samples (harmonization.md 4.4)
LEAST_SAMPLES = 500
_SHARE_SAMPLES = 100.0  # of each class's share
_ITERATIONS = 60
_SETTLED = 1e-4
MOST_LOOK_ALIKE = 0.05
# gamma0 [dB] of smooth wet soil, co- and cross-polarized: Oh 1992 with rms heights below 0.5 cm, in the ratio of 12 dB and more that
# windy water has too.
_LOOK_ALIKE_DB = {"C": (-11.0, -24.0), "L": (-15.0, -28.0)}
_LOOK_ALIKE_SD_DB = 3.0

Float = NDArray[np.float64]


class WindRegime(NamedTuple):
    """Weights of `WIND_SCALES_M_S` over an acquisition, the share of it that looks like open water, and samples used."""

    weights: tuple[float, ...]
    water_share: float
    samples: int

    @property
    def scale_m_s(self) -> float:
        """Mean scale of the wind, m/s."""
        return float(
            np.reshape(self.weights, (len(WIND_SCALES_M_S), -1)).sum(axis=1) @ np.asarray(WIND_SCALES_M_S)
        )

    @property
    def cross_offset_db(self) -> float:
        """Mean offset of the cross-polarization of water from its usual level, dB."""
        return float(
            np.reshape(self.weights, (len(WIND_SCALES_M_S), -1)).sum(axis=0) @ np.asarray(CROSS_OFFSETS_DB)
        )


def wind_regime(
    total_power: tuple[NDArray[np.floating], NDArray[np.floating]],
    incidence_deg: NDArray[np.floating],
    floors: Sequence[Floor],
    looks: float,
    incidence_sd_deg: float = 0.0,
    levels: Sequence[GroundLevel] = (),
) -> WindRegime:
    """Estimate the wind regime of an acquisition.

    Parameters
    ----------
    total_power : co- and cross-polarization of samples from all over the acquisition (n,), linear, noise floor included
    incidence_deg : (n,)
    floors : of the two channels, in the same order
    looks : equivalent number of looks of the samples
    levels : of dry ground, where the acquisition told them

    Samples that lack a value are left out. With fewer than 500 the usual weights are returned.
    """
    usual = np.asarray(usual_weights())
    first, second, theta = (np.asarray(x, float).ravel() for x in (*total_power, incidence_deg))
    whole = (first > 0) & (second > 0) & np.isfinite(first) & np.isfinite(second) & np.isfinite(theta)
    count = int(whole.sum())
    if count < LEAST_SAMPLES:
        return WindRegime(tuple(usual), 0.0, count)
    water, ground, number = _densities_at(
        first[whole], second[whole], theta[whole], floors, looks, incidence_sd_deg, levels
    )
    omega, share = usual.copy(), np.full(1 + ground.shape[1], 1.0 / (1 + ground.shape[1]))
    for _ in range(_ITERATIONS):
        mixed = water @ omega
        parts = np.concatenate([mixed[:, None], ground], axis=1) * share
        belongs = parts / parts.sum(axis=1, keepdims=True) * number[:, None]
        share = belongs.sum(axis=0) + _SHARE_SAMPLES
        share[-1] = min(share[-1], MOST_LOOK_ALIKE / (1.0 - MOST_LOOK_ALIKE) * share[:-1].sum())
        share /= share.sum()
        regimes = ((belongs[:, :1] / mixed[:, None]) * water * omega).sum(axis=0) + PRIOR_SAMPLES * usual
        before, omega = omega, regimes / regimes.sum()
        if np.abs(omega - before).max() < _SETTLED:
            break
    return WindRegime(tuple(float(w) for w in omega), float(share[0]), count)


def _densities_at(
    first: Float,
    second: Float,
    theta: Float,
    floors: Sequence[Floor],
    looks: float,
    incidence_sd_deg: float,
    levels: Sequence[GroundLevel],
) -> tuple[Float, Float, Float]:
    """Densities of samples, those in one cell of angle and powers together: (cell, regime), (cell, dry class and, last, look-alike), samples."""

    angle = np.rint(theta).astype(np.intp)
    cells, number = np.unique(
        np.stack([angle, power_cell(first), power_cell(second)]), axis=1, return_counts=True
    )
    water = np.empty((cells.shape[1], len(usual_weights())))
    ground = np.empty((cells.shape[1], len(DRY) + 1))
    for a in np.unique(cells[0]):
        here = cells[0] == a
        at = (cells[1][here], cells[2][here])
        deg = float(a)
        wet = water_densities(floors, looks, deg, incidence_sd_deg)
        dry = [ground_density(floors, k, looks, deg, incidence_sd_deg, levels) for k in DRY]
        dry.append(
            independent_density(floors, _LOOK_ALIKE_DB[floors[0].channel[0]], _LOOK_ALIKE_SD_DB, looks, deg)
        )
        water[here] = np.exp(robust(np.moveaxis(wet, 0, -1)))[at]
        ground[here] = np.exp(robust(np.stack(dry, axis=-1)))[at]
    return water, ground, number.astype(float)
