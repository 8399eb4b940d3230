#!/usr/bin/env python3
"""Flip, both clusters alive: 2 writers and a group of 3 readers move from a to b
and back.  Lost 0; read twice 0."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.lib.world import World  # noqa: E402
from tests.stories.fleet import Fleet  # noqa: E402
from tests.stories.story import (check, check_kept, check_once, check_reports,  # noqa: E402
                                 check_switches, figures, main, say)

WRITERS = ("w1", "w2")
READERS = ("r1", "r2", "r3")


def story(world: World, fleet: Fleet) -> dict[str, Any]:
    world.put_rule("orders", "a")
    fleet.start_readers(*READERS)
    fleet.start_writers(*WRITERS)
    fleet.wait_reading(500)
    for source, target in (("a", "b"), ("b", "a")):
        fleet.wait_mapped(source, target)
        say(f"flip {source} -> {target}")
        fleet.about_to_flip(source, target)
        world.flip("orders", target)
        fleet.wait_moved(target)
        fleet.wait_reading(500)
    fleet.stop_writers()
    fleet.wait_caught_up()
    fleet.stop_readers()
    fleet.dump("a")
    fleet.dump("b")
    verdict = fleet.verdict()
    got = figures(fleet, verdict)
    check_kept(got)
    check_once(got)
    check(got["moved"] == 0, f"partitions moved between members: {got['moved']}")
    check_reports(verdict)
    check_switches(verdict, (*WRITERS, *READERS), 2)
    return got


if __name__ == "__main__":
    main("story1_flip", story)
