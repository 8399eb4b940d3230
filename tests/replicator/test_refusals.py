#!/usr/bin/env python3
"""What real brokers refuse shunt-replicator, and what they have no more.

    python3 tests/replicator/test_refusals.py [NAME...]

Ends with "N passed, N failed, N skipped".  Where Apache Kafka can't be had all
is skipped; with CI=true that is a failure.  One pair of brokers; each test
starts the replicator with its own file."""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.lib import clusters, records, series  # noqa: E402
from tests.lib.procs import Proc, free_port  # noqa: E402
from tests.lib.records import coded, expect, plain  # noqa: E402
from tests.lib.rest import call  # noqa: E402
from tests.lib.wait import wait_until  # noqa: E402
from tests.lib.world import World  # noqa: E402

BUILD = Path(os.environ.get("SHUNT_BUILD", ROOT / "build/release")).resolve()
WAIT_S = 60.0
LARGE = b"L" * 10_000
LIMIT = "max.message.bytes=2000"


class Bench:
    """Two clusters and a replicator a->b that is `copier` on b."""

    def __init__(self, world: World) -> None:
        self.world = world
        assert isinstance(world.clusters, clusters.RealKafka)
        self.clusters = world.clusters
        self.replicator: Proc | None = None
        self.url = ""
        self.runs = 0

    def start(self, topics: str, exactly_once: bool = False, file: dict[str, str] | None = None, **more: str) -> Proc:
        """`file`: keys as they are; `more`: keys of the flow, with _ for the dots."""
        self.stop()
        self.runs += 1
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        keys = {**self.clusters.mm2_properties(), "b->a.enabled": "false", "topics": topics,
                "emit.checkpoints.enabled": "false",
                "sync.topic.configs.enabled": "false",  # copies keep their limits
                "b.exactly.once.source.support": "enabled" if exactly_once else "disabled",
                **{f"b.{k}": v for k, v in self.clusters.sasl("b", "copier").items()},
                **{f"a->b.{k.replace('_', '.')}": v for k, v in more.items()}, **(file or {})}
        path = self.world.folder / f"copier-{self.runs}.properties"
        path.write_text("".join(f"{k} = {v}\n" for k, v in keys.items()))
        self.replicator = self.world.spawn(f"copier-{self.runs}", [BUILD / "bin/shunt-replicator", "--listen",
                                                                  f"127.0.0.1:{port}", path])
        self.replicator.wait_for("ready: a->b", WAIT_S)
        return self.replicator

    def stop(self) -> None:
        if self.replicator:
            expect(self.replicator.terminate(30) == 0, "SIGTERM is a good end")
        self.replicator = None

    def create(self, topic: str, *configs: str) -> None:
        """On both sides, with the copy's configuration."""
        self.clusters.create_topic("a", topic, 1)
        self.clusters.create_topic("b", f"a.{topic}", 1)
        for config in configs:
            self.clusters.ktool("alter", self.clusters.b, f"a.{topic}", config)

    def write(self, topic: str, values: list[bytes]) -> None:
        records.write(self.clusters, "a", topic, [f"0 0 {coded(b'k')} {coded(v)} trace={coded(b't')}" for v in values])

    def copied(self, topic: str) -> list[bytes]:
        return [plain(r.value) for r in records.dump(self.clusters, "b", f"a.{topic}").get(0, [])]

    def wait_copied(self, topic: str, want: list[bytes], again: bool = False) -> None:
        """In this order; each once, unless `again`: behind a refused record others may have passed, which come again after it."""
        wait_until(lambda: last_of_each(self.copied(topic)) == want, WAIT_S, f"{len(want)} records in a.{topic}")
        expect(again or self.copied(topic) == want, f"a.{topic} has records twice")

    def letters(self) -> list[tuple[bytes | None, dict[str, bytes]]]:
        found = []
        for log in records.dump(self.clusters, "b", "a.dead-letter").values():
            for r in log:
                headers = dict(h.split("=", 1) for h in r.headers)
                found.append((None if r.value == "-" else plain(r.value), {k: plain(v) for k, v in headers.items()}))
        return found

    def tell(self, pattern: str) -> None:
        assert self.replicator
        self.replicator.wait_for(pattern, WAIT_S)

    def part(self, topic: str, flow: str = "a-%3Eb", partition: int = 0) -> dict[str, Any]:
        """What /status says of it."""
        parts = call(f"{self.url}/status?flow={flow}&topic={topic}")["flows"][0]["partitions"]
        return next(p for p in parts if p["partition"] == partition)

    def resume(self) -> None:
        call(f"{self.url}/flows/a-%3Eb/resume", "POST")


def last_of_each(values: list[bytes]) -> list[bytes]:
    return list(dict.fromkeys(reversed(values)))[::-1]


def small(first: int, n: int) -> list[bytes]:
    return [b"record %03d of a few bytes" % i for i in range(first, first + n)]


def test_too_large_goes_to_the_dead_letters(bench: Bench) -> None:
    """Whole batches are too large as well: they go in smaller ones."""
    bench.create("big", LIMIT)
    before, after = small(0, 300), small(300, 300)
    bench.write("big", [*before, LARGE, *after])
    bench.start("big", shunt_on_refused="dead-letter")
    bench.wait_copied("big", before + after, again=True)
    value, headers = bench.letters()[0]
    expect(len(bench.letters()) == 1 and value == LARGE, "the letter is the record")
    want = {"shunt.topic": b"big", "shunt.partition": b"0", "shunt.offset": b"300",
            "shunt.error": b"MSG_SIZE_TOO_LARGE", "trace": b"t"}
    expect(headers == want, f"{headers}")
    bench.write("big", small(600, 300))
    bench.wait_copied("big", [*before, *after, *small(600, 300)], again=True)
    bench.stop()
    bench.start("big", shunt_on_refused="dead-letter")
    bench.write("big", small(900, 1))
    bench.wait_copied("big", [*before, *after, *small(600, 301)], again=True)
    expect(len(bench.letters()) == 1, "the letter is not written again")
    bench.clusters.ktool("alter", bench.clusters.b, "a.dead-letter", LIMIT)
    bench.write("big", [LARGE, *small(901, 9)])
    bench.wait_copied("big", [*before, *after, *small(600, 310)], again=True)
    wait_until(lambda: [(v, h["shunt.offset"]) for v, h in bench.letters()[1:]] == [(None, b"902")], WAIT_S, "a letter without its value")
    bench.clusters.ktool("alter", bench.clusters.b, "a.dead-letter", "max.message.bytes=1000000")


def test_too_large_in_a_transaction(bench: Bench) -> None:
    """It is aborted, and the letter stands in the next one."""
    bench.create("once", LIMIT)
    before, after = small(0, 300), small(300, 300)
    bench.write("once", [*before, LARGE, *after])
    was = len(bench.letters())
    bench.start("once", exactly_once=True, shunt_on_refused="dead-letter")
    bench.wait_copied("once", before + after)
    letters = bench.letters()[was:]
    expect([v for v, h in letters if h["shunt.topic"] == b"once"] == [LARGE], f"{len(letters)} letters")


def test_too_large_waits(bench: Bench) -> None:
    """Only its partition does, and nothing is left out."""
    bench.create("huge", LIMIT)
    bench.create("other")
    values = [*small(0, 5), LARGE, *small(5, 5)]
    bench.write("huge", values)
    bench.start("huge, other")
    bench.tell(r"ERROR .*record 5 of huge/0 was refused by b: .*max.message.bytes")
    wait_until(lambda: bench.copied("huge")[:5] == small(0, 5), WAIT_S, "what is before it is copied")
    bench.write("other", small(0, 100))
    bench.wait_copied("other", small(0, 100))
    bench.clusters.ktool("alter", bench.clusters.b, "a.huge", "max.message.bytes=1000000")
    bench.wait_copied("huge", values, again=True)
    assert bench.replicator
    said = re.findall(r"ERROR .*record 5 of huge/0 was refused", bench.replicator.text())
    expect(len(said) == 1, f"said {len(said)} times")


def test_topic_without_access(bench: Bench) -> None:
    bench.create("closed")
    bench.create("open")
    bench.start("closed, open", shunt_on_refused="stop")
    bench.write("closed", small(0, 10))
    bench.wait_copied("closed", small(0, 10))
    bench.clusters.ktool("deny", bench.clusters.b, "a.closed", "User:copier")
    bench.write("closed", small(10, 10))
    bench.tell(r"ERROR .*of closed/0 was refused by b: .*TOPIC_AUTHORIZATION_FAILED.*stops")
    bench.write("open", small(0, 100))
    bench.wait_copied("open", small(0, 100))
    expect(bench.copied("closed") == small(0, 10), "closed is closed")


def test_topic_made_anew(bench: Bench) -> None:
    """Under its reader's hands."""
    bench.create("anew")
    bench.write("anew", small(0, 10))
    bench.start("anew")
    bench.wait_copied("anew", small(0, 10))
    bench.clusters.ktool("delete-topic", bench.clusters.a, "anew")
    bench.clusters.create_topic("a", "anew", 1)
    bench.write("anew", small(50, 5))
    bench.tell(r"WARN .*anew/0 ends at \d on a, before 10, .* was the topic made anew\?")
    bench.wait_copied("anew", small(0, 10) + small(50, 5))
    bench.stop()


def test_what_is_gone_by_option(bench: Bench) -> None:
    """Retention took records of `cut`; `fresh` was deleted and made anew."""
    ways = (("continue", "latest"), ("restart", "latest"), ("stop", "earliest"))
    topics = [f"{kind}-{way}" for kind in ("cut", "fresh") for way, _ in ways]
    for topic in topics:
        bench.create(topic)
        bench.write(topic, small(0, 10))
    bench.start(", ".join(topics))
    for topic in topics:
        bench.wait_copied(topic, small(0, 10))
    bench.stop()
    for way, reset in ways:
        bench.write(f"cut-{way}", small(10, 10))
        bench.clusters.ktool("delete-records", bench.clusters.a, f"cut-{way}", 0, 15)
        bench.clusters.ktool("delete-topic", bench.clusters.a, f"fresh-{way}")
        bench.clusters.create_topic("a", f"fresh-{way}", 1)
        bench.write(f"fresh-{way}", small(10, 5))
        goes_on_gone(bench, way, reset)
    bench.stop()


def goes_on_gone(bench: Bench, way: str, reset: str) -> None:
    cut, fresh = f"cut-{way}", f"fresh-{way}"
    to_end = way == "continue"
    bench.start(f"{cut}, {fresh}", shunt_on_truncation=way, consumer_auto_offset_reset=reset)
    missed = 10 if to_end else 5
    bench.tell(rf"WARN .*{cut}/0: records 10 to {9 + missed} are gone from a .*{missed} records are missing on b")
    bench.tell(rf"WARN .*{fresh}/0 ends at 5 on a, before 10, .*made anew\? .* from {5 if to_end else 0}\n")
    for topic in (cut, fresh):
        bench.write(topic, small(20, 5))
        stopped = "stopped" in bench.part(topic)["holds"] and bench.copied(topic) == small(0, 10)
        expect(stopped == (way == "stop"), f"{topic}: {bench.part(topic)}")
    bench.resume()
    bench.wait_copied(cut, [*small(0, 10), *([] if to_end else small(15, 5)), *small(20, 5)])
    bench.wait_copied(fresh, [*small(0, 10), *([] if to_end else small(10, 5)), *small(20, 5)])
    expect(bench.part(cut)["missed"] == missed, f"{bench.part(cut)}")


def test_access_is_taken_and_given_back(bench: Bench) -> None:
    """Neither on the source nor on the target it costs a record, or copies one twice; other topics do not notice."""
    user = {f"a.{k}": v for k, v in bench.clusters.sasl("a", "copier").items()}
    for once in (False, True):
        lent, free = f"lent-{once}".lower(), f"free-{once}".lower()
        bench.create(lent)
        bench.create(free)
        bench.start(f"{lent}, {free}", exactly_once=once, file=user, refresh_topics_interval_seconds="1")
        bench.write(lent, small(0, 10))
        bench.wait_copied(lent, small(0, 10))
        sent = 10
        for n, (cluster, topic) in enumerate((("a", lent), ("b", f"a.{lent}"))[once:]):  # reading is the same in both modes
            bench.clusters.ktool("deny", bench.clusters.bootstrap(cluster), topic, "User:copier")
            sent = write_until_ill(bench, lent, sent)
            expect("authorization failed" in bench.part(lent)["problem"]["text"], f"{bench.part(lent)}")
            before = bench.copied(lent)
            bench.write(lent, small(sent, 10))
            bench.write(free, small(n * 100, 100))
            bench.wait_copied(free, small(0, n * 100 + 100))
            expect(bench.copied(lent) == before, f"{lent} is closed on {cluster}")
            bench.clusters.ktool("lift", bench.clusters.bootstrap(cluster), topic)
            sent += 10
            bench.wait_copied(lent, small(0, sent), again=cluster == "b" and not once)
    bench.stop()


def write_until_ill(bench: Bench, topic: str, sent: int) -> int:
    """A broker heeds a new rule a moment later. How many records there are then."""
    def ill() -> object:
        nonlocal sent
        bench.write(topic, small(sent, 1))
        sent += 1
        return bench.part(topic)["problem"]
    wait_until(ill, WAIT_S, f"{topic} has a problem")
    return sent


def test_no_position_goes_back(bench: Bench) -> None:
    """A process whose positions wait (its offset syncs are refused) sleeps, another takes its work, it wakes and may write."""
    bench.clusters.create_topic("a", "slept", SLEPT)
    quick = {"b.session.timeout.ms": "1500", "b.heartbeat.interval.ms": "300", "b.offset.flush.interval.ms": "200", "b.group.id": "slept"}
    write_slept(bench, 0)
    first = bench.start("slept", file={**quick, **{f"a.{k}": v for k, v in bench.clusters.sasl("a", "copier").items()}})
    url = bench.url
    wait_saved(bench, 1)
    syncs = "mm2-offset-syncs.b.internal"
    for user in ("ANONYMOUS", "other"):  # a topic with rules has them for all
        bench.clusters.ktool("allow", bench.clusters.a, syncs, f"User:{user}", "ALL")
    write_slept(bench, 1)
    wait_until(lambda: call(f"{url}/status")["flows"][0]["syncs"]["refused"] > 0, WAIT_S, "syncs are refused")
    wait_until(lambda: sum(bench.clusters.ends("b", "a.slept")) == 2 * SLEPT * 50, WAIT_S, "copying goes on")
    first.wait_for("units are ours", WAIT_S)
    first.pause()
    bench.replicator = None
    other = bench.start("slept", file={**quick, **{f"a.{k}": v for k, v in bench.clusters.sasl("a", "other").items()}})
    write_slept(bench, 2)
    wait_saved(bench, 3)
    first.resume()
    first.wait_for("(?s)units were lost.*[1-9]\\d* more of 25 units are ours", WAIT_S)
    bench.clusters.ktool("lift", bench.clusters.a, syncs)
    write_slept(bench, 3)
    wait_saved(bench, 4)
    for proc in (first, other):
        expect(proc.terminate(30) == 0, "SIGTERM is a good end")
    bench.replicator = None
    back = [(key, v) for key, v in positions(bench).items() if v != sorted(v)]
    expect(not back, f"positions in their order: {back}")


SLEPT = 12  # partitions


def write_slept(bench: Bench, n: int) -> None:
    records.write(bench.clusters, "a", "slept", records.numbered("slept", SLEPT, n * SLEPT * 50, SLEPT * 50))


def positions(bench: Bench) -> dict[int, list[int]]:
    """Of the partitions of slept, in the order in which they were written."""
    found: dict[int, list[int]] = {}
    for log in records.dump(bench.clusters, "b", "mm2-offsets.a.internal").values():
        for r in log:
            connector, of = json.loads(plain(r.key))
            if connector == "MirrorSourceConnector" and of["topic"] == "slept":
                found.setdefault(of["partition"], []).append(json.loads(plain(r.value))["offset"])
    return found


def wait_saved(bench: Bench, n: int) -> None:
    """Until the positions tell of all that was written n times."""
    want = dict.fromkeys(range(SLEPT), n * 50 - 1)
    wait_until(lambda: {p: v[-1] for p, v in positions(bench).items()} == want, WAIT_S, f"positions {want}")


def test_nothing_goes_round(bench: Bench) -> None:
    """Names are kept, and both ways are open: only a header tells what has passed already."""
    bench.clusters.create_topic("a", "round", 2)
    bench.start("round", file={"b->a.enabled": "true", "replication.policy.class": "IdentityReplicationPolicy",
                               "shunt.provenance.header": "passed"})
    bench.tell("ready: a->b, b->a")
    for n in range(3):  # what was written before has come round when the next stands there
        for cluster in ("a", "b"):
            lines = [f"{i % 2} 0 - {coded(b'%s %d %d' % (cluster.encode(), n, i))}" for i in range(50)]
            lines += [f"{p} 0 - {coded(b'%s %d of c' % (cluster.encode(), n))} passed={coded(b'c')}" for p in (0, 1)]
            records.write(bench.clusters, cluster, "round", lines)
        for cluster in ("a", "b"):
            wait_until(lambda: sum(bench.clusters.ends(cluster, "round")) >= (n + 1) * 104, WAIT_S, "round arrives")
    logs = {cluster: records.dump(bench.clusters, cluster, "round") for cluster in ("a", "b")}
    for p in (0, 1):
        both = [sorted(r.value for r in logs[cluster][p]) for cluster in ("a", "b")]
        expect(both[0] == both[1] and len(set(both[0])) == len(both[0]) == 156, f"{[len(v) for v in both]} in round/{p}")
    for cluster, other in (("a", "b"), ("b", "a")):
        wrong = [r for log in logs[cluster].values() for r in log if r.headers != passed(r, cluster)]
        expect(not wrong, f"{wrong[:3]} on {cluster}")
        expect(bench.part("round", f"{cluster}-%3E{other}")["looped"] > 0, f"{cluster} was asked for what it has")
    bench.stop()


def passed(r: records.Record, here: str) -> tuple[str, ...]:
    """The header of a record on `here`."""
    origin, *words = plain(r.value).decode().split()
    names = ["c"] * ("c" in words) + [origin] * (origin != here)
    return (f"passed={coded(','.join(names).encode())}",) if names else ()


def start_bench() -> Bench:
    return Bench(World("refusals-real", "real", str(BUILD.relative_to(ROOT)), topics="a/first:1", replicate=False,
                       users={"copier": "c0pier", "other": "0ther"}, rebalance_delay_ms=0))


if __name__ == "__main__":
    sys.exit(series.run_all(series.named(globals(), sys.argv[1:]), start_bench,
                            lambda bench, failed: bench.world.stop(failed)))
