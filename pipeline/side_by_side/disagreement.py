"""`disagreement.tif`: how many strategies say water, pixel by pixel, as a cloud-optimized GeoTIFF of one band."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetWriter

from floodfuse.pipeline.publish.cog import plain_tiff, to_cog
from floodfuse.pipeline.publish.palettes import CLEAR, Ramp, Rgba, coloured
from floodfuse.pipeline.publish.source import Product, raster_environment, tiles
from floodfuse.pipeline.side_by_side import verdicts
from floodfuse.pipeline.side_by_side.verdicts import Verdicts

DISAGREEMENT_FILE = "disagreement.tif"
SOME_DRY, SOME_WATER, SOME_DIFFER, NONE_ANSWERS = 252, 253, 254, 255

# Pale where they agree, so that what differs stands out; there the fewer say water, the lighter.
_ALL_DRY: Rgba = (244, 242, 235, 255)
_ALL_WATER: Rgba = (178, 204, 224, 255)
_SPLIT: Ramp = ((0.0, (250, 184, 60, 255)), (0.5, (214, 72, 72, 255)), (1.0, (116, 30, 110, 255)))
_ABSTAINING: dict[int, Rgba] = {
    SOME_DRY: (214, 212, 205, 255),
    SOME_WATER: (140, 166, 186, 255),
    SOME_DIFFER: (150, 112, 104, 255),
    NONE_ANSWERS: CLEAR,
}


def coded(said: Verdicts) -> NDArray[np.uint8]:
    """Number of strategies that say water where all answer; above 250 where some, or all, abstain."""
    votes = said.votes()
    everyone = votes.answers == len(said.classes)
    return np.select(
        [votes.answers == 0, everyone, votes.water == 0, votes.water == votes.answers],
        [np.uint8(NONE_ANSWERS), votes.water, np.uint8(SOME_DRY), np.uint8(SOME_WATER)],
        np.uint8(SOME_DIFFER),
    )


def labels(strategies: int) -> dict[int, str]:
    """What every value means, in the order of a legend."""
    split = {n: f"{n} of {strategies} say{'s' if n == 1 else ''} water" for n in range(1, strategies)}
    whole = "both" if strategies == 2 else f"all {strategies}"
    return {
        0: f"{whole} say dry",
        **split,
        strategies: f"{whole} say water",
        SOME_DRY: "some abstain, others say dry",
        SOME_WATER: "some abstain, others say water",
        SOME_DIFFER: "some abstain, others differ",
        NONE_ANSWERS: "none answers",
    }


def colours(strategies: int) -> dict[int, Rgba]:
    """Colour of every value."""
    steps = (np.arange(1, strategies, dtype=np.float32) - np.float32(0.5)) / np.float32(strategies - 1)
    split = {n: tuple(map(int, rgba)) for n, rgba in enumerate(coloured(steps, _SPLIT), start=1)}
    return {0: _ALL_DRY, **split, strategies: _ALL_WATER, **_ABSTAINING}


def write_disagreement(folders: Mapping[str, Path], folder: Path) -> None:
    """Write `disagreement.tif` of products, by the names of their strategies, into a folder; tile by tile.

    Raises
    ------
    BadRequest
        If they can't be compared, see `verdicts.open_products`.
    """
    products = verdicts.open_products(folders)
    with raster_environment(), tempfile.TemporaryDirectory(dir=folder, prefix=".cog-") as scratch:
        plain = Path(scratch) / DISAGREEMENT_FILE
        _write_plain(products, plain)
        to_cog(plain, folder / DISAGREEMENT_FILE, "nearest", "no")


def _write_plain(products: Mapping[str, Product], path: Path) -> None:
    record = next(iter(products.values())).record
    with plain_tiff(path, record.grid, 1, "uint8", NONE_ANSWERS, palette=True) as target:
        _describe(target, products)
        for tile in tiles(record.grid.shape):
            target.write(coded(verdicts.read(products, tile)), 1, window=tile.window)


def _describe(target: DatasetWriter, products: Mapping[str, Product]) -> None:
    record = next(iter(products.values())).record
    target.update_tags(
        TIFFTAG_SOFTWARE=f"floodfuse {record.floodfuse_version}",
        PRODUCT_TIME=record.product_time.isoformat(),
        STRATEGIES=", ".join(products),
        SYNTHETIC="yes, from simulated scenes" if record.synthetic else "no",
    )
    notes = {f"VALUE_{value}": label for value, label in labels(len(products)).items()}
    target.set_band_description(1, "strategies_that_say_water")
    target.update_tags(1, long_name="number of strategies that say water, permanent or flood", **notes)
    target.write_colormap(1, colours(len(products)))
