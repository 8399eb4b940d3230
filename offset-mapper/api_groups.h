/*
 * What api_groups.c (requests and their course) and api_groups_json.c (bodies)
 * share.
 */
#ifndef SHUNT_OFFSET_API_GROUPS_H
#define SHUNT_OFFSET_API_GROUPS_H

#include "common/proto/offset.h"
#include "offset-mapper/groups.h"
#include "offset-mapper/land.h"

/* Which streams: all of the topic with partition -1. */
struct group_pick {
    char *topic;
    int32_t partition;
};

/* POST /v1/groups/{group}/land. */
struct land_request {
    char *from, *to;
    bool dry_run, backwards, verify;
    int64_t wait_ms;
    struct group_pick *picks; /* none: all */
    size_t n_picks;
    struct group given; /* positions that came with it */
    size_t n_given;
};

/* ERR_INVALID with field and value, ERR_LIMIT. */
MUST_CHECK int land_request_decode(const struct json_t *j,
                                   struct land_request *out, struct err *err);
void land_request_fini(struct land_request *r);
bool land_request_picks(const struct land_request *r,
                        const struct group_stream *s);

/* Streams with a position, in the order of `a`, and where they go on on the
 * target; `v` has an entry for each stream. */
struct group_mapped {
    const struct group_stream **streams;
    struct po_translated *v; /* PO_NONE where nothing was asked */
    size_t n;
};

struct json_t *group_encode(const char *group, const char *from, const char *to,
                            const struct group_answer *a,
                            const struct group_mapped *m);
struct json_t *land_encode(const struct land *l, const char *from,
                           const struct group_answer *a,
                           const struct group_mapped *m);

#endif
