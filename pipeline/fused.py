"""What fusing comes to on a block, by Bayes' rule or by a network."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from floodfuse.harmonize.classes import Decider
from floodfuse.models.bayes import Posterior

Float32 = NDArray[np.float32]


class Fused(NamedTuple):
    """Posterior of a block, and what a network says of itself.

    Attributes
    ----------
    posterior
    physics : (y, x), probability of water by Bayes' rule from the same evidence, where a network came to the posterior
    weights : (y, x) of each sensor and of the prior, how much it counted; empty where nobody tells
    novelty : (y, x), above 1 where the network should not be believed without another look; None for Bayes' rule
    """

    posterior: Posterior
    physics: Float32 | None = None
    weights: Mapping[Decider, Float32] = MappingProxyType({})
    novelty: Float32 | None = None
