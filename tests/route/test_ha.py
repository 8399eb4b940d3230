#!/usr/bin/env python3
"""Several servers and real ZooKeeper: one order of change sets, whatever dies; and the store of one that is killed.

usage: tests/route/test_ha.py [CLASS[.TEST] ...]; ends with "N passed, N failed, N skipped".
"""
from __future__ import annotations

import http.client
import os
import random
import re
import shutil
import subprocess
import sys
import threading
import time
import unittest
import urllib.error
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.lib.httpd import main  # noqa: E402
from tests.lib.procs import ProcError  # noqa: E402
from tests.lib.rest import HttpError  # noqa: E402
from tests.lib.zookeeper import ZooKeeper  # noqa: E402
from tests.route.server import Server, Stopwatch, eventually, folder_for, put, rule  # noqa: E402
from tests.route.zkwire import NO_AUTH, Cut, ZkError, ZkWire  # noqa: E402

SEED = int(os.environ.get("SHUNT_SEED", random.SystemRandom().randrange(1 << 31)))
SESSION_MS = 2000
DIED = (OSError, urllib.error.URLError, http.client.HTTPException)


def history(server: Server) -> list[dict[str, Any]]:
    """All change sets that it keeps, oldest first."""
    changes: list[dict[str, Any]] = []
    before = None
    while True:
        page = server.get("/v1/history?limit=1000" + (f"&before={before}" if before else ""))["changes"]
        if not page:
            return changes[::-1]
        changes += page
        before = page[-1]["revision"]


class Case(unittest.TestCase):
    nodes = 1

    def setUp(self) -> None:
        self.folder = folder_for(self.addCleanup)
        self.zk = ZooKeeper(self.folder, self.nodes)
        self.addCleanup(self.zk.kill)
        self.servers: dict[str, Server] = {}

    def options(self, **more: object) -> dict[str, object]:
        return {"zookeeper_connect": self.zk.connect, "zookeeper_session_timeout_ms": SESSION_MS, "loops": 1, **more}

    def server(self, name: str, **more: object) -> Server:
        s = Server(self.folder / name, **self.options(**more))
        self.addCleanup(s.proc.kill)
        self.servers[name] = s
        return s

    def refused(self, name: str, *words: str, **more: object) -> None:
        """A server that does not start, and says why."""
        with self.assertRaises(ProcError) as caught:
            self.server(name, **more)
        for word in words:
            self.assertIn(word, str(caught.exception))

    def agree(self, deadline_s: float = 30) -> dict[str, Any]:
        """All running servers get to the same table; that table."""
        running = [s for s in self.servers.values() if s.proc.alive]

        def look() -> dict[str, Any] | None:
            tables = [s.get("/v1/table") for s in running]
            return tables[0] if all(t == tables[0] for t in tables) else None
        table = eventually(look, "all servers have the same table", deadline_s)
        assert table
        return table

    def ready(self, server: Server, deadline_s: float = 30) -> None:
        eventually(lambda: server.get("/readyz"), "the server is ready", deadline_s)


class Writer(threading.Thread):
    """Makes change sets of two rules each, at one server after the other, and notes what became of them."""

    def __init__(self, name: str, servers: list[Server], count: int, half: threading.Event) -> None:
        super().__init__()
        self.name, self.servers, self.count, self.half = name, servers, count, half
        self.acknowledged: dict[str, int] = {}
        self.unknown: set[str] = set()
        self.wrong: list[str] = []

    def run(self) -> None:
        for n in range(self.count):
            if n == self.count // 2:
                self.half.set()
            self.change(f"{self.name}-{n}", n)

    def change(self, key: str, n: int) -> None:
        operations = [rule(f"{key}-{half}", "a", comment=key) for half in "xy"]
        end = time.monotonic() + 60
        while time.monotonic() < end:
            n += 1
            try:
                answer = self.servers[n % len(self.servers)].change(*operations, comment=key)
                self.acknowledged[key] = answer["revision"]
                return
            except HttpError as why:
                if why.error["code"] == "TIMEOUT" or "the group has this change" in why.error["message"]:
                    self.unknown.add(key)
                    return
                if why.error["code"] != "UNAVAILABLE":
                    self.wrong.append(str(why))
                    return
            except urllib.error.URLError as why:
                if not isinstance(why.reason, ConnectionRefusedError):
                    self.unknown.add(key)
                    return
            except (OSError, http.client.HTTPException):
                self.unknown.add(key)
                return
            time.sleep(0.02)  # paces a client that is refused
        self.wrong.append(f"{key}: refused for 60 s")


class Storm(Case):
    """1,000 change sets of 3 clients, while a ZooKeeper leader and a server are killed."""

    nodes = 3

    def storm(self) -> None:
        servers = [self.server(n) for n in ("s1", "s2", "s3")]
        servers[0].setup()
        half = threading.Event()
        writers = [Writer(f"w{i}", servers, 334, half) for i in range(3)]
        for w in writers:
            w.start()
        self.assertTrue(half.wait(120))
        leader = self.zk.leader()
        self.zk.kill(leader)
        victim = servers[1]
        victim.proc.kill()
        if self.nodes == 1:
            self.zk.start(0)
        victim.start()
        for w in writers:
            w.join(300)
            self.assertFalse(w.is_alive())
        self.assertEqual([w.wrong for w in writers], [[], [], []])
        self.check(servers, writers)

    def check(self, servers: list[Server], writers: list[Writer]) -> None:
        table = self.agree()
        first = history(servers[0])
        for s in servers[1:]:
            self.assertEqual(history(s), first, "one order, and the same everywhere")
        self.assertEqual([c["revision"] for c in first], list(range(1, len(first) + 1)))
        times = [c["time"] for c in first]
        self.assertEqual(times, sorted(times))
        at: dict[str, list[int]] = {}
        for c in first:
            at.setdefault(c["comment"], []).append(c["revision"])
        rules = {r["id"] for r in table["rules"]}
        unknown = 0
        for w in writers:
            unknown += len(w.unknown)
            for key, revision in w.acknowledged.items():
                self.assertEqual(at.get(key), [revision], f"{key} was acknowledged")
            for key in w.unknown:
                self.assertLessEqual(len(at.get(key, [])), 1, f"{key} at most once")
            for key in (*w.acknowledged, *w.unknown):
                self.assertEqual({f"{key}-x", f"{key}-y"} & rules,
                                 {f"{key}-x", f"{key}-y"} if key in at else set(), "whole or not at all")
        made = sum(len(w.acknowledged) for w in writers)
        print(f"{made} acknowledged, {unknown} unknown, {len(first)} revisions")
        self.assertGreater(made, 900)

    def test_storm(self) -> None:
        self.storm()


class StormAlone(Storm):
    """The same where ZooKeeper is one node, killed and started again."""

    nodes = 1


class Lost(Case):
    def test_zookeeper_lost_and_back(self) -> None:
        a, b = self.server("a"), self.server("b")
        a.setup("orders")
        self.agree()
        self.zk.kill()
        eventually(lambda: a.said("connection with ZooKeeper"), "the loss is noticed")
        for s in (a, b):
            self.assertEqual(s.resolve("orders")["cluster"], "a")
            watch = Stopwatch()
            with self.assertRaises(HttpError) as caught:
                s.change(rule("orders", "b"))
            self.assertLess(watch.s(), 2)
            self.assertEqual((caught.exception.status, caught.exception.error["code"]), (503, "UNAVAILABLE"))
            self.assertRegex(caught.exception.error["message"], "not made: .*ZooKeeper")
            with self.assertRaises(HttpError) as caught:
                s.get("/readyz")
            self.assertEqual(caught.exception.status, 503)
            self.assertIn("ZooKeeper", caught.exception.error["message"])
            self.assertEqual(len(s.change(rule("orders", "b"), dry_run=True)["changed"]), 1)
        self.zk.start(0)
        for s in (a, b):
            self.ready(s)
        b.change(rule("orders", "b"))
        self.agree()
        self.assertEqual(a.resolve("orders")["cluster"], "b")

    def test_zookeeper_that_does_not_answer(self) -> None:
        a = self.server("a")
        a.setup("orders")
        self.zk.procs[0].pause()
        watch = Stopwatch()
        with self.assertRaises(HttpError) as caught:
            a.change(rule("orders", "b"))
        self.assertLess(watch.s(), 2 * SESSION_MS / 1000 + 2)
        self.assertEqual(caught.exception.error["code"], "TIMEOUT", "it may be made, or not")
        watch = Stopwatch()
        with self.assertRaises(HttpError) as caught:
            a.change(rule("orders", "b", comment="another"))
        self.assertLess(watch.s(), 1, "others are refused at once")
        self.assertEqual(caught.exception.error["code"], "UNAVAILABLE")
        self.assertEqual(a.resolve("orders")["cluster"], "a")
        self.zk.procs[0].resume()
        self.ready(a)
        a.change(rule("orders", "b", comment="at last"))
        comments = [c["operations"][0]["rule"]["comment"] for c in history(a)[1:]]
        self.assertIn(comments, (["at last"], ["", "at last"]))

    def cut(self, deliver: bool) -> None:
        way = Cut(self.zk.ports[0])
        self.addCleanup(way.close)
        a, b = self.server("a", zookeeper_connect=f"127.0.0.1:{way.port}"), self.server("b")
        a.setup("orders")
        way.at(b"/shunt/changes/" + b"2".zfill(20), deliver)
        self.assertEqual(a.change(rule("orders", "b"), expect_revision=1, comment="once")["revision"], 2)
        self.assertEqual(way.cuts, 1)
        self.agree()
        self.assertEqual([c["comment"] for c in history(b)], ["", "once"])
        self.assertEqual(a.change(rule("orders", "a"), expect_revision=2)["revision"], 3)

    def test_answer_is_lost(self) -> None:
        """ZooKeeper has made it: known again by its id, not judged a second time."""
        self.cut(deliver=True)

    def test_request_is_lost(self) -> None:
        self.cut(deliver=False)

    def test_restart_without_zookeeper(self) -> None:
        a = self.server("a")
        a.setup("orders")
        a.proc.kill()
        self.zk.kill()
        a.start()
        self.assertEqual(a.resolve("orders")["cluster"], "a")
        self.refused("fresh", "ZooKeeper", "without a table")
        self.zk.start(0)
        self.ready(a)
        a.change(rule("orders", "b"))

    def test_session_expires(self) -> None:
        a, b = self.server("a"), self.server("b")
        a.setup("orders")
        self.agree()
        a.proc.pause()
        eventually(lambda: len(b.get("/v1/servers")["servers"]) == 1, "a is given up")
        b.change(rule("orders", "b"))
        a.proc.resume()
        eventually(lambda: a.said("has ended"), "a learns that its session is over")
        self.ready(a)
        self.agree()
        a.change(rule("orders", "a"))
        self.agree()
        for s in (a, b):
            eventually(lambda s=s: len(s.get("/v1/servers")["servers"]) == 2, "both are listed")  # type: ignore[misc]
        self.assertEqual({x["url"] for x in a.get("/v1/servers")["servers"]}, {a.url, b.url})


class CatchingUp(Case):
    def test_by_snapshot(self) -> None:
        few = {"zookeeper_snapshot_changes": 20}
        a, b = self.server("a", **few), self.server("b", **few)
        a.setup("orders", "billing")
        self.agree()
        b.proc.kill()
        for i in range(60):
            a.change(rule("orders", "ab"[i % 2], comment=str(i)))
        eventually(lambda: a.said("snapshot of revision"), "a snapshot is written")
        wire = ZkWire(self.zk.ports[0])
        self.addCleanup(wire.close)
        eventually(lambda: len(wire.children("/shunt/changes")) <= 40, "old change sets are deleted")
        b.start()
        c = self.server("c", **few)
        self.assertTrue(b.said("by a snapshot") and c.said("by a snapshot"))
        self.agree()
        for code in ("orders", "billing"):
            self.assertEqual(b.resolve(code), a.resolve(code), "since and previous too")
            self.assertEqual(c.resolve(code), a.resolve(code))
        c.change(rule("orders", "a", comment="by c"))
        self.agree()
        self.assertLessEqual(len(wire.children("/shunt/snapshots")), 2)
        for s in (b, c):  # what they keep is enough to start from
            s.proc.kill()
            s.start()
        self.agree()

    def test_stale_store(self) -> None:
        a, b = self.server("a"), self.server("b")
        a.setup("orders")
        self.agree()
        b.proc.terminate()
        shutil.copytree(b.data, self.folder / "copy")
        b.start()
        for i in range(10):
            b.change(rule("orders", "ab"[i % 2], comment=str(i)))
        b.proc.kill()
        shutil.rmtree(b.data)
        shutil.copytree(self.folder / "copy", b.data)
        b.start()
        self.agree()
        self.assertEqual(history(a), history(b))

    def test_any_server_knows_what_was_acknowledged(self) -> None:
        """Refusals and "changes nothing" are not said out of a table that the group has left behind."""
        a, b = self.server("a"), self.server("b")
        a.setup("orders")
        self.agree()
        for i in range(50):
            a.change(rule("next", "a"), rule("orders", "b"))
            made = b.change({"op": "delete", "rule": "next"}, rule("orders", "a"))["revision"]
            self.assertEqual(made, 3 + 2 * i)
            with self.assertRaises(HttpError) as caught:
                a.change({"op": "delete", "rule": "next"})
            self.assertEqual(caught.exception.status, 404)

    def test_large_change_sets(self) -> None:
        a, b = self.server("a"), self.server("b")
        a.setup()
        long = [rule(f"r{i}", "a", comment="x" * 1000) for i in range(3000)]  # 3.5 MB
        a.change(*long)
        b.change(*({"op": "delete", "rule": f"r{i}"} for i in range(0, 3000, 2)), comment="y" * 1000)
        self.assertEqual(len(self.agree()["rules"]), 1500)
        self.assertEqual(history(a), history(b))
        wire = ZkWire(self.zk.ports[0])
        self.addCleanup(wire.close)
        self.assertEqual(len(wire.children("/shunt/big")), 1)
        c = self.server("c")
        self.assertEqual(len(c.get("/v1/table")["rules"]), 1500)


class FullDisk(Case):
    """ZooKeeper has a change set that one server has no room for."""

    def mount(self, how: str) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", how, "shunt-test", self.disk], check=True)

    def setUp(self) -> None:
        if os.geteuid():
            self.skipTest("needs root, to mount a small file system")
        super().setUp()
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        self.mount("size=2m")
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], check=True)

    def fill(self, server: Server) -> str:
        for i in range(1000):
            try:
                server.change(rule(f"fill-{i % 7}", "a", comment=f"{i} " + "x" * 50000))
            except HttpError as refused:
                self.assertEqual((refused.status, refused.error["code"]), (503, "UNAVAILABLE"))
                return refused.error["message"]
        self.fail("the disk never gets full")

    def test_one_server_has_no_room(self) -> None:
        a, b = self.server("a"), self.server("b", data=self.disk / "data")
        a.setup("orders")
        self.agree()
        said = re.search(r"the group has this change as revision (\d+)", self.fill(b))
        assert said
        head = int(said[1])
        with self.assertRaises(HttpError) as caught:
            b.get("/readyz")
        self.assertRegex(caught.exception.error["message"], "no room|disk is full")
        watch = Stopwatch()
        with self.assertRaises(HttpError) as caught:
            b.change(rule("orders", "b"))
        self.assertLess(watch.s(), 1)
        self.assertEqual(a.change(rule("orders", "b"))["revision"], head + 1, "refused there means not made")
        self.assertEqual(b.get("/v1/table")["revision"], head - 1, "nothing is left out")
        self.assertEqual(b.resolve("orders")["cluster"], "a")
        self.mount("remount,size=16m")
        self.ready(b)
        self.agree()
        self.assertEqual(history(a), history(b))
        self.assertEqual(b.change(rule("orders", "a"))["revision"], head + 2)


class Strangers(Case):
    def test_another_table(self) -> None:
        self.server("a").setup("orders")
        self.other = Server(self.folder / "other", loops=1)
        self.other.setup("billing")
        self.other.proc.terminate()
        self.refused("other", "another table", "move data.dir away")

    def test_changed_without_the_group(self) -> None:
        a, b = self.server("a"), self.server("b")
        a.setup("orders")
        self.agree()
        b.proc.terminate()
        alone = Server(self.folder / "alone", data=b.data, loops=1)
        alone.change(rule("orders", "b"))
        alone.proc.terminate()
        self.refused("b", "data.dir holds revision 2")
        a.change(rule("orders", "a", comment="another"))
        self.refused("b", "changes were made here without the group")

    def test_from_one_server_to_a_group(self) -> None:
        alone = Server(self.folder / "a", loops=1)
        alone.setup("orders")
        alone.change(rule("orders", "b"))
        before = alone.resolve("orders")
        alone.proc.terminate()
        a, b = self.server("a"), self.server("b")
        self.agree()
        self.assertEqual(a.resolve("orders"), before)
        self.assertEqual(b.resolve("orders"), before)

    def test_auth(self) -> None:
        key = self.folder / "key"
        key.write_text("shunt:s3cret-word\n", encoding="utf-8")
        locked = {"zookeeper_auth": f"${{file:{key}}}", "zookeeper_acl": "creator"}
        a, b = self.server("a", **locked), self.server("b", **locked)
        a.setup("orders")
        self.agree()
        stranger = ZkWire(self.zk.ports[0])
        friend = ZkWire(self.zk.ports[0], "shunt:s3cret-word")
        self.addCleanup(stranger.close)
        self.addCleanup(friend.close)
        tries = [lambda: stranger.get("/shunt/head"), lambda: stranger.children("/shunt/changes"),
                 lambda: stranger.get("/shunt/changes/" + "1".zfill(20)), lambda: stranger.set("/shunt/head", b"x"),
                 lambda: stranger.create("/shunt/changes/" + "2".zfill(20), b"x")]
        for attempt in tries:
            with self.assertRaises(ZkError) as caught:
                attempt()
            self.assertEqual(caught.exception.code, NO_AUTH)
        self.assertEqual(friend.get("/shunt/head"), b"shunt1 1\n")
        self.refused("c", "denies", "zookeeper.auth")
        for s in (a, b):
            self.assertNotIn("s3cret", s.proc.text())
        self.refused("d", "zookeeper.auth", zookeeper_auth="shunt:s3cret-word")
        self.assertNotIn("s3cret", self.servers["d"].proc.text() if "d" in self.servers else "")


class Windows(Case):
    def test_once_in_a_group(self) -> None:
        servers = [self.server(n) for n in "abc"]
        servers[0].setup("orders")
        now = time.time()
        edges = [time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now + 2 + i)) + "Z" for i in range(2)]
        window = put("rule", id="window", match={"cluster.code": "orders"}, cluster="b", priority=5,
                     valid_from=edges[0], valid_until=edges[1])
        made = servers[1].change(window)["revision"]
        eventually(lambda: servers[0].get("/v1/table")["revision"] >= made + 2, "the window has come and gone")
        self.agree()
        ticks = [c for c in history(servers[0]) if c["author"] == "shunt-route"]
        self.assertEqual([(c["revision"], c["operations"], c["comment"]) for c in ticks],
                         [(made + 1, [], "window begins"), (made + 2, [], "window ends")])
        for s in servers:
            self.assertEqual(history(s), history(servers[0]))
            route = s.resolve("orders")
            self.assertEqual((route["cluster"], route["since"], route["previous"]), ("a", made + 2, "b"))


class Alone(unittest.TestCase):
    """One server, without ZooKeeper."""

    def setUp(self) -> None:
        self.folder = folder_for(self.addCleanup)

    def server(self, **options: object) -> Server:
        s = Server(self.folder, loops=1, **options)
        self.addCleanup(s.proc.kill)
        return s

    def test_killed_at_200_moments(self) -> None:
        print(f"seed {SEED} (SHUNT_SEED)")
        dice = random.Random(SEED)
        s = self.server()
        s.setup()
        acknowledged = s.get("/v1/table")["revision"]
        n = 0
        for _ in range(200):
            killer = threading.Timer(dice.uniform(0, 0.03), s.proc.kill)
            killer.start()
            try:
                while True:
                    n += 1
                    acknowledged = s.change(rule("r", "ab"[n % 2], comment=str(n)), comment=str(n))["revision"]
            except (AssertionError, *DIED):
                pass
            killer.join()
            s.start()
            head = s.get("/v1/table")["revision"]
            self.assertIn(head - acknowledged, (0, 1), "what was acknowledged is there; one more may be")
            acknowledged = head
        changes = history(s)
        self.assertEqual([c["revision"] for c in changes], list(range(1, acknowledged + 1)))
        numbers = [int(c["comment"]) for c in changes[1:]]
        self.assertEqual(numbers, sorted(set(numbers)), "none twice, in order")
        self.assertEqual(s.get("/v1/table")["rules"][0]["comment"], str(numbers[-1]))
        print(f"{acknowledged} revisions")

    def test_past_tables(self) -> None:
        s = self.server()
        s.setup("orders")
        first = s.get("/v1/table")
        s.change(rule("orders", "b"))
        s.change({"op": "delete", "rule": "orders"})
        self.assertEqual(s.get("/v1/table?revision=1"), first)
        changed = s.get("/v1/diff?from=1&to=3")["changed"]
        self.assertEqual([(c["op"], c["kind"], c["key"], c["after"]) for c in changed], [("delete", "rule", "orders", None)])
        self.assertEqual(s.get("/v1/diff?from=3&to=1")["changed"][0]["op"], "put")
        with self.assertRaises(HttpError) as caught:
            s.get("/v1/table?revision=9")
        self.assertEqual(caught.exception.status, 404)
        with self.assertRaises(HttpError) as caught:
            s.change(rule("orders", "a"), expect_revision=2)
        self.assertEqual(caught.exception.status, 409)
        self.assertEqual([c["key"] for c in caught.exception.error["changed"]], ["orders"])
        restored = s.post("/v1/changes", {"author": "t", "restore": 1})
        self.assertEqual(restored["revision"], 4)
        self.assertEqual({**s.get("/v1/table"), "revision": 1}, first)
        with self.assertRaises(HttpError) as caught:
            s.post("/v1/changes", {"author": "t", "restore": 99})
        self.assertEqual(caught.exception.status, 404)

    def test_retention(self) -> None:
        s = self.server(history_keep_revisions=8)
        s.setup("orders", "billing")
        for i in range(40):
            s.change(rule("orders", "b", comment=str(i)))
        before = [s.resolve(c) for c in ("orders", "billing")]
        self.assertEqual(before[0]["since"], 2)
        eventually(lambda: len(history(s)) < 12, "old change sets are deleted")
        self.assertGreaterEqual(len(history(s)), 8)
        s.proc.kill()
        s.start()
        self.assertEqual([s.resolve(c) for c in ("orders", "billing")], before)
        with self.assertRaises(HttpError) as caught:
            s.get("/v1/table?revision=3")
        self.assertIn("not kept any more", caught.exception.error["message"])
        self.assertEqual(s.get("/v1/table?revision=40")["revision"], 40)


if __name__ == "__main__":
    sys.exit(main())
