#!/usr/bin/env python3
"""make bench-flip: how long readers and writers stand still at a flip, both clusters alive.

The reference, in the same run: a bare consumer (kcat, librdkafka) that is started on the other cluster, from its start to its
first record; that is what moving by restarting costs. Real brokers with Kafka's default group.initial.rebalance.delay.ms."""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.table import row, show, write  # noqa: E402
from tests.lib.world import World  # noqa: E402
from tests.stories.fleet import Fleet, stalls  # noqa: E402

WRITERS = ("w1", "w2")
READERS = ("r1", "r2", "r3")


def bare_start_ms(bootstrap: str, group: str) -> float:
    start = time.monotonic()
    done = subprocess.run(
        ["kcat", "-b", bootstrap, "-q", "-c", "1", "-X", "auto.offset.reset=earliest", "-G", group, "orders"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60, check=True)
    if not done.stdout:
        raise AssertionError("kcat read nothing")
    return (time.monotonic() - start) * 1000


def measure(world: World, flips: int) -> list[dict]:
    fleet = Fleet(world)
    world.put_rule("orders", "a")
    fleet.start_readers(*READERS)
    fleet.start_writers(*WRITERS)
    fleet.wait_reading(500)
    bare = []
    for n in range(flips):
        source, target = ("a", "b") if n % 2 == 0 else ("b", "a")
        fleet.wait_mapped(source, target)
        world.flip("orders", target)
        fleet.wait_moved(target)
        fleet.wait_reading(500)
        bare.append(bare_start_ms(getattr(world.clusters, target), f"bare-{n}"))
        print(f"  flip {n + 1} of {flips}: {source} -> {target}", flush=True)
    fleet.stop_writers()
    fleet.wait_caught_up()
    fleet.stop_readers()
    fleet.dump("a")
    fleet.dump("b")
    verdict = fleet.verdict()
    readers, writers = stalls(verdict), stalls(verdict, "writers")
    reference = round(statistics.median(bare), 1)
    return [
        row("records lost", verdict["lost"], "records", None),
        row("stall of a reader, median", statistics.median(readers), "ms", reference, 1.0),
        row("stall of a reader, worst", max(readers), "ms", reference, 1.0),
        row("stall of a writer, median", statistics.median(writers), "ms", reference, 1.0),
        row("stall of a writer, worst", max(writers), "ms", reference, 1.0),
        row("read twice, against the bound announced", verdict["read_twice"], "records", fleet.bound(), 1.0),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--json", default="build/bench/flip.json", type=Path)
    parser.add_argument("--clusters", choices=("embedded", "real"), default="real")
    parser.add_argument("--flips", type=int, default=10)
    options = parser.parse_args()
    with World("bench-flip", options.clusters, build=options.build) as world:
        rows = measure(world, options.flips)
    rows[0]["ok"] = rows[0]["value"] == 0
    show(rows)
    write(rows, options.json)
    return 0 if all(r["ok"] for r in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
