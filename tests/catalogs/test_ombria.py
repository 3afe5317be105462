"""OMBRIA's pictures: both layouts, what is missing, where nothing was seen, and files that are not what they should be."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from floodfuse.catalogs.datasets.ombria import Ombria
from floodfuse.catalogs.errors import BadRequest

UInt8 = NDArray[np.uint8]

SIDE = 64
BANDS = {"s1": 1, "s2": 3}
VIEWS = ("s1/before", "s1/after", "s2/before", "s2/after")
LAYOUTS = ("archive", "event")
REAL_TILES = 368


def write(file: Path, *bands: NDArray[np.generic]) -> Path:
    """Bands as a PNG of their own depth."""
    file.parent.mkdir(parents=True, exist_ok=True)
    height, width = bands[0].shape
    kind = {"driver": "PNG", "count": len(bands), "height": height, "width": width, "dtype": bands[0].dtype}
    with rasterio.open(file, "w", **kind) as target:
        target.write(np.stack(bands))
    return file


def place(root: Path, layout: str, what: str, number: int, split: str = "train") -> Path:
    """Where a layout has a view of a tile, or its mask beside the pictures of a sensor (`s1/mask`)."""
    sensor, kind = what.split("/")
    if layout == "archive":
        name = f"{sensor.upper()}_{kind}_{number:04d}.png"
        return root / f"Ombria{sensor.upper()}" / split / kind.upper() / name
    name = f"gt_{number}.png" if kind == "mask" else f"im{kind}_{number}.png"
    return root / sensor.replace("s", "Sentinel") / kind.upper() / name


def values_of(what: str, number: int) -> UInt8:
    """Speckle that tells view from view and tile from tile, without an empty pixel."""
    rng = np.random.default_rng([*what.encode(), number])
    return rng.integers(1, 255, (BANDS[what[:2]], SIDE, SIDE)).astype(np.uint8)


def flood_of(number: int) -> NDArray[np.bool_]:
    """Another flood on each tile."""
    return np.random.default_rng(number).random((SIDE, SIDE)) < 0.3


def tile(root: Path, layout: str, number: int, split: str = "train") -> None:
    """All pictures of a tile and both copies of its mask."""
    for view in VIEWS:
        write(place(root, layout, view, number, split), *values_of(view, number))
    for sensor in BANDS:
        mask = flood_of(number).astype(np.uint8) * np.uint8(255)
        write(place(root, layout, f"{sensor}/mask", number, split), mask)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_pictures_come_out_as_they_were_stored_under_their_view_and_tile(tmp_path: Path, layout: str) -> None:
    for number in (13, 2, 101):
        tile(tmp_path, layout, number)
    found = Ombria(tmp_path)
    # numbers run event by event: their order is that of numbers, not of text
    assert found.chips == ("0002", "0013", "0101")
    for number in (13, 2, 101):
        chip = found.read(f"{number:04d}")
        assert chip.name == f"{number:04d}" and set(chip.views) == set(VIEWS)
        for view, (values, seen) in chip.views.items():
            assert values.dtype == np.uint8
            np.testing.assert_array_equal(values, values_of(view, number))
            assert seen.shape == (SIDE, SIDE) and seen.dtype == bool and seen.all()
        assert chip.truth.dtype == np.uint8
        np.testing.assert_array_equal(chip.truth, flood_of(number))


def test_the_bands_of_the_optical_picture_keep_their_order(tmp_path: Path) -> None:
    tile(tmp_path, "archive", 1)
    swir, nir, green = (np.full((SIDE, SIDE), level, np.uint8) for level in (200, 100, 50))
    write(place(tmp_path, "archive", "s2/after", 1), swir, nir, green)
    values, _ = Ombria(tmp_path).read("0001").views["s2/after"]
    assert [int(band[7, 9]) for band in np.asarray(values, np.uint8)] == [200, 100, 50]


def test_a_split_of_the_archive_has_its_own_tiles_only(tmp_path: Path) -> None:
    tile(tmp_path, "archive", 3, "train")
    tile(tmp_path, "archive", 4, "test")
    assert Ombria(tmp_path).chips == ("0003",)
    assert Ombria(tmp_path, "test").chips == ("0004",)
    np.testing.assert_array_equal(Ombria(tmp_path, "test").read("0004").truth, flood_of(4))


def test_an_event_of_its_own_has_no_splits(tmp_path: Path) -> None:
    tile(tmp_path, "event", 0)
    assert Ombria(tmp_path, "train").chips == Ombria(tmp_path, "test").chips == ("0000",)


def test_chips_of_an_event_say_which_event_they_are_from(tmp_path: Path) -> None:
    for name in ("FRANCE", "ALBANIA"):
        tile(tmp_path / name, "event", 0)
    assert {Ombria(tmp_path / name, "test").read("0000").event for name in ("FRANCE", "ALBANIA")} == {
        "FRANCE",
        "ALBANIA",
    }


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "missing",
    [("s2/after",), ("s1/before",), ("s2/before", "s2/after"), ("s1/before", "s1/after", "s2/after")],
)
def test_a_missing_picture_is_a_view_that_is_absent(
    tmp_path: Path, layout: str, missing: tuple[str, ...]
) -> None:
    tile(tmp_path, layout, 0)
    tile(tmp_path, layout, 1)
    for view in missing:
        place(tmp_path, layout, view, 1).unlink()
    found = Ombria(tmp_path)
    assert found.chips == ("0000", "0001")
    chip = found.read("0001")
    assert set(chip.views) == set(VIEWS) - set(missing)
    for view, (values, _) in chip.views.items():  # what is there still is of this tile, not of its neighbour
        np.testing.assert_array_equal(values, values_of(view, 1))
    assert set(found.read("0000").views) == set(VIEWS)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("sensor", ["s1", "s2"])
def test_a_sensor_without_a_folder_is_absent(tmp_path: Path, layout: str, sensor: str) -> None:
    tile(tmp_path, layout, 5)
    shutil.rmtree(tmp_path / place(tmp_path, layout, f"{sensor}/after", 5).relative_to(tmp_path).parts[0])
    chip = Ombria(tmp_path).read("0005")
    assert set(chip.views) == {view for view in VIEWS if not view.startswith(sensor)}
    np.testing.assert_array_equal(chip.truth, flood_of(5))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("sensor", ["s1", "s2"])
def test_a_mask_beside_one_sensor_is_enough(tmp_path: Path, layout: str, sensor: str) -> None:
    tile(tmp_path, layout, 8)
    place(tmp_path, layout, f"{sensor}/mask", 8).unlink()
    chip = Ombria(tmp_path).read("0008")
    assert set(chip.views) == set(VIEWS)
    np.testing.assert_array_equal(chip.truth, flood_of(8))


def test_tiles_without_a_mask_or_without_any_picture_are_no_chips(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        tile(tmp_path, "archive", number)
    for sensor in BANDS:
        place(tmp_path, "archive", f"{sensor}/mask", 1).unlink()
    for view in VIEWS:
        place(tmp_path, "archive", view, 2).unlink()
    assert Ombria(tmp_path).chips == ("0003",)


def test_other_files_between_the_pictures_are_no_tiles(tmp_path: Path) -> None:
    tile(tmp_path, "archive", 13)
    picture = place(tmp_path, "archive", "s1/after", 13)
    for name in ("Thumbs.db", "readme_7.txt", "preview.png", "S1_after_0014.png.part", f"._{picture.name}"):
        (picture.parent / name).write_bytes(b"no picture")
    found = Ombria(tmp_path)
    assert found.chips == ("0013",)
    np.testing.assert_array_equal(found.read("0013").views["s1/after"][0], values_of("s1/after", 13))


def test_grey_stored_as_colour_and_colour_with_opacity_read_as_without(tmp_path: Path) -> None:
    tile(tmp_path, "archive", 1)
    opaque = np.full((SIDE, SIDE), 255, np.uint8)
    grey, colour = values_of("s1/after", 1)[0], values_of("s2/before", 1)
    mask = flood_of(1).astype(np.uint8) * np.uint8(255)
    write(place(tmp_path, "archive", "s1/after", 1), grey, grey, grey)
    write(place(tmp_path, "archive", "s1/before", 1), grey, grey, grey, opaque)
    write(place(tmp_path, "archive", "s2/before", 1), *colour, opaque)
    write(place(tmp_path, "archive", "s1/mask", 1), mask, mask, mask, opaque)
    chip = Ombria(tmp_path).read("0001")
    np.testing.assert_array_equal(chip.views["s1/after"][0], grey[None])
    np.testing.assert_array_equal(chip.views["s1/before"][0], grey[None])
    np.testing.assert_array_equal(chip.views["s2/before"][0], colour)
    np.testing.assert_array_equal(chip.truth, flood_of(1))


# What is empty: radar is white there, optical is black.


def seen_with(folder: Path, view: str, empty: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What is seen of a picture that is empty at these pixels."""
    tile(folder, "archive", 1)
    values = values_of(view, 1)
    values[:, empty] = 255 if view.startswith("s1") else 0
    write(place(folder, "archive", view, 1), *values)
    return Ombria(folder).read("0001").views[view][1]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("side", ["top", "bottom", "left", "right", "corner"])
def test_an_empty_border_is_unseen_and_nothing_else_is(tmp_path: Path, view: str, side: str) -> None:
    empty = np.zeros((SIDE, SIDE), bool)
    where = {
        "top": np.s_[:7, :],
        "bottom": np.s_[-2:, :],  # narrower than the square that makes a hole, but it goes on beyond the edge
        "left": np.s_[:, :20],
        "right": np.s_[:, -6:],
        "corner": np.s_[-9:, -11:],
    }[side]
    empty[where] = True
    np.testing.assert_array_equal(seen_with(tmp_path, view, empty), ~empty)


@pytest.mark.parametrize("view", VIEWS)
def test_a_slanted_border_is_unseen_but_for_its_teeth(tmp_path: Path, view: str) -> None:
    row, column = np.indices((SIDE, SIDE))
    empty = column + 0.3 * row < 25.0
    unseen = ~seen_with(tmp_path, view, empty)
    assert not (unseen & ~empty).any()
    assert unseen.sum() > 0.95 * empty.sum()


@pytest.mark.parametrize("view", VIEWS)
def test_lone_white_or_black_pixels_and_small_targets_are_seen(tmp_path: Path, view: str) -> None:
    spots = np.zeros((SIDE, SIDE), bool)
    spots[5::9, 4::7] = True
    spots[0, 30] = spots[40, -1] = True
    spots[20:24, 40:44] = True
    assert seen_with(tmp_path, view, spots).all()


def test_white_land_in_optical_and_black_water_in_radar_are_seen(tmp_path: Path) -> None:
    tile(tmp_path, "archive", 1)
    black, white = np.zeros((SIDE, SIDE), np.uint8), np.full((SIDE, SIDE), 255, np.uint8)
    write(place(tmp_path, "archive", "s1/before", 1), black)
    write(place(tmp_path, "archive", "s2/before", 1), white, white, white)
    write(place(tmp_path, "archive", "s2/after", 1), black, black, white)  # two bands of three are no gap
    views = Ombria(tmp_path).read("0001").views
    assert all(views[view][1].all() for view in ("s1/before", "s2/before", "s2/after"))


def test_a_picture_that_is_empty_throughout_is_unseen_throughout(tmp_path: Path) -> None:
    everywhere = np.ones((SIDE, SIDE), bool)
    assert not seen_with(tmp_path / "a", "s1/after", everywhere).any()
    assert not seen_with(tmp_path / "b", "s2/after", everywhere).any()


# The real archive.


def test_every_tile_of_the_real_archive_is_listed_once_in_order(real_data: Callable[[str], Path]) -> None:
    found = Ombria(real_data("ombria"))
    assert len(found.chips) == len(set(found.chips)) == REAL_TILES
    assert list(found.chips) == sorted(found.chips)
    assert (found.inputs, found.classes) == ("stretched", ("dry", "flood"))


def test_real_tiles_have_four_views_and_some_flood(real_data: Callable[[str], Path]) -> None:
    found = Ombria(real_data("ombria"))
    for name in found.chips[::4]:
        chip = found.read(name)
        assert {view: values.shape for view, (values, _) in chip.views.items()} == {
            view: (BANDS[view[:2]], 256, 256) for view in VIEWS
        }
        assert chip.truth.shape == (256, 256) and set(np.unique(chip.truth)) == {0, 1}
        assert chip.truth.mean() > 0.02  # the authors left out tiles that are hardly flooded
        assert all(seen.mean() > 0.7 for _, seen in chip.views.values())


def test_empty_strips_of_a_real_tile_are_found_in_both_sensors(real_data: Callable[[str], Path]) -> None:
    """A quarter of tile 342 lies beyond the edge of what was cut out, in radar and in optical."""
    views = Ombria(real_data("ombria")).read("0342").views
    seen = {view: mask for view, (_, mask) in views.items()}
    np.testing.assert_array_equal(seen["s1/before"], seen["s1/after"])
    np.testing.assert_array_equal(seen["s2/before"], seen["s2/after"])
    for mask in seen.values():
        assert 0.70 < mask.mean() < 0.77
    assert (seen["s1/after"] == seen["s2/after"]).mean() > 0.98


# What can't be read.


def test_a_folder_of_neither_layout(tmp_path: Path) -> None:
    tile(tmp_path / "inner", "archive", 1)
    with pytest.raises(
        BadRequest, match=r"OmbriaS1 and OmbriaS2 nor Sentinel1 and Sentinel2.*--root"
    ) as told:
        Ombria(tmp_path)
    assert str(tmp_path) in str(told.value)


def test_a_split_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    tile(tmp_path, "archive", 1, "train")
    tile(tmp_path, "archive", 2, "test")
    with pytest.raises(BadRequest, match=r"no split 'valid'; there is test, train") as told:
        Ombria(tmp_path, "valid")
    assert str(tmp_path) in str(told.value)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_folder_without_masks(tmp_path: Path, layout: str) -> None:
    tile(tmp_path, layout, 1)
    for sensor in BANDS:
        place(tmp_path, layout, f"{sensor}/mask", 1).unlink()
    with pytest.raises(BadRequest, match=r"no tile has a picture and a mask.*point to a folder") as told:
        Ombria(tmp_path)
    assert str(tmp_path) in str(told.value)


@pytest.mark.parametrize("chip", ["0003", "3", "", "Spain_1"])
def test_a_tile_that_is_not_there(tmp_path: Path, chip: str) -> None:
    for number in (1, 2):
        tile(tmp_path, "archive", number)
    place(tmp_path, "archive", "s1/mask", 2).unlink()
    with pytest.raises(BadRequest, match=rf"no tile '{chip}' in train; there are 0001 to 0002") as told:
        Ombria(tmp_path).read(chip)
    assert str(tmp_path) in str(told.value)


def refused(root: Path, chip: str, file: Path, *words: str) -> None:
    """Reading a chip fails, and the message names the file, these words, and the cure."""
    with pytest.raises(BadRequest) as told:
        Ombria(root).read(chip)
    for word in (str(file), "replace the file", *words):
        assert word in str(told.value)


@pytest.mark.parametrize("what", ["s1/after", "s2/before", "s1/mask"])
@pytest.mark.parametrize("kept", [0.0, 0.001, 0.5, 0.99])
def test_a_picture_cut_off_in_transfer(
    real_data: Callable[[str], Path], tmp_path: Path, what: str, kept: float
) -> None:
    archive = real_data("ombria")
    number = int(Ombria(archive).chips[0])
    for each in (*VIEWS, "s1/mask"):
        copy = place(tmp_path, "archive", each, number)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(place(archive, "archive", each, number), copy)
    file = place(tmp_path, "archive", what, number)
    content = file.read_bytes()
    file.write_bytes(content[: round(kept * len(content))])
    refused(tmp_path, f"{number:04d}", file, "can't be read as a picture")


def test_a_picture_with_a_wrong_byte(real_data: Callable[[str], Path], tmp_path: Path) -> None:
    tile(tmp_path, "archive", 1)
    archive = real_data("ombria")
    file = place(tmp_path, "archive", "s1/after", 1)
    content = bytearray(place(archive, "archive", "s1/after", int(Ombria(archive).chips[0])).read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)
    refused(tmp_path, "0001", file, "can't be read as a picture")


@pytest.mark.parametrize("content", [b"", b"dear diary", b"\x89PNG\r\n\x1a\n"])
@pytest.mark.parametrize("what", ["s2/after", "s1/mask"])
def test_a_file_that_is_no_picture(tmp_path: Path, what: str, content: bytes) -> None:
    tile(tmp_path, "event", 1)
    file = place(tmp_path, "event", what, 1)
    file.write_bytes(content)
    refused(tmp_path, "0001", file, "can't be read as a picture")


def test_a_picture_that_went_away(tmp_path: Path) -> None:
    tile(tmp_path, "archive", 1)
    found, file = Ombria(tmp_path), place(tmp_path, "archive", "s1/after", 1)
    file.unlink()
    with pytest.raises(BadRequest, match="can't be read as a picture"):
        found.read("0001")


def test_a_picture_of_another_size(tmp_path: Path) -> None:
    tile(tmp_path, "archive", 1)
    file = write(place(tmp_path, "archive", "s1/before", 1), np.full((SIDE, 32), 7, np.uint8))
    refused(tmp_path, "0001", file, "64 x 32 px", "64 x 64 px")


@pytest.mark.parametrize("bands", [1, 2])
def test_an_optical_picture_of_too_few_bands(tmp_path: Path, bands: int) -> None:
    tile(tmp_path, "archive", 1)
    grey = np.full((SIDE, SIDE), 7, np.uint8)
    file = write(place(tmp_path, "archive", "s2/after", 1), *[grey] * bands)
    refused(tmp_path, "0001", file, f"{bands} bands", "3 of 64 x 64 px")


@pytest.mark.parametrize("what", ["s1/after", "s1/mask"])
def test_a_picture_of_16_bits_is_refused_and_not_taken_modulo_256(tmp_path: Path, what: str) -> None:
    tile(tmp_path, "archive", 1)
    file = write(place(tmp_path, "archive", what, 1), np.full((SIDE, SIDE), 0x0180, np.uint16))
    refused(tmp_path, "0001", file)
