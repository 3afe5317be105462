"""`floodfuse compare`: a whole folder or none, products that can be opened, numbers that are those of the maps."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from floodfuse.catalogs.errors import BadRequest
from floodfuse.catalogs.simulated.archive import Archive, write_archive
from floodfuse.harmonize.classes import FLOOD_CLASSES, WATER_CLASSES, MapClass
from floodfuse.models.networks.build import NetworkSettings, Strategy
from floodfuse.models.weights import shipped
from floodfuse.models.weights.untrained import write_untrained
from floodfuse.pipeline.settings import MapSettings
from floodfuse.pipeline.side_by_side.compare_area import compare_area
from floodfuse.pipeline.side_by_side.disagreement import SOME_DRY

pytestmark = pytest.mark.slow
Outcome = subprocess.CompletedProcess[str]
NAMES = ("bayes", "attention", "graybox")
OPTICAL = ("--sensors", "sentinel2")  # quick


def network(folder: Path, strategy: Strategy) -> Path:
    """Weights of a network that has not learned: a gray box is Bayes' rule, the others say anything."""
    made = NetworkSettings(strategy=strategy, encoder="tu-resnet10t", fold=2, decoder=(16, 16, 8, 8, 8))
    return write_untrained(folder / f"{strategy}.safetensors", made)


@pytest.fixture(scope="module", autouse=True)
def none_come(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No weights come with floodfuse: what is tested here must not change with what is trained next."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shipped, "_FOLDER", tmp_path_factory.mktemp("empty"))
        yield


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return write_archive(tmp_path_factory.mktemp("simulated") / "archive", size=256, seed=3)


@pytest.fixture(scope="module")
def graybox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return network(tmp_path_factory.mktemp("weights"), "graybox")


@pytest.fixture(scope="module")
def attention(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return network(tmp_path_factory.mktemp("weights"), "attention")


@pytest.fixture(scope="module")
def compared(
    floodfuse: Callable[..., Outcome],
    archive: Archive,
    graybox: Path,
    attention: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, dict[str, Any]]:
    """The folder, and what was printed as JSON."""
    out = tmp_path_factory.mktemp("compared") / "new" / "compared"
    given = ("--catalog", archive.folder, "--out", out, "--json", "--quiet")  # the date is the area's
    files = ("--weights", f"graybox={graybox}", "--weights", f"attention={attention}")
    outcome = floodfuse("compare", archive.aoi, *given, *files)
    assert outcome.returncode == 0 and outcome.stderr == "", outcome
    return out, json.loads(outcome.stdout)


def classes(product: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    with rasterio.open(product / "flood.tif") as source:
        return np.asarray(source.read(1))


def pair(found: dict[str, Any], *names: str) -> dict[str, Any]:
    pairs: list[dict[str, Any]] = found["measured"]["pairs"]
    return next(p for p in pairs if {p["first"], p["second"]} == set(names))


def test_the_folder_is_whole_and_holds_what_was_printed(compared: tuple[Path, dict[str, Any]]) -> None:
    out, printed = compared
    assert {p.name for p in out.iterdir()} == {
        *NAMES,
        "comparison.json",
        "comparison.png",
        "disagreement.tif",
    }
    assert [p.name for p in out.parent.iterdir()] == ["compared"]
    assert json.loads((out / "comparison.json").read_text()) == printed
    assert (out / "comparison.png").read_bytes().startswith(b"\x89PNG")
    assert tuple(printed["products"]) == NAMES and printed["synthetic"] is True
    assert (
        printed["weights"]["graybox"]["file"] == "graybox.safetensors" and "bayes" not in printed["weights"]
    )


@pytest.mark.parametrize("name", NAMES)
def test_each_product_is_as_published_and_knows_where_it_is(
    floodfuse: Callable[..., Outcome], compared: tuple[Path, dict[str, Any]], name: str
) -> None:
    folder = compared[0] / name
    outcome = floodfuse("inspect", folder, "--json")
    assert outcome.returncode == 0, outcome.stdout
    record = json.loads((folder / "run.json").read_text())
    assert record["fusion"] == name and record["settings"]["out"] == str(folder)
    assert not any(
        "partial" in (folder / file).read_text() for file in ("run.json", "item.json", "report.html")
    )
    assert (folder / "flood.qgz").is_file()


def test_numbers_are_those_of_the_maps(compared: tuple[Path, dict[str, Any]]) -> None:
    out, found = compared
    maps = {name: classes(out / name) for name in NAMES}
    for row in found["measured"]["strategies"]:
        flooded = np.isin(maps[row["name"]], FLOOD_CLASSES).sum() * 1e-4
        record = json.loads((out / row["name"] / "run.json").read_text())
        assert row["flooded_km2"] == pytest.approx(flooded) == pytest.approx(record["flooded_km2"])
    a, b = maps["bayes"], maps["attention"]
    both = (a < MapClass.EXCLUDED) & (b < MapClass.EXCLUDED)
    same = np.isin(a, WATER_CLASSES)[both] == np.isin(b, WATER_CLASSES)[both]
    assert pair(found, "bayes", "attention")["agreement"] == pytest.approx(same.mean())
    with rasterio.open(out / "disagreement.tif") as source:
        votes = source.read(1)
    everyone = np.all([m < MapClass.EXCLUDED for m in maps.values()], axis=0)
    water = np.sum([np.isin(m, WATER_CLASSES) for m in maps.values()], axis=0)
    assert np.array_equal(votes[everyone], water[everyone])
    assert (votes[~everyone] >= SOME_DRY).all() and (~everyone).any()


def test_a_network_that_has_not_learned_is_told_from_physics(compared: tuple[Path, dict[str, Any]]) -> None:
    _, found = compared
    same, far = pair(found, "bayes", "graybox"), pair(found, "bayes", "attention")
    # Bayes' rule but for the rise of the flood, which networks have to see for themselves.
    assert same["agreement"] > 0.99 and same["kappa"] > 0.97 and same["probability_difference"] < 0.02
    assert far["agreement"] < 0.9 and far["kappa"] < 0.2 and far["probability_difference"] > 0.1
    measured = found["measured"]
    assert measured["differing"] > 0.1
    cover = [t for t in measured["traits"] if t["kind"] == "landcover"]
    assert len(cover) > 2 and sum(t["share_of_compared"] for t in cover) == pytest.approx(1.0)


def test_sentences_and_recommendation_follow_the_numbers(compared: tuple[Path, dict[str, Any]]) -> None:
    _, found = compared
    measured, said = found["measured"], " ".join(found["sentences"])
    assert f"{100 * measured['differing']:.0f} % of the" in found["sentences"][0]
    edge = next(t for t in measured["traits"] if t["where"] == "within 2 px of a water's edge")
    word = "substance" if edge["share_of_differing"] <= 0.5 else "where the edge of water is drawn"
    assert f"a matter of {word}" in said
    assert found["recommendation"]["strategy"] == "bayes" and len(found["recommendation"]["reasons"]) == 2
    assert set(found["recommendation"]["sensors"]) <= {"c", "l", "optical"}


def test_to_a_reader(
    floodfuse: Callable[..., Outcome],
    catalog: Path,
    area: str,
    graybox: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    given = ("--date", "2021-03-04", "--catalog", catalog, "--weights", f"graybox={graybox}", *OPTICAL)
    outcome = floodfuse("compare", area, *given, "--strategies", "graybox,bayes", "--out", "compared")
    assert outcome.returncode == 0, outcome
    for words in ("bayes", "graybox", "kappa", "Recommended: bayes", "compared/comparison.png"):
        assert words in outcome.stdout, words
    assert "note: No permanent-water layer" in outcome.stderr
    found = json.loads(Path("compared/comparison.json").read_text())
    assert list(found["products"]) == ["graybox", "bayes"]
    assert all(f"- {sentence}\n" in outcome.stdout for sentence in found["sentences"])


def test_a_table_of_scores_of_weights_that_do_not_come_changes_nothing(
    catalog: Path, area: str, graybox: Path, tmp_path: Path
) -> None:
    table = tmp_path / "scores.csv"
    table.write_text(
        "weights,sha256,test,subset,chips,iou_flood\nbayes,,subset,optical,48,0.5\ngraybox,,subset,optical,48,0.9\n"
    )
    asked = {"area": area, "date": "2021-03-04", "catalog": str(catalog), "out": "-", "sensors": "sentinel2"}
    settings = {
        "bayes": MapSettings.model_validate(asked),
        "graybox": MapSettings.model_validate(asked | {"fusion": "graybox", "weights": str(graybox)}),
    }
    found = compare_area(settings, tmp_path / "out", table=table).recommendation
    assert found.strategy == "bayes" and found.iou_flood == {"bayes": 0.5}
    assert found.sensors == ("optical",) and "no score of them is known" in found.reasons[0]


def test_maps_that_can_not_be_compared_leave_nothing(catalog: Path, area: str, tmp_path: Path) -> None:
    """A failure after both maps were made."""
    asked = {"area": area, "date": "2021-03-04", "catalog": str(catalog), "out": "-", "sensors": "sentinel2"}
    settings = {
        "fine": MapSettings.model_validate(asked),
        "coarse": MapSettings.model_validate(asked | {"resolution": 20.0}),
    }
    with pytest.raises(BadRequest, match="do not lie on the same pixels"):
        compare_area(settings, tmp_path / "new" / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), ("strategies 'bayes'", "it takes two", "--weights STRATEGY=FILE")),
        (("--strategies", "bayes"), ("strategies 'bayes'", "it takes two", "name another")),
        (("--strategies", "bayes,wishes"), ("strategies 'wishes'", "Known are bayes, early")),
        (("--strategies", "bayes,graybox,bayes"), ("bayes is named twice",)),
        (("--strategies", "bayes,graybox"), ("fusion 'graybox'", "no weights come with floodfuse")),
        (("--weights", "wishes=GRAYBOX"), ("weights 'wishes'", "Known are bayes, early")),
        (("--weights", "GRAYBOX"), ("give STRATEGY=FILE",)),
        (("--weights", "graybox="), ("give STRATEGY=FILE",)),
        (("--weights", "bayes=GRAYBOX"), ("bayes takes none",)),
        (("--weights", "graybox=GRAYBOX", "--weights", "graybox=GRAYBOX"), ("has some already",)),
        (("--weights", "attention=GRAYBOX"), ("they are of graybox", "give graybox=")),
        (("--weights", "graybox=none.safetensors"), ("none.safetensors", "no such file")),
        (
            ("--strategies", "bayes,attention", "--weights", "graybox=GRAYBOX"),
            ("graybox is not among the strategies compared, bayes, attention",),
        ),
        (("--weights", "graybox=GRAYBOX", "--date", "next week"), ("date 'next week'", "YYYY-MM-DD")),
        (("--weights", "graybox=GRAYBOX", "--date", "1999-01-01"), ("1999-01-01", "no data within")),
        (("--weights", "graybox=GRAYBOX", "--resolution", "-1"), ("resolution '-1.0'",)),
        (("--weights", "graybox=GRAYBOX", "--sensors", "sonar"), ("sonar",)),
        (("--weights", "graybox=GRAYBOX", "--crs", "EPSG:4326"), ("EPSG:4326", "Give a projected one")),
    ],
)
def test_what_can_not_be_compared_is_refused_and_leaves_nothing(
    floodfuse: Callable[..., Outcome],
    refused: Callable[..., None],
    catalog: Path,
    area: str,
    graybox: Path,
    tmp_path: Path,
    options: tuple[str, ...],
    words: tuple[str, ...],
) -> None:
    out = tmp_path / "compared"
    typed = [option.replace("GRAYBOX", str(graybox)) for option in options]
    usual = ("--date", "2021-03-04", "--catalog", catalog, "--out", out)
    refused(floodfuse("compare", area, *usual, *typed), *words, out=out)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["file", "product", "thesis"])
def test_a_folder_that_is_there_is_not_touched(
    floodfuse: Callable[..., Outcome],
    refused: Callable[..., None],
    catalog: Path,
    area: str,
    graybox: Path,
    tmp_path: Path,
    kind: str,
) -> None:
    out = tmp_path / "compared"
    inside = out if kind == "file" else out / ("run.json" if kind == "product" else "thesis.docx")
    inside.parent.mkdir(exist_ok=True)
    inside.write_text("five years of work")
    given = ("--date", "2021-03-04", "--catalog", catalog, "--out", out, "--weights", f"graybox={graybox}")
    refused(floodfuse("compare", area, *given), f"out '{out}'", "is there already", "does not exist yet")
    assert inside.read_text() == "five years of work" and [p.name for p in tmp_path.iterdir()] == ["compared"]
