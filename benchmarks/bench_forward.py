"""A network's forward pass over tiles of a map on the CPU: as it is, in bfloat16, and compiled by torch, in one run.

    python benchmarks/bench_forward.py [STRATEGY]      default intermediate

Compiling pays where a run saves more seconds than it takes to compile: that many megapixels are printed.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from math import prod

os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"  # a cluster's fresh node has compiled nothing before

import torch

from floodfuse.models.tile_lattice import SIDE_PX
from floodfuse.models.tiles import BATCH
from floodfuse.models.weights.files import load
from floodfuse.models.weights.shipped import shipped

PASSES = 5


def fastest(forward: Callable[[], object]) -> float:
    """Seconds of the fastest of some passes."""
    seconds = []
    for _ in range(PASSES):
        start = time.perf_counter()
        forward()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


@torch.inference_mode()
def main(strategy: str) -> None:
    file = shipped(strategy)
    if file is None:
        raise SystemExit(f"no weights come for '{strategy}'")
    network, _ = load(file)
    network = network.to(memory_format=torch.channels_last)
    shape = (BATCH["cpu"], SIDE_PX, SIDE_PX)
    batch = {
        view: torch.randn(shape[0], n + 1, *shape[1:]).to(memory_format=torch.channels_last)
        for view, n in network.stacks.views.items()
    }
    megapixels = prod(shape) / 1e6
    network(batch)
    plain = fastest(lambda: network(batch))
    with torch.autocast("cpu", torch.bfloat16):
        network(batch)
        halved = fastest(lambda: network(batch))
    start = time.perf_counter()
    compiled = torch.compile(network)
    compiled(batch)
    spent = time.perf_counter() - start
    fused = fastest(lambda: compiled(batch))
    saved = (plain - fused) / megapixels
    print(
        f"{strategy}, tiles of {SIDE_PX} px, {shape[0]} to a pass, {torch.get_num_threads()} threads: {megapixels / plain:.2f} Mpx/s"
    )
    print(f"in bfloat16           {plain / halved:5.2f} x")
    print(f"compiled              {plain / fused:5.2f} x, after {spent:.0f} s of compiling")
    print(f"compiling pays beyond {spent / saved:.0f} Mpx" if saved > 0 else "compiling never pays")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "intermediate")
