#!/usr/bin/env python3
"""make bench-mapper: the figures that the offset mapper is held to, each beside its reference in the same run.

What each row means stands in docs/benchmarks.md. Exit code 1: a row is not within its limit. Needs Apache Kafka, as `make check` does."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.command import run  # noqa: E402
from tests.bench.mapper_rows import exact, syncs, translate  # noqa: E402
from tests.bench.mapper_rows.env import Env  # noqa: E402
from tests.bench.table import Row  # noqa: E402

PARTS = {"translate": translate.measure, "syncs": syncs.measure, "exact": exact.measure, "transactions": exact.measure_transactions}
KNOWN: dict[str, float] = {}  # figures of the parts that were measured before


def measure(part: str, build: str, quick: bool) -> list[Row]:
    with Env(part, build, quick, KNOWN) as env:
        return PARTS[part](env)


if __name__ == "__main__":
    sys.exit(run(__doc__, "mapper", PARTS, measure))
