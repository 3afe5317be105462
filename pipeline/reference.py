"""Dry references: earlier scenes of a radar acquisition's own geometry, chosen once for the whole acquisition.

Same sensor, orbit and beam put the same facets under the same angle, so that no angle needs correcting. Where a
catalogue does not state orbit and beam, the scenes must cover the same ground at the same time of day, as the tracks of
these satellites do, and at the same angle. What was chosen, and why nothing was, is stored with the acquisition: a product
names all it was made of. Angles are compared once more pixel by pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from floodfuse.catalogs.acquisition import RADARS, Acquisition, Sensor
from floodfuse.catalogs.errors import BadRequest
from floodfuse.harmonize.dry_level import YEAR_DAYS, DryLevel, dry_level, harmonics, trusted
from floodfuse.harmonize.radiometry import total_power_db

MOST = 12  # scenes: beyond them the level gains little, and each is read in full
SETTLED_DAYS = (
    5.0  # more than the window before the product's time: what floods within it may have begun earlier
)
SAME_ANGLE_DEG = 1.0
_SAME_HOUR = timedelta(hours=1.0)
_LEAST_OVERLAP = 0.5  # of the smaller footprint, where no orbit is stated
_SAME_LOOKS = 1.25
_SEASONS_PER_DAY = 0.1  # a day farther back counts as a tenth of a day off in season
_SEASONAL = (Sensor.SENTINEL1,)  # C band follows leaves and crops through the year; L band hardly does

Prepare = Callable[[Sequence[Acquisition]], list[Acquisition]]
Float32 = NDArray[np.float32]


def before_the_flood(time: datetime, window_days: float, reference_days: float) -> tuple[datetime, datetime]:
    """First and last moment from which references may come."""
    return time - timedelta(days=reference_days), time - timedelta(days=window_days + SETTLED_DAYS)


def attach(
    acquisitions: Sequence[Acquisition], earlier: Iterable[Acquisition], prepare: Prepare
) -> tuple[Acquisition, ...]:
    """The same prepared acquisitions, each radar with its dry references and a note on them.

    Parameters
    ----------
    acquisitions : prepared, aligned and calibrated
    earlier : of any sensor and geometry, from before the flood
    prepare : checks acquisitions and fills in what they leave unsaid; a reference that it refuses is left out
    """
    ordered = sorted(earlier, key=lambda a: (a.time, a.id))
    ready: dict[str, Acquisition | str] = {}
    return tuple(
        _with_references(a, ordered, prepare, ready) if a.sensor in RADARS else a for a in acquisitions
    )


def _with_references(
    acquisition: Acquisition,
    earlier: Sequence[Acquisition],
    prepare: Prepare,
    ready: dict[str, Acquisition | str],
) -> Acquisition:
    refused: dict[str, str] = {}
    fitting = []
    for candidate in earlier:
        if candidate.sensor is acquisition.sensor and candidate.id != acquisition.id:
            why = other_geometry(acquisition, candidate)
            if why:
                refused[candidate.id] = why
            else:
                fitting.append(candidate)
    chosen: list[Acquisition] = []
    for candidate in ranked(acquisition, fitting):
        if len(chosen) == MOST:
            break
        if candidate.id not in ready:
            ready[candidate.id] = _prepared(candidate, prepare)
        known = ready[candidate.id]
        why = known if isinstance(known, str) else other_values(acquisition, known)
        if why:
            refused[candidate.id] = why
        elif isinstance(known, Acquisition):  # one geometry shares one offset
            chosen.append(known.model_copy(update={"shift": acquisition.shift}))
    chosen.sort(key=lambda a: (a.time, a.id))
    return acquisition.model_copy(
        update={"references": tuple(chosen), "reference_note": _note(chosen, refused)}
    )


def _prepared(candidate: Acquisition, prepare: Prepare) -> Acquisition | str:
    try:
        return prepare([candidate])[0]
    except BadRequest as error:
        return str(error)


def _note(chosen: Sequence[Acquisition], refused: dict[str, str]) -> str:
    found = (
        f"{len(chosen)} earlier scene{'s' if len(chosen) > 1 else ''} of the same geometry"
        if chosen
        else "no earlier scene of the same geometry"
    )
    why = "; ".join(f"{name}: {reason}" for name, reason in sorted(refused.items())[:MOST])
    return f"{found}. Left out: {why}" if refused else found


def other_geometry(acquisition: Acquisition, earlier: Acquisition) -> str | None:
    """Why an earlier acquisition does not look from the same place, by what both state; None where it does."""
    if not set(acquisition.polarizations) & set(earlier.polarizations):
        return f"polarizations {' '.join(earlier.polarizations)}"
    for what in ("relative_orbit", "orbit_state", "beam"):
        mine, other = getattr(acquisition, what), getattr(earlier, what)
        if mine is not None and other is not None and mine != other:
            return f"{what.replace('_', ' ')} {other}, not {mine}"
    a, b = acquisition.outline, earlier.outline
    shared, smaller = a.intersection(b).area, min(a.area, b.area)
    if shared == 0.0:
        return "covers other ground"
    if acquisition.relative_orbit is not None and acquisition.relative_orbit == earlier.relative_orbit:
        return None
    if shared < _LEAST_OVERLAP * smaller:
        return f"no orbit stated, and only {shared / smaller:.0%} of the ground shared"
    day = timedelta(days=1)
    apart = (acquisition.time - earlier.time) % day
    if min(apart, day - apart) > _SAME_HOUR:
        return f"no orbit stated, and seen at another time of day, {earlier.time:%H:%M}"
    return None


def other_values(acquisition: Acquisition, earlier: Acquisition) -> str | None:
    """Why a prepared earlier acquisition's values can't be compared: its angles or looks; None where they can."""
    mine, other = _angles(acquisition), _angles(earlier)
    if (
        mine is not None and other is not None
    ):  # frames of one track share part of a swath: ranges must meet, no more
        off = max(0.0, mine[0] - other[1], other[0] - mine[1])
        if off > SAME_ANGLE_DEG:
            return f"incidence {other[0]:.1f} to {other[1]:.1f} degrees, not {mine[0]:.1f} to {mine[1]:.1f}"
    a, b = acquisition.looks or 1.0, earlier.looks or 1.0
    if max(a, b) > _SAME_LOOKS * min(a, b):
        return f"{b:g} looks, not {a:g}: another product"
    return None


def _angles(acquisition: Acquisition) -> tuple[float, float] | None:
    if acquisition.water_incidence_deg is not None:
        return acquisition.water_incidence_deg
    angle = acquisition.incidence_deg
    return None if angle is None or "incidence" in acquisition.assets else (angle, angle)


def ranked(acquisition: Acquisition, earlier: Sequence[Acquisition]) -> list[Acquisition]:
    """Earlier acquisitions, those to be taken first first: nearest in season, then in time.

    At C band, where there are more than can be taken and they cover the year, such that any number of the first covers it
    as evenly as can be, for a harmonic model.
    """
    days = {a.id: (acquisition.time - a.time).total_seconds() / 86400.0 for a in earlier}
    nearest = sorted(earlier, key=lambda a: (_season(days[a.id]) + _SEASONS_PER_DAY * days[a.id], a.id))
    many = acquisition.sensor in _SEASONAL and len(nearest) > MOST
    if not many or not harmonics(list(days.values())):
        return nearest
    taken = [nearest.pop(0)]
    while nearest:
        gaps = [min(_season(days[a.id] - days[t.id]) for t in taken) for a in nearest]
        taken.append(nearest.pop(int(np.argmax(np.round(gaps, 6)))))
    return taken


def _season(days: float) -> float:
    """Days apart in season: 0 for whole years, at most half a year."""
    phase = days % YEAR_DAYS
    return min(phase, YEAR_DAYS - phase)


def levels(
    acquisition: Acquisition,
    polarizations: Sequence[str],
    incidence_deg: Float32,
    earlier: Sequence[xr.Dataset],
    looks: float,
) -> list[DryLevel | None]:
    """The dry level of each polarization from the acquisition's references; None where no reference has it.

    Parameters
    ----------
    acquisition : prepared, with references
    polarizations : such as ("hh", "hv")
    incidence_deg : (y, x), of the acquisition
    earlier : the references' nodes of the scene, in their order
    looks : of the values on this grid

    Total powers carry the acquisition's own noise floor, whatever the references' was. A pixel whose angle in a
    reference is off by more than 1 degree does not count there, and a level too uncertain to help is none.
    """
    return [_level(acquisition, pol, incidence_deg, earlier, looks) for pol in polarizations]


def _level(
    acquisition: Acquisition, pol: str, incidence_deg: Float32, earlier: Sequence[xr.Dataset], looks: float
) -> DryLevel | None:
    stack, days = [], []
    floor = _floor(acquisition, pol)
    for reference, node in zip(acquisition.references, earlier, strict=True):
        if pol not in node:
            continue
        same = np.abs(node["incidence"].values - incidence_deg) <= SAME_ANGLE_DEG
        held = 0.0 if reference.noise_removed else _floor(reference, pol)
        total = total_power_db(node[pol].values, floor - held, incidence_deg)
        stack.append(np.where(same, total, np.float32(np.nan)))
        days.append((reference.time - acquisition.time).total_seconds() / 86400.0)
    if not stack or not any(np.isfinite(total).any() for total in stack):
        return None
    seasonal = acquisition.sensor in _SEASONAL
    return trusted(dry_level(np.stack(stack), days, looks, 0.0, seasonal), looks)


def _floor(acquisition: Acquisition, pol: str) -> float:
    """Noise floor as sigma0, linear."""
    return float(10.0 ** (acquisition.nesz_db[pol] / 10.0))
