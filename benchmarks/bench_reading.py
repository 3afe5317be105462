"""Blocks of a scene read with their files kept open, as a run does, beside opening files for every block, in one run.

    python benchmarks/bench_reading.py [SIDE_PX]

A file that stays open remembers decoded tiles, and the halo of a block touches those of its neighbours.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from floodfuse.catalogs.acquisition import Acquisition
from floodfuse.catalogs.simulated.archive import write_archive
from floodfuse.pipeline import search
from floodfuse.pipeline.area import parse_area
from floodfuse.pipeline.grid import Grid, grid_for
from floodfuse.pipeline.ingest.kept_open import keeping_open
from floodfuse.pipeline.scene import prepare, read_scene
from floodfuse.pipeline.settings import MapSettings
from floodfuse.pipeline.weigh import HALO_PX

BLOCK_PX = 512


def seconds(acquisitions: Sequence[Acquisition], grid: Grid, kept: bool) -> float:
    """To read all blocks once, on one thread."""
    start = time.perf_counter()
    with keeping_open() if kept else nullcontext():
        for _, _, block in grid.blocks(BLOCK_PX):
            read_scene(acquisitions, block.padded(HALO_PX))
    return time.perf_counter() - start


def main(side: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        archive = write_archive(Path(scratch) / "archive", size=side, seed=0)
        settings = MapSettings.model_validate(archive.request | {"out": str(Path(scratch) / "out")})
        area = parse_area(settings.area)
        grid = grid_for(area, settings.resolution, None)
        found = search.find(settings.catalog, area, archive.time, settings.window, settings.sensors)
        acquisitions = prepare(found)
        seconds(acquisitions, grid, kept=True)  # compiles, and fills the system's cache of files
        apart, kept = (min(seconds(acquisitions, grid, k) for _ in range(3)) for k in (False, True))
    print(f"{side} px, {len(acquisitions)} acquisitions, blocks of {BLOCK_PX} px, one thread")
    for name, spent in (("opened for every block", apart), ("kept open", kept)):
        print(f"{name:24s} {side**2 / spent / 1e6:6.2f} Mpx/s   {apart / spent:5.2f} x")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2048)
