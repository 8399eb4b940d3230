"""10,000 clients that report once in 10 s: what that takes of one core."""

from tests.bench.route_rows.env import Env, base_table
from tests.bench.shared.env import cpu_s, stopwatch
from tests.bench.table import Row, row

INTERVAL_S = 10
REPORTERS = 5000  # connections that reports come over; 10,000 more than the streams' would be over the limit of one process
PERCENT = 20


def measure(env: Env) -> list[Row]:
    count, seconds = (1000, 3) if env.quick else (10000, 20)
    server = env.server("reports")
    base_table(server)
    clients = env.watchers("reporters", server.address, count)
    clients.ask("open")
    before, passed = cpu_s(server.proc.pid), stopwatch()
    told = clients.ask("reports", count // INTERVAL_S, seconds, REPORTERS * count // 10000)
    percent = (cpu_s(server.proc.pid) - before) / passed() * 100
    if told["late"] or told["taken"] != told["sent"]:
        raise AssertionError(f"reports were not taken in time: {told}")
    return [row(f"{count} clients report every {INTERVAL_S} s", round(percent, 1), "% of a core", limit=PERCENT)]
