"""How a network is trained: what a settings file of `floodfuse train` says under `training`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from floodfuse.models.augment import AugmentSettings
from floodfuse.models.networks.build import NetworkSettings
from floodfuse.models.physics_losses import PhysicsLossSettings
from floodfuse.models.split import SplitSettings


class TrainSettings(BaseModel):
    """How a network is trained."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    network: NetworkSettings
    augment: AugmentSettings = AugmentSettings()
    split: SplitSettings = SplitSettings()
    views: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="views to learn from; all that the dataset has where left out"
    )
    physics: PhysicsLossSettings = PhysicsLossSettings()
    epochs: int = Field(default=60, ge=1)
    batch: int = Field(default=8, ge=2, description="chips a step")
    learning_rate: float = Field(default=1e-3, gt=0, description="highest; it rises, then falls as a cosine")
    weight_decay: float = Field(default=0.02, ge=0)
    average: float = Field(
        default=0.99, ge=0, lt=1, description="share of the averaged weights kept at each step"
    )
    choose_without: tuple[tuple[str, ...], ...] = Field(
        default=((),),
        min_length=1,
        description="views and sensors left out, one score each; their mean chooses the weights",
    )
    choose_every: int = Field(
        default=2, ge=1, description="epochs between two looks at the chips that choose"
    )
    patience: int = Field(
        default=1000, ge=1, description="epochs without a better score after which training ends"
    )
    seed: int = Field(default=0, ge=0)
    save_every: int = Field(default=200, ge=1, description="steps between two saved states")
