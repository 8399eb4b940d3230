"""From the produce call to the consumer's application, 1,000 records/s."""

from tests.bench.shared.env import median
from tests.bench.table import Row, row
from tests.lib.world import World

from .pair import Pair

AT_MOST = 1.05
ROUNDS = 9
RATE = 1000
TOPIC = "latency"


def measure(build: str, quick: bool) -> list[Row]:
    with World("bench-sdk-latency", kind="real", build=build, topics=f"{TOPIC}:6", replicate=False, rebalance_delay_ms=0) as world:
        ours, theirs = Pair(world).both(ROUNDS, "latency", RATE, 3 if quick else 5, TOPIC, **{
            "c.group.id": "latency", "c.auto.offset.reset": "latest", "p.linger.ms": 0})
    return [row(f"real: end to end, {q}", median([r[f"{q}_us"] for r in ours]), "us", median([r[f"{q}_us"] for r in theirs]), AT_MOST)
            for q in ("p50", "p99")]
