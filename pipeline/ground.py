"""What the terrain of a block says: permanent water, prior shares, how long floods stay, and what rules on ground ask for."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from floodfuse.harmonize import advisory, decay
from floodfuse.harmonize.prior import PERMANENT_FROM_PERCENT, log_prior

Bool = NDArray[np.bool_]


def permanent_water(terrain: xr.Dataset) -> Bool | None:
    """Where water is in most years, or None where no layer says."""
    if "permanent_water" not in terrain:
        return None
    return np.asarray(terrain["permanent_water"].values >= PERMANENT_FROM_PERCENT)


def prior_of(terrain: xr.Dataset, shape: tuple[int, int]) -> NDArray[np.float32]:
    """ln prior of every class from the terrain at hand."""

    def layer(name: str) -> NDArray[Any] | None:
        return terrain[name].values if name in terrain else None

    return log_prior(shape, layer("landcover"), layer("hand"), layer("slope"), permanent_water(terrain))


def has_stage(terrain: xr.Dataset) -> Bool:
    """Ground that a flood of some stage reaches and a lower one does not: of known height, and not always water. Needs `hand`."""
    known = np.isfinite(terrain["hand"].values)
    always = permanent_water(terrain)
    return np.asarray(known if always is None else known & ~always)


def half_life_of(terrain: xr.Dataset) -> NDArray[np.floating]:
    """Days that half of the floods stay on this ground."""
    return decay.half_life_days(terrain["hand"].values if "hand" in terrain else None)


def ground_of(terrain: xr.Dataset) -> advisory.Ground:
    """Layers that the rules of `advisory` ask for."""
    landcover, hand, slope = (
        terrain[name].values if name in terrain else None for name in ("landcover", "hand", "slope")
    )
    return advisory.Ground(landcover, hand, slope, permanent_water(terrain))
