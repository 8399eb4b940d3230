#!/bin/sh
# Every header compiles alone, and every .c file includes its own one first.
set -u
bad=0
flags=$(pkg-config --cflags rdkafka libevent libcurl jansson lmdb)
for h in $(git ls-files --cached --others --exclude-standard '*.h'); do
    [ -f "$h" ] || continue
    # shellcheck disable=SC2086  # flags are words
    ${CC:-cc} -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -I. -Isdk/include \
        $flags -fsyntax-only -x c "$h" || {
        echo "$h: does not compile alone"
        bad=1
    }
done
for c in $(git ls-files --cached --others --exclude-standard '*.c'); do
    own=${c%.c}.h
    [ -f "$own" ] || continue
    [ -f "$c" ] || continue
    first=$(grep -m1 -n '^# *include' "$c")
    case $first in
    *"\"$own\""*) ;;
    *)
        echo "$c:$first: its own header \"$own\" comes first"
        bad=1
        ;;
    esac
done
# The public header is C++ too.
echo '#include <shunt/shunt.h>' | c++ -x c++ -Isdk/include -fsyntax-only - || bad=1
exit $bad
