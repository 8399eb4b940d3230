#!/usr/bin/env python3
"""offset-mapper/openapi.json against the server, in both directions, as tests/route/test_openapi.py does for shunt-route.

usage: tests/mapper/test_openapi.py; ends with "N passed, N failed, N skipped".
"""
from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Iterator

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.lib import openapi, records  # noqa: E402
from tests.lib.httpd import eventually, folder_for, main  # noqa: E402
from tests.mapper.syncs import FLOW, Mapper, clusters, write  # noqa: E402

SPEC = openapi.Spec("offset-mapper")
# Promised, and provoked by test_mapper_real.py (members, a dead cluster) and unit tests (what has not been read yet).
ELSEWHERE = {("/v1/groups/{group}/land", "post", "409"), ("/v1/groups/{group}/land", "post", "503"),
             ("/v1/groups/{group}", "get", "503"), ("/v1/translate", "post", "503")}


class File(openapi.File):
    spec = SPEC


def start(cls: type[openapi.Session]) -> None:
    folder = folder_for(cls.addClassCleanup)
    cls.clusters = clusters(cls.addClassCleanup, folder / "clusters", "orders:1,b/a.orders:1")
    lines = [f"0 {1700000000000 + i} x{i:04x} x{i * i:08x}" for i in range(200)]
    records.write(cls.clusters, "a", "orders", lines)
    records.write(cls.clusters, "b", "a.orders", lines[:101] + lines[111:])
    write(cls.clusters, [("orders", 0, 0, 0), ("orders", 0, 100, 100), ("orders", 0, 150, 140)])
    cls.server = Mapper(folder, cls.clusters)
    cls.addClassCleanup(cls.server.proc.end)
    cls.server.wait_read(cls.clusters)


def question(offset: int = 50, **more: Any) -> dict[str, Any]:
    return {"from": "a", "to": "b", "positions": [{"topic": "orders", "partition": 0, "offset": offset}], **more}


class Answers(openapi.Session):
    spec = SPEC

    @classmethod
    def setUpClass(cls) -> None:
        start(cls)

    def test_1_state(self) -> None:
        self.ok("GET", "/healthz")
        eventually(lambda: self.wire().ask("GET", "/readyz").status == 200, "it is ready")
        self.ok("GET", "/readyz")
        self.assertEqual(self.ok("GET", "/v1/flows")["flows"][0]["syncs"], 3)
        self.assertEqual(self.ask("GET", "/metrics").status, 200)
        lonely = Mapper(folder_for(self.addCleanup))
        self.addCleanup(lonely.proc.end)
        self.check("GET", "/readyz", openapi.Wire(lonely.address).ask("GET", "/readyz"))

    def test_2_runs(self) -> None:
        self.assertEqual(len(self.ok("GET", f"/v1/runs?flow={FLOW}&topic=orders&partition=0&limit=5")["runs"]), 2)
        self.assertEqual(self.ok("GET", f"/v1/runs?flow={FLOW}&topic=nothing")["runs"], [])
        self.refused(404, "GET", "/v1/runs?flow=x-%3Ey&topic=orders")
        for bad in ("topic=orders", f"flow={FLOW}", f"flow={FLOW}&topic=orders&partition=-1", f"flow={FLOW}&topic=orders&limit=0"):
            self.assertTrue(self.refused(400, "GET", f"/v1/runs?{bad}")["field"])

    def test_3_translate(self) -> None:
        for offset in (0, 50, 101, 120, 151, 500):
            self.ok("POST", "/v1/translate", question(offset))
        back = {"from": "b", "to": "a", "positions": [{"topic": "a.orders", "partition": 0, "offset": 50}]}
        self.assertEqual(self.ok("POST", "/v1/translate", back)["positions"][0]["to_topic"], "orders")
        none = self.ok("POST", "/v1/translate", {"from": "a", "to": "b", "positions": [{"topic": "x", "partition": 0, "offset": 1}]})
        self.assertEqual(none["positions"][0]["quality"], "none")
        self.refused(400, "POST", "/v1/translate", question(to="nowhere"))
        self.refused(413, "POST", "/v1/translate", {**question(), "positions": question()["positions"] * 10001})
        self.refused(404, "GET", "/v1/nothing")
        self.refused(405, "POST", "/healthz", {})

    def test_4_verify(self) -> None:
        seen = self.ok("POST", "/v1/verify", {"flow": "a->b", "samples": 20, "timeout_ms": 20000})
        self.assertEqual((seen["samples"], seen["disagreements"]), (20, 0))
        self.assertEqual(self.ok("GET", "/v1/verify")["flows"][0]["samples"], 20)
        self.refused(404, "POST", "/v1/verify", {"flow": "x->y"})
        self.refused(400, "POST", "/v1/verify", {"flow": "a->b", "samples": 0})

    def test_5_groups(self) -> None:
        self.refused(404, "GET", "/v1/groups/nobody?from=a&to=b")
        self.refused(404, "POST", "/v1/groups/nobody/land", {"from": "a", "to": "b"})
        self.clusters.ktool("commit", self.clusters.a, "billing", "orders", 0, 90, "mine")
        known = self.ok("GET", "/v1/groups/billing?from=a&to=b&verify=true")
        self.assertEqual(known["streams"][0]["mapped"]["position"], 90)
        self.assertEqual(self.ok("POST", "/v1/groups/billing/land", {"from": "a", "to": "b"})["results"]["would_land"], 1)
        self.ok("POST", "/v1/groups/billing/land", {"from": "a", "to": "b", "dry_run": False})
        self.ok("GET", "/v1/groups/billing?from=a&to=b")
        self.refused(400, "GET", "/v1/groups/billing?from=a&to=a")
        self.refused(400, "GET", "/v1/groups/billing?from=a&to=b&verify=perhaps")
        self.refused(400, "POST", "/v1/groups/billing/land", {"from": "a", "to": "x"})
        self.refused(413, "POST", "/v1/groups/billing/land", {
            "from": "a", "to": "b", "partitions": [{"topic": "orders"}] * 10001})

    def test_9_every_promise_was_kept(self) -> None:
        self.assertEqual(SPEC.promises() - self.seen - ELSEWHERE, set())


class Bodies(openapi.Bodies):
    spec = SPEC
    elsewhere = "no flow is called|has no commit|no cluster"

    @classmethod
    def setUpClass(cls) -> None:
        start(cls)

    def bodies(self) -> Iterator[tuple[str, dict[str, Any]]]:
        yield "/v1/translate", question()
        yield "/v1/translate", question(explain=True, verify=False, wait_ms=1)
        prints = [{"offset": o, "timestamp": 1700000000000, "key": "0123456789abcdef", "value": None, "length": 8} for o in (7, 9)]
        yield "/v1/translate", {"from": "a", "to": "b", "positions": [{"topic": "orders", "partition": 0, "offset": 50, "fingerprints": prints}]}
        yield "/v1/translate", {"from": "a", "to": "b", "positions": [{"topic": "orders", "partition": 0, "timestamp": 1700000000000}]}
        yield "/v1/groups/billing/land", {"from": "a", "to": "b", "dry_run": True, "backwards": False, "verify": False, "wait_ms": 1,
                                          "partitions": [{"topic": "orders", "partition": 0}],
                                          "positions": [{"topic": "orders", "partition": 0, "offset": 90}]}
        yield "/v1/verify", {"flow": "a->b", "samples": 1, "timeout_ms": 10000}

    def test_one_opinion(self) -> None:
        self.one_opinion()


if __name__ == "__main__":
    sys.exit(main())
