"""How far one image lies off another of different physics, to a fraction of a pixel.

A radar image and an optical one share neither values nor signs: a flooded wood is bright at L band, dull at C, and dark
or green in optics. What they share is where things end. So the first image, the anchor, is cut into strata of like
values; where the two lie right over each other, the strata explain most of the spread of the second:

    eta2(s) = 1 - sum_k n_k var(t(x + s) | stratum k) / (n var(t(x + s)))            correlation ratio (Roche et al. 1998)
    l(s)    = -n/2 ln(1 - eta2(s))                                      log-likelihood of strata with levels of their own

No sign and no law between the two enters, only edges count (what is smoother than `SURROUNDINGS_PX` is taken out first),
and invalid pixels drop out of either image. Surfaces l(s) of many small windows are added up, and the place of the maximum
is found between whole pixels, window by window robustly: where water moved between the two, a window has less to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline
from scipy.ndimage import gaussian_filter

WINDOW_PX = 64
"""Side of a window: strata have levels of their own in each, so that fields and angles need no common one."""
REACH_PX = 6
"""Shifts looked at, in either direction."""
HALO_PX = 10
"""Pixels that `structure` takes into account around each."""
LARGEST_PX = 5.0
"""A larger shift is no misregistration of a geocoded product: wrong orbit, wrong datum, wrong place."""
LEAST_PX = 0.1
LEAST_WINDOWS = 12
LEAST_SIGNIFICANCE = 3.44
"""Length of a shift in standard errors that is exceeded by chance in 0.27 % of cases, as 3 are along one axis."""
LEAST_DISTINCTNESS = 4.0
LARGEST_SE_PX = 0.3

SPECKLE_PX = 0.7  # sd of the Gaussian window that power is smoothed by
SURROUNDINGS_PX = 2.5  # sd of the one whose mean is taken out as the surroundings
_LEVELS = 6  # of each property of the anchor: 36 strata of two
_LEAST_SHARE = 0.4  # of a window's pixels that must be valid in both images
_NO_SPREAD = 1e-9  # of the sum of squares: what is left is rounding
_SAME = 4.0  # standard errors of the difference within which two estimates are of the same shift
_AWAY_PX = 2  # nearer to the maximum than this is still the same maximum
_HUBER = 2.0  # in robust standard deviations, from which a window's pull stops growing
_TRUNCATE = 3.0  # sd at which Gaussian windows end

Float32 = NDArray[np.float32]
Float = NDArray[np.float64]


class Estimate(NamedTuple):
    """Where the second image's content lies relative to the anchor's, in pixels, and how well that is known.

    Attributes
    ----------
    row, column : downwards and to the right
    row_se, column_se : standard errors, from how far windows disagree
    significance : length of the shift in standard errors, along its own direction
    windows : windows that had enough valid pixels
    distinctness : by how many standard errors the maximum beats all places more than 2 px away, at least
    """

    row: float
    column: float
    row_se: float
    column_se: float
    significance: float
    windows: int
    distinctness: float


def _smooth(values: Float32, sd: float) -> Float32:
    """Gaussian mean over valid pixels; invalid ones stay invalid."""
    valid = np.isfinite(values)
    filled = np.where(valid, values, np.float32(0.0))
    mean = gaussian_filter(filled, sd, mode="constant", truncate=_TRUNCATE)
    weight = gaussian_filter(valid.astype(np.float32), sd, mode="constant", truncate=_TRUNCATE)
    out: Float32 = np.where(valid, mean / np.maximum(weight, np.float32(1e-6)), np.float32(np.nan))
    return out


def log_power(power: Float32, floor: float) -> Float32:
    """Natural logarithm of power (y, x) after smoothing speckle, not below `floor` (the noise floor); NaN invalid."""
    return np.log(np.maximum(_smooth(power, SPECKLE_PX), np.float32(floor)))


def structure(values: Float32) -> Float32:
    """What stands out from its surroundings: values less their Gaussian mean of sd `SURROUNDINGS_PX`, (y, x)."""
    return values - _smooth(values, SURROUNDINGS_PX)


def strata(properties: Sequence[Float32], levels: int = _LEVELS) -> NDArray[np.int16]:
    """Pixels grouped by quantiles of each property: 0 to levels^n - 1, and -1 where any is invalid.

    Any increasing function of a property gives the same strata.
    """
    valid = np.logical_and.reduce([np.isfinite(p) for p in properties])
    code = np.zeros(valid.shape, np.int16)
    for values in properties:
        known = values[valid]
        if known.size:
            edges = np.quantile(known, np.linspace(0.0, 1.0, levels + 1)[1:-1])
            code = code * np.int16(levels) + np.searchsorted(edges, values, side="right").astype(np.int16)
    code[~valid] = -1
    return code


@numba.njit(nogil=True, cache=True)
def _sums(  # pragma: no cover
    row: NDArray[np.int64],
    column: NDArray[np.int64],
    first: NDArray[np.int64],
    values: Float32,
    out: Float,
) -> None:
    """Sum of `values` over each stratum at every shift, (stratum, row shift, column shift).

    Pixels come sorted by stratum, stratum k from first[k] to first[k + 1]. Column shifts are innermost: neighbours in
    memory, which the processor adds several at a time.
    """
    for k in range(out.shape[0]):
        for a in range(out.shape[1]):
            sums = out[k, a]
            for i in range(first[k], first[k + 1]):
                line = values[row[i] + a, column[i] : column[i] + out.shape[2]]
                for b in range(out.shape[2]):
                    sums[b] += line[b]


def agreement(anchor: NDArray[np.int16], target: Float32, reach: int = REACH_PX) -> Float:
    """l(s) at every whole shift s from -reach to reach.

    Parameters
    ----------
    anchor : (y, x), `strata`
    target : (y + 2 reach, x + 2 reach), the second image with a margin all around; NaN invalid

    Returns
    -------
    (2 reach + 1, 2 reach + 1) [nats, up to a constant factor: pixels are not independent]: element (reach + i, reach + j)
    is for content that lies i px lower and j px further right in `target`. All NaN where too few pixels are valid.
    """
    rows, columns = anchor.shape
    if target.shape != (rows + 2 * reach, columns + 2 * reach):
        raise ValueError(
            f"target of {target.shape}: an anchor of {anchor.shape} takes a margin of {reach} px"
        )
    size = 2 * reach + 1
    order = np.argsort(anchor, axis=None, kind="stable")
    codes = anchor.ravel()[order]
    first = np.searchsorted(codes, np.arange(max(int(codes[-1]), 0) + 2))
    row, column = order // columns, order % columns

    def sums(values: Float32) -> Float:
        out = np.zeros((first.size - 1, size, size))
        _sums(row, column, first, values, out)
        return out

    valid = np.isfinite(target)
    values = np.where(valid, target, np.float32(0.0))
    if valid.all():
        number = np.broadcast_to(np.diff(first).astype(float)[:, None, None], (first.size - 1, size, size))
    else:
        number = sums(valid.astype(np.float32))
    count = number.sum(axis=0)
    if count.min() < _LEAST_SHARE * anchor.size:
        return np.full((size, size), np.nan)
    part, square = sums(values), sums(np.square(values)).sum(axis=0)
    spread = square - part.sum(axis=0) ** 2 / count
    left = square - (part**2 / np.maximum(number, 1.0)).sum(axis=0)
    told = left > _NO_SPREAD * square
    return 0.5 * count * np.log(np.where(told, spread, 1.0) / np.where(told, left, 1.0))


def agreements(
    properties: Sequence[Float32], targets: Sequence[Float32], reach: int = REACH_PX, side: int = WINDOW_PX
) -> Float:
    """Surfaces of all windows of an image, (window, 2 reach + 1, 2 reach + 1), channels added up; NaN where not enough.

    `properties` of the anchor are (y, x), `targets` (y + 2 reach, x + 2 reach). Strips at the lower and right edge that
    are no whole window are left out.
    """
    rows, columns = properties[0].shape
    found = []
    for top in range(0, rows - side + 1, side):
        for left in range(0, columns - side + 1, side):
            code = strata([p[top : top + side, left : left + side] for p in properties])
            part = np.s_[top : top + side + 2 * reach, left : left + side + 2 * reach]
            found.append(sum(agreement(code, target[part], reach) for target in targets))
    return np.array(found).reshape(-1, 2 * reach + 1, 2 * reach + 1)


def estimate(surfaces: Float) -> Estimate | None:
    """The shift that windows agree on, by Huber's M-estimate on their scores.

    With g_w and H_w the slope and negative curvature of l_w at s, a window's pull in its own standard errors is
    z_w = H_w^-1/2 g_w, up to a factor that the median of |z_w| gives; windows count by min(1, 2 / |z_w|), and s moves by
    (sum w H)^-1 sum w g until it stays. Covariance: (sum w H)^-1 (sum w2 g g') (sum w H)^-1.

    None where no window has a surface, or the sum of surfaces has its maximum at the edge or is no maximum.
    Sources: Huber (1964); White (1982) for the covariance.
    """
    kept = surfaces[np.isfinite(surfaces).all(axis=(1, 2))]
    if not len(kept):
        return None
    reach = kept.shape[1] // 2
    total = kept.sum(axis=0)
    top = np.unravel_index(int(np.argmax(total)), total.shape)
    start = np.array([top[0] - reach, top[1] - reach])
    if np.abs(start).max() == reach:
        return None
    solved = _solve(kept, start.astype(float))
    if solved is None:
        return None
    (row, column), covariance = solved
    if np.linalg.matrix_rank(covariance, hermitian=True) < 2:  # so few windows that they can't disagree
        return Estimate(float(row), float(column), np.inf, np.inf, 0.0, len(kept), _distinctness(kept, start))
    length2 = np.array([row, column]) @ np.linalg.solve(covariance, [row, column])
    return Estimate(
        float(row),
        float(column),
        float(np.sqrt(covariance[0, 0])),
        float(np.sqrt(covariance[1, 1])),
        float(np.sqrt(length2)),
        len(kept),
        _distinctness(kept, start),
    )


def _solve(surfaces: Float, start: Float) -> tuple[Float, Float] | None:
    """Place of the maximum and its covariance; None where there is none within a pixel and a half of the start."""
    reach = surfaces.shape[1] // 2
    spline = make_interp_spline(np.arange(-reach, reach + 1), np.eye(2 * reach + 1), k=5)
    at = start.copy()
    for _ in range(30):
        slope, curvature = _slopes(surfaces, spline, at)
        weight = _weights(slope, curvature)
        information = np.einsum("n,nij->ij", weight, curvature)
        if np.linalg.eigvalsh(information)[0] <= 0.0:
            return None
        step = np.clip(np.linalg.solve(information, weight @ slope), -0.5, 0.5)
        at = at + step
        if np.abs(at - start).max() > 1.5:
            return None
        if np.abs(step).max() < 1e-6:
            break
    pull = weight[:, None] * slope
    inverse = np.linalg.inv(information)
    return at, inverse @ (pull.T @ pull) @ inverse


def _slopes(surfaces: Float, spline: object, at: Float) -> tuple[Float, Float]:
    """Slope (n, 2) and negative curvature (n, 2, 2) of every surface at one place, between points by a quintic spline."""
    (r0, r1, r2), (c0, c1, c2) = ([spline(x, nu) for nu in range(3)] for x in at)  # type: ignore[operator]

    def at_place(row: Float, column: Float) -> Float:
        return np.einsum("nij,i,j->n", surfaces, row, column, optimize=True)

    slope = np.stack([at_place(r1, c0), at_place(r0, c1)], axis=1)
    cross = at_place(r1, c1)
    curvature = -np.stack([at_place(r2, c0), cross, cross, at_place(r0, c2)], axis=1).reshape(-1, 2, 2)
    return slope, curvature


def _weights(slope: Float, curvature: Float) -> Float:
    """Huber's weights of windows by how hard they pull, in units of what their curvature lets expect."""
    known = np.maximum(np.diagonal(curvature, axis1=1, axis2=2), 1e-3)
    pull = np.sqrt((slope**2 / known).sum(axis=1) / 2.0)
    typical = np.median(pull) / 0.8326  # median of the root of chi2/2 with two degrees of freedom: sqrt(ln 2)
    return np.minimum(1.0, _HUBER * typical / np.maximum(pull, 1e-12))


def _distinctness(surfaces: Float, top: NDArray[np.int_]) -> float:
    """Smallest t statistic of l(maximum) - l(elsewhere) over windows, among places more than 2 px away."""
    reach = surfaces.shape[1] // 2
    i, j = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    away = np.maximum(np.abs(i - top[0]), np.abs(j - top[1])) > _AWAY_PX
    lead = surfaces[:, top[0] + reach, top[1] + reach, None] - surfaces[:, away]
    error = lead.std(axis=0, ddof=1) / np.sqrt(len(lead)) if len(lead) > 1 else np.full(lead.shape[1], np.inf)
    return float((lead.mean(axis=0) / np.maximum(error, 1e-12)).min())


def combined(found: Sequence[Estimate]) -> Estimate:
    """One estimate from several of the same shift against different anchors, weighted by 1 / se2 along each axis.

    The first counts in any case; another only where it lies within four standard errors of it. Their errors are taken
    as independent: what they share, the speckle of the image that moved, is the lesser part where edges decide.
    """
    first = found[0]
    agreed = [first] + [f for f in found[1:] if _same(first, f)]
    place = np.array([(f.row, f.column) for f in agreed])
    information = 1.0 / np.square([(f.row_se, f.column_se) for f in agreed])
    row, column = (place * information).sum(axis=0) / information.sum(axis=0)
    row_se, column_se = 1.0 / np.sqrt(information.sum(axis=0))
    significance = first.significance if len(agreed) == 1 else np.hypot(row / row_se, column / column_se)
    return Estimate(
        float(row),
        float(column),
        float(row_se),
        float(column_se),
        float(significance),
        sum(f.windows for f in agreed),
        min(f.distinctness for f in agreed),
    )


def _same(one: Estimate, other: Estimate) -> bool:
    row = abs(one.row - other.row) / np.hypot(one.row_se, other.row_se)
    column = abs(one.column - other.column) / np.hypot(one.column_se, other.column_se)
    return bool(max(row, column) <= _SAME)


def doubt(found: Estimate | None) -> str | None:
    """Why a measured shift can't be trusted; None where it can, be it large or next to nothing."""
    if found is None:
        return f"no distinct maximum within {REACH_PX} px"
    if found.windows < LEAST_WINDOWS:
        return f"{found.windows} windows with values in common, fewer than {LEAST_WINDOWS}"
    if found.distinctness < LEAST_DISTINCTNESS:
        return "the images do not resemble each other enough"
    if max(found.row_se, found.column_se) > LARGEST_SE_PX:
        return f"windows disagree: standard errors of {found.column_se:.2f} and {found.row_se:.2f} px"
    length = float(np.hypot(found.row, found.column))
    if length > LARGEST_PX:
        return f"{length:.1f} px are more than misregistration: look where the files say they lie"
    return None


def significant(found: Estimate) -> bool:
    """Whether a shift is larger than 0.1 px, and than three standard errors."""
    return float(np.hypot(found.row, found.column)) > LEAST_PX and found.significance > LEAST_SIGNIFICANCE
