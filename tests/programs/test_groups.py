#!/usr/bin/env python3
"""shuntctl group and land: with a shunt-offset between two embedded clusters, syncs as MirrorMaker 2 writes them, and a
terminal that is asked.

Ends with "N passed, N failed, N skipped".
"""
from __future__ import annotations

import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import threading
import time
import urllib.request

import test_programs as programs

WAIT_S = 30.0
SYNCS = "mm2-offset-syncs.b.internal"


def text(value: str) -> bytes:
    return struct.pack(">h", len(value)) + value.encode()


def sync(topic: str, partition: int, up: int, down: int) -> str:
    """A line for ktool: an offset sync."""
    key = text(topic) + struct.pack(">i", partition)
    return f"0 0 x{key.hex()} x{struct.pack('>qq', up, down).hex()}\n"


class Groups(programs.Folder):
    def setUp(self) -> None:
        super().setUp()
        self.clusters = self.start_sandbox()
        flows = {"clusters": [{"name": n, "bootstrap.servers": self.clusters[n]} for n in "ab"],
                 "flows": [{"source": "a", "target": "b"}]}
        self.service = programs.Daemon("shunt-route", "--listen", "127.0.0.1:0", "--data.dir", str(self.dir / "route"))
        self.addCleanup(self.service.stop)
        self.ktool("write", "a", SYNCS, lines=sync("orders", 0, 100, 50) + sync("orders", 0, 200, 150)
                   + sync("orders", 1, 0, 0) + sync("orders", 1, 30, 30))
        self.mapper = programs.Daemon("shunt-offset", "--listen", "127.0.0.1:0", "--data.dir", str(self.dir / "offset"),
                                      "--flows.file", self.flows_file(flows), "--route.service", self.service.url,
                                      "--watch.interval.ms", "0")  # the syncs are by hand: the logs have less
        self.addCleanup(self.mapper.stop)
        self.wait_for_syncs()

    def start_sandbox(self) -> dict[str, str]:
        sandbox = subprocess.Popen([programs.program("shunt-sandbox"), "--a.port", "0", "--b.port", "0", "--topics",
                                    "orders:2,a.orders:2"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert sandbox.stdin and sandbox.stderr
        self.sandbox = sandbox
        for line in sandbox.stderr:
            found = re.search(r"ready: a=(\S+) b=(\S+)", line)
            if found:
                break
        else:
            raise AssertionError("shunt-sandbox did not start")
        drain = threading.Thread(target=sandbox.stderr.read, daemon=True)
        drain.start()

        def stop() -> None:
            assert sandbox.stdin and sandbox.stderr
            sandbox.terminate()
            sandbox.wait(WAIT_S)
            sandbox.stdin.close()
            drain.join()
            sandbox.stderr.close()
        self.addCleanup(stop)
        return {"a": found[1], "b": found[2]}

    def wait_for_syncs(self) -> None:
        end = time.monotonic() + WAIT_S
        while True:
            with urllib.request.urlopen(self.mapper.url + "/v1/flows") as answer:
                if json.load(answer)["flows"][0]["syncs"] >= 4:
                    return
            assert time.monotonic() < end, "the syncs are not read"
            select.select([], [], [], 0.05)

    def ktool(self, command: str, cluster: str, *words: str, lines: str = "") -> str:
        done = subprocess.run([programs.program("ktool"), command, self.clusters[cluster], *words], input=lines,
                              capture_output=True, text=True, timeout=WAIT_S)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def commit(self, cluster: str, topic: str, partition: int, offset: int, metadata: str = "") -> None:
        self.ktool("commit", cluster, "billing", topic, str(partition), str(offset), metadata)

    def committed(self) -> dict[int, int]:
        lines = self.ktool("committed", "b", "billing", "a.orders").splitlines()
        return {int(words[0]): int(words[1]) for words in (line.split(" ") for line in lines)}

    def ctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        return programs.run("shuntctl", *words, "--from", "a", "--to", "b", "--mapper", self.mapper.url, "--unverified",
                            SHUNT_ROUTE_SERVICE=self.service.url)

    def says(self, code: int, *words: str) -> str:
        done = self.ctl(*words)
        self.assertEqual(done.returncode, code, f"{words}: {done.stdout}{done.stderr}")
        return done.stdout

    def fails(self, code: int, *words: str) -> str:
        done = self.ctl(*words)
        self.assertEqual(done.returncode, code, f"{words}: {done.stdout}{done.stderr}")
        return done.stderr

    def at_a_terminal(self, answer: str, *words: str) -> tuple[int, str]:
        """Types `answer` when it is asked; the exit code, and all that it showed."""
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        typed = subprocess.Popen([programs.program("shuntctl"), *words, "--from", "a", "--to", "b", "--mapper",
                                  self.mapper.url, "--unverified"], stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        shown, asked = "", False
        while select.select([master], [], [], WAIT_S)[0]:
            try:
                shown += os.read(master, 65536).decode()
            except OSError:  # it has ended
                break
            if not asked and "[y/N]" in shown:
                os.write(master, answer.encode())
                asked = True
        return typed.wait(WAIT_S), shown

    def test_show(self) -> None:
        self.assertIn("group billing has no commit on cluster a", self.fails(1, "group", "show", "billing"))
        self.commit("a", "orders", 0, 120, "mine")
        self.commit("b", "a.orders", 0, 60)
        shown = self.says(0, "group", "show", "billing")
        self.assertRegex(shown, r"orders\s+0\s+-\s+120\s+-\s+commit\s+60\s+a.orders\s+70\s+70\s+exact")
        answer = json.loads(self.says(0, "group", "show", "billing", "--json"))
        self.assertEqual(answer["streams"][0]["commit"], {"offset": 120, "metadata": "mine"})
        assert self.sandbox.stdin
        self.sandbox.stdin.write("cluster b down\n")
        self.sandbox.stdin.flush()
        self.assertIn("target is not known: ", self.says(0, "group", "show", "billing"))

    def test_land(self) -> None:
        self.commit("a", "orders", 0, 120)
        self.commit("a", "orders", 1, 20)
        shown = self.says(0, "land", "billing", "--dry-run")
        self.assertRegex(shown, r"orders\s+0\s+commit\s+120\s+a.orders\s+-\s+70\s+70\s+exact\s+would_land")
        self.assertIn("(dry run) group billing, a to b: 2 would be landed", shown)
        self.assertEqual(self.committed(), {})
        self.assertIn("nobody can be asked here", self.fails(2, "land", "billing"))
        self.assertEqual(self.committed(), {})
        self.assertIn("1 landed", self.says(0, "land", "billing", "orders:1", "--yes"))
        self.assertEqual(self.committed(), {1: 20})
        self.assertIn("1 landed, 1 there already", self.says(0, "land", "billing", "--yes"))
        self.assertEqual(self.committed(), {0: 70, 1: 20})
        self.assertIn("2 there already", self.says(0, "land", "billing", "--yes"))

    def test_a_terminal_is_asked(self) -> None:
        self.commit("a", "orders", 0, 120)
        code, shown = self.at_a_terminal("n\n", "land", "billing")
        self.assertEqual(code, 1, shown)
        self.assertIn("write 1 commit of group billing on b? [y/N]", shown)
        self.assertIn("nothing was written", shown)
        self.assertEqual(self.committed(), {})
        code, shown = self.at_a_terminal("y\n", "land", "billing")
        self.assertEqual(code, 0, shown)
        self.assertEqual(self.committed(), {0: 70})

    def test_not_all_of_it(self) -> None:
        self.commit("a", "orders", 0, 120)
        self.commit("a", "a.orders", 0, 3)
        self.commit("b", "a.orders", 0, 90)
        shown = self.says(1, "land", "billing", "--yes")
        self.assertIn("1 would go backwards, 1 unmapped", shown)
        self.assertIn("--backwards sets it back", shown)
        self.assertEqual(self.committed(), {0: 90})
        self.says(0, "land", "billing", "orders", "--yes", "--backwards")
        self.assertEqual(self.committed(), {0: 70})
        self.assertIn("of these partitions", self.fails(1, "land", "billing", "nothing", "--yes"))
        self.assertIn("neither TOPIC nor TOPIC:PARTITION", self.fails(2, "land", "billing", "orders:x"))

    def test_export_and_import(self) -> None:
        self.commit("a", "orders", 0, 120)
        self.commit("a", "orders", 1, 20)
        self.assertEqual(self.says(0, "group", "export", "billing").splitlines(),
                         ["topic,partition,offset,used,to_topic,position,low,high,quality",
                          "orders,0,120,commit,a.orders,70,70,70,exact", "orders,1,20,commit,a.orders,20,20,20,exact"])
        for name in ("billing.csv", "billing.json"):
            path = self.dir / name
            self.says(0, "group", "export", "billing", "-o", str(path))
            path.write_text(path.read_text(encoding="utf-8").replace("120", "130"), encoding="utf-8")
            shown = self.says(0, "group", "import", "billing", "-f", str(path), "--dry-run")
            self.assertRegex(shown, r"orders\s+0\s+given\s+130\s+a.orders\s+-\s+80\s")
        self.says(0, "group", "import", "billing", "-f", str(path), "--yes")
        self.assertEqual(self.committed(), {0: 80, 1: 20})
        path.write_text("topic,partition,offset\norders,0,many\n", encoding="utf-8")
        self.assertIn("line 2", self.fails(1, "group", "import", "billing", "-f", str(path), "--yes"))
        self.assertIn("import", self.fails(2, "group", "import", "billing"))

    def test_members_report(self) -> None:
        """A client of the route service that says where it stands."""
        identity = {"cluster.code": "orders", "role": "consumer", "topics": ["orders"], "group": "billing"}
        body = json.dumps({"client": {"instance": "m1"}, "identity": identity}).encode()
        stream = urllib.request.urlopen(self.service.url + "/v1/watch", body, WAIT_S)
        self.addCleanup(stream.close)
        report = {"instance": "m1", "revision": 0, "cluster": "a", "state": "running",
                  "positions": [{"topic": "orders", "partition": 0, "offset": 140}]}
        self.assertEqual(programs.post(self.service.url + "/v1/reports", json.dumps(report).encode())[0], 200)
        self.commit("a", "orders", 0, 120)
        self.assertRegex(self.says(0, "group", "show", "billing"),
                         r"orders\s+0\s+140 \(\d+ s\)\s+120\s+-\s+live\s+-\s+a.orders\s+90\s+90\s+exact")
        assert self.sandbox.stdin
        self.sandbox.stdin.write("cluster a down\n")
        self.sandbox.stdin.flush()
        shown = self.says(0, "land", "billing", "--yes")
        self.assertRegex(shown, r"orders\s+0\s+live\s+140\s+a.orders\s+-\s+90\s+90\s+exact\s+landed")
        self.assertEqual(self.committed(), {0: 90})


def main() -> int:
    loader = programs.unittest.defaultTestLoader
    suite = loader.loadTestsFromTestCase(Groups)
    result = programs.unittest.TextTestRunner(verbosity=1, stream=sys.stdout).run(suite)
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed, {len(result.skipped)} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
