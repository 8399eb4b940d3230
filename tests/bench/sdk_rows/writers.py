"""How long a producer has no delivery report when the route is flipped, beside a bare one that is flushed, closed and opened."""

from tests.bench.table import Row, row
from tests.lib.world import World

from .movers import TOPIC, WORLD, Mover, percentile, run_moves
from .pair import routed

FLIPS, QUICK_FLIPS = 100, 6
LIMIT_MS = 100
RATE = 600
# A gap that ended this long before the flip has nothing to do with it; of none that was told, all are shorter.
TOLD_MS = 5.0


class Writer(Mover):
    def __init__(self, world: World, code: str) -> None:
        super().__init__(world, code)
        self._go("a")
        self._spawn(code, "bench_sdk", "write", RATE, 0, TOPIC, **routed(world, code), **{"client.id": code})

    def _arrived(self, since_us: int) -> bool:
        return any(s.get("acked") == self.here and s["at_us"] > since_us for s in self.said)


class BareWriter(Mover):
    bare = True

    def __init__(self, world: World, code: str) -> None:
        super().__init__(world, code)
        self._spawn(code, "bench_bare", "write", RATE, 0, TOPIC, **{"client.id": code, "bootstrap.servers": world.clusters.a})

    def _go(self, to: str) -> None:
        self.procs[0].send(self.world.clusters.bootstrap(to))

    def _arrived(self, since_us: int) -> bool:
        where = self.world.clusters.bootstrap(self.here) if self.moves else "start"
        return any(s.get("acked") == where and s["at_us"] > since_us for s in self.said)


def longest_ms(m: Mover, what: str) -> list[float]:
    return [max((s[what] / 1000 for s in said if what in s), default=TOLD_MS) for _, _, said in m.between()]


def measure(build: str, quick: bool) -> list[Row]:
    flips = QUICK_FLIPS if quick else FLIPS
    with World("bench-sdk-writers", build=build, **{**WORLD, "replicate": False}) as world:
        ours, theirs = Writer(world, "writer"), BareWriter(world, "bare-writer")
        run_moves([(ours, flips), (theirs, flips)])
        ours.stop()
        theirs.stop()
    gaps, bare = longest_ms(ours, "gap_us"), longest_ms(theirs, "gap_us")
    return [
        row("stall of a producer at a flip, median", percentile(gaps, 50), "ms", percentile(bare, 50)),
        row("stall of a producer at a flip, p99", percentile(gaps, 99), "ms", percentile(bare, 99), LIMIT_MS, judge="value"),
        row("from a produce call to its report at a flip, longest, p99", percentile(longest_ms(ours, "wait_us"), 99), "ms",
            percentile(longest_ms(theirs, "wait_us"), 99)),
        row("a produce call at a flip, longest, p99", percentile(longest_ms(ours, "call_us"), 99), "ms", percentile(longest_ms(theirs, "call_us"), 99)),
    ]
