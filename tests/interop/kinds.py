"""Topics of every kind on a, and what must stand on b of each."""

import random
from pathlib import Path
from typing import Callable

from tests.lib.records import Log, Record, coded, expect, numbered
from tests.lib.wait import wait_until

from .pair import WAIT_S, Pair, words

CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
MANY = 1000
BIG_B = 1 << 20
SEED = 20261127


def make(pair: Pair) -> None:
    """Before anything copies: the compacted one has its holes already."""
    _make_compacted(pair)
    for codec in CODECS:
        pair.create(f"of-{codec}", 2, f"compression.type={codec}")
        pair.write(f"of-{codec}", [f"{i % 2} 0 {coded(b'k')} {words(f'{codec} {i} ' + 'as it was said before, ' * 40)}" for i in range(400)])
    _make_transactional(pair)
    pair.create("big", 2, "max.message.bytes=3000000")
    pair.write("big", _big_lines())
    pair.create("many", MANY)
    for first in range(0, MANY + MANY // 4, MANY // 4):  # a request each: not too many at once for a busy machine
        pair.write("many", numbered("many", MANY, first, MANY // 4))
    pair.create("empty", 3)


# ---- compacted -------------------------------------------------------------


def _compacted_lines(first: int) -> list[str]:
    """Each third key comes once only, the others again and again; some are deleted."""
    return [f"{i % 2} 0 {words(f'once {i}' if i % 3 == 0 else f'k{i % 20}')} {'-' if i % 17 == 0 else words(f'compact {i}')}"
            for i in range(first, first + 60)]


def _make_compacted(pair: Pair) -> None:
    pair.create("compact", 2, "cleanup.policy=compact,segment.ms=50,min.cleanable.dirty.ratio=0.01")
    sent = 0

    def cleaned() -> bool:
        nonlocal sent
        pair.write("compact", _compacted_lines(sent))  # what is written last is in a segment that is not cleaned
        sent += 60
        return sum(map(_has_hole, pair.dump("a", "compact").values())) == 2
    wait_until(cleaned, WAIT_S, "compaction has made holes in both partitions")


def _has_hole(log: list[Record]) -> bool:
    return any(b.offset - a.offset > 1 for a, b in zip(log, log[1:]))


def judge_compacted(pair: Pair) -> None:
    """Both logs may be cleaned at any time: the last of each key counts, and the order."""
    before = pair.dump("a", "compact")
    there = wait_until(lambda: pair.dump("b", "a.compact") if _last_of_keys(pair.dump("b", "a.compact")) == _last_of_keys(before) else None,
                       WAIT_S, "the last of each key of compact")
    for p, log in there.items():
        times = [r.timestamp for r in log]
        expect(times == sorted(times), f"compact/{p} is not in order")
        expect(len({(r.key, r.value, r.timestamp) for r in log}) == len(log), f"compact/{p} has records twice")
    expect(any(map(_has_hole, before.values())), "the source had holes")


def _last_of_keys(log: Log) -> dict[tuple[int, str], str]:
    return {(p, r.key): r.value for p, records in log.items() for r in records}


# ---- transactional -----------------------------------------------------------


def _make_transactional(pair: Pair) -> None:
    """Of transactions of 1 to 30 records a third is aborted, the last one too."""
    pair.create("tx", 2)
    chance = random.Random(SEED)
    lines: list[str] = []
    for i in range(60):
        n = chance.randint(1, 30)
        lines += numbered("tx", 2, i * 30, n) + ["abort" if i % 3 == 2 else "commit"]
    pair.write("tx", lines, how="write-tx")


# ---- large --------------------------------------------------------------------


def _big_lines() -> list[str]:
    chance = random.Random(SEED)
    big = [f"{i % 2} 0 - {coded(chance.randbytes(BIG_B))}" for i in range(4)]
    small = numbered("big", 2, 0, 40)
    return [line for i in range(4) for line in [*small[i * 10:i * 10 + 10], big[i]]]


# ---- judges ---------------------------------------------------------------------


def judge_same(topic: str, n: int) -> Callable[[Pair], None]:
    """Every committed record, once and in order."""
    def judge(pair: Pair) -> None:
        here, there = pair.wait_last(topic)
        expect(sum(map(len, here.values())) == n or n < 0, f"{topic}: {sum(map(len, here.values()))} records on a")
        for p, log in here.items():
            expect(len(there[p]) == len(log), f"{topic}/{p}: {len(there[p])} for {len(log)} records")
            for ours, theirs in zip(there[p], log):
                expect(ours[1:] == theirs[1:], f"{topic}/{p}: {str(theirs)[:200]} became {str(ours)[:200]}")
    return judge


def judge_codec(codec: str) -> Callable[[Pair], None]:
    """The batches on b are compressed as those on a."""
    same = judge_same(f"of-{codec}", 400)

    def judge(pair: Pair) -> None:
        same(pair)
        for cluster, topic in (("a", f"of-{codec}"), ("b", f"a.of-{codec}")):
            found = set().union(*(codecs_of(pair.clusters.data(cluster) / f"{topic}-{p}") for p in range(2)))
            expect(found == {CODECS[codec]}, f"{topic} on {cluster} has batches of codec {found}, not {CODECS[codec]}")
    return judge


def codecs_of(folder: Path) -> set[int]:
    """Of all batches with records in the segments there: the low three bits of their attributes."""
    found = set()
    for segment in folder.glob("*.log"):
        data, at = segment.read_bytes(), 0
        while at + 61 <= len(data):
            length = int.from_bytes(data[at + 8:at + 12], "big")
            attributes = int.from_bytes(data[at + 21:at + 23], "big")
            if length == 0:  # not written yet
                break
            if not attributes & 0x20:  # a marker is no batch of records
                found.add(attributes & 7)
            at += 12 + length
    return found


def judge_empty(pair: Pair) -> None:
    wait_until(lambda: pair.topics("b").get("a.empty") == 3, WAIT_S, "a.empty has 3 partitions")
    expect(not pair.dump("b", "a.empty"), "nothing stands in a.empty")


JUDGES: dict[str, Callable[[Pair], None]] = {
    "compact": judge_compacted, "tx": judge_same("tx", -1), "big": judge_same("big", 44), "many": judge_same("many", MANY + MANY // 4),
    "empty": judge_empty, **{f"of-{codec}": judge_codec(codec) for codec in CODECS}}
