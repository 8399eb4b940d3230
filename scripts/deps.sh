#!/bin/sh
# Installs the Debian packages that a target needs and that are missing.
# usage: deps.sh build|check [--print]
# Says exactly what it would install; stops when it may not.
set -eu

build='gcc libc6-dev binutils pkg-config librdkafka-dev libevent-dev
    libcurl4-openssl-dev libjansson-dev liblmdb-dev libpcre2-dev libmimalloc-dev uthash-dev
    libhttp-parser-dev libssl-dev libxxhash-dev libzookeeper-mt-dev python3'
check="$build g++ check clang-format universal-ctags shellcheck
    openjdk-17-jdk-headless maven kcat zookeeper nginx-light wrk clang
    libclang-rt-14-dev"

case ${1-} in
build) wanted=$build ;;
check) wanted=$check ;;
*)
    echo "usage: $0 build|check [--print]" >&2
    exit 2
    ;;
esac

missing=
for p in $wanted; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) || status=
    [ "$status" = installed ] || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

command="apt-get install -y --no-install-recommends$missing"
if [ "${2-}" = --print ]; then
    echo "$command"
    exit 0
fi
if [ "$(id -u)" -eq 0 ]; then
    sudo=
elif sudo -n true 2>/dev/null; then
    sudo=sudo
else
    echo "missing packages. Run this as root, then make again:" >&2
    echo "    $command" >&2
    exit 1
fi
echo "installing with apt:$missing"
$sudo apt-get update -qq
# shellcheck disable=SC2086  # one word a package
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq \
    --no-install-recommends $missing >/dev/null
