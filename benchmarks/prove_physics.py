"""What the physics of harmonization can show on chips of a simulator whose physics is another: tables, JSON and figures.

python -m benchmarks.prove_physics [--chips N] [--seed S] [--out FOLDER] [--figures]

Everything it prints is synthetic (harmonization.md 9, rule 6). `--figures` draws docs/images/proof_*.png as well.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

# Chips are shared out between processes, so that threads of a library would only get in each other's way.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np
from numpy.typing import NDArray

from benchmarks import learned_densities
from benchmarks.proof_chips import MECHANISM_CLASS, Record, Task, examine, teach
from benchmarks.proof_judgement import (
    all_dry,
    class_pairs,
    flooded_forest,
    held_out,
    posteriors,
    same_meaning,
    swap_matrix,
)
from benchmarks.proof_statistics import Curve
from floodfuse.catalogs.simulated.chips import chips

PROCESSES = 2

Float = NDArray[np.float64]


class Sizes(NamedTuple):
    """How many chips of each kind, of how many pixels a side, and from which seed."""

    flood: int
    swap: int
    dry: int
    mechanism: int
    learn: int
    side: int = 256
    seed: int = 11


def sizes(count: int, seed: int, side: int = 256) -> Sizes:
    """Chips of each kind for `count` flooded chips of world B."""

    def part(share: float) -> int:
        return max(2, round(share * count))

    return Sizes(count, part(0.5), part(0.3), part(0.25), max(12, part(1.25)), side, seed)


class Proof(NamedTuple):
    """Results: tables as plain data, and what figures need besides.

    Attributes
    ----------
    tables : by name, to be printed and written as JSON
    curves : reliability by name of the evidence and band
    risk : coverage and error by name
    """

    tables: dict[str, Any]
    curves: dict[str, Curve]
    risk: dict[str, tuple[Float, Float]]


def run(size: Sizes, tell: Callable[[str], None] = print, processes: int = PROCESSES) -> Proof:
    """Simulate, weigh and judge."""
    learned = {}
    for world in ("A", "B"):
        training = chips(size.seed + 1000, world, size.learn, size=size.side)
        learned[world] = learned_densities.learn(training)
    tell(f"learned the densities of both worlds from {size.learn} chips each")
    tasks = _tasks(size)
    start = time.perf_counter()
    if processes == 1:
        teach(learned)
        records = [examine(task) for task in tasks]
    else:
        context = get_context("spawn")
        with ProcessPoolExecutor(processes, context, teach, (learned,)) as pool:
            records = list(pool.map(examine, tasks, chunksize=2))
    tell(f"{len(records)} chips in {time.perf_counter() - start:.0f} s")
    return judge(records)


def _tasks(size: Sizes) -> list[Task]:
    made = [Task("B", size.seed, n, size.side, references=True) for n in range(size.flood)]
    made += [Task("A", size.seed, n, size.side, product=False) for n in range(size.swap)]
    made += [
        Task(world, size.seed + 1, n, size.side, "dry", references=True)
        for world in "AB"
        for n in range(size.dry)
    ]
    made += [
        Task("B", size.seed + 3, n, size.side, kind)
        for kind in MECHANISM_CLASS
        for n in range(size.mechanism)
    ]
    return made


def judge(records: Sequence[Record]) -> Proof:
    """All tables from the chips."""

    def those(kind: str, world: str) -> list[Record]:
        return [r for r in records if r.task.kind == kind and r.task.world == world]

    flood = those("flood", "B")
    meaning, curves = same_meaning(flood)
    mechanisms, risk = held_out(records)
    tables = {
        "synthetic": True,
        "same_meaning": meaning,
        "class_pairs": class_pairs(flood),
        "posterior": posteriors(flood),
        "swap_matrix": swap_matrix({"A": those("flood", "A"), "B": flood}),
        "flooded_forest": flooded_forest(flood),
        "all_dry": {world: all_dry(those("dry", world)) for world in "AB"},
        "held_out": mechanisms,
    }
    return Proof(tables, curves, risk)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--chips", type=int, default=80, help="flooded chips of world B; others in proportion"
    )
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--out", type=Path, default=Path("proof"))
    parser.add_argument("--figures", action="store_true", help="draw docs/images/proof_*.png as well")
    asked = parser.parse_args()
    from benchmarks import proof_figures, proof_tables

    start = time.perf_counter()
    proof = run(sizes(asked.chips, asked.seed))
    asked.out.mkdir(parents=True, exist_ok=True)
    told = {"seed": asked.seed, "chips": asked.chips} | proof.tables
    (asked.out / "proof.json").write_text(json.dumps(told, indent=1))
    proof_figures.draw(proof, asked.out)
    if asked.figures:
        proof_figures.draw(proof, proof_figures.IMAGES)
    print(proof_tables.text(proof.tables))
    print(f"\nSYNTHETIC. {time.perf_counter() - start:.0f} s; {asked.out}/proof.json and proof_*.png")


if __name__ == "__main__":
    main()
