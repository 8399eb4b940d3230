"""wrk, Debian's: requests over and over on kept connections, each sent when the one before is answered."""

import re
from pathlib import Path
from typing import NamedTuple

from tests.bench.shared.env import CLIENT_CPU, on_cpu
from tests.lib import procs

UNITS = {"us": 1, "ms": 1000, "s": 1000000}


class Load(NamedTuple):
    per_second: float
    p99_us: float


def load(url: str, connections: int, seconds: int, lua: Path | None = None) -> Load:
    script: list[object] = ["-s", lua] if lua else []
    out = procs.run(on_cpu(CLIENT_CPU, ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", *script, url]), seconds + 20)
    if "Non-2xx" in out or "Socket errors" in out:
        raise AssertionError(f"{url}: {out}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    p99 = re.search(r"^\s+99%\s+([\d.]+)(us|ms|s)$", out, re.M)
    if not rate or not p99:
        raise AssertionError(f"wrk said: {out}")
    return Load(float(rate[1]), float(p99[1]) * UNITS[p99[2]])
