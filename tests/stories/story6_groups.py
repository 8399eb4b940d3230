#!/usr/bin/env python3
"""Hand-over of groups, both clusters alive, brokers with Kafka's own rebalance delay, a plain flip and back: groups of 3
that share their partitions out anew on the other cluster, eager and cooperative; one whose members hear of it seconds
apart; one of which a member is killed -9 in the middle.  Lost 0; read twice 0, of the killed one's group no more than it
had in hand."""

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.lib.tap import Tap  # noqa: E402
from tests.lib.world import World  # noqa: E402
from tests.stories.fleet import COMMIT_MS, Fleet  # noqa: E402
from tests.stories.logs import ReaderLog, owners  # noqa: E402
from tests.stories.story import check, check_reports, figures, main, say, told  # noqa: E402

WRITERS = ("w1", "w2")
RATE = 300
EAGER = ("e1", "e2", "e3")
STICKY = ("s1", "s2", "s3")
LATE = ("l1", "l2", "l3")
KILLED = ("k1", "k2", "k3")
APART_S = 2.5
# A commit every COMMIT_MS, and the time that one takes.
IN_HAND_MS = COMMIT_MS + 500


def start(world: World, fleet: Fleet, taps: list[Tap]) -> None:
    # With one client id the order of a group's members, and so who gets what, is another one on each cluster.
    fleet.start_readers(*EAGER, group="eager", client_id="m")
    fleet.start_readers(*STICKY, group="sticky", client_id="m", partition_assignment_strategy="cooperative-sticky")
    fleet.start_readers(*KILLED, group="killed", client_id="m")
    for name, url in zip(LATE, (world.route_url, *(tap.url for tap in taps))):
        fleet.start_readers(name, group="late", route_service=url)
    fleet.start_writers(*WRITERS, rate=RATE)
    fleet.wait_reading(300)


def flip(world: World, fleet: Fleet, taps: list[Tap], source: str, target: str) -> None:
    """Returns when the push has been let through to everybody."""
    fleet.wait_mapped(source, target)
    for tap in taps:
        tap.hold()
    say(f"flip {source} -> {target}")
    began = time.monotonic()
    world.flip("orders", target)
    for n, tap in enumerate(taps, 1):
        due = began + n * APART_S
        fleet.wait(lambda: time.monotonic() >= due, "the next push")
        tap.release()


def kill_in_the_middle(fleet: Fleet, name: str) -> int:
    """As soon as it has begun to move; how many records it had in hand at most."""
    log = fleet.readers[name]
    fleet.wait(lambda: any(e.kind == "SWITCH" for e in log.events), f"{name} begins to move")
    fleet.kill(name)
    fleet.look()
    last = log.reads[-1].mono_us
    return sum(read.mono_us >= last - IN_HAND_MS * 1000 for read in log.reads)


def moved_over(fleet: Fleet, names: tuple[str, ...]) -> int:
    """Streams that other members have on b than on a."""
    readers: list[ReaderLog] = [fleet.readers[name] for name in names]
    on_a, on_b = owners(readers, "a"), owners(readers, "b")
    return sum(owner != on_b.get((f"a.{topic}", p)) for (topic, p), owner in on_a.items() if not topic.startswith("b."))


def stories_of(world: World, fleet: Fleet, taps: list[Tap]) -> dict[str, Any]:
    world.put_rule("orders", "a")
    start(world, fleet, taps)
    flip(world, fleet, taps, "a", "b")
    dead, *alive = KILLED
    in_hand = kill_in_the_middle(fleet, dead)
    others = [*EAGER, *STICKY, *LATE, *alive]
    fleet.wait_moved("b", others)
    fleet.wait_caught_up()
    spread = moved_over(fleet, (*EAGER, *STICKY))
    flip(world, fleet, taps, "b", "a")
    fleet.wait_moved("a", others)
    fleet.wait_reading(100, others)
    fleet.stop_writers()
    fleet.wait_caught_up()
    fleet.stop_readers()
    fleet.dump("a")
    fleet.dump("b")
    verdict = fleet.verdict()
    for reader in verdict["readers"]:
        reader["ended"] = reader["ended"] or reader["name"] == dead
    return judge(fleet, verdict, in_hand, spread)


def judge(fleet: Fleet, verdict: dict[str, Any], in_hand: int, spread: int) -> dict[str, Any]:
    got = {**figures(fleet, verdict), "in_hand": in_hand, "spread_anew": spread}
    for group in verdict["groups"]:
        say(f"{group['group']}: lost {group['lost']}, read twice {group['read_twice']}")
    for reader in verdict["readers"]:
        say(f"{reader['name']}: stalls {[s['stall_ms'] for s in reader['switches']]} ms")
    say(f"the one killed had {in_hand} in hand; {spread} streams went to other members")
    check_reports(verdict)
    check(got["disordered"] == 0, f"out of order within a partition: {told(got)}")
    for group in verdict["groups"]:
        allowed = in_hand if group["group"] == "killed" else 0
        check(group["lost"] == 0, f"group {group['group']} has lost {group['lost']}")
        check(group["read_twice"] <= allowed,
              f"group {group['group']} has read {group['read_twice']} twice, more than {allowed}")
    check(spread > 0, "no stream went to another member: this proves little")
    return got


def story(world: World, fleet: Fleet) -> dict[str, Any]:
    with Tap(world.route_url) as second, Tap(world.route_url) as third:
        return stories_of(world, fleet, [second, third])


if __name__ == "__main__":
    main("story6_groups", story)
