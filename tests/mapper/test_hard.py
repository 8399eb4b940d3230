#!/usr/bin/env python3
"""What a shunt-offset must survive: kill -9 at any moment, a full disk, bad records, brokers that come and go.

usage: tests/mapper/test_hard.py [CLASS[.TEST] ...]; ends with "N passed, N failed, N skipped".
"""
from __future__ import annotations

import os
import random
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.lib.httpd import BUILD, eventually, folder_for, main  # noqa: E402
from tests.mapper.syncs import TOPIC, Mapper, Sync, Writer, clusters, record, write, write_lines  # noqa: E402

KILLS = 200
SEED = 20261127


def stream(n: int, topics: int = 3, seed: int = SEED) -> list[Sync]:
    """Syncs as MirrorMaker 2 writes them: runs, holes, extras, a copy that goes back, a target made anew."""
    chance = random.Random(seed)
    at = {t: (0, 0) for t in range(topics)}
    syncs: list[Sync] = []
    for _ in range(n):
        t = chance.randrange(topics)
        up, down = at[t]
        step = chance.randint(1, 100)
        kind = chance.random()
        up, down = up + step + (kind < 0.2), down + step + (0.2 < kind < 0.3)
        if kind > 0.995:
            up = max(0, up - chance.randint(0, 300))
        elif kind > 0.99:
            down = 0
        at[t] = up, down
        syncs.append((f"t{t}", 0, up, down))
    return syncs


def known(mapper: Mapper, topic: str, offsets: list[int]) -> list[tuple[object, ...]]:
    """Answers, but for what changes with time."""
    return [tuple(mapper.ask(topic, at)[k] for k in ("quality", "position", "low", "high", "incarnation")) for at in offsets]


class Case(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = folder_for(self.addCleanup)
        self.clusters = clusters(self.addCleanup, self.folder / "clusters")

    def mapper(self, name: str = "mapper", **more: object) -> Mapper:
        mapper = Mapper(self.folder, self.clusters, name, **more)
        self.addCleanup(mapper.proc.end)
        return mapper

    def same(self, one: Mapper, other: Mapper, topics: int = 3) -> None:
        """The same runs, counters and answers."""
        for t in range(topics):
            runs = one.runs(f"t{t}")
            self.assertEqual(runs, other.runs(f"t{t}"))
            asked = [run["up"] for run in runs[:: max(1, len(runs) // 20)]]
            eventually(lambda t=t, q=asked: known(one, f"t{t}", q) == known(other, f"t{t}", q),  # type: ignore[misc]
                       "they answer alike, when both have seen where the logs end")
        for what in ("position", "syncs", "runs", "undecodable"):
            self.assertEqual(one.flow()[what], other.flow()[what], what)


class Killed(Case):
    def test_at_200_random_moments(self) -> None:
        """The store equals that of a mapper that was never killed."""
        chance = random.Random(SEED)
        syncs = stream(20000)
        writer = Writer(self.clusters)
        victim = self.mapper("victim")
        for i in range(KILLS):
            piece = len(syncs) // KILLS
            writer.push(syncs[i * piece:(i + 1) * piece])
            until = time.monotonic() + chance.uniform(0, 0.05)
            eventually(lambda u=until: time.monotonic() >= u, "a random moment")  # type: ignore[misc]
            victim.proc.kill()
            victim.start()
        writer.end()
        whole = self.mapper("whole")
        victim.wait_read(self.clusters)
        whole.wait_read(self.clusters)
        self.same(victim, whole)

    def test_while_the_backlog_is_read(self) -> None:
        """The same where every moment falls into a batch: there is always more to read."""
        write(self.clusters, stream(60000))
        victim = self.mapper("victim")
        for _ in range(20):
            if victim.flow()["position"] >= 60000:
                break
            victim.proc.kill()
            victim.start()
        whole = self.mapper("whole")
        victim.wait_read(self.clusters)
        whole.wait_read(self.clusters)
        self.same(victim, whole)


class DiskFull(Case):
    """What the disk can't take is asked for again; answers go on."""

    def setUp(self) -> None:
        super().setUp()
        if os.geteuid():
            self.skipTest("needs root, to mount a small file system")
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        self.mount("size=1m")
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], check=True)

    def mount(self, how: str) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", how, "shunt-test", self.disk], check=True)

    def test_it_says_so_and_goes_on_when_there_is_room(self) -> None:
        write(self.clusters, [("known", 0, 0, 0), ("known", 0, 100, 100)])
        mapper = self.mapper(data=self.disk / "data")
        mapper.wait_read(self.clusters)
        syncs = [(f"t{i % 3}", 0, 10 * i, 7 * i) for i in range(120000)]
        write(self.clusters, syncs)
        error = eventually(lambda: mapper.flow()["error"], "the disk is full")
        self.assertRegex(error, r"(?i)no space|disk|room")
        self.assertEqual(mapper.ask("known", 50)["position"], 50)
        self.assertEqual(mapper.get("/healthz")["status"], "ok")
        self.mount("remount,size=200m")
        mapper.wait_read(self.clusters)
        eventually(lambda: not mapper.flow()["error"], "the trouble is over")
        whole = self.mapper("whole")
        whole.wait_read(self.clusters)
        self.same(mapper, whole)

    def test_a_start_on_a_full_disk_says_why(self) -> None:
        (self.disk / "fill").write_bytes(b"x" * ((1 << 20) - 8192))
        with self.assertRaisesRegex(AssertionError, r"(?i)no space|disk|room"):
            self.mapper(data=self.disk / "data")


class StoreFull(Case):
    def test_it_says_so_and_goes_on_with_a_larger_one(self) -> None:
        write(self.clusters, [("known", 0, 0, 0), ("known", 0, 100, 100)])
        mapper = self.mapper(store_max_mib=1)
        mapper.wait_read(self.clusters)
        write(self.clusters, [(f"t{i % 3}", 0, 10 * i, 7 * i) for i in range(120000)])
        error = eventually(lambda: mapper.flow()["error"], "the store is full")
        self.assertRegex(error, r"store\.max\.mib")
        self.assertEqual(mapper.ask("known", 50)["position"], 50)
        mapper.proc.end()
        mapper.proc.argv[mapper.proc.argv.index("--store.max.mib") + 1] = "100"
        mapper.start()
        mapper.wait_read(self.clusters)
        whole = self.mapper("whole")
        whole.wait_read(self.clusters)
        self.same(mapper, whole)


class Backup(Case):
    def shunt_offset(self, *words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run([BUILD / "bin/shunt-offset", *map(str, words)], capture_output=True, text=True, check=False, timeout=60)

    def test_of_a_running_one_and_back(self) -> None:
        """The copy is whole, taken under load; a mapper that starts from it answers alike."""
        syncs = stream(40000)
        writer = Writer(self.clusters)
        writer.push(syncs[:20000])
        mapper = self.mapper()
        eventually(lambda: mapper.flow()["position"] > 1000, "it reads")
        copy = self.folder / "copy"
        done = self.shunt_offset("backup", mapper.data, copy)
        self.assertEqual(done.returncode, 0, done.stderr)
        writer.push(syncs[20000:])
        writer.end()
        mapper.wait_read(self.clusters)
        checked = self.shunt_offset("verify-store", copy)
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertEqual(self.shunt_offset("verify-store", mapper.data).returncode, 0)
        restored = self.mapper("restored", data=copy)
        restored.wait_read(self.clusters)
        self.same(mapper, restored)

    def test_a_broken_one_is_told(self) -> None:
        write(self.clusters, stream(5000))
        mapper = self.mapper()
        mapper.wait_read(self.clusters)
        mapper.proc.end()
        file = next(mapper.data.glob("*.lmdb"))
        data = bytearray(file.read_bytes())
        for at in range(3 * 4096, len(data), 4096):  # pages behind the two heads and the first
            data[at + 2048:at + 2112] = bytes(64)
        file.write_bytes(data)
        done = self.shunt_offset("verify-store", mapper.data)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)


class BadRecords(Case):
    def test_they_are_counted_and_never_fatal(self) -> None:
        write(self.clusters, [("good", 0, 10, 10)])
        chance = random.Random(SEED)
        key = b"\0\4good\0\0\0\0"
        bad = [record(key, None), record(None, b"x" * 16), record(b"", b""), record(key, b"x" * 15), record(b"\xff" * 9, b"x" * 16),
               record(key[:-1], b"\0" * 16), record(key, b"\xff" * 16)]
        bad += [record(chance.randbytes(chance.randint(0, 40)), chance.randbytes(chance.randint(0, 15))) for _ in range(200)]
        write_lines(self.clusters, bad)
        write(self.clusters, [("good", 0, 110, 110)])
        mapper = self.mapper()
        mapper.wait_read(self.clusters)
        flow = mapper.flow()
        self.assertEqual(flow["syncs"], 2)
        # Tombstones may be counted by themselves.
        self.assertEqual(flow["undecodable"] + flow.get("tombstones", 0), len(bad))
        self.assertGreater(mapper.metric("shunt_offset_undecodable_total", flow="a->b"), 200)
        self.assertEqual(mapper.ask("good", 60)["position"], 60)
        self.assertRegex(mapper.proc.text(), f"{TOPIC} offset 1 skipped")


class Brokers(Case):
    def test_connections_cut_while_it_reads(self) -> None:
        """Again and again, in the middle of batches: nothing is lost, nothing is read twice."""
        writer = Writer(self.clusters)
        syncs = stream(30000)
        mapper = self.mapper()
        for i in range(15):
            writer.push(syncs[i * 2000:(i + 1) * 2000])
            eventually(lambda n=i * 1500: mapper.flow()["position"] > n, "it reads")  # type: ignore[misc]
            self.clusters.kill("a")
            self.assertEqual(mapper.get("/healthz")["status"], "ok")
            self.clusters.revive("a")
        writer.end()
        whole = self.mapper("whole")
        mapper.wait_read(self.clusters)
        whole.wait_read(self.clusters)
        self.same(mapper, whole)

    def test_stops_soon_when_all_brokers_are_dead(self) -> None:
        mapper = self.mapper()
        self.clusters.kill("a")
        self.clusters.kill("b")
        eventually(lambda: mapper.flow()["error"], "it says that the broker is gone")
        started = time.monotonic()
        self.assertEqual(mapper.proc.terminate(20), 0)
        self.assertLess(time.monotonic() - started, 10)


if __name__ == "__main__":
    sys.exit(main())
