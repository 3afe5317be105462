"""What the synthetic sensors show: speckle, noise, class contrasts, reflectance and clouds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from floodfuse.catalogs.simulated import optical, radar
from floodfuse.catalogs.simulated.clouds import CLOUD_SHARE, OMISSION, make_clouds
from floodfuse.catalogs.simulated.fields import FloatArray, stream
from floodfuse.catalogs.simulated.flood import Flood, make_flood
from floodfuse.catalogs.simulated.landscape import make_landscape
from floodfuse.catalogs.simulated.lattice import averaged, scene_lattice, within
from floodfuse.catalogs.simulated.speckle import detected, look_weights
from floodfuse.harmonize.classes import EvidenceClass

SIZE = 256
SEED = 0


@pytest.fixture(scope="module")
def flood() -> Flood:
    return make_flood(make_landscape(scene_lattice(SIZE), SEED), SEED)


@pytest.fixture(scope="module")
def sentinel1(flood: Flood) -> dict[str, FloatArray]:
    return radar.observe(radar.SENTINEL1, flood, -6.0, flood.landscape.lattice, SEED)


@pytest.fixture(scope="module")
def palsar2(flood: Flood) -> dict[str, FloatArray]:
    lattice = within(flood.landscape.lattice, 25.0)
    return radar.observe(radar.PALSAR2, flood, -20.0, lattice, SEED)


@pytest.mark.parametrize("looks", [1.0, 2.2, 4.4, 16.0])
def test_look_weights_have_the_looks_asked_for(looks: float) -> None:
    weights = look_weights(looks).astype(np.float64)
    assert weights.sum() == pytest.approx(1.0, abs=1e-6)
    assert 1.0 / np.sum(weights**2) == pytest.approx(looks, rel=1e-5)
    assert (weights > 0).all()


@pytest.mark.parametrize("product", [radar.SENTINEL1, radar.PALSAR2], ids=lambda product: product.name)
def test_speckle_has_the_declared_looks_mean_and_correlation(product: radar.Radar) -> None:
    power = np.full((400, 400), 0.2, np.float32)
    image = detected(power, product.looks, product.blur, np.random.default_rng(5)).astype(np.float64)
    assert image.mean() == pytest.approx(0.2, rel=0.02)
    assert image.mean() ** 2 / image.var() == pytest.approx(product.looks, rel=0.1)
    departure = image - image.mean()
    for axis in (0, 1):
        neighbours = np.mean(departure * np.roll(departure, 1, axis)) / image.var()
        assert neighbours == pytest.approx(np.exp(-0.5 / product.blur**2), abs=0.05)
        assert neighbours > 0.2


def test_speckle_does_not_depend_on_what_lies_elsewhere() -> None:
    power = np.full((700, 64), 0.1, np.float32)
    brighter = power.copy()
    brighter[600:] = 1.0
    first, second = (detected(p, 4.4, 0.79, np.random.default_rng(1)) for p in (power, brighter))
    np.testing.assert_array_equal(first[:590], second[:590])


def test_looks_over_a_homogeneous_part_of_a_scene(flood: Flood) -> None:
    lattice = flood.landscape.lattice
    product = radar.SENTINEL1
    surface = np.full((SIZE, SIZE), EvidenceClass.OPEN_WATER, np.uint8)
    calm = np.full((SIZE, SIZE), 4.0, np.float32)
    texture = np.zeros((SIZE, SIZE), np.float32)
    mean = radar.mean_gamma0(product, product.channels[0], flood, surface, texture, calm, SEED)
    image = detected(mean, product.looks, product.blur, stream(SEED, "test"))
    ratio = (image / mean)[:: lattice.size // 128]
    assert 1.0 / ratio.var() == pytest.approx(product.looks, rel=0.25)


def test_levels_over_water_and_land_are_plausible(
    flood: Flood, sentinel1: dict[str, FloatArray], palsar2: dict[str, FloatArray]
) -> None:
    surface = flood.surface_at(-6.0)
    water, land = surface == EvidenceClass.OPEN_WATER, surface == EvidenceClass.DRY_LOW_VEG
    assert 0.003 < sentinel1["vv"][water].mean() < 0.05
    assert 0.05 < sentinel1["vv"][land].mean() < 0.25
    assert sentinel1["vh"][water].mean() < 0.2 * sentinel1["vh"][land].mean()
    wet = _pure(flood, EvidenceClass.OPEN_WATER, -20.0)
    low = _pure(flood, EvidenceClass.DRY_LOW_VEG, -20.0)
    assert palsar2["hh"][wet].mean() < 0.4 * palsar2["hh"][low].mean()
    assert palsar2["hv"][wet].mean() < palsar2["hh"][wet].mean()


def test_noise_is_subtracted_from_sentinel1_and_left_in_palsar2(
    flood: Flood, sentinel1: dict[str, FloatArray], palsar2: dict[str, FloatArray]
) -> None:
    water = flood.surface_at(-6.0) == EvidenceClass.OPEN_WATER
    assert (sentinel1["vh"][water] < 0).mean() > 0.05
    assert (sentinel1["vh"] < 0)[~water].mean() < 0.01
    assert all((image > 0).all() for image in palsar2.values())


def test_flooded_forest_brightens_in_l_band_only() -> None:
    changes_l, changes_c = [], []
    for seed in range(4):
        flood = make_flood(make_landscape(scene_lattice(SIZE), seed), seed)
        lattice = within(flood.landscape.lattice, 25.0)
        hh = radar.observe(radar.PALSAR2, flood, -20.0, lattice, seed)["hh"]
        vv = radar.observe(radar.SENTINEL1, flood, -6.0, flood.landscape.lattice, seed)["vv"]
        wet, dry = (
            _pure(flood, kind, -20.0) for kind in (EvidenceClass.FLOODED_FOREST, EvidenceClass.DRY_FOREST)
        )
        changes_l.append(_contrast_db(hh, wet, dry))
        surface = flood.surface_at(-6.0)
        wet, dry = surface == EvidenceClass.FLOODED_FOREST, surface == EvidenceClass.DRY_FOREST
        changes_c.append(_contrast_db(vv, wet, dry))
    assert all(0.3 < change < 7.0 for change in changes_l), changes_l
    assert 1.2 < np.median(changes_l) < 5.0, changes_l
    assert all(abs(change) < 1.2 for change in changes_c), changes_c


def test_palsar2_counts_give_the_power_back(palsar2: dict[str, FloatArray]) -> None:
    counts = radar.to_dn(palsar2["hh"], -83.0).astype(np.float64)
    gamma0 = counts**2 * 10.0**-8.3
    assert np.abs(10.0 * np.log10(gamma0 / palsar2["hh"])).max() < 0.02
    assert radar.to_dn(np.array([0.0, 1e3], np.float32), -83.0).tolist() == [1, 65535]


def test_averaging_to_another_lattice_keeps_the_mean() -> None:
    scene = scene_lattice(SIZE)
    coarse = within(scene, 25.0)
    level = np.full((SIZE, SIZE), 0.3, np.float32)
    np.testing.assert_allclose(averaged(level, scene, coarse), 0.3, rtol=1e-6)
    ramp = np.broadcast_to(np.arange(SIZE, dtype=np.float32) + 0.5, (SIZE, SIZE))
    offset = (coarse.west - scene.west) / 10.0
    expected = offset + 2.5 * (np.arange(coarse.size) + 0.5)
    np.testing.assert_allclose(averaged(np.ascontiguousarray(ramp), scene, coarse)[3], expected, atol=0.06)


def test_water_has_positive_ndwi_where_the_sky_is_clear(flood: Flood) -> None:
    seen = optical.observe(flood, 30.0, SEED)
    rho = {
        band: (optical.to_dn(seen.reflectance[band]).astype(np.float64) - 1000.0) / 1e4
        for band in optical.BANDS
    }
    ndwi = (rho["green"] - rho["nir"]) / (rho["green"] + rho["nir"])
    surface = flood.surface_at(30.0)
    water = ndimage.binary_erosion(surface == EvidenceClass.OPEN_WATER, iterations=2) & ~seen.clouded
    plants = (surface == EvidenceClass.DRY_FOREST) & ~seen.clouded
    assert np.median(ndwi[water]) > 0.05
    assert (ndwi[water] > 0).mean() > 0.9
    assert (ndwi[plants] < -0.3).mean() > 0.95


def test_trees_hide_the_flood_from_the_camera(flood: Flood) -> None:
    seen = optical.observe(flood, 30.0, SEED)
    surface = flood.surface_at(30.0)
    nir = seen.reflectance["nir"]
    wet = (surface == EvidenceClass.FLOODED_FOREST) & ~seen.clouded
    dry = (surface == EvidenceClass.DRY_FOREST) & ~seen.clouded
    assert np.median(nir[wet]) == pytest.approx(np.median(nir[dry]), rel=0.12)


def test_clouds_cover_their_share_and_the_classification_misses_their_edges(flood: Flood) -> None:
    clouds = make_clouds(flood.landscape.lattice, SEED)
    really = clouds.opacity > 0.03
    assert really.mean() == pytest.approx(CLOUD_SHARE, abs=0.03)
    missed = 1.0 - clouds.cloud_flags()[really].mean()
    assert missed == pytest.approx(OMISSION, abs=0.01)
    scl = optical.observe(flood, 30.0, SEED).scl
    assert 0.07 < np.isin(scl, (8, 9, 10)).mean() < 0.18
    assert 0.02 < (scl == optical.SCL_SHADOW).mean() < 0.18


def test_the_flood_recedes(flood: Flood) -> None:
    flooded = [np.isin(flood.truth_at(hours), (2, 3, 4)).mean() for hours in (-20.0, -6.0, 0.0, 30.0)]
    assert flooded == sorted(flooded, reverse=True)
    assert flooded[0] > flooded[-1]


def _pure(flood: Flood, kind: EvidenceClass, hours: float) -> npt.NDArray[np.bool_]:
    """25 m pixels that lie wholly within one class."""
    scene = flood.landscape.lattice
    share = averaged((flood.surface_at(hours) == kind).astype(np.float32), scene, within(scene, 25.0))
    pure: npt.NDArray[np.bool_] = share > 0.999
    return pure


def _contrast_db(image: FloatArray, bright: npt.NDArray[np.bool_], dark: npt.NDArray[np.bool_]) -> float:
    """Ratio of mean powers, dB."""
    return float(10.0 * np.log10(image[bright].mean() / image[dark].mean()))
