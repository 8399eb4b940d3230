"""Which step is done when: made of the seed and the seconds, and of nothing else.

A fault takes its target away for a while: a kill until the start, a cut until
it is mended.  A target has one fault at a time, and some rest after it, so that
things can happen at all."""

import random
from dataclasses import dataclass
from typing import Callable

READERS = {"r1": "join", "r2": "join", "r3": "none"}  # of one group: what they keep ready
ALONE = "alone"  # of a group of its own
WRITERS = ("w1", "w2")
PROCESSOR, CHECKER = "p1", "check"  # copies in transactions; reads the copies
CLIENTS = (*READERS, ALONE, *WRITERS, PROCESSOR, CHECKER)
BROKERS = ("a", "b")
SERVERS = (*BROKERS, "replication", "route", "mapper")

PAUSE_S = 1.6  # between faults, in the mean
CALM_SHARE, CALM_S = 0.08, (6.0, 12.0)  # so that a switch may also end
FIRST_S = 2.0
# Of kills: what a start takes until the target is of use again.
REST_S = {"a": 10.0, "b": 10.0, "replication": 20.0}
OTHERS_REST_S = 3.0


@dataclass(frozen=True)
class Step:
    at_s: float
    act: str  # a method of act.Actor
    target: str

    def __str__(self) -> str:
        return f"{self.at_s:6.1f}  {self.act} {self.target}"


@dataclass(frozen=True)
class Fault:
    weight: float
    begin: str
    end: str
    targets: tuple[str, ...]
    out_s: tuple[float, float]


FAULTS = (
    Fault(4.5, "kill", "start", BROKERS, (0.0, 9.0)),
    Fault(2.0, "kill", "start", ("replication",), (0.0, 6.0)),
    Fault(2.0, "kill", "start", ("route",), (0.0, 8.0)),
    Fault(2.0, "kill", "start", ("mapper",), (0.0, 8.0)),
    Fault(3.5, "kill", "start", CLIENTS, (0.0, 4.0)),
    Fault(1.5, "end", "start", CLIENTS, (0.0, 3.0)),
    Fault(3.0, "stop", "go_on", (*SERVERS, *CLIENTS), (0.3, 7.0)),
    Fault(5.0, "cut", "mend", (*SERVERS, *CLIENTS), (0.2, 9.0)),
    Fault(2.0, "slow", "mend", (*SERVERS, *CLIENTS), (2.0, 10.0)),
)
FLIP_WEIGHT = 9.0
BURST_SHARE, BURST = 0.25, (2, 5)
FENCE_SHARE = 0.25


class _Plan:
    def __init__(self, seed: int, seconds: float) -> None:
        self.random = random.Random(seed)
        self.seconds = seconds
        self.steps: list[Step] = []
        self.free: dict[str, float] = {}
        self.on = "a"

    def add(self, at_s: float, act: str, target: str) -> None:
        self.steps.append(Step(round(min(at_s, self.seconds), 2), act, target))

    def flip(self, at_s: float) -> None:
        """Only while the route service is there to be told."""
        if self.free.get("route", 0.0) > at_s:
            return
        times = self.random.randint(*BURST) if self.random.random() < BURST_SHARE else 1
        for _ in range(times):
            self.on = "b" if self.on == "a" else "a"
            self.add(at_s, "fence" if self.random.random() < FENCE_SHARE else "flip", self.on)
            at_s += self.random.uniform(0.02, 0.5)
        self.free["route"] = at_s

    def hurt(self, fault: Fault, at_s: float) -> None:
        there = [t for t in fault.targets if self.free.get(t, 0.0) <= at_s]
        if not there:
            return
        target = self.random.choice(there)
        until = at_s + self.random.uniform(*fault.out_s)
        self.add(at_s, fault.begin, target)
        self.add(until, fault.end, target)
        rest = REST_S.get(target, OTHERS_REST_S) if fault.end == "start" else OTHERS_REST_S
        self.free[target] = until + rest

    def make(self) -> list[Step]:
        weights = [FLIP_WEIGHT, *(f.weight for f in FAULTS)]
        does: list[Callable[[float], None]] = [
            self.flip, *(lambda at, f=f: self.hurt(f, at) for f in FAULTS)]
        at_s = FIRST_S
        while at_s < self.seconds:
            self.random.choices(does, weights)[0](at_s)
            at_s += self.random.expovariate(1 / PAUSE_S)
            if self.random.random() < CALM_SHARE:
                at_s += self.random.uniform(*CALM_S)
        return sorted(self.steps, key=lambda step: step.at_s)


def make(seed: int, seconds: float) -> list[Step]:
    return _Plan(seed, seconds).make()
