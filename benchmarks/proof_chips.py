"""What a proof keeps of a simulated chip: a sample of pixels with their evidence, and counts over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter, uniform_filter

from benchmarks import baselines, learned_densities
from floodfuse.catalogs.simulated.chips import Chip, chip_seed, simulate_chip
from floodfuse.catalogs.simulated.flood import Mechanism
from floodfuse.harmonize.classes import FLOOD_CLASSES, FLOODED, Decider, EvidenceClass, MapClass
from floodfuse.harmonize.evidence import aggregate
from floodfuse.pipeline import chip_evidence

S1, ALOS2, S2 = Decider.SENTINEL1, Decider.ALOS2, Decider.SENTINEL2
CONFIGS: dict[str, tuple[Decider, ...]] = {
    "C": (S1,),
    "L": (ALOS2,),
    "C+L": (S1, ALOS2),
    "C+L+optical": (S1, ALOS2, S2),
}
WITH_REFERENCE = "C+L+dry reference"
FOREST = (EvidenceClass.FLOODED_FOREST, EvidenceClass.DRY_FOREST)
CELL = 8  # one pixel is sampled in each cell of this many by this many
EDGE_PX = 2  # farther than this from another class is interior
MECHANISM_CLASS = {
    "mud_flats": EvidenceClass.BARE_SOIL,
    "windy_lake": EvidenceClass.OPEN_WATER,
    "flooded_reeds": EvidenceClass.FLOODED_HERB,
    "snow_fields": EvidenceClass.BARE_SOIL,
}

Float32 = NDArray[np.float32]
Sample = dict[str, NDArray[np.generic]]


class Task(NamedTuple):
    """One chip to look at: of which world, seed and number, of which kind, and what of it is wanted."""

    world: str
    seed: int
    number: int
    size: int = 256
    kind: str = "flood"  # flood, dry, or the name of a held-out mechanism
    references: bool = False
    product: bool = True


class Record(NamedTuple):
    """What is kept of a chip.

    Attributes
    ----------
    sample : by name, arrays over the sampled pixels
    forest : map or rule -> (flooded, dry forest) x (called flooded, called dry, not told), pixels
    area : configuration -> (flooded, answered), pixels
    """

    task: Task
    sample: Sample
    forest: dict[str, NDArray[np.int64]]
    area: dict[str, tuple[int, int]]


_learned: dict[str, learned_densities.Learned] = {}


def teach(learned: dict[str, learned_densities.Learned]) -> None:
    """Give this process the densities that worlds teach; they are then among what is kept of every flooded chip."""
    _learned.update(learned)


def make(task: Task) -> Chip:
    """The chip of a task."""
    seed = chip_seed(task.seed, task.number)
    mechanisms = (task.kind,) if task.kind in MECHANISM_CLASS else ()
    return simulate_chip(seed, task.world, task.size, mechanisms, task.kind == "dry")


def examine(task: Task) -> Record:
    """Simulate a chip, weigh it, and keep what the proof needs."""
    chip = make(task)
    at = _sampled(task)
    sample: Sample = {"truth": chip.truth[at]}
    share = chip_evidence.prior_of(chip)
    radar, smooth = {}, {}
    for who in (S1, ALOS2):
        image = chip_evidence.radar_of(chip, who)
        told = chip_evidence.told_of(image, who, share)
        radar[who] = chip_evidence.radar_nats(image, who, told)
        smooth[who] = aggregate(radar[who])
    if task.kind == "flood":
        for who, name in ((S1, "c"), (ALOS2, "l")):
            truth = chip_evidence.radar_of(chip, who).truth
            sample[f"{name}_truth"], sample[f"{name}_inner"] = truth[at], _interior(truth)[at]
            sample[f"{name}_pixel"], sample[f"{name}_mean"] = radar[who][at], smooth[who][at]
        sample["bands_share"] = np.full(sample["truth"].shape, chip_evidence.bands_share(chip), np.float32)
        _learned_sample(chip, at, sample)
    if not task.product:
        return Record(task, sample, {}, {})
    if task.kind in MECHANISM_CLASS:
        work = (chip.mechanism == Mechanism[task.kind.upper()]) & (chip.truth == MECHANISM_CLASS[task.kind])
        sample["at_work"] = work[at]
    sample["p prior"] = np.exp(share[..., : len(FLOODED)]).sum(axis=-1)[at]
    answers = _answers(chip, smooth, share, task.references)
    for name, answer in answers.items():
        sample[f"p {name}"], sample[f"map {name}"] = answer.posterior.water[at], answer.map_class[at]
    forest = {name: _forest_counts(chip, answer.map_class) for name, answer in answers.items()}
    forest |= {name: _forest_counts(chip, called) for name, called in _rules(chip).items()}
    area = {name: _flood_area(answer.map_class) for name, answer in answers.items()}
    return Record(task, sample, forest, area)


def _sampled(task: Task) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """One pixel at random in each cell."""
    side = task.size // CELL
    rng = np.random.default_rng([task.seed, task.number])
    corner = CELL * np.arange(side, dtype=np.intp)
    rows = corner[:, None] + rng.integers(0, CELL, (side, side))
    columns = corner[None, :] + rng.integers(0, CELL, (side, side))
    return rows.ravel(), columns.ravel()


def _interior(truth: NDArray[np.uint8]) -> NDArray[np.bool_]:
    side = 2 * EDGE_PX + 1
    return np.asarray(minimum_filter(truth, side) == maximum_filter(truth, side))


def _learned_sample(chip: Chip, at: tuple[NDArray[np.intp], NDArray[np.intp]], sample: Sample) -> None:
    """Evidence under the densities that worlds teach, averaged as floodfuse's is, and the mean of dB values."""
    levels = []
    for who, name in ((S1, "c"), (ALOS2, "l")):
        radar = chip_evidence.radar_of(chip, who)
        for world, learned in _learned.items():
            sample[f"{name} of {world}"] = aggregate(learned_densities.learned_nats(radar, who, learned))[at]
        power = uniform_filter(next(iter(radar.gamma0.values())), 5)
        levels.append(10.0 * np.log10(np.maximum(power, 1e-4))[at])
    sample["dark"] = np.asarray(-0.5 * (levels[0] + levels[1]), np.float32)


def _answers(
    chip: Chip, smooth: dict[Decider, Float32], share: Float32, references: bool
) -> dict[str, chip_evidence.Answer]:
    """The product of every configuration; `share` is the ln prior of classes."""
    nats = smooth | {S2: chip_evidence.optical_nats(chip)}
    answers = {
        name: chip_evidence.answer(
            chip, chip_evidence.moved(chip, {who: nats[who] for who in sensors}, share), share
        )
        for name, sensors in CONFIGS.items()
    }
    if references:
        against = chip_evidence.evidence_of(chip, share, True, (S1, ALOS2))
        answers[WITH_REFERENCE] = chip_evidence.answer(chip, against, share)
    return answers


def _rules(chip: Chip) -> dict[str, NDArray[np.uint8]]:
    """Maps of the rules of others, from C band."""
    vv, vh = chip.sentinel1.gamma0["vv"], chip.sentinel1.gamma0["vh"]
    maps = chip.terrain
    threshold = baselines.threshold_water(vv, vh, maps.hand)
    dark = baselines.dark_water(vv, vh, maps.hand)
    wet_plants, and_trees = (
        baselines.inundated_vegetation(vv, vh, maps.landcover, covers)
        for covers in (baselines.WETLANDS, baselines.WITH_TREES)
    )
    return {
        "HydroSAR-like": baselines.as_map(threshold, maps.permanent_water),
        "DSWx-S1-like": baselines.as_map(dark, maps.permanent_water, wet_plants),
        "the same on trees": baselines.as_map(dark, maps.permanent_water, and_trees),
    }


def _forest_counts(chip: Chip, called: NDArray[np.uint8]) -> NDArray[np.int64]:
    counts = np.zeros((2, 3), np.int64)
    for row, k in enumerate(FOREST):
        here = called[chip.truth == k]
        wet = np.isin(here, (*FLOOD_CLASSES, MapClass.PERMANENT_WATER)).sum()
        dry = (here == MapClass.DRY_LAND).sum()
        counts[row] = wet, dry, here.size - wet - dry
    return counts


def _flood_area(called: NDArray[np.uint8]) -> tuple[int, int]:
    untold: Sequence[int] = (MapClass.EXCLUDED, MapClass.NOT_OBSERVED)
    return int(np.isin(called, FLOOD_CLASSES).sum()), int((~np.isin(called, untold)).sum())
