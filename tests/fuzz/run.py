#!/usr/bin/env python3
"""Runs the fuzz targets, two at a time, and ends with "N passed, N failed, 0 skipped".

usage: tests/fuzz/run.py --build build/fuzz [--seconds 60] [TARGET ...]

Each target starts from tests/fuzz/corpus/TARGET (kept small, in the tree); what it finds on the way stays in
BUILD/corpus/TARGET.  An input that crashes, leaks or hangs is written to BUILD/found/ and printed as hex; put it into the
corpus together with the fix.
"""
from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
MAX_LEN = {"glob": 320, "body": 4096, "rule": 2048, "table": 8192, "http": 8192, "mapper": 4096,
           "record": 512, "runs": 1024, "store_key": 4400, "properties": 2048}
GRACE_S = 120  # a target that does not end by itself is itself a failure


def command(target: str, build: Path, seconds: int) -> list[str]:
    grown = build / "corpus" / target
    found = build / "found"
    grown.mkdir(parents=True, exist_ok=True)
    found.mkdir(parents=True, exist_ok=True)
    words = [str(build / "fuzz" / f"fuzz_{target}"), f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=1024",
             f"-max_len={MAX_LEN[target]}", "-print_final_stats=1", f"-artifact_prefix={found}/{target}-"]
    dictionary = HERE / "dict" / f"{target}.dict"
    if dictionary.exists():
        words.append(f"-dict={dictionary}")
    return words + [str(grown), str(HERE / "corpus" / target)]


def reproducer(output: str) -> str:
    """Where the input is that made it fail, and its bytes."""
    written = re.search(r"Test unit written to (\S+)", output)
    if not written:
        return "no input was written"
    path = Path(written[1])
    return f"reproducer: {path}\nhex: {path.read_bytes().hex()}"


def fuzz(target: str, build: Path, seconds: int) -> bool:
    words = command(target, build, seconds)
    env = {**os.environ, "UBSAN_OPTIONS": "print_stacktrace=1", "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0"}
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", env=env, timeout=seconds + GRACE_S)
        output, code = done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        output, code = (late.stdout or b"").decode(errors="replace"), -1
    runs = re.findall(r"stat::number_of_executed_units: (\d+)", output)
    cover = re.findall(r"cov: (\d+)", output)
    said = f"{runs[-1] if runs else '?':>9} runs, {cover[-1] if cover else '?':>5} edges"
    print(f"{'FAIL' if code else 'ok  '}  {target:6} {said}", flush=True)
    if code:
        print("\n".join(output.splitlines()[-60:]))
        print(f"{reproducer(output)}\nagain: {words[0]} FILE", flush=True)
    return code == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/fuzz", type=Path)
    parser.add_argument("--seconds", default=60, type=int, help="for each target")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(MAX_LEN)}; default: all")
    options = parser.parse_args()
    if unknown := set(options.targets) - set(MAX_LEN):
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    build = options.build.resolve()
    with ThreadPoolExecutor(2) as two:
        passed = list(two.map(lambda t: fuzz(t, build, options.seconds), options.targets or MAX_LEN))
    print(f"{passed.count(True)} passed, {passed.count(False)} failed, 0 skipped")
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
