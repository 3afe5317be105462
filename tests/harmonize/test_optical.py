"""Water indices, what they say, and the mask of the sky (harmonization.md 5)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import norm

from floodfuse.harmonize import optical
from floodfuse.harmonize.optical import IndexDensity

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]
RealData = Callable[[str], Path]
reproducible = settings(deadline=None, derandomize=True, max_examples=60)
reflectances = st.floats(0.005, 0.6)

# Green, near infrared, short-wave infrared of the spectra of section 5, and their NDWI and MNDWI.
SPECTRA = {
    "clear water": (0.05, 0.02, 0.008, 0.428571, 0.724138),
    "turbid flood": (0.11, 0.09, 0.025, 0.1, 0.62963),
    "vegetation": (0.06, 0.40, 0.20, -0.73913, -0.538462),
    "dry soil": (0.13, 0.26, 0.34, -0.333333, -0.446809),
    "wet soil": (0.08, 0.14, 0.14, -0.272727, -0.272727),
    "asphalt": (0.12, 0.15, 0.18, -0.111111, -0.2),
    "shadow": (0.025, 0.03, 0.02, -0.0909091, 0.111111),
}


@pytest.mark.parametrize("surface", SPECTRA)
def test_indices_of_known_spectra(surface: str) -> None:
    green, nir, swir, ndwi, mndwi = SPECTRA[surface]
    assert optical.normalised_difference(green, nir) == pytest.approx(ndwi, rel=1e-5)
    assert optical.normalised_difference(green, swir) == pytest.approx(mndwi, rel=1e-5)


def test_a_forgotten_offset_turns_clear_water_into_doubtful_water() -> None:
    """Baseline 04.00: DN 1500 and 1200 are NDWI .4286 with the offset and .1111 without."""
    dn = np.array([1500, 1200], np.uint16)
    right, wrong = optical.reflectance(dn, optical.OFFSET_DN), optical.reflectance(dn, 0.0)
    assert optical.normalised_difference(*right) == pytest.approx(0.428571, abs=1e-6)
    assert optical.normalised_difference(*wrong) == pytest.approx(0.111111, abs=1e-6)


@reproducible
@given(a=reflectances, b=reflectances, gain=st.floats(0.1, 10.0))
def test_index_ignores_illumination_and_changes_sign_with_its_bands(a: float, b: float, gain: float) -> None:
    """Property 22, to 1e-12."""
    index = float(optical.normalised_difference(a, b))
    assert optical.normalised_difference(gain * a, gain * b) == pytest.approx(index, abs=1e-12)
    assert optical.normalised_difference(b, a) == -index
    assert -1.0 <= index <= 1.0


def test_haze_pulls_the_index_towards_zero_as_the_formula_says() -> None:
    green, nir, haze = 0.05, 0.02, 0.03
    clear = optical.normalised_difference(green, nir)
    hazy = optical.normalised_difference(green + haze, nir + haze)
    assert hazy == pytest.approx(float(clear) / (1 + 2 * haze / (green + nir)), abs=1e-12)


@pytest.mark.parametrize(("darkest", "still_in"), [(1010, True), (150, False), (750, None)])
def test_offset_guard_reads_the_darkest_pixels(darkest: int, still_in: bool | None) -> None:
    """Above 900 the offset is still in, below 600 it is out; between, nobody can tell."""
    dn = np.random.default_rng(2).integers(darkest, 4000, 200_000).astype(np.uint16)
    dn[:1000] = 0  # no data is not dark ground
    assert optical.offset_still_in(dn) is still_in


def test_offset_guard_can_not_tell_from_nothing() -> None:
    assert optical.offset_still_in(np.zeros(100, np.uint16)) is None
    assert optical.offset_still_in(np.full(5, np.nan)) is None


def plain_evidence(a: float, b: float, density: IndexDensity) -> float:
    """Mixtures of section 5 in double precision: x = 0.5 ln(a/b), sd .01 in each band, 5 % outliers of 1/6."""
    x = min(max(0.5 * np.log(a / b), density.low), density.high)
    sd_x = 0.5 * 0.01 * np.sqrt(1 / a**2 + 1 / b**2)

    def mixture(parts: tuple[tuple[float, float, float], ...]) -> float:
        return float(sum(share * norm.pdf(x, mean, np.hypot(sd, sd_x)) for share, mean, sd in parts))

    water, dry = (0.95 * mixture(parts) + 0.05 / 6.0 for parts in (density.water, density.dry))
    return float(np.log(water / dry))


@pytest.mark.parametrize("density", [optical.NDWI_DENSITY, optical.MNDWI_DENSITY])
@reproducible
@given(a=reflectances, b=reflectances)
def test_kernel_equals_the_plain_mixture(density: IndexDensity, a: float, b: float) -> None:
    nats = optical.index_evidence(np.array([a]), np.array([b]), density)
    assert nats.dtype == np.float32
    assert nats[0] == pytest.approx(plain_evidence(a, b, density), abs=1e-4)


def test_ndwi_mixture_is_the_one_of_the_derivation() -> None:
    water, dry = ((0.7, 0.45, 0.25), (0.3, 0.10, 0.15)), ((0.6, -0.90, 0.30), (0.4, -0.25, 0.15))
    assert optical.NDWI_DENSITY[:2] == (water, dry)
    for density in (optical.NDWI_DENSITY, optical.MNDWI_DENSITY):
        for parts in (density.water, density.dry):
            assert sum(share for share, _, _ in parts) == pytest.approx(1.0)


@pytest.mark.parametrize("density", [optical.NDWI_DENSITY, optical.MNDWI_DENSITY])
@pytest.mark.parametrize("brightness", [0.3, 0.6, 1.0])
def test_wetter_index_never_speaks_much_less_for_water(density: IndexDensity, brightness: float) -> None:
    """Within the cap, and where no band is so dark (below .05) that its error decides: see the next tests."""
    x = np.linspace(-1.5, 1.5, 1201)
    b = brightness / (1.0 + np.exp(2.0 * x))
    a = brightness - b
    lit = np.minimum(a, b) > 0.05
    nats = np.clip(optical.index_evidence(a, b, density)[lit], -4.0, 4.0)
    assert (np.maximum.accumulate(nats) - nats).max() < 0.06
    assert nats[0] == -4.0 and nats[-1] > 3.5


def evidence(green: float, nir: float, swir: float | None = None) -> float:
    def image(value: float) -> Float32:
        return np.full((1, 1), value, np.float32)

    return float(
        optical.water_evidence(image(green), image(nir), None if swir is None else image(swir))[0, 0]
    )


@pytest.mark.parametrize("surface", SPECTRA)
def test_both_indices_tell_every_known_spectrum_the_right_way(surface: str) -> None:
    nats = evidence(*SPECTRA[surface][:3])
    if "water" in surface or "flood" in surface:
        assert nats > 1.5
    elif surface == "shadow":
        assert abs(nats) < 1.0  # dark and neutral: not to be decided from colour
    else:
        assert nats < -1.5


def test_short_wave_infrared_rescues_turbid_floods() -> None:
    green, nir, swir = SPECTRA["turbid flood"][:3]
    assert evidence(green, nir, swir) > evidence(green, nir) > 0.0


def test_pooled_indices_are_worth_less_than_two_and_missing_swir_falls_back() -> None:
    green, nir, swir = 0.12, 0.15, 0.13
    one = optical.index_evidence([[green]], [[nir]], optical.NDWI_DENSITY)[0, 0]
    two = optical.index_evidence([[green]], [[swir]], optical.MNDWI_DENSITY)[0, 0]
    assert evidence(green, nir, swir) == pytest.approx((one + two) / 1.6, abs=1e-5)
    assert evidence(green, nir, np.nan) == evidence(green, nir) == pytest.approx(one, abs=1e-6)


@pytest.mark.parametrize(("green", "nir"), [(np.nan, 0.1), (0.1, np.nan), (0.3, 0.3)])
def test_missing_or_bright_pixels_say_nothing(green: float, nir: float) -> None:
    assert np.isnan(evidence(green, nir, 0.1))


@reproducible
@given(green=st.floats(-0.125, 0.25, width=32), nir=st.floats(-0.125, 1.0, width=32), swir=reflectances)
def test_evidence_is_finite_and_capped_even_where_reflectance_is_negative(
    green: float, nir: float, swir: float
) -> None:
    assert abs(evidence(green, nir, swir)) <= optical.SENSOR_CAP_NATS


def test_dark_pixels_lose_weight() -> None:
    """The same index at a tenth of the light says less: the error of reflectance is additive."""
    assert 0.0 < evidence(0.005, 0.002) < 0.5 * evidence(0.05, 0.02)


def brute_force(marked: Bool, distance_px_squared: float) -> Bool:
    """Every pixel against every marked pixel, in integers."""
    rows, columns = np.mgrid[: marked.shape[0], : marked.shape[1]]
    near = np.zeros(marked.shape, bool)
    for r, c in np.argwhere(marked):
        near |= (rows - r) ** 2 + (columns - c) ** 2 <= distance_px_squared
    return near


@pytest.mark.parametrize("distance_m", [150.0, 60.0])
@pytest.mark.parametrize("resolution_m", [10.0, 20.0, 30.0])
def test_dilation_distances_are_exact(distance_m: float, resolution_m: float) -> None:
    marked = np.random.default_rng(8).random((60, 70)) < 0.002
    assert marked.any()
    got = optical.within(distance_m, marked, resolution_m)
    np.testing.assert_array_equal(got, brute_force(marked, (distance_m / resolution_m) ** 2))


def test_nothing_marked_means_nothing_near() -> None:
    assert not optical.within(150.0, np.zeros((5, 6), bool), 10.0).any()


def test_clouds_hide_150_m_and_shadows_60_m_around_them() -> None:
    scl = np.full((41, 90), 4, np.uint8)
    scl[20, 20], scl[20, 65] = 9, optical.SCL_SHADOW
    clear = optical.clear_sky(scl, 10.0)
    np.testing.assert_array_equal(~clear, brute_force(scl == 9, 15**2) | brute_force(scl == 3, 6**2))


@pytest.mark.parametrize("code", range(12))
def test_only_plants_soil_water_and_unclassified_ground_are_seen(code: int) -> None:
    """Section 5: keep 4, 5, 6, 7; no data, defects, dark areas and snow are not ground seen, nor do they spread."""
    scl = np.full((40, 40), 6, np.uint8)
    scl[0, 0] = code
    clear = optical.clear_sky(scl, 10.0)
    assert clear[0, 0] == (code in (4, 5, 6, 7))
    assert clear[0, 1] == (code not in (3, 8, 9, 10))
    assert clear[39, 39]


# Blue, green, near, first and second short-wave infrared of section 5, and AWEInsh and AWEIsh.
AWEI_SPECTRA = {
    "clear_water": (0.045, 0.05, 0.02, 0.008, 0.005),
    "turbid_flood": (0.09, 0.11, 0.09, 0.025, 0.015),
    "veg": (0.03, 0.06, 0.40, 0.20, 0.09),
    "dry_soil": (0.09, 0.13, 0.26, 0.34, 0.28),
    "wet_soil": (0.05, 0.08, 0.14, 0.14, 0.10),
    "asphalt": (0.10, 0.12, 0.15, 0.18, 0.17),
    "shadow": (0.03, 0.025, 0.03, 0.02, 0.01),
}
AWEI = {
    "clear_water": (0.14925, 0.12675),
    "turbid_flood": (0.27625, 0.18875),
    "veg": (-0.9075, -0.7425),
    "dry_soil": (-1.675, -0.555),
    "wet_soil": (-0.55, -0.195),
    "asphalt": (-0.745, -0.1375),
    "shadow": (-0.015, 0.015),
}


@pytest.mark.parametrize("surface", AWEI)
def test_awei_of_known_spectra(surface: str) -> None:
    """The second infrared term is subtracted: added, as one public library has it, wet soil would pass for water."""
    blue, green, nir, swir1, swir2 = AWEI_SPECTRA[surface]
    nsh, sh = AWEI[surface]
    assert optical.awei_nsh(green, nir, swir1, swir2) == pytest.approx(nsh, abs=1e-9)
    assert optical.awei_sh(blue, green, nir, swir1, swir2) == pytest.approx(sh, abs=1e-9)
    if surface != "shadow":
        assert (nsh > 0) == (sh > 0) == (surface in ("clear_water", "turbid_flood"))


@reproducible
@given(bands=st.tuples(*[reflectances] * 5), gain=st.floats(0.1, 10.0))
def test_awei_grows_with_the_light_and_keeps_only_its_sign(
    bands: tuple[float, float, float, float, float], gain: float
) -> None:
    lit = tuple(gain * band for band in bands)
    assert optical.awei_nsh(*lit[1:]) == pytest.approx(gain * optical.awei_nsh(*bands[1:]), abs=1e-12)
    assert optical.awei_sh(*lit) == pytest.approx(gain * optical.awei_sh(*bands), abs=1e-12)


def real_bands(real_data: RealData, which: str) -> Float32:
    """Green and near infrared of a real scene, (band, y, x) reflectance, NaN where there is none."""
    if which == "Level 2A":
        folder = real_data("sentinel2_l2a/S2A_29RKH_20200219_0_L2A")
        planes = []
        for name in ("B03", "B08"):
            with rasterio.open(folder / f"{name}.tif") as source:
                planes.append(source.read(1))
        bands = np.stack(planes).astype(np.float32)
    else:
        with rasterio.open(real_data("sen1floods11/S2Hand/Spain_7370579_S2Hand.tif")) as source:
            bands = source.read([3, 8]).astype(np.float32)
    bands[:, (bands <= 0).any(axis=0)] = np.nan
    return bands / np.float32(optical.QUANTIFICATION)


@pytest.mark.parametrize("which", ["Level 2A", "Level 1C"])
@pytest.mark.parametrize("gain", [0.37, 0.8, 1.9])
def test_ndwi_of_real_scenes_ignores_illumination(real_data: RealData, which: str, gain: float) -> None:
    """Property 22 on real Sentinel-2; the same haze on both bands, which is no gain, does move the index."""
    green, nir = (band[np.isfinite(band)].astype(float) for band in real_bands(real_data, which))
    index = optical.normalised_difference(green, nir)
    np.testing.assert_allclose(optical.normalised_difference(gain * green, gain * nir), index, atol=1e-12)
    np.testing.assert_allclose(optical.normalised_difference(nir, green), -index, atol=1e-12)
    hazy = optical.normalised_difference(green + 0.02, nir + 0.02)
    assert np.abs(hazy - index).max() > 0.01 and (np.abs(hazy) <= np.abs(index)).all()


@pytest.mark.parametrize(("sun", "seen"), [(None, False), (29.9, False), (30.0, False), (30.1, True)])
def test_dark_areas_are_seen_under_a_high_sun_and_out_of_the_shadow_of_terrain(
    sun: float | None, seen: bool
) -> None:
    scl = np.full((30, 30), 5, np.uint8)
    scl[:10] = optical.SCL_DARK
    shade = np.zeros(scl.shape, bool)
    shade[:, :15] = True
    assert (optical.clear_sky(scl, 10.0, sun)[:10] == seen).all()
    assert (optical.clear_sky(scl, 10.0, sun, shade)[:10, 15:] == seen).all()
    assert not optical.clear_sky(scl, 10.0, sun, shade)[:10, :15].any()
    assert optical.clear_sky(scl, 10.0, sun, shade)[10:].all()  # shadow hides only what is dark


def test_a_cloud_hides_dark_areas_beside_it() -> None:
    scl = np.full((40, 40), optical.SCL_DARK, np.uint8)
    scl[20, 20] = 9
    clear = optical.clear_sky(scl, 10.0, 60.0)
    assert not clear[20, 30] and clear[20, 39]
