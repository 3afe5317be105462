"""Labelled chips, as training and evaluation take them: any object with these attributes will do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

UNLABELLED = 255


class View(NamedTuple):
    """One image of one sensor: values (channel, y, x), and where it was seen (y, x)."""

    values: NDArray[np.generic]
    seen: NDArray[np.bool_]


class LabelledChip(Protocol):
    """One chip on one grid.

    Attributes
    ----------
    name : unique in its dataset
    event : the flood or place that it is from; chips of one event are never both trained on and judged by
    views : by name, `sensor/time`, as (values, seen)
    truth : (y, x), number of the class; 255 where nobody knows
    cover : (y, x), what a map of land cover has, WorldCover codes, 0 unknown; None without one. For scores, not for networks
    """

    @property
    def name(self) -> str: ...
    @property
    def event(self) -> str: ...
    @property
    def views(self) -> Mapping[str, tuple[NDArray[np.generic], NDArray[np.bool_]]]: ...
    @property
    def truth(self) -> NDArray[np.uint8]: ...
    @property
    def cover(self) -> NDArray[np.uint8] | None: ...


class ChipSource(Protocol):
    """A dataset of labelled chips.

    Attributes
    ----------
    name : of the dataset
    split : the part of it that these chips are
    inputs : the radiometry of its views, by its name in `inputs.registry`
    classes : names of its classes
    flooded : numbers of those that are flooded
    groups : kinds of several classes, by name, that are scored as one besides and called as one
    views : names of the views that its chips may have
    events : the flood or place of each chip, by its name; chips of one event follow each other. Empty where nobody knows
    chips : names of its chips, in order
    """

    @property
    def name(self) -> str: ...
    @property
    def split(self) -> str: ...
    @property
    def inputs(self) -> str: ...
    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def flooded(self) -> tuple[int, ...]: ...
    @property
    def groups(self) -> Mapping[str, tuple[int, ...]]: ...
    @property
    def views(self) -> Sequence[str]: ...
    @property
    def events(self) -> Mapping[str, str]: ...
    @property
    def chips(self) -> Sequence[str]: ...
    def read(self, chip: str) -> LabelledChip:
        """One chip by its name."""
        ...


class Kept:
    """A dataset whose chips stay in memory, as they are on disk, once they have been read."""

    def __init__(self, source: ChipSource) -> None:
        self._source = source
        self._chips: dict[str, LabelledChip] = {}
        self.name, self.split, self.inputs, self.chips = (
            source.name,
            source.split,
            source.inputs,
            source.chips,
        )
        self.classes, self.flooded, self.groups = source.classes, source.flooded, source.groups
        self.views, self.events = source.views, source.events

    def read(self, chip: str) -> LabelledChip:
        """See `ChipSource`."""
        if chip not in self._chips:
            self._chips[chip] = self._source.read(chip)
        return self._chips[chip]
