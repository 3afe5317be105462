"""The polygons: whole, valid, and of the same area as the map."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pyogrio.raw import read
from scipy import ndimage

from floodfuse.harmonize.classes import LEGEND, WATER_CLASSES, MapClass
from floodfuse.pipeline.product import POLYGONS_FILE, RunRecord
from floodfuse.pipeline.publish.components import Component, components
from floodfuse.pipeline.publish.polygons import LAYER, write_polygons
from floodfuse.pipeline.publish.source import Product, Tile

PIXEL_M2 = 100.0


class Polygons(NamedTuple):
    """What is in a `flood.gpkg`."""

    crs: str
    geometry: NDArray[Any]
    fields: dict[str, NDArray[Any]]


def opened(folder: Path) -> Polygons:
    meta, _, geometry, values = read(folder / POLYGONS_FILE, layer=LAYER)
    return Polygons(meta["crs"], shapely.from_wkb(geometry), dict(zip(meta["fields"], values, strict=True)))


@pytest.fixture(scope="module")
def folder(make_product: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Polygons traced in tiles much smaller than the river."""
    made = make_product(tmp_path_factory.mktemp("polygons") / "product")
    write_polygons(made, tile=128)
    return made


def test_areas_are_those_of_the_map(folder: Path) -> None:
    polygons = opened(folder)
    pixels = {area.value: area.pixels for area in RunRecord.load(folder).classes}
    areas = shapely.area(polygons.geometry)
    assert polygons.crs == "EPSG:32630"
    for value in WATER_CLASSES:
        of_class = polygons.fields["class_value"] == value
        assert pixels[value] > 0
        assert areas[of_class].sum() == pytest.approx(pixels[value] * PIXEL_M2)
        assert set(polygons.fields["class_name"][of_class]) == {LEGEND[value].label}
    np.testing.assert_allclose(areas, polygons.fields["area_m2"])
    np.testing.assert_allclose(areas, polygons.fields["pixels"] * PIXEL_M2)
    assert set(polygons.fields["class_value"]) == set(WATER_CLASSES)


def test_polygons_are_valid_and_carry_their_probability(folder: Path) -> None:
    polygons = opened(folder)
    assert shapely.is_valid(polygons.geometry).all()
    assert (polygons.fields["mean_probability"] > 0.7).all()


def test_polygons_are_not_cut_at_the_edges_of_tiles(folder: Path) -> None:
    polygons = opened(folder)
    river = shapely.bounds(polygons.geometry[polygons.fields["class_value"] == MapClass.PERMANENT_WATER])
    record = RunRecord.load(folder)
    assert len(river) == 1
    assert river[0, 2] - river[0, 0] == record.grid.shape[1] * record.grid.resolution


def test_without_flood_the_layer_is_there_and_empty_of_flood(
    make_product: Callable[..., Path], tmp_path: Path
) -> None:
    made = make_product(tmp_path / "dry", flood=False)
    write_polygons(made)
    polygons = opened(made)
    assert set(polygons.fields["class_value"]) == {MapClass.PERMANENT_WATER}


def test_where_nothing_was_observed_the_layer_is_there_and_empty(
    make_product: Callable[..., Path], tmp_path: Path
) -> None:
    made = make_product(tmp_path / "unseen", (1, 1))
    write_polygons(made)
    polygons = opened(made)
    assert len(polygons.geometry) == 0
    assert list(polygons.fields) == ["class_value", "class_name", "pixels", "area_m2", "mean_probability"]


def test_style_is_embedded_with_the_colours_of_the_class_table(folder: Path) -> None:
    with closing(sqlite3.connect(folder / POLYGONS_FILE)) as database:
        ((name, style, default),) = database.execute(
            "SELECT f_table_name, styleQML, useAsDefault FROM layer_styles"
        ).fetchall()
    assert (name, default) == (LAYER, 1)
    for map_class in WATER_CLASSES:
        red, green, blue, _ = LEGEND[map_class].rgba
        assert f"{red},{green},{blue},255" in style
        assert LEGEND[map_class].label in style


class InMemory(Product):
    """Classes in memory, for tests of tracing alone."""

    def __init__(self, classes: NDArray[np.uint8]) -> None:
        self._classes = classes

    @property
    def shape(self) -> tuple[int, int]:
        rows, columns = self._classes.shape
        return rows, columns

    def read(self, layer: str, tile: Tile) -> NDArray[Any]:
        rows, columns = np.indices(self.shape)
        probability = ((rows * 7 + columns * 3) % 11 / 11).astype(np.float32)
        values: NDArray[Any] = self._classes if layer == "flood_class" else probability
        return values[tile.slices]


def traced(classes: NDArray[np.uint8], side: int) -> dict[bytes, Component]:
    batches = components(InMemory(classes), (1, 2), side)
    return {found.polygon.wkb: found for batch in batches for found in batch}


@settings(max_examples=60, deadline=None)
@given(
    classes=arrays(np.uint8, st.tuples(st.integers(1, 24), st.integers(1, 24)), elements=st.integers(0, 2)),
    side=st.integers(1, 30),
)
def test_tiles_never_change_what_is_found(classes: NDArray[np.uint8], side: int) -> None:
    whole, tiled = traced(classes, 24), traced(classes, side)
    assert whole.keys() == tiled.keys()
    for outline, found in tiled.items():
        assert found.polygon.is_valid
        assert found.polygon.area == found.pixels == whole[outline].pixels
        assert found.mean_probability == pytest.approx(whole[outline].mean_probability)
    assert len(whole) == sum(ndimage.label(classes == value)[1] for value in (1, 2))
    assert sum(found.pixels for found in whole.values()) == (classes > 0).sum()
