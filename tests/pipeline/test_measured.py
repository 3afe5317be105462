"""What sensors measured: total power at 38 degrees, water indices, and whose it is where several acquisitions look."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from floodfuse.catalogs.acquisition import Acquisition, Asset
from floodfuse.harmonize.angle import gamma0_at_38
from floodfuse.harmonize.classes import Decider
from floodfuse.harmonize.radiometry import noise_gamma0
from floodfuse.models.inputs import measured as inputs
from floodfuse.pipeline.measured import Parts, merged, optical_parts, radar_parts
from floodfuse.pipeline.scene import prepare, read_scene
from floodfuse.pipeline.weigh import Evidence, weigh
from tests.pipeline.test_weigh import GRID, TIME, radar, write

SHAPE = (12, 16)
NONE = {"vv": 0.0, "vh": 0.0, "hh": 0.0, "hv": 0.0}


def flat(db: float) -> NDArray[np.float32]:
    return np.full(SHAPE, 10.0 ** (db / 10.0), np.float32)


def angle(deg: float) -> NDArray[np.float32]:
    return np.full(SHAPE, deg, np.float32)


@pytest.mark.parametrize("theta", [25.0, 30.0, 38.0, 46.0])
def test_power_is_told_at_38_degrees_by_the_law_of_low_plants(theta: float) -> None:
    parts = radar_parts("C", {"vv": flat(-11.0), "vh": flat(-17.0)}, NONE, angle(theta))
    for name, db in (("vv", -11.0), ("vh", -17.0)):
        expected = 10.0 * np.log10(gamma0_at_38(10.0 ** (db / 10.0), theta, -0.05))
        np.testing.assert_allclose(parts[name][0], expected, atol=1e-4)
    np.testing.assert_array_equal(parts["vv"][1], theta)
    assert set(parts) == {"vv", "vh"} and parts["vh"].shape == (1, *SHAPE)


def test_a_noise_floor_that_was_subtracted_is_put_back() -> None:
    """Values of two archives, one of which subtracts the floor, mean the same; and what subtraction left below 0 has a level."""
    theta, floor = angle(33.0), 10.0 ** (-22.0 / 10.0)
    noise = np.float32(floor / np.cos(np.deg2rad(33.0)))
    total = flat(-20.0) + noise
    kept = radar_parts("C", {"vv": total, "vh": total}, NONE, theta)
    removed = radar_parts("C", {"vv": total - noise, "vh": total - noise}, {"vv": floor, "vh": floor}, theta)
    for name, values in kept.items():
        np.testing.assert_allclose(removed[name], values, atol=1e-4)
    below = radar_parts("C", {"vv": -0.3 * noise * np.ones(SHAPE, np.float32)}, {"vv": floor}, theta)
    assert np.isfinite(below["vv"]).all() and (below["vv"][0] < kept["vv"][0]).all()


def test_polarizations_that_networks_do_not_know_are_no_parts() -> None:
    assert radar_parts("C", {"hh": flat(-10.0), "hv": flat(-17.0)}, NONE, angle(38.0), flat(0.0)) == {}
    assert set(radar_parts("L", {"hh": flat(-10.0), "vv": flat(-9.0)}, NONE, angle(38.0))) == {"hh"}
    assert set(radar_parts("L", {"hv": flat(-10.0)}, NONE, angle(38.0), flat(0.0))) == {"hv"}


def test_change_is_how_far_the_co_polarization_lies_below_its_dry_level_at_its_own_angle() -> None:
    dry = np.full(SHAPE, -9.0, np.float32)
    dry[0, 0] = np.nan
    parts = radar_parts("L", {"hh": flat(-16.0), "hv": flat(-22.0)}, NONE, angle(30.0), dry)
    assert np.isnan(parts["change"][0, 0, 0])
    np.testing.assert_allclose(np.delete(parts["change"].ravel(), 0), 7.0, atol=1e-4)


def test_where_power_or_angle_is_missing_nothing_was_measured() -> None:
    power, theta = flat(-12.0), angle(38.0)
    power[3, 3], theta[6, 6] = np.nan, np.nan
    vv = radar_parts("C", {"vv": power}, NONE, theta)["vv"]
    assert np.isnan(vv[0, 3, 3]) and np.isnan(vv[:, 6, 6]).all()
    assert np.isfinite(np.delete(vv[0].ravel(), [3 * 16 + 3, 6 * 16 + 6])).all()


def test_water_indices_are_normalised_differences() -> None:
    bands = [np.full(SHAPE, x, np.float32) for x in (0.06, 0.03, 0.01)]
    parts = optical_parts(*bands)
    np.testing.assert_allclose(parts["ndwi"], 1.0 / 3.0, atol=1e-6)
    np.testing.assert_allclose(parts["mndwi"], 5.0 / 7.0, atol=1e-6)
    assert set(optical_parts(bands[0], bands[1], None)) == {"ndwi"}
    black = optical_parts(*(np.zeros(SHAPE, np.float32) for _ in range(3)))
    assert (black["ndwi"] == 0.0).all()
    bands[2][1, 1] = np.nan
    assert np.isnan(optical_parts(*bands)["mndwi"][0, 1, 1])


def test_a_further_acquisition_fills_what_the_nearer_ones_did_not_see_and_nothing_else() -> None:
    known = np.zeros(SHAPE, bool)
    known[:, 8:] = True
    near: Parts = {"vv": np.full((2, *SHAPE), 1.0, np.float32)}
    far: Parts = {"vv": np.full((2, *SHAPE), 2.0, np.float32), "vh": np.full((1, *SHAPE), 3.0, np.float32)}
    found = merged(near, known, far)
    assert (found["vv"][:, known] == 1.0).all() and (found["vv"][:, ~known] == 2.0).all()
    assert np.isnan(found["vh"][:, known]).all(), "one image's polarization is never mixed with another's"
    assert (found["vh"][:, ~known] == 3.0).all()


def of(*acquisitions: Acquisition) -> Evidence:
    ready = prepare(acquisitions)
    return weigh(ready, read_scene(ready, GRID), GRID, TIME, measure=True)[Decider.SENTINEL1]


def test_weighed_acquisitions_tell_what_the_one_that_spoke_measured(tmp_path: Path) -> None:
    near, far = radar(tmp_path, "near", -20.0, -2, hole=True), radar(tmp_path, "far", -8.0, -40)
    cross = write(tmp_path / "cross.tif", np.full(GRID.shape, 10.0**-1.6, np.float32))
    far = far.model_copy(update={"assets": {**far.assets, "vh": Asset(href=cross)}})
    found = of(near, far)
    vv, vh = found.measured["vv"][0], found.measured["vh"][0]
    ready = prepare([near])[0]
    assert ready.noise_removed  # so the floor is put back
    floor = noise_gamma0(ready.nesz_db["vv"], 38.0)
    for where, db in ((np.s_[:, 26:], -20.0), (np.s_[:, :22], -8.0)):
        np.testing.assert_allclose(vv[where], 10.0 * np.log10(10.0 ** (db / 10.0) + floor), atol=1e-3)
    assert np.isnan(vh[:, 26:]).all() and np.isfinite(vh[:, :22]).all()


def test_nothing_is_measured_where_nobody_asked(tmp_path: Path) -> None:
    ready = prepare([radar(tmp_path, "a", -20.0, -2)])
    found = weigh(ready, read_scene(ready, GRID), GRID, TIME + timedelta(0))[Decider.SENTINEL1]
    assert not found.measured
    assert set(of(*ready).measured) == {"vv"}


def test_parts_of_the_pipeline_are_those_that_networks_know() -> None:
    theta, dry = angle(38.0), np.zeros(SHAPE, np.float32)
    of_band = {
        "c/now": radar_parts("C", {"vv": flat(-9.0), "vh": flat(-9.0)}, NONE, theta, dry),
        "l/now": radar_parts("L", {"hh": flat(-9.0), "hv": flat(-9.0)}, NONE, theta, dry),
        "optical/now": optical_parts(flat(-9.0), flat(-9.0), flat(-9.0)),
    }
    told = {
        f"{image}:{name}": len(values) for image, parts in of_band.items() for name, values in parts.items()
    }
    assert told | {"ground/prior:slope": 1} == inputs.CHANNELS
