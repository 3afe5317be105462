"""A window of ground, weighed: evidence of every sensor, what is known of the ground, and the prior."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from floodfuse.catalogs.acquisition import Acquisition
from floodfuse.harmonize.classes import Decider
from floodfuse.pipeline.grid import Grid
from floodfuse.pipeline.ground import half_life_of, prior_of
from floodfuse.pipeline.scene import read_scene
from floodfuse.pipeline.smooth_ground import borne_out
from floodfuse.pipeline.weigh import Evidence, Speckle, weigh


class Weighed(NamedTuple):
    """Evidence of every sensor, terrain, and ln of the prior share of every class, (y, x, class)."""

    evidence: dict[Decider, Evidence]
    terrain: xr.Dataset
    log_share: NDArray[np.float32]

    def part(self, rows: slice, columns: slice) -> Weighed:
        """A window of it."""
        core = rows, columns
        return Weighed(
            {who: _part(e, core) for who, e in self.evidence.items()},
            self.terrain.isel(
                {d: s for d, s in zip(("y", "x"), core, strict=True) if d in self.terrain.dims}
            ),
            self.log_share[core],
        )


def _part(e: Evidence, core: tuple[slice, slice]) -> Evidence:
    return Evidence(
        e.nats[core],
        e.age_hours[core],
        e.hidden[core],
        {name: where[core] for name, where in e.seen.items()},
        tuple(p._replace(llr=p.llr[core]) for p in e.passes),
        {name: values[core] for name, values in e.hints.items()},
        None if e.before_pooling is None else e.before_pooling[core],
        {name: values[(..., *core)] for name, values in e.measured.items()},
    )


def weighed(
    acquisitions: Sequence[Acquisition],
    time: datetime,
    grid: Grid,
    speckle: Speckle = "evidence",
    measure: bool = False,
) -> Weighed:
    """Read and weigh a window, now; within `weigh.HALO_PX` of its edge values are not final.

    Parameters
    ----------
    acquisitions : prepared, in the order of `weigh`
    time : of the product
    measure : whether to tell what sensors measured, too
    """
    scene = read_scene(acquisitions, grid)
    terrain = scene["terrain"].dataset if "terrain" in scene else xr.Dataset()
    log_share = prior_of(terrain, grid.shape)
    found = weigh(acquisitions, scene, grid, time, log_share, speckle, measure)
    return Weighed(borne_out(found, half_life_of(terrain)), terrain, log_share)
