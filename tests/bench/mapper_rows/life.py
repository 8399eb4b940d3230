"""What goes on while the mapper is asked: a stream of records, and a group that follows it at its tail."""

import threading
import time

from tests.bench.mapper_rows.env import Env
from tests.lib.procs import Proc
from tests.lib.wait import wait_until

STEP_S = 0.05


def coded(value: bytes) -> str:
    return f"x{value.hex()}"


class Stream:
    """A writer to partition 0 of a topic of a; the value of a record is its number."""

    def __init__(self, env: Env, topic: str) -> None:
        self.env, self.topic = env, topic
        self.sent = 0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._writer: Proc = env.spawn(f"writer-{topic}", [env.build / "bin/ktool", "write", env.clusters.a, topic])

    def send(self, n: int) -> None:
        self._writer.send("\n".join(f"0 0 - {coded(b'%d' % i)}" for i in range(self.sent, self.sent + n)))
        self.sent += n

    def wait_written(self) -> None:
        wait_until(lambda: self.end() >= self.sent, 60, f"{self.sent} records stand in {self.topic}")

    def end(self) -> int:
        return self.env.clusters.ends("a", self.topic)[0]

    def flow(self, per_second: int) -> None:
        """From now on, until halt()."""
        def run() -> None:
            due = time.monotonic()
            while not self._stopping.wait(max(0.0, due - time.monotonic())):
                self.send(round(per_second * STEP_S))
                due += STEP_S
        self._thread = threading.Thread(target=run)
        self._thread.start()

    def halt(self) -> None:
        self._stopping.set()
        if self._thread:
            self._thread.join()


class TailGroup:
    """A group on a that commits the end of the topic again and again: a reader that has nothing left to read."""

    def __init__(self, env: Env, stream: Stream, group: str) -> None:
        self.env, self.stream, self.group = env, stream, group
        self.at = 0  # committed last
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    def halt(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(0.1):
            end = self.stream.end()
            commit(self.env, "a", self.group, self.stream.topic, end)
            self.at = end


def commit(env: Env, cluster: str, group: str, topic: str, offset: int) -> None:
    env.clusters.ktool("commit", env.clusters.bootstrap(cluster), group, topic, 0, offset, "bench")
