"""Labelled chips by the name of their dataset: read from an archive or a described folder, or simulated."""

from __future__ import annotations

import os
import re
from pathlib import Path

from floodfuse.catalogs.datasets.description import describe
from floodfuse.catalogs.datasets.folder import CHIPS_FILE, ChipFolder
from floodfuse.catalogs.datasets.ombria import Ombria
from floodfuse.catalogs.datasets.sen1floods11 import Sen1Floods11
from floodfuse.catalogs.errors import BadRequest
from floodfuse.catalogs.simulated.chip_lands import Land
from floodfuse.catalogs.simulated.chips import LANDS
from floodfuse.models.chips import ChipSource
from floodfuse.pipeline.settings import read_yaml
from floodfuse.pipeline.simulated_chips import SimulatedChips

DATASETS = ("ombria", "sen1floods11", "folder", "simulated")
_HOLDS = {"ombria": "OMBRIA", "sen1floods11": "Sen1Floods11", "folder": f"{CHIPS_FILE} and its chips"}
_SIMULATED = re.compile(rf"([AB])-(\d+)-(\d+)(?:-({'|'.join(LANDS)}))?$")


def open_dataset(name: str, root: Path, split: str) -> ChipSource:
    """The dataset of this name in a folder.

    Parameters
    ----------
    name : of `DATASETS`
    root : folder that holds it; of simulated chips, the folder in which they are kept
    split : its part; of simulated chips WORLD-SEED-COUNT, such as A-101-500, in valleys; WORLD-SEED-COUNT-LAND elsewhere

    Raises
    ------
    BadRequest
        If there is no dataset of this name, no such part, or the folder does not hold it.
    """
    if name not in DATASETS:
        raise BadRequest(f"dataset '{name}': known are {', '.join(DATASETS)}.")
    if name in _HOLDS and not root.is_dir():
        raise BadRequest(f"root '{root}': no such folder; give the one that holds {_HOLDS[name]}.")
    if name == "ombria":
        return Ombria(root, split)
    if name == "sen1floods11":
        return Sen1Floods11(root, split)
    if name == "folder":
        return _described(root, split)
    asked = _SIMULATED.match(split)
    if asked is None or int(asked[3]) < 1:
        raise BadRequest(
            f"split '{split}': simulated chips are WORLD-SEED-COUNT, such as A-101-500, or WORLD-SEED-COUNT-LAND, "
            f"with a land of {', '.join(LANDS)}."
        )
    chips = SimulatedChips(root, asked[1], int(asked[2]), int(asked[3]), asked[4] or Land.VALLEY)
    chips.make_all(os.cpu_count() or 1)
    return chips


def _described(root: Path, split: str) -> ChipFolder:
    """Chips of a folder that its own file describes."""
    file = root / CHIPS_FILE
    if not file.is_file():
        raise BadRequest(
            f"{root}: no {CHIPS_FILE} in it; write one that says where its images and truth lie."
        )
    return ChipFolder(root, describe(read_yaml(file), file), split, file)
