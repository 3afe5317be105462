"""A picture of one pixel: what each sensor would see of every class at that angle, and what it saw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from floodfuse.catalogs.errors import BadRequest
from floodfuse.harmonize import optical
from floodfuse.harmonize.classes import FLOODED, EvidenceClass
from floodfuse.harmonize.densities import GroundLevel
from floodfuse.harmonize.joint import POWER_AXIS_DB, Floor, ground_density, mean_water_density
from floodfuse.harmonize.optical import MNDWI_DENSITY, NDWI_DENSITY, IndexDensity
from floodfuse.harmonize.wind import usual_weights
from floodfuse.pipeline.explain import ChannelView, Explanation, SensorView
from floodfuse.pipeline.publish.palettes import EVIDENCE_COLOURS, hexadecimal

INK, SOFT, LINE = "#2b3238", "#66707a", "#dfe1dd"
_TITLES = {
    "sentinel1": "Sentinel-1, C band",
    "alos2": "ALOS-2, L band",
    "sentinel2": "Sentinel-2, optical",
}
_INDEX_TICKS = (-0.9, -0.7, -0.4, 0.0, 0.4, 0.7, 0.9)
_INDEX_AXIS = np.linspace(-1.9, 1.9, 401)
_SIDE, _ACROSS, _ROW, _HEAD, _FOOT = 0.035, 10.0, 2.6, 0.95, 0.6  # share of the width; inches
_HEADROOM = 1.12  # for what is written above the curves
_LOWEST_DB, _HIGHEST_DB = float(POWER_AXIS_DB[0]), 6.0
_ROOM_FOR_WORDS_DB = 6.5

Float = NDArray[np.floating]


def write_plot(found: Explanation, file: Path) -> None:
    """Draw an explained pixel into a PNG file: a row for each sensor that saw it, a panel for each value.

    Radar panels hold the density per dB of total power (noise included) of every class, at the pixel's angle, looks and
    noise floor; optical panels that of atanh of the index. The dark line is the pixel's own value; the evidence in the map
    is averaged over 5 x 5 px.

    Raises
    ------
    BadRequest
        If no sensor saw the pixel, or the file can't be written.
    """
    views = [view for view in found.sensors if view.acquisition]
    if not views:
        raise BadRequest("no sensor saw this pixel, so there is nothing to draw. Choose another with --at.")
    figure = draw(found, views)
    try:
        figure.savefig(file, format="png", dpi=150, metadata={"Software": "floodfuse"})
    except OSError as error:
        raise BadRequest(
            f"{file}: can't be written ({error.strerror}). Give another file to --plot."
        ) from error


def draw(found: Explanation, views: list[SensorView]) -> Figure:
    """The figure of `write_plot`."""
    tall = _HEAD + _ROW * len(views) + _FOOT
    figure = Figure(figsize=(_ACROSS, tall), facecolor="white")
    figure.text(_SIDE, 1 - 0.30 / tall, _headline(found), size=14, weight="bold", color=INK, va="center")
    figure.text(_SIDE, 1 - 0.60 / tall, _subline(found), size=9.5, color=SOFT, va="center")
    for row, view in enumerate(views):
        panels = _panels(view)
        top = 1 - (_HEAD + _ROW * row) / tall
        figure.text(
            _SIDE, top - 0.12 / tall, _row_title(view), size=10.5, color=INK, weight="bold", va="center"
        )
        width = (1 - 2 * _SIDE - 0.03 * (len(panels) - 1)) / len(panels)
        for column, panel in enumerate(panels):
            left = _SIDE + column * (width + 0.03)
            axes = figure.add_axes((left, top - (_ROW - 0.62) / tall, width, (_ROW - 0.95) / tall))
            _frame(axes)
            if isinstance(panel, ChannelView):
                _draw_channel(axes, panel, view)
            else:
                _draw_index(axes, panel, view)
    _legend(figure)
    return figure


def _headline(found: Explanation) -> str:
    water = "" if found.probability is None else f", probability of water {found.probability:.1%}"
    return f"{found.map_class}{water}"


def _subline(found: Explanation) -> str:
    parts = [f"at {found.lon:.5f}, {found.lat:.5f}", f"decided by {found.decider}"]
    if found.ever_flooded is not None:
        parts.append(f"ever flooded in the window {found.ever_flooded:.1%}")
    if found.conflict_nats is not None:
        parts.append(f"conflict {found.conflict_nats:.1f} nats")
    return "   ·   ".join(parts)


def _row_title(view: SensorView) -> str:
    parts = [_TITLES.get(view.sensor, view.sensor), str(view.time)]
    if view.looks is not None:
        parts += [f"{view.observed['incidence']:.1f}°", f"{view.looks:.1f} looks"]
    return "   ·   ".join(parts)


class Index(NamedTuple):
    """An optical index of green and another band, and what is known of its values."""

    name: str
    band: str
    density: IndexDensity


def _panels(view: SensorView) -> Sequence[ChannelView | Index]:
    if view.channels:
        return view.channels
    indices = (Index("NDWI", "nir", NDWI_DENSITY), Index("MNDWI", "swir", MNDWI_DENSITY))
    return [index for index in indices if np.isfinite(view.observed.get(index.band, np.nan))]


def class_densities(channel: ChannelView, view: SensorView) -> dict[EvidenceClass, Float]:
    """p per dB of total power on `POWER_AXIS_DB` for every class, as the evidence of this acquisition has it."""
    floors = (Floor(channel.channel, channel.nesz_sigma0_db),)
    looks, theta = float(view.looks or 1.0), view.observed["incidence"]
    weights = np.asarray(view.facts.get("water_weights") or usual_weights())
    levels = [GroundLevel(*told) for told in view.facts.get("ground_levels", ())]
    curves = {EvidenceClass.OPEN_WATER: mean_water_density(floors, looks, weights, theta)}
    for k in list(EvidenceClass)[1:]:
        curves[k] = ground_density(floors, k, looks, theta, levels=levels)
    return {k: np.asarray(curve)[:-1, 0] for k, curve in curves.items()}


def index_densities(density: IndexDensity, variance: float) -> tuple[Float, Float]:
    """p of atanh(index) on the axis drawn, of open water and of all else, with the observation's own variance."""

    def mixture(parts: tuple[tuple[float, float, float], ...]) -> Float:
        total = np.zeros_like(_INDEX_AXIS)
        for share, mean, sd in parts:
            spread = sd**2 + variance
            total += share * np.exp(-0.5 * (_INDEX_AXIS - mean) ** 2 / spread) / np.sqrt(2 * np.pi * spread)
        return np.asarray(
            (1 - optical.OUTLIER_SHARE) * total + optical.OUTLIER_SHARE * optical.OUTLIER_DENSITY
        )

    return mixture(density.water), mixture(density.dry)


def _draw_channel(axes: Axes, channel: ChannelView, view: SensorView) -> None:
    for k, curve in class_densities(channel, view).items():
        _curve(axes, POWER_AXIS_DB, curve, k)
    axes.axvspan(_LOWEST_DB, channel.noise_floor_db, color="#eceeea", zorder=0, linewidth=0)
    axes.set_xlim(_LOWEST_DB, _HIGHEST_DB)
    axes.set_ylim(0, _HEADROOM * axes.get_ylim()[1])
    if channel.noise_floor_db - _LOWEST_DB > _ROOM_FOR_WORDS_DB:
        x, y = channel.noise_floor_db - 0.3, 0.97 * axes.get_ylim()[1]
        axes.text(x, y, "noise floor", size=7.5, color=SOFT, ha="right", va="top")
    polarization = channel.channel.split("_")[1]
    axes.set_xlabel(f"{polarization}: total power as gamma nought, dB", size=8.5, color=SOFT)
    if channel.total_db is not None:
        shown = float(np.clip(channel.total_db, _LOWEST_DB, _HIGHEST_DB))
        _observed(axes, shown, f"{channel.total_db:.1f} dB")


def _draw_index(axes: Axes, index: Index, view: SensorView) -> None:
    a, b = (max(view.observed[which], optical.DARKEST_REFLECTANCE) for which in ("green", index.band))
    variance = 0.25 * optical.REFLECTANCE_SD**2 * (1 / a**2 + 1 / b**2)
    water, dry = index_densities(index.density, variance)
    _curve(axes, _INDEX_AXIS, water, EvidenceClass.OPEN_WATER)
    axes.plot(_INDEX_AXIS, dry, color=INK, linewidth=1.4, linestyle=(0, (4, 2)))
    flank = int((dry > 0.5 * dry.max()).argmax())
    axes.text(_INDEX_AXIS[flank] - 0.05, dry[flank], "all else", size=7.5, color=SOFT, ha="right")
    axes.set_xlim(_INDEX_AXIS[0], _INDEX_AXIS[-1])
    axes.set_ylim(0, 1.25 * max(water.max(), dry.max()))
    axes.set_xticks(np.arctanh(_INDEX_TICKS), [f"{tick:g}" for tick in _INDEX_TICKS])
    axes.set_xlabel(f"{index.name} (spaced as its atanh)", size=8.5, color=SOFT)
    x = 0.5 * np.log(a / b)
    _observed(axes, float(np.clip(x, _INDEX_AXIS[0], _INDEX_AXIS[-1])), f"{np.tanh(x):.2f}")


def _curve(axes: Axes, x: Float, density: Float, k: EvidenceClass) -> None:
    colour = hexadecimal(EVIDENCE_COLOURS[k])
    if k in FLOODED:
        axes.fill_between(x, density, color=colour, alpha=0.10, linewidth=0)
    axes.plot(x, density, color=colour, linewidth=1.6, linestyle="-" if k in FLOODED else (0, (4, 2)))


def _observed(axes: Axes, x: float, label: str) -> None:
    axes.axvline(x, color=INK, linewidth=1.8, zorder=5)
    low, high = axes.get_xlim()
    left = x > low + 0.85 * (high - low)
    axes.annotate(
        label, (x, 1.0), (-4 if left else 4, -2), xycoords=("data", "axes fraction"), textcoords="offset points",
        size=9, weight="bold", color=INK, ha="right" if left else "left", va="top", zorder=6,
        bbox={"boxstyle": "square,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
    )  # fmt: skip


def _frame(axes: Axes) -> None:
    axes.set_yticks([])
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(SOFT)
    axes.tick_params(axis="x", colors=SOFT, labelsize=8, length=3)


def _legend(figure: Figure) -> None:
    handles = [
        Line2D(
            [], [], color=hexadecimal(EVIDENCE_COLOURS[k]), linewidth=2,
            linestyle="-" if k in FLOODED else (0, (4, 2)), label=k.name.replace("_", " ").lower(),
        )
        for k in EvidenceClass
    ]  # fmt: skip
    order = [
        handles[i // 2 + (i % 2) * len(FLOODED)] for i in range(len(handles))
    ]  # columns: flooded above dry
    figure.legend(
        handles=order, loc="lower left", bbox_to_anchor=(_SIDE - 0.01, 0.0), ncols=4, frameon=False, fontsize=8.5,
        labelcolor=INK, handlelength=2.6, columnspacing=2.0,
    )  # fmt: skip
    note = "How likely each value is under each class;\nthe dark line is this pixel's own value."
    figure.text(1 - _SIDE, 0.2 / figure.get_figheight(), note, size=8.5, color=SOFT, ha="right", va="center")
