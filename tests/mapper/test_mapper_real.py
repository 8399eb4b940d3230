#!/usr/bin/env python3
"""shunt-offset on real brokers beside real MirrorMaker 2, judged by what stands in the topics.

    python3 tests/mapper/test_mapper_real.py [NAME...]

Ends with "N passed, N failed, N skipped".  The tests share three brokers (lab.py), run in the order of this file, and
each uses topics of its own."""

import itertools
import json
import shutil
import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.lib import series  # noqa: E402
from tests.lib.records import Log, expect  # noqa: E402
from tests.lib.rest import HttpError, call  # noqa: E402
from tests.lib.wait import wait_until  # noqa: E402
from tests.mapper.lab import AB, BUILD, FLOWS, SYNCS, USER, WAIT_S, Lab, Load, Mapper  # noqa: E402


# ---- following ---------------------------------------------------------------------


def test_flows_of_every_kind(lab: Lab) -> None:
    """Names and places of all kinds; holes by transactions; both directions."""
    topics = {("a", "b"): "plain", ("b", "a"): "back", ("a", "c"): "both-1", ("c", "a"): "born-c", ("b", "c"): "far"}
    for flow, topic in topics.items():
        lab.clusters.create_topic(flow[0], topic, 2)
    for flow, topic in topics.items():
        lab.write(flow[0], topic, 400, partitions=2)
        lab.write_tx(flow[0], topic, 12, 30, first=400, partitions=2)
    for flow, topic in topics.items():
        logs = lab.settle(flow, topic)
        # MirrorMaker 2 loses syncs in a burst: what lies between them is bounded.
        exact, asked = lab.judge(flow, topic, clean=False, logs=logs)
        expect(exact > asked / 4, f"{flow} {topic}: only {exact} of {asked} exact")
        print(f"        {'->'.join(flow)} {topic}: {exact} of {asked} exact, none past")


def test_mappers_side_by_side(lab: Lab) -> None:
    """They know nothing of each other and answer alike."""
    lab.clusters.create_topic("a", "side", 3)
    load = Load(lab, "a", "side", 3)
    load.push(2000)
    mappers = [Mapper(lab, f"side-{i}") for i in range(2)]
    load.push(2000)
    load.end()
    lab.settle(AB, "side")
    for mapper in mappers:
        mapper.wait_read()
        lab.settle(AB, "side", mapper)
        for p in range(3):
            expect(mapper.runs(AB, "side", p) == lab.mapper.runs(AB, "side", p), f"{mapper.name} differs in side/{p}")
        lab.judge(AB, "side", clean=False, mapper=mapper)
        mapper.end()


def test_compacted_syncs(lab: Lab) -> None:
    """A mapper that begins with what compaction has left answers as the one that saw it all, from where no sync is
    missing; before it, never past."""
    lab.clusters.create_topic("a", "packed", 1)
    lab.write_tx("a", "packed", 32, 20)
    lab.settle(AB, "packed")
    cluster, syncs = SYNCS[AB]
    number = itertools.count()
    before = len(lab.dump(cluster, syncs)[0])
    lab.ktool("alter", cluster, syncs, "cleanup.policy=compact,segment.ms=100,min.cleanable.dirty.ratio=0.001")

    def compacted() -> bool:
        lab.write("a", "packed", 1, first=9000 + next(number))
        return len(lab.dump(cluster, syncs)[0]) < before / 2
    wait_until(compacted, WAIT_S, f"{syncs} is compacted")
    lab.ktool("alter", cluster, syncs, "cleanup.policy=compact")
    lab.write_tx("a", "packed", 10, 20, first=1000)
    here, _ = lab.settle(AB, "packed")
    fresh = Mapper(lab, "fresh")
    fresh.wait_read()
    lab.settle(AB, "packed", fresh)
    left = [run["up"] for run in fresh.runs(AB, "packed", 0)]
    expect(left[0] > 0, f"nothing was lost: {left[:3]}")
    first = left[1] if len(left) > 1 else left[0]  # between the first two, syncs may be missing
    asked = [("packed", 0, at) for at in range(first, here[0][-1].offset + 2)]
    keys = ("quality", "position", "low", "high")
    old, new = ([[a[k] for k in keys] for a in m.ask(*AB, asked)] for m in (lab.mapper, fresh))
    bad = [(a, o, n) for a, o, n in zip(asked, old, new, strict=True) if o != n]
    expect(not bad, f"{len(bad)} of {len(asked)} answers differ: {bad[:3]}")
    lab.judge(AB, "packed", clean=False, mapper=fresh)
    print(f"        {len(asked)} answers from {first} on are the same")
    fresh.end()


def test_a_topic_that_is_denied(lab: Lab) -> None:
    """The mapper may see nine topics of ten, and the syncs of four flows of five."""
    topics = [f"ten-{i}" for i in range(10)]
    for topic in topics:
        lab.clusters.create_topic("a", topic, 1)
    for cluster, topic in (("a", "ten-3"), ("b", "a.ten-3"), SYNCS["b", "a"]):
        lab.ktool("deny", cluster, topic, f"User:{USER}")
    mapper = Mapper(lab, "denied", user=USER)
    for topic in topics:
        lab.write("a", topic, 100)
    for topic in topics:
        lab.settle(AB, topic, mapper)
        lab.judge(AB, topic, clean=False, mapper=mapper, n=20)
    why = wait_until(lambda: mapper.flow(("b", "a"))["error"], WAIT_S, "it says what it may not read")
    expect("uthoriz" in why and SYNCS["b", "a"][1] in why, why)
    for flow in FLOWS:
        expect(flow == ("b", "a") or not mapper.flow(flow)["error"], str(mapper.flow(flow)))
    mapper.end()


# ---- what makes a partition begin anew -----------------------------------------------


def anew(lab: Lab, topic: str, n: int) -> None:
    """A topic with `n` records that the mapper knows to the end."""
    lab.clusters.create_topic("a", topic, 1)
    lab.write("a", topic, n)
    lab.settle(AB, topic)


def test_target_topic_made_anew(lab: Lab) -> None:
    anew(lab, "anew-b", 500)
    lab.ktool("delete-topic", "b", "a.anew-b")
    wait_until(lambda: "a.anew-b 1" in lab.ktool("topics", "b"), WAIT_S, "MirrorMaker 2 makes it anew")
    lab.write("a", "anew-b", 300, first=500)
    logs = lab.settle(AB, "anew-b")
    expect(logs[1][0][0].offset == 0, "the copy begins at 0")
    lab.judge(AB, "anew-b", clean=False, logs=logs)
    runs = lab.mapper.runs(AB, "anew-b", 0)
    expect(runs[0]["up"] >= 500, f"runs of the topic that is no more: {runs}")


def test_source_topic_made_anew(lab: Lab) -> None:
    anew(lab, "anew-a", 500)
    lab.ktool("delete-topic", "a", "anew-a")
    lab.clusters.create_topic("a", "anew-a", 1)
    lab.write("a", "anew-a", 200, of="second")
    logs = lab.settle(AB, "anew-a")
    judge_newest(lab, "anew-a", logs)


def judge_newest(lab: Lab, topic: str, logs: tuple[Log, Log]) -> None:
    """Of records that stand on the target and no more on the source nothing is asked."""
    here, there = logs
    known = {r.value for r in here[0]}
    lab.judge(AB, topic, clean=False, logs=(here, {0: [r for r in there[0] if r.value in known]}))


def test_source_truncated(lab: Lab) -> None:
    """As by an unclean election: the broker comes back with fewer records, and others are written in their place."""
    anew(lab, "cut-a", 300)
    older(lab, "a", "cut-a")
    lab.write("a", "cut-a", 200, first=300)
    lab.settle(AB, "cut-a")
    restore(lab, "a", "cut-a")
    lab.write("a", "cut-a", 150, of="second")
    logs = lab.settle(AB, "cut-a")
    expect(len(logs[0][0]) == 450, f"{len(logs[0][0])} records on a")
    judge_newest(lab, "cut-a", logs)


def test_target_truncated(lab: Lab) -> None:
    anew(lab, "cut-b", 300)
    older(lab, "b", "a.cut-b")
    lab.write("a", "cut-b", 200, first=300)
    lab.settle(AB, "cut-b")
    restore(lab, "b", "a.cut-b")
    lab.write("a", "cut-b", 150, first=500)
    logs = lab.settle(AB, "cut-b")
    expect(len(logs[1][0]) == 450, f"{len(logs[1][0])} records on b")
    lab.judge(AB, "cut-b", clean=False, logs=logs)


def older(lab: Lab, cluster: str, topic: str) -> None:
    """Keeps a copy of the partition as it is now."""
    lab.clusters.stop_broker(cluster)
    shutil.copytree(lab.clusters.data(cluster) / f"{topic}-0", lab.folder / f"older-{topic}")
    lab.clusters.revive(cluster)


def restore(lab: Lab, cluster: str, topic: str) -> None:
    """The broker dies and comes back with the older copy."""
    lab.clusters.kill(cluster)
    shutil.rmtree(lab.clusters.data(cluster) / f"{topic}-0")
    shutil.copytree(lab.folder / f"older-{topic}", lab.clusters.data(cluster) / f"{topic}-0")
    lab.clusters.revive(cluster)


# ---- hard to break ------------------------------------------------------------------------


def same_runs(lab: Lab, one: Mapper, other: Mapper, topic: str, partitions: int) -> None:
    for p in range(partitions):
        expect(one.runs(AB, topic, p) == other.runs(AB, topic, p), f"{one.name} and {other.name} differ in {topic}/{p}")


def test_mapper_killed_under_load(lab: Lab) -> None:
    """kill -9 at random moments: its store is that of the one that was never killed."""
    lab.clusters.create_topic("a", "killed", 3)
    load = Load(lab, "a", "killed", 3)
    victim = Mapper(lab, "victim", flows=[AB])
    for _ in range(30):
        load.push(300)
        pause_s = lab.chance.uniform(0, 0.15)
        until = time.monotonic() + pause_s
        wait_until(lambda u=until: time.monotonic() >= u, 1, "a random moment")  # type: ignore[misc]
        victim.proc.kill()
        victim.start()
    load.end()
    lab.settle(AB, "killed")
    victim.wait_read(AB)
    lab.settle(AB, "killed", victim)
    same_runs(lab, victim, lab.mapper, "killed", 3)
    lab.judge(AB, "killed", clean=False, mapper=victim)
    victim.end()


def test_broker_dies_while_it_is_read(lab: Lab) -> None:
    """kill -9 of the broker while the mapper reads everything from its start."""
    reader = Mapper(lab, "reader", flows=[AB], start=False)
    ends = lab.clusters.ends(*SYNCS[AB])[0]
    reader.start()
    wait_until(lambda: reader.flow(AB)["position"] > 0, WAIT_S, "it reads")
    lab.clusters.kill("a")
    why = wait_until(lambda: reader.flow(AB)["error"], WAIT_S, "it says that the broker is gone")
    expect(SYNCS[AB][1] in why or "a" in why, why)
    lab.clusters.revive("a")
    lab.write("a", "killed", 300, first=100000, partitions=3)
    lab.settle(AB, "killed")
    reader.wait_read(AB)
    lab.settle(AB, "killed", reader)
    expect(reader.flow(AB)["position"] > ends, "it went on")
    same_runs(lab, reader, lab.mapper, "killed", 3)
    reader.end()


def test_clock_jumps(lab: Lab) -> None:
    """An hour to and fro: what was known stays so, and it goes on following."""
    clock = lab.folder / "clock"
    clock.write_bytes(struct.pack("=q", 0))
    jumper = Mapper(lab, "jumper", flows=[AB], env={"LD_PRELOAD": str(BUILD / "lib/shift_clock.so"), "SHIFT_CLOCK": str(clock)})
    anew(lab, "clock", 200)
    for i, shift_s in enumerate((3600, -7200, 0)):
        with open(clock, "r+b") as file:
            file.write(struct.pack("=q", shift_s))
        lab.write("a", "clock", 200, first=200 * (i + 1))
        logs = lab.settle(AB, "clock", jumper)
        lab.judge(AB, "clock", clean=False, mapper=jumper, logs=logs)
        expect(not jumper.flow(AB)["error"], str(jumper.flow(AB)))
    same_runs(lab, jumper, lab.mapper, "clock", 1)
    jumper.end()


def test_both_clusters_down_at_start(lab: Lab) -> None:
    """It answers from what it has, says what it waits for, and follows when they are back."""
    here, there = lab.settle(AB, "clock")
    late = Mapper(lab, "late", flows=[AB])
    late.wait_read(AB)
    known = late.ask(*AB, [("clock", 0, at) for at in range(0, 800, 7)])
    late.proc.kill()
    for cluster in ("a", "b"):
        lab.clusters.kill(cluster)
    late.start()
    expect(late.get("/healthz")["status"] == "ok", "healthy")
    now = late.ask(*AB, [("clock", 0, at) for at in range(0, 800, 7)])
    expect([a["position"] for a in now] == [a["position"] for a in known], "the same answers as before")
    why = wait_until(lambda: late.flow(AB)["error"], WAIT_S, "it says what it waits for")
    expect("mm2-offset-syncs.b.internal" in why, why)
    status, _ = http_get(late.url + "/readyz")
    expect(status == 503, f"not ready: {status}")
    for cluster in ("a", "b"):
        lab.clusters.revive(cluster)
    wait_until(lambda: late.get("/readyz")["ready"], WAIT_S, "ready")
    lab.write("a", "clock", 100, first=5000)
    lab.settle(AB, "clock", late)
    late.end()


def http_get(url: str) -> tuple[int, str]:
    try:
        return 200, json.dumps(call(url))
    except HttpError as why:
        return why.status, str(why)


if __name__ == "__main__":
    sys.exit(series.run_all(series.named(globals(), sys.argv[1:]), Lab, Lab.stop))
