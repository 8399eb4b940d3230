"""How many records a reader reads again that goes on where the mapper says, and where MirrorMaker 2's own checkpoints say, at the same moment:
real MirrorMaker 2, 2,000 records a second on their way. What is right is told by what stands in the topics: each record's value is its number.
A position past the right one would skip records: that ends the bench."""

import bisect
from typing import Any, NamedTuple

from tests.bench.mapper_rows import checkpoints, death
from tests.bench.mapper_rows.env import Env, Mapper
from tests.bench.mapper_rows.life import Stream, TailGroup, commit
from tests.bench.shared.env import median
from tests.bench.table import Row, row
from tests.lib.wait import wait_until

TOPIC, COPY = "orders", "a.orders"
RATE = 2000
PERCENT = {"at 1 %": 1, "at 50 %": 50, "at 99 %": 99}
TAIL = "at the tail"
PLACES = (*PERCENT, TAIL)
BEST = {"verify": True, "wait_ms": 5000}
LOST = 50  # records that a reader at the tail had read and that were not copied when the source died
FAR = "500 records beyond the copy"

Places = dict[str, int]


class Moment(NamedTuple):
    """Asked at once, each of PLACES: the positions, and what was answered."""
    forward: Places
    back: Places
    mm2: Places
    plain: dict[str, dict[str, Any]]
    best: dict[str, dict[str, Any]]
    plain_back: dict[str, dict[str, Any]]
    best_back: dict[str, dict[str, Any]]


class Death(NamedTuple):
    """Asked when the source was dead."""
    places: Places
    mm2: Places
    answers: dict[str, dict[str, Any]]


class Truth:
    """The records as they stand on both sides at the end, in the order of their numbers there."""

    def __init__(self, env: Env) -> None:
        def dump(cluster: str, topic: str) -> dict[bytes, int]:
            return {value: offset for offset, (_, value) in death.records(env, cluster, topic).items()}
        here, there = dump("a", TOPIC), dump("b", COPY)
        if here.keys() != there.keys():
            raise AssertionError(f"{len(here)} records on a, {len(there)} on b, {len(here.keys() ^ there.keys())} of one side only")
        self.ups, self.downs = sorted(here.values()), sorted(there.values())
        if [here[v] for v in sorted(here, key=there.__getitem__)] != self.ups:
            raise AssertionError("the records on b are not in the order of a")

    def again(self, asked: list[int], answered: list[int], asking: int, answer: int) -> int:
        """Records that were read before `asking` and stand at or after `answer`; less than none: so many are skipped."""
        return bisect.bisect_left(asked, asking) - bisect.bisect_left(answered, answer)

    def forward(self, asking: int, answer: int) -> int:
        return self.again(self.ups, self.downs, asking, answer)

    def back(self, asking: int, answer: int) -> int:
        return self.again(self.downs, self.ups, asking, answer)


def ask(mapper: Mapper, source: str, target: str, places: Places, **more: Any) -> dict[str, dict[str, Any]]:
    topic = TOPIC if source == "a" else COPY
    asked = [{"topic": topic, "partition": 0, "offset": at} for at in places.values()]
    return dict(zip(places, mapper.translate(source, target, asked, **more)))


def places_of(end: int) -> Places:
    return {place: end * percent // 100 for place, percent in PERCENT.items()}


def group_of(place: str) -> str:
    return place.replace(" %", "").replace(" ", "-")


def mm2_of(newest: checkpoints.Newest) -> Places:
    return {place: newest[group_of(place), COPY].downstream for place in PLACES if (group_of(place), COPY) in newest}


class Scene:
    def __init__(self, env: Env, mm2: dict[str, str], stored: int) -> None:
        self.env = env
        env.start_kafka(f"a/{TOPIC}:1", pinned=False)
        self.stream = Stream(env, TOPIC)
        self.stream.send(stored)
        self.stream.wait_written()
        for place in PLACES:  # before MirrorMaker 2 looks for groups, so that it is not shaken by new ones
            commit(env, "a", group_of(place), TOPIC, 0)
        self.tail = TailGroup(env, self.stream, group_of(TAIL))
        self.mapper = env.mapper("mapper", cpu=None)
        env.clusters.start_mm2(mm2)
        env.clusters.wait_mm2()

    def begin(self) -> None:
        self.stream.flow(RATE)
        self.tail.start()
        wait_until(lambda: self.copied() > self.stream.end() - RATE, 90, "MirrorMaker 2 is at the tail")
        wait_until(lambda: group_of(TAIL) in {g for g, _ in self.checkpoints()}, 60, "MirrorMaker 2 has checkpoints")

    def copied(self) -> int:
        return self.env.clusters.ends("b", COPY)[0]

    def checkpoints(self) -> checkpoints.Newest:
        return checkpoints.newest(self.env, "a", "b")

    def commit_all(self, places: Places) -> None:
        """Returns when MirrorMaker 2 has made its checkpoints after that."""
        for place, at in places.items():
            commit(self.env, "a", group_of(place), TOPIC, at)
        end = self.stream.end()
        wait_until(lambda: self.checkpoints()[group_of(TAIL), COPY].upstream >= end, 20, f"a checkpoint of {end} or more")

    def moment(self) -> Moment:
        forward = places_of(self.stream.end())
        self.commit_all(forward)
        newest = self.checkpoints()
        forward[TAIL] = self.stream.end()
        plain = ask(self.mapper, "a", "b", forward)
        best = ask(self.mapper, "a", "b", forward, **BEST)
        end = self.copied()
        back = {**places_of(end), TAIL: end}
        plain_back = ask(self.mapper, "b", "a", back)
        best_back = ask(self.mapper, "b", "a", back, **BEST)
        return Moment(forward, back, mm2_of(newest), plain, best, plain_back, best_back)

    def back_groups(self) -> None:
        """Groups on b that have read the copy: MirrorMaker 2 has no syncs to bring them back with."""
        for place in PLACES:
            commit(self.env, "b", f"back-{group_of(place)}", COPY, self.copied() // 2)

    def mm2_brings_back(self) -> bool:
        return any(group.startswith("back-") for group, _ in checkpoints.newest(self.env, "b", "a"))

    def halt(self) -> None:
        self.tail.halt()
        self.stream.halt()

    def die(self) -> Death:
        self.env.clusters.kill_mm2()
        end = self.stream.end()
        self.stream.send(500)
        self.stream.wait_written()
        log = death.records(self.env, "a", TOPIC)
        places = {**places_of(end), TAIL: end + LOST, FAR: end + 500}
        newest = self.checkpoints()
        self.env.clusters.kill("a")
        answers = self.mapper.translate("a", "b", [death.question(TOPIC, at, log) for at in places.values()])
        return Death(places, mm2_of(newest), dict(zip(places, answers)))

    def end(self) -> Truth:
        self.halt()
        self.stream.wait_written()
        self.env.clusters.wait_copied("a", "b", TOPIC)
        return Truth(self.env)


def judged(answers: dict[str, dict[str, Any]], place: str, again: int) -> int:
    """How many are read again; the answer must be as good as it says."""
    answer = answers[place]
    if again < 0:
        raise AssertionError(f"{place}: {-again} records would be skipped: {answer}")
    if answer["quality"] == "exact" and again > 0:
        raise AssertionError(f"{place}: exact, but {again} records would be read again: {answer}")
    return again


def place_rows(flow: str, moments: list[Moment], truth: Truth, place: str, plain_limit: int | None) -> list[Row]:
    def forward(answers: list[dict[str, dict[str, Any]]]) -> int:
        return max(judged(a, place, truth.forward(m.forward[place], a[place]["position"])) for m, a in zip(moments, answers))

    def back(answers: list[dict[str, dict[str, Any]]]) -> int:
        return max(judged(a, place, truth.back(m.back[place], a[place]["position"])) for m, a in zip(moments, answers))

    mm2 = median([truth.forward(m.forward[place], m.mm2.get(place, 0)) for m in moments], 0)
    there, back_again = f"read again{flow}, a to b, {place}", f"read again{flow}, b to a, {place}"
    return [
        row(f"{there}, plain question", forward([m.plain for m in moments]), "records", mm2, plain_limit, judge="value"),
        row(f"{there}, verified", forward([m.best for m in moments]), "records", mm2, 0, judge="value"),
        row(f"{back_again}, plain question", back([m.plain_back for m in moments]), "records", limit=plain_limit),
        row(f"{back_again}, verified", back([m.best_back for m in moments]), "records", limit=0),
    ]


def death_rows(flow: str, dead: Death, truth: Truth) -> list[Row]:
    def again(place: str, answer: int) -> int:
        return truth.forward(dead.places[place], answer)
    return [row(f"read again{flow}, a to b, {place}, the source dead, fingerprints", judged(
        dead.answers, place, again(place, dead.answers[place]["position"])), "records", again(place, dead.mm2[place]) if place in dead.mm2 else None,
        None if place == FAR else 0, judge="value") for place in dead.places]


def compare(env: Env, mm2: dict[str, str], stored: int, n: int) -> tuple[list[Moment], Truth, Death]:
    scene = Scene(env, mm2, stored)
    try:
        scene.begin()
        scene.back_groups()
        moments = [scene.moment() for _ in range(n)]
        if scene.mm2_brings_back():
            raise AssertionError("MirrorMaker 2 has checkpoints for groups that read the copy: they want to be compared too")
        return moments, scene.end(), scene.die()
    finally:
        scene.halt()


def rows_of(flow: str, plain_limit: int | None, moments: list[Moment], truth: Truth, dead: Death) -> list[Row]:
    rows = [r for place in PLACES for r in place_rows(flow, moments, truth, place, None if place == TAIL else plain_limit)]
    return rows + death_rows(flow, dead, truth)


def measure(env: Env) -> list[Row]:
    """Positions that are not right behind what has just been copied are exact without a look at the records."""
    return rows_of("", 0, *compare(env, {}, *((20000, 2) if env.quick else (200000, 5))))


def measure_transactions(env: Env) -> list[Row]:
    """The copy is written in transactions: markers among the records on the target, of which no sync tells."""
    stored, n = (20000, 2) if env.quick else (100000, 5)
    return rows_of(", exactly-once copy", None, *compare(env, {"b.exactly.once.source.support": "enabled"}, stored, n))
