"""Simulated chips as training and evaluation take them: evidence of each sensor by the steps of the product, and the truth.

A chip is made when it is first asked for and kept on disk, for its evidence takes longer than a step of training. Every
tenth is a dry one, where there is no flood to find; a quarter of the chips is held against dry references. Synthetic.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from floodfuse.catalogs.datasets.chip import Chip, Views
from floodfuse.catalogs.simulated.chip_lands import Land
from floodfuse.catalogs.simulated.chips import Chip as SimulatedChip
from floodfuse.catalogs.simulated.chips import chip_seed, simulate_chip
from floodfuse.harmonize.classes import EVIDENCE_NAMES, FLOODED, PLANTS_IN_WATER
from floodfuse.models.inputs import evidence as inputs
from floodfuse.models.whole_file import write_whole
from floodfuse.pipeline import chip_evidence
from floodfuse.pipeline.ground import permanent_water
from floodfuse.pipeline.measured import Parts
from floodfuse.pipeline.weigh import days_of

SIDE_PX = 256
DRY_EVERY, REFERENCE_EVERY = 10, 4
_FORMAT = 7  # of the files kept; another one is made anew


class SimulatedChips:
    """Chips of a world, each an event of its own.

    Parameters
    ----------
    root : folder in which they are kept
    world : whose scattering physics makes them, "A" or "B"
    seed, count : which set of chips, and how many
    land : in which country they lie, of `simulated.chips.LANDS`
    """

    name = "simulated"
    views = tuple(inputs.CHANNELS)
    inputs = "evidence"
    classes = EVIDENCE_NAMES
    flooded = tuple(int(k) for k in FLOODED)
    events: Mapping[str, str] = MappingProxyType({})
    groups: Mapping[str, tuple[int, ...]] = MappingProxyType({"flooded_vegetation": PLANTS_IN_WATER})

    def __init__(self, root: Path, world: str, seed: int, count: int, land: str = Land.VALLEY) -> None:
        elsewhere = "" if land == Land.VALLEY else f"-{land}"
        self.root = root / f"{world}-{seed}-{SIDE_PX}-{_FORMAT}{elsewhere}"
        self.world, self.seed, self.land = world, seed, land
        self.split = f"{world}-{seed}-{count}{elsewhere}"
        self.chips: Sequence[str] = tuple(f"{number:05d}" for number in range(count))

    def read(self, chip: str) -> Chip:
        """A chip by its number, made where it is not kept yet."""
        file = self.root / f"{chip}.npz"
        if not file.is_file():
            make(self.root, self.world, self.seed, self.land, int(chip))
        with np.load(file) as kept:
            views: Views = {
                view: (kept[view], kept[f"{view} seen"]) for view in inputs.CHANNELS if view in kept
            }
            return Chip(chip, chip, views, kept["truth"], kept["cover"])

    def make_all(self, processes: int) -> None:
        """Make all that are not kept yet."""
        missing = [int(chip) for chip in self.chips if not (self.root / f"{chip}.npz").is_file()]
        if missing:
            with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
                made = partial(make, self.root, self.world, self.seed, self.land)
                list(pool.map(made, missing, chunksize=4))


def simulated(world: str, seed: int, land: str, number: int) -> SimulatedChip:
    """A chip of a set as the simulator makes it; every tenth is dry."""
    dry = number % DRY_EVERY == DRY_EVERY - 1
    return simulate_chip(chip_seed(seed, number), world, SIDE_PX, dry=dry, land=land)


def make(root: Path, world: str, seed: int, land: str, number: int) -> None:
    """Simulate a chip, weigh it, and keep it; the file appears whole or not at all."""
    chip = simulated(world, seed, land, number)
    share, against_dry = chip_evidence.prior_of(chip), number % REFERENCE_EVERY == 0
    evidence = chip_evidence.evidence_of(chip, share, against_dry)
    kept: dict[str, NDArray[np.generic]] = {"truth": chip.truth, "cover": chip.terrain.landcover}
    for who, view in inputs.VIEW_OF.items():
        said = evidence[who]
        seen = np.isfinite(said.nats[..., 0])
        values = np.where(seen, inputs.stack_evidence(said.unpooled, days_of(said)), np.float32(0.0))
        kept[view], kept[f"{view} seen"] = values.astype(np.float16), seen
        kept |= _parts(view, chip_evidence.measured_of(chip, who, against_dry), seen)
    always = permanent_water(chip_evidence.terrain_of(chip))
    ground = inputs.stack_ground(share, chip.terrain.hand, always)
    kept[inputs.GROUND], kept[f"{inputs.GROUND} seen"] = (
        ground.astype(np.float16),
        np.ones(share.shape[:2], bool),
    )
    kept |= _parts(inputs.GROUND, {"slope": chip.terrain.slope[None]}, np.True_)
    packed = io.BytesIO()
    np.savez(packed, **kept)  # type: ignore[arg-type]
    write_whole(root / f"{number:05d}.npz", packed.getvalue())


def _parts(view: str, parts: Parts, seen: NDArray[np.bool_] | np.bool_) -> dict[str, NDArray[np.generic]]:
    """What was measured, and where, as a file keeps it."""
    kept: dict[str, NDArray[np.generic]] = {}
    for name, values in parts.items():
        known: NDArray[np.bool_] = np.asarray(seen & np.isfinite(values).all(axis=0))
        kept[f"{view}:{name}"] = np.where(known, values, np.float32(0.0)).astype(np.float16)
        kept[f"{view}:{name} seen"] = known
    return kept
