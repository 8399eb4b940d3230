"""A network for each process: namespaces behind one bridge.

The test itself must run in a namespace of its own (enter()); everything is gone
when it ends, because each namespace only lives as long as the process that
holds it, and that dies with the test."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Sequence

from tests.lib.hosts import OneHost
from tests.lib.procs import Proc, run
from tests.lib.wait import wait_until

INSIDE = "SHUNT_CHAOS_INSIDE"
NET = "10.231.77"
SLOW_NETEM = ("netem", "delay", "60ms", "40ms", "loss", "3%")
SLOW_BUCKET = ("tbf", "rate", "400kbit", "burst", "8kb", "latency", "400ms")


def possible() -> bool:
    """Are we root, and does the kernel do it?"""
    try:
        return os.geteuid() == 0 and subprocess.run(
            ["unshare", "-n", "ip", "link", "add", "br0", "type", "bridge"],
            capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def enter() -> None:
    """Starts this program again, in a network namespace."""
    if INSIDE not in os.environ:
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "-n", "--", sys.executable, *sys.argv])


class Namespaces(OneHost):
    def __init__(self, names: Sequence[str], folder: Path) -> None:
        self._number = {name: i + 2 for i, name in enumerate(names)}
        run(["ip", "link", "set", "lo", "up"])
        run(["ip", "link", "add", "br0", "type", "bridge"])
        run(["ip", "addr", "add", f"{NET}.1/24", "dev", "br0"])
        run(["ip", "link", "set", "br0", "up"])
        self._holders = {name: self._make(name, folder) for name in names}
        self.netem = self._has_netem()

    def address(self, host: str) -> str:
        return f"{NET}.{self._number[host]}"

    def argv(self, host: str, argv: Sequence[object]) -> list[object]:
        if host not in self._holders:
            return list(argv)
        return [*self._enter(host), *argv]

    def cut(self, host: str) -> None:
        """Nothing comes through any more, and nobody is told."""
        self._port(host, "state", "0")

    def slow(self, host: str) -> None:
        shape = SLOW_NETEM if self.netem else SLOW_BUCKET
        run(["tc", "qdisc", "replace", "dev", self._link(host), "root", *shape])
        run([*self._enter(host), "tc", "qdisc", "replace", "dev", "eth0", "root", *shape])

    def mend(self, host: str) -> None:
        self._port(host, "state", "3")
        for where in ([], self._enter(host)):
            dev = "eth0" if where else self._link(host)
            subprocess.run([*map(str, where), "tc", "qdisc", "del", "dev", dev, "root"],
                           capture_output=True, check=False)  # there may be none

    def stop(self) -> None:
        for holder in self._holders.values():
            holder.kill()

    def _make(self, name: str, folder: Path) -> Proc:
        holder = Proc(f"net-{name}", ["unshare", "-n", "sleep", "infinity"], folder)
        mine = os.readlink("/proc/self/ns/net")
        wait_until(lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != mine, 10,
                   f"namespace of {name}")
        link = self._link(name)
        run(["ip", "link", "add", link, "type", "veth", "peer", "name", "eth0",
             "netns", holder.pid])
        run(["ip", "link", "set", link, "master", "br0", "up"])
        inside = ["nsenter", f"--net=/proc/{holder.pid}/ns/net", "--", "ip"]
        run([*inside, "link", "set", "lo", "up"])
        run([*inside, "addr", "add", f"{self.address(name)}/24", "dev", "eth0"])
        run([*inside, "link", "set", "eth0", "up"])
        return holder

    def _enter(self, host: str) -> list[object]:
        return ["nsenter", f"--net=/proc/{self._holders[host].pid}/ns/net", "--"]

    def _link(self, host: str) -> str:
        return f"to-{self._number[host]}"

    def _port(self, host: str, *words: str) -> None:
        run(["bridge", "link", "set", "dev", self._link(host), *words])

    def _has_netem(self) -> bool:
        link = self._link(next(iter(self._number)))
        argv = ["tc", "qdisc", "add", "dev", link, "root", "netem", "delay", "1ms"]
        there = subprocess.run(argv, capture_output=True, check=False).returncode == 0
        if there:
            run(["tc", "qdisc", "del", "dev", link, "root"])
        return there
