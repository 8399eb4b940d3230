#!/bin/sh
# Includes point down only (docs/architecture.md), and each foreign library is
# included by as few files as can be.
set -u
bad=0

# deny FOLDER REGEX: no file below FOLDER includes a header that matches.
deny() {
    [ -d "$1" ] || return 0
    if grep -rnE --include='*.[ch]' "^# *include [<\"]($2)" "$1"; then
        echo "    ^ $1 may not see this"
        bad=1
    fi
}

# only REGEX FILE...: nobody but these files includes a header that matches.
only() {
    regex=$1
    shift
    hits=$(grep -rlE --include='*.[ch]' "^# *include [<\"]($regex)" \
        common route-service offset-mapper sdk replicator ctl)
    for f in $hits; do
        case " $* " in
        *" $f "*) ;;
        *)
            grep -nE "^# *include [<\"]($regex)" "$f" /dev/null
            echo "    ^ only $* may include this"
            bad=1
            ;;
        esac
    done
}

parts='route-service/|offset-mapper/|replicator/|ctl/|sdk/|shunt/|tests/'
kafka='librdkafka/|common/kafka/'
deny common/base "event2/|librdkafka/|lmdb|curl/|common/(mm2|proto|net|kafka)/|$parts"
deny common/mm2 "event2/|librdkafka/|lmdb|curl/|jansson|common/(proto|net|kafka)/|$parts"
deny common/proto "event2/|librdkafka/|lmdb|curl/|jansson|common/(mm2|net|kafka)/|$parts"
deny common/net "librdkafka/|lmdb|jansson|common/(kafka|mm2|proto)/|$parts"
deny common/kafka "event2/|lmdb|curl/|jansson|common/(net|mm2|proto)/|$parts"
deny route-service "$kafka|event2/|curl/|jansson|offset-mapper/|replicator/|ctl/|sdk/|shunt/|tests/"
deny offset-mapper "event2/|curl/|jansson|route-service/|replicator/|ctl/|sdk/|shunt/|tests/"
deny replicator "lmdb|event2/|curl/|jansson|common/proto/|route-service/|offset-mapper/|ctl/|sdk/|shunt/|tests/"
deny ctl "$kafka|lmdb|event2/|curl/|jansson|common/(mm2|net/(loop|http_server))|route-service/|offset-mapper/|replicator/|sdk/|shunt/|tests/"
deny sdk "lmdb|event2/|curl/|jansson|common/(mm2|net/(loop|http_server))|route-service/|offset-mapper/|replicator/|ctl/|tests/"
deny examples 'common/|sdk/src/|route-service/|offset-mapper/'

only 'jansson' common/base/js.c
only 'curl/' common/net/http_client.c
only 'lmdb' route-service/store.c offset-mapper/store_impl.h
only 'pcre2' replicator/pattern.c
only 'http_parser' common/net/http_impl.h
only 'zookeeper/' route-service/zk.c
only 'xxhash' common/proto/fingerprint.c route-service/match.c route-service/digest.c route-service/map.c offset-mapper/block.c offset-mapper/store_parts.c
exit $bad
