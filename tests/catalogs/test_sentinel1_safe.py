"""A real GRD product as delivered, read as an independent reader reads it; and products cut short or altered."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

from floodfuse.catalogs.errors import BadRequest
from floodfuse.catalogs.sentinel1_safe import Sentinel1Safe, read_safe
from floodfuse.harmonize import calibration_tables as ct
from floodfuse.harmonize.radiometry import Quantity

RealData = Callable[[str], Path]
Alter = Callable[..., Path]
NAME = "S1A_IW_GRDH_1SDV_20210809T173953_20210809T174018_039156_049F13_6FF8.SAFE"
TAGS: dict[Quantity, str] = {"sigma0": "sigmaNought", "beta0": "betaNought", "gamma0": "gamma"}
PARTS = {
    "manifest": "manifest.safe",
    "annotation": "annotation/s1a-iw-grd-vv-*.xml",
    "calibration": "annotation/calibration/calibration-*-vv-*.xml",
    "noise": "annotation/calibration/noise-*-vv-*.xml",
}
# The independent reader joins its datasets in a way that its own dependencies have begun to warn about.
others_warnings = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def folder(real_data: RealData) -> Path:
    return real_data(f"sentinel1_grd_safe/{NAME}")


@pytest.fixture(scope="module")
def safe(folder: Path) -> Sentinel1Safe:
    return read_safe(folder)


@pytest.fixture
def alter(folder: Path, tmp_path: Path) -> Alter:
    """`alter(part, change)`: a copy of the VV half of the product with the text of one file changed."""

    def copy(part: str, change: Callable[[str], str]) -> Path:
        out = tmp_path / NAME
        for pattern in PARTS.values():
            source = next(folder.glob(pattern))
            target = out / source.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        file = next(out.glob(PARTS[part]))
        file.write_text(change(file.read_text()))
        return file

    return copy


def product_of(file: Path) -> Path:
    return next(parent for parent in file.parents if parent.name == NAME)


def test_what_the_product_states(safe: Sentinel1Safe) -> None:
    assert (safe.mission, safe.mode, safe.ipf) == ("S1A", "IW", 3.31)
    assert safe.start == datetime(2021, 8, 9, 17, 39, 53, 153776, UTC)
    assert safe.end == datetime(2021, 8, 9, 17, 40, 18, 152800, UTC)
    assert (safe.absolute_orbit, safe.relative_orbit) == (39156, 59)
    assert safe.relative_orbit == (safe.absolute_orbit - 73) % 175 + 1
    assert safe.orbit_state == "ascending"
    assert safe.heading_deg == pytest.approx(360.0 - 14.16386873562462)
    assert safe.frequency_ghz == pytest.approx(5.405, abs=1e-6)
    assert safe.noise_removed is False
    assert safe.shape == (16676, 26144)
    assert list(safe.channels) == ["vv", "vh"]
    for pol, channel in safe.channels.items():
        assert channel.polarization == pol
        assert channel.measurement.exists() and f"-{pol}-" in channel.measurement.name


def test_the_manifest_stands_for_the_folder(folder: Path, safe: Sentinel1Safe) -> None:
    again = read_safe(str(folder / "manifest.safe"))
    assert (again.mission, again.start, again.shape) == (safe.mission, safe.start, safe.shape)


@others_warnings
@pytest.mark.parametrize("pol", ["vv", "vh"])
def test_tables_are_those_an_independent_reader_finds(folder: Path, safe: Sentinel1Safe, pol: str) -> None:
    """xarray-sentinel, which keeps them in single precision."""
    import xarray_sentinel

    def table(group: str, name: str) -> ct.Table:
        node = xarray_sentinel.open_sentinel1_dataset(str(folder), group=f"IW/{pol.upper()}/{group}")
        return ct.Table(node.line.to_numpy(), node.pixel.to_numpy(), node[name].to_numpy())

    channel = safe.channels[pol]
    found = {"noise_range/noiseRangeLut": channel.noise.across, "gcp/incidenceAngle": safe.incidence_deg}
    found |= {f"calibration/{tag}": channel.calibration[q] for q, tag in TAGS.items()}
    for where, ours in found.items():
        theirs = table(*where.split("/"))
        for mine, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-6)


@pytest.mark.parametrize("pol", ["vv", "vh"])
def test_tables_at_every_pixel_of_a_window(safe: Sentinel1Safe, pol: str) -> None:
    """Against scipy in double precision: over a seam of sub-swaths, and over the last lines."""
    channel = safe.channels[pol]
    tables = [*channel.calibration.values(), channel.noise.across, safe.incidence_deg]
    for lines, pixels in ((slice(1990, 2010), slice(8740, 8780)), (slice(16660, 16676), slice(26100, 26144))):
        line, pixel = np.arange(lines.start, lines.stop), np.arange(pixels.start, pixels.stop)
        for table in tables:
            at = np.meshgrid(np.clip(line, 0, table.lines[-1]), pixel, indexing="ij")
            expected = RegularGridInterpolator(table[:2], table.values)(np.stack(at, axis=-1))
            np.testing.assert_allclose(ct.bilinear(table, line[:, None], pixel), expected, rtol=1e-12)


def test_noise_of_real_sub_swaths(safe: Sentinel1Safe) -> None:
    """eta is range times the azimuth noise of the pixel's own sub-swath, on both sides of the seam."""
    noise = safe.channels["vv"].noise
    assert [(w.first_pixel, w.last_pixel) for w in noise.along] == [(0, 8759), (8760, 17560), (17561, 26143)]
    line = np.arange(3000, 3400)[:, None]
    for window, pixel in zip(noise.along, ((8758, 8759), (8760, 8761), (20000, 20001)), strict=True):
        along = np.interp(line[:, 0], window.lines, window.factors)
        expected = ct.bilinear(noise.across, line, np.array(pixel)) * along[:, None]
        np.testing.assert_allclose(ct.noise_power(noise, line, np.array(pixel)), expected, rtol=1e-12)


@pytest.mark.parametrize("pol", ["vv", "vh"])
def test_the_noise_floor_keeps_what_esa_promises(safe: Sentinel1Safe, pol: str) -> None:
    """1.2: NESZ <= -22 dB; here between -33 and -21.5 dB, scalloped, lowest in mid-swath. No data: no noise is stated."""
    channel = safe.channels[pol]
    line, pixel = np.arange(0, 16676, 97)[:, None], np.arange(0, 25_800, 89)
    floor = 10 * np.log10(ct.nesz_sigma0(channel.noise, channel.calibration["sigma0"], line, pixel))
    assert -33.0 < floor.min() < floor.max() < -21.5
    assert np.median(floor) < -25.0


def test_calibration_tables_close_the_triangle_with_the_angle_of_the_grid(safe: Sentinel1Safe) -> None:
    """1.1: A_sigma / A_beta = 1 / sqrt(sin theta), A_gamma / A_beta = 1 / sqrt(tan theta); heights move it a little."""
    tables = safe.channels["vv"].calibration
    line, pixel = np.arange(0, 16676, 500)[:, None], np.arange(0, 26144, 500)
    theta = np.deg2rad(ct.bilinear(safe.incidence_deg, line, pixel))
    beta, sigma, gamma = (ct.bilinear(tables[q], line, pixel) for q in ("beta0", "sigma0", "gamma0"))
    np.testing.assert_allclose((beta / sigma) ** 2, np.sin(theta), rtol=0.01)
    np.testing.assert_allclose((beta / gamma) ** 2, np.tan(theta), rtol=0.015)


def test_incidence_rises_across_the_swath(safe: Sentinel1Safe) -> None:
    theta = ct.bilinear(safe.incidence_deg, np.arange(0, 16676, 1000)[:, None], np.arange(26144))
    assert 30.0 < theta.min() < 31.0 and 46.0 < theta.max() < 46.5
    assert (np.diff(theta, axis=1) > 0).all()


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9, 0.9999])
def test_a_file_cut_short_is_named(alter: Alter, part: str, share: float) -> None:
    file = alter(part, lambda text: text[: int(share * len(text.rstrip()))])
    with pytest.raises(BadRequest, match="damaged or no XML") as refusal:
        read_safe(product_of(file))
    assert str(refusal.value).startswith(str(file))
    assert "get the product again" in str(refusal.value)


@pytest.mark.parametrize("part", PARTS)
def test_a_missing_file_is_named(alter: Alter, part: str) -> None:
    file = alter(part, str)
    file.unlink()
    with pytest.raises(BadRequest, match=r"can.t be read|holds no annotation") as refusal:
        read_safe(product_of(file))
    assert str(file if part != "annotation" else file.parent) in str(refusal.value)


@pytest.mark.parametrize(
    ("part", "old", "new", "why"),
    [
        ("manifest", '"Sentinel-1 IPF"', '"another"', "names no Sentinel-1 IPF"),
        ("manifest", "003.31", "three", "version of Sentinel-1 IPF is 'three'"),
        ("manifest", ">59<", "><", "relativeOrbitNumber is missing"),
        ("manifest", "xfdu:XFDU", "xfdu:PAPER", "not the manifest"),
        ("annotation", "<productType>GRD", "<productType>SLC", "of a SLC product"),
        ("annotation", "<polarisation>VV", "<polarisation>RR", "polarisation is 'rr'"),
        ("annotation", "<pass>Ascending", "<pass>Sideways", "pass is 'sideways'"),
        ("annotation", "-1.416386873562462e+01", "north", "platformHeading is 'north', no number"),
        ("annotation", "5.405000454334350e+09", "nan", "radarFrequency is 'nan', no number"),
        ("annotation", "<startTime>2021-08-09T", "<startTime>yesterday", "no time"),
        ("annotation", ">26144<", ">many<", "numberOfSamples is 'many', no whole number"),
        ("annotation", ">26144<", ">0<", "16676 lines and 0 pixels"),
        (
            "annotation",
            '<geolocationGridPointList count="210"',
            '<geolocationGridPointList count="9"',
            "says 9",
        ),
        ("annotation", "<incidenceAngle>3.0", "<incidenceAngle>-3.0", "incidence angles run from -3"),
        ("calibration", "<polarisation>VV", "<polarisation>VH", "is of VH and belongs to VV"),
        ("calibration", "6.628682e+02", "6.628682e+0x", "sigmaNought holds what is no number"),
        ("calibration", "6.628682e+02 ", "", "holds 654 numbers and says 655"),
        ("calibration", "4.740000e+02", "-4.740000e+02", "betaNought falls to -474; it must be above 0"),
        ("calibration", "<line>2001</line>", "<line>1</line>", "lines do not rise: 1334, 1"),
        ("calibration", ">0 40 80 ", ">0 80 40 ", "pixels do not rise: 80, 40"),
        ("calibration", "calibrationVectorList", "list", "calibrationVectorList is missing or empty"),
        ("noise", "noiseAzimuthVectorList", "list", "noiseAzimuthVectorList is missing or empty"),
        ("noise", "1.040491e+00", "-1.040491e+00", "noiseAzimuthLut holds -1.04049; noise can't be negative"),
        ("noise", "<lastRangeSample>8759", "<lastRangeSample>-1", "runs from .0, 0. to .16675, -1."),
        ("noise", "<noise>", "<sound>", "damaged"),
        ("noise", "noiseRangeLut", "lut", "noiseRangeLut is missing"),
    ],
)
def test_what_can_not_be_is_refused(alter: Alter, part: str, old: str, new: str, why: str) -> None:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    file = alter(part, change)
    with pytest.raises(BadRequest, match=why) as refusal:
        read_safe(product_of(file))
    assert str(refusal.value).startswith(str(file))
    assert "Give a whole SAFE folder" in str(refusal.value)


@pytest.mark.parametrize("version", ["002.34", "002.20", "001.99"])
def test_doubtful_calibration_is_refused(alter: Alter, version: str) -> None:
    file = alter("manifest", lambda text: text.replace("003.31", version))
    with pytest.raises(BadRequest, match=f"IPF {float(version):g}, .* reprocessed"):
        read_safe(product_of(file))


def test_older_products_have_noise_across_the_swath_only(alter: Alter, safe: Sentinel1Safe) -> None:
    """Before IPF 2.9, which names its vectors otherwise."""

    def older(text: str) -> str:
        text = re.sub(r"<noiseAzimuthVectorList.*</noiseAzimuthVectorList>", "", text, flags=re.DOTALL)
        return text.replace("noiseRangeVector", "noiseVector").replace("noiseRangeLut", "noiseLut")

    file = alter("noise", older)
    manifest = product_of(file) / "manifest.safe"
    manifest.write_text(manifest.read_text().replace("003.31", "002.84"))
    old = read_safe(product_of(file))
    assert old.ipf == 2.84
    noise = old.channels["vv"].noise
    assert noise.along == ()
    new = safe.channels["vv"].noise
    np.testing.assert_array_equal(noise.across.values, new.across.values)
    line, pixel = np.arange(4000, 4100)[:, None], np.arange(200)
    np.testing.assert_array_equal(ct.noise_power(noise, line, pixel), ct.bilinear(new.across, line, pixel))


def test_noise_in_azimuth_of_a_product_before_ipf_2_9_does_not_count(alter: Alter) -> None:
    file = alter("manifest", lambda text: text.replace("003.31", "002.84"))
    assert read_safe(product_of(file)).channels["vv"].noise.along == ()


def test_polarizations_of_two_products_are_not_mixed(alter: Alter, folder: Path) -> None:
    file = alter("annotation", lambda text: text.replace(">39156<", ">39157<"))
    for source in folder.rglob("*-vh-*.xml"):
        shutil.copyfile(source, product_of(file) / source.relative_to(folder))
    with pytest.raises(BadRequest, match="differ in absolute orbit"):
        read_safe(product_of(file))
