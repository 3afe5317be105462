"""What kind of scene is simulated: which physics, with or without a flood, what it holds, and what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from floodfuse.catalogs.acquisition import OBSERVING, RADARS, Sensor
from floodfuse.catalogs.simulated.fields import stream
from floodfuse.catalogs.simulated.mechanisms import MECHANISMS, WET_MECHANISMS
from floodfuse.catalogs.simulated.worlds import world_named

MOST_REFERENCES = 12
FARTHEST_SHIFT_PX = 5.0
RANDOM_SHIFT_SD_PX = 0.4
"""Spread of the misregistration of real products (harmonization.md 9), pixels of 10 m."""
_S1_REPEAT_DAYS = (12.0,)
_ALOS2_REPEAT_DAYS = (14.0, 42.0)


@dataclass(frozen=True)
class Scenario:
    """A kind of scene. By default a flood in world A, seen by well registered sensors without artefacts.

    Attributes
    ----------
    world
        Set of scattering models that makes the radar images: "A" or "B".
    flooded
        False for a scene where nothing is flooded: only rivers and lakes are water.
    mechanisms
        Held-out mechanisms in the scene, of `MECHANISMS`.
    shift_px
        How far a sensor's image content lies from where its georeference says, (rows, columns) in pixels of 10 m,
        positive down and right. A sensor that is not named has none.
    shift_sd_px
        Spread of a shift drawn for each sensor that `shift_px` does not name, pixels; 0 for none.
    references
        Dry dates of each radar before the flood, from the same orbit with the same beam, 0 to 12.
    artefacts
        Whether products have the flaws of real ones: see `artefacts`.
    """

    world: str = "B"
    flooded: bool = True
    mechanisms: tuple[str, ...] = ()
    shift_px: Mapping[Sensor, tuple[float, float]] = field(default_factory=dict)
    shift_sd_px: float = 0.0
    references: int = 0
    artefacts: bool = False

    def __post_init__(self) -> None:
        """Refuse what can't be.

        Raises
        ------
        ValueError
            It names the value and the cure.
        """
        world_named(self.world)
        for name in self.mechanisms:
            if name not in MECHANISMS:
                raise ValueError(f"mechanism '{name}': choose of {', '.join(MECHANISMS)}")
            if name in WET_MECHANISMS and not self.flooded:
                raise ValueError(f"mechanism '{name}': there is none without a flood; leave one of both out")
        if not 0 <= self.references <= MOST_REFERENCES:
            raise ValueError(f"references {self.references}: give 0 to {MOST_REFERENCES} dates")
        if not 0.0 <= self.shift_sd_px <= FARTHEST_SHIFT_PX:
            raise ValueError(f"shift sd {self.shift_sd_px:g}: give 0 to {FARTHEST_SHIFT_PX:g} pixels")
        for sensor, shift in self.shift_px.items():
            _check_shift(sensor, shift)

    def shift_of(self, sensor: Sensor, seed: int) -> tuple[float, float]:
        """Shift (rows, columns) of the sensor's image content in the scene of this seed, pixels of 10 m."""
        if sensor in self.shift_px:
            return self.shift_px[sensor]
        if self.shift_sd_px == 0.0:
            return (0.0, 0.0)
        down, right = self.shift_sd_px * stream(seed, f"{sensor}/shift").standard_normal(2)
        return (
            float(max(-FARTHEST_SHIFT_PX, min(FARTHEST_SHIFT_PX, down))),
            float(max(-FARTHEST_SHIFT_PX, min(FARTHEST_SHIFT_PX, right))),
        )


def days_before(sensor: Sensor, number: int) -> float:
    """Days from the `number`-th dry reference (from 1, backwards in time) to the flood's date.

    Sentinel-1 repeats its orbit every 12 days; PALSAR-2 could every 14, but is not always switched on: 14 and 42
    days take turns.

    Raises
    ------
    ValueError
        If the sensor is no radar.
    """
    if sensor not in RADARS:
        raise ValueError(f"{sensor}: only radars ({', '.join(RADARS)}) have dry references")
    gaps = _S1_REPEAT_DAYS if sensor is Sensor.SENTINEL1 else _ALOS2_REPEAT_DAYS
    return sum(gaps[index % len(gaps)] for index in range(number))


def _check_shift(sensor: Sensor, shift: tuple[float, float]) -> None:
    if sensor not in OBSERVING:
        raise ValueError(f"shift of {sensor}: give that of {', '.join(OBSERVING)}")
    for value in shift:
        if not math.isfinite(value) or abs(value) > FARTHEST_SHIFT_PX:
            raise ValueError(
                f"shift {value:g} of {sensor}: give pixels of 10 m, -{FARTHEST_SHIFT_PX:g} to {FARTHEST_SHIFT_PX:g}"
            )
