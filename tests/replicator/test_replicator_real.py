#!/usr/bin/env python3
"""shunt-replicator in the place of MirrorMaker 2 between two real Kafka
clusters, judged by what stands in the topics.

    python3 tests/replicator/test_replicator_real.py [NAME...]

Ends with "N passed, N failed, N skipped".  Where Apache Kafka can't be had all
is skipped; with CI=true that is a failure.  The tests share two brokers, run
in the order of this file, and each leaves the replicator running."""

import json
import os
import random
import re
import struct
import sys
import time
from pathlib import Path
from typing import Any, Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.lib import clusters, records, series  # noqa: E402
from tests.lib.procs import Proc, free_port  # noqa: E402
from tests.lib.records import (Log, Record, Truth, coded, expect, finish, judge, numbered,  # noqa: E402
                               plain)
from tests.lib.rest import call  # noqa: E402
from tests.lib.wait import wait_until  # noqa: E402
from tests.lib.world import World  # noqa: E402

BUILD = Path(os.environ.get("SHUNT_BUILD", ROOT / "build/release")).resolve()
WAIT_S = 30.0
# A killed process is missed, and its work free again, after that.
SESSION = {f"{cluster}.{key}": value for cluster in "ab"
           for key, value in (("session.timeout.ms", "4000"), ("heartbeat.interval.ms", "1000"))}
SEED = 20261121


class Bench:
    """Two clusters and the program that copies between them."""

    def __init__(self, world: World) -> None:
        self.world = world
        assert isinstance(world.clusters, clusters.RealKafka)
        self.clusters = world.clusters
        self.port = free_port()
        self.replicator = self.make("replicator", {}, "--listen", f"127.0.0.1:{self.port}")
        self.copied: set[str] = set()  # topics of a that the mapper is asked about
        self.killed: set[str] = set()  # those whose copying was cut short
        self.mm2: Proc | None = None

    def make(self, name: str, properties: dict[str, str], *options: str) -> Proc:
        """A replicator; topics called secret are not for the usual one."""
        path = self.world.folder / f"{name}.properties"
        path.write_text("".join(
            f"{k} = {v}\n" for k, v in {**self.clusters.mm2_properties(), **SESSION,
                                        "topics.exclude": "mm2.*, __.*, .*secret",
                                        **properties}.items()))
        return self.world.spawn(name, [BUILD / "bin/shunt-replicator", path, *options], start=False)

    def start(self) -> None:
        self.replicator.start()
        self.replicator.wait_for("ready: a->b, b->a", WAIT_S)

    def stop(self) -> None:
        expect(self.replicator.terminate(20) == 0, "SIGTERM is a good end")
        bad = re.findall(r".* ERROR (?:a->b|b->a): .*", self.replicator.text())
        expect(not bad, "\n".join(bad))

    def start_mm2(self) -> None:
        self.mm2 = self.clusters.start_mm2()

    def stop_mm2(self) -> None:
        assert self.mm2
        self.mm2.terminate(30)

    def seen(self, topic: str) -> dict[int, dict[str, Any]]:
        """What the flow a->b says of the partitions of a topic."""
        flow = call(f"http://127.0.0.1:{self.port}/status?flow=a-%3Eb&topic={topic}")["flows"][0]
        return {p["partition"]: p for p in flow["partitions"]}

    # ---- topics -------------------------------------------------------------

    def create(self, topic: str, partitions: int, cluster: str = "a") -> None:
        self.clusters.create_topic(cluster, topic, partitions)
        if cluster == "a":
            self.copied.add(topic)

    def topics(self, cluster: str) -> list[str]:
        lines = self.clusters.ktool("topics", self.clusters.bootstrap(cluster)).splitlines()
        return [line.split()[0] for line in lines]

    def describe(self, cluster: str, topic: str) -> str:
        """PARTITIONS REPLICATION CLEANUP.POLICY"""
        return self.clusters.ktool("describe", self.clusters.bootstrap(cluster), topic,
                                   "cleanup.policy").strip()

    # ---- records ------------------------------------------------------------

    def write(self, topic: str, lines: list[str], cluster: str = "a",
              how: str = "write") -> None:
        records.write(self.clusters, cluster, topic, lines, how)

    def dump(self, cluster: str, topic: str) -> Log:
        return records.dump(self.clusters, cluster, topic)

    def wait_last(self, topic: str, source: str = "a", target: str = "b") -> None:
        """Until the last record of each partition stands on the target."""
        want = {p: records[-1].value for p, records in self.dump(source, topic).items()}

        def seen() -> bool:
            log = self.dump(target, f"{source}.{topic}")
            return all(any(r.value == v for r in log.get(p, ())) for p, v in want.items())
        wait_until(seen, WAIT_S, f"{topic} of {source} stands on {target}")

    def positions(self) -> dict[tuple[str, int], int]:
        """What the flow a->b has saved: the last source offset copied."""
        found: dict[tuple[str, int], int] = {}
        places: dict[str, int] = {}
        for partition, records in self.dump("b", "mm2-offsets.a.internal").items():
            for r in records:
                expect(places.setdefault(r.key, partition) == partition,
                       f"{plain(r.key)!r} is in partitions {places[r.key]} and {partition}")
                connector, of = json.loads(plain(r.key))
                if connector == "MirrorSourceConnector":
                    expect(of["cluster"] == "a", f"a position of {of}")
                    found[of["topic"], of["partition"]] = json.loads(plain(r.value))["offset"]
        return found

    def wait_saved(self, topic: str) -> None:
        """Until the positions tell of all records of the topic."""
        want = {(topic, p): records[-1].offset for p, records in self.dump("a", topic).items()}
        wait_until(lambda: {k: self.positions().get(k) for k in want} == want, WAIT_S,
                   f"positions {want}")


class Load:
    """A writer to `topic` of a; values tell partition and number."""

    def __init__(self, bench: Bench, topic: str, partitions: int) -> None:
        self.bench, self.topic, self.partitions = bench, topic, partitions
        self.sent = 0
        self.writer = Proc(f"load-{topic}", [BUILD / "bin/ktool", "write",
                                             bench.clusters.a, topic], bench.world.folder)

    def send(self, n: int) -> None:
        """Returns when they stand on a: what keeps the load even."""
        self.push(n)
        wait_until(lambda: sum(self.bench.clusters.ends("a", self.topic)) >= self.sent, WAIT_S,
                   f"{self.sent} records stand in {self.topic}")

    def push(self, n: int) -> None:
        """Does not wait: a may be dead."""
        self.writer.send("\n".join(numbered(self.topic, self.partitions, self.sent, n)))
        self.sent += n

    def send_until(self, done: Callable[[], object], what: str) -> None:
        def step() -> object:
            self.send(100)
            return done()
        wait_until(step, WAIT_S, what)

    def end(self) -> None:
        finish(self.writer)


def without_offsets(log: Log) -> dict[int, list[tuple[object, ...]]]:
    return {p: [r[1:] for r in records] for p, records in log.items()}


def all_arrived(bench: Bench, topic: str) -> tuple[Log, Log]:
    """Nothing is missing on b and nothing is of another partition; both logs."""
    here, there = bench.dump("a", topic), bench.dump("b", f"a.{topic}")
    for p, records in here.items():
        missing = {r.value for r in records} - {r.value for r in there.get(p, ())}
        expect(not missing, f"{topic}/{p}: {len(missing)} of {len(records)} are missing")
        foreign = {r.value for r in there[p]} - {r.value for r in records}
        expect(not foreign, f"{topic}/{p}: {len(foreign)} foreign records")
    return here, there


def doubled(here: Log, there: Log) -> int:
    return sum(map(len, there.values())) - sum(map(len, here.values()))


# ---- 1. topics -----------------------------------------------------------------


def test_topics_are_made_as_mirrormaker_makes_them(bench: Bench) -> None:
    bench.create("wide", 5)
    bench.create("back", 2, cluster="b")
    bench.start()
    expect(bench.describe("b", "a.wide") == "5 1 delete", bench.describe("b", "a.wide"))
    expect(bench.describe("a", "b.back") == "2 1 delete", bench.describe("a", "b.back"))
    for here, other in (("a", "b"), ("b", "a")):
        for topic, want in ((f"mm2-offset-syncs.{other}.internal", "1 1 compact"),
                            (f"{other}.checkpoints.internal", "1 1 compact"),
                            (f"mm2-offsets.{other}.internal", "25 1 compact"),
                            ("heartbeats", "1 1 compact")):
            got = bench.describe(here, topic)
            expect(got == want, f"{topic} on {here}: {got}, not {want}")


def test_new_topics_and_partitions_are_found(bench: Bench) -> None:
    bench.clusters.ktool("grow", bench.clusters.a, "wide", 7)
    bench.create("late", 2)
    wait_until(lambda: bench.describe("b", "a.wide") == "7 1 delete", WAIT_S, "a.wide grows")
    wait_until(lambda: bench.describe("b", "a.late") == "2 1 delete", WAIT_S, "a.late is made")
    for topic, partitions in (("wide", 7), ("late", 2)):
        bench.write(topic, numbered(topic, partitions, 0, 700))
        bench.wait_last(topic)
        here, there = all_arrived(bench, topic)
        expect(len(there) == partitions and doubled(here, there) == 0, f"{topic}: {there.keys()}")


def test_replication_factor_is_asked_for(bench: Bench) -> None:
    bench.create("secret", 2)
    bench.write("secret", numbered("secret", 2, 0, 100))
    for factor in (2, 1):
        other = bench.make(f"factor-{factor}", {
            "b->a.enabled": "false", "topics": "secret", "topics.exclude": "",
            "b.group.id": "factors",  # else it would share the work of the usual one
            "replication.factor": str(factor)})
        other.start()
        other.wait_for("ready: a->b")
        if factor == 2:  # of one broker
            other.wait_for(r"topic secret: .*\(INVALID_REPLICATION_FACTOR\)")
            expect("a.secret" not in bench.topics("b"), "a.secret is there")
        else:
            bench.wait_last("secret")
            bench.wait_saved("secret")
        expect(other.terminate() == 0, "SIGTERM is a good end")
    all_arrived(bench, "secret")


# ---- 2. records, groups, heartbeats ----------------------------------------------


def odd_records(of: str) -> Iterator[str]:
    """Whatever a record may be."""
    values = (None, b"", b"\0\1\xff", "grün".encode(), b"0" * 300_000)
    for i in range(200):
        key = (None, b"", f"{of} {i}".encode())[i % 3]
        headers = ["", " h=x00ff h=x h=-", f" trace={coded(of.encode())}"][i % 3]
        at = 1_600_000_000_000 + i if i % 2 else 0
        value = values[i] if i < len(values) else f"{of} {i}".encode()
        yield f"{i % 3} {at} {coded(key)} {coded(value)}{headers}"


def test_records_arrive_unchanged_both_ways(bench: Bench) -> None:
    for cluster in ("a", "b"):
        bench.clusters.create_topic(cluster, "mix", 3)
    for cluster in ("a", "b"):
        bench.write("mix", list(odd_records(cluster)), cluster)
    for source, target in (("a", "b"), ("b", "a")):
        bench.wait_last("mix", source, target)
        here, there = bench.dump(source, "mix"), bench.dump(target, f"{source}.mix")
        expect(sum(map(len, here.values())) == 200, "what was written")
        expect(there == here, f"mix of {source} differs on {target}")


def test_only_committed_records_arrive(bench: Bench) -> None:
    bench.create("tx", 2)
    lines: list[str] = []
    for i in range(40):
        lines += numbered("tx", 2, i * 25, 25) + ["abort" if i % 4 == 1 else "commit"]
    bench.write("tx", lines, how="write-tx")
    bench.wait_last("tx")
    here, there = all_arrived(bench, "tx")
    expect(sum(map(len, here.values())) == 750, "thirty transactions were committed")
    expect(without_offsets(there) == without_offsets(here), "tx differs on b")
    expect(there[0][-1].offset < here[0][-1].offset, "their offsets do")
    ends = dict(enumerate(bench.clusters.ends("a", "tx")))
    expect(ends[0] > here[0][-1].offset + 1, "the end of tx is no record")
    wait_until(lambda: {p: (seen["position"], seen["lag"], seen["lag_ms"]) for p, seen in bench.seen("tx").items()}
               == {p: (end, 0, 0) for p, end in ends.items()}, WAIT_S, "nothing lags behind the last marker")


def string(data: bytes, at: int) -> tuple[str, int]:
    n = struct.unpack_from(">h", data, at)[0]
    return data[at + 2:at + 2 + n].decode(), at + 2 + n


def checkpoints(bench: Bench) -> dict[tuple[str, str, int], tuple[int, int, str]]:
    """(group, topic, partition): (upstream, downstream, metadata)"""
    found = {}
    for r in bench.dump("b", "a.checkpoints.internal").get(0, []):
        key, value = plain(r.key), plain(r.value)
        group, at = string(key, 0)
        topic, at = string(key, at)
        version, up, down = struct.unpack_from(">hqq", value)
        expect(version == 0, f"version {version}")
        partition = struct.unpack_from(">i", key, at)[0]
        found[group, topic, partition] = (up, down, string(value, 18)[0])
    return found


def commit(bench: Bench, group: str, topic: str, partition: int, offset: int) -> None:
    bench.clusters.ktool("commit", bench.clusters.a, group, topic, partition, offset, "mine")


def test_checkpoints_of_groups(bench: Bench) -> None:
    here, there = bench.dump("a", "tx"), bench.dump("b", "a.tx")
    for i, at in ((1, 100), (0, 200)):  # the group moves on, in two steps
        want = {}
        for p in (0, 1):
            position = here[p][at + p].offset
            commit(bench, "billing", "tx", p, position)
            want["billing", "a.tx", p] = (position, there[p][at + p].offset, "mine")
        wait_until(lambda: {k: checkpoints(bench).get(k) for k in want} == want, WAIT_S,
                   f"checkpoints {want}")
    commit(bench, "connect-it", "tx", 0, 10)  # groups.exclude
    commit(bench, "second", "tx", 0, here[0][-1].offset + 1)
    wait_until(lambda: checkpoints(bench).get(("second", "a.tx", 0)), WAIT_S, "second")
    groups = {group for group, _, _ in checkpoints(bench)}
    expect(groups == {"billing", "second"}, f"checkpoints of {groups}")
    down = checkpoints(bench)["second", "a.tx", 0][1]
    expect(down == there[0][-1].offset + 1, f"{down} is not the end, {there[0][-1].offset + 1}")


def heartbeat(r: Record) -> tuple[str, str, int]:
    source, at = string(plain(r.key), 0)
    version, when = struct.unpack(">hq", plain(r.value))
    expect(version == 0, f"version {version}")
    return source, string(plain(r.key), at)[0], when


def test_heartbeats(bench: Bench) -> None:
    for on, topic, want in (("b", "heartbeats", ("a", "b")), ("a", "heartbeats", ("b", "a")),
                            ("b", "a.heartbeats", ("b", "a")), ("a", "b.heartbeats", ("a", "b"))):
        beats = wait_until(lambda: bench.dump(on, topic).get(0), WAIT_S, f"{topic} on {on}")
        for beat in beats:
            expect(heartbeat(beat)[:2] == want, f"{topic} on {on}: {heartbeat(beat)}")
        age_s = time.time() - heartbeat(beats[-1])[2] / 1000
        expect(age_s < 5, f"{topic} on {on}: the last is {age_s:.1f} s old")


def test_nothing_goes_in_circles(bench: Bench) -> None:
    for cluster in ("a", "b"):
        topics = bench.topics(cluster)
        bad = [t for t in topics if t.startswith(("a.b.", "b.a.", "a.a.", "b.b."))
               or ("internal" in t or "__" in t) and t.startswith(("a.mm2", "b.mm2", "a._", "b._"))]
        expect(not bad, f"{bad} on {cluster}")
        expect(f"{cluster}.mix" not in topics, f"{cluster}.mix on {cluster}")


# ---- 3. kill -9 --------------------------------------------------------------------


def test_killed_under_load(bench: Bench) -> None:
    bench.create("load", 3)
    load = Load(bench, "load", 3)
    load.send(3000)
    bench.wait_saved("load")
    deaths = []  # where each restart must not go back behind, on both sides
    for _ in range(3):
        before = bench.positions()
        load.send_until(lambda: bench.positions() != before, "positions move under load")
        saved = bench.positions()
        load.send(400)  # some of it is copied when it dies
        bench.replicator.kill()
        load.send(300)
        deaths.append((saved, bench.clusters.ends("b", "a.load")))
        bench.start()
    load.end()
    bench.killed.add("load")
    bench.wait_last("load")
    here, there = all_arrived(bench, "load")
    for saved, ends in deaths:
        for p, records in there.items():
            up = {r.value: r.offset for r in here[p]}
            later = [up[r.value] for r in records if r.offset >= ends[p]]
            expect(saved["load", p] >= 999, f"position {saved['load', p]}")
            expect(min(later) > saved["load", p],
                   f"load/{p}: copied again from {min(later)}, saved was {saved['load', p]}")
    print(f"        {load.sent} records, killed 3 times: {doubled(here, there)} stand twice")


def test_checkpoints_after_a_crash(bench: Bench) -> None:
    chance = random.Random(SEED)
    here, there = bench.dump("a", "load"), bench.dump("b", "a.load")
    asked = {(f"g{i}", p): chance.randint(0, records[-1].offset + 1)
             for i in range(4) for p, records in here.items()}
    for (group, p), position in asked.items():
        commit(bench, group, "load", p, position)
    wait_until(lambda: {k: checkpoints(bench).get((k[0], "a.load", k[1]), (None,))[0]
                        for k in asked} == asked, WAIT_S, f"checkpoints {asked}")
    found = checkpoints(bench)
    right = {k: Truth(here[k[1]], there[k[1]]).forward(at) for k, at in asked.items()}
    down = {k: found[k[0], "a.load", k[1]][1] for k in asked}
    past = {k: (asked[k], down[k], right[k]) for k in asked if down[k] > right[k]}
    expect(not past, f"past the right position: {past}")
    early = max(right[k] - down[k] for k in asked)
    print(f"        {len(asked)} checkpoints, none past, the worst {early} records early")


def test_clusters_die_under_load(bench: Bench) -> None:
    bench.create("storm", 3)
    load = Load(bench, "storm", 3)
    load.send(1000)
    wait_until(lambda: sum(bench.clusters.ends("b", "a.storm")), WAIT_S, "copying")
    load.push(500)
    bench.clusters.kill("b")
    load.send(500)
    bench.clusters.kill("a")
    load.push(500)
    for broker in bench.clusters.brokers.values():
        broker.start()  # nobody waits for it
    load.send(500)
    load.end()
    bench.wait_last("storm")
    here, there = all_arrived(bench, "storm")
    print(f"        {load.sent} records, both brokers killed: {doubled(here, there)} stand twice")
    expect(bench.replicator.alive, bench.replicator.tail())
    expect(without_offsets(there) == without_offsets(here), "storm differs on b")


# ---- 4. hand-over --------------------------------------------------------------------


def test_hand_over_to_mirrormaker_and_back(bench: Bench) -> None:
    bench.create("hand", 3)
    load = Load(bench, "hand", 3)
    load.send(500)
    bench.wait_last("hand")
    load.send(300)
    bench.stop()
    before = {t: bench.clusters.ends("b", f"a.{t}") for t in bench.copied - {"hand"}}
    bench.start_mm2()
    mm2_copies(bench, load)
    here, there = all_arrived(bench, "hand")
    expect(doubled(here, there) == 0, f"to MirrorMaker: {doubled(here, there)} stand twice")
    after = {t: bench.clusters.ends("b", f"a.{t}") for t in before}
    expect(after == before, f"MirrorMaker copied again: {before} -> {after}")

    first = load.sent
    load.send_until(lambda: load.sent - first >= 1000, "load")
    bench.stop_mm2()
    load.send(300)
    bench.start()
    load.send_until(lambda: load.sent % 500 == 0, "load")
    bench.wait_last("hand")
    here, there = all_arrived(bench, "hand")
    twice = doubled(here, there)
    print(f"        from MirrorMaker: {twice} of {load.sent} stand twice")
    expect(twice <= load.sent - first, f"{twice} stand twice")

    bench.stop()
    load.send(100)
    bench.start_mm2()
    mm2_copies(bench, load)
    here, there = all_arrived(bench, "hand")
    expect(doubled(here, there) == twice, f"{doubled(here, there)} stand twice, {twice} before")
    assert bench.mm2
    bad = [line for line in bench.mm2.text().splitlines() if " ERROR " in line]
    expect(not bad, "\n".join(bad[:5]))
    bench.stop_mm2()
    load.end()
    bench.killed.add("hand")
    bench.start()


def mm2_copies(bench: Bench, load: Load) -> None:
    load.send(100)
    bench.clusters.wait_copied("a", "b", load.topic, 60)
    bench.wait_last(load.topic)


# ---- 5. the mapper ---------------------------------------------------------------------


def test_mapper_answers_exactly(bench: Bench) -> None:
    chance = random.Random(SEED)
    wait_until(lambda: mapper_at_end(bench), WAIT_S, "the mapper has read all")
    for topic in sorted(bench.copied):
        here, there = bench.dump("a", topic), bench.dump("b", f"a.{topic}")
        clean = topic not in bench.killed
        asked = exact = 0
        for p, records in here.items():
            truth = Truth(records, there[p])
            ups = [chance.randint(0, records[-1].offset + 1) for _ in range(150)]
            downs = [chance.randint(0, truth.end) for _ in range(150)]
            answers = bench.world.translate("a", "b", [(topic, p, at) for at in ups])
            exact += judge(answers, list(map(truth.forward, ups)), clean, f"{topic}/{p} a->b")
            answers = bench.world.translate("b", "a", [(f"a.{topic}", p, at) for at in downs])
            exact += judge(answers, list(map(truth.back, downs)), clean, f"{topic}/{p} b->a")
            asked += len(ups) + len(downs)
        if asked:
            print(f"        {topic}: {exact} of {asked} answers exact, none past")


def mapper_at_end(bench: Bench) -> bool:
    ends = bench.clusters.ends("a", "mm2-offset-syncs.b.internal")
    flow = next(f for f in call(f"{bench.world.mapper_url}/v1/flows")["flows"]
                if f["flow"] == "a->b")
    expect(flow["undecodable"] == 0, str(flow))
    return flow["position"] >= ends[0]


# ---- all of it -----------------------------------------------------------------------


def start_bench() -> Bench:
    return Bench(World("replicator-real", "real", str(BUILD.relative_to(ROOT)), topics="a/first:1", replicate=False))


if __name__ == "__main__":
    sys.exit(series.run_all(series.named(globals(), sys.argv[1:]), start_bench,
                            lambda bench, failed: bench.world.stop(failed)))
