"""The source dies, and MirrorMaker 2 with it, before the newest records were copied. Readers know the last records that they have read, and
send their fingerprints; the mapper has what it read before, and the target."""

import ctypes
from typing import Any

from tests.bench.mapper_rows.env import Env

PRINTS = 64  # the last records that a reader has read: as many as a question may have

_xxhash = ctypes.CDLL("libxxhash.so.0")
_xxhash.XXH3_64bits.restype = ctypes.c_uint64
_xxhash.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]

Records = dict[int, tuple[int, bytes]]  # timestamp and value by offset; keys are null


def records(env: Env, cluster: str, topic: str) -> Records:
    found: Records = {}
    for line in env.clusters.ktool("dump", env.clusters.bootstrap(cluster), topic).splitlines():
        _partition, offset, timestamp, _key, value = line.split(" ")[:5]
        found[int(offset)] = int(timestamp), bytes.fromhex(value[1:])
    return found


def fingerprint(offset: int, record: tuple[int, bytes]) -> dict[str, Any]:
    timestamp, value = record
    return {"offset": offset, "timestamp": timestamp, "key": None, "value": f"{_xxhash.XXH3_64bits(value, len(value)):016x}",
            "length": len(value)}


def question(topic: str, position: int, log: Records) -> dict[str, Any]:
    read = [fingerprint(offset, log[offset]) for offset in range(max(0, position - PRINTS), position)]
    return {"topic": topic, "partition": 0, "offset": position, "fingerprints": read}
