"""Figures of a proof: reliability of both bands, swap matrix, flooded forest, risk against coverage. All synthetic."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import expit, logit

from benchmarks.proof_chips import MECHANISM_CLASS, WITH_REFERENCE

if TYPE_CHECKING:
    from benchmarks.prove_physics import Proof

DOCS = Path(__file__).parent.parent / "docs"
IMAGES, STYLE = DOCS / "images", DOCS / "figures.mplstyle"
INK, FAINT, PALE = "#24323d", "#7d8a94", "#dfe4e8"
COLOUR = {"c": "#c0552b", "l": "#26966c"}
NAME = {"c": "C band (VV, VH)", "l": "L band (HH, HV)"}
_LEAST_FOUND = 0.01
_MECHANISM_COLOUR = {
    "flood": INK,
    "mud_flats": "#b4623a",
    "windy_lake": "#2ea6e0",
    "flooded_reeds": "#7fae3c",
    "snow_fields": "#9a8fc4",
}
_MECHANISM_NAME = {
    "flood": "no held-out mechanism",
    "mud_flats": "mud flats",
    "windy_lake": "windy lake",
    "flooded_reeds": "flooded reeds",
    "snow_fields": "snow on fields",
}


def draw(proof: Proof, folder: Path) -> None:
    """All figures as proof_*.png into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = {
        "same_meaning": same_meaning(proof),
        "swap_matrix": swap_matrix(proof.tables["swap_matrix"]),
        "flooded_forest": flooded_forest(proof.tables["flooded_forest"]),
        "risk_coverage": risk_coverage(proof),
    }
    for name, make in figures.items():
        make.savefig(folder / f"proof_{name}.png")
        plt.close(make)


def _styled(rows: int, columns: int, size: tuple[float, float], **kwargs: Any) -> tuple[Figure, Any]:
    plt.style.use(STYLE)
    return plt.subplots(rows, columns, figsize=size, layout="constrained", **kwargs)


def same_meaning(proof: Proof) -> Figure:
    """Observed share of flooded pixels against evidence, both bands, and the logistic curve that both should lie on."""
    figure, axes = _styled(1, 2, (9.2, 4.0), sharex=True, sharey=True)
    titles = {"pixel": "Each pixel by itself", "mean": "Mean over 5 x 5 pixels, as in the product"}
    for axis, (form, title) in zip(axes, titles.items(), strict=True):
        _reliability(axis, proof, form)
        axis.set_title(title)
        axis.set_xlabel("evidence, flooded against dry (nats)")
    axes[0].set_ylabel("flooded pixels among them")
    axes[0].legend(loc="upper left")
    _about(
        figure,
        "What a value of evidence means, from either band      synthetic, generator B, 95 % by chips",
    )
    return figure


def _about(figure: Figure, text: str) -> None:
    figure.suptitle(text, x=0.01, ha="left", color=FAINT, fontsize=9)


def _reliability(axis: Axes, proof: Proof, key: str) -> None:
    line = np.linspace(-6.0, 6.0, 200)
    prior = proof.tables["same_meaning"][f"{key} c"]["prior_log_odds"]
    axis.plot(
        line,
        expit(line + prior),
        color=FAINT,
        linewidth=1.4,
        linestyle=(0, (4, 2)),
        label="what it should mean",
    )
    for band, side in (("c", -0.06), ("l", 0.06)):
        curve = proof.curves[f"{key} {band}"]
        ok = np.isfinite(curve.share)
        x = curve.nats[ok] + side
        # Floods had shrunk when the other band looked: shares are shown at the prior of the line.
        moved = prior - proof.tables["same_meaning"][f"{key} {band}"]["prior_log_odds"]
        share, low, high = (expit(logit(y[ok]) + moved) for y in (curve.share, curve.low, curve.high))
        axis.errorbar(
            x, share, yerr=np.abs(np.stack([share - low, high - share])), color=COLOUR[band], marker="o", markersize=4.5, linewidth=1.1,
            elinewidth=1.6, label=NAME[band],
        )  # fmt: skip
    lines = []
    for band in ("c", "l"):
        row = proof.tables["same_meaning"][f"{key} {band}"]
        lines.append(
            f"{band.upper()}: slope {row['slope']:.2f}, offset {row['intercept']:+.2f}, ECE {row['ece']:.3f}"
        )
    axis.text(0.98, 0.04, "\n".join(lines), transform=axis.transAxes, ha="right", color=INK, fontsize=8)
    axis.set_ylim(-0.02, 1.02)
    axis.set_xlim(-4.2, 5.2)


def swap_matrix(table: dict[str, Any]) -> Figure:
    """AUC of three inferences on two generators, with naive averaging beside them."""
    figure, axes = _styled(1, 3, (9.2, 3.1), sharey=True)
    rows = ("floodfuse", "A", "B")
    labels = ("floodfuse", "learned from A", "learned from B", "dB average")
    for axis, which in zip(axes, ("C", "L", "C+L"), strict=True):
        values = np.array([[table[f"{r} on {g}"][which] for g in "AB"] for r in rows])
        if which == "C+L":
            naive = [table[f"naive dB average on {g}"]["C+L"] for g in "AB"]
        else:
            naive = [np.nan, np.nan]
        grid = np.vstack([values, naive])
        axis.imshow(grid, vmin=0.5, vmax=1.0, cmap="YlGnBu", aspect="auto")
        for (y, x), value in np.ndenumerate(grid):
            if np.isfinite(value):
                axis.text(
                    x, y, f"{value:.3f}", ha="center", va="center", color="white" if value > 0.78 else INK
                )
        axis.set_xticks([0, 1], ["made by A", "made by B"])
        axis.set_yticks(range(4), labels)
        axis.set_title(which)
        axis.grid(False)
        axis.spines[:].set_visible(False)
        axis.tick_params(length=0)
    _about(
        figure,
        "AUC of flooded against dry: who infers (rows), whose physics made the chip (columns)      synthetic",
    )
    return figure


def flooded_forest(table: dict[str, Any]) -> Figure:
    """Recall, precision and false alarms under trees."""
    names = [n for n in ("HydroSAR-like", "DSWx-S1-like", "C", "L", "C+L", WITH_REFERENCE) if n in table]
    figure, axes = _styled(1, 3, (9.2, 3.0), sharey=True)
    what = {
        "recall": "flooded forest found",
        "precision": "of what is found, right",
        "false_on_dry_forest": "dry forest called flooded",
    }
    for axis, (key, title) in zip(axes, what.items(), strict=True):
        values = np.array([table[n][key] for n in names])
        if key == "precision":  # of next to nothing it says nothing
            values[[table[n]["recall"] < _LEAST_FOUND for n in names]] = np.nan
        peers = sum(n.endswith("-like") for n in names)
        colours = [PALE] * peers + ["#8cc9ae"] * (len(names) - peers - 1) + [COLOUR["l"]]
        axis.barh(names, np.nan_to_num(values), color=colours, height=0.68)
        for y, value in enumerate(values):
            note = f"{value:.3f}" if np.isfinite(value) else "next to nothing found"
            axis.text(np.nan_to_num(value) + 0.02, y, note, va="center", fontsize=8.5)
        axis.set_title(title)
        axis.set_xlim(0, 1.15)
        axis.grid(axis="y", visible=False)
        axis.invert_yaxis() if axis is axes[0] else None
    _about(figure, "Water under trees      synthetic, generator B")
    return figure


def risk_coverage(proof: Proof) -> Figure:
    """What is wrong among the surest pixels, both as shares of all pixels, by mechanism; a line ends where answers do."""
    figure, axes = _styled(1, 2, (9.2, 3.9), sharey=True)
    for axis, config in zip(axes, ("C+L+optical", "C+L"), strict=True):
        for kind in ("flood", *MECHANISM_CLASS):
            coverage, error = proof.risk[f"{kind} {config}"]
            answered, colour = 100 * coverage, _MECHANISM_COLOUR[kind]
            axis.plot(
                answered, answered * error, color=colour, label=_MECHANISM_NAME[kind],
                linewidth=2.6 if kind == "flood" else 1.8,
            )  # fmt: skip
            axis.plot(answered[-1], answered[-1] * error[-1], "o", color=colour, markersize=5)
        axis.axline((0, 0), slope=1, color=FAINT, linewidth=1.0, linestyle=":", label="all wrong")
        axis.set_title("C + L + optical" if "optical" in config else "C + L")
        axis.set_xlabel("answered, the surest first (% of all pixels)")
        axis.set_xlim(0, 100)
        axis.set_ylim(0, max(60.0, axis.dataLim.y1))
    axes[0].set_ylabel("wrong (% of all pixels)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=6)
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.set(wspace=0.05)  # type: ignore[call-arg]
    _about(figure, "Answers and errors on what no class models      synthetic, generator B")
    return figure
