"""Groups: where they stand, and landing them on the other cluster; is the flow alive."""

from typing import Any

from tests.lib.procs import Proc
from tests.lib.records import Truth, expect, finish
from tests.lib.rest import HttpError
from tests.lib.wait import wait_until
from tests.mapper.lab import AB, BUILD, WAIT_S, Lab

TOPIC, PARTITIONS = "grouped", 3


def commit(lab: Lab, cluster: str, group: str, topic: str, at: dict[int, int]) -> None:
    for partition, offset in at.items():
        lab.ktool("commit", cluster, group, topic, partition, offset, "mine")


def committed(lab: Lab, cluster: str, group: str, topic: str) -> dict[int, int]:
    lines = lab.ktool("committed", cluster, group, topic).splitlines()
    return {int(p): int(offset) for p, offset, *_ in (line.split(" ") for line in lines)}


def land(lab: Lab, group: str, **more: Any) -> dict[str, Any]:
    return lab.mapper.post(f"/v1/groups/{group}/land", {"from": "a", "to": "b", **more})


def results(landed: dict[str, Any]) -> dict[str, int]:
    return {result: n for result, n in landed["results"].items() if n}


def test_group_is_known_and_lands(lab: Lab) -> None:
    lab.clusters.create_topic("a", TOPIC, PARTITIONS)
    lab.write_tx("a", TOPIC, 12, 50, partitions=PARTITIONS)
    here, there = lab.settle(AB, TOPIC)
    at = {p: here[p][20 * (p + 1)].offset for p in range(PARTITIONS)}
    right = {p: Truth(here[p], there[p]).forward(o) for p, o in at.items()}
    commit(lab, "a", "billing", TOPIC, at)
    def verified() -> dict[str, Any] | None:
        known = lab.mapper.get("/v1/groups/billing?from=a&to=b&verify=true")
        return known if all(s["mapped"]["quality"] == "exact" for s in known["streams"]) else None
    known = wait_until(verified, WAIT_S, "the group's positions are exact")
    streams = {s["partition"]: s for s in known["streams"]}
    expect({p: s["commit"]["offset"] for p, s in streams.items()} == at, str(known))
    expect({p: s["mapped"]["position"] for p, s in streams.items()} == right, f"{known}, right is {right}")
    expect(all(s["target"] is None and s["mapped"]["quality"] == "exact" for s in streams.values()), str(known))
    # MirrorMaker 2 may have none of a partition: it forgot the syncs that were before it began to look.
    wait_until(lambda: any(s["checkpoint"] for s in lab.mapper.get("/v1/groups/billing?from=a&to=b")["streams"]), WAIT_S,
               "MirrorMaker 2's checkpoints of the group are known")

    dry = land(lab, "billing")
    expect(dry["dry_run"] and results(dry) == {"would_land": 3}, str(dry))
    expect(committed(lab, "b", "billing", f"a.{TOPIC}") == {}, "a dry run writes nothing")
    expect(results(land(lab, "billing", dry_run=False)) == {"landed": 3}, "landed")
    expect(committed(lab, "b", "billing", f"a.{TOPIC}") == right, "they stand there")
    expect(results(land(lab, "billing", dry_run=False)) == {"same": 3}, "a second time changes nothing")
    expect(committed(lab, "b", "billing", f"a.{TOPIC}") == right, "they stand there still")


def test_landing_never_goes_backwards(lab: Lab) -> None:
    before = committed(lab, "b", "billing", f"a.{TOPIC}")
    further = {0: before[0] + 5}
    commit(lab, "b", "billing", f"a.{TOPIC}", further)
    expect(results(land(lab, "billing", dry_run=False)) == {"same": 2, "backwards": 1}, "one is further")
    expect(committed(lab, "b", "billing", f"a.{TOPIC}") == {**before, **further}, "it stays there")
    expect(results(land(lab, "billing", dry_run=False, backwards=True)) == {"same": 2, "landed": 1}, "told to")
    expect(committed(lab, "b", "billing", f"a.{TOPIC}") == before, "it went back")


def test_landing_is_refused_with_members(lab: Lab) -> None:
    before = committed(lab, "b", "billing", f"a.{TOPIC}")
    member = Proc("member", [BUILD / "bin/ktool", "join", lab.clusters.b, "billing", f"a.{TOPIC}"], lab.folder)
    member.wait_for("joined", WAIT_S)
    try:
        land(lab, "billing", dry_run=False)
    except HttpError as why:
        expect(why.status == 409 and "member" in why.error["message"], str(why))
    else:
        raise AssertionError("landed beside a member")
    expect(committed(lab, "b", "billing", f"a.{TOPIC}") == before, "nothing was written")
    finish(member)
    wait_until(lambda: results(land(lab, "billing", dry_run=False)) == {"same": 3}, WAIT_S, "the member has left")


def test_landing_is_never_below_the_log_start(lab: Lab) -> None:
    """Where the target's first records are gone, a position among them is one out of range.  Behind those that land at
    exact positions: by content none is exact any more, where MirrorMaker 2 has lost the first syncs."""
    there = lab.dump("b", f"a.{TOPIC}")
    start = there[2][15].offset
    lab.ktool("delete-records", "b", f"a.{TOPIC}", 2, start)
    positions = [{"topic": TOPIC, "partition": 2, "offset": 5}]
    landed = land(lab, "late-group", dry_run=False, positions=positions)
    expect(results(landed) == {"landed": 1}, str(landed))
    expect(committed(lab, "b", "late-group", f"a.{TOPIC}") == {2: start}, f"{landed}, the log starts at {start}")


def test_landing_with_the_source_dead(lab: Lab) -> None:
    """By the newest checkpoint, and by positions that come with the request."""
    here, there = lab.dump("a", TOPIC), lab.dump("b", f"a.{TOPIC}")
    given = {p: here[p][30].offset for p in here}
    lab.clusters.kill("a")
    try:
        by_checkpoint = wait_until(lambda: land(lab, "billing", backwards=True), WAIT_S, "what is known without the source")
        expect({p["used"] for p in by_checkpoint["partitions"]} == {"checkpoint"}, str(by_checkpoint))
        positions = [{"topic": TOPIC, "partition": p, "offset": o} for p, o in given.items()]
        landed = land(lab, "fresh-group", dry_run=False, positions=positions)
        expect(results(landed) == {"landed": 3}, str(landed))
    finally:
        lab.clusters.revive("a")
    for p, offset in committed(lab, "b", "fresh-group", f"a.{TOPIC}").items():
        expect(offset <= Truth(here[p], there[p]).forward(given[p]), f"{p}: {offset} is past")


def test_a_flow_is_alive_or_not(lab: Lab) -> None:
    """What was beaten while its source was dead arrives late, and says so."""
    def is_well() -> bool:
        flow = lab.mapper.flow(AB)
        return flow["alive"] == "yes" and 0 <= flow["latency_ms"] < 10000
    wait_until(is_well, WAIT_S, "the flow is alive, its heartbeats are young")
    lab.clusters.kill_mm2()
    wait_until(lambda: lab.mapper.flow(AB)["alive"] == "no", WAIT_S, "MirrorMaker 2 is dead")
    lab.start_mm2()
    wait_until(lambda: lab.mapper.flow(AB)["alive"] == "yes", 90, "MirrorMaker 2 is back")
