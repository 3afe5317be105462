"""Whether a network does better with values beside evidence: gamma0 at 38 degrees, incidence, water indices, slope.

    python -m benchmarks.values_beside_evidence CHIPS OUT [EPOCHS]

Learns `intermediate` with the settings of the weights that come, on the same chips, but for these channels, into the file OUT; a run
that was killed goes on. Then scores both on chips of world B, whose scattering physics is another. About an hour on a core. Synthetic.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from floodfuse.catalogs.datasets.chip import Chip, Views
from floodfuse.catalogs.simulated.chips import Chip as SimulatedChip
from floodfuse.harmonize.angle import gamma0_at_38
from floodfuse.harmonize.classes import Decider
from floodfuse.harmonize.incidence import REFERENCE_DEG
from floodfuse.harmonize.optical import DARKEST_REFLECTANCE, normalised_difference
from floodfuse.harmonize.radiometry import to_db
from floodfuse.models.chips import Kept
from floodfuse.models.evaluation import score_chips
from floodfuse.models.inputs import evidence
from floodfuse.models.inputs.registry import INPUTS, Inputs
from floodfuse.models.scores import Tally
from floodfuse.models.training import Training
from floodfuse.models.weights.files import load
from floodfuse.models.weights.shipped import shipped
from floodfuse.pipeline import chip_evidence
from floodfuse.pipeline.simulated_chips import SimulatedChips, simulated
from floodfuse.workflows.experiment import load_experiment

SETTINGS = Path(__file__).parents[1] / "workflows/experiments/simulated-intermediate.yaml"
JUDGES = ("valley", "mixed")  # lands of the chips B-202-48
SENSORS = ("c", "l", "optical")
SUBSETS = (SENSORS, ("c", "l"), *((sensor,) for sensor in SENSORS))
PRECISION = 0.7
SLOPE_DB_DEG = -0.05  # of gamma0 of low plants (docs/physics.md, section 4); the angle is told besides
RADAR_MIDDLE_DB, RADAR_SCALE_DB = (-12.0, -18.0), 7.0  # co- and cross-polarization
FLOOR, FURTHEST = 1e-4, 4.0
ANGLE_SCALE_DEG, GROUND_SCALE_DEG = 8.0, 10.0
JITTER_SD = 0.07  # 0.5 dB

VALUES = {"c/now": 3, "l/now": 3, "optical/now": 2, evidence.GROUND: 1}
Float32 = NDArray[np.float32]


class WithValues:
    """Inputs: those of `evidence`, and after them values."""

    FINGERPRINT = "trial: evidence, then dB at 38 deg of both polarizations and the angle; NDWI, MNDWI; slope"
    CHANNELS: Mapping[str, int] = {view: n + VALUES[view] for view, n in evidence.CHANNELS.items()}
    prepare = staticmethod(evidence.prepare)

    @staticmethod
    def vary(view: str, values: NDArray[np.generic], rng: np.random.Generator) -> Float32:
        """Evidence as it varies, and radar off by what its calibration may be; unknown ground has no slope."""
        own = evidence.CHANNELS[view]
        varied = evidence.vary(view, values[:own], rng)
        beside = np.array(values[own:], np.float32)
        if view in ("c/now", "l/now"):
            beside[:2] += rng.normal(0.0, JITTER_SD, (2, 1, 1)).astype(np.float32)
        if view == evidence.GROUND and not varied[evidence.HAND_KNOWN].any():
            beside[:] = 0.0
        return np.concatenate([varied, beside])


class ChipsWithValues(SimulatedChips):
    """Simulated chips, with values beside their evidence."""

    inputs = "values"

    def read(self, chip: str) -> Chip:
        """A chip by its number; its values are simulated anew."""
        kept = super().read(chip)
        made = simulated(self.world, self.seed, self.land, int(chip))
        views: Views = {}
        for view, (values, seen) in kept.views.items():
            beside = np.where(seen, _values(made, view), 0.0)
            views[view] = np.concatenate([values, beside.astype(np.float16)]), seen
        return Chip(kept.name, kept.event, views, kept.truth, kept.cover)


def _values(chip: SimulatedChip, view: str) -> NDArray[np.floating]:
    """Of one view, (channel, y, x), of order one."""
    if view == evidence.GROUND:
        return np.nan_to_num(np.asarray(chip.terrain.slope, np.float32))[None] / GROUND_SCALE_DEG
    who = next(who for who, name in evidence.VIEW_OF.items() if name == view)
    if who is Decider.SENTINEL2:
        green, nir, swir = (
            np.maximum(chip.sentinel2.reflectance[band], DARKEST_REFLECTANCE)
            for band in ("green", "nir", "swir")
        )
        return np.stack([normalised_difference(green, nir), normalised_difference(green, swir)])
    radar = chip_evidence.radar_of(chip, who)
    decibels = [
        (to_db(np.maximum(gamma0_at_38(power, radar.incidence_deg, SLOPE_DB_DEG), FLOOR)) - middle)
        / RADAR_SCALE_DB
        for power, middle in zip(radar.gamma0.values(), RADAR_MIDDLE_DB, strict=True)
    ]
    angle = (radar.incidence_deg - REFERENCE_DEG) / ANGLE_SCALE_DEG
    return np.clip(np.stack([*decibels, angle]), -FURTHEST, FURTHEST)


def main() -> None:
    root, out = Path(sys.argv[1]), Path(sys.argv[2])
    INPUTS["values"] = cast(Inputs, WithValues())
    asked = load_experiment(SETTINGS, {"epochs": int(sys.argv[3])} if len(sys.argv) > 3 else {})
    world, seed, count, land = asked.split.split("-")
    if not out.exists() or out.with_name(f"{out.name}.state").exists():
        learned_from = ChipsWithValues(root, world, int(seed), int(count), land)
        learned_from.make_all(os.cpu_count() or 1)
        command = f"python -m benchmarks.values_beside_evidence {root.name} {out.name}"
        Training(asked.training, learned_from, out, asked.licence, command).run(lambda *_: None)
    comes = shipped("intermediate")
    assert comes is not None
    print(
        "world B          inputs       sensors        flood, IoU   vegetation: recall at precision 0.7     ECE"
    )
    for land in JUDGES:
        for file, of, name in ((comes, SimulatedChips, "evidence"), (out, ChipsWithValues, "values too")):
            source, network = Kept(of(root, "B", 202, 48, land)), load(file)[0]
            for subset in SUBSETS:
                without = tuple(sensor for sensor in SENSORS if sensor not in subset)
                tally = Tally(source.classes, source.flooded, source.groups)
                inputs = INPUTS[source.inputs]
                found = score_chips(network, source, source.chips, inputs, without, turns=False, tally=tally)
                recall = tally.recall_at(PRECISION)["flooded_vegetation"]
                print(
                    f"{source.split:16s} {name:12s} {'+'.join(subset):14s} {found.iou_flood:10.3f} {recall:38.3f} {found.ece:7.3f}"
                )


if __name__ == "__main__":
    main()
