#!/usr/bin/env python3
"""A seeded random schedule of faults, judged by the ledger (README.md).

    tests/chaos/run.py [--seed N] [--seconds 60] [--clusters real|embedded] [--times 1] [--plan]

Ends with "N passed, N failed, N skipped"; exit code 1 when a run failed."""

import argparse
import json
import os
import random
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.chaos import fences, hosts, plan  # noqa: E402
from tests.chaos.act import Actor, pace, rule  # noqa: E402
from tests.chaos.lost import tell_lost  # noqa: E402
from tests.lib import kafka_jars  # noqa: E402
from tests.lib.hosts import OneHost  # noqa: E402
from tests.lib.wait import Timeout, wait_until  # noqa: E402
from tests.lib.world import World  # noqa: E402
from tests.stories.fleet import TOPIC, Fleet  # noqa: E402
from tests.stories.story import check, told  # noqa: E402

RATE = 150  # records a second of each writer: there are others on this machine
COPIES = "done"  # the processor's topic
# What was left open by who was killed holds readers up for so long.
TXN_TIMEOUT_MS = 15000
# Records of transactions that were aborted are no copies.
MM2 = {f"{cluster}.consumer.isolation.level": "read_committed" for cluster in plan.BROKERS}
COPIED_S = 60.0
FOLLOWED_S = 90.0
CAUGHT_UP_S = 120.0


def start_clients(fleet: Fleet) -> None:
    for name, standby in plan.READERS.items():
        fleet.start_readers(name, switch_standby=standby)
    fleet.start_readers(plan.ALONE, group="alone", switch_standby="connect")
    fleet.start_writers(*plan.WRITERS, rate=RATE)
    if fleet.world.kind == "real":
        fleet.start_processor(plan.PROCESSOR, COPIES, transaction_timeout_ms=TXN_TIMEOUT_MS)
        fleet.start_readers(plan.CHECKER, group=plan.CHECKER, topic=COPIES)
    fleet.wait_writing(100)
    fleet.wait(lambda: all(any(r.reads for r in fleet.readers.values() if r.group == g)
                           for g in fleet.groups()), "records for each group")


def wait_followed(world: World, fleet: Fleet, cluster: str) -> None:
    """Until every client is on that cluster, says so, and works."""
    names = [*fleet.procs, *(f"{name}-out" for name in fleet.procs if name == plan.PROCESSOR)]

    def where() -> bool:
        seen = {c["client"]["name"]: c["report"] or {} for c in world.clients()}
        away = {name: (seen[name].get("state"), seen[name].get("cluster"), seen[name].get("detail"))
                if name in seen else "not connected" for name in names
                if seen.get(name, {}).get("state") != "running" or seen[name]["cluster"] != cluster}
        if away:
            raise AssertionError(f"not on {cluster}: {away}")
        return True
    wait_until(where, FOLLOWED_S, f"everybody on {cluster}")
    fleet.wait_writing(50)
    fleet.look()
    start = {g: sum(len(r.reads) for r in fleet.readers.values() if r.group == g)
             for g in fleet.groups()}
    fleet.wait(lambda: all(sum(len(r.reads) for r in fleet.readers.values() if r.group == g) > had
                           for g, had in start.items()), "records for each group")


def wait_copied(world: World, target: str) -> None:
    """What stands on the other cluster stands on this one too.  MirrorMaker 2 that
    has given up is started again, as its operator would do."""
    source = "b" if target == "a" else "a"
    for last in (False, True):
        try:
            world.clusters.wait_copied(source, target, TOPIC, COPIED_S)
            return
        except Timeout as why:
            if last:
                raise
            print(f"  {why}: replication is started again", flush=True)
            world.clusters.kill_mm2()
            world.clusters.start_mm2(MM2)


def finish(world: World, fleet: Fleet, actor: Actor) -> dict[str, Any]:
    actor.mend_all()
    print(f"  mended; everybody has to get to {actor.wanted}", flush=True)
    wait_followed(world, fleet, actor.wanted)
    fleet.stop_writers()
    wait_copied(world, actor.wanted)
    fleet.wait_caught_up(deadline_s=CAUGHT_UP_S)
    fleet.stop_readers()
    fleet.stop(name for name in fleet.procs if name == plan.PROCESSOR)
    copies = judge_copies(fleet) if plan.CHECKER in fleet.procs else {}
    for cluster in plan.BROKERS:
        fleet.dump(cluster)
    return {**fleet.verdict(groups=fleet.groups() - {plan.CHECKER}), "copies": copies}


def judge_copies(fleet: Fleet) -> dict[str, Any]:
    """All that was written went through the processor."""
    verdict = fleet.verdict(groups=[plan.CHECKER])
    got = {key: verdict[key] for key in ("lost", "read_twice", "out_of_order")}
    if verdict["lost"]:
        print(f"  copies lost: {verdict['groups'][0]}", flush=True)
    check(verdict["lost"] == 0, f"lost {verdict['lost']} copies")
    return got


def judge_fences(fleet: Fleet, actor: Actor) -> dict[str, int]:
    seen = [fences.look(log.path, actor.fences) for log in (*fleet.readers.values(), *fleet.writers.values())]
    broken = [line for one in seen for line in one.broken]
    check(not broken, f"{len(broken)} times a fence was not kept to, first: {broken[:3]}")
    return {"fences": len(actor.fences), "moves": sum(one.moves for one in seen)}


def judge(fleet: Fleet, actor: Actor, verdict: dict[str, Any]) -> dict[str, Any]:
    got = {key: verdict[key] for key in ("acknowledged", "lost", "read_twice", "written_twice",
                                         "out_of_order", "disordered")}
    got["acts"] = dict(sorted(actor.counts.items()))
    got["copies"] = verdict["copies"]
    got["fenced"] = judge_fences(fleet, actor)
    print(f"  {told(got)}; copies {got['copies']}; fenced {got['fenced']}; {got['acts']}", flush=True)
    if verdict["lost"]:
        tell_lost(fleet, verdict, actor.wanted)
    check(verdict["lost"] == 0, f"lost {verdict['lost']}")
    for figure in ("reported_twice", "misplaced_acknowledgements", "dump_foreign"):
        check(verdict[figure] == 0, f"{figure} is {verdict[figure]}")
    for group in verdict["groups"]:
        for figure in ("misplaced", "foreign"):
            check(group[figure] == 0, f"{figure} of group {group['group']} is {group[figure]}")
    unended = [c["name"] for c in verdict["writers"] + verdict["readers"] if not c["ended"]]
    check(not unended, f"did not end by themselves: {unended}")
    return got


def once(args: argparse.Namespace, net: OneHost) -> dict[str, Any]:
    steps = plan.make(args.seed, args.seconds)
    name = f"chaos-{args.seed}"
    more: dict[str, Any] = {}
    if args.clusters == "real":
        more = {"topics": f"{TOPIC}:6,{COPIES}:6", "mm2": MM2}
    with World(name, args.clusters, build=args.build, hosts=net, **more) as world:
        fleet = Fleet(world)
        world.change([{"op": "put", "rule": rule(fleet.code, "a")}])
        start_clients(fleet)
        actor = Actor(world, fleet, net)
        pace(actor, steps, args.seconds)
        return judge(fleet, actor, finish(world, fleet, actor))


def attempt(args: argparse.Namespace, net: OneHost, number: int) -> dict[str, Any]:
    began = time.monotonic()
    print(f"chaos: seed {args.seed}, {args.seconds:g} s on {args.clusters} clusters"
          f"{f', time {number + 1}' if args.times > 1 else ''}", flush=True)
    result: dict[str, Any] = {"seed": args.seed, "seconds": args.seconds, "verdict": "passed"}
    try:
        result["figures"] = once(args, net)
    except kafka_jars.Unreachable as why:
        result |= {"verdict": "failed" if os.environ.get("CI") == "true" else "skipped",
                   "reason": str(why)}
    except (Exception, SystemExit) as why:
        traceback.print_exc()
        result |= {"verdict": "failed", "reason": str(why)}
        print(f"again: tests/chaos/run.py --seed {args.seed} --seconds {args.seconds:g} "
              f"--clusters {args.clusters}", flush=True)
    result["took_s"] = round(time.monotonic() - began)
    print(f"chaos: seed {args.seed} {result['verdict']} in {result['took_s']} s", flush=True)
    return result


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED") or 0) or random.randrange(1, 10 ** 6))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clusters", choices=("embedded", "real"), default="real")
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--times", type=int, default=1, help="the same seed so often")
    parser.add_argument("--plan", action="store_true", help="only show the schedule")
    parser.add_argument("--json", help="where the results go")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    if args.plan:
        print("\n".join(map(str, plan.make(args.seed, args.seconds))))
        return
    apart = args.clusters == "real" and hosts.possible()
    if apart:
        try:
            kafka_jars.ensure()  # there is no way out of the namespace
        except kafka_jars.Unreachable:
            apart = False  # said below
    if apart:
        # The seed is drawn once: the program that starts again must have it.
        sys.argv += ["--seed", str(args.seed)]
        hosts.enter()
    elif args.clusters == "real":
        print("no network namespaces here: who would be cut off is stopped instead", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        net = hosts.Namespaces((*plan.SERVERS, *plan.CLIENTS), Path(folder)) if apart else OneHost()
        results = [attempt(args, net, i) for i in range(args.times)]
    if args.json:
        Path(args.json).parent.mkdir(parents=True, exist_ok=True)
        Path(args.json).write_text(json.dumps(results, indent=1) + "\n")
    count = {v: sum(r["verdict"] == v for r in results) for v in ("passed", "failed", "skipped")}
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    sys.exit(count["failed"] > 0)


if __name__ == "__main__":
    main()
