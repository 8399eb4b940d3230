"""The ledger's logs, followed while they grow."""

from dataclasses import dataclass
from pathlib import Path


@dataclass
class Read:
    """One R line."""

    mono_us: int
    cluster: str
    topic: str
    partition: int
    offset: int
    record: tuple[str, int]  # writer, number


@dataclass
class Event:
    """One S line: what libshunt said of a route."""

    mono_us: int
    kind: str
    source: str
    target: str
    stall_ms: int
    bound: int


class Log:
    """look() takes in the whole lines that are new."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events: list[Event] = []
        self._at = 0

    def look(self) -> None:
        if not self.path.exists():
            return
        with open(self.path, "rb") as f:
            f.seek(self._at)
            new = f.read()
        whole = new.rfind(b"\n") + 1
        self._at += whole
        for line in new[:whole].decode().splitlines():
            self._take(line.split(" "))

    def switched_to(self, cluster: str, times: int = 1) -> bool:
        done = [e for e in self.events if e.kind == "SWITCHED" and e.target == cluster]
        return len(done) >= times

    def bounds(self) -> list[int]:
        """Of each switch: the records that may be read again; -1: unknown."""
        return [e.bound for e in self.events if e.kind == "SWITCHED"]

    def _take(self, words: list[str]) -> None:
        if words[0] == "S":
            self.events.append(Event(int(words[1]), words[3], words[4], words[5],
                                     int(words[7]), int(words[8])))


class WriterLog(Log):
    def __init__(self, name: str, path: Path) -> None:
        super().__init__(path)
        self.name = name
        self.acked: dict[tuple[str, int], str] = {}  # record -> cluster
        self.written_us: list[int] = []  # by number
        self.cluster = ""  # of the last acknowledgement

    @property
    def unacknowledged(self) -> int:
        return len(self.written_us) - len(self.acked)

    def in_flight(self, mono_us: int, cluster: str) -> int:
        """Records written before that moment, and acknowledged by `cluster`."""
        return sum(where == cluster and self.written_us[seq] < mono_us
                   for (_, seq), where in self.acked.items())

    def carried(self, cluster: str) -> int:
        """Records written before the move to `cluster` began, and acknowledged
        there."""
        began = next(e.mono_us for e in self.events
                     if e.kind == "SWITCH" and e.target == cluster)
        return self.in_flight(began, cluster)

    def _take(self, words: list[str]) -> None:
        super()._take(words)
        if words[0] == "W":
            self.written_us.append(int(words[1]))
        if words[0] == "A":
            self.cluster = words[6]
            self.acked[(self.name, int(words[5]))] = words[6]


class ReaderLog(Log):
    def __init__(self, name: str, group: str, path: Path) -> None:
        super().__init__(path)
        self.name = name
        self.group = group
        self.reads: list[Read] = []
        self.records: set[tuple[str, int]] = set()

    @property
    def cluster(self) -> str:
        """Of the last record."""
        return self.reads[-1].cluster if self.reads else ""

    def _take(self, words: list[str]) -> None:
        super()._take(words)
        if words[0] == "R":
            record = (words[7], int(words[10]))
            self.records.add(record)
            self.reads.append(Read(int(words[1]), words[3], words[4], int(words[5]),
                                   int(words[6]), record))


def dumped_records(path: Path) -> set[tuple[str, int]]:
    """What stands on the cluster that was dumped."""
    lines = (line.split(" ") for line in path.read_text().splitlines())
    return {(words[6], int(words[9])) for words in lines if words[0] == "D"}


def owners(readers: list[ReaderLog], cluster: str) -> dict[tuple[str, int], str]:
    """Who has read each physical topic partition of `cluster` last."""
    return {(read.topic, read.partition): reader.name
            for read, reader in _by_time(readers) if read.cluster == cluster}


def reread_by_others(readers: list[ReaderLog]) -> int:
    """How often a record was read again by another member of the group."""
    last: dict[tuple[str, tuple[str, int]], str] = {}
    count = 0
    for read, reader in _by_time(readers):
        before = last.setdefault((reader.group, read.record), reader.name)
        count += before != reader.name
        last[(reader.group, read.record)] = reader.name
    return count


def moved_between_members(readers: list[ReaderLog], window_ms: int) -> int:
    """How many records may have been finished but not committed when their
    partition went to another member at a switch: for each that did, what its
    old member was given in the last `window_ms` (the interval of commits)."""
    moved = 0
    for stays in _stays_by_stream(readers).values():
        for old, new in zip(stays, stays[1:]):
            if old[0].cluster != new[0].cluster and old.owner != new.owner:
                since = old[-1].mono_us - window_ms * 1000
                moved += sum(read.mono_us >= since for read in old)
    return moved


class _Stay(list[Read]):
    """Readings of one stream by one member on one cluster, in a row."""

    owner: str = ""


def _stays_by_stream(readers: list[ReaderLog]) -> dict[tuple[str, str, int], list[_Stay]]:
    """A stream: the records of a logical partition with one origin."""
    streams: dict[tuple[str, str, int], list[_Stay]] = {}
    for read, reader in _by_time(readers):
        origin, _, name = read.topic.rpartition(".")
        key = (reader.group, origin or read.cluster, read.partition)
        stays = streams.setdefault(key, [])
        last = stays[-1] if stays else None
        if last is None or last.owner != reader.name or last[0].cluster != read.cluster:
            last = _Stay()
            last.owner = reader.name
            stays.append(last)
        last.append(read)
    return streams


def _by_time(readers: list[ReaderLog]) -> list[tuple[Read, ReaderLog]]:
    return sorted(((read, reader) for reader in readers for read in reader.reads),
                  key=lambda pair: pair[0].mono_us)
