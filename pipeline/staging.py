"""Products appear whole or not at all: made in a folder beside the wanted one, and renamed at the end."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from floodfuse.catalogs.errors import BadRequest
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
)
from floodfuse.pipeline.publish.preview import PREVIEW_FILE

PRODUCT_FILES = (
    FLOOD_FILE,
    PROBABILITY_FILE,
    DIAGNOSTICS_FILE,
    NETWORK_FILE,
    POLYGONS_FILE,
    PROJECT_FILE,
    ITEM_FILE,
    REPORT_FILE,
    PREVIEW_FILE,
    RUN_FILE,
    ZARR_FILE,
)

_PROBE_BYTES = 16 << 20


def check_target(out: Path, overwrite: bool) -> None:
    """Refuse an output folder that holds something else, or that can't be made.

    Raises
    ------
    BadRequest
        With the folder and the cure.
    """
    if out.exists():
        if not out.is_dir():
            raise BadRequest(f"out '{out}': is a file. Name a folder that does not exist yet.")
        if any(out.iterdir()):
            other = _not_of_a_product(out)
            if other is not None:
                raise BadRequest(
                    f"out '{out}': holds something else than a product ('{other}'). Name another folder; "
                    "nothing was touched."
                )
            if not overwrite:
                raise BadRequest(
                    f"out '{out}': holds a product already. Give --overwrite to replace it, or another folder."
                )
    if os.path.ismount(out):
        raise BadRequest(
            f"out '{out}': is a mount point, which can't be renamed to. Name a folder inside it."
        )
    parent = out.resolve().parent
    existing = next(p for p in (parent, *parent.parents) if p.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise BadRequest(
            f"out '{out}': '{existing}' can't be written to. Choose another folder or change its permissions."
        )


def _not_of_a_product(folder: Path) -> str | None:
    """What of a folder's content no product has, if anything: replacing the product would lose it.

    What QGIS and GDAL put beside a file (`flood.gpkg-wal`, `flood.qgz~`, `flood.tif.aux.xml`) belongs to the product.
    """
    if not (folder / RUN_FILE).exists():
        return next(path.name for path in folder.iterdir())
    names = sorted(path.name for path in folder.iterdir())
    return next((name for name in names if not name.startswith(PRODUCT_FILES)), None)


@contextmanager
def staged(out: Path, overwrite: bool) -> Iterator[Path]:
    """A folder to make the product in; it becomes `out` when the block ends well, and is removed when it does not.

    An earlier product stays in place until the new one is complete. A full disk becomes a `BadRequest`.
    """
    check_target(out, overwrite)
    out = out.resolve()
    aside = out.parent / f".{out.name}.partial-{uuid.uuid4().hex[:8]}"
    parents = _make(aside)
    try:
        yield aside
        _flush(aside)
        old = _swap(aside, out)
    except BaseException as error:
        full = _disk_is_full(error) or (_by_gdal(error) and _has_no_room(aside))
        shutil.rmtree(aside, ignore_errors=True)
        _remove_empty(parents)
        if full:
            raise BadRequest(
                f"out '{out}': the disk is full ({_free(out.parent)} free), so the product could not be written. "
                "Nothing half-written was left. Free some space, or choose another disk with --out."
            ) from error
        raise
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)
    _sync(out.parent)


def _make(aside: Path) -> list[Path]:
    """Make the folder; returns the parents made for it, innermost first, which go again after a failure if empty."""
    missing = [p for p in aside.parents if not p.exists()]
    try:
        aside.mkdir(parents=True)
    except OSError as error:
        raise BadRequest(
            f"out '{aside.parent}': can't be made ({error.strerror}). Choose another folder."
        ) from error
    return missing


def _remove_empty(folders: list[Path]) -> None:
    """Remove folders that hold nothing; another run may have put its product there meanwhile."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return


def _swap(aside: Path, out: Path) -> Path | None:
    """Put the new product in place; returns the earlier one, moved aside, where there was one."""
    if not out.exists():
        aside.rename(out)
        return None
    old = out.parent / f".{out.name}.old-{uuid.uuid4().hex[:8]}"
    out.rename(old)
    try:
        aside.rename(out)
    except OSError:
        old.rename(out)
        raise
    return old


def _flush(folder: Path) -> None:
    for directory, _, files in os.walk(folder):
        for name in files:
            _sync(Path(directory, name))
        _sync(Path(directory))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _disk_is_full(error: BaseException | None) -> bool:
    """Whether no space was left anywhere in the chain of causes; libraries wrap what the system says."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if "No space left on device" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _by_gdal(error: BaseException) -> bool:
    """Whether GDAL failed, which reports a full disk in many words and rarely in those of the system."""
    return type(error).__module__.partition(".")[0] in ("rasterio", "pyogrio")


def _has_no_room(folder: Path) -> bool:
    """Whether the disk, or the user's quota, has no room for about as much as was written so far.

    What was being written when it filled up may be gone already, scratch files among it.
    """
    written = sum(Path(top, name).stat().st_size for top, _, names in os.walk(folder) for name in names)
    if shutil.disk_usage(folder).free < max(written, _PROBE_BYTES):
        return True
    try:
        with (folder / "probe").open("wb") as probe:
            probe.write(bytes(_PROBE_BYTES))
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return False


def _free(folder: Path) -> str:
    free = shutil.disk_usage(next(p for p in (folder, *folder.parents) if p.exists())).free
    return f"{free / 1e6:.0f} MB"
