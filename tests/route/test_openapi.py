#!/usr/bin/env python3
"""route-service/openapi.json against the server, in both directions.

Every path, method and query parameter of the server stands in the file, and nothing else does; all that a scripted session is
answered validates against the schemas; every status that the file promises is provoked, and no other is seen; a body that the
schema refuses is refused by the server, and one that it allows is not.

usage: tests/route/test_openapi.py; ends with "N passed, N failed, N skipped".
"""
from __future__ import annotations

import copy
import json
import os
import re
import sys
import unittest
from pathlib import Path
from typing import Any, Iterator

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

try:
    import jsonschema
except ImportError:  # Debian's is seen by Debian's Python
    if sys.executable != "/usr/bin/python3" and Path("/usr/bin/python3").exists():
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
    raise

from tests.route.server import ROOT, Answer, Server, Wire, folder_for, identity, put, rule  # noqa: E402

SPEC = json.loads((ROOT / "route-service/openapi.json").read_text(encoding="utf-8"))
# Promised, and provoked by test_hard.py: a full disk, a server that stops.
ELSEWHERE = {("/readyz", "get", "503"), ("/v1/changes", "post", "503")}
# May be answered to any request (components/responses/Refused).
ANYWHERE = {"404", "405", "408", "414", "431"}


def validator(schema: dict[str, Any]) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator({**schema, "components": SPEC["components"]})


def request_validator(path: str) -> jsonschema.Draft202012Validator:
    return validator(SPEC["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"])


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        at: Any = SPEC
        for name in node["$ref"].removeprefix("#/").split("/"):
            at = at[name]
        node = at
    return node


def server_routes() -> dict[tuple[str, str], set[str]]:
    """(method, path) -> query parameters, as they stand in the server's table."""
    source = "".join(p.read_text(encoding="utf-8") for p in sorted((ROOT / "route-service").glob("api*.c")))
    found = {}
    for method, text in re.findall(r'\{\s*"(GET|POST|PUT|DELETE)",\s*((?:"[^"]*"\s*)+),', source):
        path, _, query = "".join(re.findall(r'"([^"]*)"', text)).partition("?")
        found[method.lower(), path] = set(query.split("&")) - {""}
    return found


def objects_of(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "properties" in schema and schema.get("type") == "object":
            yield schema
        for value in schema.values():
            yield from objects_of(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from objects_of(value)


class File(unittest.TestCase):
    """The file by itself, and beside the source."""

    maxDiff = None

    def test_it_names_every_route_and_no_other(self) -> None:
        named = {}
        for path, methods in SPEC["paths"].items():
            for method, operation in methods.items():
                parameters = operation.get("parameters", [])
                named[method, path] = {p["name"] for p in parameters if p["in"] == "query"}
        self.assertEqual(named, server_routes())

    def test_its_schemas_are_schemas(self) -> None:
        for name, schema in SPEC["components"]["schemas"].items():
            with self.subTest(name):
                jsonschema.Draft202012Validator.check_schema(schema)

    def test_its_references_lead_somewhere_and_all_is_used(self) -> None:
        text = json.dumps(SPEC)
        used = set(re.findall(r'"#/components/schemas/(\w+)"', text))
        self.assertEqual(used, set(SPEC["components"]["schemas"]))

    def test_no_object_is_open(self) -> None:
        for schema in objects_of(SPEC):
            self.assertIs(schema.get("additionalProperties"), False, schema)

    def test_operations_have_names(self) -> None:
        ids = [o["operationId"] for methods in SPEC["paths"].values() for o in methods.values()]
        self.assertEqual(len(ids), len(set(ids)))


class Session(unittest.TestCase):
    """One server, asked for everything."""

    seen: set[tuple[str, str, str]] = set()

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = Server(folder_for(cls.addClassCleanup), watch_rate_max=50, body_max_bytes=700000, connections_max=200)
        cls.addClassCleanup(cls.server.proc.end)
        cls.server.change(*(put("cluster", name=n, **{"bootstrap.servers": f"{n}:9092"}) for n in "abc"),
                          put("flow", source="a", target="b", mappers=["http://h:1"]),
                          put("flow", source="b", target="a"), rule("orders", "a"))

    def wire(self) -> Wire:
        w = Wire(self.server.address)
        self.addCleanup(w.drop)
        return w

    def ask(self, method: str, path: str, body: Any = None, *headers: str) -> Answer:
        """Asks, and checks the answer against the file."""
        return self.check(method, path, self.wire().ask(method, path, body, *headers))

    def check(self, method: str, path: str, got: Answer) -> Answer:
        operation = SPEC["paths"].get(path.partition("?")[0], {}).get(method.lower())
        if not operation:
            self.assertIn(got.status, (404, 405))
            self.assertTrue(got.error)
            return got
        status = str(got.status)
        responses = operation["responses"]
        self.assertTrue(status in responses or status in ANYWHERE, f"{method} {path} is not said to answer {got}")
        said = resolved(responses.get(status, responses["default"]))
        (kind, content), = said["content"].items()
        self.assertEqual(got.headers["content-type"].partition(";")[0], kind)
        if kind == "application/json":
            validator(content["schema"]).validate(json.loads(got.body))
        self.seen.add((path.partition("?")[0], method.lower(), status))
        return got

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        got = self.ask(method, path, body)
        self.assertEqual(got.status, 200, got)
        return json.loads(got.body)

    def refused(self, status: int, method: str, path: str, body: Any = None) -> dict[str, Any]:
        got = self.ask(method, path, body)
        self.assertEqual(got.status, status, got)
        return got.error

    def change(self, *operations: Any, **more: Any) -> Any:
        return self.ok("POST", "/v1/changes", {"operations": list(operations), **more})


class Answers(Session):
    def test_1_state(self) -> None:
        for path in ("/healthz", "/readyz", "/v1/servers"):
            self.ok("GET", path)
        self.assertEqual(self.ask("GET", "/metrics").status, 200)

    def test_2_changes(self) -> None:
        full = {"id": "full", "priority": 7, "enabled": True, "cluster": "b", "comment": "all of it",
                "match": {"cluster.code": ["orders", "pay*"], "role": "consumer", "topic": "t", "group": "g", "client.id": "c?",
                          "attributes": {"zone": "z1"}, "not": {"group": "x", "attributes": {"zone": ["z9"]}},
                          "share": 50, "share.by": "client.id"},
                "valid_from": "2020-01-01T00:00:00Z", "valid_until": "2999-01-01T01:00:00+01:00", "properties": {"ssl.ca.location": "/x"}}
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
        validator(SPEC["components"]["schemas"]["Answer"]).validate(first)
        self.seen.add(("/v1/watch", "post", "200"))
        report = {"instance": "client-1", "revision": first["revision"], "cluster": "a", "state": "switching", "detail": "why",
                  "since": 1, "switch_ms": 41, "reread_bound": 0, "lag": 12, "positions": [{"topic": "orders", "partition": 0, "offset": 17}]}
        self.ok("POST", "/v1/reports", report)
        gone = self.wire()
        gone.watch("client-2", "orders")
        gone.drop()
        listed = self.ok("GET", "/v1/clients")
        self.assertIn("client-1", [c["client"]["instance"] for c in listed["clients"]])
        self.assertFalse([c for c in listed["clients"] if "positions" in (c["report"] or {})])
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

    def test_6_refusals(self) -> None:
        self.refused(400, "POST", "/v1/changes", {"operations": [rule("z", "nowhere")]})
        self.refused(404, "POST", "/v1/changes", {"operations": [{"op": "delete", "rule": "nothing"}]})
        stale = self.refused(409, "POST", "/v1/changes", {"operations": [], "expect_revision": 1})
        self.assertTrue(stale["changed"])
        self.refused(413, "POST", "/v1/changes", b"{" + b" " * 700001 + b"}")
        self.refused(501, "POST", "/v1/changes", {"operations": [rule("f", "a", fence=True)]})
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
        promised = {(path, method, status) for path, methods in SPEC["paths"].items() for method, operation in methods.items()
                    for status in operation["responses"] if status != "default"}
        self.assertEqual(promised - self.seen - ELSEWHERE - self.too_large_to_provoke(), set())

    @staticmethod
    def too_large_to_provoke() -> set[tuple[str, str, str]]:
        return {("/v1/history", "get", "413")}  # 16 MiB of changes: t_api.c


class Bodies(Session):
    """Bodies that are right, changed in one place each: the schema and the server are of one opinion."""

    def bodies(self) -> Iterator[tuple[str, dict[str, Any]]]:
        who = identity("orders", group="g", **{"client.id": "c1", "attributes": {"zone": "z1"}})
        client = {"instance": "i", "name": "n", "version": "1", "host": "h", "pid": 1}
        match = {"cluster.code": ["orders"], "role": "consumer", "topic": "t", "group": "g", "client.id": "c", "attributes": {"z": "1"},
                 "not": {"group": "x", "attributes": {"z": ["9"]}}, "share": 50, "share.by": "group"}
        whole = {"id": "r", "priority": 1, "enabled": False, "cluster": "a", "comment": "c", "match": match, "properties": {"ssl.ca.location": "/x"},
                 "valid_from": "2020-01-01T00:00:00Z", "valid_until": "2999-01-01T00:00:00Z"}
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

    def test_one_opinion(self) -> None:
        reporter = self.wire()
        reporter.watch("reporter", "orders")
        for path, shared in self.bodies():
            body = json.loads(json.dumps(shared))  # so that each part stands once in memory
            judge = request_validator(path)
            judge.validate(body)
            for what, changed in mutants(body):
                with self.subTest(f"{path} {what}"):
                    self.same_opinion(judge, path, changed)

    def same_opinion(self, judge: jsonschema.Draft202012Validator, path: str, body: Any) -> None:
        w = Wire(self.server.address)
        got = w.ask("POST", path, body)
        while got.status == 503 and path == "/v1/watch":  # admission: refused before its body is looked at
            got = w.ask("POST", path, body)
        w.drop()
        if judge.is_valid(body):
            if got.status != 200:  # what only the whole table shows
                self.assertRegex(got.error["message"], "is in use|there is no|has no stream", f"the schema allows {body}")
        else:
            self.assertEqual(got.status, 400, f"the schema refuses {body}: {got}")
            self.assertTrue(got.error)


OTHER_TYPES = ({}, [], "", True, -7, 1.5, [[]], ["\\"])


def mutants(body: Any) -> Iterator[tuple[str, Any]]:
    """The body without each of its members, with one more, and with other values."""
    for path in places(body):
        for what, change in (("without", drop), ("with another member", add_member)):
            changed = copy.deepcopy(body)
            if change(changed, path):
                yield f"{what} at {path}", changed
        for value in OTHER_TYPES:
            if path:
                changed = copy.deepcopy(body)
                parent(changed, path)[path[-1]] = copy.deepcopy(value)
                yield f"{value!r} at {path}", changed


def places(node: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield from places(value, (*at, key))


def parent(body: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        body = body[key]
    return body


def drop(body: Any, path: tuple[Any, ...]) -> bool:
    if path:
        del parent(body, path)[path[-1]]
    return bool(path)


def add_member(body: Any, path: tuple[Any, ...]) -> bool:
    for key in path:
        body = body[key]
    if isinstance(body, dict):
        body["zzz"] = 1
    return isinstance(body, dict)


def main() -> int:
    load = unittest.defaultTestLoader
    here = sys.modules[__name__]
    names = sys.argv[1:]
    suite = load.loadTestsFromNames(names, here) if names else load.loadTestsFromModule(here)
    result = unittest.TextTestRunner(verbosity=2 if names else 1, stream=sys.stdout).run(suite)
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed, {len(result.skipped)} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
