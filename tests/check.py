#!/usr/bin/env python3
"""Runs the test suites and ends with one line: N passed, N failed, N skipped.

usage: tests/check.py --build build/release [--suites unit,programs,route,mapper,sandbox,real]

unit      every Check program below BUILD/unit
unit-threads  those of libshunt and the replicator alone (for ThreadSanitizer)
programs  the programs' command lines and their bad input, as processes
route     shunt-route against peers and machines that misbehave, and against its OpenAPI file
mapper    shunt-offset against bad records, dying brokers, full disks, and against its OpenAPI file
sandbox   harness and stories on the embedded clusters
real      the same on real Apache Kafka and MirrorMaker 2
"""
from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.lib import failures  # noqa: E402

SUITES = ("unit", "programs", "route", "mapper", "sandbox", "real")
# Most tests wait more than they work.  Suites of one stage run beside each other: each program has folders and ports of its
# own.  What starts brokers of Apache Kafka has the machine to itself.
STAGES = ((("unit",), 4), (("unit-threads",), 2), (("programs", "route", "mapper", "sandbox"), 3), (("real",), 1))
# They begin first, so that no stage ends with one of them alone.
LONG = ("stories on embedded clusters", "sdk/t_switch", "sdk/t_consumer", "offset-mapper/t_store_verify", "route-service/t_audience",
        "offset-mapper/t_store_model", "route-service/t_residency", "route-service/t_warn", "sdk/t_split", "sdk/t_rebalance",
        "mapper: hard", "route: hard", "route: ha", "harness on embedded clusters", "sdk/t_producer", "sdk/t_queue", "route-service/t_match")
UNIT_S = 900  # with sanitizers on a busy machine
SLOWEST = 10  # are told
CHECK_LINE = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)", re.M)
PLAIN_LINE = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.M)


@dataclass
class Tally:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failed_programs: list[str] = field(default_factory=list)
    what_failed: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def line(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def count(output: str, code: int) -> tuple[int, int, int]:
    """(passed, failed, skipped) as a program said them; its exit code has the last word."""
    passed = failed = skipped = 0
    for checks, failures, errors in CHECK_LINE.findall(output):
        failed += int(failures) + int(errors)
        passed += int(checks) - int(failures) - int(errors)
    for p, f, s in PLAIN_LINE.findall(output)[-1:]:
        passed, failed, skipped = passed + int(p), failed + int(f), skipped + int(s or 0)
    if code != 0 and failed == 0:
        failed = 1
    if code == 0 and passed + skipped == 0:
        failed = 1  # a program that ran no test is no success
    return passed, failed, skipped


@dataclass
class Outcome:
    name: str
    output: str
    code: int
    seconds: float


def run(name: str, command: list[str], deadline_s: int) -> Outcome:
    started = time.monotonic()
    try:
        done = subprocess.run(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", timeout=deadline_s,
        )
        output, code = done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        output = (late.stdout or b"").decode(errors="replace") + f"\nended after {deadline_s} s"
        code = -1
    return Outcome(name, output, code, time.monotonic() - started)


def tell(done: Outcome, tally: Tally) -> None:
    passed, failed, skipped = count(done.output, done.code)
    tally.passed += passed
    tally.failed += failed
    tally.skipped += skipped
    tally.seconds[done.name] = done.seconds
    print(f"{'FAIL' if failed else 'ok  '}  {done.name:44} {passed:4} passed {done.seconds:7.1f} s", flush=True)
    for line in done.output.splitlines():
        if failed or "skipped:" in line or line.startswith(("story", "demo:", "chaos:")):
            print(f"      {line}", flush=True)
    if failed:
        tally.failed_programs.append(done.name)
        tally.what_failed += failures.of_output(done.output, done.name)


def commands(suite: str, build: Path) -> list[tuple[str, list[str], int]]:
    if suite == "unit":
        return [(str(p.relative_to(build)), [str(p)], UNIT_S)
                for p in sorted((build / "unit").glob("*/t_*")) if p.suffix == ""]
    if suite == "unit-threads":
        return [(str(p.relative_to(build)), [str(p)], UNIT_S)
                for part in ("sdk", "sdk-hard", "replicator") for p in sorted((build / "unit").glob(f"{part}/t_*")) if p.suffix == ""]
    if suite == "programs":
        return [("programs", ["python3", "tests/programs/test_programs.py"], 300),
                ("shuntctl", ["python3", "tests/programs/test_shuntctl.py"], 300),
                ("groups", ["python3", "tests/programs/test_groups.py"], 300),
                ("install", ["python3", "tests/programs/test_install.py"], 300),
                ("mm2_vectors", ["python3", "tests/programs/test_mm2_vectors.py"], 300),
                ("replicator: openapi", ["python3", "tests/replicator/test_openapi.py"], 300),
                ("replicator: outside", ["python3", "tests/replicator/test_outside.py"], 300)]
    if suite in ("route", "mapper"):
        return [(f"{suite}: {p.stem.removeprefix('test_')}", ["python3", str(p)], 600)
                for p in sorted((ROOT / "tests" / suite).glob("test_*.py")) if not p.stem.endswith("_real")]
    kind = "embedded" if suite == "sandbox" else "real"
    where = ["--build", str(build)]
    only_real = [("replicator on real clusters", ["python3", "tests/replicator/test_replicator_real.py"], 400),
                 ("what clusters refuse the replicator", ["python3", "tests/replicator/test_refusals.py"], 300),
                 ("replicator on guarded clusters", ["python3", "tests/replicator/test_guarded.py"], 300),
                 ("interop with Java and MirrorMaker 2", ["python3", "tests/interop/test_interop_real.py"], 600),
                 ("replicators that share, exactly once", ["python3", "tests/replicator/test_exactly_once.py"], 900),
                 ("topics and groups of the replicator", ["python3", "tests/replicator/test_topics.py"], 300),
                 ("mapper on real clusters", ["python3", "tests/mapper/test_mapper_real.py"], 900),
                 ("sdk on real clusters", ["python3", "tests/sdk/test_sdk_real.py", *where], 900),
                 ("a minute of random faults", ["python3", "tests/chaos/run.py", "--seconds", "60", *where], 600)]
    only_embedded = [("examples", ["python3", "tests/examples/test_examples.py", *where], 300)]
    return [
        (f"harness on {kind} clusters", ["python3", "tests/lib/selftest.py", kind, *where], 300),
        (f"stories on {kind} clusters", ["python3", "tests/stories/run.py", "--clusters", kind, *where], 1500),
    ] + (only_real if kind == "real" else only_embedded)


def long_first(test: tuple[str, list[str], int]) -> int:
    name = test[0].removeprefix("unit/")
    return LONG.index(name) if name in LONG else len(LONG)


def run_stage(suites: list[str], at_once: int, build: Path, tally: Tally) -> None:
    tests = []
    for suite in suites:
        found = commands(suite, build)
        if not found:
            print(f"FAIL  {suite}: there are no tests below {build}; was it built?")
            tally.failed += 1
            tally.what_failed.append(f"{suite}: there are no tests below {build}")
        tests += found
    started = time.monotonic()
    with ThreadPoolExecutor(at_once) as pool:
        for done in as_completed([pool.submit(run, *test) for test in sorted(tests, key=long_first)]):
            tell(done.result(), tally)
    if tests:
        tally.seconds[f"all of {','.join(suites)}"] = time.monotonic() - started


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release", type=Path)
    parser.add_argument("--suites", default=",".join(SUITES))
    options = parser.parse_args()
    build = (ROOT / options.build).resolve()
    os.environ["SHUNT_BUILD"] = str(build)
    os.environ.setdefault("CK_TIMEOUT_MULTIPLIER", "3")  # those of the tests are for a machine that has nothing else to do
    os.environ.setdefault("TSAN_OPTIONS", f"suppressions={ROOT}/tests/support/tsan.supp:die_after_fork=0")
    tally = Tally()
    started = time.monotonic()
    suites = options.suites.split(",")
    unknown = set(suites) - {*SUITES, "unit-threads"}
    if unknown:
        parser.error(f"there is no suite {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}")
    for stage, at_once in STAGES:
        run_stage([suite for suite in stage if suite in suites], at_once, build, tally)
    if tally.what_failed:  # once more at the end: CI shows beginning and end of a long output
        print("\n".join([failures.BEGIN, *tally.what_failed[:failures.IN_ALL], failures.END]))
    for name in tally.failed_programs:
        print(f"failed: {name}")
    slowest = sorted(tally.seconds.items(), key=lambda item: -item[1])[:SLOWEST]
    print("slowest: " + ", ".join(f"{name} {seconds:.0f} s" for name, seconds in slowest))
    print(f"{time.monotonic() - started:.0f} s")
    print(tally.line())
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
