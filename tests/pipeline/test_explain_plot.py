"""The picture of an explained pixel: densities that are densities, the value in them, and a file that is a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from floodfuse.catalogs.errors import BadRequest
from floodfuse.harmonize import optical
from floodfuse.harmonize.classes import EvidenceClass
from floodfuse.harmonize.densities import class_mean_db, class_sd_db
from floodfuse.harmonize.joint import POWER_AXIS_DB
from floodfuse.harmonize.likelihood import log_density, per_db
from floodfuse.harmonize.radiometry import from_db
from floodfuse.pipeline.explain import ChannelView, Explanation, SensorView
from floodfuse.pipeline.explain_plot import class_densities, draw, index_densities, write_plot

THETA, LOOKS = 38.0, 4.4
VV = ChannelView("C_VV", -12.0, -11.7, -24.0, -22.97)
VH = ChannelView("C_VH", None, None, -26.0, -24.97)
CLASSES = {k.name.lower(): 1 / 8 for k in EvidenceClass}


def radar(*channels: ChannelView) -> SensorView:
    observed = {"vv_gamma0_db": -12.0, "incidence": THETA}
    return SensorView(
        "sentinel1", "s1", 6.0, "2024-03-12 06:00 UTC", observed, list(channels), LOOKS, CLASSES
    )


def eyes(**observed: float) -> SensorView:
    return SensorView("sentinel2", "s2", 30.0, "2024-03-13 11:00 UTC", observed, evidence_nats=CLASSES)


def explained(*views: SensorView) -> Explanation:
    return Explanation(
        lon=-0.9,
        lat=38.0,
        map_class="Dry land",
        probability=0.1,
        uncertainty_bits=0.5,
        ever_flooded=0.2,
        conflict_nats=None,
        decider="Prior",
        reasons=[],
        flags=[],
        sensors=list(views),
        passes=[],
        terrain={},
        rise_nats=None,
        prior=CLASSES,
        posterior=CLASSES,
        fusion="bayes",
        by_bayes=0.1,
        weights={},
        matches_product=True,
    )


def test_curves_are_the_exact_densities_of_the_classes() -> None:
    """Texture in shared and own parts is the whole spread again, so each ground class is the plain Gamma-lognormal."""
    found = class_densities(VV, radar(VV))
    power, floor = from_db(POWER_AXIS_DB), float(from_db(-24.0) / np.cos(np.deg2rad(THETA)))
    for k, curve in found.items():
        assert np.trapezoid(curve, POWER_AXIS_DB) == pytest.approx(1.0, abs=0.02), k
        if k is not EvidenceClass.OPEN_WATER:  # whose level is the wind's
            mean, sd = class_mean_db("C_VV", k, THETA), class_sd_db("C_VV", k)
            exact = np.exp(per_db(log_density(power, mean, sd, LOOKS, floor), power))
            np.testing.assert_allclose(curve, exact, atol=0.003)
    assert set(found) == set(EvidenceClass)


def test_curves_stand_where_the_scene_told_its_ground_to_be() -> None:
    told = radar(VV)
    told.facts["ground_levels"] = [["C_VV", int(EvidenceClass.DRY_FOREST), 1.5, 0.7]]
    power, floor = from_db(POWER_AXIS_DB), float(from_db(-24.0) / np.cos(np.deg2rad(THETA)))
    mean, sd = (f("C_VV", EvidenceClass.DRY_FOREST, THETA) for f in (class_mean_db, class_sd_db))
    exact = np.exp(per_db(log_density(power, mean + 1.5, 0.7 * sd, LOOKS, floor), power))
    np.testing.assert_allclose(class_densities(VV, told)[EvidenceClass.DRY_FOREST], exact, atol=0.004)


@pytest.mark.parametrize("variance", [0.0, 0.1, 1.0])
def test_index_curves_tell_as_the_evidence_does(variance: float) -> None:
    water, dry = index_densities(optical.NDWI_DENSITY, variance)
    axis = np.linspace(-1.9, 1.9, water.size)
    for curve in (water, dry):
        assert 0.6 < np.trapezoid(curve, axis) < 1.02
    if variance == 0.1:  # reflectances with that very error: sd 0.01 in each band
        level = 0.01 / np.sqrt(0.2)
        middle = water.size // 2
        expected = float(optical.index_evidence([level], [level], optical.NDWI_DENSITY)[0])
        assert np.log(water[middle] / dry[middle]) == pytest.approx(expected, abs=1e-4)


def test_the_value_stands_where_it_was_measured() -> None:
    figure = draw(explained(radar(VV)), [radar(VV)])
    (axes,) = figure.axes
    assert any(np.allclose(line.get_xdata(), -11.7) for line in axes.lines)
    assert "-11.7 dB" in [text.get_text() for text in axes.texts]


def test_a_value_without_decibels_is_left_out_and_its_curves_are_not() -> None:
    figure = draw(explained(radar(VH)), [radar(VH)])
    assert len(figure.axes[0].lines) == len(EvidenceClass)


@pytest.mark.parametrize(
    ("views", "panels"),
    [
        ([radar(VV, VH)], 2),
        ([radar(VV), eyes(green=0.06, nir=0.02, swir=0.01)], 3),
        ([eyes(green=0.06, nir=0.02)], 1),
        ([eyes(green=-0.01, nir=0.9, swir=float("nan"))], 1),
    ],
)
def test_a_panel_for_every_value_in_a_whole_picture(
    views: list[SensorView], panels: int, tmp_path: Path
) -> None:
    found = explained(*views, SensorView("alos2", None, None))
    assert len(draw(found, views).axes) == panels
    file = tmp_path / "pixel.png"
    write_plot(found, file)
    picture = imread(file)
    assert picture.shape[1] == 1500
    assert np.unique((picture[..., :3] * 255).round().reshape(-1, 3), axis=0).shape[0] > 50
    again = tmp_path / "again.png"
    write_plot(found, again)
    assert file.read_bytes() == again.read_bytes()


def test_nothing_seen_and_nowhere_to_write_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="no sensor saw this pixel"):
        write_plot(explained(SensorView("sentinel1", None, None)), tmp_path / "pixel.png")
    with pytest.raises(BadRequest, match="can't be written"):
        write_plot(explained(radar(VV)), tmp_path / "none" / "pixel.png")
