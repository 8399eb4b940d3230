#!/usr/bin/env python3
"""The programs of examples/, run as their headers say, through a flip on the embedded clusters.
Those that need real brokers (transactions, a group that goes from one program to another) are run by tests/sdk/t_examples.c.

    python3 tests/examples/test_examples.py [--build build/release] [TEST...]

Ends with "N passed, N failed, N skipped"."""

import argparse
import re
import subprocess
import sys
import time
import unittest
from pathlib import Path
from typing import Sequence

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.lib import procs  # noqa: E402
from tests.lib.clusters import ROOT  # noqa: E402
from tests.lib.procs import Proc  # noqa: E402
from tests.lib.records import coded, write  # noqa: E402
from tests.lib.wait import wait_until  # noqa: E402
from tests.lib.world import World  # noqa: E402

EXAMPLES = ROOT / "examples"
LINES_MAX = 120
TOPICS = ("lines", "loop", "kept", "words")
SANDBOX = ("session.timeout.ms=6000", "fetch.wait.max.ms=10")  # as README has it
MOVE_S = 60.0
build = "build/release"


class Examples(unittest.TestCase):
    """One world for all; each test has its own topic and cluster code of that name."""

    @classmethod
    def setUpClass(cls) -> None:
        names = [name for topic in TOPICS for name in (topic, f"a.{topic}", f"b.{topic}")]
        cls.world = World("examples", build=build, topics=",".join(f"{n}:2" for n in names))
        cls.world.wait_mapper_ready()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.world.stop()

    def start(self, example: str, *words: object, name: str | None = None) -> Proc:
        return self.world.spawn(name or example.replace("/", "-"),
                                [self.world.build / "examples" / example, *words],
                                env={"XDG_STATE_HOME": str(self.world.folder / "state")})

    def produce(self, cluster: str, topic: str, first: int, n: int) -> None:
        write(self.world.clusters, cluster, topic, [f"{i % 2} 0 - {coded(f'{topic}-{i}'.encode())}"
                                                    for i in range(first, first + n)])

    def wait_lines(self, proc: Proc, words: Sequence[str]) -> None:
        def all_there() -> bool:
            self.assertTrue(proc.alive, proc.tail())
            text = proc.text()
            return all(re.search(rf"(^|\W){re.escape(w)}$", text, re.M) for w in words)
        wait_until(all_there, MOVE_S, f"{proc.name} has printed {words[0]} to {words[-1]}")

    def end(self, proc: Proc) -> None:
        self.assertEqual(proc.terminate(), 0, proc.tail())

    def values(self, topic: str, first: int, n: int) -> list[str]:
        return [f"{topic}-{i}" for i in range(first, first + n)]

    def flip(self, code: str, to: str, *who: Proc) -> None:
        self.world.flip(code, to)
        for proc in who:
            proc.wait_for(rf"SWITCHED \S+ -> {to}\b", MOVE_S)

    def fails(self, example: str, *words: object) -> str:
        proc = self.start(example, self.world.route_url, *words, name=f"{example}-fails")
        self.assertEqual(proc.wait(MOVE_S), 1, proc.text())
        return proc.text()

    # ---- one by one ---------------------------------------------------------

    def test_produce_and_consume(self) -> None:
        self.world.put_rule("lines", "a")
        reader = self.start("consume", self.world.route_url, "lines", "readers", "lines")
        for first, cluster in ((0, "a"), (50, "b")):
            if first:
                self.flip("lines", cluster, reader)
            writer = self.start("produce", self.world.route_url, "lines", "lines", name=f"produce-{first}")
            assert writer._popen and writer._popen.stdin
            writer.send("\n".join(self.values("lines", first, 50)))
            writer._popen.stdin.close()
            self.assertEqual(writer.wait(MOVE_S), 0, writer.text())
            self.wait_lines(reader, self.values("lines", first, 50))
        self.assertRegex(reader.text(), r"lines\[\d\]@\d+ from a: lines-0\n")
        self.end(reader)

    def test_properties(self) -> None:
        """KEY=VALUE words: what README gives for the sandbox has a new group read within seconds."""
        self.world.put_rule("words", "a")
        self.produce("a", "words", 0, 50)
        start = time.monotonic()
        reader = self.start("consume", self.world.route_url, "words", "worders", "words", *SANDBOX, name="consume-words")
        self.wait_lines(reader, self.values("words", 0, 50))
        self.assertLess(time.monotonic() - start, 12, "seconds")
        self.end(reader)
        for example, words in (("consume", "c g t"), ("event_loop", "c g t"), ("produce", "c t"), ("positions", "c t 2 f"),
                               ("transaction", "c g t u")):
            self.assertIn('"client.id" is not KEY=VALUE', self.fails(example, *words.split(), "client.id=x", "client.id"))
            self.assertIn("no.such", self.fails(example, *words.split(), "no.such=a=b"))

    def test_port_diff(self) -> None:
        """port.diff is the difference, and what scripts/port.sh does is all of it but the configuration"""
        before, after = EXAMPLES / "port/before.c", EXAMPLES / "port/after.c"
        diff = subprocess.run(["diff", "-u", "--label", "before.c", "--label", "after.c", before, after],
                              capture_output=True, text=True).stdout
        self.assertEqual(diff, (EXAMPLES / "port/port.diff").read_text())
        with open(before) as source:
            renamed = subprocess.run([ROOT / "scripts/port.sh"], stdin=source, capture_output=True, text=True,
                                     check=True).stdout
        squeezed = [re.sub(r"\s+", " ", text).strip() for text in (renamed, after.read_text())]
        for old, new in (("before BROKERS", "after SERVICES"), ("brokers", "services"),
                         ('{"bootstrap.servers", services},', '{"route.service", services}, {"cluster.code", "orders"},')):
            self.assertIn(old, squeezed[0])
            squeezed[0] = squeezed[0].replace(old, new)
        self.assertEqual(*squeezed)

    def test_event_loop(self) -> None:
        self.world.put_rule("loop", "a")
        reader = self.start("event_loop", self.world.route_url, "loop", "loopers", "loop")
        self.produce("a", "loop", 0, 50)
        self.wait_lines(reader, self.values("loop", 0, 50))
        self.flip("loop", "b", reader)
        self.produce("b", "loop", 50, 50)
        self.wait_lines(reader, self.values("loop", 50, 50))
        self.end(reader)

    def test_positions(self) -> None:
        """Killed on a, started on b, killed, started on a: nothing is printed twice"""
        self.world.put_rule("kept", "a")
        file = self.world.folder / "positions"
        seen: list[str] = []
        for first, cluster in ((0, "a"), (30, "b"), (60, "a")):
            if first:
                self.world.flip("kept", cluster)
            self.produce(cluster, "kept", first, 30)
            reader = self.start("positions", self.world.route_url, "kept", "kept", 2, file, name=f"positions-{first}")
            self.wait_lines(reader, self.values("kept", first, 30))
            wait_until(lambda: sum(int(line.split()[3]) for line in file.read_text().splitlines()) == first + 30, MOVE_S,
                       "what was printed is kept")  # killed in between, it prints a record again
            reader.kill()
            seen += re.findall(r" (kept-\d+)$", reader.text(), re.M)
        self.assertEqual(sorted(seen), sorted(self.values("kept", 0, 90)))

    def test_sizes(self) -> None:
        for source in [*EXAMPLES.rglob("*.c"), *EXAMPLES.rglob("*.h")]:
            self.assertLessEqual(len(source.read_text().splitlines()), LINES_MAX, source)


def main() -> int:
    global build
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=build)
    parser.add_argument("tests", nargs="*")
    options = parser.parse_args()
    build = options.build
    loader = unittest.defaultTestLoader
    loader.testNamePatterns = [f"*{t}*" for t in options.tests] or None
    try:
        result = unittest.TextTestRunner(verbosity=2).run(loader.loadTestsFromTestCase(Examples))
    finally:
        procs.end_all()
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
