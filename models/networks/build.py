"""From settings to a network."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from floodfuse.models.networks.between import Attention, Intermediate
from floodfuse.models.networks.early import Early
from floodfuse.models.networks.fusion import FusionNetwork
from floodfuse.models.networks.graybox import GrayBox
from floodfuse.models.networks.late import Late
from floodfuse.models.networks.pools import PoolName
from floodfuse.models.networks.views import Views

Strategy = Literal["early", "intermediate", "attention", "late", "graybox"]
STRATEGIES: dict[Strategy, type[Early | Intermediate | Attention | Late | GrayBox]] = {
    "early": Early,
    "intermediate": Intermediate,
    "attention": Attention,
    "late": Late,
    "graybox": GrayBox,
}


class NetworkSettings(BaseModel):
    """What a network is made of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    strategy: Strategy = Field(description="where sensors meet")
    encoder: str = Field(
        default="resnet18",
        pattern=r"^[A-Za-z0-9_.-]+$",  # timm would fetch names with a colon from the network
        description="an encoder of segmentation-models-pytorch; tu-NAME is timm's NAME",
    )
    fold: Literal[1, 2] = Field(
        default=1, description="pixels a side folded into channels: 2 takes less than half the time"
    )
    pool: PoolName = Field(
        default="stacker", description="of late fusion: how what sensors say alone is put together"
    )
    decoder: tuple[PositiveInt, ...] = Field(
        default=(128, 64, 48, 32, 16),
        min_length=3,
        max_length=5,
        description="channels of the decoder, coarsest first",
    )


def build(settings: NetworkSettings, views: Views, classes: int) -> FusionNetwork:
    """A network with random weights. Nothing is downloaded.

    Parameters
    ----------
    views : channels by view, masks not counted
    classes : number of classes it scores
    """
    parts = views, classes, settings.encoder, settings.decoder, settings.fold
    if settings.strategy == "late":
        return Late(*parts, settings.pool)
    return STRATEGIES[settings.strategy](*parts)
