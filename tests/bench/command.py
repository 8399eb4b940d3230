"""The command line of a bench that has parts."""

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.bench.table import Row, show, write


def run(doc: str, name: str, parts: Iterable[str], measure: Callable[[str, str, bool], list[Row]]) -> int:
    """Measures the parts asked for, each by measure(part, build, quick); the exit code."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--json", default=f"build/bench/{name}.json", type=Path)
    parser.add_argument("--only", action="append", choices=parts, help="these parts; may be given several times")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, to see that it runs")
    options = parser.parse_args()
    rows: list[Row] = []
    for part in options.only or parts:
        print(f"  {part}", flush=True)
        rows += measure(part, options.build, options.quick)
        write(rows, options.json)
    show(rows)
    return 0 if all(r["ok"] for r in rows) else 1
