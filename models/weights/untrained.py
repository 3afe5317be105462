"""Weights of networks over evidence that have learned nothing: to measure speed by, and to test with. A gray box of them is Bayes' rule."""

from __future__ import annotations

from pathlib import Path

import torch

from floodfuse.harmonize.classes import EVIDENCE_NAMES
from floodfuse.models.conformal import Conformal
from floodfuse.models.inputs import evidence
from floodfuse.models.inputs.registry import fingerprint
from floodfuse.models.networks.build import NetworkSettings, build
from floodfuse.models.weights.files import Card, save


def write_untrained(file: Path, network: NetworkSettings, conformal: Conformal | None = None) -> Path:
    """Write random weights, the same each time, and a card that says so; returns the file."""
    card = Card(
        network=network,
        inputs="evidence",
        fingerprint=fingerprint("evidence", evidence.CHANNELS),
        views=dict(evidence.CHANNELS),
        classes=EVIDENCE_NAMES,
        dataset="none",
        split="none",
        licence="Apache-2.0",
        command="none",
        seed=0,
        epoch=0,
        learning=0,
        choosing=(),
        judging=(),
        scores={},
        conformal=conformal,
    )
    torch.manual_seed(card.seed)
    save(build(network, card.views, len(card.classes)), card, file)
    return file
