"""How long partitions stand still when the route is flipped, beside a bare consumer that is closed and opened on the other cluster.

A gap is the time between the last record of a partition from the one cluster and its first from the other, whoever of the group reads it.
What the consumer waited for records that replication had not brought yet (phase "caught-up") is taken off and is a row of its own."""

import json
import statistics
import time
from typing import Any, Sequence

from tests.bench.table import Row, row
from tests.lib.procs import Proc
from tests.lib.wait import wait_until
from tests.lib.world import World

from .pair import CODE, routed, spawn

TOPIC, BARE_TOPIC = "orders", "bare"
PARTITIONS = 6
RATE = 1000
CONSUMER = {"auto.offset.reset": "latest", "session.timeout.ms": 10000, "heartbeat.interval.ms": 1000}
FLIPS, QUICK_FLIPS = 100, 6
BARE_MOVES = 11
WAIT_S = 90
# members: the limits of the ratio of the medians, and of the 99th percentile in ms
LIMITS = {1: (0.3, 100), 3: (0.02, 300)}


class Followers:
    """Processes of one group that read a topic and are moved together."""

    def __init__(self, world: World, name: str, members: int, program: str, topic: str, **props: object) -> None:
        self.world = world
        self._names = [f"{name}-{i}" for i in range(members)]
        self.procs = [spawn(world, n, program, "follow", 0, 0, topic, **CONSUMER, **props, **{"group.id": name, "client.id": n})
                      for n in self._names]

    def said(self) -> list[dict[str, Any]]:
        return [json.loads(line) for name in self._names for line in self._lines(name)]

    def _lines(self, name: str) -> list[str]:
        path = self.world.folder / f"{name}.out"
        return path.read_text().rpartition("\n")[0].splitlines() if path.exists() else []

    def wait_everywhere(self, place: str, since_us: int) -> None:
        """Until every partition is read from there."""
        def there() -> bool:
            dead = [p for p in self.procs if not p.alive]
            if dead:
                raise AssertionError(f"{dead[0].name} ended:\n{dead[0].tail()}")
            return len({s["first"] for s in self.said() if s.get("place") == place and s.get("at_us", 0) > since_us
                        and "first" in s}) == PARTITIONS
        wait_until(there, WAIT_S, f"all partitions are read from {place}")

    def stop(self) -> None:
        for proc in self.procs:
            proc.terminate(30)


def gaps_ms(said: Sequence[dict[str, Any]], moves: Sequence[tuple[int, str]]) -> list[list[float]]:
    """Of each move (when, to where): one for each partition that was read before and after."""
    found = []
    for (at_us, place), (until_us, _) in zip(moves, [*moves[1:], (1 << 62, "")]):
        of_move = []
        for p in range(PARTITIONS):
            first = min((s["at_us"] for s in said if s.get("first") == p and s["place"] == place and at_us < s["at_us"] < until_us), default=0)
            last = max((s["at_us"] for s in said if s.get("last") == p and s["place"] != place and s["at_us"] < first), default=0)
            if first and last:
                of_move.append((first - last) / 1000)
        found.append(of_move)
    return found


def measure(build: str, quick: bool) -> list[Row]:
    rows: list[Row] = []
    topics = f"{TOPIC}:{PARTITIONS},{BARE_TOPIC}:{PARTITIONS}"
    with World("bench-sdk-flips", kind="real", build=build, topics=topics) as world:
        world.put_rule(CODE, "a")
        for cluster in ("a", "b"):
            _feed(world, f"feed-{cluster}", "bench_bare", BARE_TOPIC, **{"bootstrap.servers": world.clusters.bootstrap(cluster)})
        feed = _feed(world, "feed", "bench_sdk", TOPIC, **routed(world))
        for members in LIMITS:
            bare = _bare_gaps(world, members, 4 if quick else BARE_MOVES)
            rows += _rows(world, members, bare, QUICK_FLIPS if quick else FLIPS)
        feed.kill()
    return rows


def _feed(world: World, name: str, program: str, topic: str, **props: object) -> Proc:
    return spawn(world, name, program, "feed", RATE, 7200, topic, **props)


def _now_us() -> int:
    return time.monotonic_ns() // 1000


def _bare_gaps(world: World, members: int, moves: int) -> list[float]:
    """The first move is not counted: the group has no commit there yet."""
    at = [world.clusters.bootstrap(c) for c in ("a", "b")]
    group = Followers(world, f"bare-{members}", members, "bench_bare", BARE_TOPIC, **{"bootstrap.servers": at[0]})
    group.wait_everywhere("start", 0)
    made = []
    for n in range(moves):
        place = at[(n + 1) % 2]
        made.append((_now_us(), place))
        for proc in group.procs:
            proc.send(place)
        group.wait_everywhere(place, made[-1][0])
    group.stop()
    return [gap for of_move in gaps_ms(group.said(), made)[1:] for gap in of_move]


def _rows(world: World, members: int, bare: list[float], flips: int) -> list[Row]:
    group = Followers(world, f"shunt-{members}", members, "bench_sdk", TOPIC, **routed(world))
    here = _cluster(world)
    group.wait_everywhere(here, 0)
    made = []
    for n in range(flips):
        here = "b" if here == "a" else "a"
        made.append((_now_us(), here))
        world.flip(CODE, here)
        group.wait_everywhere(here, made[-1][0])
        print(f"    {members}: flip {n + 1} of {flips}", flush=True)
    group.stop()
    said = group.said()
    waits = [_caught_up_ms(said, at) for at in zip(made, [*made[1:], (1 << 62, "")])]
    gaps = [max(0.0, gap - wait) for of_move, wait in zip(gaps_ms(said, made), waits) for gap in of_move]
    p50, p99_ms = LIMITS[members]
    who = "a consumer alone" if members == 1 else f"a group of {members}"
    reference = round(statistics.median(bare), 1)
    return [row(f"stall of a partition, {who}, median", round(statistics.median(gaps), 1), "ms", reference, p50),
            row(f"stall of a partition, {who}, p99", round(_percentile(gaps, 99), 1), "ms", reference, p99_ms, judge="value"),
            row(f"waited for replication, {who}, median", round(statistics.median(waits), 1), "ms"),
            row(f"stall told by the switch, {who}, p99", _percentile([s["stall_ms"] for s in said if s.get("event") == "SWITCHED"], 99), "ms"),
            row(f"records that may be read again, {who}, a flip", round(statistics.mean(
                [s["reread"] for s in said if s.get("event") == "SWITCHED"]), 2), "records")]


def _caught_up_ms(said: Sequence[dict[str, Any]], between: tuple[tuple[int, str], tuple[int, str]]) -> float:
    (start, _), (end, _) = between
    return max((s["ms"] for s in said if s.get("event") == "PHASE" and s["text"] == "caught-up" and start < s["at_us"] < end), default=0)


def _cluster(world: World) -> str:
    return next(r["cluster"] for r in world.table()["rules"] if r["id"] == CODE)


def _percentile(values: list[float], p: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * int(p) // 100)]
