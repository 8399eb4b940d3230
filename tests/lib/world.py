"""Everything that a story needs, running: two clusters, replication both ways,
a route service that knows them, and a mapper.

    with World("flip", kind="real") as world:
        world.put_rule("orders", "a")
        ...
        world.flip("orders", "b")

Files are in build/run/NAME-PID, removed when the block ends well and kept
otherwise."""

import json
import os
import shutil
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Mapping, Sequence

from . import clusters as kafka
from . import kafka_jars
from .hosts import OneHost
from .rest import call
from .procs import Proc, free_port
from .wait import wait_until

FLOWS = (("a", "b"), ("b", "a"))
START_S = 30.0


class World:
    """`topics` as for shunt-sandbox; None: orders with 6 partitions.
    `replicate=False`: start replication yourself, world.clusters.start_mm2();
    `hosts`: a, b, replication, route, mapper and every spawn()ed process run there
    (embedded clusters and their replication always here); `more`: for clusters.start()."""

    def __init__(self, name: str, kind: str = "embedded", build: str = "build/release",
                 topics: str | None = None, replicate: bool = True,
                 mm2: dict[str, str] | None = None, hosts: OneHost | None = None,
                 **more: Any) -> None:
        self.hosts = hosts or OneHost()
        self.kind = kind
        self.build = kafka.ROOT / build
        self.folder = kafka.ROOT / "build/run" / f"{name}-{os.getpid()}"
        self.folder.mkdir(parents=True)
        self.route_url = f"http://{self.hosts.address('route')}:{free_port()}"
        self.mapper_url = f"http://{self.hosts.address('mapper')}:{free_port()}"
        self._procs: list[Proc] = []
        self._clusters: kafka.Clusters | None = None
        try:
            self._clusters = kafka.start(kind, self.folder, self.build, topics, hosts, **more)
            if replicate:
                self.clusters.start_mm2(mm2)
            self._start_parts()
            if replicate:
                self.clusters.wait_mm2()
        except BaseException as why:
            self.stop(failed=not isinstance(why, kafka_jars.Unreachable))
            raise

    @property
    def clusters(self) -> kafka.Clusters:
        assert self._clusters
        return self._clusters

    # ---- the control plane --------------------------------------------------

    def start_route(self) -> None:
        self.route.start()
        self.route.wait_for(r"ready: \S+", START_S)

    def kill_route(self) -> None:
        self.route.kill()

    def start_mapper(self) -> None:
        """Returns when it listens; wait_mapper_ready() for its data."""
        self.mapper.start()
        self.mapper.wait_for(r"ready: \S+", START_S)

    def kill_mapper(self) -> None:
        self.mapper.kill()

    def wait_mapper_ready(self, deadline_s: float = START_S) -> None:
        """Until it has read what stood in the offset-syncs topics."""
        wait_until(lambda: call(f"{self.mapper_url}/readyz"), deadline_s, "mapper is ready")

    # ---- routes -------------------------------------------------------------

    def change(self, operations: Sequence[Mapping[str, Any]], **more: Any) -> dict[str, Any]:
        """One change set; the answer has revision, warnings and moves."""
        return call(f"{self.route_url}/v1/changes",
                    {"author": "test", "operations": list(operations), **more})

    def put_rule(self, code: str, cluster: str, rule_id: str | None = None,
                 priority: int = 100, **match: Any) -> dict[str, Any]:
        """Routes `code` to a cluster: rule CODE, unless `rule_id` names
        another.  `match` adds dimensions: group="billing", client_id="c*"."""
        dimensions = {key.replace("_", "."): value for key, value in match.items()}
        rule = {"id": rule_id or code, "priority": priority, "cluster": cluster,
                "match": {"cluster.code": code, **dimensions}}
        return self.change([{"op": "put", "rule": rule}])

    def flip(self, code: str, to: str) -> dict[str, Any]:
        """Moves the rule whose id is `code`, all else of it unchanged."""
        rule = next(r for r in self.table()["rules"] if r["id"] == code)
        return self.change([{"op": "put", "rule": {**rule, "cluster": to}}],
                           comment=f"flip {code} to {to}")

    def table(self) -> dict[str, Any]:
        return call(f"{self.route_url}/v1/table")

    def resolve(self, identity: Mapping[str, Any]) -> dict[str, Any]:
        return call(f"{self.route_url}/v1/resolve", {"identity": identity})

    def clients(self) -> list[dict[str, Any]]:
        """Those that have a stream."""
        return call(f"{self.route_url}/v1/clients?connected=true")["clients"]

    # ---- offsets ------------------------------------------------------------

    def translate(self, source: str, target: str,
                  positions: Sequence[tuple[str, int, int]]) -> list[dict[str, Any]]:
        """For each (topic, partition, offset) the mapper's answer."""
        asked = [{"topic": t, "partition": p, "offset": o} for t, p, o in positions]
        return call(f"{self.mapper_url}/v1/translate",
                    {"from": source, "to": target, "positions": asked})["positions"]

    # ---- processes ----------------------------------------------------------

    def spawn(self, name: str, argv: Sequence[object], **more: Any) -> Proc:
        """A process of this world: logs to its folder, ends with it."""
        proc = Proc(name, self.hosts.argv(name, argv), self.folder, **more)
        self._procs.append(proc)
        return proc

    def stop(self, failed: bool = False) -> None:
        for proc in reversed(self._procs):
            proc.end()
        if self._clusters:
            self._clusters.stop()
        if failed:
            print(f"kept for you: {self.folder}", file=sys.stderr)
        else:
            shutil.rmtree(self.folder)

    def __enter__(self) -> "World":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop(failed=kind is not None)

    def _start_parts(self) -> None:
        listen = self.route_url.removeprefix("http://")
        self.route = self.spawn("route", [self.build / "bin/shunt-route", "--listen", listen,
                                          "--data.dir", self.folder / "route"], start=False)
        self.start_route()
        described = self._describe()
        self.change([{"op": "put", "cluster": c} for c in described["clusters"]] +
                    [{"op": "put", "flow": f} for f in described["flows"]])
        flows_file = self.folder / "flows.json"
        flows_file.write_text(json.dumps(described, indent=1))
        listen = self.mapper_url.removeprefix("http://")
        self.mapper = self.spawn("mapper", [self.build / "bin/shunt-offset",
                                            "--listen", listen, "--flows.file", flows_file,
                                            "--data.dir", self.folder / "mapper"], start=False)
        self.start_mapper()

    def _describe(self) -> dict[str, list[dict[str, Any]]]:
        return {
            "clusters": [{"name": name, "bootstrap.servers": self.clusters.bootstrap(name)}
                         for name in kafka.NAMES],
            "flows": [{"source": source, "target": target, "mappers": [self.mapper_url]}
                      for source, target in FLOWS],
        }
