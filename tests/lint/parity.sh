#!/bin/sh
# sdk/PARITY.md tells of every function of librdkafka's header and of every one
# of ours, once, and promises nothing that is not there.
set -u
table=sdk/PARITY.md
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# complain WORDS <LIST: one line for each name.
complain() {
    while read -r name; do
        echo "$table: $name $*"
        : >"$tmp/bad"
    done
}

# Declarations, one a line; the name of each.
# shellcheck disable=SC2046  # flags are words
${CC:-cc} -E -P $(pkg-config --cflags rdkafka) -include librdkafka/rdkafka.h \
    -x c /dev/null | tr '\n' ' ' | tr ';' '\n' |
    grep -v '^ *typedef' | grep -E '\brd_kafka_[A-Za-z0-9_]+ *\(' >"$tmp/declarations"
grep -oE '\brd_kafka_[A-Za-z0-9_]+ *\(' "$tmp/declarations" | tr -d ' (' | sort >"$tmp/theirs"
[ "$(wc -l <"$tmp/theirs")" -gt 300 ] || echo rdkafka.h | complain 'cannot be read'

# What the table says: FUNCTION, COUNTERPART, NOTE, separated by tabs.
awk -F '|' '
    /^\| `rd_kafka_/ {
        gsub(/[` ]/, "", $2); gsub(/`/, "", $3)
        gsub(/^ +| +$/, "", $3); gsub(/^ +| +$/, "", $4)
        n = split($2, names, ",")
        for (i = 1; i <= n; i++) print names[i] "\t" $3 "\t" $4
    }' "$table" >"$tmp/rows"
awk -F '|' '/^\| `shunt_/ { gsub(/[` ]/, "", $2); print $2 }' "$table" >"$tmp/only"

cut -f 1 "$tmp/rows" | sort >"$tmp/told"
uniq -d "$tmp/told" | complain 'stands twice'
sort -u "$tmp/told" | comm -13 - "$tmp/theirs" | complain 'is missing'
sort -u "$tmp/told" | comm -23 - "$tmp/theirs" | complain 'is not in librdkafka'"'"'s header'

awk -F '\t' '$2 != "as it is" && $2 != "none" && $2 !~ /^shunt_[a-z_]+$/ { print $1 }' "$tmp/rows" |
    complain 'has neither a counterpart, nor "as it is", nor "none"'
awk -F '\t' '$2 == "none" && length($3) < 20 { print $1 }' "$tmp/rows" |
    complain 'has no counterpart, and no reason is given'

# A value's function takes no handle; where it does, the row says what to pass.
awk -F '\t' '$2 == "as it is" && $3 == "" { print $1 }' "$tmp/rows" | while read -r name; do
    grep -E "\b$name *\(.*\brd_kafka_(|conf_|queue_)t *\*" "$tmp/declarations" >/dev/null && echo "$name"
done | complain 'takes a handle: "as it is" needs a word on what to pass'

# Ours: each is a counterpart or only Shunt's, and each is exported and declared.
awk -F '\t' '$2 ~ /^shunt_/ { print $2 }' "$tmp/rows" | sort >"$tmp/counterparts"
uniq -d "$tmp/counterparts" | complain 'is the counterpart of two'
sort "$tmp/only" | uniq -d | complain 'stands twice'
sort -u "$tmp/only" | comm -12 - "$tmp/counterparts" | complain 'is a counterpart, not only Shunt'"'"'s'
sort -u "$tmp/counterparts" "$tmp/only" >"$tmp/ours"
sort sdk/symbols.txt >"$tmp/symbols"
comm -13 "$tmp/ours" "$tmp/symbols" | complain 'is exported, the table does not tell of it'
comm -23 "$tmp/ours" "$tmp/symbols" | complain 'is promised, sdk/symbols.txt does not have it'
while read -r name; do
    grep -qE "\b$name\(" sdk/include/shunt/*.h || echo "$name"
done <"$tmp/symbols" | complain 'is not declared in sdk/include/shunt'
# A namesake that does something else is told of in the row of librdkafka's.
while read -r name; do
    theirs=rd_kafka_${name#shunt_}
    grep -qx "$theirs" "$tmp/theirs" || continue
    grep -E "^$theirs	" "$tmp/rows" | grep -qw "$name" || echo "$name"
done <"$tmp/ours" | complain 'has a namesake in librdkafka, whose row does not say so'
echo "$(wc -l <"$tmp/theirs") functions of librdkafka, $(wc -l <"$tmp/counterparts") counterparts, $(wc -l <"$tmp/only") only here"
[ ! -e "$tmp/bad" ]
