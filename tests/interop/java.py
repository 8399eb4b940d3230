"""Java's clients of MirrorMaker 2 (Ask.java), compiled once into build/interop."""

import hashlib
import os
import shutil
from pathlib import Path
from typing import Sequence

from tests.lib import kafka_jars
from tests.lib.clusters import ROOT, jvm_env, jvm_flags
from tests.lib.procs import run

SOURCE = Path(__file__).parent / "Ask.java"
COMPILE_S, ASK_S = 120, 120
Offsets = dict[tuple[str, int], tuple[int, bytes]]  # by topic and partition: position, metadata


def classes() -> Path:
    """Where the compiled program is."""
    digest = hashlib.sha256(SOURCE.read_bytes() + kafka_jars.POM.read_bytes()).hexdigest()[:16]
    done = ROOT / "build/interop" / digest
    if not done.exists():
        half = done.with_name(f"{digest}-{os.getpid()}")
        half.mkdir(parents=True)
        run(["javac", "-encoding", "UTF-8", "-cp", f"{kafka_jars.ensure()}/*", "-d", half, SOURCE], COMPILE_S)
        try:
            half.rename(done)  # all or nothing
        except OSError:  # another run was quicker
            shutil.rmtree(half)
    return done


def ask(bootstrap: str, questions: Sequence[str], **properties: str) -> dict[str, list[str]]:
    """The lines that each question is answered with; `properties` with _ for dots."""
    words: list[str] = [bootstrap, *(f"{k.replace('_', '.')}={v}" for k, v in properties.items())]
    for question in questions:
        words += ["--", *question.split()]
    # Names of groups in UTF-8, whatever the shell has set.
    env = ["LC_ALL=C.UTF-8", *(f"{k}={v}" for k, v in jvm_env().items())]
    said = run(["env", *env, "java", *jvm_flags(), "-cp", f"{classes()}:{kafka_jars.ensure()}/*", "Ask", *words], ASK_S)
    answers: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in said.splitlines():
        if line.startswith("? "):
            lines = answers[line[2:]] = []
        elif line.startswith("= "):
            lines.append(line[2:])
    return answers


def offsets(lines: list[str]) -> Offsets:
    found: Offsets = {}
    for line in lines:
        topic, partition, position, metadata = line.split()
        found[topic, int(partition)] = int(position), bytes.fromhex(metadata[1:])
    return found
