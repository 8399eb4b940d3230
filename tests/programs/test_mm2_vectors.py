#!/usr/bin/env python3
"""Our positions beside MirrorMaker 2's own (tests/data), and that mm2_vectors sees what is wrong.

Ends with "N passed, N failed, N skipped".
"""
from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("SHUNT_BUILD", ROOT / "build/release"))
VECTORS = ROOT / "tests/data/mm2_offsetsyncstore_vectors.txt"
DEADLINE_S = 60


def judge(path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(BUILD / "bin/mm2_vectors"), *words, str(path)], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=DEADLINE_S)


def tally(done: subprocess.CompletedProcess[str]) -> tuple[int, int]:
    passed, failed = re.fullmatch(r"(\d+) passed, (\d+) failed", done.stdout.splitlines()[-1]).groups()
    return int(passed), int(failed)


class Vectors(unittest.TestCase):
    def setUp(self) -> None:
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)

    def judge_text(self, text: str, *words: str) -> subprocess.CompletedProcess[str]:
        path = Path(self.dir.name) / "vectors.txt"
        path.write_text(text)
        return judge(path, *words)

    def refused(self, text: str, line: int, why: str) -> None:
        done = self.judge_text(text)
        self.assertEqual(done.returncode, 2, done)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, rf"vectors\.txt:{line}: .*{why}")

    def test_those_of_the_java_class(self) -> None:
        done = judge(VECTORS)
        self.assertEqual(done.returncode, 0, done.stdout)
        lines = sum(line.startswith("T ") for line in VECTORS.read_text().splitlines())
        self.assertEqual(tally(done), (lines, 0))

    def test_every_broken_expectation_is_found(self) -> None:
        text = re.sub(r"^T (\d+) (\d+)$", lambda m: f"T {m[1]} {int(m[2]) + 10**17}", VECTORS.read_text(), flags=re.M)
        broken = len(re.findall(r"^T \d+ \d+$", text, flags=re.M))
        self.assertGreater(broken, 400)
        done = self.judge_text(text)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(tally(done)[1], broken)

    def test_one_more_is_too_much(self) -> None:
        done = self.judge_text("N 0\nS 100 50\nR\nT 100 51\nT 150 52\n")
        self.assertEqual(tally(done), (0, 2))
        self.assertIn("vectors.txt:4: 100 is answered as 50, below 51 of MirrorMaker 2", done.stdout)
        self.assertIn("vectors.txt:5: 150 is answered as 51, below 52 of MirrorMaker 2", done.stdout)

    def test_a_mapper_that_goes_too_far_is_found(self) -> None:
        done = judge(VECTORS, "--shift", "1")
        self.assertEqual(done.returncode, 1)
        self.assertGreater(tally(done)[1], 700)
        self.assertRegex(done.stdout, r"is answered as \d+, past \d+, which is what the sync \d+ -> \d+ allows")

    def test_a_mapper_that_stays_behind_is_found(self) -> None:
        self.assertGreater(tally(judge(VECTORS, "--shift", "-1"))[1], 300)

    def test_between_syncs_as_far_as_they_allow(self) -> None:
        done = self.judge_text("# same distance, then a hole\nN 0\nS 0 0\nS 10 10\nS 30 20\nR\nT 5 1\nT 29 11\n")
        self.assertEqual(tally(done), (2, 0))
        done = self.judge_text("N 0\nS 0 0\nS 10 10\nS 30 20\nR\nT 5 1\nT 29 11\n", "--shift", "1")
        self.assertEqual(tally(done), (0, 2))
        self.assertIn("past 11, which is what the sync 10 -> 10 allows", done.stdout)

    def test_syncs_that_mean_nothing_any_more(self) -> None:
        """OffsetSyncStoreTest.testOffsetTranslation: the target goes back, MirrorMaker 2 answers from before."""
        done = self.judge_text("N 1\nR\nS 100 200\nT 150 201\nS 150 251\nT 150 251\nT 5 -1\nS 200 10\nT 200 10\n"
                               "T 150 251\nS 20 20\nT 20 20\n")
        self.assertEqual(tally(done), (6, 0))
        self.assertIn("1 answers of MirrorMaker 2 follow syncs whose offsets", done.stdout)
        done = self.judge_text("N 1\nR\nS 100 200\nS 150 251\nS 200 10\nT 150 253\n")
        self.assertEqual(tally(done), (0, 1))

    def test_malformed_lines(self) -> None:
        self.refused("N 0\nS 1\n", 2, "S UPSTREAM DOWNSTREAM")
        self.refused("N 0\nS 1 2 3\n", 2, "S UPSTREAM DOWNSTREAM")
        self.refused("N 0\nS 1 x\n", 2, '"x" is no offset')
        self.refused("N 0\nS 1 -2\n", 2, '"-2" is no offset')
        self.refused("N 0\nS 1 99999999999999999999\n", 2, "is no offset")
        self.refused("N 0\nS 1 9223372036854775807\n", 2, "a sync beyond")
        self.refused("N 0\n\n# x\nT 5 maybe\n", 4, '"maybe" is no offset')
        self.refused("N 2\n", 1, 'N is followed by 0 or 1, not "2"')
        self.refused("S 1 2\n", 1, "S before the first N")
        self.refused("N 0\nX 1 2\n", 2, 'not "X"')
        self.refused("N 0\nR now\n", 2, "it should be: R")
        self.refused("N 0\nD 0:1\n", 2, "no INDEX:UPSTREAM:DOWNSTREAM")
        self.refused("N 0\nD " + "0:1:2 " * 80 + "\n", 2, "more than 80 words")
        self.refused("N 0\nS 1 2\n", 2, "there is no T line")
        self.refused("", 0, "there is no T line")

    def test_files_that_cannot_be_read(self) -> None:
        done = judge(Path(self.dir.name) / "none")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("No such file", done.stderr)
        done = judge(Path(self.dir.name))
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("Is a directory", done.stderr)


def main() -> int:
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1).run(
        unittest.defaultTestLoader.loadTestsFromTestCase(Vectors))
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad} passed, {bad} failed, 0 skipped")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
