"""Fusion by a network in place of Bayes' rule: from the evidence of a window to the posterior of a block."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from floodfuse.catalogs.errors import BadRequest
from floodfuse.harmonize.classes import EVIDENCE_NAMES, FLOODED, Decider
from floodfuse.models import bayes
from floodfuse.models.chips import View
from floodfuse.models.inputs import evidence as inputs
from floodfuse.models.networks.fusion import FusionNetwork
from floodfuse.models.tile_lattice import SIDE_PX
from floodfuse.models.tile_memory import Claim
from floodfuse.models.tiles import speak
from floodfuse.models.view_names import image_of, sensor_of
from floodfuse.models.weights.files import Card, WeightsError, checksum, load
from floodfuse.models.weights.shipped import shipped
from floodfuse.pipeline.fused import Fused
from floodfuse.pipeline.ground import permanent_water
from floodfuse.pipeline.product import WeightsRecord
from floodfuse.pipeline.weigh import Evidence, days_of

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class NetworkFusion:
    """A network over evidence, ready to work.

    Attributes
    ----------
    network : in evaluation mode
    card : of its weights
    record : what the product says of it
    """

    network: FusionNetwork
    card: Card
    record: WeightsRecord

    @property
    def reach_px(self) -> int:
        """How far beyond a block it may look."""
        return SIDE_PX

    @property
    def measures(self) -> bool:
        """Whether it takes what sensors measured, beside evidence."""
        return any(view != image_of(view) for view in self.card.views)

    def fuse(
        self,
        evidence: dict[Decider, Evidence],
        terrain: xr.Dataset,
        log_share: Float32,
        claim: Claim,
    ) -> Fused:
        """What it comes to on the block claimed.

        Parameters
        ----------
        evidence, terrain, log_share : over `claim.seen`
        """
        views = _ground_views(terrain, log_share)
        for who, e in evidence.items():
            views |= _views(inputs.VIEW_OF[who], e)
        taken = {view: values for view, values in views.items() if view in self.card.views}
        said = speak(self.network, taken, claim, inputs.GROUND)
        core = claim.wanted.within(claim.seen)
        classes = np.moveaxis(said.probability, 0, -1)
        water = classes[..., : len(FLOODED)].sum(axis=-1)
        physics = bayes.fuse({who: e.nats[core] for who, e in evidence.items()}, log_share[core], water)
        weights: dict[Decider, Float32] = {}
        if said.weights is not None:
            place = {sensor: k for k, sensor in enumerate(self.network.sensors)}
            of = {who: sensor_of(view) for who, view in inputs.VIEW_OF.items()}
            of[Decider.PRIOR] = sensor_of(inputs.GROUND)
            weights = {who: said.weights[place[sensor]] for who, sensor in of.items()}
        # What decided is told of the evidence: the sensor that spoke most for what the network came to.
        return Fused(physics._replace(classes=classes, water=water), physics.water, weights, said.novelty)


def open_fusion(strategy: str, weights: str | None, workers: int) -> NetworkFusion:
    """The network of a strategy: from the file given, or the one that comes with floodfuse.

    Parameters
    ----------
    workers : blocks worked on at a time, which share the cores

    Raises
    ------
    BadRequest
        If there are no such weights, or they are of another strategy or other inputs.
    """
    path = Path(weights) if weights else shipped(strategy)
    if path is None:
        raise BadRequest(
            f"fusion '{strategy}': no weights come with floodfuse for it; train some and give them by --weights, or take bayes."
        )
    try:
        network, card = load(path)
    except WeightsError as error:
        raise BadRequest(str(error)) from None
    if card.network.strategy != strategy:
        raise BadRequest(
            f"weights {path}: of fusion '{card.network.strategy}', not '{strategy}'; give --fusion {card.network.strategy}."
        )
    if card.inputs != "evidence" or card.classes != EVIDENCE_NAMES:
        raise BadRequest(
            f"weights {path}: trained on {card.dataset}, whose inputs are '{card.inputs}'; a map is made from evidence. Give weights "
            "trained on simulated chips."
        )
    if SIDE_PX % network.stride_px:
        raise BadRequest(
            f"weights {path}: take sides of {network.stride_px} px, and tiles have {SIDE_PX} px; train a network of fewer scales."
        )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = network.to(device).to(memory_format=torch.channels_last)
    if device == "cpu":
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // workers))
    record = WeightsRecord(
        file=path.name,
        sha256=checksum(path),
        fingerprint=card.fingerprint,
        trained_on=f"{card.dataset} {card.split}",
        licence=card.licence,
        command=card.command,
        tells_weights=network.tells_weights,
    )
    return NetworkFusion(network, card, record)


def _views(image: str, said: Evidence) -> dict[str, View]:
    """A sensor's view, and its parts where it measured."""
    seen = np.isfinite(said.nats[..., 0])
    views = {image: View(inputs.stack_evidence(said.unpooled, days_of(said)), seen)}
    return views | {f"{image}:{name}": _part(image, name, x, seen) for name, x in said.measured.items()}


def _ground_views(terrain: xr.Dataset, log_share: Float32) -> dict[str, View]:
    """What is known of the ground."""
    hand = terrain["hand"].values if "hand" in terrain else None
    ground = inputs.stack_ground(log_share, hand, permanent_water(terrain))
    everywhere = np.ones(ground.shape[1:], bool)
    views = {inputs.GROUND: View(ground, everywhere)}
    if "slope" in terrain:
        slope = np.asarray(terrain["slope"].values, np.float32)[None]
        views[f"{inputs.GROUND}:slope"] = _part(inputs.GROUND, "slope", slope, everywhere)
    return views


def _part(image: str, name: str, values: Float32, seen: NDArray[np.bool_]) -> View:
    """A part of an image, seen where the image is and its own value is known."""
    view, known = f"{image}:{name}", seen & np.isfinite(values).all(axis=0)
    return View(inputs.prepare(view, values, known), known)
