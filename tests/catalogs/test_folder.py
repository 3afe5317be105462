"""Folders of chips that a chips.yaml describes: how numbers are read, which chips there are, and what can't be right."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray

from floodfuse.catalogs.datasets.description import BANDS, describe, is_radar
from floodfuse.catalogs.datasets.folder import ChipFolder
from floodfuse.catalogs.errors import BadRequest
from floodfuse.models.inputs import backscatter, stretched

SIDE = 64
NAMES = ("Spain_2", "Ghana_7", "Spain_10", "Bolivia_1")
PLACE = {"crs": "EPSG:32630", "transform": Affine(10.0, 0.0, 680_000.0, 0.0, -10.0, 4_210_000.0)}
STATED: dict[str, Any] = {
    "name": "my-floods",
    "licence": "CC-BY-4.0",
    "inputs": "backscatter",
    "classes": ["dry", "water"],
    "flooded": ["water"],
    "truth": {"path": "labels/{chip}.tif", "values": {0: "dry", 1: "water"}, "unlabelled": [-1, 255]},
    "views": {
        "s1/now": {"path": "s1/{chip}.tif", "bands": [1, 2], "scale": "db"},
        "s2/now": {"path": "s2/{chip}.tif", "bands": [2, 3, 1], "factor": 1e-4, "offset": -0.1, "nodata": 0},
    },
    "event": "^([A-Za-z-]+)_",
    "splits": {"train": ["Spain_*", "Ghana_7"], "test": ["Bolivia_*"]},
}


def stating(*place: str, value: Any) -> dict[str, Any]:
    """The usual description with another value in one place; nothing there where it is None."""
    stated: dict[str, Any] = copy.deepcopy(STATED)
    part = stated
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    if value is None:
        del part[place[-1]]
    return stated


def opened(root: Path, stated: dict[str, Any] = STATED, split: str = "all") -> ChipFolder:
    file = root / "chips.yaml"
    return ChipFolder(root, describe(stated, file), split, file)


def write(file: Path, *bands: NDArray[Any], **profile: Any) -> Path:
    """Bands as a raster of their own type."""
    file.parent.mkdir(parents=True, exist_ok=True)
    height, width = bands[0].shape
    kind = {"driver": "GTiff", "count": len(bands), "height": height, "width": width, "dtype": bands[0].dtype}
    with rasterio.open(file, "w", **kind | profile) as target:
        target.write(np.stack(bands))
    return file


def decibels(name: str) -> NDArray[np.float32]:
    rng = np.random.default_rng(list(name.encode()))
    return rng.normal(-14.0, 4.0, (2, SIDE, SIDE)).astype(np.float32)


def digital(name: str) -> NDArray[np.uint16]:
    rng = np.random.default_rng([2, *name.encode()])
    return rng.integers(1100, 4000, (3, SIDE, SIDE)).astype(np.uint16)


def label(name: str) -> NDArray[np.int16]:
    rng = np.random.default_rng([3, *name.encode()])
    return rng.integers(-1, 2, (SIDE, SIDE)).astype(np.int16)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of four chips of three events."""
    for name in NAMES:
        write(tmp_path / "s1" / f"{name}.tif", *decibels(name), **PLACE)
        write(tmp_path / "s2" / f"{name}.tif", *digital(name), **PLACE)
        write(tmp_path / "labels" / f"{name}.tif", label(name), **PLACE)
    return tmp_path


def view_of(
    root: Path, bands: NDArray[Any], view: str = "s1/now", profile: dict[str, Any] | None = None, **about: Any
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """A view of a chip whose file holds these bands and is described like this."""
    file = write(root / "other" / "Spain_2.tif", *bands, **profile or {})
    stated = stating("views", value={view: {"path": "other/{chip}.tif", **about}})
    assert file.is_file()
    return opened(root, stated).read("Spain_2").views[view]


# What a folder holds.


def test_values_come_out_as_they_are_said_to_be_meant(root: Path) -> None:
    found = opened(root)
    assert (found.name, found.licence, found.inputs, found.classes, found.flooded, dict(found.groups)) == (
        "my-floods",
        "CC-BY-4.0",
        "backscatter",
        ("dry", "water"),
        (1,),
        {},
    )
    for name in NAMES:
        chip = found.read(name)
        radar, optical = chip.views["s1/now"], chip.views["s2/now"]
        np.testing.assert_array_equal(radar[0], decibels(name))
        wanted = digital(name)[[1, 2, 0]] * 1e-4 - 0.1  # in the order of the description, not of the file
        np.testing.assert_allclose(np.asarray(optical[0], np.float64), wanted, atol=1e-6)
        assert radar[1].all() and optical[1].all()
        np.testing.assert_array_equal(chip.truth, np.where(label(name) < 0, 255, label(name)))
        assert chip.truth.dtype == np.uint8 and chip.name == name


def test_chips_are_ordered_by_event_and_name(root: Path) -> None:
    found = opened(root)
    assert found.chips == ("Bolivia_1", "Ghana_7", "Spain_10", "Spain_2")
    assert [found.read(name).event for name in found.chips] == ["Bolivia", "Ghana", "Spain", "Spain"]


def test_without_a_word_on_events_the_dataset_is_one(root: Path) -> None:
    found = opened(root, stating("event", value=None))
    assert {found.read(name).event for name in found.chips} == {"my-floods"}


def test_a_missing_file_is_a_missing_view_and_without_any_or_without_truth_there_is_no_chip(
    root: Path,
) -> None:
    (root / "s2" / "Spain_2.tif").unlink()
    (root / "s1" / "Spain_10.tif").unlink()
    (root / "labels" / "Ghana_7.tif").unlink()
    for sensor in ("s1", "s2"):
        (root / sensor / "Bolivia_1.tif").unlink()
    found = opened(root)
    assert found.chips == ("Spain_10", "Spain_2")
    assert set(found.read("Spain_2").views) == {"s1/now"} and set(found.read("Spain_10").views) == {"s2/now"}
    np.testing.assert_array_equal(found.read("Spain_2").views["s1/now"][0], decibels("Spain_2"))


def test_files_that_lie_together_are_told_apart_by_their_names(tmp_path: Path) -> None:
    for name in ("a", "b_s1", ".c"):
        write(tmp_path / f"{name}.tif", label(name))
        write(tmp_path / f"{name}_s1.tif", *decibels(name))
    (tmp_path / "notes.txt").write_text("no chip")
    stated = stating("views", value={"s1/now": {"path": "{chip}_s1.tif", "scale": "db"}})
    stated |= {"truth": STATED["truth"] | {"path": "{chip}.tif"}, "event": None}
    assert opened(tmp_path, stated).chips == ("a", "b_s1")


def test_a_chip_may_have_a_folder_of_its_own(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / name / f"{name}_label.tif", label(name))
        write(tmp_path / name / "vv_vh.tif", *decibels(name))
    write(tmp_path / "c" / "b_label.tif", label("c"))  # of another chip, wherever it lies
    write(tmp_path / "c" / "vv_vh.tif", *decibels("c"))
    stated = stating("views", value={"s1/now": {"path": "{chip}/vv_vh.tif", "scale": "db"}})
    stated |= {"truth": STATED["truth"] | {"path": "{chip}/{chip}_label.tif"}, "event": None}
    found = opened(tmp_path, stated)
    assert found.chips == ("a", "b")
    np.testing.assert_array_equal(found.read("b").views["s1/now"][0], decibels("b"))


def test_plain_pictures_without_a_place_on_the_ground_are_chips(tmp_path: Path) -> None:
    """PNG of 8 bits, as `stretched` takes them."""
    rng = np.random.default_rng(1)
    radar, optical = (rng.integers(0, 256, (n, SIDE, SIDE)).astype(np.uint8) for n in (1, 3))
    radar[0, :9], optical[0, 20:30] = 255, 0
    optical[:, :2] = 0
    for folder, bands in (("s1", radar), ("s2", optical), ("labels", (radar > 99).astype(np.uint8))):
        write(tmp_path / folder / "a.png", *bands, driver="PNG")
    stated = copy.deepcopy(STATED) | {"inputs": "stretched", "event": None, "splits": {}}
    stated["truth"]["path"] = "labels/{chip}.png"
    stated["views"] = {
        "s1/after": {"path": "s1/{chip}.png", "nodata": 255},
        "s2/after": {"path": "s2/{chip}.png", "nodata": 0},
    }
    chip = opened(tmp_path, stated).read("a")
    np.testing.assert_array_equal(chip.views["s1/after"][0], radar)
    np.testing.assert_array_equal(chip.views["s2/after"][0], optical)
    np.testing.assert_array_equal(chip.views["s1/after"][1], radar[0] != 255)
    np.testing.assert_array_equal(chip.views["s2/after"][1], (optical != 0).any(axis=0))
    assert chip.views["s1/after"][0].dtype == np.uint8


def test_bands_of_views_are_those_that_inputs_take() -> None:
    """Two lists, for readers know nothing of networks."""
    assert BANDS == {"backscatter": backscatter.RAW_CHANNELS, "stretched": stretched.RAW_CHANNELS}
    for view in backscatter.RAW_CHANNELS:
        assert is_radar(view) == backscatter.is_radar(view)


# Land cover, by which scores are told.


def with_cover(root: Path, codes: NDArray[Any], **about: Any) -> ChipFolder:
    """The folder, of which one chip has a map of land cover."""
    write(root / "cover" / "Spain_2.tif", codes, **PLACE)
    return opened(root, stating("cover", value={"path": "cover/{chip}.tif", **about}))


def codes_of(*numbers: int) -> NDArray[np.uint8]:
    return np.random.default_rng(5).choice(np.array(numbers, np.uint8), (SIDE, SIDE))


def test_land_cover_comes_as_worldcover_codes_where_a_chip_has_a_map_of_it(root: Path) -> None:
    codes = codes_of(0, 10, 40, 100)
    found = with_cover(root, codes)
    cover = found.read("Spain_2").cover
    assert cover is not None and cover.dtype == np.uint8
    np.testing.assert_array_equal(cover, codes)
    assert found.read("Ghana_7").cover is None and opened(root).read("Spain_2").cover is None


def test_other_numbers_of_land_cover_are_told_what_they_are(root: Path) -> None:
    """And those that are not told are unknown."""
    numbers = codes_of(1, 2, 3)
    cover = with_cover(root, numbers, values={1: 10, 3: 40}).read("Spain_2").cover
    np.testing.assert_array_equal(cover, np.select([numbers == 1, numbers == 3], [10, 40], 0))


def test_land_cover_that_the_file_declares_as_no_data_is_unknown(root: Path) -> None:
    stated = stating("cover", value={"path": "cover/{chip}.tif"})
    floats = np.where(codes_of(10, 255) == 255, np.nan, 10.0).astype(np.float32)
    for codes, nodata in ((codes_of(10, 255), 255), (floats, np.nan), (floats, None)):
        write(root / "cover" / "Spain_2.tif", codes, **PLACE, nodata=nodata)
        cover = opened(root, stated).read("Spain_2").cover
        assert cover is not None and set(np.unique(cover)) == {0, 10}


def test_land_cover_that_holds_no_codes_or_lies_elsewhere_is_refused(root: Path) -> None:
    with pytest.raises(BadRequest, match=r"cover/Spain_2\.tif: holds 3, which is no code of WorldCover"):
        with_cover(root, codes_of(3, 10)).read("Spain_2")
    with pytest.raises(BadRequest, match=r"cover/Spain_2\.tif: 64 x 32 px"):
        with_cover(root, codes_of(10)[:, :32]).read("Spain_2")


# How numbers are read.


@pytest.mark.parametrize(
    ("scale", "stored"),
    [
        ("db", lambda db: db),
        ("power", lambda db: 10.0 ** (db / 10.0)),
        ("amplitude", lambda db: 10.0 ** (db / 20.0)),
        ("dn", lambda db: 10.0 ** ((db + 83.0) / 20.0)),
    ],
)
def test_every_scale_of_radar_comes_out_as_the_same_db(
    root: Path, scale: str, stored: Callable[[NDArray[Any]], NDArray[Any]]
) -> None:
    wanted = decibels("x").astype(np.float64)
    about: dict[str, Any] = {"calibration_db": -83.0} if scale == "dn" else {}
    for view in ("s1/now", "s1/before", "l/now"):
        values, seen = view_of(root, stored(wanted), view, scale=scale, **about)
        np.testing.assert_allclose(np.asarray(values, np.float64), wanted, atol=1e-4)
        assert seen.all() and values.dtype == np.float32


@pytest.mark.parametrize("empty", [np.nan, np.inf, -np.inf, -9999.0, -120.0, 77.0, 5.0])
@pytest.mark.parametrize("band", [0, 1])
def test_a_pixel_without_a_number_in_one_band_is_unseen(root: Path, empty: float, band: int) -> None:
    """NaN, fill that nobody declared, what the file declares (77) and what the description does (5)."""
    bands = decibels("x")
    bands[band, 10:20, 30:50] = empty
    values, seen = view_of(root, bands, profile={"nodata": 77.0}, scale="db", nodata=5.0)
    hole = np.zeros((SIDE, SIDE), bool)
    hole[10:20, 30:50] = True
    np.testing.assert_array_equal(seen, ~hole)
    assert np.isfinite(np.asarray(values, np.float64)[:, seen]).all()


def test_power_of_nothing_is_unseen(root: Path) -> None:
    power = (10.0 ** (decibels("x") / 10.0)).astype(np.float32)
    power[0, :4], power[1, 60:] = 0.0, -0.001
    _, seen = view_of(root, power, scale="power")
    assert not seen[:4].any() and not seen[60:].any() and seen[4:60].all()


def test_no_data_of_0_must_stand_in_all_optical_bands_and_any_other_in_one(root: Path) -> None:
    bands = digital("x").astype(np.int32)
    bands[:, :5], bands[2, 20:25], bands[0, 40:45] = 0, 0, -999
    _, seen = view_of(root, bands, "s2/now", profile={"nodata": -999}, factor=1e-4, nodata=0)
    assert not seen[:5].any() and seen[5:40].all() and not seen[40:45].any() and seen[45:].all()


def test_what_truth_declares_as_no_data_is_unlabelled_unless_it_is_named(root: Path) -> None:
    file = root / "labels" / "Spain_2.tif"
    stored = np.abs(label("Spain_2"))
    stored[:5] = 99
    write(file, stored, nodata=99)
    truth = opened(root).read("Spain_2").truth
    assert (truth[:5] == 255).all() and np.array_equal(truth[5:], stored[5:])
    write(file, np.abs(label("Spain_2")), nodata=0)  # often so, where 0 is dry
    assert set(np.unique(opened(root).read("Spain_2").truth)) == {0, 1}


def test_several_numbers_may_be_one_class_in_any_order_of_classes(root: Path) -> None:
    stored = np.random.default_rng(4).choice([0, 10, 20, 30], (SIDE, SIDE)).astype(np.uint8)
    write(root / "labels" / "Spain_2.tif", stored)
    stated = stating("classes", value=["water", "dry", "plants"])
    stated["truth"] |= {"values": {10: "dry", 20: "water", 30: "water"}, "unlabelled": [0]}
    found = opened(root, stated)
    assert found.flooded == (0,)
    for number, wanted in ((0, 255), (10, 1), (20, 0), (30, 0)):
        assert (found.read("Spain_2").truth[stored == number] == wanted).all()


def test_masks_of_0_and_255_need_no_word_on_what_is_unlabelled(root: Path) -> None:
    stored = np.random.default_rng(5).choice([0, 255], (SIDE, SIDE)).astype(np.uint8)
    write(root / "labels" / "Spain_2.tif", stored)
    stated = stating("truth", "unlabelled", value=None)
    stated["truth"]["values"] = {0: "dry", 255: "water"}
    np.testing.assert_array_equal(opened(root, stated).read("Spain_2").truth, stored // 255)


# Splits.


def test_splits_are_names_and_globs_of_chips(root: Path) -> None:
    assert opened(root, split="train").chips == ("Ghana_7", "Spain_10", "Spain_2")
    test = opened(root, split="test")
    assert (test.split, test.chips) == ("test", ("Bolivia_1",))
    with pytest.raises(BadRequest, match="no chip 'Spain_2' in split test"):
        test.read("Spain_2")


def test_splits_by_event_keep_events_whole(root: Path) -> None:
    stated = stating("splits_by", value="event") | {"splits": {"train": ["Spain"], "test": ["Bo*", "Ghana"]}}
    assert opened(root, stated, "train").chips == ("Spain_10", "Spain_2")
    assert opened(root, stated, "test").chips == ("Bolivia_1", "Ghana_7")


@pytest.mark.parametrize(
    ("splits", "split", "words"),
    [
        ({}, "train", "no split 'train'; there is all"),
        (STATED["splits"], "valid", "no split 'valid'; there is all, train, test"),
        ({"train": ["Spain_3"]}, "train", "split train: 'Spain_3' is no chip with a truth and an image"),
        ({"train": ["Spain_*"], "test": ["Spain_2"]}, "test", "chip Spain_2 is in train and in test"),
        ({"train": []}, "train", "split train names no chip"),
    ],
)
def test_a_split_that_can_not_be(root: Path, splits: dict[str, Any], split: str, words: str) -> None:
    with pytest.raises(BadRequest, match=words) as told:
        opened(root, stating("splits", value=splits), split)
    assert str(root / "chips.yaml") in str(told.value)


# Descriptions that can't be right.


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("licence",), None, "'licence' is missing; add it"),
        (("truth", "values"), None, "'truth.values' is missing"),
        (("inputs",), "evidence", "inputs 'evidence': input should be 'backscatter' or 'stretched'"),
        (("class",), ["dry"], "unknown key 'class'; did you mean 'classes'?"),
        (("truth", "value"), {0: "dry"}, "unknown key 'truth.value'; did you mean 'values'?"),
        (("views", "s1/now", "scala"), "db", "unknown key 'views.s1/now.scala'; did you mean 'scale'?"),
        (("views", "s1/now", "xyz"), 1, "unknown key 'views.s1/now.xyz'; known are path, bands"),
        (("views", "s1/noww"), {"path": "{chip}", "scale": "db"}, "'s1/noww' is none of inputs backscatter"),
        (("views", "s1/after"), {"path": "{chip}", "scale": "db"}, "'s1/after' is none"),
        (("views", "s1/now", "scale"), "decibel", "views.s1/now.scale 'decibel': input should be 'power'"),
        (("views", "s1/now", "scale"), None, "views.s1/now.scale is missing; give one of power, amplitude"),
        (("views", "s1/now", "scale"), "dn", "views.s1/now.calibration_db is what scale dn needs"),
        (("views", "s1/now", "calibration_db"), -83, "calibration_db is what scale dn needs, and no other"),
        (("views", "s1/now", "factor"), 2.0, "views.s1/now.factor and offset make reflectance; leave them"),
        (("views", "s2/now", "scale"), "db", "views.s2/now.scale is of calibrated radar; leave it out"),
        (("views", "s2/now", "factor"), float("nan"), "views.s2/now.factor 'nan': input should be a finite"),
        (("views", "s1/now", "bands"), [1], r"views.s1/now.bands '\[1\]': give 2 numbers"),
        (("views", "s1/now", "bands"), [0, 1], "views.s1/now.bands.0 '0': input should be greater than"),
        (("views", "s1/now", "path"), "s1.tif", "views.s1/now.path 's1.tif': give a path inside"),
        (("truth", "path"), "/data/{chip}.tif", "truth.path '/data/{chip}.tif': give a path inside"),
        (("views",), {}, "views '{}': dictionary should have at least 1 item"),
        (("classes",), ["dry"], r"classes '\['dry'\]': tuple should have at least 2"),
        (("classes",), [False, "water"], "classes.0 'False': input should be a valid string"),
        (("classes",), ["dry", "water", "dry"], "class 'dry' is twice among 'classes'"),
        (("flooded",), ["wet"], "class 'wet' is not among 'classes'; they are dry, water"),
        (("truth", "values"), {0: "land", 1: "water"}, "class 'land' is not among 'classes'"),
        (("truth", "values"), {"wet": "water"}, "truth.values.wet 'wet': input should be a valid integer"),
        (("truth", "unlabelled"), [1], "1 is in 'values' and in 'unlabelled'"),
        (
            ("cover",),
            {"path": "cover/{chip}.tif", "value": {}},
            "unknown key 'cover.value'; did you mean 'va",
        ),
        (("cover",), {"path": "{chip}.tif", "values": {1: 41}}, "cover.values.1 '41': no code of WorldCover"),
        (("splits",), {"all": ["x"]}, "split 'all' is that of all chips; give it another name"),
        (("splits",), {"train": "Spain_*"}, "splits.train 'Spain_\\*': input should be a valid tuple"),
        (("splits_by",), "events", "splits_by 'events': input should be 'chip' or 'event'"),
        (("event",), "([a-z", "event .* no regular expression"),
        (("event",), "^[a-z]+", "put the event in parentheses"),
    ],
)
def test_a_description_that_can_not_be(
    tmp_path: Path, place: tuple[str, ...], value: Any, words: str
) -> None:
    file = tmp_path / "chips.yaml"
    with pytest.raises(BadRequest, match=words) as told:
        describe(stating(*place, value=value), file)
    message = str(told.value)
    assert message.startswith(f"{file}: ") and message.endswith((".", "?.")) and "\n" not in message


def test_pictures_have_neither_scale_nor_factor(tmp_path: Path) -> None:
    for view, about, words in (
        ("s1/after", {"scale": "db"}, "scale is of calibrated radar"),
        ("s2/after", {"factor": 1e-4}, "factor and offset make reflectance"),
    ):
        stated = stating("views", value={view: {"path": "{chip}.png", **about}}) | {"inputs": "stretched"}
        with pytest.raises(BadRequest, match=words):
            describe(stated, tmp_path / "chips.yaml")


def test_an_event_that_does_not_match_a_chip(root: Path) -> None:
    with pytest.raises(BadRequest, match=r"event '\^\(Spain\)_' does not match chip Bolivia_1; widen it"):
        opened(root, stating("event", value="^(Spain)_"))


@pytest.mark.parametrize(
    ("place", "value", "count"),
    [
        (("truth", "path"), "label/{chip}.tif", 0),
        (("views",), {"l/now": {"path": "l/{chip}.tif", "scale": "db"}}, 4),
    ],
)
def test_a_folder_without_chips(root: Path, place: tuple[str, ...], value: Any, count: int) -> None:
    with pytest.raises(BadRequest, match=rf"{count} files of truth .*correct the paths or the root") as told:
        opened(root, stating(*place, value=value))
    assert str(root) in str(told.value)


# Files that can't be right.


def refused(root: Path, file: Path, *words: str, stated: dict[str, Any] = STATED) -> None:
    """Reading the chip of a file fails, and the one line names the file and these words."""
    with pytest.raises(BadRequest) as told:
        opened(root, stated).read(file.stem)
    message = str(told.value)
    assert message.startswith(f"{file}: ") and "\n" not in message
    for word in words:
        assert word in message


KINDS = ("s1", "s2", "labels")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.98])
def test_a_raster_cut_off_in_transfer(root: Path, kind: str, kept: float) -> None:
    file = root / kind / "Spain_2.tif"
    content = file.read_bytes()
    file.write_bytes(content[: round(kept * len(content))])
    refused(root, file, "can't be read as a raster", "replace the file")


def test_a_picture_cut_off_in_transfer(root: Path) -> None:
    """Read at once, a PNG that ends too soon is taken for one with black rows."""
    for folder in ("s1", "labels"):
        picture = np.random.default_rng(1).integers(0, 2, (SIDE, SIDE)).astype(np.uint8)
        write(root / "pictures" / folder / "a.png", picture, driver="PNG")
    stated = stating("views", value={"s1/after": {"path": "pictures/s1/{chip}.png"}})
    stated |= {"inputs": "stretched", "event": None}
    stated["truth"]["path"] = "pictures/labels/{chip}.png"
    for folder in ("s1", "labels"):
        file = root / "pictures" / folder / "a.png"
        content = file.read_bytes()
        file.write_bytes(content[: round(0.8 * len(content))])
        refused(root, file, "can't be read as a raster", "replace the file", stated=stated)
        file.write_bytes(content)


def test_a_compressed_raster_with_a_wrong_byte(root: Path) -> None:
    file = write(root / "s1" / "Spain_2.tif", *decibels("Spain_2"), compress="deflate")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)
    refused(root, file, "can't be read as a raster", "replace the file")


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_no_raster(root: Path, kind: str) -> None:
    file = root / kind / "Spain_2.tif"
    file.write_text("dear diary")
    refused(root, file, "can't be read as a raster", "replace the file")


def test_truth_that_went_away(root: Path) -> None:
    found, file = opened(root), root / "labels" / "Spain_2.tif"
    file.unlink()
    with pytest.raises(BadRequest, match="can't be read as a raster"):
        found.read("Spain_2")


@pytest.mark.parametrize(("kind", "bands"), [("s1", 1), ("s2", 2)])
def test_too_few_bands(root: Path, kind: str, bands: int) -> None:
    file = write(root / kind / "Spain_2.tif", *digital("x")[:bands])
    refused(root, file, f"has {bands} of the bands", "replace the file, or name other bands")


def test_the_first_bands_are_taken_where_none_are_named(root: Path) -> None:
    stated = stating("views", "s1/now", "bands", value=None)
    write(root / "s1" / "Spain_2.tif", *decibels("Spain_2"), decibels("x")[0])
    np.testing.assert_array_equal(
        opened(root, stated).read("Spain_2").views["s1/now"][0], decibels("Spain_2")
    )
    file = write(root / "s1" / "Spain_2.tif", decibels("x")[0])
    refused(root, file, "has 1 of the bands 1, 2", stated=stated)


@pytest.mark.parametrize("kind", ["s1", "s2"])
def test_another_size_than_the_truths(root: Path, kind: str) -> None:
    file = write(root / kind / "Spain_2.tif", *digital("x")[:, :32])
    refused(root, file, "32 x 64 px", "has 64 x 64 px", str(root / "labels" / "Spain_2.tif"), "on one grid")


@pytest.mark.parametrize(
    "place",
    [
        {"transform": PLACE["transform"] @ Affine.translation(1.0, 0.0)},
        {"transform": PLACE["transform"] @ Affine.scale(2.0)},
        {"crs": "EPSG:32631"},
    ],
)
def test_another_place_than_the_truths(root: Path, place: dict[str, Any]) -> None:
    file = write(root / "s1" / "Spain_2.tif", *decibels("x"), **PLACE | place)
    refused(root, file, "does not lie where", str(root / "labels" / "Spain_2.tif"), "on one grid")


def test_a_place_that_differs_by_less_than_half_a_pixel_or_is_unknown_is_the_same(root: Path) -> None:
    near = {"transform": PLACE["transform"] @ Affine.translation(0.1, -0.1)}
    write(root / "s1" / "Spain_2.tif", *decibels("Spain_2"), **PLACE | near)
    write(root / "s2" / "Spain_2.tif", *digital("Spain_2"))
    assert set(opened(root).read("Spain_2").views) == {"s1/now", "s2/now"}


def test_complex_numbers_and_truth_that_is_not_whole(root: Path) -> None:
    file = write(root / "s1" / "Spain_2.tif", *decibels("x").astype(np.complex64), **PLACE)
    refused(root, file, "holds complex64", "real numbers")
    file = write(root / "labels" / "Ghana_7.tif", label("x").astype(np.float32), **PLACE)
    refused(root, file, "holds float32", "whole numbers")


def test_pictures_of_another_depth_than_8_bits(root: Path) -> None:
    stated = stating("views", value={"s1/after": {"path": "s1/{chip}.tif"}}) | {"inputs": "stretched"}
    refused(root, root / "s1" / "Spain_2.tif", "holds float32", "8 bits", stated=stated)


def test_a_truth_with_a_number_that_is_not_named(root: Path) -> None:
    stored = label("x")
    stored[40, 3] = 7
    file = write(root / "labels" / "Spain_2.tif", stored, **PLACE)
    refused(root, file, "holds 7", "(0, 1)", "(-1, 255)", "replace the file, or let the truth of chips.yaml")


@pytest.mark.parametrize(
    ("scale", "levels", "words"),
    [
        ("db", lambda db: 10.0 ** (db / 10.0), "brighter than any scene in dB"),
        ("power", lambda db: db, "so these are dB and not power"),
        ("amplitude", lambda db: db, "so these are dB and not amplitude"),
        ("power", lambda db: 10.0 ** ((db + 83.0) / 20.0), "look like digital numbers"),
        ("dn", lambda db: db, "negative digital numbers"),
    ],
)
def test_radar_that_is_not_of_the_scale_it_is_said_to_be(
    root: Path, scale: str, levels: Callable[[NDArray[Any]], NDArray[Any]], words: str
) -> None:
    file = write(root / "s1" / "Spain_2.tif", *levels(decibels("x").astype(np.float64)), **PLACE)
    stated = stating("views", "s1/now", "scale", value=scale)
    stated["views"]["s1/now"] |= {"calibration_db": -83.0} if scale == "dn" else {}
    refused(root, file, f"is said to hold {scale}", words, "correct the scale", stated=stated)


def test_digital_numbers_that_are_said_to_be_reflectance(root: Path) -> None:
    stated = stating("views", "s2/now", "factor", value=1.0)
    refused(root, root / "s2" / "Spain_2.tif", "digital numbers", "give a factor", stated=stated)
