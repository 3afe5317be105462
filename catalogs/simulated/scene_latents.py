"""Latents of a whole scene, in strips: its fields, soils, stands and wind as `lookup` reads them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from floodfuse.catalogs.simulated.fields import FloatArray, stream
from floodfuse.catalogs.simulated.flood import Flood, Mechanism
from floodfuse.catalogs.simulated.landscape import Landscape
from floodfuse.catalogs.simulated.latents import LATENTS, Departures, Field, State, draw_departures
from floodfuse.catalogs.simulated.spline import SplineField, draw

_LENGTH_PX = {Field.WET: 60.0, Field.STAND: 15.0, Field.CROWN: 25.0}
_LOWLAND_SD = 0.8  # by how much low ground is moister, in sd of the field
_STATE_OF_MECHANISM = {
    Mechanism.MUD_FLATS: State.MUD_FLATS,
    Mechanism.FLOODED_REEDS: State.FLOODED_REEDS,
    Mechanism.SNOW_FIELDS: State.SNOW_FIELDS,
}


def states_at(flood: Flood, hours: float) -> npt.NDArray[np.uint8]:
    """`State` of each pixel `hours` after product time: its evidence class, or the held-out mechanism at work.

    A windy lake stays open water: its wind is in the wind field.
    """
    states = flood.surface_at(hours)
    if flood.mechanism is not None:
        at_work = flood.mechanism_at(hours)
        for mechanism, state in _STATE_OF_MECHANISM.items():
            states[at_work == mechanism] = state
    return states


def scene_departures(seed: int) -> Departures:
    """How far a scene lies from the medians. That of the wind is 0: it blows differently at each pass."""
    departures = draw_departures(stream(seed, "scattering/scene"))
    departures.latent["wind"] = 0.0
    return departures


class SceneFields:
    """Standard normal fields of a scene, made for any rows of it."""

    def __init__(self, landscape: Landscape, seed: int) -> None:
        self._landscape = landscape
        size = landscape.lattice.size
        self._smooth: dict[Field, SplineField] = {
            field: draw(size, length, stream(seed, f"scattering/{field.name.lower()}"))
            for field, length in _LENGTH_PX.items()
        }
        own = stream(seed, "scattering/parcels").standard_normal(
            len(landscape.parcels.bare), dtype=np.float32
        )
        self._parcels = {Field.PARCEL_A: landscape.parcels.backscatter[0], Field.PARCEL_B: own}

    def rows(self, first: int, last: int, wind_ms: FloatArray) -> FloatArray:
        """Fields of rows `first` to before `last`, (field, y, x), with the wind [m/s] of those rows."""
        columns = self._landscape.lattice.size
        number = self._landscape.parcels.number[first:last]
        out = np.empty((len(Field), last - first, columns), np.float32)
        for field, table in self._parcels.items():
            out[field] = table[number]
        for field, smooth in self._smooth.items():
            out[field] = smooth.window((first, last), (0, columns))
        above = np.maximum(self._landscape.hand[first:last] - np.float32(2.0), 0.0)
        out[Field.WET] += np.float32(_LOWLAND_SD) * np.exp(-above / np.float32(2.0))
        (wind,) = LATENTS[State.OPEN_WATER]
        out[Field.WIND] = np.log(wind_ms / np.float32(wind.median)) / np.float32(wind.within)
        return out
