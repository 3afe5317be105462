"""Densities of a water index refitted to one acquisition: haze, sun glint and mud move them between scenes.

Only tiles that hold water and land side by side teach anything: two parts, each a tenth or more, well apart (Ashman's
D above 2). Their pixels are pooled and fitted by `mixture.fit_mixture` with the prior densities as 500 pixels; a scene
without such tiles, dry or flooded throughout, keeps the prior to the last bit (harmonization.md 4.4 and 5).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from floodfuse.harmonize import optical
from floodfuse.harmonize.incidence import REFERENCE_DEG
from floodfuse.harmonize.mixture import UNLABELLED, Mixture, fit_mixture, responsibilities
from floodfuse.harmonize.optical import IndexDensity

TILE_PX = 32
LEAST_SHARE = 0.1  # of water and of land in a tile
LEAST_ASHMAN_D = 2.0
LEAST_VALID_SHARE = 0.5
EFFECTIVE_SIZE = 4000.0  # pixels that a scene counts as: ponds and fields, not pixels, are independent
_OUTLIER_DENSITY = optical.OUTLIER_SHARE * optical.OUTLIER_DENSITY

Float = NDArray[np.float64]


def log_ratio(a: ArrayLike, b: ArrayLike) -> tuple[Float, Float]:
    """x = 0.5 ln(a / b) and its variance from an error of .01 in each reflectance; NaN where a band is, or too bright.

    As in `optical.index_evidence`; too bright for land or water means more than .25 in both bands.
    """
    p, q = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    bright = (p > optical.TOO_BRIGHT_FOR_WATER) & (q > optical.TOO_BRIGHT_FOR_WATER)
    valid = np.isfinite(p) & np.isfinite(q) & ~bright
    p, q = (np.where(valid, np.maximum(r, optical.DARKEST_REFLECTANCE), 1.0) for r in (p, q))
    x = np.where(valid, 0.5 * np.log(p / q), np.nan)
    return x, 0.25 * optical.REFLECTANCE_SD**2 * (1.0 / p**2 + 1.0 / q**2)


def ashman_d(mean: float, sd: float, other_mean: float, other_sd: float) -> float:
    """Distance of two normal parts in their common spread, sqrt(2) |m1 - m2| / sqrt(s1^2 + s2^2); apart above 2.

    Source: Ashman, Bird & Zepf (1994).
    """
    return float(np.sqrt(2.0) * abs(mean - other_mean) / np.hypot(sd, other_sd))


def tiles(image: ArrayLike, size: int = TILE_PX) -> Float:
    """(y, x) cut into (tile, pixel); rows and columns left over are dropped, an image smaller than a tile is one."""
    values = np.asarray(image, dtype=float)
    rows, columns = values.shape[0] // size, values.shape[1] // size
    if rows == 0 or columns == 0:
        return values.reshape(1, -1)
    cut = values[: rows * size, : columns * size].reshape(rows, size, columns, size)
    return cut.transpose(0, 2, 1, 3).reshape(rows * columns, size * size)


def _prior(density: IndexDensity) -> Mixture:
    """The four parts, water first, as one mixture in which water and land are equally likely."""
    parts = np.array(density.water + density.dry)
    zero = np.zeros(len(parts))
    return Mixture(parts[:, 1], parts[:, 2], zero, 0.5 * parts[:, 0], zero, 0)


def is_bimodal(x: Float, variance: Float, density: IndexDensity) -> bool:
    """Whether one tile, (pixel,), holds water and land: a tenth of each, and parts whose means are well apart.

    The parts are told by the prior density and described by their own means and spreads.
    """
    valid = np.isfinite(x)
    if valid.mean() < LEAST_VALID_SHARE:
        return False
    value = x[valid]
    part = responsibilities(value, np.zeros_like(value), _prior(density), variance[valid], UNLABELLED, 0.0)
    water = part[: len(density.water)].sum(axis=0)
    share = water.mean()
    if not LEAST_SHARE < share < 1.0 - LEAST_SHARE:
        return False
    moments = []
    for weight in (water, 1.0 - water):
        mean = np.average(value, weights=weight)
        moments += [mean, np.sqrt(np.average((value - mean) ** 2, weights=weight))]
    return ashman_d(*moments) > LEAST_ASHMAN_D


def refit(a: ArrayLike, b: ArrayLike, prior: IndexDensity) -> IndexDensity:
    """Densities of one index for one acquisition, from tiles all over its footprint.

    Parameters
    ----------
    a, b : reflectance of the two bands, (tile, pixel), clouds as NaN; `tiles` cuts an image
    prior : `optical.NDWI_DENSITY` or `optical.MNDWI_DENSITY`

    Returns
    -------
    IndexDensity
        The prior itself where no tile is bimodal, or where the fit would put a water part below a dry one.
    """
    x, variance = log_ratio(a, b)
    chosen = [i for i in range(len(x)) if is_bimodal(x[i], variance[i], prior)]
    if not chosen:
        return prior
    start = _prior(prior)
    fit = fit_mixture(
        x[chosen],
        REFERENCE_DEG,
        start.means,
        start.sds,
        start.slopes,
        start.weights,
        observation_variance=variance[chosen],
        effective_size=EFFECTIVE_SIZE,
        outlier_density=_OUTLIER_DENSITY,
    )
    return _density(fit, prior)


def _density(fit: Mixture, prior: IndexDensity) -> IndexDensity:
    n = len(prior.water)
    if fit.means[:n].min() <= fit.means[n:].max():
        return prior
    parts = np.stack([fit.weights, fit.means, fit.sds], axis=-1)
    water, dry = (
        tuple((float(w / group[:, 0].sum()), float(m), float(s)) for w, m, s in group)
        for group in (parts[:n], parts[n:])
    )
    return IndexDensity(
        (water[0], water[1]), (dry[0], dry[1]), min(m for _, m, _ in dry), max(m for _, m, _ in water)
    )
