"""Speckle: how many looks a value has, how neighbours share them, filters, and what clipping at zero does to dark water.

Filters take total power, with the noise floor still in it: only that is positive and has the statistics they rest on.
Take the floor off afterwards. Invalid pixels (NaN) stay invalid and count nowhere; what lies beyond an edge counts as
invalid, so a block with its halo gives bit for bit what the whole gives. By default floodfuse does not filter: it
aggregates evidence (`evidence.aggregate`), because filters mix classes at edges.
Sources: Lee (1980), IEEE PAMI 2(2); Lee (1981), Comput. Graph. Image Process. 15; Lopes et al. (1993), Int. J. Remote
Sens. 14(9); Quegan & Yu (2001), IEEE TGRS 39(11); Anfinsen et al. (2009), IEEE TGRS 47(11).
"""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import convolve1d, gaussian_filter1d
from scipy.special import digamma, gammaincc, lambertw, polygamma

WINDOW_PX = 7
REFINED_LEE_HALO_PX = 3  # its window is 7 x 7 by construction
ENL_WINDOW_PX = 25
SENTINEL1_GRDH_RESOLUTION_M = (20.4, 22.5)  # range, azimuth; pixels are 10 m
_ENL_VALID_SHARE = 0.9
_ENL_STEP, _ENL_SMOOTHING = 0.005, 0.08  # of ln variance; windows of 25 x 25 scatter by 0.06 to 0.12
_DB_PER_NEPER = 10.0 / np.log(10.0)

Float = NDArray[np.floating]


def halo_px(window: int) -> int:
    """Pixels around a block that box mean, Lee, Gamma-MAP and Quegan need: window // 2, exact."""
    if window < 3 or window % 2 == 0:
        raise ValueError(f"a window of {window} px has no middle pixel with neighbours: give 3, 5, 7 …")
    return window // 2


def log_moments_db(looks: ArrayLike) -> tuple[Float, Float]:
    """Mean and standard deviation [dB] that speckle of L looks adds to 10 log10 I.

    10/ln10 (psi(L) - ln L) and 10/ln10 sqrt(psi1(L)): -2.507 and 5.570 dB for one look, -0.512 and 2.193 for 4.4.
    """
    el = np.asarray(looks, dtype=float)
    return _DB_PER_NEPER * (digamma(el) - np.log(el)), _DB_PER_NEPER * np.sqrt(polygamma(1, el))


def looks_of_log_variance(variance: ArrayLike) -> Float:
    """The L with psi1(L) = variance of ln I, by Newton's method (Smyth 2004)."""
    v = np.asarray(variance, dtype=float)
    looks = 0.5 + 1.0 / v
    for _ in range(20):
        trigamma = polygamma(1, looks)
        looks = looks + trigamma * (1.0 - trigamma / v) / polygamma(2, looks)
    return np.asarray(looks)


def estimate_looks(total_power: ArrayLike, window: int = ENL_WINDOW_PX) -> float:
    """Equivalent number of looks of an image, from the most common spread of ln I among windows.

    psi1(L) = mode of var(ln I): texture and edges only ever widen the spread, so the common low value is speckle alone.

    Parameters
    ----------
    total_power : (y, x), linear, noise floor included, NaN invalid
    window : side of the windows, laid side by side from the first pixel

    NaN where no window is nine tenths valid and positive. Correlated neighbours raise the value by about 1 / n_eff of a
    window, 0.7 % for Sentinel-1 GRDH. An overview has more looks than its image. Source: Anfinsen et al. (2009).
    """
    x = np.asarray(total_power, dtype=float)
    rows, columns = (n // window for n in x.shape)
    blocks = x[: rows * window, : columns * window].reshape(rows, window, columns, window)
    tiles = blocks.transpose(0, 2, 1, 3).reshape(-1, window * window)
    valid = np.isfinite(tiles) & (tiles > 0.0)
    kept = valid.mean(axis=1) >= _ENL_VALID_SHARE
    valid, logs = valid[kept], np.log(np.where(valid, tiles, 1.0)[kept])
    count = valid.sum(axis=1)
    mean = logs.sum(axis=1) / count
    variance = (np.square(logs - mean[:, None]) * valid).sum(axis=1) / (count - 1)
    log_variance = np.log(variance[variance > 0.0])
    if log_variance.size == 0:
        return float("nan")
    start = log_variance.min() - 4.0 * _ENL_SMOOTHING
    bins = np.round((log_variance - start) / _ENL_STEP).astype(int)
    density = np.bincount(bins, minlength=int(bins.max() + 4.0 * _ENL_SMOOTHING / _ENL_STEP)).astype(float)
    density = gaussian_filter1d(density, _ENL_SMOOTHING / _ENL_STEP, mode="constant")
    return float(looks_of_log_variance(np.exp(start + _ENL_STEP * float(np.argmax(density)))))


def intensity_correlation(lag_m: ArrayLike, resolution_m: float) -> Float:
    """Correlation of speckle power at a distance: sinc^2(lag / resolution), for an unweighted band-limited system."""
    return np.asarray(np.sinc(np.asarray(lag_m, dtype=float) / resolution_m) ** 2)


def effective_samples(
    window: int, spacing_m: float, resolution_m: tuple[float, float] = SENTINEL1_GRDH_RESOLUTION_M
) -> float:
    """Independent samples that a mean over window x window pixels is worth; looks multiply by it.

    window^2 / product over both directions of sum_k (1 - |k| / window) rho(k spacing);   7 x 7 of Sentinel-1: 14.1, not 49
    """
    lag = np.arange(1 - window, window)
    overlap = 1.0 - np.abs(lag) / window
    shared = [(overlap * intensity_correlation(lag * spacing_m, r)).sum() for r in resolution_m]
    return float(window**2 / (shared[0] * shared[1]))


def _box_sum(x: Float, window: int) -> Float:
    """Sum over window x window, the same order of adding everywhere; zero beyond the edges of the last two axes."""
    ones = np.ones(window)
    for axis in (-2, -1):
        x = convolve1d(x, ones, axis=axis, mode="constant")
    return x


def _window_moments(power: Float, window: int) -> tuple[Float, Float]:
    """Mean and unbiased variance over the valid pixels of each window; NaN and 0 where there are too few."""
    halo_px(window)
    valid = np.isfinite(power)
    x = np.where(valid, power, 0.0).astype(float)
    count = _box_sum(valid.astype(float), window)
    mean = np.where(count > 0, _box_sum(x, window) / np.maximum(count, 1.0), np.nan)
    square = _box_sum(x**2, window) / np.maximum(count, 1.0)
    variance = np.maximum(square - mean**2, 0.0) * count / np.maximum(count - 1.0, 1.0)
    return mean, np.where(count > 1, variance, 0.0)


def box_mean(power: Float, window: int = WINDOW_PX) -> Float:
    """Mean of the valid pixels of a window, where the pixel itself is valid. (…, y, x)."""
    mean, _ = _window_moments(power, window)
    return np.where(np.isfinite(power), mean, np.nan).astype(power.dtype)


def multilook(power: Float, rows: int, columns: int) -> Float:
    """Mean of the valid pixels of rows x columns, (y, x) to (y // rows, x // columns); what is left over is dropped."""
    height, width = power.shape[0] // rows, power.shape[1] // columns
    tiles = power[: height * rows, : width * columns].reshape(height, rows, width, columns)
    valid = np.isfinite(tiles)
    count = valid.sum(axis=(1, 3))
    total = np.where(valid, tiles, 0.0).sum(axis=(1, 3), dtype=float)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(power.dtype)


def lee_weight(variation2: ArrayLike, looks: float) -> Float:
    """Share of a pixel's own departure from the mean that is kept: clip((1 - Cu^2 / CI^2) / (1 + Cu^2), 0, 1).

    `variation2` is CI^2 = variance / mean^2 of the window, Cu^2 = 1 / looks; 0 for speckle alone. Source: Lee (1980).
    """
    cu2 = 1.0 / looks
    return np.asarray(np.clip((1.0 - cu2 / np.maximum(variation2, 1e-12)) / (1.0 + cu2), 0.0, 1.0))


def lee(total_power: Float, looks: float, window: int = WINDOW_PX) -> Float:
    """Lee's filter, m + W (I - m) with `lee_weight` W: the least squared error for a linear filter. (y, x)."""
    mean, variance = _window_moments(total_power, window)
    weight = lee_weight(variance / np.maximum(mean**2, 1e-30), looks)
    return np.asarray(mean + weight * (total_power - mean)).astype(total_power.dtype)


def gamma_map(total_power: Float, looks: float, window: int = WINDOW_PX) -> Float:
    """Most probable reflectivity where reflectivity and speckle are both Gamma distributed. (y, x).

    (sqrt(m^2 (a - L - 1)^2 + 4 a L m I) + (a - L - 1) m) / (2 a),   a = (1 + Cu^2) / (CI^2 - Cu^2)

    The window's mean where CI <= Cu (speckle alone), the pixel itself where CI >= sqrt(2) Cu (a point target).
    A mode lies below the mean: uniform ground comes out 1.5 % darker at 4.4 looks, 4 % at one. Source: Lopes et al. (1993).
    """
    mean, variance = _window_moments(total_power, window)
    cu2 = 1.0 / looks
    ci2 = variance / np.maximum(mean**2, 1e-30)
    textured = (ci2 > cu2) & (ci2 < 2.0 * cu2)
    alpha = (1.0 + cu2) / np.where(textured, ci2 - cu2, 1.0)
    b = (alpha - looks - 1.0) * mean
    x = np.where(textured, total_power, 0.0).astype(float)
    best = (b + np.sqrt(b**2 + 4.0 * alpha * looks * np.maximum(mean * x, 0.0))) / (2.0 * alpha)
    out = np.where(textured, best, np.where(ci2 <= cu2, mean, total_power))
    return np.where(np.isfinite(total_power), out, np.nan).astype(total_power.dtype)


def quegan(stack: Float, window: int = WINDOW_PX, summed: Sequence[bool] | None = None) -> Float:
    """Multi-temporal filter: J_k = m_k / M sum_i I_i / m_i, with m the mean of a window of each image. (time, y, x).

    Parameters
    ----------
    stack : total power of registered images of one track
    window : of the means
    summed : which images enter the sum, all by default; leave a flood out where its change is looked for

    Unbiased; NaN where I_k is, or no image of the sum is valid. Source: Quegan & Yu (2001), for uncorrelated images.
    """
    mean, _ = _window_moments(stack, window)
    mean = np.where(mean > 0.0, mean, np.nan)
    ratio = (stack / mean)[np.ones(len(stack), bool) if summed is None else np.asarray(summed, bool)]
    valid = np.isfinite(ratio)
    count = valid.sum(axis=0)
    shared = np.where(count > 0, np.where(valid, ratio, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)
    return np.where(np.isfinite(stack), mean * shared, np.nan).astype(stack.dtype)


@numba.njit(nogil=True, cache=True)
def _near_mean(power: Float, row: int, column: int) -> float:  # pragma: no cover
    """Mean of the valid pixels of 3 x 3 around a place that may lie beyond the edge; NaN if there are none."""
    total, count = 0.0, 0
    for r in range(max(row - 1, 0), min(row + 2, power.shape[0])):
        for c in range(max(column - 1, 0), min(column + 2, power.shape[1])):
            if np.isfinite(power[r, c]):
                total += power[r, c]
                count += 1
    return total / count if count else np.nan


@numba.njit(nogil=True, cache=True)
def _flatter_side(power: Float, row: int, column: int) -> tuple[int, int]:  # pragma: no cover
    """Direction (rows, columns) from the strongest edge through a pixel to the side that the pixel belongs to."""
    near = np.empty((3, 3))
    middle = _near_mean(power, row, column)
    for i in range(3):
        for j in range(3):
            mean = _near_mean(power, row + 2 * i - 2, column + 2 * j - 2)
            near[i, j] = mean if np.isfinite(mean) else middle
    best, down, across = -1.0, 0, 1
    for dr, dc in ((-1, 1), (-1, -1), (0, 1), (-1, 0)):  # diagonals win ties: an edge in one corner
        edge = 0.0
        for i in range(3):
            for j in range(3):
                edge += near[i, j] * np.sign((i - 1) * dr + (j - 1) * dc)
        if abs(edge) > best * (1.0 + 1e-9):  # rounding decides no tie
            best, down, across = abs(edge), dr, dc
    ahead, behind = near[1 + down, 1 + across], near[1 - down, 1 - across]
    return (down, across) if abs(ahead - middle) <= abs(behind - middle) else (-down, -across)


@numba.njit(nogil=True, cache=True)
def _refined_lee(power: Float, looks: float, out: Float) -> None:  # pragma: no cover
    rows, columns = power.shape
    for row in range(rows):
        for column in range(columns):
            out[row, column] = np.nan
            if not np.isfinite(power[row, column]):
                continue
            down, across = _flatter_side(power, row, column)
            total, square, count = 0.0, 0.0, 0
            for r in range(max(row - 3, 0), min(row + 4, rows)):
                for c in range(max(column - 3, 0), min(column + 4, columns)):
                    if (r - row) * down + (c - column) * across >= 0 and np.isfinite(power[r, c]):
                        x = float(power[r, c])
                        total, square, count = total + x, square + x * x, count + 1
            mean = total / count
            variance = max(square / count - mean * mean, 0.0) * count / max(count - 1, 1)
            weight = 0.0
            if variance * looks > mean * mean:
                weight = (1.0 - mean * mean / (looks * variance)) / (1.0 + 1.0 / looks)
            out[row, column] = mean + weight * (power[row, column] - mean)


def refined_lee(total_power: Float, looks: float) -> Float:
    """Lee's filter in the half of a 7 x 7 window on the pixel's own side of the strongest edge. (y, x), halo 3 px.

    Nine means of 3 x 3, 2 px apart, give the edge in four directions; the pixel belongs to the side whose mean is
    closer to its own. Uniform ground, of 28 pixels, comes out 0.3 % darker at 4.4 looks, 1.4 % at one. Source: Lee (1981).
    """
    out = np.empty_like(total_power)
    _refined_lee(np.ascontiguousarray(total_power), float(looks), out)
    return out


def clipped_mean(power: ArrayLike, nesz: ArrayLike, looks: float = 1.0) -> Float:
    """Mean of what is left of speckle when the noise floor is subtracted and negative power is set to zero.

    m Q(L + 1, L n / m) - n Q(L, L n / m),   m = power + n, Q upper incomplete Gamma function;   m exp(-n / m) for L = 1

    Parameters
    ----------
    power : true linear power, >= 0, in the units of `nesz`
    nesz : n, noise floor, linear, above 0
    looks : L, of the values at the time they are clipped: 1 for OPERA RTC-S1, which clips before it multilooks

    For one look n / e (-4.34 dB) where there is no power, and 0.84 dB too bright at power = n.
    """
    mu, n = np.asarray(power, dtype=float), np.asarray(nesz, dtype=float)
    m = mu + n
    return np.asarray(m * gammaincc(looks + 1.0, looks * n / m) - n * gammaincc(looks, looks * n / m))


def clip_bias(power_over_nesz: ArrayLike, looks: float) -> Float:
    """How many times too bright clipping at zero makes a power, given as a multiple of the noise floor; above 0."""
    ratio = np.asarray(power_over_nesz, dtype=float)
    return clipped_mean(ratio, 1.0, looks) / ratio


def unclipped_power(clipped: ArrayLike, nesz: ArrayLike) -> Float:
    """True power whose single looks, clipped after noise removal, have this mean; inverse of `clipped_mean`.

    n / W(n / clipped) - n, with Lambert's W; 0 where the mean is n / e or less: of many looks, that is speckle about 0
    """
    value, n = np.broadcast_arrays(np.asarray(clipped, dtype=float), np.asarray(nesz, dtype=float))
    above = value > n / np.e
    w = lambertw(n / np.where(above, value, 1.0)).real
    total = np.where(w > 0.0, n / np.where(w > 0.0, w, 1.0), value)
    return np.where(np.isnan(value), np.nan, np.where(above, np.maximum(total - n, 0.0), 0.0))
