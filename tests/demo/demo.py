#!/usr/bin/env python3
"""What `make demo` shows: a running application moves from one Kafka cluster to
another and back, and the ledger says what that cost.

    python3 tests/demo/demo.py [--clusters embedded|real] [--build build/release]

The last line is also in build/demo.json.  Exit code 1 when a record was lost."""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.lib import kafka_jars  # noqa: E402
from tests.lib.world import World  # noqa: E402
from tests.stories.fleet import RATE, Fleet, stalls  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
WRITERS = ("w1", "w2")
READERS = ("r1", "r2", "r3")
FLIPS = (("a", "b"), ("b", "a"))
STEADY = 700  # records that each reader is given between the steps
COLOURS = {"title": "1", "step": "36", "good": "32", "bad": "31", "dim": "2"}
KINDS = {"embedded": ("two embedded Kafka clusters (librdkafka's mock)", "shunt-replicator"),
         "real": ("two Apache Kafka 4.1 brokers", "MirrorMaker 2")}


class Screen:
    """Lines for people; coloured on a terminal unless NO_COLOR is set."""

    def __init__(self) -> None:
        self.coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self.start = time.monotonic()

    def paint(self, colour: str, text: str) -> str:
        return f"\033[{COLOURS[colour]}m{text}\033[0m" if self.coloured else text

    def title(self, text: str) -> None:
        print(self.paint("title", text), flush=True)

    def step(self, text: str) -> None:
        seconds = self.paint("dim", f"{time.monotonic() - self.start:5.1f} s")
        print(f"{seconds}  {self.paint('step', text)}", flush=True)

    def detail(self, text: str, colour: str = "") -> None:
        print(f"         {self.paint(colour, text) if colour else text}", flush=True)


def flip(screen: Screen, world: World, to: str) -> None:
    """As an administrator does it."""
    screen.detail(f"$ shuntctl flip orders --to {to}", "title")
    done = subprocess.run(
        [world.build / "bin/shuntctl", "flip", "orders", "--to", to, "--comment", "demo",
         "--route.service", world.route_url],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    for line in (done.stdout + done.stderr).splitlines():
        screen.detail(line, "dim")
    if done.returncode:
        raise AssertionError(f"shuntctl flip ended with {done.returncode}")


def show_moves(screen: Screen, fleet: Fleet, to: str) -> None:
    for name, log in (*fleet.writers.items(), *fleet.readers.items()):
        event = [e for e in log.events if e.kind == "SWITCHED" and e.target == to][-1]
        words = f"{'writer' if name in fleet.writers else 'reader'} {name} is on {to}"
        if name in fleet.readers:
            words += f", may read {event.bound} records again"
        screen.detail(words)


def play(screen: Screen, world: World) -> tuple[dict[str, Any], Fleet]:
    fleet = Fleet(world)
    rate = RATE[world.kind] * len(WRITERS)
    screen.step(f"route: cluster code \"orders\" -> cluster a ({world.clusters.a})")
    world.put_rule("orders", "a")
    screen.step(f"{len(WRITERS)} writers, {rate} records/s together, 6 partitions; "
                f"a group of {len(READERS)} readers")
    fleet.start_readers(*READERS)
    fleet.start_writers(*WRITERS)
    fleet.wait_reading(STEADY)
    for source, target in FLIPS:
        fleet.wait_mapped(source, target)
        screen.step(f"flip: {source} -> {target}, while records flow")
        flip(screen, world, target)
        fleet.wait_moved(target)
        show_moves(screen, fleet, target)
        fleet.wait_reading(STEADY)
    screen.step("writers stop, readers read the rest")
    fleet.stop_writers()
    fleet.wait_caught_up()
    fleet.stop_readers()
    screen.step("the ledger compares what was acknowledged, what was read, and what "
                "stands on both clusters")
    fleet.dump("a")
    fleet.dump("b")
    return fleet.verdict(), fleet


def show_verdict(screen: Screen, verdict: dict[str, Any]) -> None:
    for reader in verdict["readers"]:
        moves = ", ".join(f"{s['from']} -> {s['to']} {s['stall_ms']} ms"
                          for s in reader["switches"])
        screen.detail(f"reader {reader['name']}: {reader['deliveries']} records; "
                      f"stalled {moves}")
    for writer in verdict["writers"]:
        moves = ", ".join(f"{s['from']} -> {s['to']} {s['stall_ms']} ms"
                          for s in writer["switches"])
        screen.detail(f"writer {writer['name']}: {writer['deliveries']} acknowledged; "
                      f"stalled {moves}")
    screen.detail(f"acknowledged {verdict['acknowledged']}, lost {verdict['lost']}, read "
                  f"twice {verdict['read_twice']}, out of order {verdict['out_of_order']}",
                  "bad" if verdict["lost"] else "good")


def summary(verdict: dict[str, Any], fleet: Fleet) -> dict[str, Any]:
    return {
        "topic": "orders",
        "clusters": [FLIPS[0][0], *(target for _, target in FLIPS)],
        "kind": fleet.world.kind,
        "lost": verdict["lost"],
        "read_twice": verdict["read_twice"],
        "bound": fleet.bound(),
        "slowest_stall_ms": max(stalls(verdict)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="demo")
    parser.add_argument("--clusters", choices=tuple(KINDS), default="embedded")
    parser.add_argument("--build", default="build/release", help="folder of the programs")
    args = parser.parse_args()
    screen = Screen()
    kafka, replicator = KINDS[args.clusters]
    screen.title("Shunt: a running application moves to another Kafka cluster, and back")
    screen.step(f"{kafka}, a and b; {replicator} both ways; route service; offset mapper")
    try:
        with World("demo", args.clusters, build=args.build) as world:
            verdict, fleet = play(screen, world)
            show_verdict(screen, verdict)
            end = summary(verdict, fleet)
    except kafka_jars.Unreachable as why:
        sys.exit(f"demo: {why}")
    (ROOT / "build/demo.json").write_text(json.dumps(end, indent=1) + "\n")
    print(f"demo: {end['topic']} {' -> '.join(end['clusters'])}: lost {end['lost']}, "
          f"read twice {end['read_twice']} (bound {end['bound']}), "
          f"slowest stall {end['slowest_stall_ms']} ms", flush=True)
    sys.exit(end["lost"] > 0)


if __name__ == "__main__":
    main()
