#!/usr/bin/env python3
"""replicator/openapi.json against the server, in both directions, as tests/route/test_openapi.py does for shunt-route.

usage: tests/replicator/test_openapi.py; ends with "N passed, N failed, N skipped".
"""
from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.lib import openapi  # noqa: E402
from tests.lib.httpd import eventually, folder_for, main  # noqa: E402
from tests.replicator.outside import Replicator, clusters, write  # noqa: E402

SPEC = openapi.Spec("replicator")


class File(openapi.File):
    spec = SPEC


class Answers(openapi.Session):
    spec = SPEC
    server: Replicator

    @classmethod
    def setUpClass(cls) -> None:
        folder = folder_for(cls.addClassCleanup)
        cls.clusters = clusters(cls.addClassCleanup, folder / "clusters")
        write(cls.clusters, 0, 100)
        cls.server = Replicator(folder, cls.clusters)
        cls.addClassCleanup(cls.server.proc.end)

    def test_1_state(self) -> None:
        self.ok("GET", "/healthz")
        self.assertEqual(self.ok("GET", "/readyz"), {"ready": True, "flows": [{"flow": "a->b", "ready": True, "error": None}]})
        self.assertEqual(self.ask("GET", "/metrics").status, 200)

    def test_2_status(self) -> None:
        eventually(lambda: self.ok("GET", "/status")["flows"][0]["records"] >= 100, "all is copied")
        flow = self.ok("GET", "/status?flow=a-%3Eb&topic=orders&problems=false&limit=1")["flows"][0]
        self.assertEqual((len(flow["topics"]), flow["topics_left_out"]), (1, 0))
        self.assertEqual((len(flow["partitions"]), flow["partitions_left_out"]), (1, 1))
        self.assertEqual(self.ok("GET", "/status?topic=nothing")["flows"][0]["partitions"], [])
        self.assertEqual(self.ok("GET", "/status?problems=true")["flows"][0]["partitions"], [])
        for bad in ("limit=-1", "limit=10001", "limit=x", "limit=", "limit=5x", "problems=perhaps", "limt=3"):
            self.assertTrue(self.refused(400, "GET", f"/status?{bad}")["field"], bad)
        self.assertIn("it has a->b", self.refused(404, "GET", "/status?flow=b-%3Ea")["message"])

    def test_3_pause_and_resume(self) -> None:
        for flow in ("a-%3Eb", "a->b", "%61%2d%3e%62"):
            self.assertEqual(self.ok("POST", f"/flows/{flow}/pause?topic=orders"),
                             {"flow": "a->b", "topic": "orders", "paused": True})
        self.assertEqual(self.ok("POST", "/flows/a->b/pause"), {"flow": "a->b", "topic": None, "paused": True})
        self.assertEqual(self.refused(409, "POST", "/flows/a->b/resume?topic=orders")["field"], "topic")
        self.ok("GET", "/status")
        self.ok("POST", "/flows/a->b/resume")
        self.ok("POST", "/flows/a->b/resume?topic=orders")
        for verb in ("pause", "resume"):
            self.assertIn("it has a->b", self.refused(404, "POST", f"/flows/x/{verb}")["message"])
            self.assertIn("no topic", self.refused(404, "POST", f"/flows/a->b/{verb}?topic=b.orders")["message"])
            self.assertEqual(self.refused(400, "POST", f"/flows/a->b/{verb}?topic=")["field"], "topic")
            self.assertEqual(self.refused(400, "POST", f"/flows/a->b/{verb}?topics=orders")["field"], "topics")
            self.refused(405, "GET", f"/flows/a->b/{verb}")
        self.refused(404, "POST", "/flows/a->b/stop")

    def test_4_without_its_clusters(self) -> None:
        lonely = Replicator(folder_for(self.addCleanup), None, ready=False)
        self.addCleanup(lonely.proc.end)
        for path in ("/readyz", "/status", "/healthz"):
            self.check("GET", path, openapi.Wire(lonely.address).ask("GET", path))

    def test_9_every_promise_was_kept(self) -> None:
        self.assertEqual(SPEC.promises() - self.seen, set())


if __name__ == "__main__":
    sys.exit(main())
