"""Pictures of a product: for the report, for the README, and `preview.png` for catalogues.

Read from the overviews of the GeoTIFFs, so a large product costs no more than a small one.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import rasterio
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.patches import Patch
from numpy.typing import NDArray
from rasterio.enums import Resampling

from floodfuse.harmonize.classes import LEGEND, MapClass
from floodfuse.pipeline.product import DIAGNOSTICS_FILE, FLOOD_FILE, PROBABILITY_FILE, RunRecord
from floodfuse.pipeline.publish.palettes import DECIDER_COLOURS, PROBABILITY_RAMP, Rgba, coloured, hexadecimal
from floodfuse.pipeline.publish.source import Array, pixel_area_m2, raster_environment

PREVIEW_FILE = "preview.png"
INK = "#2b3238"
_METADATA = {"Software": "floodfuse"}  # matplotlib would write its version
Picture = NDArray[np.uint8]


def write_preview(folder: Path, width_px: int = 1200) -> None:
    """Write `preview.png`: the map with its legend and a scale."""
    (folder / PREVIEW_FILE).write_bytes(render_map(folder, width_px))


def render_map(folder: Path, width_px: int = 1200) -> bytes:
    """The flood map with title, scale and legend, as PNG.

    Parameters
    ----------
    folder
        A product's folder, with `flood.tif` and `run.json`.
    width_px
        Width of the whole picture in pixels; its height follows from the shape of the area.
    """
    record = RunRecord.load(folder)
    rows, columns = record.grid.shape
    picture = class_picture(folder, width_px)
    across = width_px / 100
    down = min(max(across * 0.94 * rows / columns, 0.3 * across), 2.5 * across)
    head, foot = 0.06 * across, 0.115 * across
    tall = head + down + foot
    figure = Figure(figsize=(across, tall), dpi=100, facecolor="white")
    axes = figure.add_axes((0.03, foot / tall, 0.94, down / tall))
    axes.imshow(picture, interpolation="nearest", extent=(0, columns, rows, 0))
    axes.set_axis_off()
    size = 1.25 * across
    label = f"Flood map, {record.product_time:%d %B %Y, %H:%M} UTC"
    figure.text(0.03, 1 - 0.5 * head / tall, label, size=1.4 * size, color=INK, va="center")
    if record.synthetic:
        figure.text(
            0.97,
            1 - 0.5 * head / tall,
            "SYNTHETIC",
            size=1.4 * size,
            color="#a04a2a",
            va="center",
            ha="right",
        )
    _legend(figure, size)
    drawn = min(0.94, down * columns / rows / across)
    _scale(figure, record, drawn, 0.94 * foot / tall, size)
    return _png_of(figure)


def _legend(figure: Figure, size: float) -> None:
    handles = [
        Patch(
            facecolor=hexadecimal(entry.rgba),
            edgecolor="#8a8f92",
            linewidth=0.5,
            label=entry.label,
        )
        for entry in LEGEND.values()
    ]
    handles[list(LEGEND).index(MapClass.NOT_OBSERVED)].set(hatch="//////", facecolor="white")
    figure.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0.02, 0.0),
        ncols=4,
        frameon=False,
        fontsize=size,
        labelcolor=INK,
        handlelength=1.4,
        columnspacing=1.2,
    )


def _scale(figure: Figure, record: RunRecord, drawn: float, top: float, size: float) -> None:
    """A bar of a round length at the right, below the map, which is drawn over a share of the figure's width."""
    kilometres, share = scale_bar(record)
    right, width = 0.97, share * drawn
    bar = figure.add_axes((right - width, top - 0.012, width, 0.006))
    bar.set_facecolor(INK)
    bar.set(xticks=[], yticks=[])
    figure.text(
        right - width / 2, top - 0.018, f"{kilometres:g} km", size=size, color=INK, ha="center", va="top"
    )


def scale_bar(record: RunRecord) -> tuple[float, float]:
    """A round length in km that takes about a fifth of the map's width, and the share it takes."""
    kilometres = record.grid.shape[1] * pixel_area_m2(record.grid) ** 0.5 / 1000
    wanted = kilometres / 5
    power = 10.0 ** np.floor(np.log10(wanted))
    length = float(max(step * power for step in (1, 2, 5) if step * power <= wanted))
    return length, length / kilometres


def class_picture(folder: Path, width_px: int) -> Picture:
    """The map classes in the legend's colours; what was not observed is hatched, never the colour of dry land."""
    classes = _read(folder / FLOOD_FILE, 1, width_px, Resampling.mode)
    table = np.full((256, 4), 255, np.uint8)
    for map_class, entry in LEGEND.items():
        table[int(map_class)] = entry.rgba
    return hatched(table[classes][..., :3], classes == MapClass.NOT_OBSERVED)


def probability_picture(folder: Path, width_px: int) -> Picture:
    """The probability of water on its ramp; hatched where not observed."""
    chance = _read(folder / PROBABILITY_FILE, 1, width_px, Resampling.average)
    return hatched(coloured(chance, PROBABILITY_RAMP)[..., :3], ~np.isfinite(chance))


def decider_picture(folder: Path, width_px: int) -> Picture:
    """Which sensor decided; hatched where none did."""
    codes = _read(folder / DIAGNOSTICS_FILE, 1, width_px, Resampling.nearest)
    colours: list[Rgba] = list(DECIDER_COLOURS.values())
    table = np.array(colours, np.uint8)
    return hatched(table[np.minimum(codes, len(colours) - 1)][..., :3], codes == 0)


def png(picture: Picture) -> bytes:
    """A picture as PNG, without a date or a version, so that the bytes are always the same."""
    out = io.BytesIO()
    imsave(out, picture, format="png", metadata=_METADATA)
    return out.getvalue()


def _png_of(figure: Figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata=_METADATA)
    return out.getvalue()


_LONGEST_FOR_ITS_WIDTH = 3


def _read(path: Path, band: int, width_px: int, resampling: Resampling) -> Array:
    """A band at about `width_px` columns: reduced through the overviews, or each pixel drawn as a square."""
    with raster_environment(), rasterio.open(path) as source:
        longest = _LONGEST_FOR_ITS_WIDTH * width_px
        times = max(1, min(width_px // source.width, longest // source.height))
        shrink = min(1.0, width_px / source.width, longest / source.height)
        columns, rows = max(1, round(source.width * shrink)), max(1, round(source.height * shrink))
        values: Array = source.read(band, out_shape=(rows, columns), resampling=resampling)
    return values.repeat(times, axis=0).repeat(times, axis=1)


def hatched(colours: NDArray[np.uint8], where: NDArray[np.bool_]) -> Picture:
    """Colours (y, x, 3), with grey lines on white where there is nothing to show."""
    rows, columns = np.indices(where.shape)
    line = (rows + columns) % 9 < 1
    painted = colours.copy()
    painted[where] = (255, 255, 255)
    painted[where & line] = (176, 180, 182)
    return painted
