"""Items as archives really publish them, and the acquisitions they stand for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pystac
import pytest

from floodfuse.catalogs import products, static
from floodfuse.catalogs.acquisition import ASSET_NAMES, Acquisition, MaskConvention, Radiometry, Scale, Sensor
from floodfuse.catalogs.errors import BadRequest
from floodfuse.catalogs.products import Product

RealData = Callable[[str], Path]
SCANSAR = "stac_items/stactools_palsar2_scansar_ALOS2_20220630.json"
SUMMARY = "palsar2_scansar_l22/ALOS2437590500-220630_WWDR2.2GUA_summary.xml"
MOSAIC_XML = "palsar2_mosaic_2020/N23W161_20_F02DAR.xml"


def converted(file: Path) -> Acquisition:
    acquisition = products.to_acquisition(pystac.Item.from_file(file))
    assert acquisition is not None
    return acquisition


def item(collection: str, assets: dict[str, str], **properties: Any) -> pystac.Item:
    ring = [[-1.0, 37.0], [0.0, 37.0], [0.0, 38.0], [-1.0, 38.0], [-1.0, 37.0]]
    made = pystac.Item(
        id="item",
        geometry={"type": "Polygon", "coordinates": [ring]},
        bbox=[-1.0, 37.0, 0.0, 38.0],
        datetime=properties.pop("datetime", datetime(2020, 9, 9, 10, 44, tzinfo=UTC)),
        properties=properties,
        collection=collection,
    )
    for key, href in assets.items():
        made.add_asset(key, pystac.Asset(href=href))
    return made


@pytest.mark.parametrize("product", products.PRODUCTS, ids=lambda product: product.collections[0])
def test_definitions_are_sound(product: Product) -> None:
    assert set(product.assets) <= set(ASSET_NAMES[product.sensor])
    assert product.licence and product.note
    assert (product.radiometry is None) == (product.sensor is Sensor.TERRAIN)
    assert (product.calibration_db is not None) == (product.sensor is Sensor.ALOS2)
    if product.sensor in (Sensor.SENTINEL1, Sensor.ALOS2):
        assert ("incidence" in product.assets) != (product.incidence_deg is not None)


def test_no_collection_means_two_things() -> None:
    assert len(products.BY_COLLECTION) == sum(len(product.collections) for product in products.PRODUCTS)


@pytest.mark.parametrize("name", ["sentinel-1-rtc", "alos-palsar-mosaic"])
def test_assets_are_those_planetary_computer_publishes(real_data: RealData, name: str) -> None:
    published = json.loads(real_data(f"stac_items/pc_{name}_collection.json").read_text())
    product = products.BY_COLLECTION[published["id"]]
    keys = {key for keys in product.assets.values() for key in keys}
    assert keys <= set(published["item_assets"])
    assert product.metadata is None or product.metadata in published["item_assets"]


def test_sentinel1_of_planetary_computer(real_data: RealData) -> None:
    published = json.loads(real_data("stac_items/pc_sentinel-1-rtc_collection.json").read_text())
    stated = {
        "sar:center_frequency": published["summaries"]["sar:center_frequency"][0],
        "sar:looks_equivalent_number": 4.4,
    }
    hrefs = {"vv": "https://host/vv.tif", "vh": "https://host/vh.tif", "tilejson": "https://host/tiles"}
    acquisition = products.to_acquisition(item("sentinel-1-rtc", hrefs, **stated))
    assert acquisition is not None
    assert acquisition.polarizations == ("vv", "vh")
    assert (acquisition.radiometry, acquisition.scale) == (Radiometry.GAMMA0, Scale.POWER)
    assert acquisition.incidence_deg == 38.0
    assert acquisition.noise_removed is False
    assert acquisition.frequency_ghz == 5.405
    assert acquisition.licence == published["license"]


def test_sentinel1_of_indigo(real_data: RealData) -> None:
    acquisition = converted(real_data("stac_items/stactools_s1rtc_S1A_20200103_17RMJ_ASC.json"))
    assert acquisition.sensor is Sensor.SENTINEL1
    assert acquisition.time == datetime(2020, 1, 3, 23, 36, 21, tzinfo=UTC)
    assert set(acquisition.assets) == {"vv", "vh", "incidence"}
    assert acquisition.assets["vv"].href.endswith("S1A_20200103_17RMJ_ASC/Gamma0_VV.tif")
    assert acquisition.incidence_scale == 0.01
    assert acquisition.incidence_deg is None
    assert acquisition.looks == 4.3
    assert acquisition.noise_removed is True
    assert acquisition.orbit_state == "ascending"


@pytest.mark.parametrize(
    ("file", "green", "baseline", "sun"),
    [
        ("earthsearch_S2A_28QCH_20200714_0_L2A", "S2A_28QCH_20200714_0_L2A/B03.tif", "02.14", None),
        (
            "pc_S2B_MSIL2A_20190629_T06VVN_raster_ext",
            "R10m/T06VVN_20190629T212529_B03_10m.tif",
            "02.12",
            52.087,
        ),
        ("stactools_S2A_T07HFE_L2A", "R10m/T07HFE_20190212T192651_B03_10m.tif", "02.12", 57.293),
    ],
)
def test_sentinel2(real_data: RealData, file: str, green: str, baseline: str, sun: float | None) -> None:
    acquisition = converted(real_data(f"stac_items/{file}.json"))
    assert acquisition.sensor is Sensor.SENTINEL2
    assert set(acquisition.assets) == {"green", "nir", "swir", "scl"}
    assert acquisition.assets["green"].href.endswith(green)
    assert "B08" in acquisition.assets["nir"].href
    assert "B11" in acquisition.assets["swir"].href
    assert "SCL" in acquisition.assets["scl"].href
    assert (acquisition.radiometry, acquisition.scale) == (Radiometry.REFLECTANCE, Scale.DN)
    assert acquisition.processing_baseline == baseline
    assert acquisition.sun_elevation_deg == (None if sun is None else pytest.approx(sun, abs=1e-3))
    assert acquisition.reflectance_offset is None


def test_the_offset_flag_of_earth_search_is_not_trusted() -> None:
    hrefs = {key: f"https://host/{key}.tif" for key in ("green", "nir", "swir16", "scl")}
    made = item(
        "sentinel-2-l2a", hrefs, **{"earthsearch:boa_offset_applied": True, "s2:processing_baseline": "05.09"}
    )
    acquisition = products.to_acquisition(made)
    assert acquisition is not None
    assert acquisition.reflectance_offset is None
    assert acquisition.processing_baseline == "05.09"


def test_palsar2_scansar_without_its_summary(real_data: RealData) -> None:
    acquisition = converted(real_data(SCANSAR))
    assert acquisition.sensor is Sensor.ALOS2
    assert set(acquisition.assets) == {"hh", "hv", "incidence", "mask"}
    assert acquisition.assets["hh"].href.endswith("_HH_SLP.tif")
    assert (acquisition.scale, acquisition.calibration_db) == (Scale.DN, -83.0)
    assert acquisition.mask_convention is MaskConvention.PALSAR2_L22
    assert acquisition.incidence_scale == 0.01
    assert acquisition.frequency_ghz == 1.2365
    assert acquisition.nesz_db == {}


def test_palsar2_scansar_with_its_summary(real_data: RealData, tmp_path: Path) -> None:
    published = json.loads(real_data(SCANSAR).read_text())
    beside = tmp_path / "a" / "b" / "item.json"
    summary = (beside.parent / published["assets"]["summary"]["href"]).resolve()
    beside.parent.mkdir(parents=True)
    summary.parent.mkdir(parents=True)
    shutil.copy(real_data(SCANSAR), beside)
    shutil.copy(real_data(SUMMARY), summary)
    acquisition = converted(beside)
    assert acquisition.nesz_db == {"hh": -30.0, "hv": -32.5}
    assert acquisition.noise_removed is False
    assert abs(acquisition.time - datetime(2022, 6, 30, 15, 58, 28, 260000, UTC)) < timedelta(milliseconds=1)
    summary.write_text("<half")
    with pytest.raises(BadRequest, match="damaged or no XML"):
        converted(beside)


def test_a_yearly_mosaic_counts_only_with_the_day_it_was_seen(real_data: RealData) -> None:
    year = {"start_datetime": "2020-01-01T00:00:00Z", "end_datetime": "2020-12-31T23:59:59Z"}
    hrefs = {"HH": "HH.tif", "HV": "HV.tif", "linci": "linci.tif", "mask": "mask.tif", "date": "date.tif"}
    assert products.to_acquisition(item("alos-palsar-mosaic", hrefs, **year)) is None
    described = item("alos-palsar-mosaic", hrefs | {"metadata": str(real_data(MOSAIC_XML))}, **year)
    acquisition = products.to_acquisition(described)
    assert acquisition is not None
    assert (acquisition.time.date().isoformat(), acquisition.frequency_ghz) == ("2020-09-09", 1.27)
    assert acquisition.mask_convention is MaskConvention.PALSAR2_MOSAIC
    assert acquisition.incidence_scale == 1.0
    assert acquisition.nesz_db == {"hh": -41.1, "hv": -49.2}
    assert set(acquisition.assets) == {"hh", "hv", "incidence", "mask"}


def test_landcover(real_data: RealData) -> None:
    acquisition = converted(real_data("stac_items/stactools_worldcover_2021_N00E006.json"))
    assert acquisition.sensor is Sensor.TERRAIN
    assert list(acquisition.assets) == ["landcover"]
    assert acquisition.assets["landcover"].href.endswith("_Map.tif")
    assert acquisition.radiometry is None
    assert acquisition.time.year == 2021


@pytest.mark.parametrize(
    ("collection", "key", "name"),
    [("cop-dem-glo-30", "data", "dem"), ("jrc-gsw", "occurrence", "permanent_water")],
)
def test_other_terrain_has_its_layer(collection: str, key: str, name: str) -> None:
    acquisition = products.to_acquisition(
        item(collection, {key: "https://host/a.tif", "other": "https://host/b.tif"})
    )
    assert acquisition is not None
    assert {n: a.href for n, a in acquisition.assets.items()} == {name: "https://host/a.tif"}


@pytest.mark.parametrize(
    "file",
    [
        "sarext_sentinel-1-grd-ew",
        "sarext_sentinel-1-slc-iw",
        "stactools_s1grd_S1A_IW_20210809",
        "pc_sentinel-1-grd_item_raw",
    ],
)
def test_what_is_not_analysis_ready_is_passed_over(real_data: RealData, file: str) -> None:
    assert products.to_acquisition(pystac.Item.from_file(real_data(f"stac_items/{file}.json"))) is None


def test_items_without_anything_to_see_are_passed_over() -> None:
    assert products.to_acquisition(item("sentinel-1-rtc", {"thumbnail": "a.png"})) is None
    assert products.to_acquisition(item("sentinel1-rtc-aws", {"incidence": "a.tif"})) is None
    nowhere = item("sentinel-1-rtc", {"vv": "a.tif"})
    nowhere.geometry = None
    assert products.to_acquisition(nowhere) is None


def test_an_item_that_makes_no_sense_is_named() -> None:
    with pytest.raises(static.CatalogError, match=r"item: looks = -1"):
        products.to_acquisition(
            item("sentinel-1-rtc", {"vv": "a.tif"}, **{"sar:looks_equivalent_number": -1})
        )


def test_items_floodfuse_wrote_are_read_as_written(make_acquisition: Callable[..., Acquisition]) -> None:
    acquisition = make_acquisition(scale=Scale.DB, incidence_deg=36.5)
    assert products.to_acquisition(static.to_item(acquisition)) == acquisition
