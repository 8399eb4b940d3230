"""Clients that are moved from one cluster to the other and back, several at once, each when its last move is over.

A reader reads `orders` of both clusters: what was written to this one, and the copy of what was written to the other. Each of these, by
partition, is a stream (bare readers have only the first). Brokers stamp records with the time at which they have them, so it can be told how
long a record that was there was not read."""

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence

from tests.lib.procs import Proc
from tests.lib.wait import wait_until
from tests.lib.world import World

from .pair import routed, spawn

TOPIC = "orders"
PARTITIONS = 6
CONSUMER = {"auto.offset.reset": "latest", "session.timeout.ms": 10000, "heartbeat.interval.ms": 1000}
# Both brokers say when they had a record.
WORLD: dict[str, Any] = {"kind": "real", "topics": f"{TOPIC}:{PARTITIONS}",
                         "broker_properties": {"log.message.timestamp.type": "LogAppendTime"}}
OTHER = {"a": "b", "b": "a"}
REST_US = 500_000
# Longer than a handle that was left is kept (switch.group.settle.ms): the way back joins the group anew.
LONG_REST_US = 12_000_000
LONG_REST_EVERY = 6
MOVE_S = 90
JOIN_MS = 500
Said = dict[str, Any]


class Mover:
    """One code, its processes, and where they are. `here` is a cluster's name."""

    bare = False
    long_rests = False

    def __init__(self, world: World, code: str, here: str = "a") -> None:
        self.world, self.code, self.here = world, code, here
        self.procs: list[Proc] = []
        self.said: list[Said] = []
        self.moves: list[tuple[int, str]] = []
        self._read: dict[Path, int] = {}
        self.settled_us = 0

    def move(self, to: str) -> None:
        self.moved(to)
        self._go(to)

    def moved(self, to: str) -> None:
        """From now on; whoever calls changes the route."""
        self.moves.append((now_us(), to))
        self.here = to
        self.settled_us = 0

    def settled(self) -> bool:
        """All that it has to do after its last move is done."""
        self._look()
        if not self.settled_us and self._arrived(self.moves[-1][0] if self.moves else 0):
            self.settled_us = now_us()
        return bool(self.settled_us)

    def rested(self) -> bool:
        long = self.long_rests and len(self.moves) % LONG_REST_EVERY == 0
        return now_us() - self.settled_us > (LONG_REST_US if long else REST_US)

    def stop(self) -> None:
        for proc in self.procs:
            proc.terminate(30)
        self._look()

    def between(self) -> Iterator[tuple[int, str, list[Said]]]:
        """Of each move: when, to where, and what was said until the next."""
        for (at_us, to), (until_us, _) in zip(self.moves, [*self.moves[1:], (1 << 62, "")]):
            yield at_us, to, [s for s in self.said if at_us < s["at_us"] < until_us]

    def events(self, name: str) -> list[Said]:
        return [s for s in self.said if s.get("event") == name]

    def _go(self, to: str) -> None:
        route(self.world, self.code, to)

    def _arrived(self, since_us: int) -> bool:
        raise NotImplementedError

    def _spawn(self, name: str, *words: object, **props: object) -> None:
        self.procs.append(spawn(self.world, name, *words, **props))

    def _look(self) -> None:
        for proc in self.procs:
            if not proc.alive and proc.returncode:
                sys.exit(f"{proc.name} ended:\n{proc.tail()}")  # wait_until() would try again
            path = self.world.folder / f"{proc.name}.out"
            with open(path, "rb") as f:
                f.seek(self._read.get(path, 0))
                text = f.read().rpartition(b"\n")[0]
            self._read[path] = self._read.get(path, 0) + len(text) + (1 if text else 0)
            self.said += [json.loads(line) for line in text.splitlines()]


class Readers(Mover):
    """A group over libshunt."""

    long_rests = True

    def __init__(self, world: World, code: str, members: int = 1, here: str = "a", standby: bool = False, **props: object) -> None:
        super().__init__(world, code, here)
        self.standby = standby
        self._go(here)
        for i in range(members):
            name = f"{code}-{i}"
            self._spawn(name, "bench_sdk", "follow", 0, 0, TOPIC, **CONSUMER, **routed(world, code),
                        **{"group.id": code, "client.id": name, **props})

    def place(self, s: Said) -> str:
        return s["origin"] if s["local"] else OTHER[s["origin"]]

    def _go(self, to: str) -> None:
        route(self.world, self.code, to, OTHER[to] if self.standby else None)

    def _arrived(self, since_us: int) -> bool:
        firsts = {(s["origin"], s["first"]) for s in self.said if "first" in s and s["at_us"] > since_us and self.place(s) == self.here}
        moved = sum(s["event"] in ("SWITCHED", "ROUTED") and s["to"] == self.here for s in self.said if "event" in s and s["at_us"] > since_us)
        return len(firsts) == 2 * PARTITIONS and moved >= len(self.procs)


class BareReaders(Mover):
    """A group over librdkafka, or with `assigned` a consumer that has none: closed and opened where it is to go on."""

    bare = True

    def __init__(self, world: World, code: str, members: int = 1, assigned: bool = False) -> None:
        super().__init__(world, code)
        self._places = {"start": "a", **{world.clusters.bootstrap(c): c for c in OTHER}}
        for i in range(members):
            name = f"{code}-{i}"
            self._spawn(name, "bench_bare", "follow", PARTITIONS if assigned else 0, 0, TOPIC, **CONSUMER,
                        **{"group.id": code, "client.id": name, "bootstrap.servers": world.clusters.a})

    def place(self, s: Said) -> str:
        return self._places[s["origin"]]

    def _go(self, to: str) -> None:
        for proc in self.procs:
            proc.send(self.world.clusters.bootstrap(to))

    def _arrived(self, since_us: int) -> bool:
        return len({s["first"] for s in self.said if "first" in s and s["at_us"] > since_us and self.place(s) == self.here}) == PARTITIONS


@dataclass
class Stall:
    """Of one partition at one move, in ms; `joined`: the group was joined for it."""

    ms: float
    wait_ms: float
    joined: bool


def stalls(m: Readers | BareReaders, skip: int = 0) -> list[Stall]:
    """Of each partition at each move but the first `skip`."""
    lasts = [s for s in m.said if "last" in s]
    found = []
    for _, to, said in list(m.between())[skip:]:
        joined = any(s.get("phase") == "joined" and s["ms"] > JOIN_MS for s in said)
        for p in range(PARTITIONS):
            firsts = sorted((s for s in said if s.get("first") == p and m.place(s) == to), key=lambda s: s["at_us"])
            before = [s for s in lasts if firsts and s["last"] == p and m.place(s) != to and s["at_us"] < firsts[0]["at_us"]]
            if before:
                found.append(Stall(*_stall_ms(m, before, firsts), joined))
    return found


def _stall_ms(m: Readers | BareReaders, before: Sequence[Said], firsts: Sequence[Said]) -> tuple[float, float]:
    """What was written to the old cluster is read from its copy, which must be there first; brokers' times are whole milliseconds."""
    gap_us = firsts[0]["at_us"] - max(s["at_us"] for s in before)
    copied = None if m.bare else next((s for s in firsts if not s["local"]), None)
    read = [s["at_us"] for s in before if copied and s["origin"] == copied["origin"]]
    wait_us = max(0, min(gap_us, copied["there_us"] - max(read))) if copied and read else 0
    return (gap_us - wait_us) / 1000, wait_us / 1000


def run_moves(movers: Sequence[tuple[Mover, int]], told: Callable[[str], None] = print) -> None:
    """Each as often as it says, all at once, each as soon as it has settled and rested."""
    for m, _ in movers:
        wait_until(m.settled, MOVE_S, f"{m.code} has begun")

    all_of = sum(count for _, count in movers)
    said = 0

    def step() -> bool:
        nonlocal said
        for m, count in movers:
            _next(m, count)
        done = sum(len(m.moves) for m, _ in movers)
        if done >= said + max(1, all_of // 10):
            said = done
            told(f"    {done} of {all_of} moves")
        return done == all_of and all(m.settled() for m, _ in movers)

    wait_until(step, MOVE_S * max(count for _, count in movers), "all moves")


def _next(m: Mover, count: int) -> None:
    if not m.settled():
        if m.moves and now_us() - m.moves[-1][0] > MOVE_S * 1e6:
            sys.exit(f"{m.code} has not arrived at {m.here}, move {len(m.moves)}")
    elif len(m.moves) < count and m.rested():
        m.move(OTHER[m.here])


def feeds(world: World) -> list[Proc]:
    """Both clusters get records, all the time."""
    return [spawn(world, f"feed-{c}", "bench_bare", "feed", 0, 0, TOPIC, **{"bootstrap.servers": world.clusters.bootstrap(c), "linger.ms": 1})
            for c in OTHER]


def route(world: World, code: str, to: str, standby: str | None = None) -> None:
    world.change([{"op": "put", "rule": rule(code, to, standby)}])


def rule(code: str, to: str, standby: str | None = None) -> dict[str, Any]:
    return {"id": code, "priority": 100, "cluster": to, "match": {"cluster.code": code}, **({"standby": standby} if standby else {})}


def now_us() -> int:
    return time.time_ns() // 1000


def percentile(values: Sequence[float], p: float) -> float:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * p / 100))], 1)
