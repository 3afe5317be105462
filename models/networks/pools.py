"""How late fusion puts together what sensors say alone: from scores by sensor to scores of all.

    stacker           sum of w_s added_s, with w_s >= 0 at each pixel from a small network that sees what every sensor says
    opinion           sum of added_s: the log-opinion pool, right where sensors err independently
    minimum-variance  sum of v_s ln p_s / sum of v_s, with v_s one over the mean squared error of the sensor's probabilities
    median            the middle of ln p_s by class: one sensor that is far off moves nothing
    dawid-skene       ln share_k + sum of ln C_s[k, said_s], with what each sensor says, as a class alone, and its confusions C

over the sensors that see a pixel. added_s is scores_s, less those of the ground where all sensors are told of the ground. What errors sensors make is learned from the truth of calibrating chips (`learn`); until then
all are alike, and right eight times in ten. Sources: harmonization.md 6; Dawid & Skene (1979).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, softplus

PoolName = Literal["stacker", "opinion", "minimum-variance", "median", "dawid-skene"]

_STACKER_WIDTH = 16
_ONE = 0.5413  # softplus of it is 1: before it has learned, the stacker adds scores up
_RIGHT = 0.8  # of a sensor of which nothing is known yet
_LEAST_ERROR = 1e-4
_OF_A_COUNT = 1.0  # pixels added to each kind of confusion, so that none is impossible


class Pooled(NamedTuple):
    """Scores of all, (chip, channel, y, x), and how much each sensor counted, (chip, sensor, y, x), >= 0."""

    scores: Tensor
    weights: Tensor


class Pool(nn.Module):
    """One of the pools.

    Parameters
    ----------
    name : which
    sensors, classes : how many
    folds : scores a class; channels of scores are classes times folds
    """

    def __init__(self, name: PoolName, sensors: int, classes: int, folds: int) -> None:
        super().__init__()
        self.name, self.classes, self.folds = name, classes, folds
        # Every pool has all of this, so that another may be chosen for weights that are there.
        self.stacker = nn.Sequential(
            nn.Conv2d(sensors * (classes * folds + 1), _STACKER_WIDTH, 5, padding=2),
            nn.ReLU(),
            nn.Conv2d(_STACKER_WIDTH, sensors, 5, padding=2),
        )
        wrong = (1.0 - _RIGHT) / max(classes - 1, 1)
        confusion = torch.full((sensors, classes, classes), wrong)
        confusion[:, range(classes), range(classes)] = _RIGHT
        self.register_buffer("confusion", confusion)  # (sensor, truth, said), rows sum to 1
        self.register_buffer("share", torch.full((classes,), 1.0 / classes))
        self.register_buffer("error", torch.ones(sensors))

    confusion: Tensor
    share: Tensor
    error: Tensor

    def forward(self, alone: Sequence[Tensor], seen: Tensor, ground: int | None = None) -> Pooled:
        """Pool scores of sensors.

        Parameters
        ----------
        alone : (chip, channel, y, x) each, 0 where unseen
        seen : (chip, sensor, y, x)
        ground : place among sensors of the one that the others are told of, too
        """
        if self.name == "stacker":
            # It weighs what is said; it must not change what is said of each sensor alone.
            said = torch.cat([scores.detach() for scores in alone], dim=1)
            weights = softplus(self.stacker(torch.cat([said, seen], dim=1)) + _ONE) * seen
            return Pooled((weights[:, :, None] * _added(alone, seen, ground)).sum(dim=1), weights)
        if self.name == "opinion":
            return Pooled(_added(alone, seen, ground).sum(dim=1), seen)
        by_class = torch.stack([self._by_class(scores) for scores in alone], dim=1)
        log_p = torch.log_softmax(by_class, dim=2)  # (chip, sensor, class, fold, y, x)
        there = seen[:, :, None, None]
        if self.name == "minimum-variance":
            weights = seen / self.error[:, None, None]
            total = weights.sum(dim=1)[:, None, None].clamp_min(1e-12)
            return Pooled(((weights[:, :, None, None] * log_p).sum(dim=1) / total).flatten(1, 2), weights)
        if self.name == "median":
            middle = log_p.masked_fill(there <= 0, torch.nan).nanquantile(0.5, dim=1)
            return Pooled(torch.nan_to_num(middle).flatten(1, 2), seen)
        return Pooled(self._dawid_skene(by_class, there).flatten(1, 2), seen)

    def _by_class(self, scores: Tensor) -> Tensor:
        return scores.reshape(scores.shape[0], self.classes, self.folds, *scores.shape[2:])

    def _dawid_skene(self, by_class: Tensor, there: Tensor) -> Tensor:
        said = one_hot(by_class.argmax(dim=2), self.classes).movedim(-1, 2).to(by_class.dtype)
        told = torch.einsum("nscfyx,skc->nskfyx", said * there, self.confusion.log())
        return told.sum(dim=1) + self.share.log()[:, None, None, None]

    @torch.no_grad()
    def learn(self, said: Tensor, truth: Tensor, seen: Tensor) -> None:
        """Learn what errors sensors make.

        Parameters
        ----------
        said : (pixel, sensor, class), scores of each sensor alone
        truth : (pixel,), number of the class
        seen : (pixel, sensor), bool
        """
        true = one_hot(truth.long(), self.classes).to(said.dtype)
        self.share.copy_((true.sum(dim=0) + _OF_A_COUNT) / (len(true) + _OF_A_COUNT * self.classes))
        for k in range(said.shape[1]):
            own, real = said[seen[:, k], k], true[seen[:, k]]
            if not len(own):
                continue
            voted = one_hot(own.argmax(dim=1), self.classes).to(said.dtype)
            counts = real.T @ voted + _OF_A_COUNT
            self.confusion[k] = counts / counts.sum(dim=1, keepdim=True)
            squared = (torch.softmax(own, dim=1) - real).square().sum(dim=1)
            self.error[k] = squared.mean().clamp_min(_LEAST_ERROR)


def _added(alone: Sequence[Tensor], seen: Tensor, ground: int | None) -> Tensor:
    """Scores that each sensor adds to those of the ground, where that is known to it, (chip, sensor, channel, y, x); see `Pool.forward`."""
    said = torch.stack(list(alone), dim=1)
    if ground is None:
        return said
    others = (torch.arange(len(alone), device=said.device) != ground)[:, None, None]
    return said - said[:, ground, None] * (seen * others)[:, :, None]
