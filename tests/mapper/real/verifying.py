"""The sampler: nothing to say beside writers, and a lie that is told.  Last of all, because the lie stays."""

import json
import subprocess
import time

from tests.lib import records
from tests.lib.records import expect
from tests.lib.wait import wait_until
from tests.mapper.lab import AB, BUILD, SYNCS, WAIT_S, Lab, Load, Mapper
from tests.mapper.syncs import line


def verify(lab: Lab, flow: str, samples: int, *words: object) -> tuple[int, str]:
    """`shunt-offset verify`: exit code, what it prints."""
    done = subprocess.run([BUILD / "bin/shunt-offset", "verify", flow, "--samples", str(samples), "--listen",
                           lab.mapper.url.removeprefix("http://"), *map(str, words)],
                          capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_verify_agrees_beside_writers(lab: Lab) -> None:
    """All that stands on the clusters after everything else, and what is being written; c is copied to exactly once."""
    for topic in ("seen", "both-seen"):
        lab.clusters.create_topic("a", topic, 2)
    loads = [Load(lab, "a", topic, 2) for topic in ("seen", "both-seen")]
    lab.write_tx("a", "both-seen", 40, 20, partitions=2)
    for load in loads:
        load.push(3000)
    lab.wait_copied(AB, "seen")
    for flow in ("a->b", "a->c", "b->c"):
        for load in loads:
            load.push(300)
        began = time.monotonic()
        code, text = verify(lab, flow, 300, "--json")
        seen = json.loads(text)
        expect(code == 0 and seen["disagreements"] == 0 and seen["samples"] == 300, text)
        compared = 300 - seen["empty"] - seen["unread"]
        expect(seen["unread"] == 0 and seen["verdicts"]["right"] > 0, text)
        print(f"        {flow}: {seen['exact_right']} of {compared} exact, {seen['verdicts']} in {time.monotonic() - began:.1f} s")
    for load in loads:
        load.end()
    lab.wait_copied(AB, "seen")


def test_content_beside_a_frozen_broker(lab: Lab) -> None:
    """Asked while the target's broker does not move: answered in time by the runs, and by content when it moves again."""
    lab.clusters.create_topic("a", "frozen", 1)
    lab.write("a", "frozen", 500)
    where = lab.settle(AB, "frozen")[0][0][-1].offset // 2
    answer = lab.mapper.ask_one(*AB, "frozen", 0, where, verify=True)
    expect(answer["verified"], f"before it is frozen: {answer}")
    lab.clusters.brokers["b"].pause()
    try:
        began = time.monotonic()
        answer = lab.mapper.ask_one(*AB, "frozen", 0, where, verify=True)
        took_s = time.monotonic() - began
        expect(not answer.get("verified") and took_s < 8, f"{took_s:.1f} s: {answer}")
        print(f"        frozen: answered after {took_s:.1f} s: {answer['reason']}")
    finally:
        lab.clusters.brokers["b"].resume()
    wait_until(lambda: lab.mapper.ask_one(*AB, "frozen", 0, where, verify=True).get("verified"), WAIT_S, "it is read again")


def test_verify_tells_a_lie(lab: Lab) -> None:
    """A sync that leads 5 records too far, of a topic that MirrorMaker 2 does not copy."""
    now_ms = int(time.time() * 1000)  # retention looks at what records say of their time
    lines = [f"0 {now_ms + i} - x{i:04x}" for i in range(400)]
    for cluster, topic in (("a", "far-lied"), ("b", "a.far-lied")):
        lab.clusters.create_topic(cluster, topic, 1)
        records.write(lab.clusters, cluster, topic, lines)
    source, syncs = SYNCS[AB]
    records.write(lab.clusters, source, syncs, [line(("far-lied", 0, up, up + 5)) for up in (0, 390)])
    liar = Mapper(lab, "believer", flows=[AB])
    liar.wait_read(AB)
    honest, lab.mapper = lab.mapper, liar
    try:
        def found() -> dict[str, object] | None:
            code, text = verify(lab, "a->b", 200, "--json")
            seen = json.loads(text)
            expect(code == (1 if seen["disagreements"] else 0), text)
            return seen if seen["disagreements"] else None
        seen = wait_until(found, 60, "a sample falls on the lie")
        wrong = seen["wrong"][0]  # type: ignore[index]
        expect((wrong["topic"], wrong["verdict"]) == ("far-lied", "past"), str(wrong))
        expect(wrong["position"] == wrong["right_low"] + 5 == wrong["offset"] + 5, str(wrong))
        liar.proc.wait_for(r"ERROR verify of flow a->b: WRONG ANSWER \(past\): far-lied \[0\]")
        print(f"        {wrong['message']}")
        code, text = verify(lab, "a->b", 200)
        expect(code == 1 and "SKIPS records" in text, text)
    finally:
        lab.mapper = honest
        liar.end()
