#!/usr/bin/env python3
"""make bench-replicator: shunt-replicator beside MirrorMaker 2 4.1 with 512 MB, one after the other on the same real brokers, by the same
mm2.properties.

What each row means stands in docs/benchmarks.md. Exit code 1: a row is not within its limit. Needs Apache Kafka, as `make check` does."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.command import run  # noqa: E402
from tests.bench.replicator_rows import copying, moments  # noqa: E402
from tests.bench.replicator_rows.env import Env  # noqa: E402
from tests.bench.table import Row  # noqa: E402

PARTS = {"speed": copying.speed, "catch-up": copying.catch_up, "partitions": copying.many, "latency": moments.latency,
         "start": moments.start, "exactly-once": copying.exactly_once}


def measure(part: str, build: str, quick: bool) -> list[Row]:
    with Env(part, build, quick) as env:
        return PARTS[part](env)


if __name__ == "__main__":
    sys.exit(run(__doc__, "replicator", PARTS, measure))
