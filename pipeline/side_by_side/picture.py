"""`comparison.png`: maps of several strategies side by side, where they differ, how far they agree, and which to trust."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray
from rasterio.enums import Resampling

from floodfuse.harmonize.classes import LEGEND, MapClass
from floodfuse.models.whole_file import write_whole
from floodfuse.pipeline.explain_plot import INK, LINE, SOFT
from floodfuse.pipeline.open_product import load_record
from floodfuse.pipeline.product import RunRecord
from floodfuse.pipeline.publish.palettes import WEIGHT_RAMP, Rgba, coloured, hexadecimal
from floodfuse.pipeline.publish.preview import class_picture, hatched, scale_bar
from floodfuse.pipeline.publish.report import km2
from floodfuse.pipeline.publish.source import pixel_area_m2, raster_environment
from floodfuse.pipeline.side_by_side.disagreement import DISAGREEMENT_FILE, NONE_ANSWERS, colours, labels
from floodfuse.pipeline.side_by_side.measure import SideBySide
from floodfuse.pipeline.side_by_side.recommend import Recommendation
from floodfuse.pipeline.side_by_side.traits import AT_EDGE, Trait, distinct
from floodfuse.pipeline.side_by_side.words import percent

PICTURE_FILE = "comparison.png"
_ACROSS, _SIDE, _GAP = 13.0, 0.35, 0.22  # inches
_HEAD, _CAPTION, _LEGEND, _BELOW, _FOOT = 0.95, 0.5, 0.85, 4.25, 0.95  # inches
_COLUMNS = 4
_FLATTEST, _TALLEST = 0.35, 1.8  # height of a map over its width
_MAP_PX = 700
_BARS, _FEW_BARS, _LEAST_EXCESS = 8, 6, 0.02
_NOTHING, _DARK_FROM = "#f6f6f3", 0.6
_LEVEL_NAMES = 3  # as many fit below a matrix
_SPLIT = "#b23260"  # of what differs


def write_picture(
    found: SideBySide, advice: Recommendation, folders: Mapping[str, Path], folder: Path
) -> None:
    """Draw products, published, and what was measured of them into `comparison.png`; `disagreement.tif` is there already."""
    picture = io.BytesIO()
    figure = draw(found, advice, folders, folder / DISAGREEMENT_FILE)
    figure.savefig(picture, format="png", dpi=130, metadata={"Software": "floodfuse"})
    write_whole(folder / PICTURE_FILE, picture.getvalue())


def draw(
    found: SideBySide, advice: Recommendation, folders: Mapping[str, Path], disagreement: Path
) -> Figure:
    """The figure of `write_picture`."""
    record = load_record(next(iter(folders.values())))
    page = _Page(len(folders) + 1, record.grid.shape)
    _headline(page, record, advice)
    for number, strategy in enumerate(found.strategies):
        axes = page.map_axes(number)
        _show(axes, class_picture(folders[strategy.name], _MAP_PX))
        what = f"{km2(strategy.flooded_km2)} km² flooded  ·  {percent(strategy.answered)} answered"
        page.caption(axes, strategy.name, what)
    axes = page.map_axes(len(folders))
    values = _disagreement(disagreement)
    _show(axes, _painted(values, colours(len(folders))))
    told = "-" if found.differing is None else f"{percent(found.differing)} of what two or more answer"
    page.caption(axes, "Where they differ", told)
    _scale(page, axes, record)
    _legends(page, len(folders), values)
    _matrix(page, found)
    _traits(page, found)
    _footer(page, advice)
    return page.figure


class _Page:
    """Where things stand, in inches from the upper left corner."""

    def __init__(self, maps: int, shape: tuple[int, int]) -> None:
        self.columns = min(maps, _COLUMNS)
        self.rows = -(-maps // self.columns)
        self.wide = (_ACROSS - 2 * _SIDE - (self.columns - 1) * _GAP) / self.columns
        self.high = self.wide * float(np.clip(shape[0] / shape[1], _FLATTEST, _TALLEST))
        self.below = _HEAD + self.rows * (self.high + _CAPTION + _GAP)
        self.tall = self.below + _LEGEND + _BELOW + _FOOT
        self.figure = Figure(figsize=(_ACROSS, self.tall), facecolor="white")

    def axes(self, left: float, top: float, wide: float, high: float) -> Axes:
        across, tall = _ACROSS, self.tall
        return self.figure.add_axes((left / across, 1 - (top + high) / tall, wide / across, high / tall))

    def text(self, left: float, top: float, words: str, size: float, colour: str = INK, **more: Any) -> None:
        where = left / _ACROSS, 1 - top / self.tall
        self.figure.text(*where, words, size=size, color=colour, **{"va": "center", **more})

    def map_axes(self, number: int) -> Axes:
        row, column = divmod(number, self.columns)
        left = _SIDE + column * (self.wide + _GAP)
        return self.axes(left, _HEAD + _CAPTION + row * (self.high + _CAPTION + _GAP), self.wide, self.high)

    def caption(self, axes: Axes, name: str, what: str) -> None:
        place = axes.get_position(original=True)
        left, top = place.x0 * _ACROSS, (1 - place.y1) * self.tall
        self.text(left, top - 0.36, name, 11.5, weight="bold")
        self.text(left, top - 0.14, what, 9, SOFT)


def _headline(page: _Page, record: RunRecord, advice: Recommendation) -> None:
    page.text(_SIDE, 0.32, "The same area by several strategies", 16, weight="bold")
    rows, columns = record.grid.shape
    parts = [
        f"flood map of {record.product_time:%d %B %Y, %H:%M} UTC",
        f"{columns} × {rows} px of {pixel_area_m2(record.grid) ** 0.5:.4g} m",
        f"recommended: {advice.strategy}",
    ]
    page.text(_SIDE, 0.64, "   ·   ".join(parts), 10, SOFT)
    if record.synthetic:
        page.text(_ACROSS - _SIDE, 0.32, "SYNTHETIC", 13, "#a04a2a", ha="right")


def _show(axes: Axes, picture: NDArray[np.uint8]) -> None:
    axes.imshow(picture, interpolation="nearest" if picture.shape[1] <= _MAP_PX else "antialiased")
    axes.set(xticks=[], yticks=[], anchor="NW")
    for spine in axes.spines.values():
        spine.set_color(LINE)


def _disagreement(file: Path) -> NDArray[np.uint8]:
    with raster_environment(), rasterio.open(file) as source:
        shrink = min(1.0, _MAP_PX / source.width, 3 * _MAP_PX / source.height)
        shape = max(1, round(source.height * shrink)), max(1, round(source.width * shrink))
        return np.asarray(source.read(1, out_shape=shape, resampling=Resampling.nearest))


def _painted(values: NDArray[np.uint8], palette: Mapping[int, Rgba]) -> NDArray[np.uint8]:
    table = np.full((256, 4), 255, np.uint8)
    for value, colour in palette.items():
        table[value] = colour
    return hatched(table[values][..., :3], values == NONE_ANSWERS)


def _scale(page: _Page, axes: Axes, record: RunRecord) -> None:
    kilometres, share = scale_bar(record)
    rows, columns = record.grid.shape
    drawn = min(page.wide, page.high * columns / rows)
    place = axes.get_position(original=True)
    right, top = place.x0 * _ACROSS + drawn, (1 - place.y1) * page.tall + drawn * rows / columns + 0.07
    page.axes(right - share * drawn, top, share * drawn, 0.035).set(xticks=[], yticks=[], facecolor=INK)
    page.text(right - share * drawn - 0.06, top + 0.02, f"{kilometres:g} km", 8.5, SOFT, ha="right")


def _legends(page: _Page, strategies: int, values: NDArray[np.uint8]) -> None:
    top = page.below + 0.12
    classes = [
        _swatch(entry.rgba, entry.label, hatched=k is MapClass.NOT_OBSERVED) for k, entry in LEGEND.items()
    ]
    palette, there = colours(strategies), set(np.unique(values).tolist())
    split = [
        _swatch(palette[value], label, hatched=value == NONE_ANSWERS)
        for value, label in labels(strategies).items()
        if value <= strategies or value in there
    ]
    for handles, left, columns in ((classes, _SIDE, 4), (split, _ACROSS / 2 + 0.15, 3)):
        legend = page.figure.legend(
            handles=handles, loc="upper left", bbox_to_anchor=(left / _ACROSS, 1 - top / page.tall), ncols=columns,
            frameon=False, fontsize=8.5, labelcolor=INK, handlelength=1.3, columnspacing=1.3, borderpad=0.0, borderaxespad=0.0,
        )  # fmt: skip
        page.figure.add_artist(legend)


def _swatch(rgba: Rgba, label: str, hatched: bool) -> Patch:
    if hatched:
        return Patch(
            facecolor="white", edgecolor="#b4b8ba", linewidth=0.4, hatch="//////", label=label.lower()
        )
    return Patch(facecolor=hexadecimal(rgba), edgecolor="#8a8f92", linewidth=0.4, label=label.lower())


def _matrix(page: _Page, found: SideBySide) -> None:
    """Above the diagonal agreement of every two strategies, below it kappa."""
    names = [strategy.name for strategy in found.strategies]
    top, side = page.below + _LEGEND + 0.75, 2.9
    page.text(_SIDE, top - 0.55, "How far they agree", 11.5, weight="bold")
    page.text(_SIDE, top - 0.33, "above the diagonal: alike, where both answer; below: Cohen's κ", 9, SOFT)
    axes = page.axes(_SIDE + 0.95, top, side, side)
    lowest = min((p.agreement for p in found.pairs if p.agreement is not None), default=0.0)
    size = min(15.0, 38.0 / len(names))
    for row, one in enumerate(names):
        _cell(axes, row, row, None, "", size)
        for column in range(row + 1, len(names)):
            pair = found.pair(one, names[column])
            same, low = pair.agreement, min(0.8, lowest)
            place = None if same is None else (same - low) / (1.0 - low)
            _cell(axes, row, column, place, "–" if same is None else percent(same), size)
            kappa = None if pair.kappa is None else round(pair.kappa, 2) + 0.0  # no negative nought
            _cell(axes, column, row, kappa, "–" if kappa is None else f"{kappa:.2f}".replace("-", "−"), size)
    axes.set(xlim=(0, len(names)), ylim=(len(names), 0))
    axes.set_xticks(np.arange(len(names)) + 0.5, names)
    axes.set_yticks(np.arange(len(names)) + 0.5, names)
    axes.tick_params(length=0, labelsize=9.5, labelcolor=INK)
    if len(names) > _LEVEL_NAMES:
        axes.tick_params(axis="x", labelrotation=30)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _cell(axes: Axes, row: int, column: int, place: float | None, says: str, size: float) -> None:
    """A square with a number, the darker the nearer its place is to 1; pale where there is none."""
    painted = coloured(np.array([0.0 if place is None else place], np.float32), WEIGHT_RAMP)[0]
    colour = _NOTHING if place is None else "#{:02x}{:02x}{:02x}".format(*painted[:3])
    axes.add_patch(Rectangle((column, row), 1, 1, facecolor=colour, edgecolor="white", linewidth=2))
    ink = "white" if place is not None and place > _DARK_FROM else INK
    axes.text(column + 0.5, row + 0.5, says, size=size, color=ink, ha="center", va="center")


def drawn_traits(traits: tuple[Trait, ...]) -> list[Trait]:
    """The edge of water first, then the traits by which those that differ stand out most, in share of pixels."""
    others = [t for t in traits if t.kind != "edge"]
    others = [t for t in others if t.share_of_differing - t.share_of_compared >= _LEAST_EXCESS]
    others.sort(key=lambda t: t.share_of_compared - t.share_of_differing)
    others = distinct(others)[: _BARS - 1]
    return [t for t in traits if t.where == AT_EDGE] + others


def _traits(page: _Page, found: SideBySide) -> None:
    """A line for each trait, from its share of all pixels to its share of those that differ."""
    top, left = page.below + _LEGEND + 0.75, 4.75
    page.text(left, top - 0.55, "What marks the pixels where they differ", 11.5, weight="bold")
    shown = drawn_traits(found.traits)
    if not shown:
        page.text(left, top + 0.1, "They differ nowhere.", 10, SOFT)
        return
    page.text(left, top - 0.33, "share of", 9, SOFT)
    page.text(left + 0.55, top - 0.33, "○ all pixels that two or more answer", 9, SOFT)
    page.text(left + 3.1, top - 0.33, "● those where they differ", 9, _SPLIT)
    words = 3.3
    axes = page.axes(left + words, top - 0.1, _ACROSS - _SIDE - 0.45 - left - words, 3.1)
    for row, trait in enumerate(shown):
        a, b = 100 * trait.share_of_compared, 100 * trait.share_of_differing
        axes.plot((a, b), (row, row), color=_SPLIT, linewidth=2.2, alpha=0.35, solid_capstyle="butt")
        axes.plot(a, row, "o", markersize=7, markerfacecolor="white", markeredgecolor=SOFT, zorder=3)
        axes.plot(b, row, "o", markersize=8, color=_SPLIT, zorder=4, clip_on=False)
        axes.annotate(
            percent(trait.share_of_differing), (b, row), (8 if b >= a else -8, 0), textcoords="offset points", size=9,
            color=INK, va="center", ha="left" if b >= a else "right",
        )  # fmt: skip
    axes.set(ylim=(max(len(shown), _FEW_BARS) - 0.4, -0.6), xlim=(0, 100))
    named = ["\n".join(textwrap.wrap(trait.where, 54)[:2]) for trait in shown]
    axes.set_yticks(range(len(shown)), named)
    axes.set_xticks((0, 25, 50, 75, 100), ("0", "25", "50", "75", "100 %"))
    axes.tick_params(length=0, labelsize=8.8, labelcolor=INK)
    axes.grid(axis="x", color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _footer(page: _Page, advice: Recommendation) -> None:
    top = page.tall - _FOOT + 0.15
    page.text(_SIDE, top, f"Recommended: {advice.strategy}", 11.5, weight="bold")
    said = textwrap.wrap(" ".join(advice.reasons), 190)
    most = 3
    lines = said[:most] if len(said) <= most else [*said[: most - 1], said[most - 1][:-1] + "…"]
    page.text(_SIDE, top + 0.2, "\n".join(lines), 9, SOFT, va="top", linespacing=1.35)
