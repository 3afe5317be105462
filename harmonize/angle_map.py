"""Values of each degree of incidence mapped onto those at 38 degrees by their quantiles, frozen from a dry reference.

    y_ref = F_ref^-1(F_bin(y))

Only where every degree holds the same mix of land cover is a difference between degrees one of angle. A map made from
the flood image would erase a flood that lies to one side of the swath; so it is made from dry samples, once, and then
applied pixel by pixel. Sources: Mladenova et al. (2013); harmonization.md 2.3.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from floodfuse.harmonize.incidence import REFERENCE_DEG

LARGEST_MIX_DISTANCE = 0.1
LEAST_SAMPLES = 200  # of a degree
_QUANTILES = np.linspace(0.01, 0.99, 99)

Float = NDArray[np.floating]


class AngleMap(NamedTuple):
    """Quantiles of dry backscatter at each degree: angles (degree,), values_db (degree, quantile); 38 is among them."""

    incidence_deg: Float
    values_db: Float

    def __call__(self, value_db: ArrayLike, incidence_deg: ArrayLike) -> Float:
        """Values [dB] as at 38 degrees; angles beyond the map count as its last degree, NaN stays.

        Between two degrees both maps are blended; beyond the outer quantiles the curve goes on parallel to itself.
        """
        y, theta = np.broadcast_arrays(np.asarray(value_db, float), np.asarray(incidence_deg, float))
        reference = self.values_db[int(np.flatnonzero(self.incidence_deg == REFERENCE_DEG)[0])]
        place = np.interp(theta, self.incidence_deg, np.arange(self.incidence_deg.size))
        place = np.where(np.isfinite(place), place, 0.0)
        below = np.minimum(place.astype(int), max(self.incidence_deg.size - 2, 0))
        share = place - below
        out = np.zeros(y.shape)
        for row in np.unique(below):
            here = below == row
            out[here] += (1.0 - share[here]) * _matched(y[here], self.values_db[row], reference)
            if row + 1 < self.incidence_deg.size:
                out[here] += share[here] * _matched(y[here], self.values_db[row + 1], reference)
        return np.where(np.isfinite(y) & np.isfinite(theta), out, np.nan)


def _matched(y: Float, own: Float, reference: Float) -> Float:
    """Through the quantiles of one degree onto those of the reference; parallel beyond them."""
    inside = np.clip(y, own[0], own[-1])
    return np.asarray(np.interp(inside, own, reference) + (y - inside))


def mix_distance(classes: ArrayLike, other: ArrayLike) -> float:
    """Largest difference in share of any set of classes, 0 to 1: the Kolmogorov-Smirnov statistic of the two mixes.

    Land-cover codes have no order, so the statistic is taken in the order in which it is largest (total variation).
    """
    a, b = np.ravel(classes), np.ravel(other)
    codes = np.union1d(a, b)
    share_a = np.array([(a == code).mean() for code in codes])
    share_b = np.array([(b == code).mean() for code in codes])
    return float(0.5 * np.abs(share_a - share_b).sum())


def fit_angle_map(
    dry_db: ArrayLike,
    incidence_deg: ArrayLike,
    land_cover: ArrayLike,
    largest_mix_distance: float = LARGEST_MIX_DISTANCE,
) -> AngleMap:
    """Map made from a dry reference: 99 quantiles of each whole degree, from half a degree to both sides.

    Parameters
    ----------
    dry_db : backscatter [dB] of dry scenes, any shape; not finite ones are left out
    incidence_deg, land_cover : of the same samples
    largest_mix_distance : between the land cover of a degree and that of 38 degrees, see `mix_distance`

    Raises
    ------
    ValueError
        If there are too few samples at 38 degrees or at a degree between, or if a degree differs in its land cover.
    """
    y, theta, cover = (np.ravel(a) for a in np.broadcast_arrays(dry_db, incidence_deg, land_cover))
    keep = np.isfinite(y) & np.isfinite(theta)
    y, cover, degree = y[keep], cover[keep], np.floor(theta[keep] + 0.5).astype(int)
    degrees, number = np.unique(degree, return_counts=True)
    full = degrees[number >= LEAST_SAMPLES]
    if int(REFERENCE_DEG) not in full:
        raise ValueError(
            f"fewer than {LEAST_SAMPLES} dry samples at {REFERENCE_DEG:g} degrees: nothing to map onto"
        )
    gaps = np.setdiff1d(np.arange(full.min(), full.max() + 1), full)
    if gaps.size:
        raise ValueError(
            f"fewer than {LEAST_SAMPLES} dry samples at {gaps[0]} degrees, between {full.min()} and {full.max()}"
        )
    reference = cover[degree == int(REFERENCE_DEG)]
    for d in full:
        distance = mix_distance(cover[degree == d], reference)
        if distance > largest_mix_distance:
            raise ValueError(
                f"land cover at {d} degrees differs from that at {REFERENCE_DEG:g} degrees by {distance:.2f} of its area "
                f"(at most {largest_mix_distance:g}): quantiles would take land cover for angle. Use class slopes."
            )
    return AngleMap(full.astype(float), np.stack([np.quantile(y[degree == d], _QUANTILES) for d in full]))
