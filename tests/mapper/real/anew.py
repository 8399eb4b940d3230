"""What makes a partition begin anew: topics made again, logs that lost their end."""

import shutil

from tests.lib.records import Log, expect
from tests.lib.wait import wait_until
from tests.mapper.lab import AB, WAIT_S, Lab


def anew(lab: Lab, topic: str, n: int) -> None:
    """A topic with `n` records that the mapper knows to the end."""
    lab.clusters.create_topic("a", topic, 1)
    lab.write("a", topic, n)
    lab.settle(AB, topic)


def test_target_topic_made_anew(lab: Lab) -> None:
    anew(lab, "anew-b", 500)
    lab.ktool("delete-topic", "b", "a.anew-b")
    wait_until(lambda: "a.anew-b 1" in lab.ktool("topics", "b"), WAIT_S, "MirrorMaker 2 makes it anew")
    lab.write("a", "anew-b", 300, first=500)
    logs = lab.settle(AB, "anew-b")
    expect(logs[1][0][0].offset == 0, "the copy begins at 0")
    lab.judge(AB, "anew-b", clean=False, logs=logs)
    runs = lab.mapper.runs(AB, "anew-b", 0)
    expect(runs[0]["up"] >= 500, f"runs of the topic that is no more: {runs}")


def test_source_topic_made_anew(lab: Lab) -> None:
    anew(lab, "anew-a", 500)
    lab.ktool("delete-topic", "a", "anew-a")
    lab.clusters.create_topic("a", "anew-a", 1)
    lab.write("a", "anew-a", 200, of="second")
    logs = lab.settle(AB, "anew-a")
    judge_newest(lab, "anew-a", logs)


def judge_newest(lab: Lab, topic: str, logs: tuple[Log, Log]) -> None:
    """Of records that stand on the target and no more on the source nothing is asked."""
    here, there = logs
    known = {r.value for r in here[0]}
    lab.judge(AB, topic, clean=False, logs=(here, {0: [r for r in there[0] if r.value in known]}))


def test_source_truncated(lab: Lab) -> None:
    """As by an unclean election: the broker comes back with fewer records, and others are written in their place."""
    anew(lab, "cut-a", 300)
    older(lab, "a", "cut-a")
    lab.write("a", "cut-a", 200, first=300)
    lab.settle(AB, "cut-a")
    restore(lab, "a", "cut-a")
    lab.write("a", "cut-a", 150, of="second")
    logs = lab.settle(AB, "cut-a")
    expect(len(logs[0][0]) == 450, f"{len(logs[0][0])} records on a")
    judge_newest(lab, "cut-a", logs)


def test_target_truncated(lab: Lab) -> None:
    anew(lab, "cut-b", 300)
    older(lab, "b", "a.cut-b")
    lab.write("a", "cut-b", 200, first=300)
    lab.settle(AB, "cut-b")
    restore(lab, "b", "a.cut-b")
    lab.write("a", "cut-b", 150, first=500)
    logs = lab.settle(AB, "cut-b")
    # Its positions stand on b as well: it may copy some a second time.
    expect(len(logs[1][0]) >= 450, f"{len(logs[1][0])} records on b")
    lab.judge(AB, "cut-b", clean=False, logs=logs)


def older(lab: Lab, cluster: str, topic: str) -> None:
    """Keeps a copy of the partition as it is now."""
    lab.clusters.stop_broker(cluster)
    shutil.copytree(lab.clusters.data(cluster) / f"{topic}-0", lab.folder / f"older-{topic}")
    lab.clusters.revive(cluster)


def restore(lab: Lab, cluster: str, topic: str) -> None:
    """The broker dies and comes back with the older copy."""
    lab.clusters.kill(cluster)
    shutil.rmtree(lab.clusters.data(cluster) / f"{topic}-0")
    shutil.copytree(lab.folder / f"older-{topic}", lab.clusters.data(cluster) / f"{topic}-0")
    lab.clusters.revive(cluster)
