"""Questions over HTTP to a mapper that has all the runs, asked from the other core. Half of the positions are synced records, half lie anywhere
below one; each is of a partition drawn at random. Single questions come from 16 clients, each a thread that blocks until it has its answer
(askers), once with a pause between its questions and once without: then the mapper always has something to do, and what an answer takes is
what sixteen take of its time."""

import json
import random
from pathlib import Path
from typing import Any

from tests.bench.mapper_rows.env import Env, Mapper
from tests.bench.shared.env import CLIENT_CPU, median, rounds, stopwatch
from tests.bench.shared.wrk import load
from tests.bench.table import Row, row

BATCH = 1000
BODIES = {BATCH: 100, 1: 20000}
BATCHES_AT_ONCE = 4
CLIENTS = 16
PAUSE_US = 4000
TRANSLATE = "/v1/translate"
PER_CORE = 100000

LUA = """\
local requests, n = {}, 0
function init(args)
  wrk.headers["Content-Type"] = "application/json"
  for line in io.lines("FILE") do
    requests[#requests + 1] = wrk.format("POST", nil, nil, line)
  end
end
function request()
  n = n % #requests + 1
  return requests[n]
end
"""


def position(chance: random.Random, samples: list[list[Any]]) -> dict[str, Any]:
    topic, partition, up, _down = chance.choice(samples)
    return {"topic": topic, "partition": partition, "offset": up if chance.random() < 0.5 else chance.randrange(up)}


def script(env: Env, samples: list[list[Any]], size: int) -> Path:
    """A wrk script that asks for so many positions at a time."""
    chance = random.Random(size)
    bodies, lua = env.folder / f"bodies-of-{size}", env.folder / f"batch-of-{size}.lua"
    with open(bodies, "w", encoding="utf-8") as f:
        for _ in range(BODIES[size]):
            asked = {"from": "a", "to": "b", "positions": [position(chance, samples) for _ in range(size)]}
            f.write(json.dumps(asked, separators=(",", ":")) + "\n")
    lua.write_text(LUA.replace("FILE", str(bodies)))
    return lua


def per_cpu_second(mapper: Mapper, lua: Path, seconds: int) -> float:
    """Positions that are answered for one second of the mapper's CPU time."""
    before, passed = mapper.cpu_s(), stopwatch()
    rate = load(mapper.url + TRANSLATE, BATCHES_AT_ONCE, seconds, lua).per_second
    return rate * BATCH * passed() / (mapper.cpu_s() - before)


def asked(env: Env, mapper: Mapper, n: int, pause_us: int, path: str, *bodies: Path) -> dict[str, Any]:
    return env.tool("askers", mapper.url.removeprefix("http://"), CLIENTS, n, pause_us, path, *bodies, cpu=CLIENT_CPU)


def batch_row(env: Env, mapper: Mapper, lua: Path, n: int, seconds: int) -> Row:
    rates, = rounds(n, lambda _: per_cpu_second(mapper, lua, seconds))
    return row(f"HTTP batch of {BATCH} positions, for a second of CPU", median(rates, 0), "positions/s", env.known.get("translate"), PER_CORE,
               "at least", "value")


def single_rows(env: Env, mapper: Mapper, n: int, pause_us: int, what: str, limit: float | None) -> list[Row]:
    """n rounds, of a second and more."""
    bodies, each = env.folder / "bodies-of-1", 300 if pause_us else 3000
    ours, alive = rounds(n, lambda _: asked(env, mapper, each, pause_us, TRANSLATE, bodies),
                         lambda _: asked(env, mapper, each, pause_us, "/healthz"))

    def us(of: list[dict[str, Any]], key: str) -> float:
        return median([f[key] for f in of], 0)
    return [row(f"single question, {CLIENTS} clients, {what}, {key}", us(ours, f"{key}_us"), "us", us(alive, f"{key}_us"),
                limit if key == "p99" else None) for key in ("p99", "p50")]


def rate_row(mapper: Mapper, lua: Path, n: int, seconds: int) -> Row:
    ours, alive = rounds(n, lambda _: load(mapper.url + TRANSLATE, CLIENTS, seconds, lua).per_second,
                         lambda _: load(f"{mapper.url}/healthz", CLIENTS, seconds).per_second)
    return row("single questions, as many as one core answers (wrk)", median(ours, 0), "req/s", median(alive, 0))


def rows(env: Env, mapper: Mapper, samples: list[list[Any]]) -> list[Row]:
    n, seconds = (1, 1) if env.quick else (5, 2)
    many, one = script(env, samples, BATCH), script(env, samples, 1)
    return [batch_row(env, mapper, many, n, seconds),
            *single_rows(env, mapper, n, PAUSE_US, f"each every {PAUSE_US // 1000} ms", 1.5),
            *single_rows(env, mapper, n, 0, "each again at once", None), rate_row(mapper, one, n, seconds)]
