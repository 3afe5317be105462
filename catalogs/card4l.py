"""What JAXA states beside a PALSAR-2 product: CARD4L metadata of ScanSAR Level 2.2 and of the 25 m mosaic.

The two spell the same things differently; both spellings are read. Sources: CARD4L-NRB product family
specification 5.0 and 5.5 (CEOS), and the files JAXA delivers.

The calibration constant is the one the file states, -83 dB in every Level 2.2 and mosaic product. A trap
lies elsewhere: Level 1.5 and 2.1 products of ScanSAR beam W2 that were *ordered* before 2016-09-28 07:00 UT
need -79 dB (JAXA calibration page). It is declared for those by hand (`--calibration -79`), and never holds
for Level 2.2.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from floodfuse.catalogs.acquisition import POLARIZATIONS, MaskConvention, Radiometry
from floodfuse.catalogs.errors import BadRequest

_DECIBELS = re.compile(r"10\*log10\(DN\^2\)([+-]\d+(?:\.\d+)?)$")
_DEGREES = re.compile(r"(\d*\.?\d+)\*DN$")
_RADIOMETRY = {"gamma-0": Radiometry.GAMMA0, "sigma-0": Radiometry.SIGMA0, "beta-0": Radiometry.BETA0}
_YES, _NO = ("TRUE", "YES", "Y"), ("FALSE", "NO", "N")
_MASK_OF_VALID = {"1": MaskConvention.PALSAR2_L22, "255": MaskConvention.PALSAR2_MOSAIC}
_CURE = "Give the product's own CARD4L summary XML, or get the file again."


@dataclass(frozen=True)
class Card4lSummary:
    """What the metadata of one product states.

    Attributes
    ----------
    start, end
        When the radar looked, first and last moment of all acquisitions in the product, UTC.
    frequency_ghz
        Centre frequency.
    polarizations
        As in `POLARIZATIONS`, lower case.
    nesz_db
        Noise-equivalent sigma nought by polarization, dB; empty where not stated. Level 2.2 states the lowest
        over the swath.
    noise_removed
        Whether noise was subtracted; None where not stated.
    orbit_state
        `ascending` or `descending`; None where not stated.
    incidence_near_deg, incidence_far_deg
        Angle at the two edges of the swath; None where not stated.
    mask_convention
        How the mask raster is coded.
    radiometry
        What the values measure.
    calibration_db
        CF in 10 log10(DN^2) + CF.
    incidence_scale
        Degrees per unit of the incidence raster.
    """

    start: datetime
    end: datetime
    frequency_ghz: float
    polarizations: tuple[str, ...]
    nesz_db: dict[str, float]
    noise_removed: bool | None
    orbit_state: str | None
    incidence_near_deg: float | None
    incidence_far_deg: float | None
    mask_convention: MaskConvention
    radiometry: Radiometry
    calibration_db: float
    incidence_scale: float

    @property
    def time(self) -> datetime:
        """The middle of the acquisition."""
        return self.start + (self.end - self.start) / 2


def read_summary(path: str | Path) -> Card4lSummary:
    """Read the CARD4L metadata of a PALSAR-2 product.

    Raises
    ------
    BadRequest
        If the file can't be read, is no XML, or does not describe a CARD4L product of PALSAR-2.
    """
    try:
        root = ET.parse(path).getroot()
    except OSError as error:
        raise BadRequest(f"{path}: can't be read ({error.strerror}). {_CURE}") from error
    except (ET.ParseError, ValueError) as error:
        raise BadRequest(f"{path}: damaged or no XML ({error}). {_CURE}") from error
    if root.find(".//SourceAttributes") is None or "PALSAR" not in _text(root, "Instrument", ""):
        raise BadRequest(f"{path}: XML, but not the CARD4L metadata of a PALSAR-2 product. {_CURE}")
    try:
        return _summary(root)
    except ValueError as error:
        raise BadRequest(f"{path}: CARD4L metadata of PALSAR-2, but {error}. {_CURE}") from error


def _summary(root: ET.Element) -> Card4lSummary:
    near, far = _number(root, "IncAngleNearRange"), _number(root, "IncAngleFarRange")
    frequency = _number(root, "RadarCenterFrequency")
    if frequency is None:
        raise ValueError("RadarCenterFrequency is missing")
    starts = [_moment(e) for tag in ("StartTime", "UTCStartTime") for e in root.iter(tag)]
    ends = [_moment(e) for tag in ("EndTime", "UTCEndTime") for e in root.iter(tag)]
    if not starts or not ends:
        raise ValueError("its start or end time is missing")
    return Card4lSummary(
        start=min(starts),
        end=max(ends),
        frequency_ghz=frequency,
        polarizations=_polarizations(root),
        nesz_db=_nesz(root),
        noise_removed=_noise_removed(root),
        orbit_state=_text(root, "PassDirection", "").lower() or None,
        incidence_near_deg=near,
        incidence_far_deg=far,
        mask_convention=_mask_convention(root),
        radiometry=_radiometry(root),
        calibration_db=_calibration(root),
        incidence_scale=_incidence_scale(root),
    )


def _text(root: ET.Element, tag: str, default: str | None = None) -> str:
    found = (root.findtext(f".//{tag}") or "").strip()
    if not found and default is None:
        raise ValueError(f"{tag} is missing")
    return found or str(default)


def _number(root: ET.Element, tag: str) -> float | None:
    text = _text(root, tag, "N/A")
    return None if text == "N/A" else float(text)


def _moment(element: ET.Element) -> datetime:
    moment = datetime.fromisoformat((element.text or "").strip())
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _polarizations(root: ET.Element) -> tuple[str, ...]:
    named = re.split(r"[\s+,]+", _text(root, "Polarizations").lower())
    found = tuple(p for p in POLARIZATIONS if p in named)
    if not found:
        raise ValueError(f"Polarizations is '{' '.join(named)}'")
    return found


def _nesz(root: ET.Element) -> dict[str, float]:
    """Noise floors by polarization.

    Level 2.2 has `PerformanceIndicators[@pol]/NoiseEquivalentIntensity/Estimates`, the mosaic
    `PerformanceIndicators/NoiseEquivalentSigma0[@pol]`.
    """
    level22 = [
        (e.get("pol"), e.findtext("NoiseEquivalentIntensity/Estimates"))
        for e in root.iter("PerformanceIndicators")
    ]
    mosaic = [(e.get("pol"), e.text) for e in root.iter("NoiseEquivalentSigma0")]
    return {
        pol.strip().lower(): float(value)
        for pol, value in level22 + mosaic
        if pol and value and value.strip() != "N/A"
    }


def _noise_removed(root: ET.Element) -> bool | None:
    text = (_text(root, "NoiseRemovalApplied", "") or _text(root, "NoiseRemoval", "")).upper()
    return True if text in _YES else False if text in _NO else None


def _mask_convention(root: ET.Element) -> MaskConvention:
    valid = _text(root, "DataMask/BitValues/ValidData")
    if valid not in _MASK_OF_VALID:
        raise ValueError(f"its mask codes valid data as {valid}; known are 1 (Level 2.2) and 255 (mosaic)")
    return _MASK_OF_VALID[valid]


def _radiometry(root: ET.Element) -> Radiometry:
    stated = _text(root, "BackscatterMeasurement")
    if stated.lower() not in _RADIOMETRY:
        raise ValueError(f"BackscatterMeasurement is '{stated}', none of Gamma-0, Sigma-0, Beta-0")
    return _RADIOMETRY[stated.lower()]


def _calibration(root: ET.Element) -> float:
    """CF of `10*log10(DN^2)-83.0`, however it is spaced."""
    stated = _text(root, "BackscatterConversionEq")
    found = _DECIBELS.match(re.sub(r"\s", "", stated))
    if found is None:
        raise ValueError(f"BackscatterConversionEq is '{stated}', not of the form 10*log10(DN^2)-83.0")
    return float(found[1])


def _incidence_scale(root: ET.Element) -> float:
    """The factor of `0.01*DN`; the mosaic states none and holds degrees."""
    stated = _text(root, "LocalIncAngle/ConversionEq", "1*DN")
    found = _DEGREES.match(re.sub(r"\s", "", stated))
    if found is None:
        raise ValueError(f"the incidence angle's ConversionEq is '{stated}', not of the form 0.01*DN")
    return float(found[1])
