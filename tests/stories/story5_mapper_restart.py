#!/usr/bin/env python3
"""The mapper is killed mid-stream and started again: it answers as a second one
that was never stopped."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.lib.rest import call  # noqa: E402
from tests.lib.procs import free_port  # noqa: E402
from tests.lib.wait import wait_until  # noqa: E402
from tests.lib.world import START_S, World  # noqa: E402
from tests.stories.fleet import PARTITIONS, TOPIC, Fleet  # noqa: E402
from tests.stories.story import check, main, say  # noqa: E402

WRITERS = ("w1", "w2")
STEP = 7


def story(world: World, fleet: Fleet) -> dict[str, Any]:
    second = start_second_mapper(world)
    world.put_rule("orders", "a")
    fleet.start_writers(*WRITERS)
    fleet.wait_mapped("a", "b")
    for _ in range(2):
        fleet.wait_writing(500)
        say("the mapper dies and is started again")
        world.kill_mapper()
        fleet.wait_writing(500)
        world.start_mapper()
    fleet.stop_writers()
    ends = wait_replicated(fleet)
    world.clusters.kill_mm2()  # from here on no sync is written
    wait_level(world.mapper_url, second)
    asked = compare(world.mapper_url, second, ends)
    return {"acknowledged": sum(len(w.acked) for w in fleet.writers.values()),
            "positions": asked}


def start_second_mapper(world: World) -> str:
    url = f"http://127.0.0.1:{free_port()}"
    mapper = world.spawn("mapper2", [
        world.build / "bin/shunt-offset", "--listen", url.removeprefix("http://"),
        "--flows.file", world.folder / "flows.json", "--data.dir", world.folder / "mapper2"])
    mapper.wait_for(r"ready: \S+", START_S)
    return url


def wait_replicated(fleet: Fleet) -> int:
    """Until all that was acknowledged stands on b; the highest number of
    records that one partition can have."""
    acked = {record for writer in fleet.writers.values() for record in writer.acked}
    wait_until(lambda: acked <= fleet.dump("b"), 60, "all that was written stands on b")
    return len(acked)


def flows_of(url: str) -> list[dict[str, Any]]:
    return call(f"{url}/v1/flows")["flows"]


def wait_level(*urls: str) -> None:
    """Until both have read the same, all that is there."""
    def level() -> bool:
        seen = [{f["flow"]: (f["position"], f["end"]) for f in flows_of(url)} for url in urls]
        check(all(p >= end for flows in seen for p, end in flows.values()), f"behind: {seen}")
        return seen[0] == seen[1]
    wait_until(level, 60, "both mappers are level")


# What both answer at any moment; the rest depends on the time and on which log ends are known.
LASTING = ("topic", "partition", "offset", "to_topic", "position", "low", "incarnation")


def answers(url: str, source: str, target: str, topic: str, last: int) -> list[dict[str, Any]]:
    asked = [{"topic": topic, "partition": p, "offset": o}
             for p in range(PARTITIONS) for o in range(0, last + 2 * STEP, STEP)]
    return [answer for i in range(0, len(asked), 5000) for answer in
            call(f"{url}/v1/translate", {"from": source, "to": target,
                                         "positions": asked[i:i + 5000]})["positions"]]


def compare(first: str, second: str, last: int) -> int:
    count = 0
    for source, target, topic in (("a", "b", TOPIC), ("b", "a", f"a.{TOPIC}")):
        one, two = (answers(url, source, target, topic, last // PARTITIONS * 2)
                    for url in (first, second))
        for x, y in zip(one, two):
            check(all(x[key] == y[key] for key in LASTING), f"{source} -> {target}: {x} is not {y}")
        known = sum(x["quality"] in ("exact", "bounded", "ahead") for x in one)
        check(known > len(one) // 4, f"{source} -> {target}: only {known} of {len(one)} are known")
        count += len(one)
    for p in range(PARTITIONS):
        query = f"/v1/runs?flow=a->b&topic={TOPIC}&partition={p}&limit=1000"
        check(call(first + query) == call(second + query), f"runs of {TOPIC}/{p} differ")
    return count


if __name__ == "__main__":
    main("story5_mapper_restart", story)
