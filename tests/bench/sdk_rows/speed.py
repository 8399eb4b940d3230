"""Producing and consuming as fast as it goes."""

from tests.bench.shared.env import ROOMY, median, memory_folder
from tests.bench.table import Row, row
from tests.lib.world import World

from .pair import Pair

AT_LEAST = 0.97
# Of producing, and of consuming: a run of that is short, and half of it page faults, which cost now more, now less. The
# mock's groups take 4 s to join.
ROUNDS = {"real": (9, 15), "embedded": (9, 5)}
# What stands on the brokers at most: two runs of a row, and the topics to be consumed.
LOG_BYTES = 1 << 30
PARTITIONS = 32
# librdkafka's mock keeps 5 MiB a partition.
SIZES = {"real": {100: 1_000_000, 1024: 200_000}, "embedded": {100: 1_000_000, 1024: 100_000}}
CONSUMER = {"auto.offset.reset": "earliest", "enable.auto.commit": "false", "check.crcs": "false", "queued.min.messages": 1_000_000}
# All partitions alike: the mock drops what is over its limit.
SPREAD = {"sticky.partitioning.linger.ms": 0}
KINDS = {"": {}, ", idempotent": {"enable.idempotence": "true"}}

HOWS = (("consume", "poll"), ("batch", "batch poll"))


def real(build: str, quick: bool) -> list[Row]:
    with memory_folder(LOG_BYTES) as folder:
        # Topics that were deleted are gone at once.
        more = {"rebalance_delay_ms": 0, "data_under": folder, "heap": ROOMY, "broker_properties": {"log.segment.delete.delay.ms": "0"}}
        with World("bench-sdk-speed-real", kind="real", build=build, topics=_topics("real", "consume"), replicate=False, **more) as world:
            return _measure(world, quick)


def embedded(build: str, quick: bool) -> list[Row]:
    with World("bench-sdk-speed-embedded", build=build, topics=_topics("embedded", "produce", "consume"), replicate=False) as world:
        return _measure(world, quick)


def _topics(kind: str, *whats: str) -> str:
    return ",".join(f"{what}{size}:{PARTITIONS}" for what in whats for size in SIZES[kind])


def _measure(world: World, quick: bool) -> list[Row]:
    pair = Pair(world)
    sizes = {size: n // (10 if quick else 1) for size, n in SIZES[world.kind].items()}
    rows: list[Row] = []
    for size, n in sizes.items():
        for words, props in KINDS.items():
            rows += _rows(f"{world.kind}: produce {size} B{words}", *_produce(pair, n, size, props))
    for size, n in sizes.items():
        pair.bare("produce", n + 2000, size, f"consume{size}", **SPREAD)
        for how, words in HOWS:
            rows += _rows(f"{world.kind}: consume {size} B, {words}",
                          *pair.both(ROUNDS[world.kind][1], how, n, size, f"consume{size}", group="speed", **CONSUMER))
    return rows


def _produce(pair: Pair, n: int, size: int, props: dict[str, object]) -> tuple[list[dict], list[dict]]:
    """The real broker's topic is made anew for each pair of runs."""
    topic, clusters = f"produce{size}", pair.world.clusters
    rounds = ROUNDS[clusters.kind][0]
    if clusters.kind != "real":
        return pair.both(rounds, "produce", n, size, topic, **props)
    both: tuple[list[dict], list[dict]] = ([], [])
    for _ in range(rounds):
        clusters.create_topic("a", topic, PARTITIONS)
        for all_of, one in zip(both, pair.both(1, "produce", n, size, topic, **props)):
            all_of += one
        clusters.ktool("delete-topic", clusters.a, topic)
    return both


def _rows(what: str, ours: list[dict], theirs: list[dict]) -> list[Row]:
    speed = [median([r["n"] / r["seconds"] / 1000 for r in runs]) for runs in (ours, theirs)]
    cpu = [median([1000 / r["cpu_us_per_record"] for r in runs]) for runs in (ours, theirs)]
    return [row(what, speed[0], "k records/s", speed[1], AT_LEAST, "at least"),
            row(f"{what}, a CPU second", cpu[0], "k records", cpu[1], AT_LEAST, "at least")]
