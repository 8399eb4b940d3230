"""What failed, in few words: of a program's output each failed test's name and its last lines.

    python3 tests/lib/failures.py FILE

prints that of a whole output; where tests/check.py has said it already (between BEGIN and END), the same again."""

import re
import sys
from pathlib import Path

BEGIN, END = "---- what failed ----", "---- that is what failed ----"
LINES, TESTS, WIDTH = 15, 10, 1000  # of one test, of one program, of one line
IN_ALL = 300  # lines of all programs together

# A failed test begins, and whatever ends what it said: the next one, or the tally.
FAILED = re.compile(r"failed\s+(test_\w+)"                     # tests/lib/series.py, selftest.py
                    r"|(story\w+) failed"                      # tests/stories
                    r"|(?:FAIL|ERROR): (test_\w+.*)"           # unittest
                    r"|FAIL\s+(\S+)"                           # lints, fuzz targets
                    r"|\S+:\d+:[FE]:[^:]*:(\w+:\d+):")         # Check
TALLY = re.compile(r"\d+%: Checks: |\d+ passed, \d+ failed")
OTHER = re.compile(r"(?:passed|skipped)\s+test_|story\w+ (?:passed|skipped)|ok\s|\S+:\d+:P:|={60,}$|-{60,}$|" + TALLY.pattern)
# A sanitizer's report is written before the test is said to have failed, or instead.
REPORT = re.compile(r"==\d+==\s*ERROR|WARNING: ThreadSanitizer|.*: runtime error: ")


def _name(line: str) -> str:
    """Of the test that this line says failed; empty: it does not."""
    found = FAILED.match(line)
    return next(filter(None, found.groups())) if found else ""


def _blocks(lines: list[str]) -> list[tuple[str, list[str]]]:
    blocks: list[tuple[str, list[str]]] = []
    inside = False
    for i, line in enumerate(lines):
        name = _name(line)
        if name:
            blocks.append((name, [line]))
            inside = True
        elif line.startswith("---") and _name(lines[i - 1]):
            continue  # unittest underlines it
        elif OTHER.match(line):
            inside = False
        elif inside:
            blocks[-1][1].append(line)
    return blocks


def _shortened(lines: list[str]) -> list[str]:
    """The first line, which names it, and the last ones."""
    said = [line.rstrip()[:WIDTH] for line in lines if line.strip()]
    return said if len(said) <= LINES else [said[0], "..."] + said[2 - LINES:]


def of_output(output: str, program: str = "") -> list[str]:
    """Lines to print; `output` is that of a program that failed."""
    lines = output.splitlines()
    if BEGIN in lines and END in lines:
        return lines[lines.index(BEGIN) + 1:lines.index(END)]
    blocks = _blocks(lines)
    report = next((i for i, line in enumerate(lines) if REPORT.match(line)), -1)
    if report >= 0:
        blocks.insert(0, ("sanitizer", lines[report:report + LINES]))
    if not blocks or not any(map(TALLY.match, lines)):  # it did not come to its end
        blocks += [("its last lines", [line for line in lines if line.strip()][-LINES:])]
    where = program + ": " if program else ""
    result = []
    for name, said in blocks[:TESTS]:
        result += [f"{where}{name}"] + [f"    {line}" for line in _shortened(said)]
    if len(blocks) > TESTS:
        result.append(f"{where}and {len(blocks) - TESTS} more")
    return result


if __name__ == "__main__":
    print("\n".join(of_output(Path(sys.argv[1]).read_text(errors="replace"))))
