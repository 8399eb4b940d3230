#!/bin/sh
# docs/options.md is what the programs' option tables say.
set -u
build=${1:-build/release}
tmp=$(mktemp) || exit 1
trap 'rm -f "$tmp"' EXIT
sh scripts/options-md.sh "$build" >"$tmp" || exit 1
diff -u docs/options.md "$tmp" && exit 0
echo "docs/options.md differs from the option tables; \`make docs\` writes it anew"
exit 1
