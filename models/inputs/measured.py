"""Inputs beside evidence: what a sensor measured, on scales that mean the same from any angle, noise floor and illumination.

Evidence says how well a value fits what is known of each class; a network that also has the value learns where that knowledge is off.
Each quantity is a part of a sensor's view with a mask of its own (`c/now:vv`), so that a polarization, a short-wave band or a reference that
is not at hand is the same as one never supplied. Kept in the units below, of which `prepare` makes numbers of order one.

    vv, hh   dB of total power, gamma0 with the noise floor, averaged as evidence is, at 38 degrees; angle of incidence, degrees
    vh, hv   dB alike
    change   dB by which the co-polarization lies below its dry reference
    ndwi, mndwi   normalised differences
    slope    of the ground, degrees
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from floodfuse.harmonize.incidence import REFERENCE_DEG

Float32 = NDArray[np.float32]


class Part(NamedTuple):
    """How a quantity becomes numbers of order one, (x - middle) / scale, and by what it varies in training.

    Attributes
    ----------
    middle, scale : of each channel
    offset_sd : of an offset of the first channel over a whole image
    grain_sd : of what is added to each pixel of the first channel, at most
    """

    middle: tuple[float, ...]
    scale: tuple[float, ...]
    offset_sd: float
    grain_sd: float = 0.0


_ANGLE_SCALE_DEG = 8.0
_CO = Part((-12.0, REFERENCE_DEG), (7.0, _ANGLE_SCALE_DEG), 0.5, 0.5)
_CROSS = Part((-18.0,), (7.0,), 0.5, 0.5)
_CHANGE = Part((0.0,), (5.0,), 0.3, 0.3)
_INDEX = Part((0.0,), (0.5,), 0.03)
PARTS = {
    "c/now:vv": _CO,
    "c/now:vh": _CROSS,
    "c/now:change": _CHANGE,
    "l/now:hh": _CO,
    "l/now:hv": _CROSS,
    "l/now:change": _CHANGE,
    "optical/now:ndwi": _INDEX,
    "optical/now:mndwi": _INDEX,
    "ground/prior:slope": Part((0.0,), (10.0,), 0.0),
}
CHANNELS = {view: len(part.middle) for view, part in PARTS.items()}
_FURTHEST = 4.0
VERSION = "measured/1"
"""Of what the quantities are, as `pipeline.measured` makes them; another one refuses weights that took the old."""


def fingerprint(views: Iterable[str]) -> str:
    """How the parts among these views are prepared; empty where there are none."""
    parts = {view: PARTS[view] for view in sorted(views) if view in PARTS}
    told = ", ".join(f"{view} (x - {part.middle}) / {part.scale}" for view, part in parts.items())
    return f"{VERSION}: {told}" if parts else ""


def prepare(view: str, values: NDArray[np.generic], seen: NDArray[np.bool_]) -> Float32:
    """Channels of a part, cut at +-4; 0 where unseen."""
    part = PARTS[view]
    x = (np.asarray(values, np.float32) - _each(part.middle)) / _each(part.scale)
    return np.where(seen, np.clip(x, -_FURTHEST, _FURTHEST), np.float32(0.0))


def vary(view: str, values: NDArray[np.generic], rng: np.random.Generator) -> Float32:
    """The part as another instrument or another day would have it: an offset of the image, and grain."""
    part = PARTS[view]
    varied = np.array(values, np.float32)
    if part.offset_sd:
        varied[0] += np.float32(rng.normal(0.0, part.offset_sd))
    if part.grain_sd:
        grain = part.grain_sd * rng.uniform()
        varied[0] += rng.standard_normal(varied[0].shape, np.float32) * np.float32(grain)
    return varied


def _each(numbers: tuple[float, ...]) -> Float32:
    return np.asarray(numbers, np.float32)[:, None, None]
