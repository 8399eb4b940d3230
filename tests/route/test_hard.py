#!/usr/bin/env python3
"""What a shunt-route must survive: slow, vanished, greedy and garbled peers, and a machine that runs out of things.

usage: tests/route/test_hard.py [CLASS[.TEST] ...]; ends with "N passed, N failed, N skipped".
"""
from __future__ import annotations

import os
import random
import resource
import socket
import struct
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.lib import httpd  # noqa: E402
from tests.route.flock import Flock  # noqa: E402
from tests.lib.rest import HttpError  # noqa: E402
from tests.route.net import Cable, Unable  # noqa: E402
from tests.route.server import (ANSWER_S, BUILD, Server, Stopwatch, Wire, eventually, folder_for, identity, put,  # noqa: E402
                                request, rule, watch_request)

ALIVE_S = 2.0  # within which a healthy server answers, whatever others do to it


class Case(unittest.TestCase):
    options: dict[str, object] = {}

    def setUp(self) -> None:
        self.folder = folder_for(self.addCleanup)
        self.start(**self.options)

    def start(self, **options: object) -> None:
        self.server = Server(self.folder, **options)
        self.addCleanup(self.server.proc.end)
        self.server.setup("orders")

    def wire(self) -> Wire:
        w = Wire(self.server.address)
        self.addCleanup(w.drop)
        return w

    def alive(self) -> None:
        """It answers, soon."""
        watch = Stopwatch()
        w = self.wire()
        self.assertEqual(w.ask("GET", "/healthz").status, 200)
        self.assertLess(watch.s(), ALIVE_S)
        w.drop()

    def flip(self) -> str:
        """Moves orders to the other cluster; its name."""
        to = "b" if self.server.resolve("orders")["cluster"] == "a" else "a"
        self.server.change(rule("orders", to))
        return to

    def pushed(self, watcher: Wire) -> None:
        """The watcher hears of the next flip."""
        to = self.flip()
        while watcher.event("route")[1]["routes"][0]["cluster"] != to:
            pass

    def gone(self, connections: int = 0) -> None:
        """No more than these connections are left (the question itself is one)."""
        eventually(lambda: self.server.metric("shunt_route_http_connections") <= connections + 1, "connections are gone")


class Slow(Case):
    """Peers that send too slowly to ever come to an end."""

    options = {"head_timeout_ms": 1000, "body_timeout_ms": 1000}

    def trickle(self, first: bytes, each: bytes) -> None:
        wires = [self.wire() for _ in range(50)]
        for w in wires:
            w.send(first)
            w.socket.setblocking(False)
        refused: set[Wire] = set()

        def all_refused() -> bool:
            for w in set(wires) - refused:
                try:
                    w.socket.send(each)
                    data = w.socket.recv(4096)
                except BlockingIOError:
                    continue
                except (BrokenPipeError, ConnectionResetError):
                    data = b""
                w.got += data
                if not data:
                    refused.add(w)
            return len(refused) == len(wires)

        self.alive()
        eventually(all_refused, "slow peers are refused")
        self.alive()
        told = [w for w in wires if w.got]
        self.assertGreater(len(told), 0)
        for w in told:
            self.assertEqual(w.answer().error["code"], "TIMEOUT")

    def test_head_byte_by_byte(self) -> None:
        self.trickle(b"GET /healthz HTTP/1.1\r\nX: ", b"y")

    def test_body_byte_by_byte(self) -> None:
        self.trickle(b"POST /v1/resolve HTTP/1.1\r\nContent-Length: 100000\r\n\r\n{", b" ")

    def test_a_slow_but_honest_peer_is_served(self) -> None:
        w = self.wire()
        for byte in request("GET", "/healthz"):
            w.send(bytes([byte]))
        self.assertEqual(w.answer().status, 200)


class Oversized(Case):
    options = {"body_max_bytes": 4096, "header_max_bytes": 8192, "line_max_bytes": 2048}

    def refused(self, data: bytes, *statuses: int) -> None:
        w = self.wire()
        try:
            w.send(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it need not read what it refuses
        got = w.answer()
        self.assertIn(got.status, statuses)
        self.assertEqual(got.error["code"], "LIMIT")
        self.alive()

    def test_body(self) -> None:
        self.refused(request("POST", "/v1/resolve", b"{" + b" " * 5000 + b"}"), 413)

    def test_body_that_is_only_announced(self) -> None:
        self.refused(b"POST /v1/resolve HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413)

    def test_body_in_chunks(self) -> None:
        chunk = b"400\r\n" + b" " * 0x400 + b"\r\n"
        self.refused(b"POST /v1/resolve HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 5, 413)

    def test_head(self) -> None:
        self.refused(request("GET", "/healthz", None, *(f"X-{i}: {'y' * 200}" for i in range(60))), 431)

    def test_head_of_very_many_headers(self) -> None:
        self.refused(request("GET", "/healthz", None, *(f"X{i}:" for i in range(3000))), 431)

    def test_header_line(self) -> None:
        self.refused(request("GET", "/healthz", None, "X: " + "y" * 4000), 431)

    def test_request_line(self) -> None:
        self.refused(request("GET", "/healthz?" + "y" * 4000), 414)


class LargeTable(Case):
    """As many rules as a table takes, and one more."""

    OBJECTS = 250_000
    AT_ONCE = 100_000

    def test_it_is_full_and_can_be_exported_and_imported(self) -> None:
        if "address" in BUILD.name:
            self.skipTest("takes minutes with sanitizers")
        for first in range(1, self.OBJECTS, self.AT_ONCE):  # setup() has made one
            last = min(first + self.AT_ONCE, self.OBJECTS)
            self.server.change(*(put("rule", id=f"r{i}", cluster="a", match={"cluster.code": f"c{i}"}) for i in range(first, last)))
        for dry_run in (True, False):
            with self.assertRaises(HttpError) as caught:
                self.server.change(rule("more", "a"), dry_run=dry_run)
            self.assertEqual((caught.exception.status, caught.exception.error["code"]), (413, "LIMIT"))
        table = self.server.get("/v1/table")
        self.assertEqual(len(table["rules"]), self.OBJECTS)
        table["rules"][0]["cluster"] = "b"
        self.server.post("/v1/changes", {"table": table})
        self.server.change(rule("more", "a"), {"op": "delete", "rule": "r1"})
        self.alive()


class Pipelined(Case):
    def test_answers_come_in_order(self) -> None:
        w = self.wire()
        asked = []
        for i in range(500):
            path, status = [("/healthz", 200), ("/v1/nothing", 404), ("/v1/history?limit=0", 400)][i % 3]
            asked.append(status)
            w.send(request("GET", path))
            if i % 10 == 0:
                asked.append(200)
                w.send(request("POST", "/v1/resolve", {"identity": identity("orders")}))
            if i % 100 == 0:  # goes to the writer thread and comes back later
                asked.append(200)
                w.send(request("POST", "/v1/changes", {"operations": [rule(f"r{i}", "a")]}))
        self.assertEqual([w.answer().status for _ in asked], asked)

    def test_a_watch_is_the_last_request(self) -> None:
        w = self.wire()
        w.send(request("GET", "/healthz") + watch_request("one", "orders") + request("GET", "/healthz") * 100)
        self.assertEqual(w.answer().status, 200)
        self.assertEqual(w.answer().headers["content-type"].split(";")[0], "text/event-stream")
        self.assertEqual(w.event()[0], "route")
        self.pushed(w)
        self.alive()

    def test_what_is_left_when_the_peer_goes_is_forgotten(self) -> None:
        for _ in range(20):
            w = self.wire()
            w.send(request("POST", "/v1/changes", {"operations": [rule("x", "a")]}) * 20)
            w.drop()
        self.gone()
        self.alive()


class Garbage(Case):
    def test_what_is_not_http(self) -> None:
        chance = random.Random(4)
        hello = bytes.fromhex("16030102000100fc0303")
        inputs = [hello + chance.randbytes(500), b"\0" * 1000, b"\r\n" * 2000, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
                  b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"BREW /pot HTTP/1.1\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n",
                  b"POST /v1/resolve HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                  b"POST /v1/resolve HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
                  b"POST /v1/resolve HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}"]
        inputs += [chance.randbytes(chance.randint(1, 3000)) for _ in range(100)]
        for data in inputs:
            w = self.wire()
            w.send(data)
            w.socket.shutdown(socket.SHUT_WR)
            came = w.closed()
            if came:
                w.got = came
                self.assertTrue(w.answer().error, data[:60])
        self.alive()
        self.gone()

    def test_half_requests(self) -> None:
        whole = request("POST", "/v1/changes", {"operations": [rule("half", "a")]})
        for cut in range(0, len(whole), 3):
            w = self.wire()
            w.send(whole[:cut])
            if cut % 2:  # a reset instead of an end
                w.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            w.drop()
        self.gone()
        self.assertEqual(self.server.get("/healthz")["revision"], 1)  # no half of it counted
        self.alive()


class Caps(Case):
    options = {"connections_max": 40, "connections_per_address_max": 20, "idle_timeout_ms": 2000}

    def test_connections_of_one_address_and_of_all(self) -> None:
        watcher = self.wire()
        watcher.watch("one", "orders")
        for _ in range(19):
            self.assertEqual(self.wire().ask("GET", "/healthz").status, 200)
        turned_away = self.wire()
        self.assertEqual(turned_away.answer().error["code"], "BUSY")
        self.assertEqual(turned_away.closed(), b"")
        others = [self.from_address("127.0.0.2") for _ in range(20)]
        for w in others:
            self.assertEqual(w.ask("GET", "/healthz").status, 200)
        third = self.from_address("127.0.0.3")
        self.assertEqual(third.answer().error["code"], "BUSY")
        self.assertEqual(others[0].ask("POST", "/v1/changes", {"operations": [rule("orders", "b")]}).status, 200)
        self.assertEqual(watcher.event("route")[1]["routes"][0]["cluster"], "b")

    def test_idle_connections_make_room(self) -> None:
        for _ in range(20):
            self.assertEqual(self.wire().ask("GET", "/healthz").status, 200)
        eventually(lambda: self.wire().ask("GET", "/healthz").status == 200, "idle connections are closed")

    def from_address(self, address: str) -> Wire:
        s = socket.create_connection(self.server.address, ANSWER_S, source_address=(address, 0))
        w = Wire(self.server.address, s)
        self.addCleanup(w.drop)
        return w


class NeverReading(Case):
    WATCHERS = 1000
    options = {"stream_backlog_max_bytes": 65536, "connections_max": 5000, "watch_rate_max": 100000}

    def test_watchers_that_never_read(self) -> None:
        reader = self.wire()
        reader.watch("reader", "orders")
        deaf = [self.deaf(i) for i in range(self.WATCHERS)]
        eventually(lambda: len(self.server.get("/v1/clients?limit=5000")["clients"]) == self.WATCHERS + 1, "all have come")
        before_kb = self.server.memory_kb()
        dropped = 0.0
        for _ in range(60):  # what the kernel takes for each, and a little more
            self.pushed_big(reader)
            dropped = self.server.metric("shunt_route_streams_dropped_total")
            # what is kept for each is its backlog, and a little for itself; sanitizers keep what is freed
            each_kb = 500 if "address" in BUILD.name else 64 + 16
            self.assertLess(self.server.memory_kb() - before_kb, self.WATCHERS * each_kb)
            if dropped == self.WATCHERS:
                break
        self.assertEqual(dropped, self.WATCHERS)
        self.assertTrue(self.server.said(r"do not read their events"))
        self.pushed(reader)
        self.alive()
        for w in deaf:
            w.drop()

    def deaf(self, i: int) -> Wire:
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(self.server.address)
        w = Wire(self.server.address, s)
        w.send(watch_request(f"deaf-{i}", "orders"))
        self.addCleanup(w.drop)
        return w

    def pushed_big(self, reader: Wire) -> None:
        to = "b" if self.server.resolve("orders")["cluster"] == "a" else "a"
        pad = {"ssl.ca.pem": to * 32000}
        self.server.change(put("cluster", name=to, properties=pad, **{"bootstrap.servers": f"{to}:9092"}),
                           rule("orders", to))
        while reader.event("route")[1]["routes"][0]["cluster"] != to:
            pass


class NoDescriptors(Case):
    LIMIT = 64

    def start(self, **options: object) -> None:
        super().start(under=["prlimit", f"--nofile={self.LIMIT}:{self.LIMIT}"], **options)

    def test_accepting_pauses_and_goes_on(self) -> None:
        watcher = self.wire()
        watcher.watch("one", "orders")
        asker = self.wire()
        self.assertEqual(asker.ask("GET", "/healthz").status, 200)
        crowd = [self.wire() for _ in range(2 * self.LIMIT)]
        eventually(lambda: self.server.descriptors() >= self.LIMIT - 1, "no descriptor is left")
        waiting = crowd[-1]
        waiting.send(request("GET", "/healthz"))
        for to in "baba":  # those that are in are served and pushed to
            done = asker.ask("POST", "/v1/changes", {"operations": [rule("orders", to)]})
            self.assertEqual(done.status, 200, done)
            self.assertEqual(watcher.event("route")[1]["routes"][0]["cluster"], to)
        cpu = self.cpu_s()
        waiting.socket.settimeout(1)
        with self.assertRaises(TimeoutError):
            waiting.answer()
        self.assertLess(self.cpu_s() - cpu, 0.5, "it spins")
        for w in crowd[:-1]:
            w.drop()
        waiting.socket.settimeout(ANSWER_S)
        self.assertEqual(waiting.answer().status, 200)
        self.pushed(watcher)
        self.alive()

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.server.proc.pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100


class Vanished(Case):
    """A peer that is gone without a word: no FIN, no reset, no acknowledgement."""

    options = {"idle_timeout_ms": 2000, "heartbeat_interval_ms": 500, "head_timeout_ms": 2000, "body_timeout_ms": 2000}

    def start(self, **options: object) -> None:
        try:
            self.cable = Cable()
        except Unable as why:
            self.skipTest(str(why))
        self.addCleanup(self.cable.remove)
        super().start(host=self.cable.near, **options)

    def test_its_connections_are_closed(self) -> None:
        beyond = [Wire(("", 0), self.cable.connect(self.server.port, ANSWER_S)) for _ in range(20)]
        for w in beyond:
            self.addCleanup(w.drop)
        for i, w in enumerate(beyond[:10]):
            w.watch(f"lost-{i}", "orders")
        beyond[10].send(b"POST /v1/resolve HTTP/1.1\r\nContent-Length: 10\r\n\r\n{")
        here = self.wire()
        here.watch("here", "orders")
        self.cable.cut()
        self.pushed(here)
        self.gone(1)
        connected = [c["client"]["instance"] for c in self.server.get("/v1/clients")["clients"] if c["connected"]]
        self.assertEqual(connected, ["here"])
        self.pushed(here)


class DiskFull(Case):
    """A change that the disk can't take is refused; what was acknowledged stays, and all else goes on."""

    def start(self, **options: object) -> None:
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        if os.geteuid():
            self.skipTest("needs root, to mount a small file system")
        self.mount("size=2m")
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], check=True)
        super().start(data=self.disk / "data", **options)

    def mount(self, how: str) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", how, "shunt-test", self.disk], check=True)

    def fill(self) -> tuple[int, HttpError]:
        """Changes until one is refused: the last revision that was acknowledged, and the refusal."""
        for i in range(1000):
            try:
                revision = self.server.change(rule(f"fill-{i % 7}", "a", comment=f"{i} " + "x" * 50000))["revision"]
            except HttpError as refused:
                return revision, refused
        self.fail("the disk never gets full")

    def test_changes_are_refused_and_all_else_goes_on(self) -> None:
        watcher = self.wire()
        watcher.watch("one", "orders")
        revision, refused = self.fill()
        self.assertEqual((refused.status, refused.error["code"]), (503, "UNAVAILABLE"))
        self.assertRegex(refused.error["message"], r"(?i)no space|disk|room")
        table = self.server.get("/v1/table")
        self.assertEqual(table["revision"], revision)
        for _ in range(20):  # and again: nothing piles up
            with self.assertRaises(HttpError):
                self.server.change(rule("again", "a", comment="x" * 300000))
        self.alive()
        self.assertEqual(self.server.resolve("orders")["cluster"], "a")
        second = self.wire()
        self.assertEqual(second.watch("two", "orders")["revision"], revision)
        self.assertEqual(len(self.server.get("/v1/clients")["clients"]), 2)
        self.mount("remount,size=8m")
        self.pushed(watcher)
        self.pushed(second)
        self.assertEqual(self.server.get("/healthz")["revision"], revision + 2)

    def test_a_restart_on_a_full_disk_loses_nothing(self) -> None:
        revision, _ = self.fill()
        table = self.server.get("/v1/table")
        self.server.proc.kill()
        self.server.start()
        self.assertEqual(self.server.get("/v1/table"), table)
        self.assertEqual(len(self.server.get("/v1/history?limit=1000")["changes"]), revision)
        self.mount("remount,size=8m")
        self.assertEqual(self.server.change(rule("orders", "b"))["revision"], revision + 1)


class ClockJumps(Case):
    """Somebody sets the time while rules with windows come and go."""

    HOUR = 3600
    options = {"heartbeat_interval_ms": 200}

    def start(self, **options: object) -> None:
        self.clock = self.folder / "clock"
        self.shift(0)
        env = {"LD_PRELOAD": str(BUILD / "lib/shift_clock.so"), "SHIFT_CLOCK": str(self.clock)}
        if "address" in BUILD.name:
            env["ASAN_OPTIONS"] = "verify_asan_link_order=0"
        super().start(env=env, **options)

    def shift(self, seconds: int) -> None:
        with open(self.clock, "r+b" if self.clock.exists() else "wb") as f:
            f.write(struct.pack("=q", seconds))

    @staticmethod
    def moment(from_now_s: int) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + from_now_s))

    def routed_to(self, cluster: str) -> None:
        eventually(lambda: self.server.resolve("orders")["cluster"] == cluster, f"orders is routed to {cluster}")

    def window(self, begin_s: int, end_s: int) -> int:
        return self.server.change(rule("orders", "a"), put(
            "rule", id="night", match={"cluster.code": "orders"}, priority=9, cluster="b",
            valid_from=self.moment(begin_s), valid_until=self.moment(end_s)))["revision"]

    def test_windows_when_the_clock_jumps(self) -> None:
        watcher = self.wire()
        watcher.watch("one", "orders")
        made = self.window(self.HOUR, 3 * self.HOUR)
        self.assertEqual(self.server.resolve("orders")["cluster"], "a")
        self.shift(2 * self.HOUR)  # forward, into the window
        self.routed_to("b")
        seen = watcher.event("route")[1]
        self.assertEqual((seen["routes"][0]["cluster"], seen["revision"]), ("b", made + 1))
        self.shift(-24 * self.HOUR)  # back: what has begun has begun
        changed = self.server.change(put("cluster", name="c", **{"bootstrap.servers": "c:1"}))["revision"]
        self.assertEqual(changed, made + 2)
        route = self.server.resolve("orders")
        self.assertEqual((route["cluster"], route["since"], route["previous"]), ("b", made + 1, "a"))
        self.shift(4 * self.HOUR)  # forward, past its end
        self.routed_to("a")
        while watcher.event("route")[1]["routes"][0]["cluster"] != "a":
            pass
        route = self.server.resolve("orders")
        self.assertEqual((route["since"], route["previous"]), (made + 3, "b"))
        self.history_is_in_order(made + 3)

    def test_jumps_disturb_nobody(self) -> None:
        watcher = self.wire()
        watcher.watch("one", "orders")
        self.server.post("/v1/reports", {"instance": "one", "revision": 1, "cluster": "a", "state": "running", "since": 1})
        for hours in (1, -1, 9000, -9000, 0, 100000, -100000):
            self.shift(hours * self.HOUR)
            self.pushed(watcher)
            watcher.event("heartbeat")
            watcher.event("heartbeat")
            self.alive()
            (client,) = self.server.get("/v1/clients")["clients"]
            self.assertTrue(client["connected"])
            self.assertTrue(0 <= client["report_age_ms"] < 60000, client)
        self.shift(0)
        revision = self.server.get("/healthz")["revision"]
        self.history_is_in_order(revision)
        since = self.server.resolve("orders")
        self.server.proc.kill()
        self.shift(-5 * self.HOUR)
        self.server.start()
        self.assertEqual(self.server.resolve("orders"), since)
        self.assertEqual(self.server.change(rule("more", "a"))["revision"], revision + 1)
        self.history_is_in_order(revision + 1)

    def history_is_in_order(self, n: int) -> None:
        changes = self.server.get("/v1/history?limit=1000")["changes"]
        self.assertEqual([c["revision"] for c in changes], list(range(n, 0, -1)))
        times = [c["time"] for c in changes]
        self.assertEqual(times, sorted(times, reverse=True))


class Storm(Case):
    """A restart under 5,000 watchers: they come back spread, and the server answers all the while."""

    WATCHERS = 5000
    RATE = 500
    options = {"watch_rate_max": RATE, "connections_max": 20000, "connections_per_address_max": 20000}

    def test_restart_is_no_storm(self) -> None:
        flock = Flock(self.server.address, self.WATCHERS, "orders")
        self.addCleanup(flock.close)
        self.assertTrue(flock.run(lambda: flock.count() == self.WATCHERS, 60), f"{flock.count()} have come")
        self.server.proc.kill()
        self.assertTrue(flock.run(lambda: flock.count() == 0, 20), "all have noticed")
        self.server.start()
        flock.refused = 0
        watch = Stopwatch()
        probes = []

        def all_back() -> bool:
            probe = Stopwatch()
            self.assertEqual(self.wire_now().ask("GET", "/healthz").status, 200)
            probes.append(probe.s())
            return flock.count() == self.WATCHERS

        back = flock.run(all_back, 60)
        self.assertTrue(back, f"{flock.count()} of {self.WATCHERS} are back")
        took = watch.s()
        self.assertLess(took, 3 * self.WATCHERS / self.RATE + 10)
        # The rate and a burst of one second: a busy machine can only make it longer.
        self.assertGreaterEqual(took, self.WATCHERS / self.RATE - 1)
        self.assertLess(max(probes), ALIVE_S)
        self.assertGreater(flock.refused, 0, "nobody was asked to come later")
        self.flip()
        self.assertTrue(flock.run(lambda: all(m.events >= 2 for m in flock.members), 20), "not all heard of the flip")

    def wire_now(self) -> Wire:
        self.doCleanups_of_probe()
        self.probe = Wire(self.server.address)
        return self.probe

    def doCleanups_of_probe(self) -> None:
        if probe := getattr(self, "probe", None):
            probe.drop()


def main() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    assert hard >= 12000, f"needs 12,000 descriptors, may have {hard} (was {soft})"
    return httpd.main()


if __name__ == "__main__":
    sys.exit(main())
