"""Whether clients kept to fences: who was told of a move to a fenced cluster is given nothing
of the cluster that it leaves, and what it writes from then on is not taken there, until the
route is changed again."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable

FOR_EVER = 1 << 62


@dataclass
class Fence:
    revision: int
    until_us: int = FOR_EVER  # when the next change was asked for


@dataclass
class Seen:
    """Of one client."""

    moves: int = 0  # under a fence
    broken: list[str] = field(default_factory=list)


def look(log: Path, fences: Iterable[Fence]) -> Seen:
    """A reader's or writer's log."""
    until = {fence.revision: fence.until_us for fence in fences}
    seen = Seen()
    left, end_us = "", 0
    written: set[str] = set()  # in the time of this fence
    for line in log.read_text().splitlines():
        words = line.split(" ")
        kind, mono_us = words[0], int(words[1])
        if kind == "B" or mono_us >= end_us:
            left, end_us = "", FOR_EVER
            written.clear()
        if kind == "S" and words[3] == "SWITCH" and mono_us < until.get(int(words[6]), 0):
            seen.moves += 1
            left, end_us = words[4], until[int(words[6])]
            written.clear()
        if left and (kind == "R" and words[3] == left or
                     kind == "A" and words[6] == left and words[5] in written):
            seen.broken.append(f"{log.name}: {line}")
        if left and kind == "W":
            written.add(words[5])
    return seen
