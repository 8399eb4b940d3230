"""What finding a client's cluster in memory costs, by the number of rules: the program bench_resolve, which times each look by itself.
Two tables: every application with a code of its own, and all rules for one code."""

from typing import Any

from tests.bench.route_rows.env import Env, median
from tests.bench.table import Row, row

LIMIT_US = 2


def rows_of(mix: str, runs: list[list[dict[str, Any]]]) -> list[Row]:
    """`runs`: the figures of this mix, by size, of every run."""
    def of(size: int, key: str) -> float:
        return median([run[size][key]["mean"] / 1000 for run in runs], 3)
    sizes = [figures["rules"] for figures in runs[0]]
    base = of(0, "ns")
    rows = [row(f"resolve in memory ({mix}), {sizes[0]} rules", base, "us", limit=LIMIT_US)]
    for i, rules in list(enumerate(sizes))[1:]:
        what = f"resolve in memory ({mix}), {rules} rules"
        rows += [row(what, of(i, "ns"), "us", base, 2), row(f"{what}, at most", of(i, "ns"), "us", limit=LIMIT_US)]
    return [*rows, row(f"the same at {sizes[-1]} rules, caches cold", of(len(sizes) - 1, "cold_ns"), "us", of(0, "cold_ns"))]


def measure(env: Env) -> list[Row]:
    runs = [env.tool("bench_resolve", *(["--quick"] if env.quick else []), deadline_s=240)["resolve"]
            for _ in range(1 if env.quick else 3)]
    rows: list[Row] = []
    for mix in dict.fromkeys(figures["mix"] for figures in runs[0]):
        rows += rows_of(mix, [[f for f in run if f["mix"] == mix] for run in runs])
    return rows
