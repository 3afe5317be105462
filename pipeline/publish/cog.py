"""flood.tif, probability.tif, diagnostics.tif, and network.tif where a network fused: cloud-optimized GeoTIFFs.

Tiles go from `product.zarr` into a plain tiled GeoTIFF; GDAL's COG driver then orders it and adds overviews.
Both steps stream, so memory does not grow with the product. The same layers give the same bytes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.enums import ColorInterp
from rasterio.io import DatasetWriter

from floodfuse.harmonize.classes import ADVISORY_LABELS, DECIDER_LABELS, EXCLUSION_LABELS, LEGEND
from floodfuse.pipeline.product import (
    DIAGNOSTICS_FILE,
    FLOOD_FILE,
    LAYERS,
    NETWORK_FILE,
    PROBABILITY_FILE,
    GridRecord,
    Layer,
    RunRecord,
    network_layers,
)
from floodfuse.pipeline.publish.source import (
    Array,
    Product,
    crs_of,
    raster_environment,
    tiles,
    transform_of,
)

AGE_NODATA = 65535
CONFLICT_STEP = 0.01  # nats
NETWORK_STEP = 0.01
_NOTHING = 255
COG_BLOCK = 512


def _age_in_hours(age: Array) -> Array:
    """Whole hours as uint16; no evidence becomes the nodata value."""
    hours = np.clip(np.rint(np.abs(age)), 0, AGE_NODATA - 1)
    return np.where(np.isfinite(age), hours, AGE_NODATA).astype(np.uint16)


def _in_hundredths(nats: Array) -> Array:
    """Hundredths of a nat as uint16, which GDAL turns back by the band's scale."""
    hundredths = np.clip(np.rint(nats / CONFLICT_STEP), 0, AGE_NODATA - 1)
    return np.where(np.isfinite(nats), hundredths, AGE_NODATA).astype(np.uint16)


def _in_percent(values: Array) -> Array:
    """Whole percents as uint8, up to 254, which GDAL turns back by the band's scale."""
    percent = np.clip(np.rint(values / NETWORK_STEP), 0, _NOTHING - 1)
    return np.where(np.isfinite(values), percent, _NOTHING).astype(np.uint8)


def _as_uint16(codes: Array) -> Array:
    return codes.astype(np.uint16)


def _same(values: Array) -> Array:
    return values


@dataclass(frozen=True)
class Band:
    """One band of a GeoTIFF: the layer it shows, how its values are written, and what they mean.

    What is stored times `scale` is in `units`. `of` are the layers among which it is.
    """

    layer: str
    units: str = ""
    encode: Callable[[Array], Array] = _same
    notes: dict[str, str] = field(default_factory=dict)
    scale: float = 1.0
    of: Mapping[str, Layer] = field(default_factory=lambda: LAYERS)

    @property
    def long_name(self) -> str:
        """What the layer is."""
        return self.of[self.layer].long_name

    def describe(self) -> str:
        """One sentence on what the values are."""
        return "; ".join([self.long_name, *filter(None, [self.notes.get("RANGE")])])


@dataclass(frozen=True)
class RasterFile:
    """One GeoTIFF: its bands, all of one type, and how its overviews are made."""

    name: str
    dtype: str
    nodata: float
    overviews: str
    bands: tuple[Band, ...]
    predictor: str = "standard"
    palette: bool = False


def _class_notes() -> dict[str, str]:
    return {f"CLASS_{int(c)}": f"{entry.label}: {entry.meaning}" for c, entry in LEGEND.items()}


def _decider_notes() -> dict[str, str]:
    return {f"VALUE_{int(d)}": label for d, label in DECIDER_LABELS.items()}


def _bit_notes(labels: Mapping[Any, str], none: str) -> dict[str, str]:
    bits = {f"BIT_{int(e).bit_length() - 1}": f"{int(e)}: {label}" for e, label in labels.items()}
    return bits | {"VALUE_0": none}


FILES = (
    RasterFile(FLOOD_FILE, "uint8", 255, "mode", (Band("flood_class", notes=_class_notes()),), "no", True),
    RasterFile(
        PROBABILITY_FILE,
        "float32",
        float("nan"),
        "average",
        (
            Band("probability", notes={"RANGE": "0 (dry) to 1 (under water); NaN: not observed"}),
            Band("uncertainty", "bit", notes={"RANGE": "0 (sure) to 1 (even odds); NaN: not observed"}),
            Band("ever_flooded", notes={"RANGE": "`probability` to 1; NaN: not observed"}),
        ),
        "floating_point",
    ),
    RasterFile(
        DIAGNOSTICS_FILE,
        "uint16",
        AGE_NODATA,
        "nearest",
        (
            Band("deciding_sensor", encode=_as_uint16, notes=_decider_notes()),
            Band("sensor_count", encode=_as_uint16, notes={"RANGE": "number of sensors, 0 and up"}),
            Band(
                "evidence_age",
                "hour",
                _age_in_hours,
                {"RANGE": f"rounded to whole hours; {AGE_NODATA}: no evidence. Exact in product.zarr"},
            ),
            Band("exclusion", encode=_as_uint16, notes=_bit_notes(EXCLUSION_LABELS, "no reason recorded")),
            Band(
                "conflict",
                "nat",
                _in_hundredths,
                {"RANGE": f"0 (agreed) to 8, in steps of {CONFLICT_STEP}; {AGE_NODATA}: not observed"},
                CONFLICT_STEP,
            ),
            Band("advisory", notes=_bit_notes(ADVISORY_LABELS, "nothing to keep in mind")),
        ),
    ),
)


def files_of(record: RunRecord) -> tuple[RasterFile, ...]:
    """The GeoTIFFs of a product."""
    added = network_layers(record.weights)
    notes = {"RANGE": f"0 and up, in steps of {NETWORK_STEP}; {_NOTHING}: not observed"}
    bands = tuple(Band(name, "", _in_percent, notes, NETWORK_STEP, added) for name in added)
    network = RasterFile(NETWORK_FILE, "uint8", _NOTHING, "average", bands)
    return (*FILES, network) if added else FILES


def write_rasters(folder: Path) -> None:
    """Write the GeoTIFFs of a product into its folder, from its `product.zarr` and `run.json`.

    - `flood.tif`: uint8 map classes with palette; 255 is not observed. Class names are in the band's metadata
      and, as GDAL and QGIS read them, in `flood.tif.aux.xml`. Overviews show the most common class.
    - `probability.tif`: float32, NaN where not observed: probability, uncertainty, ever flooded. Overviews are means.
    - `diagnostics.tif`: uint16, 65535 where there is no value: deciding sensor, number of sensors, age of the
      evidence in hours, exclusion bits, conflict in hundredths of a nat, advisory bits. Overviews are nearest pixels.
    - `network.tif`, where a network fused: uint8, in hundredths, 255 where not observed: how new the pixel is to it, and the
      weight of each sensor and of the ground where it tells them. Overviews are means.
    """
    product = Product(folder)
    with raster_environment(), tempfile.TemporaryDirectory(dir=folder, prefix=".cog-") as scratch:
        for file in files_of(product.record):
            plain = Path(scratch) / file.name
            _write_plain(product, file, plain)
            to_cog(plain, folder / file.name, file.overviews, file.predictor)
            plain.unlink()
    (folder / f"{FLOOD_FILE}.aux.xml").write_text(_category_names())


def plain_tiff(
    path: Path, grid: GridRecord, bands: int, dtype: str, nodata: float, palette: bool
) -> DatasetWriter:
    """A tiled GeoTIFF on a product's lattice, open for writing; `to_cog` makes a COG of it."""
    rows, columns = grid.shape
    return rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=rows,
        width=columns,
        count=bands,
        dtype=dtype,
        nodata=nodata,
        crs=crs_of(grid),
        transform=transform_of(grid),
        tiled=True,
        blockxsize=COG_BLOCK,
        blockysize=COG_BLOCK,
        interleave="band",
        compress="zstd",  # quick; this file is gone in a minute
        zstd_level=1,
        bigtiff="if_safer",
        photometric="palette" if palette else "minisblack",
    )


def _write_plain(product: Product, file: RasterFile, path: Path) -> None:
    """Write a tiled GeoTIFF of the right values, in an order that suits the reader of the zarr."""
    grid = product.record.grid
    with plain_tiff(path, grid, len(file.bands), file.dtype, file.nodata, file.palette) as target:
        _describe(target, file, product.record)
        for tile in tiles(product.shape):
            for number, band in enumerate(file.bands, start=1):
                values = band.encode(product.read(band.layer, tile))
                target.write(values, number, window=tile.window)


def _describe(target: DatasetWriter, file: RasterFile, record: RunRecord) -> None:
    target.update_tags(
        TIFFTAG_SOFTWARE=f"floodfuse {record.floodfuse_version}",
        PRODUCT_TIME=record.product_time.isoformat(),
        FUSION=record.fusion,
        SYNTHETIC="yes, from simulated scenes" if record.synthetic else "no",
    )
    for number, band in enumerate(file.bands, start=1):
        target.set_band_description(number, band.layer)
        target.update_tags(number, long_name=band.long_name, **band.notes)
    target.units = tuple(band.units for band in file.bands)
    if any(band.scale != 1.0 for band in file.bands):
        target.scales = tuple(band.scale for band in file.bands)
    if file.palette:
        target.write_colormap(1, {int(c): entry.rgba for c, entry in LEGEND.items()})
    else:
        target.colorinterp = (ColorInterp.gray, *[ColorInterp.undefined] * (len(file.bands) - 1))


def to_cog(plain: Path, path: Path, overviews: str, predictor: str) -> None:
    """Make a cloud-optimized GeoTIFF of a tiled one, with overviews of this kind of resampling."""
    rasterio.shutil.copy(
        str(plain),
        str(path),
        driver="COG",
        blocksize=COG_BLOCK,
        compress="deflate",
        predictor=predictor,
        overview_resampling=overviews,
        warp_resampling="nearest",
        num_threads="2",
        bigtiff="if_safer",
        statistics="no",
    )


def _category_names() -> str:
    """The sidecar in which GDAL keeps class names: a name for each of the 256 values, empty where unused."""
    labels = {int(c): entry.label for c, entry in LEGEND.items()}
    names = "".join(f"      <Category>{escape(labels.get(v, ''))}</Category>\n" for v in range(256))
    return (
        '<PAMDataset>\n  <PAMRasterBand band="1">\n    <CategoryNames>\n'
        f"{names}    </CategoryNames>\n  </PAMRasterBand>\n</PAMDataset>\n"
    )
