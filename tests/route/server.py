"""A shunt-route of one's own, what it says of itself, and clients that misbehave on purpose."""

from __future__ import annotations

import json
import re
from typing import Any, Mapping

from tests.lib import httpd
from tests.lib.httpd import ANSWER_S, BUILD, ROOT, START_S, Answer, Stopwatch, eventually, folder_for, request

__all__ = ["ANSWER_S", "BUILD", "ROOT", "START_S", "Answer", "Server", "Stopwatch", "Wire", "eventually", "folder_for",
           "identity", "put", "request", "rule", "watch_request"]


class Server(httpd.Program):
    program = "shunt-route"

    def change(self, *operations: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        return self.post("/v1/changes", {"author": "test", "operations": list(operations), **more})

    def setup(self, *codes: str) -> int:
        """Clusters a and b, and a rule CODE that routes each code to a; the revision."""
        clusters = [put("cluster", name=n, **{"bootstrap.servers": f"{n}:9092"}) for n in "ab"]
        return self.change(*clusters, *(rule(c, "a") for c in codes))["revision"]

    def resolve(self, code: str) -> dict[str, Any]:
        """The one route of a client that asks for `code`."""
        return self.post("/v1/resolve", {"identity": identity(code)})["routes"][0]


def put(kind: str, **what: Any) -> dict[str, Any]:
    return {"op": "put", kind: what}


def rule(code: str, cluster: str, **more: Any) -> dict[str, Any]:
    return put("rule", **{"id": code, "match": {"cluster.code": code}, "cluster": cluster, **more})


def identity(code: str, **more: Any) -> dict[str, Any]:
    return {"cluster.code": code, "role": "consumer", "topics": ["t"], **more}


def watch_request(instance: str, code: str, *headers: str) -> bytes:
    return request("POST", "/v1/watch", {"client": {"instance": instance}, "identity": identity(code)}, *headers)


class Wire(httpd.Wire):
    """The same, and the events of a stream."""

    def watch(self, instance: str, code: str, *headers: str) -> dict[str, Any]:
        """Opens the stream; the data of its first event."""
        self.send(watch_request(instance, code, *headers))
        opened = self.answer()
        assert opened.status == 200, opened
        return self.event()[1]

    def event(self, name: str | None = None) -> tuple[str, dict[str, Any]]:
        """The next event (of this name)."""
        while True:
            text = self._unchunked_event()
            fields = dict(line.split(": ", 1) for line in text.split("\n") if ": " in line)
            if name in (None, fields.get("event")):
                return fields["event"], json.loads(fields["data"])

    def _unchunked_event(self) -> str:
        while True:
            text = re.sub(rb"(?m)^[0-9a-fA-F]+\r\n|\r\n", b"", self.until(b"\n\n")).decode()
            if "data: " in text:
                return text
