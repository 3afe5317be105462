"""What it is worth to a network to see more ground at once: simulated scenes, mapped by tiles of several sides, against their truth.

    python benchmarks/tile_sides.py [STRATEGY ...]

Three scenes of the world that no network learned from, each as wide as two tiles of the widest side; networks whose weights come where none is
named. Steps from tile to tile are shorter by the same rim and overlap, whatever the side. Synthetic.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import get_args
from unittest.mock import patch

import numpy as np

from floodfuse.catalogs.simulated.archive import write_archive
from floodfuse.models import tile_lattice
from floodfuse.models.networks.build import Strategy
from floodfuse.pipeline.map_area import map_area
from floodfuse.pipeline.score import score
from floodfuse.pipeline.settings import MapSettings

SCENE_PX, SEEDS = 1024, (2, 3, 5)
SIDES_PX = (256, 384, 512)  # no wider than what maps read around an area
LAPPED_PX = tile_lattice.SIDE_PX - tile_lattice.STEP_PX
TOLD = ("open_water_iou", "vegetation_recall", "vegetation_precision", "false_flood", "answered")


def main(strategies: list[str]) -> None:
    print(f"{len(SEEDS)} scenes of {SCENE_PX} px, their mean")
    print(
        "              side   open water, IoU   flooded plants: recall   precision   dry land called flooded   answered"
    )
    with tempfile.TemporaryDirectory() as scratch:
        archives = [write_archive(Path(scratch, f"scene{seed}"), SCENE_PX, seed) for seed in SEEDS]
        for strategy in strategies:
            for side in SIDES_PX:
                rows = []
                with patch.multiple(tile_lattice, SIDE_PX=side, STEP_PX=side - LAPPED_PX):
                    for archive in archives:
                        out = Path(scratch, "product")
                        asked = archive.request | {"out": str(out), "overwrite": True, "fusion": strategy}
                        map_area(MapSettings.model_validate(asked))
                        found = score(out, archive.truth)
                        rows.append([getattr(found, name) for name in TOLD])
                iou, recall, precision, false, answered = np.mean(np.array(rows, float), axis=0)
                print(
                    f"{strategy:12s} {side:5d}   {iou:15.3f}   {recall:22.3f}   {precision:9.3f}   {false:23.4f}   {answered:8.3f}",
                    flush=True,
                )


if __name__ == "__main__":
    main(sys.argv[1:] or list(get_args(Strategy)))
