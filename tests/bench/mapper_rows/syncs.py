"""An offset-syncs topic of 10 million records on a real broker, each a run of its own, of 1,000 partitions in random order: what it takes to
follow it, beside a plain consumer (librdkafka's defaults, records dropped at once) of the same topic; how large the store then is; how soon
a mapper with that store is ready again; and what HTTP questions to it cost. The mapper has core 0 for itself, consumer alike; the rest has core 1."""

from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.mapper_rows import http
from tests.bench.mapper_rows.env import Env, Mapper, until
from tests.bench.shared.env import SERVER_CPU, median, stopwatch
from tests.bench.table import Row, row

TOPIC = "mm2-offset-syncs.b.internal"
PARTITIONS = 1000
BYTES_A_RUN = 40
RESTART_MS = 1000


class Cost(NamedTuple):
    seconds: float
    cpu_s: float


def ingest(env: Env, name: str, n: int) -> tuple[Cost, Mapper]:
    """A mapper that knows nothing, from its start until it has read all."""
    mapper = env.mapper(name)
    passed = stopwatch()
    mapper.wait_read(n, 240)
    cost = Cost(passed(), mapper.cpu_s())
    flow = mapper.flow()
    if flow["runs"] != n or flow["undecodable"]:
        raise AssertionError(f"{n} syncs were written, each a run of its own; the mapper says {flow}")
    return cost, mapper


def plain(env: Env, n: int) -> Cost:
    told = env.tool("sync_log", "read", env.clusters.a, TOPIC, n, cpu=SERVER_CPU, deadline_s=240)
    return Cost(told["seconds"], told["cpu_s"])


def ingest_rows(n: int, ours: list[Cost], theirs: list[Cost]) -> list[Row]:
    def rate(costs: list[Cost], key: str) -> float:
        return median([n / getattr(c, key) for c in costs], 0)
    what = f"ingest of {n} syncs, durable"
    return [row(f"{what}, wall time, one core", rate(ours, "seconds"), "syncs/s", rate(theirs, "seconds"), 0.5, "at least"),
            row(f"{what}, for a second of CPU", rate(ours, "cpu_s"), "syncs/s", rate(theirs, "cpu_s"), 200000, "at least", "value")]


def size_rows(mapper: Mapper, n: int) -> list[Row]:
    used = sum(f.stat().st_blocks * 512 for f in Path(mapper.data).iterdir())
    return [row(f"store of {n} runs, on disk", round(used / n, 1), "B a run", limit=BYTES_A_RUN)]


def restart_ms(mapper: Mapper, how: str) -> float:
    """From exec until /readyz says 200."""
    if how == "killed":
        mapper.proc.kill()
    else:
        mapper.proc.terminate()
    mapper.proc.start()
    return until(mapper.ready, 60, "the mapper is ready again") * 1000


def restart_rows(mapper: Mapper, n: int, times: int) -> list[Row]:
    return [row(f"ready after a restart with {n} runs, {how} before", median([restart_ms(mapper, how) for _ in range(times)], 0), "ms",
                limit=RESTART_MS) for how in ("stopped", "killed")]


def check(mapper: Mapper, samples: list[list[Any]]) -> None:
    """What was written is what it answers: each sync by itself, both ways."""
    step = max(1, len(samples) // 2000)
    for topic, partition, up, down in samples[::step]:
        there, = mapper.translate("a", "b", [{"topic": topic, "partition": partition, "offset": up}])
        back, = mapper.translate("b", "a", [{"topic": f"a.{topic}", "partition": partition, "offset": down}])
        if there["position"] != down or back["position"] != up or there["quality"] != "exact" or back["quality"] != "exact":
            raise AssertionError(f"{topic} [{partition}]: the sync {up} -> {down} is answered {there} and back {back}")


def measure(env: Env) -> list[Row]:
    n, times = (1000000, 1) if env.quick else (10000000, 2)
    env.start_kafka().create_topic("a", TOPIC, 1)
    samples = env.tool("sync_log", "fill", env.clusters.a, TOPIC, n, PARTITIONS, deadline_s=240)["samples"]
    plain(env, n)  # once for the broker, whose Java gets faster for a while
    ours, theirs = [], []
    for i in range(times):
        theirs.append(plain(env, n))
        cost, mapper = ingest(env, f"mapper-{i}", n)
        ours.append(cost)
        if i + 1 < times:
            env.end(mapper.proc)
    theirs.append(plain(env, n))
    rows = [*ingest_rows(n, ours, theirs), *size_rows(mapper, n)]
    check(mapper, samples)
    rows += http.rows(env, mapper, samples)
    return rows + restart_rows(mapper, n, 1 if env.quick else 3)
