"""Names of views: `sensor/time`, such as `s1/after`; and `sensor/time:part`, such as `c/now:vv`, what an image holds beside itself."""

from __future__ import annotations

from collections.abc import Iterable


def sensor_of(view: str) -> str:
    """The sensor of a view: what stands before the slash."""
    return view.split("/", 1)[0]


def image_of(view: str) -> str:
    """The image that a view is, or is a part of: what stands before the colon."""
    return view.split(":", 1)[0]


def names_of(view: str) -> tuple[str, str, str]:
    """What a view may be called when it is left out: by its own name, with its image, or with its sensor."""
    return view, image_of(view), sensor_of(view)


def sensors_in(views: Iterable[str]) -> tuple[str, ...]:
    """Sensors in alphabetical order, which is that of every network: the order of a dict changes nothing."""
    return tuple(sorted({sensor_of(view) for view in views}))
