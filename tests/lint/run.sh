#!/bin/sh
# All lints; ends with "N passed, N failed".  usage: run.sh BUILD
set -u
build=${1:-build/release}
passed=0 failed=0
for lint in format.sh layers.sh headers.sh length.py options.sh symbols.sh parity.sh fuzz.sh shell.sh; do
    if out=$("tests/lint/$lint" "$build" 2>&1); then
        passed=$((passed + 1))
        printf 'ok    %s  %s\n' "$lint" "$(printf '%s' "$out" | tail -n 1)"
    else
        failed=$((failed + 1))
        printf 'FAIL  %s\n%s\n' "$lint" "$out"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
