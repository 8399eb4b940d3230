"""MirrorMaker 2's own translation: its checkpoints topic, read as RemoteClusterUtils.translateOffsets() reads it: the newest record of each group
and partition is the answer."""

import struct
from typing import NamedTuple

from tests.bench.mapper_rows.env import Env


class Checkpoint(NamedTuple):
    upstream: int
    downstream: int


Newest = dict[tuple[str, str], Checkpoint]  # by group and topic there, partition 0


def _string(data: bytes, at: int) -> tuple[str, int]:
    size, = struct.unpack_from(">h", data, at)
    return data[at + 2:at + 2 + size].decode(), at + 2 + size


def decode(key: bytes, value: bytes) -> tuple[str, str, int, Checkpoint]:
    """Group, topic, partition, offsets: a version in the value, then both offsets (mm2.md section 1.3)."""
    group, at = _string(key, 0)
    topic, at = _string(key, at)
    partition, = struct.unpack_from(">i", key, at)
    _version, upstream, downstream = struct.unpack_from(">hqq", value, 0)
    return group, topic, partition, Checkpoint(upstream, downstream)


def newest(env: Env, source: str, target: str) -> Newest:
    found: Newest = {}
    for line in env.clusters.ktool("dump", env.clusters.bootstrap(target), f"{source}.checkpoints.internal").splitlines():
        _partition, _offset, _timestamp, key, value = line.split(" ")[:5]
        group, topic, partition, checkpoint = decode(bytes.fromhex(key[1:]), bytes.fromhex(value[1:]))
        if partition == 0:
            found[group, topic] = checkpoint
    return found
