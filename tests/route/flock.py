"""Thousands of watchers in one thread: opened, kept, counted; those that are turned away come back as the SDK would."""

from __future__ import annotations

import errno
import random
import re
import selectors
import socket
import time
from typing import Callable

from .server import watch_request

RETRY_MAX_S = 1.0  # without Retry-After: full jitter below this
STATUS = re.compile(rb"^HTTP/1\.\d (\d+)")
RETRY_AFTER = re.compile(rb"(?i)\r\nRetry-After: (\d+)\r\n")


class Member:
    """One watcher.  It is open (subscribed), waiting for its answer, or waiting until `again`."""

    def __init__(self, number: int, code: str) -> None:
        self.number = number
        self.code = code
        self.socket: socket.socket | None = None
        self.out = b""
        self.got = b""
        self.open = False
        self.again = 0.0
        self.events = 0


class Flock:
    """`turns`: run as often as the loop turns.  All times are monotonic seconds."""

    def __init__(self, address: tuple[str, int], n: int, code: str) -> None:
        self.address = address
        self.members = [Member(i, code) for i in range(n)]
        self.poll = selectors.DefaultSelector()
        self.refused = 0
        self.random = random.Random(n)

    def count(self) -> int:
        return sum(m.open for m in self.members)

    def run(self, until: Callable[[], bool], deadline_s: float) -> bool:
        """Turns until the condition holds; False: the deadline came first."""
        end = time.monotonic() + deadline_s
        while not until():
            if time.monotonic() > end:
                return False
            self._turn()
        return True

    def close(self) -> None:
        for m in self.members:
            self._drop(m, 1e9)
        self.poll.close()

    def _turn(self) -> None:
        now = time.monotonic()
        started = 0
        for m in self.members:
            if m.socket is None and m.again <= now and started < 500:
                self._connect(m)
                started += 1
        for key, events in self.poll.select(0.02):
            m = key.data
            if events & selectors.EVENT_WRITE:
                self._write(m)
            if m.socket and events & selectors.EVENT_READ:
                self._read(m)

    def _connect(self, m: Member) -> None:
        s = socket.socket()
        s.setblocking(False)
        m.socket, m.got, m.out = s, b"", watch_request(f"flock-{m.number}", m.code)
        code = s.connect_ex(self.address)
        self.poll.register(s, selectors.EVENT_WRITE | selectors.EVENT_READ, m)
        if code not in (0, errno.EINPROGRESS):
            self._retry(m)

    def _write(self, m: Member) -> None:
        assert m.socket
        try:
            m.out = m.out[m.socket.send(m.out):]
        except BlockingIOError:
            return
        except OSError:
            self._retry(m)
            return
        if not m.out:
            self.poll.modify(m.socket, selectors.EVENT_READ, m)

    def _read(self, m: Member) -> None:
        assert m.socket
        try:
            data = m.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._retry(m)
            return
        m.got += data
        if not m.open and (status := STATUS.match(m.got)) and b"\r\n\r\n" in m.got:
            self._answered(m, int(status[1]))
        if m.open:
            m.events += m.got.count(b"event: route")
            m.got = m.got[-11:]  # a mark may be cut in two

    def _answered(self, m: Member, status: int) -> None:
        if status == 200:
            m.open = True
            return
        assert status == 503, m.got
        self.refused += 1
        self._retry(m)

    def _retry(self, m: Member) -> None:
        after = RETRY_AFTER.search(m.got)
        wait_s = float(after[1]) if after and not m.open else 0.0
        self._drop(m, time.monotonic() + wait_s + self.random.uniform(0, RETRY_MAX_S))

    def _drop(self, m: Member, again: float) -> None:
        if m.socket:
            self.poll.unregister(m.socket)
            m.socket.close()
        m.socket, m.open, m.again = None, False, again
