#!/bin/sh
# Every shell script of the tree, read by shellcheck.
set -u
files=$(git ls-files --cached --others --exclude-standard '*.sh' .ci/run)
# shellcheck disable=SC2086  # one word a file
exec shellcheck $files
