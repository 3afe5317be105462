"""What chips.yaml says of a folder of labelled chips: where its files lie, and how their numbers are to be read."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from floodfuse.catalogs.acquisition import Scale
from floodfuse.catalogs.errors import BadRequest
from floodfuse.harmonize.prior import BY_LAND_COVER

CHIP = "{chip}"
ALL = "all"
# Bands of each view, in their order: (VV, VH) or (HH, HV), (green, nir, swir); of pictures VV, and (B11, B8, B3).
BANDS = {
    "backscatter": {"s1/now": 2, "s1/before": 2, "l/now": 2, "s2/now": 3},
    "stretched": {"s1/before": 1, "s1/after": 1, "s2/before": 3, "s2/after": 3},
}
_CALIBRATED = "backscatter"
_LONGEST = 60  # characters of a wrong value that are shown


def _template(path: str) -> str:
    if CHIP not in path or PurePosixPath(path).is_absolute():
        raise ValueError(f"give a path inside the folder, with {CHIP} for the name of a chip")
    return path


def _with_a_group(pattern: str) -> str:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"no regular expression ({error})") from None
    if not groups:
        raise ValueError("put the event in parentheses, such as ^([A-Za-z-]+)_")
    return pattern


def _world_cover(code: int) -> int:
    if code not in BY_LAND_COVER:
        raise ValueError(f"no code of WorldCover; those are {', '.join(map(str, BY_LAND_COVER))}")
    return code


Template = Annotated[str, AfterValidator(_template)]
WorldCover = Annotated[int, AfterValidator(_world_cover)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ViewFile(_Part):
    """Where an image lies, and how its numbers are to be read."""

    path: Template = Field(description="file of a chip, such as s1/{chip}.tif")
    bands: tuple[Annotated[int, Field(ge=1)], ...] | None = Field(
        default=None, description="numbers of its bands, from 1, in the view's order; the first ones"
    )
    scale: Scale | None = Field(default=None, description="of radar: db, power, amplitude or dn")
    calibration_db: Number | None = Field(default=None, description="CF in 20 log10(DN) + CF, of dn")
    factor: Number = Field(
        default=1.0, description="of optical: reflectance is factor times value, plus offset"
    )
    offset: Number = 0.0
    nodata: float | None = Field(
        default=None, description="value where nothing was seen, besides the file's own and NaN"
    )


class TruthFile(_Part):
    """Where the truth lies, and what its numbers mean."""

    path: Template
    values: Mapping[int, str] = Field(min_length=1, description="class of each number")
    unlabelled: tuple[int, ...] = Field(default=(-1, 255), description="numbers where nobody knows")


class CoverFile(_Part):
    """Where a map of land cover lies; scores are told by it."""

    path: Template
    values: Mapping[int, WorldCover] = Field(
        default={},
        description="WorldCover code of each of the file's numbers; where it holds WorldCover, leave it out",
    )


class Description(_Part):
    """A folder of labelled chips."""

    name: str = Field(min_length=1)
    licence: str = Field(min_length=1)
    inputs: Literal["backscatter", "stretched"]
    classes: tuple[str, ...] = Field(min_length=2, max_length=200)
    flooded: tuple[str, ...] = Field(min_length=1, description="those of the classes that are flooded")
    truth: TruthFile
    views: Mapping[str, ViewFile] = Field(min_length=1)
    cover: CoverFile | None = None
    splits: Mapping[str, tuple[str, ...]] = Field(default={}, description="names, or globs such as Spain_*")
    splits_by: Literal["chip", "event"] = Field(default="chip", description="whose names these are")
    event: Annotated[str, AfterValidator(_with_a_group)] | None = Field(
        default=None, description="regular expression on a chip's name, whose first group is its event"
    )

    @model_validator(mode="after")
    def _classes_are_known(self) -> Description:
        twice = [name for name in self.classes if self.classes.count(name) > 1]
        unknown = [name for name in (*self.flooded, *self.truth.values.values()) if name not in self.classes]
        if twice or unknown:
            raise ValueError(
                f"class '{(twice or unknown)[0]}' is {'twice' if twice else 'not'} among 'classes'; they are {', '.join(self.classes)}"
            )
        both = set(self.truth.values) & set(self.truth.unlabelled)
        if (
            both and "unlabelled" in self.truth.model_fields_set
        ):  # of those not stated, what is named is labelled
            raise ValueError(f"truth: {min(both)} is in 'values' and in 'unlabelled'; leave it in one")
        if ALL in self.splits:
            raise ValueError(f"split '{ALL}' is that of all chips; give it another name")
        return self

    @model_validator(mode="after")
    def _views_can_be_read(self) -> Description:
        known = BANDS[self.inputs]
        for view, file in self.views.items():
            if view not in known:
                raise ValueError(f"view '{view}' is none of inputs {self.inputs}{_did_you_mean(view, known)}")
            if file.bands is not None and len(file.bands) != known[view]:
                raise ValueError(f"views.{view}.bands '{list(file.bands)}': give {known[view]} numbers")
            wrong = _wrong_numbers(file, self.inputs == _CALIBRATED, is_radar(view))
            if wrong:
                raise ValueError(f"views.{view}.{wrong}")
        return self


def is_radar(view: str) -> bool:
    """Whether a view is of a radar."""
    return not view.startswith("s2/")


def _wrong_numbers(file: ViewFile, calibrated: bool, radar: bool) -> str | None:
    """What can't be said of such a view, or must be."""
    has_scale, optical = calibrated and radar, calibrated and not radar
    if has_scale != (file.scale is not None):
        known = ", ".join(Scale)
        return (
            f"scale is missing; give one of {known}"
            if has_scale
            else "scale is of calibrated radar; leave it out"
        )
    if (file.calibration_db is not None) != (file.scale is Scale.DN):
        return "calibration_db is what scale dn needs, and no other; add it or leave it out"
    if not optical and (file.factor, file.offset) != (1.0, 0.0):
        return "factor and offset make reflectance; leave them out"
    return None


def describe(stated: Mapping[str, Any], file: Path) -> Description:
    """The description that a file states.

    Raises
    ------
    BadRequest
        If a key or a value can't be right.
    """
    try:
        return Description.model_validate(stated)
    except ValidationError as error:
        raise BadRequest(f"{file}: {_in_words(error.errors()[0])}.") from None


def _in_words(problem: ErrorDetails) -> str:
    place = tuple(part for part in problem["loc"] if part != "[key]")
    name = ".".join(str(part) for part in place)
    if problem["type"] == "missing":
        return f"'{name}' is missing; add it"
    if problem["type"] == "extra_forbidden":
        return f"unknown key '{name}'{_did_you_mean(str(place[-1]), _keys_beside(place))}"
    message = problem["msg"].removeprefix("Value error, ")
    if not place:
        return message
    value = str(problem["input"])
    shown = value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"
    return f"{name} '{shown}': {message[0].lower() + message[1:]}"


def _keys_beside(place: tuple[int | str, ...]) -> list[str]:
    part: type[BaseModel] = Description
    if len(place) > 1:
        of: dict[str, type[BaseModel]] = {"truth": TruthFile, "cover": CoverFile}
        part = of.get(str(place[0]), ViewFile)
    return list(part.model_fields)


def _did_you_mean(name: str, known: Mapping[str, Any] | list[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1, 0.4)
    return f"; did you mean '{near[0]}'?" if near else f"; known are {', '.join(known)}"
