"""Labelled chips of any folder that a chips.yaml in it describes (`description.Description`).

    name: my-floods
    licence: CC-BY-4.0
    inputs: backscatter                # or stretched, 8-bit pictures
    classes: [dry, water]
    flooded: [water]
    truth: {path: "labels/{chip}.tif", values: {0: dry, 1: water}, unlabelled: [-1, 255]}
    views:
      s1/now: {path: "s1/{chip}.tif", bands: [1, 2], scale: db}      # or power, amplitude; dn with calibration_db
      s2/now: {path: "s2/{chip}.tif", bands: [3, 8, 11], factor: 0.0001, offset: 0.0, nodata: 0}
    cover: {path: "worldcover/{chip}.tif"}                             # for scores by land cover; values where it holds other numbers
    event: "^([A-Za-z-]+)_"            # first group of this regular expression on a chip's name
    splits: {train: ["Spain_*", Ghana_7], test: ["Bolivia_*"]}
    splits_by: chip                    # or event: then these are names of events

A chip is what has a truth and at least one view; a view whose file is missing is absent, and so is land cover. Images and truth are on one grid:
nothing is resampled here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from glob import escape
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from floodfuse.catalogs.datasets import rasters
from floodfuse.catalogs.datasets.chip import Chip, Views
from floodfuse.catalogs.datasets.description import ALL, BANDS, CHIP, Description, is_radar
from floodfuse.catalogs.errors import BadRequest

CHIPS_FILE = "chips.yaml"


class ChipFolder:
    """Chips under a folder, ordered by event and name.

    Parameters
    ----------
    root : the folder
    about : what is in it
    split : one of those that are described, or `all`
    told_in : file that tells of splits, for messages

    Raises
    ------
    BadRequest
        If there is no such split, none of its chips is there, a chip is of no event, or of two splits.
    """

    groups: Mapping[str, tuple[int, ...]] = MappingProxyType({})

    def __init__(self, root: Path, about: Description, split: str, told_in: Path) -> None:
        self.root, self.about, self.split = root, about, split
        self.name, self.licence, self.inputs = about.name, about.licence, about.inputs
        self.classes, self.views = about.classes, tuple(about.views)
        self.flooded = tuple(sorted({about.classes.index(name) for name in about.flooded}))
        events = {name: _event_of(name, about, told_in) for name in _found(root, about)}
        chosen = _chosen(events, about, split, told_in)
        self._event_of: Mapping[str, str] = {
            name: events[name] for name in sorted(chosen, key=lambda name: (events[name], name))
        }
        self.chips: Sequence[str] = tuple(self._event_of)
        self.events = self._event_of if about.event else {}

    def read(self, chip: str) -> Chip:
        """One chip by its name.

        Raises
        ------
        BadRequest
            If there is no such chip, or a file of it is not what it is said to be.
        """
        if chip not in self._event_of:
            raise BadRequest(
                f"{self.root}: no chip '{chip}' in split {self.split}; its first is {self.chips[0]}."
            )
        about = self.about.truth
        truth_file = _file(self.root, about.path, chip)
        truth = rasters.read_raster(truth_file, (1,))
        numbers = {number: self.classes.index(name) for number, name in about.values.items()}
        known = rasters.truth_of(truth_file, truth, numbers, about.unlabelled)
        views: Views = {}
        for view, asked in self.about.views.items():
            file = _file(self.root, asked.path, chip)
            if not file.is_file():
                continue
            image = rasters.read_raster(file, asked.bands or range(1, BANDS[self.inputs][view] + 1))
            rasters.check_grid(file, image, truth_file, truth)
            if self.inputs == "stretched":
                views[view] = rasters.picture(file, image, asked)
            else:
                read = rasters.backscatter if is_radar(view) else rasters.reflectance
                views[view] = read(file, image, asked)
        return Chip(chip, self._event_of[chip], views, known, self._cover(chip, truth_file, truth))

    def _cover(self, chip: str, truth_file: Path, truth: rasters.Raster) -> NDArray[np.uint8] | None:
        """WorldCover codes, (y, x), 0 unknown; None without a file of it."""
        about = self.about.cover
        if about is None:
            return None
        file = _file(self.root, about.path, chip)
        if not file.is_file():
            return None
        raster = rasters.read_raster(file, (1,))
        rasters.check_grid(file, raster, truth_file, truth)
        return rasters.cover_of(file, raster, about.values)


def _file(root: Path, template: str, chip: str) -> Path:
    return root / template.replace(CHIP, chip)


def _found(root: Path, about: Description) -> list[str]:
    """Names of all chips that have a truth and a view."""
    before, *others = about.truth.path.split(CHIP)
    name = re.compile(re.escape(before) + "(?P<chip>[^/]+)" + "(?P=chip)".join(map(re.escape, others)))
    paths = (
        path.relative_to(root).as_posix() for path in root.glob("*".join(map(escape, (before, *others))))
    )
    named = sorted(match["chip"] for path in paths if (match := name.fullmatch(path)))
    views = [view.path for view in about.views.values()]
    chips = [
        chip
        for chip in named
        if not chip.startswith(".") and any(_file(root, path, chip).is_file() for path in views)
    ]
    if not chips:
        raise BadRequest(
            f"{root}: {len(named)} files of truth ({about.truth.path}), and none has an image ({', '.join(views)}); correct "
            "the paths or the root."
        )
    return chips


def _event_of(chip: str, about: Description, told_in: Path) -> str:
    if about.event is None:
        return about.name
    match = re.search(about.event, chip)
    if match is None or match[1] is None:
        raise BadRequest(f"{told_in}: event '{about.event}' does not match chip {chip}; widen it.")
    return match[1]


def _chosen(events: Mapping[str, str], about: Description, split: str, told_in: Path) -> set[str]:
    """Chips of a split; all splits are looked at, so that none shares a chip with another."""
    if split == ALL:
        return set(events)
    if split not in about.splits:
        raise BadRequest(f"{told_in}: no split '{split}'; there is {', '.join((ALL, *about.splits))}.")
    compared = events if about.splits_by == "event" else {chip: chip for chip in events}
    owner: dict[str, str] = {}
    for name, patterns in about.splits.items():
        for pattern in patterns:
            found = [chip for chip, text in compared.items() if fnmatchcase(text, pattern)]
            if not found:
                raise BadRequest(
                    f"{told_in}: split {name}: '{pattern}' is no {about.splits_by} with a truth and an image; add its files or "
                    "leave it out."
                )
            for chip in found:
                if owner.setdefault(chip, name) != name:
                    raise BadRequest(
                        f"{told_in}: chip {chip} is in {owner[chip]} and in {name}; leave it in one."
                    )
    chips = {chip for chip, name in owner.items() if name == split}
    if not chips:
        raise BadRequest(f"{told_in}: split {split} names no chip; add some.")
    return chips
