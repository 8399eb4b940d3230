"""Child processes that can't outlive their test.

Each has a process group and a log file of its own.  Whatever ends the test
(return, exception, Ctrl-C, SIGTERM) ends them; and should the test be killed
with -9, the kernel kills them (PR_SET_PDEATHSIG; it watches the thread that
started them, so start them from the main thread)."""

import atexit
import ctypes
import os
import random
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import IO, Sequence

from .wait import DEADLINE_S, Timeout, wait_until

PR_SET_PDEATHSIG = 1
TAIL_LINES = 15

_libc = ctypes.CDLL(None, use_errno=True)
_started: list["Proc"] = []
_given: set[int] = set()  # ports


class ProcError(AssertionError):
    """A process ended, or did not start, when it should not have."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses, another one each time.

    Below the range from which the kernel serves "any port": a server that is
    killed and started again must find its port unused, and a client that goes
    on dialling it must not be handed that very port and connect to itself."""
    for _ in range(1000):
        port = random.randint(15000, 32000)
        if port in _given:
            continue
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            _given.add(port)
            return port
    raise ProcError("no free port between 15000 and 32000 on 127.0.0.1")


def port_in_use(port: int) -> bool:
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0


class Proc:
    """A program that runs.  `argv[0]` is its path; `folder` gets NAME.log.

    `start=False`: made only, for start() later.  A second start() after it
    has ended appends to the same log; wait_for() looks at what was written
    since the last start."""

    def __init__(self, name: str, argv: Sequence[object], folder: Path,
                 env: dict[str, str] | None = None, start: bool = True,
                 stdout: Path | None = None) -> None:
        self.name = name
        self.argv = [str(a) for a in argv]
        self.log = folder / f"{name}.log"
        self._env = {**os.environ, **(env or {})}
        self._stdout = stdout
        self._popen: subprocess.Popen[bytes] | None = None
        self._from = 0
        if start:
            self.start()

    def start(self) -> None:
        if self.alive:
            raise ProcError(f"{self.name} is running already")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._from = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "ab") as log:
            out: IO[bytes] = open(self._stdout, "ab") if self._stdout else log
            try:
                self._popen = subprocess.Popen(
                    self.argv, stdin=subprocess.PIPE, stdout=out, stderr=log,
                    env=self._env, start_new_session=True, preexec_fn=_die_with_parent)
            except OSError as why:
                raise ProcError(f"{self.name}: can't start {self.argv[0]}: {why}") from why
            finally:
                if self._stdout:
                    out.close()
        if self not in _started:
            _started.append(self)

    @property
    def pid(self) -> int:
        assert self._popen, f"{self.name} was never started"
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs."""
        return self._popen.poll() if self._popen else None

    @property
    def alive(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def text(self) -> str:
        """The log since the last start."""
        with open(self.log, "rb") as f:
            f.seek(self._from)
            return f.read().decode(errors="replace")

    def tail(self) -> str:
        return "\n".join(self.text().splitlines()[-TAIL_LINES:])

    def wait_for(self, pattern: str, deadline_s: float = DEADLINE_S) -> re.Match[str]:
        """The first match in the log; fails at once when the program ends."""
        def look() -> re.Match[str] | None | bool:
            ended = not self.alive  # before reading: its last words count
            return re.search(pattern, self.text()) or ended
        try:
            found = wait_until(look, deadline_s, f"{self.name}: /{pattern}/ in {self.log}")
        except Timeout as why:
            raise Timeout(f"{why}\n{self.tail()}") from None
        if isinstance(found, re.Match):
            return found
        raise ProcError(f"{self.name} ended with {self.returncode} before /{pattern}/:\n"
                        f"{self.tail()}")

    def wait(self, deadline_s: float = 30) -> int:
        """Waits for its end; the exit code (negative: the signal)."""
        assert self._popen, f"{self.name} was never started"
        try:
            return self._popen.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise Timeout(f"{self.name} has not ended within {deadline_s:g} s:\n"
                          f"{self.tail()}") from None

    def send(self, line: str) -> None:
        """A line to its stdin."""
        assert self._popen and self._popen.stdin
        self._popen.stdin.write(line.encode() + b"\n")
        self._popen.stdin.flush()

    def kill(self) -> None:
        """kill -9, its children included; returns when it is gone."""
        self._signal(signal.SIGKILL)
        self._reap()

    def ask_to_end(self) -> None:
        """SIGTERM, and nothing is waited for."""
        self._signal(signal.SIGTERM)

    def terminate(self, deadline_s: float = DEADLINE_S) -> int:
        """SIGTERM, and the exit code; fails if it has not ended in time."""
        self._signal(signal.SIGTERM)
        code = self.wait(deadline_s)
        self._reap()
        return code

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def end(self, deadline_s: float = 5) -> None:
        """Gone for sure: politely first."""
        if self.alive:
            try:
                self.terminate(deadline_s)
            except Timeout:
                pass
        self.kill()

    def _signal(self, number: int) -> None:
        # An unreaped leader keeps its group's number from being used again.
        if self._popen and self._popen.returncode is None:
            try:
                os.killpg(self._popen.pid, number)
            except ProcessLookupError:
                pass

    def _reap(self) -> None:
        if not self._popen:
            return
        self._popen.wait()
        if self._popen.stdin:
            try:
                self._popen.stdin.close()
            except BrokenPipeError:
                pass


def run(argv: Sequence[object], deadline_s: float = 30) -> str:
    """Runs a short command; its stdout.  Fails with its stderr."""
    words = [str(a) for a in argv]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=deadline_s,
                              stdin=subprocess.DEVNULL, check=False,
                              preexec_fn=_die_with_parent)
    except (OSError, subprocess.TimeoutExpired) as why:
        raise ProcError(f"{' '.join(words)}: {why}") from why
    if done.returncode:
        raise ProcError(f"{' '.join(words)}: exit code {done.returncode}: "
                        f"{done.stderr.strip()}")
    return done.stdout


def end_all() -> None:
    """Ends everything that was started, the newest first."""
    for proc in reversed(_started):
        proc.kill()
    _started.clear()


def _die_with_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored where a shell started the tests in the background
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _exit_on_signal(number: int, _frame: object) -> None:
    sys.exit(128 + number)  # runs `finally` and atexit


atexit.register(end_all)
signal.signal(signal.SIGTERM, _exit_on_signal)
signal.signal(signal.SIGHUP, _exit_on_signal)
