#!/usr/bin/env python3
"""make bench-sdk: libshunt beside bare librdkafka, the same program over both (tests/tools/bench_sdk), in turn in the same run.

What each row means stands in docs/benchmarks.md. Exit code 1: a row is not within its limit."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.command import run  # noqa: E402
from tests.bench.sdk_rows import dead, flips, idle, latency, speed, writers  # noqa: E402

PARTS = {"speed-real": speed.real, "speed-embedded": speed.embedded, "latency": latency.measure, "memory": idle.measure,
         "writers": writers.measure, "flips": flips.measure, "dead": dead.measure}


if __name__ == "__main__":
    sys.exit(run(__doc__, "sdk", PARTS, lambda part, build, quick: PARTS[part](build, quick)))
