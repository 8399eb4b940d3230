"""The two programs of a pair: what each needs to reach the same cluster."""

import json
from typing import Any

from tests.bench.shared.env import CLIENT_CPU, SERVER_CPU, move_to_cpu, on_cpu
from tests.lib.clusters import RealKafka
from tests.lib.procs import Proc, run
from tests.lib.world import World

CODE = "bench"


class Pair:
    """One run of bench_sdk or of bench_bare at a time, on a core that the brokers leave alone."""

    def __init__(self, world: World, cluster: str = "a") -> None:
        self.world = world
        self._pairs = 0
        world.put_rule(CODE, cluster)
        self._servers = world.clusters.bootstrap(cluster)
        if isinstance(world.clusters, RealKafka):
            for broker in world.clusters.brokers.values():
                move_to_cpu(broker.pid, SERVER_CPU)

    def bare(self, *words: object, **props: object) -> dict[str, Any]:
        return self._run("bench_bare", words, {"bootstrap.servers": self._servers, **props})

    def shunt(self, *words: object, **props: object) -> dict[str, Any]:
        return self._run("bench_sdk", words, {**routed(self.world), **props})

    def both(self, n: int, *words: object, group: str | None = None, **props: object) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """(ours, theirs), n of each in turn, now this one first, now that; `group`: each run has a new one of that name."""
        ours: list[dict[str, Any]] = []
        theirs: list[dict[str, Any]] = []
        for _ in range(n):
            sides = [(self.bare, theirs), (self.shunt, ours)]
            self._pairs += 1
            for side, (run_one, results) in enumerate(sides if self._pairs % 2 else sides[::-1]):
                more = {"group.id": f"{group}-{self._pairs}-{side}"} if group else {}
                results.append(run_one(*words, **props, **more))
        return ours, theirs

    def _run(self, program: str, words: tuple[object, ...], props: dict[str, object]) -> dict[str, Any]:
        pairs = [f"{key}={value}" for key, value in props.items()]
        return json.loads(run(on_cpu(CLIENT_CPU, [self.world.build / "bin" / program, *words, *pairs]), 300))


def routed(world: World, code: str = CODE) -> dict[str, object]:
    return {"cluster.code": code, "route.service": world.route_url, "route.cache.dir": world.folder / "cache"}


def spawn(world: World, name: str, program: str, *words: object, **props: object) -> Proc:
    pairs = [f"{key}={value}" for key, value in props.items()]
    return world.spawn(name, [world.build / "bin" / program, *words, *pairs], stdout=world.folder / f"{name}.out")
