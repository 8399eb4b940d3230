"""An HTTP program of ours as a process of one's own, what it says of itself, and connections driven by hand."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import tempfile
import sys
import time
import unittest
from pathlib import Path
from typing import Any, Callable, Sequence

from .procs import Proc, free_port
from .rest import call
from .wait import DEADLINE_S, wait_until

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("SHUNT_BUILD", ROOT / "build/release"))
START_S = DEADLINE_S
ANSWER_S = DEADLINE_S


class Program:
    """`options` by name, "." written "_".  `under`: words before the program (prlimit and the like)."""

    program = ""  # its file below BUILD/bin

    def __init__(self, folder: Path, data: Path | None = None, under: Sequence[object] = (),
                 env: dict[str, str] | None = None, host: str = "127.0.0.1", **options: object) -> None:
        self.port = free_port()
        self.address = (host, self.port)
        self.url = f"http://{host}:{self.port}"
        self.data = data or folder / "data"
        words: list[object] = [*under, BUILD / "bin" / self.program, "--listen", f"{host}:{self.port}", "--data.dir", self.data]
        for name, value in options.items():
            words += ["--" + name.replace("_", "."), value]
        self.proc = Proc(self.program, words, folder, env=env, start=False)
        self.start()

    def start(self) -> None:
        self.proc.start()
        self.proc.wait_for(r"ready: \S+", START_S)

    def get(self, path: str) -> Any:
        return call(self.url + path, timeout_s=ANSWER_S)

    def post(self, path: str, body: Any) -> Any:
        return call(self.url + path, body, timeout_s=ANSWER_S)

    def metric(self, name: str, **labels: str) -> float:
        """Sum of the samples with these labels; fails when the name is unknown."""
        with socket.create_connection(self.address, ANSWER_S) as s:
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            text = b"".join(iter(lambda: s.recv(65536), b"")).decode()
        assert re.search(rf"^{name}[ {{]", text, re.M), f"there is no metric {name}"
        total = 0.0
        for have, value in re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", text, re.M):
            if all(f'{k}="{v}"' in have for k, v in labels.items()):
                total += float(value)
        return total

    def memory_kb(self) -> int:
        """What it holds in memory now."""
        status = Path(f"/proc/{self.proc.pid}/status").read_text(encoding="utf-8")
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found
        return int(found[1])

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.proc.pid}/fd"))

    def said(self, pattern: str) -> bool:
        return re.search(pattern, self.proc.text()) is not None


def request(method: str, path: str, body: Any = None, *headers: str) -> bytes:
    """A whole request as bytes; a body that is not bytes is written as JSON."""
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: x", *headers]
    if body is not None:
        lines.append(f"Content-Length: {len(content)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def error(self) -> dict[str, Any]:
        """Its error object; every refusal must have one."""
        error = json.loads(self.body)["error"]
        assert error["code"] and error["message"], error
        return error

    def __repr__(self) -> str:
        return f"{self.status} {self.body[:200]!r}"


class Wire:
    """One connection, driven by hand; reads answers in order, then the events of a stream."""

    def __init__(self, address: tuple[str, int], s: socket.socket | None = None) -> None:
        self.socket = s or socket.create_connection(address, ANSWER_S)
        self.socket.settimeout(ANSWER_S)
        self.got = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def ask(self, method: str, path: str, body: Any = None, *headers: str) -> Answer:
        self.send(request(method, path, body, *headers))
        return self.answer()

    def _more(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise EOFError(f"closed after {self.got[-200:]!r}")
        self.got += data

    def until(self, mark: bytes) -> bytes:
        while mark not in self.got:
            self._more()
        found, self.got = self.got.split(mark, 1)
        return found

    def answer(self) -> Answer:
        head = self.until(b"\r\n\r\n").decode()
        status, *lines = head.split("\r\n")
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        while len(self.got) < length:
            self._more()
        body, self.got = self.got[:length], self.got[length:]
        return Answer(int(status.split()[1]), headers, body)

    def closed(self, deadline_s: float = ANSWER_S) -> bytes:
        """Reads until the server has closed; what came until then."""
        self.socket.settimeout(deadline_s)
        try:
            while True:
                self._more()
        except (EOFError, ConnectionResetError):
            return self.got

    def drop(self) -> None:
        self.socket.close()


def folder_for(cleanup: Callable[..., Any]) -> Path:
    """A folder that goes when `cleanup` (addCleanup, addClassCleanup) is run."""
    path = Path(tempfile.mkdtemp(prefix="shunt-test-"))
    cleanup(shutil.rmtree, path, ignore_errors=True)
    return path


def eventually(predicate: Callable[[], Any], what: str, deadline_s: float = DEADLINE_S) -> Any:
    return wait_until(predicate, deadline_s, what)


class Stopwatch:
    def __init__(self) -> None:
        self._from = time.monotonic()

    def s(self) -> float:
        return time.monotonic() - self._from


def main() -> int:
    """Runs the TestCases of the program, or those named in its words."""
    load = unittest.defaultTestLoader
    here = sys.modules["__main__"]
    names = sys.argv[1:]
    suite = load.loadTestsFromNames(names, here) if names else load.loadTestsFromModule(here)
    result = unittest.TextTestRunner(verbosity=2 if names else 1, stream=sys.stdout).run(suite)
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed, {len(result.skipped)} skipped")
    return 1 if failed else 0
