"""Gray-box fusion: Bayes' rule over evidence, plus a bounded correction that a network reads from what lies around.

    scores_k = ln prior_k + sum over sensors of l_s[k] + bound * tanh(r_k)

so that no class of a pixel leaves the physics by more than `BOUND_NATS`, and where no sensor sees the correction is 0.
Wider than the 1.5 nats that a sensor's own residual is given (harmonization.md 4.7): it stands for all sensors and for what
lies around, of which a pixel's evidence knows nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor

from floodfuse.models.networks.between import Intermediate
from floodfuse.models.networks.finest import FEATURES
from floodfuse.models.networks.fusion import Told
from floodfuse.models.networks.physics import Physics, bayes_scores
from floodfuse.models.networks.views import GROUND, Views

BOUND_NATS = 3.0


class GrayBox(Physics):
    """Physics and the correction of an `Intermediate` network, whose weights it tells."""

    tells_weights = True

    def __init__(
        self, views: Views, classes: int, encoder: str, decoder: tuple[int, ...], fold: int = 1
    ) -> None:
        super().__init__(views, classes)
        self.correction = Intermediate(views, classes, encoder, decoder, fold)
        self.known_features(FEATURES)
        for parameter in self.correction.head.scores.parameters():  # before it has learned, it is Bayes' rule
            torch.nn.init.zeros_(parameter)

    @property
    def stride_px(self) -> int:
        """That of the correction."""
        return self.correction.stride_px

    @property
    def inner_fold(self) -> int:
        """That of the correction."""
        return self.correction.fold

    def fuse(self, stacks: dict[str, Tensor], masks: dict[str, Tensor]) -> Told:
        """Bayes' rule and the correction."""
        told = self.correction.told(stacks, masks)
        seen = torch.stack([masks[sensor] for sensor in self.sensors if sensor != GROUND]).amax(dim=0)
        logits = bayes_scores(stacks, self.classes) + BOUND_NATS * torch.tanh(told.logits) * seen
        return Told(logits, told.weights, {}, masks, told.features)
