"""The static catalogue: what is put in comes out, wherever the folder goes; what is wrong with it is said."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pystac
import pytest
import rasterio
import shapely

from floodfuse.catalogs import static
from floodfuse.catalogs.acquisition import Acquisition, Asset, MaskConvention, Radiometry, Scale, Sensor
from floodfuse.catalogs.static import CatalogError

Make = Callable[..., Acquisition]


def full() -> Acquisition:
    """An acquisition with every field set to something that is not its default."""
    return Acquisition(
        id="ALOS2 (437590500)-220630.é",
        sensor=Sensor.ALOS2,
        time=datetime(2022, 6, 30, 15, 58, 28, 260123, UTC),
        footprint=json.loads(shapely.to_geojson(shapely.box(121.7, 24.3, 125.8, 27.9))),
        assets={
            "hh": Asset(href="/data/a b.tif", band=2),
            "incidence": Asset(href="https://host/LIN.tif?x=1&y=2"),
        },
        radiometry=Radiometry.SIGMA0,
        scale=Scale.DN,
        calibration_db=-79.0,
        incidence_deg=38.5,
        water_incidence_deg=(31.0, 44.5),
        incidence_scale=0.01,
        mask_convention=MaskConvention.PALSAR2_L22,
        frequency_ghz=1.2365,
        looks=3.5,
        nesz_db={"hh": -30.0, "hv": -32.5},
        noise_removed=False,
        reflectance_offset=-1000.0,
        processing_baseline="05.09",
        sun_elevation_deg=48.5,
        orbit_state="ascending",
        relative_orbit=103,
        beam="W2",
        collection="palsar2-scansar",
        licence="JAXA terms of use, as of 2022",
        synthetic=True,
    )


def test_every_field_survives(tmp_path: Path, make_acquisition: Make) -> None:
    everything = full()
    defaults = Acquisition(
        id="x", sensor=Sensor.ALOS2, time=everything.time, footprint=everything.footprint, assets={}
    )
    found_by_a_run = {
        "water_weights",
        "ground_levels",
        "cold",
        "striped_rows",
        "striped_columns",
        "references",
        "reference_note",
        "shift",
    }
    same = [
        n
        for n in Acquisition.model_fields
        if n not in found_by_a_run | {"sensor"} and getattr(everything, n) == getattr(defaults, n)
    ]
    assert same == ["time", "footprint"]
    static.add(tmp_path, [everything, make_acquisition()])
    assert list(static.acquisitions(tmp_path)) == [everything, make_acquisition()]


@pytest.mark.parametrize("licence", ["CC-BY-4.0", "JAXA terms of use", None])
def test_items_are_valid_stac(make_acquisition: Make, licence: str | None) -> None:
    item = static.to_item(make_acquisition(licence=licence))
    item.validate()
    assert static.from_item(item).licence == licence


def test_the_folder_can_be_moved_with_its_data(
    tmp_path: Path, make_raster: Callable[..., Path], make_acquisition: Make
) -> None:
    file = make_raster(tmp_path / "here" / "data" / "s1.tif", 0.25)
    static.add(tmp_path / "here", [make_acquisition(assets={"vv": Asset(href=str(file))})])
    shutil.move(tmp_path / "here", tmp_path / "there")
    (acquisition,) = static.acquisitions(tmp_path / "there" / "catalog.json")
    assert acquisition.assets["vv"].href == str(tmp_path / "there" / "data" / "s1.tif")
    with rasterio.open(acquisition.assets["vv"].href) as dataset:
        assert dataset.read(1)[0, 0] == 0.25


def test_paths_are_taken_from_where_the_user_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_acquisition: Make
) -> None:
    monkeypatch.chdir(tmp_path)
    static.add(Path("cat"), [make_acquisition(assets={"vv": Asset(href="data/s1.tif")})])
    monkeypatch.chdir("/")
    (acquisition,) = static.acquisitions(tmp_path / "cat")
    assert acquisition.assets["vv"].href == str(tmp_path / "data" / "s1.tif")


@pytest.mark.parametrize("href", ["https://host/a.tif", "s3://bucket/a.tif", "/vsizip//data/a.zip/a.tif"])
def test_what_gdal_opens_elsewhere_stays_as_it_is(tmp_path: Path, make_acquisition: Make, href: str) -> None:
    for _ in range(2):  # the second time it is read and written again
        static.add(
            tmp_path, [make_acquisition(id="other"), make_acquisition(assets={"vv": Asset(href=href)})]
        )
    assert list(static.acquisitions(tmp_path))[1].assets["vv"].href == href


def test_the_same_id_is_replaced_and_others_stay(tmp_path: Path, make_acquisition: Make) -> None:
    static.add(tmp_path, [make_acquisition(id=name) for name in ("a", "b", "c")])
    static.add(
        tmp_path,
        [make_acquisition(id="b", looks=9.0), make_acquisition(id="b", looks=5.0), make_acquisition(id="d")],
    )
    held = list(static.acquisitions(tmp_path))
    assert [a.id for a in held] == ["a", "b", "c", "d"]
    assert held[1].looks == 5.0


def test_nothing_half_written_stays(tmp_path: Path, make_acquisition: Make) -> None:
    static.add(tmp_path, [make_acquisition()])
    files = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert files == {"catalog.json", "items/s1-a.json"}
    content = json.loads((tmp_path / "catalog.json").read_text())
    assert not any(str(tmp_path) in link["href"] for link in content["links"])
    pystac.Catalog.from_file(str(tmp_path / "catalog.json")).validate_all()


@pytest.mark.parametrize("name", ["a/b", "../b", "", ".hidden", "x" * 300])
def test_ids_that_can_not_name_a_file_are_refused(tmp_path: Path, make_acquisition: Make, name: str) -> None:
    with pytest.raises(CatalogError, match="can't name a file"):
        static.add(tmp_path / "cat", [make_acquisition(id=name)])
    assert not (tmp_path / "cat").exists()


def test_a_folder_that_can_not_be_written_is_said(tmp_path: Path, make_acquisition: Make) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CatalogError, match="can't be written"):
        static.add(tmp_path / "file" / "cat", [make_acquisition()])
    if os.geteuid() != 0:
        (tmp_path / "closed").mkdir(mode=0o500)
        with pytest.raises(CatalogError, match="can't be written"):
            static.add(tmp_path / "closed" / "cat", [make_acquisition()])


def test_no_catalogue_says_how_to_make_one(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "missing"):
        with pytest.raises(CatalogError, match="floodfuse catalog add"):
            static.open_catalog(place)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"type": "FeatureCollection", "features": []}', '{"a": 1}']
)
def test_what_is_no_catalogue_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "catalog.json"
    file.write_text(content)
    with pytest.raises(CatalogError, match=r"catalog\.json: not a readable STAC catalogue"):
        list(static.acquisitions(tmp_path))


def test_a_missing_item_is_named(tmp_path: Path, make_acquisition: Make) -> None:
    static.add(tmp_path, [make_acquisition()])
    (tmp_path / "items" / "s1-a.json").unlink()
    with pytest.raises(CatalogError, match=r"s1-a\.json.*Restore it"):
        list(static.acquisitions(tmp_path))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"floodfuse:scale": "decibel"}, "scale = 'decibel'"),
        ({"floodfuse:sensor": "radarsat"}, "sensor = 'radarsat'"),
        ({"floodfuse:nesz_db": {"xx": 1.0}}, "'xx' is no polarization"),
        ({"sar:looks_equivalent_number": -1}, "looks = -1"),
    ],
)
def test_an_item_that_makes_no_sense_is_named(
    tmp_path: Path, make_acquisition: Make, change: dict[str, Any], why: str
) -> None:
    static.add(tmp_path, [make_acquisition()])
    file = tmp_path / "items" / "s1-a.json"
    content = json.loads(file.read_text())
    content["properties"] |= change
    file.write_text(json.dumps(content))
    with pytest.raises(CatalogError, match=why) as refusal:
        list(static.acquisitions(tmp_path))
    assert str(refusal.value).startswith(str(file))
    assert "\n" not in str(refusal.value)


def test_a_band_that_is_none_is_named(tmp_path: Path, make_acquisition: Make) -> None:
    item = static.to_item(make_acquisition())
    item.assets["vv"].extra_fields["floodfuse:band"] = "first"
    with pytest.raises(CatalogError, match=r"s1-a: assets\.vv\.band = 'first'"):
        static.from_item(item)


def test_somebody_elses_items_are_not_guessed_at(tmp_path: Path, real_data: Callable[[str], Path]) -> None:
    item = pystac.Item.from_file(real_data("stac_items/stactools_palsar2_scansar_ALOS2_20220630.json"))
    with pytest.raises(CatalogError, match="can't be told how to read its values"):
        static.from_item(item)


def test_items_can_be_converted_otherwise(tmp_path: Path, make_acquisition: Make) -> None:
    static.add(tmp_path, [make_acquisition(id="a"), make_acquisition(id="b")])
    only_b = static.acquisitions(tmp_path, lambda item: static.from_item(item) if item.id == "b" else None)
    assert [a.id for a in only_b] == ["b"]
