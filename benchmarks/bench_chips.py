"""How many training chips two processes make a second, beside the simulator of whole scenes at the same size, in one run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

# One thread a process: what a training loader gives each of its workers.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from floodfuse.catalogs.simulated import optical, radar
from floodfuse.catalogs.simulated.chips import chips
from floodfuse.catalogs.simulated.flood import make_flood
from floodfuse.catalogs.simulated.landscape import make_landscape
from floodfuse.catalogs.simulated.lattice import scene_lattice, within

SIZE = 256
PROCESSES = 2
CHIPS, SCENES = 120, 3


def make_chips(worker: int, count: int) -> float:
    """Seconds of processor time for `count` chips, half of them of each world."""
    start = time.process_time()
    for world in ("A", "B"):
        for _ in chips(worker, world, count // 2, size=SIZE):
            pass
    return time.process_time() - start


def make_scenes(worker: int, count: int) -> float:
    """The same for scenes: ground, flood, three sensors; no dry references, no files."""
    start = time.process_time()
    lattice = scene_lattice(SIZE)
    for seed in range(worker * 1000, worker * 1000 + count):
        flood = make_flood(make_landscape(lattice, seed), seed)
        radar.observe(radar.SENTINEL1, flood, -6.0, lattice, seed)
        radar.observe(radar.PALSAR2, flood, -20.0, within(lattice, 25.0), seed)
        optical.observe(flood, 30.0, seed)
    return time.process_time() - start


def rate(pool: ProcessPoolExecutor, work: Callable[[int, int], float], count: int) -> tuple[float, float]:
    """Pieces a second of wall time over all processes, and milliseconds of processor time a piece."""
    list(pool.map(work, range(PROCESSES), [2] * PROCESSES))  # compiles, and builds tables
    start = time.perf_counter()
    busy = sum(pool.map(work, range(PROCESSES), [count] * PROCESSES))
    return PROCESSES * count / (time.perf_counter() - start), 1e3 * busy / (PROCESSES * count)


def main() -> None:
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        fast, fast_ms = rate(pool, make_chips, CHIPS)
        slow, slow_ms = rate(pool, make_scenes, SCENES)
    print(
        f"synthetic {SIZE} x {SIZE}, three sensors, {PROCESSES} processes: {fast:.1f} chips/s ({fast_ms:.0f} ms of "
        f"processor each), {slow:.2f} scenes/s ({slow_ms:.0f} ms), ratio {fast / slow:.0f}"
    )


if __name__ == "__main__":
    main()
