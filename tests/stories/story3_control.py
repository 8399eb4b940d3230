#!/usr/bin/env python3
"""The control plane dies: route service and mapper are killed.  Readers and writers
go on; a reader starts from its disk; after their restart the next flip works."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.lib.world import World  # noqa: E402
from tests.stories.fleet import Fleet  # noqa: E402
from tests.stories.story import (check_kept, check_reports, check_switches,  # noqa: E402
                                 figures, main, say)

WRITERS = ("w1", "w2")
STAYING = ("r1", "r2")
LATE = "r3"
# librdkafka's mock refuses commits while a group rebalances, so that a member
# that comes or goes costs others their commits: there it has its own group.
LATE_GROUP = {"embedded": "late", "real": "readers"}


def story(world: World, fleet: Fleet) -> dict[str, Any]:
    world.put_rule("orders", "a")
    fleet.start_readers(*STAYING)
    fleet.start_readers(LATE, group=LATE_GROUP[world.kind])
    fleet.start_writers(*WRITERS)
    fleet.wait_reading(300)
    fleet.stop([LATE])
    say("route service and mapper die")
    world.kill_route()
    world.kill_mapper()
    fleet.wait_writing(300)
    fleet.wait_reading(300, STAYING)
    say(f"{LATE} starts from its disk")
    fleet.procs[LATE].start()
    fleet.wait_reading(300)
    world.start_route()
    world.start_mapper()
    world.wait_mapper_ready()
    fleet.wait_mapped("a", "b")
    say("they are back: flip a -> b")
    fleet.about_to_flip("a", "b")
    world.flip("orders", "b")
    fleet.wait_moved("b")
    fleet.wait_reading(300)
    fleet.stop_writers()
    fleet.wait_caught_up()
    fleet.stop_readers()
    fleet.dump("a")
    fleet.dump("b")
    verdict = fleet.verdict()
    got = figures(fleet, verdict)
    check_kept(got)
    check_reports(verdict)
    check_switches(verdict, (*WRITERS, *STAYING, LATE), 1)
    return got


if __name__ == "__main__":
    main("story3_control", story)
