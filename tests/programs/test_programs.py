#!/usr/bin/env python3
"""The programs as processes: command lines, bad input, occupied ports, foreign files, shuntctl.

Ends with "N passed, N failed, N skipped".
"""
from __future__ import annotations

import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("SHUNT_BUILD", ROOT / "build/release"))
READY_S = 40
STORES = {"shunt-route": "route.lmdb", "shunt-offset": "offset.lmdb"}
FLOWS = {
    "clusters": [{"name": "a", "bootstrap.servers": "127.0.0.1:1"}, {"name": "b", "bootstrap.servers": "127.0.0.1:1"}],
    "flows": [{"source": "a", "target": "b"}],
}


def program(name: str) -> str:
    return str(BUILD / "bin" / name)


def run(name: str, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program(name), *words], capture_output=True, text=True, timeout=READY_S,
                          stdin=subprocess.DEVNULL, env={**os.environ, **env})


class Daemon:
    """A program that says `ready: URL` on stderr."""

    def __init__(self, name: str, *words: str) -> None:
        self.process = subprocess.Popen([program(name), *words], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                        text=True)
        guard = threading.Timer(READY_S, self.process.kill)
        guard.start()
        lines = []
        self.url = ""
        assert self.process.stderr
        for line in self.process.stderr:
            lines.append(line)
            found = re.search(r"ready: (http://\S+)", line)
            if found:
                self.url = found[1]
                break
        guard.cancel()
        if not self.url:
            raise AssertionError(f"{name} did not start:\n{''.join(lines)}")
        self.drain = threading.Thread(target=self.process.stderr.read, daemon=True)
        self.drain.start()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=READY_S)
        self.drain.join()
        assert self.process.stderr
        self.process.stderr.close()
        return code


def post(url: str, body: bytes) -> tuple[int, dict]:
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=READY_S) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


class Folder(unittest.TestCase):
    def setUp(self) -> None:
        self.dir = Path(tempfile.mkdtemp(prefix="shunt-programs-"))
        self.addCleanup(shutil.rmtree, self.dir)

    def refuses(self, done: subprocess.CompletedProcess[str], *words: str) -> None:
        """Exit code 1 and one sentence on stderr that holds these words."""
        self.assertEqual(done.returncode, 1, done.stderr)
        said = [line for line in done.stderr.splitlines() if " INFO " not in line]
        self.assertEqual(len(said), 1, done.stderr)
        for word in words:
            self.assertIn(word, said[0])

    def flows_file(self, content: object) -> str:
        path = self.dir / "flows.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return str(path)


class Starting(Folder):
    """What every service says when it cannot start."""

    def services(self) -> list[tuple[str, list[str]]]:
        return [("shunt-route", []), ("shunt-offset", ["--flows.file", self.flows_file(FLOWS)])]

    def test_occupied_port(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            for name, words in self.services():
                self.refuses(run(name, "--listen", address, "--data.dir", str(self.dir / name), *words), address)

    def test_unwritable_folder(self) -> None:
        blocker = self.dir / "file"
        blocker.write_text("not a folder")
        for name, words in self.services():
            self.refuses(run(name, "--listen", "127.0.0.1:0", "--data.dir", str(blocker / "sub"), *words),
                         str(blocker))

    def test_damaged_store(self) -> None:
        for name, words in self.services():
            folder = self.dir / name
            folder.mkdir()
            (folder / STORES[name]).write_bytes(b"no LMDB file at all" * 1000)
            self.refuses(run(name, "--listen", "127.0.0.1:0", "--data.dir", str(folder), *words),
                         str(folder / STORES[name]))

    def test_store_of_the_other_program(self) -> None:
        for name, words in self.services():
            Daemon(name, "--listen", "127.0.0.1:0", "--data.dir", str(self.dir / name), *words).stop()
        for name, words in self.services():
            (other,) = set(STORES) - {name}
            folder = self.dir / ("foreign-" + name)
            folder.mkdir()
            shutil.copy(self.dir / other / STORES[other], folder / STORES[name])
            self.refuses(run(name, "--listen", "127.0.0.1:0", "--data.dir", str(folder), *words),
                         str(folder / STORES[name]))

    def test_store_in_use(self) -> None:
        for name, words in self.services():
            folder = str(self.dir / name)
            first = Daemon(name, "--listen", "127.0.0.1:0", "--data.dir", folder, *words)
            self.refuses(run(name, "--listen", "127.0.0.1:0", "--data.dir", folder, *words), folder)
            first.stop()

    def test_bad_options(self) -> None:
        for name, words in self.services():
            done = run(name, "--no.such.option", "1", *words)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("no.such.option", done.stderr)
            done = run(name, "--log.level", "loud", "--listen", "127.0.0.1:0", "--data.dir", str(self.dir), *words)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("loud", done.stderr)

    def test_half_a_group(self) -> None:
        """What would make a server of a group, but not one that works."""
        zk = ["--zookeeper.connect", "127.0.0.1:1"]
        cases = [(["--zookeeper.auth", "${env:HOME}"], ["zookeeper.connect", "zookeeper.auth"]),
                 (["--zookeeper.acl", "creator"], ["zookeeper.connect", "zookeeper.acl"]),
                 (["--advertise.url", "route-1:7070"], ["advertise.url", "route-1:7070"]),
                 (["--listen", "0.0.0.0:0", *zk], ["advertise.url", "0.0.0.0"])]
        for words, said in cases:
            self.refuses(run("shunt-route", "--listen", "127.0.0.1:0", "--data.dir", str(self.dir / "route"), *words), *said)

    def test_help_and_version(self) -> None:
        for name in ("shunt-route", "shunt-offset", "shunt-replicator", "shunt-sandbox", "shuntctl"):
            done = run(name, "--help")
            self.assertEqual(done.returncode, 0, name)
            self.assertRegex(done.stdout.lower(), r"example|e\.g\.|\n  shunt-", name)
            self.assertTrue(run(name, "--help-options").stdout.startswith("| option |"), name)
        for name in ("shunt-route", "shunt-offset", "shunt-replicator", "shuntctl"):
            self.assertIn("0.1", run(name, "--version").stdout)

    def test_sample_configurations(self) -> None:
        """They have every option with its default, and the programs take them with all of them set."""
        for name in ("shunt-route", "shunt-offset"):
            self.sample_configuration(name)

    def sample_configuration(self, name: str) -> None:
        table = run(name, "--help-options").stdout
        defaults = dict(re.findall(r"^\| `(\S+)` \| (.*?) \|", table, re.M))
        sample = (ROOT / f"docs/{name}.conf").read_text(encoding="utf-8")
        listed = dict(re.findall(r"^#?([a-z.]+) = (.*)$", sample, re.M))
        for not_for_files in ("help", "help-options", "version", "json", "samples", "timeout.ms"):
            defaults.pop(not_for_files, None)
        self.assertEqual(sorted(listed), sorted(defaults), name)
        with_default = {key: value for key, value in defaults.items() if value != "-"}
        self.assertEqual({key: listed[key] for key in with_default}, with_default, name)
        path = self.dir / f"all-{name}.conf"
        path.write_text("".join(f"{key} = {listed[key]}\n" for key in with_default), encoding="utf-8")
        needed = ["--flows.file", str(ROOT / "docs/flows.json")] if name == "shunt-offset" else []
        for config in (ROOT / f"docs/{name}.conf", path):
            Daemon(name, "--config", str(config), "--listen", "127.0.0.1:0", "--data.dir",
                   str(self.dir / config.stem), *needed).stop()

    def test_bad_flows_file(self) -> None:
        cases = [
            ('{"clusters":[', ["JSON"]),
            ({"clusters": FLOWS["clusters"], "flows": [{"source": "a", "target": "x9"}]}, ["x9"]),
            ({"clusters": [{"name": "a", "bootstrap.servers": ""}], "flows": []}, ["bootstrap.servers"]),
            ({"clusters": FLOWS["clusters"], "flows": [{"source": "a", "target": "b", "polcy": "default"}]}, ["polcy"]),
        ]
        for content, words in cases:
            done = run("shunt-offset", "--listen", "127.0.0.1:0", "--data.dir", str(self.dir / "store"),
                       "--flows.file", self.flows_file(content))
            self.refuses(done, *words)

    def mapper(self, folder: Path) -> Daemon:
        return Daemon("shunt-offset", "--listen", "127.0.0.1:0", "--data.dir", str(folder), "--flows.file", self.flows_file(FLOWS))

    def runs_of(self, folder: Path) -> list[dict[str, int]]:
        """As a mapper on it answers."""
        daemon = self.mapper(folder)
        asked = "/v1/runs?flow=a-%3Eb&topic=orders.of.shop.0&partition=3&limit=100000"
        with urllib.request.urlopen(daemon.url + asked, timeout=READY_S) as answer:
            runs = json.load(answer)["runs"]
        self.assertEqual(daemon.stop(), 0)
        return runs

    def test_backup_verify_restore(self) -> None:
        store, copy = self.dir / "store", self.dir / "copy"
        self.assertEqual(run("bench_mapper", str(self.dir), "20000", "10", "3000").returncode, 0)
        daemon = self.mapper(store)
        self.assertEqual(run("shunt-offset", "backup", str(store), str(copy)).returncode, 0)
        for folder in (store, copy):
            sound = run("shunt-offset", "verify-store", str(folder))
            self.assertEqual(sound.returncode, 0, sound.stdout + sound.stderr)
            self.assertRegex(sound.stdout, "1 flows, 10 partitions, .* 20000 runs, .*: sound\n$")
        self.refuses(run("shunt-offset", "backup", str(store), str(copy)), str(copy), "is there already")
        self.assertEqual(daemon.stop(), 0)
        runs = self.runs_of(store)
        self.assertGreater(len(runs), 1000)
        self.assertEqual(self.runs_of(copy), runs)

    def test_verify_store_of_what_is_damaged(self) -> None:
        self.assertEqual(run("bench_mapper", str(self.dir), "20000", "10").returncode, 0)
        whole = (self.dir / "store/offset.lmdb").read_bytes()
        (self.dir / "hurt").mkdir()
        hurt = self.dir / "hurt/offset.lmdb"
        page = 4096
        for kind, damaged in (("cut", whole[:len(whole) // 3]), ("overwritten", whole[:20 * page] + b"\xa5" * 10 * page + whole[30 * page:])):
            hurt.write_bytes(damaged)
            said = run("shunt-offset", "verify-store", str(hurt.parent))
            self.assertEqual(said.returncode, 1, kind)
            self.assertRegex(said.stdout + said.stderr, "damaged|cut short", kind)
            self.assertIn("backup in its place", " ".join((said.stdout + said.stderr).split()).replace("Put a", "a"), kind)
        self.refuses(run("shunt-offset", "verify-store", str(self.dir / "nothing")), "nothing", "No such file")
        self.assertFalse((self.dir / "nothing").exists())

    def test_replicator_bad_file(self) -> None:
        path = self.dir / "mm2.properties"
        for text, word in (("clusters = a, b\na.bootstrap.servers = h:1\na->b.enabled = true\n", "b.bootstrap.servers"),
                           ("clusters = a, b\n\\u12", "2"),
                           ("clusters = a, b\na.bootstrap.servers = h:1\nb.bootstrap.servers = h:2\n"
                            "a->b.enabled = true\na->b.offset.lag.max = many\n", "many")):
            path.write_text(text, encoding="utf-8")
            self.refuses(run("shunt-replicator", str(path)), word)


class Routing(Folder):
    """shuntctl and bad requests against a live route service."""

    def setUp(self) -> None:
        super().setUp()
        self.service = Daemon("shunt-route", "--listen", "127.0.0.1:0", "--data.dir", str(self.dir / "route"),
                              "--body.max.bytes", str(4 << 20))
        self.addCleanup(lambda: self.assertEqual(self.service.stop(), 0))
        self.ok("cluster", "put", "a", "bootstrap.servers=h1:9092")
        self.ok("cluster", "put", "b", "bootstrap.servers=h2:9092", "security.protocol=ssl")
        self.ok("flow", "put", "a", "b")
        self.ok("rule", "put", "orders-main", "cluster.code=orders", "cluster=a")

    def ctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        return run("shuntctl", *words, SHUNT_ROUTE_SERVICE=self.service.url)

    def ok(self, *words: str) -> str:
        done = self.ctl(*words)
        self.assertEqual(done.returncode, 0, f"{words}: {done.stderr}")
        return done.stdout

    def revision(self) -> int:
        with urllib.request.urlopen(self.service.url + "/v1/table", timeout=READY_S) as answer:
            return json.load(answer)["revision"]

    def test_lists(self) -> None:
        self.assertRegex(self.ok("cluster"), r"b\s+h2:9092\s+security.protocol=ssl")
        self.assertRegex(self.ok("flow", "list"), r"a\s+b\s+default\s+source")
        self.assertRegex(self.ok("rule"), r"orders-main\s+0\s+true\s+a\s+cluster.code=orders")
        table = json.loads(self.ok("rule", "--json"))
        self.assertEqual(table[0]["id"], "orders-main")

    def test_flip_history_and_residency(self) -> None:
        before = json.loads(self.ok("resolve", "orders", "topic=orders", "--json"))
        self.assertEqual(before["routes"][0]["cluster"], "a")
        self.assertIn("dry run", self.ok("flip", "orders", "--to", "b", "--dry-run"))
        self.assertEqual(self.revision(), before["revision"])
        self.ok("flip", "orders", "--to", "b", "--comment", "drill")
        after = json.loads(self.ok("resolve", "orders", "topic=orders", "--json"))["routes"][0]
        self.assertEqual((after["cluster"], after["previous"], after["since"]), ("b", "a", self.revision()))
        self.assertEqual([v["topic"] for v in after["view"]], ["orders", "a.orders"])
        self.assertIn("drill", self.ok("history", "--limit", "1"))
        self.assertIn("is on b already", self.ok("flip", "orders", "--to", "b"))
        for words in (("nosuch", "--to", "a"), ("orders", "--to", "a", "--rule", "nope"),
                      ("orders", "--to", "b", "--from", "a")):
            done = self.ctl("flip", *words)
            self.assertEqual((done.returncode, "names cluster.code" in done.stderr), (1, True), words)

    def test_explain(self) -> None:
        self.ok("rule", "put", "billing", "cluster.code=orders", "group=billing", "cluster=b", "priority=10")
        text = self.ok("explain", "orders", "topic=orders", "group=billing")
        self.assertIn("no rule matches", self.ok("resolve", "nosuch", "topic=t"))
        self.assertRegex(text, r"billing\s+10\s+b\s+true")
        self.assertRegex(text, r"orders-main\s+0\s+a\s+false")

    def test_refusals_name_field_and_value(self) -> None:
        revision = self.revision()
        for words, said in ((("rule", "put", "r", "cluster=x9"), "x9"),
                            (("rule", "put", "r", "cluster=a", "topic=or[ders"), "or[ders"),
                            (("cluster", "put", "c", "bootstrap.servers="), "bootstrap.servers"),
                            (("cluster", "delete", "a"), "a"),
                            (("flow", "put", "a", "zz"), "zz"),
                            (("flip", "orders", "--to", "nowhere"), "nowhere")):
            done = self.ctl(*words)
            self.assertEqual(done.returncode, 1, f"{words}: {done.stdout}{done.stderr}")
            self.assertIn(said, done.stderr)
            refused = json.loads(self.ctl(*words, "--json").stdout)
            self.assertTrue(refused["error"]["message"])
        self.assertEqual(self.revision(), revision)

    def test_usage_and_unreachable(self) -> None:
        for words in (("nonsense",), ("flip", "orders"), ("rule", "put", "r", "colour=red"), ("clients", "--to", "b"),
                      ("translate", "orders", "--from", "a", "--to", "b"), ("cluster", "--timeout.ms", "soon"), ("cluster", "list", "more"), ()):
            self.assertEqual(self.ctl(*words).returncode, 2, words)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        done = self.ctl("clients", "--route.service", f"http://127.0.0.1:{port}")
        self.assertEqual(done.returncode, 3)
        self.assertIn(str(port), done.stderr)
        # Several services: the first that answers.
        self.ok("clients", "--route.service", f"http://127.0.0.1:{port},{self.service.url}")

    def test_all_or_nothing(self) -> None:
        revision = self.revision()
        good = {"op": "put", "cluster": {"name": "c", "bootstrap.servers": "h3:1"}}
        bad = {"op": "put", "rule": {"id": "r", "cluster": "x9"}}
        status, answer = post(self.service.url + "/v1/changes",
                              json.dumps({"author": "t", "operations": [good, bad]}).encode())
        self.assertEqual((status, answer["error"]["field"], answer["error"]["value"]),
                         (400, "operations[1].rule.cluster", "x9"))
        self.assertEqual(self.revision(), revision)
        self.assertNotIn("h3:1", self.ok("cluster"))

    def test_conflict(self) -> None:
        good = {"op": "put", "cluster": {"name": "c", "bootstrap.servers": "h3:1"}}
        status, answer = post(self.service.url + "/v1/changes",
                              json.dumps({"author": "t", "expect_revision": 1, "operations": [good]}).encode())
        self.assertEqual((status, answer["error"]["code"], answer["error"]["revision"]),
                         (409, "CONFLICT", self.revision()))

    def watch(self) -> subprocess.Popen[str]:
        """An administrator who looks on; the caller has seen the first route."""
        watcher = subprocess.Popen([program("shuntctl"), "watch", "orders", "topic=orders", "--json"], text=True,
                                   stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                   env={**os.environ, "SHUNT_ROUTE_SERVICE": self.service.url})
        self.addCleanup(lambda: (watcher.kill(), watcher.wait(), watcher.stdout.close()))
        guard = threading.Timer(READY_S, watcher.kill)
        guard.start()
        assert watcher.stdout
        self.assertEqual(self.event(watcher)["routes"][0]["cluster"], "a")
        guard.cancel()
        return watcher

    @staticmethod
    def event(watcher: subprocess.Popen[str]) -> dict:
        assert watcher.stdout
        for line in watcher.stdout:
            said = json.loads(line)
            if said["event"] == "route":
                return said["data"]
        raise AssertionError("the watch ended")

    def silent_client(self) -> None:
        """A live client that never reports."""
        identity = {"cluster.code": "orders", "role": "consumer", "topics": ["orders"]}
        body = json.dumps({"client": {"instance": "silent"}, "identity": identity}).encode()
        stream = urllib.request.urlopen(self.service.url + "/v1/watch", body, READY_S)
        self.addCleanup(stream.close)

    def test_watch_and_clients_that_do_not_follow(self) -> None:
        watchers = [self.watch(), self.watch()]
        self.assertEqual(len(re.findall(r"shuntctl\S*\s+orders\s+consumer", self.ok("clients"))), 2)
        self.silent_client()
        dry = self.ok("flip", "orders", "--to", "b", "--dry-run")
        self.assertIn("3 live clients move", dry)
        done = self.ctl("flip", "orders", "--to", "b", "--wait.ms", "300")
        self.assertEqual(done.returncode, 5, done.stdout + done.stderr)
        self.assertIn("0 of 1 clients have moved", done.stdout)
        for watcher in watchers:
            self.assertEqual(self.event(watcher)["routes"][0]["cluster"], "b")

    def test_translate(self) -> None:
        mapper = Daemon("shunt-offset", "--listen", "127.0.0.1:0", "--data.dir", str(self.dir / "offset"),
                        "--flows.file", self.flows_file(FLOWS))
        self.addCleanup(mapper.stop)
        self.assertEqual(self.ctl("translate", "orders:0:7", "--from", "a", "--to", "b").returncode, 1)
        self.ok("flow", "put", "a", "b", f"mappers={mapper.url}")
        done = self.ctl("translate", "orders:0:7", "--from", "a", "--to", "b")
        self.assertEqual(done.returncode, 1, "nothing is said of syncs that nobody has read")
        self.assertIn("flow a->b: its syncs are being read for the first time", done.stderr)
        self.assertEqual(self.ctl("translate", "orders:0:7", "--from", "a", "--to", "zz").returncode, 1)

    def test_exit_code_of_a_conflict(self) -> None:
        """A service whose table always changes between the reading and the flip."""
        table = {"revision": 3, "clusters": [], "flows": [],
                 "rules": [{"id": "r", "match": {"cluster.code": ["orders"]}, "cluster": "a"}]}

        class Moving(http.server.BaseHTTPRequestHandler):
            def answer(self, status: int, body: dict) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def do_GET(self) -> None:
                self.answer(200, table)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.answer(409, {"error": {"code": "CONFLICT", "message": "revision 3 is not 4", "revision": 4}})

            def log_message(self, *words: object) -> None:
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Moving)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.addCleanup(lambda: (server.shutdown(), thread.join(), server.server_close()))
        done = run("shuntctl", "flip", "orders", "--to", "b", "--route.service",
                   f"http://127.0.0.1:{server.server_port}")
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("revision 3 is not 4", done.stderr)

    def test_help_of_each_command(self) -> None:
        for command in ("cluster", "flow", "rule", "flip", "clients", "resolve", "explain", "translate", "group", "land", "watch",
                        "history", "diff", "restore", "export", "apply", "servers"):
            text = self.ok(command, "--help")
            self.assertIn(f"example:\n  shuntctl {command}", text)

    def test_garbage_requests(self) -> None:
        for path, body, status in (("/v1/changes", b'{"operations":[', 400), ("/v1/changes", b"[]", 400),
                                   ("/v1/changes", b'{"author":"t","operations":[{"op":"swap"}]}', 400),
                                   ("/v1/resolve", b'{"identity":{"cluster.code":7}}', 400),
                                   ("/v1/resolve", b"\xff\xfe\x00", 400), ("/v1/nothing", b"{}", 404),
                                   ("/healthz", b"{}", 405), ("/v1/resolve", b"{" + b" " * (8 << 20) + b"}", 413),
                                   ("/v1/changes", json.dumps({"author": "t", "operations": [{
                                       "op": "put", "rule": {"id": "r", "cluster": "a", "fence": "at once"}}]}).encode(), 400)):
            try:
                got, answer = post(self.service.url + path, body)
            except (BrokenPipeError, ConnectionResetError, urllib.error.URLError):
                self.assertEqual(status, 413)  # the server need not read what it refuses
                continue
            self.assertEqual(got, status, f"{path} {body[:60]!r}: {answer}")
            self.assertTrue(answer["error"]["message"])
        for path, word in (("/v1/history?limt=5", "limt"), ("/v1/table?at=3", "at"), ("/healthz?x=1", "x"), ("/healthz?x", "query"),
                           ("/v1/history?limit=0", "limit")):
            with self.assertRaises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(self.service.url + path, timeout=READY_S)
            with refused.exception as answer:
                self.assertEqual((answer.code, json.load(answer)["error"]["field"]), (400, word))
        self.ok("clients")


def main() -> int:
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    result = unittest.TextTestRunner(verbosity=1, stream=sys.stdout).run(suite)
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed, {len(result.skipped)} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
