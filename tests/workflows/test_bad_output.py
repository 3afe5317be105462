"""Output folders: products appear whole or not at all, and nothing that was there before is lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

Outcome = subprocess.CompletedProcess[str]
SCRIPT = Path(sys.executable).parent / "floodfuse"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def leftovers(out: Path) -> list[str]:
    return [path.name for path in out.parent.iterdir() if path.name.startswith(f".{out.name}")]


def _something_else(out: Path) -> None:
    out.mkdir()
    (out / "thesis.docx").write_text("five years of work")


def _other_run(out: Path) -> None:
    _something_else(out)
    (out / "run.json").write_text('{"learning_rate": 0.1}')


def _hidden_file(out: Path) -> None:
    out.mkdir()
    (out / ".git").write_text("gitdir: elsewhere")


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
@pytest.mark.parametrize(
    ("prepare", "word"),
    [(_something_else, "thesis.docx"), (_other_run, "thesis.docx"), (_hidden_file, ".git")],
)
def test_folder_with_something_else_stays_untouched(
    map_to: Callable[..., Outcome],
    refused: Callable[..., None],
    catalog: Path,
    tmp_path: Path,
    prepare: Callable[[Path], None],
    word: str,
    overwrite: list[str],
) -> None:
    out = tmp_path / "flood"
    prepare(out)
    before = contents(out)
    refused(map_to(catalog, out, *overwrite), f"out '{out}'", "something else", word, "another folder")
    assert contents(out) == before and not leftovers(out)


def test_notes_in_a_product_are_not_overwritten(
    map_to: Callable[..., Outcome], refused: Callable[..., None], catalog: Path, product: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(product, tmp_path / "flood")
    (out / "notes.txt").write_text("checked by hand")
    before = contents(out)
    refused(map_to(catalog, out, "--overwrite"), f"out '{out}'", "notes.txt", "another folder")
    assert contents(out) == before and not leftovers(out)


def test_out_is_a_file(
    map_to: Callable[..., Outcome], refused: Callable[..., None], catalog: Path, tmp_path: Path
) -> None:
    out = tmp_path / "flood"
    out.write_text("precious")
    refused(map_to(catalog, out, "--overwrite"), f"out '{out}'", "is a file", "Name a folder")
    assert out.read_text() == "precious"


def test_out_below_a_file(
    map_to: Callable[..., Outcome], refused: Callable[..., None], catalog: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("precious")
    out = tmp_path / "file" / "new" / "flood"
    refused(map_to(catalog, out), f"out '{out}'", "can't be written to", "another folder")
    assert (tmp_path / "file").read_text() == "precious"


def test_product_there_already(
    map_to: Callable[..., Outcome], refused: Callable[..., None], catalog: Path, product: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(product, tmp_path / "flood")
    before = contents(out)
    refused(map_to(catalog, out), f"out '{out}'", "a product already", "--overwrite")
    assert contents(out) == before and not leftovers(out)


def test_overwrite_replaces_the_product(
    map_to: Callable[..., Outcome], catalog: Path, product: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(product, tmp_path / "flood")
    (out / "flood.gpkg-wal").write_text("what QGIS leaves beside an open file")
    assert map_to(catalog, out, "--overwrite", "--sensors", "sentinel2", "--quiet").returncode == 0
    assert json.loads((out / "run.json").read_text())["sensors"] == ["sentinel2"]
    assert not (out / "flood.gpkg-wal").exists() and not leftovers(out)


def test_failed_overwrite_keeps_the_product(
    files: dict[str, Path],
    add: Callable[..., Outcome],
    map_to: Callable[..., Outcome],
    refused: Callable[..., None],
    raster: Callable[..., Path],
    product: Path,
    tmp_path: Path,
) -> None:
    """The new product fails in the middle of the run, on a file that nothing samples beforehand."""
    out = shutil.copytree(product, tmp_path / "flood")
    before = contents(out)
    clear = np.random.default_rng(0).integers(4, 7, (128, 128)).astype(np.uint8)
    scl = raster(tmp_path / "scl.tif", clear)
    assert add(tmp_path / "data", "sentinel2", files["sentinel2"], "--asset", f"scl={scl}").returncode == 0
    scl.write_bytes(scl.read_bytes()[: scl.stat().st_size // 2])
    refused(map_to(tmp_path / "data", out, "--overwrite"), str(scl), "damaged")
    assert contents(out) == before and not leftovers(out)


@pytest.mark.parametrize("command", [["catalog", "simulate"], ["demo", "--out"]])
@pytest.mark.parametrize("kind", ["full", "file", "below a file"])
def test_simulated_archives_go_to_new_folders(
    floodfuse: Callable[..., Outcome],
    refused: Callable[..., None],
    tmp_path: Path,
    command: list[str],
    kind: str,
) -> None:
    out = tmp_path / "archive"
    if kind == "full":
        _something_else(out)
    else:
        out.write_text("precious")
    out = out / "new" if kind == "below a file" else out
    refused(floodfuse(*command, out, "--size", 256), str(out), "ame a")
    assert sorted(path.name for path in tmp_path.rglob("*")) in (["archive"], ["archive", "thesis.docx"])


@pytest.mark.parametrize("kind", ["file", "below a file"])
def test_catalogue_that_is_a_file(
    add: Callable[..., Outcome],
    refused: Callable[..., None],
    files: dict[str, Path],
    tmp_path: Path,
    kind: str,
) -> None:
    folder = tmp_path / "data"
    folder.write_text("precious")
    folder = folder / "new" if kind == "below a file" else folder
    refused(add(folder, "sentinel1", files["sentinel1"]), str(folder), "can't be written", "another folder")
    assert (tmp_path / "data").read_text() == "precious"


@pytest.fixture
def on_disk(catalog: Path, area: str, tmp_path: Path) -> Callable[..., Outcome]:
    """Map onto a small file system of its own, and list what is on it afterwards.

    It is mounted in a namespace of its own, which ends with the process: nothing is left mounted, whatever happens.
    """
    disk, namespace = (
        tmp_path / "disk",
        ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])],
    )
    disk.mkdir()
    probe = [*namespace, "mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk)]
    try:
        tried = subprocess.run(probe, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no `unshare` here to mount a small disk with")
    if tried.returncode:
        pytest.skip(f"can't mount a small disk here: {tried.stderr.strip()}")

    def run(options: str, before: str, *more: str) -> Outcome:
        command = [str(SCRIPT), "map", area, "--date", "2021-03-04", "--catalog", str(catalog)]
        command += ["--out", str(disk / "new" / "flood"), "--quiet", *more]
        script = (
            f"mount -t tmpfs -o size=100m none {disk} && cd {disk} && mkdir new && {before} && mount -o remount,{options} {disk} "
            f'&& cd / && "$@"; code=$?; cd {disk} && find . -type f | sort | xargs -r sha256sum; exit $code'
        )
        shell = [*namespace, "sh", "-c", script, "sh", *command]
        return subprocess.run(shell, capture_output=True, text=True, timeout=120, check=False)

    return run


@pytest.mark.slow
@pytest.mark.parametrize("size", ["40k", "300k", "500k"])
def test_full_disk(on_disk: Callable[..., Outcome], size: str) -> None:
    """It fills up while the zarr, a GeoTIFF or a later file is written; libtiff has words of its own on that."""
    outcome = on_disk(f"size={size}", "true")
    assert outcome.returncode == 2, outcome
    assert "the disk is full" in outcome.stderr and "Free some space" in outcome.stderr
    assert outcome.stderr.count("error: ") == 1 and "Traceback" not in outcome.stderr
    assert outcome.stdout == ""


@pytest.mark.slow
def test_full_disk_keeps_the_earlier_product(
    on_disk: Callable[..., Outcome], product: Path, tmp_path: Path
) -> None:
    used = sum(path.stat().st_size for path in product.rglob("*")) // 1024
    outcome = on_disk(f"size={used + 400}k", f"cp -r {product} new/flood", "--overwrite")
    assert outcome.returncode == 2, outcome
    assert "the disk is full" in outcome.stderr
    left = [line.split()[1] for line in outcome.stdout.splitlines()]
    assert left == [f"./new/flood/{name}" for name in sorted(contents(product))]


def test_read_only_disk(on_disk: Callable[..., Outcome]) -> None:
    outcome = on_disk("ro", "true")
    assert outcome.returncode == 2, outcome
    assert outcome.stderr.startswith("error: out '") and outcome.stderr.count("\n") == 1
    assert "can't be written to" in outcome.stderr and "another folder" in outcome.stderr
    assert outcome.stdout == ""


def _under_way(catalog: Path, area: str, out: Path) -> subprocess.Popen[str]:
    """A run over many small blocks, of which some are written."""
    command = [str(SCRIPT), "map", area, "--date", "2021-03-04", "--catalog", str(catalog), "--out", str(out)]
    command += ["--resolution", "1", "--block", "64"]
    # Jobs in the background of a shell are started deaf to Ctrl-C, and so is what they start.
    command = ["env", "--default-signal=INT", *command]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for _ in range(600):
        if list(out.parent.glob(f".{out.name}.partial-*/product.zarr/flood_class/c/*")):
            return running
        assert running.poll() is None, running.communicate()
        time.sleep(0.05)
    raise AssertionError("no block was written within 30 s")


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(catalog: Path, area: str, tmp_path: Path, stop: signal.Signals) -> None:
    """Ctrl-C and `kill` leave nothing behind."""
    running = _under_way(catalog, area, tmp_path / "flood")
    running.send_signal(stop)
    out, err = running.communicate(timeout=120)
    assert running.returncode == 130
    assert err == "error: interrupted; nothing half-written was left.\n" and out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_killed(catalog: Path, area: str, product: Path, tmp_path: Path) -> None:
    """`kill -9` leaves no folder under the product's name, and the next run is not in its way."""
    out = tmp_path / "flood"
    running = _under_way(catalog, area, out)
    running.kill()
    running.communicate(timeout=120)
    assert not out.exists()
    command = [str(SCRIPT), "map", area, "--date", "2021-03-04", "--catalog", str(catalog), "--out", str(out)]
    assert subprocess.run([*command, "--quiet"], capture_output=True, check=False).returncode == 0
    assert (out / "flood.tif").read_bytes() == (product / "flood.tif").read_bytes()
