"""Running a map block by block: each block read, weighed, fused, decided and written on its own, then forgotten.

A block is a pure function of the request and its place on the lattice, so blocks need no order and no neighbours:
what crosses a block's edge is read again with a halo. Memory is that of the blocks under way, whatever the area.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import dask
import numpy as np
import shapely
from dask.callbacks import Callback
from numpy.typing import NDArray

from floodfuse.catalogs.acquisition import Acquisition
from floodfuse.harmonize.classes import Advisory, Decider, Exclusion, MapClass
from floodfuse.models import bayes
from floodfuse.models.conformal import Conformal
from floodfuse.models.tile_lattice import BLOCKS_FROM_PX, Span, Window
from floodfuse.models.tile_memory import TileMemory
from floodfuse.pipeline import decide
from floodfuse.pipeline.area import Area
from floodfuse.pipeline.exclusions import against_physics
from floodfuse.pipeline.flood_rise import prior_with
from floodfuse.pipeline.fused import Fused
from floodfuse.pipeline.grid import Grid, area_mask
from floodfuse.pipeline.ground import permanent_water
from floodfuse.pipeline.ingest.kept_open import keeping_open
from floodfuse.pipeline.product import NOVELTY, weight_layer
from floodfuse.pipeline.publish.zarr_store import BlockWriter
from floodfuse.pipeline.rise_field import FloodRise
from floodfuse.pipeline.weigh import HALO_PX, Evidence, Speckle
from floodfuse.pipeline.weighed import Weighed, weighed

if TYPE_CHECKING:  # torch takes seconds to load, and most maps need none
    from floodfuse.pipeline.network_fusion import NetworkFusion

Layers = dict[str, NDArray[np.generic]]
Progress = Callable[[int, int], None]
NEW_FROM = 1.0  # of novelty


@dataclass(frozen=True)
class Job:
    """What every block of a run shares: prepared acquisitions in order, product time, area, and its outline in the CRS.

    The outline is kept as WKB: GEOS prepares geometries in place, which threads must not do to the same one. A network fuses
    where there is one, else Bayes' rule, whose prior follows the rise of the flood; a risk goes with the quantiles that say when to answer. Tiles of the network are
    kept for the blocks beside them.
    """

    acquisitions: tuple[Acquisition, ...]
    time: datetime
    area: Area
    outline: bytes
    speckle: Speckle = "evidence"
    network: NetworkFusion | None = None
    conformal: Conformal | None = None
    risk: float | None = None
    rise: FloodRise | None = None
    tiles: TileMemory = field(default_factory=TileMemory, compare=False)


@dataclass
class Tally:
    """Counts over pixels inside the area, added up over blocks."""

    pixels: int = 0
    classes: Counter[int] = field(default_factory=Counter)
    deciders: Counter[int] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)  # pixels at which a terrain layer has a value
    flooded: float = 0.0  # sum of probabilities outside permanent water, pixels
    ever_flooded: float = 0.0  # the same at any pass
    advisories: Counter[int] = field(default_factory=Counter)  # observed pixels by flag; flags overlap

    def __iadd__(self, other: Tally) -> Self:
        self.pixels += other.pixels
        self.classes += other.classes
        self.deciders += other.deciders
        self.seen += other.seen
        self.known += other.known
        self.flooded += other.flooded
        self.ever_flooded += other.ever_flooded
        self.advisories += other.advisories
        return self


def weigh_block(job: Job, block: Grid) -> Weighed:
    """Evidence, terrain and prior on one block; read with the halo and cropped to the block."""
    padded = block.padded(HALO_PX)
    measure = job.network is not None and job.network.measures
    found = weighed(job.acquisitions, job.time, padded, job.speckle, measure)
    found = found._replace(log_share=prior_with(job.rise, found.log_share, found.terrain, padded))
    inner = slice(HALO_PX, -HALO_PX)
    return found.part(inner, inner)


def judge_block(job: Job, block: Grid) -> tuple[Weighed, Fused]:
    """What sensors say on one block, and what it comes to."""
    if job.network is None:
        weighed = weigh_block(job, block)
        nats = {who: e.nats for who, e in weighed.evidence.items()}
        return weighed, Fused(bayes.fuse(nats, weighed.log_share))
    with job.tiles.claim(Window(Span(block.row, block.rows), Span(block.column, block.columns))) as claim:
        rows, columns = claim.seen
        around = replace(
            block, row=rows.first, column=columns.first, rows=rows.length, columns=columns.length
        )
        seen = weigh_block(job, around)
        fused = job.network.fuse(*seen, claim)
    return seen.part(*around.place_of(block)), fused


def map_block(job: Job, block: Grid) -> tuple[Layers, Tally]:
    """Every layer of one block, and its counts."""
    weighed, fused = judge_block(job, block)
    inside = area_mask(shapely.from_wkb(job.outline), block)
    layers = layers_of_block(job, weighed, fused, inside)
    evidence, terrain, _ = weighed
    tally = _tally(layers, evidence, permanent_water(terrain), inside)
    tally.known = Counter(
        {str(n): int((_is_known(v.values) & inside).sum()) for n, v in terrain.data_vars.items()}
    )
    return layers, tally


def layers_of_block(job: Job, weighed: Weighed, fused: Fused, inside: NDArray[np.bool_]) -> Layers:
    """Every layer of the product on one block."""
    evidence, terrain, log_share = weighed
    posterior = fused.posterior
    withheld = {}
    if job.conformal is not None and job.risk is not None:
        withheld[Exclusion.BEYOND_RISK] = ~job.conformal.answered(posterior.water, job.risk)
    if fused.physics is not None:
        against = against_physics(posterior, fused.physics, terrain)
        withheld[Exclusion.NETWORK_AGAINST_PHYSICS] = against
    layers = decide.layers(evidence, posterior, terrain, inside, log_share, withheld)
    unseen = (posterior.sensors == 0) | ~inside
    if fused.novelty is not None:
        layers[NOVELTY] = np.where(unseen, np.float32(np.nan), fused.novelty)
        layers["advisory"][~unseen & (fused.novelty > NEW_FROM)] |= np.uint16(Advisory.NEW_TO_NETWORK)
    for who, share in fused.weights.items():
        layers[weight_layer(who)] = np.where(unseen, np.float32(np.nan), share)
    return layers


def _is_known(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a terrain layer says something: codes are 0 where it does not, numbers NaN."""
    return np.asarray(values > 0 if values.dtype.kind == "u" else np.isfinite(values))


def _tally(
    layers: Layers,
    evidence: dict[Decider, Evidence],
    permanent: NDArray[np.bool_] | None,
    inside: NDArray[np.bool_],
) -> Tally:
    land = inside if permanent is None else inside & ~permanent
    told = land & (layers["flood_class"] != MapClass.EXCLUDED)
    return Tally(
        pixels=int(inside.sum()),
        classes=_counts(layers["flood_class"][inside]),
        deciders=_counts(layers["deciding_sensor"][inside]),
        seen=Counter(
            {name: int((s & inside).sum()) for e in evidence.values() for name, s in e.seen.items()}
        ),
        flooded=float(np.nansum(layers["probability"][told], dtype=np.float64)),
        ever_flooded=float(np.nansum(layers["ever_flooded"][told], dtype=np.float64)),
        advisories=_flag_counts(layers["advisory"]),
    )


def _flag_counts(bits: NDArray[Any]) -> Counter[int]:
    return Counter({int(flag): int(((bits & np.uint16(flag)) > 0).sum()) for flag in Advisory})


def _counts(values: NDArray[np.generic]) -> Counter[int]:
    found, counts = np.unique(values, return_counts=True)
    return Counter({int(value): int(count) for value, count in zip(found, counts, strict=True)})


def _work(job: Job, writer: BlockWriter, block: Grid, rows: slice, columns: slice) -> Tally:
    layers, tally = map_block(job, block)
    writer.write(rows, columns, layers)
    return tally


class _Watch(Callback):  # type: ignore[misc]
    """Tells progress after each block."""

    def __init__(self, total: int, progress: Progress) -> None:
        super().__init__(posttask=self._done)
        self._progress, self._total, self._finished = progress, total, 0

    def _done(self, *_: object) -> None:
        self._finished = min(self._finished + 1, self._total)
        self._progress(self._finished, self._total)


def run_blocks(
    job: Job, grid: Grid, block: int, workers: int, folder: Path, progress: Progress | None = None
) -> Tally:
    """Work through all blocks, each written into the product in `folder`, and add up their counts.

    Blocks go to Dask's threads in batches, so that what is queued does not grow with the area either.
    """
    first = None if job.network is None else BLOCKS_FROM_PX
    pieces = grid.blocks(block, first)
    count = sum(1 for _ in grid.blocks(block, first))
    total = Tally()
    done = 0
    batch = 16 * workers
    work = dask.delayed(partial(_work, job, BlockWriter(folder)), pure=False)
    # Leaving the pool waits for blocks under way: nothing writes after a failure, and no file is closed while it is read.
    with keeping_open(), ThreadPoolExecutor(workers) as pool:
        while part := list(islice(pieces, batch)):
            tasks = [work(window, rows, columns) for rows, columns, window in part]
            with _Watch(len(part), _shifted(progress, done, count)):
                tallies: Sequence[Tally] = dask.compute(*tasks, scheduler="threads", pool=pool)
            for tally in tallies:
                total += tally
            done += len(part)
    return total


def _shifted(progress: Progress | None, done: int, total: int) -> Progress:
    def tell(finished: int, _: int) -> None:
        if progress is not None:
            progress(done + finished, total)

    return tell
