"""Flows of every kind, several mappers, what compaction leaves, and what may not be read."""

import itertools

from tests.lib.records import expect
from tests.lib.wait import wait_until
from tests.mapper.lab import AB, FLOWS, SYNCS, USER, WAIT_S, Lab, Load, Mapper


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
    wait_until(lambda: mapper.ask_one(*AB, "ten-4", 0, 50, verify=True)["verified"], WAIT_S, "ten-4 is verified")
    answer = mapper.ask_one(*AB, "ten-3", 0, 50, verify=True)
    expect(answer["position"] <= 50 and not answer["verified"] and "ten-3" in answer["reason"], str(answer))
    why = wait_until(lambda: mapper.flow(("b", "a"))["error"], WAIT_S, "it says what it may not read")
    expect("grant it READ" in why and SYNCS["b", "a"][1] in why, why)
    for flow in FLOWS:
        expect(flow == ("b", "a") or not mapper.flow(flow)["error"], str(mapper.flow(flow)))
    mapper.end()
