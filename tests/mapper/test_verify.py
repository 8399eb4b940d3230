#!/usr/bin/env python3
"""`shunt-offset verify`, `shuntctl verify` and the sampler by itself: what they print, exit with and leave in /metrics.

usage: tests/mapper/test_verify.py; ends with "N passed, N failed, N skipped".
"""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import unittest  # noqa: E402

from tests.lib import records  # noqa: E402
from tests.lib.httpd import BUILD, eventually, folder_for, main  # noqa: E402
from tests.mapper.syncs import Mapper, Sync, clusters, write  # noqa: E402

RECORDS = 300
AHEAD = 3  # records of others that stand on the target before the copies


class Verify(unittest.TestCase):
    def start(self, syncs: list[Sync], **options: object) -> Mapper:
        folder = folder_for(self.addCleanup)
        at = clusters(self.addCleanup, folder / "clusters", "orders:1,b/a.orders:1")
        lines = [f"0 {1700000000000 + i} x{i:04x} x{i * i:08x}" for i in range(RECORDS)]
        records.write(at, "a", "orders", lines)
        records.write(at, "b", "a.orders", [f"0 1 - x{i:02x}" for i in range(AHEAD)] + lines)
        if syncs:
            write(at, syncs)
        mapper = Mapper(folder, at, **options)
        self.addCleanup(mapper.proc.end)
        mapper.wait_read(at)
        return mapper

    def run_it(self, code: int, *words: object) -> str:
        done = subprocess.run([BUILD / "bin" / str(words[0]), *map(str, words[1:])], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def here(self, mapper: Mapper) -> list[object]:
        return ["shunt-offset", "verify", "a->b", "--listen", f"127.0.0.1:{mapper.port}"]

    def test_all_agrees(self) -> None:
        mapper = self.start([("orders", 0, 0, AHEAD), ("orders", 0, RECORDS - 1, AHEAD + RECORDS - 1)])
        text = self.run_it(0, *self.here(mapper), "--samples", 50)
        self.assertIn("flow a->b: 50 random positions, 100.00 % answered exact, and right", text)
        self.assertIn("all agrees", text)
        self.assertEqual(json.loads(self.run_it(0, *self.here(mapper), "--json"))["samples"], 100)
        by_ctl = self.run_it(0, "shuntctl", "verify", "a->b", "--mapper", mapper.url, "--samples", 20)
        self.assertIn("20 random positions", by_ctl)
        self.assertEqual(mapper.metric("shunt_offset_verify_samples_total"), 170)
        self.assertEqual(mapper.metric("shunt_offset_verify_exact_ratio"), 1)
        self.assertEqual(mapper.metric("shunt_offset_verify_disagreements_total"), 0)

    def test_a_lie(self) -> None:
        mapper = self.start([("orders", 0, 0, AHEAD + 2), ("orders", 0, RECORDS - 10, AHEAD + 2 + RECORDS - 10)])
        text = self.run_it(1, *self.here(mapper), "--samples", 8)
        self.assertRegex(text, r"WRONG ANSWER \(past\): orders \[0\] offset \d+: exact \d+ of a.orders .* SKIPS records")
        mapper.proc.wait_for(r"ERROR verify of flow a->b: WRONG ANSWER \(past\): orders \[0\]")
        self.assertGreater(mapper.metric("shunt_offset_verify_disagreements_total"), 4)
        self.assertGreater(mapper.metric("shunt_offset_verify_verdicts_total", verdict="past"), 4)
        self.assertIn("WRONG ANSWER", self.run_it(1, "shuntctl", "verify", "a->b", "--mapper", mapper.url, "--samples", 8))

    def test_by_itself(self) -> None:
        mapper = self.start([("orders", 0, 0, AHEAD), ("orders", 0, RECORDS - 1, AHEAD + RECORDS - 1)], verify_interval_ms=20)
        eventually(lambda: mapper.metric("shunt_offset_verify_samples_total") > 5, "it looks by itself")
        seen = mapper.get("/v1/verify")
        self.assertEqual((seen["interval_ms"], seen["flows"][0]["disagreements"]), (20, 0))

    def test_what_cannot_be(self) -> None:
        mapper = self.start([])
        self.assertIn("no sync of any partition", self.run_it(1, *self.here(mapper)))
        self.assertIn("no flow is called", self.run_it(1, *self.here(mapper)[:2], "x->y", *self.here(mapper)[3:]))
        self.assertIn("usage:", self.run_it(2, "shunt-offset", "verify"))
        self.assertIn("is no flow", self.run_it(2, "shuntctl", "verify", "ab", "--mapper", mapper.url))
        mapper.proc.end()
        self.assertIn("does the mapper run?", self.run_it(3, *self.here(mapper)))
        self.assertTrue(self.run_it(3, "shuntctl", "verify", "a->b", "--mapper", mapper.url))


if __name__ == "__main__":
    sys.exit(main())
