"""What is known before any sensor looks: land cover, height above drainage, slope, water that is always there.

Terrain enters here and nowhere else, once, however many sensors there are. Without any layer the prior is
uninformed: open water and not, one to one. Source: harmonization.md 7; shares by cover are priors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from floodfuse.harmonize.classes import FLOODED, EvidenceClass

HAND_SCALE_M = 4.0
_SLOPE_KNOTS_DEG = (0.0, 3.0, 5.0, 10.0, 15.0)
_SLOPE_NATS = (0.0, -0.5, -1.5, -4.0, -6.0)
LOWEST_NATS = -8.0  # terrain makes water unlikely, never impossible: dams, terraces, errors of the model
PERMANENT_FROM_PERCENT = 75.0  # share of observations with water, JRC occurrence
PERMANENT_WATER_SHARE = 0.95

# WorldCover codes. Shares of W, FF, FH, FU, DF, DV, BS, U before terrain is looked at: on ground level with the drainage a flood is one to
# one; by how much this flood is another is told by what sensors see of such ground (`flood_rise`).
_UNKNOWN = (0.473, 0.015, 0.010, 0.002, 0.135, 0.180, 0.140, 0.045)  # water and not: one to one
_TREES = (0.050, 0.450, 0.010, 0.000, 0.450, 0.030, 0.010, 0.000)
_LOW_PLANTS = (0.450, 0.005, 0.030, 0.000, 0.015, 0.400, 0.100, 0.000)
_BARE = (0.450, 0.000, 0.010, 0.000, 0.000, 0.090, 0.450, 0.000)
_BUILT_UP = (0.050, 0.005, 0.005, 0.090, 0.020, 0.050, 0.060, 0.720)
_WATER = (0.900, 0.005, 0.010, 0.000, 0.005, 0.030, 0.050, 0.000)
_WETLAND = (0.280, 0.030, 0.190, 0.000, 0.070, 0.380, 0.050, 0.000)  # flooded regularly, by definition
_MANGROVE = (0.100, 0.400, 0.050, 0.000, 0.400, 0.030, 0.020, 0.000)
BY_LAND_COVER: dict[int, tuple[float, ...]] = {
    10: _TREES,
    20: _LOW_PLANTS,
    30: _LOW_PLANTS,
    40: _LOW_PLANTS,
    50: _BUILT_UP,
    60: _BARE,
    70: _BARE,
    80: _WATER,
    90: _WETLAND,
    95: _MANGROVE,
    100: _LOW_PLANTS,
}
COVER_LABELS = {
    10: "trees",
    20: "shrubs",
    30: "grassland",
    40: "cropland",
    50: "built-up ground",
    60: "bare or sparsely grown ground",
    70: "snow and ice",
    80: "mapped water bodies",
    90: "herbaceous wetland",
    95: "mangroves",
    100: "moss and lichen",
}
TREE_COVER = (10, 95)
WETLAND_COVER = (90,)
BUILT_UP = (50,)
_SMALLEST = 1e-4

Float32 = NDArray[np.float32]


def _table() -> Float32:
    rows = np.tile(np.asarray(_UNKNOWN, np.float64), (256, 1))
    for code, shares in BY_LAND_COVER.items():
        rows[code] = shares
    rows = np.maximum(rows, _SMALLEST)
    return np.log(rows / rows.sum(axis=1, keepdims=True)).astype(np.float32)


_LOG_SHARE = _table()


def terrain_nats(hand_m: Float32 | None, slope_deg: Float32 | None, shape: tuple[int, int]) -> Float32:
    """How much less likely water is for the terrain, in nats (<= 0).

    -HAND / 4 m, and 0, -0.5, -1.5, -4, -6 at slopes of 0, 3, 5, 10, 15 deg; never below -8. What is not known
    counts as 0.
    """
    nats = np.zeros(shape, np.float32)
    if hand_m is not None:
        nats -= np.where(np.isfinite(hand_m), np.maximum(hand_m, 0.0), 0.0).astype(np.float32) / HAND_SCALE_M
    if slope_deg is not None:
        penalty = np.interp(slope_deg, _SLOPE_KNOTS_DEG, _SLOPE_NATS)
        nats += np.where(np.isfinite(slope_deg), penalty, 0.0).astype(np.float32)
    return np.maximum(nats, np.float32(LOWEST_NATS))


def log_prior(
    shape: tuple[int, int],
    landcover: NDArray[np.uint8] | None = None,
    hand_m: Float32 | None = None,
    slope_deg: Float32 | None = None,
    permanent: NDArray[np.bool_] | None = None,
) -> Float32:
    """ln prior of every class, (y, x, class), summing to one.

    Parameters
    ----------
    landcover : WorldCover codes, 0 unknown
    hand_m, slope_deg : NaN unknown
    permanent : where water is in most years; open water then has 0.95 and terrain no say
    """
    log_share = (
        _LOG_SHARE[landcover] if landcover is not None else np.broadcast_to(_LOG_SHARE[0], (*shape, 8)).copy()
    )
    log_share[..., : len(FLOODED)] += terrain_nats(hand_m, slope_deg, shape)[..., None]
    if permanent is not None and permanent.any():
        always = np.full(len(EvidenceClass), np.log((1.0 - PERMANENT_WATER_SHARE) / 7.0), np.float32)
        always[EvidenceClass.OPEN_WATER] = np.log(PERMANENT_WATER_SHARE)
        log_share[permanent] = always
    return normalised(log_share)


def normalised(log_share: Float32) -> Float32:
    """The same ln shares, (y, x, class), summing to one."""
    total = np.exp(log_share[..., 0])
    for k in range(1, len(EvidenceClass)):  # planes are added faster than short axes
        total += np.exp(log_share[..., k])
    return np.asarray(log_share - np.log(total)[..., None])
