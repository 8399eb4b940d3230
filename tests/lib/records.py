"""Records as tests see them: lines of tests/tools/ktool, logs of both clusters beside each other, and what is
therefore the right answer to the question where a reader goes on."""

from bisect import bisect_left
from typing import NamedTuple, Sequence

from .clusters import Clusters
from .procs import Proc

WRITE_S = 60.0


class Record(NamedTuple):
    """`key`, `value` and headers as ktool writes them: "-" or x and hex."""
    offset: int
    timestamp: int
    key: str
    value: str
    headers: tuple[str, ...]


Log = dict[int, list[Record]]  # by partition


def expect(condition: object, what: str) -> None:
    if not condition:
        raise AssertionError(what)


def coded(data: bytes | None) -> str:
    return "-" if data is None else f"x{data.hex()}"


def plain(word: str) -> bytes:
    return bytes.fromhex(word.removeprefix("x"))


def dump(clusters: Clusters, cluster: str, topic: str) -> Log:
    """Every committed record that stands in the topic now."""
    log: Log = {}
    for line in clusters.ktool("dump", clusters.bootstrap(cluster), topic).splitlines():
        partition, offset, timestamp, key, value, *headers = line.split(" ")
        log.setdefault(int(partition), []).append(
            Record(int(offset), int(timestamp), key, value, tuple(headers)))
    return log


def write(clusters: Clusters, cluster: str, topic: str, lines: Sequence[str], how: str = "write") -> None:
    """Returns when all of it is acknowledged; `how`: write or write-tx."""
    writer = Proc(f"{how}-{topic}-{cluster}", [clusters.build / "bin/ktool", how, clusters.bootstrap(cluster), topic],
                  clusters.folder)
    writer.send("\n".join(lines))
    finish(writer)


def finish(writer: Proc) -> None:
    """Ends its input and waits until all is acknowledged."""
    assert writer._popen and writer._popen.stdin  # Proc has no word for it
    writer._popen.stdin.close()
    expect(writer.wait(WRITE_S) == 0, writer.text())


def numbered(topic: str, partitions: int, first: int, n: int) -> list[str]:
    return [f"{i % partitions} 0 {coded(b'k%d' % (i % 97))} {coded(f'{topic} {i}'.encode())}"
            for i in range(first, first + n)]


class Truth:
    """Where records stand, by their content."""

    def __init__(self, here: list[Record], there: list[Record]) -> None:
        up = {r.value: r.offset for r in here}
        self.pairs = [(up[r.value], r.offset) for r in there]
        self.end = there[-1].offset + 1

    def forward(self, position: int) -> int:
        """The greatest from where all records from `position` on are met."""
        last = dict(self.pairs)  # of each record its last copy
        return min((down for up, down in last.items() if up >= position), default=self.end)

    def back(self, position: int) -> int:
        """The greatest from where all that stands from `position` on is met."""
        return min((up for up, down in self.pairs if down >= position),
                   default=max(up for up, _ in self.pairs) + 1)


def met(offsets: Sequence[int], position: int) -> int:
    """The first record that a reader meets who starts at `position`: -1: none.  Markers are no records."""
    at = bisect_left(offsets, position)
    return offsets[at] if at < len(offsets) else -1


def judge(answers: list[dict[str, object]], truth: list[int], clean: bool, what: str,
          there: Sequence[Record] = ()) -> int:
    """Never past; "exact" is exact; clean: all are.  How many were.  `there`: what stands where the answers lead, when
    there may be markers as well."""
    exact = 0
    offsets = [r.offset for r in there]
    for answer, right in zip(answers, truth, strict=True):
        position = answer["position"]
        assert isinstance(position, int)
        expect(position <= right, f"{what}: {answer} is past {right}")
        # In a hole of the source the answer is "bounded", with nothing between.
        is_exact = answer["quality"] == "exact" or clean and answer["low"] == answer["high"]
        expect(is_exact or not clean, f"{what}: {answer}, right is {right}")
        expect(not is_exact or position == right or there and met(offsets, position) == met(offsets, right),
               f"{what}: {answer} is not {right}")
        exact += is_exact
    return exact
