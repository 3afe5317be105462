"""How unlike anything a network was calibrated on a pixel looks to it: a distance in its fused features.

    d = sqrt((f - m)' C^-1 (f - m)) / d_0

with the mean m and covariance C of the features of calibrating chips, and d_0 the distance that one of a thousand of their pixels
exceeds (Mahalanobis distance; Lee et al. 2018). Above 1 a network should not be believed without another look.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from floodfuse.models.networks.fusion import FusionNetwork, Told

RARE = 0.001  # share of known pixels that look newer than 1
_RIDGE = 1e-3  # share of the mean variance, keeps features that never vary from being infinitely telling


def remember(network: FusionNetwork, features: Tensor) -> None:
    """Set what the network knows: features (pixel, feature) of pixels that are nothing new."""
    features = features.to(network.device).double()
    mean = features.mean(dim=0)
    centred = features - mean
    covariance = centred.T @ centred / max(len(features) - 1, 1)
    covariance += (
        torch.eye(len(covariance), device=network.device)
        * covariance.diagonal().mean().clamp_min(1e-12)
        * _RIDGE
    )
    network.feature_mean.copy_(mean.float())
    network.feature_precision.copy_(torch.linalg.inv(covariance).float())
    network.feature_scale.fill_(1.0)
    network.feature_scale.fill_(
        float(torch.quantile(_distance(network, features.float().T[None, :, :, None]), 1 - RARE))
    )


def novelty(network: FusionNetwork, told: Told) -> Tensor | None:
    """(chip, 1, y, x), 0 and up; None where the network has no features."""
    if told.features is None:
        return None
    distance = _distance(network, told.features.float())
    return interpolate(distance, told.logits.shape[-2:], mode="nearest")


def _distance(network: FusionNetwork, features: Tensor) -> Tensor:
    """(chip, 1, y, x) of features (chip, feature, y, x)."""
    off = features - network.feature_mean[:, None, None]
    squared = torch.einsum("nfyx,fg,ngyx->nyx", off, network.feature_precision, off)
    return squared.clamp_min(0.0).sqrt()[:, None] / network.feature_scale
