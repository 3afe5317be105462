"""Calibration: a network's probabilities mean what they say, and it is known when to answer and what is new to it.

Scores are divided by the temperature T > 0 that makes what is true likeliest: min over T of the mean of -ln softmax(s / T)[truth]
(Guo et al. 2017). Quantiles for `conformal` sets are taken of the probabilities that come of it, and `novelty` of the features behind them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from floodfuse.models.chips import UNLABELLED, ChipSource
from floodfuse.models.conformal import Conformal, quantiles
from floodfuse.models.evaluation import Tell
from floodfuse.models.inputs.registry import Inputs
from floodfuse.models.networks.fusion import FusionNetwork, Told
from floodfuse.models.networks.late import Late
from floodfuse.models.novelty import remember
from floodfuse.models.predict import prepared, tell

_EVERY_PX = 7  # pixels between two that are looked at, along rows and columns: neighbours say the same
_COLDEST, _HOTTEST = 0.2, 10.0
_LEAST = 1e-12

Float = NDArray[np.float64]


def temperature_of(probability: Float, truth: NDArray[np.integer]) -> float:
    """The temperature that makes truth likeliest: probability (pixel, class) as told at temperature 1, truth (pixel,)."""
    scores = np.log(np.maximum(probability, _LEAST))
    rows = np.arange(truth.size)

    def surprise(log_t: float) -> float:
        scaled = scores * np.exp(-log_t)
        return float(np.mean(np.logaddexp.reduce(scaled, axis=1) - scaled[rows, truth]))

    found = minimize_scalar(surprise, bounds=(np.log(_COLDEST), np.log(_HOTTEST)), method="bounded")
    return float(np.exp(found.x))


def calibrate(
    network: FusionNetwork,
    source: ChipSource,
    chips: Sequence[str],
    inputs: Inputs,
    without: Sequence[Sequence[str]] = ((),),
    progress: Tell = lambda step, done, total: None,
) -> Conformal:
    """Set the network's temperature, and what is nothing new to it, by chips; return what it takes to answer at a risk.

    Parameters
    ----------
    network : in evaluation mode
    chips : that it has not learned from
    without : views and sensors left out; chips are looked at once for each

    Raises
    ------
    ValueError
        If chips show only water or only dry ground.
    """
    network.temperature.fill_(1.0)
    if isinstance(network, Late):
        _teach_pool(network, source, chips, inputs)
    told, truths, features = [], [], []
    for done, name in enumerate(chips, start=1):
        chip = source.read(name)
        truth = chip.truth[::_EVERY_PX, ::_EVERY_PX]
        known = truth != UNLABELLED
        for dropped in without:
            views = prepared(chip.views, inputs, dropped, network.stacks.views)
            said = tell(network, views)
            scores = said.logits[0, :, ::_EVERY_PX, ::_EVERY_PX].cpu().double()
            told.append(torch.softmax(scores, dim=0).numpy()[:, known].T)
            truths.append(truth[known].astype(np.intp))
            if said.features is not None:
                features.append(_inside(network, said, chip.truth.shape))
        progress("calibrating", done, len(chips))
    if features:
        remember(network, torch.cat(features))
    probability, truth = np.concatenate(told), np.concatenate(truths)
    temperature = (
        temperature_of(probability, truth) if list(network.parameters()) else 1.0
    )  # Bayes keeps its own
    network.temperature.copy_(torch.tensor(temperature))
    scaled = np.maximum(probability, _LEAST) ** (1.0 / temperature)
    scaled /= scaled.sum(axis=1, keepdims=True)
    wet = np.isin(truth, source.flooded)
    return quantiles(scaled[:, list(source.flooded)].sum(axis=1), wet)


def _teach_pool(network: Late, source: ChipSource, chips: Sequence[str], inputs: Inputs) -> None:
    """What errors each sensor makes alone."""
    said, truths, seen = [], [], []
    for name in chips:
        chip = source.read(name)
        truth = chip.truth[::_EVERY_PX, ::_EVERY_PX]
        known = torch.from_numpy(truth != UNLABELLED)
        told = tell(network, prepared(chip.views, inputs, taken=network.stacks.views))
        height, width = chip.truth.shape
        scores = [told.alone[sensor][0, :, :height:_EVERY_PX, :width:_EVERY_PX] for sensor in network.sensors]
        masks = [told.masks[sensor][0, 0, :height:_EVERY_PX, :width:_EVERY_PX] for sensor in network.sensors]
        said.append(torch.stack([one[:, known].T for one in scores], dim=1))
        seen.append(torch.stack([one[known] > 0 for one in masks], dim=1))
        truths.append(torch.from_numpy(truth)[known])
    network.pool.learn(torch.cat(said), torch.cat(truths).to(network.device), torch.cat(seen))


def _inside(network: FusionNetwork, said: Told, shape: tuple[int, ...]) -> torch.Tensor:
    """Features (pixel, feature) of some pixels of a chip of this shape."""
    assert said.features is not None
    fold = network.inner_fold
    rows, columns = (-(-n // fold) for n in shape)
    return said.features[0, :, :rows:_EVERY_PX, :columns:_EVERY_PX].flatten(1).T.cpu()
