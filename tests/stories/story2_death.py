#!/usr/bin/env python3
"""The cluster dies: broker a is killed under load, then the flip.  Nothing is lost
of what stands on b; what the writers had not had acknowledged arrives on b in
order, with one report each."""

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.lib.world import World  # noqa: E402
from tests.stories.fleet import RATE, Fleet  # noqa: E402
from tests.stories.story import (check, check_kept, check_reports,  # noqa: E402
                                 check_switches, figures, main, say)

WRITERS = ("w1", "w2")
READERS = ("r1", "r2", "r3")
BEHIND_S = 5  # replication is this far behind at most
UNACKNOWLEDGED = 50  # of each writer, before the flip


def story(world: World, fleet: Fleet) -> dict[str, Any]:
    world.put_rule("orders", "a")
    fleet.start_readers(*READERS)
    fleet.start_writers(*WRITERS)
    fleet.wait_reading(500)
    fleet.wait_mapped("a", "b")
    say("a dies")
    world.clusters.kill("a")
    killed_us = time.monotonic_ns() // 1000
    fleet.wait(lambda: all(log.unacknowledged >= UNACKNOWLEDGED for log in
                           fleet.writers.values()), "records that a cannot acknowledge")
    fleet.about_to_flip("a", "b")
    world.flip("orders", "b")
    fleet.wait_moved("b")
    fleet.wait_reading(500)
    fleet.stop_writers()
    fleet.wait_caught_up(fleet.dump("b"))
    fleet.stop_readers()
    verdict = fleet.verdict(dead=["a"])
    got = figures(fleet, verdict)
    # Only what a had not acknowledged when it died can stand there as well.
    got["in_flight"] = sum(log.in_flight(killed_us, "b") for log in fleet.writers.values())
    check_kept(got, written_twice=got["in_flight"])
    most = BEHIND_S * RATE[world.kind] * len(WRITERS)
    check(got["never_replicated"] <= most,
          f"never replicated {got['never_replicated']}, more than {most}")
    check_reports(verdict)
    check_switches(verdict, (*WRITERS, *READERS), 1)
    carried = [log.carried("b") for log in fleet.writers.values()]
    check(min(carried) >= UNACKNOWLEDGED, f"too few records were carried over: {carried}")
    got["carried"] = sum(carried)
    return got


if __name__ == "__main__":
    main("story2_death", story)
