"""A network that can be cut: a network namespace of its own behind a veth pair.  Needs root and iproute2."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess
import threading
from typing import Callable

CLONE_NEWNET = 0x40000000


class Unable(Exception):
    """This machine doesn't let us."""


def ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unable(f"ip {' '.join(words)}: {done.stderr.strip()}")


class Cable:
    """`near` is an address of this side; sockets made by connect() stand on the other.  After cut() nothing that they
    send arrives any more, not even an acknowledgement, and nobody is told."""

    def __init__(self) -> None:
        if os.geteuid() or not shutil.which("ip"):
            raise Unable("needs root and the program ip")
        number = os.getpid() % 16000
        self.name = f"shunt{number}"
        self.near = f"10.251.{number // 64}.{number % 64 * 4 + 1}"
        far = f"10.251.{number // 64}.{number % 64 * 4 + 2}"
        ip("netns", "add", self.name)
        try:
            ip("link", "add", f"{self.name}n", "type", "veth", "peer", "name", f"{self.name}f", "netns", self.name)
            ip("addr", "add", f"{self.near}/30", "dev", f"{self.name}n")
            ip("link", "set", f"{self.name}n", "up")
            ip("-n", self.name, "addr", "add", f"{far}/30", "dev", f"{self.name}f")
            ip("-n", self.name, "link", "set", f"{self.name}f", "up")
        except Unable:
            self.remove()
            raise

    def connect(self, port: int, timeout_s: float) -> socket.socket:
        return self._beyond(lambda: socket.create_connection((self.near, port), timeout_s))

    def cut(self) -> None:
        ip("-n", self.name, "route", "add", "blackhole", f"{self.near}/32")

    def remove(self) -> None:
        subprocess.run(["ip", "link", "del", f"{self.name}n"], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True, check=False)

    def _beyond(self, make: Callable[[], socket.socket]) -> socket.socket:
        """Runs it on a thread that stands in the namespace: a socket stays where it was made."""
        made: list[socket.socket | BaseException] = []

        def run() -> None:
            try:
                with open(f"/run/netns/{self.name}", "rb") as space:
                    if ctypes.CDLL(None, use_errno=True).setns(space.fileno(), CLONE_NEWNET):
                        raise OSError(ctypes.get_errno(), "setns")
                made.append(make())
            except BaseException as why:  # handed to the caller
                made.append(why)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        if isinstance(made[0], BaseException):
            raise made[0]
        return made[0]
