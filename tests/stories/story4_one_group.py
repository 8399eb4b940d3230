#!/usr/bin/env python3
"""A rule that matches one group only moves that group and nobody else."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.lib.world import World  # noqa: E402
from tests.stories.fleet import Fleet  # noqa: E402
from tests.stories.story import (check, check_kept, check_once, check_reports,  # noqa: E402
                                 check_switches, figures, main, say)

WRITERS = ("w1", "w2")
BILLING = ("b1", "b2")
AUDIT = ("a1",)


def story(world: World, fleet: Fleet) -> dict[str, Any]:
    world.put_rule("orders", "a")
    fleet.start_readers(*BILLING, group="billing")
    fleet.start_readers(*AUDIT, group="audit")
    fleet.start_writers(*WRITERS)
    fleet.wait_reading(500)
    fleet.wait_mapped("a", "b")
    say("a rule for the group billing -> b")
    fleet.about_to_flip("a", "b", BILLING)
    world.put_rule("orders", "b", rule_id="billing-only", priority=200, group="billing")
    fleet.wait_moved("b", readers=BILLING, writers=())
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
    check_reports(verdict)
    check_switches(verdict, BILLING, 1)
    check_switches(verdict, (*WRITERS, *AUDIT), 0)
    for name in AUDIT:
        log = fleet.readers[name]
        check({read.cluster for read in log.reads} == {"a"}, f"{name} has read elsewhere")
    for log in (*fleet.writers.values(), *(fleet.readers[n] for n in AUDIT)):
        said = [e.kind for e in log.events if e.kind in ("SWITCH", "SWITCHED")]
        check(not said, f"{log.path.stem} was told to move: {said}")
    return got


if __name__ == "__main__":
    main("story4_one_group", story)
