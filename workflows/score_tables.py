"""Scores as tables on the console."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from rich.table import Table

from floodfuse.workflows import console

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from floodfuse.models.flood_scores import FloodScores
    from floodfuse.models.scores import AtRisk, Scores

_ROWS = {
    "miou_tile": "mean IoU, mean over tiles",
    "miou_global": "mean IoU, all pixels",
    "iou_flood": "flood, IoU",
    "f1_flood": "flood, F1",
    "iou_flood_best": "flood, IoU by the best threshold",
    "best_from": "that threshold, where maps have 0.5",
    "pixel_accuracy": "pixels right",
    "fw_iou": "IoU weighted by frequency",
    "ece": "calibration error",
    "brier": "Brier score",
}
MOST_EVENTS = 12  # that are told one by one


def show(title: str, scores: Scores, recall_at: Mapping[str, float], precision: float) -> None:
    """Of all pixels, and class by class.

    Parameters
    ----------
    recall_at : of each class, at a precision
    """
    console.say(f"{title}: {scores.tiles} tiles")
    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, label in _ROWS.items():
        table.add_row(label, f"{getattr(scores, name):.3f}")
    console.results.print(table)
    columns = ("IoU", "recall", "precision", f"recall at precision {precision:g}")
    by_class = _table("class", columns, "By class: a pixel is of its likeliest one")
    for name, iou in scores.iou_by_class.items():
        values = iou, scores.recall_by_class[name], scores.precision_by_class[name], recall_at[name]
        by_class.add_row(name.replace("_", " "), *(f"{value:.3f}" for value in values))
    console.results.print(by_class)


def show_parts(events: Mapping[str, FloodScores], covers: Mapping[str, FloodScores]) -> None:
    """Of flood, by event where there are several, and by land cover where it is known."""
    if len(events) > MOST_EVENTS:
        _show_spread(events)
    elif len(events) > 1:
        _show_flood("event", events)
    if covers:
        _show_flood("land cover", covers)


def show_risks(risks: Sequence[AtRisk]) -> None:
    """What answering only within each risk comes to."""
    if not risks:
        return
    columns = (
        "answered",
        "of flood, covered",
        "of dry, covered",
        "of flood, called dry",
        "of dry, called flood",
    )
    table = _table("risk", columns, "Answering only within a risk")
    for risk, *values in risks:
        table.add_row(f"{risk:g}", *(f"{value:.3f}" for value in values))
    console.results.print(table)


def _show_spread(events: Mapping[str, FloodScores]) -> None:
    """How far events lie apart."""
    ious = sorted((found.iou or 0.0, event) for event, found in events.items() if found.flooded)
    false = sorted(
        (found.dry_called_wet or 0.0, event) for event, found in events.items() if not found.flooded
    )
    if ious:
        values = [iou for iou, _ in ious]
        console.say(
            f"{len(ious)} events with water: IoU of flood {median(values):.3f} in the middle, at most {values[len(ious) // 10]:.3f} in a "
            f"tenth, lowest {values[0]:.3f} ({ious[0][1]})"
        )
    if false:
        values = [share for share, _ in false]
        console.say(
            f"{len(false)} events without water: called flood {median(values):.2%} in the middle, most {values[-1]:.2%} ({false[-1][1]})"
        )


def _show_flood(kind: str, parts: Mapping[str, FloodScores]) -> None:
    pixels = sum(found.pixels for found in parts.values())
    columns = ("of all", "flooded", "IoU", "recall", "false", "ECE")
    table = _table(kind, columns, f"Flood by {kind}; false: share of dry pixels called flood")
    for name, found in parts.items():
        values = (
            found.pixels / pixels,
            found.flooded,
            found.iou,
            found.recall,
            found.dry_called_wet,
            found.ece,
        )
        table.add_row(name, *("-" if value is None else f"{value:.3f}" for value in values))
    console.results.print(table)


def _table(first: str, columns: Sequence[str], title: str) -> Table:
    table = Table(first, title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="right")
    return table
