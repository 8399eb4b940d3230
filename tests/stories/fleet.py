"""Writers and readers of a story, and the verdict over what they logged."""

import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable

from tests.lib.procs import Proc, run
from tests.lib.wait import wait_until
from tests.lib.world import World

from .logs import (Read, ReaderLog, WriterLog, dumped_records, moved_between_members,
                   reread_by_others)

TOPIC = "orders"
KEYS = 997
PARTITIONS = 6
COMMIT_MS = 1000
VIEW = {"a": (TOPIC, f"b.{TOPIC}"), "b": (TOPIC, f"a.{TOPIC}")}

# Records a second of each writer.  librdkafka's mock keeps 5 MiB a partition.
RATE = {"embedded": 500, "real": 1000}
# The mock does not wake a fetch up for new records, and rebalances for the
# session timeout less a second.
READER_CONF = {
    "embedded": {"fetch.wait.max.ms": 10, "session.timeout.ms": 4000,
                 "heartbeat.interval.ms": 500},
    "real": {"session.timeout.ms": 10000, "heartbeat.interval.ms": 1000},
}
WAIT_S = 60.0


# More than any partition has: the answer for it is counted from the newest sync.
FAR = 1 << 40


@dataclass
class Flip:
    """A move of these readers, and what the mapper knew, from just before it on:
    when that was, and for each physical topic partition on `source` the position
    after the newest sync."""

    source: str
    target: str
    names: tuple[str, ...]
    began_us: int
    looks: list[tuple[int, dict[tuple[str, int], int]]]


class Fleet:
    def __init__(self, world: World, code: str = TOPIC) -> None:
        self.world = world
        self.code = code
        self.ledger = world.build / "bin/ledger"
        self.writers: dict[str, WriterLog] = {}
        self.readers: dict[str, ReaderLog] = {}
        self.procs: dict[str, Proc] = {}
        self.dumps: dict[str, Path] = {}
        self.flips: list[Flip] = []

    # ---- clients ------------------------------------------------------------

    def start_writers(self, *names: str, rate: int = 0) -> None:
        for name in names:
            log = self.world.folder / f"{name}.ledger"
            self.writers[name] = WriterLog(name, log)
            self.procs[name] = self.world.spawn(name, [
                self.ledger, "write", "--topic", TOPIC, "--writer", name, "--keys", KEYS,
                "--rate", rate or RATE[self.world.kind], "--log", log,
                "--conf", *self._conf(name, {})])

    def start_readers(self, *names: str, group: str = "readers", topic: str = TOPIC, **more: Any) -> None:
        """`more`: properties, with _ for the dot."""
        conf = {**READER_CONF[self.world.kind], "auto.commit.interval.ms": COMMIT_MS, **_dotted(more)}
        for name in names:
            log = self.world.folder / f"{name}.ledger"
            self.readers[name] = ReaderLog(name, group, log)
            self.procs[name] = self.world.spawn(name, [
                self.ledger, "read", "--topic", topic, "--group", group, "--reader", name,
                "--log", log, "--conf", *self._conf(name, conf)])

    def start_processor(self, name: str, to: str, **more: Any) -> None:
        """Copies the topic to another one, in transactions; its producer is called NAME-out.
        `more`: properties of that, with _ for the dot."""
        reads = {**READER_CONF[self.world.kind], "switch.standby": "connect"}
        writes = {"client.name": f"{name}-out", "transactional.id": name, **_dotted(more)}
        self.procs[name] = self.world.spawn(name, [
            self.ledger, "process", "--topic", TOPIC, "--group", name, "--to", to,
            "--log", self.world.folder / f"{name}.ledger",
            "--conf", *self._conf(name, reads), "--producer", *self._conf(name, writes)])

    def kill(self, name: str) -> None:
        """kill -9; nobody expects it to end well any more."""
        self.procs.pop(name).kill()

    def stop(self, names: Iterable[str], deadline_s: float = 90) -> None:
        """SIGTERM to all, then each must end well."""
        stopping = [self.procs[name] for name in names]
        for proc in stopping:
            os.kill(proc.pid, signal.SIGTERM)  # waited for below
        for proc in stopping:
            code = proc.wait(deadline_s)
            if code:
                raise AssertionError(f"{proc.name} ended with {code}:\n{proc.tail()}")
        self.look()

    def stop_writers(self) -> None:
        self.stop(self.writers)

    def stop_readers(self) -> None:
        self.stop(name for name in self.readers if name in self.procs)

    # ---- conditions ---------------------------------------------------------

    def look(self) -> None:
        for log in (*self.writers.values(), *self.readers.values()):
            log.look()

    def wait(self, condition: Any, what: str, deadline_s: float = WAIT_S) -> None:
        def look() -> bool:
            self.look()
            dead = [p for n, p in self.procs.items() if p.returncode]
            if dead:
                raise SystemExit(f"{dead[0].name} ended with {dead[0].returncode}:\n"
                                 f"{dead[0].tail()}")
            return bool(condition())
        wait_until(look, deadline_s, what)

    def wait_reading(self, more: int = 200, names: Iterable[str] | None = None,
                     deadline_s: float = WAIT_S) -> None:
        """Until each of the readers has been given that many records more."""
        self.look()
        start = {n: len(self.readers[n].reads) for n in names or self.readers}
        self.wait(lambda: all(len(self.readers[n].reads) - had >= more
                              for n, had in start.items()),
                  f"{more} records for each of {', '.join(start)}", deadline_s)

    def wait_writing(self, more: int = 200) -> None:
        self.look()
        start = {n: len(w.acked) for n, w in self.writers.items()}
        self.wait(lambda: all(len(self.writers[n].acked) - had >= more
                              for n, had in start.items()),
                  f"{more} acknowledgements for each writer")

    def wait_moved(self, cluster: str, readers: Iterable[str] | None = None,
                   writers: Iterable[str] | None = None) -> None:
        """Until each has switched and works on that cluster."""
        clients = [self.readers[n] for n in (self.readers if readers is None else readers)]
        clients += [self.writers[n] for n in (self.writers if writers is None else writers)]

        def where() -> bool:
            if self.flips:
                self._ask_known()
            missing = [log.path.stem for log in clients
                       if not (log.switched_to(cluster) and log.cluster == cluster)]
            if missing:
                raise AssertionError(f"not there: {', '.join(missing)}")
            return True
        self.wait(where, f"everybody on {cluster}")

    def unread(self, group: str, needed: set[tuple[str, int]]) -> set[tuple[str, int]]:
        have: set[tuple[str, int]] = set()
        for reader in self.readers.values():
            if reader.group == group:
                have |= reader.records
        return needed - have

    def groups(self) -> set[str]:
        return {reader.group for reader in self.readers.values()}

    def wait_caught_up(self, needed: set[tuple[str, int]] | None = None,
                       deadline_s: float = WAIT_S) -> None:
        """Until each group has read all of `needed` (default: everything
        acknowledged so far).  Only waits: who has lost what, the verdict says."""
        self.look()
        wanted = needed if needed is not None else {
            record for writer in self.writers.values() for record in writer.acked}
        try:
            self.wait(lambda: not any(self.unread(g, wanted) for g in self.groups()),
                      "readers have caught up", deadline_s)
        except AssertionError:
            left = {g: len(self.unread(g, wanted)) for g in self.groups()}
            print(f"  not read by the deadline: {left}", flush=True)

    def wait_mapped(self, source: str, target: str) -> None:
        """Until the mapper knows something of each partition written on
        `source`."""
        positions = [(TOPIC, p, 1) for p in range(PARTITIONS)]
        wait_until(lambda: all(t["quality"] != "none" for t in
                               self.world.translate(source, target, positions)),
                   WAIT_S, f"the mapper knows {source} -> {target}")

    def about_to_flip(self, source: str, target: str,
                      names: Iterable[str] | None = None) -> None:
        """Right before the flip: asks the mapper what it knows, for limit().
        wait_moved() goes on to ask."""
        self.flips.append(Flip(source, target, tuple(names or self.readers),
                               time.monotonic_ns() // 1000, []))
        self._ask_known()

    def _ask_known(self) -> None:
        flip = self.flips[-1]
        source, target = flip.source, flip.target
        parts = [(topic, p, FAR) for topic in VIEW[source] for p in range(PARTITIONS)]
        known = {(topic, p): FAR - (answer["high"] - answer["low"])
                 for (topic, p, _), answer in
                 zip(parts, self.world.translate(source, target, parts))
                 if answer["quality"] == "bounded"}
        flip.looks.append((time.monotonic_ns() // 1000, known))

    # ---- verdict ------------------------------------------------------------

    def dump(self, cluster: str) -> set[tuple[str, int]]:
        """What stands on the cluster now."""
        path = self.world.folder / f"dump-{cluster}.ledger"
        run([self.ledger, "dump", "--bootstrap", self.world.clusters.bootstrap(cluster),
             "--cluster", cluster, "--topic", *VIEW[cluster], "--log", path], 120)
        self.dumps[cluster] = path
        return dumped_records(path)

    def verdict(self, dead: Iterable[str] = (), groups: Iterable[str] | None = None) -> dict[str, Any]:
        out = self.world.folder / "verdict.json"
        argv: list[Any] = [self.ledger, "verdict", "--json", out,
                           "--writers", *(w.path for w in self.writers.values()),
                           "--readers", *(r.path for r in self.readers.values()
                                          if groups is None or r.group in groups)]
        if self.dumps:
            argv += ["--dumps", *self.dumps.values()]
        if dead:
            argv += ["--dead", *dead]
        proc = self.world.spawn("verdict", argv)
        if proc.wait(120) > 1:
            raise AssertionError(f"no verdict:\n{proc.tail()}")
        return json.loads(out.read_text())

    def bound(self) -> int:
        """The sum of the bounds that the mapper answered to the readers."""
        bounds = [bound for reader in self.readers.values() for bound in reader.bounds()]
        if any(bound < 0 for bound in bounds):
            raise AssertionError(f"a reader could not tell its bound: {bounds}")
        return sum(bounds)

    def limit(self) -> int:
        """What the bounds can't exceed, without a word of libshunt: for each flip
        and physical topic partition, the records from the newest sync that the
        mapper was seen to know, while all readers were still given records of the
        source, to the last one delivered there (the readers' logs).  A reader asks
        after its last one, and until then the mapper only learns more, so its own
        bounds are lower.  A position older than that sync stands between two
        that are known: for it, the mapper is asked now."""
        return sum(self._limit_of(flip) for flip in self.flips)

    def _limit_of(self, flip: Flip) -> int:
        total = 0
        last = min((reads[-1].mono_us for name in flip.names
                    if (reads := self._reads_before(flip, name))), default=0)
        known = [known for at, known in flip.looks if at <= last][-1:] or [flip.looks[0][1]]
        for (_, topic, p), position in self._positions_before(flip).items():
            newest = known[0].get((topic, p), 0)  # unknown then: from its start on
            if position >= newest:
                total += position - newest
                continue
            answer = self.world.translate(flip.source, flip.target, [(topic, p, position)])[0]
            total += answer["high"] - answer["low"]
        return total

    def _positions_before(self, flip: Flip) -> dict[tuple[str, str, int], int]:
        """Of each group and physical topic partition, after the last record delivered on
        the source before its reader's switch."""
        found: dict[tuple[str, str, int], int] = {}
        for name in flip.names:
            for read in self._reads_before(flip, name):
                key = (self.readers[name].group, read.topic, read.partition)
                found[key] = max(found.get(key, 0), read.offset + 1)
        return found

    def _reads_before(self, flip: Flip, name: str) -> list[Read]:
        """What the reader was given on the source until it had switched."""
        log = self.readers[name]
        done = next(e.mono_us for e in log.events if e.kind == "SWITCHED"
                    and e.target == flip.target and e.mono_us > flip.began_us)
        return [r for r in log.reads if r.cluster == flip.source and r.mono_us <= done]

    def moved(self) -> int:
        """What was read again, beyond that bound, because partitions moved
        between members: no more than may have been uncommitted then."""
        readers = list(self.readers.values())
        beyond = max(0, reread_by_others(readers) - self.bound())
        return min(beyond, moved_between_members(readers, COMMIT_MS))

    def _conf(self, name: str, more: dict[str, Any]) -> list[str]:
        conf = {"cluster.code": self.code, "route.service": self.world.route_url,
                "route.cache.dir": self.world.folder / f"{name}.cache",
                "client.id": name, "client.name": name, **more}
        return [f"{key}={value}" for key, value in conf.items()]


def _dotted(properties: dict[str, Any]) -> dict[str, Any]:
    return {key.replace("_", "."): value for key, value in properties.items()}


def stalls(verdict: dict[str, Any], who: str = "readers") -> list[int]:
    """In milliseconds, one for each client and switch."""
    return [switch["stall_ms"] for client in verdict[who] for switch in client["switches"]]
