"""What is told of an acquisition is told over all of it: shift, references and wind do not depend on the area asked for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.windows import Window

from floodfuse.catalogs import static
from floodfuse.catalogs.acquisition import Sensor
from floodfuse.catalogs.simulated.archive import Archive, write_archive
from floodfuse.catalogs.simulated.scenario import Scenario
from floodfuse.harmonize.classes import FLOOD_CLASSES
from floodfuse.pipeline.area import parse_area
from floodfuse.pipeline.calibrate import calibrated
from floodfuse.pipeline.map_area import map_area
from floodfuse.pipeline.open_product import grid_of, load_record, open_layers
from floodfuse.pipeline.product import LAYERS, RunRecord
from floodfuse.pipeline.scene import prepare
from floodfuse.pipeline.search import find
from floodfuse.pipeline.settings import MapSettings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Optics on the east of the scene alone, half of the references on the north of it alone, terrain in two pieces."""
    folder = tmp_path_factory.mktemp("partly") / "archive"
    made = write_archive(folder, 512, 3, Scenario(references=4))
    keep(folder, "synthetic-sentinel2", slice(0.4, 1.0), slice(0.0, 1.0))
    for name in ("synthetic-sentinel1-ref1", "synthetic-sentinel1-ref3", "synthetic-palsar2-ref1"):
        keep(folder, name, slice(0.0, 1.0), slice(0.0, 0.55))
    terrain = next(a for a in static.acquisitions(folder) if a.sensor is Sensor.TERRAIN)
    static.add(folder, [terrain.model_copy(update={"id": "eastern-terrain"})])
    keep(folder, "synthetic-terrain", slice(0.0, 0.6), slice(0.0, 1.0))
    keep(folder, "eastern-terrain", slice(0.6, 1.0), slice(0.0, 1.0))
    return made


@pytest.fixture(scope="module")
def dry_scene(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return write_archive(tmp_path_factory.mktemp("dry") / "archive", 512, 1, Scenario(flooded=False))


def keep(folder: Path, name: str, across: slice, down: slice) -> None:
    """Crop an acquisition's rasters and footprint to shares of its columns and rows."""
    file = folder / "items" / f"{name}.json"
    item: dict[str, Any] = json.loads(file.read_text())
    for asset in item["assets"].values():
        path = (file.parent / asset["href"]).resolve()
        with rasterio.open(path) as source:
            window = Window.from_slices(
                (round(down.start * source.height), round(down.stop * source.height)),
                (round(across.start * source.width), round(across.stop * source.width)),
            )
            values, profile = source.read(window=window), source.profile
            transform = source.transform @ Affine.translation(window.col_off, window.row_off)
        profile |= {"width": values.shape[2], "height": values.shape[1], "transform": transform}
        own = path.with_name(f"part-of-{name}-{path.name}")
        with rasterio.open(own, "w", **profile) as target:
            target.write(values)
        asset["href"] = str(own)
    west, south, east, north = item["bbox"]
    width, height = east - west, north - south
    left, right = west + across.start * width, west + across.stop * width
    top, bottom = north - down.start * height, north - down.stop * height
    item["bbox"] = [left, bottom, right, top]
    corners = [[left, bottom], [right, bottom], [right, top], [left, top], [left, bottom]]
    item["geometry"] = {"type": "Polygon", "coordinates": [corners]}
    file.write_text(json.dumps(item))


def mapped(archive: Archive, out: Path, part: tuple[float, float, float, float]) -> RunRecord:
    """Map a box, given as shares of the scene from its south-western corner."""
    west, south, east, north = json.loads(
        (archive.folder / "items" / "synthetic-sentinel1.json").read_text()
    )["bbox"]
    w, s, e, n = part
    area = (
        west + w * (east - west),
        south + s * (north - south),
        west + e * (east - west),
        south + n * (north - south),
    )
    return map_area(
        MapSettings(
            area=",".join(f"{v:.7f}" for v in area),
            date=archive.time.isoformat(),
            catalog=str(archive.folder),
            out=str(out),
        )
    )


def test_a_part_without_anchors_or_references_gets_the_same_map(archive: Archive, tmp_path: Path) -> None:
    """The small area touches neither the optical image nor some references; its pixels know of both all the same."""
    small = mapped(archive, tmp_path / "small", (0.08, 0.1, 0.33, 0.38))
    large = mapped(archive, tmp_path / "large", (0.08, 0.1, 0.75, 0.75))
    for name in ("synthetic-sentinel1", "synthetic-palsar2"):
        mine, theirs = (next(i.acquisition for i in r.inputs if i.id == name) for r in (small, large))
        assert mine == theirs
        assert len(mine["references"]) == 4
        assert mine["shift"]["anchors"][0] == "synthetic-sentinel2"
        assert len({told[0] for told in mine["ground_levels"]}) == 2  # both channels of a pass
    assert "eastern-terrain" not in [i.id for i in small.inputs]
    assert "eastern-terrain" in [i.id for i in large.inputs]
    a, b = (open_layers(tmp_path / name) for name in ("small", "large"))
    x, y = np.intersect1d(a.x, b.x), np.intersect1d(a.y, b.y)[::-1]
    a, b = a.sel(x=x, y=y).load(), b.sel(x=x, y=y).load()
    both = np.isfinite(a["probability"].values) & np.isfinite(b["probability"].values)
    assert both.sum() > 5000
    for layer in LAYERS:
        np.testing.assert_array_equal(a[layer].values[both], b[layer].values[both], err_msg=layer)
    assert grid_of(load_record(tmp_path / "small")).crs == grid_of(load_record(tmp_path / "large")).crs


def test_a_file_that_changed_is_calibrated_anew(archive: Archive, tmp_path: Path) -> None:
    """A long-lived process keeps what it found of an acquisition only as long as its files stay."""
    folder = Path(shutil.copytree(archive.folder, tmp_path / "copy"))
    area = parse_area(str(archive.aoi))
    found = find(str(folder), area, archive.time, 3.0, ["sentinel1"])  # type: ignore[list-item]
    (before,) = calibrated(prepare([a for a in found if a.id == "synthetic-sentinel1"]))
    for pol in ("vv", "vh"):
        with rasterio.open(before.assets[pol].href, "r+") as dataset:
            dataset.write(4.0 * dataset.read())
    (after,) = calibrated([before.model_copy(update={"water_weights": None})])
    assert before.water_weights is not None and after.water_weights is not None
    assert np.abs(np.subtract(before.water_weights, after.water_weights)).max() > 0.05


@pytest.mark.parametrize("sensors", [("sentinel1",), ("alos2",), ("sentinel1", "alos2", "sentinel2")])
def test_a_scene_without_a_flood_stays_dry(
    sensors: tuple[str, ...], tmp_path: Path, dry_scene: Archive
) -> None:
    """Negative control of swapped physics: less than a hundredth of the area is mapped as flood."""
    record = map_area(
        MapSettings(
            area=str(dry_scene.aoi),
            date=dry_scene.time.isoformat(),
            catalog=str(dry_scene.folder),
            out=str(tmp_path / "flood"),
            sensors=sensors,  # type: ignore[arg-type]
        )
    )
    flooded = sum(c.share for c in record.classes if c.value in [int(k) for k in FLOOD_CLASSES])
    print(f"SYNTHETIC {'+'.join(sensors)}: {flooded:.2%} of a dry scene mapped as flood")
    assert flooded < 0.01
