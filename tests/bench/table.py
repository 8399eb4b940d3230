"""Rows of a bench: printed as a table, written as JSON that a program can compare.

A row is {"what", "value", "unit", "reference", "ratio", "limit", "ok"}: `reference` is measured in the same run, `ratio` is
value / reference, `limit` the largest ratio that is wanted (null: none)."""

import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def row(what: str, value: float, unit: str, reference: float | None = None, limit: float | None = None) -> Row:
    ratio = round(value / reference, 4) if reference else None
    ok = limit is None or (ratio is not None and ratio <= limit)
    return {"what": what, "value": value, "unit": unit, "reference": reference, "ratio": ratio, "limit": limit, "ok": ok}


def show(rows: list[Row]) -> None:
    heading = ("what", "value", "unit", "reference", "ratio", "limit", "ok")
    cells = [heading] + [tuple("-" if r[h] is None else str(r[h]) for h in heading) for r in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(heading))]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def write(rows: list[Row], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
