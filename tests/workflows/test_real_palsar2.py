"""A real ALOS-2 PALSAR-2 mosaic through catalogue and ingest: calibration, mask, and what L-band says of water."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from numpy.typing import NDArray
from pyproj import CRS
from scipy.ndimage import binary_erosion

from benchmarks.proof_statistics import area_under_curve
from floodfuse.catalogs import static
from floodfuse.catalogs.acquisition import Acquisition, MaskConvention
from floodfuse.harmonize.classes import DRY, Decider, EvidenceClass
from floodfuse.harmonize.radiometry import to_db
from floodfuse.pipeline.calibrate import calibrated
from floodfuse.pipeline.grid import Grid
from floodfuse.pipeline.scene import node_path, prepare, read_scene
from floodfuse.pipeline.weigh import weigh

Outcome = subprocess.CompletedProcess[str]
OCEAN, LAND = 50, 255
NAMES = {"hh": "sl_HH", "hv": "sl_HV", "incidence": "linci", "mask": "mask"}
CROP = "-160.180,22.005,-160.060,22.117"


@pytest.fixture(scope="module")
def files(real_data: Callable[[str], Path]) -> dict[str, Path]:
    folder = "palsar2_mosaic_2020/N23W161_20"
    return {name: real_data(f"{folder}_{part}_F02DAR_crop.tif") for name, part in NAMES.items()}


@pytest.fixture(scope="module")
def catalog(
    files: dict[str, Path], floodfuse: Callable[..., Outcome], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The mosaic's files added as they are distributed: only what they are is declared."""
    folder = tmp_path_factory.mktemp("palsar2") / "data"
    assets = [part for name, file in files.items() for part in ("--asset", f"{name}={file}")]
    usual = ["--sensor", "alos2", "--time", "2020-09-09T21:30", "--radiometry", "dn"]
    outcome = floodfuse("catalog", "add", folder, *usual, *assets)
    assert outcome.returncode == 0, outcome
    return folder


@pytest.fixture(scope="module")
def acquisition(catalog: Path) -> Acquisition:
    (found,) = prepare(list(static.acquisitions(catalog)))
    return found


@pytest.fixture(scope="module")
def grid(files: dict[str, Path]) -> Grid:
    """The mosaic's own lattice, so that values are those of native pixels."""
    with rasterio.open(files["hh"]) as source:
        step = 1 / 4500
        row, column = round(-source.bounds.top / step), round(source.bounds.left / step)
        return Grid(CRS.from_epsg(4326), step, row, column, source.height, source.width)


@pytest.fixture(scope="module")
def scene(acquisition: Acquisition, grid: Grid) -> xr.DataTree:
    return read_scene([acquisition], grid)


@pytest.fixture(scope="module")
def masked(files: dict[str, Path]) -> NDArray[np.uint8]:
    with rasterio.open(files["mask"]) as source:
        values: NDArray[np.uint8] = source.read(1)
    return values


def test_what_the_files_leave_unsaid_is_filled_in(acquisition: Acquisition) -> None:
    assert acquisition.calibration_db == -83.0
    assert acquisition.mask_convention is MaskConvention.PALSAR2_MOSAIC
    assert acquisition.polarizations == ("hh", "hv")


@pytest.mark.parametrize("polarization", ["hh", "hv"])
def test_gamma0_is_that_of_the_calibration(
    files: dict[str, Path],
    masked: NDArray[np.uint8],
    acquisition: Acquisition,
    scene: xr.DataTree,
    polarization: str,
) -> None:
    """gamma0 = 10 log10(DN^2) - 83 at every native pixel that the mask, with its margin of a pixel, lets count."""
    with rasterio.open(files[polarization]) as source:
        dn, there = source.read(1).astype(float), source.dataset_mask() > 0
    unmasked = np.isin(masked, (OCEAN, LAND))
    valid = binary_erosion(unmasked, np.ones((3, 3))) & there
    found = scene[node_path(acquisition)].dataset[polarization].values
    expected = 10.0 * np.log10(dn[valid] ** 2) - 83.0
    worst = float(np.abs(to_db(found[valid].astype(float)) - expected).max())
    print(f"{polarization}: {valid.sum()} pixels, largest difference {worst:.2e} dB")
    assert worst < 1e-6
    assert np.isnan(found[~(unmasked & there)]).all()


@pytest.mark.parametrize(
    "pols",
    [
        ("hv",),
        ("hh", "hv"),
    ],
)
def test_water_evidence_separates_ocean_from_land(
    masked: NDArray[np.uint8], acquisition: Acquisition, grid: Grid, pols: tuple[str, ...]
) -> None:
    """Open water against the best dry class."""
    kept = {name: a for name, a in acquisition.assets.items() if name in (*pols, "incidence", "mask")}
    (part,) = calibrated([acquisition.model_copy(update={"assets": kept})])
    nats = weigh([part], read_scene([part], grid), grid, part.time)[Decider.ALOS2].nats
    water = nats[..., EvidenceClass.OPEN_WATER] - nats[..., [int(k) for k in DRY]].max(axis=-1)
    known = np.isfinite(water)
    told = known & np.isin(masked, (OCEAN, LAND))
    score = area_under_curve(water[told], masked[told] == OCEAN)
    print(f"L-band water evidence of {'+'.join(pols)}, ocean against land: AUC {score:.4f}")
    assert score >= 0.97


def test_the_map_shows_the_ocean(
    masked: NDArray[np.uint8], catalog: Path, floodfuse: Callable[..., Outcome], tmp_path: Path
) -> None:
    usual = ["--date", "2020-09-09", "--catalog", catalog, "--out", tmp_path / "flood", "--resolution", 25]
    outcome = floodfuse("map", CROP, *usual, "--quiet")
    assert outcome.returncode == 0, outcome
    ocean = float((masked == OCEAN).mean())
    with rasterio.open(tmp_path / "flood" / "flood.tif") as found:
        wet = float((found.read(1) == 2).mean())
    print(f"ocean by the mask {ocean:.3f}, mapped as open water {wet:.3f}")
    assert abs(wet - ocean) < 0.1


def test_wrong_mask_convention_is_refused(
    files: dict[str, Path], floodfuse: Callable[..., Outcome], refused: Callable[..., None], tmp_path: Path
) -> None:
    usual = ["--sensor", "alos2", "--time", "2020-09-09T21:30", "--radiometry", "dn"]
    usual += ["--asset", f"hh={files['hh']}", "--incidence", str(files["incidence"])]
    outcome = floodfuse("catalog", "add", tmp_path / "data", *usual, "--asset", f"mask={files['incidence']}")
    refused(outcome, str(files["incidence"]), "--mask-convention", out=tmp_path / "data")
