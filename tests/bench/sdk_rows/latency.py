"""From the produce call to the consumer's application, 1,000 records/s."""

from tests.bench.shared.env import ROOMY, median, memory_folder
from tests.bench.table import Row, row
from tests.lib.world import World

from .pair import Pair

AT_MOST = 1.05
ROUNDS = 13
RATE = 1000
TOPIC = "latency"
LOG_BYTES = 1 << 28


def measure(build: str, quick: bool) -> list[Row]:
    with memory_folder(LOG_BYTES) as folder, \
            World("bench-sdk-latency", kind="real", build=build, topics=f"{TOPIC}:6", replicate=False, rebalance_delay_ms=0,
                  data_under=folder, heap=ROOMY) as world:
        pair = Pair(world)
        _rounds(pair, 1)  # the broker compiles its code meanwhile
        ours, theirs = _rounds(pair, 3 if quick else ROUNDS)
    return [row(f"real: end to end, {q}", median([r[f"{q}_us"] for r in ours]), "us", median([r[f"{q}_us"] for r in theirs]), AT_MOST)
            for q in ("p50", "p99")]


def _rounds(pair: Pair, n: int) -> tuple[list[dict], list[dict]]:
    return pair.both(n, "latency", RATE, 3, TOPIC, **{"c.group.id": "latency", "c.auto.offset.reset": "latest", "p.linger.ms": 0})
