"""Which earlier scenes are held against a radar acquisition, why others are not, and what becomes of them on a grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import shapely
import xarray as xr

from floodfuse.catalogs.acquisition import OBSERVING, Acquisition, Asset, Radiometry, Sensor
from floodfuse.catalogs.errors import BadRequest
from floodfuse.catalogs.products import to_acquisition
from floodfuse.catalogs.simulated.archive import Archive, write_archive
from floodfuse.catalogs.simulated.scenario import Scenario
from floodfuse.harmonize.dry_level import harmonics
from floodfuse.harmonize.prior import log_prior
from floodfuse.pipeline.area import parse_area
from floodfuse.pipeline.grid import Grid, grid_for
from floodfuse.pipeline.reference import (
    MOST,
    attach,
    before_the_flood,
    levels,
    other_geometry,
    other_values,
    ranked,
)
from floodfuse.pipeline.scene import node_path, prepare, read_scene, references_of
from floodfuse.pipeline.search import find, find_earlier
from floodfuse.pipeline.weigh import weigh

TIME = datetime(2024, 3, 12, 6, tzinfo=UTC)
BOX = shapely.box(-0.9, 37.9, -0.8, 38.0)


def scene(days_before: float = 0.0, sensor: Sensor = Sensor.SENTINEL1, **said: Any) -> Acquisition:
    fields: dict[str, Any] = {
        "id": f"scene-{days_before:g}",
        "sensor": sensor,
        "time": TIME - timedelta(days=days_before),
        "footprint": shapely.geometry.mapping(BOX),
        "assets": {"vv": Asset(href="/vv.tif"), "vh": Asset(href="/vh.tif")},
        "radiometry": Radiometry.GAMMA0,
        "incidence_deg": 38.0,
        "looks": 4.4,
        "nesz_db": {"vv": -24.0, "vh": -26.0},
        "relative_orbit": 30,
        "orbit_state": "ascending",
        "beam": "IW",
    }
    return Acquisition(**(fields | said))


def as_it_is(acquisitions: Sequence[Acquisition]) -> list[Acquisition]:
    """Nothing to be prepared, for there are no files."""
    return list(acquisitions)


# Which


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"relative_orbit": 103}, "relative orbit 103, not 30"),
        ({"orbit_state": "descending"}, "orbit state descending"),
        ({"beam": "EW"}, "beam EW, not IW"),
        ({"assets": {"hh": Asset(href="/hh.tif")}}, "polarizations hh"),
        ({"footprint": shapely.geometry.mapping(shapely.box(5, 5, 6, 6))}, "other ground"),
        ({"relative_orbit": None, "time": TIME - timedelta(days=12.5)}, "time of day, 18:00"),
        (
            {
                "relative_orbit": None,
                "footprint": shapely.geometry.mapping(shapely.box(-0.82, 37.9, -0.6, 38)),
            },
            "only 20%",
        ),
    ],
)
def test_another_geometry_is_refused_with_its_reason(said: dict[str, Any], reason: str) -> None:
    assert reason in str(other_geometry(scene(), scene(12, **said)))
    assert reason in str(attach([scene()], [scene(12, **said)], as_it_is)[0].reference_note)
    assert not attach([scene()], [scene(12, **said)], as_it_is)[0].references


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"relative_orbit": None},
        {
            "relative_orbit": None,
            "orbit_state": None,
            "beam": None,
            "time": TIME - timedelta(days=12, minutes=20),
        },
        {"footprint": shapely.geometry.mapping(shapely.box(-0.82, 37.9, -0.6, 38))},
        {"incidence_deg": 38.9},
    ],
)
def test_the_same_geometry_is_taken(said: dict[str, Any]) -> None:
    (found,) = attach([scene()], [scene(12, **said)], as_it_is)
    assert [a.id for a in found.references] == ["scene-12"]
    assert found.reference_note == "1 earlier scene of the same geometry"


@pytest.mark.parametrize(
    ("said", "reason"), [({"incidence_deg": 39.5}, "incidence 39.5"), ({"looks": 12.0}, "12 looks, not 4.4")]
)
def test_other_values_are_refused_with_their_reason(said: dict[str, Any], reason: str) -> None:
    assert reason in str(other_values(scene(), scene(12, **said)))
    assert reason in str(attach([scene()], [scene(12, **said)], as_it_is)[0].reference_note)


def test_a_reference_that_can_not_be_read_is_left_out_with_its_reason() -> None:
    def refuse(acquisitions: Sequence[Acquisition]) -> list[Acquisition]:
        if acquisitions[0].id == "scene-24":
            raise BadRequest("/vv.tif: missing")
        return list(acquisitions)

    (found,) = attach([scene()], [scene(12), scene(24)], refuse)
    assert [a.id for a in found.references] == ["scene-12"]
    assert (
        found.reference_note == "1 earlier scene of the same geometry. Left out: scene-24: /vv.tif: missing"
    )


def test_other_sensors_and_optics_get_none() -> None:
    optical = scene(sensor=Sensor.SENTINEL2, assets={"green": Asset(href="/g.tif")}, nesz_db={})
    l_band = scene(12, Sensor.ALOS2)
    assert attach([optical, scene()], [l_band], as_it_is)[0] == optical
    assert not attach([optical, scene()], [l_band], as_it_is)[1].references


def test_the_choice_does_not_depend_on_the_catalogues_order() -> None:
    earlier = [scene(d) for d in range(12, 400, 12)]
    rng = np.random.default_rng(0)
    (one,) = attach([scene()], earlier, as_it_is)
    for _ in range(5):
        shuffled = [earlier[i] for i in rng.permutation(len(earlier))]
        assert attach([scene()], shuffled, as_it_is)[0] == one
    assert len(one.references) == MOST
    assert [a.time for a in one.references] == sorted(a.time for a in one.references)


def test_c_band_takes_dates_through_the_year_l_band_those_of_the_season() -> None:
    days = list(range(12, 400, 12))
    c_band = ranked(scene(), [scene(d) for d in days])[:MOST]
    assert harmonics([(TIME - a.time).days for a in c_band]) == 3
    l_band = ranked(scene(sensor=Sensor.ALOS2), [scene(d, Sensor.ALOS2) for d in days])[:MOST]
    off = [min((TIME - a.time).days, abs((TIME - a.time).days - 365)) for a in l_band]
    assert max(off) <= 110 and (TIME - l_band[0].time).days == 12


def test_only_what_came_before_the_flood() -> None:
    since, until = before_the_flood(TIME, 3.0, 400.0)
    assert (TIME - since, TIME - until) == (timedelta(days=400), timedelta(days=8))


@pytest.mark.parametrize(
    ("item", "orbit", "state", "beam"),
    [
        ("stactools_s1rtc_S1A_20200103_17RMJ_ASC.json", 121, "ascending", "IW"),
        ("stactools_palsar2_scansar_ALOS2_20220630.json", None, "ascending", "WWD"),
    ],
)
def test_items_of_archives_state_their_geometry(
    real_data: Callable[[str], Path], item: str, orbit: int | None, state: str, beam: str
) -> None:
    found = to_acquisition(pystac.Item.from_file(str(real_data(f"stac_items/{item}"))))
    assert found is not None
    assert (found.relative_orbit, found.orbit_state, found.beam) == (orbit, state, beam)


# On a grid


def node(power: float, angle: float = 38.0, shape: tuple[int, int] = (2, 3)) -> xr.Dataset:
    layer = np.full(shape, power, np.float32)
    return xr.Dataset(
        {"vv": (("y", "x"), layer), "incidence": (("y", "x"), np.full(shape, angle, np.float32))}
    )


def test_levels_carry_the_noise_floor_of_the_acquisition() -> None:
    """0.01 of ground, however its own floor was treated, is 0.01 and the acquisition's floor."""
    noisy = scene(24, noise_removed=False, nesz_db={"vv": -20.0, "vh": -20.0})
    clean = scene(12, noise_removed=True, nesz_db={"vv": -30.0, "vh": -30.0})
    cos = np.cos(np.deg2rad(38.0))
    with_floor = 0.01 + 10.0**-2.0 / cos
    angle = np.full((2, 3), 38.0, np.float32)
    for reference, value in ((noisy, with_floor), (clean, 0.01)):
        mine = scene().model_copy(update={"references": (reference,)})
        (found,) = levels(mine, ["vv"], angle, [node(value)], looks=1000.0)
        assert found is not None
        assert found.level_db == pytest.approx(10.0 * np.log10(0.01 + 10.0**-2.4 / cos), abs=0.01)


def test_another_angle_does_not_count_at_the_pixel() -> None:
    raw: dict[str, Any] = {"noise_removed": False}
    mine = scene(**raw).model_copy(update={"references": (scene(24, **raw), scene(12, **raw))})
    angle = np.full((2, 3), 38.0, np.float32)
    off = node(0.5)
    off["incidence"].values[0] = 39.5
    (found,) = levels(mine, ["vv"], angle, [off, node(0.05)], looks=1000.0)
    assert found is not None
    assert found.freedom[:, 0].tolist() == [0.0, 1.0]
    assert found.level_db[0] == pytest.approx(10.0 * np.log10(0.05), abs=0.01)
    assert levels(mine, ["vh", "vv"], angle, [node(0.5, 44.0), node(0.5, 44.0)], 24.0) == [None, None]


# End to end, on a simulated archive (synthetic)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    folder = tmp_path_factory.mktemp("dry") / "archive"
    return write_archive(folder, size=256, seed=0, scenario=Scenario(references=3))


def acquired(archive: Archive) -> tuple[Acquisition, ...]:
    area = parse_area(str(archive.aoi))
    found = prepare(find(str(archive.folder), area, archive.time, 3.0, OBSERVING))
    since, until = before_the_flood(archive.time, 3.0, 400.0)
    earlier = find_earlier(str(archive.folder), area, since, until, OBSERVING)
    assert {a.sensor for a in earlier} == {Sensor.SENTINEL1, Sensor.ALOS2} and len(earlier) == 6
    return attach(found, earlier, prepare)


def test_a_scene_holds_the_references_of_its_radars(archive: Archive) -> None:
    acquisitions = acquired(archive)
    grid = grid_for(parse_area(str(archive.aoi)), 10.0)
    window = Grid(grid.crs, grid.resolution, grid.row + 40, grid.column + 30, 20, 30)
    tree = read_scene(acquisitions, window)
    for a in acquisitions:
        if a.sensor in (Sensor.SENTINEL1, Sensor.ALOS2):
            assert len(references_of(a, tree)) == len(a.references) == 3
            for reference, kept in zip(a.references, references_of(a, tree), strict=True):
                alone = read_scene([reference], window)[node_path(reference)].dataset
                for name in alone.data_vars:
                    assert np.array_equal(kept[name].values, alone[name].values, equal_nan=True)
        elif a.sensor is Sensor.SENTINEL2:
            assert references_of(a, tree) == []


def test_evidence_with_references_depends_on_no_window(archive: Archive) -> None:
    acquisitions = [a for a in acquired(archive) if a.sensor is not Sensor.SENTINEL2]
    grid = grid_for(parse_area(str(archive.aoi)), 10.0)

    def evidence(row: int, column: int, rows: int, columns: int) -> dict[Any, np.ndarray]:
        window = Grid(grid.crs, grid.resolution, grid.row + row, grid.column + column, rows, columns)
        found = weigh(
            acquisitions, read_scene(acquisitions, window), window, archive.time, log_prior(window.shape)
        )
        return {who: e.nats for who, e in found.items()}

    large, small = evidence(30, 30, 80, 90), evidence(60, 50, 14, 19)
    for who, nats in small.items():
        assert np.array_equal(nats[2:-2, 2:-2], large[who][32:42, 22:37], equal_nan=True)


def test_references_survive_the_record_of_a_run(archive: Archive) -> None:
    for a in acquired(archive):
        assert Acquisition.model_validate(a.model_dump(mode="json")) == a


def test_a_catalogue_without_earlier_scenes_gives_none(archive: Archive, tmp_path: Path) -> None:
    area = parse_area(str(archive.aoi))
    since = archive.time - timedelta(days=2000)
    assert find_earlier(str(archive.folder), area, since, since + timedelta(days=300), OBSERVING) == []
    assert find_earlier(str(archive.folder), area, archive.time, since, OBSERVING) == []
    assert find_earlier(str(archive.folder), area, since, archive.time, [Sensor.SENTINEL2]) == []
