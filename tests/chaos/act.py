"""Does what the steps say."""

import time
from typing import Any

from tests.lib.hosts import OneHost
from tests.lib.procs import Proc
from tests.lib.rest import call
from tests.lib.wait import Timeout, wait_until
from tests.lib.world import World
from tests.stories.fleet import Fleet

from .fences import Fence
from .hosts import Namespaces
from .plan import BROKERS, CLIENTS, SERVERS, Step

GRACE_S = 5.0  # who was asked to end and has not by his next start plus this: kill -9


class Actor:
    def __init__(self, world: World, fleet: Fleet, hosts: OneHost) -> None:
        self.world = world
        self.fleet = fleet
        self.net = hosts if isinstance(hosts, Namespaces) else None
        self.down: set[str] = set()  # killed or ended by us
        self.ending: set[str] = set()  # asked to end, not seen to have
        self.wanted, self.fenced = "a", False  # of the newest flip
        self.published: tuple[str, bool] = ("a", False)  # that the route service has taken
        self.fences: list[Fence] = []
        self.counts: dict[str, int] = {}

    def do(self, step: Step) -> None:
        if step.target in CLIENTS and step.target not in self.fleet.procs:
            return  # embedded clusters have no transactions
        getattr(self, step.act)(step.target)
        self.counts[step.act] = self.counts.get(step.act, 0) + 1

    # ---- steps --------------------------------------------------------------

    def flip(self, to: str, fenced: bool = False) -> None:
        self.wanted, self.fenced = to, fenced
        self.publish()

    def fence(self, to: str) -> None:
        """Nobody who hears of it goes on elsewhere."""
        self.flip(to, True)

    def kill(self, name: str) -> None:
        self.down.add(name)
        if self._embedded_broker(name):
            self.world.clusters.kill(name)
        else:
            self._proc(name).kill()

    def end(self, name: str) -> None:
        """A client goes in good order, as when a new version is rolled out."""
        self.down.add(name)
        self.ending.add(name)
        self._proc(name).ask_to_end()

    def start(self, name: str) -> None:
        if name in self.ending:
            self._see_end(name)
        if self._embedded_broker(name):
            self.world.clusters.revive(name)
        else:
            self._proc(name).start()  # nobody waits until it is of use
        self.down.discard(name)

    def stop(self, name: str) -> None:
        if not self._embedded_broker(name):
            self._proc(name).pause()

    def go_on(self, name: str) -> None:
        if not self._embedded_broker(name):
            self._proc(name).resume()

    def cut(self, name: str) -> None:
        if self.net:
            self.net.cut(name)
        else:
            self.stop(name)

    def slow(self, name: str) -> None:
        if self.net:
            self.net.slow(name)
        else:
            self.stop(name)

    def mend(self, name: str) -> None:
        if self.net:
            self.net.mend(name)
        else:
            self.go_on(name)

    # ---- meanwhile ----------------------------------------------------------

    def publish(self) -> None:
        """The newest flip, if the service has not taken it yet; tried again
        by look()."""
        wanted = (self.wanted, self.fenced)
        if self.published == wanted:
            return
        began_us = time.monotonic_ns() // 1000
        for fence in self.fences:
            fence.until_us = min(fence.until_us, began_us)
        try:
            change = {"author": "chaos", "operations": [{"op": "put", "rule": rule(self.fleet.code, *wanted)}]}
            answer = call(f"{self.world.route_url}/v1/changes", change, timeout_s=1)
            self.published = wanted
            if self.fenced:
                self.fences.append(Fence(answer["revision"]))
        except Exception as why:  # it is just starting
            print(f"        flip to {self.wanted} not taken yet: {why}", flush=True)

    def look(self) -> None:
        """Nothing has ended that we did not end."""
        self.publish()
        for name in self._names():
            if name in self.down or self._embedded_broker(name):
                continue
            proc = self._proc(name)
            if proc.alive:
                continue
            if name == "replication":  # MirrorMaker 2 gives up when a broker is away
                print(f"        replication ended with {proc.returncode}: started again", flush=True)
                proc.start()
                continue
            raise AssertionError(f"{name} ended by itself with {proc.returncode}:\n{proc.tail()}")

    def mend_all(self) -> None:
        """Everything runs and is reached, and the newest flip is published."""
        for name in self._names():
            self.mend(name)
            if name in self.down:
                self.start(name)
            else:
                self.go_on(name)
        for cluster in BROKERS:
            wait_until(lambda c=cluster: self.world.clusters.ktool(
                "wait", self.world.clusters.bootstrap(c), 5) or True, 60, f"{cluster} answers")
        wait_until(lambda: call(f"{self.world.route_url}/readyz"), 30, "route service is ready")
        self.world.wait_mapper_ready(60)
        wait_until(lambda: self.publish() or self.published == (self.wanted, self.fenced), 30, "the last flip is published")

    def _names(self) -> list[str]:
        return [*SERVERS, *(name for name in CLIENTS if name in self.fleet.procs)]

    def _see_end(self, name: str) -> None:
        self.ending.discard(name)
        proc = self._proc(name)
        try:
            code = proc.wait(GRACE_S)
        except Timeout:  # a writer waits for a dead cluster, a reader for a group's
            print(f"        {name} takes long to end: killed", flush=True)
            proc.kill()
            return
        if code:
            raise AssertionError(f"{name}, asked to end, ended with {code}:\n{proc.tail()}")

    def _embedded_broker(self, name: str) -> bool:
        return name in BROKERS and self.world.kind == "embedded"

    def _proc(self, name: str) -> Proc:
        if name in CLIENTS:
            return self.fleet.procs[name]
        if name in BROKERS:
            return self.world.clusters.brokers[name]  # type: ignore[attr-defined]
        found = {"route": self.world.route, "mapper": self.world.mapper,
                 "replication": self.world.clusters.replication}[name]
        assert found
        return found


def rule(code: str, cluster: str, fenced: bool = False) -> dict[str, Any]:
    return {"id": code, "priority": 100, "match": {"cluster.code": code}, "cluster": cluster,
            "standby": next(other for other in BROKERS if other != cluster), "fence": fenced}


def pace(actor: Actor, steps: list[Step], seconds: float) -> None:
    """Each step at its time, or as soon after it as can be."""
    began = time.monotonic()
    for step in [*steps, None]:
        due = began + (step.at_s if step else seconds)
        while (left := due - time.monotonic()) > 0:
            time.sleep(min(left, 0.25))
            actor.look()
        if step:
            print(step, flush=True)
            actor.do(step)
