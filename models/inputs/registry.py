"""Which inputs there are, by name. Their fingerprint travels with weights: other input is refused."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from floodfuse.models.chips import View
from floodfuse.models.inputs import backscatter, changes, evidence, measured, stretched
from floodfuse.models.view_names import names_of


class Inputs(Protocol):
    """A radiometry: what is made of its images, and how they vary. A module that has these names will do.

    Attributes
    ----------
    CHANNELS : of every view that a network may take
    TOGETHER : views that no image holds, and the views that tell them together
    """

    FINGERPRINT: str
    CHANNELS: Mapping[str, int]
    TOGETHER: Mapping[str, tuple[str, ...]]

    def prepare(self, view: str, values: NDArray[np.generic], seen: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Channels of a view for a network."""
        ...

    def vary(self, view: str, values: NDArray[np.generic], rng: np.random.Generator) -> NDArray[np.float32]:
        """The view as it might have been."""
        ...

    def together(self, view: str, told_by: Mapping[str, View]) -> View:
        """A view of `TOGETHER`, of the prepared views that tell it; asked for by those who have any."""
        ...


INPUTS: dict[str, Inputs] = {
    "backscatter": cast(Inputs, backscatter),
    "evidence": cast(Inputs, evidence),
    "stretched": cast(Inputs, stretched),
}


def told_together(inputs: Inputs, images: Collection[str], taken: Collection[str] | None = None) -> list[str]:
    """Views of `TOGETHER` that these images can tell, of those that are taken; of all where None."""
    return [
        view
        for view, by in inputs.TOGETHER.items()
        if (taken is None or view in taken) and all(image in images for image in by)
    ]


def completed(
    inputs: Inputs,
    images: Mapping[str, View],
    dropped: Collection[str] = (),
    taken: Collection[str] | None = None,
) -> dict[str, View]:
    """Prepared images and what they tell together, of what is taken, but for what is dropped by its own name, its image's or its sensor's."""
    views = dict(images)
    for view in told_together(inputs, images, taken):
        if not any(name in dropped for name in names_of(view)):
            views[view] = inputs.together(view, {image: images[image] for image in inputs.TOGETHER[view]})
    return views


def fingerprint(inputs: str, views: Iterable[str]) -> str:
    """How views of these inputs, by their name in `INPUTS`, are prepared; two that are the same may be exchanged."""
    named = tuple(views)
    told = [view for view in named if view in INPUTS[inputs].TOGETHER]
    parts = INPUTS[inputs].FINGERPRINT, measured.fingerprint(named), changes.fingerprint(told)
    return "; ".join(part for part in parts if part)
