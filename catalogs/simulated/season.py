"""How dry ground changes from one pass of the same orbit to another: the season, what farmers do, and the weather."""

from __future__ import annotations

import numpy as np

from floodfuse.catalogs.simulated.fields import FloatArray, smooth_field, stream
from floodfuse.catalogs.simulated.flood import Flood
from floodfuse.harmonize.classes import EvidenceClass

SEASON_DB = 0.25
"""Amplitude of the yearly cycle of a class: two dates differ by at most twice that."""
FIELD_SD_DB = 0.4
"""Spread between two dates of what single fields do."""
WEATHER_SD_DB = 0.2
_YEAR_DAYS = 365.25
_PATCH_PX = 25.0


def drift_db(flood: Flood, channel: str, number: int, days: float, seed: int) -> FloatArray:
    """Departure of gamma0 from that of the flood's date on the same, dry ground, dB, (y, x); 0 over open water.

        a [sin(2 pi (t - days) / year + phase_k) - sin(2 pi t / year + phase_k)],  a = 0.25 dB, of class k,

    and a random part of each field (sd 0.4 dB on farmed ground) and of patches of damp ground (sd 0.2 dB). Water has
    wind of its own each day instead.

    Parameters
    ----------
    flood
        The ground, dry.
    channel
        Names the random streams, e.g. "sentinel1/vv".
    number
        Of the reference date, from 1.
    days
        From that date to the flood's.
    seed
        Of the scene.
    """
    surface = flood.surface_at(-24.0 * days)
    phase = stream(seed, f"{channel}/season").uniform(0.0, 2.0 * np.pi, len(EvidenceClass))
    change = SEASON_DB * (np.sin(phase - 2.0 * np.pi * days / _YEAR_DAYS) - np.sin(phase))
    drift = change.astype(np.float32)[surface]
    parcels = flood.landscape.parcels
    fields = stream(seed, f"{channel}/fields/{number}").standard_normal(len(parcels.bare), dtype=np.float32)
    farmed = (surface == EvidenceClass.DRY_LOW_VEG) | (surface == EvidenceClass.BARE_SOIL)
    drift += np.float32(FIELD_SD_DB) * fields[parcels.number] * farmed
    damp = smooth_field(flood.landscape.lattice.size, _PATCH_PX, stream(seed, f"{channel}/damp/{number}"))
    drift += np.float32(WEATHER_SD_DB) * damp
    drift[surface == EvidenceClass.OPEN_WATER] = 0.0
    return drift
