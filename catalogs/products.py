"""What the items of real archives mean: one definition per product, and the acquisition an item stands for.

Nothing here is guessed from pixels. Asset names, scales and codes are those of the items and collections the
archives publish; what an archive does not state, and what was assumed for it, stands in the product's `note`.

Left out: OPERA RTC-S1, whose items carry neither the incidence angle (a product of static layers of its own)
nor assets that can be read without an Earthdata login, and whose noise is clipped before multilooking
(harmonization.md 1.3); Sentinel-1 GRD, whose digital numbers need calibration tables and geocoding.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pystac
from pydantic import ValidationError

from floodfuse.catalogs import card4l, static
from floodfuse.catalogs.acquisition import Acquisition, Asset, MaskConvention, Radiometry, Scale, Sensor
from floodfuse.harmonize.radiometry import PALSAR2_CF_DB

_ONE_PASS = timedelta(days=1)  # items that span more are composites: their time is nobody's
_BASELINE = re.compile(r"_N(\d\d)(\d\d)_")


@dataclass(frozen=True)
class Product:
    """How the items of some collections are to be read.

    Attributes
    ----------
    collections
        Ids the product goes by.
    sensor
        What made it.
    assets
        floodfuse's asset name -> keys it may have in an item, the preferred one first.
    radiometry, scale, calibration_db, incidence_deg, incidence_scale, mask_convention, noise_removed, looks
        As in `Acquisition`. An item that states its own looks, and a metadata file at hand, come first.
    metadata
        Key of the asset that holds CARD4L metadata.
    licence
        Of the data.
    note
        What a user should know, and what was assumed.
    """

    collections: tuple[str, ...]
    sensor: Sensor
    assets: dict[str, tuple[str, ...]]
    radiometry: Radiometry | None = None
    scale: Scale = Scale.POWER
    calibration_db: float | None = None
    incidence_deg: float | None = None
    incidence_scale: float = 1.0
    mask_convention: MaskConvention = MaskConvention.VALID
    noise_removed: bool = True
    looks: float | None = None
    metadata: str | None = None
    licence: str | None = None
    note: str = field(default="", compare=False)


SENTINEL1_RTC_PLANETARY_COMPUTER = Product(
    collections=("sentinel-1-rtc",),
    sensor=Sensor.SENTINEL1,
    assets={pol: (pol,) for pol in ("vv", "vh", "hh", "hv")},
    radiometry=Radiometry.GAMMA0,
    incidence_deg=38.0,
    noise_removed=False,
    looks=4.4,
    licence="CC-BY-4.0",
    note="Made from GRD by Catalyst. It comes without an incidence raster: 38 degrees, the middle of the IW "
    "swath (29 to 46), is assumed everywhere, which costs most at the swath's edges over water. Its "
    "description names no noise subtraction, so the noise floor counts as still in the values.",
)
SENTINEL1_RTC_INDIGO = Product(
    collections=("sentinel1-rtc-aws",),
    sensor=Sensor.SENTINEL1,
    assets={"vv": ("gamma0_vv",), "vh": ("gamma0_vh",), "incidence": ("incidence",)},
    radiometry=Radiometry.GAMMA0,
    incidence_scale=0.01,
    looks=4.3,
    licence="Indigo Atlas Sentinel License, https://www.indigoag.com/forms/atlas-sentinel-license",
    note="Contiguous United States. Noise was subtracted, and a 7 x 7 Lee-Sigma speckle filter applied: it "
    "has more looks than the 4.3 of the GRD it states, and thin water is smeared. The angle is the "
    "local one, on SRTM.",
)
SENTINEL2_L2A = Product(
    collections=("sentinel-2-l2a", "sentinel-s2-l2a-cogs", "sentinel2-l2a-example"),
    sensor=Sensor.SENTINEL2,
    assets={
        "green": ("green", "B03"),
        "nir": ("nir", "B08"),
        "swir": ("swir16", "B11"),
        "scl": ("scl", "SCL"),
    },
    radiometry=Radiometry.REFLECTANCE,
    scale=Scale.DN,
    licence="Copernicus Sentinel Data Terms",
    note="Earth Search (keys green, nir, …) and Planetary Computer (B03, B08, …). Whether the -1000 of "
    "baseline 04.00 was applied is left open: `earthsearch:boa_offset_applied` and `raster:bands` are "
    "wrong for some items (Earth Search issues 66 and 71), so the darkest values decide when the file "
    "is read.",
)
PALSAR2_SCANSAR = Product(
    collections=("palsar2-scansar",),
    sensor=Sensor.ALOS2,
    assets={"hh": ("HH_SLP",), "hv": ("HV_SLP",), "incidence": ("LIN",), "mask": ("MSK",)},
    radiometry=Radiometry.GAMMA0,
    scale=Scale.DN,
    calibration_db=PALSAR2_CF_DB,
    incidence_scale=0.01,
    mask_convention=MaskConvention.PALSAR2_L22,
    noise_removed=False,
    metadata="summary",
    licence="JAXA ALOS-2 PALSAR-2 ScanSAR terms of use",
    note="Level 2.2 (CARD4L NRB). The -79 dB of beam W2 products ordered before 2016-09-28 07:00 UT holds "
    "for Level 1.5 and 2.1 only. Noise floors come from the summary XML where it lies beside the item.",
)
PALSAR2_MOSAIC = Product(
    collections=("alos-palsar-mosaic", "alos_palsar_mosaic"),
    sensor=Sensor.ALOS2,
    assets={
        "hh": ("HH",),
        "hv": ("HV",),
        "vv": ("VV",),
        "vh": ("VH",),
        "incidence": ("linci",),
        "mask": ("mask",),
    },
    radiometry=Radiometry.GAMMA0,
    scale=Scale.DN,
    calibration_db=PALSAR2_CF_DB,
    mask_convention=MaskConvention.PALSAR2_MOSAIC,
    noise_removed=False,
    metadata="metadata",
    licence="JAXA Terms of Use of Research Data",
    note="A yearly composite: its items say the year, not the day. One is read only where its metadata XML "
    "is at hand and names a single pass.",
)
WORLDCOVER = Product(
    collections=("esa-worldcover",),
    sensor=Sensor.TERRAIN,
    assets={"landcover": ("map",)},
    licence="CC-BY-4.0",
    note="Land cover of one year (2020 or 2021), 10 m.",
)
COPERNICUS_DEM = Product(
    collections=("cop-dem-glo-30",),
    sensor=Sensor.TERRAIN,
    assets={"dem": ("data",)},
    licence="Copernicus DEM licence",
    note="A surface model: tree tops and roofs, not the ground beneath. Slopes are taken from it.",
)
JRC_WATER = Product(
    collections=("jrc-gsw",),
    sensor=Sensor.TERRAIN,
    assets={"permanent_water": ("occurrence",)},
    licence="Copernicus open access policy",
    note="How often Landsat saw water from 1984 to 2020, per cent (Pekel et al., 2016).",
)
PRODUCTS = (
    SENTINEL1_RTC_PLANETARY_COMPUTER,
    SENTINEL1_RTC_INDIGO,
    SENTINEL2_L2A,
    PALSAR2_SCANSAR,
    PALSAR2_MOSAIC,
    WORLDCOVER,
    COPERNICUS_DEM,
    JRC_WATER,
)
BY_COLLECTION = {collection: product for product in PRODUCTS for collection in product.collections}


def to_acquisition(item: pystac.Item) -> Acquisition | None:
    """The acquisition an archive's item stands for.

    None where there is none: a collection that is not known here, no asset floodfuse can use, or an
    observation whose time can't be told to within a pass. Items that floodfuse wrote are read as written.

    Raises
    ------
    BadRequest
        If a metadata file at hand is damaged, or the item contradicts itself.
    """
    if f"{static.PREFIX}sensor" in item.properties:
        return static.from_item(item)
    product = BY_COLLECTION.get(item.collection_id or "")
    if product is None or item.geometry is None:
        return None
    assets = _assets(item, product)
    summary = _summary(item, product)
    time = _time(item, product.sensor, summary)
    if time is None or not set(assets) - {"incidence", "mask", "scl"}:
        return None
    fields = _declared(product, "incidence" in assets) | _stated(item) | _measured(summary)
    try:
        return Acquisition(
            id=item.id,
            sensor=product.sensor,
            time=time,
            footprint=item.geometry,
            assets=assets,
            collection=item.collection_id,
            licence=product.licence,
            **fields,
        )
    except ValidationError as error:
        where = item.get_self_href() or item.id
        raise static.CatalogError(f"{where}: {static.problem(error)}.") from error


def _assets(item: pystac.Item, product: Product) -> dict[str, Asset]:
    found = {}
    for name, keys in product.assets.items():
        key = next((k for k in keys if k in item.assets), None)
        if key is not None:
            found[name] = Asset(href=static.href_of(item.assets[key]))
    return found


def _summary(item: pystac.Item, product: Product) -> card4l.Card4lSummary | None:
    """The product's metadata, where its file lies on this machine."""
    if product.metadata is None or product.metadata not in item.assets:
        return None
    href = static.href_of(item.assets[product.metadata])
    return card4l.read_summary(href) if "://" not in href and Path(href).is_file() else None


def _time(item: pystac.Item, sensor: Sensor, summary: card4l.Card4lSummary | None) -> datetime | None:
    """When the ground was seen; None for a composite of many days (terrain excepted, which has no time)."""
    start, end = item.common_metadata.start_datetime, item.common_metadata.end_datetime
    if summary is not None:
        start, end = summary.start, summary.end
    if start is None or end is None:
        return item.datetime
    if sensor is not Sensor.TERRAIN and end - start > _ONE_PASS:
        return None
    return item.datetime if item.datetime and summary is None else start + (end - start) / 2


def _declared(product: Product, has_angle: bool) -> dict[str, Any]:
    """What holds for every item of the product."""
    return {
        "radiometry": product.radiometry,
        "scale": product.scale,
        "calibration_db": product.calibration_db,
        "incidence_deg": None if has_angle else product.incidence_deg,
        "incidence_scale": product.incidence_scale,
        "mask_convention": product.mask_convention,
        "noise_removed": product.noise_removed,
        "looks": product.looks,
    }


def _stated(item: pystac.Item) -> dict[str, Any]:
    """What this item says of itself."""
    properties = item.properties
    stated = {
        "frequency_ghz": properties.get("sar:center_frequency"),
        "looks": properties.get("sar:looks_equivalent_number"),
        "orbit_state": properties.get("sat:orbit_state"),
        "relative_orbit": properties.get("sat:relative_orbit"),
        "beam": properties.get("sar:instrument_mode"),
        "processing_baseline": properties.get("s2:processing_baseline") or _baseline_in_name(properties),
        "sun_elevation_deg": _sun_elevation(properties),
    }
    return {name: value for name, value in stated.items() if value is not None}


def _sun_elevation(properties: dict[str, Any]) -> float | None:
    """Degrees above the horizon, from either way of saying it."""
    zenith = properties.get("s2:mean_solar_zenith")
    return properties.get("view:sun_elevation", 90.0 - zenith if isinstance(zenith, (int, float)) else None)


def _baseline_in_name(properties: dict[str, Any]) -> str | None:
    """02.14 of S2A_MSIL2A_20200714T115221_N0214_R123_T28QCH_20200714T191310."""
    name = properties.get("s2:product_uri") or properties.get("sentinel:product_id") or ""
    found = _BASELINE.search(name)
    return f"{found[1]}.{found[2]}" if found else None


def _measured(summary: card4l.Card4lSummary | None) -> dict[str, Any]:
    """What the metadata beside the item says of this very scene."""
    if summary is None:
        return {}
    measured = {
        "frequency_ghz": summary.frequency_ghz,
        "nesz_db": summary.nesz_db or None,
        "noise_removed": summary.noise_removed,
        "orbit_state": summary.orbit_state,
        "mask_convention": summary.mask_convention,
        "radiometry": summary.radiometry,
        "calibration_db": summary.calibration_db,
        "incidence_scale": summary.incidence_scale,
    }
    return {name: value for name, value in measured.items() if value is not None}
