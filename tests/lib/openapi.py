"""An OpenAPI file and the server that it describes, held against each other.

A test makes classes of its own below File, Session and Bodies, with `spec` set; the session is its own, in the order of
its tests' names."""

from __future__ import annotations

import copy
import json
import os
import re
import sys
import unittest
from pathlib import Path
from typing import Any, Iterator

try:
    import jsonschema
except ImportError:  # Debian's is seen by Debian's Python
    if sys.executable != "/usr/bin/python3" and Path("/usr/bin/python3").exists():
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
    raise

from .httpd import ROOT, Answer, Program, Wire

# May be answered to any request (components/responses/Refused).
ANYWHERE = {"404", "405", "408", "414", "431"}


class Spec:
    """`folder`: of the part; its openapi.json, and its api*.c with the table of routes."""

    def __init__(self, folder: str) -> None:
        self.folder = ROOT / folder
        self.file: dict[str, Any] = json.loads((self.folder / "openapi.json").read_text(encoding="utf-8"))
        self.paths: dict[str, Any] = self.file["paths"]
        self.schemas: dict[str, Any] = self.file["components"]["schemas"]

    def validator(self, schema: dict[str, Any]) -> jsonschema.Draft202012Validator:
        return jsonschema.Draft202012Validator({**schema, "components": self.file["components"]})

    def request_validator(self, path: str) -> jsonschema.Draft202012Validator:
        return self.validator(self.paths[self.template(path)]["post"]["requestBody"]["content"]["application/json"]["schema"])

    def resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            at: Any = self.file
            for name in node["$ref"].removeprefix("#/").split("/"):
                at = at[name]
            node = at
        return node

    def named_routes(self) -> dict[tuple[str, str], set[str]]:
        """(method, path) -> query parameters, as they stand in the file."""
        return {(method, path): {p["name"] for p in operation.get("parameters", []) if p["in"] == "query"}
                for path, methods in self.paths.items() for method, operation in methods.items()}

    def server_routes(self) -> dict[tuple[str, str], set[str]]:
        """The same, as they stand in the server's table."""
        source = "".join(p.read_text(encoding="utf-8") for p in sorted(self.folder.glob("api*.c")))
        found = {}
        for method, text in re.findall(r'\{\s*"(GET|POST|PUT|DELETE)",\s*((?:"[^"]*"\s*)+),', source):
            path, _, query = "".join(re.findall(r'"([^"]*)"', text)).partition("?")
            found[method.lower(), path] = set(query.split("&")) - {""}
        return found

    def template(self, path: str) -> str:
        """The path of the file that this one is of: /v1/groups/x is of /v1/groups/{group}."""
        path = path.partition("?")[0]
        of = [t for t in self.paths if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(t)), path)]
        return of[0] if of else path

    def promises(self) -> set[tuple[str, str, str]]:
        """(path, method, status) of every answer that the file names."""
        return {(path, method, status) for path, methods in self.paths.items() for method, operation in methods.items()
                for status in operation["responses"] if status != "default"}


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

    spec: Spec
    maxDiff = None

    def test_it_names_every_route_and_no_other(self) -> None:
        self.assertEqual(self.spec.named_routes(), self.spec.server_routes())

    def test_its_schemas_are_schemas(self) -> None:
        for name, schema in self.spec.schemas.items():
            with self.subTest(name):
                jsonschema.Draft202012Validator.check_schema(schema)

    def test_its_references_lead_somewhere_and_all_is_used(self) -> None:
        used = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(self.spec.file)))
        self.assertEqual(used, set(self.spec.schemas))

    def test_no_object_is_open(self) -> None:
        for schema in objects_of(self.spec.file):
            self.assertIs(schema.get("additionalProperties"), False, schema)

    def test_operations_have_names(self) -> None:
        ids = [o["operationId"] for methods in self.spec.paths.values() for o in methods.values()]
        self.assertEqual(len(ids), len(set(ids)))


class Session(unittest.TestCase):
    """One server, asked for everything; every answer is checked against the file."""

    spec: Spec
    server: Program
    seen: set[tuple[str, str, str]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.seen = set()

    def wire(self) -> Wire:
        w = Wire(self.server.address)
        self.addCleanup(w.drop)
        return w

    def ask(self, method: str, path: str, body: Any = None, *headers: str) -> Answer:
        """Asks, and checks the answer against the file."""
        return self.check(method, path, self.wire().ask(method, path, body, *headers))

    def check(self, method: str, path: str, got: Answer) -> Answer:
        template = self.spec.template(path)
        operation = self.spec.paths.get(template, {}).get(method.lower())
        if not operation:
            self.assertIn(got.status, (404, 405))
            self.assertTrue(got.error)
            return got
        status = str(got.status)
        responses = operation["responses"]
        self.assertTrue(status in responses or status in ANYWHERE, f"{method} {path} is not said to answer {got}")
        said = self.spec.resolved(responses.get(status, responses["default"]))
        self.check_body(said["content"], got)
        self.seen.add((template, method.lower(), status))
        return got

    def check_body(self, content: dict[str, Any], got: Answer) -> None:
        kind = got.headers["content-type"].partition(";")[0]
        self.assertIn(kind, content)
        if kind == "application/json":
            self.spec.validator(content[kind]["schema"]).validate(json.loads(got.body))

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        got = self.ask(method, path, body)
        self.assertEqual(got.status, 200, got)
        return json.loads(got.body)

    def refused(self, status: int, method: str, path: str, body: Any = None) -> dict[str, Any]:
        got = self.ask(method, path, body)
        self.assertEqual(got.status, status, got)
        return got.error


class Bodies(Session):
    """Bodies that are right, changed in one place each: the schema and the server are of one opinion."""

    # What the server says of a body that is right, and is refused for what else is the case.
    elsewhere = "(?!)"

    def bodies(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """(path, body)"""
        raise NotImplementedError

    def wait_admission(self, path: str, got: Answer) -> bool:
        """Refused before its body was looked at: to be asked again."""
        return False

    def one_opinion(self) -> None:
        for path, shared in self.bodies():
            body = json.loads(json.dumps(shared))  # so that each part stands once in memory
            judge = self.spec.request_validator(path)
            judge.validate(body)
            for what, changed in mutants(body):
                with self.subTest(f"{path} {what}"):
                    self.same_opinion(judge, path, changed)

    def same_opinion(self, judge: jsonschema.Draft202012Validator, path: str, body: Any) -> None:
        w = Wire(self.server.address)
        got = w.ask("POST", path, body)
        while self.wait_admission(path, got):
            got = w.ask("POST", path, body)
        w.drop()
        if judge.is_valid(body):
            if got.status != 200:  # what only the whole state shows
                self.assertRegex(got.error["message"], self.elsewhere, f"the schema allows {body}")
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
