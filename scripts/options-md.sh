#!/bin/sh
# Prints docs/options.md from the option tables of the programs in BUILD/bin.
# usage: options-md.sh BUILD
set -eu
build=$1
cat <<'E'
# Options

Written by `make docs` from the option tables. On the command line: `--KEY VALUE` or `--KEY=VALUE`; in a file given with
`--config`: `KEY = VALUE`, `#` begins a comment. Properties of libshunt: [sdk-options.md](sdk-options.md).
E
for program in shunt-route shunt-offset shunt-replicator shuntctl shunt-sandbox; do
    echo
    echo "## $program"
    echo
    "$build/bin/$program" --help-options
done
