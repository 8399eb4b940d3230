"""A backlog copied, from the start of the program until the last record stands on the target."""

from dataclasses import dataclass
from typing import Iterable

from tests.bench.table import Row, row

from .env import EXACTLY_ONCE, MM2, OURS, WHO, Env, Sample
from .moments import latency_rows

WARM = 0.25  # of the records are copied before CPU time counts: Java's compiler has had its turn, too


@dataclass
class Kind:
    """What is copied. `settings`: of the topic."""
    n: int
    size: int
    partitions: int = 6
    codec: str = "none"

    def words(self) -> str:
        return f"{f'{self.size} B' if self.size < 1024 else f'{self.size // 1024} KiB'}{'' if self.codec == 'none' else ' ' + self.codec}"


KINDS = {"100 B": (Kind(2_000_000, 100), 8), "1 KiB": (Kind(600_000, 1024), 5),
         "1 KiB lz4": (Kind(600_000, 1024, codec="lz4"), 3), "1 KiB zstd": (Kind(600_000, 1024, codec="zstd"), 3)}
BACKLOG = (Kind(2_000_000, 100, 3), Kind(500_000, 1024, 3))
MANY = (Kind(600_000, 1024, 1000),)
CATCH_UP, RESIDENT = 0.5, 0.15


class Copied:
    """What a copy took."""

    def __init__(self, n: int, began_us: int, samples: list[Sample]) -> None:
        first = next(s for s in samples if s.records)
        warm = next(s for s in samples if s.records >= n * WARM)
        last = samples[-1]
        self.seconds = (last.at_us - first.at_us) / 1e6
        self.in_all_s = (last.at_us - began_us) / 1e6
        self.per_cpu_s = (last.records - warm.records) / ((last.cpu_ms - warm.cpu_ms) / 1000) if last.cpu_ms > warm.cpu_ms else 0.0
        self.cpu_s = (last.cpu_ms - first.cpu_ms) / 1000
        self.peak_mb = round(max(s.resident for s in samples if s.at_us >= first.at_us) / 1e6, 1)


def copy(env: Env, who: str, kinds: Iterable[Kind], more: dict[str, str] | None = None) -> Copied:
    """Fresh topics, fresh process. Markers of transactions count as records, which is one in some hundred at most."""
    kinds = [Kind(k.n // 10, k.size, k.partitions, k.codec) if env.quick else k for k in kinds]
    codec = kinds[0].codec
    topics = []
    for k in kinds:
        topics.append(env.topic(k.partitions, codec))
        env.fill(topics[-1], k.n, k.partitions, k.size, codec)
    n = sum(k.n for k in kinds)
    copier = env.start(who, {**(more or {}), **({} if codec == "none" else {"b.producer.compression.type": codec})})
    copied = Copied(n, copier.began_us, env.watch(copier, topics, sum(k.partitions for k in kinds), n))
    env.stop(copier)
    return copied


def speed(env: Env) -> list[Row]:
    rows: list[Row] = []
    for what, (kind, limit) in KINDS.items():
        copied = {who: copy(env, who, [kind]) for who in WHO}
        ours, theirs = copied[OURS], copied[MM2]
        rows += [row(f"records per CPU-second, {what}", round(ours.per_cpu_s), "records", round(theirs.per_cpu_s), limit, "at least"),
                 row(f"records a second, {what}", round(kind.n / ours.seconds), "records/s", round(kind.n / theirs.seconds))]
    return rows


def exactly_once(env: Env) -> list[Row]:
    kind, _ = KINDS["100 B"]
    copied = {who: copy(env, who, [kind], EXACTLY_ONCE) for who in WHO}
    ours, theirs = copied[OURS], copied[MM2]
    return [row("records per CPU-second, 100 B, exactly once", round(ours.per_cpu_s), "records", round(theirs.per_cpu_s)),
            row("records a second, 100 B, exactly once", round(kind.n / ours.seconds), "records/s", round(kind.n / theirs.seconds)),
            *latency_rows(env, ", exactly once", EXACTLY_ONCE)]


def catch_up(env: Env) -> list[Row]:
    copied = {who: copy(env, who, BACKLOG) for who in WHO}
    ours, theirs = copied[OURS], copied[MM2]
    what = "catch-up of 2 M x 100 B and 0.5 M x 1 KiB"
    return [row(f"{what}, from the first record to the last", round(ours.seconds, 2), "s", round(theirs.seconds, 2), CATCH_UP),
            row(f"{what}, from the program's start", round(ours.in_all_s, 2), "s", round(theirs.in_all_s, 2)),
            row(f"{what}, CPU of the process meanwhile", round(ours.cpu_s, 2), "s", round(theirs.cpu_s, 2)),
            row("resident memory under load, 6 partitions, peak", ours.peak_mb, "MB", theirs.peak_mb, RESIDENT)]


def many(env: Env) -> list[Row]:
    copied = {who: copy(env, who, MANY) for who in WHO}
    ours, theirs = copied[OURS], copied[MM2]
    return [row("resident memory under load, 1,000 partitions, peak", ours.peak_mb, "MB", theirs.peak_mb, RESIDENT),
            row("records a second, 1 KiB, 1,000 partitions", round(MANY[0].n / ours.seconds), "records/s", round(MANY[0].n / theirs.seconds))]
