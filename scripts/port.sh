#!/bin/sh
# Writes a program on librdkafka anew for libshunt: renames what sdk/PARITY.md
# has a counterpart for.  What stays to be done by hand: bootstrap.servers
# becomes cluster.code and route.service.
# usage: port.sh <before.c >after.c
set -eu
table=$(dirname "$0")/../sdk/PARITY.md
script=$(awk -F '|' '
    /^\| `rd_kafka_[A-Za-z_]*` \| `shunt_/ {
        gsub(/[` ]/, "", $2); gsub(/[` ]/, "", $3)
        print "s/\\b" $2 "\\b/" $3 "/g"
    }
    END {
        print "s/\\brd_kafka_(t|conf_t|queue_t|event_t|event_type_t)\\b/shunt_\\1/g"
        print "s,<librdkafka/rdkafka.h>,<shunt/shunt.h>,"
    }' "$table")
exec sed -E "$script"
