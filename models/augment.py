"""How chips are varied in training: turned, cropped, pictured anew, and robbed of sensors and of cloud-shaped pieces.

All of it is a function of (seed, epoch, chip): a run that resumes sees what it would have seen.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from floodfuse.models.chips import LabelledChip, View
from floodfuse.models.inputs.registry import Inputs
from floodfuse.models.smooth_noise import smooth_noise
from floodfuse.models.view_names import image_of, names_of

_HOLE_CELLS = (3, 9)
_SMALLEST_PX = 64


class AugmentSettings(BaseModel):
    """How far training chips are varied."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    crop: int = Field(
        default=192, ge=64, multiple_of=64, description="pixels a side of what is cut out of a chip"
    )
    vary: float = Field(default=0.8, ge=0, le=1, description="share of images that are pictured anew")
    drop: Mapping[str, float] = Field(
        default={}, description="share of chips that lose a sensor, such as s1, or a view, such as s2/after"
    )
    holes: float = Field(
        default=0.15, ge=0, le=1, description="share of images that lose a cloud-shaped piece"
    )

    @field_validator("drop")
    @classmethod
    def _shares(cls, value: Mapping[str, float]) -> Mapping[str, float]:
        if any(share < 0 for share in value.values()) or sum(value.values()) > 1:
            raise ValueError(
                "shares are 0 or more, and at most one chip loses something: their sum is 1 at most"
            )
        return value


def augmented(
    chip: LabelledChip,
    inputs: Inputs,
    settings: AugmentSettings,
    key: tuple[int, ...],
    taken: Collection[str] | None = None,
) -> tuple[dict[str, View], NDArray[np.uint8]]:
    """Prepared views and truth of a chip, varied at random.

    Parameters
    ----------
    key : numbers that say which of all its variations, such as (seed, epoch, number of the chip)
    taken : views that are learned from; a chip may have others, and lack some. All of the chip's where None
    """
    rng = np.random.default_rng(key)
    turn, flip = int(rng.integers(4)), bool(rng.integers(2))
    window = _window(chip.truth.shape, settings.crop, rng)
    there = sorted(chip.views if taken is None else (view for view in chip.views if view in taken))
    dropped = _dropped(there, settings.drop, rng)
    views = {}
    for _, parts in groupby(there, image_of):
        vary, hole = rng.uniform(size=2) < (settings.vary, settings.holes)
        lost: NDArray[np.bool_] | None = None
        for name in parts:
            values, seen = (_turned(np.asarray(a)[(..., *window)], turn, flip) for a in chip.views[name])
            if vary:
                values = inputs.vary(name, values, rng)
            if hole:
                lost = _hole(seen.shape, rng) if lost is None else lost
                seen = seen & ~lost
            if name not in dropped:
                views[name] = View(inputs.prepare(name, values, seen), seen)
    return views, _turned(chip.truth[window], turn, flip)


def _window(shape: tuple[int, ...], side: int, rng: np.random.Generator) -> tuple[slice, slice]:
    if min(shape) < _SMALLEST_PX:
        raise ValueError(
            f"a chip of {shape[0]} x {shape[1]} px is smaller than {_SMALLEST_PX} px; leave it out of the dataset"
        )
    side = min(side, min(shape) // _SMALLEST_PX * _SMALLEST_PX)  # square, for chips are turned
    corner = [int(rng.integers(0, n - side + 1)) for n in shape]
    rows, columns = (slice(c, c + side) for c in corner)
    return rows, columns


def _turned(array: NDArray[Any], turn: int, flip: bool) -> NDArray[Any]:
    turned = np.rot90(array, turn, axes=(-2, -1))
    return np.ascontiguousarray(turned[..., ::-1] if flip else turned)


def _dropped(views: Collection[str], share: Mapping[str, float], rng: np.random.Generator) -> set[str]:
    """Views that are lost: at most one of the choices in `share`, and never the last view that there is."""
    draw, total = rng.uniform(), 0.0
    for what in sorted(share):
        total += share[what]
        if draw < total:
            lost = {view for view in views if what in names_of(view)}
            return lost if len(lost) < len(views) else set()
    return set()


def _hole(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.bool_]:
    """A cloud-shaped piece of 5 to 60 % of the picture."""
    cells = int(rng.integers(*_HOLE_CELLS))
    field = smooth_noise(rng, shape, cells)
    return np.asarray(field > np.quantile(field[::8, ::8], 1.0 - rng.uniform(0.05, 0.6)))
