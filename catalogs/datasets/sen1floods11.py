"""Sen1Floods11: Sentinel-1 (VV, VH, dB), Sentinel-2 L1C and hand-drawn water on 446 chips of eleven floods.

Bonafilia et al. (2020), CVPR Workshops. `S1Hand`, `S2Hand` and `LabelHand` lie in DIR, or where the archive has them below it.
Its lists of chips, `flood_train_data.csv` and the like, lie in DIR or in `splits/flood_handlabeled`. Those of train, valid and
test share their floods; of Bolivia's flood no other list has a chip. Water is all water, also that which is always there.
Optical images carry no cloud mask.
"""

from __future__ import annotations

import re
from pathlib import Path

from floodfuse.catalogs.acquisition import Scale
from floodfuse.catalogs.datasets.description import ALL, Description, TruthFile, ViewFile
from floodfuse.catalogs.datasets.folder import ChipFolder
from floodfuse.catalogs.errors import BadRequest

SPLITS = ("train", "valid", "test", "bolivia")
_CHIPS_IN = (".", "data/flood_events/HandLabeled", "v1.1/data/flood_events/HandLabeled")
_LISTS_IN = (".", "splits", "splits/flood_handlabeled", "v1.1/splits/flood_handlabeled")
_ABOVE_CHIPS = 3  # folders between the lists' and the chips' when DIR is HandLabeled itself
_LISTED = re.compile(r"(.+)_(?:S1|S2|Label)Hand\.tif")
_ABOUT = Description(
    name="sen1floods11",
    licence="no licence file in the archive",
    inputs="backscatter",
    classes=("dry", "water"),
    flooded=("water",),
    truth=TruthFile(path="LabelHand/{chip}_LabelHand.tif", values={0: "dry", 1: "water"}, unlabelled=(-1,)),
    views={
        "s1/now": ViewFile(path="S1Hand/{chip}_S1Hand.tif", bands=(1, 2), scale=Scale.DB),
        # 13 bands: B3, B8, B11
        "s2/now": ViewFile(path="S2Hand/{chip}_S2Hand.tif", bands=(3, 8, 12), factor=1e-4, nodata=0.0),
    },
    event="^(.+)_",
)


class Sen1Floods11(ChipFolder):
    """Hand-labelled chips; the event is the country in a chip's name, such as Spain_7370579.

    Parameters
    ----------
    root : DIR
    split : of `SPLITS`, or `all`

    Raises
    ------
    BadRequest
        If the chips or the list of the split are not there, or the list names chips that are not.
    """

    def __init__(self, root: Path, split: str = ALL) -> None:
        chips = next((root / inner for inner in _CHIPS_IN if (root / inner / "LabelHand").is_dir()), None)
        if chips is None:
            raise BadRequest(
                f"{root}: no LabelHand in it; point --root to the folder with S1Hand and LabelHand."
            )
        lists = _lists(root, chips)
        if split not in (ALL, *SPLITS):
            raise BadRequest(f"{root}: no split '{split}'; there is {', '.join((ALL, *SPLITS))}.")
        if split != ALL and split not in lists:
            raise BadRequest(
                f"{root}: no split '{split}', for flood_{split}_data.csv is neither in it nor in {_LISTS_IN[2]}; put it there, or "
                f"take one of {', '.join((ALL, *lists))}."
            )
        file = lists.get(split, root)
        splits = {} if split == ALL else {split: _listed(file)}
        super().__init__(chips, _ABOUT.model_copy(update={"splits": splits}), split, file)


def _lists(root: Path, chips: Path) -> dict[str, Path]:
    """Files that list the chips of splits, as far as they are there."""
    folders = [root / inner for inner in _LISTS_IN]
    if chips == root / ".":
        above = root.resolve().parents[:_ABOVE_CHIPS]
        folders += [folder / "splits" / "flood_handlabeled" for folder in above]
    found = {}
    for split in SPLITS:
        tried = (folder / f"flood_{split}_data.csv" for folder in folders)
        found[split] = next((file for file in tried if file.is_file()), None)
    return {split: file for split, file in found.items() if file}


def _listed(file: Path) -> tuple[str, ...]:
    """Names of chips, from the first file that each line names: Ghana_103272_S1Hand.tif,Ghana_103272_LabelHand.tif."""
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        raise BadRequest(f"{file}: can't be read; replace the file.") from None
    names = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        match = _LISTED.fullmatch(line.split(",")[0].strip())
        if match is None:
            raise BadRequest(
                f"{file}: line {number} '{line[:60]}' begins with no file such as Ghana_103272_S1Hand.tif; replace the file."
            )
        names.append(match[1])
    return tuple(names)
