#!/usr/bin/env python3
"""make bench-sdk: libshunt beside bare librdkafka, the same program over both (tests/tools/bench_sdk), in turn in the same run.

What each row means stands in docs/benchmarks.md. Exit code 1: a row is not within its limit."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.sdk_rows import dead, flips, idle, latency, speed, writers  # noqa: E402
from tests.bench.table import show, write  # noqa: E402

PARTS = {"speed-real": speed.real, "speed-embedded": speed.embedded, "latency": latency.measure, "memory": idle.measure,
         "writers": writers.measure, "flips": flips.measure, "dead": dead.measure}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--json", default="build/bench/sdk.json", type=Path)
    parser.add_argument("--only", action="append", choices=PARTS, help="these parts; may be given several times")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, to see that it runs")
    options = parser.parse_args()
    rows = []
    for name in options.only or PARTS:
        print(f"  {name}", flush=True)
        rows += PARTS[name](options.build, options.quick)
    show(rows)
    write(rows, options.json)
    return 0 if all(r["ok"] for r in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
