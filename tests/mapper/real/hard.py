"""Deaths, of the mapper and of brokers, and a clock that jumps."""

import json
import struct
import time

from tests.lib.records import expect
from tests.lib.rest import HttpError, call
from tests.lib.wait import wait_until
from tests.mapper.lab import AB, BUILD, SYNCS, WAIT_S, Lab, Load, Mapper
from tests.mapper.real.anew import anew


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
    anew(lab, "down", 800)
    late = Mapper(lab, "late", flows=[AB])
    late.wait_read(AB)
    known = late.ask(*AB, [("down", 0, at) for at in range(0, 800, 7)])
    late.proc.kill()
    for cluster in ("a", "b"):
        lab.clusters.kill(cluster)
    late.start()
    expect(late.get("/healthz")["status"] == "ok", "healthy")
    now = late.ask(*AB, [("down", 0, at) for at in range(0, 800, 7)])
    expect([a["position"] for a in now] == [a["position"] for a in known], "the same answers as before")
    why = wait_until(lambda: late.flow(AB)["error"], WAIT_S, "it says what it waits for")
    expect("mm2-offset-syncs.b.internal" in why, why)
    expect(late.get("/readyz")["ready"], "what was complete once is ready")
    blank = Mapper(lab, "blank", flows=[AB])
    status, said = http_get(blank.url + "/readyz")
    expect(status == 503, f"it knows nothing, and is ready: {said}")
    for cluster in ("a", "b"):
        lab.clusters.revive(cluster)
    wait_until(lambda: blank.get("/readyz")["ready"], WAIT_S, "ready")
    lab.write("a", "down", 100, first=5000)
    for mapper in (late, blank):
        lab.settle(AB, "down", mapper)
        mapper.end()


def http_get(url: str) -> tuple[int, str]:
    try:
        return 200, json.dumps(call(url))
    except HttpError as why:
        return why.status, str(why)
