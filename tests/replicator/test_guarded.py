#!/usr/bin/env python3
"""shunt-replicator and clusters that ask who is there, and one of which has two brokers.

    python3 tests/replicator/test_guarded.py [NAME...]

Ends with "N passed, N failed, N skipped".  Where Apache Kafka can't be had all is skipped; with CI=true that is a failure.  Three brokers for
all; each test starts the replicator with its own file."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.lib import clusters, records, series  # noqa: E402
from tests.lib.procs import Proc, free_port, run  # noqa: E402
from tests.lib.records import expect, numbered  # noqa: E402
from tests.lib.rest import call  # noqa: E402
from tests.lib.tls import PASSWORD, Tls  # noqa: E402
from tests.lib.wait import wait_until  # noqa: E402

BUILD = Path(os.environ.get("SHUNT_BUILD", ROOT / "build/release")).resolve()
WAIT_S = 60.0
USERS = {"copier": "c0pier"}
MODULES = "org.apache.kafka.common.security"
SECRETS = "org.apache.kafka.common.config.provider.FileConfigProvider"
# Topics of ours on b outlive one of its brokers.
KEPT = {"b.offset.storage.replication.factor": "2", "b->a.offset-syncs.topic.replication.factor": "2"}
SPLIT = 4  # partitions, of which two are on each broker of b


class Bench:
    """Cluster a of one broker, b of two."""

    def __init__(self) -> None:
        self.folder = ROOT / "build/run" / f"guarded-{os.getpid()}"
        self.tls = Tls(self.folder / "tls")
        self.clusters = clusters.RealKafka(self.folder, BUILD, topics="a/logins:1", users=USERS, tls=self.tls, second="b",
                                           rebalance_delay_ms=0)
        self.procs: list[Proc] = []
        self.url = ""

    def make(self, topics: str, more: dict[str, str]) -> Proc:
        """Not started."""
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        keys = {**self.clusters.mm2_properties(), **KEPT, "b->a.enabled": "false", "topics": topics,
                "emit.checkpoints.enabled": "false", "emit.heartbeats.enabled": "false", **more}
        path = self.folder / f"file-{len(self.procs)}.properties"
        path.write_text("".join(f"{k} = {v}\n" for k, v in keys.items()))
        proc = Proc(f"replicator-{len(self.procs)}", [BUILD / "bin/shunt-replicator", "--listen", f"127.0.0.1:{port}", path], self.folder,
                    start=False)
        self.procs.append(proc)
        return proc

    def values(self, cluster: str, topic: str) -> dict[int, list[str]]:
        return {p: [r.value for r in log] for p, log in records.dump(self.clusters, cluster, topic).items()}

    def stop(self, failed: bool) -> None:
        for proc in self.procs:
            proc.kill()
        self.clusters.stop()
        if failed:
            print(f"kept for you: {self.folder}")
        else:
            shutil.rmtree(self.folder)


# ---- logins ----------------------------------------------------------------------


def login(bench: Bench, cluster: str, module: str, mechanism: str, store: str, password: str | None) -> dict[str, str]:
    """SASL_SSL, as Java's clients are told."""
    keys = {"bootstrap.servers": bench.clusters.sasl(cluster, "copier")["bootstrap.servers"], "security.protocol": "SASL_SSL",
            "sasl.mechanism": mechanism, "ssl.truststore.location": str(bench.tls.path(store)),
            "sasl.jaas.config": f'{MODULES}.{module} required username="copier" password="{password or "${file:SECRETS:copier}"}";'}
    if not store.endswith(".pem"):
        keys["ssl.truststore.password"] = PASSWORD
    if store.endswith(".p12"):
        keys["ssl.truststore.type"] = "PKCS12"
    return {f"{cluster}.{k}": v.replace("SECRETS", str(bench.folder / "secrets")) for k, v in keys.items()}


def certificate(bench: Bench, cluster: str, kind: str) -> dict[str, str]:
    """SSL with a certificate of ours."""
    key, chain = bench.tls.parts("client")
    ours = {"p12": {"type": "PKCS12", "location": bench.tls.path("client.p12"), "password": PASSWORD},
            "pem": {"type": "PEM", "location": bench.tls.path("client.pem")},
            "text": {"type": "PEM", "key": key, "certificate.chain": chain},
            "jks": {"location": bench.tls.path("client.jks"), "password": PASSWORD}}[kind]
    authority = bench.tls.path("ca.pem")
    keys = {"bootstrap.servers": bench.clusters.certified(cluster), "security.protocol": "SSL", "ssl.truststore.type": "PEM",
            **({"ssl.truststore.certificates": authority.read_text()} if kind == "text" else {"ssl.truststore.location": authority}),
            **{f"ssl.keystore.{k}": v for k, v in ours.items()}}
    return {f"{cluster}.{k}": str(v).strip().replace("\n", "\\n") for k, v in keys.items()}


def test_logins_as_java_has_them(bench: Bench) -> None:
    (bench.folder / "secrets").write_text(f"copier={USERS['copier']}\n")
    ways = (
        {"config.providers": "file", "config.providers.file.class": SECRETS,
         **login(bench, "a", "plain.PlainLoginModule", "PLAIN", "ca.jks", None), **certificate(bench, "b", "p12")},
        {**certificate(bench, "a", "text"), **login(bench, "b", "plain.PlainLoginModule", "PLAIN", "ca.p12", USERS["copier"]),
         "b.exactly.once.source.support": "enabled"})
    for n, more in enumerate(ways):
        records.write(bench.clusters, "a", "logins", numbered("logins", 1, n * 10, 10))
        proc = bench.make("logins", more)
        proc.start()
        proc.wait_for("ready: a->b", WAIT_S)
        wait_until(lambda: len(bench.values("b", "a.logins").get(0, ())) == n * 10 + 10, WAIT_S, f"all is copied, login {n}")
        expect(bench.values("b", "a.logins") == bench.values("a", "logins"), f"login {n}")
        expect(proc.terminate(30) == 0, "SIGTERM is a good end")
        expect(USERS["copier"] not in proc.text() and PASSWORD not in proc.text(), "a password stands in the log")


def test_who_is_not_trusted_is_told_why(bench: Bench) -> None:
    good = login(bench, "a", "plain.PlainLoginModule", "PLAIN", "ca.pem", USERS["copier"])
    named = good["a.bootstrap.servers"].replace("127.0.0.1", "localhost")
    for more, why in (({"a.sasl.jaas.config": good["a.sasl.jaas.config"].replace("c0pier", "wr0ng")}, "uthentication failed"),
                      ({"a.ssl.truststore.location": str(bench.tls.path("client.crt"))}, "certificate verify failed"),
                      ({"a.bootstrap.servers": named}, "certificate verify failed")):
        proc = bench.make("logins", {**good, **more})
        proc.start()
        proc.wait_for(why, WAIT_S)
        expect("ready: a->b" not in proc.text(), f"{more} does not matter")
        proc.kill()


def test_scram_works_or_is_told_of(bench: Bench) -> None:
    proc = bench.make("logins", login(bench, "a", "scram.ScramLoginModule", "SCRAM-SHA-512", "ca.pem", USERS["copier"]))
    proc.start()
    proc.wait_for(r"WARN .*sasl.mechanism: librdkafka \S+ cannot log in to Kafka 4 by SCRAM|ready: a->b", WAIT_S)
    proc.kill()


def test_a_key_store_of_java_is_converted_as_told(bench: Bench) -> None:
    proc = bench.make("logins", certificate(bench, "a", "jks"))
    proc.start()
    said = proc.wait_for(r"client.jks.*make another with: keytool (.*)", WAIT_S).group(1)
    expect(proc.wait(30) != 0, "it starts")
    new = bench.folder / "tls/converted.p12"
    words = said.replace("THIS", str(bench.tls.path("client.jks"))).replace("key.p12", str(new)).split()
    run(["keytool", *words, "-srcstorepass", PASSWORD, "-deststorepass", PASSWORD])
    proc = bench.make("logins", {**certificate(bench, "a", "jks"), "a.ssl.keystore.location": str(new), **certificate(bench, "b", "pem")})
    proc.start()
    proc.wait_for("ready: a->b", WAIT_S)
    expect(proc.terminate(30) == 0, "SIGTERM is a good end")


# ---- leaders ---------------------------------------------------------------------


def led_by(bench: Bench, topic: str, broker: int) -> list[int]:
    lines = bench.clusters.ktool("leaders", bench.clusters.b, topic).splitlines()
    return sorted(int(p) for p, leader in (line.split() for line in lines) if leader == str(broker))


def state(bench: Bench, flow: str, topic: str) -> dict[int, dict[str, Any]]:
    parts = call(f"{bench.url}/status?flow={flow}&topic={topic}")["flows"][0]["partitions"]
    return {p["partition"]: p for p in parts}


def wait_same(bench: Bench, flow: str, topic: str, partitions: list[int]) -> None:
    """These partitions of the copy are as their source's."""
    source, target = flow.split("-%3E")

    def same() -> bool:
        here, there = bench.values(source, topic), bench.values(target, f"{source}.{topic}")
        return all(here[p] == there.get(p) for p in partitions)
    wait_until(same, WAIT_S, f"partitions {partitions} of {topic} are copied {flow}")


def test_a_partition_without_a_leader_waits_alone(bench: Bench) -> None:
    """On the target (out), where it holds up a transaction, and on the source (back)."""
    bench.clusters.create_topic("a", "out", SPLIT)
    for topic in ("a.out", "back"):
        bench.clusters.create_topic("b", topic, SPLIT)
    servers = f"{bench.clusters.b},{bench.clusters.bootstrap('b2')}"
    proc = bench.make("out, back", {"b->a.enabled": "true", "b.exactly.once.source.support": "enabled", "b.bootstrap.servers": servers})
    proc.start()
    proc.wait_for("ready: a->b, b->a", WAIT_S)
    everywhere = list(range(SPLIT))
    for n, (cluster, topic) in enumerate((("a", "out"), ("b", "back"))):
        records.write(bench.clusters, cluster, topic, numbered(topic, SPLIT, 0, 400))
        wait_same(bench, ("a-%3Eb", "b-%3Ea")[n], topic, everywhere)
    gone = {topic: led_by(bench, topic, 2) for topic in ("a.out", "back")}
    expect(all(len(of) == SPLIT // 2 for of in gone.values()), f"{gone}")
    call(f"{bench.url}/flows/b-%3Ea/pause", "POST")
    wait_until(lambda: all("paused" in p["holds"] for p in state(bench, "b-%3Ea", "back").values()), WAIT_S, "back is paused")
    records.write(bench.clusters, "b", "back", numbered("back", SPLIT, 400, 400))
    before = records.dump(bench.clusters, "b", "back")
    bench.clusters.kill("b2")
    wait_until(lambda: not led_by(bench, "a.out", 2), WAIT_S, "the leaders of b2 are gone")
    records.write(bench.clusters, "a", "out", numbered("out", SPLIT, 400, 40_000))
    call(f"{bench.url}/flows/b-%3Ea/resume", "POST")
    ends = bench.clusters.ends("a", "out")
    for flow, topic, end in (("a-%3Eb", "out", ends), ("b-%3Ea", "back", [log[-1].offset + 1 for _, log in sorted(before.items())])):
        lost = gone[topic if topic == "back" else "a.out"]
        others = [p for p in everywhere if p not in lost]
        wait_until(lambda: all(state(bench, flow, topic)[p]["position"] == end[p] for p in others), WAIT_S, f"{others} of {topic} go on")
        expect(all(state(bench, flow, topic)[p]["position"] == 100 for p in lost), f"{state(bench, flow, topic)}")
        wait_until(lambda: {p for p, of in state(bench, flow, topic).items() if of["problem"]} == set(lost), WAIT_S, f"{lost} are told of")
    bench.clusters.revive("b2")
    wait_same(bench, "a-%3Eb", "out", everywhere)
    wait_same(bench, "b-%3Ea", "back", everywhere)
    wait_until(lambda: not any(of["problem"] for of in (*state(bench, "a-%3Eb", "out").values(), *state(bench, "b-%3Ea", "back").values())),
               WAIT_S, "all is well")
    expect(proc.terminate(30) == 0, "SIGTERM is a good end")


if __name__ == "__main__":
    sys.exit(series.run_all(series.named(globals(), sys.argv[1:]), Bench, Bench.stop))
