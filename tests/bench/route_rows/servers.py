"""One flip to 100,000 watchers on the six servers of a group, beside six bare_push processes. Nothing is bound to a core: clients and
servers share both. The flip is sent to one server and goes through ZooKeeper; a bare_push is asked each by itself."""

from tests.bench.route_rows.env import Env, Server, Watchers, base_table, flip
from tests.bench.shared.env import median, rounds
from tests.bench.route_rows.push import ROUND_MS, change_body, sample
from tests.bench.table import Row, row
from tests.lib.rest import call
from tests.lib.wait import wait_until
from tests.lib.zookeeper import ZooKeeper

PROCESSES = 6
OPEN_S = 120


def percentiles(arrivals_us: list[int], t0_us: int) -> dict[str, float]:
    arrivals_us.sort()
    n = len(arrivals_us)
    at = {"p50": n // 2, "p99": n * 99 // 100, "last": n - 1}
    return {key: (arrivals_us[i] - t0_us) / 1000 for key, i in at.items()}


def start_group(env: Env, zk: ZooKeeper) -> list[Server]:
    """Servers with the bench's table."""
    servers = [env.server(f"group-{i}", cpu=None, zookeeper_connect=zk.connect, server_id=f"s{i}") for i in range(PROCESSES)]
    for server in servers:
        wait_until(lambda s=server: call(f"{s.url}/readyz"), 30, f"{server.proc.name} is ready")  # type: ignore[misc]
    base_table(servers[0])
    revision = call(f"{servers[0].url}/healthz")["revision"]
    for server in servers:
        wait_until(lambda s=server: call(f"{s.url}/healthz")["revision"] >= revision, 30,  # type: ignore[misc]
                   f"{server.proc.name} has the table")
    return servers


class Crowd:
    """Watchers of several servers, a process of them for each."""

    def __init__(self, env: Env, name: str, servers: list[str], count: int) -> None:
        self.each = count // len(servers)
        self.total = self.each * len(servers)
        self.processes: list[Watchers] = []
        for i, address in enumerate(servers):
            self.processes.append(env.watchers(f"{name}-{i}", address, self.each, None, first=i * self.each, **{
                "from": f"127.0.{10 + i}.1"}))
        opened = [(w, w.send("open")) for w in self.processes]
        self.open_ms = max(w.answer(number, OPEN_S)["ms"] for w, number in opened)

    def push(self, addresses: str, path: str, body: str) -> dict[str, float]:
        """Asks for one push, and waits until all have it."""
        armed = [(w, w.send("arm", self.each, ROUND_MS)) for w in self.processes]
        first = self.processes[0]
        t0_us = first.ask("post", addresses, path, body)["t0_us"]
        arrivals: list[int] = []
        for w, number in armed:
            got = w.answer(number, ROUND_MS / 1000 + 10)
            if got["n"] != self.each or got["extra"]:
                raise AssertionError(f"{got['n']} of {self.each} watchers had the event, {got['extra']} a second one")
            arrivals += got["arrivals_us"]
        return percentiles(arrivals, t0_us)


def rows_of(what: str, ours: list[dict[str, float]], bare: list[dict[str, float]]) -> list[Row]:
    def of(figures: list[dict[str, float]], key: str) -> float:
        return median([f[key] for f in figures])
    return [row(f"{what}, {key}", of(ours, key), "ms", of(bare, key), 1.5 if key == "last" else None)
            for key in ("last", "p50", "p99")]


def measure(env: Env) -> list[Row]:
    count, n = (3000, 3) if env.quick else (100000, 5)
    zk = env.zookeeper()
    servers = start_group(env, zk)
    first, event = sample(env, servers[0])
    bare = [env.bare_push(f"bare-{i}", first, event, cpu=None) for i in range(PROCESSES)]
    ours = Crowd(env, "ours", [s.address for s in servers], count)
    theirs = Crowd(env, "theirs", bare, count)
    ask_bare = ",".join(bare)
    flips, pushes = rounds(n, lambda i: ours.push(servers[0].address, "/v1/changes", change_body(flip("ba"[i % 2]))),
                           lambda _: theirs.push(ask_bare, "/push", "{}"))
    what = f"push of one flip to {ours.total} watchers on {PROCESSES} servers"
    return [*rows_of(what, flips, pushes), row(f"{ours.total} streams opened", ours.open_ms, "ms", theirs.open_ms)]
