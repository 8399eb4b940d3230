/*
 * What a cluster itself says of a consumer group, and how it is told: commits
 * and members.  Every call blocks, at most until its deadline: not for a loop.
 *
 * No group admin call of librdkafka is used: they can abort the process.  The
 * handle has the group's id and never subscribes, so it is no member.
 */
#ifndef SHUNT_OFFSET_GROUP_KAFKA_H
#define SHUNT_OFFSET_GROUP_KAFKA_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/proto/route.h"

struct group_commit {
    char *topic;
    int32_t partition;
    int64_t offset;
    char *metadata; /* "" when there is none */
    int error;      /* of group_commits_write(): 0, or ERR_* */
    char *text;     /* why; NULL without an error */
};

/* By topic and partition. */
struct group_commits {
    struct group_commit *v;
    size_t n;
};

struct group_session;

/* `deadline_ms` (clock_mono_ms) is that of every call of the session.
 * ERR_INVALID: a cluster property that librdkafka refuses. */
MUST_CHECK int group_session_open(const struct pt_cluster *cluster,
                                  const char *group, int64_t deadline_ms,
                                  struct group_session **out, struct err *err);
/* From now on another one. */
void group_session_deadline(struct group_session *s, int64_t deadline_ms);
void group_session_close(struct group_session *s); /* NULL allowed */

/* What the group has committed, of every topic that the cluster shows us.
 * ERR_UNAVAILABLE: it does not answer; ERR_DENIED; ERR_KAFKA. */
MUST_CHECK int group_commits_read(struct group_session *s,
                                  struct group_commits *out, struct err *err);
/* How many members the group has; -1: the cluster cannot tell, and `err` has
 * why (the return value is 0 then, too). */
MUST_CHECK int group_members_count(struct group_session *s, int64_t *members,
                                   struct err *err);
/* Raises offsets below the start of their log to it: what is not there any
 * more cannot be read, and an offset out of range would be reset to wherever
 * the application says.  Those of logs that do not tell are left. */
MUST_CHECK int group_commits_raise(struct group_session *s,
                                   struct group_commits *commits,
                                   struct err *err);
/* Commits them as nobody's member: a broker refuses that while the group has
 * members.  0 when it was tried; then `error` of each says what came of it.
 * ERR_TIMEOUT: no answer, they may have been written or not. */
MUST_CHECK int group_commits_write(struct group_session *s,
                                   struct group_commits *commits,
                                   struct err *err);

/* Borrowed; NULL when it is not there. */
const struct group_commit *group_commits_find(const struct group_commits *c,
                                              const char *topic,
                                              int32_t partition);
/* In the order of arrival; `group_commits_sort` before a find. */
void group_commits_add(struct group_commits *c, const char *topic,
                       int32_t partition, int64_t offset, const char *metadata);
void group_commits_sort(struct group_commits *c);
void group_commits_fini(struct group_commits *c);

#endif
