"""A picture of an ablation: what networks say with fewer sensors, and with worse ones."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from floodfuse.models.ablation import Test, unit_of
from floodfuse.models.ablation_scores import CloudTable, Result
from floodfuse.models.whole_file import write_whole
from floodfuse.pipeline.explain_plot import INK, LINE, SOFT

Dash = Literal["-"] | tuple[int, tuple[float, ...]]

# Okabe and Ito's, which most colour-blind people tell apart
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
FEW = 2  # networks, whose lines and bars can be labelled one by one
BAND_IOU = 0.01  # that a set of sensors may stay below the best of them
SENSORS = {"c": "C band", "l": "L band", "s1": "S1", "s2": "S2"}
_LEAST_IOU = 0.05  # from the bottom of an axis to its top
_DASHES: tuple[Dash, ...] = ("-", (0, (5, 2)), (0, (1, 1.3)), (0, (5, 1.5, 1, 1.5)))
_ACROSS, _HEAD, _ROW, _TRIM = 12.0, 0.95, 3.65, 0.3  # inches; the last row has no dots below
_COLUMNS, _LEFT, _RIGHT, _GAP, _FOOT, _OVER = 3, 0.62, 0.72, 0.98, 0.92, 0.3  # inches, but the first
_DEGRADED: dict[Test, tuple[str, str]] = {
    "misregistration": ("A radar lies off", "pixels off"),
    "noise": ("Values are off", "spread of the error"),
    "age": ("A sensor passed on another day", "days further away"),
}


def write_plot(results: Sequence[Result], title: str, inputs: str, file: Path) -> None:
    """Draw results into a PNG file, which appears whole or not at all."""
    picture = io.BytesIO()
    draw(results, title, inputs).savefig(picture, format="png", dpi=150, metadata={"Software": "floodfuse"})
    write_whole(file, picture.getvalue())


def draw(results: Sequence[Result], title: str, inputs: str) -> Figure:
    """The figure of `write_plot`: a panel for each test, and one that holds subsets against their best sensor."""
    weights = list(dict.fromkeys(result.weights for result in results))
    sensors = dict.fromkeys(sensor for result in results for sensor in result.condition.subset)
    dashes = dict(zip(sensors, cycle(_DASHES), strict=False))
    colours = dict(zip(weights, COLOURS, strict=False))
    there = {result.condition.test for result in results}
    panels: list[Callable[[Axes], None]] = [lambda axes: _subsets(axes, results, colours)]
    if "cloud" in there:
        panels.append(lambda axes: _cloud(axes, results, colours))
    if "cloud" in there and CloudTable(results, weights[0]).shortfalls():
        panels.append(lambda axes: _margins(axes, results, colours))
    degraded = [test for test in _DEGRADED if test in there]
    rows = -(-(len(panels) + len(degraded)) // _COLUMNS)
    figure = Figure(figsize=(_ACROSS, _height(rows)), facecolor="white")
    for number, panel in enumerate(panels):
        panel(_axes(figure, number, rows))
    together = [_axes(figure, len(panels) + number, rows) for number in range(len(degraded))]
    for axes, test in zip(together, degraded, strict=True):
        _fan(axes, results, colours, dashes, test, unit_of(test, inputs))
    _same_heights(together, dashes, len(weights) <= FEW)
    _headline(figure, title, colours)
    return figure


def _height(rows: int) -> float:
    return _HEAD + _ROW * rows - (_TRIM if rows > 1 else 0.0)


def _axes(figure: Figure, number: int, rows: int) -> Axes:
    tall = _height(rows)
    row, column = divmod(number, _COLUMNS)
    width = (_ACROSS - _LEFT - _RIGHT - (_COLUMNS - 1) * _GAP) / _COLUMNS
    bottom = tall - _HEAD - _ROW * (row + 1) + _FOOT
    left = _LEFT + column * (width + _GAP)
    axes = figure.add_axes((left / _ACROSS, bottom / tall, width / _ACROSS, (_ROW - _FOOT - _OVER) / tall))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("bottom", "left"):
        axes.spines[side].set_color(LINE)
    axes.grid(axis="y", color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=SOFT, labelsize=8.5, length=3)
    return axes


def _titled(axes: Axes, title: str, below: str) -> None:
    axes.set_title(title, loc="left", size=10.5, weight="bold", color=INK, pad=8)
    axes.set_xlabel(below, size=9, color=SOFT)


def _headline(figure: Figure, title: str, colours: dict[str, str]) -> None:
    tall = figure.get_figheight()
    left = 0.2 / _ACROSS
    says, below = "What is lost when sensors go", f"{title}   ·   IoU of all flooded classes as one"
    figure.text(left, 1 - 0.30 / tall, says, size=14, weight="bold", color=INK, va="center")
    figure.text(left, 1 - 0.58 / tall, below, size=9.5, color=SOFT, va="center")
    keys = [Patch(color=colour, label=weights) for weights, colour in colours.items()]
    figure.legend(
        handles=keys, loc="center right", bbox_to_anchor=(1 - left, 1 - 0.42 / tall), ncols=len(keys), frameon=False,
        fontsize=10.5, labelcolor=INK, handlelength=1.0, handleheight=1.0, columnspacing=1.6,
    )  # fmt: skip


def _subsets(axes: Axes, results: Sequence[Result], colours: dict[str, str]) -> None:
    """Bars for every subset; dots below say which sensors it is of."""
    bars = [result for result in results if result.condition.test == "subset"]
    subsets = list(dict.fromkeys(result.condition.subset for result in bars))
    width = 0.8 / len(colours)
    for number, (weights, colour) in enumerate(colours.items()):
        heights = [r.scores.iou_flood for r in bars if r.weights == weights]
        places = np.arange(len(subsets)) + (number - 0.5 * (len(colours) - 1)) * width
        axes.bar(places, heights, 0.92 * width, color=colour)
        for place, height in zip(places, heights, strict=True):
            if len(colours) <= FEW:
                number_on_it = f"{height:.2f}".removeprefix("0")
                axes.text(place, height, number_on_it, size=7, color=INK, ha="center", va="bottom")
    _titled(axes, "Sensors at hand", "")
    axes.set_xticks([])
    axes.set_xlim(-0.6, len(subsets) - 0.4)
    axes.set_ylabel("IoU of flood", size=9, color=SOFT)
    _dots(axes, subsets)


def _dots(axes: Axes, subsets: Sequence[tuple[str, ...]]) -> None:
    """A row for each sensor below the axis: dark where it is in the subset."""
    sensors: tuple[str, ...] = max(subsets, key=lambda subset: len(subset))
    where, places = axes.get_xaxis_transform(), np.arange(len(subsets))
    for row, sensor in enumerate(sensors):
        height = -0.085 * (row + 1)
        dots = [INK if sensor in subset else LINE for subset in subsets]
        heights = np.full(len(subsets), height)
        axes.scatter(places, heights, s=34, c=dots, transform=where, clip_on=False, zorder=3)
        right = len(subsets) - 0.35
        axes.text(right, height, _name(sensor), size=8.5, color=INK, transform=where, va="center")


def _cloud(axes: Axes, results: Sequence[Result], colours: dict[str, str]) -> None:
    """All sensors under growing cloud, and the best that is left of them, alone."""
    for weights, colour in colours.items():
        table = CloudTable(results, weights)
        together = [table.iou[table.whole, percent] for percent in table.percents]
        alone = np.array([table.best_alone(table.whole, percent)[1] for percent in table.percents])
        axes.fill_between(table.percents, alone - BAND_IOU, alone, color=colour, alpha=0.25, linewidth=0)
        axes.plot(table.percents, alone, color=colour, linewidth=1.4, linestyle=(0, (4, 2)))
        axes.plot(table.percents, together, color=colour, linewidth=2.4)
    _titled(axes, "Cloud over the optical sensor", "% of the picture hidden")
    axes.set_xlim(0, 100)
    axes.set_ylim(_wide(*axes.get_ylim()))
    keys = [
        Line2D([], [], color=INK, linewidth=2.4, label="all sensors"),
        Line2D([], [], color=INK, linewidth=1.4, linestyle=(0, (4, 2)), label="the best of them alone"),
        Patch(color=INK, alpha=0.25, linewidth=0, label=f"down to {BAND_IOU:g} below it"),
    ]
    axes.legend(  # below, where dots are in the panel beside it: curves may lie anywhere above
        handles=keys, loc="upper left", bbox_to_anchor=(-0.03, -0.19), ncols=2, borderaxespad=0.0, frameon=False,
        fontsize=8.5, labelcolor=INK, handlelength=2.2, columnspacing=1.2,
    )  # fmt: skip


def _margins(axes: Axes, results: Sequence[Result], colours: dict[str, str]) -> None:
    """How far every subset is above its best sensor; the lowest of them thick, its lowest point named."""
    axes.axhspan(-BAND_IOU, 0.0, color=LINE, alpha=0.75, linewidth=0, zorder=0)
    axes.axhline(0.0, color=INK, linewidth=0.9)
    says: list[tuple[str, str]] = []
    for weights, colour in colours.items():
        found = CloudTable(results, weights).shortfalls()
        for subset in dict.fromkeys(s.subset for s in found if len(colours) <= FEW):
            own = [shortfall for shortfall in found if shortfall.subset == subset]
            margins = [-shortfall.iou for shortfall in own]
            axes.plot([s.cloud_percent for s in own], margins, color=colour, linewidth=0.9, alpha=0.55)
        percents = sorted({shortfall.cloud_percent for shortfall in found})
        lowest = [-max(s.iou for s in found if s.cloud_percent == percent) for percent in percents]
        axes.plot(percents, lowest, color=colour, linewidth=2.4)
        worst = max(found, key=lambda shortfall: shortfall.iou)
        axes.plot(worst.cloud_percent, -worst.iou, "o", color=colour, markersize=6, zorder=4)
        where = f"{' + '.join(_name(sensor) for sensor in worst.subset)}, cloud {worst.cloud_percent:g} %"
        says.append((f"lowest {-worst.iou:+.3f}: {where}".replace("-", "−"), colour))
    _titled(axes, "Sensors together less the best of them", "% of the picture hidden")
    axes.set_xlim(0, 100)
    low, high = _wide(*axes.get_ylim())
    axes.set_ylim(low - 0.075 * (len(says) + 0.5) * (high - low), high)
    for row, (text, colour) in enumerate(reversed(says)):
        axes.text(1.5, 0.03 + 0.07 * row, text, size=8.5, color=colour, transform=axes.get_xaxis_transform())
    axes.text(101, -BAND_IOU / 2, f"to −{BAND_IOU:g}", size=8, color=SOFT, va="center", clip_on=False)


def _fan(
    axes: Axes,
    results: Sequence[Result],
    colours: dict[str, str],
    dashes: Mapping[str, Dash],
    test: Test,
    unit: str,
) -> None:
    """A line for every network and sensor, against how far its images are degraded."""
    own = [result for result in results if result.condition.test == test]
    sensors = list(dict.fromkeys(result.condition.sensor for result in own))
    amounts = sorted({result.condition.amount for result in own})
    for weights, colour in colours.items():
        for sensor in sensors:
            line = [r for r in own if (r.weights, r.condition.sensor) == (weights, sensor)]
            axes.plot(
                [r.condition.amount for r in line], [r.scores.iou_flood for r in line], color=colour, linewidth=1.9,
                linestyle=dashes[sensor], marker="o", markersize=3.2, clip_on=False,
                label=_name(sensor),
            )  # fmt: skip
    title, below = _DEGRADED[test]
    _titled(axes, title, below if unit in ("px", "d") else f"{below}, {unit}")
    axes.set_xticks(amounts, [f"{amount:g}" for amount in amounts])
    axes.set_xlim(0, amounts[-1])


def _wide(low: float, high: float) -> tuple[float, float]:
    """Limits that do not make much of little."""
    short = max(0.0, _LEAST_IOU - (high - low))
    return low - short / 2, high + short / 2


def _same_heights(panels: Sequence[Axes], dashes: Mapping[str, Dash], one_by_one: bool) -> None:
    """Panels of one scale, whose lines are named at their ends, or by their dashes where they are many."""
    limits = [limit for axes in panels for limit in axes.get_ylim()]
    low, high = _wide(min(limits, default=0.0), max(limits, default=1.0))
    for axes in panels:
        axes.set_ylim(low, high)
        if not one_by_one:
            _key_of_dashes(axes, dashes)
            continue
        ends = [float(np.asarray(line.get_ydata())[-1]) for line in axes.lines]
        heights = spread(ends, 0.058 * (high - low), high)
        for line, height in zip(axes.lines, heights, strict=True):
            right, name = axes.get_xlim()[1] * 1.04, str(line.get_label())
            axes.text(right, height, name, size=8.5, color=str(line.get_color()), va="center")


def _key_of_dashes(axes: Axes, dashes: Mapping[str, Dash]) -> None:
    there = {str(line.get_label()) for line in axes.lines}
    keys = [
        Line2D([], [], color=INK, linewidth=1.9, linestyle=dash, label=_name(sensor))
        for sensor, dash in dashes.items()
        if _name(sensor) in there
    ]
    axes.legend(handles=keys, loc="best", frameon=False, fontsize=8.5, labelcolor=INK, handlelength=2.6)


def _name(sensor: str) -> str:
    return SENSORS.get(sensor, sensor)


def spread(heights: Sequence[float], apart: float, highest: float = np.inf) -> list[float]:
    """Heights of labels as near to those asked for as keeps them apart, in the same order, and none above the highest."""
    order = np.argsort(heights, kind="stable")
    groups: list[
        list[float]
    ] = []  # of labels that touch: heights, less how far each is above the group's lowest
    for height in np.asarray(heights, float)[order]:
        groups.append([height])
        while len(groups) > 1 and np.mean(groups[-2]) + apart * len(groups[-2]) > np.mean(groups[-1]):
            last = groups.pop()
            below = apart * len(groups[-1])
            groups[-1] += [value - below for value in last]
    placed = [float(np.mean(group)) + apart * k for group in groups for k in range(len(group))]
    for k in reversed(range(len(placed))):
        placed[k] = min(placed[k], highest)
        highest = placed[k] - apart
    found = np.empty(len(heights))
    found[order] = placed
    return [float(height) for height in found]
