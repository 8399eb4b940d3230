#!/usr/bin/env python3
"""Fetches Apache Kafka for the tests into build/kafka/jars.

Exit code 0: there (without a network call if it was already); 77: Maven
Central can't be reached, tests that need it are to be skipped."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.lib import kafka_jars  # noqa: E402


def main() -> int:
    try:
        print(kafka_jars.ensure())
    except kafka_jars.Unreachable as why:
        print(why, file=sys.stderr)
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
