"""Each way of fusing through the whole of `map`, beside Bayes' rule and beside the bare network on the same pixels, in one run.

    python benchmarks/bench_fusion.py [SIDE_PX]

Weights are random where none come with floodfuse: speed does not depend on them.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import get_args

import torch

from floodfuse.catalogs.simulated.archive import Archive, write_archive
from floodfuse.models.networks.build import NetworkSettings, Strategy
from floodfuse.models.tile_lattice import SIDE_PX
from floodfuse.models.tiles import BATCH
from floodfuse.models.weights.files import load
from floodfuse.models.weights.shipped import shipped
from floodfuse.models.weights.untrained import write_untrained
from floodfuse.pipeline.map_area import map_area
from floodfuse.pipeline.settings import MapSettings

ENCODER, DECODER = "tu-mobilenetv3_small_050", (64, 48, 32, 24, 16)
BARE_PASSES = 5


def weights_of(strategy: Strategy, folder: Path) -> Path:
    """Those that come, or random ones."""
    come = shipped(strategy)
    if come:
        return come
    made = NetworkSettings(strategy=strategy, encoder=ENCODER, fold=2, decoder=DECODER)
    return write_untrained(folder / f"{strategy}.safetensors", made)


def mapped_seconds(archive: Archive, out: Path, **fusion: str) -> float:
    """Seconds of the blocks alone: evidence, fusion, layers written; not of searching, calibrating and publishing."""
    asked = archive.request | {"out": str(out), "reference": "none"} | fusion
    record = map_area(MapSettings.model_validate(asked))
    return record.seconds["map"]


def bare_pixels_a_second(file: Path) -> float:
    """Pixels a second of the network's forward pass over batches of tiles, each tile counted whole."""
    network, _ = load(file)
    network = network.to(memory_format=torch.channels_last)
    shape = (BATCH["cpu"], SIDE_PX, SIDE_PX)
    batch = {
        view: torch.randn(shape[0], n + 1, *shape[1:]).to(memory_format=torch.channels_last)
        for view, n in network.stacks.views.items()
    }
    fastest = float("inf")
    with torch.inference_mode():
        for _ in range(1 + BARE_PASSES):
            start = time.perf_counter()
            network(batch)
            fastest = min(fastest, time.perf_counter() - start)
    return shape[0] * shape[1] * shape[2] / fastest


def main(side: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        archive = write_archive(folder / "archive", size=side, seed=0)
        physics = mapped_seconds(archive, folder / "bayes")
        print(f"{side} px, three sensors, {torch.get_num_threads()} threads")
        print(f"{'bayes':12s} {side**2 / physics / 1e6:6.2f} Mpx/s")
        for strategy in get_args(Strategy):
            file = weights_of(strategy, folder)
            seconds = mapped_seconds(archive, folder / strategy, fusion=strategy, weights=str(file))
            bare = bare_pixels_a_second(file)
            print(
                f"{strategy:12s} {side**2 / seconds / 1e6:6.2f} Mpx/s   {seconds / physics:5.2f} of bayes' time   "
                f"{side**2 / seconds / bare:5.2f} of the bare network's {bare / 1e6:.2f} Mpx/s"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2048)
