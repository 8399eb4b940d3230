"""Two Kafka clusters, `a` and `b`, with replication between them.

Embedded (shunt-sandbox and shunt-replicator) and RealKafka (Apache Kafka and
MirrorMaker 2) have one interface, Clusters; a test runs on both unchanged."""

import os
import shutil
import socket
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from . import kafka_jars
from .hosts import OneHost
from .procs import Proc, ProcError, free_port, run
from .tls import Tls
from .wait import wait_until

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("a", "b")
START_S = 60.0
HEAP = ("-Xms128m", "-Xmx384m")


class Clusters(ABC):
    """`a` and `b` are bootstrap strings; `kind` is "embedded" or "real"."""

    kind: str
    names: tuple[str, ...] = NAMES
    flows: tuple[tuple[str, str], ...] = (NAMES, NAMES[::-1])
    a: str
    b: str

    def __init__(self, folder: Path, build: Path, hosts: OneHost | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.hosts = hosts or OneHost()
        self.folder = folder
        self.build = build
        self.replication: Proc | None = None

    def bootstrap(self, cluster: str) -> str:
        return {"a": self.a, "b": self.b}[cluster]

    @abstractmethod
    def create_topic(self, cluster: str, name: str, partitions: int) -> None:
        """Returns when the topic has its leaders."""

    @abstractmethod
    def kill(self, cluster: str) -> None:
        """Real: kill -9 of the broker; embedded: every connection is cut."""

    @abstractmethod
    def revive(self, cluster: str) -> None:
        """What was written before is still there; returns when it answers."""

    @abstractmethod
    def slow(self, cluster: str, rtt_ms: int) -> None:
        """Delays every answer (embedded only); 0 ends it."""

    @abstractmethod
    def _replication_argv(self, properties: Path) -> list[object]:
        """The program that replicates as `properties` say."""

    def start_mm2(self, properties: dict[str, str] | None = None) -> Proc:
        """Starts MirrorMaker 2 (embedded: shunt-replicator), both ways and
        with quick intervals; `properties` override that."""
        path = self.folder / "mm2.properties"
        path.write_text("".join(f"{k} = {v}\n" for k, v in
                                {**self.mm2_properties(), **(properties or {})}.items()))
        if self.replication and self.replication.alive:
            raise ProcError("replication is running already")
        if self.replication:
            self.replication.start()
        else:
            argv = self.hosts.argv("replication", self._replication_argv(path))
            self.replication = Proc("replication", argv, self.folder, env=jvm_env())
        return self.replication

    def kill_mm2(self) -> None:
        """kill -9."""
        if self.replication:
            self.replication.kill()

    def mm2_properties(self) -> dict[str, str]:
        """Both flows, everything that is not internal, quick intervals."""
        props = {
            "clusters": ", ".join(self.names),
            **{f"{name}.bootstrap.servers": self.bootstrap(name) for name in self.names},
            **{f"{source}->{target}.enabled": "true" for source, target in self.flows},
            "topics": ".*",
            "groups": ".*",
            "refresh.topics.interval.seconds": "2",
            "refresh.groups.interval.seconds": "2",
            "emit.checkpoints.interval.seconds": "1",
            "emit.heartbeats.interval.seconds": "1",
            "sync.group.offsets.enabled": "false",
            "replication.factor": "1",
        }
        for topic in ("checkpoints", "heartbeats", "offset-syncs"):
            props[f"{topic}.topic.replication.factor"] = "1"
        for cluster in self.names:
            for store in ("offset", "status", "config"):
                props[f"{cluster}.{store}.storage.replication.factor"] = "1"
            props[f"{cluster}.offset.flush.interval.ms"] = "1000"
        return props

    def wait_mm2(self, deadline_s: float = 90) -> None:
        """Until both flows copy: each other's heartbeats arrive."""
        for source, target in self.flows:
            wait_until(lambda: sum(self.ends(target, f"{source}.heartbeats")), deadline_s,
                       f"replication {source}->{target} copies")

    def wait_copied(self, source: str, target: str, topic: str, deadline_s: float = 60) -> None:
        """Until what is in `topic` now stands on the target (default naming)."""
        want = self.ends(source, topic)

        wait_until(lambda: all(map(int.__ge__, self.ends(target, f"{source}.{topic}"), want)),
                   deadline_s, f"{topic} {want} of {source} stands on {target}")

    def ends(self, cluster: str, topic: str) -> list[int]:
        """The end offset of each partition."""
        lines = self.ktool("end-offsets", self.bootstrap(cluster), topic).splitlines()
        return [int(line.split()[2]) for line in lines]

    def ktool(self, *words: object) -> str:
        """tests/tools/ktool: what it printed."""
        return run([self.build / "bin/ktool", *words], START_S)

    def stop(self) -> None:
        """Ends everything; may be called twice."""
        if self.replication:
            self.replication.kill()


class Embedded(Clusters):
    """shunt-sandbox: librdkafka's mock clusters, ready in milliseconds."""

    kind = "embedded"

    def __init__(self, folder: Path, build: Path,
                 topics: str = "orders:6,a.orders:6,b.orders:6", brokers: int = 1) -> None:
        super().__init__(folder, build)
        self.sandbox = Proc("sandbox", [build / "bin/shunt-sandbox", "--a.port", 0,
                                        "--b.port", 0, "--topics", topics,
                                        "--brokers", brokers], folder)
        port = self.sandbox.wait_for(r"control: 127\.0\.0\.1:(\d+)").group(1)
        ready = self.sandbox.wait_for(r"ready: a=(\S+) b=(\S+)")
        self.a, self.b = ready.group(1), ready.group(2)
        self._control = ("127.0.0.1", int(port))

    def command(self, line: str) -> list[str]:
        """One command; the lines of its answer before "ok"."""
        with socket.create_connection(self._control, timeout=START_S) as s, s.makefile("rw") as f:
            f.write(line + "\n")
            f.flush()
            lines: list[str] = []
            for answer in f:
                answer = answer.rstrip("\n")
                if answer == "ok":
                    return lines
                if answer.startswith("error: "):
                    raise ProcError(f"sandbox: {line}: {answer[7:]}")
                lines.append(answer)
        raise ProcError(f"sandbox: {line}: no answer")

    def create_topic(self, cluster: str, name: str, partitions: int) -> None:
        self.command(f"topic {cluster} {name} {partitions}")

    def kill(self, cluster: str) -> None:
        self.command(f"cluster {cluster} down")

    def revive(self, cluster: str) -> None:
        self.command(f"cluster {cluster} up")

    def slow(self, cluster: str, rtt_ms: int) -> None:
        self.command(f"cluster {cluster} slow {rtt_ms}")

    def _replication_argv(self, properties: Path) -> list[object]:
        return [self.build / "bin/shunt-replicator", properties]

    def stop(self) -> None:
        super().stop()
        self.sandbox.end()


class RealKafka(Clusters):
    """Brokers of one node each (KRaft), a cluster each, and MirrorMaker 2.

    `users`: names and passwords for a listener of its own (SASL, PLAIN), see sasl(); everybody on the plain one is
    ANONYMOUS and may do all.  `tls`: logins only that way, also by SCRAM-SHA-512, and a listener for those who have a
    certificate, see certified().  `second`: a cluster of two brokers, C and C2; C keeps the books.
    `data_under`: where their logs are instead of in `folder`; `heap`: flags of their JVMs.
    Raises kafka_jars.Unreachable where Apache Kafka can't be had."""

    kind = "real"

    def __init__(self, folder: Path, build: Path,
                 topics: str = "orders:6", rebalance_delay_ms: int = 3000,
                 broker_properties: dict[str, str] | None = None,
                 names: tuple[str, ...] = NAMES,
                 flows: tuple[tuple[str, str], ...] = (NAMES, NAMES[::-1]),
                 users: dict[str, str] | None = None, tls: Tls | None = None, second: str = "",
                 hosts: OneHost | None = None, data_under: Path | None = None,
                 heap: tuple[str, ...] = HEAP) -> None:
        super().__init__(folder, build, hosts)
        self._data_under, self._heap = data_under or folder, heap
        self.classpath = f"{kafka_jars.ensure()}/*"
        self.names, self.flows = names, flows
        self._second = second
        nodes = (*names, f"{second}2") if second else names
        self._ports, self._sasl_ports, self._tls_ports, self._voters = (
            {node: free_port() for node in nodes} for _ in range(4))
        self._users = users or {}
        self._tls = tls
        self.a, self.b = (self.bootstrap(name) for name in NAMES)
        self._extra = {"group.initial.rebalance.delay.ms": str(rebalance_delay_ms),
                       **(broker_properties or {})}
        self.brokers = {node: self._broker(node) for node in nodes}
        try:
            self._start(topics)
        except BaseException:
            self.stop()
            raise

    def bootstrap(self, cluster: str) -> str:
        return f"{self.hosts.address(cluster)}:{self._ports[cluster]}"

    def sasl(self, cluster: str, user: str) -> dict[str, str]:
        """What a client sets to be `user` there."""
        return {"bootstrap.servers": f"127.0.0.1:{self._sasl_ports[cluster]}", "security.protocol": self._login_protocol(),
                "sasl.mechanism": "PLAIN", "sasl.username": user, "sasl.password": self._users[user]}

    def certified(self, cluster: str) -> str:
        """Where clients with a certificate go (security.protocol SSL)."""
        return f"127.0.0.1:{self._tls_ports[cluster]}"

    def data(self, cluster: str) -> Path:
        """Where its broker keeps its logs."""
        return self._data_under / f"data-{cluster}"

    def create_topic(self, cluster: str, name: str, partitions: int) -> None:
        self.ktool("create-topic", self.bootstrap(cluster), name, partitions)

    def kill(self, cluster: str) -> None:
        self.brokers[cluster].kill()

    def revive(self, cluster: str) -> None:
        self.brokers[cluster].start()
        self._wait_ready(cluster)

    def stop_broker(self, cluster: str) -> None:
        """In good order: all is on disk."""
        self.brokers[cluster].terminate(START_S)

    def slow(self, cluster: str, rtt_ms: int) -> None:
        raise NotImplementedError("real brokers can't be slowed down")

    def stop(self) -> None:
        super().stop()
        for broker in self.brokers.values():
            broker.kill()

    def mm2_properties(self) -> dict[str, str]:
        # Else Connect looks for plugins in every class, three times 2.5 s: the
        # program heeds the plain key, each flow that of its target.
        keys = ("plugin.discovery", *(f"{cluster}.plugin.discovery" for cluster in self.names))
        return {**super().mm2_properties(), **dict.fromkeys(keys, "service_load")}

    def _replication_argv(self, properties: Path) -> list[object]:
        return ["java", "-Xmx512m", *jvm_flags(), "-cp", self.classpath,
                "org.apache.kafka.connect.mirror.MirrorMaker", properties]

    def _start(self, topics: str) -> None:
        for node in self.brokers:
            self._format(node)
        for broker in self.brokers.values():
            broker.start()
        for node in self.brokers:
            self._wait_ready(node)
        for topic in filter(None, topics.split(",")):
            self._create_listed(topic)

    def _broker(self, name: str) -> Proc:
        path = self.folder / f"{name}.properties"
        path.write_text("".join(f"{k}={v}\n" for k, v in self._properties(name).items()))
        argv = self.hosts.argv(name, ["java", *self._heap, *jvm_flags(), "-cp", self.classpath, "kafka.Kafka", path])
        return Proc(f"broker-{name}", argv, self.folder, env=jvm_env(), start=False)

    def _cluster_of(self, node: str) -> str:
        return node.removesuffix("2")

    def _login_protocol(self) -> str:
        return "SASL_SSL" if self._tls else "SASL_PLAINTEXT"

    def _listeners(self, node: str) -> dict[str, tuple[str, str]]:
        """Name -> protocol and address."""
        found = {"PLAINTEXT": ("PLAINTEXT", self.bootstrap(node))}
        if node in self.names:
            found["CONTROLLER"] = ("PLAINTEXT", f"127.0.0.1:{self._voters[node]}")
        if self._users:
            found["LOGIN"] = (self._login_protocol(), f"127.0.0.1:{self._sasl_ports[node]}")
        if self._tls:
            found["CERTIFIED"] = ("SSL", self.certified(node))
        return found

    def _properties(self, node: str) -> dict[str, str]:
        listeners = self._listeners(node)
        copies = "2" if self._second == self._cluster_of(node) else "1"
        return {
            "process.roles": "broker,controller" if node in self.names else "broker",
            "node.id": "1" if node in self.names else "2",
            "controller.quorum.voters": f"1@127.0.0.1:{self._voters[self._cluster_of(node)]}",
            "listeners": ",".join(f"{name}://{address}" for name, (_, address) in listeners.items()),
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": ",".join(
                f"{name}:{protocol}" for name, (protocol, _) in {"CONTROLLER": ("PLAINTEXT", ""), **listeners}.items()),
            "log.dirs": str(self.data(node)),
            # As with the sandbox, nobody should depend on a topic made by accident.
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": copies,
            "offsets.topic.num.partitions": "5",
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "5",
            # A broker that was killed is let in again after this; Kafka's 9 s
            # are only waiting here.
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "500",
            # Tests write records that are years old.
            "log.retention.ms": "-1",
            # Members that were killed are missed sooner where a client asks for it.
            "group.min.session.timeout.ms": "500",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            **self._access(),
            **self._extra,
        }

    def _access(self) -> dict[str, str]:
        if not self._users:
            return {}
        users = " ".join(f'user_{name}="{password}"' for name, password in self._users.items())
        modules = "org.apache.kafka.common.security"
        return {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "true",
            "super.users": "User:ANONYMOUS",
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512" if self._tls else "PLAIN",
            "listener.name.login.plain.sasl.jaas.config": f"{modules}.plain.PlainLoginModule required {users};",
            "listener.name.login.scram-sha-512.sasl.jaas.config": f"{modules}.scram.ScramLoginModule required;",
            "listener.name.certified.ssl.client.auth": "required",
            **(self._tls.broker() if self._tls else {}),
        }

    def _format(self, name: str) -> None:
        """Formats once and copies from then on: a JVM's start is 2 CPU-seconds."""
        cluster_id = f"shunt-test-cluster---{self._cluster_of(name)}"  # 22 characters of base64
        scram = [f"--add-scram=SCRAM-SHA-512=[name={user},password={password}]"
                 for user, password in self._users.items() if self._tls and name in self.names]
        kind = f"formatted-{name}-{'-'.join(self._users)}" if scram else f"formatted-{name}"
        data, kept = self.data(name), kafka_jars.JARS / kind
        if kept.exists():
            shutil.copytree(kept, data)
            return
        run(["java", *jvm_flags(), "-cp", self.classpath, "kafka.tools.StorageTool",
             "format", "-t", cluster_id, "-c", self.folder / f"{name}.properties", *scram], START_S)
        half = kafka_jars.JARS / f"{kind}-{os.getpid()}"
        shutil.copytree(data, half)
        try:
            half.rename(kept)  # all or nothing
        except OSError:  # another run was quicker
            shutil.rmtree(half)

    def _wait_ready(self, name: str) -> None:
        self.brokers[name].wait_for(r"Kafka Server started", START_S)
        self.ktool("wait", self.bootstrap(name), int(START_S / 2))

    def _create_listed(self, item: str) -> None:
        """NAME:PARTITIONS on both, a/NAME:PARTITIONS on one."""
        name, partitions = item.rsplit(":", 1)
        cluster, _, topic = name.rpartition("/")
        for where in (cluster,) if cluster else self.names:
            self.create_topic(where, topic, int(partitions))


def start(kind: str, folder: Path, build: Path, topics: str | None = None,
          hosts: OneHost | None = None, **more: Any) -> Clusters:
    """`more`: what that kind's constructor takes besides."""
    if topics:
        more["topics"] = topics
    if kind == "embedded":
        return Embedded(folder, build, **more)
    if kind == "real":
        return RealKafka(folder, build, hosts=hosts, **more)
    raise ValueError(f"kind is \"embedded\" or \"real\", not {kind!r}")


def jvm_flags() -> list[str]:
    return ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", jvm_log()]


def jvm_log() -> str:
    return f"-Dlog4j2.configurationFile={ROOT / 'tests/kafka/log4j2.properties'}"


def jvm_env() -> dict[str, str]:
    # What a user's shell has set for his own JVMs must not change ours.
    return {name: "" for name in ("JAVA_TOOL_OPTIONS", "CLASSPATH") if name in os.environ}
