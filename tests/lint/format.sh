#!/bin/sh
# Every C file is as clang-format would write it.
set -u
bad=0
for f in $(git ls-files --cached --others --exclude-standard '*.c' '*.h'); do
    [ -f "$f" ] || continue
    clang-format --dry-run -Werror "$f" 2>&1 | grep -E 'error:|warning:' && bad=1
done
exit $bad
