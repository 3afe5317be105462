"""Inference as a world would teach it: class-conditional densities counted in training chips of that world.

The densities are 2-D histograms of co- and cross-polarized total power in dB, in bins of 2.5 degrees of incidence, smoothed,
with an outlier share as in `harmonize.likelihood`. They know the world's physics by heart and no physics; what they lose on
chips of another world is what an inference loses that was made for its simulator (harmonization.md 9, rule 5).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from floodfuse.catalogs.simulated.chip_radar import RadarChip
from floodfuse.catalogs.simulated.chips import Chip
from floodfuse.harmonize.classes import Decider, EvidenceClass
from floodfuse.harmonize.evidence import SENSOR_CAP_NATS
from floodfuse.harmonize.likelihood import OUTLIER_DENSITY_PER_DB, OUTLIER_SHARE
from floodfuse.harmonize.radiometry import total_power
from floodfuse.pipeline.chip_evidence import BAND, radar_of, subtracted_of

ANGLES_DEG = np.arange(28.75, 46.0, 2.5)  # middles of bins
AXIS_DB = np.arange(-38.0, 8.0 + 1e-9, 0.5)
SMOOTHING = (0.8, 0.0, 2.0, 2.0)  # bins of angle, class, and both powers
PIXEL_STEP = 3  # of the pixels taken from a training chip

Float32 = NDArray[np.float32]


class Learned(NamedTuple):
    """ln density per dB^2 of each band: (angle, class, power_a, power_b) float32."""

    c_band: Float32
    l_band: Float32


def _places(radar: RadarChip, who: Decider, step: int) -> tuple[NDArray[np.float64], ...]:
    """Places on the axes of angle and both powers of every `step`-th pixel."""
    inner = (slice(None, None, step), slice(None, None, step))
    theta = radar.incidence_deg[inner].astype(float)
    at = [(theta - ANGLES_DEG[0]) / 2.5]
    for power, noise in zip(radar.gamma0.values(), subtracted_of(radar).values(), strict=True):
        level = 10.0 * np.log10(np.maximum(total_power(power[inner], noise, theta), 1e-5))
        at.append((level - AXIS_DB[0]) / 0.5)
    return tuple(at)


def learn(chips: Iterable[Chip]) -> Learned:
    """Count training chips."""
    shape = (ANGLES_DEG.size, len(EvidenceClass), AXIS_DB.size, AXIS_DB.size)
    counts = {who: np.zeros(shape, np.float64) for who in BAND}
    for chip in chips:
        for who, count in counts.items():
            radar = radar_of(chip, who)
            places = [np.rint(p).astype(int) for p in _places(radar, who, PIXEL_STEP)]
            angle, a, b = (
                np.clip(p, 0, n - 1) for p, n in zip(places, (shape[0], shape[2], shape[3]), strict=True)
            )
            truth = radar.truth[::PIXEL_STEP, ::PIXEL_STEP]
            np.add.at(count, (angle, truth, a, b), 1.0)
    return Learned(*(_density(counts[who]) for who in BAND))


def _density(count: NDArray[np.float64]) -> Float32:
    """Smoothed and normalised; where an angle has seen too little of a class, that class at all angles."""
    smooth = gaussian_filter(count, SMOOTHING, mode="nearest")
    anywhere = smooth.sum(axis=0, keepdims=True)
    smooth = smooth + 200.0 * anywhere / np.maximum(anywhere.sum(axis=(2, 3), keepdims=True), 1.0)
    density = smooth / (np.maximum(smooth.sum(axis=(2, 3), keepdims=True), 1e-9) * 0.25)
    robust = (1.0 - OUTLIER_SHARE) * density + OUTLIER_SHARE * OUTLIER_DENSITY_PER_DB**2
    return np.asarray(np.log(robust), np.float32)


def learned_nats(radar: RadarChip, who: Decider, learned: Learned) -> Float32:
    """Evidence pixel by pixel, (y, x, class) nats, capped as in `harmonize.evidence`."""
    table = learned.c_band if who is Decider.SENTINEL1 else learned.l_band
    places = np.stack(_places(radar, who, 1))
    shape = radar.incidence_deg.shape
    nats = np.empty((*shape, len(EvidenceClass)), np.float32)
    for k in EvidenceClass:
        nats[..., k] = map_coordinates(table[:, k], places, order=1, mode="nearest")
    nats -= nats.max(axis=-1, keepdims=True)
    return np.maximum(nats, np.float32(-SENSOR_CAP_NATS))
