"""One area of interest mapped by several strategies, their maps held side by side, and one of them recommended."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from floodfuse.catalogs.errors import BadRequest
from floodfuse.models.networks.build import STRATEGIES
from floodfuse.models.weights import shipped
from floodfuse.models.weights.files import checksum
from floodfuse.pipeline.map_area import Tell, map_area
from floodfuse.pipeline.product import RunRecord
from floodfuse.pipeline.publish.report import write_report
from floodfuse.pipeline.publish.stac_item import write_item
from floodfuse.pipeline.settings import MapSettings
from floodfuse.pipeline.side_by_side import recommend as rule
from floodfuse.pipeline.side_by_side.disagreement import write_disagreement
from floodfuse.pipeline.side_by_side.measure import SideBySide, measure
from floodfuse.pipeline.side_by_side.picture import write_picture
from floodfuse.pipeline.side_by_side.recommend import Candidate, Recommendation, recommend
from floodfuse.pipeline.side_by_side.words import sentences
from floodfuse.pipeline.staging import staged
from floodfuse.pipeline.strategy import BAYES, network_for

COMPARISON_FILE = "comparison.json"


@dataclass(frozen=True)
class Comparison:
    """What is in `comparison.json`.

    Attributes
    ----------
    products : folder of each strategy's product, beside `comparison.json`
    weights : record of the network of each strategy that has one
    measured : shares, agreement, and what marks the pixels on which strategies differ
    sentences : the same in words
    """

    floodfuse_version: str
    product_time: str
    synthetic: bool
    products: dict[str, str]
    weights: dict[str, dict[str, Any]]
    measured: SideBySide
    sentences: tuple[str, ...]
    recommendation: Recommendation
    warnings: tuple[str, ...]


def compare_area(
    settings: Mapping[str, MapSettings], out: Path, tell: Tell | None = None, table: Path | None = None
) -> Comparison:
    """Map an area by every strategy into `out`, and compare. The folder appears whole or not at all.

    Parameters
    ----------
    settings : by name of the strategy; the same area and lattice. Their `out` is not used: products go to `out`/<name>
    table : scores on events held out, as `floodfuse ablate` writes them; those that come with the weights where None

    Raises
    ------
    BadRequest
        For whatever a user can mend; nothing is left behind.
    """
    report: Tell = tell or (lambda *_: None)
    _check_target(out)
    for asked in settings.values():  # before hours of mapping by another strategy
        network_for(asked.fusion, asked.weights, asked.workers)
    table = table or shipped.scores_table()
    scores = rule.read_table(table.read_text(), _checksums()) if table.is_file() else None
    with staged(out, overwrite=False) as folder:
        records = {
            name: _mapped(asked, folder / name, out / name, _telling(name, report))
            for name, asked in settings.items()
        }
        folders = {name: folder / name for name in settings}
        report("comparing", 0, 1)
        found = measure(folders)
        first = next(iter(records.values()))
        comparison = Comparison(
            floodfuse_version=first.floodfuse_version,
            product_time=first.product_time.isoformat(),
            synthetic=first.synthetic,
            products={name: name for name in settings},
            weights={name: record.weights.model_dump() for name, record in records.items() if record.weights},
            measured=found,
            sentences=sentences(found),
            recommendation=recommend(
                _candidates(settings, found),
                rule.sensors_at_hand(first.inputs),
                scores,
                first.terrain_known.get("hand", 0.0),
            ),
            warnings=tuple(dict.fromkeys(w for record in records.values() for w in record.warnings)),
        )
        write_disagreement(folders, folder)
        write_picture(found, comparison.recommendation, folders, folder)
        (folder / COMPARISON_FILE).write_text(json.dumps(asdict(comparison), indent=2) + "\n")
    return comparison


def _check_target(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadRequest(f"out '{out}': is there already. Name a folder that does not exist yet.")


def _checksums() -> dict[str, str]:
    """Of the weights that come with floodfuse."""
    files = {name: shipped.shipped(name) for name in STRATEGIES}
    return {name: checksum(f) for name, f in files.items() if f}


def _telling(name: str, tell: Tell) -> Callable[[str, int, int], None]:
    return lambda step, done, total: tell(f"{name}: {step}", done, total)


def _mapped(asked: MapSettings, made: Path, out: Path, tell: Tell) -> RunRecord:
    """A product made in one folder that will stand in another, as its record says."""
    record = map_area(asked.model_copy(update={"out": str(made)}), tell)
    record.settings["out"] = str(out)
    record.save(made)
    write_report(made)
    write_item(made)  # last: it holds the checksums of the others
    return record


def _candidates(settings: Mapping[str, MapSettings], found: SideBySide) -> list[Candidate]:
    return [
        Candidate(name, shipped=asked.weights is None, differing=_from_bayes(name, settings, found))
        for name, asked in settings.items()
    ]


def _from_bayes(name: str, settings: Mapping[str, MapSettings], found: SideBySide) -> float | None:
    """Share of the pixels that a strategy and Bayes' rule both answer on which they differ; None where there are none."""
    if name == BAYES or BAYES not in settings:
        return None
    same = found.pair(name, BAYES).agreement
    return None if same is None else 1.0 - same
