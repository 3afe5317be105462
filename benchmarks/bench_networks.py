"""How long a training step of each fusion network takes, folded and not, and beside early fusion, in one run."""

from __future__ import annotations

import time
from typing import Literal, get_args

import torch

from floodfuse.models.inputs import stretched
from floodfuse.models.losses import fusion_loss
from floodfuse.models.networks.build import NetworkSettings, Strategy, build

CHIPS, SIDE, STEPS = 8, 192, 4
FOLDS: tuple[Literal[1, 2], ...] = (1, 2)


def step_seconds(strategy: Strategy, fold: Literal[1, 2]) -> float:
    """Fastest of some steps, forward and backward, with the default encoder; the first one warms up."""
    network = build(NetworkSettings(strategy=strategy, fold=fold), dict(stretched.CHANNELS), 2)
    network.to(memory_format=torch.channels_last)
    batch = {view: torch.randn(CHIPS, n + 1, SIDE, SIDE) for view, n in stretched.CHANNELS.items()}
    truth = torch.randint(0, 2, (CHIPS, SIDE, SIDE))
    fastest = float("inf")
    for _ in range(1 + STEPS):
        start = time.perf_counter()
        fusion_loss(network(batch), truth).backward()  # type: ignore[no-untyped-call]
        fastest = min(fastest, time.perf_counter() - start)
    return fastest


def main() -> None:
    print(f"training step, {CHIPS} chips of {SIDE} px, {torch.get_num_threads()} threads")
    base = None
    for strategy in get_args(Strategy):
        if strategy == "graybox":  # takes evidence, not pictures
            continue
        plain, folded = (step_seconds(strategy, fold) for fold in FOLDS)
        base = base or folded
        print(
            f"{strategy:12s}  fold 1: {plain:5.2f} s   fold 2: {folded:5.2f} s   {plain / folded:4.1f} times as fast"
            f"   {folded / base:4.1f} of early fusion's time"
        )


if __name__ == "__main__":
    main()
