#!/bin/sh
# Prints docs/replication.md with the tables of keys as the program in BUILD/bin
# has them.
# usage: replication-md.sh BUILD
set -eu
build=$1
sed '/^<!-- tables -->$/q' docs/replication.md
"$build/bin/shunt-replicator" --help-keys
sed -n '/^<!-- end of tables -->$/,$p' docs/replication.md
