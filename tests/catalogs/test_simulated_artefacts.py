"""What can be wrong with a synthetic product is there, as large as it is said to be, and nowhere else."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from floodfuse.catalogs.acquisition import OBSERVING, Sensor
from floodfuse.catalogs.simulated import artefacts, optical, radar
from floodfuse.catalogs.simulated.archive import make_scene
from floodfuse.catalogs.simulated.fields import FloatArray
from floodfuse.catalogs.simulated.flood import Flood
from floodfuse.catalogs.simulated.lattice import Lattice, averaged, scene_lattice, within
from floodfuse.catalogs.simulated.radar import Overpass
from floodfuse.catalogs.simulated.scenario import RANDOM_SHIFT_SD_PX, Scenario

SIZE, SEED = 256, 3
SHIFT = (0.6, -1.3)
HOURS = {"sentinel1": -6.0, "palsar2": -20.0}
RADARS = pytest.mark.parametrize("product", [radar.SENTINEL1, radar.PALSAR2], ids=lambda p: p.name)


@pytest.fixture(scope="module")
def flood() -> Flood:
    return make_scene(scene_lattice(SIZE), SEED)


class Pair(NamedTuple):
    """The same pass without and with flaws; speckle of both comes from the same numbers."""

    clean: dict[str, FloatArray]
    flawed: dict[str, FloatArray]


@pytest.fixture(scope="module")
def sentinel1(flood: Flood) -> Pair:
    return _pair(flood, radar.SENTINEL1, flood.landscape.lattice)


@pytest.fixture(scope="module")
def palsar2(flood: Flood) -> Pair:
    return _pair(flood, radar.PALSAR2, within(flood.landscape.lattice, 25.0))


def _pair(flood: Flood, product: radar.Radar, lattice: Lattice) -> Pair:
    flawless, flawed = (
        radar.observe(product, flood, HOURS[product.name], lattice, SEED, Overpass(artefacts=flaws))
        for flaws in (False, True)
    )
    return Pair(flawless, flawed)


def moved_by(before: FloatArray, after: FloatArray) -> tuple[float, float]:
    """Shift (rows, columns) between two images, from the phase of their cross spectrum at wavelengths of 7 to 60 px."""
    window = np.hanning(len(before))[:, None] * np.hanning(len(before))[None, :]
    first, second = (np.fft.fft2((image - image.mean()) * window) for image in (before, after))
    cross = second * np.conj(first)
    down, right = np.meshgrid(*2 * [np.fft.fftfreq(len(before))], indexing="ij")
    cycles = np.hypot(down, right)
    used = (cycles < 1.0 / 7.0) & (cycles > 1.0 / 60.0)
    weight = np.sqrt(np.abs(cross[used]))
    slopes = -2.0 * np.pi * np.column_stack([down[used], right[used]]) * weight[:, None]
    found, *_ = np.linalg.lstsq(slopes, np.angle(cross[used]) * weight, rcond=None)
    return float(found[0]), float(found[1])


@RADARS
def test_a_known_shift_is_in_the_expected_image(flood: Flood, product: radar.Radar) -> None:
    hours = HOURS[product.name]
    still = radar.expected(product, flood, hours, SEED)
    moved = radar.expected(product, flood, hours, SEED, Overpass(shift_px=SHIFT))
    for name, image in still.items():
        assert moved_by(image, moved[name]) == pytest.approx(SHIFT, abs=0.03)
        level = [np.log(ndimage.gaussian_filter(mean, 0.6)) for mean in (image, moved[name])]
        assert moved_by(*level) == pytest.approx(
            SHIFT, abs=0.1
        )  # in dB edges are not where they are in power
        assert moved_by(image, image) == pytest.approx((0.0, 0.0), abs=1e-6)
        assert moved[name].mean() == pytest.approx(image.mean(), rel=0.01)
        assert (moved[name] > 0).all()


def test_a_known_shift_is_in_the_optical_image_and_its_classification(flood: Flood) -> None:
    still, moved = optical.observe(flood, 30.0, SEED), optical.observe(flood, 30.0, SEED, (4.0, -6.0))
    for band in ("green", "nir"):
        fine = optical.observe(flood, 30.0, SEED, SHIFT).reflectance[band]
        assert moved_by(still.reflectance[band], fine) == pytest.approx(SHIFT, abs=0.05)
    cloudy = [np.isin(seen.scl, (3, 8, 9, 10)).astype(np.float32) for seen in (still, moved)]
    assert moved_by(*cloudy) == pytest.approx((2.0, -3.0), abs=0.2)  # pixels of 20 m
    assert (moved.clouded != still.clouded).any()


@given(down=st.floats(-3, 3), right=st.floats(-3, 3))
def test_a_shift_keeps_the_range_of_values_and_moves_a_smooth_field(down: float, right: float) -> None:
    line = np.arange(40.0, dtype=np.float32)
    ramp = 2.0 * line[:, None] + 5.0 * line[None, :]
    moved = artefacts.shifted(ramp, (down, right))
    assert ramp.min() <= moved.min() and moved.max() <= ramp.max()
    inside = (slice(16, -16), slice(16, -16))
    np.testing.assert_allclose(moved[inside], (ramp - 2.0 * down - 5.0 * right)[inside], atol=1e-3)


def test_random_shifts_have_their_spread_and_named_ones_stay() -> None:
    scenario = Scenario(shift_px={Sensor.ALOS2: SHIFT}, shift_sd_px=RANDOM_SHIFT_SD_PX)
    drawn = np.array([scenario.shift_of(Sensor.SENTINEL1, seed) for seed in range(400)])
    assert drawn.std() == pytest.approx(RANDOM_SHIFT_SD_PX, rel=0.1)
    assert abs(drawn.mean()) < 0.06
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.15
    assert scenario.shift_of(Sensor.ALOS2, 7) == SHIFT
    assert scenario.shift_of(Sensor.SENTINEL2, 7) != scenario.shift_of(Sensor.SENTINEL1, 7)
    assert all(Scenario().shift_of(sensor, 7) == (0.0, 0.0) for sensor in OBSERVING)


def test_noise_profile_has_three_subswaths() -> None:
    place = np.linspace(0.0, 1.0, 3001, dtype=np.float32)[:-1]
    profile = artefacts.noise_profile_db(place, 3)
    assert (profile.min(), profile.max()) == pytest.approx((-1.0, 2.0), abs=0.01)
    assert profile.mean() == pytest.approx(0.0, abs=0.01)
    lows = np.flatnonzero((profile[1:-1] < profile[:-2]) & (profile[1:-1] <= profile[2:])) + 1
    np.testing.assert_allclose(place[lows], [1 / 6, 1 / 2, 5 / 6], atol=0.002)
    errors = artefacts.noise_error_db(place, 3, np.random.default_rng(0))
    assert len(np.unique(errors)) == 3 and np.abs(errors).max() <= 0.5


def test_uneven_noise_shows_in_dark_sentinel1_values_only(flood: Flood, sentinel1: Pair) -> None:
    """What is subtracted is the noise as annotated: its mean stays, its ripple remains in the spread."""
    images = sentinel1
    angle = radar.incidence_deg(radar.SENTINEL1, flood.landscape.lattice, flood.landscape.lattice)
    place = artefacts.range_fraction(angle, radar.SENTINEL1.near_deg, radar.SENTINEL1.far_deg)
    extra = artefacts.noise_profile_db(place, 3)
    steep = flood.landscape.maps.slope > 25.0
    land = ~np.isin(flood.surface_at(-6.0), (0, 1, 2, 3)) & ~ndimage.binary_dilation(steep, iterations=4)
    land[:, :12] = land[:, -12:] = False
    change = (images.flawed["vh"] - images.clean["vh"])[land]
    ends, middle = extra[land] > 1.0, extra[land] < -0.8
    assert abs(change.mean()) < 3e-4  # a tenth of the noise floor
    assert change[ends].std() > 1.3 * change[middle].std()
    ratio = images.flawed["vv"][land].mean() / images.clean["vv"][land].mean()
    assert abs(10.0 * np.log10(ratio)) < 0.1


def test_borders_are_blank_with_border_noise_beside_them(sentinel1: Pair, palsar2: Pair) -> None:
    images = sentinel1
    blank = np.isnan(images.flawed["vv"])
    np.testing.assert_array_equal(blank, np.isnan(images.flawed["vh"]))
    width = blank[:, : SIZE // 2].sum(axis=1)
    assert set(width) <= set(range(artefacts.BLANK_PX[0], artefacts.BLANK_PX[1] + 1)) and len(set(width)) > 1
    assert not blank[:, 10:-10].any()
    beside = ndimage.binary_dilation(blank, np.ones((1, 2 * artefacts.BORDER_PX + 1))) & ~blank
    assert 0.0 < images.flawed["vv"][beside].max() < 0.01
    assert not np.isnan(palsar2.flawed["hh"]).any()


def test_scalloping_has_its_amplitude_along_azimuth_in_palsar2_only(palsar2: Pair) -> None:
    images = palsar2
    gain = 10.0 * np.log10(np.median(images.flawed["hh"] / images.clean["hh"], axis=1))
    burst = artefacts.BURST_M / 25.0
    along = 2.0 * np.pi * np.arange(len(gain)) / burst
    wave = np.column_stack([np.sin(along), np.cos(along), np.ones(len(gain))])
    (sine, cosine, offset), *_ = np.linalg.lstsq(wave, gain, rcond=None)
    assert np.hypot(sine, cosine) == pytest.approx(artefacts.SCALLOPING_DB, abs=0.05)
    assert abs(offset) < 0.05
    assert gain.std() == pytest.approx(artefacts.SCALLOPING_DB / np.sqrt(2.0), rel=0.2)


def test_interference_raises_rows_and_a_column_in_hv_only(palsar2: Pair) -> None:
    images = palsar2
    raised = {name: _rows_raised(images, name, axis=1) for name in ("hh", "hv")}
    assert raised["hh"].sum() == 0
    assert 3 <= raised["hv"].sum() <= 0.05 * len(raised["hv"])
    columns = np.flatnonzero(_rows_raised(images, "hv", axis=0))
    assert 1 <= len(columns) == np.ptp(columns) + 1 <= 3  # one, spread by the impulse response
    quiet = ~raised["hv"]
    ratio = images.flawed["hv"][quiet] / images.clean["hv"][quiet]
    assert np.abs(10.0 * np.log10(np.median(ratio))) < 0.2


@pytest.mark.parametrize("from_east", [False, True])
@pytest.mark.parametrize(
    ("slope", "laid_over", "shaded"), [(-60.0, 0, 1), (-40, 0, 0), (30, 0, 0), (45, 1, 0)]
)
def test_planes_are_hidden_as_geometry_has_it(
    slope: float, laid_over: int, shaded: int, from_east: bool
) -> None:
    """At 38 degrees: layover where the slope towards the sensor is above 38, shadow where it falls by more than 52."""
    rise = np.tan(np.radians(slope)) * 10.0
    height = np.broadcast_to(rise * np.arange(60.0, dtype=np.float32), (3, 60))[:, :: -1 if from_east else 1]
    angle = np.full(height.shape, 38.0, np.float32)
    layover, shadow = artefacts.hidden(height, angle, 10.0, from_east)
    inner = (slice(None), slice(2, -2))
    assert (layover[inner].mean(), shadow[inner].mean()) == (laid_over, shaded)


@pytest.mark.parametrize("from_east", [False, True])
def test_a_wall_casts_shadow_and_lays_over_as_far_as_its_height_reaches(from_east: bool) -> None:
    """Shadow h tan(theta) behind it, layover h / tan(theta) before it (harmonization.md 7), here of 100 m at 38 degrees."""
    height = np.zeros((2, 100), np.float32)
    wall = 50
    height[:, wall] = 100.0
    angle = np.full(height.shape, 38.0, np.float32)
    layover, shadow = artefacts.hidden(height, angle, 10.0, from_east)
    if from_east:
        layover, shadow = layover[:, ::-1], shadow[:, ::-1]
        wall = len(height[0]) - 1 - wall
    assert shadow[0, wall + 1 :].sum() * 10.0 == pytest.approx(100.0 * np.tan(np.radians(38.0)), abs=10.0)
    assert layover[0, :wall].sum() * 10.0 == pytest.approx(100.0 / np.tan(np.radians(38.0)), abs=10.0)
    assert not shadow[0, :wall].any()


@given(slope=st.floats(-50.0, 37.0), angle=st.floats(38.0, 39.0))
def test_gentle_ground_hides_nothing(slope: float, angle: float) -> None:
    height = np.float32(np.tan(np.radians(slope)) * 10.0) * np.arange(50, dtype=np.float32)[None, :]
    layover, shadow = artefacts.hidden(height, np.full((1, 50), angle, np.float32), 10.0, from_east=False)
    assert not layover.any() and not shadow.any()


def test_hidden_slopes_are_dark_or_bright_in_the_image(flood: Flood) -> None:
    scene, product = flood.landscape.lattice, radar.PALSAR2
    angle = radar.incidence_deg(product, scene, scene)
    layover, shadow = artefacts.hidden(flood.landscape.height, angle, scene.resolution, product.from_east)
    assert layover.sum() > 50
    clean = radar.expected(product, flood, -20.0, SEED)["hh"]
    flawed = radar.expected(product, flood, -20.0, SEED, Overpass(artefacts=True))["hh"]
    ratio_db = 10.0 * np.log10(flawed / clean)
    np.testing.assert_allclose(ratio_db[layover & ~shadow], artefacts.LAYOVER_GAIN_DB, atol=1e-3)
    np.testing.assert_allclose(ratio_db[~layover & ~shadow], 0.0, atol=1e-3)
    assert (ratio_db[shadow] < -30.0).all()


def test_references_share_the_level_of_dry_land_and_nothing_of_speckle(flood: Flood) -> None:
    dry = np.isin(flood.surface_at(-20.0), (4, 5, 6, 7))
    without = _dry(flood)
    means, images = [], []
    for number, days in ((0, 0.0), (1, 12.0), (2, 24.0), (3, 36.0), (4, 48.0)):
        overpass = Overpass(number=number, days_before=days)
        means.append(radar.expected(radar.SENTINEL1, without, -6.0 - 24.0 * days, SEED, overpass))
        images.append(
            radar.observe(
                radar.SENTINEL1, without, -6.0 - 24.0 * days, flood.landscape.lattice, SEED, overpass
            )
        )
    for name in ("vv", "vh"):
        levels = np.array([10.0 * np.log10(mean[name][dry].mean()) for mean in means])
        assert abs(levels[1:].mean() - levels[0]) < 0.3
        assert np.abs(levels[1:] - levels[0]).max() < 0.6
        assert np.ptp(levels) > 0.01
        seen = [ndimage.gaussian_filter(mean[name], radar.SENTINEL1.blur / np.sqrt(2.0)) for mean in means]
        speckle = [(image[name] / mean)[dry] - 1.0 for image, mean in zip(images, seen, strict=True)]
        correlation = np.corrcoef(speckle)
        assert np.abs(correlation - np.eye(5)).max() < 0.05
    river = without.surface_at(0.0) == 0
    water = np.array([mean["vv"][river].mean() for mean in means])
    assert len(np.unique(water)) == 5  # each date has its own wind


def _rows_raised(images: Pair, name: str, axis: int) -> npt.NDArray[np.bool_]:
    """Lines that lie more than 6 robust standard deviations above the others (harmonization.md 1.4)."""
    lines = np.median(10.0 * np.log10(images.flawed[name] / images.clean[name]), axis=axis)
    middle = np.median(lines)
    spread = 1.4826 * np.median(np.abs(lines - middle))
    raised: npt.NDArray[np.bool_] = lines > middle + 6.0 * spread
    return raised


def _dry(flood: Flood) -> Flood:
    return make_scene(flood.landscape.lattice, SEED, Scenario(flooded=False))


def test_averaging_after_the_shift_moves_coarse_products_by_the_same_metres(flood: Flood) -> None:
    scene = flood.landscape.lattice
    coarse = within(scene, 25.0)
    still = radar.expected(radar.PALSAR2, flood, -20.0, SEED)["hh"]
    moved = radar.expected(radar.PALSAR2, flood, -20.0, SEED, Overpass(shift_px=(2.5, -2.5)))["hh"]
    first, second = (averaged(image, scene, coarse) for image in (still, moved))
    assert moved_by(first, second) == pytest.approx((1.0, -1.0), abs=0.05)
