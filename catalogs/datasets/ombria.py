"""OMBRIA: bitemporal Sentinel-1 VV and Sentinel-2 (B11, B8, B3) as 8-bit pictures, with flood masks of Copernicus EMS.

Drakonakis et al. (2022), IEEE JSTARS 15; masks leave permanent water out. Two layouts are read:

    OmbriaS1|OmbriaS2/<split>/{BEFORE,AFTER,MASK}/S1_before_0013.png    the archive; DIR holds both folders
    Sentinel1|Sentinel2/{BEFORE,AFTER,MASK}/imbefore_0.png, gt_0.png    an event of its own; DIR is its folder

Pictures of one tile are matched by the number in their names. A sensor whose folder or picture is missing is a view that
is absent. Numbers run event by event, so neighbours in number are neighbours on the ground: tiles are split in contiguous
blocks (`split.blocks`), never at random.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from scipy.ndimage import binary_opening

from floodfuse.catalogs.datasets.chip import Chip, Views
from floodfuse.catalogs.errors import BadRequest

_LAYOUTS = (("OmbriaS1", "OmbriaS2"), ("Sentinel1", "Sentinel2"))
_SENSORS = ("s1", "s2")
_BANDS = {"s1": 1, "s2": 3}
_DATES = {"BEFORE": "before", "AFTER": "after"}
_MASK = "MASK"
_NUMBER = re.compile(r"(\d+)\.png$", re.IGNORECASE)
_EMPTY_PX = 5  # a square of this side, all of it empty, is no data and not a dark or a bright target
_HALF = 127  # of 255: masks are 0 and 255

Pictures = dict[tuple[str, str], dict[int, Path]]


class Ombria:
    """Tiles under a folder.

    Parameters
    ----------
    root : DIR of one of the layouts
    split : `train` or `test`, of the archive's layout; an event of its own has none

    Raises
    ------
    BadRequest
        If the folder is of neither layout, or holds no tile with a mask and at least one picture.
    """

    name = "ombria"
    inputs = "stretched"
    classes = ("dry", "flood")
    flooded = (1,)
    groups: Mapping[str, tuple[int, ...]] = MappingProxyType({})
    events: Mapping[str, str] = MappingProxyType({})
    views = ("s1/before", "s1/after", "s2/before", "s2/after")

    def __init__(self, root: Path, split: str = "train") -> None:
        self.root = root
        self.split, self._pictures = _find(root, split)
        masked = {n for (_, kind), files in self._pictures.items() if kind == _MASK for n in files}
        shown = {n for (_, kind), files in self._pictures.items() if kind != _MASK for n in files}
        numbers = sorted(masked & shown)
        if not numbers:
            raise BadRequest(
                f"{root}: no tile has a picture and a mask (…/MASK/….png); point to a folder with tiles."
            )
        self.chips: Sequence[str] = tuple(f"{number:04d}" for number in numbers)

    def read(self, chip: str) -> Chip:
        """One tile by its number, four digits.

        Raises
        ------
        BadRequest
            If there is no such tile, or a picture can't be read, or has other bands or another size than the mask.
        """
        if chip not in self.chips:
            raise BadRequest(
                f"{self.root}: no tile '{chip}' in {self.split}; there are {self.chips[0]} to {self.chips[-1]}."
            )
        number = int(chip)
        path = next(
            files[number] for (_, kind), files in self._pictures.items() if kind == _MASK and number in files
        )
        mask = _read(path)[0]
        views: Views = {}
        for (sensor, kind), files in self._pictures.items():
            if kind == _MASK or number not in files:
                continue
            values = _read(files[number])
            if values.shape[0] < _BANDS[sensor] or values.shape[1:] != mask.shape:
                raise BadRequest(
                    f"{files[number]}: {values.shape[0]} bands of {values.shape[1]} x {values.shape[2]} px, where "
                    f"{_BANDS[sensor]} of {mask.shape[0]} x {mask.shape[1]} px are needed; replace the file."
                )
            values = values[: _BANDS[sensor]]
            views[f"{sensor}/{_DATES[kind]}"] = values, _seen(sensor, values)
        flooded = mask > (_HALF if mask.max() > 1 else 0)  # 0 and 255, or 0 and 1
        return Chip(chip, self.split, views, flooded.astype(np.uint8))


def _find(root: Path, split: str) -> tuple[str, Pictures]:
    """The part that was found, which is the event's name in the layout of events, and its pictures."""
    for layout in _LAYOUTS:
        inside = split if layout[0].startswith("Ombria") else ""
        folders = {sensor: root / name / inside for sensor, name in zip(_SENSORS, layout, strict=True)}
        if not any((root / name).is_dir() for name in layout):
            continue
        if not any(folder.is_dir() for folder in folders.values()):
            there = sorted(p.name for name in layout for p in (root / name).glob("*") if p.is_dir())
            raise BadRequest(
                f"{root}: no split '{split}'; there is {', '.join(dict.fromkeys(there)) or 'none'}."
            )
        found = {
            (sensor, kind): _numbered(folder / kind)
            for sensor, folder in folders.items()
            for kind in (*_DATES, _MASK)
        }
        return inside or root.resolve().name, found
    wanted = " nor ".join(" and ".join(layout) for layout in _LAYOUTS)
    raise BadRequest(f"{root}: neither {wanted} is in it; point --root to the folder that holds them.")


def _numbered(folder: Path) -> dict[int, Path]:
    found = ((_NUMBER.search(path.name), path) for path in sorted(folder.glob("*")))
    return {int(match[1]): path for match, path in found if match}


def _read(path: Path) -> NDArray[np.uint8]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # pictures never are
            # read line by line: at once, the driver takes a file that was cut off for a whole one
            with rasterio.Env(GDAL_PNG_WHOLE_IMAGE_OPTIM="NO"), rasterio.open(path) as picture:
                values = picture.read()
    except RasterioError as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise BadRequest(f"{path}: can't be read as a picture ({reason}); replace the file.") from None
    if values.dtype != np.uint8:
        raise BadRequest(
            f"{path}: holds {values.dtype}, and pictures of OMBRIA have 8 bits; replace the file."
        )
    return np.asarray(values)


def _seen(sensor: str, values: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """False where the picture is empty: radar all white, optical all black, over squares of 5 px and more."""
    empty = values[0] == 255 if sensor == "s1" else (values == 0).all(axis=0)
    return np.asarray(~binary_opening(np.pad(empty, _EMPTY_PX, "edge"), np.ones((_EMPTY_PX,) * 2)))[
        _EMPTY_PX:-_EMPTY_PX, _EMPTY_PX:-_EMPTY_PX
    ]
