"""What the rows of bench-mapper share: two real clusters, and a mapper between them."""

import json
import urllib.request
from pathlib import Path
from typing import Any, Callable

from tests.bench.shared import env as shared
from tests.bench.shared.env import CLIENT_CPU, SERVER_CPU, START_S, cpu_s, move_to_cpu
from tests.lib.clusters import NAMES, RealKafka
from tests.lib.procs import Proc, free_port
from tests.lib.rest import call
from tests.lib.wait import wait_until

FLOW = "a->b"


class Mapper:
    """A shunt-offset that runs, or will."""

    def __init__(self, proc: Proc, address: str, data: Path) -> None:
        self.proc = proc
        self.url = f"http://{address}"
        self.data = data

    def flow(self) -> dict[str, Any]:
        return next(f for f in call(f"{self.url}/v1/flows")["flows"] if f["flow"] == FLOW)

    def wait_read(self, position: int, deadline_s: float) -> None:
        wait_until(lambda: self.flow()["position"] >= position, deadline_s, f"the mapper has read {position} syncs")

    def ready(self) -> bool:
        with urllib.request.urlopen(f"{self.url}/readyz", timeout=1) as reply:
            return reply.status == 200

    def translate(self, source: str, target: str, positions: list[dict[str, Any]], **more: Any) -> list[dict[str, Any]]:
        body = {"from": source, "to": target, "positions": positions, **more}
        return call(f"{self.url}/v1/translate", body, timeout_s=60)["positions"]

    def cpu_s(self) -> float:
        return cpu_s(self.proc.pid)


class Env(shared.Env):
    """`with` ends the clusters too. `known`: figures of parts that were measured before."""

    def __init__(self, part: str, build: str, quick: bool, known: dict[str, float]) -> None:
        super().__init__("mapper", part, build, quick)
        self.known = known
        self._clusters: RealKafka | None = None

    @property
    def clusters(self) -> RealKafka:
        assert self._clusters, "start_kafka() was not called"
        return self._clusters

    def start_kafka(self, topics: str = "", pinned: bool = True) -> RealKafka:
        self._clusters = RealKafka(self.folder / "kafka", self.build, topics=topics)
        for broker in self._clusters.brokers.values() if pinned else ():
            move_to_cpu(broker.pid, CLIENT_CPU)
        return self._clusters

    def end_all(self) -> None:
        super().end_all()
        if self._clusters:
            self._clusters.stop()
            self._clusters = None

    def mapper(self, name: str, data: Path | None = None, start: bool = True, cpu: int | None = SERVER_CPU) -> Mapper:
        """It follows the flows between the two clusters."""
        address = f"127.0.0.1:{free_port()}"
        flows = self.folder / "flows.json"
        flows.write_text(json.dumps({
            "clusters": [{"name": c, "bootstrap.servers": self.clusters.bootstrap(c)} for c in NAMES],
            "flows": [{"source": s, "target": t} for s, t in (NAMES, NAMES[::-1])]}))
        data = data or self.folder / f"{name}.data"
        proc = self.spawn(name, [self.build / "bin/shunt-offset", "--listen", address, "--flows.file", flows, "--data.dir", data],
                          cpu, start=False)
        if start:
            proc.start()
            proc.wait_for(r"ready: \S+", START_S)
        return Mapper(proc, address, data)


def until(predicate: Callable[[], bool], deadline_s: float, what: str) -> float:
    """Asks again at once, and says after how many seconds it was true: for what takes milliseconds."""
    passed = shared.stopwatch()
    while passed() < deadline_s:
        try:
            if predicate():
                return passed()
        except OSError:  # it does not listen yet, or says 503
            pass
    raise AssertionError(f"{what}: not within {deadline_s:g} s")
