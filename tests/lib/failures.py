"""What failed, in few words: of a program's output each failed test's name and its last lines.

    python3 tests/lib/failures.py FILE

prints that of a whole output; where tests/check.py has said it already (between BEGIN and END), the same again."""

import re
import sys
from pathlib import Path

BEGIN, END = "---- what failed ----", "---- that is what failed ----"
LINES, TESTS, WIDTH = 2, 10, 240  # of one test beside its name, of one program, of one line
IN_ALL = 120  # lines of all programs together

# A failed test begins, and whatever ends what it said: the next one, or the tally.
FAILED = re.compile(r"failed\s+(t(?:est)?_\w+)"                # tests/lib/series.py, selftest.py
                    r"|(story\w+) failed"                      # tests/stories
                    r"|(?:FAIL|ERROR): (test_\w+.*)"           # unittest
                    r"|FAIL\s+(\S+)"                           # lints, fuzz targets
                    r"|\S+:\d+:[FE]:[^:]*:(\w+:\d+):")         # Check
TALLY = re.compile(r"\d+%: Checks: |\d+ passed, \d+ failed")
OTHER = re.compile(r"(?:passed|skipped)\s+t(?:est)?_|story\w+ (?:passed|skipped)|ok\s|\S+:\d+:P:|={60,}$|-{60,}$|" + TALLY.pattern)
# A sanitizer's report is written before the test is said to have failed, or instead.
REPORT = re.compile(r"==\d+==\s*ERROR|WARNING: ThreadSanitizer|.*: runtime error: ")
# What says most of a failed test: its assertion, else the exception that ended it.
ASSERTION = re.compile(r"\s*\S+:\d+:[FE]:")
EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Timeout|Failure|Unreachable|Expired)\b")
RULE = re.compile(r"[-=]{60,}$")


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
        elif line.startswith("---") and (_name(lines[i - 1]) or _name(lines[i - 2])):
            continue  # unittest underlines it, and what the test says of itself
        elif OTHER.match(line):
            inside = False
        elif inside:
            blocks[-1][1].append(line)
    return blocks


def _gist(lines: list[str]) -> list[str]:
    """Of what a failed test said: the lines that tell most."""
    said = [line.strip() for line in lines if line.strip() and not RULE.match(line)]
    for telling in (ASSERTION, EXCEPTION):
        found = [line for line in said if telling.match(line)]
        if found:
            return found[-LINES:]
    return said[-LINES:]


def of_output(output: str, program: str = "") -> list[str]:
    """Lines to print; `output` is that of a program that failed."""
    lines = output.splitlines()
    if BEGIN in lines and END in lines:
        return lines[lines.index(BEGIN) + 1:lines.index(END)]
    blocks = _blocks(lines)
    report = next((i for i, line in enumerate(lines) if REPORT.match(line)), -1)
    if report >= 0:
        summary = [line for line in lines[report + 1:] if line.startswith("SUMMARY: ")][:1]
        blocks.insert(0, ("sanitizer", [lines[report], *(summary or lines[report + 1:report + 2])]))
    if not blocks or not any(map(TALLY.match, lines)):  # it did not come to its end
        blocks.append(("its last lines", [line for line in lines if line.strip() and not OTHER.match(line)][-LINES:]))
    where = program + ": " if program else ""
    result = []
    for name, said in blocks[:TESTS]:
        result += [f"{where}{name}"] + [f"    {line[:WIDTH]}" for line in _gist(said)]
    if len(blocks) > TESTS:
        result.append(f"{where}and {len(blocks) - TESTS} more")
    return result


if __name__ == "__main__":
    print("\n".join(of_output(Path(sys.argv[1]).read_text(errors="replace"))))
