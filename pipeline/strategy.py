"""How a run fuses and when it answers: the network, if one is asked for, and the quantiles that go with a risk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from floodfuse.catalogs.errors import BadRequest
from floodfuse.models.conformal import Conformal
from floodfuse.models.weights.shipped import conformal_of_bayes

if TYPE_CHECKING:
    from floodfuse.pipeline.network_fusion import NetworkFusion

BAYES = "bayes"


def network_for(fusion: str, weights: str | None, workers: int) -> NetworkFusion | None:
    """The network of a strategy, None for Bayes' rule; raises as `network_fusion.open_fusion` does."""
    if fusion == BAYES:
        return None
    # torch takes seconds to load, and Bayes' rule needs none
    from floodfuse.pipeline.network_fusion import open_fusion

    return open_fusion(fusion, weights, workers)


def conformal_for(risk: float | None, network: NetworkFusion | None) -> Conformal | None:
    """What it takes to answer at a risk; None where none is asked for.

    Raises
    ------
    BadRequest
        If the network was not calibrated.
    """
    if risk is None:
        return None
    if network is None:
        return conformal_of_bayes()
    if network.card.conformal is None:
        raise BadRequest(
            f"risk {risk:g}: weights {network.record.file} were not calibrated; `floodfuse calibrate` does it, or leave --risk out."
        )
    return network.card.conformal
