"""What the files of the stories share: the command line, the checks, the
figures, and what becomes of them.

A story is a function of a World and a Fleet; it raises AssertionError when the
world is not as it should be, and returns its figures otherwise."""

import argparse
import json
import os
import statistics
import sys
import time
import traceback
from pathlib import Path
from typing import Any, Callable, Iterable

from tests.lib import kafka_jars
from tests.lib.world import World

from .fleet import Fleet, stalls

SKIPPED = 77

Story = Callable[[World, Fleet], dict[str, Any]]


def check(condition: object, what: str) -> None:
    if not condition:
        raise AssertionError(what)


def check_reports(verdict: dict[str, Any]) -> None:
    """Each record has had its one report, and every place told is true."""
    for figure in ("failed", "unreported", "reported_twice", "misplaced_acknowledgements",
                   "standing_out_of_order"):
        check(verdict[figure] == 0, f"{figure} is {verdict[figure]}")
    check(verdict["dump_foreign"] == 0, f"foreign in the dumps: {verdict['dump_foreign']}")
    unended = [c["name"] for c in verdict["writers"] + verdict["readers"] if not c["ended"]]
    check(not unended, f"did not end by themselves: {unended}")
    for group in verdict["groups"]:
        for figure in ("misplaced", "foreign"):
            check(group[figure] == 0, f"{figure} of group {group['group']} is {group[figure]}")


def check_switches(verdict: dict[str, Any], clients: Iterable[str], times: int) -> None:
    for client in verdict["writers"] + verdict["readers"]:
        if client["name"] in clients:
            seen = [f"{s['from']}->{s['to']}" for s in client["switches"]]
            check(len(seen) == times and None not in (s["to"] for s in client["switches"]),
                  f"{client['name']} should have moved {times} times: {seen}")


def figures(fleet: Fleet, verdict: dict[str, Any]) -> dict[str, Any]:
    found = stalls(verdict)
    by_writers = stalls(verdict, "writers")
    return {
        "acknowledged": verdict["acknowledged"],
        "lost": verdict["lost"],
        "read_twice": verdict["read_twice"],
        "bound": fleet.bound(),
        "limit": fleet.limit(),
        "moved": fleet.moved(),
        "written_twice": verdict["written_twice"],
        "never_replicated": verdict["never_replicated"],
        "out_of_order": verdict["out_of_order"],
        "disordered": verdict["disordered"],
        "stall_median_ms": statistics.median_low(found) if found else None,
        "stall_worst_ms": max(found, default=None),
        "wait_worst_ms": max((s["wait_ms"] for r in verdict["readers"] for s in r["switches"]),
                             default=None),
        "writer_stall_worst_ms": max(by_writers, default=None),
        "stalls_ms": found,
    }


def check_kept(got: dict[str, Any], written_twice: int = 0) -> None:
    """Nothing lost; read twice no more than was announced; in order within each
    partition; written twice at most so often.  Lost, read twice and limit don't
    depend on what libshunt says (limit: the mapper's answers and the readers'
    logs); bound is what libshunt told of the mapper's answers."""
    check(got["written_twice"] <= written_twice,
          f"written twice {got['written_twice']}, more than {written_twice}: {told(got)}")
    check(got["disordered"] == 0, f"out of order within a partition: {told(got)}")
    check(got["bound"] <= got["limit"],
          f"bound {got['bound']} is more than the mapper can have answered, {got['limit']}: "
          f"{told(got)}")
    check(got["read_twice"] <= got["limit"] + got["moved"],
          f"read twice {got['read_twice']}, more than limit {got['limit']}: {told(got)}")
    check(got["lost"] == 0, f"lost {got['lost']}: {told(got)}")
    check(got["read_twice"] <= got["bound"] + got["moved"],
          f"read twice {got['read_twice']}, more than bound {got['bound']} + moved "
          f"{got['moved']}: {told(got)}")


def check_once(got: dict[str, Any]) -> None:
    """Both clusters alive and a mapping that is exact: nothing twice, and nothing announced."""
    check(got["read_twice"] == 0 and got["bound"] == 0,
          f"read twice {got['read_twice']}, bound {got['bound']}: a flip between living clusters reads nothing "
          f"twice: {told(got)}")


def told(got: dict[str, Any]) -> str:
    """The figures in a line."""
    names = (("acknowledged", "acked"), ("lost", "lost"), ("read_twice", "read twice"),
             ("bound", "bound"), ("limit", "limit"), ("moved", "moved"), ("written_twice", "written twice"),
             ("never_replicated", "never replicated"), ("carried", "carried over"),
             ("out_of_order", "out of order"), ("disordered", "within a partition"),
             ("stall_median_ms", "stall median ms"), ("stall_worst_ms", "worst"),
             ("writer_stall_worst_ms", "writers' worst"), ("positions", "positions compared"))
    return ", ".join(f"{words} {got[name]}" for name, words in names
                     if got.get(name) is not None)


def say(words: str) -> None:
    print(f"  {words}", flush=True)


def main(name: str, story: Story) -> None:
    """Runs it; exit code 0, 1, or SKIPPED with the reason as last line."""
    args = _arguments(name)
    start = time.monotonic()
    result: dict[str, Any] = {"name": name, "clusters": args.clusters}
    try:
        with World(name, args.clusters, build=args.build) as world:
            result["figures"] = story(world, Fleet(world))
        result["verdict"] = "passed"
    except kafka_jars.Unreachable as why:
        result |= {"verdict": "failed" if _in_ci() else "skipped", "reason": str(why)}
    except (Exception, SystemExit) as why:
        traceback.print_exc()
        result |= {"verdict": "failed", "reason": str(why)}
    result["seconds"] = round(time.monotonic() - start, 1)
    if args.json:
        Path(args.json).write_text(json.dumps(result, indent=1))
    print(line_of(result), flush=True)
    sys.exit({"passed": 0, "failed": 1, "skipped": SKIPPED}[result["verdict"]])


def line_of(result: dict[str, Any]) -> str:
    more = told(result["figures"]) if "figures" in result else \
        result.get("reason", "").strip().splitlines()[0] if result.get("reason") else ""
    return f"{result['name']} {result['verdict']} {result['seconds']} s: {more}"


def _in_ci() -> bool:
    return os.environ.get("CI") == "true"


def _arguments(name: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=name)
    parser.add_argument("--clusters", choices=("embedded", "real"), default="embedded")
    parser.add_argument("--build", default="build/release", help="folder of the programs")
    parser.add_argument("--json", help="where the result goes")
    return parser.parse_args()
