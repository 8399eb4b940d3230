#!/usr/bin/env python3
"""make bench-route: the figures that the route service is held to, each beside its reference in the same run.

What each row means stands in docs/benchmarks.md. Exit code 1: a row is not within its limit."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.command import run  # noqa: E402
from tests.bench.route_rows import http, push, reports, resolve, servers, store  # noqa: E402
from tests.bench.route_rows.env import Env  # noqa: E402
from tests.bench.table import Row  # noqa: E402

PARTS = {"resolve": resolve.measure, "http": http.measure, "push": push.measure, "servers": servers.measure,
         "store": store.measure, "reports": reports.measure}


def measure(part: str, build: str, quick: bool) -> list[Row]:
    with Env(part, build, quick) as env:
        return PARTS[part](env)


if __name__ == "__main__":
    sys.exit(run(__doc__, "route", PARTS, measure))
