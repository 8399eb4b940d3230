"""From the flip to the first record when the old cluster was killed with -9, by what was kept ready on the other.

Many readers, each alone in its group, share one kill; they are flipped one after another."""

from tests.bench.table import Row, row
from tests.lib.wait import wait_until
from tests.lib.world import World

from .movers import OTHER, WORLD, BareReaders, Mover, Readers, feeds, now_us, percentile

MODES = ("join", "connect", "none")
KILLS, EACH = 4, 8
JOIN_LIMIT_MS, LIMIT_MS = 100, 1000
APART_US = 250_000
FIRST_S = 60


def measure(build: str, quick: bool) -> list[Row]:
    kills, each = (1, 2) if quick else (KILLS, EACH)
    with World("bench-sdk-dead", build=build, **WORLD) as world:
        feeding = feeds(world)
        world.wait_mapper_ready()
        groups: dict[str, list[Mover]] = {
            mode: [Readers(world, f"{mode}-{n}", standby=True, **{"switch.standby": mode}) for n in range(each)] for mode in MODES}
        groups["bare, assigned"] = [BareReaders(world, f"assigned-{n}", assigned=True) for n in range(2)]
        groups["bare, subscribed"] = [BareReaders(world, f"subscribed-{n}") for n in range(2)]
        movers = [m for group in groups.values() for m in group]
        times: dict[str, list[float]] = {name: [] for name in groups}
        for n in range(kills):
            print(f"    kill {n + 1} of {kills}", flush=True)
            _wait(movers, "settled")
            _rest(2_000_000)
            _kill_and_flip(world, movers)
            for name, group in groups.items():
                times[name] += [first_ms(m) for m in group]
        for m in movers:
            m.stop()
        for proc in feeding:
            proc.terminate()
    return _rows(times)


def _kill_and_flip(world: World, movers: list[Mover]) -> None:
    dead = movers[0].here
    world.clusters.kill(dead)
    for m in movers:
        m.move(OTHER[dead])
        _rest(APART_US)
    wait_until(lambda: all(first_ms(m) >= 0 for m in movers), FIRST_S, "each has read on the other cluster")
    world.clusters.revive(dead)


def first_ms(m: Mover) -> float:
    """From just before the change set is sent; -1: not yet."""
    m._look()
    at_us, to = m.moves[-1]
    return min(((s["at_us"] - at_us) / 1000 for s in m.said if "first" in s and s["at_us"] > at_us and m.place(s) == to), default=-1)


def _rows(times: dict[str, list[float]]) -> list[Row]:
    bare = times["bare, assigned"]
    rows = []
    for mode in MODES:
        what = f"old cluster killed -9, from the flip to the first record, standby={mode}"
        p99_ms = {"join": JOIN_LIMIT_MS}.get(mode)
        rows += [row(f"{what}, median of {len(times[mode])}", percentile(times[mode], 50), "ms", percentile(bare, 50)),
                 row(f"{what}, p99", percentile(times[mode], 99), "ms", percentile(bare, 99), p99_ms, judge="value")]
    best = percentile(times["join"], 99)
    return [*rows, row("kill -9 and flip, to the first record, p99 (standby=join)", best, "ms", percentile(bare, 99), LIMIT_MS, judge="value"),
            row("a bare consumer that joins a group after kill -9, median", percentile(times["bare, subscribed"], 50), "ms")]


def _wait(movers: list[Mover], what: str) -> None:
    for m in movers:
        wait_until(m.settled, FIRST_S, f"{m.code} has {what}")


def _rest(us: int) -> None:
    until = now_us() + us
    wait_until(lambda: now_us() >= until, us / 1e6 + 5, "a pause")
