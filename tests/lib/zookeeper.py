"""Real ZooKeeper servers, from Debian's jar, as plain java processes.

    zk = ZooKeeper(folder, nodes=3)     # starts them, waits until they serve
    zk.connect                          # "127.0.0.1:23001,127.0.0.1:23002,..."
    zk.leader().kill()                  # as tests/lib/procs.py does it

Each has its own ports and its own folder; they end with the test."""

import socket
from pathlib import Path

from .procs import Proc, free_port
from .wait import wait_until

JAR = Path("/usr/share/java/zookeeper.jar")
MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
JAVA = ["java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
        "-Dzookeeper.admin.enableServer=false", "-cp", str(JAR), MAIN]
START_S = 60


def four_letters(port: int, word: str, timeout_s: float = 2) -> str:
    """What a server answers to "srvr", "ruok", ..."""
    with socket.create_connection(("127.0.0.1", port), timeout_s) as s:
        s.sendall(word.encode())
        answer = b""
        while chunk := s.recv(65536):
            answer += chunk
    return answer.decode()


class Node(Proc):
    """One server."""

    def __init__(self, name: str, port: int, folder: Path, config: Path) -> None:
        super().__init__(name, [*JAVA, config], folder, start=False)
        self.port = port

    @property
    def mode(self) -> str:
        """leader, follower, standalone; "" while it does not serve."""
        try:
            lines = four_letters(self.port, "srvr").splitlines()
        except OSError:
            return ""
        modes = [line[len("Mode: "):] for line in lines if line.startswith("Mode: ")]
        return modes[0] if modes else ""


class ZooKeeper:
    """One server, or an ensemble of three."""

    def __init__(self, folder: Path, nodes: int = 1, tick_ms: int = 500) -> None:
        self.folder = folder
        self.ports = [free_port() for _ in range(nodes)]
        self._peers = [(free_port(), free_port()) for _ in range(nodes)] if nodes > 1 else []
        self.nodes = [self._node(i, tick_ms) for i in range(nodes)]
        self.start()

    @property
    def connect(self) -> str:
        return ",".join(f"127.0.0.1:{port}" for port in self.ports)

    def _node(self, i: int, tick_ms: int) -> Node:
        data = self.folder / f"zk{i + 1}"
        data.mkdir(parents=True)
        lines = [f"tickTime={tick_ms}", f"dataDir={data}", f"clientPort={self.ports[i]}",
                 "clientPortAddress=127.0.0.1", "admin.enableServer=false", "4lw.commands.whitelist=*",
                 "maxClientCnxns=0", "minSessionTimeout=1000", "initLimit=20", "syncLimit=10"]
        for n, (peer, election) in enumerate(self._peers, 1):
            lines.append(f"server.{n}=127.0.0.1:{peer}:{election}")
        (data / "myid").write_text(str(i + 1), encoding="utf-8")
        config = self.folder / f"zk{i + 1}.cfg"
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return Node(f"zookeeper{i + 1}", self.ports[i], self.folder, config)

    def start(self) -> None:
        """Starts those that don't run, and waits until all serve."""
        for node in self.nodes:
            if not node.alive:
                node.start()
        self.wait_serving(len(self.nodes))

    def wait_serving(self, count: int) -> None:
        wait_until(lambda: sum(1 for n in self.nodes if n.alive and n.mode) >= count, START_S,
                   f"{count} ZooKeeper servers to serve; see {self.folder}")

    def leader(self) -> Node:
        """The one that decides (or the only one)."""
        def look() -> Node | None:
            return next((n for n in self.nodes if n.alive and n.mode in ("leader", "standalone")), None)
        found = wait_until(look, START_S, "a ZooKeeper leader")
        assert found
        return found

    def stop(self) -> None:
        """All of them, at once."""
        for node in self.nodes:
            node.kill()

    def pause(self) -> None:
        for node in self.nodes:
            node.pause()

    def resume(self) -> None:
        for node in self.nodes:
            node.resume()
