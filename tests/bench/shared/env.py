"""What benches share: a folder, processes on cores of their own, and figures of a process."""

import json
import os
import shutil
import statistics
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator, TypeVar

from tests.lib import procs
from tests.lib.procs import Proc

ROOT = Path(__file__).resolve().parents[3]
SERVER_CPU, CLIENT_CPU = 0, 1
START_S = 30.0
MEMORY = Path("/dev/shm")
# A broker's heap with room for what it throws away during a part: with 384 MB it collects 10 ms long each 0.7 s at
# 1,000 records/s, which are 1.4 % of them.
ROOMY = ("-Xmx1500m", "-Xmn1200m")

E = TypeVar("E", bound="Env")


class Env:
    """Everything of one part of a run; `with` ends and removes it."""

    def __init__(self, bench: str, part: str, build: str, quick: bool) -> None:
        self.build = (ROOT / build).resolve()
        self.quick = quick
        self.folder = ROOT / "build/run" / f"bench-{bench}-{part}-{os.getpid()}"
        self.folder.mkdir(parents=True)
        self._procs: list[Proc] = []

    def __enter__(self: E) -> E:
        return self

    def __exit__(self, kind: object, _value: object, _trace: object) -> None:
        self.end_all()
        if kind is None:
            shutil.rmtree(self.folder)
        else:
            print(f"kept for you: {self.folder}", flush=True)

    def spawn(self, name: str, argv: list[object], cpu: int | None = None, **more: Any) -> Proc:
        proc = Proc(name, on_cpu(cpu, argv), self.folder, **more)
        self._procs.append(proc)
        return proc

    def end(self, *ended: Proc) -> None:
        for proc in ended:
            proc.end()
            self._procs.remove(proc)

    def end_all(self) -> None:
        for proc in reversed(self._procs):
            proc.end()
        self._procs.clear()

    def tool(self, name: str, *words: object, cpu: int | None = None, deadline_s: float = 120) -> dict[str, Any]:
        """A tool that ends by itself and prints JSON."""
        return json.loads(procs.run(on_cpu(cpu, [self.build / "bin" / name, *words]), deadline_s))


@contextmanager
def memory_folder(need_bytes: int) -> Iterator[Path | None]:
    """A folder that no disk is behind, removed in the end; None where there is no room for it."""
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < need_bytes:
        print(f"no {need_bytes >> 20} MB in {MEMORY}: logs are on the disk, and figures with its write-back", flush=True)
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="shunt-bench-", dir=MEMORY) as folder:
        yield Path(folder)


def on_cpu(cpu: int | None, argv: list[object]) -> list[object]:
    return argv if cpu is None else ["taskset", "-c", str(cpu), *argv]


def move_to_cpu(pid: int, cpu: int) -> None:
    """All threads of a process that runs, and those that they will start."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {cpu})


def median(values: list[float], digits: int = 1) -> float:
    return round(statistics.median(values), digits)


def rss_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"no VmRSS of process {pid}")


def cpu_s(pid: int) -> float:
    """What all its threads have used, from the scheduler's own nanoseconds."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def rounds(n: int, *ways: Callable[[int], Any]) -> list[list[Any]]:
    """Each way measured in turn, n times: what disturbs the machine for a while disturbs all of them."""
    return [list(values) for values in zip(*([way(i) for way in ways] for i in range(n)))]


def stopwatch() -> Callable[[], float]:
    start = time.monotonic()
    return lambda: time.monotonic() - start
