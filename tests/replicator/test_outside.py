#!/usr/bin/env python3
"""What shunt-replicator tells of itself, and that it can be held: by HTTP, and with shuntctl.

usage: tests/replicator/test_outside.py; ends with "N passed, N failed, N skipped".
"""
from __future__ import annotations

import json
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.lib.httpd import BUILD, eventually, folder_for, main  # noqa: E402
from tests.lib.rest import call  # noqa: E402
from tests.replicator.outside import Replicator, clusters, samples, write  # noqa: E402

ORDERS_0 = 'flow="a->b",topic="orders",partition="0"'


class World(unittest.TestCase):
    """Embedded clusters for all tests of a class, in the order of their names."""

    topics = "orders:2,a.orders:2"

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = folder_for(cls.addClassCleanup)
        cls.clusters = clusters(cls.addClassCleanup, cls.folder / "clusters", cls.topics)

    def replicator(self, name: str = "replicator", **more: Any) -> Replicator:
        made = Replicator(self.folder, self.clusters, name=name, **more)
        self.addCleanup(made.proc.end)
        return made

    def ctl(self, code: int, at: list[Replicator] | str, *words: str) -> subprocess.CompletedProcess[str]:
        urls = at if isinstance(at, str) else ",".join(r.url for r in at)
        done = subprocess.run([BUILD / "bin/shuntctl", "replicator", *words, "--replicator", urls], capture_output=True,
                              text=True, timeout=60)
        self.assertEqual(done.returncode, code, f"{words}: {done.stdout}{done.stderr}")
        return done

    def wait_copied(self, at: Replicator, n: int) -> None:
        """Until so many of orders are copied, and that is all."""
        def sum_of() -> dict[str, Any]:
            return at.flow(topic="orders")
        eventually(lambda: (sum_of()["records"], sum_of()["lag"], sum_of()["lag_unknown"], sum_of()["first_copy"]["done"])
                   == (n, 0, 0, True), f"{n} records are copied")

    def wait_part(self, at: Replicator, **want: Any) -> dict[str, Any]:
        """Until orders/0 is so."""
        eventually(lambda: want.items() <= at.part().items(), f"orders/0 has {want}")
        return at.part()


class Metrics(World):
    def test_1_what_is_copied(self) -> None:
        r = self.replicator()
        write(self.clusters, 0, 200)
        self.wait_copied(r, 200)
        self.wait_part(r, position=100, lag=0, saved=100)
        eventually(lambda: samples(r.metrics())["shunt_replicator_checkpoints_age_seconds"], "checkpoints have an age")
        eventually(lambda: samples(r.metrics())["shunt_replicator_first_copy_records"]['flow="a->b"'] > 0, "the ends are known")
        m = samples(r.metrics())
        self.assertEqual(m["shunt_replicator_records_total"][ORDERS_0], 100)
        self.assertGreater(m["shunt_replicator_bytes_total"][ORDERS_0], 1000)
        self.assertEqual(m["shunt_replicator_position"][ORDERS_0], 100)
        self.assertEqual(m["shunt_replicator_lag_records"][ORDERS_0], 0)
        self.assertEqual(m["shunt_replicator_lag_seconds"][ORDERS_0], 0)
        self.assertEqual(m["shunt_replicator_problem"][ORDERS_0], 0)
        self.assertIn('flow="a->b"', m["shunt_replicator_syncs_waiting"])
        self.assertGreaterEqual(m["shunt_replicator_notes_total"]['flow="a->b",kind="sync"'], 2)
        self.assertGreaterEqual(m["shunt_replicator_notes_total"]['flow="a->b",kind="position"'], 2)
        self.assertGreater(m["shunt_replicator_positions_age_seconds"]['flow="a->b"'], -1)
        self.assertEqual(m["shunt_replicator_latency_seconds_count"]['flow="a->b"'],
                         m["shunt_replicator_latency_seconds_bucket"]['flow="a->b",le="+Inf"'])
        self.assertGreaterEqual(m["shunt_replicator_latency_seconds_count"]['flow="a->b"'], 200)

    def test_2_what_is_held(self) -> None:
        r = self.replicator()
        before = r.part()["position"]
        self.assertEqual(call(f"{r.url}/flows/a->b/pause?topic=orders", {})["paused"], True)
        self.wait_part(r, state="paused", holds=["paused"])
        write(self.clusters, 200, 100)
        part = self.wait_part(r, position=before, lag=50, end=before + 50)
        self.assertGreater(part["lag_ms"], 0)
        m = samples(r.metrics())
        self.assertEqual(m["shunt_replicator_lag_records"][ORDERS_0], 50)
        self.assertGreater(m["shunt_replicator_lag_seconds"][ORDERS_0], 0)
        self.assertEqual(m["shunt_replicator_partitions"]['flow="a->b",which="held"'], 2)
        call(f"{r.url}/flows/a->b/resume?topic=orders", {})
        self.wait_part(r, state="copying", holds=[], position=before + 50, lag=0, lag_ms=0)

    def test_3_alive_is_not_ready(self) -> None:
        lonely = Replicator(folder_for(self.addCleanup), None, ready=False)
        self.addCleanup(lonely.proc.end)
        self.assertEqual(lonely.get("/healthz"), {"status": "ok"})
        eventually(lambda: "cannot list the topics" in str(lonely.flow()["error"]), "it says what it waits for")
        self.assertEqual(samples(lonely.metrics())["shunt_replicator_ready"]['flow="a->b"'], 0)
        self.assertIn("cannot list the topics", self.ctl(0, [lonely]).stdout)
        self.assertIn("failing", self.ctl(0, [lonely]).stdout)


class Many(World):
    """A thousand partitions: answers stay small, and end at their limits."""

    topics = "many:1000,a.many:1000"

    def test_a_thousand_partitions(self) -> None:
        r = self.replicator(topics="many")
        eventually(lambda: r.flow(limit=0)["lag_unknown"] == 0, "all of them are known")
        text = r.metrics()
        self.assertEqual(len(samples(text)["shunt_replicator_lag_records"]), r.flow(limit=0)["partitions_all"])
        self.assertLess(len(text), 2 << 20)
        flow = r.flow(limit=10, topic="many")
        self.assertEqual((len(flow["partitions"]), flow["partitions_left_out"], flow["partitions_all"]), (10, 990, 1000))
        self.assertEqual([p["partition"] for p in flow["partitions"]], list(range(10)))


class Shuntctl(World):
    def test_1_status(self) -> None:
        r = self.replicator()
        write(self.clusters, 0, 200)
        self.wait_copied(r, 200)
        said = self.ctl(0, [r]).stdout
        self.assertRegex(said, r"a->b +http://127\.0\.0\.1:\d+ +copying +(\d+)/\1 ")
        self.assertRegex(said, r"a->b +orders +a\.orders +copying +2/2 +200 +0 +0\.0 +100 %")
        self.assertRegex(self.ctl(0, [r], "status", "a->b", "orders").stdout, r"a->b +orders +1 +copying +100 ")
        said = self.ctl(0, [r], "status", "--problems").stdout
        self.assertNotRegex(said, r"a->b +orders")
        told = json.loads(self.ctl(0, [r], "--json").stdout)
        self.assertEqual(told["processes"][0]["flows"][0]["flow"], "a->b")
        self.assertEqual(told["processes"][0]["url"], r.url)

    def test_2_pause_and_resume(self) -> None:
        r = self.replicator()
        self.assertIn("a->b topic orders paused", self.ctl(0, [r], "pause", "a->b", "orders").stdout)
        self.wait_part(r, state="paused")
        self.assertRegex(self.ctl(0, [r]).stdout, r"a->b +orders +a\.orders +paused ")
        self.assertIn("a->b paused", self.ctl(0, [r], "pause", "a->b").stdout)
        self.assertRegex(self.ctl(0, [r]).stdout, r"a->b +http\S+ +paused ")
        self.assertIn("the whole flow a->b is paused", self.ctl(4, [r], "resume", "a->b", "orders").stderr)
        self.assertIn("copies no topic \"x\"", self.ctl(1, [r], "resume", "a->b", "x").stderr)
        self.assertIn("it has a->b", self.ctl(1, [r], "pause", "b->a").stderr)
        told = json.loads(self.ctl(0, [r], "resume", "a->b", "--json").stdout)
        self.assertEqual(told["processes"][0]["paused"], False)
        self.wait_part(r, state="copying")

    def test_3_several_processes(self) -> None:
        one, two = self.replicator("one"), self.replicator("two", topics="nothing.else")
        self.assertEqual(self.ctl(0, [one, two], "pause", "a->b").stdout.count("a->b paused"), 2)
        failed = self.ctl(1, [one, two], "pause", "a->b", "orders")
        self.assertIn(f"{one.url}: a->b topic orders paused", failed.stdout)
        self.assertIn("a->b topic orders is not paused there", failed.stderr)
        two.proc.end()
        gone = self.ctl(3, [one, two])
        self.assertIn("a->b", gone.stdout)
        self.assertIn(f"{two.url}: ", gone.stderr)
        self.assertIn("what it copies is not shown", gone.stderr)
        told = json.loads(self.ctl(3, [one, two], "--json").stdout)
        self.assertEqual([u["url"] for u in told["unanswered"]], [two.url])

    def test_4_wrong_words(self) -> None:
        for words in (("stop", "a->b"), ("pause",), ("resume",), ("watch", "a->b", "orders"), ("status", "a->b", "t", "0")):
            self.assertIn("replicator [status]", self.ctl(2, "http://127.0.0.1:1", *words).stderr)
        self.assertIn("--listen", self.ctl(3, "http://127.0.0.1:1").stderr)
        self.assertIn("'A->B' [TOPIC]", self.ctl(0, "http://127.0.0.1:1", "--help").stdout)

    def test_5_a_first_copy_is_watched(self) -> None:
        write(self.clusters, 1000, 200)
        late = self.replicator("late", ready=False)
        said = self.ctl(0, [late], "watch").stdout
        self.assertRegex(said.splitlines()[-1], r"^a->b \[#{20}\] 100 %  \d+ of \d+ records  \d+/s  \d+\.\d MB/s  done, lag \d+$")
        lines = self.ctl(0, [late], "watch", "a->b", "--json").stdout.splitlines()
        first = json.loads(lines[-1])["processes"][0]["flows"][0]["first_copy"]
        self.assertEqual((first["done"], first["percent"]), (True, 100))
        self.assertIn("it has a->b", self.ctl(1, [late], "watch", "x->y").stderr)


if __name__ == "__main__":
    sys.exit(main())
