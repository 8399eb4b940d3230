"""A change set until it is durable, on one server, against an LMDB commit of the same bytes; through ZooKeeper, against a `set` of one
znode of the same size. One after the other, on a connection that is kept, so that nothing runs beside anything: the server alone, its
client and LMDB's program share a core. The limit is one of an ensemble: a single ZooKeeper is not highly available; its row is shown."""

import json
from typing import Any, Callable

from tests.bench.route_rows.env import Env, Server, base_table, flip
from tests.bench.shared.env import SERVER_CPU, median, rounds
from tests.bench.route_rows.push import change_body
from tests.bench.table import Row, row
from tests.lib.rest import call
from tests.lib.wait import wait_until

Figures = dict[str, Any]


def changes_file(env: Env) -> str:
    path = env.folder / "changes.txt"
    path.write_text("".join(change_body(flip(to)) + "\n" for to in "ba"))
    return str(path)


def stored_bytes(server: Server) -> int:
    """How long a flip is as it is stored, as far as the protocol tells."""
    server.change(flip("b"))
    server.change(flip("a"))
    change = call(f"{server.url}/v1/history?limit=1")["changes"][0]
    return len(json.dumps(change, separators=(",", ":")))


def compare(env: Env, server: Server, reference: Callable[[int, int], list[object]],
            cpu: int | None = None) -> tuple[list[Figures], list[Figures]]:
    """`reference(i, n)`: the words of bare_store for round i, n times."""
    n_rounds, n = (2, 50) if env.quick else (9, 100)
    file = changes_file(env)
    ours, theirs = rounds(n_rounds,
                          lambda _: env.tool("bare_store", "post", server.address, n, "/v1/changes", file, cpu=cpu),
                          lambda i: env.tool("bare_store", *reference(i, n), cpu=cpu))
    return ours, theirs


def two_rows(what: str, ours: list[Figures], theirs: list[Figures], limit: float | None) -> list[Row]:
    def of(figures: list[Figures], key: str) -> float:
        return median([f[key] for f in figures], 0)
    return [row(f"{what}, p50", of(ours, "p50_us"), "us", of(theirs, "p50_us"), limit),
            row(f"{what}, p99", of(ours, "p99_us"), "us", of(theirs, "p99_us"))]


def measure_one(env: Env) -> list[Row]:
    server = env.server("store")
    base_table(server)
    size = stored_bytes(server)

    def lmdb(i: int, n: int) -> list[object]:
        folder = env.folder / f"lmdb-{i}"
        folder.mkdir()
        return ["lmdb", folder, n, size]

    ours, theirs = compare(env, server, lmdb, SERVER_CPU)
    env.end_all()
    return two_rows(f"change set of {size} B durable, one server", ours, theirs, 1.5)


def measure_group(env: Env, nodes: int) -> list[Row]:
    """The reference is set through the same node as ours, the first."""
    zk = env.zookeeper(nodes)
    node = f"127.0.0.1:{zk.ports[0]}"
    server = env.server(f"store-zk-{nodes}", cpu=None, zookeeper_connect=node)
    wait_until(lambda: call(f"{server.url}/readyz"), 30, "the server is ready")
    base_table(server)
    size = stored_bytes(server)
    compare(env, server, lambda _, n: ["znode", node, n, size])  # ZooKeeper's Java gets faster for a while
    ours, theirs = compare(env, server, lambda _, n: ["znode", node, n, size])
    env.end_all()
    return two_rows(f"change set of {size} B through ZooKeeper ({nodes} node{'s' if nodes > 1 else ''})", ours, theirs,
                    2 if nodes > 1 else None)


def measure(env: Env) -> list[Row]:
    return [*measure_one(env), *measure_group(env, 1), *measure_group(env, 3)]
