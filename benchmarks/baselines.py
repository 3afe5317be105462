"""What C band alone gives with the rules of others: an adaptive threshold, and a threshold with a rule for wet vegetation.

Written from their published constants, not from their code, to be scored beside floodfuse on the same scene. They stand
for the kind of method: the originals have more steps (fuzzy membership, region growing, reference water), which change
edges and false alarms, but bring no other information about what is under trees.

Sources: HydroSAR-like: thresholds of bimodal tiles in VV and VH, clipped by HAND. DSWx-S1-like: bounds of thresholds,
dark land and inundated vegetation, and the land cover it is looked for on, of the product's `algorithm_parameter_s1.yaml`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from floodfuse.harmonize.classes import MapClass

Float32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

TILE_PX = 64
BOX_PX = 5
COPOL_BOUNDS_DB, CROSSPOL_BOUNDS_DB = (-28.0, -11.0), (-28.0, -18.0)
"""Between which a threshold is believed."""
DARK_LAND_DB = (-14.6, -22.8)
"""Co- and cross-polarized level below which ground is dark; also the thresholds where no tile has two modes."""
HAND_LIMIT_M = 15.0
RATIO_DB, LEAST_CROSS_DB = 8.0, -26.0
"""Inundated vegetation: co- over cross-polarized above the first, cross-polarized above the second."""
WETLANDS = (90,)
"""WorldCover: herbaceous wetland, the only cover on which the product's rule looks by default."""
WITH_TREES = (10, 20, 90, 95)
"""The same and trees, shrubs and mangroves, were the rule let loose on them."""
_PERMANENT_PERCENT = 50
# Ashman's D of the two sides of a threshold: one normal mode cut in half has 2.65, an even spread 3.46.
_LEAST_SEPARATION = 3.5
_LEAST_SHARE = 0.1  # of the smaller mode
_FLOOR = 1.0e-4
_BINS = 128


def threshold_water(vv: Float32, vh: Float32, hand: Float32) -> Mask:
    """Water as an adaptive threshold finds it, HydroSAR-like: dark in VV and in VH, and not above 15 m of HAND.

    Parameters
    ----------
    vv, vh
        Linear gamma0, (y, x); NaN is never water.
    hand
        Height above nearest drainage, metres.
    """
    copol, crosspol = _smooth_db(vv), _smooth_db(vh)
    below_copol = copol < _scene_threshold(copol, COPOL_BOUNDS_DB, DARK_LAND_DB[0])
    below_crosspol = crosspol < _scene_threshold(crosspol, CROSSPOL_BOUNDS_DB, DARK_LAND_DB[1])
    return np.asarray(below_copol & below_crosspol & (hand < HAND_LIMIT_M))


def dark_water(vv: Float32, vh: Float32, hand: Float32) -> Mask:
    """Open water as DSWx-S1-like rules find it: below the co-polarized threshold, and no brighter than dark land."""
    copol, crosspol = _smooth_db(vv), _smooth_db(vh)
    threshold = min(_scene_threshold(copol, COPOL_BOUNDS_DB, DARK_LAND_DB[0]), DARK_LAND_DB[0])
    return np.asarray((copol < threshold) & (crosspol < DARK_LAND_DB[1]) & (hand < HAND_LIMIT_M))


def inundated_vegetation(
    vv: Float32, vh: Float32, landcover: NDArray[np.uint8], targets: tuple[int, ...] = WETLANDS
) -> Mask:
    """Flooded vegetation as DSWx-S1-like rules find it: VV / VH above 8 dB and VH above -26 dB, on the covers it looks at.

    Parameters
    ----------
    vv, vh
        Linear gamma0, (y, x).
    landcover
        WorldCover codes.
    targets
        Of them, those looked at.
    """
    copol, crosspol = _smooth_db(vv), _smooth_db(vh)
    bright = (copol - crosspol > RATIO_DB) & (crosspol > LEAST_CROSS_DB)
    return np.asarray(bright & np.isin(landcover, targets))


def as_map(
    water: Mask, permanent_water: NDArray[np.uint8], vegetation: Mask | None = None
) -> NDArray[np.uint8]:
    """`MapClass` of each pixel: water, permanent where its occurrence is above 50 %, and flooded vegetation beside it."""
    answer = np.full(water.shape, MapClass.DRY_LAND, np.uint8)
    if vegetation is not None:
        answer[vegetation] = MapClass.FLOODED_VEGETATION
    answer[water] = MapClass.OPEN_FLOOD_WATER
    answer[water & (permanent_water > _PERMANENT_PERCENT)] = MapClass.PERMANENT_WATER
    return answer


def _smooth_db(power: Float32) -> Float32:
    """dB of the mean power of 5 x 5 pixels, not below -40 dB; NaN where the pixel itself has no value."""
    valid = np.isfinite(power)
    total = ndimage.uniform_filter(np.where(valid, power, 0.0).astype(np.float32), BOX_PX)
    share = ndimage.uniform_filter(valid.astype(np.float32), BOX_PX)
    mean = total / np.maximum(share, 1e-6)
    return np.where(valid, 10.0 * np.log10(np.maximum(mean, _FLOOR)), np.nan).astype(np.float32)


def _scene_threshold(level_db: Float32, bounds: tuple[float, float], otherwise: float) -> float:
    """Median threshold of the tiles that have two modes, held within bounds; else the one given."""
    rows, columns = level_db.shape
    found = [
        threshold
        for row in range(0, rows - TILE_PX + 1, TILE_PX)
        for column in range(0, columns - TILE_PX + 1, TILE_PX)
        if (threshold := _tile_threshold(level_db[row : row + TILE_PX, column : column + TILE_PX]))
        is not None
        and bounds[0] <= threshold <= bounds[1]
    ]
    return float(np.median(found)) if found else otherwise


def _tile_threshold(tile_db: Float32) -> float | None:
    """Threshold after Otsu (1979), where the two sides of it are apart: Ashman's D above 3.5, a tenth in each."""
    values = tile_db[np.isfinite(tile_db)]
    if values.size < TILE_PX**2 // 2:
        return None
    counts, edges = np.histogram(values, bins=_BINS)
    centres = 0.5 * (edges[1:] + edges[:-1])
    weight = np.cumsum(counts)[:-1] / values.size
    mean = np.cumsum(counts * centres)[:-1] / values.size
    with np.errstate(invalid="ignore", divide="ignore"):
        between = (centres @ counts / values.size * weight - mean) ** 2 / (weight * (1.0 - weight))
    threshold = float(edges[1 + int(np.nanargmax(between))])
    dark, bright = values[values < threshold], values[values >= threshold]
    if min(dark.size, bright.size) < _LEAST_SHARE * values.size:
        return None
    spread = np.sqrt(0.5 * (dark.var() + bright.var()))
    apart = abs(bright.mean() - dark.mean()) > _LEAST_SEPARATION * spread
    return threshold if apart else None
