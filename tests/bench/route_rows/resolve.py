"""What finding a client's cluster in memory costs, by the number of rules: the program bench_resolve, which times each look by itself.
Two tables: every application with a code of its own, and all rules for one code. Two crowds: the clients of the first hundred rules, the
same in a table of any size (what do the others' rules cost them?), and clients of all rules, whose part of the table no cache can hold."""

from typing import Any

from tests.bench.route_rows.env import Env
from tests.bench.shared.env import median
from tests.bench.table import Row, row

LIMIT_US = 2


def rows_of(mix: str, runs: list[list[dict[str, Any]]]) -> list[Row]:
    """`runs`: the figures of this mix, by size, of every run."""
    def of(size: int, key: str) -> float:
        return median([run[size][key]["mean"] / 1000 for run in runs], 3)
    sizes = [figures["rules"] for figures in runs[0]]
    rows = [row(f"resolve in memory ({mix}), {sizes[0]} rules", of(0, "first_ns"), "us", limit=LIMIT_US)]
    for i, rules in list(enumerate(sizes))[1:]:
        what = f"resolve in memory ({mix}), {rules} rules"
        rows += [row(f"{what}, the same clients", of(i, "first_ns"), "us", of(0, "first_ns"), 2),
                 row(f"{what}, clients of all of them", of(i, "ns"), "us", limit=LIMIT_US),
                 row(f"{what}, clients of all of them", of(i, "ns"), "us", of(0, "ns"))]
    return [*rows, row(f"resolve in memory ({mix}), {sizes[-1]} rules, caches cold", of(len(sizes) - 1, "cold_ns"), "us",
                       limit=LIMIT_US)]


def measure(env: Env) -> list[Row]:
    runs = [env.tool("bench_resolve", *(["--quick"] if env.quick else []), deadline_s=240)["resolve"]
            for _ in range(1 if env.quick else 3)]
    rows: list[Row] = []
    for mix in dict.fromkeys(figures["mix"] for figures in runs[0]):
        rows += rows_of(mix, [[f for f in run if f["mix"] == mix] for run in runs])
    return rows
