#!/bin/sh
# docs/options.md, docs/sdk-options.md and the tables in docs/replication.md are
# what the option tables say.
set -u
build=${1:-build/release}
bad=0
tmp=$(mktemp) || exit 1
trap 'rm -f "$tmp"' EXIT

# same FILE COMMAND...: the command prints the file.
same() {
    file=$1
    shift
    "$@" >"$tmp" || {
        bad=1
        return
    }
    diff -u "$file" "$tmp" && return
    echo "$file differs from the option tables; \`make docs\` writes it anew"
    bad=1
}

same docs/options.md sh scripts/options-md.sh "$build"
same docs/sdk-options.md "$build/bin/sdk-options"
same docs/replication.md sh scripts/replication-md.sh "$build"
exit $bad
