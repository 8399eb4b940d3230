"""A change set until it is durable, on one server, against an LMDB commit of the same bytes; through ZooKeeper, against a `set` of one
znode of the same size. One after the other, on a connection that is kept."""

import json
from typing import Any

from tests.bench.route_rows.env import Env, Server, base_table, flip, median, rounds
from tests.bench.route_rows.push import change_body
from tests.bench.table import Row, row
from tests.lib.rest import call


def changes_file(env: Env) -> str:
    path = env.folder / "changes.txt"
    path.write_text("".join(change_body(flip(to)) + "\n" for to in "ba"))
    return str(path)


def stored_bytes(server: Server) -> int:
    """How long the newest change set is as it is stored, as far as the protocol tells."""
    change = call(f"{server.url}/v1/history?limit=1")["changes"][0]
    return len(json.dumps(change, separators=(",", ":")))


def compare(env: Env, server: Server, reference: list[Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """`reference`: the words of bare_store before and after the number of times."""
    n_rounds, n = (2, 50) if env.quick else (9, 100)
    file = changes_file(env)
    before, after = reference
    ours, theirs = rounds(n_rounds,
                          lambda _: env.tool("bare_store", "post", server.address, n, "/v1/changes", file),
                          lambda i: env.tool("bare_store", *before(i), n, *after))
    return ours, theirs


def two_rows(what: str, ours: list[dict[str, Any]], theirs: list[dict[str, Any]], limit: float) -> list[Row]:
    def of(figures: list[dict[str, Any]], key: str) -> float:
        return median([f[key] for f in figures], 0)
    return [row(f"{what}, p50", of(ours, "p50_us"), "us", of(theirs, "p50_us"), limit),
            row(f"{what}, p99", of(ours, "p99_us"), "us", of(theirs, "p99_us"))]


def measure(env: Env) -> list[Row]:
    server = env.server("store", cpu=None)
    base_table(server)
    server.change(flip("b"))
    server.change(flip("a"))
    size = stored_bytes(server)
    folders = []

    def lmdb(i: int) -> list[object]:
        folder = env.folder / f"lmdb-{i}"
        folder.mkdir()
        folders.append(folder)
        return ["lmdb", folder]

    ours, theirs = compare(env, server, [lmdb, [size]])
    env.end_all()
    return two_rows(f"change set of {size} B durable, one server", ours, theirs, 1.5)
