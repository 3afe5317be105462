"""What sampled chips show: one function a table, from records of `proof_chips` to plain data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from benchmarks import proof_statistics
from benchmarks.proof_chips import CONFIGS, MECHANISM_CLASS, WITH_REFERENCE, Record
from benchmarks.proof_statistics import Calibration, Curve, area_under_curve, class_llr, shares_of
from floodfuse.harmonize.classes import COUNTERPARTS, FLOODED, EvidenceClass, MapClass
from floodfuse.harmonize.correlation import discounted

EDGES = np.arange(-6.5, 7.0, 1.0)  # bins of evidence, nats
BANDS = ("c", "l")
_UNTOLD = (MapClass.EXCLUDED, MapClass.NOT_OBSERVED)
_CERTAIN = 0.95

Float = NDArray[np.float64]


def _all(records: Iterable[Record], name: str) -> NDArray[Any]:
    return np.concatenate([r.sample[name] for r in records])


def _chip(records: Sequence[Record]) -> NDArray[np.intp]:
    return np.repeat(np.arange(len(records)), [r.sample["truth"].size for r in records])


def _flooded(truth: NDArray[np.integer]) -> NDArray[np.bool_]:
    return np.asarray(truth < len(FLOODED))


def same_meaning(records: Sequence[Record]) -> tuple[dict[str, Any], dict[str, Curve]]:
    """Whether a value of evidence means the same from either band, and what it says.

    Classes have their shares among the sampled pixels of all chips; sensors are judged at their own times.
    """
    table: dict[str, Any] = {}
    curves: dict[str, Curve] = {}
    chip = _chip(records)
    for form in ("pixel", "mean"):
        for name in BANDS:
            truth, nats = _all(records, f"{name}_truth"), _all(records, f"{name}_{form}")
            inner = _all(records, f"{name}_inner").astype(bool)
            llr, prior = class_llr(nats, shares_of(truth)), _prior_of(truth)
            found = proof_statistics.calibration(llr, _flooded(truth), chip, prior)
            curves[f"{form} {name}"] = proof_statistics.reliability(llr, _flooded(truth), chip, EDGES, prior)
            inside = class_llr(nats[inner], shares_of(truth[inner]))
            interior = proof_statistics.calibration(
                inside, _flooded(truth[inner]), chip[inner], _prior_of(truth[inner])
            )
            table[f"{form} {name}"] = _told(found) | {
                "prior_log_odds": prior,
                "auc": area_under_curve(llr, _flooded(truth)),
                "interior": _told(interior),
            }
        table[f"{form} agreement"] = _agreement(curves[f"{form} c"], curves[f"{form} l"])
    return table, curves


def _agreement(a: Curve, b: Curve) -> dict[str, Any]:
    both, agree = proof_statistics.agreement(a, b)
    _, paired = proof_statistics.agreement(a, b, paired=True)
    return {
        "bins": int(both.sum()),
        "agree": int(agree.sum()),
        "agree_paired": int(paired.sum()),
        "differ_at_nats": [float(x) for x in (EDGES[:-1] + 0.5)[both & ~agree]],
        "largest_difference_nats": float(np.abs(a.excess - b.excess)[both].max(initial=0.0)),
    }


def _prior_of(truth: NDArray[np.integer]) -> float:
    return float(logit(_flooded(truth).mean()))


def _told(found: Calibration) -> dict[str, Any]:
    passes = 0.8 <= found.slope <= 1.25 and abs(found.intercept) < 0.25 and found.ece < 0.03
    return found._asdict() | {"within_bars": bool(passes)}


def class_pairs(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Slope, intercept and AUC of the difference between two classes, both as frequent, far from edges: where it goes wrong."""
    water = [(EvidenceClass.OPEN_WATER, k) for k in (EvidenceClass.DRY_LOW_VEG, EvidenceClass.BARE_SOIL)]
    chip, rows = _chip(records), []
    for name in BANDS:
        truth, inner = _all(records, f"{name}_truth"), _all(records, f"{name}_inner").astype(bool)
        for form in ("pixel", "mean"):
            nats = _all(records, f"{name}_{form}").astype(float)
            for wet, dry in (*water, *COUNTERPARTS):
                here = inner & ((truth == wet) | (truth == dry))
                is_wet = truth[here] == wet
                if min(is_wet.sum(), (~is_wet).sum()) < 100:
                    continue
                llr = nats[here, wet] - nats[here, dry]
                # Shares enter as a prior, which is as good as balancing them.
                fit = proof_statistics.calibration(llr, is_wet, chip[here], float(logit(is_wet.mean())))
                rows.append(
                    {"band": name, "form": form, "pair": f"{wet.name} : {dry.name}", "slope": fit.slope,
                     "intercept": fit.intercept, "auc": area_under_curve(llr, is_wet),
                     "mean_if_flooded": float(llr[is_wet].mean()), "mean_if_dry": float(llr[~is_wet].mean())}
                )  # fmt: skip
    return rows


def posteriors(records: Sequence[Record]) -> dict[str, Any]:
    """Calibration of the product's own probability, with its own prior, at product time, of pixels that the map answers."""
    table = {}
    chip, flooded = _chip(records), _flooded(_all(records, "truth"))
    for name in ("prior", *CONFIGS, WITH_REFERENCE):
        p = np.clip(_all(records, f"p {name}").astype(float), 1e-6, 1.0 - 1e-6)
        told = np.ones(p.size, bool)
        if name != "prior":
            told = ~np.isin(_all(records, f"map {name}"), _UNTOLD)
        found = proof_statistics.calibration(logit(p[told]), flooded[told], chip[told], 0.0)
        table[name] = _told(found) | {
            "answered": float(told.mean()),
            "auc": area_under_curve(p[told], flooded[told]),
            "mean_probability": float(p[told].mean()),
            "flooded": float(flooded[told].mean()),
        }
    return table


def swap_matrix(records: dict[str, Sequence[Record]]) -> dict[str, Any]:
    """AUC of flooded against dry where nothing changed between the passes: inference by generator; and naive averaging."""
    table: dict[str, Any] = {}
    for world, chips_of in records.items():
        truth = _all(chips_of, "c_truth")
        same = truth == _all(chips_of, "l_truth")
        flooded, share = _flooded(truth[same]), shares_of(truth[same])
        rng = np.random.default_rng(0)
        for inference in ("floodfuse", "A", "B"):
            form = "mean" if inference == "floodfuse" else f"of {inference}"
            names = [f"{b}_mean" if form == "mean" else f"{b} {form}" for b in BANDS]
            c, el = (_all(chips_of, name)[same] for name in names)
            both = c + el
            if inference == "floodfuse":  # counted once, as in the product
                rho = _all(chips_of, "bands_share")[same]
                both = discounted(c, rho) + discounted(el, rho)
            scores = {"C": class_llr(c, share), "L": class_llr(el, share), "C+L": class_llr(both, share)}
            table[f"{inference} on {world}"] = {k: area_under_curve(v, flooded) for k, v in scores.items()}
            if inference == "floodfuse":
                mixed = rng.permutation(flooded)
                table[f"labels of {world} shuffled"] = {
                    k: area_under_curve(v, mixed) for k, v in scores.items()
                }
        naive = area_under_curve(_all(chips_of, "dark")[same], flooded)
        table[f"naive dB average on {world}"] = {"C+L": naive}
    gaps = {}
    for which in ("C", "L", "C+L"):
        gaps[which] = max(
            table[f"{w} on {w}"][which] - table[f"{other} on {w}"][which] for w, other in ("AB", "BA")
        )
    table["gap"] = gaps
    table["gap of floodfuse"] = {
        which: max(table[f"{w} on {w}"][which] - table[f"floodfuse on {w}"][which] for w in "AB")
        for which in ("C", "L", "C+L")
    }
    return table


def flooded_forest(records: Sequence[Record]) -> dict[str, Any]:
    """Recall and precision of water under trees among forest pixels, and how much dry forest is called flooded."""
    table = {}
    truth = _all(records, "truth")
    trees = (truth == EvidenceClass.FLOODED_FOREST) | (truth == EvidenceClass.DRY_FOREST)
    wet = truth[trees] == EvidenceClass.FLOODED_FOREST
    for name in records[0].forest:
        (hit, missed, untold), (false, _, silent) = total = np.sum([r.forest[name] for r in records], axis=0)
        row = {
            "recall": float(hit / total[0].sum()),
            "recall_of_answered": float(hit / max(hit + missed, 1)),
            "precision": float(hit / (hit + false)) if hit + false else float("nan"),
            "false_on_dry_forest": float(false / total[1].sum()),
            "not_told": float((untold + silent) / total.sum()),
        }
        if f"p {name}" in records[0].sample:
            row["auc"] = area_under_curve(_all(records, f"p {name}")[trees], wet)
        table[name] = row
    return table


def all_dry(records: Sequence[Record]) -> dict[str, Any]:
    """Share of answered pixels called flood on chips without a flood, overall and of the worst tenth of chips."""
    table = {}
    for name in (*CONFIGS, WITH_REFERENCE):
        area = np.array([r.area[name] for r in records], float)
        each = area[:, 0] / np.maximum(area[:, 1], 1.0)
        table[name] = {
            "flood": float(area[:, 0].sum() / area[:, 1].sum()),
            "median_chip": float(np.median(each)),
            "chip_at_90_percent": float(np.quantile(each, 0.9)),
        }
    return table


def held_out(records: Sequence[Record]) -> tuple[dict[str, Any], dict[str, tuple[Float, Float]]]:
    """What the product says of mechanisms that no class models, and how errors grow as less sure pixels are answered.

    The second: share of all pixels that the surest ones are, up to those answered, and what share of them is wrong.
    """
    table: dict[str, Any] = {}
    risk: dict[str, tuple[Float, Float]] = {}
    for kind in ("flood", *MECHANISM_CLASS):
        some = [r for r in records if r.task.kind == kind and r.task.world == "B"]
        at_work = (
            np.ones(_all(some, "truth").size, bool) if kind == "flood" else _all(some, "at_work").astype(bool)
        )
        flooded = _flooded(_all(some, "truth"))[at_work]
        for name in CONFIGS:
            p = _all(some, f"p {name}")[at_work].astype(float)
            called = _all(some, f"map {name}")[at_work]
            told = ~np.isin(called, _UNTOLD)
            water = told & (called != MapClass.DRY_LAND)
            wrong = told & ((p > 0.5) != flooded)
            certain = np.maximum(p, 1.0 - p) > _CERTAIN
            coverage, error = proof_statistics.risk_coverage(p[told], flooded[told])
            risk[f"{kind} {name}"] = coverage * told.mean(), error
            table[f"{kind} {name}"] = {
                "pixels": int(at_work.sum()),
                "truly_flooded": float(flooded.mean()),
                "called_water": float(water.mean()),
                "called_dry": float((told & ~water).mean()),
                "excluded": float((~told).mean()),
                "mean_probability": float(p.mean()),
                "wrong": float(wrong.sum() / max(told.sum(), 1)),
                "wrong_of_surest_half": float(np.interp(0.5, coverage, error)),
                "certain": float((certain & told).sum() / max(told.sum(), 1)),
                "certain_and_wrong": float((certain & wrong).sum() / max(told.sum(), 1)),
            }
    return table, risk
