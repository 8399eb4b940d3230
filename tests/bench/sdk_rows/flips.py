"""How long readers stand still when the route is flipped, both clusters alive, beside bare readers that are closed and opened."""

from tests.bench.table import Row, row
from tests.lib.world import World

from .movers import WORLD, BareReaders, Readers, feeds, percentile, run_moves, stalls

FLIPS = 100
GROUPS = 2  # of each kind, moved at the same time: most of a move is waiting for the broker
BARE_MOVES = {"bare-subscribed": 6, "bare-assigned": 30, "bare-three": 8}
ALONE, THREE = {"median": 0.3, "p99_ms": 100}, {"median": 0.02, "p99_ms": 300}


def measure(build: str, quick: bool) -> list[Row]:
    each = 2 if quick else -(-FLIPS // GROUPS)
    with World("bench-sdk-flips", build=build, **WORLD) as world:
        feeding = feeds(world)
        world.wait_mapper_ready()
        bare = {"bare-subscribed": BareReaders(world, "bare-subscribed"),
                "bare-assigned": BareReaders(world, "bare-assigned", assigned=True),
                "bare-three": BareReaders(world, "bare-three", members=3)}
        alone = [Readers(world, f"alone-{n}") for n in range(GROUPS)]
        three = [Readers(world, f"three-{n}", members=3) for n in range(GROUPS)]
        run_moves([(m, 3 if quick else BARE_MOVES[name]) for name, m in bare.items()] + [(m, each) for m in alone + three])
        for m in [*bare.values(), *alone, *three]:
            m.stop()
        for proc in feeding:
            proc.terminate()
    # The first move is not counted: a bare group has no commits there yet.
    reference = {name: [s.ms for s in stalls(m, 1)] for name, m in bare.items()}
    subscribed = percentile(reference["bare-subscribed"], 50)
    return _rows("alone", alone, reference["bare-assigned"], ALONE) + \
        [row("stall of a bare consumer alone that joins a group, median", subscribed, "ms")] + \
        _rows("group of 3", three, reference["bare-three"], THREE)


def _rows(who: str, movers: list[Readers], bare: list[float], limits: dict[str, float]) -> list[Row]:
    measured = [s for m in movers for s in stalls(m)]
    ours, waits, anew = [s.ms for s in measured], [s.wait_ms for s in measured if s.wait_ms], [s.ms for s in measured if s.joined]
    switched = [s for m in movers for s in m.events("SWITCHED")]
    return [
        row(f"stall of a partition at a flip, {who}, median of {len(ours)}", percentile(ours, 50), "ms", percentile(bare, 50), limits["median"]),
        row(f"stall of a partition at a flip, {who}, p99", percentile(ours, 99), "ms", percentile(bare, 99), limits["p99_ms"], judge="value"),
        row(f"the same where the group is joined for it, {who}, p99 of {len(anew)}", percentile(anew, 99), "ms"),
        row(f"waited for replication at a flip, {who}, median", percentile(waits, 50), "ms"),
        row(f"waited for replication at a flip, {who}, p99", percentile(waits, 99), "ms"),
        row(f"stall that SWITCHED tells less its wait, {who}, p99", percentile(
            [s["stall_ms"] - max(0, s["catchup_ms"]) for s in switched], 99), "ms"),
        row(f"records that may be read again, {who}, most at a flip", max(s["reread"] for s in switched), "records"),
    ]
