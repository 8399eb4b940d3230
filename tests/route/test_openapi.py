#!/usr/bin/env python3
"""route-service/openapi.json against the server, in both directions.

Every path, method and query parameter of the server stands in the file, and nothing else does; all that a scripted session is
answered validates against the schemas; every status that the file promises is provoked, and no other is seen; a body that the
schema refuses is refused by the server, and one that it allows is not.

usage: tests/route/test_openapi.py; ends with "N passed, N failed, N skipped".
"""
from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Iterator

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.lib import openapi  # noqa: E402
from tests.lib.httpd import main  # noqa: E402
from tests.route.server import Answer, Server, Wire, folder_for, identity, put, rule  # noqa: E402

SPEC = openapi.Spec("route-service")
# Promised, and provoked by test_hard.py: a full disk, a server that stops.
ELSEWHERE = {("/readyz", "get", "503"), ("/v1/changes", "post", "503")}


class File(openapi.File):
    spec = SPEC


def start(cls: type[openapi.Session]) -> None:
    server = Server(folder_for(cls.addClassCleanup), watch_rate_max=50, body_max_bytes=700000, connections_max=200)
    cls.addClassCleanup(server.proc.end)
    server.change(*(put("cluster", name=n, **{"bootstrap.servers": f"{n}:9092"}) for n in "abc"),
                  put("flow", source="a", target="b", mappers=["http://h:1"]),
                  put("flow", source="b", target="a"), rule("orders", "a"))
    cls.server = server


class Answers(openapi.Session):
    spec = SPEC

    @classmethod
    def setUpClass(cls) -> None:
        start(cls)

    def wire(self) -> Wire:
        w = Wire(self.server.address)
        self.addCleanup(w.drop)
        return w

    def change(self, *operations: Any, **more: Any) -> Any:
        return self.ok("POST", "/v1/changes", {"operations": list(operations), **more})

    def test_1_state(self) -> None:
        for path in ("/healthz", "/readyz", "/v1/servers"):
            self.ok("GET", path)
        self.assertEqual(self.ask("GET", "/metrics").status, 200)

    def test_2_changes(self) -> None:
        full = {"id": "full", "priority": 7, "enabled": True, "cluster": "b", "comment": "all of it",
                "match": {"cluster.code": ["orders", "pay*"], "role": "consumer", "topic": "t", "group": "g", "client.id": "c?",
                          "attributes": {"zone": "z1"}, "not": {"group": "x", "attributes": {"zone": ["z9"]}},
                          "share": 50, "share.by": "client.id"},
                "valid_from": "2020-01-01T00:00:00Z", "valid_until": "2999-01-01T01:00:00+01:00", "fence": True, "standby": "a", "properties": {"ssl.ca.location": "/x"}}
        w = self.wire()
        w.watch("moved", "orders")
        dry = self.change(rule("orders", "b"), dry_run=True)
        self.assertEqual((dry["dry_run"], dry["moves_total"], dry["moves"][0]["to"]), (True, 1, "b"))
        self.assertTrue(dry["changed"])
        self.change({"op": "put", "rule": full}, rule("orders", "b"), author="ann", comment="flip")
        self.assertTrue(self.change(rule("tie", "a", match={"cluster.code": "orders"}))["warnings"])
        self.change({"op": "delete", "rule": "tie"}, {"op": "delete", "flow": "b->a"}, {"op": "delete", "cluster": "c"})
        table = self.ok("GET", "/v1/table")
        self.ok("POST", "/v1/changes", {"table": table, "comment": "the same again"})
        self.ok("POST", "/v1/changes", {"restore": 1, "dry_run": True})

    def test_3_reading_back(self) -> None:
        head = self.ok("GET", "/v1/table")["revision"]
        self.assertEqual(self.ok("GET", "/v1/table?revision=1")["revision"], 1)
        self.assertEqual(len(self.ok("GET", f"/v1/history?limit=2&before={head}")["changes"]), 2)
        diff = self.ok("GET", f"/v1/diff?from=1&to={head}")
        self.assertTrue(diff["changed"])
        self.ok("GET", "/v1/diff?from=1")
        for question in ("/v1/table?revision=999999", "/v1/diff?from=1&to=999999"):
            self.refused(404, "GET", question)
        for question in ("/v1/table?revision=x", "/v1/history?limit=0", "/v1/diff?to=1", "/v1/clients?limit=x", "/healthz?x=1"):
            self.assertTrue(self.wire().ask("GET", question).error["field"])
        self.refused(400, "GET", "/v1/table?revision=x")
        self.refused(400, "GET", "/v1/history?limit=0")
        self.refused(400, "GET", "/v1/diff?to=1")
        self.refused(400, "GET", "/v1/clients?connected=perhaps")

    def test_4_identities(self) -> None:
        who = identity("orders", group="g", **{"client.id": "c1", "attributes": {"zone": "z1"}})
        for path in ("/v1/resolve", "/v1/explain"):
            self.ok("POST", path, {"identity": who})
            self.ok("POST", path, {"identity": {"cluster.code": "nobody", "role": "producer"}})
            self.refused(400, "POST", path, {"identity": {**who, "role": "king"}})
            self.refused(413, "POST", path, {"identity": {**who, "topics": [f"t{i}" for i in range(1001)]}})

    def test_5_clients(self) -> None:
        w = self.wire()
        first = w.watch("client-1", "orders")
        SPEC.validator(SPEC.schemas["Answer"]).validate(first)
        self.seen.add(("/v1/watch", "post", "200"))
        report = {"instance": "client-1", "revision": first["revision"], "cluster": "a", "state": "switching", "detail": "why",
                  "since": 1, "switch_ms": 41, "reread_bound": 0, "lag": 12, "positions": [{"topic": "orders", "partition": 0, "offset": 17}],
                  "phases": [{"name": "prepared", "ms": 12}, {"name": "delivering", "ms": 41}]}
        self.ok("POST", "/v1/reports", report)
        gone = self.wire()
        gone.watch("client-2", "orders")
        gone.drop()
        listed = self.ok("GET", "/v1/clients")
        self.assertIn("client-1", [c["client"]["instance"] for c in listed["clients"]])
        self.assertFalse([c for c in listed["clients"] if "positions" in (c["report"] or {})])
        self.assertEqual([c["report"]["phases"] for c in listed["clients"] if c["report"]], [report["phases"]])
        told = self.ok("GET", "/v1/clients?positions=true&instance=client-1")
        self.assertEqual(told["clients"][0]["report"]["positions"], report["positions"])
        page = self.ok("GET", "/v1/clients?limit=1")
        self.ok("GET", f"/v1/clients?limit=1&after={page['next']}")
        for filters in ("cluster.code=ord*", "group=g", "cluster=a", "state=switching", "topic=t", "name=*", "host=*", "instance=client-?",
                        "connected=true", "behind=false"):
            self.ok("GET", f"/v1/clients?{filters}")
        self.refused(404, "POST", "/v1/reports", {**report, "instance": "nobody"})
        self.refused(400, "POST", "/v1/reports", {**report, "state": "asleep"})
        self.refused(413, "POST", "/v1/reports", {**report, "detail": "x" * 600000})
        self.refused(413, "POST", "/v1/reports", {**report, "positions": report["positions"] * 1001})
        self.refused(413, "POST", "/v1/reports", {**report, "phases": report["phases"] * 17})

    def test_6_refusals(self) -> None:
        self.refused(400, "POST", "/v1/changes", {"operations": [rule("z", "nowhere")]})
        self.refused(404, "POST", "/v1/changes", {"operations": [{"op": "delete", "rule": "nothing"}]})
        stale = self.refused(409, "POST", "/v1/changes", {"operations": [], "expect_revision": 1})
        self.assertTrue(stale["changed"])
        self.refused(413, "POST", "/v1/changes", b"{" + b" " * 700001 + b"}")
        self.refused(400, "POST", "/v1/changes", {"operations": [rule("f", "a", standby="a")]})
        self.refused(404, "GET", "/v1/nothing")
        self.refused(405, "POST", "/healthz", {})
        watch = {"client": {"instance": "x"}, "identity": identity("orders")}
        self.refused(400, "POST", "/v1/watch", {**watch, "client": {}})
        self.refused(413, "POST", "/v1/watch", {**watch, "client": {"instance": "x" * 600000}})
        for i in range(200):
            got = self.wire().ask("POST", "/v1/watch", {**watch, "client": {"instance": f"crowd-{i}"}})
            if got.status == 503:
                break
        self.check("POST", "/v1/watch", got)
        self.assertGreaterEqual(int(got.headers["retry-after"]), 1)

    def test_7_every_promise_was_kept(self) -> None:
        self.assertEqual(SPEC.promises() - self.seen - ELSEWHERE - self.too_large_to_provoke(), set())

    @staticmethod
    def too_large_to_provoke() -> set[tuple[str, str, str]]:
        return {("/v1/history", "get", "413")}  # 16 MiB of changes: t_api.c


class Bodies(openapi.Bodies):
    spec = SPEC
    elsewhere = "is in use|there is no|has no stream"

    @classmethod
    def setUpClass(cls) -> None:
        start(cls)

    def bodies(self) -> Iterator[tuple[str, dict[str, Any]]]:
        who = identity("orders", group="g", **{"client.id": "c1", "attributes": {"zone": "z1"}})
        client = {"instance": "i", "name": "n", "version": "1", "host": "h", "pid": 1}
        match = {"cluster.code": ["orders"], "role": "consumer", "topic": "t", "group": "g", "client.id": "c", "attributes": {"z": "1"},
                 "not": {"group": "x", "attributes": {"z": ["9"]}}, "share": 50, "share.by": "group"}
        whole = {"id": "r", "priority": 1, "enabled": False, "cluster": "a", "comment": "c", "match": match, "properties": {"ssl.ca.location": "/x"},
                 "valid_from": "2020-01-01T00:00:00Z", "valid_until": "2999-01-01T00:00:00Z", "fence": True, "standby": "b"}
        cluster = {"name": "a", "bootstrap.servers": "a:1", "properties": {"security.protocol": "ssl"}}
        flow = {"source": "a", "target": "b", "policy": "default", "separator": ".", "offset-syncs.topic.location": "source",
                "mappers": ["http://h:1"]}
        words = {"author": "a", "comment": "c", "dry_run": True}
        yield "/v1/resolve", {"identity": who}
        yield "/v1/explain", {"identity": who}
        yield "/v1/changes", {**words, "operations": [{"op": "put", "cluster": cluster}, {"op": "put", "flow": flow},
                                                      {"op": "put", "rule": whole}]}
        yield "/v1/changes", {**words, "operations": [{"op": "delete", "rule": "orders"}]}
        yield "/v1/changes", {**words, "restore": 1}
        yield "/v1/changes", {**words, "table": {"revision": 1, "clusters": [cluster, {**cluster, "name": "b"}], "flows": [flow], "rules": [whole]}}
        yield "/v1/watch", {"client": client, "identity": who}
        yield "/v1/reports", {"instance": "reporter", "revision": 1, "cluster": "a", "state": "running", "detail": "d", "since": 1,
                              "switch_ms": 1, "reread_bound": 1, "lag": 1, "positions": [{"topic": "t", "partition": 0, "offset": 1}]}

    def wait_admission(self, path: str, got: Answer) -> bool:
        return got.status == 503 and path == "/v1/watch"

    def test_one_opinion(self) -> None:
        reporter = Wire(self.server.address)
        self.addCleanup(reporter.drop)
        reporter.watch("reporter", "orders")
        self.one_opinion()


if __name__ == "__main__":
    sys.exit(main())
