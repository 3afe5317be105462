"""Inputs from evidence: what each sensor says of every class in nats, how old it is, and what is known of the ground.

Evidence is calibrated, so it means the same from any radar, band, angle and noise floor; a network over it needs to learn
neither radiometry nor the sensors' ages in raw values. The first eight channels of every sensor's view are its nats by
class as if it were alone, and those of the ground's are ln prior, in the order of `EvidenceClass`: their sum is Bayes' rule, once
what both radars see is counted once, for which their times are told (`networks.physics`). Parts of these views hold what sensors measured
(`inputs.measured`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from floodfuse.harmonize.classes import Decider, EvidenceClass
from floodfuse.harmonize.prior import log_prior as prior_of_ground
from floodfuse.models.inputs import measured

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

CLASSES = len(EvidenceClass)
FINGERPRINT = (
    "evidence/3: nats by class at product time, each sensor alone, +-ln(1 + days); ln prior by class, HAND / 10 m and whether known, permanent "
    "water and whether known"
)
GROUND = "ground/prior"
VIEW_OF = {Decider.SENTINEL1: "c/now", Decider.ALOS2: "l/now", Decider.SENTINEL2: "optical/now"}
SAID = {**dict.fromkeys(VIEW_OF.values(), CLASSES + 1), GROUND: CLASSES + 4}
"""Channels of the views that hold nats."""
CHANNELS = SAID | measured.CHANNELS
DAYS, SEEN = CLASSES, CLASSES + 1  # channel of a sensor's time, and of its mask in a stack
HAND, HAND_KNOWN, PERMANENT = CLASSES, CLASSES + 1, CLASSES + 2  # channels of the ground
PIXEL_M = 10.0  # of chips and of maps
HAND_SCALE_M, HIGHEST_M = 10.0, 30.0
_JITTER_SD_NATS = 0.25
_UNKNOWN_GROUND_SHARE = 0.2  # of chips learned from: many areas come without terrain


def stack_evidence(nats: Float32, days: Float32) -> Float32:
    """Values of a sensor's view, (9, y, x): nats (y, x, class), and when it looked, in days after the product's time.

    NaN where unseen. The time is compressed, sign(t) ln(1 + |t|).
    """
    when = np.sign(days) * np.log1p(np.abs(days))
    return np.concatenate([np.moveaxis(nats, -1, 0), when[None]]).astype(np.float32)


def stack_ground(log_prior: Float32, hand_m: Float32 | None, permanent: Bool | None) -> Float32:
    """Values of the ground's view, (12, y, x): ln prior (y, x, class), height above drainage, permanent water.

    A layer that is not at hand is None, a height that is not known NaN.
    """
    nothing = np.zeros(log_prior.shape[:2], np.float32)
    known = nothing if hand_m is None else np.isfinite(hand_m)
    height = nothing if hand_m is None else np.clip(np.nan_to_num(hand_m), 0.0, HIGHEST_M) / HAND_SCALE_M
    always = [nothing, nothing] if permanent is None else [permanent, nothing + 1.0]
    ground = np.stack([height, known, *always])
    return np.concatenate([np.moveaxis(log_prior, -1, 0), ground]).astype(np.float32)


def prepare(view: str, values: NDArray[np.generic], seen: Bool) -> Float32:
    """Channels of a view: nats as they are, and what was measured by its own scale; 0 where unseen."""
    if view in measured.PARTS:
        return measured.prepare(view, values, seen)
    return np.where(seen, np.asarray(values, np.float32), np.float32(0.0))


def vary(view: str, values: NDArray[np.generic], rng: np.random.Generator) -> Float32:
    """Evidence off by what its class levels may be off by, one offset a class and view; ground of which nothing is known.

    What was measured varies by its own errors.
    """
    if view in measured.PARTS:
        return measured.vary(view, values, rng)
    varied = np.array(values, np.float32)
    if view != GROUND:
        varied[:CLASSES] += rng.normal(0.0, _JITTER_SD_NATS, (CLASSES, 1, 1)).astype(np.float32)
    elif rng.uniform() < _UNKNOWN_GROUND_SHARE:
        return stack_ground(prior_of_ground((varied.shape[1], varied.shape[2])), None, None)
    return varied
