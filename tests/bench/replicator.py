#!/usr/bin/env python3
"""make bench-replicator: shunt-replicator beside MirrorMaker 2 4.1 with 512 MB, one after the other on the same real brokers, by the same
mm2.properties.

What each row means stands in docs/benchmarks.md. Exit code 1: a row is not within its limit. Needs Apache Kafka, as `make check` does."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.replicator_rows import copying, moments  # noqa: E402
from tests.bench.replicator_rows.env import Env  # noqa: E402
from tests.bench.table import show, write  # noqa: E402

PARTS = {"speed": copying.speed, "catch-up": copying.catch_up, "partitions": copying.many, "latency": moments.latency,
         "start": moments.start, "exactly-once": copying.exactly_once}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--json", default="build/bench/replicator.json", type=Path)
    parser.add_argument("--only", action="append", choices=PARTS, help="these parts; may be given several times")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, to see that it runs")
    options = parser.parse_args()
    rows = []
    for name in options.only or PARTS:
        print(f"  {name}", flush=True)
        with Env(name, options.build, options.quick) as env:
            rows += PARTS[name](env)
        show(rows)
        write(rows, options.json)
    return 0 if all(r["ok"] for r in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
