"""Peak memory and speed of `floodfuse map` at growing sizes: memory must not grow with the area.

Each size is simulated, then mapped by the real program in a process of its own, whose peak resident size is read.
    python benchmarks/bench_memory.py [SIZE …] [--fusion WAY]      default 2048 4096, bayes
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = Path(sys.executable).parent / "floodfuse"


def peak_of_child(command: list[str]) -> tuple[float, dict[str, object]]:
    """Peak resident memory [MiB] of a child, and what it printed as JSON."""
    wrapper = (
        "import resource, subprocess, sys\n"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, check=True)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
        "sys.stdout.write(done.stdout.decode())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", wrapper, *command], stdout=subprocess.PIPE, check=True, text=True
    )
    first, _, rest = done.stdout.partition("\n")
    return int(first) / 1024, json.loads(rest)


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("sizes", type=int, nargs="*", default=[2048, 4096])
    asked.add_argument("--fusion", default="bayes")
    given = asked.parse_args()
    peaks = []
    for size in given.sizes:
        with tempfile.TemporaryDirectory() as folder:
            archive, out = Path(folder, "archive"), Path(folder, "out")
            subprocess.run(
                [PROGRAM, "catalog", "simulate", archive, "--size", str(size)], check=True, stdout=sys.stderr
            )
            command = [
                str(PROGRAM),
                "map",
                str(archive / "aoi.geojson"),
                "--catalog",
                str(archive),
                "--out",
                str(out),
                "--fusion",
                given.fusion,
                "--json",
            ]
            peak, record = peak_of_child(command)
            peaks.append(peak)
            seconds = record["seconds"]
            assert isinstance(seconds, dict)
            rate = size * size / 1e6 / sum(seconds.values())
            print(
                f"{given.fusion}, three sensors, {size} x {size}: peak {peak:.0f} MiB, {rate:.2f} Mpx/s {seconds}",
                flush=True,
            )
    print(f"peak of the largest over the smallest: {max(peaks) / min(peaks):.2f}")


if __name__ == "__main__":
    main()
