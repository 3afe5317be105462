"""The tables of a proof as text."""

from __future__ import annotations

from typing import Any

from benchmarks.proof_chips import CONFIGS, MECHANISM_CLASS


def text(tables: dict[str, Any]) -> str:
    """All tables, one under the other, each headed SYNTHETIC."""
    parts = [
        ("1  Same meaning: evidence of one band at its own time, generator B", _meaning(tables)),
        (
            "1b Where evidence is too sure (slope < 1) or not sure enough (> 1), far from edges",
            _pairs(tables),
        ),
        ("1c Probability of the product, its own prior, pixels it answers", _posteriors(tables)),
        ("2  Swap matrix: AUC of flooded against dry", _swap(tables)),
        ("3  Flooded forest among forest pixels, generator B", _forest(tables)),
        ("4  Chips without a flood: share of answered pixels called flood", _dry(tables)),
        ("5  Held-out mechanisms, generator B (pixels at work at product time)", _held_out(tables)),
    ]
    return "\n\n".join(f"SYNTHETIC  {title}\n{body}" for title, body in parts)


def _interval(row: dict[str, Any], name: str) -> str:
    low, high = row[f"{name}_range"]
    return f"{row[name]:7.3f} ({low:6.3f} {high:6.3f})"


def _calibration(row: dict[str, Any]) -> str:
    numbers = "  ".join(_interval(row, name) for name in ("slope", "intercept", "ece"))
    return f"{numbers}  {'ok' if row['within_bars'] else '--'}"


def _meaning(tables: dict[str, Any]) -> str:
    lines = [f"{'':34}{'slope':23}  {'intercept':23}  {'ECE':23}  bars"]
    for key, row in tables["same_meaning"].items():
        if "bins" in row:
            where = ", ".join(f"{x:+g}" for x in row["differ_at_nats"])
            differ = f"; differ at {where} nats" if where else ""
            lines.append(
                f"{key:34}C and L agree in {row['agree']} of {row['bins']} bins (chips paired: {row['agree_paired']}), "
                f"largest difference {row['largest_difference_nats']:.2f} nat{differ}"
            )
            continue
        lines.append(f"{key:34}{_calibration(row)}  AUC {row['auc']:.3f}")
        lines.append(f"{'   far from edges':34}{_calibration(row['interior'])}")
    return "\n".join(lines)


def _pairs(tables: dict[str, Any]) -> str:
    lines = [
        f"{'band':5}{'form':7}{'pair':32}{'slope':>7}{'intercept':>11}{'AUC':>7}{'if flooded':>12}{'if dry':>8}"
    ]
    lines += [
        f"{r['band']:5}{r['form']:7}{r['pair']:32}{r['slope']:7.2f}{r['intercept']:11.2f}{r['auc']:7.3f}"
        f"{r['mean_if_flooded']:12.2f}{r['mean_if_dry']:8.2f}"
        for r in tables["class_pairs"]
    ]
    return "\n".join(lines)


def _posteriors(tables: dict[str, Any]) -> str:
    return "\n".join(
        f"{name:20}{_calibration(row)}  AUC {row['auc']:.3f}  answered {row['answered']:.3f}  mean p "
        f"{row['mean_probability']:.3f}  flooded {row['flooded']:.3f}"
        for name, row in tables["posterior"].items()
    )


def _swap(tables: dict[str, Any]) -> str:
    lines = [f"{'inference on generator':32}{'C':>7}{'L':>7}{'C+L':>7}"]
    for key, row in tables["swap_matrix"].items():
        values = "".join(f"{row[which]:7.3f}" if which in row else f"{'':7}" for which in ("C", "L", "C+L"))
        lines.append(f"{key:32}{values}")
    return "\n".join(lines)


def _forest(tables: dict[str, Any]) -> str:
    lines = [
        f"{'':20}{'recall':>8}{'of answered':>13}{'precision':>11}{'false on dry':>14}{'not told':>10}{'AUC':>7}"
    ]
    for name, row in tables["flooded_forest"].items():
        area = f"{row['auc']:7.3f}" if "auc" in row else ""
        lines.append(
            f"{name:20}{row['recall']:8.3f}{row['recall_of_answered']:13.3f}{row['precision']:11.3f}"
            f"{row['false_on_dry_forest']:14.4f}{row['not_told']:10.3f}{area}"
        )
    return "\n".join(lines)


def _dry(tables: dict[str, Any]) -> str:
    lines = [f"{'':20}{'flood':>9}{'median chip':>13}{'90 % of chips':>15}"]
    for world, rows in tables["all_dry"].items():
        lines += [
            f"{world + '  ' + name:20}{row['flood']:9.4f}{row['median_chip']:13.4f}{row['chip_at_90_percent']:15.4f}"
            for name, row in rows.items()
        ]
    return "\n".join(lines)


def _held_out(tables: dict[str, Any]) -> str:
    head = ("water", "dry", "excluded", "mean p", "wrong", "surest half", "certain", "and wrong")
    lines = [f"{'':28}{'pixels':>8}{'flooded':>9}" + "".join(f"{h:>12}" for h in head)]
    names = (
        "called_water", "called_dry", "excluded", "mean_probability", "wrong", "wrong_of_surest_half", "certain",
        "certain_and_wrong",
    )  # fmt: skip
    for kind in ("flood", *MECHANISM_CLASS):
        for config in CONFIGS:
            row = tables["held_out"][f"{kind} {config}"]
            numbers = "".join(f"{row[n]:12.3f}" for n in names)
            lines.append(f"{kind + '  ' + config:28}{row['pixels']:8d}{row['truly_flooded']:9.3f}{numbers}")
    return "\n".join(lines)
