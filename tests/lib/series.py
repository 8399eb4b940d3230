"""Tests that share one costly world: run in the order of their file, each named by its function."""

import os
import time
import traceback
from typing import Any, Callable, TypeVar

from . import kafka_jars, procs

W = TypeVar("W")


def named(scope: dict[str, Any], words: list[str]) -> dict[str, Callable[[W], None]]:
    """The test_... functions of a module; those with one of the words in their name, when there are any."""
    return {name: test for name, test in scope.items() if name.startswith("test_")
            and (not words or any(word in name for word in words))}


def run_one(world: W, name: str, test: Callable[[W], None]) -> str:
    start = time.monotonic()
    result, why = "passed", ""
    try:
        test(world)
    except Exception:
        result, why = "failed", traceback.format_exc()
    print(f"{result:8}{name} {time.monotonic() - start:.1f} s {why}".rstrip(), flush=True)
    return result


def run_all(tests: dict[str, Callable[[W], None]], make: Callable[[], W],
            end: Callable[[W, bool], None]) -> int:
    """`end` is told whether something failed.  Where Apache Kafka can't be had all is skipped; with CI=true that is
    a failure.  Prints "N passed, N failed, N skipped"; the exit code."""
    results: list[str] = []
    try:
        world = make()
    except kafka_jars.Unreachable as reason:
        result = "failed" if os.environ.get("CI") == "true" else "skipped"
        print(f"{result}: {len(tests)} tests: {reason}")
        results = [result] * len(tests)
    else:
        try:
            results += [run_one(world, name, test) for name, test in tests.items()]
        finally:
            end(world, "failed" in results or len(results) < len(tests))
            procs.end_all()
    print(", ".join(f"{results.count(r)} {r}" for r in ("passed", "failed", "skipped")))
    return int("failed" in results)
