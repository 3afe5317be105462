"""What sensors measured, beside what they say of classes: parts of views that networks take (`models/inputs/measured.py`).

Radar is averaged as evidence is, and total power, noise floor and all, so that a value means the same whether or not the floor was
subtracted. It is moved to 38 degrees along the slope of low plants (docs/physics.md, section 4); the angle goes with it. A polarization that
networks did not learn from (HH of C band) is no part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from floodfuse.catalogs.acquisition import Acquisition, Sensor
from floodfuse.harmonize.dry_level import DryLevel
from floodfuse.harmonize.evidence import aggregate
from floodfuse.harmonize.incidence import REFERENCE_DEG
from floodfuse.harmonize.optical import DARKEST_REFLECTANCE, normalised_difference
from floodfuse.harmonize.radiometry import total_power_db

Float32 = NDArray[np.float32]
Parts = dict[str, Float32]
"""By the part's name, (channel, y, x) in the units of `inputs.measured`, NaN where nothing is known."""

_CO, _CROSS = {"C": "vv", "L": "hh"}, {"C": "vh", "L": "hv"}
_SLOPE_DB_DEG = -0.05  # of gamma0


def measured_of(acquisition: Acquisition, node: xr.Dataset, dry: Sequence[DryLevel | None] = ()) -> Parts:
    """Parts of the view of the sensor that an acquisition is of.

    `dry` are the dry levels of its polarizations, the first one's first; empty where it has no references.
    """
    if acquisition.sensor is Sensor.SENTINEL2:
        swir = node["swir"].values if "swir" in node else None
        return optical_parts(node["green"].values, node["nir"].values, swir)
    pols = acquisition.polarizations
    return radar_parts(
        acquisition.band,
        {pol: node[pol].values for pol in pols},
        {pol: acquisition.noise_subtracted(pol) for pol in pols},
        node["incidence"].values,
        dry[0].level_db if dry and dry[0] is not None else None,
    )


def mean_power(power: Float32) -> Float32:
    """Linear power, (y, x), averaged over the window over which evidence is."""
    return aggregate(power[..., None])[..., 0]


def radar_parts(
    band: str,
    gamma0: Mapping[str, Float32],
    subtracted: Mapping[str, float],
    incidence_deg: Float32,
    dry_db: Float32 | None = None,
) -> Parts:
    """Parts of a radar's view.

    Parameters
    ----------
    band : C or L
    gamma0 : by polarization such as "vv", linear, (y, x)
    subtracted : by polarization, noise floor that was subtracted, linear sigma0; 0 where none was
    incidence_deg : (y, x)
    dry_db : dry level of the co-polarization, dB of total power; None without references
    """
    total = {
        pol: total_power_db(mean_power(power), subtracted[pol], incidence_deg)
        for pol, power in gamma0.items()
        if pol in (_CO[band], _CROSS[band])
    }
    moved = np.float32(_SLOPE_DB_DEG) * (incidence_deg - np.float32(REFERENCE_DEG))
    parts: Parts = {}
    if _CO[band] in total:
        co = total[_CO[band]]
        parts[_CO[band]] = np.stack([co - moved, np.broadcast_to(incidence_deg, co.shape)])
        if dry_db is not None:
            parts["change"] = (dry_db - co)[None]
    if _CROSS[band] in total:
        parts[_CROSS[band]] = (total[_CROSS[band]] - moved)[None]
    return {name: np.asarray(values, np.float32) for name, values in parts.items()}


def optical_parts(green: Float32, nir: Float32, swir: Float32 | None) -> Parts:
    """Parts of the optical view, from reflectance, (y, x)."""
    darkest = np.float32(DARKEST_REFLECTANCE)
    bands = {"ndwi": nir, "mndwi": swir}
    return {
        name: np.asarray(
            normalised_difference(np.maximum(green, darkest), np.maximum(band, darkest)), np.float32
        )[None]
        for name, band in bands.items()
        if band is not None
    }


def merged(nearer: Parts, known: NDArray[np.bool_], further: Parts) -> Parts:
    """Parts of a further acquisition put where the nearer ones saw nothing: what one measured is never mixed with what another did."""
    out: Parts = {}
    for name in sorted(nearer.keys() | further.keys()):
        like = nearer.get(name, further.get(name))
        assert like is not None
        nothing = np.full_like(like, np.nan)
        out[name] = np.where(known, nearer.get(name, nothing), further.get(name, nothing))
    return out
