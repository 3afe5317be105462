"""What two pictures of one place tell together: where the later one is not what the earlier one, stretched anew, would be.

Each picture has a stretch and a light of its own, so levels of two dates can't be compared. Most of a tile is the same ground on both,
though, and there the one is nearly a line of the other:

    after = slope * before + offset + rest

The line is fitted to means of 4 x 4 pixels, in which there is little speckle, by least squares; cells further off than two
spreads are left out, again and again (sigma clipping), so that a flood does not draw it. The rest, over its own spread, knows neither
stretch: water that came lies far below 0 in radar, whatever the levels are.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

_CELL_PX = 4
_LEAST_CELLS = 200  # that both pictures show, below which no line is told
_ROUNDS = 6
_FURTHEST_SPREADS = 2.0  # of cells that a line is fitted to
_LEAST_FIT_SPREAD = 0.005  # of levels, which are of order one
_SLOPES = (0.2, 3.0)
_SLOPE_VARIANCE = 1e-4  # of an even picture, which has no slope of its own
_TO_SD = 1.4826  # median absolute deviation of a normal variable
_LEAST_SPREAD = 0.02  # of levels: what differs by less is no change
_FURTHEST = 6.0
_SCALE = 3.0  # brings the rest to order one
VERSION = "changes/1"


class Line(NamedTuple):
    """The later picture from the earlier one, in levels as networks get them.

    Attributes
    ----------
    slope, offset : of the line
    spread : sd of what is left
    """

    slope: float
    offset: float
    spread: float


def fingerprint(told: Collection[str]) -> str:
    """How these views of changes are told; empty where there are none."""
    if not told:
        return ""
    return f"{VERSION}: {', '.join(sorted(told))}, the rest of a line through most of both dates, over {_SCALE:g} spreads"


def line_between(before: Float32, after: Float32, seen: Bool) -> Line | None:
    """The line along which most of two pictures lies; None where they share too little.

    Parameters
    ----------
    before, after : levels of one band as networks get them, of order one, (y, x)
    seen : by both
    """
    whole = _cells(seen.astype(np.float64)) > 1.0 - 1e-9
    if whole.sum() < _LEAST_CELLS:
        return None
    x, y = (_cells(np.where(seen, band, 0.0).astype(np.float64))[whole] for band in (before, after))
    kept = np.ones(x.size, bool)
    for _ in range(_ROUNDS):
        slope, offset = _fitted(x[kept], y[kept])
        rest = y - slope * x - offset
        furthest = _FURTHEST_SPREADS * max(_spread(rest[kept]), _LEAST_FIT_SPREAD)
        kept = np.abs(rest - np.median(rest[kept])) < furthest
    return Line(slope, offset, max(_spread(rest), _LEAST_SPREAD))


def change(before: Float32, after: Float32, seen: Bool) -> tuple[Float32, Bool]:
    """The rest of each band over its spread, cut at +-6 and a third of it, (band, y, x); and where it is known.

    Parameters
    ----------
    before, after : levels as networks get them, of order one, (band, y, x)
    seen : by both
    """
    out = np.zeros(after.shape, np.float32)
    for band, (first, second) in enumerate(zip(before, after, strict=True)):
        line = line_between(first, second, seen)
        if line is None:
            return np.zeros_like(out), np.zeros_like(seen)
        rest = (second - line.slope * first - line.offset) / line.spread
        out[band] = np.where(seen, np.clip(rest, -_FURTHEST, _FURTHEST) / _SCALE, 0.0)
    return out, seen


def _fitted(x: Float, y: Float) -> tuple[float, float]:
    """Slope by least squares, within its limits, and the offset that leaves as many cells above the line as below it."""
    together = float(((x - x.mean()) * (y - y.mean())).mean())
    slope = float(np.clip(together / (float(x.var()) + _SLOPE_VARIANCE), *_SLOPES))
    return slope, float(np.median(y - slope * x))


def _spread(rest: Float) -> float:
    """Standard deviation, told by the median so that what is far off does not count."""
    return _TO_SD * float(np.median(np.abs(rest - np.median(rest))))


def _cells(band: Float) -> Float:
    """Means of squares; what is left over at the far edges belongs to none."""
    rows, columns = (n // _CELL_PX for n in band.shape)
    inner = band[: rows * _CELL_PX, : columns * _CELL_PX]
    return np.asarray(inner.reshape(rows, _CELL_PX, columns, _CELL_PX).mean(axis=(1, 3)))
