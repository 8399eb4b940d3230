#!/usr/bin/env python3
"""shunt-offset on real brokers beside real MirrorMaker 2, judged by what stands in the topics.

    python3 tests/mapper/test_mapper_real.py [NAME...]

Ends with "N passed, N failed, N skipped".  The tests (real/*.py) share three brokers (lab.py), run in the order of
their files, and each uses topics of its own."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.lib import series  # noqa: E402
from tests.mapper.lab import Lab  # noqa: E402
from tests.mapper.real import anew, answers, following, groups, hard, verifying  # noqa: E402

if __name__ == "__main__":
    tests = {}
    for module in (following, answers, groups, anew, hard, verifying):
        tests.update(series.named(vars(module), sys.argv[1:]))
    sys.exit(series.run_all(tests, Lab, Lab.stop))
