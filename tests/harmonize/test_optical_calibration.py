"""Index densities refitted to one acquisition: a known shift found, the prior kept where nothing teaches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from floodfuse.harmonize import optical, optical_calibration
from floodfuse.harmonize.optical import IndexDensities, IndexDensity

Float = NDArray[np.float64]
RealData = Callable[[str], Path]
NDWI = optical.NDWI_DENSITY


def bands(x: Float) -> tuple[Float, Float]:
    """Two reflectances, .2 together, whose atanh(index) is x."""
    b = 0.2 / (1.0 + np.exp(2.0 * x))
    return 0.2 - b, b


def scene(density: IndexDensity, wet: float, size: int = 320) -> Float:
    """x of a scene: a lake over this share of its width, parts mixed within, vegetation and soil in blocks."""
    rng = np.random.default_rng(12)

    def draw(parts: tuple[tuple[float, float, float], ...]) -> Float:
        k = rng.choice(2, (size, size), p=[share for share, _, _ in parts])
        mean, sd = np.array([m for _, m, _ in parts]), np.array([s for _, _, s in parts])
        return mean[k] + sd[k] * rng.normal(size=(size, size))

    edge = wet * size + 20.0 * np.sin(np.arange(size) / 15.0)
    lake = (np.arange(size)[None] < edge[:, None]) & (wet > 0.0)
    return np.where(lake, draw(density.water), draw(density.dry))


def refitted(x: Float, prior: IndexDensity = NDWI) -> IndexDensity:
    a, b = bands(x)
    return optical_calibration.refit(optical_calibration.tiles(a), optical_calibration.tiles(b), prior)


def test_a_known_shift_is_found() -> None:
    """Sun glint and drier soil: water at .25 and .05, soil at -.35. The prior, a ninth of the sample, holds back a little."""
    moved = IndexDensity(
        ((0.7, 0.25, 0.20), (0.3, 0.05, 0.12)), ((0.3, -0.90, 0.30), (0.7, -0.35, 0.12)), -0.9, 0.25
    )
    fit = refitted(scene(moved, 0.4))
    assert fit.dry[1][1] == pytest.approx(-0.35, abs=0.06)  # prior: -.25
    middle = sum(share * mean for share, mean, _ in fit.water)
    assert middle == pytest.approx(0.19, abs=0.05)  # prior: .345
    assert (fit.low, fit.high) == (fit.dry[0][1], fit.water[0][1])
    for parts in (fit.water, fit.dry):
        assert sum(share for share, _, _ in parts) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("surface", ["vegetation", "soil", "both", "asphalt", "edge of both", "water"])
def test_a_scene_of_land_alone_or_water_alone_returns_the_prior(surface: str) -> None:
    """Property 30: all-dry scenes, also of ground whose index is nearly that of turbid water, and an all-wet one."""
    rng = np.random.default_rng(13)
    z, side = rng.normal(size=(320, 320)), rng.random((320, 320)) < 0.5
    x = {
        "vegetation": -0.9 + 0.3 * z,
        "soil": -0.25 + 0.15 * z,
        "both": np.where(side, -0.9 + 0.3 * z, -0.2 + 0.15 * z),
        "asphalt": -0.08 + 0.08 * z,
        "edge of both": -0.05 + 0.15 * z,
        "water": 0.4 + 0.2 * z,
    }[surface]
    assert refitted(x) is NDWI


def test_a_scene_hidden_by_clouds_returns_the_prior() -> None:
    assert refitted(np.full((320, 320), np.nan)) is NDWI
    x = scene(NDWI, 0.4)
    a, b = bands(x)
    a[a > 0] = b[b > 0] = 0.4  # bright in both bands: no land, no water
    assert optical_calibration.refit(a.reshape(10, -1), b.reshape(10, -1), NDWI) is NDWI


def test_a_scene_that_follows_the_prior_stays_close_to_it() -> None:
    fit = refitted(scene(NDWI, 0.4))
    for found, expected in zip(fit.water + fit.dry, NDWI.water + NDWI.dry, strict=True):
        assert found[1] == pytest.approx(expected[1], abs=0.06)
        assert found[2] == pytest.approx(expected[2], abs=0.06)


def test_tiles_cut_an_image_and_drop_the_rest() -> None:
    image = np.arange(70 * 65, dtype=float).reshape(70, 65)
    cut = optical_calibration.tiles(image, 32)
    assert cut.shape == (4, 1024)
    np.testing.assert_array_equal(cut[3].reshape(32, 32), image[32:64, 32:64])
    assert optical_calibration.tiles(image[:10], 32).shape == (1, 650)


@pytest.mark.parametrize(("means", "d"), [((0.0, 2.0), 2.0), ((0.0, 0.0), 0.0), ((3.0, 0.0), 3.0)])
def test_ashman_distance(means: tuple[float, float], d: float) -> None:
    assert optical_calibration.ashman_d(means[0], 1.0, means[1], 1.0) == pytest.approx(d)


def test_a_real_flood_is_told_with_better_odds_without_a_label(real_data: RealData) -> None:
    """Spain_7370579, NDWI and MNDWI, no smoothing: log loss .190 with the prior, .175 with its own; IoU .762 and .759."""
    with rasterio.open(real_data("sen1floods11/S2Hand/Spain_7370579_S2Hand.tif")) as source:
        green, nir, swir = source.read([3, 8, 12]).astype(np.float32) / np.float32(10_000.0)
    with rasterio.open(real_data("sen1floods11/LabelHand/Spain_7370579_LabelHand.tif")) as source:
        truth = source.read(1)
    g, n, s = (optical_calibration.tiles(band) for band in (green, nir, swir))
    fitted = IndexDensities(
        optical_calibration.refit(g, n, NDWI), optical_calibration.refit(g, s, optical.MNDWI_DENSITY)
    )
    loss, iou = [], []
    for densities in (IndexDensities(), fitted):
        nats = optical.water_evidence(green, nir, swir, densities)
        known = (truth >= 0) & np.isfinite(nats)
        water, wet = truth[known] == 1, nats[known] > 0
        loss.append(np.logaddexp(0.0, np.where(water, -nats[known], nats[known])).mean())
        iou.append((wet & water).sum() / (wet | water).sum())
    assert loss[1] < 0.95 * loss[0]
    assert iou[1] > iou[0] - 0.01 and iou[1] > 0.75


def test_a_real_desert_returns_the_prior(real_data: RealData) -> None:
    folder = real_data("sentinel2_l2a/S2A_29RKH_20200219_0_L2A")
    planes = []
    for name in ("B03", "B08"):
        with rasterio.open(folder / f"{name}.tif") as source:
            planes.append(source.read(1).astype(float))
    green, nir = (np.where(plane > 0, plane / 10_000.0, np.nan) for plane in planes)
    cut = optical_calibration.tiles
    assert optical_calibration.refit(cut(green), cut(nir), NDWI) is NDWI
