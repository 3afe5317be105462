"""JAXA's metadata, in both spellings, as it really comes; and files that are none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from floodfuse.catalogs import card4l
from floodfuse.catalogs.acquisition import MaskConvention, Radiometry
from floodfuse.catalogs.errors import BadRequest

RealData = Callable[[str], Path]
LEVEL22 = "palsar2_scansar_l22/ALOS2437590500-220630_WWDR2.2GUA_summary.xml"
MOSAIC = "palsar2_mosaic_2020/N23W161_20_F02DAR.xml"
MINIMAL = """<?xml version="1.0"?>
<Product>
  <SourceAttributes>
    <Instrument>PALSAR-2</Instrument>
    <SourceDataAcquisitionTime>
      <StartTime>2022-06-30T15:58:00Z</StartTime><EndTime>2022-06-30T15:58:56Z</EndTime>
    </SourceDataAcquisitionTime>
    <RadarCenterFrequency units="GHz">1.2365</RadarCenterFrequency>
    <Polarizations>HH HV</Polarizations>
  </SourceAttributes>
  <DataMask><BitValues><ValidData>1</ValidData></BitValues></DataMask>
  <BackscatterMeasurement>Gamma-0</BackscatterMeasurement>
  <BackscatterConversionEq units="dB">10*log10(DN^2)-83.0</BackscatterConversionEq>
</Product>
"""


@pytest.fixture
def minimal(tmp_path: Path) -> Callable[[str, str], Path]:
    """`minimal(old, new)`: the smallest sound file, with one piece exchanged."""

    def write(old: str = "", new: str = "") -> Path:
        assert old in MINIMAL
        file = tmp_path / "summary.xml"
        file.write_text(MINIMAL.replace(old, new) if old else MINIMAL)
        return file

    return write


def test_scansar_level_22_as_delivered(real_data: RealData) -> None:
    summary = card4l.read_summary(real_data(LEVEL22))
    assert abs(summary.time - datetime(2022, 6, 30, 15, 58, 28, 260000, UTC)) < timedelta(milliseconds=1)
    assert summary.frequency_ghz == 1.2365
    assert summary.polarizations == ("hh", "hv")
    assert summary.nesz_db == {"hh": -30.0, "hv": -32.5}
    assert summary.noise_removed is False
    assert summary.orbit_state == "ascending"
    assert (summary.incidence_near_deg, summary.incidence_far_deg) == (45.153, 60.590)
    assert summary.mask_convention is MaskConvention.PALSAR2_L22
    assert summary.radiometry is Radiometry.GAMMA0
    assert summary.calibration_db == -83.0
    assert summary.incidence_scale == 0.01


def test_mosaic_as_delivered(real_data: RealData) -> None:
    summary = card4l.read_summary(str(real_data(MOSAIC)))
    assert abs(summary.time - datetime(2020, 9, 9, 10, 44, 19, 414500, UTC)) < timedelta(milliseconds=1)
    assert summary.frequency_ghz == 1.27
    assert summary.polarizations == ("hh", "hv")
    assert summary.nesz_db == {"hh": -41.1, "hv": -49.2}
    assert summary.noise_removed is False
    assert summary.orbit_state == "ascending"
    assert (summary.incidence_near_deg, summary.incidence_far_deg) == (33.687, 38.623)
    assert summary.mask_convention is MaskConvention.PALSAR2_MOSAIC
    assert summary.radiometry is Radiometry.GAMMA0
    assert summary.calibration_db == -83.0
    assert summary.incidence_scale == 1.0


def test_what_is_not_stated_stays_open(minimal: Callable[..., Path]) -> None:
    summary = card4l.read_summary(minimal())
    assert summary.noise_removed is None
    assert summary.nesz_db == {}
    assert summary.orbit_state is None
    assert summary.incidence_near_deg is None


@pytest.mark.parametrize(
    ("text", "expected"), [("TRUE", True), ("Y", True), ("FALSE", False), ("N", False), ("N/A", None)]
)
def test_noise_removal(minimal: Callable[..., Path], text: str, expected: bool | None) -> None:
    file = minimal(
        "<DataMask>",
        f"<NoiseRemoval><NoiseRemovalApplied>{text}</NoiseRemovalApplied></NoiseRemoval><DataMask>",
    )
    assert card4l.read_summary(file).noise_removed is expected


@pytest.mark.parametrize("equation", ["10*log10(DN^2)-79.0", " 10 * log10( DN^2 ) - 79 "])
def test_the_constant_is_the_one_stated(minimal: Callable[..., Path], equation: str) -> None:
    assert card4l.read_summary(minimal("10*log10(DN^2)-83.0", equation)).calibration_db == -79.0


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("1.2365", "fast", "fast"),
        (
            '<RadarCenterFrequency units="GHz">1.2365</RadarCenterFrequency>',
            "",
            "RadarCenterFrequency is missing",
        ),
        ("<EndTime>2022-06-30T15:58:56Z</EndTime>", "", "end time is missing"),
        ("2022-06-30T15:58:56Z", "yesterday", "yesterday"),
        ("HH HV", "left", "Polarizations is 'left'"),
        ("<ValidData>1<", "<ValidData>7<", "valid data as 7"),
        ("Gamma-0", "Delta-0", "Delta-0"),
        ("10*log10(DN^2)-83.0", "20*log10(DN)", "20\\*log10"),
        ("PALSAR-2", "C-SAR", "not the CARD4L metadata"),
        ("</Product>", "", "damaged or no XML"),
        ("<?xml", "not xml <", "damaged or no XML"),
    ],
)
def test_foreign_or_damaged_files_are_refused(
    minimal: Callable[..., Path], old: str, new: str, why: str
) -> None:
    file = minimal(old, new)
    with pytest.raises(BadRequest, match=why) as refusal:
        card4l.read_summary(file)
    assert str(refusal.value).startswith(str(file))
    assert "get the file again" in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n\x00", "<a>é</a>".encode("utf-16")[:5]])
def test_no_xml_at_all(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "summary.xml"
    file.write_bytes(content)
    with pytest.raises(BadRequest, match="damaged or no XML"):
        card4l.read_summary(file)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="can't be read"):
        card4l.read_summary(tmp_path / "missing.xml")
    with pytest.raises(BadRequest, match="can't be read"):
        card4l.read_summary(tmp_path)
