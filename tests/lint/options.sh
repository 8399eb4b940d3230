#!/bin/sh
# docs/options.md and docs/sdk-options.md are what the option tables say.
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
exit $bad
