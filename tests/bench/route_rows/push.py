"""Push to 10,000 watchers of one process, beside a bare epoll + writev program that sends the same bytes to the same clients; what
concerns ten of them; what one costs in memory; and the same flip in a table of 100,000 rules."""

import json
import socket
from pathlib import Path
from typing import Any

from tests.bench.route_rows.env import CODE, Env, Server, Watchers, base_table, flip, identity, other_rules, put_rule
from tests.bench.shared.env import median, rounds
from tests.bench.table import Row, row

SPECIAL = 10
ROUND_MS = 60000
END = b"\n\n\r\n"  # of an event in its chunk


def _read_event(s: socket.socket) -> bytes:
    got = b""
    while not (b"event: route" in got and got.endswith(END)):
        piece = s.recv(65536)
        if not piece:
            raise AssertionError(f"the stream ended: {got[-300:]!r}")
        got += piece
    return got


def sample(env: Env, server: Server, name: str = "sample") -> tuple[Path, Path]:
    """The bytes of a first answer and of a push, as one client gets them."""
    client = {"instance": "h1-1001-0a1b2c", "name": "billing", "version": "0.1.0", "host": "h1", "pid": 1001}
    body = json.dumps({"client": client, "identity": identity()}).encode()
    host, port = server.address.split(":")
    first, event = env.folder / f"{name}.first", env.folder / f"{name}.event"
    with socket.create_connection((host, int(port)), timeout=10) as s:
        s.sendall(b"POST /v1/watch HTTP/1.1\r\nHost: bench\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        first.write_bytes(_read_event(s))
        server.change(flip("b"))
        event.write_bytes(_read_event(s))
    server.change(flip("a"))
    return first, event


def change_body(*operations: dict[str, Any]) -> str:
    return json.dumps({"author": "bench", "operations": list(operations)}, separators=(",", ":"))


def pushed(watchers: Watchers, count: int, address: str, path: str, body: str) -> dict[str, float]:
    """One push, in ms from just before it was asked for: p50, p99, last; `answer`: when the one who asked was answered."""
    armed = watchers.send("arm", count, ROUND_MS)
    posted = watchers.send("post", address, path, body)
    got = watchers.answer(armed, ROUND_MS / 1000 + 10)
    answer = watchers.answer(posted)
    if got["n"] != count or got["extra"]:
        raise AssertionError(f"{got['n']} of {count} watchers had the event, {got['extra']} a second one")
    figures = {key: got[f"{key}_us"] / 1000 for key in ("p50", "p99", "last")}
    return {**figures, "answer": answer["us"] / 1000}


def spread(what: str, of: list[dict[str, float]], reference: list[dict[str, float]] | None = None) -> list[Row]:
    """Rows without a limit: how the push came to the others."""
    return [row(f"{what}, {key}", median([r[key] for r in of]), "ms", median([r[key] for r in reference]) if reference else None)
            for key in ("p50", "p99")]


class Scene:
    """A server and a bare_push, each with watchers."""

    def __init__(self, env: Env) -> None:
        self.env = env
        self.count = 1000 if env.quick else 10000
        self.server = env.server("push")
        base_table(self.server)
        first, event = sample(env, self.server)
        self.bare = env.bare_push("bare", first, event)
        self.rss_before = self.server.rss_bytes()
        self.ours = env.watchers("ours", self.server.address, self.count, special=SPECIAL)
        self.theirs = env.watchers("theirs", self.bare, self.count)
        self.opened = self.ours.ask("open")
        self.theirs.ask("open")
        self.n = 0

    def change(self, count: int, operation: dict[str, Any]) -> dict[str, float]:
        return pushed(self.ours, count, self.server.address, "/v1/changes", change_body(operation))

    def flip_all(self, _round: int = 0) -> dict[str, float]:
        self.n += 1
        return self.change(self.count, flip("ab"[self.n % 2]))

    def flip_special(self, n: int) -> dict[str, float]:
        """A rule of their own, above the one of all; the first one makes it."""
        rule = put_rule("canary", "ab"[n % 2], 200, cluster_code=CODE, attributes={"canary": "yes"})
        return self.change(SPECIAL, rule)

    def special_rounds(self, n: int) -> list[dict[str, float]]:
        self.flip_special(0)
        of = [self.flip_special(i) for i in range(1, n + 1)]
        self.change(SPECIAL, {"op": "delete", "rule": "canary"})
        return of

    def bare_push(self, _round: int = 0) -> dict[str, float]:
        return pushed(self.theirs, self.count, self.bare, "/push", "{}")


def lasts(of: list[dict[str, float]], digits: int = 1) -> float:
    return median([r["last"] for r in of], digits)


def large_table(scene: Scene, n: int) -> list[Row]:
    step = 10000
    for first in range(0, n, step):
        scene.server.change(*other_rules(first, min(step, n - first)))
    scene.flip_all()
    of = [scene.flip_all() for _ in range(3)]
    return [row(f"flip of {scene.count} in a table of {n} rules, last client", lasts(of), "ms")]


def measure(env: Env) -> list[Row]:
    scene = Scene(env)
    n, count = (3, scene.count) if env.quick else (9, scene.count)
    scene.flip_all()
    memory = (scene.server.rss_bytes() - scene.rss_before) / count
    scene.bare_push()
    ours, bare = rounds(n, scene.flip_all, scene.bare_push)
    special = scene.special_rounds(4 * n)  # they take a millisecond each
    rows = [
        row(f"push of one flip to {count} watchers, last client", lasts(ours), "ms", lasts(bare), 1.3),
        *spread(f"push of one flip to {count} watchers", ours, bare),
        row(f"its change answered to the one who asked", median([r["answer"] for r in ours]), "ms"),
        row(f"push that concerns {SPECIAL} of {count} watchers, last client", lasts(special, 2), "ms", lasts(bare),
            None if env.quick else 0.02),  # what a change costs by itself is more than that of a push to few
        row("memory of an idle watcher", round(memory), "B", limit=4096),
        row(f"{count} streams opened", scene.opened["ms"], "ms"),
        *large_table(scene, 1000 if env.quick else 100000),
    ]
    return rows
