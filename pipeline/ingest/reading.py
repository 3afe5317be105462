"""Opening rasters and reading windows of them: every way a file can be wrong becomes one clear sentence."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyproj
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from floodfuse.catalogs.acquisition import Acquisition, Asset, Shift
from floodfuse.catalogs.archives import GDAL_HTTP
from floodfuse.catalogs.errors import BadRequest
from floodfuse.pipeline.grid import Grid
from floodfuse.pipeline.ingest.kept_open import dataset_of
from floodfuse.pipeline.ingest.resample import SourceCoordinates, resample, source_coordinates

# A raster without georeference is refused below, in words; changing filters for a moment would not be safe in threads.
warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)

Float32 = NDArray[np.float32]
Decode = Callable[[Float32], Float32]

_LARGEST = float(np.finfo(np.float32).max)  # larger numbers are infinite once read
_MOST_NATIVE_PX = 4096 * 4096
_SAMPLE_WINDOWS = 5  # a side
_SAMPLE_PX = 128


class Band(NamedTuple):
    """One band to be read: its name, where it is, and how its stored numbers become values.

    `decode` works on native pixels before any resampling (amplitude must be squared before it is averaged);
    `nearest` is for codes, which have no mean. `shift` is that of the acquisition.
    """

    name: str
    asset: Asset
    decode: Decode | None = None
    nearest: bool = False
    shift: Shift | None = None


class RasterGeometry(NamedTuple):
    """Where a raster's pixels lie; rasters that share it share their coordinates."""

    crs: pyproj.CRS
    transform: Affine
    width: int
    height: int


def _environment(href: str) -> rasterio.Env | nullcontext[None]:
    """Time-outs and retries for files behind a URL; local files keep GDAL's own ways, side files included."""
    remote = "://" in href or href.startswith("/vsicurl")
    return rasterio.Env(**GDAL_HTTP) if remote else nullcontext()


@contextmanager
def opened(asset: Asset) -> Iterator[rasterio.DatasetReader]:
    """Open a raster that has the asset's band, and turn what goes wrong inside into a `BadRequest`."""
    try:
        with _environment(asset.href), dataset_of(asset.href) as dataset:
            if asset.band > dataset.count:
                raise BadRequest(
                    f"{asset.href}: has {dataset.count} band(s), and band {asset.band} was asked for. "
                    f"Declare it as `{asset.href}:n` with n from 1 to {dataset.count}."
                )
            yield dataset
    except RasterioError as error:
        cause = error.__cause__ or error
        raise BadRequest(
            f"{asset.href}: missing, damaged or not a raster ({cause}). Get the file again, or take it out of the "
            "catalogue; `floodfuse catalog check` opens every file."
        ) from error


def geometry_of(dataset: rasterio.DatasetReader, href: str) -> RasterGeometry:
    """The raster's geometry, or a `BadRequest` where it has none."""
    if dataset.crs is None:
        if dataset.gcps[0]:
            raise BadRequest(
                f"{href}: in slant geometry (ground control points only). Geocode it first, e.g. into an RTC product."
            )
        raise BadRequest(
            f"{href}: has no CRS, so it can't be placed. Assign the one it was made in (gdal_edit -a_srs)."
        )
    if dataset.transform == Affine.identity():
        raise BadRequest(
            f"{href}: has a CRS but no transform, so it can't be placed. Save it with its geotransform."
        )
    return RasterGeometry(
        pyproj.CRS.from_wkt(dataset.crs.to_wkt()), dataset.transform, dataset.width, dataset.height
    )


def relocated(geometry: RasterGeometry, shift: Shift | None) -> RasterGeometry:
    """The same pixels where they lie once a shift is applied: metres to the raster's own units, at its middle."""
    if shift is None or not shift.applied or shift.crs is None:
        return geometry
    east, north = shift.east_m or 0.0, shift.north_m or 0.0
    crs = pyproj.CRS.from_user_input(shift.crs)
    if crs != geometry.crs:
        to_metres = pyproj.Transformer.from_crs(geometry.crs, crs, always_xy=True)
        middle = _middle(geometry, crs)
        x, y = to_metres.transform(*middle)
        there = to_metres.transform(x + east, y + north, direction="INVERSE")
        here = to_metres.transform(x, y, direction="INVERSE")
        east, north = there[0] - here[0], there[1] - here[1]
    return geometry._replace(transform=Affine.translation(east, north) @ geometry.transform)


def stamps(acquisition: Acquisition) -> tuple[str, ...]:
    """When the acquisition's local files, and those of its references, last changed: what is kept of them must know."""
    files = {asset.href for a in (acquisition, *acquisition.references) for asset in a.assets.values()}
    return tuple(
        f"{f}@{Path(f).stat().st_mtime_ns}" for f in sorted(files) if "://" not in f and Path(f).exists()
    )


def read_bands(bands: Sequence[Band], grid: Grid) -> dict[str, Float32]:
    """Values of bands on a grid, NaN where there are none. Bands of one geometry are moved by one set of coordinates.

    Where the grid is so coarse that it covers more native pixels than should be held at once, it is read in halves.
    """
    groups: dict[tuple[RasterGeometry, bool], list[tuple[Band, float | None]]] = {}
    for band in bands:
        with opened(band.asset) as dataset:
            geometry = relocated(geometry_of(dataset, band.asset.href), band.shift)
            no_data = dataset.nodatavals[band.asset.band - 1]
        groups.setdefault((geometry, band.nearest), []).append((band, no_data))
    coordinates: dict[RasterGeometry, SourceCoordinates] = {}
    values: dict[str, Float32] = {}
    for (geometry, nearest), members in groups.items():
        if geometry not in coordinates:
            coordinates[geometry] = source_coordinates(grid, geometry.crs, geometry.transform)
        at, scale = coordinates[geometry], pixels_per_pixel(geometry, grid)
        window = _window(at, scale, geometry)
        if window is None:
            values |= {band.name: np.full(grid.shape, np.nan, np.float32) for band, _ in members}
            continue
        if window.width * window.height > _MOST_NATIVE_PX and grid.rows > 1:
            return _in_halves(bands, grid)
        stack = np.stack([_read(band, no_data, window) for band, no_data in members])
        moved = resample(stack, at, (window.col_off, window.row_off), scale, nearest)
        values |= {band.name: moved[i] for i, (band, _) in enumerate(members)}
    return values


def _in_halves(bands: Sequence[Band], grid: Grid) -> dict[str, Float32]:
    upper = grid.rows // 2
    parts = [
        read_bands(bands, replace(grid, row=grid.row + first, rows=rows))
        for first, rows in ((0, upper), (upper, grid.rows - upper))
    ]
    return {band.name: np.concatenate([part[band.name] for part in parts]) for band in bands}


def pixels_per_pixel(geometry: RasterGeometry, grid: Grid) -> tuple[float, float]:
    """Source pixels per pixel of the grid, across and down: the same for every window of the lattice.

    Measured at the middle of the raster, or of what the grid's CRS is made for where the raster reaches beyond it.
    """
    return _pixels_per_pixel(geometry, grid.crs, grid.resolution)


@lru_cache(maxsize=1024)  # asked for by every block
def _pixels_per_pixel(
    geometry: RasterGeometry, grid_crs: pyproj.CRS, resolution: float
) -> tuple[float, float]:
    to_grid = pyproj.Transformer.from_crs(geometry.crs, grid_crs, always_xy=True)
    x, y = to_grid.transform(*_middle(geometry, grid_crs))
    half = resolution / 2
    corners = np.array([(x - half, y), (x + half, y), (x, y - half), (x, y + half)])
    back = to_grid.transform(corners[:, 0], corners[:, 1], direction="INVERSE")
    inverse = ~geometry.transform
    column = inverse.a * back[0] + inverse.b * back[1] + inverse.c
    row = inverse.d * back[0] + inverse.e * back[1] + inverse.f
    across = max(abs(column[1] - column[0]), abs(column[3] - column[2]))
    down = max(abs(row[1] - row[0]), abs(row[3] - row[2]))
    return round(float(across), 6), round(float(down), 6)


def _middle(geometry: RasterGeometry, crs: pyproj.CRS) -> tuple[float, float]:
    """Middle of the raster, clipped to the use of a CRS, in the raster's own coordinates."""
    left, top = geometry.transform @ (0, 0)
    right, bottom = geometry.transform @ (geometry.width, geometry.height)
    box = (min(left, right), min(top, bottom), max(left, right), max(top, bottom))
    if crs.area_of_use is not None:
        from_degrees = pyproj.Transformer.from_crs("EPSG:4326", geometry.crs, always_xy=True)
        use = from_degrees.transform_bounds(*crs.area_of_use.bounds)
        common = (max(box[0], use[0]), max(box[1], use[1]), min(box[2], use[2]), min(box[3], use[3]))
        if np.isfinite(common).all() and common[0] < common[2] and common[1] < common[3]:
            box = common
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _window(at: SourceCoordinates, scale: tuple[float, float], geometry: RasterGeometry) -> Window | None:
    if not (np.isfinite(at.column).all() and np.isfinite(at.row).all()):
        return None
    margin_x, margin_y = max(scale[0], 1.0) / 2 + 1, max(scale[1], 1.0) / 2 + 1
    left = max(int(np.floor(at.column.min() - margin_x)), 0)
    right = min(int(np.ceil(at.column.max() + margin_x)), geometry.width)
    top = max(int(np.floor(at.row.min() - margin_y)), 0)
    bottom = min(int(np.ceil(at.row.max() + margin_y)), geometry.height)
    return Window(left, top, right - left, bottom - top) if left < right and top < bottom else None


def _read(band: Band, no_data: float | None, window: Window) -> Float32:
    with opened(band.asset) as dataset:
        values = _values(dataset, band.asset.band, window)
    return decoded(values, no_data, band.decode)


def _values(dataset: rasterio.DatasetReader, band: int, window: Window) -> Float32:
    """Stored numbers as float32, NaN where a mask that comes with the file (not a no-data value) says invalid."""
    values: Float32 = dataset.read(band, window=window, out_dtype=np.float32)
    flags = dataset.mask_flag_enums[band - 1]
    if MaskFlags.per_dataset in flags or MaskFlags.alpha in flags:
        values[dataset.read_masks(band, window=window) == 0] = np.nan
    return values


def decoded(values: Float32, no_data: float | None, decode: Decode | None) -> Float32:
    """Stored numbers as values: no-data and infinities become NaN, the rest goes through `decode`."""
    values[~np.isfinite(values)] = np.nan
    if no_data is not None and abs(no_data) <= _LARGEST:
        values[values == np.float32(no_data)] = np.nan
    return values if decode is None else decode(values)


def sample(asset: Asset) -> Float32:
    """Stored numbers from all over a raster: 5 x 5 windows of at most 128 px, no-data left out.

    Whatever is judged from it is judged for the whole acquisition, never for the area asked for.
    """
    values = np.concatenate([window.ravel() for window in sample_windows(asset)])
    return values[np.isfinite(values)]


def sample_windows(asset: Asset) -> list[Float32]:
    """The windows of `sample`, each (y, x), no-data as NaN."""
    with opened(asset) as dataset:
        no_data = dataset.nodatavals[asset.band - 1]
        size_x, size_y = min(_SAMPLE_PX, dataset.width), min(_SAMPLE_PX, dataset.height)
        pieces = []
        for top in np.unique(np.linspace(0, dataset.height - size_y, _SAMPLE_WINDOWS).astype(int)):
            for left in np.unique(np.linspace(0, dataset.width - size_x, _SAMPLE_WINDOWS).astype(int)):
                window = Window(int(left), int(top), size_x, size_y)
                pieces.append(_values(dataset, asset.band, window))
    return [decoded(piece, no_data, None) for piece in pieces]
