"""Inputs from evidence: what each sensor says of every class in nats, how old it is, and what is known of the ground.

Evidence is calibrated, so it means the same from any radar, band, angle and noise floor; a network over it needs to learn
neither radiometry nor the sensors' ages in raw values. The first eight channels of every sensor's view are its nats by
class, and those of the ground's are ln prior, in the order of `EvidenceClass`: their sum is Bayes' rule.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from floodfuse.harmonize.classes import EvidenceClass

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

CLASSES = len(EvidenceClass)
FINGERPRINT = (
    "evidence/1: nats by class at product time, ln(1 + days); ln prior by class, HAND / 10 m, permanent water"
)
GROUND = "ground/prior"
CHANNELS = {"c/now": CLASSES + 1, "l/now": CLASSES + 1, "optical/now": CLASSES + 1, GROUND: CLASSES + 2}
_HAND_SCALE_M, _HIGHEST = 10.0, 3.0
_JITTER_SD_NATS = 0.25


def stack_evidence(nats: Float32, age_hours: Float32) -> Float32:
    """Values of a sensor's view, (9, y, x): nats (y, x, class), NaN where unseen, and its age in hours."""
    age = np.log1p(np.abs(age_hours) / 24.0)
    return np.concatenate([np.moveaxis(nats, -1, 0), age[None]]).astype(np.float32)


def stack_ground(log_prior: Float32, hand_m: Float32 | None, permanent: Bool | None) -> Float32:
    """Values of the ground's view, (10, y, x): ln prior (y, x, class), height above drainage (NaN unknown), permanent water."""
    shape = log_prior.shape[:2]
    hand = np.zeros(shape, np.float32) if hand_m is None else np.nan_to_num(hand_m / _HAND_SCALE_M)
    always = np.zeros(shape, np.float32) if permanent is None else permanent.astype(np.float32)
    ground = np.stack([np.clip(hand, 0.0, _HIGHEST), always])
    return np.concatenate([np.moveaxis(log_prior, -1, 0), ground]).astype(np.float32)


def prepare(view: str, values: NDArray[np.generic], seen: Bool) -> Float32:
    """Channels of a view: its values as they are, 0 where unseen."""
    return np.where(seen, np.asarray(values, np.float32), np.float32(0.0))


def vary(view: str, values: NDArray[np.generic], rng: np.random.Generator) -> Float32:
    """Evidence off by what its class levels may be off by: one offset a class and view. The ground stays as it is."""
    varied = np.array(values, np.float32)
    if view != GROUND:
        varied[:CLASSES] += rng.normal(0.0, _JITTER_SD_NATS, (CLASSES, 1, 1)).astype(np.float32)
    return varied
