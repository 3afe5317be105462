"""How fast the evidence of four radar channels is looked up, beside plain numpy and beside the quadrature it stands for.

Prints megapixels a second on two threads, ratios, and the largest deviations. One pixel is one place with C-VV, C-VH, L-HH and L-HV,
and gets the evidence of all classes from both bands.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from floodfuse.harmonize.classes import EvidenceClass
from floodfuse.harmonize.evidence import SENSOR_CAP_NATS, radar_evidence
from floodfuse.harmonize.joint import POWER_AXIS_DB, Floor, JointTable, ground_density, joint_table

SIDE, PLAIN_PIXELS, EXACT_PIXELS = 2048, 200_000, 20
ANGLES_DEG = (36.0, 40.0)
PASSES = (
    ((Floor("C_VV", -24.0), Floor("C_VH", -26.0)), 6.5, (0.1, 0.02)),
    ((Floor("L_HH", -28.0), Floor("L_HV", -32.0)), 24.0, (0.05, 0.01)),
)
THREADS = 2
Float32 = NDArray[np.float32]


def rate(work: Callable[[], object], pixels: int, repeats: int = 3) -> float:
    """Megapixels a second, the best of some."""
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return pixels / best / 1e6


def plain(powers: list[Float32], nesz: list[float], angle: Float32, table: JointTable) -> NDArray[np.float64]:
    """The same in numpy and scipy, double precision."""
    theta = angle.astype(float)
    db = [
        10 * np.log10(np.maximum(p + n / np.cos(np.deg2rad(theta)), 1e-6))
        for p, n in zip(powers, nesz, strict=True)
    ]
    axes = (table.incidence_deg(), POWER_AXIS_DB, POWER_AXIS_DB)
    places = [np.clip(x, a[0], a[-1]) for x, a in zip((theta, *db), axes, strict=True)]
    nats = RegularGridInterpolator(axes, table.nats()[:, :-1, :-1])(np.stack(places, axis=-1))
    return np.maximum(nats - nats.max(axis=-1, keepdims=True), -SENSOR_CAP_NATS)


def exact(floors: tuple[Floor, Floor], looks: float, angle_deg: Float32) -> None:
    """What a table saves: the densities of every class, made anew for each pixel's angle."""
    for theta in angle_deg:
        for k in list(EvidenceClass)[1:]:
            ground_density(floors, k, looks, float(theta))


def main() -> None:
    rng = np.random.default_rng(0)
    shape = (SIDE, SIDE)
    angle = np.broadcast_to(np.linspace(*ANGLES_DEG, SIDE, dtype=np.float32), shape).copy()
    ground = 10.0 ** (0.3 * rng.standard_normal(shape))
    made = []
    for floors, looks, means in PASSES:
        powers = [(m * ground * rng.gamma(looks, 1 / looks, shape)).astype(np.float32) for m in means]
        nesz = [10 ** (f.nesz_db / 10) for f in floors]
        made.append((powers, nesz, joint_table(floors, looks, incidence_range_deg=ANGLES_DEG)))

    def strip(rows: slice) -> None:
        for powers, nesz, table in made:
            radar_evidence([p[rows] for p in powers], nesz, angle[rows], table, ANGLES_DEG)

    strips = [slice(top, top + SIDE // 8) for top in range(0, SIDE, SIDE // 8)]

    def fast(threads: int) -> None:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(strip, strips))

    fast(1)
    one, two = rate(lambda: fast(1), SIDE**2), rate(lambda: fast(THREADS), SIDE**2)
    few = slice(0, PLAIN_PIXELS // SIDE)

    def slow() -> None:
        for powers, nesz, table in made:
            plain([p[few] for p in powers], nesz, angle[few], table)

    numpy_rate = rate(slow, angle[few].size, 1)

    def anew() -> None:
        for floors, looks, _ in PASSES:
            exact(floors, looks, angle[0, :EXACT_PIXELS])

    exact_rate = rate(anew, EXACT_PIXELS, 1)
    apart = max(
        float(
            np.abs(
                radar_evidence([p[few] for p in powers], nesz, angle[few], table)
                - plain([p[few] for p in powers], nesz, angle[few], table)
            ).max()
        )
        for powers, nesz, table in made
    )
    print(
        f"evidence of 4 radar channels, {len(EvidenceClass)} classes: {one:.1f} Mpx/s on one thread, {two:.1f} on {THREADS}"
    )
    print(f"  plain numpy, one thread: {numpy_rate:.2f} Mpx/s, ratio {one / numpy_rate:.0f}")
    print(f"  densities made anew for each pixel: {1e6 * exact_rate:.0f} px/s, ratio {one / exact_rate:.0f}")
    print(f"  largest difference to plain numpy in double precision: {apart:.1e} nat")


if __name__ == "__main__":
    main()
