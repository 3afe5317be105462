"""Images and truth of a chip from raster files: what is stored, on whose grid, and where nothing was seen."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from floodfuse.catalogs.acquisition import Scale
from floodfuse.catalogs.datasets.description import ViewFile
from floodfuse.catalogs.errors import BadRequest
from floodfuse.harmonize.prior import BY_LAND_COVER
from floodfuse.harmonize.radiometry import refusal, to_db

UNLABELLED = 255
_FILL_BELOW_DB = -100.0  # undeclared fill, such as -9999; no radar sees so little
_BRIGHTEST_MEDIAN = 2.0  # of reflectance: over any cloud
_STRIDE = 4  # of pixels that are held against what is declared
_FURTHEST_PX = 0.5  # between corners of images on one grid

Image = tuple[NDArray[np.generic], NDArray[np.bool_]]


class Raster(NamedTuple):
    """Values (band, y, x) as stored, what stands for no data, and where the grid lies; None where it lies nowhere."""

    values: NDArray[Any]
    nodata: float | None
    place: tuple[CRS, Affine] | None


def read_raster(file: Path, bands: Sequence[int]) -> Raster:
    """Bands of a file, by number from 1.

    Raises
    ------
    BadRequest
        If the file can't be read, lacks a band, or holds complex numbers.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # plain pictures are welcome
            # read line by line: at once, the driver takes a PNG that was cut off for a whole one
            with rasterio.Env(GDAL_PNG_WHOLE_IMAGE_OPTIM="NO"), rasterio.open(file) as source:
                if source.count < max(bands):
                    raise BadRequest(
                        f"{file}: has {source.count} of the bands {', '.join(map(str, bands))}; replace the file, or name "
                        "other bands."
                    )
                values = source.read(list(bands))
                place = (source.crs, source.transform) if source.crs else None
                nodata = source.nodata
    except RasterioError as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise BadRequest(f"{file}: can't be read as a raster ({reason}); replace the file.") from None
    if values.dtype.kind not in "iuf":
        raise BadRequest(f"{file}: holds {values.dtype}, and real numbers are needed; replace the file.")
    return Raster(values, nodata, place)


def check_grid(file: Path, image: Raster, truth_file: Path, truth: Raster) -> None:
    """See that an image has the size of its truth and, where both lie somewhere, lies where it does.

    Raises
    ------
    BadRequest
        If it does not.
    """
    sizes = [" x ".join(str(n) for n in raster.values.shape[1:]) for raster in (image, truth)]
    if sizes[0] != sizes[1]:
        raise BadRequest(f"{file}: {sizes[0]} px, and {truth_file} has {sizes[1]} px; put both on one grid.")
    if image.place is None or truth.place is None:
        return
    height, width = truth.values.shape[1:]
    (crs, transform), (wanted_crs, wanted) = image.place, truth.place
    corners = [(x, y) for x in (0, width) for y in (0, height)]
    # in pixels of the truth; transforms apply to corners alike, whatever the units
    off = max(abs(a - b) for xy in corners for a, b in zip(~wanted @ (transform @ xy), xy, strict=True))
    if crs != wanted_crs or off > _FURTHEST_PX:
        raise BadRequest(f"{file}: does not lie where {truth_file} lies; put both on one grid.")


def truth_of(
    file: Path, raster: Raster, values: Mapping[int, int], unlabelled: Sequence[int]
) -> NDArray[np.uint8]:
    """Truth (y, x) as numbers of classes, 255 where nobody knows.

    Parameters
    ----------
    values, unlabelled : number of the class by the file's number, and its numbers that tell of none. What the file declares
        as no data is unlabelled too, where `values` does not name it

    Raises
    ------
    BadRequest
        If the file holds other numbers, or numbers that are not whole.
    """
    stored = raster.values[0]
    if stored.dtype.kind == "f":
        raise BadRequest(f"{file}: holds {stored.dtype}, and truth is whole numbers; write it as such.")
    truth = np.full(stored.shape, UNLABELLED, np.uint8)
    known = np.isin(stored, [*unlabelled, *values])
    if raster.nodata is not None:
        known |= stored == raster.nodata
    if not known.all():
        raise BadRequest(
            f"{file}: holds {stored[~known][0]}, which is neither a class ({', '.join(map(str, values))}) nor unlabelled "
            f"({', '.join(map(str, unlabelled))}); replace the file, or let the truth of chips.yaml name it."
        )
    for number, of_class in values.items():
        truth[stored == number] = of_class
    return truth


def cover_of(file: Path, raster: Raster, values: Mapping[int, int]) -> NDArray[np.uint8]:
    """Land cover (y, x) as WorldCover codes, 0 unknown.

    Parameters
    ----------
    values : code of each of the file's numbers, others are unknown; where empty, the file holds codes

    Raises
    ------
    BadRequest
        If the file should hold codes, and does not.
    """
    stored = raster.values[0]
    codes = values or {code: code for code in BY_LAND_COVER}
    if not values:
        empty = (stored == 0) | (stored == raster.nodata) | ~np.isfinite(stored)
        told = stored[~empty & ~np.isin(stored, list(codes))]
        if told.size:
            raise BadRequest(
                f"{file}: holds {told[0]}, which is no code of WorldCover; replace the file, or let the cover of chips.yaml say which "
                "codes its numbers are."
            )
    cover = np.zeros(stored.shape, np.uint8)
    for number, code in codes.items():
        cover[stored == number] = code
    return cover


def picture(file: Path, raster: Raster, about: ViewFile) -> Image:
    """An 8-bit picture as it is.

    Raises
    ------
    BadRequest
        If it has not 8 bits.
    """
    if raster.values.dtype != np.uint8:
        raise BadRequest(f"{file}: holds {raster.values.dtype}, and pictures have 8 bits; replace the file.")
    return raster.values, ~_empty(raster, about)


def backscatter(file: Path, raster: Raster, about: ViewFile) -> Image:
    """dB of a radar image. Power of 0 and less has no decibels and is unseen.

    Raises
    ------
    BadRequest
        If the values can't be what they are said to be.
    """
    assert about.scale is not None  # a description of radar without one is refused
    seen = ~_empty(raster, about)
    for band in raster.values[:, ::_STRIDE, ::_STRIDE]:
        reason = refusal(band[seen[::_STRIDE, ::_STRIDE]], about.scale.value)
        if reason:
            raise BadRequest(
                f"{file}: is said to hold {about.scale}, but {reason}; correct the scale, or give its nodata."
            )
    decibels = _decibels(raster.values.astype(np.float32), about)
    return _masked(decibels, seen & (decibels > _FILL_BELOW_DB).all(axis=0))


def _decibels(stored: NDArray[np.float32], about: ViewFile) -> NDArray[np.floating]:
    if about.scale is Scale.DB:
        return stored
    if about.scale is Scale.POWER:
        return to_db(stored)
    return 2.0 * to_db(stored) + (about.calibration_db or 0.0)  # amplitude, and digital numbers


def reflectance(file: Path, raster: Raster, about: ViewFile) -> Image:
    """Reflectance of an optical image: factor times value, plus offset.

    Raises
    ------
    BadRequest
        If it is far brighter than any cloud.
    """
    seen = ~_empty(raster, about)
    values = raster.values.astype(np.float32) * np.float32(about.factor) + np.float32(about.offset)
    seen &= np.isfinite(values).all(axis=0)
    if seen.any() and (median := float(np.median(values[:, seen]))) > _BRIGHTEST_MEDIAN:
        raise BadRequest(
            f"{file}: half of its reflectance is above {median:.4g}, so these are digital numbers; give a factor, such as 0.0001."
        )
    return _masked(values, seen)


def _empty(raster: Raster, about: ViewFile) -> NDArray[np.bool_]:
    """Where one band is no data, as it is declared; 0 must stand in all bands, for dark water is 0 in some."""
    empty = np.zeros(raster.values.shape[1:], bool)
    for nodata in (raster.nodata, about.nodata):
        if nodata is not None:
            bands = raster.values == nodata
            empty |= bands.any(axis=0) if nodata else bands.all(axis=0)
    return empty


def _masked(values: NDArray[Any], seen: NDArray[np.bool_]) -> Image:
    seen = seen & np.isfinite(values).all(axis=0)
    return np.where(seen, values, np.nan).astype(np.float32), seen
