"""What a handle costs that does nothing."""

from tests.bench.table import Row, row
from tests.lib.world import World

from .pair import Pair

MORE_BYTES = 1_000_000
TOPIC = "idle"


def measure(build: str, quick: bool) -> list[Row]:
    rows: list[Row] = []
    with World("bench-sdk-memory", kind="real", build=build, topics=f"{TOPIC}:6", replicate=False, rebalance_delay_ms=0) as world:
        pair = Pair(world)
        count = 3 if quick else 10
        for what, props in (("producers", {}), ("consumers", {"group.id": "idle"})):
            theirs, ours = pair.bare(what, count, 0, TOPIC, **props), pair.shunt(what, count, 0, TOPIC, **props)
            more = ours["each_bytes"] - theirs["each_bytes"]
            rows += [row(f"memory of an idle {what[:-1]}", ours["each_bytes"], "bytes", theirs["each_bytes"]),
                     row(f"memory of an idle {what[:-1]}, more than bare", more, "bytes", None, MORE_BYTES),
                     row(f"resident size of a process with one {what[:-1]}", ours["first_bytes"], "bytes", theirs["first_bytes"])]
    return rows
