"""Radio interference in L band: lines of an image that are brighter than their neighbours all along.

Radars on the ground and communication links send into the band of PALSAR-2; what of it falls into an echo is spread over a
line of the image and shows first in the weak cross-polarization (harmonization.md 1.4).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

STRIPE_Z = 6.0
LEAST_RISE_DB = 0.5  # lines of an image without speckle or texture differ by less for no reason
NEIGHBOURS_LINES = 11  # stripes are sharp; structures wider than half of this are ground
DARKEST_SHARE = 0.03
LEAST_VALID = 0.25  # of a line
LEAST_LINES = 64
_NORMAL_PER_MAD = 1.4826

Mask = NDArray[np.bool_]


def striped_lines(power_db: NDArray[np.floating]) -> Mask:
    """Which rows of an image (y, x) are stripes: robust z of the row against its neighbours above 6.

    Of a row's median, and of its darkest 3 % too: interference is added to all pixels of a line and lifts the darkest
    most, while a row that holds more forest than its neighbours has its dark ground as dark as theirs. z is the quantile less
    its running median over 11 rows, over 1.4826 times the median of the absolute values of that over all rows; and 0.5 dB at
    least. `power_db` is the overview of a whole acquisition, NaN invalid; rows less than a quarter valid are no stripes,
    and an image of fewer than 64 others has none. For columns give the transpose.
    """
    found = np.zeros(power_db.shape[0], bool)
    full = np.isfinite(power_db).mean(axis=1) >= LEAST_VALID
    if full.sum() < LEAST_LINES:
        return found
    levels = np.nanquantile(power_db[full], (0.5, DARKEST_SHARE), axis=1)
    found[full] = np.all([_stands_out(level) for level in levels], axis=0)
    return found


def _stands_out(level_db: NDArray[np.floating]) -> Mask:
    above = level_db - median_filter(level_db, NEIGHBOURS_LINES, mode="nearest")
    spread = _NORMAL_PER_MAD * float(np.median(np.abs(above)))
    return np.asarray((above > STRIPE_Z * spread) & (above > LEAST_RISE_DB))


def runs(lines: Mask) -> list[tuple[int, int]]:
    """First and last index of every run of marked lines."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lines, [False]]).astype(np.int8)))
    return [(int(first), int(last) - 1) for first, last in edges.reshape(-1, 2)]
