"""What a product is: its layers, and the record of the run that made it.

Every format in `publish/` is written from these two: `product.zarr` (the layers) and `run.json` (the record).
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from floodfuse.harmonize.classes import DECIDER_LABELS, Decider
from floodfuse.pipeline.rise_field import FloodRise

RUN_FILE = "run.json"
ZARR_FILE = "product.zarr"
FLOOD_FILE = "flood.tif"
PROBABILITY_FILE = "probability.tif"
DIAGNOSTICS_FILE = "diagnostics.tif"
NETWORK_FILE = "network.tif"
POLYGONS_FILE = "flood.gpkg"
PROJECT_FILE = "flood.qgz"
ITEM_FILE = "item.json"
REPORT_FILE = "report.html"


class Layer(NamedTuple):
    """One layer of `product.zarr`: type, value where there is nothing to say, units, and what it is."""

    dtype: str
    fill: float
    units: str
    long_name: str


LAYERS: dict[str, Layer] = {
    "flood_class": Layer("uint8", 255, "1", "flood map class"),
    "probability": Layer("float32", float("nan"), "1", "probability that the pixel is under water"),
    "uncertainty": Layer("float32", float("nan"), "bit", "entropy of the wet or dry decision"),
    "deciding_sensor": Layer("uint8", 0, "1", "sensor whose evidence moved the decision most"),
    "sensor_count": Layer("uint8", 0, "1", "number of sensors with a valid value"),
    "evidence_age": Layer(
        "float32", float("nan"), "hour", "time between the deciding evidence and the product"
    ),
    "exclusion": Layer("uint16", 0, "1", "reasons for exclusion, as bits"),
    "ever_flooded": Layer(
        "float32",
        float("nan"),
        "1",
        "probability that the pixel was under water at the product's time or at any pass within the window",
    ),
    "conflict": Layer(
        "float32", float("nan"), "1", "largest less smallest evidence for a flood over sensors, in nats"
    ),
    "advisory": Layer("uint16", 0, "1", "what to keep in mind, as bits; changes no class"),
}
WEIGHT_LAYERS: dict[Decider, Layer] = {
    who: Layer("float32", float("nan"), "1", f"weight that the network gave: {label}")
    for who, label in DECIDER_LABELS.items()
    if who is not Decider.NONE
}


NOVELTY = "novelty"
_NOVELTY = Layer(
    "float32",
    float("nan"),
    "1",
    "how unlike what the network was calibrated on, 1 is rare, more is new to it",
)


def weight_layer(who: Decider) -> str:
    """Name of the layer of a sensor's weight."""
    return f"weight_{who.name.lower()}"


def network_layers(weights: WeightsRecord | None) -> dict[str, Layer]:
    """Layers that a network adds: how new a pixel is to it, and the weights of sensors where it tells them."""
    if weights is None:
        return {}
    told = {weight_layer(who): layer for who, layer in WEIGHT_LAYERS.items()}
    return {NOVELTY: _NOVELTY} | (told if weights.tells_weights else {})


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="null")


class InputRecord(_Record):
    """One acquisition that went into the product."""

    id: str
    sensor: str
    time: datetime
    age_hours: float | None = Field(description="product time minus acquisition time; None for terrain")
    valid_fraction: float | None = Field(description="share of the area with a valid value; None for terrain")
    radiometry: str | None
    assets: dict[str, str] = Field(description="asset name to path or URL")
    acquisition: dict[str, Any] = Field(description="the whole acquisition as it was read")


class ClassArea(_Record):
    """How much of the area one map class takes."""

    value: int
    label: str
    pixels: int
    area_km2: float
    share: float = Field(description="of the area of interest, 0 to 1")


class FlagShare(_Record):
    """How much of what was observed carries one advisory flag."""

    value: int
    label: str
    pixels: int
    share: float = Field(description="of the observed area of interest, 0 to 1")


class GridRecord(_Record):
    """The lattice of the product."""

    crs: str = Field(description="EPSG:n where there is one, else WKT")
    resolution: float = Field(description="pixel size in units of the CRS")
    transform: tuple[float, float, float, float, float, float] = Field(
        description="a b c d e f of the affine"
    )
    shape: tuple[int, int] = Field(description="rows, columns")
    block: int = Field(description="pixels a side of the blocks that were worked on; no value depends on it")


class WeightsRecord(_Record):
    """The network that fused, so that the same one can be found again."""

    file: str
    sha256: str
    fingerprint: str = Field(description="of its inputs")
    trained_on: str
    licence: str = Field(description="of what it was trained on")
    command: str = Field(description="that made it")
    tells_weights: bool = Field(description="whether it says how much each sensor counted")


class RunRecord(_Record):
    """Everything needed to know how a product was made, and to make it again."""

    floodfuse_version: str
    created: datetime
    product_time: datetime
    window_days: float
    fusion: str
    weights: WeightsRecord | None = Field(default=None, description="of the network that fused, if one did")
    risk: float | None = Field(
        default=None, description="share of errors that the user allowed, by kind of truth"
    )
    flood_rise: FloodRise | None = Field(
        default=None,
        description="how far floods rose, by which the prior was moved; none where no heights are known",
    )
    sensors: list[str]
    area_of_interest: dict[str, Any] = Field(description="GeoJSON geometry, degrees")
    catalog: str
    grid: GridRecord
    settings: dict[str, Any]
    inputs: list[InputRecord]
    classes: list[ClassArea]
    flooded_km2: float
    expected_flooded_km2: float = Field(description="sum of probabilities outside permanent water")
    expected_ever_flooded_km2: float = Field(
        default=0.0, description="the same for water at the product's time or at any pass within the window"
    )
    advisories: list[FlagShare] = Field(default_factory=list, description="every advisory flag; they overlap")
    observed_fraction: float
    permanent_water_known: bool
    terrain_known: dict[str, float] = Field(
        default_factory=dict, description="share of the area on which each layer of the ground says something"
    )
    synthetic: bool
    warnings: list[str]
    parameters: dict[str, Any] = Field(description="values estimated or assumed by the physics")
    seconds: dict[str, float] = Field(default_factory=dict, description="wall time by stage")

    @property
    def layers(self) -> dict[str, Layer]:
        """Every layer of the product."""
        return LAYERS | network_layers(self.weights)

    def save(self, folder: Path) -> None:
        """Write `run.json` into the product's folder."""
        (folder / RUN_FILE).write_text(self.model_dump_json(indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> RunRecord:
        """Read the record of a product."""
        return cls.model_validate_json((folder / RUN_FILE).read_text())
