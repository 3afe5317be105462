"""A Sentinel-1 GRD product as delivered, a SAFE folder: what its XML states and the tables that calibrate it.

Read are the manifest (processor, orbit) and, for each polarization, the annotation (geometry), the calibration and the
noise file. The measurement, digital numbers in radar geometry, is named and not opened.
Source: Sentinel-1 product specification (S1-RS-MDA-52-7441); the files themselves.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from floodfuse.catalogs.acquisition import POLARIZATIONS
from floodfuse.catalogs.errors import BadRequest
from floodfuse.harmonize import calibration_tables as ct
from floodfuse.harmonize.radiometry import Quantity

LAST_DOUBTFUL_IPF = 2.34  # calibration tables up to it may be wrong (harmonization.md 1.2)

_TABLES: dict[Quantity, str] = {"beta0": "betaNought", "sigma0": "sigmaNought", "gamma0": "gamma"}
_CURE = "Give a whole SAFE folder of a Sentinel-1 GRD product, or get the product again."
_SAFE = "{http://www.esa.int/safe/sentinel-1.0}"

Float = NDArray[np.float64]
T = TypeVar("T")


@dataclass(frozen=True)
class SafeChannel:
    """One polarization of a product.

    Attributes
    ----------
    polarization
        As in `POLARIZATIONS`.
    measurement
        The image; it need not exist.
    calibration
        A of each quantity, units of DN.
    noise
        Thermal noise, units of DN^2.
    """

    polarization: str
    measurement: Path
    calibration: dict[Quantity, ct.Table]
    noise: ct.Noise


@dataclass(frozen=True)
class Sentinel1Safe:
    """What a GRD product states of itself.

    Attributes
    ----------
    mission, mode
        Such as `S1A` and `IW`.
    ipf
        Version of ESA's processor, 3.31 for "003.31".
    start, end
        First and last line, UTC.
    absolute_orbit, relative_orbit
        Relative orbits count from 1 to 175; scenes of the same one are seen at the same angle.
    orbit_state
        `ascending` or `descending`.
    heading_deg
        Azimuth of flight from north, 0 … 360. The radar looks to the right of it.
    frequency_ghz
        Centre frequency.
    noise_removed
        Whether the processor subtracted thermal noise already; GRD is shipped without.
    shape
        Lines and pixels of the image.
    incidence_deg, longitude, latitude
        On the ellipsoid, on the geolocation grid.
    channels
        By polarization.
    """

    mission: str
    mode: str
    ipf: float
    start: datetime
    end: datetime
    absolute_orbit: int
    relative_orbit: int
    orbit_state: str
    heading_deg: float
    frequency_ghz: float
    noise_removed: bool
    shape: tuple[int, int]
    incidence_deg: ct.Table
    longitude: ct.Table
    latitude: ct.Table
    channels: dict[str, SafeChannel]


def read_safe(path: str | Path) -> Sentinel1Safe:
    """Read a SAFE folder of Sentinel-1 GRD; `path` is the folder or its `manifest.safe`.

    Raises
    ------
    BadRequest
        If a file is missing, damaged, contradicts the others, or was made by IPF 2.34 or older.
    """
    folder = Path(path).parent if Path(path).name == "manifest.safe" else Path(path)
    manifest = folder / "manifest.safe"
    ipf, relative_orbit = _read(manifest, "manifest of a SAFE", "XFDU", _manifest)
    if ipf <= LAST_DOUBTFUL_IPF:
        raise BadRequest(
            f"{manifest}: made by Sentinel-1 IPF {ipf:g}, whose calibration tables may be wrong up to "
            f"{LAST_DOUBTFUL_IPF:g}. Get the product as reprocessed by a later version."
        )
    annotations = sorted((folder / "annotation").glob("*.xml"))
    if not annotations:
        raise BadRequest(f"{folder / 'annotation'}: holds no annotation. {_CURE}")
    channels: dict[str, SafeChannel] = {}
    stated: list[dict[str, Any]] = []
    for file in annotations:
        fields = _read(file, "annotation of a Sentinel-1 GRD product", "product", _annotation)
        channel = _channel(folder, file, fields.pop("polarization"), ipf)
        if channel.polarization in channels:
            raise BadRequest(f"{file}: the second annotation of {channel.polarization.upper()}. {_CURE}")
        channels[channel.polarization] = channel
        stated.append(fields)
    for key in ("mission", "absolute_orbit", "start", "shape"):
        if any(fields[key] != stated[0][key] for fields in stated):
            raise BadRequest(f"{folder}: its annotations differ in {key.replace('_', ' ')}. {_CURE}")
    ordered = {p: channels[p] for p in POLARIZATIONS if p in channels}
    return Sentinel1Safe(ipf=ipf, relative_orbit=relative_orbit, channels=ordered, **stated[0])


def _channel(folder: Path, annotation: Path, polarization: str, ipf: float) -> SafeChannel:
    beside = folder / "annotation" / "calibration"
    calibration = beside / f"calibration-{annotation.name}"
    noise = beside / f"noise-{annotation.name}"
    return SafeChannel(
        polarization,
        folder / "measurement" / f"{annotation.stem}.tiff",
        _read(calibration, "calibration of Sentinel-1", "calibration", _of(polarization, _calibration)),
        _read(noise, "noise of Sentinel-1", "noise", _of(polarization, lambda root: _noise(root, ipf))),
    )


def _read(file: Path, what: str, tag: str, parse: Callable[[ET.Element], T]) -> T:
    """Parse one XML file; whatever is wrong with it becomes a `BadRequest` that names it."""
    try:
        root = ET.parse(file).getroot()
    except OSError as error:
        raise BadRequest(f"{file}: can't be read ({error.strerror}). {_CURE}") from error
    except (ET.ParseError, ValueError) as error:
        raise BadRequest(f"{file}: damaged or no XML ({error}). {_CURE}") from error
    if root.tag.rpartition("}")[2] != tag:
        raise BadRequest(f"{file}: XML, but not the {what}. {_CURE}")
    try:
        return parse(root)
    except ValueError as error:
        raise BadRequest(f"{file}: {what}, but {error}. {_CURE}") from error


def _of(polarization: str, parse: Callable[[ET.Element], T]) -> Callable[[ET.Element], T]:
    """A parser that refuses the file of another polarization."""

    def checked(root: ET.Element) -> T:
        stated = _text(root, "adsHeader/polarisation").lower()
        if stated != polarization:
            raise ValueError(f"it is of {stated.upper()} and belongs to {polarization.upper()}")
        return parse(root)

    return checked


def _text(element: ET.Element, path: str) -> str:
    found = (element.findtext(path) or "").strip()
    if not found:
        raise ValueError(f"{path} is missing")
    return found


def _float(element: ET.Element, path: str) -> float:
    text = _text(element, path)
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise ValueError(f"{path} is '{text}', no number")
    return value


def _whole(element: ET.Element, path: str) -> int:
    text = _text(element, path)
    if not re.fullmatch(r"-?\d+", text):
        raise ValueError(f"{path} is '{text}', no whole number")
    return int(text)


def _moment(element: ET.Element, path: str) -> datetime:
    text = _text(element, path)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{path} is '{text}', no time") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _numbers(element: ET.Element, path: str) -> Float:
    """The numbers of a vector, as many as its `count` says."""
    words = _text(element, path).split()
    try:
        values = np.array(words, dtype=np.float64)
    except ValueError as error:
        raise ValueError(f"{path} holds what is no number ({error})") from error
    stated = element.find(path).get("count", str(values.size))  # type: ignore[union-attr]
    if stated != str(values.size):
        raise ValueError(f"{path} holds {values.size} numbers and says {stated}")
    return values


def _vectors(root: ET.Element, path: str) -> list[ET.Element]:
    """The members of a list, as many as its `count` says."""
    holder = root.find(path)
    found = list(holder) if holder is not None else []
    if holder is None or not found:
        raise ValueError(f"{path} is missing or empty")
    if holder.get("count", str(len(found))) != str(len(found)):
        raise ValueError(f"{path} holds {len(found)} members and says {holder.get('count')}")
    return found


def _manifest(root: ET.Element) -> tuple[float, int]:
    """Version of the processor and relative orbit; of several processing steps the last one is named first."""
    for software in root.iter(f"{_SAFE}software"):
        if software.get("name") == "Sentinel-1 IPF":
            found = re.fullmatch(r"\d+\.\d+", software.get("version", ""))
            if found is None:
                raise ValueError(f"the version of Sentinel-1 IPF is '{software.get('version')}'")
            return float(found[0]), _whole(root, f".//{_SAFE}relativeOrbitNumber")
    raise ValueError("it names no Sentinel-1 IPF among its software")


def _annotation(root: ET.Element) -> dict[str, Any]:
    header, general = "adsHeader", "generalAnnotation/productInformation"
    kind, polarization = _text(root, f"{header}/productType"), _text(root, f"{header}/polarisation").lower()
    if kind != "GRD":
        raise ValueError(f"it is of a {kind} product")
    if polarization not in POLARIZATIONS:
        raise ValueError(f"its polarisation is '{polarization}'")
    orbit_state = _text(root, f"{general}/pass").lower()
    if orbit_state not in ("ascending", "descending"):
        raise ValueError(f"its pass is '{orbit_state}'")
    image, processing = "imageAnnotation/imageInformation", "imageAnnotation/processingInformation"
    shape = _whole(root, f"{image}/numberOfLines"), _whole(root, f"{image}/numberOfSamples")
    if min(shape) < 1:
        raise ValueError(f"its image has {shape[0]} lines and {shape[1]} pixels")
    points = _vectors(root, "geolocationGrid/geolocationGridPointList")
    return {
        "polarization": polarization,
        "mission": _text(root, f"{header}/missionId"),
        "mode": _text(root, f"{header}/mode"),
        "start": _moment(root, f"{header}/startTime"),
        "end": _moment(root, f"{header}/stopTime"),
        "absolute_orbit": _whole(root, f"{header}/absoluteOrbitNumber"),
        "orbit_state": orbit_state,
        "heading_deg": _float(root, f"{general}/platformHeading") % 360.0,
        "frequency_ghz": _float(root, f"{general}/radarFrequency") / 1e9,
        "noise_removed": _text(root, f"{processing}/thermalNoiseCorrectionPerformed") == "true",
        "shape": shape,
        "incidence_deg": _angles(points),
        "longitude": _grid(points, "longitude"),
        "latitude": _grid(points, "latitude"),
    }


def _grid(points: list[ET.Element], name: str) -> ct.Table:
    """One quantity of the geolocation grid, whose points are listed one by one."""
    by_line: dict[int, list[tuple[int, float]]] = {}
    for point in points:
        by_line.setdefault(_whole(point, "line"), []).append((_whole(point, "pixel"), _float(point, name)))
    rows = [sorted(by_line[line]) for line in sorted(by_line)]
    return ct.join(
        sorted(by_line), [[p for p, _ in row] for row in rows], [[v for _, v in row] for row in rows]
    )


def _angles(points: list[ET.Element]) -> ct.Table:
    table = _grid(points, "incidenceAngle")
    low, high = table.values.min(), table.values.max()
    if not 0.0 < low <= high < 90.0:
        raise ValueError(f"its incidence angles run from {low:g} to {high:g} deg")
    return table


def _calibration(root: ET.Element) -> dict[Quantity, ct.Table]:
    vectors = _vectors(root, "calibrationVectorList")
    lines = [_whole(v, "line") for v in vectors]
    pixels = [_numbers(v, "pixel") for v in vectors]
    tables: dict[Quantity, ct.Table] = {}
    for quantity, tag in _TABLES.items():
        tables[quantity] = ct.join(lines, pixels, [_numbers(v, tag) for v in vectors])
        lowest = tables[quantity].values.min()
        if lowest <= 0.0:
            raise ValueError(f"{tag} falls to {lowest:g}; it must be above 0")
    return tables


def _noise(root: ET.Element, ipf: float) -> ct.Noise:
    """Noise in both directions; before IPF 2.9 across the swath only, under older names."""
    both = ipf >= ct.AZIMUTH_NOISE_SINCE_IPF
    names = ("noiseRangeVectorList", "noiseRangeLut")
    if not both and root.find(names[0]) is None:
        names = ("noiseVectorList", "noiseLut")
    vectors = _vectors(root, names[0])
    across = ct.join(
        [_whole(v, "line") for v in vectors],
        [_numbers(v, "pixel") for v in vectors],
        [_not_negative(_numbers(v, names[1]), names[1]) for v in vectors],
    )
    return ct.Noise(across, tuple(_azimuth(root)) if both else ())


def _azimuth(root: ET.Element) -> Iterator[ct.AzimuthNoise]:
    for vector in _vectors(root, "noiseAzimuthVectorList"):
        lines = ct.rising(_numbers(vector, "line"), "lines of azimuth noise")
        factors = _not_negative(_numbers(vector, "noiseAzimuthLut"), "noiseAzimuthLut")
        if lines.shape != factors.shape:
            raise ValueError(f"noiseAzimuthLut holds {factors.size} numbers on {lines.size} lines")
        ends = ("firstAzimuthLine", "lastAzimuthLine", "firstRangeSample", "lastRangeSample")
        top, bottom, left, right = (_whole(vector, end) for end in ends)
        if top > bottom or left > right:
            raise ValueError(f"a window of azimuth noise runs from ({top}, {left}) to ({bottom}, {right})")
        yield ct.AzimuthNoise(top, bottom, left, right, lines, factors)


def _not_negative(values: Float, what: str) -> Float:
    wrong = values[~(np.isfinite(values) & (values >= 0.0))]
    if wrong.size:
        raise ValueError(f"{what} holds {wrong[0]:g}; noise can't be negative")
    return values
