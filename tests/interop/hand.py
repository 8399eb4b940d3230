"""What two programs that copy in turn must not lose, and what they may repeat."""

import json
from collections import Counter
from typing import Callable

from tests.lib.records import expect, plain
from tests.lib.wait import wait_until

from .pair import FLOWS, WAIT_S, Load, Pair

HAND = 3  # partitions


class Hand:
    """A topic called hand on each cluster, written to all the time; `may_repeat`: records that were copied, but not saved, when somebody
    died who copies at least once."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        for cluster in "ab":
            pair.create("hand", HAND, cluster=cluster)
        self.loads = {flow: Load(pair, flow[0], "hand", HAND) for flow in FLOWS}
        self.may_repeat: dict[tuple[str, str], set[str]] = {flow: set() for flow in FLOWS}

    def send(self, n: int) -> None:
        for load in self.loads.values():
            load.send(n)

    def send_until(self, done: Callable[[], object], what: str) -> None:
        def step() -> object:
            self.send(50)
            return done()
        wait_until(step, WAIT_S, what)

    def saved(self, source: str, target: str) -> dict[int, int]:
        """The last source offset of each partition that is saved."""
        found = {}
        for records in self.pair.dump(target, f"mm2-offsets.{source}.internal").values():
            for r in records:
                connector, of = json.loads(plain(r.key))
                if connector == "MirrorSourceConnector" and of["topic"] == "hand" and r.value != "-":
                    found[of["partition"]] = json.loads(plain(r.value))["offset"]
        return found

    def note_unsaved(self) -> None:
        """Whoever copied is gone: what stands behind what it has saved may come again, also from MirrorMaker 2."""
        for source, target in FLOWS:
            if self.exactly_once(target):
                continue
            saved = self.saved(source, target)
            for p, log in self.pair.dump(source, "hand").items():
                self.may_repeat[source, target] |= {r.value for r in log if r.offset > saved.get(p, -1)}

    def copied(self, flow: tuple[str, str]) -> set[str]:
        return {r.value for log in self.pair.dump(flow[1], f"{flow[0]}.hand").values() for r in log}

    def exactly_once(self, target: str) -> bool:
        return self.pair.exactly_once and target == "b"

    def judge(self, when: str) -> None:
        """Nothing lost, nothing foreign, order kept, nothing twice but what may be."""
        for source, target in FLOWS:
            here, there = self.pair.wait_last("hand", source, target)
            for p, log in here.items():
                firsts = list(dict.fromkeys(r.value for r in there[p]))
                expect(firsts == [r.value for r in log],
                       f"{when}: hand/{p} {source}->{target}: {len(firsts)} of {len(log)} records, or another order")
                twice = {value for value, n in Counter(r.value for r in there[p]).items() if n > 1}
                bad = twice - self.may_repeat[source, target]
                expect(not bad, f"{when}: hand/{p} {source}->{target}: {len(bad)} stand twice that were saved")
