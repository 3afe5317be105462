"""What a run is asked to do. One model for the command line, the settings file and the record of the product."""

from __future__ import annotations

import difflib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails

from floodfuse.catalogs.acquisition import OBSERVING, Sensor
from floodfuse.catalogs.errors import BadRequest
from floodfuse.models.tile_lattice import STEP_PX
from floodfuse.pipeline.area import date_of

BLOCK_PX = 512
NETWORK_BLOCK_PX = 2 * STEP_PX

Fusion = Literal["bayes", "early", "intermediate", "attention", "late", "graybox"]


class MapSettings(BaseModel):
    """Settings of `floodfuse map`; each has the name of its option."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    area: str = Field(description="w,s,e,n in degrees, or a vector file")
    date: str = Field(description="the time to map: a day (taken as noon UTC) or an ISO time")
    window: float = Field(
        default=3.0, ge=0, le=366, description="days before and after in which data is looked for"
    )
    catalog: str = Field(description="name of an archive, folder of a static catalogue, or URL")
    out: str = Field(description="folder to be made for the product")
    fusion: Fusion = Field(default="bayes", description="how evidence is fused; bayes is physics alone")
    weights: str | None = Field(
        default=None,
        description="file of a network's weights; those that come with floodfuse where none is given",
    )
    risk: float | None = Field(
        default=None,
        gt=0,
        lt=0.5,
        description="share of water that may be called dry, and of dry ground water; what is less sure is excluded",
    )
    sensors: tuple[Sensor, ...] = Field(
        default=OBSERVING, min_length=1, description="sensors that may be used"
    )
    resolution: float = Field(default=10.0, gt=0, description="pixel size in units of the CRS")
    crs: str | None = Field(default=None, description="EPSG:n; the UTM zone of the area where none is given")
    block: int | None = Field(
        default=None,
        ge=64,
        le=8192,
        description=f"pixels a side of the blocks that are worked on; {BLOCK_PX}, and {NETWORK_BLOCK_PX} for networks, whose blocks are whole "
        f"steps of {STEP_PX}",
    )
    reference: Literal["auto", "none"] = Field(
        default="auto",
        description="whether radar is held against earlier, dry scenes of the same orbit and beam",
    )
    reference_days: float = Field(
        default=400.0, gt=0, le=3700, description="days before the date in which such scenes are looked for"
    )
    speckle: Literal["evidence", "none", "lee", "refined-lee", "gamma-map"] = Field(
        default="evidence",
        description="what is done about speckle: evidence averaged over 5 x 5 pixels, nothing, or a filter of power",
    )
    align: bool = Field(
        default=True, description="whether radar images are moved where they lie off another sensor's"
    )
    workers: int = Field(default=2, ge=1, le=1024, description="blocks worked on at a time")
    overwrite: bool = Field(default=False, description="replace an earlier product in the output folder")

    @field_validator("weights")
    @classmethod
    def _weights_of_a_network(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("fusion") == "bayes":
            raise ValueError("bayes takes none; choose a network by --fusion, such as graybox")
        return value

    @field_validator("area", mode="before")
    @classmethod
    def _area_as_typed(cls, value: Any) -> Any:
        """A YAML list of four numbers is the box they make."""
        return ",".join(str(part) for part in value) if isinstance(value, list | tuple) else value

    @field_validator("sensors", mode="before")
    @classmethod
    def _sensors_as_typed(cls, value: Any) -> Any:
        """Names in one comma-separated text, as on the command line."""
        return tuple(name.strip() for name in value.split(",")) if isinstance(value, str) else value

    @field_validator("sensors")
    @classmethod
    def _sensors_observe(cls, value: tuple[Sensor, ...]) -> tuple[Sensor, ...]:
        if Sensor.TERRAIN in value:
            raise ValueError(f"terrain is used wherever it is at hand; choose among {', '.join(OBSERVING)}")
        return value

    @property
    def block_px(self) -> int:
        """Pixels a side of a block; of networks whole steps from tile to tile, at least one."""
        if self.fusion == "bayes":
            return self.block or BLOCK_PX
        return max((self.block or NETWORK_BLOCK_PX) // STEP_PX, 1) * STEP_PX

    @property
    def chunk_px(self) -> int:
        """Pixels a side of a chunk of the Zarr: a block, but for networks, whose blocks do not begin at the product's corner."""
        return self.block_px if self.fusion == "bayes" else BLOCK_PX

    def product_time(self) -> datetime:
        """The time the product stands for, UTC."""
        return parse_time(self.date)


def parse_time(text: str) -> datetime:
    """A day (noon UTC) or an ISO time (UTC where it has no zone).

    Raises
    ------
    BadRequest
        If it is no date.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise BadRequest(
            f"date '{text}': give a day as YYYY-MM-DD or a time as YYYY-MM-DDTHH:MM (UTC)."
        ) from error
    if len(text.strip()) <= 10:
        moment = moment.replace(hour=12)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def load_settings(file: Path | None, given: dict[str, Any]) -> MapSettings:
    """Settings from a YAML file, with what was given on the command line over it.

    The date may also stand in the area's file, as a property of its first feature.

    Raises
    ------
    BadRequest
        If the file can't be read, a key is unknown (the nearest right one is named), or a value can't be right.
    """
    stated = read_yaml(file) if file else {}
    known = list(MapSettings.model_fields)
    for key in stated:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.4)
            hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}."
            raise BadRequest(f"settings {file}: unknown setting '{key}'; {hint}")
    typed = {key: value for key, value in given.items() if value is not None}
    if "date" not in stated | typed and isinstance(area := (stated | typed).get("area"), str):
        day = date_of(area)
        typed |= {"date": day} if day else {}
    try:
        return MapSettings.model_validate(stated | typed)
    except ValidationError as error:
        problem = error.errors()[0]
        from_file = file is not None and problem["loc"] and problem["loc"][0] in stated.keys() - typed.keys()
        raise BadRequest((f"settings {file}: " if from_file else "") + _in_words(problem)) from error


def read_yaml(file: Path) -> dict[str, Any]:
    """Keys and values of a YAML file; BadRequest where it can't be read or is no such thing."""
    try:
        content = yaml.safe_load(file.read_text())
    except OSError as error:
        raise BadRequest(
            f"settings {file}: can't be read ({error.strerror}). Give the path of a YAML file."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise BadRequest(f"settings {file}: not YAML ({reason}). Write one `key: value` a line.") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise BadRequest(f"settings {file}: holds no `key: value` lines. Write e.g. `date: 2019-09-17`.")
    return {str(key): _plain(value) for key, value in content.items() if value is not None}


def _plain(value: Any) -> Any:
    """YAML reads an unquoted day as a date; options are text."""
    return value.isoformat() if hasattr(value, "isoformat") else value


def _in_words(problem: ErrorDetails) -> str:
    name = str(problem["loc"][0])
    if problem["type"] == "missing":
        option = "it as the first argument" if name == "area" else f"--{name}"
        return f"'{name}' is missing: give {option}, or `{name}:` in the settings file."
    reason = problem["msg"].removeprefix("Value error, ")
    message = reason[0].lower() + reason[1:]
    return f"{name} '{problem['input']}': {message}. It means: {MapSettings.model_fields[name].description}."
