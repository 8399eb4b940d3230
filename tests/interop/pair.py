"""Two real clusters with the same mm2.properties for two programs, of which one runs at a time: shunt-replicator and MirrorMaker 2."""

from pathlib import Path
from typing import Any

from tests.lib import records
from tests.lib.clusters import RealKafka
from tests.lib.procs import Proc
from tests.lib.records import Log, coded, expect, finish
from tests.lib.wait import wait_until
from tests.lib.world import World

WAIT_S = 90.0
STOP_S = 60.0
FLOWS = (("a", "b"), ("b", "a"))
# Segments are cleaned as soon as they can be: a compacted topic has holes within a second.
BROKER = {"log.cleaner.backoff.ms": "200", "message.max.bytes": "3000000", "replica.fetch.max.bytes": "3000000"}


class Pair:
    """Both directions; `exactly_once`: those whose target is b."""

    def __init__(self, world: World, exactly_once: bool) -> None:
        assert isinstance(world.clusters, RealKafka)
        self.world, self.clusters, self.build = world, world.clusters, world.build
        self.exactly_once = exactly_once
        self.properties = self.clusters.folder / "pair.properties"
        self.properties.write_text("".join(f"{k} = {v}\n" for k, v in self._settings().items()))
        self.ours = world.spawn("ours", [self.build / "bin/shunt-replicator", self.properties], start=False)
        self.mm2 = world.spawn("mm2", self.clusters._replication_argv(self.properties), start=False)
        self.running: Proc | None = None
        self.hand: Any = None  # hand.Hand, which tests of hand-overs share

    def _settings(self) -> dict[str, str]:
        settings = {**self.clusters.mm2_properties(), "a.consumer.isolation.level": "read_committed", "offset.lag.max": "10",
                    "b.consumer.isolation.level": "read_committed",
                    # What compresses copies is who copies, not their topic.
                    "config.properties.exclude": r"min\\.insync\\.replicas, compression\\.type",
                    # Records of 1 MiB and a little more.
                    "a.producer.max.request.size": "3000000", "b.producer.max.request.size": "3000000"}
        if self.exactly_once:
            settings["b.exactly.once.source.support"] = "enabled"
        return settings

    # ---- who copies ---------------------------------------------------------

    def start(self, proc: Proc) -> None:
        assert not self.running
        proc.start()
        self.running = proc
        if proc is self.ours:
            proc.wait_for("ready: a->b, b->a", WAIT_S)

    def stop(self) -> None:
        assert self.running
        code = self.running.terminate(STOP_S)
        expect(self.running is self.mm2 or code == 0, f"SIGTERM is a good end, not {code}: {self.ours.tail()}")
        self.running = None

    def kill(self) -> None:
        assert self.running
        self.running.kill()
        self.running = None

    # ---- topics and records ---------------------------------------------------

    def create(self, topic: str, partitions: int, settings: str = "", cluster: str = "a") -> None:
        self.clusters.create_topic(cluster, topic, partitions)
        if settings:
            self.clusters.ktool("alter", self.clusters.bootstrap(cluster), topic, settings)

    def write(self, topic: str, lines: list[str], cluster: str = "a", how: str = "write") -> None:
        records.write(self.clusters, cluster, topic, lines, how)

    def dump(self, cluster: str, topic: str) -> Log:
        return records.dump(self.clusters, cluster, topic)

    def topics(self, cluster: str) -> dict[str, int]:
        """Their partitions."""
        lines = self.clusters.ktool("topics", self.clusters.bootstrap(cluster)).splitlines()
        return {line.split()[0]: int(line.split()[1]) for line in lines}

    def commit(self, group: str, topic: str, partition: int, offset: int) -> None:
        self.clusters.ktool("commit", self.clusters.a, group, topic, partition, offset, f"of {group}")

    def wait_last(self, topic: str, source: str = "a", target: str = "b", since: dict[int, int] | None = None) -> tuple[Log, Log]:
        """Until the last record of each partition stands on the target; both logs."""
        here = self.dump(source, topic)
        want = {p: log[-1].value for p, log in here.items()}

        def seen() -> Log | None:
            log = self.dump(target, f"{source}.{topic}")
            return log if all(any(r.value == v for r in log.get(p, ())) for p, v in want.items()) else None
        there = wait_until(lambda: not want or seen(), WAIT_S, f"{topic} of {source} stands on {target}")
        return here, there if isinstance(there, dict) else {}

    def again(self, kind: str, cluster: str, topic: str) -> str:
        """What our codecs say of the records of a topic that MirrorMaker 2 wrote."""
        lines = self.clusters.ktool("dump", self.clusters.bootstrap(cluster), topic)
        return fed([self.build / "bin/mm2_again", kind], lines, self.clusters.folder / f"again-{topic}-{cluster}.said")


def fed(argv: list[object], text: str, out: Path) -> str:
    """What a program prints of `text`."""
    proc = Proc(out.stem, argv, out.parent, stdout=out)
    proc.send(text.rstrip("\n"))
    assert proc._popen and proc._popen.stdin  # Proc has no word for it
    proc._popen.stdin.close()
    code = proc.wait(30)
    said = out.read_text()
    expect(code == 0, f"{argv[0]}: {said}")
    return said


class Load:
    """A writer to `topic` of a cluster; values tell their number."""

    def __init__(self, pair: Pair, cluster: str, topic: str, partitions: int) -> None:
        self.pair, self.cluster, self.topic, self.partitions = pair, cluster, topic, partitions
        self.sent = 0
        self.writer = Proc(f"load-{cluster}-{topic}", [pair.build / "bin/ktool", "write", pair.clusters.bootstrap(cluster), topic],
                           pair.clusters.folder)

    def send(self, n: int) -> None:
        """Returns when they stand there: what keeps the load even."""
        self.writer.send("\n".join(records.numbered(self.topic, self.partitions, self.sent, n)))
        self.sent += n
        wait_until(lambda: sum(self.pair.clusters.ends(self.cluster, self.topic)) >= self.sent, WAIT_S,
                   f"{self.sent} records stand in {self.topic} of {self.cluster}")

    def end(self) -> None:
        finish(self.writer)


def words(text: str) -> str:
    return coded(text.encode())
