"""A shunt-replicator that answers, between embedded clusters, and what its /metrics say."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, Callable
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.lib import httpd, records  # noqa: E402
from tests.lib.clusters import Embedded  # noqa: E402
from tests.lib.procs import Proc, free_port  # noqa: E402

NOWHERE = {"a": "127.0.0.1:1", "b": "127.0.0.1:1"}


class Replicator(httpd.Program):
    """a->b, of `topics`; `more`: further keys of its file."""

    program = "shunt-replicator"

    def __init__(self, folder: Path, at: Embedded | None, topics: str = "orders", name: str = "replicator",
                 ready: bool = True, **more: str) -> None:
        self.ready_wanted = ready
        self.port = free_port()
        self.address = ("127.0.0.1", self.port)
        self.url = f"http://127.0.0.1:{self.port}"
        where = {"a": at.a, "b": at.b} if at else NOWHERE
        keys = {"clusters": "a, b", **{f"{n}.bootstrap.servers": s for n, s in where.items()}, "a->b.enabled": "true",
                "topics": topics, "groups": "billing", "emit.checkpoints.interval.seconds": "1",
                "b.offset.flush.interval.ms": "200", **{k.replace("__", "->").replace("_", "."): v for k, v in more.items()}}
        path = folder / f"{name}.properties"
        path.write_text("".join(f"{k} = {v}\n" for k, v in keys.items()))
        self.proc = Proc(name, [httpd.BUILD / "bin" / self.program, "--listen", f"127.0.0.1:{self.port}", path], folder,
                         start=False)
        self.start()

    def start(self) -> None:
        self.proc.start()
        self.proc.wait_for("listening: ", httpd.START_S)
        if self.ready_wanted:
            self.proc.wait_for("ready: a->b", httpd.START_S)

    def status(self, **query: object) -> dict[str, Any]:
        return self.get("/status?" + "&".join(f"{k}={quote(str(v))}" for k, v in query.items()))

    def flow(self, **query: object) -> dict[str, Any]:
        return self.status(**query)["flows"][0]

    def part(self, topic: str = "orders", partition: int = 0) -> dict[str, Any]:
        return next(p for p in self.flow(topic=topic)["partitions"] if p["partition"] == partition)

    def metrics(self) -> str:
        wire = httpd.Wire(self.address)
        got = wire.ask("GET", "/metrics")
        wire.drop()
        assert got.status == 200, got
        return got.body.decode()


def clusters(cleanup: Callable[..., Any], folder: Path, topics: str = "orders:2,a.orders:2") -> Embedded:
    made = Embedded(folder, httpd.BUILD, topics=topics)
    cleanup(made.stop)
    return made


def write(at: Embedded, first: int, n: int, topic: str = "orders", partitions: int = 2) -> None:
    records.write(at, "a", topic, records.numbered(topic, partitions, first, n))


def samples(text: str) -> dict[str, dict[str, float]]:
    """Name -> labels -> value; fails where the text is not what Prometheus reads."""
    found: dict[str, dict[str, float]] = {}
    typed: dict[str, str] = {}
    helped: set[str] = set()
    name = ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split()[2]
            assert name not in helped, f"{name} is explained twice"
            helped.add(name)
        elif line.startswith("# TYPE "):
            assert line.split()[2] == name, f"type of {line.split()[2]} below the help of {name}"
            typed[name] = line.split()[3]
        else:
            match = re.fullmatch(r'(\w+)\{((?:\w+="(?:[^"\\]|\\.)*",?)+)\} (-?[\d.]+(?:e[+-]\d+)?)', line)
            assert match, f"no sample: {line}"
            of = re.sub(r"_(bucket|sum|count)$", "", match[1]) if typed[name] == "histogram" else match[1]
            assert of == name, f"{match[1]} stands among those of {name}"
            assert match[2] not in found.get(match[1], {}), f"twice: {line}"
            found.setdefault(match[1], {})[match[2]] = float(match[3])
    assert set(typed) == helped
    return found
