"""Whether probabilities of a mapped scene are true: share of flooded pixels by probability, and by how much the log-odds are off.

    python benchmarks/scene_reliability.py demo

after `make demo`. SYNTHETIC. Permanent water and pixels without a probability are left out. The offset [nats] is what has to be added to
every log-odds for the mean probability to be the share of floods.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit

from floodfuse.harmonize.classes import FLOOD_CLASSES, MapClass

EDGES = np.linspace(0.0, 1.0, 6)


def offset_nats(odds: NDArray[np.float64], share: float) -> float:
    """What every log-odds lacks for the mean probability to be this share."""
    return float(brentq(lambda b: expit(odds + b).mean() - share, -5.0, 5.0))


def main() -> None:
    demo = Path(sys.argv[1] if len(sys.argv) > 1 else "demo")
    for name in ("flood", "flood-without-alos2"):
        with (
            rasterio.open(demo / name / "probability.tif") as product,
            rasterio.open(demo / "archive" / "truth.tif") as true,
        ):
            p = product.read(1).astype(float)
            window = true.window(*product.bounds).round_offsets().round_lengths()
            truth = true.read(1, window=window)
        told = np.isfinite(p) & (truth != MapClass.PERMANENT_WATER)
        flooded = np.isin(truth, [int(k) for k in FLOOD_CLASSES])[told]
        odds = logit(np.clip(p[told], 1e-4, 1.0 - 1e-4))
        offset = offset_nats(odds, float(flooded.mean()))
        print(
            f"SYNTHETIC {name}: mean probability {p[told].mean():.3f}, flooded {flooded.mean():.3f}, offset {offset:+.2f} nat"
        )
        for low, high in pairwise(EDGES):
            here = (p[told] >= low) & (p[told] < high)
            print(f"  {low:.1f} to {high:.1f}: {flooded[here].mean():.3f} flooded of {here.sum()} pixels")


if __name__ == "__main__":
    main()
