"""What is answered: over two flows, by waiting, by content; with the source dead."""

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.lib import records
from tests.lib.records import Log, Record, Truth, expect, judge, met
from tests.lib.wait import wait_until
from tests.mapper.lab import AB, BUILD, WAIT_S, Flow, Lab, Load


BLOCK_RUNS = 254  # offset-mapper/block.h


def samples(lab: Lab, log: list[Record], n: int = 60) -> list[int]:
    """Offsets from the first record to right behind the last."""
    return sorted(lab.chance.randint(log[0].offset, log[-1].offset + 1) for _ in range(n))


def test_over_two_flows(lab: Lab) -> None:
    """a feeds b and c: from b back over a->b, then forward over a->c, and the other way."""
    lab.clusters.create_topic("a", "both-2", 2)
    lab.write_tx("a", "both-2", 8, 40, partitions=2)
    lab.settle(AB, "both-2")
    lab.settle(("a", "c"), "both-2")
    on_b, on_c = lab.dump("b", "a.both-2"), lab.dump("c", "both-2")
    for source, here, target, there in (("b", on_b, "c", on_c), ("c", on_c, "b", on_b)):
        names = {"b": "a.both-2", "c": "both-2"}
        for p in here:
            asked = samples(lab, here[p])
            answers = lab.mapper.ask(source, target, [(names[source], p, at) for at in asked], explain=True)
            expect(all(a["to_topic"] == names[target] and len(a["path"]) == 2 for a in answers), str(answers[0]))
            exact = judge(answers, [Truth(here[p], there[p]).forward(at) for at in asked], False, f"{source}->{target}/{p}",
                          there[p])
            print(f"        {source}->{target}/{p}: {exact} of {len(asked)} exact, none past")


def test_by_time(lab: Lab) -> None:
    """The first record at or after a time."""
    here, there = lab.dump("a", "both-2"), lab.dump("b", "a.both-2")
    asked = [(p, r) for p in here for r in here[p][::40]]
    body = {"from": "a", "to": "b", "positions": [{"topic": "both-2", "partition": p, "timestamp": r.timestamp} for p, r in asked]}
    for (p, r), answer in zip(asked, lab.mapper.post("/v1/translate", body)["positions"], strict=True):
        first = min(other.offset for other in here[p] if other.timestamp >= r.timestamp)
        offsets = [other.offset for other in here[p]]
        expect(met(offsets, answer["offset"]) == first and answer["timestamp"] == r.timestamp, f"{answer}, {first}")
        expect(answer["position"] <= Truth(here[p], there[p]).forward(first), str(answer))


def test_waits_for_the_record(lab: Lab) -> None:
    """On a live stream: asked before the record is written, answered when its copy has arrived."""
    lab.clusters.create_topic("a", "live", 1)
    load = Load(lab, "a", "live", 1)
    load.push(500)
    lab.settle(AB, "live")
    expect(lab.mapper.ask_one(*AB, "live", 0, 600)["quality"] != "exact", "600 is known already")
    with ThreadPoolExecutor(20) as crowd:
        started = time.monotonic()
        asked = [crowd.submit(lab.mapper.ask_one, *AB, "live", 0, at, wait_ms=30000) for at in range(550, 1050, 25)]
        load.push_until(lambda: all(f.done() for f in asked), "all are answered", n=100)
        waited_s = time.monotonic() - started
    load.end()
    expect(waited_s < 25, f"answered after {waited_s:.1f} s")
    here, there = lab.wait_copied(AB, "live")
    truth = Truth(here[0], there[0])
    for future in asked:
        answer = future.result()
        expect(answer["quality"] in ("exact", "bounded"), str(answer))
        expect(answer["position"] <= truth.forward(answer["offset"]), str(answer))
    exact = sum(f.result()["quality"] == "exact" for f in asked)
    print(f"        {exact} of {len(asked)} exact, the last after {waited_s:.1f} s")


def test_waiting_ends_at_its_time(lab: Lab) -> None:
    started = time.monotonic()
    answer = lab.mapper.ask_one(*AB, "live", 0, 10_000_000, wait_ms=1000)
    expect(0.9 < time.monotonic() - started < 5, f"{time.monotonic() - started:.1f} s")
    expect(answer["quality"] != "exact", str(answer))
    expect(answer["position"] <= lab.clusters.ends("b", "a.live")[0], f"beyond the end: {answer}")


# ---- by content --------------------------------------------------------------------


def prints(lab: Lab, cluster: str, topic: str) -> dict[int, list[dict[str, Any]]]:
    """The fingerprint of each record, by partition."""
    found: dict[int, list[dict[str, Any]]] = {}
    for line in lab.ktool("prints", cluster, topic).splitlines():
        partition, text = line.split(" ", 1)
        found.setdefault(int(partition), []).append(json.loads(text))
    return found


def ask_with(lab: Lab, flow: Flow, topic: str, p: int, asked: list[int], known: list[dict[str, Any]], n: int) -> list[dict[str, Any]]:
    """The answers to positions of a reader that tells of the last `n` records before each."""
    positions = [{"topic": topic, "partition": p, "offset": at,
                  "fingerprints": [f for f in known if f["offset"] < at][-n:]} for at in asked]
    return lab.mapper.post("/v1/translate", {"from": flow[0], "to": flow[1], "positions": positions})["positions"]


def all_exact(answers: list[dict[str, Any]], right: list[int], what: str, there: list[Record]) -> None:
    expect(judge(answers, right, False, what, there) == len(answers),
           f"{what}: {[(a, r) for a, r in zip(answers, right, strict=True) if a['quality'] != 'exact'][:3]}")


def test_verified_by_content(lab: Lab) -> None:
    """A source with markers and a target with markers of its own (c is copied to exactly once): what syncs leave open,
    the records tell."""
    lab.clusters.create_topic("a", "both-tx", 1)
    lab.write_tx("a", "both-tx", 40, 25)
    for flow in (AB, ("a", "c")):
        here, there = lab.settle(flow, "both-tx")
        truth = Truth(here[0], there[0])
        asked = samples(lab, here[0][1:])
        right = list(map(truth.forward, asked))
        name = "both-tx"
        plain = lab.mapper.ask(*flow, [(name, 0, at) for at in asked])
        before = judge(plain, right, False, f"{flow} by syncs", there[0])
        answers = lab.mapper.ask(*flow, [(name, 0, at) for at in asked], verify=True)
        all_exact(answers, right, f"{flow} verified", there[0])
        all_exact(ask_with(lab, flow, name, 0, asked, prints(lab, "a", name)[0], 3), right, f"{flow} by fingerprints",
                  there[0])
        print(f"        {'->'.join(flow)}: {before} of {len(asked)} exact by syncs, all by content")


def test_target_with_timestamps_of_its_own(lab: Lab) -> None:
    lab.clusters.create_topic("a", "stamped", 1)
    wait_until(lambda: "a.stamped 1" in lab.ktool("topics", "b"), WAIT_S, "the copy is made")
    lab.ktool("alter", "b", "a.stamped", "message.timestamp.type=LogAppendTime")
    lab.write_tx("a", "stamped", 8, 25)
    here, there = lab.settle(AB, "stamped")
    expect({r.timestamp for r in here[0]} != {r.timestamp for r in there[0]}, "b has stamped them")
    truth = Truth(here[0], there[0])
    asked = samples(lab, here[0][1:], 20)
    all_exact(lab.mapper.ask(*AB, [("stamped", 0, at) for at in asked], verify=True), list(map(truth.forward, asked)), "stamped", there[0])


def test_fingerprints_with_the_source_dead(lab: Lab) -> None:
    here, there = lab.dump("a", "both-tx"), lab.dump("b", "a.both-tx")
    known = prints(lab, "a", "both-tx")[0]
    truth = Truth(here[0], there[0])
    asked = samples(lab, here[0][1:])
    lab.clusters.kill("a")
    try:
        answers = ask_with(lab, AB, "both-tx", 0, asked, known, 1)
        all_exact(answers, list(map(truth.forward, asked)), "with the source dead", there[0])
        tail = lab.mapper.ask_one(*AB, "both-tx", 0, here[0][-1].offset + 1, wait_ms=3000)
        expect(tail["position"] <= truth.end, f"{tail}, end {truth.end}")
    finally:
        lab.clusters.revive("a")


def test_equal_values_are_told_apart_by_their_neighbours(lab: Lab) -> None:
    lab.clusters.create_topic("a", "alike", 1)
    lines = [f"0 1700000000000 - x{i % 3:02x}{i // 90:02x}" for i in range(270)]
    records.write(lab.clusters, "a", "alike", lines)
    wait_until(lambda: lab.clusters.ends("b", "a.alike") == [270], WAIT_S, "alike is copied")
    known = prints(lab, "a", "alike")[0]
    for n, at_least in ((1, "bounded"), (64, "exact")):
        for answer in ask_with(lab, AB, "alike", 0, [30, 95, 200], known, n):
            expect(answer["position"] <= answer["offset"], f"past: {answer}")
            expect(answer["quality"] != "exact" or answer["position"] == answer["offset"], str(answer))


def test_sampled_beside_live_writers(lab: Lab) -> None:
    """No answer contradicts the records."""
    lab.clusters.create_topic("a", "sampled", 2)
    load = Load(lab, "a", "sampled", 2)
    load.push(3000)
    lab.wait_copied(AB, "sampled")
    with ThreadPoolExecutor(1) as side:
        seen = side.submit(lab.mapper.post, "/v1/verify", {"flow": "a->b", "samples": 300, "timeout_ms": 30000})
        load.push_until(seen.done, "300 samples", n=300)
    load.end()
    tally = seen.result()
    expect(tally["disagreements"] == 0 and tally["samples"] >= 300, str(tally))
    print(f"        {tally['samples']} samples beside {load.sent} records: {tally['exact_right']} exact and right, "
          f"{tally['reread']} records would be read again")
    done = subprocess.run([BUILD / "bin/shunt-offset", "verify", "a->b", "--samples", "50",
                           "--listen", lab.mapper.url.removeprefix("http://")], capture_output=True, text=True, timeout=60)
    expect(done.returncode == 0, done.stdout + done.stderr)


def test_a_frozen_broker(lab: Lab) -> None:
    """Asked by content while the target does not move: answered in time, and quickly again afterwards."""
    asked = [("both-tx", 0, 300)]
    lab.mapper.ask(*AB, asked, verify=True)
    lab.clusters.brokers["b"].pause()
    try:
        started = time.monotonic()
        frozen = lab.mapper.ask(*AB, asked, verify=True)[0]
        expect(time.monotonic() - started < 15, f"answered after {time.monotonic() - started:.1f} s")
        expect(not frozen["verified"], str(frozen))
        plain_s = time.monotonic()
        lab.mapper.ask(*AB, asked)
        expect(time.monotonic() - plain_s < 1, "what needs no broker is answered at once")
    finally:
        lab.clusters.brokers["b"].resume()
    wait_until(lambda: lab.mapper.ask(*AB, asked, verify=True)[0]["verified"], WAIT_S, "verified again")


def test_retention_prunes(lab: Lab) -> None:
    """Runs below the source's log start go, by whole blocks; answers above stay."""
    lab.clusters.create_topic("a", "pruned", 1)
    lab.write_tx("a", "pruned", 900, 2)
    here, there = lab.settle(AB, "pruned")
    before = lab.mapper.runs(AB, "pruned", 0)
    start = here[0][-50].offset
    asked = samples(lab, here[0][-50:])
    known = lab.mapper.ask(*AB, [("pruned", 0, at) for at in asked])
    lab.ktool("delete-records", "a", "pruned", 0, start)
    left = wait_until(lambda: (lambda runs: len(runs) <= len(before) - BLOCK_RUNS and runs)(lab.mapper.runs(AB, "pruned", 0)),
                      WAIT_S, f"runs below {start} are gone, of {len(before)}")
    now = lab.mapper.ask(*AB, [("pruned", 0, at) for at in asked])
    expect([a["position"] for a in now] == [a["position"] for a in known], "the same answers above")
    kept = {r.value for r in here[0][-50:]}
    logs: tuple[Log, Log] = ({0: here[0][-50:]}, {0: [r for r in there[0] if r.value in kept]})
    lab.judge(AB, "pruned", clean=False, logs=logs)
    print(f"        {len(before)} runs, then {len(left)}")
