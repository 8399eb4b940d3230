"""What the rows of bench-route share: servers, their tables and their watchers."""

import json
from pathlib import Path
from typing import Any

from tests.bench.shared import env as shared
from tests.bench.shared.env import CLIENT_CPU, SERVER_CPU, START_S, rss_bytes
from tests.lib.procs import Proc, ProcError, free_port
from tests.lib.rest import call
from tests.lib.wait import wait_until
from tests.lib.zookeeper import ZooKeeper

CODE = "orders"


class Watchers:
    """The program of tests/tools/watchers: many clients; a command is answered by a line of JSON."""

    def __init__(self, proc: Proc) -> None:
        self.proc = proc
        self._answers = proc.log.with_suffix(".out")
        self._n = 0

    def send(self, *words: object) -> int:
        self._n += 1
        self.proc.send(" ".join(str(w) for w in words))
        return self._n

    def answer(self, number: int, deadline_s: float = 60) -> dict[str, Any]:
        start = f'{{"id":{number}'

        def look() -> str | None:
            for line in self._answers.read_text().splitlines(keepends=True):
                if line.startswith((start + ",", start + "}")) and line.endswith("\n"):
                    return line
            if not self.proc.alive:
                raise ProcError(f"{self.proc.name} ended: {self.proc.tail()}")
            return None
        return json.loads(wait_until(look, deadline_s, f"{self.proc.name} answers command {number}"))

    def ask(self, *words: object, deadline_s: float = 60) -> dict[str, Any]:
        return self.answer(self.send(*words), deadline_s)


class Server:
    """A shunt-route that is running."""

    def __init__(self, proc: Proc, address: str) -> None:
        self.proc = proc
        self.address = address
        self.url = f"http://{address}"

    def change(self, *operations: dict[str, Any], timeout_s: float = 60) -> dict[str, Any]:
        return call(f"{self.url}/v1/changes", {"author": "bench", "operations": list(operations)}, timeout_s)

    def rss_bytes(self) -> int:
        return rss_bytes(self.proc.pid)


class Env(shared.Env):
    def __init__(self, part: str, build: str, quick: bool) -> None:
        super().__init__("route", part, build, quick)

    def server(self, name: str, cpu: int | None = SERVER_CPU, **options: object) -> Server:
        """`options`: data_dir="..." is --data.dir ..."""
        address = f"127.0.0.1:{free_port()}"
        given = {"loops": 1, "watch.rate.max": 0, **{key.replace("_", "."): value for key, value in options.items()}}
        words = [w for key, value in given.items() for w in (f"--{key}", value)]
        proc = self.spawn(name, [self.build / "bin/shunt-route", "--listen", address, "--data.dir", self.folder / name, *words], cpu)
        proc.wait_for(r"ready: \S+", START_S)
        return Server(proc, address)

    def zookeeper(self, nodes: int = 1) -> ZooKeeper:
        zk = ZooKeeper(self.folder / f"zookeeper-of-{nodes}", nodes)
        self._procs = [*zk.procs, *self._procs]  # ends last
        return zk

    def bare_push(self, name: str, first: Path, event: Path, cpu: int | None = SERVER_CPU) -> str:
        """The address of a bare_push that sends these files."""
        port = free_port()
        self.spawn(name, [self.build / "bin/bare_push", port, first, event], cpu).wait_for("ready", START_S)
        return f"127.0.0.1:{port}"

    def watchers(self, name: str, to: str, count: int, cpu: int | None = CLIENT_CPU, **options: object) -> Watchers:
        words = [w for key, value in options.items() for w in (f"--{key}", value)]
        argv: list[object] = [self.build / "bin/watchers", "--to", to, "--count", count, "--code", CODE, *words]
        return Watchers(self.spawn(name, argv, cpu, stdout=self.folder / f"{name}.out"))


# ---- tables -----------------------------------------------------------------------


def put_cluster(name: str) -> dict[str, Any]:
    servers = ",".join(f"kafka-{name}{n}.example.com:9092" for n in (1, 2, 3))
    return {"op": "put", "cluster": {"name": name, "bootstrap.servers": servers,
                                     "properties": {"security.protocol": "ssl"}}}


def put_rule(rule_id: str, cluster: str, priority: int = 100, **match: Any) -> dict[str, Any]:
    dimensions = {key.replace("_", "."): value for key, value in match.items()}
    return {"op": "put", "rule": {"id": rule_id, "priority": priority, "cluster": cluster, "match": dimensions}}


def flip(to: str) -> dict[str, Any]:
    """The operation that moves every watcher of the bench."""
    return put_rule("orders-main", to, cluster_code=CODE)


def base_table(server: Server) -> None:
    """Two clusters, a flow each way, and the rule that all watchers are on."""
    flows = [{"op": "put", "flow": {"source": s, "target": t, "mappers": ["http://mapper.example.com:7071"]}}
             for s, t in (("a", "b"), ("b", "a"))]
    server.change(put_cluster("a"), put_cluster("b"), *flows, flip("a"))


def other_rules(first: int, n: int) -> list[dict[str, Any]]:
    """Rules of other applications: what stands in a large table beside ours."""
    return [put_rule(f"app-{i}", "ab"[i % 2], cluster_code=f"app-{i // 10}", group=f"team-{i}")
            for i in range(first, first + n)]


def identity(n: object = 1) -> dict[str, Any]:
    return {"cluster.code": CODE, "role": "consumer", "topics": ["orders"], "group": "billing-1", "client.id": f"billing-{n}",
            "attributes": {"flink.id": "1234"}}
