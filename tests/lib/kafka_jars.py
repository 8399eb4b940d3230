"""Apache Kafka's jars in build/kafka/jars, from Maven Central."""

import fcntl
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
POM = ROOT / "tests/kafka/pom.xml"
JARS = ROOT / "build/kafka/jars"
FETCH_S = 600


class Unreachable(Exception):
    """Real Kafka can't be had here; the text says why."""


def complete() -> bool:
    """The jars are there, for the pom.xml as it is now."""
    stamp = JARS / "complete"
    return stamp.exists() and stamp.read_text() == POM.read_text()


def ensure() -> Path:
    """The folder of the jars; fetches them the first time (54 MB)."""
    if complete():
        return JARS
    JARS.parent.mkdir(parents=True, exist_ok=True)
    with open(JARS.parent / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests that run side by side
        if not complete():
            _fetch()
    return JARS


def _fetch() -> None:
    shutil.rmtree(JARS, ignore_errors=True)
    try:
        done = subprocess.run(["mvn", "-q", "-B", "-Dstyle.color=never", "-f", str(POM),
                               "dependency:copy-dependencies", f"-DoutputDirectory={JARS}"],
                              capture_output=True, text=True, timeout=FETCH_S,
                              stdin=subprocess.DEVNULL, check=False)
    except FileNotFoundError:
        raise Unreachable("mvn is not installed: run `make deps`") from None
    except subprocess.TimeoutExpired:
        raise Unreachable(f"Maven Central did not answer within {FETCH_S} s") from None
    if done.returncode:
        first = next((line for line in done.stdout.splitlines() if "ERROR" in line), "")
        if "Could not find artifact" in done.stdout:  # it answered: our mistake
            raise RuntimeError(f"{POM}: {first.strip()}")
        raise Unreachable(f"Apache Kafka can't be fetched from Maven Central: {first.strip()}")
    (JARS / "complete").write_text(POM.read_text())
