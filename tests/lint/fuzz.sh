#!/bin/sh
# The fuzz targets compile: they are built by `make fuzz` only, which few run at
# every change.
set -u
bad=0
flags=$(pkg-config --cflags libevent jansson)
for c in tests/fuzz/*.c; do
    # shellcheck disable=SC2086  # flags are words
    ${CC:-cc} -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -I. $flags \
        -fsyntax-only "$c" || bad=1
done
exit $bad
