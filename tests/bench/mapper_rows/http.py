"""Questions over HTTP to a mapper that has all the runs, asked by wrk from the other core. Half of the positions are synced records, half lie
anywhere below one; each is of a partition drawn at random."""

import json
import random
from pathlib import Path
from typing import Any

from tests.bench.mapper_rows.env import Env, Mapper
from tests.bench.shared.env import median, rounds, stopwatch
from tests.bench.shared.wrk import load
from tests.bench.table import Row, row

BATCH = 1000
BODIES = {BATCH: 100, 1: 20000}
BATCHES_AT_ONCE = 4
CLIENTS = 16
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
    rate = load(f"{mapper.url}/v1/translate", BATCHES_AT_ONCE, seconds, lua).per_second
    return rate * BATCH * passed() / (mapper.cpu_s() - before)


def rows(env: Env, mapper: Mapper, samples: list[list[Any]]) -> list[Row]:
    n, seconds = (1, 1) if env.quick else (5, 2)
    many, one = script(env, samples, BATCH), script(env, samples, 1)
    batches, question, health = rounds(
        n, lambda _: per_cpu_second(mapper, many, seconds), lambda _: load(f"{mapper.url}/v1/translate", CLIENTS, seconds, one),
        lambda _: load(f"{mapper.url}/healthz", CLIENTS, seconds))
    what = f"single question, {CLIENTS} clients"
    return [
        row(f"HTTP batch of {BATCH} positions, for a second of CPU", median(batches, 0), "positions/s", env.known.get("translate"), PER_CORE,
            "at least", "value"),
        row(f"{what}, p99", median([f.p99_us for f in question], 0), "us", median([f.p99_us for f in health], 0), 1.5),
        row(f"{what}, answered", median([f.per_second for f in question], 0), "req/s", median([f.per_second for f in health], 0)),
    ]
