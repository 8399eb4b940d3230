"""What the rows of bench-replicator share: two real brokers, and two programs that copy by the same mm2.properties, one after the other."""

import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.shared import env as shared
from tests.lib.clusters import RealKafka, jvm_env, jvm_log
from tests.lib.procs import Proc, run

OURS, MM2 = "ours", "mm2"
WHO = (MM2, OURS)
COPY_S = 400
EXACTLY_ONCE = {"b.exactly.once.source.support": "enabled", "a.consumer.isolation.level": "read_committed"}
STOP_S = 60
# As connect-mirror-maker.sh starts it, but for the heap.
JVM = ["-Xmx512m", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35",
       "-XX:+ExplicitGCInvokesConcurrent", "-Djava.awt.headless=true"]


@dataclass
class Sample:
    """A look at a process and at what stands on the target."""
    at_us: int
    records: int
    cpu_ms: int
    resident: int


class Copier:
    """One of the two, running; `began_us` is from just before its start."""

    def __init__(self, who: str, proc: Proc) -> None:
        self.who, self.proc = who, proc
        self.began_us = now_us()
        proc.start()


class Env(shared.Env):
    """`with` ends the brokers too.  Topics of a that begin with "run" are copied."""

    def __init__(self, part: str, build: str, quick: bool) -> None:
        super().__init__("replicator", part, build, quick)
        self.clusters = RealKafka(self.folder / "kafka", self.build, topics="", flows=(("a", "b"),), heap=shared.ROOMY)
        self._runs = 0

    def end_all(self) -> None:
        super().end_all()
        self.clusters.stop()

    def topic(self, partitions: int, codec: str = "none") -> str:
        """A new one on a."""
        self._runs += 1
        name = f"run{self._runs}"
        self.clusters.create_topic("a", name, partitions)
        if codec != "none":
            self.clusters.ktool("alter", self.clusters.a, name, f"compression.type={codec}")
        return name

    def fill(self, topic: str, n: int, partitions: int, size: int, codec: str = "none") -> None:
        run([self.build / "bin/bench_replicator", "fill", self.clusters.a, topic, n, partitions, size, codec], COPY_S)

    def start(self, who: str, more: dict[str, str] | None = None) -> Copier:
        """`more`: over what both are told."""
        path = self.folder / f"{who}.properties"
        properties = {**self.clusters.mm2_properties(), "topics": "run.*", **(more or {})}
        path.write_text("".join(f"{k} = {v}\n" for k, v in properties.items()))
        argv = self._mm2(path) if who == MM2 else [self.build / "bin/shunt-replicator", path]
        return Copier(who, self.spawn(f"{who}-{self._next()}", argv, env=jvm_env(), start=False))

    def stop(self, copier: Copier) -> None:
        copier.proc.terminate(STOP_S)
        self.end(copier.proc)

    def watch(self, copier: Copier, topics: list[str], partitions: int, n: int) -> list[Sample]:
        """Until `n` records stand in the copies."""
        said = self.tool("bench_replicator", "watch", self.clusters.b, ",".join(f"a.{t}" for t in topics), partitions, n,
                         copier.proc.pid, deadline_s=COPY_S)
        return [Sample(*s) for s in said["samples"]]

    def _mm2(self, path: Path) -> list[object]:
        return ["java", *JVM, jvm_log(), "-cp", self.clusters.classpath, "org.apache.kafka.connect.mirror.MirrorMaker", path]

    def _next(self) -> int:
        self._runs += 1
        return self._runs


def now_us() -> int:
    return time.monotonic_ns() // 1000
