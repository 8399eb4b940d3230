"""A shunt-offset beside an embedded cluster, and offset syncs written by hand."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from typing import Any, Callable, Iterable, Sequence

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.lib import httpd, records  # noqa: E402
from tests.lib.clusters import Embedded  # noqa: E402
from tests.lib.procs import Proc  # noqa: E402
from tests.lib.rest import call  # noqa: E402

TOPIC = "mm2-offset-syncs.b.internal"
FLOW = "a-%3Eb"

Sync = tuple[str, int, int, int]  # topic, partition, offset on the source, on the target


def line(sync: Sync) -> str:
    """An OffsetSync as ktool writes it."""
    topic, partition, up, down = sync
    name = topic.encode()
    return record(struct.pack(">h", len(name)) + name + struct.pack(">i", partition), struct.pack(">qq", up, down))


def record(key: bytes | None, value: bytes | None) -> str:
    return f"0 0 {records.coded(key)} {records.coded(value)}"


def clusters(cleanup: Callable[..., Any], folder: Path, topics: str = "orders:1") -> Embedded:
    """`a` and `b`, with MirrorMaker 2's topics and these."""
    made = Embedded(folder, httpd.BUILD, topics=topics)
    cleanup(made.stop)
    return made


def write(at: Embedded, syncs: Iterable[Sync]) -> None:
    write_lines(at, [line(s) for s in syncs])


def write_lines(at: Embedded, lines: Sequence[str]) -> None:
    records.write(at, "a", TOPIC, lines)


class Writer:
    """Syncs in pieces, until end()."""

    def __init__(self, at: Embedded) -> None:
        self.proc = Proc("syncs", [httpd.BUILD / "bin/ktool", "write", at.a, TOPIC], at.folder)

    def push(self, syncs: Iterable[Sync]) -> None:
        self.proc.send("\n".join(map(line, syncs)))

    def end(self) -> None:
        records.finish(self.proc)


class Mapper(httpd.Program):
    program = "shunt-offset"

    def __init__(self, folder: Path, at: Embedded | None = None, name: str = "mapper", **more: Any) -> None:
        folder = folder / name
        folder.mkdir(exist_ok=True)
        flows = folder / "flows.json"
        where = {"a": at.a, "b": at.b} if at else {"a": "127.0.0.1:1", "b": "127.0.0.1:1"}
        flows.write_text(json.dumps({
            "clusters": [{"name": n, "bootstrap.servers": s} for n, s in where.items()],
            "flows": [{"source": "a", "target": "b"}]}))
        # The embedded clusters make every topic that somebody asks for: with an empty log, which no sync fits.
        more.setdefault("watch_interval_ms", 0)
        super().__init__(folder, flows_file=flows, **more)

    def flow(self) -> dict[str, Any]:
        return self.get("/v1/flows")["flows"][0]

    def runs(self, topic: str, partition: int = 0) -> list[dict[str, int]]:
        return self.get(f"/v1/runs?flow={FLOW}&topic={topic}&partition={partition}&limit=100000")["runs"]

    def ask(self, topic: str, offset: int, partition: int = 0) -> dict[str, Any]:
        question = {"from": "a", "to": "b", "positions": [{"topic": topic, "partition": partition, "offset": offset}]}
        return call(f"{self.url}/v1/translate", question)["positions"][0]

    def wait_read(self, at: Embedded, deadline_s: float = 30) -> None:
        end = at.ends("a", TOPIC)[0]
        httpd.eventually(lambda: self.flow()["position"] >= end, f"the mapper has read {end} records", deadline_s)
        httpd.eventually(lambda: self.get("/readyz")["ready"], "and knows that this is the end", deadline_s)
