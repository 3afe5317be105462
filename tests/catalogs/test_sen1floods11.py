"""Sen1Floods11's hand-labelled chips: what its files hold, its splits, and where they may lie."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio

from floodfuse.catalogs.datasets.sen1floods11 import SPLITS, Sen1Floods11
from floodfuse.catalogs.errors import BadRequest
from floodfuse.models.inputs import backscatter

SIDE = 64
FULL = "Spain_7370579"  # the one with Sentinel-2
REAL = ("Ghana_53713", "Ghana_83483", "Paraguay_34417", "Spain_6860600", FULL, "Sri-Lanka_534068")
ARCHIVE = "data/flood_events/HandLabeled"


def write(file: Path, *levels: float, dtype: str = "float32") -> None:
    """A raster of even bands."""
    file.parent.mkdir(parents=True, exist_ok=True)
    kind = {"driver": "GTiff", "count": len(levels), "height": SIDE, "width": SIDE, "dtype": dtype}
    with rasterio.open(file, "w", **kind) as target:
        target.write(np.stack([np.full((SIDE, SIDE), level, dtype) for level in levels]))


def chip(folder: Path, name: str) -> None:
    """All files of a small chip."""
    write(folder / "S1Hand" / f"{name}_S1Hand.tif", -9.0, -16.0)
    write(folder / "S2Hand" / f"{name}_S2Hand.tif", *range(1000, 2300, 100), dtype="int16")
    write(folder / "LabelHand" / f"{name}_LabelHand.tif", 1, dtype="int16")


def lists(folder: Path, **names: tuple[str, ...]) -> None:
    """Lists of splits as the archive has them."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, chips in names.items():
        lines = [f"{name}_S1Hand.tif,{name}_LabelHand.tif\n" for name in chips]
        (folder / f"flood_{split}_data.csv").write_text("".join(lines))


# The real chips.


@pytest.fixture(scope="module")
def real(real_data: Callable[[str], Path]) -> Sen1Floods11:
    return Sen1Floods11(real_data("sen1floods11"))


def stored(real: Sen1Floods11, kind: str, name: str) -> rasterio.DatasetReader:
    return rasterio.open(real.root / f"{kind}Hand" / f"{name}_{kind}Hand.tif")


def test_all_real_chips_are_found_country_by_country(real: Sen1Floods11) -> None:
    assert real.chips == REAL
    assert (real.name, real.inputs, real.classes, real.flooded) == (
        "sen1floods11",
        "backscatter",
        ("dry", "water"),
        (1,),
    )
    assert [real.read(name).event for name in ("Spain_7370579", "Sri-Lanka_534068")] == ["Spain", "Sri-Lanka"]


@pytest.mark.parametrize("name", REAL)
def test_values_are_those_that_the_files_hold(real: Sen1Floods11, name: str) -> None:
    found = real.read(name)
    with stored(real, "S1", name) as file:
        radar = file.read()
    values, seen = found.views["s1/now"]
    np.testing.assert_array_equal(values, radar)
    np.testing.assert_array_equal(seen, ~np.isnan(radar).any(axis=0))
    with stored(real, "Label", name) as file:
        label = file.read(1)
    np.testing.assert_array_equal(found.truth, np.where(label < 0, 255, label))
    assert found.truth.dtype == np.uint8
    assert ("s2/now" in found.views) == (name == FULL)


def test_the_optical_image_is_green_and_near_and_short_wave_infrared(real: Sen1Floods11) -> None:
    with stored(real, "S2", FULL) as file:
        bands = {name: file.read(k) for k, name in enumerate(file.descriptions, start=1)}
    values, seen = real.read(FULL).views["s2/now"]
    assert seen.all()
    for made, name in zip(np.asarray(values, np.float64), ("B3", "B8", "B11"), strict=True):
        np.testing.assert_allclose(made, bands[name] / 1e4, rtol=1e-6)


def test_channels_of_a_real_chip_tell_water_as_measured_before(real: Sen1Floods11) -> None:
    """AUC of VV, VH, NDWI and MNDWI on this chip, from bands read by hand: .874, .887, .965, .971."""
    chip = real.read(FULL)
    known = chip.truth != 255
    wet = chip.truth[known] == 1
    for view, channel, sign, auc in (
        ("s1/now", 0, -1, 0.874),
        ("s1/now", 1, -1, 0.887),
        ("s2/now", 3, 1, 0.965),
        ("s2/now", 4, 1, 0.971),
    ):
        level = sign * backscatter.prepare(view, *chip.views[view])[channel][known]
        dry, water = np.sort(level[~wet]), level[wet]
        above = (np.searchsorted(dry, water, "left") + np.searchsorted(dry, water, "right")) / 2
        assert above.mean() / dry.size == pytest.approx(auc, abs=0.003), (view, channel)


def test_a_chip_without_a_number_is_unseen_throughout_and_keeps_its_label(real: Sen1Floods11) -> None:
    chip = real.read("Paraguay_34417")
    assert not chip.views["s1/now"][1].any()
    assert (chip.truth == 1).any()


def test_no_split_but_all_where_there_are_no_lists(real: Sen1Floods11) -> None:
    for split in SPLITS:
        with pytest.raises(
            BadRequest, match=rf"no split '{split}', for flood_{split}_data.csv.*put it there"
        ):
            Sen1Floods11(real.root, split)


# Its splits.


@pytest.mark.parametrize(
    ("chips_in", "lists_in", "root"),
    [
        (".", ".", "."),
        (".", "splits", "."),
        (".", "splits/flood_handlabeled", "."),
        (ARCHIVE, "splits/flood_handlabeled", "."),
        (ARCHIVE, "splits/flood_handlabeled", ARCHIVE),
        (f"v1.1/{ARCHIVE}", "v1.1/splits/flood_handlabeled", "."),
    ],
)
def test_splits_are_those_of_the_archives_lists_wherever_they_lie(
    tmp_path: Path, chips_in: str, lists_in: str, root: str
) -> None:
    names = ("USA_9", "Ghana_10", "Bolivia_3", "Ghana_2", "Mekong_1")
    for name in names:
        chip(tmp_path / chips_in, name)
    lists(tmp_path / lists_in, train=("USA_9", "Ghana_2"), test=("Ghana_10",), bolivia=("Bolivia_3",))
    assert Sen1Floods11(tmp_path / root, "train").chips == ("Ghana_2", "USA_9")
    assert Sen1Floods11(tmp_path / root, "test").chips == ("Ghana_10",)
    bolivia = Sen1Floods11(tmp_path / root, "bolivia")
    assert (bolivia.split, bolivia.chips, bolivia.read("Bolivia_3").event) == (
        "bolivia",
        ("Bolivia_3",),
        "Bolivia",
    )
    assert sorted(Sen1Floods11(tmp_path / root).chips) == sorted(names)
    with pytest.raises(BadRequest, match=r"no split 'valid'.*take one of all, train, test, bolivia"):
        Sen1Floods11(tmp_path / root, "valid")
    with pytest.raises(BadRequest, match=r"no split 'val'; there is all, train, valid, test, bolivia"):
        Sen1Floods11(tmp_path / root, "val")


def test_an_optical_pixel_is_empty_where_all_its_bands_are_and_dark_water_is_not(tmp_path: Path) -> None:
    chip(tmp_path, "Ghana_2")
    file = tmp_path / "S2Hand" / "Ghana_2_S2Hand.tif"
    with rasterio.open(file, "r+") as target:
        bands = target.read()
        bands[:, :5] = 0
        bands[11, 20:30] = 0  # black in short-wave infrared alone
        target.write(bands)
    _, seen = Sen1Floods11(tmp_path).read("Ghana_2").views["s2/now"]
    assert not seen[:5].any() and seen[5:].all()


# What can't be right.


def test_a_folder_without_labels(tmp_path: Path) -> None:
    chip(tmp_path / "inner", "Ghana_2")
    shutil.rmtree(tmp_path / "inner" / "LabelHand")
    for root in (tmp_path, tmp_path / "inner"):
        with pytest.raises(BadRequest, match="no LabelHand in it; point --root"):
            Sen1Floods11(root)


def test_a_list_with_a_chip_that_was_not_downloaded(tmp_path: Path) -> None:
    chip(tmp_path, "Ghana_2")
    lists(tmp_path, train=("Ghana_2", "Ghana_3"))
    with pytest.raises(BadRequest, match="'Ghana_3' is no chip with a truth and an image") as told:
        Sen1Floods11(tmp_path, "train")
    assert str(tmp_path / "flood_train_data.csv") in str(told.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"Ghana_2_S1Hand.tif,Ghana_2_LabelHand.tif\nGhana_3\n", "line 2 'Ghana_3' begins with no file"),
        (b"image,label\n", "line 1 'image,label'"),
        (b"\xff\xfe\x00", "can't be read; replace the file"),
        (b"\n", "names no chip"),
    ],
)
def test_a_list_that_is_none(tmp_path: Path, content: bytes, words: str) -> None:
    chip(tmp_path, "Ghana_2")
    file = tmp_path / "flood_train_data.csv"
    file.write_bytes(content)
    with pytest.raises(BadRequest, match=words) as told:
        Sen1Floods11(tmp_path, "train")
    assert str(file) in str(told.value)


def test_a_chip_that_is_not_there(tmp_path: Path) -> None:
    chip(tmp_path, "Ghana_2")
    with pytest.raises(BadRequest, match="no chip 'Ghana_3' in split all; its first is Ghana_2"):
        Sen1Floods11(tmp_path).read("Ghana_3")


def test_a_label_of_something_else(tmp_path: Path) -> None:
    chip(tmp_path, "Ghana_2")
    file = tmp_path / "LabelHand" / "Ghana_2_LabelHand.tif"
    write(file, 2, dtype="int16")
    with pytest.raises(
        BadRequest, match=r"holds 2, .*\(0, 1\) nor unlabelled \(-1\); replace the file"
    ) as told:
        Sen1Floods11(tmp_path).read("Ghana_2")
    assert str(file) in str(told.value)
