#!/usr/bin/env python3
"""shunt-replicator beside Java: topics of every kind, read by MirrorMaker 2's own clients; the bytes of MirrorMaker 2; and hand-overs between
the two under load.

    python3 tests/interop/test_interop_real.py [NAME...]

Ends with "N passed, N failed, N skipped".  Where Apache Kafka can't be had all is skipped; with CI=true that is a failure.  The tests share
two brokers and run in the order of this file; MirrorMaker 2 is started twice in all."""

import os
import random
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.interop import java, kinds  # noqa: E402
from tests.interop.hand import Hand  # noqa: E402
from tests.interop.pair import BROKER, FLOWS, WAIT_S, Pair  # noqa: E402
from tests.lib import series  # noqa: E402
from tests.lib.records import Log, Truth, expect, met, numbered, plain  # noqa: E402
from tests.lib.wait import wait_until  # noqa: E402
from tests.lib.world import World  # noqa: E402

BUILD = Path(os.environ.get("SHUNT_BUILD", ROOT / "build/release")).resolve()
SEED = 20261127
SHOWN = ("tx", "of-zstd", "compact")  # whose positions are translated


# ---- 1. kinds of topics ---------------------------------------------------------


def test_topics_of_every_kind_are_copied(pair: Pair) -> None:
    kinds.make(pair)
    pair.start(pair.ours)
    wrong = []
    for topic, judge in kinds.JUDGES.items():
        try:
            judge(pair)
        except AssertionError as why:
            wrong.append(f"{topic}: {why}")
    expect(not wrong, "\n".join(wrong))


# ---- 2. Java -----------------------------------------------------------------------


def test_java_finds_the_topics(pair: Pair) -> None:
    names = "heartbeatTopics", "checkpointTopics", "upstreamClusters", "remoteTopics"
    for here, other in FLOWS:
        wait_until(lambda: pair.dump(here, f"{other}.heartbeats"), WAIT_S, f"{other}.heartbeats on {here}")
        hops = {f"replicationHops {other}": ["1"], f"replicationHops {here}": ["-1"], "replicationHops c": ["-1"]}
        of_other = sorted(t for t in pair.topics(here) if t.startswith(f"{other}.") and not t.endswith(".internal"))
        expect("a.many" in of_other or here == "a", str(of_other))
        got = java.ask(pair.clusters.bootstrap(here), [*names, f"remoteTopics {other}", "remoteTopics c", *hops])
        want = {"heartbeatTopics": sorted(["heartbeats", f"{other}.heartbeats"]), "checkpointTopics": [f"{other}.checkpoints.internal"],
                "upstreamClusters": [other], "remoteTopics": of_other, f"remoteTopics {other}": of_other, "remoteTopics c": [], **hops}
        wrong = {q: (got.get(q), w) for q, w in want.items() if got.get(q) != w}
        expect(not wrong, f"on {here} Java finds {wrong}")


def test_java_translates_as_the_content_says(pair: Pair) -> None:
    chance = random.Random(SEED)
    asked: dict[str, dict[tuple[str, int], int]] = {}
    for group in ("billing", "gr\u00fcn"):
        asked[group] = {}
        for topic in SHOWN:
            for p, log in pair.dump("a", topic).items():
                asked[group][topic, p] = chance.choice([chance.randint(0, log[-1].offset), log[-1].offset + 1])
                pair.commit(group, topic, p, asked[group][topic, p])
    pair.commit("empty-handed", "empty", 0, 0)
    want = {group: {(f"a.{t}", p): at for (t, p), at in of.items()} for group, of in asked.items()}
    wait_until(lambda: _checkpointed(pair) >= {(g, *tp, at) for g, of in want.items() for tp, at in of.items()}, WAIT_S, f"checkpoints {want}")
    questions = [f"{how} {group} a" for group in (*asked, "empty-handed") for how in ("remoteConsumerOffsets", "translateOffsets")]
    answers = {q: java.offsets(lines) for q, lines in java.ask(pair.clusters.b, questions).items()}
    logs = {t: (pair.dump("a", t), pair.dump("b", f"a.{t}")) for t in SHOWN}
    for group, of in asked.items():
        for how in ("remoteConsumerOffsets", "translateOffsets"):
            got = answers[f"{how} {group} a"]
            expect(got.keys() == {(f"a.{t}", p) for t, p in of}, f"{how} of {group}: {got}")
            for (t, p), at in of.items():
                position, metadata = got[f"a.{t}", p]
                expect(_is_right(logs[t], p, at, position), f"{how} of {group}: {t}/{p} at {at} is {position}")
                expect(metadata == f"of {group}".encode(), f"{how} of {group}: {metadata!r}")
    expect(not answers["translateOffsets empty-handed a"], f"a group of an empty topic: {answers['translateOffsets empty-handed a']}")


def _is_right(logs: tuple[Log, Log], partition: int, at: int, position: int) -> bool:
    """Who reads from `position` on meets what comes from `at` on, and nothing before. On the target there may be markers."""
    here, there = ([r._replace(value=f"{r.key} {r.value} {r.timestamp}") for r in log[partition]] for log in logs)
    # What was cleaned on one side only is of no matter.
    both = {r.value for r in here} & {r.value for r in there}
    here, there = ([r for r in log if r.value in both] for log in (here, there))
    right = Truth(here, there).forward(at)
    offsets = [r.offset for r in there]
    return position <= right and met(offsets, position) == met(offsets, right)


def _checkpointed(pair: Pair) -> set[tuple[str, str, int, int]]:
    """Group, topic, partition and position on the source."""
    found = {}
    for r in pair.dump("b", "a.checkpoints.internal").get(0, []):
        key, value = plain(r.key), plain(r.value)
        n = int.from_bytes(key[:2], "big")
        m = int.from_bytes(key[2 + n:4 + n], "big")
        group, topic = key[2:2 + n].decode(), key[4 + n:4 + n + m].decode()
        found[group, topic, int.from_bytes(key[-4:], "big")] = int.from_bytes(value[2:10], "big")
    return {(*k, up) for k, up in found.items()}


# ---- 3. hand-over --------------------------------------------------------------------


def test_hand_over_to_mirrormaker(pair: Pair) -> None:
    hand = pair.hand = Hand(pair)
    hand.send(300)
    before = _others(pair)
    hand.send_until(lambda: all(hand.saved(*flow) for flow in FLOWS), "positions are saved")
    pair.stop()
    hand.note_unsaved()
    for flow in FLOWS:
        expect(not hand.may_repeat[flow] or not hand.copied(flow) & hand.may_repeat[flow], f"{flow}: all that was copied is saved")
    pair.start(pair.mm2)
    hand.send_until(lambda: all(len(hand.copied(flow)) >= 900 for flow in FLOWS), "MirrorMaker 2 copies under load")
    hand.judge("to MirrorMaker 2")
    after = _others(pair)
    expect(after == before, f"MirrorMaker 2 copied again: {[t for t in after if after[t] != before.get(t)]}")


def _others(pair: Pair) -> dict[str, int]:
    """How many records stand in the copies of the other topics; a.compact is cleaned now and then."""
    return {t: sum(map(len, pair.dump("b", f"a.{t}").values())) for t in kinds.JUDGES if t != "compact"}


def test_bytes_of_mirrormaker(pair: Pair) -> None:
    for p, log in pair.dump("a", "hand").items():
        pair.commit("reader", "hand", p, log[-1].offset // 2)
    wait_until(lambda: {g for g, *_ in _checkpointed(pair)} >= {"reader"}, WAIT_S, "MirrorMaker 2 writes a checkpoint")
    for kind, cluster, topic in (("syncs", "a", "mm2-offset-syncs.b.internal"), ("syncs", "b", "mm2-offset-syncs.a.internal"),
                                 ("checkpoints", "b", "a.checkpoints.internal"), ("heartbeats", "b", "heartbeats"),
                                 ("heartbeats", "b", "a.heartbeats"), ("positions", "b", "mm2-offsets.a.internal"),
                                 ("positions", "a", "mm2-offsets.b.internal")):
        said = pair.again(kind, cluster, topic)
        expect(not said.startswith("0 records"), f"{topic}: {said}")
        print(f"        {topic} on {cluster}: {said.strip()}")


def test_hand_over_from_mirrormaker(pair: Pair) -> None:
    """Also of a topic that MirrorMaker 2 has found and whose copy it has made."""
    hand = pair.hand
    pair.create("born", 3)
    pair.write("born", numbered("born", 3, 0, 300))
    hand.send(200)
    pair.wait_last("born")
    pair.stop()
    hand.note_unsaved()
    hand.send(100)
    pair.start(pair.ours)
    hand.send(200)
    hand.judge("from MirrorMaker 2")
    pair.write("born", numbered("born", 3, 300, 300))
    here, there = ({p: [r.value for r in log] for p, log in of.items()} for of in pair.wait_last("born"))
    expect(there == here, "born: something is copied twice, or not at all")


def test_hand_over_when_mirrormaker_is_killed(pair: Pair) -> None:
    hand = pair.hand
    pair.stop()
    hand.note_unsaved()
    at = hand.loads["a", "b"].sent
    pair.start(pair.mm2)
    hand.send_until(lambda: all(len(hand.copied(flow)) >= at + 600 for flow in FLOWS), "MirrorMaker 2 copies under load")
    hand.send(100)  # of these some are in its hands
    pair.kill()
    hand.note_unsaved()
    pair.start(pair.ours)
    hand.send(200)
    for load in hand.loads.values():
        load.end()
    hand.judge("from MirrorMaker 2, killed")
    print(f"        {hand.loads['a', 'b'].sent} records each way, {sum(map(len, hand.may_repeat.values()))} might have come twice")


# ---- all of it -----------------------------------------------------------------------


def start_pair() -> Pair:
    world = World("interop-real", "real", str(BUILD.relative_to(ROOT)), topics="a/first:1", replicate=False, broker_properties=BROKER)
    return Pair(world, exactly_once=True)


if __name__ == "__main__":
    sys.exit(series.run_all(series.named(globals(), sys.argv[1:]), start_pair, lambda pair, failed: pair.world.stop(failed)))
