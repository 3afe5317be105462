"""The report and the preview: complete, self-contained, and honest about what is synthetic or unseen."""

import io
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from floodfuse.harmonize.classes import DECIDER_LABELS, LEGEND, MapClass
from floodfuse.pipeline.product import REPORT_FILE, RunRecord
from floodfuse.pipeline.publish.cog import write_rasters
from floodfuse.pipeline.publish.preview import class_picture, render_map
from floodfuse.pipeline.publish.report import age, km2, percent, write_report


def reported(folder: Path) -> str:
    write_rasters(folder)
    write_report(folder)
    return (folder / REPORT_FILE).read_text()


@pytest.fixture(scope="module")
def folder(make_product: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_product(tmp_path_factory.mktemp("report") / "product")


@pytest.fixture(scope="module")
def html(folder: Path) -> str:
    return reported(folder)


class _Tags(HTMLParser):
    """Collects the tags that are open at the end, and every address that is loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loaded += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_is_one_whole_file(html: str) -> None:
    tags = _Tags()
    tags.feed(html)
    assert tags.open == []
    assert len(tags.loaded) == 3
    assert all(address.startswith("data:image/png;base64,") for address in tags.loaded)
    assert "url(" not in html


def test_names_every_class_with_its_colour_and_every_sensor(html: str) -> None:
    for map_class, entry in LEGEND.items():
        assert html.count(entry.label) >= 2  # in the legend and in the table
        red, green, blue, _ = entry.rgba
        assert map_class == MapClass.NOT_OBSERVED or f"#{red:02x}{green:02x}{blue:02x}" in html
    for code, label in DECIDER_LABELS.items():
        assert (label in html) == (code != 0)


def test_gives_the_figures_inputs_and_warnings_of_the_run(folder: Path, html: str) -> None:
    record = RunRecord.load(folder)
    assert km2(record.flooded_km2) in html
    assert km2(record.expected_flooded_km2) in html
    for given in record.inputs:
        assert given.id in html
    for warning in record.warnings:
        assert warning in html
    assert "35 h before" in html and "19 h after" in html
    assert "sentinel1.looks" in html


def test_gives_the_share_of_every_flag_that_is_raised(folder: Path, html: str) -> None:
    record = RunRecord.load(folder)
    assert {flag.pixels > 0 for flag in record.advisories} == {True, False}
    for flag in record.advisories:
        row = f'{flag.label}</td><td class="n">{percent(flag.share)}</td>'
        assert (row in html) == (flag.pixels > 0)
        assert (flag.label in html) == (flag.pixels > 0)
    assert km2(record.expected_ever_flooded_km2) in html


def test_a_synthetic_product_says_so_and_a_real_one_does_not(
    html: str, make_product: Callable[..., Path], tmp_path: Path
) -> None:
    assert "SYNTHETIC" in html
    assert "synthetic" not in reported(make_product(tmp_path / "real", synthetic=False)).lower()


def test_no_flood_and_not_observed_are_said_in_words(
    make_product: Callable[..., Path], tmp_path: Path
) -> None:
    assert "No flood found" in reported(make_product(tmp_path / "dry", flood=False))
    unseen = reported(make_product(tmp_path / "unseen", (1, 1)))
    assert "Nothing was observed" in unseen
    assert "No flood found" not in unseen


def test_text_from_outside_is_escaped(make_product: Callable[..., Path], tmp_path: Path) -> None:
    folder = make_product(tmp_path / "product", (40, 40))
    record = RunRecord.load(folder)
    record.model_copy(update={"warnings": ["<script>alert(1)</script>"]}).save(folder)
    html = reported(folder)
    assert "<script>" not in html and "&lt;script&gt;" in html


def test_the_map_is_in_the_colours_of_the_legend(folder: Path, html: str) -> None:
    picture = class_picture(folder, 420)
    assert picture.shape == (300, 420, 3)
    colours = {tuple(colour) for colour in picture.reshape(-1, 3).tolist()}
    assert {LEGEND[c].rgba[:3] for c in MapClass if c != MapClass.NOT_OBSERVED} <= colours
    assert class_picture(folder, 1000).shape == (600, 840, 3)
    assert class_picture(folder, 100).shape == (71, 100, 3)


@pytest.mark.parametrize("width", [400, 1200])
def test_the_preview_is_as_wide_as_asked(folder: Path, html: str, width: int) -> None:
    picture = imread(io.BytesIO(render_map(folder, width)), format="png")
    assert picture.shape[1] == width
    assert np.unique(picture.reshape(-1, picture.shape[-1]), axis=0).shape[0] > 7


def test_numbers_are_written_so_that_they_say_neither_too_much_nor_too_little() -> None:
    assert [km2(area) for area in (0, 0.01234, 4.5678, 78.91, 12345.6)] == [
        "0",
        "0.0123",
        "4.57",
        "78.9",
        "12\u202f346",
    ]
    assert [percent(share) for share in (0, 0.0001, 0.123)] == ["0.0 %", "< 0.1 %", "12.3 %"]
    assert [age(hours) for hours in (None, 4.2, -19.0, 100.0)] == [
        "–",
        "4 h before",
        "19 h after",
        "4.2 days before",
    ]
    assert not re.search(r"e[+-]", km2(1e-5))
