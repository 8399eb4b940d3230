"""A question without HTTP: the program bench_mapper, whose store has 10 million runs, and a bare LMDB the same ones under keys of 12 bytes."""

import json
from typing import Any

from tests.bench.mapper_rows.env import Env
from tests.bench.shared.env import SERVER_CPU, on_cpu
from tests.bench.table import Row, row
from tests.lib import procs


def told(env: Env, runs: int) -> dict[str, dict[str, Any]]:
    """By "what": one object a line."""
    argv = on_cpu(SERVER_CPU, [env.build / "bin/bench_mapper", env.folder, runs])
    figures = [json.loads(line) for line in procs.run(argv, 240).splitlines()]
    return {f["what"]: f for f in figures}


def measure(env: Env) -> list[Row]:
    runs = 1000000 if env.quick else 10000000
    figures = told(env, runs)
    rows = []
    for way, limit in (("forward", 0.8), ("reverse", None)):
        ours, bare = (round(1e9 / figures[way][key]) for key in ("ns", "bare_ns"))
        rows.append(row(f"translate in process, {runs} runs, {way}", ours, "positions/s", bare, limit, "at least"))
    env.known["translate"] = rows[0]["value"]
    ingest = figures["ingest"]
    return [*rows, row(f"ingest in process of {runs} syncs, for a second of CPU", round(ingest["per_cpu_s"]), "syncs/s"),
            row("the same, wall time", round(ingest["per_s"]), "syncs/s")]
