#!/bin/sh
# libshunt exports just what sdk/symbols.txt lists, and the header declares it.
set -u
build=${1:-build/release}
bad=0

# exported NM-FLAG LIBRARY
exported() {
    nm "$1" --defined-only "$2" 2>/dev/null | awk '$2 ~ /[TDBR]/ {print $3}' | sort
}

exported -D "$build/lib/libshunt.so" | diff sdk/symbols.txt - || {
    echo "libshunt.so and sdk/symbols.txt differ (< listed, > exported)"
    bad=1
}
exported -g "$build/lib/libshunt.a" | diff sdk/symbols.txt - || {
    echo "libshunt.a and sdk/symbols.txt differ (< listed, > exported)"
    bad=1
}
while read -r s; do
    grep -qw "$s" sdk/include/shunt/*.h || {
        echo "sdk/symbols.txt: $s is not declared in sdk/include/shunt"
        bad=1
    }
done <sdk/symbols.txt
exit $bad
