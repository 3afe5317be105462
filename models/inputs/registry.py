"""Which inputs there are, by name. Their fingerprint travels with weights: other input is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from floodfuse.models.inputs import backscatter, evidence, measured, stretched


class Inputs(Protocol):
    """A radiometry: what is made of its images, and how they vary. A module that has these names will do."""

    FINGERPRINT: str
    CHANNELS: Mapping[str, int]

    def prepare(self, view: str, values: NDArray[np.generic], seen: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Channels of a view for a network."""
        ...

    def vary(self, view: str, values: NDArray[np.generic], rng: np.random.Generator) -> NDArray[np.float32]:
        """The view as it might have been."""
        ...


INPUTS: dict[str, Inputs] = {
    "backscatter": cast(Inputs, backscatter),
    "evidence": cast(Inputs, evidence),
    "stretched": cast(Inputs, stretched),
}


def fingerprint(inputs: str, views: Iterable[str]) -> str:
    """How views of these inputs, by their name in `INPUTS`, are prepared; two that are the same may be exchanged."""
    parts = measured.fingerprint(views)
    return INPUTS[inputs].FINGERPRINT + (f"; {parts}" if parts else "")
