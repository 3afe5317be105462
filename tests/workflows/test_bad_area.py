"""Areas, dates and coordinate systems that can't be mapped: refused in one sentence with the cure."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely
from shapely.geometry.base import BaseGeometry

Outcome = subprocess.CompletedProcess[str]
BOWTIE = [(-0.95, 38.00), (-0.94, 38.01), (-0.94, 38.00), (-0.95, 38.01), (-0.95, 38.00)]
LINE = [(-0.95, 38.00), (-0.94, 38.01)]


def geojson(file: Path, *geometries: dict[str, Any], **properties: object) -> Path:
    features = [{"type": "Feature", "properties": properties, "geometry": g} for g in geometries]
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return file


def vector(file: Path, geometry: BaseGeometry, crs: str | None) -> Path:
    """A vector file of one feature, by GDAL, in the format of its suffix."""
    driver = {".gpkg": "GPKG", ".shp": "ESRI Shapefile", ".fgb": "FlatGeobuf"}[file.suffix]
    wkb = np.array([shapely.to_wkb(geometry)], dtype=object)
    kind = {"geometry_type": geometry.geom_type, "crs": crs or "EPSG:4326", "driver": driver}
    pyogrio.raw.write(file, wkb, [np.array([1])], fields=["n"], **kind)
    if crs is None:
        file.with_suffix(".prj").unlink()
    return file


@pytest.mark.parametrize(
    ("area", "words"),
    [
        ("10,50,10.1,50.1", ("outside all data", "-0.9", "38.0")),
        ("-0.95,38.0,-0.95,38.01", ("-0.95,38.0,-0.95,38.01", "has no area", "west,south,east,north")),
        ("-0.95,38.01,-0.94,38.0", ("has no area", "south below north")),
        ("179.9,-1,-179.9,1", ("antimeridian", "179.9,-1,180,1 and -180,-1,-179.9,1")),
        ("179.9,-1,180.1,1", ("beyond the globe", "antimeridian", "179.9,-1,180,1 and -180,-1,-179.9,1")),
        ("38.0,-0.95,138.01,99", ("beyond the globe", "west,south,east,north")),
        ("-0.95,38.0,-0.94", ("3 numbers", "four")),
        ("nan,38.0,-0.94,38.1", ("nan", "-180 to 180")),
        ("-0.95,38.0,-0.949999999,38.000000001", ("resolution 10", "wide")),
        ("nowhere.geojson", ("'nowhere.geojson'", "-0.9,37.9,-0.8,38.0")),
    ],
)
def test_area_as_typed(
    floodfuse: Callable[..., Outcome],
    refused: Callable[..., None],
    catalog: Path,
    tmp_path: Path,
    area: str,
    words: tuple[str, ...],
) -> None:
    out = tmp_path / "flood"
    outcome = floodfuse("map", area, "--date", "2021-03-04", "--catalog", catalog, "--out", out)
    refused(outcome, *words, out=out)


def _self_crossing(folder: Path) -> Path:
    return geojson(folder / "area.geojson", {"type": "Polygon", "coordinates": [BOWTIE]})


def _without_area(folder: Path) -> Path:
    flat = [BOWTIE[0], BOWTIE[1], BOWTIE[0], BOWTIE[0]]
    return geojson(folder / "area.geojson", {"type": "Polygon", "coordinates": [flat]})


def _of_lines(folder: Path) -> Path:
    return geojson(folder / "area.geojson", {"type": "LineString", "coordinates": LINE})


def _of_lines_and_polygons(folder: Path) -> Path:
    square = shapely.geometry.mapping(shapely.box(-0.95, 38.0, -0.94, 38.01))
    return geojson(folder / "area.geojson", square, {"type": "LineString", "coordinates": LINE})


def _empty(folder: Path) -> Path:
    return geojson(folder / "area.geojson")


def _zero_bytes(folder: Path) -> Path:
    file = folder / "area.geojson"
    file.touch()
    return file


def _no_vector(folder: Path) -> Path:
    file = folder / "area.gpkg"
    file.write_text("dear diary")
    return file


def _a_folder(folder: Path) -> Path:
    (folder / "area").mkdir()
    return folder / "area"


def _antimeridian(folder: Path) -> Path:
    around = shapely.box(179.9, -1, 180, 1).union(shapely.box(-180, -1, -179.9, 1))
    return geojson(folder / "area.geojson", shapely.geometry.mapping(around))


def _past_the_antimeridian(folder: Path) -> Path:
    return geojson(folder / "area.geojson", shapely.geometry.mapping(shapely.box(179.9, -1, 180.1, 1)))


def _metres_as_degrees(folder: Path) -> Path:
    return vector(folder / "area.gpkg", shapely.box(680_000, 4_209_000, 681_000, 4_210_000), "EPSG:4326")


def _without_crs(folder: Path) -> Path:
    return vector(folder / "area.shp", shapely.box(-0.95, 38.0, -0.94, 38.01), None)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_self_crossing, ("crosses or touches itself", "-0.945 38.005", "Repair it")),
        (_without_area, ("area.geojson", "Repair it")),
        (_of_lines, ("LineString", "polygons")),
        (_of_lines_and_polygons, ("LineString", "polygons")),
        (_empty, ("no features", "polygon")),
        (_zero_bytes, ("not a vector file", "Give a GeoJSON")),
        (_no_vector, ("not a vector file", "Give a GeoJSON")),
        (_a_folder, ("not a vector file", "Give a GeoJSON")),
        (_antimeridian, ("antimeridian", "Cut it at 180 degrees")),
        (_past_the_antimeridian, ("antimeridian", "Cut it at 180 degrees")),
        (_metres_as_degrees, ("not degrees on the globe", "CRS")),
        (_without_crs, ("has no CRS", "Save it with its CRS")),
    ],
)
def test_area_in_a_file(
    floodfuse: Callable[..., Outcome],
    refused: Callable[..., None],
    catalog: Path,
    tmp_path: Path,
    make: Callable[[Path], Path],
    words: tuple[str, ...],
) -> None:
    file, out = make(tmp_path), tmp_path / "flood"
    outcome = floodfuse("map", file, "--date", "2021-03-04", "--catalog", catalog, "--out", out)
    refused(outcome, str(file), *words, out=out)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--crs", "EPSG:4326"], ("crs 'EPSG:4326'", "degree", "EPSG:32630")),
        (["--crs", "EPSG:4326", "--resolution", "10"], ("crs 'EPSG:4326'", "degree", "EPSG:32630")),
        (["--resolution", "0.0001"], ("resolution 0.0001", "metre")),
        (["--resolution", "0.0000001"], ("resolution 1e-07", "metre")),
        (["--resolution", "0"], ("resolution", "'0", "pixel size")),
        (["--resolution", "-10"], ("resolution", "'-10", "pixel size")),
        (["--resolution", "nan"], ("resolution", "nan", "pixel size")),
        (["--crs", "nonsense"], ("crs 'nonsense'", "EPSG:32630")),
        (["--crs", "EPSG:999999"], ("crs 'EPSG:999999'", "EPSG:32630")),
        (["--crs", "EPSG:4978"], ("crs 'EPSG:4978'", "EPSG:32630")),
        (["--crs", "EPSG:5773"], ("crs 'EPSG:5773'", "EPSG:32630")),
    ],
)
def test_grid_that_makes_no_sense(
    map_to: Callable[..., Outcome],
    refused: Callable[..., None],
    catalog: Path,
    tmp_path: Path,
    options: list[str],
    words: tuple[str, ...],
) -> None:
    out = tmp_path / "flood"
    refused(map_to(catalog, out, *options), *words, out=out)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--date", "2021-03-20"], ("2021-03-20", "2021-03-05 (sentinel2)", "--window")),
        (["--date", "2021-02-01", "--sensors", "alos2"], ("2021-03-03 (alos2)", "--date")),
        (["--date", "yesterday"], ("date 'yesterday'", "YYYY-MM-DD")),
        (["--date", "2021-02-30"], ("date '2021-02-30'", "YYYY-MM-DD")),
        (["--date", "04/03/2021"], ("date '04/03/2021'", "YYYY-MM-DD")),
        (["--window", "-1"], ("window", "-1", "days")),
        (["--window", "nan"], ("window", "nan", "days")),
    ],
)
def test_date_without_data(
    map_to: Callable[..., Outcome],
    refused: Callable[..., None],
    catalog: Path,
    tmp_path: Path,
    options: list[str],
    words: tuple[str, ...],
) -> None:
    out = tmp_path / "flood"
    refused(map_to(catalog, out, *options), *words, out=out)


def test_area_outside_through_the_real_program(
    program: Callable[..., Outcome], refused: Callable[..., None], catalog: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "flood"
    outcome = program(
        "map", "-60.9,-37.9,-60.8,-37.8", "--date", "2021-03-04", "--catalog", catalog, "--out", out
    )
    refused(outcome, "'-60.9,-37.9,-60.8,-37.8'", "outside all data", str(catalog), out=tmp_path / "new")


@pytest.mark.parametrize("suffix", ["gpkg", "shp", "fgb"])
def test_area_of_every_format(
    floodfuse: Callable[..., Outcome], catalog: Path, product: Path, tmp_path: Path, suffix: str
) -> None:
    """A file in another CRS gives the same pixels as the box it was made from."""
    footprint = json.loads((product / "run.json").read_text())["area_of_interest"]
    file = vector(tmp_path / f"area.{suffix}", shapely.geometry.shape(footprint), "EPSG:4326")
    out = tmp_path / "flood"
    outcome = floodfuse("map", file, "--date", "2021-03-04", "--catalog", catalog, "--out", out, "--quiet")
    assert outcome.returncode == 0, outcome
    assert (out / "flood.tif").read_bytes() == (product / "flood.tif").read_bytes()


def test_area_file_says_the_date(
    floodfuse: Callable[..., Outcome], catalog: Path, area: str, tmp_path: Path
) -> None:
    west, south, east, north = map(float, area.split(","))
    box = shapely.geometry.mapping(shapely.box(west, south, east, north))
    file, out = geojson(tmp_path / "area.geojson", box, date="2021-03-05"), tmp_path / "flood"
    outcome = floodfuse("map", file, "--catalog", catalog, "--out", out, "--json")
    assert outcome.returncode == 0, outcome
    assert json.loads(outcome.stdout)["product_time"] == "2021-03-05T12:00:00Z"


def test_area_file_without_a_date_needs_one(
    floodfuse: Callable[..., Outcome], refused: Callable[..., None], catalog: Path, area: str, tmp_path: Path
) -> None:
    west, south, east, north = map(float, area.split(","))
    box = shapely.geometry.mapping(shapely.box(west, south, east, north))
    file, out = geojson(tmp_path / "area.geojson", box, date=None), tmp_path / "flood"
    refused(
        floodfuse("map", file, "--catalog", catalog, "--out", out), "'date' is missing", "--date", out=out
    )
