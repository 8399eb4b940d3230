"""Real ZooKeeper, Debian's, on loopback: one node or an ensemble of three.

    zk = ZooKeeper(folder, nodes=3)
    zk.connect              "127.0.0.1:P1,127.0.0.1:P2,127.0.0.1:P3"
    zk.kill(zk.leader())
    zk.start(0)
    zk.end()

A node serves 0.4 s after its start, an ensemble after 1.3 s; no ZooKeeper's own scripts, which sleep."""

import socket
from pathlib import Path

from .procs import Proc, free_port
from .wait import wait_until

JAR = Path("/usr/share/java/zookeeper.jar")
START_S = 30.0

CONF = """\
tickTime=1000
initLimit=10
syncLimit=5
dataDir={data}
clientPort={port}
clientPortAddress=127.0.0.1
admin.enableServer=false
4lw.commands.whitelist=*
maxClientCnxns=0
"""


class ZooKeeper:
    """Started and serving when made. `start=False`: made only."""

    def __init__(self, folder: Path, nodes: int = 1, start: bool = True) -> None:
        if not JAR.exists():
            raise AssertionError(f"{JAR} is missing: make deps installs Debian's zookeeper")
        self.ports = [free_port() for _ in range(nodes)]
        peers = "".join(f"server.{i + 1}=127.0.0.1:{free_port()}:{free_port()}\n" for i in range(nodes)) if nodes > 1 else ""
        self.procs = [self._node(folder, i, peers) for i in range(nodes)]
        if start:
            self.start()

    @property
    def connect(self) -> str:
        return ",".join(f"127.0.0.1:{port}" for port in self.ports)

    def start(self, *nodes: int) -> None:
        """These nodes, or all; returns when they serve."""
        for i in nodes or range(len(self.procs)):
            self.procs[i].start()
        self.wait_serving(*nodes)

    def wait_serving(self, *nodes: int, deadline_s: float = START_S) -> None:
        for i in nodes or range(len(self.procs)):
            wait_until(lambda i=i: self.mode(i), deadline_s, f"ZooKeeper node {i} serves")  # type: ignore[misc]

    def mode(self, node: int) -> str | None:
        """leader, follower, standalone; None while it does not serve."""
        for line in self.ask(node, "srvr").splitlines():
            if line.startswith("Mode: "):
                return line.removeprefix("Mode: ").strip()
        return None

    def leader(self, deadline_s: float = START_S) -> int:
        """The node that leads now."""
        def look() -> list[int]:
            return [i for i, proc in enumerate(self.procs) if proc.alive and self.mode(i) in ("leader", "standalone")]
        return wait_until(look, deadline_s, "ZooKeeper has a leader")[0]

    def ask(self, node: int, word: str) -> str:
        """A four letter word; "" from a node that is not there."""
        try:
            with socket.create_connection(("127.0.0.1", self.ports[node]), timeout=2) as s:
                s.sendall(word.encode())
                return b"".join(iter(lambda: s.recv(65536), b"")).decode(errors="replace")
        except OSError:
            return ""

    def kill(self, *nodes: int) -> None:
        """kill -9, these or all."""
        for i in nodes or range(len(self.procs)):
            self.procs[i].kill()

    def end(self) -> None:
        for proc in self.procs:
            proc.end()

    def _node(self, folder: Path, i: int, peers: str) -> Proc:
        data = folder / f"zookeeper-{i + 1}"
        data.mkdir(parents=True)
        (data / "myid").write_text(f"{i + 1}\n")
        conf = data / "zoo.cfg"
        conf.write_text(CONF.format(data=data, port=self.ports[i]) + peers)
        return Proc(f"zookeeper-{i + 1}", [
            "java", "-Xmx256m", "-XX:+UseSerialGC", "-Dzookeeper.admin.enableServer=false", "-cp", JAR,
            "org.apache.zookeeper.server.quorum.QuorumPeerMain", conf], folder, start=False)
