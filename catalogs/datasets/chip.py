"""One labelled chip of a dataset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Views = dict[str, tuple[NDArray[np.generic], NDArray[np.bool_]]]


@dataclass(frozen=True)
class Chip:
    """Images of one place by view (`sensor/time`: values (channel, y, x), seen (y, x)) and its truth (y, x), 255 unknown.

    `cover` holds WorldCover codes, (y, x), 0 unknown; None where the dataset has no land cover.
    """

    name: str
    event: str
    views: Views
    truth: NDArray[np.uint8]
    cover: NDArray[np.uint8] | None = None
