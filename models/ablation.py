"""What can go wrong with the images of a chip: the conditions a network is judged under, and what they leave of its views.

    subset           only some of the observing sensors are at hand
    cloud            a share of the optical pixels is hidden; what is hidden at 30 % is hidden at 40 %
    misregistration  a radar lies some pixels off the other sensors and the truth
    noise            evidence is mistaken, or a radar's image speckled
    age              a sensor passed some days further away in time (evidence only)

The ground is known and observes nothing: it is always at hand. Whatever is drawn at random follows from the name of the chip,
so that all networks are judged by the same clouds, and larger amounts are more of the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, Literal, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import shift

from floodfuse.harmonize.decay import decay_evidence, half_life_days, persistence
from floodfuse.models.chips import LabelledChip
from floodfuse.models.inputs import measured
from floodfuse.models.inputs.evidence import CLASSES, DAYS, GROUND, HAND, HAND_KNOWN, HAND_SCALE_M
from floodfuse.models.smooth_noise import smooth_noise
from floodfuse.models.view_names import image_of, sensor_of

Test = Literal["subset", "cloud", "misregistration", "noise", "age"]
Image = tuple[NDArray[np.generic], NDArray[np.bool_]]
Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

OPTICAL = ("optical", "s2")
CLOUD_PERCENT = tuple(10.0 * tenths for tenths in range(11))
SHIFT_PX = (0.0, 0.5, 1.0, 2.0, 4.0)
AGE_DAYS = (0.0, 1.0, 3.0, 7.0)
NOISE = {  # by inputs
    "evidence": (0.0, 0.5, 1.0, 2.0),
    "stretched": (0.0, 5.0, 10.0, 20.0),
    "backscatter": (0.0, 1.0, 2.0, 4.0),
}
UNITS: dict[Test, str] = {"subset": "", "cloud": "%", "misregistration": "px", "age": "d"}
NOISE_UNITS = {"evidence": "nats", "stretched": "% of full scale", "backscatter": "dB"}

_WAYS = ((0, 1), (1, 0), (0, -1), (-1, 0))  # (y, x) in which a picture may lie off
_CLOUD_CELLS = (
    3,
    6,
    12,
    24,
)  # to a side, from banks of cloud to their frayed edges, each half as strong as the last
_ALL_SEEN = 1.0 - 1e-6  # share of weights, which are sums of rounded numbers
_FULL = 255.0  # of pictures
_OF_SCALE_A_NAT = 1.0 / 7.0  # what is measured is as far off as evidence: 1 dB where that is by 1 nat


class Condition(NamedTuple):
    """What a network is given.

    Attributes
    ----------
    test : what goes wrong
    subset : the observing sensors that are at hand
    sensor : the one of them whose views are degraded; "" where none is
    amount : how far, in the unit of the test; 0 is not at all
    """

    test: Test
    subset: tuple[str, ...]
    sensor: str = ""
    amount: float = 0.0

    def simplest(self) -> Condition:
        """The subset of sensors that is the same input, where there is one; else the condition as it is."""
        hidden = self.test == "cloud" and self.sensor in self.subset and self.amount >= CLOUD_PERCENT[-1]
        if hidden and len(self.subset) > 1:
            return Condition("subset", tuple(sensor for sensor in self.subset if sensor != self.sensor))
        if self.amount == 0.0 or self.sensor not in self.subset:
            return Condition("subset", self.subset)
        return self


def observing(views: Iterable[str]) -> tuple[str, ...]:
    """Sensors of views in alphabetical order, without the ground."""
    return tuple(sorted({sensor_of(view) for view in views} - {sensor_of(GROUND)}))


def conditions(sensors: Sequence[str], inputs: str) -> list[Condition]:
    """All conditions of a set of observing sensors, in the order of a table.

    Clouds are drawn over every subset, so that what is left can be held against the best single sensor; all else happens to
    one sensor while all are at hand.
    """
    whole = tuple(sensors)
    subsets = [part for size in range(1, len(whole) + 1) for part in combinations(whole, size)]
    radars = [sensor for sensor in whole if sensor not in OPTICAL]
    noisy = whole if inputs == "evidence" else radars
    found = [Condition("subset", part) for part in subsets]
    for sensor in (sensor for sensor in whole if sensor in OPTICAL):
        found += [Condition("cloud", part, sensor, percent) for part in subsets for percent in CLOUD_PERCENT]
    found += [Condition("misregistration", whole, sensor, px) for sensor in radars for px in SHIFT_PX]
    found += [Condition("noise", whole, sensor, sd) for sensor in noisy for sd in NOISE.get(inputs, ())]
    if inputs == "evidence":
        found += [Condition("age", whole, sensor, days) for sensor in whole for days in AGE_DAYS]
    return found


def unit_of(test: Test, inputs: str) -> str:
    """Unit of a test's amounts."""
    return NOISE_UNITS[inputs] if test == "noise" else UNITS[test]


def degraded(chip: LabelledChip, condition: Condition, inputs: str) -> dict[str, Image]:
    """What a condition leaves of a chip's views; those that it leaves alone are the chip's own objects."""
    left = (*condition.subset, sensor_of(GROUND))
    views = {name: view for name, view in chip.views.items() if sensor_of(name) in left}
    for name in views:
        if sensor_of(name) == condition.sensor and condition.amount > 0.0:
            views[name] = _changed(chip, name, condition, inputs)
    return views


def _changed(chip: LabelledChip, name: str, condition: Condition, inputs: str) -> Image:
    values, seen = chip.views[name]
    amount = condition.amount
    if condition.test == "cloud":
        return clouded(values, seen, amount, _drawn(chip.name, "cloud", image_of(name)))
    if condition.test == "misregistration":  # both dates of a sensor lie off alike
        y, x = _WAYS[_drawn(chip.name, "misregistration", condition.sensor).integers(len(_WAYS))]
        return moved(values, seen, (amount * y, amount * x))
    if condition.test == "age":
        if name in measured.PARTS:  # the day it was measured on is told beside it
            return np.where(seen, values, np.zeros((), values.dtype)), seen
        return older(values, seen, amount, half_life_of(chip.views))
    rng = _drawn(chip.name, "noise", name)
    if name in measured.PARTS:
        return shaken(values, seen, amount * _OF_SCALE_A_NAT * measured.PARTS[name].scale[0], rng)
    if inputs == "evidence":
        return mistaken(values, seen, amount, rng)
    return speckled(values, seen, amount, rng, picture=inputs == "stretched")


def _drawn(*what: str) -> np.random.Generator:
    """Random numbers that are the same whenever they are drawn for the same thing."""
    return np.random.default_rng(crc32("\n".join(what).encode()))


def clouded(values: NDArray[Any], seen: Bool, percent: float, rng: np.random.Generator) -> Image:
    """An image with this share of its pixels hidden, besides those that it never saw."""
    clear = seen & ~cloud(seen.shape, percent, rng)
    return np.where(clear, values, np.zeros((), values.dtype)), clear


def cloud(shape: tuple[int, ...], percent: float, rng: np.random.Generator) -> Bool:
    """Cloud-shaped pieces over this share of a picture, to the pixel; more cloud grows from where there was some."""
    field = np.zeros(shape, np.float32)
    for octave, cells in enumerate(_CLOUD_CELLS):
        field += smooth_noise(rng, shape, cells) / np.float32(2.0**octave)
    rank = np.empty(field.size, np.int64)
    rank[np.argsort(field, axis=None)] = np.arange(field.size)
    return rank.reshape(shape) < round(field.size * percent / 100.0)


def moved(values: NDArray[Any], seen: Bool, by_px: tuple[float, float]) -> Image:
    """An image moved by (y, x) pixels, between pixels linearly; seen only where all that it is made of was seen."""
    known = np.where(seen, np.asarray(values, np.float32), np.float32(0.0))
    bands = np.stack([shift(band, by_px, order=1, mode="constant", prefilter=False) for band in known])
    share = shift(seen.astype(np.float64), by_px, order=1, mode="constant", prefilter=False)
    all_seen = share > _ALL_SEEN
    return np.where(all_seen, bands, np.float32(0.0)), all_seen


def mistaken(values: NDArray[Any], seen: Bool, sd_nats: float, rng: np.random.Generator) -> Image:
    """Evidence of every class off by a normal error of this spread.

    Half of its variance is one offset a class, as where ground and water are not at the levels that the densities have
    (moisture, calibration); half is anew in every pixel, as of texture and speckle beyond what is known of them.
    """
    shared, own = rng.normal(size=(CLASSES, 1, 1)), rng.normal(size=(CLASSES, *seen.shape))
    off = np.asarray(values, np.float32).copy()
    off[:CLASSES] += (sd_nats * np.sqrt(0.5) * (shared + own)).astype(np.float32)
    return np.where(seen, off, np.float32(0.0)), seen


def shaken(values: NDArray[Any], seen: Bool, sd: float, rng: np.random.Generator) -> Image:
    """What was measured off as evidence is in `mistaken`, in its own unit: half of the variance one offset, half anew in every pixel."""
    off = np.asarray(values, np.float32).copy()
    off[0] += (sd * np.sqrt(0.5) * (rng.normal() + rng.normal(size=seen.shape))).astype(np.float32)
    return np.where(seen, off, np.float32(0.0)), seen


def speckled(
    values: NDArray[Any], seen: Bool, amount: float, rng: np.random.Generator, picture: bool
) -> Image:
    """A radar image with normal noise in every pixel, as speckle is on levels in dB.

    Parameters
    ----------
    amount : spread of the noise, in dB; of a picture, whose 8-bit levels are taken for those of dB, in percent of full scale
    """
    grain = rng.normal(size=values.shape).astype(np.float32) * np.float32(
        amount / 100.0 * _FULL if picture else amount
    )
    noisy = np.asarray(values, np.float32) + grain
    return np.where(seen, np.clip(noisy, 0.0, _FULL) if picture else noisy, np.float32(0.0)), seen


def older(values: NDArray[Any], seen: Bool, days: float, half_life: ArrayLike) -> Image:
    """Evidence of an image that lies this many days further away in time, and its age.

    What it says of land cover stays, what it says of wet or dry fades, as in `harmonize.decay`. Its level stays too, so that
    days add up: exactly for water, forest and town.
    """
    nats = np.moveaxis(np.where(seen, np.asarray(values[:CLASSES], np.float32), np.float32(0.0)), 0, -1)
    level = nats.max(axis=-1, keepdims=True)  # which decay takes away
    faded = np.moveaxis(decay_evidence(nats, persistence(days, half_life)) + level, -1, 0)
    when = np.asarray(values[DAYS], np.float32)
    age = np.where(when < 0.0, -1.0, 1.0) * np.log1p(np.expm1(np.abs(when)) + np.float32(days))
    return np.where(seen, np.concatenate([faded, age[None]]), np.float32(0.0)).astype(np.float32), seen


def half_life_of(views: Mapping[str, Image]) -> NDArray[np.floating]:
    """Half-life of a flood in days, from height above drainage where the ground's view knows it."""
    if GROUND not in views:
        return half_life_days(None)
    values, seen = views[GROUND]
    ground = np.asarray(values, np.float32)
    known = seen & (ground[HAND_KNOWN] > 0.0)
    return half_life_days(np.where(known, ground[HAND] * HAND_SCALE_M, np.nan))
