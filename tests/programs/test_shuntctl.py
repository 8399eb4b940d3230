#!/usr/bin/env python3
"""shuntctl against a live route service: rules in words, the table as a file, revisions, several servers.

Ends with "N passed, N failed, N skipped".
"""
from __future__ import annotations

import http.client
import http.server
import json
import socket
import subprocess
import sys
import threading
import urllib.request
from typing import Callable, Mapping, Sequence

import test_programs as programs

EMPTY = {"clusters": [], "flows": [], "rules": []}


def closed_url() -> str:
    """Where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}"


class Admin(programs.Folder):
    def setUp(self) -> None:
        super().setUp()
        self.service = programs.Daemon("shunt-route", "--listen", "127.0.0.1:0", "--data.dir", str(self.dir / "route"))
        self.addCleanup(lambda: self.assertEqual(self.service.stop(), 0))

    def ctl(self, *words: str, url: str = "") -> subprocess.CompletedProcess[str]:
        return programs.run("shuntctl", *words, SHUNT_ROUTE_SERVICE=url or self.service.url)

    def says(self, code: int, *words: str, url: str = "") -> str:
        """What it prints, when it ends with this code."""
        done = self.ctl(*words, url=url)
        self.assertEqual(done.returncode, code, f"{words}: {done.stdout}{done.stderr}")
        return done.stdout

    def fails(self, code: int, *words: str, url: str = "") -> str:
        """What it complains of, when it ends with this code."""
        done = self.ctl(*words, url=url)
        self.assertEqual(done.returncode, code, f"{words}: {done.stdout}{done.stderr}")
        return done.stderr

    def table(self) -> dict:
        with urllib.request.urlopen(self.service.url + "/v1/table", timeout=40) as answer:
            return json.load(answer)

    def set_up_table(self, url: str = "") -> None:
        self.says(0, "cluster", "put", "a", "bootstrap.servers=h1:9092", url=url)
        self.says(0, "cluster", "put", "b", "bootstrap.servers=h2:9092", "security.protocol=ssl", url=url)
        self.says(0, "flow", "put", "a", "b", url=url)
        self.says(0, "rule", "put", "orders-main", "cluster.code=orders", "cluster=a", url=url)

    def client(self, instance: str, url: str = "", **identity: object) -> http.client.HTTPResponse:
        """A live client of orders."""
        identity = {"cluster.code": "orders", "role": "consumer", "topics": ["orders"], **identity}
        body = json.dumps({"client": {"instance": instance}, "identity": identity}).encode()
        stream = urllib.request.urlopen((url or self.service.url) + "/v1/watch", body, 20)
        self.addCleanup(stream.close)
        return stream

    def file(self, name: str, content: object) -> str:
        path = self.dir / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return str(path)


class Rules(Admin):
    def test_words_of_rules(self) -> None:
        self.set_up_table()
        self.says(0, "rule", "put", "canary", "cluster=b", "priority=9", "cluster.code=orders", "not.group=billing,audit-*",
                  "not.attr.site=x", "share=5", "share.by=attr.flink.id", "valid_from=2026-12-01T03:00:00+01:00",
                  "valid_until=2100-01-01T00:00:00Z", "prop.sasl.username=app", "prop.sasl.password=${env:KAFKA}")
        rule = next(r for r in self.table()["rules"] if r["id"] == "canary")
        self.assertEqual(rule["match"], {"cluster.code": ["orders"], "share": 5, "share.by": "attributes.flink.id",
                                         "not": {"group": ["billing", "audit-*"], "attributes": {"site": ["x"]}}})
        self.assertEqual((rule["valid_from"], rule["valid_until"]), ("2026-12-01T02:00:00Z", "2100-01-01T00:00:00Z"))
        self.assertEqual(rule["properties"], {"sasl.username": "app", "sasl.password": "${env:KAFKA}"})
        text = self.says(0, "rule")
        self.assertRegex(text, r"canary +9 +true +b +.*not.attributes.site=x.* 2026-12-01T02:00:00Z\.\.2100-01-01T00:00:00Z")

    def test_fence_and_standby(self) -> None:
        """Both survive the table in a file; a flip to the standby leaves the other cluster as standby, and no residency begins with either."""
        self.set_up_table()
        before = self.table()
        self.says(0, "rule", "put", "orders-main", "cluster=a", "standby=b", "cluster.code=orders")
        self.assertRegex(self.says(0, "rule"), r"orders-main +0 +true +a +cluster.code=orders +b +- ")
        self.assertRegex(self.says(1, "diff", str(before["revision"])), r'\+   standby: "b"')
        exported = self.says(0, "export")
        self.assertIn('"cluster":"a","standby":"b",', exported)
        since = self.routed()["since"]
        self.says(0, "flip", "orders", "--to", "b", "--fence", "--wait.ms", "0")
        rule = self.table()["rules"][0]
        self.assertEqual((rule["cluster"], rule["standby"], rule["fence"]), ("b", "a", True))
        route = self.routed()
        self.assertEqual((route["standby"], route["fence"], [v["topic"] for v in route["standby_view"]]), ("a", True, ["orders"]))
        self.assertGreater(route["since"], since)
        self.says(0, "apply", "-f", self.file("table.json", exported))
        self.assertEqual(self.says(0, "export"), exported)
        self.assertIn("operations[0].rule.standby", self.fails(1, "rule", "put", "orders-main", "cluster=a", "standby=a"))

    def routed(self) -> dict:
        return json.loads(self.says(0, "resolve", "orders", "topic=orders", "--json"))["routes"][0]

    def test_explain_says_why_not(self) -> None:
        self.set_up_table()
        self.says(0, "rule", "put", "later", "cluster=b", "priority=9", "cluster.code=orders", "valid_from=2100-01-01T00:00:00Z")
        self.says(0, "rule", "put", "none", "cluster=b", "priority=8", "cluster.code=orders", "share=0", "share.by=client.id")
        self.says(0, "rule", "put", "others", "cluster=b", "priority=7", "cluster.code=orders", "not.topic=orders")
        self.says(0, "rule", "put", "off", "cluster=b", "priority=6", "cluster.code=orders", "enabled=false")
        text = self.says(0, "explain", "orders", "topic=orders", "client.id=c1")
        self.assertRegex(text, r"orders-main +0 +a +true")
        for rule, why in (("later", "2100"), ("none", "share"), ("others", "not"), ("off", "disabled")):
            self.assertRegex(text, rf"{rule} .* false .*{why}")

    def test_properties_are_shown_to_whom_they_go(self) -> None:
        self.set_up_table()
        self.says(0, "rule", "put", "audit", "cluster=b", "priority=9", "cluster.code=orders", "group=audit",
                  "prop.sasl.username=auditor")
        self.assertIn("sasl.username=auditor", self.says(0, "resolve", "orders", "topic=orders", "group=audit"))
        self.assertNotIn("auditor", self.says(0, "resolve", "orders", "topic=orders", "group=billing"))

    def test_secrets_are_refused_and_not_shown(self) -> None:
        for words in (("cluster", "put", "a", "bootstrap.servers=h:1", "sasl.password=hunter2"),):
            done = self.ctl(*words)
            self.assertEqual(done.returncode, 1)
            self.assertIn("sasl.password", done.stderr)
            self.assertNotIn("hunter2", done.stdout + done.stderr)


class Files(Admin):
    def test_export_is_stable_and_applies_to_nothing(self) -> None:
        self.set_up_table()
        first, second = str(self.dir / "1.json"), str(self.dir / "2.json")
        self.says(0, "export", "-o", first)
        before = self.table()["revision"]
        for _ in range(2):  # made anew, in another order
            self.says(0, "rule", "delete", "orders-main")
            self.says(0, "rule", "put", "another", "cluster=b")
            self.says(0, "rule", "put", "orders-main", "cluster.code=orders", "cluster=a")
            self.says(0, "rule", "delete", "another")
        self.says(0, "export", "--output", second)
        text = (self.dir / "1.json").read_text()
        self.assertEqual(text, (self.dir / "2.json").read_text())
        self.assertEqual(text, self.says(0, "export"))
        self.assertEqual(len([line for line in text.splitlines() if line.startswith('{"')]), 4)  # an object a line
        self.assertEqual(self.says(0, "diff", "-f", first), "")
        now = self.table()["revision"]
        self.says(0, "apply", "-f", first)
        self.assertEqual(self.table()["revision"], now)
        self.assertEqual(self.says(0, "export", "--revision", str(before)), text)

    def test_apply_makes_the_table_what_the_file_says(self) -> None:
        self.set_up_table()
        wanted = json.loads(self.says(0, "export"))
        wanted["rules"][0]["cluster"] = "b"
        wanted["rules"].append({"id": "new", "cluster": "a", "match": {"cluster.code": ["audit"]}})
        wanted["flows"] = []
        path = self.file("wanted.json", wanted)
        self.client("c1")
        revision = self.table()["revision"]
        text = self.says(1, "diff", "-f", path)
        self.assertIn("- flow a->b", text)
        self.assertIn("+ rule new", text)
        self.assertRegex(text, r'  rule orders-main\n-   cluster: "a"\n\+   cluster: "b"\n')
        text = self.says(0, "apply", "-f", path, "--dry-run")
        self.assertIn("1 added, 1 changed, 1 deleted", text)
        self.assertRegex(text, r"c1 +orders +a +b")
        self.assertEqual(self.table()["revision"], revision)
        text = self.says(0, "apply", "-f", path, "--comment", "release 7")
        self.assertIn("deletes flow a->b", text)
        self.assertEqual(self.table()["revision"], revision + 1)
        self.assertIn("release 7", self.says(0, "history", "--limit", "1"))
        self.says(0, "diff", "-f", path)
        self.assertEqual(self.table()["flows"], [])

    def test_a_large_table(self) -> None:
        """More than 8 MB at once, which libcurl does not take as one text."""
        rules = [{"id": f"rule-{i:06}", "priority": i % 7, "cluster": "c", "comment": "x" * 200,
                  "match": {"cluster.code": [f"code{i // 10}"], "group": [f"group-{i}"]}} for i in range(30000)]
        path = self.file("large.json", {**EMPTY, "clusters": [{"name": "c", "bootstrap.servers": "h:1"}], "rules": rules})
        self.assertGreater((self.dir / "large.json").stat().st_size, 8 << 20)
        patient = ("--timeout.ms", "30000")
        self.assertIn("30001 added", self.says(0, "apply", "-f", path, *patient))
        self.says(0, "export", "-o", path, *patient)
        self.assertEqual(self.says(0, "diff", "-f", path, *patient), "")

    def test_a_file_from_standard_input(self) -> None:
        done = subprocess.run([programs.program("shuntctl"), "apply", "-f", "-", "--route.service", self.service.url],
                              input=json.dumps({**EMPTY, "clusters": [{"name": "c", "bootstrap.servers": "h:1"}]}),
                              capture_output=True, text=True, timeout=40)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([c["name"] for c in self.table()["clusters"]], ["c"])

    def test_bad_files_change_nothing(self) -> None:
        self.set_up_table()
        revision = self.table()["revision"]
        for content, word in (("{", "JSON"), ({"clusters": [], "flows": []}, "rules"), ({**EMPTY, "rule": []}, "rule"),
                              ({**EMPTY, "rules": [{"id": "r", "cluster": "x9"}]}, "x9"), ([], "object")):
            path = self.file("bad.json", content)
            self.assertIn(word, self.fails(1, "apply", "-f", path))
            self.assertIn(word, self.fails(2, "diff", "-f", path))
        self.assertIn("/none.json", self.fails(1, "apply", "-f", str(self.dir / "none.json")))
        for words in (("apply",), ("apply", "file"), ("diff",), ("diff", "one", "two"), ("export", "x")):
            self.fails(2, *words)
        self.assertIn("cannot", self.fails(1, "export", "-o", str(self.dir / "no" / "such" / "folder.json")))
        self.assertEqual(self.table()["revision"], revision)


class Revisions(Admin):
    def test_diff_restore_and_show(self) -> None:
        self.set_up_table()
        before = self.table()
        first = before["revision"]
        self.says(0, "flip", "orders", "--to", "b", "--wait.ms", "0", "--comment", "drill 17")
        self.says(0, "rule", "put", "new", "cluster=a", "cluster.code=audit")
        text = self.says(1, "diff", str(first), str(first + 2))
        self.assertRegex(text, r'\+ rule new .*\n  rule orders-main\n-   cluster: "a"\n\+   cluster: "b"\n')
        self.assertEqual(text, self.says(1, "diff", str(first)))
        self.assertEqual(self.says(0, "diff", str(first), str(first)), "")
        self.assertEqual(json.loads(self.says(1, "diff", str(first), str(first + 1), "--json"))["changed"][0]["key"],
                         "orders-main")
        text = self.says(0, "history", "show", str(first + 1))
        self.assertIn("drill 17", text)
        self.assertIn('+   cluster: "b"', text)
        text = self.says(0, "restore", str(first), "--dry-run")
        self.assertIn("- rule new", text)
        self.assertEqual(self.table()["revision"], first + 2)
        self.says(0, "restore", str(first))
        after = self.table()
        self.assertEqual(after.pop("revision"), first + 3)
        before.pop("revision")
        self.assertEqual(after, before)

    def test_history_pages(self) -> None:
        self.set_up_table()
        text = self.says(0, "history", "--limit", "2")
        self.assertIn("older ones: shuntctl history --before 3", text)
        text = self.says(0, "history", "--before", "3")
        self.assertRegex(text, r"(?m)^2 ")
        self.assertNotRegex(text, r"(?m)^[34] ")

    def test_what_is_not_there(self) -> None:
        self.set_up_table()
        self.assertIn("99", self.fails(1, "history", "show", "99"))
        self.assertIn("99", self.fails(1, "restore", "99"))
        self.assertIn("99", self.fails(2, "diff", "1", "99"))
        for words in (("restore",), ("restore", "x"), ("restore", "1", "2"), ("history", "show"), ("history", "list")):
            self.fails(2, *words)

    def test_conflict_says_what_changed(self) -> None:
        """Somebody flips the rule between what flip reads and what it writes."""
        self.set_up_table()

        def meddle(method: str, path: str, body: bytes) -> None:
            if method == "POST" and b'"expect_revision"' in body:
                self.says(0, "rule", "put", "orders-main", "cluster.code=orders", "cluster=a", "comment=meanwhile")

        with Between(self.service.url, before=meddle) as between:
            done = self.ctl("flip", "orders", "--to", "b", url=between.url)
        self.assertEqual(done.returncode, 4, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r'rule orders-main\n-   comment: ""\n\+   comment: "meanwhile"')


class Between:
    """Stands before a route service; sees each request, may keep its answer."""

    def __init__(self, target: str, before: Callable[[str, str, bytes], None] = lambda *_: None,
                 swallow: Callable[[str, str, bytes], bool] = lambda *_: False, group: Sequence[str] = (),
                 answers: Mapping[str, object] = {}) -> None:
        """`answers`: its own, by path.  `group`: URLs of other servers, as if ZooKeeper named them."""
        # It is not reachable by the name that it has itself.
        members = [{"id": "me", "url": "http://0.0.0.0:1"}, *({"id": url, "url": url} for url in group)]
        own = {**answers, **({"/v1/servers": {"self": "me", "servers": members}} if group else {})}

        class Handler(http.server.BaseHTTPRequestHandler):
            def pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                before(self.command, self.path, body)
                if self.path in own:
                    self.reply(200, json.dumps(own[self.path]).encode())
                    return
                request = urllib.request.Request(target + self.path, body or None, method=self.command)
                try:
                    with urllib.request.urlopen(request, timeout=40) as got:
                        status, answer = got.status, got.read()
                except urllib.error.HTTPError as refused:
                    with refused:
                        status, answer = refused.code, refused.read()
                if swallow(self.command, self.path, body):
                    self.close_connection = True
                    return
                self.reply(status, answer)

            def reply(self, status: int, answer: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = pass_on

            def log_message(self, *words: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Between:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Servers(Admin):
    def test_the_next_server(self) -> None:
        self.set_up_table()
        gone = closed_url()
        both = f"{gone},{self.service.url}"
        self.assertIn("orders-main", self.says(0, "rule", url=both))
        self.says(0, "rule", "put", "r2", "cluster=a", url=both)  # nothing was sent to the first
        self.assertIn(self.service.url, self.says(0, "servers", url=both))
        self.assertIn(gone, self.fails(3, "rule", url=gone))

    def test_an_answer_that_is_lost(self) -> None:
        """The change was made, and nobody can know."""
        self.set_up_table()
        revision = self.table()["revision"]
        with Between(self.service.url, swallow=lambda method, path, body: path == "/v1/changes") as between:
            said = self.fails(6, "rule", "put", "r2", "cluster=a", url=f"{between.url},{self.service.url}")
            self.assertEqual(self.table()["revision"], revision + 1)  # once
        self.assertIn("not known", said)
        self.assertIn("history", said)

    def test_servers(self) -> None:
        self.set_up_table()
        text = self.says(0, "servers")
        self.assertRegex(text, rf"{self.service.url} +4 +ready")
        listed = json.loads(self.says(0, "servers", "--json"))
        self.assertEqual([(s["url"], s["state"]) for s in listed], [(self.service.url, "ready")])

    def test_clients_and_filters(self) -> None:
        self.set_up_table()
        self.client("c1", group="billing")
        self.client("c2", group="audit", topics=["orders", "payments"])
        self.client("c3", **{"cluster.code": "other"})
        for words, expected in (((), "c1 c2 c3"), (("group=audit",), "c2"), (("cluster.code=orders",), "c1 c2"),
                                (("topic=pay*",), "c2"), (("instance=c1",), "c1"), (("connected=false",), "")):
            listed = json.loads(self.says(0, "clients", "--json", *words))
            self.assertEqual(" ".join(c["client"]["instance"] for c in listed["clients"]), expected, words)
            self.assertEqual(listed["unanswered"], [])
        self.assertRegex(self.says(0, "clients", "group=audit"), r"c2 +orders +consumer +audit")
        self.assertIn("behind", self.fails(1, "clients", "behind=maybe"))
        self.fails(2, "clients", "colour=red")


class Group(Admin):
    """Two servers with equal tables, and one that names both, as members of a group do."""

    def setUp(self) -> None:
        super().setUp()
        self.other = programs.Daemon("shunt-route", "--listen", "127.0.0.1:0", "--data.dir", str(self.dir / "other"))
        self.addCleanup(self.other.stop)
        self.set_up_table()
        self.set_up_table(self.other.url)

    def listed(self, *words: str, url: str) -> list[tuple[str, bool]]:
        answer = json.loads(self.says(0, "clients", "--json", *words, url=url))
        return [(c["client"]["instance"], c["connected"]) for c in answer["clients"]]

    def test_clients_of_all_servers(self) -> None:
        self.client("c1")
        self.client("c3", self.other.url)
        stream = self.client("c2")
        stream.close()
        self.client("c2", self.other.url)  # changed its server
        with Between(self.service.url, group=[self.other.url]) as between:
            everyone = [("c1", True), ("c2", True), ("c3", True)]
            self.assertEqual(self.listed(url=between.url), everyone)
            self.assertEqual(self.listed("instance=c2", url=between.url), everyone[1:2])
            self.assertEqual(self.says(0, "servers", url=between.url).count("ready"), 2)

    def test_clients_page_by_page(self) -> None:
        def page(instance: str, following: str | None) -> dict:
            return {"clients": [{"client": {"instance": instance}, "connected": True}], "next": following}

        pages = {"/v1/clients?group=g": page("c1", "c1"), "/v1/clients?group=g&after=c1": page("c2", "c 2"),
                 "/v1/clients?group=g&after=c%202": page("c3", None)}
        with Between(self.service.url, answers=pages) as between:
            self.assertEqual(self.listed("group=g", url=between.url), [("c1", True), ("c2", True), ("c3", True)])

    def test_moves_of_all_servers(self) -> None:
        self.client("c1")
        self.client("c2", self.other.url)
        with Between(self.service.url, group=[self.other.url]) as between:
            text = self.says(0, "flip", "orders", "--to", "b", "--dry-run", url=between.url)
            self.assertIn("2 live clients move", text)
            self.assertRegex(text, r"c1 +orders +a +b\nc2 +orders +a +b")
            # The flip reaches this server; that the other one's client stays is what the exit code says.
            done = self.ctl("flip", "orders", "--to", "b", "--wait.ms", "200", url=between.url)
            self.assertEqual(done.returncode, 5, done.stderr)
            self.assertIn("0 of 2 clients have moved", done.stdout)

    def test_a_client_that_is_gone_has_not_moved(self) -> None:
        def report(instance: str, cluster: str) -> None:
            body = json.dumps({"instance": instance, "revision": 0, "cluster": cluster, "state": "running"}).encode()
            self.assertEqual(programs.post(self.service.url + "/v1/reports", body)[0], 200)

        self.client("old").close()  # has left before: nothing was to move
        streams = {name: self.client(name) for name in ("done", "gone")}

        def after_the_flip(method: str, path: str, body: bytes) -> None:
            if path.startswith("/v1/clients") and streams:
                report("done", "b")  # has moved, then ended
                report("gone", "a")
                for name in ("done", "gone"):
                    streams.pop(name).close()

        with Between(self.service.url, before=after_the_flip) as between:
            done = self.ctl("flip", "orders", "--to", "b", url=between.url)
        self.assertEqual(done.returncode, 5, done.stdout + done.stderr)
        self.assertIn("2 live clients move", done.stdout)
        self.assertIn("0 of 1 clients have moved, 1 gone", done.stdout)
        self.assertIn("0 of 0 clients", self.says(0, "flip", "orders", "--to", "a"))

    def test_a_silent_server_is_named(self) -> None:
        self.client("c1")
        gone = closed_url()
        with Between(self.service.url, group=[gone, self.other.url]) as between:
            done = self.ctl("clients", url=between.url)
            self.assertEqual(done.returncode, 0)
            self.assertIn("c1", done.stdout)
            self.assertIn(gone, done.stderr)
            unanswered = json.loads(self.says(0, "clients", "--json", url=between.url))["unanswered"]
            self.assertEqual([s["url"] for s in unanswered], [gone])
            done = self.ctl("rule", "put", "new", "cluster=b", "--dry-run", url=between.url)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(gone, done.stderr)
            self.assertRegex(self.says(1, "servers", url=between.url), rf"{gone} .*does not answer")


class Translate(Admin):
    """A made-up mapper: what it is asked, and how its answers look."""

    ANSWER = {"positions": [
        {"topic": "orders", "partition": 0, "offset": 12, "quality": "ahead", "to_topic": "a.orders", "position": 9, "low": 9, "high": 11,
         "reason": "in words", "verified": True, "incarnation": 2, "sync_age_ms": 90000, "lag": 3,
         "path": [{"flow": "a->b", "reverse": True, "quality": "ahead", "to_topic": "a.orders", "position": 9, "low": 9, "high": 11,
                   "incarnation": 2, "sync_age_ms": 90000, "runs": [{"up": 5, "down": 3, "length": 6}], "reason": "hop in words"}]},
        {"topic": "x", "partition": 1, "offset": 1, "quality": "none", "to_topic": None, "position": -1, "low": -1, "high": -1,
         "reason": "no sync", "verified": False, "incarnation": None, "sync_age_ms": None, "lag": None, "path": []}]}

    def setUp(self) -> None:
        super().setUp()
        self.asked: list[dict] = []
        between = Between(self.service.url, self.note, answers={"/v1/translate": self.ANSWER})
        self.mapper = between.__enter__().url
        self.addCleanup(between.__exit__, None, None, None)
        self.set_up_table()

    def note(self, _method: str, path: str, body: bytes) -> None:
        if path == "/v1/translate":
            self.asked.append(json.loads(body))

    def translate(self, *words: str, code: int = 0) -> str:
        return self.says(code, "translate", *words, "--from", "a", "--to", "b", "--mapper", self.mapper)

    def test_the_answer_as_a_table(self) -> None:
        lines = self.translate("orders:0:12", "x:1:1").splitlines()
        self.assertRegex(lines[0], r"TOPIC +PARTITION +OFFSET +QUALITY +TO TOPIC +POSITION +LOW +HIGH +VERIFIED +LAG +SYNC AGE +REASON")
        self.assertRegex(lines[1], r"orders +0 +12 +ahead +a\.orders +9 +9 +11 +yes +3 +90 s +in words")
        self.assertRegex(lines[2], r"x +1 +1 +none +- +-1 +-1 +-1 +- +- +- +no sync")
        self.assertEqual(self.asked, [{"from": "a", "to": "b", "positions": [{"topic": "orders", "partition": 0, "offset": 12},
                                                                           {"topic": "x", "partition": 1, "offset": 1}]}])

    def test_options_are_asked(self) -> None:
        said = self.translate("orders:0:12", "--wait", "50", "--explain", "--verify")
        self.assertIn("1. a->b in reverse: a.orders ahead, low 9, high 11", said)
        self.assertIn("hop in words; incarnation 2, newest sync 90 s old", said)
        self.assertIn("records 5 to 10 stand at 3 to 8", said)
        self.assertEqual({k: v for k, v in self.asked[0].items() if k not in ("from", "to", "positions")},
                         {"wait_ms": 50, "explain": True, "verify": True})
        self.translate("orders:0", "--timestamp", "2026-12-01T03:00:00Z")
        self.assertEqual(self.asked[1]["positions"], [{"topic": "orders", "partition": 0, "timestamp": 1796094000000}])
        self.translate("--group", "billing")
        self.assertEqual(self.asked[2], {"from": "a", "to": "b", "group": "billing"})
        self.assertEqual(json.loads(self.translate("orders:0:12", "--json")), self.ANSWER)

    def test_positions_from_a_file(self) -> None:
        csv = "topic,partition,offset\n# a comment\norders,0,12\nx,1,1\n"
        positions = [{"topic": "orders", "partition": 0, "offset": 12}, {"topic": "x", "partition": 1, "offset": 1}]
        self.translate("-f", self.file("p.csv", csv))
        self.assertEqual(self.asked[0]["positions"], positions)
        done = subprocess.run([programs.program("shuntctl"), "translate", "-f", "-", "--from", "a", "--to", "b", "--mapper", self.mapper],
                              input=csv, capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.asked[1]["positions"], positions)
        said = self.fails(2, "translate", "-f", self.file("bad.csv", "orders,0,12\norders;1;2\n"), "--from", "a", "--to", "b")
        self.assertIn('line 2, "orders;1;2"', said)

    def test_bad_words(self) -> None:
        for words, complaint in ((("orders:0",), "orders:0"), (("orders:0", "--timestamp", "soon"), "soon"), ((), "--group"),
                                 (("orders:0:1", "--group", "g"), "--group"), (("orders:0:1", "--wait", "soon"), "wait"),
                                 (("-f", "/no/such/file"), "/no/such/file")):
            self.assertIn(complaint, self.fails(2, "translate", *words, "--from", "a", "--to", "b", "--mapper", self.mapper))
        self.assertIn("--from", self.fails(2, "translate", "orders:0:1", "--to", "b"))
        self.assertEqual(self.asked, [])

    def test_mappers_of_the_table(self) -> None:
        self.assertIn("names a mapper", self.fails(1, "translate", "orders:0:1", "--from", "a", "--to", "b"))
        self.says(0, "cluster", "put", "c", "bootstrap.servers=h3:9092")
        self.says(0, "flow", "put", "a", "b", f"mappers={closed_url()},{self.mapper}")
        self.assertIn("orders", self.says(0, "translate", "orders:0:12", "--from", "b", "--to", "a"))
        self.assertIn("orders", self.says(0, "translate", "orders:0:12", "--from", "b", "--to", "c"))  # over a, perhaps
        self.assertEqual(len(self.asked), 2)


def main() -> int:
    loader = programs.unittest.defaultTestLoader
    suite = loader.loadTestsFromModule(sys.modules[__name__])
    result = programs.unittest.TextTestRunner(verbosity=1, stream=sys.stdout).run(suite)
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed, {len(result.skipped)} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
