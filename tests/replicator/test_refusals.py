#!/usr/bin/env python3
"""What real brokers refuse shunt-replicator, and what they have no more.

    python3 tests/replicator/test_refusals.py [NAME...]

Ends with "N passed, N failed, N skipped".  Where Apache Kafka can't be had all
is skipped; with CI=true that is a failure.  One pair of brokers; each test
starts the replicator with its own file."""

import os
import re
import sys
from pathlib import Path

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

    def start(self, topics: str, exactly_once: bool = False, **more: str) -> Proc:
        """`more`: keys of the flow, with _ for the dots."""
        self.stop()
        self.runs += 1
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        keys = {**self.clusters.mm2_properties(), "b->a.enabled": "false", "topics": topics,
                "emit.checkpoints.enabled": "false",
                "sync.topic.configs.enabled": "false",  # copies keep their limits
                "b.exactly.once.source.support": "enabled" if exactly_once else "disabled",
                **{f"b.{k}": v for k, v in self.clusters.sasl("b", "copier").items()},
                **{f"a->b.{k.replace('_', '.')}": v for k, v in more.items()}}
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

    def wait_copied(self, topic: str, want: list[bytes]) -> None:
        """In this order, each once."""
        wait_until(lambda: len(self.copied(topic)) >= len(want), WAIT_S, f"{len(want)} records in a.{topic}")
        expect(self.copied(topic) == want, f"a.{topic} is not what it should be")

    def letters(self) -> list[tuple[bytes, dict[str, bytes]]]:
        found = []
        for log in records.dump(self.clusters, "b", "a.dead-letter").values():
            for r in log:
                headers = dict(h.split("=", 1) for h in r.headers)
                found.append((plain(r.value), {k: plain(v) for k, v in headers.items()}))
        return found

    def tell(self, pattern: str) -> None:
        assert self.replicator
        self.replicator.wait_for(pattern, WAIT_S)


def small(first: int, n: int) -> list[bytes]:
    return [b"record %03d of a few bytes" % i for i in range(first, first + n)]


def test_too_large_goes_to_the_dead_letters(bench: Bench) -> None:
    """Whole batches are too large as well: they go in smaller ones."""
    bench.create("big", LIMIT)
    before, after = small(0, 300), small(300, 300)
    bench.write("big", [*before, LARGE, *after])
    bench.start("big", shunt_on_refused="dead-letter")
    bench.wait_copied("big", before + after)
    value, headers = bench.letters()[0]
    expect(len(bench.letters()) == 1 and value == LARGE, "the letter is the record")
    want = {"shunt.topic": b"big", "shunt.partition": b"0", "shunt.offset": b"300",
            "shunt.error": b"MSG_SIZE_TOO_LARGE", "trace": b"t"}
    expect(headers == want, f"{headers}")
    bench.write("big", small(600, 300))
    bench.wait_copied("big", [*before, *after, *small(600, 300)])
    bench.stop()
    bench.start("big", shunt_on_refused="dead-letter")
    bench.write("big", small(900, 1))
    bench.wait_copied("big", [*before, *after, *small(600, 301)])
    expect(len(bench.letters()) == 1, "the letter is not written again")


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
    bench.wait_copied("huge", small(0, 5))
    bench.write("other", small(0, 100))
    bench.wait_copied("other", small(0, 100))
    bench.clusters.ktool("alter", bench.clusters.b, "a.huge", "max.message.bytes=1000000")
    bench.wait_copied("huge", values)
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


def test_what_retention_took(bench: Bench) -> None:
    bench.create("cut")
    bench.write("cut", small(0, 10))
    bench.start("cut")
    bench.wait_copied("cut", small(0, 10))
    bench.stop()
    bench.write("cut", small(10, 10))
    bench.clusters.ktool("delete-records", bench.clusters.a, "cut", 0, 15)
    bench.start("cut", shunt_on_truncation="stop")
    bench.tell(r"WARN .*cut/0: records 10 to 14 are gone from a .*5 records are missing on b; the partition stops")
    expect(bench.copied("cut") == small(0, 10), "it stops")
    call(f"{bench.url}/flows/a-%3Eb/resume", "POST")
    bench.wait_copied("cut", small(0, 10) + small(15, 5))


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


def start_bench() -> Bench:
    return Bench(World("refusals-real", "real", str(BUILD.relative_to(ROOT)), topics="a/first:1", replicate=False,
                       users={"copier": "c0pier"}))


if __name__ == "__main__":
    sys.exit(series.run_all(series.named(globals(), sys.argv[1:]), start_bench,
                            lambda bench, failed: bench.world.stop(failed)))
