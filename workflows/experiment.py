"""The settings file of `floodfuse train`: which dataset, and how a network is trained on it."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from floodfuse.catalogs.errors import BadRequest
from floodfuse.models.train_settings import TrainSettings
from floodfuse.pipeline.settings import read_yaml


class Experiment(BaseModel):
    """What a settings file of `floodfuse train` says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str = Field(description="name of a dataset")
    split: str = Field(default="train", description="part of the dataset, where it has parts")
    licence: str = Field(description="of the dataset: it goes on the card of the weights")
    training: TrainSettings


def load_experiment(file: Path, given: dict[str, Any]) -> Experiment:
    """An experiment from its file, with values of `training` given on the command line over it.

    Raises
    ------
    BadRequest
        If the file can't be read, or a key or a value in it can't be right.
    """
    stated = read_yaml(file)
    training = stated.get("training")
    if isinstance(training, dict):
        stated["training"] = _over(training, given)
    try:
        return Experiment.model_validate(stated)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            raise BadRequest(
                f"settings {file}: unknown setting '{place}'{_nearest(problem['loc'])}."
            ) from None
        if problem["type"] == "missing":
            raise BadRequest(f"settings {file}: '{place}' is missing.") from None
        message = problem["msg"].removeprefix("Value error, ")
        raise BadRequest(
            f"settings {file}: {place} '{problem['input']}': {message[0].lower() + message[1:]}."
        ) from None


def _over(training: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    merged = dict(training)
    for name, value in given.items():
        old = merged.get(name)
        merged[name] = old | value if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _nearest(place: tuple[int | str, ...]) -> str:
    """The setting that was perhaps meant."""
    model: Any = Experiment
    for part in place[:-1]:
        field = getattr(model, "model_fields", {}).get(str(part))
        model = field.annotation if field else None
    near = difflib.get_close_matches(str(place[-1]), list(getattr(model, "model_fields", {})), 1, 0.4)
    return f"; did you mean '{near[0]}'?" if near else ""
