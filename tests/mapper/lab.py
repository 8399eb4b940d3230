"""Three real Kafka clusters, real MirrorMaker 2 between them over five flows of every kind, and shunt-offset.

    a->b, b->a   default naming, offset syncs on the source
    a->c, c->a   identity naming, offset syncs on the target; c->a copies what is called born-c..., so that nothing
                 goes round in circles
    b->c         separator "__", internal topics included; copies far..."""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
from pathlib import Path
from typing import Any, Callable, Sequence

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.lib import records  # noqa: E402
from tests.lib.clusters import RealKafka  # noqa: E402
from tests.lib.procs import Proc, free_port  # noqa: E402
from tests.lib.records import Log, Truth, judge, numbered  # noqa: E402
from tests.lib.rest import HttpError, call  # noqa: E402
from tests.lib.wait import wait_until  # noqa: E402

BUILD = Path(os.environ.get("SHUNT_BUILD", ROOT / "build/release")).resolve()
WAIT_S = 40.0
SEED = 20261127
USER = "mapper"
USERS = {USER: "secret"}
PASSWORD = "MAPPER_PASSWORD"

IDENTITY = "org.apache.kafka.connect.mirror.IdentityReplicationPolicy"
AT_TARGET = {"policy": "identity", "offset-syncs.topic.location": "target"}
# As the mapper's flows file has them, and what MirrorMaker 2 is told.
FLOWS: dict[tuple[str, str], tuple[dict[str, str], dict[str, str]]] = {
    ("a", "b"): ({}, {"topics.exclude": "mm2.*, far.*"}),
    ("b", "a"): ({}, {}),
    ("a", "c"): (AT_TARGET, {"topics": "both.*", "replication.policy.class": IDENTITY,
                             "offset-syncs.topic.location": "target"}),
    ("c", "a"): (AT_TARGET, {"topics": "born-c.*", "replication.policy.class": IDENTITY,
                             "offset-syncs.topic.location": "target"}),
    ("b", "c"): ({"separator": "__"}, {"topics": "far.*", "replication.policy.separator": "__"}),
}
SYNCS = {("a", "b"): ("a", "mm2-offset-syncs.b.internal"), ("b", "a"): ("b", "mm2-offset-syncs.a.internal"),
         ("a", "c"): ("c", "mm2-offset-syncs.a.internal"), ("c", "a"): ("a", "mm2-offset-syncs.c.internal"),
         ("b", "c"): ("b", "mm2-offset-syncs__c__internal")}
Flow = tuple[str, str]
AB: Flow = ("a", "b")


def remote(flow: Flow, topic: str) -> str:
    """What the copy is called."""
    settings = FLOWS[flow][0]
    return topic if settings.get("policy") == "identity" else flow[0] + settings.get("separator", ".") + topic


class Mapper:
    """A shunt-offset; `flows` restricts it to some, `user` is who it is to the brokers (None: anybody)."""

    def __init__(self, lab: Lab, name: str, flows: Sequence[Flow] = tuple(FLOWS), user: str | None = None,
                 start: bool = True, env: dict[str, str] | None = None, **options: object) -> None:
        self.lab, self.name = lab, name
        self.url = f"http://127.0.0.1:{free_port()}"
        self.data = lab.folder / name
        described = lab.folder / f"{name}.json"
        described.write_text(json.dumps(lab.describe(flows, user), indent=1))
        words: list[object] = [BUILD / "bin/shunt-offset", "--listen", self.url.removeprefix("http://"),
                               "--flows.file", described, "--data.dir", self.data]
        for option, value in options.items():
            words += ["--" + option.replace("_", "."), value]
        self.proc = lab.spawn(name, words, {PASSWORD: USERS[USER], **(env or {})})
        if start:
            self.start()

    def start(self) -> None:
        self.proc.start()
        self.proc.wait_for(r"ready: \S+", WAIT_S)

    def get(self, path: str) -> Any:
        return call(self.url + path)

    def post(self, path: str, body: Any, timeout_s: float = WAIT_S) -> Any:
        return call(self.url + path, body, timeout_s)

    def ask(self, source: str, target: str, positions: Sequence[tuple[str, int, int]], **more: Any) -> list[dict[str, Any]]:
        """The answer to each (topic, partition, offset)."""
        asked = [{"topic": t, "partition": p, "offset": o} for t, p, o in positions]
        return self.post("/v1/translate", {"from": source, "to": target, "positions": asked, **more})["positions"]

    def ask_one(self, source: str, target: str, topic: str, partition: int, offset: int, **more: Any) -> dict[str, Any]:
        return self.ask(source, target, [(topic, partition, offset)], **more)[0]

    def flow(self, flow: Flow) -> dict[str, Any]:
        """What it says of itself about one flow."""
        return next(f for f in self.get("/v1/flows")["flows"] if f["flow"] == "->".join(flow))

    def runs(self, flow: Flow, topic: str, partition: int) -> list[dict[str, int]]:
        return self.get(f"/v1/runs?flow={flow[0]}-%3E{flow[1]}&topic={topic}&partition={partition}&limit=100000")["runs"]

    def wait_read(self, *flows: Flow) -> None:
        """Until it has read what stands in the offset-syncs topics now."""
        for flow in flows or tuple(FLOWS):
            cluster, topic = SYNCS[flow]
            end = self.lab.clusters.ends(cluster, topic)[0]
            wait_until(lambda f=flow, e=end: self.flow(f)["position"] >= e, WAIT_S,  # type: ignore[misc]
                       f"{self.name} has read {topic} of {cluster} up to {end}")
        wait_until(lambda: all(f["ready"] for f in self.readiness() if not flows or tuple(f["flow"].split("->")) in flows), WAIT_S,
                   f"{self.name} knows that this is the end")

    def readiness(self) -> list[dict[str, Any]]:
        """How far each flow is, whatever the status."""
        try:
            return self.get("/readyz")["flows"]
        except HttpError as why:
            return json.loads(why.body)["flows"]

    def end(self) -> None:
        self.proc.end()


class Lab:
    """All of it, running when made."""

    def __init__(self) -> None:
        self.folder = ROOT / "build/run" / f"mapper-real-{os.getpid()}"
        self._procs: list[Proc] = []
        self.chance = random.Random(SEED)
        self.clusters = RealKafka(
            self.folder, BUILD, topics="", rebalance_delay_ms=0, names=("a", "b", "c"), flows=tuple(FLOWS),
            users=USERS, broker_properties={"log.cleaner.backoff.ms": "200", "default.replication.factor": "1"})
        try:
            self.start_mm2()
            self.mapper = Mapper(self, "mapper")
            self._wait_mm2()
        except BaseException:
            self.stop(True)
            raise

    def start_mm2(self) -> None:
        self.mm2 = self.clusters.start_mm2(self._mm2_properties())

    def _mm2_properties(self) -> dict[str, str]:
        flows = {f"{source}->{target}.{key}": value for (source, target), (_, settings) in FLOWS.items()
                 for key, value in settings.items()}
        committed = {f"{cluster}.consumer.isolation.level": "read_committed" for cluster in self.clusters.names}
        return {**flows, **committed, "c->b.emit.heartbeats.enabled": "false", "c.exactly.once.source.support": "enabled"}

    def _wait_mm2(self) -> None:
        for flow in FLOWS:
            copy = f"{flow[0]}{FLOWS[flow][0].get('separator', '.')}heartbeats"
            wait_until(lambda f=flow, t=copy: sum(self.clusters.ends(f[1], t)), 120, f"{flow} copies")  # type: ignore[misc]

    def describe(self, flows: Sequence[Flow], user: str | None) -> dict[str, Any]:
        """The mapper's flows file."""
        clusters = []
        for name in self.clusters.names:
            settings = self.clusters.sasl(name, user) if user else {"bootstrap.servers": self.clusters.bootstrap(name)}
            properties = {k: v for k, v in settings.items() if k != "bootstrap.servers"}
            if user:
                properties["sasl.password"] = f"${{env:{PASSWORD}}}"
            clusters.append({"name": name, "bootstrap.servers": settings["bootstrap.servers"], "properties": properties})
        return {"clusters": clusters,
                "flows": [{"source": s, "target": t, **FLOWS[s, t][0]} for s, t in flows]}

    def spawn(self, name: str, words: Sequence[object], env: dict[str, str] | None = None) -> Proc:
        proc = Proc(name, words, self.folder, env=env, start=False)
        self._procs.append(proc)
        return proc

    def stop(self, failed: bool) -> None:
        for proc in reversed(self._procs):
            proc.end()
        self.clusters.stop()
        if failed:
            print(f"kept for you: {self.folder}", file=sys.stderr)
        else:
            shutil.rmtree(self.folder)

    # ---- records ------------------------------------------------------------

    def ktool(self, command: str, cluster: str, *words: object) -> str:
        return self.clusters.ktool(command, self.clusters.bootstrap(cluster), *words)

    def write(self, cluster: str, topic: str, n: int, first: int = 0, partitions: int = 1, of: str = "") -> None:
        """Records that tell which they are; `of` instead of the topic's name."""
        records.write(self.clusters, cluster, topic, numbered(of or topic, partitions, first, n))

    def write_tx(self, cluster: str, topic: str, transactions: int, each: int, first: int = 0, partitions: int = 1) -> None:
        """The same in transactions, of which every fourth is aborted: a hole in the offsets each."""
        lines: list[str] = []
        for i in range(transactions):
            lines += numbered(topic, partitions, first + i * each, each) + ["abort" if i % 4 == 1 else "commit"]
        records.write(self.clusters, cluster, topic, lines, "write-tx")

    def dump(self, cluster: str, topic: str) -> Log:
        return records.dump(self.clusters, cluster, topic)

    def wait_copied(self, flow: Flow, topic: str) -> tuple[Log, Log]:
        """Until the last record of each partition stands on the target; both logs."""
        here = self.dump(flow[0], topic)
        last = {p: r[-1].value for p, r in here.items()}

        def copied() -> Log | None:
            there = self.dump(flow[1], remote(flow, topic))
            return there if all(any(r.value == v for r in there.get(p, ())) for p, v in last.items()) else None
        there = wait_until(copied, WAIT_S, f"{topic} of {flow[0]} stands on {flow[1]}")
        return here, there

    def settle(self, flow: Flow, topic: str, mapper: Mapper | None = None) -> tuple[Log, Log]:
        """The same, and the mapper knows of the last one: MirrorMaker 2 has written its trailing syncs.  What it knows of
        a life that is over may be exact there too, but not behind the copy."""
        here, there = self.wait_copied(flow, topic)
        asked = [(topic, p, r[-1].offset + 1) for p, r in here.items()]
        copy = {p: min(t.offset for t in there[p] if t.value == r[-1].value) for p, r in here.items()}
        wait_until(lambda: all(a["quality"] == "exact" and a["position"] > copy[a["partition"]]
                               for a in (mapper or self.mapper).ask(*flow, asked)), WAIT_S, f"{topic} is known to its end")
        return here, there

    def judge(self, flow: Flow, topic: str, clean: bool, n: int = 120, mapper: Mapper | None = None,
              logs: tuple[Log, Log] | None = None) -> tuple[int, int]:
        """Answers in both directions against what stands in the logs: (exact, asked)."""
        here, there = logs or (self.dump(flow[0], topic), self.dump(flow[1], remote(flow, topic)))
        exact = asked = 0
        for p, records_here in here.items():
            truth = Truth(records_here, there[p])
            start = records_here[0].offset
            ups = [self.chance.randint(start, records_here[-1].offset + 1) for _ in range(n)]
            downs = [self.chance.randint(there[p][0].offset, truth.end) for _ in range(n)]
            who = mapper or self.mapper
            exact += judge(who.ask(*flow, [(topic, p, at) for at in ups]), list(map(truth.forward, ups)), clean,
                           f"{topic}/{p} {flow}", there[p])
            exact += judge(who.ask(*flow[::-1], [(remote(flow, topic), p, at) for at in downs]),
                           list(map(truth.back, downs)), clean, f"{topic}/{p} {flow} in reverse", records_here)
            asked += 2 * n
        return exact, asked


class Load:
    """A writer that goes on, in pieces, until end()."""

    def __init__(self, lab: Lab, cluster: str, topic: str, partitions: int) -> None:
        self.lab, self.cluster, self.topic, self.partitions = lab, cluster, topic, partitions
        self.sent = 0
        self.writer = Proc(f"load-{topic}", [BUILD / "bin/ktool", "write", lab.clusters.bootstrap(cluster), topic], lab.folder)

    def push(self, n: int) -> None:
        self.writer.send("\n".join(numbered(self.topic, self.partitions, self.sent, n)))
        self.sent += n

    def push_until(self, done: Callable[[], object], what: str, n: int = 200) -> None:
        def step() -> object:
            self.push(n)
            return done()
        wait_until(step, WAIT_S, what)

    def end(self) -> None:
        records.finish(self.writer)
