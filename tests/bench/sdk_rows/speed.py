"""Producing and consuming as fast as it goes."""

from tests.bench.shared.env import median
from tests.bench.table import Row, row
from tests.lib.world import World

from .pair import Pair

AT_LEAST = 0.97
ROUNDS = 5
# librdkafka's mock keeps 5 MiB a partition.
PARTITIONS = 32
SIZES = {100: 1_000_000, 1024: 100_000}
CONSUMER = {"auto.offset.reset": "earliest", "enable.auto.commit": "false", "check.crcs": "false", "queued.min.messages": 1_000_000}
# All partitions alike: the mock drops what is over its limit.
SPREAD = {"sticky.partitioning.linger.ms": 0}
KINDS = {"": {}, ", idempotent": {"enable.idempotence": "true"}}

HOWS = (("consume", "poll"), ("batch", "batch poll"))


def real(build: str, quick: bool) -> list[Row]:
    return _measure("real", build, quick)


def embedded(build: str, quick: bool) -> list[Row]:
    return _measure("embedded", build, quick)


def _measure(kind: str, build: str, quick: bool) -> list[Row]:
    topics = ",".join(f"{what}{size}:{PARTITIONS}" for what in ("produce", "consume") for size in SIZES)
    rows: list[Row] = []
    more = {"rebalance_delay_ms": 0} if kind == "real" else {}
    with World(f"bench-sdk-speed-{kind}", kind=kind, build=build, topics=topics, replicate=False, **more) as world:
        pair = Pair(world)
        for size, n in SIZES.items():
            for words, props in KINDS.items():
                rows += _rows(f"{kind}: produce {size} B{words}",
                              *pair.both(ROUNDS, "produce", n // (10 if quick else 1), size, f"produce{size}", **props))
        for size, n in SIZES.items():
            n = n // (10 if quick else 1)
            pair.bare("produce", n + 2000, size, f"consume{size}", **SPREAD)
            for how, words in HOWS:
                rows += _rows(f"{kind}: consume {size} B, {words}",
                              *pair.both(ROUNDS, how, n, size, f"consume{size}", group="speed", **CONSUMER))
    return rows


def _rows(what: str, ours: list[dict], theirs: list[dict]) -> list[Row]:
    speed = [median([r["n"] / r["seconds"] / 1000 for r in runs]) for runs in (ours, theirs)]
    cpu = [median([1000 / r["cpu_us_per_record"] for r in runs]) for runs in (ours, theirs)]
    return [row(what, speed[0], "k records/s", speed[1], AT_LEAST, "at least"),
            row(f"{what}, a CPU second", cpu[0], "k records", cpu[1], AT_LEAST, "at least")]
