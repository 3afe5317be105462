"""Weights that come with floodfuse, trained on simulated chips: `<strategy>.safetensors` in this folder, with a card inside.

Bayes' rule has no weights, but it has quantiles of its own, in `bayes.json`.
"""

from __future__ import annotations

from pathlib import Path

from floodfuse.models.conformal import Conformal

_FOLDER = Path(__file__).resolve().parent


def shipped(strategy: str) -> Path | None:
    """The weights of a strategy, or None where none come."""
    file = _FOLDER / f"{strategy}.safetensors"
    return file if file.is_file() else None


def scores_table() -> Path:
    """Scores on simulated events held out, as `floodfuse ablate` writes them; it need not be there."""
    return _FOLDER / "scores.csv"


def conformal_of_bayes() -> Conformal:
    """What it takes Bayes' rule to answer at a risk; made by `floodfuse calibrate bayes`."""
    return Conformal.model_validate_json((_FOLDER / "bayes.json").read_text())
