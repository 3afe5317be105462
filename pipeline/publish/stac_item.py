"""item.json: the product as a STAC item, with a checksum of every file and the name of every input.

Extensions: projection 2.0, raster 2.0, classification 2.0, processing 1.1, file 2.1. All hrefs to the product's own files are
relative. Inputs appear twice: as links `derived_from` to each of their files, and whole, in `floodfuse:inputs`.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyproj
import pystac
import shapely

from floodfuse.harmonize.classes import ADVISORY_LABELS, DECIDER_LABELS, EXCLUSION_LABELS, LEGEND
from floodfuse.pipeline.product import (
    DIAGNOSTICS_FILE,
    FLOOD_FILE,
    ITEM_FILE,
    NETWORK_FILE,
    POLYGONS_FILE,
    PROBABILITY_FILE,
    PROJECT_FILE,
    REPORT_FILE,
    RUN_FILE,
    ZARR_FILE,
    InputRecord,
    RunRecord,
)
from floodfuse.pipeline.publish.cog import Band, files_of
from floodfuse.pipeline.publish.palettes import DECIDER_COLOURS, Rgba, hexadecimal
from floodfuse.pipeline.publish.preview import PREVIEW_FILE
from floodfuse.pipeline.publish.source import bounds_of, pixel_area_m2

EXTENSIONS = tuple(
    f"https://stac-extensions.github.io/{name}/schema.json"
    for name in (
        "projection/v2.0.0",
        "raster/v2.0.0",
        "classification/v2.0.0",
        "processing/v1.1.0",
        "file/v2.1.0",
    )
)
_SHA256 = "1220"  # multihash: sha2-256 (0x12), 32 bytes (0x20)
_BITS: dict[str, Mapping[Any, str]] = {"exclusion": EXCLUSION_LABELS, "advisory": ADVISORY_LABELS}
_GEOTIFF = pystac.MediaType.COG


class FileAsset(NamedTuple):
    """One file of the product, as the item lists it."""

    key: str
    file: str
    title: str
    media_type: str
    roles: tuple[str, ...]


ASSETS = (
    FileAsset("flood", FLOOD_FILE, "Flood map classes", _GEOTIFF, ("data", "visual")),
    FileAsset(
        "probability",
        PROBABILITY_FILE,
        "Probability of water, now and ever, and uncertainty",
        _GEOTIFF,
        ("data",),
    ),
    FileAsset(
        "diagnostics", DIAGNOSTICS_FILE, "What each decision rests on", _GEOTIFF, ("data", "quality-mask")
    ),
    FileAsset("zarr", ZARR_FILE, "All layers, exact", "application/vnd.zarr; version=3", ("data",)),
    FileAsset("polygons", POLYGONS_FILE, "Water as polygons", pystac.MediaType.GEOPACKAGE, ("data",)),
    FileAsset("qgis", PROJECT_FILE, "QGIS project, styled", "application/vnd.qgis.qgz", ("visual",)),
    FileAsset("report", REPORT_FILE, "Report", pystac.MediaType.HTML, ("overview", "metadata")),
    FileAsset("thumbnail", PREVIEW_FILE, "Map with legend", pystac.MediaType.PNG, ("thumbnail",)),
    FileAsset("run", RUN_FILE, "Record of the run", pystac.MediaType.JSON, ("metadata",)),
    FileAsset(
        "flood_categories",
        f"{FLOOD_FILE}.aux.xml",
        "Class names, as GDAL reads them",
        pystac.MediaType.XML,
        ("metadata",),
    ),
)
NETWORK_ASSET = FileAsset(
    "network", NETWORK_FILE, "What the network says of itself", _GEOTIFF, ("data", "quality-mask")
)


def write_item(folder: Path) -> None:
    """Write `item.json` into a product's folder; last, because it holds the checksums of the other files.

    Raises
    ------
    FileNotFoundError
        If a file of the product is missing.
    """
    record = RunRecord.load(folder)
    item = pystac.Item(
        id=item_id(record),
        geometry=record.area_of_interest,
        bbox=list(shapely.geometry.shape(record.area_of_interest).bounds),
        datetime=record.product_time,
        properties=_properties(record),
        stac_extensions=list(EXTENSIONS),
    )
    for asset in (*ASSETS, NETWORK_ASSET) if record.weights else ASSETS:
        extra = _file_fields(folder / asset.file) | _band_fields(asset.file, record)
        item.add_asset(
            asset.key,
            pystac.Asset(asset.file, asset.title, None, asset.media_type, list(asset.roles), extra),
        )
    for link in _input_links(record):
        item.add_link(link)
    fields = item.to_dict(include_self_link=False, transform_hrefs=False)
    (folder / ITEM_FILE).write_text(json.dumps(fields, indent=2, ensure_ascii=False) + "\n")


def item_id(record: RunRecord) -> str:
    """A name that tells time and place, and is the same for the same request."""
    request = json.dumps(
        [
            record.area_of_interest,
            record.grid.model_dump(),
            record.fusion,
            *([record.weights.sha256] if record.weights else []),
            *([record.risk] if record.risk else []),
            [given.id for given in record.inputs],
        ],
        sort_keys=True,
    )
    short = hashlib.sha256(request.encode()).hexdigest()[:8]
    return f"floodfuse-{record.product_time:%Y%m%dT%H%M%SZ}-{short}"


def _properties(record: RunRecord) -> dict[str, Any]:
    crs = pyproj.CRS.from_user_input(record.grid.crs)
    authority = crs.to_authority()
    code: dict[str, Any] = (
        {"proj:code": ":".join(authority)} if authority else {"proj:code": None, "proj:wkt2": crs.to_wkt()}
    )
    return {
        "title": f"Flood map {record.product_time:%Y-%m-%d}{' (synthetic)' if record.synthetic else ''}",
        "description": _description(record),
        "created": pystac.utils.datetime_to_str(record.created),
        "gsd": _pixel_m(record),
        "proj:shape": list(record.grid.shape),
        "proj:transform": list(record.grid.transform),
        "proj:bbox": list(bounds_of(record.grid)),
        **code,
        "processing:level": "L4",
        "processing:software": {"floodfuse": record.floodfuse_version},
        "processing:lineage": f"Evidence of {', '.join(record.sensors)} fused by `{record.fusion}`; see run.json.",
        "floodfuse:synthetic": record.synthetic,
        "floodfuse:flooded_km2": record.flooded_km2,
        "floodfuse:expected_flooded_km2": record.expected_flooded_km2,
        "floodfuse:expected_ever_flooded_km2": record.expected_ever_flooded_km2,
        "floodfuse:advisories": [flag.model_dump() for flag in record.advisories],
        "floodfuse:observed_fraction": record.observed_fraction,
        "floodfuse:permanent_water_known": record.permanent_water_known,
        "floodfuse:warnings": record.warnings,
        "floodfuse:inputs": [_input(given) for given in record.inputs],
    }


def _description(record: RunRecord) -> str:
    origin = "SYNTHETIC: made from simulated scenes, of no place on Earth. " if record.synthetic else ""
    flooded = f"{record.flooded_km2:.4g} km² flooded, {record.expected_flooded_km2:.4g} km² expected"
    return f"{origin}{flooded}; {record.observed_fraction:.1%} of the area was observed."


def _input(given: InputRecord) -> dict[str, Any]:
    return given.model_dump(mode="json", exclude={"acquisition"})


def _input_links(record: RunRecord) -> list[pystac.Link]:
    """A link to each file of each input, in the order they were used."""
    links = []
    for given in record.inputs:
        for name, href in given.assets.items():
            title = f"{given.sensor}: {given.id}, {name}"
            links.append(pystac.Link("derived_from", href, title=title))
    return links


def _file_fields(path: Path) -> dict[str, Any]:
    """Size and checksum. A Zarr is a folder: the checksum is then over all its files (see `folder_digest`)."""
    if path.is_dir():
        digest, size = folder_digest(path)
        return {"floodfuse:folder_sha256": digest, "floodfuse:folder_size": size}
    return {"file:checksum": _SHA256 + _digest(path), "file:size": path.stat().st_size}


def folder_digest(folder: Path) -> tuple[str, int]:
    """SHA-256 of a folder, and its size in bytes.

    Of the lines `<sha256 of the file>  <path>` of all its files, sorted by path: what
    `find * -type f | LC_ALL=C sort | xargs sha256sum | sha256sum` prints inside the folder.
    """
    lines, size = hashlib.sha256(), 0
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    for name in sorted(files):
        lines.update(f"{_digest(files[name])}  {name}\n".encode())
        size += files[name].stat().st_size
    return lines.hexdigest(), size


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _pixel_m(record: RunRecord) -> float:
    return math.sqrt(pixel_area_m2(record.grid))


def _band_fields(file: str, record: RunRecord) -> dict[str, Any]:
    """`bands` of a GeoTIFF, with the classes of those that hold codes."""
    for raster in files_of(record):
        if raster.name == file:
            nodata = "nan" if math.isnan(raster.nodata) else raster.nodata
            common = {"data_type": raster.dtype, "nodata": nodata}
            return common | {
                "raster:spatial_resolution": _pixel_m(record),
                "bands": [_band(band) for band in raster.bands],
            }
    return {}


def _band(band: Band) -> dict[str, Any]:
    fields: dict[str, Any] = {"name": band.layer, "description": band.describe()}
    if band.units:
        fields["unit"] = band.units
    if band.layer == "flood_class":
        entries = [(int(c), entry.label, entry.meaning, entry.rgba) for c, entry in LEGEND.items()]
        fields["classification:classes"] = [_class(*entry) for entry in entries]
    if band.layer == "deciding_sensor":
        deciders = [(int(d), label, label, DECIDER_COLOURS[d]) for d, label in DECIDER_LABELS.items()]
        fields["classification:classes"] = [_class(*entry) for entry in deciders]
    if band.scale != 1.0:
        fields["raster:scale"] = band.scale
    labels: Mapping[Any, str] = _BITS.get(band.layer, {})
    if labels:
        fields["classification:bitfields"] = [
            _bit(int(bit).bit_length() - 1, label) for bit, label in labels.items()
        ]
    return fields


def _class(value: int, label: str, meaning: str, colour: Rgba) -> dict[str, Any]:
    fields: dict[str, Any] = {"value": value, "name": _name(label), "title": label, "description": meaning}
    if colour[3]:
        fields["color_hint"] = hexadecimal(colour)[1:].upper()
    else:  # what is not drawn: nothing was observed
        fields["nodata"] = True
    return fields


def _bit(offset: int, label: str) -> dict[str, Any]:
    classes = [
        {"value": 0, "name": "no", "description": f"not: {label}"},
        {"value": 1, "name": "yes", "description": label},
    ]
    return {"offset": offset, "length": 1, "name": _name(label), "description": label, "classes": classes}


def _name(label: str) -> str:
    """A label as the classification extension wants names: letters, digits and underscores."""
    return re.sub(r"[^0-9A-Za-z]+", "_", label).strip("_").lower()
