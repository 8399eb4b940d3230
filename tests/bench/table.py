"""Rows of a bench: printed as a table, written as JSON that a program can compare.

A row is {"what", "value", "unit", "reference", "ratio", "limit", "sense", "judged", "ok"}: `reference` is measured in the same run, `ratio` is
value / reference, `limit` the largest ratio that is wanted (null: none). Where there is no reference, `limit` is the largest value
itself. `sense` says "at most", or "at least" where `limit` is the smallest; `judged` is "value" where the limit is one of the value, whatever
the reference."""

import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def row(what: str, value: float, unit: str, reference: float | None = None, limit: float | None = None,
        sense: str = "at most", judge: str = "ratio") -> Row:
    """A figure, and its ratio to the reference; a limit is one of the ratio, or where there is no reference of the value."""
    ratio = round(value / reference, 4) if reference else None
    judge = "value" if reference is None else judge
    judged = value if judge == "value" else ratio
    return {"what": what, "value": value, "unit": unit, "reference": reference, "ratio": ratio, "limit": limit, "sense": sense,
            "judged": judge, "ok": limit is None or (judged is not None and (judged >= limit if sense == "at least" else judged <= limit))}


def show(rows: list[Row]) -> None:
    heading = ("what", "value", "unit", "reference", "ratio", "limit", "ok")
    cells = [heading] + [tuple(_cell(r, h) for h in heading) for r in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(heading))]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def write(rows: list[Row], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _cell(r: Row, h: str) -> str:
    if r[h] is None:
        return "-"
    if h == "limit":
        unit = f" {r['unit']}" if r["judged"] == "value" else ""
        return f"{'>=' if r['sense'] == 'at least' else '<='} {r[h]}{unit}"
    return str(r[h])
