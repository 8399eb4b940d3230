#!/usr/bin/env python3
"""Runs all stories on one kind of clusters, one line each.

    python3 tests/stories/run.py --clusters embedded|real [--build build/release]
                                 [NAME...]

The figures of a run of all go to build/stories/KIND.json, what the stories print to
build/stories/KIND-NAME.txt.  Exit code 1 when one failed."""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.stories.story import line_of  # noqa: E402

STORIES = ("story1_flip", "story2_death", "story3_control", "story4_one_group",
           "story5_mapper_restart", "story6_groups")
# Rebalances of the embedded clusters are not Kafka's.
ONLY_REAL = ("story6_groups",)
STORY_S = 300


def run(name: str, kind: str, build: str) -> dict[str, Any]:
    folder = ROOT / "build/stories"
    folder.mkdir(parents=True, exist_ok=True)
    result = folder / f"{kind}-{name}.json"
    result.unlink(missing_ok=True)
    with open(folder / f"{kind}-{name}.txt", "w", encoding="utf-8") as out:
        story = subprocess.Popen(
            [sys.executable, ROOT / f"tests/stories/{name}.py", "--clusters", kind,
             "--build", build, "--json", result],
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        try:
            story.wait(STORY_S)
        except subprocess.TimeoutExpired:
            story.terminate()  # it ends its processes
            story.wait()
        except BaseException:
            story.terminate()
            raise
    if result.exists():
        return json.loads(result.read_text())
    return {"name": name, "clusters": kind, "verdict": "failed", "seconds": STORY_S,
            "reason": f"ended with {story.returncode}; see {out.name}"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clusters", choices=("embedded", "real"), default="embedded")
    parser.add_argument("--build", default="build/release")
    parser.add_argument("names", nargs="*", help="of stories; default: all")
    args = parser.parse_args()
    unknown = set(args.names) - set(STORIES)
    if unknown:
        parser.error(f"no story {', '.join(sorted(unknown))}; there are {', '.join(STORIES)}")
    results = []
    for name in args.names or [s for s in STORIES if args.clusters == "real" or s not in ONLY_REAL]:
        results.append(run(name, args.clusters, args.build))
        print(line_of(results[-1]), flush=True)
    if not args.names:
        path = ROOT / f"build/stories/{args.clusters}.json"
        path.write_text(json.dumps(results, indent=1) + "\n")
    count = {v: sum(r["verdict"] == v for r in results) for v in ("passed", "failed", "skipped")}
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    sys.exit(count["failed"] > 0)


if __name__ == "__main__":
    main()
