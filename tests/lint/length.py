#!/usr/bin/env python3
"""No function over 100 lines, the 95th percentile at most 60, no file over 800."""
import re
import subprocess
import sys

MAX_FUNCTION, MAX_P95, MAX_FILE = 100, 60, 800

files = [
    f
    for f in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.c", "*.h"],
        capture_output=True, text=True, check=True,
    ).stdout.split()
]
bad = False
for path in files:
    with open(path, encoding="utf-8") as text:
        count = sum(1 for _ in text)
    if count > MAX_FILE:
        print(f"{path}:{count}: the file has {count} lines (max {MAX_FILE})")
        bad = True

tags = subprocess.run(
    ["ctags", "--c-kinds=f", "--fields=+ne", "--language-force=C", "-f", "-", "--sort=no", *files],
    capture_output=True, text=True, check=True,
).stdout
lengths = []
for row in tags.splitlines():
    name, path = row.split("\t")[:2]
    line, end = re.search(r"\bline:(\d+)", row), re.search(r"\bend:(\d+)", row)
    if row.startswith("!") or not (line and end):
        continue
    length = int(end[1]) - int(line[1]) + 1
    lengths.append(length)
    if length > MAX_FUNCTION:
        print(f"{path}:{line[1]}: {name}() has {length} lines (max {MAX_FUNCTION})")
        bad = True
lengths.sort()
median = lengths[len(lengths) // 2]
p95 = lengths[int(0.95 * (len(lengths) - 1))]
print(f"{len(files)} files, {len(lengths)} functions, median {median}, p95 {p95}, longest {lengths[-1]}")
sys.exit(bad or p95 > MAX_P95)
