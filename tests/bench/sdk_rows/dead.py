"""From the flip to the first record when the old cluster was killed with -9, by what was kept ready on the other.

Each reader is alone in its group. A cluster is killed when every standby has said that it is ready; its readers are flipped one after another,
those of the crowd by one change set."""

from typing import Sequence

from tests.bench.table import Row, row
from tests.lib.wait import wait_until
from tests.lib.world import World

from .movers import OTHER, WORLD, BareReaders, Mover, Readers, feeds, now_us, percentile, rule

KILLS, EACH = 13, 8
OTHER_KILLS, OTHERS = 4, 2
CROWD_KILLS, CROWD = 3, 32
JOIN_LIMIT_MS, LIMIT_MS = 100, 1000
APART_US = 250_000
FIRST_S = 60
READY_S = 90
Times = dict[str, list[float]]


def measure(build: str, quick: bool) -> list[Row]:
    with World("bench-sdk-dead", build=build, **WORLD) as world:
        feeding = feeds(world)
        world.wait_mapper_ready()
        alone = _kills(world, {"join": _standbys(world, "join", 2 if quick else EACH)}, 1 if quick else KILLS)
        others = _kills(world, _others(world), 1 if quick else OTHER_KILLS)
        crowd = _kills(world, {"crowd": _standbys(world, "crowd", 4 if quick else CROWD)}, 1 if quick else CROWD_KILLS, at_once=True)
        for proc in feeding:
            proc.terminate()
    return _rows({**alone, **others, **crowd})


def _standbys(world: World, name: str, n: int, mode: str = "join") -> list[Mover]:
    return [Readers(world, f"{name}-{i}", standby=True, **{"switch.standby": mode, "reconnect.backoff.max.ms": 1000}) for i in range(n)]


def _others(world: World) -> dict[str, list[Mover]]:
    return {"connect": _standbys(world, "connect", OTHERS, "connect"),
            "none": [Readers(world, f"none-{n}") for n in range(OTHERS)],
            "bare, assigned": [BareReaders(world, f"assigned-{n}", assigned=True) for n in range(OTHERS)],
            "bare, subscribed": [BareReaders(world, f"subscribed-{n}") for n in range(OTHERS)]}


def _kills(world: World, groups: dict[str, list[Mover]], kills: int, at_once: bool = False) -> Times:
    movers = [m for group in groups.values() for m in group]
    times: Times = {name: [] for name in groups}
    for n in range(kills):
        print(f"    {', '.join(groups)}: kill {n + 1} of {kills}", flush=True)
        for m in movers:
            wait_until(lambda: m.settled() and _ready(m), READY_S, f"{m.code} has settled")
        _rest(1_000_000)
        _kill_and_flip(world, movers, at_once)
        for name, group in groups.items():
            times[name] += [first_ms(m) for m in group]
    for m in movers:
        m.stop()
    return times


def _ready(m: Mover) -> bool:
    """What it keeps has said so since the last move."""
    since_us = m.moves[-1][0] if m.moves else 0
    return not (isinstance(m, Readers) and m.standby) or any(s["at_us"] > since_us for s in m.events("STANDBY"))


def _kill_and_flip(world: World, movers: Sequence[Mover], at_once: bool) -> None:
    dead = movers[0].here
    world.clusters.kill(dead)
    if at_once:
        for m in movers:
            m.moved(OTHER[dead])
        world.change([{"op": "put", "rule": rule(m.code, OTHER[dead], dead)} for m in movers])
    for m in movers if not at_once else []:
        m.move(OTHER[dead])
        _rest(APART_US)
    wait_until(lambda: all(first_ms(m) >= 0 for m in movers), FIRST_S, "each has read on the other cluster")
    world.clusters.revive(dead)


def first_ms(m: Mover) -> float:
    """From just before the change set is sent; -1: not yet."""
    m._look()
    at_us, to = m.moves[-1]
    return min(((s["at_us"] - at_us) / 1000 for s in m.said if "first" in s and s["at_us"] > at_us and m.place(s) == to), default=-1)


def _rows(times: Times) -> list[Row]:
    bare = times["bare, assigned"]
    rows = []
    for mode, what in (("join", "standby=join"), ("connect", "standby=connect"), ("none", "standby=none"),
                       ("crowd", f"standby=join, {CROWD} readers flipped at once")):
        name = f"old cluster killed -9, from the flip to the first record, {what}"
        limit_ms = JOIN_LIMIT_MS if mode == "join" else None
        rows += [row(f"{name}, median of {len(times[mode])}", percentile(times[mode], 50), "ms", percentile(bare, 50)),
                 row(f"{name}, p99", percentile(times[mode], 99), "ms", percentile(bare, 99), limit_ms, judge="value")]
    best = percentile(times["join"], 99)
    return [*rows, row("kill -9 and flip, to the first record, p99 (standby=join)", best, "ms", percentile(bare, 99), LIMIT_MS, judge="value"),
            row("a bare consumer that joins a group after kill -9, median", percentile(times["bare, subscribed"], 50), "ms")]


def _rest(us: int) -> None:
    until = now_us() + us
    wait_until(lambda: now_us() >= until, us / 1e6 + 5, "a pause")
