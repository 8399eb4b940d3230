"""How soon a record is copied: after the program's start, and while it runs."""

from tests.bench.shared.env import median
from tests.bench.table import Row, row

from .env import MM2, OURS, WHO, Copier, Env

PARTITIONS = 6
RATE = 5000
LATENCY, START = 0.3, 0.15


def latency(env: Env) -> list[Row]:
    return latency_rows(env, "", {}, LATENCY)


def latency_rows(env: Env, words: str, more: dict[str, str], limit: float | None = None) -> list[Row]:
    """A topic of its own for each, which is copied already when the clock starts."""
    seconds, warm_up_s = (3, 3) if env.quick else (20, 15)
    said = {}
    for who in WHO:
        topic = env.topic(PARTITIONS)
        env.fill(topic, PARTITIONS, PARTITIONS, 100)
        copier = env.start(who, more)
        env.watch(copier, [topic], PARTITIONS, PARTITIONS)
        said[who] = env.tool("bench_replicator", "latency", env.clusters.a, env.clusters.b, topic, f"a.{topic}", PARTITIONS, RATE,
                             seconds, warm_up_s)
        env.stop(copier)
    def row_of(what: str, of: str, q: str, limit: float | None = None) -> Row:
        return row(f"{what} at {RATE} records/s{words}, {q}", said[OURS][of][f"{q}_us"], "us", said[MM2][of][f"{q}_us"], limit)
    return [*[row_of("latency added", "added", q, limit) for q in ("p50", "p99")],
            *[row_of("from the produce call to a reader of the copy", "copy", q) for q in ("p50", "p99")],
            *[row_of("from the produce call to a reader of the original", "original", q) for q in ("p50", "p99")]]


def _first_ms(env: Env, who: str, topic: str, there: int) -> tuple[Copier, float]:
    """From the start of the program until a record more than `there` stands on the target."""
    copier = env.start(who)
    samples = env.watch(copier, [topic], PARTITIONS, there + PARTITIONS)
    return copier, next(s.at_us for s in samples if s.records > there) / 1000 - copier.began_us / 1000


def start(env: Env) -> list[Row]:
    """Once with nothing there, then as restarts of what has copied before."""
    topic = env.topic(PARTITIONS)
    times: dict[str, list[float]] = {who: [] for who in WHO}
    there = 0
    for _ in range(1 if env.quick else 3):
        for who in WHO:
            env.fill(topic, PARTITIONS, PARTITIONS, 100)
            copier, ms = _first_ms(env, who, topic, there)
            there += PARTITIONS
            times[who].append(ms)
            env.stop(copier)
    return [row(f"start to the first record copied, median of {len(times[OURS])}", median(times[OURS], 0), "ms", median(times[MM2], 0), START)]
