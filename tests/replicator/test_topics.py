#!/usr/bin/env python3
"""What shunt-replicator does besides copying records, on two real Kafka clusters: copies get the settings and the
access rights of their topics, topics and groups are found while it runs, groups find their offsets on the target.

    python3 tests/replicator/test_topics.py [NAME...]

Ends with "N passed, N failed, N skipped".  The tests share two brokers with an authorizer and one replicator, and run
in the order of this file."""

import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.lib import clusters, records, rest, series  # noqa: E402
from tests.lib.procs import free_port  # noqa: E402
from tests.lib.records import Log, Truth, expect, numbered  # noqa: E402
from tests.lib.wait import wait_until  # noqa: E402
from tests.lib.world import World  # noqa: E402

BUILD = Path(os.environ.get("SHUNT_BUILD", ROOT / "build/release")).resolve()
WAIT_S = 30.0


class Bench:
    """Two clusters, and the program that keeps b like a."""

    def __init__(self, world: World) -> None:
        assert isinstance(world.clusters, clusters.RealKafka)
        self.world, self.clusters = world, world.clusters
        path = world.folder / "replicator.properties"
        path.write_text("".join(f"{k} = {v}\n" for k, v in {
            **self.clusters.mm2_properties(),
            "b->a.enabled": "false",
            "emit.heartbeats.enabled": "false",
            "refresh.topics.interval.seconds": "1",
            "refresh.groups.interval.seconds": "1",
            "sync.topic.configs.interval.seconds": "1",
            "sync.topic.acls.interval.seconds": "1",
            "sync.group.offsets.enabled": "true",
            "sync.group.offsets.interval.seconds": "1",
            "a->b.config.properties.exclude": "min\\\\.insync\\\\.replicas, flush.*",
        }.items()))
        self.address = f"127.0.0.1:{free_port()}"
        self.replicator = world.spawn("replicator", [BUILD / "bin/shunt-replicator", "--listen", self.address, path], start=False)

    def start(self) -> None:
        self.replicator.start()
        self.replicator.wait_for("ready: a->b", WAIT_S)

    def parts(self, topic: str) -> list[dict[str, Any]]:
        return rest.call(f"http://{self.address}/status?topic={topic}")["flows"][0]["partitions"]

    def ktool(self, command: str, cluster: str, *words: object) -> list[str]:
        return self.clusters.ktool(command, self.clusters.bootstrap(cluster), *words).splitlines()

    def settings(self, cluster: str, topic: str) -> set[str]:
        """Those that were made on the topic itself, KEY=VALUE."""
        return set(self.ktool("settings", cluster, topic))

    def wait_settings(self, topic: str, want: set[str]) -> None:
        wait_until(lambda: self.settings("b", topic) == want, WAIT_S, f"{topic} on b has {want}")

    def rules(self, cluster: str, topic: str) -> set[str]:
        """ "PRINCIPAL PERMISSION OPERATION" """
        return {line.split(" ", 1)[1] for line in self.ktool("rules", cluster) if line.split()[0] == topic}

    def topics(self, cluster: str) -> dict[str, int]:
        return {name: int(n) for name, n in (line.split() for line in self.ktool("topics", cluster))}

    def commit(self, cluster: str, group: str, topic: str, at: dict[int, int]) -> None:
        for partition, offset in at.items():
            self.ktool("commit", cluster, group, topic, partition, offset, f"at-{offset}")

    def committed(self, cluster: str, group: str, topic: str) -> dict[int, int]:
        """By partition; the metadata must be that of commit()."""
        found = {}
        for line in self.ktool("committed", cluster, group, topic):
            partition, offset, *metadata = line.split(" ")
            found[int(partition)] = int(offset)
            expect(metadata and metadata[0].startswith("at-"), f"metadata of {group}: {line}")
        return found

    def wait_committed(self, group: str, topic: str, want: dict[int, int]) -> None:
        wait_until(lambda: self.committed("b", group, topic) == want, WAIT_S, f"{group} on b is at {want}")

    def write(self, topic: str, lines: list[str], how: str = "write") -> None:
        records.write(self.clusters, "a", topic, lines, how)

    def dump(self, cluster: str, topic: str) -> Log:
        return records.dump(self.clusters, cluster, topic)


# ---- settings ------------------------------------------------------------------------


def test_a_copy_is_made_with_the_settings_of_its_topic(bench: Bench) -> None:
    bench.clusters.create_topic("a", "kept", 2)
    bench.ktool("alter", "a", "kept", "cleanup.policy=compact,retention.ms=7200000,min.insync.replicas=1,"
                "compression.type=gzip")
    bench.clusters.create_topic("a", "plain", 1)
    bench.start()
    expect(bench.topics("b")["a.kept"] == 2, f"{bench.topics('b')}")
    made = bench.settings("b", "a.kept")
    expect(made == {"cleanup.policy=compact", "retention.ms=7200000", "compression.type=gzip"}, f"a.kept has {made}")
    expect(bench.settings("b", "a.plain") == set(), f"a.plain has {bench.settings('b', 'a.plain')}")


def test_settings_follow(bench: Bench) -> None:
    # Excluded: what stands on the copy stays, whatever the topic has.
    bench.ktool("alter", "b", "a.kept", "cleanup.policy=compact,retention.ms=1,flush.messages=77,segment.ms=900000")
    bench.wait_settings("a.kept", {"cleanup.policy=compact", "retention.ms=7200000", "compression.type=gzip",
                                   "flush.messages=77"})
    bench.ktool("alter", "a", "kept", "retention.ms=3600000,max.message.bytes=2000000,flush.messages=5")
    bench.wait_settings("a.kept", {"retention.ms=3600000", "max.message.bytes=2000000", "flush.messages=77"})
    expect(bench.settings("b", "a.plain") == set(), f"a.plain has {bench.settings('b', 'a.plain')}")


# ---- access rights ----------------------------------------------------------------------


def test_access_rights_follow(bench: Bench) -> None:
    bench.ktool("allow", "b", "a.kept", "User:here", "DESCRIBE")  # stays: nothing is ever taken away
    for operation in ("ALL", "WRITE", "DESCRIBE"):
        bench.ktool("allow", "a", "kept", f"User:{operation.lower()}", operation)
    bench.ktool("deny", "a", "kept", "User:foe")
    bench.ktool("allow", "a", "unseen.internal-topic", "User:all", "READ")
    want = {"User:here ALLOW DESCRIBE", "User:all ALLOW READ", "User:describe ALLOW DESCRIBE", "User:foe DENY ALL"}
    wait_until(lambda: bench.rules("b", "a.kept") == want, WAIT_S, f"a.kept has the rights {want}")
    expect(not any("WRITE" in line for line in bench.ktool("rules", "b")), "who may write to a may not to b")


# ---- groups -----------------------------------------------------------------------------


def test_groups_find_their_offsets(bench: Bench) -> None:
    bench.clusters.create_topic("a", "read", 2)
    lines: list[str] = []  # transactions: offsets differ on both sides
    for i in range(10):
        lines += numbered("read", 2, i * 20, 20) + ["abort" if i % 3 == 1 else "commit"]
    bench.write("read", lines, "write-tx")
    wait_until(lambda: sum(map(len, bench.dump("b", "a.read").values())) == 140, WAIT_S, "read arrives")
    here, there = bench.dump("a", "read"), bench.dump("b", "a.read")
    truth = {p: Truth(here[p], there[p]) for p in here}
    for step in (10, 40, 70):
        at = {p: here[p][step - 1].offset + 1 for p in (0, 1)}
        bench.commit("a", "billing", "read", at)
        bench.wait_committed("billing", "a.read", {p: truth[p].forward(o) for p, o in at.items()})
    expect(at[0] > truth[0].forward(at[0]), f"offsets do not differ: {at}")
    # Back on the source is not back on the target.
    bench.commit("a", "billing", "read", {0: here[0][5].offset})
    bench.commit("a", "probe", "read", {0: here[0][30].offset})
    bench.wait_committed("probe", "a.read", {0: truth[0].forward(here[0][30].offset)})
    expect(bench.committed("b", "billing", "a.read")[0] == truth[0].forward(at[0]), "billing went back")


def test_a_group_that_is_ahead_or_active_is_left_alone(bench: Bench) -> None:
    here, there = bench.dump("a", "read"), bench.dump("b", "a.read")
    truth = Truth(here[0], there[0])
    bench.commit("b", "ahead", "a.read", {0: 60})
    bench.commit("b", "active", "a.read", {0: 3})
    member = bench.world.spawn("member", [BUILD / "bin/ktool", "join", bench.clusters.b, "active", "a.read"])
    member.wait_for("joined", WAIT_S)
    at = here[0][20].offset
    want = truth.forward(at)
    for group in ("ahead", "active"):
        bench.commit("a", group, "read", {0: at})
    for turn in (31, 32, 33):  # each is a round that has seen the others, or the one before it has
        bench.commit("a", "probe", "read", {0: here[0][turn].offset})
        bench.wait_committed("probe", "a.read", {0: truth.forward(here[0][turn].offset)})
    expect(bench.committed("b", "ahead", "a.read") == {0: 60}, "ahead was set back")
    expect(bench.committed("b", "active", "a.read") == {0: 3}, "active was moved under its member")
    records.finish(member)
    bench.wait_committed("active", "a.read", {0: want})
    bad = [line for line in bench.replicator.text().splitlines() if " WARN " in line and "group" in line]
    expect(not bad, "\n".join(bad))


def test_all_of_it_after_a_restart(bench: Bench) -> None:
    """Positions from before are as exact as the syncs tell, which is exact."""
    expect(bench.replicator.terminate(20) == 0, "SIGTERM is a good end")
    here, there = bench.dump("a", "read"), bench.dump("b", "a.read")
    at = {p: here[p][23 + p].offset for p in (0, 1)}
    bench.commit("a", "late", "read", at)
    bench.clusters.create_topic("a", "later", 3)
    bench.start()
    bench.wait_committed("late", "a.read", {p: Truth(here[p], there[p]).forward(o) for p, o in at.items()})
    expect(bench.topics("b")["a.later"] == 3, "a.later is made")


# ---- topics -----------------------------------------------------------------------------


def test_a_topic_made_anew_while_nobody_reads(bench: Bench) -> None:
    """It has grown past the position: what was copied last tells that it is another one. One that is the same goes on."""
    for topic in ("again", "same"):
        bench.clusters.create_topic("a", topic, 1)
        bench.write(topic, numbered(topic, 1, 0, 3))
        wait_until(lambda: bench.topics("b").get(f"a.{topic}") and bench.clusters.ends("b", f"a.{topic}") == [3], WAIT_S, f"{topic} arrives")
    expect(bench.replicator.terminate(20) == 0, "SIGTERM is a good end")
    bench.ktool("delete-topic", "a", "again")
    wait_until(lambda: "again" not in bench.topics("a"), WAIT_S, "again is gone")
    bench.clusters.create_topic("a", "again", 1)
    bench.write("again", numbered("again", 1, 3, 5))
    bench.write("same", numbered("same", 1, 3, 5))
    bench.start()
    for topic in ("again", "same"):
        wait_until(lambda: bench.clusters.ends("b", f"a.{topic}") == [8], WAIT_S, f"{topic} is copied whole, and once")
    bench.replicator.wait_for("record 2 of again/0 on a is not the one that was copied", WAIT_S)
    values = [r.value for r in bench.dump("b", "a.again")[0]]
    expect(len(set(values)) == 8, f"a.again has {values}")


def test_topics_are_found_grown_and_let_go(bench: Bench) -> None:
    for i in range(30):
        bench.clusters.create_topic("a", f"many{i}", 1 + i % 3)
    bench.ktool("grow", "a", "kept", 5)
    wait_until(lambda: bench.topics("b").get("a.kept") == 5, WAIT_S, "a.kept grows")
    bench.write("kept", numbered("kept", 5, 0, 50))
    wait_until(lambda: all(bench.topics("b").get(f"a.many{i}") == 1 + i % 3 for i in range(30)), WAIT_S,
               "thirty copies are made")
    wait_until(lambda: sum(bench.clusters.ends("b", "a.kept")) == 50, WAIT_S, "kept arrives")
    bench.write("many0", numbered("many0", 1, 0, 3))
    wait_until(lambda: bench.clusters.ends("b", "a.many0") == [3], WAIT_S, "many0 arrives")
    bench.ktool("delete-topic", "a", "many0")
    bench.replicator.wait_for("topic many0 is not on a any more", WAIT_S)
    bench.write("plain", numbered("plain", 1, 0, 10))
    wait_until(lambda: sum(bench.clusters.ends("b", "a.plain")) == 10, WAIT_S, "others go on")
    expect(bench.clusters.ends("b", "a.many0") == [3], "a copy outlives its topic")
    bench.clusters.create_topic("a", "many0", 1)
    bench.write("many0", numbered("many0", 1, 3, 5))  # more than there was: the end alone does not show it
    wait_until(lambda: bench.clusters.ends("b", "a.many0") == [8], WAIT_S, "many0 is copied anew")
    bench.ktool("delete-topic", "a", "many1")
    bench.replicator.wait_for("topic many1 is not on a any more", WAIT_S)
    expect([p["state"] for p in bench.parts("many1")] == ["gone"] * 2, f"/status says so: {bench.parts('many1')}")
    expect(bench.replicator.terminate(20) == 0, "SIGTERM is a good end, whatever was deleted")


def start_bench() -> Bench:
    return Bench(World("replicator-topics", "real", str(BUILD.relative_to(ROOT)), topics="a/first:1", replicate=False,
                       users={"reader": "secret"}))


if __name__ == "__main__":
    sys.exit(series.run_all(series.named(globals(), sys.argv[1:]), start_bench,
                            lambda bench, failed: bench.world.stop(failed)))
